"""All fixed points in a box over a parameter, and the cycles that begin at their Hopf points."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from neurosim.analysis.dynamics.bifurcations import Bifurcation
from neurosim.analysis.dynamics.branches import Branch, checked_interval, continue_fixed_points
from neurosim.analysis.dynamics.continuation import Steps
from neurosim.analysis.dynamics.cycle_branches import CycleBranch, continue_limit_cycles
from neurosim.analysis.dynamics.field import (
    Box,
    Floats,
    VectorField,
    as_field,
    read_box,
    size_of,
)
from neurosim.analysis.dynamics.fixed_points import FixedPoint, fixed_points
from neurosim.errors import ConvergenceError, DescriptionError

SAME = 1e-5
"""Fixed points closer than this part of the box lie on the same branch."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BifurcationDiagram:
    """Branches of fixed points and of cycles over one parameter.

    Attributes
    ----------
    parameter : str
        Its name.
    interval : (float, float)
        Its range.
    branches : tuple of Branch
        Fixed points.
    cycles : tuple of CycleBranch
        Limit cycles that begin at the Hopf points.
    failures : tuple of str
        What could not be followed, as sentences.
    """

    parameter: str
    interval: tuple[float, float]
    branches: tuple[Branch, ...]
    cycles: tuple[CycleBranch, ...] = ()
    failures: tuple[str, ...] = ()

    @property
    def bifurcations(self) -> tuple[Bifurcation, ...]:
        """All of them, by ascending value of the parameter."""
        every = [b for branch in self.branches for b in branch.bifurcations]
        every += [b for cycle in self.cycles for b in cycle.bifurcations]
        return tuple(sorted(every, key=lambda b: b.value))

    def __repr__(self) -> str:
        parts = [repr(part) for part in (*self.branches, *self.cycles)]
        return "\n".join([*parts, *self.failures])


def bifurcation_diagram(
    f: VectorField | Callable[..., Any],
    parameter: str,
    interval: tuple[float, float],
    box: Box,
    *,
    searches: int = 5,
    cycles: bool = True,
    steps: Steps | None = None,
    **parameters: float,
) -> BifurcationDiagram:
    """Return the fixed points in a box over a parameter, and the limit cycles of its Hopf points.

    All fixed points are searched for (`fixed_points`) at `searches` values of the parameter; each
    is followed (`continue_fixed_points`) unless a branch found before passes through it; from each
    Hopf point cycles are followed (`continue_limit_cycles`). A branch that passes none of
    the values is not found.

    Parameters
    ----------
    f : VectorField or callable
        The field, or a function f(x, p, ...).
    parameter : str
        Name of the parameter.
    interval : (float, float)
        Its range.
    box : mapping or sequence
        Lowest and highest value of each state.
    searches : int
        Number of values at which fixed points are searched for, equally spaced, both ends
        included.
    cycles : bool
        Whether to follow cycles.
    steps : Steps, optional
        Lengths of steps of the branches of fixed points.
    **parameters : float
        In place of those of the field.

    Raises
    ------
    ConvergenceError
        If no fixed point is found at any of the values. What fails later is told in `failures`.
    DescriptionError
        If the arguments cannot be meant.
    """
    place = "bifurcation_diagram"
    given = as_field(f, size_of(box), f"{place}: f")
    ends = checked_interval(interval, f"{place}.interval")
    low, high = read_box(box, given, f"{place}.box")
    if searches < 1:
        raise DescriptionError(f"{place}.searches", searches, "at least 1")
    branches: list[Branch] = []
    failures: list[str] = []
    for value in np.linspace(*ends, searches).tolist():
        try:
            found = fixed_points(given, box, **{**parameters, parameter: value})
        except ConvergenceError as error:
            failures.append(str(error))
            continue
        for point in found:
            if not any(_passes(branch, point, value, high - low) for branch in branches):
                branches.append(
                    continue_fixed_points(point.field, parameter, ends, point, box, steps=steps)
                )
    if not branches:
        raise ConvergenceError(
            place,
            f"{parameter} from {ends[0]:g} to {ends[1]:g}",
            f"no fixed point was found in the box at {searches} values"
            + "".join(f"; {t}" for t in failures),
            "Try a larger box.",
        )
    followed: list[CycleBranch] = []
    for hopf in [b for branch in branches for b in branch.bifurcations if b.kind == "Hopf"]:
        if not cycles or any(_ends_at(cycle, hopf, high - low) for cycle in followed):
            continue
        try:
            followed.append(continue_limit_cycles(hopf, ends, box))
        except ConvergenceError as error:
            failures.append(str(error))
    return BifurcationDiagram(
        parameter=parameter,
        interval=ends,
        branches=tuple(branches),
        cycles=tuple(followed),
        failures=tuple(failures),
    )


def _passes(branch: Branch, point: FixedPoint, value: float, width: Floats) -> bool:
    """Whether a branch goes through a fixed point."""
    # A coarse look first: only what comes near is made exact.
    near = np.abs((branch.states - point.x) / width).max(axis=1) < 0.2
    if not near.any():
        return False
    try:
        others: Sequence[FixedPoint] = branch.at(value)
    except ConvergenceError:
        return False
    return any(float(np.abs((other.x - point.x) / width).max()) < SAME for other in others)


def _ends_at(cycle: CycleBranch, hopf: Bifurcation, width: Floats) -> bool:
    """Whether a branch of cycles ends in a Hopf point."""
    if not cycle.reaches_a_point:
        return False
    span = max(abs(hopf.value), 1e-12)
    near = abs(cycle.values[-1] - hopf.value) < 1e-4 * span
    middle = (cycle.minimum[-1] + cycle.maximum[-1]) / 2
    return bool(near and np.abs((middle - hopf.x) / width).max() < 1e-2)
