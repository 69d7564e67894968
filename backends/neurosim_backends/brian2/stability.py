"""What Brian2's step makes of linear equations that ours solves exactly: told by their eigenvalues.

A mode x of linear equations, dx/dt = lambda x, is multiplied by exp(lambda dt) in a step. Euler and
Runge-Kutta steps multiply it by the first terms of that series: they are off by the next term, and
where their factor is above 1 in modulus although the mode decays or lasts, they blow it up.

Source: Hairer & Wanner (1996), Solving Ordinary Differential Equations II, section IV.2.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from neurosim.equations.evaluate import evaluate
from neurosim.equations.spec import ModelSpec
from neurosim.equations.symbolic import symbol

ORDER = {"euler": 1, "rk4": 4}
"""Of the methods that stand in for the exact step: how many terms of the series they have."""

HALVINGS = 10
"""A time step that is halved more often is no advice."""

EQUAL = 1e-12
"""Relative; rounding errors of eigenvalues, of modes that neither grow nor decay."""


def eigenvalues(spec: ModelSpec, parameters: Mapping[str, Any]) -> npt.NDArray[np.complex128]:
    """Return the eigenvalues of the drift of linear equations, of all neurons together [1/ms].

    Parameters
    ----------
    parameters : mapping
        Numbers, or (n,) arrays.
    """
    names = [a.name for a in spec.derivatives]
    rows = [
        [
            np.asarray(evaluate(a.expression.diff(symbol(name)), parameters), np.float64)
            for name in names
        ]
        for a in spec.derivatives
    ]
    entries = np.broadcast_arrays(*(entry for row in rows for entry in row))
    n = len(names)
    matrices = np.stack(entries, axis=-1).reshape(-1, n, n)
    return np.unique(np.linalg.eigvals(matrices).astype(np.complex128))


def factor(method: str, z: Any) -> Any:
    """Return what a step of a method multiplies a mode with, where ours does with exp(z)."""
    return sum(z**k / math.factorial(k) for k in range(ORDER[method] + 1))


def relative_error(method: str, largest: float, dt: float) -> float:
    """Return how far off a step is, as a part of the change it makes, for |lambda| = `largest`."""
    order = ORDER[method]
    return (largest * dt) ** order / math.factorial(order + 1)


def blown_up(method: str, rates: npt.NDArray[np.complex128], dt: float) -> complex | None:
    """Return the eigenvalue of the mode that grows most although it should not, or None."""
    lasting = rates[rates.real <= EQUAL * np.abs(rates)]
    if lasting.size == 0:
        return None
    grown = np.abs(factor(method, lasting * dt))
    worst = int(np.argmax(grown))
    return complex(lasting[worst]) if grown[worst] > 1 + EQUAL else None


def longest_step(method: str, rates: npt.NDArray[np.complex128], dt: float) -> float | None:
    """Return the time step, `dt` halved some times, at which nothing is blown up; None if none."""
    for _ in range(HALVINGS):
        dt /= 2
        if blown_up(method, rates, dt) is None:
            return dt
    return None


def growth(
    method: str, rates: npt.NDArray[np.complex128], dt: float
) -> tuple[str, tuple[str, ...]]:
    """Return why a step that blows up a mode is refused, and the time step at which it does not."""
    mode = blown_up(method, rates, dt)
    assert mode is not None
    shorter = longest_step(method, rates, dt)
    why = (
        f"Brian2's {method}, which it has in place of the exact step, multiplies a mode of "
        f"lambda = {_complex(mode)}/ms by {abs(factor(method, mode * dt)):.6g} in a step of "
        f"{dt:g} ms: what should {'decay' if mode.real < 0 else 'last'} would grow"
    )
    return why, () if shorter is None else (f"dt = {shorter:g} ms",)


def _complex(value: complex) -> str:
    real = f"{value.real + 0.0:.3g}"  # no minus before a zero
    return real + (f" +- {abs(value.imag):.3g}i" if value.imag else "")


def told(method: str, rates: npt.NDArray[np.complex128], dt: float) -> str:
    """Return the error of a step in numbers, and what Euler's makes of an oscillation's decay."""
    largest = float(np.max(np.abs(rates)))
    text = (
        f"{relative_error(method, largest, dt):.2g} here, where |lambda| = {largest:.3g}/ms and "
        f"dt = {dt:g} ms"
    )
    swinging = rates[(rates.imag != 0) & (rates.real < 0)]
    if method == "euler" and swinging.size:
        decays = -np.log(np.abs(factor(method, swinging * dt))) / dt
        worst = int(np.argmin(decays / -swinging.real))
        text += (
            f"; an oscillation decays at {decays[worst]:.3g} in place of "
            f"{-swinging.real[worst]:.3g}/ms"
        )
    return text
