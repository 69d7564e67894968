"""The connections of a PyNEST script: NEST's own rules where they say it, else lists."""

from __future__ import annotations

from typing import Any

import numpy as np

from neurosim.describe.distributions import Distribution, FunctionOfDistance
from neurosim.describe.explicit import ExplicitRule
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
from neurosim.errors import UnsupportedError
from neurosim_backends.nest.binding import Port
from neurosim_backends.nest.draft import RUN_IT, WHERE, Draft
from neurosim_backends.nest.learning import synapse_of
from neurosim_backends.nest.words import array, call, dictionary, distribution, number


def projection(draft: Draft, given: Projection) -> list[str]:
    """Return the lines that connect."""
    part = f"Projection {given.name!r}"
    assert not given.continuous, "refused by declaration"
    head = [f"# {given.name}"]
    groups: dict[tuple[int, float, bool], list[Segment]] = {}
    ports: dict[tuple[int, float, bool], Port] = {}
    for population, indices in given.post.segments:
        port = draft.port(population, given.receptor, part)
        key = (port.number, float(port.factor), draft.relays(population))
        groups.setdefault(key, []).append((population, indices))
        ports[key] = port
    if _needs_list(given, len(groups)):
        return head + traces(draft, given) + _listed(draft, given, part)
    if len(groups) > 1 and isinstance(given.rule, (FixedOutdegree, FixedTotalNumber)):
        raise UnsupportedError(
            f"{part}: {type(given.rule).__name__} {WHERE}", "its targets have different receptors",
            "one projection for each population",
        )  # fmt: skip
    pre = draft.view(given.pre.segments)
    lines = traces(draft, given)
    for key, segments in groups.items():
        weight = None if key[2] else draft.weight(given.weight, ports[key], part)
        rule, delay = _rule(given), _delay(draft, given.delay, part)
        post, port = draft.view(segments), ports[key]
        lines.append(
            draft.connect(
                pre, post, rule, delay, port, weight=weight, release=given.release,
                learning=learning(given, float(port.factor)),
            )
        )  # fmt: skip
    return head + lines


def learning(given: Projection, factor: float) -> dict[str, str]:
    """Return what a plastic synapse is in NEST, as texts; {} for static ones."""
    if given.plasticity is None:
        return {}
    rule = synapse_of(given.plasticity)
    words = {"synapse_model": f'"{rule.model}"'}
    words |= {name: number(value) for name, value in rule.parameters.items()}
    if rule.largest is not None:
        words["Wmax"] = number(rule.largest * factor)
    return words


def traces(draft: Draft, given: Projection) -> list[str]:
    """Return the lines that set the time constants of postsynaptic traces, which neurons have."""
    if given.plasticity is None:
        return []
    lines = []
    for population, _ in given.post.segments:
        for name, value in synapse_of(given.plasticity).of_neuron.items():
            known = draft.traces.setdefault((population.name, name), value)
            if known != value:
                raise UnsupportedError(
                    f"Projection {given.name!r}: time constant of the postsynaptic trace",
                    f"a neuron of NEST has one for all its synapses ({name})",
                    "one time constant, or backend='brian2'",
                )
            told = "  # ms, of the postsynaptic trace"
            lines.append(f"{draft.nodes[population.name]}.{name} = {number(value)}{told}")
    return list(dict.fromkeys(lines))


def _needs_list(given: Projection, n_groups: int) -> bool:
    """Whether NEST has no rule for it: listed pairs, arrays on drawn pairs, orders of its own."""
    if isinstance(given.rule, ExplicitRule) or np.ndim(getattr(given.rule, "number", 0)):
        return True
    strengths: list[Any] = [given.weight, given.delay]
    if any(isinstance(s, FunctionOfDistance) for s in strengths):
        return True
    has_arrays = any(isinstance(s, np.ndarray) and s.ndim for s in strengths)
    if has_arrays and (n_groups > 1 or not isinstance(given.rule, AllToAll)):
        return True
    ordered = all(bool(np.all(np.diff(view.ids) > 0)) for view in (given.pre, given.post))
    return not ordered and (has_arrays or isinstance(given.rule, OneToOne))


def _rule(given: Projection) -> str:
    rule: Any = given.rule
    words: dict[str, str] = {}
    match rule:
        case OneToOne():
            return '"one_to_one"'
        case AllToAll():
            words["rule"] = '"all_to_all"'
        case FixedProbability(probability=p):
            words |= {"rule": '"pairwise_bernoulli"', "p": number(p)}
        case FixedIndegree(number=n):
            words |= {"rule": '"fixed_indegree"', "indegree": str(n)}
        case FixedOutdegree(number=n):
            words |= {"rule": '"fixed_outdegree"', "outdegree": str(n)}
        case FixedTotalNumber(number=n):
            words |= {"rule": '"fixed_total_number"', "N": str(n)}
    shared = np.intersect1d(given.pre.ids, given.post.ids).size > 0
    if shared and not rule.autapses:
        words["allow_autapses"] = "False"
    if hasattr(rule, "multapses") and not rule.multapses:
        words["allow_multapses"] = "False"
    return words["rule"] if isinstance(rule, AllToAll) and len(words) == 1 else dictionary(words)


def _delay(draft: Draft, value: Any, part: str) -> str:
    if value is None:
        return "DT"
    if isinstance(value, Distribution):
        return distribution(value)
    steps = np.maximum(np.rint(np.asarray(value, np.float64) / draft.dt), 1)
    if np.all(steps == 1):
        return "DT"
    rounded = np.round(steps * draft.dt, 10)
    return array(rounded.T if rounded.ndim == 2 else rounded, part)


def _listed(draft: Draft, given: Projection, part: str) -> list[str]:
    """Return connections one by one, as our core draws them."""
    lines = []
    for source, target, found, pre, post, here in draft.listed(given, WHERE, RUN_IT):
        population = draft.network.populations[target.name]
        port = draft.port(population, given.receptor, part)
        n = int(np.count_nonzero(here))
        synapse = {"synapse_model": '"static_synapse"'}
        for name, text in learning(given, float(np.ravel(port.factor)[0])).items():
            synapse[name] = text if name == "synapse_model" else f"np.full({n}, {text})"
        if given.release < 1:
            synapse = {
                "synapse_model": '"bernoulli_synapse"',
                "p_transmit": f"np.full({n}, {number(given.release)})",
            }
        if not draft.relays(population):
            synapse["weight"] = _numbers(found.weight[here] * port.factor)
        synapse["delay"] = _numbers(np.round(found.delay_steps[here] * draft.dt, 10))
        if port.number:
            synapse["receptor_type"] = f"np.full({n}, {port.number})"
        ends = [
            f"np.array({draft.nodes[p.name]}.tolist())[{(ids[here] - p.offset).tolist()}]"
            for p, ids in ((source, pre), (target, post))
        ]
        lines.append(call("nest.Connect", [*ends, '"one_to_one"', dictionary(synapse)]))
    return lines


def _numbers(values: Any) -> str:
    if np.all(values == values[0]):
        return f"np.full({values.size}, {number(float(values[0]))})"
    return f"np.array([{', '.join(number(v) for v in values.tolist())}])"
