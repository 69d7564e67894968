"""sympy expressions -> text that Brian2 reads.

Brian2 prints numbers with 15 digits on their way through its state updaters. Where that is not
the number itself it becomes a named constant, so that no digit is lost.
"""

from __future__ import annotations

import keyword
from collections.abc import Callable, Iterable
from typing import Any

import sympy
from sympy.core.relational import Relational

from neurosim.equations.symbolic import written_sum
from neurosim.errors import EquationError

SAME = {
    "exp": "exp", "log": "log", "sin": "sin", "cos": "cos", "tan": "tan", "sinh": "sinh",
    "cosh": "cosh", "tanh": "tanh", "exprel": "exprel", "Abs": "abs", "sign": "sign",
    "floor": "floor", "ceiling": "ceil",
}  # fmt: skip
"""Functions by the name of their sympy class."""

_CPP = frozenset(
    "alignas alignof asm auto bool bitand bitor case catch char compl const constexpr default "  # noqa: SIM905
    "delete do double enum explicit export extern float friend goto inline int long mutable "
    "namespace new noexcept nullptr operator private protected public register short signed sizeof "
    "static struct switch template this throw true typedef typename union unsigned using virtual "
    "void volatile xor".split()
)

_BRIAN = frozenset(
    ("t", "dt", "i", "j", "N", "t_in_timesteps", "lastspike", "not_refractory", "xi")
)


class Names:
    """Names that a model may have in Brian2.

    Parameters
    ----------
    reserved : iterable of str
        Units, functions and constants of Brian2.
    """

    def __init__(self, reserved: Iterable[str]) -> None:
        self._reserved = frozenset(reserved) | _BRIAN | _CPP | frozenset(keyword.kwlist)
        self._taken: set[str] = set()

    def fresh(self, name: str) -> str:
        """Return `name`, or one like it where that means something else in Brian2."""
        found = name.strip("_") or "x"
        while (
            found in self._reserved or found in self._taken or found.endswith(("_pre", "_post"))
            or found.startswith("xi")
        ):  # fmt: skip
            found = f"var_{found}" if found.startswith("xi") else f"{found}_"
            if found.endswith(("_pre_", "_post_")):
                found += "x"
        self._taken.add(found)
        return found


class Printer:
    """Writes expressions in Brian2's language.

    Parameters
    ----------
    names : mapping of str to str
        Symbol -> text that stands for it.
    new_name : callable
        Makes the name of a constant.
    functions : mapping of str to str
        Functions that go by another name than in `SAME`.

    Attributes
    ----------
    constants : dict
        Name -> value of the numbers that 15 digits do not hold.
    """

    def __init__(
        self, names: dict[str, str], new_name: Callable[[str], str], functions: dict[str, str]
    ) -> None:
        self.names = names
        self._functions = {**SAME, **functions}
        self.constants: dict[str, float] = {}
        self._new_name = new_name

    def number(self, value: float) -> str:
        """Return the text of a number."""
        text = f"{value:.15g}"
        if float(text) == value:
            return f"({text})" if value < 0 else text
        for name, known in self.constants.items():
            if known == value:
                return name
        name = self._new_name(f"number_{len(self.constants)}")
        self.constants[name] = value
        return name

    def __call__(self, expression: Any) -> str:
        """Return the text of a real expression, in brackets where it needs them."""
        expression = sympy.sympify(expression)
        if isinstance(expression, sympy.Symbol):
            return self.names[expression.name]
        if expression.is_Integer:
            return self.number(float(expression))
        if expression.is_Rational:
            return f"({expression.p}/{expression.q})"
        if expression.is_number:
            return self.number(float(expression))
        if expression.is_Add:
            return self._add(expression)
        if expression.is_Mul:
            return self._mul(expression)
        if isinstance(expression, sympy.Pow):
            return self._power(*expression.args)
        if isinstance(expression, sympy.Piecewise):
            return self._piecewise(expression)
        if isinstance(expression, sympy.Max | sympy.Min):
            return self._extremum(expression)
        name = type(expression).__name__
        if name in self._functions:
            return f"{self._functions[name]}({', '.join(self(a) for a in expression.args)})"
        raise EquationError(f"Brian2 has no function {name!r}", str(expression))

    def condition(self, expression: Any) -> str:
        """Return the text of a condition, in brackets."""
        if expression in (True, False):
            return str(bool(expression))
        if isinstance(expression, Relational):
            return f"({self(expression.lhs)} {expression.rel_op} {self(expression.rhs)})"
        if isinstance(expression, sympy.And | sympy.Or):
            mark = " and " if isinstance(expression, sympy.And) else " or "
            parts = sorted(expression.args, key=sympy.default_sort_key)
            return f"({mark.join(self.condition(part) for part in parts)})"
        if isinstance(expression, sympy.Not):
            return f"(not {self.condition(expression.args[0])})"
        raise EquationError(f"Brian2 has no condition {expression}", str(expression))

    def _add(self, expression: Any) -> str:
        return written_sum(expression, self)

    def _mul(self, expression: Any) -> str:
        coefficient, rest = expression.as_coeff_Mul()
        above, below = [], []
        if abs(coefficient) != 1:
            above.append(self(abs(coefficient)))
        for factor in rest.as_ordered_factors():
            base, exponent = factor.as_base_exp()
            if base is not sympy.E and exponent.is_Number and exponent.is_negative:
                below.append(self._power(base, -exponent))
            else:
                above.append(self(factor))
        text = "*".join(above) or "1"
        if below:
            text += "/" + (below[0] if len(below) == 1 else f"({'*'.join(below)})")
        return f"(-{text})" if coefficient.is_negative else f"({text})"

    def _power(self, base: Any, exponent: Any) -> str:
        if base is sympy.E:
            return f"exp({self(exponent)})"
        if exponent == 1:
            return self(base)
        if exponent == sympy.Rational(1, 2):
            return f"sqrt({self(base)})"
        if exponent.is_Number and exponent.is_negative:
            return f"(1/{self._power(base, -exponent)})"
        return f"({self(base)}**{self(exponent)})"

    def _piecewise(self, expression: Any) -> str:
        """Write a choice as a sum of products with conditions, as Brian2 users do."""
        *branches, (value, last) = expression.args
        if last != sympy.true:
            raise EquationError(f"{expression} has no value where none of its conditions holds")
        text = self(value)
        for value, condition in reversed(branches):
            met = self.condition(condition)
            text = f"(int{met}*{self(value)} + int(not {met})*{text})"
        return text

    def _extremum(self, expression: Any) -> str:
        first, *others = sorted(expression.args, key=sympy.default_sort_key)
        text = self(first)
        for other in others:
            bounds = (
                f"-inf, {self(other)}" if isinstance(expression, sympy.Min)
                else f"{self(other)}, inf"
            )  # fmt: skip
            text = f"clip({text}, {bounds})"
        return text
