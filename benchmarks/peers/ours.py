"""Run a benchmark network with neurosim: ``python -m benchmarks.peers.ours --network brunel``."""

from __future__ import annotations

import time
from typing import Any

import neurosim as ns
import neurosim_models as models
from benchmarks.peers.common import DT, parser, peak_memory, report
from benchmarks.peers.parameters import SPARSE, STDP, size


def sparse(scale: float, seed: int) -> ns.Network:
    """Return the balanced network of many quiet neurons."""
    p = SPARSE
    model = ns.LIF(
        tau_m=p.tau_m, C_m=p.c_m, E_L=p.e_leak, V_th=p.v_th, V_reset=p.v_reset, t_ref=p.t_ref,
        synapses=ns.ExpCurrent.receptor(tau=p.tau_syn),
    )  # fmt: skip
    net = ns.Network("sparse", seed=seed)
    exc = net.population("exc", size(p.n_exc, scale), model)
    inh = net.population("inh", size(p.n_inh, scale), model)
    neurons = exc + inh
    net.initialise(neurons, V_m=ns.Normal(*p.v_start))
    net.project(exc, neurons, ns.FixedIndegree(p.c_exc), weight=p.w, delay=p.delay)
    net.project(inh, neurons, ns.FixedIndegree(p.c_inh), weight=-p.g * p.w, delay=p.delay)
    net.drive(neurons, ns.Poisson(rate=p.rate), weight=p.w)
    net.record(neurons, "spikes")
    return net


def stdp(eta: float, scale: float, seed: int) -> ns.Network:
    """Return Brunel's network with STDP from excitatory to excitatory neurons."""
    p = STDP
    model = ns.LIF(
        tau_m=p.tau_m, C_m=250, E_L=0, V_th=p.v_th, V_reset=p.v_reset, t_ref=p.t_ref,
        synapses=ns.Delta(),
    )  # fmt: skip
    net = ns.Network("stdp", seed=seed)
    exc = net.population("exc", size(p.n_exc, scale), model)
    inh = net.population("inh", size(p.n_inh, scale), model)
    neurons = exc + inh
    rule = ns.STDP(
        tau_plus=p.tau_plus, tau_minus=p.tau_minus, a_plus=p.rate * p.w_max,
        a_minus=p.alpha * p.rate * p.w_max, w_max=p.w_max,
    )  # fmt: skip
    net.project(exc, exc, ns.FixedIndegree(p.c_exc), weight=p.j, delay=p.delay, plasticity=rule)
    net.project(exc, inh, ns.FixedIndegree(p.c_exc), weight=p.j, delay=p.delay)
    net.project(inh, neurons, ns.FixedIndegree(p.c_inh), weight=-p.g * p.j, delay=p.delay)
    threshold_rate = 1e3 * p.v_th / (p.j * p.c_exc * p.tau_m)
    net.drive(neurons, ns.Poisson(rate=eta * threshold_rate * p.c_exc), weight=p.j)
    net.record(neurons, "spikes")
    return net


def network(name: str, scale: float, drive: Any, seed: int, eta: float = 2.0) -> ns.Network:
    """Return a network by the name the workloads use."""
    if name == "microcircuit":
        return models.potjans_diesmann(scale=scale, drive=drive, seed=seed)
    if name == "brunel":
        return models.brunel("C", scale=scale, seed=seed)
    if name == "stdp":
        return stdp(eta, scale, seed)
    if name == "sparse":
        return sparse(scale, seed)
    made = {
        "cuba": models.vogels_abbott_cuba,
        "coba": models.vogels_abbott_coba,
        "cobahh": models.cobahh,
    }[name]
    return made(scale=scale, seed=seed)


def main() -> None:
    """Build, warm up, measure, print."""
    arguments = parser(__doc__)
    networks = ("microcircuit", "brunel", "sparse", "stdp", "cuba", "coba", "cobahh")
    arguments.add_argument("--network", choices=networks, required=True)
    arguments.add_argument("--drive", choices=("poisson", "dc"), default="poisson")
    arguments.add_argument("--eta", type=float, default=2.0)
    a = arguments.parse_args()

    began = time.perf_counter()
    net = network(a.network, a.scale, a.drive, a.seed, a.eta)
    session = ns.compile(net, dt=DT, threads=a.threads, precision=a.precision)
    built = time.perf_counter()
    session.run(a.warm_up, progress=False)
    started = time.perf_counter()
    run = session.run(a.duration, progress=False)
    seconds = time.perf_counter() - started
    peak = peak_memory()
    told = run.provenance
    report(
        "neurosim", a,
        precision=told["precision"], threads=told["threads"],
        build_seconds=built - began, simulate_seconds=seconds,
        sizes={p.name: p.size for p in net.populations.values()},
        spikes={name: len(record) for name, record in run.spikes.items()},
        peak_bytes=peak,
        packages=("neurosim-snn", "numpy", "numba", "llvmlite"),
        synapses=told["synapses"], synapse_bytes=told["synapse_bytes"],
        formats=sorted(set(told["formats"].values())),
    )  # fmt: skip


if __name__ == "__main__":
    main()
