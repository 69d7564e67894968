"""What enters a network without synapses: Poisson drive and injected currents; and what is kept.

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
    call_entry,
    entry,
    float64_at,
    int16_at,
    int64_at,
    kernel,
    reals_at,
    uint16_at,
    uint32_at,
)
from neurosim.kernels.poisson import GROUP, poisson_by_inversion, poisson_numbers
from neurosim.kernels.random import (
    NOISE,
    normal_quantile,
    normal_quantile_selects,
    philox4x32,
    uniform53,
)


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
def poisson_counts(word, at, step, lo, n):
    """Return the Poisson numbers of a block for a step: (n,) int16.

    word : (at + 11,) int64   from `at` on: first id, key0, key1, number of segments, their first
           steps; per segment: number of thresholds, their address, parts; then addresses of
           counts (size,) int16, random bits (size rounded up to whole groups,) uint16, and rounded
           thresholds (from a block's first place on: there are fewer than neurons in a block, but
           in the last)
    """
    segments = word[at + 3]
    here = segment_of(step, int64_at(word[at + 4], segments))
    n_thresholds = int64_at(word[at + 5], segments)[here]
    thresholds = uint32_at(int64_at(word[at + 6], segments)[here], n_thresholds)
    parts = int64_at(word[at + 7], segments)[here]
    count = int16_at(word[at + 8] + 2 * lo, n)
    halves = uint16_at(word[at + 9] + 2 * lo, GROUP)
    scratch = int16_at(word[at + 10] + 2 * lo, n_thresholds)
    poisson_numbers(
        lo, lo + n, count, halves, thresholds, scratch, parts, word[at], step,
        word[at + 1], word[at + 2],
    )  # fmt: skip
    return count


@kernel
def add_weighted(n, row, weight, count):
    """Add weight * count.

    row    : (n,) real, added to   sum of weights arriving in this step
    weight : (n,) real             0 for neurons without this drive
    count  : (n,) int16            spikes in this step
    """
    real = row.dtype.type
    for k in range(n):
        row[k] += weight[k] * real(count[k])


@kernel
def add_count(n, row, weight, count):
    """Add weight * count, one weight for all neurons.

    row    : (n,) real, added to   sum of weights arriving in this step
    weight : real
    count  : (n,) int16            spikes in this step
    """
    real = row.dtype.type
    for k in range(n):
        row[k] += weight * real(count[k])


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
def keep(n, state, past, length, lanes, step):
    """Put the state at `step` into its history.

    state : (n,) real
    past  : (n * 2 * length,) real, written   rows of `lanes` neurons side by side; a time stands in
            each at two places
    """
    at = step % length
    if lanes == 1:
        for k in range(n):
            row = 2 * length * k + at
            past[row] = state[k]
            past[row + length] = state[k]
        return
    for node in range(n // lanes):
        row = (2 * length * node + at) * lanes
        for lane in range(lanes):
            past[row + lane] = state[node * lanes + lane]
            past[row + length * lanes + lane] = state[node * lanes + lane]


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

    ctx: row, weights (0: one for all), the one weight, then as for `poisson_counts`.
    """

    def poisson_drive(ctx, lo, hi, step):
        word = int64_at(ctx, 14)
        n = hi - lo
        count = poisson_counts(word, np.int64(3), step, lo, n)
        row = reals_at(word[0] + size * lo, n, real)
        if word[1] == 0:
            add_count(n, row, real(float64_at(ctx, 14)[2]), count)
        else:
            add_weighted(n, row, reals_at(word[1] + size * lo, n, real), count)
        return 0

    return poisson_drive


@of_either_precision
def poisson_drive_each(real: Any, size: int) -> Any:
    """Add Poisson drive at rates that differ between neurons, constant between given steps.

    ctx: row, weight, first id, key, number of segments, their first steps; per segment: addresses
    of the means and of exp(-mean), parts.
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


@kernel
def node_normals(n, first, second, first_id, draw, step, key0, key1):
    """Draw two standard normals for every node: those that its own kernel would draw.

    first, second : (n,) float64, written
    draw          : number of the block of the generator
    """
    for k in range(n):
        w0, w1, w2, w3 = philox4x32(
            first_id + k, step, draw + ((step >> 32) << 16), NOISE, key0, key1
        )
        first[k] = normal_quantile_selects(uniform53(w0, w1))
        second[k] = normal_quantile_selects(uniform53(w2, w3))


@kernel
def to_lanes(n, lanes, row, value, key_of_lane, key):
    """Give the value of a node to all of its lanes that have this key.

    row         : (n * lanes,) real, written
    value       : (n,) float64
    key_of_lane : (lanes,) int64
    """
    real = row.dtype.type
    for k in range(n):
        for lane in range(lanes):
            if key_of_lane[lane] == key:
                row[k * lanes + lane] = real(value[k])


@of_either_precision
def lane_normals(real: Any, size: int) -> Any:
    """Draw the noise of nodes that stand in several lanes side by side: once for every key.

    ctx: first id of the nodes, lanes, number of normals, number of keys, keys (n_keys, 2) uint64,
    key of each lane, scratch (2, n_nodes) float64, n_nodes; addresses of the rows of normals.
    """

    def lane_normals(ctx, lo, hi, step):
        word = int64_at(ctx, 9)
        lanes, count, n_keys = word[1], word[2], word[3]
        key = int64_at(word[4], 2 * n_keys)
        key_of_lane = int64_at(word[5], lanes)
        rows = int64_at(word[8], count)
        begin = lo // lanes
        n = hi // lanes - begin
        first = float64_at(word[6] + 8 * begin, n)
        second = float64_at(word[6] + 8 * (word[7] + begin), n)
        for draw in range((count + 1) // 2):
            for k in range(n_keys):
                node_normals(
                    n, first, second, word[0] + begin, draw, step,
                    np.uint64(key[2 * k]), np.uint64(key[2 * k + 1]),
                )  # fmt: skip
                width = n * lanes
                to_lanes(
                    n, lanes, reals_at(rows[2 * draw] + size * lo, width, real), first,
                    key_of_lane, k,
                )  # fmt: skip
                if 2 * draw + 1 < count:
                    to_lanes(
                        n, lanes, reals_at(rows[2 * draw + 1] + size * lo, width, real), second,
                        key_of_lane, k,
                    )  # fmt: skip
        return 0

    return lane_normals


@of_either_precision
def remember(real: Any, size: int) -> Any:
    """Advance a block of a population by its own kernel, and keep states that are read later.

    ctx: address of the kernel, its ctx, number of states; addresses of those, of their histories,
    and lengths and lanes of these. Returns what the kernel does.
    """

    def remember(ctx, lo, hi, step):
        word = int64_at(ctx, 7)
        spikes = call_entry(word[0], word[1], lo, hi, step)
        n = hi - lo
        state = int64_at(word[3], word[2])
        past = int64_at(word[4], word[2])
        length = int64_at(word[5], word[2])
        lanes = int64_at(word[6], word[2])
        for v in range(word[2]):
            width = 2 * length[v]
            keep(
                n, reals_at(state[v] + size * lo, n, real),
                reals_at(past[v] + size * width * lo, width * n, real), length[v], lanes[v],
                step + 1,
            )  # fmt: skip
        return spikes

    return remember
