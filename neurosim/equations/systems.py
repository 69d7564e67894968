"""Differential equations with their classification, and what one discretised step consists of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import sympy

from neurosim.equations.affine import NotAffine, affine
from neurosim.equations.constants import LinearSystem
from neurosim.equations.programs import Names
from neurosim.equations.symbolic import depends, select, symbol

DT = symbol("dt")
ACTIVE = symbol("active")


@dataclass(frozen=True)
class System:
    """Differential equations, classified.

    Attributes
    ----------
    states : tuple of str
        States with an equation, in the order of the text.
    drift : mapping
        State -> right-hand side without noise, per ms, in the unit of the state.
    noise : mapping
        State -> {noise symbol: factor}.
    clamped : frozenset of str
        States that stand still while `active` is 0.
    inputs : tuple of str
        Inputs that the equations read; constant over the step.
    static : frozenset of sympy symbols
        The parameters, and dt.
    """

    states: tuple[str, ...]
    drift: Mapping[str, Any]
    noise: Mapping[str, Mapping[str, Any]]
    clamped: frozenset[str]
    inputs: tuple[str, ...]
    static: frozenset[Any]
    sources: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        found = dict.fromkeys(xi for state in self.states for xi in self.noise.get(state, {}))
        object.__setattr__(self, "sources", tuple(found))

    @property
    def symbols(self) -> frozenset[Any]:
        """Symbols of the states."""
        return frozenset(symbol(state) for state in self.states)

    def nonlinearity(self) -> str | None:
        """Why the system is not linear, or None where it is.

        Linear means: every right-hand side is a sum of states with coefficients made of
        parameters alone, and of anything that is free of states.
        """
        for state in self.states:
            try:
                coefficients, _ = affine(self.drift[state], self.symbols)
            except NotAffine as error:
                return (
                    f"d{state}/dt has the term {error.term}, which is not linear in {_list(error)}"
                )
            for variable, coefficient in coefficients.items():
                if not coefficient.free_symbols <= self.static:
                    return (
                        f"in d{state}/dt the coefficient of {variable}, {coefficient}, depends on "
                        "an input"
                    )
        return None

    def conditional_nonlinearity(self) -> str | None:
        """Why some variable is not linear in itself, or None."""
        for state in self.states:
            try:
                affine(self.drift[state], frozenset([symbol(state)]))
            except NotAffine as error:
                return f"d{state}/dt has the term {error.term}, which is not linear in {state}"
        return None

    def closed_linear(self) -> dict[str, frozenset[str]]:
        """The largest linear part that nothing else acts on: state -> states it reads.

        Its right-hand sides are sums of states of the part with coefficients made of parameters
        alone, and of anything that is free of states. No state of it is clamped.
        """
        part = {state: frozenset[str]() for state in self.states if state not in self.clamped}
        while True:
            inside = frozenset(symbol(state) for state in part)
            # A state that leaves takes along those that read it, in the next round.
            found = {s: read for s in part if (read := self._read(s, inside)) is not None}
            if len(found) == len(part):
                return found
            part = found

    def _read(self, state: str, inside: frozenset[Any]) -> frozenset[str] | None:
        """What `state` reads of `inside` where it is linear in that and reads no other state."""
        try:
            coefficients, rest = affine(self.drift[state], inside)
        except NotAffine:
            return None
        if depends(rest, self.symbols - inside):
            return None
        if any(not c.free_symbols <= self.static for c in coefficients.values()):
            return None
        return frozenset(str(variable) for variable in coefficients)

    def multiplicative(self) -> str | None:
        """Which noise depends on a state or input, or None where all noise is additive."""
        for state in self.states:
            for xi, factor in self.noise.get(state, {}).items():
                if not factor.free_symbols <= self.static:
                    return f"in d{state}/dt the noise {xi} is multiplied by {factor}"
        return None

    def shared_noise(self) -> str | None:
        """Why the noise is not diagonal, or None."""
        owner: dict[str, str] = {}
        for state in self.states:
            factors = self.noise.get(state, {})
            if len(factors) > 1:
                return f"d{state}/dt has several noise terms, {', '.join(factors)}"
            for xi, factor in factors.items():
                if xi in owner:
                    return f"{xi} acts on both {owner[xi]} and {state}"
                owner[xi] = state
                others = self.symbols - {symbol(state)}
                if depends(factor, others):
                    return (
                        f"the noise of {state} has the factor {factor}, with other variables in it"
                    )
        return None


def _list(error: NotAffine) -> str:
    return " and ".join(error.variables) or "the states"


@dataclass(frozen=True)
class Step:
    """Assignments of one step, before sharing; `next_names` as in ModelSpec."""

    assignments: tuple[tuple[str, Any], ...]
    next_names: Mapping[str, str]
    n_normals: int = 0
    linear: LinearSystem | None = None


def while_active(system: System, state: str, expression: Any, otherwise: Any) -> Any:
    """`expression`, for clamped states only while the neuron is not refractory."""
    if state not in system.clamped:
        return expression
    return select(sympy.StrictGreaterThan(ACTIVE, 0, evaluate=False), expression, otherwise)


def named_step(lines: list[tuple[str, Any]], names: Names, n_normals: int = 0) -> Step:
    """A step that gives each state the value written for it; unchanged states keep their name."""
    next_names = {}
    assignments = []
    for state, value in lines:
        if value == symbol(state):
            next_names[state] = state
            continue
        next_names[state] = names.fresh(f"{state}_next")
        assignments.append((next_names[state], value))
    return Step(tuple(assignments), next_names, n_normals)
