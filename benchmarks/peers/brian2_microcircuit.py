"""The cortical microcircuit in Brian2: ``python -m benchmarks.peers.brian2_microcircuit``.

All populations are one group and all synapses one object, with one queue of spikes: 64 objects
take minutes to compile and a visit each in every step.
"""

from __future__ import annotations

import brian2 as b
import numpy as np

from benchmarks.peers.common import DT
from benchmarks.peers.parameters import microcircuit
from benchmarks.peers.with_brian2 import arguments, measure, prepare


def main() -> None:
    """Build, warm up, measure, print."""
    parsed = arguments(__doc__)
    parsed.add_argument("--drive", choices=("poisson", "dc"), default="poisson")
    a = parsed.parse_args()
    p = microcircuit(a.scale, a.drive)
    random = np.random.default_rng(a.seed)
    began = prepare(a)

    n = np.array(p.neurons)
    first = np.concatenate([[0], np.cumsum(n)])
    neurons = b.NeuronGroup(
        int(n.sum()),
        f"""dv/dt = (E_L - v)/tau_m + (I + I_dc)/C_m : volt (unless refractory)
        dI/dt = -I/tau_syn : amp
        I_dc : amp (constant)
        {"".join(f"before_{k} : integer (constant){chr(10)}        " for k in range(1, 9))}""",
        threshold="v >= V_th",
        reset="v = V_reset",
        # Brian2 holds the potential one step less than this time.
        refractory=(p.t_ref_ms + DT) * b.ms,
        method="exact",
        namespace={
            "E_L": p.e_l_mv * b.mV, "tau_m": p.tau_m_ms * b.ms, "C_m": p.c_m_pf * b.pF,
            "tau_syn": p.tau_syn_ms * b.ms, "V_th": p.v_th_mv * b.mV,
            "V_reset": p.v_reset_mv * b.mV,
        },
    )  # fmt: skip
    start = random.normal(np.repeat(p.v_m_initial_mean_mv, n), np.repeat(p.v_m_initial_sd_mv, n))
    neurons.v = start * b.mV
    neurons.I_dc = np.repeat(p.dc_pa, n) * b.pA

    # A fixed total number of random pairs, pairs repeated or not: each source has a multinomial
    # share of it, and each of its synapses a random target. The first before_1 synapses of a
    # neuron go to population 0, those up to before_2 to population 1, and so on.
    outgoing = np.zeros((8, n.sum()), dtype=np.int32)
    for target in range(8):
        for source in range(8):
            share = random.multinomial(
                p.synapses[target][source], np.full(n[source], 1 / n[source])
            )
            outgoing[target, first[source] : first[source + 1]] = share
    for k, before in enumerate(np.cumsum(outgoing, axis=0), start=1):
        setattr(neurons, f"before_{k}", before)
    low = "+".join(f"int(k >= before_{t}_pre)*{n[t - 1]}" for t in range(1, 8))
    width = f"{n[0]}" + "".join(
        f"+int(k >= before_{t}_pre)*({n[t] - n[t - 1]})" for t in range(1, 8)
    )
    synapses = b.Synapses(neurons, neurons, "w : amp", on_pre="I_post += w")
    synapses.connect(j=f"{low} + int(rand()*({width})) for k in range(before_8_pre)")

    # Which sources are inhibitory, and which synapses lead from L4E to L23E.
    inhibitory = "+".join(f"int(i >= {first[s]})*int(i < {first[s + 1]})" for s in (1, 3, 5, 7))
    doubled = f"int(i >= {first[2]})*int(i < {first[3]})*int(j < {first[1]})"
    psc = p.weight_external_pa * b.pA
    g, factor = p.inhibitory_factor, p.L4E_to_L23E_factor
    # A spread of 10 % changes no sign: that would be ten standard deviations.
    spread = p.weight_relative_sd
    synapses.w = (
        f"psc*(1 + ({g - 1})*({inhibitory}) + {factor - 1}*{doubled})*(1 + {spread}*randn())"
    )
    change = p.delay_inh_ms - p.delay_exc_ms
    delay = f"({p.delay_exc_ms}*ms + {change}*ms*({inhibitory}))"
    drawn = f"{delay}*(1 + {p.delay_relative_sd}*randn())"
    synapses.delay = drawn
    for _ in range(6):  # 3 % are below one step at first, 10^-9 in the end
        synapses.delay[f"delay < {DT}*ms"] = drawn

    drive = []
    if a.drive == "poisson":
        for t in range(8):
            drive.append(
                b.PoissonInput(
                    neurons[first[t] : first[t + 1]],
                    "I",
                    N=round(p.external_rate_hz[t] / 8.0),
                    rate=8 * b.Hz,
                    weight=psc,
                )
            )
    monitor = b.SpikeMonitor(neurons)
    sizes = {name: int(size) for name, size in zip(p.populations, n, strict=True)}
    measure(a, began, synapses=[synapses], others=[neurons, *drive], monitor=monitor, sizes=sizes)


if __name__ == "__main__":
    main()
