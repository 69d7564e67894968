"""Expression trees -> sympy, and the few operations on sympy expressions that the room needs.

Literals stay exact rationals while a model is analysed, so that terms cancel where they should;
`finish` turns them into doubles at the end. Everything is rebuilt with `rebuild`, which keeps
conditions as they were written: sympy's own constructors would move factors across comparisons.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

import sympy
from sympy.core.relational import Relational
from sympy.functions.elementary.piecewise import ExprCondPair
from sympy.logic.boolalg import Boolean

from neurosim.equations.dimensions import UNITS
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
)
from neurosim.errors import EquationError


class exprel(sympy.Function):  # type: ignore[misc]
    """(exp(x) - 1)/x, and 1 at x = 0: the form in which rate functions have no hole."""

    nargs = 1

    @classmethod
    def eval(cls, x: sympy.Expr) -> sympy.Expr | None:
        """Only the value at 0 is known beforehand."""
        return sympy.S.One if x.is_zero else None

    def _eval_is_real(self) -> bool:
        return True

    def _eval_is_positive(self) -> bool:
        return True

    def _eval_evalf(self, prec: int) -> sympy.Expr:
        x = self.args[0]
        return ((sympy.exp(x) - 1) / x)._eval_evalf(prec + 60)


def symbol(name: str) -> sympy.Symbol:
    """The real symbol of a name: one and the same everywhere in neurosim."""
    return sympy.Symbol(name, real=True)


def rational(value: Fraction) -> sympy.Rational:
    """A Fraction as sympy's own kind of exact number."""
    return sympy.Rational(value.numerator, value.denominator)


def rebuild(expression: Any, arguments: tuple[Any, ...]) -> Any:
    """Put new arguments into an expression without rewriting its conditions."""
    if all(new is old for new, old in zip(arguments, expression.args, strict=True)):
        return expression
    if isinstance(expression, sympy.Piecewise):
        return sympy.Piecewise(*[tuple(pair.args) for pair in arguments], evaluate=False)
    if isinstance(expression, (Relational, sympy.Max, sympy.Min)):
        return expression.func(*arguments, evaluate=False)
    return expression.func(*arguments)


def substitute(expression: Any, mapping: Mapping[Any, Any]) -> Any:
    """Replace whole sub-expressions (symbols, mostly)."""
    memo: dict[Any, Any] = {}

    def walk(part: Any) -> Any:
        if part in mapping:
            return mapping[part]
        if not part.args:
            return part
        if part not in memo:
            memo[part] = rebuild(part, tuple(walk(argument) for argument in part.args))
        return memo[part]

    return walk(expression)


def depends(expression: Any, symbols: frozenset[Any] | set[Any]) -> bool:
    """Whether any of `symbols` stands in `expression`."""
    return not symbols.isdisjoint(expression.free_symbols)


def written_sum(expression: Any, write: Callable[[Any], str]) -> str:
    """Return the text of a sum in brackets, its terms written by `write`, with minus as minus."""
    text = ""
    for term in expression.as_ordered_terms():
        negative = term.could_extract_minus_sign()
        value = write(-term if negative else term)
        if not text:
            text = f"-{value}" if negative else value
        else:
            text += f" - {value}" if negative else f" + {value}"
    return f"({text})"


def select(condition: Any, yes: Any, no: Any) -> Any:
    """`yes` where `condition` holds, else `no`."""
    if condition == sympy.true:
        return yes
    if condition == sympy.false:
        return no
    if yes == no:
        return yes
    # sympy turns a selection inside a condition into ITE, which programs do not know.
    pairs = [(yes, _without_ite(ExprCondPair(yes, condition).cond)), (no, True)]
    return sympy.Piecewise(*pairs, evaluate=False)


def _without_ite(condition: Any) -> Any:
    if not condition.has(sympy.ITE):
        return condition
    parts = [_without_ite(part) for part in condition.args]
    if isinstance(condition, sympy.ITE):
        which, yes, no = parts
        return sympy.Or(sympy.And(which, yes), sympy.And(sympy.Not(which), no))
    return condition.func(*parts)


_COMPARISONS: dict[str, Callable[..., Any]] = {
    "<": sympy.StrictLessThan,
    "<=": sympy.LessThan,
    ">": sympy.StrictGreaterThan,
    ">=": sympy.GreaterThan,
    "==": sympy.Equality,
    "!=": sympy.Unequality,
}

_CALLS: dict[str, Callable[..., Any]] = {
    "exp": sympy.exp,
    "log": sympy.log,
    "sin": sympy.sin,
    "cos": sympy.cos,
    "tan": sympy.tan,
    "tanh": sympy.tanh,
    "sinh": sympy.sinh,
    "cosh": sympy.cosh,
    "exprel": exprel,
    "sigmoid": lambda x: 1 / (1 + sympy.exp(-x)),
    "expit": lambda x: 1 / (1 + sympy.exp(-x)),
    "floor": sympy.floor,
    "ceil": sympy.ceiling,
    "sqrt": sympy.sqrt,
    "abs": sympy.Abs,
    "sign": sympy.sign,
    "min": lambda a, b: _extremum(sympy.Min, a, b),
    "max": lambda a, b: _extremum(sympy.Max, a, b),
    "clip": lambda x, low, high: _extremum(sympy.Min, _extremum(sympy.Max, x, low), high),
    "int": lambda c: select(c, sympy.S.One, sympy.S.Zero),
    "where": select,
}


