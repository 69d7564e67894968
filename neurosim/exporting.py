"""`export`: a network as a script of another community's own, or as a folder for hardware."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping
from textwrap import wrap
from typing import Any, TypeVar

from neurosim.backend import (
    Backend,
    Exporter,
    backends,
    find_backend,
    make_options,
    whole_steps,
)
from neurosim.capabilities import refuse, told
from neurosim.describe.checks import check_bool
from neurosim.describe.network import Network
from neurosim.errors import DescriptionError, UnsupportedError, warn
from neurosim.files import writable, write
from neurosim.folders.manifest import as_path
from neurosim.folders.package import Packer

T = TypeVar("T")

WIDTH = 97
"""Of the text in the head of a script."""


def export(
    network: Network,
    backend: str | Backend,
    path: str | os.PathLike[str] | None = None,
    *,
    duration: Any = 1000.0,
    overwrite: bool = False,
    inputs: Mapping[str, Any] | None = None,
    certificate: bool = True,
    **options: Any,
) -> str:
    """Write a network as a script that runs without neurosim, or as a folder for hardware.

    The script is meant to be read: it uses the native rules and generators of its simulator, so
    that it is the same network in distribution, not neuron by neuron. At its top it checks the
    versions it was written for. What it cannot be as described stands in its head, and is told as
    an `ApproximationWarning`; ``ns.explain(network, backend, script=True)`` tells it beforehand.

    For a chip ("loihi") it is a folder: every integer, a script for Lava, the network as NIR where
    that has words for it, a golden run neuron by neuron, a certificate, and a manifest with hashes,
    scales and roundings. `verify` runs all of it again.

    Parameters
    ----------
    network : Network
        What to write.
    backend : str or Backend
        Whose script: a backend that exports, such as "brian2"; or "loihi". The simulator need not
        be there.
    path : path, optional
        Where to write it; left out, a script is only returned. A folder must be named.
    duration : float or quantity
        How long the script simulates, and the golden run takes [ms].
    overwrite : bool
        Whether a file, or a folder that `export` wrote, may be replaced.
    inputs : mapping of str to array, optional
        For ``Input`` populations in the golden run, as in ``session.run``. Scripts have none.
    certificate : bool
        Whether to compare the integers with floating point, see `certify`: the longest part of
        writing a folder.
    **options
        See `neurosim.Options`: dt, approximate, ...

    Returns
    -------
    str
        The text of the script.

    Raises
    ------
    UnsupportedError
        If the backend writes no scripts, or has no form of a part of the network.
    CapacityError
        Naming the number that the chip cannot hold.
    DescriptionError
        If the file exists, or cannot be written.
    """
    if not isinstance(network, Network):
        raise DescriptionError("export: network", network, "a neurosim.Network")
    check_bool(overwrite, "export: overwrite")
    check_bool(certificate, "export: certificate")
    if not (inputs is None or isinstance(inputs, Mapping)):
        raise DescriptionError("export: inputs", inputs, "arrays by name of population, or None")
    if path is not None:
        as_path(path, "export: path", "the name of a file or folder")
    own = ("path", "duration", "overwrite", "inputs", "certificate")
    chosen = make_options(network, options, "export: option", own)
    n_steps = whole_steps(duration, chosen.dt, "export: duration")
    found = find_backend(backend)
    if isinstance(found, Packer):
        from neurosim.folders.writing import write_folder

        package = write_folder(
            network, found, path, n_steps, chosen, inputs or {}, certificate, overwrite
        )
        _tell(f"Folder for '{found.name}'", package.approximations)
        return package.texts[found.main]
    target = None if path is None else writable(path, "export: path")
    if target is not None and target.exists() and not overwrite:
        raise DescriptionError(
            "export: path", str(target), "a file that does not exist yet",
            "To replace it: overwrite=True, or --overwrite on the command line.",
        )  # fmt: skip
    exporter = find_exporter(found)
    if inputs is not None:
        raise DescriptionError(
            "export: inputs", inputs, "None: a script draws or replays its own input",
            "Write spikes that are known into the network as SpikeTimes.",
        )  # fmt: skip
    script = exporter.export(network, n_steps * chosen.dt, chosen)
    _tell(f"Script for '{found.name}'", script.approximations)
    if target is not None:
        write(target, script.text, "export: path")
    return script.text


def _tell(what: str, approximations: Iterable[Mapping[str, Any]]) -> None:
    for line in told(approximations):
        warn(f"{what}, {line}.")


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

    def of_each(
        self, parts: Iterable[T], lines: Callable[[T], list[str]], *, gap: bool = False
    ) -> list[str]:
        """Return the lines of all parts, with an empty one between them if asked for.

        What has no form is noted.
        """
        made: list[str] = []
        for part in parts:
            with self:
                here = lines(part)
                made += ["", *here] if made and gap else here
        return made

    def raise_all(self) -> None:
        """Raise the first refusal with the others, if there are any."""
        refuse(self.found)


def within_comment(text: str) -> str:
    r"""Return a text that holds names as it may stand in a comment: on one line.

    >>> print(within_comment("x\nimport os"))
    x\nimport os
    """
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text
    )


def within_docstring(text: str) -> str:
    r"""Return a text that holds names as it may stand in a docstring, which it cannot end.

    >>> print(within_docstring("C:\\users"))
    C:\\users
    >>> print(within_docstring('a' + 3 * '"' + 'b'))
    a'''b
    """
    return within_comment(text).replace("\\", "\\\\").replace('"""', "'''")


def quoted(text: str) -> str:
    r"""Return a name as a text of Python, in double quotes.

    >>> print(quoted('a "b"'))
    "a \"b\""
    """
    # Escapes of JSON are Python's, but for pairs of surrogates, which could not be printed.
    return json.dumps(text, ensure_ascii=False)


def differences(approximations: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the lines in which the head of a script says what is not as described; none if all is.

    Parameters
    ----------
    approximations : iterable
        Entries as in `neurosim.backend.Script`.
    """
    lines = ["", "Differences from the description:"]
    for line in told(approximations):
        lines += wrap(f"- {within_docstring(line)}", WIDTH, subsequent_indent="  ",
                      break_long_words=False, break_on_hyphens=False)  # fmt: skip
    return lines if len(lines) > 2 else []
