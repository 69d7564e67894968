"""A network in NEST's kernel, and running it."""

from __future__ import annotations

import platform
import sys
import time
import warnings
from collections.abc import Mapping
from importlib import metadata
from typing import Any

import numpy as np
import numpy.typing as npt

from neurosim.backend import Connections, Options, Session
from neurosim.describe.network import Network
from neurosim.describe.population import Population, Selectable
from neurosim.describe.projection import INJECTED, Projection
from neurosim.engine.progress import interruptible, reporter
from neurosim.engine.replay import Replay
from neurosim.engine.taps import check_recording
from neurosim.engine.wiring import Connections as Wiring
from neurosim.engine.wiring import enumerate_connections
from neurosim.errors import (
    ApproximationWarning,
    DescriptionError,
    SimulationError,
    UnknownNameError,
    UnsupportedError,
)
from neurosim.lower.lowering import lower
from neurosim.lower.plan import Floats, Ints, PlanPopulation, PlanProjection, PlanRecorder
from neurosim.lower.values import generator, settable_value
from neurosim.results import Run, SpikeRecord, Trace
from neurosim_backends.nest import kernel
from neurosim_backends.nest.binding import Binding, Signs, bind
from neurosim_backends.nest.devices import (
    CURRENT_LAG,
    WARM_UP,
    Ahead,
    CurrentSenders,
    SpikeSenders,
    is_constant,
)
from neurosim_backends.nest.recording import Samples, Spikes, SpikeTap, StateTap, Tail
from neurosim_backends.nest.table import KINDS

PIECE_BYTES = 1 << 26
"""What the replay of one piece of a run may take."""

PIECE_SECONDS = 1.0
"""Wall time of a piece that is aimed at: between pieces Ctrl-C and the progress bar have a say."""

FIRST_PIECE = 100
"""Steps of the first piece of a session."""

PACKAGES = ("neurosim-snn", "nest-simulator", "numpy")


