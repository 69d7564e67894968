"""Following a curve F(z) = 0 of one equation less than unknowns, past folds, to marked places.

Pseudo-arclength continuation: a step along the tangent, then Newton's method in the plane
perpendicular to it. Source: Keller (1977), in: Rabinowitz (ed.), Applications of Bifurcation
Theory, Academic Press; Doedel, Keller & Kernevez (1991), Int. J. Bifurcation Chaos 1:493-520.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from neurosim.analysis.dynamics.field import Floats
from neurosim.analysis.dynamics.shooting import FlowError

NEWTON = 1e-10
"""Largest last correction of an accepted point; quadratic convergence makes it far better."""

MOST_TURN = 0.95
"""Cosine of the largest turn of the tangent in one step."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Steps:
    """Lengths of steps, in widths of the box and of the interval of the parameter.

    Attributes
    ----------
    first, smallest, largest : float
        Lengths.
    most : int
        Points on each side of the start.
    """

    first: float = 0.01
    smallest: float = 1e-7
    largest: float = 0.04
    most: int = 2000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Place:
    """A point of a curve.

    Attributes
    ----------
    z : (m + 1,) float64
        Scaled unknowns, the parameter last.
    tangent : (m + 1,) float64
        Of length 1, in the direction of travel.
    tests : mapping
        Name -> a number that changes its sign where something is to be noted.
    n_unstable : int
        Number of unstable directions.
    facts : Any
        What the curve wants to keep of the point.
    """

    z: Floats
    tangent: Floats
    tests: Mapping[str, float]
    n_unstable: int
    facts: Any


