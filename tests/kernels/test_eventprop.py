"""Where membranes cross their thresholds between events: nothing is missed, nothing is early."""

from __future__ import annotations

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.special import lambertw

from neurosim.kernels import eventprop
from neurosim.kernels.eventprop import ROW, first_crossing, gain, potential

times = st.floats(0.5, 50.0)


def neuron(tau_m: float, tau_1: float, tau_2: float, rest: float = 0.0) -> np.ndarray:
    """Return a row with threshold 1, reset 0 and a capacitance of 1."""
    row = dict.fromkeys(ROW, 0.0)
    row |= {"a": 1 / tau_m, "b_1": 1 / tau_1, "b_2": 1 / tau_2, "c": 1.0, "threshold": 1.0}
    row["rest"] = rest
    return np.array([row[name] for name in ROW])


def brought(tau_m: float, tau: float, t: np.ndarray) -> np.ndarray:
    """Return what a unit of current brings: the solution of V' = -V / tau_m + exp(-t / tau)."""
    if abs(tau - tau_m) < 1e-6 * tau:
        return np.asarray(t * np.exp(-t / tau))
    return np.asarray((np.exp(-t / tau_m) - np.exp(-t / tau)) / (1 / tau - 1 / tau_m))


@settings(max_examples=60, deadline=None)
@example(1.0, 1.0, 1.0, 0.0, 0.0, -1.0, 1.0, 1.0)
@example(1.0, 1.0, 1.0, 1.0, 0.0, 1.0, 1.0, 1.0)
@given(
    times, times, times, st.floats(-2.0, 2.0), st.floats(-2.0, 1.0),
    st.sampled_from([0.0, 1.0, -1.0]), st.floats(0, 1), st.floats(0, 1),
)  # fmt: skip
def test_the_first_crossing_is_found(
    tau_m: float, tau_1: float, tau_2: float, rest: float, v: float, sign: float, x: float,
    y: float,
) -> None:  # fmt: skip
    """Against a scan of 4,000 points: no earlier crossing, and at it the threshold."""
    p, i_1, i_2 = neuron(tau_m, tau_1, tau_2, rest), x, sign * y
    grid = np.linspace(0, 80, 4001)
    course = rest + (v - rest) * np.exp(-grid / tau_m)
    for tau, i in ((tau_1, i_1), (tau_2, i_2)):
        course += i * brought(tau_m, tau, grid)
    found = first_crossing(80.0, v, i_1, i_2, p)
    above = np.flatnonzero(course > 1 + 1e-7)
    if found < 0:
        assert not above.size
        return
    assert abs(potential(found, v, i_1, i_2, p) - 1) < 1e-12
    if above.size:
        assert found <= grid[above[0]]
        assert not np.any(course[grid < found] > 1 + 1e-7)


@settings(max_examples=25, deadline=None)
@given(times, st.floats(1e-12, 0.3))
def test_the_gain_stands_where_time_constants_meet(tau: float, apart: float) -> None:
    """(exp(-b t) - exp(-a t)) / (a - b) against long double, close to a = b and at it."""
    a, t = np.longdouble(1 / tau), np.longdouble(3.0)
    b = a * (1 + np.longdouble(apart))
    series = sum((-(b - a) * t) ** k / np.prod(np.arange(1.0, k + 2)) for k in range(25))
    assert abs(gain(float(a), float(b), 3.0) / (np.exp(-a * t) * t * series) - 1) < 1e-13
    assert abs(gain(1 / tau, 1 / tau, 3.0) / (3.0 * np.exp(-3.0 / tau)) - 1) < 1e-15


def test_closed_forms() -> None:
    """tau_m = 2 tau_s by a quadratic equation, tau_m = tau_s by Lambert's W; V from 0, threshold 1.

    Goeltz et al. (2021), Nat. Mach. Intell. 3:823, equations 2 and 3.
    """
    for w in (0.3, 0.45, 2.0):
        tau = 10.0
        x = 0.5 + 0.5 * np.sqrt(1 - 4 / (2 * tau * w))
        quadratic = -2 * tau * np.log(x)
        found = first_crossing(200.0, 0.0, w, 0.0, neuron(2 * tau, tau, tau))
        assert abs(found - quadratic) < 1e-12 * quadratic
        # Another receptor without current: by the search in a bracket.
        searched = first_crossing(200.0, 0.0, 0.0, w, neuron(2 * tau, tau, tau))
        assert abs(searched - quadratic) < 1e-12 * quadratic
        equal = -tau * lambertw(-1 / (w * tau)).real
        found = first_crossing(200.0, 0.0, w, 0.0, neuron(tau, tau, tau))
        assert abs(found - equal) < 1e-12 * equal


def test_what_only_touches_the_threshold_does_not_cross_it() -> None:
    p = neuron(20.0, 10.0, 10.0)
    peak = 1 / (20 * 0.25)  # the weight whose potential has its peak at 1
    assert first_crossing(200.0, 0.0, peak * (1 - 1e-12), 0.0, p) == -1.0
    found = first_crossing(200.0, 0.0, peak * (1 + 1e-12), 0.0, p)
    assert abs(found - 20 * np.log(2)) < 1e-4
    assert eventprop.slope_after(found, 0.0, peak * (1 + 1e-12), 0.0, p) > 0
