"""Benchmarks 1 to 3 of Brette et al. (2007): networks after Vogels & Abbott (2005).

4,000 neurons, four fifths of them excitatory; every pair is connected with probability 2 %, so a
neuron receives 64 excitatory and 16 inhibitory synapses. The activity sustains itself.

Sources: Brette et al. (2007), Simulation of networks of spiking neurons: a review of tools and
strategies, J. Comput. Neurosci. 23:349-398, appendix 2, doi 10.1007/s10827-007-0038-6; Vogels &
Abbott (2005), J. Neurosci. 25:10786-10795, doi 10.1523/JNEUROSCI.3508-05.2005.
"""

from __future__ import annotations

from typing import Any

import neurosim as ns
from neurosim_models._scaling import checked_scale, scaled

N_EXC, N_INH = 3200, 800
PROBABILITY = 0.02

REFERENCE_RATES = {
    "vogels_abbott_cuba": {"exc": 5.77, "inh": 5.62},
    "vogels_abbott_coba": {"exc": 19.3, "inh": 19.0},
    "cobahh": {"exc": 34.4, "inh": 34.8},
}
"""Mean rates [Hz] at dt = 0.1 ms from these initial values: over 2 s and five seeds in NEST 3.10,
COBAHH over 1 s and one seed in Brian2 2.9. (The review shows rasters and timings, not rates.)"""


def vogels_abbott_cuba(scale: float = 1.0, seed: int = 1) -> ns.Network:
    """Benchmark 2: integrate-and-fire neurons with exponential synaptic currents (CUBA).

    tau_m = 20 ms, E_L = -49 mV above V_th = -50 mV, V_reset = -60 mV, t_ref = 5 ms; time constants
    of excitation 5 ms, of inhibition 10 ms. The published weights of 1.62 and -9 mV are currents
    times a membrane resistance of 100 MOhm: 16.2 and -90 pA with C_m = 200 pF. There is no delay,
    that is one step here. V_m starts uniformly between reset and threshold.

    Parameters
    ----------
    scale : float
        Factor of the number of neurons. The in-degrees stay as they are (probability
        0.02 / scale), so scale is at least 0.02.
    seed : int
        Of the network.

    Returns
    -------
    Network
        Populations "exc" and "inh"; about 320,000 * scale synapses. See `REFERENCE_RATES`.
    """
    model = ns.LIF(
        tau_m=20, C_m=200, E_L=-49, V_th=-50, V_reset=-60, t_ref=5,
        synapses=ns.ExpCurrent(exc=5, inh=10),
    )  # fmt: skip
    net, neurons = _balanced(
        "vogels_abbott_cuba", model, scale, seed, weight_exc=16.2, weight_inh=-90.0
    )
    net.initialise(neurons, V_m=ns.Uniform(-60, -50))
    return net


def vogels_abbott_coba(scale: float = 1.0, seed: int = 1) -> ns.Network:
    """Benchmark 1: integrate-and-fire neurons with exponential conductances (COBA).

    C_m = 200 pF, g_L = 10 nS (tau_m = 20 ms), E_L = V_reset = -60 mV, V_th = -50 mV, t_ref = 5 ms;
    time constants 5 and 10 ms, reversal potentials 0 and -80 mV, weights 6 and 67 nS. There is no
    delay, that is one step here.

    The network starts in mid-activity, from normal distributions with means (s.d.) of -65 (5) mV,
    40 (15) nS and 200 (120) nS; a few conductances are negative at the start, as in the published
    code. Activity may die out by chance after some seconds.

    Parameters
    ----------
    scale : float
        Factor of the number of neurons. The in-degrees stay as they are (probability
        0.02 / scale), so scale is at least 0.02.
    seed : int
        Of the network.

    Returns
    -------
    Network
        Populations "exc" and "inh"; about 320,000 * scale synapses. See `REFERENCE_RATES`.
    """
    model = ns.LIF(
        tau_m=20, C_m=200, E_L=-60, V_th=-50, V_reset=-60, t_ref=5,
        synapses=ns.ExpConductance(exc=5, inh=10, E_exc=0, E_inh=-80),
    )  # fmt: skip
    net, neurons = _balanced(
        "vogels_abbott_coba", model, scale, seed, weight_exc=6.0, weight_inh=67.0
    )
    _start_active(net, neurons)
    return net


def cobahh(scale: float = 1.0, seed: int = 1) -> ns.Network:
    """Benchmark 3: Hodgkin-Huxley neurons with exponential conductances (COBAHH).

    `neurosim.TraubMiles` neurons with the parameters of the review (20,000 um^2 of membrane,
    V_T = -63 mV); synapses and initial values as in `vogels_abbott_coba`. A spike is told at
    -20 mV, the next one 3 ms later at the earliest.

    Parameters
    ----------
    scale : float
        Factor of the number of neurons. The in-degrees stay as they are (probability
        0.02 / scale), so scale is at least 0.02.
    seed : int
        Of the network.

    Returns
    -------
    Network
        Populations "exc" and "inh"; about 320,000 * scale synapses. See `REFERENCE_RATES`.
    """
    model = ns.TraubMiles(
        C_m=200, g_Na=20_000, g_K=6_000, g_L=10, E_Na=50, E_K=-90, E_L=-60, V_T=-63, V_th=-20,
        t_ref=3, synapses=ns.ExpConductance(exc=5, inh=10, E_exc=0, E_inh=-80),
    )  # fmt: skip
    net, neurons = _balanced("cobahh", model, scale, seed, weight_exc=6.0, weight_inh=67.0)
    _start_active(net, neurons)
    return net


def _balanced(
    name: str, model: Any, scale: float, seed: int, *, weight_exc: float, weight_inh: float
) -> tuple[ns.Network, ns.View]:
    """Return the network with its two populations wired and recorded, and all its neurons."""
    place = f"{name}: scale"
    scale = checked_scale(scale, place, least=PROBABILITY)
    net = ns.Network(name, seed=seed)
    exc = net.population("exc", scaled(N_EXC, scale, place), model)
    inh = net.population("inh", scaled(N_INH, scale, place), model)
    neurons = exc + inh
    rule = ns.FixedProbability(PROBABILITY / scale)
    net.project(exc, neurons, rule, weight=weight_exc, receptor="exc")
    net.project(inh, neurons, rule, weight=weight_inh, receptor="inh")
    net.record(neurons, "spikes")
    return net, neurons


def _start_active(net: ns.Network, neurons: ns.View) -> None:
    """Draw potentials and conductances as they are in mid-activity."""
    net.initialise(
        neurons, V_m=ns.Normal(-65, 5), g_exc=ns.Normal(40, 15), g_inh=ns.Normal(200, 120)
    )
