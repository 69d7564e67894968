"""Phase portraits and bifurcation diagrams: what is drawn is what was found."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest

from neurosim import plot as plot_room
from neurosim.analysis import dynamics
from neurosim.errors import DescriptionError, UnknownNameError
from tests.fields_for_tests import wilson_cowan_1972

plot: Any = plot_room
FIELD = dynamics.VectorField(wilson_cowan_1972, names=("E", "I"), units={"t": "ms", "P": "pA"})
BOX = {"E": (0.0, 0.5), "I": (0.0, 0.5)}


@pytest.fixture(autouse=True)
def _close_figures() -> Iterator[None]:
    yield
    plt.close("all")


def labels(ax: Any) -> list[str]:
    ax.figure.savefig(io.BytesIO(), format="png", dpi=40)
    return [text.get_text() for text in ax.get_legend().get_texts()]


def lines(ax: Any, label: str) -> list[Any]:
    return [line for line in ax.lines if line.get_label().lstrip("_") == label]


@pytest.mark.parametrize("flow", ["streams", "arrows", "none"])
def test_a_portrait_shows_nullclines_points_and_separatrices(flow: str) -> None:
    ax = plot.phase_portrait(FIELD, BOX, P=1.0, flow=flow)
    assert labels(ax) == [
        "dE/dt = 0", "dI/dt = 0", "separatrix", "stable node", "saddle", "unstable focus",
    ]  # fmt: skip
    found = dynamics.fixed_points(FIELD, BOX, P=1.0)
    for point, fill in zip(found, ("full", "left", "none"), strict=True):
        (drawn,) = lines(ax, point.kind)
        assert drawn.get_xydata().tolist() == [point.x.tolist()]
        assert drawn.get_fillstyle() == fill
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("E", "I")
    assert ax.get_xlim() == BOX["E"]


def test_cycles_and_trajectories_are_drawn_as_they_are() -> None:
    cycle = dynamics.limit_cycle(FIELD, [0.1, 0.1])
    path = dynamics.trajectory(FIELD, [0.4, 0.1], 5)
    ax = plot.phase_portrait(FIELD, BOX, cycles=[cycle], trajectories=[path], points=False)
    (drawn,) = lines(ax, "stable cycle")
    assert np.array_equal(drawn.get_xydata(), cycle.states)
    assert drawn.get_linestyle() == "-"
    assert any(np.array_equal(line.get_xydata(), path.states) for line in ax.lines)


def test_stable_is_solid_and_unstable_is_dashed() -> None:
    def fork(x: Any, mu: float) -> Any:
        return mu * x[0] - x[0] ** 3

    diagram = dynamics.bifurcation_diagram(fork, "mu", (-1, 1), [(-2, 2)], searches=3)
    ax = plot.bifurcation_diagram(diagram)
    assert set(labels(ax)) == {"stable fixed points", "unstable fixed points", "branch point"}
    for line in lines(ax, "unstable fixed points"):
        mu, x = line.get_data()
        assert line.get_linestyle() == "--"
        assert np.abs(x).max() < 1e-6
        assert mu.min() > -0.1
    assert {line.get_linestyle() for line in lines(ax, "stable fixed points")} == {"-"}
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("mu", "x")


def test_diagrams_of_cycles_have_both_extremes_and_periods() -> None:
    branch = dynamics.continue_fixed_points(FIELD, "P", (1.5, 2.2), [0.25, 0.2], BOX, P=2.2)
    (hopf,) = branch.bifurcations
    cycles = dynamics.continue_limit_cycles(hopf, (1.5, 2.2), BOX)
    ax = plot.bifurcation_diagram([branch, cycles], "I")
    drawn = np.concatenate([line.get_ydata() for line in lines(ax, "stable cycles")])
    assert drawn.min() == pytest.approx(cycles.minimum[:, 1].min())
    assert drawn.max() == pytest.approx(cycles.maximum[:, 1].max())
    assert "supercritical Hopf" in labels(ax)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("P [pA]", "I")
    assert plot.periods(cycles).get_ylabel() == "period [ms]"
    with pytest.raises(DescriptionError, match="limit cycles"):
        plot.periods([branch])
    with pytest.raises(UnknownNameError, match="'E', 'I'"):
        plot.bifurcation_diagram(branch, "A")
    with pytest.raises(DescriptionError, match="at least one branch"):
        plot.bifurcation_diagram([])
    with pytest.raises(DescriptionError, match="'streams'"):
        plot.phase_portrait(FIELD, BOX, flow="fast")
