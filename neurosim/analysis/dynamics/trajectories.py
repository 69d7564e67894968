"""Trajectories, forwards and backwards, and those that end or begin at a saddle."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from neurosim.analysis.dynamics.field import (
    Box,
    Floats,
    State,
    VectorField,
    as_field,
    parameters_text,
    read_box,
    size_of,
)
from neurosim.analysis.dynamics.fixed_points import FixedPoint, position
from neurosim.errors import DescriptionError, SimulationError

TOLERANCE = 1e-9
"""Of integration, relative, and absolute in scales of the states."""

TOO_FAR = 1e8
"""Scales from the start at which a state counts as lost."""

MOST_CALLS = 1_000_000
"""Calls of the field for one trajectory."""

METHODS = ("LSODA", "DOP853", "RK45", "Radau", "BDF")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trajectory:
    """A solution of dx/dt = f(x).

    Attributes
    ----------
    times : (m,) float64
        From 0; descending where it runs backwards.
    states : (m, n) float64
        The state at these times.
    field : VectorField
        The field, with the parameters that hold.
    left : bool
        Whether it ends early because it left the box.
    """

    times: Floats
    states: Floats
    field: VectorField
    left: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the states."""
        return self.field.names

    def __getitem__(self, name: str) -> Floats:
        """Return one state, (m,), by its name."""
        return np.asarray(self.states[:, position(name, self.field, "Trajectory")])

    @property
    def end(self) -> Floats:
        """The last state, (n,)."""
        return np.asarray(self.states[-1])

    def __repr__(self) -> str:
        unit = self.field.unit("t")
        time = f"{self.times[-1]:.6g}" + ("" if unit == "1" else f" {unit}")
        return f"Trajectory({time}, ends at {self.field.text(self.states[-1])})"


def trajectory(
    f: VectorField | Callable[..., Any],
    start: State,
    duration: float,
    *,
    samples: int = 1000,
    box: Box | None = None,
    method: str = "LSODA",
    tolerance: float = TOLERANCE,
    **parameters: float,
) -> Trajectory:
    """Return the solution of dx/dt = f(x) that begins at `start`.

    By `scipy.integrate.solve_ivp`.

    Parameters
    ----------
    f : VectorField or callable
        The field, or a function f(x, p, ...).
    start : mapping, array or FixedPoint
        The state at 0.
    duration : float
        In the unit of time of the field; negative runs backwards.
    samples : int
        Number of times at which it is kept, equally spaced.
    box : mapping or sequence, optional
        Where it leaves this box, it ends.
    method : str
        "LSODA" (turns to a stiff method where one is needed), "DOP853", "RK45", "Radau", "BDF".
    tolerance : float
        Of one step: relative, and in scales of the states.
    **parameters : float
        In place of those of the field.

    Raises
    ------
    SimulationError
        If the state leaves the finite numbers, or the steps become too small; tells when and where.
    DescriptionError
        If the arguments cannot be meant.
    """
    from scipy.integrate import solve_ivp

    place = "trajectory"
    field = as_field(f, size_of(start), f"{place}: f").at(**parameters)
    x0 = field.state(start, f"{place}.start")
    if not (np.isfinite(duration) and duration != 0):
        raise DescriptionError(f"{place}.duration", duration, "a finite time other than 0")
    if samples < 2:
        raise DescriptionError(f"{place}.samples", samples, "at least 2")
    if method not in METHODS:
        raise DescriptionError(f"{place}.method", method, f"one of {', '.join(METHODS)}")
    bounds: list[Outside] = []
    if box is not None:
        low, high = read_box(box, field, f"{place}.box")
        field = field.scaled(high - low)
        bounds.append(Outside(low, high))
        if bounds[0](0.0, x0) <= 0:
            raise DescriptionError(f"{place}.start", start, "a state inside the box")
    # Without a box a state that escapes in a finite time would be followed for ever.
    bounds.append(Outside(x0 - TOO_FAR * field.scale, x0 + TOO_FAR * field.scale))
    values = field.values()
    calls = 0

    def derivative(t: float, x: Floats) -> Floats:
        nonlocal calls
        calls += 1
        if calls > MOST_CALLS:
            raise SimulationError(
                f"trajectory from {field.text(x0)}{parameters_text(field)}: after {MOST_CALLS:,} "
                f"calls of the field it has come to t = {t:.6g} ({field.text(x)}). Give a shorter "
                "duration, or method='Radau' for a stiff field."
            )
        return field.raw(x, values)

    done = solve_ivp(
        derivative,
        (0.0, duration),
        x0,
        method=method,
        t_eval=np.linspace(0.0, duration, samples),
        events=bounds,
        rtol=tolerance,
        atol=tolerance * field.scale,
    )
    states, times = done.y.T, done.t
    left = len(bounds) == 2 and bool(done.t_events[0].size)
    good = np.isfinite(states).all(axis=1)
    if not left and (done.status != 0 or not good.all()):
        last = int(np.flatnonzero(good)[-1]) if good.any() else 0
        where = field.text(states[last] if good.any() else x0)
        raise SimulationError(
            f"trajectory from {field.text(x0)}{parameters_text(field)}: it cannot be followed past "
            f"t = {times[last] if good.any() else 0.0:.6g} ({where}): the state grows beyond all "
            "bounds, or changes too fast. Give a box to end at, or a shorter duration."
        )
    if left:
        times = np.append(times, done.t_events[0][0])
        states = np.vstack([states, done.y_events[0][0]])
    return Trajectory(times=times, states=states, field=field, left=left)


