"""Sections of a script: synapses that learn, in the words of their rule.

In a script everything at a synapse with a dendritic delay happens one delay later than in neurosim:
presynaptic spikes come by the delay later, postsynaptic ones by twice the delay. So a spike carries
the weight that it met.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from textwrap import fill
from typing import Any

from neurosim.describe.plasticity import PlasticityRule
from neurosim.describe.projection import Projection
from neurosim.equations.plasticity import BOUNDS, EFFECT, WEIGHT, Place
from neurosim.equations.statements import ResetLine, parse_equations, parse_reset
from neurosim.equations.syntax import names
from neurosim_backends.brian2.draft import TAKEN
from neurosim_backends.brian2.words import (
    Vocabulary,
    digits,
    dimension_of,
    quantity,
    spoken,
    times_unit,
)

WIDEST = 98
"""Longest line of a script."""


@dataclass
class Written:
    """A rule in Brian2's words.

    Attributes
    ----------
    model : list of str
        Lines of the equations.
    on_pre, on_post : dict
        Pathway -> statements. Spikes of "pre" arrive.
    namespace : dict
        Parameter -> text of its value.
    initial : dict
        Variable -> text of its first value.
    last : tuple of str
        Pathways that come after all others, in their order: traces that nobody of this step sees.
    """

    model: list[str] = field(default_factory=list)
    on_pre: dict[str, list[str]] = field(default_factory=dict)
    on_post: dict[str, list[str]] = field(default_factory=dict)
    namespace: dict[str, str] = field(default_factory=dict)
    initial: dict[str, str] = field(default_factory=dict)
    last: tuple[str, ...] = ()


def written(p: Projection, weight: str, target: str, unit: str, taken: set[str]) -> Written:
    """Return a rule in Brian2's words.

    Parameters
    ----------
    weight : str
        What the weight is called.
    target, unit : str
        Variable of the postsynaptic neuron that spikes add to, and its unit.
    taken : set of str
        Names of the variables of neurons.
    """
    assert p.plasticity is not None
    rule = p.plasticity.plasticity_rule()
    program, made = rule.program, Written()
    own = [n for several in program.variables.values() for n in several]
    renamed = {n: f"{n}_var" for n in (*own, *program.parameters, *BOUNDS) if n in taken | TAKEN}
    words = Vocabulary(
        renamed=renamed | {WEIGHT: weight}, units={n: u.text for n, u in program.units.items()}
    )
    made.model.append(f"{weight} : 1")
    for part in ("pre", "post", "synapse"):
        for line in parse_equations(getattr(rule, part)):
            if line.name not in own:
                continue
            name, dimension = renamed.get(line.name, line.name), dimension_of(line.unit)
            if line.expression is None:
                made.model.append(f"{name} : {dimension}")
            else:
                text = spoken(line.expression, words)
                made.model.append(f"d{name}/dt = {text} : {dimension} (event-driven)")
            if rule.initial[line.name]:
                made.initial[name] = quantity(rule.initial[line.name], line.unit.text)
    for name in program.parameters:
        value = quantity(rule.parameters[name], program.units[name].text)
        made.namespace[renamed.get(name, name)] = value
    for name in BOUNDS:
        if getattr(rule, name) is not None:
            made.namespace[renamed.get(name, name)] = digits(getattr(rule, name))

    pre, post = parse_reset(rule.on_pre), parse_reset(rule.on_post)
    carried = f"{target}_post += {times_unit(weight, unit)}"
    late = late_side(rule)
    for side, lines in (("pre", pre), ("post", post)):
        kept, traces = list(lines), []
        if side == late:
            kept = [x for x in lines if x.name not in program.variables[late]]
            traces = [x for x in lines if x.name in program.variables[late]]
        body = [_statement(x, words, renamed, target, unit) for x in kept]
        if any(x.name == WEIGHT for x in kept):
            low, high = (renamed.get(n, n) for n in BOUNDS)
            body.append(f"{weight} = clip({weight}, {low}, {high})")
        if side == "pre" and not any(x.name == EFFECT for x in kept):
            body.append(carried)
        ways = made.on_pre if side == "pre" else made.on_post
        if body:
            ways[side] = body
        if traces:
            ways[f"{side}_traces"] = [_statement(x, words, renamed, target, unit) for x in traces]
            made.last = (f"{side}_traces",)  # of one side at most
    return made


def delays(made: Written, p: Projection, dt: float, sooner: bool) -> str:
    """Return the delays of all pathways where all synapses have one: the text of a dictionary.

    Parameters
    ----------
    dt : float
        Time step [ms].
    sooner : bool
        Whether delays are written a step shorter, since synapses see spikes in the next step.
    """
    steps = max(1, round(float(p.delay if isinstance(p.delay, float) else dt) / dt))
    found = {}
    for way, many in _in_steps(made, p, sooner).items():
        value = round((many.count("d") * steps + many.count("+") - many.count("-")) * dt, 9)
        if value:
            found[way] = "defaultclock.dt" if value == dt else quantity(value, "ms")
    return "{" + ", ".join(f"{way!r}: {text}" for way, text in found.items()) + "}"


def _in_steps(made: Written, p: Projection, sooner: bool) -> dict[str, str]:
    """Return the delay of each pathway: "d" for each delay of the synapse, "+" or "-" for a step.

    Where synapses see spikes in the next step, arrivals are a step sooner; what happens at the end
    of a step, as the late pathways then do, sees those of its own.
    """
    dendritic = _is_dendritic(p)
    found = {way: "d-" if sooner and way not in made.last else "d" for way in made.on_pre}
    for way in made.on_post:
        found[way] = ("dd-" if sooner else "dd") if dendritic else ""
    return found


def pathways(name: str, made: Written, p: Projection, sooner: bool, drawn: bool) -> list[str]:
    """Return the lines that say when spikes of both sides act.

    Parameters
    ----------
    sooner : bool
        See `delays`.
    drawn : bool
        Whether delays differ from synapse to synapse: those of "pre" are there already.
    """
    assert p.plasticity is not None
    rule = p.plasticity.plasticity_rule()
    dendritic = _is_dendritic(p)
    lines: list[str] = []
    if dendritic:
        lines.append(
            "# Everything at these synapses happens one (dendritic) delay later than in neurosim."
        )
    ways = [*made.on_pre, *made.on_post]
    if drawn and len(ways) > 1:
        shift = " + 1" if sooner else ""
        steps = f"{name}_steps"
        lines.append(f"{steps} = around({name}.pre.delay[:]/defaultclock.dt){shift}")
        for way, many in _in_steps(made, p, sooner).items():
            if way != "pre" and many:
                text = f"{'2*' if many.startswith('dd') else ''}{steps}"
                text = f"({text} - 1)" if many.endswith("-") else text
                lines.append(f"{name}.{way}.delay = {text}*defaultclock.dt")
    blind = rule.coincidence == "none" and bool(made.on_post)
    if blind:
        lines.append("# Spikes of both sides that meet in a step do not see each other.")
    first = ["post", "pre"] if blind and dendritic else ["pre", "post"]
    order = [way for way in (*first, *made.last) if way in ways]
    if sooner and not dendritic:
        late = [way for way in order if way != "pre"]
        if late:
            lines.append("# At the end of the step in which they occur, as all others arrive.")
        lines += [f"{name}.{way}.when = 'end'" for way in late]
    if len(order) > 1:
        lines += [f"{name}.{way}.order = {k}" for k, way in enumerate(order)]
    return lines


def _is_dendritic(p: Projection) -> bool:
    """Whether postsynaptic spikes come late: where none matter, how delays are read does not."""
    assert p.plasticity is not None
    rule = p.plasticity.plasticity_rule()
    return rule.delay == "dendritic" and rule.program.reads_post


def _is_read(variables: Sequence[str], lines: Sequence[ResetLine]) -> bool:
    return any(found.name in variables for x in lines for found in names(x.expression))


def late_side(rule: PlasticityRule) -> Place | None:
    """Return the side whose traces change after all else in a step, since others need them old."""
    program = rule.program
    if rule.coincidence == "both" or not program.on_post:
        return None
    side: Place = "post" if rule.delay == "dendritic" else "pre"
    other = parse_reset(rule.on_pre if side == "post" else rule.on_post)
    return side if _is_read(program.variables[side], other) else None


def is_out_of_order(rule: PlasticityRule) -> bool:
    """Whether a synapse reads what a line above has made of a trace that is to change later."""
    side = late_side(rule)
    if side is None:
        return False
    changed: set[str] = set()
    for line in parse_reset(rule.on_post if side == "post" else rule.on_pre):
        if line.name in rule.program.variables[side]:
            changed.add(line.name)
        elif changed & {found.name for found in names(line.expression)}:
            return True
    return False


def _statement(
    line: ResetLine, words: Vocabulary, renamed: dict[str, str], target: str, unit: str
) -> str:
    text = spoken(line.expression, words)
    if line.name == EFFECT:
        return f"{target}_post += {times_unit(f'({text})', unit) if unit != '1' else text}"
    name = words.renamed.get(line.name, line.name)
    return f"{name} {line.operator} {text}"


def arguments(made: Written) -> list[str]:
    """Return the rows with statements and parameters, as arguments of ``Synapses``."""
    rows: list[str] = []
    for side, ways in (("pre", made.on_pre), ("post", made.on_post)):
        head = f"    on_{side}="
        if list(ways) == [side]:
            rows += _texts(head, ways[side], ",")
        elif ways:
            rows.append(f"{head}{{")
            for way, body in ways.items():
                rows += _texts(f"        {way!r}: ", body, ",")
            rows.append("    },")
    pairs = [f"{n!r}: {text}" for n, text in made.namespace.items()]
    line = f"    namespace={{{', '.join(pairs)}}},"
    if len(line) <= WIDEST:
        return [*rows, line]
    # A pair stays on one line.
    whole = ", ".join(pair.replace(" ", "\0") for pair in pairs)
    inner = fill(whole, WIDEST, initial_indent=" " * 8, subsequent_indent=" " * 8)
    return [*rows, "    namespace={", *inner.replace("\0", " ").splitlines(), "    },"]


def _texts(head: str, body: list[str], tail: str) -> list[str]:
    """Return statements behind a head: on one line, or each on its own."""
    line = f"{head}{'; '.join(body)!r}{tail}"
    if len(line) <= WIDEST:
        return [line]
    return [f"{head}'''", *(f"        {text}" for text in body), f"    '''{tail}"]


def is_of_synapses(p: Any) -> bool:
    """Whether a projection has plastic synapses between spiking neurons."""
    return p.plasticity is not None and not p.continuous
