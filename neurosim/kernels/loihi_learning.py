"""Learning on Loihi in integers: traces of 7 bits, weights of 8, rounded with a random number.

At the end of an epoch of one or more steps, of each group of synapses that learns:

    x <- rounded(keep_x x) in every step of the epoch, then x + impulse in that of its spike
    acc = w << 7
    acc <- bounded(acc + bounded((m_minus y) << e_minus))     where the presynaptic neuron spiked
    acc <- bounded(acc + bounded((m_plus x) << e_plus))       where the postsynaptic neuron spiked
    w <- rounded(acc / 128), within its bounds

y is the trace of the other side in the step of the spike, after what that step added; `rounded`
takes the next whole number with the probability of the fraction. All neurons and synapses of a
group share the random number of an epoch. Of several spikes of a neuron in one epoch the last has
a time; the others raise the trace as if at its beginning.

Source: `STDPLoihi` of Lava 0.10 on its model of `LearningDense` in fixed point, which these equal
bit by bit; the rule as sums of products, Davies et al. (2018), IEEE Micro 38(1):82-99.
"""

from __future__ import annotations

from typing import Any

from neurosim.kernels.jit import inlined, kernel

HIGHEST_TRACE = 127
"""Of 7 bits."""

FRACTION_BITS = 7
"""By how many bits the accumulator of a weight is finer than the weight."""

ACCUMULATOR = 1 << 15
"""It is kept from -2^15 - 1 to 2^15 - 1."""

# Columns of the table of learning.
(
    GROUP, EPOCH, X_IMPULSE, Y_IMPULSE, MINUS_MANTISSA, MINUS_SHIFT, PLUS_MANTISSA, PLUS_SHIFT,
    LOW, HIGH, PRE_AT, POST_AT, COLUMNS,
) = range(13)  # fmt: skip
L_WIDTH = 13

# Columns of the random numbers.
OF_X, OF_Y, OF_WEIGHTS = range(3)


@inlined
def raised(trace: Any, impulse: Any) -> Any:
    """Return a trace after a spike."""
    return min(HIGHEST_TRACE, trace + impulse)


@inlined
def faded(trace: Any, keep: Any, drawn: Any) -> Any:
    """Return a trace one step later."""
    value = keep * trace
    return int(value) + (drawn < value % 1.0)


@inlined
def bounded(sum_of_products: Any) -> Any:
    """Return what the accumulator holds of a sum."""
    return max(-ACCUMULATOR - 1, min(ACCUMULATOR - 1, sum_of_products))


@inlined
def rounded(accumulated: Any, low: Any, high: Any, drawn: Any) -> Any:
    """Return the weight that an accumulator stands for."""
    # An accumulator of the wrong sign is 0 before it is rounded, where all weights have one sign.
    if low == 0:
        accumulated = max(0, accumulated)
    if high == 0:
        accumulated = min(0, accumulated)
    whole = accumulated >> FRACTION_BITS
    fraction = (accumulated - (whole << FRACTION_BITS)) / (1 << FRACTION_BITS)
    return max(low, min(high, whole + (drawn < fraction)))


@kernel
def take_note(within, impulse, fired_id, begin, end, first, at, trace, last):
    """Keep when neurons fired within the epoch.

    within  : int64                  step of the epoch, from 1 on
    impulse : int64
    fired_id, begin, end : ids of those that fired lie in fired_id[begin:end]
    first   : int64                  id of the first neuron of the population
    at      : int64                  where its traces begin
    trace, last : (n,) int32, written   traces; steps of the last spikes, 0 for none
    """
    for f in range(begin, end):
        k = at + fired_id[f] - first
        if last[k] > 0:
            trace[k] = raised(trace[k], impulse)
        last[k] = within


@kernel
def fade(epoch, impulse, keep, drawn, n, at, trace, last, history):
    """Write traces of all steps of an epoch.

    history : (epoch + 1, n or more) int32, written   row t: after step t of the epoch
    """
    for k in range(n):
        value = trace[at + k]
        history[0, k] = value
        for t in range(1, epoch + 1):
            value = faded(value, keep, drawn)
            if last[at + k] == t:
                value = raised(value, impulse)
            history[t, k] = value
        trace[at + k] = value


@kernel
def learn(
    rule, keep_x, keep_y, drawn, n_pre, n_post, rows, row_start, target, weight, columns,
    column_start, column_pre, column_synapse, x, last_x, y, last_y, history_x, history_y,
):  # fmt: skip
    """Change traces and weights of one group at the end of an epoch.

    rule            : (L_WIDTH,) int64
    keep_x, keep_y  : float64          exp(-1/tau)
    drawn           : (3,) float64     see OF_X, OF_Y, OF_WEIGHTS
    rows, columns   : int64            where the rows of the group begin in row_start, and its
                                       columns in column_start
    target, weight  : (n_synapses,)    as `neurosim.kernels.loihi.advance` has them; weight: written
    column_pre, column_synapse : synapses by target: presynaptic neuron, place in `weight`
    x, last_x, y, last_y : (n,) int32, written      the group's begin at PRE_AT and POST_AT
    history_x, history_y : scratch
    """
    epoch = rule[EPOCH]
    pre_at, post_at = rule[PRE_AT], rule[POST_AT]
    low, high = rule[LOW], rule[HIGH]
    fade(epoch, rule[X_IMPULSE], keep_x, drawn[OF_X], n_pre, pre_at, x, last_x, history_x)
    fade(epoch, rule[Y_IMPULSE], keep_y, drawn[OF_Y], n_post, post_at, y, last_y, history_y)
    for i in range(n_pre):
        at_pre = last_x[pre_at + i]
        if at_pre == 0:
            continue
        for s in range(row_start[rows + i], row_start[rows + i + 1]):
            j = target[s]
            down = (rule[MINUS_MANTISSA] * int(history_y[at_pre, j])) << rule[MINUS_SHIFT]
            acc = bounded((int(weight[s]) << FRACTION_BITS) + bounded(down))
            at_post = last_y[post_at + j]
            if at_post > 0:
                up = (rule[PLUS_MANTISSA] * int(history_x[at_post, i])) << rule[PLUS_SHIFT]
                acc = bounded(acc + bounded(up))
            weight[s] = rounded(acc, low, high, drawn[OF_WEIGHTS])
    for j in range(n_post):
        at_post = last_y[post_at + j]
        if at_post == 0:
            continue
        for c in range(column_start[columns + j], column_start[columns + j + 1]):
            i = column_pre[c]
            if last_x[pre_at + i] > 0:
                continue  # done above
            s = column_synapse[c]
            up = (rule[PLUS_MANTISSA] * int(history_x[at_post, i])) << rule[PLUS_SHIFT]
            acc = bounded((int(weight[s]) << FRACTION_BITS) + bounded(up))
            weight[s] = rounded(acc, low, high, drawn[OF_WEIGHTS])
    for i in range(n_pre):
        last_x[pre_at + i] = 0
    for j in range(n_post):
        last_y[post_at + j] = 0
