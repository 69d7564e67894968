"""What SpiNNaker has a form of, as data: the standard models of PyNN that sPyNNaker brings."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from neurosim.capabilities import (
    PASSES,
    Capabilities,
    Case,
    Support,
    learns_at_spikes_only,
    refused,
)
from neurosim.features import Use

MODELS: Mapping[str, str] = {
    "neuron:LIF/ExpCurrent": "IF_curr_exp",
    "neuron:LIF/none": "IF_curr_exp",
    "neuron:LIF/AlphaCurrent": "IF_curr_alpha",
    "neuron:LIF/ExpConductance": "IF_cond_exp",
    "neuron:LIF/Delta": "IF_curr_delta",
    "neuron:Izhikevich/ExpCurrent": "Izhikevich",
    "neuron:Izhikevich/none": "Izhikevich",
}
"""Our models -> those of PyNN that are the same."""

NO_FORM = refused(
    "sPyNNaker has no standard model of it",
    "LIF with ExpCurrent, AlphaCurrent, ExpConductance or Delta, or Izhikevich with ExpCurrent",
)

SUPPORTS: Mapping[str, Support] = {
    **dict.fromkeys(MODELS, PASSES),
    "neuron:*": NO_FORM,
    "receptor:*": PASSES,
    "mechanism:refractoriness*": PASSES,
    "mechanism:*": refused("its models draw no random numbers", "a Poisson source"),
    "method:*": PASSES,
    "parameter:*": PASSES,
    "initial:*": PASSES,
    "source:Poisson": PASSES,
    "source:SpikeTimes": PASSES,
    "source:*": refused("sPyNNaker has sources of Poisson and of given spikes", "SpikeTimes"),
    "drive:Poisson": PASSES,
    "drive:*": refused(
        "only Poisson drive comes without a population", "a population of this source"
    ),
    "current:*": PASSES,
    "rule:PatternCoupling": refused("a chip has weights, not patterns", "FromMatrix"),
    "rule:*": PASSES,
    "view:*": PASSES,
    "weight:*": PASSES,
    "delay:*": PASSES,
    "synapse:release": refused("its static synapses are reliable", "release=1"),
    **learns_at_spikes_only(),
    "synapse:plastic": refused(
        "rows and cores of plastic synapses are not counted here", "plasticity=None"
    ),
    "synapse:*": PASSES,
    "coupling:*": refused("neurons of SpiNNaker exchange spikes only", "synapses"),
    "record:*": PASSES,
    "option:*": PASSES,
    "session:weights": refused("synapses do not learn here", "backend='cpu'"),
    "session:learning": refused("synapses do not learn here", "backend='cpu'"),
    "session:*": PASSES,
}


def _does_not_reset(use: Use) -> bool:
    return getattr(use.subject.model, "reset", "to") not in ("to", "zero")


def _has_another_threshold(use: Use) -> bool:
    return bool(np.any(np.asarray(use.subject.parameters.get("V_th")) != 30.0))


def _has_many_receptors(use: Use) -> bool:
    synapses = getattr(use.subject.model, "synapses", None)
    names = [] if synapses is None else [name for name, _ in synapses.named]
    return len(names) > 1 and set(names) != {"exc", "inh"}


CASES = (
    Case(
        "neuron:*", "receptors other than exc and inh, or a single one",
        refused("its standard models have an excitatory and an inhibitory receptor", "these two"),
        _has_many_receptors,
    ),
    Case(
        "neuron:LIF/*", 'reset="subtract"',
        refused("its neurons are reset to v_reset", 'reset="to"'), _does_not_reset,
    ),
    Case(
        "neuron:Izhikevich/*", "V_th other than 30 mV",
        refused("its Izhikevich neurons fire at 30 mV", "V_th=30"), _has_another_threshold,
    ),
)  # fmt: skip

CAPABILITIES = Capabilities(
    backend="spinnaker",
    title="SpiNNaker through sPyNNaker: placed, not run",
    supports=SUPPORTS,
    cases=CASES,
)
