"""Everything that a description can ask for, as a catalogue, and what one network asks for.

A *feature* has a key such as ``"neuron:LIF/ExpCurrent"`` or ``"rule:FixedIndegree"``: its group and
its name. `uses` walks through a network and returns the features of every part; backends declare
their support of every key (`neurosim.capabilities`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

import numpy as np

from neurosim.describe.coupling import CouplingFunction
from neurosim.describe.distributions import Distribution, FunctionOfDistance
from neurosim.describe.explicit import ExplicitRule, FromList
from neurosim.describe.history import History
from neurosim.describe.network import Network
from neurosim.describe.population import Population
from neurosim.describe.projection import INJECTED, INJECTED_SOURCE
from neurosim.describe.sources import RateSteps

BUILT_IN = "neurosim.describe."
"""Modules whose classes have entries of their own; models written elsewhere are equations."""

NEURONS = (
    "AdEx", "ExponentialIF", "FitzHughNagumo", "GIF", "HodgkinHuxley", "Izhikevich", "LIF", "LTC",
    "MorrisLecar", "PerfectIntegrator", "QuadraticIF", "TraubMiles", "TwoCompartment",
)  # fmt: skip
"""Built-in neurons with a membrane."""

SYNAPSES = (
    "ExpCurrent", "AlphaCurrent", "ExpConductance", "AlphaConductance", "BetaConductance", "Delta",
    "NMDA", "Pulse", "GapJunction", "ContinuousInput",
)  # fmt: skip
"""Kinds of synapses; a pair and a single receptor are of one kind."""

CURRENTS = ("ExpCurrent", "AlphaCurrent", "Pulse", "ContinuousInput")
"""Kinds that `FitzHughNagumo` takes, whose potential is a plain number."""

PLAIN = ("SpikeFilter",)
"""Kinds of synapses that make a plain number."""

RATES = {
    "JansenRit": (), "Kuramoto": (), "LinearRate": PLAIN, "OrnsteinUhlenbeck": (),
    "PoissonFromRate": (), "SigmaDelta": (), "StuartLandau": PLAIN,
    "ThresholdLinearRate": PLAIN, "WilsonCowan": PLAIN, "WongWang": CURRENTS,
    "WongWangEI": CURRENTS,
}  # fmt: skip
"""Rate models -> the kinds of synapses they take."""

SEVERAL = "*+*"
"""Stands for any mixture of kinds: ``"neuron:LIF/*+*"`` for ``"neuron:LIF/Delta+NMDA"``."""


@dataclass(frozen=True, slots=True)
class Feature:
    """An entry of the catalogue.

    Attributes
    ----------
    key : str
        Group and name; of mixtures of synapses a pattern.
    title : str
        What it is, in a few words.
    """

    key: str
    title: str

    @property
    def group(self) -> str:
        """What is before the colon of the key."""
        return self.key.partition(":")[0]


GROUPS = {
    "neuron": "Neurons and their synapses",
    "receptor": "Receptors",
    "mechanism": "Mechanisms of neurons",
    "method": "Methods of integration",
    "parameter": "Parameters",
    "initial": "Initial values",
    "source": "Sources",
    "drive": "Drives",
    "current": "Injected currents",
    "rule": "Connection rules",
    "view": "Views",
    "weight": "Weights",
    "delay": "Delays",
    "synapse": "Synapses",
    "coupling": "Continuous coupling",
    "record": "Recorders",
    "option": "Options of a run",
    "session": "Sessions",
}
"""Group -> its heading, in the order of the tables. No network asks for what is of `session`: these
are things that can be done to one that runs."""

_TITLES = {
    "neuron:Parrot/none": "Parrot",
    "neuron:Binary": "Binary",
    "neuron:equations": "equations of your own",
    "receptor:jump": "arrivals add to a state",
    "receptor:delta": "arrivals add to a held state, and are lost while the neuron is refractory",
    "receptor:pulse": "arrivals last one step",
    "mechanism:refractoriness": "refractory time",
    "mechanism:refractoriness_per_neuron": "refractory time of each neuron",
    "mechanism:noise": "additive noise in the equations",
    "mechanism:multiplicative_noise": "multiplicative noise in the equations",
    "mechanism:escape_noise": "escape noise",
    "mechanism:multiplicity": "several spikes of a neuron in one step",
    "method:exact": "exact",
    "method:exponential_euler": "exponential Euler",
    "method:semi_implicit": "semi-implicit Euler",
    "method:rk4": "Runge-Kutta of order 4",
    "method:rk2": "Runge-Kutta of order 2",
    "method:euler": "Euler (with noise: Euler-Maruyama)",
    "method:heun": "stochastic Heun",
    "method:milstein": "Milstein",
    "method:none": "no differential equation to solve",
    "parameter:per_neuron": "a value for each neuron",
    "parameter:drawn": "drawn from a distribution",
    "initial:given": "a number, or one for each neuron",
    "initial:drawn": "drawn from a distribution",
    "initial:history": "a past, which coupling with delays reads (History)",
    "source:Poisson": "Poisson",
    "source:GammaProcess": "GammaProcess",
    "source:CorrelatedPoisson": "CorrelatedPoisson",
    "source:SpikeTimes": "SpikeTimes",
    "source:Input(spikes)": "Input of spikes",
    "source:Input(current)": "Input of currents",
    "source:RateSteps": "RateSteps: rates that change (of drives, too)",
    "drive:Poisson": "Poisson",
    "drive:GammaProcess": "GammaProcess",
    "drive:SpikeTimes": "SpikeTimes",
    "current:ConstantCurrent": "ConstantCurrent",
    "current:StepCurrent": "StepCurrent",
    "current:NoiseCurrent": "NoiseCurrent",
    "rule:AllToAll": "AllToAll",
    "rule:OneToOne": "OneToOne",
    "rule:FixedProbability": "FixedProbability",
    "rule:FixedIndegree": "FixedIndegree",
    "rule:FixedOutdegree": "FixedOutdegree",
    "rule:FixedTotalNumber": "FixedTotalNumber",
    "rule:DistanceDependent": "DistanceDependent",
    "rule:FromList": "FromList",
    "rule:FromMatrix": "FromMatrix",
    "rule:Conv2D": "Conv2D",
    "rule:PatternCoupling": "PatternCoupling",
    "view:part": "some neurons of a population",
    "view:several": "neurons of several populations",
    "weight:one": "one for all synapses",
    "weight:each": "one for each synapse",
    "weight:drawn": "drawn from a distribution",
    "delay:one": "one for all synapses",
    "delay:each": "one for each synapse",
    "delay:drawn": "drawn from a distribution",
    "synapse:static": "static synapses",
    "synapse:plastic": "plastic synapses (plasticity)",
    "synapse:following": "plastic synapses that follow the postsynaptic membrane (V_post)",
    "synapse:stepwise": "plastic synapses that change in every step (on_step)",
    "synapse:modulated": "plastic synapses with a modulating population (modulator)",
    "synapse:sign": 'plastic synapses that keep their sign (sign="fixed")',
    "synapse:release": "synapses that fail (release)",
    "synapse:autapses": "neurons that may connect to themselves",
    "synapse:multapses": "several synapses between two neurons",
    "coupling:additive": "additive",
    "coupling:diffusive": "diffusive (gap junctions)",
    "coupling:injected": "a current into I_e",
    "coupling:given": "numbers handed over into an inlet (Input)",
    "coupling:function": "a function of both sides (CouplingFunction)",
    "coupling:delay": "delays, interpolated between steps",
    "record:spikes": "spikes",
    "record:state": "states",
    "record:mean": "means of states",
    "record:weight": "weights",
    "record:part": "of some neurons",
    "record:interval": "at an interval (every)",
    "record:initial": "from the start of a run (initial)",
    "option:single": "single precision",
    "option:threads": "number of threads",
    "option:fixed16": "weights in 16 bits",
    "option:trial": "trials: other noise, the same network",
    "option:integrator": "continuous populations and their coupling advanced together (integrator)",
    "session:pieces": "running on: a run in several pieces",
    "session:set": "parameters and membrane potentials set between runs",
    "session:set_synapses": "synaptic states set between runs",
    "session:weights": "weights that learn, read between runs",
    "session:learning": "plastic synapses set, held or rewarded between runs",
    "session:reset": "going back to the start",
}


@cache
def features() -> dict[str, Feature]:
    """Return the catalogue, by key, in the order of the groups."""
    titles = {}
    taken: dict[str, tuple[str, ...]] = {name: (*SYNAPSES, SEVERAL) for name in NEURONS}
    taken["FitzHughNagumo"] = (*CURRENTS, SEVERAL)
    taken |= {n: (*kinds, SEVERAL) if len(kinds) > 1 else kinds for n, kinds in RATES.items()}
    for name, kinds in taken.items():
        for kind in ("none", *kinds):
            told = {"none": "without synapses", SEVERAL: "with several kinds of synapses"}
            titles[f"neuron:{name}/{kind}"] = f"{name} {told.get(kind, f'with {kind}')}"
    titles |= _TITLES
    found = [Feature(key, title) for key, title in titles.items()]
    order = list(GROUPS)
    return {f.key: f for f in sorted(found, key=lambda f: order.index(f.group))}


def feature_of(key: str) -> Feature:
    """Return the entry of the catalogue that a key of `uses` belongs to.

    Raises
    ------
    KeyError
        If there is none.
    """
    catalogue = features()
    if key in catalogue:
        return catalogue[key]
    for pattern, found in catalogue.items():
        if "*" in pattern and fnmatchcase(key, pattern):
            return found
    raise KeyError(key)


def title_of(key: str) -> str:
    """Return what to call a feature: mixtures of synapses by their kinds.

    >>> title_of("neuron:LIF/Delta+NMDA")
    'LIF with Delta, NMDA'
    """
    try:
        found = feature_of(key)
    except KeyError:
        return key.partition(":")[2]
    if "*" in found.key:
        name, _, kinds = key.partition(":")[2].partition("/")
        return f"{name} with {', '.join(kinds.split('+'))}"
    heading = _BEFORE.get(found.group, "")
    return f"{heading}{found.title}"


_BEFORE = {
    "method": "method: ", "parameter": "parameters: ", "initial": "initial values: ",
    "weight": "weights: ", "delay": "delays: ", "coupling": "coupling: ", "view": "view: ",
    "record": "record: ",
}  # fmt: skip
"""Put before titles that need their group to be understood."""


@dataclass(frozen=True, slots=True)
class Use:
    """One feature that a network asks for, and where.

    Attributes
    ----------
    feature : str
        Its key.
    part : str
        The part of the network, as messages name it: ``"Population 'exc'"``.
    subject : object
        The object of the description: a Population, Projection, Drive, ...
    dt : float
        Time step of the run that it is judged for [ms].
    seed : int
        Of the network: what it draws is known with it.
    """

    feature: str
    part: str
    subject: Any = field(compare=False, repr=False, default=None)
    dt: float = field(compare=False, repr=False, default=0.1)
    seed: int = field(compare=False, repr=False, default=0)

    @property
    def short(self) -> str:
        """The name by which ``approximate=`` allows it: the key without its group."""
        return self.feature.partition(":")[2]

    @property
    def title(self) -> str:
        """What it is, in a few words."""
        return title_of(self.feature)


def synapse_kinds(model: Any) -> str:
    """Return the kinds of a built-in neuron's receptors: "ExpCurrent", "Delta+NMDA", "none"."""
    kinds: set[str] = set()
    for synapses in (getattr(model, "synapses", None), getattr(model, "dendrite", None)):
        if synapses is None:
            continue
        if type(synapses).__name__ == "Receptors":
            kinds |= {type(r).__name__.removesuffix("Receptor") for _, r in synapses.named}
        else:
            kinds.add(type(synapses).__name__.removesuffix("Receptor"))
    return "+".join(sorted(kinds)) or "none"


