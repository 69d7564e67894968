"""What is found on a branch: saddle-nodes, Hopf points with their Lyapunov coefficient, others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from neurosim.analysis.dynamics.field import Floats, VectorField
from neurosim.analysis.dynamics.fixed_points import FixedPoint
from neurosim.errors import DescriptionError

STEPS = (1.6e-2, 8e-3, 4e-3, 2e-3, 1e-3, 5e-4, 2.5e-4)
"""Steps of the differences of Jacobians, in scales; the pair that agrees best is taken."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bifurcation:
    """A place on a branch where the number or stability of solutions changes.

    Attributes
    ----------
    kind : str
        On branches of fixed points "saddle-node", "Hopf" or "branch point" (where another branch
        crosses: transcritical or pitchfork); on branches of cycles "fold of cycles",
        "period doubling" or "torus".
    parameter : str
        Name of the parameter.
    value : float
        Its value.
    x : (n,) float64
        The state; on a cycle, one of its states.
    field : VectorField
        The field, the parameter at this value.
    frequency : float or None
        At a Hopf point: omega, the imaginary part of the eigenvalues, in radians per unit of time.
    period : float or None
        2 pi / omega at a Hopf point, the period of a cycle.
    first_lyapunov : float or None
        First Lyapunov coefficient l_1 of a Hopf point; see `first_lyapunov`.
    criticality : str or None
        Of a Hopf point: "supercritical" (l_1 < 0: a stable cycle on the side where the fixed point
        is unstable, as far as the other directions are stable), "subcritical" (l_1 > 0: an
        unstable cycle beside the stable point) or "degenerate" (l_1 cannot be told from 0).
    """

    kind: str
    parameter: str
    value: float
    x: Floats
    field: VectorField
    frequency: float | None = None
    period: float | None = None
    first_lyapunov: float | None = None
    criticality: str | None = None

    def __repr__(self) -> str:
        unit = self.field.unit(self.parameter)
        told = f"{self.criticality} {self.kind}" if self.criticality else self.kind
        value = f"{self.value:.8g}" + ("" if unit == "1" else f" {unit}")
        period = "" if self.period is None else f", period {self.period:.6g}"
        return (
            f"Bifurcation({told} at {self.parameter} = {value}: {self.field.text(self.x)}{period})"
        )


@dataclass(frozen=True, slots=True)
class Lyapunov:
    """A first Lyapunov coefficient, and by how much it may be wrong.

    Attributes
    ----------
    value : float
        l_1.
    error : float
        How much it changes with the step of the differences.
    """

    value: float
    error: float

    @property
    def criticality(self) -> str:
        """Return "supercritical", "subcritical" or "degenerate"."""
        if abs(self.value) <= 3 * self.error:
            return "degenerate"
        return "supercritical" if self.value < 0 else "subcritical"


def first_lyapunov(point: FixedPoint) -> Lyapunov:
    """Return the first Lyapunov coefficient of a fixed point with eigenvalues +- i omega.

        l_1 = Re(<p, C(q, q, q*)> - 2 <p, B(q, A^-1 B(q, q*))>
                 + <p, B(q*, (2 i omega - A)^-1 B(q, q))>) / (2 omega)

    with A q = i omega q, A^T p = -i omega p, <q, q> = <p, q> = 1, in the states as they are: the
    sign is a fact, the size depends on their units. B and C, the second and third derivatives of f,
    are differences of order 4 of the Jacobian.

    Parameters
    ----------
    point : FixedPoint
        At a Hopf point.

    Raises
    ------
    DescriptionError
        If no pair of its eigenvalues lies on the imaginary axis.

    Source: Kuznetsov (2004), Elements of Applied Bifurcation Theory, 3rd ed., eq. 5.34.
    """
    A, field = point.jacobian, point.field
    complexes = np.flatnonzero(point.eigenvalues.imag > 0)
    if complexes.size:
        k = complexes[np.argmin(np.abs(point.eigenvalues[complexes].real))]
    if not complexes.size or abs(point.eigenvalues[k].real) > 1e-4 * abs(point.eigenvalues[k]):
        expected = "a fixed point with a pair of eigenvalues on the imaginary axis"
        raise DescriptionError("first_lyapunov.point", point, expected)
    omega = float(point.eigenvalues[k].imag)
    q: Any = point.eigenvectors[:, k]
    q = q / np.linalg.norm(q)
    values, vectors = np.linalg.eig(A.T)
    p: Any = vectors[:, np.argmin(np.abs(values + 1j * omega))].astype(np.complex128)
    p = p / np.conj(np.vdot(p, q))
    one = np.eye(A.shape[0])
    found = []
    for step in STEPS:
        derivatives = _Derivatives(field, point.x, step)
        B, C = derivatives.second, derivatives.third
        qc: Any = np.conj(q)
        inner = (
            np.vdot(p, C(q, q, qc))
            - 2 * np.vdot(p, B(q, np.linalg.solve(A, B(q, qc))))
            + np.vdot(p, B(qc, np.linalg.solve(2j * omega * one - A, B(q, q))))
        )
        found.append(float(inner.real) / (2 * omega))
    change = np.abs(np.diff(found))
    best = int(np.argmin(change))
    return Lyapunov(value=found[best + 1], error=float(change[best]))


class _Derivatives:
    """Second and third derivatives of f at x applied to vectors, by differences of the Jacobian."""

    def __init__(self, field: VectorField, x: Floats, step: float) -> None:
        self.field, self.x, self.step = field, x, step
        self.values = field.values()
        self.tensors: dict[int, Floats] = {}
        n = x.size
        h = step * field.scale
        # J at x + (a e_j + b e_k) h for all pairs of directions and a, b of -2 .. 2, in one call.
        offsets = np.arange(-2, 3)
        moved = np.tile(x[:, None, None, None, None], (1, n, n, 5, 5))
        for j in range(n):
            for k in range(n):
                moved[j, j, k] += h[j] * offsets[:, None]
                moved[k, j, k] += h[k] * offsets[None, :]
        jacobians = field.raw_jacobian(moved.reshape(n, -1), self.values)
        J = jacobians.reshape(n, n, n, n, 5, 5)
        slope = np.array([1.0, -8.0, 0.0, 8.0, -1.0]) / 12
        curve = np.array([-1.0, 16.0, -30.0, 16.0, -1.0]) / 12
        along = J[:, :, :, 0, :, 2]
        # second[i, l, j] = d J[i, l] / d x_j
        self._second = np.einsum("ilja,a,j->ilj", along, slope, 1 / h)
        mixed = np.einsum("iljkab,a,b,j,k->iljk", J, slope, slope, 1 / h, 1 / h)
        # Along one direction twice the two offsets add up, so there the second difference is taken.
        twice = np.einsum("ilja,a,j->ilj", along, curve, 1 / h**2)
        for j in range(n):
            mixed[:, :, j, j] = twice[:, :, j]
        self._third = mixed

    def second(self, u: Any, v: Any) -> Any:
        """B(u, v)."""
        return np.einsum("ilj,l,j->i", self._second, u, v)

    def third(self, u: Any, v: Any, w: Any) -> Any:
        """C(u, v, w)."""
        return np.einsum("iljk,l,j,k->i", self._third, u, v, w)
