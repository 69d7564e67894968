"""Spike sources: populations that fire by themselves.

Each has a kernel on plain arrays, which writes how often every neuron fires in a step, and an
entry that lists the global ids of what fired, ascending, repeats included. Nothing depends on
which block a neuron lies in.
"""

from __future__ import annotations

import numpy as np

from neurosim.kernels.feeders import poisson_counts, segment_of
from neurosim.kernels.jit import (
    entry,
    float32_at,
    float64_at,
    int32_at,
    int64_at,
    kernel,
)
from neurosim.kernels.poisson import poisson_by_inversion
from neurosim.kernels.random import (
    logarithm,
    normal_quantile,
    philox4x32,
    uniform32,
    uniform53,
)


@kernel
def list_spikes(n, count, first_id, out):
    """Write each global id as often as it fired; returns how many were written.

    count : (n,) int32 or int16
    out   : int32, written
    """
    written = 0
    for k in range(n):
        for _ in range(count[k]):
            out[written] = first_id + k
            written += 1
    return written


@kernel
def poisson_counts_each(n, count, silent, mean, parts, first_id, step, key):
    """Draw a Poisson number of spikes for each neuron, each with its own mean.

    count        : (n,) int32, written
    mean, silent : (n,) float64   see `poisson_by_inversion`
    """
    for k in range(n):
        count[k] = poisson_by_inversion(silent[k], mean[k], parts, first_id + k, step, key)


@kernel
def copy_mother_spikes(n, count, mother, correlation, first_id, step, key0, key1):
    """Let each neuron copy each spike of a common mother train with a probability.

    count       : (n,) int32, written
    mother      : number of spikes of the mother train in this step
    correlation : float64   probability of copying
    """
    for k in range(n):
        here = 0
        for spike in range(mother):
            w = philox4x32(first_id + k, step, step >> 32, spike, key0, key1)
            if uniform53(w[0], w[1]) < correlation:
                here += 1
        count[k] = here


@kernel
def gamma_variate(shape, neuron, interval, key0, key1):
    """Draw from the gamma distribution of given shape and scale 1.

    Marsaglia & Tsang (2000), ACM Trans. Math. Softw. 26:363-372; for shapes below 1 the variate of
    shape + 1 is multiplied by U^(1/shape).
    """
    d = (shape if shape >= 1.0 else shape + 1.0) - 1.0 / 3.0
    c = 1.0 / np.sqrt(9.0 * d)
    value = d
    for attempt in range(254):
        w = philox4x32(neuron, interval, interval >> 32, attempt, key0, key1)
        # Two 32-bit words make the normal; the acceptance test needs less resolution.
        x = normal_quantile(uniform53(w[0], w[1]))
        v = 1.0 + c * x
        if v <= 0.0:
            continue
        v = v * v * v
        u = uniform32(w[2])
        if logarithm(u) < 0.5 * x * x + d - d * v + d * logarithm(v):
            value = d * v
            break
    if shape < 1.0:
        w = philox4x32(neuron, interval, interval >> 32, 255, key0, key1)
        value *= uniform53(w[0], w[1]) ** (1.0 / shape)
    return value


@kernel
def gamma_start(n, due, drawn, shape, scale, first_id, equilibrium, key0, key1):
    """Draw the first spike times of gamma renewal processes.

    due   : (n,) float64, written   time of the next spike, in steps
    drawn : (n,) int64, written     1: one interval has been drawn
    equilibrium : whether the process has been running for ever: then an interval that covers time
        0 is length-biased, gamma(shape + 1), and time 0 lies anywhere within it (Cox 1962)
    """
    for k in range(n):
        if equilibrium:
            x = gamma_variate(shape[k] + 1.0, first_id + k, 0, key0, key1)
            w = philox4x32(first_id + k, 0, 0, 254, key0, key1)
            due[k] = x * scale[k] * uniform53(w[2], w[3])
        else:
            due[k] = gamma_variate(shape[k], first_id + k, 0, key0, key1) * scale[k]
        drawn[k] = 1


@kernel
def gamma_counts(n, count, due, drawn, shape, scale, first_id, end, key0, key1):
    """Fire where the next spike of a gamma renewal process falls into this step.

    count : (n,) int32, written
    due   : (n,) float64, written   time of the next spike, in steps
    drawn : (n,) int64, written     intervals drawn so far
    shape : (n,) float64            of the intervals
    scale : (n,) float64            mean interval / shape, in steps
    end   : end of this step, in steps
    """
    for k in range(n):
        here = 0
        while due[k] <= end:
            here += 1
            x = gamma_variate(shape[k], first_id + k, drawn[k], key0, key1)
            due[k] += x * scale[k]
            drawn[k] += 1
        count[k] = here


