"""A conversion as a figure: accuracy against steps, errors of layers, energy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from neurosim.plot.style import INK, UNMARKED, figure, tidy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BLUE, RED, GREEN = UNMARKED[:3]


def draw(report: Any) -> Figure:
    """Return a figure of three panels.

    report : ConversionReport
    """
    from matplotlib.ticker import MaxNLocator

    fig = figure((11.0, 3.4))
    left, middle, right = (fig.add_subplot(1, 3, k + 1) for k in range(3))
    for ax in (left, middle, right):
        tidy(ax)
    steps = np.arange(1, report.timesteps + 1)

    known = report.accuracy is not None
    curve = report.accuracy if known else report.agreement
    left.plot(steps, 100 * curve, "o-", color=BLUE, markersize=3.5, label="spiking network")
    if report.module_accuracy is not None:
        left.axhline(100 * report.module_accuracy, color=INK, linewidth=1, linestyle="--",
                     label="module")  # fmt: skip
    left.set(
        xlabel="steps of a window", ylabel="accuracy [%]" if known else "the module's class [%]",
        title=f"{report.images} images",
    )  # fmt: skip
    left.xaxis.set_major_locator(MaxNLocator(integer=True))
    left.legend(frameon=False, fontsize=8, loc="lower right")

    layers = report.layers
    at = np.arange(len(layers))
    middle.barh(at, [x.error for x in layers], color=BLUE, height=0.7, label="in the network")
    middle.barh(at, [x.own_error for x in layers], color=RED, height=0.3, label="by itself")
    middle.set_yticks(at, [x.name for x in layers])
    middle.invert_yaxis()
    middle.set(xlabel="relative error of activations", title=f"worst: {report.worst_layer}")
    middle.legend(frameon=False, fontsize=8, loc="lower right")

    verdicts = [report.verdict(timesteps=int(t)) for t in steps]
    for values, colour, style, name in (
        ([v.spiking.total for v in verdicts], BLUE, "o-", "spiking network"),
        ([v.quantised.total for v in verdicts], INK, "--", "quantised, as many levels"),
        ([v.skipping.total for v in verdicts], GREEN, ":", "the same, skipping zeros"),
    ):
        right.plot(steps, np.array(values) * 1e-6, style, color=colour, markersize=3.5, label=name)
    right.set(
        xlabel="steps of a window", ylabel="energy per image [µJ]",
        title="estimated, not measured (45 nm)",
    )  # fmt: skip
    right.set_ylim(bottom=0)
    right.xaxis.set_major_locator(MaxNLocator(integer=True))
    right.legend(frameon=False, fontsize=8, loc="upper left")
    return fig
