"""Which synapses exist, and their random weights and delays.

A projection is generated entity by entity: its rows (presynaptic neurons), or for a fixed
in-degree its columns. Draw `k` of entity `e` is one Philox call with the counter (k, e), whose
words are shared out as

    word 0, 3   the partner (64 bits: the bias of a choice among n is n / 2^64)
    word 1      the weight
    word 2      the delay

so that a synapse costs one call, and every number is found again from (e, k) alone.

Weights and delays that are distributed take 32 random bits: a normal one has a resolution of
6e-10 standard deviations in the middle and ends at 6.3 standard deviations.

Rows are written one after another: row r of a chunk occupies starts[r] .. starts[r + 1].
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from neurosim.kernels.jit import inlined, kernel
from neurosim.kernels.random import (
    draw,
    exponential,
    logarithm,
    philox4x32,
    quantile_centre,
    quantile_tail,
    uniform32,
    uniform53,
)

Ints = npt.NDArray[np.int64]
Int32s = npt.NDArray[np.int32]
Words = npt.NDArray[np.uint32]
Floats = npt.NDArray[np.float64]
Bytes = npt.NDArray[np.uint8]

_32 = np.uint64(32)


@inlined
def choose(w0: Any, w3: Any, n: Any) -> Any:
    """Return a whole number below n (uint64, at most 2^32) from two words."""
    return (w0 * n + ((w3 * n) >> _32)) >> _32


@kernel
def words_of_rows(
    first: int, starts: Ints, k0: Any, k1: Any, weight_words: Words, delay_words: Words
) -> None:
    """Write the weight and delay words of draws 0, 1, ... of each entity.

    first  : int64                    entity of row 0
    starts : (n + 1,) int64
    weight_words, delay_words : uint32, written
    """
    for r in range(starts.size - 1):
        lo = starts[r]
        length = starts[r + 1] - lo
        entity = np.uint64(first + r)
        row_weights = weight_words[lo : lo + length]
        row_delays = delay_words[lo : lo + length]
        for k in range(length):
            _, w1, w2, _ = philox4x32(k, entity, 0, 0, k0, k1)
            row_weights[k] = w1
            row_delays[k] = w2


@kernel
def words_of_draws(
    entities: Int32s, draws: Int32s, k0: Any, k1: Any, weight_words: Words, delay_words: Words
) -> None:
    """Write the weight and delay words of single draws: `draws[i]` of entity `entities[i]`."""
    for i in range(entities.size):
        _, w1, w2, _ = philox4x32(draws[i], entities[i], 0, 0, k0, k1)
        weight_words[i] = w1
        delay_words[i] = w2


@kernel
def words_of_list(
    connections: Ints, k0: Any, k1: Any, weight_words: Words, delay_words: Words
) -> None:
    """Write the weight and delay words of listed connections: counter (i, i / 2^32)."""
    for i in range(connections.size):
        c = np.uint64(connections[i])
        _, w1, w2, _ = philox4x32(c, c >> _32, 0, 0, k0, k1)
        weight_words[i] = w1
        delay_words[i] = w2


@kernel
def all_partners(first: int, n: int, starts: Ints, self_position: Ints, partners: Int32s) -> None:
    """Every row connects to 0 .. n-1, apart from `self_position[row]` (-1: to all)."""
    for r in range(starts.size - 1):
        lo = starts[r]
        own = self_position[first + r]
        for k in range(starts[r + 1] - lo):
            partners[lo + k] = k + (own >= 0 and k >= own)


@kernel
def uniform_partners(
    first: int,
    n: int,
    starts: Ints,
    self_position: Ints,
    k0: Any,
    k1: Any,
    partners: Int32s,
    weight_words: Words,
    delay_words: Words,
) -> None:
    """Every draw takes any of 0 .. n-1, apart from `self_position[row]`, repeats allowed."""
    for r in range(starts.size - 1):
        lo = starts[r]
        length = starts[r + 1] - lo
        own = self_position[first + r]
        choices = np.uint64(n - (own >= 0))
        # Numbers from `own` on move up by one; nothing does if it is n.
        own = own if own >= 0 else n
        entity = np.uint64(first + r)
        row = partners[lo : lo + length]
        row_weights = weight_words[lo : lo + length]
        row_delays = delay_words[lo : lo + length]
        for k in range(length):
            w0, w1, w2, w3 = philox4x32(k, entity, 0, 0, k0, k1)
            t = np.int64(choose(w0, w3, choices))
            row[k] = t + (t >= own)
            row_weights[k] = w1
            row_delays[k] = w2


@kernel
def distinct_partners(
    first: int,
    n: int,
    starts: Ints,
    self_position: Ints,
    k0: Any,
    k1: Any,
    taken: Bytes,
    partners: Int32s,
    weight_words: Words,
    delay_words: Words,
) -> None:
    """Every row takes as many different ones of 0 .. n-1, apart from `self_position[row]`.

    taken : (n,) uint8, all 0 before and after    scratch

    Floyd's algorithm (Bentley & Floyd 1987, Comm. ACM 30): one draw per partner, all subsets
    equally likely.
    """
    for r in range(starts.size - 1):
        lo = starts[r]
        length = starts[r + 1] - lo
        own = self_position[first + r]
        choices = n - (own >= 0)
        own = own if own >= 0 else n
        entity = np.uint64(first + r)
        for k in range(length):
            w0, w1, w2, w3 = philox4x32(k, entity, 0, 0, k0, k1)
            newest = choices - length + k
            t: Any = np.int64(choose(w0, w3, np.uint64(newest + 1)))
            t = np.int64(newest) if taken[t] else t
            taken[t] = 1
            partners[lo + k] = t
            weight_words[lo + k] = w1
            delay_words[lo + k] = w2
        for k in range(length):
            t = np.int64(partners[lo + k])
            taken[t] = 0
            partners[lo + k] = t + (t >= own)


_BATCH = 256


@kernel
def bernoulli_partners(
    first: int,
    n: int,
    probability: float,
    self_position: Ints,
    k0: Any,
    k1: Any,
    starts: Ints,
    partners: Int32s,
    weight_words: Words,
    delay_words: Words,
) -> int:
    """Every row takes each of 0 .. n-1, apart from `self_position[row]`, with one probability.

    starts : (rows + 1,) int64, written

    The gaps between partners are geometric (floor(ln u / ln(1 - p))), which is the law of
    independent trials without looking at each. A neuron's own position is tried and dropped.

    Returns the number of rows completed: fewer than all if the arrays are too short for more.
    """
    rows = starts.size - 1
    starts[0] = 0
    if probability <= 0.0:
        starts[:] = 0
        return rows
    capacity = partners.size
    scale = 1.0 / math.log1p(-probability) if probability < 1.0 else -0.0
    gaps = np.empty(_BATCH, np.float64)
    words1 = np.empty(_BATCH, np.uint32)
    words2 = np.empty(_BATCH, np.uint32)
    for r in range(rows):
        at = starts[r]
        entity = np.uint64(first + r)
        own = self_position[first + r]
        position = -1
        k = 0
        while position < n - 1:
            # Where draws are cut into batches changes no number, only how many are wasted.
            batch = min(_BATCH, int((n - 1 - position) * probability) + 4)
            for i in range(batch):
                w0, w1, w2, w3 = philox4x32(k + i, entity, 0, 0, k0, k1)
                gaps[i] = np.floor(logarithm(uniform53(w0, w3)) * scale)
                words1[i] = w1
                words2[i] = w2
            for i in range(batch):
                if gaps[i] >= n - 1 - position:
                    position = n
                    break
                position += 1 + int(gaps[i])
                if position == own:
                    continue
                if at == capacity:
                    return r
                partners[at] = position
                weight_words[at] = words1[i]
                delay_words[at] = words2[i]
                at += 1
            k += batch
        starts[r + 1] = at
    return rows


@kernel
def count_columns(
    first: int,
    numbers: Ints,
    n: int,
    distinct: bool,
    self_position: Ints,
    k0: Any,
    k1: Any,
    taken: Bytes,
    partners: Int32s,
    counts: Ints,
) -> None:
    """Count how often each row occurs in columns `first` and following.

    numbers       : (n_columns,) int64        partners of each column
    n             : int64                     number of rows
    self_position : (n_columns,) int64        row never chosen by a column, or -1
    taken         : (n,) uint8, all 0 before and after     scratch
    partners      : (max(numbers),) int32                  scratch
    counts        : (n,) int64, added to
    """
    for c in range(numbers.size):
        _column(first + c, numbers[c], n, distinct, self_position[c], k0, k1, taken, partners)
        for k in range(numbers[c]):
            counts[partners[k]] += 1


@kernel
def place_columns(
    lo: int,
    hi: int,
    numbers: Ints,
    n: int,
    distinct: bool,
    self_position: Ints,
    k0: Any,
    k1: Any,
    taken: Bytes,
    partners: Int32s,
    cursor: Ints,
    columns: Int32s,
    draws: Int32s,
) -> None:
    """Write what the columns put into rows lo .. hi-1, row by row: (column, draw index).

    cursor  : (hi - lo,) int64, written   first free place of each row; afterwards its end
    columns, draws : int32, written
    """
    for c in range(numbers.size):
        _column(c, numbers[c], n, distinct, self_position[c], k0, k1, taken, partners)
        for k in range(numbers[c]):
            r = np.int64(partners[k])
            if lo <= r < hi:
                at = cursor[r - lo]
                columns[at] = c
                draws[at] = k
                cursor[r - lo] = at + 1


@kernel
def _column(
    c: int,
    number: int,
    n: int,
    distinct: bool,
    own: int,
    k0: Any,
    k1: Any,
    taken: Bytes,
    partners: Int32s,
) -> None:
    """Choose the rows of column c, as `uniform_partners` and `distinct_partners` choose columns."""
    choices = n - (own >= 0)
    own = own if own >= 0 else n
    entity = np.uint64(c)
    if distinct:
        for k in range(number):
            w0, _, _, w3 = philox4x32(k, entity, 0, 0, k0, k1)
            newest = choices - number + k
            t: Any = np.int64(choose(w0, w3, np.uint64(newest + 1)))
            t = np.int64(newest) if taken[t] else t
            taken[t] = 1
            partners[k] = t
        for k in range(number):
            t = np.int64(partners[k])
            taken[t] = 0
            partners[k] = t + (t >= own)
    else:
        below = np.uint64(choices)
        for k in range(number):
            w0, _, _, w3 = philox4x32(k, entity, 0, 0, k0, k1)
            t = np.int64(choose(w0, w3, below))
            partners[k] = t + (t >= own)


_BLOCK = 512


@kernel
def _normals(
    mean: float, deviation: float, first: float, span: float, words: Words, out: Floats
) -> None:
    """Write mean + deviation * normal quantile of (first + span * uniform) of each word.

    Three words in twenty lie in the tails. They are collected, so that both formulas run over
    dense arrays without branches (measured: 9 ns per word with the branch, 4 without).
    """
    # Words whose quantile lies in the centre; at the border both formulas hold.
    begin = np.int64(min(max((0.075 - first) / span * 4294967296.0, 0.0), 4294967296.0))
    end = np.int64(min(max((0.925 - first) / span * 4294967296.0, 0.0), 4294967296.0))
    where = np.empty(_BLOCK + 1, np.int64)
    tail = np.empty(_BLOCK, np.float64)
    for lo in range(0, words.size, _BLOCK):
        # Loops from 0 over slices: those from `lo` are not vectorised.
        part = words[lo : lo + _BLOCK]
        drawn = out[lo : lo + _BLOCK]
        for i in range(part.size):
            drawn[i] = mean + deviation * quantile_centre(first + span * uniform32(part[i]) - 0.5)
        n: Any = 0
        for i in range(part.size):
            word = np.int64(part[i])
            where[np.uintp(n)] = i
            n += np.int64((word < begin) | (word >= end))
        for k in range(n):
            tail[k] = first + span * uniform32(part[np.uintp(where[k])])
        for k in range(n):
            tail[k] = mean + deviation * quantile_tail(tail[k])
        for k in range(n):
            drawn[np.uintp(where[k])] = tail[k]


@kernel
def draw_words(law: Floats, words: Words, out: Floats) -> None:
    """Turn words into values of a random variable.

    law : (8,) float64           from `prepare_law`
    out : (n,) float64, written
    """
    n = words.size
    a = law[1]
    b = law[2]
    p_first = law[3]
    p_span = law[4]
    kind = int(law[0])
    if kind == 0:
        for i in range(n):
            out[i] = a
    elif kind == 1:
        for i in range(n):
            out[i] = a + b * uniform32(words[i])
    elif kind == 4:
        for i in range(n):
            out[i] = a + b * exponential(p_first + p_span * uniform32(words[i]))
    else:
        _normals(a, b, p_first, p_span, words, out)
        if kind == 3:
            for i in range(n):
                out[i] = math.exp(out[i])
    low = law[5]
    high = law[6]
    for i in range(n):
        out[i] = min(max(out[i], low), high)


@kernel
def delay_of_word(law: Floats, dt: float, word: Any) -> float:
    """Return the delay in steps (a whole float64) that a word stands for."""
    return float(np.rint(draw(law, uniform32(np.uint64(word))) / dt))


@kernel
def tabulate_delays(
    law: Floats, dt: float, least: int, rising: bool, thresholds: Words, guide: Int32s
) -> None:
    """Tabulate the steps of the monotone function word -> delay in steps.

    least      : int64                          smallest delay there is [steps]
    rising     : bool                           whether delays rise with the word
    thresholds : (n_delays,) uint32, written    first word (counted from the other end if not
                                                rising) with delay least + i or more
    guide      : (4096,) int32, written         index of the delay at the start of each 1/4096
    """
    last = 0xFFFFFFFF
    for i in range(thresholds.size):
        lo = 0
        hi = last
        while lo < hi:
            middle = (lo + hi) // 2
            word = middle if rising else last - middle
            if delay_of_word(law, dt, word) >= least + i:
                hi = middle
            else:
                lo = middle + 1
        thresholds[i] = lo
    i = 0
    for bucket in range(guide.size):
        while i + 1 < thresholds.size and np.int64(thresholds[i + 1]) <= np.int64(bucket) << 20:
            i += 1
        guide[bucket] = i


@kernel
def look_up_delays(
    words: Words, least: int, rising: bool, thresholds: Words, guide: Int32s, delays: Int32s
) -> None:
    """Turn words into delays in steps, by the table of `tabulate_delays`.

    delays : (n,) int32, written
    """
    flip = np.uint32(0) if rising else np.uint32(0xFFFFFFFF)
    last = thresholds.size - 1
    for k in range(words.size):
        word = np.uint32(words[k] ^ flip)
        i = np.int64(guide[np.int64(word >> np.uint32(20))])
        while i < last and word >= thresholds[i + 1]:
            i += 1
        delays[k] = least + i


@kernel
def draw_delays(law: Floats, dt: float, words: Words, delays: Int32s) -> None:
    """Turn words into delays in steps one by one: the same numbers, for very long tables."""
    for k in range(words.size):
        delays[k] = np.int32(delay_of_word(law, dt, words[k]))


@kernel
def pick(matrix: Any, first: int, starts: Ints, partners: Int32s, out: Any) -> None:
    """Take matrix[row, partner] of each synapse. matrix: (n_pre, n_post), out written."""
    for r in range(starts.size - 1):
        for i in range(starts[r], starts[r + 1]):
            out[i] = matrix[first + r, partners[i]]


@kernel
def extremes_of_words(words: Words, above: int, below: int, found: Ints) -> None:
    """Widen the extremes of words seen so far.

    found : (4,) int64, updated   smallest; largest; smallest that is >= above; largest <= below
    """
    smallest = found[0]
    largest = found[1]
    after = found[2]
    before = found[3]
    for i in range(words.size):
        w = np.int64(words[i])
        smallest = min(smallest, w)
        largest = max(largest, w)
        after = min(after, w if w >= above else np.int64(0x7FFFFFFFFFFF))
        before = max(before, w if w <= below else np.int64(-1))
    found[0] = smallest
    found[1] = largest
    found[2] = after
    found[3] = before


@kernel
def extremes_of_values(values: Floats, found: Floats) -> None:
    """Widen the extremes of weights seen so far.

    found : (4,) float64, updated   least; greatest; least that is > 0; greatest that is < 0.
                                    NaN in the first if any weight is not finite.
    """
    least = found[0]
    greatest = found[1]
    positive = found[2]
    negative = found[3]
    bad = False
    for i in range(values.size):
        x = values[i]
        bad |= not math.isfinite(x)
        least = min(least, x)
        greatest = max(greatest, x)
        if x > 0.0:
            positive = min(positive, x)
        if x < 0.0:
            negative = max(negative, x)
    found[0] = np.nan if bad else least
    found[1] = greatest
    found[2] = positive
    found[3] = negative


@kernel
def count_partners(partners: Int32s, counts: Any) -> None:
    """Add 1 to counts[partner] for each synapse."""
    for i in range(partners.size):
        counts[partners[i]] += 1


@kernel
def smallest_largest(values: Any, found: Ints) -> None:
    """Widen the smallest and largest value (int32 or uint32) seen so far.

    found : (2 or more,) int64, the first two updated
    """
    if values.size == 0:
        return
    smallest = values[0]
    largest = values[0]
    for i in range(values.size):
        smallest = min(smallest, values[i])
        largest = max(largest, values[i])
    found[0] = min(found[0], np.int64(smallest))
    found[1] = max(found[1], np.int64(largest))
