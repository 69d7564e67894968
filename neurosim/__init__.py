"""neurosim: describe a spiking, Hebbian, rate or associative network once, run it anywhere.

Everything a script needs is reached from here::

    import neurosim as ns

Names are imported when they are first used, so that ``import neurosim`` loads numpy and nothing
heavier.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

_HOMES = {
    "neurosim.backend": ("Connections", "Options", "Session", "backends", "compile", "run"),
    "neurosim.describe.currents": ("ConstantCurrent", "NoiseCurrent", "StepCurrent"),
    "neurosim.describe.distributions": (
        "Exponential", "FunctionOfDistance", "LogNormal", "Normal", "Uniform",
    ),
    "neurosim.describe.encoders": (
        "encode_delta", "encode_latency", "encode_rate",
    ),
    "neurosim.describe.explicit": ("Conv2D", "DistanceDependent", "FromList", "FromMatrix"),
    "neurosim.describe.network": ("Network", "Projection"),
    "neurosim.describe.neurons": (
        "AdEx", "ExponentialIF", "FitzHughNagumo", "GIF", "HodgkinHuxley", "Izhikevich", "LIF",
        "MorrisLecar", "Parrot", "PerfectIntegrator", "QuadraticIF", "TraubMiles",
        "TwoCompartment",
    ),
    "neurosim.describe.population": ("Population", "View"),
    "neurosim.describe.positions": ("Grid", "Line", "RandomPositions"),
    "neurosim.describe.rules": (
        "AllToAll", "FixedIndegree", "FixedOutdegree", "FixedProbability", "FixedTotalNumber",
        "OneToOne",
    ),
    "neurosim.describe.sources": (
        "CorrelatedPoisson", "GammaProcess", "Input", "Poisson", "RateSteps", "SpikeTimes",
    ),
    "neurosim.describe.synapses": (
        "AlphaConductance", "AlphaCurrent", "BetaConductance", "Delta", "ExpConductance",
        "ExpCurrent", "GapJunction", "NMDA", "Receptors",
    ),
    "neurosim.equations": ("NeuronModel",),
    "neurosim.errors": (
        "ApproximationWarning", "CapacityError", "DescriptionError", "EquationError",
        "MissingPackageError", "NeurosimError", "SimulationError", "UnitError",
        "UnknownNameError", "UnsupportedError",
    ),
    "neurosim.files": ("load",),
    "neurosim.results": ("Run", "SpikeRecord", "Trace"),
}  # fmt: skip
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name in _HOME_OF:
        value = getattr(import_module(_HOME_OF[name]), name)
        globals()[name] = value
        return value
    if name in ("analysis", "plot", "io"):
        return import_module(f"neurosim.{name}")
    raise AttributeError(f"module 'neurosim' has no attribute {name!r}")
