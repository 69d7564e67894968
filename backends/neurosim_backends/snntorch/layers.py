"""Populations as neurons of snnTorch: its own where it follows the Plan, else a subclass."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import snntorch
import torch
from snntorch import surrogate as surrogates

from neurosim.equations.spec import Value
from neurosim.lower.plan import PlanPopulation
from neurosim_backends._torch.cells import Cell, CellState, Surrogate
from neurosim_backends._torch.membranes import Membrane, MembraneCell, membrane_of
from neurosim_backends._torch.module import MakeCell


class PlanNeuron(Cell, snntorch.SpikingNeuron):  # type: ignore[misc]
    """A neuron of snnTorch whose step is that of the Plan, whatever the model."""

    layer = "PlanNeuron, a snntorch.SpikingNeuron that follows the Plan"

    def __init__(self, spike_grad: Surrogate) -> None:
        snntorch.SpikingNeuron.__init__(self, spike_grad=spike_grad, reset_mechanism="none")
        _let_go(self)


class PlanLeaky(MembraneCell, torch.nn.Module):  # type: ignore[misc]
    """A population that is advanced by ``snntorch.Leaky``, with its reset to zero, at once.

    Attributes
    ----------
    leaky : snntorch.Leaky
    """

    layer = "snntorch.Leaky"

    def __init__(self, membrane: Membrane, spike_grad: Surrogate) -> None:
        torch.nn.Module.__init__(self)
        self.leaky = snntorch.Leaky(
            beta=torch.tensor(membrane.decay), threshold=torch.tensor(membrane.threshold),
            spike_grad=_at_or_above(spike_grad), reset_mechanism="zero", reset_delay=False,
        )  # fmt: skip
        # A tensor that is asked for its value in every step would wait for the device each time.
        self.leaky._buffers.pop("reset_mechanism_val")
        self.leaky.reset_mechanism_val = 1
        _let_go(self.leaky)
        self.keep_membrane(membrane)

    def advance(
        self, v: dict[str, Any], state: CellState
    ) -> tuple[torch.Tensor | None, CellState, tuple[torch.Tensor, ...]]:
        """Do one step."""
        (mem,) = state.values
        spikes, after = self.leaky(self.entering(v).expand_as(mem), mem)
        self.leaky.mem = torch.zeros(0)  # or it would keep the past
        return spikes, CellState((after,), state.held), (after,)


def _let_go(neuron: Any) -> None:
    """Take a neuron out of the list by which snnTorch keeps all that were ever made."""
    kept = snntorch.SpikingNeuron.instances
    kept[:] = [n for n in kept if n is not neuron]


def _at_or_above(smooth: Surrogate) -> Surrogate:
    """Return a surrogate that fires at the threshold, too, as the Plan does; its gradient stays."""

    def fire(margin: torch.Tensor) -> torch.Tensor:
        spikes = (margin >= 0).to(margin.dtype)
        if not (margin.requires_grad and torch.is_grad_enabled()):
            return spikes
        near = smooth(margin).to(margin.dtype)
        return spikes + (near - near.detach())

    return fire


def surrogate_of(name: str, slope: float | None) -> Surrogate:
    """Return a surrogate gradient of snnTorch."""
    made: Callable[..., Surrogate] = getattr(surrogates, name)
    return made() if slope is None else made(slope)


def layer_maker(
    name: str, slope: float | None, dt: float, learned: Mapping[str, tuple[str, ...]]
) -> MakeCell:
    """Return what makes the module of a population.

    The neurons of the library hold numbers, so those of which parameters are trained are ours.
    """
    spike_grad = surrogate_of(name, slope)

    def make(
        population: PlanPopulation, parameters: Mapping[str, Value],
        states: Mapping[str, Any], given: frozenset[str],
    ) -> Cell:  # fmt: skip
        membrane = membrane_of(population, parameters, dt)
        made: Cell
        learn = learned.get(population.name, ())
        if membrane is not None and not learn and membrane.resets_to_zero_below(states):
            made = PlanLeaky(membrane, spike_grad)
        else:
            made = PlanNeuron(spike_grad)
        made.take(population, parameters, dt, given, spike_grad, learn)
        return made

    return make
