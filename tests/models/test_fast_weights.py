"""Memories that are written while a network runs, against the recurrences of linear attention."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from neurosim.errors import DescriptionError, UnknownNameError
from neurosim_datasets import digits
from neurosim_models import FastWeights, fast_weights

pytestmark = pytest.mark.compiled


def unit_keys(number: int, size: int, seed: int) -> Any:
    keys = np.random.default_rng(seed).normal(size=(number, size))
    return keys / np.linalg.norm(keys, axis=1, keepdims=True)


def recurrence(rule: str, keys: Any, values: Any, rate: float, keep: float, feature: str) -> Any:
    """The update of all weights as the papers write it."""
    phi = np.maximum(keys, 0) if feature == "relu" else keys
    W = np.zeros((values.shape[1], keys.shape[1]))
    for k, v in zip(phi, values, strict=True):
        if rule in ("hebb", "decay"):
            W = keep * W + rate * np.outer(v, k)
        else:
            W = keep * W @ (np.eye(k.size) - rate * np.outer(k, k)) + rate * np.outer(v, k)
    return W


@pytest.mark.parametrize(
    ("rule", "rate", "keep", "feature"),
    [
        ("hebb", 1.0, 1.0, "linear"), ("hebb", 0.5, 1.0, "relu"), ("decay", 1.0, 0.9, "linear"),
        ("delta", 0.7, 1.0, "linear"), ("delta", 1.0, 1.0, "relu"),
        ("gated delta", 0.8, 0.95, "linear"),
    ],
)  # fmt: skip
def test_weights_are_those_of_the_recurrence(
    rule: str, rate: float, keep: float, feature: str
) -> None:
    """All weights after ten writes, and what a query then reads."""
    keys, values = unit_keys(10, 6, 1), np.random.default_rng(2).normal(size=(10, 3))
    memory = FastWeights(6, 3, rule=rule, rate=rate, keep=keep, feature=feature)
    for pair in zip(keys, values, strict=True):
        memory.write(*pair)
    expected = recurrence(rule, keys, values, rate, keep, feature)
    np.testing.assert_allclose(memory.weights, expected, atol=1e-13)
    query = unit_keys(1, 6, 3)[0]
    read = expected @ (np.maximum(query, 0) if feature == "relu" else query)
    np.testing.assert_allclose(memory.read(query), read, atol=1e-13)


def test_only_the_delta_rule_overwrites() -> None:
    key, (one, two) = unit_keys(1, 8, 4)[0], np.eye(3)[:2]
    found = {}
    for rule in ("hebb", "delta"):
        memory = FastWeights(8, 3, rule=rule)
        memory.write(key, one)
        memory.write(key, two)
        found[rule] = memory.read(key)
    np.testing.assert_allclose(found["delta"], two, atol=1e-12)
    np.testing.assert_allclose(found["hebb"], one + two, atol=1e-12)


def test_reflections_count_parity() -> None:
    """With rate 2 and value 0 a write is W (1 - 2 k k^T): what is stored changes its sign."""
    memory = FastWeights(4, 1, rule="delta", rate=2.0)
    key = unit_keys(1, 4, 5)[0]
    memory.write(key, [0.5])
    for count in range(1, 12):
        memory.write(key, [0.0])
        np.testing.assert_allclose(memory.read(key), (-1) ** count, atol=1e-9)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_noise_of_linear_memories_is_n_over_d(seed: int) -> None:
    """Errors of Hebb's memory have the variance (n - 1)/d; the delta rule learns all n < d."""
    d, n, m = 48, 24, 12
    keys = unit_keys(n, d, seed)
    values = np.random.default_rng(seed + 10).normal(size=(n, m))
    hebb, delta = (FastWeights(d, m, rule=rule) for rule in ("hebb", "delta"))
    for memory in (hebb, delta):
        for pair in zip(keys, values, strict=True):
            memory.write(*pair)

    def error(memory: FastWeights) -> float:
        read = np.array([memory.read(key) for key in keys])
        return float(((read - values) ** 2).mean() / (values**2).mean())

    once = error(delta)
    assert error(hebb) == pytest.approx((n - 1) / d, rel=0.25)
    assert once < 0.8 * error(hebb)
    for _ in range(8):
        for pair in zip(keys, values, strict=True):
            delta.write(*pair)
    assert error(delta) < 0.3 * once
    silent = FastWeights(d, m, rule="delta", rate=0.0)
    silent.write(keys[0], values[0])
    assert not silent.weights.any(), "the rate is what writes"


