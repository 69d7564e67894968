"""Every step of the other side done again by our equations, from the other side's own state.

A difference between two sides grows and spreads; the step in which one of them does something else
does not. So every recorded step is redone alone: from the states the other side had at t, and from
the spikes it had fired by then, our own equations (or a variant of them) say what it should have at
t + dt and which neurons should fire. What is left, the *remainder*, is zero up to rounding except
where and when the two sides mean different things.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from neurosim.compare.observing import Key, Piece
from neurosim.describe.projection import INJECTED
from neurosim.engine.replay import Chunk
from neurosim.engine.wiring import Connections, enumerate_connections
from neurosim.equations.evaluate import evaluate
from neurosim.lower.plan import (
    Floats,
    Ints,
    Plan,
    PlanCoupling,
    PlanPopulation,
    PlanProjection,
)

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """One piece of what the other side did, with what entered it from outside.

    Attributes
    ----------
    piece : Piece
        Of the other side.
    chunk : Chunk
        Random drive, noise and injected currents of the same steps.
    earlier_labels, earlier_ids : (n,) int64
        Spikes before the piece.
    hidden : mapping of (population, variable) to (size,) float64
        What variables that the other side cannot record are at the start of the piece, by our own
        equations.
    """

    piece: Piece
    chunk: Chunk
    earlier_labels: Ints
    earlier_ids: Ints
    hidden: Mapping[Key, Floats]

    @property
    def labels(self) -> Ints:
        """All spikes up to the end of the piece: labels."""
        return np.concatenate([self.earlier_labels, self.piece.labels])

    @property
    def ids(self) -> Ints:
        """The global ids that belong to `labels`."""
        return np.concatenate([self.earlier_ids, self.piece.ids])


@dataclass(frozen=True, kw_only=True)
class Redone:
    """The steps of one population in one piece, done again. Arrays are (n_steps, size).

    Attributes
    ----------
    before : mapping of str to array
        State at t + dt before threshold and reset, as the threshold sees it.
    after : mapping of str to array
        State at t + dt after the reset of those that fired on the other side.
    remainder : mapping of str to array
        The other side's state less `after`, of variables that it records.
    fires : (n_steps, size) bool
        Who should fire.
    fired : (n_steps, size) bool
        Who did.
    active : (n_steps, size) bool
        Who was not refractory, according to the spikes that were fired.
    hidden : mapping of str to (size,) array
        What unrecorded variables are at the end.
    """

    before: Mapping[str, Floats]
    after: Mapping[str, Floats]
    remainder: Mapping[str, Floats]
    fires: Bools
    fired: Bools
    active: Bools
    hidden: Mapping[str, Floats]


class Wiring:
    """Connections of projections, enumerated once each."""

    def __init__(self, seed: int, dt: float) -> None:
        self.seed = seed
        self.dt = dt
        self._kept: dict[int, tuple[PlanProjection, Connections, Ints]] = {}

    def of(self, projection: PlanProjection) -> tuple[Connections, Ints]:
        """Return the connections, and where those of each position of `pre` start."""
        kept = self._kept.get(id(projection))
        if kept is None or kept[0] is not projection:
            if len(self._kept) > 64:
                self._kept.clear()
            found = enumerate_connections(projection, self.seed, self.dt)
            start = np.searchsorted(found.pre_position, np.arange(projection.pre.size + 1))
            kept = self._kept[id(projection)] = (projection, found, start)
        return kept[1], kept[2]

    def deliveries(
        self, projection: PlanProjection, labels: Ints, ids: Ints
    ) -> tuple[Ints, Ints, Ints, Floats]:
        """Return connection, label of arrival, global target and weight of every spike's arrivals.

        Parameters
        ----------
        labels, ids : (n,) int64
            Spikes; those of other neurons than the projection's are left out.
        """
        found, start = self.of(projection)
        row_of = np.full(int(max(ids.max(initial=0), projection.pre.max())) + 1, -1, np.int64)
        row_of[projection.pre] = np.arange(projection.pre.size)
        rows = row_of[ids]
        known = rows >= 0
        rows, times = rows[known], labels[known]
        counts = start[rows + 1] - start[rows]
        first = np.repeat(start[rows] - np.concatenate([[0], np.cumsum(counts)[:-1]]), counts)
        connection = np.arange(int(counts.sum())) + first
        due = np.repeat(times, counts) + found.delay_steps[connection]
        post = projection.post[found.post_position[connection]]
        return connection, due, post, found.weight[connection]


def arrivals_of(
    plan: Plan, wiring: Wiring, projection: PlanProjection, population: PlanPopulation,
    evidence: Evidence,
) -> Floats:  # fmt: skip
    """Return what a projection brings to a population in a piece: (n_steps, size), summed weights.

    Row k is what is added at the end of step first_step + k.
    """
    piece = evidence.piece
    total = np.zeros((piece.n_steps, population.size))
    found, _ = wiring.of(projection)
    longest = int(found.delay_steps.max(initial=1))
    recent = evidence.labels > piece.first_step - longest
    _, due, post, weight = wiring.deliveries(
        projection, evidence.labels[recent], evidence.ids[recent]
    )
    row = due - 1 - piece.first_step
    local = post - population.offset
    inside = (row >= 0) & (row < piece.n_steps) & (local >= 0) & (local < population.size)
    flat = row[inside] * population.size + local[inside]
    total += np.bincount(flat, weight[inside], total.size).reshape(total.shape)
    return total


def receptor_arrivals(
    plan: Plan, wiring: Wiring, population: PlanPopulation, evidence: Evidence
) -> dict[str, Floats]:
    """Return what arrives at every receptor of a population: (n_steps, size) each."""
    spec = population.spec
    assert spec is not None
    shape = (evidence.piece.n_steps, population.size)
    total = {r.name: np.zeros(shape) for r in spec.receptors}
    for projection in plan.projections:
        if reaches(projection, population):
            total[projection.receptor] += arrivals_of(
                plan, wiring, projection, population, evidence
            )
    for drive in plan.drives:
        here = (drive.ids >= population.offset) & (drive.ids < population.offset + population.size)
        if not here.any():
            continue
        counts = evidence.chunk.counts[drive.index][:, here]
        weight = np.broadcast_to(np.asarray(drive.weight, np.float64), drive.ids.shape)[here]
        total[drive.receptor][:, drive.ids[here] - population.offset] += counts * weight
    return total


def reaches(projection: PlanProjection | PlanCoupling, population: PlanPopulation) -> bool:
    """Whether a projection or coupling has targets in a population."""
    post = projection.post
    return bool(np.any((post >= population.offset) & (post < population.offset + population.size)))


def redo(
    plan: Plan,
    wiring: Wiring,
    index: int,
    evidence: Evidence,
    *,
    neurons: Ints | None = None,
    arrivals: Mapping[str, Floats] | None = None,
) -> Redone:
    """Do the steps of one population in a piece again.

    Parameters
    ----------
    plan : Plan
        By whose meaning.
    index : int
        Of the population.
    neurons : (m,) int64, optional
        Local ids; then all arrays are (n_steps, m).
    arrivals : mapping of str to (n_steps, size) array, optional
        What `receptor_arrivals` returns for this plan, if it is known already.
    """
    population = plan.populations[index]
    spec = population.spec
    assert spec is not None
    piece, chunk = evidence.piece, evidence.chunk
    chosen = np.arange(population.size) if neurons is None else neurons
    if arrivals is None:
        arrivals = receptor_arrivals(plan, wiring, population, evidence)
    shape = (piece.n_steps, chosen.size)
    fired, active = _spiking(population, evidence)
    fired, active = fired[:, chosen], active[:, chosen]

    parameters = {
        n: v if np.ndim(v) == 0 else np.asarray(v)[chosen] for n, v in population.parameters.items()
    }
    values: dict[str, Any] = {
        **parameters, **spec.constants(parameters, plan.dt), "dt": plan.dt,
        "active": active.astype(np.float64), "I_injected": np.zeros(shape),
    }  # fmt: skip
    if index in chunk.injected:
        values["I_injected"] = chunk.injected[index][:, chosen]
    for k in range(spec.n_normals):
        values[f"normal_{k}"] = chunk.normals[index][:, k, chosen]
    for receptor in spec.receptors:
        if receptor.kind == "pulse":
            values[receptor.target] = arrivals[receptor.name][:, chosen]
    values |= _couplings(plan, index, evidence, chosen)
    if index in chunk.uniforms:
        values["uniform"] = chunk.uniforms[index][:, chosen]
    jumps = {
        r.name: (r.target, arrivals[r.name][:, chosen]) for r in spec.receptors if r.kind == "jump"
    }
    recorded = {
        s: piece.states_of((population.name, s), chosen)
        for s in spec.states
        if (population.name, s) in piece.states
    }
    hidden = [s for s in spec.states if s not in recorded]
    if not hidden:
        now: dict[str, Any] = {s: rows[:-1] for s, rows in recorded.items()}
        before, after, fires = _step(spec, {**values, **now}, jumps, fired, active)
        ends: dict[str, Floats] = {}
    else:
        ends = {s: evidence.hidden[population.name, s][chosen] for s in hidden}
        rows_before: dict[str, list[Floats]] = {s: [] for s in spec.states}
        rows_after: dict[str, list[Floats]] = {s: [] for s in spec.states}
        rows_fires: list[Bools] = []
        for k in range(piece.n_steps):
            at = {n: v[k] if np.shape(v) == shape else v for n, v in values.items()}
            at |= {s: rows[k] for s, rows in recorded.items()} | ends
            row = {n: (t, a[k]) for n, (t, a) in jumps.items()}
            b, a, f = _step(spec, at, row, fired[k], active[k])
            for s in spec.states:
                rows_before[s].append(b[s])
                rows_after[s].append(a[s])
            rows_fires.append(f)
            ends = {s: a[s] for s in hidden}
        before = {s: np.array(rows) for s, rows in rows_before.items()}
        after = {s: np.array(rows) for s, rows in rows_after.items()}
        fires = np.array(rows_fires)
    return Redone(
        before=before,
        after=after,
        remainder={s: rows[1:] - after[s] for s, rows in recorded.items()},
        fires=fires,
        fired=fired,
        active=active,
        hidden=ends,
    )


def _step(
    spec: Any, values: dict[str, Any], jumps: Mapping[str, tuple[str, Floats]], fired: Bools,
    active: Bools,
) -> tuple[dict[str, Floats], dict[str, Floats], Bools]:  # fmt: skip
    """Return the states as the threshold sees them, those after the reset, and who should fire."""
    shape = fired.shape
    with np.errstate(all="ignore"):
        for line in spec.program:
            values[line.name] = evaluate(line.expression, values)
        state = {
            s: np.array(np.broadcast_to(values[spec.next_names[s]], shape)) for s in spec.states
        }
        if spec.arrivals == "before_threshold":
            _jump(spec, state, jumps, active)
        before = {s: row.copy() for s, row in state.items()}
        fires = np.zeros(shape, bool)
        at = {**values, **state}
        if spec.threshold is not None:
            fires |= np.broadcast_to(evaluate(spec.threshold, at), shape)
        if spec.hazard is not None:
            fires |= at["uniform"] < -np.expm1(-evaluate(spec.hazard, at) * at["dt"])
        if spec.refractory is not None:
            fires &= active
        if spec.arrivals == "before_reset":
            _jump(spec, state, jumps, active)
        for line in spec.reset:
            value = evaluate(line.expression, {**values, **state})
            state[line.name] = np.where(fired, value, state[line.name])
        if spec.arrivals == "after_reset":
            _jump(spec, state, jumps, active)
    return before, state, fires


def _jump(
    spec: Any, state: dict[str, Floats], jumps: Mapping[str, tuple[str, Floats]], active: Bools
) -> None:
    for target, weight in jumps.values():
        held = target in spec.clamped and spec.refractory is not None
        lost = held and spec.refractory_arrivals == "lost"
        state[target] = state[target] + (np.where(active, weight, 0.0) if lost else weight)


def _spiking(population: PlanPopulation, evidence: Evidence) -> tuple[Bools, Bools]:
    """Return who fired in each step, and who was active: (n_steps, size) bool each."""
    piece = evidence.piece
    first, n = piece.first_step, piece.n_steps
    hold = np.broadcast_to(np.asarray(population.refractory_steps), population.size)
    longest = int(hold.max(initial=0))
    labels, ids = evidence.labels, evidence.ids
    mine = (ids >= population.offset) & (ids < population.offset + population.size)
    mine &= labels >= first - longest
    labels, local = labels[mine], ids[mine] - population.offset
    fired = np.zeros((n, population.size), bool)
    now = labels > first
    fired[labels[now] - 1 - first, local[now]] = True
    active = np.ones((n, population.size), bool)
    for label, neuron in zip(labels.tolist(), local.tolist(), strict=True):
        begin = max(label - first, 0)
        end = label - first + int(hold[neuron])
        if end > 0:
            active[begin:end, neuron] = False
    return fired, active


def _couplings(plan: Plan, index: int, evidence: Evidence, chosen: Ints) -> dict[str, Floats]:
    """Return what continuous couplings bring, from the states at t: (n_steps, m) each."""
    population = plan.populations[index]
    spec = population.spec
    assert spec is not None
    piece = evidence.piece
    total = {c.name: np.zeros((piece.n_steps, population.size)) for c in spec.couplings}
    diffusive = {c.name for c in spec.couplings if c.kind == "diffusive"}
    for coupling in plan.couplings:
        if coupling.coupling not in total:
            continue
        here = (coupling.post >= population.offset) & (
            coupling.post < population.offset + population.size
        )
        pre, local = coupling.pre[here], coupling.post[here] - population.offset
        weight = coupling.weight[here]
        for source in plan.populations:
            mine = (pre >= source.offset) & (pre < source.offset + source.size)
            if not mine.any() or (source.name, coupling.source) not in piece.states:
                continue
            read = piece.states[source.name, coupling.source][:-1][:, pre[mine] - source.offset]
            if coupling.coupling in diffusive:
                own = piece.states[population.name, coupling.source][:-1]
                read = read - own[:, local[mine]]
            onto = np.zeros((population.size, piece.n_steps))
            np.add.at(onto, local[mine], (read * weight[mine]).T)
            total[coupling.coupling] += onto.T
    symbols = {c.name: c.symbol for c in spec.couplings}
    return {symbols[name]: rows[:, chosen] for name, rows in total.items()}


def retraceable(plan: Plan, index: int) -> bool:
    """Whether all that enters a population is known, step by step.

    Not so with synapses that fail at random or learn, and with couplings that read the past,
    compute something of pairs of neurons, or are patterns.
    """
    population = plan.populations[index]
    if population.spec is None:
        return False
    return not (
        any(
            (p.release < 1.0 or p.plasticity is not None) and reaches(p, population)
            for p in plan.projections
        )
        or any(c.delay is not None or c.pair is not None for c in _onto(plan, population))
        or any(reaches(c, population) for c in plan.recurrences)
        or any(m.population == index for m in plan.memories)
    )


def alone(plan: Plan, index: int) -> bool:
    """Whether neurons of a population read no states of others: spikes and inputs enter them."""
    return not _onto(plan, plan.populations[index])


def _onto(plan: Plan, population: PlanPopulation) -> list[PlanCoupling]:
    """Return the couplings that bring states of neurons to a population."""
    return [c for c in plan.couplings if c.coupling != INJECTED and reaches(c, population)]


def hidden_at_start(plan: Plan, recorded: Sequence[Key] | frozenset[Key]) -> dict[Key, Floats]:
    """Return the initial values of all variables that are not recorded."""
    return {
        (p.name, s): np.array(np.broadcast_to(p.initial[s], p.size), np.float64)
        for p in plan.populations
        if p.spec is not None
        for s in p.spec.states
        if (p.name, s) not in recorded
    }
