"""Hypotheses about synapses, read off what arrives on the other side beyond what should."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from neurosim.compare import variants
from neurosim.compare.hypotheses import MOST_STEPS, Family, Hypothesis, snapped
from neurosim.compare.retracing import (
    Bools,
    Evidence,
    Redone,
    Wiring,
    arrivals_of,
    reaches,
    receptor_arrivals,
    redo,
)
from neurosim.lower.plan import Floats, Ints, Plan, PlanPopulation

FEW = 8
"""Single synapses are looked at where so few neurons receive something else."""


@dataclass(frozen=True)
class Excess:
    """What arrived at a receptor on the other side beyond what should have.

    amount : (n_steps, size)    in the unit of the weight; 0 where nothing can be said
    known : (n_steps, size)     where something can be said
    evidence : Evidence
    """

    amount: Floats
    known: Bools
    evidence: Evidence


def excess_of(
    plan: Plan, wiring: Wiring, index: int, evidence: Evidence, redone: Redone, tolerance: float
) -> dict[str, Excess]:
    """Return the excess at every receptor whose arrivals can be told from a recorded state."""
    population = plan.populations[index]
    spec = population.spec
    assert spec is not None
    found: dict[str, Excess] = {}
    for receptor in spec.receptors:
        if receptor.kind == "jump":
            if receptor.target not in redone.remainder:
                continue
            amount = redone.remainder[receptor.target]
            written = {line.name for line in spec.reset}
            known = np.ones(amount.shape, bool)
            if receptor.target in written:
                known &= ~redone.fired
            if receptor.target in spec.clamped:
                known &= redone.active
            scale = np.abs(evidence.piece.states[population.name, receptor.target]).max(initial=0)
        else:
            felt = _felt(plan, wiring, index, evidence, redone, receptor.name)
            if felt is None:
                continue
            amount, known, scale = felt
        amount = np.where(known & (np.abs(amount) > tolerance * scale), amount, 0.0)
        found[receptor.name] = Excess(amount, known, evidence)
    return found


def _felt(
    plan: Plan, wiring: Wiring, index: int, evidence: Evidence, redone: Redone, receptor: str
) -> tuple[Floats, Bools, float] | None:
    """What a pulse must have been beyond what it is, from the state that reads it most."""
    arrivals = receptor_arrivals(plan, wiring, plan.populations[index], evidence)
    step = 1e-4 * max(1.0, float(np.abs(arrivals[receptor]).max(initial=0.0)))
    up, down = (
        redo(plan, wiring, index, evidence, arrivals={**arrivals, receptor: arrivals[receptor] + h})
        for h in (step, -step)
    )
    best = None
    for state in redone.remainder:
        slope = (up.after[state] - down.after[state]) / (2 * step)
        if best is None or np.abs(slope).max() > np.abs(best[1]).max():
            best = state, slope
    if best is None or not np.abs(best[1]).max() > 0:
        return None
    state, slope = best
    known = ~redone.fired & (np.abs(slope) > 1e-6 * np.abs(slope).max())
    amount = np.where(known, redone.remainder[state] / np.where(known, slope, 1.0), 0.0)
    scale = float(np.abs(redone.after[state]).max()) / float(np.abs(slope).max())
    return amount, known, scale


def projections_onto(plan: Plan, population: PlanPopulation) -> list[int]:
    """Return the places of the projections that reach a population."""
    return [k for k, p in enumerate(plan.projections) if reaches(p, population)]


def reached(plan: Plan, place: int) -> tuple[int, ...]:
    """Return the populations that a projection reaches."""
    return tuple(p.index for p in plan.populations if reaches(plan.projections[place], p))


def whole_projections(
    plan: Plan, wiring: Wiring, index: int, excess: Sequence[dict[str, Excess]]
) -> Iterator[Hypothesis | Family]:
    """List what could be wrong with projections and drives onto a population as wholes.

    Parameters
    ----------
    excess : sequence
        `excess_of` for each piece of evidence.
    """
    population = plan.populations[index]
    for place in projections_onto(plan, population):
        projection = plan.projections[place]
        part = f"Projection '{projection.name}'"
        touched = reached(plan, place)
        brought = []
        for piece in excess:
            if projection.receptor in piece:
                e = piece[projection.receptor]
                a = arrivals_of(plan, wiring, projection, population, e.evidence)
                brought.append((e, np.where(e.known, a, 0.0)))
        overlap = sum(float((e.amount * a).sum()) for e, a in brought)
        power = sum(float((a * a).sum()) for _, a in brought)
        if not brought:
            # Where spikes arrive is not recorded: what they do there is found by trying.
            yield weight_family(plan, place)
            yield from _receptors(plan, place, part, touched)
            for n in (1, -1, 2, -2):
                yield _shift(plan, place, n, touched)
        if power == 0:
            continue
        share = overlap / power
        if share != 0:
            yield weight_family(plan, place)
        if share < -0.2:
            yield from _receptors(plan, place, part, touched)
        if share < 0:
            yield from _shifts(plan, wiring, index, place, brought, touched)
        if abs(share) < 0.2:
            yield from _roundings(plan, place, part, touched)
    for number, drive in enumerate(plan.drives):
        here = (drive.ids >= population.offset) & (drive.ids < population.offset + population.size)
        if here.any() and any(np.any(e.get(drive.receptor) is not None) for e in excess):
            yield drive_family(plan, number)
            for other in variants.receptors_of(plan, index):
                if other != drive.receptor:
                    yield _drive_receptor(plan, number, other, (index,))


def _targets(plan: Plan, number: int) -> tuple[int, ...]:
    ids = plan.drives[number].ids
    return tuple(
        p.index for p in plan.populations if np.any((ids >= p.offset) & (ids < p.offset + p.size))
    )


def weight_family(plan: Plan, place: int) -> Family:
    """Return the factors by which all weights of a projection may be multiplied."""
    projection = plan.projections[place]
    part = f"Projection '{projection.name}'"

    def make(factor: float) -> Hypothesis:
        none = factor == 0
        text = (
            f"No synapse of projection '{projection.name}' has an effect."
            if none
            else f"All weights of projection '{projection.name}' are multiplied by {factor:.8g}."
        )
        return Hypothesis(
            kind="missing synapse" if none else "weight", part=part, what="all", size=factor,
            unit="factor", text=text, rank=1 if none else 4, populations=reached(plan, place),
            wiring=True, change=lambda p: variants.with_weights_scaled(p, place, factor),
        )  # fmt: skip

    return Family(
        name=f"weights of {part}", start=1.0, scale=1.0, positive=False, make=make,
        populations=reached(plan, place), wiring=True,
    )  # fmt: skip


def drive_family(plan: Plan, number: int) -> Family:
    """Return the factors by which the weights of a drive may be multiplied."""
    touched = _targets(plan, number)
    names = " + ".join(repr(plan.populations[k].name) for k in touched)

    def make(factor: float) -> Hypothesis:
        return Hypothesis(
            kind="weight", part=f"Drive of {names}", what="all", size=factor, unit="factor",
            text=f"The weights of the drive of {names} are multiplied by {factor:.8g}.", rank=4,
            change=lambda p: variants.with_drive_scaled(p, number, factor), populations=touched,
            wiring=True,
        )  # fmt: skip

    return Family(
        name=f"weights of the drive of {names}", start=1.0, scale=1.0, positive=False, make=make,
        populations=touched, wiring=True,
    )  # fmt: skip


def coupling_families(plan: Plan, index: int) -> Iterator[Family]:
    """List the factors by which continuous couplings onto a population may be multiplied."""
    spec = plan.populations[index].spec
    assert spec is not None
    for place, coupling in enumerate(plan.couplings):
        touched = tuple(
            p.index
            for p in plan.populations
            if np.any((coupling.post >= p.offset) & (coupling.post < p.offset + p.size))
        )
        if index in touched and coupling.coupling in {c.name for c in spec.couplings}:
            yield _coupling_family(place, coupling.name, touched)


def _coupling_family(place: int, name: str, touched: tuple[int, ...]) -> Family:
    def make(factor: float) -> Hypothesis:
        return Hypothesis(
            kind="weight", part=f"Projection '{name}'", what="all", size=factor, unit="factor",
            text=f"All weights of projection '{name}' are multiplied by {factor:.8g}.", rank=4,
            change=lambda p: variants.with_coupling_scaled(p, place, factor), populations=touched,
        )  # fmt: skip

    return Family(
        name=f"weights of Projection '{name}'", start=1.0, scale=1.0, positive=False, make=make,
        populations=touched,
    )  # fmt: skip


def _drive_receptor(plan: Plan, number: int, other: str, touched: tuple[int, ...]) -> Hypothesis:
    name = plan.populations[touched[0]].name
    given = plan.drives[number].receptor
    return Hypothesis(
        kind="receptor", part=f"Drive of '{name}'", what=other, size=None, unit="",
        text=f"The drive of '{name}' arrives at receptor '{other}' instead of '{given}'.",
        change=lambda p: variants.with_drive_receptor(p, number, other), populations=touched,
        rank=1, wiring=True,
    )  # fmt: skip


def _other_receptor(
    place: int, part: str, given: str, other: str, touched: tuple[int, ...]
) -> Hypothesis:
    return Hypothesis(
        kind="receptor", part=part, what=other, size=None, unit="",
        text=f"{part} arrives at receptor '{other}' instead of '{given}'.", rank=1,
        change=lambda p: variants.with_receptor(p, place, other), populations=touched, wiring=True,
    )  # fmt: skip


def _receptors(plan: Plan, place: int, part: str, touched: tuple[int, ...]) -> Iterator[Hypothesis]:
    given = plan.projections[place].receptor
    names = [set(variants.receptors_of(plan, k)) for k in touched]
    for other in sorted(set.intersection(*names) - {given}):
        yield _other_receptor(place, part, given, other, touched)


def _shifts(
    plan: Plan, wiring: Wiring, index: int, place: int, brought: list[tuple[Excess, Floats]],
    touched: tuple[int, ...],
) -> Iterator[Hypothesis]:  # fmt: skip
    """List whole-step shifts of all delays, the likeliest first, at most three."""
    misfit: dict[int, float] = {}
    for n in range(-MOST_STEPS, MOST_STEPS + 1):
        if n == 0:
            continue
        total = 0.0
        for e, a in brought:
            later = np.zeros_like(a)
            if n > 0:
                later[n:] = a[:-n]
            else:
                later[:n] = a[-n:]
            total += float((np.where(e.known, e.amount - later + a, 0.0) ** 2).sum())
        misfit[n] = total
    for n in sorted(misfit, key=lambda n: misfit[n])[:3]:
        yield _shift(plan, place, n, touched)


def _shift(plan: Plan, place: int, n: int, touched: tuple[int, ...]) -> Hypothesis:
    name, size = plan.projections[place].name, n * plan.dt
    return Hypothesis(
        kind="delay", part=f"Projection '{name}'", what="all", size=size, unit="ms", rank=1,
        text=f"All delays of projection '{name}' are {_steps(n)} ({size:+g} ms).",
        change=lambda p: variants.with_delays_shifted(p, place, n), populations=touched,
        wiring=True,
    )  # fmt: skip


def _steps(n: int) -> str:
    return f"{abs(n)} step{'s' if abs(n) > 1 else ''} {'longer' if n > 0 else 'shorter'}"


def _roundings(plan: Plan, place: int, part: str, touched: tuple[int, ...]) -> Iterator[Hypothesis]:
    if np.unique(variants.weights_of(variants.listed(plan, place))).size < 2:
        return
    for bits in range(2, 25):
        yield Hypothesis(
            kind="quantisation", part=part, what=f"{bits} bits", size=float(bits), unit="bits",
            text=f"The weights of {part[0].lower()}{part[1:]} are rounded to {bits} bits.", rank=4,
            change=lambda p, bits=bits: variants.with_rounded_weights(p, place, bits),  # type: ignore[misc]
            populations=touched, wiring=True,
        )  # fmt: skip


# --- single synapses ----------------------------------------------------------------------------


def single_synapses(
    plan: Plan, wiring: Wiring, index: int, excess: Sequence[dict[str, Excess]]
) -> Iterator[Hypothesis]:
    """List single synapses that would explain what one neuron receives beyond what it should."""
    population = plan.populations[index]
    neurons = {
        int(k) for piece in excess for e in piece.values()
        for k in np.flatnonzero((e.amount != 0).any(axis=0))
    }  # fmt: skip
    if not 0 < len(neurons) <= FEW:
        return
    for neuron in sorted(neurons):
        for receptor in variants.receptors_of(plan, index):
            pieces = [piece[receptor] for piece in excess if receptor in piece]
            beyond, known = _beyond(pieces, neuron)
            if not beyond:
                continue
            yield from _of_neuron(
                plan, wiring, population, neuron, receptor, beyond, known, pieces[-1].evidence
            )


def _beyond(pieces: list[Excess], neuron: int) -> tuple[dict[int, float], set[int]]:
    """Return label -> excess of one neuron, and the labels at which something can be said."""
    beyond: dict[int, float] = {}
    known: set[int] = set()
    for e in pieces:
        labels = e.evidence.piece.first_step + 1 + np.arange(e.amount.shape[0])
        column = e.amount[:, neuron]
        beyond |= {int(labels[k]): float(column[k]) for k in np.flatnonzero(column)}
        known |= {int(label) for label in labels[e.known[:, neuron]]}
    return beyond, known


def _of_neuron(
    plan: Plan, wiring: Wiring, population: PlanPopulation, neuron: int, receptor: str,
    beyond: dict[int, float], known: set[int], last: Evidence,
) -> Iterator[Hypothesis]:  # fmt: skip
    explained = False
    for place in projections_onto(plan, population):
        projection = plan.projections[place]
        if projection.receptor != receptor:
            continue
        found, _ = wiring.of(projection)
        mine = np.flatnonzero(projection.post[found.post_position] == population.offset + neuron)
        for c in mine.tolist():
            sender = int(projection.pre[found.pre_position[c]])
            spikes = last.labels[last.ids == sender]
            weight, delay = float(found.weight[c]), int(found.delay_steps[c])
            due = _counted(spikes + delay, known)
            if not due:
                continue
            change = _constant(beyond, due)
            if change is not None:
                explained = True
                yield _weight(plan, place, c, sender, population, neuron, weight, change)
            for n in range(-min(MOST_STEPS, delay - 1), MOST_STEPS + 1):
                if n and _same(beyond, _moved(spikes, delay, n, weight, known), weight):
                    explained = True
                    yield _delay(plan, place, c, sender, population, neuron, delay, n)
    if not explained and len({round(x, 9) for x in beyond.values()}) == 1:
        yield from _extra(plan, population, neuron, receptor, beyond, known, last)


def _counted(labels: Ints, known: set[int]) -> dict[int, int]:
    found: dict[int, int] = {}
    for label in labels.tolist():
        if label in known:
            found[label] = found.get(label, 0) + 1
    return found


def _constant(beyond: dict[int, float], due: dict[int, int]) -> float | None:
    """Return the change of weight that explains all excess, or None."""
    if beyond.keys() != due.keys():
        return None
    changes = [beyond[label] / n for label, n in due.items()]
    spread = max(changes) - min(changes)
    return float(np.median(changes)) if spread <= 1e-6 * max(map(abs, changes)) else None


def _moved(spikes: Ints, delay: int, n: int, weight: float, known: set[int]) -> dict[int, float]:
    """Return the excess that a delay longer by n steps would bring."""
    found: dict[int, float] = {}
    for labels, sign in ((spikes + delay, -weight), (spikes + delay + n, weight)):
        for label in labels.tolist():
            if label in known:
                found[label] = found.get(label, 0.0) + sign
    return {label: x for label, x in found.items() if abs(x) > 1e-9 * abs(weight)}


def _same(one: dict[int, float], two: dict[int, float], weight: float) -> bool:
    return one.keys() == two.keys() and all(abs(one[k] - two[k]) <= 1e-6 * abs(weight) for k in one)


def _names(plan: Plan, sender: int, population: PlanPopulation, neuron: int) -> str:
    origin = next(p for p in plan.populations if p.offset <= sender < p.offset + p.size)
    return f"{origin.name}[{sender - origin.offset}] -> {population.name}[{neuron}]"


def _unit(population: PlanPopulation, receptor: str) -> str:
    assert population.spec is not None
    return next(r.unit for r in population.spec.receptors if r.name == receptor)


def _weight(
    plan: Plan, place: int, connection: int, sender: int, population: PlanPopulation, neuron: int,
    weight: float, change: float,
) -> Hypothesis:  # fmt: skip
    projection = plan.projections[place]
    unit, names = _unit(population, projection.receptor), _names(plan, sender, population, neuron)
    gone = abs(weight + change) <= 1e-7 * abs(weight)
    part = f"Projection '{projection.name}'"
    if gone:
        return Hypothesis(
            kind="missing synapse", part=part, what=names, size=-weight, unit=unit,
            text=f"The synapse {names} of projection '{projection.name}' ({weight:.6g} {unit}) is "
            "missing.",
            rank=1, change=lambda p: variants.without_connection(p, place, connection),
            populations=(population.index,), wiring=True,
        )  # fmt: skip
    value = snapped(weight + change, weight, 1e-6 * abs(change))
    return Hypothesis(
        kind="weight", part=part, what=names, size=value - weight, unit=unit,
        text=f"The weight of the synapse {names} of projection '{projection.name}' is "
        f"{value:.8g} instead of {weight:.8g} {unit}.",
        rank=3, change=lambda p: variants.with_weight(p, place, connection, value),
        populations=(population.index,), wiring=True,
    )  # fmt: skip


def _delay(
    plan: Plan, place: int, connection: int, sender: int, population: PlanPopulation, neuron: int,
    delay: int, n: int,
) -> Hypothesis:  # fmt: skip
    projection = plan.projections[place]
    names = _names(plan, sender, population, neuron)
    return Hypothesis(
        kind="delay", part=f"Projection '{projection.name}'", what=names, size=n * plan.dt,
        unit="ms", rank=1, populations=(population.index,), wiring=True,
        text=f"The delay of the synapse {names} of projection '{projection.name}' is "
        f"{(delay + n) * plan.dt:g} instead of {delay * plan.dt:g} ms.",
        change=lambda p: variants.with_delay(p, place, connection, delay + n),
    )  # fmt: skip


def _extra(
    plan: Plan, population: PlanPopulation, neuron: int, receptor: str, beyond: dict[int, float],
    known: set[int], last: Evidence,
) -> Iterator[Hypothesis]:  # fmt: skip
    """List synapses that are not there, but would bring the excess."""
    weight = next(iter(beyond.values()))
    first = min(beyond)
    unit = _unit(population, receptor)
    places = [
        k for k in projections_onto(plan, population) if plan.projections[k].receptor == receptor
    ]
    longest = max(
        (int(np.max(variants.delays_of(variants.listed(plan, k)), initial=1)) for k in places),
        default=1,
    )
    for delay in range(1, longest + MOST_STEPS + 1):
        for sender in np.unique(last.ids[last.labels == first - delay]).tolist():
            spikes = last.labels[last.ids == sender]
            if _counted(spikes + delay, known).keys() != beyond.keys():
                continue
            for place in places:
                p = plan.projections[place]
                pre = np.flatnonzero(p.pre == sender)
                post = np.flatnonzero(p.post == population.offset + neuron)
                if pre.size and post.size:
                    names = _names(plan, sender, population, neuron)
                    a, b = int(pre[0]), int(post[0])
                    yield Hypothesis(
                        kind="extra synapse", part=f"Projection '{p.name}'", what=names,
                        size=weight, unit=unit, rank=3, populations=(population.index,),
                        text=f"There is a synapse {names} more in projection '{p.name}', of "
                        f"{weight:.6g} {unit} and {delay * plan.dt:g} ms.",
                        change=lambda q, place=place, a=a, b=b, delay=delay: (  # type: ignore[misc]
                            variants.with_extra_connection(q, place, a, b, weight, delay)
                        ),
                        wiring=True,
                    )  # fmt: skip
