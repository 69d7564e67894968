"""Loihi in integers: compartments that leak and fire, synapses with exponents and delays.

One step of a compartment, all numbers whole; ``decayed`` rounds toward zero, M = 2^23:

    u <- decayed(u, du + 1) + (a << 6)        wraps once, into (-M, M]
    v <- decayed(v, dv) + u + bias            is kept within -(M - 1) .. M - 1
    spike = v > (vth << 6);  v <- 0 on a spike

`a` is what arrives in this step. A spike of step t reaches a synapse with delay slot d in step
t + 1 + d. All synapses of one group share an exponent e: what arrives through the group in one step
with one slot is summed, and the sum is shifted, ``<< e`` where e > 0, else ``>> -e`` (to minus
infinity, as two's complement does). Weights of some groups learn, at the end of the step:
`neurosim.kernels.loihi_learning`. Neurons that send numbers, and convolutions, stand in
`neurosim.kernels.loihi_messages`.

Source: the fixed-point models of Lava 0.10 (`LIF`, `Dense`, `DelayDense`), which these equal bit by
bit; registers and their widths: Davies et al. (2018), IEEE Micro 38(1):82-99.
"""

from __future__ import annotations

from typing import Any

from neurosim.kernels.jit import inlined, kernel
from neurosim.kernels.loihi_learning import COLUMNS as L_COLUMNS
from neurosim.kernels.loihi_learning import (
    EPOCH,
    GROUP,
    POST_AT,
    PRE_AT,
    X_IMPULSE,
    Y_IMPULSE,
    learn,
    take_note,
)
from neurosim.kernels.loihi_messages import FROM, ONTO, convolve, send_changes

STATE_LIMIT = 1 << 23
"""M: u and v are registers of 24 bits."""

DECAY_BITS = 12
"""Decays are parts of 2^12."""

ALIGNMENT = 6
"""By how many bits what arrives, and the threshold, are shifted to the states."""

# Columns of the table of populations.
FIRST, END, KIND, DU, DV, VTH, SPIKE_EXP, STATE_EXP, RECTIFIES = range(9)
P_WIDTH = 9

GENERATORS, COMPARTMENTS, ENCODERS, SIGMA_DELTAS = range(4)
"""Kinds of populations."""

# Columns of the table of groups.
PRE, POST, EXPONENT, ROWS, SLOTS, IS_GRADED = range(6)
G_WIDTH = 6

WRAPS, CLIPS, BEYOND = range(3)
"""What is counted: currents that wrapped around, potentials that were clipped from below, sums of
convolutions that wrapped around and states of neurons that send numbers beyond 24 bits."""


@inlined
def decayed(value: Any, decay: Any) -> Any:
    """Return value * (4096 - decay) / 4096, rounded toward zero."""
    product = value * ((1 << DECAY_BITS) - decay)
    if product < 0:
        return -((-product) >> DECAY_BITS)
    return product >> DECAY_BITS


@inlined
def wrapped(current: Any) -> Any:
    """Return a current that has left its 24 bits from the other end; once, as Lava does."""
    if current > STATE_LIMIT:
        return current - 2 * STATE_LIMIT
    if current <= -STATE_LIMIT:
        return current + 2 * STATE_LIMIT
    return current


@inlined
def clipped(potential: Any) -> Any:
    """Return a potential within its range."""
    return max(-(STATE_LIMIT - 1), min(STATE_LIMIT - 1, potential))


@inlined
def shifted(total: Any, exponent: Any) -> Any:
    """Return a sum of weights, shifted by the exponent of their group."""
    if exponent > 0:
        return total << exponent
    return total >> -exponent


