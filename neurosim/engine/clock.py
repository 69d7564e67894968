"""The clock engine: builds a Plan into arrays, and runs it chunk by chunk.

The whole loop is compiled; Python is entered between chunks only, to hand over what was recorded,
show progress and listen for Ctrl-C.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from neurosim.describe.estimate import CACHE_BYTES
from neurosim.describe.projection import INJECTED
from neurosim.engine import layout, plastic
from neurosim.engine.arrays import scattered_zeros, zeros
from neurosim.engine.binary import make_neurons
from neurosim.engine.context import Context
from neurosim.engine.couplings import Couplings, LearningCoupling
from neurosim.engine.generate import BAD_MULTIPLICITY
from neurosim.engine.pace import Pace
from neurosim.engine.plastic import PlasticProjection
from neurosim.engine.populations import Machine, PopulationState, Stage
from neurosim.engine.progress import interruptible
from neurosim.engine.sources import (
    Feeder,
    SourceState,
    emitted_at_once,
    make_clear,
    make_current,
    make_drive,
    make_held_input,
    make_lane_normals,
    make_schedule,
    make_source,
    make_transfer,
    poisson_at,
)
from neurosim.engine.synapses import Synapses, build
from neurosim.engine.taps import Taps
from neurosim.errors import DescriptionError, SimulationError
from neurosim.kernels import loop
from neurosim.kernels.jit import JIT
from neurosim.lower.plan import Floats, Ints, Plan, PlanRecorder
from neurosim.lower.stages import parts_of_step

LAST_LABEL = 2**31 - 2
"""Archives of plastic synapses keep labels in 32 bits."""

LOG_SPIKES = 1 << 20
"""Room for the spikes of a chunk, at least."""


@dataclass
class Recorded:
    """What one call of `Engine.run` recorded.

    Attributes
    ----------
    first_step, last_step : int
        The call took the network from one to the other.
    labels, ids : (n_spikes,) int64, int32
        Recorded spikes by step, global ids.
    samples : dict
        Recorder index -> (n_samples, n) float64.
    """

    first_step: int
    last_step: int
    labels: Ints
    ids: np.ndarray
    samples: dict[int, np.ndarray] = field(default_factory=dict)


class Engine:
    """A network in memory.

    Parameters
    ----------
    plan : Plan
        What to run.
    threads : int or None
        Upper bound of the threads used; None for the processor's cores. One thread is used where
        it turns out faster.
    precision : {"double", "single"}
        Of states; accumulators are int64 or int32.
    synapse_format : {"auto", "full", "fixed16"}
        How drawn weights are stored.
    trial : int
        Which realisation of drive and noise.
    target_bytes : int
        How much of a tile's accumulator may be in use at once; decides how many delay steps are
        delivered per visit, and changes no result.
    """

    def __init__(
        self, plan: Plan, *, threads: int | None = None, precision: str = "double",
        synapse_format: str = "auto", trial: int = 0, target_bytes: int = CACHE_BYTES,
    ) -> None:  # fmt: skip
        self.plan = plan
        self.step = 0
        self.trial = trial
        self.precision = precision
        self.threads = choose_threads(plan, threads)
        # One tile a thread: more would balance the load, but cut what a source sends to one into
        # shorter pieces, which costs more (measured).
        self.slot_map = layout.map_slots(plan, self.threads)
        real = np.float64 if precision == "double" else np.float32
        self._machine = Machine(
            plan.dt, real, np.zeros(0), self.slot_map.n_slots, 1, np.ones(self.slot_map.n_slots),
            self.slot_map, plan.seed, trial,
        )  # fmt: skip
        self.sources: dict[int, SourceState] = {
            p.index: make_source(p, self._machine) for p in plan.populations if p.source is not None
        }
        self.synapses: Synapses = build(
            plan, self.slot_map, precision=precision,
            synapse_format=synapse_format,
            multiplicity=emitted_at_once(plan, self.sources),
            trial=trial, threads=self.threads, target_bytes=target_bytes,
        )  # fmt: skip
        depth = self.synapses.delivery.rows_due
        integer = np.int64 if precision == "double" else np.int32
        self.accumulator = scattered_zeros(depth * max(1, self.slot_map.n_slots), integer)
        self._machine.accumulator = self.accumulator
        self._machine.depth = depth
        self._machine.scale = self.synapses.scale
        self.plastic: dict[str, PlasticProjection | LearningCoupling] = {
            p.projection.name: p for p in self.synapses.plastic
        }
        for projection in self.synapses.plastic:
            projection.connect(self.accumulator, max(1, self.slot_map.n_slots), depth)
        self._plastic = plastic.table(self.synapses.plastic, self.slot_map.tile_first.size - 1)
        self.neurons: dict[int, PopulationState] = {
            p.index: make_neurons(
                p, self._machine, self._driven(p.index), self._is_injected(p.index), plan
            )
            for p in plan.populations
            if p.spec is not None
        }
        self._watch()
        for state in self.neurons.values():
            if state.is_injected and any(c.coupling == INJECTED for c in plan.couplings):
                state.couplings[INJECTED] = zeros(state.plan.size, real)
        self._feeders: dict[int, list[Feeder]] = self._make_feeders()
        self._couplings = Couplings(plan, self._machine, self.neurons, self.sources)
        self.plastic |= self._couplings.learning
        self._make_blocks()
        self._make_log()
        self.interrupted = False
        self._failure: SimulationError | None = None
        self._pace = Pace(self.threads)
        self.most_workers = 0
        self._lock = threading.Lock()
        # No step, but the machine code of the loop is there afterwards: what a run takes is then
        # simulation alone, and no two threads compile the same.
        self._advance(self.threads, 0, 0, 0, self._open_log(0), Taps(self.plan, self.neurons, 0))

    # --- building -------------------------------------------------------------------------

    def _watch(self) -> None:
        """Let rules of synapses that follow states read them as they are now."""
        for projection in self.synapses.plastic:
            projection.watch(self.neurons, self.step)

    def _driven(self, population: int) -> frozenset[str]:
        ids = self.plan.populations[population].ids
        return frozenset(
            d.receptor
            for d in self.plan.drives
            if np.any((d.ids >= ids.start) & (d.ids < ids.stop))
        )

    def _is_injected(self, population: int) -> bool:
        ids = self.plan.populations[population].ids
        given = [i.ids for i in self.plan.injections]
        given += [c.post for c in self.plan.couplings if c.coupling == INJECTED]
        return any(bool(np.any((g >= ids.start) & (g < ids.stop))) for g in given)

    def _make_feeders(self) -> dict[int, list[Feeder]]:
        made: dict[int, list[Feeder]] = {}
        for index, state in self.neurons.items():
            ids = state.plan.ids
            mine = made.setdefault(index, [])
            for drive in self.plan.drives:
                chosen = np.flatnonzero((drive.ids >= ids.start) & (drive.ids < ids.stop))
                if chosen.size:
                    mine.append(make_drive(drive, state, chosen))
            if state.normals:
                mine.append(make_lane_normals(state))
            if state.injected is not None:
                mine.append(make_clear(state))
                for injection in self.plan.injections:
                    chosen = np.flatnonzero(
                        (injection.ids >= ids.start) & (injection.ids < ids.stop)
                    )
                    if chosen.size:
                        mine.append(make_current(injection, state, chosen))
                if INJECTED in state.couplings:
                    mine.append(make_transfer(state.couplings[INJECTED], state))
        return made

    def _make_blocks(self) -> None:
        whole = frozenset(
            [k for k, s in self.sources.items() if s.whole]
            + [k for k, s in self.neurons.items() if s.whole]
        )
        self._block_map = layout.map_blocks(self.plan, whole)
        m = self._block_map
        n_blocks = m.lo.size
        stages = len(parts_of_step(self.plan)) - 1
        window = 1 if self.plan.couplings or stages else self.synapses.window
        names = (
            "first_call", "last_call", "first_gather", "last_gather", "region", "failure",
            "failed_at", "copied",
        )  # fmt: skip
        columns = {name: np.zeros(n_blocks, np.int64) for name in names}
        addresses: list[int] = []
        contexts: list[int] = []
        spans: dict[int, tuple[int, int, int, int]] = {}
        places = np.zeros((stages, len(self.plan.populations), 3), np.int64)
        self._contexts: dict[int, Context] = {}  # alive as long as the loop may read them
        self._last_calls: dict[int, int] = {}
        for p in self.plan.populations:
            neurons = self.neurons.get(p.index)
            fed: list[Feeder] = self._feeders.get(p.index, [])
            for stage in range(stages if p.stages else 0):
                assert neurons is not None
                # What is fed is fed once in a step, and read in all of its stages.
                calls: list[Feeder | Stage] = [*fed, neurons.stages[stage]]
                fed = []
                read = self._couplings.later[p.index][stage]
                places[stage, p.index] = np.cumsum([len(addresses), len(calls), len(read)])
                addresses += [call.address for call in (*calls, *read)]
                contexts += [call.context.address for call in (*calls, *read)]
            first_gather = len(addresses)
            for feeder in self._couplings.gathers.get(p.index, []):
                addresses.append(feeder.address)
                contexts.append(feeder.context.address)
            first_call = len(addresses)
            for feeder in fed:
                addresses.append(feeder.address)
                contexts.append(feeder.context.address)
            if neurons is not None:
                address, context = self._couplings.last_call(neurons)
            else:
                address, context = self.sources[p.index].address, self.sources[p.index].context
            addresses.append(address)
            contexts.append(context.address)
            self._contexts[p.index] = context
            self._last_calls[p.index] = len(addresses) - 1
            spans[p.index] = (first_gather, first_call, first_call, len(addresses))
        load = np.zeros(n_blocks)
        room = np.zeros(n_blocks, np.int64)
        for b in range(n_blocks):
            p_index = int(m.population[b])
            last = self.neurons.get(p_index) or self.sources[p_index]
            span = spans[p_index]
            columns["first_gather"][b], columns["last_gather"][b] = span[:2]
            columns["first_call"][b], columns["last_call"][b] = span[2:]
            lo, hi = int(m.lo[b]), int(m.hi[b])
            columns["region"][b] = last.spikes.ctypes.data + 4 * lo * last.largest
            room[b] = min(last.spikes.size - lo * last.largest, (hi - lo) * last.largest)
            load[b] = float(hi - lo) * (span[3] - span[2])
        columns["kept"] = columns["region"]
        if window > 1:
            self._kept_spikes = np.empty(window * int(room.sum()), np.int32)
            before = window * (np.cumsum(room) - room)
            columns["kept"] = self._kept_spikes.ctypes.data + 4 * before
        self._blocks = loop.Blocks(
            m.lo, m.hi, columns["first_call"], columns["last_call"], columns["first_gather"],
            columns["last_gather"], np.array(addresses, np.int64), np.array(contexts, np.int64),
            columns["region"], columns["kept"], np.zeros((n_blocks, window), np.int64),
            columns["failure"], columns["failed_at"], columns["copied"],
            np.ascontiguousarray(places[:, m.population]), bool(self.plan.couplings),
        )  # fmt: skip
        self._teams = {
            workers: loop.Team(
                np.zeros(loop.ASKED + loop.ASKED_WIDTH * workers, np.int64),
                shares(layout.split_evenly(load, workers), workers),
                shares(np.arange(self.slot_map.tile_first.size), workers),
            )
            for workers in {1, self.threads}
        }

    def _make_log(self) -> None:
        self._reserve = max(
            1,
            sum(
                p.size * self.sources[p.index].largest
                if p.index in self.sources
                else self.neurons[p.index].spikes.size
                for p in self.plan.populations
            ),
        )
        together = 1 + self._blocks.count.shape[1]
        self._log_ids = np.zeros(LOG_SPIKES + together * self._reserve, np.int32)
        self._log_start = np.zeros(1, np.int64)
        self._log_origin = 0

    # --- running --------------------------------------------------------------------------

    def run(
        self, n_steps: int, *, progress: Callable[[int, int], None] | None = None,
    ) -> Recorded:  # fmt: skip
        """Advance by `n_steps`.

        Parameters
        ----------
        progress : callable
            Called with (steps done, steps in all) after every chunk.

        A Ctrl-C ends the run after the present chunk: what was simulated until then is returned,
        and `interrupted` says so.

        Raises
        ------
        SimulationError
            If a state leaves the finite numbers: population, variable, neuron and time.
        """
        with self._lock, interruptible() as pressed:
            return self._run(n_steps, progress, pressed)

    def _run(
        self,
        n_steps: int,
        progress: Callable[[int, int], None] | None,
        pressed: threading.Event,
    ) -> Recorded:
        if self._failure is not None:
            raise SimulationError(f"{self._failure} Go back with session.reset().")
        first = self.step
        goal = first + n_steps
        if self.synapses.plastic and goal > LAST_LABEL:
            raise SimulationError(
                f"Plastic synapses count {LAST_LABEL:,} steps at most; this run would end at "
                f"{goal:,}. Go back to the start with session.reset(), which keeps what was "
                f"learned."
            )
        self._watch()
        weights = self._weight_samples(n_steps)
        taps = Taps(self.plan, self.neurons, n_steps)
        kept_labels: list[np.ndarray] = []
        kept_ids: list[np.ndarray] = []
        while self.step < goal and not pressed.is_set():
            chunk_first = self.step
            workers, steps = self._pace.next_chunk()
            last = min([goal, chunk_first + steps, *self._next_samples(first)])
            log = self._open_log(last)
            started = time.perf_counter()
            reason, reached = self._advance(workers, chunk_first, last, first, log, taps)
            self._pace.learn(workers, reached - chunk_first, time.perf_counter() - started)
            if reason == loop.FAILURE:
                self.step = reached
                self._failure = self._explain_failure(reached)
                raise self._failure
            self._log_start = log.start[: reached + 1 - log.origin + 1]
            labels, ids = self._spikes_of(log, chunk_first, reached)
            kept_labels.append(labels)
            kept_ids.append(ids)
            self.step = reached
            if reached > chunk_first:
                self._sample_weights(weights, first)
            if reason == loop.LOG_FULL and reached == chunk_first:
                self._log_ids = np.concatenate([self._log_ids, np.zeros_like(self._log_ids)])
            if progress is not None:
                progress(self.step - first, n_steps)
        self.interrupted = self.step < goal
        return Recorded(
            first,
            self.step,
            np.concatenate(kept_labels) if kept_labels else np.empty(0, np.int64),
            np.concatenate(kept_ids) if kept_ids else np.empty(0, np.int32),
            {**taps.samples(), **{k: np.array(rows) for k, rows in weights.items() if rows}},
        )

    def _recorded_weights(
        self,
    ) -> list[tuple[PlanRecorder, PlasticProjection | LearningCoupling]]:
        """Return the recorders of weights that change."""
        found = []
        for r in self.plan.recorders:
            if r.projection is not None:
                name = self.plan.projections[r.projection].name
                if name in self.plastic:
                    found.append((r, self.plastic[name]))
        return found

    def _weight_samples(self, n_steps: int) -> dict[int, list[Floats]]:
        """Return room for samples of weights by recorder, with those of the start."""
        return {
            r.index: [p.values("w", self.step)] if r.initial else []
            for r, p in self._recorded_weights()
        }

    def _next_samples(self, run_first: int) -> list[int]:
        """Return at which steps weights are next recorded: chunks end there."""
        return [
            run_first + ((self.step - run_first) // r.every_steps + 1) * r.every_steps
            for r, _ in self._recorded_weights()
        ]

    def _sample_weights(self, samples: dict[int, list[Floats]], run_first: int) -> None:
        for r, p in self._recorded_weights():
            if (self.step - run_first) % r.every_steps == 0:
                samples[r.index].append(p.values("w", self.step))

    def _open_log(self, last: int) -> loop.Log:
        """Keep the spikes that still have arrivals to come, make room for those of the chunk."""
        oldest = max(self._log_origin, self.step + 1 - self.synapses.max_delay)
        skip = oldest - self._log_origin
        start = self._log_start[skip:]
        kept = self._log_ids[start[0] : start[-1]].copy()
        if kept.size + self._reserve > self._log_ids.size:
            self._log_ids = np.zeros(2 * (kept.size + self._reserve), np.int32)
        self._log_ids[: kept.size] = kept
        full = np.zeros(last + 2 - oldest, np.int64)
        full[: start.size] = start - start[0]
        self._log_origin = oldest
        return loop.Log(self._log_ids, full, oldest, self._reserve)

    def _advance(
        self, workers: int, first: int, last: int, run_first: int, log: loop.Log, taps: Taps
    ) -> tuple[int, int]:
        team = self._teams[workers]
        team.shared[:] = 0
        self._blocks.failure[:] = 0
        outcome: list[tuple[int, int]] = [(0, 0)] * workers
        n_slots = max(1, self.slot_map.n_slots)

        def work(worker: int) -> None:
            outcome[worker] = loop.advance(
                worker, workers, first, last, run_first, team, self._blocks,
                self.synapses.delivery, self._plastic, log, taps.table, self.accumulator, n_slots,
            )  # fmt: skip

        helpers = [threading.Thread(target=work, args=(k,), daemon=True) for k in range(1, workers)]
        for helper in helpers:
            helper.start()
        work(0)
        for helper in helpers:
            helper.join()
        self.most_workers = max(self.most_workers, int(team.shared[loop.WORKED]))
        return outcome[0]

    def _spikes_of(self, log: loop.Log, first: int, reached: int) -> tuple[np.ndarray, np.ndarray]:
        """Return labels and global ids of the recorded spikes of steps first .. reached."""
        begin = first + 1 - log.origin
        start = log.start[begin : reached + 2 - log.origin]
        ids = log.ids[start[0] : start[-1]]
        labels = np.repeat(np.arange(first + 1, reached + 1, dtype=np.int64), np.diff(start))
        wanted = self._recorded_ids()
        if wanted is None:
            return labels, ids.copy()
        keep = wanted[ids]
        return labels[keep], ids[keep]

    def _recorded_ids(self) -> np.ndarray | None:
        """Return which neurons' spikes are recorded: (n,) bool, or None for all."""
        if not hasattr(self, "_wanted"):
            wanted = np.zeros(self.plan.size, np.bool_)
            for recorder in self.plan.recorders:
                if recorder.variable == "spikes":
                    wanted[recorder.ids] = True
            self._wanted = None if wanted.all() else wanted
        return self._wanted

    def _explain_failure(self, reached: int) -> SimulationError:
        """Find what left the finite numbers in the step that ended at `reached`."""
        for projection in self.plastic.values():
            failure = projection.failure()
            if failure is not None:
                return failure
        t = reached * self.plan.dt
        failed = (self._blocks.failure < 0) & (self._blocks.failed_at == reached)
        for b in np.flatnonzero(failed):
            p = self.plan.populations[int(self._block_map.population[b])]
            if p.index in self.sources:
                return SimulationError(
                    f"Population {p.name!r} at t = {t:g} ms: more spikes in one step than there "
                    f"is room for. Lower the rate or the time step."
                )
            if self._blocks.failure[b] == BAD_MULTIPLICITY:
                return SimulationError(
                    f"Population {p.name!r} at t = {t:g} ms: a neuron would emit a number of "
                    f"spikes outside 0 .. {self.neurons[p.index].largest} in one step."
                )
            lo, hi = int(self._block_map.lo[b]), int(self._block_map.hi[b])
            for name, values in self.neurons[p.index].states.items():
                bad = np.flatnonzero(~np.isfinite(values[lo:hi]))
                if bad.size:
                    neuron = lo + int(bad[0])
                    return SimulationError(
                        f"Population {p.name!r}, variable {name}, neuron {neuron}: the value is "
                        f"{values[neuron]} at t = {t:g} ms. A smaller dt, or a bounded input, "
                        f"keeps the equations finite."
                    )
            return SimulationError(
                f"Population {p.name!r}: a state of neurons {lo} to {hi - 1} is not finite at "
                f"t = {t:g} ms."
            )
        return SimulationError(f"A state is not finite at t = {t:g} ms.")

    # --- between runs -----------------------------------------------------------------------

    def reset(self) -> None:
        """Go back to t = 0 and the initial state; weights and parameters stay."""
        with self._lock:
            for state in self.neurons.values():
                state.initialise()
            for source in self.sources.values():
                source.reset()
            for feeder in (f for several in self._feeders.values() for f in several):
                feeder.reset()
            self._couplings.restart()
            for projection in self.plastic.values():
                if self._failure is None:
                    projection.catch_up(self.step)
                projection.restart()
            self.accumulator[:] = 0
            self.step = 0
            self._watch()
            self._failure = None
            self._log_start = np.zeros(1, np.int64)
            self._log_origin = 0

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Keep runs in other threads waiting, and refuse a network that has failed."""
        with self._lock:
            if self._failure is not None:
                raise SimulationError(f"{self._failure} Go back with session.reset().")
            yield

    def write(self, population: int, name: str, value: Any, where: np.ndarray) -> None:
        """Set a state or parameter of neurons `where` (local ids)."""
        with self._lock:
            state = self.neurons[population]
            state.write(name, value, where)
            self._couplings.note(population, name, self.step)
            if self.plan.populations[population].stages:
                self._make_blocks()
                return
            # One call is all that may have changed: what is set before every short run is fast.
            self._put_last_call(population, *self._couplings.last_call(state))

    def write_rate(self, population: int, rate: Any) -> None:
        """Let a Poisson source go on with another rate [Hz]: (n,), or one number.

        Raises
        ------
        DescriptionError
            If more spikes could fall into a step than sums were made for.
        """
        source = self.sources[population]
        fresh = poisson_at(source, self._machine, rate)
        if fresh.largest > source.largest:
            raise DescriptionError(
                f"Population {source.plan.name!r}: rate", rate,
                f"a rate at which a neuron fires at most {source.largest} times in a step, "
                f"for which sums were made",
                "Describe the source with one rate for each neuron, Poisson(rate=np.zeros(n)): "
                "these may be set to other rates.",
            )  # fmt: skip
        with self._lock:
            self.sources[population] = fresh
            self._put_last_call(population, fresh.address, fresh.context)

    def _put_last_call(self, population: int, address: int, context: Context) -> None:
        """Let another call advance a population."""
        self._contexts[population] = context
        self._blocks.call_address[self._last_calls[population]] = address
        self._blocks.call_ctx[self._last_calls[population]] = context.address

    def schedule_input(self, population: int, labels: Ints, neurons: np.ndarray) -> None:
        """Give an `Input("spikes")` population its spikes: labels ascending, int32 neurons."""
        source = self.sources[population]
        trains: list[list[float]] = [[] for _ in range(source.plan.size)]
        fresh = make_schedule(source.plan, trains, self.plan.dt)
        _, per_step = np.unique(labels, return_counts=True)
        largest = int(per_step.max(initial=1))
        fresh.spikes = np.zeros(largest, np.int32)
        fresh.largest = -(-largest // source.plan.size)
        fresh.context = Context(
            [
                source.plan.offset, fresh.spikes, labels.size, np.ascontiguousarray(labels),
                np.ascontiguousarray(neurons), np.zeros(1, np.int64),
            ]
        )  # fmt: skip
        with self._lock:
            self.sources[population] = fresh
            self._make_blocks()
            self._make_log_room()

    def feed_current(self, population: int, table: np.ndarray) -> None:
        """Give an `Input("current")` population its currents [pA]: (n_steps, n), from now on."""
        source = self.sources[population]
        with self._lock:
            self.sources[population] = make_held_input(
                source.plan, self._machine, table, self.step, source.row
            )
            self._make_blocks()

    def _make_log_room(self) -> None:
        """Let the log hold a step of the present sources; what it holds stays."""
        before = self._log_ids
        origin, start = self._log_origin, self._log_start
        self._make_log()
        if before.size > self._log_ids.size:
            self._log_ids = before
        else:
            self._log_ids[: before.size] = before
        self._log_origin, self._log_start = origin, start

    @property
    def workers(self) -> int:
        """With how many threads most steps were made: those allowed, or one if faster."""
        return self._pace.mostly


def shares(bounds: Ints, workers: int) -> Ints:
    """Deal the ranges between `bounds` to workers: (workers + 1,) bounds of each one's share."""
    n = bounds.size - 1
    return np.array([bounds[n * w // workers] for w in range(workers + 1)], np.int64)


def choose_threads(plan: Plan, wanted: int | None) -> int:
    """Return how many threads are used, at most `wanted`; by themselves, those that pay off.

    Two barriers a step cost about half a microsecond, a step of 1000 simple neurons some five: a
    network below that runs on one thread.
    """
    if not JIT:
        return 1
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    limit = wanted if wanted is not None else (cores or 1)
    if wanted is not None:
        # Waiting threads spin, so that those beyond the cores only cost. Four are allowed
        # everywhere, for comparing results.
        return max(1, min(wanted, max(4, cores or 1)))
    synapses = sum(layout.expected_connections(p) for p in plan.projections)
    work = plan.size + synapses / 200.0
    return max(1, min(limit, int(work // 2000) or 1))
