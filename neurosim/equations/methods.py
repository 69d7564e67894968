"""Integration methods: from a classified system to the assignments of one step.

============================  ==============================================================
exact                         linear equations; matrix exponential. With additive noise, the
                              exact Ornstein-Uhlenbeck step. (`linear`)
exponential_euler             the part that is linear and that nothing else acts on: matrix
                              exponential; others: each linear in itself, the rest held at t
semi_implicit                 each variable linear in itself, by the implicit Euler step with
                              the rest held at t
rk4, rk2, euler               explicit Runge-Kutta of order 4, 2 (midpoint) and 1
euler, with noise             Euler-Maruyama: Ito calculus, strong order 1/2 (1 if additive)
milstein                      derivative-free Milstein: Ito calculus, strong order 1, each
                              variable with noise of its own
heun                          stochastic Heun, a supporting point per noise: Stratonovich
============================  ==============================================================

Names and numerics are those of Brian 2 (Stimberg, Brette & Goodman 2019, eLife 8:e47314) except for
`milstein`: Brian's adds (b' b / 2) dW^2, which solves the Stratonovich equation; here it is
(b' b / 2) (dW^2 - dt), the Ito equation (Kloeden & Platen 1992, eq. 11.1.3); and except for
`exponential_euler` where variables of the linear part act on each other. Brian holds the one that
drives an alpha or beta conductance over the step, which brings a spike about dt / (2 rise) too much
charge: a quarter at a rise of 0.2 ms and dt = 0.1 ms. Here its course is that of `exact`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import sympy

from neurosim.equations.affine import affine
from neurosim.equations.constants import LinearSystem
from neurosim.equations.linear import exact, exact_values
from neurosim.equations.programs import Names, ProgramBuilder
from neurosim.equations.symbolic import exprel, substitute, symbol
from neurosim.equations.systems import DT, Step, System, named_step, while_active

METHODS = ("exact", "exponential_euler", "semi_implicit", "rk4", "rk2", "euler", "heun", "milstein")


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
    if method in ("exponential_euler", "semi_implicit"):
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


def discretise(system: System, method: str, builder: ProgramBuilder) -> Step:
    """Write one step of `system` by `method` (which must not be refused)."""
    if method == "exact":
        return exact(system, builder)
    if method == "exponential_euler":
        return _exponential_euler(system, builder)
    if method == "semi_implicit":
        return _semi_implicit(system, builder.names)
    if method in ("rk2", "rk4"):
        return _runge_kutta(system, builder.names, 2 if method == "rk2" else 4)
    return _stochastic(system, builder.names, method)


def _exponential_euler(system: System, builder: ProgramBuilder) -> Step:
    together, linear = _linear_part(system, builder)
    lines = []
    for state in system.states:
        value = together[state] if state in together else _alone(system, state, builder)
        lines.append((state, while_active(system, state, value, symbol(state))))
    return replace(named_step(lines, builder.names), linear=linear)


def _linear_part(
    system: System, builder: ProgramBuilder
) -> tuple[dict[str, Any], LinearSystem | None]:
    """Exact values of the variables that read others of the linear part, and their constants."""
    part = system.closed_linear()
    reading = tuple(s for s in system.states if s in part and part[s] - {s})
    if not reading:
        return {}, None
    # Left out is what no one of them reads: a decay of its own needs no matrix.
    needed = set(reading)
    while len(needed) < len(found := needed.union(*(part[s] for s in needed))):
        needed = found
    states = tuple(s for s in system.states if s in needed)
    drift = {s: system.drift[s] for s in states}
    read = {str(name) for expression in drift.values() for name in expression.free_symbols}
    inputs = tuple(name for name in system.inputs if name in read)
    inner = System(states, drift, {}, frozenset(), inputs, system.static)
    return exact_values(inner, reading, builder)


def _alone(system: System, state: str, builder: ProgramBuilder) -> Any:
    """A variable after the step, with all others held."""
    x = symbol(state)
    coefficients, rest = affine(system.drift[state], frozenset([x]))
    rate = coefficients.get(x, sympy.S.Zero)
    if rate == 0:
        return x + DT * rest
    if rate.free_symbols <= system.static:
        value = builder.constant(sympy.exp(rate * DT), f"decay_{state}") * x
        if rest != 0:
            value += builder.constant(DT * exprel(rate * DT), f"gain_{state}") * rest
        return value
    if rest == 0:
        return x * sympy.exp(rate * DT)
    # x + (exp(a dt) - 1)/a * (a x + b): the same as Brian's (x + b/a) exp(a dt) - b/a,
    # but defined where the rate a vanishes.
    return x + DT * exprel(rate * DT) * (rate * x + rest)


def _semi_implicit(system: System, names: Names) -> Step:
    lines = []
    for state in system.states:
        x = symbol(state)
        coefficients, rest = affine(system.drift[state], frozenset([x]))
        value = (x + DT * rest) / (1 - DT * coefficients.get(x, sympy.S.Zero))
        lines.append((state, while_active(system, state, value, x)))
    return named_step(lines, names)


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
    last = named_step(finals, names)
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
    last = named_step(finals, names, len(system.sources))
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
