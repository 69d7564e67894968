"""Variants of the semantics against a loop by hand; variants of numbers against descriptions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import neurosim as ns
from neurosim.compare import variants
from neurosim.engine.clock import Engine
from neurosim.engine.generate import generate
from neurosim.engine.wiring import enumerate_connections
from neurosim.lower.lowering import lower
from neurosim.lower.plan import Plan

TAU, V_TH, V_RESET, HOLD = 10.0, 15.0, 2.0, 10
ARRIVALS = {3: 8.0, 5: 9.0, 6: 1.0, 12: 3.0, 20: 16.0, 21: 14.0, 31: 4.0, 33: 20.0, 34: 1.0}


def one_neuron(dt: float = 0.1) -> Plan:
    """A LIF neuron at 0 mV that receives `ARRIVALS` (label -> mV)."""
    net = ns.Network("one")
    source = net.population("source", len(ARRIVALS), ns.SpikeTimes([[k * dt] for k in ARRIVALS]))
    model = ns.LIF(tau_m=TAU, E_L=0, V_th=V_TH, V_reset=V_RESET, t_ref=HOLD * dt,
                   synapses=ns.Delta())  # fmt: skip
    cell = net.population("cell", 1, model)
    weights = np.array(list(ARRIVALS.values()))[:, None]
    # A delay of one step: sources fire a step before what they send arrives.
    net.project(source, cell, ns.AllToAll(), weight=weights, delay=dt)
    net.record(cell, ["spikes", "V_m"])
    return lower(net, dt)


def by_hand(
    n_steps: int, dt: float, order: str, kept: bool, strict: bool
) -> tuple[list[int], list[float]]:
    v, held = 0.0, 0
    spikes: list[int] = []
    trace: list[float] = []
    for label in range(1, n_steps + 1):
        active = held == 0
        held = max(held - 1, 0)
        jump = ARRIVALS.get(label - 1, 0.0) if active or kept else 0.0
        if active:
            v *= math.exp(-dt / TAU)
        if order == "before_threshold":
            v += jump
        fires = active and (v > V_TH if strict else v >= V_TH)
        if order == "before_reset":
            v += jump
        if fires:
            v, held = V_RESET, HOLD
            spikes.append(label)
        if order == "after_reset":
            v += jump
        trace.append(v)
    return spikes, trace


@pytest.mark.parametrize("order", ["before_threshold", "before_reset", "after_reset"])
@pytest.mark.parametrize("kept", [False, True])
@pytest.mark.parametrize("strict", [False, True])
def test_semantic_variants_do_what_a_loop_by_hand_does(
    order: Any, kept: bool, strict: bool
) -> None:
    plan = variants.with_order(one_neuron(), 1, order)
    if kept:
        plan = variants.with_arrivals_while_refractory(plan, 1)
    if strict:
        plan = variants.with_other_comparison(plan, 1)
    recorded = Engine(plan, threads=1).run(50)
    spikes, trace = by_hand(50, plan.dt, order, kept, strict)
    assert recorded.labels.tolist() == spikes
    assert recorded.samples[1][:, 0] == pytest.approx(trace, abs=1e-12)
    assert spikes  # else nothing was tested


def test_the_variants_differ_from_what_is_pinned() -> None:
    """Or the loop by hand would have tested one thing six times."""
    found = {
        (order, kept): tuple(by_hand(50, 0.1, order, kept, False)[1])
        for order in ("before_threshold", "before_reset", "after_reset")
        for kept in (False, True)
    }
    assert len(set(found.values())) == 6


@pytest.mark.parametrize(
    "model",
    [ns.LIF(), ns.LIF(synapses=ns.AlphaConductance()), ns.AdEx(), ns.Izhikevich()],
    ids=lambda m: f"{type(m).__name__}",
)
def test_integrating_by_the_same_method_again_is_the_same_program(model: Any) -> None:
    """A spec holds all that its integration needs; and its kernel does not change with it."""
    spec = model.neuron_model().spec()
    again = variants.integrated(spec, spec.method)
    assert generate(again).source == generate(spec).source
    parameters = dict(spec.defaults)
    assert again.constants(parameters, 0.1) == spec.constants(parameters, 0.1)


def decaying(method: str | None = None) -> Plan:
    net = ns.Network("decay")
    model = ns.NeuronModel(
        "x", equations="dx/dt = -x*x/tau + y/tau : 1\ndy/dt = -y/tau : 1",
        parameters={"tau": "2 ms"}, initial={"x": 1.0, "y": 2.0}, method=method,
    )  # fmt: skip
    cell = net.population("cell", 1, model)
    net.record(cell, ["x", "y"])
    return lower(net, 0.2)


def test_parts_of_a_step_come_nearer_with_the_order_of_the_method() -> None:
    """Twice as many parts: 16 times nearer for order 4, twice for order 1."""

    def end(plan: Plan) -> float:
        return float(Engine(plan, threads=1).run(8).samples[0][-1, 0])

    exact = end(variants.with_method(decaying(), 0, "rk4", 8))
    for method, order in (("rk4", 4), ("euler", 1)):
        off = [end(variants.with_method(decaying(), 0, method, n)) - exact for n in (1, 2)]
        assert off[0] / off[1] == pytest.approx(2.0**order, rel=0.25)
        assert end(decaying(method)) == end(variants.with_method(decaying(), 0, method))


def pair() -> ns.Network:
    net = ns.Network("pair", seed=4)
    exc = net.population("exc", 30, ns.LIF(t_ref=2.0))
    inh = net.population("inh", 10, ns.LIF(t_ref=2.0))
    net.project(exc, exc + inh, ns.FixedProbability(0.3), weight=ns.Normal(50, 10), delay=1.5,
                receptor="exc", name="p")  # fmt: skip
    return net


def connections(plan: Plan) -> set[tuple[int, int, float, int]]:
    c = enumerate_connections(plan.projections[0], plan.seed, plan.dt)
    return set(zip(c.pre_position.tolist(), c.post_position.tolist(), c.weight.tolist(),
                   c.delay_steps.tolist(), strict=True))  # fmt: skip


def test_changes_of_synapses_change_these_and_no_others() -> None:
    plan = lower(pair(), 0.1)
    before = connections(plan)
    found = enumerate_connections(plan.projections[0], plan.seed, plan.dt)
    pre, post = int(found.pre_position[5]), int(found.post_position[5])
    weight = float(found.weight[5])
    one = (pre, post, weight, 15)
    assert connections(variants.with_weight(plan, 0, 5, 7.0)) == before - {one} | {
        (pre, post, 7.0, 15)
    }
    assert connections(variants.without_connection(plan, 0, 5)) == before - {one}
    assert connections(variants.with_delay(plan, 0, 5, 3)) == before - {one} | {
        (pre, post, weight, 3)
    }
    assert connections(variants.with_extra_connection(plan, 0, 1, 2, 9.0, 4)) == before | {
        (1, 2, 9.0, 4)
    }
    scaled = connections(variants.with_weights_scaled(plan, 0, 0.5))
    assert scaled == {(i, j, 0.5 * w, d) for i, j, w, d in before}
    later = connections(variants.with_delays_shifted(plan, 0, -20))
    assert later == {(i, j, w, 1) for i, j, w, d in before}
    rounded = connections(variants.with_rounded_weights(plan, 0, 4))
    unit = max(abs(w) for _, _, w, _ in before) / 7
    assert {w / unit for _, _, w, _ in rounded} <= {float(k) for k in range(-7, 8)}
    assert connections(plan) == before


def test_a_receptor_changes_for_all_populations_of_a_projection() -> None:
    plan = variants.with_receptor(lower(pair(), 0.1), 0, "inh")
    assert plan.projections[0].receptor == "inh"
    assert set(plan.projections[0].post_receptor.tolist()) == {1}


def test_a_longer_hold_is_in_the_parameter_that_the_core_reads() -> None:
    plan = variants.with_longer_hold(lower(pair(), 0.1), 1, -3)
    assert plan.populations[1].refractory_steps == 17
    assert plan.populations[1].parameters["t_ref"] == pytest.approx(1.7)
    assert plan.populations[0].refractory_steps == 20
