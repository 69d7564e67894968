"""Sections of a script: synapses by rule, weights and delays."""

from __future__ import annotations

from typing import Any

import numpy as np

from neurosim.describe.distributions import Distribution, FunctionOfDistance
from neurosim.describe.explicit import ExplicitRule
from neurosim.describe.projection import Projection
from neurosim.describe.rules import (
    AllToAll,
    FixedIndegree,
    FixedOutdegree,
    FixedProbability,
    FixedTotalNumber,
    OneToOne,
)
from neurosim.engine.wiring import enumerate_connections
from neurosim.errors import UnsupportedError
from neurosim_backends.brian2.draft import Draft, Part
from neurosim_backends.brian2.draft_learning import (
    Written,
    arguments,
    delays,
    is_of_synapses,
    pathways,
    written,
)
from neurosim_backends.brian2.draft_neurons import Models, wrapped
from neurosim_backends.brian2.words import digits, drawings, quantity, times_unit


def projection(draft: Draft, models: Models, p: Projection) -> list[str]:
    """Return the synapses of a projection of spikes."""
    pre, post = draft.parts(p.pre), draft.parts(p.post)
    _check_split(p, pre, post)
    lines: list[str] = []
    for a in pre:
        for b in post:
            lines += _synapses(draft, models, p, a, b, len(pre) * len(post) > 1)
    return lines


def _check_split(p: Projection, pre: list[Part], post: list[Part]) -> None:
    """Refuse rules that count over neurons that lie in several groups of Brian2."""
    whole = isinstance(p.rule, (AllToAll, FixedProbability, ExplicitRule))
    by_post = isinstance(p.rule, FixedIndegree) and len(pre) == 1
    by_pre = isinstance(p.rule, FixedOutdegree) and len(post) == 1
    if len(pre) * len(post) > 1 and not (whole or by_post or by_pre):
        raise UnsupportedError(
            f"Projection {p.name!r}: {type(p.rule).__name__}",
            "its neurons are of different models, and Brian2's synapses are between two groups",
            "a projection for each pair of populations",
        )


def _synapses(
    draft: Draft, models: Models, p: Projection, a: Part, b: Part, several: bool
) -> list[str]:
    called = p.name.replace("->", "_to_").replace("+", "_and_")
    name = draft.fresh(f"{called}_{a.group.name}_{b.group.name}" if several else called)
    spec = b.group.populations[0].model.neuron_model().spec()
    receptor = next(r for r in spec.receptors if r.name == p.receptor)
    target = models.renamed(b.group).get(receptor.target, receptor.target)
    listed = _listed(draft, p, a, b)
    if listed is not None and listed[0].size == 0:
        return []
    sign, weight = "+=", models.weight_name(a.group, b.group)
    drawn = not isinstance(p.weight, float)
    if isinstance(p.weight, float):
        sign = "-=" if p.weight < 0 else "+="
        weight = quantity(abs(p.weight), p.unit)
    # A pulse is read in the step in which it arrives, in Brian2 one step after its arrival; and
    # where spikes are delivered before thresholds are tested, synapses see them in the next step.
    sooner = receptor.kind == "pulse" or draft.delivers_first
    delay = _delay(draft, p, sooner)
    unit = _dimension(receptor.unit)
    # Where the neurons are contiguous Brian2's rules fit; else pairs are drawn by their numbers.
    native = a.text is not None and b.text is not None and listed is None
    source, post = (a.text, b.text) if native else (a.group.name, b.group.name)
    sides = [str(source), str(post)]
    made: Written | None = None
    if is_of_synapses(p):
        made = written(p, models.weight_name(a.group, b.group), target, receptor.unit,
                       models.variables(a.group) | models.variables(b.group))  # fmt: skip
        weight = made.model[0].partition(" ")[0]
        draft.learning.setdefault(p.name, []).append((name, weight))
    elif drawn:
        sides.append(f"'{weight} : {unit}'")
    if made is not None:
        lines = learning_synapses(
            name, sides, made, None if delay is None else delays(made, p, draft.plan.dt, sooner)
        )
        return [
            *lines, *_connected(draft, p, name, listed, native, a, b),
            *_strengths(draft, p, name, weight, "1", listed, delay, sooner),
            *(f"{name}.{n} = {text}" for n, text in made.initial.items()),
            *pathways(name, made, p, sooner, delay is None), "",
        ]  # fmt: skip
    passes = f"*int(rand() < {digits(p.release)})" if p.release < 1 else ""
    sides.append(f"on_pre='{target}_post {sign} {weight}{passes}'")
    if delay:
        sides.append(f"delay={delay}")
    lines = wrapped(f"{name} = Synapses(", sides)
    if p.release < 1:
        note = "# Brian2 warns that the order may matter, because of rand(): draws are independent."
        lines = [note, *lines]
    lines += _connected(draft, p, name, listed, native, a, b)
    own = weight if drawn else ""
    lines += _strengths(draft, p, name, own, p.unit, listed, delay, sooner)
    return [*lines, ""]


