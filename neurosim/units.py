"""The boundary: texts and quantities in, plain floats out.

Inside neurosim every number is a float in the coherent set ms, mV, pA, pF, nS, GOhm (and um, K,
mM where they are needed); rates are in Hz. What a user writes may also be a text (``"20 ms"``) or
a quantity of pint, brian2 or quantities; it is checked against the declared dimension here, turned
into that unit, and refused here if it is no finite real number.

Scale factors are exact rationals, so that ``"0.3 s"`` is the same float as ``300.0``. (The texts
are read here and not by pint, whose registry takes about a second to load.)
"""

from __future__ import annotations

import math
import numbers
import re
import unicodedata
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from neurosim.errors import DescriptionError, UnitError

Floats: TypeAlias = npt.NDArray[np.float64]

Dimension: TypeAlias = tuple[Fraction, Fraction, Fraction, Fraction, Fraction, Fraction]
"""Exponents of metre, kilogram, second, ampere, kelvin, mole."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit as a multiple of SI base units: ``factor * 10**decade * m**a * kg**b * ...``.

    Attributes
    ----------
    dimension : Dimension
        Exponents of the base units.
    decade : Fraction
        Power of ten; a fraction in units such as ``1/ms**0.5``.
    factor : Fraction
        What is no power of ten, as 60 in a minute.
    """

    dimension: Dimension
    decade: Fraction = Fraction(0)
    factor: Fraction = Fraction(1)

    def __mul__(self, other: Unit) -> Unit:
        exponents = _dimension(
            *(a + b for a, b in zip(self.dimension, other.dimension, strict=True))
        )
        return Unit(exponents, self.decade + other.decade, self.factor * other.factor)

    def __truediv__(self, other: Unit) -> Unit:
        return self * other ** Fraction(-1)

    def __pow__(self, power: Fraction) -> Unit:
        exponents = _dimension(*(a * power for a in self.dimension))
        if power.denominator == 1:
            factor = self.factor ** int(power)
        elif self.factor == 1:
            factor = Fraction(1)
        else:
            raise ValueError("a root of a unit that is no power of ten of SI base units")
        return Unit(exponents, self.decade * power, factor)

    def ratio(self, other: Unit) -> Fraction:
        """Return by what a number in this unit is multiplied to be one in `other`, exactly.

        Where the ratio is irrational (roots of units), the nearest double.
        """
        decades = self.decade - other.decade
        if decades.denominator == 1:
            return self.factor / other.factor * Fraction(10) ** int(decades)
        return Fraction(float(self.factor / other.factor) * 10.0 ** float(decades))


def _dimension(*exponents: Fraction | int) -> Dimension:
    m, kg, s, ampere, kelvin, mole = (Fraction(e) for e in exponents)
    return (m, kg, s, ampere, kelvin, mole)


def _unit(*exponents: int, decade: int = 0, factor: int = 1) -> Unit:
    return Unit(_dimension(*exponents), Fraction(decade), Fraction(factor))


DIMENSIONLESS = _unit(0, 0, 0, 0, 0, 0)

_SECOND = _unit(0, 0, 1, 0, 0, 0)
_VOLT = _unit(2, 1, -3, -1, 0, 0)
_AMPERE = _unit(0, 0, 0, 1, 0, 0)
_METRE = _unit(1, 0, 0, 0, 0, 0)
_FARAD = _AMPERE * _SECOND / _VOLT
_SIEMENS = _AMPERE / _VOLT
_OHM = _VOLT / _AMPERE
_HERTZ = DIMENSIONLESS / _SECOND
_KELVIN = _unit(0, 0, 0, 0, 1, 0)
_MOLE = _unit(0, 0, 0, 0, 0, 1)
_GRAM = _unit(0, 1, 0, 0, 0, 0, decade=-3)
_MOLAR = _MOLE / _METRE ** Fraction(3) * _unit(0, 0, 0, 0, 0, 0, decade=3)
_JOULE = _VOLT * _AMPERE * _SECOND

