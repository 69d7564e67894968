"""Random values: distributions for weights, delays, parameters and initial values.

A distribution is a description; nothing is drawn here. Its numbers are in the unit of the place
where it is used, or carry their own unit (``Normal("1.5 ms", "0.75 ms")``), which is checked
there by `Distribution.in_unit`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, Self, TypeAlias

import numpy as np
import numpy.typing as npt

from neurosim.describe.formulas import Formula
from neurosim.errors import DescriptionError, UnitError
from neurosim.explained import explained
from neurosim.units import Quantity, coherent_unit, declared, defer, to_scalar

Number: TypeAlias = Any
"""A float, or (until the unit is declared) a text or quantity; see `neurosim.units.defer`."""

Bounds: TypeAlias = tuple[Number, Number] | None

LEAST_ACCEPTANCE = 1e-4
"""Redrawing is refused where fewer draws than this fraction would be accepted."""


@explained
@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Distribution:
    """Base of all distributions.

    Attributes
    ----------
    clip : (low, high), optional
        Values beyond are set to the bound. None, or an infinity, is no bound on that side.
    redraw : (low, high), optional
        Values beyond are drawn again until they lie within. Only one of the two may be given.
    """

    clip: Bounds = None
    redraw: Bounds = None

    def __post_init__(self) -> None:
        name = type(self).__name__
        if self.clip is not None and self.redraw is not None:
            raise DescriptionError(f"{name}.redraw", self.redraw, "clip= or redraw=, not both")
        for bounds in ("clip", "redraw"):
            object.__setattr__(self, bounds, _bounds(getattr(self, bounds), f"{name}.{bounds}"))
        for own in self._own():
            number = _one(getattr(self, own), f"{name}.{own}")
            object.__setattr__(self, own, number)
        self._check_units()
        numbers = list(self._numbers().values())
        units = [number.unit for number in numbers if isinstance(number, Quantity)]
        if not units:
            self._check_values()
        elif all(isinstance(number, Quantity) or number == 0 for number in numbers):
            self.in_unit(coherent_unit(units[0].dimension), name)  # makes one that is checked

    def __repr__(self) -> str:
        shown = [_shown(getattr(self, own)) for own in self._own()]
        for bounds in ("clip", "redraw"):
            if getattr(self, bounds) is not None:
                low, high = getattr(self, bounds)
                shown.append(f"{bounds}=({_shown(low)}, {_shown(high)})")
        return f"{type(self).__name__}({', '.join(shown)})"

    def in_unit(self, unit: str, place: str) -> Self:
        """Return the same distribution with every number a float in `unit`.

        Raises
        ------
        UnitError
            If one of its numbers has another dimension; names `place` and the field.
        DescriptionError
            If its numbers do not fit together.
        """
        name = type(self).__name__
        changed: dict[str, Any] = {}
        for own in self._own():
            own_unit = unit if own in self._measured() else "1"
            changed[own] = to_scalar(getattr(self, own), own_unit, f"{place}: {name}.{own}")
        for bounds in ("clip", "redraw"):
            given = getattr(self, bounds)
            if given is not None:
                where = f"{place}: {name}.{bounds}"
                changed[bounds] = tuple(
                    None if end is None else to_scalar(end, unit, where) for end in given
                )
        return replace(self, **changed)

    @property
    def bound(self) -> Literal["none", "clip", "redraw"]:
        """What is done with values beyond `bounds`."""
        return "clip" if self.clip is not None else "redraw" if self.redraw is not None else "none"

    @property
    def bounds(self) -> tuple[float, float]:
        """Lower and upper bound, infinite where there is none."""
        low, high = self.clip or self.redraw or (None, None)
        return -math.inf if low is None else low, math.inf if high is None else high

    @property
    def support(self) -> tuple[float, float]:
        """The least and greatest value that can occur (infinite where unbounded)."""
        low, high = self.bounds
        least, most = self._range()
        if self.bound == "clip":
            return min(max(least, low), high), max(min(most, high), low)
        return max(least, low), min(most, high)

    def _own(self) -> tuple[str, ...]:
        """Names of the numbers apart from the bounds, in the order of the class."""
        return tuple(f.name for f in fields(self) if f.name not in ("clip", "redraw"))

    def _measured(self) -> tuple[str, ...]:
        """Those of them that are in the declared unit."""
        return self._own()

    def _numbers(self) -> Mapping[str, Number]:
        """Every number that is in the declared unit, by the name for messages."""
        numbers = {own: getattr(self, own) for own in self._measured()}
        for bounds in ("clip", "redraw"):
            for end in getattr(self, bounds) or ():
                if end is not None:
                    numbers[f"{bounds} {len(numbers)}"] = end
        return numbers

    def _check_units(self) -> None:
        """Refuse numbers that cannot share a unit."""
        first: Quantity | None = None
        for own, number in self._numbers().items():
            if not isinstance(number, Quantity):
                continue
            if first is None:
                first = number
            elif number.unit.dimension != first.unit.dimension:
                unit = coherent_unit(first.unit.dimension)
                raise UnitError(
                    f"{type(self).__name__}.{own.split()[0]}",
                    number,
                    f"{declared(unit)}, as {first}",
                )

    def _check_values(self) -> None:
        """Refuse numbers, all floats in one unit by now, that do not fit together."""
        name = type(self).__name__
        low, high = self.bounds
        if self.bound == "clip" and not low <= high:
            raise DescriptionError(f"{name}.clip", self.clip, "(low, high) with low <= high")
        if self.bound == "redraw":
            accepted = self._below(high) - self._below(low)
            if not low < high or not accepted >= LEAST_ACCEPTANCE:
                raise DescriptionError(
                    f"{name}.redraw",
                    self.redraw,
                    f"(low, high), low < high, with {LEAST_ACCEPTANCE:g} of all draws or more",
                    f"It holds {max(accepted, 0.0):.3g} of them.",
                )

    def _range(self) -> tuple[float, float]:
        """The least and greatest value before clipping or redrawing."""
        raise NotImplementedError

    def _below(self, x: float) -> float:
        """Probability of a value below (or at) `x`, before clipping or redrawing."""
        raise NotImplementedError

    def _require(self, good: bool, own: str, expected: str) -> None:
        if not good:
            raise DescriptionError(f"{type(self).__name__}.{own}", getattr(self, own), expected)


@explained
@dataclass(frozen=True, slots=True, repr=False)
class Uniform(Distribution):
    """Uniform on [low, high).

    Attributes
    ----------
    low, high : float
        In the unit of the place where it is used; low < high.
    """

    low: Number
    high: Number

    def _check_values(self) -> None:
        self._require(self.low < self.high, "high", f"a value above low ({self.low:g})")
        Distribution._check_values(self)

    def _range(self) -> tuple[float, float]:
        return self.low, self.high

    def _below(self, x: float) -> float:
        return float(np.clip((x - self.low) / (self.high - self.low), 0.0, 1.0))


@explained
@dataclass(frozen=True, slots=True, repr=False)
class Normal(Distribution):
    """Normal, with mean and standard deviation (at least 0) before any clipping or redrawing.

    Attributes
    ----------
    mean, sd : float
        In the unit of the place where it is used.
    """

    mean: Number
    sd: Number

    def _check_values(self) -> None:
        self._require(self.sd >= 0, "sd", "a standard deviation, at least 0")
        Distribution._check_values(self)

    def _range(self) -> tuple[float, float]:
        return (self.mean, self.mean) if self.sd == 0 else (-math.inf, math.inf)

    def _below(self, x: float) -> float:
        if self.sd == 0 or math.isinf(x):
            return float(x >= self.mean)
        return 0.5 * math.erfc((self.mean - x) / (self.sd * math.sqrt(2)))


@explained
@dataclass(frozen=True, slots=True, repr=False)
class LogNormal(Distribution):
    """exp(x) times one unit of the place where it is used, x normal.

    Attributes
    ----------
    mu, sigma : float
        Mean and standard deviation (at least 0) of x, plain numbers: the median is exp(mu).
    """

    mu: Number
    sigma: Number

    def _measured(self) -> tuple[str, ...]:
        return ()

    def _check_values(self) -> None:
        for own in ("mu", "sigma"):
            if isinstance(getattr(self, own), Quantity):
                object.__setattr__(
                    self, own, to_scalar(getattr(self, own), "1", f"LogNormal.{own}")
                )
        self._require(self.sigma >= 0, "sigma", "a standard deviation, at least 0")
        self._require(self.mu + 10 * self.sigma < 700, "mu", "a logarithm whose exp is finite")
        Distribution._check_values(self)

    def _range(self) -> tuple[float, float]:
        return (math.exp(self.mu),) * 2 if self.sigma == 0 else (0.0, math.inf)

    def _below(self, x: float) -> float:
        if x <= 0:
            return 0.0
        return Normal(self.mu, self.sigma)._below(math.log(x) if x < math.inf else x)


@explained
@dataclass(frozen=True, slots=True, repr=False)
class Exponential(Distribution):
    """Exponential, shifted: offset + an exponential variable of mean `scale`.

    Attributes
    ----------
    scale : float
        Mean of the exponential part, above 0, in the unit of the place where it is used.
    offset : float
        The least value.
    """

    scale: Number
    offset: Number = 0.0

    def _check_values(self) -> None:
        self._require(self.scale > 0, "scale", "a mean above 0")
        Distribution._check_values(self)

    def _range(self) -> tuple[float, float]:
        return self.offset, math.inf

    def _below(self, x: float) -> float:
        return -math.expm1(-max(x - self.offset, 0.0) / self.scale)


@explained
@dataclass(frozen=True, slots=True, repr=False)
class FunctionOfDistance:
    """A weight or delay that follows from the distance d between two neurons.

    Both populations need positions; d is in the unit of these.

    Attributes
    ----------
    formula : str or Formula
        Its value is in the declared unit of the place where it is used, for example
        ``FunctionOfDistance("1 + d/0.3")`` as a delay: 1 ms and d over a speed of 0.3 per ms.
    """

    formula: Formula | str

    def __post_init__(self) -> None:
        place = "FunctionOfDistance.formula"
        if not isinstance(self.formula, Formula):
            object.__setattr__(self, "formula", Formula(self.formula, place))

    def __call__(self, d: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return the value at every distance; shape as `d`."""
        assert isinstance(self.formula, Formula)
        return self.formula(d)

    def __repr__(self) -> str:
        assert isinstance(self.formula, Formula)
        return f"FunctionOfDistance({self.formula.text!r})"


def _one(value: object, place: str) -> float | Quantity:
    """Read one number or quantity."""
    number = defer(value, place)
    single = isinstance(number, float) or (
        isinstance(number, Quantity) and not isinstance(number.magnitude, np.ndarray)
    )
    if not single:
        raise DescriptionError(place, value, "one number")
    return number  # type: ignore[return-value]


def _shown(number: Number) -> str:
    """Return a number without a trailing '.0', a quantity with its unit."""
    return repr(str(number)) if isinstance(number, Quantity) else str(number).removesuffix(".0")


def _is(value: object, number: float) -> bool:
    """Whether a value is this plain number."""
    return isinstance(value, (float, np.floating)) and float(value) == number


def _bounds(value: object, place: str) -> Bounds:
    """Read (low, high)."""
    if value is None:
        return None
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise DescriptionError(place, value, "(low, high), where None is no bound")
    low, high = (
        None if end is None or _is(end, unbounded) else _one(end, place)
        for end, unbounded in zip(value, (-math.inf, math.inf), strict=True)
    )
    if low is None and high is None:
        raise DescriptionError(place, value, "(low, high) with at least one bound")
    return low, high
