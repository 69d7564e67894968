"""What the ways to run Brian2 share."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from neurosim.backend import Connections, Options
from neurosim.capabilities import Capabilities, check
from neurosim.describe.network import Network
from neurosim.describe.projection import Projection
from neurosim.engine.clock import Recorded
from neurosim.engine.taps import check_recording
from neurosim.errors import SimulationError, UnsupportedError, warn
from neurosim.results import Run
from neurosim.sessions import PlanSession, run_of
from neurosim_backends.brian2.capabilities import RUNGE_KUTTA
from neurosim_backends.brian2.equations import brian2_method
from neurosim_backends.brian2.stability import blown_up, eigenvalues, growth


class Brian2Base(PlanSession):
    """A session of Brian2, in whichever way it runs."""

    def __init__(self, network: Network, options: Options, capabilities: Capabilities) -> None:
        made = check(network, capabilities, options.approximate, options)
        self.capabilities = capabilities
        super().__init__(network, options)
        self._approximations += made
        self._wiring: dict[str, Connections] = {}
        self.interrupted = False
        self._build()
        self._is_built()

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
            {"part": part, "how": how, "bound": RUNGE_KUTTA.bound, "unit": ""}
        )
        warn(f"Backend '{self.capabilities.backend}', {part}: {how}.")

    def _check_growth(self, population: int, name: str, row: npt.NDArray[np.float64]) -> None:
        """Refuse a parameter with which Brian2's step makes grow what should decay or last.

        What a network begins with is judged by declaration; this is what is set later.

        Raises
        ------
        UnsupportedError
        """
        p = self.plan.populations[population]
        assert p.spec is not None
        if p.spec.method != "exact" or name in p.spec.states or not p.spec.derivatives:
            return
        parameters = {n: self._row(population, n) for n in p.spec.parameters} | {name: row}
        method = brian2_method(p.spec, parameters)
        if method == "exact":
            return
        rates = eigenvalues(p.spec, parameters)
        if blown_up(method, rates, self.dt) is None:
            return
        why, ways = growth(method, rates, self.dt)
        raise UnsupportedError(
            f"session.set: {name} of {p.name!r} on backend '{self.capabilities.backend}'", why,
            " or ".join([*ways, *(["method='heun'"] if p.spec.noise else [])]) or None,
        )  # fmt: skip

    @abstractmethod
    def _advance(
        self, n_steps: int, inputs: Mapping[str, npt.NDArray[Any]], progress: bool | None
    ) -> Recorded:
        """Run on and return what was recorded."""

    @abstractmethod
    def _row(self, population: int, name: str) -> npt.NDArray[np.float64]:
        """Return a state or parameter of all neurons of a population: a copy, (size,)."""

    def _read(
        self, population: int, name: str, where: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.float64]:
        return self._row(population, name)[where]

    def _explain(self, population: int, neuron: int, lost: npt.NDArray[Any]) -> SimulationError:
        """Return the error for a state that left the finite numbers in step `lost[neuron]`."""
        p = self.plan.populations[population]
        assert p.spec is not None
        values = {s: float(self._row(population, s)[neuron]) for s in p.spec.states}
        name = next((s for s, v in values.items() if not np.isfinite(v)), p.spec.states[0])
        return SimulationError(
            f"Population {p.name!r}, variable {name}, neuron {neuron}: the value left the finite "
            f"numbers at t = {lost[neuron] * self.dt:g} ms. A smaller dt, or a bounded input, "
            f"keeps the equations finite."
        )

    def _overload(self, found: tuple[str, int, float] | None) -> SimulationError | None:
        """Return the error for a synapse that carried more than it may."""
        if found is None:
            return None
        name, step, largest = found
        return SimulationError(
            f"Projection {name!r} at t = {step * self.dt:g} ms: a synapse would carry more than "
            f"{largest:g}, or no number at all. The rule bounds it: w_min, w_max, max_effect."
        )

    @property
    @abstractmethod
    def _facts(self) -> dict[str, Any]:
        """What the provenance tells of the simulator."""

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
            self._tell_of_interrupt()
        provenance = self._provenance(
            self.capabilities.backend, time.perf_counter() - started, ("brian2", "sympy"),
            interrupted=self.interrupted, **self._facts,
        )  # fmt: skip
        return run_of(self.plan, recorded, provenance)

    def _connections(self, projection: str | Projection) -> Connections:
        name = projection.name if isinstance(projection, Projection) else projection
        if name not in self._wiring:
            self._wiring[name] = super()._connections(projection)
        return self._wiring[name]
