"""Overlaps, basins, noise, codes and memories of layers against slow answers and simulation."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurosim import analysis, plot
from neurosim.analysis import memory
from neurosim.errors import ConvergenceError, DescriptionError, UnknownNameError


@pytest.fixture(autouse=True)
def _close_figures() -> Iterator[None]:
    yield
    plt.close("all")


def bipolar(k: int, n: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).choice([-1, 1], (k, n))


def hebb(xi: np.ndarray) -> np.ndarray:
    w = xi.T @ xi / xi.shape[1]
    np.fill_diagonal(w, 0)
    return np.asarray(w)


def settle(weights: np.ndarray, states: np.ndarray, sweeps: int = 20) -> np.ndarray:
    s = states.astype(float)
    for _ in range(sweeps):
        for i in range(s.shape[1]):
            h = s @ weights[:, i]
            s[:, i] = np.where(h == 0, s[:, i], np.sign(h))
    return s


# --- overlaps, energies, distances


@settings(max_examples=25)
@given(seed=st.integers(0, 99), n=st.integers(2, 40))
def test_overlaps_of_a_pattern_with_itself_and_its_opposite(seed: int, n: int) -> None:
    xi = bipolar(3, n, seed)
    assert memory.overlap(xi, xi).diagonal() == pytest.approx(1)
    assert memory.overlap(xi, -xi).diagonal() == pytest.approx(-1)
    bits = (xi + 1) // 2
    assert np.allclose(memory.overlap(bits, 1 - bits[0], kind="binary"), memory.overlap(xi, -xi[0]))
    assert memory.overlap(xi, xi[0]).shape == (3,)


def test_the_sparse_overlap_does_not_reward_activity() -> None:
    rng = np.random.default_rng(1)
    xi = (rng.random((1, 5000)) < 0.1).astype(int)
    assert memory.overlap(xi, xi, kind="sparse")[0, 0] == pytest.approx(1)
    for activity in (0.0, 0.1, 0.7, 1.0):
        other = (rng.random((20, 5000)) < activity).astype(int)
        assert memory.overlap(xi, other, kind="sparse").mean() == pytest.approx(0, abs=0.02)


def test_diluted_patterns_count_their_entries() -> None:
    assert memory.overlap([[1, 0, -1, 0]], [1, 1, -1, -1]) == pytest.approx([1.0])
    assert memory.overlap([[1, 0, -1, 0]], [1, 1, 1, -1]) == pytest.approx([0.0])


@settings(max_examples=25)
@given(seed=st.integers(0, 99), n=st.integers(2, 7))
def test_energy_is_the_sum_over_pairs_and_never_rises(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    w = rng.normal(size=(n, n))
    w = w + w.T
    theta = rng.normal(size=n)
    s = rng.choice([-1.0, 1.0], n)
    pairs = sum(w[i, j] * s[i] * s[j] for i, j in itertools.combinations(range(n), 2))
    assert memory.energy(w, s, theta) == pytest.approx(-pairs + theta @ s)
    for i in range(n):
        before = memory.energy(w, s, theta)
        h = w[i] @ s - w[i, i] * s[i] - theta[i]
        s[i] = 1.0 if h >= 0 else -1.0
        assert memory.energy(w, s, theta) <= before + 1e-12


@settings(max_examples=25)
@given(d=st.floats(0, 1), seed=st.integers(0, 20))
def test_corrupted_states_lie_at_their_distance(d: float, seed: int) -> None:
    xi = bipolar(1, 60, seed)[0]
    flipped = memory.corrupted(xi, d, 4, seed=seed)
    assert (np.count_nonzero(flipped != xi, axis=1) == round(60 * d)).all()
    sparse = np.zeros(60, dtype=int)
    sparse[:12] = 1
    moved = memory.corrupted(sparse, d, 4, seed=seed, kind="sparse")
    assert (moved.sum(axis=1) == 12).all()
    assert ((moved @ sparse) == 12 - round(12 * d)).all()


def test_basins_shrink_with_the_load() -> None:
    """Near a pattern recall is certain, at distance 1/2 none; fuller networks fail first."""
    n = 200
    curves = []
    for k in (5, 20):
        xi = bipolar(k, n, k)
        w = hebb(xi)
        run = partial(settle, w)
        curves.append(memory.basin(run, xi, [0.0, 0.1, 0.25, 0.5], trials=16, seed=1))
    few, many = curves
    assert few.mean[:3] == pytest.approx(1.0)
    assert few.mean[3] < 0.3
    assert many.mean[2] < few.mean[2]
    assert 0.25 < few.crossing() < 0.5
    assert (few.error > 0).all()
    assert few.error[0] == pytest.approx(math.sqrt(17 / 18 * (1 / 18) / 18))
    # without its couplings nothing is recalled but what was there
    still = memory.basin(lambda s: s, bipolar(5, n, 5), [0.0, 0.1], trials=5)
    assert still.mean.tolist() == [1.0, 0.0]


def test_capacity_curves_average_their_trials() -> None:
    seeds: list[int] = []

    def recall(k: int, seed: int) -> float:
        seeds.append(seed)
        return 1.0 if k < 14 else (0.5 if len(seeds) % 2 else 0.3)

    curve = memory.capacity_curve(recall, [10, 20], n_units=100, trials=4, seed=3)
    assert curve.x.tolist() == [0.1, 0.2]
    assert curve.mean == pytest.approx([1.0, 0.4])
    assert curve.error == pytest.approx([0.0, 0.1 * math.sqrt(4 / 3) / 2])
    assert len(set(seeds)) == 8
    with pytest.raises(DescriptionError, match=r"capacity_curve\.recall\(5, \.\.\.\) is nan"):
        memory.capacity_curve(lambda k, s: math.nan, [5], n_units=10)


# --- signal and noise


@pytest.mark.parametrize(("p", "n", "k"), [(2, 400, 40), (3, 60, 800)])
def test_stable_bits_of_stored_patterns(p: int, n: int, k: int) -> None:
    """Fields over distinct indices by power sums, Newton's identities; 40 patterns."""
    seen = []
    for seed in range(4):
        xi = bipolar(k, n, seed).astype(float)
        for pattern in xi[:10]:
            y = xi * pattern  # y_mu,j = xi_mu,j sigma_j
            p1, p2 = y.sum(axis=1, keepdims=True) - y, n - 1
            e = p1 if p == 2 else (p1**2 - p2) / 2
            seen.append(((xi * e).sum(axis=0) * pattern > 0).mean())
    theory = memory.stable_fraction(p, n, k)
    assert np.mean(seen) == pytest.approx(theory, abs=0.02 if p == 3 else 0.003)
    if p == 3:  # repeated indices are noisier
        assert memory.stable_fraction(p, n, k, distinct=False) < theory - 0.03


