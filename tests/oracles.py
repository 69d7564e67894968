"""Slow, obvious answers to check fast ones against."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from neurosim.equations.spec import ModelSpec

# Model programs -----------------------------------------------------------------------------------


def value_of(expression: Any, names: Mapping[str, float]) -> Any:
    """Value of a sympy expression (or condition) in Python floats, one operation at a time."""
    kind = type(expression).__name__
    if expression.is_Symbol:
        return names[expression.name]
    if expression.is_number and not expression.args:
        return float(expression)
    if kind in ("BooleanTrue", "BooleanFalse"):
        return kind == "BooleanTrue"
    if kind == "Piecewise":
        for value, condition in expression.args:
            if value_of(condition, names):
                return value_of(value, names)
        raise ValueError(f"no branch of {expression} holds")
    arguments = [value_of(argument, names) for argument in expression.args]
    if kind == "Add":
        return sum(arguments)
    if kind == "Mul":
        return math.prod(arguments)
    if kind == "exprel":
        x = arguments[0]
        return 1.0 if x == 0.0 else math.expm1(x) / x
    return _OPERATIONS[kind](*arguments)


_OPERATIONS: dict[str, Callable[..., Any]] = {
    "Pow": lambda x, y: math.exp(y) if x == math.e else x**y,
    "exp": math.exp,
    "log": math.log,
    "sin": math.sin,
    "cos": math.cos,
    "tan": math.tan,
    "sinh": math.sinh,
    "cosh": math.cosh,
    "tanh": math.tanh,
    "Abs": abs,
    "Max": max,
    "Min": min,
    "sign": lambda x: float(x > 0) - float(x < 0),
    "floor": math.floor,
    "ceiling": math.ceil,
    "StrictLessThan": lambda x, y: x < y,
    "LessThan": lambda x, y: x <= y,
    "StrictGreaterThan": lambda x, y: x > y,
    "GreaterThan": lambda x, y: x >= y,
    "Equality": lambda x, y: x == y,
    "Unequality": lambda x, y: x != y,
    "And": lambda *x: all(x),
    "Or": lambda *x: any(x),
    "Not": lambda x: not x,
}


def advance(
    spec: ModelSpec,
    states: Mapping[str, float],
    parameters: Mapping[str, float],
    dt: float,
    *,
    inputs: Mapping[str, float] | None = None,
    active: bool = True,
    normals: Sequence[float] = (),
    constants: Mapping[str, Any] | None = None,
) -> dict[str, float]:
    """Advance one neuron by one step, before arrivals, threshold and reset.

    Inputs not given are 0. `constants` saves computing them again.
    """
    names: dict[str, Any] = {"I_injected": 0.0, "dt": dt, "active": float(active)}
    names |= {r.target: 0.0 for r in spec.receptors if r.kind == "pulse"}
    names |= {c.symbol: 0.0 for c in spec.couplings}
    names |= {**states, **parameters, **(inputs or {})}
    names |= spec.constants(parameters, dt) if constants is None else constants
    names |= {f"normal_{k}": z for k, z in enumerate(normals)}
    for line in spec.program:
        assert line.name not in names, "programs are in single-assignment form"
        names[line.name] = value_of(line.expression, names)
    return {state: names[spec.next_names[state]] for state in spec.states}


def after_reset(
    spec: ModelSpec, states: Mapping[str, float], parameters: Mapping[str, float]
) -> dict[str, float]:
    """Carry out the reset of a neuron that fired."""
    names: dict[str, Any] = {**parameters, **states}
    for line in spec.reset:
        names[line.name] = value_of(line.expression, names)
    return {state: names[state] for state in spec.states}


def right_hand_side(
    spec: ModelSpec, states: Mapping[str, float], parameters: Mapping[str, float]
) -> dict[str, float]:
    """Derivatives per ms, without input and noise."""
    names = {"I_injected": 0.0, **parameters, **states}
    names |= {r.target: 0.0 for r in spec.receptors if r.kind == "pulse"}
    return {line.name: value_of(line.expression, names) for line in spec.derivatives}


class ModelOracle:
    """One neuron of a model by the letter of its program and of the order of a step.

    Parameters
    ----------
    spec : ModelSpec
        The model, without noise.
    values : mapping
        "dt", "refractory_steps", parameters, constants, couplings and initial states.
    """

    def __init__(self, spec: ModelSpec, values: Mapping[str, float]) -> None:
        self.spec = spec
        self.values = dict(values)
        self.state = {s: float(values[s]) for s in spec.states}
        self.held = 0

    def step(self, weights: Mapping[str, float] | None = None, injected: float = 0.0) -> int:
        """Do one step with the sums of weights that arrive; return the number of spikes."""
        spec = self.spec
        arriving = {r.name: (weights or {}).get(r.name, 0.0) for r in spec.receptors}
        active = self.held == 0
        inputs = {r.target: arriving[r.name] for r in spec.receptors if r.kind == "pulse"}
        inputs["I_injected"] = injected
        fixed = {name: value for name, value in self.values.items() if name not in self.state}
        new = advance(
            spec,
            self.state,
            fixed,
            self.values["dt"],
            inputs=inputs,
            active=active,
            constants=fixed,
        )
        for receptor in spec.receptors:
            if receptor.kind == "jump" and (active or receptor.target not in spec.clamped):
                new[receptor.target] += arriving[receptor.name]
        spikes = 0
        self.held = max(self.held - 1, 0)
        if active and spec.threshold is not None and value_of(spec.threshold, {**fixed, **new}):
            spikes = 1
            if spec.multiplicity is not None:
                spikes = round(value_of(spec.multiplicity, {**fixed, **new}))
            new = after_reset(spec, new, fixed)
            self.held = int(self.values["refractory_steps"])
        self.state = new
        return spikes
