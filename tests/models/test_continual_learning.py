"""Permuted digits one after the other: what is forgotten, and what keeps it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

import neurosim as ns
from neurosim_backends.snntorch import SnnTorch
from neurosim_datasets import digits
from neurosim_models.continual_learning import (
    CLASSP,
    EWC,
    HLOP,
    Continual,
    Plain,
    layered_classifier,
    learn_tasks,
    permuted,
)

ROWS = {"to 1": (30, 12), "to 2": (36, 20), "to 3": (36, 20)}


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Several wait for each other longer than such small products take."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def activities(n: int, rank: int, seed: int) -> torch.Tensor:
    """Samples whose directions matter less and less: (n, 40)."""
    rng = np.random.default_rng(seed)
    basis = np.linalg.qr(rng.normal(size=(40, rank)))[0] * np.linspace(1, 0.3, rank)
    noise = 0.02 * rng.normal(size=(n, 40))
    return torch.tensor(rng.normal(size=(n, rank)) @ basis.T + noise)


def learned_subspace(rule: HLOP, x: torch.Tensor) -> None:
    weight = {"p": torch.zeros(40, 5, dtype=torch.float64)}
    rule.begin(weight)
    for batch in x.repeat(40, 1).split(50):
        rule.gradient("p", weight["p"], weight["p"], batch)
    rule.end(weight, weight)


def test_subspace_neurons_find_the_directions_of_a_task_and_then_those_of_the_next() -> None:
    first, second = activities(200, 6, 1), activities(200, 4, 2)
    rule = HLOP({"p": (6, 4)})
    learned_subspace(rule, first)
    rows = rule.old["p"]
    assert rows.shape == (6, 40)
    best = torch.linalg.svdvals(first)[:6].square().sum()
    assert (first @ rows.T).square().sum() > 0.99 * best
    learned_subspace(rule, second)
    rows = rule.old["p"]
    assert rows.shape == (10, 40)
    torch.testing.assert_close(rows @ rows.T, torch.eye(10, dtype=torch.float64))
    for x in (first, second):
        assert (x @ rows.T).square().sum() > 0.97 * x.square().sum()
    # What old tasks told the next layer stays; and what the new one may learn is not nothing.
    gradient = torch.randn(40, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    rule.begin({"p": gradient})
    used = rule.gradient("p", gradient, gradient, first[:10])
    assert (first @ used).norm() < 0.2 * (first @ gradient).norm()
    assert used.norm() > 0.5 * gradient.norm()
    # Rows that do not learn are those of chance.
    still = HLOP({"p": (6, 4)}, rate=0)
    learned_subspace(still, first)
    assert (first @ still.old["p"].T).square().sum() < 0.5 * best


@pytest.mark.compiled
def test_plain_descent_forgets_and_projection_does_not() -> None:
    """Of three tasks, three seeds: ACC 0.705 to 0.736 and BWT -0.32 to -0.28 without anything,
    0.804 to 0.831 and -0.056 to -0.033 with HLOP. Here two tasks, one seed.
    """
    data = digits()
    tasks = permuted(data.images, data.labels, 2, held=360)

    def outcome(rule: Plain) -> Continual:
        backend = SnnTorch(surrogate="atan", slope=2.0)
        return learn_tasks(layered_classifier((64, 80, 80, 10)), tasks, rule, backend=backend)

    plain, protected = outcome(Plain()), outcome(HLOP(ROWS))
    assert plain.accuracies[0, 0] == protected.accuracies[0, 0] > 0.85
    assert plain.accuracies[0, 1] < 0.3  # the second task is another one
    assert plain.backward_transfer < -0.08
    assert protected.backward_transfer > -0.06
    assert protected.backward_transfer > plain.backward_transfer + 0.08
    assert protected.accuracy > plain.accuracy
    assert protected.accuracies[1, 1] > 0.8


def test_the_other_rules_hold_what_mattered() -> None:
    weight = torch.tensor([[1.0, 2.0]])
    pull = EWC(strength=10.0)
    pull.end({"p": weight}, {"p": torch.tensor([[0.5, 0.0]])})
    moved, none = weight + 0.1, torch.zeros(1, 2)
    torch.testing.assert_close(pull.gradient("p", moved, none, none), torch.tensor([[0.5, 0.0]]))
    assert not EWC(strength=10.0).gradient("p", moved, none, none).any()  # no task has ended

    slow = CLASSP(threshold=0.01, power=2.0, eps=1.0)
    gradient = torch.tensor([[0.05, 0.5]])
    first = slow.gradient("p", weight, gradient, none)
    torch.testing.assert_close(first, torch.tensor([[0.0, 0.5 / 1.25**0.5]]))
    second = slow.gradient("p", weight, gradient, none)
    torch.testing.assert_close(second, torch.tensor([[0.0, 0.5 / 1.5**0.5]]))


def test_measures_and_what_is_refused() -> None:
    outcome = Continual(accuracies=np.array([[0.9, 0.1, 0.1], [0.7, 0.8, 0.1], [0.5, 0.7, 0.9]]))
    assert outcome.accuracy == pytest.approx(0.7)
    assert outcome.backward_transfer == pytest.approx((-0.4 - 0.1) / 2)
    with pytest.raises(ns.DescriptionError, match="layered_classifier: sizes"):
        layered_classifier((10,))
    images = np.arange(40.0).reshape(10, 4) / 40
    tasks = permuted(images, np.arange(10), 2, held=3)
    assert [part.shape for part in tasks[1]] == [(7, 4), (7,), (3, 4), (3,)]
    assert np.array_equal(np.sort(tasks[0][0], axis=1), np.sort(tasks[1][0], axis=1))
    assert not np.array_equal(tasks[0][0], tasks[1][0])
    for held in (0, 10, -1):
        with pytest.raises(ns.DescriptionError, match="permuted: held"):
            permuted(images, np.arange(10), 2, held=held)
    with pytest.raises(ns.DescriptionError, match="permuted: labels"):
        permuted(images, np.arange(9), 2, held=3)
    with pytest.raises(ns.DescriptionError, match="number of tasks is 1; expected 2 or more"):
        _ = Continual(accuracies=np.array([[0.9]])).backward_transfer


def test_tasks_that_cannot_be_learned_are_refused() -> None:
    images, labels = np.full((4, 3), 0.5), np.array([0, 1, 1, 0])
    network = layered_classifier((3, 4, 2))

    def learn(*task: Any, rule: Plain | None = None, **options: Any) -> None:
        learn_tasks(network, [task or (images, labels, images, labels)], rule, **options)

    missing = np.where(np.eye(4, 3) > 0, np.nan, images)
    with pytest.raises(ns.DescriptionError, match=r"tasks\[0\]: trained images is nan"):
        learn(missing, labels, images, labels)
    with pytest.raises(ns.DescriptionError, match="tested images"):
        learn(images, labels, images[:, :2], labels)
    with pytest.raises(ns.DescriptionError, match="trained labels is 2; expected classes from 0"):
        learn(images, labels * 2, images, labels)
    with pytest.raises(ns.DescriptionError, match="tested labels"):
        learn(images, labels, images, labels[:2])
    wrong: dict[str, Any]
    for option in ("epochs", "steps", "batch"):
        wrong = {option: 0}
        with pytest.raises(ns.DescriptionError, match=option):
            learn(**wrong)
    with pytest.raises(ns.DescriptionError, match=r"HLOP: rows .*also for 'to 2'"):
        learn(rule=HLOP({"to 1": (1, 1)}))
    with pytest.raises(ns.UnknownNameError, match="HLOP: rows is 'to 3'"):
        learn(rule=HLOP({"to 1": (1, 1), "to 2": (1, 1), "to 3": (1, 1)}))
