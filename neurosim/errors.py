"""Everything neurosim raises or warns about on purpose.

Each error names the object, the field, the value and what would be right, so that the message
alone is enough to mend the script.
"""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any

import numpy as np


class NeurosimError(Exception):
    """Base of every error raised on purpose."""


class DescriptionError(NeurosimError, ValueError):
    """A description holds a value that cannot be meant.

    Parameters
    ----------
    place : str
        Object and field, e.g. ``"LIF.tau_m"`` or ``"Projection 'exc->inh': delay"``.
    value : object
        What was given.
    expected : str
        What would be right, e.g. ``"a time in ms above 0"``.
    hint : str, optional
        The remedy, where the expectation alone does not show it.
    """

    def __init__(self, place: str, value: object, expected: str, hint: str | None = None) -> None:
        self.place = place
        self.value = value
        self.expected = expected
        self.hint = hint
        message = f"{place} is {brief(value)}; expected {expected}."
        super().__init__(f"{message} {hint}" if hint else message)


class UnitError(DescriptionError):
    """A quantity has the wrong dimension, or a unit that nobody knows."""


class UnknownNameError(DescriptionError):
    """A name (parameter, receptor, population, backend, ...) that does not exist.

    Parameters
    ----------
    place : str
        Where the name was used.
    name : str
        The name.
    known : iterable of str
        The names that exist there; the nearest one is suggested.
    """

    def __init__(self, place: str, name: object, known: Iterable[str]) -> None:
        self.known = tuple(known)
        near = nearest(str(name), self.known)
        hint = f"Did you mean {near[0]!r}?" if near else None
        listed = ", ".join(repr(k) for k in self.known) or "(there are none)"
        super().__init__(place, name, f"one of {listed}", hint)


def nearest(name: str, known: tuple[str, ...]) -> list[str]:
    """Return the known name that was probably meant, if any: alike, or one begins the other."""
    near = get_close_matches(name, known, n=1)
    word = name.lower()
    longest = max(
        (
            k
            for k in known
            if len(k) > 2 and (word.startswith(k.lower()) or k.lower().startswith(word))
        ),
        key=len,
        default=None,
    )
    return near or ([longest] if longest and len(word) > 1 else [])


class FrozenError(DescriptionError, AttributeError):
    """An attempt to change a description, which is a value."""


class EquationError(NeurosimError, ValueError):
    """A model text that cannot be read, or whose units do not agree.

    Parameters
    ----------
    message : str
        What is wrong and what would be right.
    text : str
        The whole text in which it stands.
    position : int, optional
        Index into `text`; the message then shows the line with a caret below the place.
    """

    def __init__(self, message: str, text: str = "", position: int | None = None) -> None:
        self.text = text
        self.position = position
        if position is not None:
            start = text.rfind("\n", 0, position) + 1
            end = text.find("\n", position)
            line = text[start : end if end >= 0 else len(text)]
            number = text.count("\n", 0, position) + 1
            caret = " " * (position - start) + "^"
            place = f"line {number}, column {position - start + 1}"
            message = f"{message}\n  {place}:\n    {line}\n    {caret}"
        super().__init__(message)


class CapacityError(NeurosimError, MemoryError):
    """Something does not fit: memory, an accumulator, an index."""


MOST_OTHERS = 4
"""Further refusals that a message tells in full."""


class UnsupportedError(NeurosimError, NotImplementedError):
    """A backend has no form of a part of the network.

    Parameters
    ----------
    part : str
        The part, e.g. ``"Population 'exc': refractoriness (t_ref)"``.
    reason : str
        Why it cannot be had there.
    nearest : str, optional
        The nearest thing that works.
    others : sequence of UnsupportedError
        What else of the network is refused, where that is known.
    """

    def __init__(
        self,
        part: str,
        reason: str,
        nearest: str | None = None,
        *,
        others: Sequence[UnsupportedError] = (),
    ) -> None:
        self.part = part
        self.reason = reason
        self.nearest = nearest
        self.others = tuple(others)
        message = f"{part}: {reason}."
        message += f" Nearest that works: {nearest}." if nearest else ""
        told = [str(other) for other in self.others[:MOST_OTHERS]]
        if len(self.others) > MOST_OTHERS:
            told.append(f"... and {len(self.others) - MOST_OTHERS} more: neurosim.explain has all.")
        super().__init__("\n".join([f"{message} Refused as well:" if told else message, *told]))


class MissingPackageError(NeurosimError, ImportError):
    """An optional package is needed and not installed.

    Parameters
    ----------
    package : str
        The import name of what is missing.
    purpose : str
        What it is needed for.
    extra : str
        The extra of ``neurosim-snn`` that brings it.
    """

    def __init__(self, package: str, purpose: str, extra: str) -> None:
        super().__init__(
            f"{purpose} needs the package '{package}', which is not installed. "
            f"Install it with: pip install 'neurosim-snn[{extra}]'"
        )


class SimulationError(NeurosimError, ArithmeticError):
    """The state left the finite numbers, or an increment left its declared bound."""


class ConvergenceError(NeurosimError, ArithmeticError):
    """A solver did not reach its tolerance, so there is no answer to give.

    Parameters
    ----------
    what : str
        The solver, e.g. ``"mean field of Phi"``.
    where : str
        The parameters at which it failed, e.g. ``"P = 3, alpha = 0.5, T = 0.6"``.
    reached : str
        How far it came, e.g. ``"after 1000 iterations the largest change is 1e-3"``.
    hint : str, optional
        What may help.
    """

    def __init__(self, what: str, where: str, reached: str, hint: str | None = None) -> None:
        message = f"{what} did not converge at {where}: {reached}."
        super().__init__(f"{message} {hint}" if hint else message)


class ApproximationWarning(UserWarning):
    """A backend differs numerically from the description; the bound is in the provenance."""


OWN = ("neurosim", "neurosim_backends", "neurosim_datasets", "neurosim_models")
"""Our packages: lines of theirs are none that a user can change."""


def warn(message: str, category: type[Warning] = ApproximationWarning) -> None:
    """Warn at the line that called us: the nearest one outside of our packages."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and _is_ours(frame.f_globals.get("__name__", "")):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)


def _is_ours(module: str) -> bool:
    return module.partition(".")[0] in OWN


def brief(value: object, limit: int = 80) -> str:
    """Return a short `repr` of `value`: arrays by shape and range, long texts cut."""
    if isinstance(value, np.generic) or (isinstance(value, np.ndarray) and value.ndim == 0):
        value = value.item()  # a number is a number, however it is kept
    if isinstance(value, np.ndarray) and not isinstance(value, np.ma.MaskedArray):
        if value.size and value.dtype.kind in "iuf":
            return f"an array of shape {value.shape} {_range(value)}"
        return f"an array of shape {value.shape}, dtype {value.dtype}"
    text = _NUMPY_SCALAR.sub(r"\1\2", repr(value))
    return text if len(text) <= limit else text[: limit - 3] + "..."


_NUMPY_SCALAR = re.compile(
    r"\bnp\.(?:(?:u?int|float|complex|bool|str)\w*\(([^()]*)\)|(True|False)_\b)"
)
"""A numpy scalar in the `repr` of a list or tuple, as in ``(np.int64(3), np.float64(0.5))``."""


def _range(array: np.ndarray[Any, Any]) -> str:
    """Return "from ... to ..." of the numbers of an array, and how many are none."""
    good = array[~np.isnan(array)] if array.dtype.kind == "f" else array
    if not good.size:
        return "of NaN"
    missing = array.size - good.size
    return f"from {good.min():.6g} to {good.max():.6g}" + (f", {missing} NaN" if missing else "")
