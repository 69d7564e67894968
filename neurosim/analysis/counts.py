"""How spike counts vary and vary together: Fano factors and pairwise correlations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from neurosim.analysis.rates import population_rate
from neurosim.analysis.trains import (
    Floats,
    Ints,
    PerNeuron,
    Trains,
    bin_edges,
    binned_counts,
    checked_number,
)
from neurosim.errors import CapacityError, DescriptionError


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Correlations:
    """Correlation coefficients of spike counts, one per pair of neurons.

    Attributes
    ----------
    values : (n_pairs,) float64
        Pearson's coefficient of the pairs (0, 1), (0, 2), ..., (1, 2), ... of `neurons`.
    neurons : (n_used,) int64
        Index of the trains that were used, ascending.
    n_constant : int
        Chosen neurons left out because their count never changes (the silent ones above all).
    bin : float
        Width of the counting window [ms].
    """

    values: Floats
    neurons: Ints
    n_constant: int
    bin: float

    def mean(self) -> float:
        """Return the mean over all pairs.

        Raises
        ------
        DescriptionError
            If there is no pair.
        """
        if self.values.size == 0:
            raise DescriptionError(
                "mean of the correlations",
                f"undefined: {self.neurons.size} neurons with varying counts",
                "at least 2 neurons whose counts vary",
            )
        return float(self.values.mean())

    def matrix(self) -> Floats:
        """Return the coefficients as a symmetric (n_used, n_used) matrix, ones on its diagonal."""
        n = self.neurons.size
        matrix = np.eye(n)
        upper = np.triu_indices(n, 1)
        matrix[upper] = self.values
        matrix.T[upper] = self.values
        return matrix


def fano_factor(
    trains: Trains, t_start: float, t_stop: float, *, window: float, ddof: int = 0
) -> PerNeuron:
    """Return each neuron's Fano factor: variance / mean of its counts in consecutive windows.

    Parameters
    ----------
    trains : sequence of (n_spikes,) float
        Spike times of each neuron [ms].
    t_start, t_stop : float
        Stretch of time [ms].
    window : float
        Length of a window [ms]; must divide the stretch, at least twice.
    ddof : {0, 1}
        The variance over n windows divides by n - ddof; 1 removes its bias, 0 is the usual form.

    Returns
    -------
    PerNeuron
        Silent neurons are left out and counted.

    Own numpy: one pass over all neurons. The same numbers as `elephant.statistics.fanofactor` of
    each neuron's windows with ``ddof=0``.
    """
    edges = bin_edges(t_start, t_stop, window)
    counts = binned_counts(trains, edges)
    _check_windows(edges.size - 1, ddof)
    used = np.flatnonzero(counts.any(axis=1))
    active = counts[used]
    return PerNeuron(
        values=active.var(axis=1, ddof=ddof) / active.mean(axis=1),
        neurons=used,
        n_neurons=counts.shape[0],
        measure="the Fano factor",
        needs="at least one spike",
    )


def trial_fano_factor(counts: npt.ArrayLike, *, ddof: int = 0) -> float:
    """Return variance / mean of one neuron's spike counts over trials.

    Parameters
    ----------
    counts : (n_trials,) int
        Spikes in each trial.
    ddof : {0, 1}
        As in `fano_factor`.

    Raises
    ------
    DescriptionError
        Without a spike in any trial, or with fewer than 2 trials.

    Own numpy; the same number as `elephant.statistics.fanofactor` with ``ddof=0``.
    """
    array = np.asarray(counts)
    if array.ndim != 1 or array.dtype.kind not in "iu" or (array < 0).any():
        raise DescriptionError(
            "trial_fano_factor.counts", counts, "whole numbers of spikes per trial"
        )
    _check_windows(array.size, ddof)
    if not array.any():
        raise DescriptionError("trial_fano_factor.counts", counts, "at least one spike")
    return float(array.var(ddof=ddof) / array.mean())


def population_fano(
    times: npt.ArrayLike, t_start: float, t_stop: float, *, bin: float, ddof: int = 0
) -> float:
    """Return variance / mean of the spike count of a whole population: a measure of synchrony.

    1 for independent Poisson neurons, up to the number of neurons if all fire together.

    Parameters
    ----------
    times : (n_spikes,) float
        Spike times of all neurons [ms].
    t_start, t_stop : float
        Stretch of time [ms].
    bin : float
        Width of the bins [ms]; must divide the stretch, at least twice.
    ddof : {0, 1}
        As in `fano_factor`.

    Raises
    ------
    DescriptionError
        If there is no spike in the stretch.
    """
    counts = population_rate(times, 1, t_start, t_stop, bin=bin).counts
    _check_windows(counts.size, ddof)
    if not counts.any():
        raise DescriptionError(
            "population_fano.times",
            "no spikes",
            f"at least one spike from {t_start:g} to {t_stop:g} ms",
        )
    return float(counts.var(ddof=ddof) / counts.mean())


def count_correlations(
    trains: Trains,
    t_start: float,
    t_stop: float,
    *,
    bin: float,
    n_neurons: int | None = None,
    seed: int = 0,
) -> Correlations:
    """Return Pearson's correlation of the spike counts of each pair of neurons.

    Parameters
    ----------
    trains : sequence of (n_spikes,) float
        Spike times of each neuron [ms].
    t_start, t_stop : float
        Stretch of time [ms].
    bin : float
        Counting window [ms]; must divide the stretch, at least twice.
    n_neurons : int, optional
        Use this many neurons, drawn at random without replacement; None uses all.
    seed : int
        Of that draw.

    Returns
    -------
    Correlations
        Neurons whose count never changes have no correlation; they are left out and counted. So
        there may be no pair at all, see `Correlations.mean`.

    Raises
    ------
    CapacityError
        If the pairs would need more than 2 GB.

    Own numpy: one matrix product. The same numbers as
    `elephant.spike_train_correlation.correlation_coefficient`.
    """
    edges = bin_edges(t_start, t_stop, bin)
    _check_windows(edges.size - 1, 0)
    chosen = np.arange(len(trains))
    if n_neurons is not None:
        if checked_number("count_correlations.n_neurons", n_neurons) > chosen.size:
            expected = f"at most the {chosen.size} neurons there are"
            raise DescriptionError("count_correlations.n_neurons", n_neurons, expected)
        chosen = np.sort(np.random.default_rng(seed).choice(chosen, n_neurons, replace=False))
    # The product and its upper triangle, and the counts as int64 and float64.
    bytes_needed = chosen.size * (12 * chosen.size + 16 * (edges.size - 1))
    if bytes_needed > 2e9:
        raise CapacityError(
            f"count_correlations: {chosen.size} neurons in {edges.size - 1} bins need "
            f"{bytes_needed / 1e9:.1f} GB. Choose n_neurons= below {chosen.size}, or a wider bin=."
        )
    counts = binned_counts([trains[int(k)] for k in chosen], edges)
    varying = (counts != counts[:, :1]).any(axis=1)
    values = counts[varying].astype(np.float64)
    values -= values.mean(axis=1, keepdims=True)
    values /= np.sqrt((values**2).sum(axis=1, keepdims=True))
    product = values @ values.T
    upper = np.triu_indices(product.shape[0], 1)
    return Correlations(
        values=np.clip(product[upper], -1.0, 1.0),
        neurons=chosen[varying],
        n_constant=int(np.count_nonzero(~varying)),
        bin=float(bin),
    )


def _check_windows(n: int, ddof: int) -> None:
    if n < 2:
        raise DescriptionError("number of windows or trials", n, "at least 2, for a variance")
    if ddof not in (0, 1):
        raise DescriptionError("ddof", ddof, "0 or 1")
