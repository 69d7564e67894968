"""The CPU core: neurosim's own engine as a backend."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from neurosim.backend import Connections, Options
from neurosim.capabilities import PASSES, Capabilities, check, refused
from neurosim.describe.network import Network
from neurosim.describe.population import Population, Selectable
from neurosim.describe.projection import Projection
from neurosim.engine.clock import Engine
from neurosim.engine.couplings import LearningCoupling
from neurosim.engine.formats import weight_formats
from neurosim.engine.memory import check_memory
from neurosim.engine.plastic import PlasticProjection
from neurosim.engine.progress import announce_compilation, interruptible, reporter
from neurosim.engine.sources import INPUT_LIMIT
from neurosim.engine.taps import check_recording
from neurosim.errors import DescriptionError, UnknownNameError
from neurosim.lower.plan import Floats, Ints, Plan, PlanProjection
from neurosim.lower.stages import together
from neurosim.results import Run
from neurosim.sessions import PlanSession, input_train, run_of
from neurosim.units import to_float, to_scalar

Plastic: TypeAlias = PlasticProjection | LearningCoupling

ROUNDING = 2.0**-53
"""What rounds less than a float64 does is no approximation."""

LOOKED_AT = 1e7
"""Synapses whose weights are looked at to tell how they will be stored: a second's work."""


class CPU:
    """Runs what a description can say."""

    name = "cpu"
    capabilities = Capabilities(
        backend="cpu",
        title="neurosim's own core: exact propagators, any number of threads, the same bits",
        supports={
            "drive:Poisson": PASSES,
            "drive:*": refused(
                "only Poisson drive comes without synapses",
                "a population with this source and a projection",
            ),
            "*": PASSES,
        },
    )

    def compile(self, network: Network, options: Options) -> CPUSession:
        """Build the network in memory."""
        check(network, self.capabilities, options.approximate, options)
        with interruptible(at_once=True) as pressed:
            session = CPUSession(network, options)
        if pressed.is_set():
            raise KeyboardInterrupt
        return session

    def foretell(self, plan: Plan, options: Options) -> list[dict[str, Any]]:
        """Return how states and weights will be rounded."""
        told: list[dict[str, Any]] = []
        if options.precision == "single":
            told.append(
                {
                    "part": "Options of the run: states",
                    "how": "kept in single precision",
                    "bound": 2.0**-24,
                    "unit": "of their value in each operation",
                }
            )
        formats = weight_formats(
            plan, precision=options.precision, synapse_format=options.synapse_format,
            most=LOOKED_AT,
        )  # fmt: skip
        for name, found in formats.items():
            told.append(stored(name, found.format, found.bound))
        told += [path_of(p) for p in plan.projections if p.plasticity is not None]
        return told


def path_of(projection: PlanProjection) -> dict[str, Any]:
    """Return the entry that tells when plastic synapses are seen to, and why."""
    assert projection.plasticity is not None
    how = "a synapse waits for its next presynaptic spike, and makes up for what it missed"
    why = projection.plasticity.stepwise
    if why:
        how = f"all synapses are seen to in every step: {why}"
    part = f"Projection {projection.name!r}: updates"
    return {"part": part, "how": how, "bound": 0.0, "unit": "relative"}


def stored(projection: str, form: str, bound: float) -> dict[str, Any]:
    """Return the entry of the provenance that tells how weights are stored."""
    if form == "plastic":
        return {
            "part": f"Projection {projection!r}: what spikes carry",
            "how": "added up in integers",
            "bound": bound,
            "unit": "of the most that a synapse may carry",
        }
    return {
        "part": f"Projection {projection!r}: weights",
        "how": f"stored as {form} integers" if form else "stored as integers",
        "bound": bound,
        "unit": "relative",
    }


