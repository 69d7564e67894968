"""Brette et al. (2007) in Brian2: ``python -m benchmarks.peers.brian2_vogels_abbott``.

As in Brian2's own examples CUBA, COBA and COBAHH, which come from its developers.
"""

from __future__ import annotations

from typing import Any

import brian2 as b

from benchmarks.peers.common import DT
from benchmarks.peers.parameters import VOGELS_ABBOTT, size
from benchmarks.peers.with_brian2 import arguments, measure, prepare

CUBA = """
dv/dt = (g_exc + g_inh - (v - E_L))/tau_m : volt (unless refractory)
dg_exc/dt = -g_exc/tau_exc : volt
dg_inh/dt = -g_inh/tau_inh : volt
"""

COBA = """
dv/dt = (g_leak*(E_L - v) + g_exc*(E_exc - v) + g_inh*(E_inh - v))/C_m : volt (unless refractory)
dg_exc/dt = -g_exc/tau_exc : siemens
dg_inh/dt = -g_inh/tau_inh : siemens
"""

COBAHH = """
dv/dt = (g_leak*(E_L - v) + g_exc*(E_exc - v) + g_inh*(E_inh - v)
         - g_Na*m**3*h*(v - E_Na) - g_K*n**4*(v - E_K))/C_m : volt
dm/dt = alpha_m*(1 - m) - beta_m*m : 1
dn/dt = alpha_n*(1 - n) - beta_n*n : 1
dh/dt = alpha_h*(1 - h) - beta_h*h : 1
dg_exc/dt = -g_exc/tau_exc : siemens
dg_inh/dt = -g_inh/tau_inh : siemens
alpha_m = 0.32*4/exprel((13*mV - v + V_T)/(4*mV))/ms : Hz
beta_m = 0.28*5/exprel((v - V_T - 40*mV)/(5*mV))/ms : Hz
alpha_h = 0.128*exp((17*mV - v + V_T)/(18*mV))/ms : Hz
beta_h = 4/(1 + exp((40*mV - v + V_T)/(5*mV)))/ms : Hz
alpha_n = 0.032*5/exprel((15*mV - v + V_T)/(5*mV))/ms : Hz
beta_n = 0.5*exp((10*mV - v + V_T)/(40*mV))/ms : Hz
"""


def main() -> None:
    """Build, warm up, measure, print."""
    parsed = arguments(__doc__)
    parsed.add_argument("--synapses", choices=("cuba", "coba", "cobahh"), required=True)
    a = parsed.parse_args()
    p = VOGELS_ABBOTT
    n_exc, n_inh = size(p.n_exc, a.scale), size(p.n_inh, a.scale)
    began = prepare(a)

    constants = {
        "C_m": p.c_m * b.pF, "g_leak": p.g_leak * b.nS, "tau_m": p.c_m / p.g_leak * b.ms,
        "tau_exc": p.tau_exc * b.ms, "tau_inh": p.tau_inh * b.ms,
        "E_L": (p.e_leak_cuba if a.synapses == "cuba" else p.e_leak) * b.mV,
        "E_exc": p.e_exc * b.mV, "E_inh": p.e_inh * b.mV,
        "g_Na": p.g_na * b.nS, "g_K": p.g_k * b.nS, "E_Na": p.e_na * b.mV, "E_K": p.e_k * b.mV,
        "V_T": p.v_t * b.mV, "V_th": p.v_th * b.mV, "V_reset": p.v_reset * b.mV,
        "V_spike": p.v_spike * b.mV,
    }  # fmt: skip
    more: dict[str, Any] = {
        "threshold": "v >= V_th", "reset": "v = V_reset",
        # Brian2 holds the potential one step less than this time.
        "refractory": (p.t_ref + DT) * b.ms,
    }  # fmt: skip
    if a.synapses == "cuba":
        equations, more["method"] = CUBA, "exact"
        # Currents times the resistance of the membrane.
        w_exc, w_inh = (w / p.g_leak * b.mV for w in (p.w_exc_cuba, p.w_inh_cuba))
    else:
        equations, more["method"] = COBA, "exponential_euler"
        w_exc, w_inh = p.w_exc * b.nS, p.w_inh * b.nS
    if a.synapses == "cobahh":
        equations = COBAHH
        more.update(threshold="v > V_spike", reset="", refractory=p.t_ref_hh * b.ms)
    neurons = b.NeuronGroup(n_exc + n_inh, equations, namespace=constants, **more)
    if a.synapses == "cuba":
        neurons.v = "V_reset + rand()*(V_th - V_reset)"
    else:
        for name, (mean, sd), unit in (
            ("v", p.v_start, "mV"),
            ("g_exc", p.g_exc_start, "nS"),
            ("g_inh", p.g_inh_start, "nS"),
        ):
            setattr(neurons, name, f"({mean} + {sd}*randn())*{unit}")

    exc, inh = neurons[:n_exc], neurons[n_exc:]
    synapses = []
    for source, state, w in ((exc, "g_exc", w_exc), (inh, "g_inh", w_inh)):
        # One weight for all; no delay, as in the examples: arrival in the step of the spike.
        made = b.Synapses(source, neurons, on_pre=f"{state}_post += w", namespace={"w": w})
        made.connect(p=p.p / a.scale)
        synapses.append(made)
    monitor = b.SpikeMonitor(neurons)
    measure(
        a, began, synapses=synapses, others=[neurons], monitor=monitor,
        sizes={"exc": n_exc, "inh": n_inh},
    )  # fmt: skip


if __name__ == "__main__":
    main()
