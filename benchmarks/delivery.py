"""The cost of a synaptic event: a network of relays that only delivers spikes."""

from __future__ import annotations

import statistics
import time
from typing import Any

import numpy as np

import neurosim as ns

SIZES = ((1_000, 100, 10_000.0), (10_000, 1_000, 200.0), (50_000, 1_000, 200.0))
"""Neurons, synapses per neuron, duration [ms]: enough events that differences of runs mean much."""


def network(n: int, k: int, kind: str, synapses: bool) -> ns.Network:
    """Return Poisson sources that project to silent neurons, in a synapse format of this kind."""
    net = ns.Network("delivery", seed=1)
    source = net.population("in", n, ns.Poisson(rate=10.0))
    target = net.population("out", n, ns.LIF(V_th=1e9, synapses=ns.ExpCurrent()))
    if synapses:
        weight: Any = 1.0 if kind == "constant" else ns.Normal(1.0, 0.1, redraw=(0.01, None))
        delay = ns.Uniform(0.1, 3.0)
        net.project(
            source, target, ns.FixedOutdegree(k), weight=weight, delay=delay, receptor="exc"
        )
    net.record(source, "spikes")
    return net


def seconds(net: ns.Network, precision: str, threads: int, duration: float) -> tuple[float, int]:
    """Return the wall time of a warm run, and its number of spikes."""
    session = ns.compile(net, precision=precision, threads=threads)
    session.run(20.0)
    started = time.perf_counter()
    run = session.run(duration)
    return time.perf_counter() - started, len(run.spikes["in"])


def measure(repeats: int = 3) -> list[dict[str, Any]]:
    """Time delivery as the difference of a run with synapses and the same run without.

    Returns
    -------
    list of dict
        One row per size, format and number of threads: ns per synaptic event, median over repeats.
    """
    rows = []
    for n, k, duration in SIZES:
        for kind, precision in (("constant", "double"), ("full", "double"), ("fixed16", "single")):
            for threads in (1, 2):
                costs = []
                for _ in range(repeats):
                    with_synapses, spikes = seconds(
                        network(n, k, kind, True), precision, threads, duration
                    )
                    without, _ = seconds(network(n, k, kind, False), precision, threads, duration)
                    costs.append((with_synapses - without) / (spikes * k) * 1e9)
                rows.append(
                    {
                        "name": f"{n:,} x {k:,}, {kind}, {precision}, {threads} threads",
                        "ns_per_event": float(np.round(statistics.median(costs), 3)),
                        "least": float(np.round(min(costs), 3)),
                        "greatest": float(np.round(max(costs), 3)),
                        "repeats": repeats,
                    }
                )
    return rows
