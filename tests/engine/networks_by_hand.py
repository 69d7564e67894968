"""A network of LIF neurons, one neuron, one synapse and one step at a time."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import neurosim as ns


@dataclass
class Neuron:
    """A LIF neuron with exponential currents ("exp") or delta synapses ("delta")."""

    kind: str
    p: dict[str, float]
    v: float
    dt: float
    exc: float = 0.0
    inh: float = 0.0
    held: int = 0

    def step(self, arriving: dict[str, float]) -> bool:
        """Advance by dt, by the closed form for currents that decay exponentially."""
        p, dt = self.p, self.dt
        active = self.held == 0
        if active:
            d = math.exp(-dt / p["tau_m"])
            v = p["E_L"] + p["I_e"] * p["tau_m"] / p["C_m"]
            v += (self.v - v) * d
            if self.kind == "exp":
                for current, tau in ((self.exc, p["tau_exc"]), (self.inh, p["tau_inh"])):
                    ts = tau * p["tau_m"] / (p["tau_m"] - tau)
                    v += current * ts / p["C_m"] * (d - math.exp(-dt / tau))
            self.v = v
        if self.kind == "exp":
            self.exc *= math.exp(-dt / p["tau_exc"])
            self.inh *= math.exp(-dt / p["tau_inh"])
            self.exc += arriving.get("exc", 0.0)
            self.inh += arriving.get("inh", 0.0)
        elif active:
            self.v += arriving.get("delta", 0.0)
        fired = active and self.v >= p["V_th"]
        self.held = max(self.held - 1, 0)
        if fired:
            self.v = p["V_reset"]
            self.held = round(p["t_ref"] / dt)
        return fired


@dataclass
class Trace:
    """What came out: (label, global id) of every spike, and V_m after each step."""

    spikes: list[tuple[int, int]] = field(default_factory=list)
    v: list[list[float]] = field(default_factory=list)


def run_by_hand(net: ns.Network, session: Any, n_steps: int) -> Trace:
    """Run `net` from the session's initial state, with the session's connections."""
    dt = session.dt
    neurons: dict[int, Neuron] = {}
    scheduled: dict[int, list[int]] = {}
    for population in net.populations.values():
        if getattr(population.model, "is_source", False):
            for k, train in enumerate(population.model.trains):
                for t in train:
                    scheduled.setdefault(round(float(t) / dt), []).append(population.offset + k)
            continue
        kind = "exp" if len(population.model.receptors) == 2 else "delta"
        start = session.get(population, "V_m")
        for k in range(population.size):
            values = {
                name: float(session.get(population, name)[k]) for name in population.parameters
            }
            neurons[population.offset + k] = Neuron(kind, values, float(start[k]), dt)
    outgoing: dict[int, list[tuple[int, int, str, float]]] = {}
    for projection in net.projections.values():
        c = session.connections(projection.name)
        for i, j, w, d in zip(c.pre, c.post, c.weight, c.delay, strict=True):
            pre, post = int(projection.pre.ids[i]), int(projection.post.ids[j])
            outgoing.setdefault(pre, []).append(
                (round(d / dt), post, projection.receptor, float(w))
            )
    arriving: dict[int, dict[int, dict[str, float]]] = {}
    trace = Trace()
    for label in range(1, n_steps + 1):
        due = arriving.pop(label, {})
        fired = [n for n, neuron in neurons.items() if neuron.step(due.get(n, {}))]
        fired += scheduled.get(label, [])
        for n in sorted(fired):
            trace.spikes.append((label, n))
            for delay, post, receptor, weight in outgoing.get(n, []):
                at = arriving.setdefault(label + delay, {}).setdefault(post, {})
                at[receptor] = at.get(receptor, 0.0) + weight
        trace.v.append([neurons[n].v for n in sorted(neurons)])
    return trace


def spikes_of(net: ns.Network, run: ns.Run) -> list[tuple[int, int]]:
    """All spikes of a run as (label, global id), sorted."""
    dt = run.provenance["dt"]
    found = []
    for name, record in run.spikes.items():
        offset = net.populations[name].offset
        found += [
            (round(t / dt), offset + int(k)) for t, k in zip(record.times, record.ids, strict=True)
        ]
    return sorted(found)


def same_bits(one: ns.Run, two: ns.Run) -> bool:
    """Whether spikes and states agree to the last bit."""
    return all(
        np.array_equal(one.spikes[k].times, two.spikes[k].times)
        and np.array_equal(one.spikes[k].ids, two.spikes[k].ids)
        for k in one.spikes
    ) and all(
        one.states[p][v].array.tobytes() == two.states[p][v].array.tobytes()
        for p in one.states
        for v in one.states[p]
    )