def _connected(
    draft: Draft, p: Projection, name: str, listed: Any, native: bool, a: Part, b: Part
) -> list[str]:
    """Return the lines that make the synapses."""
    part = f"Projection {p.name!r}"
    if listed is not None:
        i, j = draft.array(listed[0], part), draft.array(listed[1], part)
        lines = [f"{name}_pre = {i}", f"{name}_post = {j}"]
        return [*lines, f"{name}.connect(i={name}_pre, j={name}_post)"]
    if native and (text := _native(p.rule, a, b)) is not None:
        return [f"{name}.connect({text})"]
    lines = _pairs(p.rule, a, b, f"{part}: {type(p.rule).__name__}")
    if native:
        return [*lines, f"{name}.connect(i=sources, j=targets)"]
    i = "sources" if _is_whole(a) else f"{a.ids()}[sources]"
    j = "targets" if _is_whole(b) else f"{b.ids()}[targets]"
    return [*lines, f"{name}.connect(i={i}, j={j})"]


def _strengths(
    draft: Draft, p: Projection, name: str, weight: str, unit: str, listed: Any,
    delay: str | None, sooner: bool,
) -> list[str]:  # fmt: skip
    """Return the lines that give synapses weights of their own, if `weight` names them, and delays.

    Those of synapses that learn are the delays of presynaptic spikes.
    """
    lines: list[str] = []
    part, learns = f"Projection {p.name!r}", is_of_synapses(p)
    if weight and isinstance(p.weight, float):
        lines.append(f"{name}.{weight} = {quantity(p.weight, unit)}")
    elif weight:
        lines += _each(draft, f"{name}.{weight}", p.weight, unit, listed, 2, f"{part}: weight")
    if delay is None:
        way = f"{name}.pre" if learns else name
        lines += _each(draft, f"{way}.delay", p.delay, "ms", listed, 3, f"{part}: delay")
        if sooner:
            lines.append(f"{way}.delay = 'clip(delay - dt, 0*ms, inf*ms)'")
    return lines


def learning_synapses(name: str, sides: list[str], made: Written, delay: str | None) -> list[str]:
    """Return the definition of synapses that learn."""
    return [
        f"{name} = Synapses(", f"    {', '.join(sides)}, '''", *made.model, "''',",
        *arguments(made), *([f"    delay={delay},"] if delay and delay != "{}" else []), ")",
    ]  # fmt: skip


def _is_whole(part: Part) -> bool:
    return part.size == part.group.size and bool(np.all(np.diff(part.positions) == 1))


def _dimension(unit: str) -> str:
    from neurosim.equations.dimensions import UNITS
    from neurosim_backends.brian2.words import dimension_of

    return dimension_of(UNITS[unit]) if unit in UNITS else "1"


