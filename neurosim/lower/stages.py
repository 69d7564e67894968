"""A Plan whose continuous populations, and all that couples them, are advanced together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from neurosim.describe.projection import INJECTED
from neurosim.equations.stages import STAGES, staged
from neurosim.errors import DescriptionError, UnsupportedError
from neurosim.lower.plan import Plan, PlanPopulation

ON_STEP = 1e-9
"""Delays shorter than a step by less than this part of it are as long."""


def together(plan: Plan, integrator: str | None) -> Plan:
    """Return a Plan whose continuous populations are advanced by one method; None: each by its own.

    Raises
    ------
    UnsupportedError
        If there is none, for noise with "rk4", and for coupling that learns.
    DescriptionError
        For a delay between 0 and one step: a stage would have to read between itself and the start.
    """
    if integrator is None:
        return plan
    place = f"integrator={integrator!r}"
    populations = tuple(in_stages(p, integrator) for p in plan.populations)
    if not any(p.stages for p in populations):
        raise UnsupportedError(
            place, "no population of the network is continuous: all fire, are binary or sources",
            "integrator=None, and the method= of each model",
        )  # fmt: skip
    taken = np.concatenate([np.array(p.ids) for p in populations if p.stages])
    for c in plan.couplings:
        here = np.isin(c.post, taken)
        if c.coupling == INJECTED or not here.any():
            continue
        if c.plasticity is not None:
            raise UnsupportedError(
                f"Projection {c.name!r}: plasticity", f"weights are constant over the stages of "
                f"{place}", "integrator=None, where coupling is held over a step, too",
            )  # fmt: skip
        if c.delay is not None:
            short = c.delay[here & (c.delay > 0) & (c.delay < plan.dt * (1 - ON_STEP))]
            if short.size:
                raise DescriptionError(
                    f"Projection {c.name!r}: delay", float(short.min()),
                    f"0, or at least one step of {plan.dt:g} ms, with {place}",
                    "A smaller dt will do.",
                )  # fmt: skip
    return replace(plan, populations=populations, integrator=integrator)


def in_stages(population: PlanPopulation, integrator: str | None) -> PlanPopulation:
    """Return a population as the stages of a method advance it; as it is if it is not continuous.

    Raises
    ------
    UnsupportedError
        For noise with "rk4".
    """
    spec = population.spec
    if (
        integrator is None
        or spec is None
        or population.binary is not None
        or spec.method == "none"
        or spec.threshold is not None
        or spec.hazard is not None
        or spec.refractory is not None
        or any(r.kind == "pulse" for r in spec.receptors)
    ):
        return population
    if spec.n_normals and integrator != "heun":
        raise UnsupportedError(
            f"Population {population.name!r}: noise", f"integrator={integrator!r} is for equations "
            f"without noise", "integrator='heun'",
        )  # fmt: skip
    *stages, last = staged(spec, integrator)
    sums = dict.fromkeys(last.states[len(spec.states) :], 0.0)
    return replace(
        population, spec=last, stages=tuple(stages), initial={**population.initial, **sums}
    )


def parts_of_step(plan: Plan) -> tuple[float, ...]:
    """Return at which parts of a step coupling is read: the start alone without an integrator."""
    return (0.0,) if plan.integrator is None else STAGES[plan.integrator]
