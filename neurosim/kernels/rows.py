"""From generated synapses to rows: counting, sorting by delay and target, packing.

The scratch of one worker holds the synapses of one chunk of rows, projection after projection:
row r of projection p occupies offsets[p, r] .. offsets[p, r + 1] of `slots`, `delays`, `weights`.

A tile is a range of slots; tile t is bounds[t] .. bounds[t + 1]. guide[s >> 10] is the tile of
slot (s >> 10) << 10, or the last tile that begins before it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from neurosim.kernels.jit import kernel
from neurosim.kernels.random import inlined

Ints = npt.NDArray[np.int64]
Int32s = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]


@kernel
def slots_of_partners(partners: Int32s, slots: Ints, base: int, out: Int32s) -> None:
    """Translate positions into slots.

    slots : (n_post,) int64           slot of each position
    base  : int64                     slots[0] where the slots are consecutive, else -1
    out   : int32, written
    """
    if base >= 0:
        for i in range(partners.size):
            out[i] = partners[i] + np.int32(base)
    else:
        for i in range(partners.size):
            out[i] = slots[partners[i]]


@inlined
def _tile(slot: Any, bounds: Any, guide: Any) -> Any:
    t = np.int64(guide[slot >> 10])
    while slot >= bounds[t + 1]:
        t += 1
    return t


@kernel
def measure_rows(
    first: int,
    offsets: Ints,
    slots: Int32s,
    delays: Int32s,
    bounds: Ints,
    guide: Int32s,
    seen: Int32s,
    row_counts: Int32s,
    run_counts: Int32s,
) -> None:
    """Count synapses and delay runs of each row in each tile.

    first   : int64                            row of offsets[:, 0]
    offsets : (n_projections, rows + 1) int64
    seen    : (n_tiles, longest delay + 1) int32, below first + 1 everywhere; scratch
    row_counts, run_counts : (n_tiles, n_pre) int32, rows `first` .. written
    """
    n_tiles = bounds.size - 1
    for r in range(offsets.shape[1] - 1):
        row = first + r
        mark = np.int32(row + 1)
        for t in range(n_tiles):
            row_counts[t, row] = 0
            run_counts[t, row] = 0
        for p in range(offsets.shape[0]):
            lo = offsets[p, r]
            hi = offsets[p, r + 1]
            if n_tiles == 1:
                row_counts[0, row] += np.int32(hi - lo)
                runs = np.int32(0)
                for i in range(lo, hi):
                    d = delays[i]
                    runs += np.int32(seen[0, d] != mark)
                    seen[0, d] = mark
                run_counts[0, row] += runs
            else:
                for i in range(lo, hi):
                    t = _tile(np.int64(slots[i]), bounds, guide)
                    d = delays[i]
                    row_counts[t, row] += np.int32(1)
                    run_counts[t, row] += np.int32(seen[t, d] != mark)
                    seen[t, d] = mark


@kernel
def quantise(
    weights: Floats,
    scale: Floats,
    one_scale: float,
    partners: Int32s,
    out: Any,
) -> float:
    """Round weights to whole accumulator units.

    scale     : (n_post,) float64    weight units per accumulator unit at each position
    one_scale : float64              the same where it is one and the same everywhere, else 0
    out       : int32 or int64, written

    Returns the largest magnitude [accumulator units]. Scales are powers of two, so that a product
    with the inverse is the exact quotient.
    """
    largest = 0.0
    if one_scale > 0.0:
        inverse = 1.0 / one_scale
        for i in range(weights.size):
            x = np.rint(weights[i] * inverse)
            largest = max(largest, abs(x))
            out[i] = np.int64(x)
    else:
        for i in range(weights.size):
            x = np.rint(weights[i] / scale[partners[i]])
            largest = max(largest, abs(x))
            out[i] = np.int64(x)
    return largest


@kernel
def _by_slot(
    n: int,
    offsets: Ints,
    r: int,
    slots: Int32s,
    lowest: int,
    highest: int,
    buckets: Int32s,
    items: Ints,
) -> None:
    """Order the synapses of row r by slot, in order of drawing where slots are equal.

    items : (n,) int64, written      slot << 32 | index into the scratch
    """
    previous: Any = np.int64(-1)
    ordered: Any = True
    at = 0
    for p in range(offsets.shape[0]):
        for i in range(offsets[p, r], offsets[p, r + 1]):
            s = np.int64(slots[i])
            ordered &= s >= previous
            previous = s
            items[at] = (s << 32) | i
            at += 1
    if ordered:
        return
    # Buckets of 2^shift slots, about as many as there are synapses: then a bucket holds about
    # one, and the insertions at the end have next to nothing to move.
    shift = 0
    while (highest - lowest) >> shift >= max(2 * n, 16):
        shift += 1
    n_buckets = ((highest - lowest) >> shift) + 1
    buckets[: n_buckets + 1] = 0
    for p in range(offsets.shape[0]):
        for i in range(offsets[p, r], offsets[p, r + 1]):
            buckets[((np.int64(slots[i]) - lowest) >> shift) + 1] += np.int32(1)
    total = np.int32(0)
    for k in range(n_buckets + 1):
        total += buckets[k]
        buckets[k] = total
    for p in range(offsets.shape[0]):
        for i in range(offsets[p, r], offsets[p, r + 1]):
            s = np.int64(slots[i])
            b = (s - lowest) >> shift
            to = buckets[b]
            buckets[b] = to + np.int32(1)
            items[to] = (s << 32) | i
    if shift > 0:
        for i in range(1, n):
            item = items[i]
            j = i
            while j > 0 and items[j - 1] > item:
                items[j] = items[j - 1]
                j -= 1
            items[j] = item


_INDEX = np.int64(0xFFFFFFFF)


@kernel
def _by_delay(
    items: Ints, other: Ints, delays: Int32s, shortest: int, longest: int, counters: Int32s
) -> None:
    """Order items by delay, keeping their order where delays are equal.

    items    : (n,) int64, reordered in place
    other    : (n,) int64, scratch
    counters : (max(256, longest - shortest + 1) + 1,) int32, scratch
    """
    n = items.size
    if n <= 24:
        for i in range(1, n):
            item = items[i]
            d = delays[item & _INDEX]
            j = i
            while j > 0 and delays[items[j - 1] & _INDEX] > d:
                items[j] = items[j - 1]
                j -= 1
            items[j] = item
        return
    span = longest - shortest + 1
    if span <= 4 * n:
        counters[: span + 1] = 0
        for i in range(n):
            counters[delays[items[i] & _INDEX] - shortest + 1] += np.int32(1)
        total = np.int32(0)
        for d in range(span):
            total += counters[d]
            counters[d] = total
        for i in range(n):
            d = delays[items[i] & _INDEX] - shortest
            to = counters[d]
            counters[d] = to + np.int32(1)
            other[to] = items[i]
        items[:] = other[:n]
        return
    # Few synapses, many delays: byte by byte.
    shift = 0
    while (span - 1) >> shift > 0:
        counters[:257] = 0
        for i in range(n):
            counters[(((delays[items[i] & _INDEX] - shortest) >> shift) & 255) + 1] += np.int32(1)
        total = np.int32(0)
        for d in range(256):
            total += counters[d]
            counters[d] = total
        for i in range(n):
            d = ((delays[items[i] & _INDEX] - shortest) >> shift) & 255
            to = counters[d]
            counters[d] = to + np.int32(1)
            other[to] = items[i]
        items[:] = other[:n]
        shift += 8


PACKED, SEPARATE, WEIGHTLESS = range(3)


@kernel
def write_rows(
    first: int,
    offsets: Ints,
    slots: Int32s,
    delays: Int32s,
    weights: Any,
    lowest: int,
    highest: int,
    shortest: int,
    longest: int,
    bounds: Ints,
    row_start: Ints,
    run_start: Ints,
    buckets: Int32s,
    counters: Int32s,
    items: Ints,
    other: Ints,
    form: int,
    run_delay: Int32s,
    run_end: Any,
    words: Any,
    targets: Any,
    values: Any,
) -> int:
    """Sort the rows of a chunk and write them to their places.

    lowest, highest     : int64                            range of the slots
    shortest, longest   : int64                            range of the delays
    row_start, run_start : (n_tiles, n_pre + 1) int64      places in the arrays of all tiles
    buckets   : (highest - lowest + 3,) int32 at most; counters: see `_by_delay`; items, other:
                as long as the longest row; scratch
    form      : PACKED: `words` written, weight << 16 | target; SEPARATE: `targets` and `values`;
                WEIGHTLESS: `targets` only
    run_delay : int32; run_end : uint32; words : uint32; targets : uint16; values : int32 or int64

    Returns the number of rows whose runs are not as many as were measured (0).
    """
    n_tiles = bounds.size - 1
    faults = 0
    for r in range(offsets.shape[1] - 1):
        row = first + r
        n = 0
        for p in range(offsets.shape[0]):
            n += offsets[p, r + 1] - offsets[p, r]
        if n == 0:
            continue
        _by_slot(n, offsets, r, slots, lowest, highest, buckets, items)
        lo = 0
        for t in range(n_tiles):
            at = row_start[t, row]
            length = row_start[t, row + 1] - at
            if length == 0:
                continue
            part = items[lo : lo + length]
            lo += length
            if longest > shortest:
                _by_delay(part, other, delays, shortest, longest, counters)
            run = run_start[t, row]
            current = delays[part[0] & _INDEX]
            base = bounds[t]
            for i in range(length):
                index = part[i] & _INDEX
                d = delays[index]
                if d != current:
                    run_delay[run] = current
                    run_end[run] = i
                    run += 1
                    current = d
                target = (part[i] >> 32) - base
                if form == PACKED:
                    words[at + i] = np.uint32(((np.int64(weights[index]) & 0xFFFF) << 16) | target)
                else:
                    targets[at + i] = target
                    if form == SEPARATE:
                        values[at + i] = weights[index]
            run_delay[run] = current
            run_end[run] = length
            run += 1
            faults += run != run_start[t, row + 1]
    return faults
