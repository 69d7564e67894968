"""Replica theories against iteration of their own equations, published figures, and simulation."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from neurosim.analysis import memory
from neurosim.analysis.memory.gaussian import mean_log_2cosh, response, tilted
from neurosim.analysis.memory.replica import highest, root
from neurosim.errors import ConvergenceError, DescriptionError

# A plain sum over a fine grid: tanh is sharp at low temperature.
Z = np.linspace(-8, 8, 801)
W = np.exp(-0.5 * Z * Z)
W = W / W.sum()


def gauss(function: Callable[[float], float], std: float) -> float:
    """E f(h), h ~ N(0, std^2), by adaptive quadrature around 0 and beyond."""
    edges = sorted({-12 * std, -6.0, 0.0, 6.0, 12 * std})
    parts = [
        quad(
            lambda h: function(h) * math.exp(-0.5 * (h / std) ** 2),
            a,
            b,
            epsabs=1e-14,
            limit=400,
        )[0]
        for a, b in pairwise(edges)
    ]
    return float(sum(parts)) / (std * math.sqrt(2 * math.pi))


# --- the integrals


@pytest.mark.parametrize(("mean", "std"), [(0.4, 0.3), (1.0, 1.0), (1.0, 1.01), (-2.0, 4.0)])
def test_moments_of_a_gaussian_field(mean: float, std: float) -> None:
    """Either way of integrating agrees with adaptive quadrature, on both sides of their border."""
    found = response(mean, std)
    expected = [
        gauss(lambda h: math.tanh(mean + h), std),
        gauss(lambda h: math.tanh(mean + h) ** 2, std),
        gauss(lambda h: (1 - math.tanh(mean + h) ** 2) ** 2, std),
    ]
    assert found == pytest.approx(expected, abs=1e-9)
    entropy = gauss(lambda h: float(np.logaddexp(mean + h, -mean - h)), std)
    assert mean_log_2cosh(mean, std) == pytest.approx(entropy, abs=1e-9)


@pytest.mark.parametrize(("std", "x"), [(0.5, 0.7), (1.01, 0.3), (3.0, 1.0), (2.0, 0.1)])
def test_averages_over_states(std: float, x: float) -> None:
    def weight(h: float) -> float:
        return float(math.cosh(h) ** x)

    z = gauss(weight, std) if x * std < 1 else tilted_by_sum(std, x, lambda h: np.ones_like(h))
    q = tilted_by_sum(std, x, lambda h: np.tanh(h) ** 2) / z
    u = tilted_by_sum(std, x, lambda h: np.log(np.cosh(h))) / z
    s4 = tilted_by_sum(std, x, lambda h: np.cosh(h) ** -4.0) / z
    assert tilted(std, x) == pytest.approx((math.log(z), q, u, s4), abs=1e-8)


def tilted_by_sum(std: float, x: float, f: Callable[[np.ndarray], np.ndarray]) -> float:
    h = np.linspace(-60, 60, 240_001)
    density = np.exp(-0.5 * (h / std) ** 2) / (std * math.sqrt(2 * math.pi))
    return float((f(h) * np.cosh(h) ** x * density).sum() * (h[1] - h[0]))


# --- Hopfield


def test_the_capacity_of_the_hopfield_network() -> None:
    """.138, with m = .967 there; retrieval is the lowest state below .051 (AGS 1987 and 1985)."""
    assert memory.hopfield_spinodal(0.0) == pytest.approx(0.1379, abs=5e-5)
    edge = memory.hopfield_state(memory.hopfield_spinodal(0.0) * (1 - 1e-9), 0.0)
    assert edge.m == pytest.approx(0.967, abs=1e-3)
    assert memory.hopfield_transition(0.0) == pytest.approx(0.051, abs=1e-3)
    assert not memory.hopfield_state(0.14, 0.0).retrieval
    assert memory.hopfield_spinodal(1.0) == 0


def iterated(alpha: float, t: float, m: float) -> tuple[float, float, float]:
    """The three equations of AGS, iterated as they stand from overlap m."""
    q, r = 1.0, 1.0
    for _ in range(1500):
        tanh = np.tanh((m + np.sqrt(alpha * r) * Z) / t)
        new = float(W @ tanh), float(W @ tanh**2)
        if abs(new[0] - m) + abs(new[1] - q) < 1e-9:
            break
        m, q = new
        r = q / (1 - (1 - q) / t) ** 2 if (1 - q) / t < 1 else r
    return m, q, r


@settings(max_examples=5)
@given(part=st.floats(0.05, 0.7), t=st.floats(0.3, 0.85))
def test_retrieval_states_are_where_iteration_ends(part: float, t: float) -> None:
    alpha = part * memory.hopfield_spinodal(t)
    state = memory.hopfield_state(alpha, t)
    assert (state.m, state.q, state.r) == pytest.approx(iterated(alpha, t, 1.0), abs=1e-5)
    assert state.replicon > 0
    beyond = memory.hopfield_state(1.02 * memory.hopfield_spinodal(t), t)
    assert beyond.m == 0


@settings(max_examples=12)
@given(alpha=st.floats(0.01, 0.5), t=st.floats(0.4, 1.6))
def test_the_spin_glass_is_where_iteration_without_overlap_ends(alpha: float, t: float) -> None:
    state = memory.hopfield_disordered(alpha, t)
    assert state.m == 0
    if t < 1 + math.sqrt(alpha):
        # r = q / (1 - C)^2 and q = E tanh^2
        c = (1 - state.q) / t
        assert state.r == pytest.approx(state.q / (1 - c) ** 2, rel=1e-9)
        tanh2 = np.tanh(np.sqrt(alpha * state.r) * Z / t) ** 2
        assert float(W @ tanh2) == pytest.approx(state.q, abs=1e-5)
        assert state.q > 0
        assert state.replicon < 0  # always broken
    else:
        assert state.q == 0


@pytest.mark.parametrize("alpha", [0.02, 0.08, 0.13])
def test_cold_is_the_limit_of_cool(alpha: float) -> None:
    cool, cold = memory.hopfield_state(alpha, 0.002), memory.hopfield_state(alpha, 0.0)
    assert cool.m == pytest.approx(cold.m, abs=1e-3)
    assert cool.r == pytest.approx(cold.r, rel=0.02)
    assert cool.free_energy == pytest.approx(cold.free_energy, abs=1e-3)
    glass = memory.hopfield_disordered(alpha, 0.002), memory.hopfield_disordered(alpha, 0.0)
    assert glass[0].free_energy == pytest.approx(glass[1].free_energy, abs=2e-3)
    assert glass[1].r == pytest.approx((1 + math.sqrt(2 / (math.pi * alpha))) ** 2)


@pytest.mark.parametrize("t", [0.0, 0.2, 0.6])
def test_free_energies_cross_on_the_first_order_line(t: float) -> None:
    alpha = memory.hopfield_transition(t)
    below, above = 0.97 * alpha, 1.03 * alpha
    gap = [
        memory.hopfield_state(a, t).free_energy - memory.hopfield_disordered(a, t).free_energy
        for a in (below, alpha, above)
    ]
    assert gap[0] < 0 < gap[2]
    assert gap[1] == pytest.approx(0, abs=1e-9)


def test_minima_of_the_profile_are_the_states() -> None:
    m = np.linspace(0.985, 0.997, 25)
    profile = memory.free_energy_profile(m, 0.05, 0.3)
    state = memory.hopfield_state(0.05, 0.3)
    k = int(np.argmin(profile))
    assert m[k] == pytest.approx(state.m, abs=5e-4)
    assert profile[k] == pytest.approx(state.free_energy, abs=1e-5)
    glass = memory.hopfield_disordered(0.05, 0.3).free_energy
    assert memory.free_energy_profile([0.0], 0.05, 0.3)[0] == pytest.approx(glass, abs=1e-9)


def test_the_line_of_broken_symmetry_follows_its_asymptote() -> None:
    """T = sqrt(8 load / (9 pi)) exp(-1 / (2 load)) at low load (AGS 1987)."""
    t = 0.001
    alpha = memory.hopfield_replicon_line(t)
    asymptote = math.sqrt(8 * alpha / (9 * math.pi)) * math.exp(-1 / (2 * alpha))
    assert t == pytest.approx(asymptote, rel=0.3)
    assert memory.hopfield_state(0.98 * alpha, t).replicon > 0
    assert memory.hopfield_state(1.02 * alpha, t).replicon < 0
    with pytest.raises(DescriptionError, match="stable up to its spinodal"):
        memory.hopfield_replicon_line(0.1)


# --- dense networks


@pytest.mark.parametrize(
    ("order", "load", "m"),
    [(3, 0.7566, 0.8385), (4, 0.7914, 0.9179), (5, 0.8639, 0.9472), (6, 0.9461, 0.9620)],
)
def test_zero_temperature_spinodals(order: int, load: float, m: float) -> None:
    """max over t of P erf(t)^(2P-2) / (2 t^2), on a grid of its own."""
    t = np.linspace(0.3, 4, 100_001)
    erf = np.array([math.erf(x) for x in t])
    curve = order * erf ** (2 * order - 2) / (2 * t * t)
    found = memory.dense_spinodal(order, 0.0)
    assert found == pytest.approx(curve.max(), rel=1e-8)
    assert found == pytest.approx(load, abs=5e-5)
    state = memory.dense_state(order, found * (1 - 1e-9), 0.0)
    assert state.m == pytest.approx(m, abs=2e-4)
    assert memory.dense_state(order, found * 1.001, 0.0).m == 0


@pytest.mark.parametrize(("order", "t"), [(3, 1.7477), (4, 1.983), (5, 2.256), (6, 2.536)])
def test_temperature_spinodals_at_no_load(order: int, t: float) -> None:
    assert memory.dense_spinodal_temperature(order) == pytest.approx(t, abs=5e-4)
    assert memory.dense_state(order, 0.0, t - 0.01).m > 0.5
    assert memory.dense_state(order, 0.0, t + 0.01).m == 0


def iterated_dense(p: int, alpha: float, t: float, rho: float) -> tuple[float, float, float]:
    """m, q, x by iteration with two Gaussians, from the archetype."""
    u, u_weight = Z[::20], W[::20] / W[::20].sum()
    eta = (1 + np.sqrt(rho) * u[:, None]) / np.sqrt(1 + rho)
    weight = u_weight[:, None] * W[None, :]
    m, q, x = 1.0, 1.0, 1.0
    for _ in range(5000):
        g = (p * eta * x ** (p - 1) + Z[None, :] * np.sqrt(p * alpha * q ** (p - 1))) / t
        tanh = np.tanh(g)
        new = [float((weight * f).sum()) for f in (tanh, tanh**2, eta * tanh)]
        change = max(abs(new[0] - m), abs(new[1] - q), abs(new[2] - x))
        m, q, x = new
        if change < 1e-12:
            break
    return m, q, x


@pytest.mark.parametrize(
    ("p", "part", "t", "rho"),
    [(3, 0.5, 0.9, 0.0), (3, 0.8, 0.7, 0.3), (4, 0.6, 0.9, 0.1), (3, 0.3, 0.8, 1.5)],
)
def test_dense_states_are_where_iteration_ends(p: int, part: float, t: float, rho: float) -> None:
    alpha = part * memory.dense_spinodal(p, t, rho=rho)
    state = memory.dense_state(p, alpha, t, rho=rho)
    assert (state.m, state.q, state.x) == pytest.approx(iterated_dense(p, alpha, t, rho), abs=1e-4)


def test_dense_states_know_examples_from_archetypes() -> None:
    """Without load and cold, m = erf(1 / sqrt(2 rho)): all noise is that of the examples."""
    for rho in (0.1, 0.5, 2.0):
        for t in (0.0, 0.002):
            state = memory.dense_state(3, 0.0, t, rho=rho)
            assert state.m == pytest.approx(math.erf(1 / math.sqrt(2 * rho)), abs=2e-4)
    state = memory.dense_state(3, 0.2, 0.3, rho=0.4)
    assert memory.dense_state(3, 0.2, 0.3).m > state.m


@pytest.mark.parametrize("p", [3, 5])
def test_dense_free_energies_are_stationary_and_cold_ones_energies(p: int) -> None:
    """dF/dT = -entropy: at small T the free energy leaves the energy slowly, never upward."""
    alpha = 0.4
    f = [memory.dense_state(p, alpha, t).free_energy for t in (0.0, 0.05, 0.1, 0.2)]
    assert f[1] == pytest.approx(f[0], abs=2e-3)
    assert f[0] >= f[2] >= f[3]


def test_where_disorder_takes_over() -> None:
    """At P = 3 and T = 0 recall stays the ground state to its end, at P = 4 it does not.

    At no load: where the paramagnet's ln 2 wins.
    """
    assert memory.dense_transition(3, 0.0) == memory.dense_spinodal(3, 0.0)
    for order, load in ((3, 0.7566), (4, 0.7611), (5, 0.7362), (6, 0.7276)):
        assert memory.dense_transition(order, 0.0) == pytest.approx(load, abs=5e-5)
    alpha = memory.dense_transition(4, 0.0)
    assert alpha < 0.97 * memory.dense_spinodal(4, 0.0)
    glass = memory.ground_state_energy(4) * math.sqrt(2 * alpha)
    assert memory.dense_state(4, alpha, 0.0).free_energy == pytest.approx(-glass, abs=1e-9)
    assert memory.dense_transition(3, 1.7) == 0
    # for many units at once the limit of Derrida: 1 = sqrt(2 ln 2 load)
    assert memory.dense_transition(30, 0.0) == pytest.approx(1 / (2 * math.log(2)), rel=1e-3)


def test_pairs_are_sent_to_the_hopfield_theory() -> None:
    with pytest.raises(DescriptionError, match="hopfield_state"):
        memory.dense_state(2, 0.1, 0.1)


# --- one step of replica-symmetry breaking


def test_temperatures_of_the_three_spin_glass() -> None:
    """T_s = .651, T_d = .682, T_G = .240 in units of sqrt(2 load).

    Gross & Mezard (1984), Gardner (1985): the Ising 3-spin glass.
    """
    j = math.sqrt(2 * 0.5)
    assert memory.glass_temperature(3, 0.5) / j == pytest.approx(0.651, abs=1e-3)
    assert memory.dynamical_temperature(3, 0.5) / j == pytest.approx(0.682, abs=1e-3)
    assert memory.gardner_temperature(3, 0.5) / j == pytest.approx(0.240, abs=1e-3)
    # all scale with the square root of the load
    assert memory.glass_temperature(3, 2.0) == pytest.approx(2 * memory.glass_temperature(3, 0.5))


def test_many_units_at_once_are_the_random_energy_model() -> None:
    """Derrida (1981): T_s = sqrt(load / (2 ln 2)), E = -sqrt(2 ln 2 load), q jumps to 1."""
    alpha = 0.7
    t_s = memory.glass_temperature(60, alpha)
    assert t_s == pytest.approx(math.sqrt(alpha / (2 * math.log(2))), rel=1e-6)
    assert memory.ground_state_energy(60) == pytest.approx(math.sqrt(math.log(2)), rel=1e-6)
    below = memory.glass_state(60, alpha, 0.5 * t_s)
    assert below.q == pytest.approx(1, abs=1e-6)
    assert below.block == pytest.approx(0.5, abs=1e-4)
    assert below.entropy == pytest.approx(0, abs=1e-4)


def test_the_glass_of_three_spins_freezes_where_it_should() -> None:
    """q jumps, x falls from 1, and free energy and energy are continuous there."""
    t_s = memory.glass_temperature(3, 0.5)
    above, below = (memory.glass_state(3, 0.5, t_s * f) for f in (1.0001, 0.9999))
    assert above.q == 0
    assert below.q > 0.8
    assert below.block == pytest.approx(1, abs=1e-3)
    assert below.free_energy == pytest.approx(above.free_energy, abs=1e-4)
    assert below.energy == pytest.approx(above.energy, abs=1e-3)
    # the paramagnet would run out of entropy a little further down
    t_0 = math.sqrt(0.5 / (2 * math.log(2)))
    assert 0.9 * t_s < t_0 < t_s
    assert memory.ground_state_energy(3) == pytest.approx(0.8135, abs=1e-4)


def free_entropy(p: int, load: float, t: float, q: float, x: float) -> float:
    """The functional as it stands, by a plain sum."""
    std = math.sqrt(p * load * q ** (p - 1)) / t
    z = tilted_by_sum(std, x, np.ones_like)
    bracket = 1 - p * q ** (p - 1) + (p - 1) * (1 - x) * q**p
    return math.log(2) + load / (2 * t * t) * bracket + math.log(z) / x


@pytest.mark.parametrize(("p", "t"), [(3, 0.5), (3, 0.35), (4, 0.5)])
def test_the_glass_is_where_the_functional_is_stationary(p: int, t: float) -> None:
    state = memory.glass_state(p, 0.5, t)
    q, x = state.q, state.block
    assert free_entropy(p, 0.5, t, q, x) == pytest.approx(-state.free_energy / t, abs=1e-8)
    step = 1e-4
    by_q = free_entropy(p, 0.5, t, q + step, x) - free_entropy(p, 0.5, t, q - step, x)
    by_x = free_entropy(p, 0.5, t, q, x + step) - free_entropy(p, 0.5, t, q, x - step)
    assert abs(by_q) < 1e-8
    assert abs(by_x) < 1e-8
    slope = (
        memory.glass_state(p, 0.5, t + step).free_energy
        - memory.glass_state(p, 0.5, t - step).free_energy
    ) / (2 * step)
    assert state.entropy == pytest.approx(-slope, abs=1e-6)
    assert (state.replicon > 0) == (t > memory.gardner_temperature(p, 0.5))


# --- solvers that cannot


def test_a_root_that_is_not_there_is_told() -> None:
    found = r"theory did not converge at T = 1: no change of sign between 0 \(1\) and 2 \(5\)"
    with pytest.raises(ConvergenceError, match=found):
        root(lambda x: x * x + 1, 0.0, 2.0, "theory", "T = 1")
    with pytest.raises(ConvergenceError, match="no change of sign"):
        root(lambda x: math.nan, 0.0, 2.0, "theory", "T = 1")


def test_the_last_hump_is_found() -> None:
    def two_humps(x: float) -> float:
        return 3 * math.exp(-((x - 1) ** 2) * 4) + math.exp(-((x - 4) ** 2) * 2)

    assert highest(two_humps, 0, 6, "", "")[0] == pytest.approx(1, abs=1e-3)
    assert highest(two_humps, 0, 6, "", "", last=True)[0] == pytest.approx(4, abs=1e-3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: memory.hopfield_state(-0.1, 0.1), r"hopfield_state\.load is -0\.1"),
        (lambda: memory.hopfield_state(0.1, -1), r"hopfield_state\.temperature is -1"),
        (lambda: memory.hopfield_state(0.1, 1e-5), r"0, or at least 0\.001"),
        (lambda: memory.hopfield_state(math.nan, 0.1), r"load is nan"),
        (lambda: memory.hopfield_state(True, 0.1), r"load is True"),
        (lambda: memory.dense_state(3, 0.1, 0.1, rho=-1), r"dense_state\.rho"),
        (lambda: memory.dense_state(3.5, 0.1, 0.1), r"dense_state\.order"),  # type: ignore[arg-type]
        (lambda: memory.glass_state(3, 5.0, 0.002), r"0, or at least 0\.001 sqrt\(2 load\)"),
        (lambda: memory.free_energy_profile([1.0], 0.1, 0.1), "between -1 and 1"),
        (lambda: memory.free_energy_profile([0.5], 0.1, 0.0), "a temperature above 0"),
        (lambda: memory.dataset_entropy(0.0, 3), r"a quality in \(0, 1\]"),
    ],
)
def test_nonsense_is_refused(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(DescriptionError, match=message):
        call()


# --- diagrams


def test_diagrams_hold_their_lines() -> None:
    diagram = memory.hopfield_diagram(4)
    spinodal, transition = diagram.lines["spinodal"], diagram.lines["transition"]
    assert spinodal.load[0] == memory.hopfield_spinodal(0.0)
    assert spinodal.load[-1] == 0
    assert spinodal.temperature[-1] == 1
    assert (transition.load <= spinodal.load).all()
    assert np.isfinite(diagram.lines["replica symmetry"].load).all()
    dense = memory.dense_diagram(3, points=4)
    assert dense.lines["spinodal"].load[0] == memory.dense_spinodal(3, 0.0)
    assert dense.lines["spinodal"].temperature[-1] == memory.dense_spinodal_temperature(3)
    melting = dense.lines["transition"]
    assert melting.load[-1] == 0
    t = float(melting.temperature[-1])
    assert memory.dense_state(3, 0.0, t).free_energy == pytest.approx(-t * math.log(2), abs=1e-9)
    assert (np.diff(melting.temperature) > 0).all()
    assert melting.temperature[-1] < dense.lines["spinodal"].temperature[-1]