@pytest.mark.parametrize("mode", ["supervised", "unsupervised"])
def test_dense_networks_learn_archetypes_from_examples(mode: Any) -> None:
    """P = 3, N = 150, K = 300, M = 20, r = .45: one step from archetypes; tolerance .05."""
    n, k, m, r = 150, 300, 20, 0.45
    rng = np.random.default_rng(5)
    xi = rng.choice([-1.0, 1.0], (k, n))
    eta = xi[:, None] * np.where(rng.random((k, m, n)) < (1 + r) / 2, 1, -1)
    stored = eta.mean(axis=1) if mode == "supervised" else eta.reshape(-1, n)
    seen = []
    for mu in range(8):
        y = stored * xi[mu]
        p1 = y.sum(axis=1, keepdims=True) - y
        p2 = (y * y).sum(axis=1, keepdims=True) - y * y
        field = (stored * (p1**2 - p2) / 2).sum(axis=0)
        seen.append((np.sign(field) * xi[mu]).mean())
    theory = memory.learned_overlap(3, 6 * k / n**2, r, m, mode=mode)
    assert np.mean(seen) == pytest.approx(theory, abs=0.05)


def test_a_teacher_helps() -> None:
    found = {
        mode: memory.learned_overlap(3, 0.075, 0.4, 30, mode=mode)
        for mode in ("supervised", "unsupervised")
    }
    assert found == pytest.approx({"supervised": 0.969, "unsupervised": 0.885}, abs=1e-3)
    assert memory.learned_overlap(3, 0.0, 1.0, 1) == 1.0


def relu(s: np.ndarray) -> np.ndarray:
    return np.asarray(np.maximum(s, 0))


def exponential(s: np.ndarray) -> np.ndarray:
    return np.asarray(np.exp(8 * s))


