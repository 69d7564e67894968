"""Spike delivery: rows of synapses, sorted by delay, added into an integer accumulator.

The cost of a large network is moving synapses through the cache, so the layout decides
everything. What one source sends to one tile of targets is one contiguous *row*; a row is a
sequence of *waves* of G delay steps each, a wave a sequence of *runs* of one delay, a run a header
and its synapses. One table says where every wave of every row begins: a visit to a wave costs one
look into that table and one stretch of memory. Integer sums do not depend on their order,
therefore neither on threads nor tiles.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from neurosim.kernels.jit import (
    int32_at,
    int64_at,
    kernel,
    prefetch,
    uint16_at,
    uint32_at,
)
from neurosim.kernels.random import philox4x32

# Columns of `Delivery.bundle`.
B_FIRST_ID, B_LAST_ID, B_MAP, B_FORMAT, B_CONSTANT, B_WAVES, B_RELEASE, B_SHIFT, B_WIDTH = range(9)
# Columns of `Delivery.rows`: addresses of the arrays of one bundle and tile.
R_WAVE, R_STREAM, R_WEIGHT, R_WIDTH = range(4)

CONSTANT, FULL_64, FULL_32, FIXED16 = range(4)
"""Synapse formats: one weight for all; an int64 or int32 each; 16 bits beside the target's 16."""

PACKED_HEADER = 2
"""uint32 before a run of packed synapses: delay within the wave, number of synapses."""

TARGET_HEADER = 3
"""uint16 before a run of targets: delay within the wave, low and high half of their number."""

VISITS = 256
"""Visits prepared at once: the first lines of their rows wait in the L1 cache meanwhile."""

AHEAD = 2
"""How many visits ahead rows are asked for: one is over before memory has answered."""

LINE = 64
"""Bytes of a cache line; only a hint depends on it."""


class Delivery(NamedTuple):
    """What delivery reads.

    B_MAP is 0 where ids first .. last are rows 0 .. last - first, else the address of their rows
    (-1: none); B_RELEASE is -1 for reliable synapses, else their probability times 2^32.

    tile_first : (n_tiles + 1,) int64   first arrival slot of each tile
    bundle     : (n_bundles, B_WIDTH) int64   see the B_ columns
    rows       : (n_bundles, n_tiles, R_WIDTH) int64   addresses, see the R_ columns
    wave_steps : G, the number of delay steps delivered per visit
    lead       : steps by which waves beyond the first are delivered before their turn
    rows_due   : rows of the accumulator: G, and `lead` more where there are later waves
    key        : (2,) uint32   seed of unreliable release
    slot_name  : (n_slots,) int32   number of a slot that tiles do not decide; empty where all
                 synapses are reliable
    """

    tile_first: Any
    bundle: Any
    rows: Any
    wave_steps: int
    lead: int
    rows_due: int
    key: Any
    slot_name: Any


@kernel
def first_not_below(ids, first, last, value):
    """Return the first place in the ascending ids[first:last] whose id is not below `value`."""
    while first < last:
        middle = (first + last) >> 1
        if ids[middle] < value:
            first = middle + 1
        else:
            last = middle
    return first


@kernel
def emitted_at(delivery, label, wave):
    """Return the label of the spikes whose wave is delivered at the end of the step `label`."""
    return label - wave * delivery.wave_steps + (delivery.lead if wave > 0 else 0)


@kernel
def deliver(accumulator, n_slots, delivery, tile, label, ids, start, origin, visits):
    """Deliver into one tile what is due for delivery at the end of the step `label`.

    That is wave 0 of the spikes that carry this label, wave 1 of those that are G steps older, ...
    Delays of a wave are told from its own beginning: they count from now. Where neurons advance
    several steps between two exchanges of spikes, what is due in all of them has to be there
    before; later waves are therefore delivered `lead` steps early, and count from then.

    accumulator : (rows_due * n_slots,) int64 or int32, added to   arrivals due, by step and slot
    ids         : int32   global ids, by label, ascending within one, repeats allowed
    start       : int64   spikes of label origin + j are ids[start[j]:start[j + 1]]
    origin      : first label kept
    visits      : (VISITS, 4) int64, scratch
    """
    for bundle in range(delivery.bundle.shape[0]):
        info = delivery.bundle[bundle]
        first_id = info[B_FIRST_ID]
        last_id = info[B_LAST_ID]
        n_waves = info[B_WAVES]
        packed = info[B_FORMAT] == FIXED16
        table = delivery.rows[bundle, tile]
        row_map = int32_at(info[B_MAP], last_id - first_id + 1 if info[B_MAP] != 0 else 0)
        # Lengths only serve bounds that nobody checks: the addresses are what counts.
        wave_start = uint32_at(table[R_WAVE], 1 << 62)
        stream = uint16_at(table[R_STREAM], 1 << 62)
        n_visits = np.int64(0)  # a literal would have `make_visits` compiled twice
        for wave in range(n_waves):
            emitted = emitted_at(delivery, label, wave)
            if emitted < origin:
                break
            last = start[emitted + 1 - origin]
            s = first_not_below(ids, start[emitted - origin], last, first_id)
            repeat = 0
            previous = np.int64(-1)
            while s < last:
                source = np.int64(ids[s])
                if source > last_id:
                    break
                repeat = repeat + 1 if source == previous else 0
                previous = source
                row = source - first_id
                if info[B_MAP] != 0:
                    row = np.int64(row_map[row])
                s += 1
                if row < 0:
                    continue
                at = row * n_waves + wave
                begin = np.int64(wave_start[at])
                end = np.int64(wave_start[at + 1])
                if begin == end:
                    continue
                prefetch(stream, begin << 1 if packed else begin)
                visits[n_visits, 0] = begin
                visits[n_visits, 1] = end
                visits[n_visits, 2] = source
                visits[n_visits, 3] = (wave << 32) | repeat
                n_visits += 1
                if n_visits == VISITS:
                    make_visits(
                        accumulator, n_slots, delivery, info, table, tile, label, visits, n_visits
                    )
                    n_visits = np.int64(0)
        make_visits(accumulator, n_slots, delivery, info, table, tile, label, visits, n_visits)


