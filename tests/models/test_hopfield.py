"""The associative memory as a model: what it stores, recalls and forgets."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import neurosim as ns
from neurosim_models import hopfield

pytestmark = pytest.mark.compiled


def recalled(net: ns.Network, sweeps: float = 20) -> float:
    """Return the overlap with the first pattern in the end."""
    pattern = net["memory"].rule.patterns.dense(0, 1)[0]
    states = ns.run(net, sweeps, threads=1).states["units"]["s"].array
    return float(states[-1] @ pattern / pattern.size)


def test_it_recalls_what_it_can_hold() -> None:
    """Below the critical load; and beyond it only with a steeper interaction."""
    assert recalled(hopfield(load=0.08)) > 0.98
    assert recalled(hopfield(load=0.25)) < 0.8
    assert recalled(hopfield(load=0.25, interaction=ns.Polynomial(3))) == 1
    assert recalled(hopfield(load=0.05, temperature=3.0)) < 0.3


def test_the_seed_is_of_everything() -> None:
    assert hopfield(size=50).content_hash() == hopfield(size=50).content_hash()
    assert hopfield(size=50).content_hash() != hopfield(size=50, seed=2).content_hash()


def test_given_patterns_are_stored() -> None:
    patterns = np.array([[1, 0, -1, 1, -1, -1], [1, 1, 1, -1, -1, 1]])
    net = hopfield(patterns, noise=0)
    assert (net["memory"].rule.patterns.dense() == patterns).all()
    first = net.initial_values[0].value
    assert isinstance(first, np.ndarray)
    assert (first[patterns[0] != 0] == patterns[0][patterns[0] != 0]).all()


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"load": 0}, "load"), ({"load": 1e-6}, "one pattern of 1000"), ({"noise": 1.5}, "noise"),
        ({"size": 10.5}, "hopfield: size"), ({"size": 0}, "hopfield: size"),
        ({"seed": -1}, "hopfield: seed"),
    ],
)  # fmt: skip
def test_nonsense_is_refused(wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(ns.DescriptionError, match=told):
        hopfield(**wrong)
