"""Projections: a rule between two sets of neurons, with weights and delays."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from neurosim.describe.coupling import CouplingFunction
from neurosim.describe.distributions import Distribution, FunctionOfDistance
from neurosim.describe.explicit import ExplicitRule, located
from neurosim.describe.plasticity import Plasticity, PlasticityRule
from neurosim.describe.population import Selectable, View, common_input, kind, require_view
from neurosim.describe.rules import AllToAll, Rule
from neurosim.errors import DescriptionError, UnknownNameError, UnsupportedError
from neurosim.explained import explained
from neurosim.units import to_float, to_scalar

Floats: TypeAlias = npt.NDArray[np.float64]
Strength: TypeAlias = float | Floats | Distribution | FunctionOfDistance

INJECTED = "I_e"
"""The receptor word for current that is injected; what ``Input("current")`` projects to."""

INJECTED_SOURCE = "current"
"""The source word of a population that emits a current."""


@explained
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Projection:
    """Connections between neurons. Made by ``net.project``, which says what the words mean.

    Attributes
    ----------
    name : str
    pre, post : View
    rule : Rule
    weight : float, (n_pre, n_post) array, Distribution, FunctionOfDistance or None
        In `unit`; None where the rule brings the weights.
    delay : as weight, or None
        [ms]; None where the rule brings the delays, else for the default.
    receptor : str
        A receptor of the post populations; a coupling if `source` is given.
    source : str, CouplingFunction or None
        The state of the pre populations that is read continuously, or what is computed from states
        of both sides; None for spikes. "current" (with the receptor "I_e") for sources that emit a
        current.
    release : float
        Probability that a spike passes a synapse.
    plasticity : PlasticityRule or a named rule, or None
        None for static synapses.
    modulator : View or None
        The neurons that the rule follows as its modulators.
    unit : str
        Unit of the weight.
    where : str
        "file:line" of the call.
    """

    name: str
    pre: View
    post: View
    rule: Rule
    weight: Strength | None
    delay: Strength | None
    receptor: str
    source: str | CouplingFunction | None
    release: float
    plasticity: Plasticity | None
    unit: str
    where: str = field(default="", compare=False)
    modulator: View | None = field(default=None, metadata={"absent": None})

    @property
    def continuous(self) -> bool:
        """Whether a state is read at every step, rather than spikes."""
        return self.source is not None

    def expected_connections(self) -> float:
        """Return the expected number of connections."""
        return self.rule.expected_connections(self.pre, self.post)

    def __repr__(self) -> str:
        return f"<Projection {self.name!r}: {self.rule!r}>"


def make_projection(
    name: str,
    pre: object,
    post: object,
    rule: object,
    *,
    weight: Any,
    delay: Any,
    receptor: str | None,
    source: Any,
    plasticity: object,
    release: Any,
    where: str,
    modulator: object = None,
) -> Projection:
    """Check everything that can be checked without dt, and make the projection."""
    place = f"Projection {name!r}"
    sources = require_view(pre, f"{place}: pre")
    targets = require_view(post, f"{place}: post")
    if isinstance(rule, type) or not isinstance(rule, Rule):
        hint = f"Call it to make one: {rule.__name__}(...)." if isinstance(rule, type) else None
        raise DescriptionError(f"{place}: rule", rule, "a connection rule such as AllToAll()", hint)
    rule.check(sources, targets, place)
    if isinstance(source, CouplingFunction):
        found, word, nonnegative = _function_inputs(targets, receptor, source, place)
        source, plain = _checked_function(source, sources, targets, word, place)
        unit = "1" if plain else found
    else:
        source = _readable(sources, rule.source_of(sources, source), place)
        unit, word, nonnegative = _input(targets, receptor, source, place)
    if isinstance(rule, ExplicitRule):
        rule = rule.in_unit(unit, place)
    strength_ = _weight(weight, unit, sources, targets, rule, nonnegative, place)
    time = _delay(delay, sources, targets, rule, source, place)
    rule.check_strength(strength_, time, place)
    chance = _release(release, source is not None, place)
    if plasticity is not None:
        plasticity = _plasticity(
            plasticity, source, chance, strength_, sources, targets, nonnegative, place
        )
    modulators = _modulators(modulator, plasticity, place)
    return Projection(
        name=name,
        pre=_whole(sources),
        post=_whole(targets),
        rule=rule,
        weight=strength_,
        delay=time,
        receptor=word,
        source=source,
        release=chance,
        plasticity=plasticity,
        unit=unit,
        where=where,
        modulator=modulators,
    )


def strength(value: Any, unit: str, pre: Selectable, post: Selectable, place: str) -> Strength:
    """Turn what a user wrote as weight or delay into floats in `unit`, or a description of them."""
    if isinstance(value, Distribution):
        return value.in_unit(unit, place)
    if isinstance(value, FunctionOfDistance):
        located(pre, post, place)
        return value
    if isinstance(value, type):
        raise DescriptionError(place, value, f"an instance: {value.__name__}(...)")
    number = to_float(value, unit, place)
    expected = (len(pre), len(post))
    if isinstance(number, np.ndarray) and number.shape != expected:
        hint = "A value per listed connection stands in FromList(pairs, weight=, delay=)."
        if number.shape == expected[::-1]:
            hint = "It has this shape if transposed."
        raise DescriptionError(
            place, number, f"one value, or an array (n_pre, n_post) = {expected}", hint
        )
    return number


def refuse_negative(value: Strength, place: str) -> None:
    """Refuse weights that are certain to be, or may well be, below 0.

    Unbounded distributions (a Normal) pass: whether a negative value occurs is seen when drawn.
    """
    if isinstance(value, FunctionOfDistance):
        return
    if isinstance(value, Distribution):
        least, most = value.support
        negative = least < 0 and (most <= 0 or least > -np.inf)
    else:
        negative = bool(np.any(np.less(value, 0)))
    if negative:
        raise DescriptionError(
            place, value, "a weight of at least 0", "It is a conductance: inhibition is its E_rev."
        )


def _whole(view: Selectable) -> View:
    return view if isinstance(view, View) else View(tuple(view.segments), view.shape)


def _readable(pre: Selectable, source: Any, place: str) -> str | None:
    """Return the state that is read, or None if spikes are sent; refuse what cannot be."""
    emit_currents = [
        p.interface.is_source and not p.interface.emits_spikes for p, _ in pre.segments
    ]
    if any(emit_currents):
        if not all(emit_currents) or source not in (None, INJECTED_SOURCE):
            raise DescriptionError(
                f"{place}: pre", pre, "populations that all emit a current, and source=None"
            )
        return INJECTED_SOURCE
    for population, _ in pre.segments:
        facts, model = population.interface, population.model
        where = f"{place}: source (of {population.name!r})"
        if source is None and not facts.emits_spikes:
            raise DescriptionError(
                where, None, "the state that is read", f"{kind(model)} emits no spikes."
            )
        if source is not None:
            if facts.is_source:
                raise DescriptionError(where, source, "None", f"{kind(model)} has no states.")
            word: object = source
            if not isinstance(word, str) or word not in facts.state_units:
                raise UnknownNameError(where, source, facts.state_units)
    return None if source is None else str(source)


def _input(
    post: Selectable, receptor: str | None, source: str | None, place: str
) -> tuple[str, str, bool]:
    """Return unit of the weight, name of the receptor, and whether weights must be >= 0."""
    if source != INJECTED_SOURCE:
        found = common_input(post, receptor, place, continuous=source is not None)
        return found.unit, found.name, bool(getattr(found, "nonnegative", False))
    populations = [population for population, _ in post.segments]
    barred = [p for p in populations if not p.interface.injectable]
    inlets = {c.name for p in populations for c in p.interface.couplings}
    if receptor in (None, INJECTED) and not barred:
        return "1", INJECTED, False
    if not inlets and barred:
        raise DescriptionError(
            f"{place}: post", barred[0],
            "neurons with a place for injected current, or rate models with an inlet",
        )  # fmt: skip
    if not barred and receptor not in inlets:
        raise UnknownNameError(f"{place}: receptor", receptor, [INJECTED, *sorted(inlets)])
    found = common_input(post, receptor, place, continuous=True)
    if getattr(found, "kind", "additive") != "additive":
        raise DescriptionError(
            f"{place}: receptor", found.name, "an inlet that adds",
            "This one compares states of both sides, and numbers handed over are no state.",
        )  # fmt: skip
    return found.unit, found.name, bool(getattr(found, "nonnegative", False))


def _checked_function(
    function: CouplingFunction, pre: Selectable, post: Selectable, receptor: str, place: str
) -> tuple[CouplingFunction, bool]:
    """Return it with its parameters as floats in their units; and whether weights are numbers."""
    found = function.pairs(pre, post, receptor, place)
    used = {name for pair in found.values() for name in pair.parameters}
    in_total = {name for pair in found.values() for name in pair.of_total}
    values = {}
    for name, value in function.parameters.items():
        where = f"{place}: source: parameters[{name!r}]"
        if name not in used | in_total:
            raise DescriptionError(where, value, "a parameter that the texts read")
        values[name] = strength(value, function.units.get(name, "1"), pre, post, where)
        if name in in_total and not isinstance(values[name], float):
            raise DescriptionError(where, value, "a number")
        if isinstance(values[name], FunctionOfDistance):
            raise DescriptionError(where, value, "a number, array or distribution")
    plain = function.total is not None or next(iter(found.values())).in_unit
    return replace(function, parameters=values), plain


def _function_inputs(
    post: Selectable, receptor: str | None, function: CouplingFunction, place: str
) -> tuple[str, str, bool]:
    """Return what `_input` does, for a coupling function: of its first inlet."""
    found = []
    for inlet in function.texts:
        if inlet is not None and receptor is not None:
            raise DescriptionError(
                f"{place}: receptor", receptor, "None", "The coupling function names its inlets."
            )
        made = common_input(post, inlet or receptor, place, continuous=True)
        for population, _ in post.segments:
            kinds = {c.name: c.kind for c in population.interface.couplings}
            if kinds[made.name] == "diffusive":
                raise DescriptionError(
                    f"{place}: receptor (of {population.name!r})", made.name, "an additive inlet",
                    "A diffusive one takes the difference by itself: give it the name of a state.",
                )  # fmt: skip
        found.append(made)
    return found[0].unit, found[0].name, any(getattr(f, "nonnegative", False) for f in found)


def _weight(
    value: Any,
    unit: str,
    pre: Selectable,
    post: Selectable,
    rule: Rule,
    nonnegative: bool,
    place: str,
) -> Strength | None:
    where = f"{place}: weight"
    if isinstance(rule, ExplicitRule) and rule.has_weights:
        if not (isinstance(value, (int, float)) and value == 1.0):
            raise DescriptionError(where, value, "no weight=", f"{rule!r} brings its own weights.")
        if nonnegative:
            weights = rule.explicit(pre, post).weight
            assert weights is not None
            refuse_negative(weights, where)
        return None
    weight = strength(value, unit, pre, post, where)
    if nonnegative:
        refuse_negative(weight, where)
    return weight


def _delay(
    value: Any, pre: Selectable, post: Selectable, rule: Rule, source: Any, place: str
) -> Strength | None:
    where = f"{place}: delay"
    if isinstance(rule, ExplicitRule) and rule.has_delays:
        if value is not None:
            raise DescriptionError(where, value, "no delay=", f"{rule!r} brings its own delays.")
        value = rule
    if source == INJECTED_SOURCE and value is not None:
        raise DescriptionError(
            where, value, "None", "Currents that are handed over act in the step they are for."
        )
    if value is None or value is rule:
        return None
    continuous = source is not None
    delay = strength(value, "ms", pre, post, where)
    if isinstance(delay, FunctionOfDistance):
        return delay
    if isinstance(delay, Distribution):
        least, most = delay.support
        if not most > 0 or (continuous and -np.inf < least < 0):
            raise DescriptionError(where, delay, "times in ms above 0")
        return delay
    if continuous and isinstance(delay, float) and delay == 0:
        return None
    if isinstance(delay, float):
        return to_scalar(delay, "ms", where, above=0)
    delays = np.asarray(to_float(delay, "ms", where, at_least=0))
    if not continuous and isinstance(rule, AllToAll) and rule.autapses:
        to_float(delays, "ms", where, above=0)  # every entry is a connection
    return delays


def _check_coupling(source: object, where: str) -> None:
    """Refuse a coupling whose weights cannot learn."""
    if not isinstance(source, str) or source == INJECTED_SOURCE:
        raise UnsupportedError(
            where, f"source={source!r} has weights that cannot learn", "the name of a state"
        )


def _check_states(rule: PlasticityRule, side: str, view: Selectable, where: str) -> None:
    """Refuse a rule that reads states that neurons do not have, or that cannot be read."""
    for population, _ in view.segments:
        if type(population.model).__name__ == "Binary" and rule.program.states[side]:
            told = "couplings of binary units cannot learn"
            if not rule.program.continuous:
                told = "states of binary units cannot be read by a rule"
            raise UnsupportedError(where, told, "ns.store for their weights")
        known = {} if population.interface.is_source else population.interface.state_units
        for state in rule.program.states[side]:
            if state not in known:
                place = f"{where}: state (of {population.name!r}) that {rule.name} reads"
                raise UnknownNameError(place, state, known)


def _modulators(value: Any, plasticity: Plasticity | None, place: str) -> View | None:
    """Return the neurons that a rule follows as its modulators, where it does."""
    where = f"{place}: modulator"
    rule = None if plasticity is None else plasticity.plasticity_rule()
    if rule is None or not rule.program.needs_modulator:
        if value is not None:
            raise DescriptionError(
                where,
                value,
                "None",
                "No rule with modulator= or on_modulator= is there to read it.",
            )
        return None
    if value is None:
        raise DescriptionError(
            where,
            None,
            "the population whose spikes or states feed the modulators",
            f"{rule.name} would wait for them for ever: net.project(..., modulator=population).",
        )
    view = _whole(require_view(value, where))
    _check_states(rule, "mod", view, where)
    for population, _ in view.segments:
        if rule.program.on_modulator and not population.interface.emits_spikes:
            raise DescriptionError(
                where, population, "neurons that spike", f"{rule.name} has on_modulator."
            )
    return view


def _plasticity(
    value: object, source: object, release: float, weight: Strength | None, pre: Selectable,
    post: Selectable, nonnegative: bool, place: str,
) -> Plasticity:  # fmt: skip
    """Return a plasticity rule that fits the projection."""
    where = f"{place}: plasticity"
    if isinstance(value, type) or not isinstance(value, Plasticity):
        hint = f"Call it to make one: {value.__name__}(...)." if isinstance(value, type) else None
        raise DescriptionError(where, value, "a rule such as STDP(), a PlasticityRule", hint)
    rule = value.plasticity_rule()
    if rule.program.continuous != (source is not None):
        kind_ = "continuous coupling (source=...)" if rule.program.continuous else "spikes"
        raise DescriptionError(
            where, value, f"a rule for {'continuous coupling' if source is not None else 'spikes'}",
            f"{rule.name} is for {kind_}.",
        )  # fmt: skip
    if rule.program.continuous:
        _check_coupling(source, where)
        _check_states(rule, "pre", pre, where)
    _check_states(rule, "post", post, where)
    if release != 1:
        raise UnsupportedError(
            f"{where} and release", "synapses that fail cannot learn yet", "release=1"
        )
    if rule.program.waits_for_post:
        for population, _ in post.segments:
            if not population.interface.emits_spikes:
                raise DescriptionError(
                    f"{place}: post", population, "neurons that spike",
                    f"{rule.name} waits for their spikes.",
                )  # fmt: skip
    if rule.program.changes_weight:
        least, most = rule.bounds
        if nonnegative and least < 0:
            raise DescriptionError(
                f"{where}: w_min", rule.w_min, "at least 0", "The receptor is a conductance."
            )
        if weight is not None and not isinstance(weight, FunctionOfDistance):
            values = weight.support if isinstance(weight, Distribution) else weight
            low, high = float(np.min(values)), float(np.max(values))
            unbounded = isinstance(weight, Distribution) and not np.all(np.isfinite(values))
            if not unbounded and not (least <= low and high <= most):
                raise outside_bounds(place, weight, least, most)
    return value


def outside_bounds(place: str, weight: object, w_min: float, w_max: float) -> DescriptionError:
    """Return the error for weights that a plasticity rule would not let be."""
    return DescriptionError(
        f"{place}: weight", weight, f"values from w_min to w_max, {w_min:g} to {w_max:g}",
        "The bounds of the plasticity rule are in the unit of the weight; a distribution stays "
        "within them with clip= or redraw=.",
    )  # fmt: skip


def _release(value: Any, continuous: bool, place: str) -> float:
    release = to_scalar(value, "1", f"{place}: release", at_least=0, at_most=1)
    if continuous and release != 1:
        raise DescriptionError(
            f"{place}: release", value, "1", "A continuous coupling has no spikes that could fail."
        )
    return release
