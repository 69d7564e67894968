"""A ModelSpec as a model of Brian2: its differential equations as text, never our update formulas.

Numbers stay in neurosim's coherent set (ms, mV, pA, pF, nS): variables are dimensionless and time
derivatives are divided by ms, so that values are the same numbers on both sides and those that
are equal stay equal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import sympy

from neurosim.equations.evaluate import evaluate
from neurosim.equations.spec import ModelSpec
from neurosim.equations.symbolic import symbol
from neurosim_backends.brian2.expressions import Names, Printer

Feed = tuple[str, ...]
"""What is handed to a population step by step: ("injected",), ("drive", receptor),
("normal", k), ("uniform",), or ("spikes",) of a source."""
MULTIPLICITY_BITS = 9
"""A relay tells how many spikes it emits by as many events, which stand for 1, 2, 4, ... 256."""


@dataclass
class Brian2Model:
    """A model in Brian2's language.

    Attributes
    ----------
    equations : list of str
        Lines; what is fed is declared by whoever builds the group.
    method : str
        Brian2's name of the state updater; "" where nothing is integrated.
    solved : frozenset of str
        Variables that `exact` advances, whatever the method of the others.
    normals : dict
        Name of a noise symbol in the equations -> name of the variable replayed in its place.
    threshold, reset : str or None
    refractory : str or None
        Name of the variable with the refractory time after the last spike.
    hold : str
        Name of the one with the time after the next; it may be set meanwhile.
    variables : dict
        neurosim's name of a state or parameter -> Brian2's.
    feeds : dict
        Feed -> name of the variable.
    constants : dict
        Numbers of the namespace.
    pulses : dict
        Receptor that is a pulse -> name of its variable.
    jumps : dict
        Receptor that jumps a state -> name of the state.
    couplings : dict
        Coupling -> list of the variables that are summed; one for each projection.
    copies : str or None
        Expression of the number of spikes emitted at once.
    """

    equations: list[str]
    method: str
    solved: frozenset[str]
    normals: dict[str, str]
    threshold: str | None
    reset: str | None
    refractory: str | None
    hold: str
    lost: str
    variables: dict[str, str]
    feeds: dict[Feed, str]
    constants: dict[str, float]
    pulses: dict[str, str]
    jumps: dict[str, str]
    copies: str | None = None
    copies_name: str = ""
    couplings: dict[str, list[str]] = field(default_factory=dict)


def translate(
    spec: ModelSpec,
    parameters: Mapping[str, Any],
    *,
    driven: frozenset[str],
    injected: bool,
    currents: int,
    couplings: Mapping[str, int],
    reserved: frozenset[str],
    functions: dict[str, str],
) -> Brian2Model:
    """Write the model of a population.

    Parameters
    ----------
    parameters : mapping
        Values; those with one per neuron are declared so.
    driven : frozenset of str
        Receptors that receive drive.
    injected : bool
        Whether current is injected step by step.
    currents : int
        How many projections bring currents of other populations.
    couplings : mapping
        Coupling -> how many projections it has.
    reserved : frozenset of str
        Names that Brian2 uses.
    functions : dict
        Function of sympy -> its name, where that differs.
    """
    names = Names(reserved)
    words: dict[str, str] = {"dt": "(dt/ms)"}
    variables: dict[str, str] = {}
    for name in (*spec.states, *spec.parameters):
        variables[name] = words[name] = names.fresh(name)
    feeds: dict[Feed, str] = {}
    lines: list[str] = []
    pulses = {}
    for receptor in spec.receptors:
        if receptor.kind == "pulse":
            pulses[receptor.name] = words[receptor.target] = names.fresh(receptor.target)
            lines.append(f"{pulses[receptor.name]} : 1")
        if receptor.name in driven:
            feeds["drive", receptor.name] = names.fresh(f"drive_{receptor.name}")
    summed: dict[str, list[str]] = {}
    for coupling in spec.couplings:
        summed[coupling.name] = [
            names.fresh(f"{coupling.name}_{k}") for k in range(couplings.get(coupling.name, 0))
        ]
        words[coupling.symbol] = f"({' + '.join(summed[coupling.name])})"
        if not summed[coupling.name]:
            words[coupling.symbol] = "0"
    if spec.injectable:
        parts = []
        if injected:
            feeds["injected",] = names.fresh("I_injected")
            parts.append(feeds["injected",])
        if currents:
            summed["I_e"] = [names.fresh(f"I_from_{k}") for k in range(currents)]
            parts += summed["I_e"]
        words["I_injected"] = f"({' + '.join(parts)})" if parts else "0"
    lines += [f"{name} : 1" for group in summed.values() for name in group]
    printer = Printer(words, names.fresh, functions)
    clamped = frozenset(spec.clamped) if spec.refractory is not None else frozenset()
    method = brian2_method(spec, parameters)
    noise, normals = _noise(spec, method, names, feeds)
    integrated = []
    for drift in _right_hand_sides(spec, method):
        name = drift.name
        if drift.expression == 0 and not spec.noise.get(name):
            continue
        integrated.append(name)
        held = name in clamped
        text = f"{printer(drift.expression)}/ms"
        for xi, factor in spec.noise.get(name, {}).items():
            text += f" + {printer(factor)}*{noise[xi]}"
        flag = " (unless refractory)" if held else ""
        lines.append(f"d{variables[name]}/dt = {text} : 1{flag}")
    lines += [f"{variables[name]} : 1" for name in spec.states if name not in integrated]
    for name in spec.parameters:
        shared = "" if np.ndim(parameters[name]) else ", shared"
        lines.append(f"{variables[name]} : 1 (constant{shared})")
    model = Brian2Model(
        equations=lines, method=method if integrated else "",
        solved=frozenset(variables[s] for s in solved_together(spec, parameters)), normals=normals,
        threshold=_threshold(spec, printer, names, feeds),
        reset="\n".join(f"{variables[r.name]} = {printer(r.expression)}" for r in spec.reset),
        refractory=None, hold="", lost=names.fresh("lost_at"), variables=variables, feeds=feeds,
        constants=printer.constants, pulses=pulses,
        jumps={r.name: variables[r.target] for r in spec.receptors if r.kind == "jump"},
        couplings=summed,
    )  # fmt: skip
    lines.append(f"{model.lost} : integer")
    if spec.refractory is not None:
        model.refractory, model.hold = names.fresh("held"), names.fresh("hold")
        lines += [f"{model.refractory} : second", f"{model.hold} : second (constant)"]
        model.reset = f"{model.reset or ''}\n{model.refractory} = {model.hold}".strip()
    if spec.multiplicity is not None:
        model.copies = printer(spec.multiplicity)
        model.copies_name = names.fresh("copies")
        lines.append(f"{model.copies_name} : 1")
    return model


def _threshold(
    spec: ModelSpec, printer: Printer, names: Names, feeds: dict[Feed, str]
) -> str | None:
    conditions = []
    if spec.threshold is not None:
        conditions.append(printer.condition(spec.threshold))
    if spec.hazard is not None:
        feeds["uniform",] = names.fresh("uniform")
        conditions.append(f"({feeds['uniform',]} < -expm1(-{printer(spec.hazard)}*dt/ms))")
    return " or ".join(conditions) or None


def _noise(
    spec: ModelSpec, method: str, names: Names, feeds: dict[Feed, str]
) -> tuple[dict[str, str], dict[str, str]]:
    """Return what stands for each noise in the equations, and what is replayed for Brian2's own.

    Brian2's `euler` knows additive noise only; but with numbers that are held over the step it
    takes the step of Euler and Maruyama, whatever they are multiplied with.
    """
    words: dict[str, str] = {}
    normals: dict[str, str] = {}
    for xi, k in noise_numbers(spec).items():
        name = feeds["normal", str(k)] = names.fresh(f"normal_{k}")
        if method == "euler":
            words[xi] = f"{name}*(dt/ms)**-0.5/ms"
        else:
            own = f"xi_{len(words)}"
            words[xi], normals[own] = f"{own}*ms**-0.5", name
    return words, normals


def noise_numbers(spec: ModelSpec) -> dict[str, int]:
    """Return for every noise which of the replayed normal numbers is its increment.

    The exact step draws one number per state that noise reaches, of which the one of the first
    state that a noise acts on is, to first order, that noise.
    """
    sources = list(dict.fromkeys(xi for a in spec.derivatives for xi in spec.noise.get(a.name, {})))
    if spec.method != "exact":
        return {xi: k for k, xi in enumerate(sources)}
    reached = {name for name in spec.states if spec.noise.get(name)}
    while True:
        more = {
            a.name
            for a in spec.derivatives
            if {s.name for s in a.expression.free_symbols} & reached
        }
        if more <= reached:
            break
        reached |= more
    noisy = [a.name for a in spec.derivatives if a.name in reached]
    found: dict[str, int] = {}
    for xi in sources:
        acted_on = [noisy.index(n) for n in noisy if xi in spec.noise.get(n, {})]
        free = [k for k in acted_on if k not in found.values()]
        if not free:
            return {}
        found[xi] = free[0]
    return found


def _right_hand_sides(spec: ModelSpec, method: str) -> tuple[Any, ...]:
    """Return the drift; for milstein that of the Stratonovich equation with the same solution."""
    if method != "milstein":
        return spec.derivatives
    corrected = []
    for drift in spec.derivatives:
        expression = drift.expression
        for factor in spec.noise.get(drift.name, {}).values():
            expression -= factor * sympy.diff(factor, symbol(drift.name)) / 2
        corrected.append(type(drift)(drift.name, expression))
    return tuple(corrected)


# --- which state updater -------------------------------------------------------------------------


def brian2_method(spec: ModelSpec, parameters: Mapping[str, Any]) -> str:
    """Return the name of the state updater that Brian2 is told to use."""
    if spec.method == "exact":
        if spec.noise:
            return "euler"
        return "rk4" if inexact(spec, parameters) else "exact"
    return "" if spec.method == "none" else spec.method


CLOSE = 1e-4
"""Rates that act on each other and differ by less, relatively: the closed form that Brian2 writes
divides by their difference, and loses all digits but 12."""


def inexact(
    spec: ModelSpec, parameters: Mapping[str, Any], among: frozenset[str] | None = None
) -> str:
    """Return why Brian2's `exact` cannot take equations that are linear, or "".

    Parameters
    ----------
    among : frozenset of str, optional
        The states it is to take; all if left out.
    """
    derivatives = [a for a in spec.derivatives if among is None or a.name in among]
    states = [a.name for a in derivatives if a.expression != 0]
    matrix = {}
    for drift in derivatives:
        for state in states:
            entry = sympy.diff(drift.expression, symbol(state))
            if entry != 0:
                matrix[drift.name, state] = entry
    order = _triangular(states, matrix)
    if order is None:
        return "variables that act on each other"
    for name in states:
        rate = matrix.get((name, name))
        if rate is None or np.any(np.asarray(evaluate(rate, parameters)) == 0):
            return "a variable without a decay of its own"
    below = {(a, b) for a, b in matrix if a != b}
    for middle in states:
        below |= {
            (a, b) for a in states for b in states if (a, middle) in below and (middle, b) in below
        }
    for a, b in below:
        here, there = matrix[a, a], matrix[b, b]
        if sympy.simplify(here - there) == 0:
            continue  # sympy sees it, and writes the form that has no hole
        x = np.asarray(evaluate(here, parameters))
        y = np.asarray(evaluate(there, parameters))
        if np.any(np.abs(x - y) <= CLOSE * np.maximum(np.abs(x), np.abs(y))):
            return "time constants that are equal, or nearly so,"
    if any(a in spec.clamped and b not in spec.clamped for b, a in below):
        return "variables that read one that is held while refractory"
    return ""


def rising(spec: ModelSpec) -> frozenset[str]:
    """Return the states that our exponential_euler advances by their exact propagator."""
    system = getattr(spec.constants_function, "system", None)
    if spec.method != "exponential_euler" or system is None:
        return frozenset()
    return frozenset(system.states)


def solved_together(spec: ModelSpec, parameters: Mapping[str, Any]) -> frozenset[str]:
    """Return those of `rising` that Brian2's `exact` advances: all, or none."""
    states = rising(spec)
    return frozenset() if inexact(spec, parameters, states) else states


def _triangular(states: list[str], matrix: Mapping[tuple[str, str], Any]) -> list[str] | None:
    """Return the states in an order in which each reads earlier ones only, or None."""
    order: list[str] = []
    left = list(states)
    while left:
        free = [
            s for s in left if all((s, o) not in matrix or o == s or o in order for o in states)
        ]
        if not free:
            return None
        order += free
        left = [s for s in left if s not in free]
    return order
