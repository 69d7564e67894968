"""Populations that are one leaky membrane: what the neurons of other libraries can follow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy
import torch
from sympy.core.relational import GreaterThan

from neurosim.equations.evaluate import evaluate
from neurosim.equations.spec import Value
from neurosim.equations.symbolic import symbol
from neurosim.lower.plan import Floats, PlanPopulation
from neurosim_backends._torch.cells import Cell


@dataclass(frozen=True)
class Membrane:
    """V <- decay V + offset + gain I_injected + arrivals; at V >= threshold, V <- reset.

    All are float64 arrays of no dimension or (size,); `receptors` are those whose arrivals are
    added.
    """

    state: str
    decay: Floats
    offset: Floats
    gain: Floats
    threshold: Floats
    reset: Floats
    receptors: tuple[str, ...]

    def resets_to_zero_below(self, states: Mapping[str, Any]) -> bool:
        """Whether the reset is to 0, below the threshold, and so are the present values.

        ``snntorch.Leaky`` resets what it finds at or above the threshold at the start of a step.
        """
        below = np.all(np.asarray(states[self.state]) < self.threshold)
        decays = np.all((self.decay >= 0) & (self.decay <= 1))
        return bool(np.all(self.reset == 0) and np.all(self.threshold > 0) and below and decays)


class MembraneCell(Cell):
    """A population that a neuron of another library advances as one leaky membrane."""

    through_reset = True

    def keep_membrane(self, membrane: Membrane) -> None:
        """Take on what enters the membrane in a step."""
        self._keep("offset", membrane.offset)
        self._keep("gain", membrane.gain)
        self.receptors = membrane.receptors

    def entering(self, v: Mapping[str, Any]) -> torch.Tensor:
        """Return what is added to the membrane in a step: its offset, currents and arrivals."""
        buffers = self._module._buffers
        total = buffers["offset"]
        assert total is not None
        if "I_injected" in v:
            total = total + buffers["gain"] * v["I_injected"]
        for receptor in self.receptors:
            if f"w:{receptor}" in v:
                total = total + v[f"w:{receptor}"]
        return total


def membrane_of(
    population: PlanPopulation, parameters: Mapping[str, Value], dt: float
) -> Membrane | None:
    """Return a population as one leaky membrane without refractory time; None if it is none."""
    spec = population.spec
    assert spec is not None
    if len(spec.states) != 1 or spec.n_normals or spec.hazard is not None or spec.couplings:
        return None
    if spec.multiplicity is not None or not isinstance(spec.threshold, GreaterThan):
        return None
    if np.any(population.refractory_steps) or spec.arrivals != "before_threshold":
        return None
    if any(r.kind != "jump" for r in spec.receptors) or len(spec.reset) != 1:
        return None
    (state,) = spec.states
    v = symbol(state)
    now: Any = v
    following = {line.name: line.expression for line in spec.program}
    if spec.next_names[state] != state:
        now = following[spec.next_names[state]]
    for _ in spec.program:  # lines that read others
        now = now.xreplace({symbol(n): e for n, e in following.items()})
    now = sympy.piecewise_fold(now.subs(symbol("active"), sympy.Integer(1)))
    slope = sympy.diff(now, v)
    rest = now.xreplace({v: sympy.Integer(0)})
    injected = symbol("I_injected")
    gain = sympy.diff(rest, injected)
    offset = rest.xreplace({injected: sympy.Integer(0)})
    ends = (spec.threshold.lhs == v, spec.threshold.rhs, spec.reset[0].expression)
    if not ends[0] or any(e.has(v) or e.has(injected) for e in (slope, gain, *ends[1:])):
        return None
    values: dict[str, Any] = {**parameters, **spec.constants(parameters, dt), "dt": dt}
    decay, gains, offsets, threshold, reset = (
        np.asarray(evaluate(sympy.sympify(e), values), np.float64)
        for e in (slope, gain, offset, ends[1], ends[2])
    )
    return Membrane(
        state, decay, offsets, gains, threshold, reset, tuple(r.name for r in spec.receptors)
    )
