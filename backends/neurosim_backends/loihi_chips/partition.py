"""Neurons onto cores, one after the other, until a limit is reached.

A core takes as many of the next neurons as it holds. What it holds is counted from the synapses
onto them: every presynaptic neuron of a group of synapses that has a target on the core is an input
axon there, and an output axon of its own core.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from neurosim_backends.loihi.chip import Compartments, Group, IntegerNetwork, Ints
from neurosim_backends.loihi_chips.limits import (
    BLOCK_HEADER,
    BLOCK_WEIGHTS,
    INDEX_BITS,
    WEIGHT_BITS,
    WORD,
)

FIRST_LOOK = 1024
"""Neurons that are looked at to fill the first core; later as many as twice the last one took."""


@dataclass(frozen=True, kw_only=True)
class Incoming:
    """Synapses in the order of their targets, as little of them as decides where neurons go.

    An axon is a presynaptic neuron of a group of synapses.

    Attributes
    ----------
    first : (n_compartments + 1,) int64
        Where the synapses onto each compartment begin.
    axon : (n_synapses,) int32
    group : (n_axons,) int32
        Of each axon.
    source : (n_axons,) int64
        Compartment that sends to each axon; -1 for generators.
    weight_bits, delay_bits : (n_groups,) int64
    indexed : (n_groups,) bool
        Whether each weight says which compartment it is for.
    names : tuple of str
        Of the groups.
    """

    first: Ints
    axon: npt.NDArray[np.int32]
    group: npt.NDArray[np.int32]
    source: Ints
    weight_bits: Ints
    delay_bits: Ints
    indexed: npt.NDArray[np.bool_]
    names: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Neurons:
    """What compartments are, in the order in which they are placed.

    Attributes
    ----------
    size : int
    configuration, threshold : (size,) int64
        Which registers each has.
    alone : frozenset of int
        Where a core begins, whatever else there is.
    """

    size: int
    configuration: Ints
    threshold: Ints
    alone: frozenset[int]


@dataclass(kw_only=True)
class Placement:
    """Cores as ranges of compartments, and what they use.

    Attributes
    ----------
    bounds : list of (int, int)
    use : list of dict
        For each core.
    bound_by : list of str
    copies : (n_axons,) int64
        On how many cores each axon has targets.
    """

    bounds: list[tuple[int, int]] = field(default_factory=list)
    use: list[dict[str, int]] = field(default_factory=list)
    bound_by: list[str] = field(default_factory=list)
    copies: Ints


def axon_bits(n: int, bits: int) -> int:
    """Return the synapse memory of an axon with n weights of so many bits, indices and all.

    >>> axon_bits(1, 8), axon_bits(64, 8), axon_bits(65, 8)
    (64, 576, 640)
    """
    full, rest = divmod(n, BLOCK_WEIGHTS)
    return full * _block(BLOCK_WEIGHTS, bits) + _block(rest, bits)


def _block(n: int, bits: int) -> int:
    return WORD * -(-(n * bits + BLOCK_HEADER) // WORD) if n else 0


def stored_in(bits: int) -> int:
    """Return the bits in which the memory of Loihi 1 has weights of so many bits."""
    return next(size for size in WEIGHT_BITS if size >= bits)


def index_bits(n: int) -> int:
    """Return the bits of an index among n compartments."""
    return next(size for size in INDEX_BITS if 1 << size >= n)


def neurons_of(
    network: IntegerNetwork, refractory: Sequence[Any], dense: frozenset[int]
) -> Neurons:
    """Gather what compartments are.

    Parameters
    ----------
    network : IntegerNetwork
    refractory : sequence
        Steps of each population: a number, or one for each neuron.
    dense : frozenset of int
        Populations that begin a core: an index would be missing for an offset.
    """
    registers: list[Ints] = []
    thresholds: list[Ints] = []
    alone = set()
    at = 0
    for k, p in enumerate(network.populations):
        if not isinstance(p, Compartments):
            continue
        steps = np.broadcast_to(np.asarray(refractory[k], np.int64), p.size)
        registers.append(np.stack([np.full(p.size, p.du), np.full(p.size, p.dv), steps]))
        thresholds.append(np.full(p.size, p.vth, np.int64))
        if k in dense:
            alone.add(at)
        at += p.size
    joined = np.concatenate([np.empty((3, 0), np.int64), *registers], axis=1)
    return Neurons(
        size=at,
        configuration=np.unique(joined, axis=1, return_inverse=True)[1].ravel(),
        threshold=np.concatenate([np.empty(0, np.int64), *thresholds]),
        alone=frozenset(alone),
    )


def incoming_of(network: IntegerNetwork, groups: list[Group]) -> tuple[Incoming, frozenset[int]]:
    """Gather synapses; and the populations onto which all of another are connected.

    `groups` is emptied, so that what is not needed any more is not kept.
    """
    sizes = [p.size if isinstance(p, Compartments) else 0 for p in network.populations]
    places = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
    axons: list[npt.NDArray[np.int32]] = []
    targets: list[npt.NDArray[np.int32]] = []
    group_of: list[npt.NDArray[np.int32]] = []
    source: list[Ints] = []
    weight_bits: list[int] = []
    delay_bits: list[int] = []
    indexed: list[bool] = []
    names: list[str] = []
    dense = set()
    n_axons = 0
    while groups:
        g = groups.pop(0)
        n_pre, n_post = network.populations[g.pre].size, network.populations[g.post].size
        k = len(names)
        axons.append((g.pre_id + n_axons).astype(np.int32))
        targets.append((g.post_id + places[g.post]).astype(np.int32))
        group_of.append(np.full(n_pre, k, np.int32))
        on_chip = sizes[g.pre] > 0
        source.append(places[g.pre] + np.arange(n_pre) if on_chip else np.full(n_pre, -1))
        weight_bits.append(stored_in(g.bits))
        delay_bits.append(int(g.slot.max(initial=0)).bit_length())
        indexed.append(g.weight.size < n_pre * n_post)
        names.append(g.name)
        if not indexed[-1] and g.weight.size:
            dense.add(g.post)
        n_axons += n_pre
        del g
    target = np.concatenate([np.empty(0, np.int32), *targets])
    targets.clear()
    order = np.argsort(target, kind="stable")
    n_compartments = int(places[-1])
    first = np.zeros(n_compartments + 1, np.int64)
    np.cumsum(np.bincount(target, minlength=n_compartments), out=first[1:])
    del target
    axon = np.concatenate([np.empty(0, np.int32), *axons])
    axons.clear()
    found = Incoming(
        first=first,
        axon=axon[order],
        group=np.concatenate([np.empty(0, np.int32), *group_of]),
        source=np.concatenate([np.empty(0, np.int64), *source]),
        weight_bits=np.array(weight_bits, np.int64),
        delay_bits=np.array(delay_bits, np.int64),
        indexed=np.array(indexed, bool),
        names=tuple(names),
    )
    return found, frozenset(dense)


def place(neurons: Neurons, incoming: Incoming, limits: Mapping[str, int]) -> Placement:
    """Fill cores, until every limit holds, or a core has one neuron.

    Parameters
    ----------
    neurons : Neurons
    incoming : Incoming
    limits : mapping of str to int
        Name -> most per core. Names that are missing are counted, and not limited.
    """
    breaks = set(neurons.alone)
    while True:
        placement = _fill(neurons, incoming, limits, breaks)
        most = limits.get("output_axons")
        if most is None:
            return placement
        # Output axons are known once all targets are placed. Other breaks make more of them, so
        # that this goes on until there is nothing to break; each time there is one more. To leave
        # room for what comes is faster, and took a fifth more cores (8,000 neurons, in-degree 150).
        sent = _sent(neurons, incoming, placement)
        before = len(breaks)
        for lo, hi in placement.bounds:
            total = np.cumsum(sent[lo:hi])
            if total.size > 1 and total[-1] > most:
                breaks.add(lo + max(1, int(np.searchsorted(total, most, side="right"))))
        if len(breaks) == before:
            return placement


def _sent(neurons: Neurons, incoming: Incoming, placement: Placement) -> Ints:
    """Return the output axons of each compartment."""
    on_chip = incoming.source >= 0
    found = np.bincount(
        incoming.source[on_chip], weights=placement.copies[on_chip], minlength=neurons.size
    )
    return found.astype(np.int64)


def _fill(
    neurons: Neurons, incoming: Incoming, limits: Mapping[str, int], breaks: set[int]
) -> Placement:
    placement = Placement(copies=np.zeros(incoming.group.size, np.int64))
    stops = sorted({*breaks, neurons.size} - {0})
    most = limits["compartments"]
    start, look = 0, min(FIRST_LOOK, most)
    while start < neurons.size:
        stop = next(b for b in stops if b > start)
        farthest = min(stop, start + most)
        end = min(farthest, start + look)
        while True:
            held = _held(neurons, incoming, start, end)
            over = {
                name: int(np.searchsorted(held[name], limit, side="right"))
                for name, limit in limits.items()
                if name in held
            }
            taken = min(over.values())
            if taken < end - start or end == farthest:
                break
            end = min(farthest, start + 2 * (end - start))
        bound_by = min(over, key=lambda name: over[name]) if taken < end - start else ""
        if not bound_by and start + taken < stop:
            bound_by = "compartments"
        taken = max(1, taken)  # one that fits nowhere is told of later
        placement.bounds.append((start, start + taken))
        placement.use.append({name: int(values[taken - 1]) for name, values in held.items()})
        placement.bound_by.append(bound_by)
        lo, hi = incoming.first[start], incoming.first[start + taken]
        axons = np.sort(incoming.axon[lo:hi])  # np.unique hashes, which takes longer
        placement.copies[axons[np.diff(axons, prepend=-1) != 0]] += 1
        start += taken
        look = min(most, 2 * taken)
    sent = _sent(neurons, incoming, placement)
    for use, (lo, hi) in zip(placement.use, placement.bounds, strict=True):
        use["output_axons"] = int(sent[lo:hi].sum())
    return placement


def _held(neurons: Neurons, incoming: Incoming, start: int, end: int) -> dict[str, Ints]:
    """Return what a core that begins with `start` holds with 1, 2, ... end - start compartments."""
    n = end - start
    lo, hi = incoming.first[start], incoming.first[end]
    axon = incoming.axon[lo:hi]
    target = np.repeat(np.arange(n), np.diff(incoming.first[start : end + 1]))
    order = np.argsort(axon, kind="stable")
    axon, target = axon[order], target[order]
    begins = np.concatenate([[True], np.diff(axon) != 0])[: axon.size]
    place = np.arange(axon.size)
    rank = place - np.maximum.accumulate(np.where(begins, place, 0)) if axon.size else place
    group = incoming.group[axon]
    held = {
        "compartments": np.arange(1, n + 1),
        "input_axons": np.cumsum(np.bincount(target[begins], minlength=n)),
        "synapses": incoming.first[start + 1 : end + 1] - lo,
        "compartment_configurations": _different(neurons.configuration[start:end]),
        "threshold_configurations": _different(neurons.threshold[start:end]),
    }
    bits = np.empty(n, np.int64)
    at = 0
    sizes = incoming.weight_bits + incoming.delay_bits
    for size in INDEX_BITS:
        upto = min(n, 1 << size)
        if upto <= at:
            break
        of_group = sizes + np.where(incoming.indexed, size, 0)
        cost = _GROWTH[of_group[group], rank % BLOCK_WEIGHTS]
        total = np.cumsum(np.bincount(target, weights=cost, minlength=n))
        bits[at:upto] = total[at:upto]
        at = upto
    if at == n:
        held["synapse_bits"] = bits
    return held


def _different(values: Ints) -> Ints:
    """Return how many different values the first 1, 2, ... have."""
    new = np.zeros(values.size, np.int64)
    new[np.unique(values, return_index=True)[1]] = 1
    return np.asarray(np.cumsum(new))


_GROWTH = np.array(
    [
        [_block(n + 1, bits) - _block(n, bits) for n in range(BLOCK_WEIGHTS)]
        for bits in range(WEIGHT_BITS[-1] + 6 + INDEX_BITS[-1] + 1)
    ]
)
"""[bits of a weight, weights that a block has] -> what one more takes."""
