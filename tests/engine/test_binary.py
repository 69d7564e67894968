"""Sweeps of binary units against fields computed anew, and the laws they obey."""

from __future__ import annotations

from itertools import pairwise, product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import neurosim as ns
from neurosim.errors import DescriptionError, UnsupportedError
from neurosim.kernels.binary import draw_order

pytestmark = pytest.mark.compiled

INTERACTIONS = [
    ns.Linear(), ns.Polynomial(2), ns.Polynomial(3), ns.Polynomial(4),
    ns.Polynomial(3, distinct=False), ns.ExponentialInteraction(),
]  # fmt: skip


def memory(rule: Any, s: Any, **facts: Any) -> ns.Network:
    net = ns.Network("memory", seed=facts.pop("seed", 1))
    units = net.population("units", len(s), ns.Binary(**facts))
    net.project(units, units, rule)
    net.initialise(units, s=s)
    net.record(units, "s", every=1, initial=True)
    return net


def states_of(net: ns.Network, sweeps: float, **options: Any) -> Any:
    run = ns.run(net, sweeps, **{"dt": 1.0, "threads": 1, **options})
    return run.states["units"]["s"].array.astype(int)


def swept(rule: Any, s: Any, sweeps: int, *, together: bool) -> Any:
    """Update by the fields of the description, one unit at a time or all together."""
    s = s.copy()
    found = [s.copy()]
    for _ in range(sweeps):
        if together:
            s = np.where(rule.fields(s) == 0, s, np.sign(rule.fields(s))).astype(int)
        else:
            for i in range(s.size):
                h = rule.fields(s)[i]
                s[i] = s[i] if h == 0 else np.sign(h)
        found.append(s.copy())
    return np.array(found)


@given(
    interaction=st.sampled_from(INTERACTIONS), seed=st.integers(0, 2**32 - 1),
    number=st.integers(1, 70), size=st.integers(2, 70), diluted=st.booleans(),
    weighted=st.booleans(), together=st.booleans(),
)  # fmt: skip
@settings(max_examples=40, deadline=None)
def test_sweeps_follow_the_fields(
    interaction: Any, seed: int, number: int, size: int, diluted: bool, weighted: bool,
    together: bool,
) -> None:  # fmt: skip
    """Overlaps that follow every flip lead where fields lead that are computed anew."""
    random = np.random.default_rng(seed)
    patterns = random.choice([-1, 0, 1] if diluted else [-1, 1], (number, size))
    patterns[0, 0] = -1
    weights = random.integers(1, 4, number).astype(float) if weighted else None
    if isinstance(interaction, ns.ExponentialInteraction):
        weights = random.uniform(0.5, 1.5, number)  # sums that are 0 but for rounding occur else
    rule = ns.PatternCoupling(patterns, interaction, weights)
    s = random.choice([-1, 1], size)
    update = "synchronous" if together else "sequential"
    found = states_of(memory(rule, s, update=update), 2)
    assert (found == swept(rule, s, 2, together=together)).all()


@pytest.mark.parametrize("interaction", INTERACTIONS, ids=repr)
@given(seed=st.integers(0, 2**32 - 1), diluted=st.booleans())
@settings(max_examples=4, deadline=None)
def test_energy_never_rises(interaction: Any, seed: int, diluted: bool) -> None:
    """After every single update at T = 0, exactly: energies are whole numbers, rounded once."""
    random = np.random.default_rng(seed)
    patterns = random.choice([-1, 0, 1] if diluted else [-1, 1], (12, 40))
    patterns[0, 0] = -1
    rule = ns.PatternCoupling(patterns, interaction)
    net = memory(rule, random.choice([-1, 1], 40))
    net.record(net["units"], "s", every=1, initial=True)
    session = ns.compile(net, dt=1 / 40, threads=1)
    energies = [ns.energy(session)]
    for _ in range(80):
        session.run(1 / 40)
        energies.append(ns.energy(session))
    slack = 1e-12 * abs(energies[-1]) if isinstance(interaction, ns.ExponentialInteraction) else 0.0
    assert all(after <= before + slack for before, after in pairwise(energies))
    assert energies[-1] < energies[0]
    assert energies[-1] == rule.energy(session.get(net["units"], "s"))


def symmetric(random: np.random.Generator, n: int) -> Any:
    upper = np.triu(random.normal(0, 1, (n, n)), 1)
    return upper + upper.T


