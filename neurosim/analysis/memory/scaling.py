"""Scaling laws: fits with errors, and the outer-product memory that they describe."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from neurosim.analysis.memory import checks
from neurosim.errors import DescriptionError, UnknownNameError

Scheme = Literal["all", "frequency", "threshold"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerLaw:
    """A fitted y = prefactor x^exponent.

    Attributes
    ----------
    exponent, prefactor : float
    exponent_error : float
        Standard error of the exponent.
    residual : float
        Root mean square of the residuals of ln y.
    """

    exponent: float
    prefactor: float
    exponent_error: float
    residual: float

    def __call__(self, x: npt.ArrayLike) -> checks.Floats:
        """Return the fitted y at x."""
        return self.prefactor * np.asarray(x, dtype=np.float64) ** self.exponent


def fit_power_law(
    x: npt.ArrayLike, y: npt.ArrayLike, errors: npt.ArrayLike | None = None
) -> PowerLaw:
    """Fit y = a x^b by least squares of the logarithms.

    Parameters
    ----------
    x, y : (n,)
        Above 0, at least 3 points at 2 or more places.
    errors : (n,), optional
        Standard errors of y, which weigh the points and give the error of the exponent. Without
        them, that comes from the scatter about the line.

    Raises
    ------
    DescriptionError
        For fewer points, or values that have no logarithm.
    """
    place = "fit_power_law"
    xs = checks.array(x, f"{place}.x", 1, "numbers above 0")
    ys = checks.array(y, f"{place}.y", 1, "numbers above 0")
    if xs.size < 3 or xs.size != ys.size or np.ptp(xs) == 0:
        raise DescriptionError(f"{place}.x, y", (xs.size, ys.size), "as many, from 3 points on")
    for name, values in (("x", xs), ("y", ys)):
        if not (values > 0).all():
            raise DescriptionError(f"{place}.{name}", float(values.min()), "numbers above 0")
    weight = np.ones(xs.size)
    if errors is not None:
        sigma = checks.array(errors, f"{place}.errors", 1, "standard errors above 0")
        if sigma.size != xs.size or not (sigma > 0).all():
            raise DescriptionError(f"{place}.errors", sigma, f"{xs.size} numbers above 0")
        weight = (ys / sigma) ** 2
    u, v = np.log(xs), np.log(ys)
    centre = weight @ u / weight.sum()
    spread = weight @ (u - centre) ** 2
    b = weight @ ((u - centre) * v) / spread
    log_a = weight @ v / weight.sum() - b * centre
    residuals = v - log_a - b * u
    scatter = 1.0 if errors is not None else residuals @ residuals / (xs.size - 2)
    return PowerLaw(
        exponent=float(b),
        prefactor=math.exp(float(log_a)),
        exponent_error=math.sqrt(float(scatter / spread)),
        residual=float(np.sqrt(np.mean(residuals**2))),
    )


class Measured(NamedTuple):
    """A mean over trials and its standard error."""

    mean: float
    error: float


def outer_product_error(
    dimension: int,
    *,
    n_keys: int = 1000,
    n_values: int = 5,
    exponent: float = 2.0,
    scheme: Scheme = "threshold",
    kept: int | None = None,
    n_data: int | None = None,
    trials: int = 10,
    seed: int = 0,
) -> Measured:
    """Return the error of a linear memory of pairs whose keys follow Zipf's law.

    W = sum_x q(x) e_x u_f(x)^T answers key x with argmax_y u_y . W^T e_x; the error is the
    probability of a wrong answer, keys drawn with p(x) ~ x^-exponent. e_x is N(0, I / d), u_y a
    random unit vector, f(x) = x mod n_values.

    ============== ========================== ============================================
    scheme         q(x)                       error falls with d as
    ============== ========================== ============================================
    ``all``        1                          not at all, once n_keys >> d
    ``frequency``  p(x)                       d^(-(exponent - 1) / (2 exponent))
    ``threshold``  1 for the `kept` first     d^(-(exponent - 1)), if about d / 8 are kept
    ============== ========================== ============================================

    Parameters
    ----------
    dimension : int
        d.
    n_keys, n_values : int
    exponent : float
        Of Zipf's law, above 1.
    scheme : {"all", "frequency", "threshold"}
    kept : int, optional
        Of "threshold": stored keys, the most frequent; by default d / 8, at least 1.
    n_data : int, optional
        Observations T: only keys that were drawn are stored, and "frequency" takes their counts.
        None is unlimited data. With T, the error of a wide memory falls as T^(-1 + 1 / exponent).
    trials : int
        Independent memories, at least 2.
    seed : int

    Raises
    ------
    DescriptionError
        For values outside their ranges.

    Source: Cabannes, Dohmatob & Bietti (2024), Scaling laws for associative memories, ICLR.
    """
    place = "outer_product_error"
    d = checks.whole(dimension, f"{place}.dimension", at_least=1)
    n = checks.whole(n_keys, f"{place}.n_keys", at_least=1)
    m = checks.whole(n_values, f"{place}.n_values", at_least=2)
    zipf = checks.number(exponent, f"{place}.exponent", "a number above 1", low=1.0, open_low=True)
    if scheme not in ("all", "frequency", "threshold"):
        raise UnknownNameError(f"{place}.scheme", scheme, ("all", "frequency", "threshold"))
    if kept is not None and scheme != "threshold":
        raise DescriptionError(f"{place}.kept", kept, f"None for scheme {scheme!r}")
    first = max(1, d // 8) if kept is None else checks.whole(kept, f"{place}.kept", at_least=1)
    draws = None if n_data is None else checks.whole(n_data, f"{place}.n_data", at_least=1)
    repeats = checks.whole(trials, f"{place}.trials", at_least=2)
    rng = np.random.Generator(np.random.Philox(checks.whole(seed, f"{place}.seed")))
    rank = np.arange(1, n + 1)
    p = rank**-zipf
    p /= p.sum()
    target = rank % m
    errors = np.empty(repeats)
    for k in range(repeats):
        counts = None if draws is None else rng.multinomial(draws, p)
        seen = np.ones(n) if counts is None else (counts > 0).astype(np.float64)
        if scheme == "frequency":
            q = p if counts is None else counts / counts.sum()
        else:
            q = seen * (rank <= first) if scheme == "threshold" else seen
        e = rng.standard_normal((n, d)) / math.sqrt(d)
        u = rng.standard_normal((m, d))
        u /= np.linalg.norm(u, axis=1, keepdims=True)
        w = (q[:, None] * e).T @ u[target]
        answer = np.argmax(e @ (w @ u.T), axis=1)
        errors[k] = p[answer != target].sum()
    return Measured(float(errors.mean()), float(errors.std(ddof=1) / math.sqrt(repeats)))
