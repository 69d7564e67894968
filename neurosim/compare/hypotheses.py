"""Hypotheses about what the other side does otherwise, each one a change of the Plan.

`discrete` lists the choices a simulator can make; `fitted` gives families with one number to be
found. `neurosim.compare.synapse_hypotheses` does the same for single synapses and projections.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from neurosim.compare import variants
from neurosim.lower.plan import Plan

MOST_STEPS = 10
"""Refractory times and delays are looked for up to this many steps off."""


@dataclass(frozen=True, kw_only=True)
class Hypothesis:
    """One thing that the other side may do otherwise.

    Attributes
    ----------
    kind, part, what, size, unit, text
        As in `neurosim.compare.diagnosis.Cause`.
    change : callable
        Plan -> Plan: our core with the hypothesis applied.
    populations : tuple of int
        Whose steps it changes.
    rank : int
        Simpler ones have smaller numbers.
    wiring : bool
        Whether it changes what arrives.
    """

    kind: str
    part: str
    what: str
    size: float | None
    unit: str
    text: str
    change: Callable[[Plan], Plan]
    populations: tuple[int, ...]
    rank: int
    wiring: bool = False


@dataclass(frozen=True, kw_only=True)
class Family:
    """Hypotheses that differ in one number.

    Attributes
    ----------
    name : str
        For reports.
    start : float
        The number that leaves the plan as it is.
    scale : float
        Its order of magnitude, for finite differences.
    positive : bool
        Whether only numbers above 0 make sense.
    make : callable
        Number -> Hypothesis.
    populations : tuple of int
    wiring : bool
    """

    name: str
    start: float
    scale: float
    positive: bool
    make: Callable[[float], Hypothesis]
    populations: tuple[int, ...]
    wiring: bool = False


def title(plan: Plan, indices: tuple[int, ...]) -> str:
    """Return populations as messages name them."""
    names = [repr(plan.populations[k].name) for k in indices]
    return f"Population {names[0]}" if len(names) == 1 else f"Populations {', '.join(names)}"


def discrete(plan: Plan, indices: tuple[int, ...]) -> Iterator[Hypothesis]:
    """List choices that simulators make differently, for populations at once."""
    specs = [plan.populations[k].spec for k in indices]
    part = title(plan, indices)
    of = part[0].lower() + part[1:]

    def each(change: Callable[[Plan, int], Plan]) -> Callable[[Plan], Plan]:
        def changed(given: Plan) -> Plan:
            for k in indices:
                given = change(given, k)
            return given

        return changed

    def made(kind: str, what: str, text: str, rank: int, change: Callable[[Plan, int], Plan],
             size: float | None = None, unit: str = "") -> Hypothesis:  # fmt: skip
        return Hypothesis(
            kind=kind, part=part, what=what, size=size, unit=unit, text=text, rank=rank,
            change=each(change), populations=indices,
        )  # fmt: skip

    if all(s is not None and variants.other_comparison(s) is not None for s in specs):
        first = specs[0]
        assert first is not None
        now = variants.SIGNS[type(first.threshold)]
        then = variants.SIGNS[type(variants.other_comparison(first))]
        yield made(
            "threshold comparison", f"{then} for {now}",
            f"The threshold of {of} is tested with {then} instead of {now}.", 0,
            variants.with_other_comparison,
        )  # fmt: skip
    jumps = all(s is not None and any(r.kind == "jump" for r in s.receptors) for s in specs)
    if jumps and all(s is not None and s.threshold is not None for s in specs):
        for order, words in (
            ("before_reset", "between the threshold test and the reset"),
            ("after_reset", "after the threshold test and the reset"),
        ):
            yield made(
                "reset order", order,
                f"Arrivals at {of} are added {words}, instead of before the threshold test.", 1,
                lambda p, k, order=order: variants.with_order(p, k, order),  # type: ignore[misc]
            )  # fmt: skip
        clamped = all(
            s is not None
            and s.refractory is not None
            and any(r.kind == "jump" and r.target in s.clamped for r in s.receptors)
            for s in specs
        )
        if clamped:
            yield made(
                "arrivals while refractory", "added",
                f"Arrivals act on refractory neurons of {of}, instead of being lost.", 1,
                variants.with_arrivals_while_refractory,
            )  # fmt: skip
    if all(s is not None and s.refractory is not None for s in specs):
        yield from _holds(plan, indices, made, of)
    methods = [set(variants.methods_for(s)) for s in specs if s is not None]
    names = variants.methods_for(specs[0]) if specs[0] is not None else ()
    for method in names:
        if all(method in possible for possible in methods):
            assert specs[0] is not None
            yield made(
                "integrator", method,
                f"The equations of {of} are integrated by {method}, instead of "
                f"{specs[0].method}.", 2,
                lambda p, k, method=method: variants.with_method(p, k, method),  # type: ignore[misc]
            )  # fmt: skip


def _holds(plan: Plan, indices: tuple[int, ...], made: Any, of: str) -> Iterator[Hypothesis]:
    first = plan.populations[indices[0]]
    assert first.spec is not None
    name = first.spec.refractory
    held = int(np.max([np.max(plan.populations[k].refractory_steps) for k in indices]))
    for n in sorted(range(-min(MOST_STEPS, held), MOST_STEPS + 1), key=abs):
        if n == 0:
            continue
        count = f"{abs(n)} step{'s' if abs(n) > 1 else ''} {'longer' if n > 0 else 'shorter'}"
        values = {_number(plan.populations[k].refractory_steps) for k in indices}
        known = (
            f" ({(held + n) * plan.dt:g} instead of {held * plan.dt:g} ms)"
            if values == {held}
            else ""
        )
        yield made(
            "refractory time", name, f"{name} of {of} is {count}{known}.", 1,
            lambda p, k, n=n: variants.with_longer_hold(p, k, n), n * plan.dt, "ms",
        )  # fmt: skip


def _number(value: Any) -> int | None:
    return int(value) if np.ndim(value) == 0 else None


def parameters(plan: Plan, index: int) -> Iterator[Family]:
    """List the parameters of a population as families."""
    population = plan.populations[index]
    spec = population.spec
    assert spec is not None
    for name in spec.parameters:
        if name == spec.refractory:
            continue
        yield parameter_family(plan, index, name)


def parameter_family(plan: Plan, index: int, name: str) -> Family:
    """Return the values of one parameter; where neurons differ, what is added to all of them."""
    population = plan.populations[index]
    spec = population.spec
    assert spec is not None
    given, unit = population.parameters[name], spec.units.get(name, "1")
    shown = "" if unit == "1" else f" {unit}"
    part = title(plan, (index,))
    single = np.ndim(given) == 0
    start = float(given) if single else 0.0
    positive = single and start > 0 and unit in ("ms", "pF", "nS")

    def make(x: float) -> Hypothesis:
        size = x - start
        if not single:
            text = f"{name} of {part[0].lower()}{part[1:]} is off by {size:+.6g}{shown}."
            value: Any = np.asarray(given) + x
        else:
            ratio = f" ({100 * size / start:+.3g} %)" if start and unit != "mV" else ""
            text = (
                f"{name} of {part[0].lower()}{part[1:]} is {x:.10g} instead of "
                f"{start:.10g}{shown}{ratio}."
            )
            value = x
        return Hypothesis(
            kind="parameter", part=part, what=name, size=size, unit=unit, text=text, rank=5,
            change=lambda p: variants.with_parameter(p, index, name, value), populations=(index,),
        )  # fmt: skip

    scale = abs(start) or float(np.max(np.abs(given))) or 1.0
    return Family(
        name=f"{name} of {part}", start=start, scale=scale, positive=positive, make=make,
        populations=(index,),
    )  # fmt: skip


def snapped(x: float, start: float, tolerance: float) -> float:
    """Return the shortest decimal within `tolerance` of x; `start` if that is as near."""
    if abs(x - start) <= tolerance:
        return start
    if x == 0 or not math.isfinite(x):
        return x
    magnitude = math.floor(math.log10(abs(x)))
    for digits in range(0, 16):
        short = round(x, digits - magnitude)
        if abs(short - x) <= tolerance:
            return short
    return x


def shortest_between(low: float, high: float) -> float:
    """Return the shortest decimal in an open interval."""
    middle, half = 0.5 * (low + high), 0.5 * (high - low)
    return snapped(middle, math.inf, 0.999 * half)


__all__ = [
    "Family",
    "Hypothesis",
    "discrete",
    "parameter_family",
    "parameters",
    "shortest_between",
    "snapped",
    "title",
]
