"""Sweeps of binary units: who is asked, what field it sees, and what follows from a flip.

A unit's field is the sum of what is constant within a step (bias, input from elsewhere) and of
what follows the units of its own population live: pairwise weights, and *memories*, which keep the
overlap of every pattern with the state. The words of a memory are the M_ columns of its row in a
table; floats lie in their word as their bits.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from neurosim.kernels.bit_rows import (
    add_chosen,
    agreements,
    bit_at,
    chosen_sum,
    recurrence_sum,
)
from neurosim.kernels.feeders import of_either_precision
from neurosim.kernels.jit import (
    float64_at,
    int32_at,
    int64_at,
    kernel,
    prefetch,
    reals_at,
    uint32_at,
)
from neurosim.kernels.poisson import GROUP
from neurosim.kernels.random import philox4x32, uniform53

LINEAR, RECURRENCE, EXPONENTIAL = 0, 1, 2
"""Kinds of memories."""

(
    M_KIND, M_POSITIVE, M_NEGATIVE, M_STRIDE, M_WORDS, M_OVERLAPS, M_ACTIVES, M_WEIGHTS, M_SCALE,
    M_TABLE, M_ROWS, M_TOTAL, M_OWN, M_NUMBER, M_SIZE,
) = range(15)  # fmt: skip
M_WIDTH = 16
"""Words of a memory.

M_KIND            : LINEAR, RECURRENCE or EXPONENTIAL
M_POSITIVE, M_NEGATIVE : addresses of rows of bits, one row per unit: the patterns that are +1 and
                    -1 there; no negative rows (0): all that are not +1 are -1
M_STRIDE, M_WORDS : bytes of a row; its words of 32 bits
M_OVERLAPS        : int32 of every pattern, written: sum of entry * state
M_ACTIVES         : int32 of every pattern: entries that are not 0
M_WEIGHTS         : float64 of every pattern
M_SCALE           : float64, factor of the field
M_TABLE, M_ROWS   : see `recurrence_sum`; for EXPONENTIAL exp(-k) and how many of them
M_TOTAL           : int64, written: sum of all overlaps
M_OWN             : int32 of every unit: patterns that are not 0 there; 0: all of them are
M_NUMBER, M_SIZE  : patterns, units
"""

ASYNCHRONOUS, SEQUENTIAL, SYNCHRONOUS = 0, 1, 2
"""Orders of updating."""

(
    W_SIZE, W_UPDATE, W_STATE, W_LOW, W_HIGH, W_TEMPERATURE, W_TEMPERATURES, W_BIAS, W_BIASES,
    W_COUPLED, W_START, W_PRE, W_WEIGHT, W_MEMORIES, W_N_MEMORIES, W_ORDER, W_SWEEP, W_FIELDS,
    W_DT, W_KEY0, W_KEY1, W_SPIKED, W_DECAY, W_ACC, W_ACC_STRIDE, W_ACC_ROWS, W_ACC_FIRST,
    W_ACC_SCALE, W_DRIVE,
) = range(29)  # fmt: skip
W_WIDTH = 29
"""Words of a population.

W_SIZE, W_UPDATE  : units; order of updating
W_STATE           : (n,) real, written
W_LOW, W_HIGH     : float64
W_TEMPERATURE(S)  : float64 for all; address of (n,) float64, or 0
W_BIAS(ES)        : the same
W_COUPLED         : (n,) real, field from elsewhere in this step; or 0
W_START, W_PRE, W_WEIGHT : pairwise weights: (n + 1,) int64, int32, float64; or 0
W_MEMORIES, W_N_MEMORIES : (n, M_WIDTH) int64
W_ORDER, W_SWEEP  : (n,) int32, the order of this sweep; (1,) int64, written: which one it is
W_FIELDS          : (n,) float64, scratch of synchronous updates
W_DT              : float64 [ms]
W_KEY0, W_KEY1    : key of the order and of chance
W_SPIKED, W_DECAY : (n,) real, field of spikes, or 0; its factor in a step
W_ACC .. W_DRIVE  : accumulator, its slots and rows; (n_blocks,) int64, first slot of every GROUP of
                    units; value of one unit of it; (n,) real, what drives add, or 0
