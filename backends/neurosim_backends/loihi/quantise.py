r"""From millivolts and picoamperes to Loihi's integers, with the bound of every rounding.

One step of a neuron of ours is affine in its states. With x = V_m - zero, `zero` being what a spike
resets V_m to, and I the sum of its currents,

    x <- a x + k I + c,        I <- p I + what arrives

which is the step of a compartment, with v = s x and u = s k I for a scale s [1/mV]: the decays
a and p become parts of 4096, c becomes the bias, and s V_th the threshold. That E_L differs from
V_reset is in c. The chip adds what arrives to u before v reads it, we let V_m read the current at
t: so synapses onto currents have one step of delay more on the chip. Spikes are the same then.

*The scale.* s V_th = 64 T with a whole T, and the register is T - 1, so that V_m = V_th fires:
potentials from 64 (T - 1) + 1 on do. T is the one of [T_max / 2, T_max] with which weights and bias
are rounded least. T_max is 2^15, a quarter of what v may reach, or less where a bias or weight
would not fit, or all weights of a neuron together.

*Calibration.* Where a run in floating point has shown how far states go (`calibration`), T_max is
the largest number, up to 2^17, with which nothing of it wraps or is clipped, with a margin.

*Decays.* A decay that is rounded also changes what a constant input leads to, by 1/(1 - a). Inputs
are scaled by (1 - a')/(1 - a), currents moreover by (1 - p')/(1 - p): time constants are off, mean
potentials are not.

*Learning.* Weights that STDP changes have bounds, which the chip holds as 0 and 255: T is the one
with which the bound is 255 times a power of 2. The rest is told in `learning`.

Sources: the registers, Davies et al. (2018), IEEE Micro 38(1):82-99; the step, Rotter & Diesmann
(1999), Biol. Cybern. 81:381-402.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from neurosim.describe.explicit import Conv2D
from neurosim.describe.learning import STDP
from neurosim.engine.wiring import enumerate_connections
from neurosim.equations.evaluate import evaluate
from neurosim.errors import CapacityError, UnsupportedError
from neurosim.kernels.loihi import ALIGNMENT, DECAY_BITS, STATE_LIMIT
from neurosim.lower.plan import Floats, Ints, Plan, PlanPopulation
from neurosim_backends.loihi.calibration import Activity, Calibration, Jumping, Wish
from neurosim_backends.loihi.chip import (
    ARRIVING,
    BIAS_EXPONENT,
    DECAY,
    LARGEST,
    MANTISSA,
    MOST_SLOTS,
    WEIGHT_EXPONENT,
    Cells,
    Compartments,
    Generators,
    Group,
    IntegerNetwork,
    SignMode,
)
from neurosim_backends.loihi.learning import bound_of, stdp_of, taught
from neurosim_backends.loihi.messages import Convolution
from neurosim_backends.loihi.sigma_delta import (
    EXPONENTS,
    Given,
    Messages,
    Scale,
    convolution_of,
    is_sigma_delta,
    messages_of,
    whole,
)

UNITY = 1 << DECAY_BITS
REGISTER = 1 << ALIGNMENT
"""What one unit of the threshold, or of what arrives, is in units of v and u."""

HIGHEST = 1 << 15
"""Largest threshold that is chosen: inhibition has three times as much room below the reset."""

MOST = 1 << 17
"""Largest threshold there is."""

CANDIDATES = 4096
"""Scales that are tried for a population."""

BOUND_OFF = 0.05
"""Most by which a bound of weights that learn may be off: those of one population share T."""

LOOKED_AT = 64
"""Weights of a group that are looked at to choose one."""


@dataclass(frozen=True, kw_only=True)
class Meaning:
    """What the integers of a population mean.

    Attributes
    ----------
    zero : float
        V_m where v is 0 [mV].
    span : float
        From there to V_th [mV].
    units : int
        How many units of v that is.
    current_scale : float
        Units of u per pA; 0 where there is no current.
    receptor : str
        State that u is, where there is one receptor; else "".
    """

    zero: float
    span: float
    units: int
    current_scale: float
    receptor: str

    def potential(self, v: Any) -> Floats:
        """Return V_m [mV]."""
        # One division by a whole number: exact wherever the result is a number of few digits.
        return np.asarray(self.zero + np.asarray(v, np.float64) * self.span / self.units)

    def current(self, u: Any) -> Floats:
        """Return the current [pA]."""
        return np.asarray(np.asarray(u, np.float64) / self.current_scale)


@dataclass(frozen=True, kw_only=True)
class Stored:
    """A group of synapses, as part of its projection.

    Attributes
    ----------
    group : int
        Place among the groups; -1 for a convolution.
    weight : (n,) int64 or None
        Of a convolution, in the order of the connections.
    places : (n,) int64
        Of its synapses among the connections of the projection.
    unit : float
        A weight of 1 in the unit of the receptor.
    """

    group: int
    places: Ints
    unit: float
    weight: Ints | None = None


@dataclass(frozen=True, kw_only=True)
class Quantised:
    """A network in integers, and what they mean.

    Attributes
    ----------
    network : IntegerNetwork
        The populations of the plan, in its order, then a population of generators for each drive.
    meanings : mapping of int to Meaning
        Population -> what its states mean.
    drives : mapping of (int, int) to int
        (drive, population) -> index of its generators.
    drive_targets : mapping of (int, int) to (n,) int64
        The same -> places of those generators' targets in ``PlanDrive.ids``.
    stored : mapping of int to list of Stored
        Projection -> its groups.
    units : tuple of (float, str)
        Of each group, what a weight of 1 is, with its unit.
    approximations : list of dict
        For ``provenance["approximations"]``: part, how, bound, unit.
    scales : mapping of int to Scale
        Sigma-delta population -> what its numbers mean.
    inputs : mapping of int to list of Given
        Population of numbers handed over -> where they go.
    """

    network: IntegerNetwork
    meanings: Mapping[int, Meaning]
    stored: Mapping[int, list[Stored]]
    units: tuple[tuple[float, str], ...]
    drives: Mapping[tuple[int, int], int]
    drive_targets: Mapping[tuple[int, int], Ints]
    approximations: list[dict[str, Any]]
    scales: Mapping[int, Scale] = field(default_factory=dict)
    inputs: Mapping[int, list[Given]] = field(default_factory=dict)

    @property
    def learned(self) -> dict[int, list[Stored]]:
        """Of `stored`, what learns."""
        groups = self.network.groups
        return {
            projection: parts
            for projection, parts in self.stored.items()
            if any(p.group >= 0 and groups[p.group].learning is not None for p in parts)
        }


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step of a population: x <- a x + k I + c, I <- p I; arrivals move x by `jumps`.

    Attributes
    ----------
    a, k, p : float
        `k` and `p` are 0 without a current.
    c : (n,) float64
        [mV].
    per_pA : float
        What a constant current adds to c [mV/pA].
    jumps : mapping of str to float
        Receptor -> what a weight of 1 adds to x; of those that are no currents.
    zero : float
        [mV].
    """

    a: float
    k: float
    p: float
    c: Floats
    per_pA: float
    jumps: Mapping[str, float]
    zero: float


