"""Views select as numpy selects."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from neurosim.describe.network import Network
from neurosim.describe.neurons import LIF
from neurosim.describe.population import Population, View
from neurosim.errors import DescriptionError


def populations() -> tuple[Population, Population]:
    net = Network("views")
    return net.population("a", (4, 5), LIF()), net.population("b", 7, LIF())


@given(hnp.basic_indices((4, 5), allow_newaxis=False, allow_ellipsis=True))
def test_slices_and_numbers(key: Any) -> None:
    a, _ = populations()
    expected = np.arange(20).reshape(4, 5)[key]
    view = a[key]
    np.testing.assert_array_equal(view.ids, np.ravel(expected))
    assert view.shape == (np.shape(expected) or (1,))


@given(hnp.arrays(bool, (4, 5)))
def test_masks(mask: np.ndarray) -> None:
    a, _ = populations()
    np.testing.assert_array_equal(a[mask].ids, np.flatnonzero(mask))


@given(st.permutations(range(27)), st.integers(0, 27))
def test_joined_views_keep_the_order(order: list[int], cut: int) -> None:
    """Selecting from a union is selecting from the joined ids, whichever way it is cut."""
    a, b = populations()
    both = (a + b)[order]
    np.testing.assert_array_equal(both.ids, order)
    again = both[:cut] + both[cut:]
    np.testing.assert_array_equal(again.ids, order)
    rebuilt = [population.offset + i for population, at in again.segments for i in at]
    np.testing.assert_array_equal(rebuilt, order)


def test_segments_and_words() -> None:
    a, b = populations()
    view = b[5:] + a[1, ::2]
    assert [(p.name, at.tolist()) for p, at in view.segments] == [("b", [5, 6]), ("a", [5, 7, 9])]
    assert view.label == "b[...]+a[...]"
    assert len(view) == 5
    assert (a + b).label == "a+b"
    assert len(a) == a.size == 20
    assert a[3:, :].shape == (1, 5)
    assert len(a[:0]) == 0
    assert repr(a) == "<Population 'a': 4 x 5 LIF>"


NOTHING: list[Any] = [20, (4, 0), "a", None, True, 1.5, [0.5], [True], np.ones(3, bool), (0, 0, 0)]


@pytest.mark.parametrize("key", [*NOTHING, {}, [[1], [1, 2]], [None], ["a"]])
def test_what_selects_nothing_is_refused(key: Any) -> None:
    a, _ = populations()
    with pytest.raises(DescriptionError, match=r"a\[...\]"):
        a[key]


def test_no_neuron_twice() -> None:
    a, b = populations()
    twice: list[Callable[[], View]] = [
        lambda: a + a,
        lambda: b[[1, 1]],
        lambda: b[:3] + b[2:],
    ]
    for make in twice:
        with pytest.raises(DescriptionError, match="twice"):
            make()


def test_views_are_no_sequences() -> None:
    a, _ = populations()
    with pytest.raises(TypeError):
        iter(a)
    with pytest.raises(TypeError):
        a + 3
    assert isinstance(a + a.flat()[:0], View)
