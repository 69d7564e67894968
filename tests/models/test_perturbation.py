"""Learning by trying: the direction it finds, exclusive or, and who cannot compute it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import neurosim as ns
from neurosim_models import Perturbation, every_small_network, truth_tables, xor_learner
from neurosim_models.perturbation import perturbation_rule
from neurosim_models.sign_constraints import XOR, answers, xor_loss

INPUTS, OUTPUTS, TAU, STEPS = 20, 5, 10.0, 30


def regression(kind: Any) -> tuple[ns.Session, np.ndarray, np.ndarray]:
    """Leaky sums of given spikes; the spikes, and what the sums are to be."""
    rng = np.random.default_rng(4)
    net = ns.Network("regression", seed=1, dt=1.0)
    spikes = (rng.random((STEPS, INPUTS)) < 0.1).astype(np.int64)
    spikes[-3:] = 0  # what is too late for the sums
    inputs = net.population("inputs", INPUTS, ns.Input("spikes"))
    unit = ns.NeuronModel(
        "sum", equations="dv/dt = -v/tau : 1\nshift : 1\ntau : ms\ny = v + shift : 1",
        inputs={"in": "jump v"}, parameters={"tau": TAU, "shift": 0.0},
    )  # fmt: skip
    sums = net.population("sums", OUTPUTS, unit)
    net.project(
        inputs, sums, ns.AllToAll(), weight=ns.Normal(0, 0.3),
        plasticity=perturbation_rule(kind, largest=10, tau=TAU), name="p",
    )  # fmt: skip
    net.record(sums, "v")
    return ns.compile(net, threads=1), spikes, rng.normal(0, 1, OUTPUTS)


@pytest.mark.compiled
@pytest.mark.parametrize(("kind", "dimension"), [("weight", INPUTS * OUTPUTS), ("node", OUTPUTS)])
def test_the_direction_is_that_of_the_gradient_the_more_trials_the_better(
    kind: str, dimension: int
) -> None:
    """The cosine with the gradient is sqrt(K/(K + D - 1)) on the average."""
    session, spikes, wanted = regression(kind)

    def sums(session: ns.Session) -> np.ndarray:
        run = session.run(STEPS, inputs={"inputs": spikes}, progress=False)
        found: np.ndarray = run.states["sums"]["v"].array[-1] + session.get("sums", "shift")
        return found

    def loss(session: ns.Session) -> float:
        return float(((sums(session) - wanted) ** 2).sum() / 2)

    first = session.get("p", "w")
    error = sums(session) - wanted
    late = STEPS - np.arange(STEPS) - 2  # steps that a spike has decayed for at the end
    trace = (spikes * np.exp(-late / TAU)[:, np.newaxis]).sum(axis=0)
    gradient = np.outer(trace, error).ravel()
    # That is the gradient: a small step against it does what it says.
    session.reset()
    before = loss(session)
    session.reset()
    session.set("p", w=first - 1e-4 * gradient)
    assert before - loss(session) == pytest.approx(1e-4 * (gradient**2).sum(), rel=1e-2)

    session.set("p", w=first)
    trials = Perturbation(
        session, loss, size=0.05, rate=1e-5, seed=3,
        node=("sums", "shift") if kind == "node" else None,
    )  # fmt: skip
    cosines = {}
    for k in range(1, 97):
        trials.trial()
        if k in (8, 32, 96):
            change = first - session.get("p", "w")
            lengths = np.linalg.norm(change) * np.linalg.norm(gradient)
            cosines[k] = change @ gradient / lengths
    for k, cosine in cosines.items():
        assert cosine == pytest.approx((k / (k + dimension - 1)) ** 0.5, abs=0.15), k
    assert cosines[96] > cosines[8]
    # A rate of 0 learns nothing.
    still = session.get("p", "w")
    Perturbation(session, loss, size=0.05, rate=0, node=trials._node).trial()
    assert np.array_equal(session.get("p", "w"), still)


@pytest.mark.compiled
def test_no_network_without_inhibition_computes_exclusive_or() -> None:
    """All 9,477 networks of the grid: three of four cases at the most; with inhibition all four."""
    tables = truth_tables(every_small_network())
    right = (tables == XOR).sum(axis=1)
    assert len(tables) == 9477
    assert right.max() == 3
    # None of them falls when an input rises; all functions that do not are there, but "true".
    assert (np.diff(tables.astype(int)[:, [[0, 1], [0, 2], [1, 3], [2, 3]]], axis=2) >= 0).all()
    assert len(np.unique(tables, axis=0)) == 5
    with_inhibition = truth_tables(every_small_network(inhibition=True))
    assert (with_inhibition == XOR).all(axis=1).any()


@pytest.mark.compiled
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_one_inhibitory_neuron_is_enough_to_learn_it(seed: int) -> None:
    def learned(inhibitory: int, rate: float = 0.1) -> tuple[int, ns.Session]:
        session = ns.compile(xor_learner(inhibitory=inhibitory, seed=seed), threads=1)
        trials = Perturbation(session, xor_loss, size=0.1, rate=rate, seed=seed)
        for _ in range(70):
            trials.trial()
        session.reset()
        return int(((answers(session) > 0.5) == XOR).sum()), session

    right, session = learned(1)
    assert right == 4
    assert (session.get("out", "w")[:3] >= 0).all()
    assert session.get("out", "w")[3] <= 0
    if seed > 1:
        return  # that holds whatever is learned, as all networks above say
    right, session = learned(0)
    assert right <= 3
    assert (session.get("out", "w") >= 0).all()
    assert (session.get("in", "w") >= 0).all()


def test_what_has_no_such_rule_is_refused() -> None:
    net = ns.Network("pair")
    a = net.population("a", 1, ns.LIF(synapses=ns.Delta()))
    with pytest.raises(ns.DescriptionError, match="a projection that learns"):
        Perturbation(ns.compile(net), lambda session: 0.0, size=1, rate=1)
    net.project(a, a, ns.AllToAll(), plasticity=ns.STDP(w_max=2), name="p")
    with pytest.raises(ns.DescriptionError, match=r"perturbation_rule\(\)"):
        Perturbation(ns.compile(net), lambda session: 0.0, size=1, rate=1)
    with pytest.raises(ns.UnknownNameError, match="kind"):
        perturbation_rule("both", largest=1)  # type: ignore[arg-type]


def driven(kind: str = "node") -> ns.Session:
    """A source of spikes reaches the larger part of b, and all of c, which is larger than b."""
    net = ns.Network("driven", seed=1)
    a = net.population("a", 4, ns.Poisson(rate=200))
    b, c = (net.population(n, k, ns.LIF(synapses=ns.Delta())) for n, k in (("b", 3), ("c", 5)))
    for name, post in (("p", b[1:]), ("q", c)):
        rule = perturbation_rule(kind, largest=10)  # type: ignore[arg-type]
        net.project(a, post, ns.AllToAll(), weight=0.5, plasticity=rule, name=name)
    net.population("d", 1, ns.LIF(synapses=ns.Delta()))
    session = ns.compile(net, threads=1)
    session.set("b", I_e=350.0)
    return session


def test_a_disturbance_of_neurons_is_added_and_taken_away_and_only_theirs_learn() -> None:
    session, seen = driven(), []

    def loss(session: ns.Session) -> float:
        seen.append(session.get("b", "I_e"))
        session.run(100, progress=False)
        return float(len(seen))

    before = session.get("p", "w")
    Perturbation(session, loss, size=2.0, rate=0.1, node=("b", "I_e"), seed=5).trial()
    assert len(set(seen[0][1:])) == 2
    assert np.array_equal(session.get("b", "I_e"), [350.0] * 3)
    assert np.array_equal(np.abs(seen[0] - 350), [2.0] * 3)
    assert np.array_equal(seen[0] - 350, 350 - seen[1])
    assert np.array_equal(session.get("q", "w"), [0.5] * 20)
    # Less loss came with the first try: weights go along; b[1:] are the neurons 1 and 2.
    change = (session.get("p", "w") - before).reshape(4, 2)
    assert np.array_equal(np.sign(change), np.tile(np.sign(seen[0] - 350)[1:], (4, 1)))

    def fails(session: ns.Session) -> float:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Perturbation(session, fails, size=2.0, rate=0.1, node=("b", "I_e")).trial()
    assert np.array_equal(session.get("b", "I_e"), [350.0] * 3)


def test_rule_and_what_is_disturbed_have_to_agree() -> None:
    def made(kind: str, node: Any) -> None:
        Perturbation(driven(kind), lambda session: 0.0, size=1, rate=1, node=node)

    with pytest.raises(ns.DescriptionError, match=r"node is None.*perturbation_rule\(\"node\"\)"):
        made("node", None)
    with pytest.raises(ns.DescriptionError, match=r"'p' has perturbation_rule\(\"weight\"\)"):
        made("weight", ("b", "I_e"))
    with pytest.raises(ns.DescriptionError, match="a projection that learns onto 'd'"):
        made("node", ("d", "I_e"))
    with pytest.raises(ns.UnknownNameError, match="I_x"):
        made("node", ("b", "I_x"))
