"""Neurons that integrate linearly and fire at a fixed threshold."""

from __future__ import annotations

from typing import Literal

from neurosim.describe.neurons.base import Neuron, input_current
from neurosim.describe.parts import Inlet, ModelText, Part, compose, total_current
from neurosim.describe.synapses import ExpCurrent, Synapses, check_synapses, synapse_parts
from neurosim.describe.values import Quantity, described, quantity, require_below, require_choice
from neurosim.errors import DescriptionError

Reset = Literal["to", "subtract", "zero"]
"""What a spike does to V_m: "to" sets V_reset, "subtract" lowers it by V_th - V_reset and so keeps
what went beyond the threshold, "zero" sets 0 mV (for models whose resting potential is 0)."""

_RESETS = {"to": "V_m = V_reset", "subtract": "V_m -= V_th - V_reset", "zero": "V_m = 0*mV"}


@described
class LIF(Neuron):
    """Leaky integrate-and-fire neuron.

        dV_m/dt = (E_L - V_m) / tau_m + (I_synaptic + I_e) / C_m

    fires at V_m >= V_th; then V_m is reset and held for t_ref. Synaptic variables go on meanwhile.

    Attributes
    ----------
    tau_m : float
        Membrane time constant [ms].
    C_m : float
        Capacitance [pF]; C_m / tau_m is the leak conductance [nS].
    E_L : float
        Resting potential [mV]; above V_th the neuron fires by itself.
    V_th, V_reset : float
        Threshold and reset potential [mV].
    t_ref : float
        Refractory time [ms].
    I_e : float
        Constant current [pA].
    reset : {"to", "subtract", "zero"}
        See `Reset`.
    synapses : ReceptorKind, SynapsePair, Receptors or None

    Source: Lapicque (1907), J. Physiol. Pathol. Gen. 9:620-635; integrated exactly, Rotter &
    Diesmann (1999), Biol. Cybern. 81:381-402.
    """

    tau_m: Quantity = quantity("ms", default=10.0, range="positive")
    C_m: Quantity = quantity("pF", default=250.0, range="positive")
    E_L: Quantity = quantity("mV", default=-70.0)
    V_th: Quantity = quantity("mV", default=-55.0)
    V_reset: Quantity = quantity("mV", default=-70.0)
    t_ref: Quantity = quantity("ms", default=2.0, range="nonnegative")
    I_e: Quantity = quantity("pA", default=0.0)
    reset: Reset = "to"
    synapses: Synapses | None = ExpCurrent()

    def _check_parameters(self) -> None:
        require_choice(self, "reset", tuple(_RESETS))
        if self.reset != "zero":
            require_below(self, "V_reset", "V_th", "The neuron would fire for ever.")

    def text(self) -> ModelText:
        """Return the model as text."""
        synapses = synapse_parts(self.synapses)
        current = input_current(synapses)
        membrane = Part(
            equations=(
                f"dV_m/dt = (E_L - V_m)/tau_m + {current.as_factor}/C_m : mV (unless refractory)",
                *current.equations,
            ),
            states={"V_m": "mV"},
            parameters={
                "tau_m": ("ms", self.tau_m),
                "C_m": ("pF", self.C_m),
                "E_L": ("mV", self.E_L),
                "V_th": ("mV", self.V_th),
                **_reset_parameter(self.reset, self.V_reset),
                "t_ref": ("ms", self.t_ref),
                "I_e": ("pA", self.I_e),
            },
            initial={"V_m": "E_L"},
        )
        return compose(
            "LIF",
            (membrane, *synapses),
            threshold="V_m >= V_th",
            reset=_RESETS[self.reset],
            refractory="t_ref",
            method=self.method,
        )


@described
class PerfectIntegrator(Neuron):
    """Integrate-and-fire neuron without a leak.

        dV_m/dt = (I_synaptic + I_e) / C_m

    fires at V_m >= V_th. With ``reset="subtract"`` no charge is lost, so the spike count is the
    integral of the input, rounded down: the neuron onto which rectified-linear units are mapped.

    Attributes
    ----------
    C_m : float
        Capacitance [pF].
    V_th, V_reset : float
        Threshold and reset potential [mV].
    t_ref : float
        Refractory time [ms].
    I_e : float
        Constant current [pA].
    reset : {"subtract", "to", "zero"}
        See `Reset`.
    synapses : ReceptorKind, SynapsePair, Receptors or None

    Source: Gerstein & Mandelbrot (1964), Biophys. J. 4:41-68; reset by subtraction: Rueckauer et
    al. (2017), Front. Neurosci. 11:682.
    """

    C_m: Quantity = quantity("pF", default=250.0, range="positive")
    V_th: Quantity = quantity("mV", default=15.0)
    V_reset: Quantity = quantity("mV", default=0.0)
    t_ref: Quantity = quantity("ms", default=0.0, range="nonnegative")
    I_e: Quantity = quantity("pA", default=0.0)
    reset: Reset = "subtract"
    synapses: Synapses | None = ExpCurrent()

    def _check_parameters(self) -> None:
        require_choice(self, "reset", tuple(_RESETS))
        if self.reset != "zero":
            require_below(self, "V_reset", "V_th", "The neuron would fire for ever.")

    def text(self) -> ModelText:
        """Return the model as text."""
        synapses = synapse_parts(self.synapses)
        current = input_current(synapses)
        membrane = Part(
            equations=(
                f"dV_m/dt = {current.as_factor}/C_m : mV (unless refractory)",
                *current.equations,
            ),
            states={"V_m": "mV"},
            parameters={
                "C_m": ("pF", self.C_m),
                "V_th": ("mV", self.V_th),
                **_reset_parameter(self.reset, self.V_reset),
                "t_ref": ("ms", self.t_ref),
                "I_e": ("pA", self.I_e),
            },
            initial={} if self.reset == "zero" else {"V_m": "V_reset"},
        )
        return compose(
            "PerfectIntegrator",
            (membrane, *synapses),
            threshold="V_m >= V_th",
            reset=_RESETS[self.reset],
            refractory="t_ref",
            method=self.method,
        )


