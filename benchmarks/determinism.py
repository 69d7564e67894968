"""What it costs that results do not depend on threads: sums of integers beside sums of floats.

Delivery adds arrivals as integers, whose sums do not depend on their order. Here the spikes of a
real run are delivered once more, on one thread, from the rows that the engine built, by one loop
that is compiled twice: with an accumulator of int32, converted when it is read, and with one of
float32. Everything else is the same: rows, visits, order, what is asked for ahead.
"""

from __future__ import annotations

import statistics
import time
from typing import Any

import numba
import numpy as np

import neurosim as ns
from neurosim.engine.arrays import scattered_zeros
from neurosim.kernels import delivery as d
from neurosim.kernels.jit import prefetch, uint16_at, uint32_at
from neurosim_models import potjans_diesmann

WARM_UP = 100.0
DURATION = 200.0
"""Biological time whose spikes are delivered [ms]."""


@numba.njit(nogil=True)  # type: ignore[untyped-decorator]
def as_integer(word: Any, shift: Any, unit: Any) -> Any:
    """Weight of a packed synapse in units of the accumulator."""
    return np.int32((np.int32(word) >> 16) << shift)


@numba.njit(nogil=True)  # type: ignore[untyped-decorator]
def as_float(word: Any, shift: Any, unit: Any) -> Any:
    """Weight of a packed synapse in units of the receptor."""
    return np.float32(np.int32(word) >> 16) * unit


def replay_with(weight_of: Any) -> Any:
    """Return the loop over steps, with weights made by `weight_of`."""

    @numba.njit(nogil=True)  # type: ignore[untyped-decorator]
    def replay(
        total: Any, arrived: Any, n_slots: Any, depth: Any, bundle: Any, table: Any, shifts: Any,
        units: Any, scale: Any, ids: Any, start: Any, n_steps: Any,
    ) -> Any:  # fmt: skip
        """Deliver all spikes step by step, and read what is due; return the number of events."""
        events = 0
        visits = np.empty((start[-1] + 1, 2), np.int64)
        for label in range(n_steps):
            now = label % depth
            for b in range(bundle.shape[0]):
                n_waves = bundle[b, d.B_WAVES]
                wave_start = uint32_at(table[b, 0, d.R_WAVE], 1 << 62)
                stream = table[b, 0, d.R_STREAM]
                everything = uint16_at(stream, 1 << 62)
                shift = shifts[b]
                unit = units[b]
                n_visits = 0
                for wave in range(n_waves):
                    emitted = label - wave * depth
                    if emitted < 0:
                        break
                    for s in range(start[emitted], start[emitted + 1]):
                        row = np.int64(ids[s]) - bundle[b, d.B_FIRST_ID]
                        if row < 0 or np.int64(ids[s]) > bundle[b, d.B_LAST_ID]:
                            continue
                        visits[n_visits, 0] = np.int64(wave_start[row * n_waves + wave])
                        visits[n_visits, 1] = np.int64(wave_start[row * n_waves + wave + 1])
                        prefetch(everything, 2 * visits[n_visits, 0])
                        n_visits += 1
                for v in range(n_visits):
                    at = visits[v, 0]
                    end = visits[v, 1]
                    ahead = np.int64(0)
                    ahead_end = np.int64(0)
                    if v + d.AHEAD < n_visits:
                        ahead = 2 * visits[v + d.AHEAD, 0] + d.LINE // 2
                        ahead_end = 2 * visits[v + d.AHEAD, 1]
                    while at < end:
                        header = uint32_at(stream + 4 * at, d.PACKED_HEADER)
                        due = now + np.int64(header[0])
                        count = np.int64(header[1])
                        at += d.PACKED_HEADER
                        asked = min(ahead + 2 * count, ahead_end)
                        while ahead < asked:
                            prefetch(everything, ahead)
                            ahead += d.LINE // 2
                        if due >= depth:
                            due -= depth
                        word = uint32_at(stream + 4 * at, count)
                        base = np.uintp(due * n_slots)
                        for k in range(count):
                            slot = base + np.uintp(word[k] & np.uint32(0xFFFF))
                            total[slot] += weight_of(word[k], shift, unit)
                        at += count
                        events += count
            row_first = ((label + 1) % depth) * n_slots
            for k in range(n_slots):
                arrived[k] += np.float32(total[row_first + k]) * scale
                total[row_first + k] = 0
        return events

    return replay


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
    if np.any(delivery.bundle[:, d.B_FORMAT] != d.FIXED16) or np.any(delivery.bundle[:, d.B_MAP]):
        raise ValueError("the loop knows packed synapses of consecutive sources only")
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
    n_slots, depth = engine.slot_map.n_slots, delivery.wave_steps
    unit = float(engine.synapses.scale.min())
    shifts = delivery.bundle[:, d.B_SHIFT].copy()
    units = (unit * 2.0**shifts).astype(np.float32)

    sides = {"int32": (replay_with(as_integer), np.int32, np.float32(unit)),
             "float32": (replay_with(as_float), np.float32, np.float32(1.0))}  # fmt: skip
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    sums: dict[str, Any] = {}
    events: Any = 0
    for turn in range(repeats + 1):
        for name, (replay, dtype, factor) in sides.items():
            total = scattered_zeros(depth * n_slots, dtype)
            arrived = np.zeros(n_slots, np.float32)
            began = time.perf_counter()
            events = replay(
                total, arrived, n_slots, depth, delivery.bundle, delivery.rows, shifts, units,
                factor, ids, start, n_steps,
            )  # fmt: skip
            if turn:  # the first compiles
                seconds[name].append(time.perf_counter() - began)
            sums[name] = arrived
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
            "events": int(events), "repeats": repeats, "scale": scale, "price": price,
        }
        for name, times in seconds.items()
    ]  # fmt: skip
