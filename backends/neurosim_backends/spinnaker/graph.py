"""A network as sPyNNaker sees it: vertices, and edges between them with their synapses."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from neurosim.describe.network import Network
from neurosim.describe.sources import Poisson
from neurosim.engine.wiring import enumerate_connections
from neurosim.features import neuron_key
from neurosim.fit.report import Misfit
from neurosim.lower.plan import Draw, Floats, Ints, Plan, PlanPopulation
from neurosim_backends.spinnaker.declared import MODELS

TO_THOUSANDTHS = 1e-3
"""pA, pF and nS are nA, nF and uS with PyNN."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vertex:
    """A population of PyNN.

    Attributes
    ----------
    name : str
        Of our population; of a drive, what it drives.
    size : int
    model : str
        Of PyNN.
    parameters : mapping of str to number or (size,) float64
        In PyNN's units.
    times : tuple of (n,) float64
        Of SpikeSourceArray: spike times of each neuron [ms].
    """

    name: str
    size: int
    model: str
    parameters: Mapping[str, Any]
    times: tuple[Floats, ...] = ()

    @property
    def is_source(self) -> bool:
        """Whether it has no neurons."""
        return self.model.startswith("SpikeSource")


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """A projection of PyNN.

    Attributes
    ----------
    part : str
        "Projection 'exc->inh'", or the drive.
    pre, post : int
        Indices of vertices.
    receptor : str
        "excitatory" or "inhibitory".
    pre_id, post_id : (n,) int64
    weight : (n,) float64
        As PyNN has it; not negative.
    delay : (n,) int64
        [steps]
    per_weight : float
        PyNN's weight for a weight of 1 of ours.
    one_to_one : bool
        Whether it is PyNN's OneToOneConnector with one weight and delay.
    """

    part: str
    pre: int
    post: int
    receptor: str
    pre_id: Ints
    post_id: Ints
    weight: Floats
    delay: Ints
    per_weight: float
    one_to_one: bool = False


def vertices_of(network: Network, plan: Plan) -> list[Vertex]:
    """Return vertices: populations in their order, then a source for each drive of a population."""
    found = []
    for p in plan.populations:
        if p.source is None:
            found.append(_neurons(network, p))
        elif isinstance(p.source, Poisson):
            rate = np.asarray(p.source.rate, np.float64)
            found.append(_poisson(p.name, p.size, rate))
        else:
            times = tuple(np.asarray(t, np.float64) for t in p.source.trains)
            found.append(
                Vertex(name=p.name, size=p.size, model="SpikeSourceArray", parameters={},
                       times=times)
            )  # fmt: skip
    for drive, p, chosen in _driven(plan):
        rate = np.asarray(plan.drives[drive].source.rate, np.float64)
        rate = rate[chosen] if rate.ndim else rate
        found.append(_poisson(f"drive {drive} of {p.name}", chosen.size, rate))
    return found


def _poisson(name: str, size: int, rate: Floats) -> Vertex:
    value = float(rate) if rate.ndim == 0 else rate
    return Vertex(name=name, size=size, model="SpikeSourcePoisson", parameters={"rate": value})


def _driven(plan: Plan) -> Iterator[tuple[int, PlanPopulation, Ints]]:
    """Yield drives with a population each, and the places of its neurons in the drive's ids."""
    for drive in plan.drives:
        for p in plan.populations:
            chosen = np.flatnonzero((drive.ids >= p.offset) & (drive.ids < p.offset + p.size))
            if chosen.size:
                yield drive.index, p, chosen


def _neurons(network: Network, p: PlanPopulation) -> Vertex:
    model = MODELS[neuron_key(network.populations[p.name].model)]
    ours = {name: np.asarray(value, np.float64) for name, value in p.parameters.items()}
    made: dict[str, Any]
    if model == "Izhikevich":
        made = {name: ours[name] for name in "abcd"}
        made["i_offset"] = ours["R"] * ours["I_e"]
    else:
        made = {
            "tau_m": ours["tau_m"], "cm": ours["C_m"] * TO_THOUSANDTHS, "v_rest": ours["E_L"],
            "v_thresh": ours["V_th"], "v_reset": ours.get("V_reset", ours["E_L"]),
            "tau_refrac": ours["t_ref"], "i_offset": ours["I_e"] * TO_THOUSANDTHS,
        }  # fmt: skip
    assert p.spec is not None
    names = [r.name for r in p.spec.receptors]
    for suffix, receptor in zip("EI", (names[0], names[-1]) if names else (), strict=False):
        for theirs, stem in ((f"tau_syn_{suffix}", "tau"), (f"e_rev_{suffix}", "E")):
            if f"{stem}_{receptor}" in ours:
                made[theirs] = ours[f"{stem}_{receptor}"]
    plain = {name: float(v) if np.ndim(v) == 0 else v for name, v in made.items()}
    return Vertex(name=p.name, size=p.size, model=model, parameters=plain)