def test_nonsense_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="rule"):
        fast_weights(3, 2, rule="detla")
    with pytest.raises(UnknownNameError, match="feature"):
        fast_weights(3, 2, feature="elu")
    with pytest.raises(DescriptionError, match=r"keep.*forgets nothing"):
        fast_weights(3, 2, rule="delta", keep=0.9)
    with pytest.raises(DescriptionError, match="n_keys"):
        fast_weights(0, 2)


@pytest.mark.parametrize(("rule", "feature"), [("hebb", "linear"), ("delta", "relu")])
def test_weights_are_the_sum_of_the_pairs_that_were_stored(rule: str, feature: str) -> None:
    keys, values = unit_keys(10, 6, 1), np.random.default_rng(2).normal(size=(10, 3))
    memory = FastWeights(6, 3, rule=rule, rate=0.6, feature=feature)
    first = np.random.default_rng(3).normal(size=(3, 6))
    memory.weights = first
    for pair in zip(keys, values, strict=True):
        memory.write(*pair)
    dual = memory.dual()
    np.testing.assert_allclose(dual.weights(), memory.weights.T, atol=1e-12)
    assert np.array_equal(dual.initial, first.T)
    query = unit_keys(1, 6, 4)
    phi = np.maximum(query, 0) if feature == "relu" else query
    np.testing.assert_allclose(dual.read(phi)[0], memory.read(query[0]), atol=1e-12)
    memory.weights = first
    with pytest.raises(DescriptionError, match="at least one"):
        memory.dual()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_what_was_forgotten_is_still_stored(seed: int) -> None:
    """A layer learns the digits 0, 1, then 2, 3, and tells the first no more; it need not relearn.

    Strengthening the pairs that the first task stored by 3 restores it; after Gershman, Fiete &
    Irie (2025), Key-value memory in the brain, Neuron, arXiv 2501.02950, whose network is deeper.
    Rate and number of pairs were chosen with the held-out digits in view: a check that it works, no
    measure of how well.
    """
    source = digits()
    images = source.images.reshape(-1, 64)
    images = images / np.linalg.norm(images, axis=1, keepdims=True)
    generator = np.random.default_rng(seed)
    order = {
        task: generator.permutation(np.flatnonzero(np.isin(source.labels, task)))
        for task in ((0, 1), (2, 3))
    }
    memory = FastWeights(64, 4, rule="delta", rate=0.05)

    def known(task: tuple[int, int]) -> float:
        held_out = order[task][-60:]
        answers = [np.argmax(memory.read(images[k])) for k in held_out]
        return float(np.mean(answers == source.labels[held_out]))

    def learn(task: tuple[int, int]) -> None:
        for k in order[task][:60]:
            memory.write(images[k], np.eye(4)[source.labels[k]])

    learn((0, 1))
    assert known((0, 1)) > 0.95
    learn((2, 3))
    assert known((0, 1)) < 0.1
    strength = np.repeat([3.0, 1.0], 60)
    dual = memory.dual()
    memory.weights = dual.weights(strength).T
    assert known((0, 1)) > 0.95
    memory.weights = dual.weights(1.0).T  # as they were: still forgotten
    assert known((0, 1)) < 0.1


def test_pairs_that_fade_are_no_sum() -> None:
    memory = FastWeights(3, 2, rule="decay", keep=0.9)
    memory.write(np.ones(3), np.ones(2))
    with pytest.raises(DescriptionError, match="dual"):
        memory.dual()
    with pytest.raises(DescriptionError, match=r"\(2, 3\)"):
        memory.weights = np.zeros((3, 2))
