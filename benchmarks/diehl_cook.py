"""Digits learned without labels by the network of Diehl & Cook (2015): how fast, and how well.

``python -m benchmarks diehl-cook`` shows digits of the 5,000 to the network, gives each neuron the
class it answers to most, and judges digits that were never shown.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from neurosim_datasets import mnist_sample
from neurosim_models import DiehlCook, diehl_cook
from neurosim_models.diehl_cook_2015 import assigned, predicted

PUBLISHED = 0.870
"""Accuracy of 400 neurons on the 10,000 test digits after three times 60,000 digits, with 60,000
more to assign classes (Diehl & Cook, 2015). Fewer digits teach less."""

AT_ONCE = 100
"""Digits between two lines of progress."""


def measure(
    *,
    learn: int = 3000,
    assign: int = 1000,
    judge: int = 1000,
    seed: int = 1,
    neurons: int = 400,
    threads: int | None = None,
    precision: Literal["single", "double"] = "single",
    say: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Learn, assign and judge; return rates of presentation and the accuracy.

    Digits to assign classes with are those learned last; digits to judge are no others' part.
    Repeated presentations of digits that made too few spikes count as presented.
    """
    data = mnist_sample()
    if learn + judge > len(data) or assign > learn:
        raise ValueError(
            f"--learn {learn} --assign {assign} --judge {judge}: learn + judge is at most "
            f"{len(data)}, assign at most learn"
        )
    order = np.random.default_rng(seed).permutation(len(data))
    images, labels = data.images[order], data.labels[order]
    model = DiehlCook(diehl_cook(neurons=neurons, seed=seed), threads=threads, precision=precision)
    model.normalise()  # and what is compiled or ordered once

    def shown(
        present: Callable[[Any], Any], first: int, last: int, what: str
    ) -> tuple[Any, dict[str, float]]:
        counts = []
        started, cpu, before = time.perf_counter(), time.process_time(), model.presented
        for start in range(first, last, AT_ONCE):
            counts.append(present(images[start : min(start + AT_ONCE, last)]))
            say(f"{what}: {min(start + AT_ONCE, last) - first} of {last - first}")
        return np.concatenate(counts), _speed(model.presented - before, started, cpu)

    _, learning = shown(model.learn, 0, learn, "learn")
    responses, _ = shown(model.respond, learn - assign, learn, "assign")
    classes = assigned(responses, labels[learn - assign : learn])
    answers, judging = shown(model.respond, len(data) - judge, len(data), "judge")
    right = float((predicted(answers, classes) == labels[len(data) - judge :]).mean())
    return {
        "name": f"{neurons} neurons, seed {seed}",
        "accuracy": right,
        "published": PUBLISHED,
        "learned": learn, "assigned": assign, "judged": judge, "seed": seed, "neurons": neurons,
        "threads": threads, "precision": precision,
        **{f"learning_{key}": x for key, x in learning.items()},
        **{f"judging_{key}": x for key, x in judging.items()},
    }  # fmt: skip


def _speed(presented: int, started: float, cpu: float) -> dict[str, float]:
    seconds, processor = time.perf_counter() - started, time.process_time() - cpu
    return {
        "presented": presented,
        "seconds": seconds,
        "digits_per_second": presented / seconds,
        "processor_ms_per_digit": 1000 * processor / presented,
    }
