"""Sweeps: one network at many parameter values, as a labelled array.

On our own core, simulations of networks without spikes run side by side: the nodes of all of them
stand in the same arrays, one value of each simulation next to the others, and become vector
instructions. Other networks run one after the other. Both give what single runs give.
"""

from __future__ import annotations

import itertools
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from importlib import metadata
from typing import Any

import numpy as np
import numpy.typing as npt

from neurosim.backend import Backend, Options, find_backend, make_options, whole_steps
from neurosim.describe.checks import to_int
from neurosim.describe.distributions import Distribution, FunctionOfDistance
from neurosim.describe.explicit import ExplicitRule, FromList, FromMatrix
from neurosim.describe.network import Network
from neurosim.describe.population import Population
from neurosim.describe.projection import Projection
from neurosim.engine.clock import Engine, Recorded, choose_threads
from neurosim.errors import (
    CapacityError,
    DescriptionError,
    MissingPackageError,
    UnknownNameError,
    UnsupportedError,
)
from neurosim.kernels.jit import JIT
from neurosim.lower.lanes import samples_of_lane, side_by_side, why_not_laned
from neurosim.lower.lowering import lower, lower_population
from neurosim.lower.plan import Plan
from neurosim.lower.stages import in_stages, together
from neurosim.lower.values import settable_value
from neurosim.results import Run
from neurosim.sessions import run_of

LANES = 8
"""Simulations side by side by default: a cache line of float64, and few enough that the past of a
hundred nodes over 25 ms stays in a cache of 2 MB."""

MOST_LANES = 1024
"""No more than a block of neurons has."""

WEIGHT = "weight"

Measure = Callable[[Run], Mapping[str, npt.ArrayLike] | float]


@dataclass(frozen=True)
class Target:
    """What a name of a sweep stands for: a parameter, or the weights of a projection."""

    name: str
    population: Population | None = None
    parameter: str = ""
    projection: Projection | None = None
    index: int = 0
    """Place among the projections."""


def sweep(
    network: Network,
    parameters: Mapping[str, npt.ArrayLike],
    duration: Any,
    *,
    names: Mapping[str, str] | None = None,
    trials: int | None = None,
    measure: Measure | None = None,
    backend: str | Backend = "cpu",
    lanes: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    **options: Any,
) -> Any:
    """Run a network at every combination of parameter values; return an `xarray.Dataset`.

    Every combination starts from the initial state and gives, bit for bit, what a single run with
    these values gives. Noise has the same realisation in all of them, unless `trials` is given.

    Parameters
    ----------
    network : Network
        What to run. What it records is what is kept.
    parameters : mapping of str to sequence of float
        Values by name; each name becomes a dimension. A name is ``"population.parameter"``, or the
        parameter alone where only one population has it; ``"projection.weight"`` multiplies the
        weights of a projection, or the name of the projection alone.
    duration : float or quantity
        How long each run lasts [ms].
    names : mapping of str to str, optional
        Names of your own for such targets: ``names={"K_gl": "cortex->cortex.weight"}``.
    trials : int, optional
        Repeat everything with so many realisations of noise and drive (a dimension "trial").
    measure : callable, optional
        Called with the `Run` of each combination; returns a number, or a mapping of names to
        numbers or arrays (of the same shape each time). Only these are kept: traces of many runs
        may not fit into memory.
    backend : str or Backend
        Where to run.
    lanes : int, optional
        How many simulations stand side by side, at most; changes no result.
    progress : callable, optional
        Called with (combinations done, combinations in all).
    **options
        As in ``ns.run``: dt, threads, precision, integrator.

    Returns
    -------
    xarray.Dataset
        Without `measure`, a variable "population.state" per recorder, its dimensions the parameters
        (and "trial"), then "time" [ms] ("population.state.time" where it is another one than the
        first) and "population.neuron"; spikes are counted, as "population.spikes". With it, what it
        returns. ``attrs["provenance"]`` is JSON: among other things, whether the simulations ran
        side by side, or why not.

    Raises
    ------
    DescriptionError
        If a name stands for nothing, or a value cannot be.
    SimulationError
        If a state leaves the finite numbers: the message has the parameter values.
    CapacityError
        If the traces do not fit into memory.
    MissingPackageError
        Without xarray.

    Examples
    --------
    >>> import neurosim as ns
    >>> text = "dx/dt = speed*(a - x)/ms : 1"
    >>> decay = ns.NeuronModel("decay", equations=text, parameters=dict(a=0.0, speed=0.1))
    >>> net = ns.Network("one node")
    >>> node = net.population("node", 1, decay)
    >>> _ = net.record(node, "x", every=10)
    >>> found = ns.sweep(net, {"a": [1, 2, 3], "speed": [0.05, 0.2]}, 30)
    >>> found["node.x"].dims
    ('a', 'speed', 'time', 'node.neuron')
    """
    try:
        import xarray
    except ImportError:
        raise MissingPackageError("xarray", "neurosim.sweep", "analysis") from None
    if not isinstance(network, Network):
        raise DescriptionError("sweep: network", network, "a neurosim.Network")
    own = ["parameters", "names", "trials", "measure", "backend", "lanes", "progress"]
    if "trial" in options and trials is not None:
        raise DescriptionError("sweep: trial", options["trial"], "either trial= or trials=")
    chosen = make_options(network, options, "sweep: option", own)
    started = time.perf_counter()
    job = _Job(network, parameters, duration, names or {}, trials, chosen)
    home = find_backend(backend)
    reason = "the backend is not the cpu core" if home.name != "cpu" else why_not_laned(job.plan)
    keep: _Traces | _Measured = _Traces(job) if measure is None else _Measured(job, measure)
    width = LANES if lanes is None else to_int(lanes, "sweep: lanes", at_least=1)
    if width > MOST_LANES:
        raise DescriptionError("sweep: lanes", lanes, f"at most {MOST_LANES}")
    runs = _side_by_side(job, width) if reason is None else _one_by_one(job, home, range(job.size))
    for done, (place, run) in enumerate(runs, 1):
        keep.take(place, run)
        if progress is not None:
            progress(done, job.size)
    dataset = keep.dataset(xarray)
    provenance = {
        "network": network.name,
        "network_hash": job.plan.network_hash,
        "seed": network.seed,
        "dt": chosen.dt,
        "duration": job.n_steps * chosen.dt,
        "precision": chosen.precision,
        "backend": home.name,
        "combinations": job.size,
        "path": "side by side" if reason is None else "one by one",
        "why": "" if reason is None else reason,
        "lanes": lanes_of(job, width) if reason is None else 1,
        "approximations": [a.told for a in job.plan.approximations],
        "wall_seconds": time.perf_counter() - started,
        "versions": {"neurosim-snn": metadata.version("neurosim-snn")},
    }
    return dataset.assign_attrs(provenance=json.dumps(provenance))


