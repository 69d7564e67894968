"""Runs as neo and xarray objects: every spike, sample and unit arrives."""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np
import pytest
import quantities as pq
from hypothesis import given, settings

from neurosim.errors import DescriptionError, MissingPackageError, UnitError
from neurosim.results import Run
from tests.runs_for_tests import make_run, make_trace, runs, spike_record


def renamed(run: Run) -> Run:
    """Return the run with names that xarray takes: '/' parts its nodes."""
    old = run.spikes["inh/1 é"]
    return make_run(
        interval=run.interval,
        populations={"input": 3, "exc": 7, "inh": 4},
        spikes={"exc": run.spikes["exc"], "inh": old},
        states={"exc": run.states["exc"]} if "exc" in run.states else {},
        weights=dict(run.weights),
        provenance=run.provenance,
        colours={},
    )


def one_trace(unit: str, times: Any = (1.0, 2.0)) -> Run:
    trace = make_trace(array=np.ones((len(times), 1)), times=times, ids=[0], unit=unit)
    states = {"p": {"x": trace}}
    return Run(name="n", interval=(0, 10), populations={"p": 1}, states=states)


@settings(max_examples=25)
@given(run=runs())
def test_neo_keeps_every_spike_and_unit(run: Run) -> None:
    block = run.to_neo()
    (segment,) = block.segments
    assert block.annotations["provenance"] == run.provenance
    assert [g.name for g in block.groups] == list(run.populations)
    for name, record in run.spikes.items():
        trains = [s for s in segment.spiketrains if s.annotations["population"] == name]
        assert [s.annotations["neuron"] for s in trains] == record.neurons.tolist()
        for train, expected in zip(trains, record.trains(), strict=True):
            assert train.units == pq.ms
            assert train.magnitude == pytest.approx(expected, rel=1e-13)
            assert (train.t_start, train.t_stop) == (run.t_start * pq.ms, run.t_stop * pq.ms)


def test_neo_keeps_every_sample_and_unit() -> None:
    run = make_run()
    (segment,) = run.to_neo().segments
    signals = {s.name: s for s in segment.analogsignals}
    assert list(signals) == ["exc.V_m", "exc.I_exc", "exc.w", "inh/1 é.V_m", "weights of exc->exc"]
    for name, trace, unit in [
        ("exc.V_m", run.states["exc"]["V_m"], pq.mV),
        ("exc.I_exc", run.states["exc"]["I_exc"], pq.pA),
        ("exc.w", run.states["exc"]["w"], pq.pA),
        ("weights of exc->exc", run.weights["exc->exc"], pq.pA),
    ]:
        signal = signals[name]
        assert np.array_equal(signal.magnitude, trace.array)
        assert signal.units == unit
        assert signal.times.rescale(pq.ms).magnitude == pytest.approx(trace.times)
    assert signals["exc.V_m"].array_annotations["neuron"].tolist() == [0, 2, 5]
    assert signals["exc.w"].annotations["reduce"] == "mean"


@pytest.mark.parametrize(
    ("unit", "size"),
    [
        ("mV", pq.volt / 1e3),
        ("pA", pq.ampere / 1e12),
        ("nS", pq.siemens / 1e9),
        ("pF", pq.farad / 1e12),
        ("GOhm", pq.ohm * 1e9),
        ("MOhm", pq.ohm * 1e6),
        ("1", pq.dimensionless),
        ("Hz", pq.hertz),
        ("1/ms", 1e3 / pq.second),
        ("mV/ms", pq.volt / pq.second),
    ],
)
def test_units_have_their_size_in_neo(unit: str, size: Any) -> None:
    (signal,) = one_trace(unit).to_neo().segments[0].analogsignals
    assert float((signal.units / size).simplified) == pytest.approx(1.0)
    assert (signal.units / size).simplified.units == pq.dimensionless


def test_unevenly_spaced_samples_keep_their_times_in_neo() -> None:
    (segment,) = one_trace("mV", (1.0, 2.0, 5.0)).to_neo().segments
    (signal,) = segment.irregularlysampledsignals
    assert signal.times.magnitude.tolist() == [1.0, 2.0, 5.0]


def test_a_unit_that_quantities_lacks_is_refused() -> None:
    with pytest.raises(UnitError, match="furlong_per_fortnight"):
        one_trace("furlong_per_fortnight").to_neo()


@settings(max_examples=25)
@given(run=runs().map(renamed))
def test_xarray_keeps_every_spike_sample_and_unit(run: Run) -> None:
    tree = run.to_xarray()
    assert json.loads(tree.attrs["provenance"]) == run.provenance
    for name, record in run.spikes.items():
        node = tree[f"{name}/spikes"]
        assert np.array_equal(node["spike_time"], record.times)
        assert np.array_equal(node["spike_neuron"], record.ids)
        assert np.array_equal(node["neuron"], record.neurons)
        assert node["spike_time"].attrs["units"] == "ms"
        assert node["rate"].values == pytest.approx(record.rates())
    for variable, trace in run.states["exc"].items():
        data = tree[f"exc/{variable}/{variable}"]
        assert data.dims == (("time",) if trace.reduce == "mean" else ("time", "neuron"))
        assert np.array_equal(data.values.reshape(trace.array.shape), trace.array)
        assert data.attrs["units"] == trace.unit
        assert np.array_equal(data["time"], trace.times)
    weights = tree["weights/exc->exc/weight"]
    assert np.array_equal(weights, run.weights["exc->exc"].array)
    assert weights.dims == ("time", "connection")


def test_names_that_would_part_nodes_are_refused() -> None:
    with pytest.raises(DescriptionError, match="inh/1"):
        make_run().to_xarray()
    record = spike_record(times=[], ids=[], size=1, interval=(0, 10))
    weight = make_trace(array=np.ones((1, 1)), times=[1.0], ids=[0], unit="pA")
    run = Run(
        name="n",
        interval=(0, 10),
        populations={"weights": 1},
        spikes={"weights": record},
        weights={"p": weight},
    )
    with pytest.raises(DescriptionError, match="another name"):
        run.to_xarray()


@pytest.mark.parametrize(("package", "method"), [("neo", "to_neo"), ("xarray", "to_xarray")])
def test_a_missing_package_is_named(
    package: str, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingPackageError, match=rf"'{package}'.*neurosim-snn\[analysis\]"):
        getattr(make_run(), method)()
