"""Spikes in time: raster, population rates, and a run at a glance."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from neurosim.analysis import population_rate
from neurosim.errors import DescriptionError
from neurosim.plot.style import axes, figure, legend, population_colours
from neurosim.plot.traces import traces
from neurosim.records import RunLike, SpikeRecord

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAX_TRACES = 4
"""Variables shown by `overview`; its title names how many more were recorded."""

DOT_COVER = 0.03
"""Part of the axes that the dots of a raster cover, if that makes them no smaller than visible."""


def raster(
    spikes: Mapping[str, SpikeRecord],
    *,
    colours: Mapping[str, str] | None = None,
    max_spikes: int = 100_000,
    ax: Axes | None = None,
) -> Axes:
    """Draw every spike as a point, populations as bands from the top in their order.

    Parameters
    ----------
    spikes : mapping of str to SpikeRecord
        E.g. ``run.spikes``. All must cover the same time.
    colours : mapping of str to str, optional
        Colour of each population; by default from `population_colours`.
    max_spikes : int
        With more spikes, only every k-th recorded neuron of each population is drawn, k the same
        for all, and the axis says so. Drawn neurons keep all their spikes, so that the density
        of points in a band stays true.
    ax : matplotlib Axes, optional
        Where to draw; by default in a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    DescriptionError
        If there is no population, or they cover different times.
    """
    interval = _common_interval("raster.spikes", spikes)
    if max_spikes < 1:
        raise DescriptionError("raster.max_spikes", max_spikes, "a number of spikes above 0")
    ax = axes(ax, (8.0, 4.5))
    palette = population_colours(spikes, colours)
    total = sum(len(record) for record in spikes.values())
    step = max(1, -(-total // max_spikes))
    drawn = {name: -(-record.n_recorded // step) for name, record in spikes.items()}
    # A population of 10 beside one of 10,000 still gets a band that can hold its name.
    least = 0.06 * sum(drawn.values())
    heights = {name: max(n, least) for name, n in drawn.items()}
    rows = sum(heights.values())
    height, width = (n * 72 / ax.figure.dpi for n in (ax.bbox.height, ax.bbox.width))
    points = height / rows
    # Few spikes would be lost as dots of a pixel: all together they cover some of the axes.
    n_drawn = max(1, total // step)
    dot = float(np.clip(np.sqrt(DOT_COVER * width * height / n_drawn), 1.1, 4.0))
    top, middles = 0.0, []
    for name, record in spikes.items():
        row = np.full(record.size, -1, dtype=np.int64)
        row[record.neurons[::step]] = np.arange(drawn[name])
        rows_hit = row[record.ids]
        shown = rows_hit >= 0
        spacing = heights[name] / drawn[name]
        ax.plot(
            record.times[shown],
            top + (rows_hit[shown] + 0.5) * spacing,
            linestyle="none",
            marker="|" if spacing * points >= 3 else "o",
            markersize=float(np.clip(0.75 * spacing * points, dot, 16)),
            markeredgewidth=1.0 if spacing * points >= 3 else 0.0,
            color=palette[name],
            rasterized=len(record) > 2000,  # keeps a PDF of the figure small
        )
        middles.append(top + heights[name] / 2)
        top += heights[name]
        if top < rows:
            ax.axhline(top, color="#CCCCCC", linewidth=0.6, zorder=0)
    ax.set_yticks(middles, [_band_name(name, record) for name, record in spikes.items()])
    for tick, name in zip(ax.get_yticklabels(), spikes, strict=True):
        tick.set_color(palette[name])
    ax.tick_params(axis="y", length=0)
    part = "" if step == 1 else f" (1 in {step} shown)"
    ax.set(xlim=_padded(interval), ylim=(rows, 0), xlabel="time [ms]", ylabel=f"neurons{part}")
    return ax


def population_rates(
    spikes: Mapping[str, SpikeRecord],
    *,
    bin: float | None = None,
    colours: Mapping[str, str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the rate of the mean neuron of each population over time.

    Parameters
    ----------
    spikes : mapping of str to SpikeRecord
        E.g. ``run.spikes``. All must cover the same time.
    bin : float, optional
        Width of the bins [ms], must divide the time covered; by default about a 200th of it.
    colours, ax
        As in `raster`.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    DescriptionError
        If there is no population, they cover different or no time, or `bin` does not divide it.
    """
    start, stop = _common_interval("population_rates.spikes", spikes)
    width = _default_bin(stop - start) if bin is None else bin
    ax = axes(ax, (8.0, 2.5))
    palette = population_colours(spikes, colours)
    for name, record in spikes.items():
        rate = population_rate(record.times, record.n_recorded, start, stop, bin=width)
        ax.stairs(
            rate.rates, rate.edges, baseline=None, color=palette[name], linewidth=1.2, label=name
        )
    ylabel = f"rate [Hz]\nin {width:g} ms bins"
    ax.set(xlim=_padded((start, stop)), xlabel="time [ms]", ylabel=ylabel)
    ax.set_ylim(bottom=0)
    legend(ax, above=True)
    return ax