def neuron_key(model: Any) -> str:
    """Return the feature key of a neuron model: class and kinds of receptors, or "equations"."""
    if type(model).__name__ == "NeuronModel" or not _is_built_in(model):
        return "neuron:equations"
    if not hasattr(model, "synapses"):
        return f"neuron:{type(model).__name__}"
    return f"neuron:{type(model).__name__}/{synapse_kinds(model)}"


def _is_built_in(model: Any) -> bool:
    """Whether a model and all its receptors are ours; others are known by their equations only."""
    parts = [model]
    for synapses in (getattr(model, "synapses", None), getattr(model, "dendrite", None)):
        if synapses is not None:
            parts += [synapses, *(receptor for _, receptor in synapses.named)]
    return all(type(part).__module__.startswith(BUILT_IN) for part in parts)


def uses(network: Network) -> tuple[Use, ...]:
    """Return every feature that a network asks for, part by part, in the order of definition."""
    found = {(use.feature, use.part, id(use.subject)): use for use in _uses(network)}
    return tuple(found.values())


def option_uses(options: Any) -> tuple[Use, ...]:
    """Return what `neurosim.backend.Options` ask for beyond the ordinary."""
    part = "Options of the run"
    asked = {
        "single": options.precision == "single",
        "threads": options.threads is not None,
        "fixed16": options.synapse_format == "fixed16",
        "trial": options.trial != 0,
        "integrator": options.integrator is not None,
    }
    return tuple(Use(f"option:{name}", part, options) for name, yes in asked.items() if yes)


