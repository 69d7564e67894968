"""Brian2 in this process: step by step, what is random replayed from neurosim's own numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from neurosim.engine.clock import Recorded
from neurosim.engine.progress import interruptible, reporter
from neurosim.engine.replay import Chunk, Replay
from neurosim.engine.taps import n_samples
from neurosim.engine.wiring import enumerate_connections
from neurosim.errors import SimulationError
from neurosim.lower.plan import Plan, PlanRecorder
from neurosim.lower.values import LONGEST_HOLD, nearest_steps
from neurosim.sessions import input_train
from neurosim_backends.brian2.binding import brian2, quick_functions, settings
from neurosim_backends.brian2.equations import Feed
from neurosim_backends.brian2.learning import most_at_once, most_on_the_way
from neurosim_backends.brian2.network import EMITTED, Brian2Network, Room, Train, layered
from neurosim_backends.brian2.session import Brian2Base

CHUNK_BYTES = 1 << 27
"""Memory for what is replayed at a time. Each piece costs Brian2 some 0.1 s to start."""

CHUNK_STEPS = 20_000
"""Steps at a time where nothing is replayed; in between are progress and Ctrl-C."""


class Brian2Session(Brian2Base):
    """A network in Brian2's runtime mode.

    Attributes
    ----------
    brian2_network : brian2.Network
        Its objects, to look at.
    """

    def _build(self) -> None:
        self._step = 0
        self._chunk = Chunk(first_step=0, n_steps=0)
        self._rows: list[tuple[Any, npt.NDArray[Any]]] = []
        self._samplers: list[Callable[[], None]] = []
        self._sampled: dict[int, npt.NDArray[Any]] = {}
        self._failure: SimulationError | None = None
        self._replay = Replay(self.plan, self.options.trial)
        self._inputs: dict[int, npt.NDArray[Any]] = {}
        self._trains: dict[int, tuple[npt.NDArray[Any], npt.NDArray[Any]]] = {}
        self._currents: dict[int, npt.NDArray[Any]] = {}
        self._present = self.plan
        self._room: dict[int, Room] = {}
        self._weights: dict[int, npt.NDArray[np.float64]] = {}
        self._before: dict[int, Train] = {}
        with self._settings():
            self._make()

    def _make(self) -> None:
        b = brian2()
        self.built = built = Brian2Network(
            self._present, _declare, {}, quick_functions() if self.target == "numpy" else None,
            self._room, self._weights,
        )  # fmt: skip
        self.brian2_network = built.network
        built.add(
            b.NetworkOperation(
                self._feed, clock=built.clock, when="start", order=-100, name="neurosim_feed*"
            )
        )
        built.add(
            b.NetworkOperation(
                self._sample, clock=built.clock, when="end", order=100, name="neurosim_sample*"
            )
        )
        for changed in built.replaced():
            self._tell_method(*changed)
        # Writes and compiles the code, and brings up what Brian2 cannot do, now.
        built.network.run(0 * b.second, namespace={})

    def _settings(self) -> Any:
        b = brian2()
        target = b.prefs.codegen.target
        self.target = "numpy" if target == "auto" else target
        single = self.options.precision == "single"
        return settings(
            "runtime",
            {
                "codegen.target": self.target,
                "core.default_float_dtype": np.float32 if single else np.float64,
            },
        )

    @property
    def time(self) -> float:
        """Where the session stands [ms]."""
        return self._step * self.dt

    # --- what Brian2 calls ------------------------------------------------------------------

    def _feed(self) -> None:
        row = self.built.now - self._chunk.first_step
        for target, table in self._rows:
            target[:] = table[row]

    def _sample(self) -> None:
        for sample in self._samplers:
            sample()
        stop = self._pressed.is_set()
        if stop:
            self.built.network.stop()
        if stop or self.built.now + 1 == self._end:
            self._events = self.built.events()

    # --- running ------------------------------------------------------------------------------

    def _advance(
        self, n_steps: int, inputs: Mapping[str, npt.NDArray[Any]], progress: bool | None
    ) -> Recorded:
        if self._failure is not None:
            raise SimulationError(f"{self._failure} Go back with session.reset().")
        first, goal = self._step, self._step + n_steps
        labels: list[npt.NDArray[Any]] = []
        ids: list[npt.NDArray[Any]] = []
        by_name = {p.name: p.index for p in self.plan.populations}
        self._inputs = {by_name[name]: array for name, array in inputs.items()}
        samples = self._open_samples(n_steps)
        with (
            self._settings(),
            interruptible() as self._pressed,
            reporter(self.dt, progress) as report,
        ):
            while self._step < goal and not self._pressed.is_set():
                if self._step == self._chunk.first_step + self._chunk.n_steps:
                    self._next_chunk(min(goal, self._step + self._chunk_steps()), first)
                begin = self._step
                end = min(goal, self._chunk.first_step + self._chunk.n_steps)
                self._run_to(end)
                for found in self._spikes(begin):
                    labels.append(found[0])
                    ids.append(found[1])
                if report is not None:
                    report(self._step - first, n_steps)
        self.interrupted = self._step < goal
        all_labels = np.concatenate([np.empty(0, np.int64), *labels])
        all_ids = np.concatenate([np.empty(0, np.int64), *ids])
        order = np.lexsort((all_ids, all_labels))
        return Recorded(
            first, self._step, all_labels[order], all_ids[order],
            {
                index: table[: count[0]]
                for index, (table, count) in samples.items()
                if table.size
            },
        )  # fmt: skip

    def _chunk_steps(self) -> int:
        return max(1, min(CHUNK_STEPS, CHUNK_BYTES // max(1, self._replay.bytes_per_step)))

    def _next_chunk(self, end: int, run_first: int) -> None:
        """Draw what enters from outside until `end`, and lay it ready."""
        n = end - self._step
        if self._replay.is_empty and not self._inputs:
            self._chunk = Chunk(first_step=self._step, n_steps=n)
            return
        self._chunk = self._replay.next(n)
        self._trains = dict(self._chunk.trains)
        self._currents = {}
        for index, given in self._inputs.items():
            table = given[self._step - run_first : end - run_first]
            if index in self.built.sources:
                self._trains[index] = input_train(table, self._step)
            else:
                self._currents[index] = table
        if self._needs_room():
            self._rebuild()
        else:
            self._lay_ready()

    def _needs_room(self) -> bool:
        """Note what plastic synapses need room for in this chunk; tell whether it is more."""
        longest = longest_delay(self.plan)
        needed = dict(self._room)
        for index in self.built.emitters:
            labels, ids = self._trains[index]
            old_labels, old_ids = self._before.get(index, (labels[:0], ids[:0]))
            labels, ids = np.concatenate([old_labels, labels]), np.concatenate([old_ids, ids])
            room = Room(most_at_once(labels, ids), most_on_the_way(labels, ids, longest))
            needed[index] = needed.get(index, Room()) | room
            end = self._chunk.first_step + self._chunk.n_steps
            self._before[index] = labels[labels > end - longest], ids[labels > end - longest]
        more = any(needed[index] != self._room.get(index, Room()) for index in needed)
        self._room = needed
        return more

    def _lay_ready(self) -> None:
        """Put the present chunk where Brian2 finds it."""
        self._rows = [
            (self.built.groups[index].variables["current"].get_value(), table)
            for index, table in self._currents.items()
        ]
        if self._chunk.n_steps:
            for index, model in self.built.models.items():
                for feed, name in model.feeds.items():
                    row = self.built.groups[index].variables[name].get_value()
                    self._rows.append((row, fed(self._chunk, index, feed)))
        for index, group in self.built.emitters.items():
            row = group.variables[EMITTED].get_value()
            labels, ids = self._trains[index]
            self._rows.append((row, emitted(labels, ids, self._chunk, row.size)))
        for index, (label, neuron) in self._trains.items():
            if index in self.built.sources:
                ahead = label > self._step
                self._emit(index, label[ahead], neuron[ahead])

    def _emit(self, index: int, labels: npt.NDArray[Any], ids: npt.NDArray[Any]) -> None:
        """Give a source its spikes."""
        b = brian2()
        layers = self.built.sources[index]
        wanted = layered(labels, ids, self.plan.populations[index].size)
        while len(layers.groups) < len(wanted):
            self.built.add_layer(index)
        none = (np.empty(0, np.int64), np.empty(0, np.int64))
        wanted += [none] * (len(layers.groups) - len(wanted))
        for group, (label, neuron) in zip(layers.groups, wanted, strict=True):
            times = (label - 1) * self.built.step_seconds
            group.set_spikes(neuron, times * b.second, sorted=True)

    def _run_to(self, end: int) -> None:
        b = brian2()
        network = self.built.network
        self._end = end
        network.run((end - self._step) * self.built.step_seconds * b.second, namespace={})
        for row, count in self._events:
            row[-1] = count
        self._step = self.built.now
        for index, model in self.built.models.items():
            lost = self.built.groups[index].variables[model.lost].get_value()
            bad = np.flatnonzero(lost)
            if bad.size:
                self._failure = self._explain(index, int(bad[np.argmin(lost[bad])]), lost)
                raise self._failure
        self._failure = self._overload(self.built.overloaded())
        if self._failure is not None:
            raise self._failure

    def _spikes(self, begin: int) -> list[tuple[npt.NDArray[Any], npt.NDArray[Any]]]:
        """Return labels and global ids of what was recorded since `begin`, and clear it."""
        found = []
        for index, monitor in self.built.monitors.items():
            label, ids = self.built.spikes(index)
            found.append((label, ids + self.plan.populations[index].offset))
            monitor.resize(0)
            monitor.variables["N"].set_value(0)
        recorded = {r.population for r in self.plan.recorders if r.variable == "spikes"}
        for index in recorded & self.built.sources.keys():
            label, ids = self._trains[index]
            now = (label > begin) & (label <= self._step)
            found.append((label[now], ids[now] + self.plan.populations[index].offset))
        return found

    def _open_samples(self, n_steps: int) -> dict[int, tuple[npt.NDArray[Any], list[int]]]:
        """Return a table for each recorder of states, and how much of it is filled."""
        first = self._step
        tables: dict[int, tuple[npt.NDArray[Any], list[int]]] = {}
        self._samplers = []
        self._find_sampled()
        for recorder in self.plan.recorders:
            if recorder.projection in self.built.learning:
                self._open_weights(recorder, n_steps, tables)
            if recorder.variable in ("spikes", "weight"):
                continue
            local = recorder.ids - self.plan.populations[recorder.population].offset
            mean = recorder.reduce == "mean"
            table = np.empty((n_samples(recorder, n_steps), 1 if mean else local.size))
            count = [0]
            tables[recorder.index] = table, count

            def sample(
                index: int = recorder.index, local: Any = local, every: int = recorder.every_steps,
                mean: bool = mean, table: Any = table, count: list[int] = count,
                now: bool = False,
            ) -> None:  # fmt: skip
                step = self.built.now + 1 - first
                if now or step % every == 0:
                    values = self._sampled[index][local].astype(np.float64)
                    table[count[0]] = values.mean() if mean else values
                    count[0] += 1

            if recorder.initial:
                sample(now=True)
            self._samplers.append(sample)
        return tables

    def _find_sampled(self) -> None:
        """Find the arrays that samples are taken from: others after the network was made anew."""
        self._sampled = {
            r.index: self.built.variable(r.population, r.variable).get_value()
            for r in self.plan.recorders
            if r.variable not in ("spikes", "weight")
        }

    def _open_weights(self, recorder: PlanRecorder, n_steps: int, tables: Any) -> None:
        """Add a table for weights that learn."""
        first, number = self._step, recorder.projection
        assert number is not None
        width = len(self.built.synaptic(number, "w", first))
        table, count = np.empty((n_samples(recorder, n_steps), width)), [0]
        tables[recorder.index] = table, count

        def sample(step: int) -> None:
            if (step - first) % recorder.every_steps == 0:
                table[count[0]] = self.built.synaptic(number, "w", step)
                count[0] += 1

        if recorder.initial:
            sample(first)
        self._samplers.append(lambda: sample(self.built.now + 1))

    # --- between runs -------------------------------------------------------------------------

    def _synaptic(self, projection: int, name: str) -> npt.NDArray[np.float64]:
        return self.built.synaptic(projection, name, self._step)

    def _row(self, population: int, name: str) -> npt.NDArray[np.float64]:
        size = self.plan.populations[population].size
        value = np.asarray(self.built.variable(population, name).get_value(), np.float64)
        return np.broadcast_to(value, size).copy()

    def _write(self, population: int, name: str, value: Any, where: npt.NDArray[np.int64]) -> None:
        p = self._present.populations[population]
        assert p.spec is not None
        if name in p.spec.states:
            self.built.variable(population, name).get_value()[where] = value
            return
        row = self._row(population, name)
        row[where] = value
        self._check_growth(population, name, row)
        same = bool(np.all(row == row[0]))
        number: Any = float(row[0]) if same and not np.ndim(p.parameters[name]) else row
        changed = replace(p, parameters={**p.parameters, name: number})
        if name == p.spec.refractory:
            place = f"Population {p.name!r}: {name}"
            changed = replace(
                changed, refractory_steps=nearest_steps(number, self.dt, place, LONGEST_HOLD)
            )
        populations = list(self._present.populations)
        populations[population] = changed
        self._present = replace(self._present, populations=tuple(populations))
        before, after = self.built.translate(p), self.built.translate(changed)
        if (before.equations, before.method) != (after.equations, after.method):
            self._rebuild()
            return
        self.built.variable(population, name).set_value(number)
        if name == p.spec.refractory:
            self.built.hold(population, changed.refractory_steps)

    def _rebuild(self) -> None:
        """Make the network anew, with other declarations, and carry on where it stood."""
        state = self.built.state()
        with self._settings():
            self._make()
            self.built.restore(state)
            self._lay_ready()
        self._find_sampled()

    def reset(self) -> None:
        """Go back to t = 0 and the initial state."""
        if self._failure is None:
            self._weights = {k: self._synaptic(k, "w") for k in self.built.learning}
        self._before = {}
        self._replay.reset()
        self._failure = None
        self._step = 0
        self._chunk, self._trains, self._rows = Chunk(first_step=0, n_steps=0), {}, []
        with self._settings():
            self._make()

    @property
    def _facts(self) -> dict[str, Any]:
        return {
            "codegen_target": self.target,
            "methods": self.built.methods,
        }


def _declare(index: int, feed: Feed, name: str) -> tuple[str, Mapping[str, Any]]:
    """What is fed is a variable, which is written at the start of every step."""
    return f"{name} : 1", {}


def emitted(
    labels: npt.NDArray[Any], ids: npt.NDArray[Any], chunk: Chunk, size: int
) -> npt.NDArray[np.int16]:
    """Return how many spikes each neuron of a source emits in each step: (n_steps, size)."""
    table = np.zeros((chunk.n_steps, size), np.int16)
    np.add.at(table, (labels - 1 - chunk.first_step, ids), 1)
    return table


def longest_delay(plan: Plan) -> int:
    """Return the longest delay of plastic synapses [steps]."""
    rules = [p for p in plan.projections if p.plasticity is not None]
    found = [enumerate_connections(p, plan.seed, plan.dt).delay_steps for p in rules]
    return max((int(steps.max(initial=1)) for steps in found), default=1)


def fed(chunk: Chunk, population: int, feed: Feed) -> npt.NDArray[np.float64]:
    """Return what a chunk brings a population: (n_steps, size)."""
    match feed:
        case ("drive", receptor):
            return chunk.arrivals[population, receptor]
        case ("injected",):
            return chunk.injected[population]
        case ("normal", number):
            return chunk.normals[population][:, int(number)]
        case _:
            return chunk.uniforms[population]
