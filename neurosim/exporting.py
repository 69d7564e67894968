"""`export`: a network as a script of another community's own."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from neurosim.backend import Exporter, backends, find_backend, make_options, whole_steps
from neurosim.describe.network import Network
from neurosim.errors import DescriptionError, UnsupportedError


def export(
    network: Network,
    backend: str,
    path: str | os.PathLike[str] | None = None,
    *,
    duration: Any = 1000.0,
    overwrite: bool = False,
    **options: Any,
) -> str:
    """Write a network as a script that runs without neurosim.

    The script is meant to be read: it uses the native rules and generators of its simulator, so
    that it is the same network in distribution, not neuron by neuron. At its top it checks the
    versions it was written for.

    Parameters
    ----------
    network : Network
        What to write.
    backend : str
        Whose script: a backend that exports, such as "brian2". The simulator need not be there.
    path : path, optional
        Where to write it; left out, it is only returned.
    duration : float or quantity
        How long the script simulates [ms].
    overwrite : bool
        Whether a file that exists may be replaced.
    **options
        See `neurosim.Options`: dt, approximate, ...

    Returns
    -------
    str
        The text.

    Raises
    ------
    UnsupportedError
        If the backend writes no scripts, or has no form of a part of the network.
    DescriptionError
        If the file exists, or cannot be written.
    """
    if not isinstance(network, Network):
        raise DescriptionError("export: network", network, "a neurosim.Network")
    target = None if path is None else _writable(path, overwrite)
    found = find_backend(backend)
    if not (isinstance(found, Exporter) and found.capabilities.exports):
        exporting = [n for n in backends() if find_backend(n).capabilities.exports]
        nearest = ", ".join(map(repr, exporting))
        raise UnsupportedError(
            f"Backend '{found.name}': export", "it writes no scripts", nearest or None
        )
    chosen = make_options(network, options, "export: option")
    length = whole_steps(duration, chosen.dt, "export: duration") * chosen.dt
    text = found.export(network, length, chosen)
    if target is not None:
        try:
            target.write_text(text, encoding="utf-8")
        except OSError as error:
            message = f"a file that can be written ({error.strerror})"
            raise DescriptionError("export: path", str(target), message) from None
    return text


def _writable(path: Any, overwrite: bool) -> Path:
    try:
        target = Path(path)
    except TypeError:
        raise DescriptionError("export: path", path, "the name of a file") from None
    if target.is_dir() or not target.parent.is_dir():
        raise DescriptionError("export: path", str(target), "a file in a folder that exists")
    if target.exists() and not overwrite:
        raise DescriptionError(
            "export: path", str(target), "a file that does not exist yet",
            "To replace it: overwrite=True, or --overwrite on the command line.",
        )  # fmt: skip
    return target
