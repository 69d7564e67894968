"""One-step replica-symmetry breaking: the glass of a dense network without recall.

Without overlap with a pattern, K = load N^(P-1) / P! stored patterns act as the random couplings of
the Ising P-spin glass with energies of variance load N, J = sqrt(2 load) of Derrida and Gardner.
Per unit, with beta f the extremum over q and the block parameter 0 < x <= 1 of

    -beta f = ln 2 + (beta^2 load / 2) [1 - P q^(P-1) + (P - 1)(1 - x) q^P]
              + (1/x) ln E_z cosh^x(s z),        s = beta sqrt(P load q^(P-1))

q is the overlap within a state, 1 - x the weight of pairs in the same state. Given x and s, q is
the mean of tanh^2 under the weight cosh^x, beta^2 load = s^2 / (P q^(P-1)), and stationarity in x
is one equation for s, which has one root: temperatures follow. Everything depends on T / J alone.

Source: Gross & Mezard (1984), Nucl. Phys. B 240:431; Gardner (1985), Nucl. Phys. B 257:747; Derrida
(1981), Phys. Rev. B 24:2613; for dense associative memories Albanese, Alemanno, Alessandrelli &
Barra (2022), J. Stat. Phys. 189 (arXiv:2111.12997).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

from neurosim.analysis.memory import checks
from neurosim.analysis.memory.gaussian import Tilted, tilted
from neurosim.analysis.memory.replica import first_beyond, highest, root
from neurosim.errors import DescriptionError

WHAT = "one-step replica-symmetry breaking"

COLDEST = 1e-3
"""The lowest T / J above 0 that is resolved; 0 itself has its own formulas."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GlassState:
    """The disordered state of a dense network: a paramagnet, or a glass with one-step breaking.

    Attributes
    ----------
    load, temperature : float
        Where.
    q : float
        Overlap of two configurations of one state; 0 in the paramagnet.
    block : float
        The parameter x; 1 in the paramagnet, 0 at temperature 0.
    free_energy, energy, entropy : float
        Per unit.
    replicon : float
        Above 0 if the state is stable against further breaking; at temperature 0 it is -inf.
    """

    load: float
    temperature: float
    q: float
    block: float
    free_energy: float
    energy: float
    entropy: float
    replicon: float

    @property
    def frozen(self) -> bool:
        """Whether it is a glass."""
        return self.q > 0


def glass_state(order: int, load: float, temperature: float) -> GlassState:
    """Return the disordered state of a dense network with one-step replica-symmetry breaking.

    Parameters
    ----------
    order : int
        P, 3 or more.
    load : float
        P! K / N^(P-1).
    temperature : float
        0, or at least 0.001 sqrt(2 load).

    Raises
    ------
    DescriptionError
        For P below 3, negative numbers, or a temperature that is too low to be resolved.
    ConvergenceError
        If a root is not found.
    """
    place = "glass_state"
    p = checks.whole(order, f"{place}.order", at_least=3, at_most=200)
    alpha = checks.load(load, f"{place}.load")
    t = checks.temperature(temperature, f"{place}.temperature")
    if t >= glass_temperature(p, alpha) and t > 0:
        return GlassState(
            load=alpha,
            temperature=t,
            q=0.0,
            block=1.0,
            free_energy=-t * math.log(2) - alpha / (2 * t),
            energy=-alpha / t,
            entropy=math.log(2) - alpha / (2 * t * t),
            replicon=1.0,
        )
    j = math.sqrt(2 * alpha)
    if t == 0:
        energy = -j * ground_state_energy(p)
        return GlassState(
            load=alpha,
            temperature=0.0,
            q=1.0 if alpha else 0.0,
            block=0.0,
            free_energy=energy,
            energy=energy,
            entropy=0.0,
            replicon=-math.inf if alpha else 1.0,
        )
    if t < COLDEST * j:
        expected = f"0, or at least {COLDEST:g} sqrt(2 load) = {COLDEST * j:.3g}"
        raise DescriptionError(f"{place}.temperature", temperature, expected)
    where = f"P = {p}, load = {alpha:g}, T = {t:g}"
    # x is T / J times a number between 1.3 (P = 3, T to 0) and 1.7 (P to infinity)
    coldest = math.log(0.5 * t / j)
    log_x = root(lambda y: _temperature(p, math.exp(y)) - t / j, coldest, 0.0, WHAT, where)
    x = math.exp(log_x)
    s, found = _on_curve(p, x)
    q = found.q
    coupling = alpha / (t * t)
    entropic = math.log(2) + coupling / 2 * (1 - p * q ** (p - 1) + (p - 1) * (1 - x) * q**p)
    free = -t * (entropic + found.log_mean / x)
    energy = -alpha / t * (1 - (1 - x) * q**p)
    return GlassState(
        load=alpha,
        temperature=t,
        q=q,
        block=x,
        free_energy=free,
        energy=energy,
        entropy=(energy - free) / t,
        replicon=_replicon(p, s, found),
    )


