"""The network of many quiet neurons in NEST: ``python -m benchmarks.peers.nest_sparse``.

With the smallest synapses NEST has: all of a model share one weight
(`static_synapse_hom_w_hpc`, which addresses at most 65,535 neurons per thread).
"""

from __future__ import annotations

import nest

from benchmarks.peers.parameters import SPARSE, size
from benchmarks.peers.with_nest import connect_by_indegree, measure, parser, prepare, smallest


def main() -> None:
    """Build, warm up, measure, print."""
    a = parser(__doc__).parse_args()
    p = SPARSE
    n_exc, n_inh = size(p.n_exc, a.scale), size(p.n_inh, a.scale)

    began = prepare(a)
    neuron = {
        "tau_m": p.tau_m, "C_m": p.c_m, "E_L": p.e_leak, "V_th": p.v_th, "V_reset": p.v_reset,
        "t_ref": p.t_ref, "tau_syn_ex": p.tau_syn, "tau_syn_in": p.tau_syn,
    }  # fmt: skip
    neurons = nest.Create("iaf_psc_exp", n_exc + n_inh, neuron)
    neurons.V_m = nest.random.normal(*p.v_start)
    exc, inh = neurons[:n_exc], neurons[n_exc:]

    model = smallest("static_synapse_hom_w", n_exc + n_inh, a.threads)
    nest.CopyModel(model, "excitatory", {"weight": p.w, "delay": p.delay})
    nest.CopyModel(model, "inhibitory", {"weight": -p.g * p.w, "delay": p.delay})
    sources = {"excitatory": exc, "inhibitory": inh}
    connect_by_indegree(sources, neurons, {"excitatory": p.c_exc, "inhibitory": p.c_inh})
    synapses = nest.num_connections
    noise = nest.Create("poisson_generator", params={"rate": p.rate})
    nest.Connect(noise, neurons, "all_to_all", {"synapse_model": "excitatory"})

    measure(a, began, {"exc": exc, "inh": inh}, synapses, model)


if __name__ == "__main__":
    main()
