"""Several simulations of one network as one Plan: lanes, side by side in every array.

A population of n nodes becomes one of n * count, the lane fastest. Lanes do not see each other;
what a node does in one is what it would do alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from neurosim.equations.pairs import is_plain_sum
from neurosim.equations.spec import Value
from neurosim.lower.plan import (
    Floats,
    Ints,
    Lanes,
    Past,
    Plan,
    PlanCoupling,
    PlanPopulation,
    PlanRecorder,
)


def why_not_laned(plan: Plan) -> str | None:
    """Return why simulations of a network cannot stand side by side; None if they can."""
    for p in plan.populations:
        if p.spec is None:
            return f"population {p.name!r} is a source"
        if p.binary is not None:
            return f"population {p.name!r} has binary units, which update one by one"
        if p.spec.threshold is not None or p.spec.hazard is not None:
            return f"population {p.name!r} fires"
        if p.spec.refractory is not None:
            return f"population {p.name!r} has a refractory time"
    if plan.projections:
        return f"projection {plan.projections[0].name!r} carries spikes"
    if plan.drives:
        return "a population is driven by spikes"
    if plan.injections:
        return "current is injected"
    return None


def side_by_side(
    plan: Plan,
    populations: Sequence[tuple[PlanPopulation, ...]],
    factors: Mapping[int, Floats],
    trials: Sequence[int],
) -> Plan:
    """Return the Plan of several simulations.

    Parameters
    ----------
    plan : Plan
        Of one of them; connections, delays and recorders are those of all.
    populations : sequence of tuple of PlanPopulation
        All populations, as they are in each lane.
    factors : mapping of int to (n_lanes,) float64
        Index of a coupling -> by how much its weights are larger in each lane.
    trials : sequence of int
        Realisation of the noise in each lane.
    """
    count = len(populations)
    lanes = Lanes(count, tuple(trials))
    woven = tuple(
        weave_population(tuple(lane[k] for lane in populations), lanes, plan.dt)
        for k in range(len(plan.populations))
    )
    return replace(
        plan,
        populations=woven,
        couplings=tuple(
            weave_delayed_sum(c, count, factors.get(c.index))
            if is_delayed_sum(c, plan) and reads_windows(c, plan)
            else weave_coupling(c, count, factors.get(c.index))
            for c in plan.couplings
        ),
        recorders=tuple(weave_recorders(plan.recorders, count)),
    )


def weave(values: Sequence[Value], n: int) -> Value:
    """Return one value per element, (n * n_lanes,); one number where all lanes have the same.

    Parameters
    ----------
    values : sequence of float or (n,) float64
        Of each lane.
    """
    if all(np.ndim(v) == 0 for v in values) and len(set(map(float, values))) == 1:
        return float(values[0])
    columns = [np.broadcast_to(np.asarray(v, np.float64), n) for v in values]
    return np.ascontiguousarray(np.stack(columns, axis=1).ravel())


def weave_population(same: tuple[PlanPopulation, ...], lanes: Lanes, dt: float) -> PlanPopulation:
    """Return one population of all lanes, from what it is in each."""
    first = same[0]
    assert first.spec is not None
    n, count = first.size, lanes.count
    # Lane by lane, as one simulation computes them: numpy may round a number and an array apart.
    constants = [first.spec.constants(dict(p.parameters), dt) for p in same]
    return replace(
        first,
        size=n * count,
        shape=(n * count,),
        offset=first.offset * count,
        parameters={k: weave([p.parameters[k] for p in same], n) for k in first.parameters},
        initial={k: weave([p.initial[k] for p in same], n) for k in first.initial},
        past={k: weave_past([p.past[k] for p in same]) for k in first.past},
        constants={k: weave([c[k] for c in constants], n) for k in constants[0]},
        lanes=lanes,
    )


def weave_past(same: Sequence[Past]) -> Past:
    """Return the past of one state in all lanes."""
    values = np.stack([past.values for past in same], axis=2)
    return Past(same[0].times, values.reshape(values.shape[0], -1))


def is_delayed_sum(coupling: PlanCoupling, plan: Plan) -> bool:
    """Whether a coupling adds w_ij x_j, delayed: then it reads nothing of the present."""
    if coupling.plasticity is not None:
        return False  # weights come to differ between lanes
    if coupling.delay is None or coupling.pair is not None:
        return coupling.delay is not None and is_plain_sum(coupling.pair)
    kinds = {
        inlet.kind
        for p in plan.populations
        if p.spec is not None and np.isin(coupling.post, p.ids).any()
        for inlet in p.spec.couplings
        if inlet.name == coupling.coupling
    }
    return kinds == {"additive"}


def reads_windows(coupling: PlanCoupling, plan: Plan) -> bool:
    """Whether all of a coupling is read from the past, on lines, in every stage of a step."""
    if plan.integrator is None:
        return True
    assert coupling.delay is not None
    return plan.integrator == "heun" and bool(np.all(coupling.delay > 0))


def weave_delayed_sum(coupling: PlanCoupling, count: int, factor: Floats | None) -> PlanCoupling:
    """Return a delayed sum within every lane: connections are kept once for all lanes."""
    return replace(
        coupling,
        pre=coupling.pre * count,
        post=coupling.post * count,
        pre_position=coupling.pre_position * count,
        post_position=coupling.post_position * count,
        lanes=count,
        factor=factor,
    )


def weave_coupling(coupling: PlanCoupling, count: int, factor: Floats | None) -> PlanCoupling:
    """Return a coupling within every lane: each connection is repeated."""
    m = coupling.pre.size
    lane = np.arange(count)

    def of_all(ids: Ints) -> Ints:
        return (ids[:, None] * count + lane).ravel()

    post = of_all(coupling.post)
    # By target, and for each in the order of one simulation, in which it is summed.
    order = np.argsort(post, kind="stable")
    weight = coupling.weight[:, None] * (np.ones(count) if factor is None else factor)

    def of_each(value: Any) -> Any:
        return np.repeat(value, count)[order] if np.ndim(value) else value

    assert weight.shape == (m, count)
    return replace(
        coupling,
        pre=of_all(coupling.pre)[order],
        post=post[order],
        pre_position=of_all(coupling.pre_position)[order],
        post_position=of_all(coupling.post_position)[order],
        weight=np.ascontiguousarray(weight.ravel()[order]),
        delay=None if coupling.delay is None else of_each(coupling.delay),
        parameters={k: of_each(v) for k, v in coupling.parameters.items()},
        targets=of_all(coupling.targets),
    )


def weave_recorders(recorders: Sequence[PlanRecorder], count: int) -> list[PlanRecorder]:
    """Return recorders of all lanes: one where single nodes are kept, one per lane of a mean."""
    made: list[PlanRecorder] = []
    for r in recorders:
        if r.reduce == "none":
            ids = (r.ids[:, None] * count + np.arange(count)).ravel()
            made.append(replace(r, index=len(made), ids=ids))
            continue
        for lane in range(count):
            made.append(replace(r, index=len(made), ids=r.ids * count + lane))
    return made


def samples_of_lane(
    recorders: Sequence[PlanRecorder], samples: Mapping[int, np.ndarray], count: int, lane: int
) -> dict[int, np.ndarray]:
    """Return what the recorders of one simulation have: recorder index -> (n_samples, n).

    Parameters
    ----------
    recorders : sequence of PlanRecorder
        Of one simulation.
    samples : mapping
        What `weave_recorders` of them recorded.
    """
    found: dict[int, np.ndarray] = {}
    at = 0
    for r in recorders:
        if r.reduce == "none":
            array = samples[at]
            found[r.index] = array.reshape(len(array), -1, count)[:, :, lane]
            at += 1
        else:
            found[r.index] = samples[at + lane]
            at += count
    return found
