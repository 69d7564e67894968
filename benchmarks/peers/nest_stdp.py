"""Brunel's network with STDP in NEST: ``python -m benchmarks.peers.nest_stdp --eta 2``.

`stdp_synapse_hom`, one set of parameters for all, in its smallest form: the fastest NEST has.
"""

from __future__ import annotations

import nest

from benchmarks.peers.parameters import STDP, size
from benchmarks.peers.with_nest import measure, parser, prepare, smallest


def main() -> None:
    """Build, warm up, measure, print."""
    arguments = parser(__doc__)
    arguments.add_argument("--eta", type=float, default=2.0)
    a = arguments.parse_args()
    p = STDP
    n_exc, n_inh = size(p.n_exc, a.scale), size(p.n_inh, a.scale)

    began = prepare(a)
    neuron = {
        "tau_m": p.tau_m, "V_th": p.v_th, "V_reset": p.v_reset, "t_ref": p.t_ref,
        "E_L": 0.0, "V_m": 0.0, "C_m": 1.0, "tau_minus": p.tau_minus,
    }  # fmt: skip
    neurons = nest.Create("iaf_psc_delta", n_exc + n_inh, neuron)
    exc, inh = neurons[:n_exc], neurons[n_exc:]

    static = smallest("static_synapse_hom_w", n_exc + n_inh, a.threads)
    plastic = smallest("stdp_synapse_hom", n_exc + n_inh, a.threads)
    nest.CopyModel(static, "excitatory", {"weight": p.j, "delay": p.delay})
    nest.CopyModel(static, "inhibitory", {"weight": -p.g * p.j, "delay": p.delay})
    nest.CopyModel(
        plastic, "learning",
        {
            "weight": p.j, "delay": p.delay, "tau_plus": p.tau_plus, "lambda": p.rate,
            "alpha": p.alpha, "mu_plus": 0.0, "mu_minus": 0.0, "Wmax": p.w_max,
        },
    )  # fmt: skip
    for source, target, indegree, model in (
        (exc, exc, p.c_exc, "learning"), (exc, inh, p.c_exc, "excitatory"),
        (inh, neurons, p.c_inh, "inhibitory"),
    ):  # fmt: skip
        rule = {"rule": "fixed_indegree", "indegree": indegree}
        nest.Connect(source, target, rule, {"synapse_model": model})
    synapses = nest.num_connections
    threshold_rate = 1e3 * p.v_th / (p.j * p.c_exc * p.tau_m)
    noise = nest.Create("poisson_generator", params={"rate": a.eta * threshold_rate * p.c_exc})
    nest.Connect(noise, neurons, "all_to_all", {"synapse_model": "excitatory"})

    measure(a, began, {"exc": exc, "inh": inh}, synapses, plastic)


if __name__ == "__main__":
    main()