class Outside:
    """An event of solve_ivp: positive inside the box, 0 on its border."""

    terminal = True
    direction = -1.0

    def __init__(self, low: Floats, high: Floats) -> None:
        self.low, self.high, self.width = low, high, high - low

    def __call__(self, t: float, x: Floats) -> float:
        """Return the distance to the nearest wall, in widths of the box."""
        nearest = np.minimum(x - self.low, self.high - x) / self.width
        return float(nearest.min()) + 1e-12


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Manifolds:
    """What leaves a saddle, and what arrives at it.

    Attributes
    ----------
    unstable : tuple of Trajectory
        Leave the saddle along its unstable directions, both ways.
    stable : tuple of Trajectory
        Arrive at it; run backwards, so that they begin near the saddle. With two states they
        are the separatrix: what starts on either side of it ends in different places.
    """

    unstable: tuple[Trajectory, ...]
    stable: tuple[Trajectory, ...]


def manifolds(
    saddle: FixedPoint, box: Box, *, duration: float | None = None, samples: int = 1000
) -> Manifolds:
    """Return the trajectories that leave a saddle and those that arrive at it.

    They start 1e-5 of the box beside the saddle, along its eigenvectors, so they lie beside the
    true ones by the square of that. Only real directions that are the single unstable, or single
    stable one make curves; a manifold of more dimensions gives none.

    Parameters
    ----------
    saddle : FixedPoint
        From `fixed_points`.
    box : mapping or sequence
        Where they leave it, they end.
    duration : float, optional
        How long they are followed at the most; by default 40 time constants of the direction.
    samples : int
        Number of states kept of each.

    Raises
    ------
    DescriptionError
        If the fixed point is no saddle.
    """
    if saddle.kind != "saddle":
        raise DescriptionError("manifolds.saddle", saddle, "a saddle")
    low, high = read_box(box, saddle.field, "manifolds.box")
    found: dict[bool, list[Trajectory]] = {True: [], False: []}
    real = saddle.eigenvalues.real
    for unstable in (True, False):
        chosen = np.flatnonzero((real > 0) == unstable)
        if chosen.size != 1:
            continue
        k = int(chosen[0])
        direction = saddle.eigenvectors[:, k].real
        direction = direction / np.abs(direction / (high - low)).max()
        lasts = 40 / abs(float(real[k])) if duration is None else abs(duration)
        for way in (1e-5, -1e-5):
            x0 = saddle.x + way * direction
            if Outside(low, high)(0.0, x0) <= 0:
                continue  # the saddle lies on the border, and this branch outside
            time = lasts if unstable else -lasts
            found[unstable].append(trajectory(saddle.field, x0, time, samples=samples, box=box))
    return Manifolds(unstable=tuple(found[True]), stable=tuple(found[False]))
