"""The lines of a model text: differential equations, sub-expressions, declarations, resets.

dV_m/dt = (E_L - V_m)/tau_m + I/C_m : mV (clamped)      differential equation
I = I_exc + I_inh : pA                                  sub-expression
tau_m : ms                                              parameter
"""

from __future__ import annotations

import keyword
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from neurosim.equations.dimensions import NONE, SHADOWED, UNITS, Dimension, Unit
from neurosim.equations.functions import FUNCTIONS
from neurosim.equations.syntax import Node, Parser, Token
from neurosim.errors import EquationError

RESERVED = frozenset({"dt", "t", "active", "I_injected", "i", "N"})


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the equations.

    Attributes
    ----------
    kind : {"equation", "expression", "parameter"}
        "equation" is a differential equation.
    name : str
        What it is about.
    expression : Node or None
        Right-hand side; None for a declaration.
    unit : Unit
        As declared after the colon.
    clamped : bool
        Whether the state is held while the neuron is refractory.
    position : int
        Of the name.
    start : int
        Of the right-hand side.
    """

    kind: str
    name: str
    expression: Node | None
    unit: Unit
    clamped: bool
    position: int
    start: int


@dataclass(frozen=True, slots=True)
class ResetLine:
    """``name = expression`` of a reset; ``operator`` is "=", "+=", "-=", "*=" or "/="."""

    name: str
    operator: str
    expression: Node
    position: int


@lru_cache(maxsize=64)
def parse_equations(text: str) -> tuple[Line, ...]:
    """Read the lines of a model.

    Raises
    ------
    EquationError
        With the place of whatever cannot be read, a name given twice or one that is taken.
    """
    parser = Parser(text)
    lines: list[Line] = []
    seen: set[str] = set()
    parser.skip_newlines()
    while parser.token.kind != "end":
        line = _line(parser)
        if line.name in seen:
            raise parser.error(f"{line.name!r} is defined twice", line.position)
        seen.add(line.name)
        lines.append(line)
        if parser.token.kind not in ("newline", "end"):
            raise parser.error(f"expected the end of the line, found {parser.found()}")
        parser.skip_newlines()
    return tuple(lines)


def _line(parser: Parser) -> Line:
    first = parser.token
    if first.kind != "name":
        raise parser.error(
            f"expected 'dX/dt = ... : unit', 'x = ... : unit' or 'p : unit', found {parser.found()}"
        )
    kind, name = "expression", first
    if (
        parser.peek(1).text == "/"
        and first.text.startswith("d")
        and len(first.text) > 1
        and parser.peek(2).text == "dt"
    ):
        kind = "equation"
        name = Token("name", first.text[1:], first.position + 1)
        for _ in range(3):
            parser.advance()
    else:
        parser.advance()
        if parser.token.text == ":":
            kind = "parameter"
    check_name(parser.text, name.text, name.position)
    expression = None
    start = parser.token.position
    if kind != "parameter":
        left = f"d{name.text}/dt" if kind == "equation" else name.text
        parser.expect("=", f"after {left!r}")
        start = parser.token.position
        expression = parser.expression()
    parser.expect(":", "and a unit (':  mV'; ': 1' if it has none)")
    unit = _unit(parser)
    flags = _flags(parser)
    if flags and kind != "equation":
        raise parser.error(f"only a differential equation can be {flags!r}", name.position)
    return Line(kind, name.text, expression, unit, bool(flags), name.position, start)


def check_name(text: str, name: str, position: int | None) -> None:
    """Refuse names that mean something else in a model text."""
    taken = None
    if name in RESERVED or name.startswith("normal_"):
        taken = "is reserved"
    elif name == "xi" or name.startswith("xi_"):
        taken = "is white noise"
    elif name in FUNCTIONS:
        taken = "is a function"
    elif name in UNITS and name not in SHADOWED:
        taken = "is a unit"
    elif keyword.iskeyword(name):
        taken = "is a word of the language"
    elif name.startswith("_") or name.endswith("_"):
        taken = "begins or ends with '_', which is kept for names made by the machine"
    if taken is not None:
        raise EquationError(f"{name!r} {taken}; choose another name", text, position)


def _flags(parser: Parser) -> str:
    if not parser.accept("("):
        return ""
    position = parser.token.position
    words = []
    while parser.token.kind == "name" or parser.token.text in ("not", "or", "and"):
        words.append(parser.advance().text)
    parser.expect(")", "after the flag")
    flag = " ".join(words)
    if flag not in ("clamped", "unless refractory"):
        raise parser.error(
            f"unknown flag {flag!r}; a state can be (clamped), which is the same as "
            "(unless refractory)",
            position,
        )
    return flag


def _unit(parser: Parser) -> Unit:
    unit = _unit_power(parser)
    while parser.token.text in ("*", "/"):
        operator = parser.advance().text
        unit = _join(unit, operator, _unit_power(parser))
    return unit


def _join(left: Unit, operator: str, right: Unit) -> Unit:
    if operator == "*":
        text = left.text if right.text == "1" else f"{left.text}*{right.text}"
        if left.text == "1":
            text = right.text
        return Unit(text, left.dimension * right.dimension, left.scale * right.scale)
    below = f"({right.text})" if any(c in right.text for c in "*/") else right.text
    text = left.text if right.text == "1" else f"{left.text}/{below}"
    return Unit(text, left.dimension / right.dimension, left.scale / right.scale)


def _unit_power(parser: Parser) -> Unit:
    unit = _unit_atom(parser)
    operator = parser.accept("**")
    if operator is None:
        return unit
    sign = -1 if parser.accept("-") else 1
    parenthesis = parser.accept("(")
    if parenthesis and parser.accept("-"):
        sign = -sign
    token = parser.token
    if token.kind != "number" or len(token.text) > 8:
        raise parser.error("the power of a unit is a small number")
    parser.advance()
    exponent = sign * Fraction(token.text)
    if parenthesis:
        if parser.accept("/"):
            below = parser.advance()
            if below.kind != "number" or not Fraction(below.text):
                raise parser.error("the power of a unit is a number", below.position)
            exponent /= Fraction(below.text)
        parser.expect(")", "after the power")
    if abs(exponent) > 9:
        raise parser.error("the power of a unit is a small number", token.position)
    return raise_unit(unit, exponent, parser)


def raise_unit(unit: Unit, exponent: Fraction, parser: Parser) -> Unit:
    """A unit to a power; fractional powers only of units without a factor."""
    if exponent.denominator == 1:
        scale = unit.scale ** int(exponent)
    elif unit.scale == 1:
        scale = Fraction(1)
    else:
        raise parser.error(f"a root of {unit.text!r} has an odd factor; use ms, mV, pA and so on")
    base = f"({unit.text})" if any(c in unit.text for c in "*/") else unit.text
    power = str(exponent) if exponent.denominator == 1 else f"({exponent})"
    return Unit(f"{base}**{power}", unit.dimension**exponent, scale)


def _unit_atom(parser: Parser) -> Unit:
    token = parser.token
    if parser.accept("("):
        unit = _unit(parser)
        parser.expect(")", "to close the parenthesis")
        return unit
    if token.kind == "number":
        if Fraction(token.text) != 1:
            raise parser.error("the only number that is a unit is 1")
        parser.advance()
        return Unit("1", NONE)
    if token.text == "sqrt" and parser.peek(1).text == "(":
        parser.advance()
        parser.advance()
        unit = _unit(parser)
        parser.expect(")", "to close the parenthesis")
        return raise_unit(unit, Fraction(1, 2), parser)
    if token.kind == "name" and token.text in UNITS:
        parser.advance()
        return UNITS[token.text]
    if token.kind == "name":
        raise parser.error(f"unknown unit {token.text!r}; known are {', '.join(UNITS)} and 1")
    raise parser.error(f"expected a unit, found {parser.found()}")


def parse_unit(text: str) -> Unit:
    """Read a unit by itself, e.g. ``"nS/ms"``."""
    parser = Parser(text)
    unit = _unit(parser)
    parser.done("the unit")
    return unit


def parse_reset(text: str) -> tuple[ResetLine, ...]:
    """Read the statements of a reset: ``V_m = V_reset; w += b``."""
    parser = Parser(text)
    lines = []
    parser.skip_newlines()
    while parser.token.kind != "end":
        name = parser.token
        if name.kind != "name":
            raise parser.error(f"expected 'state = value', found {parser.found()}")
        parser.advance()
        operator = parser.token
        if operator.text not in ("=", "+=", "-=", "*=", "/="):
            raise parser.error(f"expected '=', '+=', '-=', '*=' or '/=', found {parser.found()}")
        parser.advance()
        lines.append(ResetLine(name.text, operator.text, parser.expression(), name.position))
        if parser.token.kind not in ("newline", "end"):
            raise parser.error(f"expected ';' or the end of the reset, found {parser.found()}")
        parser.skip_newlines()
    return tuple(lines)


def unit_of(dimension: Dimension) -> Unit:
    """The coherent unit of a dimension."""
    return Unit(str(dimension), dimension)
