"""Neurons that send by how much they changed: for networks that were trained without spikes."""

from __future__ import annotations

from typing import Any, Literal

from neurosim.describe.neurons.rates import RateModel, additive, line
from neurosim.describe.parts import ModelText, Part, compose
from neurosim.describe.values import Quantity, described, quantity, require_choice

RECTIFYING, LINEAR = "SigmaDelta", "LinearSigmaDelta"
"""Names of the models in plans."""


@described
class SigmaDelta(RateModel):
    """Sigma-delta neuron: an activation, and what the others know of it.

        tau da/dt = -a + bias + a_in
        y = max(a, 0)          activation="relu"
        y = a                  activation="none"
        sent <- y, with a spike, when |y - sent| >= theta

    `sent` is what others read: ``net.project(before, after, rule, source="sent", receptor="a")``.
    A spike stands for a message that carries the change, so that what others sum up is `sent`.
    Where nothing changes, nothing is sent, and no activation is told wrongly by theta or more.

    With tau the time step (and the method "euler", the default) a is the sum of what arrives; it is
    Lava's `SigmaDelta` then. An encoder is one without bias and with activation="none" that reads
    numbers: ``net.project(image, encoder, ns.OneToOne(), receptor="a")`` from
    ``ns.Input("current")``.

    Attributes
    ----------
    theta : float
        Least change that is sent; above 0.
    bias : float or (n,) array
    activation : {"relu", "none"}
    tau : float
        [ms].

    States: `a`, `sent`. Coupling: "a".

    Source: O'Connor & Welling (2017), Sigma delta quantized networks, ICLR, arXiv:1611.02024; as
    neurons of Loihi 2: Shrestha et al. (2024), ICASSP, arXiv:2310.03251.
    """

    theta: Quantity = quantity("1", default=0.1, range="positive")
    bias: Any = quantity("1", default=0.0)
    activation: Literal["relu", "none"] = "relu"
    tau: Quantity = quantity("ms", default=1.0, range="positive")

    def _check_parameters(self) -> None:
        RateModel._check_parameters(self)
        require_choice(self, "activation", ("relu", "none"))

    def text(self) -> ModelText:
        """Return the model as text."""
        rectifies = self.activation == "relu"
        y = "max(a, 0)" if rectifies else "a"
        inlet = additive("a")
        node = Part(
            equations=("da/dt = (a_in + bias - a)/tau : 1", "sent : 1", line(inlet)),
            states={"a": "1", "sent": "1"},
            parameters={
                "theta": ("1", self.theta),
                "bias": ("1", self.bias),
                "tau": ("ms", self.tau),
            },
            inlets=(inlet,),
        )
        return compose(
            RECTIFYING if rectifies else LINEAR,
            (node,),
            threshold=f"abs({y} - sent) >= theta",
            reset=f"sent = {y}",
            method=self.method or "euler",
        )