@dataclass(frozen=True, kw_only=True)
class Synapses:
    """Synapses of one projection or drive between two populations, one for each pair."""

    name: str
    part: str
    unit: str
    pre: int
    post: int
    receptor: str
    pre_id: Ints
    post_id: Ints
    weight: Floats
    delay: Ints
    graded: bool
    projection: int = -1
    places: Ints
    rule: STDP | None = None
    convolution: Conv2D | None = None


def quantise(plan: Plan, epoch: int = 1, wish: Wish | None = None) -> Quantised:
    """Turn a plan into integers.

    Parameters
    ----------
    plan : Plan
    epoch : int
        Steps between two changes of weights that learn.
    wish : Wish, optional
        What scales are calibrated with; else they follow from the network alone.

    Raises
    ------
    CapacityError
        If a delay, weight or current is beyond what the chip holds, where only numbers show it.
    """
    drives, targets, generators = drives_of(plan)
    synapses = synapses_of(plan, drives, targets)
    messages = messages_of(plan)
    calibration = None
    if wish is not None:
        if messages.populations:
            raise UnsupportedError(
                f"{wish.place}: sigma-delta neurons",
                "their scales follow from theta and from kernels, not from what they do",
                "calibrate=None",
            )
        calibration = wish.measured(plan, _jumping(plan, synapses, drives))
    populations: list[Cells | Generators] = []
    meanings: dict[int, Meaning] = {}
    groups: list[Group] = []
    convolutions: list[Convolution] = []
    stored: dict[int, list[Stored]] = {}
    units: list[tuple[float, str]] = []
    told = list(messages.told)
    for p in plan.populations:
        if p.spec is None:
            populations.append(Generators(name=p.name, size=p.size))
            continue
        if is_sigma_delta(p):
            populations.append(messages.populations[p.index])
            continue
        mine = [s for s in synapses if s.post == p.index]
        step = step_of(p, plan.dt, injected(plan, p))
        made, meanings[p.index], weights, entries = _compartments(plan, p, step, mine, calibration)
        populations.append(made)
        told += entries
        for s, unit in zip(mine, weights, strict=True):
            onto_current = bool(step.k) and s.receptor not in step.jumps
            if _fits(s, onto_current, unit):
                assert s.convolution is not None
                exact = np.asarray(s.convolution.kernel) * unit
                kernel = np.rint(exact).astype(np.int64)
                convolutions.append(
                    convolution_of(s.name, s.convolution, kernel, s.pre, s.post, plan, s.graded)
                )
                pre, post, listed = convolutions[-1].connections
                weight = np.empty_like(listed)
                weight[np.lexsort((s.post_id, s.pre_id))] = listed[np.lexsort((post, pre))]
                own = Stored(group=-1, places=s.places, unit=1.0 / unit, weight=weight)
                stored.setdefault(s.projection, []).append(own)
                told.append(_rounding(s, exact - kernel, unit, BY_KERNEL))
                continue
            group, entries = _group(s, unit, onto_current)
            if s.rule is not None:
                group, more = _taught(group, s, s.rule, unit, plan, epoch)
                entries += more
            units.append((2.0**group.exponent / unit, s.unit))
            if s.projection >= 0:
                kept = Stored(group=len(groups), places=s.places, unit=units[-1][0])
                stored.setdefault(s.projection, []).append(kept)
            groups.append(group)
            told += entries
    told += _message_synapses(plan, messages, groups, convolutions, units)
    return Quantised(
        network=IntegerNetwork(
            populations=(*populations, *generators),
            groups=tuple(groups),
            convolutions=tuple(convolutions),
        ),
        scales=messages.scales,
        inputs=messages.inputs,
        meanings=meanings,
        stored=stored,
        units=tuple(units),
        drives=drives,
        drive_targets=targets,
        approximations=_gathered(told),
    )


