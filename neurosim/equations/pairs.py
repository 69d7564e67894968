"""What one connection of a continuous coupling computes: an expression of both its ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from neurosim.equations.checking import UnitChecker
from neurosim.equations.dimensions import NONE, Unit
from neurosim.equations.statements import check_name, parse_unit
from neurosim.equations.symbolic import Translator, finish, rational, symbol
from neurosim.equations.syntax import names, parse_expression
from neurosim.errors import EquationError


@dataclass(frozen=True)
class Pair:
    """A coupling function, ready to be compiled: the sum over j of w_ij pair(pre j, post i).

    Attributes
    ----------
    expression : sympy expression
        Of one connection. It reads `pre_symbol` and `post_symbol` of states, and parameters.
    pre : tuple of str
        States of the presynaptic neuron that it reads, delayed where the connection is.
    post : tuple of str
        States of the postsynaptic neuron that it reads, as they are now.
    parameters : tuple of str
        Its parameters.
    total : sympy expression or None
        What becomes of the weighted sum, the symbol `TOTAL`; None where it stays as it is.
    of_total : tuple of str
        Parameters of that.
    in_unit : bool
        Whether the text is a quantity of the kind that the inlet is: weights are then plain
        numbers. Where it is a plain number, they are in the unit of the inlet.
    """

    expression: Any
    pre: tuple[str, ...]
    post: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()
    total: Any = None
    of_total: tuple[str, ...] = ()
    in_unit: bool = False


def pre_symbol(state: str) -> Any:
    """Return the symbol of a state of the presynaptic neuron."""
    return symbol(f"{state}_pre")


def post_symbol(state: str) -> Any:
    """Return the symbol of a state of the postsynaptic neuron."""
    return symbol(f"{state}_post")


TOTAL = symbol("total")


def additive(state: str) -> Pair:
    """Return the coupling that sums w_ij x_j."""
    return Pair(pre_symbol(state), (state,))


def diffusive(state: str) -> Pair:
    """Return the coupling that sums w_ij (x_j - x_i)."""
    return Pair(pre_symbol(state) - post_symbol(state), (state,), (state,))


def is_plain_sum(pair: Pair | None) -> bool:
    """Whether a connection brings w_ij x_j, and the sum stays as it is."""
    return (
        pair is not None
        and pair.total is None
        and len(pair.pre) == 1
        and pair.expression == pre_symbol(pair.pre[0])
    )


def read_pair(
    text: str,
    total: str | None,
    *,
    pre: Mapping[str, str],
    post: Mapping[str, str],
    parameters: tuple[str, ...],
    units: Mapping[str, str],
    inlet: str,
    place: str,
) -> Pair:
    """Read the text of a coupling function.

    Parameters
    ----------
    text, total : str
        Of one connection, and of the sum.
    pre, post : mapping
        State -> unit, of both sides.
    parameters : tuple of str
        Names; plain numbers unless `units` says otherwise.
    inlet : str
        Unit of the inlet, in which the result is told where it is of that kind.
    place : str
        Head of messages.

    Raises
    ------
    EquationError
        With the place in the text.
    """
    ends = {f"{state}_pre": parse_unit(unit) for state, unit in pre.items()}
    ends |= {f"{state}_post": parse_unit(unit) for state, unit in post.items()}
    given = {name: parse_unit(units.get(name, "1")) for name in parameters}
    for name in given:
        check_name("", name, None)
        if name in ends or name == TOTAL.name:
            raise EquationError(f"{place}: the parameter {name!r} is also the name of a state")
    expression, read, unit = _expression(text, {**ends, **given}, f"{place}: source")
    given_in = parse_unit(inlet)

    def scaled(value: Any, unit: Unit) -> tuple[Any, bool]:
        same = unit.dimension == given_in.dimension and unit.dimension != NONE
        return (finish(value / rational(given_in.scale)) if same else value), same

    in_unit = False
    if total is None:
        expression, in_unit = scaled(expression, unit)
    found = Pair(
        expression,
        tuple(s for s in pre if f"{s}_pre" in read),
        tuple(s for s in post if f"{s}_post" in read),
        tuple(name for name in parameters if name in read),
        in_unit=in_unit,
    )
    if not found.pre:
        raise EquationError(
            f"{place}: source: {text!r} reads nothing of the presynaptic side; its states are "
            f"written {', '.join(f'{state}_pre' for state in pre) or '(there are none)'}"
        )
    if total is None:
        return found
    whole, read, unit = _expression(total, {TOTAL.name: unit, **given}, f"{place}: source: total")
    whole, in_unit = scaled(whole, unit)
    if TOTAL.name not in read:
        raise EquationError(f"{place}: source: total: {total!r} does not read 'total', the sum")
    of_total = tuple(name for name in parameters if name in read)
    return Pair(
        found.expression,
        found.pre,
        found.post,
        found.parameters,
        total=whole,
        of_total=of_total,
        in_unit=in_unit,
    )


def _expression(
    text: str, units: Mapping[str, Unit], place: str
) -> tuple[Any, frozenset[str], Unit]:
    """Return an expression in coherent units, the names it reads, and its unit."""
    node = parse_expression(text, place)
    checker = UnitChecker(text, {n: u.dimension for n, u in units.items()}, place)
    dimension = checker.value(node)
    if dimension.time.denominator > 10**6:  # a literal 0 fits everywhere
        dimension = NONE
    values = {name: symbol(name) * rational(unit.scale) for name, unit in units.items()}
    expression = finish(Translator(text, values, place)(node))
    read = frozenset(n.name for n in names(node)) & units.keys()
    return expression, read, Unit(str(dimension), dimension)