def _uses(network: Network) -> Iterator[Use]:
    for population in network.populations.values():
        yield from _population_uses(population)
        part = f"Population {population.name!r}"
        for given in network.initial_values:
            if given.population.name == population.name:
                kind = "drawn" if isinstance(given.value, Distribution) else "given"
                kind = "history" if isinstance(given.value, History) else kind
                yield Use(f"initial:{kind}", part, population)
    for projection in network.projections.values():
        yield from _projection_uses(projection)
    for drive in network.drives:
        part = f"Drive of {drive.target.label!r}"
        yield Use(f"drive:{type(drive.source).__name__}", part, drive)
        yield from _source_uses(drive.source, part, drive)
        yield from _view_uses(drive.target, part, drive)
    for injection in network.injections:
        part = f"Injection into {injection.target.label!r}"
        yield Use(f"current:{type(injection.current).__name__}", part, injection)
        yield from _view_uses(injection.target, part, injection)
    for recorder in network.recorders:
        yield from _recorder_uses(recorder)


def _population_uses(population: Population) -> Iterator[Use]:
    part = f"Population {population.name!r}"
    model = population.model
    if getattr(model, "is_source", False):
        kind = f"{type(model).__name__}"
        if kind == "Input":
            kind = f"Input({model.kind})"
        yield Use(f"source:{kind}", part, population)
        yield from _source_uses(model, part, population)
        return
    yield Use(neuron_key(model), part, population)
    spec = model.neuron_model().spec()
    for receptor in spec.receptors:
        kind = str(receptor.kind)
        if kind == "jump" and receptor.target in spec.clamped:
            kind = "delta"
        yield Use(f"receptor:{kind}", part, population)
    if spec.n_normals:
        random = [factor for factors in spec.noise.values() for factor in factors.values()]
        free = {symbol.name for factor in random for symbol in factor.free_symbols}
        additive = free.isdisjoint(spec.states)
        yield Use(f"mechanism:{'' if additive else 'multiplicative_'}noise", part, population)
    if spec.hazard is not None:
        yield Use("mechanism:escape_noise", part, population)
    if spec.refractory is not None:
        yield Use("mechanism:refractoriness", part, population)
        if not np.isscalar(population.parameters[spec.refractory]):
            yield Use("mechanism:refractoriness_per_neuron", part, population)
    if spec.multiplicity is not None:
        yield Use("mechanism:multiplicity", part, population)
    yield Use(f"method:{spec.method}", part, population)
    values = population.parameters.values()
    if any(isinstance(value, Distribution) for value in values):
        yield Use("parameter:drawn", part, population)
    if any(isinstance(value, np.ndarray) and value.ndim for value in values):
        yield Use("parameter:per_neuron", part, population)


