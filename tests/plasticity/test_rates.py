"""Rules for continuous coupling: against plain numpy, and against what they are known for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits

import neurosim as ns

pytestmark = pytest.mark.compiled


def clamped(
    rule: Any, x: Any, weight: Any, *, n_post: int = 2, delay: Any = None, tau: float = 5.0
) -> ns.Network:
    """Rates that are given, onto linear units."""
    x = np.asarray(x, float)
    net = ns.Network("rates", seed=2)
    inputs = net.population("inputs", x.size, ns.LinearRate(tau=1e-3 + tau, I=x))
    net.initialise(inputs, r=x)
    outputs = net.population("outputs", n_post, ns.LinearRate(tau=tau))
    net.project(
        inputs, outputs, ns.AllToAll(), weight=weight, delay=delay, source="r", receptor="r",
        plasticity=rule, name="p",
    )  # fmt: skip
    net.record(outputs, "r")
    return net


FULL = ns.PlasticityRule(
    "everything",
    post="dtheta/dt = (r_post*r_post - theta)/tau : 1\ntau : ms",
    synapse="""dw/dt = eta*(c*r_post - theta*w + gain*r_pre) : 1
    dc/dt = (r_pre - c)/tau : 1
    eta : 1/ms""",
    parameters={"eta": 0.02, "tau": 30.0}, initial={"theta": 0.1, "c": 0.2},
    signals=("gain",), w_min=-0.9, w_max=0.9,
)  # fmt: skip


@pytest.mark.parametrize("steps_back", [0, 7])
def test_every_step_is_that_of_numpy(steps_back: int) -> None:
    """Euler's steps of weights, a variable of synapses and one of neurons, all from the start."""
    random = np.random.default_rng(0)
    x = random.normal(0.5, 0.3, 4)
    w = random.uniform(-0.9, 0.9, (4, 3))
    dt, tau = 0.1, 5.0
    delay = steps_back * dt if steps_back else None
    session = ns.compile(clamped(FULL, x, w, n_post=3, delay=delay), dt=dt)
    y = np.zeros(3)
    theta, c, gain = np.full(3, 0.1), np.full((4, 3), 0.2), 0.0
    decay = np.exp(-dt / tau)
    for steps in (150, 60):
        run = session.run(steps * dt)
        for k in range(steps):
            arrived = x @ w
            change = 0.02 * (c * y - theta * w + gain * x[:, None])
            w_new = np.clip(w + dt * change, -0.9, 0.9)
            c = c + dt * (x[:, None] - c) / 30
            theta = theta + dt * (y * y - theta) / 30
            y = decay * y + (1 - decay) * arrived
            w = w_new
            np.testing.assert_allclose(run.states["outputs"]["r"].array[k], y, rtol=1e-10)
        np.testing.assert_allclose(session.get("p", "w").reshape(4, 3), w, rtol=1e-10)
        np.testing.assert_allclose(session.get("p", "c").reshape(4, 3), c, rtol=1e-10)
        gain = 3.0
        session.signal("p", gain=gain)
    assert (abs(w) == 0.9).any()


def learned(session: Any, patterns: np.ndarray, order: Any, ms: float) -> np.ndarray:
    """Show patterns, each for some ms, and return the weights (n_inputs, n_outputs)."""
    inputs = session.network["inputs"]
    for k in order:
        session.set(inputs, I=patterns[k], r=patterns[k])
        session.set(session.network["outputs"], r=0.0)  # the answer to the one before
        session.run(ms)
    weights: np.ndarray = session.get("p", "w").reshape(patterns.shape[1], -1)
    return weights


def test_oja_finds_the_first_principal_component_of_digits() -> None:
    """To 1e-3; without learning it finds nothing (Oja, 1982)."""
    patterns = load_digits(return_X_y=True)[0][:20] / 16.0
    patterns -= patterns.mean(axis=0)
    first = np.linalg.svd(patterns, full_matrices=False)[2][0]

    def angle(rates: list[float]) -> float:
        """Show the patterns in random order, with ever smaller learning rates."""
        w = np.random.default_rng(1).normal(0, 0.1, (64, 1))
        for stage, eta in enumerate(rates):
            # The unit follows its input within a step: y = w x.
            net = clamped(ns.Oja(eta=eta), patterns[0], w, n_post=1, tau=0.05)
            random = np.random.default_rng(stage)
            order = np.concatenate([random.permutation(20) for _ in range(12)])
            w = learned(ns.compile(net, dt=1.0, threads=1), patterns, order, 3.0)
        return float(1 - abs(w[:, 0] @ first) / np.linalg.norm(w))

    assert angle([0.08, 0.08, 0.03, 0.01, 0.002]) < 1e-3
    assert angle([0.0]) > 0.3


def test_oja_keeps_weights_at_length_one() -> None:
    x = np.array([0.6, 0.3, 0.2])
    net = clamped(ns.Oja(eta=0.05), x, np.full((3, 1), 0.1), n_post=1, tau=1.0)
    session = ns.compile(net)
    session.run(3000)
    np.testing.assert_allclose(session.get("p", "w"), x / np.linalg.norm(x), rtol=1e-6)


