"""Plastic synapses: what happens around the code of a rule.

A synapse is touched when its presynaptic neuron spikes. What its postsynaptic neuron has done since
the last time stands in an archive, one ring of entries per postsynaptic neuron: the label of each
spike, and its variables just after it. Where a ring is full, the synapses of sources that have been
silent are brought up to date. That changes no bit of any result: variables change at spikes only,
whenever they are looked at.

What follows the membrane or the modulators is advanced in every step, once for a neuron, and kept
for one step; spikes in the archive stand beside what it was at each. Rules that say what every step
does have all their rows visited at its end.

The code of a rule (`neurosim.engine.plastic_kernels`) is an entry with three tasks: to visit rows
of synapses (lo .. hi - 1 of the list of visits); with lo = -1, to archive a spike of the neuron hi;
with lo = -2, to advance what is followed (hi = 1), or to look at the states again (hi = 0).
"""

from __future__ import annotations

import numpy as np

from neurosim.kernels.delivery import TARGET_HEADER, first_not_below
from neurosim.kernels.functions import exp_double
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
CATCH_UP, PRE_SPIKE, SIGNAL, STEP, MODULATED = range(5)

VISITS = 256
"""Visits that are listed before they are made."""

# Columns of what is known of a part: one projection in one tile.
(
    P_ADDRESS, P_CONTEXT, P_FIRST_ID, P_LAST_ID, P_MAP, P_ROWS, P_WAVES, P_WAVE_START, P_DONE,
    P_VISITS, P_AXONAL, P_INCLUSIVE, P_POST_FIRST, P_POST_LAST, P_POST_MAP, P_RECENT, P_ARCHIVE,
    P_ROOM, P_ENTRY, P_LONGEST, P_STATUS, P_RECORD, P_FOLLOWS, P_EVERY, P_FIRED, P_MOD_FIRST,
    P_MOD_LAST, P_MOD_MAP, P_ARRIVED, P_MODULATES, P_WIDTH,
) = range(31)  # fmt: skip
# Places in the status of a part.
S_SAFE, S_FAILURE, S_LABEL, S_LEARNING, S_CAUGHT_UP, S_SIZE = range(6)

FINE, TOO_LARGE, NO_ROOM = 0, -1, -2
"""Status of a part: an effect beyond its bound, or no number; an archive that is too short."""

NEVER = 1 << 60
"""Label up to which rows without synapses are up to date."""


@kernel
def factors(rate, n):
    """Return exp(rate * k) for k = 0 .. n - 1, with the bits that the code of rules computes."""
    found = np.empty(n)
    for k in range(n):
        found[k] = exp_double(rate * np.float64(k))
    return found


@kernel
def note_failure(part, code, label):
    """Note what went wrong in a part, unless something did before."""
    status = int64_at(part[P_STATUS], S_SIZE)
    if code < 0 and status[S_FAILURE] == FINE:
        status[S_FAILURE] = code
        status[S_LABEL] = label


@kernel
def make_visits(part, n, label):
    """Visit the first `n` rows of the list."""
    if n > 0:
        code = call_entry(part[P_ADDRESS], part[P_CONTEXT], 0, n, label)
        note_failure(part, code, label)


@kernel
def add_visit(part, visits, n, start, row, occasion, now, bound, label):
    """List the visit of a row (or a wave of it); returns how many are on the list.

    A list that is full is gone through at once.
    """
    visits[n, V_ROW] = row
    visits[n, V_BEGIN] = np.int64(start[row])
    visits[n, V_END] = np.int64(start[row + 1])
    visits[n, V_OCCASION] = occasion
    visits[n, V_NOW] = now
    visits[n, V_BOUND] = bound
    if n + 1 < VISITS:
        return n + 1
    make_visits(part, np.int64(VISITS), label)
    return np.int64(0)


@kernel
def visit_all(part, before, bound, occasion, label):
    """Visit all rows that are not up to date at the label `before`; they then are at `bound`."""
    visits = int64_at(part[P_VISITS], VISITS * VISIT_WIDTH).reshape((VISITS, VISIT_WIDTH))
    n_rows = part[P_ROWS] * part[P_WAVES]
    done = int64_at(part[P_DONE], n_rows)
    start = uint32_at(part[P_WAVE_START], n_rows + 1)
    n = np.int64(0)
    for row in range(n_rows):
        if done[row] < before:
            n = add_visit(part, visits, n, start, row, occasion, label, bound, label)
    make_visits(part, n, label)


@kernel
def catch_up(part, label):
    """Bring all synapses of a part up to date after the step `label`."""
    control = set_flushing(FLUSH)
    visit_all(part, label, label, CATCH_UP, label)
    set_flushing(control)


