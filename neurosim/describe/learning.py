"""The usual plasticity rules by name; each is said as a `PlasticityRule`, and is nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from neurosim.describe.plasticity import Coincidence, PlasticityRule, Side, Sign
from neurosim.describe.values import Quantity, Value, described, quantity, require_choice
from neurosim.errors import DescriptionError

Pairing = Literal["all", "nearest", "reduced"]

_PRE_TRACE = "dx/dt = -x/tau_plus : 1\ntau_plus : ms"
_POST_TRACE = "dy/dt = -y/tau_minus : 1\ntau_minus : ms"


@described
class Learning(Value):
    """Base of the named rules.

    Attributes
    ----------
    w_min, w_max : float
        Bounds of the weight, in the unit of the receptor.
    delay : {"dendritic", "axonal"}
    coincidence : {"none", "both"}
    sign : {"free", "fixed"}
        See `PlasticityRule`.
    """

    w_min: float = quantity("1", default=0.0, per_neuron=False)
    w_max: float = quantity("1", default=1.0, per_neuron=False)
    delay: Side = "dendritic"
    coincidence: Coincidence = "none"
    sign: Sign = "free"

    def _check(self) -> None:
        require_choice(self, "sign", ("free", "fixed"))
        require_choice(self, "delay", ("dendritic", "axonal"))
        require_choice(self, "coincidence", ("none", "both"))
        if not self.w_min < self.w_max:
            raise DescriptionError(
                f"{type(self).__name__}.w_min", self.w_min, f"less than w_max ({self.w_max:g})"
            )

    def plasticity_rule(self) -> PlasticityRule:
        """Return the rule as text."""
        raise NotImplementedError

    def _rule(
        self, *, pre: str = "", post: str = "", synapse: str = "", on_pre: str = "",
        on_post: str = "", on_signal: str = "", on_step: str = "", modulator: str = "",
        on_modulator: str = "", signals: tuple[str, ...] = (), parameters: dict[str, float],
        initial: Mapping[str, str | float] = MappingProxyType({}),
    ) -> PlasticityRule:  # fmt: skip
        return PlasticityRule(
            type(self).__name__, pre=pre, post=post, synapse=synapse, on_pre=on_pre,
            on_post=on_post, on_signal=on_signal, on_step=on_step,
            modulator=modulator, on_modulator=on_modulator, signals=signals,
            parameters=parameters, initial=initial, w_min=self.w_min, w_max=self.w_max,
            delay=self.delay, coincidence=self.coincidence, sign=self.sign,
        )  # fmt: skip


def _power(base: str, exponent: float, name: str) -> str:
    """Return a factor base**name; "" for the exponent 0, the base for 1."""
    return "" if exponent == 0 else f"*{base}" if exponent == 1 else f"*{base}**{name}"


@described
class STDP(Learning):
    """Pair-based spike-timing-dependent plasticity.

        on_pre:  w -= a_minus ((w - w_min)/(w_max - w_min))^mu_minus y
        on_post: w += a_plus ((w_max - w)/(w_max - w_min))^mu_plus x

    x, y are traces of the pre- and the postsynaptic spikes: they decay with tau_plus and tau_minus
    and rise by 1 at each spike. mu = 0 is the additive rule, 1 the multiplicative one, between them
    the power law of Guetig et al.

    In NEST's ``stdp_synapse`` a_plus is ``lambda * Wmax``, a_minus is ``alpha * lambda * Wmax``.

    Attributes
    ----------
    tau_plus, tau_minus : float
        [ms]
    a_plus, a_minus : float
        Change at a pair without interval, in the unit of the weight.
    mu_plus, mu_minus : float
    pairing : {"all", "nearest", "reduced"}
        All pairs of spikes; each spike with the nearest one before it on the other side; or only
        pairs with no other spike of either side between them (reduced symmetric).
    w_min, w_max, delay, coincidence, sign
        See `Learning`.

    Source: Song, Miller & Abbott (2000), Nat. Neurosci. 3:919; Guetig, Aharonov, Rotter &
    Sompolinsky (2003), J. Neurosci. 23:3697; pairings: Morrison, Diesmann & Gerstner (2008), Biol.
    Cybern. 98:459.
    """

    tau_plus: Quantity = quantity("ms", default=20.0, range="positive", per_neuron=False)
    tau_minus: Quantity = quantity("ms", default=20.0, range="positive", per_neuron=False)
    a_plus: float = quantity("1", default=0.01, per_neuron=False)
    a_minus: float = quantity("1", default=0.0105, per_neuron=False)
    mu_plus: float = quantity("1", default=0.0, range="nonnegative", per_neuron=False)
    mu_minus: float = quantity("1", default=0.0, range="nonnegative", per_neuron=False)
    pairing: Pairing = "all"

    def _check(self) -> None:
        Learning._check(self)
        require_choice(self, "pairing", ("all", "nearest", "reduced"))

    def plasticity_rule(self) -> PlasticityRule:
        """Return the rule as text."""
        down = _power("((w - w_min)/(w_max - w_min))", self.mu_minus, "mu_minus")
        up = _power("((w_max - w)/(w_max - w_min))", self.mu_plus, "mu_plus")
        given = {n: getattr(self, n) for n in ("tau_plus", "tau_minus", "a_plus", "a_minus")}
        given |= {n: getattr(self, n) for n in ("mu_plus", "mu_minus") if self._is_power(n)}
        rise = "+= 1" if self.pairing == "all" else "= 1"
        if self.pairing != "reduced":
            return self._rule(
                pre=_PRE_TRACE, post=_POST_TRACE, on_pre=f"w -= a_minus*y{down}; x {rise}",
                on_post=f"w += a_plus*x{up}; y {rise}", parameters=given,
            )  # fmt: skip
        return self._rule(
            pre=_PRE_TRACE, post=_POST_TRACE, synapse="pre_was_last : 1\npost_was_last : 1",
            on_pre=f"w -= a_minus*y*post_was_last{down}; x = 1; pre_was_last = 1; "
            "post_was_last = 0",
            on_post=f"w += a_plus*x*pre_was_last{up}; y = 1; post_was_last = 1; pre_was_last = 0",
            parameters=given,
        )  # fmt: skip

    def _is_power(self, name: str) -> bool:
        return getattr(self, name) not in (0.0, 1.0)


@described
class AntiHebbianSTDP(Learning):
    """STDP the other way round: who fires before the neuron loses.

        on_pre:  w += a_plus y;   x += 1
        on_post: w -= a_minus x;  y += 1

    Traces are those of `STDP`. A neuron comes to ignore what foretells its spikes.

    Attributes
    ----------
    tau_plus, tau_minus : float
        Of the traces of pre- and postsynaptic spikes [ms].
    a_plus, a_minus : float
        What an input gains that comes after a spike of the neuron, and loses that comes before one,
        in the unit of the weight.
    w_min, w_max, delay, coincidence, sign
        See `Learning`.

    Source: Bell, Han, Sugawara & Grant (1997), Nature 387:278; Roberts & Bell (2000), J. Comput.
    Neurosci. 9:67.
    """

    tau_plus: Quantity = quantity("ms", default=20.0, range="positive", per_neuron=False)
    tau_minus: Quantity = quantity("ms", default=20.0, range="positive", per_neuron=False)
    a_plus: float = quantity("1", default=0.01, per_neuron=False)
    a_minus: float = quantity("1", default=0.0105, per_neuron=False)

    def plasticity_rule(self) -> PlasticityRule:
        """Return the rule as text."""
        names = ("tau_plus", "tau_minus", "a_plus", "a_minus")
        return self._rule(
            pre=_PRE_TRACE, post=_POST_TRACE, on_pre="w += a_plus*y; x += 1",
            on_post="w -= a_minus*x; y += 1",
            parameters={n: getattr(self, n) for n in names},
        )  # fmt: skip


@described
class SymmetricSTDP(Learning):
    """STDP whose sign does not depend on the order of the spikes.

        on_pre:  w += a y - decay       on_post: w += a x

    With ``a < 0`` it is anti-Hebbian. `decay` is what every presynaptic spike takes from the
    weight, so that inputs without a partner lose.

    Attributes
    ----------
    tau : float
        Of both traces [ms].
    a, decay : float
        In the unit of the weight.
    w_min, w_max, delay, coincidence, sign
        See `Learning`.

    Source: the window of Woodin, Ganguly & Poo (2003), Neuron 39:807; with a decay per spike as in
    Vogels et al. (2011), Science 334:1569.
    """

    tau: Quantity = quantity("ms", default=20.0, range="positive", per_neuron=False)
    a: float = quantity("1", default=0.01, per_neuron=False)
    decay: float = quantity("1", default=0.0, per_neuron=False)

    def plasticity_rule(self) -> PlasticityRule:
        """Return the rule as text."""
        return self._rule(
            pre="dx/dt = -x/tau : 1\ntau : ms", post="dy/dt = -y/tau : 1",
            on_pre="w += a*y - decay; x += 1", on_post="w += a*x; y += 1",
            parameters={"tau": self.tau, "a": self.a, "decay": self.decay},
        )  # fmt: skip


@described
class TripletSTDP(Learning):
    """The triplet rule: pairs, and what a second spike of one side adds.

        on_pre:  w -= o1 (a2_minus + a3_minus r2);  r1 += 1; r2 += 1
        on_post: w += r1 (a2_plus + a3_plus o2);    o1 += 1; o2 += 1

    r1, r2 are presynaptic traces with tau_plus, tau_x; o1, o2 postsynaptic ones with tau_minus,
    tau_y. r2 and o2 are read before the spike that raises them. The defaults are those of the
    minimal model fitted to the visual cortex (all-to-all), with weights that start at 1.

    Attributes
    ----------
    tau_plus, tau_minus, tau_x, tau_y : float
        [ms]
    a2_plus, a2_minus, a3_plus, a3_minus : float
        In the unit of the weight.
    pairing : {"all", "nearest"}
        Whether traces add up, or are set to 1.
    w_min, w_max, delay, coincidence, sign
        See `Learning`.

    Source: Pfister & Gerstner (2006), J. Neurosci. 26:9673, equations 2-4, table 4.
    """

    tau_plus: Quantity = quantity("ms", default=16.8, range="positive", per_neuron=False)
    tau_minus: Quantity = quantity("ms", default=33.7, range="positive", per_neuron=False)
    tau_x: Quantity = quantity("ms", default=101.0, range="positive", per_neuron=False)
    tau_y: Quantity = quantity("ms", default=114.0, range="positive", per_neuron=False)
    a2_plus: float = quantity("1", default=0.0, per_neuron=False)
    a2_minus: float = quantity("1", default=7.1e-3, per_neuron=False)
    a3_plus: float = quantity("1", default=6.5e-3, per_neuron=False)
    a3_minus: float = quantity("1", default=0.0, per_neuron=False)
    pairing: Literal["all", "nearest"] = "all"

    def _check(self) -> None:
        Learning._check(self)
        require_choice(self, "pairing", ("all", "nearest"))

    def plasticity_rule(self) -> PlasticityRule:
        """Return the rule as text."""
        rise = "+= 1" if self.pairing == "all" else "= 1"
        names = (
            "tau_plus", "tau_minus", "tau_x", "tau_y", "a2_plus", "a2_minus", "a3_plus", "a3_minus",
        )  # fmt: skip
        return self._rule(
            pre="dr1/dt = -r1/tau_plus : 1\ndr2/dt = -r2/tau_x : 1\ntau_plus : ms\ntau_x : ms",
            post="do1/dt = -o1/tau_minus : 1\ndo2/dt = -o2/tau_y : 1\ntau_minus : ms\ntau_y : ms",
            on_pre=f"w -= o1*(a2_minus + a3_minus*r2); r1 {rise}; r2 {rise}",
            on_post=f"w += r1*(a2_plus + a3_plus*o2); o1 {rise}; o2 {rise}",
            parameters={name: getattr(self, name) for name in names},
        )  # fmt: skip


@described
class InhibitorySTDP(Learning):
    """Inhibitory plasticity that keeps postsynaptic neurons at a target rate.

        on_pre:  w += eta (y - 2 rate tau);  x += 1
        on_post: w += eta x;                 y += 1

    Of weights that are negative (currents), give a negative `eta` and bounds below 0.

    Attributes
    ----------
    tau : float
        Of both traces [ms].
    eta : float
        Learning rate, in the unit of the weight.
    rate : float
        Target of the postsynaptic neurons [Hz].
    w_min, w_max, delay, coincidence, sign
        See `Learning`.

    Source: Vogels, Sprekeler, Zenke, Clopath & Gerstner (2011), Science 334:1569.
    """

    tau: Quantity = quantity("ms", default=20.0, range="positive", per_neuron=False)
    eta: float = quantity("1", default=0.01, per_neuron=False)
    rate: Quantity = quantity("Hz", default=5.0, range="nonnegative", per_neuron=False)

    def plasticity_rule(self) -> PlasticityRule:
        """Return the rule as text."""
        return self._rule(
            pre="dx/dt = -x/tau : 1\ntau : ms\nrate : Hz", post="dy/dt = -y/tau : 1",
            on_pre="w += eta*(y - 2*rate*tau); x += 1", on_post="w += eta*x; y += 1",
            parameters={"tau": self.tau, "eta": self.eta, "rate": self.rate},
        )  # fmt: skip


@described
class RewardModulatedSTDP(Learning):
    """STDP into an eligibility trace, which a reward turns into weights.

        on_pre:    c -= a_minus y; x += 1
        on_post:   c += a_plus x;  y += 1       dc/dt = -c/tau_c
        on_signal: w += reward c

    ``session.signal("p", reward=0.5)`` rewards all synapses of the projection "p" by what they
    have done within about the last `tau_c`.

    Attributes
    ----------
    tau_plus, tau_minus, tau_c : float
        [ms]
    a_plus, a_minus : float
        Change of the trace at a pair without interval.
    w_min, w_max, delay, coincidence, sign
        See `Learning`.

    Source: Izhikevich (2007), Cereb. Cortex 17:2443, with dopamine in single amounts at the moments
    of reward in place of its decaying concentration; Fremaux & Gerstner (2016), Front. Neural
    Circuits 9:85.
    """

    tau_plus: Quantity = quantity("ms", default=20.0, range="positive", per_neuron=False)
    tau_minus: Quantity = quantity("ms", default=20.0, range="positive", per_neuron=False)
    tau_c: Quantity = quantity("ms", default=1000.0, range="positive", per_neuron=False)
    a_plus: float = quantity("1", default=0.1, per_neuron=False)
    a_minus: float = quantity("1", default=0.15, per_neuron=False)

    def plasticity_rule(self) -> PlasticityRule:
        """Return the rule as text."""
        names = ("tau_plus", "tau_minus", "tau_c", "a_plus", "a_minus")
        return self._rule(
            pre=_PRE_TRACE, post=_POST_TRACE, synapse="dc/dt = -c/tau_c : 1\ntau_c : ms",
            on_pre="c -= a_minus*y; x += 1", on_post="c += a_plus*x; y += 1",
            on_signal="w += reward*c", signals=("reward",),
            parameters={name: getattr(self, name) for name in names},
        )  # fmt: skip


@described
class DopamineSTDP(Learning):
    """STDP into an eligibility trace, which dopamine turns into weights as long as it is there.

        on_pre:  c -= a_minus y; x += 1
        on_post: c += a_plus x;  y += 1       dc/dt = -c/tau_c
        dw/dt = c (d - baseline)              dd/dt = -d/tau_d

    Every spike of the population that ``net.project(..., modulator=population)`` names raises the
    concentration d by `amount`.

    Attributes
    ----------
    tau_plus, tau_minus, tau_c, tau_d : float
        [ms]
    a_plus, a_minus : float
        Change of the trace at a pair without interval, in the unit of the weight per ms.
    amount, baseline : float
        What a spike of the population adds to d; the concentration at which nothing changes.
    w_min, w_max, coincidence, sign
        See `Learning`. The delay is axonal.

    Source: Izhikevich (2007), Cereb. Cortex 17:2443; the baseline as in Potjans, Morrison &
    Diesmann (2010), Front. Comput. Neurosci. 4:141. Weights take Euler steps.
    """

    delay: Side = "axonal"
    tau_plus: Quantity = quantity("ms", default=20.0, range="positive", per_neuron=False)
    tau_minus: Quantity = quantity("ms", default=20.0, range="positive", per_neuron=False)
    tau_c: Quantity = quantity("ms", default=1000.0, range="positive", per_neuron=False)
    tau_d: Quantity = quantity("ms", default=200.0, range="positive", per_neuron=False)
    a_plus: float = quantity("1", default=0.1, per_neuron=False)
    a_minus: float = quantity("1", default=0.15, per_neuron=False)
    amount: float = quantity("1", default=0.1, per_neuron=False)
    baseline: float = quantity("1", default=0.0, per_neuron=False)

    def _check(self) -> None:
        Learning._check(self)
        self.plasticity_rule()  # which reads what was given

    def plasticity_rule(self) -> PlasticityRule:
        """Return the rule as text."""
        names = (
            "tau_plus", "tau_minus", "tau_c", "tau_d", "a_plus", "a_minus", "amount", "baseline",
        )  # fmt: skip
        return self._rule(
            pre=_PRE_TRACE, post=_POST_TRACE,
            synapse="dc/dt = -c/tau_c : 1/ms\ntau_c : ms\na_plus : 1/ms\na_minus : 1/ms",
            modulator="dd/dt = -d/tau_d : 1\ntau_d : ms",
            on_pre="c -= a_minus*y; x += 1", on_post="c += a_plus*x; y += 1",
            on_modulator="d += amount", on_step="w += dt*c*(d - baseline)",
            parameters={name: getattr(self, name) for name in names},
        )  # fmt: skip


@described
class Clopath(Learning):
    """Voltage-based STDP: what happens depends on the postsynaptic membrane.

        on_pre:  w -= a_ltd [u_minus - theta_minus]+
        dw/dt = a_ltp x [u - theta_plus]+ [u_plus - theta_minus]+

    u is the membrane potential, u_minus and u_plus follow it with tau_minus and tau_plus, x is a
    trace of presynaptic spikes, each of which raises it by 1/tau_x. The defaults are those of the
    visual cortex, for weights that start at 1. The membrane is read in every step, as it stands at
    its end, after the reset: a spike has to be a part of its course, as in models with an upstroke
    such as `AdEx`. `LIF` with its default threshold, -55 mV, never gets to theta_plus.

    Attributes
    ----------
    a_ltd : float
        Depression [unit of the weight / mV].
    a_ltp : float
        Potentiation [unit of the weight / mV^2].
    theta_minus, theta_plus : float
        Thresholds [mV].
    tau_minus, tau_plus, tau_x : float
        [ms]
    state : str
        The name of the membrane potential.
    w_min, w_max, coincidence, sign
        See `Learning`. The delay is axonal.

    Source: Clopath, Buesing, Vasilaki & Gerstner (2010), Nat. Neurosci. 13:344, equations 1-3 and
    table 1; with a constant amplitude of depression, as for the experiments in slices.
    """

    delay: Side = "axonal"
    a_ltd: float = quantity("1", default=14e-5, per_neuron=False)
    a_ltp: float = quantity("1", default=8e-5, per_neuron=False)
    theta_minus: float = quantity("1", default=-70.6, per_neuron=False)
    theta_plus: float = quantity("1", default=-45.3, per_neuron=False)
    tau_minus: Quantity = quantity("ms", default=10.0, range="positive", per_neuron=False)
    tau_plus: Quantity = quantity("ms", default=7.0, range="positive", per_neuron=False)
    tau_x: Quantity = quantity("ms", default=15.0, range="positive", per_neuron=False)
    state: str = "V_m"

    def _check(self) -> None:
        Learning._check(self)
        self.plasticity_rule()  # which reads what was given

    def plasticity_rule(self) -> PlasticityRule:
        """Return the rule as text."""
        names = (
            "a_ltd", "a_ltp", "theta_minus", "theta_plus", "tau_minus", "tau_plus", "tau_x",
        )  # fmt: skip
        u = f"{self.state}_post"
        return self._rule(
            pre="dx/dt = -x/tau_x : 1/ms\ntau_x : ms",
            post=(
                f"du_minus/dt = ({u} - u_minus)/tau_minus : 1\ntau_minus : ms\n"
                f"du_plus/dt = ({u} - u_plus)/tau_plus : 1\ntau_plus : ms\n"
                f"rise = where({u} > theta_plus, {u} - theta_plus, 0)"
                "*where(u_plus > theta_minus, u_plus - theta_minus, 0) : 1"
            ),
            on_pre=(
                "w -= a_ltd*where(u_minus > theta_minus, u_minus - theta_minus, 0); x += 1/tau_x"
            ),
            on_step="w += dt*a_ltp*x*rise",
            parameters={name: getattr(self, name) for name in names},
            initial=dict.fromkeys(("u_minus", "u_plus"), "theta_minus"),
        )  # fmt: skip


@described
class EProp(Learning):
    """e-prop: eligibility traces, times a learning signal that reaches the neuron.

        psi = gamma/V_th [1 - |(V - V_th - beta a)/V_th|]+      pseudo-derivative of a spike
        e = psi (x - beta e_a)      e_a(t + dt) = exp(-dt/tau_a) (e_a + e)      eligibility
        g(t) = exp(-dt/tau_out) g(t - dt) + e        as the readout filters spikes
        every step: w -= eta L g

    x is the trace of presynaptic spikes that the membrane, with time constant tau_m, keeps. V is
    the potential before the reset, which takes `V_th` from it at a spike, and a the adaptation,
    which a spike raises by 1; `beta` = 0 stands for neurons without one. L is a state of the
    postsynaptic neuron: what a readout sends back, or what the user's code sets. `V_th` and `tau_m`
    have to be those of the neurons, from which they are not read; psi has no factor for refractory
    neurons, for which Bellec et al. set it to 0. Where neurons of the layer do not act on each
    other, the changes are the gradient of the loss.

    Attributes
    ----------
    eta : float
        Learning rate, in the unit of the weight per unit of the gradient.
    V_th : float
        Threshold, in the unit of V [mV].
    gamma : float
        Height of the pseudo-derivative.
    tau_m, tau_out, tau_a : float
        Time constants of membrane, readout and adaptation [ms].
    beta : float
        What the adaptation adds to the threshold, in the unit of V.
    state, adaptation, learning_signal : str
        States of the postsynaptic neuron: V, a and L.
    online : bool
        Whether weights change in every step. If not, the gradient is added up in the variable
        `gradient` of each synapse, and ``session.signal("p", learn=1)`` does
        w -= eta learn gradient and begins anew: an update for each batch.
    w_min, w_max, coincidence, sign
        See `Learning`. The delay is axonal, one step as a rule.

    Source: Bellec, Scherr, Subramoney, Hajek, Salaj, Legenstein & Maass (2020), Nat. Commun.
    11:3625, equations 3-5 and 20-28; the reset and the increment of the adaptation decay with the
    step in which they occur.
    """

    delay: Side = "axonal"
    eta: float = quantity("1", default=1e-3, per_neuron=False)
    V_th: float = quantity("1", default=1.0, range="positive", per_neuron=False)
    gamma: float = quantity("1", default=0.3, range="positive", per_neuron=False)
    tau_m: Quantity = quantity("ms", default=20.0, range="positive", per_neuron=False)
    tau_out: Quantity = quantity("ms", default=20.0, range="positive", per_neuron=False)
    tau_a: Quantity = quantity("ms", default=200.0, range="positive", per_neuron=False)
    beta: float = quantity("1", default=0.0, range="nonnegative", per_neuron=False)
    state: str = "V"
    adaptation: str = "a"
    learning_signal: str = "L"
    online: bool = True

    def _check(self) -> None:
        Learning._check(self)
        self.plasticity_rule()  # which reads what was given

    def plasticity_rule(self) -> PlasticityRule:
        """Return the rule as text."""
        adapts = self.beta > 0
        threshold = f"V_th + beta*({self.adaptation}_post - spiked_post)" if adapts else "V_th"
        before = f"{self.state}_post + spiked_post*V_th"
        e = "psi*(x - beta*e_a)" if adapts else "psi*x"
        synapse = ["dg/dt = -g/tau_out : 1", "tau_out : ms"]
        synapse += ["de_a/dt = -e_a/tau_a : 1", "tau_a : ms"] if adapts else []
        synapse += [] if self.online else ["gradient : 1"]
        step = [f"g += {e}"]
        signal = f"{self.learning_signal}_post"
        step.append(f"w -= eta*{signal}*g" if self.online else f"gradient += {signal}*g")
        step += [f"e_a += {e}"] if adapts else []
        names = ["eta", "V_th", "gamma", "tau_m", "tau_out", *(["tau_a", "beta"] * adapts)]
        return self._rule(
            pre="dx/dt = -x/tau_m : 1\ntau_m : ms", synapse="\n".join(synapse),
            post=f"psi = gamma/V_th*clip(1 - abs(({before} - ({threshold}))/V_th), 0, 1) : 1",
            on_pre="x += 1", on_step="; ".join(step),
            on_signal="" if self.online else "w -= eta*learn*gradient; gradient = 0",
            signals=() if self.online else ("learn",),
            parameters={name: getattr(self, name) for name in names},
        )  # fmt: skip


@described
class TsodyksMarkram(Value):
    """Short-term plasticity: facilitation and depression of what a spike carries.

        du/dt = -u/tau_facil    dR/dt = (1 - R)/tau_rec
        on_pre: u += U (1 - u);  effect = w u R;  R -= u R

    The weight stays as it is. u is the release probability, R the part of the resources that is
    there: both belong to the presynaptic neuron.

    Attributes
    ----------
    U : float
        Release probability at rest, in (0, 1].
    tau_rec : float
        Recovery from depression [ms].
    tau_facil : float
        Decay of facilitation [ms]; 0 for none: u is then U at every spike.

    Source: Tsodyks, Pawelzik & Markram (1998), Neural Comput. 10:821; Markram, Wang & Tsodyks
    (1998), PNAS 95:5323.
    """

    U: float = quantity("1", default=0.5, range="positive", per_neuron=False)
    tau_rec: Quantity = quantity("ms", default=800.0, range="positive", per_neuron=False)
    tau_facil: Quantity = quantity("ms", default=0.0, range="nonnegative", per_neuron=False)

    def _check(self) -> None:
        if self.U > 1:
            raise DescriptionError("TsodyksMarkram.U", self.U, "a probability, at most 1")

    def plasticity_rule(self) -> PlasticityRule:
        """Return the rule as text."""
        recovery = "dR/dt = (1 - R)/tau_rec : 1\ntau_rec : ms"
        if self.tau_facil == 0:
            return PlasticityRule(
                "TsodyksMarkram", pre=recovery, on_pre="effect = w*U*R; R -= U*R",
                parameters={"U": self.U, "tau_rec": self.tau_rec}, initial={"R": 1.0},
            )  # fmt: skip
        return PlasticityRule(
            "TsodyksMarkram", pre=f"du/dt = -u/tau_facil : 1\ntau_facil : ms\n{recovery}",
            on_pre="u += U*(1 - u); effect = w*u*R; R -= u*R",
            parameters={"U": self.U, "tau_rec": self.tau_rec, "tau_facil": self.tau_facil},
            initial={"R": 1.0},
        )  # fmt: skip


@described
class RateLearning(Value):
    """Base of the named rules for continuous coupling.

    Attributes
    ----------
    state : str
        The state of both sides that the rule reads.
    w_min, w_max : float or None
        Bounds of the weight.
    sign : {"free", "fixed"}
        See `PlasticityRule`.
    """

    state: str = "r"
    w_min: float | None = None
    w_max: float | None = None
    sign: Sign = "free"

    def _check(self) -> None:
        self.plasticity_rule()  # which reads what was given

    def plasticity_rule(self) -> PlasticityRule:
        """Return the rule as text."""
        raise NotImplementedError

    def _rule(
        self, text: str, parameters: dict[str, float], declared: str, post: str = ""
    ) -> PlasticityRule:
        x, y = f"{self.state}_pre", f"{self.state}_post"
        return PlasticityRule(
            type(self).__name__, post=post.format(x=x, y=y),
            synapse=f"dw/dt = {text.format(x=x, y=y)} : 1\n{declared}",
            parameters=parameters, w_min=self.w_min, w_max=self.w_max, sign=self.sign,
        )  # fmt: skip


@described
class Hebb(RateLearning):
    """Hebb's rule with decay: dw/dt = eta x y - decay w.

    Attributes
    ----------
    eta, decay : float
        [1/ms]
    state, w_min, w_max, sign
        See `RateLearning`.

    Source: Hebb (1949), The Organization of Behavior; Gerstner & Kistler (2002), Biol. Cybern.
    87:404.
    """

    eta: Quantity = quantity("1/ms", default=1e-3, per_neuron=False)
    decay: Quantity = quantity("1/ms", default=0.0, range="nonnegative", per_neuron=False)

    def plasticity_rule(self) -> PlasticityRule:
        """Return the rule as text."""
        given = {"eta": self.eta, "decay": self.decay}
        return self._rule("eta*{x}*{y} - decay*w", given, "eta : 1/ms\ndecay : 1/ms")


@described
class AntiHebb(RateLearning):
    """Anti-Hebbian learning: dw/dt = -eta (x y - correlation).

    Between units of one layer it takes away correlations beyond `correlation`. Without bounds
    weights become negative: inhibition.

    Attributes
    ----------
    eta : float
        [1/ms]
    correlation : float
        The mean product of both rates at which nothing changes.
    state, w_min, w_max, sign
        See `RateLearning`.

    Source: Foldiak (1990), Biol. Cybern. 64:165, equation 3.
    """

    eta: Quantity = quantity("1/ms", default=1e-3, per_neuron=False)
    correlation: float = quantity("1", default=0.0, per_neuron=False)

    def plasticity_rule(self) -> PlasticityRule:
        """Return the rule as text."""
        given = {"eta": self.eta, "correlation": self.correlation}
        return self._rule("-eta*({x}*{y} - correlation)", given, "eta : 1/ms")


@described
class Covariance(RateLearning):
    """The covariance rule: dw/dt = eta (x - x_mean) (y - y_mean).

    Attributes
    ----------
    eta : float
        [1/ms]
    x_mean, y_mean : float
        Rates of both sides at which nothing changes.
    state, w_min, w_max, sign
        See `RateLearning`.

    Source: Sejnowski (1977), J. Math. Biol. 4:303.
    """

    eta: Quantity = quantity("1/ms", default=1e-3, per_neuron=False)
    x_mean: float = quantity("1", default=0.0, per_neuron=False)
    y_mean: float = quantity("1", default=0.0, per_neuron=False)

    def plasticity_rule(self) -> PlasticityRule:
        """Return the rule as text."""
        given = {"eta": self.eta, "x_mean": self.x_mean, "y_mean": self.y_mean}
        return self._rule("eta*({x} - x_mean)*({y} - y_mean)", given, "eta : 1/ms")


@described
class Oja(RateLearning):
    """Oja's rule: dw/dt = eta y (x - y w), whose weights become the first principal component.

    Attributes
    ----------
    eta : float
        [1/ms]
    state, w_min, w_max, sign
        See `RateLearning`.

    Source: Oja (1982), J. Math. Biol. 15:267.
    """

    eta: Quantity = quantity("1/ms", default=1e-3, per_neuron=False)

    def plasticity_rule(self) -> PlasticityRule:
        """Return the rule as text."""
        return self._rule("eta*{y}*({x} - {y}*w)", {"eta": self.eta}, "eta : 1/ms")


@described
class BCM(RateLearning):
    """Bienenstock, Cooper and Munro's rule: dw/dt = eta x y (y - theta).

        tau_theta dtheta/dt = y^2/y_0 - theta

    The threshold slides with the activity of the postsynaptic neuron, which makes it selective.

    Attributes
    ----------
    eta : float
        [1/ms]
    tau_theta : float
        [ms]
    y_0 : float
        Scale of the activity.
    state, w_min, w_max, sign
        See `RateLearning`.

    Source: Bienenstock, Cooper & Munro (1982), J. Neurosci. 2:32; the square of Intrator & Cooper
    (1992), Neural Netw. 5:3.
    """

    eta: Quantity = quantity("1/ms", default=1e-4, per_neuron=False)
    tau_theta: Quantity = quantity("ms", default=1000.0, range="positive", per_neuron=False)
    y_0: float = quantity("1", default=1.0, range="positive", per_neuron=False)

    def plasticity_rule(self) -> PlasticityRule:
        """Return the rule as text."""
        return self._rule(
            "eta*{x}*{y}*({y} - theta)",
            {"eta": self.eta, "tau_theta": self.tau_theta, "y_0": self.y_0},
            "eta : 1/ms",
            post="dtheta/dt = ({y}*{y}/y_0 - theta)/tau_theta : 1\ntau_theta : ms",
        )
