"""Runs: what they hold, refuse, cut, join and print."""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurosim.errors import DescriptionError, UnknownNameError
from neurosim.results import Run, SpikeRecord, Trace, concat
from tests.runs_for_tests import DT, make_run, runs, spike_record


def record(**changes: Any) -> SpikeRecord:
    parts: dict[str, Any] = {"times": [1.0, 2.0, 2.0], "ids": [0, 2, 1], "size": 3}
    return SpikeRecord(**({"interval": (0, 10)} | parts | changes))


def trace(**changes: Any) -> Trace:
    parts: dict[str, Any] = {"array": np.zeros((2, 3)), "times": [1.0, 2.0], "ids": [0, 1, 2]}
    return Trace(**({"unit": "mV"} | parts | changes))


# --- what a record holds


@given(run=runs())
def test_trains_are_the_spikes_sorted_by_neuron(run: Run) -> None:
    for spikes in run.spikes.values():
        trains = spikes.trains()
        assert len(trains) == spikes.n_recorded == spikes.neurons.size
        for neuron, train, count in zip(spikes.neurons, trains, spikes.counts(), strict=True):
            expected = [t for t, k in zip(spikes.times, spikes.ids, strict=True) if k == neuron]
            assert train.tolist() == expected
            assert count == len(expected)


@given(run=runs())
def test_a_rate_is_spikes_over_time(run: Run) -> None:
    for name, spikes in run.spikes.items():
        seconds = run.duration / 1000
        assert spikes.rates() == pytest.approx(spikes.counts() / seconds, rel=1e-12)
        expected = len(spikes) / (spikes.n_recorded * seconds)
        assert run.rates()[name] == pytest.approx(expected, rel=1e-12)


def test_neurons_that_were_not_recorded_do_not_count_as_silent() -> None:
    all_of_them = record(size=100)
    three = record(size=100, recorded=[0, 1, 2])
    assert three.mean_rate() == pytest.approx(100.0)
    assert all_of_them.mean_rate() == pytest.approx(3.0)
    assert len(three.trains()) == 3


def test_arrays_are_read_only_and_the_callers_stay_writable() -> None:
    times = np.array([1.0, 2.0])
    spikes = record(times=times, ids=np.array([0, 0]))
    with pytest.raises(ValueError, match="read-only"):
        spikes.times[0] = 5.0
    times[0] = 1.5


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"times": [2.0, 1.0, 3.0]}, "times.*ascending"),
        ({"times": [1.0, np.nan, 3.0]}, "times"),
        ({"times": [1.0, 2.0, np.nan]}, "times"),
        ({"times": [0.0, 2.0, 3.0]}, r"0 < t <= 10 ms"),
        ({"times": [1.0, 2.0, 10.1]}, r"0 < t <= 10 ms"),
        ({"times": [1.0, 2.0]}, "ids.*one id per spike"),
        ({"ids": [0, 1, 3]}, "ids from 0 to 2"),
        ({"ids": [0, 1, -1]}, "ids from 0 to 2"),
        ({"ids": [0.0, 1.0, 2.0]}, "whole numbers"),
        ({"size": 0}, "above 0"),
        ({"size": True}, "above 0"),
        ({"interval": (5, 1)}, "t_start <= t_stop"),
        ({"interval": (0, np.inf)}, "finite"),
        ({"interval": 3}, "pair"),
        ({"recorded": [0, 1]}, "recorded neurons only"),
        ({"recorded": [2, 1, 0]}, "ascending"),
        ({"recorded": []}, "ascending"),
        ({"recorded": [0, 1, 2, 3]}, "0 to 2"),
    ],
)
def test_spikes_that_do_not_fit_are_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(DescriptionError, match=f"SpikeRecord.*{words}"):
        record(**changes)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"array": np.zeros((3, 3))}, r"shape \(2, 3\)"),
        ({"array": np.full((2, 3), np.nan)}, "finite"),
        ({"array": np.full((2, 3), 1 + 2j)}, "real numbers"),
        ({"times": [2.0, 1.0]}, "ascending"),
        ({"times": [1.0, np.inf]}, "finite"),
        ({"unit": ""}, "unit"),
        ({"reduce": "sum"}, "'none' or 'mean'"),
        ({"reduce": "mean"}, r"shape \(2, 1\)"),
    ],
)
def test_samples_that_do_not_fit_are_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(DescriptionError, match=f"Trace.*{words}"):
        trace(**changes)