def _delay(draft: Draft, p: Projection, sooner: bool) -> str | None:
    """Return the one delay of all synapses; None where there is one for each, "" where it is 0."""
    dt = draft.plan.dt
    own = isinstance(p.rule, ExplicitRule) and p.rule.has_delays
    if own or not (p.delay is None or isinstance(p.delay, float)):
        return None
    value = dt if p.delay is None else p.delay
    written = round(value - dt, 9) if sooner else value
    if written == 0:
        return ""
    return "defaultclock.dt" if written == dt else quantity(written, "ms")


def _listed(draft: Draft, p: Projection, a: Part, b: Part) -> Any:
    """Return (i, j, weight, delay) of rules that list connections, or of values given for pairs."""
    given = any(isinstance(v, (FunctionOfDistance, np.ndarray)) for v in (p.weight, p.delay))
    if not (isinstance(p.rule, ExplicitRule) or given):
        return None
    number = list(draft.network.projections).index(p.name)
    plan = next(q for q in draft.plan.projections if q.index == number)
    found = enumerate_connections(plan, draft.plan.seed, draft.plan.dt)
    mine = np.isin(found.pre_position, a.within) & np.isin(found.post_position, b.within)
    place_a = dict(zip(a.within.tolist(), a.positions.tolist(), strict=True))
    place_b = dict(zip(b.within.tolist(), b.positions.tolist(), strict=True))
    i = np.array([place_a[k] for k in found.pre_position[mine].tolist()], np.int64)
    j = np.array([place_b[k] for k in found.post_position[mine].tolist()], np.int64)
    return i, j, found.weight[mine], np.round(found.delay_steps[mine] * draft.plan.dt, 9)


def _native(rule: Any, a: Part, b: Part) -> str | None:
    """Return the arguments of `connect` where Brian2 has the rule itself."""
    same = ""
    if a.group is b.group and not getattr(rule, "autapses", True):
        first, second = (
            f"{x} + {int(p.positions[0])}" if p.positions[0] else x for x, p in (("i", a), ("j", b))
        )
        same = f"{first} != {second}"
    match rule:
        case AllToAll():
            return f"condition='{same}'" if same else ""
        case OneToOne():
            return "j='i'"
        case FixedProbability(probability=p):
            chance = f"p={digits(p)}"
            return f"condition='{same}', {chance}" if same else chance
        case FixedIndegree(number=k, multapses=False) if np.ndim(k) == 0 and not same:
            return f"i='k for k in sample(N_pre, size={int(k)})'"
        case FixedOutdegree(number=k, multapses=False) if np.ndim(k) == 0 and not same:
            return f"j='k for k in sample(N_post, size={int(k)})'"
    return None


def _pairs(rule: Any, a: Part, b: Part, part: str) -> list[str]:
    """Return lines that draw sources and targets, positions within the two sides, with numpy."""
    n, m = a.size, b.size
    apart = a.group is not b.group or getattr(rule, "autapses", True)
    own = [] if apart else [f"pre, post = {a.ids()}, {b.ids()}"]
    same = "pre[sources] == post[targets]"
    match rule:
        case AllToAll():
            return _others(own, f"sources, targets = indices(({n}, {m})).reshape(2, -1)")
        case OneToOne():
            return [f"sources = targets = arange({n})"]
        case FixedProbability(probability=p):
            return _others(own, f"sources, targets = nonzero(rand({n}, {m}) < {digits(p)})")
    many = rule.number if np.ndim(rule.number) else int(rule.number)
    count = f"array({np.ravel(many).tolist()})" if np.ndim(many) else str(many)
    if isinstance(rule, FixedTotalNumber):
        if not rule.multapses:
            lines = [f"allowed = arange({n * m})"]
            if not apart:
                lines = [*own, "allowed = flatnonzero(pre[:, newaxis] != post[newaxis, :])"]
            drawn_line = f"divmod(choice(allowed, {count}, replace=False), {m})"
            return [*lines, f"sources, targets = {drawn_line}"]
        lines = [f"sources = randint({n}, size={count})", f"targets = randint({m}, size={count})"]
        return [*own, *lines, *_again(apart, same, "sources", n)]
    indegree = isinstance(rule, FixedIndegree)
    drawn_name, other = ("sources", "targets") if indegree else ("targets", "sources")
    from_, to = (n, m) if indegree else (m, n)
    lines = [f"{other} = repeat(arange({to}), {count})"]
    if rule.multapses:
        lines.append(f"{drawn_name} = randint({from_}, size=len({other}))")
        return [*own, *lines, *_again(apart, same, drawn_name, from_)]
    each = count if not np.ndim(many) else "n"
    over = f"k in range({to})" if not np.ndim(many) else f"k, n in enumerate({count})"
    among = str(from_)
    if not apart:
        among = "flatnonzero(pre != post[k])" if indegree else "flatnonzero(post != pre[k])"
    lines.append(f"{drawn_name} = concatenate([choice({among}, {each}, replace=False) for {over}])")
    return [*own, *lines]


