"""Plastic synapses against a slow answer, event by event."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import neurosim as ns
from tests.plasticity.oracle import Synapse, exponential

pytestmark = pytest.mark.compiled

DT = 0.1
RULES: dict[str, tuple[Any, dict[str, tuple[float, float]]]] = {
    "additive": (ns.STDP(w_max=10, a_plus=0.7, a_minus=0.8), {"x": (20, 0), "y": (20, 0)}),
    "power": (
        ns.STDP(w_max=10, a_plus=0.7, a_minus=0.8, mu_plus=0.4, mu_minus=0.4, tau_plus=15),
        {"x": (15, 0), "y": (20, 0)},
    ),
    "multiplicative": (
        ns.STDP(w_max=10, a_plus=0.7, a_minus=0.8, mu_plus=1, mu_minus=1),
        {"x": (20, 0), "y": (20, 0)},
    ),
    "nearest": (
        ns.STDP(w_max=10, a_plus=0.7, a_minus=0.8, pairing="nearest"),
        {"x": (20, 0), "y": (20, 0)},
    ),
    "reduced": (
        ns.STDP(w_max=10, a_plus=0.7, a_minus=0.8, pairing="reduced"),
        {"x": (20, 0), "y": (20, 0)},
    ),
    "symmetric": (ns.SymmetricSTDP(w_max=10, a=0.4, decay=0.2), {"x": (20, 0), "y": (20, 0)}),
    "triplet": (
        ns.TripletSTDP(w_max=10, a2_plus=0.1, a3_minus=0.2, a2_minus=0.3, a3_plus=0.5),
        {"r1": (16.8, 0), "r2": (101, 0), "o1": (33.7, 0), "o2": (114, 0)},
    ),
    "inhibitory": (ns.InhibitorySTDP(w_max=10, eta=0.3), {"x": (20, 0), "y": (20, 0)}),
    "eligibility": (
        ns.RewardModulatedSTDP(w_max=10),
        {"x": (20, 0), "y": (20, 0), "c": (1000, 0)},
    ),
    "depressing": (ns.TsodyksMarkram(U=0.6, tau_rec=80), {"R": (80, 1)}),
    "facilitating": (
        ns.TsodyksMarkram(U=0.2, tau_rec=80, tau_facil=300), {"u": (300, 0), "R": (80, 1)},
    ),
    "levels": (
        ns.PlasticityRule(
            "levels", pre="dx/dt = (1 - x)/tau : 1\ntau : ms\nn : 1",
            post="m : 1\ndy/dt = -y/tau : 1", synapse="dc/dt = (2 - c)/tau : 1",
            on_pre="x *= 0.5; n += 1; c += y; w += 0.01*n*x - 0.1*m",
            on_post="m += 1; c -= x; w += 0.02*c; y += 0.3*m", parameters={"tau": 30.0},
            initial={"x": 0.5, "c": 1.0}, w_min=-10, w_max=10, max_effect=2,
        ),
        {"x": (30, 1), "y": (30, 0), "c": (30, 2)},
    ),
}  # fmt: skip


def network(
    rule: Any, pre: list[list[float]], post: list[list[float]], delays: Any, weights: Any
) -> ns.Network:
    """Both sides spike when told to: the postsynaptic neurons are kicked over their threshold."""
    net = ns.Network("pairs", seed=3)
    source = net.population("pre", len(pre), ns.SpikeTimes(pre))
    kicks = net.population("kicks", len(post), ns.SpikeTimes(post))
    model = ns.LIF(
        E_L=0, V_th=1, V_reset=0, t_ref=0,
        synapses=ns.Receptors(kick=ns.Delta(), taught=ns.ExpCurrent.receptor(tau=2)),
    )  # fmt: skip
    target = net.population("post", len(post), model)
    net.project(kicks, target, ns.OneToOne(), weight=1e6, receptor="kick", delay=DT)
    net.project(
        source, target, ns.AllToAll(), weight=weights, delay=delays, receptor="taught",
        plasticity=rule, name="p",
    )  # fmt: skip
    net.record(target, "spikes")
    net.record(net["p"], "weight", every=10.0)
    return net


def expected(
    rule: Any, ways: Any, pre: Any, post: Any, delays: Any, weights: Any, end: float
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    rule = rule.plasticity_rule()
    decay = {name: exponential(*way) for name, way in ways.items()}
    n_pre, n_post = len(pre), len(post)
    found = np.empty((n_pre, n_post))
    others: dict[str, np.ndarray] = {}
    for i in range(n_pre):
        for j in range(n_post):
            d = np.rint(delays[i, j] / DT)
            to_pre, to_post = (0, d) if rule.delay == "dendritic" else (d, 0)
            # In whole steps, so that what coincides compares equal.
            at_pre = [(np.rint(t / DT) + to_pre) * DT for t in pre[i]]
            at_post = [(np.rint(t / DT) + to_post) * DT for t in post[j]]
            at_pre = [round(t, 9) for t in at_pre]
            at_post = [round(t, 9) for t in at_post]
            synapse = Synapse(rule, weights[i, j], decay)
            synapse.follow(at_pre, at_post, end)
            found[i, j] = synapse.values["w"]
            for name in rule.program.variables["synapse"]:
                others.setdefault(name, np.empty((n_pre, n_post)))[i, j] = synapse.values[name]
    return found, others


def trains(n: int, *, unique: bool) -> st.SearchStrategy[list[list[float]]]:
    steps = st.lists(st.integers(1, 900), min_size=0, max_size=12, unique=unique)
    return st.lists(steps.map(lambda s: [k * DT for k in sorted(s)]), min_size=n, max_size=n)


@pytest.mark.parametrize("delay", ["dendritic", "axonal"])
@pytest.mark.parametrize("coincidence", ["none", "both"])
@pytest.mark.parametrize("name", RULES)
@settings(max_examples=6, deadline=None)
@given(data=st.data())
def test_weights_are_those_of_a_slow_answer(
    name: str, coincidence: Any, delay: Any, data: st.DataObject
) -> None:
    rule, ways = RULES[name]
    rule = rule.plasticity_rule()
    given_ = rule.__reduce__()[1][1]
    rule = ns.PlasticityRule(rule.name, **{**given_, "delay": delay, "coincidence": coincidence})
    # A source may spike several times in a step, a neuron that is kicked does not.
    pre, post = data.draw(trains(3, unique=False)), data.draw(trains(2, unique=True))
    delays = DT * np.array(data.draw(st.lists(st.integers(1, 40), min_size=6, max_size=6)))
    weights = np.array(data.draw(st.lists(st.floats(0, 10), min_size=6, max_size=6)))
    delays, weights = delays.reshape(3, 2), weights.reshape(3, 2)
    session = ns.compile(network(rule, pre, post, delays, weights), dt=DT, threads=1)
    run = session.run(100.0)
    # A kick takes one step.
    spikes = [list(run.spikes["post"].times[run.spikes["post"].ids == j]) for j in range(2)]
    for j in range(2):
        np.testing.assert_allclose(spikes[j], np.array(post[j]) + DT)
    w, others = expected(rule, ways, pre, spikes, delays, weights, 100.0)
    found = session.connections("p")
    np.testing.assert_allclose(found.weight.reshape(3, 2), w, rtol=1e-9, atol=1e-12)
    for variable in rule.program.variables["synapse"]:
        values = session.get("p", variable).reshape(3, 2)
        np.testing.assert_allclose(values, others[variable], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("delay", ["dendritic", "axonal"])
def test_spikes_of_one_step_meet_what_came_before_once(delay: Any) -> None:
    """Two presynaptic spikes at once: postsynaptic ones before them count once, not twice."""
    rule = ns.STDP(w_max=10, a_plus=0.7, a_minus=0.8, delay=delay)
    pre, post = [[10.0, 30.0, 30.0, 60.0, 60.0, 60.0]], [[15.0, 20.0, 45.0]]
    delays, weights = np.full((1, 1), 1.0), np.full((1, 1), 4.0)
    session = ns.compile(network(rule, pre, post, delays, weights), dt=DT)
    session.run(100.0)
    kicked = [[t + DT for t in post[0]]]
    ways = {"x": (20.0, 0.0), "y": (20.0, 0.0)}
    w, _ = expected(rule, ways, pre, kicked, delays, weights, 100.0)
    np.testing.assert_allclose(session.get("p", "w"), w.ravel(), rtol=1e-12)
