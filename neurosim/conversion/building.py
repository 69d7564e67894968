"""A layered network and its thresholds as a description: populations, projections, windows.

Time has steps of 1 ms, the capacitance is 1 pF, so that a current of 1 pA adds 1 mV per step and
membranes are in units of activations. A spike takes one step from layer to layer, so the layer of
depth d works in the steps from d on: its bias sets in at step d - 1, and its first spike can carry
the label d. Delays of branches that leave out layers are so much longer that spikes which belong
together arrive together. What comes after a layer's window reaches the next layers after theirs, so
nothing need be switched off.

Spikes have no sign. Units that can take a spike back are therefore a pair of populations with the
same input: one fires the spikes, the other what is taken back, and its connections have the
opposite weights. Each tells the other, and a spike arrives before the next threshold is tested, so
both always know how many were sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from neurosim.conversion.layers import IMAGE, Affine, Layer, LayeredNetwork
from neurosim.conversion.operators import Floats, rule_of
from neurosim.describe.currents import StepCurrent
from neurosim.describe.explicit import FromMatrix
from neurosim.describe.network import Network
from neurosim.describe.neurons import PerfectIntegrator
from neurosim.describe.population import Population
from neurosim.describe.rules import OneToOne
from neurosim.describe.sources import Input
from neurosim.describe.synapses import Delta
from neurosim.equations import NeuronModel

DT = 1.0
"""Time step [ms]."""

OUTPUT = "output"
"""The population that adds up what would be the module's output."""

Signed: TypeAlias = tuple[tuple[Population, int], ...]
"""Populations of one layer, with the sign that their spikes have."""


def image_name(depth: int) -> str:
    """Return the name of the population that shows the image to layers of one depth."""
    return "image" if depth == 1 else f"image +{depth - 1}"


def taken_back(layer: str) -> str:
    """Return the name of the population whose spikes take back those of a layer."""
    return f"{layer} taken back"


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
    sources: dict[int, Signed] = {}
    images = {
        depth: net.population(image_name(depth), layered.image_shape, Input("current"))
        for depth in layered.image_depths
    }
    scale = {IMAGE: 1.0} | {k + 1: value for k, value in enumerate(thresholds)}
    for k, layer in enumerate(layered.layers):
        here: list[tuple[Population, int]] = []
        for sign in (1, -1) if layered.signed else (1,):
            own = layer.name if sign > 0 else taken_back(layer.name)
            model = _model(layer, thresholds[k], reset, sign if layered.signed else None)
            post = net.population(own, layer.shape, model)
            here.append((post, sign))
            if layer.taps is None:
                v = np.multiply(charges[k], thresholds[k])
                net.initialise(post, V_m=v.reshape(layer.shape) if v.ndim else float(v))
                _connect(net, layered, layer, layer.depth, post, sources, images, scale)
            else:
                for pre, of_pre in sources[layer.branches[0].source]:
                    for tap, matrix in enumerate(layer.taps.matrices):
                        net.project(
                            pre, post, FromMatrix(of_pre * matrix), receptor=f"tap{tap}", delay=DT,
                            name=f"{pre.name}->{post.name} tap {tap}",
                        )  # fmt: skip
            net.record(post, "spikes")
        if layered.signed:
            (sent, _), (back, _) = here
            net.project(sent, back, OneToOne(), weight=1.0, receptor="sent", delay=DT)
            net.project(back, sent, OneToOne(), weight=-1.0, receptor="sent", delay=DT)
        sources[k + 1] = tuple(here)
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
    sources: dict[int, Signed],
    images: dict[int, Population],
    scale: dict[int, float],
) -> None:
    used: dict[str, int] = {}
    for branch in of.branches:
        shape = layered.shape_of(branch.source)
        image = ((images[depth], 1),) if branch.source == IMAGE else ()
        for pre, sign in image or sources[branch.source]:
            rule, weight = rule_of(branch.operators, shape, sign * scale[branch.source])
            number = used[pre.name] = used.get(pre.name, 0) + 1
            more: dict[str, Any] = {} if weight is None else {"weight": weight}
            if branch.source != IMAGE:
                more["receptor"] = "delta"
                more["delay"] = DT * (depth - layered.depth_of(branch.source))
            if number > 1:
                more["name"] = f"{pre.name}->{post.name} ({number})"
            net.project(pre, post, rule, **more)
    if of.bias.any():
        net.inject(post, StepCurrent(times=[DT * (depth - 1)], amplitudes=of.bias[np.newaxis]))


def _model(layer: Layer, threshold: float, reset: str, sign: int | None) -> Any:
    """Return the model of a layer, or of that half of a pair whose spikes have this sign."""
    if layer.taps is not None:
        return _maxima(len(layer.taps.matrices), sign)
    if sign is not None:
        return _signed_unit(threshold, sign)
    how: Any = "subtract" if reset == "soft" else "to"
    return PerfectIntegrator(C_m=1.0, V_th=threshold, V_reset=0.0, reset=how, synapses=Delta())


def _signed_unit(threshold: float, sign: int) -> NeuronModel:
    """Return half of an integrate-and-fire unit that takes back what it has fired too often.

    `V_m` is all the charge that ever came, and V_m - sent V_th the membrane with reset by
    subtraction. It fires at V_th, and takes a spike back where it is below 0 and something was
    sent. So what was sent follows max(floor(V_m/V_th), 0) by one spike per step.
    """
    return NeuronModel(
        "Signed integrator" if sign > 0 else "Signed integrator, taking back",
        equations="dV_m/dt = I_injected/C_m : mV\nC_m : pF\nV_th : mV\nsent : 1",
        threshold="V_m >= V_th*(sent + 1)" if sign > 0 else "V_m < V_th*sent and sent > 0.5",
        reset="sent += 1" if sign > 0 else "sent -= 1",
        inputs={"delta": "jump V_m", "sent": "jump sent"},
        parameters={"C_m": 1.0, "V_th": threshold},
    )


def _adder() -> NeuronModel:
    """Return a unit that adds up its input and never fires."""
    return NeuronModel(
        "Adder",
        equations="dV_m/dt = I_injected/C_m : mV\nC_m : pF",
        inputs={"delta": "jump V_m"},
        parameters={"C_m": 1.0},
    )


def _maxima(n_taps: int, sign: int | None) -> NeuronModel:
    """Return a unit that fires whenever the largest number of spikes of its inputs grows.

    So it has fired as often as the one of its inputs that has fired most: the largest rate, with
    no approximation. (Rueckauer et al. 2017 let the spikes of the input through that is ahead.)
    Where spikes can be taken back, the other half of the pair fires when it shrinks.
    """
    counts = [f"c{k}" for k in range(n_taps)]
    highest = counts[0]
    for count in counts[1:]:
        highest = f"max({highest}, {count})"
    inputs = {f"tap{k}": f"jump {c}" for k, c in enumerate(counts)}
    if sign is not None:
        inputs["sent"] = "jump sent"
    shrinks = sign == -1
    return NeuronModel(
        "Maximum, taking back" if shrinks else "Maximum",
        equations="\n".join(f"{c} : 1" for c in (*counts, "sent")),
        threshold=f"{highest} {'<' if shrinks else '>'} sent",
        reset="sent -= 1" if shrinks else "sent += 1",
        inputs=inputs,
        parameters=dict.fromkeys((*counts, "sent"), 0.0),
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
