"""A Plan as objects of Brian2: groups, synapses, monitors, in neurosim's order of a step.

Brian2 labels a spike with the start of the step in which it happens, neurosim with its end. Its
own schedule tests thresholds before arrivals are added and holds a reset neuron one step less.
Here the schedule is groups, synapses, thresholds, resets; delays are one step shorter, since a
spike of one step is seen by the synapses of the next; and the refractory time is one step longer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from neurosim.describe.plasticity import PlasticityRule
from neurosim.describe.projection import INJECTED
from neurosim.describe.sources import Input
from neurosim.engine.wiring import enumerate_connections
from neurosim.lower.plan import Floats, Ints, Plan, PlanCoupling, PlanPopulation, PlanProjection
from neurosim_backends.brian2.binding import brian2, reserved_names
from neurosim_backends.brian2.equations import (
    MULTIPLICITY_BITS,
    Brian2Model,
    Feed,
    translate,
)
from neurosim_backends.brian2.learning import Learner, carries_along
from neurosim_backends.brian2.learning import translate as translate_rule
from neurosim_backends.brian2.updaters import updater

SCHEDULE = ["start", "groups", "synapses", "thresholds", "resets", "end"]

RELAY_LIMIT = 256
"""Most spikes that one neuron of a relaying model may emit in one step."""

_CHANGING = ("lastspike", "not_refractory")
"""What a NeuronGroup changes besides its states and the lists of its events."""

Declare = Callable[[int, Feed, str], tuple[str, Mapping[str, Any]]]
"""(population, feed, name) -> the line that declares what is fed, and what its namespace needs."""


Train = tuple[Ints, Ints]
"""Labels of spikes, the steps at whose end they occur, and local ids; ascending."""

SPIKES: Feed = ("spikes",)
EMITTED = "emitted"
"""Name of the number of spikes that a source emits in a step."""

_SILENCE: Train = (np.empty(0, np.int64), np.empty(0, np.int64))


def layered(labels: Ints, ids: Ints, size: int) -> list[Train]:
    """Split trains in which a neuron may spike several times in a step, by the bits of how often.

    Entry b holds each (step, neuron) whose number of spikes has bit b.
    """
    keys, many = np.unique(labels * size + ids, return_counts=True)
    found: list[Train] = []
    bit = 0
    while bit == 0 or np.any(many >> bit):
        mine = keys[(many >> bit) & 1 == 1]
        found.append((mine // size, mine % size))
        bit += 1
    return found


@dataclass(frozen=True)
class Room:
    """What plastic synapses have to have room for, of one presynaptic population.

    Attributes
    ----------
    at_once : int
        Most spikes that one neuron emits in a step.
    on_the_way : int
        Most spikes of one neuron within the longest delay.
    """

    at_once: int = 1
    on_the_way: int = 1

    def __or__(self, other: Room) -> Room:
        return Room(max(self.at_once, other.at_once), max(self.on_the_way, other.on_the_way))


@dataclass
class Layers:
    """A source of spikes: group b emits those that count 2**b.

    Brian2 has one spike per neuron and step at most. What a neuron emits beyond that is told by
    further groups, whose synapses weigh twice, four times, ... as much.
    """

    groups: list[Any] = field(default_factory=list)
    projections: list[int] = field(default_factory=list)


class Brian2Network:
    """The objects of a network.

    Parameters
    ----------
    plan : Plan
    declare : callable
        How numbers from outside enter.
    trains : mapping
        Source -> its spikes, a Train for each of its groups (`layered`); others have one group,
        and are silent so far.
    functions : mapping
        Function of sympy -> Function of Brian2 that takes the place of Brian2's own.
    room : mapping
        Source with plastic synapses -> Room; others have room for one spike.
    weights : mapping
        Place of a plastic projection -> weights to begin with, if not those of the plan.

    Attributes
    ----------
    network, clock
        Brian2's.
    groups : dict
        Population of neurons, or that emits a current -> NeuronGroup.
    models : dict
        Population of neurons -> Brian2Model.
    sources : dict
        Population that emits spikes -> Layers.
    synapses : dict
        All Synapses, by what they are.
    monitors : dict
        Population -> SpikeMonitor.
    emitters : dict
        Source with plastic synapses -> NeuronGroup that emits all its spikes, and is fed their
        number; `sources` has those for static synapses.
    learning : dict
        Place of a plastic projection -> its synapses, by populations of both sides.
    """

    def __init__(
        self, plan: Plan, declare: Declare, trains: Mapping[int, list[Train]],
        functions: Mapping[str, Any] | None = None, room: Mapping[int, Room] | None = None,
        weights: Mapping[int, Floats] | None = None,
    ) -> None:  # fmt: skip
        self.plan = plan
        self.room = dict(room or {})
        self._weights = dict(weights or {})
        self.emitters: dict[int, Any] = {}
        self.learning: dict[int, list[Learnt]] = {}
        self._functions = dict(functions or {})
        self._declare = declare
        b = brian2()
        self.step_seconds = plan.dt * 1e-3
        self.clock = b.Clock(dt=self.step_seconds * b.second, name="neurosim_clock*")
        self.network = b.Network(name="neurosim_network*")
        self.network.schedule = SCHEDULE
        self.groups: dict[int, Any] = {}
        self.models: dict[int, Brian2Model] = {}
        self.sources: dict[int, Layers] = {}
        self.synapses: dict[tuple[Any, ...], Any] = {}
        self.monitors: dict[int, Any] = {}
        self._wired: dict[int, Any] = {}
        self._taken: dict[tuple[int, str], int] = {}
        for p in plan.populations:
            if p.spec is not None:
                self._neurons(p)
            elif isinstance(p.source, Input) and p.source.kind == "current":
                self._current(p)
            else:
                self.sources[p.index] = Layers()
        for projection in plan.projections:
            self._projection(projection)
        for coupling in plan.couplings:
            self._coupling(coupling)
        for index in self.sources:
            for layer in trains.get(index) or [_SILENCE]:
                self.add_layer(index, layer)
        for index in {r.population for r in plan.recorders if r.variable == "spikes"}:
            if index in self.groups:
                self._monitor(index)

    def add(self, thing: Any) -> Any:
        """Put an object into the network and return it."""
        self.network.add(thing)
        return thing

    # --- populations --------------------------------------------------------------------------

    def _neurons(self, p: PlanPopulation) -> None:
        b = brian2()
        assert p.spec is not None
        model = self.models[p.index] = self.translate(p)
        namespace: dict[str, Any] = {**model.constants}
        namespace.update({f"fast_{name}": f for name, f in self._functions.items()})
        lines = list(model.equations)
        for feed, name in model.feeds.items():
            line, more = self._declare(p.index, feed, name)
            lines.append(line)
            namespace.update(more)
        events = {}
        if model.copies is not None:
            # Which bit of the number of copies an event stands for.
            for k in range(MULTIPLICITY_BITS):
                odd = f"floor({model.copies_name}/{2**k}) % 2 == 1"
                events[f"copies_{2**k}"] = f"{model.threshold} and ({odd})"
        method: Any = "euler"
        if model.method:
            method = updater(model.method, model.solved, model.normals)
        extra = {"refractory": model.refractory} if model.refractory else {}
        group = b.NeuronGroup(
            p.size, "\n".join(lines), method=method, threshold=model.threshold,
            reset=model.reset if model.threshold else None, events=events,
            clock=self.clock, name=f"neurosim_{_word(p.name)}*", namespace=namespace, **extra,
        )  # fmt: skip
        self.groups[p.index] = self.add(group)
        for name, value in p.parameters.items():
            self.variable(p.index, name).set_value(value)
        for name in p.spec.states:
            self.variable(p.index, name).set_value(p.initial[name])
        if model.refractory:
            self.hold(p.index, p.refractory_steps)
        for receptor, pulse in model.pulses.items():
            drive = model.feeds.get(("drive", receptor), "0")
            group.run_regularly(f"{pulse} = {drive}", when="start", order=-10)
        for receptor, state in model.jumps.items():
            if ("drive", receptor) in model.feeds:
                arrived = model.feeds["drive", receptor]
                # Brian2 itself writes no variable (unless refractory) of a refractory neuron.
                group.run_regularly(f"{state} += {arrived}", when="synapses", order=10)
        if model.copies is not None:
            group.run_regularly(
                f"{model.copies_name} = {model.copies}", when="before_thresholds", order=-1
            )
        self._watch(group, p, model)

    def _watch(self, group: Any, p: PlanPopulation, model: Brian2Model) -> None:
        """Note the step in which a state leaves the finite numbers, before it is reset."""
        assert p.spec is not None
        single = brian2().prefs.core.default_float_dtype == np.float32
        largest = 3.4e38 if single else 1.79e308
        fine = [f"abs({model.variables[s]}) <= {largest:g}" for s in p.spec.states]
        if model.copies is not None:
            fine.append(f"abs({model.copies_name} - {RELAY_LIMIT / 2}) <= {RELAY_LIMIT / 2}")
        if fine:
            bad = f"int(not ({' and '.join(fine)}))"
            group.run_regularly(
                f"{model.lost} += int({model.lost} == 0)*{bad}*(t_in_timesteps + 1)",
                when="before_thresholds", order=1,
            )  # fmt: skip

    def translate(self, p: PlanPopulation) -> Brian2Model:
        """Return the model of a population as it is used in this network."""
        assert p.spec is not None
        driven = frozenset(d.receptor for d in self.plan.drives if _meet(d.ids, p))
        counts: dict[str, int] = {}
        for c in self.plan.couplings:
            for _ in _sources_of(self.plan, c, p):
                counts[c.coupling] = counts.get(c.coupling, 0) + 1
        injected = any(_meet(i.ids, p) for i in self.plan.injections)
        return translate(
            p.spec, p.parameters, driven=driven, injected=injected,
            currents=counts.pop(INJECTED, 0), couplings=counts, reserved=reserved_names(),
            functions={name: f"fast_{name}" for name in self._functions},
        )  # fmt: skip

    def _current(self, p: PlanPopulation) -> None:
        line, namespace = self._declare(p.index, ("current",), "current")
        group = brian2().NeuronGroup(
            p.size, line, clock=self.clock, name=f"neurosim_{_word(p.name)}*", namespace=namespace,
        )  # fmt: skip
        self.groups[p.index] = self.add(group)

    def hold(self, index: int, steps: Any) -> None:
        """Set the refractory time of a population, in steps of neurosim."""
        group, name = self.groups[index], self.models[index].hold
        group.variables[name].set_value((np.asarray(steps) + 1) * self.step_seconds)

    def variable(self, index: int, name: str) -> Any:
        """Return Brian2's variable of a state or parameter."""
        return self.groups[index].variables[self.models[index].variables[name]]

    @property
    def now(self) -> int:
        """Steps done."""
        return int(self.clock.variables["timestep"].get_value().item())

    def events(self) -> list[tuple[Any, int]]:
        """Return every list of events of the present step, and how many it holds.

        Brian2 empties them at the end of a run, but those of the last step are still to be
        delivered when the run goes on.
        """
        return [
            (row, int(row[-1]))
            for _, owner in self._owners()
            for name, variable in owner.variables.items()
            if name.endswith("space")
            for row in (variable.get_value(),)
        ]

    def state(self) -> dict[tuple[Any, ...], Any]:
        """Return everything that a run changes, spikes on their way included."""
        found: dict[tuple[Any, ...], Any] = {}
        for name in ("t", "timestep"):
            found["clock", name] = self.clock.variables[name].get_value().copy()
        for key, owner in self._owners():
            for name, variable in owner.variables.items():
                if name in _CHANGING or name.endswith("space"):
                    found[*key, name] = variable.get_value().copy()
        for index, model in self.models.items():
            p = self.plan.populations[index]
            assert p.spec is not None
            for name in p.spec.states:
                found["state", index, name] = self.variable(index, name).get_value().copy()
            for own in (model.lost, model.refractory):
                if own:
                    value = self.groups[index].variables[own].get_value()
                    found["own", index, own] = value.copy()
        for key, synapses in self.synapses.items():
            for pathway in synapses._pathways:
                found["queue", *key, pathway.objname] = pathway.queue._full_state()
        for number, several in self.learning.items():
            for k, learnt in enumerate(several):
                for name in learnt.kept:
                    value = learnt.synapses.variables[name].get_value()
                    found["synaptic", number, k, name] = value.copy()
        found["layers",] = {index: len(s.groups) for index, s in self.sources.items()}
        return found

    def restore(self, state: Mapping[tuple[Any, ...], Any]) -> None:
        """Put back what `state` returned, perhaps of another network of the same plan."""
        for index, n in state["layers",].items():
            while len(self.sources[index].groups) < n:
                self.add_layer(index)
        self.network.run(0 * brian2().second, namespace={})
        for name in ("t", "timestep"):
            self.clock.variables[name].set_value(state["clock", name])
        self.network.t_ = float(state["clock", "t"].item())
        for key, owner in self._owners():
            for name, variable in owner.variables.items():
                if (*key, name) in state:
                    variable.set_value(state[*key, name])
        for index, model in self.models.items():
            p = self.plan.populations[index]
            assert p.spec is not None
            for name in p.spec.states:
                self.variable(index, name).set_value(state["state", index, name])
            for own in (model.lost, model.refractory):
                if own:
                    self.groups[index].variables[own].set_value(state["own", index, own])
        for number, several in self.learning.items():
            for k, learnt in enumerate(several):
                for name in learnt.kept:
                    if ("synaptic", number, k, name) in state:
                        value = state["synaptic", number, k, name]
                        learnt.synapses.variables[name].set_value(value)
        for key, synapses in self.synapses.items():
            for pathway in synapses._pathways:
                # There may be more pathways than before, for more spikes in a step.
                if ("queue", *key, pathway.objname) in state:
                    waiting = state["queue", *key, pathway.objname]
                    pathway.queue._restore_from_full_state(waiting)

    def _owners(self) -> list[tuple[tuple[Any, ...], Any]]:
        found: list[tuple[tuple[Any, ...], Any]] = [
            (("group", index), group) for index, group in self.groups.items()
        ]
        for index, layers in self.sources.items():
            found += [(("layer", index, k), group) for k, group in enumerate(layers.groups)]
        found += [(("emitter", index), group) for index, group in self.emitters.items()]
        return found

    def spikes(self, index: int) -> Train:
        """Return what the monitor of a population holds."""
        monitor, model = self.monitors[index], self.models[index]
        labels = np.rint(np.asarray(monitor.t_) / self.step_seconds).astype(np.int64) + 1
        ids = np.asarray(monitor.i[:], np.int64)
        if model.copies is not None:
            many = np.rint(getattr(monitor, model.copies_name)[:]).astype(np.int64)
            labels, ids = np.repeat(labels, many), np.repeat(ids, many)
        return labels, ids

    def replaced(self) -> list[tuple[str, str, str]]:
        """Return (population, Brian2's method, ours) where Brian2's `exact` has no closed form."""
        found = []
        for index, model in self.models.items():
            p = self.plan.populations[index]
            assert p.spec is not None
            if p.spec.method == "exact" and model.method == "rk4":
                found.append((p.name, "rk4", "exact"))
        return found

    @property
    def methods(self) -> dict[str, str]:
        """Population -> Brian2's state updater, and of which states another one."""
        found = {}
        for index, model in self.models.items():
            also = f", exact for {', '.join(sorted(model.solved))}" if model.solved else ""
            found[self.plan.populations[index].name] = f"{model.method or 'none'}{also}"
        return found

    def _monitor(self, index: int) -> None:
        model = self.models.get(index)
        more = [model.copies_name] if model is not None and model.copies is not None else None
        if model is not None and model.threshold:
            group = self.groups[index]
            monitor = brian2().SpikeMonitor(group, variables=more, name="neurosim_spikes*")
            self.monitors[index] = self.add(monitor)

    def add_layer(self, index: int, train: Train | None = None) -> None:
        """Give a source one more group, with its synapses, and spikes."""
        labels, ids = train or _SILENCE
        b = brian2()
        layers = self.sources[index]
        layer = len(layers.groups)
        weighs = 2**layer
        group = b.SpikeGeneratorGroup(
            self.plan.populations[index].size, ids, (labels - 1) * self.step_seconds * b.second,
            clock=self.clock, name=f"neurosim_{_word(self.plan.populations[index].name)}*",
        )  # fmt: skip
        layers.groups.append(self.add(group))
        for number in layers.projections:
            projection = self.plan.projections[number]
            for found in self._pairs(projection):
                if found.pre == index:
                    told = {"pre": "spike"}
                    self._synapses(projection, found, group, {"pre": weighs}, told, layer)

    # --- connections --------------------------------------------------------------------------

    def _projection(self, projection: PlanProjection) -> None:
        place = self.plan.projections.index(projection)
        if projection.plasticity is not None:
            self.learning[place] = [
                self._learning(projection, found, place) for found in self._pairs(projection)
            ]
            return
        for found in self._pairs(projection):
            if found.pre in self.sources:
                if place not in self.sources[found.pre].projections:
                    self.sources[found.pre].projections.append(place)
                continue
            model = self.models[found.pre]
            weighs, events = {"pre": 1}, {"pre": "spike"}
            if model.copies is not None:
                weighs = {f"pre_{2**k}": 2**k for k in range(MULTIPLICITY_BITS)}
                events = {f"pre_{2**k}": f"copies_{2**k}" for k in range(MULTIPLICITY_BITS)}
            self._synapses(projection, found, self.groups[found.pre], weighs, events)

    def _pairs(self, projection: PlanProjection) -> list[_Pair]:
        """Return the connections of a projection by populations of both sides."""
        if projection.index in self._wired:
            return self._wired[projection.index]  # type: ignore[no-any-return]
        listed = enumerate_connections(projection, self.plan.seed, self.plan.dt)
        pre, post = projection.pre[listed.pre_position], projection.post[listed.post_position]
        pairs = _split(self.plan, pre, post, listed.weight, listed.delay_steps)
        if any(p.pre in self.sources for p in pairs):
            self._wired[projection.index] = pairs  # a source may get more layers
        return pairs

    def _synapses(
        self, projection: PlanProjection, found: _Pair, source: Any, weighs: dict[str, int],
        events: dict[str, str], layer: int = 0,
    ) -> None:  # fmt: skip
        b = brian2()
        model = self.models[found.post]
        receptor = projection.receptor
        target = model.pulses.get(receptor) or model.jumps[receptor]
        w = _weight_name(source, self.groups[found.post])
        codes = {
            name: f"{target}_post += " + (f"{factor}*" if factor > 1 else "") + f"{w}"
            for name, factor in weighs.items()
        }
        assert found.delay_steps is not None
        later = (found.delay_steps - 1) * self.step_seconds
        same = bool(np.all(later == later[0]))
        synapses = b.Synapses(
            source, self.groups[found.post], f"{w} : 1 (constant)", on_pre=codes, on_event=events,
            clock=self.clock, name=f"neurosim_{_word(projection.name)}*", namespace={},
            delay={name: later[0] * b.second for name in codes} if same else None,
        )  # fmt: skip
        synapses.connect(i=found.pre_ids, j=found.post_ids)
        setattr(synapses, w, found.weight)
        for name in codes:
            pathway = getattr(synapses, name)
            if not same:
                pathway.delay = later * b.second
            if receptor in model.pulses:
                # A pulse is what arrives in a step, and the states of that step read it.
                pathway.when = "start"
        self.synapses[projection.name, found.pre, found.post, layer] = self.add(synapses)

    def _emitter(self, index: int) -> Any:
        """Return what emits the spikes of a population to plastic synapses."""
        if index not in self.sources:
            return self.groups[index]
        if index not in self.emitters:
            p, b = self.plan.populations[index], brian2()
            line, namespace = self._declare(index, SPIKES, EMITTED)
            many = range(2, self.room.get(index, Room()).at_once + 1)
            group = b.NeuronGroup(
                p.size, line, threshold=f"{EMITTED} >= 1", reset="", namespace=dict(namespace),
                events={f"spike_{k}": f"{EMITTED} >= {k}" for k in many}, clock=self.clock,
                name=f"neurosim_{_word(p.name)}*",
            )  # fmt: skip
            self.emitters[index] = self.add(group)
        return self.emitters[index]

    def _on_the_way(self, found: _Pair) -> int:
        """Return how many spikes of one neuron may be on their way to plastic synapses."""
        if found.pre in self.sources:
            return self.room.get(found.pre, Room()).on_the_way
        assert found.delay_steps is not None
        p = self.plan.populations[found.pre]
        shortest = max(1, int(np.min(p.refractory_steps)))
        return -(-int(found.delay_steps.max()) // shortest)

    def _learning(self, projection: PlanProjection, found: _Pair, place: int) -> Learnt:
        """Make plastic synapses between two populations."""
        b = brian2()
        rule, model = projection.plasticity, self.models[found.post]
        assert rule is not None
        assert found.delay_steps is not None
        source, target = self._emitter(found.pre), self.groups[found.post]
        receptor = projection.receptor
        room = self.room.get(found.pre, Room())
        learner = translate_rule(
            rule, model.pulses.get(receptor) or model.jumps[receptor],
            self._largest(projection, rule), copies=room.at_once,
            on_the_way=self._on_the_way(found) if carries_along(rule) else 1,
            taken=frozenset({*source.variables, *target.variables, *reserved_names()}),
            functions={name: f"fast_{name}" for name in self._functions},
        )  # fmt: skip
        namespace: dict[str, Any] = {**learner.constants}
        namespace.update({f"fast_{name}": f for name, f in self._functions.items()})
        codes: dict[str, dict[str, str]] = {"pre": {}, "post": {}}
        for way in learner.pathways:
            codes[way.side][way.name] = way.code
        synapses = b.Synapses(
            source, target, "\n".join(learner.equations), on_pre=codes["pre"],
            on_post=codes["post"] or None, clock=self.clock, namespace=namespace,
            on_event={w.name: "spike" if w.spike == 1 else f"spike_{w.spike}"
                      for w in learner.pathways},
            name=f"neurosim_{_word(projection.name)}*",
        )  # fmt: skip
        synapses.connect(i=found.pre_ids, j=found.post_ids)
        weights = self._weights.get(place)
        setattr(synapses, learner.weight, found.weight if weights is None else weights[found.where])
        for name, value in learner.initial.items():
            setattr(synapses, name, value)
        if learner.decays:
            # What happens in the first step happens one step after the start, at Brian2's time 0.
            synapses.lastupdate = -self.step_seconds * b.second
        for way in learner.pathways:
            pathway = getattr(synapses, way.name)
            steps = (found.delay_steps if way.delayed else 0) + way.lag
            same = np.unique(steps)
            pathway.delay = (same[0] if same.size == 1 else steps) * self.step_seconds * b.second
            arrives = "start" if receptor in model.pulses else "synapses"
            pathway.when, pathway.order = way.when or arrives, way.order
        self.synapses[projection.name, found.pre, found.post, 0] = self.add(synapses)
        return Learnt(found, synapses, learner)

    def _largest(self, projection: PlanProjection, rule: PlasticityRule) -> float:
        """Return the most that a synapse may carry, as our core bounds it."""
        low, high = rule.bounds
        drawn = [np.max(np.abs(found.weight)) for found in self._pairs(projection)]
        most = max(abs(low), abs(high)) if rule.program.changes_weight else max(drawn, default=0.0)
        return float(most) * rule.max_effect

    def synaptic(self, number: int, name: str, step: int) -> Floats:
        """Return a variable of plastic synapses after a step, in the order of connections.

        Parameters
        ----------
        number : int
            Place of the projection in the plan.
        name : str
            Of the rule's text; ``"w"``.
        """
        several = self.learning[number]
        values = np.empty(sum(learnt.pair.where.size for learnt in several))
        for learnt in several:
            found = learnt.synapses.variables[learnt.learner.names[name]].get_value()
            since: Any = 0.0
            if learnt.learner.decays:
                before = np.asarray(learnt.synapses.variables["lastupdate"].get_value())
                since = (step - 1) * self.step_seconds - before
            now = learnt.learner.present(name, np.asarray(found, np.float64), since)
            values[learnt.pair.where] = now
        return values

    def overloaded(self) -> tuple[str, int, float] | None:
        """Return the projection of which a synapse carried too much, when [step], and the most."""
        for number, several in self.learning.items():
            projection = self.plan.projections[number]
            assert projection.plasticity is not None
            for learnt in several:
                noted = learnt.synapses.variables[learnt.learner.beyond].get_value()
                if np.any(noted):
                    first = int(np.min(noted[noted > 0]))
                    return projection.name, first, self._largest(projection, projection.plasticity)
        return None

    def _coupling(self, coupling: PlanCoupling) -> None:
        b = brian2()
        for found in _split(self.plan, coupling.pre, coupling.post, coupling.weight, None):
            population = self.plan.populations[found.post]
            assert population.spec is not None
            model = self.models[found.post]
            place = self._taken.get((found.post, coupling.coupling), 0)
            self._taken[found.post, coupling.coupling] = place + 1
            name = model.couplings[coupling.coupling][place]
            if coupling.source == "current" and found.pre not in self.models:
                read = "current_pre"
            else:
                read = f"{self.models[found.pre].variables[coupling.source]}_pre"
            kinds = {c.name: c.kind for c in population.spec.couplings}
            if kinds.get(coupling.coupling) == "diffusive":
                read = f"({read} - {model.variables[coupling.source]}_post)"
            w = _weight_name(self.groups[found.pre], self.groups[found.post])
            synapses = b.Synapses(
                self.groups[found.pre], self.groups[found.post],
                f"{w} : 1 (constant)\n{name}_post = {w}*{read} : 1 (summed)",
                clock=self.clock, name=f"neurosim_{_word(coupling.name)}*",
                namespace=dict(self.groups[found.pre].namespace),
            )  # fmt: skip
            synapses.connect(i=found.pre_ids, j=found.post_ids)
            setattr(synapses, w, found.weight)
            self.synapses[coupling.name, found.pre, found.post, 0] = self.add(synapses)


@dataclass
class _Pair:
    """Connections from one population to another, by local ids."""

    pre: int
    post: int
    pre_ids: Ints
    post_ids: Ints
    weight: Floats
    delay_steps: Ints | None
    where: Ints
    """Places among the connections of the projection."""


@dataclass
class Learnt:
    """Plastic synapses between two populations."""

    pair: _Pair
    synapses: Any
    learner: Learner

    @property
    def kept(self) -> list[str]:
        """Names of all variables that a run changes."""
        found = [self.learner.weight, *self.learner.initial, self.learner.beyond]
        return [*found, "lastupdate"] if self.learner.decays else found


def _split(
    plan: Plan, pre: Ints, post: Ints, weight: Floats, delay_steps: Ints | None
) -> list[_Pair]:
    offsets = np.array([p.offset for p in plan.populations], np.int64)
    source = np.searchsorted(offsets, pre, side="right") - 1
    target = np.searchsorted(offsets, post, side="right") - 1
    pairs = []
    for key in np.unique(source * len(offsets) + target):
        a, c = divmod(int(key), len(offsets))
        mine = (source == a) & (target == c)
        delays = None if delay_steps is None else delay_steps[mine]
        from_, to = pre[mine] - offsets[a], post[mine] - offsets[c]
        where = np.flatnonzero(mine)
        pairs.append(_Pair(a, c, from_, to, weight[mine], delays, where))
    return pairs


def _sources_of(plan: Plan, coupling: PlanCoupling, p: PlanPopulation) -> list[int]:
    """Return the populations that a coupling reads for the neurons of one."""
    found = _split(plan, coupling.pre, coupling.post, coupling.weight, None)
    return [pair.pre for pair in found if pair.post == p.index]


def _meet(ids: Ints, p: PlanPopulation) -> bool:
    return bool(np.any((ids >= p.offset) & (ids < p.offset + p.size)))


def _weight_name(source: Any, target: Any) -> str:
    """Return a name for weights that no variable of the neurons has."""
    taken = {*source.variables, *target.variables}
    return next(name for name in ("w", "weight", "w_syn", "w_syn_") if name not in taken)


def _word(name: str) -> str:
    """Return a name that Brian2 accepts for an object."""
    return "".join(c if c.isascii() and c.isalnum() else "_" for c in name)
