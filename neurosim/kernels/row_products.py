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

LINE = 64
"""Bytes of a vector. What is left beside pieces is done vector by vector."""

PIECE_BYTES = LINE * VECTORS


def _views(of: Any) -> Any:
    return float32_at if np.dtype(of) == np.float32 else float64_at


def occupied_slowly(address: int, real: Any) -> int:
    """Return which of 64 numbers are not 0, the first as the lowest bit."""
    numbers = _views(real)(address, 64)
    return sum(1 << k for k in range(64) if numbers[k] != 0)


def lowest_slowly(bits: int) -> int:
    """Return the place of the lowest bit that is set."""
    return (bits & -bits).bit_length() - 1


def gather_slowly(
    out: int, rows: int, stride: int, column: int, value: int, first: int, last: int, real: Any,
    size: int = PIECE_BYTES,
) -> int:  # fmt: skip
    """Set a piece to the sum over k from `first` to `last` of value[k] * row[column[k]].

    out            : address of a piece, written
    rows, stride   : address of the piece in row 0, and bytes from one row to the next
    column, value  : addresses of (last,) int32 and real
    real           : np.float32 or np.float64
    size           : bytes of the piece
    """
    at, n = _views(real), size // np.dtype(real).itemsize
    total = np.zeros(n, real)
    for k in range(first, last):
        row = at(rows + stride * int(int32_at(column, last)[k]), n)
        total += at(value, last)[k] * row
    at(out, n)[:] = total
    return 0


def gather_line_slowly(
    out: int, rows: int, stride: int, column: int, value: int, first: int, last: int, real: Any
) -> int:
    """As `gather_slowly`, of one vector."""
    return gather_slowly(out, rows, stride, column, value, first, last, real, LINE)


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


def _real(of: Any) -> tuple[Any, int]:
    """Return the type of a number in code, and its bytes."""
    return (ir.FloatType(), 4) if of.dtype == types.float32 else (ir.DoubleType(), 8)


def _written(
    context: Any, builder: Any, signature: Any, arguments: Any, *, gathers: bool,
    vectors: int = VECTORS,
) -> Any:  # fmt: skip
    """Write the code of `gather` or `scatter`."""
    real, size = _real(signature.args[7])
    lanes = LINE // size
    vector, half = ir.VectorType(real, lanes), ir.IntType(32)
    piece, rows, stride, column, value, first, last, _ = arguments
    fused = ("contract",)

    def place(address: Any, number: int) -> Any:
        moved = builder.add(address, address.type(LINE * number))
        return builder.inttoptr(moved, vector.as_pointer())

    def element(address: Any, k: Any, kind: Any, width: int) -> Any:
        moved = builder.add(address, builder.mul(k, k.type(width)))
        return builder.load(builder.inttoptr(moved, kind.as_pointer()), align=width)

    kept = [cgutils.alloca_once(builder, vector) for _ in range(vectors)]
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


def _bits(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    """Write the code of `occupied`."""
    real, size = _real(signature.args[1])
    lanes, address = LINE // size, arguments[0]
    vector, total = ir.VectorType(real, lanes), address.type(0)
    for first in range(0, 64, lanes):
        moved = builder.add(address, address.type(first * size))
        there = builder.load(builder.inttoptr(moved, vector.as_pointer()), align=size)
        differs = builder.fcmp_unordered("!=", there, ir.Constant(vector, None))
        found = builder.zext(builder.bitcast(differs, ir.IntType(lanes)), address.type)
        total = builder.or_(total, builder.shl(found, address.type(first)))
    return total


if JIT:

    @intrinsic
    def occupied(typing_context: Any, address: Any, real: Any) -> Any:
        """As `occupied_slowly`."""
        return types.int64(types.int64, real), _bits

    @intrinsic
    def lowest(typing_context: Any, bits: Any) -> Any:
        """As `lowest_slowly`."""

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.cttz(arguments[0], ir.IntType(1)(1))

        return types.int64(types.int64), generate

    @intrinsic
    def gather_line(
        typing_context: Any, out: Any, rows: Any, stride: Any, column: Any, value: Any,
        first: Any, last: Any, real: Any,
    ) -> Any:  # fmt: skip
        """As `gather_line_slowly`."""

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return _written(context, builder, signature, arguments, gathers=True, vectors=1)

        return types.int64(*(types.int64,) * 7, real), generate

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
    occupied, lowest = occupied_slowly, lowest_slowly
    gather, gather_line, scatter = gather_slowly, gather_line_slowly, scatter_slowly


@kernel
def list_entries(x: Any, first: int, last: int, column: Any, value: Any, start: Any) -> None:
    """List what is not 0 in the rows from `first` to `last`.

    x      : (rows, n) real, row after row
    column : (n * (last - first),) int32, written
    value  : the same of reals, written
    start  : (last - first + 1,) int64, written      where each row begins in them
    """
    n, size = x.shape[1], x.itemsize
    whole = n // 64 * 64
    found = 0
    for r in range(first, last):
        start[r - first] = found
        row = x[r]
        for left in range(0, whole, 64):
            # Few are not 0: a branch for each number would be guessed wrongly for most of them.
            bits = occupied(x.ctypes.data + (r * n + left) * size, x.dtype.type)
            while bits != 0:
                i = left + lowest(bits)
                column[found] = i
                value[found] = row[i]
                found += 1
                bits &= bits - 1
        for i in range(whole, n):
            if row[i] != 0:
                column[found] = i
                value[found] = row[i]
                found += 1
    start[last - first] = found


@kernel
def multiply_rows(x: Any, w: Any, first: int, last: int, out: Any) -> None:
    """Set the rows from `first` to `last` of `out` to those of x @ w, sums from left to right.

    x   : (rows, n) real, row after row
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
    narrow = LINE // size
    line, spare = np.empty((n, narrow), w.dtype), np.empty(narrow, w.dtype)
    for left in range(whole, m, narrow):
        right = min(m, left + narrow)
        line[:] = 0
        line[:, : right - left] = w[:, left:right]
        for r in range(first, last):
            gather_line(
                spare.ctypes.data, line.ctypes.data, LINE,
                column.ctypes.data, value.ctypes.data, start[r - first], start[r - first + 1],
                x.dtype.type,
            )  # fmt: skip
            out[r, left:right] = spare[: right - left]


@kernel
def outer_rows(x: Any, g: Any, left: int, right: int, out: Any) -> None:
    """Set the columns from `left` to `right` of `out` to those of x.T @ g.

    x   : (rows, n) real, row after row
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
