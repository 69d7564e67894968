"""Sizes of scaled networks."""

from __future__ import annotations

import math

from neurosim.errors import DescriptionError


def checked_scale(scale: float, place: str, *, least: float = 0.0) -> float:
    """Return `scale` as a float above 0 and at least `least`, or refuse it.

    Raises
    ------
    DescriptionError
        Naming `place`.
    """
    if isinstance(scale, bool) or not isinstance(scale, (int, float)):
        raise DescriptionError(place, scale, "a number above 0")
    if not (math.isfinite(scale) and scale > 0 and scale >= least):
        expected = f"a number of at least {least:g}" if least else "a number above 0"
        raise DescriptionError(place, scale, expected)
    return float(scale)


def scaled(number: int, scale: float, place: str) -> int:
    """Return ``round(number * scale)``, refusing a scale that leaves nothing."""
    size = round(number * scale)
    if size < 1:
        raise DescriptionError(place, scale, f"a scale that leaves some of {number} neurons")
    return size
