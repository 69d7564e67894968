"""Neurons that fire at random, the more likely the higher their potential."""

from __future__ import annotations

from neurosim.describe.neurons.base import Neuron, input_current
from neurosim.describe.parts import ModelText, Part, compose
from neurosim.describe.synapses import ExpCurrent, Synapses, synapse_parts
from neurosim.describe.values import Quantity, described, quantity
from neurosim.errors import DescriptionError


@described
class GIF(Neuron):
    """Generalised integrate-and-fire neuron: escape noise and two kinds of adaptation.

        C_m dV_m/dt = g_L (E_L - V_m) - sum of I_stc_k + I_synaptic + I_e
        dI_stc_k/dt = -I_stc_k / tau_stc_k        I_stc_k += q_stc_k at each own spike
        dV_sfa_k/dt = -V_sfa_k / tau_sfa_k        V_sfa_k += q_sfa_k at each own spike

    The neuron fires with the intensity

        lambda_0 exp((V_m - V_T - sum of V_sfa_k) / Delta_V),

    that is with probability 1 - exp(-intensity dt) in a step; then V_m is set to V_reset and held
    for t_ref, in which it does not fire.

    Attributes
    ----------
    C_m : float
        Capacitance [pF].
    g_L : float
        Leak conductance [nS].
    E_L : float
        Resting potential [mV].
    V_T : float
        Threshold without adaptation [mV], where the intensity is lambda_0.
    Delta_V : float
        Sharpness of the threshold [mV].
    lambda_0 : float
        Intensity at the threshold [1/ms]; ``"1 Hz"`` may be written too.
    V_reset : float
        Reset potential [mV].
    t_ref : float
        Refractory time [ms].
    q_stc, tau_stc : float or tuple
        Jumps [pA] and time constants [ms] of the currents triggered by a spike, one or more
        exponentials; () for none.
    q_sfa, tau_sfa : float or tuple
        Jumps [mV] and time constants [ms] of the threshold, likewise.
    I_e : float
        Constant current [pA].
    synapses : ReceptorKind, SynapsePair, Receptors or None

    Source: Mensi, Naud, Pozzorini, Avermann, Petersen & Gerstner (2012), J. Neurophysiol.
    107:1756-1775, doi 10.1152/jn.00408.2011; Pozzorini et al. (2015), PLoS Comput. Biol.
    11:e1004275, doi 10.1371/journal.pcbi.1004275.
    """

    C_m: Quantity = quantity("pF", default=83.1, range="positive")
    g_L: Quantity = quantity("nS", default=3.7, range="nonnegative")
    E_L: Quantity = quantity("mV", default=-67.0)
    V_T: Quantity = quantity("mV", default=-39.6)
    Delta_V: Quantity = quantity("mV", default=1.4, range="positive")
    lambda_0: Quantity = quantity("1/ms", default=0.001, range="nonnegative")
    V_reset: Quantity = quantity("mV", default=-36.7)
    t_ref: Quantity = quantity("ms", default=4.0, range="nonnegative")
    q_stc: Quantity = quantity("pA", default=(56.7, -6.9), per_neuron=False, several=True)
    tau_stc: Quantity = quantity(
        "ms", default=(57.8, 218.2), range="positive", per_neuron=False, several=True
    )
    q_sfa: Quantity = quantity("mV", default=(11.7, 1.8), per_neuron=False, several=True)
    tau_sfa: Quantity = quantity(
        "ms", default=(53.8, 640.0), range="positive", per_neuron=False, several=True
    )
    I_e: Quantity = quantity("pA", default=0.0)
    synapses: Synapses | None = ExpCurrent()

    def _check_parameters(self) -> None:
        for jumps, times in (("q_stc", "tau_stc"), ("q_sfa", "tau_sfa")):
            n = len(getattr(self, jumps))
            if len(getattr(self, times)) != n:
                raise DescriptionError(
                    f"GIF.{times}", getattr(self, times), f"{n} time constants, as {jumps} has {n}"
                )

    def text(self) -> ModelText:
        """Return the model as text."""
        synapses = synapse_parts(self.synapses)
        current = input_current(synapses)
        currents = _kernels("I_stc", "pA", "q_stc", self.q_stc, "tau_stc", self.tau_stc)
        threshold = _kernels("V_sfa", "mV", "q_sfa", self.q_sfa, "tau_sfa", self.tau_sfa)
        adaptation = "".join(f" - {name}" for name in currents.states)
        raised = "".join(f" - {name}" for name in threshold.states)
        membrane = Part(
            equations=(
                f"dV_m/dt = (g_L*(E_L - V_m){adaptation} + {current.current})/C_m"
                " : mV (unless refractory)",
                *current.equations,
            ),
            states={"V_m": "mV"},
            parameters={
                "C_m": ("pF", self.C_m),
                "g_L": ("nS", self.g_L),
                "E_L": ("mV", self.E_L),
                "V_T": ("mV", self.V_T),
                "Delta_V": ("mV", self.Delta_V),
                "lambda_0": ("1/ms", self.lambda_0),
                "V_reset": ("mV", self.V_reset),
                "t_ref": ("ms", self.t_ref),
                "I_e": ("pA", self.I_e),
            },
            initial={"V_m": "E_L"},
        )
        jumps = [
            f"; {state} += {state.replace('I_stc', 'q_stc').replace('V_sfa', 'q_sfa')}"
            for state in (*currents.states, *threshold.states)
        ]
        return compose(
            "GIF",
            (membrane, currents, threshold, *synapses),
            hazard=f"lambda_0*exp((V_m - V_T{raised})/Delta_V)",
            reset=f"V_m = V_reset{''.join(jumps)}",
            refractory="t_ref",
            method=self.method,
        )


def _kernels(
    state: str,
    unit: str,
    jump: str,
    jumps: tuple[float, ...],
    time: str,
    times: tuple[float, ...],
) -> Part:
    """Return exponentials that jump at each own spike: states state_1, state_2, ..."""
    equations, states, parameters = [], {}, {}
    for k, (size, tau) in enumerate(zip(jumps, times, strict=True), start=1):
        equations.append(f"d{state}_{k}/dt = -{state}_{k}/{time}_{k} : {unit}")
        states[f"{state}_{k}"] = unit
        parameters[f"{jump}_{k}"] = (unit, size)
        parameters[f"{time}_{k}"] = ("ms", tau)
    return Part(equations=tuple(equations), states=states, parameters=parameters)