class NestSession(Session):
    """A network in NEST.

    Parameters
    ----------
    network : Network
    options : Options
    approximations : list of dict
        What was found out before, for the provenance.
    """

    def __init__(
        self, network: Network, options: Options, approximations: list[dict[str, Any]]
    ) -> None:
        snapshot = network.copy()
        super().__init__(snapshot, options)
        started = time.perf_counter()
        self.plan = lower(snapshot, options.dt)
        for a in self.plan.approximations:
            if a.written:
                _warn(f"{a.part} is {a.how}: off by up to {a.bound:.3g} {a.unit}.")
        self._approximations = [
            {"part": a.part, "how": a.how, "bound": a.bound, "unit": a.unit}
            for a in self.plan.approximations
        ] + approximations
        self._told: set[str] = set()
        self._in_force: dict[int, Any] = {}
        self._parameters: dict[int, dict[str, Any]] = {
            p.index: dict(p.parameters) for p in self.plan.populations if p.spec is not None
        }
        self._step = 0
        self._piece = FIRST_PIECE
        self._n_connections: dict[int, int] = {}
        self._failure: SimulationError | None = None
        self._build()
        self._build_seconds = time.perf_counter() - started

    @property
    def time(self) -> float:
        """Where the session stands [ms]."""
        return self._step * self.dt

    # --- building ---------------------------------------------------------------------------

    def _build(self) -> None:
        """Put the network into the kernel and bring it to its initial state."""
        plan = self.plan
        wiring = {p.index: enumerate_connections(p, plan.seed, plan.dt) for p in plan.projections}
        self._n_connections = {k: len(c.weight) for k, c in wiring.items()}
        signs = self._signs(wiring)
        self._bindings: dict[int, Binding] = {}
        for p in plan.populations:
            if p.spec is not None:
                ours = self._parameters[p.index]
                found = self.network.populations[p.name]
                mine = {r.name: signs.get((p.index, r.name), Signs()) for r in p.spec.receptors}
                self._bindings[p.index] = bind(found, p, mine, ours, plan.dt)
        seed = int(generator(plan.seed, "nest", self.options.trial).integers(1, 2**31 - 1))
        threads = self.options.threads or 1
        nest = kernel.take(self, dt=self.dt, threads=threads, seed=seed)
        try:
            self._create(nest)
            self._connect(nest, wiring)
            self._attach(nest, wiring)
            self._start(nest)
        except BaseException:
            kernel.release(self)
            raise

    def _signs(self, wiring: Mapping[int, Wiring]) -> dict[tuple[int, str], Signs]:
        """Return the signs of all that arrives, by population and receptor."""
        found: dict[tuple[int, str], Signs] = {}

        def note(population: int, receptor: str, values: Any) -> None:
            key = (population, receptor)
            found[key] = found.get(key, Signs()) | Signs.of(values)

        for k, c in wiring.items():
            projection = self.plan.projections[k]
            for p in self._reached(projection.post):
                here = _within(projection.post[c.post_position], p)
                note(p.index, projection.receptor, c.weight[here])
        for drive in self.plan.drives:
            for p in self._reached(drive.ids):
                weight = np.broadcast_to(drive.weight, drive.ids.size)
                note(p.index, drive.receptor, weight[_within(drive.ids, p)])
        for p in self.plan.populations:
            for state, value in p.initial.items():
                if state[:2] in ("I_", "x_"):
                    note(p.index, state[2:], value)
        return found

    def _reached(self, ids: Ints) -> list[PlanPopulation]:
        return [p for p in self.plan.populations if np.any(_within(ids, p))]

    def _create(self, nest: Any) -> None:
        self._nodes: dict[int, Any] = {}
        self._trains: dict[int, SpikeSenders] = {}
        node_of = np.zeros(self.plan.size, np.int64)
        for p in self.plan.populations:
            with kernel.explained(f"Population {p.name!r}"):
                if p.spec is not None:
                    binding = self._bindings[p.index]
                    nodes = nest.Create(binding.row.model, p.size)
                    receptors = binding.synaptic_parameters(self._parameters[p.index])
                    if receptors:
                        _put(nodes, receptors, None)
                    self._nodes[p.index] = nodes
                    first = nodes[0].global_id
                else:
                    self._trains[p.index] = SpikeSenders(nest, p.size, self.dt)
                    first = int(self._trains[p.index].ids[0])
            node_of[p.offset : p.offset + p.size] = np.arange(first, first + p.size)
        self._node_of = node_of
        self._our_id = np.full(int(node_of.max(initial=0)) + 1, -1, np.int64)
        self._our_id[node_of] = np.arange(self.plan.size)

    def _connect(self, nest: Any, wiring: Mapping[int, Wiring]) -> None:
        for k, c in wiring.items():
            projection = self.plan.projections[k]
            part = f"Projection {projection.name!r}"
            pre, post = projection.pre[c.pre_position], projection.post[c.post_position]
            delay = np.asarray(c.delay_steps * self.dt, np.float64)
            for p in self._reached(projection.post):
                here = _within(post, p)
                binding = self._bindings[p.index]
                if binding.row.style == "relay" and np.any(c.weight[here] != 1):
                    raise UnsupportedError(
                        f"{part}: weight", "parrot_neuron sends one spike for each that arrives, "
                        "whatever its weight", "weight=1",
                    )  # fmt: skip
                port = binding.ports[projection.receptor]
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

    def _attach(self, nest: Any, wiring: Mapping[int, Wiring]) -> None:
        """Make the devices: drives, currents, recorders."""
        plan, dt = self.plan, self.dt
        self._drives: dict[int, SpikeSenders] = {}
        for drive in plan.drives:
            senders = SpikeSenders(nest, drive.ids.size, dt)
            self._drives[drive.index] = senders
            weight = np.broadcast_to(np.asarray(drive.weight, np.float64), drive.ids.size)
            for p in self._reached(drive.ids):
                here = _within(drive.ids, p)
                binding = self._bindings[p.index]
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
        reached = {p.index for ids in injected for p in self._reached(ids)}
        self._currents = {k: CurrentSenders(nest, self._nodes[k], dt) for k in sorted(reached)}
        self._state_taps = self._make_state_taps(nest)
        hidden = {
            k for k, tap in self._state_taps.items()
            if any(not tap.binding.is_shown(v) for v in tap.variables)
        }  # fmt: skip
        reaching = {
            k: c for k, c in wiring.items()
            if any(p.index in hidden for p in self._reached(plan.projections[k].post))
        }  # fmt: skip
        self._tail = Tail(plan, reaching)
        self._spike_tap: SpikeTap | None = None
        self._wanted = np.zeros(plan.size, bool)
        for r in plan.recorders:
            if r.variable == "spikes":
                self._wanted[r.ids] = True
        if hidden or self._wanted.any():
            self._spike_tap = SpikeTap(nest, list(self._nodes.values()), self._our_id, dt)

    def _make_state_taps(self, nest: Any) -> dict[int, StateTap]:
        found: dict[int, StateTap] = {}
        for p in self.plan.populations:
            mine = [
                r for r in self.plan.recorders
                if r.population == p.index and r.variable not in ("spikes", "weight")
            ]  # fmt: skip
            if not mine:
                continue
            binding = self._bindings[p.index]
            for r in mine:
                if not binding.recordable(r.variable):
                    raise UnsupportedError(
                        f"Recorder of {p.name!r}: {r.variable}",
                        f"no multimeter records it from {binding.row.model}",
                        f"one of {', '.join(self._recordable(binding)) or 'none of its states'}",
                    )
            found[p.index] = StateTap(nest, binding, self._nodes[p.index], mine, self.dt)
        return found

    def _recordable(self, binding: Binding) -> list[str]:
        assert binding.population.spec is not None
        return [s for s in binding.population.spec.states if binding.recordable(s)]

    def _start(self, nest: Any) -> None:
        """Let NEST's first steps pass with neurons at rest, then set parameters and states."""
        self._ahead = Ahead(Replay(self.plan, self.options.trial))
        self._counts: dict[int, dict[int, Ints]] = {d.index: {} for d in self.plan.drives}
        self._kick(nest)
        self._send_drives({k: rows for k, rows in self._ahead.first.counts.items()}, 1)
        with kernel.explained(f"Network {self.plan.name!r}", running=True):
            nest.Simulate(WARM_UP * self.dt)
        for k in self._bindings:
            self._put_parameters(k)
            self._put_initial(k)
        if self._spike_tap is not None:
            early = self._spike_tap.collect()
            assert not early.labels.size, "neurons of NEST are silent at rest"
        self._recent = Spikes()
        self._in_force.clear()
        self._step = 0
        self._failure = None

    def _kick(self, nest: Any) -> None:
        """Start states that NEST does not let one set by a spike that arrives at our time 0."""
        kicker = None
        for k, binding in self._bindings.items():
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
                if kind.conductance:
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
        """Return initial values without those below 0, which NEST has no form of; say so."""
        binding = self._bindings[p.index]
        below = value < 0
        if not binding.synaptic[state].unsigned or not np.any(below):
            return value
        part = f"Population {p.name!r}: initial value of {state}"
        how = f"{np.count_nonzero(below)} negative values start at 0, as NEST has none"
        if part not in self._told:
            self._told.add(part)
            bound = float(-value.min())
            self._approximations.append({"part": part, "how": how, "bound": bound, "unit": "nS"})
            _warn(f"Backend 'nest', {part}: {how} (off by up to {bound:.3g} nS).")
        return np.where(below, 0.0, value)

    def _put_parameters(self, population: int, where: Ints | None = None) -> None:
        binding = self._bindings[population]
        p = self.plan.populations[population]
        found = binding.parameters(self._parameters[population])
        with kernel.explained(f"Population {p.name!r}: parameters"):
            _put(self._nodes[population], found, where)

    def _put_initial(self, population: int) -> None:
        """Set the states that can be set; refuse values of those that cannot."""
        binding, p = self._bindings[population], self.plan.populations[population]
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
            elif np.any(value) and not self._is_kicked(binding, state):
                raise UnsupportedError(
                    f"Population {p.name!r}: initial value of {state}",
                    f"NEST sets it to 0 in {binding.row.model} and takes no other",
                    "0",
                )
        ours = self._parameters[population]
        status = binding.to_status(direct, ours, np.arange(p.size))
        if status:
            with kernel.explained(f"Population {p.name!r}: initial values"):
                _put(self._nodes[population], status, None)
        tap = self._state_taps.get(population)
        if tap is not None:
            self._remember_initial(tap, p)

    def _is_kicked(self, binding: Binding, state: str) -> bool:
        if state not in binding.synaptic:
            return False
        kind = KINDS[binding.kinds[state[2:]]]
        return state.startswith("x_") if kind.peak else True

    def _remember_initial(self, tap: StateTap, p: PlanPopulation) -> None:
        """Put down the start of states that only recorders see, and a sample before it.

        The sample one step earlier is the one from which the step to the start would have led.
        """
        for variable in tap.variables:
            if tap.binding.is_shown(variable):
                continue
            value = np.broadcast_to(np.asarray(p.initial[variable], np.float64), p.size)
            if KINDS[tap.binding.kinds[variable[2:]]].conductance:
                value = self._clipped(p, variable, value)
            tap.history[variable] = {0: value[tap.local]}
            self._tail.before_start(tap, variable, self._parameters[p.index], p)

    # --- running ----------------------------------------------------------------------------

    def _run(
        self, n_steps: int, inputs: Mapping[str, npt.NDArray[Any]], progress: bool | None
    ) -> Run:
        nest = self._alive()
        if self._failure is not None:
            raise SimulationError(f"{self._failure} Go back with session.reset().")
        check_recording(self.plan, n_steps, self._n_connections)
        started = time.perf_counter()
        first = self._step
        of_states = [r for tap in self._state_taps.values() for r in tap.recorders]
        samples = Samples(self.plan, of_states, first, n_steps)
        for tap in self._state_taps.values():
            for r in tap.recorders:
                if r.initial:
                    samples.put_initial(tap, r, self._now(tap, r.variable))
        spikes = Spikes()
        with interruptible() as pressed, reporter(self.dt, progress) as report:
            goal = first + n_steps
            while self._step < goal and not pressed.is_set():
                n = min(goal - self._step, self._piece_steps())
                start = self._step - first
                piece = {name: array[start : start + n] for name, array in inputs.items()}
                before = time.perf_counter()
                spikes = spikes.joined(self._advance(nest, n, piece, samples))
                self._learn(n, time.perf_counter() - before)
                if report is not None:
                    report(self._step - first, n_steps)
        interrupted = self._step < goal
        if interrupted:
            warnings.warn(
                f"Interrupted at t = {self.time:g} ms; the run holds what came before.",
                RuntimeWarning,
                stacklevel=4,
            )
        self._last_samples(samples)
        self._check_finite()
        seconds = time.perf_counter() - started
        return self._results(first, spikes, samples, interrupted, seconds)

    def _piece_steps(self) -> int:
        per_step = 64 + sum(16 * d.ids.size for d in self.plan.drives)
        per_step += sum(8 * len(c.targets) for c in self._currents.values())
        for tap in self._state_taps.values():
            per_step += 24 * tap.local.size * max(1, len(tap.variables))
        return max(1, min(self._piece, PIECE_BYTES // per_step))

    def _learn(self, n_steps: int, seconds: float) -> None:
        fitting = int(n_steps * PIECE_SECONDS / max(seconds, 1e-6))
        self._piece = max(CURRENT_LAG + 1, min(fitting, 4 * self._piece))

    def _advance(
        self, nest: Any, n: int, inputs: Mapping[str, npt.NDArray[Any]], samples: Samples
    ) -> Spikes:
        """Run `n` steps; return all spikes of the piece."""
        chunk, counts = self._ahead.next(n)
        first = self._step
        found = [self._send_trains(chunk.trains, inputs, first)]
        self._send_drives(counts, first + 2)
        self._run_with_currents(nest, n, self._injected(chunk.injected, inputs, n))
        self._step += n
        if self._spike_tap is not None:
            found.append(self._spike_tap.collect())
        spikes = Spikes.sorted(
            np.concatenate([s.labels for s in found]), np.concatenate([s.ids for s in found])
        )
        longest = self._tail.longest
        self._recent = self._recent.joined(spikes).since(self._step - longest - 2)
        for tap in self._state_taps.values():
            samples.put(tap, *tap.collect())
        return spikes

    def _send_trains(
        self, trains: Mapping[int, tuple[Ints, Ints]], inputs: Mapping[str, Any], first: int
    ) -> Spikes:
        """Hand the spikes of sources to their generators."""
        labels: list[Ints] = []
        ids: list[Ints] = []
        for k, senders in self._trains.items():
            p = self.plan.populations[k]
            if p.name in inputs:
                if p.source is not None and p.source.kind != "spikes":
                    continue
                number = inputs[p.name].astype(np.int64)
                step, neuron = np.nonzero(number)
                times = number[step, neuron]
                senders.send(first + 1 + step, neuron, times)
                mine = (np.repeat(first + 1 + step, times), np.repeat(neuron, times))
            else:
                mine = trains[k]
                senders.send(*mine)
            labels.append(mine[0])
            ids.append(mine[1] + p.offset)
        if not labels:
            return Spikes()
        return Spikes(np.concatenate(labels), np.concatenate(ids))

    def _send_drives(self, counts: Mapping[int, Ints], first_label: int) -> None:
        """Have drives arrive at labels first_label, first_label + 1, ..."""
        for k, senders in self._drives.items():
            rows = counts[k]
            step, neuron = np.nonzero(rows)
            # Sent a step before it arrives: the delay of the synapse.
            senders.send(first_label - 1 + step, neuron, rows[step, neuron])
            kept = self._counts[k]
            for j in range(max(0, len(rows) - 4), len(rows)):
                kept[first_label + j] = rows[j]
            for old in [label for label in kept if label < first_label + len(rows) - 6]:
                del kept[old]

    def _injected(
        self, replayed: Mapping[int, Floats], inputs: Mapping[str, Any], n: int
    ) -> dict[int, Floats]:
        """Return the injected currents of a piece in NEST's unit: (n, size)."""
        found: dict[int, Floats] = {}
        for k in self._currents:
            p = self.plan.populations[k]
            total = replayed[k].copy() if k in replayed else np.zeros((n, p.size))
            for c in self.plan.couplings:
                here = _within(c.post, p)
                if c.coupling != INJECTED or not np.any(here):
                    continue
                for source in self._reached(c.pre[here]):
                    mine = here & _within(c.pre, source)
                    given = inputs[source.name].astype(np.float64)
                    np.add.at(
                        total.T, c.post[mine] - p.offset,
                        (c.weight[mine] * given[:, c.pre[mine] - source.offset]).T,
                    )  # fmt: skip
            factor = self._bindings[k].current_factor(self._parameters[k])
            found[k] = total * factor
        return found

    def _run_with_currents(self, nest: Any, n: int, injected: Mapping[int, Floats]) -> None:
        changing = {k for k, rows in injected.items() if n > 1 and not is_constant(rows)}
        lead = min(n, CURRENT_LAG) if changing else n
        for k in changing:
            if n > CURRENT_LAG:
                self._currents[k].send(injected[k], self._step)
        for j in range(lead if changing else 1):
            for k, rows in injected.items():
                self._add_current(k, rows[j])
            self._simulate(nest, 1 if changing else n)
        if n > lead:
            for k in changing:
                self._add_current(k, np.zeros(injected[k].shape[1]))
            for k in injected.keys() - changing:
                self._add_current(k, injected[k][0])
            self._simulate(nest, n - lead)
        for k in injected:
            self._add_current(k, np.zeros(injected[k].shape[1]))

    def _add_current(self, population: int, added: Floats) -> None:
        """Set the neurons' I_e to what it is plus an injected current [NEST's unit]."""
        base = self._bindings[population].parameters(self._parameters[population])["I_e"]
        total = base + added
        key = (population, total.tobytes())
        if self._in_force.get(population) != key:
            self._in_force[population] = key
            name = self.plan.populations[population].name
            with kernel.explained(f"Injection into {name!r}"):
                _put(self._nodes[population], {"I_e": total}, None)

    def _simulate(self, nest: Any, n_steps: int) -> None:
        try:
            with kernel.explained(
                f"Network {self.plan.name!r} at t = {self.time:g} ms", running=True
            ):
                nest.Simulate(n_steps * self.dt)
        except SimulationError as error:
            self._failure = error
            raise

    # --- states ------------------------------------------------------------------------------

    def _alive(self) -> Any:
        """Return the module `nest`, if the kernel still holds this session's network."""
        return kernel.require(self, self.plan.name, (self._step + WARM_UP) * self.dt)

    def _status(self, population: int, state: str, where: Ints) -> Floats:
        """Return a state that neurons show in their status: (len(where),)."""
        binding, nodes = self._bindings[population], self._nodes[population]
        names = list(dict.fromkeys(binding.status_names(state)))
        chosen = nodes if where.size == len(nodes) else nodes[where.tolist()]
        shown = chosen.get(names)
        status = {k: v if where.size > 1 else [v] for k, v in shown.items()}
        return binding.from_status(state, status, self._parameters[population], where)

    def _now(self, tap: StateTap, variable: str) -> Floats:
        """Return the present value of a recorded state: (n_recorded,)."""
        if tap.binding.is_shown(variable):
            return self._status(tap.binding.population.index, variable, tap.local)
        return tap.history[variable][self._step]

    def _last_samples(self, samples: Samples) -> None:
        """Fill in the samples of the last step, which NEST would hand over with the next."""
        label = self._step
        for k, tap in self._state_taps.items():
            found: dict[str, Floats] = {}
            for variable in tap.variables:
                if tap.binding.is_shown(variable):
                    found[variable] = self._status(k, variable, tap.local)[None, :]
                    continue
                if label not in tap.history[variable]:
                    ours = self._parameters[k]
                    value = self._tail.last(tap, variable, ours, label, self._recent, self._driven)
                    tap.keep(label, variable, value)
                found[variable] = tap.history[variable][label][None, :]
            samples.put(tap, label, found)

    def _driven(self, population: int, receptor: str, label: int) -> Floats:
        """Return what drives add to a receptor at a label: (size,)."""
        p = self.plan.populations[population]
        total = np.zeros(p.size)
        for drive in self.plan.drives:
            row = self._counts[drive.index].get(label)
            if drive.receptor == receptor and row is not None:
                here = _within(drive.ids, p)
                weight = np.broadcast_to(drive.weight, drive.ids.size)
                np.add.at(total, drive.ids[here] - p.offset, (weight * row)[here])
        return total

    def _check_finite(self) -> None:
        """Stop where a state has left the finite numbers."""
        for k, binding in self._bindings.items():
            p = self.plan.populations[k]
            for state in binding.row.states:
                values = self._status(k, state, np.arange(p.size))
                if not np.all(np.isfinite(values)):
                    neuron = int(np.flatnonzero(~np.isfinite(values))[0])
                    self._failure = SimulationError(
                        f"Population {p.name!r}: {state} of neuron {neuron} is "
                        f"{values[neuron]} at t = {self.time:g} ms."
                    )
                    raise self._failure

    def set(self, view: Selectable, **values: Any) -> None:
        """Set states or parameters of some neurons."""
        self._alive()
        checked = self._check_view(view, "session.set: view")
        for name, value in values.items():
            at = 0
            for population, indices in checked.segments:
                place = f"session.set: {name} of {population.name!r}"
                if population.index not in self._bindings:
                    raise DescriptionError(
                        place, value, "a population of neurons", "Sources have no state."
                    )
                number = settable_value(population, name, value, len(checked), place)
                part = number if np.ndim(number) == 0 else number[at : at + len(indices)]
                self._set(population, name, part, np.asarray(indices), place)
                at += len(indices)

    def _set(self, population: Population, name: str, value: Any, where: Ints, place: str) -> None:
        k, binding = population.index, self._bindings[population.index]
        if name in self._parameters[k]:
            old = self._parameters[k][name]
            row = np.array(np.broadcast_to(old, population.size), np.float64)
            row[where] = value
            self._parameters[k][name] = float(row[0]) if np.all(row == row[0]) else row
            try:
                self._put_parameters(k, where)
            except Exception:
                self._parameters[k][name] = old
                self._put_parameters(k, where)
                raise
            self._in_force.clear()
            return
        synaptic = binding.synaptic.get(name)
        if name not in binding.row.states and not (synaptic is not None and synaptic.settable):
            raise UnsupportedError(
                place, f"{binding.row.model} does not let it be set while running",
                "net.initialise" if self._is_kicked(binding, name) else None,
            )  # fmt: skip
        if synaptic is not None and synaptic.unsigned and np.any(np.asarray(value) < 0):
            raise UnsupportedError(place, f"{binding.row.model} takes no negative value", "0")
        new = np.broadcast_to(np.asarray(value, np.float64), where.size)
        states = {name: new}
        # The second state is written with the first, and moves with it.
        pair = {name, synaptic.partner} if synaptic is not None and synaptic.partner else {name}
        pair |= {s.state for s in binding.synaptic.values() if s.partner == name and s.settable}
        for other in pair - {name}:
            states[other] = self._status(k, other, where)
        status = binding.to_status(states, self._parameters[k], where)
        with kernel.explained(place):
            self._nodes[k][where.tolist()].set(_rows(status, where.size))

    def get(self, view: Selectable, name: str) -> npt.NDArray[np.float64]:
        """Return the present value of a state or parameter: shape (len(view),)."""
        self._alive()
        checked = self._check_view(view, "session.get: view")
        if not isinstance(name, str):
            raise DescriptionError("session.get: name", name, "the name of a state or parameter")
        parts = [self._get(p, name, np.asarray(indices)) for p, indices in checked.segments]
        return np.concatenate(parts)

    def _get(self, population: Population, name: str, where: Ints) -> Floats:
        place = f"session.get: {population.name!r}"
        k = population.index
        if k not in self._bindings:
            raise UnknownNameError(place, name, ())
        if name in self._parameters[k]:
            row = np.broadcast_to(self._parameters[k][name], population.size)
            return np.asarray(row, np.float64)[where]
        binding = self._bindings[k]
        spec = self.plan.populations[k].spec
        assert spec is not None
        if name not in spec.states:
            raise UnknownNameError(
                f"Population {population.name!r}: variable", name,
                [*spec.states, *self._parameters[k]],
            )  # fmt: skip
        if binding.is_shown(name):
            return self._status(k, name, where)
        if self._step == 0:
            row = np.broadcast_to(self.plan.populations[k].initial[name], population.size)
            return np.asarray(row, np.float64)[where]
        tap = self._state_taps.get(k)
        if tap is not None and name in tap.variables and np.all(np.isin(where, tap.local)):
            return tap.history[name][self._step][np.searchsorted(tap.local, where)]
        raise UnsupportedError(
            f"{place}: {name}",
            f"{binding.row.model} shows it to recorders only",
            f'net.record(net["{population.name}"], "{name}") before the session is made'
            if binding.recordable(name)
            else None,
        )

    def reset(self) -> None:
        """Go back to t = 0 and the initial state."""
        self._build()

    def connections(self, projection: str | Projection) -> Connections:
        """Return the connections of a projection."""
        name = projection.name if isinstance(projection, Projection) else projection
        if not isinstance(name, str):
            raise DescriptionError("session.connections: projection", name, "a projection's name")
        for p in self.plan.projections:
            if p.name == name:
                found = enumerate_connections(p, self.plan.seed, self.plan.dt)
                return Connections(
                    pre=found.pre_position,
                    post=found.post_position,
                    weight=found.weight,
                    delay=np.asarray(found.delay_steps * self.dt, np.float64),
                )
        for c in self.plan.couplings:
            if c.name == name:
                order = np.lexsort((c.post_position, c.pre_position))
                return Connections(
                    pre=c.pre_position[order],
                    post=c.post_position[order],
                    weight=c.weight[order],
                    delay=np.zeros(order.size),
                )
        known = [p.name for p in self.plan.projections] + [c.name for c in self.plan.couplings]
        raise UnknownNameError("session.connections: projection", name, known)

    # --- results ----------------------------------------------------------------------------

    def _results(
        self, first: int, found: Spikes, samples: Samples, interrupted: bool, seconds: float
    ) -> Run:
        interval = (first * self.dt, self._step * self.dt)
        spikes: dict[str, SpikeRecord] = {}
        states: dict[str, dict[str, Trace]] = {}
        weights: dict[str, Trace] = {}
        recorded = found.chosen(self._wanted)
        whole = {(r.population, r.variable) for r in self.plan.recorders if r.reduce == "none"}
        for r in self.plan.recorders:
            if r.variable == "weight":
                weights.update(self._weights(r, first))
                continue
            p = self.plan.populations[r.population]
            local = r.ids - p.offset
            if r.variable == "spikes":
                wanted = np.zeros(self.plan.size, bool)
                wanted[r.ids] = True
                mine = recorded.chosen(wanted)
                spikes[p.name] = SpikeRecord(
                    times=np.asarray(mine.labels * self.dt, np.float64),
                    ids=mine.ids - p.offset,
                    size=p.size,
                    interval=interval,
                    recorded=None if local.size == p.size else local,
                )
                continue
            assert p.spec is not None
            key = r.variable
            if r.reduce == "mean" and (r.population, key) in whole:
                key = f"{key} (mean)"
            times = self._sample_times(r, first)
            states.setdefault(p.name, {})[key] = Trace(
                array=samples.arrays[r.index][: times.size],
                times=times,
                ids=local,
                unit=p.spec.units[r.variable],
                reduce=r.reduce,
            )
        return Run(
            name=self.plan.name,
            interval=interval,
            populations={p.name: p.size for p in self.plan.populations},
            spikes=spikes,
            states=states,
            weights=weights,
            provenance=self._provenance(interrupted, seconds),
        )

    def _sample_times(self, recorder: PlanRecorder, first: int) -> Floats:
        n = (self._step - first) // recorder.every_steps
        steps = first + recorder.every_steps * np.arange(1, n + 1)
        if recorder.initial:
            steps = np.concatenate([[first], steps])
        return np.asarray(steps * self.dt, np.float64)

    def _weights(self, recorder: PlanRecorder, first: int) -> dict[str, Trace]:
        assert recorder.projection is not None
        projection = self.plan.projections[recorder.projection]
        found = self.connections(projection.name)
        times = self._sample_times(recorder, first)
        return {
            projection.name: Trace(
                array=np.broadcast_to(found.weight, (times.size, len(found))).copy(),
                times=times,
                ids=np.arange(len(found)),
                unit=self._weight_unit(projection),
            )
        }

    def _weight_unit(self, projection: PlanProjection) -> str:
        for p in self._reached(projection.post[:1]):
            assert p.spec is not None
            return next(r.unit for r in p.spec.receptors if r.name == projection.receptor)
        return "1"

    def _provenance(self, interrupted: bool, seconds: float) -> dict[str, Any]:
        return {
            "backend": "nest",
            "seed": self.network.seed,
            "trial": self.options.trial,
            "network_hash": self.plan.network_hash,
            "dt": self.dt,
            "precision": self.options.precision,
            "threads": self.options.threads or 1,
            "interrupted": interrupted,
            "synapses": sum(self._n_connections.values()),
            "models": {
                self.plan.populations[k].name: b.row.model for k, b in self._bindings.items()
            },
            "approximations": self._approximations,
            "wall_seconds": {"build": self._build_seconds, "run": seconds},
            "versions": {
                "python": platform.python_version(),
                **{name: metadata.version(name) for name in PACKAGES},
            },
            "processor": platform.machine(),
            "platform": sys.platform,
        }


def _within(ids: Ints, p: PlanPopulation) -> npt.NDArray[np.bool_]:
    return (ids >= p.offset) & (ids < p.offset + p.size)


def _warn(message: str) -> None:
    warnings.warn(message, ApproximationWarning, stacklevel=2)


def _put(nodes: Any, values: Mapping[str, Any], where: Ints | None) -> None:
    """Set entries of the status: one number for all, or arrays of one per neuron of `nodes`."""
    n = len(nodes)
    if where is not None and where.size < n:
        chosen = {k: _chosen(v, where) for k, v in values.items()}
        nodes[where.tolist()].set(_rows(chosen, where.size))
        return
    same = {k: _common(v) for k, v in values.items()}
    common = {k: v for k, v in same.items() if v is not None}
    if common:
        nodes.set([common] * n if n > 1 and any(np.ndim(v) for v in common.values()) else [common])
    differing = {k: v for k, v in values.items() if same[k] is None}
    if differing:
        nodes.set(_rows(differing, n))


def _chosen(value: Any, where: Ints) -> Any:
    if isinstance(value, list):
        return [_chosen(v, where) for v in value]
    return value[where] if np.ndim(value) else value


def _common(value: Any) -> Any:
    """Return the value that all neurons share, or None."""
    if isinstance(value, list):
        each = [_common(v) for v in value]
        return None if any(v is None for v in each) else each
    array = np.asarray(value, np.float64)
    if array.size and np.all(array == array.flat[0]):
        return float(array.flat[0])
    return None


def _rows(values: Mapping[str, Any], n: int) -> list[dict[str, Any]]:
    """Return one dictionary for each of n neurons."""

    def of(value: Any, k: int) -> Any:
        if isinstance(value, list):
            return [of(v, k) for v in value]
        return float(value[k]) if np.ndim(value) else float(value)

    return [{name: of(value, k) for name, value in values.items()} for k in range(n)]
