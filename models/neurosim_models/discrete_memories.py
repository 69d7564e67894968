"""Memories of binary units that are not Hopfield's: pairs, sequences, sparse patterns, cliques."""

from __future__ import annotations

from typing import Any

import numpy as np

import neurosim as ns
from neurosim.errors import DescriptionError


def bidirectional_memory(
    first: Any, second: Any, cue: Any, *, temperature: float = 0.0, seed: int = 1
) -> ns.Network:
    """Bidirectional associative memory: two layers, each recalls what the other holds.

    All units of both layers update at once, at the end of each millisecond. The state of one layer
    and that of the other a millisecond later are a pair whose energy -x^T W y never rises at
    temperature 0.

    Parameters
    ----------
    first, second : (n_pairs, n), (n_pairs, m) array of -1 and 1
        The pairs that are stored.
    cue : (n,) array of -1 and 1
        The first layer at the start; the second starts from all -1, which tells nothing.
    temperature : float
    seed : int
        Of chance, where the temperature is above 0.

    Returns
    -------
    Network
        Populations "first" and "second", whose states `s` are recorded every millisecond and at
        the start; projections "forth" and "back".

    Source: Kosko (1988), Bidirectional associative memories, IEEE Trans. Syst. Man Cybern.
    18:49-60, doi 10.1109/21.87054.
    """
    weights = ns.store_pairs(first, second)
    model = ns.Binary(update="synchronous", temperature=temperature)
    net = ns.Network("bidirectional memory", seed=seed, dt=1.0)
    x = net.population("first", weights.shape[0], model)
    y = net.population("second", weights.shape[1], model)
    net.project(x, y, ns.FromMatrix(weights), source="s", name="forth")
    net.project(y, x, ns.FromMatrix(weights.T), source="s", name="back")
    net.initialise(x, s=np.asarray(cue))
    net.record(x + y, "s", every=1.0, initial=True)
    return net


def sequence_memory(patterns: Any, cue: Any, *, cyclic: bool = True, seed: int = 1) -> ns.Network:
    """Memory that steps from each pattern to the next, one a millisecond.

    Parameters
    ----------
    patterns : (n_patterns, n) array of -1 and 1
        In their order.
    cue : (n,) array of -1 and 1
        Where it starts.
    cyclic : bool
        Whether the first follows the last.
    seed : int

    Returns
    -------
    Network
        Population "units", whose state `s` is recorded every millisecond and at the start.

    Source: Sompolinsky & Kanter (1986), Temporal association in asymmetric neural networks, Phys.
    Rev. Lett. 57:2861-2864, doi 10.1103/PhysRevLett.57.2861; the couplings of the slow synapses
    alone.
    """
    weights = ns.store_sequence(patterns, cyclic=cyclic)
    net = ns.Network("sequence memory", seed=seed, dt=1.0)
    units = net.population("units", weights.shape[0], ns.Binary(update="synchronous"))
    net.project(units, units, ns.FromMatrix(weights), source="s", name="sequence")
    net.initialise(units, s=np.asarray(cue))
    net.record(units, "s", every=1.0, initial=True)
    return net


def willshaw_memory(patterns: Any, cue: Any, *, seed: int = 1) -> ns.Network:
    """Memory of sparse patterns in weights of 0 and 1; one millisecond completes a cue.

    A unit becomes active if it is connected to all units of the cue, so that no unit of the
    pattern is missed.

    Parameters
    ----------
    patterns : (n_patterns, n) array of 0 and 1
    cue : (n,) array of 0 and 1
        A part of a pattern.
    seed : int

    Returns
    -------
    Network
        Population "units", whose state `s` is recorded every millisecond and at the start.

    Source: Willshaw, Buneman & Longuet-Higgins (1969), Non-holographic associative memory, Nature
    222:960-962, doi 10.1038/222960a0.
    """
    return _thresholded("willshaw memory", ns.store(patterns, "willshaw"), cue, seed)


def clique_memory(messages: Any, cue: Any, cluster_size: int, *, seed: int = 1) -> ns.Network:
    """Sparse network of clusters, of which one unit each is active; recalls erased symbols.

    A cluster that is known has one active unit, so no unit can receive more than the number of
    known clusters: those that do are the winners of their clusters. The stored message is always
    among them; a cluster with several is one whose symbol is left open.

    Parameters
    ----------
    messages : (n_messages, n_clusters) int
        Symbols from 0 to cluster_size - 1.
    cue : (n_clusters,) int
        A message; -1 where its symbol is erased.
    cluster_size : int
    seed : int

    Returns
    -------
    Network
        Population "units", cluster after cluster, whose state `s` is recorded every millisecond
        and at the start.

    Source: Gripon & Berrou (2011), Sparse neural networks with large learning diversity, IEEE
    Trans. Neural Netw. 22:1087-1096, doi 10.1109/TNN.2011.2146789.
    """
    weights = ns.store_cliques(messages, cluster_size)
    active = ns.clique_patterns(np.atleast_2d(np.asarray(cue)), cluster_size)[0]
    if active.size != len(weights):
        raise DescriptionError(
            "clique_memory: cue", cue, f"{len(weights) // cluster_size} symbols, as in messages"
        )
    return _thresholded("clique memory", weights, active, seed)


def _thresholded(name: str, weights: np.ndarray, cue: Any, seed: int) -> ns.Network:
    """Return binary units that are active where all units of the cue, or themselves, say so."""
    active = np.asarray(cue)
    if active.shape != (len(weights),) or not np.isin(active, (0, 1)).all() or not active.any():
        raise DescriptionError(
            f"{name}: cue", cue, f"{len(weights)} values of 0 and 1, at least one of them 1"
        )
    # A unit of the cue supports itself: it need not be connected to itself to stay.
    np.fill_diagonal(weights, 1.0)
    model = ns.Binary(values=(0, 1), update="synchronous", bias=0.5 - float(active.sum()))
    net = ns.Network(name, seed=seed, dt=1.0)
    units = net.population("units", active.size, model)
    net.project(units, units, ns.FromMatrix(weights), source="s", name="memory")
    net.initialise(units, s=active)
    net.record(units, "s", every=1.0, initial=True)
    return net
