"""Memories as networks: pairs, sequences, sparse patterns, cliques, graded units, attention."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.special import softmax

import neurosim as ns
from neurosim.analysis.memory import clique_error, willshaw_density
from neurosim.errors import DescriptionError
from neurosim_datasets import random_patterns
from neurosim_models import (
    attention_energy,
    attention_memory,
    bidirectional_memory,
    clique_memory,
    graded_energy,
    graded_hopfield,
    sequence_memory,
    spike_overlaps,
    spiking_memory,
    willshaw_memory,
)

pytestmark = pytest.mark.compiled


def states(net: ns.Network, duration: float, name: str = "units") -> Any:
    return ns.run(net, duration, threads=1).states[name]["s"].array


def flipped(pattern: Any, share: float, seed: int) -> Any:
    return np.where(np.random.default_rng(seed).random(pattern.size) < share, -pattern, pattern)


# --- binary units -----------------------------------------------------------------------------


def test_a_pair_is_recalled_from_one_half_and_its_energy_never_rises() -> None:
    """Kosko's energy of one layer and the other a millisecond later, along both chains."""
    x, y = random_patterns(6, 200, seed=1), random_patterns(6, 120, seed=2)
    net = bidirectional_memory(x, y, flipped(x[0], 0.2, 3))
    run = ns.run(net, 12)
    first, second = (run.states[name]["s"].array for name in ("first", "second"))
    assert np.array_equal(first[12], x[0])
    assert np.array_equal(second[11], y[0])
    weights = ns.store_pairs(x, y)
    for start in (0, 1):
        chain = []
        for k in range(start, 11, 2):
            chain += [-first[k] @ weights @ second[k + 1], -first[k + 2] @ weights @ second[k + 1]]
        assert np.all(np.diff(chain) <= 1e-9)
    back = ns.compile(net).connections("back")
    cut = net.with_weights({"back": replace(back, weight=0.0 * back.weight)})
    alone = ns.run(cut, 12).states["first"]["s"].array
    assert not np.array_equal(alone[12], x[0]), "it is the other layer that corrects the cue"


def test_a_sequence_is_gone_through_in_its_order() -> None:
    xi = random_patterns(7, 300, seed=4)
    found = states(sequence_memory(xi, flipped(xi[0], 0.15, 1)), 16)
    for t in range(2, 17):
        assert found[t] @ xi[t % 7] / 300 > 0.95
        assert abs(found[t] @ xi[(t + 1) % 7]) / 300 < 0.4
    open_end = states(sequence_memory(xi, xi[0], cyclic=False), 9)
    assert open_end[6] @ xi[6] / 300 > 0.95
    assert abs(open_end[9] @ xi[2]) / 300 < 0.5


def test_sparse_patterns_are_completed_as_often_as_the_density_says() -> None:
    """No unit of a pattern is missed; a wrong one is active with about p^m for m of the cue."""
    n, active, shown, stored = 400, 16, 8, 300
    rng = np.random.default_rng(5)
    patterns = np.zeros((stored, n), int)
    for row in patterns:
        row[rng.choice(n, active, replace=False)] = 1
    density = willshaw_density(active / n, stored)
    wrong = 0
    for k in range(20):
        cue = patterns[k].copy()
        cue[np.flatnonzero(cue)[shown:]] = 0
        found = states(willshaw_memory(patterns, cue), 1)[-1]
        assert np.all(found[patterns[k] == 1] == 1)
        wrong += int(found.sum()) - active
    expected = 20 * (n - active) * density**shown
    # Units that occur more often than others have more connections: more wrong ones than p^m says.
    assert 0.5 * expected < wrong < 4 * expected


def test_erased_symbols_are_recalled_as_cliques() -> None:
    """The winners of every cluster, and how often another than the stored symbol is among them."""
    clusters, size, stored, erased = 8, 16, 90, 3
    rng = np.random.default_rng(6)
    messages = rng.integers(0, size, (stored, clusters))
    weights = ns.store_cliques(messages, size)
    wrong = 0
    for k in range(60):
        cue = messages[k].copy()
        cue[rng.choice(clusters, erased, replace=False)] = -1
        found = states(clique_memory(messages, cue, size), 1)[-1].reshape(clusters, size)
        assert np.all(found[np.arange(clusters), messages[k]] == 1)
        known = ns.clique_patterns(cue[None], size)[0]
        score = (known @ weights).reshape(clusters, size)
        for c in np.flatnonzero(cue == -1):
            assert np.array_equal(found[c] == 1, score[c] == score[c].max())
        wrong += int(found.sum()) > clusters
    estimate = clique_error(clusters, size, stored, erased)
    assert 0.4 * estimate < wrong / 60 < 3 * estimate + 0.1


# --- graded units -----------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_graded_units_descend_to_a_pattern(seed: int) -> None:
    """The energy of 1984 falls all the way; without symmetry it does not."""
    xi = random_patterns(5, 100, seed=seed)
    weights = ns.store(xi)
    net = graded_hopfield(weights, 0.5 * flipped(xi[0], 0.15, seed))
    u = ns.run(net, 100, dt=0.5, integrator="rk4").states["units"]["u"].array
    energy = np.array([graded_energy(weights, one) for one in u])
    assert np.all(np.diff(energy) < 1e-9)
    assert energy[-1] < energy[0] - 10
    assert np.sign(u[-1]) @ xi[0] / 100 > 0.95
    np.testing.assert_allclose(u[-1], np.tanh(4 * u[-1]) @ weights, atol=2e-3)
    skewed = weights + 3 * (ns.store_sequence(xi) - ns.store_sequence(xi).T)
    net = graded_hopfield(skewed, 0.5 * flipped(xi[0], 0.15, seed))
    u = ns.run(net, 100, dt=0.5, integrator="rk4").states["units"]["u"].array
    assert np.diff([graded_energy(skewed, one) for one in u]).max() > 0.1


