"""The cortical microcircuit in NEST: ``python -m benchmarks.peers.nest_microcircuit``.

As the reference implementation of the circuit builds it, and as NEST's documentation advises for
speed: native rules, one Poisson generator per population, spikes kept in memory, synapse models of
the `_hpc` kind (smaller), which address at most 65,535 neurons per thread.
"""

from __future__ import annotations

import math
from typing import Any

import nest

from benchmarks.peers.common import DT
from benchmarks.peers.parameters import microcircuit
from benchmarks.peers.with_nest import measure, parser, prepare, smallest


def main() -> None:
    """Build, warm up, measure, print."""
    arguments = parser(__doc__)
    arguments.add_argument("--drive", choices=("poisson", "dc"), default="poisson")
    a = arguments.parse_args()
    p = microcircuit(a.scale, a.drive)

    began = prepare(a)

    populations: list[Any] = []
    for i, n in enumerate(p.neurons):
        neuron = {
            "C_m": p.c_m_pf, "tau_m": p.tau_m_ms, "E_L": p.e_l_mv, "V_reset": p.v_reset_mv,
            "V_th": p.v_th_mv, "t_ref": p.t_ref_ms, "I_e": p.dc_pa[i],
            "tau_syn_ex": p.tau_syn_ms, "tau_syn_in": p.tau_syn_ms,
        }  # fmt: skip
        population = nest.Create("iaf_psc_exp", n, neuron)
        population.V_m = nest.random.normal(p.v_m_initial_mean_mv[i], p.v_m_initial_sd_mv[i])
        populations.append(population)

    # A thread holds at most 134,217,726 synapses of one model: each source has its own copy.
    model = smallest("static_synapse", sum(p.neurons), a.threads)
    for source in p.populations:
        nest.CopyModel(model, f"from_{source}")
    for i, target in enumerate(populations):
        for j, source in enumerate(populations):
            number = p.synapses[i][j]
            if number == 0:
                continue
            weight = p.weights_pa[i][j]
            delay = p.delay_exc_ms if j % 2 == 0 else p.delay_inh_ms
            low, high = (0.0, math.inf) if weight > 0 else (-math.inf, 0.0)
            weights = nest.random.normal(weight, abs(weight) * p.weight_relative_sd)
            delays = nest.random.normal(delay, delay * p.delay_relative_sd)
            nest.Connect(
                source, target, {"rule": "fixed_total_number", "N": number},
                {
                    "synapse_model": f"from_{p.populations[j]}",
                    "weight": nest.math.redraw(weights, min=low, max=high),
                    "delay": nest.math.redraw(delays, min=DT, max=math.inf),
                },
            )  # fmt: skip

    synapses = nest.num_connections
    for population, rate in zip(populations, p.external_rate_hz, strict=True):
        if a.drive == "poisson":
            noise = nest.Create("poisson_generator", params={"rate": rate})
            synapse = {"weight": p.weight_external_pa, "delay": p.external_delay_ms}
            nest.Connect(noise, population, "all_to_all", synapse)
    named = dict(zip(p.populations, populations, strict=True))
    measure(a, began, named, synapses, model, weighed=(named["L5I"], named["L5I"]))


if __name__ == "__main__":
    main()
