"""Rows of bits against rows of numbers: bit k of a row chooses number k.

Written as operations on vectors of 32 lanes, whose mask is a word of the row: the compiler makes of
them what the processor has, masked additions with AVX-512, comparisons with AVX2 or NEON. A loop
over bits is not vectorised at all (measured: 4 to 9 times slower).

Rows are addressed by where they begin; `n_words` counts their words of 32 bits, and numbers come in
as many groups of 32. Without the jit the same functions are numpy on the same memory.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from neurosim.kernels.jit import JIT, float64_at, int32_at, kernel, uint32_at

LANES = 32
FLOAT_LANES = 8

if JIT:
    from llvmlite import ir
    from numba import types
    from numba.core import cgutils
    from numba.extending import intrinsic

    _BIT, _BYTE, _INT, _WORD = (ir.IntType(n) for n in (1, 8, 32, 64))
    _REAL = ir.DoubleType()
    _MASK = ir.VectorType(_BIT, LANES)
    _INTS = ir.VectorType(_INT, LANES)
    _REALS = ir.VectorType(_REAL, FLOAT_LANES)

    def _constant(kind: Any, value: Any) -> Any:
        return ir.Constant(kind, [value] * kind.count)

    def _splat(builder: Any, value: Any, count: int) -> Any:
        nothing = ir.Constant(ir.VectorType(value.type, count), ir.Undefined)
        single = builder.insert_element(nothing, value, _INT(0))
        first = ir.Constant(ir.VectorType(_INT, count), [0] * count)
        return builder.shuffle_vector(single, nothing, first)

    def _element(builder: Any, address: Any, kind: Any, index: Any, align: int) -> Any:
        place = builder.gep(builder.inttoptr(address, kind.as_pointer()), [index])
        return place, builder.load(place, align=align)

    def _chosen(builder: Any, address: Any, index: Any) -> Any:
        """Return word `index` of a row as a mask."""
        _, word = _element(builder, address, ir.IntType(LANES), index, 4)
        return builder.bitcast(word, _MASK)

    @intrinsic
    def chosen_sum(typing_context: Any, row: Any, numbers: Any, n_words: Any) -> Any:
        """Add up the int32 numbers that a row of bits chooses: int64.

        The sum of each of the 32 lanes must fit into 32 bits.
        """
        signature = types.int64(types.int64, types.int64, types.int64)

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            row, numbers, n_words = arguments
            total = cgutils.alloca_once_value(builder, _constant(_INTS, 0))
            with cgutils.for_range(builder, n_words) as loop:
                _, values = _element(builder, numbers, _INTS, loop.index, 4)
                before = builder.load(total)
                more = builder.add(before, values)
                mask = _chosen(builder, row, loop.index)
                builder.store(builder.select(mask, more, before), total)
            wide = ir.VectorType(_WORD, LANES)
            kind = ir.FunctionType(_WORD, [wide])
            name = f"llvm.vector.reduce.add.v{LANES}i64"
            reduce = cgutils.get_or_insert_function(builder.module, kind, name)
            return builder.call(reduce, [builder.sext(builder.load(total), wide)])

        return signature, generate

    @intrinsic
    def add_chosen(
        typing_context: Any, row: Any, numbers: Any, n_words: Any, where_set: Any, elsewhere: Any
    ) -> Any:
        """Add one int32 to the numbers that a row of bits chooses, another to all others."""
        signature = types.void(*(types.int64,) * 3, types.int32, types.int32)

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            row, numbers, n_words, where_set, elsewhere = arguments
            yes = _splat(builder, where_set, LANES)
            no = _splat(builder, elsewhere, LANES)
            with cgutils.for_range(builder, n_words) as loop:
                place, values = _element(builder, numbers, _INTS, loop.index, 4)
                change = builder.select(_chosen(builder, row, loop.index), yes, no)
                builder.store(builder.add(values, change), place, align=4)
            return context.get_dummy_value()

        return signature, generate

    @intrinsic
    def recurrence_sum(
        typing_context: Any, positive: Any, negative: Any, overlaps: Any, actives: Any,
        weights: Any, table: Any, n_rows: Any, n_words: Any, state: Any,
    ) -> Any:  # fmt: skip
        """Add up weight * entry * polynomial of all patterns: float64.

        positive, negative : rows of bits; entries are +1, -1 or 0. Where `negative` is 0, all that
                             are not +1 are -1
        overlaps : int32   m of every pattern
        actives  : int32   entries of every pattern that are not 0
        weights  : float64 of every pattern; 0 beyond the last
        table    : (n_rows, 4) float64   a, b, c, d: x_0 = 0, x_1 = 1,
                   x_(k+1) = a q x_k - (b n + c + d q^2) x_(k-1), q and n without the unit itself
        state    : float64, the unit's own
        """
        signature = types.float64(*(types.int64,) * 8, types.float64)

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            positive, negative, overlaps, actives, weights, table, n_rows, n_words, own = arguments
            zero, one = _constant(_REALS, 0.0), _constant(_REALS, 1.0)
            total = cgutils.alloca_once_value(builder, zero)
            last = cgutils.alloca_once_value(builder, zero)
            now = cgutils.alloca_once_value(builder, one)
            state = _splat(builder, own, FLOAT_LANES)
            ints = ir.VectorType(_INT, FLOAT_LANES)
            mask = ir.VectorType(_BIT, FLOAT_LANES)
            whole = builder.icmp_signed("==", negative, _WORD(0))
            all_active = _splat(builder, whole, FLOAT_LANES)
            # Any row will do where there is none of negative entries: its bits are not looked at.
            other = builder.select(whole, positive, negative)
            with cgutils.for_range(builder, builder.mul(n_words, _WORD(LANES // 8))) as loop:
                _, bits = _element(builder, positive, _BYTE, loop.index, 1)
                up = builder.bitcast(bits, mask)
                _, bits = _element(builder, other, _BYTE, loop.index, 1)
                down = builder.or_(all_active, builder.bitcast(bits, mask))
                entry = builder.select(up, one, builder.select(down, _constant(_REALS, -1.0), zero))
                _, m = _element(builder, overlaps, ints, loop.index, 4)
                _, n = _element(builder, actives, ints, loop.index, 4)
                _, w = _element(builder, weights, _REALS, loop.index, 8)
                q = builder.fsub(builder.sitofp(m, _REALS), builder.fmul(entry, state))
                others = builder.fsub(builder.sitofp(n, _REALS), one)
                builder.store(zero, last)
                builder.store(one, now)
                with cgutils.for_range(builder, n_rows) as line:
                    at = builder.mul(line.index, _WORD(4))
                    a, b, c, d = (
                        _splat(
                            builder,
                            _element(builder, table, _REAL, builder.add(at, _WORD(k)), 8)[1],
                            FLOAT_LANES,
                        )
                        for k in range(4)
                    )
                    first, second = builder.load(now), builder.load(last)
                    factor = builder.fadd(
                        builder.fadd(builder.fmul(b, others), c),
                        builder.fmul(d, builder.fmul(q, q)),
                    )
                    grown = builder.fmul(builder.fmul(a, q), first)
                    builder.store(builder.fsub(grown, builder.fmul(factor, second)), now)
                    builder.store(first, last)
                part = builder.fmul(builder.fmul(w, entry), builder.load(now))
                builder.store(builder.fadd(builder.load(total), part), total)
            lanes = builder.load(total)
            result = _REAL(0.0)
            for k in range(FLOAT_LANES):
                result = builder.fadd(result, builder.extract_element(lanes, _INT(k)))
            return result

        return signature, generate

    @intrinsic
    def count_bits(typing_context: Any, word: Any) -> Any:
        """Return how many bits of an int64 are set."""
        signature = types.int64(types.int64)

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.ctpop(arguments[0])

        return signature, generate

else:

    def _flags(row: int, n_words: int) -> Any:
        octets = uint32_at(row, n_words).view(np.uint8)
        return np.unpackbits(octets, bitorder="little").astype(bool)

    def chosen_sum(row: int, numbers: int, n_words: int) -> int:
        """Add up the int32 numbers that a row of bits chooses."""
        return int(int32_at(numbers, LANES * n_words)[_flags(row, n_words)].sum(dtype=np.int64))

    def add_chosen(row: int, numbers: int, n_words: int, where_set: int, elsewhere: int) -> None:
        """Add one int32 to the numbers that a row of bits chooses, another to all others."""
        values = int32_at(numbers, LANES * n_words)
        values += np.where(_flags(row, n_words), where_set, elsewhere).astype(np.int32)

    def recurrence_sum(
        positive: int, negative: int, overlaps: int, actives: int, weights: int, table: int,
        n_rows: int, n_words: int, state: float,
    ) -> float:  # fmt: skip
        """Add up weight * entry * polynomial of all patterns."""
        n = LANES * n_words
        up = _flags(positive, n_words)
        elsewhere = np.where(_flags(negative, n_words), -1.0, 0.0) if negative else -1.0
        entry = np.where(up, 1.0, elsewhere)
        q = int32_at(overlaps, n) - entry * state
        others = int32_at(actives, n) - 1.0
        last, now = np.zeros(n), np.ones(n)
        for a, b, c, d in float64_at(table, 4 * n_rows).reshape(n_rows, 4):
            last, now = now, a * q * now - (b * others + c + d * (q * q)) * last
        return float(np.sum(float64_at(weights, n) * entry * now))

    def count_bits(word: int) -> int:
        """Return how many bits of an int64 are set."""
        return (int(word) & (1 << 64) - 1).bit_count()


@kernel
def bit_at(row, k):
    """Return bit k of a row: 0 or 1."""
    return (np.int64(uint32_at(row, k // 32 + 1)[k // 32]) >> (k % 32)) & 1


@kernel
def agreements(n, first, second):
    """Return how many bits are set in both of two rows of n int64."""
    total = np.int64(0)
    for k in range(n):
        total += count_bits(first[k] & second[k])
    return total


_7, _14, _28 = np.uint64(7), np.uint64(14), np.uint64(28)
_ONES, _PAIRS, _NIBBLES = (
    np.uint64(word) for word in (0x00AA00AA00AA00AA, 0x0000CCCC0000CCCC, 0x00000000F0F0F0F0)
)


@kernel
def transposed(block):
    """Return 8 by 8 bits of an uint64 with rows and columns exchanged.

    Source: Warren (2013), Hacker's Delight, 2nd ed., section 7-3.
    """
    swap = (block ^ (block >> _7)) & _ONES
    block = block ^ swap ^ (swap << _7)
    swap = (block ^ (block >> _14)) & _PAIRS
    block = block ^ swap ^ (swap << _14)
    swap = (block ^ (block >> _28)) & _NIBBLES
    return block ^ swap ^ (swap << _28)


@kernel
def transpose_bits(n_rows, size, rows, columns):
    """Turn rows of bits into columns, 8 by 8 bits at a time.

    rows    : (n_rows, ceil(size / 64)) int64   bit i of row k
    columns : (size, at least ceil(n_rows / 8)) uint8, written   bit k of column i
    """
    for first in range(0, n_rows, 8):
        most = min(8, n_rows - first)
        for unit in range(0, size, 8):
            block = np.uint64(0)
            for k in range(most):
                octet = (rows[first + k, unit // 64] >> (unit % 64)) & 255
                block |= np.uint64(octet) << np.uint64(8 * k)
            block = transposed(block)
            for i in range(min(8, size - unit)):
                columns[unit + i, first // 8] = np.uint8((block >> np.uint64(8 * i)) & _OCTET)


_OCTET = np.uint64(255)
