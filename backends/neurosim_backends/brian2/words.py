"""Numbers, units and expressions as a user of Brian2 writes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

import numpy as np

from neurosim.describe.distributions import (
    Distribution,
    Exponential,
    LogNormal,
    Normal,
    Uniform,
)
from neurosim.equations.dimensions import UNITS, Dimension, Unit
from neurosim.equations.syntax import (
    Call,
    Comparison,
    Logic,
    Name,
    Negative,
    Node,
    Number,
    Power,
    Product,
    Sum,
    render,
)
from neurosim.errors import UnsupportedError

MOST_LISTED = 2000
"""Longest array that is written out in a script."""

_RENAMED = {
    "s": "second", "V": "volt", "GOhm": "Gohm", "MOhm": "Mohm", "kOhm": "kohm", "F": "farad",
}  # fmt: skip

_BASE = (("second", "time"), ("volt", "voltage"), ("amp", "current"))

_DERIVED = {
    (Fraction(1), Fraction(-1), Fraction(1)): "farad",
    (Fraction(0), Fraction(-1), Fraction(1)): "siemens",
    (Fraction(0), Fraction(1), Fraction(-1)): "ohm",
    (Fraction(-1), Fraction(0), Fraction(0)): "Hz",
}


def dimension_word(dimension: Dimension) -> str:
    """Return a dimension as it stands after the colon of an equation."""
    key = (dimension.time, dimension.voltage, dimension.current)
    if dimension.is_none:
        return "1"
    if key in _DERIVED:
        return _DERIVED[key]
    parts = [
        word if power == 1 else f"{word}**{power if power.denominator == 1 else float(power)}"
        for (word, _), power in zip(_BASE, key, strict=True)
        if power
    ]
    return "*".join(parts)


def unit_word(unit: str) -> str:
    """Return one of neurosim's units (of a product, such as nS/ms) in Brian2's words."""
    text = unit
    for ours, theirs in _RENAMED.items():
        if text == ours:
            return theirs
        if len(ours) > 1:
            text = text.replace(ours, theirs)
    return text


def digits(value: float) -> str:
    """Return a number as one writes it.

    >>> digits(20.0), digits(-0.1)
    ('20', '-0.1')
    """
    text = repr(float(value))
    return text.removesuffix(".0")


def times_unit(text: str, unit: str) -> str:
    """Return a number or array with its unit.

    >>> times_unit("5", "1/ms"), times_unit("5", "mV"), times_unit("5", "1")
    ('5/ms', '5*mV', '5')
    """
    word = unit_word(unit)
    if word == "1":
        return text
    return f"{text}/{word[2:]}" if word.startswith("1/") else f"{text}*{word}"


def quantity(value: float, unit: str) -> str:
    """Return a number with its unit."""
    return times_unit(digits(value), unit)


def listed(values: Any) -> str:
    """Return an array as text, in rows that fit the page."""
    row: list[str] = []
    lines = []
    for item in np.ravel(values):
        word = (
            str(int(item))
            if np.issubdtype(np.asarray(values).dtype, np.integer)
            else digits(float(item))
        )
        if sum(len(w) + 2 for w in row) + len(word) > 84:
            lines.append(", ".join(row) + ",")
            row = []
        row.append(word)
    lines.append(", ".join(row))
    if len(lines) == 1:
        return f"array([{lines[0]}])"
    return "array([\n    " + "\n    ".join(lines) + "\n])"


def drawn(distribution: Distribution, unit: str, part: str) -> str:
    """Return the text of a random value, drawn anew for each element.

    Raises
    ------
    UnsupportedError
        If Brian2 has no expression for it.
    """
    match distribution:
        case Uniform(low=a, high=b):
            text = _plus(a, f"{digits(float(b) - float(a))}*rand()")
        case Normal(mean=a, sd=b):
            text = _plus(a, f"{digits(float(b))}*randn()")
        case LogNormal(mu=a, sigma=b):
            text = f"exp({_plus(a, f'{digits(float(b))}*randn()')})"
        case Exponential(scale=b, offset=a):
            text = f"{digits(float(a))} - {digits(float(b))}*log(1 - rand())"
        case _:
            raise UnsupportedError(part, f"Brian2 has no expression for {distribution!r}")
    if distribution.bound == "clip":
        low, high = (digits(x) if np.isfinite(x) else repr(x) for x in distribution.bounds)
        return times_unit(f"clip({text}, {low}, {high})", unit)
    return times_unit(f"({text})", unit)


def _plus(offset: Any, text: str) -> str:
    return f"{digits(float(offset))} + {text}" if float(offset) else text


def drawings(target: str, distribution: Distribution, unit: str, part: str) -> list[str]:
    """Return the lines that draw a variable, and again what is beyond the bounds of redrawing.

    Parameters
    ----------
    target : str
        As ``"cells.v"``.
    """
    text = drawn(distribution, unit, part)
    lines = [f"{target} = {text!r}"]
    if distribution.bound == "redraw":
        beyond = [
            (sign, quantity(float(bound), unit))
            for sign, bound in zip("<>", distribution.bounds, strict=True)
            if np.isfinite(bound)
        ]
        name = target.rpartition(".")[2]
        some = ") | (".join(f"{target}[:] {sign} {bound}" for sign, bound in beyond)
        some = f"({some})" if len(beyond) > 1 else some
        these = " or ".join(f"{name} {sign} {bound}" for sign, bound in beyond)
        if beyond:
            lines += [f"while any({some}):", f"    {target}[{these!r}] = {text!r}"]
    return lines


@dataclass(frozen=True)
class Vocabulary:
    """What names of a model text are in Brian2.

    Attributes
    ----------
    renamed : mapping
        Names that mean something else in Brian2.
    absent : frozenset of str
        Names that are left out of sums.
    units : mapping
        Name -> its unit, one of neurosim's.
    """

    renamed: Mapping[str, str] = field(default_factory=dict)
    absent: frozenset[str] = frozenset()
    units: Mapping[str, str] = field(default_factory=dict)


def spoken(node: Node, words: Vocabulary) -> str:
    """Return an expression of a model text in Brian2's words."""
    return render(_translated(node, words) or Number(Fraction(0), 0))


