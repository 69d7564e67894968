"""A network in Lava's floating-point models: LIF as described, without an integer.

One step of Lava's LIF is ours, see `neurosim_backends.loihi.quantise`, with v = V_m - zero and
u = k I, both in mV. Nothing is rounded but by the order of floating-point operations.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from neurosim.errors import CapacityError
from neurosim.lower.plan import Floats, Ints, Plan, PlanPopulation
from neurosim_backends.lava.client import Worker
from neurosim_backends.lava.jobs import given_arrays, spikes_of
from neurosim_backends.loihi.chip import Generators, Given, Seen
from neurosim_backends.loihi.quantise import (
    Meaning,
    Step,
    Stored,
    Synapses,
    drives_of,
    initial_current,
    injected,
    step_of,
    synapses_of,
)


@dataclass(frozen=True, kw_only=True)
class FloatCompartments:
    """Neurons of one population.

    Attributes
    ----------
    name : str
    du, dv : float
        What u and v lose in a step, as parts.
    vth : float
        Fires above it [mV].
    bias, u, v : (n,) float64
        [mV]; u and v at the start.
    """

    name: str
    du: float
    dv: float
    vth: float
    bias: Floats
    u: Floats
    v: Floats

    @property
    def size(self) -> int:
        """Number of neurons."""
        return self.v.size


@dataclass(frozen=True, kw_only=True)
class FloatGroup:
    """Synapses between two populations, no pair twice; weights in mV, slots in steps."""

    name: str
    pre: int
    post: int
    pre_id: Ints
    post_id: Ints
    weight: Floats
    slot: Ints
    graded: bool


@dataclass(frozen=True, kw_only=True)
class FloatNetwork:
    """Populations and groups; the index of a population is its place."""

    populations: tuple[FloatCompartments | Generators, ...]
    groups: tuple[FloatGroup, ...]

    @property
    def offsets(self) -> Ints:
        """Id of the first neuron of each population, and the number of all."""
        sizes = [p.size for p in self.populations]
        return np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])

    @property
    def size(self) -> int:
        """Number of neurons, generators included."""
        return int(self.offsets[-1])


@dataclass(frozen=True, kw_only=True)
class Described:
    """A network for Lava's floating point, with what `Quantised` has for sessions."""

    network: FloatNetwork
    meanings: Mapping[int, Meaning]
    stored: Mapping[int, list[Stored]]
    learned: Mapping[int, list[Stored]]
    drives: Mapping[tuple[int, int], int]
    drive_targets: Mapping[tuple[int, int], Ints]
    approximations: list[dict[str, Any]]
    scales: Mapping[int, Any] = field(default_factory=dict)
    inputs: Mapping[int, Any] = field(default_factory=dict)


def describe(plan: Plan) -> Described:
    """Return a plan as Lava's floating-point models have it.

    Raises
    ------
    CapacityError
        If a current at the start has no time to be read.
    """
    drives, targets, generators = drives_of(plan)
    synapses = synapses_of(plan, drives, targets)
    populations: list[FloatCompartments | Generators] = []
    meanings: dict[int, Meaning] = {}
    groups: list[FloatGroup] = []
    for p in plan.populations:
        if p.spec is None:
            populations.append(Generators(name=p.name, size=p.size))
            continue
        step = step_of(p, plan.dt, injected(plan, p))
        made, meanings[p.index] = _compartments(p, step)
        populations.append(made)
        groups += [_group(s, step) for s in synapses if s.post == p.index and s.weight.size]
    return Described(
        network=FloatNetwork(populations=(*populations, *generators), groups=tuple(groups)),
        meanings=meanings, stored={}, learned={}, drives=drives, drive_targets=targets,
        approximations=[],
    )  # fmt: skip


