"""What a run in NEST leaves behind, as a `Run`."""

from __future__ import annotations

import platform
import sys
from dataclasses import dataclass
from importlib import metadata
from typing import Any

import numpy as np

from neurosim.engine.wiring import enumerate_connections
from neurosim.lower.plan import Floats, Plan, PlanProjection, PlanRecorder
from neurosim.results import Run, SpikeRecord, Trace
from neurosim_backends.nest import kernel
from neurosim_backends.nest.recording import Samples, Spikes

PACKAGES = ("neurosim-snn", "numpy")


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One run as NEST gave it.

    Attributes
    ----------
    first, last : int
        The run took the network from one step to the other.
    spikes : Spikes
        Of all neurons and sources.
    samples : Samples
    """

    first: int
    last: int
    spikes: Spikes
    samples: Samples


def make_run(plan: Plan, outcome: Outcome, provenance: dict[str, Any]) -> Run:
    """Return the results in our names and units.

    Parameters
    ----------
    plan : Plan
    outcome : Outcome
    provenance : dict
        How it came about, versions and machine apart.
    """
    dt, found = plan.dt, outcome.spikes
    interval = (outcome.first * dt, outcome.last * dt)
    spikes: dict[str, SpikeRecord] = {}
    states: dict[str, dict[str, Trace]] = {}
    weights: dict[str, Trace] = {}
    whole = {(r.population, r.variable) for r in plan.recorders if r.reduce == "none"}
    for r in plan.recorders:
        times = _sample_times(r, outcome, dt)
        if r.projection is not None:
            projection = plan.projections[r.projection]
            weights[projection.name] = _weights(plan, projection, times)
            continue
        p = plan.populations[r.population]
        local = r.ids - p.offset
        if r.variable == "spikes":
            wanted = np.zeros(plan.size, np.bool_)
            wanted[r.ids] = True
            mine = found.chosen(wanted)
            spikes[p.name] = SpikeRecord(
                times=np.asarray(mine.labels * dt, np.float64),
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
        states.setdefault(p.name, {})[key] = Trace(
            array=outcome.samples.arrays[r.index][: times.size],
            times=times,
            ids=local,
            unit=p.spec.units[r.variable],
            reduce=r.reduce,
        )
    return Run(
        name=plan.name,
        interval=interval,
        populations={p.name: p.size for p in plan.populations},
        spikes=spikes,
        states=states,
        weights=weights,
        provenance={
            **provenance,
            "versions": {
                "python": platform.python_version(),
                **{name: metadata.version(name) for name in PACKAGES},
                "nest-simulator": str(kernel.load().__version__),
            },
            "processor": platform.machine(),
            "platform": sys.platform,
        },
    )


def _sample_times(recorder: PlanRecorder, outcome: Outcome, dt: float) -> Floats:
    n = (outcome.last - outcome.first) // recorder.every_steps
    start = 0 if recorder.initial else 1
    steps = outcome.first + recorder.every_steps * np.arange(start, n + 1)
    return np.asarray(steps * dt, np.float64)


def _weights(plan: Plan, projection: PlanProjection, times: Floats) -> Trace:
    found = enumerate_connections(projection, plan.seed, plan.dt)
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
