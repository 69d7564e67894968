"""How many: keyed splitting of a total over rows, exact in law, independent of order.

A total is split over a binary tree of rows: each node draws, from one uniform that belongs to it
alone, how many of its share go to its left half. With repeats allowed the left half's number is
binomial, without repeats hypergeometric.

Both laws are drawn by inversion that starts at the mode and walks outwards, about one standard
deviation far; all nodes together take some sqrt(total * rows) steps. Probabilities at the mode
follow Loader (2000), Fast and accurate computation of binomial probabilities: sums of logarithms
of factorials would lose six digits at 10^9.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from neurosim.kernels.jit import kernel
from neurosim.kernels.random import philox4x32, uniform53

Ints = npt.NDArray[np.int64]

_HALF_LOG_2PI = 0.9189385332046727


@kernel
def _stirling_error(n: float) -> float:
    """Logarithm of n! minus Stirling's ln(sqrt(2 pi n) (n/e)^n), n > 0."""
    if n <= 16.0:
        return math.lgamma(n + 1.0) - (n + 0.5) * math.log(n) + n - _HALF_LOG_2PI
    z = 1.0 / (n * n)
    return (1 / 12 - (1 / 360 - (1 / 1260 - (1 / 1680 - z / 1188) * z) * z) * z) / n


@kernel
def _deviance(x: float, mean: float) -> float:
    """Deviance x ln(x / mean) + mean - x, accurate where x is near the mean."""
    if abs(x - mean) < 0.1 * (x + mean):
        v = (x - mean) / (x + mean)
        total = (x - mean) * v
        term = 2.0 * x * v
        v *= v
        for j in range(1, 1000):
            term *= v
            longer = total + term / (2 * j + 1)
            if longer == total:
                break
            total = longer
        return total
    return x * math.log(x / mean) + mean - x


@kernel
def binomial_probability(x: float, n: float, p: float, q: float) -> float:
    """Probability of x successes in n trials, q = 1 - p. All arguments float64."""
    if p <= 0.0:
        return 1.0 if x == 0.0 else 0.0
    if q <= 0.0:
        return 1.0 if x == n else 0.0
    if x == 0.0:
        return math.exp(n * math.log1p(-p) if p < 0.5 else n * math.log(q))
    if x == n:
        return math.exp(n * math.log1p(-q) if q < 0.5 else n * math.log(p))
    logarithm = (
        _stirling_error(n)
        - _stirling_error(x)
        - _stirling_error(n - x)
        - _deviance(x, n * p)
        - _deviance(n - x, n * q)
    )
    return math.exp(logarithm - _HALF_LOG_2PI - 0.5 * (math.log(x) + math.log1p(-x / n)))


# A tail below this adds nothing that a 53-bit uniform could hit.
_NOTHING = 1e-22


@kernel
def binomial(n: int, left: float, right: float, u: float) -> int:
    """Return how many of n go left, each with probability left / (left + right).

    n : int64; left, right : float64, not negative, not both 0; u : float64 in (0, 1)
    """
    if n == 0 or left <= 0.0:
        return 0
    if right <= 0.0:
        return n
    p = left / (left + right)
    mode = min(n, math.floor((n + 1.0) * p))
    at_mode = binomial_probability(float(mode), float(n), p, right / (left + right))
    u -= at_mode
    if u < 0.0:
        return mode
    odds = left / right
    up, down = mode, mode
    p_up, p_down = at_mode, at_mode
    while p_up > _NOTHING or p_down > _NOTHING:
        p_up *= odds * (n - up) / (up + 1.0)
        up += 1
        u -= p_up
        if u < 0.0:
            return up
        p_down *= down / (odds * (n - down + 1.0))
        down -= 1
        u -= p_down
        if u < 0.0:
            return down
    return mode


@kernel
def hypergeometric(n: int, left: float, right: float, u: float) -> int:
    """Return how many of n distinct things are among `left` of the left + right there are.

    n : int64, at most left + right; left, right : float64 whole numbers; u : float64 in (0, 1)
    """
    lowest = max(0, n - int(right))
    highest = min(n, int(left))
    if lowest >= highest:
        return lowest
    both = left + right
    mode = math.floor((n + 1.0) * (left + 1.0) / (both + 2.0))
    mode = min(max(mode, lowest), highest)
    p = n / both
    q = (both - n) / both
    at_mode = (
        binomial_probability(float(mode), left, p, q)
        * binomial_probability(float(n - mode), right, p, q)
        / binomial_probability(float(n), both, p, q)
    )
    u -= at_mode
    if u < 0.0:
        return mode
    up, down = mode, mode
    p_up, p_down = at_mode, at_mode
    while p_up > _NOTHING or p_down > _NOTHING:
        p_up *= (left - up) * (n - up) / ((up + 1.0) * (right - n + up + 1.0))
        up += 1
        u -= p_up
        if u < 0.0:
            return up
        p_down *= down * (right - n + down) / ((left - down + 1.0) * (n - down + 1.0))
        down -= 1
        u -= p_down
        if u < 0.0:
            return down
    return mode


@kernel
def split_total(total: int, allowed: Ints, distinct: bool, k0: Any, k1: Any, counts: Ints) -> None:
    """Split a total over rows.

    total    : int64
    allowed  : (n + 1,) int64           cumulated number of partners that each row may have
    distinct : bool                     no pair twice: a row gets at most its number of partners
    k0, k1   : uint64                   key, from `make_key`; the node [lo, hi) has counter (lo, hi)
    counts   : (n,) int64, written
    """
    n = counts.size
    counts[:] = 0
    if n == 0:
        return
    # Depth first; a tree of 2^62 rows would need 62 places.
    stack = np.empty((130, 3), np.int64)
    stack[0, 0] = 0
    stack[0, 1] = n
    stack[0, 2] = total
    top = 1
    while top > 0:
        top -= 1
        lo = stack[top, 0]
        hi = stack[top, 1]
        share = stack[top, 2]
        if share == 0:
            continue
        if hi - lo == 1:
            counts[lo] = share
            continue
        middle = (lo + hi) // 2
        w0, w1, _, _ = philox4x32(lo, hi, lo >> 32, hi >> 32, k0, k1)
        u = uniform53(w0, w1)
        left = float(allowed[middle] - allowed[lo])
        right = float(allowed[hi] - allowed[middle])
        if distinct:
            first = hypergeometric(share, left, right, u)
        else:
            first = binomial(share, left, right, u)
        stack[top, 0] = lo
        stack[top, 1] = middle
        stack[top, 2] = first
        stack[top + 1, 0] = middle
        stack[top + 1, 1] = hi
        stack[top + 1, 2] = share - first
        top += 2
