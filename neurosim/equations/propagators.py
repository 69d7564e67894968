"""Matrix exponentials and noise covariances of small linear systems, accurate entry by entry.

Scaling and squaring: the Taylor series at a step so short that nothing cancels, then doubling the
step. If the off-diagonal entries of the matrix are not negative, all that is added in doubling is
positive, so each entry keeps a small relative error, however close time constants lie (the textbook
form (exp(-dt/a) - exp(-dt/b)) / (1/b - 1/a) loses all digits there). Chains of synapses and
membranes have this form up to signs of the states. For other matrices (resonators) cancellation is
that of the result itself, and extended precision takes the edge off it.

Sources: Xue & Ye (2013), "Computing exponentials of essentially non-negative matrices entrywise to
high relative accuracy", Math. Comp. 82; Van Loan (1978), "Computing integrals involving the matrix
exponential", IEEE Trans. Automat. Control 23, for the integrals (here by doubling the step instead
of exponentiating -A, which overflows for stiff systems).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Extended = npt.NDArray[np.longdouble]

_CHUNK = 4096
"""Matrices handled at once, to bound the memory of batches."""

_SHORTEST = -16
"""Norms below 2**-16 are treated as that."""


def propagators(matrices: Extended) -> tuple[Extended, Extended]:
    """Exponential of each matrix, and its integral.

    Parameters
    ----------
    matrices : (n, m, m) longdouble
        A, times the step. Finite.

    Returns
    -------
    passage : (n, m, m) longdouble
        exp(A).
    response : (n, m, m) longdouble
        Integral over s in (0, 1) of exp(A s). Each depends on its own matrix only, not on the
        batch.
    """
    passage, response = np.empty_like(matrices), np.empty_like(matrices)
    for chosen, exponent in _groups(matrices):
        passage[chosen], response[chosen] = _propagators(matrices[chosen], exponent)
    return passage, response


def _groups(matrices: Extended) -> list[tuple[npt.NDArray[np.intp], int]]:
    """Split a batch by size: the exponent e of the group has all norms at most 2**e."""
    if not np.isfinite(matrices).all():
        raise FloatingPointError("a rate constant is not finite")
    norm = np.abs(matrices).sum(axis=2).max(axis=1)
    exponents = np.frexp(np.maximum(norm, 2.0 ** (_SHORTEST - 1)))[1]
    groups = []
    for exponent in np.unique(exponents):
        members = np.flatnonzero(exponents == exponent)
        chunks = range(0, members.size, _CHUNK)
        groups += [(members[start : start + _CHUNK], int(exponent)) for start in chunks]
    return groups


def _schedule(exponent: int, size: int) -> tuple[int, int]:
    """Number of doublings and of Taylor terms for norms up to 2**exponent."""
    doublings = max(0, exponent + 1)
    # After the paths through all states, terms must fall below 2**-70 of what they add to.
    terms, remainder = 1, 1.0
    while remainder > 2.0**-70:
        remainder *= 2.0 ** (exponent - doublings) / terms
        terms += 1
    return doublings, terms + size


def _propagators(matrices: Extended, exponent: int) -> tuple[Extended, Extended]:
    size = matrices.shape[1]
    doublings, terms = _schedule(exponent, size)
    step = np.ldexp(np.longdouble(1.0), -doublings)
    small = matrices * step
    term: Extended = np.broadcast_to(np.eye(size, dtype=np.longdouble), matrices.shape).copy()
    passage, response = term.copy(), term.copy()
    for order in range(1, terms):
        term = term @ small / order
        passage += term
        response += term / (order + 1)
    response *= step
    for _ in range(doublings):
        response = response + passage @ response
        passage = passage @ passage
    return passage, response


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
    for chosen, exponent in _groups(matrices):
        result[chosen] = _covariance(matrices[chosen], intensity[chosen], exponent)
    return result


def _covariance(matrices: Extended, intensity: Extended, exponent: int) -> Extended:
    # The equation of the covariance, dQ = A Q + Q A^T + B B^T, has twice the rate.
    doublings, terms = _schedule(exponent + 1, 2 * matrices.shape[1])
    step = np.ldexp(np.longdouble(1.0), -doublings)
    small = matrices * step
    term: Extended = intensity * step
    total = term
    for order in range(2, terms):
        product = small @ term
        term = (product + product.swapaxes(1, 2)) / order
        total = total + term
    passage, _ = propagators(small)
    for _ in range(doublings):
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
