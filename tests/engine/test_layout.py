"""Arrival slots: each neuron has its own, tiles are short enough and equally loaded."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import neurosim as ns
from neurosim.engine import layout
from neurosim.lower.lowering import lower
from neurosim.lower.plan import Plan

TWO = ns.ExpCurrent(exc=5, inh=10)


def plan_of(sizes: list[int], fan: list[int]) -> Plan:
    """Lower populations that each project to all, with so many synapses per neuron."""
    net = ns.Network("layout")
    populations = [net.population(f"p{k}", n, ns.LIF(synapses=TWO)) for k, n in enumerate(sizes)]
    every = populations[0][:]
    for p in populations[1:]:
        every = every + p
    for k, (p, n) in enumerate(zip(populations, fan, strict=True)):
        if n:
            receptor = "inh" if k % 2 else "exc"
            net.project(p, every, ns.FixedOutdegree(n), weight=1.0, receptor=receptor, name=f"f{k}")
    return lower(net, 0.1)


@settings(max_examples=40, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 9000), min_size=1, max_size=5),
    fan=st.lists(st.integers(0, 50), min_size=5, max_size=5),
    tiles=st.integers(1, 4),
)
def test_slots_are_distinct_and_blocks_whole(sizes: list[int], fan: list[int], tiles: int) -> None:
    plan = plan_of(sizes, fan[: len(sizes)])
    slots = layout.map_slots(plan, tiles)
    taken = []
    for (population, _), first in slots.first.items():
        size = plan.populations[population].size
        for b, start in enumerate(first):
            length = min(layout.BLOCK_NEURONS, size - b * layout.BLOCK_NEURONS)
            assert start % layout.SLOTS_OF_LINE == 0
            tile = np.searchsorted(slots.tile_first, start, side="right")
            assert start + length <= slots.tile_first[tile], "a block lies in one tile"
            taken.append(np.arange(start, start + length))
        assert np.all(np.diff(first) > 0), "slots ascend with neurons"
    together = np.concatenate(taken)
    assert np.unique(together).size == together.size
    assert np.array_equal(np.sort(together), np.flatnonzero(slots.unit >= 0))
    assert slots.tile_first[-1] == slots.n_slots


@settings(max_examples=20, deadline=None)
@given(sizes=st.lists(st.integers(1, 9000), min_size=1, max_size=4), tiles=st.integers(2, 4))
def test_names_do_not_depend_on_tiles(sizes: list[int], tiles: int) -> None:
    plan = plan_of(sizes, [3] * len(sizes))
    one, more = layout.map_slots(plan, 1), layout.map_slots(plan, tiles)
    for projection in plan.projections:
        a = one.name[layout.slots_of(projection, plan, one)]
        b = more.name[layout.slots_of(projection, plan, more)]
        assert np.array_equal(a, b)
        assert np.unique(a).size == a.size


def test_tiles_are_never_longer_than_sixteen_bits_can_tell() -> None:
    plan = plan_of([200_000, 3], [1, 1])
    slots = layout.map_slots(plan, 1)
    assert slots.tile_first.size - 1 >= 7
    assert np.diff(slots.tile_first).max() <= layout.TILE_SLOTS


@settings(max_examples=60, deadline=None)
@given(
    blocks=st.lists(st.integers(1, 40), min_size=1, max_size=8),
    weight=st.lists(st.floats(0.1, 100), min_size=8, max_size=8),
    tiles=st.integers(2, 4),
)
def test_dealing_leaves_no_tile_more_than_two_blocks_behind(
    blocks: list[int], weight: list[float], tiles: int
) -> None:
    """Every tile ends within two of the heaviest blocks of its equal share."""
    load = {(k, 0): np.full(n, weight[k]) for k, n in enumerate(blocks)}
    dealt = layout.deal_blocks(load, tiles)
    total = np.zeros(tiles)
    for key, row in load.items():
        np.add.at(total, dealt[key], row)
        assert np.all(np.diff(dealt[key]) >= 0)
    share = total.sum() / tiles
    heaviest = max(weight[: len(blocks)])
    assert np.abs(total - share).max() <= 2 * heaviest + 0.01 * share


def test_one_block_that_gets_everything_makes_no_tile_too_long() -> None:
    net = ns.Network("skewed")
    a = net.population("a", 300_000, ns.LIF(synapses=ns.Delta()))
    net.project(a[:10], a[:1000], ns.AllToAll(), weight=1.0)
    slots = layout.map_slots(lower(net, 0.1), 2)
    assert np.diff(slots.tile_first).max() <= layout.TILE_SLOTS
    assert slots.tile_first.size - 1 <= 14


def test_every_large_population_has_a_part_in_every_tile() -> None:
    plan = plan_of([40_000, 9_000, 5_000], [10, 30, 2])
    slots = layout.map_slots(plan, 2)
    for first in slots.first.values():
        tile = np.searchsorted(slots.tile_first, first, side="right") - 1
        assert set(tile) == {0, 1}