class Curve(Protocol):
    """What is followed."""

    ends: tuple[str, ...]
    """Names of the tests whose zero ends the curve."""

    closes: bool
    """Whether unknowns of distant places can be compared, so that a closed curve is noticed."""

    def system(self, z: Floats) -> tuple[Floats, Floats]:
        """Return F (m,) and its derivative (m, m + 1) by the scaled unknowns."""

    def place(self, z: Floats, tangent: Floats, derivative: Floats) -> Place:
        """Return what there is to say of a point of the curve."""

    def moved(self, place: Place) -> Place:
        """Take note that the curve has come to `place`; return it, perhaps in new unknowns."""

    def explained(self, before: Place, after: Place, found: list[str]) -> bool:
        """Whether the tests that changed sign account for the change of stability."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Followed:
    """One side of a curve.

    Attributes
    ----------
    places : list of Place
        From the start, which is included.
    marks : list of (str, Place)
        Name of the test, the point at which it is 0; such points are among the places, too.
    end : str
        Name of the test that ended it, or "closed", "most", "stuck".
    """

    places: list[Place]
    marks: list[tuple[str, Place]]
    end: str


def correct(
    curve: Curve, predicted: Floats, tangent: Floats, *, tries: int = 10
) -> tuple[Floats, Floats, int] | None:
    """Return the point of the curve in the plane through `predicted` across the tangent.

    Returns
    -------
    (z, derivative, number of iterations) or None where Newton's method does not converge.
    """
    z = predicted.copy()
    before = np.inf
    for k in range(tries):
        try:
            residual, derivative = curve.system(z)
            rows = np.vstack([derivative, tangent])
            step = np.linalg.solve(rows, -np.append(residual, tangent @ (z - predicted)))
        except (FlowError, np.linalg.LinAlgError):
            return None
        size = float(np.abs(step).max())
        if not np.isfinite(size) or (k > 2 and size > before and size > 1e-8):
            return None
        z = z + step
        # Rounding may end the convergence a little above the tolerance: then nothing is gained
        # by going on.
        if size < NEWTON or (size < 1e-8 and size > 0.5 * before):
            return z, derivative, k + 1
        before = size
    return None


def tangent_at(derivative: Floats, along: Floats) -> Floats:
    """Return the unit tangent of a curve, on the side of `along`."""
    last = np.zeros(along.size)
    last[-1] = 1.0
    try:
        found = np.linalg.solve(np.vstack([derivative, along]), last)
    except np.linalg.LinAlgError:  # `along` is perpendicular to the curve
        found = np.linalg.svd(derivative)[2][-1]
    found = found / np.linalg.norm(found)
    return np.asarray(found if found @ along >= 0 else -found)


def follow(curve: Curve, start: Place, steps: Steps) -> Followed:
    """Follow a curve from a place in the direction of its tangent until something ends it."""
    places, marks = [start], list[tuple[str, Place]]()
    length = steps.first
    while len(places) <= steps.most:
        here = places[-1]
        found = correct(curve, here.z + length * here.tangent, here.tangent)
        there, changed = None, list[str]()
        if found is not None:
            z, derivative, iterations = found
            tangent = tangent_at(derivative, here.tangent)
            turn = float(tangent @ here.tangent)
            there = curve.place(z, tangent, derivative)
            changed = [k for k, v in there.tests.items() if _changed(here.tests[k], v)]
            ended = [k for k in changed if k in curve.ends]
            rough = turn < MOST_TURN and length > 100 * steps.smallest
            unclear = not ended and not curve.explained(here, there, changed)
            if rough or (unclear and length > 100 * steps.smallest):
                there = None
        located: list[tuple[str, Place]] = []
        if there is not None:
            for name in changed:
                at = locate(curve, here, there, length, name)
                if at is None and length > 100 * steps.smallest:
                    there = None  # a shorter step may come to where it can be located
                    break
                located.append((name, there if at is None else at))
        if there is None:
            length /= 2
            if length < steps.smallest:
                return Followed(places=places, marks=marks, end="stuck")
            continue
        located.sort(key=lambda pair: float((pair[1].z - here.z) @ here.tangent))
        for name, at in located:
            if name in curve.ends:
                places.append(at)
                return Followed(places=places, marks=marks, end=name)
            marks.append((name, at))
            places.append(at)
        places.append(curve.moved(there))
        if curve.closes and _closed(places, length):
            return Followed(places=places, marks=marks, end="closed")
        if iterations <= 4 and turn > 0.99:
            length = min(1.5 * length, steps.largest)
    return Followed(places=places, marks=marks, end="most")


def _changed(before: float, now: float) -> bool:
    """Whether a test has changed its sign; a point exactly at 0 is past it."""
    return before * now < 0 or (now == 0 and before != 0)


def locate(curve: Curve, here: Place, there: Place, length: float, name: str) -> Place | None:
    """Return the point at which a test is 0, from one place to the next, a step of `length` apart.

    None if Newton's method fails on the way.
    """
    from scipy.optimize import brentq

    known = {0.0: here, length: there}

    def test(s: float) -> float:
        if s not in known:
            # At a branch point itself the equations are singular: beside it they are not.
            for beside in (s, s + 1e-10 * length, s - 1e-10 * length):
                found = correct(curve, here.z + beside * here.tangent, here.tangent)
                if found is not None:
                    break
            else:
                raise FlowError("no point")
            z, derivative, _ = found
            known[s] = curve.place(z, tangent_at(derivative, here.tangent), derivative)
        return float(known[s].tests[name])

    try:
        s = float(brentq(test, 0.0, length, xtol=1e-14, rtol=1e-12, maxiter=60))
        if s not in known:
            test(s)
    except (FlowError, ValueError, RuntimeError):
        return None
    return known.get(s)


def _closed(places: list[Place], length: float) -> bool:
    """Whether the last step has passed the start again, in the same direction."""
    if len(places) < 12:
        return False
    a, b, start = places[-2].z, places[-1].z, places[0]
    step = b - a
    u = float(np.clip((start.z - a) @ step / (step @ step), 0.0, 1.0))
    near = float(np.linalg.norm(start.z - a - u * step)) < 0.05 * length
    return near and float(places[-1].tangent @ start.tangent) > 0
