"""Connection rules: exact numbers where fixed, laws where random, who may meet whom."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from neurosim.engine.rules import Generator, Work
from neurosim.engine.wiring import Connections, enumerate_connections
from neurosim.errors import DescriptionError
from neurosim.kernels.wiring import draw_delays
from neurosim.lower.plan import Draw, PlanProjection
from tests.engine.wiring_cases import DT, projection, projections


def pairs(c: Connections, p: PlanProjection) -> Any:
    """How often each pair is connected: (n_pre, n_post)."""
    counts = np.zeros((p.pre.size, p.post.size), np.int64)
    np.add.at(counts, (c.pre_position, c.post_position), 1)
    return counts


@given(projections(), st.integers(0, 2**63))
def test_what_every_rule_promises(p: PlanProjection, seed: int) -> None:
    """Numbers are met exactly, autapses and repeats appear only where allowed, order is kept."""
    c = enumerate_connections(p, seed, DT)
    counts = pairs(c, p)
    same = p.pre[:, None] == p.post[None, :]
    order = np.lexsort((c.delay_steps, c.post_position, c.pre_position))
    np.testing.assert_array_equal(order, np.arange(order.size))
    assert np.all(c.delay_steps >= 1)
    assert np.all(np.isfinite(c.weight))
    if p.rule == "explicit":
        assert p.explicit_pre is not None
        assert p.explicit_post is not None
        expected = np.zeros_like(counts)
        np.add.at(expected, (p.explicit_pre, p.explicit_post), 1)
        np.testing.assert_array_equal(counts, expected)
        return
    if not p.autapses:
        assert not counts[same].any()
    if not p.multapses or p.rule in ("all_to_all", "fixed_probability"):
        assert counts.max(initial=0) <= 1
    match p.rule:
        case "all_to_all":
            np.testing.assert_array_equal(counts, ~same if not p.autapses else np.ones_like(counts))
        case "fixed_probability" if p.probability in (0.0, 1.0):
            full = ~same if not p.autapses else np.ones_like(same)
            np.testing.assert_array_equal(counts, full * int(p.probability))
        case "fixed_indegree":
            np.testing.assert_array_equal(counts.sum(0), np.broadcast_to(p.number, p.post.size))
        case "fixed_outdegree":
            np.testing.assert_array_equal(counts.sum(1), np.broadcast_to(p.number, p.pre.size))
        case "fixed_total_number":
            assert counts.sum() == p.number


@given(projections())
def test_arrays_are_read_at_their_pair(p: PlanProjection) -> None:
    """A matrix gives each connection the element of its pair; a list that of its place."""
    if p.rule == "explicit":
        return
    weight = np.arange(p.pre.size * p.post.size, dtype=np.float64).reshape(p.pre.size, -1)
    delay = 1 + (weight.astype(np.int64) * 7) % 1000
    p = dataclasses.replace(p, weight=weight, delay_steps=delay)
    c = enumerate_connections(p, 1, DT)
    np.testing.assert_array_equal(c.weight, weight[c.pre_position, c.post_position])
    np.testing.assert_array_equal(c.delay_steps, delay[c.pre_position, c.post_position])


def test_one_to_one() -> None:
    """Positions meet their like; shifted views drop the same neuron, not the same position."""
    p = projection("one_to_one", 9, 9)
    c = enumerate_connections(p, 1, DT)
    np.testing.assert_array_equal(c.pre_position, np.arange(9))
    np.testing.assert_array_equal(c.post_position, np.arange(9))
    half = projection("one_to_one", post=np.array([0, 2, 1, 3]), n_pre=4, autapses=False)
    assert enumerate_connections(half, 1, DT).pre_position.tolist() == [1, 2]
    with pytest.raises(DescriptionError, match="as many presynaptic"):
        enumerate_connections(projection("one_to_one", 3, 4), 1, DT)


RANDOM: dict[str, tuple[str, dict[str, Any]]] = {
    "probability": ("fixed_probability", {"probability": 0.3}),
    "small probability": ("fixed_probability", {"probability": 0.01}),
    "indegree": ("fixed_indegree", {"number": 9}),
    "indegree distinct": ("fixed_indegree", {"number": 9, "multapses": False}),
    "outdegree": ("fixed_outdegree", {"number": 9}),
    "outdegree distinct": ("fixed_outdegree", {"number": 9, "multapses": False}),
    "total": ("fixed_total_number", {"number": 400}),
    "total distinct": ("fixed_total_number", {"number": 400, "multapses": False}),
}


@pytest.mark.parametrize("autapses", [False, True])
@pytest.mark.parametrize("name", RANDOM)
def test_every_allowed_pair_is_equally_likely(name: str, autapses: bool) -> None:
    """Pair counts over many seeds are uniform over the allowed pairs (chi-square).

    Sampling without repeats spreads more evenly than chi-square assumes, so that only too uneven
    counts are a fault there.
    """
    rule, changes = RANDOM[name]
    p = projection(rule, 23, 31, autapses=autapses, weight=Draw(0, 1.0), **changes)
    counts = sum(pairs(enumerate_connections(p, seed, DT), p) for seed in range(300))
    allowed = (p.pre[:, None] != p.post[None, :]) | autapses
    assert not counts[~allowed].any()
    assert stats.chisquare(counts[allowed]).pvalue > 1e-4


@pytest.mark.parametrize("probability", [0.003, 0.2, 0.9])
def test_bernoulli_rows_are_binomial_and_independent(probability: float) -> None:
    """Row and column sums of fixed_probability follow the binomial law, and do not correlate."""
    p = projection("fixed_probability", 400, 500, probability=probability, weight=Draw(0, 1.0))
    counts = pairs(enumerate_connections(p, 11, DT), p)
    for axis, n in ((1, 500), (0, 400)):
        sums = counts.sum(axis)
        law = stats.binom(n, probability)
        cuts = np.unique(law.ppf(np.linspace(0.05, 0.95, 10)))
        edges = np.concatenate([[-np.inf], cuts, [np.inf]])
        share = np.diff(law.cdf(edges))
        observed = np.histogram(sums, np.concatenate([[-1], cuts + 0.5, [n + 1]]))[0]
        used = share > 0.01
        expected = share[used] / share[used].sum() * observed[used].sum()
        assert stats.chisquare(observed[used], expected).pvalue > 1e-4
    centred = counts - probability
    neighbours = (centred[:, 1:] * centred[:, :-1]).mean() / (probability * (1 - probability))
    assert abs(neighbours) < 4 / np.sqrt(counts.size)


@pytest.mark.parametrize("multapses", [False, True])
def test_free_degrees_of_fixed_numbers(multapses: bool) -> None:
    """The degrees that a rule leaves free have the variance of their law."""
    for rule, axis, n in (("fixed_indegree", 1, 200), ("fixed_outdegree", 0, 300)):
        p = projection(rule, 200, 300, number=40, multapses=multapses, weight=Draw(0, 1.0))
        counts = pairs(enumerate_connections(p, 5, DT), p)
        sums = counts.sum(axis)
        trials = counts.shape[axis]
        q = 40 / n
        # each of `trials` neurons hits one of n: 40 independent draws, or 40 different ones
        variance = trials * (40 * (1 / n) * (1 - 1 / n) if multapses else q * (1 - q))
        ratio = sums.var() / variance
        assert abs(ratio - 1) < 4 * np.sqrt(2 / n)


def test_total_numbers_spread_over_pairs_like_independent_draws() -> None:
    """With repeats, pair counts of a fixed total are multinomial: variance equal to the mean."""
    p = projection("fixed_total_number", 60, 50, number=9000, weight=Draw(0, 1.0))
    counts = pairs(enumerate_connections(p, 5, DT), p).ravel()
    assert 1e-4 < stats.chisquare(counts).pvalue < 1 - 1e-4


def test_drawn_weights_and_delays_follow_their_laws_after_redrawing() -> None:
    """Weights against the truncated normal, delays against its mass in each step."""
    p = projection(
        "fixed_total_number", 100, 100, number=40_000,
        weight=Draw(2, 87.8, 60.0, 0.0, np.inf, 2), delay_steps=Draw(2, 1.5, 0.75, 0.1, np.inf, 2),
    )  # fmt: skip
    c = enumerate_connections(p, 5, DT)
    assert stats.kstest(c.weight, stats.truncnorm(-87.8 / 60, np.inf, 87.8, 60).cdf).pvalue > 1e-4
    law = stats.truncnorm((0.1 - 1.5) / 0.75, np.inf, 1.5, 0.75)
    edges = np.concatenate([[0.0], (np.arange(1, 35) + 0.5) * DT, [np.inf]])
    observed = np.histogram(c.delay_steps * DT, edges)[0]
    assert stats.chisquare(observed, np.diff(law.cdf(edges)) * 40_000).pvalue > 1e-4
    assert abs(np.corrcoef(c.weight, c.delay_steps)[0, 1]) < 4 / 200
    assert abs(np.corrcoef(c.weight, c.post_position)[0, 1]) < 4 / 200


@pytest.mark.parametrize(
    "law",
    [
        Draw(1, 0.3, 50.0),
        Draw(4, 0.1, 3.0),
        Draw(2, 0.0, 1.0, 3.0, 5.0, 2),
        Draw(3, 0.0, 1.0, 0.2, 9, 1),
    ],
)
def test_tabulated_delays_are_the_rounded_values(law: Draw) -> None:
    """Delays in steps equal the values that the same draws give as weights, rounded."""
    p = projection("fixed_total_number", 50, 50, number=20_000, weight=law, delay_steps=law)
    delays = enumerate_connections(p, 5, DT).delay_steps
    # Draw by draw: the delay's own words, turned into values without the table.
    g, work = Generator(p, 5, DT), Work()
    starts = g.generate(0, 50, work, 0)
    n = int(starts[-1])
    g.write_delays(0, starts, work, 0)
    direct = np.empty(n, np.int32)
    assert g.delay is not None
    assert g.delay.table is not None
    draw_delays(g.delay.law, DT, work.delay_words[:n], direct)
    np.testing.assert_array_equal(work.delays[:n], direct)
    np.testing.assert_array_equal(np.sort(delays), np.sort(direct))


def test_projections_and_seeds_draw_apart() -> None:
    """Another index or another seed gives unrelated connections."""
    one = projection("fixed_total_number", 50, 50, number=500, index=1)
    two = projection("fixed_total_number", 50, 50, number=500, index=2)
    a, b, c = (
        pairs(enumerate_connections(p, seed, DT), p).ravel()
        for p, seed in ((one, 1), (two, 1), (one, 2))
    )
    for other in (b, c):
        assert abs(np.corrcoef(a, other)[0, 1]) < 4 / 50


@pytest.mark.parametrize(
    ("rule", "changes", "message"),
    [
        ("fixed_outdegree", {"number": 71, "multapses": False}, "0 to 70"),
        ("fixed_outdegree", {"number": 70, "multapses": False, "autapses": False}, "0 to 69"),
        ("fixed_indegree", {"number": 51, "multapses": False}, "0 to 50"),
        ("fixed_indegree", {"number": -1}, "in-degree of neuron 0"),
        ("fixed_total_number", {"number": 3501, "multapses": False}, "3500 pairs"),
        ("fixed_total_number", {"number": 3451, "multapses": False, "autapses": False}, "3450"),
        (
            "fixed_total_number",
            {"number": 1, "n_pre": 1, "n_post": 1, "autapses": False},
            "0 pairs",
        ),
        ("fixed_outdegree", {"number": 1, "n_pre": 1, "n_post": 1, "autapses": False}, "0 to 0"),
        ("fixed_probability", {"probability": 1.5}, "0 to 1"),
        ("fixed_probability", {"probability": float("nan")}, "0 to 1"),
        ("all_to_all", {"weight": np.ones((3, 2))}, "shape"),
        ("all_to_all", {"weight": Draw(2, 0.0, 1.0, 50.0, 60.0, 2)}, "weight"),
        ("all_to_all", {"delay_steps": Draw(1, 1.0, 1e9)}, "below"),
        ("explicit", {"explicit_pre": np.array([50]), "explicit_post": np.array([0])}, "0 to 49"),
    ],
)
def test_what_cannot_be_wired_is_refused_by_name(
    rule: str, changes: dict[str, Any], message: str
) -> None:
    """Numbers that no network can meet are refused with the projection's name."""
    with pytest.raises(DescriptionError, match=f"'a->b'.*{message}"):
        enumerate_connections(projection(rule, **changes), 1, DT)
