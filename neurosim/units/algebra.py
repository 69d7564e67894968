"""Units as values: exact products of powers, read from text.

Scale factors are exact rationals, so that ``"0.3 s"`` is the same float as ``300.0``. (The texts
are read here and not by pint, whose registry takes about a second to load.)
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import TypeAlias

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
        dimension = exponents(
            *(a + b for a, b in zip(self.dimension, other.dimension, strict=True))
        )
        return Unit(dimension, self.decade + other.decade, self.factor * other.factor)

    def __truediv__(self, other: Unit) -> Unit:
        return self * other ** Fraction(-1)

    def __pow__(self, power: Fraction) -> Unit:
        dimension = exponents(*(a * power for a in self.dimension))
        if power.denominator == 1:
            factor = self.factor ** int(power)
        elif self.factor == 1:
            factor = Fraction(1)
        else:
            raise ValueError("a root of a unit that is no power of ten of SI base units")
        return Unit(dimension, self.decade * power, factor)

    def ratio(self, other: Unit) -> Fraction:
        """Return by what a number in this unit is multiplied to be one in `other`, exactly.

        Where the ratio is irrational (roots of units), the nearest double.
        """
        decades = self.decade - other.decade
        if decades.denominator == 1:
            return self.factor / other.factor * Fraction(10) ** int(decades)
        return Fraction(float(self.factor / other.factor) * 10.0 ** float(decades))


def exponents(*powers: Fraction | int) -> Dimension:
    """Return six exponents as a `Dimension`."""
    m, kg, s, ampere, kelvin, mole = (Fraction(p) for p in powers)
    return (m, kg, s, ampere, kelvin, mole)


def _unit(*powers: int, decade: int = 0, factor: int = 1) -> Unit:
    return Unit(exponents(*powers), Fraction(decade), Fraction(factor))


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

QUANTITY_NAMES = {
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
            return unit ** Fraction(self.digits())
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
        if not token[:1].isdigit() or not 0 < Fraction(token) <= 99:
            raise ValueError("a power must be a number up to 99, other than 0")
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
    return QUANTITY_NAMES.get(parse_unit(unit).dimension, "a quantity")


def declared(unit: str) -> str:
    """Return what to ask for where a number in `unit` belongs: ``"a time in ms"``."""
    name = quantity_name(unit)
    return name if parse_unit(unit) == DIMENSIONLESS else f"{name} in {unit}"