def test_a_trace_knows_its_neurons_and_spacing() -> None:
    samples = trace(array=[[1, 2, 3], [4, 5, 6]], ids=[4, 7, 9])
    assert samples.of(7).tolist() == [2, 5]
    assert samples.every == 1.0
    assert trace(array=np.zeros((3, 3)), times=[1, 2, 4]).every is None
    assert trace(array=np.zeros((2, 3), np.float32)).array.dtype == np.float32
    with pytest.raises(UnknownNameError, match="4"):
        samples.of(5)
    with pytest.raises(DescriptionError, match="average"):
        trace(array=np.zeros((2, 1)), reduce="mean").of(0)


# --- names


def test_a_missing_name_lists_the_others_and_says_how_to_record() -> None:
    run = make_run()
    asked: list[tuple[Callable[[], object], str]] = [
        (
            lambda: run.spikes["ex"],
            r"'exc', 'inh/1 é'.*mean 'exc'.*record\(net\[\"ex\"\], \"spikes",
        ),
        (lambda: run.states["input"], r"run.states.*net.record\(net\[\"input\"\], \"V_m\", every="),
        (lambda: run.states["exc"]["v"], r"states\['exc'\].*V_m.*record\(net\[\"exc\"\], \"v\""),
        (lambda: run.weights["p"], r"exc->exc.*record\(net\[\"p\"\], \"weight\""),
    ]
    for ask, words in asked:
        with pytest.raises(UnknownNameError, match=words) as caught:
            ask()
        assert isinstance(caught.value, KeyError)
    assert "ex" not in run.spikes
    assert run.spikes.get("ex") is None


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"spikes": {"other": record(interval=(0, 20), size=3)}}, "Run.spikes.*input"),
        ({"spikes": {"exc": record(interval=(0, 20), size=3)}}, "size is 3.*7"),
        ({"spikes": {"exc": record(interval=(0, 19), size=7)}}, "interval"),
        ({"states": {"other": {"V_m": trace()}}}, "Run.states"),
        ({"states": {"exc": {"V_m": trace(ids=[0, 1, 7])}}}, r"\['exc'\]\['V_m'\].ids.*0 to 6"),
        ({"states": {"exc": {"V_m": trace(times=[1, 21])}}}, "times.*interval"),
        ({"provenance": {"bound": np.nan}}, "provenance"),
        ({"provenance": {"bound": [np.inf]}}, "provenance"),
        ({"provenance": {"what": object()}}, "provenance"),
        ({"interval": (20, 0)}, "interval"),
    ],
)
def test_runs_that_do_not_fit_are_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(DescriptionError, match=words):
        make_run(**changes)


def test_provenance_becomes_plain_json() -> None:
    given = {"a": np.float64(2), "b": np.arange(3), "c": (1, 2), "d": {"e": np.bool_(True)}}
    run = make_run(provenance=given)
    assert run.provenance == {"a": 2.0, "b": [0, 1, 2], "c": [1, 2], "d": {"e": True}}


@given(run=runs())
def test_a_pickled_run_is_the_same(run: Run) -> None:
    again = pickle.loads(pickle.dumps(run))
    assert again.same_as(run)
    assert again.provenance == run.provenance


def test_same_as_sees_one_bit() -> None:
    run = make_run()
    samples = run.states["exc"]["V_m"]
    array = samples.array.copy()
    array[3, 1] = np.nextafter(array[3, 1], 0)
    states = {"exc": {**run.states["exc"], "V_m": replace(samples, array=array)}}
    assert not replace(run, states={**run.states, **states}).same_as(run)


# --- cutting and joining


@given(run=runs(), fractions=st.lists(st.floats(0, 1), min_size=1, max_size=4))
def test_consecutive_stretches_join_to_the_whole(run: Run, fractions: list[float]) -> None:
    """Nothing is lost and nothing is counted twice, wherever the cuts are."""
    cuts = sorted(run.t_start + f * run.duration for f in fractions)
    bounds = [run.t_start, *cuts, run.t_stop]
    pieces = [run.between(a, b) for a, b in pairwise(bounds)]
    assert concat(pieces).same_as(run)
    assert sum(len(p.spikes["exc"]) for p in pieces) == len(run.spikes["exc"])


