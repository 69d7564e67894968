"""Events as input of a network: what is refused, and where every spike goes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import neurosim as ns
from neurosim_datasets import ChannelSpikes, Events, to_frames, to_spike_times
from tests.datasets.event_strategies import channel_spikes, events


def some(**changes: Any) -> Events:
    given: dict[str, Any] = {
        "x": [3, 0, 3], "y": [1, 0, 1], "on": [True, False, False], "t": [250, 900, 0],
        "width": 4, "height": 2,
    }  # fmt: skip
    return Events(**(given | changes))


@given(seen=events())
def test_split_trains_hold_every_event_once(seen: Events) -> None:
    """Oracle: a loop over the events."""
    trains: list[list[float]] = [[] for _ in range(2 * seen.width * seen.height)]
    for x, y, on, t in zip(seen.x, seen.y, seen.on, seen.t, strict=True):
        trains[(int(on) * seen.height + y) * seen.width + x].append(2.5 + t / 1000)
    found = to_spike_times(seen, polarity="split", start=2.5)
    assert [train.tolist() for train in found] == [sorted(train) for train in trains]


@given(seen=events(latest=5000), dt=st.sampled_from([0.1, 0.25, 1.0, 3.0]))
def test_frames_count_every_event_in_its_step(seen: Events, dt: float) -> None:
    """Oracle: whole microseconds, divided as such."""
    frames = to_frames(seen, dt, duration=6, polarity="split")
    counted = np.zeros((round(6 / dt), 2, seen.height, seen.width), dtype=int)
    for x, y, on, t in zip(seen.x, seen.y, seen.on, seen.t, strict=True):
        counted[t // round(dt * 1000), int(on), y, x] += 1
    assert np.array_equal(frames, counted)


@given(seen=events(at_least=1))
def test_polarities_add_up(seen: Events) -> None:
    on, off, both = (to_frames(seen, 1, duration=50, polarity=p) for p in ("on", "off", "both"))
    split = to_frames(seen, 1, duration=50, polarity="split")
    assert np.array_equal(on + off, both)
    assert np.array_equal(split, np.stack([off, on], axis=1))
    assert to_frames(seen, 1).shape[0] == seen.t.max() // 1000 + 1


@given(heard=channel_spikes())
def test_channels_are_neurons(heard: ChannelSpikes) -> None:
    found = to_spike_times(heard)
    assert len(found) == heard.channels
    for unit, train in enumerate(found):
        assert train.tolist() == sorted(heard.times[heard.units == unit] + 1.0)


@pytest.mark.compiled
def test_both_ways_into_a_network_give_the_same_spikes() -> None:
    """As SpikeTimes and, step by step, as Input: the same neurons fire in the same steps."""
    seen = some(t=[200, 900, 400])
    shape = (2, 2, 4)
    net = ns.Network("given", seed=1)
    trains = to_spike_times(seen, polarity="split", start=1)
    given = net.population("given", shape, ns.SpikeTimes(trains))
    handed = net.population("handed", shape, ns.Input("spikes"))
    net.record(given + handed, "spikes")
    frames = to_frames(seen, 0.1, duration=2, polarity="split")
    run = ns.run(net, 2, dt=0.1, inputs={"handed": frames})
    trains_of = [run.spikes[name].trains() for name in ("given", "handed")]
    assert sum(len(train) for train in trains_of[0]) == 3
    # Trains begin 1 ms later, as asked; what is handed over in a step is labelled with its end.
    for by_times, by_steps in zip(*trains_of, strict=True):
        assert np.asarray(by_times) == pytest.approx(np.asarray(by_steps) + 1.0 - 0.1)


def test_arrays_are_kept_apart_from_those_given() -> None:
    on = np.array([True, False, False])
    x = np.array([3, 0, 3])
    seen = some(on=on, x=x)
    on[0] = x[0] = False
    assert (seen.on[0], seen.x[0]) == (True, 3)
    for array in (seen.x, seen.y, seen.on, seen.t):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"x": [4, 0, 3]}, r"Events.x\[0\] is 4; expected a pixel from 0 to 3, since width is 4"),
        ({"y": [1, 0, 2]}, r"Events.y\[2\] is 2; expected a pixel from 0 to 1"),
        ({"t": [250, -1, 0]}, r"Events.t is -1"),
        ({"t": [250, 0.5, 0]}, r"Events.t is 0.5"),
        ({"t": [250, float("nan"), 0]}, r"Events.t is nan"),
        ({"on": [1, 0, 2]}, r"Events.on"),
        ({"on": [True]}, r"Events.on is an array of shape \(1,\).*3 numbers"),
        ({"x": [1, 2]}, r"Events.x .*3 numbers, one per event"),
        ({"width": 0}, r"Events.width is 0"),
        ({"height": 2.5}, r"Events.height is 2.5"),
    ],
)
def test_events_that_cannot_be_are_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ns.DescriptionError, match=message):
        some(**wrong)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"units": [0, 3]}, r"ChannelSpikes.units\[1\] is 3; expected a channel from 0 to 2"),
        ({"units": [0]}, "ChannelSpikes.units"),
        ({"times": [1.0, -1.0]}, "ChannelSpikes.times"),
        ({"times": [1.0, float("nan")]}, "ChannelSpikes.times"),
        ({"channels": 0}, "ChannelSpikes.channels"),
    ],
)
def test_spikes_that_cannot_be_are_refused(wrong: dict[str, Any], message: str) -> None:
    given: dict[str, Any] = {"times": [1.0, 2.0], "units": [0, 2], "channels": 3}
    with pytest.raises(ns.DescriptionError, match=message):
        ChannelSpikes(**(given | wrong))


def test_conversions_refuse_what_they_cannot_mean() -> None:
    heard = ChannelSpikes(times=[1.0], units=[0], channels=1)  # type: ignore[arg-type]
    with pytest.raises(ns.UnknownNameError, match="to_spike_times: polarity is 'ON'"):
        to_spike_times(some(), polarity="ON")  # type: ignore[arg-type]
    with pytest.raises(ns.DescriptionError, match="to_frames: polarity"):
        to_frames(heard, 1, polarity="split")
    with pytest.raises(ns.DescriptionError, match="to_spike_times: start"):
        to_spike_times(some(), start=0)
    with pytest.raises(ns.DescriptionError, match="to_frames: dt"):
        to_frames(some(), 0)
    with pytest.raises(ns.DescriptionError, match="there are no events"):
        to_frames(some().chosen(slice(0)), 1)
    with pytest.raises(ns.DescriptionError, match="to_spike_times: events"):
        to_spike_times([1.0])  # type: ignore[arg-type]


def test_what_is_printed_says_what_there_is() -> None:
    assert repr(some()) == "Events(3 in 4 x 2 pixels, 1 ON, from 0 to 0.9 ms)"
    assert repr(some().chosen(slice(0))) == "Events(0 in 4 x 2 pixels)"
    assert "1 in 2 channels" in repr(
        ChannelSpikes(times=[1.0], units=[0], channels=2)  # type: ignore[arg-type]
    )
