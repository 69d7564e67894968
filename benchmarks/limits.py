"""What this machine can do at most: streaming, and adding to scattered places."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable
from typing import Any

import numba
import numpy as np

ROW = 100
"""Entries of a short row, as of a neuron with few synapses per tile."""


@numba.njit(nogil=True)  # type: ignore[untyped-decorator]
def copy(source: Any, target: Any) -> None:
    """Stream: read one array, write another."""
    for k in range(source.size):
        target[k] = source[k]


@numba.njit(nogil=True)  # type: ignore[untyped-decorator]
def scatter(index: Any, weight: Any, total: Any) -> None:
    """Read indices and weights one after the other, add to places all over `total`."""
    for k in range(index.size):
        total[index[k]] += weight[k]


@numba.njit(nogil=True)  # type: ignore[untyped-decorator]
def scatter_rows(first: Any, index: Any, weight: Any, total: Any) -> None:
    """The same with rows of `ROW` entries that begin anywhere."""
    for r in range(first.size):
        for k in range(first[r], first[r] + ROW):
            total[index[k]] += weight[k]


def fastest(work: list[Callable[[], None]], repeats: int = 5) -> float:
    """Return the median time [s] that all of `work` takes, one thread each."""
    times = []
    for _ in range(repeats + 1):
        threads = [threading.Thread(target=each) for each in work]
        began = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        times.append(time.perf_counter() - began)
    return statistics.median(times[1:])  # the first compiles and touches


def measure(events: int = 20_000_000) -> list[dict[str, Any]]:
    """Measure copying, and float32 additions with streamed int32 indices.

    Parameters
    ----------
    events : int
        Additions of each measurement; 8 bytes each are streamed, far beyond the cache.

    Returns
    -------
    list of dict
        name, threads, value, unit. Times of additions are per addition, all threads together.
    """
    rng = np.random.default_rng(1)
    rows = []
    for threads in (1, 2):
        pieces = [(np.ones(events // 2), np.empty(events // 2)) for _ in range(threads)]
        seconds = fastest([lambda p=p: copy(*p) for p in pieces])  # type: ignore[misc]
        moved = threads * 16 * (events // 2)
        rows.append(
            {"name": "copy", "threads": threads, "value": moved / seconds / 1e9, "unit": "GB/s"}
        )
        del pieces
        for size, told in ((75_000, "0.3 MB"), (750_000, "3 MB"), (7_500_000, "30 MB")):
            each = events // threads
            streams = [
                (
                    rng.integers(0, size, each, dtype=np.int32),
                    np.ones(each, dtype=np.float32),
                    np.zeros(size, dtype=np.float32),
                )
                for _ in range(threads)
            ]
            seconds = fastest([lambda s=s: scatter(*s) for s in streams])  # type: ignore[misc]
            rows.append(
                {
                    "name": f"scattered additions into {told}", "threads": threads,
                    "value": seconds / (each * threads) * 1e9, "unit": "ns",
                }
            )  # fmt: skip
            begins = [rng.permutation(each // ROW).astype(np.int64) * ROW for _ in range(threads)]
            seconds = fastest(
                [lambda b=b, s=s: scatter_rows(b, *s) for b, s in zip(begins, streams, strict=True)]  # type: ignore[misc]
            )
            rows.append(
                {
                    "name": f"the same by scattered rows of {ROW}, into {told}",
                    "threads": threads,
                    "value": seconds / (each // ROW * ROW * threads) * 1e9, "unit": "ns",
                }
            )  # fmt: skip
    return rows
