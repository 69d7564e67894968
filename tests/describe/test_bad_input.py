"""No input of the wrong kind passes: every public constructor against everything it cannot mean."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurosim.describe.distributions import (
    Exponential,
    FunctionOfDistance,
    LogNormal,
    Normal,
    Uniform,
)
from neurosim.describe.explicit import Conv2D, DistanceDependent, FromList, FromMatrix
from neurosim.describe.network import Network
from neurosim.describe.positions import Coordinates, Grid, Line, RandomPositions
from neurosim.describe.rules import (
    AllToAll,
    FixedIndegree,
    FixedOutdegree,
    FixedProbability,
    FixedTotalNumber,
)
from neurosim.errors import NeurosimError

MASKED: Any = np.ma.array([1.0, 2.0], mask=[False, True])  # type: ignore[no-untyped-call]

NO_NUMBERS: list[Any] = [
    math.nan, math.inf, -math.inf, np.float64("nan"), np.array(math.nan), 10**400, 1j,
    None, True, False, np.True_, "", "garbage", "3", "3 bananas", b"3", object(), {}, set(), {1: 2},
    lambda: 3, int, [None], [math.nan], [[1], [1, 2]], np.array([True]), np.array(["a"]),
    np.array([1j]), np.array([None]), np.array([math.inf]), MASKED,
]  # fmt: skip
"""What is no finite number, nor several of them."""

NUMBER: list[Any] = [*NO_NUMBERS, [1.0, 2.0], np.ones(2), np.ones((2, 2)), []]
"""What is not one number."""

COUNT: list[Any] = [*NUMBER, -1, 0.5, 2**70, -0.5, "3 ms"]
"""What is not a count."""

SWITCH: list[Any] = [None, 0, 1, "yes", "", math.nan, [True], np.array(True), object()]
"""What is neither True nor False."""

TEXT: list[Any] = [v for v in NUMBER if not isinstance(v, str)] + [3, "", "d +", "x", "3 ms"]
"""What is no formula."""


def _bounds(unbounded: float) -> list[Any]:
    """What is no bound; None and the infinity of that side say that there is none."""
    return [v for v in NUMBER if v is not None and not (type(v) is float and v == unbounded)]


def _counts(value: Any) -> bool:
    """Whether a bad number is a good list of counts."""
    try:
        array = np.asarray(value)
    except ValueError:
        return False
    return array.ndim > 0 and array.dtype.kind in "if" and bool(np.isfinite(array).all())


def _no_pairs(too_small: int) -> list[Any]:
    """What is neither one whole number nor two."""
    pairs = [v for v in COUNT if not (isinstance(v, list) and v == [1.0, 2.0])]
    return [*pairs, too_small, (1, 2, 3), (too_small, 1), (1, 0.5)]


def _named(value: Any) -> bool:
    return isinstance(value, str) and value != ""


SLOTS: dict[str, tuple[Callable[[Any], Any], list[Any]]] = {
    "Uniform.low": (lambda v: Uniform(v, 1e300), NUMBER),
    "Uniform.high": (lambda v: Uniform(-1e300, v), NUMBER),
    "Normal.mean": (lambda v: Normal(v, 1), NUMBER),
    "Normal.sd": (lambda v: Normal(0, v), [*NUMBER, -1, "-1 ms", np.int64(-1)]),
    "Normal.clip": (lambda v: Normal(0, 1, clip=(v, 5)), _bounds(-math.inf)),
    "Normal.redraw": (lambda v: Normal(0, 1, redraw=(-5, v)), _bounds(math.inf)),
    "LogNormal.mu": (lambda v: LogNormal(v, 1), [*NUMBER, "1 ms"]),
    "LogNormal.sigma": (lambda v: LogNormal(0, v), [*NUMBER, -1, "1 ms"]),
    "Exponential.scale": (lambda v: Exponential(v), [*NUMBER, 0, -1, "-1 ms"]),
    "Exponential.offset": (lambda v: Exponential(1, v), NUMBER),
    "FunctionOfDistance": (lambda v: FunctionOfDistance(v), TEXT),
    "AllToAll.autapses": (lambda v: AllToAll(autapses=v), SWITCH),
    "FixedProbability": (lambda v: FixedProbability(v), [*NUMBER, -1e-9, 1 + 1e-9, 2, "1 ms"]),
    "FixedProbability.autapses": (lambda v: FixedProbability(0.5, autapses=v), SWITCH),
    "FixedIndegree": (lambda v: FixedIndegree(v), [v for v in COUNT if not _counts(v)]),
    "FixedIndegree.multapses": (lambda v: FixedIndegree(1, multapses=v), SWITCH),
    "FixedOutdegree": (lambda v: FixedOutdegree(v), [v for v in COUNT if not _counts(v)]),
    "FixedOutdegree.autapses": (lambda v: FixedOutdegree(1, autapses=v), SWITCH),
    "FixedTotalNumber": (lambda v: FixedTotalNumber(v), [v for v in COUNT if not _counts(v)]),
    "FixedTotalNumber.multapses": (lambda v: FixedTotalNumber(1, multapses=v), SWITCH),
    "FromList.pairs": (
        lambda v: FromList(v),
        [*NO_NUMBERS, 3, [1, 2], [(0,)], [(0, 1, 1, 1, 1)], [(0, -1)], [(0, 0.5)], [("a", "b")]]),
    "FromList.weight": (
        lambda v: FromList([(0, 0), (0, 1)], weight=v),
        [v for v in NO_NUMBERS if v is not None] + [3, [1.0], np.ones((2, 1)), ["1 mV", "1 ms"]]),
    "FromList.delay": (
        lambda v: FromList([(0, 0), (0, 1)], delay=v),
        [v for v in NO_NUMBERS if v is not None] + [3, [1.0], [-1, 1], ["1 mV", 1]]),
    "FromMatrix": (lambda v: FromMatrix(v), [*NO_NUMBERS, 3, [1.0, 2.0], np.ones((2, 2, 2))]),
    "DistanceDependent": (lambda v: DistanceDependent(v), TEXT),
    "DistanceDependent.max_distance": (
        lambda v: DistanceDependent("1", max_distance=v),
        [v for v in NUMBER if v is not None] + [-1]),
    "DistanceDependent.autapses": (lambda v: DistanceDependent("1", autapses=v), SWITCH),
    "Conv2D.kernel": (lambda v: Conv2D(v), [*NUMBER, np.ones((1, 1, 3)), np.ones((1, 1, 0, 3))]),
    "Conv2D.stride": (lambda v: Conv2D(np.ones((2, 1, 3, 3)), stride=v), _no_pairs(0)),
    "Conv2D.padding": (lambda v: Conv2D(np.ones((2, 1, 3, 3)), padding=v), _no_pairs(-1)),
    "Conv2D.dilation": (lambda v: Conv2D(np.ones((2, 1, 3, 3)), dilation=v), _no_pairs(0)),
    "Conv2D.groups": (lambda v: Conv2D(np.ones((2, 1, 3, 3)), groups=v), [*COUNT, 0, 3]),
    "Grid.spacing": (lambda v: Grid(v), [*NO_NUMBERS, 0, -1, [[1.0]], (1, 0), "1 mm"]),
    "Grid.periodic": (lambda v: Grid(periodic=v), SWITCH),
    "Line.spacing": (lambda v: Line(v), [*NUMBER, 0, -1]),
    "RandomPositions.extent": (lambda v: RandomPositions(v), [*NO_NUMBERS, 0, (1, -1), ()]),
    "RandomPositions.periodic": (lambda v: RandomPositions(periodic=v), SWITCH),
    "Coordinates": (lambda v: Coordinates(v), [*NO_NUMBERS, 3, [], np.ones((2, 2, 2))]),
    "Coordinates.period": (
        lambda v: Coordinates([[0.0]], v), [v for v in NO_NUMBERS if v is not None] + [0, (1, 1)]),
    "Network.name": (
        lambda v: Network(v), [v for v in NUMBER if not _named(v)] + [" ", "a/b", "a\n"]),
    "Network.seed": (lambda v: Network("n", seed=v), COUNT),
}  # fmt: skip


@pytest.mark.parametrize("slot", SLOTS)
def test_no_wrong_kind_passes(slot: str) -> None:
    make, bad = SLOTS[slot]
    for value in bad:
        try:
            made = make(value)
        except NeurosimError:
            continue
        pytest.fail(f"{slot} took {value!r} and became {made!r}")


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.complex_numbers() | st.text()
    | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.tuples(inner, inner)
    | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=5,
)  # fmt: skip


@given(st.sampled_from(sorted(SLOTS)), anything)
def test_nothing_else_is_ever_raised(slot: str, value: Any) -> None:
    """Whatever is written: a value, or a NeurosimError. And what passes holds finite numbers."""
    make, _ = SLOTS[slot]
    try:
        made = make(value)
    except NeurosimError:
        return
    assert "nan" not in repr(made).lower()
    assert "inf" not in repr(made).lower()
