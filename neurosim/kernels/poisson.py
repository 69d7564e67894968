"""Poisson numbers of every neuron and step, as a function of both.

Where all neurons have one rate, each takes 16 random bits a step and compares them with the
cumulative probabilities of 0, 1, 2, ... spikes. These have 32 bits; in each step all are rounded to
16 with one random remainder (`rounded`), so that every number has its probability to 2^-32 although
it is drawn from 16 bits. Neurons that share a step share its rounding: that correlates them by less
than 2^-16, and saves half of the random words and half of the comparisons.
"""

from __future__ import annotations

import numpy as np

from neurosim.kernels.jit import kernel
from neurosim.kernels.random import philox2x32, threefry4x32, uniform53

GROUP = 1024
"""Neurons of a population that share counters: 128 blocks of Threefry, of eight halves each. As
many as in a block of the loop, whose random bits then never leave the L1 cache."""

COUNTERS = GROUP // 8

_HALF = np.uint32(16)
_LOW = np.uint32(0xFFFF)
_ROUNDING = np.uint32(1 << 31)
_OFFSET = np.int64(1 << 15)


@kernel
def draw_halves(many, halves, part, first, step, key0, key1):
    """Draw the 16 bits of a group of neurons for a step.

    many   : counters to be used, at most `COUNTERS`: neurons r with r % COUNTERS < many get bits
    halves : (GROUP,) uint16, written   bits of neuron r of the group at r
    part   : number of the draw where a step takes several, below 256
    first  : the first counter
    """
    # Views of their own: stores at unknown distances in one array would not be vectorised.
    row0 = halves[:many]
    row1 = halves[COUNTERS : COUNTERS + many]
    row2 = halves[2 * COUNTERS : 2 * COUNTERS + many]
    row3 = halves[3 * COUNTERS : 3 * COUNTERS + many]
    row4 = halves[4 * COUNTERS : 4 * COUNTERS + many]
    row5 = halves[5 * COUNTERS : 5 * COUNTERS + many]
    row6 = halves[6 * COUNTERS : 6 * COUNTERS + many]
    row7 = halves[7 * COUNTERS : 7 * COUNTERS + many]
    when = np.uint32(step & 0xFFFFFFFF)
    what = np.uint32((part + ((step >> 32) << 8)) & 0xFFFFFFFF)
    k0 = np.uint32(key0)
    k1 = np.uint32(key1)
    for k in range(many):
        w0, w1, w2, w3 = threefry4x32(np.uint32(first + k), when, what, k0, k1)
        row0[k] = w0 & _LOW
        row1[k] = w0 >> _HALF
        row2[k] = w1 & _LOW
        row3[k] = w1 >> _HALF
        row4[k] = w2 & _LOW
        row5[k] = w2 >> _HALF
        row6[k] = w3 & _LOW
        row7[k] = w3 >> _HALF


@kernel
def rounded(thresholds, part, step, key0, key1, out):
    """Round 32-bit thresholds to 16 bits, up with the probability of the bits that are lost.

    thresholds : (m,) uint32, ascending
    out        : (m,) int16, written   less 2^15: compared with signed halves

    Returns how many there are; those that no 16 bits reach are left out, they are the last.
    """
    # No neuron has an id of 2^31: this counter is the step's own.
    w = threefry4x32(
        np.uint32(_ROUNDING | np.uint32((step >> 32) & 0x7FFFFFFF)),
        np.uint32(step & 0xFFFFFFFF), np.uint32(part), np.uint32(key0), np.uint32(key1),
    )  # fmt: skip
    remainder = np.int64(w[0]) & 0xFFFF
    m = 0
    for threshold in thresholds:
        up = (np.int64(threshold) + remainder) >> 16
        if up > 0xFFFF:
            break
        out[m] = up - _OFFSET
        m += 1
    return m


@kernel
def count_reached(n, count, half, thresholds):
    """Add to each count how many thresholds its bits reach: all int16.

    Passes over bits that stay in the L1 cache, four thresholds at a time: a loop over thresholds
    inside the loop over neurons would not become vector instructions (measured: 55 ns per neuron
    against 1).
    """
    fours = thresholds.size // 4 * 4
    for j in range(0, fours, 4):
        t0 = thresholds[j]
        t1 = thresholds[j + 1]
        t2 = thresholds[j + 2]
        t3 = thresholds[j + 3]
        for k in range(n):
            h = half[k]
            reached = np.int16(np.int16(h >= t0) + np.int16(h >= t1))
            reached = np.int16(reached + np.int16(np.int16(h >= t2) + np.int16(h >= t3)))
            count[k] = np.int16(count[k] + reached)
    for j in range(fours, thresholds.size):
        t0 = thresholds[j]
        for k in range(n):
            count[k] = np.int16(count[k] + np.int16(half[k] >= t0))


@kernel
def poisson_numbers(
    lo, hi, count, halves, thresholds, scratch, parts, first_id, step, key0, key1
):  # fmt: skip
    """Draw a Poisson number of spikes for the neurons lo .. hi - 1 of a population.

    count      : (hi - lo,) int16, written
    halves     : (GROUP,) uint16, scratch
    thresholds : (m,) uint32         cumulative probabilities of 0, 1, .. m - 1 spikes, times 2^32
    scratch    : (m,) int16
    parts      : the mean is the sum of this many equal ones, so that `thresholds` stays short
    first_id   : global id of neuron 0 of the population

    Neuron r of group g takes a half of the counter first_id + g COUNTERS + r % COUNTERS, none of
    which is an id of another population.
    """
    signed = halves.view(np.int16)
    for k in range(hi - lo):
        count[k] = 0
    for part in range(parts):
        m = rounded(thresholds, part, step, key0, key1, scratch)
        group = lo // GROUP
        while group * GROUP < hi:
            start = max(lo - group * GROUP, 0)
            stop = min(hi - group * GROUP, GROUP)
            first = first_id + group * COUNTERS
            draw_halves(min(stop, COUNTERS), halves, part, first, step, key0, key1)
            at = group * GROUP + start - lo
            n = stop - start
            count_reached(n, count[at : at + n], signed[start:stop], scratch[:m])
            group += 1


@kernel
def poisson_by_inversion(silent, mean, parts, neuron, step, key):
    """Draw a Poisson number as the sum of `parts` numbers of this mean.

    mean   : float64   expected number per part, at most 16
    silent : float64   exp(-mean)
    """
    total = 0
    for part in range(parts):
        high, low = philox2x32(neuron, step, key + part)
        u = uniform53(high, low)
        term = silent
        below = term
        here = 0
        # 200 is out of reach for a mean of 16 (probability below 1e-130).
        while u >= below and here < 200:
            here += 1
            term *= mean / here
            below += term
        total += here
    return total
