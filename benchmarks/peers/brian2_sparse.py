"""The network of many quiet neurons in Brian2: ``python -m benchmarks.peers.brian2_sparse``."""

from __future__ import annotations

import brian2 as b

from benchmarks.peers.common import DT
from benchmarks.peers.parameters import SPARSE, size
from benchmarks.peers.with_brian2 import arguments, measure, prepare

EXTERNAL = 1_000
"""Sources that share the external rate of a neuron."""


def main() -> None:
    """Build, warm up, measure, print."""
    a = arguments(__doc__).parse_args()
    p = SPARSE
    n_exc, n_inh = size(p.n_exc, a.scale), size(p.n_inh, a.scale)
    began = prepare(a)

    neurons = b.NeuronGroup(
        n_exc + n_inh,
        """dv/dt = (E_L - v)/tau_m + I/C_m : volt (unless refractory)
        dI/dt = -I/tau_syn : amp""",
        threshold="v >= V_th",
        reset="v = V_reset",
        # Brian2 holds the potential one step less than this time.
        refractory=(p.t_ref + DT) * b.ms,
        method="exact",
        namespace={
            "E_L": p.e_leak * b.mV, "tau_m": p.tau_m * b.ms, "C_m": p.c_m * b.pF,
            "tau_syn": p.tau_syn * b.ms, "V_th": p.v_th * b.mV, "V_reset": p.v_reset * b.mV,
        },
    )  # fmt: skip
    mean, sd = p.v_start
    neurons.v = f"({mean} + {sd}*randn())*mV"
    exc, inh = neurons[:n_exc], neurons[n_exc:]
    synapses = []
    for source, indegree, w in ((exc, p.c_exc, p.w), (inh, p.c_inh, -p.g * p.w)):
        made = b.Synapses(source, neurons, on_pre=f"I_post += {w}*pA", delay=p.delay * b.ms)
        made.connect(i=f"int(rand()*N_pre) for _ in range({indegree})")
        synapses.append(made)
    drive = b.PoissonInput(
        neurons, "I", N=EXTERNAL, rate=p.rate / EXTERNAL * b.Hz, weight=p.w * b.pA
    )
    monitor = b.SpikeMonitor(neurons)
    measure(
        a, began, synapses=synapses, others=[neurons, drive], monitor=monitor,
        sizes={"exc": n_exc, "inh": n_inh},
    )  # fmt: skip


if __name__ == "__main__":
    main()
