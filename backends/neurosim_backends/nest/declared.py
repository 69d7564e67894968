"""What NEST can do, as data; the neurons follow from the table of models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from neurosim.capabilities import (
    PASSES,
    Capabilities,
    Case,
    Requirement,
    Support,
    approximated,
    learns_at_spikes_only,
    refused,
)
from neurosim.describe.learning import InhibitorySTDP
from neurosim.features import Use
from neurosim_backends.nest.learning import objection
from neurosim_backends.nest.published import STEP, STEP_OF_2003, name_of, receptors_of
from neurosim_backends.nest.table import DICE_AS_TOLD, KINDS, ROWS, Row, feature_keys, rows_of

VERSIONS = ">=3.10"
"""Of NEST, whose Python interface changed with 3.10."""

SET_AT_START = "NEST lets most of its models' synaptic states be set at the start only"

# --- neurons --------------------------------------------------------------------------------------


def _neurons() -> dict[str, Support]:
    found: dict[str, Support] = {}
    for row in ROWS:
        for key in feature_keys(row):
            found.setdefault(key, row.support)
    for key, support in _NO_FORM.items():
        found[key] = support
    return found


_NO_FORM = {
    "neuron:Binary": refused(
        "binary neurons of NEST update at random times of their own, not once in a sweep, and send "
        "their changes as spikes with a delay",
        "backend='cpu'",
    ),
    "neuron:equations": refused(
        "NEST has compiled models only. NESTML compiles equations of your own, but not for NEST as "
        "pip installs it: headers of Boost and libltdl and a usable nest-config are missing, and "
        "its C++ ABI is an old one; so this backend does not write them (docs/backends.md)",
        "one of our own neurons, such as LIF or AdEx; or backend='brian2', which takes equations",
    ),
    "neuron:LIF/*": refused(
        "NEST's integrate-and-fire models have receptors of one kind, out of Delta, exponential or "
        "alpha currents, exponential, alpha or beta conductances",
        "LIF with receptors of one of these kinds",
    ),
    "neuron:AdEx/*": refused(
        "NEST's aeif models have receptors of one kind, out of Delta, exponential or alpha "
        "currents, exponential, alpha or beta conductances",
        "AdEx with receptors of one of these kinds",
    ),
    "neuron:ExponentialIF/*": refused(
        "NEST's aeif models have receptors of one kind, out of Delta, exponential or alpha "
        "currents, exponential, alpha or beta conductances",
        "ExponentialIF with receptors of one of these kinds",
    ),
    "neuron:Izhikevich/*": refused(
        "arrivals at NEST's izhikevich model add to V_m", "Izhikevich with Pulse or Delta"
    ),
    "neuron:HodgkinHuxley/*": refused(
        "NEST has the squid axon with alpha currents only", "HodgkinHuxley with AlphaCurrent"
    ),
    "neuron:TraubMiles/*": refused(
        "NEST has it with exponential and with beta conductances only",
        "TraubMiles with ExpConductance or BetaConductance",
    ),
    "neuron:GIF/*": refused(
        "NEST's gif models have exponential currents or exponential conductances",
        "GIF with ExpCurrent or ExpConductance",
    ),
    "neuron:PerfectIntegrator/*": refused(
        "NEST has no integrator without a leak", "LIF with a long tau_m"
    ),
    "neuron:QuadraticIF/*": refused(
        "NEST has no such neuron; its izhikevich model has fixed coefficients", "ExponentialIF"
    ),
    "neuron:TwoCompartment/*": refused(
        "NEST's neurons of several compartments are others", "LIF, with its dendrite left out"
    ),
    **{
        f"neuron:{name}/*": refused(
            "NEST's rate neurons are coupled by connections of their own, which this backend does "
            "not write",
            "backend='brian2'",
        )
        for name in (
            "JansenRit",
            "Kuramoto",
            "LinearRate",
            "OrnsteinUhlenbeck",
            "PoissonFromRate",
            "StuartLandau",
            "ThresholdLinearRate",
            "WilsonCowan",
            "WongWang",
            "WongWangEI",
        )
    },
    "neuron:*": refused("NEST has no such neuron", "AdEx, HodgkinHuxley or TraubMiles"),
}

# --- methods --------------------------------------------------------------------------------------


def _own_integrator(error: str) -> Support:
    return approximated(
        "NEST's model has an integrator of its own, whatever the method",
        f"an error of {error}",
    )


NO_NOISE = refused("NEST's neurons have no noise in their equations", "a NoiseCurrent")

# --- the rest -------------------------------------------------------------------------------------

_REST: Mapping[str, Support] = {
    "receptor:*": PASSES,
    "mechanism:escape_noise": DICE_AS_TOLD,
    "mechanism:refractoriness*": PASSES,
    "mechanism:multiplicity": PASSES,
    "mechanism:*": NO_NOISE,
    "method:exact": PASSES,
    "method:exponential_euler": _own_integrator(
        "first order in dt of our exponential Euler: it grows with the conductances, and was 0.05 "
        "mV in V_m at dt = 0.1 ms with 400 arrivals/s of 1 nS at a LIF neuron, 0.13 mV with 5 nS"
    ),
    "method:semi_implicit": _own_integrator("first order in dt of our semi-implicit Euler"),
    "method:rk4": _own_integrator("order 4 in dt of our Runge-Kutta"),
    "method:rk2": _own_integrator("order 2 in dt of our Runge-Kutta"),
    "method:euler": PASSES,
    "method:heun": NO_NOISE,
    "method:milstein": NO_NOISE,
    "method:none": PASSES,
    "parameter:*": PASSES,
    "initial:history": refused(
        "no continuous coupling has a past here", "a number, or backend='cpu'"
    ),
    "initial:*": PASSES,
    "source:*": PASSES,
    "drive:Poisson": PASSES,
    "drive:*": refused(
        "only Poisson drive comes without synapses",
        "a population with this source and a projection",
    ),
    "current:*": PASSES,
    "rule:*": PASSES,
    "view:*": PASSES,
    "weight:*": PASSES,
    "delay:*": PASSES,
    "synapse:plastic": PASSES,
    "synapse:release": refused(
        "NEST's bernoulli_synapse draws from random numbers of NEST, which cannot be given ours",
        "release=1",
        if_asked="NEST draws which spikes pass: another realisation of the same process",
    ),
    **learns_at_spikes_only(),
    "synapse:sign": refused(
        "no rule here keeps weights from crossing 0", "bounds on one side of 0, or backend='cpu'"
    ),
    "synapse:*": PASSES,
    "coupling:injected": PASSES,
    "coupling:*": refused(
        "NEST solves gap junctions within the step, by waveform relaxation, and has no other "
        "coupling of states; here a step reads the value at its start",
        "synapses",
    ),
    "record:*": PASSES,
    "session:set_synapses": refused(SET_AT_START, "net.initialise"),
    "session:weights": approximated(
        "NEST brings weights up to date at presynaptic spikes: what is read in between lacks the "
        "postsynaptic spikes since the last one, which no spike carries yet",
        "what these add",
    ),
    "session:learning": refused(
        "plastic synapses learn by their rule alone: nothing sets, holds or rewards them",
        "backend='cpu'",
    ),
    "session:*": PASSES,
    "option:single": refused("NEST computes in double precision", "precision='double'"),
    "option:fixed16": refused("NEST keeps weights as float64", "synapse_format='auto'"),
    "option:integrator": refused(
        "NEST advances each model by its own solver",
        "integrator=None, or backend='cpu'",
    ),
    "option:*": PASSES,
}

# --- exceptions -----------------------------------------------------------------------------------


def _model(use: Use) -> Any:
    return use.subject.model


def candidates(model: Any) -> tuple[Row, ...]:
    """Return the rows that a neuron may become, by the number of its receptors."""
    receptors = receptors_of(model)
    return tuple(
        row
        for row in rows_of(name_of(model), frozenset(receptors.values()))
        if row.at_most is None or len(receptors) <= row.at_most
    )


def _has_too_many(use: Use) -> bool:
    model = _model(use)
    kinds = frozenset(receptors_of(model).values())
    return bool(rows_of(name_of(model), kinds)) and not candidates(model)


def _subtracts(use: Use) -> bool:
    return getattr(_model(use), "reset", "to") == "subtract"


def _is_never_held(use: Use) -> bool:
    t_ref = getattr(_model(use), "t_ref", 1.0)
    return isinstance(t_ref, (float, np.ndarray)) and bool(np.any(np.asarray(t_ref) == 0))


def _spikes_elsewhere(use: Use) -> bool:
    """Whether the potential that counts as a spike is none that every spike passes."""
    model = _model(use)
    foot = {"HodgkinHuxley": -40.0, "TraubMiles": getattr(model, "V_T", 0.0)}
    low = foot.get(type(model).__name__)
    if low is None or not isinstance(model.V_th, (float, np.ndarray)):
        return False
    if not isinstance(low, (float, np.ndarray)):
        return False
    return bool(np.any(model.V_th < low + 20) or np.any(model.V_th > 20))


def _is_solved_exactly(use: Use) -> bool:
    rows = candidates(_model(use)) if hasattr(_model(use), "synapses") else ()
    linear = bool(rows) and rows[0].neuron == "LIF" and rows[0].support is PASSES
    return linear and use.feature != "method:exact"


def _is_izhikevich(use: Use) -> bool:
    return type(_model(use)).__name__ == "Izhikevich" and use.feature != "method:euler"


def _is_no_izhikevich(use: Use) -> bool:
    return name_of(_model(use)) not in ("Izhikevich", STEP_OF_2003)


def _is_step_of_2003(use: Use) -> bool:
    return name_of(_model(use)) == STEP_OF_2003


def _is_step_of_2003_in_time(use: Use) -> bool:
    return _is_step_of_2003(use) and use.dt == STEP


def _has_escapes(use: Use) -> bool:
    return type(_model(use)).__name__ == "GIF"


def _relays_other_than_one(use: Use) -> bool:
    weight = use.subject.weight
    relays = any(type(p.model).__name__ == "Parrot" for p, _ in use.subject.post.segments)
    return relays and isinstance(weight, (float, np.ndarray)) and bool(np.any(weight != 1))


def _comes_from_a_source(use: Use) -> bool:
    return any(getattr(p.model, "is_source", False) for p, _ in use.subject.pre.segments)


def _comes_from_an_input(use: Use) -> bool:
    return any(type(p.model).__name__ == "Input" for p, _ in use.subject.pre.segments)


def _is_of_learning(use: Use) -> bool:
    projection = getattr(use.subject, "projection", None)
    return projection is not None and projection.plasticity is not None


def _is_not_recorded(use: Use) -> bool:
    recorder = use.subject
    if recorder.population is None:
        return False
    rows = candidates(recorder.population.model)
    receptors = receptors_of(recorder.population.model)
    return bool(rows) and not any(records(row, receptors, recorder.variable) for row in rows)


def records(row: Row, receptors: Mapping[str, str], state: str) -> bool:
    """Whether a state of ours is recorded from a model of NEST.

    Parameters
    ----------
    receptors : mapping
        Receptor -> its kind.
    """
    if state in row.states:
        return True
    letter, _, receptor = state.partition("_")
    if receptor not in receptors or receptors[receptor] not in KINDS:
        return False
    kind = KINDS[receptors[receptor]]
    # The second state follows from the first, sample by sample.
    letters = (kind.state[0], "x") if kind.peak else (kind.state[0],)
    return letter in letters and kind.state in row.recorded


def _is_correlated(use: Use) -> bool:
    return use.subject.current.tau is not None


def _is_no_superposition(use: Use) -> bool:
    """Whether a gamma process is none of gamma_sup_generator."""
    source = use.subject.model
    shape = np.asarray(source.shape)
    return bool(np.any(shape != np.rint(shape))) or source.start != "equilibrium"


def _comes_from_given_times(use: Use) -> bool:
    return any(type(p.model).__name__ == "SpikeTimes" for p, _ in use.subject.pre.segments)


def _comes_at_once(use: Use) -> bool:
    models = [p.model for p, _ in use.subject.pre.segments]
    trains = [t for m in models if type(m).__name__ == "SpikeTimes" for t in m.trains]
    return any(bool(np.any(np.asarray(train) < 1.5 * use.dt)) for train in trains)


_NO_FAILURE = refused(
    "devices of NEST, which give a run its input, have no synapses that fail",
    "a script (ns.export), in which sources are neurons; or a Parrot in between, and "
    "approximate=['release']",
)
_NO_FAILURE_IN_SCRIPTS = refused(
    "devices of NEST have no synapses that fail", "release=1, or a Parrot in between"
)
_NOT_LATER = "a script does not know what is handed over later"

_SCRIPT_CASES = (
    Case("source:Input*", "", refused(_NOT_LATER, "SpikeTimes or a StepCurrent")),
    Case(
        "coupling:injected", "", refused(_NOT_LATER, "net.inject with a StepCurrent"),
    ),
    Case(
        "source:GammaProcess",
        "with a shape that is no whole number, or another start than in equilibrium",
        refused(
            "gamma_sup_generator takes whole numbers for the shape and starts in equilibrium",
            "a whole number for the shape, and start='equilibrium'",
        ),
        _is_no_superposition,
    ),
    Case(
        "current:NoiseCurrent",
        "with a correlation time (tau)",
        refused(
            "NEST has no device for such a current: noise_generator draws every value by itself",
            "tau left out, with dt= the interval at which a value is drawn: held for 2 tau it has "
            "the same variance and the same intensity at low frequencies",
        ),
        _is_correlated,
    ),
    Case("synapse:release", "from SpikeTimes", _NO_FAILURE_IN_SCRIPTS, _comes_from_given_times),
    Case(
        "synapse:plastic",
        "from SpikeTimes with a spike in the first step",
        refused(
            "only neurons of NEST have plastic synapses, and a relay needs its spikes one step "
            "before; NEST sends nothing at time 0",
            "spike times from 2 dt on",
        ),
        _comes_at_once,
    ),
    Case("synapse:release", "", PASSES),
    Case(
        "option:trial", "",
        refused("a script has one seed for its wiring and its noise", "Network(seed=)"),
    ),
)  # fmt: skip
"""What is otherwise in a script: NEST draws everything, and nothing is handed over."""

_CASES = (
    Case(
        "neuron:*",
        "more receptors than NEST's model has",
        refused(
            "NEST tells the two receptors of this model apart by the sign of the weight, and has "
            "no third",
            "two receptors; LIF takes any number with currents, AdEx with alpha or beta "
            "conductances",
        ),
        _has_too_many,
    ),
    Case(
        "neuron:equations",
        "those of the script of Izhikevich (2003), with dt = 1 ms",
        PASSES,
        _is_step_of_2003_in_time,
    ),
    Case(
        "neuron:equations",
        "those of the script of Izhikevich (2003), with another dt",
        refused(
            "NEST's izhikevich model takes V_m in two halves of a step, these equations in two "
            "halves of a millisecond",
            "dt = 1 ms",
        ),
        _is_step_of_2003,
    ),
    Case(
        "neuron:LIF/*",
        'reset="subtract"',
        refused("NEST resets V_m to V_reset, whatever went beyond V_th", 'reset="to"'),
        _subtracts,
    ),
    Case(
        "neuron:GIF/*",
        "t_ref = 0",
        refused("NEST resets V_m of gif models while they are refractory only", "t_ref >= dt"),
        _is_never_held,
    ),
    Case(
        "neuron:*",
        "Hodgkin-Huxley neurons with a V_th that is not on the way of every spike",
        refused(
            "NEST counts maxima of V_m above 0 mV, or above V_T + 30 mV in TraubMiles",
            "V_th from -20 to 20 mV, or from V_T + 20 mV to 20 mV in TraubMiles",
        ),
        _spikes_elsewhere,
    ),
    Case(
        "method:[er]*",  # those that these neurons take
        "a LIF neuron with currents or Delta, and another method than exact",
        approximated(
            "NEST advances it exactly", "the error of the chosen method, of its order in dt"
        ),
        _is_solved_exactly,
    ),
    Case(
        "method:[er]*",  # those that these neurons take
        "an Izhikevich neuron, and another method than euler",
        approximated(
            "NEST takes forward Euler steps", "an error of first order in dt of NEST's Euler steps"
        ),
        _is_izhikevich,
    ),
    Case(
        "method:euler",
        "another neuron than Izhikevich",
        _own_integrator("first order in dt of our Euler steps"),
        _is_no_izhikevich,
    ),
    Case(
        "method:exact",
        "a GIF neuron",
        _own_integrator("first order in dt of NEST's, which holds spike-triggered currents"),
        _has_escapes,
    ),
    Case(
        "synapse:static",
        "onto a Parrot, with a weight other than 1",
        refused(
            "parrot_neuron sends one spike for each that arrives, whatever its weight", "weight=1"
        ),
        _relays_other_than_one,
    ),
    Case(
        "synapse:release",
        "from a source",
        _NO_FAILURE,
        _comes_from_a_source,
    ),
    Case(
        "synapse:plastic",
        "a rule, or numbers of one, that no synapse of NEST has; axonal delays",
        refused(
            "none of NEST's synapses is this one",
            "STDP, TripletSTDP, InhibitorySTDP or TsodyksMarkram with a dendritic delay, w_min=0 "
            "and amplitudes above 0",
        ),
        lambda use: objection(use.subject.plasticity) is not None,
        lambda use: refused(*(objection(use.subject.plasticity) or ("", ""))),
    ),
    Case(
        "synapse:plastic",
        "from an Input",
        refused(
            "only neurons of NEST have plastic synapses, and a relay needs spikes one step before "
            "they are handed over",
            "SpikeTimes, or Poisson with RateSteps",
        ),
        _comes_from_an_input,
    ),
    Case(
        "synapse:plastic",
        "STDP of nearest or reduced pairs",
        approximated(
            "NEST's nearest-neighbour synapses take it that there was a presynaptic spike at t = 0",
            "a_plus exp(-t/tau_plus) for each postsynaptic spike at t before the first presynaptic "
            "one",
        ),
        lambda use: getattr(use.subject.plasticity, "pairing", "all") != "all",
    ),
    Case(
        "synapse:plastic",
        "InhibitorySTDP",
        approximated(
            "NEST bounds a weight twice at a presynaptic spike, before and after it shrinks",
            "2 eta rate tau for each presynaptic spike at which the weight is at its bound; "
            "nothing below it",
        ),
        lambda use: isinstance(use.subject.plasticity, InhibitorySTDP),
    ),
    Case(
        "record:weight",
        "of plastic synapses",
        refused(
            "NEST brings weights up to date at presynaptic spikes, each synapse at its own",
            "session.connections after a run, or backend='brian2'",
        ),
        _is_of_learning,
    ),
    Case(
        "record:state",
        "a state that NEST shows to no recorder",
        refused("no multimeter records this state from NEST's model", "V_m"),
        _is_not_recorded,
    ),
    Case(
        "record:mean",
        "a state that NEST shows to no recorder",
        refused("no multimeter records this state from NEST's model", "V_m"),
        _is_not_recorded,
    ),
)

CAPABILITIES = Capabilities(
    backend="nest",
    title="NEST, with those of its models that are the same as ours; each session empties NEST's "
    "kernel, of which a process has one",
    supports={**_neurons(), **_REST},
    cases=_CASES,
    script_cases=_SCRIPT_CASES,
    requires=(
        Requirement(distribution="nest-simulator", versions=VERSIONS, extra="nest", module="nest"),
    ),
    exports=True,
)
