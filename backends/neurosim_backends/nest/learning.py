"""Our plasticity rules and the synapses of NEST that are the same.

A synapse of NEST keeps the presynaptic trace; the postsynaptic one stands in the neuron (tau_minus)
and serves all synapses onto it. Delays are dendritic, and spikes of both sides that meet at the
synapse do not see each other. Weights are brought up to date at presynaptic spikes: what a spike
carries is always right, what is read in between lacks the postsynaptic spikes since the last one.

Sources: the model pages of NEST 3.10 and the files models/stdp_*.h, models/tsodyks2_synapse.h and
models/vogels_sprekeler_synapse.h of that release; tests/conformance and tests/plasticity compare.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from neurosim.describe.learning import (
    STDP,
    InhibitorySTDP,
    RewardModulatedSTDP,
    TripletSTDP,
    TsodyksMarkram,
)

STDP_MODELS: Mapping[str, str] = {
    "all": "stdp_synapse", "nearest": "stdp_nn_symm_synapse", "reduced": "stdp_nn_restr_synapse",
}  # fmt: skip
"""By the pairing of the rule."""

Objection = tuple[str, str]
"""(why NEST has no such synapse, the nearest that works)."""

_ELSEWHERE = "backend='brian2' or 'cpu'"


@dataclass(frozen=True, slots=True)
class Synapse:
    """A rule in NEST.

    Attributes
    ----------
    model : str
    parameters : mapping
        Of the synapse.
    largest : float or None
        Wmax, in our unit of weights: it is scaled as weights are.
    of_neuron : mapping
        Of the postsynaptic neurons.
    """

    model: str
    parameters: Mapping[str, float]
    largest: float | None = None
    of_neuron: Mapping[str, float] = field(default_factory=dict)


def synapse_of(rule: Any) -> Synapse:
    """Return what a rule without objections is in NEST."""
    match rule:
        case STDP():
            rate = rule.a_plus / rule.w_max
            given = {
                "tau_plus": rule.tau_plus, "lambda": rate, "alpha": rule.a_minus / rule.a_plus,
                "mu_plus": rule.mu_plus, "mu_minus": rule.mu_minus,
            }  # fmt: skip
            return Synapse(
                STDP_MODELS[rule.pairing], given, rule.w_max, {"tau_minus": rule.tau_minus}
            )
        case TripletSTDP():
            given = {
                "tau_plus": rule.tau_plus, "tau_plus_triplet": rule.tau_x, "Aplus": rule.a2_plus,
                "Aminus": rule.a2_minus, "Aplus_triplet": rule.a3_plus,
                "Aminus_triplet": rule.a3_minus,
            }  # fmt: skip
            traces = {"tau_minus": rule.tau_minus, "tau_minus_triplet": rule.tau_y}
            return Synapse("stdp_triplet_synapse", given, rule.w_max, traces)
        case InhibitorySTDP():
            given = {
                "tau": rule.tau, "eta": abs(rule.eta), "alpha": 2 * rule.rate * 1e-3 * rule.tau,
            }  # fmt: skip
            largest = rule.w_max if rule.eta > 0 else rule.w_min
            return Synapse("vogels_sprekeler_synapse", given, largest, {"tau_minus": rule.tau})
        case _:
            given = {
                "U": rule.U, "u": rule.U, "x": 1.0, "tau_rec": rule.tau_rec,
                "tau_fac": rule.tau_facil,
            }  # fmt: skip
            return Synapse("tsodyks2_synapse", given)


def objection(rule: Any) -> Objection | None:
    """Return why NEST has no synapse of a rule, and the nearest that works; None if it has one."""
    if isinstance(rule, TsodyksMarkram):
        return None
    if isinstance(rule, RewardModulatedSTDP):
        return (
            "NEST's stdp_dopamine_synapse is another rule: spikes of a population raise a "
            "concentration that decays, here rewards come at single moments",
            "STDP, or backend='cpu'",
        )
    if not isinstance(rule, (STDP, TripletSTDP, InhibitorySTDP)):
        return (
            "NEST has compiled rules only, and none of its synapses is this one",
            f"STDP, TripletSTDP, InhibitorySTDP or TsodyksMarkram, or {_ELSEWHERE}",
        )
    if rule.delay != "dendritic" or rule.coincidence != "none":
        return (
            "NEST reads delays as dendritic, and spikes of both sides that meet at a synapse do "
            "not see each other",
            f"delay='dendritic' and coincidence='none', or {_ELSEWHERE}",
        )
    return _of_numbers(rule)


def _of_numbers(rule: Any) -> Objection | None:
    if isinstance(rule, InhibitorySTDP):
        positive = rule.eta > 0 and rule.w_min == 0
        negative = rule.eta < 0 and rule.w_max == 0
        if positive or negative:
            return None
        return (
            "NEST's vogels_sprekeler_synapse keeps weights between 0 and Wmax, of either sign",
            "w_min=0 and eta above 0, or w_max=0 and eta below 0",
        )
    if rule.w_min != 0:
        return "NEST's synapses keep weights between 0 and Wmax", "w_min=0"
    if isinstance(rule, TripletSTDP):
        if rule.pairing != "all":
            return "NEST's stdp_triplet_synapse counts all pairs", "pairing='all'"
        if min(rule.a2_plus, rule.a2_minus, rule.a3_plus, rule.a3_minus) < 0:
            return "NEST bounds what grows above and what shrinks below only", "amplitudes above 0"
        return None
    if not (rule.a_plus > 0 and rule.a_minus >= 0):
        return (
            "NEST's synapses measure depression by potentiation (alpha), and bound what grows "
            "above and what shrinks below only",
            f"a_plus above 0 and a_minus of at least 0, or {_ELSEWHERE}",
        )
    return None
