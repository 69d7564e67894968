"""Mean field of monotone deep Boltzmann machines: units that choose one of several states.

    p(x) ~ exp(1/2 x^T Phi x + b^T x),  x one-hot in every block     q = softmax_blocks(Phi q + b)

If I - Phi >= m I with m > 0, this mean-field equation has exactly one solution, whatever the number
of layers, and a damped proximal iteration finds it from everywhere.

Source: Feng, Guo, Jiang & Kolter (2023), Monotone deep Boltzmann machines, TMLR (arXiv:2307.04990).
The parametrisation and the step were derived anew from monotone operator theory.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from neurosim.analysis.memory import checks
from neurosim.analysis.memory.checks import Floats
from neurosim.errors import ConvergenceError, DescriptionError

MOST = 0.9
"""The largest damping: at 1 the proximal map is the plain softmax, and its formula divides by 0."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MeanField:
    """Marginals of a Boltzmann machine in mean field.

    Attributes
    ----------
    q : (n,) float64
        Probabilities; each block sums to 1.
    iterations : int
    residual : float
        Largest of |q - softmax(Phi q + b)|.
    """

    q: Floats
    iterations: int
    residual: float


def monotone_coupling(factors: Sequence[npt.ArrayLike], m: float = 0.1) -> Floats:
    """Return couplings Phi with I - Phi >= m I from any matrices, one per block.

    Phi = blockdiag(A_i^T A_i) - A^T A, A = [A_1, A_2, ...], each A_i scaled down to a spectral norm
    of at most sqrt(1 - m). No coupling within a block; between blocks i and j it is -A_i^T A_j.

    Parameters
    ----------
    factors : list of (k, n_i)
        One matrix per block of n_i states, all with the same k.
    m : float
        In (0, 1].

    Returns
    -------
    (n, n) float64, symmetric, n the sum of all n_i

    Raises
    ------
    DescriptionError
        If shapes differ or m lies outside.
    """
    place = "monotone_coupling"
    margin = checks.number(m, f"{place}.m", "a number in (0, 1]", low=0.0, high=1.0, open_low=True)
    if len(factors) == 0:
        raise DescriptionError(f"{place}.factors", factors, "at least one matrix")
    scaled: list[Floats] = []
    for k, factor in enumerate(factors):
        a = checks.array(factor, f"{place}.factors[{k}]", 2, "a matrix (k, n_i)")
        if scaled and a.shape[0] != scaled[0].shape[0]:
            expected = f"{scaled[0].shape[0]} rows, as the first"
            raise DescriptionError(f"{place}.factors[{k}]", a, expected)
        norm = float(np.linalg.norm(a, 2))
        scaled.append(a * min(1.0, math.sqrt(1 - margin) / norm) if norm else a)
    whole = np.concatenate(scaled, axis=1)
    phi: Floats = -whole.T @ whole
    start = 0
    for a in scaled:
        phi[start : start + a.shape[1], start : start + a.shape[1]] = 0.0
        start += a.shape[1]
    return phi


