"""Branches of fixed points over a parameter."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from neurosim.analysis.dynamics.bifurcations import Bifurcation, first_lyapunov
from neurosim.analysis.dynamics.continuation import (
    Followed,
    Place,
    Steps,
    follow,
    tangent_at,
)
from neurosim.analysis.dynamics.field import (
    Box,
    Complexes,
    Floats,
    State,
    VectorField,
    as_field,
    read_box,
    size_of,
)
from neurosim.analysis.dynamics.fixed_points import (
    FixedPoint,
    fixed_point,
    point_at,
    position,
    sorted_eigenvalues,
    unstable_number,
)
from neurosim.analysis.dynamics.shooting import FlowError, by_parameter
from neurosim.errors import DescriptionError, UnknownNameError


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Branch:
    """Fixed points over a parameter.

    Attributes
    ----------
    parameter : str
        Its name.
    values : (m,) float64
        The parameter along the branch; it turns at saddle-nodes.
    states : (m, n) float64
        The fixed points.
    eigenvalues : (m, n) complex128
        Of the Jacobian, by descending real part.
    n_unstable : (m,) int64
        Number of eigenvalues to the right of the imaginary axis.
    bifurcations : tuple of Bifurcation
        In the order in which the branch passes them.
    ends : (str, str)
        Why the branch ends at its first and last point, as sentences.
    field : VectorField
        The field.
    """

    parameter: str
    values: Floats
    states: Floats
    eigenvalues: Complexes
    n_unstable: np.ndarray[Any, np.dtype[np.int64]]
    bifurcations: tuple[Bifurcation, ...]
    ends: tuple[str, str]
    field: VectorField

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the states."""
        return self.field.names

    @property
    def stable(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Whether each point is stable, (m,)."""
        return np.asarray(self.n_unstable == 0)

    def __getitem__(self, name: str) -> Floats:
        """Return one state along the branch, (m,), by its name."""
        return np.asarray(self.states[:, position(name, self.field, "Branch")])

    def at(self, value: float) -> tuple[FixedPoint, ...]:
        """Return the fixed points of the branch at a value of the parameter, made exact.

        Raises
        ------
        ConvergenceError
            If Newton's method fails there.
        """
        fixed = self.field.at(**{self.parameter: value})
        found: list[FixedPoint] = []
        for k in np.flatnonzero((self.values[:-1] <= value) != (self.values[1:] <= value)):
            u = (value - self.values[k]) / (self.values[k + 1] - self.values[k])
            guess = (1 - u) * self.states[k] + u * self.states[k + 1]
            found.append(fixed_point(fixed, guess))
        for k in (0, -1):
            if self.values[k] == value and not any(
                np.allclose(p.x, self.states[k], 1e-9, 1e-12) for p in found
            ):
                found.append(point_at(fixed, self.states[k]))
        return tuple(found)

    def __repr__(self) -> str:
        lines = [
            f"Branch of fixed points, {self.parameter} from {self.values.min():.6g} to "
            f"{self.values.max():.6g}, {self.values.size} points",
            *(f"  {b!r}" for b in self.bifurcations),
            f"  ends: {self.ends[0]}; {self.ends[1]}",
        ]
        return "\n".join(lines)


class FixedPointCurve:
    """f(x, p) = 0 in units of the box and of the interval."""

    ends: tuple[str, ...] = ("low", "high", "wall")
    closes = True

    def __init__(
        self,
        f: VectorField,
        parameter: str,
        interval: tuple[float, float],
        low: Floats,
        high: Floats,
    ) -> None:
        self.field, self.parameter = f, parameter
        self.interval = interval
        self.low, self.high = low, high
        self.scale = np.append(high - low, interval[1] - interval[0])
        self.values = f.values(**{parameter: interval[0]})

    def at(self, z: Floats) -> tuple[Floats, dict[str, float]]:
        """Return the state and all parameters."""
        real = z * self.scale
        return real[:-1], {**self.values, self.parameter: float(real[-1])}

    def system(self, z: Floats) -> tuple[Floats, Floats]:
        """f, and its derivative by the scaled state and parameter."""
        x, values = self.at(z)
        f = self.field.raw(x, values)
        jacobian = self.field.raw_jacobian(x[:, None], values)[:, :, 0]
        slope = by_parameter(self.field, x[:, None], values, self.parameter, 1e-5 * self.scale[-1])
        derivative = np.hstack([jacobian, slope]) * self.scale
        if not (np.isfinite(f).all() and np.isfinite(derivative).all()):
            raise FlowError("the field is not finite")
        return f, derivative

    def place(self, z: Floats, tangent: Floats, derivative: Floats) -> Place:
        """Eigenvalues and tests at a point of the branch."""
        x, values = self.at(z)
        n = x.size
        # `derivative` was taken before the last correction, which would show in the ninth digit.
        jacobian = self.field.raw_jacobian(x[:, None], values)[:, :, 0]
        eigenvalues, _ = sorted_eigenvalues(jacobian)
        size = max(float(np.abs(eigenvalues).max()), 1e-300)
        u = eigenvalues / size
        i, j = np.triu_indices(n, 1)
        rows = np.vstack([derivative / size, tangent])
        tests = {
            "saddle-node": float(tangent[-1]),
            "branch point": float(np.linalg.det(rows)),
            "low": float(z[-1] - self.interval[0] / self.scale[-1]),
            "high": float(self.interval[1] / self.scale[-1] - z[-1]),
            "wall": float(np.minimum(x - self.low, self.high - x).min()) + 1e-9,
        }
        if n > 1:
            tests["Hopf"] = float(np.prod(u[i] + u[j]).real)
        return Place(
            z=z,
            tangent=tangent,
            tests=tests,
            n_unstable=int(np.count_nonzero(eigenvalues.real > 0)),
            facts=eigenvalues,
        )

    def moved(self, place: Place) -> Place:
        """Nothing depends on where the branch has been."""
        return place

    def explained(self, before: Place, after: Place, found: list[str]) -> bool:
        """One eigenvalue crosses at a saddle-node or branch point, two at a Hopf point."""
        if {"saddle-node", "branch point"} <= set(found):
            return True  # the bend of a pitchfork, where an eigenvalue touches 0 and turns back
        single = "saddle-node" in found or "branch point" in found
        crossed = abs(after.n_unstable - before.n_unstable)
        if single and "Hopf" in found:
            return False
        return crossed == (1 if single else 0) or ("Hopf" in found and crossed == 2)


def continue_fixed_points(
    f: VectorField | Callable[..., Any],
    parameter: str,
    interval: tuple[float, float],
    start: State,
    box: Box,
    *,
    steps: Steps | None = None,
    **parameters: float,
) -> Branch:
    """Follow a fixed point while a parameter changes, in both directions and round folds.

    Pseudo-arclength continuation with the exact Jacobian, where there is one. A step in which the
    number of unstable eigenvalues changes without the test of a bifurcation changing its sign, or
    the other way, is halved until they agree. Bifurcations are located along the branch
    by Brent's method to the rounding of the tests:

    - saddle-node: the branch turns; an eigenvalue is 0;
    - branch point: the determinant of the Jacobian bordered by the tangent changes its sign,
      as another branch crosses (transcritical, pitchfork);
    - Hopf: the product of all sums of two eigenvalues changes its sign, and the two are
      imaginary; its first Lyapunov coefficient tells whether super- or subcritical.

    Parameters
    ----------
    f : VectorField or callable
        The field, or a function f(x, p, ...).
    parameter : str
        Name of the parameter that changes.
    interval : (float, float)
        Between which values.
    start : FixedPoint, mapping or array
        A fixed point, or a state near one; at the value of the parameter that the field (of the
        FixedPoint) has, or at the beginning of the interval, if it has none or one outside.
    box : mapping or sequence
        Lowest and highest value of each state; the branch ends where it leaves them. Their widths
        are the units of the steps.
    steps : Steps, optional
        Lengths of steps.
    **parameters : float
        In place of those of the field.

    Raises
    ------
    ConvergenceError
        If there is no fixed point near the start. A branch that cannot be followed further, in
        its middle, is returned with what was reached; `Branch.ends` says where and why.
    DescriptionError
        If the arguments cannot be meant.
    """
    place = "continue_fixed_points"
    if isinstance(start, FixedPoint):
        parameters = {parameter: start.field.parameters.get(parameter, interval[0]), **parameters}
    given = as_field(f, size_of(box), f"{place}: f")
    low, high = read_box(box, given, f"{place}.box")
    ends = checked_interval(interval, f"{place}.interval")
    value = parameters.pop(parameter, given.parameters.get(parameter, ends[0]))
    if parameter not in given._known():
        raise UnknownNameError(f"{place}.parameter", parameter, given._known())
    if not ends[0] <= value <= ends[1]:
        value = ends[0]
    fixed = replace(given.at(**{**parameters, parameter: value}), scales=tuple(high - low))
    point = fixed_point(fixed, start)
    curve = FixedPointCurve(fixed, parameter, ends, low, high)
    z = np.append(point.x, value) / curve.scale
    _, derivative = curve.system(z)
    up = np.zeros(z.size)
    up[-1] = 1.0
    tangent = tangent_at(derivative, up)
    sides = []
    for way in (tangent, -tangent):
        first = curve.place(z, way, derivative)
        if min(first.tests[name] for name in curve.ends) <= 0 and _leaves(curve, z, way):
            sides.append(Followed(places=[first], marks=[], end=_border(first)))
            continue
        sides.append(follow(curve, first, steps or Steps()))
        if sides[-1].end == "closed":
            sides.append(Followed(places=[first], marks=[], end="closed"))
            break
    return _branch(curve, sides[0], sides[1])


def _leaves(curve: FixedPointCurve, z: Floats, way: Floats) -> bool:
    """Whether a small step from the border of the region leads out of it."""
    x, values = curve.at(z + 1e-6 * way)
    p = values[curve.parameter]
    inside = (x >= curve.low).all() and (x <= curve.high).all()
    return not (inside and curve.interval[0] <= p <= curve.interval[1])


def _border(place: Place) -> str:
    return min(FixedPointCurve.ends, key=lambda name: place.tests[name])


def _branch(curve: FixedPointCurve, forwards: Followed, backwards: Followed) -> Branch:
    """Join the two sides, the beginning being the end of the second."""
    places = [*backwards.places[:0:-1], *forwards.places]
    marks = [*reversed(backwards.marks), *forwards.marks]
    f, parameter = curve.field, curve.parameter
    found: list[Bifurcation] = []
    for name, mark in marks:
        made = _bifurcation(curve, name, mark)
        # At a pitchfork the branch that turns is met by the other: one place, told once.
        if made is None:
            continue
        same = [
            b
            for b in found
            if abs(b.value - made.value) < 1e-6 * curve.scale[-1]
            and np.abs((b.x - made.x) / curve.scale[:-1]).max() < 1e-3
        ]
        if same and made.kind == "saddle-node":
            continue
        found = [b for b in found if not (b in same and b.kind == "saddle-node")]
        found.append(made)
    points = [curve.at(p.z) for p in places]
    values = np.array([values[parameter] for _, values in points])
    for k, side in ((0, backwards), (-1, forwards)):
        if side.end in ("low", "high"):  # found to rounding, meant exactly
            values[k] = curve.interval[side.end == "high"]
    return Branch(
        parameter=parameter,
        values=values,
        states=np.array([x for x, _ in points]),
        eigenvalues=np.array([p.facts for p in places]),
        n_unstable=np.array([unstable_number(p.facts) for p in places], dtype=np.int64),
        bifurcations=tuple(found),
        ends=(_why(curve, backwards), _why(curve, forwards)),
        field=f,
    )


def _why(curve: FixedPointCurve, side: Followed) -> str:
    x, values = curve.at(side.places[-1].z)
    where = f"{curve.parameter} = {values[curve.parameter]:.6g}"
    match side.end:
        case "low" | "high":
            return f"the interval ends at {where}"
        case "wall":
            return f"it leaves the box at {where} ({curve.field.text(x)})"
        case "closed":
            return "it closes in itself"
        case "most":
            return f"the largest number of points is reached at {where}"
    return f"Newton's method fails beyond {where} ({curve.field.text(x)}), whatever the step"


def _bifurcation(curve: FixedPointCurve, name: str, mark: Place) -> Bifurcation | None:
    x, values = curve.at(mark.z)
    value = values[curve.parameter]
    f = curve.field.at(**{curve.parameter: value})
    if name != "Hopf":
        return Bifurcation(kind=name, parameter=curve.parameter, value=value, x=x, field=f)
    point = point_at(f, x)
    pair = point.eigenvalues[point.eigenvalues.imag > 0]
    size = np.abs(point.eigenvalues).max()
    crossing = pair[np.abs(pair.real) < 1e-5 * size]
    if not crossing.size:
        return None  # two real eigenvalues add up to 0: a neutral saddle, no bifurcation
    omega = float(crossing[0].imag)
    lyapunov = first_lyapunov(point)
    return Bifurcation(
        kind="Hopf",
        parameter=curve.parameter,
        value=value,
        x=x,
        field=f,
        frequency=omega,
        period=2 * np.pi / omega,
        first_lyapunov=lyapunov.value,
        criticality=lyapunov.criticality,
    )


def checked_interval(interval: Any, place: str) -> tuple[float, float]:
    """Return the two ends of an interval.

    Raises
    ------
    DescriptionError
        If it is not two ascending finite numbers.
    """
    expected = "(low, high), two finite numbers, low < high"
    try:
        low, high = (float(v) for v in interval)
    except (TypeError, ValueError):
        raise DescriptionError(place, interval, expected) from None
    if not (np.isfinite([low, high]).all() and low < high):
        raise DescriptionError(place, interval, expected)
    return low, high
