"""Loihi's integers: our kernel beside Lava on one network, and a network that Lava does not hold.

Lava starts a process of the system for each of its own, which takes a second: what a step of it
costs is the difference of a long and a short run. With delays it builds a matrix for each slot in
every step, so that networks with and without are measured. Both sides do the same work: spikes are
compared.
"""

from __future__ import annotations

import statistics
import time
from typing import Any

import numpy as np

from neurosim_backends.lava.jobs import run_in_lava
from neurosim_backends.lava.workers import shared_worker
from neurosim_backends.loihi.chip import Chip, Compartments, Group, IntegerNetwork

STEPS = {1: 1000, 8: 100}
"""Delay slots -> steps of the long run."""

SHORT = 10
"""Steps of the run that is subtracted."""

INDEGREE = 100
LARGE = 100_000
LARGE_STEPS = 200


def recurrent(n: int, slots: int = 1, seed: int = 1) -> IntegerNetwork:
    """Return n neurons that a bias drives, four fifths of them excitatory, 100 synapses each.

    Delays are drawn from as many slots.
    """
    draw = np.random.default_rng(seed)
    n_excitatory = 4 * n // 5
    sizes = {"excitatory": n_excitatory, "inhibitory": n - n_excitatory}
    populations = tuple(
        Compartments(
            name=name, du=409, dv=205, vth=2000, bias_mant=draw.integers(60, 130, size),
            bias_exp=np.full(size, 6), u=np.zeros(size, int), v=draw.integers(0, 120_000, size),
        )
        for name, size in sizes.items()
    )  # fmt: skip
    groups = []
    for pre, (source, n_pre) in enumerate(sizes.items()):
        k = INDEGREE * n_pre // n
        sign = 1 if pre == 0 else -5
        for post, (target, n_post) in enumerate(sizes.items()):
            # k different sources of each: a random first one, and steps that never meet again.
            first = draw.integers(n_pre, size=(n_post, 1))
            stride = draw.choice(
                [s for s in (1, 3, 7, 9, 11) if np.gcd(s, n_pre) == 1], (n_post, 1)
            )
            groups.append(
                Group(
                    name=f"{source} to {target}", pre=pre, post=post,
                    pre_id=((first + stride * np.arange(k)) % n_pre).ravel(),
                    post_id=np.repeat(np.arange(n_post), k),
                    weight=np.full(n_post * k, 4 * sign), slot=draw.integers(0, slots, n_post * k),
                    sign="excitatory" if sign > 0 else "inhibitory",
                )
            )  # fmt: skip
    return IntegerNetwork(populations=populations, groups=tuple(groups))


def measure(repeats: int = 5, n: int = 1000, large: int = LARGE) -> list[dict[str, Any]]:
    """Time both sides by turns.

    Returns
    -------
    list of dict
        One row per side and network: ms a step, median, least and greatest over `repeats`; the
        ratio to our kernel. Then a row of the large network.

    Raises
    ------
    ValueError
        If the two do not fire alike: then they were not the same work.
    """
    worker = shared_worker()
    rows = []
    for slots, n_steps in STEPS.items():
        network = recurrent(n, slots)
        chip = Chip(network)
        ours: list[float] = []
        lavas: list[float] = []
        for _ in range(repeats):
            chip.reset()
            started = time.perf_counter()
            seen = chip.run(n_steps)
            ours.append(1e3 * (time.perf_counter() - started) / n_steps)
            seconds = []
            for k in (SHORT, n_steps):
                started = time.perf_counter()
                other = run_in_lava(worker, network, k)
                seconds.append(time.perf_counter() - started)
            lavas.append(1e3 * (seconds[1] - seconds[0]) / (n_steps - SHORT))
            alike = (
                np.array_equal(getattr(seen, x), getattr(other, x)) for x in ("step", "neuron")
            )
            if not all(alike) or not seen.step.size:
                raise ValueError("the two sides do not fire alike")
        rate = seen.step.size / n / n_steps
        rows += [
            _row("loihi", n, slots, rate, ours, 1.0),
            _row("lava", n, slots, rate, lavas, statistics.median(lavas) / statistics.median(ours)),
        ]
    return [*rows, large_row(large, repeats)]


def large_row(n: int, repeats: int) -> dict[str, Any]:
    """Return the row of a network that is too large for Lava here."""
    chip = Chip(recurrent(n, 8))
    times, spikes = [], 0
    for _ in range(repeats):
        chip.reset()
        started = time.perf_counter()
        spikes = sum(chip.run(SHORT).step.size for _ in range(LARGE_STEPS // SHORT))
        times.append(1e3 * (time.perf_counter() - started) / LARGE_STEPS)
    return _row("loihi", n, 8, spikes / n / LARGE_STEPS, times, None)


def _row(
    name: str, n: int, slots: int, rate: float, times: list[float], ratio: float | None
) -> dict[str, Any]:
    return {
        "name": name, "neurons": n, "synapses": n * INDEGREE, "delay slots": slots,
        "spikes per neuron and step": rate, "ms a step": statistics.median(times),
        "least": min(times), "most": max(times), "ratio": ratio,
    }  # fmt: skip
