"""The clock loop: every worker runs it, from the first step of a chunk to the last.

Workers are ordinary threads in one nogil function, kept in step by a barrier of two atomic
operations (measured: 0.2 to 0.4 microseconds for two; a parallel region of OpenMP costs 5 to 20).
Blocks of neurons and tiles of arrival slots are dealt out; a worker that is done with its share,
which then lies in its cache, takes from those of the others. Nothing that is computed depends on
who does it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from neurosim.kernels.delivery import VISITS, deliver
from neurosim.kernels.jit import (
    FLUSH,
    atomic_add,
    atomic_load,
    call_entry,
    float32_at,
    float64_at,
    int32_at,
    kernel,
    set_flushing,
    yield_processor,
)
from neurosim.kernels.plastic import deliver_all_plastic

# Places in `Team.shared`, a cache line apart: three words, then for each worker how often a block
# and a tile of its share was asked for.
ARRIVED, FAILED, WORKED, ASKED = 0, 8, 16, 24
FOR_BLOCKS, FOR_TILES = np.int64(0), np.int64(8)
ASKED_WIDTH = 16
SPINS = 4000
"""Reads of the barrier before a waiting worker offers its core to others (a few microseconds)."""

# Columns of `Recording.table`.
(
    V_ADDRESS, V_SINGLE, V_IDS, V_COUNT, V_EVERY, V_BUFFER, V_SAMPLES, V_MEAN, V_WIDTH,
) = range(9)  # fmt: skip

COMPLETE, FAILURE, LOG_FULL = 0, 1, 2
"""Why `advance` returned."""


class Team(NamedTuple):
    """Who does what.

    shared      : (ASKED + ASKED_WIDTH * n_workers,) int64   barrier, flags, what is taken
    block_share : (n_workers + 1,) int64   blocks of each worker
    tile_share  : (n_workers + 1,) int64   tiles of each worker
    """

    shared: Any
    block_share: Any
    tile_share: Any


class Blocks(NamedTuple):
    """Blocks of neurons and the entries that advance them.

    lo, hi       : (n_blocks,) int64   range within the population
    first_call   : (n_blocks,) int64   calls first_call .. last_call - 1 belong to the block
    last_call    : (n_blocks,) int64   the last of them returns the number of spikes
    first_gather, last_gather : (n_blocks,) int64   calls that read the state of other blocks at t
    call_address : (n_calls,) int64    see `kernels.jit.Entry`
    call_ctx     : (n_calls,) int64
    region       : (n_blocks,) int64   address of int32 ids of the last step's spikes
    kept         : (n_blocks,) int64   address of int32 ids of the spikes of all steps since the
                   last exchange; the same as `region` where that is one step
    count        : (n_blocks, window) int64, written   how many there are, by step
    failure      : (n_blocks,) int64, written   0, or what a call said that went wrong, ...
    failed_at    : (n_blocks,) int64, written   ... in the step that leads to this one
    copied       : (n_blocks,) int64, scratch
    stages       : (n_more, n_blocks, 3) int64   stages of a step before the last: calls [0] .. [1]
                   - 1 put the states where the next slopes are taken, [1] .. [2] - 1 read there
    """

    lo: Any
    hi: Any
    first_call: Any
    last_call: Any
    first_gather: Any
    last_gather: Any
    call_address: Any
    call_ctx: Any
    region: Any
    kept: Any
    count: Any
    failure: Any
    failed_at: Any
    copied: Any
    stages: Any
    gathers: bool


class Log(NamedTuple):
    """Spikes of the steps that may still have arrivals, and of this chunk.

    ids    : (capacity,) int32   global ids, by label, ascending within one
    start  : (n_labels + 1,) int64   spikes of label origin + j are ids[start[j]:start[j + 1]]
    origin : first label kept
    reserve : the most spikes that one step may emit
    """

    ids: Any
    start: Any
    origin: int
    reserve: int


@kernel
def wait(shared, n_workers, round_):
    """Wait until all workers have arrived at this place; returns the number of the next round."""
    if n_workers > 1:
        goal = (round_ + 1) * n_workers
        arrived = atomic_add(shared, ARRIVED, 1) + 1
        spins = 0
        while arrived < goal:
            spins += 1
            if spins > SPINS:
                yield_processor()
            arrived = atomic_load(shared, ARRIVED)
    return round_ + 1


@kernel
def take(shared, owner, what, share, n_workers, round_):
    """Take the next item of a worker's share; -1 if all are taken.

    what   : FOR_BLOCKS or FOR_TILES
    share  : (n_workers + 1,) int64   items of each worker
    round_ : number of steps before this one. In each, every worker asks until there is nothing
             left: `n_workers` times more often than there are items.
    """
    n = share[owner + 1] - share[owner]
    asked = atomic_add(shared, ASKED + ASKED_WIDTH * owner + what, 1) - round_ * (n + n_workers)
    return share[owner] + asked if asked < n else np.int64(-1)


@kernel
def sample(recording, step, chunk_first):
    """Copy the recorded states at the end of `step` into their buffers.

    recording   : (n, V_WIDTH) int64   see the V_ columns; V_SAMPLES is advanced
    chunk_first : first step of this call of `Session.run`: samples lie `every` steps apart from it
    """
    for v in range(recording.shape[0]):
        every = recording[v, V_EVERY]
        if (step + 1 - chunk_first) % every != 0:
            continue
        count = recording[v, V_COUNT]
        index = int32_at(recording[v, V_IDS], count)
        at = recording[v, V_SAMPLES]
        single = recording[v, V_SINGLE] != 0
        row64 = float64_at(recording[v, V_ADDRESS], 1 << 40)
        row32 = float32_at(recording[v, V_ADDRESS], 1 << 40)
        if recording[v, V_MEAN] != 0:
            out = float64_at(recording[v, V_BUFFER], at + 1)
            total = 0.0
            for k in range(count):
                total += np.float64(row32[index[k]]) if single else row64[index[k]]
            out[at] = total / count
        else:
            out = float64_at(recording[v, V_BUFFER], (at + 1) * count)
            for k in range(count):
                value = np.float64(row32[index[k]]) if single else row64[index[k]]
                out[at * count + k] = value
        recording[v, V_SAMPLES] = at + 1


@kernel
def steps_together(step, last_step, window, recording, run_first, room):
    """Return how many steps neurons may advance before spikes are exchanged.

    window : how many the delays allow
    room   : for how many the log has room
    No recorded state lies within them but at their end.
    """
    together = min(last_step - step, window, room)
    for v in range(recording.shape[0]):
        every = recording[v, V_EVERY]
        together = min(together, every - (step - run_first) % every)
    return together


@kernel
def advance_stage(blocks, b, stage, which, step, shared):
    """Take a block to a stage within the step (`which` = 0), or read coupling there (1)."""
    for c in range(blocks.stages[stage, b, which], blocks.stages[stage, b, which + 1]):
        found = call_entry(
            blocks.call_address[c], blocks.call_ctx[c], blocks.lo[b], blocks.hi[b], step
        )
        if found < 0:
            blocks.failure[b] = found
            blocks.failed_at[b] = step + 1
            atomic_add(shared, FAILED, 1)


@kernel
def advance_block(blocks, b, step, together, shared):
    """Advance a block by some steps, and keep its spikes, step after step."""
    at = np.int64(0)
    several = blocks.count.shape[1] > 1
    for later in range(together):
        spikes = np.int64(0)
        for c in range(blocks.first_call[b], blocks.last_call[b]):
            spikes = call_entry(
                blocks.call_address[c], blocks.call_ctx[c], blocks.lo[b], blocks.hi[b], step + later
            )
        if spikes < 0:
            blocks.failure[b] = spikes
            blocks.failed_at[b] = step + later + 1
            atomic_add(shared, FAILED, 1)
            break
        blocks.count[b, later] = spikes
        if several:
            region = int32_at(blocks.region[b], spikes)
            kept = int32_at(blocks.kept[b], at + spikes)
            for k in range(spikes):
                kept[at + k] = region[k]
        at += spikes


@kernel
def advance(
    worker, n_workers, first_step, last_step, run_first, team, blocks, delivery, plastic, log,
    recording, accumulator, n_slots,
):  # fmt: skip
    """Advance the network by the steps first_step .. last_step - 1.

    Every worker calls this with the same arguments but for `worker`.

    run_first   : first step of the call of `Session.run` this chunk belongs to
    recording   : (n, V_WIDTH) int64, written by worker 0
    accumulator : (rows_due * n_slots,) int64 or int32

    Spikes are exchanged after as many steps as the shortest delay allows (`Blocks.count` has a
    column for each): until then no neuron can tell another anything.

    Returns (reason, next step): COMPLETE; FAILURE when a block reported a state that is not
    finite in the step before `next step`; LOG_FULL when the log could not take another step.
    """
    round_ = np.int64(0)
    visits = np.empty((VISITS, 4), np.int64)
    control = set_flushing(np.int32(FLUSH))
    shared = team.shared
    my_first = team.block_share[worker]
    my_last = team.block_share[worker + 1]
    n_blocks = blocks.lo.size
    used = log.start[first_step + 1 - log.origin]
    reason = COMPLETE
    step = first_step
    done = np.int64(0)
    if last_step > first_step:
        atomic_add(shared, WORKED, 1)
    while step < last_step:
        room = (log.ids.size - used) // log.reserve
        if room < 1:
            reason = LOG_FULL
            break
        together = steps_together(
            step, last_step, blocks.count.shape[1], recording, run_first, room
        )
        if blocks.gathers:
            for b in range(my_first, my_last):
                for c in range(blocks.first_gather[b], blocks.last_gather[b]):
                    call_entry(
                        blocks.call_address[c], blocks.call_ctx[c], blocks.lo[b], blocks.hi[b], step
                    )
            round_ = wait(shared, n_workers, round_)
        for stage in range(blocks.stages.shape[0]):
            for which in range(2):
                for b in range(my_first, my_last):
                    advance_stage(blocks, b, stage, which, step, shared)
                round_ = wait(shared, n_workers, round_)

        for turn in range(n_workers):
            owner = (worker + turn) % n_workers
            b = take(shared, owner, FOR_BLOCKS, team.block_share, n_workers, done)
            while b >= 0:
                advance_block(blocks, b, step, together, shared)
                b = take(shared, owner, FOR_BLOCKS, team.block_share, n_workers, done)
        round_ = wait(shared, n_workers, round_)

        label = step + 1
        if atomic_load(shared, FAILED) != 0:
            reason = FAILURE
            step += together
            for b in range(n_blocks):
                if blocks.failure[b] != 0:
                    step = min(step, blocks.failed_at[b])
            break
        step += together

        # Keep what was emitted; each worker copies its own blocks, in the order of blocks.
        for b in range(my_first, my_last):
            blocks.copied[b] = 0
        for later in range(together):
            total = np.int64(0)
            for b in range(n_blocks):
                count = blocks.count[b, later]
                if my_first <= b < my_last and count > 0:
                    first = blocks.copied[b]
                    kept = int32_at(blocks.kept[b], first + count)
                    for k in range(count):
                        log.ids[used + total + k] = kept[first + k]
                    blocks.copied[b] = first + count
                total += count
            used += total
            if worker == 0:
                log.start[label + later + 1 - log.origin] = used
        if worker == 0:
            sample(recording, step - 1, run_first)

        round_ = wait(shared, n_workers, round_)
        for turn in range(n_workers):
            owner = (worker + turn) % n_workers
            tile = take(shared, owner, FOR_TILES, team.tile_share, n_workers, done)
            while tile >= 0:
                for later in range(together):
                    deliver(
                        accumulator, n_slots, delivery, tile, label + later, log.ids, log.start,
                        log.origin, visits,
                    )  # fmt: skip
                    deliver_all_plastic(
                        plastic, tile, label + later, log.ids, log.start, log.origin, shared, FAILED
                    )
                tile = take(shared, owner, FOR_TILES, team.tile_share, n_workers, done)
        done += 1
        round_ = wait(shared, n_workers, round_)
    if reason == COMPLETE and atomic_load(shared, FAILED) != 0:
        reason = FAILURE  # of plastic synapses, in the last step
    set_flushing(control)
    return reason, step
