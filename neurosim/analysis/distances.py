"""How far spike trains are from each other, and avalanches of spikes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from neurosim.analysis.trains import Trains, bin_edges, binned_counts, checked_times
from neurosim.errors import DescriptionError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def van_rossum_distance(first: npt.ArrayLike, second: npt.ArrayLike, tau: float) -> float:
    """Return the distance of two spike trains after van Rossum.

    Every spike becomes an exponential that decays with tau; the distance is the root of

        1/tau * integral of (f - g)^2 dt

    One spike more is a distance of sqrt(1/2), and a spike moved by much less than tau next to none.

    Parameters
    ----------
    first, second : (n,), (m,) array
        Times [ms], ascending.
    tau : float
        [ms]

    Raises
    ------
    DescriptionError
        For what is no train, and tau not above 0.

    Source: van Rossum (2001), Neural Comput. 13:751, equations 2.1 and 2.2.
    """
    trains = [_ascending(f"van_rossum_distance: {n}", t) for n, t in _both(first, second)]
    if not (np.isfinite(tau) and tau > 0):
        raise DescriptionError("van_rossum_distance: tau", tau, "a time in ms above 0")
    times = np.concatenate(trains)
    signs = np.repeat([1.0, -1.0], [len(t) for t in trains])
    order = np.argsort(times, kind="stable")
    # With both trains in one of signed spikes, the integral is the sum over pairs of exponentials
    # of their distance in time; those of all earlier spikes decay together.
    earlier, square = 0.0, 0.5 * len(times)
    fading = np.exp(-np.diff(times[order], prepend=times[order][:1]) / tau)
    for sign, fades in zip(signs[order].tolist(), fading.tolist(), strict=True):
        earlier *= fades
        square += sign * earlier
        earlier += sign
    return float(np.sqrt(max(square, 0.0)))


def spike_coincidence(first: npt.ArrayLike, second: npt.ArrayLike, window: float) -> float:
    """Return the part of the spikes of two trains that have a partner in the other.

    Partners are at most `window` apart, and each spike has one at most: 2 n_pairs/(n + m).

    Parameters
    ----------
    first, second : (n,), (m,) array
        Times [ms], ascending.
    window : float
        [ms]

    Returns
    -------
    float
        From 0 to 1, which it is for trains that are the same.

    Raises
    ------
    DescriptionError
        For what is no train, and if both are empty.

    Source: the count of coincidences of Kistler, Gerstner & van Hemmen (1997), Neural Comput.
    9:1015, without their correction for chance.
    """
    a, b = (_ascending(f"spike_coincidence: {n}", t) for n, t in _both(first, second))
    if not (np.isfinite(window) and window >= 0):
        raise DescriptionError("spike_coincidence: window", window, "a time in ms, 0 or more")
    if not a.size and not b.size:
        raise DescriptionError("spike_coincidence: trains", "without a spike", "one spike or more")
    pairs = i = j = 0
    while i < len(a) and j < len(b):
        if abs(a[i] - b[j]) <= window:
            pairs, i, j = pairs + 1, i + 1, j + 1
        elif a[i] < b[j]:
            i += 1
        else:
            j += 1
    return 2 * pairs / (len(a) + len(b))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Avalanches:
    """Stretches of activity between two silences.

    Attributes
    ----------
    sizes : (n,) int64
        Spikes in each.
    durations : (n,) float64
        [ms], a multiple of the bin.
    """

    sizes: Ints
    durations: Floats

    def __len__(self) -> int:
        return int(self.sizes.size)


def avalanches(trains: Trains, t_start: float, t_stop: float, bin: float) -> Avalanches:
    """Return the avalanches of a population: runs of bins with spikes, between empty bins.

    Those that touch an end of the stretch are left out: they were not seen whole.

    Parameters
    ----------
    trains : sequence of (n,) arrays
        Times [ms], one train for each neuron.
    t_start, t_stop : float
        [ms]
    bin : float
        [ms]; a usual choice is the mean interval between the spikes of the population.

    Source: Beggs & Plenz (2003), J. Neurosci. 23:11167.
    """
    edges = bin_edges(t_start, t_stop, bin)
    counts = binned_counts(trains, edges).sum(axis=0)
    # +1 where a run of bins with spikes begins, -1 behind its end; runs at the ends have only one.
    steps = np.diff((counts > 0).astype(np.int64))
    begins, ends = np.flatnonzero(steps == 1) + 1, np.flatnonzero(steps == -1) + 1
    ends = ends[ends > begins[0]] if begins.size else ends[:0]
    begins = begins[: ends.size]
    total = np.concatenate([[0], np.cumsum(counts)])
    return Avalanches(
        sizes=(total[ends] - total[begins]).astype(np.int64),
        durations=np.asarray((ends - begins) * float(bin), np.float64),
    )


def _both(first: npt.ArrayLike, second: npt.ArrayLike) -> tuple[tuple[str, npt.ArrayLike], ...]:
    return ("first", first), ("second", second)


def _ascending(place: str, times: npt.ArrayLike) -> Floats:
    train = checked_times(place, times)
    if (np.diff(train) < 0).any():
        raise DescriptionError(place, times, "times in ascending order")
    return train
