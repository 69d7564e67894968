"""Integrate-and-fire neurons that make their own upstroke."""

from __future__ import annotations

from typing import Any

import numpy as np

from neurosim.describe.neurons.base import Neuron, input_current
from neurosim.describe.parts import ModelText, Part, compose
from neurosim.describe.synapses import ExpCurrent, Pulse, Synapses, synapse_parts
from neurosim.describe.values import Quantity, described, quantity, require_below
from neurosim.errors import DescriptionError

MAX_EXPONENT = 80.0
"""Largest (V_peak - V_T) / Delta_T accepted. exp(80) is far from overflow even in single
precision; long before, the rest of the upstroke takes less than any usable step."""


@described
class ExponentialIF(Neuron):
    """Exponential integrate-and-fire neuron.

        C_m dV_m/dt = -g_L (V - E_L) + g_L Delta_T exp((V - V_T) / Delta_T) + I_synaptic + I_e

    with V = min(V_m, V_peak); fires at V_m >= V_peak; then V_m is reset and held for t_ref. The
    upstroke reaches infinity in finite time, and the minimum keeps the stages of an integration
    step that ends beyond V_peak finite. It changes nothing below V_peak.

    Attributes
    ----------
    C_m : float
        Capacitance [pF].
    g_L : float
        Leak conductance [nS].
    E_L : float
        Resting potential [mV].
    V_T : float
        Threshold of the upstroke [mV]; there the exponential's slope balances the leak's.
    Delta_T : float
        Sharpness of the upstroke [mV].
    V_peak, V_reset : float
        Potential that counts as a spike, and reset potential [mV].
    t_ref : float
        Refractory time [ms].
    I_e : float
        Constant current [pA].
    synapses : ReceptorKind, SynapsePair, Receptors or None

    Source: Fourcaud-Trocme, Hansel, van Vreeswijk & Brunel (2003), J. Neurosci. 23:11628-11640;
    E_L, V_T, Delta_T, V_reset, t_ref and the time constant of 10 ms are those of their fit to the
    Wang-Buzsaki model; doi 10.1523/JNEUROSCI.23-37-11628.2003.
    """

    C_m: Quantity = quantity("pF", default=200.0, range="positive")
    g_L: Quantity = quantity("nS", default=20.0, range="nonnegative")
    E_L: Quantity = quantity("mV", default=-65.0)
    V_T: Quantity = quantity("mV", default=-59.9)
    Delta_T: Quantity = quantity("mV", default=3.48, range="positive")
    V_peak: Quantity = quantity("mV", default=-30.0)
    V_reset: Quantity = quantity("mV", default=-68.0)
    t_ref: Quantity = quantity("ms", default=1.7, range="nonnegative")
    I_e: Quantity = quantity("pA", default=0.0)
    synapses: Synapses | None = ExpCurrent()

    def _check_parameters(self) -> None:
        require_below(self, "V_reset", "V_peak", "The neuron would fire for ever.")
        _check_exponent(self, self.V_T, self.Delta_T, self.V_peak)

    def text(self) -> ModelText:
        """Return the model as text."""
        synapses = synapse_parts(self.synapses)
        current = input_current(synapses)
        membrane = Part(
            equations=(
                "dV_m/dt = (g_L*(E_L - V_capped) + g_L*Delta_T*exp((V_capped - V_T)/Delta_T)"
                f" + {current.current})/C_m : mV (unless refractory)",
                "V_capped = min(V_m, V_peak) : mV",
                *current.equations,
            ),
            states={"V_m": "mV"},
            parameters={
                "C_m": ("pF", self.C_m),
                "g_L": ("nS", self.g_L),
                "E_L": ("mV", self.E_L),
                "V_T": ("mV", self.V_T),
                "Delta_T": ("mV", self.Delta_T),
                "V_peak": ("mV", self.V_peak),
                "V_reset": ("mV", self.V_reset),
                "t_ref": ("ms", self.t_ref),
                "I_e": ("pA", self.I_e),
            },
            initial={"V_m": "E_L"},
        )
        return compose(
            "ExponentialIF",
            (membrane, *synapses),
            threshold="V_m >= V_peak",
            reset="V_m = V_reset",
            refractory="t_ref",
            method=self.method,
        )


