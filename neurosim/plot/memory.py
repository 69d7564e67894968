"""Associative memories as figures: phase diagrams, measured curves, free energies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from neurosim.analysis.memory import Curve, PhaseDiagram
from neurosim.errors import DescriptionError
from neurosim.plot.style import INK, UNMARKED, axes, legend

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def phase_diagram(diagram: PhaseDiagram, *, ax: Axes | None = None) -> Axes:
    """Draw the lines of a phase diagram, temperature over load.

    The region in which retrieval states exist is shaded, the part where they have the lowest free
    energy more so.

    Parameters
    ----------
    diagram : PhaseDiagram
        From `neurosim.analysis.memory`, e.g. `hopfield_diagram`.
    ax : matplotlib Axes, optional
        Where to draw; by default in a new figure.
    """
    ax = axes(ax, (6.4, 4.2))
    shades = {"spinodal": 0.12, "transition": 0.22}
    for (name, line), colour in zip(diagram.lines.items(), UNMARKED, strict=False):
        ax.plot(line.load, line.temperature, color=colour, linewidth=1.4, label=line.meaning)
        if name in shades:
            order = np.argsort(line.temperature)
            t, load = line.temperature[order], line.load[order]
            ax.fill_betweenx(t, 0, load, color=colour, alpha=shades[name], linewidth=0)
    right = max(float(line.load.max()) for line in diagram.lines.values())
    top = max(float(line.temperature.max()) for line in diagram.lines.values())
    # room for the legend, which would cover the lines
    ax.set(
        xlim=(0, right),
        ylim=(0, 1.05 * top),
        xlabel=diagram.load_name,
        ylabel="temperature T",
    )
    ax.legend(
        frameon=False, fontsize=8, loc="lower left", bbox_to_anchor=(0, 1.0), title=diagram.title
    )
    return ax


def memory_curve(
    curve: Curve,
    *,
    theory: Callable[[npt.NDArray[np.float64]], npt.ArrayLike] | None = None,
    label: str | None = None,
    colour: str = UNMARKED[0],
    ax: Axes | None = None,
) -> Axes:
    """Draw a measured curve of a memory with its standard errors.

    Parameters
    ----------
    curve : Curve
        From `neurosim.analysis.memory.capacity_curve` or `basin`.
    theory : callable, optional
        Takes x (n,) and returns y (n,), drawn as a dashed line.
    label : str, optional
        For the legend.
    colour : str
        Any matplotlib colour.
    ax : matplotlib Axes, optional
        Where to draw; by default in a new figure.

    Raises
    ------
    DescriptionError
        If the theory does not return one finite number per x.
    """
    ax = axes(ax, (6.0, 3.6))
    named = f"{curve.trials} trials" if label is None else f"{label} ({curve.trials} trials)"
    ax.errorbar(
        curve.x,
        curve.mean,
        yerr=curve.error,
        fmt="o-",
        markersize=4,
        linewidth=1.0,
        elinewidth=1.0,
        color=colour,
        label=named,
    )
    if theory is not None:
        x = np.linspace(float(curve.x.min()), float(curve.x.max()), 300)
        y = np.asarray(theory(x), dtype=np.float64)
        if y.shape != x.shape or not np.isfinite(y).all():
            raise DescriptionError("memory_curve.theory", y, f"{x.size} finite numbers")
        ax.plot(x, y, color=INK, linewidth=1.0, linestyle=(0, (4, 3)), label="theory")
    ax.set(xlabel=curve.x_name, ylabel=curve.y_name)
    ax.set_ylim(bottom=min(0.0, float((curve.mean - curve.error).min())))
    legend(ax)
    return ax


def free_energy(
    overlaps: npt.ArrayLike,
    profiles: Mapping[str, npt.ArrayLike],
    *,
    ax: Axes | None = None,
) -> Axes:
    """Draw free energies over the overlap with a pattern, and mark their minima.

    Parameters
    ----------
    overlaps : (n,)
        Ascending.
    profiles : dict of str to (n,)
        Labels and free energies, e.g. from `neurosim.analysis.memory.free_energy_profile`. Each is
        drawn from its value at the first overlap.
    ax : matplotlib Axes, optional
        Where to draw; by default in a new figure.

    Raises
    ------
    DescriptionError
        If lengths differ or values are not finite.
    """
    m = np.asarray(overlaps, dtype=np.float64)
    ax = axes(ax, (6.0, 3.6))
    for k, (label, profile) in enumerate(profiles.items()):
        f = np.asarray(profile, dtype=np.float64)
        if f.shape != m.shape or not np.isfinite(f).all():
            raise DescriptionError(
                f"free_energy.profiles[{label!r}]", f, f"{m.size} finite numbers"
            )
        f = f - f[0]
        colour = UNMARKED[k % len(UNMARKED)]
        ax.plot(m, f, color=colour, linewidth=1.4, label=label)
        lowest = np.nonzero((f[1:-1] < f[:-2]) & (f[1:-1] < f[2:]))[0] + 1
        ax.plot(m[lowest], f[lowest], "o", color=colour, markersize=4)
    ax.axhline(0, color=INK, linewidth=0.8, linestyle=(0, (4, 3)))
    ax.set(
        xlim=(float(m[0]), float(m[-1])),
        xlabel="overlap m with a pattern",
        ylabel="free energy per unit, from the first",
    )
    legend(ax)
    return ax
