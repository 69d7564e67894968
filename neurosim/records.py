"""What a recorder leaves behind: spikes of a population, samples of a variable.

Plain arrays in frozen containers. An interval (t_start, t_stop] is open below and closed above,
like a step of the simulation: the spike that carries the time t_start belongs to the time before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Literal, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from neurosim.errors import DescriptionError, UnknownNameError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
T = TypeVar("T")


class NotRecordedError(UnknownNameError, KeyError):
    """A result was asked for that was not recorded.

    Parameters
    ----------
    place, name, known
        As in `UnknownNameError`; `known` are the names that were recorded.
    remedy : str
        The line that would have recorded it.
    """

    def __init__(self, place: str, name: object, known: tuple[str, ...], remedy: str) -> None:
        super().__init__(place, name, known)
        self.remedy = remedy

    def __str__(self) -> str:
        # KeyError prints the repr of its argument, which would hide the line breaks and quotes.
        return f"{self.args[0]} To record it, write {self.remedy} before the run."


class Frozen(Mapping[str, T], Generic[T]):
    """A read-only copy of a mapping; unlike a `MappingProxyType` it can be pickled."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, T]) -> None:
        self._values = dict(values)

    def __getitem__(self, name: str) -> T:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return repr(self._values)


class Recorded(Frozen[T]):
    """Results by name, in the order of the description; an unknown name says how to record it.

    Parameters
    ----------
    values : mapping
        The results.
    place : str
        How a script reaches this mapping, e.g. ``"run.spikes"``.
    remedy : str
        The line that records an entry, with ``{name}`` where the name stands.
    """

    __slots__ = ("_place", "_remedy")

    def __init__(self, values: Mapping[str, T], place: str, remedy: str) -> None:
        super().__init__(values)
        self._place = place
        self._remedy = remedy

    def __getitem__(self, name: str) -> T:
        try:
            return self._values[name]
        except (KeyError, TypeError):
            given: object = name
            shown = given if isinstance(given, str) else "..."
            remedy = self._remedy.replace("{name}", shown)
            raise NotRecordedError(self._place, name, tuple(self._values), remedy) from None

    def __repr__(self) -> str:
        if not self._values:
            return f"{self._place}: nothing recorded"
        return f"{self._place}: " + ", ".join(f"{k!r}: {v!r}" for k, v in self._values.items())


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SpikeRecord:
    """Spikes of one population over one stretch of time.

    Attributes
    ----------
    times : (n_spikes,) float64
        Spike times [ms], ascending.
    ids : (n_spikes,) int64
        The neuron of each spike, 0-based within the population. A neuron that emits several
        spikes at once (a relay) stands there as often.
    size : int
        Neurons in the population.
    interval : (float, float)
        The record covers t_start < t <= t_stop [ms].
    recorded : (n_recorded,) int64 or None
        The neurons that were recorded, ascending; None for the whole population. Neurons that
        were not recorded are left out of every count and rate.

    Raises
    ------
    DescriptionError
        If the arrays do not fit each other, the population or the interval.
    """

    times: Floats
    ids: Ints
    size: int
    interval: tuple[float, float]
    recorded: Ints | None = None

    def __post_init__(self) -> None:
        interval = checked_interval("SpikeRecord.interval", self.interval)
        times = frozen_array("SpikeRecord.times", self.times, np.float64)
        ids = frozen_array("SpikeRecord.ids", self.ids, np.int64)
        if isinstance(self.size, bool) or int(self.size) != self.size or self.size < 1:
            raise DescriptionError(
                "SpikeRecord.size", self.size, "a whole number of neurons above 0"
            )
        if times.ndim != 1 or times.shape != ids.shape:
            raise DescriptionError(
                "SpikeRecord.ids", ids, f"one id per spike time, shape {times.shape[:1]}"
            )
        if times.size:
            if not np.all(times[:-1] <= times[1:]):  # NaN fails here too
                raise DescriptionError(
                    "SpikeRecord.times", times, "times in ascending order, not NaN"
                )
            first, last = past(interval[0]), past(interval[1])
            if not (times[0] > first and times[-1] <= last):
                expected = f"times in the interval {interval[0]:.10g} < t <= {interval[1]:.10g} ms"
                raise DescriptionError("SpikeRecord.times", times, expected)
            if ids.min() < 0 or ids.max() >= self.size:
                raise DescriptionError("SpikeRecord.ids", ids, f"ids from 0 to {self.size - 1}")
        recorded = self.recorded
        if recorded is not None:
            recorded = frozen_array("SpikeRecord.recorded", recorded, np.int64)
            check_ascending_ids("SpikeRecord.recorded", recorded, self.size)
            if ids.size and not np.isin(ids, recorded).all():
                raise DescriptionError(
                    "SpikeRecord.ids",
                    ids,
                    "ids of recorded neurons only (see SpikeRecord.recorded)",
                )
        for name, value in (
            ("times", times),
            ("ids", ids),
            ("size", int(self.size)),
            ("interval", interval),
            ("recorded", recorded),
        ):
            object.__setattr__(self, name, value)

    @property
    def t_start(self) -> float:
        """Start of the record [ms], excluded."""
        return self.interval[0]

    @property
    def t_stop(self) -> float:
        """End of the record [ms], included."""
        return self.interval[1]

    @property
    def duration(self) -> float:
        """Length of the record [ms]."""
        return self.interval[1] - self.interval[0]

    @property
    def neurons(self) -> Ints:
        """Ids of the recorded neurons, (n_recorded,) int64, ascending."""
        if self.recorded is not None:
            return self.recorded
        return np.arange(self.size, dtype=np.int64)

    @property
    def n_recorded(self) -> int:
        """Number of recorded neurons."""
        return self.size if self.recorded is None else int(self.recorded.size)

    def __len__(self) -> int:
        """Return the number of spikes."""
        return int(self.times.size)

    def counts(self) -> Ints:
        """Return the number of spikes of each recorded neuron, (n_recorded,) int64."""
        all_counts = np.bincount(self.ids, minlength=self.size).astype(np.int64)
        return all_counts if self.recorded is None else all_counts[self.recorded]

    def rates(self) -> Floats:
        """Return the mean rate of each recorded neuron [Hz], (n_recorded,) float64.

        Silent neurons have a rate of 0.

        Raises
        ------
        DescriptionError
            If the record has no length.
        """
        if not self.duration > 0:
            raise DescriptionError(
                "SpikeRecord.interval", self.interval, "a stretch of time longer than 0 for a rate"
            )
        return self.counts().astype(np.float64) * (1000.0 / self.duration)

    def mean_rate(self) -> float:
        """Return the mean rate over all recorded neurons, the silent ones included [Hz]."""
        return float(self.rates().mean())

    def trains(self) -> list[Floats]:
        """Return one array of spike times [ms] per recorded neuron, in the order of `neurons`."""
        order = np.argsort(self.ids, kind="stable")
        times = self.times[order]
        times.flags.writeable = False
        return np.split(times, np.cumsum(self.counts())[:-1])

    def between(self, t1: float, t2: float) -> SpikeRecord:
        """Return the spikes with t1 < t <= t2 [ms]; the stretch must lie within the record."""
        t1, t2 = inner_interval(self.interval, t1, t2)
        lo, hi = window(self.times, t1, t2)
        return SpikeRecord(
            times=self.times[lo:hi],
            ids=self.ids[lo:hi],
            size=self.size,
            interval=(t1, t2),
            recorded=self.recorded,
        )

    def __repr__(self) -> str:
        part = "" if self.recorded is None else f"{self.n_recorded} recorded of "
        return (
            f"SpikeRecord({len(self)} spikes, {part}{self.size} neurons, "
            f"{self.t_start:.10g} to {self.t_stop:.10g} ms)"
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trace:
    """Samples of one variable.

    Attributes
    ----------
    array : (n_times, n_recorded) float64 or float32
        The samples; (n_times, 1) if `reduce` is "mean".
    times : (n_times,) float64
        When they were taken [ms], ascending. A time stands twice only where a variable was set
        by hand between two pieces of a run: before and after.
    ids : (n_recorded,) int64
        Neurons, 0-based within the population; for weights, indices of connections in the order
        of ``session.connections``. With `reduce` the neurons averaged over.
    unit : str
        Unit of the samples, e.g. ``"mV"``; ``"1"`` where dimensionless.
    reduce : {"none", "mean"}
        Whether the samples are averages over `ids`.

    Raises
    ------
    DescriptionError
        If the arrays do not fit each other or hold NaN or infinity.
    """

    array: npt.NDArray[Any]
    times: Floats
    ids: Ints
    unit: str
    reduce: Literal["none", "mean"] = "none"

    def __post_init__(self) -> None:
        single = getattr(self.array, "dtype", None) == np.float32
        array = frozen_array("Trace.array", self.array, np.float32 if single else np.float64)
        times = frozen_array("Trace.times", self.times, np.float64)
        ids = frozen_array("Trace.ids", self.ids, np.int64)
        if self.reduce not in ("none", "mean"):
            raise DescriptionError("Trace.reduce", self.reduce, "'none' or 'mean'")
        unit: object = self.unit
        if not isinstance(unit, str) or not unit:
            raise DescriptionError("Trace.unit", self.unit, "a unit, such as 'mV' ('1' for none)")
        columns = 1 if self.reduce == "mean" else ids.size
        if times.ndim != 1 or ids.ndim != 1 or array.shape != (times.size, columns):
            raise DescriptionError("Trace.array", array, f"the shape ({times.size}, {columns})")
        if times.size and not (
            np.all(times[:-1] <= times[1:]) and np.isfinite(times[[0, -1]]).all()
        ):
            raise DescriptionError("Trace.times", times, "finite times in ascending order")
        if not np.isfinite(array).all():
            raise DescriptionError("Trace.array", array, "finite samples")
        for name, value in (("array", array), ("times", times), ("ids", ids)):
            object.__setattr__(self, name, value)

    def __len__(self) -> int:
        """Return the number of samples in time."""
        return int(self.times.size)

    @property
    def every(self) -> float | None:
        """Distance of the samples [ms], or None if they are fewer than 2 or not evenly spaced."""
        if self.times.size < 2:
            return None
        step = (self.times[-1] - self.times[0]) / (self.times.size - 1)
        grid = self.times[0] + step * np.arange(self.times.size)
        even = step > 0 and np.all(np.abs(self.times - grid) <= 1e-6 * step)
        return float(step) if even else None

    def of(self, neuron: int) -> npt.NDArray[Any]:
        """Return the samples of one neuron, (n_times,), by its id within the population."""
        if self.reduce == "mean":
            raise DescriptionError("Trace.of", neuron, "no neuron: this trace is an average")
        column = np.flatnonzero(self.ids == neuron)
        if column.size == 0:
            raise UnknownNameError("Trace.of", neuron, [str(k) for k in self.ids[:20]])
        return self.array[:, column[0]]

    def between(self, t1: float, t2: float, *, first: bool = False) -> Trace:
        """Return the samples with t1 < t <= t2 [ms]; with `first` also those at t1."""
        lo, hi = window(self.times, t1, t2)
        if first:
            lo = int(np.searchsorted(self.times, before(t1), side="left"))
        return Trace(
            array=self.array[lo:hi],
            times=self.times[lo:hi],
            ids=self.ids,
            unit=self.unit,
            reduce=self.reduce,
        )

    def __repr__(self) -> str:
        what = f"mean of {self.ids.size}" if self.reduce == "mean" else f"{self.ids.size}"
        every = f", every {self.every:g} ms" if self.every else ""
        return f"Trace({len(self)} samples of {what} in {self.unit}{every})"


class RunLike(Protocol):
    """What figures and files read of a run; `neurosim.results.Run` is one."""

    @property
    def name(self) -> str:
        """Name of the network."""

    @property
    def interval(self) -> tuple[float, float]:
        """The run covers t_start < t <= t_stop [ms]."""

    @property
    def populations(self) -> Mapping[str, int]:
        """Size of every population, in the order of definition."""

    @property
    def spikes(self) -> Mapping[str, SpikeRecord]:
        """Spikes by population."""

    @property
    def states(self) -> Mapping[str, Mapping[str, Trace]]:
        """Traces by population and variable."""

    @property
    def weights(self) -> Mapping[str, Trace]:
        """Weights by projection."""

    @property
    def provenance(self) -> Mapping[str, Any]:
        """How the results came about, JSON-able."""

    @property
    def colours(self) -> Mapping[str, str]:
        """Colours of populations that differ from the palette."""


def past(t: float) -> float:
    """Return `t` plus what rounding may do to k * dt, so that 3 * 0.1 does not lie past 0.3."""
    return t + 1e-12 * max(abs(t), 1.0)


def before(t: float) -> float:
    """Return `t` minus what rounding may do to k * dt."""
    return t - 1e-12 * max(abs(t), 1.0)


def window(times: Floats, t1: float, t2: float) -> tuple[int, int]:
    """Return the slice of ascending `times` with t1 < t <= t2, up to rounding of the bounds."""
    lo, hi = np.searchsorted(times, [past(t1), past(t2)], side="right")
    return int(lo), int(hi)


def checked_interval(place: str, interval: object) -> tuple[float, float]:
    """Return (t_start, t_stop) as floats, refusing what is not an interval."""
    try:
        start, stop = (float(t) for t in interval)  # type: ignore[attr-defined]
    except (TypeError, ValueError):
        raise DescriptionError(place, interval, "a pair of times in ms (t_start, t_stop)") from None
    if not (np.isfinite(start) and np.isfinite(stop) and start <= stop):
        raise DescriptionError(place, interval, "finite times in ms with t_start <= t_stop")
    return start, stop


def _as_float(value: object) -> float:
    """Return a number as a float; NaN, which lies in no interval, for everything else."""
    try:
        return float(value) if isinstance(value, int | float | np.number) else np.nan
    except (OverflowError, TypeError):
        return np.nan


def inner_interval(outer: tuple[float, float], t1: float, t2: float) -> tuple[float, float]:
    """Return (t1, t2) as floats, refusing a stretch that was not simulated.

    A bound that misses an end of `outer` by rounding only is that end.
    """
    given: tuple[object, object] = (t1, t2)
    ends = [_as_float(t) for t in given]
    for k, end in enumerate(ends):
        for outer_end in outer:
            if before(outer_end) <= end <= past(outer_end):
                ends[k] = outer_end
    start, stop = ends
    if not outer[0] <= start <= stop <= outer[1]:
        expected = f"a stretch within the recorded {outer[0]:.10g} to {outer[1]:.10g} ms"
        raise DescriptionError("between(t1, t2)", (t1, t2), expected)
    return start, stop


def frozen_array(place: str, value: object, dtype: Any) -> npt.NDArray[Any]:
    """Return `value` as a read-only array of `dtype`, refusing what would lose digits."""
    array = np.asarray(value)
    if array.size == 0 and array.dtype.kind in "fiub":
        array = array.astype(dtype)
    if array.dtype != dtype:
        whole = np.issubdtype(dtype, np.integer)
        if array.dtype.kind not in ("iu" if whole else "iuf"):
            kind = "whole numbers" if whole else "real numbers"
            raise DescriptionError(place, value, f"an array of {kind}")
        array = array.astype(dtype)
    # A view, so that the caller's own array stays as writable as it was.
    view = np.ascontiguousarray(array)[...]
    view.flags.writeable = False
    return view


def check_ascending_ids(place: str, ids: Ints, size: int) -> None:
    """Refuse ids that are not ascending, distinct and within 0 .. size - 1."""
    good = ids.ndim == 1 and ids.size > 0 and bool(np.all(np.diff(ids) > 0))
    if not (good and ids[0] >= 0 and ids[-1] < size):
        raise DescriptionError(place, ids, f"distinct ascending ids from 0 to {size - 1}")
