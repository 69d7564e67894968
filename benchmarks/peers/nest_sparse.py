"""The network of many quiet neurons in NEST: ``python -m benchmarks.peers.nest_sparse``.

With the smallest synapses NEST has: all of a model share one weight
(`static_synapse_hom_w_hpc`, which addresses at most 65,535 neurons per thread).
"""

from __future__ import annotations

import time

import nest

from benchmarks.peers.common import DT, parser, peak_memory, report
from benchmarks.peers.parameters import SPARSE, size

MOST_HPC = 65_535


def main() -> None:
    """Build, warm up, measure, print."""
    a = parser(__doc__).parse_args()
    p = SPARSE
    n_exc, n_inh = size(p.n_exc, a.scale), size(p.n_inh, a.scale)

    began = time.perf_counter()
    nest.verbosity = nest.VerbosityLevel.ERROR
    nest.ResetKernel()
    nest.set(
        resolution=DT, rng_seed=a.seed, local_num_threads=a.threads, print_time=False,
        keep_source_table=False,  # it is of no use after building, and large
    )  # fmt: skip
    neuron = {
        "tau_m": p.tau_m, "C_m": p.c_m, "E_L": p.e_leak, "V_th": p.v_th, "V_reset": p.v_reset,
        "t_ref": p.t_ref, "tau_syn_ex": p.tau_syn, "tau_syn_in": p.tau_syn,
    }  # fmt: skip
    neurons = nest.Create("iaf_psc_exp", n_exc + n_inh, neuron)
    neurons.V_m = nest.random.normal(*p.v_start)
    exc, inh = neurons[:n_exc], neurons[n_exc:]

    small = (n_exc + n_inh) / a.threads <= MOST_HPC
    model = "static_synapse_hom_w_hpc" if small else "static_synapse_hom_w"
    nest.CopyModel(model, "excitatory", {"weight": p.w, "delay": p.delay})
    nest.CopyModel(model, "inhibitory", {"weight": -p.g * p.w, "delay": p.delay})
    for source, indegree, synapse in (
        (exc, p.c_exc, "excitatory"),
        (inh, p.c_inh, "inhibitory"),
    ):
        rule = {"rule": "fixed_indegree", "indegree": indegree}
        nest.Connect(source, neurons, rule, {"synapse_model": synapse})

    synapses = nest.num_connections
    noise = nest.Create("poisson_generator", params={"rate": p.rate})
    nest.Connect(noise, neurons, "all_to_all", {"synapse_model": "excitatory"})

    recorders = {}
    for name, population in (("exc", exc), ("inh", inh)):
        recorders[name] = nest.Create("spike_recorder", params={"start": a.warm_up})
        nest.Connect(population, recorders[name])
    nest.Prepare()
    built = time.perf_counter()
    nest.Run(a.warm_up)
    started = time.perf_counter()
    nest.Run(a.duration)
    seconds = time.perf_counter() - started
    nest.Cleanup()
    report(
        "nest", a, precision="double", threads=nest.local_num_threads,
        build_seconds=built - began, simulate_seconds=seconds,
        sizes={"exc": n_exc, "inh": n_inh},
        spikes={name: recorder.n_events for name, recorder in recorders.items()},
        peak_bytes=peak_memory(), packages=("nest-simulator", "numpy"), synapses=synapses,
        synapse_model=model,
    )  # fmt: skip


if __name__ == "__main__":
    main()
