r"""Sigma-delta neurons in Loihi's integers: what a unit of their messages is.

A population has a scale S: an activation y is S y in units of messages, and 2^e times as much in
units of states. Weights of synapses onto it are w S_post 2^e / S_pre, whole numbers of 8 bits with
an exponent; a convolution has none in Lava, so that e and S_post are chosen for its largest weight
to have 8 bits. Otherwise theta is 32 units of messages, to which changes are rounded.

An encoder is given round(S x). Its S is a power of 2, so that images of few bits come in exactly.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from neurosim.describe.explicit import Conv2D
from neurosim.describe.neurons.sigma_delta import LINEAR, RECTIFYING
from neurosim.errors import CapacityError
from neurosim.lower.plan import Floats, Ints, Plan, PlanCoupling, PlanPopulation
from neurosim_backends.loihi.messages import EXPONENT, INPUT, Convolution, Encoders, SigmaDeltas

UNITS = 32
"""What theta is in units of messages, where nothing else decides."""

STATE_EXP = 6
"""Bits that states have beyond messages, where nothing else decides."""

LARGEST = 254
"""Of a weight; mixed ones of synapses without a kernel are even."""

FACTORS = 64
"""Scales that are tried for a kernel."""

EXPONENTS = (-8, 7)
"""Of weights. Negative ones keep 8 bits: they shift the sum, of which states have more bits."""


@dataclass(frozen=True, kw_only=True)
class Scale:
    """What the integers of a population mean.

    Attributes
    ----------
    messages : float
        Units of messages in an activation of 1.
    states : float
        Units of states.
    """

    messages: float
    states: float


@dataclass(frozen=True, kw_only=True)
class Given:
    """Numbers that are handed over: to which encoders, and what 1 is for them."""

    encoder: int
    scale: Floats


def is_sigma_delta(p: PlanPopulation) -> bool:
    """Whether neurons of a population send numbers."""
    return p.spec is not None and p.spec.name in (RECTIFYING, LINEAR)


def population_of(plan: Plan, ids: Ints) -> PlanPopulation:
    """Return the population of some neurons; all are of one."""
    offsets = np.array([p.offset for p in plan.populations])
    return plan.populations[int(np.searchsorted(offsets, ids[0], side="right")) - 1]


@dataclass(frozen=True, kw_only=True)
class Messages:
    """Sigma-delta populations of a plan in integers.

    Attributes
    ----------
    populations : mapping of int to Encoders or SigmaDeltas
    scales : mapping of int to Scale
    inputs : mapping of int to list of Given
        Population of numbers handed over -> where they go.
    synapses : list of (PlanCoupling, pre, post, exact weights, Conv2D or None)
        Exact weights are not rounded, in units of states per unit of messages.
    told : list of dict
        Roundings.
    """

    populations: Mapping[int, Encoders | SigmaDeltas]
    scales: Mapping[int, Scale]
    inputs: Mapping[int, list[Given]]
    synapses: list[tuple[PlanCoupling, int, int, Floats, Conv2D | None]]
    told: list[dict[str, Any]]


def messages_of(plan: Plan) -> Messages:
    """Return the sigma-delta neurons of a plan in integers.

    Raises
    ------
    CapacityError
        If theta is below one unit of messages, or a bias beyond 24 bits.
    """
    mine = {p.index: p for p in plan.populations if is_sigma_delta(p)}
    incoming: dict[int, list[tuple[PlanCoupling, int]]] = {k: [] for k in mine}
    encoders: dict[int, list[tuple[int, PlanCoupling]]] = {}
    for c in plan.couplings:
        pre, post = population_of(plan, c.pre), population_of(plan, c.post)
        if pre.index in mine:
            incoming[post.index].append((c, pre.index))
        else:
            encoders.setdefault(post.index, []).append((pre.index, c))
    exponents = {k: 0 if k in encoders else STATE_EXP for k in mine}
    units = {k: UNITS / _theta(p) for k, p in mine.items()}
    for k in encoders:
        units[k] = 2.0 ** np.ceil(np.log2(units[k]))
    for k in mine:
        shared = [
            np.ravel(rule.kernel) / units[pre]
            for c, pre in incoming[k]
            if (rule := whole(c, plan)) is not None
        ]
        weights = np.concatenate([np.zeros(0), *shared])
        if weights.any():
            # S 2^e, of which the largest weight has 8 bits; e is nearest to what theta would like.
            states = _finest(weights)
            exponents[k] = int(np.clip(round(np.log2(states / units[k])), *EXPONENT))
            units[k] = states / 2.0 ** exponents[k]
    populations: dict[int, Encoders | SigmaDeltas] = {}
    scales: dict[int, Scale] = {}
    told: list[dict[str, Any]] = []
    for k, p in mine.items():
        made, scales[k], entries = _population(p, units[k], exponents[k], k in encoders)
        populations[k] = made
        told += entries
    inputs: dict[int, list[Given]] = {}
    for k, given in encoders.items():
        for source, c in given:
            weight = np.zeros(mine[k].size)
            weight[c.post - mine[k].offset] = c.weight
            inputs.setdefault(source, []).append(Given(encoder=k, scale=weight * units[k]))
    synapses = [
        (
            c, pre, k, c.weight * scales[k].states / scales[pre].messages,
            whole(c, plan),
        )
        for k, found in incoming.items()
        for c, pre in found
    ]  # fmt: skip
    return Messages(
        populations=populations, scales=scales, inputs=inputs, synapses=synapses, told=told
    )


def _finest(weights: Floats) -> float:
    """Return the factor with which weights are rounded least, the largest to 7 or 8 bits.

    A power of 2 is among those tried: weights of few bits stay what they are.
    """
    most = LARGEST / np.abs(weights).max()
    tried = [*(most * (1.0 - np.arange(FACTORS) / (2 * FACTORS))), 2.0 ** np.floor(np.log2(most))]
    some = np.unique(weights)
    return float(min(tried, key=lambda s: np.abs(np.rint(some * s) / s - some).max()))


def whole(of: Any, plan: Plan) -> Conv2D | None:
    """Return the convolution that a projection is, if it is one of whole populations."""
    rule: Conv2D | None = of.convolution
    if rule is None:
        return None
    pre, post = of.pre, of.post
    if isinstance(of, PlanCoupling):
        # Sorted by targets: what counts is that places within the views are those of populations.
        same = (of.pre_position == of.pre - population_of(plan, of.pre).offset).all()
        same &= (of.post_position == of.post - population_of(plan, of.post).offset).all()
        same &= of.targets.size == population_of(plan, of.post).size
    else:
        same = all(np.array_equal(ids, population_of(plan, ids).ids) for ids in (pre, post))
    before, after = (_of_three(population_of(plan, ids).shape) for ids in (pre, post))
    return rule if same and shape_after(rule, before) == after else None


def _of_three(shape: tuple[int, ...]) -> tuple[int, ...]:
    return (1, *shape) if len(shape) == 2 else shape


def shape_after(rule: Conv2D, before: Sequence[int]) -> tuple[int, ...] | None:
    """Return what a convolution makes of a shape; None if it is of other channels."""
    out, inner, *taps = np.shape(rule.kernel)
    if len(before) != 3 or before[0] != inner * rule.groups:
        return None
    form: Any = (rule.stride, rule.padding, rule.dilation)
    pairs = zip(before[1:], taps, *form, strict=True)
    return (out, *((n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in pairs))


def _theta(p: PlanPopulation) -> float:
    return float(np.asarray(p.parameters["theta"]).flat[0])


def _population(
    p: PlanPopulation, units: float, state_exp: int, is_encoder: bool
) -> tuple[Encoders | SigmaDeltas, Scale, list[dict[str, Any]]]:
    part = f"Population {p.name!r}"
    exact = _theta(p) * units
    limit = INPUT[1] >> state_exp
    if not 0.5 <= exact <= limit:
        raise CapacityError(
            f"{part}: theta = {_theta(p):g} is {exact:.3g} units of its messages, which must be "
            f"from 1 to {limit}. Its unit follows from the largest weight of a convolution onto "
            f"it: use a {'larger' if exact < 1 else 'smaller'} theta, or other weights."
        )
    vth = max(1, round(exact))
    told = [_entry(f"{part}: theta", "a whole number", abs(vth / units - _theta(p)))]
    if is_encoder:
        how = f"numbers are handed over as multiples of 1/{units:g}"
        told.append(_entry(f"{part}: a", how, 0.5 / units))
        return (
            Encoders(name=p.name, size=p.size, vth=vth),
            Scale(messages=units, states=units),
            told,
        )
    bias = np.broadcast_to(np.asarray(p.parameters["bias"], np.float64), p.size)
    if np.abs(bias).max(initial=0.0) * units > limit:
        raise CapacityError(
            f"{part}: a bias of {np.abs(bias).max():g} is beyond 24 bits beside theta = "
            f"{_theta(p):g}. Use a larger theta."
        )
    rounded = np.rint(bias * units).astype(np.int64)
    off = np.abs(rounded / units - bias).max(initial=0.0)
    told += [
        _entry(f"{part}: bias", f"multiples of 1/{units:.6g}", off),
        _entry(
            f"{part}: sent", "messages are whole numbers, rounded down: for each that is sent",
            (1.0 - 2.0**-state_exp) / units,
        ),
    ]  # fmt: skip
    assert p.spec is not None
    made = SigmaDeltas(
        name=p.name, vth=vth, bias=rounded, state_exp=state_exp,
        rectifies=p.spec.name == RECTIFYING,
    )  # fmt: skip
    scale = Scale(messages=units, states=units * 2.0**state_exp)
    return made, scale, told


def _entry(part: str, how: str, bound: float) -> dict[str, Any]:
    return {"part": part, "how": how, "bound": float(bound), "unit": "1"}


def convolution_of(
    name: str, rule: Conv2D, kernel: Ints, pre: int, post: int, plan: Plan, graded: bool
) -> Convolution:
    """Return a convolution with a kernel of integers."""
    before, after = (_of_three(plan.populations[k].shape) for k in (pre, post))
    pairs: Any = {name: getattr(rule, name) for name in ("stride", "padding", "dilation")}
    return Convolution(
        name=name, pre=pre, post=post, kernel=kernel, before=before, after=after,  # type: ignore[arg-type]
        blocks=rule.groups, graded=graded, **pairs,
    )  # fmt: skip