BY_KERNEL = "a kernel of integers of 8 bits"
ONE_BY_ONE = "integers of 8 bits with an exponent"
LISTED = "; synapse by synapse: convolutions of Lava have no delays, no exponents and no views"


def _fits(s: Synapses, onto_current: bool, unit: float) -> bool:
    """Whether synapses can be a convolution of Lava's."""
    if s.convolution is None:
        return False
    slot = _slots(s, onto_current)
    largest = np.abs(np.asarray(s.convolution.kernel)).max(initial=0.0) * abs(unit)
    return not slot.any() and bool(largest <= LARGEST + 0.499)


def _rounding(s: Synapses, off: Floats, unit: float, how: str) -> dict[str, Any]:
    """Return by how much weights are off; `unit` is what a weight of 1 is."""
    bound = np.abs(off).max(initial=0.0) / abs(unit)
    if bound < 2.0**-40 * np.abs(s.weight).max(initial=0.0):
        bound = 0.0  # rounding of the scale itself
    return _entry(s.part, how, bound, s.unit)


def _message_synapses(
    plan: Plan,
    messages: Messages,
    groups: list[Group],
    convolutions: list[Convolution],
    units: list[tuple[float, str]],
) -> list[dict[str, Any]]:
    """Add synapses between sigma-delta neurons; return their roundings."""
    told = []
    for c, pre, post, exact, rule in messages.synapses:
        part = f"Projection {c.name!r}: weights"
        scale = messages.scales[post].states / messages.scales[pre].messages
        if rule is not None and np.abs(exact).max(initial=0.0) <= LARGEST + 0.499:
            shared = np.asarray(rule.kernel) * scale
            kernel = np.rint(shared).astype(np.int64)
            convolutions.append(convolution_of(c.name, rule, kernel, pre, post, plan, True))
            off, how = shared - kernel, BY_KERNEL
        else:
            sign, unit = _form(exact)
            mantissa, exponent = _mantissas(exact, unit, EXPONENTS)
            p, q = plan.populations[pre], plan.populations[post]
            pairs = np.unique((c.pre - p.offset) * q.size + c.post - q.offset)
            if pairs.size < c.weight.size:
                raise CapacityError(
                    f"Projection {c.name!r}: several connections of one pair. Add their weights: "
                    f"one message has one weight."
                )
            groups.append(
                Group(
                    name=c.name, pre=pre, post=post, pre_id=c.pre - p.offset,
                    post_id=c.post - q.offset, weight=mantissa.astype(np.int64),
                    slot=np.zeros(exact.size, np.int64), exponent=int(exponent), sign=sign,
                    graded=True,
                )
            )  # fmt: skip
            units.append((2.0 ** float(exponent) / scale, "1"))
            off = mantissa * 2.0**exponent - exact
            how = ONE_BY_ONE + (LISTED if c.convolution is not None else "")
        told.append(_entry(part, how, np.abs(off).max(initial=0.0) / scale, "1"))
    return told