@pytest.mark.parametrize("start", [0, 7, 12_345_678])
def test_bounds_on_the_grid_are_open_below_and_closed_above(start: int) -> None:
    """The bound may be written as 0.3 or come out as 3 * 0.1."""
    labels = np.arange(start + 1, start + 301)
    spikes = record(times=labels * DT, ids=0 * labels, interval=(start * DT, (start + 300) * DT))
    for step in labels[:-1].tolist():
        for bound in (step * DT, float(f"{step * DT:.1f}")):
            assert len(spikes.between(spikes.t_start, bound)) == step - start
            assert len(spikes.between(bound, spikes.t_stop)) == start + 300 - step


def test_a_stretch_beyond_the_run_is_refused() -> None:
    run = make_run()
    for stretch in [(-1, 5), (0, 20.1), (5, 1), (np.nan, 5)]:
        with pytest.raises(DescriptionError, match="between"):
            run.between(*stretch)


def pieces(*, initial: bool = False) -> list[Run]:
    return [make_run(start=start, initial=initial) for start in (0, 200, 400)]


def test_joining_is_associative_in_results_and_provenance() -> None:
    a, b, c = pieces()
    left, right = (a + b) + c, a + (b + c)
    assert left.same_as(right)
    assert left.provenance == right.provenance
    assert left.interval == (0, 60)
    assert left.provenance["seed"] == 3
    assert [p["wall_time"] for p in left.provenance["pieces"]] == [0.25, 200.25, 400.25]


def test_a_repeated_initial_sample_is_left_out_only_where_it_is_the_same() -> None:
    whole = make_run(steps=400, initial=True)
    first, second = whole.between(0, 20), whole.between(20, 40)
    last = first.states["exc"]["V_m"]
    later = second.states["exc"]["V_m"]
    for shift, extra in ((0.0, 0), (1.0, 1)):
        repeated = replace(
            later,
            times=np.concatenate([last.times[-1:], later.times]),
            array=np.concatenate([last.array[-1:] + shift, later.array]),
        )
        states = {**second.states, "exc": {**second.states["exc"], "V_m": repeated}}
        joined = first + replace(second, states=states)
        assert len(joined.states["exc"]["V_m"]) == len(last) + len(later) + extra


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"start": 201}, "gap"),
        ({"start": 199}, "overlap"),
        ({"name": "other"}, "network"),
        ({"populations": {"exc": 7, "input": 3, "inh/1 é": 4}}, "populations"),
        ({"weights": {}}, "recordings"),
        ({"provenance": {"seed": 4, "dt": DT, "backend": "cpu"}}, "seed"),
    ],
)
def test_runs_that_do_not_follow_are_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(DescriptionError, match=f"concat.*{words}"):
        make_run() + make_run(**({"start": 200} | change))


def test_an_empty_list_of_pieces_is_refused() -> None:
    with pytest.raises(DescriptionError, match="at least one run"):
        concat([])


# --- printing


def test_the_terminal_shows_populations_rates_and_traces() -> None:
    text = repr(make_run())
    assert text.startswith("Run of 'test': 20 ms")
    assert re.search(r"exc +7 +40 +285.71 ", text)
    assert re.search(r"inh/1 é +3 of 4 +40 ", text)
    assert "exc.V_m: 3 neurons, 20 samples every 1 ms in mV" in text
    assert "exc.w: mean of 7 neurons, 4 samples every 5 ms in pA" in text
    assert "weights of exc->exc: 12 connections" in text
    assert "CV" in make_run().summary()


def test_a_run_without_time_or_spikes_prints_too() -> None:
    nothing = Run(name="n", interval=(0, 0), populations={"p": 1}, spikes={"p": silent()})
    assert "-" in repr(nothing)
    assert "-" in nothing.summary()
    assert "no spikes recorded" in repr(Run(name="n", interval=(0, 1), populations={"p": 1}))


def silent() -> SpikeRecord:
    return spike_record(times=[], ids=[], size=1, interval=(0, 0))


def test_html_escapes_names() -> None:
    run = Run(
        name="<script>",
        interval=(0, 1),
        populations={"<b>": 1},
        spikes={"<b>": spike_record(times=[], ids=[], size=1, interval=(0, 1))},
    )
    html = run._repr_html_()
    assert "<script>" not in html
    assert '<td style="text-align:left">&lt;b&gt;</td>' in html


def test_a_rate_over_no_time_is_refused() -> None:
    with pytest.raises(DescriptionError, match="longer than 0"):
        silent().rates()
