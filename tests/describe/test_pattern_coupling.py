"""Patterns, interactions and binary units as descriptions: what they mean, and what is refused."""

from __future__ import annotations

from itertools import combinations, product
from math import factorial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import neurosim as ns
from neurosim.describe.interactions import symmetric
from neurosim.errors import DescriptionError, UnknownNameError

seeds = st.integers(0, 2**32 - 1)

INTERACTIONS = [
    ns.Linear(), ns.Polynomial(2), ns.Polynomial(3), ns.Polynomial(4), ns.Polynomial(5),
    ns.Polynomial(2, distinct=False), ns.Polynomial(3, distinct=False), ns.ExponentialInteraction(),
]  # fmt: skip


def brute_energy(interaction: Any, patterns: Any, s: Any) -> float:
    """Sum over every choice of units, pattern by pattern."""
    size = len(s)
    total = 0.0
    for xi in patterns:
        y = xi * s
        if isinstance(interaction, ns.Linear):
            total -= sum(y[i] * y[j] for i, j in combinations(range(size), 2)) / size
        elif isinstance(interaction, ns.ExponentialInteraction):
            total -= np.exp(float(y.sum()) - size)
        else:
            n = interaction.n
            scale = size ** (n - 1)
            if interaction.distinct:
                chosen = combinations(range(size), n)
                total -= factorial(n) * sum(np.prod(y[list(c)]) for c in chosen) / scale
            else:
                choices = product(range(size), repeat=n)
                total -= sum(np.prod(y[list(c)]) for c in choices) / scale
    return float(total)


def drawn(seed: int, diluted: bool, number: int = 3, size: int = 6) -> tuple[Any, Any]:
    random = np.random.default_rng(seed)
    choices = [-1, 0, 1] if diluted else [-1, 1]
    return random.choice(choices, (number, size)), random.choice([-1, 1], size)


@pytest.mark.parametrize("interaction", INTERACTIONS, ids=repr)
@given(seed=seeds, diluted=st.booleans())
@settings(max_examples=8)
def test_energy_is_the_sum_over_units(interaction: Any, seed: int, diluted: bool) -> None:
    """The tensor sum of the definition; and a field is half of what the energy falls by."""
    patterns, s = drawn(seed, diluted)
    if diluted and not ((patterns == 0).any() and (patterns == -1).any()):
        return
    rule = ns.PatternCoupling(patterns, interaction)
    assert rule.energy(s) == pytest.approx(brute_energy(interaction, patterns, s), abs=1e-12)
    fields = rule.fields(s)
    for i in range(s.size):
        up, down = s.copy(), s.copy()
        up[i], down[i] = 1, -1
        assert fields[i] == pytest.approx((rule.energy(down) - rule.energy(up)) / 2, abs=1e-12)


@given(seed=seeds)
def test_weights_multiply_patterns(seed: int) -> None:
    """A pattern that is stored twice is one of weight 2."""
    patterns, s = drawn(seed, diluted=False)
    for interaction in INTERACTIONS:
        twice = ns.PatternCoupling(np.vstack([patterns, patterns[:1]]), interaction)
        weighted = ns.PatternCoupling(patterns, interaction, weights=[2, 1, 1])
        assert weighted.energy(s) == pytest.approx(twice.energy(s))
        np.testing.assert_allclose(weighted.fields(s), twice.fields(s), atol=1e-12)


@given(signs=st.lists(st.sampled_from([-1, 1]), min_size=1, max_size=9), order=st.integers(0, 5))
def test_symmetric_polynomials_follow_from_the_sum(signs: list[int], order: int) -> None:
    expected = sum(int(np.prod(c)) for c in combinations(signs, order))
    assert symmetric(sum(signs), len(signs), order) == factorial(order) * expected


@given(number=st.integers(1, 5), size=st.integers(1, 150), seed=seeds, diluted=st.booleans())
def test_bits_hold_patterns(number: int, size: int, seed: int, diluted: bool) -> None:
    """Packing loses nothing, and overlaps are scalar products."""
    array, s = drawn(seed, diluted, number, size)
    if not (array == -1).any():
        array[0, 0] = -1
    patterns = ns.Patterns.of(array)
    assert (patterns.dense() == array).all()
    assert (patterns.overlaps(s) == array @ s).all()
    assert (patterns.actives() == np.abs(array).sum(axis=1)).all()
    again = ns.Patterns(size, patterns.positive, patterns.negative)
    assert (again.dense() == array).all()


def network(**change: Any) -> ns.Network:
    given: dict[str, Any] = {"interaction": ns.Polynomial(3), "temperature": 0.5, "weights": None}
    given |= change
    net = ns.Network("memory", seed=1)
    units = net.population("units", 6, ns.Binary(temperature=given["temperature"]))
    patterns = drawn(1, diluted=True)[0]
    rule = ns.PatternCoupling(patterns, given["interaction"], given["weights"])
    net.project(units, units, rule, weight=0.5)
    net.initialise(units, s=[1, -1, 1, 1, -1, 1])
    net.record(units, "s", every=1)
    return net


def test_files_hold_memories(tmp_path: Path) -> None:
    net = network(weights=[1, 2, 3])
    net.save(tmp_path / "memory.h5")
    again = ns.load(tmp_path / "memory.h5")
    assert isinstance(again, ns.Network)
    assert again.content_hash() == net.content_hash()
    assert (again["units->units"].rule.patterns.dense() == drawn(1, True)[0]).all()
    assert repr(again) == repr(net)


