"""What both backends on PyTorch can do; it is read without torch."""

from __future__ import annotations

from neurosim.capabilities import (
    PASSES,
    Capabilities,
    Requirement,
    approximated,
    refused,
)

PLASTIC = refused(
    "a module of trained weights has no rule by which spikes change them",
    "plasticity=None, or backend='cpu'",
)
"""Of rules that read more than spikes, too: there is none that would do here."""

SUPPORTS = {
    "neuron:Binary": refused(
        "a module advances all neurons together, and has no sweep of single updates",
        "backend='cpu'",
    ),
    "rule:PatternCoupling": refused(
        "a module has weights, not patterns", "backend='cpu', or FromMatrix with the weights"
    ),
    "session:weights": refused("synapses do not learn here", "backend='cpu'"),
    "session:learning": refused("synapses do not learn here", "backend='cpu'"),
    "synapse:plastic": PLASTIC,
    "synapse:following": PLASTIC,
    "synapse:stepwise": PLASTIC,
    "synapse:modulated": PLASTIC,
    "synapse:release": refused(
        "which synapses fail is drawn where spikes are delivered, and cannot be replayed",
        "release=1 with weights scaled by the probability, which keeps the mean",
    ),
    "synapse:sign": refused(
        "no rule here keeps weights from crossing 0", "bounds on one side of 0, or backend='cpu'"
    ),
    "drive:Poisson": PASSES,
    "drive:*": refused(
        "only Poisson drive comes without synapses",
        "a population with this source and a projection",
    ),
    "coupling:delay": refused(
        "a module keeps the present states of neurons, none of their past",
        "delay=None, or backend='cpu'",
    ),
    "initial:history": refused(
        "a module keeps the present states of neurons, none of their past",
        "a number, or backend='cpu'",
    ),
    "option:integrator": refused(
        "a module advances each population by itself",
        "integrator=None, or backend='cpu'",
    ),
    "option:fixed16": approximated("weights stay as wide as the states", "the rounding to 16 bits"),
    "*": PASSES,
}


def declaration(backend: str, title: str, library: Requirement) -> Capabilities:
    """Return what a backend on PyTorch declares."""
    return Capabilities(
        backend=backend,
        title=title,
        supports=SUPPORTS,
        requires=(
            library,
            Requirement(distribution="torch", versions=">=2.5", extra="torch", module="torch"),
        ),
    )
