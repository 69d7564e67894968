"""Rows of bits against the same bits one by one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurosim.kernels.bit_rows import (
    LANES,
    add_chosen,
    agreements,
    bit_at,
    chosen_sum,
    recurrence_sum,
    transpose_bits,
)
from neurosim.kernels.jit import kernel

pytestmark = pytest.mark.compiled

seeds = st.integers(0, 2**32 - 1)


@kernel
def _chosen_sum(row: Any, numbers: Any, n_words: Any) -> Any:
    return chosen_sum(row, numbers, n_words)


@kernel
def _add_chosen(row: Any, numbers: Any, n_words: Any, yes: Any, no: Any) -> Any:
    add_chosen(row, numbers, n_words, np.int32(yes), np.int32(no))


@kernel
def _recurrence_sum(
    up: Any, down: Any, m: Any, n: Any, w: Any, table: Any, rows: Any, words: Any, s: Any
) -> Any:
    return recurrence_sum(up, down, m, n, w, table, rows, words, s)


def bits_and_row(random: np.random.Generator, n_words: int) -> tuple[Any, Any]:
    bits = random.random(LANES * n_words) < 0.5
    return bits, np.packbits(bits, bitorder="little")


@given(n_words=st.integers(1, 9), seed=seeds)
@settings(max_examples=30)
def test_bits_choose_numbers(n_words: int, seed: int) -> None:
    """Sums over the chosen, and additions to them, as with a mask; nothing beyond is touched."""
    random = np.random.default_rng(seed)
    bits, row = bits_and_row(random, n_words)
    numbers = random.integers(-(2**26), 2**26, bits.size + 1).astype(np.int32)
    before = numbers.copy()
    at = row.ctypes.data, numbers.ctypes.data, n_words
    assert _chosen_sum(*at) == int(before[:-1][bits].sum(dtype=np.int64))
    _add_chosen(*at, 7, -3)
    assert (numbers[:-1] == before[:-1] + np.where(bits, 7, -3)).all()
    assert numbers[-1] == before[-1]
    assert [bit_at(row.ctypes.data, k) for k in range(bits.size)] == bits.astype(int).tolist()


@given(seed=seeds, diluted=st.booleans(), s=st.sampled_from([-1.0, 1.0]))
@settings(max_examples=30)
def test_recurrence_is_carried_out_for_every_pattern(seed: int, diluted: bool, s: float) -> None:
    """One pattern after the other, in whole numbers."""
    random = np.random.default_rng(seed)
    n_words, n_rows = 2, int(random.integers(0, 5))
    up, up_row = bits_and_row(random, n_words)
    down = ~up & (random.random(up.size) < 0.5) if diluted else ~up
    down_row = np.packbits(down, bitorder="little")
    m = random.integers(-20, 20, up.size).astype(np.int32)
    n = random.integers(1, 20, up.size).astype(np.int32)
    w = random.integers(0, 3, up.size).astype(np.float64)
    table = random.integers(-3, 4, (n_rows, 4)).astype(np.float64)
    expected = 0
    for k in range(up.size):
        entry = int(up[k]) - int(down[k])
        q, others, last, now = int(m[k]) - entry * int(s), int(n[k]) - 1, 0, 1
        for a, b, c, d in table.astype(int).tolist():
            last, now = now, a * q * now - (b * others + c + d * q * q) * last
        expected += int(w[k]) * entry * now
    found = _recurrence_sum(
        up_row.ctypes.data, down_row.ctypes.data if diluted else 0, m.ctypes.data, n.ctypes.data,
        w.ctypes.data, table.ctypes.data, n_rows, n_words, s,
    )  # fmt: skip
    assert found == expected


@given(n_rows=st.integers(1, 40), size=st.integers(1, 200), seed=seeds)
@settings(max_examples=30)
def test_transposing_exchanges_rows_and_columns(n_rows: int, size: int, seed: int) -> None:
    bits = np.random.default_rng(seed).random((n_rows, size)) < 0.5
    room = np.zeros((n_rows, 8 * -(-size // 64)), np.uint8)
    packed = np.packbits(bits, axis=1, bitorder="little")
    room[:, : packed.shape[1]] = packed
    columns = np.zeros((size, -(-n_rows // 8) + 1), np.uint8)
    transpose_bits(n_rows, size, room.view(np.int64), columns)
    found = np.unpackbits(columns, axis=1, count=n_rows, bitorder="little")
    assert (found == bits.T).all()
    assert (columns[:, -1] == 0).all()


def test_agreements_are_counted() -> None:
    first, second = np.array([0b1101, -1], np.int64), np.array([0b0101, 1 << 40], np.int64)
    assert agreements(2, first, second) == 3
