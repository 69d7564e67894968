"""The unit check: every sum, comparison, argument and assignment must agree in dimension."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from fractions import Fraction

from neurosim.equations.dimensions import NOISE, NONE, UNITS, Dimension
from neurosim.equations.functions import FUNCTIONS
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
from neurosim.errors import EquationError


class Condition:
    """What a comparison has in place of a dimension."""


CONDITION = Condition()

ANY = Dimension(time=Fraction(0), voltage=Fraction(0), current=Fraction(10**9))
"""The dimension of a literal 0, which fits everywhere."""

Kind = Dimension | Condition


class UnitChecker:
    """Finds the dimension of expressions over known names.

    Parameters
    ----------
    text : str
        The text the trees come from, for messages.
    dimensions : mapping
        Dimension of every name the model defines. They go before unit words.
    where : str
        Said at the head of messages: ``"threshold"``, ``"reset"`` ...
    noise : bool
        Whether xi may stand here.
    forbidden : mapping
        Names that exist but cannot be read here -> why.
    """

    def __init__(
        self,
        text: str,
        dimensions: Mapping[str, Dimension],
        where: str,
        *,
        noise: bool = False,
        forbidden: Mapping[str, str] | None = None,
    ) -> None:
        self.text = text
        self.dimensions = dimensions
        self.where = where
        self.noise = noise
        self.forbidden = forbidden or {}

    def error(self, message: str, position: int) -> EquationError:
        """An error with its place."""
        return EquationError(f"{self.where}: {message}", self.text, position)

    def value(self, node: Node) -> Dimension:
        """Dimension of an expression that must be a number."""
        kind = self.kind(node)
        if isinstance(kind, Condition):
            raise self.error(
                "a condition stands where a number is needed; int(...) makes it 0 or 1",
                node.position,
            )
        return kind

    def condition(self, node: Node) -> None:
        """Check an expression that must be a condition."""
        if not isinstance(self.kind(node), Condition):
            raise self.error(
                f"expected a condition such as 'V_m >= V_th', found the number {render(node)!r}",
                node.position,
            )

    def assigned(self, node: Node, expected: Dimension, what: str) -> None:
        """Check that an expression has the dimension of what it is assigned to."""
        found = self.value(node)
        if found not in (expected, ANY):
            raise self.error(
                f"{what} is in {expected}, but the expression {render(node)!r} is in {found}",
                node.position,
            )

    def kind(self, node: Node) -> Kind:
        """Dimension of an expression, or CONDITION."""
        match node:
            case Number(value=value):
                return NONE if value else ANY
            case Name():
                return self._name(node)
            case Negative(operand=operand):
                return self.value(operand)
            case Sum(terms=terms):
                return self._agree(terms, "the terms of a sum")
            case Product(operators=operators, factors=factors):
                return self._product(operators, factors)
            case Power():
                return self._power(node)
            case Comparison(left=left, right=right):
                self._agree((left, right), "the two sides of a comparison")
                return CONDITION
            case Logic(operands=operands):
                for operand in operands:
                    self.condition(operand)
                return CONDITION
            case Call():
                return self._call(node)

    def _name(self, node: Name) -> Dimension:
        name = node.name
        if name in self.forbidden:
            raise self.error(f"{name!r} {self.forbidden[name]}", node.position)
        if name in self.dimensions:
            return self.dimensions[name]
        if name == "xi" or name.startswith("xi_"):
            if not self.noise:
                raise self.error("noise can stand only in differential equations", node.position)
            return NOISE
        if name in UNITS:
            return UNITS[name].dimension
        if name == "t":
            raise self.error(
                "the equations cannot depend on time itself; bring time-dependent input in with "
                "net.inject or net.drive",
                node.position,
            )
        if name == "dt":
            raise self.error("the equations cannot depend on the time step", node.position)
        if name in FUNCTIONS:
            raise self.error(f"{name!r} is a function and needs arguments", node.position)
        near = get_close_matches(name, [*self.dimensions, *UNITS], n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise self.error(
            f"unknown name {name!r}; give it in parameters= or declare it in the equations "
            f"with a line '{name} : unit'.{hint}",
            node.position,
        )

    def _agree(self, nodes: tuple[Node, ...], what: str) -> Dimension:
        first: Dimension = ANY
        first_node = nodes[0]
        for node in nodes:
            found = self.value(node)
            if found == ANY:
                continue
            if first == ANY:
                first, first_node = found, node
            elif found != first:
                raise self.error(
                    f"{what} must have the same unit, but {render(first_node)!r} is in {first} "
                    f"and {render(node)!r} is in {found}",
                    node.position,
                )
        return first

    def _product(self, operators: tuple[str, ...], factors: tuple[Node, ...]) -> Dimension:
        result = NONE
        for operator, factor in zip(operators, factors, strict=True):
            found = self.value(factor)
            if found == ANY:
                if operator == "/":
                    raise self.error("division by zero", factor.position)
                # A zero times anything is a zero, which fits everywhere.
                for other in factors:
                    self.value(other)
                return ANY
            result = result * found if operator == "*" else result / found
        return result

    def _power(self, node: Power) -> Dimension:
        base = self.value(node.base)
        exponent = self.value(node.exponent)
        if exponent not in (NONE, ANY):
            raise self.error(
                f"an exponent must be a plain number, but {render(node.exponent)!r} is in "
                f"{exponent}",
                node.exponent.position,
            )
        if base in (NONE, ANY):
            return NONE
        number = constant(node.exponent)
        if number is None or abs(number) > 100:
            raise self.error(
                f"{render(node.base)!r} is in {base}; only a plain number can have an exponent "
                "that is not a small number itself",
                node.exponent.position,
            )
        return base**number

    def _call(self, node: Call) -> Dimension:
        if node.function not in FUNCTIONS:
            near = get_close_matches(node.function, FUNCTIONS, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise self.error(
                f"unknown function {node.function!r}; there are {', '.join(FUNCTIONS)}.{hint}",
                node.position,
            )
        count, rule = FUNCTIONS[node.function]
        arguments = node.arguments
        if len(arguments) != count:
            raise self.error(
                f"{node.function} takes {count} argument{'s' * (count > 1)}, not {len(arguments)}",
                node.position,
            )
        match rule:
            case "condition":
                self.condition(arguments[0])
                return NONE
            case "select":
                self.condition(arguments[0])
                return self._agree(arguments[1:], "the two values of where()")
            case "same":
                return self._agree(arguments, f"the arguments of {node.function}")
            case "root":
                found = self.value(arguments[0])
                return ANY if found == ANY else found ** Fraction(1, 2)
            case "sign":
                self.value(arguments[0])
                return NONE
            case _:
                found = self.value(arguments[0])
                if found not in (NONE, ANY):
                    raise self.error(
                        f"{node.function} takes a plain number, but {render(arguments[0])!r} is "
                        f"in {found}; divide it by its scale",
                        arguments[0].position,
                    )
                return NONE


def constant(node: Node) -> Fraction | None:
    """Value of an exponent made of literals alone, None where it is not."""
    match node:
        case Number(value=value):
            return value
        case Negative(operand=operand):
            inner = constant(operand)
            return None if inner is None else -inner
        case Product(operators=operators, factors=factors):
            result = Fraction(1)
            for operator, factor in zip(operators, factors, strict=True):
                inner = constant(factor)
                if inner is None or (operator == "/" and not inner):
                    return None
                result = result * inner if operator == "*" else result / inner
            return result
        case _:
            return None