def _source_uses(source: Any, part: str, subject: Any) -> Iterator[Use]:
    if isinstance(getattr(source, "rate", None), RateSteps):
        yield Use("source:RateSteps", part, subject)
    if isinstance(getattr(source, "rate", None), np.ndarray):
        yield Use("parameter:per_neuron", part, subject)


def _projection_uses(projection: Any) -> Iterator[Use]:
    part = f"Projection {projection.name!r}"
    rule = projection.rule
    if projection.plasticity is not None:
        learned = projection.plasticity.plasticity_rule()
        if learned.sign == "fixed":
            yield Use("synapse:sign", part, projection)
        if learned.program.follows:
            yield Use("synapse:following", part, projection)
        if learned.program.why_stepwise:
            yield Use("synapse:stepwise", part, projection)
        if learned.program.needs_modulator:
            yield Use("synapse:modulated", part, projection)
    yield Use(f"rule:{type(rule).__name__}", part, projection)
    for view in (projection.pre, projection.post):
        yield from _view_uses(view, part, projection)
    yield Use(f"weight:{_strength(projection.weight, projection)}", part, projection)
    if projection.continuous:
        yield Use(f"coupling:{_coupling(projection)}", part, projection)
        if projection.plasticity is not None:
            yield Use("synapse:plastic", part, projection)
        if projection.delay is not None or (isinstance(rule, ExplicitRule) and rule.has_delays):
            yield Use("coupling:delay", part, projection)
        return
    yield Use(f"delay:{_strength(projection.delay, projection, delay=True)}", part, projection)
    yield Use(f"synapse:{'plastic' if projection.plasticity else 'static'}", part, projection)
    if projection.release < 1:
        yield Use("synapse:release", part, projection)
    if getattr(rule, "multapses", False) or (isinstance(rule, FromList) and _repeats(rule)):
        yield Use("synapse:multapses", part, projection)
    shared = np.intersect1d(projection.pre.ids, projection.post.ids).size > 0
    if shared and getattr(rule, "autapses", True):
        yield Use("synapse:autapses", part, projection)