def boltzmann_mean_field(
    coupling: npt.ArrayLike,
    bias: npt.ArrayLike,
    blocks: Sequence[int],
    *,
    start: npt.ArrayLike | None = None,
    damping: float | None = None,
    tolerance: float = 1e-10,
    max_iterations: int = 10_000,
) -> MeanField:
    """Solve q = softmax_blocks(Phi q + b).

        q <- prox((1 - a) q + a (Phi q + b)),   prox of a (sum z ln z - z^2 / 2) on the simplices

    Parameters
    ----------
    coupling : (n, n)
        Phi, e.g. from `monotone_coupling`.
    bias : (n,)
        b.
    blocks : list of int
        States per block, adding up to n.
    start : (n,), optional
        By default uniform in each block.
    damping : float, optional
        a in (0, 0.9]. By default m / L^2 with m and L the smallest and largest stretch of I - Phi,
        at which convergence is certain; this needs m > 0. A number of your own also tries couplings
        that are not monotone; what is found is a solution, but perhaps not the only one.
    tolerance : float
        Largest residual.
    max_iterations : int
        After which it has failed.

    Raises
    ------
    DescriptionError
        If shapes differ, or Phi is not monotone and no damping is given.
    ConvergenceError
        If the tolerance is not reached.
    """
    place = "boltzmann_mean_field"
    phi = checks.array(coupling, f"{place}.coupling", 2, "a square matrix")
    b = checks.array(bias, f"{place}.bias", 1, "biases (n,)")
    sizes = [checks.whole(size, f"{place}.blocks", at_least=1) for size in blocks]
    n = b.size
    if phi.shape != (n, n):
        raise DescriptionError(f"{place}.coupling", phi, f"shape {(n, n)}, as the biases")
    if sum(sizes) != n:
        raise DescriptionError(f"{place}.blocks", list(blocks), f"sizes that add up to {n}")
    edges = np.cumsum([0, *sizes[:-1]])
    width = np.array(sizes)
    a = _damping(phi, damping, place)
    q = np.repeat(1 / width, width)
    if start is not None:
        q = checks.array(start, f"{place}.start", 1, f"{n} probabilities").copy()
        sums = np.add.reduceat(q, edges) if q.size == n else np.zeros(1)
        if q.size != n or (q < 0).any() or not np.allclose(sums, 1):
            raise DescriptionError(f"{place}.start", q, f"{n} probabilities, 1 in each block")
    limit = checks.whole(max_iterations, f"{place}.max_iterations", at_least=1)
    residual = math.inf
    for k in range(limit):
        field = phi @ q + b
        residual = float(np.abs(q - _softmax(field, edges, width)).max())
        if residual <= tolerance:
            return MeanField(q=q, iterations=k, residual=residual)
        q = _prox((1 - a) * q + a * field, a, edges, width)
    where = f"{len(sizes)} blocks, n = {n}, damping = {a:.3g}"
    reached = f"after {limit} iterations the residual is {residual:.2g}, above {tolerance:g}"
    hint = "A larger tolerance or max_iterations, or couplings with a larger m."
    raise ConvergenceError("mean field of a Boltzmann machine", where, reached, hint)


def _damping(phi: Floats, damping: float | None, place: str) -> float:
    if damping is not None:
        expected = f"a number in (0, {MOST}]"
        return checks.number(
            damping, f"{place}.damping", expected, low=0.0, high=MOST, open_low=True
        )
    operator = np.eye(len(phi)) - phi
    m = float(np.linalg.eigvalsh((operator + operator.T) / 2)[0])
    if m <= 1e-12:
        expected = "monotone, I - Phi above 0"
        hint = f"The smallest eigenvalue is {m:.3g}. Use monotone_coupling, or give a damping."
        raise DescriptionError(f"{place}.coupling", phi, expected, hint)
    return min(MOST, m / float(np.linalg.norm(operator, 2)) ** 2)


def _softmax(field: Floats, edges: npt.NDArray[np.int64], width: npt.NDArray[np.int64]) -> Floats:
    top = np.repeat(np.maximum.reduceat(field, edges), width)
    weight = np.exp(field - top)
    result: Floats = weight / np.repeat(np.add.reduceat(weight, edges), width)
    return result


def _prox(
    x: Floats, a: float, edges: npt.NDArray[np.int64], width: npt.NDArray[np.int64]
) -> Floats:
    """Return the minimum over simplices of |z - x|^2 / 2 + a sum (z ln z - z^2 / 2).

    Stationary where (1 - a) z + a ln z = x - a - lambda of the block, which the Wright omega
    function solves; lambda by Newton steps from where the largest z is 1: the sum is convex and
    falling in lambda, so they approach from one side.
    """
    from scipy.special import wrightomega

    ratio = a / (1 - a)
    multiplier = np.maximum.reduceat(x, edges) - 1
    for _ in range(100):
        y = (x - a - np.repeat(multiplier, width)) / a
        z = ratio * wrightomega(y - math.log(ratio))
        excess = np.add.reduceat(z, edges) - 1
        if np.abs(excess).max() < 1e-14 * max(1, int(width.max())):
            break
        slope = np.add.reduceat(z / (a + (1 - a) * z), edges)
        multiplier = multiplier + excess / slope
    result: Floats = z / np.repeat(np.add.reduceat(z, edges), width)
    return result
