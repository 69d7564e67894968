"""The sparse random network of Brunel (2000)."""

from __future__ import annotations

import neurosim as ns
from neurosim.errors import UnknownNameError
from neurosim_models._scaling import checked_scale, scaled

N_EXC, N_INH = 10_000, 2_500
C_EXC, C_INH = 1_000, 250
J = 0.1
TAU_M, V_TH, V_RESET, T_REF, DELAY = 20.0, 20.0, 10.0, 2.0, 1.5

REGIMES = {"A": (3.0, 2.0), "B": (6.0, 4.0), "C": (5.0, 2.0), "D": (4.5, 0.9)}
"""Regime -> (g, eta): relative strength of inhibition, external rate relative to threshold."""

PUBLISHED_RATES = {"B": 60.7, "C": 37.7, "D": 5.5}
"""Mean rates [Hz] in the paper's simulations (figure 8; it gives none for A)."""

REFERENCE_RATES = {"A": 333.4, "B": 58.4, "C": 37.5, "D": 6.03}
"""Mean rates [Hz] over three seeds in NEST 3.10 at dt = 0.1 ms."""


def brunel(regime: str = "C", scale: float = 1.0, seed: int = 1) -> ns.Network:
    """Sparsely connected excitatory and inhibitory integrate-and-fire neurons (model A).

    10,000 excitatory and 2,500 inhibitory neurons, each with C_E = 1,000 and C_I = 250 synapses
    from random neurons and an independent external Poisson input of C_E sources. tau = 20 ms,
    threshold 20 mV above rest, reset 10 mV, refractory for 2 ms; a spike moves V_m by J = 0.1 mV
    (excitatory) or -g J (inhibitory) after 1.5 ms. One external source fires at eta nu_thr, where
    nu_thr = V_th / (J C_E tau) = 10 Hz is what it takes to reach threshold.

    Regimes: A (g = 3, eta = 2), synchronous and regular; B (6, 4), fast oscillation, irregular;
    C (5, 2), asynchronous and irregular; D (4.5, 0.9), slow oscillation, irregular.

    Parameters
    ----------
    regime : {"A", "B", "C", "D"}
    scale : float
        Factor of the number of neurons. The in-degrees stay as they are, which keeps the mean
        and the variance of the input; correlations grow as neurons share more of it.
    seed : int
        Of the network.

    Returns
    -------
    Network
        Populations "exc" and "inh" with 15.6 million * scale synapses. See `PUBLISHED_RATES` and
        `REFERENCE_RATES`.

    Source: Brunel (2000), Dynamics of sparsely connected networks of excitatory and inhibitory
    spiking neurons, J. Comput. Neurosci. 8:183-208, doi 10.1023/A:1008925309027.
    """
    if regime not in REGIMES:
        raise UnknownNameError("brunel: regime", regime, REGIMES)
    g, eta = REGIMES[regime]
    scale = checked_scale(scale, "brunel: scale")
    # V_m counts from rest; the capacitance has no effect, as weights are in mV.
    model = ns.LIF(
        tau_m=TAU_M, C_m=250, E_L=0, V_th=V_TH, V_reset=V_RESET, t_ref=T_REF, synapses=ns.Delta()
    )
    net = ns.Network(f"brunel_{regime}", seed=seed)
    exc = net.population("exc", scaled(N_EXC, scale, "brunel: scale"), model)
    inh = net.population("inh", scaled(N_INH, scale, "brunel: scale"), model)
    neurons = exc + inh
    net.project(exc, neurons, ns.FixedIndegree(C_EXC), weight=J, delay=DELAY)
    net.project(inh, neurons, ns.FixedIndegree(C_INH), weight=-g * J, delay=DELAY)
    threshold_rate = 1000 * V_TH / (J * C_EXC * TAU_M)
    net.drive(neurons, ns.Poisson(rate=eta * threshold_rate * C_EXC), weight=J)
    net.record(neurons, "spikes")
    return net
