"""Patterns for associative memories."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from neurosim.describe.checks import check_bool, to_int
from neurosim.errors import DescriptionError, UnknownNameError
from neurosim.units import to_scalar

INACTIVE = {"bipolar": -1, "binary": 0}
"""Value of an inactive unit; an active one is 1."""


def random_patterns(
    n_patterns: int,
    size: int,
    *,
    activity: float = 0.5,
    values: Literal["bipolar", "binary"] = "bipolar",
    exact: bool = False,
    seed: int = 0,
) -> npt.NDArray[np.int8]:
    """Return random patterns, one per row.

    Parameters
    ----------
    n_patterns, size : int
        Numbers of patterns and of units.
    activity : float
        Fraction of active units, in [0, 1]; 1/2 are the patterns of Hopfield (1982), small ones
        the sparse patterns of Willshaw, Buneman & Longuet-Higgins (1969) and Tsodyks & Feigelman
        (1988).
    values : {"bipolar", "binary"}
        Active units are 1, the others -1 ("bipolar") or 0 ("binary").
    exact : bool
        False: each unit is active independently with probability `activity`. True: exactly
        ``round(activity * size)`` units of each pattern are, all choices equally likely.
    seed : int
        The same seed gives the same patterns; the active units do not depend on `values`.

    Returns
    -------
    (n_patterns, size) int8 array, read-only

    Raises
    ------
    DescriptionError
        If a number is no such number, or `values` is unknown.

    Source: Hopfield (1982), PNAS 79:2554-2558; Willshaw, Buneman & Longuet-Higgins (1969), Nature
    222:960-962; Tsodyks & Feigelman (1988), Europhys. Lett. 6:101-105.

    Examples
    --------
    >>> random_patterns(3, 1000, activity=0.1, values="binary", exact=True).sum(axis=1).tolist()
    [100, 100, 100]
    """
    rows = to_int(n_patterns, "random_patterns: n_patterns", at_least=1)
    columns = to_int(size, "random_patterns: size", at_least=1)
    fraction = to_scalar(activity, "1", "random_patterns: activity")
    if not 0 <= fraction <= 1:
        raise DescriptionError("random_patterns: activity", activity, "a number in [0, 1]")
    if values not in INACTIVE:
        raise UnknownNameError("random_patterns: values", values, INACTIVE)
    check_bool(exact, "random_patterns: exact")
    generator = np.random.Generator(np.random.Philox(to_int(seed, "random_patterns: seed")))
    uniform = generator.random((rows, columns))
    if exact:
        rank = np.argsort(np.argsort(uniform, axis=1), axis=1)
        active = rank < round(fraction * columns)
    else:
        active = uniform < fraction
    patterns = np.where(active, np.int8(1), np.int8(INACTIVE[values]))
    patterns.flags.writeable = False
    return patterns
