"""Poisson thresholds, step schedules and the sources of spikes, ready for their kernels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from neurosim.errors import DescriptionError
from neurosim.lower.plan import Floats, Ints
from neurosim.lower.values import nearest_steps

MEAN_OF_A_PART = 16.0
"""A Poisson number of larger mean is drawn as a sum, so that tables of thresholds stay short."""


def poisson_thresholds(mean: float) -> tuple[np.ndarray, int]:
    """Return the cumulative probabilities of 0, 1, .. spikes, times 2^32, and the parts.

    A 32-bit word at or above m of the thresholds means m spikes. Each probability is off by at
    most 2^-33, the resolution of the word.

    Parameters
    ----------
    mean : float
        Expected spikes per step, at least 0.

    Returns
    -------
    thresholds : (m,) uint32
    parts : int
        How many independent numbers of this table add up to the mean.
    """
    if mean > 200 * MEAN_OF_A_PART:
        raise DescriptionError(
            "Poisson.rate, in spikes per time step,", mean, "at most 3200", "Lower the rate or dt."
        )
    parts = max(1, math.ceil(mean / MEAN_OF_A_PART))
    m = mean / parts
    thresholds = []
    term = math.exp(-m)
    below = term
    k = 0
    while k < 400:
        threshold = round(below * 2.0**32)
        if threshold >= 2**32:
            break
        thresholds.append(threshold)
        k += 1
        term *= m / k
        below += term
    return np.array(thresholds, np.uint32), parts


@dataclass(frozen=True)
class RateTable:
    """A rate that is constant between given steps, as a kernel reads it.

    Attributes
    ----------
    each : bool
        Whether neurons differ.
    first_step, first, second, parts : (n_segments,) int64
        Per segment. `each`: addresses of the means and of exp(-mean), both (n,) float64. Else:
        number and address of the thresholds.
    largest : int
        The most spikes that one neuron may emit in a step.
    """

    each: bool
    first_step: Ints
    first: Ints
    second: Ints
    parts: Ints
    largest: int
    kept: tuple[np.ndarray, ...]

    @property
    def words(self) -> list[Any]:
        """The words of a context."""
        return [self.first_step.size, self.first_step, self.first, self.second, self.parts]


def rate_table(times: Floats, rates: Floats, dt: float) -> RateTable:
    """Tabulate a rate that is `rates[k]` from `times[k]` on, and 0 before the first.

    Parameters
    ----------
    times : (k,) float64
        [ms], ascending.
    rates : (k,) or (k, n) float64
        [Hz].
    dt : float
        [ms].
    """
    first_step = nearest_steps(times, dt, "RateSteps.times")
    means = np.asarray(rates, np.float64) * 1e-3 * dt
    if first_step[0] > 0:
        first_step = np.concatenate([[0], first_step])
        means = np.concatenate([np.zeros_like(means[:1]), means])
    if means.ndim == 1:
        tables = [poisson_thresholds(float(m)) for m in means]
        kept = tuple(t for t, _ in tables)
        return RateTable(
            False,
            first_step,
            np.array([t.size for t in kept], np.int64),
            np.array([t.ctypes.data for t in kept], np.int64),
            np.array([p for _, p in tables], np.int64),
            max(1, max(t.size * p for t, p in tables)),
            kept,
        )
    if means.max() > 200 * MEAN_OF_A_PART:
        poisson_thresholds(float(means.max()))
    parts = np.maximum(1, np.ceil(means.max(axis=1) / MEAN_OF_A_PART)).astype(np.int64)
    mean_rows = tuple(np.ascontiguousarray(m / p) for m, p in zip(means, parts, strict=True))
    silent_rows = tuple(np.exp(-m) for m in mean_rows)
    return RateTable(
        True,
        first_step,
        np.array([m.ctypes.data for m in mean_rows], np.int64),
        np.array([m.ctypes.data for m in silent_rows], np.int64),
        parts,
        200 * int(parts.max()),
        mean_rows + silent_rows,
    )


def schedule(times: list[Any], dt: float) -> tuple[Ints, np.ndarray]:
    """Sort given spike times by step, then by neuron.

    Parameters
    ----------
    times : list of arrays
        Spike times of every neuron [ms]; rounded to the nearest step.

    Returns
    -------
    labels : (n,) int64
    neurons : (n,) int32
    """
    labels = [nearest_steps(t, dt, "SpikeTimes.trains") for t in times]
    neurons = [np.full(t.size, k, np.int32) for k, t in enumerate(labels)]
    label = np.concatenate(labels) if labels else np.empty(0, np.int64)
    neuron = np.concatenate(neurons) if neurons else np.empty(0, np.int32)
    order = np.lexsort((neuron, label))
    return np.ascontiguousarray(label[order]), np.ascontiguousarray(neuron[order])
