"""Values of sympy expressions in numpy doubles, without compiling anything.

For constants of a run (decay factors, matrix entries): a few operations, done once, on numbers or
on arrays with one entry per neuron.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import sympy

from neurosim.equations.symbolic import exprel

_UNARY: dict[Any, Callable[[Any], Any]] = {
    sympy.exp: np.exp,
    sympy.log: np.log,
    sympy.sin: np.sin,
    sympy.cos: np.cos,
    sympy.tan: np.tan,
    sympy.tanh: np.tanh,
    sympy.sinh: np.sinh,
    sympy.cosh: np.cosh,
    sympy.Abs: np.abs,
    sympy.sign: np.sign,
    sympy.floor: np.floor,
    sympy.ceiling: np.ceil,
    sympy.Not: np.logical_not,
}

_BINARY: dict[Any, Callable[[Any, Any], Any]] = {
    sympy.StrictLessThan: np.less,
    sympy.LessThan: np.less_equal,
    sympy.StrictGreaterThan: np.greater,
    sympy.GreaterThan: np.greater_equal,
    sympy.Equality: np.equal,
    sympy.Unequality: np.not_equal,
}


_JOINED: dict[Any, Callable[[Any, Any], Any]] = {
    sympy.And: np.logical_and,
    sympy.Or: np.logical_or,
    sympy.Max: np.maximum,
    sympy.Min: np.minimum,
}


def relative_exponential(x: Any) -> Any:
    """(exp(x) - 1)/x to rounding error, 1 at 0. `x`: number or array."""
    x = np.asarray(x, dtype=np.float64)
    safe = np.where(x == 0.0, 1.0, x)
    return np.where(x == 0.0, 1.0, np.expm1(safe) / safe)


def evaluate(expression: Any, values: Mapping[str, Any]) -> Any:
    """Value of `expression`, every symbol found by name in `values` (numbers or (n,) arrays)."""
    kind = type(expression)
    if expression.is_Symbol:
        return values[expression.name]
    if not expression.args:  # asked first: whether a whole tree is a number takes a walk through it
        return bool(expression) if expression.is_Boolean else float(expression)
    if isinstance(expression, sympy.Piecewise):
        pairs = [(evaluate(v, values), evaluate(c, values)) for v, c in expression.args]
        result: Any = np.nan
        for value, condition in reversed(pairs):
            result = np.where(condition, value, result)
        return result
    if expression.is_Mul:
        return _product(expression.args, values)
    arguments = [evaluate(argument, values) for argument in expression.args]
    if kind in _UNARY:
        return _UNARY[kind](arguments[0])
    if kind in _BINARY:
        return _BINARY[kind](*arguments)
    if kind is exprel:
        return relative_exponential(arguments[0])
    if expression.is_Pow:
        return _power(expression.exp, *arguments)
    total = arguments[0]
    join = _JOINED.get(kind)
    if join is None and not expression.is_Add:
        raise TypeError(f"no value known for {kind.__name__}")
    for argument in arguments[1:]:
        total = total + argument if join is None else join(total, argument)
    return total


def _product(parts: tuple[Any, ...], values: Mapping[str, Any]) -> Any:
    above: Any = np.float64(1.0)
    below: Any = np.float64(1.0)
    for part in parts:
        # x/tau is one division, not a product with a rounded inverse.
        if part.is_Pow and part.exp == -1:
            below = below * evaluate(part.base, values)
        else:
            above = above * evaluate(part, values)
    return above / below


def _power(exponent: Any, base: Any, power: Any) -> Any:
    base = np.asarray(base, dtype=np.float64)[()]
    if exponent == sympy.Rational(1, 2):
        return np.sqrt(base)
    if exponent == -1:
        return 1.0 / base
    return base**power