@described
class TwoCompartment(Neuron):
    """Integrate-and-fire neuron with a soma and one passive dendrite.

        C_m dV_m/dt = g_L (E_L - V_m) + g_c (V_d - V_m) + I_synaptic + I_e
        C_d dV_d/dt = g_d (E_L - V_d) + g_c (V_m - V_d) + I_dendritic

    fires at V_m >= V_th; then the soma is reset to V_reset and held for t_ref, the dendrite goes
    on. Receptors of the dendrite carry the prefix "dendrite_": with the default synapses they are
    "dendrite_exc" and "dendrite_inh".

    Attributes
    ----------
    C_m, C_d : float
        Capacitances of soma and dendrite [pF].
    g_L, g_d : float
        Leak conductances of soma and dendrite [nS].
    g_c : float
        Conductance between them [nS].
    E_L : float
        Resting potential [mV].
    V_th, V_reset : float
        Threshold and reset potential of the soma [mV].
    t_ref : float
        Refractory time [ms].
    I_e : float
        Constant current into the soma [pA]; ``net.inject`` adds to it.
    synapses, dendrite : ReceptorKind, SynapsePair, Receptors or None
        Synapses on the soma and on the dendrite.

    Source: the reduction to two compartments follows Pinsky & Rinzel (1994), J. Comput. Neurosci.
    1:39-60, without its active currents.
    """

    C_m: Quantity = quantity("pF", default=100.0, range="positive")
    C_d: Quantity = quantity("pF", default=150.0, range="positive")
    g_L: Quantity = quantity("nS", default=5.0, range="nonnegative")
    g_d: Quantity = quantity("nS", default=7.5, range="nonnegative")
    g_c: Quantity = quantity("nS", default=10.0, range="nonnegative")
    E_L: Quantity = quantity("mV", default=-70.0)
    V_th: Quantity = quantity("mV", default=-50.0)
    V_reset: Quantity = quantity("mV", default=-60.0)
    t_ref: Quantity = quantity("ms", default=2.0, range="nonnegative")
    I_e: Quantity = quantity("pA", default=0.0)
    synapses: Synapses | None = ExpCurrent()
    dendrite: Synapses | None = ExpCurrent()

    def _check_parameters(self) -> None:
        check_synapses(self.dendrite, "TwoCompartment.dendrite")
        require_below(self, "V_reset", "V_th", "The neuron would fire for ever.")

    def text(self) -> ModelText:
        """Return the model as text."""
        soma = synapse_parts(self.synapses)
        dendrite = synapse_parts(self.dendrite, prefix="dendrite_", voltage="V_d")
        at_soma = total_current(soma)
        at_dendrite = total_current(dendrite, "I_dendritic")
        into_soma = f" + {at_soma.current}" if at_soma.current else ""
        into_dendrite = f" + {at_dendrite.current}" if at_dendrite.current else ""
        membrane = Part(
            equations=(
                f"dV_m/dt = (g_L*(E_L - V_m) + g_c*(V_d - V_m){into_soma} + I_e + I_injected)/C_m"
                " : mV (unless refractory)",
                f"dV_d/dt = (g_d*(E_L - V_d) + g_c*(V_m - V_d){into_dendrite})/C_d : mV",
                *at_soma.equations,
                *at_dendrite.equations,
            ),
            states={"V_m": "mV", "V_d": "mV"},
            parameters={
                "C_m": ("pF", self.C_m),
                "C_d": ("pF", self.C_d),
                "g_L": ("nS", self.g_L),
                "g_d": ("nS", self.g_d),
                "g_c": ("nS", self.g_c),
                "E_L": ("mV", self.E_L),
                "V_th": ("mV", self.V_th),
                "V_reset": ("mV", self.V_reset),
                "t_ref": ("ms", self.t_ref),
                "I_e": ("pA", self.I_e),
            },
            initial={"V_m": "E_L", "V_d": "E_L"},
        )
        return compose(
            "TwoCompartment",
            (membrane, *soma, *dendrite),
            threshold="V_m >= V_th",
            reset="V_m = V_reset",
            refractory="t_ref",
            method=self.method,
        )


@described
class Parrot(Neuron):
    """Relay: emits a spike for each one that arrives, several at once where several do.

        count += w  on each arriving spike;  floor(count) spikes leave in the same step

    The weight is the number of spikes that one arriving spike is worth (1, usually); a fraction
    stays behind and adds up. The receptor is called "spikes". There is no membrane: `synapses` must
    be left out.
    """

    def _check_parameters(self) -> None:
        if self.synapses is not None:
            raise DescriptionError(
                "Parrot.synapses", self.synapses, "None: a relay has no membrane"
            )

    def text(self) -> ModelText:
        """Return the model as text."""
        counter = Part(
            equations=("dcount/dt = 0/ms : 1",),
            states={"count": "1"},
            inlets=(Inlet(name="spikes", action="jump count", unit="1"),),
        )
        return compose(
            "Parrot",
            (counter,),
            threshold="count >= 1",
            reset="count -= floor(count)",
            multiplicity="floor(count)",
        )


def _reset_parameter(reset: Reset, V_reset: Quantity) -> dict[str, tuple[str, Quantity]]:
    """Return V_reset unless the reset does not read it: unread parameters are refused."""
    return {} if reset == "zero" else {"V_reset": ("mV", V_reset)}
