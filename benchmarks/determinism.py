"""What it costs that results do not depend on threads: sums of integers beside sums of floats.

Delivery adds arrivals as integers, whose sums do not depend on their order. Here the spikes of a
real run are delivered once more, on one thread, from the rows that the engine built, by the
engine's own function: once compiled for an accumulator of int32 and once for one of float32.
"""

from __future__ import annotations

import statistics
import time
from typing import Any

import numba
import numpy as np

import neurosim as ns
from neurosim.engine.arrays import scattered_zeros
from neurosim.kernels.delivery import VISITS, deliver
from neurosim_models import potjans_diesmann

WARM_UP = 100.0
DURATION = 200.0
"""Biological time whose spikes are delivered [ms]."""


@numba.njit(nogil=True)  # type: ignore[untyped-decorator]
def replay(
    total: Any, arrived: Any, n_slots: Any, delivery: Any, scale: Any, ids: Any, start: Any,
    n_steps: Any,
) -> None:  # fmt: skip
    """Deliver all spikes step by step into `total`, and add what is due to `arrived`."""
    visits = np.empty((VISITS, 4), np.int64)
    for label in range(n_steps):
        deliver(total, n_slots, delivery, 0, label, ids, start, 0, visits)
        due = ((label + 1) % delivery.rows_due) * n_slots
        for k in range(n_slots):
            arrived[k] += np.float32(total[due + k]) * scale
            total[due + k] = 0


def measure(scale: float = 0.3, repeats: int = 9) -> list[dict[str, Any]]:
    """Time both loops by turns on the microcircuit's spikes.

    Returns
    -------
    list of dict
        One row per accumulator: ns per synaptic event, median, least and greatest over `repeats`;
        and the ratio of the medians.

    Raises
    ------
    ValueError
        If the two sums differ by more than rounding: then they were not the same work.
    """
    session = ns.compile(
        potjans_diesmann(scale=scale), precision="single", synapse_format="fixed16", threads=1
    )
    session.run(WARM_UP, progress=False)
    run = session.run(DURATION, progress=False)
    engine: Any = session.engine  # type: ignore[attr-defined]
    delivery, dt = engine.synapses.delivery, engine.plan.dt
    if delivery.tile_first.size != 2:
        raise ValueError(f"{delivery.tile_first.size - 1} tiles: take a smaller scale")
    offset = {p.name: p.offset for p in engine.plan.populations}
    labels = [np.rint((s.times - WARM_UP) / dt) for s in run.spikes.values()]
    numbers = [s.ids + offset[name] for name, s in run.spikes.items()]
    label, number = np.concatenate(labels).astype(np.int64), np.concatenate(numbers)
    order = np.lexsort((number, label))
    ids = number[order].astype(np.int32)
    n_steps = round(DURATION / dt)
    start = np.searchsorted(label[order], np.arange(n_steps + 2)).astype(np.int64)
    n_slots = engine.slot_map.n_slots
    scale_of = np.float32(engine.synapses.scale.min())
    dtypes = {"int32": np.int32, "float32": np.float32}
    seconds: dict[str, list[float]] = {name: [] for name in dtypes}
    sums: dict[str, Any] = {}
    for turn in range(repeats + 1):
        for name, dtype in dtypes.items():
            total = scattered_zeros(delivery.rows_due * n_slots, dtype)
            sums[name] = np.zeros(n_slots, np.float32)
            began = time.perf_counter()
            replay(total, sums[name], n_slots, delivery, scale_of, ids, start, n_steps)
            if turn:  # the first compiles
                seconds[name].append(time.perf_counter() - began)
    fan_out = np.zeros(engine.plan.size, np.int64)
    for bundle in engine.synapses.bundles:
        fan_out[bundle.projections[0].pre] += bundle.measured.row_counts.sum(axis=0)
    events = int(fan_out[ids].sum())
    difference = float(np.abs(sums["int32"] - sums["float32"]).max())
    size = float(np.abs(sums["float32"]).max())
    if not difference <= 1e-3 * size:
        raise ValueError(f"sums of up to {size:g} differ by {difference:g}: not the same work")
    price = statistics.median(seconds["int32"]) / statistics.median(seconds["float32"]) - 1.0
    return [
        {
            "name": f"{name} accumulator",
            "ns_per_event": statistics.median(times) / events * 1e9,
            "least": min(times) / events * 1e9,
            "greatest": max(times) / events * 1e9,
            "events": events, "repeats": repeats, "scale": scale, "price": price,
        }
        for name, times in seconds.items()
    ]  # fmt: skip
