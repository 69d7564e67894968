"""Runs that a certificate made, kept in a folder for the next time the same is asked."""

from __future__ import annotations

import platform
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from neurosim.backend import Backend, Options, find_backend
from neurosim.describe.hashing import digest
from neurosim.describe.network import Network
from neurosim.errors import DescriptionError, UnknownNameError
from neurosim.results import Run

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def kept_or_made(
    folder: Path | None, network: Network, backend: Backend, duration: float, options: Options,
    make: Callable[[], Run],
) -> Run:  # fmt: skip
    """Return a run from a folder; if it is not there, make it and keep it.

    A run is known again by the content of its network, the backend, the duration, the options and
    the versions of all that made it. Only backends that are known by name alone are kept: of an
    object of the user nothing tells what it will do next time.

    Parameters
    ----------
    folder : Path, optional
        If left out, nothing is kept.
    network : Network
        What is run, recorders included.
    backend : Backend
    duration : float
        [ms].
    options : Options
    make : callable
        Runs the network, whole.

    Raises
    ------
    DescriptionError
        If a file of the folder is damaged; it is named.
    """
    if folder is None or not _is_plain(backend):
        return make()
    key = digest([network.content_hash(), backend.name, duration, repr(options)])
    path = folder / f"{backend.name}-{key[:32]}.h5"
    if path.is_file():
        try:
            run = Run.load(path)
        except DescriptionError as reason:
            expected = "a folder of whole runs; delete the file, and its run is made again"
            raise DescriptionError("certify: keep", path.name, expected, str(reason)) from None
        if _is_of_these_versions(run.provenance["versions"]):
            return run
    run = make()
    run.save(path)
    return run


def _is_plain(backend: Backend) -> bool:
    """Whether a backend is what its name stands for, without settings of its own."""
    try:
        named = find_backend(backend.name)
    except UnknownNameError:
        return False
    return type(named) is type(backend) and vars(named) == vars(backend)


def _is_of_these_versions(versions: Mapping[str, str]) -> bool:
    """Whether everything that made a run is still installed as it was."""
    for name, version in versions.items():
        try:
            now = platform.python_version() if name == "python" else metadata.version(name)
        except metadata.PackageNotFoundError:
            return False
        if now != version:
            return False
    return True
