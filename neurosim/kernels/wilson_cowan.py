"""Euler steps of coupled Wilson-Cowan nodes, many initial states at once, and their adjoint.

Arrays are flat views of (batch, nodes), all of one type `real`. The sum over the coupling matrix is
a matrix product and is left to BLAS; what is here is what happens within the nodes. Step and
adjoint are apart from `respond`, the only part that needs a tanh of a given precision.

    s_E = w_EE x - w_EI y + h_E + coupled        f = fe1 tanh(b_E s_E) + fe2
    s_I = w_IE x - w_II y + h_I                  g = fi1 tanh(b_I s_I) + fi2
    x <- x + dt (-a_E x + (1 - x) f)             y <- y + (dt / gamma) (-a_I y + (1 - y) g)

Source: Marino et al. (2025), Neural Comput. 37:701-741, arXiv:2406.16453.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from neurosim.kernels.functions import tanh_double, tanh_single
from neurosim.kernels.jit import kernel


class Numbers(NamedTuple):
    """Parameters of a node, each of the type `real`; names as in the equations above."""

    w_EE: Any
    w_EI: Any
    w_IE: Any
    w_II: Any
    a_E: Any
    a_I: Any
    h_E: Any
    h_I: Any
    fe1: Any
    fe2: Any
    fi1: Any
    fi2: Any
    b_E: Any
    b_I: Any
    dt: Any
    dt_y: Any
    """dt / gamma."""
    one: Any
    """1 of the type `real`: a literal would turn float32 into float64."""


@kernel
def respond_double(x, y, coupled, p, f, g):
    """Write the responses of both populations of every node.

    x, y, coupled : (n,) float64
    p             : Numbers
    f, g          : (n,) float64, written
    """
    for k in range(x.size):
        s_E = p.w_EE * x[k] - p.w_EI * y[k] + p.h_E + coupled[k]
        s_I = p.w_IE * x[k] - p.w_II * y[k] + p.h_I
        f[k] = p.fe1 * tanh_double(p.b_E * s_E) + p.fe2
        g[k] = p.fi1 * tanh_double(p.b_I * s_I) + p.fi2


@kernel
def respond_single(x, y, coupled, p, f, g):
    """Write the responses of both populations of every node, as `respond_double` in float32."""
    for k in range(x.size):
        s_E = p.w_EE * x[k] - p.w_EI * y[k] + p.h_E + coupled[k]
        s_I = p.w_IE * x[k] - p.w_II * y[k] + p.h_I
        f[k] = p.fe1 * tanh_single(p.b_E * s_E) + p.fe2
        g[k] = p.fi1 * tanh_single(p.b_I * s_I) + p.fi2


@kernel
def advance(x, y, f, g, p, x_next, y_next):
    """Take one Euler step; the old and the new arrays may be the same.

    x, y, f, g     : (n,) real   states and responses at t
    x_next, y_next : (n,) real, written
    """
    for k in range(x.size):
        x_k = x[k]
        y_k = y[k]
        x_next[k] = x_k + p.dt * ((p.one - x_k) * f[k] - p.a_E * x_k)
        y_next[k] = y_k + p.dt_y * ((p.one - y_k) * g[k] - p.a_I * y_k)


@kernel
def step_back(x, y, f, g, p, back, from_x, from_y):
    """Take the derivatives of the loss from the end of one Euler step to its beginning.

    x, y   : (n,) real            states at t
    f, g   : (n,) real            responses at t; f is written: derivative by `coupled`
    back   : (n,) real            what the step after this one sends through the coupling
    from_x : (n,) real, written   derivative by x, without what goes through this step's coupling
    from_y : (n,) real, written   derivative by y

    Returns the sum over nodes of the derivative by log(gamma), float64.
    """
    by_log_gamma = 0.0
    for k in range(x.size):
        from_x_k = from_x[k] + back[k]
        from_y_k = from_y[k]
        f_k = f[k]
        g_k = g[k]
        t_E = (f_k - p.fe2) / p.fe1
        t_I = (g_k - p.fi2) / p.fi1
        s_E = from_x_k * p.dt * (p.one - x[k]) * p.b_E * p.fe1 * (p.one - t_E * t_E)
        s_I = from_y_k * p.dt_y * (p.one - y[k]) * p.b_I * p.fi1 * (p.one - t_I * t_I)
        by_log_gamma -= from_y_k * p.dt_y * ((p.one - y[k]) * g_k - p.a_I * y[k])
        from_x[k] = from_x_k * (p.one - p.dt * (p.a_E + f_k)) + p.w_EE * s_E + p.w_IE * s_I
        from_y[k] = from_y_k * (p.one - p.dt_y * (p.a_I + g_k)) - p.w_EI * s_E - p.w_II * s_I
        f[k] = s_E
    return by_log_gamma
