"""Tasks one after the other, without forgetting: HLOP, EWC and CLASSP.

Needs the extra `torch`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

import neurosim as ns
from neurosim.describe.checks import to_int
from neurosim.errors import DescriptionError, UnknownNameError
from neurosim.units import to_scalar

Floats = npt.NDArray[np.float64]
Tensors = dict[str, Any]
"""Projection -> tensor."""


def layered_classifier(
    sizes: Sequence[int] = (64, 100, 100, 10), *, gain: float = 3.0, seed: int = 1
) -> ns.Network:
    """Layers of leaky integrate-and-fire neurons that are shown images as currents.

        tau dV/dt = -V + I        fires at V >= 1, and is reset to 0 (tau = 5 steps)

    Neurons of the last layer add up what arrives, and do not fire. There are no biases.

    Parameters
    ----------
    sizes : sequence of int
        Inputs, neurons of each hidden layer, classes.
    gain : float
        Standard deviation of the weights times the root of the number of sources.
    seed : int

    Returns
    -------
    Network
        Populations "layer 0" (the input) to "layer L", joined one to the next, with a step of 1 ms.
    """
    numbers = [to_int(n, "layered_classifier: sizes", at_least=1) for n in sizes]
    if len(numbers) < 2:
        raise DescriptionError("layered_classifier: sizes", sizes, "inputs, classes, and between")
    spread = to_scalar(gain, "1", "layered_classifier: gain", above=0)
    net = ns.Network("layered classifier", seed=seed, dt=1.0)
    layers = [net.population("layer 0", numbers[0], ns.Input("current"))]
    cell = ns.LIF(
        tau_m=5, C_m=5, E_L=0, V_reset=0, V_th=1, t_ref=0, synapses=ns.Delta()
    )  # fmt: skip
    last = ns.PerfectIntegrator(C_m=1, V_th=1e9, synapses=ns.Delta())
    for k, size in enumerate(numbers[1:], 1):
        layers.append(net.population(f"layer {k}", size, last if k == len(numbers) - 1 else cell))
        weight = ns.Normal(0, spread / numbers[k - 1] ** 0.5)
        net.project(layers[-2], layers[-1], ns.AllToAll(), weight=weight, name=f"to {k}")
    net.record(layers[-1], "V_m")
    return net


class Plain:
    """Gradient descent that looks at the present task only: what all others are compared with."""

    def begin(self, weights: Tensors) -> None:
        """A task begins."""

    def gradient(self, name: str, weight: Any, gradient: Any, trace: Any) -> Any:
        """Return what is to be used in place of a gradient.

        Parameters
        ----------
        weight, gradient : (n_pre, n_post) tensor
        trace : (batch, n_pre) tensor
            Mean activity of the presynaptic neurons while each sample was shown.
        """
        return gradient

    def end(self, weights: Tensors, squares: Tensors) -> None:
        """A task ends.

        Parameters
        ----------
        squares : dict
            Projection -> mean square of the gradient of the log likelihood of single batches.
        """


class HLOP(Plain):
    """Hebbian learning with orthogonal projection.

    Beside each layer of sources are *subspace neurons*, y = H x, which learn what directions the
    activities x of a task have, by a Hebbian and an anti-Hebbian term:

        dH = y^T (x - H^T y) / batch            with momentum, five times for each batch

    When a task has ended its rows are kept, and new ones learn what is left over. From the second
    task on, weights change by the part of the presynaptic activity that old tasks do not have, for
    which activity and errors stay as they are:

        dW ~ (x - H_old^T H_old x) error

    Parameters
    ----------
    rows : dict of str to (int, int)
        Projection -> number of subspace neurons for the first task, and for each later one.
    rate : float
        Of H.

    Source: Xiao, Meng, Zhang, He & Lin (2024), Hebbian learning based orthogonal projection for
    continual learning of spiking neural networks, ICLR, and its code, github.com/pkuxmq/HLOP-SNN.
    Subspace neurons are linear here; the paper's option of spiking ones rounds y.
    """

    def __init__(self, rows: dict[str, tuple[int, int]], *, rate: float = 0.05) -> None:
        self._rows, self._rate = rows, rate
        self.old: Tensors = {}
        self.new: Tensors = {}
        self._momentum: Tensors = {}

    def begin(self, weights: Tensors) -> None:
        """Add rows that are orthogonal to each other and to the old ones."""
        for name in self._rows:
            if name not in weights:
                raise UnknownNameError("HLOP: rows", name, weights)
        for name in weights:
            if name not in self._rows:
                raise DescriptionError(
                    "HLOP: rows", sorted(self._rows), f"rows for each projection, also for {name!r}"
                )
        for name, weight in weights.items():
            n = weight.shape[0]
            old = self.old.setdefault(name, torch.zeros(0, n, dtype=weight.dtype))
            wanted = self._rows[name][1 if len(old) else 0]
            wanted = min(wanted, n - len(old))
            seed = torch.Generator().manual_seed(len(old))
            drawn = torch.randn(wanted, n, generator=seed, dtype=weight.dtype)
            drawn = drawn - drawn @ old.T @ old
            self.new[name] = torch.linalg.qr(drawn.T).Q.T.contiguous()
            self._momentum[name] = torch.zeros_like(self.new[name])

    def gradient(self, name: str, weight: Any, gradient: Any, trace: Any) -> Any:
        """Learn the subspace; project the presynaptic side of the gradient."""
        old, new, momentum = self.old[name], self.new[name], self._momentum[name]
        # The size of activities does not matter for their directions, but for the rate.
        x = trace / trace.norm(dim=1).mean().clamp_min(1e-12)
        rest = x - x @ old.T @ old
        for _ in range(5):
            y = rest @ new.T
            hebb = y.T @ (rest - y @ new) / len(x)
            momentum.mul_(0.9).add_(hebb.clamp(-10, 10))
            new.add_(momentum, alpha=self._rate)
        return gradient - old.T @ (old @ gradient)

    def end(self, weights: Tensors, squares: Tensors) -> None:
        """Keep the rows, made orthonormal to rounding."""
        for name in weights:
            rows = torch.cat([self.old[name], self.new[name]])
            self.old[name] = torch.linalg.qr(rows.T).Q.T.contiguous()


class EWC(Plain):
    """Elastic weight consolidation: weights are tied to what they were, by what they mattered.

        loss + strength/2 sum F (w - w*)^2      F: mean square of the gradients at the end of a task

    Parameters
    ----------
    strength : float

    Source: Kirkpatrick et al. (2017), PNAS 114:3521, equation 3, with one sum over old tasks.
    """

    def __init__(self, strength: float) -> None:
        self._strength = strength
        self._ties: list[tuple[Tensors, Tensors]] = []

    def gradient(self, name: str, weight: Any, gradient: Any, trace: Any) -> Any:
        """Add the pull towards the weights of old tasks."""
        for where, stiff in self._ties:
            gradient = gradient + self._strength * stiff[name] * (weight - where[name])
        return gradient

    def end(self, weights: Tensors, squares: Tensors) -> None:
        """Tie the weights to what they are now."""
        self._ties.append(({n: w.clone() for n, w in weights.items()}, squares))


class CLASSP(Plain):
    """Small gradients change nothing, and each change makes the next ones of its weight smaller.

        where g^2 > threshold:   s += |g|^p,   w -= rate g / (eps + s)^(1/p)

    Parameters
    ----------
    threshold : float
    power, eps : float

    Source: Ludwig (2024), CLASSP: a biologically-inspired approach to continual learning through
    adjustment suppression and sparsity promotion, arXiv 2405.09637.
    """

    def __init__(self, threshold: float, *, power: float = 1.0, eps: float = 1.0) -> None:
        self._threshold, self._power, self._eps = threshold, power, eps
        self._sums: Tensors = {}

    def gradient(self, name: str, weight: Any, gradient: Any, trace: Any) -> Any:
        """Suppress what is small, and slow down what has changed."""
        large = gradient**2 > self._threshold
        total = self._sums.setdefault(name, torch.zeros_like(weight))
        total += torch.where(large, gradient.abs() ** self._power, 0.0)
        return torch.where(large, gradient / (self._eps + total) ** (1 / self._power), 0.0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Continual:
    """How well each task was known after each.

    Attributes
    ----------
    accuracies : (n_tasks, n_tasks) float64
        Row i: after task i was learned, of all tasks.
    """

    accuracies: Floats

    @property
    def accuracy(self) -> float:
        """ACC: mean accuracy of all tasks at the end."""
        return float(self.accuracies[-1].mean())

    @property
    def backward_transfer(self) -> float:
        """BWT: mean change of the accuracy of tasks since they were learned; forgetting is < 0.

        Raises
        ------
        DescriptionError
            After a single task, which nothing followed.
        """
        if len(self.accuracies) < 2:
            raise DescriptionError(
                "Continual.backward_transfer: number of tasks", len(self.accuracies), "2 or more"
            )
        learned = np.diagonal(self.accuracies)[:-1]
        return float((self.accuracies[-1, :-1] - learned).mean())


def learn_tasks(
    network: ns.Network, tasks: Sequence[tuple[Any, Any, Any, Any]], rule: Plain | None = None, *,
    backend: Any = "snntorch", epochs: int = 4, steps: int = 8, rate: float = 1.0,
    batch: int = 64, seed: int = 1, tell: Callable[[str], None] | None = None,
) -> Continual:  # fmt: skip
    """Learn tasks one after the other by surrogate gradients; each is seen once only.

    The network is the module of PyTorch that a backend makes of the description.

    Parameters
    ----------
    network : Network
        From `layered_classifier`.
    tasks : sequence of (images, labels, images, labels)
        Training and test data of each; images (n, ...) in [0, 1].
    rule : Plain, optional
        What protects old tasks.
    backend : str or object
        Of `ns.compile`, with modules: ``SnnTorch(surrogate="atan", slope=2.0)`` lets gradients pass
        farther than its default.
    epochs, steps, batch : int
        `steps` is how long an image is shown, in steps of the network.
    rate : float
        Of the descent.
    seed : int
        Of the order of samples.
    tell : callable, optional
        Is told of the progress.

    Returns
    -------
    Continual
    """
    rule = Plain() if rule is None else rule
    place = "learn_tasks"
    epochs, steps, batch = (
        to_int(n, f"{place}: {name}", at_least=1)
        for name, n in (("epochs", epochs), ("steps", steps), ("batch", batch))
    )
    rate = to_scalar(rate, "1", f"{place}: rate", at_least=0)
    populations = list(network.populations.values())
    if not len(tasks):
        raise DescriptionError(f"{place}: tasks", tasks, "one task or more")
    for k, task in enumerate(tasks):
        _check_task(task, len(populations[0]), len(populations[-1]), f"{place}: tasks[{k}]")
    session = ns.compile(network, backend, precision="single")
    module: Any = session.module  # type: ignore[attr-defined]
    layers = list(network.populations)
    parameters = {f"to {k}": module.projections[f"to {k}"].weight for k in range(1, len(layers))}
    order = torch.Generator().manual_seed(seed)

    def shown(images: Any) -> tuple[Any, list[Any]]:
        """Return what the last layer adds up, and the mean activity of each layer before it."""
        x = torch.as_tensor(np.asarray(images, np.float32)).reshape(len(images), -1)
        output = module(x.expand(steps, *x.shape), record=[(layers[-1], "V_m")])
        traces = [x, *(output.spikes[layer].mean(dim=0) for layer in layers[1:-1])]
        return output.states[layers[-1], "V_m"][-1] / steps, traces

    def right(images: Any, labels: Any) -> float:
        with torch.no_grad():
            answers = shown(images)[0].argmax(dim=1).numpy()
        return float((answers == np.asarray(labels)).mean())

    accuracies = np.zeros((len(tasks), len(tasks)))
    for number, (images, labels, _, _) in enumerate(tasks):
        rule.begin({n: p.detach() for n, p in parameters.items()})
        wanted = torch.as_tensor(np.asarray(labels, np.int64))
        for epoch in range(epochs):
            last = epoch == epochs - 1
            squares = {name: torch.zeros_like(p) for name, p in parameters.items()}
            batches = torch.randperm(len(wanted), generator=order).split(batch)
            for chosen in batches:
                scores, traces = shown(np.asarray(images)[chosen.numpy()])
                loss = torch.nn.functional.cross_entropy(scores, wanted[chosen])
                gradients = torch.autograd.grad(loss, list(parameters.values()))
                with torch.no_grad():
                    for (name, p), g, trace in zip(
                        parameters.items(), gradients, traces, strict=True
                    ):
                        squares[name] += g**2 / len(batches)
                        p -= rate * rule.gradient(name, p, g, trace.detach())
            if last:
                rule.end({n: p.detach() for n, p in parameters.items()}, squares)
        accuracies[number] = [right(seen, known) for _, _, seen, known in tasks]
        if tell is not None:
            tell(f"task {number + 1} of {len(tasks)}: {np.round(accuracies[number], 3)}")
    return Continual(accuracies=accuracies)


def _check_task(task: Any, n_inputs: int, n_classes: int, place: str) -> None:
    """Refuse images that are no numbers, or do not fit the network, and labels without a class."""
    if len(task) != 4:
        raise DescriptionError(place, task, "(images, labels, images, labels)")
    for what, images, labels in (("trained", *task[:2]), ("tested", *task[2:])):
        shown, known = _numbers(images, f"{place}: {what} images"), np.asarray(labels)
        if shown.size != len(shown) * n_inputs or not len(shown):
            raise DescriptionError(
                f"{place}: {what} images", shown, f"images of {n_inputs} numbers, one or more"
            )
        wrong = shown[~np.isfinite(shown)]
        if wrong.size:
            raise DescriptionError(f"{place}: {what} images", wrong[0], "finite numbers")
        if known.shape != (len(shown),) or known.dtype.kind not in "iu":
            raise DescriptionError(
                f"{place}: {what} labels", known, f"{len(shown)} integers, one for each image"
            )
        strange = known[(known < 0) | (known >= n_classes)]
        if strange.size:
            raise DescriptionError(
                f"{place}: {what} labels", strange[0], f"classes from 0 to {n_classes - 1}"
            )


def _numbers(images: Any, place: str) -> Floats:
    try:
        found = np.asarray(images, np.float64)
    except (TypeError, ValueError):
        raise DescriptionError(place, images, "an array of numbers, (n, ...)") from None
    if found.ndim < 2:
        raise DescriptionError(place, found, "an array of numbers, (n, ...)")
    return found


def permuted(images: Any, labels: Any, n_tasks: int, *, held: int, seed: int = 1) -> list[Any]:
    """Return tasks that differ in the order of their pixels only.

    Parameters
    ----------
    images : (n, ...) array
    labels : (n,) array of int
    n_tasks : int
        The first leaves pixels where they are.
    held : int
        How many of the images are kept for testing, the last in a random order.
    seed : int

    Returns
    -------
    list of (images, labels, images, labels)
    """
    shown, known = _numbers(images, "permuted: images"), np.asarray(labels)
    n = len(shown)
    if known.shape != (n,):
        raise DescriptionError("permuted: labels", known, f"{n}, one for each image")
    n_tasks = to_int(n_tasks, "permuted: n_tasks", at_least=1)
    held = to_int(held, "permuted: held", at_least=1)
    if held >= n:
        raise DescriptionError(
            "permuted: held", held, f"less than {n}, the number of images: some are learned"
        )
    rng = np.random.default_rng(seed)
    flat = shown.reshape(n, -1)
    order = rng.permutation(n)
    flat, known = flat[order], known[order]
    tasks = []
    for k in range(n_tasks):
        moved = flat[:, rng.permutation(flat.shape[1])] if k else flat
        tasks.append((moved[:-held], known[:-held], moved[-held:], known[-held:]))
    return tasks
