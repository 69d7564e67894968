"""Calibration: what spikes told wrongly of some images is put right in biases, potentials, weights.

Layer by layer, as those before it fire by then: the spikes of a layer are compared with the
activations of the module, and what they are wrong by in the mean is added to its bias ("light").
Before that, "advanced" moves the weights so that the quantised activations are nearer to those of
the module; after it, the membranes start with what a neuron is still wrong by in the mean.

Source: Li, Deng, Dong, Gong & Gu (2021), A free lunch from ANN: towards efficient, accurate spiking
neural networks calibration, ICML: bias calibration, weights calibration, potential calibration.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from neurosim.conversion.layers import IMAGE, Affine, Branch, Layer, LayeredNetwork, largest
from neurosim.conversion.operators import ChannelScale, Convolution, Dense, Floats, Operator, Shape

LEVELS = ("none", "light", "advanced")

SEEN = 256
"""Most images that calibration looks at: all spikes of a layer are held at once."""

ROUNDS = 100
"""Steps of Adam by which weights are moved, each with `BATCH` images."""

BATCH = 32

RATE = 0.01
"""Length of such a step, in standard deviations of the weights."""

BELOW = 1 - 2.0**-10
"""Most of a threshold that a membrane starts with: at the threshold it would fire too early."""


@dataclass(frozen=True, eq=False)
class Calibrated:
    """What calibration found.

    Attributes
    ----------
    network : LayeredNetwork
    charges : tuple
        Membranes at the start, in thresholds: per layer a number, or (size,) float64.
    """

    network: LayeredNetwork
    charges: tuple[Any, ...]


def calibrate(
    layered: LayeredNetwork, thresholds: Sequence[float], images: Floats,
    values: Mapping[str, Floats], expected: Floats, *, timesteps: int, charge: float, soft: bool,
    advanced: bool,
) -> Calibrated:  # fmt: skip
    """Calibrate a network.

    Parameters
    ----------
    layered, thresholds
        As they would be built.
    images : (n, *shape) float64
    values : mapping
        Node of a layer -> (n, size): its activations in the module, perhaps not rectified yet.
    expected : (n, n_out) float64
        What the module says.
    timesteps : int
    charge : float
        Membranes at the start, in thresholds.
    soft : bool
        Reset by subtraction; else to 0.
    advanced : bool
        Weights and potentials, too.
    """
    network = replace(layered, layers=list(layered.layers), _matrices={})
    images, expected = images[:SEEN], expected[:SEEN]
    trains: list[Floats] = [images.reshape(len(images), -1)]  # of layer k, times its threshold
    charges: list[Any] = []

    def told(number: int) -> Floats:
        """Return the spikes of a layer: (n, timesteps, size)."""
        arriving = arrivals(network, network.layers[number], trains, timesteps)
        return fire(arriving, thresholds[number], charges[number], soft, layered.signed)

    for k, layer in enumerate(layered.layers):
        theta = thresholds[k]
        charges.append(charge)
        if layer.taps is not None:
            trains.append(theta * highest(layer, trains[layer.branches[0].source] / theta))
            continue
        target = np.clip(values[layer.node][:SEEN], 0.0, layer.clip)
        if advanced:
            before = float(np.mean((told(k).mean(1) * theta - target) ** 2))
            network.layers[k] = moved = _nearer(network, layer, trains, target, theta, timesteps)
            if np.mean((told(k).mean(1) * theta - target) ** 2) >= before:
                network.layers[k] = layer
            network = replace(network, _matrices={})  # of operators that are no more
            del moved
        wrong = target - told(k).mean(1) * theta
        here = network.layers[k]
        network.layers[k] = replace(here, bias=here.bias + by_channel(wrong, layer.shape))
        if advanced:
            wrong = (target - told(k).mean(1) * theta).mean(0)
            charges[k] = np.clip(charge + timesteps * wrong / theta, -BELOW, BELOW)
        trains.append(theta * told(k))
    output = network.output
    wrong = expected - arrivals(network, output, trains, timesteps).mean(1)
    network.output = replace(output, bias=output.bias + wrong.mean(0))
    return Calibrated(network, tuple(charges))


def arrivals(
    network: LayeredNetwork, of: Layer | Affine, trains: Sequence[Floats], timesteps: int
) -> Floats:
    """Return what arrives in every step of a layer's window: (n, timesteps, size).

    Parameters
    ----------
    trains : sequence
        The images (n, n_pixels), then per layer spikes times threshold (n, timesteps, size).
    """
    n = len(trains[IMAGE])
    total = np.broadcast_to(of.bias, (n, timesteps, of.bias.size)).copy()
    for branch in of.branches:
        matrix = network.matrix(branch).T
        if branch.source == IMAGE:
            total += np.asarray((matrix @ trains[IMAGE].T).T)[:, np.newaxis]
        else:
            rows = trains[branch.source].reshape(n * timesteps, -1)
            total += np.asarray((matrix @ rows.T).T).reshape(total.shape)
    return total


def fire(arriving: Floats, theta: float, charge: Any, soft: bool, signed: bool = False) -> Floats:
    """Return the spikes of integrate-and-fire neurons: (n, timesteps, size) of 0 and 1.

    Signed ones are -1 where a spike is taken back.
    """
    v = np.zeros_like(arriving[:, 0]) + np.multiply(charge, theta)
    spikes = np.zeros_like(arriving)
    if signed:
        sent = np.zeros_like(v)
        for t in range(arriving.shape[1]):
            v += arriving[:, t]
            up, down = v >= theta * (sent + 1), (v < theta * sent) & (sent > 0)
            spikes[:, t] = up.astype(np.float64) - down
            sent += spikes[:, t]
        return spikes
    for t in range(arriving.shape[1]):
        v += arriving[:, t]
        spikes[:, t] = v >= theta
        v = np.where(v >= theta, v - theta if soft else 0.0, v)
    return spikes


def highest(layer: Layer, spikes: Floats) -> Floats:
    """Return the spikes of a layer of maxima: whenever the largest count of its inputs grows."""
    assert layer.taps is not None
    n, timesteps, _ = spikes.shape
    counts = largest(layer.taps, spikes.cumsum(1).reshape(n * timesteps, -1))
    return np.diff(counts.reshape(n, timesteps, -1), axis=1, prepend=0.0)


def by_channel(wrong: Floats, shape: Shape) -> Floats:
    """Return the mean over images and places of a channel, for every neuron: (size,)."""
    means = wrong.reshape(len(wrong), shape[0], -1).mean((0, 2))
    return np.repeat(means, int(np.prod(shape[1:])))


def _nearer(
    network: LayeredNetwork, layer: Layer, trains: Sequence[Floats], target: Floats, theta: float,
    timesteps: int,
) -> Layer:  # fmt: skip
    """Return a layer whose weights bring its quantised activations nearer to `target`.

    Rounding passes gradients as if it were not there; of each branch the last map with weights of
    its own is moved.
    """
    import torch

    means = [torch.tensor(r if k == IMAGE else r.mean(1)) for k, r in enumerate(trains)]
    wanted, bias = torch.tensor(target), torch.tensor(layer.bias)
    chains = [(b, _last_weights(b.operators)) for b in layer.branches]
    weights = {
        i: torch.tensor(_weight(b.operators[at])).requires_grad_()
        for i, (b, at) in enumerate(chains)
        if at is not None
    }
    if not weights:
        return layer
    optimisers = [
        torch.optim.Adam([w], lr=RATE * float(w.detach().std(correction=0)))
        for w in weights.values()
    ]
    drawn = np.random.default_rng(0)  # of images, not of what the network does
    for _ in range(ROUNDS):
        chosen = drawn.integers(0, len(target), BATCH)
        total = bias
        for i, (b, at) in enumerate(chains):
            x = means[b.source][chosen].reshape(BATCH, *network.shape_of(b.source))
            for place, operator in enumerate(b.operators):
                x = _applied(operator, x, weights[i] if place == at else None)
            total = total + x.flatten(1)
        levels = total * (timesteps / theta)
        rounded = levels + (torch.floor(levels + 0.5) - levels).detach()
        found = rounded.clamp(0, timesteps) * (theta / timesteps)
        loss = ((found - wanted[chosen]) ** 2).mean()
        for optimiser in optimisers:
            optimiser.zero_grad()
        loss.backward()
        for optimiser in optimisers:
            optimiser.step()
    branches = list(layer.branches)
    for i, weight in weights.items():
        branch, at = chains[i]
        assert at is not None
        operators = list(branch.operators)
        operators[at] = _with_weight(operators[at], weight.detach().numpy())
        branches[i] = Branch(branch.source, tuple(operators))
    return replace(layer, branches=tuple(branches))


def _last_weights(operators: Sequence[Operator]) -> int | None:
    """Return the place of the last map that is no mean over windows, no factor and no reshape."""
    found = None
    for k, operator in enumerate(operators):
        if isinstance(operator, Dense) or (
            isinstance(operator, Convolution) and np.ptp(operator.kernel) > 0
        ):
            found = k
    return found


def _weight(operator: Operator) -> Floats:
    assert isinstance(operator, Dense | Convolution)
    return operator.weight if isinstance(operator, Dense) else operator.kernel


def _with_weight(operator: Operator, weight: Floats) -> Operator:
    if isinstance(operator, Dense):
        return Dense(weight)
    assert isinstance(operator, Convolution)
    return replace(operator, kernel=weight)


def _applied(operator: Operator, x: Any, weight: Any) -> Any:
    """Return a map of a batch by torch, perhaps with other weights."""
    import torch

    if isinstance(operator, Dense | Convolution) and weight is None:
        weight = torch.tensor(_weight(operator))
    if isinstance(operator, Dense):
        return torch.nn.functional.linear(x, weight)
    if isinstance(operator, Convolution):
        return torch.nn.functional.conv2d(
            x, weight, None, operator.stride, operator.padding, operator.dilation, operator.groups
        )
    if isinstance(operator, ChannelScale):
        factor = torch.tensor(operator.factor)
        return x * factor.reshape(-1, *(1,) * (x.ndim - 2))
    return x.reshape(len(x), *operator.shape_after(tuple(x.shape[1:])))
