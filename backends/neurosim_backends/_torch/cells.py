"""One population as a module: its states go in with what arrives, and come out with its spikes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

import numpy as np
import torch

from neurosim.equations.spec import ModelSpec, Value
from neurosim.lower.plan import PlanPopulation
from neurosim.lower.values import LONGEST_HOLD, nearest_steps
from neurosim_backends._torch.expressions import Step, differentiable_constants, step_of


class CellState(NamedTuple):
    """What a population carries from one step to the next; every tensor is (batch, size).

    Attributes
    ----------
    values : tuple of tensors
        The states, in the order of the model.
    held : tensor or None
        For how many steps neurons are still refractory; None where there is no such time.
    """

    values: tuple[torch.Tensor, ...]
    held: torch.Tensor | None = None


class Learned:
    """A parameter of neurons that is trained.

    Times, capacitances and the like, which are above 0, are trained as their logarithms, and so
    stay there; potentials and currents as they are.

    Attributes
    ----------
    parameter : Parameter
        () where the description has one number, else (size,). ``learned_tau_m`` of the module of
        the population, say; of what is above 0, the logarithm of its part of ``start_tau_m``, a
        buffer beside it. Both are in ``state_dict()``.
    """

    def __init__(self, module: torch.nn.Module, name: str, value: Value, unit: str) -> None:
        start = torch.tensor(np.asarray(value, np.float64))
        self.positive = unit in POSITIVE and bool((start > 0).all())
        # torch may put other tensors in their place, so that they are looked up each time.
        self._module, self._name = module, name
        if self.positive:
            # The logarithm alone would not bring back the number that was written; and what is
            # saved must tell the parameter, whatever number the loading network began with.
            module.register_buffer(f"start_{name}", start)
        module.register_parameter(
            f"learned_{name}",
            torch.nn.Parameter(torch.zeros_like(start) if self.positive else start),
        )

    @property
    def parameter(self) -> torch.nn.Parameter:
        """What the optimiser changes."""
        found = self._module._parameters[f"learned_{self._name}"]
        assert found is not None
        return found

    def value(self) -> torch.Tensor:
        """Return the parameter as the equations have it."""
        parameter = self.parameter
        if not self.positive:
            return parameter
        start = self._module._buffers[f"start_{self._name}"]
        assert start is not None
        return start.to(parameter) * torch.exp(parameter)

    def told(self) -> Value:
        """Return it as a number or array."""
        found = self.value().detach().double().cpu().numpy()
        return float(found) if found.ndim == 0 else found


POSITIVE = ("ms", "pF", "nS", "GOhm")
"""Units of what is above 0."""

Surrogate = Callable[[torch.Tensor], torch.Tensor]
"""Margin above the threshold -> spikes, with the gradient that stands in for that of a step."""


class Cell:
    """A population that follows the Plan; mixed into a module of one of the libraries.

    Attributes
    ----------
    spec : ModelSpec
    size : int
    layer : str
        What advances it, for those who ask.
    given : frozenset of str
        What reaches it, as in `neurosim_backends._torch.expressions.step_of`.
    parameters_now : dict
        Parameter -> float or (size,) float64.
    """

    layer = ""
    through_reset = False
    """Whether a reset passes the surrogate's gradient."""

    def take(
        self, population: PlanPopulation, parameters: Mapping[str, Value], dt: float,
        given: Collection[str], surrogate: Surrogate, learn: Collection[str] = (),
    ) -> None:  # fmt: skip
        """Take on a population; the module is there. Parameters in `learn` are trained."""
        assert population.spec is not None
        self.spec: ModelSpec = population.spec
        self.population = population.name
        self.size = population.size
        self.given = frozenset(given)
        self.dt = dt
        self.surrogate = surrogate
        self.parameters_now = dict(parameters)
        self.learned = {
            name: Learned(self._module, name, parameters[name], self.spec.units[name])
            for name in sorted(learn)
        }
        self.step: Step = step_of(self.spec, self.given)
        self.prepare()

    def prepare(self) -> None:
        """Compute what a step reads from the parameters."""
        spec, module = self.spec, self._module
        values: dict[str, Any] = {
            **self.parameters_now,
            **spec.constants(self.parameters_now, self.dt),
        }
        for name in sorted(self.step.reads):
            self._keep(f"c_{name}", values[name])
        self.holds = self._hold_steps()
        if self.holds is not None:
            self._keep("hold", self.holds)
        module.to(self._like)

    def _hold_steps(self) -> Any:
        spec = self.spec
        if spec.refractory is None:
            return None
        place = f"Population {self.population!r}: {spec.refractory}"
        return nearest_steps(self.parameters_now[spec.refractory], self.dt, place, LONGEST_HOLD)

    @property
    def _module(self) -> torch.nn.Module:
        assert isinstance(self, torch.nn.Module)
        return self

    @property
    def _like(self) -> torch.Tensor:
        """A tensor of the module's precision and device."""
        module = self._module
        if "like" not in module._buffers:
            module.register_buffer("like", torch.zeros((), dtype=torch.float64), persistent=False)
        like = module._buffers["like"]
        assert like is not None
        return like

    def _keep(self, name: str, value: Any) -> None:
        like = self._like
        made = torch.tensor(np.asarray(value, np.float64)).to(like)
        self._module.register_buffer(name, made, persistent=False)

    # --- running ------------------------------------------------------------------------------

    def constants(self) -> dict[str, Any]:
        """Return what does not change in a run, by the names of the program."""
        buffers = self._module._buffers
        found: dict[str, Any] = {name: buffers[f"c_{name}"] for name in self.step.reads}
        if self.learned:
            found |= self._trained_constants()
        found["dt"] = self.dt
        return found

    def _trained_constants(self) -> dict[str, Any]:
        """Return what depends on trained parameters: the core's numbers, with torch's gradients."""
        values = {name: raw.value() for name, raw in self.learned.items()}
        found: dict[str, Any] = {n: v for n, v in values.items() if n in self.step.reads}
        if self._like.device.type == "meta":
            return found
        now = self.values_now()
        known = self.spec.constants(now, self.dt)
        smooth = differentiable_constants(self.spec, {**now, **values}, self.dt)
        for name, value in known.items():
            if name in self.step.reads:
                found[name] = torch.tensor(value, dtype=torch.float64).to(self._like)
                if name in smooth:
                    # The step has the bits of the core; how they change is what torch knows.
                    slope = smooth[name].to(self._like)
                    found[name] = found[name] + (slope - slope.detach())
        return found

    def values_now(self) -> dict[str, Any]:
        """Return parameter -> float or (size,) float64, as they are now."""
        return {**self.parameters_now, **{n: raw.told() for n, raw in self.learned.items()}}

    def forward(
        self, inputs: Mapping[str, torch.Tensor], state: CellState
    ) -> tuple[torch.Tensor | None, CellState]:
        """Do one step.

        Parameters
        ----------
        inputs : mapping
            What `Step.advance` reads besides states and constants.
        state : CellState

        Returns
        -------
        spikes : (batch, size) tensor or None
            How many spikes each neuron emits, as numbers; None of models that never fire.
        state : CellState
            At t + dt, after the reset.
        """
        spikes, after, _ = self.advance({**self.constants(), **inputs}, state)
        return spikes, after

    def advance(
        self, v: dict[str, Any], state: CellState
    ) -> tuple[torch.Tensor | None, CellState, tuple[torch.Tensor, ...]]:
        """Do as `forward`; `v` has the constants, too. Also return states before the reset."""
        held = state.held
        v.update(zip(self.spec.states, state.values, strict=True))
        if held is not None:
            active = held <= 0
            v["is_active"] = active
            v["active"] = active.to(held.dtype)
        before, fired, margin, number, after = self.step.advance(v)
        if fired is None:
            return None, CellState(after, held), before
        if held is not None:
            held = torch.where(fired, self._module._buffers["hold"], (held - 1).clamp_min(0))
        return self._spikes(fired, margin, number, state), CellState(after, held), before

    def _spikes(
        self, fired: torch.Tensor, margin: torch.Tensor | None, number: Any, state: CellState
    ) -> torch.Tensor:
        """Return spikes as numbers, whose gradient is that of the surrogate."""
        like = state.values[0] if state.values else self._like
        spikes = fired.to(like.dtype)
        if margin is not None and margin.requires_grad and torch.is_grad_enabled():
            # Its value decides nothing: the comparison is the one that was written.
            smooth = self.surrogate(margin).to(like.dtype)
            spikes = spikes + (smooth - smooth.detach())
            if state.held is not None:
                # Where a neuron is held there is no threshold to cross.
                spikes = torch.where(state.held <= 0, spikes, spikes.detach())
        if number is not None:
            spikes = spikes * number.detach()
        return spikes

    def extra_repr(self) -> str:
        """Return what a module shows of itself."""
        return f"{self.population!r}, {self.size} neurons, {self.layer}"
