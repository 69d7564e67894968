"""How often neurons fire: mean rates, population rate, PSTH."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from neurosim.analysis.trains import (
    Floats,
    Ints,
    Trains,
    bin_edges,
    bin_of,
    binned_counts,
    checked_number,
    checked_stretch,
    checked_times,
)
from neurosim.errors import DescriptionError, MissingPackageError


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RateHistogram:
    """Rate over time.

    Attributes
    ----------
    edges : (n_bins + 1,) float64
        Edges of the bins [ms]; bin k is edges[k] < t <= edges[k + 1].
    counts : (n_bins,) int64
        Spikes per bin, of all neurons (and trials) together.
    rates : (n_bins,) float64
        Mean rate of one neuron (in one trial) [Hz].
    """

    edges: Floats
    counts: Ints
    rates: Floats

    @property
    def centres(self) -> Floats:
        """Middles of the bins [ms], (n_bins,)."""
        centres: Floats = 0.5 * (self.edges[:-1] + self.edges[1:])
        return centres

    @property
    def bin(self) -> float:
        """Width of a bin [ms]."""
        return float(self.edges[-1] - self.edges[0]) / (self.edges.size - 1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Psth(RateHistogram):
    """Rate around an event, averaged over trials.

    Attributes
    ----------
    errors : (n_bins,) float64
        Standard error of `rates` over trials [Hz].
    n_trials : int
    """

    errors: Floats
    n_trials: int


def mean_rates(trains: Trains, t_start: float, t_stop: float) -> Floats:
    """Return the mean rate of each neuron in (t_start, t_stop] [Hz], (n_neurons,).

    Own numpy: one pass over all neurons (elephant's `mean_firing_rate` takes one train at a time
    and counts t_start in).
    """
    duration = checked_stretch(t_start, t_stop)
    counts = binned_counts(trains, np.array([t_start, t_stop], dtype=np.float64))
    return counts[:, 0].astype(np.float64) * (1000.0 / duration)


def population_rate(
    times: npt.ArrayLike, n_neurons: int, t_start: float, t_stop: float, *, bin: float
) -> RateHistogram:
    """Return the mean rate of `n_neurons` over time.

    Parameters
    ----------
    times : (n_spikes,) float
        Spike times of all of them [ms], in any order; those outside (t_start, t_stop] are not
        counted.
    n_neurons : int
        Number of neurons, the silent ones included.
    t_start, t_stop : float
        Stretch of time [ms].
    bin : float
        Width of the bins [ms]; must divide the stretch.

    Raises
    ------
    DescriptionError
        If the bins do not fill the stretch.
    """
    edges = bin_edges(t_start, t_stop, bin)
    n_neurons = checked_number("n_neurons", n_neurons)
    counts = _histogram(checked_times("times", times), edges)
    rates = counts.astype(np.float64) * (1000.0 / (bin * n_neurons))
    return RateHistogram(edges=edges, counts=counts, rates=rates)


def align(
    times: npt.ArrayLike, events: npt.ArrayLike, *, before: float, after: float
) -> list[Floats]:
    """Cut spikes into trials around events.

    Parameters
    ----------
    times : (n_spikes,) float
        Spike times of one neuron or a whole population [ms].
    events : (n_trials,) float
        Onsets [ms].
    before, after : float
        How far a trial reaches before and after its event [ms].

    Returns
    -------
    list of (n_spikes_in_trial,) float64
        Times relative to the event, -before < t <= after, ascending. A spike near two events
        belongs to both trials.
    """
    spikes = np.sort(checked_times("times", times))
    onsets = checked_times("events", events)
    checked_stretch(-before, after)
    slack = 1e-12 * np.maximum(np.abs(onsets), 1.0)
    lo = np.searchsorted(spikes, onsets - before + slack, side="right")
    hi = np.searchsorted(spikes, onsets + after + slack, side="right")
    return [spikes[i:j] - t for i, j, t in zip(lo, hi, onsets, strict=True)]


def psth(trials: Trains, t_start: float, t_stop: float, *, bin: float, n_neurons: int = 1) -> Psth:
    """Return the peri-stimulus time histogram.

    Parameters
    ----------
    trials : sequence of (n_spikes,) float
        One array of spike times [ms] per trial, relative to the event (see `align`), ascending.
    t_start, t_stop : float
        Stretch around the event [ms], e.g. -50 and 200.
    bin : float
        Width of the bins [ms]; must divide the stretch.
    n_neurons : int
        Neurons whose spikes are pooled in each trial.

    Raises
    ------
    DescriptionError
        With fewer than 2 trials, which have no standard error, or if the bins do not fill the
        stretch.

    Own numpy: elephant's `time_histogram` pools the trials and so knows no error.
    """
    edges = bin_edges(t_start, t_stop, bin)
    n_neurons = checked_number("n_neurons", n_neurons)
    if len(trials) < 2:
        raise DescriptionError("psth.trials", f"{len(trials)} trials", "at least 2 trials")
    counts = binned_counts(trials, edges)
    scale = 1000.0 / (bin * n_neurons)
    return Psth(
        edges=edges,
        counts=counts.sum(axis=0),
        rates=counts.mean(axis=0) * scale,
        errors=counts.std(axis=0, ddof=1) / np.sqrt(len(trials)) * scale,
        n_trials=len(trials),
    )


def instantaneous_rate(
    times: npt.ArrayLike,
    t_start: float,
    t_stop: float,
    *,
    every: float = 1.0,
    width: float | None = None,
) -> tuple[Floats, Floats]:
    """Return a smooth rate: spikes convolved with a Gaussian.

    Parameters
    ----------
    times : (n_spikes,) float
        Spike times of one neuron [ms] within the stretch.
    t_start, t_stop : float
        Stretch of time [ms].
    every : float
        Distance of the samples [ms].
    width : float, optional
        Standard deviation of the Gaussian [ms]; None finds the best one (Shimazaki & Shinomoto
        2010, J. Comput. Neurosci. 29).

    Returns
    -------
    samples, rates : (n,) float64
        Times [ms] and rates [Hz].

    Raises
    ------
    DescriptionError
        Without a spike, or without `width` and fewer than 3 spikes: there is no best width then.
    MissingPackageError
        Without elephant, which computes it.
    """
    try:
        import neo
        import quantities as pq
        from elephant.kernels import GaussianKernel
        from elephant.statistics import instantaneous_rate as compute
    except ImportError as missing:
        name = missing.name or "elephant"
        raise MissingPackageError(name, "The instantaneous rate", "analysis") from None
    checked_stretch(t_start, t_stop)
    spikes = np.sort(checked_times("times", times))
    least = 3 if width is None else 1
    if spikes.size < least:
        raise DescriptionError("times", spikes, f"at least {least} spikes")
    train = neo.SpikeTrain(spikes, units=pq.ms, t_start=t_start, t_stop=t_stop)
    kernel = "auto" if width is None else GaussianKernel(sigma=width * pq.ms)
    signal = compute(train, sampling_period=every * pq.ms, kernel=kernel)
    samples = np.asarray(signal.times.rescale(pq.ms).magnitude, dtype=np.float64)
    return samples, np.asarray(signal.rescale(pq.Hz).magnitude, dtype=np.float64)[:, 0]


def _histogram(times: Floats, edges: Floats) -> Ints:
    n_bins = edges.size - 1
    places = bin_of(times, edges)
    inside = places[(places >= 0) & (places < n_bins)]
    return np.bincount(inside, minlength=n_bins).astype(np.int64)
