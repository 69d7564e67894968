"""A run as an `xarray.DataTree`: arrays with named dimensions and units."""

from __future__ import annotations

import json
from typing import Any

from neurosim.errors import DescriptionError, MissingPackageError
from neurosim.records import RunLike, SpikeRecord, Trace


def run_to_xarray(run: RunLike) -> Any:
    """Return a tree with a node per population, and below it a node per kind of recording.

    ::

        exc/spikes   spike_time (spike) [ms], spike_neuron (spike), rate (neuron) [Hz]
        exc/V_m      V_m (time, neuron), or (time) for an average
        weights/p    weight (time, connection)

    A tree, since one dataset would force the same times and neurons on all recordings: variables
    are sampled at their own intervals on their own neurons. The provenance is the root's
    attribute "provenance", as JSON.

    Raises
    ------
    DescriptionError
        If a name holds "/", which separates nodes, or a population with results is called
        "weights" beside recorded weights.
    MissingPackageError
        Without xarray.
    """
    try:
        import xarray as xr
    except ImportError as missing:
        raise MissingPackageError(missing.name or "xarray", "Run.to_xarray", "analysis") from None
    start, stop = run.interval
    nodes: dict[str, Any] = {
        "/": xr.Dataset(
            attrs={
                "name": run.name,
                "t_start_ms": start,
                "t_stop_ms": stop,
                "provenance": json.dumps(dict(run.provenance)),
            }
        )
    }
    for name, size in run.populations.items():
        if name in run.spikes or name in run.states:
            if name == "weights" and run.weights:
                expected = "another name, since recorded weights stand under 'weights'"
                raise DescriptionError("to_xarray: population", name, expected)
            nodes[_path(name)] = xr.Dataset(attrs={"size": size})
        if name in run.spikes:
            nodes[_path(name, "spikes")] = _spikes(xr, run.spikes[name])
        for variable, trace in run.states.get(name, {}).items():
            nodes[_path(name, variable)] = _samples(xr, trace, variable, "neuron")
    for name, trace in run.weights.items():
        nodes[_path("weights", name)] = _samples(xr, trace, "weight", "connection")
    return xr.DataTree.from_dict(nodes, name=run.name)


def _spikes(xr: Any, record: SpikeRecord) -> Any:
    variables: dict[str, Any] = {
        "spike_time": ("spike", record.times, {"units": "ms"}),
        "spike_neuron": ("spike", record.ids),
    }
    if record.duration > 0:
        variables["rate"] = ("neuron", record.rates(), {"units": "Hz"})
    return xr.Dataset(
        variables,
        coords={"neuron": ("neuron", record.neurons)},
        attrs={"t_start_ms": record.t_start, "t_stop_ms": record.t_stop},
    )


def _samples(xr: Any, trace: Trace, name: str, column: str) -> Any:
    time = {"time": ("time", trace.times, {"units": "ms"})}
    if trace.reduce == "mean":
        attrs = {"units": trace.unit, "cell_methods": f"{column}: mean"}
        return xr.Dataset(
            {name: ("time", trace.array[:, 0], attrs), "averaged": ("member", trace.ids)},
            coords=time,
        )
    data = (("time", column), trace.array, {"units": trace.unit})
    return xr.Dataset({name: data}, coords={**time, column: (column, trace.ids)})


def _path(*names: str) -> str:
    for name in names:
        if "/" in name or name in ("", ".", ".."):
            raise DescriptionError("to_xarray: name", name, "a name without '/', which parts nodes")
    return "/" + "/".join(names)
