"""What Brian2 can do of what a network may ask for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from neurosim.capabilities import (
    PASSES,
    Capabilities,
    Case,
    Requirement,
    Use,
    approximated,
    refused,
)
from neurosim.lower.values import realise_parameters
from neurosim_backends.brian2.equations import (
    inexact,
    noise_numbers,
    rising,
    solved_together,
)

REQUIRES = (
    Requirement(distribution="brian2", versions=">=2.9", extra="brian2", module="brian2"),
    Requirement(distribution="numpy", versions="<2.4", extra="brian2", beside="brian2<2.10"),
)


def _spec(use: Use) -> Any:
    return use.subject.model.neuron_model().spec()


def _is_noisy(use: Use) -> bool:
    return bool(_spec(use).noise)


def _shares_noise(use: Use) -> bool:
    spec = _spec(use)
    return bool(spec.noise) and not noise_numbers(spec)


def _has_no_closed_form(use: Use) -> bool:
    return bool(inexact(_spec(use), realise_parameters(use.subject, 0)))


def _has_closed_synapses(use: Use) -> bool:
    spec, parameters = _spec(use), realise_parameters(use.subject, 0)
    return rising(spec) == solved_together(spec, parameters)


CASES = (
    Case(
        "method:exact",
        "with several noises in one variable",
        _shares_noise,
        refused("Brian2 has no exact step for noise", "method='euler', which draws each noise"),
    ),
    Case(
        "method:exact",
        "with noise",
        _is_noisy,
        approximated(
            "Brian2 has no exact step for noise: advanced by its euler (Euler-Maruyama) with the "
            "same noise",
            "about dt/(2 tau) of every change in a step, tau being the time constant",
        ),
    ),
    Case(
        "method:exact",
        "with a variable that does not decay, that reads one that is held, with variables that act "
        "on each other, or with equal time constants",
        _has_no_closed_form,
        approximated(
            "Brian2's exact has no form of these equations: advanced by its rk4",
            "about (dt/tau)^5/120 of every change in a step, tau being the time constant",
        ),
    ),
    Case(
        "method:exponential_euler",
        "with synapses that rise (alpha, beta, NMDA) in times that are equal",
        lambda use: not _has_closed_synapses(use),
        approximated(
            "Brian2's exact has no form of these synapses, and its exponential_euler holds the "
            "variable that drives a conductance over the step",
            "about dt/(2 rise) of the charge of a spike",
        ),
    ),
    Case(
        "method:milstein",
        "always",
        lambda use: True,
        approximated(
            "Brian2's milstein solves the Stratonovich equation: it is given the drift with which "
            "that is our Ito equation, f - b b'/2",
            "about b' f dt^(3/2)/2 in a step, where f is the drift",
        ),
    ),
)

RUNTIME = Capabilities(
    backend="brian2",
    title="Brian2 in this process: its state updaters on our equations, what is random replayed",
    supports={
        "synapse:release": refused(
            "which synapses fail is drawn where spikes are delivered, and cannot be replayed",
            "release=1 with weights scaled by the probability",
        ),
        "drive:Poisson": PASSES,
        "drive:*": refused(
            "only Poisson drive comes without synapses",
            "a population with this source and a projection",
        ),
        "option:fixed16": approximated("weights stay 64 bits wide", "the rounding to 16 bits"),
        "*": PASSES,
    },
    cases=CASES,
    requires=REQUIRES,
    exports=True,
)

STANDALONE = replace(
    RUNTIME,
    backend="brian2_cpp",
    title="Brian2 as a C++ program, written, compiled and run in a temporary folder",
    exports=False,
    costly=True,
)
