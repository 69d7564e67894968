"""What training minimises: losses on counts, rates, membranes and times of spikes.

Spikes and states on a grid are (time, batch, n), as `session.module` returns them; spike times are
(batch, n), as `first_spikes` makes them of these or of what an event module returns.
"""

from __future__ import annotations

from typing import Any, Literal

from neurosim.errors import DescriptionError, MissingPackageError, UnknownNameError

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
        Rates [Hz] wanted of the neuron of the label, and of all others. A `wrong` above 0 keeps
        these neurons from falling silent.
    dt : float
        Time step [ms].

    Returns
    -------
    tensor
        As a part of ``right**2``, so that 1 is what silence would cost the right neuron.
    """
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
    logits = scale * found[reduce]()
    return torch.nn.functional.cross_entropy(logits, _checked(labels, logits, "membrane_loss"))


def first_spikes(spikes: Any, *, dt: float | None = None) -> Any:
    """Return when each neuron first fires.

    Parameters
    ----------
    spikes : tensor
        (batch, n, n_spikes) spike times [ms] of an event module; or, with `dt`, (time, batch, n)
        spikes on a grid.
    dt : float, optional
        Time step [ms].

    Returns
    -------
    (batch, n) tensor
        [ms]. Neurons that do not fire: infinite for spike times, on a grid one step after its end.
        On a grid it is dt (1 + sum_t prod_(s<=t) (1 - S_s)), by which the surrogate of every spike
        up to the first has a part in the gradient.
    """
    if dt is None:
        return spikes[:, :, 0]
    return dt * (1 + torch.cumprod(1 - spikes.clamp(max=1), 0).sum(0))


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
        Time [ms] that stands for that of a neuron that does not fire by then. It has no gradient:
        networks must begin with weights by which their neurons fire.
    pull, pull_tau : float
        Weight, and time constant [ms], of the term that keeps the right neuron from falling
        silent.

    Source: Wunderlich & Pehle (2021), Sci. Rep. 11:12829, methods; Goeltz et al. (2021), Nat. Mach.
    Intell. 3:823-835.
    """
    if not tau > 0:
        raise DescriptionError("latency_loss: tau", tau, "a time in ms above 0")
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
    return ((times.clamp(max=late) - wanted.clamp(max=late)) ** 2).mean()


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
