"""Values as users write them: texts and quantities in, plain floats out."""

from __future__ import annotations

import math
import numbers
import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from neurosim.errors import DescriptionError, UnitError
from neurosim.units.algebra import (
    QUANTITY_NAMES,
    Unit,
    coherent_unit,
    declared,
    exponents,
    parse_unit,
)

Floats: TypeAlias = npt.NDArray[np.float64]

_NUMBER = re.compile(r"\s*([+-]?(?:\d+(?:_\d+)*\.?\d*|\.\d+)(?:[eE][+-]?\d{1,4})?)(?!\d)")


def parse_quantity(text: str, place: str = "A quantity") -> tuple[float, str]:
    """Read a text such as ``"20 ms"`` into the coherent set.

    Returns
    -------
    value : float
        Rounded once, from the exact decimal value.
    unit : str
        The unit of the coherent set that it is in.

    Raises
    ------
    UnitError
        If there is no number, no unit, or a unit that nobody knows.

    >>> parse_quantity("1.5 V")
    (1500.0, 'mV')
    >>> parse_quantity("40 /s")
    (0.04, '1/ms')
    """
    number, unit = _split(text, place, "a number with a unit")
    name = coherent_unit(unit.dimension)
    return _rounded(number * unit.ratio(parse_unit(name)), text, place, "a number"), name


def to_float(
    value: object,
    unit: str,
    place: str,
    *,
    above: float | None = None,
    at_least: float | None = None,
    below: float | None = None,
    at_most: float | None = None,
) -> float | Floats:
    """Turn what a user wrote into a float in `unit`, or an array of them.

    Parameters
    ----------
    value : object
        A number (taken to be in `unit`), a text with a unit, a quantity of pint, brian2 or
        quantities, or a list, tuple or array of these.
    unit : str
        The declared unit, "1" for a plain number.
    place : str
        Object and field for the message, e.g. ``"LIF.tau_m"``.
    above, at_least, below, at_most : float, optional
        Bounds in `unit`.

    Returns
    -------
    float or ndarray
        A finite float; for sequences a new read-only float64 array.

    Raises
    ------
    UnitError
        Wrong dimension, or a unit that nobody knows.
    DescriptionError
        Not a finite real number (booleans and None are none), or out of bounds.
    """
    expected = declared(unit) + _bounds(above, at_least, below, at_most)
    result = _convert(value, unit, place, expected)
    worst = np.asarray(result)
    refused = ~np.isfinite(worst)
    for bound, breaks in (
        (above, np.less_equal),
        (at_least, np.less),
        (below, np.greater_equal),
        (at_most, np.greater),
    ):
        if bound is not None:
            refused |= breaks(worst, bound)
    if refused.any():
        if isinstance(result, float):
            raise DescriptionError(place, value, expected)
        index = tuple(int(i) for i in np.argwhere(refused)[0])
        where = index[0] if len(index) == 1 else index
        raise DescriptionError(f"{place}[{where}]", float(worst[index]), expected)
    return result


@dataclass(frozen=True, slots=True, eq=False)
class Quantity:
    """Numbers with their unit, where it is declared only later (as in a distribution).

    Attributes
    ----------
    magnitude : Fraction or ndarray
        One exact number, or a float64 array.
    unit : Unit
    """

    magnitude: Fraction | Floats
    unit: Unit

    def __repr__(self) -> str:
        unit = coherent_unit(self.unit.dimension)
        return f"{_convert(self, unit, 'A quantity', 'a number')} {unit}"


def defer(value: object, place: str) -> float | Floats | Quantity:
    """Read a value whose unit will be declared later; `to_float` takes the result.

    Plain numbers come back as by `to_float`, to be taken in the declared unit; texts and
    quantities keep their unit. Refuses what `to_float` would refuse under every unit.
    """
    expected = "a number or a quantity"
    if isinstance(value, str):
        return Quantity(*_split(value, place, expected))
    foreign = _foreign_quantity(value, place, expected)
    if foreign is not None:
        magnitude = _finite(_plain(foreign[0], place, expected), place, expected)
        if isinstance(magnitude, float):
            return Quantity(Fraction(magnitude), foreign[1])
        return Quantity(magnitude, foreign[1])
    if isinstance(value, (list, tuple)) and value:
        first = value[0]
        while isinstance(first, (list, tuple)) and first:
            first = first[0]
        kind = defer(first, place)
        if isinstance(kind, Quantity):
            unit = coherent_unit(kind.unit.dimension)
            return Quantity(np.asarray(to_float(value, unit, place)), parse_unit(unit))
    return _finite(_convert(value, "1", place, expected), place, expected)


