"""What PyNN can do, as data: its standard cells, and otherwise what its NEST can."""

from __future__ import annotations

from typing import Any

import numpy as np

from neurosim.capabilities import (
    Capabilities,
    Case,
    Requirement,
    Support,
    approximated,
    refused,
)
from neurosim.describe.learning import TsodyksMarkram
from neurosim.features import Use
from neurosim_backends.nest.declared import CAPABILITIES as NEST
from neurosim_backends.nest.published import receptors_of
from neurosim_backends.pynn.cells import CELLS, HELD
from neurosim_backends.pynn.learning import objection

VERSIONS = ">=0.13"
"""Of PyNN, the first that works with NEST 3.10."""

NO_FORM = refused(
    "PyNN has no standard cell of it",
    "LIF with ExpCurrent, AlphaCurrent, Delta, ExpConductance or AlphaConductance; AdEx or "
    "ExponentialIF with conductances; TraubMiles with ExpConductance; Izhikevich with Delta",
)
RELAY = refused("PyNN has no relay among its standard cells", "a LIF neuron, or backend='nest'")


def _supports() -> dict[str, Support]:
    found = {key: cell.row.support for cell in CELLS for key in cell.keys}
    found |= {"neuron:Parrot/none": RELAY, "neuron:*": NO_FORM}
    return found | {k: v for k, v in NEST.supports.items() if not k.startswith("neuron:")}


# --- exceptions -----------------------------------------------------------------------------------


def _has_too_many(use: Use) -> bool:
    return len(receptors_of(use.subject.model)) > 2


def _is_held_otherwise(use: Use) -> bool:
    t_ref = use.subject.model.t_ref
    return not isinstance(t_ref, (float, np.ndarray)) or bool(np.any(np.asarray(t_ref) != HELD))


def _fires_elsewhere(use: Use) -> bool:
    return bool(np.any(np.asarray(use.subject.parameters.get("V_th")) != 30.0))


def _rule(use: Use) -> Any:
    return use.subject.plasticity


def _comes_from_an_input(use: Use) -> bool:
    return any(type(p.model).__name__ == "Input" for p, _ in use.subject.pre.segments)


def _has_no_time(use: Use) -> bool:
    """Whether a receptor of its targets has no time constant, which PyNN's NEST asks for."""
    kinds = {
        kind for p, _ in use.subject.post.segments for kind in receptors_of(p.model).values()
    }  # fmt: skip
    return isinstance(_rule(use), TsodyksMarkram) and bool(kinds & {"Delta", "Pulse"})


_CASES = (
    Case(
        "neuron:*", "more than two receptors",
        refused("PyNN's standard cells have an excitatory and an inhibitory receptor, and no "
                "third", "two receptors, or backend='nest'"),
        _has_too_many,
    ),
    Case(
        "neuron:TraubMiles/*", f"t_ref other than {HELD:g} ms",
        refused(f"PyNN's HH_cond_exp has no refractory time, and its NEST takes {HELD:g} ms",
                f"t_ref={HELD:g}, or backend='nest'"),
        _is_held_otherwise,
    ),
    Case(
        "neuron:Izhikevich/*", "V_th other than 30 mV",
        refused("PyNN's Izhikevich neurons fire at 30 mV", "V_th=30, or backend='nest'"),
        _fires_elsewhere,
    ),
    Case("synapse:plastic", "from an Input", refused(
        "PyNN's SpikeSourceArray needs spikes one step before they are handed over",
        "SpikeTimes, or Poisson with RateSteps"), _comes_from_an_input),
    Case(
        "synapse:plastic", "a rule, or numbers of one, that no synapse of PyNN has; axonal delays",
        refused("none of PyNN's synapses is this one", "STDP of all pairs or TsodyksMarkram with a "
                "dendritic delay, w_min=0 and amplitudes above 0"),
        lambda use: objection(_rule(use)) is not None,
        lambda use: refused(*(objection(_rule(use)) or ("", ""))),
    ),
    Case(
        "synapse:plastic", "TsodyksMarkram onto Delta or Pulse",
        refused("PyNN's NEST takes the time constant of the receptor, which jumps have none of",
                "ExpCurrent, or backend='nest'"),
        _has_no_time,
    ),
    Case(
        "synapse:plastic", "TsodyksMarkram",
        approximated("PyNN's NEST (tsodyks_synapse) keeps what a spike released from recovering "
                     "while its current lasts (tau_syn)",
                     "about tau_syn/tau_rec of what has recovered in between"),
        lambda use: isinstance(_rule(use), TsodyksMarkram),
    ),
)  # fmt: skip

_OF_OTHERS = ("neuron:equations", "neuron:GIF/*", "synapse:plastic", "synapse:static")
"""Cases of NEST that are told otherwise here, or do not arise."""

_NO_INPUT = refused("a script has no session that hands it anything while it runs", "SpikeTimes")

_SCRIPT_CASES = (
    Case("source:Input*", "", _NO_INPUT),
    Case("coupling:injected", "",
         refused("a script has no session that hands it anything while it runs",
                 "net.inject with a StepCurrent")),
    Case("neuron:Izhikevich/*", "",
         refused("PyNN's simulators read its currents in different units, and those of SpiNNaker "
                 "have synaptic currents where those of NEST jump",
                 "LIF, or a run on the backend 'pynn'")),
    Case("neuron:TraubMiles/*", "",
         refused("PyNN's simulators start its gates differently, and hold it for different times",
                 "AdEx, or a run on the backend 'pynn'")),
    Case("neuron:LIF/*Pulse*", "",
         refused("a script has no words for currents of one step", "Delta")),
    Case("source:GammaProcess", "",
         refused("PyNN's SpikeSourceGamma is on NEST only", "Poisson, or SpikeTimes")),
    Case("source:CorrelatedPoisson", "",
         refused("PyNN has no such source", "Poisson, or SpikeTimes with trains drawn beforehand")),
    Case("source:RateSteps", "",
         refused("a Poisson source of PyNN has one rate", "several sources, or SpikeTimes")),
    Case("current:NoiseCurrent", "with a correlation time (tau)",
         refused("PyNN's NoisyCurrentSource draws every value by itself", "tau left out"),
         lambda use: use.subject.current.tau is not None),
    Case("current:ConstantCurrent", "drawn from a distribution", refused(
        "a script has no words for drawn currents", "one number, or one for each neuron"),
        lambda use: not isinstance(use.subject.current.amplitude, (float, np.ndarray))),
    Case("source:SpikeTimes", "with a spike in the first step",
         approximated("PyNN's NEST sends nothing before the second step: spikes of the first are "
                      "sent in the second", "one step in the time of such a spike"),
         lambda use: any(bool(np.any(np.asarray(t) < 1.5 * use.dt))
                         for t in use.subject.model.trains)),
    Case("synapse:release", "",
         refused("SpiNNaker has no synapses that fail", "release=1")),
    Case("option:trial", "",
         refused("a script has one seed for its wiring and its noise", "Network(seed=)")),
)  # fmt: skip
"""What is otherwise in a script, which is for every simulator of PyNN."""

CAPABILITIES = Capabilities(
    backend="pynn",
    title="PyNN on its NEST: standard cells, connections and learning made by PyNN, our random "
    "numbers sent in; each session empties NEST's kernel, of which a process has one",
    supports=_supports(),
    cases=(*_CASES, *(case for case in NEST.cases if case.feature not in _OF_OTHERS)),
    script_cases=_SCRIPT_CASES,
    requires=(
        Requirement(distribution="PyNN", versions=VERSIONS, extra="pynn", module="pyNN"),
        *NEST.requires,
    ),
    exports=True,
)