def _translated(node: Node, words: Vocabulary) -> Node | None:
    """Return the tree in Brian2's words, None where nothing is left of it."""

    def walk(part: Node) -> Node:
        return _translated(part, words) or Number(Fraction(0), 0)

    match node:
        case Number(value=value):
            # As it is written by people; a text keeps all its digits as a fraction.
            text = digits(float(value))
            return Name(text, node.position) if Fraction(text) == value else node
        case Name(name=name):
            if name in words.absent:
                return None
            if name in words.renamed:
                return replace(node, name=words.renamed[name])
            return replace(node, name=_RENAMED.get(name, name)) if name in UNITS else node
        case Sum(operators=operators, terms=terms):
            kept = [
                (o, t)
                for o, part in zip(operators, terms, strict=True)
                if (t := _translated(part, words)) is not None
            ]
            if not kept:
                return None
            if kept[0][0] == "-":
                kept[0] = ("+", Negative(kept[0][1], node.position))
            if len(kept) == 1:
                return kept[0][1]
            return Sum(tuple(o for o, _ in kept), tuple(t for _, t in kept), node.position)
        case Product(operators=operators, factors=factors):
            found = [_translated(f, words) for f in factors]
            if any(f is None and o == "*" for f, o in zip(found, operators, strict=True)):
                return None
            return replace(node, factors=tuple(f or Number(Fraction(0), 0) for f in found))
        case Negative(operand=operand):
            inner = _translated(operand, words)
            return None if inner is None else replace(node, operand=inner)
        case Power(base=base, exponent=exponent):
            return replace(node, base=walk(base), exponent=walk(exponent))
        case Comparison(left=left, right=right):
            return replace(node, left=walk(left), right=walk(right))
        case Logic(operands=operands):
            return replace(node, operands=tuple(walk(o) for o in operands))
        case Call(function=function, arguments=arguments):
            names = (a.name for a in arguments if isinstance(a, Name))
            units = {words.units[name] for name in names if name in words.units}
            return _call(function, [walk(a) for a in arguments], units, node.position)
        case _:
            return node


def _call(function: str, arguments: list[Node], units: set[str], at: int) -> Node:
    one = Number(Fraction(1), at)
    if function in ("sigmoid", "expit"):
        decay = Call("exp", (Negative(arguments[0], at),), at)
        return Product(("*", "/"), (one, Sum(("+", "+"), (one, decay), at)), at)
    if function in ("min", "max"):
        a, b = arguments
        if units:
            # Brian2 has no min or max; a bound to one side is what its users write.
            end = "-inf" if function == "min" else "inf"
            open_side = Name(times_unit(end, min(units)), at)
            bounds = (open_side, b) if function == "min" else (b, open_side)
            return Call("clip", (a, *bounds), at)
        first = Comparison("<" if function == "min" else ">", a, b, at)
        return _either(first, a, b, at)
    if function == "where":
        return _either(arguments[0], arguments[1], arguments[2], at)
    return Call(function, tuple(arguments), at)


def _either(condition: Node, yes: Node, no: Node, at: int) -> Node:
    """A choice as a sum of products: Brian2 has no other word for it."""
    met = Call("int", (condition,), at)
    missed = Call("int", (Logic("not", (condition,), at),), at)
    return Sum(
        ("+", "+"), (Product(("*", "*"), (met, yes), at), Product(("*", "*"), (missed, no), at)), at
    )


def dimension_of(unit: Unit) -> str:
    """Return what stands after the colon for something measured in `unit`."""
    return dimension_word(unit.dimension)
