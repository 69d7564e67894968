"""Reduced models of excitability with two variables."""

from __future__ import annotations

from neurosim.describe.neurons.base import Neuron, input_current
from neurosim.describe.parts import ModelText, Part, compose
from neurosim.describe.synapses import ExpCurrent, Synapses, synapse_parts
from neurosim.describe.values import Quantity, described, quantity
from neurosim.errors import DescriptionError


@described
class MorrisLecar(Neuron):
    """Morris-Lecar neuron: instantaneous calcium, slow potassium.

        C_m dV_m/dt = g_L (E_L - V_m) + g_Ca m (E_Ca - V_m) + g_K n (E_K - V_m) + I_synaptic + I_e
        dn/dt = phi cosh((V_m - V_3) / (2 V_4)) (n_inf - n)

        m = (1 + tanh((V_m - V_1) / V_2)) / 2        n_inf = (1 + tanh((V_m - V_3) / V_4)) / 2

    A spike is told when V_m >= V_th and the last one is more than t_ref ago; nothing is reset or
    held. t_ref has to outlast the spike.

    Attributes
    ----------
    C_m : float
        Capacitance [pF]; the defaults are those of 1e-6 cm^2 of membrane at 20 uF/cm^2.
    g_Ca, g_K, g_L : float
        Conductances of calcium, potassium and leak [nS].
    E_Ca, E_K, E_L : float
        Their reversal potentials [mV].
    V_1, V_2, V_3, V_4 : float
        Midpoint and width of the activation of calcium, and of potassium [mV].
    phi : float
        Slowest rate of n [1/ms].
    V_th : float
        Potential that counts as a spike [mV].
    t_ref : float
        Time after a spike in which no other is told [ms].
    I_e : float
        Constant current [pA].
    synapses : ReceptorKind, SynapsePair, Receptors or None

    Notes
    -----
    Starts at the resting state of the defaults.

    Source: Morris & Lecar (1981), Biophys. J. 35:193-213; the defaults are the set with a Hopf
    bifurcation of Rinzel & Ermentrout (1998), Analysis of neural excitability and oscillations, in:
    Koch & Segev (eds.), Methods in Neuronal Modeling, MIT Press. They fire
    repetitively from about 92 to 210 pA.
    """

    C_m: Quantity = quantity("pF", default=20.0, range="positive")
    g_Ca: Quantity = quantity("nS", default=4.4, range="nonnegative")
    g_K: Quantity = quantity("nS", default=8.0, range="nonnegative")
    g_L: Quantity = quantity("nS", default=2.0, range="nonnegative")
    E_Ca: Quantity = quantity("mV", default=120.0)
    E_K: Quantity = quantity("mV", default=-84.0)
    E_L: Quantity = quantity("mV", default=-60.0)
    V_1: Quantity = quantity("mV", default=-1.2)
    V_2: Quantity = quantity("mV", default=18.0, range="positive")
    V_3: Quantity = quantity("mV", default=2.0)
    V_4: Quantity = quantity("mV", default=30.0, range="positive")
    phi: Quantity = quantity("1/ms", default=0.04, range="positive")
    V_th: Quantity = quantity("mV", default=10.0)
    t_ref: Quantity = quantity("ms", default=30.0, range="nonnegative")
    I_e: Quantity = quantity("pA", default=0.0)
    synapses: Synapses | None = ExpCurrent()

    def text(self) -> ModelText:
        """Return the model as text."""
        synapses = synapse_parts(self.synapses)
        current = input_current(synapses)
        membrane = Part(
            equations=(
                "dV_m/dt = (g_L*(E_L - V_m) + g_Ca*m*(E_Ca - V_m) + g_K*n*(E_K - V_m)"
                f" + {current.current})/C_m : mV",
                "dn/dt = phi*cosh((V_m - V_3)/(2*V_4))*(n_inf - n) : 1",
                "m = (1 + tanh((V_m - V_1)/V_2))/2 : 1",
                "n_inf = (1 + tanh((V_m - V_3)/V_4))/2 : 1",
                *current.equations,
            ),
            states={"V_m": "mV", "n": "1"},
            parameters={
                "C_m": ("pF", self.C_m),
                "g_Ca": ("nS", self.g_Ca),
                "g_K": ("nS", self.g_K),
                "g_L": ("nS", self.g_L),
                "E_Ca": ("mV", self.E_Ca),
                "E_K": ("mV", self.E_K),
                "E_L": ("mV", self.E_L),
                "V_1": ("mV", self.V_1),
                "V_2": ("mV", self.V_2),
                "V_3": ("mV", self.V_3),
                "V_4": ("mV", self.V_4),
                "phi": ("1/ms", self.phi),
                "V_th": ("mV", self.V_th),
                "t_ref": ("ms", self.t_ref),
                "I_e": ("pA", self.I_e),
            },
            initial={"V_m": -60.85538223230949, "n": 0.014915024953999372},
        )
        return compose(
            "MorrisLecar",
            (membrane, *synapses),
            threshold="V_m >= V_th",
            refractory="t_ref",
            method=self.method,
        )