def overview(run: RunLike, *, max_spikes: int = 100_000) -> Figure:
    """Draw a run at a glance: raster, population rates, and up to four recorded variables.

    Parameters
    ----------
    run : Run
        The run.
    max_spikes : int
        As in `raster`.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    DescriptionError
        If the run recorded neither spikes nor states, or has no length.
    """
    recorded = [
        (p, v, trace) for p, t in run.states.items() for v, trace in t.items() if len(trace)
    ]
    if not (run.spikes or recorded) or not run.interval[1] > run.interval[0]:
        raise DescriptionError("plot: run", run, "a run with recorded spikes or states")
    colours = population_colours(run.populations, run.colours)
    shown = list(islice(recorded, MAX_TRACES))
    heights = ([3.2, 1.2] if run.spikes else []) + [1.4] * len(shown)
    made = figure((8.0, 0.8 + 1.25 * sum(heights)))
    panels = np.atleast_1d(made.subplots(len(heights), sharex=True, height_ratios=heights))
    rest = iter(panels)
    if run.spikes:
        raster(run.spikes, colours=colours, max_spikes=max_spikes, ax=next(rest)).set_xlabel("")
        rates = population_rates(run.spikes, colours=colours, ax=next(rest))
        rates.set_xlabel("")
        if names := rates.get_legend():
            names.remove()  # the raster above has them
    for (population, variable, trace), ax in zip(shown, rest, strict=True):
        traces(
            trace,
            variable,
            spikes=run.spikes.get(population) if variable == "V_m" else None,
            colour=colours[population],
            ax=ax,
        )
        ax.set_title(population, loc="left", fontsize=9, color=colours[population])
        ax.set_xlabel("")
    panels[-1].set(xlabel="time [ms]", xlim=_padded(run.interval))
    hidden = len(recorded) - len(shown)
    more = f" ({hidden} more variables recorded)" if hidden else ""
    made.suptitle(f"{run.name}{more}", fontsize=11)
    made.align_ylabels()
    return made


def _common_interval(place: str, spikes: Mapping[str, SpikeRecord]) -> tuple[float, float]:
    intervals = {record.interval for record in spikes.values()}
    if len(intervals) != 1:
        expected = "at least one population, all over the same time"
        raise DescriptionError(place, sorted(intervals), expected)
    return intervals.pop()


def _padded(interval: tuple[float, float]) -> tuple[float, float]:
    """Widen the interval by a hair, so that the last spike is not cut in half."""
    pad = 0.005 * (interval[1] - interval[0]) or 0.5
    return interval[0] - pad, interval[1] + pad


def _default_bin(duration: float) -> float:
    """Return the roundest width near a 200th of the duration [ms] that divides it."""
    if not duration > 0:
        raise DescriptionError("population_rates: time covered", duration, "a time in ms above 0")
    target = duration / 200
    decade = 10.0 ** np.floor(np.log10(target))
    for width in sorted(
        (m * decade for m in (1, 2, 2.5, 4, 5, 8, 10, 20)), key=lambda w: abs(np.log(w / target))
    ):
        n = round(duration / width)
        if abs(n * width - duration) < 1e-9 * duration:
            return float(width)
    return target


def _band_name(name: str, record: SpikeRecord) -> str:
    many = f"{record.n_recorded:,}"
    return f"{name} ({many})" if record.recorded is None else f"{name} ({many} of {record.size:,})"
