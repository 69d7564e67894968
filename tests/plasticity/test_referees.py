"""Plastic synapses on Brian2 and NEST: weights and spikes of our core, or refused with a reason."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import neurosim as ns
from neurosim.compare.certify import certify
from neurosim.compare.verdicts import Tier
from neurosim.errors import ApproximationWarning, SimulationError, UnsupportedError
from neurosim.lower.plan import Plan
from tests.compare.hidden_faults import Opaque
from tests.plasticity.test_rules import DT, RULES, network

pytestmark = pytest.mark.compiled


@pytest.fixture(autouse=True)
def empty_kernel() -> Iterator[None]:
    """Leave NEST's kernel, which a process has one of, as it was."""
    yield
    if "nest" in sys.modules:
        sys.modules["nest"].ResetKernel()


# --- Brian2 -------------------------------------------------------------------------------------

READINGS = (
    ("additive", "axonal", "both"), ("power", "dendritic", "none"),
    ("reduced", "dendritic", "both"), ("levels", "dendritic", "none"), ("levels", "axonal", "none"),
    ("facilitating", "dendritic", "none"),
)  # fmt: skip
"""Rules, and how delays and coincidences are read: every order of a step is among them."""


def read_as(name: str, delay: Any, coincidence: Any) -> ns.PlasticityRule:
    rule = RULES[name][0].plasticity_rule()
    told = rule.__reduce__()[1][1] | {"delay": delay, "coincidence": coincidence}
    return ns.PlasticityRule(rule.name, **told)


@settings(max_examples=2, deadline=None)
@given(seed=st.integers(0, 1000))
def test_brian2_is_the_core_whatever_the_rule(seed: int) -> None:
    """Random trains, several spikes in a step among them, and delays longer than intervals."""
    random = np.random.default_rng(seed)
    pre = [sorted(DT * random.integers(1, 150, 20)) for _ in range(3)]
    post = [sorted({DT * k for k in random.integers(1, 150, 15)}) for _ in range(2)]

    def drawn() -> dict[str, Any]:
        return {
            "weight": random.uniform(0, 10, (3, 2)), "delay": DT * random.integers(1, 30, (3, 2))
        }  # fmt: skip

    first = drawn()
    net = network(read_as(*READINGS[0]), pre, post, first["delay"], first["weight"])
    for reading in READINGS[1:]:
        net.project(
            net["pre"], net["post"], ns.AllToAll(), receptor="taught", name=" ".join(reading),
            plasticity=read_as(*reading), **drawn(),
        )  # fmt: skip
    net.record(net["post"], "I_taught")
    core, brian2 = ns.compile(net, dt=DT, threads=1), ns.compile(net, "brian2", dt=DT)
    # At the border spikes are on their way; at the end none is.
    for duration in (8.3, 13.7):
        ours, theirs = core.run(duration), brian2.run(duration)
        assert np.array_equal(ours.spikes["post"].times, theirs.spikes["post"].times)
        current = ours.states["post"]["I_taught"].array
        bound = 1e-9 * np.abs(current).max()
        np.testing.assert_allclose(theirs.states["post"]["I_taught"].array, current, atol=bound)
    for projection in net.projections.values():
        rule = projection.plasticity
        for name in ("w", *rule.plasticity_rule().program.variables["synapse"]) if rule else ():
            mine, yours = core.get(projection, name), brian2.get(projection, name)
            np.testing.assert_allclose(yours, mine, rtol=1e-9, atol=1e-9, err_msg=projection.name)
        assert np.array_equal(brian2.connections(projection).pre, core.connections(projection).pre)


def paired(rule: Any, *, record: bool = False) -> ns.Network:
    """Sources with a common last spike at 59.5 ms, and neurons that fire by themselves, too."""
    net = ns.Network("paired", seed=5)
    random = np.random.default_rng(1)
    trains = [sorted({*np.round(DT * random.integers(3, 570, 20), 1), 59.5}) for _ in range(4)]
    source = net.population("source", 4, ns.SpikeTimes(trains))
    cells = net.population("cells", 3, ns.LIF(I_e=[420.0, 450.0, 480.0], t_ref=1))
    net.project(
        source, cells, ns.AllToAll(), weight=50.0, delay=1.5, receptor="exc", plasticity=rule,
        name="p",
    )  # fmt: skip
    net.record(cells, "spikes")
    if record:
        net.record(net["p"], "weight", every=7.0, initial=True)
    return net


