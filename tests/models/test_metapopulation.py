"""The Wilson-Cowan metapopulation: planted states, the network, gradients, stability, errors."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import neurosim as ns
from neurosim_models.metapopulation import (
    WilsonCowanMetapopulation,
    WilsonCowanNode,
    couplings,
    gradient,
    train,
    training,
)
from neurosim_models.metapopulation.dynamics import unroll
from neurosim_models.metapopulation.training import Adam, one_cycle

MUTUAL = WilsonCowanNode(w_IE=0.3)
"""A double well whose inhibitory population sees the excitatory one."""

each_parametrization = pytest.mark.parametrize("parametrization", ["spectral", "projected"])


def small(parametrization: str = "projected", **changed: Any) -> WilsonCowanMetapopulation:
    kept: dict[str, Any] = {"size": 30, "n_attractors": 4, **changed}
    return WilsonCowanMetapopulation(parametrization=parametrization, **kept)


def pictures(n: int = 6, size: int = 30, n_classes: int = 4, seed: int = 1) -> Any:
    generator = np.random.default_rng(seed)
    return generator.random((n, size)), generator.integers(0, n_classes, n)


def lessons(n: int = 40) -> Any:
    """Return pictures that their classes can be told from: one of four, with noise."""
    generator = np.random.default_rng(2)
    labels = generator.integers(0, 4, n)
    return np.clip(
        generator.random((4, 30))[labels] + 0.1 * generator.random((n, 30)), 0, 1
    ), labels


def skewed(model: WilsonCowanMetapopulation, seed: int = 3) -> WilsonCowanMetapopulation:
    """Return the same model with numbers moved at random: no two eigenvectors are orthogonal."""
    generator = np.random.default_rng(seed)
    moved = {n: w + 0.1 * generator.standard_normal(w.shape) for n, w in model.weights.items()}
    return model.with_weights(moved)


# --- nodes ----------------------------------------------------------------------------------------


def test_the_node_has_the_published_wells() -> None:
    """Levels of the planted patterns are constants in the code published with the paper
    (x of the two wells); y and the barrier are those of the same equations.
    """
    low, middle, high = WilsonCowanNode().fixed_points()
    assert low.x == pytest.approx(0.213590341241989722931293727015145, rel=1e-9)
    assert high.x == pytest.approx(0.37326898463326614599362307391132, rel=1e-9)
    assert middle.x == pytest.approx(0.2839601531881968, rel=1e-9)
    assert [p.y for p in (low, middle, high)] == pytest.approx([0.4525624507704619] * 3, rel=1e-9)
    assert [p.stable for p in (low, middle, high)] == [True, False, True]


nodes = st.builds(
    WilsonCowanNode,
    w_EE=st.floats(0, 12), w_EI=st.sampled_from([0.0, 1.0, 3.0]), w_IE=st.sampled_from([0.0, 2.0]),
    w_II=st.floats(0, 3), h_E=st.floats(-2, 1), b_E=st.floats(0.5, 5),
)  # fmt: skip


@given(node=nodes)
@settings(max_examples=25)
def test_nothing_flows_at_fixed_points(node: WilsonCowanNode) -> None:
    points = node.fixed_points()
    assert points
    for point in points:
        assert np.abs(node.flow(point.x, point.y)).max() < 1e-12
        assert 0 <= point.x <= 1
        assert 0 <= point.y <= 1


@given(node=nodes.filter(lambda node: node.w_IE == 0))
@settings(max_examples=8)
def test_states_end_in_stable_fixed_points_and_in_all_of_them(node: WilsonCowanNode) -> None:
    """Without w_IE a node has no cycle: y settles, then x runs down one dimension."""
    x, y = np.linspace(0, 1, 41), np.full(41, node.fixed_points()[0].y)
    for _ in range(5_000):
        dx, dy = node.flow(x, y)
        x, y = x + 0.2 * dx, y + 0.2 * dy
    stable = np.array([p.x for p in node.fixed_points() if p.stable])
    nearest = np.abs(x[:, None] - stable).argmin(axis=1)
    assert np.abs(x - stable[nearest]).max() < 1e-3
    assert set(nearest) == set(range(len(stable)))


@pytest.mark.parametrize(
    ("wrong", "named"),
    [({"a_E": 0}, "a_E"), ({"b_I": -1}, "b_I"), ({"w_EE": float("nan")}, "w_EE"),
     ({"fe2": 0.1}, "fe2"), ({"w_EEE": 1}, "w_EEE")],
)  # fmt: skip
def test_a_node_that_cannot_be_meant_is_refused(wrong: dict[str, Any], named: str) -> None:
    with pytest.raises(ns.DescriptionError, match=named):
        WilsonCowanNode(**wrong)


# --- planted attractors ---------------------------------------------------------------------------


def test_patterns_are_those_of_the_paper() -> None:
    """784 nodes, ten classes: blocks of 65 nodes are low, all others high."""
    model = WilsonCowanMetapopulation(size=784, n_attractors=10, parametrization="projected")
    low, high = model.wells
    for k, v in enumerate(model.attractors):
        block = np.arange(784) // 65 == k
        assert set(v[block]) == {low.x}
        assert set(v[~block]) == {high.x}


@each_parametrization
def test_the_coupling_is_0_on_planted_states_whatever_is_learned(parametrization: str) -> None:
    model = skewed(small(parametrization))
    assert np.abs(model.coupling @ model.attractors.T).max() < 1e-12
    assert np.abs(model.coupling).max() > 1


def test_eigenvalues_are_those_that_are_learned_and_zeros() -> None:
    model = skewed(small("spectral"))
    expected = np.sort([*model.weights["eigenvalues"], 0, 0, 0, 0])
    found = np.linalg.eigvals(model.coupling)
    np.testing.assert_allclose(np.sort(found.real), expected, atol=1e-9)
    assert np.abs(found.imag).max() < 1e-9
    largest = np.full(26, 1e3)
    bounded = model.with_weights({**model.weights, "eigenvalues": largest}).coupling
    assert np.linalg.eigvals(bounded).real.max() == pytest.approx(200)


def drift(model: WilsonCowanMetapopulation, disturbance: float, steps: int) -> float:
    """Return how far the states are from the attractors at which they began, disturbed."""
    net = model.network()
    nodes = net.populations["nodes"]
    session = ns.compile(net)
    noise = np.random.default_rng(0).standard_normal(model.attractors.shape)
    worst = 0.0
    for x, y, more in zip(model.attractors, model.attractors_y, noise, strict=True):
        session.reset()
        session.set(nodes, x=x + disturbance * more, y=y)
        session.run(steps * model.dt, progress=False)
        worst = max(worst, float(np.abs(session.get(nodes, "x") - x).max()))
    return worst


@pytest.mark.parametrize("node", [WilsonCowanNode(), MUTUAL], ids=["published", "mutual"])
def test_attractors_are_exact_and_draw_states_back(
    node: WilsonCowanNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """1000 steps from the planted states, and 200 (mutual: 1000) from states 1e-3 away, in the
    network. Without the projection, which is what plants them, they move at once.
    """
    model = WilsonCowanMetapopulation(
        size=64, n_attractors=10, parametrization="projected", node=node
    )
    assert drift(model, 0.0, 1000) < 1e-13
    assert drift(model, 1e-3, 200 if node.w_IE == 0 else 1000) < 1e-10
    monkeypatch.setattr(couplings, "_project", lambda matrix, fixed: matrix)
    broken = replace(model)
    assert drift(broken, 0.0, 1000) > 1e-2


def test_other_patterns_can_be_planted() -> None:
    patterns = np.random.default_rng(5).random((3, 30)) < 0.5
    model = small(n_attractors=3, patterns=patterns)
    low, high = model.wells
    assert np.array_equal(model.attractors, np.where(patterns, low.x, high.x))
    assert drift(model, 0.0, 100) < 1e-13


# --- the network ----------------------------------------------------------------------------------


@each_parametrization
@pytest.mark.parametrize("node", [WilsonCowanNode(), MUTUAL], ids=["published", "mutual"])
def test_the_network_takes_the_same_steps(parametrization: str, node: WilsonCowanNode) -> None:
    """`ns.run` and the code that learns, over 400 steps from a picture."""
    model = skewed(small(parametrization, node=node))
    images, _ = pictures(1)
    run = ns.run(model.network(images[0], record=("x", "y")), 40)
    x, y = model.trajectory(images, 400)
    for name, expected in (("x", x), ("y", y)):
        found = run.states["nodes"][name].array
        assert found.shape == (401, 30)
        np.testing.assert_allclose(found, expected[:, 0], rtol=0, atol=1e-12)


def test_without_the_coupling_the_network_goes_elsewhere() -> None:
    model = skewed(small())
    images, _ = pictures(1)
    cut = model.with_weights({"weights": np.zeros((30, 30))})
    found = [ns.run(m.network(images[0], record="x"), 5).states["nodes"]["x"].array
             for m in (model, cut)]  # fmt: skip
    assert np.abs(found[0] - found[1]).max() > 1e-2


def test_sessions_of_the_network_agree_with_states_relaxed_together() -> None:
    model = skewed(small())
    images, labels = pictures(5)
    alone = model.run_network(images, 100)
    np.testing.assert_allclose(alone, model.relax(images, 100), rtol=0, atol=1e-12)
    np.testing.assert_allclose(alone, model.trajectory(images, 100)[0][-1], rtol=0, atol=1e-12)
    single = model.run_network(images, 100, precision="single")
    np.testing.assert_allclose(single, alone, atol=1e-5)
    np.testing.assert_allclose(model.relax(images, 100, precision="single"), alone, atol=1e-5)
    assert model.relax(images.reshape(5, 5, 6), 100).shape == (5, 30)
    assert model.confusion(images, labels, 100).sum() == 5


def test_chunks_of_many_states_leave_no_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    from neurosim_models.metapopulation import dynamics

    model = skewed(small())
    images, _ = pictures(7)
    whole = model.relax(images, 50)
    monkeypatch.setattr(dynamics, "CHUNK", 3)
    np.testing.assert_allclose(model.relax(images, 50), whole, rtol=0, atol=1e-14)


def test_distances_are_those_of_the_paper() -> None:
    model = small()
    states, _ = pictures(5)
    expected = [
        [((v - x) ** 2).sum() / np.linalg.norm(v) / np.linalg.norm(x) for v in model.attractors]
        for x in states
    ]
    np.testing.assert_allclose(model.distances(states), expected, rtol=1e-12)
    assert model.classify(model.attractors, 10).tolist() == [0, 1, 2, 3]
    assert model.settled(model.attractors) == 1
    assert model.settled(states) == 0


# --- stability ------------------------------------------------------------------------------------


@pytest.mark.parametrize("node", [WilsonCowanNode(), MUTUAL], ids=["published", "mutual"])
def test_the_jacobian_is_the_derivative_of_the_flow(node: WilsonCowanNode) -> None:
    model = skewed(small(node=node))

    def flow(state: np.ndarray) -> np.ndarray:
        x, y = state[:30], state[30:]
        dx, dy = node.flow(x, y, model.coupling @ x / np.sqrt(30))
        return np.concatenate([dx, dy / model.gamma])

    state = np.concatenate([model.attractors[2], model.attractors_y[2]])
    columns = [(flow(state + 1e-6 * e) - flow(state - 1e-6 * e)) / 2e-6 for e in np.eye(60)]
    jacobian = model.jacobian(2)
    np.testing.assert_allclose(jacobian, np.transpose(columns), atol=1e-7)
    expected = np.sort_complex(np.linalg.eigvals(jacobian))
    np.testing.assert_allclose(np.sort_complex(model.eigenvalues(2)), expected, atol=1e-9)
    assert model.spectral_abscissa(2) == pytest.approx(expected.real.max())
    assert np.abs(flow(state)).max() < 1e-12


@pytest.mark.parametrize("node", [WilsonCowanNode(), MUTUAL], ids=["published", "mutual"])
def test_disturbances_shrink_by_the_spectral_radius(node: WilsonCowanNode) -> None:
    model = small(node=node)
    x, y = model.attractors[1:2], model.attractors_y[1:2]
    start = x + 1e-5 * np.random.default_rng(0).standard_normal(30)
    coupling = model.strength * model.coupling
    run = unroll(node, model.gamma, model.dt, coupling, start, y, 90)
    size = np.linalg.norm(np.hstack([run.x[:, 0] - x, run.y[:, 0] - y]), axis=1)
    radius = model.spectral_radius(1)
    assert model.spectral_abscissa(1) < 0
    assert radius < 1
    assert (size[90] / size[50]) ** (1 / 40) == pytest.approx(radius, rel=0.01)


def test_a_coupling_that_is_too_strong_loses_its_attractors() -> None:
    """Stable while D lambda stays below 1.60182/0.042442 (low) and 2.17496/0.030335 (high): with
    eigenvalues of 200 at 784 nodes, the bound in the paper's code, it is; at 30 nodes it is not.
    """
    stable = small("spectral")
    assert max(stable.spectral_abscissa(k) for k in range(4)) < 0
    strong = {**stable.weights, "eigenvalues": np.full(26, 200.0)}
    assert np.sqrt(1 / 30) * 200 * 0.030335 < 2.17496
    unstable = small("projected", weights={"weights": 1000.0 * np.eye(30)})
    assert unstable.spectral_abscissa(0) > 0
    assert stable.with_weights(strong).spectral_abscissa(0) < 0
    assert stable.basin(1e-3, trials=3).tolist() == [1.0] * 4
    assert drift(unstable, 1e-6, 400) > 1e-2


# --- gradients and learning -----------------------------------------------------------------------


@each_parametrization
@pytest.mark.parametrize("node", [WilsonCowanNode(), MUTUAL], ids=["published", "mutual"])
def test_the_gradient_is_that_of_finite_differences(
    parametrization: str, node: WilsonCowanNode
) -> None:
    model = skewed(small(parametrization, node=node))
    images, labels = pictures()
    options: dict[str, Any] = {"steps": 15, "penalty": 0.3}
    found = gradient(model, images, labels, **options)
    generator = np.random.default_rng(7)

    def loss(changed: WilsonCowanMetapopulation) -> float:
        there = gradient(changed, images, labels, **options)
        return there.loss + there.penalty

    for name, weights in model.weights.items():
        direction = generator.standard_normal(weights.shape)
        ends = [
            loss(model.with_weights({**model.weights, name: weights + e * direction}))
            for e in (1e-6, -1e-6)
        ]
        along = float((found.by_weights[name] * direction).sum())
        assert along == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-5, abs=1e-9), name
    ends = [loss(model.with_weights(model.weights, 0.25 * np.exp(e))) for e in (1e-5, -1e-5)]
    # The wells do not move with gamma.
    assert found.by_log_gamma == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-5, abs=1e-10)
    single = gradient(model, images, labels, precision="single", **options)
    for name, derivative in found.by_weights.items():
        scale = np.abs(derivative).max()
        np.testing.assert_allclose(single.by_weights[name], derivative, atol=2e-3 * scale)


@each_parametrization
def test_the_loss_falls_and_attractors_stay(parametrization: str) -> None:
    model = small(parametrization)
    images, labels = lessons()
    options: dict[str, Any] = {"epochs": 100, "batch": 20, "rate": 0.03, "steps": 20}
    found = train(model, images, labels, **options)
    assert found.loss.shape == found.rate.shape == (200,)
    assert found.loss[-5:].mean() < 0.7 * found.loss[:5].mean()
    assert np.abs(found.model.coupling @ found.model.attractors.T).max() < 1e-9
    assert model.with_weights(model.weights).gamma == 0.25
    still = train(model, images, labels, **{**options, "rate": 0.0})
    assert still.loss[-2:].mean() == pytest.approx(still.loss[:2].mean(), rel=1e-9)
    assert not still.loss[-5:].mean() < 0.7 * still.loss[:5].mean()
    again = train(model, images, labels, **options)
    assert np.array_equal(again.loss, found.loss)


def test_the_best_epoch_is_kept() -> None:
    images, labels = lessons()
    model = small()
    options: dict[str, Any] = {"batch": 20, "rate": 0.3, "steps": 10, "validation_steps": 10}
    found = train(model, images, labels, epochs=8, validation=(images, labels), **options)
    assert found.validation.shape == (8,)
    assert found.model.accuracy(images, labels, 10) == found.validation.max()
    assert found.validation.max() > found.validation[0]


def test_a_limit_of_time_ends_the_cycle(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a clock that goes on by 10 ms whenever it is looked at."""
    clock = itertools.count()
    monkeypatch.setattr(training, "perf_counter", lambda: 0.01 * next(clock))
    found = train(small(), *lessons(), epochs=10**6, batch=20, steps=5, limit=0.5)
    assert 30 < len(found.loss) <= 50
    assert found.seconds == pytest.approx(0.5, abs=0.03)
    assert found.rate[-1] < 0.02 * found.rate.max()


