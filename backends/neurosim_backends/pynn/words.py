"""Words of a PyNN script: random numbers and arrays, in PyNN's units."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np

from neurosim.describe.distributions import (
    Distribution,
    Exponential,
    LogNormal,
    Normal,
    Uniform,
)
from neurosim.errors import UnsupportedError
from neurosim_backends._drafting import LONGEST
from neurosim_backends.nest.words import folded as with_lists_folded
from neurosim_backends.nest.words import is_code, number

RUN_IT = "a run on the backend 'pynn'"
WHERE = "in a script for PyNN"

WIDTH = 96
"""Characters of a line."""


def spelt(values: Any, part: str) -> str:
    """Return a number, or a list of numbers, as PyNN takes it for the cells of a population.

    Raises
    ------
    UnsupportedError
        If it is too long to be spelt out.

    >>> spelt(np.array([0.1, 0.1]), "cells"), spelt(np.array([0.1, 0.2]), "cells")
    ('0.1', '[0.1, 0.2]')
    """
    flat = np.atleast_1d(np.asarray(values, np.float64))
    if np.all(flat == flat[0]):
        return number(float(flat[0]))
    if flat.size > LONGEST:
        raise UnsupportedError(
            f"{part}: an array of {flat.size} numbers", "a script does not spell out so many",
            f"a distribution, or {RUN_IT}",
        )  # fmt: skip
    return f"[{', '.join(number(float(v)) for v in flat)}]"


_DRAWN = re.compile(r"(.*RandomDistribution\()(.*rng=rng)(\).*)")


def folded(line: str) -> str:
    """Return a line with its draw, or its lists of numbers, on lines of their own if too long."""
    drawn = _DRAWN.fullmatch(line)
    if len(line) <= WIDTH or drawn is None or not is_code(drawn[1]):
        return with_lists_folded(line)
    margin = line[: len(line) - len(line.lstrip())]
    return f"{drawn[1]}\n{margin}    {drawn[2]}\n{margin}{drawn[3]}"


def distribution(
    value: Distribution, factor: float = 1.0, *, scale: str = "", least: float = -math.inf,
    most: float = math.inf,
) -> str | None:  # fmt: skip
    """Return a RandomDistribution of PyNN, or None if it has no words for this one.

    Parameters
    ----------
    factor : float
        What values are multiplied with; bounds move along.
    scale : str
        A name that numbers are multiplied with besides.
    least, most : float
        Values beyond are redrawn, before `scale`.

    >>> distribution(Uniform(-60, -50))
    'RandomDistribution("uniform", low=-60.0, high=-50.0, rng=rng)'
    >>> distribution(Normal(40, 8), 1e-3, least=0.0)
    'RandomDistribution("normal_clipped", mu=0.04, sigma=0.008, low=0.0, high=np.inf, rng=rng)'
    """
    low, high = sorted(factor * bound for bound in value.bounds)
    clipped = value.bound == "clip"
    if clipped and (least > low or most < high):
        return None
    low, high = max(low, least), min(high, most)
    bounded = low > -math.inf or high < math.inf
    match value:
        case Uniform(low=a, high=b):
            ends = sorted((factor * float(a), factor * float(b)))
            if bounded and (low > ends[0] or high < ends[1]):
                return None
            return _call("uniform", scale, low=ends[0], high=ends[1])
        case Normal(mean=a, sd=b):
            numbers = {"mu": factor * float(a), "sigma": abs(factor) * float(b)}
            if not bounded:
                return _call("normal", scale, **numbers)
            name = "normal_clipped_to_boundary" if clipped else "normal_clipped"
            return _call(name, scale, **numbers, low=low, high=high)
        case LogNormal(mu=a, sigma=b) if factor > 0 and not scale:
            if max(low, 0.0) > 0 or high < math.inf:
                return None
            return _call("lognormal", "", mu=float(a) + math.log(factor), sigma=float(b))
        case Exponential(scale=b, offset=a) if factor > 0 and float(a) == 0:
            if max(low, 0.0) > 0 or high < math.inf:
                return None
            return _call("exponential", scale, beta=factor * float(b))
        case _:
            return None


def _call(name: str, scale: str, **numbers: float) -> str:
    times = f" * {scale}" if scale else ""
    given = [
        f"{key}={number(v)}{times}" if math.isfinite(v) else f"{key}={'-' * (v < 0)}np.inf"
        for key, v in numbers.items()
    ]
    return f'RandomDistribution("{name}", {", ".join(given)}, rng=rng)'
