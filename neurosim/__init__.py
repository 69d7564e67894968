"""neurosim: describe a spiking network once, run it anywhere.

Everything a script needs is reached from here::

    import neurosim as ns

Names are imported when they are first used, so that ``import neurosim`` loads numpy and nothing
heavier.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

_HOMES = {
    "neurosim.accuracy": ("Accuracies", "compare_accuracy"),
    "neurosim.adaptive": ("solve",),
    "neurosim.backend": ("Connections", "Options", "Session", "backends", "compile", "run"),
    "neurosim.closed_loop": ("ClosedLoop", "Episode"),
    "neurosim.capabilities": ("UnavailableError",),
    "neurosim.compare.certificate": ("Certificate",),
    "neurosim.compare.certify": ("certify",),
    "neurosim.compare.explain": ("explain",),
    "neurosim.conversion.conversion": ("Conversion", "convert"),
    "neurosim.conversion.qcfs": ("QCFS",),
    "neurosim.conversion.report": ("ConversionReport",),
    "neurosim.describe.binary": ("Binary",),
    "neurosim.describe.coupling": ("CouplingFunction",),
    "neurosim.describe.currents": ("ConstantCurrent", "NoiseCurrent", "StepCurrent"),
    "neurosim.describe.distributions": (
        "Exponential", "FunctionOfDistance", "LogNormal", "Normal", "Uniform",
    ),
    "neurosim.describe.encoders": (
        "encode_delta", "encode_latency", "encode_rate",
    ),
    "neurosim.describe.explicit": ("Conv2D", "DistanceDependent", "FromList", "FromMatrix"),
    "neurosim.describe.history": ("History",),
    "neurosim.describe.homeostasis": ("homeostatic",),
    "neurosim.describe.interactions": ("ExponentialInteraction", "Linear", "Polynomial"),
    "neurosim.describe.learning": (
        "AntiHebb", "AntiHebbianSTDP", "BCM", "Clopath", "Covariance", "DopamineSTDP", "EProp",
        "Hebb", "InhibitorySTDP", "Oja", "RewardModulatedSTDP", "STDP", "SymmetricSTDP",
        "TripletSTDP", "TsodyksMarkram",
    ),
    "neurosim.describe.network": ("Network",),
    "neurosim.describe.neurons": (
        "AdEx", "ExponentialIF", "FitzHughNagumo", "GIF", "HodgkinHuxley", "Izhikevich",
        "JansenRit", "Kuramoto", "LIF", "LTC", "LinearRate", "MorrisLecar", "OrnsteinUhlenbeck",
        "Parrot", "PerfectIntegrator", "PoissonFromRate", "QuadraticIF", "SigmaDelta",
        "StuartLandau", "ThresholdLinearRate", "TraubMiles", "TwoCompartment", "WilsonCowan",
        "WongWang", "WongWangEI",
    ),
    "neurosim.describe.pattern_coupling": ("PatternCoupling",),
    "neurosim.describe.patterns": ("Patterns",),
    "neurosim.describe.noise": ("noisy",),
    "neurosim.describe.plasticity": ("PlasticityRule",),
    "neurosim.describe.population": ("Population", "View"),
    "neurosim.describe.positions": ("Grid", "Line", "RandomPositions"),
    "neurosim.describe.projection": ("Projection",),
    "neurosim.describe.recorders": ("Recorder",),
    "neurosim.describe.rules": (
        "AllToAll", "FixedIndegree", "FixedOutdegree", "FixedProbability", "FixedTotalNumber",
        "OneToOne",
    ),
    "neurosim.describe.sources": (
        "CorrelatedPoisson", "GammaProcess", "Input", "Poisson", "RateSteps", "SpikeTimes",
    ),
    "neurosim.describe.storage": (
        "clique_patterns", "stabilities", "store", "store_cliques", "store_examples",
        "store_pairs", "store_sequence",
    ),
    "neurosim.describe.synapses": (
        "AlphaConductance", "AlphaCurrent", "BetaConductance", "Delta", "ExpConductance",
        "ContinuousInput", "ExpCurrent", "GapJunction", "NMDA", "Pulse", "Receptors",
        "SpikeFilter",
    ),
    "neurosim.energies": ("energy",),
    "neurosim.energy_estimates": ("EnergyEstimate", "EnergyProfile"),
    "neurosim.equations": ("NeuronModel",),
    "neurosim.errors": (
        "ApproximationWarning", "CapacityError", "ConvergenceError", "DescriptionError",
        "EquationError", "MissingPackageError", "NeurosimError", "SimulationError", "UnitError",
        "UnknownNameError", "UnsupportedError",
    ),
    "neurosim.exporting": ("export",),
    "neurosim.fields": ("vector_field",),
    "neurosim.files": ("load",),
    "neurosim.folders.verifying": ("FolderReport", "verify"),
    "neurosim.fit.check": ("check", "targets"),
    "neurosim.fit.report": ("Fit",),
    "neurosim.formats": ("from_nir", "to_nir", "verify_nir"),
    "neurosim.results": ("NotRecordedError", "Run", "SpikeRecord", "Trace"),
    "neurosim.sweeps": ("sweep",),
    "neurosim.trials": ("Responses", "Trial", "Trials"),
}  # fmt: skip
"""Where each name of the front door stands; the block below tells type checkers the same."""

_PARTS = ("analysis", "io", "plot", "training")
"""Modules reached as a whole: ``ns.plot.raster`` and so on."""

_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

if TYPE_CHECKING:
    from neurosim import analysis as analysis
    from neurosim import io as io
    from neurosim import plot as plot
    from neurosim import training as training
    from neurosim.accuracy import Accuracies as Accuracies
    from neurosim.accuracy import compare_accuracy as compare_accuracy
    from neurosim.adaptive import solve as solve
    from neurosim.backend import Connections as Connections
    from neurosim.backend import Options as Options
    from neurosim.backend import Session as Session
    from neurosim.backend import backends as backends
    from neurosim.backend import compile as compile
    from neurosim.backend import run as run
    from neurosim.capabilities import UnavailableError as UnavailableError
    from neurosim.closed_loop import ClosedLoop as ClosedLoop
    from neurosim.closed_loop import Episode as Episode
    from neurosim.compare.certificate import Certificate as Certificate
    from neurosim.compare.certify import certify as certify
    from neurosim.compare.explain import explain as explain
    from neurosim.conversion.conversion import Conversion as Conversion
    from neurosim.conversion.conversion import convert as convert
    from neurosim.conversion.qcfs import QCFS as QCFS
    from neurosim.conversion.report import ConversionReport as ConversionReport
    from neurosim.describe.binary import Binary as Binary
    from neurosim.describe.coupling import CouplingFunction as CouplingFunction
    from neurosim.describe.currents import ConstantCurrent as ConstantCurrent
    from neurosim.describe.currents import NoiseCurrent as NoiseCurrent
    from neurosim.describe.currents import StepCurrent as StepCurrent
    from neurosim.describe.distributions import Exponential as Exponential
    from neurosim.describe.distributions import FunctionOfDistance as FunctionOfDistance
    from neurosim.describe.distributions import LogNormal as LogNormal
    from neurosim.describe.distributions import Normal as Normal
    from neurosim.describe.distributions import Uniform as Uniform
    from neurosim.describe.encoders import encode_delta as encode_delta
    from neurosim.describe.encoders import encode_latency as encode_latency
    from neurosim.describe.encoders import encode_rate as encode_rate
    from neurosim.describe.explicit import Conv2D as Conv2D
    from neurosim.describe.explicit import DistanceDependent as DistanceDependent
    from neurosim.describe.explicit import FromList as FromList
    from neurosim.describe.explicit import FromMatrix as FromMatrix
    from neurosim.describe.history import History as History
    from neurosim.describe.homeostasis import homeostatic as homeostatic
    from neurosim.describe.interactions import ExponentialInteraction as ExponentialInteraction
    from neurosim.describe.interactions import Linear as Linear
    from neurosim.describe.interactions import Polynomial as Polynomial
    from neurosim.describe.learning import BCM as BCM
    from neurosim.describe.learning import STDP as STDP
    from neurosim.describe.learning import AntiHebb as AntiHebb
    from neurosim.describe.learning import AntiHebbianSTDP as AntiHebbianSTDP
    from neurosim.describe.learning import Clopath as Clopath
    from neurosim.describe.learning import Covariance as Covariance
    from neurosim.describe.learning import DopamineSTDP as DopamineSTDP
    from neurosim.describe.learning import EProp as EProp
    from neurosim.describe.learning import Hebb as Hebb
    from neurosim.describe.learning import InhibitorySTDP as InhibitorySTDP
    from neurosim.describe.learning import Oja as Oja
    from neurosim.describe.learning import RewardModulatedSTDP as RewardModulatedSTDP
    from neurosim.describe.learning import SymmetricSTDP as SymmetricSTDP
    from neurosim.describe.learning import TripletSTDP as TripletSTDP
    from neurosim.describe.learning import TsodyksMarkram as TsodyksMarkram
    from neurosim.describe.network import Network as Network
    from neurosim.describe.neurons import GIF as GIF
    from neurosim.describe.neurons import LIF as LIF
    from neurosim.describe.neurons import LTC as LTC
    from neurosim.describe.neurons import AdEx as AdEx
    from neurosim.describe.neurons import ExponentialIF as ExponentialIF
    from neurosim.describe.neurons import FitzHughNagumo as FitzHughNagumo
    from neurosim.describe.neurons import HodgkinHuxley as HodgkinHuxley
    from neurosim.describe.neurons import Izhikevich as Izhikevich
    from neurosim.describe.neurons import JansenRit as JansenRit
    from neurosim.describe.neurons import Kuramoto as Kuramoto
    from neurosim.describe.neurons import LinearRate as LinearRate
    from neurosim.describe.neurons import MorrisLecar as MorrisLecar
    from neurosim.describe.neurons import OrnsteinUhlenbeck as OrnsteinUhlenbeck
    from neurosim.describe.neurons import Parrot as Parrot
    from neurosim.describe.neurons import PerfectIntegrator as PerfectIntegrator
    from neurosim.describe.neurons import PoissonFromRate as PoissonFromRate
    from neurosim.describe.neurons import QuadraticIF as QuadraticIF
    from neurosim.describe.neurons import SigmaDelta as SigmaDelta
    from neurosim.describe.neurons import StuartLandau as StuartLandau
    from neurosim.describe.neurons import ThresholdLinearRate as ThresholdLinearRate
    from neurosim.describe.neurons import TraubMiles as TraubMiles
    from neurosim.describe.neurons import TwoCompartment as TwoCompartment
    from neurosim.describe.neurons import WilsonCowan as WilsonCowan
    from neurosim.describe.neurons import WongWang as WongWang
    from neurosim.describe.neurons import WongWangEI as WongWangEI
    from neurosim.describe.noise import noisy as noisy
    from neurosim.describe.pattern_coupling import PatternCoupling as PatternCoupling
    from neurosim.describe.patterns import Patterns as Patterns
    from neurosim.describe.plasticity import PlasticityRule as PlasticityRule
    from neurosim.describe.population import Population as Population
    from neurosim.describe.population import View as View
    from neurosim.describe.positions import Grid as Grid
    from neurosim.describe.positions import Line as Line
    from neurosim.describe.positions import RandomPositions as RandomPositions
    from neurosim.describe.projection import Projection as Projection
    from neurosim.describe.recorders import Recorder as Recorder
    from neurosim.describe.rules import AllToAll as AllToAll
    from neurosim.describe.rules import FixedIndegree as FixedIndegree
    from neurosim.describe.rules import FixedOutdegree as FixedOutdegree
    from neurosim.describe.rules import FixedProbability as FixedProbability
    from neurosim.describe.rules import FixedTotalNumber as FixedTotalNumber
    from neurosim.describe.rules import OneToOne as OneToOne
    from neurosim.describe.sources import CorrelatedPoisson as CorrelatedPoisson
    from neurosim.describe.sources import GammaProcess as GammaProcess
    from neurosim.describe.sources import Input as Input
    from neurosim.describe.sources import Poisson as Poisson
    from neurosim.describe.sources import RateSteps as RateSteps
    from neurosim.describe.sources import SpikeTimes as SpikeTimes
    from neurosim.describe.storage import clique_patterns as clique_patterns
    from neurosim.describe.storage import stabilities as stabilities
    from neurosim.describe.storage import store as store
    from neurosim.describe.storage import store_cliques as store_cliques
    from neurosim.describe.storage import store_examples as store_examples
    from neurosim.describe.storage import store_pairs as store_pairs
    from neurosim.describe.storage import store_sequence as store_sequence
    from neurosim.describe.synapses import NMDA as NMDA
    from neurosim.describe.synapses import AlphaConductance as AlphaConductance
    from neurosim.describe.synapses import AlphaCurrent as AlphaCurrent
    from neurosim.describe.synapses import BetaConductance as BetaConductance
    from neurosim.describe.synapses import ContinuousInput as ContinuousInput
    from neurosim.describe.synapses import Delta as Delta
    from neurosim.describe.synapses import ExpConductance as ExpConductance
    from neurosim.describe.synapses import ExpCurrent as ExpCurrent
    from neurosim.describe.synapses import GapJunction as GapJunction
    from neurosim.describe.synapses import Pulse as Pulse
    from neurosim.describe.synapses import Receptors as Receptors
    from neurosim.describe.synapses import SpikeFilter as SpikeFilter
    from neurosim.energies import energy as energy
    from neurosim.energy_estimates import EnergyEstimate as EnergyEstimate
    from neurosim.energy_estimates import EnergyProfile as EnergyProfile
    from neurosim.equations import NeuronModel as NeuronModel
    from neurosim.errors import ApproximationWarning as ApproximationWarning
    from neurosim.errors import CapacityError as CapacityError
    from neurosim.errors import ConvergenceError as ConvergenceError
    from neurosim.errors import DescriptionError as DescriptionError
    from neurosim.errors import EquationError as EquationError
    from neurosim.errors import MissingPackageError as MissingPackageError
    from neurosim.errors import NeurosimError as NeurosimError
    from neurosim.errors import SimulationError as SimulationError
    from neurosim.errors import UnitError as UnitError
    from neurosim.errors import UnknownNameError as UnknownNameError
    from neurosim.errors import UnsupportedError as UnsupportedError
    from neurosim.exporting import export as export
    from neurosim.fields import vector_field as vector_field
    from neurosim.files import load as load
    from neurosim.fit.check import check as check
    from neurosim.fit.check import targets as targets
    from neurosim.fit.report import Fit as Fit
    from neurosim.folders.verifying import FolderReport as FolderReport
    from neurosim.folders.verifying import verify as verify
    from neurosim.formats import from_nir as from_nir
    from neurosim.formats import to_nir as to_nir
    from neurosim.formats import verify_nir as verify_nir
    from neurosim.results import NotRecordedError as NotRecordedError
    from neurosim.results import Run as Run
    from neurosim.results import SpikeRecord as SpikeRecord
    from neurosim.results import Trace as Trace
    from neurosim.sweeps import sweep as sweep
    from neurosim.trials import Responses as Responses
    from neurosim.trials import Trial as Trial
    from neurosim.trials import Trials as Trials

    __version__: str
else:
    __all__ = sorted((*_HOME_OF, *_PARTS))


def __dir__() -> list[str]:
    return sorted((*_HOME_OF, *_PARTS, "__all__", "__doc__", "__version__"))


def __getattr__(name: str) -> Any:
    if name in _HOME_OF:
        value = getattr(import_module(_HOME_OF[name]), name)
        globals()[name] = value
        return value
    if name in _PARTS:
        return import_module(f"neurosim.{name}")
    if name == "__version__":
        from importlib.metadata import version

        return version("neurosim-snn")
    message = f"module 'neurosim' has no attribute {name!r}"
    if not name.startswith("_"):
        from difflib import get_close_matches

        by_lower = {known.lower(): known for known in (*_HOME_OF, *_PARTS)}
        near = get_close_matches(name.lower(), by_lower, n=1)
        if near:
            message += f". Did you mean {by_lower[near[0]]!r}?"
    raise AttributeError(message)