class _Job:
    """What is to be run: every combination of values, and the network at each."""

    def __init__(
        self,
        network: Network,
        parameters: Any,
        duration: Any,
        names: Mapping[str, str],
        trials: int | None,
        options: Options,
    ) -> None:
        self.network = network
        self.options = options
        self.duration = duration
        self.n_steps = whole_steps(duration, options.dt, "sweep: duration")
        if not isinstance(parameters, Mapping) or not parameters:
            raise DescriptionError(
                "sweep: parameters", parameters, "a mapping of names to lists of values"
            )
        for alias in names:
            if alias not in parameters:
                raise UnknownNameError("sweep: names", alias, parameters)
        self.targets = [_target(network, name, names.get(name, name)) for name in parameters]
        meant: dict[tuple[Any, ...], str] = {}
        for target in self.targets:
            thing = (target.population, target.parameter, target.index, target.projection)
            if thing in meant:
                raise DescriptionError(
                    "sweep: parameters", target.name,
                    f"another target than {meant[thing]!r}, which means the same",
                )  # fmt: skip
            meant[thing] = target.name
        self.values = {
            target.name: _values(target, parameters[target.name]) for target in self.targets
        }
        self.trials = None if trials is None else to_int(trials, "sweep: trials", at_least=1)
        self.dimensions = [*self.values] + (["trial"] if self.trials is not None else [])
        if self.trials is not None and "trial" in self.values:
            raise DescriptionError("sweep: trials", trials, "no parameter called 'trial' beside it")
        sizes = [v.size for v in self.values.values()]
        self.shape = tuple(sizes + ([self.trials] if self.trials is not None else []))
        self.size = int(np.prod(self.shape))
        # With the weights as they are: factors are put to them where runs stand side by side.
        first = lower(self.network_at(self.point(0), scale=False), options.dt)
        self.plan: Plan = together(first, options.integrator)

    def point(self, number: int) -> tuple[float, ...]:
        """Return the values of a combination, in the order of the targets."""
        place = np.unravel_index(number, self.shape)
        return tuple(
            float(values[k]) for values, k in zip(self.values.values(), place, strict=False)
        )

    def trial(self, number: int) -> int:
        """Return the realisation of noise of a combination."""
        if self.trials is None:
            return self.options.trial
        return number % self.trials

    def said(self, number: int) -> str:
        """Return a combination in words."""
        words = [f"{t.name} = {v:g}" for t, v in zip(self.targets, self.point(number), strict=True)]
        return ", ".join(words + ([f"trial {self.trial(number)}"] if self.trials else []))

    def network_at(self, point: Sequence[float], *, scale: bool = True) -> Network:
        """Return the network with these values; without `scale`, with the weights as they are."""
        made = self.network.copy()
        for target, value in zip(self.targets, point, strict=True):
            if target.population is not None:
                name = target.population.name
                made._populations[name] = _with_parameter(
                    made._populations[name], target.parameter, value
                )
            elif scale:
                assert target.projection is not None
                name = target.projection.name
                made._projections[name] = _scaled(target.projection, value, target.name)
        return made


