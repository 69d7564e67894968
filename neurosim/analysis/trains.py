"""The common ground of all measures: checked trains, bins, and answers that count what is missing.

A *train* is an ascending (n_spikes,) array of spike times [ms] of one neuron, and `trains` a
sequence with one train per neuron, empty where a neuron is silent (`SpikeRecord.trains()` returns
such a list). Stretches of time and bins are open below and closed above, (t1, t2], as steps of a
simulation are; bounds are met up to rounding.

What is missing
---------------
No measure returns NaN. A measure of single neurons returns `PerNeuron`, with the values of those
neurons that have one and the number of those that do not; a measure that is one number raises
`DescriptionError`, saying what is missing. A rate is always defined: no spikes are 0 Hz.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from neurosim.errors import DescriptionError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Trains = Sequence[npt.ArrayLike]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PerNeuron:
    """A measure of single neurons, for those that have one.

    Attributes
    ----------
    values : (n_used,) float64
        The measure.
    neurons : (n_used,) int64
        Index of each value's train, ascending.
    n_neurons : int
        Number of trains, those without a value included.
    measure : str
        What it is, for messages.
    needs : str
        What a neuron needs to have a value.
    """

    values: Floats
    neurons: Ints
    n_neurons: int
    measure: str
    needs: str

    @property
    def n_used(self) -> int:
        """Number of neurons with a value."""
        return int(self.values.size)

    @property
    def n_left_out(self) -> int:
        """Number of neurons without a value."""
        return self.n_neurons - self.n_used

    def mean(self) -> float:
        """Return the mean over the neurons that have a value.

        Raises
        ------
        DescriptionError
            If none has.
        """
        if self.n_used == 0:
            raise DescriptionError(
                f"mean of {self.measure}",
                f"undefined for all {self.n_neurons} neurons",
                f"at least one neuron with {self.needs}",
            )
        return float(self.values.mean())

    def __repr__(self) -> str:
        mean = f"mean {self.mean():.4g}, " if self.n_used else ""
        return f"PerNeuron({self.measure}: {mean}{self.n_used} of {self.n_neurons} neurons)"


def flatten(trains: Trains) -> tuple[Floats, Ints, Ints]:
    """Return all spike times one train after another, each one's train, and the counts.

    Returns
    -------
    times : (n_spikes,) float64
    owners : (n_spikes,) int64
    counts : (n_neurons,) int64

    Raises
    ------
    DescriptionError
        If a train is not a list of finite, ascending numbers.
    """
    arrays = [np.asarray(train) for train in trains]
    for k, array in enumerate(arrays):
        if array.ndim != 1 or (array.size and array.dtype.kind not in "iuf"):
            raise DescriptionError(
                f"trains[{k}]", trains[k], "a one-dimensional array of times in ms"
            )
    counts = np.array([array.size for array in arrays], dtype=np.int64)
    owners = np.repeat(np.arange(counts.size, dtype=np.int64), counts)
    times = np.concatenate([np.empty(0), *arrays]).astype(np.float64)
    fine = np.isfinite(times)
    if not fine.all():
        k = int(owners[np.argmin(fine)])
        raise DescriptionError(f"trains[{k}]", trains[k], "finite times in ms")
    unordered = (np.diff(times) < 0) & (np.diff(owners) == 0)
    if unordered.any():
        k = int(owners[np.argmax(unordered)])
        raise DescriptionError(f"trains[{k}]", trains[k], "times in ascending order")
    return times, owners, counts


def checked_times(place: str, times: npt.ArrayLike) -> Floats:
    """Return pooled spike times as an array, refusing anything but finite numbers."""
    array = np.asarray(times)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iuf"):
        raise DescriptionError(place, times, "a one-dimensional array of times in ms")
    array = array.astype(np.float64)
    if not np.isfinite(array).all():
        raise DescriptionError(place, times, "finite times in ms")
    return array


def checked_stretch(t_start: float, t_stop: float) -> float:
    """Return the length of (t_start, t_stop] [ms], refusing an empty one."""
    if not (np.isfinite(t_start) and np.isfinite(t_stop) and t_start < t_stop):
        expected = "finite times in ms with t_start < t_stop"
        raise DescriptionError("(t_start, t_stop)", (t_start, t_stop), expected)
    return float(t_stop) - float(t_start)


def checked_number(place: str, number: int, least: int = 1) -> int:
    """Return a whole number of at least `least`."""
    if isinstance(number, bool) or int(number) != number or number < least:
        raise DescriptionError(place, number, f"a whole number of at least {least}")
    return int(number)


def bin_edges(t_start: float, t_stop: float, bin: float) -> Floats:
    """Return the edges [ms] of equal bins that fill (t_start, t_stop] exactly, (n_bins + 1,).

    Raises
    ------
    DescriptionError
        If the stretch is not a whole number of bins: a last, shorter bin would either be dropped
        or bias whatever is computed from the counts.
    """
    duration = checked_stretch(t_start, t_stop)
    if not (np.isfinite(bin) and bin > 0):
        raise DescriptionError("bin", bin, "a width in ms above 0")
    n_bins = round(duration / bin)
    if n_bins < 1 or abs(n_bins * bin - duration) > 1e-9 * max(duration, abs(t_start), abs(t_stop)):
        fits = t_start + max(int(duration / bin), 1) * bin
        raise DescriptionError(
            "bin",
            bin,
            f"a width that divides the {duration:.10g} ms from {t_start:.10g} to {t_stop:.10g} ms",
            f"Or choose t_stop={fits:.10g}.",
        )
    return np.linspace(t_start, t_stop, n_bins + 1)


def bin_of(times: Floats, edges: Floats) -> Ints:
    """Return the bin of each time, (n_spikes,) int64; -1 before and n_bins after the stretch.

    Bin k is edges[k] < t <= edges[k + 1]. Times above an edge by rounding only lie on it:
    3 * 0.1 is 0.3.
    """
    # Not edges[1] - edges[0], whose rounding would add up over the bins.
    width = (edges[-1] - edges[0]) / (edges.size - 1)
    slack = 1e-9 + 4 * np.spacing(np.abs(edges[[0, -1]]).max()) / width
    places = np.ceil((times - edges[0]) / width - slack) - 1
    bounded: Ints = np.clip(places, -1, edges.size - 1).astype(np.int64)
    return bounded


def binned_counts(trains: Trains, edges: Floats) -> Ints:
    """Return the spike counts of each neuron in each bin, (n_neurons, n_bins) int64."""
    times, owners, counts = flatten(trains)
    n_bins = edges.size - 1
    places = bin_of(times, edges)
    inside = (places >= 0) & (places < n_bins)
    cells = owners[inside] * n_bins + places[inside]
    table: Ints = np.bincount(cells, minlength=counts.size * n_bins).astype(np.int64)
    return table.reshape((counts.size, n_bins))
