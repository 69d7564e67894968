"""Averages over a Gaussian field, the one integral of replica theory."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from neurosim.analysis.memory.checks import Floats

REACH = 9.0
"""Standard deviations to which integrals go: beyond lies 10^-18 of a Gaussian."""

STEP = 0.25
"""Spacing of the points, in units of the narrower of the Gaussian and tanh.

The trapezoid rule on the whole line converges exponentially: exp(-2 pi^2 / STEP^2) for the
Gaussian, exp(-pi^2 / STEP) for the poles of tanh at +-i pi/2; both are below 10^-17.
"""

_Z: Floats = STEP * np.arange(-int(REACH / STEP), int(REACH / STEP) + 1, dtype=np.float64)
_Z_WEIGHT = np.exp(-0.5 * _Z * _Z) / np.exp(-0.5 * _Z * _Z).sum()

_H = STEP * np.arange(-int(20 / STEP), int(20 / STEP) + 1)
_SECH2 = 1 / np.cosh(_H) ** 2


class Response(NamedTuple):
    """Moments of tanh of a Gaussian field h.

    m = E tanh h,  q = E tanh^2 h,  s4 = E sech^4 h.
    """

    m: float
    q: float
    s4: float


def response(mean: float, std: float) -> Response:
    """Return the moments of tanh of a field N(mean, std^2), to about 10^-15.

    Where the Gaussian is the wider of the two, the integrals run over the field h, in which
    sech^2 has width 1: E tanh h = 1/2 int sech^2(u) erf((mean - u) / (sqrt(2) std)) du.
    """
    if std <= 1:
        t = np.tanh(mean + std * _Z)
        return Response(
            float(_Z_WEIGHT @ t) if mean else 0.0,
            float(_Z_WEIGHT @ t**2),
            float(_Z_WEIGHT @ (1 - t * t) ** 2),
        )
    from scipy.special import erf

    v = (mean - _H) / std
    density = np.exp(-0.5 * v * v) * (STEP / (std * math.sqrt(2 * math.pi)))
    m = float(_SECH2 @ erf(v / math.sqrt(2))) * STEP / 2
    return Response(
        min(1.0, max(-1.0, m)) if mean else 0.0,  # and not what rounding leaves
        1 - float(_SECH2 @ density),
        float(_SECH2**2 @ density),
    )


def mean_log_2cosh(mean: float, std: float) -> float:
    """Return E ln(2 cosh h) of a field N(mean, std^2).

    A wide Gaussian: ln(2 cosh h) = 1/2 int sech^2(u) |h - u| du, averaged under the integral.
    """
    if std <= 1:
        return float(_Z_WEIGHT @ log_cosh(mean + std * _Z)) + math.log(2)
    from scipy.special import erf

    v = (mean - _H) / std
    distance = std * (v * erf(v / math.sqrt(2)) + math.sqrt(2 / math.pi) * np.exp(-0.5 * v * v))
    return float(_SECH2 @ distance) * STEP / 2


def log_cosh(x: Floats) -> Floats:
    """Return ln cosh x without overflow."""
    a = np.abs(x)
    result: Floats = a + np.log1p(np.exp(-2 * a)) - math.log(2)
    return result


class Tilted(NamedTuple):
    """Averages of a field h = std z under the weight cosh(h)^x.

    log_mean = ln E cosh^x h,  q = <tanh^2 h>,  log_cosh = <ln cosh h>,  s4 = <sech^4 h>.
    """

    log_mean: float
    q: float
    log_cosh: float
    s4: float


def tilted(std: float, x: float) -> Tilted:
    """Return averages over N(0, std^2) weighted by cosh^x, 0 < x <= 1: those of states in 1RSB.

    Where the Gaussian is wide, cosh^x h is taken as 2^-x exp(x |h|), whose averages are closed
    forms, plus what is missing near h = 0, by Gauss-Legendre quadrature of its smooth half.
    """
    if std <= 1:
        half = math.ceil((REACH + x * std) / STEP)
        z: Floats = STEP * np.arange(-half, half + 1, dtype=np.float64)
        size = log_cosh(std * z)
        gauss = np.exp(-0.5 * z * z)
        weight = gauss * np.exp(x * size)
        total = float(weight.sum())
        t2 = np.tanh(std * z) ** 2
        return Tilted(
            math.log(total / float(gauss.sum())),
            float(weight @ t2) / total,
            float(weight @ size) / total,
            float(weight @ (1 - t2) ** 2) / total,
        )
    from scipy.special import log_ndtr

    tilt = x * std
    # ln of E 2^-x exp(x |h|)
    wide = (1 - x) * math.log(2) + tilt * tilt / 2 + float(log_ndtr(tilt))
    mills = math.exp(-tilt * tilt / 2 - float(log_ndtr(tilt))) / math.sqrt(2 * math.pi)
    h, node = _half_line()
    log_density = math.log(2 / (std * math.sqrt(2 * math.pi))) - 0.5 * (h / std) ** 2 - wide
    tail = np.exp(log_density + x * (h - math.log(2)))
    excess = np.expm1(x * np.log1p(np.exp(-2 * h)))  # of cosh^x over the tail
    full = tail * (1 + excess)
    total = 1 + float(node @ (tail * excess))
    sech2 = 1 / np.cosh(h) ** 2
    u = tilt * std + std * mills - math.log(2)
    u += float(node @ (full * log_cosh(h) - tail * (h - math.log(2))))
    return Tilted(
        wide + math.log(total),
        1 - float(node @ (full * sech2)) / total,
        u / total,
        float(node @ (full * sech2**2)) / total,
    )


@lru_cache(maxsize=1)
def _half_line() -> tuple[Floats, Floats]:
    """Return nodes and weights on 0 < h < 40, beyond which sech^2 cosh is below 10^-17."""
    from scipy.special import roots_legendre

    x, w = roots_legendre(120)
    return 20 * (x + 1), 20 * w
