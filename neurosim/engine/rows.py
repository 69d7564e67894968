"""Rows of synapses: counted by `measure`, then written by `fill`.

A row holds what one presynaptic neuron sends to one tile, sorted by delay, by target within a
delay, and by order of drawing within a target. Projections from the same neurons share rows.

Both passes generate chunk by chunk; a chunk's scratch is all that exists beside the result. Where
chunks begin depends on the projections alone, every number on its own counter, and what workers
add up are integers: results do not depend on the number of threads.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from neurosim.engine.rules import Block, Generator, Work, count_rows
from neurosim.errors import CapacityError
from neurosim.kernels import rows as kernels
from neurosim.kernels import wiring
from neurosim.kernels.delivery import PACKED_HEADER, TARGET_HEADER
from neurosim.kernels.jit import JIT
from neurosim.lower.plan import Floats, Ints, PlanProjection

CHUNK = 1 << 19
"""Synapses generated at once by a worker: up to 20 MB of scratch. Kernels stream through it: it
need not fit into the L2 cache; a quarter as many cost 2 ns each in calls of kernels."""

BLOCK = 1 << 24
"""Synapses of a fixed in-degree turned from columns to rows at once, 8 bytes each; more where a
quarter of them is more, since every block goes through all columns."""

DEEPEST = 2**16 - 1
"""Most delay steps of a wave: a delay within a wave is 16 bits."""

_LARGEST = {"fixed16": 2**15 - 1, "int32": 2**31 - 1, "int64": 2**62}


@dataclass
class Measure:
    """What is known of a bundle of projections before its rows are written.

    Attributes
    ----------
    n_connections : list of int
        Per projection.
    row_counts, run_counts : (n_tiles, n_pre) int32
        Synapses, and delays present, of each row in each tile.
    min_weight, max_weight, min_abs_weight, max_abs_weight : (n_projections,) float64
        Extremes of the weights that exist. Without connections they are +inf, -inf, +inf, 0;
        `min_abs_weight` is that of weights other than 0, +inf if there are none.
    min_delay, max_delay : int
        In steps, over existing connections; 1 where there are none.
    """

    generators: list[Generator]
    slots: list[Ints]
    tile_bounds: Ints
    threads: int
    chunks: list[list[tuple[int, int]]]
    post_counts: list[Ints]
    n_connections: list[int]
    row_counts: npt.NDArray[np.int32]
    run_counts: npt.NDArray[np.int32]
    min_weight: Floats
    max_weight: Floats
    min_abs_weight: Floats
    max_abs_weight: Floats
    min_delay: int
    max_delay: int

    def slot_counts(self, j: int) -> Ints:
        """Return the number of synapses of projection j on each post position: (n_post,) int64."""
        return self.post_counts[j]


@dataclass
class Rows:
    """Rows of a bundle; tuples hold one array per tile. See `neurosim.kernels.delivery`.

    Attributes
    ----------
    wave_start : tuple of (n_pre * n_waves + 1,) uint32
        Where each wave of each row begins in the stream; the last entry is the stream's end.
    stream : tuple of (n,) uint32 or uint16
        Runs of synapses of one delay, each after a header. uint32 ("fixed16"): weight << 16 |
        target, the weight signed. uint16 ("constant", "full"): the slot within the tile.
    weight : tuple of (n,) int64 or int32
        In accumulator units, as wide as the accumulator, beside its target in the stream ("full";
        otherwise empty). What stands beside headers means nothing.
    constant : int
        The weight of every synapse ("constant"; otherwise 0).
    format : str
    n_waves, depth : int
        Waves of a row, and delay steps of a wave.
    """

    wave_start: tuple[npt.NDArray[np.uint32], ...]
    stream: tuple[npt.NDArray[Any], ...]
    weight: tuple[npt.NDArray[Any], ...]
    constant: int
    format: str
    n_waves: int
    depth: int


def _in_parallel(jobs: Sequence[Any], worker: Callable[[], Callable[[Any], None]], n: int) -> None:
    """Do all jobs on n threads; `worker` makes the function (with its scratch) of one thread."""
    if not JIT or len(jobs) < 2:
        n = 1
    remaining = iter(jobs)
    lock = threading.Lock()
    failures: list[BaseException] = []

    def work() -> None:
        try:
            do = worker()
            while not failures:
                with lock:
                    job = next(remaining, None)
                if job is None:
                    return
                do(job)
        except BaseException as failure:
            failures.append(failure)

    others = [threading.Thread(target=work, daemon=True) for _ in range(min(n, len(jobs)) - 1)]
    for thread in others:
        thread.start()
    work()
    for thread in others:
        thread.join()
    if failures:
        raise failures[0]


def _cut(load: Floats, largest: float, lo: int, hi: int) -> list[tuple[int, int]]:
    """Cut rows lo .. hi-1 into stretches of at most `largest` synapses, or of one row."""
    below = np.concatenate([[0.0], np.cumsum(load[lo:hi])])
    stretches: list[tuple[int, int]] = []
    first, n = 0, hi - lo
    while first < n:
        last = int(np.searchsorted(below, below[first] + largest, side="right")) - 1
        # Rows without synapses cost time too.
        last = min(max(last, first + 1), first + 4096, n)
        stretches.append((lo + first, lo + last))
        first = last
    return stretches


def _even(n: int, parts: int) -> list[tuple[int, int]]:
    bounds = [n * k // parts for k in range(parts + 1)]
    return [(a, b) for a, b in pairwise(bounds) if b > a]


def _place(block: Block, g: Generator, threads: int) -> Block:
    """Fill a block; each thread goes through all columns and keeps what is in its rows."""

    def place(part: tuple[int, int]) -> None:
        block.place(g, block.lo + part[0], block.lo + part[1])

    _in_parallel(_even(block.hi - block.lo, threads), lambda: place, threads)
    return block


def _count_rows(g: Generator, threads: int) -> Ints:
    """Count the synapses of each row of a projection that is drawn by columns."""
    found: list[Ints] = []

    def count(part: tuple[int, int]) -> None:
        found.append(count_rows(g, [part]))

    _in_parallel(_even(g.n_post, threads), lambda: count, threads)
    counts: Ints = np.sum([np.zeros(g.n_pre, np.int64), *found], axis=0)
    return counts


def _for_each_chunk(
    generators: list[Generator],
    chunks: list[list[tuple[int, int]]],
    worker: Callable[[], Callable[[Any], None]],
    threads: int,
) -> None:
    """Go through all chunks; those of one block come after its columns are placed."""
    by_column = [g for g in generators if g.by_column]
    for block_chunks in chunks:
        if not block_chunks:
            continue
        lo, hi = block_chunks[0][0], block_chunks[-1][1]
        for g in by_column:
            g.blocks = [_place(Block(g, lo, hi), g, threads)]
        _in_parallel(block_chunks, worker, threads)
    for g in by_column:
        g.blocks = []


def measure(
    projections: Sequence[PlanProjection],
    seed: int,
    dt: float,
    slots: Sequence[Ints],
    n_slots: int,
    tile_bounds: Ints,
    threads: int,
) -> Measure:
    """Generate a bundle of projections once and count.

    Parameters
    ----------
    projections : sequence of PlanProjection
        With one and the same `pre`.
    seed : int
        Of the network.
    dt : float
        Time step [ms].
    slots : sequence of (n_post,) int64
        Arrival slot of every post position, per projection.
    n_slots : int
        Slots of the network.
    tile_bounds : (n_tiles + 1,) int64
        First slot of every tile, ascending from 0 to `n_slots`; none longer than 65,536.
    threads : int

    Raises
    ------
    DescriptionError
        If a rule cannot be met, a weight is not finite or an existing delay is below one step.
    """
    generators = [Generator(p, seed, dt) for p in projections]
    n_pre = generators[0].n_pre
    bounds = np.ascontiguousarray(tile_bounds, np.int64)
    n_tiles = bounds.size - 1
    for g in generators:
        if g.by_column:
            g.row_counts = _count_rows(g, threads)
    chunks = _chunks(generators)
    below = _expected_below(generators)

    totals = [np.zeros(g.n_post, np.int64) for g in generators]
    row_counts = np.zeros((n_tiles, n_pre), np.int32)
    run_counts = np.zeros((n_tiles, n_pre), np.int32)
    guide = _tile_guide(bounds)
    bases = [_consecutive(s) for s in slots]
    longest = max(g.longest_possible() for g in generators)
    extremes: list[tuple[list[Ints], list[Floats], Ints]] = []
    lock = threading.Lock()

    def worker() -> Callable[[tuple[int, int]], None]:
        work = Work()
        counts = [np.zeros(g.n_post, np.int32) for g in generators]
        words = [_no_words() for _ in generators]
        values = [_no_values() for _ in generators]
        delays = np.array([np.iinfo(np.int64).max, -1])
        seen = np.zeros(n_tiles * (longest + 1), np.int32)
        with lock:
            extremes.append((words, values, delays))
            all_counts.append(counts)

        def do(chunk: tuple[int, int]) -> None:
            lo, hi = chunk
            work.reserve(int(below[hi] - below[lo]), 0)
            offsets = np.empty((len(generators), hi - lo + 1), np.int64)
            base = 0
            for j, g in enumerate(generators):
                starts = g.generate(lo, hi, work, base)
                n = int(starts[-1])
                offsets[j] = starts + base
                if n == 0:
                    continue
                part = slice(base, base + n)
                wiring.count_partners(work.partners[part], counts[j])
                g.write_delays(lo, starts, work, base)
                here = np.array([np.iinfo(np.int64).max, -1])
                wiring.smallest_largest(work.delays[part], here)
                g.check_delays(int(here[0]))
                delays[0], delays[1] = min(delays[0], here[0]), max(delays[1], here[1])
                if g.weight is None:
                    g.write_weights(lo, starts, work, base)
                    g.check_weights(work.values[part])
                    wiring.extremes_of_values(work.values[part], values[j])
                elif g.weight.varies:
                    g.weight.widen(work.weight_words[part], words[j])
                if n_tiles > 1:
                    kernels.slots_of_partners(
                        work.partners[part], slots[j], bases[j], work.slots[part]
                    )
                base += n
            kernels.measure_rows(
                lo, offsets, work.slots, work.delays, bounds, guide, seen, row_counts, run_counts
            )

        return do

    all_counts: list[list[npt.NDArray[np.int32]]] = []
    _for_each_chunk(generators, chunks, worker, threads)
    for counts in all_counts:
        for j, count in enumerate(counts):
            totals[j] += count
    n_connections = [int(t.sum()) for t in totals]
    found_values = _merge(generators, extremes, n_connections)
    shortest = min((int(d[0]) for _, _, d in extremes), default=1)
    longest_found = max((int(d[1]) for _, _, d in extremes), default=1)
    some = sum(n_connections) > 0
    least, greatest = found_values[:, 0], found_values[:, 1]
    return Measure(
        generators=generators,
        slots=list(slots),
        tile_bounds=bounds,
        threads=threads,
        chunks=chunks,
        post_counts=totals,
        n_connections=n_connections,
        row_counts=row_counts,
        run_counts=run_counts,
        min_weight=least,
        max_weight=greatest,
        min_abs_weight=np.minimum(found_values[:, 2], -found_values[:, 3]),
        max_abs_weight=np.maximum(np.maximum(-least, greatest), 0.0),
        min_delay=shortest if some else 1,
        max_delay=longest_found if some else 1,
    )


def _expected_below(generators: list[Generator]) -> Floats:
    """Return the expected number of synapses in the rows before each: (n_pre + 1,) float64."""
    load = np.sum([g.expected_per_row() for g in generators], axis=0)
    return np.concatenate([[0.0], np.cumsum(load)])


def _chunks(generators: list[Generator]) -> list[list[tuple[int, int]]]:
    """Cut the rows into chunks, grouped by blocks."""
    n_pre = generators[0].n_pre
    load = np.sum([g.expected_per_row() for g in generators], axis=0)
    turned = [g.row_counts for g in generators if g.by_column and g.row_counts is not None]
    blocks = [(0, n_pre)] if n_pre else []
    if turned:
        per_row = np.sum(turned, axis=0)
        total = float(per_row.sum())
        if total > BLOCK:
            blocks = _cut_blocks(per_row.astype(np.float64), max(BLOCK, total / 4))
    return [_cut(load, CHUNK, lo, hi) for lo, hi in blocks]


def _cut_blocks(load: Floats, largest: float) -> list[tuple[int, int]]:
    below = np.cumsum(load)
    ends = np.searchsorted(below, np.arange(largest, below[-1], largest))
    bounds = np.unique(np.concatenate([[0], ends, [load.size]]))
    return [(int(a), int(b)) for a, b in pairwise(bounds)]


def _no_words() -> Ints:
    return np.array([np.iinfo(np.int64).max, -1, np.iinfo(np.int64).max, -1])


def _no_values() -> Floats:
    return np.array([np.inf, -np.inf, np.inf, -np.inf])


def _merge(
    generators: list[Generator],
    extremes: list[tuple[list[Ints], list[Floats], Ints]],
    n_connections: list[int],
) -> Floats:
    """Least, greatest, least positive, greatest negative weight: (n_projections, 4)."""
    result = np.empty((len(generators), 4))
    for j, g in enumerate(generators):
        values = _no_values()
        if n_connections[j] > 0:
            if g.weight is None:
                found = [v[j] for _, v, _ in extremes]
            elif g.weight.varies:
                merged = _no_words()
                for w, _, _ in extremes:
                    merged[::2] = np.minimum(merged[::2], w[j][::2])
                    merged[1::2] = np.maximum(merged[1::2], w[j][1::2])
                found = [g.weight.extremes(merged)]
            else:
                x = g.weight.of_word(0)
                found = [np.array([x, x, x if x > 0 else np.inf, x if x < 0 else -np.inf])]
            for f in found:
                values[::2] = np.minimum(values[::2], f[::2])
                values[1::2] = np.maximum(values[1::2], f[1::2])
        result[j] = values
    return result


def _tile_guide(bounds: Ints) -> npt.NDArray[np.int32]:
    """Tile of every 1024th slot, see `neurosim.kernels.rows`."""
    first = np.arange(0, int(bounds[-1]) + 1024, 1024)
    tiles = np.searchsorted(bounds, first, side="right") - 1
    return np.clip(tiles, 0, max(0, bounds.size - 2)).astype(np.int32)


def _consecutive(slots: Ints) -> int:
    """Return slots[0] if the slots are consecutive, else -1."""
    if slots.size and np.array_equal(slots, np.arange(slots[0], slots[0] + slots.size)):
        return int(slots[0])
    return -1


def fill(
    measured: Measure,
    scales: Sequence[Floats],
    synapse_format: str,
    accumulator: npt.DTypeLike,
    depth: int,
) -> Rows:
    """Generate a measured bundle again and write its rows.

    Parameters
    ----------
    measured : Measure
    scales : sequence of (n_post,) float64
        Weight units per accumulator unit at every post position, per projection; powers of two.
    synapse_format : {"constant", "full", "fixed16"}
        "constant": all synapses have one integer weight, which is not stored (2 bytes each).
        "full": a weight as wide as the accumulator (10 or 6 bytes). "fixed16": 16 bits (4 bytes).
        "real": as "full", but a float64 or float32 in the unit of the weight, whose bits stand in
        `Rows.weight`.
    accumulator : dtype
        int64 or int32.
    depth : int
        Delay steps of a wave, at most `DEEPEST`.

    Raises
    ------
    CapacityError
        If a weight does not fit, or the synapses of a tile are more than 2^32.
    """
    if synapse_format not in ("constant", "full", "fixed16", "real"):
        raise ValueError(f"synapse_format is {synapse_format!r}")
    m = measured
    generators = m.generators
    stored = synapse_format in ("full", "real")
    wide = np.dtype(accumulator) == np.int64 and stored
    real = np.float64 if wide else np.float32
    limit = _LARGEST["fixed16" if synapse_format == "fixed16" else str(np.dtype(accumulator))]
    row_start, n_in_tile = _starts(m.row_counts)
    run_start, runs_in_tile = _starts(m.run_counts)
    header = PACKED_HEADER if synapse_format == "fixed16" else TARGET_HEADER
    ends = n_in_tile + header * runs_in_tile
    largest_tile = int(np.diff(ends).max(initial=0))
    if largest_tile >= 2**32:
        raise CapacityError(
            f"{generators[0].place} and others: {largest_tile:,} synapses for one tile of targets; "
            f"at most {2**32 - 1:,} can be addressed. Use more threads, or split the populations."
        )
    n_pre = generators[0].n_pre
    n_waves = max(1, -(-m.max_delay // depth))
    wave_start = np.empty((len(ends) - 1, n_pre * n_waves + 1), np.uint32)
    wave_start[:, -1] = np.diff(ends)
    n = int(ends[-1])
    word = np.empty(n if synapse_format == "fixed16" else 0, np.uint32)
    target = np.empty(n if synapse_format != "fixed16" else 0, np.uint16)
    weight = np.empty(n if stored else 0, np.int64 if wide else np.int32)
    form = {
        "fixed16": kernels.PACKED, "full": kernels.SEPARATE, "real": kernels.SEPARATE,
        "constant": kernels.WEIGHTLESS,
    }[synapse_format]  # fmt: skip

    scales = [np.ascontiguousarray(s, np.float64) for s in scales]
    one_scale = [float(s[0]) if s.size and np.all(s == s[0]) else 0.0 for s in scales]
    constant = _constant_weight(m, one_scale) if synapse_format == "constant" else 0
    used = [s for s, k in zip(m.slots, m.n_connections, strict=True) if k]
    lowest = min((int(s.min()) for s in used), default=0)
    highest = max((int(s.max()) for s in used), default=0)
    span = m.max_delay - m.min_delay + 1
    longest_row = int(m.row_counts.sum(axis=0, dtype=np.int64).max(initial=0))
    bases = [_consecutive(s) for s in m.slots]
    below = _expected_below(generators)

    def worker() -> Callable[[tuple[int, int]], None]:
        work = Work()
        n_buckets = min(highest - lowest, max(2 * longest_row, 16)) + 3
        buckets = np.empty(n_buckets, np.int32)
        counters = np.empty(max(257, min(span, 4 * longest_row + 64) + 1), np.int32)
        items = np.empty(longest_row, np.int64)
        other = np.empty(longest_row, np.int64)
        run_delay, run_end = np.empty(longest_row, np.int32), np.empty(longest_row, np.int32)

        def do(chunk: tuple[int, int]) -> None:
            lo, hi = chunk
            work.reserve(int(below[hi] - below[lo]), 0)
            offsets = np.empty((len(generators), hi - lo + 1), np.int64)
            base = 0
            for j, g in enumerate(generators):
                starts = g.generate(lo, hi, work, base)
                k = int(starts[-1])
                offsets[j] = starts + base
                if k == 0:
                    continue
                part = slice(base, base + k)
                g.write_delays(lo, starts, work, base)
                kernels.slots_of_partners(
                    work.partners[part], m.slots[j], bases[j], work.slots[part]
                )
                if synapse_format != "constant":
                    g.write_weights(lo, starts, work, base)
                    units = work.weights64[part] if wide else work.weights32[part]
                if synapse_format == "real":
                    units.view(real)[:] = work.values[part]
                elif synapse_format != "constant":
                    largest = kernels.quantise(
                        work.values[part], scales[j], one_scale[j], work.partners[part], units
                    )
                    if not largest <= limit:
                        raise CapacityError(
                            f"{g.place}: a weight of {largest:.6g} accumulator units does not fit "
                            f"into the synapse format {synapse_format!r} (at most {limit})."
                        )
                base += k
            faults = kernels.write_rows(
                lo, offsets, work.slots, work.delays, work.weights64 if wide else work.weights32,
                lowest, highest, m.min_delay, m.max_delay, depth, m.tile_bounds, row_start,
                run_start, header, buckets, counters, items, other, run_delay, run_end, form,
                n_waves, wave_start, word, target, weight,
            )  # fmt: skip
            if faults:
                raise AssertionError(f"{faults} rows differ from what was measured")

        return do

    _for_each_chunk(generators, m.chunks, worker, m.threads)
    return Rows(
        wave_start=tuple(wave_start),
        stream=_per_tile(word if synapse_format == "fixed16" else target, ends),
        weight=_per_tile(weight, ends),
        constant=constant,
        format=synapse_format,
        n_waves=n_waves,
        depth=depth,
    )


def _starts(counts: npt.NDArray[np.int32]) -> tuple[Ints, Ints]:
    """Where each row of each tile begins in the arrays of all tiles, and where each tile does.

    Returns
    -------
    (n_tiles, n_pre + 1) int64, (n_tiles + 1,) int64
    """
    n_tiles, n_pre = counts.shape
    starts = np.zeros((n_tiles, n_pre + 1), np.int64)
    np.cumsum(counts, axis=1, dtype=np.int64, out=starts[:, 1:])
    tiles = np.concatenate([[0], np.cumsum(starts[:, -1])]).astype(np.int64)
    starts += tiles[:-1, None]
    return starts, tiles


def _per_tile(array: npt.NDArray[Any], bounds: Ints) -> tuple[npt.NDArray[Any], ...]:
    return tuple(array[a:b] for a, b in pairwise(bounds))


def _constant_weight(m: Measure, one_scale: list[float]) -> int:
    found: set[int] = set()
    for j, g in enumerate(m.generators):
        if m.n_connections[j] == 0:
            continue
        same = m.min_weight[j] == m.max_weight[j] and one_scale[j] > 0
        if not same:
            raise CapacityError(f"{g.place}: the weights are not one integer, store them.")
        found.add(round(float(m.min_weight[j]) / one_scale[j]))
    if len(found) > 1:
        raise CapacityError(f"{m.generators[0].place} and others: the weights are not one integer.")
    return found.pop() if found else 0
