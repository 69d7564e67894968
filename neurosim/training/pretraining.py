"""Pretraining: a network of rectified units that become steps, handed over to spiking neurons.

Lin, Hu, Ma, Yu & Li (2022), Rethinking pretraining as a bridge from ANNs to SNNs, IEEE Trans.
Neural Netw. Learn. Syst.: one step of a spiking network is a network of binary units; so units are
trained that are sharpened towards these, epoch by epoch, and their weights are where the training
of the spiking network begins.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from neurosim.describe.network import Network
from neurosim.describe.neurons import LIF, PerfectIntegrator
from neurosim.describe.rules import AllToAll
from neurosim.describe.sources import Input
from neurosim.describe.synapses import Delta
from neurosim.errors import DescriptionError, MissingPackageError, UnsupportedError

try:
    import torch
except ImportError:
    raise MissingPackageError("torch", "Training", "torch") from None


class _Clipped(torch.autograd.Function):  # type: ignore[misc]
    """clip((x - low) / (high - low), 0, 1), with the gradient 1 where 0 < x < 1."""

    @staticmethod
    def forward(ctx: Any, x: Any, low: float) -> Any:
        ctx.save_for_backward(x)
        return ((x - low) / (1 - 2 * low)).clamp(0, 1)

    @staticmethod
    def backward(ctx: Any, gradient: Any) -> Any:
        (x,) = ctx.saved_tensors
        return gradient * ((x > 0) & (x < 1)), None


class SharpenedReLU(torch.nn.Module):  # type: ignore[misc]
    """A rectified unit on its way to a step at 1/2.

        y = clip((x - low) / (1 - 2 low), 0, 1)

    Its gradient is 1 for 0 < x < 1, however steep it is.

    Attributes
    ----------
    low : float
        From 0, a clipped rectified unit, to below 0.5, a step; raise it epoch by epoch. At 0.3 a
        spiking network takes up what was learned (measured on the digits of scikit-learn, and in
        `tests/backends/test_torch_training.py`).

    Source: Lin et al. (2022), see `neurosim.training.pretraining`.
    """

    def __init__(self) -> None:
        super().__init__()
        self._low = 0.0

    @property
    def low(self) -> float:
        """Where the unit begins to rise."""
        return self._low

    @low.setter
    def low(self, value: float) -> None:
        if not 0 <= value < 0.5:
            raise DescriptionError("SharpenedReLU.low", value, "0 or above, and below 0.5")
        self._low = float(value)

    def forward(self, x: Any) -> Any:
        """Return the activation, of the shape of `x`."""
        return _Clipped.apply(x, self._low)

    def extra_repr(self) -> str:
        """Return what `print` tells."""
        return f"low={self._low:.3g}"


def sharpen(model: Any, low: float) -> None:
    """Set `low` of every `SharpenedReLU` of a model."""
    for module in model.modules():
        if isinstance(module, SharpenedReLU):
            module.low = low


def spiking(model: Any, *, name: str = "pretrained", decay: float = 0.25) -> Network:
    """Return a spiking network with the weights of a pretrained model, to be trained further.

    Every `SharpenedReLU` becomes a neuron, u <- decay u + x, that fires at u >= 1/2 and is reset to
    0; the last linear layer is summed up by integrators that never fire: the largest V_m of
    "output" in the end is the answer.

    Parameters
    ----------
    model : torch.nn.Sequential
        Of ``Linear``, perhaps followed by ``BatchNorm1d``, and `SharpenedReLU`, in turns, with a
        ``Linear`` at the end.
    name : str
    decay : float
        In (0, 1): of the membrane in a step of 1 ms.

    Returns
    -------
    Network
        With populations "input" (``ns.Input("current")``), "layer 0" and so on, and "output"; dt is
        1 ms. A spike takes a step from layer to layer: run it for as many steps more.

    Raises
    ------
    UnsupportedError
        For other layers, by their place.
    """
    if not 0 < decay < 1:
        raise DescriptionError("spiking: decay", decay, "a number in (0, 1)")
    if not isinstance(model, torch.nn.Sequential) or not len(model):
        raise UnsupportedError(f"spiking: {type(model).__name__}", "layers follow one another",
                               "torch.nn.Sequential")  # fmt: skip
    layers = _folded(model)
    tau = -1 / math.log(decay)
    net = Network(name, dt=1.0)
    before = net.population("input", layers[0][0].shape[1], Input("current"))
    for number, (weight, bias) in enumerate(layers):
        model_of: Any = PerfectIntegrator(
            synapses=Delta(), C_m=1.0, V_th=1e30, V_reset=0.0, I_e=bias
        )
        label = "output"
        if number < len(layers) - 1:
            # A constant current adds tau_m / C_m (1 - decay) of itself in a step: all of it.
            model_of = LIF(
                synapses=Delta(), tau_m=tau, C_m=tau * (1 - decay), E_L=0.0, V_th=0.5,
                V_reset=0.0, t_ref=0.0, I_e=bias,
            )  # fmt: skip
            label = f"layer {number}"
        after = net.population(label, len(bias), model_of)
        net.project(before, after, AllToAll(), weight=weight.T)
        before = after
    net.record(net["output"], "V_m")
    return net


def _folded(model: Any) -> list[tuple[Any, Any]]:
    """Return (weight, bias) of each linear layer, the batch norm behind it taken in."""
    layers: list[tuple[Any, Any]] = []
    wanted: tuple[type, ...] = (torch.nn.Linear,)
    for place, module in enumerate(model):
        if not isinstance(module, wanted):
            expected = " or ".join(kind.__name__ for kind in wanted)
            raise UnsupportedError(
                f"spiking: model[{place}], {type(module).__name__}", "it has no place there",
                expected,
            )  # fmt: skip
        if isinstance(module, torch.nn.Linear):
            weight = module.weight.detach().double().numpy().copy()
            bias = np.zeros(len(weight))
            if module.bias is not None:
                bias = module.bias.detach().double().numpy().copy()
            layers.append((weight, bias))
            wanted = (torch.nn.BatchNorm1d, SharpenedReLU)
        elif isinstance(module, torch.nn.BatchNorm1d):
            if module.running_mean is None:
                part = f"spiking: model[{place}], BatchNorm1d"
                raise UnsupportedError(part, "it keeps no statistics", "track_running_stats=True")
            weight, bias = layers[-1]
            mean, var = (t.double().numpy() for t in (module.running_mean, module.running_var))
            factor, shift = 1 / np.sqrt(var + module.eps), np.zeros(len(mean))
            if module.affine:
                factor = factor * module.weight.detach().double().numpy()
                shift = module.bias.detach().double().numpy()
            layers[-1] = weight * factor[:, None], (bias - mean) * factor + shift
            wanted = (SharpenedReLU,)
        else:
            wanted = (torch.nn.Linear,)
    if wanted == (torch.nn.Linear,):
        part = f"spiking: model[{len(model) - 1}], {type(model[-1]).__name__}"
        raise UnsupportedError(
            part, "the answer is the sum of a linear layer", "a Linear at the end"
        )
    return layers