_NAMES: dict[str, Unit] = {
    "1": DIMENSIONLESS,
    **dict.fromkeys(("s", "second", "seconds", "sec"), _SECOND),
    **dict.fromkeys(("V", "volt", "volts"), _VOLT),
    **dict.fromkeys(("A", "amp", "amps", "ampere", "amperes"), _AMPERE),
    **dict.fromkeys(("F", "farad", "farads"), _FARAD),
    **dict.fromkeys(("S", "siemens"), _SIEMENS),
    **dict.fromkeys(("Ohm", "ohm", "ohms", "Ω"), _OHM),
    **dict.fromkeys(("Hz", "hertz"), _HERTZ),
    **dict.fromkeys(("m", "meter", "meters", "metre", "metres"), _METRE),
    **dict.fromkeys(("C", "coulomb", "coulombs"), _AMPERE * _SECOND),
    **dict.fromkeys(("W", "watt", "watts"), _VOLT * _AMPERE),
    **dict.fromkeys(("J", "joule", "joules"), _JOULE),
    **dict.fromkeys(("K", "kelvin"), _KELVIN),
    **dict.fromkeys(("g", "gram", "grams"), _GRAM),
    **dict.fromkeys(("mol", "mole", "moles"), _MOLE),
    **dict.fromkeys(("M", "molar"), _MOLAR),
}
_UNPREFIXED: dict[str, Unit] = {
    **dict.fromkeys(("min", "minute", "minutes"), _unit(0, 0, 1, 0, 0, 0, factor=60)),
    **dict.fromkeys(("h", "hour", "hours"), _unit(0, 0, 1, 0, 0, 0, factor=3600)),
}
_PREFIXES = {
    name: decade
    for names, decade in (
        ("f femto", -15), ("p pico", -12), ("n nano", -9), ("u μ micro", -6), ("m milli", -3),
        ("c centi", -2), ("d deci", -1), ("k kilo", 3), ("M mega", 6), ("G giga", 9),
        ("T tera", 12),
    )
    for name in names.split()
}  # fmt: skip

_QUANTITY_NAMES = {
    _SECOND.dimension: "a time",
    _VOLT.dimension: "a voltage",
    _AMPERE.dimension: "a current",
    _FARAD.dimension: "a capacitance",
    _SIEMENS.dimension: "a conductance",
    _OHM.dimension: "a resistance",
    _HERTZ.dimension: "a rate",
    _METRE.dimension: "a length",
    (_AMPERE * _SECOND).dimension: "a charge",
    _KELVIN.dimension: "a temperature",
    _MOLAR.dimension: "a concentration",
    _JOULE.dimension: "an energy",
    DIMENSIONLESS.dimension: "a number without unit",
}
_COHERENT_NAMES = {
    _SECOND.dimension: "ms",
    _VOLT.dimension: "mV",
    _AMPERE.dimension: "pA",
    _FARAD.dimension: "pF",
    _SIEMENS.dimension: "nS",
    _OHM.dimension: "GOhm",
    _METRE.dimension: "um",
    _KELVIN.dimension: "K",
    _MOLAR.dimension: "mM",
    DIMENSIONLESS.dimension: "1",
}

_NUMBER = re.compile(r"\s*([+-]?(?:\d+(?:_\d+)*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)")
_TOKEN = re.compile(r"\s*(\*\*|[*/^·()]|\d+(?:\.\d+)?|[^\W\d_]+|[+-])")


class _UnitText:
    """A recursive-descent reader of unit texts: products, quotients, powers, brackets."""

    def __init__(self, text: str) -> None:
        self.tokens: list[str] = []
        position, end = 0, len(text.rstrip())
        while position < end:
            match = _TOKEN.match(text, position)
            if match is None:
                raise ValueError(f"cannot read {text[position:]!r}")
            self.tokens.append(match.group(1))
            position = match.end()
        self.next = 0

    def peek(self) -> str:
        return self.tokens[self.next] if self.next < len(self.tokens) else ""

    def take(self) -> str:
        token = self.peek()
        self.next += 1
        return token

    def read(self) -> Unit:
        unit = self.product()
        if self.peek():
            raise ValueError(f"cannot read {self.peek()!r}")
        return unit

    def product(self) -> Unit:
        unit = self.power()
        while self.peek() not in ("", ")"):
            divided = self.peek() == "/"
            if self.peek() in ("*", "·", "/"):
                self.take()
            factor = self.power()
            unit = unit / factor if divided else unit * factor
        return unit

    def power(self) -> Unit:
        unit = self.atom()
        if self.peek() in ("**", "^"):
            self.take()
            return unit ** self.exponent()
        if self.peek().isdigit():  # "cm2"
            return unit ** Fraction(self.take())
        return unit

    def atom(self) -> Unit:
        token = self.take()
        if token == "(":
            unit = self.product()
            if self.take() != ")":
                raise ValueError("a bracket is not closed")
            return unit
        if token == "":
            raise ValueError("a unit is missing")
        return _named(token)

    def exponent(self) -> Fraction:
        bracket = self.peek() == "("
        if bracket:
            self.take()
        sign = -1 if self.peek() == "-" else 1
        if self.peek() in ("+", "-"):
            self.take()
        power = Fraction(self.digits())
        if bracket and self.peek() == "/":
            self.take()
            power /= Fraction(self.digits())
        if bracket and self.take() != ")":
            raise ValueError("a bracket is not closed")
        return sign * power

    def digits(self) -> str:
        token = self.take()
        if not token[:1].isdigit() or not Fraction(token):
            raise ValueError("a power must be a number other than 0")
        return token