def magnitudes(value: float | Floats | Quantity) -> Floats:
    """Return the bare numbers of what `defer` returned, whatever their unit, as an array."""
    number = value.magnitude if isinstance(value, Quantity) else value
    return number if isinstance(number, np.ndarray) else np.array(float(number))


def _finite(value: float | Floats, place: str, expected: str) -> float | Floats:
    if not np.isfinite(value).all():
        raise DescriptionError(place, value, expected, "It must be finite.")
    return value


def to_scalar(value: object, unit: str, place: str, **bounds: float | None) -> float:
    """Turn what a user wrote into one float in `unit`; as `to_float`, but arrays are refused."""
    result = to_float(value, unit, place, **bounds)
    if not isinstance(result, float):
        raise DescriptionError(place, value, f"one value, {declared(unit)}")
    return result


def _bounds(
    above: float | None, at_least: float | None, below: float | None, at_most: float | None
) -> str:
    """Return the bounds in words."""
    words = []
    for bound, word in (
        (above, "above"),
        (at_least, "at least"),
        (below, "below"),
        (at_most, "at most"),
    ):
        if bound is not None:
            words.append(f"{word} {bound:g}")
    return " " + " and ".join(words) if words else ""


def _convert(value: object, unit: str, place: str, expected: str) -> float | Floats:
    """Do the work of `to_float`, bounds and finiteness of arrays apart."""
    if isinstance(value, str):
        number, given = _split(value, place, expected)
        return _rounded(
            number * _ratio(given, unit, value, place, expected), value, place, expected
        )
    if isinstance(value, Quantity):
        scale = _ratio(value.unit, unit, value, place, expected)
        if isinstance(value.magnitude, Fraction):
            return _rounded(value.magnitude * scale, value, place, expected)
        return _scaled(value.magnitude, scale)
    foreign = _foreign_quantity(value, place, expected)
    if foreign is not None:
        magnitude, given = foreign
        scale = _ratio(given, unit, value, place, expected)
        plain = _plain(magnitude, place, expected)
        if isinstance(plain, float):
            return _rounded(Fraction(plain) * scale, value, place, expected)
        return _scaled(plain, scale)
    if isinstance(value, (list, tuple)) or (
        isinstance(value, np.ndarray) and value.dtype.kind in "OUS"
    ):
        return _sequence(value, unit, place, expected)
    return _plain(value, place, expected)


def _sequence(value: Any, unit: str, place: str, expected: str) -> float | Floats:
    """Convert element by element: numpy would strip the units of brian2 objects in a list."""
    if isinstance(value, np.ndarray) and value.ndim == 0:
        return _convert(value.item(), unit, place, expected)
    if all(type(part) is float or type(part) is int for part in value):  # fast, and common
        parts = list(value)
    else:
        parts = [_convert(part, unit, f"{place}[{i}]", expected) for i, part in enumerate(value)]
    try:
        return _frozen(np.array(parts, dtype=np.float64))
    except OverflowError:
        number, wrong = next((i, p) for i, p in enumerate(parts) if not _fits(p))
        raise DescriptionError(
            f"{place}[{number}]", wrong, expected, "It is too large for a float."
        ) from None
    except ValueError:
        raise DescriptionError(place, value, f"rows of equal length, each {expected}") from None


def _fits(number: Any) -> bool:
    """Whether a number, or an array of them, is within the floats."""
    try:
        np.array(number, dtype=np.float64)
    except OverflowError:
        return False
    return True


def _plain(value: object, place: str, expected: str) -> float | Floats:
    """Take a number or a numeric array without unit; refuse everything else with the reason."""
    if value is None:
        raise DescriptionError(place, value, expected, "It has no value.")
    if isinstance(value, (bool, np.bool_)):
        raise DescriptionError(place, value, expected, "A truth value is not a quantity.")
    if isinstance(value, numbers.Real):
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            raise DescriptionError(place, value, expected, "It must be finite.")
        return number
    if isinstance(value, numbers.Complex):
        raise DescriptionError(place, value, expected, "Complex numbers have no place here.")
    if not isinstance(value, np.ndarray) and not hasattr(value, "__array__"):
        raise DescriptionError(place, value, expected, f"It is of type {type(value).__name__}.")
    if isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):
        raise DescriptionError(place, value, expected, "Some of its values are masked.")
    if hasattr(value, "unit") or hasattr(value, "units"):
        raise UnitError(
            place, value, expected,
            f"Quantities of type {type(value).__module__}.{type(value).__name__} are not "
            "understood; those of pint, brian2 and quantities are.",
        )  # fmt: skip
    array = np.asarray(value)
    if array.dtype.kind not in "iuf":
        raise DescriptionError(place, array, expected, f"Its dtype is {array.dtype}.")
    return (
        _frozen(array.astype(np.float64)) if array.ndim else _plain(array.item(), place, expected)
    )


