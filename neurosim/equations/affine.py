"""Linearity: splitting an expression into coefficients times variables, and a rest.

Works on the expression as written and multiplies out only where that could make terms cancel, so
the coefficients keep the compact form the author gave them.
"""

from __future__ import annotations

from typing import Any

import sympy

from neurosim.equations.symbolic import depends, rebuild, select

Coefficients = dict[Any, Any]


class NotAffine(Exception):
    """The expression is not affine in the variables; `term` is the part that is not."""

    def __init__(self, term: Any, variables: frozenset[Any]) -> None:
        super().__init__(str(term))
        self.term = term
        self.variables = tuple(sorted(str(v) for v in term.free_symbols & variables))


def affine(expression: Any, variables: frozenset[Any]) -> tuple[Coefficients, Any]:
    """Write `expression` as sum of coefficient * variable + rest.

    Coefficients and rest are free of the variables. A selection is affine where its conditions
    are free of the variables and each of its branches is affine.

    Returns
    -------
    coefficients : dict
        Variable -> coefficient, only for variables that occur.
    rest : sympy expression

    Raises
    ------
    NotAffine
        Naming the first term that is not affine.
    """
    try:
        return _affine(expression, variables)
    except NotAffine:
        expanded = _multiplied_out(expression)
        if expanded is None or expanded == expression:
            raise
        return _affine(expanded, variables)


def _multiplied_out(expression: Any) -> Any:
    """Expand products and small powers; None where that would explode."""
    powers = [p for p in expression.atoms(sympy.Pow) if p.base.is_Add and p.exp.is_Integer]
    if any(abs(p.exp) > 5 for p in powers):
        return None
    if len(powers) > 8 or len(expression.atoms(sympy.Add)) > 40:
        return None
    return sympy.expand(expression, power_base=False, power_exp=False, log=False)


def _affine(expression: Any, variables: frozenset[Any]) -> tuple[Coefficients, Any]:
    if not depends(expression, variables):
        return {}, expression
    if expression in variables:
        return {expression: sympy.S.One}, sympy.S.Zero
    if expression.is_Add:
        parts: dict[Any, list[Any]] = {}
        rests = []
        for term in expression.args:
            coefficients, rest = _affine(term, variables)
            rests.append(rest)
            for variable, coefficient in coefficients.items():
                parts.setdefault(variable, []).append(coefficient)
        summed = {variable: sympy.Add(*terms) for variable, terms in parts.items()}
        return {v: c for v, c in summed.items() if c != 0}, sympy.Add(*rests)
    if expression.is_Mul:
        dependent = [f for f in expression.args if depends(f, variables)]
        if len(dependent) > 1:
            raise NotAffine(expression, variables)
        others = sympy.Mul(*[f for f in expression.args if f is not dependent[0]])
        try:
            coefficients, rest = _affine(dependent[0], variables)
        except NotAffine as error:
            # The whole product is what the author will recognise.
            whole = expression if not dependent[0].is_Add else error.term
            raise NotAffine(whole, variables) from None
        return {v: others * c for v, c in coefficients.items()}, others * rest
    if isinstance(expression, sympy.Piecewise):
        return _selection(expression, variables)
    raise NotAffine(expression, variables)


def _selection(expression: Any, variables: frozenset[Any]) -> tuple[Coefficients, Any]:
    branches = []
    for value, condition in expression.args:
        if depends(condition, variables):
            raise NotAffine(expression, variables)
        branches.append((*_affine(value, variables), condition))
    if branches[-1][2] != sympy.true:
        raise NotAffine(expression, variables)
    found = sorted({v for coefficients, _, _ in branches for v in coefficients}, key=str)
    coefficients = {
        v: _choose([(c.get(v, sympy.S.Zero), condition) for c, _, condition in branches])
        for v in found
    }
    return coefficients, _choose([(rest, condition) for _, rest, condition in branches])


def _choose(branches: list[tuple[Any, Any]]) -> Any:
    result = branches[-1][0]
    for value, condition in reversed(branches[:-1]):
        result = select(condition, value, result)
    return result


def terms_of(expression: Any) -> tuple[Any, ...]:
    """The terms of a sum (or the one there is)."""
    return tuple(expression.args) if expression.is_Add else (expression,)


__all__ = ["Coefficients", "NotAffine", "affine", "rebuild", "terms_of"]
