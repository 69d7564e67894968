"""State variables in time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from neurosim.errors import DescriptionError
from neurosim.plot.style import INK, UNMARKED, axes, legend, with_unit
from neurosim.records import SpikeRecord, Trace, window

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def traces(
    trace: Trace,
    name: str = "V_m",
    *,
    neurons: Sequence[int] | None = None,
    max_neurons: int = 5,
    spikes: SpikeRecord | None = None,
    threshold: float | None = None,
    colour: str = UNMARKED[0],
    ax: Axes | None = None,
) -> Axes:
    """Draw samples of a variable: the first neuron strong, further ones faint behind it.

    Parameters
    ----------
    trace : Trace
        E.g. ``run.states["exc"]["V_m"]``.
    name : str
        The variable's name, for the axis.
    neurons : sequence of int, optional
        Ids of the neurons to draw; by default the first `max_neurons` recorded.
    max_neurons : int
        Neurons drawn by default; if there are more the axis says so.
    spikes : SpikeRecord, optional
        Spikes of the same population: those of the first neuron are marked.
    threshold : float, optional
        Where to mark them, and a dashed line; by default spikes stand at the top of the traces.
    colour : str
        Any matplotlib colour.
    ax : matplotlib Axes, optional
        Where to draw; by default in a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    DescriptionError
        If the trace is empty or a neuron was not recorded.
    """
    if not len(trace) or not trace.ids.size:
        raise DescriptionError("traces.trace", trace, "at least one sample of one neuron")
    ax = axes(ax, (8.0, 2.8))
    if trace.reduce == "mean":
        columns, label, rest = [trace.array[:, 0]], f"mean of {trace.ids.size:,} neurons", ""
        first = None
    else:
        chosen = trace.ids[:max_neurons].tolist() if neurons is None else list(neurons)
        if not chosen:
            raise DescriptionError("traces.neurons", neurons, "at least one neuron")
        columns = [trace.of(k) for k in chosen]
        first, label = chosen[0], f"neuron {chosen[0]}"
        hidden = neurons is None and trace.ids.size > len(chosen)
        rest = f"\n{len(chosen)} of {trace.ids.size:,} neurons" if hidden else ""
    for column in columns[:0:-1]:
        ax.plot(trace.times, column, color=colour, alpha=0.28, linewidth=0.8)
    ax.plot(trace.times, columns[0], color=colour, linewidth=1.3, label=label)
    if threshold is not None:
        ax.axhline(threshold, color=INK, linewidth=0.8, linestyle=(0, (4, 3)), label="threshold")
    if spikes is not None and first is not None and first in spikes.neurons:
        lo, hi = window(spikes.times, float(trace.times[0]), float(trace.times[-1]))
        fired = spikes.times[lo:hi][spikes.ids[lo:hi] == first]
        highest = max(float(np.max(column)) for column in columns)
        lowest = min(float(np.min(column)) for column in columns)
        level = threshold if threshold is not None else highest + 0.06 * (highest - lowest)
        if fired.size:
            ax.plot(
                fired,
                np.full(fired.size, level),
                linestyle="none",
                marker="v",
                markersize=5,
                clip_on=False,
                color=INK,
                label="spike",
            )
    ax.set(xlabel="time [ms]", ylabel=with_unit(name, trace.unit) + rest)
    legend(ax, above=True)
    return ax
