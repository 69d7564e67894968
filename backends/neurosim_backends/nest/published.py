"""Equations in words of their own that are a compiled model of NEST all the same.

The model is known by its equations, written in whichever order, not by its name.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import sympy

from neurosim.equations.model import NeuronModel
from neurosim.equations.spec import ModelSpec
from neurosim.equations.symbolic import symbol

STEP_OF_2003 = "step of Izhikevich (2003)"
"""What the table of models calls it."""

STEP = 1.0
"""Time step of that script [ms]."""

RECEPTOR = "pulse"


@cache
def _step_of_2003() -> ModelSpec:
    """Return the step of the script in the paper: V_m in two halves, then u with the new V_m.

    Source: Izhikevich (2003), IEEE Trans. Neural Netw. 14:1569-1572.
    """
    return NeuronModel(
        STEP_OF_2003,
        equations="""
            half = V_m + 0.5*(0.04*V_m**2/mV + 5*V_m + 140*mV - u + R*(pulse + I_injected)) : mV
            next = half + 0.5*(0.04*half**2/mV + 5*half + 140*mV - u + R*(pulse + I_injected)) : mV
            dV_m/dt = (next - V_m)/ms : mV
            du/dt = a*(b*next - u) : mV
            pulse : pA
            a : 1/ms
            b : 1
            c : mV
            d : mV
            V_th : mV
            R : GOhm
        """,
        threshold="V_m >= V_th",
        reset="V_m = c; u += d",
        inputs={RECEPTOR: "pulse"},
        parameters={"a": 0.02, "b": 0.2, "c": -65.0, "d": 8.0, "V_th": 30.0, "R": 1.0},
        method="euler",
    ).spec()


def name_of(model: Any) -> str:
    """Return what the table calls a neuron: its class, or the equations that it is."""
    if isinstance(model, NeuronModel) and _is_same(model.spec(), _step_of_2003()):
        return STEP_OF_2003
    return type(model).__name__


def receptors_of(model: Any) -> dict[str, str]:
    """Return receptor -> its kind."""
    if name_of(model) == STEP_OF_2003:
        return {receptor.name: "Pulse" for receptor in model.spec().receptors}
    synapses = getattr(model, "synapses", None)
    named = synapses.named if synapses is not None else ()
    return {name: type(receptor).__name__.removesuffix("Receptor") for name, receptor in named}


def _is_same(spec: ModelSpec, known: ModelSpec) -> bool:
    """Whether two models with one pulse each are the same; its name is free."""
    if (
        set(spec.states) != set(known.states)
        or [r.kind for r in spec.receptors] != ["pulse"]
        or spec.receptors[0].unit != known.receptors[0].unit
        or {n: spec.units[n] for n in spec.parameters}
        != {n: known.units[n] for n in known.parameters}
        or spec.method != known.method
        or spec.refractory is not None
        or spec.hazard is not None
        or spec.multiplicity is not None
        or any(spec.noise.values())
        or spec.couplings
    ):
        return False
    pulse = {symbol(spec.receptors[0].target): symbol(known.receptors[0].target)}
    theirs = {a.name: a.expression for a in known.derivatives}
    return (
        spec.threshold == known.threshold
        and list(spec.reset) == list(known.reset)
        and all(
            sympy.expand(a.expression.subs(pulse) - theirs[a.name]) == 0 for a in spec.derivatives
        )
    )