def test_a_cycle_rises_and_falls() -> None:
    rates = [one_cycle(step, 100, 0.5) for step in range(100)]
    assert rates[0] == pytest.approx(0.5 / 25)
    assert max(rates) == rates[29] == pytest.approx(0.5)
    assert rates[-1] == pytest.approx(0.5 / 25e4)
    assert np.all(np.diff(rates[:30]) > 0)
    assert np.all(np.diff(rates[29:]) < 0)


@given(rate=st.floats(1e-3, 1), slope=st.floats(0.1, 100), steps=st.integers(1, 20))
@settings(max_examples=30)
def test_adam_steps_by_the_rate_where_the_slope_stays(
    rate: float, slope: float, steps: int
) -> None:
    numbers = {"w": np.array([0.0, 0.0])}
    adam = Adam()
    for _ in range(steps):
        adam.step(numbers, {"w": np.array([slope, -slope])}, rate)
    np.testing.assert_allclose(numbers["w"], np.array([-1, 1]) * rate * steps, rtol=1e-4)


# --- bad input ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"parametrization": "spectrum"}, "Did you mean 'spectral'"),
        ({"size": 10, "n_attractors": 9}, "at most 8"),
        ({"gamma": 0}, "gamma"),
        ({"dt": float("inf")}, "dt"),
        ({"node": 3}, "a WilsonCowanNode"),
        ({"node": WilsonCowanNode(w_EE=0)}, "two stable fixed points"),
        ({"patterns": np.zeros((4, 30))}, "bool array"),
        ({"patterns": np.ones((4, 30), bool)}, "linearly independent"),
        ({"weights": {"weights": np.eye(29)}}, "shape"),
        ({"weights": {"basis": np.eye(30)}}, "'weights'"),
        ({"weights": {"weights": np.full((30, 30), np.nan)}}, "weights"),
        ({"sizes": 3}, "Did you mean 'size'"),
    ],
)
def test_what_cannot_be_meant_is_refused(wrong: dict[str, Any], named: str) -> None:
    with pytest.raises(ns.DescriptionError, match=named):
        small(**{"parametrization": "projected", **wrong})


