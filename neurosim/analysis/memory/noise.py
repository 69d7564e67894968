"""Signal against noise: which bits of a memory are stable, and how well a query is answered."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from neurosim.analysis.memory import checks
from neurosim.analysis.memory.dense import dataset_entropy
from neurosim.errors import DescriptionError, UnknownNameError

Kernel = Callable[[Any], Any]
"""Takes scalar products of keys, in an array, and returns weights of the same shape."""


def stable_fraction(order: int, n_units: int, n_patterns: int, *, distinct: bool = True) -> float:
    """Return the fraction of bits of a stored pattern that are stable, one step from it.

    The field has mean P and Gaussian noise of the other K - 1 patterns,

        fraction = 1/2 [1 + erf sqrt(C / (2 (K - 1)))],   C = number of terms in a field

    with C = binomial(N - 1, P - 1) for sums over distinct indices; where indices may repeat, as in
    energies -sum_mu m_mu^P, C = (N - 1)^(P-1) / (2P - 3)!!.

    Parameters
    ----------
    order : int
        P, 2 for pairwise coupling.
    n_units, n_patterns : int
        N and K.
    distinct : bool
        Whether the P units of an interaction differ.

    Raises
    ------
    DescriptionError
        For P below 2, P above N, or no pattern.

    Source: Krotov & Hopfield (2016), NeurIPS 29 (repeated indices); for distinct ones from the
    variance of the sum over other patterns, each of whose terms is +-1.
    """
    place = "stable_fraction"
    p = checks.whole(order, f"{place}.order", at_least=2, at_most=200)
    n = checks.whole(n_units, f"{place}.n_units", at_least=p)
    k = checks.whole(n_patterns, f"{place}.n_patterns", at_least=1)
    if k == 1:
        return 1.0
    terms = (
        float(math.comb(n - 1, p - 1))
        if distinct
        else (n - 1.0) ** (p - 1) / math.prod(range(2 * p - 3, 0, -2))
    )
    return 0.5 * (1 + math.erf(math.sqrt(terms / (2 * (k - 1)))))


def learned_overlap(
    order: int,
    load: float,
    quality: float,
    n_examples: int,
    *,
    mode: Literal["supervised", "unsupervised"] = "supervised",
) -> float:
    """Return the overlap with an archetype one step from it, in a network that saw only examples.

    m = erf(signal / sqrt(2 variance)) with quality r, M examples, rho the data-set entropy and
    load = P! K / N^(P-1):

    - supervised (examples are averaged first): signal P x^P (x = (1 + rho)^(-1/2)), variance
      P^2 x^(2P-2) rho / (1 + rho) + P load.
    - unsupervised (examples are stored one by one): signal P r^P, variance
      P^2 r^(2P-2) (1 - r^2) / M + P load [r^(2P) + (1 - r^(2P)) / M].

    Parameters
    ----------
    order : int
        P, 2 or more.
    load : float
        P! K / N^(P-1).
    quality : float
        r in (0, 1]: a bit of an example agrees with the archetype with probability (1 + r) / 2.
    n_examples : int
        M per archetype.
    mode : {"supervised", "unsupervised"}

    Raises
    ------
    DescriptionError
        For values outside their ranges.

    Source: the setting of Agliari et al. (2023), Physica A 626 (arXiv:2212.00606) and Physica A 627
    (arXiv:2211.14067); variances derived for distinct indices.
    """
    place = "learned_overlap"
    p = checks.whole(order, f"{place}.order", at_least=2, at_most=200)
    alpha = checks.load(load, f"{place}.load")
    expected = "a quality in (0, 1]"
    r = checks.number(quality, f"{place}.quality", expected, low=0.0, high=1.0, open_low=True)
    m = checks.whole(n_examples, f"{place}.n_examples", at_least=1)
    if mode == "supervised":
        rho = dataset_entropy(r, m)
        square = 1 / (1 + rho)
        signal = p * square ** (p / 2)
        variance = p * p * square ** (p - 1) * rho / (1 + rho) + p * alpha
    elif mode == "unsupervised":
        signal = p * r**p
        spread = p * p * r ** (2 * p - 2) * (1 - r * r) / m
        variance = spread + p * alpha * (r ** (2 * p) + (1 - r ** (2 * p)) / m)
    else:
        raise UnknownNameError(f"{place}.mode", mode, ("supervised", "unsupervised"))
    return math.erf(signal / math.sqrt(2 * variance)) if variance > 0 else 1.0


class RetrievalNoise(NamedTuple):
    """Noise over signal of a retrieval: its mean over the stored pairs, and its standard error."""

    mean: float
    error: float


def retrieval_noise(
    keys: npt.ArrayLike, values: npt.ArrayLike, kernel: Kernel | None = None
) -> RetrievalNoise:
    """Return the noise-to-signal ratio of reading each value by its own key.

        1 / SNR = mean_j |sum_(i != j) kappa(k_j . k_i) v_i|^2 / (kappa(k_j . k_j)^2 |v_j|^2)

    Parameters
    ----------
    keys : (n, d)
        Rows are keys.
    values : (n, e)
        Rows are values, none 0.
    kernel : callable, optional
        Applied to scalar products of keys; by default none, the linear memory sum v k^T. ReLU:
        ``lambda s: np.maximum(s, 0)``; attention at inverse temperature b: ``lambda s:
        np.exp(b * s)``.

    Raises
    ------
    DescriptionError
        If shapes differ, a value is 0, or the kernel is 0 for a key with itself.

    Source: Zhong, Xu, Ao & Shi (2025), arXiv:2505.19488.
    """
    k = checks.array(keys, "retrieval_noise.keys", 2, "keys (n, d)")
    v = checks.array(values, "retrieval_noise.values", 2, "values (n, e)")
    if len(k) != len(v) or len(k) < 2:
        raise DescriptionError("retrieval_noise.values", v, f"as many rows as keys, {len(k)} >= 2")
    size = (v * v).sum(axis=1)
    if not size.all():
        raise DescriptionError("retrieval_noise.values", v, "rows that are not 0")
    products = k @ k.T
    expected = f"finite weights of shape {products.shape}"
    weights = products if kernel is None else kernel(products)
    weights = checks.array(weights, "retrieval_noise.kernel", 2, expected).copy()
    if weights.shape != products.shape:
        raise DescriptionError("retrieval_noise.kernel", weights, expected)
    own = np.diag(weights).copy()
    if not own.all():
        raise DescriptionError("retrieval_noise.kernel", 0.0, "a weight of a key with itself")
    np.fill_diagonal(weights, 0.0)
    noise = ((weights @ v) ** 2).sum(axis=1) / (own**2 * size)
    return RetrievalNoise(float(noise.mean()), float(noise.std(ddof=1) / math.sqrt(len(k))))


def expected_retrieval_noise(n_pairs: int, dimension: int, kernel: Kernel | None = None) -> float:
    """Return the expected noise-to-signal ratio for random unit keys and random values.

        1 / SNR = (N - 1) E kappa(c)^2 / kappa(1)^2,   c the cosine of two random directions

    with density ~ (1 - c^2)^((d-3)/2): (N - 1) / d for the linear memory, half of it for ReLU,
    exponentially little for exp(beta c).

    Parameters
    ----------
    n_pairs, dimension : int
        N >= 1 stored pairs, keys of d >= 2 components.
    kernel : callable, optional
        See `retrieval_noise`.

    Raises
    ------
    DescriptionError
        For wrong numbers, or a kernel that is 0 at 1 or not finite.

    Source: Zhong, Xu, Ao & Shi (2025), arXiv:2505.19488.
    """
    n = checks.whole(n_pairs, "expected_retrieval_noise.n_pairs", at_least=1)
    d = checks.whole(dimension, "expected_retrieval_noise.dimension", at_least=2)
    # midpoints of the angle: for kernels with a kink at 0 as good as for smooth ones
    angle = (np.arange(20_000) + 0.5) * (math.pi / 20_000)
    log_density = (d - 2) * np.log(np.sin(angle))
    weight = np.exp(log_density - log_density.max())
    cosine = np.cos(angle)
    given = cosine if kernel is None else kernel(cosine)
    own = 1.0 if kernel is None else float(np.asarray(kernel(np.ones(1)))[0])
    place = "expected_retrieval_noise.kernel"
    k = checks.array(given, place, 1, "finite weights, one per cosine")
    if not (math.isfinite(own) and own != 0):
        raise DescriptionError(place, own, "a weight of a key with itself that is not 0")
    return (n - 1) * float(weight @ (k / own) ** 2 / weight.sum())
