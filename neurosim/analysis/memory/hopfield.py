"""Replica-symmetric theory of the Hopfield network (Amit, Gutfreund & Sompolinsky).

    J_ij = (1/N) sum_mu xi_i^mu xi_j^mu        H = -1/2 sum_(i != j) J_ij s_i s_j
    m = E tanh h        q = E tanh^2 h        h = beta (m + sqrt(load r) z),  z ~ N(0, 1)
    r = q / (1 - C)^2   C = beta (1 - q)      load = K / N

Instead of iterating these equations, which crawls where solutions merge, they are solved along a
curve: with s = beta sqrt(load r) given, a = beta m is the one positive root of m(a, s) = a T, and
q, C and load = s^2 T^2 (1 - C)^2 / q follow. From s = 0 on the load rises along the retrieval
states; where it is highest, two solutions merge: that is the spinodal, at T = 0 the capacity .138.

Source: Amit, Gutfreund & Sompolinsky (1987), Ann. Phys. 173:30-67; stability: de Almeida &
Thouless (1978), J. Phys. A 11:983.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from neurosim.analysis.memory import checks
from neurosim.analysis.memory.gaussian import mean_log_2cosh, response
from neurosim.analysis.memory.replica import (
    Line,
    PhaseDiagram,
    ReplicaState,
    first_beyond,
    highest,
    root,
)
from neurosim.errors import ConvergenceError, DescriptionError

WHAT = "replica theory of the Hopfield network"


def hopfield_state(load: float, temperature: float) -> ReplicaState:
    """Return the state in which a network near a stored pattern stays.

    The retrieval state where it exists, whether or not it has the lowest free energy (see
    `hopfield_transition`); otherwise `hopfield_disordered`, with m = 0.

    Parameters
    ----------
    load : float
        K / N, patterns per unit.
    temperature : float
        0, or at least 0.001; the scale is set by J_ij = (1/N) sum xi xi.

    Raises
    ------
    DescriptionError
        For a negative load or temperature.
    ConvergenceError
        If a root is not found.
    """
    alpha = checks.load(load, "hopfield_state.load")
    t = checks.temperature(temperature, "hopfield_state.temperature")
    if t >= 1 or alpha > hopfield_spinodal(t):
        return hopfield_disordered(alpha, t)
    where = f"load = {alpha:g}, T = {t:g}"
    if t == 0:
        if alpha == 0:
            return _cold_state(alpha, math.inf)
        top = _cold_top()[0]
        far = first_beyond(lambda y: _cold_load(y) - alpha, top, WHAT, where)
        return _cold_state(alpha, root(lambda y: _cold_load(y) - alpha, top, far, WHAT, where))
    s = root(lambda x: _load_at(x, t) - alpha, 0.0, _top(t)[0], WHAT, where)
    return _warm_state(alpha, t, _field_at(s, t), s)


def hopfield_disordered(load: float, temperature: float) -> ReplicaState:
    """Return the state without overlap: spin glass (q > 0) up to T = 1 + sqrt(load), above q = 0.

    Raises
    ------
    DescriptionError
        For a negative load or temperature.
    ConvergenceError
        If a root is not found.
    """
    alpha = checks.load(load, "hopfield_disordered.load")
    t = checks.temperature(temperature, "hopfield_disordered.temperature")
    where = f"load = {alpha:g}, T = {t:g}"
    if t >= 1 + math.sqrt(alpha):
        return _warm_state(alpha, t, 0.0, 0.0)
    if alpha == 0:
        # without noise from other patterns there is no glass: q = 0, though not a minimum
        return _warm_state(0.0, t, 0.0, 0.0) if t else _cold_state(0.0, 0.0)
    if t == 0:
        return _cold_state(alpha, 0.0)

    def excess(s: float) -> float:
        return _load_of(response(0.0, s).q, s, t) - alpha

    high = first_beyond(lambda s: -excess(s), 1.0, WHAT, where)
    return _warm_state(alpha, t, 0.0, root(excess, 1e-6, high, WHAT, where))


@lru_cache(maxsize=1024)
def hopfield_spinodal(temperature: float) -> float:
    """Return the load up to which retrieval states exist: .1379 at T = 0, 0 from T = 1 on.

    Raises
    ------
    DescriptionError
        For a negative temperature.
    ConvergenceError
        If a root or the top of the curve is not found.
    """
    t = checks.temperature(temperature, "hopfield_spinodal.temperature")
    if t >= 1:
        return 0.0
    return _cold_top()[1] if t == 0 else _top(t)[1]


def hopfield_transition(temperature: float) -> float:
    """Return the load of the first-order line: below it retrieval has the lowest free energy.

    .051 at T = 0. Above the line and up to the spinodal, retrieval states are metastable.

    Raises
    ------
    DescriptionError
        For a negative temperature.
    ConvergenceError
        If a root is not found.
    """
    t = checks.temperature(temperature, "hopfield_transition.temperature")
    if t >= 1:
        return 0.0
    where = f"T = {t:g}, first-order line"

    # along the curve, on which retrieval states need no search of their own
    def difference(x: float) -> float:
        alpha = _load_at(x, t) if t else _cold_load(x)
        recalled = _warm_state(alpha, t, _field_at(x, t), x) if t else _cold_state(alpha, x)
        return recalled.free_energy - hopfield_disordered(alpha, t).free_energy

    top = _top(t)[0] if t else _cold_top()[0]
    x = root(difference, 0.01 * top if t else 10.0, top, WHAT, where)
    return _load_at(x, t) if t else _cold_load(x)


def hopfield_replicon_line(temperature: float) -> float:
    """Return the load from which on the retrieval state breaks replica symmetry.

    Only at very low temperatures is that before the spinodal, where the state ends.

    Raises
    ------
    DescriptionError
        If the temperature is 0, where every load breaks it, or so high that none does.
    ConvergenceError
        If a root is not found.
    """
    place = "hopfield_replicon_line.temperature"
    t = checks.temperature(temperature, place)
    if t == 0 or t >= 1:
        raise DescriptionError(place, temperature, "a temperature above 0 and below 1")
    where = f"T = {t:g}, line of replica-symmetry breaking"
    top = _top(t)[0]
    if _replicon(top, t) > 0:
        expected = "a lower temperature: at this one retrieval is stable up to its spinodal"
        raise DescriptionError(place, temperature, expected)
    return _load_at(root(lambda s: _replicon(s, t), 0.0, top, WHAT, where), t)


def hopfield_diagram(points: int = 40) -> PhaseDiagram:
    """Return the phase diagram: spinodal, first-order line, edge of the spin glass, AT line.

    Parameters
    ----------
    points : int
        Temperatures per line, at least 4.

    Source: Amit, Gutfreund & Sompolinsky (1987), Fig. 3.
    """
    n = checks.whole(points, "hopfield_diagram.points", at_least=4)
    # closer near T = 1, where loads go to 0 steeply
    t = 1 - np.linspace(1, 0, n) ** 1.5
    spinodal = np.array([hopfield_spinodal(float(x)) for x in t])
    transition = np.array([hopfield_transition(float(x)) for x in t])
    cold = np.geomspace(0.002, _replicon_top() * (1 - 1e-6), n // 2)
    alpha = 1.3 * spinodal[0] * np.linspace(0, 1, n) ** 2  # steep at 0
    lines = {
        "spinodal": Line(load=spinodal, temperature=t, meaning="retrieval states exist up to here"),
        "transition": Line(
            load=transition,
            temperature=t,
            meaning="retrieval has the lowest free energy up to here",
        ),
        "spin glass": Line(
            load=alpha, temperature=1 + np.sqrt(alpha), meaning="spin glass below, q = 0 above"
        ),
        "replica symmetry": Line(
            load=np.array([hopfield_replicon_line(float(x)) for x in cold]),
            temperature=cold,
            meaning="retrieval breaks replica symmetry below",
        ),
    }
    return PhaseDiagram(title="Hopfield network", load_name="load K / N", lines=lines)


def free_energy_profile(overlaps: npt.ArrayLike, load: float, temperature: float) -> checks.Floats:
    """Return the free energy per unit as a function of a prescribed overlap.

    q and r take their values at the given m; minima of the profile are the states.

    Parameters
    ----------
    overlaps : (n,) float
        Values of m in (-1, 1).
    load : float
        K / N.
    temperature : float
        Above 0, at least 0.001.

    Returns
    -------
    (n,) float64

    Raises
    ------
    DescriptionError
        For values outside these ranges.
    ConvergenceError
        If a root is not found.
    """
    place = "free_energy_profile"
    ms = checks.array(overlaps, f"{place}.overlaps", 1, "overlaps between -1 and 1")
    if not (np.abs(ms) < 1).all():
        raise DescriptionError(f"{place}.overlaps", ms, "overlaps between -1 and 1")
    alpha = checks.load(load, f"{place}.load")
    t = checks.temperature(temperature, f"{place}.temperature")
    if t == 0:
        raise DescriptionError(f"{place}.temperature", temperature, "a temperature above 0")
    return np.array([_profile(abs(float(m)), alpha, t) for m in ms])


def _profile(m: float, alpha: float, t: float) -> float:
    """Return the free energy at overlap m: the conjugate field a enforces it, q and r adjust."""
    where = f"m = {m:g}, load = {alpha:g}, T = {t:g}"

    def field(s: float) -> float:
        if m == 0:
            return 0.0
        high = first_beyond(lambda x: m - response(x, s).m, 1.0, WHAT, where)
        return root(lambda x: response(x, s).m - m, 0.0, high, WHAT, where)

    def excess(s: float) -> float:
        return _load_of(response(field(s), s).q, s, t) - alpha

    s = 0.0
    if alpha > 0 and (m > 0 or t < 1 + math.sqrt(alpha)):
        high = first_beyond(lambda x: -excess(x), 1.0, WHAT, where)
        s = root(excess, 1e-6, high, WHAT, where)
    a = field(s)
    q = response(a, s).q
    c = (1 - q) / t
    if alpha > 0 and c >= 1:
        raise ConvergenceError(WHAT, where, "no state with C < 1")
    noise = alpha * t * (math.log1p(-c) - q / t / (1 - c)) / 2 if alpha else 0.0
    squeezed = s * s * t * (1 - q) / 2
    entropy = -t * mean_log_2cosh(a, s)
    # Legendre transform from the field a to the overlap m
    return alpha / 2 + noise + squeezed + entropy + a * t * m - m * m / 2


# --- at T > 0: along the curve of s = beta sqrt(load r)


def _field_at(s: float, t: float) -> float:
    """Return a = beta m > 0 of the state with overlap, or 0 where there is none."""

    def excess(a: float) -> float:
        return response(a, s).m - a * t

    # E tanh is concave in a: there is a root if the slope at 0 is above T
    if 1 - response(0.0, s).q <= t:
        return 0.0
    low = 1.0
    while excess(low) <= 0:
        low /= 2
        if low < 1e-7:  # on the end of the curve, up to rounding
            return 0.0
    return root(excess, low, 1.01 / t, WHAT, f"T = {t:g}, s = {s:g}")


def _load_of(q: float, s: float, t: float) -> float:
    """Return s^2 T^2 (1 - C)^2 / q, and 0 where C >= 1: there is no state.

    On the curve C < 1: m is concave in a, so its slope 1 - q is below that of its chord, T.
    """
    return (s * t * max(0.0, 1 - (1 - q) / t)) ** 2 / q


def _load_at(s: float, t: float) -> float:
    return _load_of(response(_field_at(s, t), s).q, s, t)


def _replicon(s: float, t: float) -> float:
    """Return the replicon along the curve, where load / (1 - C)^2 is s^2 T^2 / q."""
    _, q, s4 = response(_field_at(s, t), s)
    return 1 - s * s * s4 / q


@lru_cache(maxsize=1)
def _replicon_top() -> float:
    """Return the temperature at which the line of symmetry breaking meets the spinodal."""
    where = "end of the line of replica-symmetry breaking"
    return root(lambda t: _replicon(_top(t)[0], t), 0.002, 0.2, WHAT, where)


@lru_cache(maxsize=1024)
def _top(t: float) -> tuple[float, float]:
    where = f"spinodal at T = {t:g}"
    # the curve ends where the state without overlap becomes stable, 1 - q = T
    beyond = first_beyond(lambda s: 1 - response(0.0, s).q - t, 1.0, WHAT, where)
    end = root(lambda s: 1 - response(0.0, s).q - t, 0.0, beyond, WHAT, where)
    return highest(lambda s: _load_at(s, t), 0.0, end, WHAT, where, points=21)


def _warm_state(alpha: float, t: float, a: float, s: float) -> ReplicaState:
    m, q, s4 = response(a, s)
    c = (1 - q) / t
    free = alpha / 2 + m * m / 2 - t * mean_log_2cosh(a, s)
    r = 0.0
    replicon = 1.0
    if alpha > 0:
        r = q / (1 - c) ** 2
        free += alpha * t / 2 * (math.log1p(-c) - q / t / (1 - c)) + alpha * r * (1 - q) / (2 * t)
        replicon = 1 - alpha * s4 / (t * (1 - c)) ** 2
    return ReplicaState(
        load=alpha, temperature=t, m=m, q=q, r=r, x=m, free_energy=free, replicon=replicon
    )


# --- at T = 0: along the curve of y = m / sqrt(2 load r)


def _cold_load(y: float) -> float:
    return 0.5 * (math.erf(y) / y - 2 / math.sqrt(math.pi) * math.exp(-y * y)) ** 2


@lru_cache(maxsize=1)
def _cold_top() -> tuple[float, float]:
    return highest(_cold_load, 0.5, 5.0, WHAT, "capacity at T = 0")


def _cold_state(alpha: float, y: float) -> ReplicaState:
    m = math.erf(y)
    if alpha == 0:
        # y = 0 is the paramagnet, the only state without overlap that has no load
        q, energy = (1.0, -0.5) if m else (0.0, 0.0)
        return ReplicaState(
            load=0.0, temperature=0.0, m=m, q=q, r=q, x=m, free_energy=energy, replicon=1.0
        )
    # sqrt(load r) (1 - C) = sqrt(load), and C sqrt(load r) = sqrt(2 / pi) exp(-y^2)
    noise = math.sqrt(alpha) + math.sqrt(2 / math.pi) * math.exp(-y * y)
    c = 1 - math.sqrt(alpha) / noise
    r = noise * noise / alpha
    energy = (
        alpha / 2
        - m * m / 2
        - alpha / (2 * (1 - c))
        + alpha * r * c / 2
        - noise * math.sqrt(2 / math.pi) * math.exp(-y * y)
    )
    return ReplicaState(
        load=alpha, temperature=0.0, m=m, q=1.0, r=r, x=m, free_energy=energy, replicon=-math.inf
    )
