"""Connections as figures: weight matrix, degrees, the graph of populations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import log10
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from neurosim.errors import DescriptionError
from neurosim.plot.style import UNMARKED, axes, legend, population_colours, with_unit

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MAX_PIXELS = 400
"""Rows and columns of a weight matrix drawn one by one; larger ones are summed in blocks."""


def weight_matrix(
    pre: npt.ArrayLike,
    post: npt.ArrayLike,
    weight: npt.ArrayLike,
    shape: tuple[int, int],
    *,
    unit: str = "1",
    names: tuple[str, str] = ("presynaptic neuron", "postsynaptic neuron"),
    ax: Axes | None = None,
) -> Axes:
    """Draw weights as a matrix, rows presynaptic, columns postsynaptic; blank: no connection.

    Blue is positive, red negative. Each sign has its own half of the colour bar, up to the 99th
    percentile of its absolute values (an arrow on the bar marks that larger ones exist). Several
    connections of one pair are summed. Above 400 neurons in a direction, blocks of neurons are
    summed and the colour bar says how large they are.

    Parameters
    ----------
    pre, post : (n,) int
        Neurons of each connection, 0-based.
    weight : (n,) float
        Weights.
    shape : (int, int)
        Sizes of the populations (n_pre, n_post).
    unit : str
        Unit of the weights, for the colour bar.
    names : (str, str)
        Labels of the rows and columns.
    ax : matplotlib Axes, optional
        Where to draw; by default in a new figure.

    Raises
    ------
    DescriptionError
        If the arrays do not fit each other or `shape`.
    """
    rows = _ids("weight_matrix.pre", pre, shape[0])
    columns = _ids("weight_matrix.post", post, shape[1])
    values = np.asarray(weight, dtype=np.float64)
    if not rows.shape == columns.shape == values.shape or not np.isfinite(values).all():
        expected = f"one finite weight per connection, shape {rows.shape}"
        raise DescriptionError("weight_matrix.weight", values, expected)
    ax = axes(ax, (5.6, 4.6))
    from matplotlib.colors import TwoSlopeNorm

    block = max(1, -(-max(shape) // MAX_PIXELS))
    n_rows, n_columns = (-(-n // block) for n in shape)
    cells = (rows // block) * n_columns + columns // block
    sums: npt.NDArray[np.float64] = np.zeros(n_rows * n_columns)
    sums += np.bincount(cells, values, minlength=sums.size)
    sums = sums.reshape((n_rows, n_columns))
    hits = np.bincount(cells, minlength=sums.size).reshape(sums.shape)
    low, high = _limit(-sums[sums < 0]), _limit(sums[sums > 0])
    image = ax.imshow(
        np.where(hits > 0, sums, np.nan),
        cmap="RdBu",
        norm=TwoSlopeNorm(0.0, vmin=-low, vmax=high),
        aspect="auto" if max(shape) > 4 * min(shape) else "equal",
        extent=(-0.5, n_columns * block - 0.5, n_rows * block - 0.5, -0.5),
    )
    ax.set_facecolor("#EEEEEE")
    what = "weight" if block == 1 else f"sum of weights per {block} x {block} neurons"
    bar = ax.figure.colorbar(image, ax=ax, shrink=0.85, extend=_beyond(sums, low, high))
    bar.set_label(with_unit(what, unit), fontsize=9)
    bar.ax.tick_params(labelsize=8)
    ax.set(ylabel=names[0], xlabel=names[1])
    ax.spines[["top", "right", "left", "bottom"]].set_visible(False)
    return ax


def degree_distribution(
    pre: npt.ArrayLike,
    post: npt.ArrayLike,
    shape: tuple[int, int],
    *,
    bins: int | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the distributions of in-degrees (per postsynaptic neuron) and out-degrees.

    Parameters
    ----------
    pre, post : (n,) int
        Neurons of each connection, 0-based.
    shape : (int, int)
        Sizes of the populations (n_pre, n_post); neurons without connections count as 0.
    bins : int, optional
        Number of bins over the range of both; by default a whole number of degrees each, at most
        60 of them.
    ax : matplotlib Axes, optional
        Where to draw; by default in a new figure.

    Raises
    ------
    DescriptionError
        If the arrays do not fit `shape`.
    """
    out_degrees = np.bincount(_ids("degree_distribution.pre", pre, shape[0]), minlength=shape[0])
    in_degrees = np.bincount(_ids("degree_distribution.post", post, shape[1]), minlength=shape[1])
    ax = axes(ax, (6.0, 3.4))
    low = int(min(out_degrees.min(), in_degrees.min()))
    high = int(max(out_degrees.max(), in_degrees.max()))
    step = -(-(high - low + 1) // (bins or 60))
    edges = np.arange(low, high + step + 1, step) - 0.5
    for degrees, name, colour in (
        (in_degrees, "in-degree", UNMARKED[0]),
        (out_degrees, "out-degree", UNMARKED[1]),
    ):
        share = np.histogram(degrees, edges)[0] / degrees.size
        label = f"{name}: {degrees.mean():.4g} ± {degrees.std():.3g}"
        ax.stairs(share, edges, fill=True, color=colour, alpha=0.15)
        ax.stairs(share, edges, color=colour, linewidth=1.3, label=label)
    width = "" if step == 1 else f" (bins of {step})"
    ax.set(xlabel=f"connections per neuron{width}", ylabel="share of neurons")
    ax.set_ylim(bottom=0)
    legend(ax)
    return ax


def connectivity_graph(
    connections: Iterable[tuple[str, str, float]],
    *,
    sizes: Mapping[str, int] | None = None,
    colours: Mapping[str, str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw populations as a circle of nodes, projections as arrows in the colour of their source.

    The width of an arrow grows with the logarithm of its number of connections. With up to 12
    arrows the number stands on each.

    Parameters
    ----------
    connections : iterable of (str, str, float)
        Source, target and (expected) number of connections; several projections between the same
        two populations are added. Arrows without connections are left out.
    sizes : mapping of str to int, optional
        Size of each population, written below its name; also fixes their order.
    colours : mapping of str to str, optional
        Colour of each population; by default from `population_colours`.
    ax : matplotlib Axes, optional
        Where to draw; by default in a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    DescriptionError
        If there is no population, or a number is negative or not finite.
    """
    counts: dict[tuple[str, str], float] = {}
    names = dict.fromkeys(sizes or {})
    for source, target, count in connections:
        if not (np.isfinite(count) and count >= 0):
            place = f"connectivity_graph: {source!r} to {target!r}"
            raise DescriptionError(place, count, "a number of connections of at least 0")
        names |= dict.fromkeys((source, target))
        counts[source, target] = counts.get((source, target), 0.0) + count
    if not names:
        raise DescriptionError("connectivity_graph.connections", [], "at least one population")
    ax = axes(ax, (6.0, 5.6))
    from matplotlib.patches import Circle, FancyArrowPatch

    palette = population_colours(names, colours)
    places = _circle(list(names))
    radius = min(0.3, 1.9 / len(names))
    counts = {pair: count for pair, count in counts.items() if count > 0}
    largest = max((log10(1 + count) for count in counts.values()), default=1.0)
    for (source, target), count in counts.items():
        start, stop, bend = _ends(places[source], places[target], radius)
        ax.add_patch(
            FancyArrowPatch(
                start,
                stop,
                connectionstyle=f"arc3,rad={bend}",
                arrowstyle="-|>",
                mutation_scale=14,
                shrinkA=0,
                shrinkB=0,
                linewidth=0.6 + 2.4 * log10(1 + count) / largest,
                color=palette[source],
                alpha=0.85,
            )
        )
        if len(counts) <= 12:
            # The middle of matplotlib's quadratic curve with this bend.
            (x1, y1), (x2, y2) = start, stop
            x, y = (x1 + x2 + bend * (y2 - y1)) / 2, (y1 + y2 - bend * (x2 - x1)) / 2
            box = {"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none"}
            style: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 8, "bbox": box}
            ax.text(x, y, _short(count), color=palette[source], **style)
    for name, (x, y) in places.items():
        ax.add_patch(Circle((x, y), radius, facecolor=palette[name], edgecolor="white", zorder=3))
        size = f"\n{sizes[name]:,}" if sizes and name in sizes else ""
        style = {"ha": "center", "va": "center", "fontsize": 9, "zorder": 4}
        ax.text(x, y, f"{name}{size}", color="white", **style)
    reach = 1 + 2.9 * radius
    ax.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")
    ax.set_axis_off()
    return ax


def _circle(names: list[str]) -> dict[str, tuple[float, float]]:
    """Return places on the unit circle: clockwise from the top, two of them side by side."""
    first = np.pi if len(names) == 2 else np.pi / 2
    angles = first - 2 * np.pi * np.arange(len(names)) / len(names)
    return {n: (float(np.cos(a)), float(np.sin(a))) for n, a in zip(names, angles, strict=True)}


def _ends(
    source: tuple[float, float], target: tuple[float, float], radius: float
) -> tuple[tuple[float, float], tuple[float, float], float]:
    """Return where an arrow leaves one node and meets the other, and how much it bends."""

    def rim(place: tuple[float, float], angle: float) -> tuple[float, float]:
        return place[0] + radius * np.cos(angle), place[1] + radius * np.sin(angle)

    if source == target:
        outward = np.arctan2(source[1], source[0])
        return rim(source, outward + 0.5), rim(target, outward - 0.5), -2.6
    straight = np.arctan2(target[1] - source[1], target[0] - source[0])
    # Turned off the straight line to the side of the bend, so that arrows there and back part.
    return rim(source, straight - 0.3), rim(target, straight + np.pi + 0.3), 0.15


def _short(count: float) -> str:
    """Return a count in three digits at most: 950, 1.2 k, 300 M."""
    for size, letter in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if count >= 0.9995 * size:
            return f"{count / size:.3g}{letter}"
    return f"{count:.3g}"


def _limit(values: npt.NDArray[np.float64]) -> float:
    """Return the 99th percentile of positive values; 1 where there are none."""
    return float(np.percentile(values, 99)) if values.size else 1.0


def _beyond(sums: npt.NDArray[np.float64], low: float, high: float) -> str:
    below, above = bool((sums < -low).any()), bool((sums > high).any())
    return {(0, 0): "neither", (1, 0): "min", (0, 1): "max", (1, 1): "both"}[below, above]


def _ids(place: str, ids: npt.ArrayLike, size: int) -> npt.NDArray[np.int64]:
    """Return ids as int64, refusing what does not lie in 0 .. size - 1."""
    array = np.asarray(ids)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        raise DescriptionError(place, ids, "a one-dimensional array of whole numbers")
    if array.size and not (array.min() >= 0 and array.max() < size):
        raise DescriptionError(place, array, f"numbers from 0 to {size - 1}")
    return array.astype(np.int64)
