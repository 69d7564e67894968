"""Random patterns: activity, values, seeds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import neurosim as ns
from neurosim_datasets import random_patterns

seeds = st.integers(0, 2**32)
activities = st.floats(0, 1)


@given(activity=activities, seed=seeds, size=st.integers(1, 60))
def test_exact_patterns_have_exactly_so_many_active_units(
    activity: float, seed: int, size: int
) -> None:
    patterns = random_patterns(4, size, activity=activity, values="binary", exact=True, seed=seed)
    assert (patterns.sum(axis=1) == round(activity * size)).all()


@given(activity=activities, seed=seeds, exact=st.booleans())
def test_values_rename_the_same_units(activity: float, seed: int, exact: bool) -> None:
    bipolar = random_patterns(3, 20, activity=activity, exact=exact, seed=seed)
    binary = random_patterns(3, 20, activity=activity, exact=exact, seed=seed, values="binary")
    assert set(np.unique(bipolar)) <= {-1, 1}
    assert np.array_equal(bipolar, 2 * binary - 1)


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("activity", [0.05, 0.5, 0.9])
def test_every_unit_is_as_likely_as_every_other(activity: float, exact: bool) -> None:
    n = 4000
    patterns = random_patterns(n, 50, activity=activity, values="binary", exact=exact, seed=3)
    real = round(activity * 50) / 50 if exact else activity
    active = patterns.sum(axis=0)
    for counted, expected in ((active, n * real), (n - active, n * (1 - real))):
        assert stats.chisquare(counted, np.full(50, counted.mean())).pvalue > 1e-3
        assert abs(counted.mean() - expected) < 4 * np.sqrt(n * real * (1 - real) / 50)


def test_patterns_are_independent() -> None:
    patterns = random_patterns(100, 10_000, seed=5).astype(np.float64)
    overlaps = (patterns @ patterns.T / 10_000)[np.triu_indices(100, 1)]
    assert abs(overlaps.mean()) < 4e-2 / np.sqrt(overlaps.size)
    assert overlaps.std() == pytest.approx(0.01, rel=0.05)


def test_a_seed_gives_the_same_patterns_and_another_gives_others() -> None:
    assert np.array_equal(random_patterns(3, 50, seed=1), random_patterns(3, 50, seed=1))
    assert not np.array_equal(random_patterns(3, 50, seed=1), random_patterns(3, 50, seed=2))


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"n_patterns": 0}, "n_patterns"),
        ({"size": -1}, "size"),
        ({"size": 2.5}, "size"),
        ({"activity": 1.1}, "activity"),
        ({"activity": float("nan")}, "activity"),
        ({"values": "ternary"}, "values"),
        ({"exact": 1}, "exact"),
        ({"seed": -1}, "seed"),
    ],
)
def test_nonsense_is_refused_by_name(wrong: dict[str, Any], field: str) -> None:
    arguments: dict[str, Any] = {"n_patterns": 2, "size": 5} | wrong
    with pytest.raises(ns.DescriptionError, match=f"random_patterns: {field}"):
        random_patterns(**arguments)