def _compartments(p: PlanPopulation, step: Step) -> tuple[FloatCompartments, Meaning]:
    assert p.spec is not None
    currents = [s for s in p.spec.states if s != "V_m"]
    threshold = float(np.asarray(p.parameters["V_th"]).flat[0]) - step.zero
    begins = np.broadcast_to(np.asarray(p.initial["V_m"], np.float64), p.size) - step.zero
    total = initial_current(p, currents)
    if np.any(total) and step.p == 0:
        raise CapacityError(
            f"Population {p.name!r}: a current at the start is gone within the first step at this "
            f"dt. Leave it out, or use a shorter dt."
        )
    u = total * step.k / step.p if np.any(total) else np.zeros(p.size)
    made = FloatCompartments(
        name=p.name, du=1.0 - step.p, dv=1.0 - step.a,
        # Lava fires above its threshold, ours at it.
        vth=float(np.nextafter(threshold, -np.inf)),
        bias=np.asarray(np.broadcast_to(step.c, p.size), np.float64), u=u, v=begins,
    )  # fmt: skip
    meaning = Meaning(
        zero=step.zero, span=1.0, units=1, current_scale=step.k,
        receptor=currents[0] if len(currents) == 1 else "",
    )  # fmt: skip
    return made, meaning


def _group(s: Synapses, step: Step) -> FloatGroup:
    onto_current = bool(step.k) and s.receptor not in step.jumps
    return FloatGroup(
        name=s.name, pre=s.pre, post=s.post, pre_id=s.pre_id, post_id=s.post_id,
        weight=s.weight * step.jumps.get(s.receptor, step.k),
        slot=s.delay if onto_current else np.maximum(s.delay - 1, 0), graded=s.graded,
    )  # fmt: skip


def run_floats(
    worker: Worker, network: FloatNetwork, n_steps: int, given: Given, *, timeout: float
) -> Seen:
    """Run a network in Lava from its start; the states of all neurons are told, as floats.

    Raises
    ------
    WorkerError
        If Lava does not finish, with what it printed.
    """
    populations: list[dict[str, Any]] = []
    arrays: dict[str, npt.NDArray[Any]] = {}
    for k, p in enumerate(network.populations):
        if isinstance(p, Generators):
            populations.append({"kind": "generators", "size": p.size})
            arrays |= given_arrays(k, network.offsets, given, n_steps)
            continue
        registers = {"name": p.name, "size": p.size, "du": p.du, "dv": p.dv, "vth": p.vth}
        populations.append({"kind": "compartments", **registers})
        arrays |= {f"p{k}_bias_mant": p.bias, f"p{k}_bias_exp": np.zeros(p.size)}
        arrays |= {f"p{k}_u": p.u, f"p{k}_v": p.v, f"p{k}_watched": np.arange(p.size)}
    groups = []
    for k, g in enumerate(network.groups):
        facts = {"name": g.name, "pre": g.pre, "post": g.post, "graded": g.graded}
        groups.append({**facts, "learning": None})
        arrays |= {f"g{k}_pre": g.pre_id, f"g{k}_post": g.post_id}
        arrays |= {f"g{k}_weight": g.weight, f"g{k}_slot": g.slot}
    job = {
        "populations": populations, "groups": groups, "convolutions": [], "n_steps": n_steps,
        "tag": "floating_pt",
    }  # fmt: skip
    found = worker.run(job, arrays, timeout)
    u, v = (np.zeros((n_steps, network.size)) for _ in range(2))
    offsets = network.offsets
    indices = [k for k, p in enumerate(network.populations) if isinstance(p, FloatCompartments)]
    for k in indices:
        u[:, offsets[k] : offsets[k + 1]] = found[f"p{k}_u"]
        v[:, offsets[k] : offsets[k + 1]] = found[f"p{k}_v"]
    step, neuron, many = spikes_of(found, indices, offsets)
    nothing = np.zeros_like(u)
    return Seen(step=step, neuron=neuron, many=many, u=u, v=v, residue=nothing)  # type: ignore[arg-type]
