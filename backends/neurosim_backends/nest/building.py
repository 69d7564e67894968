"""A network in NEST's kernel: nodes, connections, devices, and its initial state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from neurosim.describe.network import Network
from neurosim.describe.population import Population
from neurosim.describe.projection import INJECTED
from neurosim.engine.layout import expected_connections
from neurosim.engine.replay import Replay
from neurosim.engine.wiring import Connections, enumerate_connections
from neurosim.errors import CapacityError, UnsupportedError
from neurosim.lower.plan import Floats, Ints, Plan, PlanPopulation
from neurosim.lower.values import generator
from neurosim_backends.nest import kernel
from neurosim_backends.nest.binding import Binding, Signs, bind
from neurosim_backends.nest.devices import WARM_UP, Ahead, CurrentSenders, Relays, SpikeSenders
from neurosim_backends.nest.learning import Synapse, synapse_of
from neurosim_backends.nest.recording import CarriedTap, SpikeTap, StateTap, Tail
from neurosim_backends.nest.status import chosen, put, some
from neurosim_backends.nest.table import KINDS

BYTES = 125
"""Memory of one synapse while a network is built: as listed by us, sorted, and in NEST. (Measured:
5.0 million synapses take 0.63 GB.)"""

Parameters = dict[int, dict[str, Any]]
"""Population -> our parameters: floats or (n,) arrays."""


class Built:
    """A network in NEST's kernel at our time 0.

    Parameters
    ----------
    owner : object
        The session, which takes the kernel.
    network : Network
    plan : Plan
    parameters : Parameters
        As they are now; the session may have changed them.
    weights : dict
        Place of a plastic projection -> weights to begin with, if they are not those of the plan.
    trial, threads : int

    Attributes
    ----------
    bindings : dict
        Population of neurons -> Binding.
    nodes : dict
        Population of neurons -> NodeCollection.
    trains : dict
        Population of sources -> SpikeSenders.
    drives : dict
        Drive -> SpikeSenders.
    currents : dict
        Population that currents are injected into -> CurrentSenders.
    state_taps : dict
        Population whose states are recorded -> StateTap.
    spike_tap : SpikeTap or None
    tail : Tail
    ahead : Ahead
        What comes from outside.
    relays : dict
        Population of sources with plastic synapses -> Relays.
    carried : dict
        Plastic projection -> CarriedTap, where what arrives has to be known.
    counts : dict
        Drive -> label -> spikes that arrive then, (n_targets,), of the last few labels.
    clipped : dict
        Part -> (how, bound) of initial values that NEST has no form of.
    n_connections : dict
        Projection -> number of connections.

    Raises
    ------
    UnsupportedError
        Naming the part that NEST has no form of, or refuses.
    """

    def __init__(
        self, owner: object, network: Network, plan: Plan, parameters: Parameters,
        weights: Mapping[int, Floats], *, trial: int, threads: int,
    ) -> None:  # fmt: skip
        self.network = network
        self.plan = plan
        self.parameters = parameters
        self.dt = plan.dt
        self.clipped: dict[str, tuple[str, float]] = {}
        check_size(plan)
        wiring = {
            k: enumerate_connections(p, plan.seed, plan.dt) for k, p in enumerate(plan.projections)
        }
        rules = {k: p.name for k, p in enumerate(plan.projections) if p.plasticity is not None}
        self._rules = {k: synapse_of(network.projections[n].plasticity) for k, n in rules.items()}
        self._weights = dict(weights)
        self._wiring = {k: wiring[k] for k in self._rules}
        self.n_connections = {k: len(c.weight) for k, c in wiring.items()}
        signs = self._signs(wiring)
        self.bindings: dict[int, Binding] = {}
        for p in plan.populations:
            if p.spec is not None:
                mine = {r.name: signs.get((p.index, r.name), Signs()) for r in p.spec.receptors}
                population = network.populations[p.name]
                self.bindings[p.index] = self._bound(population, p, mine)
        seed = int(generator(plan.seed, "nest", trial).integers(1, 2**31 - 1))
        nest = kernel.take(owner, dt=plan.dt, threads=threads, seed=seed)
        try:
            self._create(nest)
            self._connect(nest, wiring)
            self._attach(nest, wiring)
            self.ahead = Ahead(Replay(plan, trial))
            self._start(nest)
            kernel.settle()
        except BaseException:
            kernel.release(owner)
            raise

    def _bound(
        self, population: Population, p: PlanPopulation, signs: Mapping[str, Signs]
    ) -> Binding:
        """Choose the model of a population."""
        return bind(population, p, signs, self.parameters[p.index], self.dt)

    def _signs(self, wiring: Mapping[int, Connections]) -> dict[tuple[int, str], Signs]:
        """Return the signs of all that arrives, by population and receptor."""
        found: dict[tuple[int, str], Signs] = {}

        def note(population: int, receptor: str, values: Any) -> None:
            key = (population, receptor)
            found[key] = found.get(key, Signs()) | Signs.of(values)

        for k, c in wiring.items():
            projection = self.plan.projections[k]
            for p in self.reached(projection.post):
                here = within(projection.post[c.post_position], p)
                note(p.index, projection.receptor, c.weight[here])
        for drive in self.plan.drives:
            for p in self.reached(drive.ids):
                weight = np.broadcast_to(drive.weight, drive.ids.size)
                note(p.index, drive.receptor, weight[within(drive.ids, p)])
        for p in self.plan.populations:
            for state, value in p.initial.items():
                if state[:2] in ("I_", "x_"):
                    note(p.index, state[2:], value)
        return found

    def reached(self, ids: Ints) -> list[PlanPopulation]:
        """Return the populations that some of the neurons `ids` (global) belong to."""
        return [p for p in self.plan.populations if np.any(within(ids, p))]

    def _create(self, nest: Any) -> None:
        self.nodes: dict[int, Any] = {}
        self.trains: dict[int, SpikeSenders] = {}
        self.relays: dict[int, Relays] = {}
        teaching = [self.plan.projections[k].pre for k in self._rules]
        self._traces: dict[int, dict[str, float]] = {}
        self.carried: dict[int, CarriedTap] = {}
        node_of = np.zeros(self.plan.size, np.int64)
        for p in self.plan.populations:
            with kernel.explained(f"Population {p.name!r}"):
                if p.spec is not None:
                    self.nodes[p.index] = self._neurons(nest, p)
                    first = self.nodes[p.index][0].global_id
                else:
                    self._sources(nest, p, any(np.any(within(ids, p)) for ids in teaching))
                    first = int(self.trains[p.index].ids[0])
            node_of[p.offset : p.offset + p.size] = np.arange(first, first + p.size)
        self._node_of = node_of
        self._relay_of = node_of.copy()
        for k, relays in self.relays.items():
            p = self.plan.populations[k]
            self._relay_of[p.offset : p.offset + p.size] = relays.ids
        self._our_id = np.full(int(node_of.max(initial=0)) + 1, -1, np.int64)
        self._our_id[node_of] = np.arange(self.plan.size)

    def _neurons(self, nest: Any, p: PlanPopulation) -> Any:
        """Make the neurons of a population, at rest: return its NodeCollection."""
        binding = self.bindings[p.index]
        nodes = nest.Create(binding.row.model, p.size, params=dict(binding.row.fixed))
        receptors = binding.synaptic_parameters(self.parameters[p.index])
        if receptors:
            put(nodes, receptors)
        return nodes

    def _sources(self, nest: Any, p: PlanPopulation, teaches: bool) -> None:
        """Make the senders of a population of sources, and relays where its synapses learn."""
        self.trains[p.index] = SpikeSenders(nest, p.size, self.dt)
        if teaches:
            self.relays[p.index] = Relays(nest, p.size, self.dt)

    def _connect(self, nest: Any, wiring: Mapping[int, Connections]) -> None:
        for k, c in wiring.items():
            projection = self.plan.projections[k]
            part = f"Projection {projection.name!r}"
            pre, post = projection.pre[c.pre_position], projection.post[c.post_position]
            delay = np.asarray(c.delay_steps * self.dt, np.float64)
            for p in self.reached(projection.post):
                here = within(post, p)
                binding = self.bindings[p.index]
                if binding.row.style == "relay" and np.any(c.weight[here] != 1):
                    raise UnsupportedError(
                        f"{part}: weight", "parrot_neuron sends one spike for each that arrives, "
                        "whatever its weight", "weight=1",
                    )  # fmt: skip
                port = binding.ports[projection.receptor]
                if k in self._rules:
                    start = self._weights.get(k, c.weight)
                    with kernel.explained(part):
                        self._learn(nest, k, p, pre[here], post[here], start[here], delay[here])
                    continue
                with kernel.explained(part):
                    self._join(
                        nest, self._node_of[pre[here]], self._node_of[post[here]],
                        port.weights(c.weight[here], post[here] - p.offset), delay[here],
                        port.number, projection.release,
                    )  # fmt: skip

    def _join(
        self, nest: Any, pre: Ints, post: Ints, weight: Floats, delay: Floats, port: int,
        release: float = 1.0,
    ) -> None:  # fmt: skip
        """Connect nodes one to one."""
        if not pre.size:
            return
        spec: dict[str, Any] = {
            "synapse_model": "static_synapse", "weight": weight, "delay": delay,
            "receptor_type": np.full(pre.size, port),
        }  # fmt: skip
        if release < 1:
            spec |= {"synapse_model": "bernoulli_synapse", "p_transmit": np.full(pre.size, release)}
        nest.Connect(pre, post, "one_to_one", spec)

    def _learn(
        self, nest: Any, k: int, p: PlanPopulation, pre: Ints, post: Ints, weight: Floats,
        delay: Floats,
    ) -> None:  # fmt: skip
        """Connect by synapses that learn."""
        rule, projection = self._rules[k], self.plan.projections[k]
        port = self.bindings[p.index].ports[projection.receptor]
        self._set_traces(p, rule, projection.name)
        model = self._own_model(nest, k, rule.model)
        target = post - p.offset
        spec: dict[str, Any] = {
            "synapse_model": model, "weight": port.weights(weight, target), "delay": delay,
            "receptor_type": np.full(pre.size, port.number),
            **{name: np.full(pre.size, float(v)) for name, v in rule.parameters.items()},
        }  # fmt: skip
        if rule.largest is not None:
            spec["Wmax"] = port.weights(np.full(pre.size, rule.largest), target)
        nest.Connect(self._relay_of[pre], self._node_of[post], "one_to_one", spec)

    def _own_model(self, nest: Any, k: int, base: str) -> str:
        """Return the name of a projection's own copy of a model, watched where that is needed."""
        model = f"{self._rules[k].model}_{k}"
        if model not in nest.synapse_models:
            watched: dict[str, Any] = {}
            if any(self._hides(q) for q in self.reached(self.plan.projections[k].post)):
                self.carried[k] = CarriedTap(nest)
                watched = {"weight_recorder": self.carried[k].recorder}
            nest.CopyModel(base, model, watched)
        return model

    def _hides(self, p: PlanPopulation) -> bool:
        """Whether states of a population are recorded that NEST shows to recorders only."""
        binding = self.bindings[p.index]
        mine = [r.variable for r in self.plan.recorders if r.population == p.index]
        return any(not binding.is_shown(v) for v in mine if v not in ("spikes", "weight"))

    def _set_traces(self, p: PlanPopulation, rule: Synapse, name: str) -> None:
        """Set time constants of postsynaptic traces, of which a neuron of NEST has one each."""
        known = self._traces.setdefault(p.index, {})
        for parameter, value in rule.of_neuron.items():
            if known.setdefault(parameter, value) != value:
                raise UnsupportedError(
                    f"Projection {name!r}: time constant of the postsynaptic trace",
                    f"a neuron of NEST has one for all its synapses ({parameter}), and others onto "
                    f"{p.name!r} have {known[parameter]:g} ms",
                    "one time constant, or backend='brian2'",
                )
        put(self.nodes[p.index], dict(rule.of_neuron))

    def learnt(self, k: int) -> Floats:
        """Return the weights of a plastic projection, in the order of its connections.

        Synapses between the same neurons with the same delay are told apart by their weights, of
        which no rule changes the order.
        """
        nest, projection, c = kernel.load(), self.plan.projections[k], self._wiring[k]
        pre = self._relay_of[projection.pre[c.pre_position]]
        post = self._node_of[projection.post[c.post_position]]
        found: Floats = np.empty(pre.size)
        if not pre.size:
            return found
        connections = nest.GetConnections(synapse_model=f"{self._rules[k].model}_{k}")
        names = ("source", "target", "delay", "weight")
        told = connections.get(list(names))
        source, target, delay, weight = (np.atleast_1d(np.asarray(told[n])) for n in names)
        ours = self._weights.get(k, c.weight)
        factors = np.empty(pre.size)
        for p in self.reached(projection.post):
            here = within(projection.post[c.post_position], p)
            local = projection.post[c.post_position][here] - p.offset
            port = self.bindings[p.index].ports[projection.receptor]
            factors[here] = port.weights(np.ones(local.size), local)
        steps = np.rint(delay / self.dt).astype(np.int64)
        mine = np.lexsort((ours * factors, c.delay_steps, post, pre))
        order = np.lexsort((weight, steps, target, source))
        theirs = weight[order]
        found[mine] = theirs / factors[mine]
        return found

    def send_relays(self, trains: Mapping[int, tuple[Ints, Ints]]) -> None:
        """Have the neurons that stand for sources emit spikes."""
        for k, relays in self.relays.items():
            relays.send(*trains[k])

    def _attach(self, nest: Any, wiring: Mapping[int, Connections]) -> None:
        """Make the devices: drives, currents, recorders."""
        plan, dt = self.plan, self.dt
        self.drives: dict[int, SpikeSenders] = {}
        for drive in plan.drives:
            senders = SpikeSenders(nest, drive.ids.size, dt)
            self.drives[drive.index] = senders
            weight = np.broadcast_to(np.asarray(drive.weight, np.float64), drive.ids.size)
            for p in self.reached(drive.ids):
                here = within(drive.ids, p)
                binding = self.bindings[p.index]
                part = f"Drive of {p.name!r}"
                if binding.row.style == "relay" and np.any(weight[here] != 1):
                    raise UnsupportedError(
                        f"{part}: weight", "parrot_neuron sends one spike for each that arrives, "
                        "whatever its weight", "weight=1",
                    )  # fmt: skip
                port = binding.ports[drive.receptor]
                target = drive.ids[here] - p.offset
                with kernel.explained(part):
                    self._join(
                        nest, senders.ids[here], self._node_of[drive.ids[here]],
                        port.weights(weight[here], target), np.full(target.size, dt), port.number,
                    )  # fmt: skip
        injected = [i.ids for i in plan.injections]
        injected += [c.post for c in plan.couplings if c.coupling == INJECTED]
        reached = {p.index for ids in injected for p in self.reached(ids)}
        self.currents = {k: CurrentSenders(nest, self.nodes[k], dt) for k in sorted(reached)}
        self.state_taps = self._make_state_taps(nest)
        hidden = {
            k for k, tap in self.state_taps.items()
            if any(not tap.binding.is_shown(v) for v in tap.variables)
        }  # fmt: skip
        reaching = {
            k: c for k, c in wiring.items()
            if any(p.index in hidden for p in self.reached(plan.projections[k].post))
        }  # fmt: skip
        for k, carried in self.carried.items():
            carried.know(nest.GetConnections(synapse_model=f"{self._rules[k].model}_{k}"), dt)
        first_nodes = {k: int(nodes[0].global_id) for k, nodes in self.nodes.items()}
        self.tail = Tail(plan, reaching, self.carried, first_nodes)
        self.spike_tap: SpikeTap | None = None
        self._wanted = np.zeros(plan.size, bool)
        for r in plan.recorders:
            if r.variable == "spikes":
                self._wanted[r.ids] = True
        if hidden or self._wanted.any():
            self.spike_tap = SpikeTap(nest, list(self.nodes.values()), self._our_id, dt)

    def _make_state_taps(self, nest: Any) -> dict[int, StateTap]:
        found: dict[int, StateTap] = {}
        for p in self.plan.populations:
            mine = [
                r for r in self.plan.recorders
                if r.population == p.index and r.variable not in ("spikes", "weight")
            ]  # fmt: skip
            if not mine:
                continue
            binding = self.bindings[p.index]
            for r in mine:
                if not (binding.recordable(r.variable) or binding.driven_by(r.variable)):
                    raise UnsupportedError(
                        f"Recorder of {p.name!r}: {r.variable}",
                        f"no multimeter records it from {binding.row.model}",
                        f"one of {', '.join(self._recordable(binding)) or 'none of its states'}",
                    )
            found[p.index] = StateTap(nest, binding, self.nodes[p.index], mine, self.dt)
        return found

    def _recordable(self, binding: Binding) -> list[str]:
        assert binding.population.spec is not None
        states = binding.population.spec.states
        return [s for s in states if binding.recordable(s) or binding.driven_by(s)]

    def _start(self, nest: Any) -> None:
        """Let NEST's first steps pass with neurons at rest, then set parameters and states."""
        self.counts: dict[int, dict[int, Ints]] = {d.index: {} for d in self.plan.drives}
        self._kick(nest)
        self.send_drives({k: rows for k, rows in self.ahead.first.counts.items()}, 1)
        self.send_relays(self.ahead.first.trains)
        with kernel.explained(f"Network {self.plan.name!r}", running=True):
            nest.Simulate(WARM_UP * self.dt)
        for k in self.bindings:
            self.put_parameters(k)
            self._put_initial(k)
        if self.spike_tap is not None:
            early = self.spike_tap.collect()
            assert not early.labels.size, "neurons of NEST are silent at rest"

    def _kick(self, nest: Any) -> None:
        """Start states that NEST does not let one set by a spike that arrives at our time 0."""
        kicker = None
        for k, binding in self.bindings.items():
            p = self.plan.populations[k]
            for receptor, kind_name in binding.kinds.items():
                if kind_name not in KINDS:
                    continue
                kind = KINDS[kind_name]
                letter = "g" if kind.conductance else "I"
                state = f"x_{receptor}" if kind.peak else f"{letter}_{receptor}"
                if binding.synaptic[state].settable:
                    continue
                value = np.broadcast_to(np.asarray(p.initial[state], np.float64), p.size)
                value = self._clipped(p, state, value)
                if not np.any(value):
                    continue
                if kicker is None:
                    kicker = nest.Create("spike_generator", params={"spike_times": [self.dt]})
                port = binding.ports[receptor]
                where = np.flatnonzero(value)
                pre = np.full(where.size, kicker[0].global_id)
                with kernel.explained(f"Population {p.name!r}: initial value of {state}"):
                    self._join(
                        nest, pre, self._node_of[p.offset + where],
                        port.weights(value[where], where), np.full(where.size, self.dt),
                        port.number,
                    )  # fmt: skip

    def _clipped(self, p: PlanPopulation, state: str, value: Floats) -> Floats:
        """Return initial values without those below 0 where NEST has no form of them; note it."""
        binding = self.bindings[p.index]
        below = value < 0
        conductance = KINDS[binding.kinds[state[2:]]].conductance
        if not (conductance and binding.synaptic[state].unsigned and np.any(below)):
            return value
        part = f"Population {p.name!r}: initial value of {state}"
        how = f"{np.count_nonzero(below)} negative values start at 0, as NEST has none"
        self.clipped[part] = (how, float(-value.min()))
        return np.where(below, 0.0, value)

    def put_parameters(self, population: int, where: Ints | None = None) -> None:
        """Set NEST's parameters from ours, of all neurons of a population or of some."""
        binding = self.bindings[population]
        p = self.plan.populations[population]
        found = binding.parameters(self.parameters[population])
        with kernel.explained(f"Population {p.name!r}: parameters"):
            if where is None:
                put(self.nodes[population], found)
            else:
                put(self.nodes[population], {k: chosen(v, where) for k, v in found.items()}, where)

    def _put_initial(self, population: int) -> None:
        """Set the states that can be set; refuse values of those that cannot."""
        binding, p = self.bindings[population], self.plan.populations[population]
        assert p.spec is not None
        direct: dict[str, Any] = {}
        for state in p.spec.states:
            value = p.initial[state]
            synaptic = binding.synaptic.get(state)
            if state in binding.row.states:
                direct[state] = value
            elif synaptic is not None and synaptic.settable:
                given = np.broadcast_to(np.asarray(value, np.float64), p.size)
                direct[state] = self._clipped(p, state, given)
            elif np.any(value) and not self.is_kicked(binding, state):
                raise UnsupportedError(
                    f"Population {p.name!r}: initial value of {state}",
                    f"NEST sets it to 0 in {binding.row.model} and takes no other",
                    "0",
                )
        ours = self.parameters[population]
        status = binding.to_status(direct, ours, np.arange(p.size))
        if status:
            with kernel.explained(f"Population {p.name!r}: initial values"):
                put(self.nodes[population], status)
        tap = self.state_taps.get(population)
        if tap is not None:
            self._remember_initial(tap, p)

    def is_kicked(self, binding: Binding, state: str) -> bool:
        """Whether a state is started by a spike, as NEST does not let it be set."""
        if state not in binding.synaptic:
            return False
        kind = KINDS[binding.kinds[state[2:]]]
        return state.startswith("x_") if kind.peak else True

    def _remember_initial(self, tap: StateTap, p: PlanPopulation) -> None:
        """Put down the start of states that only recorders see, and a sample before it.

        The sample one step earlier is the one from which the step to the start would have led.
        """
        for variable in tap.history:
            if variable in tap.binding.row.states:
                continue
            value = np.broadcast_to(np.asarray(p.initial[variable], np.float64), p.size)
            value = self._clipped(p, variable, value)
            tap.history[variable] = {0: value[tap.local]}
            if variable not in tap.seconds:
                self.tail.before_start(tap, variable, self.parameters[p.index], p)

    def send_drives(self, counts: Mapping[int, Ints], first_label: int) -> None:
        """Have drives arrive at labels first_label, first_label + 1, ..."""
        for k, senders in self.drives.items():
            rows = counts[k]
            step, neuron = np.nonzero(rows)
            # Sent a step before it arrives: the delay of the synapse.
            senders.send(first_label - 1 + step, neuron, rows[step, neuron])
            kept = self.counts[k]
            for j in range(max(0, len(rows) - 4), len(rows)):
                kept[first_label + j] = rows[j]
            for old in [label for label in kept if label < first_label + len(rows) - 6]:
                del kept[old]

    def driven(self, population: int, receptor: str, label: int) -> Floats:
        """Return what drives add to a receptor at a label: (size,)."""
        p = self.plan.populations[population]
        total = np.zeros(p.size)
        for drive in self.plan.drives:
            row = self.counts[drive.index].get(label)
            if drive.receptor == receptor and row is not None:
                here = within(drive.ids, p)
                weight = np.broadcast_to(drive.weight, drive.ids.size)
                np.add.at(total, drive.ids[here] - p.offset, (weight * row)[here])
        return total

    def status(self, population: int, state: str, where: Ints) -> Floats:
        """Return a state that neurons show in their status: (len(where),)."""
        binding, nodes = self.bindings[population], self.nodes[population]
        names = list(dict.fromkeys(binding.status_names(state)))
        order = np.argsort(where)
        shown = some(nodes, where[order]).get(names)
        status = {k: v if where.size > 1 else [v] for k, v in shown.items()}
        found = np.empty(where.size)
        ours = self.parameters[population]
        found[order] = binding.from_status(state, status, ours, where[order])
        return found


def check_size(plan: Plan) -> None:
    """Refuse a network whose connections do not fit into memory.

    Raises
    ------
    CapacityError
        With what is needed and what there is.
    """
    import psutil

    connections = sum(expected_connections(p) for p in plan.projections)
    needed, available = connections * BYTES, int(psutil.virtual_memory().available)
    if needed > available:
        raise CapacityError(
            f"Network {plan.name!r}: about {connections:,.0f} synapses need about "
            f"{needed / 1e9:.3g} GB in NEST and on the way there; {available / 1e9:.3g} GB are "
            f"available. The network has to be smaller; a script (ns.export) lets NEST wire it."
        )


def within(ids: Ints, p: PlanPopulation) -> npt.NDArray[np.bool_]:
    """Return which of the neurons `ids` (global) belong to a population: (n,) bool."""
    return (ids >= p.offset) & (ids < p.offset + p.size)