@kernel
def signal(part, label):
    """Let the signal that stands in the context reach all synapses of a part."""
    catch_up(part, label)
    control = set_flushing(FLUSH)
    visit_all(part, NEVER, label, SIGNAL, label)
    set_flushing(control)


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
    """See to it that the oldest entry of a neuron's archive is needed no more; returns a status.

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
    visit_all(part, max(before, needed + 1), label - 1, CATCH_UP, label)
    status[S_CAUGHT_UP] += 1
    status[S_SAFE] = earliest_done(part)
    return FINE if status[S_SAFE] > needed else NO_ROOM


@kernel
def archive(part, label, ids, first, last):
    """Archive the spikes ids[first:last] of the label of postsynaptic neurons in this part."""
    known = int32_at(part[P_POST_MAP], part[P_POST_LAST] - part[P_POST_FIRST] + 1)
    s = first_not_below(ids, first, last, part[P_POST_FIRST])
    while s < last and ids[s] <= part[P_POST_LAST]:
        neuron = np.int64(known[ids[s] - part[P_POST_FIRST]])
        if neuron >= 0:
            note_failure(part, make_room(part, neuron, label), label)
            call_entry(part[P_ADDRESS], part[P_CONTEXT], np.int64(-1), neuron, label)
        s += 1


@kernel
def follow(part, label, ids, first, last):
    """Advance what follows the neurons and the modulators by the step that ends at `label`.

    ids[first:last] are the spikes of that label; those of the modulators are counted.
    """
    if part[P_FIRED] != 0:
        known = int32_at(part[P_POST_MAP], part[P_POST_LAST] - part[P_POST_FIRST] + 1)
        fired = int32_at(part[P_FIRED], 1 << 40)
        s = first_not_below(ids, first, last, part[P_POST_FIRST])
        while s < last and ids[s] <= part[P_POST_LAST]:
            neuron = np.int64(known[ids[s] - part[P_POST_FIRST]])
            if neuron >= 0:
                fired[neuron] = np.int32(label)
            s += 1
    if part[P_MOD_MAP] != 0:
        arrived = int64_at(part[P_ARRIVED], 1)
        mine = int32_at(part[P_MOD_MAP], part[P_MOD_LAST] - part[P_MOD_FIRST] + 1)
        arrived[0] = 0
        s = first_not_below(ids, first, last, part[P_MOD_FIRST])
        while s < last and ids[s] <= part[P_MOD_LAST]:
            arrived[0] += np.int64(mine[ids[s] - part[P_MOD_FIRST]])
            s += 1
    call_entry(part[P_ADDRESS], part[P_CONTEXT], np.int64(-2), np.int64(1), label)


@kernel
def look(part, label):
    """Read the states that are followed as they are now, after the step `label`."""
    control = set_flushing(FLUSH)
    call_entry(part[P_ADDRESS], part[P_CONTEXT], np.int64(-2), np.int64(0), label)
    set_flushing(control)


@kernel
def visit_in_every_step(part, label):
    """Do to all synapses what the modulators' spikes, and the end of a step, do to them."""
    if part[P_MODULATES] != 0 and int64_at(part[P_ARRIVED], 1)[0] > 0:
        visit_all(part, NEVER, label, MODULATED, label)
    if part[P_EVERY] != 0:
        visit_all(part, NEVER, label, part[P_EVERY] - 1, label)


@kernel
def deliver_plastic(part, label, ids, start, origin):
    """Do what is due in one part at the end of the step `label`.

    Dendritic delays: the spikes of this label visit their whole rows. Axonal ones: those of
    the label that is d - 1 steps back visit the synapses of delay d, where they arrive at
    label + 1; what every step does at its end is then done before.

    ids, start, origin : see `neurosim.kernels.delivery.deliver`
    """
    if part[P_FOLLOWS] != 0:
        follow(part, label, ids, start[label - origin], start[label + 1 - origin])
    if part[P_POST_MAP] != 0:
        archive(part, label, ids, start[label - origin], start[label + 1 - origin])
    if part[P_AXONAL] != 0:
        visit_in_every_step(part, label)
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
            if wave_start[at] != wave_start[at + 1]:
                n = add_visit(part, visits, n, wave_start, at, PRE_SPIKE, now, bound, label)
    make_visits(part, n, label)
    if part[P_AXONAL] == 0:
        visit_in_every_step(part, label)


@kernel
def deliver_all_plastic(plastic, tile, label, ids, start, origin, shared, failed):
    """Do what is due in one tile in all plastic projections; failures are told to all workers.

    plastic : (n_projections, n_tiles, P_WIDTH) int64   see the P_ columns
    """
    for p in range(plastic.shape[0]):
        part = plastic[p, tile]
        deliver_plastic(part, label, ids, start, origin)
        if int64_at(part[P_STATUS], S_SIZE)[S_FAILURE] != FINE:
            atomic_add(shared, failed, 1)


@kernel
def sum_weights(wave_start, stream, weight, n_rows, sums):
    """Add up the weights onto every slot of a tile, and count them.

    n_rows : rows times waves
    sums   : (2, n_slots) float64, written   sums, numbers; row after row, whatever the tile
    """
    for row in range(n_rows):
        at = np.int64(wave_start[row])
        end = np.int64(wave_start[row + 1])
        while at < end:
            count = np.int64(stream[at + 1]) | (np.int64(stream[at + 2]) << 16)
            at += TARGET_HEADER
            for k in range(count):
                target = np.uintp(stream[np.uintp(at + k)])
                sums[0, target] += np.float64(weight[np.uintp(at + k)])
                sums[1, target] += 1.0
            at += count


@kernel
def scale_weights(wave_start, stream, weight, n_rows, factor, low, high):
    """Multiply the weights onto every slot of a tile by its factor, within bounds.

    weight : (n,) float64 or float32, written
    factor : (n_slots,) float64
    """
    for row in range(n_rows):
        at = np.int64(wave_start[row])
        end = np.int64(wave_start[row + 1])
        while at < end:
            count = np.int64(stream[at + 1]) | (np.int64(stream[at + 2]) << 16)
            at += TARGET_HEADER
            for k in range(count):
                place = np.uintp(at + k)
                target = np.uintp(stream[place])
                weight[place] = min(max(np.float64(weight[place]) * factor[target], low), high)
            at += count


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
