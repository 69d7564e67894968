"""Neurons whose spikes come from voltage-dependent conductances."""

from __future__ import annotations

from neurosim.describe.neurons.base import Neuron, input_current
from neurosim.describe.parts import ModelText, Part, compose
from neurosim.describe.synapses import ExpConductance, ExpCurrent, Synapses, synapse_parts
from neurosim.describe.values import Quantity, described, quantity


@described
class HodgkinHuxley(Neuron):
    """Hodgkin-Huxley neuron: the squid giant axon of 1952 at 6.3 degrees Celsius.

        C_m dV_m/dt = g_L (E_L - V_m) + g_Na m^3 h (E_Na - V_m) + g_K n^4 (E_K - V_m)
                      + I_synaptic + I_e
        dx/dt = alpha_x (1 - x) - beta_x x        for x = m, h, n

        alpha_m = 0.1 (V + 40) / (1 - exp(-(V + 40) / 10))
        alpha_h = 0.07 exp(-(V + 65) / 20)
        alpha_n = 0.01 (V + 55) / (1 - exp(-(V + 55) / 10))
        beta_m = 4 exp(-(V + 65) / 18)
        beta_h = 1 / (1 + exp(-(V + 35) / 10))
        beta_n = 0.125 exp(-(V + 65) / 80)

    with V = V_m in mV and rates in 1/ms: the paper's potentials with the opposite sign and the rest
    at -65 mV. In the text alpha_m and alpha_n are written with exprel(z) = (exp(z) - 1) / z, which
    is regular where the quotients above are 0 / 0.

    A spike is told when V_m >= V_th and the last one is more than t_ref ago; nothing is reset or
    held. t_ref has to outlast the spike.

    Attributes
    ----------
    C_m : float
        Capacitance [pF]; the defaults are those of 1e-4 cm^2 of membrane at 1 uF/cm^2.
    g_Na, g_K, g_L : float
        Conductances of sodium, potassium and leak [nS].
    E_Na, E_K, E_L : float
        Their reversal potentials [mV].
    V_th : float
        Potential that counts as a spike [mV].
    t_ref : float
        Time after a spike in which no other is told [ms].
    I_e : float
        Constant current [pA].
    synapses : ReceptorKind, SynapsePair, Receptors or None

    Notes
    -----
    The gates start at their equilibrium at -65 mV. The default method, exponential Euler, is of
    first order: it bears dt = 0.1 ms, but a neuron that fires every 14.6 ms then fires every 15.4
    (at 0.01 ms: 14.7). ``method="rk4"`` needs dt <= 0.05 ms and is right to 0.01 %.

    Source: Hodgkin & Huxley (1952), J. Physiol. 117:500-544, eqs. 26 and 7-21, table 3.
    """

    C_m: Quantity = quantity("pF", default=100.0, range="positive")
    g_Na: Quantity = quantity("nS", default=12000.0, range="nonnegative")
    g_K: Quantity = quantity("nS", default=3600.0, range="nonnegative")
    g_L: Quantity = quantity("nS", default=30.0, range="nonnegative")
    E_Na: Quantity = quantity("mV", default=50.0)
    E_K: Quantity = quantity("mV", default=-77.0)
    E_L: Quantity = quantity("mV", default=-54.387)
    V_th: Quantity = quantity("mV", default=0.0)
    t_ref: Quantity = quantity("ms", default=3.0, range="nonnegative")
    I_e: Quantity = quantity("pA", default=0.0)
    synapses: Synapses | None = ExpCurrent()

    def text(self) -> ModelText:
        """Return the model as text."""
        synapses = synapse_parts(self.synapses)
        current = input_current(synapses)
        membrane = Part(
            equations=(
                "dV_m/dt = (g_L*(E_L - V_m) + g_Na*m**3*h*(E_Na - V_m) + g_K*n**4*(E_K - V_m)"
                f" + {current.current})/C_m : mV",
                *_GATES,
                "alpha_m = 1/exprel(-(V_m + 40*mV)/(10*mV))/ms : 1/ms",
                "beta_m = 4*exp(-(V_m + 65*mV)/(18*mV))/ms : 1/ms",
                "alpha_h = 0.07*exp(-(V_m + 65*mV)/(20*mV))/ms : 1/ms",
                "beta_h = 1/(1 + exp(-(V_m + 35*mV)/(10*mV)))/ms : 1/ms",
                "alpha_n = 0.1/exprel(-(V_m + 55*mV)/(10*mV))/ms : 1/ms",
                "beta_n = 0.125*exp(-(V_m + 65*mV)/(80*mV))/ms : 1/ms",
                *current.equations,
            ),
            states={"V_m": "mV", "m": "1", "h": "1", "n": "1"},
            parameters={
                "C_m": ("pF", self.C_m),
                "g_Na": ("nS", self.g_Na),
                "g_K": ("nS", self.g_K),
                "g_L": ("nS", self.g_L),
                "E_Na": ("mV", self.E_Na),
                "E_K": ("mV", self.E_K),
                "E_L": ("mV", self.E_L),
                "V_th": ("mV", self.V_th),
                "t_ref": ("ms", self.t_ref),
                "I_e": ("pA", self.I_e),
            },
            initial={
                "V_m": -65.0,
                "m": 0.05293248525724958,
                "h": 0.5961207535084603,
                "n": 0.3176769140606974,
            },
        )
        return compose(
            "HodgkinHuxley",
            (membrane, *synapses),
            threshold="V_m >= V_th",
            refractory="t_ref",
            method=self.method,
        )


