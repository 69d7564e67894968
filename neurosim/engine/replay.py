"""The random drive and noise of a network as arrays, so that another simulator can be given it.

Everything random in a run is a function of (seed, trial, place, step): here the same numbers are
drawn without simulating the network.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from neurosim.engine.clock import Engine
from neurosim.engine.sources import Feeder, make_clear, make_current, make_drive
from neurosim.kernels.jit import function_at
from neurosim.kernels.random import NOISE, make_key
from neurosim.kernels.replaying import hazard_uniforms, noise_normals
from neurosim.lower.plan import Floats, Ints, Plan, PlanRecorder


@dataclass(frozen=True, kw_only=True)
class Chunk:
    """What enters a network from outside in the steps first_step .. first_step + n_steps - 1.

    Row j of every array belongs to step first_step + j, which ends at (first_step + j + 1) dt.

    Attributes
    ----------
    trains : mapping of int to (labels, ids)
        Source population -> its spikes: steps at whose end they occur (label k + 1 for step k, so
        the time is label * dt) and local ids, both int64, ascending; a neuron that emits several
        spikes at once is repeated.
    counts : mapping of int to (n_steps, n_targets) int64
        Drive -> number of spikes that reach each of its targets at the end of the step, in the
        order of ``PlanDrive.ids``. They carry ``PlanDrive.weight`` and do not pass a delay.
    arrivals : mapping of (int, str) to (n_steps, size) float64
        (population, receptor) -> summed weights of all its drives, arriving at the end of the step.
    injected : mapping of int to (n_steps, size) float64
        Population -> injected current [pA] during the step, without ``I_e``.
    normals : mapping of int to (n_steps, n_normals, size) float64
        Population -> `normal_0`, `normal_1`, ... of its program.
    uniforms : mapping of int to (n_steps, size) float64
        Population with a hazard -> the number below which 1 - exp(-hazard * dt) has it fire.
    """

    first_step: int
    n_steps: int
    trains: Mapping[int, tuple[Ints, Ints]] = field(default_factory=dict)
    counts: Mapping[int, Ints] = field(default_factory=dict)
    arrivals: Mapping[tuple[int, str], Floats] = field(default_factory=dict)
    injected: Mapping[int, Floats] = field(default_factory=dict)
    normals: Mapping[int, Floats] = field(default_factory=dict)
    uniforms: Mapping[int, Floats] = field(default_factory=dict)


class Replay:
    """Draws what the CPU core would draw, in double precision, piece by piece from t = 0.

    ``Input`` populations stay silent: what is handed over while running is not random.

    Parameters
    ----------
    plan : Plan
        The network.
    trial : int
        Which realisation.
    """

    def __init__(self, plan: Plan, trial: int = 0) -> None:
        self.plan = plan
        self.trial = trial
        sources = [p for p in plan.populations if p.source is not None]
        alone = replace(
            plan,
            projections=(),
            couplings=(),
            recorders=tuple(
                PlanRecorder(k, p.index, np.arange(p.offset, p.offset + p.size), "spikes", 1)
                for k, p in enumerate(sources)
            ),
        )
        self._sources = tuple(p.index for p in sources)
        self._engine = Engine(replace(alone, drives=(), injections=()), threads=1, trial=trial)
        states = Engine(alone, threads=1, trial=trial).neurons
        self._drives: list[tuple[int, int, Ints, Feeder, np.ndarray, np.ndarray]] = []
        self._currents: dict[int, tuple[np.ndarray, list[Feeder]]] = {}
        for index, state in states.items():
            ids = state.plan.ids
            for drive in plan.drives:
                chosen = np.flatnonzero((drive.ids >= ids.start) & (drive.ids < ids.stop))
                if chosen.size:
                    feeder = make_drive(replace(drive, weight=1.0), state, chosen)
                    row = state.drives[drive.receptor]
                    local = drive.ids[chosen] - ids.start
                    self._drives.append((drive.index, index, chosen, feeder, row, local))
            if state.injected is not None:
                mine = [make_clear(state)]
                for injection in plan.injections:
                    chosen = np.flatnonzero(
                        (injection.ids >= ids.start) & (injection.ids < ids.stop)
                    )
                    if chosen.size:
                        mine.append(make_current(injection, state, chosen))
                self._currents[index] = (state.injected, mine)
        self._states = states
        self.step = 0

    @property
    def is_empty(self) -> bool:
        """Whether nothing random or scheduled enters the network."""
        noisy = any(
            p.spec is not None and (p.spec.n_normals or p.spec.hazard is not None)
            for p in self.plan.populations
        )
        return not (self._sources or self._drives or self._currents or noisy)

    @property
    def bytes_per_step(self) -> int:
        """Memory that one step of a chunk takes, spikes of sources apart."""
        total = 0
        for p in self.plan.populations:
            if p.spec is not None:
                rows = p.spec.n_normals + (p.spec.hazard is not None)
                rows += p.index in self._currents
                driven = {self.plan.drives[d[0]].receptor for d in self._drives if d[1] == p.index}
                rows += len(driven)
                total += 8 * p.size * rows
        return total + sum(8 * d.ids.size for d in self.plan.drives)

    def reset(self) -> None:
        """Go back to t = 0."""
        self._engine.reset()
        for _, feeders in self._currents.values():
            for feeder in feeders:
                feeder.reset()
        self.step = 0

    def next(self, n_steps: int) -> Chunk:
        """Draw the next `n_steps`."""
        first = self.step
        plan = self.plan
        trains: dict[int, tuple[Ints, Ints]] = {}
        if self._sources:
            recorded = self._engine.run(n_steps)
            for index in self._sources:
                p = plan.populations[index]
                mine = (recorded.ids >= p.offset) & (recorded.ids < p.offset + p.size)
                ids = recorded.ids[mine].astype(np.int64) - p.offset
                trains[index] = (recorded.labels[mine], ids)
        counts = {d.index: np.zeros((n_steps, d.ids.size), np.int64) for d in plan.drives}
        arrivals: dict[tuple[int, str], Floats] = {}
        for number, index, chosen, feeder, row, local in self._drives:
            drive, size = plan.drives[number], plan.populations[index].size
            weight = drive.weight[chosen] if np.ndim(drive.weight) else drive.weight  # type: ignore[index]
            total = arrivals.setdefault((index, drive.receptor), np.zeros((n_steps, size)))
            call = function_at(feeder.address)
            for j in range(n_steps):
                row[:] = 0
                call(feeder.context.address, 0, size, first + j)
                counts[number][j, chosen] = row[local]
                total[j, local] += weight * row[local]
        injected: dict[int, Floats] = {}
        for index, (row, feeders) in self._currents.items():
            injected[index] = np.zeros((n_steps, row.size))
            calls = [(function_at(f.address), f.context.address) for f in feeders]
            for j in range(n_steps):
                for call, address in calls:
                    call(address, 0, row.size, first + j)
                injected[index][j] = row
        normals: dict[int, Floats] = {}
        uniforms: dict[int, Floats] = {}
        for p in plan.populations:
            if p.spec is None:
                continue
            key = [int(word) for word in make_key(plan.seed, NOISE, p.index, self.trial)]
            if p.spec.n_normals:
                normals[p.index] = np.zeros((n_steps, p.spec.n_normals, p.size))
                for j in range(n_steps):
                    noise_normals(normals[p.index][j], p.offset, first + j, *key)
            if p.spec.hazard is not None:
                uniforms[p.index] = np.zeros((n_steps, p.size))
                for j in range(n_steps):
                    hazard_uniforms(uniforms[p.index][j], p.offset, first + j, *key)
        self.step += n_steps
        return Chunk(
            first_step=first, n_steps=n_steps, trains=trains, counts=counts, arrivals=arrivals,
            injected=injected, normals=normals, uniforms=uniforms,
        )  # fmt: skip
