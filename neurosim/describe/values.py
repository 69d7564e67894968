"""Frozen values with checked fields: what all built-in models, synapses, sources and currents are.

A field made by `quantity` knows its unit and its range; `Value.__post_init__` turns what the user
wrote (a number, ``"20 ms"``, a quantity, an array, a distribution) into floats in that unit, or
refuses it there and then.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import Field, dataclass, field, fields
from typing import Any, Literal, TypeVar, dataclass_transform

import numpy as np

from neurosim.describe.distributions import Distribution
from neurosim.errors import DescriptionError, UnknownNameError, brief
from neurosim.explained import explained
from neurosim.units import to_float

Quantity = Any
"""A number in the stated unit, a string such as ``"20 ms"``, a quantity of pint, brian2 or
quantities, and where a model allows one value per neuron also an array or a Distribution."""

T = TypeVar("T")

Range = Literal["any", "positive", "nonnegative"]

_WORDS: dict[str, str] = {"any": "finite", "positive": "above 0", "nonnegative": "0 or above"}


def quantity(
    unit: str,
    *,
    default: float | tuple[float, ...],
    range: Range = "any",
    per_neuron: bool = True,
    several: bool = False,
) -> Any:
    """Declare a dataclass field that holds a checked quantity.

    Parameters
    ----------
    unit : str
        "1" where dimensionless.
    default : float or tuple
        In that unit.
    range : {"any", "positive", "nonnegative"}
    per_neuron : bool
        Whether an array or a Distribution may give each neuron its own value.
    several : bool
        Whether a tuple of values (for example one per exponential) is meant.
    """
    facts = {"unit": unit, "range": range, "per_neuron": per_neuron, "several": several}
    return field(default=default, metadata=facts)


def _in_order(cls: type) -> list[Field[Any]]:
    """Return the fields with those last that a base class declares for all models."""
    return sorted(fields(cls), key=lambda f: f.name in ("synapses", "method"))


@dataclass_transform(
    kw_only_default=True, frozen_default=True, eq_default=False, field_specifiers=(field, quantity)
)
def described(cls: type[T]) -> type[T]:
    """Make `cls` a frozen, slotted, keyword-only dataclass whose constructor explains itself.

    An unknown, missing or positional argument raises a `DescriptionError` that names the known
    ones, where Python alone would raise a `TypeError`.
    """
    return explained(dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)(cls))


@described
class Value:
    """A frozen value whose `quantity` fields are floats, read-only arrays or distributions.

    Two values are equal if they are of one class and all fields are.
    """

    def __post_init__(self) -> None:
        for f in fields(self):
            if "unit" in f.metadata:
                checked = _checked(f, getattr(self, f.name), f"{type(self).__name__}.{f.name}")
                object.__setattr__(self, f.name, checked)
        self._check()

    def _check(self) -> None:
        """Refuse fields that do not fit together; each class adds its own."""

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return all(_same(getattr(self, f.name), getattr(other, f.name)) for f in fields(self))

    def __hash__(self) -> int:
        return hash((type(self), tuple(_hashable(getattr(self, f.name)) for f in fields(self))))

    def __repr__(self) -> str:
        shown = ", ".join(
            f"{f.name}={_shown(getattr(self, f.name))}"
            for f in _in_order(type(self))
            if not _same(getattr(self, f.name), f.default)
        )
        return f"{type(self).__name__}({shown})"


def require_below(owner: Value, lower: str, upper: str, why: str) -> None:
    """Refuse `owner` if field `lower` reaches field `upper` for any neuron.

    Fields that hold a Distribution are not compared: they have no values yet. Arrays must be of
    one size (see `require_same_size`).
    """
    low, high = getattr(owner, lower), getattr(owner, upper)
    if isinstance(low, Distribution) or isinstance(high, Distribution):
        return
    if not np.all(np.less(low, high)):
        raise DescriptionError(
            f"{type(owner).__name__}.{lower}", low, f"a value below {upper} ({brief(high)})", why
        )


def require_same_size(owner: Value) -> None:
    """Refuse `owner` if its per-neuron arrays are for different numbers of neurons."""
    size: int | None = None
    for name, value in _quantities(owner):
        if isinstance(value, np.ndarray):
            if size is not None and value.size != size:
                raise DescriptionError(
                    f"{type(owner).__name__}.{name}",
                    value,
                    f"{size} values, one per neuron like the other arrays of this model",
                )
            size = value.size


def require_choice(owner: Value, name: str, choices: tuple[str, ...]) -> None:
    """Refuse `owner` if field `name` is not one of the words `choices`."""
    given = getattr(owner, name)
    if given not in choices:
        raise UnknownNameError(f"{type(owner).__name__}.{name}", given, choices)


def check_range(values: Any, range: Range, place: str, unit: str) -> None:
    """Refuse numbers outside `range`; NaN and infinities are outside every range.

    Parameters
    ----------
    values : float or array
    range : {"any", "positive", "nonnegative"}
    place, unit : str
        For the message.
    """
    array = np.asarray(values, dtype=np.float64)
    good = np.isfinite(array)
    if range == "positive":
        good &= array > 0
    elif range == "nonnegative":
        good &= array >= 0
    if not good.all():
        meant = "a number" if unit == "1" else f"a value in {unit}"
        raise DescriptionError(place, values, f"{meant}, {_WORDS[range]}")


def read_only(array: Any) -> np.ndarray:
    """Return a C-ordered float64 copy that cannot be written."""
    copied = np.array(array, dtype=np.float64, order="C", copy=True)
    copied.setflags(write=False)
    return copied


def _quantities(owner: Value) -> Iterator[tuple[str, Any]]:
    for f in fields(owner):
        if f.metadata.get("per_neuron"):
            yield f.name, getattr(owner, f.name)


def _checked(f: Field[Any], value: Any, place: str) -> Any:
    unit, range = f.metadata["unit"], f.metadata["range"]
    if f.metadata["several"]:
        given = value if isinstance(value, (tuple, list)) else (value,)
        return tuple(scalar(v, unit, range, place) for v in given)
    if isinstance(value, Distribution):
        if not f.metadata["per_neuron"]:
            raise DescriptionError(place, value, "one value", "It cannot differ between neurons.")
        return _in_range(value.in_unit(unit, place), range, place)
    if not f.metadata["per_neuron"]:
        return scalar(value, unit, range, place)
    number = to_float(value, unit, place)
    check_range(number, range, place, unit)
    if isinstance(number, np.ndarray) and number.ndim > 0:
        if number.size == 0:
            raise DescriptionError(place, value, "at least one value")
        return read_only(number.ravel())
    return float(number)


def _in_range(distribution: Distribution, range: Range, place: str) -> Distribution:
    """Refuse a distribution that can draw a value outside `range`."""
    low = distribution.support[0]
    # A continuous law draws its lower end with probability 0, a clipped one often.
    good = low > 0 or (low == 0 and (range == "nonnegative" or distribution.bound != "clip"))
    if range != "any" and not good:
        raise DescriptionError(
            place,
            distribution,
            f"a distribution of values {_WORDS[range]}",
            "Bound it, for example with redraw=(0.1, None).",
        )
    return distribution


def scalar(value: Any, unit: str, range: Range, place: str) -> float:
    """Return one number in `unit` within `range`, or refuse `value`."""
    number = to_float(value, unit, place)
    if np.ndim(number) != 0:
        raise DescriptionError(place, value, "one value", "It cannot differ between neurons.")
    check_range(number, range, place, unit)
    return float(number)


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return type(a) is type(b) and bool(np.array_equal(a, b))
    if isinstance(a, tuple) and isinstance(b, tuple):
        return len(a) == len(b) and all(_same(x, y) for x, y in zip(a, b, strict=True))
    return type(a) is type(b) and bool(a == b)


def _hashable(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return (value.shape, value.tobytes())
    if isinstance(value, tuple):
        return tuple(_hashable(v) for v in value)
    return value


def _shown(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return brief(value)
    if isinstance(value, tuple) and any(isinstance(v, np.ndarray) for v in value):
        return f"({len(value)} arrays)"
    return repr(value)
