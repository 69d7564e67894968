"""Plastic synapses: what happens around the code of a rule.

A synapse is touched when its presynaptic neuron spikes. What its postsynaptic neuron has done since
the last time stands in an archive, one ring of entries per postsynaptic neuron: the label of each
spike, and its variables just after it. Where a ring is full, the synapses of sources that have been
silent are brought up to date. That changes no bit of any result: variables change at spikes only,
whenever they are looked at.

The code of a rule (`neurosim.engine.plastic_kernels`) is an entry with two tasks: to visit rows of
synapses (lo .. hi - 1 of the list of visits), and, with lo = -1, to archive a spike of the neuron
hi.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from neurosim.kernels.delivery import TARGET_HEADER, first_not_below
from neurosim.kernels.jit import (
    FLUSH,
    atomic_add,
    call_entry,
    float64_at,
    int32_at,
    int64_at,
    kernel,
    set_flushing,
    uint32_at,
)

# Columns of a list of visits.
V_ROW, V_BEGIN, V_END, V_OCCASION, V_NOW, V_BOUND, VISIT_WIDTH = range(7)
# What a visit is for.
CATCH_UP, PRE_SPIKE, SIGNAL = 0, 1, 2

VISITS = 256
"""Visits that are listed before they are made."""

# Columns of `Plastic.part`: one row per projection and tile.
(
    P_ADDRESS, P_CONTEXT, P_FIRST_ID, P_LAST_ID, P_MAP, P_ROWS, P_WAVES, P_WAVE_START, P_DONE,
    P_VISITS, P_AXONAL, P_INCLUSIVE, P_POST_FIRST, P_POST_LAST, P_POST_MAP, P_RECENT, P_ARCHIVE,
    P_ROOM, P_ENTRY, P_LONGEST, P_STATUS, P_RECORD, P_WIDTH,
) = range(23)  # fmt: skip
# Places in the status of a part.
S_SAFE, S_FAILURE, S_LABEL, S_WHERE, S_LEARNING, S_CAUGHT_UP, S_SIZE = range(7)

FINE, TOO_LARGE, NO_ROOM = 0, -1, -2
"""Status of a part: an effect beyond its bound, or no number; an archive that is too short."""

NEVER = 1 << 60
"""Label up to which rows without synapses are up to date."""


class Plastic(NamedTuple):
    """All plastic projections.

    part : (n_projections, n_tiles, P_WIDTH) int64   see the P_ columns
    """

    part: Any


@kernel
def list_visit(visits, n, start, row, occasion, now, bound):
    """Write the visit of a row (or a wave of it) to place n of the list."""
    visits[n, V_ROW] = row
    visits[n, V_BEGIN] = np.int64(start[row])
    visits[n, V_END] = np.int64(start[row + 1])
    visits[n, V_OCCASION] = occasion
    visits[n, V_NOW] = now
    visits[n, V_BOUND] = bound


@kernel
def make_visits(part, visits, n, label):
    """Visit the first `n` rows of the list; returns what the code of the rule said."""
    code = np.int64(0)
    if n > 0:
        code = call_entry(part[P_ADDRESS], part[P_CONTEXT], 0, n, label)
        done = int64_at(part[P_DONE], part[P_ROWS] * part[P_WAVES])
        for v in range(n):
            row = visits[v, V_ROW]
            done[row] = max(done[row], visits[v, V_BOUND])
        status = int64_at(part[P_STATUS], S_SIZE)
        if code < 0 and status[S_FAILURE] == 0:
            status[S_FAILURE] = code
            status[S_LABEL] = label
    return code


@kernel
def visit_all(part, before, bound, occasion, label):
    """Visit all rows that are not up to date at the label `before`; they then are at `bound`."""
    visits = int64_at(part[P_VISITS], VISITS * VISIT_WIDTH).reshape((VISITS, VISIT_WIDTH))
    n_rows = part[P_ROWS] * part[P_WAVES]
    done = int64_at(part[P_DONE], n_rows)
    start = uint32_at(part[P_WAVE_START], n_rows + 1)
    n = np.int64(0)
    code = np.int64(0)
    for row in range(n_rows):
        if done[row] >= before:
            continue
        list_visit(visits, n, start, row, occasion, label, bound)
        n += 1
        if n == VISITS:
            code = min(code, make_visits(part, visits, n, label))
            n = np.int64(0)
    return min(code, make_visits(part, visits, n, label))


@kernel
def catch_up(part, label):
    """Bring all synapses of a part up to date after the step `label`; returns a status."""
    control = set_flushing(FLUSH)
    code = visit_all(part, label, label, CATCH_UP, label)
    set_flushing(control)
    return code


@kernel
def signal(part, label):
    """Let the signal that stands in the context reach all synapses of a part."""
    code = catch_up(part, label)
    control = set_flushing(FLUSH)
    code = min(code, visit_all(part, NEVER, label, SIGNAL, label))
    set_flushing(control)
    return code


@kernel
def earliest_done(part):
    """Return the label up to which all rows are up to date."""
    n_rows = part[P_ROWS] * part[P_WAVES]
    done = int64_at(part[P_DONE], n_rows)
    least = np.int64(NEVER)
    for row in range(n_rows):
        least = min(least, done[row])
    return least


@kernel
def make_room(part, neuron, label):
    """See to it that the oldest entry of a neuron's archive is needed no more.

    The oldest goes when all synapses know of the one after it, which is then what variables are
    taken from.
    """
    room = part[P_ROOM]
    width = part[P_ENTRY]
    count = np.int64(int32_at(part[P_RECENT] + part[P_RECORD] * neuron, 1)[0])
    if count < room:
        return FINE
    entries = float64_at(part[P_ARCHIVE] + 8 * neuron * room * width, room * width)
    next_oldest = np.int64(entries[((count - room + 1) & (room - 1)) * width])
    needed = next_oldest + part[P_LONGEST]
    status = int64_at(part[P_STATUS], S_SIZE)
    if status[S_SAFE] > needed:
        return FINE
    status[S_SAFE] = earliest_done(part)
    if status[S_SAFE] > needed:
        return FINE
    # Half of the ring at once, so that the next time is not soon.
    middle = np.int64(entries[((count - room // 2) & (room - 1)) * width])
    before = min(middle + part[P_LONGEST] + 1, label - 1)
    code = visit_all(part, max(before, needed + 1), label - 1, CATCH_UP, label)
    status[S_CAUGHT_UP] += 1
    status[S_SAFE] = earliest_done(part)
    if code < 0:
        return code
    return FINE if status[S_SAFE] > needed else NO_ROOM


@kernel
def archive(part, label, ids, first, last):
    """Archive the spikes ids[first:last] of the label of postsynaptic neurons in this part."""
    known = int32_at(part[P_POST_MAP], part[P_POST_LAST] - part[P_POST_FIRST] + 1)
    status = int64_at(part[P_STATUS], S_SIZE)
    s = first_not_below(ids, first, last, part[P_POST_FIRST])
    while s < last and ids[s] <= part[P_POST_LAST]:
        neuron = np.int64(known[ids[s] - part[P_POST_FIRST]])
        if neuron >= 0:
            code = make_room(part, neuron, label)
            if code < 0:
                if status[S_FAILURE] == 0:
                    status[S_FAILURE] = code
                    status[S_LABEL] = label
                    status[S_WHERE] = ids[s]
                return code
            call_entry(part[P_ADDRESS], part[P_CONTEXT], np.int64(-1), neuron, label)
        s += 1
    return FINE


@kernel
def deliver_plastic(part, label, ids, start, origin):
    """Do what is due in one part at the end of the step `label`.

    Dendritic delays: the spikes of this label visit their whole rows. Axonal ones: those of
    the label that is d - 1 steps back visit the synapses of delay d, where they arrive at
    label + 1.

    ids, start, origin : see `neurosim.kernels.delivery.deliver`
    """
    code = np.int64(FINE)
    if part[P_POST_MAP] != 0:
        begin = start[label - origin]
        code = archive(part, label, ids, begin, start[label + 1 - origin])
        if code < 0:
            return code
    visits = int64_at(part[P_VISITS], VISITS * VISIT_WIDTH).reshape((VISITS, VISIT_WIDTH))
    first_id = part[P_FIRST_ID]
    last_id = part[P_LAST_ID]
    n_waves = part[P_WAVES]
    row_map = int32_at(part[P_MAP], last_id - first_id + 1 if part[P_MAP] != 0 else 0)
    wave_start = uint32_at(part[P_WAVE_START], part[P_ROWS] * n_waves + 1)
    now = label + part[P_AXONAL]
    bound = now if part[P_INCLUSIVE] != 0 else now - 1
    n = np.int64(0)
    for wave in range(n_waves):
        emitted = label - wave
        if emitted < origin:
            break
        last = start[emitted + 1 - origin]
        s = first_not_below(ids, start[emitted - origin], last, first_id)
        while s < last and ids[s] <= last_id:
            row = np.int64(ids[s]) - first_id
            if part[P_MAP] != 0:
                row = np.int64(row_map[row])
            s += 1
            if row < 0:
                continue
            at = row * n_waves + wave
            if wave_start[at] == wave_start[at + 1]:
                continue
            list_visit(visits, n, wave_start, at, PRE_SPIKE, now, bound)
            n += 1
            if n == VISITS:
                code = min(code, make_visits(part, visits, n, label))
                n = np.int64(0)
    return min(code, make_visits(part, visits, n, label))


@kernel
def deliver_all_plastic(plastic, tile, label, ids, start, origin, shared, failed):
    """Do what is due in one tile in all plastic projections; failures are told to all workers."""
    for p in range(plastic.part.shape[0]):
        if deliver_plastic(plastic.part[p, tile], label, ids, start, origin) < 0:
            atomic_add(shared, failed, 1)


@kernel
def list_synapses(wave_start, stream, n_rows, n_waves, row, slot, delay, place):
    """Tell of each synapse of a tile its row, slot, delay [steps] and place in the stream."""
    n = 0
    for at_row in range(n_rows * n_waves):
        at = np.int64(wave_start[at_row])
        end = np.int64(wave_start[at_row + 1])
        while at < end:
            here = np.int64(stream[at]) + at_row % n_waves
            count = np.int64(stream[at + 1]) | (np.int64(stream[at + 2]) << 16)
            at += TARGET_HEADER
            for k in range(count):
                row[n] = at_row // n_waves
                slot[n] = stream[at + k]
                delay[n] = here
                place[n] = at + k
                n += 1
            at += count
    return n
