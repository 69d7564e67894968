"""Measures of continuous signals against brute force, closed forms and laws."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from neurosim import analysis as an
from neurosim.errors import DescriptionError


def noise(n_times: int, n_nodes: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n_times, n_nodes))


def pearson(x: np.ndarray, y: np.ndarray) -> float:
    """Pearson's coefficient, term by term."""
    mx, my = math.fsum(x) / len(x), math.fsum(y) / len(y)
    covariance = math.fsum((a - mx) * (b - my) for a, b in zip(x, y, strict=True))
    vx = math.fsum((a - mx) ** 2 for a in x)
    vy = math.fsum((b - my) ** 2 for b in y)
    return covariance / math.sqrt(vx * vy)


# --- functional connectivity


@given(seed=st.integers(0, 1000), n=st.integers(2, 5), size=st.integers(-200, 200))
def test_functional_connectivity_is_pearsons(seed: int, n: int, size: int) -> None:
    x = noise(12, n, seed) * 10.0**size + 10.0**size
    fc = an.functional_connectivity(x)
    assert np.array_equal(fc, fc.T)
    assert np.array_equal(np.diagonal(fc), np.ones(n))
    for i in range(n):
        for j in range(i):
            y = x / 10.0**size
            assert fc[i, j] == pytest.approx(pearson(y[:, i], y[:, j]), abs=1e-9)


def test_lagged_connectivity_finds_who_follows_and_by_how_much() -> None:
    common = noise(3000, 1, 1)[:, 0]
    x = np.stack([common[20:2020], common[15:2015], common[27:2027]], axis=1)
    found = an.lagged_connectivity(x, dt=2.0, max_lag=40.0)
    # Node 1 reads the common signal 5 samples before node 0, so it shows the same 5 samples later.
    assert found.lag.tolist() == [[0, 10, -14], [-10, 0, -24], [14, 24, 0]]
    assert found.correlation == pytest.approx(np.ones((3, 3)))


@settings(max_examples=20)
@given(seed=st.integers(0, 200))
def test_lagged_connectivity_is_the_best_of_all_lags(seed: int) -> None:
    x = noise(14, 3, seed)
    found = an.lagged_connectivity(x, dt=1.0, max_lag=4.0)
    for i in range(3):
        for j in range(3):
            if i == j:
                continue
            by_lag = {
                s: pearson(x[: 14 - s, i], x[s:, j]) if s >= 0 else pearson(x[-s:, i], x[:s, j])
                for s in range(-4, 5)
            }
            best = max(by_lag, key=lambda s: abs(by_lag[s]))
            assert found.correlation[i, j] == pytest.approx(by_lag[best])
            assert found.lag[i, j] == best


@given(seed=st.integers(0, 200), connected_only=st.booleans())
def test_structure_and_function_are_compared_pair_by_pair(seed: int, connected_only: bool) -> None:
    rng = np.random.default_rng(seed)
    sc = rng.uniform(0.1, 1, (6, 6)) * (rng.uniform(size=(6, 6)) < 0.8)
    fc = an.functional_connectivity(noise(30, 6, seed))
    pairs = [
        (fc[i, j], (sc[i, j] + sc[j, i]) / 2)
        for i in range(6)
        for j in range(i)
        if not connected_only or sc[i, j] + sc[j, i] > 0
    ]
    expected = pearson(*np.array(pairs).T)
    found = an.fc_sc_correlation(fc, sc, connected_only=connected_only)
    assert found == pytest.approx(expected)
    assert an.fc_sc_correlation(fc, 3 * fc + 1) == pytest.approx(1.0)
    assert an.fc_sc_correlation(fc, -fc) == pytest.approx(-1.0)


# --- dynamics of functional connectivity


@settings(max_examples=8)
@given(seed=st.integers(0, 100), window=st.integers(5, 12), step=st.integers(2, 6))
def test_connectivity_dynamics_by_brute_force(seed: int, window: int, step: int) -> None:
    x = noise(40, 4, seed)
    dynamics = an.connectivity_dynamics(x, dt=2.0, window=2.0 * window, step=2.0 * step)
    edges = []
    for start in range(0, 40 - window + 1, step):
        part = x[start : start + window]
        edges.append([pearson(part[:, i], part[:, j]) for i in range(4) for j in range(i)])
    assert dynamics.starts.tolist() == [2.0 * step * k for k in range(len(edges))]
    for a, first in enumerate(edges):
        for b, second in enumerate(edges):
            expected = pearson(np.array(first), np.array(second))
            assert dynamics.matrix[a, b] == pytest.approx(expected, abs=1e-9)
    apart = [
        dynamics.matrix[a, b]
        for a in range(len(edges))
        for b in range(a + 1, len(edges))
        if (b - a) * step >= window
    ]
    assert dynamics.values().tolist() == pytest.approx(apart)


