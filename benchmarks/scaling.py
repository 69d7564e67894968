"""Cost of a synaptic event and bytes of a synapse, over the size of the network."""

from __future__ import annotations

import json
import statistics
import sys
from pathlib import Path
from typing import Any

import psutil

from benchmarks.compare import RunError

SIZES = (100_000, 1_000_000, 10_000_000, 30_000_000, 100_000_000, 300_000_000)
"""Numbers of synapses."""

EVENTS = 3e8
"""Synaptic events of a measurement, on average, ..."""

SHORTEST, LONGEST = 200.0, 20_000.0
"""... as far as a biological duration [ms] within these bounds allows."""

RATE = 10.0
"""Of the sources [Hz]."""


def sizes(synapses: int) -> tuple[int, int, float]:
    """Return neurons, synapses per neuron and duration [ms] of a network of so many synapses."""
    per_neuron = 1_000 if synapses >= 10_000_000 else 100
    neurons = synapses // per_neuron
    wanted = EVENTS / (synapses * RATE * 1e-3)
    return neurons, per_neuron, float(round(min(max(wanted, SHORTEST), LONGEST)))


def measure_here(synapses: int, threads: int, repeats: int) -> dict[str, Any]:
    """Measure one size in this process, which does nothing else.

    Delivery is timed as the difference of runs of a network with its synapses and without.
    """
    import time

    import neurosim as ns
    from benchmarks.delivery import network
    from benchmarks.peers.common import peak_memory

    neurons, per_neuron, duration = sizes(synapses)

    def seconds(session: ns.Session) -> tuple[float, ns.Run]:
        began = time.perf_counter()
        run = session.run(duration, progress=False)
        return time.perf_counter() - began, run

    # Compiled code is found in the cache, or goes there.
    ns.compile(network(100, 10, "fixed16", True), precision="single", threads=threads).run(20.0)
    began = time.perf_counter()
    full = ns.compile(
        network(neurons, per_neuron, "fixed16", True), precision="single", threads=threads
    )
    built = time.perf_counter() - began
    bare = ns.compile(
        network(neurons, per_neuron, "fixed16", False), precision="single", threads=threads
    )
    for session in (full, bare):
        session.run(20.0, progress=False)
    costs = []
    for _ in range(repeats):
        with_synapses, run = seconds(full)
        without, _ = seconds(bare)
        events = len(run.spikes["in"]) * per_neuron
        costs.append((with_synapses - without) / events * 1e9)
    told = run.provenance
    return {
        "synapses": told["synapses"],
        "neurons": neurons,
        "per_neuron": per_neuron,
        "threads": threads,
        "threads_used": told["threads"],
        "ns_per_event": statistics.median(costs),
        "least": min(costs),
        "greatest": max(costs),
        "bytes_per_synapse": told["synapse_bytes"] / told["synapses"],
        "peak_bytes": peak_memory(),
        "build_seconds": built,
        "formats": sorted(set(told["formats"].values())),
    }


def measure(
    chosen: tuple[int, ...] = SIZES, repeats: int = 3, *, say: Any = lambda text: None
) -> list[dict[str, Any]]:
    """Measure every size with 1 and 2 threads, each in a process of its own.

    Sizes for which this machine has not the memory (4 bytes a synapse, and half as much again
    while building) are left out, and said.
    """
    import subprocess

    rows = []
    for synapses in chosen:
        if 6 * synapses > psutil.virtual_memory().available:
            say(f"{synapses:,} synapses: not enough memory free")
            continue
        for threads in (1, 2):
            done = subprocess.run(
                [sys.executable, "-m", "benchmarks.scaling", str(synapses), str(threads),
                 str(repeats)],
                capture_output=True, text=True, cwd=Path(__file__).parents[1],
            )  # fmt: skip
            if done.returncode != 0:
                raise RunError(
                    f"{synapses:,} synapses, {threads} threads: {done.stderr.strip()[-300:]}"
                )
            rows.append(json.loads(done.stdout.splitlines()[-1]))
            say(f"{synapses:,} synapses, {threads} threads: {rows[-1]['ns_per_event']:.2f} ns")
    return rows


if __name__ == "__main__":
    print(json.dumps(measure_here(*map(int, sys.argv[1:4]))))