"""


@kernel
def draw_order(n, order, sweep, key0, key1):
    """Put 0 .. n - 1 into the order of a sweep: every one of the n! is equally likely.

    Source: Fisher & Yates (1938), Statistical Tables; Durstenfeld (1964), CACM 7:420.
    """
    for k in range(n):
        order[k] = k
    for k in range(n - 1, 0, -1):
        w = philox4x32(k, sweep, sweep >> 32, 1, key0, key1)
        other = np.int64(uniform53(w[0], w[1]) * (k + 1))
        held = order[k]
        order[k] = order[other]
        order[other] = held


@kernel
def decided(high, low, now, h, temperature, unit, sweep, key0, key1):
    """Return the new value of a unit in the field h."""
    if temperature > 0.0:
        w = philox4x32(unit, sweep, sweep >> 32, 0, key0, key1)
        chance = 1.0 / (1.0 + math.exp(-(high - low) * h / temperature))
        return high if uniform53(w[0], w[1]) < chance else low
    if h > 0.0:
        return high
    if h < 0.0:
        return low
    return now


@kernel
def exponential_sum(word, i, state, sign_only):
    """Return the field of an EXPONENTIAL memory, but for its scale.

    In units of exp(N); where the sign is all that counts, in units of the largest term.
    """
    n = word[M_NUMBER]
    overlaps = int32_at(word[M_OVERLAPS], n)
    weights = float64_at(word[M_WEIGHTS], n)
    powers = float64_at(word[M_TABLE], word[M_ROWS])
    positive = word[M_POSITIVE] + i * word[M_STRIDE]
    negative = word[M_NEGATIVE]
    largest = word[M_SIZE]
    if sign_only:
        largest = -largest
        for k in range(n):
            largest = max(largest, np.int64(overlaps[k]) + 1)
    total = 0.0
    for k in range(n):
        entry = bit_at(positive, k)
        if negative == 0:
            entry = 2 * entry - 1
        elif entry == 0:
            entry = -bit_at(negative + i * word[M_STRIDE], k)
        below = largest - overlaps[k] + entry * state
        if entry != 0 and below < word[M_ROWS]:
            total += weights[k] * entry * powers[below]
    return total


@kernel
def memory_field(word, value, i, s, sign_only):
    """Return the field of unit i in one memory, itself left out.

    word, value : a row of memories as int64 and as float64
    s           : float64, the unit's state
    sign_only   : whether the field may be on any scale
    """
    at = i * word[M_STRIDE]
    positive = word[M_POSITIVE] + at
    negative = word[M_NEGATIVE] + at if word[M_NEGATIVE] != 0 else np.int64(0)
    kind = word[M_KIND]
    state = np.int64(s)
    if kind == LINEAR:
        chosen = chosen_sum(positive, word[M_OVERLAPS], word[M_WORDS])
        if negative == 0:
            return value[M_SCALE] * np.float64(2 * chosen - word[M_TOTAL] - word[M_NUMBER] * state)
        chosen -= chosen_sum(negative, word[M_OVERLAPS], word[M_WORDS])
        own = int32_at(word[M_OWN] + 4 * i, 1)[0]
        return value[M_SCALE] * np.float64(chosen - own * state)
    if kind == RECURRENCE:
        return value[M_SCALE] * recurrence_sum(
            positive, negative, word[M_OVERLAPS], word[M_ACTIVES], word[M_WEIGHTS],
            word[M_TABLE], word[M_ROWS], word[M_WORDS], s,
        )  # fmt: skip
    return value[M_SCALE] * exponential_sum(word, i, state, sign_only)


@kernel
def follow_flip(word, i, s):
    """Let the overlaps of a memory follow unit i, which now is s, and was -s."""
    at = i * word[M_STRIDE]
    positive = word[M_POSITIVE] + at
    change = np.int32(2) * np.int32(s)
    if word[M_NEGATIVE] == 0:
        add_chosen(positive, word[M_OVERLAPS], word[M_WORDS], change, np.int32(-change))
    else:
        add_chosen(positive, word[M_OVERLAPS], word[M_WORDS], change, np.int32(0))
        add_chosen(
            word[M_NEGATIVE] + at, word[M_OVERLAPS], word[M_WORDS], np.int32(-change), np.int32(0)
        )
    # The sum of all overlaps moves by the sum of the unit's entries.
    words = word[M_WORDS] // 2
    row = int64_at(positive, words)
    entries = 2 * agreements(words, row, row) - word[M_NUMBER]
    if word[M_NEGATIVE] != 0:
        other = int64_at(word[M_NEGATIVE] + at, words)
        entries = agreements(words, row, row) - agreements(words, other, other)
    word[M_TOTAL] += np.int64(change) * entries


@kernel
def find_overlaps(number, size, positive, negative, diluted, state, total_at, overlaps):
    """Compute the overlaps of all patterns with a state anew, by counting bits.

    positive, negative : (number, ceil(size / 64)) int64   the patterns; `negative` counts if
                         `diluted`
    state    : (ceil(size / 64),) int64   the bit of a unit is 1 where it is +1
    overlaps : (number,) int32, written
    total_at : (1,) int64, written   their sum
    """
    n = state.size
    ups = agreements(n, state, state)
    total = np.int64(0)
    for k in range(number):
        of_pattern = agreements(n, positive[k], positive[k])
        both = agreements(n, positive[k], state)
        if diluted:
            # +1 where both are, -1 where the pattern is and the state is not; the reverse below
            m = 2 * both - of_pattern
            m -= 2 * agreements(n, negative[k], state) - agreements(n, negative[k], negative[k])
        else:
            m = size - 2 * (of_pattern + ups - 2 * both)
        overlaps[k] = m
        total += m
    total_at[0] = total


@kernel
def field_of(word, value, state, coupled, spiked, i, temperature):
    """Return the field of unit i.

    word, value     : words of the population as int64 and as float64
    state           : (n,) real
    coupled, spiked : (n,) real, or empty: input from elsewhere in this step
    """
    h = float64_at(word[W_BIASES] + 8 * i, 1)[0] if word[W_BIASES] != 0 else value[W_BIAS]
    if coupled.size > 0:
        h += np.float64(coupled[i])
    if spiked.size > 0:
        h += np.float64(spiked[i])
    if word[W_START] != 0:
        span = int64_at(word[W_START] + 8 * i, 2)
        pre = int32_at(word[W_PRE], span[1])
        weight = float64_at(word[W_WEIGHT], span[1])
        for c in range(span[0], span[1]):
            h += weight[c] * np.float64(state[pre[c]])
    nothing_else = word[W_N_MEMORIES] == 1 and word[W_START] == 0 and h == 0.0
    for k in range(word[W_N_MEMORIES]):
        at = word[W_MEMORIES] + 8 * M_WIDTH * k
        memory, numbers = int64_at(at, M_WIDTH), float64_at(at, M_WIDTH)
        sign_only = nothing_else and temperature == 0.0
        h += memory_field(memory, numbers, i, np.float64(state[i]), sign_only)
    return h


@kernel
def temperature_of(word, value, i):
    """Return the temperature of unit i."""
    if word[W_TEMPERATURES] != 0:
        return float64_at(word[W_TEMPERATURES] + 8 * i, 1)[0]
    return value[W_TEMPERATURE]


@kernel
def take_value(word, state, i, new):
    """Let unit i have a new value, and all memories know."""
    state[i] = new
    for k in range(word[W_N_MEMORIES]):
        follow_flip(int64_at(word[W_MEMORIES] + 8 * M_WIDTH * k, M_WIDTH), i, new)


@kernel
def ask_for(word, i):
    """Ask for the rows of bits of a unit whose turn comes soon: they lie anywhere in memory."""
    for k in range(word[W_N_MEMORIES]):
        memory = int64_at(word[W_MEMORIES] + 8 * M_WIDTH * k, M_WIDTH)
        lines = min(memory[M_STRIDE] // 64 + 1, 32)
        row = uint32_at(memory[M_POSITIVE] + i * memory[M_STRIDE], 16 * lines)
        for line in range(lines):
            prefetch(row, 16 * line)


@kernel
def update_singly(word, value, state, coupled, spiked, first, last):
    """Do the single updates first .. last - 1, counted from the start of the run."""
    n = word[W_SIZE]
    random_order = word[W_UPDATE] == ASYNCHRONOUS
    order = int32_at(word[W_ORDER], n)
    present = int64_at(word[W_SWEEP], 1)
    for turn in range(first, last):
        sweep = turn // n
        k = turn - sweep * n
        i = k
        if random_order:
            if present[0] != sweep:
                draw_order(n, order, sweep, word[W_KEY0], word[W_KEY1])
                present[0] = sweep
            i = np.int64(order[k])
            if k + AHEAD < n:
                ask_for(word, np.int64(order[k + AHEAD]))
        temperature = temperature_of(word, value, i)
        h = field_of(word, value, state, coupled, spiked, i, temperature)
        new = decided(
            value[W_HIGH], value[W_LOW], np.float64(state[i]), h, temperature, i, sweep,
            word[W_KEY0], word[W_KEY1],
        )  # fmt: skip
        if new != np.float64(state[i]):
            take_value(word, state, i, new)


AHEAD = 4
"""Turns before its own at which a unit's rows are asked for."""


