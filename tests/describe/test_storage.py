"""Storage rules against slow sums, their theory, and what they promise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq, minimize
from scipy.stats import norm

import neurosim as ns
from neurosim.analysis import memory
from neurosim.describe.storage import _RULES
from neurosim.errors import ConvergenceError, DescriptionError, UnknownNameError

BIPOLAR = ("hebb", "storkey", "pseudo_inverse", "perceptron", "optimal")


def bipolar(k: int, n: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).choice([-1, 1], (k, n))


def one_step(weights: np.ndarray, states: np.ndarray) -> np.ndarray:
    """All units at once: the sign of the field, or as before where it is 0."""
    field = states @ weights
    return np.where(np.abs(field) < 1e-12, states, np.sign(field)).astype(int)


def settle(weights: np.ndarray, states: np.ndarray, sweeps: int = 40) -> np.ndarray:
    """One unit after the other, until the sweeps are over."""
    s = states.astype(float).copy()
    for _ in range(sweeps):
        before = s.copy()
        for i in range(s.shape[1]):
            h = s @ weights[:, i]
            s[:, i] = np.where(h == 0, s[:, i], np.sign(h))
        if np.array_equal(before, s):
            break
    return s


# --- what each matrix is


@settings(max_examples=20)
@given(k=st.integers(1, 4), n=st.integers(2, 7), seed=st.integers(0, 99))
def test_hebb_is_the_sum_over_patterns(k: int, n: int, seed: int) -> None:
    xi = np.random.default_rng(seed).choice([-1, 0, 1], (k, n))
    w = ns.store(xi, "hebb")
    for i in range(n):
        for j in range(n):
            expected = sum(xi[mu, i] * xi[mu, j] for mu in range(k)) / n if i != j else 0
            assert w[i, j] == pytest.approx(expected, abs=1e-15)


@settings(max_examples=20)
@given(k=st.integers(1, 4), n=st.integers(2, 7), seed=st.integers(0, 99))
def test_storkey_is_local_and_incremental(k: int, n: int, seed: int) -> None:
    """One more pattern changes W_ij by what i and j see: their states and their local fields."""
    xi = bipolar(k, n, seed)
    w = np.zeros((n, n))
    for x in xi:
        new = w.copy()
        for i in range(n):
            for j in range(n):
                if i != j:
                    h_ij = sum(w[i, m] * x[m] for m in range(n) if m not in (i, j))
                    h_ji = sum(w[j, m] * x[m] for m in range(n) if m not in (i, j))
                    new[i, j] += (x[i] * x[j] - x[i] * h_ji - h_ij * x[j]) / n
        w = new
    assert np.allclose(ns.store(xi, "storkey"), w, atol=1e-14)


@settings(max_examples=20)
@given(rule=st.sampled_from(sorted(_RULES)), seed=st.integers(0, 20))
def test_no_unit_drives_itself(rule: Any, seed: int) -> None:
    xi = bipolar(3, 30, seed)
    w = ns.store((xi + 1) // 2 if rule in ("covariance", "willshaw") else xi, rule)
    assert w.shape == (30, 30)
    assert w.dtype == np.float64
    assert not np.diag(w).any()
    assert np.abs(w).max() > 0


def test_covariance_takes_the_activity_it_is_given() -> None:
    xi = (np.random.default_rng(1).random((5, 40)) < 0.2).astype(int)
    f = 0.25
    w = ns.store(xi, "covariance", activity=f)
    expected = (xi - f).T @ (xi - f) / (40 * f * (1 - f))
    assert np.allclose(w + np.diag(np.diag(expected)), expected)
    assert np.allclose(ns.store(xi, "covariance"), ns.store(xi, "covariance", activity=xi.mean()))


def test_covariance_of_half_active_patterns_is_hebb() -> None:
    """2 (xi - 1/2) = +-1, and N f (1 - f) = N / 4."""
    xi = bipolar(6, 50, 2)
    assert np.allclose(ns.store((xi + 1) // 2, "covariance", activity=0.5), ns.store(xi))


# --- what each promises


@pytest.mark.parametrize("correlated", [False, True])
def test_the_pseudo_inverse_keeps_every_pattern(correlated: bool) -> None:
    """Independent patterns are exact fixed points, the field of each bit 1 - W_ii."""
    rng = np.random.default_rng(3)
    xi = rng.choice([-1, 1], (60, 100))
    if correlated:
        xi = np.where(rng.random((60, 100)) < 0.8, xi[0], xi)
    w = ns.store(xi, "pseudo_inverse")
    projection = np.linalg.pinv(xi.astype(float)) @ xi
    assert np.allclose(xi * (xi @ w), 1 - np.diag(projection))
    assert np.array_equal(one_step(w, xi), xi)
    with_hebb = one_step(ns.store(xi), xi)
    assert not np.array_equal(with_hebb, xi)  # which Hebb cannot, at this load


def test_the_pseudo_inverse_refuses_patterns_that_span_everything() -> None:
    with pytest.raises(DescriptionError, match=r"unit \d+ is not.*20 independent patterns of 20"):
        ns.store(bipolar(30, 20, 0), "pseudo_inverse")


@pytest.mark.parametrize("kappa", [0.0, 0.5, 0.8])
def test_a_perceptron_reaches_the_stability_it_is_asked_for(kappa: float) -> None:
    xi = bipolar(12, 60, 4)
    w = ns.store(xi, "perceptron", kappa=kappa)
    assert ns.stabilities(w, xi).min() > kappa
    assert np.array_equal(one_step(w, xi), xi)
    if kappa == 0.8:
        assert ns.stabilities(ns.store(xi, "perceptron"), xi).min() < 0.8


def test_perceptrons_store_far_beyond_hebb_and_say_when_they_cannot() -> None:
    """1.2 N patterns, where Hebb loses over a tenth of the bits; 3 N are beyond the bound, 2 N."""
    xi = bipolar(48, 40, 5)
    assert np.array_equal(one_step(ns.store(xi, "perceptron"), xi), xi)
    assert np.mean(one_step(ns.store(xi), xi) != xi) > 0.1
    found = r"perceptron learning did not converge at K / N = 3, kappa = 0: \d+ of 4800 bits"
    with pytest.raises(ConvergenceError, match=found):
        ns.store(bipolar(120, 40, 5), "perceptron", max_sweeps=20)


def test_the_optimal_couplings_are_those_of_quadratic_programming() -> None:
    xi = bipolar(5, 12, 6).astype(float)
    w = ns.store(xi, "optimal")
    best = ns.stabilities(w, xi).min(axis=0)
    for i in range(12):
        others = np.delete(np.arange(12), i)
        signed = xi[:, [i]] * xi[:, others]
        found = minimize(
            lambda v: v @ v,
            np.linalg.pinv(signed) @ np.ones(5),
            jac=lambda v: 2 * v,
            constraints={
                "type": "ineq",
                "fun": lambda v, a=signed: a @ v - 1,
                "jac": lambda v, a=signed: a,
            },
            method="SLSQP",
            options={"ftol": 1e-14, "maxiter": 500},
        )
        assert found.success
        assert best[i] == pytest.approx(1 / np.linalg.norm(found.x), rel=1e-4)


def test_the_optimal_stability_is_gardners() -> None:
    """1 / alpha = int_(-kappa) Dt (t + kappa)^2 at alpha = 1/2, and the mean over units of N = 100.

    Gardner (1988), eq. 21. The largest stability of a unit fluctuates by about .1 at this size, and
    that of 100 units is averaged.
    """

    def patterns_per_unit(kappa: float) -> float:
        # E (t + kappa)^2 over t > -kappa
        return float(1 / ((1 + kappa**2) * norm.cdf(kappa) + kappa * norm.pdf(kappa)))

    kappa = brentq(lambda x: patterns_per_unit(x) - 0.5, 0, 5)
    assert patterns_per_unit(0.0) == pytest.approx(2.0)
    xi = bipolar(50, 100, 7)
    best = ns.stabilities(ns.store(xi, "optimal"), xi).min(axis=0)
    assert best.mean() == pytest.approx(kappa, abs=0.06)
    assert (best >= ns.stabilities(ns.store(xi, "pseudo_inverse"), xi).min(axis=0) - 1e-6).all()


def test_storkey_recalls_where_hebb_has_forgotten() -> None:
    """At K = .25 N, from patterns with 5 % of the bits flipped."""
    xi = bipolar(50, 200, 8)
    starts = memory.corrupted(xi[0], 0.05, 8, seed=1)
    overlaps = {
        rule: memory.overlap(xi[:1], settle(ns.store(xi, rule), starts)).mean()
        for rule in ("hebb", "storkey")
    }
    assert overlaps["storkey"] > 0.95
    assert overlaps["hebb"] < 0.75


def test_the_density_of_a_willshaw_matrix() -> None:
    """1 - (1 - f^2)^K off the diagonal, up to the spread of pairs that share units."""
    rng = np.random.default_rng(9)
    xi = (rng.random((60, 200)) < 0.1).astype(int)
    w = ns.store(xi, "willshaw")
    assert set(np.unique(w)) == {0.0, 1.0}
    density = w.sum() / (200 * 199)
    assert density == pytest.approx(memory.willshaw_density(0.1, 60), abs=0.03)
    assert np.array_equal(w > 0, ((xi.T @ xi) > 0) & ~np.eye(200, dtype=bool))


@pytest.mark.parametrize("n_messages", [100, 250])
def test_clique_networks_have_their_density_and_recall_erased_symbols(n_messages: int) -> None:
    """Gripon & Berrou (2011): c = 8, l = 32, half of the symbols erased.

    Errors are more than the formula for independent edges, by a factor below 3.
    """
    rng = np.random.default_rng(10)
    messages = rng.integers(0, 32, (n_messages, 8))
    w = ns.store_cliques(messages, 32)
    blocks = w.reshape(8, 32, 8, 32)
    assert all(not blocks[c, :, c].any() for c in range(8))
    density = w.sum() / (8 * 7 * 32 * 32)
    assert density == pytest.approx(memory.clique_density(32, n_messages), abs=0.01)
    erased = messages.copy()
    erased[:, 4:] = -1
    score = (ns.clique_patterns(erased, 32) @ w).reshape(n_messages, 8, 32)[:, 4:]
    right = np.take_along_axis(score, messages[:, 4:, None], axis=2)
    assert (right == 4).all()
    wrong = ((score >= 4).sum(axis=2) > 1).any(axis=1).mean()
    theory = memory.clique_error(8, 32, n_messages, 4)
    assert 0.6 * theory < wrong < 3 * theory + 2 / n_messages


# --- examples, pairs, sequences


def examples_of(archetypes: np.ndarray, r: float, m: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    right = rng.random((len(archetypes), m, archetypes.shape[1])) < (1 + r) / 2
    return np.asarray(archetypes[:, None] * np.where(right, 1, -1))


@settings(max_examples=20)
@given(seed=st.integers(0, 50))
def test_perfect_examples_are_patterns(seed: int) -> None:
    xi = bipolar(4, 20, seed)
    eta = np.repeat(xi[:, None], 3, axis=1)
    for mode in ("supervised", "unsupervised"):
        assert np.allclose(ns.store_examples(eta, mode), ns.store(xi))


def test_archetypes_emerge_from_noisy_examples_as_the_theory_says() -> None:
    """One step from each of 20 archetypes, N = 400, M = 20, r = .35; a teacher helps.

    The overlap of one pattern has a standard error of 1 / sqrt(400), the mean of 20 .01.
    """
    xi = bipolar(20, 400, 11)
    eta = examples_of(xi, 0.35, 20, 12)
    seen = {}
    modes: tuple[Any, ...] = ("supervised", "unsupervised")
    for mode in modes:
        w = ns.store_examples(eta, mode)
        seen[mode] = float(memory.overlap(xi, one_step(w, xi)).diagonal().mean())
        theory = memory.learned_overlap(2, 2 * 20 / 400, 0.35, 20, mode=mode)
        assert seen[mode] == pytest.approx(theory, abs=0.03)
    assert seen["supervised"] > seen["unsupervised"] + 0.03
    few = ns.store_examples(eta[:, :2], "supervised")
    assert memory.overlap(xi, one_step(few, xi)).diagonal().mean() < seen["supervised"] - 0.1


def test_pairs_are_recalled_in_both_directions() -> None:
    x, y = bipolar(6, 120, 13), bipolar(6, 80, 14)
    w = ns.store_pairs(x, y)
    assert w.shape == (120, 80)
    noisy = np.array([memory.corrupted(row, 0.15, 1, seed=k)[0] for k, row in enumerate(x)])
    answer = one_step_to(w, noisy)
    assert np.array_equal(answer, y)
    assert np.array_equal(one_step_to(w.T, answer), x)


def one_step_to(weights: np.ndarray, states: np.ndarray) -> np.ndarray:
    return np.asarray(np.sign(states @ weights), dtype=int)


def test_a_sequence_steps_and_with_a_slow_part_dwells() -> None:
    """Alone: one pattern per step. With Hebb and the pattern of 6 steps ago: about 6 steps each."""
    xi = bipolar(5, 200, 15)
    step = ns.store_sequence(xi)
    state = xi[0]
    for k in range(1, 11):
        state = one_step(step, state[None])[0]
        assert memory.overlap(xi, state)[k % 5] > 0.95
    tau, strength = 6, 2.0
    past = [xi[0]] * (tau + 1)
    hold = ns.store(xi)
    seen = []
    for _ in range(40):
        field = past[-1] @ hold + strength * (past[-1 - tau] @ step)
        past.append(np.where(field == 0, past[-1], np.sign(field)).astype(int))
        seen.append(int(np.argmax(memory.overlap(xi, past[-1]))))
    changes = np.nonzero(np.diff(seen))[0]
    assert np.all(np.diff(changes) == tau + 1)
    assert all((seen[k + 1] - seen[k]) % 5 == 1 for k in changes)


def test_an_open_sequence_has_no_way_back() -> None:
    xi = bipolar(4, 100, 16)
    difference = ns.store_sequence(xi) - ns.store_sequence(xi, cyclic=False)
    expected = np.outer(xi[3], xi[0]) / 100
    np.fill_diagonal(expected, 0)
    assert np.allclose(difference, expected)


def test_matrices_go_through_frommatrix() -> None:
    rule = ns.FromMatrix(ns.store_sequence(bipolar(4, 30, 17)))
    assert rule.matrix.shape == (30, 30)


# --- refusals


GOOD = bipolar(3, 10, 0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ns.store([[1, 0.5]]), r"store\.patterns\[0, 1\] is 0\.5"),
        (
            lambda: ns.store((GOOD + 1) // 2, "storkey"),
            r"is 0\.0; .* From 0 and 1: 2 \* patterns - 1",
        ),
        (lambda: ns.store(GOOD, "willshaw"), r"is -1\.0; .*From -1 and 1: patterns > 0"),
        (lambda: ns.store([[1, -1], [1]]), "rows differ in length"),
        (lambda: ns.store([[1.0, np.nan]]), "finite"),
        (lambda: ns.store([1, -1]), r"patterns \(n_patterns, n_units\)"),
        (
            lambda: ns.store(GOOD, kappa=1.0),
            r"store\.kappa .* None for rule 'hebb'; of 'perceptron'",
        ),
        (lambda: ns.store(GOOD, "perceptron", kappa=-1), r"store\.kappa"),
        (lambda: ns.store((GOOD + 1) // 2, "covariance", activity=1.0), r"store\.activity"),
        (lambda: ns.store(np.zeros((2, 5)), "covariance"), r"store\.activity is 0\.0"),
        (lambda: ns.store_pairs(GOOD, GOOD[:2]), "as many patterns as first, 3"),
        (lambda: ns.store_sequence(GOOD[:1]), "at least 2 patterns"),
        (lambda: ns.store_examples(GOOD), r"n_archetypes, n_examples, n_units"),
        (lambda: ns.store_examples([[[1, -1], [-1, 1]]]), "do not cancel"),
        (lambda: ns.store_cliques([[0, 4]], 4), "from 0 to 3"),
        (lambda: ns.store_cliques([[0, -1]], 4), "nothing is erased"),
        (lambda: ns.stabilities(np.zeros((10, 10)), GOOD), "unit 0 has none"),
        (lambda: ns.stabilities(np.ones((9, 9)), GOOD), r"shape \(10, 10\)"),
    ],
)
def test_what_cannot_be_stored_is_refused(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(DescriptionError, match=message):
        call()


def test_unknown_rules_bring_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'storkey'"):
        ns.store(GOOD, "storky")  # type: ignore[arg-type]
    with pytest.raises(UnknownNameError, match="supervised"):
        ns.store_examples(GOOD[None], "superviced")  # type: ignore[arg-type]


@settings(max_examples=10)
@given(rule=st.sampled_from(BIPOLAR), seed=st.integers(0, 9))
def test_the_order_of_units_does_not_matter(rule: Any, seed: int) -> None:
    xi = bipolar(4, 16, seed)
    order = np.random.default_rng(seed).permutation(16)
    w = ns.store(xi, rule)
    assert np.allclose(ns.store(xi[:, order], rule), w[np.ix_(order, order)], atol=1e-5)