def test_energy_of_graded_units_is_that_of_the_integral() -> None:
    from scipy.integrate import quad

    u, gain = np.array([0.3, -1.2, 4.0]), 2.5
    weights = np.array([[0, 1, -0.5], [1, 0, 0.2], [-0.5, 0.2, 0]])
    V = np.tanh(gain * u)
    areas = sum(quad(lambda x: np.arctanh(x) / gain, 0, top)[0] for top in V)
    assert graded_energy(weights, u, gain=gain) == pytest.approx(-0.5 * V @ weights @ V + areas)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_an_attention_memory_settles_where_attention_says(seed: int) -> None:
    """Fixed point of v <- K^T softmax(beta K v), the answer V^T softmax; the energy falls."""
    rng = np.random.default_rng(seed)
    keys, values = rng.normal(size=(30, 64)) / 8, rng.normal(size=(30, 3))
    query = keys[0] + 0.1 * rng.normal(size=64)
    net = attention_memory(keys, query, values=values, beta=12.0)
    run = ns.run(net, 300, dt=0.25, integrator="rk4")
    v, h = run.states["features"]["v"].array, run.states["memories"]["h"].array
    energy = np.array([attention_energy(keys, *one, beta=12.0) for one in zip(v, h, strict=True)])
    assert np.all(np.diff(energy) < 1e-12)
    expected = query
    for _ in range(300):
        weight = softmax(12.0 * keys @ expected)
        expected = weight @ keys
    assert weight[0] > 0.99, "recalled, not a mixture"
    np.testing.assert_allclose(v[-1], expected, atol=1e-9)
    np.testing.assert_allclose(run.states["answers"]["v"].array[-1], weight @ values, atol=1e-9)
    cold = attention_memory(keys, query, beta=0.5)
    blurred = ns.run(cold, 300, dt=0.25, integrator="rk4").states["features"]["v"].array[-1]
    assert np.linalg.norm(blurred - keys[0]) > 0.5, "beta is what separates memories"


# --- spikes -----------------------------------------------------------------------------------


def overlaps(load: float, seed: int, **given: Any) -> tuple[float, float]:
    """Overlap with the first of load * 400 patterns: by spikes, and by binary units."""
    n = 400
    xi = random_patterns(round(load * n), n, seed=seed)
    cue = flipped(xi[0], 0.1, seed)
    run = ns.run(spiking_memory(xi, cue, seed=seed, **given), 300, dt=0.2, threads=1)
    spikes = float(spike_overlaps(run, xi, start=150, stop=300)[0])
    net = ns.Network("binary", seed=seed)
    units = net.population("units", n, ns.Binary())
    net.project(units, units, ns.PatternCoupling(xi))
    net.initialise(units, s=cue)
    net.record(units, "s", every=1)
    return spikes, float(states(net, 15)[-1] @ xi[0] / n)


def test_spikes_recall_what_binary_units_recall_at_a_lower_load() -> None:
    """Three seeds at loads of .01, .05 and .2; and with the coupling cut nothing is held."""
    found = {load: np.array([overlaps(load, s) for s in (1, 2, 3)]) for load in (0.01, 0.05, 0.2)}
    spikes, binary = ({load: f[:, k] for load, f in found.items()} for k in (0, 1))
    assert spikes[0.01].min() > 0.97
    assert spikes[0.05].min() > 0.8
    assert spikes[0.2].max() < 0.75
    assert binary[0.05].min() > 0.97
    assert binary[0.2].mean() < 0.75
    assert np.all(spikes[0.2] < spikes[0.01] - 0.2)
    assert abs(overlaps(0.01, 1, strength=0.0)[0]) < 0.3


# --- bad input --------------------------------------------------------------------------------

GOOD = random_patterns(2, 10, seed=1)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: willshaw_memory(np.abs(GOOD), np.zeros(10)), "willshaw memory: cue"),
        (lambda: clique_memory([[0, 1], [2, 3]], [0, -1, 1], 4), "clique_memory: cue"),
        (lambda: clique_memory([[0, 1], [2, 3]], [-1, -1], 4), "clique memory: cue"),
        (lambda: graded_hopfield(ns.store(GOOD), GOOD[0]), "graded_hopfield: cue"),
        (lambda: graded_hopfield(ns.store(GOOD), 0.5 * GOOD[0], gain=0), "gain"),
        (lambda: attention_memory(100 * GOOD, 100 * GOOD[0]), "attention_memory: beta.*Divide"),
        (lambda: attention_memory(GOOD, GOOD[0][:3]), "attention_memory: query"),
        (lambda: attention_memory(GOOD, GOOD[0], beta=1, values=[[1.0]]), "values"),
        (lambda: spiking_memory(GOOD, np.zeros(10)), "spiking_memory: cue"),
        (lambda: spiking_memory(GOOD, GOOD[0], strength=-1), "strength"),
    ],
)
def test_nonsense_is_refused(make: Callable[[], Any], told: str) -> None:
    with pytest.raises(DescriptionError, match=told):
        make()
