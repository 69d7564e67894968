"""How regularly neurons fire: inter-spike intervals, their CV, local variation."""

from __future__ import annotations

import numpy as np

from neurosim.analysis.trains import Floats, Ints, PerNeuron, Trains, checked_number, flatten
from neurosim.errors import DescriptionError, MissingPackageError


def isis(trains: Trains) -> Floats:
    """Return the inter-spike intervals of all neurons [ms], one neuron after another.

    A neuron with n spikes contributes max(n - 1, 0) intervals; none at all give an empty array.
    """
    return _intervals(trains)[0]


def isi_cv(trains: Trains, *, min_spikes: int = 3) -> PerNeuron:
    """Return the coefficient of variation of each neuron's inter-spike intervals.

        CV = standard deviation / mean

    with the standard deviation over n intervals dividing by n. 0 for a clock, 1 for a long Poisson
    train; short trains are biased downwards, by about 1/n of the value for a Poisson train.

    Parameters
    ----------
    trains : sequence of (n_spikes,) float
        Spike times of each neuron [ms].
    min_spikes : int
        Neurons with fewer spikes are left out and counted; at least 3 (two intervals).

    Raises
    ------
    DescriptionError
        If all spikes of a neuron with enough of them are at one time.

    Own numpy: one pass over all neurons. The same numbers as `elephant.statistics.cv` of each.
    """
    min_spikes = checked_number("isi_cv.min_spikes", min_spikes, 3)
    intervals, owners, counts = _intervals(trains)
    used = np.flatnonzero(counts >= min_spikes)
    n = np.maximum(counts - 1, 1)
    mean = np.bincount(owners, intervals, minlength=counts.size) / n
    # Two passes: the textbook sum of squares loses the small variance of a regular train.
    variance = np.bincount(owners, (intervals - mean[owners]) ** 2, minlength=counts.size) / n
    if (mean[used] == 0).any():
        k = int(used[np.argmin(mean[used])])
        raise DescriptionError(f"trains[{k}]", trains[k], "spikes at different times")
    return PerNeuron(
        values=np.sqrt(variance[used]) / mean[used],
        neurons=used,
        n_neurons=counts.size,
        measure="the CV of inter-spike intervals",
        needs=f"at least {min_spikes} spikes",
    )


def local_variation(trains: Trains, *, min_spikes: int = 3) -> PerNeuron:
    """Return the local variation LV of each neuron's inter-spike intervals.

        LV = 3 / (n - 1) * sum_i ((I_i - I_{i+1}) / (I_i + I_{i+1}))^2

    over n intervals: 0 for a clock, 1 for a Poisson train; unlike the CV it is hardly moved by
    slow changes of the rate.

    Parameters
    ----------
    trains : sequence of (n_spikes,) float
        Spike times of each neuron [ms].
    min_spikes : int
        Neurons with fewer spikes are left out and counted; at least 3 (two intervals).

    Raises
    ------
    DescriptionError
        If three spikes of a neuron are at one time.

    Own numpy: one pass over all neurons. The same numbers as `elephant.statistics.lv` of each.

    Source: Shinomoto, Shima & Tanji (2003), Neural Comput. 15, eq. 2.2.
    """
    min_spikes = checked_number("local_variation.min_spikes", min_spikes, 3)
    intervals, owners, counts = _intervals(trains)
    left, right, total, owners = _pair_sums(trains, intervals, owners)
    terms = 3.0 * ((left - right) / total) ** 2
    sums = np.bincount(owners, terms, minlength=counts.size)
    used = np.flatnonzero(counts >= min_spikes)
    return PerNeuron(
        values=sums[used] / (counts[used] - 2),
        neurons=used,
        n_neurons=counts.size,
        measure="the local variation",
        needs=f"at least {min_spikes} spikes",
    )


def revised_local_variation(trains: Trains, *, refractory: float = 5.0) -> PerNeuron:
    """Return the revised local variation LvR of each neuron, of those with at least 3 spikes.

    Parameters
    ----------
    trains : sequence of (n_spikes,) float
        Spike times of each neuron [ms].
    refractory : float
        The refractoriness constant R [ms].

    Raises
    ------
    MissingPackageError
        Without elephant, which computes it.

    Source: Shinomoto et al. (2009), PLoS Comput. Biol. 5:e1000433, eq. 3.
    """
    try:
        import quantities as pq
        from elephant.statistics import lvr
    except ImportError as missing:
        name = missing.name or "elephant"
        raise MissingPackageError(name, "The revised local variation", "analysis") from None
    if not (np.isfinite(refractory) and refractory >= 0):
        raise DescriptionError("refractory", refractory, "a time in ms of at least 0")
    intervals, owners, counts = _intervals(trains)
    used = np.flatnonzero(counts >= 3)
    edges = np.searchsorted(owners, np.arange(counts.size + 1))
    _pair_sums(trains, intervals, owners)
    values = [lvr(intervals[edges[k] : edges[k + 1]] * pq.ms, refractory * pq.ms) for k in used]
    return PerNeuron(
        values=np.array(values, dtype=np.float64),
        neurons=used,
        n_neurons=counts.size,
        measure="the revised local variation",
        needs="at least 3 spikes",
    )


def _pair_sums(
    trains: Trains, intervals: Floats, owners: Ints
) -> tuple[Floats, Floats, Floats, Ints]:
    """Return each pair of neighbouring intervals, their sum (never 0), and the pair's neuron."""
    same = owners[1:] == owners[:-1]
    left, right, owners = intervals[:-1][same], intervals[1:][same], owners[1:][same]
    total = left + right
    if (total == 0).any():
        k = int(owners[np.argmin(total)])
        raise DescriptionError(f"trains[{k}]", trains[k], "no three spikes at one time")
    return left, right, total, owners


def _intervals(trains: Trains) -> tuple[Floats, Ints, Ints]:
    """Return intervals, the neuron of each, and the spike counts of the neurons."""
    times, owners, counts = flatten(trains)
    same = owners[1:] == owners[:-1]
    return np.diff(times)[same], owners[1:][same], counts
