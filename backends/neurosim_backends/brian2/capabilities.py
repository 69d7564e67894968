"""What Brian2 can do of what a network may ask for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

from neurosim.capabilities import (
    PASSES,
    Capabilities,
    Case,
    Requirement,
    Support,
    Use,
    approximated,
    learns_at_spikes_only,
    refused,
)
from neurosim.lower.values import realise_parameters
from neurosim_backends.brian2.draft_learning import is_out_of_order
from neurosim_backends.brian2.equations import (
    brian2_method,
    inexact,
    noise_numbers,
    rising,
    solved_together,
)
from neurosim_backends.brian2.stability import (
    blown_up,
    eigenvalues,
    growth,
    told,
)

REQUIRES = (
    Requirement(distribution="brian2", versions=">=2.9", extra="brian2", module="brian2"),
    Requirement(distribution="numpy", versions="<2.4", extra="brian2", beside="brian2<2.10"),
)


class _Equations:
    """What several cases ask of the equations of one population, each worked out once."""

    def __init__(self, use: Use) -> None:
        self.subject = use.subject
        self._seed = use.seed

    @cached_property
    def spec(self) -> Any:
        return self.subject.model.neuron_model().spec()

    @cached_property
    def parameters(self) -> Any:
        return realise_parameters(self.subject, self._seed)

    @cached_property
    def method(self) -> str:
        return brian2_method(self.spec, self.parameters)

    @cached_property
    def rates(self) -> Any:
        return eigenvalues(self.spec, self.parameters)


_KNOWN: dict[tuple[int, int], _Equations] = {}
"""Of the last populations; each is kept with its equations, so that its id stays its own."""

MOST_KNOWN = 4
"""Populations are judged one after another."""


def _equations(use: Use) -> _Equations:
    key = (id(use.subject), use.seed)
    if key not in _KNOWN:
        if len(_KNOWN) >= MOST_KNOWN:
            _KNOWN.clear()
        _KNOWN[key] = _Equations(use)
    return _KNOWN[key]


def _spec(use: Use) -> Any:
    return _equations(use).spec


def _is_noisy(use: Use) -> bool:
    return bool(_spec(use).noise)


def _blows_up(use: Use) -> bool:
    e = _equations(use)
    return e.method != "exact" and blown_up(e.method, e.rates, use.dt) is not None


def _refused_here(use: Use) -> Support:
    e = _equations(use)
    why, ways = growth(e.method, e.rates, use.dt)
    return refused(why, " or ".join([*ways, *(["method='heun'"] if _is_noisy(use) else [])]))


def _in_numbers(support: Support) -> Callable[[Use], Support]:
    """Return what is said of a method that takes the place of the exact step in one population."""

    def here(use: Use) -> Support:
        e = _equations(use)
        return replace(support, bound=f"{support.bound}: {told(e.method, e.rates, use.dt)}")

    return here


def _shares_noise(use: Use) -> bool:
    spec = _spec(use)
    return bool(spec.noise) and not noise_numbers(spec)


def _has_no_closed_form(use: Use) -> bool:
    return bool(inexact(_spec(use), _equations(use).parameters))


def _has_closed_synapses(use: Use) -> bool:
    spec, parameters = _spec(use), _equations(use).parameters
    return rising(spec) == solved_together(spec, parameters)


EULER = approximated(
    "Brian2 has no exact step for noise: advanced by its euler (Euler-Maruyama)",
    "about |lambda| dt/2 of every change in a step, lambda being the eigenvalue of the equations "
    "that is largest in modulus",
)
RUNGE_KUTTA = approximated(
    "Brian2's exact has no form of these equations: advanced by its rk4",
    "about (|lambda| dt)^4/120 of every change in a step, lambda being the eigenvalue of the "
    "equations that is largest in modulus",
)


def _rule(use: Use) -> Any:
    return use.subject.plasticity.plasticity_rule().program


def _waits_for_signals(use: Use) -> bool:
    return bool(_rule(use).on_signal)


def _is_of_rates(use: Use) -> bool:
    return bool(_rule(use).continuous)


def _relays(view: Any) -> bool:
    """Whether some neurons of a view may emit several spikes in a step."""
    models = [population.model for population, _ in view.segments]
    neurons = [model for model in models if not getattr(model, "is_source", False)]
    return any(model.neuron_model().spec().multiplicity is not None for model in neurons)


def _is_of_relays(use: Use) -> bool:
    if _rule(use).continuous:
        return False
    return _relays(use.subject.pre) or (_rule(use).reads_post and _relays(use.subject.post))


CASES = (
    Case(
        "synapse:plastic",
        "with a rule for continuous coupling",
        refused(
            "what couples states is a summed variable of Brian2, whose weights this backend holds "
            "constant",
            "plasticity=None, or backend='cpu'",
        ),
        _is_of_rates,
    ),
    Case(
        "synapse:plastic",
        "with a rule that waits for signals (on_signal)",
        refused(
            "synapses of Brian2 do something at spikes or in every step, not when they are told to",
            "a rule without on_signal, or backend='cpu'",
        ),
        _waits_for_signals,
    ),
    Case(
        "synapse:plastic",
        "of neurons that emit several spikes in a step (Parrot)",
        refused(
            "Brian2 has one event of a neuron in a step, and a rule acts once on each",
            "projections from the sources of the relay",
        ),
        _is_of_relays,
    ),
    Case(
        "method:exact",
        "with several noises in one variable",
        refused("Brian2 has no exact step for noise", "method='euler', which draws each noise"),
        _shares_noise,
    ),
    Case(
        "method:exact",
        "with noise or without a closed form, and a time step at which Brian2's euler or rk4 makes "
        "grow what should decay or last",
        refused(
            "Brian2 has no exact step of these equations, and the step it has multiplies a mode "
            "that should decay or last by more than 1, such as |1 + lambda dt|",
            "a smaller dt, or method='heun' with noise",
        ),
        _blows_up,
        _refused_here,
    ),
    Case("method:exact", "with noise", EULER, _is_noisy, _in_numbers(EULER)),
    Case(
        "method:exact",
        "with a variable that does not decay, that reads one that is held, with variables that act "
        "on each other, or with equal time constants",
        RUNGE_KUTTA,
        _has_no_closed_form,
        _in_numbers(RUNGE_KUTTA),
    ),
    Case(
        "method:exponential_euler",
        "with synapses that rise (alpha, beta, NMDA) in times that are equal",
        approximated(
            "Brian2's exact has no form of these synapses, and its exponential_euler holds the "
            "variable that drives a conductance over the step",
            "about dt/(2 rise) of the charge of a spike",
        ),
        lambda use: not _has_closed_synapses(use),
    ),
    Case(
        "method:milstein",
        "always",
        approximated(
            "Brian2's milstein solves the Stratonovich equation: it is given the drift with which "
            "that is our Ito equation, f - b b'/2",
            "about b' f dt^(3/2)/2 in a step, where f is the drift",
        ),
    ),
)


def _is_onto_a_pulse(use: Use) -> bool:
    if _is_of_rates(use):
        return False
    specs = [p.model.neuron_model().spec() for p, _ in use.subject.post.segments]
    name = use.subject.receptor
    return any(r.kind == "pulse" for spec in specs for r in spec.receptors if r.name == name)


def _is_multiplicative(use: Use) -> bool:
    return bool(use.subject.model.neuron_model().noise == "multiplicative")


def _is_too_frequent(use: Use) -> bool:
    rate = use.subject.model.rate
    return bool(np.max(getattr(rate, "rates", rate)) * 1e-3 * use.dt >= 1)


HELD = approximated(
    "Brian2's exponential_euler holds over a step what drives a synapse that rises (alpha, beta, "
    "NMDA), which ours solves exactly",
    "about dt/(2 rise) of the charge of a spike",
)
_ITO = refused(
    "Brian2 takes noise that is multiplied by a state in the sense of Stratonovich, this method in "
    "Ito's",
    "method='heun', with the equation in that sense",
)
_NO_GENERATOR = refused(
    "a script of Brian2 has no generator of this kind",
    "ns.Poisson, or ns.SpikeTimes with trains drawn beforehand",
)
_NOT_LATER = "a script has no session that hands it anything while it runs"

SCRIPT_CASES = (
    Case("source:Input*", "", refused(_NOT_LATER, "ns.SpikeTimes, or net.inject")),
    Case("coupling:injected", "", refused(_NOT_LATER, "net.inject")),
    Case("coupling:given", "", refused(_NOT_LATER, "a constant input of the model")),
    Case("source:GammaProcess", "", _NO_GENERATOR),
    Case("source:CorrelatedPoisson", "", _NO_GENERATOR),
    Case(
        "source:Poisson",
        "of a rate of 1/dt or above",
        refused(
            "a neuron of Brian2's PoissonGroup fires once in a step at most",
            "net.drive with this source, or more neurons of a lower rate",
        ),
        lambda use: use.feature == "source:Poisson" and _is_too_frequent(use),
    ),
    Case(
        "mechanism:multiplicity", "",
        refused("a neuron of a Brian2 script fires once in a step", "projections from its sources"),
    ),
    Case("method:exact", "with noise", EULER, lambda use: _is_noisy(use) and not _blows_up(use),
         _in_numbers(EULER)),
    Case("method:euler", "with multiplicative noise", _ITO, _is_multiplicative),
    Case("method:milstein", "with multiplicative noise", _ITO, _is_multiplicative),
    Case("method:milstein", "with additive noise", PASSES),
    Case(
        "method:exponential_euler", "with synapses that rise (alpha, beta, NMDA)",
        HELD, lambda use: bool(rising(_spec(use))),
    ),
    Case("synapse:release", "", PASSES),
    Case(
        "synapse:plastic",
        "onto a Pulse",
        refused(
            "a pulse is read one step after its arrival, which a rule would have to know of",
            "Delta or ExpCurrent",
        ),
        _is_onto_a_pulse,
    ),
    Case(
        "synapse:plastic",
        "coincidence='none', and a synapse that reads a trace after it was changed",
        refused(
            "a script has lines for what synapses do and others, later in the step, for traces; "
            "here a synapse reads a trace that a line above it has changed",
            "coincidence='both', or the statements in another order",
        ),
        lambda use: is_out_of_order(use.subject.plasticity.plasticity_rule()),
    ),
    Case(
        "option:trial", "",
        refused("a script has one seed for its wiring and its noise", "Network(seed=)"),
    ),
)  # fmt: skip
"""What is otherwise in a script: Brian2 draws everything, and nothing is handed over."""

RUNTIME = Capabilities(
    backend="brian2",
    title="Brian2 in this process: its state updaters on our equations, what is random replayed",
    supports={
        "neuron:Binary": refused(
            "Brian2 advances all neurons together, and has no sweep of single updates",
            "backend='cpu'",
        ),
        "rule:PatternCoupling": refused(
            "Brian2 stores weights, not patterns", "backend='cpu', or FromMatrix with the weights"
        ),
        "synapse:release": refused(
            "which synapses fail is drawn where spikes are delivered, and cannot be replayed",
            "release=1 with weights scaled by the probability, which keeps the mean; or a script "
            "(ns.export), which draws failures by itself",
        ),
        **learns_at_spikes_only(),
        "synapse:sign": refused(
            "no rule here keeps weights from crossing 0",
            "bounds on one side of 0, or backend='cpu'",
        ),
        "drive:Poisson": PASSES,
        "drive:*": refused(
            "only Poisson drive comes without synapses",
            "a population with this source and a projection",
        ),
        "coupling:function": refused(
            "functions of both sides are not written for Brian2 yet",
            "the name of a state as source, or backend='cpu'",
        ),
        "method:semi_implicit": refused(
            "Brian2 has no semi-implicit state updater", "method='exponential_euler'"
        ),
        "coupling:delay": refused(
            "a summed variable of Brian2 reads the present value of a state, none of its past",
            "delay=None, or backend='cpu'",
        ),
        "initial:history": refused(
            "Brian2 keeps the present value of a state, none of its past",
            "a number, or backend='cpu'",
        ),
        "option:integrator": refused(
            "Brian2's state updaters advance each group of neurons by itself",
            "integrator=None, or backend='cpu'",
        ),
        "session:learning": refused(
            "plastic synapses learn by their rule alone: nothing sets, holds or rewards them",
            "backend='cpu'",
        ),
        "option:fixed16": approximated("weights stay 64 bits wide", "the rounding to 16 bits"),
        "*": PASSES,
    },
    cases=CASES,
    script_cases=SCRIPT_CASES,
    requires=REQUIRES,
    exports=True,
)

STANDALONE = replace(
    RUNTIME,
    backend="brian2_cpp",
    title="Brian2 as a C++ program, written, compiled and run in a temporary folder",
    exports=False,
    script_cases=(),
    costly="the first run of a session compiles a program, about a minute on two cores whatever "
    "the network; running on compiles what changed of it, in seconds; only Brian2's solutions of "
    "equations are kept for the next session",
)