def _others(own: list[str], drawn_line: str) -> list[str]:
    """Return a line that draws pairs, without those of a neuron and itself where `own` says so."""
    return [*own, drawn_line, *([OTHERS] if own else [])]


OTHERS = "sources, targets = array([sources, targets])[:, pre[sources] != post[targets]]"


def _again(apart: bool, same: str, drawn_name: str, n: int) -> list[str]:
    """Return a loop that draws anew what connects a neuron to itself."""
    if apart:
        return []
    return [
        f"while any({same}):",
        f"    {drawn_name}[{same}] = randint({n}, size=sum({same}))",
    ]


def _each(
    draft: Draft, target: str, value: Any, unit: str, listed: Any, column: int, part: str
) -> list[str]:
    """Return the lines that give each synapse a value."""
    if isinstance(value, Distribution):
        return drawings(target, value, unit, part)
    return [f"{target} = {times_unit(draft.array(listed[column], part), unit)}"]


def coupling(draft: Draft, models: Models, p: Projection) -> list[str]:
    """Return the synapses of a continuous coupling."""
    lines: list[str] = []
    for a in draft.parts(p.pre):
        for b in draft.parts(p.post):
            name = draft.fresh(f"{p.name}_{a.group.name}_{b.group.name}")
            spec = b.group.populations[0].model.neuron_model().spec()
            kind = next(c.kind for c in spec.couplings if c.name == p.receptor)
            variable = b.group.couplings[p.receptor].pop(0)
            b.group.couplings[p.receptor].append(variable)
            unit = next(_dimension(c.unit) for c in spec.couplings if c.name == p.receptor)
            read = f"{models.renamed(a.group).get(str(p.source), p.source)}_pre"
            if kind == "diffusive":
                read = f"({read} - {models.renamed(b.group).get(str(p.source), p.source)}_post)"
            weight = models.weight_name(a.group, b.group)
            found = _coupled(draft, p, a, b)
            i, j = (draft.array(x, f"Projection {p.name!r}") for x in found[:2])
            lines += [
                f"{name} = Synapses({a.group.name}, {b.group.name}, '''",
                f"{weight} : {_dimension(p.unit)}",
                f"{variable}_post = {weight}*{read} : {unit} (summed)",
                "''')",
                f"{name}.connect(i={i}, j={j})",
                f"{name}.{weight} = "
                + times_unit(draft.array(found[2], f"Projection {p.name!r}"), p.unit),
                "",
            ]
    return lines


def _coupled(draft: Draft, p: Projection, a: Part, b: Part) -> tuple[Any, Any, Any]:
    number = list(draft.network.projections).index(p.name)
    plan = next(c for c in draft.plan.couplings if c.index == number)
    mine = np.isin(plan.pre_position, a.within) & np.isin(plan.post_position, b.within)
    place_a = dict(zip(a.within.tolist(), a.positions.tolist(), strict=True))
    place_b = dict(zip(b.within.tolist(), b.positions.tolist(), strict=True))
    i = np.array([place_a[k] for k in plan.pre_position[mine].tolist()], np.int64)
    j = np.array([place_b[k] for k in plan.post_position[mine].tolist()], np.int64)
    return i, j, plan.weight[mine]