@kernel
def update_together(word, value, state, coupled, spiked, sweep):
    """Do one synchronous update: all fields first, then all values."""
    n = word[W_SIZE]
    fields = float64_at(word[W_FIELDS], n)
    for i in range(n):
        temperature = temperature_of(word, value, i)
        fields[i] = field_of(word, value, state, coupled, spiked, i, temperature)
    for i in range(n):
        now = np.float64(state[i])
        new = decided(
            value[W_HIGH], value[W_LOW], now, fields[i], temperature_of(word, value, i), i, sweep,
            word[W_KEY0], word[W_KEY1],
        )  # fmt: skip
        if new != now:
            take_value(word, state, i, new)


@kernel
def single_updates_until(step, n, dt):
    """Return how many single updates the first `step` steps hold: n for every millisecond."""
    return np.int64(np.rint(step * dt * n))


@kernel
def sweeps_until(step, dt):
    """Return how many milliseconds are over after `step` steps."""
    return np.int64(np.floor(step * dt + 1e-6))


@of_either_precision
def advance_binary(real: Any, size: int) -> Any:
    """Advance a population of binary units by a step. ctx: the W_ words."""
    integer = np.int64 if size == 8 else np.int32

    def advance_binary(ctx, lo, hi, step):
        word = int64_at(ctx, W_WIDTH)
        value = float64_at(ctx, W_WIDTH)
        n = word[W_SIZE]
        state = reals_at(word[W_STATE], n, real)
        coupled = reals_at(word[W_COUPLED], n if word[W_COUPLED] != 0 else 0, real)
        spiked = reals_at(word[W_SPIKED], n if word[W_SPIKED] != 0 else 0, real)
        if word[W_UPDATE] == SYNCHRONOUS:
            first = sweeps_until(step, value[W_DT])
            for sweep in range(first, sweeps_until(step + 1, value[W_DT])):
                update_together(word, value, state, coupled, spiked, sweep)
        else:
            first = single_updates_until(step, n, value[W_DT])
            last = single_updates_until(step + 1, n, value[W_DT])
            update_singly(word, value, state, coupled, spiked, first, last)
        if spiked.size > 0:
            row = (step + 1) % word[W_ACC_ROWS] * word[W_ACC_STRIDE]
            n_blocks = (n + GROUP - 1) // GROUP
            first_slot = int64_at(word[W_ACC_FIRST], n_blocks)
            for b in range(n_blocks):
                first = GROUP * b
                count = min(GROUP, n - first)
                arrived = reals_at(word[W_ACC] + size * (row + first_slot[b]), count, integer)
                for k in range(count):
                    field = value[W_DECAY] * spiked[first + k] + value[W_ACC_SCALE] * arrived[k]
                    spiked[first + k] = real(field)
                    arrived[k] = 0
            if word[W_DRIVE] != 0:
                drive = reals_at(word[W_DRIVE], n, real)
                for i in range(n):
                    spiked[i] += drive[i]
        return 0

    return advance_binary
