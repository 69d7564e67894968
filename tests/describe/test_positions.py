"""Positions and distances, against obvious loops."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from neurosim.describe.positions import (
    Coordinates,
    Grid,
    Line,
    RandomPositions,
    distances,
    place,
)
from neurosim.errors import DescriptionError

coordinates = st.floats(-10, 10)


@given(st.integers(1, 3), st.data())
def test_distances(axes: int, data: st.DataObject) -> None:
    points = st.lists(st.tuples(*[coordinates] * axes), min_size=1, max_size=4)
    pre, post = (np.array(data.draw(points)) for _ in range(2))
    period = data.draw(st.none() | st.tuples(*[st.floats(0.5, 8)] * axes))
    found = distances(pre, post, period)
    for (i, a), (j, b) in itertools.product(enumerate(pre), enumerate(post)):
        shifts = [(0.0,)] if period is None else [[k * p for k in range(-41, 42)] for p in period]
        along = [
            min(abs(a[x] - b[x] + s) for s in (shifts[x] if period else (0.0,)))
            for x in range(axes)
        ]
        assert found[i, j] == pytest.approx(np.hypot.reduce(along), abs=1e-9)


def test_grids() -> None:
    grid = Grid((2, 3), periodic=True).coordinates((2, 3), (0, 0))
    np.testing.assert_array_equal(grid.values, [[0, 0], [0, 3], [0, 6], [2, 0], [2, 3], [2, 6]])
    assert grid.period == (4, 9)
    np.testing.assert_array_equal(
        Line(0.5).coordinates((2, 2), (0, 0)).values.T, [[0, 0.5, 1, 1.5]]
    )
    assert Line(0.5, periodic=True).coordinates((4,), (0, 0)).period == (2.0,)
    ring = Line(1, periodic=True).coordinates((5,), (0, 0))
    np.testing.assert_array_equal(
        distances(ring.values[:1], ring.values, ring.period), [[0, 1, 2, 2, 1]]
    )


def test_random_positions_follow_the_seed_and_fill_the_box() -> None:
    box = RandomPositions((2.0, 0.5))
    points = box.coordinates((4000,), (1, 0)).values
    assert points.shape == (4000, 2)
    for axis, length in enumerate((2.0, 0.5)):
        assert stats.kstest(points[:, axis] / length, "uniform").pvalue > 1e-3
    assert abs(np.corrcoef(points.T)[0, 1]) < 0.06
    np.testing.assert_array_equal(points, box.coordinates((4000,), (1, 0)).values)
    for key in ((2, 0), (1, 1)):
        assert not np.any(points == box.coordinates((4000,), key).values)
    # A prefix does not depend on the number of neurons.
    np.testing.assert_array_equal(points[:10], box.coordinates((10,), (1, 0)).values)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Grid(0),
        lambda: Grid(-1),
        lambda: Grid([[1]]),  # type: ignore[arg-type]
        lambda: Grid(periodic=1),  # type: ignore[arg-type]
        lambda: Grid("1 mm"),  # type: ignore[arg-type]
        lambda: Line(np.nan),
        lambda: Line([1, 2]),  # type: ignore[arg-type]
        lambda: RandomPositions(()),
        lambda: RandomPositions((1, -1)),
        lambda: Coordinates([[1, np.nan]]),
        lambda: Coordinates(3),
        lambda: Coordinates([]),
        lambda: Coordinates([[1, 2]], period=(1,)),
        lambda: Coordinates([[1, 2]], period=(1, 0)),
        lambda: place(Grid((1, 1)), (4,), (0, 0)),
        lambda: place(Grid, (4,), (0, 0)),
        lambda: place(np.zeros((3, 2)), (4,), (0, 0)),
        lambda: place("grid", (4,), (0, 0)),
    ],
)
def test_nonsense_is_refused(make: Any) -> None:
    with pytest.raises(DescriptionError):
        make()
