"""Populations as cells in Norse's form: its own function where it follows the Plan."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from neurosim.equations.spec import Value
from neurosim.lower.plan import PlanPopulation
from neurosim_backends._torch.cells import Cell, CellState, Surrogate
from neurosim_backends._torch.membranes import Membrane, MembraneCell, membrane_of
from neurosim_backends._torch.module import MakeCell

with warnings.catch_warnings():
    # Norse 1.1 compiles some functions with torch.jit when it is imported, which torch deprecates.
    warnings.simplefilter("ignore", DeprecationWarning)
    from norse.torch.functional.iaf import (
        IAFFeedForwardState,
        IAFParameters,
        iaf_feed_forward_step,
    )
    from norse.torch.functional.threshold import threshold


class PlanCell(Cell, torch.nn.Module):  # type: ignore[misc]
    """A cell as Norse has them, (input, state) -> (spikes, state), with the step of the Plan."""

    layer = "PlanCell, a cell in Norse's form that follows the Plan"

    def __init__(self) -> None:
        torch.nn.Module.__init__(self)


class PlanIAF(MembraneCell, torch.nn.Module):  # type: ignore[misc]
    """A population that is advanced by Norse's ``iaf_feed_forward_step``."""

    layer = "norse.torch.functional.iaf.iaf_feed_forward_step"

    def __init__(self, membrane: Membrane, method: str, alpha: float) -> None:
        torch.nn.Module.__init__(self)
        self.method = method
        # Norse fires above the threshold, the Plan at it, too: just below it is the same.
        below = np.nextafter(membrane.threshold, -np.inf)
        for name, value in (
            ("v_th", below), ("v_reset", membrane.reset), ("alpha", alpha),
        ):  # fmt: skip
            self._keep(name, value)
        self.keep_membrane(membrane)

    def advance(
        self, v: dict[str, Any], state: CellState
    ) -> tuple[torch.Tensor | None, CellState, tuple[torch.Tensor, ...]]:
        """Do one step."""
        (now,) = state.values
        p = IAFParameters(self.v_th, self.v_reset, self.method, self.alpha)
        spikes, after = iaf_feed_forward_step(self.entering(v), IAFFeedForwardState(now), p)
        return spikes, CellState((after.v,), state.held), (after.v,)


def layer_maker(
    method: str, alpha: float, dt: float, learned: Mapping[str, tuple[str, ...]]
) -> MakeCell:
    """Return what makes the module of a population.

    The neurons of the library hold numbers, so those of which parameters are trained are ours.
    """

    def surrogate(margin: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = threshold(margin, method, torch.as_tensor(alpha).to(margin))
        return found

    def make(
        population: PlanPopulation, parameters: Mapping[str, Value],
        states: Mapping[str, Any], given: frozenset[str],
    ) -> Cell:  # fmt: skip
        membrane = membrane_of(population, parameters, dt)
        made: Cell
        learn = learned.get(population.name, ())
        if membrane is not None and not learn and np.all(membrane.decay == 1):
            made = PlanIAF(membrane, method, alpha)
        else:
            made = PlanCell()
        made.take(population, parameters, dt, given, spike, learn)
        return made

    spike: Surrogate = surrogate
    return make