@described
class TraubMiles(Neuron):
    """Hodgkin-Huxley neuron of the hippocampus, as in the COBAHH benchmark.

        C_m dV_m/dt = g_L (E_L - V_m) + g_Na m^3 h (E_Na - V_m) + g_K n^4 (E_K - V_m)
                      + I_synaptic + I_e
        dx/dt = alpha_x (1 - x) - beta_x x        for x = m, h, n

        alpha_m = 0.32 (13 - U) / (exp((13 - U) / 4) - 1)
        alpha_h = 0.128 exp((17 - U) / 18)
        alpha_n = 0.032 (15 - U) / (exp((15 - U) / 5) - 1)
        beta_m = 0.28 (U - 40) / (exp((U - 40) / 5) - 1)
        beta_h = 4 / (1 + exp((40 - U) / 5))
        beta_n = 0.5 exp((10 - U) / 40)

    with U = V_m - V_T in mV and rates in 1/ms; the quotients are written with exprel, see
    `HodgkinHuxley`. A spike is told when V_m >= V_th and the last one is more than t_ref ago;
    nothing is reset or held.

    Attributes
    ----------
    C_m : float
        Capacitance [pF]; the defaults are those of 20,000 um^2 of membrane.
    g_Na, g_K, g_L : float
        Conductances of sodium, potassium and leak [nS].
    E_Na, E_K, E_L : float
        Their reversal potentials [mV].
    V_T : float
        Shifts the kinetics, and with them the threshold [mV].
    V_th : float
        Potential that counts as a spike [mV].
    t_ref : float
        Time after a spike in which no other is told [ms].
    I_e : float
        Constant current [pA].
    synapses : ReceptorKind, SynapsePair, Receptors or None

    Notes
    -----
    The gates start at their equilibrium at the default E_L and V_T. The default method, exponential
    Euler (that of the benchmark's published code), is of first order: it bears dt = 0.1 ms, but a
    neuron that fires every 14.0 ms then fires every 15.3 (at 0.01 ms: 14.2). ``method="rk4"`` needs
    dt <= 0.05 ms and is right to 0.01 %.

    Source: Traub & Miles (1991), Neuronal Networks of the Hippocampus, Cambridge University Press;
    this form and its parameters: Brette et al. (2007), J. Comput. Neurosci. 23:349-398, appendix
    2 (benchmark 3), doi 10.1007/s10827-007-0038-6.
    """

    C_m: Quantity = quantity("pF", default=200.0, range="positive")
    g_Na: Quantity = quantity("nS", default=20000.0, range="nonnegative")
    g_K: Quantity = quantity("nS", default=6000.0, range="nonnegative")
    g_L: Quantity = quantity("nS", default=10.0, range="nonnegative")
    E_Na: Quantity = quantity("mV", default=50.0)
    E_K: Quantity = quantity("mV", default=-90.0)
    E_L: Quantity = quantity("mV", default=-60.0)
    V_T: Quantity = quantity("mV", default=-63.0)
    V_th: Quantity = quantity("mV", default=-20.0)
    t_ref: Quantity = quantity("ms", default=3.0, range="nonnegative")
    I_e: Quantity = quantity("pA", default=0.0)
    synapses: Synapses | None = ExpConductance()

    def text(self) -> ModelText:
        """Return the model as text."""
        synapses = synapse_parts(self.synapses)
        current = input_current(synapses)
        membrane = Part(
            equations=(
                "dV_m/dt = (g_L*(E_L - V_m) + g_Na*m**3*h*(E_Na - V_m) + g_K*n**4*(E_K - V_m)"
                f" + {current.current})/C_m : mV",
                *_GATES,
                "U = V_m - V_T : mV",
                "alpha_m = 1.28/exprel((13*mV - U)/(4*mV))/ms : 1/ms",
                "beta_m = 1.4/exprel((U - 40*mV)/(5*mV))/ms : 1/ms",
                "alpha_h = 0.128*exp((17*mV - U)/(18*mV))/ms : 1/ms",
                "beta_h = 4/(1 + exp((40*mV - U)/(5*mV)))/ms : 1/ms",
                "alpha_n = 0.16/exprel((15*mV - U)/(5*mV))/ms : 1/ms",
                "beta_n = 0.5*exp((10*mV - U)/(40*mV))/ms : 1/ms",
                *current.equations,
            ),
            states={"V_m": "mV", "m": "1", "h": "1", "n": "1"},
            parameters={
                "C_m": ("pF", self.C_m),
                "g_Na": ("nS", self.g_Na),
                "g_K": ("nS", self.g_K),
                "g_L": ("nS", self.g_L),
                "E_Na": ("mV", self.E_Na),
                "E_K": ("mV", self.E_K),
                "E_L": ("mV", self.E_L),
                "V_T": ("mV", self.V_T),
                "V_th": ("mV", self.V_th),
                "t_ref": ("ms", self.t_ref),
                "I_e": ("pA", self.I_e),
            },
            initial={
                "V_m": "E_L",
                "m": 0.026863329798445454,
                "h": 0.9913058218943975,
                "n": 0.060434034678635944,
            },
        )
        return compose(
            "TraubMiles",
            (membrane, *synapses),
            threshold="V_m >= V_th",
            refractory="t_ref",
            method=self.method,
        )


_GATES = (
    "dm/dt = alpha_m*(1 - m) - beta_m*m : 1",
    "dh/dt = alpha_h*(1 - h) - beta_h*h : 1",
    "dn/dt = alpha_n*(1 - n) - beta_n*n : 1",
)
