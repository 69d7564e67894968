"""Integration methods: from a classified system to the assignments of one step.

============================  ==============================================================
exact                         linear equations; matrix exponential. With additive noise, the
                              exact Ornstein-Uhlenbeck step. (`linear`)
exponential_euler             each variable linear in itself, the others held at t
rk4, rk2, euler               explicit Runge-Kutta of order 4, 2 (midpoint) and 1
euler, with noise             Euler-Maruyama: Ito calculus, strong order 1/2 (1 if additive)
milstein                      derivative-free Milstein: Ito calculus, strong order 1, each
                              variable with noise of its own
heun                          stochastic Heun, a supporting point per noise: Stratonovich
============================  ==============================================================

Names and numerics are those of Brian 2 (Stimberg, Brette & Goodman 2019, eLife 8:e47314) except for
`milstein`: Brian's adds (b' b / 2) dW^2, which solves the Stratonovich equation; here it is
(b' b / 2) (dW^2 - dt), the Ito equation (Kloeden & Platen 1992, eq. 11.1.3).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import sympy

from neurosim.equations.affine import NotAffine, affine
from neurosim.equations.constants import LinearSystem
from neurosim.equations.programs import Names, ProgramBuilder
from neurosim.equations.symbolic import depends, exprel, select, substitute, symbol

DT = symbol("dt")
ACTIVE = symbol("active")

METHODS = ("exact", "exponential_euler", "rk4", "rk2", "euler", "heun", "milstein")


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


def default_method(system: System) -> str:
    """The method used where none is asked for.

    Without noise: exact if linear, exponential_euler if conditionally linear, else rk4. With
    noise: exact if linear and additive, euler if additive, else heun (Stratonovich).
    """
    linear = system.nonlinearity() is None
    if system.sources:
        if system.multiplicative() is not None:
            return "heun"
        return "exact" if linear else "euler"
    if linear:
        return "exact"
    return "exponential_euler" if system.conditional_nonlinearity() is None else "rk4"


def refusal(system: System, method: str) -> str | None:
    """Why `method` cannot integrate `system`, or None where it can."""
    if method == "exact":
        reason = system.nonlinearity() or system.multiplicative()
        return reason and f"it needs linear equations with additive noise, but {reason}"
    if method == "exponential_euler":
        if system.sources:
            return f"it knows no noise, but there is {system.sources[0]}; take euler or heun"
        reason = system.conditional_nonlinearity()
        return reason and f"it needs every variable linear in itself, but {reason}"
    if method in ("rk2", "rk4") and system.sources:
        return f"it knows no noise, but there is {system.sources[0]}; take euler or heun"
    if method in ("heun", "milstein") and not system.sources:
        return "it is for equations with noise (xi), and there is none; take rk2 or rk4"
    if method == "milstein":
        reason = system.shared_noise()
        return reason and f"it needs noise of its own for every variable, but {reason}"
    return None


@dataclass(frozen=True)
class Step:
    """Assignments of one step, before sharing; `next_names` as in ModelSpec."""

    assignments: tuple[tuple[str, Any], ...]
    next_names: Mapping[str, str]
    n_normals: int = 0
    linear: LinearSystem | None = None


def discretise(system: System, method: str, builder: ProgramBuilder) -> Step:
    """Write one step of `system` by `method` (which must not be refused)."""
    from neurosim.equations.linear import exact

    if method == "exact":
        return exact(system, builder)
    if method == "exponential_euler":
        return _exponential_euler(system, builder)
    if method in ("rk2", "rk4"):
        return _runge_kutta(system, builder.names, 2 if method == "rk2" else 4)
    return _stochastic(system, builder.names, method)


def while_active(system: System, state: str, expression: Any, otherwise: Any) -> Any:
    """`expression`, for clamped states only while the neuron is not refractory."""
    if state not in system.clamped:
        return expression
    return select(sympy.StrictGreaterThan(ACTIVE, 0, evaluate=False), expression, otherwise)


def _exponential_euler(system: System, builder: ProgramBuilder) -> Step:
    lines = []
    for state in system.states:
        x = symbol(state)
        coefficients, rest = affine(system.drift[state], frozenset([x]))
        rate = coefficients.get(x, sympy.S.Zero)
        if rate == 0:
            value = x + DT * rest
        elif rate.free_symbols <= system.static:
            value = builder.constant(sympy.exp(rate * DT), f"decay_{state}") * x
            if rest != 0:
                value += builder.constant(DT * exprel(rate * DT), f"gain_{state}") * rest
        elif rest == 0:
            value = x * sympy.exp(rate * DT)
        else:
            # x + (exp(a dt) - 1)/a * (a x + b): the same as Brian's (x + b/a) exp(a dt) - b/a,
            # but defined where the rate a vanishes.
            value = x + DT * exprel(rate * DT) * (rate * x + rest)
        lines.append((state, while_active(system, state, value, x)))
    return _named(lines, builder.names)


def _named(lines: list[tuple[str, Any]], names: Names, n_normals: int = 0) -> Step:
    next_names = {}
    assignments = []
    for state, value in lines:
        if value == symbol(state):
            next_names[state] = state
            continue
        next_names[state] = names.fresh(f"{state}_next")
        assignments.append((next_names[state], value))
    return Step(tuple(assignments), next_names, n_normals)


def _slopes(system: System, at: Mapping[Any, Any]) -> dict[str, Any]:
    """Right-hand sides with the states replaced by `at`."""
    return {
        state: while_active(system, state, substitute(system.drift[state], at), sympy.S.Zero)
        for state in system.states
    }


def _runge_kutta(system: System, names: Names, order: int) -> Step:
    lines: list[tuple[str, Any]] = []
    half, sixth = sympy.Rational(1, 2), sympy.Rational(1, 6)
    stages = [(1, sympy.S.Zero)]
    stages += [(2, half)] if order == 2 else [(2, half), (3, half), (4, sympy.S.One)]
    changing = [state for state in system.states if system.drift[state] != 0]
    slopes: dict[int, dict[str, Any]] = {}
    at: dict[Any, Any] = {}
    for stage, reach in stages:
        if stage > 1:
            at = {}
            for state in changing:
                name = names.fresh(f"{state}_{stage}")
                lines.append((name, symbol(state) + reach * DT * slopes[stage - 1][state]))
                at[symbol(state)] = symbol(name)
        slopes[stage] = {}
        for state, slope in _slopes(system, at).items():
            if state in changing:
                name = names.fresh(f"d{state}_{stage}")
                lines.append((name, slope))
                slopes[stage][state] = symbol(name)
    finals = []
    for state in system.states:
        if state not in changing:
            finals.append((state, symbol(state)))
        elif order == 2:
            finals.append((state, symbol(state) + DT * slopes[2][state]))
        else:
            k = [slopes[stage][state] for stage in (1, 2, 3, 4)]
            total = k[0] + 2 * k[1] + 2 * k[2] + k[3]
            finals.append((state, symbol(state) + sixth * DT * total))
    last = _named(finals, names)
    return Step((*lines, *last.assignments), last.next_names)


def _stochastic(system: System, names: Names, method: str) -> Step:
    """Euler (with or without noise), Heun and Milstein."""
    root = sympy.sqrt(DT)
    normals = {xi: symbol(f"normal_{k}") for k, xi in enumerate(system.sources)}
    drift = _slopes(system, {})
    lines: list[tuple[str, Any]] = []
    kicks: dict[str, list[Any]] = {state: [] for state in system.states}
    for xi in system.sources:
        # Increment of the Wiener process, dW.
        increment = root * normals[xi]
        factors = {s: system.noise[s][xi] for s in system.states if xi in system.noise.get(s, {})}
        later: Mapping[str, Any] = factors
        if method == "heun":
            later = _supported(system, factors, increment, {}, lines, names)
        elif method == "milstein":
            later = _supported(system, factors, root, drift, lines, names)
        for state, factor in factors.items():
            change = later[state] - factor
            if change == 0:
                kicks[state].append(increment * factor)
            elif method == "heun":
                kicks[state].append(increment * (factor + later[state]) / 2)
            else:
                kicks[state] += [increment * factor, root * change * (normals[xi] ** 2 - 1) / 2]
    finals = []
    for state in system.states:
        kick = while_active(system, state, sympy.Add(*kicks[state]), sympy.S.Zero)
        finals.append((state, symbol(state) + DT * drift[state] + kick))
    last = _named(finals, names, len(system.sources))
    return Step((*lines, *last.assignments), last.next_names, len(system.sources))


def _supported(
    system: System,
    factors: Mapping[str, Any],
    reach: Any,
    drift: Mapping[str, Any],
    lines: list[tuple[str, Any]],
    names: Names,
) -> dict[str, Any]:
    """Noise factors at the supporting point x + f dt + b * reach of one noise."""
    read = {s for factor in factors.values() for s in factor.free_symbols}
    points = {}
    for state, factor in factors.items():
        x = symbol(state)
        if x in read:
            kick = while_active(system, state, reach * factor, sympy.S.Zero)
            name = names.fresh(f"{state}_support")
            lines.append((name, x + DT * drift.get(state, sympy.S.Zero) + kick))
            points[x] = symbol(name)
    return {state: substitute(factor, points) for state, factor in factors.items()}
