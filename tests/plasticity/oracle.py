"""A slow, obvious answer: every synapse by itself, event after event, in plain Python."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from neurosim.describe.plasticity import PlasticityRule


def parsed(text: str) -> list[str]:
    """Return statements as Python."""
    return [line.strip() for line in text.replace("\n", ";").split(";") if line.strip()]


@dataclass
class Synapse:
    """One synapse under a rule, followed through all spikes.

    Variables are read as Python reads them: this shares no code with the compiled rule.
    """

    rule: PlasticityRule
    weight: float
    decay: Mapping[str, Callable[[float, float], float]]
    values: dict[str, float] = field(default_factory=dict)
    carried: list[float] = field(default_factory=list)
    last: float = 0.0

    def __post_init__(self) -> None:
        self.values = {**self.rule.initial, "w": self.weight}

    def follow(self, pre: Sequence[float], post: Sequence[float], end: float) -> None:
        """Let spikes reach the synapse, in ms; the order within a moment is that of the rule."""
        pre_first = self.rule.delay == "axonal" or self.rule.coincidence == "both"
        for t in sorted({*pre, *post}):
            if t > end:
                break
            self._pass(t)
            before = dict(self.values)
            n_pre, n_post = list(pre).count(t), list(post).count(t)
            order = ["pre"] * n_pre + ["post"] * n_post
            if not pre_first:
                order.reverse()
            for side in order:
                self._spike(side, before)
        self._pass(end)

    def _pass(self, t: float) -> None:
        for name, way in self.decay.items():
            self.values[name] = way(self.values[name], t - self.last)
        self.last = t

    def _spike(self, side: str, before: Mapping[str, float]) -> None:
        other = "post" if side == "pre" else "pre"
        own = dict(self.values)
        seen = dict(own)
        if side == "pre" or self.rule.coincidence == "none":
            for name in self.rule.program.variables[other]:  # type: ignore[index]
                seen[name] = before[name]
        names: dict[str, Any] = {
            **in_ms(self.rule), **seen, "w_min": self.rule.w_min, "w_max": self.rule.w_max,
        }  # fmt: skip
        for line in parsed(getattr(self.rule, f"on_{side}")):
            ast.parse(line)
            exec(line, {"exp": math.exp}, names)
            if line.startswith("effect"):
                self.carried.append(float(names["effect"]))
        changed = {*self.rule.program.variables[side], *self.rule.program.variables["synapse"], "w"}  # type: ignore[index]
        for name in changed:
            self.values[name] = names[name]
        if self.rule.w_max is not None and self.rule.w_min is not None:
            self.values["w"] = min(max(self.values["w"], self.rule.w_min), self.rule.w_max)
        if side == "pre" and "effect" not in self.rule.on_pre:
            self.carried.append(self.values["w"])


def in_ms(rule: PlasticityRule) -> dict[str, float]:
    """Return parameters in units of ms; rates are written in Hz."""
    units = rule.program.units
    return {n: x * (1e-3 if units[n].text == "Hz" else 1.0) for n, x in rule.parameters.items()}


def exponential(tau: float, level: float = 0.0) -> Callable[[float, float], float]:
    """Return how a variable goes to a level."""
    return lambda x, s: level + (x - level) * math.exp(-s / tau)


def follow_steps(
    rule: PlasticityRule, weight: float, dt: float, last: int, *, arrivals: Sequence[int],
    fired: Sequence[int], states: Mapping[str, Any],
    advance: Callable[[Mapping[str, Any], Mapping[str, Any]], Mapping[str, float]],
    decay: Mapping[str, Callable[[float, float], float]], modulated: Sequence[int] = (),
    expressions: Callable[[Mapping[str, Any]], Mapping[str, float]] = lambda names: {},
    euler: Callable[[Mapping[str, Any]], Mapping[str, float]] = lambda names: {},
    signals: Mapping[str, float] | None = None,
) -> tuple[dict[str, float], list[float], list[float]]:  # fmt: skip
    """One synapse with an axonal delay under a rule that follows its neuron, step after step.

    Parameters
    ----------
    last : int
        Label of the last step.
    arrivals, fired, modulated : sequence of int
        Labels of presynaptic spikes at the synapse, of spikes of the neuron and the modulators.
    states : mapping
        "V_m_post", "r_mod" -> value after each step, from label 0 on.
    advance : callable
        (names one step before, names now) -> what is followed, at the end of the step.
    expressions : callable
        names -> the named expressions.
    euler : callable
        names -> slopes of variables of the synapse without a closed form.

    Returns
    -------
    Variables, what each presynaptic spike carried, and the weight after every step.
    """
    program = rule.program
    assert rule.delay == "axonal"
    constants: dict[str, Any] = {**in_ms(rule), "w_min": rule.w_min, "w_max": rule.w_max, "dt": dt}
    constants |= {"exp": math.exp, "clip": lambda x, a, b: min(max(x, a), b)}
    constants |= {"where": lambda c, x, y: x if c else y, "abs": abs, **(signals or {})}
    values: dict[str, Any] = {**rule.initial, "w": weight}
    pre, closed = set(program.variables["pre"]), set(program.variables["post"])
    synaptic = {*program.variables["synapse"], "w"}
    followed_here = {f.name for f in program.follows if f.kind == "variable"}

    def do(text: str, names: dict[str, Any], changing: set[str]) -> None:
        for line in parsed(text):
            exec(line, {}, names)
        values.update({n: names[n] for n in changing})
        values["w"] = min(max(values["w"], rule.w_min), rule.w_max)

    carried, course = [], [weight]
    look = {name: several[0] for name, several in states.items()}
    values.update(look)
    values["spiked_post"] = 0.0
    values.update(expressions({**constants, **values}))
    for n in range(1, last + 1):
        # Presynaptic spikes see the neuron as it was one step before.
        for name, way in decay.items():
            values[name] = way(values[name], dt)
        before = dict(values)
        for _ in range(list(arrivals).count(n)):
            do(rule.on_pre, {**constants, **values}, pre | synaptic)
            carried.append(values["w"])
        spiked = n in fired
        once = {**constants, **values}
        values.update(advance(once, {}))
        values.update({name: several[n] for name, several in states.items()})
        values["spiked_post"] = float(spiked)
        for _ in range(list(modulated).count(n)):
            text = ";".join(x for x in parsed(rule.on_modulator) if x.split()[0] not in synaptic)
            do(text, {**constants, **values}, {f.name for f in program.modulators})
        raised = {n: values[n] for n in followed_here}
        if spiked:
            names = {**constants, **values}
            for line in parsed(rule.on_post):
                if line.split()[0] in followed_here:
                    exec(line, {}, names)
            after = {n: names[n] for n in followed_here}
        else:
            after = dict(raised)
        values.update(after)
        values.update(expressions({**constants, **values}))
        if spiked:
            names = {**constants, **values, **raised}
            names.update({n: before[n] for n in pre} if rule.coincidence == "none" else {})
            do(rule.on_post, names, closed | synaptic)
        for _ in range(list(modulated).count(n)):
            text = ";".join(x for x in parsed(rule.on_modulator) if x.split()[0] in synaptic)
            do(text, {**constants, **values}, synaptic)
        slopes = euler({**constants, **values})
        values.update({n: values[n] + dt * slope for n, slope in slopes.items()})
        do(rule.on_step, {**constants, **values}, synaptic)
        course.append(values["w"])
    return values, carried, course