class CPUSession(PlanSession):
    """A network on the CPU core."""

    def __init__(self, network: Network, options: Options) -> None:
        super().__init__(network, options)
        self.plan = together(self.plan, options.integrator)
        announce_compilation()
        check_memory(self.network, options.precision, options.synapse_format, options.dt)
        self.engine = Engine(
            self.plan,
            threads=options.threads,
            precision=options.precision,
            synapse_format=options.synapse_format,
            trial=options.trial,
        )
        self._is_built()

    @property
    def time(self) -> float:
        """Where the session stands [ms]."""
        return self.engine.step * self.dt

    def _run(
        self, n_steps: int, inputs: Mapping[str, npt.NDArray[Any]], progress: bool | None
    ) -> Run:
        for name, array in inputs.items():
            self._feed(self.network.populations[name], array)
        counts = {
            r.projection: self._n_connections(r.projection)
            for r in self.plan.recorders
            if r.projection is not None
        }
        check_recording(self.plan, n_steps, counts)
        started = time.perf_counter()
        with reporter(self.dt, progress) as report:
            recorded = self.engine.run(n_steps, progress=report)
        if self.engine.interrupted:
            self._tell_of_interrupt()
        seconds = time.perf_counter() - started
        return run_of(self.plan, recorded, self._told(seconds))

    def _feed(self, population: Population, array: npt.NDArray[Any]) -> None:
        if population.model.kind == "spikes":
            if array.max(initial=0) > INPUT_LIMIT:
                raise DescriptionError(
                    f"run: inputs[{population.name!r}]", array,
                    f"at most {INPUT_LIMIT} spikes per neuron and step",
                    "Spread them over more steps, or give the synapses a larger weight.",
                )  # fmt: skip
            labels, neurons = input_train(array, self.engine.step)
            self.engine.schedule_input(population.index, labels, neurons.astype(np.int32))
        else:
            self.engine.feed_current(population.index, array)

    def _write(self, population: int, name: str, value: Any, where: Ints) -> None:
        self.engine.write(population, name, value, where)

    def _write_rate(self, population: int, rate: Any, where: Ints, place: str) -> None:
        before = self.engine.sources[population].rate
        size = self.engine.sources[population].plan.size
        if np.ndim(before) == 0 and where.size == size and np.ndim(rate) == 0:
            self.engine.write_rate(population, float(rate))
            return
        rates = np.array(np.broadcast_to(np.asarray(before, np.float64), size))
        rates[where] = rate
        self.engine.write_rate(population, rates)

    def _read(self, population: int, name: str, where: Ints) -> Floats:
        return self.engine.neurons[population].read(name)[where]

    # --- plastic projections

    def set(self, view: Selectable | str | Projection, **values: Any) -> None:
        """Set states or parameters of neurons, or variables of plastic synapses."""
        projection = self._plastic_if(view, "session.set: view")
        if projection is None:
            super().set(view, **values)
            return
        name = projection.projection.name
        for variable, value in values.items():
            self._check_variable(projection, variable)
            place = f"session.set: {variable} of {name!r}"
            unit = projection.rule.program.units[variable].text
            array = np.asarray(to_float(value, unit, place))
            if array.ndim and array.shape != (projection.n_connections,):
                raise DescriptionError(
                    place, array, f"one value, or one for each of {projection.n_connections:,} "
                    f"connections"
                )  # fmt: skip
            if not np.all(np.isfinite(array)):
                raise DescriptionError(place, value, "finite numbers")
            low, high = projection.rule.bounds
            wrong = np.ravel(array)[(np.ravel(array) < low) | (np.ravel(array) > high)]
            if variable == "w" and wrong.size:
                raise DescriptionError(
                    place, wrong[0], f"values from w_min to w_max, {low:g} to {high:g}"
                )
            if variable == "w" and np.any(np.abs(array) > projection.largest):
                raise DescriptionError(
                    place, value, f"weights up to {projection.largest:g}, for which sums have room"
                )
            with self.engine.paused():
                projection.write(variable, array, self.engine.step)

    def get(self, view: Selectable | str | Projection, name: str) -> Floats:
        """Return a state or parameter of neurons, or a variable of plastic synapses."""
        projection = self._plastic_if(view, "session.get: view")
        if projection is None:
            return super().get(view, name)
        self._check_variable(projection, name)
        with self.engine.paused():
            return projection.values(name, self.engine.step)

    def connections(self, projection: str | Projection) -> Connections:
        """Return the connections of a projection, with weights as they are now."""
        name: object = projection.name if isinstance(projection, Projection) else projection
        plastic = self.engine.plastic.get(name) if isinstance(name, str) else None
        if plastic is None:
            return super().connections(projection)
        with self.engine.paused():
            pre, post, delay = plastic.connections()
            weight = plastic.values("w", self.engine.step)
        return Connections(pre=pre, post=post, weight=weight, delay=delay)

    def signal(self, projection: str | Projection, **values: Any) -> None:
        """Do what a plasticity rule says on a signal, now and for all synapses of a projection."""
        found = self._plastic_of(projection, "session.signal: projection")
        place = f"session.signal: {found.projection.name!r}"
        known = found.rule.program.signals
        if not known:
            raise DescriptionError(
                place, values, f"no call: rule {found.rule.name!r} waits for no signal"
            )
        for name in values:
            if name not in known:
                raise UnknownNameError(place, name, known)
        for name in known:
            if name not in values:
                raise DescriptionError(f"{place}: {name}", None, "a number")
        numbers = {name: to_scalar(v, "1", f"{place}: {name}") for name, v in values.items()}
        with self.engine.paused():
            found.signal(numbers, self.engine.step)

    @property
    def frozen(self) -> tuple[str, ...]:
        """Names of the plastic projections that `freeze` holds."""
        return tuple(n for n, found in self.engine.plastic.items() if not found.is_learning)

    def freeze(self, projection: str | Projection | None = None) -> None:
        """Hold the synapses of a plastic projection, or of all, as they are from now on."""
        self._learn(projection, False, "session.freeze: projection")

    def unfreeze(self, projection: str | Projection | None = None) -> None:
        """Let the synapses of a projection, or of all, change again."""
        self._learn(projection, True, "session.unfreeze: projection")

    def _learn(self, projection: str | Projection | None, learning: bool, place: str) -> None:
        chosen = list(self.engine.plastic.values())
        if projection is not None:
            chosen = [self._plastic_of(projection, place)]
        elif not chosen:
            raise DescriptionError(place, None, "a network with plastic projections")
        with self.engine.paused():
            for found in chosen:
                found.learn(learning, self.engine.step)

    def _plastic_of(self, projection: object, place: str) -> Plastic:
        """Return a plastic projection by itself or its name."""
        name = projection.name if isinstance(projection, Projection) else projection
        if not isinstance(name, str) or name not in self.network.projections:
            raise UnknownNameError(place, str(name), self.network.projections)
        if name not in self.engine.plastic:
            raise DescriptionError(
                place, name, "a plastic projection", "Its synapses are static: plasticity=None."
            )
        return self.engine.plastic[name]

    def _plastic_if(self, view: object, place: str) -> Plastic | None:
        """Return a plastic projection if `view` is a projection, else None."""
        named = isinstance(view, str) and view in self.network.projections
        return self._plastic_of(view, place) if named or isinstance(view, Projection) else None

    def _check_variable(self, projection: Plastic, name: str) -> None:
        known = ("w", *projection.rule.program.variables["synapse"])
        if name not in known:
            place = f"Projection {projection.projection.name!r}: variable of synapses"
            raise UnknownNameError(place, name, known)

    def reset(self) -> None:
        """Go back to t = 0 and the initial state."""
        self.engine.reset()

    def normalise(
        self, projection: str | Projection, *, total: Any, axis: Literal["post", "pre"] = "post"
    ) -> None:
        """Scale the weights of every neuron so that they add up to `total`."""
        place = "session.normalise"
        found = self._plastic_of(projection, f"{place}: projection")
        if axis not in ("post", "pre"):
            raise UnknownNameError(f"{place}: axis", axis, ("post", "pre"))
        size = len(getattr(self.network.projections[found.projection.name], axis))
        wanted = np.asarray(to_float(total, "1", f"{place}: total"), np.float64)
        if (wanted.ndim > 0 and wanted.shape != (size,)) or not np.all(np.isfinite(wanted)):
            raise DescriptionError(
                f"{place}: total",
                total,
                f"one finite number, or one for each of the {size} neurons",
            )
        totals = np.array(np.broadcast_to(wanted, size))
        with self.engine.paused():
            found.normalise(totals, axis, self.engine.step)

    def _n_connections(self, projection: int) -> int:
        name = self.plan.projections[projection].name
        return self.engine.synapses.connections[name]

    def _told(self, seconds: float) -> dict[str, Any]:
        engine = self.engine
        synapses = engine.synapses
        told = self._provenance(
            "cpu",
            seconds,
            ("numba", "llvmlite"),
            threads=engine.workers,
            threads_allowed=engine.threads,
            interrupted=engine.interrupted,
            synapses=synapses.n_synapses,
            synapse_bytes=synapses.n_bytes,
            formats=dict(synapses.formats),
            integrator=self.plan.integrator,
            methods={p.name: p.spec.method for p in self.plan.populations if p.spec is not None},
        )
        told["approximations"] += [
            stored(name, synapses.formats[name], bound)
            for name, bound in synapses.bounds.items()
            if bound > ROUNDING
        ]
        return told
