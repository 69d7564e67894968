"""What one connection of a continuous coupling computes: an expression of both its ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from neurosim.equations.symbolic import symbol


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
    """

    expression: Any
    pre: tuple[str, ...]
    post: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()
    total: Any = None


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
