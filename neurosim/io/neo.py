"""A run as a `neo.Block`, the exchange format of electrophysiology (Garcia et al. 2014)."""

from __future__ import annotations

from typing import Any

import numpy as np

from neurosim.errors import MissingPackageError, UnitError
from neurosim.records import RunLike, Trace

LARGE_OHMS = {"MOhm": 1e6, "GOhm": 1e9}


def run_to_neo(run: RunLike) -> Any:
    """Return a `neo.Block` with one segment and one group per population.

    Spikes: a `SpikeTrain` in ms per recorded neuron, silent ones included, annotated with
    ``population`` and ``neuron``. States: an `AnalogSignal` per variable, one channel per neuron
    (``array_annotations["neuron"]``), an `IrregularlySampledSignal` where samples are not evenly
    spaced. Weights: the same with ``array_annotations["connection"]``. The provenance stands
    in ``block.annotations["provenance"]``.

    Raises
    ------
    UnitError
        If quantities does not know the unit of a trace.
    MissingPackageError
        Without neo and quantities.
    """
    try:
        import neo
        import quantities as pq
    except ImportError as missing:
        raise MissingPackageError(missing.name or "neo", "Run.to_neo", "analysis") from None
    block = neo.Block(name=run.name)
    block.annotations["provenance"] = dict(run.provenance)
    start, stop = run.interval
    segment = neo.Segment(name=run.name)
    block.segments.append(segment)
    for name, size in run.populations.items():
        group = neo.Group(name=name, population=name, size=size)
        block.groups.append(group)
        if name in run.spikes:
            record = run.spikes[name]
            for neuron, train in zip(record.neurons.tolist(), record.trains(), strict=True):
                # k * dt may lie past t_stop by one rounding, which neo refuses.
                spikes = neo.SpikeTrain(
                    np.clip(train, start, stop),
                    units=pq.ms,
                    t_start=start * pq.ms,
                    t_stop=stop * pq.ms,
                    name=f"{name}[{neuron}]",
                    population=name,
                    neuron=neuron,
                )
                segment.spiketrains.append(spikes)
                group.add(spikes)
        for variable, trace in run.states.get(name, {}).items():
            signal = _signal(neo, pq, trace, f"{name}.{variable}", "neuron")
            signal.annotate(population=name, variable=variable)
            _append(neo, segment, signal)
            group.add(signal)
    for name, trace in run.weights.items():
        signal = _signal(neo, pq, trace, f"weights of {name}", "connection")
        signal.annotate(projection=name, variable="weight")
        _append(neo, segment, signal)
    return block


def _signal(neo: Any, pq: Any, trace: Trace, name: str, column: str) -> Any:
    unit = _unit(pq, trace.unit)
    labels: dict[str, Any] = {"name": name, "reduce": trace.reduce}
    if trace.reduce == "none":
        labels["array_annotations"] = {column: trace.ids}
    if trace.every is None:
        return neo.IrregularlySampledSignal(
            trace.times * pq.ms, np.array(trace.array), units=unit, time_units=pq.ms, **labels
        )
    return neo.AnalogSignal(
        np.array(trace.array),
        units=unit,
        t_start=trace.times[0] * pq.ms,
        sampling_period=trace.every * pq.ms,
        **labels,
    )


def _unit(pq: Any, text: str) -> Any:
    """Return the unit `text` of quantities.

    quantities knows no ohms above the kilo, so ours are made there, with their size.
    """
    if text in LARGE_OHMS:
        return pq.UnitQuantity(text, LARGE_OHMS[text] * pq.ohm, symbol=text)
    try:
        return pq.Quantity(1.0, "dimensionless" if text == "1" else text).units
    except LookupError:
        raise UnitError("Run.to_neo: unit", text, "a unit that quantities knows") from None


def _append(neo: Any, segment: Any, signal: Any) -> None:
    if isinstance(signal, neo.AnalogSignal):
        segment.analogsignals.append(signal)
    else:
        segment.irregularlysampledsignals.append(signal)
