"""Connection rules: a projection made ready to be generated, chunk of rows by chunk.

`Generator` holds what the kernels of `neurosim.kernels.wiring` need for one projection; `Work` is
the scratch of one worker. A generator may be used by several workers at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from neurosim.errors import DescriptionError
from neurosim.kernels import wiring as kernels
from neurosim.kernels.counts import split_total
from neurosim.kernels.random import (
    CONSTANT,
    COUNT,
    EXPONENTIAL,
    WIRING,
    make_key,
    prepare_law,
)
from neurosim.lower.plan import Draw, Floats, Ints, PlanProjection

Int32s = npt.NDArray[np.int32]

LONGEST_DELAY = 1 << 22
"""Delays must stay below this many steps."""

_LARGEST_TABLE = 8192
_LAST_WORD = 0xFFFFFFFF


class Work:
    """Scratch of one worker; it grows as needed and is never shared.

    `partners`, `delays`, `slots` are int32, the words uint32, `values` float64; all have the same
    length. Projection after projection takes a stretch of them.
    """

    def __init__(self) -> None:
        self.capacity = 0
        self.partners = np.empty(0, np.int32)
        self.slots = np.empty(0, np.int32)
        self.delays = np.empty(0, np.int32)
        self.weight_words = np.empty(0, np.uint32)
        self.delay_words = np.empty(0, np.uint32)
        self.values = np.empty(0, np.float64)
        self.weights32 = np.empty(0, np.int32)
        self.weights64 = np.empty(0, np.int64)
        self._taken = np.zeros(0, np.uint8)

    def reserve(self, n: int, used: int) -> None:
        """Make room for n synapses, keeping the first `used`."""
        if n <= self.capacity:
            return
        n = max(n, self.capacity + self.capacity // 2)
        for name in ("partners", "slots", "delays", "weight_words", "delay_words", "values",
                     "weights32", "weights64"):  # fmt: skip
            old = getattr(self, name)
            new = np.empty(n, old.dtype)
            new[:used] = old[:used]
            setattr(self, name, new)
        self.capacity = n

    def taken(self, n: int) -> npt.NDArray[np.uint8]:
        """Return n zeros, to be left as zeros."""
        if self._taken.size < n:
            self._taken = np.zeros(n, np.uint8)
        return self._taken


def own_positions(these: Ints, others: Ints, autapses: bool) -> Ints:
    """Return for each of `these` its position among `others`, or -1.

    With autapses all are -1: there is nothing to leave out.
    """
    own = np.full(these.size, -1, np.int64)
    if autapses or others.size == 0:
        return own
    order = np.argsort(others, kind="stable")
    place = np.minimum(np.searchsorted(others, these, sorter=order), others.size - 1)
    found = order[place]
    same = others[found] == these
    own[same] = found[same]
    return own


class DelayLaw:
    """Delays in steps as a function of a random word, tabulated where the table is short."""

    def __init__(self, draw: Draw, dt: float, place: str) -> None:
        self.law = prepare_law(draw.kind, draw.a, draw.b, draw.low, draw.high, draw.bound, place)
        self.dt = dt
        ends = [kernels.delay_of_word(self.law, dt, word) for word in (0, _LAST_WORD)]
        self.least, self.greatest = int(min(ends)), int(max(ends))
        self.rising = ends[1] >= ends[0]
        if self.greatest >= LONGEST_DELAY:
            raise DescriptionError(
                place, f"a distribution reaching {self.greatest * dt:.6g} ms",
                f"delays below {LONGEST_DELAY} steps (dt = {dt:g} ms)",
                "Bound them with clip= or redraw=.",
            )  # fmt: skip
        self.varies = self.greatest > self.least
        self.table: tuple[Any, Int32s] | None = None
        if self.varies and self.greatest - self.least < _LARGEST_TABLE:
            thresholds = np.empty(self.greatest - self.least + 1, np.uint32)
            guide = np.empty(4096, np.int32)
            kernels.tabulate_delays(self.law, dt, self.least, self.rising, thresholds, guide)
            self.table = thresholds, guide

    def of_words(self, words: Any, delays: Int32s) -> None:
        """Write the delay [steps] of each word."""
        if not self.varies:
            delays[:] = self.least
        elif self.table is not None:
            kernels.look_up_delays(words, self.least, self.rising, *self.table, delays)
        else:
            kernels.draw_delays(self.law, self.dt, words, delays)


class WeightLaw:
    """Weights as a function of a random word."""

    def __init__(self, draw: Draw, place: str) -> None:
        self.law = prepare_law(draw.kind, draw.a, draw.b, draw.low, draw.high, draw.bound, place)
        self.varies = int(self.law[0]) != CONSTANT
        # The function is monotone: falling for exponentials and where the scale was mirrored.
        self.rising = int(self.law[0]) != EXPONENTIAL and self.law[2] >= 0
        # First word (from the low end of the values) with a value > 0, and with a value >= 0.
        self._first_positive = self._first(lambda x: x > 0)
        self._first_not_negative = self._first(lambda x: x >= 0)

    def of_words(self, words: Any, out: Floats) -> None:
        """Write the weight of each word."""
        kernels.draw_words(self.law, words, out)

    def of_word(self, word: int) -> float:
        """Return the weight of one word."""
        out = np.empty(1)
        self.of_words(np.array([word], np.uint32), out)
        return float(out[0])

    def _first(self, holds: Any) -> int:
        lo, hi = 0, _LAST_WORD + 1
        while lo < hi:
            middle = (lo + hi) // 2
            if holds(self.of_word(middle if self.rising else _LAST_WORD - middle)):
                hi = middle
            else:
                lo = middle + 1
        return lo

    def widen(self, words: Any, found: Ints) -> None:
        """Widen the extremes of words, see `extremes_of_words`."""
        if self._first_positive == 0 or self._first_not_negative > _LAST_WORD:
            kernels.smallest_largest(words, found)
            return
        above, below = self._first_positive, self._first_not_negative - 1
        if not self.rising:
            above, below = _LAST_WORD - below, _LAST_WORD - above
        kernels.extremes_of_words(words, above, below, found)

    def extremes(self, found: Ints) -> Floats:
        """Turn extremes of words into least, greatest, least positive, greatest negative value."""
        words = [int(w) for w in found]
        # Where no value changes the sign, those nearest to 0 are the first or last of all.
        if self._first_positive == 0:
            words[2 if self.rising else 3] = words[0 if self.rising else 1]
        elif self._first_not_negative > _LAST_WORD:
            words[3 if self.rising else 2] = words[1 if self.rising else 0]
        if not self.rising:
            words = [words[1], words[0], words[3], words[2]]
        values = [np.inf, -np.inf, np.inf, -np.inf]
        for k, word in enumerate(words):
            if 0 <= word <= _LAST_WORD:
                values[k] = self.of_word(word)
        return np.array(values)


class Generator:
    """One projection, ready to be generated.

    Parameters
    ----------
    projection : PlanProjection
    seed : int
        Of the network.
    dt : float
        Time step [ms]; drawn delays are rounded to it.

    Attributes
    ----------
    row_counts : (n_pre,) int64 or None
        Synapses of each row, where they are known beforehand.
    by_column : bool
        Whether rows are generated from columns, see `Block`.

    Raises
    ------
    DescriptionError
        If the rule cannot be met, with the projection's name.
    """

    def __init__(self, projection: PlanProjection, seed: int, dt: float) -> None:
        p = projection
        self.projection = p
        self.place = f"Projection '{p.name}'"
        self.n_pre, self.n_post = p.pre.size, p.post.size
        self.key = make_key(seed, WIRING, p.index)
        self.weight = (
            WeightLaw(p.weight, f"{self.place}: weight") if isinstance(p.weight, Draw) else None
        )
        self.delay = (
            DelayLaw(p.delay_steps, dt, f"{self.place}: delay")
            if isinstance(p.delay_steps, Draw)
            else None
        )
        self.dt = dt
        self.needs_words = bool(
            (self.weight and self.weight.varies) or (self.delay and self.delay.varies)
        )
        self.row_counts: Ints | None = None
        self.by_column = p.rule == "fixed_indegree"
        self.distinct = not p.multapses
        self.blocks: list[Block] = []
        if p.rule == "explicit":
            self._prepare_explicit()
        elif self.by_column:
            self._prepare_columns()
        else:
            self._prepare_rows(seed)
        self._check_shapes()

    # -- preparation ------------------------------------------------------------------------

    def _prepare_rows(self, seed: int) -> None:
        p = self.projection
        self.own = own_positions(p.pre, p.post, p.autapses)
        partners = self.n_post - (self.own >= 0)
        match p.rule:
            case "all_to_all":
                self.row_counts = partners.astype(np.int64)
            case "one_to_one":
                if self.n_pre != self.n_post:
                    raise DescriptionError(
                        self.place, f"one-to-one from {self.n_pre} to {self.n_post} neurons",
                        "as many presynaptic as postsynaptic neurons",
                    )  # fmt: skip
                self.row_counts = np.ones(self.n_pre, np.int64)
                if not p.autapses:
                    self.row_counts[p.pre == p.post] = 0
            case "fixed_probability":
                if not 0.0 <= p.probability <= 1.0:
                    raise DescriptionError(
                        f"{self.place}: probability", p.probability, "a number from 0 to 1"
                    )
            case "fixed_outdegree":
                self.row_counts = self._numbers(self.n_pre, partners, "out-degree")
            case "fixed_total_number":
                total = int(p.number)
                possible = int(partners.sum())
                if total < 0 or (total > possible and (self.distinct or possible == 0)):
                    raise DescriptionError(
                        f"{self.place}: total number", total,
                        f"a number from 0 to the {possible} pairs there are",
                        "Or allow multapses." if possible and total > 0 else None,
                    )  # fmt: skip
                below = np.concatenate([[0], np.cumsum(partners)]).astype(np.int64)
                self.row_counts = np.empty(self.n_pre, np.int64)
                key = make_key(seed, COUNT, p.index)
                split_total(total, below, self.distinct, *key, self.row_counts)
            case _:
                raise DescriptionError(f"{self.place}: rule", p.rule, "a rule of the plan")

    def _prepare_columns(self) -> None:
        p = self.projection
        self.own = own_positions(p.post, p.pre, p.autapses)
        partners = self.n_pre - (self.own >= 0)
        self.column_counts = self._numbers(self.n_post, partners, "in-degree")

    def _numbers(self, n: int, partners: Ints, what: str) -> Ints:
        numbers = np.array(np.broadcast_to(np.asarray(self.projection.number, np.int64), (n,)))
        most = partners if self.distinct else np.where(partners > 0, np.iinfo(np.int32).max, 0)
        bad = (numbers < 0) | (numbers > most)
        if bad.any():
            k = int(np.argmax(bad))
            raise DescriptionError(
                f"{self.place}: {what} of neuron {k}", int(numbers[k]),
                f"a number from 0 to {int(most[k])}, the neurons it may connect to",
                "Or allow multapses." if self.distinct and partners[k] else None,
            )  # fmt: skip
        return numbers

    def _prepare_explicit(self) -> None:
        p = self.projection
        assert p.explicit_pre is not None
        assert p.explicit_post is not None
        for name, given, n in (("pre", p.explicit_pre, self.n_pre),
                               ("post", p.explicit_post, self.n_post)):  # fmt: skip
            if given.size and (given.min() < 0 or given.max() >= n):
                raise DescriptionError(
                    f"{self.place}: {name} positions", given, f"positions from 0 to {n - 1}"
                )
        self.row_counts = np.bincount(p.explicit_pre, minlength=self.n_pre).astype(np.int64)
        self.first_connection = np.concatenate([[0], np.cumsum(self.row_counts)])
        in_order = bool(np.all(p.explicit_pre[1:] >= p.explicit_pre[:-1]))
        self.order: Ints | None = None
        if not in_order:
            self.order = np.argsort(p.explicit_pre, kind="stable")

    def _check_shapes(self) -> None:
        p = self.projection
        for name, given in (("weight", p.weight), ("delay", p.delay_steps)):
            if isinstance(given, Draw):
                continue
            listed = p.explicit_pre if p.rule == "explicit" else None
            shape = None if listed is None else (listed.size,)
            if given.shape != shape and given.shape != (self.n_pre, self.n_post):
                expected = f"shape {(self.n_pre, self.n_post)}" + (f" or {shape}" if shape else "")
                raise DescriptionError(f"{self.place}: {name}", given, f"an array of {expected}")

    # -- sizes ------------------------------------------------------------------------------

    def expected_per_row(self) -> Floats:
        """Return the expected number of synapses of each row: (n_pre,) float64."""
        if self.row_counts is not None:
            return self.row_counts.astype(np.float64)
        if self.by_column:
            total = float(self.column_counts.sum())
            return np.full(self.n_pre, total / max(1, self.n_pre))
        return np.full(self.n_pre, self.projection.probability * self.n_post)

    def longest_possible(self) -> int:
        """Return an upper bound of the delay [steps]."""
        if self.delay is not None:
            return max(1, self.delay.greatest)
        given = np.asarray(self.projection.delay_steps)
        longest = int(given.max(initial=1))
        if longest >= LONGEST_DELAY:
            raise DescriptionError(
                f"{self.place}: delay", f"{longest} steps", f"delays below {LONGEST_DELAY} steps"
            )
        return max(1, longest)

    # -- generation -------------------------------------------------------------------------

    def generate(self, lo: int, hi: int, work: Work, base: int) -> Ints:
        """Generate rows lo .. hi-1 into the scratch from place `base` on.

        Returns
        -------
        (hi - lo + 1,) int64
            Where each row begins, counted from `base`. Partners and (where anything is drawn)
            words are then in place.
        """
        p = self.projection
        if p.rule == "fixed_probability":
            return self._generate_bernoulli(lo, hi, work, base)
        if self.by_column:
            return self._generate_from_columns(lo, hi, work, base)
        assert self.row_counts is not None
        starts = np.zeros(hi - lo + 1, np.int64)
        np.cumsum(self.row_counts[lo:hi], out=starts[1:])
        n = int(starts[-1])
        work.reserve(base + n, base)
        partners = work.partners[base : base + n]
        words = work.weight_words[base : base + n], work.delay_words[base : base + n]
        match p.rule:
            case "all_to_all":
                kernels.all_partners(lo, self.n_post, starts, self.own, partners)
            case "one_to_one":
                partners[:] = lo + np.flatnonzero(self.row_counts[lo:hi])
            case "explicit":
                assert p.explicit_post is not None
                partners[:] = p.explicit_post[self.connections(lo, hi)]
                if self.needs_words:
                    kernels.words_of_list(self.connections(lo, hi), *self.key, *words)
                return starts
            case _ if self.distinct:
                taken = work.taken(self.n_post)
                kernels.distinct_partners(
                    lo, self.n_post, starts, self.own, *self.key, taken, partners, *words
                )
                return starts
            case _:
                kernels.uniform_partners(
                    lo, self.n_post, starts, self.own, *self.key, partners, *words
                )
                return starts
        if self.needs_words:
            kernels.words_of_rows(lo, starts, *self.key, *words)
        return starts

    def connections(self, lo: int, hi: int) -> Ints:
        """Return the places in the explicit list of what rows lo .. hi-1 hold."""
        first, last = int(self.first_connection[lo]), int(self.first_connection[hi])
        return np.arange(first, last) if self.order is None else self.order[first:last]

    def _generate_bernoulli(self, lo: int, hi: int, work: Work, base: int) -> Ints:
        p = self.projection
        starts = np.zeros(hi - lo + 1, np.int64)
        mean = p.probability * self.n_post * (hi - lo)
        room = min(int(mean + 8.0 * np.sqrt(mean) + 64), self.n_post * (hi - lo))
        while True:
            work.reserve(base + room, base)
            done = kernels.bernoulli_partners(
                lo, self.n_post, p.probability, self.own, *self.key, starts,
                work.partners[base:], work.weight_words[base:], work.delay_words[base:],
            )  # fmt: skip
            if done == hi - lo:
                return starts
            room = min(2 * work.capacity, self.n_post * (hi - lo))

    def _generate_from_columns(self, lo: int, hi: int, work: Work, base: int) -> Ints:
        block = next(b for b in self.blocks if b.lo <= lo and hi <= b.hi)
        first = block.starts[lo - block.lo]
        starts: Ints = block.starts[lo - block.lo : hi - block.lo + 1] - first
        n = int(starts[-1])
        work.reserve(base + n, base)
        columns = block.columns[first : first + n]
        work.partners[base : base + n] = columns
        if self.needs_words:
            kernels.words_of_draws(
                columns, block.draws[first : first + n], *self.key,
                work.weight_words[base : base + n], work.delay_words[base : base + n],
            )  # fmt: skip
        return starts

    def write_delays(self, lo: int, starts: Ints, work: Work, base: int) -> None:
        """Write the delays [steps] of rows generated from `lo` on into `work.delays`."""
        n = int(starts[-1])
        delays = work.delays[base : base + n]
        if self.delay is not None:
            self.delay.of_words(work.delay_words[base : base + n], delays)
        else:
            self._pick(np.asarray(self.projection.delay_steps), lo, starts, work, base, delays)

    def write_weights(self, lo: int, starts: Ints, work: Work, base: int) -> None:
        """Write the weights of rows generated from `lo` on into `work.values`."""
        n = int(starts[-1])
        values = work.values[base : base + n]
        if self.weight is not None:
            self.weight.of_words(work.weight_words[base : base + n], values)
        else:
            self._pick(np.asarray(self.projection.weight), lo, starts, work, base, values)

    def _pick(
        self, given: Any, lo: int, starts: Ints, work: Work, base: int, out: Any
    ) -> None:  # fmt: skip
        if given.ndim == 1:
            out[:] = given[self.connections(lo, lo + starts.size - 1)]
        else:
            partners = work.partners[base : base + int(starts[-1])]
            kernels.pick(given, lo, starts, partners, out)

    def check_delays(self, smallest: int) -> None:
        """Refuse a delay below one step that an existing connection has."""
        if smallest >= 1:
            return
        drawn = self.delay is not None
        raise DescriptionError(
            f"{self.place}: delay", f"{smallest * self.dt:g} ms on a connection",
            f"delays of one step or more (dt = {self.dt:g} ms)",
            f"Bound it with clip=({self.dt:g}, inf) or redraw=({self.dt:g}, inf), or take a "
            "smaller dt." if drawn else "Use a longer delay or a smaller dt.",
        )  # fmt: skip

    def check_weights(self, weights: Floats) -> None:
        """Refuse a weight that is not finite."""
        if not np.all(np.isfinite(weights)):
            raise DescriptionError(
                f"{self.place}: weight", float(weights[~np.isfinite(weights)][0]), "a finite number"
            )


class Block:
    """What the columns of a projection put into rows lo .. hi-1, row by row.

    Attributes
    ----------
    starts : (hi - lo + 1,) int64
    columns, draws : (n,) int32
        Column, and draw index within it, of each synapse; in each row by ascending column, then
        draw.
    """

    def __init__(self, generator: Generator, lo: int, hi: int) -> None:
        assert generator.row_counts is not None
        self.lo, self.hi = lo, hi
        self.starts = np.zeros(hi - lo + 1, np.int64)
        np.cumsum(generator.row_counts[lo:hi], out=self.starts[1:])
        self.columns = np.empty(int(self.starts[-1]), np.int32)
        self.draws = np.empty(int(self.starts[-1]), np.int32)

    def place(self, generator: Generator, lo: int, hi: int) -> None:
        """Fill rows lo .. hi-1, a part of the block; several workers may fill different parts."""
        kernels.place_columns(
            lo, hi, generator.column_counts, generator.n_pre, generator.distinct, generator.own,
            *generator.key, np.zeros(generator.n_pre, np.uint8),
            np.empty(int(generator.column_counts.max(initial=0)), np.int32),
            self.starts[lo - self.lo : hi - self.lo].copy(), self.columns, self.draws,
        )  # fmt: skip


def count_rows(generator: Generator, columns: Iterable[tuple[int, int]]) -> Ints:
    """Return how many synapses ranges of columns put into each row: (n_pre,) int64."""
    counts = np.zeros(generator.n_pre, np.int64)
    for lo, hi in columns:
        kernels.count_columns(
            lo, generator.column_counts[lo:hi], generator.n_pre, generator.distinct,
            generator.own[lo:hi], *generator.key, np.zeros(generator.n_pre, np.uint8),
            np.empty(int(generator.column_counts[lo:hi].max(initial=0)), np.int32), counts,
        )  # fmt: skip
    return counts
