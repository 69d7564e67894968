"""Coupling matrices that vanish on planted patterns, whatever is learned.

Both parametrisations build A with A v = 0 for every planted v, and give the derivatives of a loss
by their own numbers from its derivative by A.

    spectral    A = Phi Lambda Phi^-1, Phi = [basis | Q], Lambda = diag(eigenvalues, 0)
    projected   A = B (I - Q Q^T)

Q is an orthonormal basis of the planted patterns, and fixed. The spectral one is that of the paper;
the projected one is every matrix with this kernel, needs no inverse, and learns faster.

Source: Marino et al. (2025), Neural Comput. 37:701-741, arXiv:2406.16453, and the code published
with it (initial values, bounds of eigenvalues); the projection states the same constraint directly.
"""

from __future__ import annotations

import math
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

BOUNDS = (-1e6, 200.0)
"""Eigenvalues beyond these are taken for these: larger ones would make attractors unstable."""


class Parametrization(Protocol):
    """How numbers that are learned make a coupling matrix; all arrays share one dtype."""

    def shapes(self, size: int, n_attractors: int) -> dict[str, tuple[int, ...]]:
        """Return the shapes of the numbers."""

    def draw(self, fixed: Array, generator: np.random.Generator) -> dict[str, Array]:
        """Draw first values; `fixed` is Q, (size, n_attractors)."""

    def matrix(self, weights: dict[str, Array], fixed: Array) -> Array:
        """Return A, (size, size)."""

    def derivatives(
        self, weights: dict[str, Array], fixed: Array, by_matrix: Array
    ) -> dict[str, Array]:
        """Return the derivatives of a loss from that by A."""

    def penalty(self, weights: dict[str, Array]) -> tuple[float, dict[str, Array]]:
        """Return what is added to the loss, for a factor of 1, and its derivatives."""


class Spectral:
    """A = Phi Lambda Phi^-1."""

    def shapes(self, size: int, n_attractors: int) -> dict[str, tuple[int, ...]]:
        """Return the shapes of basis and eigenvalues."""
        free = size - n_attractors
        return {"basis": (size, free), "eigenvalues": (free,)}

    def draw(self, fixed: Array, generator: np.random.Generator) -> dict[str, Array]:
        """Draw an orthogonal basis times 1.15 and eigenvalues around -sqrt(size)."""
        size, n_attractors = fixed.shape
        free = size - n_attractors
        orthogonal, upper = np.linalg.qr(generator.standard_normal((size, free)))
        return {
            "basis": 1.15 * orthogonal * np.sign(np.diag(upper)),
            "eigenvalues": -math.sqrt(size) + generator.standard_normal(free),
        }

    def matrix(self, weights: dict[str, Array], fixed: Array) -> Array:
        """Return A; the fixed columns of Phi have the eigenvalue 0 and act in the inverse alone."""
        basis, eigenvalues = weights["basis"], np.clip(weights["eigenvalues"], *BOUNDS)
        inverse = np.linalg.inv(np.hstack([basis, fixed]))
        found: Array = (basis * eigenvalues) @ inverse[: eigenvalues.size]
        return found

    def derivatives(
        self, weights: dict[str, Array], fixed: Array, by_matrix: Array
    ) -> dict[str, Array]:
        """Return the derivatives by basis and eigenvalues.

        With H = G Phi^-T, G the derivative by A: dA = dPhi Lambda Phi^-1 - A dPhi Phi^-1 +
        Phi dLambda Phi^-1, so that the derivative by Phi is H Lambda - A^T H, and that by an
        eigenvalue is the product of its columns of Phi and H. Beyond the bounds it is 0.
        """
        basis, eigenvalues = weights["basis"], np.clip(weights["eigenvalues"], *BOUNDS)
        inverse = np.linalg.inv(np.hstack([basis, fixed]))[: eigenvalues.size]
        h = by_matrix @ inverse.T
        a = (basis * eigenvalues) @ inverse
        within = eigenvalues == weights["eigenvalues"]
        return {
            "basis": h * eigenvalues - a.T @ h,
            "eigenvalues": np.where(within, (basis * h).sum(axis=0), 0).astype(h.dtype),
        }

    def penalty(self, weights: dict[str, Array]) -> tuple[float, dict[str, Array]]:
        """Return half the sum of |cos| between all columns of the basis per pair, derivatives.

        As ``OrthogonalRegularizer(mode="columns")`` of Keras: the mean of |cos| over pairs.
        """
        basis = weights["basis"]
        pairs = basis.shape[1] * (basis.shape[1] - 1) / 2
        lengths = np.linalg.norm(basis, axis=0)
        unit = basis / lengths
        cosines = unit.T @ unit
        np.fill_diagonal(cosines, 0)
        if pairs == 0:
            return 0.0, {}
        by_unit = unit @ np.sign(cosines) / pairs
        by_basis = (by_unit - unit * (unit * by_unit).sum(axis=0)) / lengths
        return float(np.abs(cosines).sum() / 2 / pairs), {"basis": by_basis.astype(basis.dtype)}


class Projected:
    """A = B (I - Q Q^T)."""

    def shapes(self, size: int, n_attractors: int) -> dict[str, tuple[int, ...]]:
        """Return the shape of B."""
        return {"weights": (size, size)}

    def draw(self, fixed: Array, generator: np.random.Generator) -> dict[str, Array]:
        """Draw B = -sqrt(size) I plus normal numbers of standard deviation 0.1."""
        size = fixed.shape[0]
        noise = 0.1 * generator.standard_normal((size, size))
        return {"weights": noise - math.sqrt(size) * np.eye(size)}

    def matrix(self, weights: dict[str, Array], fixed: Array) -> Array:
        """Return A."""
        return _project(weights["weights"], fixed)

    def derivatives(
        self, weights: dict[str, Array], fixed: Array, by_matrix: Array
    ) -> dict[str, Array]:
        """Return the derivative by B: that by A, projected alike."""
        return {"weights": _project(by_matrix, fixed)}

    def penalty(self, weights: dict[str, Array]) -> tuple[float, dict[str, Array]]:
        """Return 0: nothing has to stay invertible."""
        return 0.0, {}


def _project(matrix: Array, fixed: Array) -> Array:
    """Return matrix (I - Q Q^T)."""
    projected: Array = matrix - (matrix @ fixed) @ fixed.T
    return projected


PARAMETRIZATIONS: dict[str, Parametrization] = {"spectral": Spectral(), "projected": Projected()}
