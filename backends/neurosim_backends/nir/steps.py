"""One step of a population as numbers: what an affine membrane does, read off its own program."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy
from sympy.core.relational import GreaterThan

from neurosim.equations.evaluate import evaluate
from neurosim.equations.symbolic import symbol
from neurosim.errors import UnsupportedError
from neurosim.lower.plan import Floats, PlanPopulation

MEMBRANE = "V_m"

NEAREST = "LIF or PerfectIntegrator with Delta, Pulse or ExpCurrent synapses"


@dataclass(frozen=True, kw_only=True)
class Current:
    """A synaptic current: I <- p I + arrivals, and the membrane sees k I, with I as it was."""

    p: Floats
    k: Floats


@dataclass(frozen=True, kw_only=True)
class Step:
    """x <- a x + sum of k I + c, with x = V_m - zero; at x >= span, x <- 0.

    All arrays are (n,) float64.

    Attributes
    ----------
    a, c : array
        Decay factor, and what is added in every step [mV].
    zero, span : array
        Potential after a reset, and from there to the threshold [mV].
    begins : array
        x at the start [mV].
    jumps : mapping
        Receptor -> what a weight of 1 adds to x in the step it arrives in; of those that are no
        currents.
    currents : mapping
        Receptor -> its current.
    per_pA : array
        What a constant current adds to c [mV/pA].
    subtracts : bool
        Whether a spike lowers x by `span` in place of setting it to 0.
    """

    a: Floats
    c: Floats
    zero: Floats
    span: Floats
    begins: Floats
    jumps: Mapping[str, Floats]
    currents: Mapping[str, Current]
    per_pA: Floats
    subtracts: bool


def step_of(population: PlanPopulation, dt: float) -> Step:
    """Return one step of a population, whatever the method that advances it.

    Raises
    ------
    UnsupportedError
        If a step is not affine in V_m and in currents that decay by themselves, or the neuron
        fires otherwise than at a fixed threshold.
    """
    spec = population.spec
    assert spec is not None
    part = f"Population {population.name!r}: model"

    def refused(reason: str) -> UnsupportedError:
        return UnsupportedError(part, f"NIR has no neuron {reason}", NEAREST)

    if MEMBRANE not in spec.states or population.binary is not None:
        raise refused("without a membrane potential V_m")
    if spec.n_normals:
        raise refused("with noise")
    if spec.hazard is not None or spec.multiplicity is not None or spec.threshold is None:
        raise refused("that fires otherwise than at a threshold")
    v = symbol(MEMBRANE)
    states = [symbol(s) for s in spec.states]
    for line in spec.derivatives:  # short expressions: a quick answer for most models
        if any(sympy.diff(line.expression, x).has(*states) for x in states):
            raise refused("whose step is not linear, such as one with conductances")
    pulses = {r.target: r.name for r in spec.receptors if r.kind == "pulse"}
    injected = symbol("I_injected")
    inputs = [injected, *(symbol(t) for t in pulses)]
    nothing = {symbol(c.symbol): sympy.Integer(0) for c in spec.couplings}
    after = {s: _following(spec, s).xreplace(nothing) for s in spec.states}
    slopes = {(s, x): sympy.diff(after[s.name], x) for s in states for x in (*states, *inputs)}
    if any(e.has(*states, *inputs) for e in slopes.values()):
        raise refused("whose step is not linear, such as one with conductances")
    currents = [s for s in states if s != v]
    for s in currents:
        others = [slopes[s, x] for x in (*states, *inputs) if x != s]
        rest = after[s.name].xreplace(dict.fromkeys(states, sympy.Integer(0)))
        if any(e != 0 for e in others) or rest != 0:
            raise refused(f"with a state that drives others, such as {s.name!r}")
    threshold = spec.threshold
    if not isinstance(threshold, GreaterThan) or threshold.lhs != v or threshold.rhs.has(*states):
        raise refused("whose threshold depends on states")
    if len(spec.reset) != 1 or spec.reset[0].name != MEMBRANE:
        raise refused("whose reset changes more than V_m")
    reset = spec.reset[0].expression
    subtracts = bool(reset.has(v))
    if subtracts and (sympy.diff(reset, v) != 1 or "V_reset" not in population.parameters):
        raise refused("with such a reset")
    values: dict[str, Any] = {
        **population.parameters, **spec.constants(population.parameters, dt), "dt": dt,
        **{t.name: 0.0 for t in nothing},
    }  # fmt: skip

    def number(expression: Any) -> Floats:
        found = evaluate(sympy.sympify(expression), values)
        return np.broadcast_to(np.asarray(found, np.float64), population.size).copy()

    a, level = number(slopes[v, v]), number(threshold.rhs)
    zero = number(symbol("V_reset") if subtracts else reset)
    off = {x: sympy.Integer(0) for x in (*states, *inputs)}
    c = number(after[MEMBRANE].xreplace(off)) + (a - 1.0) * zero
    begins = np.broadcast_to(np.asarray(population.initial[MEMBRANE], np.float64), population.size)
    jumps = {r.name: np.ones(population.size) for r in spec.receptors if r.target == MEMBRANE}
    jumps |= {name: number(slopes[v, symbol(t)]) for t, name in pulses.items()}
    return Step(
        a=a, c=np.where(np.abs(c) <= 1e-15 * np.abs(zero), 0.0, c), zero=zero, span=level - zero,
        begins=begins - zero, jumps=jumps, per_pA=number(slopes[v, injected]),
        currents={
            r.name: Current(
                p=number(slopes[symbol(r.target), symbol(r.target)]),
                k=number(slopes[v, symbol(r.target)]),
            )
            for r in spec.receptors if r.kind == "jump" and r.target != MEMBRANE
        },
        subtracts=subtracts,
    )  # fmt: skip


def _following(spec: Any, state: str) -> Any:
    """Return a state at the end of a step as one expression in states and inputs at its start."""
    if spec.next_names[state] == state:
        return symbol(state)
    lines = {line.name: line.expression for line in spec.program}
    found = lines[spec.next_names[state]]
    own = {symbol(name): expression for name, expression in lines.items()}
    for _ in spec.program:  # lines that read others
        found = found.xreplace(own)
    return sympy.expand(sympy.piecewise_fold(found.subs(symbol("active"), sympy.Integer(1))))
