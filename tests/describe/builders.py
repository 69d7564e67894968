"""Small networks that several tests describe."""

from __future__ import annotations

import numpy as np

from neurosim.describe.currents import StepCurrent
from neurosim.describe.distributions import FunctionOfDistance, Normal, Uniform
from neurosim.describe.explicit import DistanceDependent, FromMatrix
from neurosim.describe.network import Network
from neurosim.describe.neurons import LIF
from neurosim.describe.positions import Grid
from neurosim.describe.rules import FixedIndegree, FixedProbability
from neurosim.describe.sources import Poisson
from neurosim.describe.synapses import ExpConductance, ExpCurrent


def balanced(seed: int = 42, **changes: object) -> Network:
    """The script of the architecture, with one of everything."""
    given = {"weight": 16.2, "delay": 0.1, "tau_m": 20, "every": 1.0, "rate": 12_800, **changes}
    net = Network(str(given.get("name", "balanced")), seed=seed)
    lif = LIF(tau_m=given["tau_m"], synapses=ExpCurrent(exc=5, inh=10))
    exc = net.population("exc", (8, 10), lif, positions=Grid(0.1))
    inh = net.population("inh", 20, exc.model)
    net.initialise(exc + inh, V_m=Uniform(-60, -50))
    net.project(
        exc,
        exc + inh,
        FixedProbability(0.02),
        weight=given["weight"],
        delay=given["delay"],
        receptor="exc",
    )
    net.project(inh, exc + inh, FixedIndegree(3), weight=-90, delay=0.1, receptor="inh")
    near = DistanceDependent("0.8*exp(-d/0.3)")
    net.project(exc, exc, near, weight=FunctionOfDistance("10 - d"), receptor="exc", name="near")
    matrix = np.diag(np.arange(1.0, 21.0))
    net.project(inh, exc[:2, :], FromMatrix(matrix), delay=Normal(2, 0.1, redraw=(1, None)),
                receptor="exc", name="matrix")  # fmt: skip
    net.drive(exc, Poisson(rate=given["rate"]), weight=87.8, receptor="exc")
    net.inject(inh[::2], StepCurrent(times=[0, 100], amplitudes=[0, 50]))
    net.record(exc + inh, "spikes")
    net.record(exc[0, :5], "V_m", every=given["every"])
    net.record(net["near"], "weight", every=10)
    return net


def conductances() -> Network:
    """Two populations with conductances, whose weights must not be negative."""
    net = Network("conductances")
    net.population("a", 4, LIF(synapses=ExpConductance()))
    net.population("b", 3, LIF(synapses=ExpConductance()))
    return net