def _repeats(rule: FromList) -> bool:
    return len(np.unique(rule.pairs, axis=0)) < len(rule.pairs)


def _strength(value: Any, projection: Any, *, delay: bool = False) -> str:
    """Tell one weight (or delay) for all from one for each and from drawn ones."""
    rule = projection.rule
    brought = isinstance(rule, ExplicitRule) and (rule.has_delays if delay else rule.has_weights)
    if isinstance(value, Distribution):
        return "drawn"
    if brought or isinstance(value, FunctionOfDistance) or np.ndim(value) > 0:
        return "each"
    return "one"


def _coupling(projection: Any) -> str:
    if projection.receptor == INJECTED:
        return "injected"
    if projection.source == INJECTED_SOURCE:
        return "given"
    if isinstance(projection.source, CouplingFunction):
        return "function"
    spec = projection.post.segments[0][0].model.neuron_model().spec()
    return str(next(c.kind for c in spec.couplings if c.name == projection.receptor))


def _view_uses(view: Any, part: str, subject: Any) -> Iterator[Use]:
    if any(
        len(indices) != population.size or np.any(np.diff(indices) != 1)
        for population, indices in view.segments
    ):
        yield Use("view:part", part, subject)
    if len({population.name for population, _ in view.segments}) > 1:
        yield Use("view:several", part, subject)


def _recorder_uses(recorder: Any) -> Iterator[Use]:
    part = f"Recorder of {recorder.label!r}"
    kind = recorder.variable
    if kind not in ("spikes", "weight"):
        kind = "mean" if recorder.reduce == "mean" else "state"
    yield Use(f"record:{kind}", part, recorder)
    if recorder.population is not None and len(recorder.indices) != recorder.population.size:
        yield Use("record:part", part, recorder)
    if recorder.every is not None:
        yield Use("record:interval", part, recorder)
    if recorder.initial:
        yield Use("record:initial", part, recorder)
