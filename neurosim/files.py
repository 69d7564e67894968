"""`load`: one word for every file that neurosim writes; and where texts may be written."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neurosim.errors import DescriptionError

if TYPE_CHECKING:
    from neurosim.describe.network import Network
    from neurosim.results import Run


def load(path: str | os.PathLike[str]) -> Network | Run:
    """Read a file written by ``network.save`` or ``run.save``.

    Parameters
    ----------
    path : str or path
        The file says itself which of the two it is.

    Returns
    -------
    Network or Run

    Raises
    ------
    DescriptionError
        If there is no such file, it is neither of the two, was written by a later version or is
        damaged.
    MissingPackageError
        Without h5py.
    """
    from neurosim.describe.files import FORMAT
    from neurosim.describe.reading import load_network
    from neurosim.io import runs
    from neurosim.results import Run

    place = os.fspath(path)
    kind = runs.file_kind(place)
    if kind == FORMAT:
        return load_network(place)
    if kind == runs.FORMAT:
        return Run.load(place)
    expected = "a file written by network.save or run.save"
    hint = None if kind is None else f"It says of itself that it is a {kind!r}."
    raise DescriptionError("load: path", place, expected, hint)


def writable(path: Any, place: str) -> Path:
    """Return a path at which a file can be put; `place` is what errors call it.

    Raises
    ------
    DescriptionError
        If it is no path, is a folder, or lies in a folder that does not exist.
    """
    try:
        target = Path(path)
    except TypeError:
        raise DescriptionError(place, path, "the name of a file") from None
    if target.is_dir():
        raise DescriptionError(place, str(target), "the name of a file, not of a folder")
    if not target.parent.is_dir():
        raise DescriptionError(place, str(target), "a file in a folder that exists")
    return target


def write(target: Path, text: str, place: str) -> None:
    """Write a text.

    Raises
    ------
    DescriptionError
        If the file cannot be written.
    """
    try:
        target.write_text(text, encoding="utf-8")
    except OSError as error:
        expected = f"a file that can be written ({error.strerror})"
        raise DescriptionError(place, str(target), expected) from None
