"""Brunel's network with STDP in Brian2: ``python -m benchmarks.peers.brian2_stdp --eta 2``.

Traces are those of the neurons, not of every synapse, and are solved when a spike needs them: the
delay lies before the synapse, where Brian2 has it.
"""

from __future__ import annotations

import brian2 as b

from benchmarks.peers.parameters import STDP, size
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
    parser = arguments(__doc__)
    parser.add_argument("--eta", type=float, default=2.0)
    a = parser.parse_args()
    p = STDP
    n_exc, n_inh = size(p.n_exc, a.scale), size(p.n_inh, a.scale)
    began = prepare(a)

    neurons = delta_neurons(n_exc + n_inh, p)
    exc, inh = neurons[:n_exc], neurons[n_exc:]
    up, down = p.rate * p.w_max, p.alpha * p.rate * p.w_max
    learning = b.Synapses(
        exc, exc,
        """w : 1
        dx/dt = -x/tau_plus : 1 (event-driven)
        dy/dt = -y/tau_minus : 1 (event-driven)""",
        on_pre=f"""v_post += w*mV*int(not_refractory_post)
        x += 1
        w = clip(w - {down}*y, 0, {p.w_max})""",
        on_post=f"""y += 1
        w = clip(w + {up}*x, 0, {p.w_max})""",
        delay=p.delay * b.ms,
        namespace={"tau_plus": p.tau_plus * b.ms, "tau_minus": p.tau_minus * b.ms},
    )  # fmt: skip
    learning.connect(i=f"int(rand()*N_pre) for _ in range({p.c_exc})")
    learning.w = p.j
    synapses = [
        learning,
        fixed_jumps(exc, inh, p.c_exc, p.j, p.delay),
        fixed_jumps(inh, neurons, p.c_inh, -p.g * p.j, p.delay),
    ]
    drive = external_jumps(neurons, p, a.eta)
    monitor = b.SpikeMonitor(neurons)
    measure(
        a, began, synapses=synapses, others=[neurons, drive], monitor=monitor,
        sizes={"exc": n_exc, "inh": n_inh},
    )  # fmt: skip


if __name__ == "__main__":
    main()
