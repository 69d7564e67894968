"""Matrix exponentials and noise covariances of small linear systems, accurate entry by entry.

A matrix whose off-diagonal entries are not negative has an exponential without cancellation: after
a shift of the diagonal every term of the Taylor series is positive, and squaring keeps it so.
Each entry then has a small relative error, however close time constants lie (the textbook form
(exp(-dt/a) - exp(-dt/b)) / (1/b - 1/a) loses all digits there). Chains of synapses and membranes
have this form up to signs of the states. For other matrices (resonators) cancellation is that of
the sum itself, and extended precision takes the edge off it.

Sources: Xue & Ye (2013), "Computing exponentials of essentially non-negative matrices entrywise to
high relative accuracy", Math. Comp. 82; Van Loan (1978), "Computing integrals involving the matrix
exponential", IEEE Trans. Automat. Control 23, for the covariance (here by doubling the step
instead of exponentiating -A, which overflows for stiff systems).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Extended = npt.NDArray[np.longdouble]

_TERMS = 24
"""Taylor terms beyond the length of the longest path, at norm 1/2: remainder below 1e-30."""

_CHUNK = 4096
"""Matrices handled at once, to bound the memory of batches."""


def exponential(matrices: Extended) -> Extended:
    """Exponential of each matrix.

    Parameters
    ----------
    matrices : (n, m, m) longdouble
        Finite.

    Returns
    -------
    (n, m, m) longdouble
        Each entry depends on its own matrix only, not on the batch.
    """
    result = np.empty_like(matrices)
    shifted = matrices - _lowest(matrices)[:, None, None] * np.eye(matrices.shape[1])
    for chosen, squarings in _groups(shifted):
        result[chosen] = _exponential(matrices[chosen], squarings)
    return result


def _groups(matrices: Extended) -> list[tuple[npt.NDArray[np.intp], int]]:
    """Split a batch by the number of squarings that each matrix needs."""
    if not np.isfinite(matrices).all():
        raise FloatingPointError("a rate constant is not finite")
    norm = np.abs(matrices).sum(axis=2).max(axis=1)
    needed = np.ceil(np.log2(np.maximum(norm, 2.0**-1).astype(np.float64))).astype(int) + 1
    groups = []
    for squarings in np.unique(needed):
        members = np.flatnonzero(needed == squarings)
        chunks = range(0, members.size, _CHUNK)
        groups += [(members[start : start + _CHUNK], int(squarings)) for start in chunks]
    return groups


def _lowest(matrices: Extended) -> Extended:
    lowest: Extended = np.diagonal(matrices, axis1=1, axis2=2).min(axis=1)
    return lowest


def _exponential(matrices: Extended, squarings: int) -> Extended:
    size = matrices.shape[1]
    unit = np.eye(size, dtype=np.longdouble)
    step = np.ldexp(np.longdouble(1.0), -squarings)
    lowest = _lowest(matrices)
    positive = (matrices - lowest[:, None, None] * unit) * step
    total = np.broadcast_to(unit, matrices.shape).copy()
    term = total
    for order in range(1, _TERMS + size):
        term = term @ positive / order
        total = total + term
    # The shift is undone before squaring: afterwards it could be 0 * inf.
    total *= np.exp(lowest * step)[:, None, None]
    for _ in range(squarings):
        total = total @ total
    return total


def covariance(matrices: Extended, intensity: Extended) -> Extended:
    """Covariance gathered over a unit of time by dx = A x dt + B dW.

    Parameters
    ----------
    matrices : (n, m, m) longdouble
        A, times the step.
    intensity : (n, m, m) longdouble
        B B^T, times the step.

    Returns
    -------
    (n, m, m) longdouble
        Integral over s in (0, 1) of exp(A s) B B^T exp(A s)^T.
    """
    result = np.empty_like(matrices)
    for chosen, squarings in _groups(matrices):
        result[chosen] = _covariance(matrices[chosen], intensity[chosen], squarings)
    return result


def _covariance(matrices: Extended, intensity: Extended, squarings: int) -> Extended:
    step = np.ldexp(np.longdouble(1.0), -squarings)
    small = matrices * step
    term = intensity * step
    total: Extended = term
    for order in range(2, _TERMS + 2 * matrices.shape[1]):
        product = small @ term
        term = (product + product.swapaxes(1, 2)) / order
        total = total + term
    passage = exponential(small)
    for _ in range(squarings):
        total = total + passage @ total @ passage.swapaxes(1, 2)
        passage = passage @ passage
    return total


def lower_root(matrices: Extended) -> Extended:
    """Cholesky factor L of each matrix, L L^T = matrix, for semi-definite matrices too.

    A pivot that is nothing but rounding error counts as zero: that state then needs no noise of
    its own.
    """
    size = matrices.shape[1]
    root = np.zeros_like(matrices)
    for j in range(size):
        diagonal = matrices[:, j, j]
        pivot = diagonal - (root[:, j, :j] ** 2).sum(axis=1)
        pivot = np.where(pivot > 1e-15 * size * diagonal, pivot, 0.0)
        root[:, j, j] = np.sqrt(pivot)
        safe = np.where(pivot > 0.0, root[:, j, j], 1.0)
        for i in range(j + 1, size):
            rest = matrices[:, i, j] - (root[:, i, :j] * root[:, j, :j]).sum(axis=1)
            root[:, i, j] = np.where(pivot > 0.0, rest / safe, 0.0)
    return root
