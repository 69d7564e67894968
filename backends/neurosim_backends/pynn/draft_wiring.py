"""The connections of a PyNN script: its own connectors where they say it, else lists."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from neurosim.describe.distributions import Distribution, FunctionOfDistance
from neurosim.describe.explicit import ExplicitRule
from neurosim.describe.learning import STDP
from neurosim.describe.population import Segment
from neurosim.describe.projection import Projection
from neurosim.describe.rules import (
    AllToAll,
    FixedIndegree,
    FixedOutdegree,
    FixedProbability,
    FixedTotalNumber,
    OneToOne,
)
from neurosim_backends.nest.binding import Port
from neurosim_backends.nest.words import number
from neurosim_backends.pynn.draft import Draft, block, side_of
from neurosim_backends.pynn.learning import mechanism_of
from neurosim_backends.pynn.words import RUN_IT, WHERE, distribution

BEYOND = 10.0
"""Standard deviations from the mean of a delay at which it is drawn anew: PyNN asks for a bound."""


def projection(draft: Draft, given: Projection) -> list[str]:
    """Return the lines that connect."""
    assert not given.continuous, "refused by declaration"
    head = [f"# {given.name}"]
    made = None if _needs_list(given) else _drawn(draft, given)
    return head + (_listed(draft, given) if made is None else made)


def _needs_list(given: Projection) -> bool:
    """Whether PyNN has no connector for it: listed pairs, arrays, parts of several populations."""
    rule: Any = given.rule
    if isinstance(rule, ExplicitRule) or np.ndim(getattr(rule, "number", 0)):
        return True
    strengths: list[Any] = [given.weight, given.delay]
    if any(isinstance(s, FunctionOfDistance) or np.ndim(s) for s in strengths if s is not None):
        return True
    pre, post = given.pre.segments, given.post.segments
    if isinstance(rule, OneToOne):
        ordered = all(bool(np.all(np.diff(view.ids) > 0)) for view in (given.pre, given.post))
        return len(pre) > 1 or len(post) > 1 or not ordered
    if isinstance(rule, FixedTotalNumber) and len(pre) * len(post) > 1:
        return True
    if isinstance(rule, FixedIndegree) and len(pre) > 1:
        return True
    if isinstance(rule, FixedOutdegree) and len(post) > 1:
        return True
    shared = np.intersect1d(given.pre.ids, given.post.ids).size > 0
    # PyNN leaves out connections of cells to themselves between whole populations only.
    return shared and not rule.autapses and not _is_whole(pre, post)


def _is_whole(pre: Any, post: Any) -> bool:
    return all(indices.size == p.size for p, indices in (*pre, *post))


def _drawn(draft: Draft, given: Projection) -> list[str] | None:
    """Return a projection of PyNN for each pair of populations; None if it lacks the words."""
    lines: list[str] = []
    for source, from_where in given.pre.segments:
        for target, to_where in given.post.segments:
            synapse = _synapse(draft, given, (target, to_where))
            if synapse is None:
                return None
            text, side = synapse
            arguments = [
                draft.some(source, from_where), draft.some(target, to_where),
                f"sim.{_connector(given, source.name == target.name)}", text,
                f'receptor_type="{side}"',
            ]  # fmt: skip
            lines += block("sim.Projection", arguments)
    return lines


def _connector(given: Projection, within: bool) -> str:
    rule: Any = given.rule
    words: list[str] = []
    match rule:
        case OneToOne():
            return "OneToOneConnector()"
        case AllToAll():
            name = "AllToAllConnector"
        case FixedProbability(probability=p):
            name, words = "FixedProbabilityConnector", [number(p)]
        case FixedIndegree(number=n):
            name, words = "FixedNumberPreConnector", [str(n)]
        case FixedOutdegree(number=n):
            name, words = "FixedNumberPostConnector", [str(n)]
        case FixedTotalNumber(number=n):
            name, words = "FixedTotalNumberConnector", [str(n)]
    if within and not rule.autapses:
        words.append("allow_self_connections=False")
    if hasattr(rule, "multapses"):
        words.append(f"with_replacement={rule.multapses}")
    if not isinstance(rule, AllToAll):
        words.append("rng=rng")
    return f"{name}({', '.join(words)})"


def _synapse(draft: Draft, given: Projection, target: Segment) -> tuple[str, str] | None:
    """Return a synapse type and its receptor; None where there are no words for its numbers."""
    population, _ = target
    port = draft.port(population, given.receptor)
    part = f"Projection {given.name!r}"
    weight = weights(draft, given.weight, port, population.name, part)
    delay = _delay(draft, given.delay)
    if weight is None or delay is None:
        return None
    text, negative = weight
    return synapse_type(draft, given, population.name, text, delay), side_of(port, negative)


def synapse_type(draft: Draft, given: Projection, target: str, weight: str, delay: str) -> str:
    """Return a synapse type of PyNN, static or learning; `weight` and `delay` may be empty."""
    words = [f"weight={weight}"] if weight else []
    words += [f"delay={delay}"] if delay else []
    rule = given.plasticity
    if rule is None:
        return "\n".join(block("sim.StaticSynapse", words))
    if isinstance(rule, STDP):
        made = mechanism_of(rule)
        timing = [f"{k}={number(v)}" for k, v in made.timing.items()]
        unit = draft.cell(draft.network.populations[target]).unit
        scale = f" * {draft.scales[target]}" if target in draft.scales else ""
        largest = f"{number(made.w_max * unit)}{scale}"
        parts = [
            "\n".join(block("timing_dependence=sim.SpikePairRule", timing, width=88)),
            f"weight_dependence=sim.{made.dependence}(w_min=0.0, w_max={largest})",
            "dendritic_delay_fraction=DENDRITIC",
        ]
        draft.tell(f"Projection {given.name!r}", "PyNN's Brian2 takes delays of STDP as axonal",
                   "the delay, in the times of spikes there")  # fmt: skip
        return "\n".join(block("sim.STDPMechanism", [*parts, *words]))
    names = (("U", "U"), ("tau_rec", "tau_rec"), ("tau_facil", "tau_facil"))
    parts = [f"{name}={number(float(getattr(rule, ours)))}" for name, ours in names]
    draft.tell(f"Projection {given.name!r}", "sPyNNaker has no TsodyksMarkramSynapse: this runs on "
               "nest and brian2", "all of it there")  # fmt: skip
    return "\n".join(block("sim.TsodyksMarkramSynapse", [*parts, *words]))


def weights(
    draft: Draft, value: Any, port: Port, target: str, part: str
) -> tuple[str, bool] | None:
    """Return a weight in PyNN's unit, and whether it is negative; None if PyNN lacks the words."""
    population = draft.network.populations[target]
    unit, scale = draft.cell(population).unit, draft.scales.get(target, "")
    conductance = port.sides == ("in",) and float(port.factor) < 0
    if not isinstance(value, Distribution):
        times = f" * {scale}" if scale else ""
        return f"{number(float(value) * unit)}{times}", float(value) < 0
    low, high = value.support
    negative = float(getattr(value, "mean", 1.0 if high > 0 else -1.0)) < 0
    least, most = -math.inf, math.inf
    if not conductance and not negative and low < 0:
        least = 0.0
    elif negative and high > 0:
        most = 0.0
    elif conductance and low < 0:
        least = 0.0
    if (least, most) != (-math.inf, math.inf):
        draft.tell(part, "weights beyond 0 are drawn anew: a receptor of PyNN takes one sign",
                   "how many of them there are")  # fmt: skip
    text = distribution(value, unit, scale=scale, least=least, most=most)
    return None if text is None else (text, negative)


