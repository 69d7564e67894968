"""Checks that several descriptions share: counts, switches, names."""

from __future__ import annotations

import numbers
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from neurosim.errors import DescriptionError

Ints: TypeAlias = npt.NDArray[np.int64]


def to_int(value: object, place: str, *, at_least: int = 0, what: str = "a whole number") -> int:
    """Turn what a user wrote into an int; floats that are whole pass, booleans do not.

    Raises
    ------
    DescriptionError
        Naming `place`, if `value` is no whole number from `at_least` to 2**63 - 1.
    """
    expected = f"{what}, at least {at_least}"
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Real):
        raise DescriptionError(place, value, expected, f"It is of type {type(value).__name__}.")
    whole = int(value) if isinstance(value, numbers.Integral) else _whole(float(value))
    if whole is None or not at_least <= whole < 2**63:
        raise DescriptionError(place, value, expected)
    return whole


def _whole(value: float) -> int | None:
    return int(value) if value.is_integer() else None


def to_ints(value: Any, place: str, *, what: str = "whole numbers, at least 0") -> Ints:
    """Turn a sequence into a read-only int64 array of numbers that are at least 0."""
    try:
        array = np.asarray(value)
    except ValueError:
        raise DescriptionError(place, value, what, "Its rows differ in length.") from None
    if array.size == 0:
        array = array.astype(np.int64)
    if array.dtype.kind not in "iuf":
        raise DescriptionError(place, array, what, f"Their dtype is {array.dtype}.")
    whole = np.isfinite(array) & (array >= 0) & (array < 2**62)
    if array.dtype.kind == "f":
        whole &= np.equal(np.floor(array), array)
    if not whole.all():
        raise DescriptionError(place, array[~whole].flat[0], what)
    result = array.astype(np.int64)
    result.setflags(write=False)
    return result


def check_bool(value: object, place: str) -> None:
    """Refuse what is not True or False."""
    if not isinstance(value, bool):
        raise DescriptionError(place, value, "True or False")


def check_name(name: object, place: str, *, arrow: bool = False) -> str:
    """Return a name, refusing what is no text, empty, or holds "->", "/" or line breaks.

    "->" is kept for projections (`arrow`), "/" for paths within files.
    """
    forbidden = "'/'" if arrow else "'->', '/'"
    expected = f"a name: a text that is not empty and holds no {forbidden} or line break"
    if not isinstance(name, str) or not name.strip() or name != name.strip():
        raise DescriptionError(place, name, expected)
    if "/" in name or not name.isprintable() or ("->" in name and not arrow):
        raise DescriptionError(place, name, expected)
    return name