@kernel
def make_visits(
    accumulator: Any, n_slots: Any, delivery: Any, info: Any, table: Any, tile: Any, label: Any,
    visits: Any, n_visits: Any,
) -> None:  # fmt: skip
    """Deliver visits[:n_visits]: begin and end in the stream, source, wave << 32 | repeat."""
    rows_due = delivery.rows_due
    tile_first = delivery.tile_first[tile]
    now_first = label % rows_due
    now_later = (label + delivery.lead) % rows_due
    synapse_format = info[B_FORMAT]
    packed = synapse_format == FIXED16
    wide = 2 if packed else 1
    constant = info[B_CONSTANT]
    shift = info[B_SHIFT]
    stream = table[R_STREAM]
    weights = table[R_WEIGHT]
    everything = uint16_at(stream, 1 << 62)
    for v in range(n_visits):
        begin = visits[v, 0]
        end = visits[v, 1]
        wave = visits[v, 3] >> 32
        now = now_first if wave == 0 else now_later
        # What a later visit reads is asked for little by little, run by run of this one: all at
        # once it would fill the queue that the accumulator's own misses wait in (measured: 20 %).
        ahead = np.int64(0)
        ahead_end = np.int64(0)
        if v + AHEAD < n_visits:
            ahead = visits[v + AHEAD, 0] * wide + LINE // 2
            ahead_end = visits[v + AHEAD, 1] * wide
        at = begin
        while at < end:
            # Views of a run, walked through from 0: an index that might be negative, for all the
            # compiler knows, costs three instructions at every access (seen in the machine code).
            if packed:
                header = uint32_at(stream + 4 * at, PACKED_HEADER)
                delay = np.int64(header[0])
                count = np.int64(header[1])
                at += PACKED_HEADER
            else:
                half = uint16_at(stream + 2 * at, TARGET_HEADER)
                delay = np.int64(half[0])
                count = np.int64(half[1]) | (np.int64(half[2]) << 16)
                at += TARGET_HEADER
            asked = min(ahead + count * wide, ahead_end)
            while ahead < asked:
                prefetch(everything, ahead)
                ahead += LINE // 2
            due = now + delay
            if due >= rows_due:
                due -= rows_due
            base = np.uintp(due * n_slots + tile_first)
            if info[B_RELEASE] >= 0:
                deliver_unreliably(
                    accumulator, due * n_slots + tile_first, tile_first, stream, weights,
                    synapse_format, constant, shift, at, count, info[B_RELEASE], visits[v, 2],
                    emitted_at(delivery, label, wave), wave * delivery.wave_steps + delay,
                    visits[v, 3] & 0xFFFFFFFF, delivery.key, delivery.slot_name,
                )  # fmt: skip
            elif packed:
                word = uint32_at(stream + 4 * at, count)
                for k in range(count):
                    synapse = word[k]
                    slot = base + np.uintp(synapse & np.uint32(0xFFFF))
                    accumulator[slot] += np.int64(np.int32(synapse) >> 16) << shift
            else:
                target = uint16_at(stream + 2 * at, count)
                if synapse_format == CONSTANT:
                    for k in range(count):
                        accumulator[base + np.uintp(target[k])] += constant
                elif synapse_format == FULL_32:
                    weight32 = int32_at(weights + 4 * at, count)
                    for k in range(count):
                        accumulator[base + np.uintp(target[k])] += weight32[k]
                else:
                    weight64 = int64_at(weights + 8 * at, count)
                    for k in range(count):
                        accumulator[base + np.uintp(target[k])] += weight64[k]
            at += count


@kernel
def deliver_unreliably(
    accumulator, base, tile_first, stream, weights, synapse_format, constant, shift, at, count,
    release, source, label, delay, repeat, key, slot_name,
):  # fmt: skip
    """Deliver one run of synapses, each of which lets the spike pass with a probability.

    stream, weights : addresses; the run is elements at .. at + count - 1

    release : int64   probability in units of 2^-32
    The draw of a synapse is a function of source, target slot, delay, its rank among identical
    synapses, the step, and the rank of the spike among repeats: of nothing that tiles decide.
    """
    word = uint32_at(stream + 4 * at, count)
    target = uint16_at(stream + 2 * at, count)
    weight32 = int32_at(weights + 4 * at, count)
    weight64 = int64_at(weights + 8 * at, count)
    rank = 0
    previous = np.int64(-1)
    for k in range(count):
        if synapse_format == FIXED16:
            place = np.int64(word[k] & np.uint32(0xFFFF))
            weight = np.int64(np.int32(word[k]) >> 16) << shift
        else:
            place = np.int64(target[k])
            if synapse_format == CONSTANT:
                weight = np.int64(constant)
            elif synapse_format == FULL_32:
                weight = np.int64(weight32[k])
            else:
                weight = weight64[k]
        rank = rank + 1 if place == previous else 0
        previous = place
        what = ((delay & 0xFFFF) << 16) | ((rank & 0xFF) << 8) | (repeat & 0xFF)
        slot = np.int64(slot_name[tile_first + place])
        drawn = philox4x32(source, slot, label, what, key[0], key[1])
        if np.int64(drawn[0]) < release:
            accumulator[base + place] += weight
