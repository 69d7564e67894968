"""Replica-symmetric theory of dense (P-spin) associative memories and of learning from examples.

    H = -(P! / (R^(P/2) N^(P-1))) sum_mu sum_(i1 < ... < iP) prod_k eta_ik^mu s_ik

eta^mu is the mean of M examples of archetype xi^mu: each bit of an example agrees with it with
probability (1 + r) / 2. R = r^2 (1 + rho) is the mean square of eta, and the *data-set entropy*
rho = (1 - r^2) / (M r^2) says how much of the archetype the examples leave open; rho = 0 are
patterns stored exactly. With load = P! K / N^(P-1) and u, z ~ N(0, 1)

    h = beta [P eta x^(P-1) + z sqrt(P load q^(P-1))]      eta = (1 + sqrt(rho) u) / sqrt(1 + rho)
    m = E tanh h      q = E tanh^2 h
    x = E eta tanh h = [m + rho A (1 - q)] / sqrt(1 + rho),   A = beta P x^(P-1) / sqrt(1 + rho)

The field is Gaussian, N(A, s^2), s^2 = rho A^2 + beta^2 P load q^(P-1). So with A and s given, all
else is explicit: T = P x^(P-1) / (A sqrt(1 + rho)), load = (s^2 - rho A^2) T^2 / (P q^(P-1)). Along
this curve at fixed T the load has one maximum, the spinodal; retrieval states lie between its x and
that without load. At T = 0 the parameter of the curve is y = A / (sqrt(2) s).

Only P >= 3: at P = 2 the noise has a soft part of its own (r in the Hopfield network).

Source: Gardner (1987), J. Phys. A 20:3453; Agliari, Albanese, Alemanno, Alessandrelli, Barra,
Giannotti, Lotito & Pedreschi (2023), Dense Hebbian neural networks: a replica symmetric picture of
supervised learning, Physica A 626 (arXiv:2212.00606), whose network this is; the form of the
equations above was derived anew.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from neurosim.analysis.memory import checks
from neurosim.analysis.memory.breaking import glass_state, glass_temperature
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

WHAT = "replica theory of the dense network"

CERTAIN = 6.0
"""Ratio of mean and standard deviation of a field at which 1 - m is 2 10^-9."""


def dataset_entropy(quality: float, n_examples: int) -> float:
    """Return rho = (1 - r^2) / (M r^2) of M examples of quality r.

    Raises
    ------
    DescriptionError
        If the quality does not lie in (0, 1] or there is no example.
    """
    place = "dataset_entropy.quality"
    r = checks.number(quality, place, "a quality in (0, 1]", low=0.0, high=1.0, open_low=True)
    m = checks.whole(n_examples, "dataset_entropy.n_examples", at_least=1)
    return (1 - r * r) / (m * r * r)


def dense_state(order: int, load: float, temperature: float, *, rho: float = 0.0) -> ReplicaState:
    """Return the state in which a dense network near an archetype stays.

    The retrieval state where it exists, whether or not it has the lowest free energy (see
    `dense_transition`). Where it does not: the disordered state, m = 0, with the free energy of
    `glass_state`; replica symmetry has no glass here, q jumps to its one-step value.

    Parameters
    ----------
    order : int
        P, units that interact at a time; 3 or more.
    load : float
        P! K / N^(P-1).
    temperature : float
        0, or at least 0.001.
    rho : float
        Entropy of the data set; 0 for patterns stored exactly.

    Raises
    ------
    DescriptionError
        For P below 3 or negative numbers.
    ConvergenceError
        If a root is not found.
    """
    p = _order(order, "dense_state.order")
    alpha = checks.load(load, "dense_state.load")
    t = checks.temperature(temperature, "dense_state.temperature")
    e = _entropy(rho, "dense_state.rho")
    if t >= dense_spinodal_temperature(p, rho=e) or alpha > dense_spinodal(p, t, rho=e):
        return _disordered(p, alpha, t)
    where = f"P = {p}, load = {alpha:g}, T = {t:g}, rho = {e:g}"
    if t == 0:
        top, most = _cold_top(p, e)[0], _cold_most(e)
        if alpha == 0:
            return _cold_state(p, 0.0, e, most)
        if math.isinf(most):
            most = first_beyond(lambda y: _cold_load(p, e, y) - alpha, top, WHAT, where)
        y = root(lambda y: _cold_load(p, e, y) - alpha, top, most, WHAT, where)
        return _cold_state(p, alpha, e, y)
    top = _top(p, t, e)[0]
    x_top = _overlap_with_examples(e, top, _std_at(p, t, e, top))

    def excess(x: float) -> float:
        return _overlap_with_examples(e, *_field(p, alpha, t, e, x)) - x

    x = root(excess, x_top, 1 + 1e-9, WHAT, where)  # x = E eta tanh h is below E |eta| <= 1
    return _warm_state(p, alpha, t, e, *_field(p, alpha, t, e, x))


def dense_spinodal(order: int, temperature: float, *, rho: float = 0.0) -> float:
    """Return the load P! K / N^(P-1) up to which retrieval states exist.

    At T = 0 and rho = 0: .7566, .7914, .8639, .9461 for P = 3 ... 6. 0 above the temperature of
    `dense_spinodal_temperature`.

    Raises
    ------
    DescriptionError
        For P below 3 or negative numbers.
    ConvergenceError
        If the top of the curve is not found.
    """
    p = _order(order, "dense_spinodal.order")
    t = checks.temperature(temperature, "dense_spinodal.temperature")
    e = _entropy(rho, "dense_spinodal.rho")
    if t == 0:
        return _cold_top(p, e)[1]
    return _top(p, t, e)[1] if t < dense_spinodal_temperature(p, rho=e) else 0.0


def dense_spinodal_temperature(order: int, *, rho: float = 0.0) -> float:
    """Return the temperature below which retrieval states exist at load 0.

    1.7477 for P = 3 and 1.983 for P = 4 at rho = 0.

    Raises
    ------
    DescriptionError
        For P below 3 or a negative rho.
    ConvergenceError
        If the top of the curve is not found.
    """
    p = _order(order, "dense_spinodal_temperature.order")
    return _hottest(p, _entropy(rho, "dense_spinodal_temperature.rho"))[1]


def dense_transition(order: int, temperature: float, *, rho: float = 0.0) -> float:
    """Return the load below which retrieval has a lower free energy than disorder.

    The disordered state is the paramagnet, and below its freezing the glass of one-step replica
    symmetry breaking. Where retrieval has the lower free energy up to its end, the load returned
    is that of the spinodal.

    Raises
    ------
    DescriptionError
        For P below 3 or negative numbers.
    ConvergenceError
        If a root is not found.
    """
    p = _order(order, "dense_transition.order")
    t = checks.temperature(temperature, "dense_transition.temperature")
    e = _entropy(rho, "dense_transition.rho")
    most = dense_spinodal(p, t, rho=e)

    def difference(alpha: float) -> float:
        return dense_state(p, alpha, t, rho=e).free_energy - _disordered(p, alpha, t).free_energy

    if most == 0 or difference(0.0) >= 0:
        return 0.0
    # the first crossing: replica-symmetric free energies need not differ in one direction only
    below = 0.0
    for alpha in most * (1 - 1e-9) * np.linspace(0, 1, 13)[1:]:
        if difference(float(alpha)) > 0:
            where = f"P = {p}, T = {t:g}, rho = {e:g}, transition"
            return root(difference, below, float(alpha), WHAT, where)
        below = float(alpha)
    return most


def dense_diagram(order: int, *, rho: float = 0.0, points: int = 30) -> PhaseDiagram:
    """Return the phase diagram: spinodal and transition of retrieval, freezing of the glass.

    Parameters
    ----------
    order : int
        P, 3 or more.
    rho : float
        Entropy of the data set.
    points : int
        Temperatures per line, at least 4.
    """
    p = _order(order, "dense_diagram.order")
    e = _entropy(rho, "dense_diagram.rho")
    n = checks.whole(points, "dense_diagram.points", at_least=4)
    hottest = dense_spinodal_temperature(p, rho=e)
    t = hottest * (1 - np.linspace(1, 0, n) ** 1.5)
    spinodal = np.array([dense_spinodal(p, float(x), rho=e) for x in t[:-1]] + [0.0])
    melting = _melting(p, e)
    cool = np.append(t[t < melting], melting)
    transition = np.array([dense_transition(p, float(x), rho=e) for x in cool[:-1]] + [0.0])
    alpha = 1.3 * spinodal.max() * np.linspace(0, 1, n) ** 2
    lines = {
        "spinodal": Line(load=spinodal, temperature=t, meaning="retrieval states exist up to here"),
        "transition": Line(
            load=transition,
            temperature=cool,
            meaning="retrieval has the lowest free energy up to here",
        ),
        "spin glass": Line(
            load=alpha,
            temperature=np.array([glass_temperature(p, float(a)) for a in alpha]),
            meaning="frozen (1RSB) below, paramagnet above",
        ),
    }
    name = f"dense network, P = {p}" + (f", ρ = {e:g}" if e else "")
    return PhaseDiagram(title=name, load_name="load P! K / N^(P-1)", lines=lines)


def _order(value: int, place: str) -> int:
    if value == 2:
        hint = "Pairwise coupling is the Hopfield network: hopfield_state and its companions."
        raise DescriptionError(place, value, "a whole number, at least 3", hint)
    return checks.whole(value, place, at_least=3, at_most=200)


def _entropy(value: float, place: str) -> float:
    return checks.number(value, place, "an entropy of the data set, at least 0", low=0.0)


def _disordered(p: int, alpha: float, t: float) -> ReplicaState:
    glass = glass_state(p, alpha, t)
    return ReplicaState(
        load=alpha,
        temperature=t,
        m=0.0,
        q=glass.q,
        r=glass.q ** (p - 1),
        x=0.0,
        free_energy=glass.free_energy,
        replicon=glass.replicon,
    )


# --- at T > 0: along the curve of A, the mean field in units of T


def _field(p: int, alpha: float, t: float, e: float, x: float) -> tuple[float, float]:
    """Return mean and std of the field at overlap x with the examples; q adjusts."""
    a = p * x ** (p - 1) / (t * math.sqrt(1 + e))

    def std(q: float) -> float:
        return math.sqrt(e * a * a + p * alpha * q ** (p - 1) / (t * t))

    where = f"P = {p}, load = {alpha:g}, T = {t:g}, rho = {e:g}, x = {x:g}"
    return a, std(root(lambda q: response(a, std(q)).q - q, 0.0, 1.0, WHAT, where))


def _overlap_with_examples(e: float, a: float, s: float) -> float:
    m, q, _ = response(a, s)
    return (m + e * a * (1 - q)) / math.sqrt(1 + e)


def _temperature(p: int, e: float, a: float, s: float) -> float:
    x = _overlap_with_examples(e, a, s)
    return float(p * x ** (p - 1) / (a * math.sqrt(1 + e)))


@lru_cache(maxsize=256)
def _hottest(p: int, e: float) -> tuple[float, float]:
    """Return A and the temperature where the two solutions without load merge."""
    where = f"P = {p}, rho = {e:g}, load 0"
    # in logarithms: with rho large the hump lies at small A; it is over where tanh saturates
    log_a, t = highest(
        lambda y: _temperature(p, e, math.exp(y), math.sqrt(e) * math.exp(y)),
        math.log(1e-3),
        math.log(3.0 * p),
        WHAT,
        where,
        points=65,
    )
    return math.exp(log_a), t


def _melting(p: int, e: float) -> float:
    """Return the temperature at which retrieval without load has the free energy of disorder."""

    def difference(t: float) -> float:
        return dense_state(p, 0.0, t, rho=e).free_energy - _disordered(p, 0.0, t).free_energy

    hottest = dense_spinodal_temperature(p, rho=e) * (1 - 1e-9)
    where = f"P = {p}, rho = {e:g}, load 0, transition"
    return root(difference, checks.LOWEST, hottest, WHAT, where)


@lru_cache(maxsize=1024)
def _range(p: int, t: float, e: float) -> tuple[float, float]:
    """Return the two values of A at which the load is 0."""
    where = f"P = {p}, T = {t:g}, rho = {e:g}, load 0"
    peak, _ = _hottest(p, e)

    def excess(a: float) -> float:
        return _temperature(p, e, a, math.sqrt(e) * a) - t

    low = peak
    for _ in range(200):
        if excess(low) <= 0:
            break
        low /= 2
    else:
        raise ConvergenceError(WHAT, where, f"no end of the unstable branch down to A = {low:.3g}")
    high = first_beyond(excess, peak, WHAT, where)
    return root(excess, low, peak, WHAT, where), root(excess, peak, high, WHAT, where)


def _std_at(p: int, t: float, e: float, a: float) -> float:
    """Return the s at which the curve has temperature T."""
    where = f"P = {p}, T = {t:g}, rho = {e:g}, A = {a:g}"
    least = math.sqrt(e) * a

    def excess(s: float) -> float:
        return _temperature(p, e, a, s) - t

    if excess(least) <= 0:  # rounding at the ends of the curve
        return least
    high = first_beyond(excess, max(1.0, 1.5 * least), WHAT, where)
    return root(excess, least, high, WHAT, where)


def _load_at(p: int, t: float, e: float, a: float) -> float:
    s = _std_at(p, t, e, a)
    return float((s * s - e * a * a) * t * t / (p * response(a, s).q ** (p - 1)))


@lru_cache(maxsize=1024)
def _top(p: int, t: float, e: float) -> tuple[float, float]:
    """Return A and the load where the branch that begins at load 0 ends.

    At rho > 0 the curve may have a second hump at smaller A, of states that align with the
    archetype only weakly; the hump next to the end without load is that of retrieval.
    """
    low, high = _range(p, t, e)
    where = f"P = {p}, spinodal at T = {t:g}, rho = {e:g}"
    if high > 10 and e < 1 / CERTAIN**2:
        # towards the end 1 - m is lost in rounding, with it s, and with it the load
        high = root(
            lambda a: a - CERTAIN * _std_at(p, t, e, a), _hottest(p, e)[0], high, WHAT, where
        )
    return highest(lambda a: _load_at(p, t, e, a), low, high, WHAT, where, last=True)


def _warm_state(p: int, alpha: float, t: float, e: float, a: float, s: float) -> ReplicaState:
    m, q, s4 = response(a, s)
    x = _overlap_with_examples(e, a, s)
    noise = alpha / (2 * t) * (1 - p * q ** (p - 1) + (p - 1) * q**p)
    free = -t * mean_log_2cosh(a, s) + (p - 1) * x**p - noise
    replicon = 1 - alpha * p * (p - 1) * q ** (p - 2) * s4 / (t * t)
    return ReplicaState(
        load=alpha,
        temperature=t,
        m=m,
        q=q,
        r=q ** (p - 1),
        x=x,
        free_energy=free,
        replicon=replicon,
    )


# --- at T = 0: along the curve of t = A / (sqrt(2) s)


def _cold_x(e: float, y: float) -> float:
    soft = e * 2 / math.sqrt(math.pi) * y * math.exp(-y * y) if e else 0.0
    return (math.erf(y) + soft) / math.sqrt(1 + e)


def _cold_load(p: int, e: float, y: float) -> float:
    return float((1 / (2 * y * y) - e) * p * _cold_x(e, y) ** (2 * p - 2) / (1 + e))


def _cold_most(e: float) -> float:
    """Return the parameter at which the load is 0."""
    return 1 / math.sqrt(2 * e) if e else math.inf


@lru_cache(maxsize=256)
def _cold_top(p: int, e: float) -> tuple[float, float]:
    most = min(_cold_most(e), 6.0)
    where = f"P = {p}, spinodal at T = 0, rho = {e:g}"
    return highest(
        lambda y: _cold_load(p, e, y), 1e-3 * most, most, WHAT, where, points=97, last=True
    )


def _cold_state(p: int, alpha: float, e: float, y: float) -> ReplicaState:
    x = _cold_x(e, y)
    signal = p * x ** (p - 1) / math.sqrt(1 + e)
    noise = math.sqrt(e * signal * signal + p * alpha)
    # E |h| of h ~ N(signal, noise^2); signal / noise = sqrt(2) y
    size = signal * math.erf(y) + noise * math.sqrt(2 / math.pi) * math.exp(-y * y)
    return ReplicaState(
        load=alpha,
        temperature=0.0,
        m=math.erf(y),
        q=1.0,
        r=1.0,
        x=x,
        free_energy=(p - 1) * x**p - size,
        replicon=-math.inf if alpha else 1.0,
    )
