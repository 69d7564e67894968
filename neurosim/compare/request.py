"""What was asked of a certificate, checked before anything is imported that compares."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from neurosim.backend import Backend, Options, find_backend
from neurosim.describe.network import Network
from neurosim.errors import DescriptionError
from neurosim.installed import check_backend

REFERENCE = "cpu"
"""The backend that all others are compared with."""

TRIALS = (16, 4)
"""Trials of the reference and of each other backend: 4845 ways to deal out the labels."""

PATIENCE = 120.0
"""How long a cause is looked for [s of processor time], unless all before took longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What was asked for, checked.

    Attributes
    ----------
    network : Network
        With `Input` populations replaced by what they were fed.
    described : Network
        As it was handed over.
    duration : float
        [ms].
    options : Options
    trials : (int, int)
    statistics : bool or None
    level, resolution : float
    patience : float
        [s].
    keep : Path or None
        Folder of runs that are not made twice.
    """

    network: Network
    described: Network
    duration: float
    options: Options
    trials: tuple[int, int]
    statistics: bool | None
    level: float
    resolution: float
    patience: float = PATIENCE
    keep: Path | None = None


def checked_backends(given: Any) -> list[Backend]:
    """Return the backends beside the reference, each once."""
    if isinstance(given, str) or not isinstance(given, (list, tuple)):
        given = [given]
    for name in given:
        if isinstance(name, str):
            check_backend(name)  # all names before the first simulator is looked for
    found: dict[str, Backend] = {}
    for backend in map(find_backend, given):
        if backend.name in found:
            hint = (
                f"{backend.name!r} is there twice: a certificate tells them apart by their names."
            )
            raise DescriptionError("certify: backends", given, "each backend once", hint)
        found[backend.name] = backend
    found.pop(REFERENCE, None)
    if not found:
        raise DescriptionError(
            "certify: backends", given, f"at least one to compare with {REFERENCE!r}"
        )
    return list(found.values())


def checked_trials(given: Any) -> tuple[int, int]:
    """Return the numbers of trials of the reference and of the other side."""
    pair = given if isinstance(given, (tuple, list)) else (4 * given, given)
    good = len(pair) == 2 and all(isinstance(k, (int, np.integer)) and k >= 2 for k in pair)
    if isinstance(given, bool) or not good:
        expected = "a number of trials, 2 or more, or a pair of them (reference, other)"
        raise DescriptionError("certify: trials", given, expected)
    return int(pair[0]), int(pair[1])


def checked_share(given: Any, place: str) -> float:
    """Return a number between 0 and 1."""
    if isinstance(given, bool) or not isinstance(given, (int, float)) or not 0 < given < 1:
        raise DescriptionError(place, given, "a number between 0 and 1")
    return float(given)


def checked_patience(given: Any) -> float:
    """Return a time in seconds, 0 and infinity included."""
    if isinstance(given, bool) or not isinstance(given, (int, float)) or not given >= 0:
        raise DescriptionError("certify: patience", given, "a number of seconds, 0 or more")
    return float(given)


def checked_folder(given: Any, place: str) -> Path | None:
    """Return a folder, made if it does not exist, or None."""
    if given is None:
        return None
    expected = "a folder"
    if not isinstance(given, (str, Path)) or not str(given):
        raise DescriptionError(place, given, expected)
    folder = Path(given)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as reason:
        raise DescriptionError(place, str(given), expected, f"{reason}.") from None
    return folder


def checked_choice(given: Any, place: str) -> bool | None:
    """Return True, False or None."""
    if given is not None and not isinstance(given, bool):
        raise DescriptionError(place, given, "True, False or None")
    return given
