"""Products of rows in which little is not 0: what is listed, and sums from left to right."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from neurosim.kernels.row_products import list_entries, multiply_rows, outer_rows

REALS = (np.float32, np.float64)


def sparse_rows(rows: int, n: int, real: Any) -> Any:
    """Rows of small whole numbers, whose sums are exact; most are 0, one row is full."""
    rng = np.random.default_rng(n)
    x = rng.integers(-3, 4, (rows, n)) * (rng.random((rows, n)) < 0.1)
    x[rows // 2] = 1
    return np.ascontiguousarray(x.astype(real))


@pytest.mark.parametrize("real", REALS)
@pytest.mark.parametrize("n", [1, 63, 64, 65, 200])
def test_entries_are_those_that_are_not_0_in_their_order(n: int, real: Any) -> None:
    x = sparse_rows(7, n, real)
    x[0, -1], x[1, 0] = np.nan, -0.0
    column, value = np.full(x.size, -1, np.int32), np.zeros(x.size, real)
    start = np.zeros(5, np.int64)
    list_entries(x, 2, 6, column, value, start)
    rows, columns = np.nonzero(x[2:6])
    np.testing.assert_array_equal(column[: start[-1]], columns)
    np.testing.assert_array_equal(np.diff(start), np.bincount(rows, minlength=4))
    np.testing.assert_array_equal(value[: start[-1]], x[2:6][rows, columns])
    list_entries(x, 0, 2, column, value, start[:3])
    assert (column[: start[1]] == np.nonzero(x[0])[0]).all()  # NaN is one
    assert np.isnan(value[start[1] - 1])
    assert (column[start[1] : start[2]] == np.nonzero(x[1])[0]).all()  # -0 is none


@pytest.mark.parametrize("real", REALS)
@pytest.mark.parametrize("m", [1, 10, 16, 64, 131, 300])
def test_products_are_those_of_whole_matrices(m: int, real: Any) -> None:
    """Whole pieces, single vectors and what is left of one; any share of the rows by itself."""
    x = sparse_rows(9, 70, real)
    w = np.random.default_rng(m).integers(-50, 50, (70, m)).astype(real)
    out = np.full((9, m), np.nan, real)
    multiply_rows(x, w, 0, 4, out)
    assert np.isnan(out[4:]).all()
    multiply_rows(x, w, 4, 9, out)
    np.testing.assert_array_equal(out, x @ w)
    g = out.copy()
    back = np.full((70, m), np.nan, real)
    half = m // 2
    outer_rows(x, g, 0, half, back)
    assert np.isnan(back[:, half:]).all()
    outer_rows(x, g, half, m, back)
    np.testing.assert_array_equal(back, x.T @ g)


def test_sums_go_from_left_to_right() -> None:
    """In single precision 1 + 2^-24 + 2^-24 is 1; the other way round it is more."""
    x = np.ones((1, 3), np.float32)
    w = np.array([[1, 2**-24], [2**-24, 2**-24], [2**-24, 1]], np.float32)
    out = np.zeros((1, 2), np.float32)
    multiply_rows(x, w, 0, 1, out)
    assert out.tolist() == [[1.0, 1.0 + 2**-23]]