def _target(network: Network, name: Any, meaning: Any) -> Target:
    """Find what a name stands for."""
    place = f"sweep: {name!r}" if name == meaning else f"sweep: names[{name!r}]"
    if not isinstance(name, str) or not isinstance(meaning, str):
        raise DescriptionError("sweep: parameters", name, "names of parameters")
    populations = {p.name: p for p in network.populations.values() if not p.interface.is_source}
    projections = list(network.projections.values())
    found: list[Target] = []
    for index, projection in enumerate(projections):
        if meaning in (projection.name, f"{projection.name}.{WEIGHT}"):
            found.append(Target(name, projection=projection, index=index))
    for p in populations.values():
        for parameter in p.parameters:
            if meaning in (parameter, f"{p.name}.{parameter}"):
                found.append(Target(name, population=p, parameter=parameter))
    if len(found) == 1:
        return found[0]
    full = [f"{p.name}.{k}" for p in populations.values() for k in p.parameters]
    full += [f"{projection.name}.{WEIGHT}" for projection in projections]
    if found:
        meant = [
            f"{t.population.name}.{t.parameter}" if t.population is not None
            else f"{t.projection.name}.{WEIGHT}"  # type: ignore[union-attr]
            for t in found
        ]  # fmt: skip
        raise DescriptionError(place, meaning, f"one of {', '.join(map(repr, meant))}")
    raise UnknownNameError(place, meaning, full)