@described
class AdEx(Neuron):
    """Adaptive exponential integrate-and-fire neuron.

        C_m dV_m/dt = -g_L (V - E_L) + g_L Delta_T exp((V - V_T) / Delta_T) - w + I_synaptic + I_e
        tau_w dw/dt = a (V - E_L) - w

    with V = min(V_m, V_peak), see `ExponentialIF`; fires at V_m >= V_peak; then V_m is reset and
    held for t_ref, and w += b.

    Attributes
    ----------
    C_m : float
        Capacitance [pF].
    g_L : float
        Leak conductance [nS].
    E_L : float
        Resting potential [mV].
    V_T : float
        Threshold of the upstroke [mV].
    Delta_T : float
        Sharpness of the upstroke [mV].
    a : float
        Subthreshold adaptation [nS].
    b : float
        Adaptation per spike [pA].
    tau_w : float
        Time constant of adaptation [ms].
    V_peak, V_reset : float
        Potential that counts as a spike, and reset potential [mV].
    t_ref : float
        Refractory time [ms].
    I_e : float
        Constant current [pA].
    synapses : ReceptorKind, SynapsePair, Receptors or None

    Source: Brette & Gerstner (2005), J. Neurophysiol. 94:3637-3642, with the parameters of
    its fit (peak at 20 mV); doi 10.1152/jn.00686.2005.
    """

    C_m: Quantity = quantity("pF", default=281.0, range="positive")
    g_L: Quantity = quantity("nS", default=30.0, range="nonnegative")
    E_L: Quantity = quantity("mV", default=-70.6)
    V_T: Quantity = quantity("mV", default=-50.4)
    Delta_T: Quantity = quantity("mV", default=2.0, range="positive")
    a: Quantity = quantity("nS", default=4.0)
    b: Quantity = quantity("pA", default=80.5)
    tau_w: Quantity = quantity("ms", default=144.0, range="positive")
    V_peak: Quantity = quantity("mV", default=20.0)
    V_reset: Quantity = quantity("mV", default=-70.6)
    t_ref: Quantity = quantity("ms", default=0.0, range="nonnegative")
    I_e: Quantity = quantity("pA", default=0.0)
    synapses: Synapses | None = ExpCurrent()

    def _check_parameters(self) -> None:
        require_below(self, "V_reset", "V_peak", "The neuron would fire for ever.")
        _check_exponent(self, self.V_T, self.Delta_T, self.V_peak)

    def text(self) -> ModelText:
        """Return the model as text."""
        synapses = synapse_parts(self.synapses)
        current = input_current(synapses)
        membrane = Part(
            equations=(
                "dV_m/dt = (g_L*(E_L - V_capped) + g_L*Delta_T*exp((V_capped - V_T)/Delta_T)"
                f" - w + {current.current})/C_m : mV (unless refractory)",
                "dw/dt = (a*(V_capped - E_L) - w)/tau_w : pA",
                "V_capped = min(V_m, V_peak) : mV",
                *current.equations,
            ),
            states={"V_m": "mV", "w": "pA"},
            parameters={
                "C_m": ("pF", self.C_m),
                "g_L": ("nS", self.g_L),
                "E_L": ("mV", self.E_L),
                "V_T": ("mV", self.V_T),
                "Delta_T": ("mV", self.Delta_T),
                "a": ("nS", self.a),
                "b": ("pA", self.b),
                "tau_w": ("ms", self.tau_w),
                "V_peak": ("mV", self.V_peak),
                "V_reset": ("mV", self.V_reset),
                "t_ref": ("ms", self.t_ref),
                "I_e": ("pA", self.I_e),
            },
            initial={"V_m": "E_L"},
        )
        return compose(
            "AdEx",
            (membrane, *synapses),
            threshold="V_m >= V_peak",
            reset="V_m = V_reset; w += b",
            refractory="t_ref",
            method=self.method,
        )


@described
class QuadraticIF(Neuron):
    """Quadratic integrate-and-fire neuron.

        C_m dV_m/dt = k (V_m - E_L) (V_m - V_c) + I_synaptic + I_e

    fires at V_m >= V_peak; then V_m is reset and held for t_ref.

    Attributes
    ----------
    C_m : float
        Capacitance [pF].
    k : float
        Curvature [nS/mV]; k (V_c - E_L) is the leak conductance at rest.
    E_L, V_c : float
        Resting potential and the potential beyond which it fires by itself [mV].
    V_peak, V_reset : float
        Potential that counts as a spike, and reset potential [mV].
    t_ref : float
        Refractory time [ms].
    I_e : float
        Constant current [pA].
    synapses : ReceptorKind, SynapsePair, Receptors or None

    Source: Latham, Richmond, Nelson & Nirenberg (2000), J. Neurophysiol. 83:808-827.
    """

    C_m: Quantity = quantity("pF", default=250.0, range="positive")
    k: Quantity = quantity("nS/mV", default=1.5, range="positive")
    E_L: Quantity = quantity("mV", default=-65.0)
    V_c: Quantity = quantity("mV", default=-50.0)
    V_peak: Quantity = quantity("mV", default=20.0)
    V_reset: Quantity = quantity("mV", default=-70.0)
    t_ref: Quantity = quantity("ms", default=0.0, range="nonnegative")
    I_e: Quantity = quantity("pA", default=0.0)
    synapses: Synapses | None = ExpCurrent()

    def _check_parameters(self) -> None:
        require_below(self, "V_reset", "V_peak", "The neuron would fire for ever.")

    def text(self) -> ModelText:
        """Return the model as text."""
        synapses = synapse_parts(self.synapses)
        current = input_current(synapses)
        membrane = Part(
            equations=(
                f"dV_m/dt = (k*(V_m - E_L)*(V_m - V_c) + {current.current})/C_m"
                " : mV (unless refractory)",
                *current.equations,
            ),
            states={"V_m": "mV"},
            parameters={
                "C_m": ("pF", self.C_m),
                "k": ("nS/mV", self.k),
                "E_L": ("mV", self.E_L),
                "V_c": ("mV", self.V_c),
                "V_peak": ("mV", self.V_peak),
                "V_reset": ("mV", self.V_reset),
                "t_ref": ("ms", self.t_ref),
                "I_e": ("pA", self.I_e),
            },
            initial={"V_m": "E_L"},
        )
        return compose(
            "QuadraticIF",
            (membrane, *synapses),
            threshold="V_m >= V_peak",
            reset="V_m = V_reset",
            refractory="t_ref",
            method=self.method,
        )