def edges_of(plan: Plan, vertices: list[Vertex]) -> Iterator[Edge | Misfit]:
    """Yield edges, one projection after the other; what has a sign that its receptor has not."""
    offsets = np.array([p.offset for p in plan.populations])
    for projection in plan.projections:
        listed = enumerate_connections(projection, plan.seed, plan.dt)
        pre, post = projection.pre[listed.pre_position], projection.post[listed.post_position]
        pre_index = np.searchsorted(offsets, pre, side="right") - 1
        post_index = np.searchsorted(offsets, post, side="right") - 1
        keys = pre_index * len(offsets) + post_index
        whole = (
            projection.rule == "one_to_one" and _is_constant(projection.weight)
            and _is_constant(projection.delay_steps)
        )  # fmt: skip
        part = f"Projection {projection.name!r}"
        for key in np.unique(keys):
            at = keys == key
            source = plan.populations[int(key) // len(offsets)]
            target = plan.populations[int(key) % len(offsets)]
            yield from _signed(
                part, source.index, target, vertices[target.index], projection.receptor,
                pre[at] - source.offset, post[at] - target.offset, listed.weight[at],
                listed.delay_steps[at], plan.dt, whole and source.size == target.size,
            )  # fmt: skip
    for k, (number, p, chosen) in enumerate(_driven(plan)):
        drive = plan.drives[number]
        weight = np.broadcast_to(drive.weight, drive.ids.shape)[chosen].astype(np.float64)
        n = chosen.size
        yield from _signed(
            f"Drive of {p.name!r}", len(plan.populations) + k, p, vertices[p.index],
            drive.receptor, np.arange(n), drive.ids[chosen] - p.offset, weight,
            np.ones(n, np.int64), plan.dt, np.ndim(drive.weight) == 0 and n == p.size,
        )  # fmt: skip


def _is_constant(value: Draw | Floats | Ints) -> bool:
    return isinstance(value, Draw) and value.kind == 0


def _signed(
    part: str, pre: int, p: PlanPopulation, vertex: Vertex, receptor: str, pre_id: Ints,
    post_id: Ints, weight: Floats, delay: Ints, dt: float, one_to_one: bool,
) -> Iterator[Edge | Misfit]:  # fmt: skip
    """Yield the synapses onto a receptor as PyNN has them, whose receptors have a sign."""
    assert p.spec is not None
    names = [r.name for r in p.spec.receptors]
    one_to_one = one_to_one and bool(np.array_equal(pre_id, post_id)) and pre_id.size == p.size
    facts: dict[str, Any] = {"part": part, "pre": pre, "post": p.index}
    if len(names) == 1:
        sides = [("excitatory", weight >= 0, 1.0), ("inhibitory", weight < 0, -1.0)]
    else:
        inhibitory = receptor == "inh"
        sign = -1.0 if inhibitory and vertex.model != "IF_cond_exp" else 1.0
        wrong = sign * weight < 0
        if wrong.any():
            worst = weight[wrong][np.argmax(np.abs(weight[wrong]))]
            yield Misfit(
                part=part, field="weight", value=f"{worst:.4g} onto receptor {receptor!r}",
                limit=f"weights there are {'not positive' if sign < 0 else 'not negative'} on "
                f"SpiNNaker, as with PyNN",
                remedy=f"Project weights of this sign onto receptor "
                f"{'exc' if inhibitory else 'inh'!r}",
            )  # fmt: skip
            return
        sides = [("inhibitory" if inhibitory else "excitatory", weight == weight, sign)]
    for side, chosen, sign in sides:
        if not chosen.any():
            continue
        factor = _per_weight(p, vertex, dt)
        per_weight = float(np.broadcast_to(factor, p.size)[0])
        of_each = np.broadcast_to(factor, p.size)[post_id[chosen]]
        yield Edge(
            **facts, receptor=side, pre_id=pre_id[chosen], post_id=post_id[chosen],
            weight=sign * weight[chosen] * of_each, delay=delay[chosen], per_weight=per_weight,
            one_to_one=one_to_one and bool(chosen.all()) and bool(np.ptp(of_each) == 0),
        )  # fmt: skip


def _per_weight(p: PlanPopulation, vertex: Vertex, dt: float) -> Any:
    """Return PyNN's weight for a weight of 1 of ours: a number, or one for each neuron.

    A weight of Izhikevich's is added to the right side of the equation, in mV/ms; one of
    IF_curr_delta is a charge [nA ms] that flows in one step.
    """
    ours = {name: np.asarray(value, np.float64) for name, value in p.parameters.items()}
    if vertex.model == "Izhikevich":
        return ours["R"]
    if vertex.model == "IF_curr_delta":
        decay = dt / ours["tau_m"]
        return ours["C_m"] * TO_THOUSANDTHS * decay / -np.expm1(-decay)
    return TO_THOUSANDTHS


def bits_for(n: int) -> int:
    """Return the bits that tell n values apart, at least one (sPyNNaker: get_n_bits)."""
    return 1 if n == 1 else math.ceil(math.log2(n)) if n else 0