def _named(name: str) -> Unit:
    """Look a unit up, with its prefix; ValueError where nobody knows it."""
    if name in _NAMES:
        return _NAMES[name]
    if name in _UNPREFIXED:
        return _UNPREFIXED[name]
    for length in range(len(name) - 1, 0, -1):
        prefix, rest = name[:length], name[length:]
        if prefix in _PREFIXES and rest in _NAMES and rest != "1":
            return _NAMES[rest] * _unit(0, 0, 0, 0, 0, 0, decade=_PREFIXES[prefix])
    raise ValueError(f"no unit is called {name!r}")


@lru_cache(maxsize=1024)
def parse_unit(text: str) -> Unit:
    """Read a unit such as ``"pA"``, ``"mV/ms"``, ``"uF/cm**2"``, ``"1/ms**0.5"`` or ``"1"``.

    Raises
    ------
    ValueError
        If the text is no unit; says which part. (Callers know the place and say it.)
    """
    return _UnitText(unicodedata.normalize("NFKC", text)).read()


def same_dimension(first: str, second: str) -> bool:
    """Return whether two units measure the same kind of quantity."""
    return parse_unit(first).dimension == parse_unit(second).dimension


def coherent_unit(dimension: Dimension) -> str:
    """Return the unit of the coherent set for a dimension.

    Time ms, voltage mV, current pA, length um, temperature K, concentration mM, and their
    products; so a rate is in 1/ms here, whereas descriptions declare rates in "Hz".

    >>> coherent_unit(parse_unit("uF").dimension)
    'pF'
    >>> coherent_unit(parse_unit("V/s").dimension)
    'mV/ms'
    """
    if dimension in _COHERENT_NAMES:
        return _COHERENT_NAMES[dimension]
    m, kg, s, ampere, kelvin, mole = dimension
    # V = m2 kg / (s3 A): trade the kilogram for the volt; then mol for mM = mol/m3.
    powers = {
        "mV": kg,
        "pA": ampere + kg,
        "um": m - 2 * kg + 3 * mole,
        "K": kelvin,
        "mM": mole,
        "ms": s + 3 * kg,
    }
    above = [_raised(name, power) for name, power in powers.items() if power > 0]
    below = [_raised(name, -power) for name, power in powers.items() if power < 0]
    divisor = "*".join(below)
    if len(below) > 1:
        divisor = f"({divisor})"
    return "*".join(above or ["1"]) + (f"/{divisor}" if below else "")


def _raised(name: str, power: Fraction) -> str:
    if power == 1:
        return name
    return f"{name}**{power}" if power.denominator == 1 else f"{name}**({power})"


def quantity_name(unit: str) -> str:
    """Return what a unit measures, in words: ``"a time"``, ``"a voltage"``, ...

    >>> quantity_name("GOhm"), quantity_name("mV/ms")
    ('a resistance', 'a quantity')
    """
    return _QUANTITY_NAMES.get(parse_unit(unit).dimension, "a quantity")


def declared(unit: str) -> str:
    """Return what to ask for where a number in `unit` belongs: ``"a time in ms"``."""
    name = quantity_name(unit)
    return name if parse_unit(unit) == DIMENSIONLESS else f"{name} in {unit}"


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
        return _scaled(_plain(magnitude, place, expected), scale)
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
    except ValueError:
        raise DescriptionError(place, value, f"rows of equal length, each {expected}") from None


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
    exponents = (Fraction(float(powers.get(name, 0))).limit_denominator(1000) for name in names)
    return Unit(_dimension(*exponents))


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
        name = _QUANTITY_NAMES.get(
            given.dimension, f"a quantity in {coherent_unit(given.dimension)}"
        )
        raise UnitError(place, value, expected, f"It is {name}.")
    return given.ratio(target)


def _rounded(number: Fraction, text: object, place: str, expected: str) -> float:
    try:
        return float(number)
    except OverflowError:
        raise DescriptionError(place, text, expected, "It is too large for a float.") from None


def _scaled(value: float | Floats, scale: Fraction) -> float | Floats:
    """Multiply by an exact ratio: scalars are rounded once, arrays at most twice."""
    if isinstance(value, float):
        return float(Fraction(value) * scale) if math.isfinite(value) else value
    return _frozen(value * float(scale.numerator) / float(scale.denominator))


def _frozen(array: Floats) -> Floats:
    array.setflags(write=False)
    return array