@described
class Izhikevich(Neuron):
    """Simple model of spiking neurons.

        dV_m/dt = (0.04 V_m^2 / mV + 5 V_m + 140 mV - u + R (I_synaptic + I_e)) / ms
        du/dt   = a (b V_m - u)

    fires at V_m >= V_th; then V_m = c, u += d. The paper's numbers are without units; here V_m and
    u are in mV, time in ms and R = 1 GOhm turns a current of 1 pA into its 1.

    The paper advances the model in steps of 1 ms by the forward Euler method, and a spike is a
    current that lasts one step: the default `Pulse` (a weight of 0.5 pA there is its 0.5). Both
    depend on the step, so use ``dt=1.0`` to meet published figures. (The script printed in the
    paper moreover halves the step of V_m; see ``neurosim_models.izhikevich_2003``.)

    Attributes
    ----------
    a : float
        Rate of recovery [1/ms].
    b : float
        Sensitivity of recovery to V_m, a plain number.
    c : float
        Reset potential [mV].
    d : float
        Jump of u at a spike [mV].
    V_th : float
        Peak of the spike, where it is reset [mV].
    R : float
        Input resistance [GOhm].
    I_e : float
        Constant current [pA].
    method : str or None
        "euler" as in the paper; "rk4" solves the equations.
    synapses : ReceptorKind, SynapsePair, Receptors or None

    Notes
    -----
    V_m starts at -65 mV and u at -13 mV, the paper's b V_m for regular-spiking neurons. For other b
    use ``net.initialise(..., u=...)``.

    Source: Izhikevich (2003), IEEE Trans. Neural Netw. 14:1569-1572, eqs. 1-3,
    doi 10.1109/TNN.2003.820440.
    """

    a: Quantity = quantity("1/ms", default=0.02)
    b: Quantity = quantity("1", default=0.2)
    c: Quantity = quantity("mV", default=-65.0)
    d: Quantity = quantity("mV", default=8.0)
    V_th: Quantity = quantity("mV", default=30.0)
    R: Quantity = quantity("GOhm", default=1.0)
    I_e: Quantity = quantity("pA", default=0.0)
    method: str | None = "euler"
    synapses: Synapses | None = Pulse()

    def _check_parameters(self) -> None:
        require_below(self, "c", "V_th", "The neuron would fire for ever.")

    def text(self) -> ModelText:
        """Return the model as text."""
        synapses = synapse_parts(self.synapses)
        current = input_current(synapses)
        membrane = Part(
            equations=(
                f"dV_m/dt = (0.04*V_m**2/mV + 5*V_m + 140*mV - u + R*{current.as_factor})/ms : mV",
                "du/dt = a*(b*V_m - u) : mV",
                *current.equations,
            ),
            states={"V_m": "mV", "u": "mV"},
            parameters={
                "a": ("1/ms", self.a),
                "b": ("1", self.b),
                "c": ("mV", self.c),
                "d": ("mV", self.d),
                "V_th": ("mV", self.V_th),
                "R": ("GOhm", self.R),
                "I_e": ("pA", self.I_e),
            },
            initial={"V_m": -65.0, "u": -13.0},
        )
        return compose(
            "Izhikevich",
            (membrane, *synapses),
            threshold="V_m >= V_th",
            reset="V_m = c; u += d",
            method=self.method,
        )


def _check_exponent(owner: Neuron, V_T: Any, Delta_T: Any, V_peak: Any) -> None:
    """Refuse a peak so high above V_T that the exponential could overflow."""
    if not all(isinstance(v, (float, np.ndarray)) for v in (V_T, Delta_T, V_peak)):
        return
    if np.any((V_peak - V_T) / Delta_T > MAX_EXPONENT):
        raise DescriptionError(
            f"{type(owner).__name__}.V_peak",
            V_peak,
            f"a value at most V_T + {MAX_EXPONENT:g} Delta_T",
            "The upstroke beyond a few Delta_T takes no time; a lower peak changes nothing.",
        )
