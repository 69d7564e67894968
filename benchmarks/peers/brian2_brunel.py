"""Brunel's network in Brian2: ``python -m benchmarks.peers.brian2_brunel``."""

from __future__ import annotations

import brian2 as b

from benchmarks.peers.parameters import BRUNEL, size
from benchmarks.peers.with_brian2 import arguments, delta_neurons, measure, prepare


def main() -> None:
    """Build, warm up, measure, print."""
    a = arguments(__doc__).parse_args()
    p = BRUNEL
    n_exc, n_inh = size(p.n_exc, a.scale), size(p.n_inh, a.scale)
    began = prepare(a)

    neurons = delta_neurons(n_exc + n_inh, p)
    exc, inh = neurons[:n_exc], neurons[n_exc:]
    synapses = []
    for source, indegree, w in ((exc, p.c_exc, p.j), (inh, p.c_inh, -p.g * p.j)):
        # Input during refractoriness is lost.
        made = b.Synapses(
            source, neurons, on_pre=f"v_post += {w}*mV*int(not_refractory_post)",
            delay=p.delay * b.ms,
        )  # fmt: skip
        made.connect(i=f"int(rand()*N_pre) for _ in range({indegree})")
        synapses.append(made)
    rate = 1e3 * p.v_th / (p.j * p.c_exc * p.tau_m) * p.eta
    drive = b.PoissonInput(
        neurons, "v", N=p.c_exc, rate=rate * b.Hz, weight=f"{p.j}*mV*int(not_refractory)"
    )
    monitor = b.SpikeMonitor(neurons)
    measure(
        a, began, synapses=synapses, others=[neurons, drive], monitor=monitor,
        sizes={"exc": n_exc, "inh": n_inh},
    )  # fmt: skip


if __name__ == "__main__":
    main()
