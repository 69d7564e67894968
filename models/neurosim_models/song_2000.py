"""Competition among synapses of one neuron: Song, Miller & Abbott (2000)."""

from __future__ import annotations

import neurosim as ns
from neurosim.describe.checks import to_int
from neurosim.describe.population import Population, View
from neurosim.units import to_scalar

G_LEAK = 10.0
"""Leak conductance [nS]. The paper gives conductances in units of it, and never its size."""

LARGEST = 0.015 * G_LEAK
"""Largest excitatory conductance [nS]."""


def song_miller_abbott(
    rate: float = 10.0,
    *,
    inputs: int = 1000,
    a_plus: float = 0.005,
    ratio: float = 1.05,
    correlation: float = 0.0,
    learning: float = 1.0,
    seed: int = 1,
) -> ns.Network:
    """One neuron whose 1,000 excitatory synapses compete by additive STDP.

        20 ms dV/dt = -70 mV - V + g_exc (0 mV - V) + g_inh (-70 mV - V)

    fires at -54 mV and is reset to -60 mV; both conductances, in units of the leak, decay with 5
    ms. Excitatory synapses raise g_exc by w, between 0 and 0.015; 200 inhibitory ones raise g_inh
    by 0.05 at 10 Hz. A pair of spikes changes w, in units of its largest value, by

        A_plus exp(-lag/20 ms)      for a presynaptic spike that comes first,
        -A_minus exp(-|lag|/20 ms)  for one that comes later;

    all pairs count. As depression prevails (A_minus/A_plus = 1.05), synapses compete for the time
    at which the neuron fires: weights gather at both bounds, and the rate of the neuron hardly
    follows that of its inputs (figures 2 and 4 of the paper).

    Parameters
    ----------
    rate : float
        Of the excitatory inputs [Hz]; 10 to 40 in the paper.
    inputs : int
        Number of excitatory synapses. The largest conductance is scaled to keep their sum, the
        number of inhibitory synapses is not.
    a_plus : float
        A_plus; larger is faster, and noisier.
    ratio : float
        A_minus/A_plus.
    correlation : float
        Of the trains of the first half of the inputs with each other: those win. In the paper the
        correlation lasts for 20 ms (figure 5); here, the spikes of a common mother process
        coincide.
    learning : float
        Factor of both amplitudes; 0 for none.
    seed : int
        Of the network.

    Returns
    -------
    Network
        Populations "inputs" (with `correlation`, "correlated" and "inputs", each half of them),
        "inhibition" and "cell"; projection "excitation". Weights, up to 0.15 nS where the leak has
        10 nS, start evenly between 0 and the largest.

    Source: Song, Miller & Abbott (2000), Competitive Hebbian learning through
    spike-timing-dependent synaptic plasticity, Nat. Neurosci. 3:919-926, doi 10.1038/78829.
    """
    number = to_int(inputs, "song_miller_abbott: inputs", at_least=2)
    share = to_scalar(correlation, "1", "song_miller_abbott: correlation", at_least=0, at_most=1)
    factor = to_scalar(learning, "1", "song_miller_abbott: learning", at_least=0)
    up = factor * to_scalar(a_plus, "1", "song_miller_abbott: a_plus", at_least=0)
    down = up * to_scalar(ratio, "1", "song_miller_abbott: ratio", at_least=0)
    largest = LARGEST * 1000 / number
    net = ns.Network("song_miller_abbott", seed=seed)
    synapses = ns.ExpConductance(exc=5, inh=5, E_exc=0, E_inh=-70)
    model = ns.LIF(
        tau_m=20, C_m=20 * G_LEAK, E_L=-70, V_th=-54, V_reset=-60, t_ref=0, synapses=synapses
    )
    together = number // 2 if share > 0 else 0
    source = net.population("inputs", number - together, ns.Poisson(rate=rate))
    cell = net.population("cell", 1, model)
    inhibition = net.population("inhibition", 200, ns.Poisson(rate=10))
    before: Population | View = source
    if together:
        mother = ns.CorrelatedPoisson(rate=rate, correlation=share)
        before = net.population("correlated", together, mother) + source
    rule = ns.STDP(a_plus=up * largest, a_minus=down * largest, w_max=largest)
    net.project(
        before, cell, ns.AllToAll(), weight=ns.Uniform(0, largest), receptor="exc",
        plasticity=rule, name="excitation",
    )  # fmt: skip
    net.project(inhibition, cell, ns.AllToAll(), weight=0.05 * G_LEAK, receptor="inh")
    for population in net.populations.values():
        net.record(population, "spikes")
    return net