@described
class FitzHughNagumo(Neuron):
    """FitzHugh-Nagumo neuron, in plain numbers.

        tau dv/dt = v - v^3 / 3 - w + (I_synaptic + I_e) / I_1
        tau dw/dt = epsilon (v + a - b w)

    v and w have no units, so currents enter in multiples of I_1 and only synapses that are currents
    fit. A spike is told when v >= v_th and the last one is more than t_ref ago; nothing is reset or
    held. t_ref has to outlast the spike.

    Attributes
    ----------
    a, b, epsilon : float
        Plain numbers.
    tau : float
        Unit of time [ms].
    I_1 : float
        The current that counts as 1 [pA].
    v_th : float
        Value of v that counts as a spike.
    t_ref : float
        Time after a spike in which no other is told [ms].
    I_e : float
        Constant current [pA].
    synapses : ExpCurrent, AlphaCurrent, Pulse, Receptors of these, or None

    Notes
    -----
    Starts at the resting state of the defaults.

    Source: FitzHugh (1961), Biophys. J. 1:445-466; Nagumo, Arimoto & Yoshizawa (1962), Proc. IRE
    50:2061-2070. With the defaults it fires for I_e from about 0.33 to 1.42 I_1.
    """

    a: Quantity = quantity("1", default=0.7)
    b: Quantity = quantity("1", default=0.8)
    epsilon: Quantity = quantity("1", default=0.08, range="positive")
    tau: Quantity = quantity("ms", default=1.0, range="positive")
    I_1: Quantity = quantity("pA", default=1.0, range="positive")
    v_th: Quantity = quantity("1", default=1.0)
    t_ref: Quantity = quantity("ms", default=25.0, range="nonnegative")
    I_e: Quantity = quantity("pA", default=0.0)
    synapses: Synapses | None = ExpCurrent()

    def _check_parameters(self) -> None:
        for name, receptor in self.synapses.named if self.synapses is not None else ():
            if any(i.unit != "pA" for i in receptor.part(name).inlets):
                raise DescriptionError(
                    "FitzHughNagumo.synapses",
                    receptor,
                    "synapses that are currents, such as ExpCurrent()",
                    "v is a plain number, so reversal potentials and jumps in mV have no meaning.",
                )

    def text(self) -> ModelText:
        """Return the model as text."""
        synapses = synapse_parts(self.synapses)
        current = input_current(synapses)
        membrane = Part(
            equations=(
                f"dv/dt = (v - v**3/3 - w + {current.as_factor}/I_1)/tau : 1",
                "dw/dt = epsilon*(v + a - b*w)/tau : 1",
                *current.equations,
            ),
            states={"v": "1", "w": "1"},
            parameters={
                "a": ("1", self.a),
                "b": ("1", self.b),
                "epsilon": ("1", self.epsilon),
                "tau": ("ms", self.tau),
                "I_1": ("pA", self.I_1),
                "v_th": ("1", self.v_th),
                "t_ref": ("ms", self.t_ref),
                "I_e": ("pA", self.I_e),
            },
            initial={"v": -1.199408035244035, "w": -0.6242600440550438},
        )
        return compose(
            "FitzHughNagumo",
            (membrane, *synapses),
            threshold="v >= v_th",
            refractory="t_ref",
            method=self.method,
        )
