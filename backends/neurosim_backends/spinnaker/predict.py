"""Cores that sPyNNaker will use, told without it.

sPyNNaker places each population by itself, in slices of as many neurons as a core takes. What else
there is follows from three rules.

- From a step of 1 ms on, a core has neurons and their synapses. Below, synapses have cores of their
  own, as many as the spikes that are expected need, for each slice; and Poisson sources that are
  connected one to one, with one step of delay, lie beside them.
- A core has room for so many delays of each neuron and receptor; sources of longer ones get a core
  more for each slice, which holds their spikes back.
- Weights are 16 bits, with a scale for each receptor of a population: as fine as the largest sum of
  weights that is expected in a step allows.

Sources: Rowley et al. (2019), Front. Neurosci. 13:231; sPyNNaker 7.4.1, files in `limits`; for the
expected sum, van Albada et al. (2018), Front. Neurosci. 12:291.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from neurosim_backends.spinnaker.graph import Edge, Vertex, bits_for
from neurosim_backends.spinnaker.limits import (
    DELAY_STAGES,
    RING_BUFFER_BITS,
    ROW_HEADER_WORDS,
    SIGMAS,
    SPIKES_PER_SECOND,
    SYNAPSE_TYPES,
    SYNAPSES_PER_SECOND,
)

PER_CORE = {"SpikeSourcePoisson": 500, "SpikeSourceArray": 2**31}
NEURONS_PER_CORE = 256
"""Most of a slice; sources of given spikes are on one core."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What of an edge decides about cores and scales.

    Attributes
    ----------
    edge : Edge
        Without its synapses.
    synapses : int
    longest_row : int
        Most synapses of a presynaptic neuron onto a slice.
    in_degree : int
        Most synapses onto a neuron.
    delay : int
        The longest [steps].
    delay_varies : bool
    mean, variance, most : float
        Of the weights.
    """

    edge: Edge
    synapses: int
    longest_row: int
    in_degree: int
    delay: int
    delay_varies: bool
    mean: float
    variance: float
    most: float


def per_core(vertex: Vertex) -> int:
    """Return how many of a vertex a core takes."""
    return min(vertex.size, PER_CORE.get(vertex.model, NEURONS_PER_CORE))


def slices(vertex: Vertex) -> int:
    """Return on how many cores a vertex is."""
    return -(-vertex.size // per_core(vertex))


def facts_of(edge: Edge, vertices: Sequence[Vertex]) -> Facts:
    """Take from an edge what is needed, so that its synapses need not be kept."""
    post = vertices[edge.post]
    n_slices = slices(post)
    rows = np.bincount(edge.pre_id * n_slices + edge.post_id // per_core(post))
    none = np.empty(0)
    kept = Edge(
        part=edge.part, pre=edge.pre, post=edge.post, receptor=edge.receptor,
        pre_id=none.astype(np.int64), post_id=none.astype(np.int64), weight=none,
        delay=none.astype(np.int64), per_weight=edge.per_weight, one_to_one=edge.one_to_one,
    )  # fmt: skip
    return Facts(
        edge=kept, synapses=edge.weight.size, longest_row=int(rows.max()),
        in_degree=int(np.bincount(edge.post_id).max()), delay=int(edge.delay.max()),
        delay_varies=bool(np.ptp(edge.delay)), mean=float(edge.weight.mean()),
        variance=float(edge.weight.var()), most=float(edge.weight.max()),
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Cores of one slice, which lie on one chip.

    Attributes
    ----------
    vertex : int
    first, end : int
        The slice.
    kinds : tuple of str
        Of each core: "neurons", "synapses", "delays", "source".
    beside : tuple of int
        Vertices of sources that have a core of this group, too.
    """

    vertex: int
    first: int
    end: int
    kinds: tuple[str, ...]
    beside: tuple[int, ...] = ()


def groups_of(
    vertices: Sequence[Vertex], facts: Sequence[Facts], dt: float, cores_per_chip: int
) -> list[Group]:
    """Return the cores that are used.

    Parameters
    ----------
    vertices, facts
    dt : float
        Time step [ms].
    cores_per_chip : int
        That are not for the system.
    """
    incoming: list[list[Facts]] = [[] for _ in vertices]
    outgoing: list[list[Facts]] = [[] for _ in vertices]
    for fact in facts:
        incoming[fact.edge.post].append(fact)
        outgoing[fact.edge.pre].append(fact)
    synapse_cores, direct = [], []
    taken: set[int] = set()
    for k, vertex in enumerate(vertices):
        n, sources = 0, tuple[int, ...]()
        if not vertex.is_source and dt < 1.0:
            n, sources = _synapse_cores(vertices, incoming[k], outgoing, cores_per_chip)
        synapse_cores.append(n)
        direct.append(sources)
        taken.update(sources)
    found = []
    for k, vertex in enumerate(vertices):
        if k in taken:
            continue
        kinds: tuple[str, ...] = ("source",) if vertex.is_source else ("neurons",)
        kinds += ("synapses",) * synapse_cores[k] + ("source",) * len(direct[k])
        delayed = any(f.delay > delay_slots(vertices[f.edge.post]) for f in outgoing[k])
        step = per_core(vertex)
        bounds = [(lo, min(lo + step, vertex.size)) for lo in range(0, vertex.size, step)]
        found += [
            Group(vertex=k, first=lo, end=hi, kinds=kinds, beside=direct[k]) for lo, hi in bounds
        ]
        if delayed:
            found += [Group(vertex=k, first=lo, end=hi, kinds=("delays",)) for lo, hi in bounds]
    return found


