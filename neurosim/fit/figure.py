"""A placement as a figure: what is on each core, and how full it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from neurosim.plot.style import INK, figure, population_colours, tidy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

EXPLAINED = 12
"""Populations that a legend names."""

KINDS = {"synapses": "////", "delays": "....", "source": ""}
"""Hatches of cores that have no neurons."""


def draw(fit: Any) -> Figure:
    """Return a figure: neurons of each core by population, and the use of each limit.

    fit : Fit
    """
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    limits = [
        (name, title, most)
        for name, title, most in fit.chip.of_cores
        if most and any(core.use.get(name) for core in fit.cores)
    ]  # fmt: skip
    fig = figure((9.0, 4.6))
    fig.suptitle(fit.headline, fontsize=10, color=INK)
    if not fit.cores:
        ax = fig.add_subplot()
        ax.axis("off")
        told = "\n".join(f"{m.part}: {m.field}" for m in fit.misfits[:EXPLAINED])
        ax.text(0.5, 0.5, told or "nothing is placed", ha="center", va="center", color=INK)
        return fig
    above, below = fig.subplots(2, 1, sharex=True, gridspec_kw={"height_ratios": (3, 2)})
    colours = population_colours(dict.fromkeys(p.population for c in fit.cores for p in c.parts))
    _stack(above, fit, colours)
    at = np.arange(len(fit.cores))
    markers = "os^vDPX*"
    few = len(fit.cores) <= 150
    for k, (name, title, most) in enumerate(limits):
        used = np.array([100.0 * core.use.get(name, np.nan) / most for core in fit.cores])
        below.plot(
            at, used, marker=markers[k % len(markers)] if few else "", markersize=3.5,
            linewidth=0.8, label=title, color=f"C{k}",
        )  # fmt: skip
    below.axhline(100.0, color=INK, linewidth=0.8, linestyle="--")
    below.set(xlabel="core", ylabel="use [%]")
    below.set_ylim(0, max(105.0, below.get_ylim()[1]))
    below.set_xlim(-0.6, len(fit.cores) - 0.4)
    for ax in (above, below):
        tidy(ax)
        for k in np.flatnonzero(np.diff([core.chip for core in fit.cores])):
            ax.axvline(k + 0.5, color=INK, linewidth=0.6, alpha=0.5)
    names = list(colours)[:EXPLAINED]
    keys: list[Any] = [Patch(color=colours[name], label=name) for name in names]
    kinds = dict.fromkeys(p.kind for c in fit.cores for p in c.parts)
    keys += [
        Patch(facecolor="white", edgecolor=INK, hatch=KINDS[kind], label=kind)
        for kind in kinds
        if KINDS.get(kind)
    ]
    if fit.chips > 1:
        keys.append(Line2D([], [], color=INK, linewidth=0.6, alpha=0.5, label="next chip"))
    for ax, handles in ((above, keys), (below, None)):
        ax.legend(
            handles=handles, frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1.01, 1.0)
        )
    return fig


def _stack(ax: Any, fit: Any, colours: dict[str, str]) -> None:
    """Draw the parts of each core on top of each other; wide drawings have no gaps."""
    width = 0.85 if len(fit.cores) <= 150 else 1.0
    drawn: dict[tuple[str, str], list[tuple[int, int, int]]] = {}
    for k, core in enumerate(fit.cores):
        height = 0
        for part in core.parts:
            n = part.end - part.first
            drawn.setdefault((part.population, part.kind), []).append((k, height, n))
            height += n
    for (name, kind), bars in drawn.items():
        at, bottom, n = np.array(bars).T
        busy = kind in ("synapses", "delays")
        ax.bar(
            at, n, width, bottom, color="white" if busy else colours[name],
            edgecolor=colours[name] if busy else "none", linewidth=0.4 if busy else 0.0,
            hatch=KINDS.get(kind, ""),
        )  # fmt: skip
    ax.set_ylabel("neurons")