# ctx: spikes, spikes per neuron at most, then as for `poisson_counts`
@entry
def poisson_source(ctx: int, lo: int, hi: int, step: int) -> int:
    """Poisson trains with one rate for all, constant between given steps."""
    word = int64_at(ctx, 13)
    n = hi - lo
    count = poisson_counts(word, np.int64(2), step, lo, n)
    out = int32_at(word[0] + 4 * lo * word[1], n * word[1])
    return int(list_spikes(n, count, word[2] + lo, out))


# ctx: first id, spikes, spikes per neuron at most, counts, key, number of segments, their first
# steps; per segment: addresses of the means and of exp(-mean), parts
@entry
def poisson_source_each(ctx: int, lo: int, hi: int, step: int) -> int:
    """Poisson trains, each with its own rate, constant between given steps."""
    word = int64_at(ctx, 10)
    n = hi - lo
    here = segment_of(step, int64_at(word[6], word[5]))
    mean = float64_at(int64_at(word[7], word[5])[here] + 8 * lo, n)
    silent = float64_at(int64_at(word[8], word[5])[here] + 8 * lo, n)
    parts = int64_at(word[9], word[5])[here]
    count = int32_at(word[3] + 4 * lo, n)
    poisson_counts_each(n, count, silent, mean, parts, word[0] + lo, step, word[4])
    out = int32_at(word[1] + 4 * lo * word[2], n * word[2])
    return int(list_spikes(n, count, word[0] + lo, out))


# ctx: first id, spikes, spikes per neuron at most, counts, key0, key1, parts of the mother's mean,
# mother key, correlation, mean of a part, exp(-mean)
@entry
def correlated_source(ctx: int, lo: int, hi: int, step: int) -> int:
    """Trains that copy a common mother train (multiple interaction process)."""
    word = int64_at(ctx, 11)
    n = hi - lo
    value = float64_at(ctx, 11)
    mother = poisson_by_inversion(value[10], value[9], word[6], 0, step, word[7])
    count = int32_at(word[3] + 4 * lo, n)
    copy_mother_spikes(n, count, mother, value[8], word[0] + lo, step, word[4], word[5])
    out = int32_at(word[1] + 4 * lo * word[2], n * word[2])
    return int(list_spikes(n, count, word[0] + lo, out))


# ctx: first id, spikes, spikes per neuron at most, counts, key0, key1, due, drawn, scale, shape
@entry
def gamma_source(ctx: int, lo: int, hi: int, step: int) -> int:
    """Gamma renewal trains. Returns -1 if more spikes fell into a step than there is room for."""
    word = int64_at(ctx, 10)
    n = hi - lo
    count = int32_at(word[3] + 4 * lo, n)
    due = float64_at(word[6] + 8 * lo, n)
    drawn = int64_at(word[7] + 8 * lo, n)
    scale = float64_at(word[8] + 8 * lo, n)
    shape = float64_at(word[9] + 8 * lo, n)
    gamma_counts(n, count, due, drawn, shape, scale, word[0] + lo, step + 1.0, word[4], word[5])
    for k in range(n):
        if count[k] > word[2]:
            return -1
    out = int32_at(word[1] + 4 * lo * word[2], n * word[2])
    return int(list_spikes(n, count, word[0] + lo, out))


# ctx: first id, spikes, number of entries, labels (ascending), neurons (ascending within a
# label), cursor
@entry
def scheduled_source(ctx: int, lo: int, hi: int, step: int) -> int:
    """Spikes at given steps. The population is one block."""
    word = int64_at(ctx, 6)
    size = word[2]
    label = int64_at(word[3], size)
    neuron = int32_at(word[4], size)
    cursor = int64_at(word[5], 1)
    out = int32_at(word[1], size)
    written = 0
    at = cursor[0]
    while at < size and label[at] <= step + 1:
        if label[at] == step + 1:
            out[written] = word[0] + neuron[at]
            written += 1
        at += 1
    cursor[0] = at
    return written


# ctx: row, number of steps, table, first step, population size, whether the row is float32
@entry
def held_input(ctx: int, lo: int, hi: int, step: int) -> int:
    """Put the next step's values into the row of a population that emits a current.

    The row is read at the start of a step, so what is written here is for step + 1; after the
    table's end the last values stay until new ones are given.
    """
    word = int64_at(ctx, 6)
    size = word[4]
    here = min(max(step + 1 - word[3], 0), word[1] - 1)
    table = float64_at(word[2] + 8 * size * here, size)
    for k in range(lo, hi):
        if word[5] != 0:
            float32_at(word[0], size)[k] = np.float32(table[k])
        else:
            float64_at(word[0], size)[k] = table[k]
    return 0
