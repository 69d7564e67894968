"""The spiking network as arrays, layer by layer: what calibration looks at.

Layers have windows of their own, so a layer can be computed for all steps at once after those it
reads. The core and this agree spike for spike where sums are exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from neurosim.conversion.layers import IMAGE, Affine, Layer, LayeredNetwork
from neurosim.conversion.operators import Floats


@dataclass
class Simulation:
    """Spikes of the layers so far.

    Attributes
    ----------
    layered : LayeredNetwork
    images : (n, size) float64
    timesteps : int
    thresholds : list
        Per layer.
    soft : bool
        Reset by subtraction, or to 0.
    spikes : list of (n, timesteps, size) float64
        Per layer that was advanced: 1 at a spike.
    """

    layered: LayeredNetwork
    images: Floats
    timesteps: int
    thresholds: list[Any]
    soft: bool = True
    spikes: list[Floats] = field(default_factory=list)

    def charge(self, of: Layer | Affine) -> Floats:
        """Return what arrives in every step of a layer's window: (n, timesteps, size)."""
        n, steps = len(self.images), self.timesteps
        total = np.broadcast_to(of.bias, (n, steps, of.bias.size)).copy()
        for branch in of.branches:
            matrix = self.layered.matrix(branch).T
            if branch.source == IMAGE:
                total += np.asarray((matrix @ self.images.T).T)[:, np.newaxis]
            else:
                trains = self.spikes[branch.source - 1]
                flat = trains.reshape(n * steps, -1) * self.thresholds[branch.source - 1]
                total += np.asarray((matrix @ flat.T).T).reshape(total.shape)
        return total

    def fire(self, k: int, start: Any) -> Floats:
        """Return the spikes of layer k (from 0 on): (n, timesteps, size).

        start : float or (size,)
            Membranes at the start.
        """
        layer = self.layered.layers[k]
        if layer.taps is not None:
            return self._maxima(layer)
        charge = self.charge(layer)
        theta = self.thresholds[k]
        v = np.broadcast_to(start, charge[:, 0].shape).copy()
        spikes = np.zeros_like(charge)
        for t in range(self.timesteps):
            v += charge[:, t]
            fired = v >= theta
            spikes[:, t] = fired
            v = np.where(fired, v - theta if self.soft else 0.0, v)
        return spikes

    def advance(self, k: int, start: Any) -> None:
        """Compute layer k and keep its spikes."""
        self.spikes.append(self.fire(k, start))

    def output(self) -> Floats:
        """Return the output after all steps: (n, n_out)."""
        return np.asarray(self.charge(self.layered.output).mean(1))

    def _maxima(self, layer: Layer) -> Floats:
        assert layer.taps is not None
        source: Floats = self.spikes[layer.branches[0].source - 1].cumsum(1)
        n, steps = source.shape[:2]
        highest = np.zeros((n, steps, layer.size))
        for matrix in layer.taps.matrices:
            flat = np.asarray((matrix.T @ source.reshape(n * steps, -1).T).T)
            np.maximum(highest, flat.reshape(highest.shape), out=highest)
        return np.asarray(np.diff(highest, axis=1, prepend=0.0))


def simulate(
    layered: LayeredNetwork, images: Floats, timesteps: int, thresholds: Sequence[Any],
    charge: Any, soft: bool = True,
) -> Simulation:  # fmt: skip
    """Return the spikes of all layers.

    Parameters
    ----------
    charge : float or sequence
        Membranes at the start in thresholds; or, per layer, in units of activations.
    """
    flat = np.asarray(images, np.float64).reshape(len(images), -1)
    simulation = Simulation(layered, flat, timesteps, list(thresholds), soft)
    for k in range(len(layered.layers)):
        start = charge[k] if isinstance(charge, Sequence) else charge * thresholds[k]
        simulation.advance(k, start)
    return simulation
