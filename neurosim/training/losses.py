"""What training minimises: losses on counts, rates, membranes and times of spikes.

Spikes and states on a grid are (time, batch, n), as `session.module` returns them; spike times are
(batch, n), as `first_spikes` makes them of these or of what an event module returns.
"""

from __future__ import annotations

import math
from typing import Any, Literal

from neurosim.errors import DescriptionError, MissingPackageError, UnknownNameError
from neurosim.units import to_scalar

try:
    import torch
except ImportError:
    raise MissingPackageError("torch", "Training", "torch") from None


def count_loss(spikes: Any, labels: Any, *, scale: float = 1.0) -> Any:
    """Return the cross-entropy of the numbers of spikes: most should come from the right neuron.

    Parameters
    ----------
    spikes : (time, batch, n) tensor
    labels : (batch,) int64 tensor
        Below n.
    scale : float
        A spike counts so much in the logits.
    """
    _require(spikes, 3, "count_loss: spikes", "(time, batch, n)")
    scale = to_scalar(scale, "1", "count_loss: scale")
    logits = scale * spikes.sum(0)
    return torch.nn.functional.cross_entropy(logits, _checked(labels, logits, "count_loss"))


def rate_loss(
    spikes: Any, labels: Any, *, right: float, wrong: float = 0.0, dt: float = 1.0
) -> Any:
    """Return the mean squared distance of the rates from those that are wanted.

    Parameters
    ----------
    spikes : (time, batch, n) tensor
    labels : (batch,) int64 tensor
    right, wrong : float
        Rates [Hz] wanted of the neuron of the label, above 0, and of all others. A `wrong` above 0
        keeps these neurons from falling silent.
    dt : float
        Time step [ms].

    Returns
    -------
    tensor
        As a part of ``right**2``, so that 1 is what silence would cost the right neuron.
    """
    _require(spikes, 3, "rate_loss: spikes", "(time, batch, n)")
    dt = to_scalar(dt, "ms", "rate_loss: dt", above=0)
    right = to_scalar(right, "Hz", "rate_loss: right", above=0)
    wrong = to_scalar(wrong, "Hz", "rate_loss: wrong", at_least=0)
    rates = 1000.0 / dt * spikes.mean(0)
    labels = _checked(labels, rates, "rate_loss")
    wanted = torch.full_like(rates, wrong)
    wanted[torch.arange(len(labels)), labels] = right
    return ((rates - wanted) ** 2).mean() / right**2


def membrane_loss(
    states: Any, labels: Any, *, reduce: Literal["max", "mean", "last"] = "max", scale: float = 1.0
) -> Any:
    """Return the cross-entropy of the potentials of output neurons.

    Parameters
    ----------
    states : (time, batch, n) tensor
        Such as ``module(x, record=[("out", "V_m")]).states["out", "V_m"]``.
    labels : (batch,) int64 tensor
    reduce : {"max", "mean", "last"}
        What of each course in time is the logit.
    scale : float
        1/mV.
    """
    found = {"max": lambda: states.amax(0), "mean": lambda: states.mean(0),
             "last": lambda: states[-1]}  # fmt: skip
    if reduce not in found:
        raise UnknownNameError("membrane_loss: reduce", reduce, found)
    _require(states, 3, "membrane_loss: states", "(time, batch, n)")
    scale = to_scalar(scale, "1", "membrane_loss: scale")
    logits = scale * found[reduce]()
    return torch.nn.functional.cross_entropy(logits, _checked(labels, logits, "membrane_loss"))


def first_spikes(spikes: Any, *, dt: float | None = None) -> Any:
    """Return when each neuron first fires.

    Parameters
    ----------
    spikes : tensor
        (batch, n, n_spikes) spike times [ms] of an event module, ascending, infinite where there is
        no more; or, with `dt`, (time, batch, n) spikes on a grid, as their numbers.
    dt : float, optional
        Time step [ms].

    Returns
    -------
    (batch, n) tensor
        [ms]. Neurons that do not fire: infinite for spike times, on a grid one step after its end.
        On a grid it is dt (1 + sum_t prod_(s<=t) (1 - S_s)), by which the surrogate of every spike
        up to the first has a part in the gradient.

    Raises
    ------
    DescriptionError
        For times where numbers of spikes are meant, and the other way round: what does not ascend,
        or is 0 or 1 throughout with a 0 among it, is no spike times. A grid of one neuron that has
        other numbers, or no 0, cannot be told from times.
    """
    place = "first_spikes: spikes"
    if dt is None:
        _require(spikes, 3, place, "(batch, n, n_spikes)")
        _require_times(spikes.detach(), place)
        return spikes[:, :, 0]
    _require(spikes, 3, place, "(time, batch, n)")
    dt = to_scalar(dt, "ms", "first_spikes: dt", above=0)
    if spikes.dtype == torch.bool:
        spikes = spikes.to(torch.get_default_dtype())
    now = spikes.detach()
    counts = (now >= 0) & torch.isfinite(now) & (now == torch.round(now))
    if not bool(counts.all()):
        raise DescriptionError(
            place, float(now[~counts][0]), "numbers of spikes: whole, at least 0",
            "Spike times of an event module go in without dt=.",
        )  # fmt: skip
    return dt * (1 + torch.cumprod(1 - spikes.clamp(max=1), 0).sum(0))