def _values(target: Target, given: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return the values of a target as numbers in its unit, (n,) float64."""
    place = f"sweep: {target.name!r}"
    if isinstance(given, str) or np.ndim(given) != 1 or np.size(given) == 0:
        raise DescriptionError(place, given, "a list of values, at least one")
    if target.population is not None:
        found = [
            settable_value(target.population, target.parameter, value, 1, place)
            for value in given  # type: ignore[union-attr]
        ]
    else:
        found = list(given)  # type: ignore[arg-type]
    values = np.array(found, dtype=np.float64) if all(map(_is_number, found)) else np.empty(0)
    if values.ndim != 1 or not values.size or not np.isfinite(values).all():
        raise DescriptionError(place, given, "finite numbers")
    return values


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)


def _with_parameter(population: Population, name: str, value: float) -> Population:
    """Return a population with another value of a parameter, for all of its neurons."""
    made = replace(population)
    object.__setattr__(made, "parameters", {**population.parameters, name: value})
    return made


def _scaled(projection: Projection, factor: float, name: str) -> Projection:
    """Return a projection with weights multiplied by a factor."""
    rule, weight = projection.rule, projection.weight
    if isinstance(weight, (Distribution, FunctionOfDistance)):
        raise UnsupportedError(
            f"sweep: {name!r}", "weights that are drawn or computed have no factor here",
            "a number or a matrix as weight",
        )  # fmt: skip
    if weight is not None:
        return replace(projection, weight=weight * factor)
    if isinstance(rule, FromMatrix):
        m = rule.matrix
        return replace(projection, rule=FromMatrix(replace(m, weight=m.weight * factor)))
    if isinstance(rule, FromList):
        listed = FromList(rule.pairs, np.asarray(rule.weight) * factor, rule.delay)
        return replace(projection, rule=listed)
    assert isinstance(rule, ExplicitRule)
    raise UnsupportedError(
        f"sweep: {name!r}", f"weights of {type(rule).__name__} have no factor here",
        "FromMatrix or FromList",
    )  # fmt: skip


# --- running


def _one_by_one(job: _Job, backend: Backend, numbers: Iterable[int]) -> Iterator[tuple[int, Run]]:
    """Run combinations by themselves."""
    for number in numbers:
        options = replace(job.options, trial=job.trial(number))
        session = backend.compile(job.network_at(job.point(number)), options)
        try:
            yield number, session.run(job.duration, progress=False)
        except ArithmeticError as error:
            raise type(error)(f"At {job.said(number)}: {error}") from error


def _side_by_side(job: _Job, width: int) -> Iterator[tuple[int, Run]]:
    """Run combinations in groups, those of a group in lanes, groups on several threads."""
    allowed = threads_of(job)
    width = lanes_of(job, width)
    groups = [
        list(range(first, min(first + width, job.size))) for first in range(0, job.size, width)
    ]
    workers = min(allowed, len(groups))
    if workers == 1:
        for group in groups:
            yield from _run_group(job, group, width)
        return
    with ThreadPoolExecutor(workers) as pool:
        # A few groups ahead only: finished ones wait here with all they recorded.
        waiting: list[Any] = []
        rest = iter(groups)
        for group in itertools.islice(rest, 2 * workers):
            waiting.append(pool.submit(_run_group, job, group, width))
        while waiting:
            finished = waiting.pop(0).result()
            for group in itertools.islice(rest, 1):
                waiting.append(pool.submit(_run_group, job, group, width))
            yield from finished


def threads_of(job: _Job) -> int:
    """Return how many groups run at a time."""
    if job.options.threads is not None:
        return choose_threads(job.plan, job.options.threads)
    return len(os.sched_getaffinity(0)) if JIT and hasattr(os, "sched_getaffinity") else 1


def lanes_of(job: _Job, most: int) -> int:
    """Return how many simulations stand side by side: as many as leave every thread some work.

    A power of two: a block of neurons, which has 1,024, then holds whole nodes.
    """
    width = max(1, min(most, -(-job.size // threads_of(job))))
    return min(1 << (width - 1).bit_length(), MOST_LANES)


def _run_group(job: _Job, group: list[int], width: int) -> list[tuple[int, Run]]:
    """Run combinations side by side; lanes that are left over repeat the last one."""
    padded = group + [group[-1]] * (width - len(group))
    points = [job.point(number) for number in padded]
    populations = []
    for point in points:
        made = job.network_at(point, scale=False)
        populations.append(
            tuple(
                in_stages(lower_population(p, made, job.plan.dt), job.options.integrator)
                for p in made.populations.values()
            )
        )
    factors = {}
    for k, target in enumerate(job.targets):
        if target.projection is not None:
            factors[target.index] = np.array([point[k] for point in points])
    woven = side_by_side(job.plan, populations, factors, [job.trial(number) for number in padded])
    engine = Engine(woven, threads=1, precision=job.options.precision)
    try:
        recorded = engine.run(job.n_steps)
    except ArithmeticError:
        # Alone, the one that fails names its own node and time, and its values.
        for _ in _one_by_one(job, find_backend("cpu"), group):
            pass
        raise
    found = []
    for lane, number in enumerate(group):
        samples = samples_of_lane(job.plan.recorders, recorded.samples, width, lane)
        own = Recorded(
            recorded.first_step, recorded.last_step, recorded.labels, recorded.ids, samples
        )
        told = {
            "backend": "cpu",
            "seed": job.network.seed,
            "trial": job.trial(number),
            "dt": job.plan.dt,
            "precision": job.options.precision,
            "lanes": width,
            "values": {t.name: v for t, v in zip(job.targets, points[lane], strict=True)},
            "approximations": [a.told for a in job.plan.approximations],
        }
        found.append((number, run_of(job.plan, own, told)))
    return found


# --- what is kept


class _Traces:
    """Everything that was recorded, as arrays over all combinations."""

    def __init__(self, job: _Job) -> None:
        self.job = job
        self.arrays: dict[str, np.ndarray] = {}
        self.facts: dict[str, tuple[tuple[str, ...], dict[str, Any], str]] = {}
        if not job.plan.recorders:
            raise DescriptionError(
                f"Network {job.network.name!r}: recorders", 0, "at least one for a sweep",
                "Add one: net.record(population, variable, every=...).",
            )  # fmt: skip
        self.times: np.ndarray | None = None
        self._check_room()

    def _check_room(self) -> None:
        needed = 0
        for r in self.job.plan.recorders:
            if r.variable != "spikes":
                width = 1 if r.reduce == "mean" else r.ids.size
                needed += 8 * width * (self.job.n_steps // r.every_steps + 1) * self.job.size
        if needed < 1 << 28:
            return
        import psutil

        available = int(psutil.virtual_memory().available)
        if needed > available:
            raise CapacityError(
                f"The traces of {self.job.size:,} runs need {needed / 1e9:.3g} GB; "
                f"{available / 1e9:.3g} GB are available. Keep numbers instead with measure=, "
                f"record less often (every=) or the average only (reduce='mean')."
            )

    def take(self, number: int, run: Run) -> None:
        """Keep what one run recorded."""
        place = np.unravel_index(number, self.job.shape)
        for population, traces in run.states.items():
            for variable, trace in traces.items():
                name = f"{population}.{variable}"
                mean = trace.reduce == "mean"
                values = trace.array[:, 0] if mean else trace.array
                if name not in self.arrays:
                    if self.times is None:
                        self.times = trace.times
                    same = np.array_equal(self.times, trace.times)
                    time_name = "time" if same else f"{name}.time"
                    neuron = f"{population}.neuron"
                    coords: dict[str, Any] = {time_name: trace.times}
                    if not mean:
                        if any(
                            neuron in c and not np.array_equal(c[neuron], trace.ids)
                            for _, c, _ in self.facts.values()
                        ):
                            neuron = f"{name}.neuron"
                        coords[neuron] = trace.ids
                    self.facts[name] = tuple(coords), coords, trace.unit
                    self.arrays[name] = np.empty(self.job.shape + values.shape)
                self.arrays[name][place] = values
        for population, record in run.spikes.items():
            name = f"{population}.spikes"
            counts = record.counts()
            if name not in self.arrays:
                neuron = f"{name}.neuron"
                self.facts[name] = (neuron,), {neuron: record.neurons}, "1"
                self.arrays[name] = np.empty((*self.job.shape, counts.size), np.int64)
            self.arrays[name][place] = counts

    def dataset(self, xarray: Any) -> Any:
        """Return all of it."""
        coords = _coordinates(self.job)
        variables = {}
        for name, array in self.arrays.items():
            dims, more, unit = self.facts[name]
            coords |= more
            variables[name] = ((*self.job.dimensions, *dims), array, {"units": unit})
        made = xarray.Dataset(variables, coords=coords)
        for name in made.coords:
            if name == "time" or str(name).endswith(".time"):
                made[name].attrs["units"] = "ms"
        return made


class _Measured:
    """What a function says of each run."""

    def __init__(self, job: _Job, measure: Measure) -> None:
        if not callable(measure):
            raise DescriptionError("sweep: measure", measure, "a function of a Run")
        self.job = job
        self.measure = measure
        self.arrays: dict[str, np.ndarray] = {}

    def take(self, number: int, run: Run) -> None:
        """Keep what the function says of one run."""
        said = self.measure(run)
        named = said if isinstance(said, Mapping) else {"measure": said}
        place = np.unravel_index(number, self.job.shape)
        if self.arrays and set(named) != set(self.arrays):
            raise DescriptionError(
                f"sweep: measure at {self.job.said(number)}", sorted(named),
                f"the names of the runs before, {sorted(self.arrays)}",
            )  # fmt: skip
        for name, value in named.items():
            array = np.asarray(value)
            if array.dtype.kind not in "biuf":
                raise DescriptionError(
                    f"sweep: measure at {self.job.said(number)}: {name!r}", value,
                    "a number or an array of numbers",
                )  # fmt: skip
            if name not in self.arrays:
                self.arrays[name] = np.empty(self.job.shape + array.shape, np.float64)
            if self.arrays[name].shape[len(self.job.shape) :] != array.shape:
                before = self.arrays[name].shape[len(self.job.shape) :]
                raise DescriptionError(
                    f"sweep: measure at {self.job.said(number)}: {name!r}", array,
                    f"the shape of the runs before, {before}",
                )  # fmt: skip
            self.arrays[name][place] = array

    def dataset(self, xarray: Any) -> Any:
        """Return all of it."""
        variables = {}
        for name, array in self.arrays.items():
            extra = array.ndim - len(self.job.shape)
            dims = (*self.job.dimensions, *(f"{name}_{k}" for k in range(extra)))
            variables[name] = (dims, array)
        return xarray.Dataset(variables, coords=_coordinates(self.job))


def _coordinates(job: _Job) -> dict[str, Any]:
    coords: dict[str, Any] = dict(job.values)
    if job.trials is not None:
        coords["trial"] = np.arange(job.trials)
    return coords
