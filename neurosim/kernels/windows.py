"""Weighted sums of windows: what many connections bring in several steps, or lanes, at once.

The loop over connections keeps its sums in vector registers, which a loop over arrays cannot: the
compiler would have to know that sums and summands do not overlap. Every product and sum is rounded
by itself, and sums are taken in the order of `neurosim.engine.coupling_kernels`: four partial sums,
connection by connection.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from neurosim.kernels.jit import JIT, float32_at, float64_at, uint32_at

VECTOR = 8
"""Numbers in a vector; where registers are narrower, the compiler takes several."""

WIDEST = 32
"""Numbers of a window that are summed at once: 4 vectors in each of 4 partial sums fill half of the
registers of AVX-512."""


def window_sums_slowly(
    out: int, past: int, place: int, weight: int, fraction: int, factor: int, m: int,
    width: int, lanes: int, single: bool, between: bool, scaled: bool,
) -> int:  # fmt: skip
    """Sum the windows of m connections: out[s] = sum over c of w[c] * x[place[c] * lanes + s].

    out      : address of (width,) float64, written
    past     : address of the states, real; windows lie at `place` * `lanes` from it
    place    : address of (m,) uint32
    weight   : address of (m,) float64
    fraction : address of (m,) float64, if `between`: x is then x + f * (what lies `lanes` before
               it - x)
    factor   : address of (width,) float64, if `scaled`: w[c] is then factor[s] * w[c]
    width    : literal, a multiple of VECTOR, at most WIDEST
    lanes    : literal; single: literal, whether states are float32
    between, scaled : literals
    """
    at = uint32_at(place, m)
    w = float64_at(weight, m)
    f = float64_at(fraction, m) if between else np.zeros(m)
    scale = float64_at(factor, width) if scaled else np.ones(width)
    sums = np.zeros((4, width))
    size = 4 if single else 8
    view = float32_at if single else float64_at
    whole = m // 4 * 4
    for c in range(m):
        first = int(at[c]) * lanes
        x = np.array(view(past + size * first, width), np.float64)
        if between:
            before = np.array(view(past + size * (first - lanes), width), np.float64)
            x = x + f[c] * (before - x)
        own = scale * w[c] if scaled else w[c]
        sums[c % 4 if c < whole else 0] += own * x
    float64_at(out, width)[:] = (sums[0] + sums[1]) + (sums[2] + sums[3])
    return 0


@intrinsic
def window_sums_compiled(
    typing_context: Any, out: Any, past: Any, place: Any, weight: Any, fraction: Any, factor: Any,
    m: Any, width: Any, lanes: Any, single: Any, between: Any, scaled: Any,
) -> Any:  # fmt: skip
    """As `window_sums_slowly`."""
    literals = (width, lanes, single, between, scaled)
    if not all(isinstance(value, types.Literal) for value in literals):
        return None
    n_values, n_lanes, is_single, is_between, is_scaled = (v.literal_value for v in literals)
    signature = types.int64(*(types.int64,) * 7, *literals)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        word, half, real = ir.IntType(64), ir.IntType(32), ir.DoubleType()
        stored = ir.FloatType() if is_single else real
        vector = ir.VectorType(real, VECTOR)
        vectors = n_values // VECTOR
        size = 4 if is_single else 8
        out, past, place, weight, fraction, factor, m = arguments[:7]

        def number(value: int) -> Any:
            return ir.Constant(word, value)

        def load(address: Any, kind: Any, align: int) -> Any:
            return builder.load(builder.inttoptr(address, kind.as_pointer()), align=align)

        def spread(value: Any) -> Any:
            one = builder.insert_element(
                ir.Constant(vector, ir.Undefined), value, ir.Constant(half, 0)
            )
            mask = ir.Constant(ir.VectorType(half, VECTOR), [0] * VECTOR)
            return builder.shuffle_vector(one, ir.Constant(vector, ir.Undefined), mask)

        def states(address: Any) -> Any:
            values = load(address, ir.VectorType(stored, VECTOR), size)
            return builder.fpext(values, vector) if is_single else values

        zero = ir.Constant(vector, [0.0] * VECTOR)
        sums = [[cgutils.alloca_once(builder, vector) for _ in range(vectors)] for _ in range(4)]
        for place_of_sum in (s for several in sums for s in several):
            builder.store(zero, place_of_sum)
        factors = []
        if is_scaled:
            factors = [
                load(builder.add(factor, number(8 * VECTOR * v)), vector, 8) for v in range(vectors)
            ]

        def add_connection(c: Any, chain: list[Any]) -> None:
            eight = builder.mul(c, number(8))
            index = load(builder.add(place, builder.mul(c, number(4))), half, 4)
            first = builder.mul(builder.zext(index, word), number(size * n_lanes))
            first = builder.add(past, first)
            w = spread(load(builder.add(weight, eight), real, 8))
            f = spread(load(builder.add(fraction, eight), real, 8)) if is_between else None
            for v in range(vectors):
                x = states(builder.add(first, number(size * VECTOR * v)))
                if is_between:
                    before = states(builder.add(first, number(size * (VECTOR * v - n_lanes))))
                    x = builder.fadd(x, builder.fmul(f, builder.fsub(before, x)))
                own = builder.fmul(factors[v], w) if is_scaled else w
                term = builder.fmul(own, x)
                builder.store(builder.fadd(builder.load(chain[v]), term), chain[v])

        whole = builder.and_(m, number(-4))
        with cgutils.for_range_slice(builder, number(0), whole, number(4), word) as (c, _):
            for k in range(4):
                add_connection(builder.add(c, number(k)), sums[k])
        with cgutils.for_range_slice(builder, whole, m, number(1), word) as (c, _):
            add_connection(c, sums[0])
        for v in range(vectors):
            parts = [builder.load(sums[k][v]) for k in range(4)]
            total = builder.fadd(builder.fadd(parts[0], parts[1]), builder.fadd(parts[2], parts[3]))
            address = builder.add(out, number(8 * VECTOR * v))
            builder.store(total, builder.inttoptr(address, vector.as_pointer()), align=8)
        return number(0)

    return signature, generate


window_sums: Any = window_sums_compiled if JIT else window_sums_slowly
