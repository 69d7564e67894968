"""Spike statistics as figures: PSTH, inter-spike intervals, power spectrum."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from neurosim.analysis import Psth, Spectrum
from neurosim.errors import DescriptionError
from neurosim.plot.style import INK, UNMARKED, axes, legend

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def psth(histogram: Psth, *, colour: str = UNMARKED[0], ax: Axes | None = None) -> Axes:
    """Draw a peri-stimulus time histogram with its standard error over trials.

    Parameters
    ----------
    histogram : Psth
        From `neurosim.analysis.psth`; the event is at 0.
    colour : str
        Any matplotlib colour.
    ax : matplotlib Axes, optional
        Where to draw; by default in a new figure.
    """
    ax = axes(ax, (6.0, 3.4))
    rates, errors, edges = histogram.rates, histogram.errors, histogram.edges
    ax.stairs(rates, edges, fill=True, color=colour, alpha=0.3)
    ax.stairs(rates, edges, color=colour, linewidth=1.2, label=f"{histogram.n_trials} trials")
    ax.errorbar(
        histogram.centres,
        rates,
        yerr=errors,
        fmt="none",
        ecolor=INK,
        elinewidth=0.8,
        label="standard error",
    )
    if edges[0] < 0 < edges[-1]:
        ax.axvline(0, color=INK, linewidth=0.9, linestyle=(0, (4, 3)))
    ax.set(
        xlim=(edges[0], edges[-1]),
        xlabel="time from the event [ms]",
        ylabel=f"rate [Hz], bins of {histogram.bin:g} ms",
    )
    ax.set_ylim(bottom=0)
    legend(ax)
    return ax


def isi_histogram(
    intervals: npt.ArrayLike,
    *,
    bins: int = 50,
    logarithmic: bool = False,
    colour: str = UNMARKED[0],
    ax: Axes | None = None,
) -> Axes:
    """Draw the distribution of inter-spike intervals beside that of a Poisson process.

    The dashed line is the density of a Poisson process of the same mean interval.

    Parameters
    ----------
    intervals : (n,) float
        Intervals [ms], e.g. from `neurosim.analysis.isis`.
    bins : int
        Number of bins.
    logarithmic : bool
        Equal bins of the logarithm of the interval; the density is then per natural logarithm.
    colour : str
        Any matplotlib colour.
    ax : matplotlib Axes, optional
        Where to draw; by default in a new figure.

    Raises
    ------
    DescriptionError
        Without an interval above 0.
    """
    values = np.asarray(intervals, dtype=np.float64)
    if values.ndim != 1 or not np.isfinite(values).all() or not (values > 0).any():
        expected = "at least one interval in ms above 0"
        raise DescriptionError("isi_histogram.intervals", values, expected)
    if logarithmic and not (values > 0).all():
        expected = "intervals above 0 for a logarithmic axis"
        raise DescriptionError("isi_histogram.intervals", values, expected)
    ax = axes(ax, (6.0, 3.4))
    mean = float(values.mean())
    low, high = (float(values.min()), float(values.max())) if logarithmic else (0.0, values.max())
    if logarithmic:
        edges = np.geomspace(low / 1.0001, high * 1.0001, bins + 1)
        line = np.geomspace(edges[0], edges[-1], 400)
        widths = np.log(edges[1:] / edges[:-1])
        poisson = line / mean * np.exp(-line / mean)
        ax.set_xscale("log")
    else:
        edges = np.linspace(low, high, bins + 1)
        line = np.linspace(low, high, 400)
        widths = np.diff(edges)
        poisson = np.exp(-line / mean) / mean
    density = np.histogram(values, edges)[0] / (values.size * widths)
    label = f"{values.size:,} intervals, mean {mean:.3g} ms"
    ax.stairs(density, edges, fill=True, color=colour, alpha=0.35)
    ax.stairs(density, edges, color=colour, linewidth=1.2, label=label)
    ax.plot(line, poisson, color=INK, linewidth=1, linestyle=(0, (4, 3)), label="Poisson process")
    ax.set(
        xlim=(edges[0], edges[-1]),
        xlabel="inter-spike interval [ms]",
        ylabel="density per log-interval" if logarithmic else "density [1/ms]",
    )
    ax.set_ylim(bottom=0)
    legend(ax)
    return ax


def power_spectrum(
    spectrum: Spectrum,
    *,
    label: str | None = None,
    colour: str = UNMARKED[0],
    ax: Axes | None = None,
) -> Axes:
    """Draw the power spectral density of a population's rate on logarithmic axes.

    Parameters
    ----------
    spectrum : Spectrum
        From `neurosim.analysis.rate_spectrum`. The entry at 0 Hz, whose mean was removed, has no
        place on a logarithmic axis and is not drawn.
    label : str, optional
        For the legend.
    colour : str
        Any matplotlib colour.
    ax : matplotlib Axes, optional
        Where to draw; by default in a new figure.

    Raises
    ------
    DescriptionError
        If there is no power at any frequency above 0.
    """
    frequencies, power = spectrum.frequencies[1:], spectrum.power[1:]
    if not power.any():
        raise DescriptionError("power_spectrum.spectrum", "silent", "a rate that varies")
    ax = axes(ax, (6.0, 3.4))
    ax.loglog(frequencies, power, color=colour, linewidth=1.2, label=label)
    ax.set(
        xlim=(frequencies[0], frequencies[-1]),
        xlabel="frequency [Hz]",
        ylabel="power of the rate [Hz²/Hz]",
    )
    legend(ax)
    return ax
