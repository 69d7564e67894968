"""Products with matrices of which few entries are not 0, as spikes are: only those are looked at.

For each row, the columns with something in them are listed; their rows of the weights are added up
piece by piece: a piece is kept in vector registers for all of the list, and is so narrow that it
stays in the second cache for many rows. (numba would not keep loops over arrays in registers.)
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from neurosim.kernels.jit import JIT, float32_at, float64_at, int32_at, kernel

VECTORS = 8
"""Vectors of 64 bytes in a piece: half of the registers of AVX-512."""

PIECE_BYTES = 64 * VECTORS


def _views(of: Any) -> Any:
    return float32_at if np.dtype(of) == np.float32 else float64_at


def gather_slowly(
    out: int, rows: int, stride: int, column: int, value: int, first: int, last: int, real: Any
) -> int:
    """Set a piece to the sum over k from `first` to `last` of value[k] * row[column[k]].

    out            : address of a piece, written
    rows, stride   : address of the piece in row 0, and bytes from one row to the next
    column, value  : addresses of (last,) int32 and real
    real           : np.float32 or np.float64
    """
    at, n = _views(real), PIECE_BYTES // np.dtype(real).itemsize
    total = np.zeros(n, real)
    for k in range(first, last):
        row = at(rows + stride * int(int32_at(column, last)[k]), n)
        total += at(value, last)[k] * row
    at(out, n)[:] = total
    return 0


def scatter_slowly(
    given: int, rows: int, stride: int, column: int, value: int, first: int, last: int, real: Any
) -> int:
    """Add value[k] * the piece at `given` to row[column[k]], for k from `first` to `last`.

    As `gather_slowly`, but what is at `rows` is written.
    """
    at, n = _views(real), PIECE_BYTES // np.dtype(real).itemsize
    for k in range(first, last):
        row = at(rows + stride * int(int32_at(column, last)[k]), n)
        row += at(value, last)[k] * at(given, n)
    return 0


def _written(context: Any, builder: Any, signature: Any, arguments: Any, *, gathers: bool) -> Any:
    """Write the code of `gather` or `scatter`."""
    single = signature.args[7].dtype == types.float32
    real, size = (ir.FloatType(), 4) if single else (ir.DoubleType(), 8)
    lanes = 64 // size
    vector, half = ir.VectorType(real, lanes), ir.IntType(32)
    piece, rows, stride, column, value, first, last, _ = arguments
    fused = ("contract",)

    def place(address: Any, number: int) -> Any:
        moved = builder.add(address, address.type(64 * number))
        return builder.inttoptr(moved, vector.as_pointer())

    def element(address: Any, k: Any, kind: Any, width: int) -> Any:
        moved = builder.add(address, builder.mul(k, k.type(width)))
        return builder.load(builder.inttoptr(moved, kind.as_pointer()), align=width)

    kept = [cgutils.alloca_once(builder, vector) for _ in range(VECTORS)]
    for number, own in enumerate(kept):
        zero = ir.Constant(vector, None)
        start = zero if gathers else builder.load(place(piece, number), align=size)
        builder.store(start, own)
    with cgutils.for_range_slice(builder, first, last, first.type(1), first.type) as (k, _):
        row = builder.sext(element(column, k, half, 4), k.type)
        address = builder.add(rows, builder.mul(row, stride))
        one = builder.insert_element(
            ir.Constant(vector, ir.Undefined), element(value, k, real, size), half(0)
        )
        factor = builder.shuffle_vector(
            one, ir.Constant(vector, ir.Undefined),
            ir.Constant(ir.VectorType(half, lanes), [0] * lanes),
        )  # fmt: skip
        for number, own in enumerate(kept):
            there = place(address, number)
            now, other = builder.load(own), builder.load(there, align=size)
            a, b = (other, now) if gathers else (now, other)
            total = builder.fadd(b, builder.fmul(a, factor, flags=fused), flags=fused)
            builder.store(total, own if gathers else there, align=64 if gathers else size)
    if gathers:
        for number, own in enumerate(kept):
            builder.store(builder.load(own), place(piece, number), align=size)
    return context.get_constant(types.int64, 0)


if JIT:

    @intrinsic
    def gather(
        typing_context: Any, out: Any, rows: Any, stride: Any, column: Any, value: Any,
        first: Any, last: Any, real: Any,
    ) -> Any:  # fmt: skip
        """As `gather_slowly`."""

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return _written(context, builder, signature, arguments, gathers=True)

        return types.int64(*(types.int64,) * 7, real), generate

    @intrinsic
    def scatter(
        typing_context: Any, given: Any, rows: Any, stride: Any, column: Any, value: Any,
        first: Any, last: Any, real: Any,
    ) -> Any:  # fmt: skip
        """As `scatter_slowly`."""

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return _written(context, builder, signature, arguments, gathers=False)

        return types.int64(*(types.int64,) * 7, real), generate

else:
    gather, scatter = gather_slowly, scatter_slowly


@kernel
def list_entries(x: Any, first: int, last: int, column: Any, value: Any, start: Any) -> None:
    """List what is not 0 in the rows from `first` to `last`.

    x      : (rows, n) real
    column : (n * (last - first),) int32, written
    value  : the same of reals, written
    start  : (last - first + 1,) int64, written      where each row begins in them
    """
    found = 0
    for r in range(first, last):
        start[r - first] = found
        row = x[r]
        for i in range(row.size):
            if row[i] != 0:
                column[found] = i
                value[found] = row[i]
                found += 1
    start[last - first] = found


@kernel
def multiply_rows(x: Any, w: Any, first: int, last: int, out: Any) -> None:
    """Set the rows from `first` to `last` of `out` to those of x @ w, sums from left to right.

    x   : (rows, n) real
    w   : (n, m) real
    out : (rows, m) real, written
    """
    n, m = w.shape
    size = w.itemsize
    width = PIECE_BYTES // size
    whole = m // width * width
    # As large as they could be: memory that is never touched costs nothing.
    column = np.empty((last - first) * n, np.int32)
    value = np.empty((last - first) * n, x.dtype)
    start = np.empty(last - first + 1, np.int64)
    list_entries(x, first, last, column, value, start)
    # One after another: rows whose distance is a power of 2 would share a few sets of the cache.
    piece = np.empty((n, width), w.dtype)
    for left in range(0, whole, width):
        piece[:] = w[:, left : left + width]
        for r in range(first, last):
            gather(
                out.ctypes.data + (r * m + left) * size, piece.ctypes.data, PIECE_BYTES,
                column.ctypes.data, value.ctypes.data, start[r - first], start[r - first + 1],
                x.dtype.type,
            )  # fmt: skip
    for r in range(first, last):
        for j in range(whole, m):
            total = x[0, 0] * 0
            for k in range(start[r - first], start[r - first + 1]):
                total += value[k] * w[column[k], j]
            out[r, j] = total


@kernel
def outer_rows(x: Any, g: Any, left: int, right: int, out: Any) -> None:
    """Set the columns from `left` to `right` of `out` to those of x.T @ g.

    x   : (rows, n) real
    g   : (rows, m) real
    out : (n, m) real, written
    """
    rows, n = x.shape
    m, size = g.shape[1], g.itemsize
    width = PIECE_BYTES // size
    whole = left + (right - left) // width * width
    column = np.empty(rows * n, np.int32)
    value = np.empty(rows * n, x.dtype)
    start = np.empty(rows + 1, np.int64)
    list_entries(x, 0, rows, column, value, start)
    piece = np.empty((n, width), g.dtype)
    for a in range(left, whole, width):
        piece[:] = 0
        for r in range(rows):
            scatter(
                g.ctypes.data + (r * m + a) * size, piece.ctypes.data, PIECE_BYTES,
                column.ctypes.data, value.ctypes.data, start[r], start[r + 1], x.dtype.type,
            )  # fmt: skip
        out[:, a : a + width] = piece
    out[:, whole:right] = 0
    for r in range(rows):
        for k in range(start[r], start[r + 1]):
            for j in range(whole, right):
                out[column[k], j] += value[k] * g[r, j]
