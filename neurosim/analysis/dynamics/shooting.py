"""Multiple shooting: a cycle as segments that meet, and how they depend on where they begin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from neurosim.analysis.dynamics.field import Complexes, Floats, VectorField

TOLERANCE = 1e-10
"""Of the integration of segments, relative and in scales of the states."""

SAMPLES = 8
"""Of each segment, where the course within it is asked for."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Flow:
    """What becomes of m states within the same time.

    Attributes
    ----------
    ends : (n, m) float64
        Where they arrive.
    transitions : (n, n, m) float64
        Derivative of the ends by the starts.
    within : (SAMPLES, n, m) float64
        States at equal times on the way, the start first, the end left out.
    """

    ends: Floats
    transitions: Floats
    within: Floats


class FlowError(ArithmeticError):
    """A segment that cannot be integrated; callers turn it into what their users can read."""


def flow(
    field: VectorField,
    starts: Floats,
    duration: float,
    values: Mapping[str, float],
    *,
    method: str = "DOP853",
) -> Flow:
    """Integrate m states (n, m), and the variational equations along them, all at once.

        dx/dt = f(x)    dM/dt = J(x) M, M(0) = 1

    As one system, so that the field is called once for all of them.

    Parameters
    ----------
    field : VectorField
        The field.
    starts : (n, m) float64
        States.
    duration : float
        How long.
    values : mapping
        Value of every parameter.
    method : str
        Of `scipy.integrate.solve_ivp`.

    Raises
    ------
    FlowError
        If the integration fails.
    """
    from scipy.integrate import solve_ivp

    n, m = starts.shape
    rows = n + n * n
    begin = np.zeros((rows, m))
    begin[:n] = starts
    begin[n:] = np.eye(n).reshape(-1, 1)
    if not (np.isfinite(starts).all() and np.isfinite(duration) and duration > 0):
        raise FlowError("the segments left the finite numbers")

    def derivative(t: float, flat: Floats) -> Floats:
        y = flat.reshape(rows, m)
        x = y[:n]
        jacobian = field.raw_jacobian(x, values)
        out = np.empty_like(y)
        out[:n] = field.raw_many(x, values)
        out[n:] = np.einsum("ijm,jkm->ikm", jacobian, y[n:].reshape(n, n, m)).reshape(n * n, m)
        if not np.isfinite(out).all():
            raise FlowError("the field is not finite on the way")
        return out.ravel()

    tolerance = np.empty((rows, m))
    tolerance[:n] = TOLERANCE * field.scale[:, None]
    ratio = field.scale[:, None] / field.scale[None, :]
    tolerance[n:] = TOLERANCE * ratio.reshape(-1, 1)
    done = solve_ivp(
        derivative,
        (0.0, duration),
        begin.ravel(),
        method=method,
        t_eval=np.linspace(0, duration, SAMPLES + 1),
        rtol=TOLERANCE,
        atol=tolerance.ravel(),
    )
    if done.status != 0:
        raise FlowError(str(done.message))
    course = done.y.T.reshape(-1, rows, m)
    end = course[-1]
    return Flow(
        ends=end[:n],
        transitions=end[n:].reshape(n, n, m),
        within=course[:-1, :n],
    )


def by_parameter(
    field: VectorField, x: Floats, values: Mapping[str, float], parameter: str, step: float
) -> Floats:
    """Return df/dp (n, m) at m states by a central difference."""
    p = values[parameter]
    above = field.raw_many(x, {**values, parameter: p + step})
    below = field.raw_many(x, {**values, parameter: p - step})
    return np.asarray((above - below) / (2 * step))


def monodromy(transitions: Floats) -> Floats:
    """Return the product of the transitions (n, n, m) of all segments, the last one leftmost."""
    n = transitions.shape[0]
    product = np.eye(n)
    for k in range(transitions.shape[2]):
        product = transitions[:, :, k] @ product
    return product


def multipliers_of(transitions: Floats) -> Complexes:
    """Return the Floquet multipliers: the one that is 1 of itself first, the others by size.

    With two states the other one is the product of the determinants of all segments, which is
    exact where the cycle nearly stands still for most of its period, too.
    """
    product = monodromy(transitions)
    if product.shape[0] == 2:
        other = float(np.prod(np.linalg.det(np.moveaxis(transitions, 2, 0))))
        return np.array([np.trace(product) - other, other], dtype=np.complex128)
    values = np.linalg.eigvals(product).astype(np.complex128)
    own = int(np.argmin(np.abs(values - 1)))
    others = np.delete(values, own)
    return np.concatenate([values[own : own + 1], others[np.argsort(-np.abs(others))]])


def closing(
    nodes: Floats, ends: Floats, transitions: Floats, by_period: Floats
) -> tuple[Floats, Floats]:
    """Return how far the ends of the segments are from the next starts, and its derivative.

    Parameters
    ----------
    nodes, ends : (n, m) float64
        Where the segments begin and end.
    transitions : (n, n, m) float64
        Derivative of the ends by the starts.
    by_period : (n, m) float64
        Derivative of the ends by the period.

    Returns
    -------
    gaps : (m * n,) float64
        Segment by segment.
    derivative : (m * n, m * n + 1) float64
        By the starts, segment by segment, and by the period.
    """
    n, m = nodes.shape
    gaps = (ends - np.roll(nodes, -1, axis=1)).T.ravel()
    derivative = np.zeros((m * n, m * n + 1))
    for k in range(m):
        rows = slice(k * n, (k + 1) * n)
        following = ((k + 1) % m) * n
        derivative[rows, rows] += transitions[:, :, k]
        derivative[rows, following : following + n] -= np.eye(n)
    derivative[:, -1] = by_period.T.ravel()
    return gaps, derivative