PAIRS = ns.STDP(w_max=90, a_plus=5, a_minus=6, tau_minus=33.7)


def test_weights_on_brian2_are_recorded_and_kept() -> None:
    ours = ns.compile(paired(PAIRS, record=True), threads=1)
    theirs = ns.compile(paired(PAIRS, record=True), "brian2")
    expected, found = ours.run(30.0), theirs.run(30.0)
    assert np.ptp(expected.weights["p"].array) > 20
    np.testing.assert_array_equal(found.weights["p"].times, expected.weights["p"].times)
    np.testing.assert_allclose(found.weights["p"].array, expected.weights["p"].array, rtol=1e-12)
    learnt = theirs.get("p", "w")
    theirs.reset()
    assert np.array_equal(theirs.get("p", "w"), learnt)
    ours.reset()
    again, expected = theirs.run(20.0), ours.run(20.0)
    np.testing.assert_allclose(again.weights["p"].array, expected.weights["p"].array, rtol=1e-12)
    with pytest.raises(UnsupportedError, match="backend='cpu'"):
        theirs.set("p", w=1.0)
    with pytest.raises(UnsupportedError, match="hold"):
        theirs.freeze("p")


def test_a_synapse_that_carries_too_much_stops_brian2_as_it_stops_the_core() -> None:
    rule = ns.PlasticityRule(
        "growing", synapse="n : 1", on_pre="n += 1; effect = w*n", max_effect=3.0
    )
    for backend in ("cpu", "brian2"):
        session = ns.compile(paired(rule), backend)
        with pytest.raises(SimulationError, match=r"'p' at t = .* would carry more than 150"):
            session.run(40.0)


@pytest.mark.parametrize("fault", ["none", "rule"])
def test_a_certificate_sees_what_a_rule_does(fault: str) -> None:
    """Brian2 has the same spikes; a core with another a_minus has not, and there is a first one."""
    net = paired(PAIRS)
    if fault == "none":
        found = certify(net, ["cpu", "brian2"], 60)
        assert [(r.backend, r.population, r.tier) for r in found.rows] == [
            ("brian2", "cells", Tier.SAME_SPIKES)
        ]
        return

    def change(plan: Plan) -> Plan:
        (p,) = plan.projections
        other = ns.STDP(w_max=90, a_plus=5, a_minus=6.6, tau_minus=33.7).plasticity_rule()
        return replace(plan, projections=(replace(p, plasticity=other),))

    found = certify(net, ["cpu", Opaque(change)], 60)
    until = found.same_until["opaque"]
    assert until is not None
    assert until < 60
    assert all(r.tier not in (Tier.SAME_SPIKES, Tier.BIT_EXACT) for r in found.rows)


# --- NEST ---------------------------------------------------------------------------------------


def three_rules() -> ns.Network:
    net = paired(PAIRS)
    for name, rule in (
        ("t", ns.TripletSTDP(w_max=90, a2_plus=1, a2_minus=3, a3_plus=2, a3_minus=1)),
        ("s", ns.TsodyksMarkram(U=0.4, tau_rec=80, tau_facil=50)),
    ):
        net.project(
            net["source"], net["cells"], ns.AllToAll(), weight=30.0, delay=ns.Uniform(0.1, 3),
            receptor="exc", plasticity=rule, name=name,
        )  # fmt: skip
    net.record(net["cells"], "I_exc")
    return net


