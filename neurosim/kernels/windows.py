"""Weighted sums of windows: what many connections bring in several steps, or lanes, at once.

Either target by target, with the sums in vector registers, or source by source, with the sums of
all targets of a block in the cache: then the past of a source, which many targets read at different
delays, is taken from memory once. Loops over arrays could do neither: the compiler would have to
know that sums and summands do not overlap. Every product and sum is rounded by itself, and terms
are added in the order of sources in both ways: they give the same bits.
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
"""Numbers of a window that are summed at once: 4 vectors, each a chain of additions of its own, so
that none waits for another."""


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
    sums = np.zeros(width)
    size = 4 if single else 8
    view = float32_at if single else float64_at
    for c in range(m):
        first = int(at[c]) * lanes
        x = np.array(view(past + size * first, width), np.float64)
        if between:
            before = np.array(view(past + size * (first - lanes), width), np.float64)
            x = x + f[c] * (before - x)
        own = scale * w[c] if scaled else w[c]
        sums += own * x
    float64_at(out, width)[:] = sums
    return 0


def scatter_windows_slowly(
    out: int, past: int, place: int, weight: int, fraction: int, factor: int, m: int, target: int,
    stride: int, width: int, lanes: int, single: bool, between: bool, scaled: bool,
) -> int:  # fmt: skip
    """Add the windows of m connections to the sums of their targets.

    As `window_sums_slowly`, for connections to several targets:

    out      : address of the sums of target 0, added to
    target   : address of (m,) uint32
    stride   : literal, bytes from the sums of one target to those of the next
    """
    to = uint32_at(target, m)
    for c in range(m):
        one = np.zeros(width)
        window_sums_slowly(
            one.ctypes.data, past, place + 4 * c, weight + 8 * c, fraction + 8 * c, factor, 1,
            width, lanes, single, between, scaled,
        )  # fmt: skip
        float64_at(out + stride * int(to[c]), width)[:] += one
    return 0


def _windows(several: bool, literals: tuple[Any, ...], stride: int = 0) -> Any:
    """Return the code of `window_sums_compiled`; with `several` of `scatter_windows_compiled`."""
    n_values, n_lanes, is_single, is_between, is_scaled = (v.literal_value for v in literals)

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

        def store(value: Any, address: Any) -> None:
            builder.store(value, builder.inttoptr(address, vector.as_pointer()), align=8)

        def spread(value: Any) -> Any:
            one = builder.insert_element(
                ir.Constant(vector, ir.Undefined), value, ir.Constant(half, 0)
            )
            mask = ir.Constant(ir.VectorType(half, VECTOR), [0] * VECTOR)
            return builder.shuffle_vector(one, ir.Constant(vector, ir.Undefined), mask)

        def states(address: Any) -> Any:
            values = load(address, ir.VectorType(stored, VECTOR), size)
            return builder.fpext(values, vector) if is_single else values

        sums = []
        if not several:
            sums = [cgutils.alloca_once(builder, vector) for _ in range(vectors)]
            for kept in sums:
                builder.store(ir.Constant(vector, [0.0] * VECTOR), kept)
        factors = []
        if is_scaled:
            factors = [
                load(builder.add(factor, number(8 * VECTOR * v)), vector, 8) for v in range(vectors)
            ]

        def entry(address: Any, c: Any, kind: Any, width: int) -> Any:
            return load(builder.add(address, builder.mul(c, number(width))), kind, width)

        with cgutils.for_range_slice(builder, number(0), m, number(1), word) as (c, _):
            first = builder.zext(entry(place, c, half, 4), word)
            first = builder.add(past, builder.mul(first, number(size * n_lanes)))
            w = spread(entry(weight, c, real, 8))
            f = spread(entry(fraction, c, real, 8)) if is_between else None
            terms = []
            for v in range(vectors):
                x = states(builder.add(first, number(size * VECTOR * v)))
                if is_between:
                    before = states(builder.add(first, number(size * (VECTOR * v - n_lanes))))
                    x = builder.fadd(x, builder.fmul(f, builder.fsub(before, x)))
                own = builder.fmul(factors[v], w) if is_scaled else w
                terms.append(builder.fmul(own, x))
            if several:
                to = builder.zext(entry(arguments[7], c, half, 4), word)
                to = builder.add(out, builder.mul(to, number(stride)))
                places = [builder.add(to, number(8 * VECTOR * v)) for v in range(vectors)]
                before_this = [load(address, vector, 8) for address in places]
                for address, old, term in zip(places, before_this, terms, strict=True):
                    store(builder.fadd(old, term), address)
            else:
                for kept, term in zip(sums, terms, strict=True):
                    builder.store(builder.fadd(builder.load(kept), term), kept)
        for v, kept in enumerate(sums):
            store(builder.load(kept), builder.add(out, number(8 * VECTOR * v)))
        return number(0)

    return generate


@intrinsic
def window_sums_compiled(
    typing_context: Any, out: Any, past: Any, place: Any, weight: Any, fraction: Any, factor: Any,
    m: Any, width: Any, lanes: Any, single: Any, between: Any, scaled: Any,
) -> Any:  # fmt: skip
    """As `window_sums_slowly`."""
    literals = (width, lanes, single, between, scaled)
    if not all(isinstance(value, types.Literal) for value in literals):
        return None
    return types.int64(*(types.int64,) * 7, *literals), _windows(False, literals)


@intrinsic
def scatter_windows_compiled(
    typing_context: Any, out: Any, past: Any, place: Any, weight: Any, fraction: Any, factor: Any,
    m: Any, target: Any, stride: Any, width: Any, lanes: Any, single: Any, between: Any,
    scaled: Any,
) -> Any:  # fmt: skip
    """As `scatter_windows_slowly`."""
    literals = (width, lanes, single, between, scaled)
    if not all(isinstance(value, types.Literal) for value in (stride, *literals)):
        return None
    signature = types.int64(*(types.int64,) * 8, stride, *literals)
    return signature, _windows(True, literals, stride.literal_value)


window_sums: Any = window_sums_compiled if JIT else window_sums_slowly
scatter_windows: Any = scatter_windows_compiled if JIT else scatter_windows_slowly
