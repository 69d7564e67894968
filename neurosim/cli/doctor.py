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

    from neurosim.environments import Environment

PACKAGES = (
    "neurosim-snn", "numpy", "numba", "llvmlite", "scipy", "sympy", "h5py", "matplotlib",
    "contourpy", "networkx", "packaging", "pint", "psutil", "platformdirs", "rich", "tqdm", "typer",
)  # fmt: skip
"""What neurosim needs."""

EXTRAS = {"analysis": ("elephant", "neo", "quantities", "xarray"), "tutorials": ("marimo",)}
"""Extra -> distributions it brings, apart from those of backends, which say what they need."""


def show(console: Console) -> None:
    """Print the whole diagnosis."""
    for heading, rows in (
        ("Python and packages", _packages()),
        ("Machine", _machine()),
        ("Backends", _backends()),
        ("Tools of chips", _tools()),
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
    """Tell of each backend whether what it runs on is there. No simulator is imported."""
    from neurosim.backend import backends, find_backend
    from neurosim.capabilities import install_line, installed, unmet

    for name in backends():
        try:
            capabilities = find_backend(name).capabilities
        except Exception as error:  # one broken package must not hide the others
            yield name, f"CANNOT BE IMPORTED: {error}"
            continue
        environment = capabilities.environment
        if environment is not None:
            yield name, _state_of(environment)
            continue
        lacking = [r for r in capabilities.requires if unmet(r)]
        if lacking:
            said = "; ".join(unmet(r) for r in lacking)
            lines = " or ".join(dict.fromkeys(install_line(r) for r in lacking))
            yield name, f"needs {said}: {lines}"
            continue
        found = {
            r.distribution: f"{r.distribution} {installed(r) or '(version not known)'}"
            for r in capabilities.requires
            if installed(r) is not None
        }
        told = ["works", *([", ".join(found.values())] if found else [])]
        if capabilities.costly:
            told.append(f"takes long: {capabilities.costly}")
        yield name, "; ".join(told)


def _tools() -> Iterator[tuple[str, str]]:
    from neurosim.fit.check import tools

    for name, environment in tools().items():
        yield name, _state_of(environment)


def _state_of(environment: Environment) -> str:
    lacks = environment.problem
    if lacks:
        return f"needs {lacks}: {environment.install_line}"
    package = environment.packages[0].replace("==", " ")
    return f"works; {package} with Python {environment.version} in {environment.interpreter}"


def _extras() -> Iterator[tuple[str, str]]:
    for name, needs in EXTRAS.items():
        yield name, _needed(name, needs)


def _needed(extra: str, distributions: tuple[str, ...]) -> str:
    """Return the state of what an extra brings, and how to get what is missing."""
    state = _state(distributions)
    if all(map(version_of, distributions)):
        return state
    return f"{state}: pip install 'neurosim-snn[{extra}]'"


def _state(distributions: tuple[str, ...]) -> str:
    return ", ".join(f"{name} {version_of(name) or 'missing'}" for name in distributions)


def version_of(distribution: str) -> str | None:
    """Return the installed version of a distribution, without importing it."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None