@pytest.mark.parametrize("kernel", [None, relu, exponential])
def test_noise_of_retrieval(kernel: Any) -> None:
    """d = 64: N / d for the linear memory, half of it for ReLU, next to nothing for exp."""
    rng = np.random.default_rng(6)
    for n in (64, 512):
        keys = rng.normal(size=(n, 64))
        keys /= np.linalg.norm(keys, axis=1, keepdims=True)
        found = memory.retrieval_noise(keys, rng.normal(size=(n, 64)), kernel)
        theory = memory.expected_retrieval_noise(n, 64, kernel)
        assert found.mean == pytest.approx(theory, rel=0.15)
    linear = 511 / 64
    if kernel is None:
        assert theory == pytest.approx(linear, rel=1e-9)
    elif kernel is relu:
        assert theory == pytest.approx(linear / 2, rel=1e-9)
    else:
        assert theory < 1e-3 * linear


# --- multitasking


def test_the_hierarchy_of_a_multitasking_network() -> None:
    """m_mu = (1 - d) d^(mu - 1), stable while 1 - 2 d + d^K > 0."""
    assert memory.hierarchical_amplitudes(3, 0.4) == pytest.approx([0.6, 0.24, 0.096])
    for k, d in itertools.product((2, 3, 5), (0.2, 0.45, 0.55, 0.6, 0.8)):
        assert memory.hierarchy_is_stable(k, d) == (1 - 2 * d + d**k > 0)
        m = memory.multitasking_amplitudes(k, d, 0.0)
        hierarchical = memory.hierarchical_amplitudes(k, d)
        assert (np.abs(m - hierarchical).max() < 1e-9) == memory.hierarchy_is_stable(k, d)


def test_beyond_the_hierarchy_all_are_recalled_alike() -> None:
    """d = .8, K = 3: one strength at T = .05; from a network of 2000 units at T = 0 nearly so."""
    m = memory.multitasking_amplitudes(3, 0.8, 0.05)
    assert m == pytest.approx(np.full(3, m[0]), abs=1e-6)
    rng = np.random.default_rng(7)
    xi = np.where(rng.random((3, 2000)) < 0.45, 0, rng.choice([-1, 1], (3, 2000)))
    first = np.where(xi[0] != 0, xi[0], np.where(xi[1] != 0, xi[1], xi[2]))
    s = np.where(first == 0, 1, first)[None]
    seen = (settle(hebb(xi), s, 5) @ xi.T)[0] / 2000
    assert seen == pytest.approx(memory.multitasking_amplitudes(3, 0.45, 0.0), abs=0.04)


def test_amplitudes_that_are_not_reached_are_told() -> None:
    with pytest.raises(ConvergenceError, match=r"K = 3, d = 0\.8, T = 0\.05: after 2 iterations"):
        memory.multitasking_amplitudes(3, 0.8, 0.05, max_iterations=2)


# --- codes


def test_false_matches_of_dendritic_segments() -> None:
    """n = 10,000, s = 30, a = 300: 2.28e-11 from 12 synapses, 1.05e-15 from 15; drawing agrees."""
    assert memory.false_match_probability(10_000, 30, 300, 12) == pytest.approx(2.279e-11, rel=1e-3)
    assert memory.false_match_probability(10_000, 30, 300, 15) == pytest.approx(1.049e-15, rel=1e-3)
    exact = memory.false_match_probability(500, 20, 60, 6)
    drawn = np.random.default_rng(8).hypergeometric(20, 480, 60, 200_000)
    assert (drawn >= 6).mean() == pytest.approx(exact, abs=4 * math.sqrt(exact / 200_000))
    assert exact == pytest.approx(0.0234, abs=1e-4)
    assert memory.false_match_probability(50, 10, 5, 0) == 1.0
    assert memory.false_match_probability(50, 10, 5, 6) == 0.0


def test_densities_and_unions() -> None:
    assert memory.clique_density(32, 150) == pytest.approx(0.1363, abs=1e-4)
    assert memory.clique_error(8, 32, 250, 4) == pytest.approx(0.240, abs=1e-3)
    assert memory.willshaw_density(0.5, 1) == 0.25
    assert memory.union_size(100, 10, 0) == 0
    assert memory.union_size(100, 10, 1) == pytest.approx(10)
    assert memory.union_size(100, 10, 500) == pytest.approx(100)


# --- scaling


