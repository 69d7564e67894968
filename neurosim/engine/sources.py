"""Sources at run time: spike sources as populations, drives and currents as feeders of one."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from neurosim.describe.currents import ConstantCurrent, NoiseCurrent, StepCurrent
from neurosim.describe.sources import (
    CorrelatedPoisson,
    GammaProcess,
    Input,
    Poisson,
    RateSteps,
    SpikeTimes,
)
from neurosim.engine.arrays import zeros
from neurosim.engine.context import Context
from neurosim.engine.populations import RELAY_LIMIT, Machine, PopulationState, fitting
from neurosim.engine.trains import RateTable, poisson_thresholds, rate_table, schedule
from neurosim.errors import DescriptionError, UnsupportedError
from neurosim.kernels import feeders, sources
from neurosim.kernels.poisson import GROUP
from neurosim.kernels.random import CURRENT, DRIVE, NOISE, SOURCE, make_key
from neurosim.lower.plan import Plan, PlanDrive, PlanInjection, PlanPopulation
from neurosim.lower.values import nearest_steps

GAMMA_LIMIT = 64
"""Most spikes of one neuron of a gamma process in one step."""

INPUT_LIMIT = 256
"""Most spikes of one neuron in one step that may be handed over while running: accumulators are
scaled when a network is built, and must hold whatever comes."""


@dataclass
class SourceState:
    """A population that fires by itself.

    Attributes
    ----------
    whole : bool
        Whether the population must stay in one block.
    largest : int
        The most spikes that the population emits in a step, per neuron: room for them.
    reset : callable
        Puts it back to t = 0.
    multiplicity : int
        The most spikes that any one neuron emits in a step; `largest` if left out.
    """

    plan: PlanPopulation
    address: int
    context: Context
    spikes: np.ndarray
    largest: int
    reset: Callable[[], None]
    whole: bool = False
    row: np.ndarray | None = None
    """What a population that emits a current emits now [pA]: (n,) real."""
    multiplicity: int = 0
    rate: Any = None
    """Of a Poisson source whose rate does not change by itself [Hz]."""

    def __post_init__(self) -> None:
        self.multiplicity = self.multiplicity or max(1, self.largest)


def nothing() -> None:
    """Reset what keeps no state."""


def emitted_at_once(plan: Plan, sources: Mapping[int, SourceState]) -> dict[int, int]:
    """Return the most spikes of one neuron in one step, of populations where that may exceed 1.

    sources : population index -> source
    """
    relays = {p.index: RELAY_LIMIT for p in plan.populations if p.spec and p.spec.multiplicity}
    return {k: s.multiplicity for k, s in sources.items()} | relays


def make_lane_normals(state: PopulationState) -> Feeder:
    """Return the call that draws the noise of nodes in several lanes."""
    plan, machine = state.plan, state.machine
    assert plan.lanes is not None
    count = plan.lanes.count
    nodes = plan.size // count
    trials = sorted(set(plan.lanes.trial))
    keys = [make_key(machine.seed, NOISE, plan.index, trial) for trial in trials]
    context = Context(
        [
            plan.offset // count, count, len(state.normals), len(trials),
            np.array([[int(word) for word in key] for key in keys], np.int64),
            np.array([trials.index(trial) for trial in plan.lanes.trial], np.int64),
            zeros(2 * nodes, np.float64), nodes,
            np.array([row.ctypes.data for row in state.normals], np.int64),
        ]
    )  # fmt: skip
    return Feeder(feeders.lane_normals[machine.real].address, context)


def make_source(plan: PlanPopulation, machine: Machine) -> SourceState:
    """Return a spike source, ready to run."""
    source = plan.source
    key = make_key(machine.seed, SOURCE, plan.index, machine.trial)
    if isinstance(source, Poisson):
        return _poisson(plan, machine, source, key)
    if isinstance(source, GammaProcess):
        return _gamma(plan, machine, source, key)
    if isinstance(source, CorrelatedPoisson):
        return _correlated(plan, machine, source, key)
    if isinstance(source, SpikeTimes):
        return make_schedule(plan, list(source.trains), machine.dt)
    if isinstance(source, Input) and source.kind == "current":
        return make_held_input(plan, machine, np.zeros((1, plan.size)), 0, None)
    if isinstance(source, Input):
        state = make_schedule(plan, [[] for _ in range(plan.size)], machine.dt)
        state.multiplicity = INPUT_LIMIT
        return state
    raise UnsupportedError(
        f"Population {plan.name!r}: {type(source).__name__}", "the core has no form of this source"
    )


def _table(rate: Any, dt: float) -> RateTable:
    if isinstance(rate, RateSteps):
        return rate_table(rate.times, rate.rates, dt)
    return rate_table(np.zeros(1), np.atleast_1d(rate) if np.ndim(rate) == 0 else rate[None], dt)


def poisson_words(table: RateTable, first_id: int, key: Any, n: int) -> list[Any]:
    """Return the words from which `neurosim.kernels.feeders.poisson_counts` draws."""
    longest = int(table.first.max(initial=1))
    return [
        first_id, int(key[0]), int(key[1]), *table.words, zeros(n, np.int16),
        zeros(-(-n // GROUP) * GROUP, np.uint16), np.zeros(n + longest, np.int16),
    ]  # fmt: skip


def poisson_at(source: SourceState, machine: Machine, rate: Any) -> SourceState:
    """Return a Poisson source at another rate [Hz], in the place of one that exists."""
    plan = source.plan
    key = make_key(machine.seed, SOURCE, plan.index, machine.trial)
    if np.ndim(source.rate) > 0:
        rate = np.broadcast_to(np.asarray(rate, np.float64), plan.size)
    return _poisson(plan, machine, Poisson(rate=rate), key, source)


def _poisson(
    plan: PlanPopulation, machine: Machine, source: Poisson, key: Any,
    before: SourceState | None = None,
) -> SourceState:  # fmt: skip
    """Return a Poisson source; one that takes the place of another keeps its room for spikes."""
    table = _table(source.rate, machine.dt)
    room = table.largest if before is None else max(table.largest, before.largest)
    fits = before is not None and room == before.largest
    spikes = before.spikes if before is not None and fits else np.zeros(plan.size * room, np.int32)
    if table.each:
        counts = np.zeros(plan.size, np.int32)
        words = [plan.offset, spikes, room, counts, int(key[0]), *table.words]
        address = sources.poisson_source_each.address
    else:
        words = [spikes, room, *poisson_words(table, plan.offset, key, plan.size)]
        address = sources.poisson_source.address
    return SourceState(
        plan, address, Context([*words, *table.kept]), spikes, room, nothing,
        rate=None if isinstance(source.rate, RateSteps) else source.rate,
    )  # fmt: skip


def _correlated(
    plan: PlanPopulation, machine: Machine, source: CorrelatedPoisson, key: Any
) -> SourceState:
    mean = source.rate / source.correlation * 1e-3 * machine.dt
    thresholds, parts = poisson_thresholds(mean)
    largest = max(1, thresholds.size * parts)
    spikes = np.zeros(plan.size * largest, np.int32)
    counts = np.zeros(plan.size, np.int32)
    mother = make_key(machine.seed, SOURCE, plan.index, machine.trial + (1 << 40))
    context = Context(
        [
            plan.offset, spikes, largest, counts, int(key[0]), int(key[1]),
            parts, int(mother[0]), float(source.correlation), mean / parts, math.exp(-mean / parts),
        ]
    )  # fmt: skip
    return SourceState(plan, sources.correlated_source.address, context, spikes, largest, nothing)


def _gamma(plan: PlanPopulation, machine: Machine, source: GammaProcess, key: Any) -> SourceState:
    n = plan.size
    rate = np.broadcast_to(np.asarray(source.rate, np.float64), n)
    shape = np.ascontiguousarray(np.broadcast_to(np.asarray(source.shape, np.float64), n))
    scale = np.ascontiguousarray(1000.0 / rate / shape / machine.dt)
    due = np.zeros(n)
    drawn = np.zeros(n, np.int64)
    equilibrium = source.start == "equilibrium"

    def reset() -> None:
        sources.gamma_start(
            n, due, drawn, shape, scale, plan.offset, equilibrium, int(key[0]), int(key[1])
        )

    reset()
    spikes = np.zeros(n * GAMMA_LIMIT, np.int32)
    counts = np.zeros(n, np.int32)
    context = Context(
        [
            plan.offset,
            spikes,
            GAMMA_LIMIT,
            counts,
            int(key[0]),
            int(key[1]),
            due,
            drawn,
            scale,
            shape,
        ]
    )
    return SourceState(plan, sources.gamma_source.address, context, spikes, GAMMA_LIMIT, reset)


def make_schedule(plan: PlanPopulation, trains: list[Any], dt: float) -> SourceState:
    """Return a source that fires at given times [ms]."""
    labels, neurons = schedule(trains, dt)
    if labels.size and labels[0] < 1:
        raise DescriptionError(
            f"Population {plan.name!r}: spike times", float(labels[0] * dt),
            "times of at least half a step", "A spike at time 0 would belong to a step before.",
        )  # fmt: skip
    _, per_step = np.unique(labels, return_counts=True)
    largest = int(per_step.max(initial=1))
    _, per_neuron = np.unique(labels * plan.size + neurons, return_counts=True)
    spikes = np.zeros(max(largest, 1), np.int32)
    cursor = np.zeros(1, np.int64)

    def reset() -> None:
        cursor[0] = 0

    context = Context([plan.offset, spikes, labels.size, labels, neurons, cursor])
    address = sources.scheduled_source.address
    return SourceState(
        plan, address, context, spikes, -(-largest // plan.size), reset, whole=True,
        multiplicity=int(per_neuron.max(initial=1)),
    )  # fmt: skip


def make_held_input(
    plan: PlanPopulation, machine: Machine, table: np.ndarray, first: int, row: np.ndarray | None
) -> SourceState:
    """Return a population that emits currents from a table.

    Parameters
    ----------
    table : (n_steps, n) float64
        [pA]; row j is for the step that starts at first + j.
    row : (n,) real or None
        Where the present values lie, if the population exists already.
    """
    table = np.ascontiguousarray(table, np.float64)
    if row is None:
        row = zeros(plan.size, machine.real)
    row[:] = table[0]
    kept = row

    def reset() -> None:
        kept[:] = 0

    single = machine.real is np.float32
    context = Context([row, table.shape[0], table, first, plan.size, single])
    spikes = np.zeros(1, np.int32)
    return SourceState(plan, sources.held_input.address, context, spikes, 0, reset, row=row)


@dataclass
class Feeder:
    """Something that adds to a row of one population before its kernel runs."""

    address: int
    context: Context
    reset: Callable[[], None] = nothing


def _dense(state: PopulationState, ids: np.ndarray, values: Any) -> np.ndarray:
    """Spread values of some neurons (local ids) over the population: (n,) real, 0 elsewhere."""
    row = zeros(state.plan.size, state.machine.real)
    row[ids] = fitting(values, state.machine.real, f"Input of population {state.plan.name!r}")
    return row


def make_drive(drive: PlanDrive, state: PopulationState, chosen: np.ndarray) -> Feeder:
    """Return the feeder of a drive for those of its targets that lie in one population.

    chosen : (m,) int64   positions within ``drive.ids``
    """
    machine = state.machine
    local = drive.ids[chosen] - state.plan.offset
    weight = drive.weight[chosen] if np.ndim(drive.weight) else drive.weight  # type: ignore[index]
    if not isinstance(drive.source, Poisson):
        raise UnsupportedError(
            f"Drive of population {state.plan.name!r}: {type(drive.source).__name__}",
            "only Poisson drive comes without synapses",
            "a population with this source and a projection",
        )
    rate = drive.source.rate
    if isinstance(rate, RateSteps):
        rates = rate.rates
    else:
        rates = np.atleast_1d(rate) if np.ndim(rate) == 0 else np.asarray(rate)[None]
    times = rate.times if isinstance(rate, RateSteps) else np.zeros(1)
    if rates.ndim == 2:
        wide = np.zeros((rates.shape[0], state.plan.size))
        wide[:, local] = rates[:, chosen]
        rates = wide
    table = rate_table(times, rates, machine.dt)
    key = make_key(machine.seed, DRIVE, drive.index, machine.trial)
    entry = (feeders.poisson_drive_each if table.each else feeders.poisson_drive)[machine.real]
    words: list[Any] = [state.drives[drive.receptor]]
    if table.each:
        words += [_dense(state, local, weight), state.plan.offset, int(key[0]), *table.words]
    else:
        if np.ndim(weight) == 0 and local.size == state.plan.size:
            words += [0, float(fitting(weight, machine.real, f"Drive of {state.plan.name!r}"))]
        else:
            words += [_dense(state, local, weight), 0.0]
        words += poisson_words(table, state.plan.offset, key, state.plan.size)
    context = Context([*words, *table.kept])
    return Feeder(entry.address, context)


def make_clear(state: PopulationState) -> Feeder:
    """Return the feeder that zeroes the injected current."""
    entry = feeders.clear_row[state.machine.real]
    return Feeder(entry.address, Context([state.injected]))


def make_transfer(row: np.ndarray, state: PopulationState) -> Feeder:
    """Return the feeder that adds a row of currents, gathered from elsewhere."""
    entry = feeders.step_current[state.machine.real]
    address = np.array([row.ctypes.data], np.int64)
    words = [state.injected, 1, np.zeros(1, np.int64), address, np.ones(1)]
    return Feeder(entry.address, Context([*words, row]))


def make_current(injection: PlanInjection, state: PopulationState, chosen: np.ndarray) -> Feeder:
    """Return the feeder of an injected current for its targets in one population."""
    machine = state.machine
    local = injection.ids[chosen] - state.plan.offset
    source = injection.source
    if isinstance(source, NoiseCurrent):
        return _noise(injection, source, state, chosen, local)
    if isinstance(source, ConstantCurrent):
        times, amplitudes = np.zeros(1), np.asarray(source.amplitude, np.float64)[None]
    elif isinstance(source, StepCurrent):
        times, amplitudes = source.times, source.amplitudes
    else:
        raise UnsupportedError(
            f"Current into {state.plan.name!r}: {type(source).__name__}",
            "the core has no form of this current",
        )
    first = nearest_steps(times, machine.dt, "StepCurrent.times")
    if first[0] > 0:
        first = np.concatenate([[0], first])
        amplitudes = np.concatenate([np.zeros_like(amplitudes[:1]), amplitudes])
    if amplitudes.ndim == 2:
        gains = [_dense(state, local, a[chosen]) for a in amplitudes]
        levels = np.ones(len(gains))
    else:
        gains = [_dense(state, local, 1.0)] * amplitudes.size
        levels = np.ascontiguousarray(amplitudes, np.float64)
    addresses = np.array([g.ctypes.data for g in gains], np.int64)
    entry = feeders.step_current[machine.real]
    words = [state.injected, first.size, np.ascontiguousarray(first), addresses, levels]
    return Feeder(entry.address, Context([*words, *gains]))


def _noise(
    injection: PlanInjection, source: NoiseCurrent, state: PopulationState, chosen: np.ndarray,
    local: np.ndarray,
) -> Feeder:  # fmt: skip
    machine = state.machine

    def row(value: Any) -> np.ndarray:
        return _dense(state, local, np.asarray(value)[chosen] if np.ndim(value) else value)

    level = np.zeros(state.plan.size)
    interval = 1
    decay, spread = 0.0, 1.0
    if source.tau is not None:
        decay = math.exp(-machine.dt / source.tau)
        spread = math.sqrt(-math.expm1(-2 * machine.dt / source.tau))
    elif source.dt is not None:
        interval = round(source.dt / machine.dt)
        if interval < 1 or abs(interval * machine.dt - source.dt) > 1e-9 * source.dt:
            raise DescriptionError(
                "NoiseCurrent.dt", source.dt, f"a multiple of the time step {machine.dt} ms"
            )
    key = make_key(machine.seed, CURRENT, injection.index, machine.trial)

    def reset() -> None:
        level[:] = 0.0
        if source.tau is not None:
            feeders.stationary_levels(
                level.size, level, state.plan.offset, int(key[0]), int(key[1])
            )

    reset()
    entry = feeders.noise_current[machine.real]
    words = [
        state.injected, row(source.mean), row(source.sd), level, interval, state.plan.offset,
        int(key[0]), int(key[1]), decay, spread,
    ]  # fmt: skip
    return Feeder(entry.address, Context(words), reset)
