"""Planted assemblies: counts, times and correlations as laws."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import neurosim as ns
from neurosim_datasets import planted_assemblies


@settings(max_examples=40)
@given(
    neurons=st.integers(1, 40), groups=st.integers(0, 4), size=st.integers(1, 10),
    overlap=st.booleans(), seed=st.integers(0, 2**32),
)  # fmt: skip
def test_members_are_as_many_as_asked_for(
    neurons: int, groups: int, size: int, overlap: bool, seed: int
) -> None:
    if (size if overlap else size * groups) > neurons:
        with pytest.raises(ns.DescriptionError, match="planted_assemblies: n_neurons"):
            planted_assemblies(neurons, groups, size, overlap=overlap, seed=seed)
        return
    planted = planted_assemblies(
        neurons, groups, size, overlap=overlap, seed=seed, duration=500, jitter=50, spread=100
    )
    assert [len(np.unique(group)) for group in planted.members] == [size] * groups
    if not overlap and groups:
        everyone = np.concatenate(planted.members)
        assert len(np.unique(everyone)) == everyone.size
    ns.SpikeTimes(planted.trains)  # takes them as they are
    for train in planted.trains:
        assert np.all(np.diff(train) >= 0)
        assert train.size == 0 or 0 < train[0] <= train[-1] <= 500


def test_without_background_members_fire_with_their_assembly_only() -> None:
    planted = planted_assemblies(
        30, 2, 10, rate=0, jitter=0, spread=20, participation=1, call_rate=5, seed=2
    )
    for group, own, called in zip(
        planted.members, planted.latencies, planted.activations, strict=True
    ):
        assert called.size > 20
        for neuron, latency in zip(group, own, strict=True):
            expected = called + latency
            assert planted.trains[neuron] == pytest.approx(expected[expected <= 10_000])
        assert np.unique(own).size == 10
    assert sum(train.size > 0 for train in planted.trains) == 20


def test_rates_and_jitter_are_those_asked_for() -> None:
    """Poisson counts within four standard deviations; jitter to 3 percent."""
    alone = planted_assemblies(50, 0, 1, rate=20, duration="20 s", seed=3)
    expected = 50 * 20 * 20
    assert abs(sum(train.size for train in alone.trains) - expected) < 4 * np.sqrt(expected)
    planted = planted_assemblies(
        40, 1, 40, rate=0, call_rate=1, participation=0.5, jitter=3, duration="200 s", seed=4
    )
    (called,) = planted.activations
    assert abs(called.size - 200) < 4 * np.sqrt(200)
    every = np.concatenate(planted.trains)
    tries = 40 * called.size
    assert abs(every.size - tries / 2) < 4 * np.sqrt(tries / 4) + 40
    nearest = np.abs(every[:, np.newaxis] - called).argmin(axis=1)
    off = every - called[nearest]
    alone_there = np.abs(off) < 12  # a few calls come so soon after another that they mix
    assert off[alone_there].std() == pytest.approx(3, rel=0.03)


def test_members_fire_together_and_others_do_not() -> None:
    planted = planted_assemblies(60, 3, 12, duration="60 s", seed=5, rate=4)
    truth = np.full(60, -1)
    for k, group in enumerate(planted.members):
        truth[group] = k
    edges = np.arange(0, 60_001, 20)
    counts = np.array([np.histogram(train, edges)[0] for train in planted.trains])
    correlation = np.corrcoef(counts)
    same = (truth[:, np.newaxis] == truth) & (truth >= 0) & ~np.eye(60, dtype=bool)
    other = (truth[:, np.newaxis] != truth) | (truth < 0)
    np.fill_diagonal(other, False)
    assert correlation[same].min() > 1.5 * correlation[other].max()


def test_a_seed_gives_the_same_trains_and_another_gives_others() -> None:
    def flat(seed: int) -> list[float]:
        trains = planted_assemblies(10, 1, 5, seed=seed).trains
        return [time for train in trains for time in train]

    assert flat(1) == flat(1)
    assert flat(1) != flat(2)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"n_neurons": 0}, "n_neurons"),
        ({"n_assemblies": -1}, "n_assemblies"),
        ({"size": 0}, "size"),
        ({"size": 20}, "n_neurons is 30; expected at least 40"),
        ({"duration": 0}, "duration"),
        ({"rate": -1}, "rate"),
        ({"call_rate": -1}, "call_rate"),
        ({"participation": 1.1}, "participation"),
        ({"jitter": -1}, "jitter"),
        ({"spread": -1}, "spread"),
        ({"overlap": 1}, "overlap"),
        ({"seed": -1}, "seed"),
    ],
)
def test_nonsense_is_refused_by_name(wrong: dict[str, Any], field: str) -> None:
    given: dict[str, Any] = {"n_neurons": 30, "n_assemblies": 2, "size": 5} | wrong
    with pytest.raises(ns.DescriptionError, match=f"planted_assemblies: {field}"):
        planted_assemblies(**given)
