"""Poisson numbers from 16 bits: their law, and that they depend on neuron and step alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from neurosim.engine.trains import poisson_thresholds
from neurosim.kernels import poisson as p
from neurosim.kernels.jit import JIT

KEY = (123_456_789, 987_654_321)


def numbers(
    mean: float, steps: range, n: int = 700, lo: int = 0, key: tuple[int, int] = KEY
) -> npt.NDArray[np.int64]:
    """Numbers of the neurons lo .. lo + n - 1 of a population in some steps: (n_steps, n)."""
    thresholds, parts = poisson_thresholds(mean)
    count = np.zeros(n, np.int16)
    halves = np.zeros(p.GROUP, np.uint16)
    scratch = np.zeros(max(1, thresholds.size), np.int16)
    rows = []
    for step in steps:
        p.poisson_numbers(lo, lo + n, count, halves, thresholds, scratch, parts, 40, step, *key)
        rows.append(count.astype(np.int64))
    return np.array(rows)


@settings(max_examples=60)
@given(
    st.lists(st.integers(0, 2**32 - 1), max_size=8).map(sorted),
    st.integers(0, 2**50),
    st.integers(0, 3),
)
def test_rounding_is_up_or_down_by_one_remainder(
    thresholds: list[int], step: int, part: int
) -> None:
    """All thresholds of a step are rounded with one remainder, and stay ascending."""
    given_ = np.array(thresholds, np.uint32)
    out = np.zeros(max(1, len(thresholds)), np.int16)
    m = p.rounded(given_, part, step, *KEY, out)
    found = out[:m].astype(np.int64) + 2**15
    exact = np.array(thresholds, np.float64) / 2**16
    assert np.all(np.abs(found - exact[:m]) < 1)
    assert np.all(np.diff(found) >= 0)
    assert np.all(exact[m:] > 2**16 - 1)
    # One remainder for all: what is rounded up has a larger fraction than what is rounded down.
    fraction = exact[:m] - np.floor(exact[:m])
    up = found > exact[:m]
    if np.any(up) and np.any(~up & (fraction > 0)):
        assert fraction[up].min() >= fraction[~up].max()


@pytest.mark.compiled
def test_a_threshold_is_met_with_its_32_bits() -> None:
    """On average over steps the rounded threshold is the threshold: 16 bits lose nothing."""
    threshold = np.array([0x12345678], np.uint32)
    out = np.zeros(1, np.int16)
    n = 200_000
    total = 0
    for step in range(n):
        p.rounded(threshold, 0, step, *KEY, out)
        total += int(out[0]) + 2**15
    fraction = 0x5678 / 2**16
    spread = np.sqrt(fraction * (1 - fraction) / n)
    assert abs(total / n - 0x12345678 / 2**16) < 5 * spread


@pytest.mark.parametrize("mean", [0.003, 0.5, 1.6, 9.0, 40.0])
def test_the_law_is_poisson(mean: float) -> None:
    """Frequencies over neurons and steps, by a chi-square test."""
    steps = 400 if JIT else 8
    found = numbers(mean, range(3, 3 + steps))
    high = int(stats.poisson.ppf(1 - 30 / found.size, mean))
    low = int(stats.poisson.ppf(30 / found.size, mean))
    observed = np.array(
        [np.sum(found <= low), *(np.sum(found == k) for k in range(low + 1, high)),
         np.sum(found >= high)]
    ) if high > low else np.array([np.sum(found <= low), np.sum(found > low)])  # fmt: skip
    law = stats.poisson(mean)
    expected = (
        np.array([law.cdf(low), *(law.pmf(k) for k in range(low + 1, high)), law.sf(high - 1)])
        if high > low
        else np.array([law.cdf(low), law.sf(low)])
    )
    assert stats.chisquare(observed, expected * found.size).pvalue > 1e-4


def test_neurons_and_steps_are_independent() -> None:
    """Sums over neurons and over steps have the variance of independent numbers."""
    found = numbers(2.0, range(400 if JIT else 24)).astype(float)
    for axis in (0, 1):
        means = found.mean(axis=axis)
        ratio = means.var(ddof=1) * found.shape[axis] / 2.0
        n = means.size
        assert stats.chi2(n - 1).cdf(ratio * (n - 1)) == pytest.approx(0.5, abs=0.4999)
    for lag in (1, 7, 8):
        r = np.corrcoef(found[lag:].ravel(), found[:-lag].ravel())[0, 1]
        assert abs(r) < 5 / np.sqrt(found.size)


@given(
    first=st.integers(0, 2 * p.GROUP), n=st.integers(1, 2 * p.GROUP), step=st.integers(0, 2**40),
    mean=st.sampled_from([1.3, 33.0]),
)  # fmt: skip
@settings(max_examples=30 if JIT else 3)
def test_numbers_depend_on_neuron_and_step_alone(
    first: int, n: int, step: int, mean: float
) -> None:
    """The same numbers in other blocks of the same population."""
    whole = numbers(mean, range(step, step + 1), n=4 * p.GROUP)[0]
    part: Any = numbers(mean, range(step, step + 1), n=n, lo=first)[0]
    np.testing.assert_array_equal(part, whole[first : first + n])


def test_no_two_neurons_share_bits() -> None:
    """Every neuron of a population of several groups has bits of its own, at every size."""
    many = 3 * p.GROUP if JIT else p.GROUP + 10
    halves = np.zeros(p.GROUP, np.uint16)
    found = []
    for group in range(-(-many // p.GROUP)):
        p.draw_halves(p.COUNTERS, halves, 0, 40 + group * p.COUNTERS, 5, *KEY)
        found.append(halves.copy())
    bits = np.concatenate(found)[:many].astype(float)
    for shift in (1, p.COUNTERS, p.GROUP):
        if shift < many:
            assert abs(np.corrcoef(bits[shift:], bits[:-shift])[0, 1]) < 5 / np.sqrt(many - shift)
    for n in (1, 5, p.COUNTERS, p.COUNTERS + 1, 700):
        np.testing.assert_array_equal(numbers(2.0, range(3), n=n), numbers(2.0, range(3))[:, :n])


def test_keys_steps_and_parts_differ() -> None:
    """Another key, and other steps, have other numbers."""
    one = numbers(5.0, range(0, 16))
    other = numbers(5.0, range(0, 16), key=(KEY[0] + 1, KEY[1]))
    assert np.mean(one == other) < 0.3
    assert np.mean(one[:8] == one[8:]) < 0.3