def _delay(draft: Draft, value: Any) -> str | None:
    if value is None:
        return "DT"
    if isinstance(value, Distribution):
        low, high = value.support
        mean, sd = getattr(value, "mean", None), getattr(value, "sd", None)
        if not math.isfinite(high) and (mean is None or sd is None):
            return None
        least = draft.dt if low < draft.dt else -math.inf
        most = math.inf if math.isfinite(high) else longest(value)
        return distribution(value, least=least, most=most)
    steps = max(round(float(value) / draft.dt), 1)
    return "DT" if steps == 1 else number(round(steps * draft.dt, 10))


def longest(value: Any) -> float:
    """Return the longest delay that may be drawn or is given [ms]."""
    if isinstance(value, Distribution):
        high = value.support[1]
        if math.isfinite(high):
            return float(high)
        mean, sd = getattr(value, "mean", None), getattr(value, "sd", None)
        return 0.0 if mean is None or sd is None else float(mean) + BEYOND * float(sd)
    if value is None or isinstance(value, FunctionOfDistance):
        return 0.0
    return float(np.max(value))


def _listed(draft: Draft, given: Projection) -> list[str]:
    """Return connections one by one, as our core draws them."""
    lines: list[str] = []
    for source, target, found, pre, post, here in draft.listed(given, WHERE, RUN_IT):
        port = draft.port(draft.network.populations[target.name], given.receptor)
        for negative in (False, True):
            chosen = here & ((found.weight < 0) == negative)
            if np.any(chosen):
                lines += listing(
                    draft, given, source.name, target.name, pre[chosen] - source.offset,
                    post[chosen] - target.offset, found.weight[chosen],
                    found.delay_steps[chosen], side_of(port, negative),
                )  # fmt: skip
    return lines


def listing(
    draft: Draft, given: Projection | None, source: str, target: str, pre: Any, post: Any,
    weight: Any, steps: Any, side: str, sender: str = "",
) -> list[str]:  # fmt: skip
    """Return a projection with connections one by one."""
    unit = draft.cell(draft.network.populations[target]).unit
    delay = np.round(np.asarray(steps) * draft.dt, 10)
    rows = [
        f"    ({int(a)}, {int(b)}, {number(float(w))}, {number(float(d))}),"
        for a, b, w, d in zip(pre, post, np.asarray(weight) * unit, delay, strict=True)
    ]
    name = draft.names.make(f"{sender or draft.nodes[source]}_to_{draft.nodes[target]}")
    lines = [f"{name} = [  # from, to, weight, delay in ms", *rows, "]"]
    if target in draft.scales:
        scale = draft.scales[target]
        lines.append(f"{name} = [(i, j, {scale} * w, d) for i, j, w, d in {name}]")
    learning = "sim.StaticSynapse()"
    if given is not None:
        learning = synapse_type(draft, given, target, "", "")
    arguments = [
        sender or draft.nodes[source], draft.nodes[target], f"sim.FromListConnector({name})",
        learning, f'receptor_type="{side}"',
    ]  # fmt: skip
    return lines + block("sim.Projection", arguments)
