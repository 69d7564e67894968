"""What sessions of other simulators share: connections, results and provenance from a Plan."""

from __future__ import annotations

import time
import warnings
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from neurosim.backend import Connections, Options, Session
from neurosim.capabilities import Capabilities, check
from neurosim.describe.network import Network
from neurosim.describe.population import Selectable
from neurosim.describe.projection import Projection
from neurosim.engine.clock import Recorded
from neurosim.engine.taps import check_recording
from neurosim.errors import (
    ApproximationWarning,
    DescriptionError,
    SimulationError,
    UnknownNameError,
)
from neurosim.lower.lowering import lower
from neurosim.lower.values import settable_value
from neurosim.results import Run
from neurosim.sessions import connections_of, run_of, surroundings


class PlanSession(Session):
    """A session whose simulator is told of a Plan."""

    def __init__(self, network: Network, options: Options, capabilities: Capabilities) -> None:
        snapshot = network.copy()
        super().__init__(snapshot, options)
        started = time.perf_counter()
        self._approximations = check(snapshot, capabilities, options.approximate, options)
        self.capabilities = capabilities
        self.plan = lower(snapshot, options.dt)
        for a in self.plan.approximations:
            if a.written:
                warnings.warn(
                    f"{a.part} is {a.how}: off by up to {a.bound:.3g} {a.unit}.",
                    ApproximationWarning,
                    stacklevel=6,
                )
        self._wiring: dict[str, Connections] = {}
        self.interrupted = False
        self._build()
        self._build_seconds = time.perf_counter() - started

    @abstractmethod
    def _build(self) -> None:
        """Make everything ready; `plan` is there."""

    def _tell_method(self, population: str, told: str, meant: str) -> None:
        """Note a method that turned out to be another one than declared, as with drawn values."""
        part = f"Population {population!r}"
        how = f"advanced by {told} in place of {meant}, of whose solution there is no closed form"
        known = [a for a in self._approximations if a["part"] == part and told in a["how"]]
        if known:
            return
        self._approximations.append(
            {"part": part, "how": how, "bound": "about (dt/tau)^5/120 of a change", "unit": ""}
        )
        warnings.warn(
            f"Backend '{self.capabilities.backend}', {part}: {how}.",
            ApproximationWarning,
            stacklevel=6,
        )

    @abstractmethod
    def _advance(
        self, n_steps: int, inputs: Mapping[str, npt.NDArray[Any]], progress: bool | None
    ) -> Recorded:
        """Run on and return what was recorded."""

    @abstractmethod
    def _read(self, population: int, name: str) -> npt.NDArray[np.float64]:
        """Return a state or parameter of a population of neurons."""

    @abstractmethod
    def _write(self, population: int, name: str, value: Any, where: npt.NDArray[np.int64]) -> None:
        """Set a state or parameter of the neurons `where` (local ids)."""

    def _explain(self, population: int, neuron: int, lost: npt.NDArray[Any]) -> SimulationError:
        """Return the error for a state that left the finite numbers in step `lost[neuron]`."""
        p = self.plan.populations[population]
        assert p.spec is not None
        values = {s: float(self._read(population, s)[neuron]) for s in p.spec.states}
        name = next((s for s, v in values.items() if not np.isfinite(v)), p.spec.states[0])
        return SimulationError(
            f"Population {p.name!r}, variable {name}, neuron {neuron}: the value left the finite "
            f"numbers at t = {lost[neuron] * self.dt:g} ms. A smaller dt, or a bounded input, "
            f"keeps the equations finite."
        )

    @property
    @abstractmethod
    def _facts(self) -> dict[str, Any]:
        """What the provenance tells of the simulator; "packages" names distributions."""

    def _run(
        self, n_steps: int, inputs: Mapping[str, npt.NDArray[Any]], progress: bool | None
    ) -> Run:
        counts = {
            r.projection: len(self.connections(self.plan.projections[r.projection].name))
            for r in self.plan.recorders
            if r.projection is not None
        }
        check_recording(self.plan, n_steps, counts)
        started = time.perf_counter()
        recorded = self._advance(n_steps, inputs, progress)
        if self.interrupted:
            warnings.warn(
                f"Interrupted at t = {self.time:g} ms; the run holds what came before.",
                RuntimeWarning,
                stacklevel=4,
            )
        return run_of(self.plan, recorded, self._provenance(time.perf_counter() - started))

    def set(self, view: Selectable, **values: Any) -> None:
        """Set states or parameters of some neurons."""
        checked = self._check_view(view, "session.set: view")
        for name, value in values.items():
            at = 0
            for population, indices in checked.segments:
                place = f"session.set: {name} of {population.name!r}"
                if self.plan.populations[population.index].spec is None:
                    raise DescriptionError(
                        place, value, "a population of neurons", "Sources have no state."
                    )
                number = settable_value(population, name, value, len(checked), place)
                part = number if np.ndim(number) == 0 else number[at : at + len(indices)]
                if not np.all(np.isfinite(part)):
                    raise DescriptionError(place, value, "finite numbers")
                self._write(population.index, name, part, np.asarray(indices))
                at += len(indices)

    def get(self, view: Selectable, name: str) -> npt.NDArray[np.float64]:
        """Return the present value of a state or parameter: shape (len(view),)."""
        checked = self._check_view(view, "session.get: view")
        if not isinstance(name, str):
            raise DescriptionError("session.get: name", name, "the name of a state or parameter")
        parts = []
        for population, indices in checked.segments:
            spec = self.plan.populations[population.index].spec
            known = () if spec is None else (*spec.states, *spec.parameters)
            if name not in known:
                raise UnknownNameError(f"Population {population.name!r}: variable", name, known)
            parts.append(self._read(population.index, name)[indices])
        return np.concatenate(parts)

    def connections(self, projection: str | Projection) -> Connections:
        """Return the connections of a projection."""
        name = projection.name if isinstance(projection, Projection) else projection
        if name not in self._wiring:
            self._wiring[name] = connections_of(self.plan, projection)
        return self._wiring[name]

    def _provenance(self, seconds: float) -> dict[str, Any]:
        facts = dict(self._facts)
        packages = facts.pop("packages")
        return {
            "backend": self.capabilities.backend,
            "seed": self.network.seed,
            "trial": self.options.trial,
            "network_hash": self.plan.network_hash,
            "dt": self.dt,
            "precision": self.options.precision,
            "interrupted": self.interrupted,
            **facts,
            "approximations": [
                *(
                    {"part": a.part, "how": a.how, "bound": a.bound, "unit": a.unit}
                    for a in self.plan.approximations
                ),
                *self._approximations,
            ],
            "wall_seconds": {"build": self._build_seconds, "run": seconds},
            **surroundings(packages),
        }


def input_train(
    counts: npt.NDArray[Any], first: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return labels and ids of spikes that are handed over as numbers: (n_steps, size).

    first : int
        The step of the first row.
    """
    step, neuron = np.nonzero(counts)
    many = counts[step, neuron].astype(np.int64)
    labels = np.repeat(first + 1 + step, many)
    return labels.astype(np.int64), np.repeat(neuron, many).astype(np.int64)
