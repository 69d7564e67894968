"""Where everything lies: arrival slots, tiles of slots, blocks of neurons, shares of workers.

Every receptor of every population has a contiguous block of arrival slots, one per neuron. Tiles
are ranges of slots and blocks ranges of neurons. Blocks never depend on the number of threads,
since a compiled loop may round differently in its remainder; tiles may, for integers do not round.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

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
        (population index, receptor index) -> first slot of that block.
    n_slots : int
        Slots of the whole network, those between blocks included.
    """

    first: dict[tuple[int, int], int]
    n_slots: int


def map_slots(plan: Plan) -> SlotMap:
    """Give every receptor of every population a block of slots, from a cache line on."""
    first: dict[tuple[int, int], int] = {}
    at = 0
    for population in plan.populations:
        receptors = population.spec.receptors if population.spec is not None else ()
        for index in range(len(receptors)):
            first[population.index, index] = at
            at += -(-population.size // SLOTS_OF_LINE) * SLOTS_OF_LINE
    return SlotMap(first, at)


def slots_of(projection: PlanProjection, plan: Plan, slot_map: SlotMap) -> Ints:
    """Return the arrival slot of every post position: shape (n_post,), int64."""
    offsets = np.array([p.offset for p in plan.populations], np.int64)
    population = np.searchsorted(offsets, projection.post, side="right") - 1
    slots = np.empty(projection.post.size, np.int64)
    for p in np.unique(population):
        here = population == p
        receptor = projection.post_receptor[here]
        first = np.array(
            [slot_map.first[int(p), int(r)] for r in range(int(receptor.max()) + 1)], np.int64
        )
        slots[here] = first[receptor] + projection.post[here] - offsets[p]
    return slots


def split_evenly(load: Floats, parts: int, largest: int) -> Ints:
    """Cut a row of items into ranges of about equal load, none longer than `largest`.

    Parameters
    ----------
    load : (n,) float64
        Load of every item, at least 0.
    parts : int
        Wanted number of ranges; more where `largest` asks for it, fewer where items are few.
    largest : int
        The most items in one range.

    Returns
    -------
    (n_ranges + 1,) int64
        Bounds, ascending from 0 to n.
    """
    n = load.size
    if n == 0:
        return np.zeros(2, np.int64)
    parts = max(1, min(parts, n), -(-n // largest))
    # A little load for each item keeps ranges finite where nothing is known about the rest.
    below = np.cumsum(load + 1e-3 * (load.mean() + 1.0))
    goals = below[-1] * np.arange(1, parts) / parts
    inner = np.searchsorted(below, goals) + 1
    bounds = [0]
    for bound in [*inner.tolist(), n]:
        bound = min(max(bound, bounds[-1]), n)
        while bound - bounds[-1] > largest:
            bounds.append(bounds[-1] + largest)
        if bound > bounds[-1]:
            bounds.append(bound)
    return np.array(bounds, np.int64)


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


def expected_indegree(plan: Plan, slot_map: SlotMap) -> Floats:
    """Estimate the synapses on each slot, to share tiles fairly: shape (n_slots,)."""
    load = np.zeros(slot_map.n_slots)
    for projection in plan.projections:
        slots = slots_of(projection, plan, slot_map)
        np.add.at(load, slots, expected_connections(projection) / max(1, slots.size))
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
