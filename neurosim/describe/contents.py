"""What a network consists of: the part of `Network` that printing, hashing and files read."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from neurosim.describe.checks import check_name, to_int
from neurosim.describe.inputs import Drive, InitialValue, Injection
from neurosim.describe.population import Population
from neurosim.describe.projection import Projection
from neurosim.describe.recorders import Recorder
from neurosim.explained import explained_call
from neurosim.units import to_scalar


class Contents:
    """The parts of a network by name and in order; `Network` adds how they are made."""

    @explained_call("Network")
    def __init__(self, name: str, *, seed: int = 0, dt: Any = None) -> None:
        self._name = check_name(name, "Network.name")
        self._seed = to_int(seed, "Network.seed")
        self._dt = None if dt is None else to_scalar(dt, "ms", "Network.dt", above=0)
        self._populations: dict[str, Population] = {}
        self._projections: dict[str, Projection] = {}
        self._initial_values: list[InitialValue] = []
        self._drives: list[Drive] = []
        self._injections: list[Injection] = []
        self._recorders: list[Recorder] = []

    @property
    def name(self) -> str:
        """Its name."""
        return self._name

    @property
    def seed(self) -> int:
        """What fixes wiring, weights, delays, random positions and initial values."""
        return self._seed

    @property
    def dt(self) -> float | None:
        """The time step [ms] it was made for, which a run takes unless told otherwise."""
        return self._dt

    @property
    def populations(self) -> Mapping[str, Population]:
        """Name -> Population, in order of definition."""
        return MappingProxyType(self._populations)

    @property
    def projections(self) -> Mapping[str, Projection]:
        """Name -> Projection, in order of definition."""
        return MappingProxyType(self._projections)

    @property
    def initial_values(self) -> tuple[InitialValue, ...]:
        """In order of definition: later ones replace earlier ones."""
        return tuple(self._initial_values)

    @property
    def drives(self) -> tuple[Drive, ...]:
        """In order of definition."""
        return tuple(self._drives)

    @property
    def injections(self) -> tuple[Injection, ...]:
        """In order of definition."""
        return tuple(self._injections)

    @property
    def recorders(self) -> tuple[Recorder, ...]:
        """In order of definition."""
        return tuple(self._recorders)

    @property
    def size(self) -> int:
        """Number of neurons, sources included."""
        return sum(population.size for population in self._populations.values())
