"""Learning in the Wilson-Cowan metapopulation on whole data sets, beside the published accuracy.

``python -m benchmarks planted-attractors --data fashion-mnist`` trains on the training pictures
but some, chooses the epoch on those, and judges the test pictures once.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from neurosim_datasets import fashion_mnist, mnist, mnist_sample
from neurosim_models.metapopulation import WilsonCowanMetapopulation, train

PUBLISHED = {"fashion-mnist": 0.8839, "mnist": 0.9813, "mnist-5000": 0.9813}
"""Accuracy on the test pictures after 350 epochs (Fashion-MNIST) and 525 epochs (MNIST) of 300
steps of 200 pictures, spectral parametrization, without convolutions: Marino et al. (2025), Neural
Comput. 37:701-741, and the table of the code published with it. It is of all of MNIST: of 5,000
pictures less can be learned."""

VALIDATION = {"fashion-mnist": 2000, "mnist": 2000, "mnist-5000": 500}
"""How many of the training pictures are kept to choose the epoch."""

VALIDATION_STEPS = 100
"""Euler steps for that."""

TEST_STEPS = 400
"""Euler steps before a picture is classified, as published."""


class Split(NamedTuple):
    """Pictures (n, size) and classes (n,)."""

    images: np.ndarray
    labels: np.ndarray


def load(data: str, folder: Path | None = None) -> tuple[Split, Split]:
    """Return training and test pictures.

    Raises
    ------
    ValueError
        For unknown data, and for MNIST without a folder.
    """
    if data == "mnist-5000":
        every = mnist_sample()
        order = np.random.default_rng(0).permutation(len(every))
        images, labels = every.images[order].reshape(len(every), -1), every.labels[order]
        return Split(images[1000:], labels[1000:]), Split(images[:1000], labels[:1000])
    if data == "fashion-mnist":
        parts = [fashion_mnist(part, folder) for part in ("train", "test")]
    elif data == "mnist" and folder is not None:
        parts = [mnist(folder, part) for part in ("train", "test")]
    else:
        raise ValueError(f"--data {data}: one of {', '.join(PUBLISHED)}; mnist needs --folder")
    whole, test = (Split(p.images.reshape(len(p), -1), p.labels) for p in parts)
    return whole, test


def measure(
    data: str,
    *,
    folder: Path | None = None,
    parametrization: str = "projected",
    epochs: int = 20,
    limit: float | None = None,
    rate: float = 0.1,
    batch: int = 200,
    steps: int = 25,
    precision: str = "single",
    seed: int = 0,
    model_file: Path | None = None,
    say: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Train once and judge once; return settings, accuracies and seconds.

    The learned numbers are written to `model_file`, if there is one, before they are judged.
    """
    whole, test = load(data, folder)
    order = np.random.default_rng(1).permutation(len(whole.labels))
    held = VALIDATION[data]
    chosen, learned = (
        Split(whole.images[part], whole.labels[part]) for part in (order[:held], order[held:])
    )
    model = WilsonCowanMetapopulation(
        size=whole.images.shape[1], n_attractors=10, parametrization=parametrization, seed=seed
    )
    say(f"{data}: {len(learned.labels)} pictures to learn, {held} to choose the epoch, "
        f"{len(test.labels)} to judge; {model}")  # fmt: skip
    cpu = time.process_time()
    training = train(
        model, *learned, epochs=epochs, batch=batch, rate=rate, steps=steps, validation=chosen,
        validation_steps=VALIDATION_STEPS, precision=precision, seed=seed, limit=limit,
        progress=True,
    )  # fmt: skip
    cpu = time.process_time() - cpu
    found = training.model
    if model_file is not None:
        np.savez(model_file, gamma=found.gamma, **found.weights)
    last = found.relax(test.images, TEST_STEPS, precision=precision)
    right = float((found.distances(last).argmin(axis=1) == test.labels).mean())
    parts = np.array_split(training.loss, min(50, len(training.loss)))
    eigenvalues = [found.eigenvalues(k) for k in range(found.n_attractors)]
    return {
        "name": data,
        "accuracy": right,
        "published": PUBLISHED[data],
        "accuracy_at_training_steps": found.accuracy(*test, steps, precision=precision),
        "settled": found.settled(last),
        "validation": training.validation.tolist(),
        "gamma": found.gamma,
        "largest_abscissa": max(float(e.real.max()) for e in eigenvalues),
        "largest_radius": max(float(np.abs(1 + found.dt * e).max()) for e in eigenvalues),
        "optimiser_steps": len(training.loss),
        "epochs": len(training.validation),
        "seconds": training.seconds,
        "cpu_seconds": cpu,
        "parametrization": parametrization,
        "rate": rate, "batch": batch, "euler_steps": steps, "limit": limit,
        "precision": precision, "seed": seed,
        "pictures_learned": len(learned.labels), "pictures_judged": len(test.labels),
        "loss": [float(part.mean()) for part in parts],
    }  # fmt: skip
