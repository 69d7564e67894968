"""Encoders: numbers into spikes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import neurosim as ns
from neurosim.describe.encoders import spike_counts

images = arrays(np.float64, st.tuples(st.integers(1, 4), st.integers(1, 4)),
                elements=st.floats(0, 1))  # fmt: skip


@given(images)
def test_rates_are_proportional(image: np.ndarray) -> None:
    source = ns.encode_rate(image, max_rate=200)
    assert source == ns.Poisson(rate=200 * image.ravel())


@given(images, st.sampled_from(["linear", "logarithmic"]))
def test_stronger_is_sooner(image: np.ndarray, shape: Any) -> None:
    trains = ns.encode_latency(image, t_min=2, t_max=50, threshold=0.1, shape=shape).trains
    x = image.ravel()
    first = np.array([t[0] if t.size else np.inf for t in trains])
    assert all(t.size <= 1 for t in trains)
    assert np.all(first[x <= 0.1] == np.inf)
    fired = first[np.isfinite(first)]
    assert np.all((fired >= 2) & (fired <= 50))
    order = np.argsort(-x, kind="stable")
    assert np.all(first[order][1:] >= first[order][:-1])


def test_latency_is_when_a_leaky_integrator_reaches_the_threshold() -> None:
    x, threshold, tau = 0.4, 0.15, 20.0
    source = ns.encode_latency([x], threshold=threshold, tau=tau, t_min=1)
    t = source.trains[0][0] - 1
    assert x * (1 - math.exp(-t / tau)) == pytest.approx(threshold, rel=1e-12)
    ends = ns.encode_latency([1.0, 0.1 + 1e-12], t_min=3, t_max=9, threshold=0.1, shape="linear")
    assert [t.tolist() for t in ends.trains] == [[3.0], [pytest.approx(9)]]


series = arrays(np.float64, st.tuples(st.integers(1, 20), st.integers(1, 3)),
                elements=st.floats(-10, 10))  # fmt: skip


@given(series, st.floats(0.1, 3))
def test_level_crossings_follow_the_series(x: np.ndarray, threshold: float) -> None:
    on, off = ns.encode_delta(x, threshold=threshold, reference="last_event")
    followed = x[0] + threshold * np.cumsum(on.astype(float) - off, axis=0)
    assert np.all(np.abs(followed - x) <= threshold * (1 + 1e-9))
    assert not np.any((on > 0) & (off > 0))


@given(series, st.floats(0.1, 3))
def test_changes_from_step_to_step(x: np.ndarray, threshold: float) -> None:
    on, off = ns.encode_delta(x, threshold=threshold)
    for k in range(x.shape[0]):
        for i in range(x.shape[1]):
            change = x[k, i] - x[k - 1, i] if k else 0.0
            assert on[k, i] == (change >= threshold)
            assert off[k, i] == (change <= -threshold)


def test_counts_of_given_times() -> None:
    source = ns.SpikeTimes([[0.1, 0.3, 0.3], [0.24], [5.0]])
    counts = spike_counts(source, 4, dt=0.1, shape=(3, 1))
    assert counts.shape == (4, 3, 1)
    # A spike at t ends its step: 0.1 ms is the first.
    assert counts[:, :, 0].T.tolist() == [[1, 0, 2, 0], [0, 1, 0, 0], [0, 0, 0, 0]]


def test_counts_of_rates_have_the_mean_and_are_repeatable() -> None:
    source = ns.encode_rate(np.linspace(0, 1, 5), max_rate=1000)
    counts = spike_counts(source, 20_000, dt=1.0, seed=3)
    assert counts.dtype == np.uint32
    assert np.array_equal(counts, spike_counts(source, 20_000, dt=1.0, seed=3))
    assert not np.array_equal(counts, spike_counts(source, 20_000, dt=1.0, seed=4))
    mean = np.linspace(0, 1, 5)
    # Five standard errors of a Poisson mean.
    assert np.all(np.abs(counts.mean(axis=0) - mean) <= 5 * np.sqrt(mean / 20_000))


untyped: Any = ns
"""neurosim, without the type checker seeing what is wrong below."""

REFUSED: list[tuple[str, Any]] = [
    ("encode_rate", lambda: untyped.encode_rate([1.5])),
    ("encode_rate", lambda: untyped.encode_rate([math.nan])),
    ("encode_rate", lambda: untyped.encode_rate([])),
    ("encode_rate: max_rate", lambda: untyped.encode_rate([1], max_rate=-1)),
    ("encode_latency", lambda: untyped.encode_latency([-0.1])),
    ("encode_latency: threshold", lambda: untyped.encode_latency([1], threshold=1)),
    ("encode_latency: t_max", lambda: untyped.encode_latency([1], t_min=5, t_max=5)),
    ("encode_latency: shape", lambda: untyped.encode_latency([1], shape="log")),
    ("encode_delta: threshold", lambda: untyped.encode_delta([1, 2], threshold=0)),
    ("encode_delta: series", lambda: untyped.encode_delta([1, math.inf], threshold=1)),
    ("encode_delta: series", lambda: untyped.encode_delta(3.0, threshold=1)),
    ("encode_delta: reference", lambda: untyped.encode_delta([1], threshold=1, reference="x")),
    ("spike_counts: source", lambda: spike_counts(untyped.Poisson(rate=3), 5)),
    ("spike_counts: source", lambda: spike_counts(untyped.SpikeTimes([[0.01]]), 5)),
    ("spike_counts: shape", lambda: spike_counts(untyped.SpikeTimes([[1.0]]), 5, shape=(2,))),
    ("spike_counts: n_steps", lambda: spike_counts(untyped.SpikeTimes([[1.0]]), 0)),
]


@pytest.mark.parametrize(("place", "make"), REFUSED)
def test_nonsense_is_refused(place: str, make: Any) -> None:
    with pytest.raises(ns.DescriptionError) as caught:
        make()
    assert caught.value.place.startswith(place)
