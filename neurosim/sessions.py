"""What sessions on a Plan share: looking, setting, connections, results and provenance."""

from __future__ import annotations

import platform
import sys
import time
from abc import abstractmethod
from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from importlib import metadata
from typing import Any

import numpy as np
import numpy.typing as npt

from neurosim.backend import Connections, Options, Session
from neurosim.describe.network import Network
from neurosim.describe.population import Population, Selectable
from neurosim.describe.projection import Projection
from neurosim.describe.sources import Poisson, RateSteps
from neurosim.engine.clock import Recorded
from neurosim.engine.wiring import enumerate_connections
from neurosim.errors import DescriptionError, UnknownNameError, UnsupportedError, warn
from neurosim.lower.lowering import lower
from neurosim.lower.plan import Floats, Ints, Plan, PlanProjection, PlanRecorder
from neurosim.lower.values import settable_value
from neurosim.results import Run, SpikeRecord, Trace
from neurosim.units import to_float


class PlanSession(Session):
    """A session whose simulator is told of a Plan.

    Attributes
    ----------
    plan : Plan
        What the network is at this time step.
    """

    def __init__(self, network: Network, options: Options) -> None:
        super().__init__(network.copy(), options)
        self._began = time.perf_counter()
        self.plan = lower(self.network, options.dt)
        self._approximations = [a.told for a in self.plan.approximations]
        for a in self.plan.approximations:
            if a.written:
                warn(f"{a.part} is {a.how}: off by up to {a.bound:.3g} {a.unit}.")
        self._build_seconds = 0.0

    def _is_built(self) -> None:
        """Take note of how long building took."""
        self._build_seconds = time.perf_counter() - self._began

    def set(self, view: Selectable | str | Projection, **values: Any) -> None:
        """Set states or parameters of some neurons."""
        if self._learning_of(view) is not None:
            raise self._no_plasticity()
        checked = self._check_view(view, "session.set: view")
        for name, value in values.items():
            at = 0
            for population, indices in checked.segments:
                place = f"session.set: {name} of {population.name!r}"
                if self.plan.populations[population.index].spec is None:
                    number = source_rate(population, name, value, len(checked), place)
                else:
                    number = settable_value(population, name, value, len(checked), place)
                part = number if np.ndim(number) == 0 else number[at : at + len(indices)]
                if not np.all(np.isfinite(part)):
                    raise DescriptionError(place, value, "finite numbers")
                where = np.asarray(indices)
                if self.plan.populations[population.index].spec is None:
                    self._write_rate(population.index, part, where, place)
                else:
                    self._write(population.index, name, part, where)
                at += len(indices)

    @abstractmethod
    def _write(self, population: int, name: str, value: Any, where: Ints) -> None:
        """Set a state or parameter of the neurons `where` (local ids)."""

    def _write_rate(self, population: int, rate: Any, where: Ints, place: str) -> None:
        """Set the rate [Hz] of the Poisson sources `where` (local ids)."""
        raise UnsupportedError(
            place, f"this backend sets no rates of sources ({type(self).__name__})",
            "a run for each rate, or Poisson(rate=RateSteps(...))",
        )  # fmt: skip

    def get(self, view: Selectable | str | Projection, name: str) -> Floats:
        """Return a state or parameter of neurons, or a variable of plastic synapses."""
        learning = self._learning_of(view)
        if learning is not None:
            projection = self.plan.projections[learning]
            assert projection.plasticity is not None
            known = ("w", *projection.plasticity.program.variables["synapse"])
            if name not in known:
                place = f"Projection {projection.name!r}: variable of synapses"
                raise UnknownNameError(place, name, known)
            return self._synaptic(learning, name)
        checked = self._check_view(view, "session.get: view")
        if not isinstance(name, str):
            raise DescriptionError("session.get: name", name, "the name of a state or parameter")
        parts = []
        for population, indices in checked.segments:
            p = self.plan.populations[population.index]
            if p.spec is None:
                raise UnknownNameError(f"session.get: {p.name!r}", name, ())
            known = (*p.spec.states, *p.parameters)
            if name not in known:
                raise UnknownNameError(f"Population {p.name!r}: variable", name, known)
            parts.append(self._read(p.index, name, np.asarray(indices)))
        return np.concatenate(parts)

    @abstractmethod
    def _read(self, population: int, name: str, where: Ints) -> Floats:
        """Return a state or parameter of the neurons `where` (local ids)."""

    def _learning_of(self, view: object) -> int | None:
        """Return the place of the plastic projection that a view is, or whose name it is."""
        name = view.name if isinstance(view, Projection) else view
        for place, p in enumerate(self.plan.projections):
            if p.plasticity is not None and p.name == name:
                return place
        return None

    def _synaptic(self, projection: int, name: str) -> Floats:
        """Return a variable of plastic synapses, in the order of connections: (n_connections,)."""
        raise self._no_plasticity()

    def connections(self, projection: str | Projection) -> Connections:
        """Return the connections of a projection, with weights as they are now."""
        found = self._connections(projection)
        learning = self._learning_of(projection)
        if learning is None:
            return found
        return replace(found, weight=self._synaptic(learning, "w"))

    def _connections(self, projection: str | Projection) -> Connections:
        """Return the connections of a projection, with weights as they were at the start."""
        return connections_of(self.plan, projection)

    def _tell_of_interrupt(self) -> None:
        warn(
            f"Interrupted at t = {self.time:g} ms; the run holds what came before.", RuntimeWarning
        )

    def _provenance(
        self, backend: str, seconds: float, packages: Iterable[str], **facts: Any
    ) -> dict[str, Any]:
        """Return how a run came about.

        Parameters
        ----------
        seconds : float
            Wall time of the run.
        packages : iterable of str
            Distributions whose versions matter, beside ours.
        **facts
            What is special to the backend; "interrupted" among them.
        """
        return {
            "backend": backend,
            "seed": self.network.seed,
            "trial": self.options.trial,
            "network_hash": self.plan.network_hash,
            "dt": self.dt,
            "precision": self.options.precision,
            "approximations": list(self._approximations),
            "wall_seconds": {"build": self._build_seconds, "run": seconds},
            **facts,
            "versions": {
                "python": platform.python_version(),
                **{name: _version(name) for name in ("neurosim-snn", *packages)},
                **facts.get("versions", {}),
            },
            "processor": platform.machine(),
            "platform": sys.platform,
        }