def _require_times(times: Any, place: str) -> None:
    """Refuse what no event module returns: most of all spikes on a grid."""
    later = times[:, :, 1:]
    hint = "Spikes on a grid need their time step: dt=."
    if not times.shape[2]:
        raise DescriptionError(place, tuple(times.shape), "room for one spike at least")
    ascend = (later > times[:, :, :-1]) | (later == math.inf)
    if bool(times.isnan().any()) or not bool(ascend.all()):
        raise DescriptionError(place, _shown(times), "times in ms that ascend, or are infinite",
                               hint)  # fmt: skip
    if bool((times == 0).any()) and bool(((times == 0) | (times == 1)).all()):
        raise DescriptionError(place, _shown(times), "times in ms, not only 0 and 1", hint)


def latency_loss(
    times: Any, labels: Any, *, tau: float = 1.0, late: float, pull: float = 0.0,
    pull_tau: float = 5.0,
) -> Any:  # fmt: skip
    """Return the cross-entropy of latencies: the right neuron should be the first to fire.

        -log softmax_k(-t_k / tau)[label] + pull (exp(t_label / pull_tau) - 1)

    Parameters
    ----------
    times : (batch, n) tensor
        Of `first_spikes` [ms].
    labels : (batch,) int64 tensor
    tau : float
        What latency counts [ms]: the smaller, the sooner a lead is enough.
    late : float
        Time [ms], finite, that stands for that of a neuron that does not fire by then. It has no
        gradient: networks must begin with weights by which their neurons fire.
    pull, pull_tau : float
        Weight, and time constant [ms], of the term that keeps the right neuron from falling
        silent.

    Source: Wunderlich & Pehle (2021), Sci. Rep. 11:12829, methods; Goeltz et al. (2021), Nat. Mach.
    Intell. 3:823-835.
    """
    _require(times, 2, "latency_loss: times", "(batch, n)")
    tau = to_scalar(tau, "ms", "latency_loss: tau", above=0)
    late = to_scalar(late, "ms", "latency_loss: late", above=0)
    pull = to_scalar(pull, "1", "latency_loss: pull", at_least=0)
    pull_tau = to_scalar(pull_tau, "ms", "latency_loss: pull_tau", above=0)
    bounded = times.clamp(max=late)
    labels = _checked(labels, bounded, "latency_loss")
    loss = torch.nn.functional.cross_entropy(-bounded / tau, labels)
    if pull:
        right = bounded[torch.arange(len(labels)), labels]
        loss = loss + pull * torch.expm1(right / pull_tau).mean()
    return loss


def time_loss(times: Any, wanted: Any, *, late: float) -> Any:
    """Return the mean squared distance of spike times from those that are wanted [ms^2].

    Parameters
    ----------
    times, wanted : tensors of one shape
        [ms]; infinite where there is, or should be, none.
    late : float
        What stands for infinity.
    """
    _require(times, None, "time_loss: times", "of that of wanted")
    _require(wanted, None, "time_loss: wanted", "of that of times")
    if times.shape != wanted.shape:
        raise DescriptionError(
            "time_loss: wanted", tuple(wanted.shape), f"the shape of times, {tuple(times.shape)}"
        )
    late = to_scalar(late, "ms", "time_loss: late", above=0)
    return ((times.clamp(max=late) - wanted.clamp(max=late)) ** 2).mean()


def _require(x: Any, ndim: int | None, place: str, shape: str) -> None:
    """Refuse what is no tensor, or one of other axes."""
    if not isinstance(x, torch.Tensor):
        raise DescriptionError(place, x, f"a tensor {shape}", f"It is of type {type(x).__name__}.")
    if ndim is not None and x.ndim != ndim:
        raise DescriptionError(place, tuple(x.shape), f"the shape {shape}")


def _shown(x: Any) -> Any:
    """Return a tensor as messages tell it: its shape and range."""
    return x.cpu().numpy()


def _checked(labels: Any, logits: Any, place: str) -> Any:
    """Return labels; refuse what torch would answer with an index error, or not at all."""
    labels = torch.as_tensor(labels)
    if labels.shape != logits.shape[:1] or labels.is_floating_point():
        raise DescriptionError(
            f"{place}: labels", tuple(labels.shape), f"{len(logits)} whole numbers, one per sample"
        )
    if labels.numel() and not 0 <= int(labels.min()) <= int(labels.max()) < logits.shape[1]:
        bad = labels[(labels < 0) | (labels >= logits.shape[1])][0]
        raise DescriptionError(
            f"{place}: labels", int(bad), f"0 to {logits.shape[1] - 1}, one for each output neuron"
        )
    return labels.long()