def test_bcm_becomes_selective() -> None:
    """Of two patterns shown by turns one wins, at y = y_0 / its share; a fixed threshold fails.

    Source: Intrator & Cooper (1992), Neural Netw. 5:3.
    """
    patterns = np.array([[1.0, 0.2], [0.2, 1.0]])

    def answers(rule: Any, n: int) -> np.ndarray:
        net = clamped(rule, patterns[0], np.array([[0.5], [0.52]]), n_post=1, tau=0.5)
        session = ns.compile(net, dt=0.5)
        order = np.random.default_rng(0).integers(0, 2, n)
        w = learned(session, patterns, order, 20.0)[:, 0]
        return np.sort(patterns @ w)

    weak, strong = answers(ns.BCM(eta=3e-3, tau_theta=200.0, w_min=-5, w_max=5), 900)
    assert abs(weak) < 0.15
    assert strong == pytest.approx(2.0, rel=0.25)  # the threshold follows single patterns
    still = answers(ns.BCM(eta=0.0, tau_theta=200.0, w_min=-5, w_max=5), 20)
    assert still[0] == pytest.approx(still[1], rel=0.1)


def test_the_covariance_rule_depresses_below_the_mean() -> None:
    net = clamped(
        ns.Covariance(eta=0.01, x_mean=0.5, y_mean=10.0), [1.0, 0.0], np.zeros((2, 1)), n_post=1
    )
    session = ns.compile(net)
    session.run(10)
    up, down = session.get("p", "w")
    # Of an output below its mean: an active input is weakened, a silent one strengthened.
    assert up == pytest.approx(-0.01 * 0.5 * 10 * 10, rel=0.05)
    assert down == pytest.approx(-up, rel=1e-9)


def test_bits_do_not_depend_on_threads_or_pieces() -> None:
    def weights(threads: int, pieces: list[float]) -> bytes:
        net = ns.Network("hebb", seed=1)
        units = net.population("units", 1500, ns.LinearRate(tau=ns.Uniform(5, 20), I=0.1))
        net.initialise(units, r=ns.Uniform(-1, 1))
        net.project(
            units, units, ns.FixedProbability(0.02), weight=ns.Normal(0, 0.1), source="r",
            receptor="r", delay=ns.Uniform(0, 3), plasticity=ns.Oja(eta=0.01), name="p",
        )  # fmt: skip
        session = ns.compile(net, threads=threads)
        before = session.get("p", "w")
        for duration in pieces:
            session.run(duration)
        after = session.get("p", "w")
        assert not np.array_equal(before, after)
        return after.tobytes()

    assert weights(1, [20.0]) == weights(2, [20.0]) == weights(4, [3.0, 0.1, 16.9])


def test_frozen_weights_stay_and_reset_keeps_them(tmp_path: Path) -> None:
    net = clamped(ns.BCM(eta=0.01), [1.0, 0.5], np.full((2, 2), 0.3))
    session = ns.compile(net)
    session.run(20)
    learned_ = session.get("p", "w")
    assert not np.array_equal(learned_, np.full(4, 0.3))
    session.freeze("p")
    session.run(20)
    assert np.array_equal(session.get("p", "w"), learned_)
    session.unfreeze()
    session.reset()
    assert np.array_equal(session.connections("p").weight, learned_)
    session.run(20)
    assert not np.array_equal(session.get("p", "w"), learned_)
    net.save(tmp_path / "net.h5")
    again = ns.load(tmp_path / "net.h5")
    assert isinstance(again, ns.Network)
    assert again.content_hash() == net.content_hash()


def test_side_by_side_each_simulation_has_weights_of_its_own() -> None:
    net = clamped(ns.Oja(eta=0.02), [0.7, 0.4], np.full((2, 2), 0.3))
    gains = [0.5, 1.0, 2.0]
    swept = ns.sweep(net, {"outputs.gain": gains}, 30.0)
    for gain in gains:
        alone = clamped(ns.Oja(eta=0.02), [0.7, 0.4], np.full((2, 2), 0.3))
        session = ns.compile(alone)
        session.set("outputs", gain=gain)
        run = session.run(30.0)
        of_sweep = swept["outputs.r"].sel({"outputs.gain": gain}).to_numpy()
        np.testing.assert_allclose(of_sweep, run.states["outputs"]["r"].array, rtol=1e-9)


@pytest.mark.parametrize(
    ("rule", "facts", "told"),
    [
        (ns.STDP(), {}, "a rule for continuous coupling"),
        (ns.Oja(state="V"), {}, "that Oja reads"),
        (ns.Oja(w_max=0.1), {}, "values from w_min to w_max, -inf to 0.1"),
    ],
)
def test_what_does_not_fit_is_refused(rule: Any, facts: dict[str, Any], told: str) -> None:
    with pytest.raises(ns.NeurosimError, match=told):
        clamped(rule, [1.0, 2.0], np.full((2, 2), 0.3), **facts)


def test_rules_of_rates_want_rates() -> None:
    net = ns.Network("a")
    cells = net.population("cells", 2, ns.LIF(synapses=ns.ExpCurrent()))
    with pytest.raises(ns.DescriptionError, match="a rule for spikes"):
        net.project(cells, cells, ns.AllToAll(), receptor="exc", plasticity=ns.Oja())


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"synapse": "dw/dt = r_pre/ms : 1", "on_pre": "w += 1"}, "no spikes are"),
        ({"synapse": "dw/dt = r_pre/ms : 1", "pre": "x : 1"}, "reads its states"),
        ({"synapse": "dw/dt = r_pre : 1"}, "dw/dt"),
        ({"synapse": "dw/dt = v/ms : 1", "post": "dv/dt = r_pre/ms : 1"}, "every synapse"),
        ({"synapse": "dw/dt = v/ms : 1", "post": "dv/dt = w/ms : 1"}, "is of a synapse"),
        ({"synapse": "dw/dt = q/ms : 1"}, "unknown name 'q'"),
    ],
)
def test_texts_that_cannot_be_are_refused(given: dict[str, str], told: str) -> None:
    with pytest.raises(ns.EquationError, match=told):
        ns.PlasticityRule("wrong", **given)  # type: ignore[arg-type]
