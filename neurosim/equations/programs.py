"""Straight-line programs: shared sub-expressions computed once, constants taken out of the step.

The same model text must give the same program in every process, since generated code is cached
under the digest of its text. Everything here goes through expressions in the order of their
arguments, which sympy sorts by content, and never in the order of a set.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import sympy
from sympy.functions.elementary.piecewise import ExprCondPair
from sympy.logic.boolalg import Boolean

from neurosim.equations.spec import Assignment
from neurosim.equations.symbolic import finish, rebuild, symbol


class Names:
    """Hands out names that the model does not use itself."""

    def __init__(self, taken: Iterable[str]) -> None:
        self._taken = set(taken)

    def fresh(self, base: str) -> str:
        """`base`, with underscores behind it where it is taken."""
        while base in self._taken:
            base += "_"
        self._taken.add(base)
        return base


class ProgramBuilder:
    """Collects assignments and shares what they have in common.

    Parameters
    ----------
    names : Names
        Source of local names.
    static : frozenset of sympy symbols
        What does not change during a run (parameters and dt): expressions of these alone become
        constants, computed once in double precision.

    Attributes
    ----------
    constants : dict
        Expression -> name of the constant.
    """

    def __init__(self, names: Names, static: frozenset[Any]) -> None:
        self.names = names
        self.static = static
        self.constants: dict[Any, str] = {}

    def build(self, assignments: Sequence[tuple[str, Any]]) -> tuple[Assignment, ...]:
        """Make a program of assignments in single-assignment form."""
        finished = [(name, finish(expression)) for name, expression in assignments]
        hoisted = [(name, self._hoist(expression)) for name, expression in finished]
        counts: dict[Any, int] = {}
        for _, expression in hoisted:
            _count(expression, counts)
        lines: list[Assignment] = []
        memo: dict[Any, Any] = {}

        def walk(part: Any) -> Any:
            if not part.args:
                return part
            if part in memo:
                return memo[part]
            rebuilt = rebuild(part, tuple(walk(argument) for argument in part.args))
            if counts.get(part, 0) > 1 and _worth_sharing(part):
                name = self.names.fresh(f"shared_{self._next_shared()}")
                lines.append(Assignment(name, rebuilt))
                rebuilt = symbol(name)
            memo[part] = rebuilt
            return rebuilt

        for name, expression in hoisted:
            value = walk(expression)
            lines.append(Assignment(name, value))
        return tuple(lines)

    _shared = -1

    def _next_shared(self) -> int:
        self._shared += 1
        return self._shared

    def constant(self, expression: Any, base: str | None = None) -> sympy.Symbol:
        """Name an expression of static symbols as a constant."""
        expression = finish(expression)
        if expression not in self.constants:
            name = base or f"constant_{len(self.constants)}"
            self.constants[expression] = self.names.fresh(name)
        return symbol(self.constants[expression])

    def _hoist(self, part: Any) -> Any:
        """Replace static parts by constants, outside of selections (see below)."""
        # Inside a selection a static part may be undefined just where it is not selected
        # (1/p where p > 0), so it stays where it is.
        if not part.args or isinstance(part, (Boolean, ExprCondPair, sympy.Piecewise)):
            return part
        if self._is_static(part):
            return self.constant(part)
        if isinstance(part, (sympy.Add, sympy.Mul)):
            static = [a for a in part.args if self._is_static(a)]
            moving = [self._hoist(a) for a in part.args if not self._is_static(a)]
            whole = part.func(*static)
            if whole.args and whole.free_symbols:
                return part.func(self.constant(whole), *moving)
            return part.func(*static, *moving)
        return rebuild(part, tuple(self._hoist(argument) for argument in part.args))

    def _is_static(self, part: Any) -> bool:
        return bool(part.free_symbols <= self.static)


def _count(part: Any, counts: dict[Any, int]) -> None:
    if not part.args:
        return
    counts[part] = counts.get(part, 0) + 1
    if counts[part] == 1:
        for argument in part.args:
            _count(argument, counts)


def _worth_sharing(part: Any) -> bool:
    if isinstance(part, (Boolean, ExprCondPair)):
        return False
    if part.is_Mul and len(part.args) == 2 and part.args[0].is_Number:
        return bool(part.args[1].args)
    return True
