"""Limit cycles, stable and unstable: period, course, Floquet multipliers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from neurosim.analysis.dynamics.field import (
    Complexes,
    Floats,
    State,
    VectorField,
    as_field,
    parameters_text,
    size_of,
)
from neurosim.analysis.dynamics.fixed_points import position
from neurosim.analysis.dynamics.shooting import (
    Flow,
    FlowError,
    closing,
    flow,
    multipliers_of,
)
from neurosim.analysis.dynamics.trajectories import Trajectory, trajectory
from neurosim.errors import ConvergenceError, DescriptionError

SEGMENTS = 20
"""Pieces of a cycle. Each is short, so that errors do not grow on it, and all are integrated at
once; more of them cost little."""

SETTLING = 1e-6
"""Tolerance of a trajectory of which only the place where it goes is asked."""

CLOSED = 1e-8
"""Largest gap between segments, in scales of the states, of a cycle that is accepted."""

UNIT = 1e-5
"""A multiplier of size 1 +- this may lie on either side of the unit circle."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LimitCycle:
    """A closed trajectory.

    Attributes
    ----------
    period : float
        In the unit of time of the field.
    times : (m,) float64
        From 0 to the period.
    states : (m, n) float64
        The state at these times; the last is the first.
    minimum, maximum : (n,) float64
        Extremes of every state along the cycle.
    multipliers : (n,) complex128
        Floquet multipliers: first the one that belongs to shifts along the cycle, which is 1 up to
        numerical error, then the others by descending size.
    gap : float
        Largest distance, in scales of the states, between the end of a segment and the next one.
    field : VectorField
        The field, with the parameters that hold.
    nodes : (n, n_segments) float64
        Where the segments begin.
    """

    period: float
    times: Floats
    states: Floats
    minimum: Floats
    maximum: Floats
    multipliers: Complexes
    gap: float
    field: VectorField
    nodes: Floats

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the states."""
        return self.field.names

    @property
    def amplitude(self) -> Floats:
        """Maximum less minimum of every state, (n,)."""
        return np.asarray(self.maximum - self.minimum)

    @property
    def n_unstable(self) -> int:
        """Number of multipliers outside the unit circle."""
        return int(np.count_nonzero(np.abs(self.multipliers[1:]) > 1 + UNIT))

    @property
    def stable(self) -> bool:
        """Whether all multipliers but the first lie within the unit circle."""
        return bool((np.abs(self.multipliers[1:]) < 1 - UNIT).all())

    def __getitem__(self, name: str) -> Floats:
        """Return one state along the cycle, (m,), by its name."""
        return np.asarray(self.states[:, position(name, self.field, "LimitCycle")])

    def __repr__(self) -> str:
        unit = self.field.unit("t")
        time = f"{self.period:.6g}" + ("" if unit == "1" else f" {unit}")
        ranges = ", ".join(
            f"{n} {a:.4g} to {b:.4g}"
            for n, a, b in zip(self.names, self.minimum, self.maximum, strict=True)
        )
        return f"LimitCycle(period {time}, {ranges}: {'stable' if self.stable else 'unstable'})"


def limit_cycle(
    f: VectorField | Callable[..., Any],
    start: State,
    *,
    duration: float | None = None,
    backwards: bool = False,
    period: float | None = None,
    segments: int = SEGMENTS,
    method: str = "DOP853",
    **parameters: float,
) -> LimitCycle:
    """Return the limit cycle to which the trajectory from `start` is attracted.

    The trajectory is followed until it settles; where it crosses a Poincare section again and
    again, through the middle of the state that varies most, the period can be read. Then Newton's
    method on the shooting equations (multiple shooting with the variational equations; `segments`
    pieces of equal time) makes the cycle exact, to about nine digits.

    Parameters
    ----------
    f : VectorField or callable
        The field, or a function f(x, p, ...).
    start : mapping, array or FixedPoint
        A state in the basin of the cycle.
    duration : float, optional
        How long it is followed. By default 40 of the slowest time constants at the start,
        then four times as long, until it settles, six times at the most.
    backwards : bool
        Follow it in reversed time: with two states, what repels forwards attracts backwards, so
        this finds unstable cycles. With more states follow a branch from a Hopf point
        (`continue_limit_cycles`), or give `period`.
    period : float, optional
        A guess of the period: nothing is followed, and `start` is taken as a state near the cycle,
        which may be unstable.
    segments : int
        Number of pieces; more for long cycles with short spikes.
    method : str
        "DOP853", or "Radau" for stiff fields.
    **parameters : float
        In place of those of the field.

    Raises
    ------
    ConvergenceError
        If the trajectory settles on a fixed point, or on nothing, or Newton's method fails; tells
        where.
    SimulationError
        If the trajectory leaves the finite numbers.
    DescriptionError
        If the arguments cannot be meant.

    Examples
    --------
    >>> def van_der_pol(x, mu=1.0):
    ...     return x[1], mu * (1 - x[0] ** 2) * x[1] - x[0]
    >>> round(limit_cycle(van_der_pol, [2.0, 0.0]).period, 4)
    6.6633
    """
    place = "limit_cycle"
    field = as_field(f, size_of(start), f"{place}: f").at(**parameters)
    x0 = field.state(start, f"{place}.start")
    if field.n_states < 2:
        raise DescriptionError(f"{place}: f", field.names, "a field of at least two states")
    if segments < 3:
        raise DescriptionError(f"{place}.segments", segments, "at least 3")
    for name, value in (("duration", duration), ("period", period)):
        if value is not None and not (np.isfinite(value) and value > 0):
            raise DescriptionError(f"{place}.{name}", value, "a time above 0")
    if period is not None:
        field = field if field.scales is not None else field.scaled(np.maximum(np.abs(x0), 1e-300))
        guess = trajectory(field, x0, period, samples=segments + 1).states[:-1].T
        return close_cycle(field, guess, period, method=method)
    for path in _longer_and_longer(field, x0, duration, backwards):
        sized = field.scaled(_size(path))
        found = _returns(path)
        if found is None:
            continue
        nodes, guess_of_period = found
        try:
            return close_cycle(sized, _resample(nodes, segments), guess_of_period, method=method)
        except ConvergenceError:
            if duration is not None:
                raise
    settled = _still(path)
    reached = (
        f"it settles on the fixed point {field.text(path.end)}"
        if settled
        else f"after {abs(path.times[-1]):.6g} it does not come back to where it was"
    )
    raise ConvergenceError(
        place,
        f"{field.text(x0)}{parameters_text(field)}",
        reached,
        "Try another start, or a longer duration."
        + (" An unstable cycle may be found with backwards=True." if not backwards else ""),
    )


def _longer_and_longer(
    field: VectorField, x0: Floats, duration: float | None, backwards: bool
) -> Any:
    """Yield pieces of the trajectory, each going on from the last, the first thrown away."""
    way = -1.0 if backwards else 1.0
    if duration is None:
        rates = np.abs(np.linalg.eigvals(field.jacobian(x0)).real)
        rates = rates[rates > 1e-6 * max(rates.max(), 1e-300)]
        slowest = 1 / rates.min() if rates.size else 1.0
        durations = [20 * slowest * 4**k for k in range(6)]
    else:
        durations = [duration]
    x = x0
    for length in durations:
        settling = trajectory(field, x, way * length, samples=2, tolerance=SETTLING)
        x = settling.end
        path = trajectory(field, x, way * length, samples=4000, tolerance=SETTLING)
        yield path
        if _still(path):
            return
        x = path.end


def _size(path: Trajectory) -> Floats:
    """Return the extent of a trajectory, (n,); 1 for states that do not vary."""
    extent = np.ptp(path.states, axis=0)
    return np.where(extent > 1e-9 * np.abs(path.states).max(axis=0), extent, 1.0)


def _still(path: Trajectory) -> bool:
    """Whether a trajectory has come to rest."""
    extent = np.ptp(path.states[path.states.shape[0] // 2 :], axis=0)
    return bool((extent <= 1e-6 * np.maximum(np.abs(path.states).max(axis=0), 1e-3)).all())


def _returns(path: Trajectory) -> tuple[Floats, float] | None:
    """Return the last round of a trajectory (n, m), and how long it took; None without one."""
    x, t = path.states, path.times
    if _still(path):
        return None
    half = x[x.shape[0] // 2 :]
    extent = np.ptp(half, axis=0)
    size = np.maximum(np.abs(half).max(axis=0), 1e-300)
    k = int(np.argmax(extent / size))
    level = half[:, k].min() + extent[k] / 2
    side = x[:, k] - level
    up = np.flatnonzero((side[:-1] < 0) & (side[1:] >= 0))
    if up.size < 3:
        return None
    fraction = side[up] / (side[up] - side[up + 1])
    times = t[up] + fraction * (t[up + 1] - t[up])
    crossings = x[up] + fraction[:, None] * (x[up + 1] - x[up])
    scale = np.where(extent > 0, extent, 1.0)
    # A cycle may cross the section several times a round: take the fewest that return.
    for rounds in range(1, up.size // 2 + 1):
        if np.abs((crossings[-1] - crossings[-1 - rounds]) / scale).max() < 0.02:
            first, last = up[-1 - rounds] + 1, up[-1] + 1
            duration = abs(times[-1] - times[-1 - rounds])
            course = x[first:last]
            if t[-1] < 0:  # followed backwards
                course = course[::-1]
            return course.T, float(duration)
    return None


def _resample(course: Floats, segments: int) -> Floats:
    """Return `segments` states at equal times of a closed course (n, m)."""
    m = course.shape[1]
    at = np.arange(segments) * m / segments
    closed = np.concatenate([course, course[:, :1]], axis=1)
    return np.array([np.interp(at, np.arange(m + 1), row) for row in closed])


def close_cycle(
    field: VectorField, nodes: Floats, period: float, *, method: str = "DOP853"
) -> LimitCycle:
    """Return the cycle that Newton's method reaches from segments that nearly meet.

    Parameters
    ----------
    field : VectorField
        With scales.
    nodes : (n, m) float64
        Where m segments of equal time begin.
    period : float
        A guess.
    method : str
        Of integration.

    Raises
    ------
    ConvergenceError
        If they do not meet, or shrink to a fixed point.
    """
    values = field.values()
    n, m = nodes.shape
    scale = np.tile(field.scale, m)
    first, guess = nodes, period
    direction = field.raw_many(first, values) / field.scale[:, None] ** 2
    worst, reached, closed = np.inf, "the segments do not meet", 0
    for _ in range(30):
        try:
            result = flow(field, nodes, period / m, values, method=method)
        except FlowError as error:
            reached = str(error)
            break
        speed = field.raw_many(result.ends, values)
        gaps, derivative = closing(nodes, result.ends, result.transitions, speed / m)
        # The phase: no shift along the first guess.
        phase = float((direction * (nodes - first)).sum())
        system = np.vstack([derivative, np.append(direction.T.ravel(), 0.0)])
        weights = np.append(1 / scale, guess / max(float(np.abs(direction).sum()), 1e-300))
        columns = np.append(scale, guess)
        residual = np.append(gaps, phase)
        size = float(np.abs(residual * weights).max())
        step = np.linalg.lstsq(
            system * weights[:, None] * columns, -residual * weights, rcond=None
        )[0]
        left = float(np.abs(step).max())
        closed += size < CLOSED
        # Where the cycle is nearly neutral, the noise of integration keeps steps from vanishing.
        if size < CLOSED and (left < 1e-9 or (closed >= 3 and left < 1e-6)):
            return _cycle(field, nodes, period, result, float(np.abs(gaps / scale).max()))
        worst = min(worst, size)
        step *= min(1.0, 0.3 / max(left, 1e-300))
        nodes = nodes + (step[:-1] * scale).reshape(m, n).T
        period = period + float(step[-1]) * guess
        if not (period > 0.05 * guess and np.isfinite(nodes).all()):
            reached = "the period shrinks to nothing"
            break
        if (np.ptp(nodes, axis=1) < 1e-3 * np.ptp(first, axis=1)).all():
            where = field.text(nodes.mean(axis=1))
            reached = f"the cycle shrinks to the fixed point {where}"
            break
    raise ConvergenceError(
        "limit_cycle",
        f"period {guess:.6g} near {field.text(first[:, 0])}{parameters_text(field)}",
        f"{reached}; the smallest gap is {worst:.3g} of the size of the cycle",
        "Try a start nearer to the cycle, or more segments.",
    )


def _cycle(
    field: VectorField, nodes: Floats, period: float, result: Flow, gap: float
) -> LimitCycle:
    """Return what there is to say of a cycle whose segments meet."""
    n, m = nodes.shape
    count = result.within.shape[0] * m
    states = np.vstack([np.moveaxis(result.within, 2, 0).reshape(count, n), nodes[:, 0]])
    times = np.linspace(0, period, count + 1)
    minimum, maximum = extremes(times, states, field.raw_many(states.T, field.values()).T)
    return LimitCycle(
        period=period,
        times=times,
        states=states,
        minimum=minimum,
        maximum=maximum,
        multipliers=multipliers_of(result.transitions),
        gap=gap,
        field=field,
        nodes=nodes,
    )


def extremes(times: Floats, states: Floats, slopes: Floats) -> tuple[Floats, Floats]:
    """Return minimum and maximum (n,) of a course, from samples (m, n) and their derivatives.

    They are those of the cubic through two samples and their derivatives.
    """
    minimum, maximum = states.min(axis=0), states.max(axis=0)
    h = np.diff(times)
    for k in range(states.shape[1]):
        a, b = states[:-1, k], states[1:, k]
        da, db = slopes[:-1, k] * h, slopes[1:, k] * h
        turns = np.flatnonzero(da * db < 0)
        # a + da u + c u^2 + d u^3, where its derivative is 0.
        c = (3 * (b - a) - 2 * da - db)[turns]
        d = (2 * (a - b) + da + db)[turns]
        with np.errstate(all="ignore"):
            root = np.sqrt(np.maximum(c * c - 3 * d * da[turns], 0.0))
            q = -(c + np.where(c >= 0, root, -root))
            candidates = np.stack([q / (3 * d), da[turns] / q])
        for u in candidates:
            good = np.isfinite(u) & (u >= 0) & (u <= 1)
            j, v = turns[good], u[good]
            value = a[j] + da[j] * v + c[good] * v**2 + d[good] * v**3
            if value.size:
                minimum[k] = min(minimum[k], value.min())
                maximum[k] = max(maximum[k], value.max())
    return minimum, maximum