@kernel
def advance(
    first, n_steps, populations, u, v, residue, bias, arrived, groups, row_start, target, slot,
    weight, learning, keeps, drawn, columns, traces, histories, convolutions, kernel, given_start,
    given_id, given_many, watched, seen_u, seen_v, seen_residue, log_step, log_id, log_many,
    fired_id, fired_many, fired_from, sums, counts,
):  # fmt: skip
    """Take a network through steps ``first`` .. ``first + n_steps - 1``; return spikes logged.

    first, n_steps : int64
    populations    : (n_populations, P_WIDTH) int64   ids from FIRST to END; registers
    u, v           : (n,) int32, written              current and potential; sigma and activation
    residue        : (n,) int32, written              of neurons that send numbers
    bias           : (n,) int32                       mantissa << exponent
    arrived        : (depth, n) int32, written        row t % depth is what arrives in step t; rows
                                                      that were read are cleared; depth >= slots + 1
    groups         : (n_groups, G_WIDTH) int64        populations PRE and POST; EXPONENT; where the
                                                      rows of its sources begin; number of SLOTS;
                                                      whether payloads count
    row_start      : int64                            source k of a group has the synapses
                                                      row_start[ROWS + k] .. row_start[ROWS + k + 1]
    target, slot   : (n_synapses,) int32, int16       position within POST, delay slot
    weight         : (n_synapses,) int16              as stored; written where groups learn
    learning       : (n_learning, L_WIDTH) int64      rules of groups that learn
    keeps          : (n_learning, 2) float64          exp(-1/tau) of both traces
    drawn          : (n_learning, n_steps, 3) float64 random numbers; read where an epoch ends
    columns        : three int arrays                 column_start, column_pre, column_synapse
    traces         : four int32 arrays, written       x, last_x, y, last_y
    histories      : two int32 arrays, scratch        (longest epoch + 1, widest population)
    convolutions   : (n, C_WIDTH) int64               see `loihi_messages`
    kernel         : int32                            of all of them
    given_start    : (n_steps + 1,) int64             spikes of generators: of each step; numbers
                                                      that encoders are given
    given_id, given_many : int32                      by id within a step; payloads
    watched        : (n_watched,) int32               ids
    seen_u, seen_v, seen_residue : (n_steps, n_watched) int32, written   after each step
    log_step, log_id, log_many : int64, int32, int32, written   spikes and messages, but those of
                                                      generators, in order; room for all
    fired_id, fired_many : (n,) int32, overwritten
    fired_from     : (n_populations + 1,) int64, overwritten
    sums           : (slots, largest post) int64, zero before and after
    counts         : (3,) int64, added to             see WRAPS, CLIPS, BEYOND
    """
    depth = arrived.shape[0]
    n_populations = populations.shape[0]
    logged = 0
    for j in range(n_steps):
        step = first + j
        row = arrived[step % depth]
        n_fired = 0
        at = given_start[j]
        for p in range(n_populations):
            fired_from[p] = n_fired
            end = populations[p, END]
            kind = populations[p, KIND]
            if kind == ENCODERS:
                while at < given_start[j + 1] and given_id[at] < end:
                    row[given_id[at]] = given_many[at]
                    at += 1
            if kind >= ENCODERS:
                shift = populations[p, SPIKE_EXP] + populations[p, STATE_EXP]
                sent, beyond = send_changes(
                    populations[p, FIRST],
                    end,
                    kind == ENCODERS,
                    populations[p, RECTIFIES] != 0,
                    populations[p, SPIKE_EXP],
                    populations[p, STATE_EXP],
                    populations[p, VTH] << shift,
                    row,
                    u,
                    v,
                    residue,
                    bias,
                    fired_id,
                    fired_many,
                    n_fired,
                )
                counts[BEYOND] += beyond
                for f in range(n_fired, sent):
                    log_step[logged] = step
                    log_id[logged] = fired_id[f]
                    log_many[logged] = fired_many[f]
                    logged += 1
                n_fired = sent
                continue
            if kind == GENERATORS:
                while at < given_start[j + 1] and given_id[at] < end:
                    fired_id[n_fired] = given_id[at]
                    fired_many[n_fired] = given_many[at]
                    n_fired += 1
                    at += 1
                continue
            du = populations[p, DU] + 1
            dv = populations[p, DV]
            threshold = populations[p, VTH] << ALIGNMENT
            for k in range(populations[p, FIRST], end):
                summed = decayed(int(u[k]), du) + (int(row[k]) << ALIGNMENT)
                row[k] = 0
                current = wrapped(summed)
                counts[WRAPS] += current != summed
                total = decayed(int(v[k]), dv) + current + int(bias[k])
                potential = clipped(total)
                counts[CLIPS] += potential > total
                u[k] = current
                if potential > threshold:
                    potential = 0
                    fired_id[n_fired] = k
                    fired_many[n_fired] = 1
                    n_fired += 1
                    log_step[logged] = step
                    log_id[logged] = k
                    log_many[logged] = 1
                    logged += 1
                v[k] = potential
        fired_from[n_populations] = n_fired
        for g in range(groups.shape[0]):
            pre = groups[g, PRE]
            if fired_from[pre] == fired_from[pre + 1]:
                continue
            source = populations[pre, FIRST]
            base = populations[groups[g, POST], FIRST]
            exponent = groups[g, EXPONENT]
            rows = groups[g, ROWS]
            n_slots = groups[g, SLOTS]
            for f in range(fired_from[pre], fired_from[pre + 1]):
                many = int(fired_many[f]) if groups[g, IS_GRADED] else 1
                local = rows + fired_id[f] - source
                for s in range(row_start[local], row_start[local + 1]):
                    brought = int(weight[s]) * many
                    if exponent >= 0:
                        # Shifts to the left go past the sum.
                        arrived[(step + 1 + slot[s]) % depth, base + target[s]] += shifted(
                            brought, exponent
                        )
                    else:
                        sums[slot[s], target[s]] += brought
            if exponent < 0:
                size = populations[groups[g, POST], END] - base
                for d in range(n_slots):
                    later = arrived[(step + 1 + d) % depth]
                    for k in range(size):
                        later[base + k] += shifted(int(sums[d, k]), exponent)
                        sums[d, k] = 0
        for c in range(convolutions.shape[0]):
            pre, post = convolutions[c, FROM], convolutions[c, ONTO]
            if fired_from[pre] < fired_from[pre + 1]:
                counts[BEYOND] += convolve(
                    convolutions[c],
                    kernel,
                    fired_id,
                    fired_many,
                    fired_from[pre],
                    fired_from[pre + 1],
                    populations[pre, FIRST],
                    arrived[(step + 1) % depth],
                    populations[post, FIRST],
                    sums[0],
                )
        for l in range(learning.shape[0]):
            g = learning[l, GROUP]
            pre, post = groups[g, PRE], groups[g, POST]
            first_pre, first_post = populations[pre, FIRST], populations[post, FIRST]
            within = step % learning[l, EPOCH] + 1
            take_note(
                within,
                learning[l, X_IMPULSE],
                fired_id,
                fired_from[pre],
                fired_from[pre + 1],
                first_pre,
                learning[l, PRE_AT],
                traces[0],
                traces[1],
            )
            take_note(
                within,
                learning[l, Y_IMPULSE],
                fired_id,
                fired_from[post],
                fired_from[post + 1],
                first_post,
                learning[l, POST_AT],
                traces[2],
                traces[3],
            )
            if within == learning[l, EPOCH]:
                learn(
                    learning[l],
                    keeps[l, 0],
                    keeps[l, 1],
                    drawn[l, j],
                    populations[pre, END] - first_pre,
                    populations[post, END] - first_post,
                    groups[g, ROWS],
                    row_start,
                    target,
                    weight,
                    learning[l, L_COLUMNS],
                    columns[0],
                    columns[1],
                    columns[2],
                    traces[0],
                    traces[1],
                    traces[2],
                    traces[3],
                    histories[0],
                    histories[1],
                )
        for w in range(watched.size):
            seen_u[j, w] = u[watched[w]]
            seen_v[j, w] = v[watched[w]]
            seen_residue[j, w] = residue[watched[w]]
    return logged


@kernel
def next_currents(u, row, du, ids, found):
    """Find currents as they will be after the next step.

    u, row : (n,) int32           currents now, and what arrives in the next step
    du     : (n_ids,) int64       registers
    ids    : (n_ids,) int64
    found  : (n_ids,) int64, written
    """
    for k in range(ids.size):
        i = ids[k]
        found[k] = wrapped(decayed(int(u[i]), du[k] + 1) + (int(row[i]) << ALIGNMENT))
