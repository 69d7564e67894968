"""Physical dimensions of model texts, and the units that may stand in them.

Three base dimensions carry everything: time, voltage, current. In the set ms, mV, pA the others
follow without factors (pF = pA ms / mV, nS = pA / mV, GOhm = mV / pA), so a value in these units
needs no conversion anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class Dimension:
    """Exponents of time, voltage and current."""

    time: Fraction = Fraction(0)
    voltage: Fraction = Fraction(0)
    current: Fraction = Fraction(0)

    def __mul__(self, other: Dimension) -> Dimension:
        return Dimension(
            self.time + other.time, self.voltage + other.voltage, self.current + other.current
        )

    def __truediv__(self, other: Dimension) -> Dimension:
        return Dimension(
            self.time - other.time, self.voltage - other.voltage, self.current - other.current
        )

    def __pow__(self, exponent: Fraction) -> Dimension:
        return Dimension(self.time * exponent, self.voltage * exponent, self.current * exponent)

    @property
    def is_none(self) -> bool:
        """Whether this is a plain number."""
        return not (self.time or self.voltage or self.current)

    def __str__(self) -> str:
        named = _NAMED.get(self)
        if named is not None:
            return named
        parts = []
        for unit, exponent in (("ms", self.time), ("mV", self.voltage), ("pA", self.current)):
            if exponent == 1:
                parts.append(unit)
            elif exponent:
                power = str(exponent) if exponent.denominator == 1 else f"({exponent})"
                parts.append(f"{unit}**{power}")
        return "*".join(parts)


NONE = Dimension()
TIME = Dimension(time=Fraction(1))
VOLTAGE = Dimension(voltage=Fraction(1))
CURRENT = Dimension(current=Fraction(1))
CONDUCTANCE = CURRENT / VOLTAGE
RATE = NONE / TIME
NOISE = TIME ** Fraction(-1, 2)
"""Dimension of the noise symbols xi: its square, integrated over time, is a plain number."""

_NAMED = {
    NONE: "1",
    TIME: "ms",
    VOLTAGE: "mV",
    CURRENT: "pA",
    CONDUCTANCE: "nS",
    CURRENT * TIME / VOLTAGE: "pF",
    VOLTAGE / CURRENT: "GOhm",
    RATE: "1/ms",
    NOISE: "1/sqrt(ms)",
    VOLTAGE / TIME: "mV/ms",
    CURRENT / TIME: "pA/ms",
    CONDUCTANCE / TIME: "nS/ms",
}


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit as written in a text.

    Attributes
    ----------
    text : str
        Normalised, e.g. ``"nS/ms"``.
    dimension : Dimension
        What it measures.
    scale : Fraction
        One of it, in the coherent set: 1000 for V, 1/1000 for Hz.
    """

    text: str
    dimension: Dimension
    scale: Fraction = Fraction(1)


def _table() -> dict[str, Unit]:
    kilo, milli = Fraction(1000), Fraction(1, 1000)
    capacitance = CURRENT * TIME / VOLTAGE
    resistance = VOLTAGE / CURRENT
    families: tuple[tuple[Dimension, dict[str, Fraction]], ...] = (
        (TIME, {"us": milli, "ms": Fraction(1), "s": kilo, "second": kilo}),
        (VOLTAGE, {"uV": milli, "mV": Fraction(1), "V": kilo, "volt": kilo}),
        (
            CURRENT,
            {
                "fA": milli,
                "pA": Fraction(1),
                "nA": kilo,
                "uA": kilo**2,
                "mA": kilo**3,
                "amp": kilo**4,
            },
        ),
        (capacitance, {"pF": Fraction(1), "nF": kilo, "uF": kilo**2, "farad": kilo**4}),
        (
            CONDUCTANCE,
            {"pS": milli, "nS": Fraction(1), "uS": kilo, "mS": kilo**2, "siemens": kilo**3},
        ),
        (
            resistance,
            {"GOhm": Fraction(1), "MOhm": milli, "kOhm": milli**2, "ohm": milli**3},
        ),
        (RATE, {"Hz": milli, "kHz": Fraction(1)}),
    )
    return {
        name: Unit(name, dimension, scale)
        for dimension, names in families
        for name, scale in names.items()
    }


UNITS: dict[str, Unit] = _table()
"""Every unit word that a text may use."""

SHADOWED = frozenset({"s", "V"})
"""Unit words that a model may also use as names of its own; the model's meaning then holds."""
