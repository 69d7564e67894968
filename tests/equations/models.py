"""Model texts that several tests use."""

from __future__ import annotations

from typing import Any

from neurosim.equations import NeuronModel

MEMBRANE = dict(tau_m="20 ms", C_m="200 pF", E_L="-65 mV", V_th="-50 mV", V_reset="-60 mV")


def lif_exp(**changes: Any) -> NeuronModel:
    """LIF with two exponential currents, refractory."""
    arguments: dict[str, Any] = dict(
        equations="""
            dV_m/dt = (E_L - V_m)/tau_m + (I_exc + I_inh + I_injected)/C_m : mV (clamped)
            dI_exc/dt = -I_exc/tau_exc : pA
            dI_inh/dt = -I_inh/tau_inh : pA
        """,
        threshold="V_m >= V_th",
        reset="V_m = V_reset",
        refractory="t_ref",
        inputs={"exc": "jump I_exc", "inh": "jump I_inh"},
        parameters={**MEMBRANE, "tau_exc": "2 ms", "tau_inh": "5 ms", "t_ref": 2.0},
        initial={"V_m": "E_L"},
    )
    return NeuronModel("lif_exp", **{**arguments, **changes})


def lif_alpha(**changes: Any) -> NeuronModel:
    """LIF with an alpha-shaped current."""
    arguments: dict[str, Any] = dict(
        equations="""
            dV_m/dt = (E_L - V_m)/tau_m + I/C_m : mV
            dI/dt = (exp(1)*x - I)/tau_s : pA
            dx/dt = -x/tau_s : pA
        """,
        threshold="V_m >= V_th",
        reset="V_m = V_reset",
        inputs={"syn": "jump x"},
        parameters={**MEMBRANE, "tau_s": "2 ms"},
    )
    return NeuronModel("lif_alpha", **{**arguments, **changes})


def lif_cond(**changes: Any) -> NeuronModel:
    """LIF with exponential conductances."""
    arguments: dict[str, Any] = dict(
        equations="""
            dV_m/dt = (g_L*(E_L - V_m) + g*(E_ex - V_m) + I_injected)/C_m : mV (clamped)
            dg/dt = -g/tau_s : nS
        """,
        threshold="V_m >= V_th",
        reset="V_m = V_reset",
        refractory="t_ref",
        inputs={"syn": "jump g"},
        parameters={
            "g_L": "10 nS",
            "C_m": "200 pF",
            "E_L": "-65 mV",
            "V_th": "-50 mV",
            "t_ref": "2 ms",
            "V_reset": "-60 mV",
            "E_ex": "0 mV",
            "tau_s": "5 ms",
        },
    )
    return NeuronModel("lif_cond", **{**arguments, **changes})


def adex(**changes: Any) -> NeuronModel:
    """Adaptive exponential integrate-and-fire neuron."""
    arguments: dict[str, Any] = dict(
        equations="""
            dV_m/dt = (g_L*(E_L - V_m) + g_L*D*exp((V_m - V_T)/D) - w + I_injected)/C_m : mV
            dw/dt = (a*(V_m - E_L) - w)/tau_w : pA
        """,
        threshold="V_m >= 0*mV",
        reset="V_m = E_L; w += b",
        parameters={
            "g_L": "10 nS",
            "C_m": "200 pF",
            "E_L": "-65 mV",
            "V_T": "-50 mV",
            "D": "2 mV",
            "a": "2 nS",
            "b": "60 pA",
            "tau_w": "100 ms",
        },
    )
    return NeuronModel("adex", **{**arguments, **changes})


def izhikevich(**changes: Any) -> NeuronModel:
    """The simple model of 2003."""
    arguments: dict[str, Any] = dict(
        equations="dv/dt = (0.04*v**2 + 5*v + 140 - u + I)/ms : 1\ndu/dt = a*(b*v - u)/ms : 1",
        threshold="v >= 30",
        reset="v = c; u += d",
        inputs={"I": "pulse"},
        parameters=dict(a=0.02, b=0.2, c=-65, d=8),
    )
    return NeuronModel("izhikevich", **{**arguments, **changes})


def squid(**changes: Any) -> NeuronModel:
    """Hodgkin & Huxley (1952), J. Physiol. 117:500-544, with the modern sign; 1 cm^2 -> 1 uF."""
    arguments: dict[str, Any] = dict(
        equations="""
            dV_m/dt = (g_Na*m**3*h*(E_Na - V_m) + g_K*n**4*(E_K - V_m) + g_L*(E_L - V_m)
                       + I_e)/C_m : mV
            dm/dt = alpha_m*(1 - m) - beta_m*m : 1
            dh/dt = alpha_h*(1 - h) - beta_h*h : 1
            dn/dt = alpha_n*(1 - n) - beta_n*n : 1
            v = (V_m + 65*mV)/mV : 1
            alpha_m = 1/exprel((25 - v)/10)/ms : 1/ms
            beta_m = 4*exp(-v/18)/ms : 1/ms
            alpha_h = 0.07*exp(-v/20)/ms : 1/ms
            beta_h = 1/(exp((30 - v)/10) + 1)/ms : 1/ms
            alpha_n = 0.1/exprel((10 - v)/10)/ms : 1/ms
            beta_n = 0.125*exp(-v/80)/ms : 1/ms
        """,
        threshold="V_m >= 0*mV",
        parameters={
            "C_m": "1 uF",
            "g_Na": "120 mS",
            "g_K": "36 mS",
            "g_L": "0.3 mS",
            "E_Na": "50 mV",
            "E_K": "-77 mV",
            "E_L": "-54.387 mV",
            "I_e": "10 uA",
        },
        initial={"V_m": -65.0, "m": 0.0529, "h": 0.5961, "n": 0.3177},
    )
    return NeuronModel("squid", **{**arguments, **changes})


def qif(**changes: Any) -> NeuronModel:
    """Quadratic integrate-and-fire neuron."""
    arguments: dict[str, Any] = dict(
        equations="dV/dt = (V**2 + eta)/tau : 1",
        threshold="V >= 100",
        reset="V = -100",
        parameters={"eta": 1.0, "tau": "10 ms"},
    )
    return NeuronModel("qif", **{**arguments, **changes})
