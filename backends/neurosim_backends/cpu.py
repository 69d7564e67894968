"""The CPU core: neurosim's own engine as a backend."""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from neurosim.backend import Connections, Options, Session
from neurosim.capabilities import PASSES, Capabilities, check, refused
from neurosim.describe.network import Network
from neurosim.describe.population import Population, Selectable
from neurosim.describe.projection import Projection
from neurosim.engine.clock import Engine
from neurosim.engine.formats import weight_formats
from neurosim.engine.memory import check_memory
from neurosim.engine.progress import announce_compilation, interruptible, reporter
from neurosim.engine.sources import INPUT_LIMIT
from neurosim.engine.taps import check_recording
from neurosim.errors import ApproximationWarning, DescriptionError, UnknownNameError
from neurosim.lower.lowering import lower
from neurosim.lower.plan import Plan
from neurosim.lower.values import settable_value
from neurosim.results import Run
from neurosim.sessions import connections_of, run_of, surroundings

ROUNDING = 2.0**-53
"""What rounds less than a float64 does is no approximation."""

LOOKED_AT = 1e7
"""Synapses whose weights are looked at to tell how they will be stored: a second's work."""

PACKAGES = ("neurosim-snn", "numpy", "numba", "llvmlite")


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
        return told


def stored(projection: str, form: str, bound: float) -> dict[str, Any]:
    """Return the entry of the provenance that tells how weights are stored."""
    return {
        "part": f"Projection {projection!r}: weights",
        "how": f"stored as {form} integers" if form else "stored as integers",
        "bound": bound,
        "unit": "relative",
    }


class CPUSession(Session):
    """A network on the CPU core."""

    def __init__(self, network: Network, options: Options) -> None:
        snapshot = network.copy()
        super().__init__(snapshot, options)
        started = time.perf_counter()
        self.plan = lower(snapshot, options.dt)
        for a in self.plan.approximations:
            if a.written:
                warnings.warn(
                    f"{a.part} is {a.how}: off by up to {a.bound:.3g} {a.unit}.",
                    ApproximationWarning,
                    stacklevel=6,
                )
        announce_compilation()
        check_memory(snapshot, options.precision, options.synapse_format, options.dt)
        self.engine = Engine(
            self.plan,
            threads=options.threads,
            precision=options.precision,
            synapse_format=options.synapse_format,
            trial=options.trial,
        )
        self._build_seconds = time.perf_counter() - started

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
            warnings.warn(
                f"Interrupted at t = {self.time:g} ms; the run holds what came before.",
                RuntimeWarning,
                stacklevel=4,
            )
        seconds = time.perf_counter() - started
        return run_of(self.plan, recorded, self._provenance(seconds))

    def _feed(self, population: Population, array: npt.NDArray[Any]) -> None:
        if population.model.kind == "spikes":
            if array.max(initial=0) > INPUT_LIMIT:
                raise DescriptionError(
                    f"run: inputs[{population.name!r}]", array,
                    f"at most {INPUT_LIMIT} spikes per neuron and step",
                    "Spread them over more steps, or give the synapses a larger weight.",
                )  # fmt: skip
            counts = array.astype(np.int64)
            step, neuron = np.nonzero(counts)
            times = counts[step, neuron]
            labels = np.repeat(step + self.engine.step + 1, times)
            self.engine.schedule_input(
                population.index, labels, np.repeat(neuron, times).astype(np.int32)
            )
        else:
            self.engine.feed_current(population.index, array)

    def set(self, view: Selectable, **values: Any) -> None:
        """Set states or parameters of some neurons."""
        checked = self._check_view(view, "session.set: view")
        for name, value in values.items():
            at = 0
            for population, indices in checked.segments:
                place = f"session.set: {name} of {population.name!r}"
                number = self._number(population, name, value, len(checked), place)
                part = number if np.ndim(number) == 0 else number[at : at + len(indices)]
                self.engine.write(population.index, name, part, np.asarray(indices))
                at += len(indices)

    def _number(self, population: Population, name: str, value: Any, size: int, place: str) -> Any:
        if population.index not in self.engine.neurons:
            raise DescriptionError(
                place, value, "a population of neurons", "Sources have no state."
            )
        return settable_value(population, name, value, size, place)

    def get(self, view: Selectable, name: str) -> npt.NDArray[np.float64]:
        """Return the present value of a state or parameter: shape (len(view),)."""
        checked = self._check_view(view, "session.get: view")
        if not isinstance(name, str):
            raise DescriptionError("session.get: name", name, "the name of a state or parameter")
        parts = []
        for population, indices in checked.segments:
            if population.index not in self.engine.neurons:
                raise UnknownNameError(f"session.get: {population.name!r}", name, ())
            parts.append(self.engine.neurons[population.index].read(name)[indices])
        return np.concatenate(parts)

    def reset(self) -> None:
        """Go back to t = 0 and the initial state."""
        self.engine.reset()

    def connections(self, projection: str | Projection) -> Connections:
        """Return the connections of a projection."""
        return connections_of(self.plan, projection)

    # --- results --------------------------------------------------------------------------

    def _n_connections(self, projection: int) -> int:
        name = self.plan.projections[projection].name
        return self.engine.synapses.connections[name]

    def _provenance(self, seconds: float) -> dict[str, Any]:
        engine = self.engine
        synapses = engine.synapses
        approximations: list[dict[str, Any]] = [
            {"part": a.part, "how": a.how, "bound": a.bound, "unit": a.unit}
            for a in self.plan.approximations
        ]
        approximations += [
            stored(name, synapses.formats[name], bound)
            for name, bound in synapses.bounds.items()
            if bound > ROUNDING
        ]
        return {
            "backend": "cpu",
            "seed": self.network.seed,
            "trial": self.options.trial,
            "network_hash": self.plan.network_hash,
            "dt": self.dt,
            "precision": self.options.precision,
            "threads": engine.workers,
            "threads_allowed": engine.threads,
            "interrupted": engine.interrupted,
            "synapses": synapses.n_synapses,
            "synapse_bytes": synapses.n_bytes,
            "formats": dict(synapses.formats),
            "methods": {p.name: p.spec.method for p in self.plan.populations if p.spec is not None},
            "approximations": approximations,
            "wall_seconds": {"build": self._build_seconds, "run": seconds},
            **surroundings(PACKAGES),
        }