def test_dynamics_tell_switching_from_stationary_connectivity() -> None:
    """Two states that alternate every 10 s give blocks; one state gives none."""
    rng = np.random.default_rng(4)
    states = [rng.standard_normal((6, 6)) for _ in range(2)]
    driven = noise(6000, 6, 5)
    which = (np.arange(6000) // 1000) % 2
    switching = np.stack([states[w] @ x for w, x in zip(which, driven, strict=True)])
    stationary = driven @ states[0].T
    options = {"dt": 10.0, "window": 5000.0, "step": 2500.0}
    one, other = (an.connectivity_dynamics(x, **options) for x in (switching, stationary))
    assert one.values().std() > 5 * other.values().std()
    assert one.distance(other) > 0.3
    again = an.connectivity_dynamics(switching, **options)
    assert one.distance(again) == 0.0
    expected = stats.ks_2samp(one.values(), other.values()).statistic
    assert one.distance(other) == other.distance(one) == expected


# --- phases and synchrony


@given(hertz=st.sampled_from([4.0, 10.0, 25.0]), shift=st.floats(-3, 3), offset=st.floats(-5, 5))
def test_the_phase_of_a_cosine_is_its_argument(hertz: float, shift: float, offset: float) -> None:
    t = np.arange(2000) / 1000.0  # whole periods: the Hilbert transform is exact
    argument = 2 * np.pi * hertz * t + shift
    found = an.phases((np.cos(argument) + offset)[:, np.newaxis])[:, 0]
    assert np.abs(np.exp(1j * found) - np.exp(1j * argument)).max() < 1e-6


def test_a_band_keeps_what_lies_in_it_without_shifting_it() -> None:
    t = np.arange(8000) / 1000.0
    inside = np.sin(2 * np.pi * 10 * t)
    kept = an.band_pass((inside + np.sin(2 * np.pi * 2 * t) + np.sin(2 * np.pi * 60 * t) + 4)[
        :, np.newaxis], 7, 13, dt=1.0)  # fmt: skip
    middle = slice(2000, 6000)
    assert np.abs(kept[middle, 0] - inside[middle]).max() < 0.02


@given(seed=st.integers(0, 100), n=st.integers(1, 7))
def test_the_order_parameter_is_the_length_of_the_mean_phasor(seed: int, n: int) -> None:
    angles = np.random.default_rng(seed).uniform(-9, 9, (5, n))
    for row, r in zip(angles, an.order_parameter(angles), strict=True):
        x, y = sum(map(math.cos, row)) / n, sum(map(math.sin, row)) / n
        assert r == pytest.approx(math.hypot(x, y), abs=1e-12)
        assert 0 <= r <= 1


@given(angle=st.floats(-10, 10), n=st.integers(1, 9))
def test_equal_phases_are_in_order(angle: float, n: int) -> None:
    r = an.order_parameter(np.full((1, n), angle))
    assert r[0] == pytest.approx(1.0)
    assert r[0] <= 1.0
    spread = 2 * np.pi * np.arange(n) / n + angle
    if n > 1:
        assert an.order_parameter(spread[np.newaxis])[0] == pytest.approx(0, abs=1e-9)


def test_independent_phases_have_the_order_of_a_random_walk() -> None:
    """R of n independent phases: mean sqrt(pi / 4n), variance (1 - pi / 4) / n (Rayleigh)."""
    angles = np.random.default_rng(7).uniform(0, 2 * np.pi, (20_000, 200))
    r = an.order_parameter(angles)
    assert r.mean() == pytest.approx(math.sqrt(math.pi / 800), rel=0.02)
    assert r.std() == pytest.approx(math.sqrt((1 - math.pi / 4) / 200), rel=0.02)


def test_two_oscillators_that_beat_have_a_known_synchrony_and_metastability() -> None:
    """R = |cos(pi D t)| with the difference D of their frequencies: mean 2 / pi, E[R^2] = 1 / 2."""
    t = np.arange(20_000) / 1000.0
    x = np.stack([np.cos(2 * np.pi * 10.0 * t), np.cos(2 * np.pi * 10.5 * t)], axis=1)
    found = an.phase_synchrony(x, dt=1.0, band=(7, 14), margin=2000.0)
    assert found.times[0] == 2001.0
    assert found.times.size == found.order.size == 16_000
    assert found.synchrony == pytest.approx(2 / np.pi, abs=2e-3)
    assert found.metastability == pytest.approx(math.sqrt(0.5 - 4 / np.pi**2), abs=2e-3)
    locked = an.phase_synchrony(x[:, [0, 0]], dt=1.0, band=(7, 14))
    assert locked.synchrony == pytest.approx(1.0)
    assert locked.metastability == pytest.approx(0.0, abs=1e-6)
    assert locked.times[0] == pytest.approx(144.0)  # one period of 7 Hz, in whole samples, and one


# --- spectra


def test_the_spectrum_of_white_noise_is_flat_and_integrates_to_the_variance() -> None:
    spectra = an.power_spectra(3.0 * noise(200_000, 2, 8), dt=2.0, segment=500.0)
    assert spectra.frequencies[-1] == 250.0
    assert spectra.frequencies[1] == 2.0
    inner = spectra.power[2:-1]
    # 2 s^2 dt, with dt in s; Hann windows overlapping by half: about 11/18 independent segments.
    error = 0.036 / np.sqrt(inner.shape[0] * spectra.n_segments * 11 / 18)
    assert np.abs(inner.mean(axis=0) - 0.036).max() < 4 * error
    assert spectra.band_power(0, 250) == pytest.approx([9, 9], rel=0.02)


def test_each_node_has_its_own_peak() -> None:
    t = np.arange(1, 10_001) / 1000.0
    x = np.stack([np.sin(2 * np.pi * f * t) for f in (6, 11, 40)], axis=1)
    spectra = an.power_spectra(x, dt=1.0)
    assert spectra.peaks().tolist() == [6, 11, 40]
    assert spectra.n_segments == 19
    # A sine of amplitude 1 has the variance 1/2; the Hann window spreads it over 4 bins.
    assert spectra.band_power(9, 13)[1] == pytest.approx(0.5, rel=1e-3)
    assert spectra.band_power(9, 13)[[0, 2]] == pytest.approx([0, 0], abs=1e-3)


# --- BOLD


def bold_by_small_euler_steps(z: float, seconds: float, h: float = 2e-4) -> float:
    """The equations of Friston et al. (2003) as they stand, for one region and a constant input."""
    kappa, gamma, tau, alpha, rho = 0.65, 0.41, 0.98, 0.32, 0.34
    x, f, v, q = 0.0, 1.0, 1.0, 1.0
    for _ in range(round(seconds / h)):
        extracted = 1 - (1 - rho) ** (1 / f)
        dx = z - kappa * x - gamma * (f - 1)
        dv = (f - v ** (1 / alpha)) / tau
        dq = (f * extracted / rho - v ** (1 / alpha) * q / v) / tau
        x, f, v, q = x + h * dx, f + h * x, v + h * dv, q + h * dq
    return 0.02 * (7 * rho * (1 - q) + 2 * (1 - q / v) + (2 * rho - 0.2) * (1 - v))


@pytest.mark.parametrize("z", [0.1, 0.5])
def test_bold_against_small_steps_of_the_equations(z: float) -> None:
    times, signal = an.balloon_windkessel(np.full((1200, 1), z), dt=10.0)
    assert times.tolist() == [1000.0 * k for k in range(1, 13)]
    for k in (0, 3, 11):
        expected = bold_by_small_euler_steps(z, k + 1.0)
        assert signal[k, 0] == pytest.approx(expected, rel=2e-3, abs=1e-6)


@settings(max_examples=4)
@given(extraction=st.floats(0.2, 0.6), stiffness=st.floats(0.2, 0.5))
def test_bold_of_constant_activity_settles_at_the_closed_form(
    extraction: float, stiffness: float
) -> None:
    """At rest f = 1 + z / feedback, v = f^stiffness, q = v E(f) / extraction."""
    z = np.linspace(0, 1, 5)
    _, signal = an.balloon_windkessel(
        np.tile(z, (1000, 1)), dt=50.0, every=50_000, step=50.0, extraction=extraction,
        stiffness=stiffness,
    )  # fmt: skip
    f = 1 + z / 0.41
    v = f**stiffness
    q = v * (1 - (1 - extraction) ** (1 / f)) / extraction
    expected = 0.02 * (
        7 * extraction * (1 - q) + 2 * (1 - q / v) + (2 * extraction - 0.2) * (1 - v)
    )
    assert signal[-1] == pytest.approx(expected, rel=1e-4, abs=1e-9)


def test_bold_is_the_same_for_every_step_that_is_short_enough() -> None:
    z = 0.3 + 0.2 * np.sin(np.arange(5_000)[:, np.newaxis] / np.array([300.0, 900.0]))
    fine = an.balloon_windkessel(z, dt=1.0, step=1.0)[1]
    coarse = an.balloon_windkessel(z, dt=1.0, step=20.0)[1]
    assert np.abs(fine - coarse).max() < 1e-4 * np.abs(fine).max()
    slow = an.balloon_windkessel(z[::10], dt=10.0, step=5.0)[1]
    held = an.balloon_windkessel(np.repeat(z[::10], 10, axis=0), dt=1.0, step=5.0)[1]
    assert np.array_equal(slow, held)


def test_no_activity_leaves_no_signal_and_a_pulse_an_undershoot() -> None:
    rest = an.balloon_windkessel(np.zeros((100, 3)), dt=100.0)[1]
    assert not rest.any()
    pulse = np.zeros((4000, 1))
    pulse[:100] = 1.0
    times, signal = an.balloon_windkessel(pulse, dt=10.0, every=100.0)
    peak = float(times[np.argmax(signal[:, 0])])
    assert 3000 < peak < 6000
    assert signal[times > peak].min() < -0.05 * signal.max()


# --- nothing, and nonsense

SIGNALS = noise(200, 4, 9)
FLAT = np.where(np.arange(4) == 2, 1.0, SIGNALS)


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda: an.functional_connectivity(FLAT), "constant for 1 of 4 nodes, first 2"),
        (lambda: an.functional_connectivity(SIGNALS[:, 0]), "n_times, n_nodes"),
        (lambda: an.functional_connectivity(np.full((5, 3), np.nan)), "finite"),
        (lambda: an.functional_connectivity([["a"]]), "n_times, n_nodes"),
        (lambda: an.functional_connectivity(SIGNALS[:1]), "at least 2 times"),
        (lambda: an.lagged_connectivity(SIGNALS, dt=1, max_lag=101), "half of the recording"),
        (lambda: an.lagged_connectivity(SIGNALS, dt=0, max_lag=10), "dt"),
        (lambda: an.fc_sc_correlation(np.eye(3), np.ones((3, 3))), "differ"),
        (lambda: an.fc_sc_correlation(np.ones((3, 3)), np.eye(4)), "shape"),
        (
            lambda: an.fc_sc_correlation(SIGNALS[:3, :3], np.zeros((3, 3)), connected_only=True),
            "no pairs",
        ),
        (lambda: an.connectivity_dynamics(SIGNALS, dt=1, window=150, step=100), "of which 2"),
        (lambda: an.connectivity_dynamics(SIGNALS, dt=2, window=5, step=2), "window"),
        (lambda: an.connectivity_dynamics(FLAT, dt=1, window=50, step=10), "window from 0 ms"),
        (
            lambda: an.connectivity_dynamics(SIGNALS, dt=1, window=120, step=10).distance(
                an.connectivity_dynamics(SIGNALS, dt=1, window=20, step=10)
            ),
            "without overlap",
        ),
        (lambda: an.band_pass(SIGNALS, 10, 5, dt=1), "low < high"),
        (lambda: an.band_pass(SIGNALS, 10, 600, dt=1), "< 500"),
        (lambda: an.band_pass(SIGNALS, 2, 10, dt=1), "one period"),
        (lambda: an.phases(FLAT), "vary"),
        (lambda: an.order_parameter(np.full((3, 2), np.inf)), "finite"),
        (lambda: an.phase_synchrony(SIGNALS, dt=1, margin=100), "less than half"),
        (lambda: an.phase_synchrony(SIGNALS, dt=1, margin=-1), "at least 0"),
        (lambda: an.power_spectra(SIGNALS, dt=1, segment=201), "recorded"),
        (lambda: an.power_spectra(SIGNALS, dt=1, segment=7), "8 samples"),
        (lambda: an.power_spectra(np.zeros((100, 2)), dt=1).peaks(), "power"),
        (lambda: an.power_spectra(SIGNALS, dt=1).peaks(600, 700), "band"),
        (lambda: an.power_spectra(SIGNALS, dt=1).band_power(600, 700), "band"),
        (lambda: an.balloon_windkessel(SIGNALS, dt=1), "at most the 200 ms"),
        (lambda: an.balloon_windkessel(SIGNALS, dt=3, every=20), "step"),
        (lambda: an.balloon_windkessel(SIGNALS, dt=7, every=20, step=5), "divides dt"),
        (lambda: an.balloon_windkessel(SIGNALS, dt=10, every=25), "whole number of steps"),
        (lambda: an.balloon_windkessel(SIGNALS, dt=100, step=60), "at most 50"),
        (lambda: an.balloon_windkessel(SIGNALS, dt=100, extraction=1.0), "extraction"),
        (lambda: an.balloon_windkessel(SIGNALS, dt=100, decay=0.0), "decay"),
        (lambda: an.balloon_windkessel(1e6 * SIGNALS, dt=100), "scale it"),
    ],
)
def test_what_has_no_answer_says_why(ask: Callable[[], Any], message: str) -> None:
    with pytest.raises(DescriptionError, match=message):
        ask()
