"""The steps of collocation: an implicit Runge-Kutta method of order 8 on many segments at once.

A cycle cut into segments, each of them one step of the method of Gauss with 4 stages, is a solution
by orthogonal collocation. All stages of all segments are found together, so that the field is
called a few times with many states.

Source: Hairer, Norsett & Wanner (1993), Solving Ordinary Differential Equations I, section II.7;
Doedel, Keller & Kernevez (1991), Int. J. Bifurcation Chaos 1:745-772, for cycles.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from neurosim.analysis.dynamics.field import Floats, VectorField
from neurosim.analysis.dynamics.shooting import FlowError, by_parameter

STAGES = 4


def _tableau() -> tuple[Floats, Floats, Floats]:
    """Coefficients A, b, c: what integrates polynomials of degree below STAGES exactly."""
    points, weights = np.polynomial.legendre.leggauss(STAGES)
    c = (points + 1) / 2
    powers = np.arange(STAGES)
    vandermonde = c[:, None] ** powers
    integrals = c[:, None] ** (powers + 1) / (powers + 1)
    return np.linalg.solve(vandermonde.T, integrals.T).T, weights / 2, c


A, B, C = _tableau()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Segments:
    """Steps from m states.

    Attributes
    ----------
    ends : (n, m) float64
        Where they arrive.
    transitions : (n, n, m) float64
        Derivative of the ends by the starts.
    by_duration, by_parameter : (n, m) float64
        Derivative of the ends by the duration of the segment, and by the parameter.
    """

    ends: Floats
    transitions: Floats
    by_duration: Floats
    by_parameter: Floats


def gauss_steps(
    field: VectorField,
    starts: Floats,
    durations: Floats,
    values: Mapping[str, float],
    parameter: str,
    step: float,
) -> Segments:
    """Take one step from each of m states (n, m), of m durations, and its derivatives.

    Parameters
    ----------
    field : VectorField
        The field.
    starts : (n, m) float64
        States of a closed curve, in order: each step is guessed to end at the next one.
    durations : (m,) float64
        Of the steps.
    values : mapping
        Value of every parameter.
    parameter : str
        The one by which to differentiate.
    step : float
        Of the difference that does so.

    Raises
    ------
    FlowError
        If the stages are not found.
    """
    n, m = starts.shape
    if not (np.isfinite(starts).all() and np.isfinite(durations).all()):
        raise FlowError("the segments left the finite numbers")
    scale = field.scale[:, None, None]
    Y = _between(field, starts, durations, values)
    h = durations
    for _ in range(12):
        F, J = _slopes(field, Y, values)
        residual = Y - starts[:, None, :] - np.einsum("ij,ajm->aim", A, F) * h
        matrix = _matrix(J, h)
        change = _solve(matrix, -residual[None])[0]
        Y = Y + change
        size = float(np.abs(change / scale).max())
        if not np.isfinite(size) or size > 1e3:
            raise FlowError("the stages of a step do not converge")
        if size < 1e-11:
            break
    else:
        if size > 1e-8:
            raise FlowError("the stages of a step do not converge")
    F, J = _slopes(field, Y, values)
    flat = Y.reshape(n, -1)
    slope = by_parameter(field, flat, values, parameter, step).reshape(n, STAGES, m)
    sides = np.zeros((n + 2, n, STAGES, m))
    for j in range(n):
        sides[j, j] = 1.0
    sides[n] = np.einsum("ij,ajm->aim", A, F)
    sides[n + 1] = np.einsum("ij,ajm->aim", A, slope) * h
    dY = _solve(_matrix(J, h), sides)
    moved = np.einsum("i,abim,kbim->kam", B, J, dY) * h
    return Segments(
        ends=starts + np.einsum("i,aim->am", B, F) * h,
        transitions=np.eye(n)[:, :, None] + np.moveaxis(moved[:n], 0, 1),
        by_duration=np.einsum("i,aim->am", B, F) + moved[n],
        by_parameter=np.einsum("i,aim->am", B, slope) * h + moved[n + 1],
    )


def _slopes(field: VectorField, Y: Floats, values: Mapping[str, float]) -> tuple[Floats, Floats]:
    """F (n, STAGES, m) and its Jacobians (n, n, STAGES, m) at the stages."""
    n, _, m = Y.shape
    flat = Y.reshape(n, -1)
    F = field.raw_many(flat, values).reshape(n, STAGES, m)
    J = field.raw_jacobian(flat, values).reshape(n, n, STAGES, m)
    if not (np.isfinite(F).all() and np.isfinite(J).all()):
        raise FlowError("the field is not finite on the way")
    return F, J


def _matrix(J: Floats, h: Floats) -> Floats:
    """1 - h A J for every segment: (m, STAGES n, STAGES n)."""
    n, m = J.shape[0], h.size
    matrix = -np.einsum("ij,abjm,m->miajb", A, J, h).reshape(m, STAGES * n, STAGES * n)
    matrix += np.eye(STAGES * n)
    return np.asarray(matrix)


def _solve(matrix: Floats, sides: Floats) -> Floats:
    """Solve for right sides (k, n, STAGES, m), one set per segment."""
    k, n, _, m = sides.shape
    rows = np.transpose(sides, (3, 2, 1, 0)).reshape(m, STAGES * n, k)
    try:
        solved = np.linalg.solve(matrix, rows)
    except np.linalg.LinAlgError:
        raise FlowError("the equations of a step are singular") from None
    return np.transpose(solved.reshape(m, STAGES, n, k), (3, 2, 1, 0))


def _between(field: VectorField, nodes: Floats, h: Floats, values: Mapping[str, float]) -> Floats:
    """Guess of the stages: the cubic through neighbours and their derivatives."""
    speed = field.raw_many(nodes, values)
    after, speed_after = np.roll(nodes, -1, axis=1), np.roll(speed, -1, axis=1)
    u = C[None, :, None]
    return hermite(
        nodes[:, None], after[:, None], (speed * h)[:, None], (speed_after * h)[:, None], u
    )


def hermite(a: Floats, b: Floats, da: Floats, db: Floats, u: Floats) -> Floats:
    """Return the cubic with values a, b and derivatives da, db at 0 and 1, at u."""
    return np.asarray(
        a * (1 + 2 * u) * (1 - u) ** 2
        + da * u * (1 - u) ** 2
        + b * u**2 * (3 - 2 * u)
        - db * u**2 * (1 - u)
    )