def _gathered(told: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return entries of the same part and words as one, with the largest bound; no exact ones."""
    found: dict[tuple[str, str, str], dict[str, Any]] = {}
    for entry in told:
        key = (entry["part"], entry["how"], entry["unit"])
        if entry["bound"] > found.get(key, {"bound": 0.0})["bound"]:
            found[key] = entry
    return list(found.values())


def _entry(part: str, how: str, bound: float, unit: str) -> dict[str, Any]:
    return {"part": part, "how": how, "bound": float(bound), "unit": unit}


# --- what a step is -------------------------------------------------------------------------------


def injected(plan: Plan, p: PlanPopulation) -> Floats:
    """Return the constant currents that are injected into a population [pA]."""
    total = np.zeros(p.size)
    for injection in plan.injections:
        mine = (injection.ids >= p.offset) & (injection.ids < p.offset + p.size)
        amplitude = np.broadcast_to(injection.source.amplitude, injection.ids.shape)
        np.add.at(total, injection.ids[mine] - p.offset, amplitude[mine])
    return total


def step_of(p: PlanPopulation, dt: float, injected: Floats) -> Step:
    """Read the coefficients of a step off the program itself, whatever its method."""
    spec = p.spec
    assert spec is not None
    parameters: dict[str, Any] = {
        # Arrays are of equal values, but for the bias and for what nothing is made of.
        name: value if name == "I_e" else float(np.asarray(value).flat[0])
        for name, value in p.parameters.items()
    }
    currents = [s for s in spec.states if s != "V_m"]
    pulses = {r.target: r.name for r in spec.receptors if r.kind == "pulse"}
    known = {
        **parameters, **spec.constants(parameters, dt), "dt": dt, "active": 1.0,
        "I_injected": 0.0, "V_m": 0.0, **dict.fromkeys([*currents, *pulses], 0.0),
    }  # fmt: skip

    def after(state: str, **changed: Any) -> Any:
        values = {**known, **changed}
        for line in spec.program:
            values[line.name] = evaluate(line.expression, values)
        return values[spec.next_names[state]]

    def slope(state: str, of: str) -> float:
        rise = after(state, **{of: 1.0}) - after(state)
        return float(np.asarray(rise).flat[0])

    values = dict(parameters)
    for line in spec.reset:
        values["V_m"] = evaluate(line.expression, values)
    zero = float(values["V_m"])
    per_pA = slope("V_m", "I_injected")
    rest = np.broadcast_to(after("V_m", V_m=zero), p.size) - zero
    jumps = {r.name: 1.0 for r in spec.receptors if r.target == "V_m"}
    jumps |= {name: slope("V_m", symbol) for symbol, name in pulses.items()}
    return Step(
        a=slope("V_m", "V_m"),
        k=slope("V_m", currents[0]) if currents else 0.0,
        p=slope(currents[0], currents[0]) if currents else 0.0,
        c=np.asarray(rest + per_pA * injected, np.float64),
        per_pA=per_pA,
        jumps=jumps,
        zero=zero,
    )


# --- who sends to whom ----------------------------------------------------------------------------


def drives_of(
    plan: Plan,
) -> tuple[dict[tuple[int, int], int], dict[tuple[int, int], Ints], list[Generators]]:
    """Return index and targets of the generators that stand for each drive, and themselves."""
    indices: dict[tuple[int, int], int] = {}
    targets: dict[tuple[int, int], Ints] = {}
    made: list[Generators] = []
    for drive in plan.drives:
        for p in plan.populations:
            chosen = np.flatnonzero((drive.ids >= p.offset) & (drive.ids < p.offset + p.size))
            if chosen.size:
                key = (drive.index, p.index)
                indices[key] = len(plan.populations) + len(made)
                targets[key] = chosen
                made.append(Generators(name=f"drive {drive.index} of {p.name}", size=chosen.size))
    return indices, targets, made


def synapses_of(
    plan: Plan, drives: Mapping[tuple[int, int], int], targets: Mapping[tuple[int, int], Ints]
) -> list[Synapses]:
    """Return all synapses, population by population, no pair twice in one entry."""
    found: list[Synapses] = []
    offsets = np.array([p.offset for p in plan.populations])
    for projection in plan.projections:
        found_all = enumerate_connections(projection, plan.seed, plan.dt)
        pre = projection.pre[found_all.pre_position]
        post = projection.post[found_all.post_position]
        pre_index = np.searchsorted(offsets, pre, side="right") - 1
        post_index = np.searchsorted(offsets, post, side="right") - 1
        again = _repetition(pre, post)
        keys = np.stack([pre_index, post_index, again])
        for key in np.unique(keys, axis=1).T:
            chosen = np.flatnonzero((key == keys.T).all(axis=1))
            source, target = plan.populations[key[0]], plan.populations[key[1]]
            found.append(
                Synapses(
                    name=f"{projection.name} {source.name}->{target.name} {key[2]}",
                    part=f"Projection {projection.name!r}: weights",
                    unit=_unit(target, projection.receptor),
                    pre=source.index, post=target.index, receptor=projection.receptor,
                    pre_id=pre[chosen] - source.offset, post_id=post[chosen] - target.offset,
                    weight=found_all.weight[chosen], delay=found_all.delay_steps[chosen],
                    convolution=whole(projection, plan),
                    graded=source.spec is None, projection=projection.index, places=chosen,
                    rule=stdp_of(projection.plasticity),
                )
            )  # fmt: skip
    for (number, index), generators in drives.items():
        drive, target = plan.drives[number], plan.populations[index]
        chosen = targets[number, index]
        n = chosen.size
        found.append(
            Synapses(
                name=f"drive {number} of {target.name}",
                part=f"Drive of {target.name!r}: weights",
                unit=_unit(target, drive.receptor),
                pre=generators, post=index, receptor=drive.receptor,
                pre_id=np.arange(n), post_id=drive.ids[chosen] - target.offset,
                weight=np.broadcast_to(drive.weight, drive.ids.shape)[chosen].astype(np.float64),
                delay=np.zeros(n, np.int64), graded=True, places=chosen,
            )
        )  # fmt: skip
    return found


def _repetition(pre: Ints, post: Ints) -> Ints:
    """Return of each synapse how many of its pair came before it."""
    order = np.lexsort((np.arange(pre.size), post, pre))
    same = (np.diff(pre[order]) == 0) & (np.diff(post[order]) == 0)
    starts = np.concatenate([[True], ~same])[: pre.size]
    place = np.arange(pre.size)
    began = np.maximum.accumulate(np.where(starts, place, 0)) if pre.size else place
    again = np.empty(pre.size, np.int64)
    again[order] = place - began
    return again


def _unit(p: PlanPopulation, receptor: str) -> str:
    assert p.spec is not None
    return next(r.unit for r in p.spec.receptors if r.name == receptor)


# --- compartments ---------------------------------------------------------------------------------


def _compartments(
    plan: Plan,
    p: PlanPopulation,
    step: Step,
    synapses: Sequence[Synapses],
    calibration: Calibration | None,
) -> tuple[Compartments, Meaning, list[float], list[dict[str, Any]]]:
    """Return registers, their meaning, what a weight of 1 is in what arrives, and roundings."""
    spec = p.spec
    assert spec is not None
    part = f"Population {p.name!r}"
    dv = _decay(1.0 - step.a)
    du = max(_decay(1.0 - step.p) - 1, 0) if step.k else DECAY[1]
    kept_v, kept_u = 1.0 - dv / UNITY, 1.0 - (du + 1) / UNITY
    gain = (1.0 - kept_v) / (1.0 - step.a) if step.a < 1.0 else 1.0
    gain_u = (1.0 - kept_u) / (1.0 - step.p) if step.k else 1.0
    c = step.c * gain
    per_current = step.k * gain * gain_u
    per_weight = [step.jumps.get(s.receptor, per_current) for s in synapses]
    threshold = float(np.asarray(p.parameters["V_th"]).flat[0])
    span = threshold - step.zero
    begins = np.broadcast_to(np.asarray(p.initial["V_m"], np.float64), p.size) - step.zero
    weights = [w * s.weight for w, s in zip(per_weight, synapses, strict=True)]
    full = max(
        (abs(w * bound_of(s.rule)) for w, s in zip(per_weight, synapses, strict=True) if s.rule),
        default=0.0,
    )
    room = _room(c, begins, weights, full, _together(p.size, synapses, weights))
    if calibration is not None:
        seen = calibration.activity[p.index]
        room += _seen(seen, calibration.margin, step.zero, per_current)
    most, limit = _most(part, span, room, HIGHEST if calibration is None else MOST)
    shared = [
        float(np.abs(np.asarray(s.convolution.kernel) * w).max(initial=0.0))
        if s.convolution is not None
        and not _slots(s, bool(step.k) and s.receptor not in step.jumps).any()
        else 0.0
        for w, s in zip(per_weight, synapses, strict=True)
    ]
    if any(shared):
        fitting = int((LARGEST << ALIGNMENT) * span / (max(shared) * REGISTER))
        if 1 <= fitting < most:  # a weight that is too large is for synapses with an exponent
            most, limit = fitting, "a kernel, which has no exponent"
    T = _threshold(part, span, c, weights, full, most)
    scale = REGISTER * T / span
    mantissa, exponent = _bias(c * scale)
    bias = np.left_shift(mantissa, exponent)
    v = np.rint(begins * scale).astype(np.int64)
    currents = [s for s in spec.states if s != "V_m"]
    current_scale = per_current * scale
    u = _initial_current(part, p, currents, current_scale, kept_u)
    vth = T - 1
    told = [
        _entry(
            f"{part}: V_th",
            f"fires above {vth} << {ALIGNMENT} of {T} << {ALIGNMENT}, so that V_th itself does",
            (REGISTER - 1) / scale, "mV",
        ),
        _entry(
            f"{part}: I_e",
            "with the distance from V_reset to rest, a bias of 13 bits with an exponent",
            np.abs(bias / scale - c).max(initial=0.0) / (step.per_pA * gain), "pA",
        ),
        _entry(
            f"{part}: V_m", "at the start a whole number",
            np.abs(v / scale - begins).max(initial=0.0), "mV",
        ),
    ]  # fmt: skip
    if calibration is not None:
        told.append(
            _entry(f"{part}: scale", _calibrated(calibration, seen, T, limit), 1.0 / scale, "mV")
        )
    drops = (dv > 0) + (1.0 / (1.0 - kept_u) if currents else 0.0)
    if drops:
        forgets = 1.0 - kept_v
        told.append(
            _entry(
                f"{part}: V_m",
                f"{scale:.6g} units per mV, rounded toward V_reset in every step",
                drops / scale / (forgets or 1.0), "mV" if forgets else "mV a step",
            )
        )  # fmt: skip
    if dv:
        told.append(_time_constant(f"{part}: tau_m", dv, step.a, plan.dt))
    if currents:
        told.append(_time_constant(f"{part}: tau of its currents", du + 1, step.p, plan.dt))
    meaning = Meaning(
        zero=step.zero, span=span, units=REGISTER * T, current_scale=current_scale,
        receptor=currents[0] if len(currents) == 1 else "",
    )  # fmt: skip
    made = Compartments(
        name=p.name, du=du, dv=dv, vth=vth, bias_mant=mantissa, bias_exp=exponent, u=u, v=v
    )
    return made, meaning, [w * scale / REGISTER for w in per_weight], told


def _decay(part: float) -> int:
    return int(np.clip(round(part * UNITY), *DECAY))


def _time_constant(part: str, decay: int, kept: float, dt: float) -> dict[str, Any]:
    exact, made = (-dt / np.log(x) for x in (kept, 1.0 - decay / UNITY))
    return _entry(
        part, f"a decay of {decay}/{UNITY} a step; inputs are scaled so that means stay",
        abs(made - exact), "ms",
    )  # fmt: skip


Room = list[tuple[str, float, int]]
"""What, how large it is [mV], and the most of it in units of v that the chip holds."""


def _room(c: Floats, begins: Floats, weights: Sequence[Floats], full: float, all_: float) -> Room:
    """Return what is known of the network alone.

    `full` is the largest bound of weights that learn, `all_` the most that all synapses of a neuron
    could bring in one step [mV].
    """
    heaviest = LARGEST - 1 << WEIGHT_EXPONENT[1] + ALIGNMENT
    return [
        ("I_e and E_L", float(np.abs(c).max(initial=0.0)), MANTISSA[1] << BIAS_EXPONENT[1]),
        ("V_m at the start", float(np.abs(begins).max(initial=0.0)), STATE_LIMIT - 1),
        *(("a weight", float(np.abs(w).max(initial=0.0)), heaviest) for w in weights),
        ("a bound of weights that learn", full, heaviest),
        # Weights may be rounded up.
        ("the sum of a neuron's weights", all_, int(0.95 * ARRIVING) << ALIGNMENT),
    ]  # fmt: skip


def _together(n: int, synapses: Sequence[Synapses], weights: Sequence[Floats]) -> float:
    """Return the most that all synapses of one of `n` neurons could bring in one step."""
    total = np.zeros(n)
    for s, w in zip(synapses, weights, strict=True):
        np.add.at(total, s.post_id, np.abs(w))
    return float(total.max(initial=0.0))


def _seen(seen: Activity, margin: float, zero: float, per_current: float) -> Room:
    """Return what calibration saw, with the room that is left beyond it."""
    limit = STATE_LIMIT - 1
    return [
        ("how far V_m fell", margin * max(0.0, zero - seen.lowest), limit),
        ("the largest current", margin * seen.current * abs(per_current), limit),
        ("what arrived in a step", margin * seen.jump, limit),
    ]


def _calibrated(calibration: Calibration, seen: Activity, T: int, limit: str) -> str:
    """Return what was chosen, and from what."""
    saw = [f"V_m down to {seen.lowest:.4g} mV"]
    if seen.current:
        saw.append(f"currents up to {seen.current:.4g} pA")
    if seen.jump:
        saw.append(f"arrivals up to {seen.jump:.4g} mV a step")
    return (
        f"a threshold of {T} << {ALIGNMENT}, limited by {limit}, after {calibration.n_steps} steps "
        f"in floating point: {', '.join(saw)}; up to {calibration.margin:g} times that is held"
    )


def _jumping(
    plan: Plan, synapses: Sequence[Synapses], drives: Mapping[tuple[int, int], int]
) -> dict[int, list[Jumping]]:
    """Return the synapses that move membranes, by the population they move."""
    numbers = {generators: number for (number, _), generators in drives.items()}
    jumps = {
        p.index: step_of(p, plan.dt, injected(plan, p)).jumps
        for p in plan.populations
        if p.index in {s.post for s in synapses}
    }
    found: dict[int, list[Jumping]] = {}
    for s in synapses:
        if s.receptor not in jumps[s.post]:
            continue
        is_drive = s.pre in numbers
        weight = s.weight if s.rule is None else np.full(s.weight.size, bound_of(s.rule))
        found.setdefault(s.post, []).append(
            Jumping.of(
                numbers.get(s.pre, s.pre), s.places if is_drive else s.pre_id, s.post_id, s.delay,
                weight * jumps[s.post][s.receptor], is_drive=is_drive,
            )
        )  # fmt: skip
    return found


def _most(part: str, span: float, room: Room, most: int) -> tuple[int, str]:
    """Return the largest T with which everything fits, and what limits it."""
    per_mV = REGISTER / span  # units of v per mV and unit of T
    limited_by = "the register"
    for what, largest, limit in room:
        if largest > 0:
            fitting = int(limit / (largest * per_mV))
            if fitting < 1:
                raise CapacityError(
                    f"{part}: {what} is {largest / span:.3g} times the distance from V_reset to "
                    f"V_th in one step, which no register of Loihi holds. Use a smaller one, or a "
                    f"shorter dt."
                )
            if fitting < most:
                most, limited_by = fitting, what
    return most, limited_by


def _threshold(
    part: str, span: float, c: Floats, weights: Sequence[Floats], full: float, most: int
) -> int:
    """Return T, at most `most`: the threshold in units of 64, see the head of the module."""
    per_mV = REGISTER / span
    if full > 0:
        for bits in range(WEIGHT_EXPONENT[1], -1, -1):
            whole = round((LARGEST << bits) * span / full)
            if 1 <= whole <= most:
                return whole
        raise CapacityError(
            f"{part}: a bound of weights that learn is {full / span:.3g} times the distance from "
            f"V_reset to V_th, too little to be held as {LARGEST} beside a threshold of {most}. "
            f"Use larger weights, of fewer synapses."
        )
    every = max(1, most // (2 * CANDIDATES))
    tried = np.arange(most - most % every, most // 2, -every)
    cost = np.zeros(tried.size)
    for w in weights:
        cost += _weight_error(w, per_mV * tried / REGISTER)
    if np.any(c):
        exact = np.unique(c)[:, None] * per_mV * tried
        mantissa, exponent = _bias(exact)
        cost += np.abs(np.left_shift(mantissa, exponent) - exact).max(0) / np.abs(exact).max(0)
    return int(tried[int(np.argmin(cost))])


def _bias(exact: Floats) -> tuple[Ints, Ints]:
    """Return mantissas and exponents nearest to biases."""
    with np.errstate(divide="ignore"):
        above = np.ceil(np.log2(np.abs(exact) / (MANTISSA[1] + 0.499)))
    exponent = np.clip(above, *BIAS_EXPONENT).astype(np.int64)
    return np.clip(np.rint(exact / 2.0**exponent), *MANTISSA).astype(np.int64), exponent


def initial_current(p: PlanPopulation, currents: Sequence[str]) -> Floats:
    """Return the sum of the currents at the start [pA]: (n,)."""
    total = np.zeros(p.size)
    for name in currents:
        total = total + np.asarray(p.initial[name], np.float64)
    return total


def _initial_current(
    part: str, p: PlanPopulation, currents: Sequence[str], scale: float, kept: float
) -> Ints:
    """Return u at the start: after the decay of the first step V_m reads the current at t = 0."""
    total = initial_current(p, currents)
    if not np.any(total) or not currents:
        return np.zeros(p.size, np.int64)
    if kept == 0:
        raise CapacityError(
            f"{part}: a current at the start is gone within the first step at this dt. Leave it "
            f"out, or use a shorter dt."
        )
    u = np.rint(total * scale / kept).astype(np.int64)
    if np.abs(u).max() >= STATE_LIMIT:
        raise CapacityError(
            f"{part}: the current at the start, up to {np.abs(total).max():.3g} pA, is more than "
            f"24 bits hold beside this threshold. Use a smaller one."
        )
    return u


# --- synapses -------------------------------------------------------------------------------------


def _slots(s: Synapses, onto_current: bool) -> Ints:
    """Return delays beyond the first step; V_m reads currents before they change."""
    return s.delay if onto_current else np.maximum(s.delay - 1, 0)


def _form(weight: Floats) -> tuple[SignMode, int]:
    """Return the sign mode of weights, and of how many units their mantissas are multiples."""
    if weight.size and weight.min() < 0 < weight.max():
        return "mixed", 2
    return ("inhibitory" if weight.size and weight.max() <= 0 < -weight.min() else "excitatory"), 1


def _mantissas(
    exact: Any, unit: int, exponents: tuple[int, int] = (0, WEIGHT_EXPONENT[1])
) -> tuple[Any, Any]:
    """Return the nearest mantissas of weights, and their exponent, along axis 0."""
    largest = np.abs(exact).max(axis=0)
    most = LARGEST - unit + 1
    with np.errstate(divide="ignore"):
        above = np.ceil(np.log2(largest / (most + 0.499 * unit)))
    exponent = np.clip(above, *exponents).astype(np.int64)
    return np.clip(unit * np.rint(exact / (unit * 2.0**exponent)), -most, most), exponent


def _weight_error(weight: Floats, scale: Floats) -> Floats:
    """Return the largest rounding of weights, relative to the largest, for each of many scales."""
    found = np.unique(weight[weight != 0])
    if not found.size:
        return np.zeros(scale.size)
    if found.size > LOOKED_AT:
        found = found[np.linspace(0, found.size - 1, LOOKED_AT).astype(int)]
    exact = found[:, None] * scale
    mantissa, exponent = _mantissas(exact, _form(weight)[1])
    worst = np.abs(mantissa * 2.0**exponent - exact).max(axis=0)
    return np.asarray(worst / np.abs(exact).max(axis=0))


def _group(
    s: Synapses, per_weight: float, onto_current: bool
) -> tuple[Group, list[dict[str, Any]]]:
    """Return synapses in integers, and how far their weights are rounded."""
    slot = _slots(s, onto_current)
    if s.rule is not None:
        return _bounded_group(s, s.rule, per_weight), []
    if slot.max(initial=0) > MOST_SLOTS:
        raise CapacityError(
            f"{s.part.removesuffix(': weights')}: a delay of {s.delay.max()} steps is beyond the "
            f"{MOST_SLOTS + (not onto_current)} that a synapse of Loihi has. Use shorter delays, "
            f"or a longer dt."
        )
    exact = s.weight * per_weight
    sign, unit = _form(exact)
    mantissa, exponent = (
        _mantissas(exact, unit) if exact.size else (np.empty(0), np.int64(0))
    )  # fmt: skip
    how = ONE_BY_ONE + (LISTED if s.convolution is not None else "")
    group = Group(
        name=s.name, pre=s.pre, post=s.post, pre_id=s.pre_id, post_id=s.post_id,
        weight=mantissa.astype(np.int64), slot=slot.astype(np.int64), exponent=int(exponent),
        sign=sign, graded=s.graded,
    )  # fmt: skip
    return group, [_rounding(s, mantissa * 2.0**exponent - exact, per_weight, how)]


def _bounded_group(s: Synapses, rule: STDP, per_weight: float) -> Group:
    """Return synapses that learn, without their rule: 255 stands for the bound of the weight."""
    place = s.part.removesuffix(": weights")
    if s.delay.max(initial=1) > 1:
        raise CapacityError(
            f"{place}: a delay of {s.delay.max()} steps: synapses that learn have none beyond the "
            f"first step in Lava. Use delay=dt."
        )
    exact = bound_of(rule) * per_weight
    exponent = round(float(np.log2(abs(exact) / LARGEST)))
    if not 0 <= exponent <= WEIGHT_EXPONENT[1] or (
        abs(LARGEST * 2.0**exponent / abs(exact) - 1.0) > BOUND_OFF
    ):
        raise CapacityError(
            f"{place}: a bound of the weights of {bound_of(rule):g} {s.unit} cannot be held beside "
            f"that of other projections onto the same population. Let them differ by a power of 2."
        )
    mantissa = np.clip(np.rint(s.weight * per_weight / 2.0**exponent), -LARGEST, LARGEST)
    return Group(
        name=s.name, pre=s.pre, post=s.post, pre_id=s.pre_id, post_id=s.post_id,
        weight=mantissa.astype(np.int64), slot=np.zeros(s.delay.size, np.int64), exponent=exponent,
        sign="excitatory" if exact > 0 else "inhibitory", graded=s.graded,
    )  # fmt: skip


def _taught(
    group: Group, s: Synapses, rule: STDP, per_weight: float, plan: Plan, epoch: int
) -> tuple[Group, list[dict[str, Any]]]:
    """Return a group with its rule, and how far both are off."""
    place = s.part.removesuffix(": weights")
    unit = 2.0**group.exponent / per_weight
    sizes = [plan.populations[p].size for p in (s.pre, s.post)]
    if s.weight.size < sizes[0] * sizes[1] and not np.all(group.weight):
        raise CapacityError(
            f"{place}: a weight is rounded to 0, and Lava drops synapses of weight 0 from a "
            f"projection that learns. Use weights of at least {unit / 2:.3g} {s.unit}, or AllToAll."
        )
    seed = np.random.SeedSequence([plan.seed, s.projection, *s.name.encode()])
    found = taught(rule, plan.dt, epoch, int(seed.generate_state(1)[0] >> 1), place, s.unit)
    words = {
        "tau_plus": "a whole number of steps, at most 255",
        "tau_minus": "a whole number of steps, at most 255",
        "a_plus": "a product m 2^e of the trace",
        "a_minus": "a product m 2^e of the trace",
    }
    told = [_entry(f"{place}: {name}", words[name], *found.off[name]) for name in words]
    bound = "w_max" if bound_of(rule) > 0 else "w_min"
    off = abs(abs(bound_of(rule)) - LARGEST * unit)
    told += [
        _entry(f"{place}: {bound}", f"{LARGEST} times a power of 2", off, s.unit),
        _entry(
            s.part,
            "whole numbers to 255, rounded at random after every change, all alike", unit, s.unit,
        ),
    ]  # fmt: skip
    return replace(group, learning=found.learning), told
