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

from neurosim.kernels.delivery import PACKED_HEADER, TARGET_HEADER
from neurosim.kernels.jit import inlined, kernel

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
    seen    : (n_tiles * width,) int32, below first + 1 everywhere; scratch, width being more than
              the longest delay
    row_counts, run_counts : (n_tiles, n_pre) int32, rows `first` .. written
    """
    n_tiles = bounds.size - 1
    width = seen.size // n_tiles
    synapses = np.zeros(n_tiles, np.int32)
    runs = np.zeros(n_tiles, np.int32)
    for r in range(offsets.shape[1] - 1):
        row = first + r
        mark = np.int32(row + 1)
        synapses[:] = 0
        runs[:] = 0
        for p in range(offsets.shape[0]):
            lo = offsets[p, r]
            hi = offsets[p, r + 1]
            if n_tiles == 1:
                synapses[0] += np.int32(hi - lo)
                new = np.int32(0)
                for i in range(lo, hi):
                    d = np.uintp(delays[i])
                    new += np.int32(seen[d] != mark)
                    seen[d] = mark
                runs[0] += new
            else:
                for i in range(lo, hi):
                    t = _tile(slots[i], bounds, guide)
                    at = np.uintp(t * width + delays[i])
                    synapses[t] += np.int32(1)
                    if seen[at] != mark:
                        seen[at] = mark
                        runs[t] += np.int32(1)
        for t in range(n_tiles):
            row_counts[t, row] = synapses[t]
            run_counts[t, row] = runs[t]


# Beyond every format, and yet a whole number that int64 holds.
_HUGE = 2.0**62


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
    # Whole numbers are compared: a maximum of floats is not vectorised while NaN might be met.
    largest = np.int64(0)
    if one_scale > 0.0:
        inverse = 1.0 / one_scale
        for i in range(weights.size):
            x = np.int64(min(max(np.rint(weights[i] * inverse), -_HUGE), _HUGE))
            largest = max(largest, abs(x))
            out[i] = x
    else:
        for i in range(weights.size):
            x = np.int64(min(max(np.rint(weights[i] / scale[partners[i]]), -_HUGE), _HUGE))
            largest = max(largest, abs(x))
            out[i] = x
    return float(largest)


@kernel
def _settle(items: Ints, lo: Any, hi: Any) -> None:
    """Order items[lo:hi], which are nearly in order."""
    for i in range(lo + 1, hi):
        item = items[i]
        if items[i - 1] > item:
            j = i
            while j > lo and items[j - 1] > item:
                items[j] = items[j - 1]
                j -= 1
            items[j] = item


@kernel
def _by_slot(
    n: Any,
    offsets: Ints,
    r: int,
    slots: Int32s,
    lowest: int,
    highest: int,
    bounds: Ints,
    buckets: Int32s,
    items: Ints,
) -> None:
    """Order the synapses of row r by slot, roughly: buckets of neighbouring slots.

    Tiles are told apart exactly. Within a bucket items keep the order of the scratch.

    items : (n,) int64, written      slot << 32 | index into the scratch
    """
    n_projections = offsets.shape[0]
    previous = np.int32(-1)
    ordered = True
    for p in range(n_projections):
        for i in range(offsets[p, r], offsets[p, r + 1]):
            if slots[i] < previous:
                ordered = False
                break
            previous = slots[i]
        if not ordered:
            break
    if ordered:
        at = 0
        for p in range(n_projections):
            for i in range(offsets[p, r], offsets[p, r + 1]):
                items[at] = (np.int64(slots[i]) << 32) | i
                at += 1
        return
    # More buckets than synapses: then next to nothing is left to be ordered within a run.
    shift = 0
    while (highest - lowest) >> shift >= max(2 * n, 16):
        shift += 1
    n_buckets = ((highest - lowest) >> shift) + 1
    buckets[: n_buckets + 1] = 0
    base = np.int32(lowest)
    wide = np.int32(shift)
    for p in range(n_projections):
        for i in range(offsets[p, r], offsets[p, r + 1]):
            buckets[np.uintp(((slots[i] - base) >> wide) + 1)] += np.int32(1)
    total = np.int32(0)
    for k in range(n_buckets + 1):
        total += buckets[k]
        buckets[k] = total
    for p in range(n_projections):
        for i in range(offsets[p, r], offsets[p, r + 1]):
            b = np.uintp((slots[i] - base) >> wide)
            to = buckets[b]
            buckets[b] = to + np.int32(1)
            items[np.uintp(to)] = (np.int64(slots[i]) << 32) | i
    if shift > 0:
        for t in range(1, bounds.size - 1):
            if lowest < bounds[t] <= highest:
                k = (bounds[t] - lowest) >> shift
                _settle(items, np.int64(buckets[k - 1] if k > 0 else 0), np.int64(buckets[k]))


_INDEX = np.int64(0xFFFFFFFF)
_FEW = 8


@kernel
def _by_delay(
    items: Ints, other: Ints, delays: Int32s, shortest: int, span: int, counters: Int32s
) -> None:
    """Order items by delay into `other`, keeping their order where delays are equal.

    other    : (n,) int64 or longer, written
    counters : (span + 1,) int32 or longer, written    end of each delay's run, from `shortest` on

    A function of its own: written into the loop over rows it takes three times as long.
    """
    n = items.size
    least = np.int32(shortest)
    counters[: span + 1] = 0
    for i in range(n):
        d = np.uintp(delays[np.uintp(items[i] & _INDEX)] - least + np.int32(1))
        counters[d] += np.int32(1)
    total = np.int32(0)
    for k in range(span):
        total += counters[k]
        counters[k] = total
    for i in range(n):
        item = items[i]
        d = np.uintp(delays[np.uintp(item & _INDEX)] - least)
        to = counters[d]
        counters[d] = to + np.int32(1)
        other[np.uintp(to)] = item


@kernel
def _by_delay_slowly(
    items: Ints, other: Ints, delays: Int32s, shortest: int, longest: int, counters: Int32s
) -> None:
    """Order few items of many delays, keeping their order where delays are equal.

    items    : (n,) int64, reordered in place
    other    : (n,) int64, scratch
    counters : (257,) int32, scratch
    """
    n = items.size
    if n <= _FEW:
        for i in range(1, n):
            item = items[i]
            d = delays[item & _INDEX]
            j = i
            while j > 0 and delays[items[j - 1] & _INDEX] > d:
                items[j] = items[j - 1]
                j -= 1
            items[j] = item
        return
    shift = 0
    while (longest - shortest) >> shift > 0:
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
        for k in range(n):
            items[k] = other[k]
        shift += 8


@kernel
def _runs_counted(
    items: Ints, counters: Int32s, span: int, shortest: int, run_delay: Int32s, run_end: Int32s
) -> int:
    """Write down the runs that `_by_delay` left, order each by slot; return how many there are."""
    run = 0
    lo = np.int64(0)
    for k in range(span):
        hi = np.int64(counters[k])
        if hi == lo:
            continue
        for i in range(lo + 1, hi):
            item = items[i]
            if items[i - 1] > item:
                j = i
                while j > lo and items[j - 1] > item:
                    items[j] = items[j - 1]
                    j -= 1
                items[j] = item
        run_delay[run] = k + shortest
        run_end[run] = hi
        run += 1
        lo = hi
    return run


@kernel
def _runs_found(items: Ints, delays: Int32s, run_delay: Int32s, run_end: Int32s) -> int:
    """Find the runs of items ordered by delay, order each by slot; return how many there are."""
    run = 0
    lo = 0
    while lo < items.size:
        current = delays[items[lo] & _INDEX]
        hi = lo + 1
        while hi < items.size and delays[items[hi] & _INDEX] == current:
            hi += 1
        _settle(items, lo, hi)
        run_delay[run] = current
        run_end[run] = hi
        run += 1
        lo = hi
    return run


PACKED, SEPARATE, WEIGHTLESS = range(3)


@kernel
def _write(
    items: Ints, base: int, weights: Any, form: int, words: Any, targets: Any, values: Any
) -> None:
    """Write ordered items to slices of equal length (those that `form` uses)."""
    if form == PACKED:
        for i in range(items.size):
            item = items[i]
            weight = np.int64(weights[np.uintp(item & _INDEX)])
            words[i] = np.uint32(((weight & 0xFFFF) << 16) | ((item >> 32) - base))
    elif form == SEPARATE:
        for i in range(items.size):
            item = items[i]
            targets[i] = (item >> 32) - base
            values[i] = weights[np.uintp(item & _INDEX)]
    else:
        for i in range(items.size):
            targets[i] = (items[i] >> 32) - base


@kernel
def _write_runs(
    items: Ints, n_runs: int, run_delay: Int32s, run_end: Int32s, depth: int, at: Any, first: int,
    base: int, weights: Any, form: int, starts: Any, words: Any, targets: Any, values: Any,
) -> None:  # fmt: skip
    """Write the waves of one row: where each begins, and its runs, each after a header.

    at     : where the row begins in `words` or `targets`
    first  : where the tile begins there
    starts : (n_waves,) uint32, written   where each wave begins, from `first` on
    """
    wave = 0
    starts[0] = at - first
    lo = np.int64(0)
    for run in range(n_runs):
        delay = np.int64(run_delay[run])
        while delay > (wave + 1) * depth:
            wave += 1
            starts[wave] = at - first
        hi = np.int64(run_end[run])
        count = hi - lo
        if form == PACKED:
            words[at] = delay - wave * depth
            words[at + 1] = count
            at += PACKED_HEADER
        else:
            targets[at] = delay - wave * depth
            targets[at + 1] = count & 0xFFFF
            targets[at + 2] = count >> 16
            at += TARGET_HEADER
        _write(
            items[lo:hi], base, weights, form,
            words[at : at + count], targets[at : at + count], values[at : at + count],
        )  # fmt: skip
        at += count
        lo = hi
    while wave < starts.size - 1:
        wave += 1
        starts[wave] = at - first


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
    depth: int,
    bounds: Ints,
    row_start: Ints,
    run_start: Ints,
    header: int,
    buckets: Int32s,
    counters: Int32s,
    items: Ints,
    other: Ints,
    run_delay: Int32s,
    run_end: Int32s,
    form: int,
    n_waves: int,
    wave_start: Any,
    words: Any,
    targets: Any,
    values: Any,
) -> int:
    """Sort the rows of a chunk and write them to their places.

    lowest, highest     : int64                            range of the slots
    shortest, longest   : int64                            range of the delays
    depth               : int64                            delay steps of a wave
    row_start, run_start : (n_tiles, n_pre + 1) int64      synapses and runs before each row, over
                          all tiles
    header    : elements before each run
    buckets   : (min(highest - lowest, max(2 * longest row, 16)) + 3,) int32; scratch
    counters  : (max(257, min(longest - shortest, 4 * longest row + 64) + 2),) int32; scratch
    items, other, run_delay, run_end : as long as the longest row; scratch
    form      : PACKED: `words` written, weight << 16 | target; SEPARATE: `targets` and `values`;
                WEIGHTLESS: `targets` only
    wave_start : (n_tiles, n_pre * n_waves + 1) uint32, written   where each wave of each row
                begins in its tile
    words : uint32; targets : uint16; values : int32 or int64, as long as `targets`

    Returns the number of rows whose runs are not as many as were measured (0).
    """
    n_tiles = bounds.size - 1
    faults = 0
    span = longest - shortest + 1
    least = np.int32(shortest)
    for r in range(offsets.shape[1] - 1):
        row = first + r
        n = np.int64(0)  # a literal would have `_by_slot` compiled twice
        for p in range(offsets.shape[0]):
            n += offsets[p, r + 1] - offsets[p, r]
        if n > 0:
            _by_slot(n, offsets, r, slots, lowest, highest, bounds, buckets, items)
        begin = 0
        for t in range(n_tiles):
            length = row_start[t, row + 1] - row_start[t, row]
            part = items[begin : begin + length]
            begin += length
            n_runs = 0
            ordered = part
            if length == 0:
                pass
            elif span == 1:
                _settle(part, np.int64(0), length)
                run_delay[0] = least
                run_end[0] = length
                n_runs = 1
            elif span <= 4 * length + 64 and length > _FEW:
                ordered = other[:length]
                _by_delay(part, ordered, delays, shortest, span, counters)
                n_runs = _runs_counted(ordered, counters, span, shortest, run_delay, run_end)
            else:
                _by_delay_slowly(part, other, delays, shortest, longest, counters)
                n_runs = _runs_found(part, delays, run_delay, run_end)
            if n_runs != run_start[t, row + 1] - run_start[t, row]:
                faults += 1
                continue
            at = row_start[t, row] + header * run_start[t, row]
            tile = row_start[t, 0] + header * run_start[t, 0]
            _write_runs(
                ordered, n_runs, run_delay, run_end, depth, at, tile, bounds[t],
                weights, form, wave_start[t, row * n_waves : (row + 1) * n_waves], words, targets,
                values,
            )  # fmt: skip
    return faults