def test_the_hash_knows_what_matters() -> None:
    changes: list[dict[str, Any]] = [
        {}, {"interaction": ns.Polynomial(3, distinct=False)}, {"interaction": ns.Linear()},
        {"temperature": 0.6}, {"weights": [1, 1, 2]},
    ]  # fmt: skip
    assert len({network(**change).content_hash() for change in changes}) == len(changes)
    assert network().content_hash() == network().content_hash()


def test_a_memory_shows_itself_and_what_it_needs() -> None:
    net = network()
    assert "3 patterns of 6 units, diluted, Polynomial(n=3" in repr(net)
    big = ns.Network("big")
    units = big.population("units", 20_000, ns.Binary())
    words = np.zeros((2760, 313), np.int64)
    big.project(units, units, ns.PatternCoupling(ns.Patterns(20_000, words)))
    dense = 4.0 * 20_000**2
    assert big.estimate().bytes < dense / 50


def project(patterns: Any, model: Any = None, **given: Any) -> Any:
    net = ns.Network("bad")
    units = net.population("units", 4, model or ns.Binary())
    rule = ns.PatternCoupling(patterns, **given.pop("rule", {}))
    return net.project(units, units, rule, **given)


any_: Any = ns  # to say what types forbid
GOOD = [[1, -1, 1, 1], [-1, -1, 1, 1]]

REFUSED: dict[str, tuple[Any, str]] = {
    "entries": (lambda: ns.PatternCoupling([[1, 2, 1]]), "pattern 0, unit 1 is 2"),
    "nan": (lambda: ns.PatternCoupling([[1, np.nan]]), "unit 1 is nan"),
    "0 and 1": (lambda: ns.PatternCoupling([[0, 1, 1]]), r"2 \* patterns - 1"),
    "one row": (lambda: ns.PatternCoupling([1, -1]), "an array"),
    "ragged": (lambda: ns.PatternCoupling([[1, -1], [1]]), "differ in length"),
    "texts": (lambda: ns.PatternCoupling([["a"]]), "of -1 and 1"),
    "interaction": (
        lambda: any_.PatternCoupling(GOOD, ns.Exponential(1)),
        "ExponentialInteraction",
    ),
    "class": (lambda: any_.PatternCoupling(GOOD, ns.Linear), "interaction"),
    "order": (lambda: ns.Polynomial(1), "at least 2"),
    "high order": (lambda: ns.Polynomial(21), "2 to 20"),
    "weights": (lambda: ns.PatternCoupling(GOOD, weights=[1.0]), "2 numbers, one per pattern"),
    "size": (lambda: project([[1, -1, 1]]), "patterns of 3 units'; expected 4 units"),
    "transposed": (lambda: project(np.array(GOOD * 3).T), "one pattern per row"),
    "values": (lambda: project(GOOD, ns.Binary(values=(0, 1))), r"values \(-1, 1\)"),
    "neurons": (lambda: project(GOOD, ns.LIF()), "binary units with the values"),
    "weight": (lambda: project(GOOD, weight=np.ones((4, 4))), "one number"),
    "delay": (lambda: project(GOOD, delay=1.0), "expected None"),
    "source": (lambda: project(GOOD, source="V_m"), "V_m"),
    "state": (lambda: ns.PatternCoupling(GOOD).energy([0, 1, 1, 1]), "-1 or 1"),
    "states": (lambda: ns.PatternCoupling(GOOD).fields([1, 1]), r"\(4,\) values"),
    "words": (lambda: ns.Patterns(3, np.array([[8]])), "zeros beyond the 3 units"),
    "both signs": (lambda: ns.Patterns(3, np.array([[1]]), np.array([[1]])), "not set"),
    "temperature": (lambda: ns.Binary(temperature=-1), "0 or above"),
    "infinite": (lambda: ns.Binary(temperature=np.inf), "temperature"),
    "update": (lambda: any_.Binary(update="random"), "asynchronous"),
    "two values": (lambda: ns.Binary(values=(1, 2)), r"\(-1, 1\) or \(0, 1\)"),
    "tau": (lambda: ns.Binary(tau_spikes=0), "above 0"),
    "taus": (lambda: ns.Binary(tau_spikes=[1.0, 2.0]), "one value"),
    "unknown": (lambda: any_.Binary(T=1), "temperature"),
}


@pytest.mark.parametrize(("make", "told"), REFUSED.values(), ids=REFUSED)
def test_nonsense_is_refused_where_it_is_written(make: Any, told: str) -> None:
    with pytest.raises((DescriptionError, UnknownNameError), match=told):
        make()


def test_states_are_values_of_the_unit() -> None:
    net = ns.Network("states")
    units = net.population("units", 4, ns.Binary())
    bits = net.population("bits", 4, ns.Binary(values=(0, 1)))
    net.initialise(units, s=-1)
    net.initialise(bits, s=[0, 1, 1, 0])
    for target, value in (
        (units, 0),
        (bits, -1),
        (units, [1, 1, 1, 0.5]),
        (units, ns.Normal(0, 1)),
    ):
        with pytest.raises(DescriptionError, match="initial value of s"):
            net.initialise(target, s=value)
    with pytest.raises(DescriptionError, match="whole population"):
        net.project(units[:2], units[:2], ns.PatternCoupling([[1, -1]]))
    with pytest.raises(DescriptionError, match="whole population"):
        net.project(units, bits, ns.PatternCoupling(GOOD))
