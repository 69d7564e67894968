"""What enters a network without synapses: Poisson drive, injected currents, continuous coupling.

Each has a kernel on plain arrays and, per precision, an entry of the uniform signature that
`kernels.loop.advance` calls for a block [lo, hi) of a population just before the population's
own kernel. An entry finds its arrays through `ctx`, the address of one word per field; floats lie
in their word as their bits. The order of the words is given with each entry.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from neurosim.kernels.jit import (
    Entry,
    entry,
    float64_at,
    int32_at,
    int64_at,
    kernel,
    reals_at,
    uint32_at,
)
from neurosim.kernels.random import normal_quantile, philox2x32, philox4x32, uniform53


@kernel
def segment_of(step, first_steps):
    """Return the index of the last of the ascending `first_steps` that is not after `step`."""
    lo = 0
    hi = first_steps.size
    while hi - lo > 1:
        middle = (lo + hi) // 2
        if first_steps[middle] <= step:
            lo = middle
        else:
            hi = middle
    return lo


@kernel
def clear(n, row):
    """Set the n first elements of `row` to zero."""
    for k in range(n):
        row[k] = 0


@kernel
def add_step_current(n, row, gain, amplitude):
    """Add amplitude * gain.

    row       : (n,) real, added to   current [pA]
    gain      : (n,) real             0 for neurons without this current
    """
    for k in range(n):
        row[k] += gain[k] * amplitude


@kernel
def add_noise_current(n, row, mean, sd, decay, spread, level, first_id, interval, key0, key1):
    """Add mean + sd * x, x being a standard normal process of every neuron.

    row      : (n,) real, added to       current [pA]
    mean, sd : (n,) real                 0 for neurons without this current
    level    : (n,) float64, written     x now
    decay, spread : x <- decay * x + spread * normal; (0, 1) is white noise held for an interval
    interval : number of the interval; -1 where x holds for this step
    key0, key1 : key of this current
    """
    if interval >= 0:
        for k in range(n):
            w = philox4x32(first_id + k, interval, interval >> 32, 0, key0, key1)
            level[k] = decay * level[k] + spread * normal_quantile(uniform53(w[0], w[1]))
    for k in range(n):
        row[k] += mean[k] + sd[k] * level[k]


@kernel
def count_reached(n, count, word, thresholds):
    """Add to each count how many thresholds its word reaches.

    Passes over words that stay in the L1 cache, four thresholds at a time: a loop over thresholds
    inside the loop over neurons would not become vector instructions (measured: 55 ns per neuron
    against 2).
    """
    fours = thresholds.size // 4 * 4
    for j in range(0, fours, 4):
        t0 = thresholds[j]
        t1 = thresholds[j + 1]
        t2 = thresholds[j + 2]
        t3 = thresholds[j + 3]
        for k in range(n):
            w = word[k]
            count[k] += (
                np.int32(w >= t0) + np.int32(w >= t1) + np.int32(w >= t2) + np.int32(w >= t3)
            )
    for j in range(fours, thresholds.size):
        t0 = thresholds[j]
        for k in range(n):
            count[k] += np.int32(word[k] >= t0)


@kernel
def draw_words(n, word, spare, first_id, pair, key):
    """Draw two words for each neuron: one for each of two consecutive steps.

    word, spare : (n,) uint32, written
    pair        : number of the pair of steps
    """
    for k in range(n):
        even, odd = philox2x32(first_id + k, pair, key)
        word[k] = even
        spare[k] = odd


@kernel
def poisson_counts(n, count, word, spare, seen, thresholds, parts, first_id, step, key):
    """Draw a Poisson number of spikes for each neuron, one mean for all.

    count       : (n,) int32, written
    word, spare : (n,) uint32, scratch
    seen        : (n,) int64, written   seen[0] is 1 + the pair of steps that `spare` belongs to
    thresholds  : (m,) uint32   cumulative probabilities of 0, 1, .. m - 1 spikes, times 2^32
    parts       : the mean is the sum of this many equal ones, so that `thresholds` stays short
    key         : 32-bit key of this drive or source

    Whether the words of an odd step are still there or drawn again changes nothing.
    """
    pair = step >> 1
    for k in range(n):
        count[k] = 0
    for part in range(parts):
        if step & 1 == 1 and part == 0 and seen[0] == pair + 1:
            count_reached(n, count, spare, thresholds)
            continue
        draw_words(n, word, spare, first_id, pair, key + part)
        seen[0] = pair + 1 if parts == 1 else 0
        count_reached(n, count, word if step & 1 == 0 else spare, thresholds)


@kernel
def add_weighted(n, row, weight, count):
    """Add weight * count.

    row    : (n,) real, added to   sum of weights arriving in this step
    weight : (n,) real             0 for neurons without this drive
    count  : (n,) int32            spikes in this step
    """
    for k in range(n):
        row[k] += weight[k] * count[k]


@kernel
def stationary_levels(n, level, first_id, key0, key1):
    """Draw the level of a stationary process at time 0: standard normal.

    level : (n,) float64, written
    The counter is one that no interval has.
    """
    for k in range(n):
        w = philox4x32(first_id + k, 0, 0, 1, key0, key1)
        level[k] = normal_quantile(uniform53(w[0], w[1]))


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


@kernel
def add_poisson_each(n, row, weight, silent, mean, parts, first_id, step, key):
    """Add the weight of a Poisson number of spikes, each neuron with a mean of its own.

    row          : (n,) real, added to
    weight       : (n,) real      0 for neurons without this drive
    mean, silent : (n,) float64   see `poisson_by_inversion`
    """
    for k in range(n):
        if weight[k] != 0:
            count = poisson_by_inversion(silent[k], mean[k], parts, first_id + k, step, key)
            row[k] += weight[k] * count


@kernel
def add_coupling(lo, hi, row, start, address, weight, own):
    """Sum weighted presynaptic states, connection by connection in a fixed order.

    row     : (n,) real, added to      the coupling term of the population's neurons
    start   : (n + 1,) int64           connections of each neuron
    address : (n_connections,) int64   where each presynaptic state lies, of the type of `row`
    weight  : (n_connections,) float64
    own     : address of the neuron's own states for diffusive coupling, sum w (x_j - x_i); else 0
    """
    real = row.dtype.type
    for k in range(lo, hi):
        total = 0.0
        x_own = np.float64(reals_at(own, k + 1, real)[k]) if own != 0 else 0.0
        for c in range(start[k], start[k + 1]):
            total += weight[c] * (np.float64(reals_at(address[c], 1, real)[0]) - x_own)
        row[k] += total


def of_either_precision(make: Callable[[Any, int], Any]) -> dict[Any, Entry]:
    """Make an entry for float64 and one for float32 states: real type -> entry."""
    return {np.float64: entry(make(np.float64, 8)), np.float32: entry(make(np.float32, 4))}


@of_either_precision
def clear_row(real: Any, size: int) -> Any:
    """Zero a row. ctx: row."""

    def clear_row(ctx, lo, hi, step):
        clear(hi - lo, reals_at(int64_at(ctx, 1)[0] + size * lo, hi - lo, real))
        return 0

    return clear_row


@of_either_precision
def step_current(real: Any, size: int) -> Any:
    """Add a current that is constant between given steps.

    ctx: row, number of segments, their first steps; per segment: address of the gain, amplitude.
    """

    def step_current(ctx, lo, hi, step):
        word = int64_at(ctx, 5)
        n = hi - lo
        here = segment_of(step, int64_at(word[2], word[1]))
        gain = reals_at(int64_at(word[3], word[1])[here] + size * lo, n, real)
        amplitude = real(float64_at(word[4], word[1])[here])
        add_step_current(n, reals_at(word[0] + size * lo, n, real), gain, amplitude)
        return 0

    return step_current


@of_either_precision
def noise_current(real: Any, size: int) -> Any:
    """Add a noise current.

    ctx: row, mean, sd, level, steps per interval, first id, key0, key1, decay, spread.
    """

    def noise_current(ctx, lo, hi, step):
        word = int64_at(ctx, 10)
        value = float64_at(ctx, 10)
        n = hi - lo
        interval = step // word[4] if step % word[4] == 0 else -1
        row = reals_at(word[0] + size * lo, n, real)
        mean = reals_at(word[1] + size * lo, n, real)
        sd = reals_at(word[2] + size * lo, n, real)
        level = float64_at(word[3] + 8 * lo, n)
        add_noise_current(
            n, row, mean, sd, value[8], value[9], level, word[5] + lo, interval, word[6], word[7]
        )
        return 0

    return noise_current


@of_either_precision
def poisson_drive(real: Any, size: int) -> Any:
    """Add Poisson drive, at a rate that is constant between given steps.

    ctx: row, weight, first id, key, number of segments, their first steps; per segment: number of
    thresholds, address of the thresholds, parts; counts, scratch words (three rows).
    """

    def poisson_drive(ctx, lo, hi, step):
        word = int64_at(ctx, 13)
        n = hi - lo
        here = segment_of(step, int64_at(word[5], word[4]))
        thresholds = uint32_at(int64_at(word[7], word[4])[here], int64_at(word[6], word[4])[here])
        count = int32_at(word[9] + 4 * lo, n)
        parts = int64_at(word[8], word[4])[here]
        scratch = uint32_at(word[10] + 4 * lo, n)
        spare = uint32_at(word[11] + 4 * lo, n)
        seen = int64_at(word[12] + 8 * lo, n)
        poisson_counts(
            n, count, scratch, spare, seen, thresholds, parts, word[2] + lo, step, word[3]
        )
        weight = reals_at(word[1] + size * lo, n, real)
        add_weighted(n, reals_at(word[0] + size * lo, n, real), weight, count)
        return 0

    return poisson_drive


@of_either_precision
def poisson_drive_each(real: Any, size: int) -> Any:
    """Add Poisson drive at rates that differ between neurons, constant between given steps.

    ctx: as for `poisson_drive`, but per segment: addresses of the means and of exp(-mean), parts.
    """

    def poisson_drive_each(ctx, lo, hi, step):
        word = int64_at(ctx, 9)
        n = hi - lo
        here = segment_of(step, int64_at(word[5], word[4]))
        mean = float64_at(int64_at(word[6], word[4])[here] + 8 * lo, n)
        silent = float64_at(int64_at(word[7], word[4])[here] + 8 * lo, n)
        parts = int64_at(word[8], word[4])[here]
        row = reals_at(word[0] + size * lo, n, real)
        weight = reals_at(word[1] + size * lo, n, real)
        add_poisson_each(n, row, weight, silent, mean, parts, word[2] + lo, step, word[3])
        return 0

    return poisson_drive_each


@of_either_precision
def coupling(real: Any, size: int) -> Any:
    """Sum one continuous coupling of a block, from the states at t.

    ctx: row, population size, start, number of connections, address, weight, own.
    """

    def coupling(ctx, lo, hi, step):
        word = int64_at(ctx, 7)
        row = reals_at(word[0], word[1], real)
        start = int64_at(word[2], word[1] + 1)
        address = int64_at(word[4], word[3])
        add_coupling(lo, hi, row, start, address, float64_at(word[5], word[3]), word[6])
        return 0

    return coupling
