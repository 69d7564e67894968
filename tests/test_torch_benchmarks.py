"""Benchmarks of trained and converted networks, in small: what they compare is the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import neurosim as ns
from benchmarks import conversion_cost, fashion_training


def test_a_trained_network_tells_the_same_classes_on_the_core(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Three of nine pixels are bright: a small cousin of the benchmark of Fashion-MNIST."""
    monkeypatch.setattr(fashion_training, "SIZES", (9, 24, 3))
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 700)
    images = 2.5 * rng.random((700, 9)).astype(np.float32)  # strong, as there are few pixels
    images[np.arange(700)[:, None], 3 * labels[:, None] + np.arange(3)] += 5
    net = fashion_training.network()
    session: Any = ns.compile(net, "snntorch", precision="single")
    done = fashion_training.train(session.module, images[:512], labels[:512], 4, 5.0)
    assert done == 4
    of_module = fashion_training.told_by_module(session.module, images[512:])
    assert np.mean(of_module == labels[512:]) > 0.9
    of_core = fashion_training.told_by_core(net.with_weights(session.weights()), images[512:562])
    assert (of_core == of_module[:50]).mean() >= 0.98


def test_training_ends_when_its_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fashion_training, "SIZES", (9, 4, 3))
    session: Any = ns.compile(fashion_training.network(), "snntorch", precision="single")
    images, labels = np.zeros((300, 9), np.float32), np.zeros(300, np.int64)
    assert fashion_training.train(session.module, images, labels, 1000, 1e-9) == 0


def test_stepwise_neurons_are_those_of_the_converted_network() -> None:
    torch.manual_seed(1)
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 3))
    images = torch.rand(20, 6)
    steps = conversion_cost.STEPS
    conversion = ns.convert(model.double(), [images], timesteps=steps)
    run = conversion_cost.stepwise(model, list(conversion.thresholds.values()))
    told = conversion.outputs(images[:5])[:, -1]
    for _ in range(2):  # the second call begins anew
        np.testing.assert_allclose(run(images[:5].double()).numpy(), told, atol=1e-9)


def test_both_sides_are_even_where_the_line_says_so() -> None:
    rows: list[dict[str, Any]] = [{"percent": p, "ms": 2 + 100 * p} for p in (0.01, 0.05, 0.1)]
    rows += [{"percent": None, "ms": 4.0}, {"percent": None, "ms": 1.0}]
    conversion_cost.crossovers(rows)
    assert [row["even_percent"] for row in rows] == [None, None, None, pytest.approx(0.02), None]