def _extremum(kind: Any, a: Any, b: Any) -> Any:
    """Max or Min, decided only between numbers: sympy's own search for bounds is slow."""
    if a == b:
        return a
    return kind(a, b, evaluate=bool(a.is_number and b.is_number))


def compare(operator: str, left: Any, right: Any) -> Any:
    """A comparison, decided only where both sides are numbers."""
    decided = left.is_number and right.is_number
    return _COMPARISONS[operator](left, right, evaluate=bool(decided))


class Translator:
    """Turns checked trees into sympy expressions in coherent units.

    Parameters
    ----------
    text : str
        For messages.
    values : mapping
        What every name of the model stands for, in coherent units.
    where : str
        Head of messages.
    """

    def __init__(self, text: str, values: Mapping[str, Any], where: str) -> None:
        self.text = text
        self.values = values
        self.where = where

    def __call__(self, node: Node) -> Any:
        """Translate; refuses constants that are no finite real numbers."""
        result = self._translate(node)
        if isinstance(result, sympy.Expr) and result.is_number:
            undefined = result.has(sympy.zoo, sympy.nan, sympy.oo, -sympy.oo, sympy.I)
            if undefined or result.is_real is False:
                raise EquationError(
                    f"{self.where}: this has no finite real value", self.text, node.position
                )
        return result

    def _translate(self, node: Node) -> Any:
        match node:
            case Number(value=value):
                return rational(value)
            case Name(name=name):
                if name in self.values:
                    return self.values[name]
                if name in UNITS:
                    return rational(UNITS[name].scale)
                return symbol(name)
            case Negative(operand=operand):
                return -self(operand)
            case Sum(operators=operators, terms=terms):
                signed = zip(operators, terms, strict=True)
                return sympy.Add(*[self(t) if o == "+" else -self(t) for o, t in signed])
            case Product(operators=operators, factors=factors):
                parts = zip(operators, factors, strict=True)
                return sympy.Mul(*[self(f) if o == "*" else self._inverse(f) for o, f in parts])
            case Power():
                return self._power(node)
            case Comparison(operator=operator, left=left, right=right):
                return compare(operator, self(left), self(right))
            case Logic(operator="not", operands=(operand,)):
                return sympy.Not(self(operand))
            case Logic(operator=operator, operands=operands):
                join = sympy.And if operator == "and" else sympy.Or
                return join(*[self(operand) for operand in operands])
            case Call():
                return self._call(node)

    def _inverse(self, node: Node) -> Any:
        value = self(node)
        if value.is_zero:
            raise EquationError(f"{self.where}: division by zero", self.text, node.position)
        return sympy.Pow(value, -1)

    def _power(self, node: Power) -> Any:
        base, exponent = self(node.base), self(node.exponent)
        if exponent.is_number:
            size = abs(float(exponent))
            # Exact arithmetic on literals must not be made to fill the memory.
            if size > 1000 or (base.is_number and base and size * abs(_log10(base)) > 300):
                raise EquationError(
                    f"{self.where}: this power is too large", self.text, node.position
                )
        return sympy.Pow(base, exponent)

    def _call(self, node: Call) -> Any:
        arguments = [self(argument) for argument in node.arguments]
        return _CALLS[node.function](*arguments)


def _log10(value: Any) -> float:
    if value.is_Rational:
        value = abs(value)
        return math.log10(value.p) - math.log10(value.q)
    return math.log10(max(abs(float(value)), 1e-300))


def finish(expression: Any) -> Any:
    """Turn exact constants into doubles, ready to be printed as code.

    Integers up to 2**31 and the exponents +-1/2 stay exact, since programs print them better
    (``x*x``, ``sqrt``).
    """
    memo: dict[Any, Any] = {}

    def walk(part: Any) -> Any:
        if part in memo:
            return memo[part]
        memo[part] = result = step(part)
        return result

    def step(part: Any) -> Any:
        if isinstance(part, (Boolean, ExprCondPair)):
            return rebuild(part, tuple(walk(argument) for argument in part.args))
        if part.is_number:
            return constant(part)
        if not part.args:
            return part
        if isinstance(part, sympy.Pow):
            base, exponent = part.args
            keep = exponent.is_Rational and (exponent.is_Integer or exponent.q == 2)
            return rebuild(part, (walk(base), exponent if keep else walk(exponent)))
        if isinstance(part, sympy.exp) and part.args[0].is_Add:
            # sympy splits exp(x + 0.5) into a factor and exp(x), which may overflow where the
            # whole does not; it leaves exact fractions where they are.
            terms = part.args[0].args
            return sympy.exp(sympy.Add(*[t if _small(t) else walk(t) for t in terms]))
        return rebuild(part, tuple(walk(argument) for argument in part.args))

    return walk(expression)


def _small(number: Any) -> bool:
    return bool(number.is_Rational and max(abs(number.p), number.q) < 2**31)


def constant(number: Any) -> Any:
    """The double nearest to an exact constant (small integers stay integers)."""
    if number.is_Integer and abs(number.p) < 2**31:
        return number
    try:
        exact = Fraction(number.p, number.q) if number.is_Rational else number.evalf(25)
        value = float(exact)
    except OverflowError:
        value = math.inf
    if not math.isfinite(value):
        raise EquationError(f"the constant {number} lies outside the range of doubles")
    return sympy.Float(value)
