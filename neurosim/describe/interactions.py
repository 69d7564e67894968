"""What makes an energy of the overlaps between patterns and a state."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from neurosim.describe.checks import check_bool, to_int
from neurosim.errors import DescriptionError
from neurosim.explained import explained

Floats: TypeAlias = npt.NDArray[np.float64]


@explained
@dataclass(frozen=True, slots=True)
class Interaction:
    """Base of what makes an energy of overlaps.

    With m = sum_i xi_i s_i the overlap of a pattern, n the number of its entries that are not 0
    and N that of all units, E is a sum over patterns of a function of m and n; the field is half of
    what E falls by if unit i goes from -1 to +1, h_i = (E(s_i = -1) - E(s_i = +1)) / 2. It reads
    all units but i itself.
    """

    def energy(self, overlaps: Any, actives: Any, size: int, weights: Floats | None) -> float:
        """Return the energy.

        Parameters
        ----------
        overlaps, actives : (n_patterns,) int64
            m and n.
        size : int
            N.
        weights : (n_patterns,) float64 or None
        """
        raise NotImplementedError

    def field_scale(self, size: int) -> float:
        """Return what `pull` leaves out, so that it is a whole number where it can be."""
        raise NotImplementedError

    def pull(self, others: Floats, actives: Any, size: int) -> Floats:
        """Return what a pattern pulls a unit with, along its own entry, but for `field_scale`.

        others  : float64   overlap without the unit
        actives : int64     entries that are not 0, all told
        """
        raise NotImplementedError


@explained
@dataclass(frozen=True, slots=True)
class Linear(Interaction):
    """Pairs, as of Hopfield (1982): w_ij = sum_mu xi_i xi_j / N, w_ii = 0.

        E = -1/(2N) sum_mu (m^2 - n)

    The field is that of Hebb's rule with the factor 1/N; the memory is ferromagnetic below T = 1,
    and holds about 0.138 N random patterns (Amit, Gutfreund & Sompolinsky, 1985).
    """

    def energy(self, overlaps: Any, actives: Any, size: int, weights: Floats | None) -> float:
        """Return -1/(2N) sum w (m^2 - n), rounded once."""
        numbers = [int(m) ** 2 - int(n) for m, n in zip(overlaps, actives, strict=True)]
        return float(Fraction(-1, 2 * size) * _total(numbers, weights))

    def field_scale(self, size: int) -> float:
        """Return 1/N."""
        return 1.0 / size

    def pull(self, others: Floats, actives: Any, size: int) -> Floats:
        """Return m."""
        return others


@explained
@dataclass(frozen=True, slots=True)
class Polynomial(Interaction):
    """Products of n units.

    Attributes
    ----------
    n : int
        Units of a product, 2 to 20.
    distinct : bool
        True: E = -(n!/N^(n-1)) sum_mu sum_{i1 < .. < in} prod_k xi_ik s_ik, the p-spin memory of
        Gardner (1987). The sum over different units is the elementary symmetric polynomial of
        their products, which for entries of -1, 0 and 1 follows from the overlap alone. False:
        E = -(1/N^(n-1)) sum_mu m^n, as of Krotov & Hopfield (2016), where units may repeat.

    Without noise the field along a stored pattern is n in both cases, as N grows. ``Polynomial(2)``
    is twice `Linear`.

    Source: Gardner (1987), J. Phys. A 20:3453-3464; Krotov & Hopfield (2016), NeurIPS 29,
    equations 1-4; for the energy and its load Agliari et al. (2023), Physica A 626:129076.
    """

    n: int
    distinct: bool = True

    def __post_init__(self) -> None:
        order = to_int(self.n, "Polynomial.n", at_least=2)
        if order > 20:
            raise DescriptionError("Polynomial.n", self.n, "2 to 20")
        object.__setattr__(self, "n", order)
        check_bool(self.distinct, "Polynomial.distinct")

    def energy(self, overlaps: Any, actives: Any, size: int, weights: Floats | None) -> float:
        """Return the energy, rounded once."""
        pairs = zip(overlaps, actives, strict=True)
        if self.distinct:
            numbers = [symmetric(int(m), int(n), self.n) for m, n in pairs]
        else:
            numbers = [int(m) ** self.n for m in overlaps]
        return float(Fraction(-1, size ** (self.n - 1)) * _total(numbers, weights))

    def pull(self, others: Floats, actives: Any, size: int) -> Floats:
        """Return (n-1)! e_(n-1) of the others, or ((m + 1)^n - (m - 1)^n) / 2."""
        last, now = np.zeros_like(others), np.ones_like(others)
        for a, b, c, d in self.recurrence():
            last, now = now, a * others * now - (b * (actives - 1) + c + d * others**2) * last
        return now

    def field_scale(self, size: int) -> float:
        """Return n/N^(n-1) for different units, 1/N^(n-1) where they repeat."""
        return (self.n if self.distinct else 1) / float(size) ** (self.n - 1)

    def recurrence(self) -> list[tuple[float, float, float, float]]:
        """Return rows (a, b, c, d) of x_(k+1) = a m x_k - (b n + c + d m^2) x_(k-1).

        x_0 = 0, x_1 = 1, n - 1 rows; `m` and `n` are those of the other units. k! e_k of numbers
        +-1 obeys the first (with x_1 for k = 0), as the polynomials of Krawtchouk do; and
        ((m + 1)^k - (m - 1)^k) / 2 the second. Whole numbers, without a division.
        """
        if self.distinct:
            return [(1.0, float(k), float(-k * (k - 1)), 0.0) for k in range(self.n - 1)]
        return [(2.0, 0.0, -1.0, 1.0)] * (self.n - 1)


@explained
@dataclass(frozen=True, slots=True)
class ExponentialInteraction(Interaction):
    """An exponential of the overlap: E = -sum_mu exp(m - N).

    The energy of Demircigil et al. (2017) but for the factor exp(-N), with which it can be told in
    floating-point numbers; it holds exponentially many patterns. At T = 0 fields are compared on
    the scale of the largest, so that none is lost to rounding below the smallest number.

    Source: Demircigil, Heusel, Loewe, Upgang & Vermet (2017), J. Stat. Phys. 168:288-299.
    """

    def energy(self, overlaps: Any, actives: Any, size: int, weights: Floats | None) -> float:
        """Return -sum w exp(m - N)."""
        parts = np.exp((overlaps - size).astype(np.float64))
        return -float(parts.sum() if weights is None else parts @ weights)

    def pull(self, others: Floats, actives: Any, size: int) -> Floats:
        """Return exp(m - N): half of exp(m + 1) - exp(m - 1) is sinh(1) times as much."""
        return np.asarray(np.exp(others - size))

    def field_scale(self, size: int) -> float:
        """Return sinh(1)."""
        return math.sinh(1.0)


def _total(numbers: list[int], weights: Floats | None) -> Fraction:
    """Add whole numbers of any size, times weights, without rounding."""
    if weights is None:
        return Fraction(sum(numbers))
    return sum((Fraction(float(w)) * x for w, x in zip(weights, numbers, strict=True)), Fraction())


def symmetric(m: int, n: int, order: int) -> int:
    """Return order! e_order of n numbers of -1 and 1 with the sum m.

    >>> symmetric(1, 3, 2)  # 2 (1*1 - 1*1 - 1*1)
    -2
    """
    last, now = 0, 1
    for k in range(order):
        last, now = now, m * now - k * (n - k + 1) * last
    return now
