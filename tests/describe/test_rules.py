"""Rules: what they refuse, how many connections they expect, which ones they list."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.signal
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from neurosim.describe.explicit import Conv2D, DistanceDependent, FromList, FromMatrix
from neurosim.describe.network import Network
from neurosim.describe.neurons import LIF
from neurosim.describe.population import Population
from neurosim.describe.positions import Grid, Line
from neurosim.describe.rules import (
    AllToAll,
    FixedIndegree,
    FixedOutdegree,
    FixedProbability,
    FixedTotalNumber,
    OneToOne,
)
from neurosim.errors import DescriptionError, UnitError


def pair(n: Any = 4, m: Any = 3, **options: Any) -> tuple[Population, Population]:
    net = Network("rules")
    return net.population("a", n, LIF(), **options), net.population("b", m, LIF(), **options)


def test_defaults_are_those_of_the_design() -> None:
    for rule in (FixedIndegree(1), FixedOutdegree(1), FixedTotalNumber(1)):
        assert rule.autapses is True
        assert rule.multapses is True
    assert FixedProbability(0.5).autapses is True
    assert not hasattr(FixedProbability(0.5), "multapses")
    assert AllToAll().autapses is True


def test_expected_numbers() -> None:
    a, b = pair()
    both = a + b
    assert AllToAll().expected_connections(a, both) == 28
    assert AllToAll(autapses=False).expected_connections(a, both) == 24
    assert FixedProbability(0.25, autapses=False).expected_connections(both, both) == 0.25 * 42
    assert FixedIndegree(5).expected_connections(a, b) == 15
    assert FixedIndegree([1, 2, 3]).expected_connections(a, b) == 6
    assert FixedOutdegree(5).expected_connections(a, b) == 20
    assert FixedTotalNumber(17).expected_connections(a, b) == 17
    assert OneToOne().expected_connections(a[:3], b) == 3


@pytest.mark.parametrize(
    ("rule", "fits"),
    [
        (FixedIndegree(7, multapses=False), True),
        (FixedIndegree(8, multapses=False), False),
        (FixedIndegree(8), True),
        (FixedIndegree(6, multapses=False, autapses=False), True),
        (FixedIndegree(7, multapses=False, autapses=False), False),
        (FixedIndegree([1] * 7), True),
        (FixedIndegree([1] * 6), False),
        (FixedOutdegree(7, multapses=False, autapses=False), False),
        (FixedOutdegree([[1] * 7]), False),
        (FixedTotalNumber(42, multapses=False, autapses=False), True),
        (FixedTotalNumber(43, multapses=False, autapses=False), False),
        (FixedTotalNumber([3]), False),
        (OneToOne(), True),
    ],
)
def test_numbers_that_fit_over_the_union(rule: Any, fits: bool) -> None:
    a, b = pair()
    if fits:
        rule.check(a + b, a + b, "P")
    else:
        with pytest.raises(DescriptionError, match=r"^P: "):
            rule.check(a + b, a + b, "P")


def test_impossible_even_with_multapses() -> None:
    a, _ = pair(1)
    for rule in (FixedIndegree(1, autapses=False), FixedTotalNumber(1, autapses=False)):
        with pytest.raises(DescriptionError, match="at most 0"):
            rule.check(a, a, "P")


def test_one_to_one_needs_equal_sizes() -> None:
    with pytest.raises(DescriptionError, match=r"\(4, 3\)"):
        OneToOne().check(*pair(), "P")


@given(hnp.arrays(float, (4, 3), elements=st.sampled_from([0.0, 0.0, 1.5, -2.0])), st.booleans())
def test_matrices(matrix: np.ndarray, sparse: bool) -> None:
    rule = FromMatrix(scipy.sparse.coo_array(matrix) if sparse else matrix.tolist())
    a, b = pair()
    rule.check(a, b, "P")
    listed = rule.explicit(a, b)
    found = np.zeros((4, 3))
    assert listed.weight is not None
    found[listed.pre, listed.post] = listed.weight
    np.testing.assert_array_equal(found, matrix)
    assert rule.expected_connections(a, b) == np.count_nonzero(matrix)


def test_sparse_matrices_keep_stored_zeros_and_add_up_what_is_stored_twice() -> None:
    data, where = [0.0, 2.0, 3.0], ([0, 1, 1], [2, 0, 0])
    rule = FromMatrix(scipy.sparse.coo_matrix((data, where), shape=(4, 3)))
    listed = rule.explicit(*pair())
    np.testing.assert_array_equal(listed.pre, [0, 1])
    np.testing.assert_array_equal(listed.post, [2, 0])
    np.testing.assert_array_equal(listed.weight, [0, 5])


def test_matrices_with_units_and_of_the_wrong_shape() -> None:
    rule = FromMatrix([["1 nA", "2 pA"]]).in_unit("pA", "P")
    np.testing.assert_array_equal(rule.matrix.weight, [1000, 2])
    with pytest.raises(UnitError, match=r"P: FromMatrix\.matrix"):
        FromMatrix([["1 nA", "2 pA"]]).in_unit("mV", "P")
    with pytest.raises(DescriptionError, match="transposed"):
        FromMatrix(np.ones((3, 4))).check(*pair(), "P")


def test_lists() -> None:
    a, b = pair()
    rule = FromList([(0, 1), (3, 2), (0, 1)], weight=["1 nA", "2 nA", 3], delay=[1, 2, "3 ms"])
    rule = rule.in_unit("pA", "P")
    listed = rule.explicit(a, b)
    np.testing.assert_array_equal(listed.pre, [0, 3, 0])
    np.testing.assert_array_equal(listed.post, [1, 2, 1])
    np.testing.assert_array_equal(listed.weight, [1000, 2000, 3])
    np.testing.assert_array_equal(listed.delay, [1, 2, 3])
    columns = FromList([(0, 1, 5.0, 1.5), (3, 2, 6.0, 2.5)])
    np.testing.assert_array_equal(columns.explicit(a, b).weight, [5, 6])
    np.testing.assert_array_equal(columns.explicit(a, b).delay, [1.5, 2.5])
    assert len(FromList([]).explicit(a, b).pre) == 0
    with pytest.raises(DescriptionError, match="positions in post from 0 to 2"):
        FromList([(0, 3)]).check(a, b, "P")


@given(st.sampled_from(["0.5*exp(-d)", "where(d < 2, 1, 0)", "0.3"]), st.booleans(), st.booleans())
def test_distance_dependence(text: str, autapses: bool, far: bool) -> None:
    """Expected number: the sum over pairs. What is drawn lies where the probability does."""
    a, _ = pair(30, positions=Line(0.125))
    rule = DistanceDependent(text, max_distance=1.0 if far else None, autapses=autapses)
    d = np.abs(np.subtract.outer(np.arange(30), np.arange(30))) * 0.125
    p = eval(text, {"exp": np.exp, "where": np.where, "d": d}) * np.ones_like(d)
    p[(d > 1.0) & far] = 0
    p[np.eye(30, dtype=bool) & (not autapses)] = 0
    assert rule.expected_connections(a, a) == pytest.approx(p.sum())
    listed = rule.explicit(a, a, np.random.default_rng(1))
    assert (p[listed.pre, listed.post] > 0).all()
    assert len(set(zip(listed.pre.tolist(), listed.post.tolist(), strict=True))) == len(listed.pre)
    variance = (p * (1 - p)).sum()
    assert abs(len(listed.pre) - p.sum()) <= 5 * np.sqrt(variance) + 1e-9


def test_distance_dependence_needs_positions_and_probabilities() -> None:
    with pytest.raises(DescriptionError, match="positions of 'a'"):
        DistanceDependent("1").check(*pair(), "P")
    a, b = pair(positions=Line())
    with pytest.raises(DescriptionError, match="a probability from 0 to 1"):
        DistanceDependent("2*exp(-d)").expected_connections(a, b)
    with pytest.raises(DescriptionError, match="a probability from 0 to 1"):
        DistanceDependent("-0.1").explicit(a, b, np.random.default_rng(1))
    net = Network("spaces")
    flat = net.population("flat", 4, LIF(), positions=Line())
    torus = net.population("ring", 4, LIF(), positions=Line(periodic=True))
    plane = net.population("plane", (2, 2), LIF(), positions=Grid())
    for other in (torus, plane):
        with pytest.raises(DescriptionError, match="as the others have"):
            DistanceDependent("1").check(flat, other, "P")


convolutions = st.fixed_dictionaries(
    {
        "stride": st.tuples(st.integers(1, 3), st.integers(1, 3)),
        "padding": st.tuples(st.integers(0, 2), st.integers(0, 2)),
        "dilation": st.tuples(st.integers(1, 2), st.integers(1, 2)),
        "groups": st.integers(1, 2),
    }
)


@settings(max_examples=40, deadline=None)
@given(convolutions, st.integers(1, 3), st.integers(1, 3), st.integers(0, 2**32 - 1))
def test_convolutions(options: dict[str, Any], height: int, width: int, seed: int) -> None:
    """The listed connections applied to an image are scipy's correlation, strided."""
    random = np.random.default_rng(seed)
    groups, n = options["groups"], 2 * options["groups"]
    kernel = random.normal(size=(n, 3, height, width))
    image = random.normal(size=(3 * groups, 7, 6))
    (sy, sx), (py, px), (dy, dx) = options["stride"], options["padding"], options["dilation"]
    spread = np.zeros((n, 3, dy * (height - 1) + 1, dx * (width - 1) + 1))
    spread[:, :, ::dy, ::dx] = kernel
    padded = np.pad(image, ((0, 0), (py, py), (px, px)))
    expected = np.array(
        [
            sum(
                scipy.signal.correlate2d(padded[3 * (o // 2) + c], spread[o, c], "valid")
                for c in range(3)
            )[::sy, ::sx]
            for o in range(n)
        ]
    )
    a, b = pair(image.shape, expected.shape)
    rule = Conv2D(kernel, **options)
    rule.check(a, b, "P")
    listed = rule.explicit(a, b)
    assert listed.weight is not None
    found = np.zeros(expected.size)
    np.add.at(found, listed.post, listed.weight * image.ravel()[listed.pre])
    np.testing.assert_allclose(found.reshape(expected.shape), expected, atol=1e-12)
    assert rule.expected_connections(a, b) == len(listed.pre)
    pairs = listed.pre * b.size + listed.post
    assert len(np.unique(pairs)) == len(pairs)


def test_convolutions_say_the_shape_they_need() -> None:
    rule = Conv2D(np.ones((2, 1, 3, 3)), stride=2, padding=1)
    rule.check(*pair((8, 8), (2, 4, 4)), "P")
    with pytest.raises(DescriptionError, match=r"post is \(2, 5, 5\); expected \(2, 4, 4\)"):
        rule.check(*pair((8, 8), (2, 5, 5)), "P")
    with pytest.raises(DescriptionError, match=r"shape of pre"):
        rule.check(*pair((3, 8, 8), (2, 4, 4)), "P")
    with pytest.raises(DescriptionError, match="at least as large as the kernel"):
        Conv2D(np.ones((1, 1, 9, 9))).check(*pair((8, 8), (1, 1)), "P")
