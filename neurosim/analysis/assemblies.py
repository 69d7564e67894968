"""Cell assemblies: groups of neurons that fire together, and when.

Windows of time give affinities between neurons, a tensor (neurons, neurons, windows); as a sum of a
few non-negative outer products it shows groups and their times of activity. Unlike principal
components, parts only add up, so a neuron belongs to an assembly or not.

Source: Lee & Seung (1999), Nature 401:788; Shashua & Hazan (2005), ICML; updates: Cichocki & Phan
(2009), IEICE Trans. E92-A:708.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from neurosim.analysis.trains import Floats, Ints, Trains, bin_edges, binned_counts, checked_number
from neurosim.errors import ConvergenceError, DescriptionError


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NonNegativeFactors:
    """A tensor as a sum of non-negative outer products.

    Attributes
    ----------
    factors : tuple of (n_k, rank) float64
        One matrix per axis, columns of norm 1.
    weights : (rank,) float64
        Descending.
    error : float
        Norm of what is left over norm of the tensor, in [0, 1].
    """

    factors: tuple[Floats, ...]
    weights: Floats
    error: float

    def tensor(self) -> Floats:
        """Return the sum of the outer products."""
        return _compose(self.weights, self.factors)


def _compose(weights: Floats, factors: tuple[Floats, ...]) -> Floats:
    letters = "abcdefgh"[: len(factors)]
    spec = ",".join(f"{letter}z" for letter in letters)
    result: Floats = np.einsum(f"z,{spec}->{letters}", weights, *factors)
    return result


def non_negative_factors(
    tensor: npt.ArrayLike,
    rank: int,
    *,
    restarts: int = 5,
    tolerance: float = 1e-7,
    max_iterations: int = 3000,
    seed: int = 0,
) -> NonNegativeFactors:
    """Approximate a non-negative tensor by `rank` non-negative outer products (NTF).

    Hierarchical alternating least squares: each column in turn takes its best non-negative value,
    so the error never rises. The best of several random starts is returned.

    Parameters
    ----------
    tensor : array of 2 to 8 axes
        Non-negative, not all 0.
    rank : int
        Number of outer products.
    restarts : int
        Random starts.
    tolerance : float
        A start has converged when the error falls by less than this in one round.
    max_iterations : int
        Rounds after which a start has failed.
    seed : int
        Of the starts.

    Raises
    ------
    DescriptionError
        If the tensor is negative somewhere, 0 everywhere, or not finite.
    ConvergenceError
        If no start has converged.
    """
    place = "non_negative_factors"
    x = np.asarray(tensor, dtype=np.float64)
    if not 2 <= x.ndim <= 8 or not np.isfinite(x).all() or (x < 0).any() or not x.any():
        expected = "2 to 8 axes of finite numbers, none negative and not all 0"
        raise DescriptionError(f"{place}.tensor", x, expected)
    r = checked_number(f"{place}.rank", rank)
    n = checked_number(f"{place}.restarts", restarts)
    limit = checked_number(f"{place}.max_iterations", max_iterations)
    generator = np.random.Generator(np.random.Philox(checked_number(f"{place}.seed", seed, 0)))
    found = [_factorise(x, r, tolerance, limit, generator) for _ in range(n)]
    done = [result for result, change in found if change <= tolerance]
    if not done:
        least = min(change for _, change in found)
        reached = f"after {limit} rounds of {n} starts the error still falls by {least:.2g} a round"
        raise ConvergenceError("non-negative tensor factorisation", f"rank {r}", reached)
    return min(done, key=lambda result: result.error)


def _factorise(
    x: Floats, rank: int, tolerance: float, limit: int, generator: np.random.Generator
) -> tuple[NonNegativeFactors, float]:
    """Return factors from one random start, and the last fall of the error."""
    letters = "abcdefgh"[: x.ndim]
    factors = [generator.random((size, rank)) for size in x.shape]
    square = float((x * x).sum())
    error = change = math.inf
    for _ in range(limit):
        for axis in range(x.ndim):
            others = [k for k in range(x.ndim) if k != axis]
            spec = ",".join(f"{letters[k]}z" for k in others)
            target = np.einsum(
                f"{letters},{spec}->{letters[axis]}z",
                x,
                *(factors[k] for k in others),
                optimize="greedy",
            )
            gram = np.ones((rank, rank))
            for k in others:
                gram *= factors[k].T @ factors[k]
            a = factors[axis]
            for j in range(rank):
                if gram[j, j] > 0:
                    a[:, j] = np.maximum(0, a[:, j] + (target[:, j] - a @ gram[:, j]) / gram[j, j])
        # from the products of the last axis: |x|^2 - 2 <x, model> + |model|^2
        left = square - 2 * float((target * a).sum()) + float((gram * (a.T @ a)).sum())
        before, error = error, math.sqrt(max(left, 0.0) / square)
        change = before - error
        if change <= tolerance:
            break
    norms = [np.linalg.norm(f, axis=0) for f in factors]
    weights = np.prod(norms, axis=0)
    order = np.argsort(-weights, kind="stable")
    scaled = tuple(
        (f / np.where(norm > 0, norm, 1))[:, order] for f, norm in zip(factors, norms, strict=True)
    )
    result = NonNegativeFactors(factors=scaled, weights=weights[order], error=error)
    return result, change


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Assemblies:
    """Groups of neurons that fire together, and when.

    Attributes
    ----------
    labels : (n_neurons,) int64
        Assembly of each neuron, 0 the strongest; -1 for those in none.
    loadings : (n_neurons, n_assemblies) float64
        How much each neuron takes part; columns of norm 1.
    activity : (n_windows, n_assemblies) float64
        Strength of each assembly in each window.
    edges : (n_windows + 1,) float64
        Of the windows [ms].
    error : float
        Part of the affinities that is left unexplained, in [0, 1].
    """

    labels: Ints
    loadings: Floats
    activity: Floats
    edges: Floats
    error: float

    def members(self, assembly: int) -> Ints:
        """Return the neurons of an assembly, ascending."""
        found: Ints = np.nonzero(self.labels == assembly)[0]
        return found


def affinities(
    trains: Trains,
    t_start: float,
    t_stop: float,
    *,
    window: float,
    bin: float = 10.0,
    significance: float = 2.0,
) -> Floats:
    """Return how much each pair of neurons fires together in each window.

    The correlation of their spike counts over the bins of the window, where it is above
    `significance` standard deviations of chance, 1 / sqrt(number of bins); otherwise 0. Neurons
    with the same count in all bins are related to none; the diagonal is 0.

    Parameters
    ----------
    trains : sequence of (n_spikes,) float
        Spike times of each neuron [ms].
    t_start, t_stop : float
        Stretch of time [ms], a whole number of windows.
    window : float
        [ms], a whole number of bins.
    bin : float
        [ms].
    significance : float
        At least 0.

    Returns
    -------
    (n_neurons, n_neurons, n_windows) float64

    Raises
    ------
    DescriptionError
        If windows do not fill the stretch or bins the window, or a window has fewer than 8 bins.
    """
    windows = bin_edges(t_start, t_stop, window)
    per_window = bin_edges(0.0, window, bin).size - 1
    if per_window < 8:
        expected = f"at least 8 bins of {bin:g} ms"
        raise DescriptionError("affinities.window", window, expected)
    if not (math.isfinite(significance) and significance >= 0):
        raise DescriptionError("affinities.significance", significance, "a number, at least 0")
    n_windows = windows.size - 1
    counts = binned_counts(trains, np.linspace(t_start, t_stop, n_windows * per_window + 1))
    parts = counts.reshape(len(counts), n_windows, per_window).astype(np.float64)
    parts -= parts.mean(axis=2, keepdims=True)
    norm = np.sqrt((parts * parts).sum(axis=2, keepdims=True))
    parts /= np.where(norm > 0, norm, 1.0)
    tensor: Floats = np.einsum("iwb,jwb->ijw", parts, parts)
    tensor[tensor < significance / math.sqrt(per_window)] = 0.0
    tensor[np.arange(len(counts)), np.arange(len(counts))] = 0.0
    return tensor


def detect_assemblies(
    trains: Trains,
    t_start: float,
    t_stop: float,
    n_assemblies: int,
    *,
    window: float,
    bin: float = 10.0,
    significance: float = 2.0,
    cut: float = 0.35,
    restarts: int = 5,
    seed: int = 0,
) -> Assemblies:
    """Find groups of neurons that fire together in some windows of time.

    Parameters
    ----------
    trains : sequence of (n_spikes,) float
        Spike times of each neuron [ms].
    t_start, t_stop : float
        Stretch of time [ms], a whole number of windows.
    n_assemblies : int
        How many. Compare the `error` of several: it falls steeply up to the number there are.
    window : float
        [ms]; an assembly is to be active in some and not in others.
    bin : float
        Within which spikes count as together [ms].
    significance : float
        See `affinities`.
    cut : float
        A neuron belongs to the assembly of its largest loading, if that is above `cut` times the
        largest one of the assembly.
    restarts, seed : int
        See `non_negative_factors`.

    Raises
    ------
    DescriptionError
        For wrong stretches, or where no pair of neurons is related.
    ConvergenceError
        If the factorisation does not converge.
    """
    if not 0 < cut < 1:
        raise DescriptionError("detect_assemblies.cut", cut, "a fraction in (0, 1)")
    tensor = affinities(trains, t_start, t_stop, window=window, bin=bin, significance=significance)
    if not tensor.any():
        expected = "trains of which some fire together more than by chance"
        raise DescriptionError("detect_assemblies.trains", f"{len(trains)} trains", expected)
    found = non_negative_factors(tensor, n_assemblies, restarts=restarts, seed=seed)
    first, second, activity = found.factors
    loadings = np.sqrt(first * second)  # slices are symmetric, their factors up to rounding too
    size = np.linalg.norm(loadings, axis=0)
    loadings /= np.where(size > 0, size, 1.0)
    best = np.argmax(loadings, axis=1)
    top = loadings.max(axis=0)
    belongs = loadings[np.arange(len(best)), best] > cut * top[best]
    return Assemblies(
        labels=np.where(belongs, best, -1).astype(np.int64),
        loadings=loadings,
        activity=activity * found.weights,
        edges=bin_edges(t_start, t_stop, window),
        error=found.error,
    )


def adjusted_rand(first: npt.ArrayLike, second: npt.ArrayLike) -> float:
    """Return the agreement of two groupings: 1 if equal up to names, 0 on average by chance.

    Parameters
    ----------
    first, second : (n,) int
        Labels of the same items.

    Raises
    ------
    DescriptionError
        If lengths differ or there are fewer than 2 items.

    Source: Hubert & Arabie (1985), J. Classif. 2:193.
    """
    a, b = np.asarray(first), np.asarray(second)
    if a.ndim != 1 or a.shape != b.shape or a.size < 2:
        raise DescriptionError("adjusted_rand", (a.shape, b.shape), "two groupings of 2 items on")
    _, i = np.unique(a, return_inverse=True)
    _, j = np.unique(b, return_inverse=True)
    table = np.zeros((i.max() + 1, j.max() + 1), dtype=np.int64)
    np.add.at(table, (i, j), 1)

    def pairs(counts: Ints) -> float:
        return float((counts * (counts - 1) // 2).sum())

    both, rows, columns = pairs(table), pairs(table.sum(axis=1)), pairs(table.sum(axis=0))
    expected = rows * columns / (a.size * (a.size - 1) / 2)
    most = (rows + columns) / 2
    return 1.0 if most == expected else (both - expected) / (most - expected)
