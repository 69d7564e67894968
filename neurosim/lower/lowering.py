"""Lowering: a network and a time step -> a Plan."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from neurosim.describe.binary import Binary
from neurosim.describe.coupling import CouplingFunction
from neurosim.describe.currents import StepCurrent
from neurosim.describe.distributions import Distribution, FunctionOfDistance
from neurosim.describe.explicit import Conv2D, ExplicitRule, FromList, located
from neurosim.describe.model_protocol import is_source
from neurosim.describe.network import Network
from neurosim.describe.pattern_coupling import PatternCoupling
from neurosim.describe.plasticity import PlasticityRule
from neurosim.describe.population import Population
from neurosim.describe.positions import distances
from neurosim.describe.projection import Projection
from neurosim.describe.recorders import Recorder
from neurosim.describe.rules import (
    AllToAll,
    FixedIndegree,
    FixedOutdegree,
    FixedProbability,
    FixedTotalNumber,
    OneToOne,
)
from neurosim.describe.sources import RateSteps, SpikeTimes
from neurosim.equations.pairs import Pair
from neurosim.errors import CapacityError, DescriptionError
from neurosim.lower.plan import (
    Approximation,
    Draw,
    Floats,
    Ints,
    Plan,
    PlanCoupling,
    PlanDrive,
    PlanInjection,
    PlanMemory,
    PlanPopulation,
    PlanProjection,
    PlanRecorder,
)
from neurosim.lower.values import (
    LONGEST_HOLD,
    generator,
    lower_distribution,
    nearest_steps,
    realise_initial,
    realise_parameters,
    realise_past,
    sample,
)

DENSE_LIMIT = 400_000_000
"""Most entries of a dense (n_pre, n_post) table of weights or delays: 3.2 GB."""


def lower(network: Network, dt: float) -> Plan:
    """Return the Plan of a network at a time step.

    Parameters
    ----------
    dt : float
        Time step [ms].

    Raises
    ------
    DescriptionError
        If a delay is below one step, an interval of a recorder no multiple of dt, or a drawn
        parameter out of its range.
    """
    if not network.populations:
        raise DescriptionError(
            f"Network {network.name!r}: populations", 0, "at least one population",
            "Add one: net.population(name, size, model).",
        )  # fmt: skip
    populations = tuple(lower_population(p, network, dt) for p in network.populations.values())
    projections: list[PlanProjection] = []
    couplings: list[PlanCoupling] = []
    recurrences: list[PlanCoupling] = []
    memories: list[PlanMemory] = []
    index_of: dict[str, int] = {}
    for number, projection in enumerate(network.projections.values()):
        if isinstance(projection.rule, PatternCoupling):
            memories.append(lower_memory(projection, number))
        elif projection.continuous:
            for coupling in lower_coupling(projection, number, network):
                live, read_before = split_recurrence(coupling, populations)
                recurrences += live
                couplings += read_before
        else:
            index_of[projection.name] = len(projections)
            projections.append(lower_projection(projection, number, network, populations, dt))
    check_pasts(populations, couplings)
    recorders = [
        lower_recorder(r, k, index_of, populations, dt) for k, r in enumerate(network.recorders)
    ]
    return Plan(
        name=network.name,
        seed=network.seed,
        dt=dt,
        network_hash=network.content_hash(),
        populations=populations,
        projections=tuple(projections),
        couplings=tuple(couplings),
        recurrences=tuple(recurrences),
        memories=tuple(memories),
        drives=tuple(
            PlanDrive(k, d.target.ids, d.receptor, d.source, d.weight)
            for k, d in enumerate(network.drives)
        ),
        injections=tuple(
            PlanInjection(k, i.target.ids, i.current) for k, i in enumerate(network.injections)
        ),
        recorders=tuple(recorders),
        approximations=tuple(roundings(network, populations, dt)),
    )


def check_pasts(populations: tuple[PlanPopulation, ...], couplings: list[PlanCoupling]) -> None:
    """Refuse histories that no delayed coupling reads, or that are shorter than its delays."""
    for population in populations:
        for state, past in population.past.items():
            place = f"Population {population.name!r}: history of {state}"
            ids, longest = population.ids, {}
            for c in couplings:
                here = (c.pre >= ids.start) & (c.pre < ids.stop)
                if c.delay is not None and here.any() and state in states_read(c):
                    longest[c.name] = float(c.delay[here].max())
            if not longest:
                raise DescriptionError(
                    place, past.values, "one that coupling with delays reads",
                    "Without such, the value at t = 0 is all that counts: give a number.",
                )  # fmt: skip
            name = max(longest, key=lambda name: longest[name])
            if longest[name] > -past.times[0] + 1e-9:
                raise DescriptionError(
                    place, f"{-past.times[0]:g} ms", f"at least {longest[name]:g} ms, the longest "
                    f"delay of projection {name!r}",
                )  # fmt: skip


def states_read(coupling: PlanCoupling) -> set[str]:
    """Return the states of its source that a coupling reads."""
    learnt = coupling.plasticity.program.states["pre"] if coupling.plasticity is not None else ()
    return {coupling.source, *learnt} if coupling.pair is None else {*coupling.pair.pre, *learnt}


def roundings(
    network: Network, populations: tuple[PlanPopulation, ...], dt: float
) -> list[Approximation]:
    """List the times that are no multiples of dt and are rounded to the nearest step.

    One number that somebody wrote counts as written; arrays of times and drawn ones are seldom
    on any grid, and do not.
    """
    found = []
    how = f"rounded to the nearest step of {dt:g} ms"

    def rounded(part: str, times: Any, written: bool = False) -> None:
        off = np.abs(np.asarray(times, np.float64) - np.rint(np.asarray(times) / dt) * dt)
        if off.size and off.max() > 1e-9 * dt:
            found.append(Approximation(part, how, float(off.max()), "ms", written))

    for population in populations:
        part = f"Population {population.name!r}"
        spec, source = population.spec, population.source
        if spec is not None and spec.refractory is not None:
            rounded(f"{part}: {spec.refractory}", population.parameters[spec.refractory], True)
        if isinstance(source, SpikeTimes):
            rounded(f"{part}: spike times", source.flat[0])
        if isinstance(getattr(source, "rate", None), RateSteps):
            rounded(f"{part}: times of the rate", source.rate.times)  # type: ignore[union-attr]
    for projection in network.projections.values():
        if projection.continuous:
            continue
        part = f"Projection {projection.name!r}: delay"
        delay = projection.delay
        if isinstance(projection.rule, FromList) and projection.rule.delay is not None:
            delay = np.asarray(projection.rule.delay)
        if isinstance(delay, (Distribution, FunctionOfDistance)):
            found.append(Approximation(part, how, 0.5 * dt, "ms", written=False))
        elif delay is not None:
            times = np.asarray(delay, np.float64)
            rounded(part, times[times > 0], np.ndim(delay) == 0)
    for drive in network.drives:
        if isinstance(getattr(drive.source, "rate", None), RateSteps):
            rounded(f"Drive of {drive.target.label!r}: times of the rate", drive.source.rate.times)
    for injection in network.injections:
        if isinstance(injection.current, StepCurrent):
            part = f"Injection into {injection.target.label!r}: times"
            rounded(part, injection.current.times)
    return found


def lower_population(population: Population, network: Network, dt: float) -> PlanPopulation:
    """Lower one population."""
    if is_source(population.model):
        return PlanPopulation(
            index=population.index,
            name=population.name,
            size=population.size,
            shape=population.shape,
            offset=population.offset,
            spec=None,
            source=population.model,
            parameters={},
            initial={},
            refractory_steps=0,
        )
    spec = population.model.neuron_model().spec()
    parameters = realise_parameters(population, network.seed)
    initial = realise_initial(population, network.seed, network)
    steps: int | Ints = 0
    if spec.refractory is not None:
        place = f"Population {population.name!r}: {spec.refractory}"
        rounded = nearest_steps(parameters[spec.refractory], dt, place, LONGEST_HOLD)
        steps = int(rounded) if rounded.ndim == 0 else rounded
    return PlanPopulation(
        index=population.index,
        name=population.name,
        size=population.size,
        shape=population.shape,
        offset=population.offset,
        spec=spec,
        source=None,
        parameters=parameters,
        initial=initial,
        past=realise_past(population, initial, network),
        refractory_steps=steps,
        binary=population.model if isinstance(population.model, Binary) else None,
    )


def lower_projection(
    projection: Projection,
    number: int,
    network: Network,
    populations: tuple[PlanPopulation, ...],
    dt: float,
) -> PlanProjection:
    """Lower one projection of spikes."""
    rule = projection.rule
    place = f"Projection {projection.name!r}"
    facts: dict[str, Any] = {}
    weight: Draw | Floats
    delay: Draw | Ints
    if isinstance(rule, ExplicitRule):
        listed = rule.explicit(
            projection.pre, projection.post, generator(network.seed, "wiring", number)
        )
        facts = {"rule": "explicit", "explicit_pre": listed.pre, "explicit_post": listed.post}
        facts["convolution"] = rule if isinstance(rule, Conv2D) else None
        weight = (
            np.asarray(listed.weight, np.float64)
            if listed.weight is not None
            else lower_strength(projection.weight, projection, f"{place}: weight", listed)
        )
        delay = lower_delay(
            listed.delay if listed.delay is not None else projection.delay,
            projection, dt, listed,
        )  # fmt: skip
    else:
        facts = rule_facts(rule)
        weight = lower_strength(projection.weight, projection, f"{place}: weight", None)
        delay = lower_delay(projection.delay, projection, dt, None)
    return PlanProjection(
        index=number,
        name=projection.name,
        pre=projection.pre.ids,
        post=projection.post.ids,
        receptor=projection.receptor,
        post_receptor=receptor_indices(projection, populations),
        weight=weight,
        delay_steps=delay,
        release=projection.release,
        plasticity=rule_of(projection),
        modulators=None if projection.modulator is None else projection.modulator.ids,
        **facts,
    )


def rule_of(projection: Projection) -> PlasticityRule | None:
    """Return the plasticity rule of a projection as text."""
    named = projection.plasticity
    return None if named is None else named.plasticity_rule()


def rule_facts(rule: Any) -> dict[str, Any]:
    """Return the fields of a PlanProjection that a random or regular rule decides."""
    match rule:
        case AllToAll(autapses=autapses):
            return {"rule": "all_to_all", "autapses": autapses}
        case OneToOne():
            return {"rule": "one_to_one"}
        case FixedProbability(probability=p, autapses=autapses):
            return {
                "rule": "fixed_probability", "probability": p, "autapses": autapses,
                "multapses": False,
            }  # fmt: skip
        case FixedIndegree():
            name = "fixed_indegree"
        case FixedOutdegree():
            name = "fixed_outdegree"
        case FixedTotalNumber():
            name = "fixed_total_number"
        case _:
            raise DescriptionError("A connection rule", rule, "a known rule")
    return {
        "rule": name,
        "number": rule.number,
        "autapses": rule.autapses,
        "multapses": rule.multapses,
    }


def receptor_indices(projection: Projection, populations: tuple[PlanPopulation, ...]) -> Ints:
    """Return, for every post position, the index of the receptor within its population."""
    parts = []
    for population, indices in projection.post.segments:
        spec = populations[population.index].spec
        assert spec is not None
        names = [r.name for r in spec.receptors]
        parts.append(np.full(len(indices), names.index(projection.receptor), np.int64))
    return np.concatenate(parts)


def lower_strength(value: Any, projection: Projection, place: str, listed: Any) -> Draw | Floats:
    """Return a weight or delay [in its unit] as a Draw or an array."""
    if isinstance(value, Distribution):
        return lower_distribution(value)
    if isinstance(value, FunctionOfDistance):
        value = function_of_distance(value, projection, place, listed)
    if np.ndim(value) == 0:
        return Draw(0, float(value))
    array = np.asarray(value, np.float64)
    if listed is not None and array.ndim == 2:
        array = array[listed.pre, listed.post]
    if not np.all(np.isfinite(array)):
        raise DescriptionError(place, array, "finite values")
    return np.ascontiguousarray(array)


def function_of_distance(
    function: FunctionOfDistance, projection: Projection, place: str, listed: Any
) -> Floats:
    """Evaluate a function of the distance: per listed connection, or (n_pre, n_post)."""
    from_, to, period = located(projection.pre, projection.post, place)
    if listed is not None:
        d = np.empty(listed.pre.size)
        for start in range(0, d.size, 1 << 20):
            part = slice(start, start + (1 << 20))
            delta = np.abs(from_[listed.pre[part]] - to[listed.post[part]])
            if period is not None:
                delta = np.minimum(delta, np.asarray(period) - delta)
            d[part] = np.sqrt((delta**2).sum(axis=1))
        return function(d)
    if len(from_) * len(to) > DENSE_LIMIT:
        raise CapacityError(
            f"{place}: a function of distance under {projection.rule!r} needs a table of "
            f"{len(from_)} x {len(to)} distances. Use DistanceDependent, FromList or FromMatrix."
        )
    return function(distances(from_, to, period))


def lower_delay(value: Any, projection: Projection, dt: float, listed: Any) -> Draw | Ints:
    """Return delays: a Draw in ms, or whole steps; refuse what is below one step.

    A constant becomes whole steps here. Entries for pairs that are not connected do not matter.
    """
    place = f"Projection {projection.name!r}: delay"
    if value is None:
        return Draw(0, dt)
    lowered = lower_strength(value, projection, place, listed)
    if isinstance(lowered, Draw):
        if lowered.kind == 0:
            one = int(nearest_steps(lowered.a, dt, place))
            if below_step(lowered.a, dt):
                raise below_one_step(place, lowered.a, dt)
            return Draw(0, one * dt)
        return lowered
    steps = nearest_steps(lowered, dt, place)
    all_connected = listed is not None or (
        isinstance(projection.rule, AllToAll) and projection.rule.autapses
    )
    if all_connected and steps.size and below_step(float(lowered.min()), dt):
        raise below_one_step(place, float(lowered.min()), dt)
    return steps


def below_step(delay: float, dt: float) -> bool:
    """Whether a delay that was written down, rather than drawn, is below one step."""
    return delay < dt * (1 - 1e-9)


def below_one_step(place: str, delay: float, dt: float) -> DescriptionError:
    """Return the error for a delay that the time step cannot resolve."""
    return DescriptionError(
        place,
        delay,
        f"at least one step (dt = {dt:g} ms)",
        f"Use delay >= {dt:g}" + (f" or dt <= {delay:g}." if delay > 0 else "."),
    )


def lower_coupling(projection: Projection, number: int, network: Network) -> list[PlanCoupling]:
    """Lower one continuous coupling to its list of connections, once for each inlet it feeds."""
    place = f"Projection {projection.name!r}"
    rule = projection.rule
    n_pre, n_post = len(projection.pre), len(projection.post)
    weights: Any = projection.weight
    given_delay: Any = projection.delay
    if isinstance(rule, ExplicitRule):
        listed = rule.explicit(
            projection.pre, projection.post, generator(network.seed, "wiring", number)
        )
        pre, post = np.asarray(listed.pre), np.asarray(listed.post)
        if listed.weight is not None:
            weights = np.asarray(listed.weight)
        if listed.delay is not None:
            given_delay = np.asarray(listed.delay)
    elif isinstance(rule, AllToAll):
        pre, post = (a.ravel() for a in np.indices((n_pre, n_post)))
        if not rule.autapses:
            other = projection.pre.ids[pre] != projection.post.ids[post]
            pre, post = pre[other], post[other]
    elif isinstance(rule, OneToOne):
        pre = post = np.arange(n_pre)
    elif isinstance(rule, FixedProbability):
        random = generator(network.seed, "wiring", number)
        hit = random.random((n_pre, n_post)) < rule.probability
        if not rule.autapses:
            hit &= projection.pre.ids[:, None] != projection.post.ids[None, :]
        pre, post = np.nonzero(hit)
    else:
        raise DescriptionError(
            f"{place}: rule", rule,
            "AllToAll, OneToOne, FixedProbability, DistanceDependent, FromList or FromMatrix "
            "for continuous coupling",
        )  # fmt: skip
    facts = projection, network.seed, number, pre, post
    order = np.lexsort((pre, post))
    strengths = of_connections(weights, "weight", *facts)
    refuse_negative_conductance(projection, strengths, f"{place}: weight")
    delays = None
    if given_delay is not None:
        delays = of_connections(given_delay, "delay", *facts)
        if np.any(delays < 0):
            raise DescriptionError(
                f"{place}: delay", float(delays.min()), "times in ms of at least 0",
                "A distribution stays above 0 with redraw=(0, None).",
            )  # fmt: skip
        if not np.any(delays > 0):
            delays = None
    source = projection.source
    pairs: dict[str | None, Pair | None] = {None: None}
    parameters: dict[str, float | Floats] = {}
    if isinstance(source, CouplingFunction):
        facts_of = projection.pre, projection.post, projection.receptor
        pairs = dict(source.pairs(*facts_of, place))
        for name, value in source.parameters.items():
            if isinstance(value, float):
                parameters[name] = value
                continue
            parameters[name] = of_connections(value, f"source: {name}", *facts)[order]
    pre, post = pre[order].astype(np.int64), post[order].astype(np.int64)
    return [
        PlanCoupling(
            index=number,
            name=projection.name,
            pre=projection.pre.ids[pre],
            post=projection.post.ids[post],
            weight=strengths[order],
            source=str(source if pair is None else pair.expression),
            coupling=inlet or projection.receptor,
            pre_position=pre,
            post_position=post,
            delay=None if delays is None else delays[order],
            pair=pair,
            parameters=parameters,
            plasticity=rule_of(projection),
            targets=projection.post.ids,
            convolution=rule if isinstance(rule, Conv2D) else None,
        )
        for inlet, pair in pairs.items()
    ]


def of_connections(
    value: Any, what: str, projection: Projection, seed: int, number: int, pre: Ints, post: Ints
) -> Floats:
    """Return a weight, delay or parameter of every connection: (n_connections,) float64.

    Parameters
    ----------
    what : str
        Which of these; drawn values belong to it.
    pre, post : (n_connections,) int64
        Places of the connections within the views.
    """
    place = f"Projection {projection.name!r}: {what}"
    if isinstance(value, Distribution):
        found = sample(value, pre.size, place, seed, what, number)
    elif isinstance(value, FunctionOfDistance):
        found = function_of_distance(value, projection, place, None)[pre, post]
    elif np.ndim(value) == 2:
        found = np.asarray(value, np.float64)[pre, post]
    else:
        found = np.broadcast_to(np.asarray(value, np.float64), pre.size)
    if not np.all(np.isfinite(found)):
        raise DescriptionError(place, found, "finite values")
    return np.ascontiguousarray(found)


def refuse_negative_conductance(projection: Projection, weights: Floats, place: str) -> None:
    """Refuse drawn weights below 0 where the inlet is a conductance."""
    for population, _ in projection.post.segments:
        for inlet in population.interface.couplings:
            negative = inlet.name == projection.receptor and getattr(inlet, "nonnegative", False)
            if negative and np.any(weights < 0):
                raise DescriptionError(
                    place, float(weights.min()), "weights of at least 0",
                    "It is a conductance; a distribution stays above 0 with redraw=(0, None).",
                )  # fmt: skip


def split_recurrence(
    coupling: PlanCoupling, populations: tuple[PlanPopulation, ...]
) -> tuple[list[PlanCoupling], list[PlanCoupling]]:
    """Part the connections within binary populations, which a sweep reads live, from the others.

    A coupling without any connection is one of the others.
    """
    live = np.zeros(coupling.pre.size, np.bool_)
    for p in populations:
        if p.binary is not None and coupling.source == "s" and coupling.delay is None:
            sources = (coupling.pre >= p.ids.start) & (coupling.pre < p.ids.stop)
            live |= sources & (coupling.post >= p.ids.start) & (coupling.post < p.ids.stop)

    def part(chosen: np.ndarray) -> list[PlanCoupling]:
        names = ("pre", "post", "weight", "pre_position", "post_position")
        rows: dict[str, Any] = {
            name: np.ascontiguousarray(getattr(coupling, name)[chosen]) for name in names
        }
        return [replace(coupling, **rows)]

    if not live.any():
        return [], [coupling]
    return part(live), part(~live) if not live.all() else []


def lower_memory(projection: Projection, number: int) -> PlanMemory:
    """Lower one coupling through patterns."""
    rule = projection.rule
    assert isinstance(rule, PatternCoupling)
    assert isinstance(projection.weight, float)
    return PlanMemory(
        index=number,
        name=projection.name,
        population=projection.pre.segments[0][0].index,
        patterns=rule.patterns,
        interaction=rule.interaction,
        weights=rule.weights,
        weight=projection.weight,
    )


def lower_recorder(
    recorder: Recorder,
    index: int,
    projections: dict[str, int],
    populations: tuple[PlanPopulation, ...],
    dt: float,
) -> PlanRecorder:
    """Lower one recorder."""
    every = 1
    if recorder.every is not None:
        place = f"Recorder of {recorder.label!r}: every"
        every = int(nearest_steps(recorder.every, dt, place))
        if every < 1 or abs(every * dt - recorder.every) > 1e-9 * recorder.every:
            nearest = max(1, every) * dt
            raise DescriptionError(
                f"Recorder of {recorder.label!r}: every",
                recorder.every,
                f"a multiple of the time step, {dt:g} ms",
                f"Nearest: {nearest:g}.",
            )
    if recorder.population is None:
        assert recorder.projection is not None
        if recorder.projection.continuous:
            raise DescriptionError(
                f"Recorder of {recorder.label!r}: target", recorder.projection,
                "a projection of spikes",
            )  # fmt: skip
        return PlanRecorder(
            index, -1, np.empty(0, np.int64), "weight", every, "none",
            projections[recorder.projection.name], recorder.initial,
        )  # fmt: skip
    offset = populations[recorder.population.index].offset
    return PlanRecorder(
        index,
        recorder.population.index,
        recorder.indices + offset,
        recorder.variable,
        every,
        recorder.reduce,
        None,
        recorder.initial,
    )