@pytest.mark.parametrize("values", [(-1, 1), (0, 1)])
def test_states_occur_as_often_as_boltzmann_says(values: tuple[int, int]) -> None:
    """Five units with random weights and biases, T = 0.8: all 32 states, by enumeration."""
    n, temperature = 5, 0.8
    random = np.random.default_rng(3)
    bias = random.normal(0, 0.5, n)
    net = ns.Network("boltzmann", seed=2)
    model = ns.Binary(values=values, bias=bias, temperature=temperature)
    units = net.population("units", n, model)
    net.project(units, units, ns.FromMatrix(symmetric(random, n)), source="s")
    net.record(units, "s")
    states = ns.run(net, 40_000, dt=1.0, threads=1).states["units"]["s"].array[100:]
    every = np.array(list(product(values, repeat=n)))
    energies = np.array([ns.energy(net, {"units": s}) for s in every])
    expected = np.exp(-energies / temperature)
    expected /= expected.sum()
    digits = ((states - values[0]) / (values[1] - values[0])) @ 2.0 ** np.arange(n)[::-1]
    found = np.bincount(digits.astype(int), minlength=2**n) / len(states)
    assert 0.5 * np.abs(found - expected).sum() < 0.03
    hotter = np.exp(-energies / (1.3 * temperature))
    assert 0.5 * np.abs(found - hotter / hotter.sum()).sum() > 0.05


def test_pairs_and_patterns_are_the_same_memory() -> None:
    """Hebb's weights, written out, lead where the patterns lead; and both have one energy."""
    random = np.random.default_rng(5)
    patterns, s = random.choice([-1, 1], (4, 64)), random.choice([-1, 1], 64)
    stored = memory(ns.PatternCoupling(patterns), s)
    written = ns.Network("memory", seed=1)
    units = written.population("units", 64, ns.Binary())
    weights = patterns.T @ patterns / 64.0
    np.fill_diagonal(weights, 0)
    written.project(units, units, ns.FromMatrix(weights), source="s")
    written.initialise(units, s=s)
    written.record(units, "s", every=1, initial=True)
    assert (states_of(stored, 4) == states_of(written, 4)).all()
    assert ns.energy(stored) == pytest.approx(ns.energy(written))


def test_a_tie_leaves_a_unit_as_it_is() -> None:
    """Two patterns that say the opposite of unit 0: its field is 0."""
    rule = ns.PatternCoupling([[1, 1, 1], [-1, 1, 1]])
    for first in (-1, 1):
        found = states_of(memory(rule, [first, 1, 1], update="sequential"), 3)
        assert (found == [first, 1, 1]).all()


def test_bits_do_not_depend_on_threads_pieces_or_steps() -> None:
    random = np.random.default_rng(6)
    patterns, s = random.choice([-1, 1], (9, 50)), random.choice([-1, 1], 50)
    net = memory(ns.PatternCoupling(patterns, ns.Polynomial(3)), s, temperature=0.7)
    whole = ns.run(net, 6, dt=0.1, threads=1)
    session = ns.compile(net, dt=0.1, threads=2)
    assert (session.run(2) + session.run(4)).same_as(whole)
    session.reset()
    assert (session.run(1) + session.run(5)).same_as(whole)
    coarse = ns.run(net, 6, dt=1.0, threads=1)
    assert (coarse.states["units"]["s"].array == whole.states["units"]["s"].array).all()
    other = ns.run(net, 6, dt=1.0, trial=1, threads=1)
    assert (coarse.states["units"]["s"].array != other.states["units"]["s"].array).any()


def test_sessions_set_states_and_temperature() -> None:
    """Overlaps follow what is set; a cooled memory settles."""
    random = np.random.default_rng(7)
    patterns = random.choice([-1, 1], (3, 200))
    net = memory(ns.PatternCoupling(patterns), patterns[0], temperature=5.0)
    session = ns.compile(net, dt=1.0, threads=1)
    units = net["units"]
    session.run(20)
    assert abs(session.get(units, "s") @ patterns[0]) < 80
    session.set(units, temperature=0.0, s=patterns[1])
    session.run(3)
    assert (session.get(units, "s") == patterns[1]).all()
    session.set(units[:20], s=-patterns[1][:20])
    session.run(1)
    assert (session.get(units, "s") == patterns[1]).all()
    for wrong in ({"temperature": -1}, {"s": 0}, {"s": np.nan}):
        with pytest.raises(DescriptionError):
            session.set(units, **wrong)
    assert (session.get(units, "temperature") == 0).all()


def test_temperatures_may_differ() -> None:
    """Cold units keep to the pattern, hot ones do not."""
    pattern = np.random.default_rng(8).choice([-1, 1], (1, 400))
    hot = np.where(np.arange(400) < 200, 0.0, 50.0)
    found = states_of(memory(ns.PatternCoupling(pattern), pattern[0], temperature=hot), 5)[-1]
    assert (found[:200] == pattern[0, :200]).mean() == 1
    assert 0.3 < (found[200:] == pattern[0, 200:]).mean() < 0.7


