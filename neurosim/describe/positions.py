"""Where neurons are, for connections that depend on distance.

Lengths are in any unit, the same for all populations of a network.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
import numpy.typing as npt

from neurosim.describe.checks import check_bool
from neurosim.errors import DescriptionError
from neurosim.explained import explained
from neurosim.units import to_float, to_scalar

Floats: TypeAlias = npt.NDArray[np.float64]


@explained
@dataclass(frozen=True, slots=True, eq=False)
class Coordinates:
    """One point per neuron.

    Attributes
    ----------
    values : (n, d) array
        Row k is the place of neuron k. An (n,) array is taken as (n, 1).
    period : tuple of d floats, optional
        Lengths of a torus: distances are the shortest ones around it.
    """

    values: Any
    period: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        place = "Coordinates.values"
        values = to_float(self.values, "1", place)
        if isinstance(values, float) or values.ndim not in (1, 2) or not values.size:
            raise DescriptionError(place, self.values, "an (n, d) array, one point per neuron")
        if values.ndim == 1:
            values = values[:, np.newaxis]
        object.__setattr__(self, "values", values)
        if self.period is not None:
            period = np.atleast_1d(to_float(self.period, "1", "Coordinates.period", above=0))
            if period.shape != values.shape[1:]:
                raise DescriptionError(
                    "Coordinates.period", self.period, f"{values.shape[1]} lengths, one per axis"
                )
            object.__setattr__(self, "period", tuple(period.tolist()))

    def __len__(self) -> int:
        return len(self.values)

    def __repr__(self) -> str:
        n, d = self.values.shape
        torus = f", period={self.period}" if self.period else ""
        return f"Coordinates(({n}, {d}) array{torus})"

    def coordinates(self, shape: tuple[int, ...], key: tuple[int, int]) -> Coordinates:
        """Return itself; refuses another number of neurons than its own."""
        size = int(np.prod(shape))
        if len(self) != size:
            raise DescriptionError("positions", self.values, f"{size} points, one per neuron")
        return self


def distances(pre: Floats, post: Floats, period: tuple[float, ...] | None) -> Floats:
    """Return the Euclidean distance of every pair.

    pre, post : (n, d), (m, d) points
    period    : lengths of the torus, or None
    returns   : (n, m)
    """
    squares = np.zeros((len(pre), len(post)))
    for axis in range(pre.shape[1]):
        along = np.abs(pre[:, axis, np.newaxis] - post[np.newaxis, :, axis])
        if period is not None:
            along %= period[axis]
            along = np.minimum(along, period[axis] - along)
        squares += along**2
    return np.sqrt(squares)


@runtime_checkable
class Layout(Protocol):
    """A rule that places the neurons of a population."""

    def coordinates(self, shape: tuple[int, ...], key: tuple[int, int]) -> Coordinates:
        """Return the points for a population of this shape.

        `key` (the network's seed and the population's index) fixes whatever is random.
        """


@explained
@dataclass(frozen=True, slots=True)
class Grid:
    """Neurons on a regular grid, one axis of space per axis of the population's shape.

    Attributes
    ----------
    spacing : float or tuple of floats
        Distance of neighbours, common or per axis.
    periodic : bool
        Whether the grid is a torus.
    """

    spacing: float | tuple[float, ...] = 1.0
    periodic: bool = False

    def __post_init__(self) -> None:
        spacing = np.asarray(to_float(self.spacing, "1", "Grid.spacing", above=0))
        if spacing.ndim > 1:
            raise DescriptionError("Grid.spacing", self.spacing, "one length, or one per axis")
        lengths = tuple(spacing.tolist()) if spacing.ndim else float(spacing)
        object.__setattr__(self, "spacing", lengths)
        check_bool(self.periodic, "Grid.periodic")

    def coordinates(self, shape: tuple[int, ...], key: tuple[int, int]) -> Coordinates:
        """Return the points of the grid, in the order of the neurons (last axis fastest)."""
        spacing = self.spacing if isinstance(self.spacing, tuple) else (self.spacing,) * len(shape)
        if len(spacing) != len(shape):
            raise DescriptionError(
                "Grid.spacing", self.spacing, f"{len(shape)} lengths, as the shape {shape} has axes"
            )
        axes = np.indices(shape).reshape(len(shape), -1).T
        period = tuple(n * s for n, s in zip(shape, spacing, strict=True))
        return Coordinates(axes * np.array(spacing), period if self.periodic else None)


@explained
@dataclass(frozen=True, slots=True)
class Line:
    """Neurons along a line, neuron k at ``k * spacing``; a ring if periodic.

    The population's shape plays no part: neurons stand in the order of their ids.
    """

    spacing: float = 1.0
    periodic: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "spacing", to_scalar(self.spacing, "1", "Line.spacing", above=0))
        check_bool(self.periodic, "Line.periodic")

    def coordinates(self, shape: tuple[int, ...], key: tuple[int, int]) -> Coordinates:
        """Return the points of the line."""
        return Grid(self.spacing, self.periodic).coordinates((int(np.prod(shape)),), key)


@explained
@dataclass(frozen=True, slots=True)
class RandomPositions:
    """Neurons placed uniformly at random in a box, fixed by the network's seed.

    Attributes
    ----------
    extent : tuple of floats
        Lengths of the box, one per axis of space; it spans from 0 to these.
    periodic : bool
        Whether the box is a torus.
    """

    extent: tuple[float, ...] = (1.0, 1.0)
    periodic: bool = False

    def __post_init__(self) -> None:
        extent = np.atleast_1d(to_float(self.extent, "1", "RandomPositions.extent", above=0))
        if extent.ndim != 1 or not extent.size:
            raise DescriptionError("RandomPositions.extent", self.extent, "one length per axis")
        object.__setattr__(self, "extent", tuple(extent.tolist()))
        check_bool(self.periodic, "RandomPositions.periodic")

    def coordinates(self, shape: tuple[int, ...], key: tuple[int, int]) -> Coordinates:
        """Draw the points; the same for the same key."""
        digest = hashlib.sha256(repr(("positions", *key)).encode()).digest()
        # numpy promises the raw stream of a bit generator for good, its distributions not.
        philox = np.random.Philox(key=int.from_bytes(digest[:16], "little"))
        size, axes = int(np.prod(shape)), len(self.extent)
        raw = np.asarray(philox.random_raw(size * axes), dtype=np.uint64)
        unit = (raw >> np.uint64(11)).astype(np.float64) * 2.0**-53
        points = unit.reshape(size, axes) * np.array(self.extent)
        return Coordinates(points, self.extent if self.periodic else None)


def place(positions: Any, shape: tuple[int, ...], key: tuple[int, int]) -> Coordinates:
    """Turn what a user wrote as positions into coordinates for a population of this shape."""
    if isinstance(positions, type):
        raise DescriptionError("positions", positions, f"an instance: {positions.__name__}()")
    layout = positions if isinstance(positions, Layout) else Coordinates(positions)
    return layout.coordinates(shape, key)
