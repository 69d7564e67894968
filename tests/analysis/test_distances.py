"""Distances of spike trains and avalanches against integrals and loops."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurosim import analysis as an
from neurosim.errors import DescriptionError

quarters = st.integers(1, 399).map(lambda k: k / 4)  # exact: no bin is missed by rounding
trains = st.lists(st.floats(0, 100), max_size=8).map(sorted)


def integral(first: list[float], second: list[float], tau: float) -> float:
    """The distance by its definition, on a grid."""
    dt = 0.002
    t = np.arange(0, 100 + 14 * tau, dt) + dt / 2
    wave = np.zeros(t.size)
    for sign, times in ((1, first), (-1, second)):
        for s in times:
            wave += sign * np.where(t > s, np.exp(-np.clip(t - s, 0, None) / tau), 0)
    return float(np.sqrt((wave**2).sum() * dt / tau))


def test_the_distance_is_the_integral() -> None:
    for first, second in (([10.0, 12, 40], [11.0, 80]), ([], [5.0]), ([3.0, 3], [50.0])):
        found = an.van_rossum_distance(first, second, 10)
        assert found == pytest.approx(integral(first, second, 10), rel=1e-3)
    assert an.van_rossum_distance([], [], 10) == 0
    assert an.van_rossum_distance([7.0], [], 10) == pytest.approx(0.5**0.5)


@given(a=trains, b=trains, c=trains, tau=st.floats(0.5, 50))
def test_the_distance_is_a_metric(
    a: list[float], b: list[float], c: list[float], tau: float
) -> None:
    def d(x: list[float], y: list[float]) -> float:
        return an.van_rossum_distance(x, y, tau)

    assert d(a, a) == pytest.approx(0, abs=1e-6)
    assert d(a, b) == pytest.approx(d(b, a), abs=1e-6)
    assert d(a, c) <= d(a, b) + d(b, c) + 1e-6


def test_short_and_long_time_constants_count_spikes() -> None:
    """Eqs. 2.5-2.6: coincidences for a short tau, the difference of the numbers for a long one."""
    a, b = [10.0, 20, 30], [10.0, 25, 35, 45, 55]
    assert an.van_rossum_distance(a, b, 1e-3) == pytest.approx((6 / 2) ** 0.5)
    assert an.van_rossum_distance(a, b, 1e6) == pytest.approx((4 / 2) ** 0.5, rel=1e-3)


@given(a=trains, b=trains, window=st.floats(0, 20))
def test_coincidence_is_a_symmetric_part(a: list[float], b: list[float], window: float) -> None:
    if not a and not b:
        with pytest.raises(DescriptionError, match="one spike or more"):
            an.spike_coincidence(a, b, window)
        return
    found = an.spike_coincidence(a, b, window)
    assert 0 <= found <= 1
    assert found == an.spike_coincidence(b, a, window)
    assert an.spike_coincidence(a, a, window) == 1 if a else True
    assert found <= an.spike_coincidence(a, b, window + 1)


def test_a_spike_has_one_partner() -> None:
    assert an.spike_coincidence([10.0, 11], [10.5], 3) == pytest.approx(2 / 3)
    assert an.spike_coincidence([10.0], [13.0], 3) == 1
    assert an.spike_coincidence([10.0], [13.1], 3) == 0


def test_avalanches_are_runs_between_silences() -> None:
    #      bins of 2 ms: |1|.|2 1|.|.|1|.|3|  the first and the last touch an end
    pooled = [[1.0, 5, 6], [5.5, 8, 13.5], [17.0, 17.5, 18]]
    found = an.avalanches(pooled, 0, 18, 2)
    assert found.sizes.tolist() == [4, 1]
    assert found.durations.tolist() == [4, 2]
    assert len(an.avalanches(pooled, -2, 20, 2)) == 4
    assert len(an.avalanches([[]], 0, 10, 1)) == 0
    assert len(an.avalanches([[0.5, 1.5]], 0, 2, 1)) == 0


@given(many=st.lists(st.lists(quarters, max_size=20).map(sorted), max_size=4))
def test_avalanches_are_what_a_loop_finds(many: list[list[float]]) -> None:
    found = an.avalanches([*many, []], 0, 100, 2)
    sizes, size, whole = [], 0, False
    for k in range(50):
        here = sum(2 * k < t <= 2 * k + 2 for train in many for t in train)
        if here:
            size += here
        else:
            if size and whole:
                sizes.append(size)
            size, whole = 0, True
    assert found.sizes.tolist() == sizes


def test_what_is_no_train_is_refused() -> None:
    with pytest.raises(DescriptionError, match="van_rossum_distance: second"):
        an.van_rossum_distance([1.0], [3.0, 2.0], 10)
    with pytest.raises(DescriptionError, match="tau"):
        an.van_rossum_distance([1.0], [3.0], 0)
    with pytest.raises(DescriptionError, match="spike_coincidence: first"):
        an.spike_coincidence([np.nan], [3.0], 1)
    with pytest.raises(DescriptionError, match="window"):
        an.spike_coincidence([1.0], [3.0], -1)