@given(n=st.integers(1, 50), sweep=st.integers(0, 2**40))
@settings(max_examples=20)
def test_every_unit_has_one_turn_in_a_sweep(n: int, sweep: int) -> None:
    order = np.zeros(n, np.int32)
    draw_order(n, order, sweep, np.uint64(1), np.uint64(2))
    assert sorted(order.tolist()) == list(range(n))


def test_all_orders_are_equally_likely() -> None:
    order = np.zeros(4, np.int32)
    counts: dict[tuple[int, ...], int] = {}
    for sweep in range(4800):
        draw_order(4, order, sweep, np.uint64(3), np.uint64(4))
        found = tuple(order.tolist())
        counts[found] = counts.get(found, 0) + 1
    assert len(counts) == 24
    assert sum((n - 200) ** 2 / 200 for n in counts.values()) < 50  # chi-squared, 23: p = 0.001


def test_other_backends_refuse_and_connections_do_not_exist() -> None:
    net = memory(ns.PatternCoupling([[1, -1, 1]]), [1, 1, 1])
    told = ns.explain(net, backend="brian2")
    assert any(finding.feature == "neuron:Binary" for finding in told.refused)
    assert any(finding.feature == "rule:PatternCoupling" for finding in told.refused)
    with pytest.raises(UnsupportedError, match=r"PatternCoupling\.fields"):
        ns.compile(net, dt=1.0).connections("units->units")


def test_energies_that_do_not_exist_are_refused() -> None:
    def pairs(matrix: Any, **more: Any) -> ns.Network:
        net = ns.Network("pairs")
        units = net.population("units", 2, ns.Binary(**more))
        net.project(units, units, ns.FromMatrix(np.array(matrix)), source="s")
        return net

    assert ns.energy(pairs([[0.0, 2.0], [2.0, 0.0]])) == -2.0
    assert ns.energy(pairs([[0.0, 2.0], [2.0, 0.0]]), {"units": [1, -1]}) == 2.0
    assert ns.energy(pairs([[0.0, 2.0], [2.0, 0.0]], bias=[1.0, 0.0])) == -1.0
    with pytest.raises(DescriptionError, match=r"units\[0\] and units\[1\]"):
        ns.energy(pairs([[0.0, 2.0], [1.0, 0.0]]))
    with pytest.raises(DescriptionError, match="on itself"):
        ns.energy(pairs([[1.0, 2.0], [2.0, 0.0]]))
    driven = pairs([[0.0, 2.0], [2.0, 0.0]], tau_spikes=5)
    spikes = driven.population("spikes", 2, ns.Poisson(rate=5))
    driven.project(spikes, driven["units"], ns.AllToAll())
    with pytest.raises(DescriptionError, match="no spikes into binary units"):
        ns.energy(driven)
    silent = ns.Network("none")
    silent.population("cells", 1, ns.LIF())
    with pytest.raises(DescriptionError, match="a network with binary units"):
        ns.energy(silent)


def test_sweeps_over_parameters_run_one_by_one() -> None:
    """Each as by itself: units that update one by one have no lanes."""
    pattern = np.random.default_rng(9).choice([-1, 1], (1, 60))
    net = memory(ns.PatternCoupling(pattern), pattern[0], temperature=0.2)
    temperatures = [0.0, 3.0]

    def overlap(run: ns.Run) -> dict[str, float]:
        return {"m": float(run.states["units"]["s"].array[-1] @ pattern[0])}

    found = ns.sweep(net, {"temperature": temperatures}, 4.0, measure=overlap, dt=1.0)
    for value, temperature in zip(found["m"].values, temperatures, strict=True):
        alone = memory(ns.PatternCoupling(pattern), pattern[0], temperature=temperature)
        assert value == states_of(alone, 4)[-1] @ pattern[0]


def test_spikes_reach_every_unit() -> None:
    """Each its own, in populations of several blocks of arrival slots; their field decays."""
    n = 2500
    net = ns.Network("spikes")
    source = net.population("source", n, ns.SpikeTimes([[1.0]] * n))
    units = net.population("units", n, ns.Binary(tau_spikes=4.0, update="sequential"))
    weights = np.linspace(-1, 1, n)
    pairs = [(k, k, weight) for k, weight in enumerate(weights)]
    net.project(source, units, ns.FromList(pairs), delay=1.0)
    net.record(units, ["s", "h_spikes"], every=1.0)
    states = ns.run(net, 4, dt=0.5, threads=1).states["units"]
    fields = states["h_spikes"].array
    np.testing.assert_allclose(fields[1], weights, atol=1e-9)
    np.testing.assert_allclose(fields[3], weights * np.exp(-2 / 4), atol=1e-9)
    assert (states["s"].array[1] == -1).all()
    assert (states["s"].array[2] == np.where(weights > 0, 1, -1)).all()
