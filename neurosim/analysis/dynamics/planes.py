"""A field of two states, or a plane through one of more: nullclines and arrows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from neurosim.analysis.dynamics.field import (
    Box,
    Floats,
    State,
    VectorField,
    as_field,
    read_box,
    size_of,
)
from neurosim.analysis.dynamics.fixed_points import position
from neurosim.errors import DescriptionError

HALVINGS = 50
"""Of the edge of the grid on which a point of a nullcline lies: to the rounding of doubles."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plane:
    """Two states that vary within bounds, all others held.

    Attributes
    ----------
    field : VectorField
        The field.
    axes : (int, int)
        Which states vary.
    low, high : (2,) float64
        Their bounds.
    at : (n,) float64
        The values of the others; those of the two that vary have no meaning.
    """

    field: VectorField
    axes: tuple[int, int]
    low: Floats
    high: Floats
    at: Floats

    @property
    def names(self) -> tuple[str, str]:
        """Names of the two states."""
        return self.field.names[self.axes[0]], self.field.names[self.axes[1]]

    def states(self, points: Floats) -> Floats:
        """From (2, m) points of the plane to (n, m) states."""
        x = np.repeat(self.at[:, None], points.shape[1], axis=1)
        x[list(self.axes)] = points
        return x

    def grid(self, count: int) -> tuple[Floats, Floats]:
        """Return `count` values of each of the two states."""
        u = np.linspace(0, 1, count)
        return (
            self.low[0] + u * (self.high[0] - self.low[0]),
            self.low[1] + u * (self.high[1] - self.low[1]),
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Nullcline:
    """Where one state stands still.

    Attributes
    ----------
    state : str
        The state whose derivative is 0.
    axes : (str, str)
        The states of the two coordinates.
    lines : tuple of (2, m) float64
        The pieces of the curve, each a line of points.
    """

    state: str
    axes: tuple[str, str]
    lines: tuple[Floats, ...]


def plane_of(
    f: VectorField | Callable[..., Any],
    box: Box,
    axes: tuple[str, str] | None,
    hold: State | None,
    place: str,
    **parameters: float,
) -> Plane:
    """Read the arguments that say which plane is meant.

    Raises
    ------
    DescriptionError
        If a field of more than two states comes without the two that vary, or without values for
        the others.
    """
    field = as_field(f, size_of(box), f"{place}: f").at(**parameters)
    if field.n_states < 2:
        raise DescriptionError(f"{place}: f", field.names, "a field of at least two states")
    if axes is None:
        if field.n_states > 2:
            hint = f"Write axes=({field.names[0]!r}, {field.names[1]!r}), and hold= for the others."
            raise DescriptionError(f"{place}.axes", None, "the two states that vary", hint)
        axes = (field.names[0], field.names[1])
    if len(axes) != 2:
        raise DescriptionError(f"{place}.axes", axes, "the names of two states")
    i, j = (position(name, field, f"{place}.axes") for name in axes)
    if i == j:
        raise DescriptionError(f"{place}.axes", axes, "two different states")
    low, high = read_box(box, field, f"{place}.box")
    if field.n_states == 2:
        at = np.zeros(2)
    elif hold is None:
        others = [n for k, n in enumerate(field.names) if k not in (i, j)]
        raise DescriptionError(f"{place}.hold", None, f"a state at which {', '.join(others)} stay")
    else:
        at = field.state(hold, f"{place}.hold")
    chosen = [i, j]
    return Plane(
        field=field.scaled(high - low), axes=(i, j), low=low[chosen], high=high[chosen], at=at
    )


def nullclines(
    f: VectorField | Callable[..., Any],
    box: Box,
    *,
    axes: tuple[str, str] | None = None,
    hold: State | None = None,
    grid: int = 200,
    **parameters: float,
) -> tuple[Nullcline, Nullcline]:
    """Return the curves on which dx/dt = 0 and dy/dt = 0.

    Marching squares (`contourpy`) on a grid; then every point is moved along the edge of the grid
    on which it lies to where the derivative is 0, by halving, so that the points are exact to
    rounding. Where the derivative jumps over 0, as at a pole or a threshold, no curve is drawn.
    What is smaller than a cell of the grid may be missed.

    Parameters
    ----------
    f : VectorField or callable
        The field, or a function f(x, p, ...).
    box : mapping or sequence
        Lowest and highest value of each state, by name or in order.
    axes : (str, str), optional
        The two states that vary, of a field of more than two.
    hold : mapping, array or FixedPoint, optional
        A state; the others keep its values.
    grid : int
        Cells along each side.
    **parameters : float
        In place of those of the field.

    Returns
    -------
    (Nullcline, Nullcline)
        Of the two states, in the order of `axes`.

    Raises
    ------
    SimulationError
        If f is not finite somewhere in the box.
    DescriptionError
        If the arguments cannot be meant.
    """
    from contourpy import LineType, contour_generator

    plane = plane_of(f, box, axes, hold, "nullclines", **parameters)
    if grid < 2:
        raise DescriptionError("nullclines.grid", grid, "at least 2 cells")
    xs, ys = plane.grid(grid + 1)
    mesh = np.stack(np.meshgrid(xs, ys)).reshape(2, -1)
    values = plane.field(plane.states(mesh))
    found = []
    for k in plane.axes:
        z = values[k].reshape(ys.size, xs.size)
        # A grid point exactly on the curve would make pieces of no length; it is on one side.
        generator = contour_generator(
            xs, ys, np.where(z == 0, np.finfo(float).tiny, z), line_type=LineType.Separate
        )
        lines: list[Floats] = []
        for line in generator.lines(0.0):
            lines += _on_the_curve(plane, k, np.asarray(line, dtype=np.float64).T, xs, ys)
        found.append(Nullcline(state=plane.field.names[k], axes=plane.names, lines=tuple(lines)))
    return found[0], found[1]


def _on_the_curve(plane: Plane, k: int, line: Floats, xs: Floats, ys: Floats) -> list[Floats]:
    """Move points, each on an edge of the grid, to the roots there; cut where there are none."""
    dx, dy = xs[1] - xs[0], ys[1] - ys[0]
    u = np.stack([(line[0] - xs[0]) / dx, (line[1] - ys[0]) / dy])
    off = np.abs(u - np.round(u))
    along_x = off[0] >= off[1]  # the coordinate that is no multiple of the cell varies
    start, stop = np.round(u), np.round(u)
    for row, chosen in ((0, along_x), (1, ~along_x)):
        start[row, chosen] = np.floor(u[row, chosen])
        stop[row, chosen] = np.floor(u[row, chosen]) + 1
    last = np.array([[xs.size - 1], [ys.size - 1]])
    corner, step = np.array([[xs[0]], [ys[0]]]), np.array([[dx], [dy]])
    a = corner + step * np.clip(start, 0, last)
    b = corner + step * np.clip(stop, 0, last)

    parameters = plane.field.values()

    def value(points: Floats) -> Floats:  # not finite at a pole, which is told from a root below
        return np.asarray(plane.field.raw_many(plane.states(points), parameters)[k])

    at_a, at_b = value(a), value(b)
    steepest = np.maximum(np.abs(at_a), np.abs(at_b))
    rising = at_a < at_b
    for _ in range(HALVINGS):
        middle = (a + b) / 2
        # The half kept is the one across which the sign changes; 0 counts as above.
        above = (value(middle) >= 0) == rising
        b, a = np.where(above, middle, b), np.where(above, a, middle)
    root = (a + b) / 2
    crossed = (at_a < 0) != (at_b < 0)
    found = np.where(crossed, root, line)
    # A continuous f shrinks with the interval; at a jump it does not.
    good = np.abs(value(found)) <= 1e-6 * np.maximum(steepest, np.finfo(float).tiny)
    good |= ~crossed
    pieces = np.split(found, np.flatnonzero(np.diff(good.astype(np.int8))) + 1, axis=1)
    keep = np.split(good, np.flatnonzero(np.diff(good.astype(np.int8))) + 1)
    return [p for p, g in zip(pieces, keep, strict=True) if g[0] and p.shape[1] > 1]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Arrows:
    """The field on a grid of a plane.

    Attributes
    ----------
    x, y : (grid,) float64
        The values of the two states.
    dx, dy : (grid, grid) float64
        Their derivatives at ``[row of y, column of x]``.
    axes : (str, str)
        The two states.
    """

    x: Floats
    y: Floats
    dx: Floats
    dy: Floats
    axes: tuple[str, str]


def arrows(
    f: VectorField | Callable[..., Any],
    box: Box,
    *,
    axes: tuple[str, str] | None = None,
    hold: State | None = None,
    grid: int = 20,
    **parameters: float,
) -> Arrows:
    """Return the field on a grid of a plane; arguments and errors are those of `nullclines`."""
    plane = plane_of(f, box, axes, hold, "arrows", **parameters)
    if grid < 2:
        raise DescriptionError("arrows.grid", grid, "at least 2 values")
    xs, ys = plane.grid(grid)
    values = plane.field(plane.states(np.stack(np.meshgrid(xs, ys)).reshape(2, -1)))
    i, j = plane.axes
    return Arrows(
        x=xs,
        y=ys,
        dx=values[i].reshape(grid, grid),
        dy=values[j].reshape(grid, grid),
        axes=plane.names,
    )
