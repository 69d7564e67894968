"""Thresholds of converted layers: which activation one spike in every step stands for."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from neurosim.conversion.layers import Layer, quantised
from neurosim.conversion.operators import Floats
from neurosim.errors import DescriptionError

METHODS = ("mse", "max", "percentile")

CANDIDATES = np.linspace(0.2, 1.0, 41)
"""Fractions of the largest activation among which the best threshold is sought."""

SAMPLES = 1 << 20
"""Most activations of a layer that the search looks at, evenly chosen."""


def threshold_of(
    activations: Floats, method: str, timesteps: int, percentile: float, place: str
) -> float:
    """Return the threshold of a layer.

    "max" takes the largest activation (Diehl et al. 2015), "percentile" a percentile of all of them
    (Rueckauer et al. 2017). "mse" takes the one at which the quantised activation, what the
    neurons can tell in `timesteps` steps, is nearest to the activation in the mean square: among
    41 candidates from 0.2 to 1 of the largest (as Li et al. 2021 search, with their shift of
    half a step).

    Parameters
    ----------
    activations : array
        Rectified.
    method : {"mse", "max", "percentile"}
    timesteps : int
    percentile : float
        Used by "percentile" alone [%].
    place : str
        The layer, for the message.

    Raises
    ------
    DescriptionError
        If no image activates the layer.

    References
    ----------
    Diehl, Neil, Binas, Cook, Liu & Pfeiffer (2015), IJCNN, doi 10.1109/IJCNN.2015.7280696;
    Rueckauer, Lungu, Hu, Pfeiffer & Liu (2017), Front. Neurosci. 11:682,
    doi 10.3389/fnins.2017.00682;
    Li, Deng, Dong, Gong & Gu (2021), A free lunch from ANN: towards efficient, accurate spiking
    neural networks calibration, ICML.
    """
    top = float(activations.max(initial=0.0))
    if not top > 0:
        raise DescriptionError(
            f"{place}: largest activation", top, "activations above 0 for some calibration image",
            "No image makes this layer say anything: train the module, or calibrate with others.",
        )  # fmt: skip
    if method == "max":
        return top
    if method == "percentile":
        found = float(np.percentile(activations, percentile))
        return found if found > 0 else top
    few = activations.ravel()[:: -(-activations.size // SAMPLES)]
    few = few[few > 0] if (few > 0).any() else activations[activations > 0]
    errors = [float(np.sum((quantised(few, top * c, timesteps) - few) ** 2)) for c in CANDIDATES]
    return float(top * CANDIDATES[int(np.argmin(errors))])


def thresholds_of(
    layers: list[Layer],
    activations: Mapping[str, Floats],
    *,
    method: str,
    timesteps: int,
    percentile: float,
) -> list[float]:
    """Return the threshold of every layer; one of maxima has that of the layer it looks at.

    Parameters
    ----------
    activations : mapping
        Node of a layer -> what it is worth, perhaps not rectified yet.
    """
    found: list[float] = []
    for layer in layers:
        if layer.taps is not None:
            found.append(found[layer.branches[0].source - 1])
        elif layer.clip is not None:
            found.append(layer.clip)
        else:
            rectified = np.maximum(activations[layer.node], 0.0)
            place = f"convert: layer {layer.name!r}"
            found.append(threshold_of(rectified, method, timesteps, percentile, place))
    return found
