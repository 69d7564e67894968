"""Brunel's network in NEST: ``python -m benchmarks.peers.nest_brunel``.

As in NEST's own example, and with the smallest synapses it has: all of a model share one weight
(`static_synapse_hom_w_hpc`, which addresses at most 65,535 neurons per thread).
"""

from __future__ import annotations

import nest

from benchmarks.peers.parameters import BRUNEL, size
from benchmarks.peers.with_nest import connect_by_indegree, measure, parser, prepare, smallest


def main() -> None:
    """Build, warm up, measure, print."""
    a = parser(__doc__).parse_args()
    p = BRUNEL
    n_exc, n_inh = size(p.n_exc, a.scale), size(p.n_inh, a.scale)

    began = prepare(a)
    neuron = {
        "tau_m": p.tau_m, "V_th": p.v_th, "V_reset": p.v_reset, "t_ref": p.t_ref,
        "E_L": 0.0, "V_m": 0.0, "C_m": 1.0,
    }  # fmt: skip
    neurons = nest.Create("iaf_psc_delta", n_exc + n_inh, neuron)
    exc, inh = neurons[:n_exc], neurons[n_exc:]

    model = smallest("static_synapse_hom_w", n_exc + n_inh, a.threads)
    nest.CopyModel(model, "excitatory", {"weight": p.j, "delay": p.delay})
    nest.CopyModel(model, "inhibitory", {"weight": -p.g * p.j, "delay": p.delay})
    sources = {"excitatory": exc, "inhibitory": inh}
    connect_by_indegree(sources, neurons, {"excitatory": p.c_exc, "inhibitory": p.c_inh})
    synapses = nest.num_connections
    threshold_rate = 1e3 * p.v_th / (p.j * p.c_exc * p.tau_m)
    noise = nest.Create("poisson_generator", params={"rate": p.eta * threshold_rate * p.c_exc})
    nest.Connect(noise, neurons, "all_to_all", {"synapse_model": "excitatory"})

    measure(a, began, {"exc": exc, "inh": inh}, synapses, model)


if __name__ == "__main__":
    main()