def test_power_laws_are_found_with_their_error() -> None:
    rng = np.random.default_rng(9)
    x = np.geomspace(10, 1000, 12)
    misses = []
    for _ in range(200):
        fit = memory.fit_power_law(x, 3 * x**-0.7 * np.exp(rng.normal(0, 0.1, 12)))
        misses.append((fit.exponent + 0.7) / fit.exponent_error)
    assert np.std(misses) == pytest.approx(1.1, abs=0.2)  # of Student's t with 10 degrees
    exact = memory.fit_power_law(x, 3 * x**-0.7, 0.01 * x**-0.7)
    assert (exact.exponent, exact.prefactor) == pytest.approx((-0.7, 3.0))
    assert exact(100.0) == pytest.approx(3 * 100**-0.7)


def test_outer_product_memories_scale_as_their_scheme() -> None:
    """Zipf exponent 2: -1 for the d / 8 most frequent keys, -1/4 for weights p, 0 for all alike."""
    d = np.array([32, 64, 128, 256])
    slopes = {}
    schemes: tuple[Any, ...] = ("threshold", "frequency", "all")
    for scheme in schemes:
        trials = 30 if scheme == "frequency" else 8  # its error is that of a few frequent keys
        found = [memory.outer_product_error(int(x), scheme=scheme, trials=trials) for x in d]
        fit = memory.fit_power_law(d, [f.mean for f in found], [f.error for f in found])
        slopes[scheme] = fit.exponent
    assert slopes["threshold"] == pytest.approx(-1, abs=0.1)
    assert slopes["frequency"] == pytest.approx(-0.25, abs=0.12)
    assert abs(slopes["all"]) < 0.2
    scarce = memory.outer_product_error(256, n_data=20, trials=10)
    assert scarce.mean > 3 * found_threshold(256)


def found_threshold(d: int) -> float:
    return memory.outer_product_error(d, trials=10).mean


# --- the dual form


def test_a_trained_layer_is_a_memory_of_its_training() -> None:
    """SGD on a linear layer with squared error, every pair kept: W == W_0 + sum of stored pairs."""
    rng = np.random.default_rng(10)
    w0 = rng.normal(size=(12, 3))
    target = rng.normal(size=(12, 3))
    w, inputs, errors = w0.copy(), [], []
    for _ in range(200):
        x = rng.normal(size=(4, 12))
        e = -0.02 * (x @ w - x @ target)
        w = w + x.T @ e
        inputs.append(x)
        errors.append(e)
    dual = memory.DualForm(w0, np.concatenate(inputs), np.concatenate(errors))
    assert np.abs(dual.weights() - w).max() < 1e-10
    queries = rng.normal(size=(5, 12))
    assert np.abs(dual.read(queries) - queries @ w).max() < 1e-10
    assert np.abs(w - w0).max() > 0.5
    # taking out what was stored leaves the beginning; each pair has a strength of its own
    assert np.allclose(dual.weights(0.0), w0)
    strength = rng.random(800)
    assert np.allclose(dual.read(queries, strength), queries @ dual.weights(strength))
    with pytest.raises(DescriptionError, match="one number, or 800"):
        dual.weights([1.0, 2.0])


# --- Boltzmann machines


SIZES = [3, 4, 5, 4]


def starts(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.dirichlet(np.full(n, 0.3)) for n in SIZES])


def test_a_monotone_boltzmann_machine_has_one_mean_field() -> None:
    rng = np.random.default_rng(11)
    phi = memory.monotone_coupling([rng.normal(size=(6, n)) for n in SIZES], 0.3)
    assert np.linalg.eigvalsh(np.eye(16) - phi)[0] >= 0.3 - 1e-12
    bias = rng.normal(size=16)
    found = [memory.boltzmann_mean_field(phi, bias, SIZES, start=starts(k)) for k in range(20)]
    q = np.array([f.q for f in found])
    assert np.ptp(q, axis=0).max() < 1e-6
    edges = np.cumsum([0, *SIZES])
    field = phi @ q[0] + bias
    for a, b in itertools.pairwise(edges):
        weight = np.exp(field[a:b])
        assert q[0, a:b] == pytest.approx(weight / weight.sum(), abs=1e-9)