def test_pictures_and_classes_that_do_not_fit_are_refused() -> None:
    model = small()
    images, labels = pictures()
    for wrong in (images[:, :-1], np.full((2, 30), np.nan), np.zeros((0, 30)), 3.0):
        with pytest.raises(ns.DescriptionError, match="relax: images"):
            model.relax(wrong)
    for classes in (labels[:-1], labels + 4, labels - 4, labels * 0.5):
        with pytest.raises(ns.DescriptionError, match="train: labels"):
            train(model, images, classes, epochs=1, batch=2)
    with pytest.raises(ns.DescriptionError, match="batch"):
        train(model, images, labels, epochs=1, batch=7)
    with pytest.raises(ns.UnknownNameError, match="one_cycle"):
        train(model, images, labels, epochs=1, batch=2, schedule="cycle")
    with pytest.raises(ns.UnknownNameError, match="single"):
        model.relax(images, precision="half")
    with pytest.raises(ns.DescriptionError, match="from 0 to 3"):
        model.jacobian(4)
    with pytest.raises(ns.DescriptionError, match="other than 0"):
        model.distances(np.zeros((1, 30)))


def test_what_leaves_the_finite_numbers_is_told() -> None:
    model = small(dt=1000.0)
    images, labels = pictures()
    with pytest.raises(ns.SimulationError, match="finite"):
        model.relax(images, 400)
    with pytest.raises(ns.SimulationError, match="learning rate"):
        train(model, images, labels, epochs=1, batch=2, steps=400)
