"""Sweeps of Hopfield networks: patterns in bits beside a dense matrix of weights in numpy."""

from __future__ import annotations

import resource
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

import neurosim as ns

SIZES = ((20_000, 2_760), (1_000_000, 1_000))
"""Units and patterns: 0.138 N of them, and a million units."""

DENSE_LIMIT = 20_000
"""Units up to which the dense matrix is made: 1.6 GB."""

SWEEPS = 5
"""Of a run from the noisy pattern: the first with most of the flips, the others on the way to rest.
A call of `run` costs some milliseconds by itself, as much as a sweep of 20,000 units."""

NOISE = 0.2
"""Fraction of units of the first pattern that are flipped at the start."""


def random_patterns(n: int, k: int, seed: int = 1) -> ns.Patterns:
    """Return random patterns, made as bits: entries of a million units would take 1 GB."""
    words = np.random.default_rng(seed).integers(-(2**63), 2**63 - 1, (k, -(-n // 64)), np.int64)
    if n % 64:
        words[:, -1] &= (1 << n % 64) - 1
    return ns.Patterns(n, words)


def noisy(patterns: ns.Patterns, seed: int = 2) -> Any:
    """Return the first pattern with some units flipped."""
    flipped = np.random.default_rng(seed).random(patterns.size) < NOISE
    return np.where(flipped, -1, 1) * patterns.dense(0, 1)[0]


def network(patterns: ns.Patterns) -> ns.Network:
    """Return the network."""
    net = ns.Network("hopfield", seed=1)
    units = net.population("units", patterns.size, ns.Binary())
    net.project(units, units, ns.PatternCoupling(patterns))
    net.initialise(units, s=noisy(patterns))
    return net


def dense_weights(patterns: ns.Patterns) -> Any:
    """Return Hebb's weights in float32: (n, n)."""
    n = patterns.size
    weights = np.zeros((n, n), np.float32)
    for _, rows in patterns.chunks():
        entries = rows.astype(np.float32)
        for first in range(0, n, 4_000):
            part = slice(first, first + 4_000)
            weights[part] += entries[:, part].T @ entries
    weights /= n
    np.fill_diagonal(weights, 0)
    return weights


def dense_sweeps(weights: Any, s: Any, orders: Any) -> None:
    """Update every unit once in each order, as one writes it in numpy: a row times the state."""
    for order in orders:
        for i in order:
            h = weights[i] @ s
            if h != 0:
                s[i] = 1.0 if h > 0 else -1.0


def timed(act: Callable[[], Any]) -> tuple[float, float]:
    """Return wall and processor time [s]."""
    wall, processor = time.perf_counter(), time.process_time()
    act()
    return time.perf_counter() - wall, time.process_time() - processor


def row(name: str, n: int, k: int, times: list[tuple[float, float]], n_bytes: float) -> Any:
    """Return what is kept of a measurement: times of one sweep, from those of `SWEEPS`."""
    times = [(wall / SWEEPS, processor / SWEEPS) for wall, processor in times]
    return {
        "name": name, "units": n, "patterns": k, "bytes": n_bytes,
        "median_s": statistics.median(t for t, _ in times),
        "median_processor_s": statistics.median(t for _, t in times),
        "least_s": min(t for t, _ in times), "repeats": len(times),
    }  # fmt: skip


def measure_ours(patterns: ns.Patterns, repeats: int) -> tuple[dict[str, Any], Any]:
    """Return the row of sweeps from the noisy pattern on one thread, and where they end."""
    net = network(patterns)
    session = ns.compile(net, dt=1.0, threads=1)
    times = []
    for _ in range(repeats):
        session.reset()
        times.append(timed(partial(session.run, float(SWEEPS))))
    n_bytes = net.estimate().bytes
    found = session.get(net["units"], "s")
    return row("neurosim", patterns.size, patterns.number, times, n_bytes), found


def measure_dense(patterns: ns.Patterns, repeats: int) -> tuple[dict[str, Any], Any]:
    """Return the same for a dense matrix."""
    weights = dense_weights(patterns)
    n, times, s = patterns.size, [], np.zeros(0)
    for seed in range(repeats):
        s = noisy(patterns).astype(np.float32)
        random = np.random.default_rng(seed)
        orders = [random.permutation(n) for _ in range(SWEEPS)]
        times.append(timed(partial(dense_sweeps, weights, s, orders)))
    return row("numpy, dense float32", n, patterns.number, times, weights.nbytes), s


def measure(repeats: int = 5, sizes: Sequence[tuple[int, int]] = SIZES) -> list[dict[str, Any]]:
    """Measure every size, the dense matrix where it can be made."""
    rows: list[dict[str, Any]] = []
    for n, k in sizes:
        patterns = random_patterns(n, k)
        ours, found = measure_ours(patterns, repeats)
        rows.append(ours)
        if n > DENSE_LIMIT:
            continue
        dense, s = measure_dense(patterns, repeats)
        pattern = patterns.dense(0, 1)[0]
        # Both are on their way to the same pattern, equally far.
        assert abs(float(found @ pattern) - float(s @ pattern)) < 0.03 * n
        ours["faster_than_dense"] = dense["median_s"] / ours["median_s"]
        ours["less_memory_than_dense"] = dense["bytes"] / ours["bytes"]
        rows.append(dense)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    rows[-1]["peak_bytes_of_process"] = peak * (1 if sys.platform == "darwin" else 1024)
    return rows
