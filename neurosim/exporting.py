"""`export`: a network as a script of another community's own."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from textwrap import wrap
from typing import Any

from neurosim.backend import (
    Backend,
    Exporter,
    backends,
    find_backend,
    make_options,
    whole_steps,
)
from neurosim.capabilities import refuse, told
from neurosim.describe.network import Network
from neurosim.errors import DescriptionError, UnsupportedError, warn
from neurosim.files import writable, write

WIDTH = 97
"""Of the text in the head of a script."""


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
    versions it was written for. What it cannot be as described stands in its head, and is told as
    an `ApproximationWarning`; ``ns.explain(network, backend, script=True)`` tells it beforehand.

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
    target = None if path is None else writable(path, "export: path")
    if target is not None and target.exists() and not overwrite:
        raise DescriptionError(
            "export: path", str(target), "a file that does not exist yet",
            "To replace it: overwrite=True, or --overwrite on the command line.",
        )  # fmt: skip
    exporter = find_exporter(backend)
    chosen = make_options(network, options, "export: option", ("path", "duration", "overwrite"))
    length = whole_steps(duration, chosen.dt, "export: duration") * chosen.dt
    script = exporter.export(network, length, chosen)
    for line in told(script.approximations):
        warn(f"Script for '{find_backend(backend).name}', {line}.")
    if target is not None:
        write(target, script.text, "export: path")
    return script.text


def find_exporter(backend: str | Backend) -> Exporter:
    """Return a backend that writes scripts.

    Raises
    ------
    UnsupportedError
        If it writes none, naming those that do.
    """
    found = find_backend(backend)
    if isinstance(found, Exporter) and found.capabilities.exports:
        return found
    exporting = [n for n in backends() if find_backend(n).capabilities.exports]
    nearest = ", ".join(map(repr, exporting))
    raise UnsupportedError(
        f"Backend '{found.name}': export", "it writes no scripts", nearest or None
    )


class Refusals:
    """Collects what is refused while a script is written, part by part: `with refusals: ...`.

    >>> refusals = Refusals()
    >>> for part in ("Drive of 'a'", "Drive of 'b'"):
    ...     with refusals:
    ...         raise UnsupportedError(part, "there is no such device")
    >>> try:
    ...     refusals.raise_all()
    ... except UnsupportedError as error:
    ...     print(error)
    Drive of 'a': there is no such device. Refused as well:
    Drive of 'b': there is no such device.
    """

    def __init__(self) -> None:
        self.found: list[UnsupportedError] = []

    def __enter__(self) -> None:
        """Begin a part."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        """Keep a refusal; any other error goes on."""
        if not isinstance(error, UnsupportedError):
            return False
        if str(error) not in map(str, self.found):
            self.found.append(error)
        return True

    def raise_all(self) -> None:
        """Raise the first refusal with the others, if there are any."""
        refuse(self.found)


def differences(approximations: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the lines in which the head of a script says what is not as described; none if all is.

    Parameters
    ----------
    approximations : iterable
        Entries as in `neurosim.backend.Script`.
    """
    lines = ["", "Differences from the description:"]
    for line in told(approximations):
        line = line.replace("\\", "\\\\").replace('"""', "'''")  # it stands in a docstring
        lines += wrap(f"- {line}", WIDTH, subsequent_indent="  ", break_long_words=False,
                      break_on_hyphens=False)  # fmt: skip
    return lines if len(lines) > 2 else []
