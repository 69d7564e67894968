"""Formulas in the distance d, read from text without ever executing the text."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from neurosim.errors import DescriptionError

Floats: TypeAlias = npt.NDArray[np.float64]

FUNCTIONS: dict[str, tuple[Callable[..., Any], int]] = {
    "exp": (np.exp, 1),
    "log": (np.log, 1),
    "sqrt": (np.sqrt, 1),
    "sin": (np.sin, 1),
    "cos": (np.cos, 1),
    "tanh": (np.tanh, 1),
    "abs": (np.abs, 1),
    "minimum": (np.minimum, 2),
    "maximum": (np.maximum, 2),
    "where": (np.where, 3),
}
CONSTANTS = {"pi": math.pi}
BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.divide,
    ast.Pow: np.power,
}
COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: np.less,
    ast.LtE: np.less_equal,
    ast.Gt: np.greater,
    ast.GtE: np.greater_equal,
}


@dataclass(frozen=True, slots=True)
class Formula:
    """A formula in d, such as ``"0.8*exp(-d**2/(2*0.3**2))"`` or ``"where(d < 1, 0.5, 0)"``.

    Numbers, ``d``, ``pi``, ``+ - * / **``, comparisons, and the functions exp, log, sqrt, sin,
    cos, tanh, abs, minimum, maximum, where. Two formulas are equal if they differ in spaces,
    brackets and the writing of numbers only.

    Attributes
    ----------
    text : str
        In normal form.
    """

    text: str
    place: str = field(default="A formula", compare=False, repr=False)
    tree: ast.expr = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        if not isinstance(self.text, str):
            raise DescriptionError(self.place, self.text, "a formula in d, as in 'exp(-d/0.3)'")
        try:
            tree = ast.parse(self.text.strip(), mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise DescriptionError(
                self.place, self.text, "a formula in d, as in 'exp(-d/0.3)'", f"{error}."
            ) from None
        tree = _Normal(self.text, self.place).visit(tree)
        object.__setattr__(self, "tree", tree)
        object.__setattr__(self, "text", ast.unparse(tree))

    def __call__(self, d: Floats) -> Floats:
        """Return the value at every distance; shape as `d`.

        Raises
        ------
        DescriptionError
            If a value is not finite; names the first such distance.
        """
        with np.errstate(all="ignore"):
            values = np.asarray(_value(self.tree, d), dtype=np.float64)
        values = np.array(np.broadcast_to(values, d.shape))
        wrong = ~np.isfinite(values)
        if wrong.any():
            raise DescriptionError(
                f"{self.place} at d = {d[wrong].flat[0]:.6g}",
                float(values[wrong].flat[0]),
                "a finite value at every distance that occurs",
            )
        return values


class _Normal(ast.NodeVisitor):
    """Check a tree against the whitelist and give it a normal form: all numbers are floats."""

    def __init__(self, text: str, place: str) -> None:
        self.text = text
        self.place = place

    def refuse(self, what: str) -> DescriptionError:
        names = ", ".join(FUNCTIONS)
        return DescriptionError(
            self.place,
            self.text,
            f"a formula of numbers, d, pi, + - * / **, comparisons, {names}",
            f"{what} has no place in it.",
        )

    def generic_visit(self, node: ast.AST) -> Any:
        raise self.refuse(repr(ast.unparse(node)))

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        if isinstance(node.value, bool) or not isinstance(node.value, (int, float)):
            raise self.refuse(repr(node.value))
        try:
            value = float(node.value)
        except OverflowError:
            value = math.inf
        if not math.isfinite(value):
            raise self.refuse("a number that is not finite")
        return ast.Constant(value)

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id != "d" and node.id not in CONSTANTS:
            raise self.refuse(repr(node.id))
        return node

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        if isinstance(node.op, ast.UAdd):
            return self.expression(node.operand)
        if not isinstance(node.op, ast.USub):
            raise self.refuse(repr(ast.unparse(node)))
        return ast.UnaryOp(node.op, self.expression(node.operand))

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        if type(node.op) not in BINARY:
            raise self.refuse(repr(ast.unparse(node)))
        return ast.BinOp(self.expression(node.left), node.op, self.expression(node.right))

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        if len(node.ops) != 1 or type(node.ops[0]) not in COMPARISONS:
            raise self.refuse(repr(ast.unparse(node)))
        right = self.expression(node.comparators[0])
        return ast.Compare(self.expression(node.left), node.ops, [right])

    def visit_Call(self, node: ast.Call) -> ast.expr:
        if not isinstance(node.func, ast.Name) or node.func.id not in FUNCTIONS or node.keywords:
            raise self.refuse(repr(ast.unparse(node)))
        if len(node.args) != FUNCTIONS[node.func.id][1]:
            raise self.refuse(f"{node.func.id} with {len(node.args)} arguments")
        return ast.Call(node.func, [self.expression(a) for a in node.args], [])

    def expression(self, node: ast.expr) -> ast.expr:
        result = self.visit(node)
        assert isinstance(result, ast.expr)
        return result


def _value(node: ast.expr, d: Floats) -> Any:
    """Evaluate a checked tree."""
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Name(id=name):
            return d if name == "d" else CONSTANTS[name]
        case ast.UnaryOp(operand=operand):
            return -_value(operand, d)
        case ast.BinOp(left=left, op=op, right=right):
            return BINARY[type(op)](_value(left, d), _value(right, d))
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            return COMPARISONS[type(op)](_value(left, d), _value(right, d))
        case ast.Call(func=ast.Name(id=name), args=arguments):
            return FUNCTIONS[name][0](*(_value(a, d) for a in arguments))
    raise AssertionError(ast.dump(node))