def _synapse_cores(
    vertices: Sequence[Vertex], incoming: Sequence[Facts], outgoing: Sequence[Sequence[Facts]],
    cores_per_chip: int,
) -> tuple[int, tuple[int, ...]]:  # fmt: skip
    """Return how many cores synapses take for each slice, and which sources lie beside them."""
    direct = [
        f.edge.pre
        for f in incoming
        if vertices[f.edge.pre].model == "SpikeSourcePoisson"
        and f.edge.one_to_one
        and f.delay == 1
        and len(outgoing[f.edge.pre]) == 1
    ]
    poisson = {f.edge.pre for f in incoming if vertices[f.edge.pre].model == "SpikeSourcePoisson"}
    expected = {True: 0, False: 0}
    for f in incoming:
        rate = f.longest_row * SPIKES_PER_SECOND * vertices[f.edge.pre].size
        expected[f.edge.pre in direct] += rate
    most = cores_per_chip - 1
    n = math.ceil(expected[False] / SYNAPSES_PER_SECOND)
    if n + len(poisson) >= most:
        n = min(most, math.ceil(sum(expected.values()) / SYNAPSES_PER_SECOND))
    beside = len(poisson) + n + 1 < cores_per_chip + 1  # sPyNNaker leaves SCAMP out only
    return n, tuple(direct) if n and beside else ()


def delay_slots(vertex: Vertex) -> int:
    """Return the longest delay [steps] onto a core with neurons of a vertex."""
    used = bits_for(per_core(vertex)) + bits_for(SYNAPSE_TYPES)
    return 1 << (RING_BUFFER_BITS - used)


def longest_delay(vertex: Vertex) -> int:
    """Return the longest delay [steps] onto neurons of a vertex, extensions included."""
    return (1 + DELAY_STAGES) * delay_slots(vertex)


def ring_buffer_bytes(vertex: Vertex, incoming: Sequence[Facts]) -> int:
    """Return what sums of arrivals take in the memory of a core."""
    longest = max((f.delay for f in incoming), default=1)
    slots = min(1 << bits_for(longest), delay_slots(vertex))
    return 2 * (slots << (bits_for(per_core(vertex)) + bits_for(SYNAPSE_TYPES)))


def synapse_bytes(vertices: Sequence[Vertex], incoming: Sequence[Facts]) -> int:
    """Return what rows of synapses onto one core take: all as long as the longest."""
    return sum(4 * vertices[f.edge.pre].size * (ROW_HEADER_WORDS + f.longest_row) for f in incoming)


def finest(vertex: Vertex, incoming: Sequence[Facts], receptor: str, dt: float) -> float:
    """Return the smallest weight of a receptor, in PyNN's unit: others are multiples of it."""
    scale = 1024.0 if vertex.model == "IF_cond_exp" else 1.0
    mine = [f for f in incoming if f.edge.receptor == receptor]
    largest = max(f.most for f in mine)
    per_step = max(1.0, SPIKES_PER_SECOND * dt / 1000.0)
    total = sum(per_step * f.most * f.in_degree for f in mine)
    expected = total
    if any(f.delay_varies for f in mine):
        n = sum(f.in_degree for f in mine)
        mean = sum(f.mean * f.in_degree for f in mine) / n
        within = sum(f.variance * (f.in_degree - 1) for f in mine)
        between = sum(f.in_degree * (f.mean - mean) ** 2 for f in mine)
        variance = (within + between) / max(1, n - 1)
        arrivals = n * SPIKES_PER_SECOND * dt / 1000.0
        expected = arrivals * mean + SIGMAS * math.sqrt(arrivals * (mean**2 + variance))
    most = scale * max(min(expected, total), largest)
    power = max(0, math.ceil(math.log2(most))) if most > 0 else 0
    power += 2.0**power <= most
    return 2.0 ** (power - 15) / scale