@cache
def _version(package: str) -> str:
    """Return the version of a package: read once, as reading takes longer than a short run."""
    return metadata.version(package)


def source_rate(population: Population, name: str, value: Any, size: int, place: str) -> Any:
    """Return the rate that ``session.set`` was given for a Poisson source [Hz].

    Raises
    ------
    DescriptionError
        For other sources, rates that change by themselves, and what is no rate.
    """
    source = population.model
    if not isinstance(source, Poisson) or isinstance(source.rate, RateSteps):
        raise DescriptionError(
            place, value, "a population of neurons, or a Poisson source with rates of its own",
            "Other sources have no state.",
        )  # fmt: skip
    if name != "rate":
        raise UnknownNameError(place, name, ("rate",))
    number = to_float(value, "Hz", place, at_least=0)
    if np.ndim(number) > 0 and np.shape(number) != (size,):
        raise DescriptionError(place, number, f"one number, or one for each of the {size} neurons")
    return number


def input_train(counts: npt.NDArray[Any], first: int) -> tuple[Ints, Ints]:
    """Return labels and ids of spikes that are handed over as numbers, as often as each occurs.

    Parameters
    ----------
    counts : (n_steps, size) array
        Whole numbers.
    first : int
        The step of the first row: its spikes carry the label first + 1.
    """
    step, neuron = np.nonzero(counts)
    many = counts[step, neuron].astype(np.int64)
    return np.repeat(first + 1 + step, many), np.repeat(neuron, many)


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
    parts = [c for c in (*plan.couplings, *plan.recurrences) if c.name == name]
    if parts:
        pre = np.concatenate([c.pre_position for c in parts])
        post = np.concatenate([c.post_position for c in parts])
        delays = [np.zeros(c.pre.size) if c.delay is None else c.delay for c in parts]
        delay = np.concatenate(delays)
        order = np.lexsort((post, pre))
        return Connections(
            pre=pre[order],
            post=post[order],
            weight=np.concatenate([c.weight for c in parts])[order],
            delay=delay[order],
        )
    if any(m.name == name for m in plan.memories):
        raise UnsupportedError(
            f"Projection {name!r}: its connections", "patterns couple without any",
            "PatternCoupling.fields and .energy, for any state",
        )  # fmt: skip
    known = [p.name for p in plan.projections]
    known += [c.name for c in (*plan.couplings, *plan.recurrences)]
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
    times = _sample_times(plan, recorder, recorded)
    if projection.plasticity is not None:
        array = recorded.samples.get(recorder.index, np.empty((0, 0)))
    else:
        found = enumerate_connections(projection, plan.seed, plan.dt)
        array = np.broadcast_to(found.weight, (times.size, found.weight.size)).copy()
    return Trace(
        array=array,
        times=times,
        ids=np.arange(array.shape[1]),
        unit=_weight_unit(plan, projection),
    )


def _weight_unit(plan: Plan, projection: PlanProjection) -> str:
    for p in plan.populations:
        if p.spec is not None and p.offset <= projection.post[0] < p.offset + p.size:
            return next(r.unit for r in p.spec.receptors if r.name == projection.receptor)
    return "1"
