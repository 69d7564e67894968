"""Euler steps of many initial states at once, and the derivatives of a loss through them.

The sum over the coupling is one matrix product for all states, by numpy's BLAS; within the nodes
the kernels of `neurosim.kernels.wilson_cowan` work. It is the same step that `ns.run` takes of the
network, up to rounding: BLAS adds in another order.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from neurosim_models.metapopulation.nodes import WilsonCowanNode

Array = npt.NDArray[Any]

CHUNK = 1000
"""States advanced together where only the last ones are asked for: what they need fits in cache."""


class Unrolled(NamedTuple):
    """What a run leaves for the way back.

    Attributes
    ----------
    x, y : (steps + 1, n, size)
        States, the initial ones first.
    f, g : (steps, n, size)
        Responses of both populations.
    """

    x: Array
    y: Array
    f: Array
    g: Array


class Derivatives(NamedTuple):
    """Derivatives of a loss.

    Attributes
    ----------
    by_coupling : (size, size)
        By what multiplies x: the coupling times its strength.
    by_log_gamma : float
    """

    by_coupling: Array
    by_log_gamma: float


def relax(
    node: WilsonCowanNode, gamma: float, dt: float, coupling: Array, x: Array, y: Array, steps: int
) -> tuple[Array, Array]:
    """Return x and y after `steps`; all arrays are of the dtype of `coupling`.

    coupling : (size, size)   what multiplies x, targets by sources
    x, y     : (n, size)      left as they are
    """
    from neurosim.kernels.wilson_cowan import advance

    numbers, respond = _numbers(node, gamma, dt, coupling.dtype)
    sources = np.ascontiguousarray(coupling.T)
    x, y = x.astype(coupling.dtype, copy=True), y.astype(coupling.dtype, copy=True)
    for start in range(0, len(x), CHUNK):
        # Views: what is written stays in x and y.
        x_part, y_part = x[start : start + CHUNK], y[start : start + CHUNK]
        coupled = np.empty_like(x_part)
        f, g = np.empty_like(coupled).ravel(), np.empty_like(coupled).ravel()
        x_flat, y_flat = x_part.reshape(-1), y_part.reshape(-1)
        for _ in range(steps):
            np.matmul(x_part, sources, out=coupled)
            respond(x_flat, y_flat, coupled.reshape(-1), numbers, f, g)
            advance(x_flat, y_flat, f, g, numbers, x_flat, y_flat)
    return x, y


def unroll(
    node: WilsonCowanNode, gamma: float, dt: float, coupling: Array, x: Array, y: Array, steps: int
) -> Unrolled:
    """Return all states and responses on the way; arguments as for `relax`."""
    from neurosim.kernels.wilson_cowan import advance

    numbers, respond = _numbers(node, gamma, dt, coupling.dtype)
    sources = np.ascontiguousarray(coupling.T)
    shape = (steps + 1, *x.shape)
    kept = Unrolled(*(np.empty(shape, coupling.dtype) for _ in range(2)),
                    *(np.empty((steps, *x.shape), coupling.dtype) for _ in range(2)))  # fmt: skip
    kept.x[0], kept.y[0] = x, y
    coupled = np.empty(x.shape, coupling.dtype)
    flat = Unrolled(*(array.reshape(len(array), x.size) for array in kept))
    for t in range(steps):
        np.matmul(kept.x[t], sources, out=coupled)
        respond(flat.x[t], flat.y[t], coupled.reshape(-1), numbers, flat.f[t], flat.g[t])
        advance(flat.x[t], flat.y[t], flat.f[t], flat.g[t], numbers, flat.x[t + 1], flat.y[t + 1])
    return kept


def back(
    node: WilsonCowanNode,
    gamma: float,
    dt: float,
    coupling: Array,
    run: Unrolled,
    by_x: Array,
) -> Derivatives:
    """Return the derivatives of a loss that depends on the last x alone; `run.f` is used up.

    by_x : (n, size)   derivative of the loss by the last x
    """
    from neurosim.kernels.wilson_cowan import step_back

    numbers, _ = _numbers(node, gamma, dt, coupling.dtype)
    flat = Unrolled(*(array.reshape(len(array), by_x.size) for array in run))
    from_x = by_x.astype(coupling.dtype, copy=True)
    from_y = np.zeros_like(from_x)
    through = np.zeros_like(from_x)
    by_log_gamma = 0.0
    for t in reversed(range(len(run.f))):
        by_log_gamma += step_back(
            flat.x[t], flat.y[t], flat.f[t], flat.g[t], numbers,
            through.reshape(-1), from_x.reshape(-1), from_y.reshape(-1),
        )  # fmt: skip
        np.matmul(run.f[t], coupling, out=through)
    size = coupling.shape[0]
    # One product for all steps: sums over steps and states.
    by_coupling = run.f.reshape(-1, size).T @ run.x[:-1].reshape(-1, size)
    return Derivatives(by_coupling, float(by_log_gamma))


def _numbers(
    node: WilsonCowanNode, gamma: float, dt: float, dtype: np.dtype[Any]
) -> tuple[Any, Any]:
    """Return the parameters in one precision, and the kernel of that precision."""
    from neurosim.kernels import wilson_cowan as kernels

    real = dtype.type
    named = {n: getattr(node, n) for n in kernels.Numbers._fields if hasattr(node, n)}
    numbers = {**named, "dt": dt, "dt_y": dt / gamma, "one": 1.0}
    respond = kernels.respond_double if real is np.float64 else kernels.respond_single
    return kernels.Numbers(**{name: real(value) for name, value in numbers.items()}), respond
