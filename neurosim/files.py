"""`load`: one word for every file that neurosim writes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

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
