"""Figures: what is drawn is what was recorded, and what is not drawn is said."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.axes import Axes

from neurosim import analysis
from neurosim import plot as plot_room
from neurosim.errors import DescriptionError, MissingPackageError, UnknownNameError
from neurosim.results import Run
from tests.runs_for_tests import make_run, make_trace, runs, spike_record

# The stubs of matplotlib leave open what an artist is, and every reading of one would be refused.
plot: Any = plot_room


@pytest.fixture(autouse=True)
def _close_figures() -> Iterator[None]:
    yield
    plt.close("all")


def rendered(ax: Any) -> Any:
    """Draw the figure for real: many faults show only then."""
    ax.figure.savefig(io.BytesIO(), format="png", dpi=40)
    return ax


def points(ax: Any) -> np.ndarray:
    """Return all points of the lines drawn with markers, (n, 2)."""
    drawn = [line.get_xydata() for line in ax.lines if line.get_linestyle() == "None"]
    return np.concatenate(drawn)


@settings(max_examples=25)
@given(run=runs())
def test_a_raster_shows_every_spike(run: Run) -> None:
    ax = plot.raster(run.spikes)
    expected = np.sort(np.concatenate([record.times for record in run.spikes.values()]))
    assert np.array_equal(np.sort(points(ax)[:, 0]), expected)
    assert ax.get_ylabel() == "neurons"
    plt.close("all")


def test_a_raster_of_a_part_says_so_and_keeps_all_spikes_of_the_neurons_shown() -> None:
    rng = np.random.default_rng(1)
    record = spike_record(
        times=np.sort(rng.uniform(0.1, 100, 5000)),
        ids=rng.integers(0, 100, 5000),
        size=100,
        interval=(0, 100),
    )
    ax = plot.raster({"exc": record}, max_spikes=1000)
    assert ax.get_ylabel() == "neurons (1 in 5 shown)"
    assert len(points(ax)) == np.count_nonzero(record.ids % 5 == 0)
    assert [t.get_text() for t in ax.get_yticklabels()] == ["exc (100)"]


def test_dots_are_larger_where_spikes_are_few() -> None:
    """They cover 3 % of the axes, as long as they are dots that can be seen."""
    rng = np.random.default_rng(1)
    sizes = {}
    for n in (50, 1000, 60_000):
        times, ids = np.sort(rng.uniform(0.1, 100, n)), rng.integers(0, 9000, n)
        record = spike_record(times=times, ids=ids, size=9000, interval=(0, 100))
        ax = plot.raster({"exc": record})
        area = ax.bbox.width * ax.bbox.height * (72 / ax.figure.dpi) ** 2
        line = ax.get_lines()[0]
        assert line.get_marker() == "o"
        sizes[n] = float(line.get_markersize())
    assert (sizes[50], sizes[60_000]) == (4.0, 1.1)
    assert sizes[1000] ** 2 * 1000 == pytest.approx(0.03 * area)
    plt.close("all")


def test_bands_follow_the_order_from_the_top_without_overlap() -> None:
    ax = plot.raster(make_run().spikes)
    exc, inh = (line.get_ydata() for line in ax.lines if line.get_linestyle() == "None")
    assert exc.max() < inh.min()
    assert ax.yaxis_inverted()
    assert [t.get_text() for t in ax.get_yticklabels()] == ["exc (7)", "inh/1 é (3 of 4)"]


@settings(max_examples=25)
@given(run=runs())
def test_the_rate_histogram_holds_every_spike(run: Run) -> None:
    ax = plot.population_rates(run.spikes)
    for patch, record in zip(ax.patches, run.spikes.values(), strict=True):
        values, edges, _ = patch.get_data()
        spikes = (values * np.diff(edges)).sum() / 1000 * record.n_recorded
        assert spikes == pytest.approx(len(record))
    plt.close("all")


@pytest.mark.parametrize(
    ("duration", "bin"), [(1000, 5), (100, 0.5), (60_000, 250), (10, 0.05), (7, 0.05 * 0.7)]
)
def test_default_bins_are_round_where_possible(duration: float, bin: float) -> None:
    record = spike_record(times=[1.0], ids=[0], size=1, interval=(0, duration))
    edges = plot.population_rates({"p": record}).patches[0].get_data()[1]
    assert duration / np.diff(edges) == pytest.approx(duration / bin, rel=0.7)
    assert edges[[0, -1]].tolist() == [0, duration]


# --- traces


def test_a_trace_marks_the_spikes_of_its_neuron_at_the_threshold() -> None:
    run = make_run()
    record = run.spikes["exc"]
    trace = run.states["exc"]["V_m"]
    ax = rendered(plot.traces(trace, neurons=[2, 0], spikes=record, threshold=-50))
    own = record.times[(record.ids == 2) & (record.times > trace.times[0])]
    assert np.array_equal(points(ax), np.column_stack([own, np.full(own.size, -50.0)]))
    assert ax.get_ylabel() == "V_m [mV]"
    strong = [line for line in ax.lines if line.get_label() == "neuron 2"]
    assert np.array_equal(strong[0].get_ydata(), trace.of(2))


def test_a_trace_says_how_many_neurons_are_shown() -> None:
    trace = make_trace(array=np.zeros((3, 9)), times=[1, 2, 3], ids=np.arange(9), unit="1")
    assert plot.traces(trace, "u").get_ylabel() == "u\n5 of 9 neurons"
    mean = make_trace(
        array=np.zeros((3, 1)), times=[1, 2, 3], ids=np.arange(9), unit="mV", reduce="mean"
    )
    labels = plot.traces(mean).get_legend_handles_labels()[1]
    assert labels == ["mean of 9 neurons"]


# --- the overview


@settings(max_examples=4)  # a second each
@given(run=runs())
def test_every_run_has_an_overview(run: Run) -> None:
    run.plot().savefig(io.BytesIO(), dpi=20)
    plt.close("all")


def test_an_overview_says_what_it_leaves_out() -> None:
    trace = make_trace(array=np.zeros((2, 1)), times=[1, 2], ids=[0], unit="mV")
    states = {"p": {f"s{k}": trace for k in range(6)}}
    run = Run(name="n", interval=(0, 10), populations={"p": 1}, states=states)
    made = run.plot()
    assert len(made.axes) == 4
    assert made.get_suptitle() == "n (2 more variables recorded)"
    with pytest.raises(DescriptionError, match="recorded spikes or states"):
        Run(name="n", interval=(0, 10), populations={"p": 1}).plot()


def test_figures_without_a_single_spike() -> None:
    silent = spike_record(times=[], ids=[], size=5, interval=(0, 100))
    run = Run(name="n", interval=(0, 100), populations={"p": 5}, spikes={"p": silent})
    run.plot().savefig(io.BytesIO(), dpi=20)


# --- colours


def test_names_choose_colours_that_never_collide() -> None:
    names = ["input", "L23E", "L23I", "L4E", "L4I", "L5E", "L5I", "L6E", "L6I"]
    colours = plot.population_colours(names)
    assert len(set(colours.values())) == len(names)

    def blue_minus_red(name: str) -> int:
        return int(colours[name][5:7], 16) - int(colours[name][1:3], 16)

    assert all(blue_minus_red(n) > 0 for n in names if n.endswith("E"))
    assert all(blue_minus_red(n) < 0 for n in names if n.endswith("I"))
    assert plot.population_colours(["a", "b"]) == {"a": "#0072B2", "b": "#D55E00"}
    assert plot.population_colours(["exc", "inh"], {"exc": "k", "other": "r"})["exc"] == "k"
    assert list(plot.population_colours(["exc", "inh"], {"other": "r"})) == ["exc", "inh"]


# --- statistics and connections


def test_statistics_draw_what_was_computed() -> None:
    trials = [[5.0, 15.0], [6.0]]
    histogram = analysis.psth(trials, -10, 20, bin=10)
    ax = rendered(plot.psth(histogram))
    assert ax.patches[0].get_data()[0].tolist() == histogram.rates.tolist()
    spectrum = analysis.rate_spectrum(np.arange(1.0, 200, 7), 1, 0, 200, bin=1)
    ax = rendered(plot.power_spectrum(spectrum, label="p"))
    assert np.array_equal(ax.lines[0].get_ydata(), spectrum.power[1:])


@pytest.mark.parametrize("logarithmic", [False, True])
def test_an_isi_histogram_is_a_density(logarithmic: bool) -> None:
    intervals = np.random.default_rng(1).exponential(20, 1000)
    ax = rendered(plot.isi_histogram(intervals, logarithmic=logarithmic))
    density, edges, _ = ax.patches[0].get_data()
    widths = np.diff(np.log(edges)) if logarithmic else np.diff(edges)
    assert (density * widths).sum() == pytest.approx(1.0)
    line = ax.lines[0].get_xydata()
    step = np.log(line[:, 0]) if logarithmic else line[:, 0]
    assert np.trapezoid(line[:, 1], step) == pytest.approx(1.0, abs=0.02)


@given(
    n_pre=st.integers(1, 6), n_post=st.integers(1, 6), n=st.integers(0, 30), seed=st.integers(0, 99)
)
def test_a_weight_matrix_sums_the_weights_of_a_pair(
    n_pre: int, n_post: int, n: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    pre, post = rng.integers(0, n_pre, n), rng.integers(0, n_post, n)
    weight = rng.normal(size=n)
    image = plot.weight_matrix(pre, post, weight, (n_pre, n_post)).images[0].get_array()
    for i in range(n_pre):
        for j in range(n_post):
            pair = (pre == i) & (post == j)
            if pair.any():
                assert image[i, j] == pytest.approx(weight[pair].sum())
            else:
                assert image.mask[i, j]
    plt.close("all")


def test_a_large_weight_matrix_says_what_a_pixel_is() -> None:
    pre = np.arange(1000)
    ax = rendered(plot.weight_matrix(pre, pre, np.ones(1000), (1000, 1000), unit="pA"))
    image = ax.images[0].get_array()
    assert image.shape == (334, 334)
    assert image.sum() == pytest.approx(1000)
    assert ax.figure.axes[1].get_ylabel() == "sum of weights per 3 x 3 neurons [pA]"


def test_degrees_count_neurons_without_connections() -> None:
    ax = rendered(plot.degree_distribution([0, 0, 1], [2, 2, 2], (4, 3)))
    inward, outward = (p.get_data() for p in ax.patches[::2])
    assert inward[0].tolist() == pytest.approx([2 / 3, 0, 0, 1 / 3])
    assert outward[0].tolist() == pytest.approx([2 / 4, 1 / 4, 1 / 4, 0])
    assert inward[1].tolist() == [-0.5, 0.5, 1.5, 2.5, 3.5]


def test_a_graph_has_an_arrow_per_pair_and_adds_projections() -> None:
    connections = [("exc", "exc", 2e5), ("exc", "inh", 600), ("exc", "inh", 400), ("a", "exc", 0)]
    ax = rendered(plot.connectivity_graph(connections, sizes={"exc": 3200, "inh": 800}))
    texts = [t.get_text() for t in ax.texts]
    assert texts == ["200 k", "1 k", "exc\n3,200", "inh\n800", "a"]
    assert len(ax.patches) == 2 + 3


def test_axes_that_are_given_are_used() -> None:
    run = make_run()
    draws: list[Callable[[Axes], Axes]] = [
        lambda ax: plot.raster(run.spikes, ax=ax),
        lambda ax: plot.population_rates(run.spikes, ax=ax),
        lambda ax: plot.traces(run.states["exc"]["V_m"], ax=ax),
        lambda ax: plot.isi_histogram([1.0, 2.0], ax=ax),
        lambda ax: plot.degree_distribution([0], [0], (1, 1), ax=ax),
        lambda ax: plot.weight_matrix([0], [0], [1.0], (1, 1), ax=ax),
        lambda ax: plot.connectivity_graph([("a", "b", 1)], ax=ax),
    ]
    for draw in draws:
        _, ax = plt.subplots()
        assert draw(ax) is ax
        rendered(ax)


@pytest.mark.parametrize(
    "draw",
    [
        lambda: plot.raster({}),
        lambda: plot.raster(make_run().spikes, max_spikes=0),
        lambda: plot.raster({**make_run().spikes, "p": make_run(start=1).spikes["exc"]}),
        lambda: plot.population_rates(make_run().spikes, bin=7.0),
        lambda: plot.traces(make_trace(array=np.zeros((0, 1)), times=[], ids=[0], unit="mV")),
        lambda: plot.traces(make_run().states["exc"]["V_m"], neurons=[]),
        lambda: plot.isi_histogram([]),
        lambda: plot.isi_histogram([0.0, 1.0], logarithmic=True),
        lambda: plot.isi_histogram([np.nan]),
        lambda: plot.power_spectrum(analysis.rate_spectrum([], 1, 0, 100, bin=1)),
        lambda: plot.weight_matrix([0], [0], [np.nan], (1, 1)),
        lambda: plot.weight_matrix([0], [1], [1.0], (1, 1)),
        lambda: plot.weight_matrix([0.5], [0], [1.0], (1, 1)),
        lambda: plot.weight_matrix([0, 0], [0], [1.0], (1, 1)),
        lambda: plot.degree_distribution([-1], [0], (1, 1)),
        lambda: plot.connectivity_graph([]),
        lambda: plot.connectivity_graph([("a", "b", np.nan)]),
    ],
)
def test_nonsense_is_refused(draw: Callable[[], Any]) -> None:
    with pytest.raises(DescriptionError):
        draw()


def test_a_neuron_that_was_not_recorded_is_refused() -> None:
    with pytest.raises(UnknownNameError, match=r"Trace\.of"):
        plot.traces(make_run().states["exc"]["V_m"], neurons=[1])


def test_without_matplotlib_the_error_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(MissingPackageError, match="matplotlib"):
        make_run().plot()
