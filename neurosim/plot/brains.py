"""Connectomes and whole-brain activity: matrices, a brain from above, dynamics, phases, spectra."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from neurosim.analysis import ConnectivityDynamics, Spectra, Synchrony, fc_sc_correlation
from neurosim.analysis.signals import checked_square
from neurosim.errors import DescriptionError
from neurosim.plot.style import INK, UNMARKED, axes, legend, with_unit

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = npt.NDArray[np.float64]

MAX_LABELS = 24
"""Regions whose names are written at a matrix; of more, every k-th is."""


def region_matrix(
    matrix: npt.ArrayLike,
    *,
    labels: Sequence[str] | None = None,
    name: str = "correlation",
    unit: str = "1",
    logarithmic: bool = False,
    ax: Axes | None = None,
) -> Axes:
    """Draw a matrix between regions: functional or structural connectivity, lengths or delays.

    With numbers of both signs, 0 is white, blue positive and red negative. The diagonal is left
    blank: it is 1 in correlations and 0 in connectomes, whatever the brain does.

    Parameters
    ----------
    matrix : (n, n) float
        Rows are sources, where there is a direction.
    labels : sequence of str, optional
        Names of the regions.
    name, unit : str
        What is drawn, for the colour bar.
    logarithmic : bool
        Colours by the logarithm, entries of 0 blank; for numbers that are at least 0.
    ax : matplotlib Axes, optional
        Where to draw; by default in a new figure.

    Raises
    ------
    DescriptionError
        If the matrix is not square, holds NaN or has nothing off its diagonal, the labels do not
        fit it, or a logarithm is asked of negative numbers.
    """
    values = checked_square("region_matrix.matrix", matrix)
    n = len(values)
    if labels is not None and len(labels) != n:
        raise DescriptionError("region_matrix.labels", labels, f"{n} names, one per region")
    off = values[~np.eye(n, dtype=bool)]
    if (logarithmic and (off < 0).any()) or (logarithmic and not (off > 0).any()):
        raise DescriptionError(
            "region_matrix.matrix", values, "numbers above 0, for a logarithmic scale"
        )
    ax = axes(ax, (5.4, 4.4))
    from matplotlib.colors import LogNorm, Normalize

    shown = np.where(np.eye(n, dtype=bool) | (logarithmic & (values == 0)), np.nan, values)
    reach = float(np.abs(off).max()) or 1.0
    norm: Normalize
    if logarithmic:
        norm, colours = LogNorm(float(off[off > 0].min()), reach), "viridis"
    elif (off < 0).any():
        norm, colours = Normalize(-reach, reach), "RdBu"
    else:
        norm, colours = Normalize(0.0, reach), "viridis"
    image = ax.imshow(shown, norm=norm, cmap=colours, interpolation="nearest")
    ax.set_facecolor("#EEEEEE")
    bar = ax.figure.colorbar(image, ax=ax, shrink=0.85)
    bar.set_label(with_unit(name, unit), fontsize=9)
    bar.ax.tick_params(labelsize=8)
    ax.spines[["top", "right", "left", "bottom"]].set_visible(False)
    if labels is None:
        ax.set(xlabel="region", ylabel="region")
    else:
        ticks = np.arange(0, n, -(-n // MAX_LABELS))
        named = [labels[int(k)] for k in ticks]
        ax.set_xticks(ticks, named, rotation=90, fontsize=6)
        ax.set_yticks(ticks, named, fontsize=6)
    return ax


def brain(
    weights: npt.ArrayLike,
    centres: npt.ArrayLike,
    *,
    share: float = 0.1,
    values: npt.ArrayLike | None = None,
    name: str = "strength",
    ax: Axes | None = None,
) -> Axes:
    """Draw regions from above, front up, and the strongest connections between them.

    Parameters
    ----------
    weights : (n, n) float
        At least 0; the mean of both directions is drawn, wider where it is larger.
    centres : (n, 3) float
        Places of the regions [mm]: to the right, to the front, up.
    share : float
        Share of the connections that are drawn, in [0, 1]: the strongest. The axis says how many.
    values : (n,) float, optional
        What the colour of each region shows; by default the sum of its weights.
    name : str
        What `values` are, for the colour bar.
    ax : matplotlib Axes, optional
        Where to draw; by default in a new figure.

    Raises
    ------
    DescriptionError
        If the arrays do not fit each other.
    """
    strengths = checked_square("brain.weights", weights)
    n = len(strengths)
    places = np.asarray(centres, dtype=np.float64)
    if places.shape != (n, 3) or not np.isfinite(places).all():
        raise DescriptionError("brain.centres", places, f"finite places, of shape ({n}, 3)")
    if not 0 <= share <= 1:
        raise DescriptionError("brain.share", share, "a share in [0, 1]")
    if (strengths < 0).any():
        raise DescriptionError("brain.weights", strengths, "weights of at least 0")
    both = (strengths + strengths.T) / 2
    shown = both.sum(axis=1) if values is None else np.asarray(values, dtype=np.float64)
    if shown.shape != (n,) or not np.isfinite(shown).all():
        raise DescriptionError("brain.values", shown, f"{n} finite numbers, one per region")
    ax = axes(ax, (5.2, 5.0))
    from matplotlib.collections import LineCollection

    first, second = np.triu_indices(n, 1)
    edges = both[first, second]
    present = np.flatnonzero(edges > 0)
    drawn = present[np.argsort(edges[present], kind="stable")]
    drawn = drawn[drawn.size - round(share * drawn.size) :]
    if drawn.size:
        relative = np.sqrt(edges[drawn] / edges[drawn].max())
        ax.add_collection(
            LineCollection(
                list(np.stack([places[first[drawn], :2], places[second[drawn], :2]], axis=1)),
                linewidths=0.2 + 2.0 * relative,
                colors=[(*_rgb(INK), 0.1 + 0.6 * float(r)) for r in relative],
                zorder=1,
            )
        )
    # Regions further up lie on top of those below them.
    order = np.argsort(places[:, 2], kind="stable")
    dots = ax.scatter(
        places[order, 0], places[order, 1], c=shown[order], cmap="viridis", s=42,
        edgecolors="white", linewidths=0.6, zorder=2,
    )  # fmt: skip
    bar = ax.figure.colorbar(dots, ax=ax, shrink=0.7)
    bar.set_label(name, fontsize=9)
    bar.ax.tick_params(labelsize=8)
    note = f"{drawn.size:,} of {present.size:,} connections"
    ax.set(aspect="equal", xlabel=f"left - right [mm]\n{note}", ylabel="back - front [mm]")
    return ax


def _rgb(colour: str) -> tuple[float, float, float]:
    from matplotlib.colors import to_rgb

    return to_rgb(colour)


def fc_against_sc(
    functional: npt.ArrayLike,
    structural: npt.ArrayLike,
    *,
    logarithmic: bool = True,
    colour: str = UNMARKED[0],
    ax: Axes | None = None,
) -> Axes:
    """Draw functional against structural connectivity, one dot per connected pair of regions.

    The label has Pearson's correlation of what is drawn: with logarithmic weights, of their
    logarithm. Pairs without a structural connection are left out, and the axis says how many.

    Parameters
    ----------
    functional, structural : (n, n) float
    logarithmic : bool
        Take the logarithm of the weights, which spread over orders of magnitude.
    colour : str
        Any matplotlib colour.
    ax : matplotlib Axes, optional
        Where to draw; by default in a new figure.

    Raises
    ------
    DescriptionError
        If the matrices do not fit each other, or nothing is connected.
    """
    correlations = checked_square("fc_against_sc.functional", functional)
    weights = checked_square("fc_against_sc.structural", structural)
    if correlations.shape != weights.shape:
        expected = f"the shape of the functional, {correlations.shape}"
        raise DescriptionError("fc_against_sc.structural", weights, expected)
    upper = np.triu_indices(len(weights), 1)
    y = ((correlations + correlations.T) / 2)[upper]
    both = (weights + weights.T) / 2
    x = both[upper]
    connected = x > 0
    if connected.sum() < 2:
        raise DescriptionError("fc_against_sc.structural", weights, "at least 2 connected pairs")
    if logarithmic:
        # A constant factor shifts the logarithm, so that no connected pair lies at exactly 0,
        # which stands for pairs that are not connected.
        scaled = np.where(both > 0, np.log(np.where(both > 0, both, 1.0) / both[both > 0].min()), 0)
        both = np.where(both > 0, scaled + 1.0, 0.0)
    correlation = fc_sc_correlation(correlations, both, connected_only=True)
    ax = axes(ax, (5.0, 3.8))
    label = f"{int(connected.sum()):,} pairs, r = {correlation:.2f}"
    ax.plot(
        x[connected], y[connected], linestyle="none", marker=".", markersize=3, color=colour,
        alpha=0.5, label=label,
    )  # fmt: skip
    if logarithmic:
        ax.set_xscale("log")
    missing = int((~connected).sum())
    rest = f"\n{missing:,} pairs without a connection are not shown" if missing else ""
    ax.set(xlabel=f"structural weight{rest}", ylabel="functional connectivity")
    legend(ax, above=True)
    return ax


def connectivity_dynamics(dynamics: ConnectivityDynamics, *, ax: Axes | None = None) -> Axes:
    """Draw functional connectivity dynamics: how connectivity in each window resembles others'.

    Parameters
    ----------
    dynamics : ConnectivityDynamics
        From `neurosim.analysis.connectivity_dynamics`.
    ax : matplotlib Axes, optional
        Where to draw; by default in a new figure.
    """
    ax = axes(ax, (4.8, 4.0))
    starts = dynamics.starts / 1000.0
    step = float(starts[1] - starts[0])
    low, high = float(starts[0]) - step / 2, float(starts[-1]) + step / 2
    image = ax.imshow(
        dynamics.matrix,
        cmap="viridis",
        vmin=min(0.0, float(dynamics.matrix.min())),
        vmax=1.0,
        extent=(low, high, high, low),
        interpolation="nearest",
    )
    bar = ax.figure.colorbar(image, ax=ax, shrink=0.85)
    bar.set_label("correlation of connectivities", fontsize=9)
    bar.ax.tick_params(labelsize=8)
    window = f"start of the window of {dynamics.window / 1000:g} s [s]"
    ax.set(xlabel=window, ylabel="start of the other window [s]")
    ax.spines[["left", "bottom"]].set_visible(False)
    return ax


def order_parameter(
    synchrony: Synchrony, *, colour: str = UNMARKED[0], ax: Axes | None = None
) -> Axes:
    """Draw Kuramoto's order parameter in time, with its mean and standard deviation.

    Parameters
    ----------
    synchrony : Synchrony
        From `neurosim.analysis.phase_synchrony`.
    colour : str
        Any matplotlib colour.
    ax : matplotlib Axes, optional
        Where to draw; by default in a new figure.
    """
    ax = axes(ax, (7.0, 2.6))
    mean, spread = synchrony.synchrony, synchrony.metastability
    ax.axhspan(mean - spread, mean + spread, color=colour, alpha=0.12, linewidth=0)
    label = f"synchrony {mean:.2f}, metastability {spread:.2f}"
    ax.plot(synchrony.times / 1000.0, synchrony.order, color=colour, linewidth=0.9, label=label)
    ax.axhline(mean, color=INK, linewidth=0.8, linestyle=(0, (4, 3)))
    ax.set(xlabel="time [s]", ylabel="order parameter R", ylim=(0, 1))
    legend(ax, above=True)
    return ax


def power_spectra(
    spectra: Spectra,
    *,
    max_frequency: float | None = None,
    unit: str = "1",
    colour: str = UNMARKED[0],
    ax: Axes | None = None,
) -> Axes:
    """Draw power spectra: the mean over nodes, and the range that holds 8 of 10 nodes.

    Parameters
    ----------
    spectra : Spectra
        From `neurosim.analysis.power_spectra`.
    max_frequency : float, optional
        Highest frequency drawn [Hz]; by default all.
    unit : str
        Unit of the signal.
    colour : str
        Any matplotlib colour.
    ax : matplotlib Axes, optional
        Where to draw; by default in a new figure.

    Raises
    ------
    DescriptionError
        If no frequency above 0 is to be drawn.
    """
    highest = np.inf if max_frequency is None else max_frequency
    inside = (spectra.frequencies > 0) & (spectra.frequencies <= highest)
    if not inside.any():
        first = float(spectra.frequencies[1])
        expected = f"a frequency in Hz of at least {first:g}"
        raise DescriptionError("power_spectra.max_frequency", max_frequency, expected)
    ax = axes(ax, (6.0, 3.2))
    frequencies, power = spectra.frequencies[inside], spectra.power[inside]
    n = power.shape[1]
    if n > 1:
        low, high = np.percentile(power, (10, 90), axis=1)
        label = f"8 of 10 of {n:,} nodes"
        ax.fill_between(frequencies, low, high, color=colour, alpha=0.2, linewidth=0, label=label)
    ax.plot(frequencies, power.mean(axis=1), color=colour, linewidth=1.4, label="mean")
    if (power > 0).any():
        ax.set_yscale("log")
    density = "power [1/Hz]" if unit == "1" else f"power [{unit}²/Hz]"
    ax.set(xlabel="frequency [Hz]", ylabel=density)
    legend(ax, above=True)
    return ax