def _foreign_quantity(value: Any, place: str, expected: str) -> tuple[Any, Unit] | None:
    """Return magnitude and unit of a quantity of pint, brian2 or quantities; None for others."""
    if isinstance(value, (numbers.Number, str)) or type(value) is np.ndarray:
        return None
    if hasattr(value, "to_base_units") and hasattr(value, "dimensionality"):
        return _from_pint(value, place, expected)
    if hasattr(value, "simplified") and hasattr(value, "dimensionality"):
        base = value.simplified
        powers = {symbol.symbol: power for symbol, power in base.dimensionality.items()}
        return np.array(base.magnitude), _si_unit(powers, _SI_SYMBOLS, value, place, expected)
    if hasattr(value, "dim") and hasattr(value.dim, "_dims"):  # brian2 keeps SI floats
        powers = dict(zip((*_SI_SYMBOLS, "cd"), value.dim._dims, strict=True))
        return np.array(value, subok=False), _si_unit(powers, _SI_SYMBOLS, value, place, expected)
    return None


_SI_SYMBOLS = ("m", "kg", "s", "A", "K", "mol")
_PINT_NAMES = ("[length]", "[mass]", "[time]", "[current]", "[temperature]", "[substance]")


def _from_pint(value: Any, place: str, expected: str) -> tuple[Any, Unit]:
    """Read a pint quantity through its own registry, its scale as an exact power of ten."""
    unit = _si_unit(dict(value.dimensionality), _PINT_NAMES, value, place, expected)
    quantity = type(value)
    scale = float(quantity(1.0, value.units).to_base_units().magnitude)
    offset = float(quantity(0.0, value.units).to_base_units().magnitude)
    decade = round(math.log10(scale))
    if offset or not math.isclose(scale, 10.0**decade, rel_tol=1e-14):
        return value.to_base_units().magnitude, unit
    return value.magnitude, Unit(unit.dimension, Fraction(decade))


def _si_unit(
    powers: dict[str, Any], names: tuple[str, ...], value: Any, place: str, expected: str
) -> Unit:
    """Build an SI unit from exponents by name; refuse base units that we have no use for."""
    strange = [name for name, power in powers.items() if power and name not in names]
    if strange:
        raise UnitError(place, value, expected, f"Its dimension contains {strange[0]}.")
    exact = (Fraction(float(powers.get(name, 0))).limit_denominator(1000) for name in names)
    return Unit(exponents(*exact))


def _split(text: str, place: str, expected: str) -> tuple[Fraction, Unit]:
    """Split a text into its exact number and its unit."""
    match = _NUMBER.match(text)
    if match is None:
        raise UnitError(
            place, text, expected, "A text must be a number with a unit, as in '20 ms'."
        )
    rest = text[match.end() :].strip().removeprefix("*").strip()
    if not rest:
        raise UnitError(
            place,
            text,
            expected,
            "A text needs a unit, as in '20 ms'; a plain number needs no text.",
        )
    try:
        return Fraction(match.group(1)), parse_unit("1" + rest if rest.startswith("/") else rest)
    except ValueError as error:
        raise UnitError(place, text, expected, f"In its unit, {error}.") from None


def _ratio(given: Unit, unit: str, value: object, place: str, expected: str) -> Fraction:
    """Return what converts `given` to `unit`; refuse another dimension, naming both."""
    target = parse_unit(unit)
    if given.dimension != target.dimension:
        name = QUANTITY_NAMES.get(
            given.dimension, f"a quantity in {coherent_unit(given.dimension)}"
        )
        raise UnitError(place, value, expected, f"It is {name}.")
    return given.ratio(target)


def _rounded(number: Fraction, text: object, place: str, expected: str) -> float:
    """Return the nearest float."""
    try:
        return float(number)
    except OverflowError:
        raise DescriptionError(place, text, expected, "It is too large for a float.") from None


def _scaled(value: Floats, scale: Fraction) -> Floats:
    """Multiply by an exact ratio, rounding at most twice."""
    return _frozen(value * float(scale.numerator) / float(scale.denominator))


def _frozen(array: Floats) -> Floats:
    array.setflags(write=False)
    return array