def test_couplings_that_are_not_monotone_have_several() -> None:
    rng = np.random.default_rng(1)
    phi = 3 * rng.normal(size=(16, 16))
    phi = phi + phi.T
    edges = np.cumsum([0, *SIZES])
    for a, b in itertools.pairwise(edges):
        phi[a:b, a:b] = 0
    with pytest.raises(DescriptionError, match="smallest eigenvalue"):
        memory.boltzmann_mean_field(phi, np.zeros(16), SIZES)
    found = [
        memory.boltzmann_mean_field(phi, np.zeros(16), SIZES, start=starts(k), damping=0.05).q
        for k in range(10)
    ]
    assert np.ptp(found, axis=0).max() > 0.5
    with pytest.raises(ConvergenceError, match=r"4 blocks, n = 16.*after 2 iterations"):
        memory.boltzmann_mean_field(
            phi, np.zeros(16), SIZES, start=starts(0), damping=0.05, max_iterations=2
        )


def test_uncoupled_blocks_are_plain_softmax() -> None:
    found = memory.boltzmann_mean_field(np.zeros((3, 3)), [0.0, math.log(3), 5.0], [2, 1])
    assert found.q == pytest.approx([0.25, 0.75, 1.0])


# --- assemblies


def planted(seed: int, together: float) -> tuple[list[np.ndarray], np.ndarray]:
    """60 neurons at 5 Hz for 20 s; two groups of 15 share 60 events each, in one half of it."""
    rng = np.random.default_rng(seed)
    trains = [rng.uniform(0, 20_000, rng.poisson(100)) for _ in range(60)]
    labels = np.full(60, -1)
    order = rng.permutation(60)
    for k in range(2):
        events = rng.uniform(1, 9_999, 60) + 10_000 * k
        for i in order[15 * k : 15 * (k + 1)]:
            labels[i] = k
            trains[i] = np.append(trains[i], events[rng.random(60) < together])
    return [np.sort(t) for t in trains], labels


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_planted_assemblies_are_found(seed: int) -> None:
    trains, labels = planted(seed, 0.5)
    found = analysis.detect_assemblies(trains, 0, 20_000, 2, window=2000, restarts=2)
    assert analysis.adjusted_rand(found.labels, labels) > 0.9
    early = found.activity[:5].sum(axis=0) > found.activity[5:].sum(axis=0)
    assert early.sum() == 1
    assert sorted(found.members(0).tolist()) == np.nonzero(found.labels == 0)[0].tolist()
    # cut the bond: the same rates, each neuron with events of its own
    rng = np.random.default_rng(seed)
    apart = [np.sort((t + rng.uniform(0, 20_000)) % 20_000 + 1e-9) for t in trains]
    chance = analysis.detect_assemblies(apart, 0, 20_000, 2, window=2000, restarts=1)
    assert analysis.adjusted_rand(chance.labels, labels) < 0.3


def test_factors_of_a_tensor_are_found_again() -> None:
    rng = np.random.default_rng(3)
    parts = [rng.random((n, 2)) * (rng.random((n, 2)) < 0.6) for n in (8, 9, 10)]
    tensor = np.einsum("ir,jr,kr->ijk", *parts)
    found = analysis.non_negative_factors(tensor, 2, tolerance=1e-9)
    assert found.error < 1e-3
    assert np.abs(found.tensor() - tensor).max() < 0.01 * tensor.max()
    assert all((f >= 0).all() for f in found.factors)
    assert found.weights[0] >= found.weights[1]
    with pytest.raises(ConvergenceError, match="rank 2: after 1 rounds of 5 starts"):
        analysis.non_negative_factors(tensor, 2, max_iterations=1)


def test_agreement_of_groupings() -> None:
    assert analysis.adjusted_rand([0, 0, 1, 1], [5, 5, 2, 2]) == 1
    # Hubert & Arabie (1985): of 15 pairs 4 in each, counted by hand, and 2 in both
    a, b = [0, 0, 0, 1, 1, 2], [0, 0, 1, 1, 1, 2]
    both = sum(a[i] == a[j] and b[i] == b[j] for i, j in itertools.combinations(range(6), 2))
    assert both == 2
    expected = 4 * 4 / 15
    assert analysis.adjusted_rand(a, b) == pytest.approx((both - expected) / (4 - expected))
    rng = np.random.default_rng(4)
    chance = [
        analysis.adjusted_rand(rng.integers(0, 3, 50), rng.integers(0, 3, 50)) for _ in range(200)
    ]
    assert np.mean(chance) == pytest.approx(0, abs=0.01)


# --- figures and refusals


