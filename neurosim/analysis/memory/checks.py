"""Checks that the measures and theories of associative memories share."""

from __future__ import annotations

import math
import numbers
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from neurosim.errors import DescriptionError

Floats: TypeAlias = npt.NDArray[np.float64]

LOWEST = 1e-3
"""The lowest temperature above 0 that quadrature resolves; 0 itself has its own formulas."""


def number(
    value: object,
    place: str,
    expected: str,
    *,
    low: float = -math.inf,
    high: float = math.inf,
    open_low: bool = False,
) -> float:
    """Return `value` as a float between `low` and `high`, or refuse it."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Real):
        raise DescriptionError(place, value, expected)
    x = float(value)
    if not (math.isfinite(x) and low <= x <= high) or (open_low and x == low):
        raise DescriptionError(place, value, expected)
    return x


def whole(value: object, place: str, *, at_least: int = 0, at_most: int = 2**62) -> int:
    """Return `value` as an int between `at_least` and `at_most`, or refuse it."""
    upper = f" and at most {at_most}" if at_most < 2**62 else ""
    expected = f"a whole number, at least {at_least}{upper}"
    x = number(value, place, expected, low=at_least, high=at_most)
    if not x.is_integer():
        raise DescriptionError(place, value, expected)
    return int(x)


def temperature(value: object, place: str) -> float:
    """Return a temperature: 0, or at least `LOWEST`."""
    expected = f"a temperature: 0, or at least {LOWEST:g}"
    x = number(value, place, expected, low=0.0)
    if 0 < x < LOWEST:
        raise DescriptionError(place, value, expected)
    return x


def load(value: object, place: str) -> float:
    """Return a load, at least 0."""
    return number(value, place, "a load, at least 0", low=0.0)


def array(value: Any, place: str, ndim: int, expected: str) -> Floats:
    """Return `value` as a float64 array of `ndim` axes, finite and not empty, or refuse it."""
    try:
        given = np.asarray(value)
    except ValueError:
        raise DescriptionError(place, value, expected, "Its rows differ in length.") from None
    if given.dtype.kind not in "biuf" or given.ndim != ndim or given.size == 0:
        raise DescriptionError(place, given, expected)
    result = given.astype(np.float64)
    if not np.isfinite(result).all():
        raise DescriptionError(place, given, f"{expected}, finite")
    return result
