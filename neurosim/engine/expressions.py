"""sympy expressions -> lines of Python that numba turns into vector arithmetic.

Every line is straight: both sides of a condition are computed and one is selected, integer powers
are products, every number is a literal of the precision asked for. What has no form here is
refused by name.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Literal

import sympy
from sympy.core.relational import Relational
from sympy.logic.boolalg import BooleanFunction, BooleanTrue

from neurosim.equations.symbolic import written_sum
from neurosim.errors import EquationError

Precision = Literal["double", "single"]

# Functions of neurosim.kernels.functions, by the name of the sympy class.
OWN = ("exp", "expm1", "exprel", "log", "log1p", "tanh", "sinh", "cosh", "sigmoid")

# Called from the mathematics library, one neuron at a time: right, but not vectorised.
LIBRARY = {
    "sin": "np.sin",
    "cos": "np.cos",
    "tan": "np.tan",
    "asin": "np.arcsin",
    "acos": "np.arccos",
    "atan": "np.arctan",
    "atan2": "np.arctan2",
    "asinh": "np.arcsinh",
    "acosh": "np.arccosh",
    "atanh": "np.arctanh",
    "erf": "math.erf",
    "erfc": "math.erfc",
}

LARGEST_PRODUCT = 64
"""Integer exponents up to here become products; rounding errors grow with the exponent."""


class Emitter:
    """Turns expressions into lines and names.

    Parameters
    ----------
    precision : {"double", "single"}
        In single precision every literal is a module-level ``np.float32`` constant, since numba
        makes float64 of a float32 with a plain literal.
    names : mapping
        Symbol name -> Python text that holds its value. May be exchanged between expressions.

    Attributes
    ----------
    lines : list of str
        Assignments that must stand before the texts returned by `number` and `condition`.
    literals : dict
        Value -> name of the module-level constants used (single precision only).
    functions : set of str
        Functions of `neurosim.kernels.functions` that were called.
    """

    def __init__(self, precision: Precision, names: Mapping[str, str]) -> None:
        self.precision = precision
        self.names = names
        self.lines: list[str] = []
        self.literals: dict[float, str] = {}
        self.functions: set[str] = set()
        self._held: dict[str, str] = {}
        self._count = 0

    def literal(self, value: float) -> str:
        """Return the text of a number, exact in double, correctly rounded in single."""
        if math.isnan(value):
            raise EquationError("The equations contain a number that is not defined (0/0)")
        if math.isinf(value):
            text = "math.inf" if value > 0 else "-math.inf"
        else:
            text = repr(value)
        if self.precision == "double":
            return f"({text})" if text.startswith("-") else text
        return self.literals.setdefault(value, f"F{len(self.literals)}")

    def number(self, expression: Any) -> str:
        """Return an atom or a bracketed text that holds the value of a real expression."""
        expression = sympy.sympify(expression)
        if isinstance(expression, sympy.Symbol):
            return self._symbol(expression)
        if expression.is_Number or isinstance(expression, sympy.NumberSymbol):
            return self.literal(_float_of(expression))
        for kind, method in self._KINDS:
            if isinstance(expression, kind):
                return method(self, expression)
        return self._function(expression)

    def condition(self, expression: Any) -> str:
        """Return a bracketed text that holds the truth of a sympy boolean."""
        if expression in (True, False):
            return str(bool(expression))
        if isinstance(expression, Relational):
            left, right = self.number(expression.lhs), self.number(expression.rhs)
            return f"({left} {expression.rel_op} {right})"
        if isinstance(expression, sympy.And | sympy.Or):
            mark = " & " if isinstance(expression, sympy.And) else " | "
            parts = sorted(expression.args, key=sympy.default_sort_key)
            return "(" + mark.join(self.condition(part) for part in parts) + ")"
        if isinstance(expression, sympy.Not):
            return f"(not {self.condition(expression.args[0])})"
        raise EquationError(f"Cannot use {expression} as a condition", str(expression))

    def assign(self, target: str, text: str) -> None:
        """Add a line."""
        self.lines.append(f"{target} = {bare(text)}")

    def hold(self, text: str) -> str:
        """Return a name for the value of `text`, computed once."""
        if text.isidentifier():
            return text
        if text not in self._held:
            name = f"t{self._count}"
            self._count += 1
            self.assign(name, text)
            self._held[text] = name
        return self._held[text]

    @property
    def imports(self) -> list[str]:
        """The import of the functions that were called; no line where there are none."""
        names = "".join(f"    {name},\n" for name in sorted(self.functions, key=str.lower))
        return [f"from neurosim.kernels.functions import (\n{names})"] if names else []

    def forget(self) -> None:
        """Forget what is held: names mean something else from here on."""
        self._held.clear()

    def select(self, condition: str, yes: str, no: str) -> str:
        """Return the text of a choice between two values that are both computed."""
        self.functions.add("select")
        return f"select({bare(condition)}, {bare(yes)}, {bare(no)})"

    def call(self, function: str, *arguments: str) -> str:
        """Return the text of a call of one of our own functions in this precision."""
        name = f"{function}_{self.precision}"
        self.functions.add(name)
        return f"{name}({', '.join(bare(a) for a in arguments)})"

    def _symbol(self, symbol: sympy.Symbol) -> str:
        try:
            return self.names[symbol.name]
        except KeyError:
            raise EquationError(
                f"The program reads {symbol.name!r}, which is neither a state, a parameter, "
                f"a constant nor an input of the model; known are {', '.join(sorted(self.names))}",
                str(symbol),
            ) from None

    def _add(self, expression: Any) -> str:
        return written_sum(expression, self.number)

    def _mul(self, expression: Any) -> str:
        coefficient, rest = expression.as_coeff_Mul()
        above: list[str] = []
        below: list[str] = []
        negative = bool(coefficient.is_negative)
        if abs(coefficient) != 1:
            above.append(self.literal(_float_of(abs(coefficient))))
        for factor in rest.as_ordered_factors():
            base, exponent = factor.as_base_exp()
            if base is not sympy.E and exponent.is_Number and exponent.is_negative:
                below.append(self._power(base, -exponent))
            else:
                above.append(self.number(factor))
        text = "*".join(above) or self.literal(1.0)
        if below:
            text += "/" + (below[0] if len(below) == 1 else "(" + "*".join(below) + ")")
        return f"(-({text}))" if negative else f"({text})"

    def _pow(self, expression: Any) -> str:
        base, exponent = expression.args
        if base is sympy.E:
            return self.call("exp", self.number(exponent))
        if exponent.is_Number and exponent.is_negative:
            return f"({self.literal(1.0)}/{self._power(base, -exponent)})"
        return self._power(base, exponent)

    def _power(self, base: Any, exponent: Any) -> str:
        """Return base**exponent; products and square roots where the exponent is m/2."""
        value = self.number(base)
        if exponent.is_Number:
            doubled = 2.0 * _float_of(exponent)
            if doubled == round(doubled) and 0 < doubled <= 2 * LARGEST_PRODUCT:
                whole, half = divmod(round(doubled), 2)
                if not half:
                    return self._product(value, whole)
                root = f"np.sqrt({bare(value)})"
                return root if not whole else f"({self._product(value, whole)}*{root})"
        return f"({value}**{self.number(exponent)})"

    def _product(self, value: str, exponent: int) -> str:
        """Return value**exponent by repeated squaring."""
        if exponent == 1:
            return value
        square = self.hold(value)
        factors = []
        while exponent:
            if exponent % 2:
                factors.append(square)
            exponent //= 2
            if exponent:
                square = self.hold(f"({square}*{square})")
        return factors[0] if len(factors) == 1 else "(" + "*".join(factors) + ")"

    def _piecewise(self, expression: Any) -> str:
        *branches, (value, last) = expression.args
        if last != sympy.true:
            raise EquationError(
                f"{expression} has no value where none of its conditions holds; add an 'else'",
                str(expression),
            )
        text = self.number(value)
        for value, condition in reversed(branches):
            text = self.select(self.condition(condition), self.number(value), text)
        return text

    def _extremum(self, expression: Any) -> str:
        mark = ">" if isinstance(expression, sympy.Max) else "<"
        first, *others = sorted(expression.args, key=sympy.default_sort_key)
        text = self.number(first)
        for other in others:
            # A NaN on either side must come through: a comparison with it is false.
            a, b = self.hold(text), self.hold(self.number(other))
            text = self.select(f"(({a} {mark} {b}) | ({a} != {a}))", a, b)
        return text

    def _absolute(self, expression: Any) -> str:
        return f"abs({bare(self.number(expression.args[0]))})"

    def _sign(self, expression: Any) -> str:
        x = self.hold(self.number(expression.args[0]))
        zero, one = self.literal(0.0), self.literal(1.0)
        below = self.select(f"({x} < {zero})", self.literal(-1.0), x)
        return self.select(f"({x} > {zero})", one, below)

    def _heaviside(self, expression: Any) -> str:
        x = self.hold(self.number(expression.args[0]))
        at_zero = self.literal(_float_of(expression.args[1]))
        zero, one = self.literal(0.0), self.literal(1.0)
        rest = self.select(f"({x} == {zero})", at_zero, x)
        rest = self.select(f"({x} < {zero})", zero, rest)
        return self.select(f"({x} > {zero})", one, rest)

    def _floor(self, expression: Any) -> str:
        return f"np.floor({bare(self.number(expression.args[0]))})"

    def _ceiling(self, expression: Any) -> str:
        return f"np.ceil({bare(self.number(expression.args[0]))})"

    def _modulo(self, expression: Any) -> str:
        a, b = (self.hold(self.number(part)) for part in expression.args)
        return f"({a} - {b}*np.floor({a}/{b}))"

    def _function(self, expression: Any) -> str:
        name = type(expression).__name__
        arguments = [self.number(a) for a in expression.args]
        if name in OWN and len(arguments) == 1:
            return self.call(name, *arguments)
        if name in LIBRARY:
            return f"{LIBRARY[name]}({', '.join(bare(a) for a in arguments)})"
        raise EquationError(
            f"There is no compiled form of the function {name!r}; "
            f"there is one of {', '.join(sorted({*OWN, *LIBRARY}))}",
            str(expression),
        )

    _KINDS: tuple[tuple[Any, Callable[[Emitter, Any], str]], ...] = (
        (sympy.Add, _add),
        (sympy.Mul, _mul),
        (sympy.Pow, _pow),
        (sympy.Piecewise, _piecewise),
        (sympy.Max | sympy.Min, _extremum),
        (sympy.Abs, _absolute),
        (sympy.sign, _sign),
        (sympy.Heaviside, _heaviside),
        (sympy.floor, _floor),
        (sympy.ceiling, _ceiling),
        (sympy.Mod, _modulo),
    )


def sign_kept(weight: str) -> tuple[list[str], str]:
    """Return the lines before and after those that change a weight, so that it never crosses 0.

    A weight that has come to 0 keeps the sign of the floating-point zero. It is made from bits:
    in arithmetic the compiler may take one zero for the other. NaN passes.
    """
    bits = f"np.float64({weight}).view(np.int64)"
    before = [
        f"sign = select({bits} < 0, -1.0, 1.0)",
        f"zero = np.int64(({bits} >> 63) << 63).view(np.float64)",
    ]
    return before, f"{weight} = select(sign * {weight} <= 0.0, zero, {weight})"


def bare(text: str) -> str:
    """Strip one pair of brackets that encloses the whole text."""
    if not (text.startswith("(") and text.endswith(")")):
        return text
    depth = 0
    for place, mark in enumerate(text):
        depth += (mark == "(") - (mark == ")")
        if depth == 0 and place < len(text) - 1:
            return text
    return text[1:-1]


def symbols_of(expression: Any) -> set[str]:
    """Return the names that an expression or condition reads."""
    if expression is None or isinstance(expression, bool | BooleanTrue):
        return set()
    if isinstance(expression, BooleanFunction | Relational | sympy.Basic):
        return {s.name for s in expression.free_symbols}
    return set()


def _float_of(number: Any) -> float:
    """Return the nearest float64 of a sympy number."""
    if number in (sympy.zoo, sympy.nan):
        raise EquationError("The equations contain a number that is not defined (1/0 or 0/0)")
    return float(number)