def glass_temperature(order: int, load: float) -> float:
    """Return the temperature at which the disordered state freezes: .651 sqrt(2 load) for P = 3.

    There x reaches 1 and q jumps. For P to infinity it is that of the random-energy model,
    sqrt(load / (2 ln 2)), where the entropy of the paramagnet would become negative.

    Raises
    ------
    DescriptionError
        For P below 3 or a negative load.
    ConvergenceError
        If a root is not found.
    """
    p = checks.whole(order, "glass_temperature.order", at_least=3, at_most=200)
    alpha = checks.load(load, "glass_temperature.load")
    return math.sqrt(2 * alpha) * _temperature(p, 1.0)


def dynamical_temperature(order: int, load: float) -> float:
    """Return the temperature below which metastable states trap the dynamics.

    There a solution q > 0 appears at x = 1; it lies above that of freezing.

    Source: Kirkpatrick & Thirumalai (1987), Phys. Rev. B 36:5388.

    Raises
    ------
    DescriptionError
        For P below 3 or a negative load.
    ConvergenceError
        If the top of the curve is not found.
    """
    p = checks.whole(order, "dynamical_temperature.order", at_least=3, at_most=200)
    alpha = checks.load(load, "dynamical_temperature.load")
    return math.sqrt(2 * alpha) * _dynamical(p)


def gardner_temperature(order: int, load: float) -> float:
    """Return the temperature below which one step of breaking is no longer enough.

    .240 sqrt(2 load) for P = 3.

    Raises
    ------
    DescriptionError
        For P below 3 or a negative load, or where it lies below 0.001 sqrt(2 load) (P large).
    ConvergenceError
        If a root is not found.
    """
    p = checks.whole(order, "gardner_temperature.order", at_least=3, at_most=200)
    alpha = checks.load(load, "gardner_temperature.load")
    return math.sqrt(2 * alpha) * _gardner(p)


@lru_cache(maxsize=256)
def ground_state_energy(order: int) -> float:
    """Return -E / (N J) of the ground state, one step of breaking: sqrt(ln 2) for P to infinity.

    At T = 0, with y = x / T and E exp(y |h|) of a Gaussian field of variance P / 2, it is the
    minimum over y of (1/y) ln E - (P - 1) y / 4 (J = 1, load = 1/2).

    Raises
    ------
    DescriptionError
        For P below 3.
    ConvergenceError
        If the minimum is not found.
    """
    from scipy.special import log_ndtr

    p = checks.whole(order, "ground_state_energy.order", at_least=3, at_most=200)
    std = math.sqrt(p / 2)

    def negative(log_y: float) -> float:
        y = math.exp(log_y)
        log_mean = math.log(2) + (y * std) ** 2 / 2 + float(log_ndtr(y * std))
        return (p - 1) * y / 4 - log_mean / y

    where = f"P = {p}, T = 0"
    return -highest(negative, math.log(0.05), math.log(20.0), WHAT, where, points=65)[1]


def _stationarity(p: int, x: float, s: float) -> float:
    """Return x^2 times the derivative of the free entropy by x, given q(x, s)."""
    found = tilted(s, x)
    return x * found.log_cosh - found.log_mean - (p - 1) * (x * s) ** 2 * found.q / (2 * p)


@lru_cache(maxsize=4096)
def _on_curve(p: int, x: float) -> tuple[float, Tilted]:
    """Return the std of the field at block parameter x, and its averages."""
    where = f"P = {p}, x = {x:g}"
    # at small s the trivial q = 0 is stationary too, and the function is negative beyond it
    low = 0.5 / x**0.5
    high = first_beyond(lambda s: -_stationarity(p, x, s), low, WHAT, where)
    s = root(lambda s: _stationarity(p, x, s), low, high, WHAT, where)
    return s, tilted(s, x)


def _scaled(p: int, s: float, q: float) -> float:
    """Return T / J where beta^2 load = s^2 / (P q^(P-1))."""
    return math.sqrt(p * q ** (p - 1) / 2) / s


def _temperature(p: int, x: float) -> float:
    s, found = _on_curve(p, x)
    return _scaled(p, s, found.q)


def _replicon(p: int, s: float, found: Tilted) -> float:
    """Return 1 - beta^2 load P (P - 1) q^(P-2) <sech^4>."""
    return 1 - (p - 1) * s * s / found.q * found.s4


@lru_cache(maxsize=256)
def _dynamical(p: int) -> float:
    def scaled(s: float) -> float:
        return _scaled(p, s, tilted(s, 1.0).q)

    return highest(scaled, 0.2, 4.0 * math.sqrt(p), WHAT, f"P = {p}, dynamical", points=65)[1]


@lru_cache(maxsize=256)
def _gardner(p: int) -> float:
    where = f"P = {p}, end of one-step breaking"

    def stability(log_x: float) -> float:
        return _replicon(p, *_on_curve(p, math.exp(log_x)))

    coldest = math.log(COLDEST)
    if stability(coldest) > 0:
        expected = f"an order whose Gardner temperature is above {COLDEST:g} sqrt(2 load)"
        raise DescriptionError("gardner_temperature.order", p, expected)
    log_x = root(stability, coldest, 0.0, WHAT, where)
    return _temperature(p, math.exp(log_x))
