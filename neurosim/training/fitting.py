"""A loop over epochs and batches that stays thin: progress, truncation, early stopping."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from neurosim.describe.checks import to_int
from neurosim.engine.progress import reporter
from neurosim.errors import DescriptionError, MissingPackageError, SimulationError

try:
    import torch
except ImportError:
    raise MissingPackageError("torch", "Training", "torch") from None


@dataclass(frozen=True)
class History:
    """What a training was.

    Attributes
    ----------
    losses : tuple of float
        Mean loss of the batches of each epoch.
    scores : tuple of float
        What `score` said after each epoch; () without it.
    best : int
        Epoch (from 0) whose parameters the module has now.
    stopped : bool
        Whether the training ended before its last epoch.
    seconds : float
    """

    losses: tuple[float, ...]
    scores: tuple[float, ...]
    best: int
    stopped: bool
    seconds: float


def train(
    module: Any, batches: Iterable[Any], loss: Callable[[Any, Any], Any], *, epochs: int,
    optimiser: Any = None, call: Callable[[Any], Any] | None = None, truncate: int | None = None,
    score: Callable[[], float] | None = None, patience: int | None = None,
    progress: bool | None = None,
) -> History:  # fmt: skip
    """Train a module.

    Parameters
    ----------
    module : torch.nn.Module
    batches : iterable of (inputs, labels)
        Gone through once an epoch: a list, or a ``torch.utils.data.DataLoader``.
    loss : callable
        (output, labels) -> a scalar tensor.
    epochs : int
    optimiser : torch.optim.Optimizer, optional
        Adam with a rate of 0.001, if left out.
    call : callable, optional
        inputs -> output; ``module(inputs)``, if left out.
    truncate : int, optional
        Backpropagate through so many steps only, at a time: inputs (time, batch, ...) of a
        `session.module`, or a mapping of such, are shown in pieces, and the state is handed on
        without its past. What is minimised is the mean of the losses of the pieces, each weighed
        by its steps (the last may be shorter); weights are changed after the last.
    score : callable, optional
        Called after each epoch, without gradients; the larger, the better.
    patience : int, optional
        Stop after so many epochs without a better score. With `score`, the module has the
        parameters of its best epoch in the end.
    progress : bool, optional
        As in ``session.run``.

    Returns
    -------
    History

    Raises
    ------
    DescriptionError
        If there is no batch, or one that is no pair; if the loss is no single number that depends
        on the parameters; if a combination makes no sense.
    SimulationError
        If a loss, or a gradient, is no finite number: the parameters are those before.
    """
    epochs = to_int(epochs, "train: epochs", at_least=1)
    if truncate is not None:
        truncate = to_int(truncate, "train: truncate", at_least=1)
        if call is not None:
            raise DescriptionError("train: truncate", truncate, "None with call=",
                                   "Pieces are handed to the module itself.")  # fmt: skip
    if patience is not None:
        patience = to_int(patience, "train: patience", at_least=1)
        if score is None:
            raise DescriptionError("train: patience", patience, "None without score=")
    if not isinstance(module, torch.nn.Module):
        raise DescriptionError("train: module", module, "a torch.nn.Module",
                               "That of a session is session.module.")  # fmt: skip
    parameters = [p for p in module.parameters() if p.requires_grad]
    if optimiser is None:
        if not parameters:
            raise DescriptionError(
                "train: module", type(module).__name__, "a module with parameters to be trained",
                "A network has them in its projections, and by learn= in its neurons.",
            )  # fmt: skip
        optimiser = torch.optim.Adam(parameters, lr=1e-3)
    started, best, kept = time.perf_counter(), 0, None
    losses: list[float] = []
    scores: list[float] = []
    with reporter(1, progress, ("training", "epochs")) as report:
        for epoch in range(epochs):
            total, number = 0.0, 0
            for batch in batches:
                inputs, labels = _pair(batch, number)
                optimiser.zero_grad()
                if truncate is None:
                    output = module(inputs) if call is None else call(inputs)
                    value = _scalar(loss(output, labels))
                    value.backward()
                else:
                    value = _in_pieces(module, inputs, labels, loss, truncate)
                total, number = total + float(value.detach()), number + 1
                _require_finite(value, parameters, epoch, number)
                optimiser.step()
            if not number:
                raise DescriptionError(
                    "train: batches", batches, "at least one batch in every epoch",
                    "A generator is used up after the first epoch: hand over a list." if epoch
                    else None,
                )  # fmt: skip
            losses.append(total / number)
            if report is not None:
                report(epoch + 1, epochs)
            if score is None:
                best = epoch
                continue
            with torch.no_grad():
                scores.append(float(score()))
            if not math.isfinite(scores[-1]):
                raise SimulationError(f"train: the score is {scores[-1]} after epoch {epoch}.")
            if kept is None or scores[-1] > scores[best]:
                best, kept = epoch, copy.deepcopy(module.state_dict())
            if patience is not None and epoch - best >= patience:
                break
    if kept is not None:
        module.load_state_dict(kept)
    seconds = time.perf_counter() - started
    return History(tuple(losses), tuple(scores), best, len(losses) < epochs, seconds)


def _in_pieces(module: Any, inputs: Any, labels: Any, loss: Any, steps: int) -> Any:
    """Backpropagate through so many steps at a time; return the mean loss of the steps."""
    by_name = inputs if isinstance(inputs, Mapping) else {None: inputs}
    for name, x in by_name.items():
        place = "train: inputs" if name is None else f"train: inputs[{name!r}]"
        if not isinstance(x, torch.Tensor):
            raise DescriptionError(place, x, "a tensor (time, batch, ...) where truncate= is given")
        if x.ndim < 2 or not len(x):
            raise DescriptionError(place, tuple(x.shape), "the shape (time, batch, ...)")
    lengths = {len(x) for x in by_name.values()}
    if len(lengths) != 1:
        raise DescriptionError("train: inputs", sorted(lengths), "tensors of one number of steps")
    (length,) = lengths
    state, total = None, 0.0
    for first in range(0, length, steps):
        last = min(first + steps, length)
        cut = {name: x[first:last] for name, x in by_name.items()}
        output = module(cut if isinstance(inputs, Mapping) else cut[None], state)
        value = _scalar(loss(output, labels)) * ((last - first) / length)
        value.backward()
        total, state = total + value.detach(), output.state.detach()
    return total


def _pair(batch: Any, number: int) -> tuple[Any, Any]:
    if not isinstance(batch, (tuple, list)) or len(batch) != 2:
        shown = (
            tuple(batch.shape) if isinstance(batch, torch.Tensor)
            else f"{len(batch)} parts" if isinstance(batch, (tuple, list))
            else type(batch).__name__
        )  # fmt: skip
        raise DescriptionError(
            f"train: batches[{number}]", shown, "a pair (inputs, labels)",
            "Without labels it is (inputs, None).",
        )  # fmt: skip
    return batch[0], batch[1]


def _scalar(value: Any) -> Any:
    """Return a loss; refuse what has no gradient."""
    if not isinstance(value, torch.Tensor):
        raise DescriptionError("train: loss", value, "a callable that returns a scalar tensor")
    if value.numel() != 1:
        raise DescriptionError(
            "train: loss", tuple(value.shape), "a callable that returns a scalar tensor",
            "Its mean is one.",
        )  # fmt: skip
    if not value.requires_grad:
        raise DescriptionError(
            "train: loss", float(value), "a loss that depends on the parameters",
            "Without torch.no_grad, and without detach().",
        )  # fmt: skip
    return value


def _require_finite(value: Any, parameters: list[Any], epoch: int, batch: int) -> None:
    gradients = [p.grad for p in parameters if p.grad is not None]
    bad = "loss" if not math.isfinite(float(value.detach())) else None
    if bad is None and not all(bool(torch.isfinite(g).all()) for g in gradients):
        bad = "gradient"
    if bad is not None:
        raise SimulationError(
            f"train: the {bad} is not finite in epoch {epoch}, batch {batch - 1}. The parameters "
            f"are those before. A smaller rate of the optimiser may help."
        )
