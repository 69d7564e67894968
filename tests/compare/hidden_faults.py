"""Our own core under another name, with one fault in it that only its behaviour tells."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random
from typing import Any

import numpy as np
import sympy

import neurosim as ns
from neurosim.backend import Options
from neurosim.capabilities import Capabilities
from neurosim.engine.clock import Engine
from neurosim.engine.wiring import enumerate_connections
from neurosim.lower.plan import Plan
from neurosim_backends.cpu import CPU, CPUSession

Change = Callable[[Plan], Plan]


class Opaque:
    """A backend that is our core with a changed plan; its `connections` tell the plan unchanged."""

    name = "opaque"

    def __init__(self, change: Change, capabilities: Capabilities = CPU.capabilities) -> None:
        self.capabilities = capabilities
        self._change = change

    def compile(self, network: ns.Network, options: Options) -> CPUSession:
        session = CPUSession(network, options)
        session.engine = Engine(self._change(session.plan), threads=1, trial=options.trial)
        return session


@dataclass(frozen=True)
class Fault:
    """A change of the plan, and what a diagnosis of it must name.

    `size` is compared with the cause's to a relative `precision`; None where there is none.
    """

    kind: str
    part: str
    what: str
    size: float | None
    change: Change
    precision: float = 1e-3


# --- networks -----------------------------------------------------------------------------------

KINDS: dict[str, tuple[Any, tuple[float, float, float]]] = {
    "current": (ns.ExpCurrent(exc=5, inh=10), (80.0, -150.0, 120.0)),
    "conductance": (ns.ExpConductance(exc=5, inh=10), (3.0, 8.0, 6.0)),
    "delta": (ns.Delta(), (1.0, -2.0, 2.0)),
}


def two_populations(kind: str, seed: int) -> ns.Network:
    synapses, (w_exc, w_inh, w_drive) = KINDS[kind]
    net = ns.Network(f"two populations, {kind}", seed=seed)
    model = ns.LIF(
        tau_m=20, C_m=200, E_L=-60, V_th=-50, V_reset=-60, t_ref=2, I_e=40, synapses=synapses
    )
    exc, inh = net.population("exc", 40, model), net.population("inh", 10, model)
    net.initialise(exc + inh, V_m=ns.Uniform(-60, -50))
    to_exc, to_inh = ("delta", "delta") if kind == "delta" else ("exc", "inh")
    rule = ns.FixedProbability(0.2)
    net.project(exc, exc + inh, rule, weight=w_exc, delay=ns.Uniform(0.5, 2), receptor=to_exc,
                name="from exc")  # fmt: skip
    net.project(inh, exc, rule, weight=w_inh, delay=1, receptor=to_inh, name="inh->exc")
    net.project(inh, inh, rule, weight=w_inh, delay=1.5, receptor=to_inh, name="inh->inh")
    net.drive(exc + inh, ns.Poisson(rate=400), weight=w_drive, receptor=to_exc)
    return net


def network_of_ties(seed: int) -> ns.Network:
    """Potentials are whole numbers, so that the threshold is met exactly again and again."""
    net = ns.Network("ties", seed=seed)
    model = ns.PerfectIntegrator(V_th=4, V_reset=0, t_ref=1, reset="to", synapses=ns.Delta())
    exc, inh = net.population("exc", 40, model), net.population("inh", 10, model)
    net.project(exc, exc + inh, ns.FixedProbability(0.1), weight=1, delay=1)
    net.project(inh, exc + inh, ns.FixedProbability(0.2), weight=-1, delay=1.5)
    net.drive(exc + inh, ns.Poisson(rate=800), weight=1)
    # Steps beyond the threshold, so that a threshold between two whole numbers is told apart.
    net.drive(exc + inh, ns.Poisson(rate=200), weight=2**-9)
    return net


# --- faults -------------------------------------------------------------------------------------


def changed_parameter(random: Random, kind: str) -> Fault:
    index = random.randrange(2)
    name, old = random.choice(
        [("tau_m", 20.0), ("E_L", -60.0), ("V_th", -50.0), ("V_reset", -60.0), ("I_e", 40.0)]
        + ([("tau_exc", 5.0)] if kind != "delta" else [])
        + ([("E_exc", 0.0)] if kind == "conductance" else [])
    )
    if name in ("tau_m", "tau_exc"):
        new = round(old * random.uniform(0.8, 1.25), 2)
    elif name == "V_th":
        new = old - random.choice([0.5, 1.0])
    else:
        new = round(old + random.choice([-1, 1]) * random.uniform(0.5, 3.0), 2)

    def change(plan: Plan) -> Plan:
        return _population(plan, index, parameters={
            **plan.populations[index].parameters, name: new})  # fmt: skip

    part = f"Population '{'exc' if index == 0 else 'inh'}'"
    # All that is known of a threshold is between which two potentials it lies.
    return Fault("parameter", part, name, new - old, change, 0.1 if name == "V_th" else 1e-3)


def longer_refractory(random: Random, kind: str) -> Fault:
    index, n = random.randrange(2), random.choice([-1, 1])

    def change(plan: Plan) -> Plan:
        p = plan.populations[index]
        return _population(plan, index, parameters={**p.parameters, "t_ref": 2.0 + n * plan.dt},
                           refractory_steps=20 + n)  # fmt: skip

    part = f"Population '{'exc' if index == 0 else 'inh'}'"
    return Fault("refractory time", part, "t_ref", 0.1 * n, change)


def scaled_projection(random: Random, kind: str) -> Fault:
    place, factor = random.randrange(3), round(random.uniform(0.7, 1.4), 3)

    def change(plan: Plan) -> Plan:
        return _wired(plan, place, lambda pre, post, w, d: (pre, post, w * factor, d))

    return Fault("weight", f"Projection '{NAMES[place]}'", "all", factor, change)


def one_weight(random: Random, kind: str) -> Fault:
    factor, pick = round(random.uniform(0.5, 1.5), 2), random.random()
    weight = KINDS[kind][1][0]

    def change(plan: Plan) -> Plan:
        def edit(pre: Any, post: Any, w: Any, d: Any) -> Any:
            w = w.copy()
            w[int(pick * w.size)] *= factor
            return pre, post, w, d

        return _wired(plan, 0, edit)

    return Fault("weight", "Projection 'from exc'", "->", weight * (factor - 1), change)


def missing_synapse(random: Random, kind: str) -> Fault:
    pick = random.random()

    def change(plan: Plan) -> Plan:
        def edit(*lists: Any) -> Any:
            return tuple(np.delete(x, int(pick * x.size)) for x in lists)

        return _wired(plan, 0, edit)

    return Fault("missing synapse", "Projection 'from exc'", "->", -KINDS[kind][1][0], change)


def extra_synapse(random: Random, kind: str) -> Fault:
    pre, post, weight = random.randrange(40), random.randrange(40), KINDS[kind][1][0]

    def change(plan: Plan) -> Plan:
        def edit(*lists: Any) -> Any:
            # A delay that no other synapse has: beside one of the same it would be a weight.
            more = (pre, post, 0.7 * weight, 25)
            return tuple(np.append(x, y) for x, y in zip(lists, more, strict=True))

        return _wired(plan, 0, edit)

    return Fault("extra synapse", "Projection 'from exc'", "->", 0.7 * weight, change)


def other_receptor(random: Random, kind: str) -> Fault:
    place = random.randrange(3)

    def change(plan: Plan) -> Plan:
        p = plan.projections[place]
        other = 1 - p.post_receptor
        name = "inh" if p.receptor == "exc" else "exc"
        return _projection(plan, place, receptor=name, post_receptor=other)

    return Fault(
        "receptor", f"Projection '{NAMES[place]}'", "exc" if place else "inh", None, change
    )


def shifted_delays(random: Random, kind: str) -> Fault:
    place, n = random.randrange(3), random.choice([-2, -1, 1, 2])

    def change(plan: Plan) -> Plan:
        return _wired(plan, place, lambda pre, post, w, d: (pre, post, w, d + n))

    return Fault("delay", f"Projection '{NAMES[place]}'", "all", 0.1 * n, change)


def one_delay(random: Random, kind: str) -> Fault:
    n, pick = random.choice([-1, 1, 3]), random.random()

    def change(plan: Plan) -> Plan:
        def edit(pre: Any, post: Any, w: Any, d: Any) -> Any:
            d = d.copy()
            d[int(pick * d.size)] += n
            return pre, post, w, d

        return _wired(plan, 0, edit)

    return Fault("delay", "Projection 'from exc'", "->", 0.1 * n, change)


def strict_threshold(random: Random, kind: str) -> Fault:
    index = random.randrange(2)

    def change(plan: Plan) -> Plan:
        spec = plan.populations[index].spec
        assert spec is not None
        strict = sympy.StrictGreaterThan(*spec.threshold.args, evaluate=False)
        return _population(plan, index, spec=replace(spec, threshold=strict))

    part = f"Population '{'exc' if index == 0 else 'inh'}'"
    return Fault("threshold comparison", part, "> for >=", None, change)


def reset_first(random: Random, kind: str) -> Fault:
    index, order = random.randrange(2), random.choice(["before_reset", "after_reset"])

    def change(plan: Plan) -> Plan:
        spec = plan.populations[index].spec
        assert spec is not None
        return _population(plan, index, spec=replace(spec, arrivals=order))  # type: ignore[arg-type]

    part = f"Population '{'exc' if index == 0 else 'inh'}'"
    return Fault("reset order", part, order, None, change)


NAMES = ("from exc", "inh->exc", "inh->inh")


def _population(plan: Plan, index: int, **changes: Any) -> Plan:
    populations = list(plan.populations)
    populations[index] = replace(populations[index], **changes)
    return replace(plan, populations=tuple(populations))


def _projection(plan: Plan, place: int, **changes: Any) -> Plan:
    projections = list(plan.projections)
    projections[place] = replace(projections[place], **changes)
    return replace(plan, projections=tuple(projections))


def _wired(plan: Plan, place: int, edit: Any) -> Plan:
    c = enumerate_connections(plan.projections[place], plan.seed, plan.dt)
    pre, post, weight, delay = edit(c.pre_position, c.post_position, c.weight, c.delay_steps)
    return _projection(
        plan, place, rule="explicit", explicit_pre=pre, explicit_post=post, weight=weight,
        delay_steps=delay,
    )  # fmt: skip
