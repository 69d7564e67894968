"""Published networks that learn: sizes and constants, then what learning does, and what without."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import neurosim as ns
from benchmarks.diehl_cook import measure
from neurosim_datasets import mnist_sample
from neurosim_models import DiehlCook, diehl_cook, song_miller_abbott
from neurosim_models.diehl_cook_2015 import FEWEST_SPIKES, assigned, predicted


def rule_of(net: ns.Network, projection: str) -> ns.PlasticityRule:
    plasticity = net.projections[projection].plasticity
    assert plasticity is not None
    return plasticity.plasticity_rule()


# --- Song, Miller & Abbott (2000) -----------------------------------------------------------------


def test_one_neuron_has_the_published_inputs() -> None:
    net = song_miller_abbott()
    assert {n: p.size for n, p in net.populations.items()} == {
        "inputs": 1000, "cell": 1, "inhibition": 200,
    }  # fmt: skip
    rule = rule_of(net, "excitation")
    leak = 10.0
    assert rule.w_max is not None
    assert rule.w_max == pytest.approx(0.015 * leak)
    assert rule.parameters["a_plus"] == pytest.approx(0.005 * rule.w_max)
    assert rule.parameters["a_minus"] == pytest.approx(1.05 * rule.parameters["a_plus"])
    p: Any = net.populations["cell"].model
    assert (p.E_L, p.V_th, p.V_reset, p.tau_m) == (-70, -54, -60, 20)
    assert p.C_m / p.tau_m == leak
    fewer = rule_of(song_miller_abbott(inputs=100), "excitation")
    assert fewer.w_max == pytest.approx(10 * rule.w_max)


@pytest.mark.parametrize(
    "wrong", [{"inputs": 1}, {"a_plus": -1}, {"correlation": 1.5}, {"learning": float("nan")}]
)
def test_what_cannot_be_meant_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ns.DescriptionError, match=next(iter(wrong))):
        song_miller_abbott(**wrong)


@pytest.mark.compiled
def test_correlated_inputs_win() -> None:
    """Song, Miller & Abbott (2000), figure 5; without learning they do not."""

    def advantage(learning: float) -> float:
        net = song_miller_abbott(
            inputs=200, a_plus=0.02, correlation=0.2, learning=learning, seed=3
        )
        session = ns.compile(net, dt=1.0, threads=1)
        session.run(20_000)
        weights = session.get("excitation", "w") / 0.75
        return float(weights[:100].mean() - weights[100:].mean())

    assert advantage(1.0) > 0.3
    assert abs(advantage(0.0)) < 0.15


# --- Diehl & Cook (2015) --------------------------------------------------------------------------


def test_the_network_of_diehl_and_cook_has_the_published_sizes() -> None:
    net = diehl_cook()
    assert {n: p.size for n, p in net.populations.items()} == {
        "pixels": 784, "exc": 400, "inh": 400,
    }  # fmt: skip
    assert net.dt == 0.5
    assert net.projections["learned"].expected_connections() == 784 * 400
    assert net.projections["exc->inh"].weight == 10.4
    assert net.projections["inh->exc"].expected_connections() == 400 * 399
    rule = rule_of(net, "learned")
    assert (rule.w_min, rule.w_max, rule.delay) == (0, 1, "axonal")
    assert {n: rule.parameters[n] for n in ("tau", "tau_slow", "eta_pre", "eta_post")} == {
        "tau": 20, "tau_slow": 40, "eta_pre": 1e-4, "eta_post": 1e-2,
    }  # fmt: skip
    for wrong in ({"neurons": 1}, {"inputs": 0}, {"learning": -1}, {"learning": float("nan")}):
        with pytest.raises(ns.DescriptionError, match=f"diehl_cook: {next(iter(wrong))}"):
            diehl_cook(**wrong)


@pytest.fixture(scope="module")
def zeros_and_ones() -> tuple[np.ndarray, np.ndarray]:
    data = mnist_sample()
    order = np.random.default_rng(3).permutation(1000)  # the first 1,000 are zeros and ones
    return data.images[order], data.labels[order]


@pytest.mark.compiled
def test_learning_normalises_raises_thresholds_and_finds_classes(
    zeros_and_ones: tuple[np.ndarray, np.ndarray],
) -> None:
    images, labels = zeros_and_ones
    model = DiehlCook(diehl_cook(neurons=12), threads=1)
    before = model.weights
    model.normalise()
    np.testing.assert_allclose(model.weights.sum(axis=0), 78.0)
    counts = model.learn(images[:40])
    assert counts.shape == (40, 12)
    assert (counts.sum(axis=1) >= FEWEST_SPIKES).all()
    assert model.presented >= 40
    learned, theta = model.weights, model.theta
    assert np.abs(learned - before).max() > 0.05
    assert theta.mean() > 20 + 0.04 * counts.sum() / 12
    # What is shown for judging changes nothing.
    answers = model.respond(images[40:70])
    assert np.array_equal(model.weights, learned)
    assert np.array_equal(model.theta, theta)
    classes = assigned(answers, labels[40:70])
    assert set(classes) <= {-1, 0, 1}
    found = predicted(model.respond(images[70:100]), classes)
    assert np.mean(found == labels[70:100]) > 0.75
    # Weights are pictures of what their neuron answers to; without learning they are not.
    templates = np.array([images[:40][labels[:40] == k].mean(axis=0).ravel() for k in (0, 1)])

    def likeness(weights: np.ndarray) -> float:
        best = np.corrcoef(weights.T, templates)[:-2, -2:].max(axis=1)
        return float(best.mean())

    still = DiehlCook(diehl_cook(neurons=12, learning=0), threads=1)
    still.learn(images[:40])
    assert likeness(learned) > 0.12
    assert abs(likeness(still.weights)) < 0.08


@pytest.mark.compiled
def test_the_benchmark_learns_assigns_and_judges() -> None:
    told: list[str] = []
    row = measure(
        learn=3, assign=2, judge=2, neurons=4, threads=1, precision="double", say=told.append
    )
    assert told == ["learn: 3 of 3", "assign: 2 of 2", "judge: 2 of 2"]
    assert row["accuracy"] in (0, 0.5, 1)
    assert row["learning_presented"] >= 3
    assert row["judging_presented"] >= 2
    for wrong in ({"learn": 4500}, {"learn": 500, "assign": 501}):
        with pytest.raises(ValueError, match=r"learn \+ judge is at most 5000, assign at most"):
            measure(**wrong)  # type: ignore[arg-type]


def test_images_of_another_size_are_refused() -> None:
    model = DiehlCook(diehl_cook(neurons=2, inputs=9), threads=1)
    with pytest.raises(ns.DescriptionError, match="each of 9 pixels"):
        model.learn(np.zeros((2, 4, 4)))
    with pytest.raises(ns.DescriptionError, match="at most 1"):
        model.learn(np.full((2, 3, 3), 255.0))
    with pytest.raises(ns.SimulationError, match="image 0 makes fewer than 5 spikes"):
        model.learn(np.zeros((1, 3, 3)))
    assert model.respond(np.zeros((0, 3, 3))).shape == (0, 2)


def test_neurons_get_the_class_they_answer_to() -> None:
    counts = np.array([[5, 0, 0], [6, 1, 0], [0, 7, 0]])
    classes = assigned(counts, [3, 3, 8])
    assert classes.tolist() == [3, 8, -1]
    assert predicted(counts, classes).tolist() == [3, 3, 8]
    with pytest.raises(ns.DescriptionError, match="one class for each row"):
        assigned(counts, [1, 2])
    with pytest.raises(ns.DescriptionError, match="one for each neuron"):
        predicted(counts, [-1, -1, -1])
