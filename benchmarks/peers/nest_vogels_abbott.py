"""Benchmarks of Brette et al. (2007) in NEST: ``python -m benchmarks.peers.nest_vogels_abbott``.

All synapses of a model share one weight (`static_synapse_hom_w_hpc`). NEST's conductance-based
neurons are integrated with an adaptive step; its single-compartment Traub-Miles neuron is
`hh_cond_exp_traub`, whose step is adaptive, too.
"""

from __future__ import annotations

import math

import nest

from benchmarks.peers.common import DT
from benchmarks.peers.parameters import VOGELS_ABBOTT, size
from benchmarks.peers.with_nest import measure, parser, prepare


def main() -> None:
    """Build, warm up, measure, print."""
    arguments = parser(__doc__)
    arguments.add_argument("--synapses", choices=("cuba", "coba", "cobahh"), required=True)
    a = arguments.parse_args()
    p = VOGELS_ABBOTT
    n_exc, n_inh = size(p.n_exc, a.scale), size(p.n_inh, a.scale)

    began = prepare(a)
    shared = {"C_m": p.c_m, "tau_syn_ex": p.tau_exc, "tau_syn_in": p.tau_inh}
    integrate = {"V_th": p.v_th, "V_reset": p.v_reset, "t_ref": p.t_ref}
    conductances = {"E_L": p.e_leak, "g_L": p.g_leak, "E_ex": p.e_exc, "E_in": p.e_inh}
    if a.synapses == "cuba":
        neuron = {**shared, **integrate, "E_L": p.e_leak_cuba, "tau_m": p.c_m / p.g_leak}
        neurons = nest.Create("iaf_psc_exp", n_exc + n_inh, neuron)
        neurons.V_m = nest.random.uniform(p.v_reset, p.v_th)
        w_exc, w_inh = p.w_exc_cuba, p.w_inh_cuba
    else:
        if a.synapses == "coba":
            neuron = {**shared, **integrate, **conductances}
            neurons = nest.Create("iaf_cond_exp", n_exc + n_inh, neuron)
        else:
            channels = {
                "g_Na": p.g_na, "g_K": p.g_k, "E_Na": p.e_na, "E_K": p.e_k, "V_T": p.v_t,
                "t_ref": p.t_ref_hh,
            }  # fmt: skip
            neuron = {**shared, **conductances, **channels}
            neurons = nest.Create("hh_cond_exp_traub", n_exc + n_inh, neuron)
        neurons.V_m = nest.random.normal(*p.v_start)
        if a.synapses == "coba":
            neurons.g_ex = nest.random.normal(*p.g_exc_start)
            neurons.g_in = nest.random.normal(*p.g_inh_start)
        else:
            # The conductances of this model cannot be set: one spike each brings them.
            kick = nest.Create("spike_generator", params={"spike_times": [DT]})
            for (mean, sd), sign in ((p.g_exc_start, 1.0), (p.g_inh_start, -1.0)):
                drawn = nest.random.normal(mean, sd)
                weight = sign * nest.math.redraw(drawn, min=0.0, max=math.inf)
                nest.Connect(kick, neurons, "all_to_all", {"weight": weight, "delay": DT})
        # The sign tells NEST which conductance to raise.
        w_exc, w_inh = p.w_exc, -p.w_inh
    exc, inh = neurons[:n_exc], neurons[n_exc:]

    model = "static_synapse_hom_w_hpc"
    nest.CopyModel(model, "excitatory", {"weight": w_exc, "delay": DT})
    nest.CopyModel(model, "inhibitory", {"weight": w_inh, "delay": DT})
    kicks = nest.num_connections
    rule = {"rule": "pairwise_bernoulli", "p": p.p / a.scale}
    nest.Connect(exc, neurons, rule, {"synapse_model": "excitatory"})
    nest.Connect(inh, neurons, rule, {"synapse_model": "inhibitory"})

    synapses = nest.num_connections - kicks
    measure(a, began, {"exc": exc, "inh": inh}, synapses, model)


if __name__ == "__main__":
    main()
