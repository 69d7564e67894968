"""What a state was before the start, for coupling with delays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from neurosim.errors import DescriptionError
from neurosim.explained import explained
from neurosim.units import to_float, to_scalar

Floats: TypeAlias = npt.NDArray[np.float64]


@explained
@dataclass(frozen=True, slots=True, eq=False)
class History:
    """The past of a state: ``net.initialise(nodes, E=ns.History(times, values))``.

    Coupling with delays reads it until the delay is over; the last value is the initial one. A
    state without a history had its initial value at all times before the start.

    Parameters
    ----------
    times : (n_times,) array
        [ms], ascending, the last 0. Between two of them the state is on the straight line.
    values : (n_times,) or (n_times, n) array
        For all neurons, or for each, in the unit of the state.

    Raises
    ------
    DescriptionError
        For times and values that do not fit, or are not finite.
    """

    times: Any
    values: Any

    def __post_init__(self) -> None:
        times = to_float(self.times, "ms", "History.times")
        if not isinstance(times, np.ndarray) or times.ndim != 1 or times.size < 2:
            raise DescriptionError("History.times", self.times, "two times or more [ms]")
        if not (np.all(np.diff(times) > 0) and times[-1] == 0):
            raise DescriptionError(
                "History.times", self.times, "times that ascend, the last of them 0"
            )
        shape = np.shape(getattr(self.values, "magnitude", self.values))
        if len(shape) not in (1, 2) or shape[0] != times.size:
            raise DescriptionError(
                "History.values", self.values,
                f"a row for each of the {times.size} times: ({times.size},), or "
                f"({times.size}, n) with a column for each neuron",
            )  # fmt: skip
        object.__setattr__(self, "times", times)

    @classmethod
    def of(cls, function: Callable[[Any], Any], duration: Any, every: Any = 0.1) -> History:
        """Return the history that a function of time tells.

        Parameters
        ----------
        function : callable
            Of t <= 0 [ms]; returns a number, or one for each neuron.
        duration : number or quantity
            How far back [ms]: at least the longest delay.
        every : number or quantity
            Distance of the times at which it is asked [ms]. With that of the time step the values
            that a run reads are those of the function itself.

        Examples
        --------
        >>> History.of(lambda t: np.exp(t / 10), duration=1, every=0.25).values.round(2)
        array([0.9 , 0.93, 0.95, 0.98, 1.  ])
        """
        if not callable(function):
            raise DescriptionError("History.of: function", function, "a function of t [ms]")
        length = to_scalar(duration, "ms", "History.of: duration", above=0)
        step = to_scalar(every, "ms", "History.of: every", above=0)
        times = np.arange(-int(np.ceil(length / step - 1e-9)), 1) * step
        return cls(times, np.array([function(float(t)) for t in times], np.float64))

    def in_unit(self, unit: str, place: str, size: int) -> History:
        """Return the same with values (n_times, size) in a unit."""
        values = np.asarray(to_float(self.values, unit, place))
        if not np.all(np.isfinite(values)):
            raise DescriptionError(place, values, "finite values")
        if values.ndim == 2 and values.shape[1] != size:
            raise DescriptionError(
                place, values, f"a column for each of the {size} neurons, or one value per time"
            )
        columns = values if values.ndim == 2 else values[:, None]
        whole = np.array(np.broadcast_to(columns, (columns.shape[0], size)), np.float64)
        return History(self.times, whole)

    def __repr__(self) -> str:
        return f"History({-self.times[0]:g} ms, {self.times.size} times)"
