"""What the sessions of several backends share: connections, results and provenance from a Plan."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterable
from importlib import metadata
from typing import Any

import numpy as np
import numpy.typing as npt

from neurosim.backend import Connections
from neurosim.describe.projection import Projection
from neurosim.engine.clock import Recorded
from neurosim.engine.wiring import enumerate_connections
from neurosim.errors import DescriptionError, UnknownNameError
from neurosim.lower.plan import Plan, PlanProjection, PlanRecorder
from neurosim.results import Run, SpikeRecord, Trace


def connections_of(plan: Plan, projection: str | Projection) -> Connections:
    """Return the connections of a projection or coupling: what ``Session.connections`` gives.

    Raises
    ------
    UnknownNameError
        If the plan has no projection of that name.
    """
    name = projection.name if isinstance(projection, Projection) else projection
    if not isinstance(name, str):
        raise DescriptionError("session.connections: projection", name, "a projection's name")
    for p in plan.projections:
        if p.name == name:
            found = enumerate_connections(p, plan.seed, plan.dt)
            return Connections(
                pre=found.pre_position,
                post=found.post_position,
                weight=found.weight,
                delay=times_of(found.delay_steps, plan.dt),
            )
    for c in plan.couplings:
        if c.name == name:
            order = np.lexsort((c.post_position, c.pre_position))
            return Connections(
                pre=c.pre_position[order],
                post=c.post_position[order],
                weight=c.weight[order],
                delay=np.zeros(order.size),
            )
    known = [p.name for p in plan.projections] + [c.name for c in plan.couplings]
    raise UnknownNameError("session.connections: projection", name, known)


def times_of(steps: npt.NDArray[np.int64], dt: float) -> npt.NDArray[np.float64]:
    """Return the times of steps [ms]: one way to compute them, so that they compare equal."""
    return steps.astype(np.float64) * dt


def run_of(plan: Plan, recorded: Recorded, provenance: dict[str, Any]) -> Run:
    """Return what was recorded as a `Run`.

    Parameters
    ----------
    plan : Plan
    recorded : Recorded
        Spikes in the order of (label, id), of any neurons: those that no recorder asks for are left
        out. Samples by recorder.
    provenance : dict
    """
    interval = (recorded.first_step * plan.dt, recorded.last_step * plan.dt)
    spikes: dict[str, SpikeRecord] = {}
    states: dict[str, dict[str, Trace]] = {}
    weights: dict[str, Trace] = {}
    whole = {(r.population, r.variable) for r in plan.recorders if r.reduce == "none"}
    for r in plan.recorders:
        if r.projection is not None:
            projection = plan.projections[r.projection]
            weights[projection.name] = _weights(plan, projection, r, recorded)
            continue
        population = plan.populations[r.population]
        if r.variable == "spikes":
            spikes[population.name] = _spikes(plan, r, recorded, interval)
            continue
        assert population.spec is not None
        key = r.variable
        if r.reduce == "mean" and (r.population, key) in whole:
            key = f"{key} (mean)"
        states.setdefault(population.name, {})[key] = Trace(
            array=recorded.samples[r.index],
            times=_sample_times(plan, r, recorded),
            ids=r.ids - population.offset,
            unit=population.spec.units[r.variable],
            reduce=r.reduce,
        )
    return Run(
        name=plan.name,
        interval=interval,
        populations={p.name: p.size for p in plan.populations},
        spikes=spikes,
        states=states,
        weights=weights,
        provenance=provenance,
    )


def _spikes(
    plan: Plan, recorder: PlanRecorder, recorded: Recorded, interval: tuple[float, float]
) -> SpikeRecord:
    population = plan.populations[recorder.population]
    local = recorder.ids - population.offset
    mine = (recorded.ids >= population.offset) & (
        recorded.ids < population.offset + population.size
    )
    ids = recorded.ids[mine].astype(np.int64) - population.offset
    labels = recorded.labels[mine]
    whole = local.size == population.size
    if not whole:
        wanted = np.zeros(population.size, np.bool_)
        wanted[local] = True
        ids, labels = ids[wanted[ids]], labels[wanted[ids]]
    return SpikeRecord(
        times=times_of(labels, plan.dt),
        ids=ids,
        size=population.size,
        interval=interval,
        recorded=None if whole else local,
    )


def _sample_times(
    plan: Plan, recorder: PlanRecorder, recorded: Recorded
) -> npt.NDArray[np.float64]:
    n = (recorded.last_step - recorded.first_step) // recorder.every_steps
    start = 0 if recorder.initial else 1
    steps = recorded.first_step + recorder.every_steps * np.arange(start, n + 1, dtype=np.int64)
    return times_of(steps, plan.dt)


def _weights(
    plan: Plan, projection: PlanProjection, recorder: PlanRecorder, recorded: Recorded
) -> Trace:
    found = enumerate_connections(projection, plan.seed, plan.dt)
    times = _sample_times(plan, recorder, recorded)
    return Trace(
        array=np.broadcast_to(found.weight, (times.size, found.weight.size)).copy(),
        times=times,
        ids=np.arange(found.weight.size),
        unit=_weight_unit(plan, projection),
    )


def _weight_unit(plan: Plan, projection: PlanProjection) -> str:
    for p in plan.populations:
        if p.spec is not None and p.offset <= projection.post[0] < p.offset + p.size:
            return next(r.unit for r in p.spec.receptors if r.name == projection.receptor)
    return "1"


def surroundings(packages: Iterable[str]) -> dict[str, Any]:
    """Return versions and machine, for a provenance.

    packages : names of distributions
    """
    return {
        "versions": {
            "python": platform.python_version(),
            **{name: metadata.version(name) for name in packages},
        },
        "processor": platform.machine(),
        "platform": sys.platform,
    }
