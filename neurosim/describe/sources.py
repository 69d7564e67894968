"""Sources of spikes: random trains, given trains, and input handed over while running.

A source stands in two places. In ``net.population("in", 100, ns.Poisson(rate=10))`` it is a
population whose trains are shared by everything it projects to and can be recorded; in
``net.drive(exc, ns.Poisson(rate=12_800), weight=..., receptor=...)`` every neuron of `exc` gets an
independent train and no synapses are stored.

Rates are in Hz, times in ms. Arrays hold one value per neuron.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from neurosim.describe.values import (
    Quantity,
    Value,
    check_range,
    described,
    quantity,
    read_only,
    require_choice,
)
from neurosim.errors import DescriptionError
from neurosim.units import to_float

Floats = npt.NDArray[np.float64]


@described
class RateSteps(Value):
    """A rate that changes in steps: ``rates[i]`` from ``times[i]`` until ``times[i + 1]``.

    Before the first time the rate is 0, after the last it stays. Times are rounded to the nearest
    step of the simulation.

    Attributes
    ----------
    times : (k,) array
        Ascending, >= 0 [ms].
    rates : (k,) or (k, n) array
        >= 0 [Hz]; (k, n) gives each of n neurons its own.
    """

    times: Any
    rates: Any

    def _check(self) -> None:
        times = step_times(self.times, "RateSteps.times")
        rates = step_values(self.rates, times.size, "Hz", "RateSteps.rates")
        check_range(rates, "nonnegative", "RateSteps.rates", "Hz")
        object.__setattr__(self, "times", times)
        object.__setattr__(self, "rates", rates)

    @property
    def size(self) -> int | None:
        """The number of neurons the rates are for; None where any number will do."""
        return int(self.rates.shape[1]) if self.rates.ndim == 2 else None


@described
class Source(Value):
    """The base of all sources of spikes."""

    is_source: ClassVar[Literal[True]] = True
    drivable: ClassVar[bool] = True
    """Whether ``net.drive`` may give each neuron one of its own."""

    @property
    def emits_spikes(self) -> bool:
        """Whether spikes come out; False for ``Input("current")``."""
        return True

    @property
    def size(self) -> int | None:
        """The number of neurons its arrays are for; None where any number will do."""
        return None


def _size_of(*values: Any) -> int | None:
    for value in values:
        if isinstance(value, RateSteps):
            return value.size
        if isinstance(value, np.ndarray):
            return int(value.size)
    return None


@described
class Poisson(Source):
    """Poisson process: spikes independent of each other, with a given rate.

    In one step of length dt a neuron emits a Poisson number of spikes with mean rate * dt, so that
    several may share a step at high rates.

    Attributes
    ----------
    rate : float, (n,) array or RateSteps
        [Hz].
    """

    rate: Any

    def _check(self) -> None:
        if isinstance(self.rate, RateSteps):
            return
        object.__setattr__(self, "rate", _rates(self.rate, "Poisson.rate", "nonnegative"))

    @property
    def size(self) -> int | None:
        """The number of neurons the rates are for; None where any number will do."""
        return _size_of(self.rate)


@described
class GammaProcess(Source):
    """Renewal process with gamma-distributed intervals.

    The intervals have mean 1 / rate and coefficient of variation 1 / sqrt(shape): shape 1 is a
    Poisson process, large ones are clocks. A spike's time is rounded up to the grid.

    Attributes
    ----------
    rate : float or (n,) array
        [Hz], above 0.
    shape : float or (n,) array
        Shape of the gamma distribution, above 0.
    start : {"equilibrium", "ordinary"}
        "equilibrium": the process has been running for ever at time 0, so the rate is constant
        from the start. "ordinary": a spike happened at time 0 (and is not emitted).

    Source: Cox (1962), Renewal Theory, Methuen, sections 2.1-2.2.
    """

    rate: Any
    shape: Any
    start: Literal["equilibrium", "ordinary"] = "equilibrium"

    def _check(self) -> None:
        object.__setattr__(self, "rate", _rates(self.rate, "GammaProcess.rate", "positive"))
        shape = to_float(self.shape, "1", "GammaProcess.shape")
        check_range(shape, "positive", "GammaProcess.shape", "1")
        object.__setattr__(self, "shape", _stored(shape))
        require_choice(self, "start", ("equilibrium", "ordinary"))
        _require_equal_sizes(self, "rate", "shape")

    @property
    def size(self) -> int | None:
        """The number of neurons the arrays are for; None where any number will do."""
        return _size_of(self.rate, self.shape)


@described
class CorrelatedPoisson(Source):
    """Poisson processes with a given correlation, all drawn from one mother process.

    The mother has the rate rate / correlation; each neuron copies each of its spikes with
    probability `correlation`. Every train is a Poisson process, the counts of any two have the
    correlation coefficient `correlation` in windows of every length, and correlations of all
    higher orders are present (multiple interaction process).

    Attributes
    ----------
    rate : float
        Of each neuron [Hz].
    correlation : float
        In (0, 1].

    Source: Kuhn, Aertsen & Rotter (2003), Neural Comput. 15:67-101,
    doi 10.1162/089976603321043702.
    """

    drivable: ClassVar[bool] = False

    rate: Quantity = quantity("Hz", default=10.0, range="nonnegative", per_neuron=False)
    correlation: Quantity = quantity("1", default=0.1, range="positive", per_neuron=False)

    def _check(self) -> None:
        if self.correlation > 1:
            raise DescriptionError(
                "CorrelatedPoisson.correlation", self.correlation, "a number in (0, 1]"
            )


@described
class SpikeTimes(Source):
    """Given spike trains.

    Attributes
    ----------
    trains : sequence of sequences
        One per neuron: spike times [ms], above 0, in any order; they are kept sorted. The same
        time twice is two spikes. Times are rounded to the nearest step of the simulation.

    Examples
    --------
    >>> SpikeTimes([[50.0], [10.0, 20.0], []]).size
    3
    """

    trains: Any = field(kw_only=False)

    def _check(self) -> None:
        place = "SpikeTimes.trains"
        given = self.trains
        if isinstance(given, (str, bytes)) or not isinstance(given, (Sequence, np.ndarray)):
            raise DescriptionError(place, given, "a list with one list of times per neuron")
        if len(given) == 0:
            raise DescriptionError(place, given, "at least one train, which may be empty")
        kept = []
        for k, train in enumerate(given):
            where = f"{place}[{k}]"
            if isinstance(train, str) or np.ndim(train) != 1:
                raise DescriptionError(
                    where, train, "a list of times", "Write one list per neuron: [[10.0, 20.0]]."
                )
            times = np.asarray(to_float(train, "ms", where) if len(train) else [], np.float64)
            check_range(times, "positive", where, "ms")
            kept.append(read_only(np.sort(times)))
        object.__setattr__(self, "trains", tuple(kept))

    @property
    def size(self) -> int | None:
        """The number of trains."""
        return len(self.trains)

    @property
    def flat(self) -> tuple[Floats, npt.NDArray[np.int64]]:
        """All times, sorted, and the neuron of each: two arrays (n_spikes,)."""
        ids = np.repeat(np.arange(len(self.trains)), [t.size for t in self.trains])
        times = np.concatenate(self.trains)
        order = np.lexsort((ids, times))
        return times[order], ids[order].astype(np.int64)


@described
class Input(Source):
    """Input handed over while running, ``session.run(T, inputs={"image": x})``.

    x has the shape (n_steps, *shape of the population), or (*shape,) and is then held.

    Attributes
    ----------
    kind : {"spikes", "current"}
        "spikes": x counts the spikes that each neuron emits in each step. "current": x is a
        current [pA] that the population projects to its targets; or, where these are rate models,
        a number that an inlet adds, times the weight, for the length of the step.
    """

    drivable: ClassVar[bool] = False

    kind: Literal["spikes", "current"] = field(default="spikes", kw_only=False)

    def _check(self) -> None:
        require_choice(self, "kind", ("spikes", "current"))

    @property
    def emits_spikes(self) -> bool:
        """Whether spikes come out."""
        return self.kind == "spikes"


def step_times(times: Any, place: str) -> Floats:
    """Return the times of a step function, checked: (k,) ascending, >= 0 [ms]."""
    array = np.atleast_1d(np.asarray(to_float(times, "ms", place), np.float64))
    check_range(array, "nonnegative", place, "ms")
    if array.ndim != 1 or array.size == 0 or not np.all(np.diff(array) > 0):
        raise DescriptionError(place, times, "one list of ascending times in ms, none twice")
    return read_only(array)


def step_values(values: Any, n_times: int, unit: str, place: str) -> Floats:
    """Return the values of a step function, checked: (k,) or (k, n), one row per time."""
    array = np.atleast_1d(np.asarray(to_float(values, unit, place), np.float64))
    check_range(array, "any", place, unit)
    if array.shape[0] != n_times or array.size == 0:
        raise DescriptionError(
            place, values, f"{n_times} values or rows, one for each of the {n_times} times"
        )
    return read_only(array.reshape(n_times, -1) if array.ndim > 1 else array)


def _rates(value: Any, place: str, range: Literal["positive", "nonnegative"]) -> Any:
    number = to_float(value, "Hz", place)
    check_range(number, range, place, "Hz")
    return _stored(number)


def _stored(number: Any) -> Any:
    if np.ndim(number) == 0:
        return float(number)
    return read_only(np.ravel(number))


def _require_equal_sizes(owner: Value, *names: str) -> None:
    sizes = {n: getattr(owner, n).size for n in names if isinstance(getattr(owner, n), np.ndarray)}
    if len(set(sizes.values())) > 1:
        name = names[-1]
        raise DescriptionError(
            f"{type(owner).__name__}.{name}",
            getattr(owner, name),
            f"as many values as {names[0]} has ({sizes[names[0]]})",
        )
