"""The network of simple neurons of Izhikevich (2003)."""

from __future__ import annotations

import numpy as np

import neurosim as ns
from neurosim.describe.checks import to_int

N_EXC, N_INH = 800, 200

REFERENCE_RATES = {"exc": 7.68, "inh": 7.31}
"""Mean rates [Hz] over 1 s and five seeds of the paper's script, written anew in numpy; s.d. over
seeds 0.12 and 0.17. (The paper shows the raster, figure 3, and gives no rates.)"""

EQUATIONS = """
dV_m/dt = (V_next - V_m)/ms : mV
du/dt = a*(b*V_next - u) : mV
V_half = V_m + 0.5*(0.04*V_m**2/mV + 5*V_m + 140*mV - u + R*I_total) : mV
V_next = V_half + 0.5*(0.04*V_half**2/mV + 5*V_half + 140*mV - u + R*I_total) : mV
I_total = pulse + I_injected : pA
pulse : pA
a : 1/ms
b : 1
c : mV
d : mV
V_th : mV
R : GOhm
"""
"""One step of 1 ms as in the script: V_m in two halves, then u with the new V_m."""


def izhikevich_2003(seed: int = 1) -> ns.Network:
    """800 excitatory and 200 inhibitory neurons, all connected with all; run it with ``dt=1.0``.

        dV/dt = 0.04 V^2 + 5 V + 140 - u + I        du/dt = a (b V - u)
        V >= 30:  V = c, u += d

    With r uniform on [0, 1) for each neuron: excitatory a = 0.02, b = 0.2, c = -65 + 15 r^2,
    d = 8 - 6 r^2 (regular spiking to chattering); inhibitory a = 0.02 + 0.08 r, b = 0.25 - 0.05 r,
    c = -65, d = 2 (fast spiking to low-threshold). Weights are uniform on [0, 0.5) from excitatory
    and on (-1, 0] from inhibitory neurons, the delay is 1 ms. Each neuron receives thalamic noise:
    every ms a normal number times 5 (excitatory) or 2 (inhibitory). 1 of the paper's numbers is
    1 mV for V and u, 1 pA for I, with R = 1 GOhm.

    The script in the paper advances the model in steps of 1 ms, V in two halves for stability and u
    with the new V. This is no solution of the equations to speak of (one Euler step per ms gives
    rates of 9.3 and 9.8 Hz instead of 7.7 and 7.3), so the steps belong to the model, and they are
    in its text. With another `dt` it is another model.

    Parameters
    ----------
    seed : int
        Of the network, and of the spread of parameters.

    Returns
    -------
    Network
        Populations "exc" and "inh", 1,000,000 synapses. Rhythms of about 10 and 40 Hz appear
        among asynchronous firing. See `REFERENCE_RATES`.

    Source: Izhikevich (2003), Simple model of spiking neurons, IEEE Trans. Neural Netw.
    14:1569-1572, with the script printed there; doi 10.1109/TNN.2003.820440.
    """
    generator = np.random.Generator(np.random.Philox(to_int(seed, "izhikevich_2003: seed")))
    r_exc, r_inh = generator.random(N_EXC), generator.random(N_INH)

    net = ns.Network("izhikevich_2003", seed=seed, dt=1.0)
    exc = net.population(
        "exc", N_EXC, _model(a=0.02, b=0.2, c=-65 + 15 * r_exc**2, d=8 - 6 * r_exc**2)
    )
    b_inh = 0.25 - 0.05 * r_inh
    inh = net.population("inh", N_INH, _model(a=0.02 + 0.08 * r_inh, b=b_inh, c=-65.0, d=2.0))
    neurons = exc + inh
    net.initialise(exc, V_m=-65.0, u=0.2 * -65.0)
    net.initialise(inh, V_m=-65.0, u=b_inh * -65.0)
    net.project(exc, neurons, ns.AllToAll(), weight=ns.Uniform(0, 0.5), delay=1.0)
    net.project(inh, neurons, ns.AllToAll(), weight=ns.Uniform(-1, 0), delay=1.0)
    net.inject(exc, ns.NoiseCurrent(sd=5.0, dt=1.0))
    net.inject(inh, ns.NoiseCurrent(sd=2.0, dt=1.0))
    net.record(neurons, "spikes")
    return net


def _model(**parameters: float | np.ndarray) -> ns.NeuronModel:
    return ns.NeuronModel(
        "izhikevich_2003",
        equations=EQUATIONS,
        threshold="V_m >= V_th",
        reset="V_m = c; u += d",
        inputs={"pulse": "pulse"},
        parameters={**parameters, "V_th": 30.0, "R": 1.0},
        method="euler",
    )