def test_figures_show_what_they_are_given(tmp_path: Any) -> None:
    line = memory.Line(load=np.array([0.1, 0.0]), temperature=np.array([0.0, 1.0]), meaning="edge")
    diagram = memory.PhaseDiagram(title="a net", load_name="K / N", lines={"spinodal": line})
    ax: Any = plot.phase_diagram(diagram)
    assert ax.lines[0].get_xdata().tolist() == [0.1, 0.0]
    assert ax.get_legend().get_title().get_text() == "a net"
    ax.figure.savefig(tmp_path / "a.png", dpi=40)
    curve = memory.capacity_curve(lambda k, s: 1 / k, [1, 2], n_units=4, trials=2)
    ax = plot.memory_curve(curve, theory=lambda x: 0.25 / x)
    assert ax.lines[0].get_ydata().tolist() == [1.0, 0.5]
    ax.figure.savefig(tmp_path / "b.png", dpi=40)
    ax = plot.free_energy([0.0, 0.5, 1.0], {"f": [1.0, 0.5, 0.8]})
    assert ax.lines[0].get_ydata().tolist() == pytest.approx([0.0, -0.5, -0.2])
    assert ax.lines[1].get_xdata().tolist() == [0.5]
    ax.figure.savefig(tmp_path / "c.png", dpi=40)
    with pytest.raises(DescriptionError, match="300 finite numbers"):
        plot.memory_curve(curve, theory=lambda x: x * math.nan)
    with pytest.raises(DescriptionError, match="3 finite numbers"):
        plot.free_energy([0.0, 0.5, 1.0], {"f": [1.0, math.nan, 0.8]})


XI = bipolar(2, 10, 0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: memory.overlap(XI, np.ones(9)), "states of 10 units"),
        (lambda: memory.overlap(XI * 0.5, XI), "overlap.patterns is (-)?0.5"),
        (lambda: memory.overlap(XI, XI, kind="binary"), "values 0 and 1"),
        (lambda: memory.overlap(np.zeros((1, 4)), np.ones(4)), "not all 0"),
        (lambda: memory.overlap(np.ones((1, 4)), np.ones(4), kind="sparse"), "inactive units"),
        (lambda: memory.overlap(XI, np.full(10, np.nan)), "finite"),
        (lambda: memory.energy(np.triu(np.ones((3, 3))), [1, 1, 1]), "symmetric"),
        (lambda: memory.corrupted(XI[0], 1.5, 1, seed=0), r"in \[0, 1\]"),
        (lambda: memory.corrupted(XI[0] * 0, 0.5, 1, seed=0), "cannot be flipped"),
        (lambda: memory.basin(lambda s: s[:1], XI, [0.1]), r"final states of shape \(20, 10\)"),
        (lambda: memory.basin(lambda s: s * np.nan, XI, [0.1]), "finite"),
        (lambda: memory.stable_fraction(3, 2, 5), "n_units is 2"),
        (lambda: memory.retrieval_noise(np.eye(3), np.zeros((3, 2))), "rows that are not 0"),
        (lambda: memory.retrieval_noise(np.eye(3), np.eye(3), lambda s: s * 0), "with itself"),
        (lambda: memory.multitasking_amplitudes(2, 1.0, 0.1), r"blank entries in \[0, 1\)"),
        (lambda: memory.multitasking_amplitudes(13, 0.1, 0.1), "at most 12"),
        (lambda: memory.false_match_probability(10, 11, 5, 2), "n_synapses is 11"),
        (lambda: memory.fit_power_law([1, 2, 3], [1, 0, 1]), r"fit_power_law\.y is 0"),
        (lambda: memory.fit_power_law([1, 2], [1, 1]), "from 3 points on"),
        (lambda: memory.outer_product_error(8, exponent=1.0), "a number above 1"),
        (lambda: memory.boltzmann_mean_field(np.zeros((2, 2)), [0, 0], [3]), "add up to 2"),
        (lambda: analysis.non_negative_factors([[-1.0]], 1), "none negative"),
        (lambda: analysis.detect_assemblies([[]] * 3, 0, 100, 1, window=100), "fire together"),
        (lambda: analysis.affinities([[1.0]], 0, 100, window=50), "at least 8 bins"),
    ],
)
def test_what_has_no_meaning_is_refused(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(DescriptionError, match=message):
        call()


def test_unknown_kinds_are_named() -> None:
    with pytest.raises(UnknownNameError, match="bipolar"):
        memory.overlap(XI, XI, kind="bipolr")  # type: ignore[arg-type]
