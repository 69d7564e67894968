"""Sources and currents: what they keep, and what they refuse."""

from __future__ import annotations

import math
import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import neurosim as ns
from neurosim.describe.model_protocol import Source as SourceProtocol
from neurosim.describe.model_protocol import is_source

SOURCES: list[Any] = [
    ns.Poisson(rate=10),
    ns.Poisson(rate=[1.0, 2.0]),
    ns.Poisson(rate=ns.RateSteps(times=[0, 100], rates=[5, 0])),
    ns.GammaProcess(rate=20, shape=3, start="ordinary"),
    ns.CorrelatedPoisson(rate=5, correlation=0.2),
    ns.SpikeTimes([[3.0, 1.0], []]),
    ns.Input("current"),
]
CURRENTS: list[Any] = [
    ns.ConstantCurrent(amplitude=5),
    ns.StepCurrent(times=[10, 20], amplitudes=[1, -1]),
    ns.NoiseCurrent(mean=1, sd=2),
    ns.NoiseCurrent(sd=2, dt=1),
    ns.NoiseCurrent(sd=[2, 3], tau=10),
]


@pytest.mark.parametrize("source", SOURCES)
def test_sources_say_what_is_asked_of_them(source: Any) -> None:
    assert is_source(source)
    assert isinstance(source, SourceProtocol)
    assert source.emits_spikes is not (source == ns.Input("current"))


@pytest.mark.parametrize("value", [*SOURCES, *CURRENTS])
def test_values_compare_copy_and_print(value: Any) -> None:
    again = pickle.loads(pickle.dumps(value))
    assert again == value
    assert hash(again) == hash(value)
    assert repr(again) == repr(value)
    assert not any(value == other for other in (*SOURCES, *CURRENTS) if other is not value)


def test_sizes_follow_the_arrays() -> None:
    assert [s.size for s in SOURCES] == [None, 2, None, None, None, 2, None]
    assert [c.size for c in CURRENTS] == [None, None, None, None, 2]
    assert ns.Poisson(rate=np.ones((4, 5))).size == 20
    assert ns.Poisson(rate=ns.RateSteps(times=[0, 1], rates=np.ones((2, 3)))).size == 3
    assert ns.StepCurrent(times=[0, 1], amplitudes=np.ones((2, 3))).size == 3
    assert ns.GammaProcess(rate=3, shape=[1, 2]).size == 2


def test_units_are_those_of_the_place() -> None:
    assert ns.Poisson(rate="2 kHz") == ns.Poisson(rate=2000)
    assert ns.RateSteps(times="0.1 s", rates="3 Hz") == ns.RateSteps(times=[100], rates=[3])
    assert ns.NoiseCurrent(sd="1 nA", tau="0.01 s") == ns.NoiseCurrent(sd=1000, tau=10)
    assert ns.ConstantCurrent(amplitude="0.1 nA") == ns.ConstantCurrent(amplitude=100)


@given(st.lists(st.lists(st.floats(1e-3, 1e6), max_size=5), min_size=1, max_size=5))
def test_spike_times_are_kept_sorted_and_complete(trains: list[list[float]]) -> None:
    source = ns.SpikeTimes(trains)
    assert [t.tolist() for t in source.trains] == [sorted(t) for t in trains]
    times, ids = source.flat
    assert np.all(np.diff(times) >= 0)
    for k, train in enumerate(trains):
        assert times[ids == k].tolist() == sorted(train)


untyped: Any = ns
"""neurosim, without the type checker seeing what is wrong below."""

