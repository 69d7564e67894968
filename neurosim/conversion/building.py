"""A layered network and its thresholds as a description: populations, projections, windows.

Time has steps of 1 ms, the capacitance is 1 pF, so that a current of 1 pA adds 1 mV per step and
membranes are in units of activations. A spike takes one step from layer to layer, so the layer of
depth d works in the steps from d on: its bias sets in at step d - 1, and its first spike can carry
the label d. Delays of branches that leave out layers are so much longer that spikes which belong
together arrive together. What comes after a layer's window reaches the next layers after theirs, so
nothing need be switched off.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from neurosim.conversion.layers import IMAGE, Affine, Layer, LayeredNetwork
from neurosim.conversion.operators import Floats, rule_of
from neurosim.describe.currents import StepCurrent
from neurosim.describe.explicit import FromMatrix
from neurosim.describe.network import Network
from neurosim.describe.neurons import PerfectIntegrator
from neurosim.describe.population import Population
from neurosim.describe.sources import Input
from neurosim.describe.synapses import Delta
from neurosim.equations import NeuronModel

DT = 1.0
"""Time step [ms]."""

OUTPUT = "output"
"""The population that adds up what would be the module's output."""


def image_name(depth: int) -> str:
    """Return the name of the population that shows the image to layers of one depth."""
    return "image" if depth == 1 else f"image +{depth - 1}"


def build(
    layered: LayeredNetwork, thresholds: Sequence[float], *, name: str, reset: str,
    charges: Sequence[Any],
) -> Network:  # fmt: skip
    """Describe the spiking network.

    Parameters
    ----------
    thresholds : sequence of float
        Per layer: the activation for which a spike in every step stands.
    name : str
    reset : {"soft", "hard"}
        By subtraction of the threshold, or to 0.
    charges : sequence
        Membranes at the start, in thresholds: per layer a number, or one per neuron (size,).
    """
    net = Network(name, dt=DT)
    sources: dict[int, Population] = {}
    images = {
        depth: net.population(image_name(depth), layered.image_shape, Input("current"))
        for depth in layered.image_depths
    }
    scale = {IMAGE: 1.0} | {k + 1: value for k, value in enumerate(thresholds)}
    for k, layer in enumerate(layered.layers):
        model = _maxima(layer) if layer.taps is not None else _unit(thresholds[k], reset)
        post = net.population(layer.name, layer.shape, model)
        sources[k + 1] = post
        if layer.taps is None:
            charge = np.multiply(charges[k], thresholds[k])
            net.initialise(post, V_m=charge.reshape(layer.shape) if charge.ndim else float(charge))
            _connect(net, layered, layer, layer.depth, post, sources, images, scale)
        else:
            pre = sources[layer.branches[0].source]
            for tap, matrix in enumerate(layer.taps.matrices):
                net.project(
                    pre, post, FromMatrix(matrix), receptor=f"tap{tap}", delay=DT,
                    name=f"{pre.name}->{post.name} tap {tap}",
                )  # fmt: skip
        net.record(post, "spikes")
    output = net.population(OUTPUT, layered.output.shape, _adder())
    _connect(net, layered, layered.output, layered.depth, output, sources, images, scale)
    net.record(output, "V_m", every=DT)
    return net


def _connect(
    net: Network,
    layered: LayeredNetwork,
    of: Layer | Affine,
    depth: int,
    post: Population,
    sources: dict[int, Population],
    images: dict[int, Population],
    scale: dict[int, float],
) -> None:
    used: dict[str, int] = {}
    for branch in of.branches:
        pre = images[depth] if branch.source == IMAGE else sources[branch.source]
        rule, weight = rule_of(
            branch.operators, layered.shape_of(branch.source), scale[branch.source]
        )
        number = used[pre.name] = used.get(pre.name, 0) + 1
        more: dict[str, Any] = {} if weight is None else {"weight": weight}
        if number > 1:
            more["name"] = f"{pre.name}->{post.name} ({number})"
        if branch.source != IMAGE:
            more["delay"] = DT * (depth - layered.depth_of(branch.source))
        net.project(pre, post, rule, **more)
    if of.bias.any():
        net.inject(post, StepCurrent(times=[DT * (depth - 1)], amplitudes=of.bias[np.newaxis]))


def _unit(threshold: float, reset: str) -> PerfectIntegrator:
    how: Any = "subtract" if reset == "soft" else "to"
    return PerfectIntegrator(C_m=1.0, V_th=threshold, V_reset=0.0, reset=how, synapses=Delta())


def _adder() -> NeuronModel:
    """Return a unit that adds up its input and never fires."""
    return NeuronModel(
        "Adder",
        equations="dV_m/dt = I_injected/C_m : mV\nC_m : pF",
        inputs={"delta": "jump V_m"},
        parameters={"C_m": 1.0},
    )


def _maxima(layer: Layer) -> NeuronModel:
    """Return a unit that fires whenever the largest number of spikes of its inputs grows.

    So it has fired as often as the one of its inputs that has fired most: the largest rate, with
    no approximation. (Rueckauer et al. 2017 let the spikes of the input through that is ahead.)
    """
    assert layer.taps is not None
    counts = [f"c{k}" for k in range(len(layer.taps.matrices))]
    highest = counts[0]
    for count in counts[1:]:
        highest = f"max({highest}, {count})"
    return NeuronModel(
        "Maximum",
        equations="\n".join(f"{c} : 1" for c in (*counts, "fired")),
        threshold=f"{highest} > fired",
        reset="fired += 1",
        inputs={f"tap{k}": f"jump {c}" for k, c in enumerate(counts)},
        parameters=dict.fromkeys((*counts, "fired"), 0.0),
    )


def shown(layered: LayeredNetwork, image: Floats, n_steps: int) -> dict[str, Floats]:
    """Return what the image populations are handed: one image, from the step of each depth on.

    Parameters
    ----------
    image : (..., *shape)
        One image, or a batch of them (batch, *shape).
    n_steps : int

    Returns
    -------
    dict
        Population -> (n_steps, ..., *shape).
    """
    found = {}
    for depth in layered.image_depths:
        held = np.zeros((n_steps, *image.shape))
        held[depth - 1 :] = image
        found[image_name(depth)] = held
    return found
