"""Brunel's network in Brian2: ``python -m benchmarks.peers.brian2_brunel``."""

from __future__ import annotations

import brian2 as b

from benchmarks.peers.parameters import BRUNEL, size
from benchmarks.peers.with_brian2 import (
    arguments,
    delta_neurons,
    external_jumps,
    fixed_jumps,
    measure,
    prepare,
)


def main() -> None:
    """Build, warm up, measure, print."""
    a = arguments(__doc__).parse_args()
    p = BRUNEL
    n_exc, n_inh = size(p.n_exc, a.scale), size(p.n_inh, a.scale)
    began = prepare(a)

    neurons = delta_neurons(n_exc + n_inh, p)
    exc, inh = neurons[:n_exc], neurons[n_exc:]
    synapses = [
        fixed_jumps(exc, neurons, p.c_exc, p.j, p.delay),
        fixed_jumps(inh, neurons, p.c_inh, -p.g * p.j, p.delay),
    ]
    drive = external_jumps(neurons, p, p.eta)
    monitor = b.SpikeMonitor(neurons)
    measure(
        a, began, synapses=synapses, others=[neurons, drive], monitor=monitor,
        sizes={"exc": n_exc, "inh": n_inh},
    )  # fmt: skip


if __name__ == "__main__":
    main()
