"""Phase portraits and bifurcation diagrams, as one draws them in a lecture."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from neurosim.analysis.dynamics import (
    BifurcationDiagram,
    Branch,
    CycleBranch,
    FixedPoint,
    FixedPoints,
    LimitCycle,
    Manifolds,
    Nullcline,
    Trajectory,
    VectorField,
    arrows,
    fixed_points,
    manifolds,
    nullclines,
)
from neurosim.analysis.dynamics.field import as_field, size_of
from neurosim.errors import DescriptionError, UnknownNameError
from neurosim.plot.style import INK, UNMARKED, axes, with_unit

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from neurosim.analysis.dynamics.field import Box, State

DASHED = (0, (4, 3))
NULLCLINES = (UNMARKED[0], UNMARKED[1])
CYCLE = UNMARKED[2]
BRANCH = UNMARKED[0]
MARKERS = {
    "saddle-node": ("s", "saddle-node"),
    "Hopf": ("D", "Hopf"),
    "branch point": ("X", "branch point"),
    "fold of cycles": ("v", "fold of cycles"),
    "period doubling": ("P", "period doubling"),
    "torus": ("h", "torus"),
}


def phase_portrait(
    f: VectorField | Callable[..., Any],
    box: Box,
    *,
    axes: tuple[str, str] | None = None,
    hold: State | None = None,
    points: FixedPoints | Sequence[FixedPoint] | bool = True,
    cycles: Sequence[LimitCycle] = (),
    trajectories: Sequence[Trajectory] = (),
    separatrices: bool = True,
    flow: str = "streams",
    grid: int = 200,
    ax: Axes | None = None,
    **parameters: float,
) -> Axes:
    """Draw a plane of states: the field, nullclines, fixed points, cycles and trajectories.

    Stable fixed points are filled, unstable ones open, saddles half filled; stable cycles are
    solid, unstable ones dashed. Lines of the field show its direction in the units of the axes.

    Parameters
    ----------
    f : VectorField or callable
        The field, or a function f(x, p, ...).
    box : mapping or sequence
        Lowest and highest value of each state: what is drawn.
    axes : (str, str), optional
        The two states that vary, of a field of more than two.
    hold : mapping, array or FixedPoint, optional
        A state; the others keep its values. The nullclines and the field are then those of a
        section, and fixed points, cycles and trajectories are drawn as they project on it.
    points : FixedPoints or sequence of FixedPoint or bool
        Fixed points to draw; by default those found in the box. False draws none.
    cycles : sequence of LimitCycle
        Cycles to draw.
    trajectories : sequence of Trajectory
        Trajectories to draw; a dot marks where each begins.
    separatrices : bool
        Draw what arrives at the saddles of a field of two states.
    flow : {"streams", "arrows", "none"}
        How to draw the field.
    grid : int
        Cells along each side, for the nullclines.
    ax : matplotlib Axes, optional
        Where to draw; by default in a new figure.
    **parameters : float
        In place of those of the field.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    DescriptionError, ConvergenceError, SimulationError
        As `nullclines` and `fixed_points` do.
    """
    from neurosim.plot import style

    if flow not in ("streams", "arrows", "none"):
        raise DescriptionError("phase_portrait.flow", flow, "'streams', 'arrows' or 'none'")
    field = as_field(f, size_of(box), "phase_portrait: f").at(**parameters)
    drawn = style.axes(ax, (6.2, 5.0))
    curves = nullclines(field, box, axes=axes, hold=hold, grid=grid)
    pair = curves[0].axes
    i, j = (field.names.index(name) for name in pair)
    _field(drawn, field, box, pair, hold, flow)
    for curve, colour in zip(curves, NULLCLINES, strict=True):
        _nullcline(drawn, curve, colour)
    found: Sequence[FixedPoint]
    if isinstance(points, bool):
        found = tuple(fixed_points(field, box)) if points else ()
    else:
        found = tuple(points)
    if separatrices and field.n_states == 2:
        for saddle in (p for p in found if p.kind == "saddle"):
            _separatrix(drawn, manifolds(saddle, box), i, j)
    for path in trajectories:
        x, y = path.states[:, i], path.states[:, j]
        drawn.plot(x, y, color=INK, linewidth=1.3, zorder=3)
        drawn.plot(x[:1], y[:1], "o", color=INK, markersize=4, zorder=3)
    for cycle in cycles:
        style_of = "-" if cycle.stable else DASHED
        label = f"{'stable' if cycle.stable else 'unstable'} cycle"
        line: Any = {"color": CYCLE, "linewidth": 2.4, "zorder": 4, "label": _once(drawn, label)}
        drawn.plot(cycle.states[:, i], cycle.states[:, j], linestyle=style_of, **line)
    for point in found:
        _point(drawn, point, i, j)
    low_high = _bounds(field, box)
    drawn.set(
        xlim=low_high[i],
        ylim=low_high[j],
        xlabel=with_unit(pair[0], field.unit(pair[0])),
        ylabel=with_unit(pair[1], field.unit(pair[1])),
    )
    _legend(drawn)
    return drawn


def _bounds(field: VectorField, box: Box) -> list[tuple[float, float]]:
    if isinstance(box, Mapping):
        return [box[name] for name in field.names]
    return list(box)


def _field(
    ax: Axes,
    field: VectorField,
    box: Box,
    pair: tuple[str, str],
    hold: State | None,
    flow: str,
) -> None:
    """Draw the direction of the field, pale, under everything else."""
    if flow == "none":
        return
    grid = arrows(field, box, axes=pair, hold=hold, grid=60 if flow == "streams" else 19)
    width, height = np.ptp(grid.x), np.ptp(grid.y)
    if flow == "streams":
        ax.streamplot(
            grid.x, grid.y, grid.dx, grid.dy,
            color="#C9CED6", linewidth=0.7, density=1.1, arrowsize=0.8, zorder=0,
        )  # fmt: skip
        return
    length = np.hypot(grid.dx / width, grid.dy / height)
    length = np.where(length > 0, length, 1.0)
    ax.quiver(
        grid.x, grid.y, grid.dx / width / length, grid.dy / height / length,
        angles="uv", scale=30, color="#B9C0CA", width=0.0025, pivot="mid", zorder=0,
    )  # fmt: skip


def _nullcline(ax: Axes, curve: Nullcline, colour: str) -> None:
    label = f"d{curve.state}/dt = 0"
    for line in curve.lines:
        ax.plot(line[0], line[1], color=colour, linewidth=1.8, zorder=2, label=_once(ax, label))


def _separatrix(ax: Axes, found: Manifolds, i: int, j: int) -> None:
    for path in found.stable:
        x, y = path.states[:, i], path.states[:, j]
        label = _once(ax, "separatrix")
        ax.plot(x, y, color=INK, linewidth=1.2, linestyle=DASHED, zorder=1, label=label)


def _point(ax: Axes, point: FixedPoint, i: int, j: int) -> None:
    """Filled if stable, open if unstable, half filled if a saddle."""
    fill: Any = "full" if point.stable else "left" if point.kind == "saddle" else "none"
    ax.plot(
        [point.x[i]],
        [point.x[j]],
        "o",
        markersize=8,
        color=INK,
        fillstyle=fill,
        markerfacecoloralt="white",
        markerfacecolor=INK if fill != "none" else "white",
        markeredgewidth=1.4,
        zorder=5,
        clip_on=False,
        label=_once(ax, point.kind),
    )


def _once(ax: Axes, label: str) -> str:
    """Return a label the first time only: later ones are hidden from the legend."""
    return f"_{label}" if label in ax.get_legend_handles_labels()[1] else label


def _legend(ax: Axes) -> None:
    """Beside the axes, where it hides nothing."""
    if ax.get_legend_handles_labels()[1]:
        ax.legend(
            frameon=False, fontsize=8.5, loc="upper left", bbox_to_anchor=(1.0, 1.0),
            borderaxespad=0.4, handlelength=1.8,
        )  # fmt: skip


def bifurcation_diagram(
    diagram: BifurcationDiagram | Branch | CycleBranch | Sequence[Branch | CycleBranch],
    state: str | None = None,
    *,
    names: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """Draw fixed points and extremes of cycles over a parameter.

    Stable solutions are solid, unstable ones dashed. Cycles are drawn by the largest and the
    smallest value of the state.

    Parameters
    ----------
    diagram : BifurcationDiagram, branch or sequence of branches
        From `neurosim.analysis.bifurcation_diagram`, `continue_fixed_points`,
        `continue_limit_cycles`.
    state : str, optional
        Which state to draw; the first one by default.
    names : bool
        Mark bifurcations.
    ax : matplotlib Axes, optional
        Where to draw; by default in a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    DescriptionError
        If there is nothing to draw.
    UnknownNameError
        If there is no such state.
    """
    parts = _parts(diagram)
    field = parts[0].field
    name = field.names[0] if state is None else state
    if name not in field.names:
        raise UnknownNameError("bifurcation_diagram.state", name, field.names)
    ax = axes(ax, (6.8, 4.2))
    k = field.names.index(name)
    for part in parts:
        if isinstance(part, Branch):
            _stretches(ax, part.values, part[name], part.stable, BRANCH, "fixed points")
        else:
            for values in part.extremes(name):
                _stretches(ax, part.values, values, part.stable, CYCLE, "cycles")
    if names:
        for part in parts:
            for found in part.bifurcations:
                if isinstance(part, Branch):
                    _mark(ax, found.kind, found.criticality, found.value, [found.x[k]])
                else:
                    period = found.period or 1.0
                    apart = np.abs(part.values - found.value) / np.ptp(part.values)
                    nearest = int(np.argmin(apart + np.abs(part.periods / period - 1)))
                    heights = [float(v[nearest]) for v in part.extremes(name)]
                    _mark(ax, found.kind, None, found.value, heights)
    parameter = parts[0].parameter
    ax.set(
        xlabel=with_unit(parameter, field.unit(parameter)),
        ylabel=with_unit(name, field.unit(name)),
    )
    if isinstance(diagram, BifurcationDiagram):
        ax.set_xlim(diagram.interval)
    _legend(ax)
    return ax


def _parts(diagram: Any) -> list[Branch | CycleBranch]:
    if isinstance(diagram, BifurcationDiagram):
        return [*diagram.branches, *diagram.cycles]
    parts = [diagram] if isinstance(diagram, (Branch, CycleBranch)) else list(diagram)
    if not parts or not all(isinstance(part, (Branch, CycleBranch)) for part in parts):
        raise DescriptionError("bifurcation_diagram.diagram", diagram, "at least one branch")
    return parts


def _stretches(ax: Axes, x: Any, y: Any, stable: Any, colour: str, what: str) -> None:
    """Draw a line, solid where stable and dashed where not, without gaps between."""
    edges = [0, *(np.flatnonzero(np.diff(stable.astype(np.int8))) + 1).tolist(), x.size]
    for a, b in pairwise(edges):
        good = bool(stable[a])
        stop = min(b + 1, x.size)
        label = f"{'stable' if good else 'unstable'} {what}"
        ax.plot(
            x[a:stop],
            y[a:stop],
            color=colour,
            linewidth=2.2 if good else 1.4,
            linestyle="-" if good else DASHED,
            zorder=2,
            label=_once(ax, label),
        )


def _mark(ax: Axes, kind: str, criticality: str | None, x: float, heights: Sequence[float]) -> None:
    marker, name = MARKERS[kind]
    filled = criticality != "subcritical"
    label = f"{criticality} {name}" if criticality else name
    for y in heights:
        ax.plot(
            [x],
            [y],
            marker,
            color=INK,
            markerfacecolor=INK if filled else "white",
            markersize=6.5,
            linestyle="none",
            zorder=4,
            label=_once(ax, label),
        )


def periods(
    branches: BifurcationDiagram | CycleBranch | Sequence[CycleBranch], *, ax: Axes | None = None
) -> Axes:
    """Draw the period of limit cycles over the parameter; stable solid, unstable dashed.

    Parameters
    ----------
    branches : BifurcationDiagram, CycleBranch or sequence of CycleBranch
        Branches of cycles.
    ax : matplotlib Axes, optional
        Where to draw; by default in a new figure.

    Raises
    ------
    DescriptionError
        If there are no cycles.
    """
    cycles = [part for part in _parts(branches) if isinstance(part, CycleBranch)]
    if not cycles:
        raise DescriptionError("periods.branches", branches, "at least one branch of limit cycles")
    ax = axes(ax, (6.8, 3.4))
    for cycle in cycles:
        _stretches(ax, cycle.values, cycle.periods, cycle.stable, CYCLE, "cycles")
    field, parameter = cycles[0].field, cycles[0].parameter
    ax.set(
        xlabel=with_unit(parameter, field.unit(parameter)),
        ylabel=with_unit("period", field.unit("t")),
    )
    ax.set_ylim(bottom=0)
    _legend(ax)
    return ax
