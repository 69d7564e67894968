"""``neurosim doctor``: what is installed, what the machine has, what each backend needs."""

from __future__ import annotations

import os
import platform
import sys
import warnings
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

PACKAGES = (
    "neurosim-snn", "numpy", "numba", "llvmlite", "scipy", "sympy", "h5py", "matplotlib",
    "networkx", "pint", "psutil", "platformdirs", "rich", "tqdm", "typer",
)  # fmt: skip
"""What neurosim needs."""

EXTRAS = {"analysis": ("elephant", "neo", "quantities", "xarray"), "tutorials": ("marimo",)}
"""Extra -> distributions it brings, beside backends."""

BACKENDS = {
    "cpu": (),
    "brian2": ("brian2",),
    "nest": ("nest-simulator",),
    "nir": ("nir",),
    "pynn": ("pyNN",),
    "torch": ("norse", "snntorch", "torch"),
}
"""Target -> distributions it needs; the extra that brings them has the same name."""


def show(console: Console) -> None:
    """Print the whole diagnosis."""
    for heading, rows in (
        ("Python and packages", _packages()),
        ("Machine", _machine()),
        ("Backends", _backends()),
        ("Extras", _extras()),
    ):
        console.print(f"[bold]{heading}[/bold]")
        for name, value in rows:
            # Whole lines, so that what is to be typed can be copied.
            console.print(f"  {name:<16}{value}", markup=False, soft_wrap=True)
        console.print()


def _packages() -> Iterator[tuple[str, str]]:
    yield "python", f"{platform.python_version()} ({sys.executable})"
    for name in PACKAGES:
        yield name, version_of(name) or "MISSING: reinstall neurosim-snn"


def _machine() -> Iterator[tuple[str, str]]:
    import psutil

    yield "system", f"{platform.system()} {platform.release()}, {platform.machine()}"
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    yield "cores", f"{usable} usable of {os.cpu_count()}"
    memory = psutil.virtual_memory()
    yield "memory", f"{memory.available / 1e9:.1f} GB free of {memory.total / 1e9:.1f} GB"
    yield from _cache()


def _cache() -> Iterator[tuple[str, str]]:
    """Tell where compiled kernels are kept, and whether they outlive the process."""
    import platformdirs

    from neurosim.kernels.cache import cache_directory

    wanted = os.environ.get("NEUROSIM_CACHE_DIR") or platformdirs.user_cache_dir(
        "neurosim", appauthor=False
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # said below, in the table
        used = cache_directory()
    if used == Path(wanted):
        yield "cache", f"{used} (writable)"
    else:
        remedy = "Set NEUROSIM_CACHE_DIR to a folder of your own."
        reason = "not writable, or not yours alone"
        yield "cache", f"{wanted} is NOT USABLE ({reason}): every process compiles anew. {remedy}"


def _backends() -> Iterator[tuple[str, str]]:
    """Tell of each target whether this version has it, and whether its simulator is there."""
    from neurosim.backend import backends

    present = backends()
    for name in (*BACKENDS, *(name for name in present if name not in BACKENDS)):
        needs = BACKENDS.get(name, ())
        complete = all(map(version_of, needs))
        if name in present and complete:
            yield name, "; ".join(["works", *([_state(needs)] if needs else [])])
        else:
            missing = "" if name in present else "not in this version of neurosim yet; "
            yield name, missing + _needed(name, needs)


def _extras() -> Iterator[tuple[str, str]]:
    for name, needs in EXTRAS.items():
        yield name, _needed(name, needs)


def _needed(extra: str, distributions: tuple[str, ...]) -> str:
    """Return the state of what an extra brings, and how to get what is missing."""
    state = _state(distributions)
    if all(map(version_of, distributions)):
        return state
    return f"{state}: {install_line(extra)}"


def _state(distributions: tuple[str, ...]) -> str:
    return ", ".join(f"{name} {version_of(name) or 'missing'}" for name in distributions)


def version_of(distribution: str) -> str | None:
    """Return the installed version of a distribution, without importing it."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def install_line(extra: str) -> str:
    r"""Return what to type to get an extra.

    >>> install_line("brian2")
    "pip install 'neurosim-snn[brian2]'"
    """
    return f"pip install 'neurosim-snn[{extra}]'"
