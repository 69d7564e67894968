"""A balanced network whose inhibition learns: Vogels, Sprekeler et al. (2011)."""

from __future__ import annotations

import neurosim as ns
from neurosim.units import to_scalar
from neurosim_models._scaling import checked_scale, scaled

N_EXC, N_INH = 8000, 2000
PROBABILITY = 0.02


def vogels_sprekeler(
    scale: float = 1.0, *, rate: float = 3.0, learning: float = 1.0, seed: int = 1
) -> ns.Network:
    """Recurrent network in which inhibitory plasticity brings excitatory neurons to one rate.

    Integrate-and-fire neurons with a constant current of 200 pA,

        200 pF dV/dt = 10 nS (-60 mV - V) + g_exc (0 mV - V) + g_inh (-80 mV - V) + 200 pA

    that fire at -50 mV and are held at -60 mV for 5 ms; conductances decay with 5 and 10 ms. Every
    pair is connected with probability 2 %; weights of excitatory synapses are 0.3 nS, those between
    inhibitory neurons 3 nS. Synapses of inhibitory onto excitatory neurons begin at 0 and learn:

        on_pre:  w += eta (y - 2 rate 20 ms);   on_post: w += eta x;     0 <= w <= 100 nS

    with traces x, y of 20 ms and eta = 0.01 nS. Without inhibition excitatory neurons fire fast;
    then each is balanced, and fires irregularly, at the target rate.

    Parameters
    ----------
    scale : float
        Factor of the number of neurons. The in-degrees stay as they are (probability
        0.02 / scale), so scale is at least 0.02.
    rate : float
        Target of the excitatory neurons [Hz].
    learning : float
        Factor of eta; 0 for none.
    seed : int
        Of the network.

    Returns
    -------
    Network
        Populations "exc" and "inh"; projection "learned".

    Source: Vogels, Sprekeler, Zenke, Clopath & Gerstner (2011), Science 334:1569, doi
    10.1126/science.1211095; numbers as in F. Zenke's script of 2011 among the examples of Brian2,
    ``frompapers/Vogels_et_al_2011.py``. There is no delay, that is one step here.
    """
    size = checked_scale(scale, "vogels_sprekeler: scale", least=PROBABILITY)
    target = to_scalar(rate, "Hz", "vogels_sprekeler: rate", at_least=0)
    factor = to_scalar(learning, "1", "vogels_sprekeler: learning", at_least=0)
    model = ns.LIF(
        tau_m=20, C_m=200, E_L=-60, V_th=-50, V_reset=-60, t_ref=5, I_e=200,
        synapses=ns.ExpConductance(exc=5, inh=10, E_exc=0, E_inh=-80),
    )  # fmt: skip
    net = ns.Network("vogels_sprekeler", seed=seed)
    exc = net.population("exc", scaled(N_EXC, size, "vogels_sprekeler: scale"), model)
    inh = net.population("inh", scaled(N_INH, size, "vogels_sprekeler: scale"), model)
    pairs = ns.FixedProbability(PROBABILITY / size)
    net.initialise(exc + inh, V_m=ns.Uniform(-60, -50))
    net.project(exc, exc + inh, pairs, weight=0.3, receptor="exc")
    net.project(inh, inh, pairs, weight=3.0, receptor="inh")
    net.project(
        inh, exc, pairs, weight=0.0, receptor="inh", name="learned",
        plasticity=ns.InhibitorySTDP(tau=20, eta=0.01 * factor, rate=target, w_max=100),
    )  # fmt: skip
    net.record(exc + inh, "spikes")
    return net
