"""Spike delivery: rows of synapses, sorted by delay, added into an integer accumulator.

The cost of a large network is moving synapses through the cache, so the layout decides
everything: one contiguous row per source and tile of targets, one contiguous run per delay within
it. Integer sums do not depend on their order, therefore neither on threads nor tiles.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from neurosim.kernels.jit import (
    int32_at,
    int64_at,
    kernel,
    uint16_at,
    uint32_at,
)
from neurosim.kernels.random import philox4x32

# Columns of `Delivery.bundle`.
B_FIRST_ID, B_LAST_ID, B_MAP, B_FORMAT, B_CONSTANT, B_WAVES, B_RELEASE, B_SHIFT, B_WIDTH = range(9)
# Columns of `Delivery.rows`: addresses of the arrays of one bundle and tile.
R_ROW, R_RUN, R_DELAY, R_END, R_WAVE, R_TARGET, R_WEIGHT, R_WIDTH = range(8)

CONSTANT, FULL_64, FULL_32, FIXED16 = range(4)
"""Synapse formats: one weight for all; an int64 or int32 each; 16 bits beside the target's 16."""


class Delivery(NamedTuple):
    """What delivery reads.

    B_MAP is 0 where ids first .. last are rows 0 .. last - first, else the address of their rows
    (-1: none); B_RELEASE is -1 for reliable synapses, else their probability times 2^32.

    tile_first : (n_tiles + 1,) int64   first arrival slot of each tile
    bundle     : (n_bundles, B_WIDTH) int64   see the B_ columns
    rows       : (n_bundles, n_tiles, R_WIDTH) int64   addresses, see the R_ columns
    wave_steps : G, the number of delay steps delivered per visit; the accumulator has G rows
    key        : (2,) uint32   seed of unreliable release
    """

    tile_first: Any
    bundle: Any
    rows: Any
    wave_steps: int
    key: Any


@kernel
def first_runs_of_waves(run_start, run_delay, wave_steps, wave):
    """Note where each wave begins within each row.

    run_start  : (n_rows + 1,) int64   first run of each row
    run_delay  : (n_runs,) int32       delay of each run, ascending within a row [steps]
    wave_steps : G; wave j covers the delays j G + 1 .. (j + 1) G
    wave       : (n_rows, n_waves + 1) int32, written   first run of each wave, from the row's first
    """
    for row in range(wave.shape[0]):
        run = run_start[row]
        for j in range(wave.shape[1]):
            while run < run_start[row + 1] and run_delay[run] <= j * wave_steps:
                run += 1
            wave[row, j] = run - run_start[row]


@kernel
def deliver(accumulator, n_slots, delivery, bundle, tile, wave, label, ids, first, last):
    """Deliver one wave of the spikes ids[first:last], which carry `label`, into one tile.

    accumulator : (G * n_slots,) int64 or int32, added to   arrivals due, by step and slot
    label       : step at which these spikes were emitted
    ids         : int32   global ids, ascending, repeats allowed
    """
    info = delivery.bundle[bundle]
    table = delivery.rows[bundle, tile]
    first_id = info[B_FIRST_ID]
    last_id = info[B_LAST_ID]
    n_rows = last_id - first_id + 1
    synapse_format = info[B_FORMAT]
    constant = info[B_CONSTANT]
    shift = info[B_SHIFT]
    n_waves = info[B_WAVES]
    depth = delivery.wave_steps
    tile_first = delivery.tile_first[tile]
    # The delays of a wave are wave * depth + 1 .. (wave + 1) * depth: where they fall in the ring
    # of `depth` steps takes no division, which would cost as much as ten synapses.
    now = label % depth - wave * depth

    row_map = int32_at(info[B_MAP], n_rows if info[B_MAP] != 0 else 0)
    # Lengths only serve bounds that nobody checks: the addresses are what counts.
    row_start = int64_at(table[R_ROW], n_rows + 1)
    run_start = int64_at(table[R_RUN], n_rows + 1)
    run_delay = int32_at(table[R_DELAY], 1 << 62)
    run_end = uint32_at(table[R_END], 1 << 62)
    wave_start = int32_at(table[R_WAVE], 1 << 62)
    target = uint16_at(table[R_TARGET], 1 << 62)
    weight64 = int64_at(table[R_WEIGHT], 1 << 62)
    weight32 = int32_at(table[R_WEIGHT], 1 << 62)
    word = uint32_at(table[R_TARGET], 1 << 62)

    repeat = 0
    for s in range(first, last):
        source = np.int64(ids[s])
        if source < first_id or source > last_id:
            continue
        repeat = repeat + 1 if s > first and ids[s - 1] == ids[s] else 0
        row = source - first_id
        if info[B_MAP] != 0:
            row = np.int64(row_map[row])
            if row < 0:
                continue
        origin = row_start[row]
        run0 = run_start[row]
        run = run0
        stop = run_start[row + 1]
        if n_waves > 1:
            run = run0 + wave_start[row * (n_waves + 1) + wave]
            stop = run0 + wave_start[row * (n_waves + 1) + wave + 1]
        for r in range(run, stop):
            begin = origin
            if r > run0:
                begin = origin + np.int64(run_end[r - 1])
            end = origin + np.int64(run_end[r])
            delay = np.int64(run_delay[r])
            due = now + delay
            if due >= depth:
                due -= depth
            base = due * n_slots + tile_first
            if info[B_RELEASE] >= 0:
                deliver_unreliably(
                    accumulator, base, tile_first, target, weight64, weight32, word,
                    synapse_format, constant, shift, begin, end,
                    info[B_RELEASE], source, label, delay, repeat, delivery.key,
                )  # fmt: skip
            elif synapse_format == CONSTANT:
                for k in range(begin, end):
                    accumulator[base + np.int64(target[k])] += constant
            elif synapse_format == FIXED16:
                for k in range(begin, end):
                    synapse = word[k]
                    slot = base + np.int64(synapse & np.uint32(0xFFFF))
                    accumulator[slot] += np.int64(np.int32(synapse) >> 16) << shift
            elif synapse_format == FULL_32:
                for k in range(begin, end):
                    accumulator[base + np.int64(target[k])] += weight32[k]
            else:
                for k in range(begin, end):
                    accumulator[base + np.int64(target[k])] += weight64[k]


@kernel
def deliver_unreliably(
    accumulator, base, tile_first, target, weight64, weight32, word,
    synapse_format, constant, shift, begin, end,
    release, source, label, delay, repeat, key,
):  # fmt: skip
    """Deliver one run of synapses, each of which lets the spike pass with a probability.

    release : int64   probability in units of 2^-32
    The draw of a synapse is a function of source, target slot, delay, its rank among identical
    synapses, the step, and the rank of the spike among repeats: of nothing that tiles decide.
    """
    rank = 0
    previous = np.int64(-1)
    for k in range(begin, end):
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
        drawn = philox4x32(source, tile_first + place, label, what, key[0], key[1])
        if np.int64(drawn[0]) < release:
            accumulator[base + place] += weight
