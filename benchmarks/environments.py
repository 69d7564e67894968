"""A Python for each peer: the present one where the peer is installed, else one made for it."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from importlib import metadata
from pathlib import Path

import platformdirs
from packaging.requirements import Requirement
from rich.console import Console

from benchmarks.workloads import Peer

READY = "ready"
"""A file in an environment whose installation came to its end."""


def requirements(extra: str) -> list[Requirement]:
    """Return what an extra of this distribution asks for on this platform."""
    asked = [Requirement(text) for text in metadata.requires("neurosim-snn") or []]
    found = [
        r for r in asked
        if r.marker is not None
        and r.marker.evaluate({"extra": extra}) and not r.marker.evaluate({"extra": ""})
    ]  # fmt: skip
    if not found:
        raise LookupError(f"neurosim-snn has no extra {extra!r} on this platform")
    return found


def installed(extra: str) -> bool:
    """Tell whether the present environment has what an extra asks for."""
    for requirement in requirements(extra):
        try:
            version = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            return False
        if not requirement.specifier.contains(version, prereleases=True):
            return False
    return True


def python_for(peer: Peer) -> Path:
    """Return the interpreter that runs a peer, making its environment if there is none.

    Raises
    ------
    RuntimeError
        If it cannot be installed.
    """
    if installed(peer.extra):
        return Path(sys.executable)
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    folder = Path(platformdirs.user_cache_dir("neurosim")) / f"peer-{peer.extra}-python{version}"
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    if not (folder / READY).exists():
        Console(stderr=True).print(f"making an environment for {peer.title} in {folder}")
        venv.create(folder, clear=True, with_pip=True)
        # Scripts of peers read our parameters, which need numpy.
        wanted = ["numpy", *(f"{r.name}{r.specifier}" for r in requirements(peer.extra))]
        done = subprocess.run(
            [str(python), "-m", "pip", "install", "--quiet", "setuptools", *wanted],
            capture_output=True, text=True,
        )  # fmt: skip
        if done.returncode != 0:
            raise RuntimeError(f"{peer.title} cannot be installed: {done.stderr.strip()[-500:]}")
        (folder / READY).touch()
    return python
