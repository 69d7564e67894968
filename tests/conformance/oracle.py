"""A whole network by the letter of docs/semantics.md: one neuron, one synapse, one step at a time.

Connections, random drive and noise are given to it; what happens then is done here in plain Python.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import numpy as np

import neurosim as ns
from neurosim.describe.plasticity import PlasticityRule
from neurosim.describe.projection import INJECTED, INJECTED_SOURCE
from neurosim.engine.replay import Replay
from neurosim.engine.wiring import enumerate_connections
from neurosim.lower.lowering import lower
from neurosim.lower.plan import Plan, PlanPopulation
from tests.oracles import advance, after_reset, value_of
from tests.plasticity.oracle import Synapse, exponential, follow_steps


def of_neuron(values: Mapping[str, Any], k: int) -> dict[str, float]:
    """Return the values of neuron k where some are arrays."""
    return {name: float(v[k] if np.ndim(v) else v) for name, v in values.items()}


class Cell:
    """One neuron: its states, and for how many steps it is still held."""

    def __init__(self, population: PlanPopulation, k: int, dt: float) -> None:
        assert population.spec is not None
        self.spec = population.spec
        self.parameters = of_neuron(population.parameters, k)
        self.constants: dict[str, Any] = {
            **self.parameters,
            **self.spec.constants(self.parameters, dt),
        }
        self.state = of_neuron(population.initial, k)
        steps: Any = population.refractory_steps
        self.hold = int(steps[k] if np.ndim(steps) else steps)
        self.held = 0
        self.dt = dt

    def step(
        self, arriving: Mapping[str, float], inputs: Mapping[str, float], normals: Any, uniform: Any
    ) -> int:
        """Do one step and return the number of spikes."""
        spec = self.spec
        active = self.held == 0
        pulses = {r.target: arriving.get(r.name, 0.0) for r in spec.receptors if r.kind == "pulse"}
        new = advance(
            spec, self.state, self.parameters, self.dt, inputs={**inputs, **pulses}, active=active,
            normals=normals, constants=self.constants,
        )  # fmt: skip
        for receptor in spec.receptors:
            lost = receptor.target in spec.clamped and not active
            if receptor.kind == "jump" and not lost:
                new[receptor.target] += arriving.get(receptor.name, 0.0)
        self.held = max(self.held - 1, 0)
        spikes = 0
        if active and self.fires({**self.constants, **inputs, **new}, uniform):
            spikes = 1
            if spec.multiplicity is not None:
                spikes = round(value_of(spec.multiplicity, {**self.constants, **new}))
            new = after_reset(spec, new, self.constants)
            self.held = self.hold
        self.state = new
        return spikes

    def fires(self, names: Mapping[str, float], uniform: Any) -> bool:
        """Whether the threshold is reached, or chance decides so."""
        if self.spec.hazard is not None:
            return bool(uniform < -math.expm1(-value_of(self.spec.hazard, names) * self.dt))
        return self.spec.threshold is not None and bool(value_of(self.spec.threshold, names))


class Unit:
    """One of the binary units of a population, asked in the order of the units or all together.

    Each is asked once in a step at most, and none before one with a smaller number.
    """

    def __init__(self, population: PlanPopulation, k: int, plan: Plan, group: list[Unit]) -> None:
        assert population.spec is not None
        assert population.binary is not None
        self.spec, self.model, self.k, self.group = population.spec, population.binary, k, group
        self.parameters = of_neuron(population.parameters, k)
        self.state = of_neuron(population.initial, k)
        self.size, self.dt, self.steps = population.size, plan.dt, 0
        self.before: list[float] = []
        self.weight = np.zeros(population.size)
        for c in plan.recurrences:
            here = c.post == population.offset + k
            np.add.at(self.weight, c.pre[here] - population.offset, c.weight[here])
        for memory in plan.memories:
            if memory.population == population.index:
                entries = memory.patterns.dense().astype(float)
                self.weight += memory.weight * entries[:, k] @ entries / population.size
                self.weight[k] -= memory.weight * entries[:, k] @ entries[:, k] / population.size
        group.append(self)

    def step(
        self, arriving: Mapping[str, float], inputs: Mapping[str, float], normals: Any, uniform: Any
    ) -> int:
        """Do one step; there are no spikes."""
        together = self.model.update == "synchronous"
        if self.k == 0:
            for unit in self.group:
                unit.before = [other.state["s"] for other in self.group]
        first, last = (round(n * self.dt * self.size) for n in (self.steps, self.steps + 1))
        asked = any(turn % self.size == self.k for turn in range(first, last))
        if together:
            first, last = (int(n * self.dt + 1e-6) for n in (self.steps, self.steps + 1))
            asked = last > first
        self.steps += 1
        states = self.before if together else [unit.state["s"] for unit in self.group]
        h = float(self.weight @ states) + self.parameters["bias"] + inputs["field"]
        h += self.state.get("h_spikes", 0.0)
        low, high = self.model.values
        if asked and h != 0:
            self.state = {**self.state, "s": float(high if h > 0 else low)}
        if "h_spikes" in self.state:
            decay = math.exp(-self.dt / self.parameters["tau_spikes"])
            field = decay * self.state["h_spikes"] + arriving.get("spikes", 0.0)
            self.state = {**self.state, "h_spikes": field}
        return 0


class Learning:
    """A plastic synapse with a dendritic delay: its whole past is gone through at every spike."""

    def __init__(self, rule: PlasticityRule, weight: float, delay: int, dt: float) -> None:
        assert (rule.delay, rule.coincidence) == ("dendritic", "none")
        names = {**rule.parameters}
        flows = rule.program.flows.items()
        self.ways = {
            name: exponential(-1 / float(value_of(f.rate, names)), float(value_of(f.level, names)))
            for name, f in flows
        }
        self.rule, self.weight, self.delay, self.dt = rule, weight, delay, dt
        self.spikes: list[int] = []

    def carried(self, label: int, of_target: list[int]) -> float:
        """Return what a presynaptic spike carries."""
        self.spikes.append(label)
        synapse = Synapse(self.rule, self.weight, self.ways)
        pre = [k * self.dt for k in self.spikes]
        post = [(k + self.delay) * self.dt for k in of_target]
        synapse.follow(pre, post, label * self.dt)
        return synapse.carried[-1]


class Following:
    """A plastic synapse that follows its neuron, or modulators: an axonal delay of one step."""

    def __init__(self, rule: PlasticityRule, weight: float, delay: int, dt: float) -> None:
        assert (rule.delay, delay) == ("axonal", 1)
        self.rule, self.weight, self.dt = rule, weight, dt
        self.arrivals: list[int] = []
        self.ways = {
            name: exponential(
                -1 / float(value_of(f.rate, rule.parameters)),
                float(value_of(f.level, rule.parameters)),
            )
            for name, f in rule.program.flows.items()
        }

    def later(self, kind: str, names: Mapping[str, Any]) -> dict[str, float]:
        """Return what is followed, of one kind."""
        numbers = {n: x for n, x in names.items() if isinstance(x, (int, float))}
        found: dict[str, float] = {}
        for f in self.rule.program.followed:
            if f.kind == kind:
                found[f.name] = float(value_of(f.expression, numbers | found))
        return found

    def carried(
        self, label: int, of_target: list[int], modulated: list[int], states: Mapping[str, Any]
    ) -> float:
        """Return what a presynaptic spike carries: it arrives a step later, when less is known."""
        self.arrivals.append(label + 1)
        _, carried, _ = follow_steps(
            self.rule, self.weight, self.dt, label + 1, arrivals=self.arrivals, fired=of_target,
            modulated=modulated, states={n: [*course, 0.0] for n, course in states.items()},
            advance=lambda old, _: self.later("variable", old),
            expressions=lambda now: self.later("expression", now), decay=self.ways,
        )  # fmt: skip
        return carried[-1]


class Outcome:
    """What a network did.

    Attributes
    ----------
    spikes : dict
        Population -> list of (label, id), ascending.
    states : dict
        (population, variable) -> (n_steps + 1, size), the first row at the start.
    """

    def __init__(self) -> None:
        self.spikes: dict[str, list[tuple[int, int]]] = defaultdict(list)
        self.states: dict[tuple[str, str], Any] = {}
        self.pasts: dict[tuple[str, str], tuple[Any, Any]] = {}


def read(outcome: Outcome, names: Any, place: Any, state: str, step: int, delay: float) -> float:
    """Return a state some steps ago: on straight lines; before the start what was told of it."""
    told = outcome.pasts.get((names[place[0]], state))
    if told is not None and delay > step:
        return float(np.interp(step - delay, told[0], told[1][:, place[1]]))
    past = outcome.states[names[place[0]], state][: step + 1, place[1]]
    return float(np.interp(step - delay, np.arange(step + 1), past))


def add_pairs(
    coupled: dict[Any, float], coupling: Any, outcome: Outcome, names: Any, where: Any, step: int,
    dt: float,
) -> None:  # fmt: skip
    """Add what a coupling function brings to every neuron."""
    pair, sums = coupling.pair, defaultdict[Any, float](float)
    for c, (i, j, weight) in enumerate(
        zip(coupling.pre, coupling.post, coupling.weight, strict=True)
    ):
        source, target = where[int(i)], where[int(j)]
        delay = 0.0 if coupling.delay is None else coupling.delay[c] / dt
        given = of_neuron(coupling.parameters, c)
        given |= {f"{s}_pre": read(outcome, names, source, s, step, delay) for s in pair.pre}
        given |= {f"{s}_post": read(outcome, names, target, s, step, 0.0) for s in pair.post}
        sums[target] += weight * float(value_of(pair.expression, given))
    for target in (where[int(k)] for k in coupling.targets):
        value = total = sums[target]
        if pair.total is not None:
            value = value_of(pair.total, {**of_neuron(coupling.parameters, 0), "total": total})
        coupled[target, coupling.coupling] += value


def simulate(
    network: ns.Network,
    n_steps: int,
    dt: float,
    inputs: Mapping[str, Any] | None = None,
    trial: int = 0,
) -> Outcome:
    """Simulate a network from its start.

    Parameters
    ----------
    inputs : mapping, optional
        ``Input`` population -> array (n_steps, size).
    """
    plan = lower(network, dt)
    chunk = Replay(plan, trial).next(n_steps)
    outcome = Outcome()
    names = [p.name for p in plan.populations]
    where = {
        p.offset + k: (p.index, k) for p in plan.populations for k in range(p.size)
    }  # global id -> place
    groups: dict[int, list[Unit]] = defaultdict(list)
    cells: dict[tuple[int, int], Any] = {
        (p.index, k): Cell(p, k, dt) if p.binary is None else Unit(p, k, plan, groups[p.index])
        for p in plan.populations
        if p.spec is not None
        for k in range(p.size)
    }
    synapses: dict[tuple[int, int], list[Any]] = defaultdict(list)
    modulators: dict[Following, list[tuple[int, int]]] = {}
    for projection in plan.projections:
        found = enumerate_connections(projection, plan.seed, dt)
        assert projection.release == 1, "whether a synapse fails is not given to the oracle"
        for i, j, weight, delay in zip(
            found.pre_position, found.post_position, found.weight, found.delay_steps, strict=True
        ):
            target = where[int(projection.post[j])]
            source = where[int(projection.pre[i])]
            rule = projection.plasticity
            what: Any = float(weight)
            if rule is not None:
                kind = Following if rule.program.followed else Learning
                what = kind(rule, float(weight), int(delay), dt)
            if isinstance(what, Following) and projection.modulators is not None:
                modulators[what] = [where[int(k)] for k in projection.modulators]
            synapses[source].append((target, projection.receptor, what, int(delay)))
    emitted: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for index, (labels, ids) in chunk.trains.items():
        for label, k in zip(labels, ids, strict=True):
            emitted[int(label)].append((index, int(k)))
    for name, array in (inputs or {}).items():
        if network.populations[name].model.kind == "spikes":
            for step, k in zip(*np.nonzero(array), strict=True):
                spikes = [(names.index(name), int(k))] * int(array[step, k])
                emitted[int(step) + 1] += spikes
    for p in plan.populations:
        for state in p.spec.states if p.spec is not None else ():
            rows = np.zeros((n_steps + 1, p.size))
            rows[0] = [cells[p.index, k].state[state] for k in range(p.size)]
            outcome.states[p.name, state] = rows
        for state, past in p.past.items():
            outcome.pasts[p.name, state] = past.times / dt, past.values
    labels_of: dict[tuple[int, int], list[int]] = defaultdict(list)
    due: dict[int, dict[Any, float]] = defaultdict(lambda: defaultdict(float))
    for step in range(n_steps):
        label = step + 1
        before = {place: dict(cell.state) for place, cell in cells.items()}
        coupled: dict[Any, float] = defaultdict(float)
        for coupling in plan.couplings:
            delays = np.zeros(coupling.pre.size) if coupling.delay is None else coupling.delay
            for i, j, weight, delay in zip(
                coupling.pre, coupling.post, coupling.weight, delays, strict=True
            ):
                source, target = where[int(i)], where[int(j)]
                if coupling.source == INJECTED_SOURCE:
                    value = float((inputs or {})[names[source[0]]][step, source[1]])
                    inlet = coupling.coupling
                    coupled[target, "I_injected" if inlet == INJECTED else inlet] += weight * value
                    continue
                if coupling.pair is not None:
                    continue
                value = read(outcome, names, source, coupling.source, step, delay / dt)
                kinds = {c.name: c.kind for c in cells[target].spec.couplings}
                if kinds[coupling.coupling] == "diffusive":
                    value -= before[target][coupling.source]
                coupled[target, coupling.coupling] += weight * value
        for coupling in plan.couplings:
            if coupling.pair is not None:
                add_pairs(coupled, coupling, outcome, names, where, step, dt)
        fired = list(emitted[label])
        for place, cell in cells.items():
            index, k = place
            arriving = {r.name: due[label][place, r.name] for r in cell.spec.receptors}
            for receptor in arriving:
                if (index, receptor) in chunk.arrivals:
                    arriving[receptor] += chunk.arrivals[index, receptor][step, k]
            given = {c.symbol: coupled[place, c.name] for c in cell.spec.couplings}
            given["I_injected"] = coupled[place, "I_injected"]
            if index in chunk.injected:
                given["I_injected"] += chunk.injected[index][step, k]
            normals = chunk.normals[index][step, :, k] if index in chunk.normals else ()
            uniform = chunk.uniforms[index][step, k] if index in chunk.uniforms else None
            fired += [place] * cell.step(arriving, given, normals, uniform)
            for state, value in cell.state.items():
                outcome.states[names[index], state][label, k] = value
        for place in fired:
            labels_of[place].append(label)
        for place in fired:
            outcome.spikes[names[place[0]]].append((label, place[1]))
            for target, receptor, weight, delay in synapses[place]:
                if isinstance(weight, Learning):
                    weight = weight.carried(label, labels_of[target])
                if isinstance(weight, Following):
                    course = {
                        f"{state}_post": outcome.states[names[target[0]], state][
                            : label + 1, target[1]
                        ]
                        for state in weight.rule.program.states["post"]
                    }
                    modulated = [n for k in modulators.get(weight, ()) for n in labels_of[k]]
                    weight = weight.carried(label, labels_of[target], modulated, course)
                due[label + delay][target, receptor] += weight
        due.pop(label, None)
    for spikes in outcome.spikes.values():
        spikes.sort()
    return outcome
