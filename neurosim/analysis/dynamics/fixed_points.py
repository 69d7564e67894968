"""Fixed points in a box, what kind they are, and a check that none was overlooked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from neurosim.analysis.dynamics.field import (
    Box,
    Complexes,
    Floats,
    State,
    VectorField,
    as_field,
    box_text,
    parameters_text,
    read_box,
    size_of,
)
from neurosim.errors import ConvergenceError, DescriptionError, UnknownNameError

SAME = 1e-6
"""Two answers closer than this part of the box are one fixed point."""

ON_AXIS = 1e-7
"""Real parts below this part of the largest eigenvalue count as 0: what the rounding of a Jacobian
by differences can make of it, with room."""

SETTLED = 1e-9
"""Largest last correction, in widths of the box, of an answer that is accepted."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FixedPoint:
    """A state that stays: f(x) = 0.

    Attributes
    ----------
    x : (n,) float64
        The state.
    residual : float
        Largest |f_i(x)| found there.
    error : float
        Size of the Newton correction that is left, in `scale` of the field: an estimate of how
        exact `x` is.
    jacobian : (n, n) float64
        [i, j] = d f_i / d x_j.
    eigenvalues : (n,) complex128
        Of the Jacobian, by descending real part.
    eigenvectors : (n, n) complex128
        Columns, in the order of the eigenvalues.
    kind : str
        What `classify` makes of the eigenvalues.
    field : VectorField
        The field, with the parameters that hold.
    """

    x: Floats
    residual: float
    error: float
    jacobian: Floats
    eigenvalues: Complexes
    eigenvectors: Complexes
    kind: str
    field: VectorField

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the states."""
        return self.field.names

    @property
    def stable(self) -> bool:
        """Whether all eigenvalues lie to the left of the imaginary axis."""
        return self.n_unstable == 0 and not self.kind.startswith(("centre", "non-hyperbolic"))

    @property
    def n_unstable(self) -> int:
        """Number of eigenvalues to the right of the imaginary axis."""
        return unstable_number(self.eigenvalues)

    @property
    def trace(self) -> float:
        """Trace of the Jacobian."""
        return float(np.trace(self.jacobian))

    @property
    def determinant(self) -> float:
        """Determinant of the Jacobian."""
        return float(np.linalg.det(self.jacobian))

    def __getitem__(self, name: str) -> float:
        """Return the value of a state by its name."""
        return float(self.x[position(name, self.field, "FixedPoint")])

    def __len__(self) -> int:
        return int(self.x.size)

    def __repr__(self) -> str:
        return f"FixedPoint({self.field.text(self.x)}: {self.kind})"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FixedPoints(Sequence[FixedPoint]):
    """The fixed points found in a box, by ascending first state, and how they were looked for.

    Attributes
    ----------
    points : tuple of FixedPoint
        Them.
    n_starts : int
        Starts of the search.
    n_converged : int
        Those that ended at a fixed point, in the box or outside.
    turns : int or None
        How often the field turns round along the border of the box of two states, which is the
        sum of the indices (the sign of the determinant) of all fixed points inside; the search
        goes on until those found have that sum. None where it cannot tell: with other numbers of
        states, with a fixed point on the border or one whose determinant is 0.
    smallest : float
        Smallest residual at which a start ended that was no answer, in typical sizes of f; and
    near : (n,) float64
        where that was.
    field : VectorField
        The field.
    """

    points: tuple[FixedPoint, ...]
    n_starts: int
    n_converged: int
    turns: int | None
    smallest: float
    near: Floats
    field: VectorField

    @overload
    def __getitem__(self, k: int) -> FixedPoint: ...
    @overload
    def __getitem__(self, k: slice) -> tuple[FixedPoint, ...]: ...
    def __getitem__(self, k: int | slice) -> FixedPoint | tuple[FixedPoint, ...]:
        """Return one of them, or several.

        Raises
        ------
        IndexError
            If there are not so many; says how many starts found how many.
        """
        if isinstance(k, int) and not -len(self.points) <= k < len(self.points):
            raise IndexError(f"There is no fixed point {k}: {self.search()}")
        return self.points[k]

    def __len__(self) -> int:
        return len(self.points)

    def __iter__(self) -> Iterator[FixedPoint]:
        return iter(self.points)

    def search(self) -> str:
        """Return how the search went, as a sentence."""
        found = f"{self.n_starts} starts in the box found {len(self.points)}"
        if not self.points:
            where = self.field.text(self.near)
            found += f"; the smallest |f| left is {self.smallest:.3g} of its usual size, at {where}"
        return found + "."

    @property
    def stable(self) -> tuple[FixedPoint, ...]:
        """The stable ones."""
        return tuple(point for point in self.points if point.stable)

    def __repr__(self) -> str:
        lines = [f"{len(self)} fixed point{'' if len(self) == 1 else 's'} ({self.search()})"]
        return "\n".join([*lines, *(f"  {p.field.text(p.x)}: {p.kind}" for p in self.points)])


def fixed_points(
    f: VectorField | Callable[..., Any],
    box: Box,
    *,
    starts: int | None = None,
    **parameters: float,
) -> FixedPoints:
    """Return the fixed points of dx/dt = f(x) in a box.

    Powell's hybrid method (`scipy.optimize.root`) with the Jacobian of the field runs from many
    starts: spread evenly over the box; with one state, besides, from all places of a fine grid
    where f changes its sign (by `scipy.optimize.brentq`), with two from all cells of a grid in
    which both components do. Every answer takes Newton steps until they are as small as rounding
    allows. It is accepted if the last one is below 1e-9 of the box; answers closer than 1e-6 of the
    box are one.

    With two states the number of turns of the field along the border of the box tells the sum of
    the indices of all fixed points inside (the Poincare-Hopf theorem). If those found do not have
    it, the search is repeated with four times as many starts, twice at the most. What this cannot
    notice is a pair of opposite index, a node and a saddle say, that no start found. With more
    states there is no such check: fixed points that attract few starts may be missed.

    Parameters
    ----------
    f : VectorField or callable
        The field, or a function f(x, p, ...).
    box : mapping or sequence
        Lowest and highest value of each state, by name or in order.
    starts : int, optional
        Number of starts spread over the box; by default 32 for each state, 64 at least.
    **parameters : float
        In place of those of the field.

    Raises
    ------
    ConvergenceError
        If the field turns round along the border, and the points found do not account for it.
    SimulationError
        If f is not finite somewhere in the box.
    DescriptionError
        If the arguments cannot be meant.

    Examples
    --------
    >>> found = fixed_points(lambda x, p: p * x - x**3, [(-2, 2)], p=1)
    >>> [(round(float(point.x[0]), 12), point.kind) for point in found]
    [(-1.0, 'stable node'), (0.0, 'unstable node'), (1.0, 'stable node')]
    """
    field = as_field(f, size_of(box), "fixed_points: f").at(**parameters)
    low, high = read_box(box, field, "fixed_points.box")
    n = field.n_states
    count = max(64, 32 * n) if starts is None else starts
    if not count >= 1:
        raise DescriptionError("fixed_points.starts", starts, "a number of at least 1")
    search = _Search(field.scaled(high - low), low, high)
    turns = search.turns() if n == 2 else None
    for effort in range(3):
        search.run(int(count) * 4**effort, 32 * 2**effort)
        found = search.points()
        if turns is None or any(_index(p) == 0 for p in found):
            turns = None
            break
        if sum(_index(p) for p in found) == turns:
            break
    else:
        told = "; ".join(f"{p.field.text(p.x)} ({p.kind})" for p in found) or "none"
        raise ConvergenceError(
            "fixed_points",
            f"{box_text(field, low, high)}{parameters_text(field)}",
            f"the field turns round {turns} times along the border, so the indices of the fixed "
            f"points inside add up to that, but those found after {search.n_starts} starts add up "
            f"to {sum(_index(p) for p in found)}: {told}",
            "At least one is missing. Try a smaller box, or more starts.",
        )
    return FixedPoints(
        points=tuple(found),
        n_starts=search.n_starts,
        n_converged=search.n_converged,
        turns=turns,
        smallest=search.smallest,
        near=search.near,
        field=field,
    )


def fixed_point(
    f: VectorField | Callable[..., Any], near: State, **parameters: float
) -> FixedPoint:
    """Return the fixed point that Newton's method reaches from a state near it.

    Raises
    ------
    ConvergenceError
        If it reaches none; says where it ended, and what was left of f.
    """
    field = as_field(f, size_of(near), "fixed_point: f").at(**parameters)
    x = field.state(near, "fixed_point.near")
    low, high = x - 0.5 * field.scale, x + 0.5 * field.scale
    search = _Search(field.scaled(high - low), low, high)
    if not search.solve(x):
        raise ConvergenceError(
            "fixed_point",
            f"{field.text(x)}{parameters_text(field)}",
            f"|f| is still {search.smallest:.3g} of its usual size at {field.text(search.near)}",
            "Try another start.",
        )
    return point_at(field, search.answers[0])


def point_at(field: VectorField, x: Floats) -> FixedPoint:
    """Return what there is to say of a fixed point at `x`."""
    values = field.values()
    f = field.raw(x, values)
    jacobian = field.raw_jacobian(x[:, None], values)[:, :, 0]
    eigenvalues, eigenvectors = sorted_eigenvalues(jacobian)
    correction = np.linalg.lstsq(jacobian * field.scale, f, rcond=None)[0]
    return FixedPoint(
        x=x,
        residual=float(np.abs(f).max()),
        error=float(np.abs(correction).max()),
        jacobian=jacobian,
        eigenvalues=eigenvalues,
        eigenvectors=eigenvectors,
        kind=classify(eigenvalues),
        field=field,
    )


def classify(eigenvalues: npt.ArrayLike) -> str:
    """Return what kind of fixed point has these eigenvalues.

    "stable node", "unstable node" (all real), "stable focus", "unstable focus" (the eigenvalues
    nearest to the imaginary axis are complex), "saddle" (some to the left, some to the right);
    where an eigenvalue lies on the axis, up to 1e-7 of the largest, "centre" (two states, a pair
    on the axis: a centre of the linear system, of which the nonlinear one may make a weak focus) or
    "non-hyperbolic". Two equal eigenvalues make a node.

    Parameters
    ----------
    eigenvalues : (n,) complex
        Of the Jacobian.
    """
    values = np.atleast_1d(np.asarray(eigenvalues, dtype=np.complex128))
    real = _real_parts(values)
    if (real == 0).any():
        centre = values.size == 2 and (real == 0).all() and (values.imag != 0).all()
        return "centre" if centre else "non-hyperbolic"
    if (real < 0).any() and (real > 0).any():
        return "saddle"
    leading = values[np.argmin(np.abs(real))]
    shape = "focus" if leading.imag != 0 else "node"
    return f"{'stable' if real[0] < 0 else 'unstable'} {shape}"


def unstable_number(eigenvalues: Complexes) -> int:
    """Return how many eigenvalues lie to the right of the imaginary axis."""
    return int(np.count_nonzero(_real_parts(eigenvalues) > 0))


def _real_parts(eigenvalues: Complexes) -> Floats:
    """Real parts, 0 where they cannot be told from 0."""
    real = eigenvalues.real.copy()
    real[np.abs(real) <= ON_AXIS * np.abs(eigenvalues).max()] = 0.0
    return real


def sorted_eigenvalues(matrix: Floats) -> tuple[Complexes, Complexes]:
    """Return eigenvalues by descending real part, of a pair the positive first, and vectors."""
    values, vectors = np.linalg.eig(matrix)
    order = np.lexsort((-values.imag, -values.real))
    return values[order].astype(np.complex128), vectors[:, order].astype(np.complex128)


def position(name: str, field: VectorField, place: str) -> int:
    """Return the place of a state among the names of a field.

    Raises
    ------
    UnknownNameError
        If there is no such state.
    """
    if name not in field.names:
        raise UnknownNameError(f"{place}: state", name, field.names)
    return field.names.index(name)


def _index(point: FixedPoint) -> int:
    """Return the index of a fixed point: the sign of the determinant; 0 where it is degenerate."""
    if (np.abs(point.eigenvalues) <= ON_AXIS * np.abs(point.eigenvalues).max()).any():
        return 0
    return int(np.sign(np.prod(point.eigenvalues).real))


class _Search:
    """The search of one box, in units of the box and of what f usually is in it."""

    def __init__(self, field: VectorField, low: Floats, high: Floats) -> None:
        self.field, self.low, self.high = field, low, high
        self.width = high - low
        self.values: Mapping[str, float] = field.values()
        self.answers: list[Floats] = []
        self.n_starts = self.n_converged = 0
        self.smallest, self.near = np.inf, (low + high) / 2
        some = field(self.inside(spread(256, field.n_states)))
        usual = np.median(np.abs(some), axis=1)
        largest = np.abs(some).max(axis=1)
        self.usual = np.where(usual > 0, usual, np.where(largest > 0, largest, 1.0))

    def inside(self, u: Floats) -> Floats:
        """From (n, m) points of the unit cube to states."""
        return np.asarray(self.low[:, None] + self.width[:, None] * u)

    def run(self, starts: int, cells: int) -> None:
        """Search from `starts` points of the sequence and from a grid of `cells` per side."""
        n = self.field.n_states
        points = [self.low + 0.5 * self.width, *self.inside(spread(starts, n)).T]
        if n == 1:
            self.scan(32 * cells)
        elif n == 2:
            points += self.crossed_cells(2 * cells)
        for x in points:
            self.n_starts += 1
            self.solve(x)

    def scan(self, count: int) -> None:
        """With one state: find the root between every two places of different sign."""
        from scipy.optimize import brentq

        grid = self.inside(np.linspace(0, 1, count + 1)[None])
        f = self.field(grid)[0]
        self.n_starts += int(count)
        for k in np.flatnonzero(f[:-1] * f[1:] < 0):
            root = brentq(
                lambda x: float(self.field.raw(np.array([x]), self.values)[0]),
                *grid[0, k : k + 2],
                xtol=1e-14 * self.width[0],
            )
            self.accept(np.array([root]))
        for k in np.flatnonzero(f == 0):
            self.accept(grid[:, k])

    def crossed_cells(self, count: int) -> list[Floats]:
        """With two states: the middles of the cells at whose corners both components differ."""
        u = np.linspace(0, 1, count + 1)
        corners = self.inside(np.stack(np.meshgrid(u, u, indexing="ij")).reshape(2, -1))
        sign = np.sign(self.field(corners)).reshape(2, count + 1, count + 1)
        views = (sign[:, :-1, :-1], sign[:, 1:, :-1], sign[:, :-1, 1:], sign[:, 1:, 1:])
        mixed = (np.minimum.reduce(views) <= 0) & (np.maximum.reduce(views) >= 0)
        where = np.argwhere(mixed.all(axis=0))[:2000]
        return list(self.inside(((where + 0.5) / count).T).T)

    def solve(self, x: Floats) -> bool:
        """Start at `x`; keep a new answer. Whether it ended at a fixed point in the box or not."""
        from scipy.optimize import root

        field, values, width, usual = self.field, self.values, self.width, self.usual

        def scaled(u: Floats) -> Floats:
            # Far outside the box f may overflow; a large number turns the method back.
            return np.asarray(
                np.nan_to_num(
                    field.raw(u * width, values) / usual, nan=1e50, posinf=1e50, neginf=-1e50
                )
            )

        def slope(u: Floats) -> Floats:
            jacobian = field.raw_jacobian((u * width)[:, None], values)[:, :, 0]
            scaled_slope = jacobian * width / usual[:, None]
            return np.asarray(np.nan_to_num(scaled_slope, posinf=1e50, neginf=-1e50))

        end = root(scaled, x / width, jac=slope, method="hybr", options={"xtol": 1e-10}).x * width
        return self.accept(end)

    def accept(self, x: Floats) -> bool:
        """Take Newton steps to the limit of rounding; keep `x` if it is a root, in the box, new."""
        if any(np.abs((x - other) / self.width).max() < 0.1 * SAME for other in self.answers):
            self.n_converged += 1
            return True
        field, values = self.field, self.values
        size, best = np.inf, x
        for _ in range(50):
            f = field.raw(x, values)
            jacobian = field.raw_jacobian(x[:, None], values)[:, :, 0]
            if not (np.isfinite(f).all() and np.isfinite(jacobian).all()):
                break
            left = float(np.abs(f / self.usual).max())
            step = np.linalg.lstsq(jacobian * self.width, -f, rcond=1e-14)[0]
            new = float(np.abs(step).max())
            if new >= 0.9 * size:  # rounding, or no root at all
                break
            size, best = new, x
            if new == 0:
                break
            x = x + step * self.width
        if not (size < SETTLED and self._is_root(best)):
            if np.isfinite(x).all():
                f = field.raw(x, values)
                left = float(np.abs(f / self.usual).max()) if np.isfinite(f).all() else np.inf
                if left < self.smallest and self._inside(x, 0.1):
                    self.smallest, self.near = left, x
            return False
        self.n_converged += 1
        known = any(np.abs((best - other) / self.width).max() < SAME for other in self.answers)
        if not known and self._inside(best, 1e-9):
            self.answers.append(np.clip(best, self.low, self.high))
        return True

    def _is_root(self, x: Floats) -> bool:
        f = self.field.raw(x, self.values)
        return bool(np.isfinite(f).all() and np.abs(f / self.usual).max() < 1e-8)

    def _inside(self, x: Floats, margin: float) -> bool:
        u = (x - self.low) / self.width
        return bool((u >= -margin).all() and (u <= 1 + margin).all())

    def points(self) -> list[FixedPoint]:
        """The fixed points found so far, by ascending first state."""
        order = sorted(self.answers, key=lambda x: tuple(x))
        return [point_at(self.field, x) for x in order]

    def turns(self) -> int | None:
        """How often the field of two states turns round along the border, anticlockwise."""
        for count in (256, 1024, 4096):
            u = np.arange(count) / count
            zero, one = np.zeros(count), np.ones(count)
            border = np.concatenate([[u, zero], [one, u], [1 - u, one], [zero, 1 - u]], axis=1)
            f = self.field(self.inside(border)) / self.usual[:, None]
            if (np.abs(f).max(axis=0) < 1e-9).any():
                return None
            angle = np.arctan2(f[1], f[0])
            change = np.diff(np.append(angle, angle[0]))
            change = (change + np.pi) % (2 * np.pi) - np.pi
            if np.abs(change).max() < 0.5:
                return round(float(change.sum() / (2 * np.pi)))
        return None


def spread(count: int, n: int) -> Floats:
    """Return `count` points spread evenly over the unit cube of n dimensions, (n, count).

    The additive recurrence of the powers of 1/g, g^(n+1) = g + 1 (for n = 1 the golden ratio).
    Unlike the quasi-random sequences of scipy it costs no import of its statistics.

    Source: Roberts (2018), The unreasonable effectiveness of quasirandom sequences.
    """
    g = 2.0
    for _ in range(60):
        g = (1 + g) ** (1 / (n + 1))
    steps = g ** -np.arange(1.0, n + 1)
    return np.asarray((0.5 + steps[:, None] * np.arange(1, count + 1)) % 1)
