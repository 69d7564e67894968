"""Where everything lies: arrival slots, tiles of slots, blocks of neurons, shares of workers.

Every receptor of every block of neurons has consecutive arrival slots, one per neuron. Tiles are
ranges of slots, and every population that is large enough has a part in each: whoever is active,
tiles are equally busy. Blocks never depend on the number of threads, since a compiled loop may
round differently in its remainder; tiles may, for integers do not round.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from neurosim.describe.estimate import TILE_SLOTS as TILE_SLOTS
from neurosim.kernels.poisson import GROUP
from neurosim.lower.plan import Floats, Ints, Plan, PlanProjection

BLOCK_NEURONS = GROUP
"""A dozen float64 rows of 1,024 neurons fit into 100 kB, so feeders and update share the L2 cache;
and a block draws its Poisson numbers into a scratch of its own, which holds a group."""

SLOTS_OF_LINE = 16
"""int32 of a cache line; twice as many int64 as one has."""


@dataclass(frozen=True)
class SlotMap:
    """Arrival slots.

    Attributes
    ----------
    first : dict
        (population index, receptor index) -> (n_blocks,) int64, first slot of every block of
        BLOCK_NEURONS neurons.
    unit : (n_slots,) int32
        Which of the keys of `first`, in their order, a slot belongs to; -1 between blocks.
    name : (n_slots,) int32
        Number of a slot that does not depend on how many tiles there are; -1 between blocks.
    tile_first : (n_tiles + 1,) int64
        First slot of every tile, ascending from 0 to `n_slots`; none longer than TILE_SLOTS.
    """

    first: dict[tuple[int, int], Ints]
    unit: npt.NDArray[np.int32]
    name: npt.NDArray[np.int32]
    tile_first: Ints

    @property
    def n_slots(self) -> int:
        """Slots of the whole network, those between blocks included."""
        return self.unit.size


def map_slots(plan: Plan, tiles: int) -> SlotMap:
    """Lay out the arrival slots of a network.

    Parameters
    ----------
    tiles : int
        Wanted number of tiles; there are more where one would be longer than TILE_SLOTS.
    """
    sizes: dict[tuple[int, int], Ints] = {}
    for population in plan.populations:
        receptors = population.spec.receptors if population.spec is not None else ()
        whole, rest = divmod(population.size, BLOCK_NEURONS)
        blocks = np.array([*[BLOCK_NEURONS] * whole, *([rest] if rest else [])], np.int64)
        for index in range(len(receptors)):
            sizes[population.index, index] = blocks
    load = expected_load(plan, sizes)
    padded = {key: -(-blocks // SLOTS_OF_LINE) * SLOTS_OF_LINE for key, blocks in sizes.items()}
    while True:
        tile = deal_blocks(load, tiles)
        wide = np.zeros(tiles, np.int64)
        for key, blocks in padded.items():
            np.add.at(wide, tile[key], blocks)
        if wide.max(initial=0) <= TILE_SLOTS:
            break
        tiles += 1
    tile_first = np.concatenate([[0], np.cumsum(wide)])
    filled = tile_first[:-1].copy()
    first = {key: np.zeros(blocks.size, np.int64) for key, blocks in sizes.items()}
    unit = np.full(int(tile_first[-1]), -1, np.int32)
    name = np.full(int(tile_first[-1]), -1, np.int32)
    named = 0
    for number, (key, blocks) in enumerate(sizes.items()):
        for b, size in enumerate(blocks):
            at = filled[tile[key][b]]
            filled[tile[key][b]] += padded[key][b]
            first[key][b] = at
            unit[at : at + size] = number
            name[at : at + size] = np.arange(named, named + size)
            named += int(size)
    return SlotMap(first, unit, name, tile_first)


def deal_blocks(load: Mapping[tuple[int, int], Floats], tiles: int) -> dict[tuple[int, int], Ints]:
    """Give the first blocks of every row of blocks to the first tile, and so on.

    Parameters
    ----------
    load : mapping to (n_blocks,) float64
        Load of every block of every row, at least 0.

    Returns
    -------
    dict of (n_blocks,) int64
        Tile of every block. Blocks are not cut: what a row gives a tile too much, the next rows
        give it less, each by one block at most. A tile gets no more than about 2 / tiles of the
        blocks of a row, whatever their load.
    """
    missing = np.zeros(max(0, tiles - 1))
    dealt = {}
    for key, row in load.items():
        below = np.concatenate([[0.0], np.cumsum(row + (row.mean() or 1.0))])
        share = below[-1] * np.arange(1, tiles) / tiles
        one = float(np.diff(below).max())
        goals = share + np.clip(missing, -one, one)
        cuts = np.maximum.accumulate(np.abs(below[None, :] - goals[:, None]).argmin(axis=1))
        missing += share - below[cuts]
        dealt[key] = np.searchsorted(cuts, np.arange(row.size), side="right").astype(np.int64)
    return dealt


def rows_by_id(pre: Ints) -> npt.NDArray[np.int32]:
    """Return the row of every id from the first to the last, -1 where there is none.

    Empty where rows simply follow the ids.
    """
    first, last = int(pre.min()), int(pre.max())
    if pre.size == last - first + 1 and not np.any(np.diff(pre) != 1):
        return np.empty(0, np.int32)
    row_of = np.full(last - first + 1, -1, np.int32)
    row_of[pre - first] = np.arange(pre.size, dtype=np.int32)
    return row_of


def slots_of(projection: PlanProjection, plan: Plan, slot_map: SlotMap) -> Ints:
    """Return the arrival slot of every post position: shape (n_post,), int64."""
    slots = np.empty(projection.post.size, np.int64)
    for key, here, local in targets_of(projection, plan):
        block, within = np.divmod(local, BLOCK_NEURONS)
        slots[here] = slot_map.first[key][block] + within
    return slots


def targets_of(
    projection: PlanProjection, plan: Plan
) -> Iterator[tuple[tuple[int, int], Ints, Ints]]:
    """Yield (population, receptor), the post positions there, and the neurons within it."""
    offsets = np.array([p.offset for p in plan.populations], np.int64)
    population = np.searchsorted(offsets, projection.post, side="right") - 1
    for p in np.unique(population):
        of_population = population == p
        for r in np.unique(projection.post_receptor[of_population]):
            here = np.flatnonzero(of_population & (projection.post_receptor == r))
            yield (int(p), int(r)), here, projection.post[here] - offsets[p]


def split_evenly(load: Floats, parts: int) -> Ints:
    """Cut a row of items into ranges of about equal load.

    Parameters
    ----------
    load : (n,) float64
        Load of every item, at least 0.
    parts : int
        Wanted number of ranges; fewer where items are few.

    Returns
    -------
    (n_ranges + 1,) int64
        Bounds, ascending from 0 to n.
    """
    n = load.size
    if n == 0:
        return np.zeros(2, np.int64)
    parts = max(1, min(parts, n))
    # A little load for each item keeps ranges finite where nothing is known about the rest.
    below = np.cumsum(load + 1e-3 * (load.mean() + 1.0))
    goals = below[-1] * np.arange(1, parts) / parts
    inner = np.searchsorted(below, goals) + 1
    return np.unique(np.concatenate([[0], np.minimum(inner, n), [n]])).astype(np.int64)


@dataclass(frozen=True)
class BlockMap:
    """Blocks of neurons, in the order of global ids.

    population, lo, hi : (n_blocks,) int64
    """

    population: Ints
    lo: Ints
    hi: Ints


def map_blocks(plan: Plan, whole: frozenset[int]) -> BlockMap:
    """Cut every population into blocks; populations in `whole` stay in one piece."""
    population: list[int] = []
    lo: list[int] = []
    hi: list[int] = []
    for p in plan.populations:
        length = p.size if p.index in whole else BLOCK_NEURONS
        for start in range(0, p.size, max(length, 1)):
            population.append(p.index)
            lo.append(start)
            hi.append(min(start + length, p.size))
    as_array = [np.array(v, np.int64) for v in (population, lo, hi)]
    return BlockMap(*as_array)


def expected_load(
    plan: Plan, sizes: Mapping[tuple[int, int], Ints]
) -> dict[tuple[int, int], Floats]:
    """Estimate the synapses onto each block, to share tiles fairly: (n_blocks,) float64 each."""
    load = {key: np.zeros(blocks.size) for key, blocks in sizes.items()}
    for projection in plan.projections:
        each = expected_connections(projection) / max(1, projection.post.size)
        for key, _, local in targets_of(projection, plan):
            np.add.at(load[key], local // BLOCK_NEURONS, each)
    return load


def expected_connections(projection: PlanProjection) -> float:
    """Return the expected number of synapses of a projection."""
    n_pre, n_post = projection.pre.size, projection.post.size
    number = projection.number
    match projection.rule:
        case "all_to_all":
            return float(n_pre) * n_post
        case "one_to_one":
            return float(n_pre)
        case "fixed_probability":
            return projection.probability * n_pre * n_post
        case "fixed_indegree":
            return float(np.sum(number)) if np.ndim(number) else float(number) * n_post
        case "fixed_outdegree":
            return float(np.sum(number)) if np.ndim(number) else float(number) * n_pre
        case "fixed_total_number":
            return float(number)
        case "explicit":
            assert projection.explicit_pre is not None
            return float(projection.explicit_pre.size)
        case other:
            raise AssertionError(f"unknown rule {other!r} in the plan")
