"""Figures of connectomes and whole-brain activity show what they are given."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest

from neurosim import analysis
from neurosim import plot as plot_room
from neurosim.errors import DescriptionError

plot: Any = plot_room
RNG = np.random.default_rng(1)
WEIGHTS = np.triu(RNG.uniform(0.1, 1, (8, 8)) * (RNG.uniform(size=(8, 8)) < 0.6), 1)
WEIGHTS = WEIGHTS + WEIGHTS.T
CENTRES = RNG.normal(0, 40, (8, 3))
TRACES = RNG.standard_normal((4000, 8)) + RNG.standard_normal((4000, 1))
FC = analysis.functional_connectivity(TRACES)


@pytest.fixture(autouse=True)
def _close_figures() -> Iterator[None]:
    yield
    plt.close("all")


def rendered(ax: Any) -> Any:
    ax.figure.savefig(io.BytesIO(), format="png", dpi=40)
    return ax


def test_a_matrix_shows_all_but_its_diagonal() -> None:
    ax = rendered(plot.region_matrix(FC, labels=list("abcdefgh")))
    shown = ax.images[0].get_array()
    off = ~np.eye(8, dtype=bool)
    assert np.array_equal(shown.data[off], FC[off])
    assert shown.mask.diagonal().all()
    assert [t.get_text() for t in ax.get_xticklabels()] == list("abcdefgh")
    signed = rendered(plot.region_matrix(FC - 0.5)).images[0]
    assert signed.norm.vmin == -signed.norm.vmax
    logarithmic = rendered(plot.region_matrix(WEIGHTS, logarithmic=True, unit="ms"))
    assert logarithmic.images[0].get_array().mask[WEIGHTS == 0].all()
    assert "[ms]" in logarithmic.figure.axes[1].get_ylabel()


def test_a_brain_shows_the_strongest_connections_and_says_how_many() -> None:
    ax = rendered(plot.brain(WEIGHTS, CENTRES, share=0.25))
    pairs = np.count_nonzero(np.triu(WEIGHTS))
    lines, dots = ax.collections
    segments = lines.get_segments()
    assert len(segments) == round(0.25 * pairs)
    assert f"{len(segments)} of {pairs} connections" in ax.get_xlabel()
    strongest = np.unravel_index(np.argmax(WEIGHTS), WEIGHTS.shape)
    ends = {tuple(CENTRES[k, :2]) for k in strongest}
    assert ends in [{tuple(map(float, p)) for p in segment} for segment in segments]
    assert sorted(map(tuple, dots.get_offsets())) == sorted(map(tuple, CENTRES[:, :2]))
    bare = rendered(plot.brain(WEIGHTS, CENTRES, share=0, values=np.arange(8.0)))
    assert np.array_equal(np.sort(bare.collections[0].get_array()), np.arange(8.0))


def test_function_against_structure_has_a_dot_per_connected_pair() -> None:
    ax = rendered(plot.fc_against_sc(FC, WEIGHTS))
    upper = np.triu_indices(8, 1)
    connected = WEIGHTS[upper] > 0
    x, y = ax.lines[0].get_data()
    assert np.array_equal(x, WEIGHTS[upper][connected])
    assert np.array_equal(y, FC[upper][connected])
    r = np.corrcoef(np.log(x), y)[0, 1]
    assert f"r = {r:.2f}" in ax.lines[0].get_label()
    assert f"{np.sum(~connected)} pairs without" in ax.get_xlabel()
    plain = rendered(plot.fc_against_sc(FC, WEIGHTS, logarithmic=False))
    assert f"r = {np.corrcoef(x, y)[0, 1]:.2f}" in plain.lines[0].get_label()


def test_dynamics_order_and_spectra_show_their_numbers() -> None:
    dynamics = analysis.connectivity_dynamics(TRACES, dt=10, window=4000, step=2000)
    ax = rendered(plot.connectivity_dynamics(dynamics))
    assert np.array_equal(ax.images[0].get_array(), dynamics.matrix)
    assert "4 s" in ax.get_xlabel()

    synchrony = analysis.phase_synchrony(TRACES, dt=10, band=(5, 9))
    ax = rendered(plot.order_parameter(synchrony))
    assert np.array_equal(ax.lines[0].get_ydata(), synchrony.order)
    assert f"metastability {synchrony.metastability:.2f}" in ax.lines[0].get_label()

    spectra = analysis.power_spectra(TRACES, dt=10)
    ax = rendered(plot.power_spectra(spectra, max_frequency=20, unit="Hz"))
    inside = (spectra.frequencies > 0) & (spectra.frequencies <= 20)
    assert np.array_equal(ax.lines[0].get_ydata(), spectra.power[inside].mean(axis=1))
    assert "Hz²" in ax.get_ylabel()
    rendered(plot.power_spectra(analysis.power_spectra(np.zeros((100, 1)), dt=1)))


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda: plot.region_matrix(WEIGHTS[:3]), "square"),
        (lambda: plot.region_matrix(np.full((3, 3), np.nan)), "finite"),
        (lambda: plot.region_matrix(WEIGHTS, labels=["a"]), "8 names"),
        (lambda: plot.region_matrix(FC - 2, logarithmic=True), "above 0"),
        (lambda: plot.brain(WEIGHTS, CENTRES[:2]), "places"),
        (lambda: plot.brain(WEIGHTS, CENTRES, share=2), "share"),
        (lambda: plot.brain(-WEIGHTS, CENTRES), "at least 0"),
        (lambda: plot.brain(WEIGHTS, CENTRES, values=[1]), "one per region"),
        (lambda: plot.fc_against_sc(FC, np.zeros((8, 8))), "2 connected pairs"),
        (lambda: plot.fc_against_sc(FC, np.ones((7, 7))), "shape"),
        (
            lambda: plot.power_spectra(analysis.power_spectra(TRACES, dt=10), max_frequency=0.1),
            "at least 1",
        ),
    ],
)
def test_what_cannot_be_drawn_is_refused(ask: Callable[[], Any], message: str) -> None:
    with pytest.raises(DescriptionError, match=message):
        ask()
