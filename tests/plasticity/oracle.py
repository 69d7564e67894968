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