REFUSED: list[tuple[str, Any]] = [
    ("Poisson.rate", lambda: untyped.Poisson()),
    ("Poisson.rate", lambda: untyped.Poisson(rate=-1)),
    ("Poisson.rate", lambda: untyped.Poisson(rate=math.nan)),
    ("Poisson.rate", lambda: untyped.Poisson(rate=[1, math.inf])),
    ("Poisson.rate", lambda: untyped.Poisson(rate="3 ms")),
    ("Poisson.rate", lambda: untyped.Poisson(rate=None)),
    ("Poisson: argument", lambda: untyped.Poisson(rates=3)),
    ("Poisson", lambda: untyped.Poisson(10)),
    ("RateSteps.times", lambda: untyped.RateSteps(times=[0, 0], rates=[1, 2])),
    ("RateSteps.times", lambda: untyped.RateSteps(times=[10, 0], rates=[1, 2])),
    ("RateSteps.times", lambda: untyped.RateSteps(times=[-1, 0], rates=[1, 2])),
    ("RateSteps.times", lambda: untyped.RateSteps(times=[], rates=[])),
    ("RateSteps.rates", lambda: untyped.RateSteps(times=[0, 1], rates=[1, 2, 3])),
    ("RateSteps.rates", lambda: untyped.RateSteps(times=[0, 1], rates=[1, -2])),
    ("GammaProcess.shape", lambda: untyped.GammaProcess(rate=1, shape=0)),
    ("GammaProcess.rate", lambda: untyped.GammaProcess(rate=0, shape=1)),
    ("GammaProcess.shape", lambda: untyped.GammaProcess(rate=[1, 2], shape=[1, 2, 3])),
    ("GammaProcess.start", lambda: untyped.GammaProcess(rate=1, shape=1, start="now")),
    ("CorrelatedPoisson.correlation", lambda: untyped.CorrelatedPoisson(correlation=0)),
    ("CorrelatedPoisson.correlation", lambda: untyped.CorrelatedPoisson(correlation=1.1)),
    ("CorrelatedPoisson.rate", lambda: untyped.CorrelatedPoisson(rate=[1, 2])),
    ("SpikeTimes.trains", lambda: untyped.SpikeTimes(5.0)),
    ("SpikeTimes.trains", lambda: untyped.SpikeTimes([])),
    ("SpikeTimes.trains", lambda: untyped.SpikeTimes("1 ms")),
    ("SpikeTimes.trains[0]", lambda: untyped.SpikeTimes([1.0, 2.0])),
    ("SpikeTimes.trains[1]", lambda: untyped.SpikeTimes([[1.0], [0.0]])),
    ("SpikeTimes.trains[0]", lambda: untyped.SpikeTimes([[math.nan]])),
    ("SpikeTimes.trains[0]", lambda: untyped.SpikeTimes([[None]])),
    ("Input.kind", lambda: untyped.Input("volts")),
    ("StepCurrent.amplitudes", lambda: untyped.StepCurrent(times=[0], amplitudes=[1, 2])),
    ("StepCurrent.amplitudes", lambda: untyped.StepCurrent(times=[0], amplitudes=[math.inf])),
    ("ConstantCurrent.amplitude", lambda: untyped.ConstantCurrent(amplitude="1 mV")),
    ("NoiseCurrent.sd", lambda: untyped.NoiseCurrent(sd=-1)),
    ("NoiseCurrent.dt", lambda: untyped.NoiseCurrent(sd=1, dt=1, tau=1)),
    ("NoiseCurrent.dt", lambda: untyped.NoiseCurrent(sd=1, dt=0)),
    ("NoiseCurrent.tau", lambda: untyped.NoiseCurrent(sd=1, tau=[1, 2])),
    ("NoiseCurrent", lambda: untyped.NoiseCurrent(mean=[1, 2], sd=[1, 2, 3])),
]


@pytest.mark.parametrize(("place", "make"), REFUSED)
def test_nonsense_is_refused_where_it_is_written(place: str, make: Any) -> None:
    with pytest.raises(ns.DescriptionError) as caught:
        make()
    assert caught.value.place.startswith(place)


def test_trains_of_one_mother_are_a_population_not_a_drive() -> None:
    net = ns.Network("test")
    exc = net.population("exc", 3, ns.LIF())
    for source in (ns.CorrelatedPoisson(), ns.Input("spikes")):
        with pytest.raises(ns.DescriptionError):
            net.drive(exc, source, receptor="exc")
