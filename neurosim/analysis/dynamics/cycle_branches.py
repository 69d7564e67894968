"""Branches of limit cycles over a parameter, from a Hopf point or from a cycle."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from neurosim.analysis.dynamics.bifurcations import Bifurcation
from neurosim.analysis.dynamics.branches import checked_interval
from neurosim.analysis.dynamics.continuation import (
    Followed,
    Place,
    Steps,
    correct,
    follow,
    tangent_at,
)
from neurosim.analysis.dynamics.cycles import SEGMENTS as PIECES
from neurosim.analysis.dynamics.cycles import UNIT, LimitCycle, close_cycle, extremes
from neurosim.analysis.dynamics.field import Box, Complexes, Floats, VectorField, read_box
from neurosim.analysis.dynamics.fixed_points import point_at, position
from neurosim.analysis.dynamics.gauss import Segments, gauss_steps, hermite
from neurosim.analysis.dynamics.shooting import closing, multipliers_of
from neurosim.errors import ConvergenceError, DescriptionError, UnknownNameError

SEGMENTS = 40
"""Of a cycle; each is one step of a method of order 8."""

RENEWED = 3
"""Steps along the branch after which the segments are fitted to the cycle again."""

PERIOD = 0.2
"""Weight of the logarithm of the period among the unknowns."""

CYCLE_STEPS = Steps(first=0.01, smallest=1e-6, largest=0.03, most=400)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CycleBranch:
    """Limit cycles over a parameter.

    Attributes
    ----------
    parameter : str
        Its name.
    values : (m,) float64
        The parameter along the branch.
    periods : (m,) float64
        In the unit of time of the field.
    minimum, maximum : (m, n) float64
        Extremes of every state along each cycle.
    multipliers : (m, n) complex128
        Floquet multipliers, the trivial one first.
    n_unstable : (m,) int64
        Number of multipliers outside the unit circle.
    bifurcations : tuple of Bifurcation
        In the order in which the branch passes them.
    ends : (str, str)
        Why it begins and ends where it does, as sentences.
    reaches_a_point : bool
        Whether it ends in a Hopf point.
    nodes : (m, n, segments) float64
        States of each cycle, where its segments begin.
    parts : (m, segments) float64
        Durations of the segments, in periods.
    field : VectorField
        The field.
    """

    parameter: str
    values: Floats
    periods: Floats
    minimum: Floats
    maximum: Floats
    multipliers: Complexes
    n_unstable: np.ndarray[Any, np.dtype[np.int64]]
    bifurcations: tuple[Bifurcation, ...]
    ends: tuple[str, str]
    reaches_a_point: bool
    nodes: Floats
    parts: Floats
    field: VectorField

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the states."""
        return self.field.names

    @property
    def stable(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Whether each cycle is stable, (m,)."""
        return np.asarray(self.n_unstable == 0)

    def extremes(self, name: str) -> tuple[Floats, Floats]:
        """Return minimum and maximum of one state along the branch, (m,) each."""
        k = position(name, self.field, "CycleBranch")
        return self.minimum[:, k], self.maximum[:, k]

    def at(self, value: float) -> tuple[LimitCycle, ...]:
        """Return the cycles of the branch at a value of the parameter, made exact.

        Raises
        ------
        ConvergenceError
            If Newton's method fails there.
        """
        fixed = self.field.at(**{self.parameter: value})
        found = []
        for k in np.flatnonzero((self.values[:-1] <= value) != (self.values[1:] <= value)):
            u = (value - self.values[k]) / (self.values[k + 1] - self.values[k])
            near = k if u < 0.5 else k + 1
            period = (1 - u) * self.periods[k] + u * self.periods[k + 1]
            values = self.field.values(**{self.parameter: self.values[near]})
            parts, nodes = self.parts[near], self.nodes[near]
            times = np.arange(PIECES) / PIECES
            lasts = float(self.periods[near])
            equal = interpolated(self.field, nodes, parts, values, times, lasts)
            found.append(close_cycle(fixed, equal, float(period)))
        return tuple(found)

    def __repr__(self) -> str:
        lines = [
            f"Branch of limit cycles, {self.parameter} from {self.values.min():.6g} to "
            f"{self.values.max():.6g}, {self.values.size} cycles",
            *(f"  {b!r}" for b in self.bifurcations),
            f"  {self.ends[0]}; {self.ends[1]}",
        ]
        return "\n".join(lines)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Facts:
    nodes: Floats
    parts: Floats
    period: float
    value: float
    multipliers: Complexes


class CycleCurve:
    """The equations of collocation, in units of the box, of the interval and of log periods.

    `parts` (m,) are the durations of the segments, in periods. They follow the cycle: where it
    changes fast they are short.
    """

    ends: tuple[str, ...] = ("low", "high", "amplitude", "long", "wall")
    closes = False

    def __init__(
        self,
        f: VectorField,
        parameter: str,
        interval: tuple[float, float],
        low: Floats,
        high: Floats,
        nodes: Floats,
        parts: Floats,
        direction: Floats,
        deviation: Floats,
        period: float,
        longest: float,
    ) -> None:
        self.field, self.parameter, self.interval = f, parameter, interval
        self.low, self.high = low, high
        self.m, self.parts = nodes.shape[1], parts
        # So weighted, the length of the part of the nodes is their mean distance.
        width = np.tile(high - low, self.m)
        self.scale = np.append(width * np.sqrt(self.m), interval[1] - interval[0])
        self.rows = width
        self.period, self.longest = period, longest
        self.values = f.values(**{parameter: interval[0]})
        self.reference, self.direction, self.deviation = nodes, direction, deviation
        self.last: tuple[Floats, Segments] | None = None
        self.since = 0

    def pack(self, nodes: Floats, period: float, value: float) -> Floats:
        """Return the scaled unknowns."""
        z = np.append(nodes.T.ravel(), value) / self.scale
        return np.insert(z, -1, PERIOD * np.log(period / self.period))

    def unpack(self, z: Floats) -> tuple[Floats, float, float]:
        """Return nodes (n, m), period and value of the parameter."""
        x = z[:-2] * self.scale[:-1]
        period = self.period * float(np.exp(np.clip(z[-2] / PERIOD, -50, 50)))
        return x.reshape(self.m, -1).T, period, float(z[-1] * self.scale[-1])

    def at(self, value: float) -> dict[str, float]:
        """Return all parameters."""
        return {**self.values, self.parameter: value}

    def system(self, z: Floats) -> tuple[Floats, Floats]:
        """Gaps and phase, and their derivative."""
        nodes, period, value = self.unpack(z)
        result = gauss_steps(
            self.field,
            nodes,
            period * self.parts,
            self.at(value),
            self.parameter,
            1e-5 * self.scale[-1],
        )
        self.last = (z.copy(), result)
        by_period = result.by_duration * self.parts
        gaps, derivative = closing(nodes, result.ends, result.transitions, by_period)
        phase = float((self.direction * (nodes - self.reference)).sum())
        columns = np.column_stack(
            [
                derivative[:, :-1] * self.scale[:-1],
                derivative[:, -1] * period / PERIOD,
                result.by_parameter.T.ravel() * self.scale[-1],
            ]
        )
        row = np.append(self.direction.T.ravel() * self.scale[:-1], [0.0, 0.0])
        size = max(float(np.linalg.norm(row)), 1e-300)
        equations = np.vstack([columns / self.rows[:, None], row / size])
        return np.append(gaps / self.rows, phase / size), equations

    def place(self, z: Floats, tangent: Floats, derivative: Floats) -> Place:
        """Multipliers and tests of a cycle."""
        nodes, period, value = self.unpack(z)
        # The last result belongs to the point before the last, tiny, correction.
        if self.last is None or np.abs(self.last[0] - z).max() > 1e-6:
            self.system(z)
        assert self.last is not None
        multipliers = multipliers_of(self.last[1].transitions)
        others = multipliers[1:]
        i, j = np.triu_indices(others.size, 1)
        now = nodes - nodes.mean(axis=1, keepdims=True)
        now[np.abs(now) < 1e-12 * (self.high - self.low)[:, None]] = 0.0
        weight = (self.high - self.low)[:, None] ** 2
        walls = np.minimum(nodes - self.low[:, None], self.high[:, None] - nodes)
        tests = {
            "fold of cycles": float(tangent[-1]),
            "low": value - self.interval[0],
            "high": self.interval[1] - value,
            "long": float(np.log(self.longest / period)),
            "amplitude": float((self.deviation * now / weight).sum()),
            "wall": float(walls.min()) + 1e-9,
        }
        if others.size > 1:  # in a plane multipliers are positive
            tests["period doubling"] = float(np.prod((1 + others) / (1 + np.abs(others))).real)
            pairs = others[i] * others[j]
            tests["torus"] = float(np.prod((1 - pairs) / (1 + np.abs(pairs))).real)
        return Place(
            z=z,
            tangent=tangent,
            tests=tests,
            n_unstable=int(np.count_nonzero(np.abs(others) > 1 + UNIT)),
            facts=_Facts(
                nodes=nodes, parts=self.parts, period=period, value=value, multipliers=multipliers
            ),
        )

    def moved(self, place: Place) -> Place:
        """Take the phase from the cycle that was reached; renew the segments now and then."""
        self.refer(place.facts)
        self.since += 1
        if self.since < RENEWED:
            return place
        renewed = self.renewed(place)
        if renewed is not None:
            self.since = 0
            return renewed
        return place

    def explained(self, before: Place, after: Place, found: list[str]) -> bool:
        """Multipliers near 1 are known too roughly to hold steps to them."""
        return True

    def refer(self, facts: _Facts) -> None:
        """Take the phase from a cycle."""
        self.reference = facts.nodes
        speed = self.field.raw_many(facts.nodes, self.at(facts.value))
        self.direction = speed / (self.high - self.low)[:, None] ** 2
        self.deviation = facts.nodes - facts.nodes.mean(axis=1, keepdims=True)

    def renewed(self, place: Place) -> Place | None:
        """Return the same cycle in segments over which it changes equally; None if that fails."""
        facts: _Facts = place.facts
        nodes, old = facts.nodes, facts.parts
        parts = equal_parts(nodes, old)
        along = place.tangent[:-2].reshape(self.m, -1).T
        begins = np.append(0.0, np.cumsum(old))
        at = np.append(0.0, np.cumsum(parts))[:-1]
        new = interpolated(self.field, nodes, old, self.at(facts.value), at, facts.period)
        moved = np.array([np.interp(at, begins, np.append(row, row[0])) for row in along])
        saved = (self.parts, self.reference, self.direction, self.deviation)
        self.parts = parts
        z = self.pack(new, facts.period, facts.value)
        self.refer(replace(facts, nodes=new, parts=parts))
        way = np.append(moved.T.ravel(), place.tangent[-2:])
        way /= np.linalg.norm(way)
        found = correct(self, z, way)
        if found is None:
            self.parts, self.reference, self.direction, self.deviation = saved
            self.last = None
            return None
        z, derivative, _ = found
        made = self.place(z, tangent_at(derivative, way), derivative)
        self.refer(made.facts)
        return made


def equal_parts(nodes: Floats, parts: Floats) -> Floats:
    """Return durations, in periods, of as many segments over which a cycle changes equally.

    Half of the measure is the length of the cycle in units of its extent, half is time.
    """
    extent = np.ptp(nodes, axis=1)
    size = np.where(extent > 1e-9 * np.abs(nodes).max(), extent, np.inf)
    steps = (np.roll(nodes, -1, axis=1) - nodes) / size[:, None]
    length = np.sqrt((steps**2).sum(axis=0))
    measure = parts + length / max(float(length.sum()), 1e-300)
    total = np.append(0.0, np.cumsum(measure))
    begins = np.append(0.0, np.cumsum(parts))
    wanted = np.linspace(0.0, total[-1], nodes.shape[1] + 1)
    return np.diff(np.interp(wanted, total, begins))


def interpolated(
    f: VectorField,
    nodes: Floats,
    parts: Floats,
    values: dict[str, float],
    times: Floats,
    period: float,
) -> Floats:
    """Return the states (n, k) of a cycle at times in periods, by cubics between its nodes."""
    ends = np.cumsum(parts)
    k = np.minimum(np.searchsorted(ends, times, side="right"), parts.size - 1)
    u = (times - (ends - parts)[k]) / parts[k]
    speed = f.raw_many(nodes, values)
    after, speed_after = np.roll(nodes, -1, axis=1), np.roll(speed, -1, axis=1)
    h = parts[k] * period
    return hermite(nodes[:, k], after[:, k], speed[:, k] * h, speed_after[:, k] * h, u)


def continue_limit_cycles(
    start: Bifurcation | LimitCycle,
    interval: tuple[float, float],
    box: Box,
    *,
    parameter: str | None = None,
    longest: float | None = None,
    segments: int = SEGMENTS,
    steps: Steps = CYCLE_STEPS,
) -> CycleBranch:
    """Follow the limit cycles that are born at a Hopf point, or a cycle, while a parameter changes.

    Pseudo-arclength continuation of the equations of orthogonal collocation (segments of order 8,
    shorter where the cycle changes fast), with the phase fixed by the last cycle. Stable and
    unstable cycles are followed alike. Folds of cycles, period doublings and torus bifurcations are
    located along the branch.

    Parameters
    ----------
    start : Bifurcation or LimitCycle
        A Hopf point from `continue_fixed_points`, or a cycle from `limit_cycle`.
    interval : (float, float)
        Range of the parameter.
    box : mapping or sequence
        Lowest and highest value of each state; the branch ends where a cycle leaves them.
    parameter : str, optional
        Its name; that of the Hopf point unless given.
    longest : float, optional
        Period at which the branch ends, since it grows without bound near a homoclinic orbit or a
        saddle-node on a cycle; by default 50 times that of the start.
    segments : int
        Pieces of the cycle.
    steps : Steps
        Lengths of steps.

    Raises
    ------
    ConvergenceError
        If no cycle is found beside the start. A branch that cannot be followed further is
        returned with what was reached; `CycleBranch.ends` says where and why.
    DescriptionError
        If the arguments cannot be meant.
    """
    place = "continue_limit_cycles"
    ends = checked_interval(interval, f"{place}.interval")
    if not isinstance(start, (Bifurcation, LimitCycle)):
        raise DescriptionError(f"{place}.start", start, "a Hopf point or a LimitCycle")
    given = start.field
    if parameter is None:
        if not isinstance(start, Bifurcation):
            raise DescriptionError(f"{place}.parameter", None, "the name of a parameter")
        parameter = start.parameter
    if parameter not in given._known():
        raise UnknownNameError(f"{place}.parameter", parameter, given._known())
    low, high = read_box(box, given, f"{place}.box")
    f = replace(given, scales=tuple(high - low))
    value = f.values()[parameter]
    if not ends[0] <= value <= ends[1]:
        expected = f"an interval with {parameter} = {value:g} of the start in it"
        raise DescriptionError(f"{place}.interval", interval, expected)
    if isinstance(start, Bifurcation):
        sides = [_from_hopf(f, parameter, ends, low, high, start, longest, segments, steps)]
        told = f"begins at the Hopf point at {parameter} = {value:.6g}"
        return _cycle_branch(sides[0][0], sides[0][1], None, told)
    cycle = start
    parts = np.full(segments, 1 / segments)
    old = np.full(cycle.nodes.shape[1], 1 / cycle.nodes.shape[1])
    nodes = interpolated(
        f, cycle.nodes, old, f.values(), np.arange(segments) / segments, cycle.period
    )
    curve = CycleCurve(
        f, parameter, ends, low, high, nodes, parts, nodes, nodes,
        cycle.period, 50 * cycle.period if longest is None else longest,
    )  # fmt: skip
    z = curve.pack(nodes, cycle.period, value)
    no = np.empty(0, dtype=np.complex128)
    curve.refer(_Facts(nodes=nodes, parts=parts, period=cycle.period, value=value, multipliers=no))
    here = np.zeros(z.size)
    here[-1] = 1.0  # the cycle itself, at this value of the parameter
    found = correct(curve, z, here)
    if found is None:
        raise ConvergenceError(
            place, f"{parameter} = {value:.6g}", f"{segments} segments do not meet", "Try more."
        )
    z, derivative, _ = found
    up = np.zeros(z.size)
    up[-1] = 1.0
    tangent = tangent_at(derivative, up)
    first = curve.place(z, tangent, derivative)
    forwards = follow(curve, first, steps)
    curve.parts = parts
    curve.refer(first.facts)
    _, derivative = curve.system(z)
    backwards = follow(curve, curve.place(z, -tangent, derivative), steps)
    return _cycle_branch(curve, forwards, backwards, "")


def _from_hopf(
    f: VectorField,
    parameter: str,
    ends: tuple[float, float],
    low: Floats,
    high: Floats,
    hopf: Bifurcation,
    longest: float | None,
    segments: int,
    steps: Steps,
) -> tuple[CycleCurve, Followed]:
    """Begin with the circle in the plane of the two eigenvectors, of no size yet."""
    if hopf.kind != "Hopf" or hopf.frequency is None or hopf.period is None:
        raise DescriptionError("continue_limit_cycles.start", hopf, "a Hopf point")
    point = point_at(f, hopf.x)
    k = int(np.argmin(np.abs(point.eigenvalues - 1j * hopf.frequency)))
    phase = np.exp(2j * np.pi * np.arange(segments) / segments)
    circle = point.eigenvectors[:, k][:, None] * phase[None, :]
    nodes = np.repeat(hopf.x[:, None], segments, axis=1)
    curve = CycleCurve(
        f, parameter, ends, low, high, nodes, np.full(segments, 1 / segments),
        -circle.imag / (high - low)[:, None] ** 2, circle.real,
        hopf.period, 50 * hopf.period if longest is None else longest,
    )  # fmt: skip
    z = curve.pack(nodes, hopf.period, hopf.value)
    tangent = np.append(circle.real.T.ravel() / curve.scale[:-1], [0.0, 0.0])
    tangent /= np.linalg.norm(tangent)
    _, derivative = curve.system(z)
    side = follow(curve, curve.place(z, tangent, derivative), steps)
    if len(side.places) < 2:
        raise ConvergenceError(
            "continue_limit_cycles",
            f"the Hopf point {parameter} = {hopf.value:.6g} ({f.text(hopf.x)})",
            "no cycle beside it was found",
            "Try more segments, or smaller first steps.",
        )
    return curve, side


def _cycle_branch(
    curve: CycleCurve, forwards: Followed, backwards: Followed | None, told: str
) -> CycleBranch:
    """Join the two sides, the beginning being the end of the second."""
    back = [] if backwards is None else backwards.places[:0:-1]
    places = [*back, *forwards.places]
    marks = [*reversed(backwards.marks if backwards else []), *forwards.marks]
    facts: list[_Facts] = [p.facts for p in places]
    ranges = []
    for fact in facts:
        closed = np.column_stack([fact.nodes, fact.nodes[:, 0]])
        slopes = curve.field.raw_many(closed, curve.at(fact.value))
        times = np.append(0.0, np.cumsum(fact.parts)) * fact.period
        ranges.append(extremes(times, closed.T, slopes.T))
    return CycleBranch(
        parameter=curve.parameter,
        values=np.array([fact.value for fact in facts]),
        periods=np.array([fact.period for fact in facts]),
        minimum=np.array([low for low, _ in ranges]),
        maximum=np.array([high for _, high in ranges]),
        multipliers=np.array([fact.multipliers for fact in facts]),
        n_unstable=np.array([p.n_unstable for p in places], dtype=np.int64),
        bifurcations=tuple(
            found for name, mark in marks if (found := _of_cycles(curve, name, mark)) is not None
        ),
        ends=(told if backwards is None else _why(curve, backwards), _why(curve, forwards)),
        reaches_a_point=forwards.end == "amplitude",
        nodes=np.array([fact.nodes for fact in facts]),
        parts=np.array([fact.parts for fact in facts]),
        field=curve.field,
    )


def _of_cycles(curve: CycleCurve, name: str, mark: Place) -> Bifurcation | None:
    facts: _Facts = mark.facts
    others = facts.multipliers[1:]
    extent = np.ptp(facts.nodes, axis=1) / (curve.high - curve.low)
    if extent.max() < 1e-3:
        return None  # the Hopf point itself, at which a branch of cycles turns, too
    if name == "torus" and (np.abs(others[:2].imag) < 1e-6).any():
        return None  # two real multipliers with the product 1
    if name == "period doubling" and np.abs(others + 1).min() > 1e-3:
        return None  # a multiplier that is lost in rounding
    f = curve.field.at(**{curve.parameter: facts.value})
    return Bifurcation(
        kind=name,
        parameter=curve.parameter,
        value=facts.value,
        x=facts.nodes[:, 0],
        field=f,
        period=facts.period,
    )


def _why(curve: CycleCurve, side: Followed) -> str:
    facts: _Facts = side.places[-1].facts
    where = f"{curve.parameter} = {facts.value:.6g}"
    match side.end:
        case "low" | "high":
            return f"the interval ends at {where}"
        case "amplitude":
            return f"it shrinks to a Hopf point at {where}"
        case "long":
            return (
                f"the period exceeds {curve.longest:.4g} at {where}: near a homoclinic orbit or a "
                "saddle-node on the cycle"
            )
        case "wall":
            return f"a cycle leaves the box at {where}"
        case "most":
            return f"the largest number of cycles is reached at {where}"
    return f"Newton's method fails beyond {where} (period {facts.period:.4g}), whatever the step"
