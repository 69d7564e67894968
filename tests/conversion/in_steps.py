"""The spiking network as arrays, layer by layer: what the core is compared with.

Layers have windows of their own, so a layer can be computed for all steps at once after those it
reads. The core and this agree spike for spike where sums are exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from neurosim.conversion.layers import IMAGE, Affine, Layer, LayeredNetwork, largest
from neurosim.conversion.operators import Floats


def spikes_and_output(
    layered: LayeredNetwork, images: Any, timesteps: int, thresholds: Sequence[float], charge: Any
) -> tuple[list[Floats], Floats]:
    """Return what fires, and the output after all steps.

    charge : float, or a sequence of numbers and arrays
        Membranes at the start, in thresholds; of all layers, or of each.

    Where the layers are signed, a unit sends -1 when its membrane is below 0 and it has sent more
    than it has taken back.

    Returns
    -------
    spikes : list of (n, timesteps, size) float64
        Per layer: 1 at a spike, -1 where one is taken back.
    output : (n, n_out) float64
    """
    flat = np.asarray(images, np.float64).reshape(len(images), -1)
    n = len(flat)
    spikes: list[Floats] = []

    def arriving(of: Layer | Affine) -> Floats:
        """Return what arrives in every step of a layer's window: (n, timesteps, size)."""
        total = np.broadcast_to(of.bias, (n, timesteps, of.bias.size)).copy()
        for branch in of.branches:
            matrix = layered.matrix(branch).T
            if branch.source == IMAGE:
                total += np.asarray((matrix @ flat.T).T)[:, np.newaxis]
            else:
                k = branch.source - 1
                trains = spikes[k].reshape(n * timesteps, -1) * thresholds[k]
                total += np.asarray((matrix @ trains.T).T).reshape(total.shape)
        return total

    def maxima(layer: Layer) -> Floats:
        assert layer.taps is not None
        counts = spikes[layer.branches[0].source - 1].cumsum(1)
        highest = largest(layer.taps, counts.reshape(n * timesteps, -1))
        return np.diff(highest.reshape(n, timesteps, -1), axis=1, prepend=0.0)

    def units(layer: Layer, theta: float, own: Any) -> Floats:
        arrivals = arriving(layer)
        v = np.zeros_like(arrivals[:, 0]) + np.multiply(own, theta)
        fired = np.zeros_like(arrivals)
        for t in range(timesteps):
            v += arrivals[:, t]
            fired[:, t] = v >= theta
            if layered.signed:
                fired[:, t] -= (v < 0) & (fired[:, :t].sum(1) > 0)
            v -= theta * fired[:, t]
        return fired

    charges = [charge] * len(thresholds) if isinstance(charge, float) else charge
    for layer, theta, own in zip(layered.layers, thresholds, charges, strict=True):
        spikes.append(maxima(layer) if layer.taps is not None else units(layer, theta, own))
    return spikes, arriving(layered.output).mean(1)
