"""Learning by back-propagation through the Euler steps.

The loss of an image is the mean squared distance of x after some steps from the attractor of its
class. What is learned are the numbers that the coupling is made of, and log(gamma): gamma itself
could turn negative under a large step.

Source: Marino et al. (2025), Neural Comput. 37:701-741, arXiv:2406.16453; Adam: Kingma & Ba (2015),
arXiv:1412.6980; the one-cycle schedule: Smith & Topin (2019), arXiv:1708.07120.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

import neurosim as ns
from neurosim.describe.checks import check_bool, to_int
from neurosim.errors import DescriptionError, UnknownNameError
from neurosim.units import to_scalar
from neurosim_models.metapopulation.couplings import PARAMETRIZATIONS
from neurosim_models.metapopulation.dynamics import back, unroll
from neurosim_models.metapopulation.model import WilsonCowanMetapopulation, real_of

Array = npt.NDArray[Any]
SCHEDULES = ("one_cycle", "constant")


class Gradient(NamedTuple):
    """A loss and its derivatives.

    Attributes
    ----------
    loss : float
        Mean over images and nodes of the squared distance from the attractor of the class.
    penalty : float
        What is added to keep the eigenvectors apart; 0 for the projected parametrization.
    by_weights : dict of str to array
        Derivatives of both together by the numbers of the coupling.
    by_log_gamma : float
    """

    loss: float
    penalty: float
    by_weights: dict[str, Array]
    by_log_gamma: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Training:
    """What was learned, and how it went.

    Attributes
    ----------
    model : WilsonCowanMetapopulation
        As it was after the epoch with the best validation accuracy; without validation images
        after the last one.
    loss : (n_steps,) array
        Loss of the batch of each step, with penalty.
    rate : (n_steps,) array
        Learning rate of each step.
    validation : (n_epochs,) array
        Accuracy on the validation images after each epoch; empty without them.
    seconds : float
        Wall time.
    """

    model: WilsonCowanMetapopulation
    loss: npt.NDArray[np.float64]
    rate: npt.NDArray[np.float64]
    validation: npt.NDArray[np.float64]
    seconds: float


@dataclass(slots=True, kw_only=True)
class Adam:
    """Steps of a size of their own for every number, from running means of its derivative.

    Attributes
    ----------
    mean, square : float
        Decay per step of the running means of the derivative and of its square.
    least : float
        Added to the root of the latter.
    """

    mean: float = 0.9
    square: float = 0.999
    least: float = 1e-7
    _steps: int = 0
    _means: dict[str, Array] = field(default_factory=dict)
    _squares: dict[str, Array] = field(default_factory=dict)

    def step(
        self, numbers: dict[str, Array], derivatives: Mapping[str, Array], rate: float
    ) -> None:
        """Change `numbers` in place."""
        self._steps += 1
        unbiased = math.sqrt(1 - self.square**self._steps) / (1 - self.mean**self._steps)
        for name, derivative in derivatives.items():
            m = self._means.setdefault(name, np.zeros_like(numbers[name]))
            v = self._squares.setdefault(name, np.zeros_like(numbers[name]))
            m += (1 - self.mean) * (derivative - m)
            v += (1 - self.square) * (derivative * derivative - v)
            numbers[name] -= (rate * unbiased) * m / (np.sqrt(v) + self.least)


def one_cycle(step: float, steps: float, highest: float) -> float:
    """Return the learning rate of a step: up on a cosine for 30 % of the steps, then down.

    `step` counts from 0, and need not be whole where time is what passes. The rate begins at a
    25th of `highest` and ends at a 10,000th of that.
    """
    turn = 0.3 * steps - 1
    last = steps - 1
    first, end = highest / 25, highest / 25e4
    if turn > 0 and step <= turn:
        low, phase = first, step / turn
    else:
        low, phase = end, 1 - (step - turn) / (last - turn) if last > turn else 0.0
    return low + (highest - low) * (1 - math.cos(math.pi * phase)) / 2


def gradient(
    model: WilsonCowanMetapopulation,
    images: Any,
    labels: Any,
    *,
    steps: int = 25,
    penalty: float = 0.01,
    precision: str = "double",
) -> Gradient:
    """Return the loss of some images and its derivatives.

    Parameters
    ----------
    model : WilsonCowanMetapopulation
    images : (n, size) array
        Initial x and y.
    labels : (n,) int array
        Which attractor each should reach.
    steps : int
        Euler steps to the state that is judged.
    penalty : float
        Factor of the mean |cos| between the learned eigenvectors ("spectral" only).
    precision : {"double", "single"}
    """
    starts = model.states(images, "gradient: images")
    truth = model.labels(labels, len(starts), "gradient")
    real = real_of(precision, "gradient: precision")
    numbers = {name: array.astype(real) for name, array in model.weights.items()}
    factor = to_scalar(penalty, "1", "gradient: penalty", at_least=0)
    count = to_int(steps, "gradient: steps", at_least=1)
    return _gradient(
        model, numbers, model.gamma, starts.astype(real), model.attractors.astype(real)[truth],
        count, factor,
    )  # fmt: skip


def _gradient(
    model: WilsonCowanMetapopulation,
    numbers: dict[str, Array],
    gamma: float,
    starts: Array,
    targets: Array,
    steps: int,
    penalty: float,
) -> Gradient:
    """Return the gradient at other numbers than those of the model, in their precision."""
    parametrization = PARAMETRIZATIONS[model.parametrization]
    real = starts.dtype.type
    fixed = model.fixed.astype(real)
    strength = real(model.strength)
    coupling = strength * parametrization.matrix(numbers, fixed)
    run = unroll(model.node, gamma, model.dt, coupling, starts, starts, steps)
    off = run.x[-1] - targets
    loss = float(np.mean(np.square(off), dtype=np.float64))
    found = back(model.node, gamma, model.dt, coupling, run, off * real(2 / off.size))
    by_weights = parametrization.derivatives(numbers, fixed, strength * found.by_coupling)
    added = 0.0
    if penalty:
        added, more = parametrization.penalty(numbers)
        for name, derivative in more.items():
            by_weights[name] += real(penalty) * derivative
    return Gradient(loss, penalty * added, by_weights, found.by_log_gamma)


def train(
    model: WilsonCowanMetapopulation,
    images: Any,
    labels: Any,
    *,
    epochs: int,
    batch: int = 200,
    rate: float = 0.1,
    schedule: str = "one_cycle",
    steps: int = 25,
    penalty: float = 0.01,
    validation: tuple[Any, Any] | None = None,
    validation_steps: int = 400,
    precision: str = "double",
    seed: int = 0,
    limit: float | None = None,
    progress: bool = False,
) -> Training:
    """Learn to send images to the attractors of their classes.

    Parameters
    ----------
    model : WilsonCowanMetapopulation
        Where to begin; it stays as it is.
    images : (n, size) array
        Initial x and y; (n, height, width) is flattened.
    labels : (n,) int array
    epochs, batch : int
        Passes over all images, and images per step; those left over at the end of an epoch are
        left out of it. Images are shuffled anew in every epoch.
    rate : float
        Learning rate, the highest one of a cycle.
    schedule : {"one_cycle", "constant"}
    steps, penalty, precision
        As for `gradient`. The images used in the paper need 25 (MNIST) and 35 (Fashion-MNIST).
    validation : (images, labels), optional
        Judged after every epoch; the epoch at which they are classified best is kept.
    validation_steps : int
        Euler steps for that.
    seed : int
        Of the order of images.
    limit : float, optional
        Wall time [s] after which learning ends. The schedule then follows the time where this
        is ahead of the steps, so that a cycle ends with it; results depend on the machine.
    progress : bool
        Whether to show a bar.

    Returns
    -------
    Training

    Raises
    ------
    DescriptionError
        If images and labels do not fit the model, or a number is none.
    SimulationError
        If the loss leaves the finite numbers.
    """
    starts = model.states(images, "train: images")
    truth = model.labels(labels, len(starts), "train")
    real = real_of(precision, "train: precision")
    highest = to_scalar(rate, "1", "train: rate", at_least=0)
    factor = to_scalar(penalty, "1", "train: penalty", at_least=0)
    counts = {"epochs": epochs, "batch": batch, "steps": steps}
    n_epochs, size, n_steps = (
        to_int(value, f"train: {name}", at_least=1) for name, value in counts.items()
    )
    if size > len(starts):
        raise DescriptionError("train: batch", size, f"at most {len(starts)}, the number of images")
    if schedule not in SCHEDULES:
        raise UnknownNameError("train: schedule", schedule, SCHEDULES)
    seconds = None if limit is None else to_scalar(limit, "1", "train: limit", above=0)
    check_bool(progress, "train: progress")
    if validation is not None:
        judged = model.states(validation[0], "train: validation images")
        judges = model.labels(validation[1], len(judged), "train: validation")
    generator = np.random.Generator(np.random.Philox(to_int(seed, "train: seed")))

    pixels, planted = starts.astype(real), model.attractors.astype(real)
    numbers = {name: array.astype(real) for name, array in model.weights.items()}
    log_gamma = np.array(math.log(model.gamma))
    numbers["log_gamma"] = log_gamma
    adam = Adam()
    per_epoch = len(starts) // size
    losses: list[float] = []
    rates: list[float] = []
    scores: list[float] = []
    best = model
    began = perf_counter()

    def learned() -> WilsonCowanMetapopulation:
        weights = {n: numbers[n].astype(np.float64) for n in model.weights}
        return model.with_weights(weights, math.exp(float(numbers["log_gamma"])))

    from tqdm.auto import tqdm

    with tqdm(total=n_epochs * per_epoch, disable=not progress, unit="step") as bar:
        for _ in range(n_epochs):
            order = generator.permutation(len(starts))
            for part in range(per_epoch):
                chosen = order[part * size : (part + 1) * size]
                done, total = float(len(losses)), float(n_epochs * per_epoch)
                if seconds is not None:
                    share = (perf_counter() - began) / seconds
                    done = max(done, share * total)
                    if share >= 1:
                        break
                now = highest
                if schedule == "one_cycle":
                    now = one_cycle(done, total, highest)
                weights = {name: numbers[name] for name in model.weights}
                gamma = math.exp(float(numbers["log_gamma"]))
                with np.errstate(over="ignore", invalid="ignore"):
                    found = _gradient(
                        model, weights, gamma, pixels[chosen], planted[truth[chosen]], n_steps,
                        factor,
                    )  # fmt: skip
                if not math.isfinite(found.loss + found.penalty + found.by_log_gamma):
                    raise ns.SimulationError(
                        f"train: the loss leaves the finite numbers at step {len(losses)}, at a "
                        f"learning rate of {now:g}. A smaller rate or fewer steps keep it."
                    )
                by = {**found.by_weights, "log_gamma": np.array(found.by_log_gamma)}
                adam.step(numbers, by, now)
                losses.append(found.loss + found.penalty)
                rates.append(now)
                bar.update()
            if validation is not None:
                candidate = learned()
                score = candidate.accuracy(judged, judges, validation_steps, precision=precision)
                if not scores or score > max(scores):
                    best = candidate
                scores.append(score)
                bar.set_postfix(accuracy=f"{score:.3f}")
            if seconds is not None and perf_counter() - began >= seconds:
                break
    return Training(
        model=learned() if validation is None else best,
        loss=np.array(losses),
        rate=np.array(rates),
        validation=np.array(scores),
        seconds=perf_counter() - began,
    )