def test_nest_is_the_core_at_presynaptic_spikes() -> None:
    """Currents in every step, also the last; weights after a presynaptic spike of all."""
    ours, theirs = ns.compile(three_rules(), threads=1), ns.compile(three_rules(), "nest")
    for duration in (20.3, 39.2):
        expected, found = ours.run(duration), theirs.run(duration)
        assert np.array_equal(found.spikes["cells"].times, expected.spikes["cells"].times)
        current = expected.states["cells"]["I_exc"].array
        np.testing.assert_allclose(found.states["cells"]["I_exc"].array, current, atol=1e-9)
    theirs.run(1.0)  # NEST hands over spikes at 59.5 ms later
    with pytest.warns(ApproximationWarning, match="up to date at presynaptic spikes"):
        weights = theirs.get("p", "w")
    np.testing.assert_allclose(weights, ours.get("p", "w"), rtol=1e-9)
    assert np.ptp(weights) > 20
    with pytest.warns(ApproximationWarning):
        learnt = theirs.connections("t").weight
    np.testing.assert_allclose(learnt, ours.get("t", "w"), rtol=1e-9)
    theirs.reset()
    np.testing.assert_array_equal(theirs.get("t", "w"), learnt)


REFUSED: dict[str, tuple[Any, str, str]] = {
    "axonal": (ns.STDP(w_max=90, delay="axonal"), "dendritic", "brian2"),
    "both": (ns.STDP(w_max=90, coincidence="both"), "do not see each other", "brian2"),
    "bounds": (ns.STDP(w_min=1, w_max=90), "between 0 and Wmax", "w_min=0"),
    "text": (PAIRS.plasticity_rule(), "compiled rules only", "TripletSTDP"),
    "anti": (ns.SymmetricSTDP(w_max=90), "compiled rules only", "TripletSTDP"),
    "reward": (ns.RewardModulatedSTDP(w_max=90), "stdp_dopamine_synapse", "STDP"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_nest_has_not_is_refused_with_a_reason(name: str) -> None:
    rule, reason, nearest = REFUSED[name]
    told = ns.explain(paired(rule), "nest").refused
    assert [f.feature for f in told] == ["synapse:plastic"]
    with pytest.raises(UnsupportedError, match=reason) as caught:
        ns.compile(paired(rule), "nest")
    assert nearest in str(caught.value)


def test_rewards_are_refused_by_brian2() -> None:
    with pytest.raises(UnsupportedError, match="on_signal"):
        ns.compile(paired(ns.RewardModulatedSTDP(w_max=90)), "brian2")


def test_a_neuron_of_nest_has_one_trace() -> None:
    net = paired(PAIRS)
    other = ns.STDP(w_max=90, tau_minus=20)
    net.project(net["source"], net["cells"], ns.AllToAll(), weight=1.0, receptor="exc",
                plasticity=other, name="q")  # fmt: skip
    for refusing in (lambda: ns.compile(net, "nest"), lambda: ns.export(net, "nest", duration=1)):
        with pytest.raises(UnsupportedError, match="one for all its synapses"):
            refusing()


# --- scripts ------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", ["brian2", "nest"])
def test_a_script_learns_the_same(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a script of Brian2 spikes are at a synapse a delay later than here: 1.5 ms."""
    import brian2
    import matplotlib.pyplot as plt

    monkeypatch.setattr(plt, "show", lambda: None)
    text = ns.export(paired(PAIRS), backend, duration=61.0 if backend == "brian2" else 59.6)
    found: dict[str, Any] = {"__name__": "script"}
    target = brian2.prefs.codegen.target
    brian2.prefs.codegen.target = "numpy"  # compiling takes longer than the run
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            exec(compile(text, "script.py", "exec"), found)
    finally:
        brian2.prefs.codegen.target = target
        plt.close("all")
    core = ns.compile(paired(PAIRS), threads=1)
    core.run(59.5)
    expected = core.get("p", "w")
    if backend == "brian2":
        weights = np.asarray(found["p"].w)
    else:
        connections = found["nest"].GetConnections(found["source"], found["cells"])
        order = np.lexsort((connections.target, connections.source))
        weights = np.asarray(connections.weight)[order]
    np.testing.assert_allclose(weights, expected, rtol=1e-9)
