"""Our plasticity rules and the synapses of PyNN that are the same.

PyNN makes a rule of pairs out of two parts: how much times count (SpikePairRule), and how the
weight counts. Amplitudes are relative to w_max. PyNN's NEST reads delays as dendritic.

Source: pyNN/standardmodels/synapses.py of PyNN 0.13; Morrison, Diesmann & Gerstner (2008), Biol.
Cybern. 98:459, for the rules themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from neurosim.describe.learning import STDP, TsodyksMarkram
from neurosim_backends.nest.learning import objection as objection_of_nest

DEPENDENCES: Mapping[tuple[float, float], str] = {
    (0.0, 0.0): "AdditiveWeightDependence",
    (1.0, 1.0): "MultiplicativeWeightDependence",
    (0.0, 1.0): "AdditivePotentiationMultiplicativeDepression",
}
"""Exponents (mu_plus, mu_minus) -> PyNN's name."""


@dataclass(frozen=True, slots=True)
class Mechanism:
    """STDP in PyNN.

    Attributes
    ----------
    timing : mapping
        Parameters of SpikePairRule.
    dependence : str
        Class of the weight dependence.
    w_max : float
        In our unit of weights.
    """

    timing: Mapping[str, float]
    dependence: str
    w_max: float


def mechanism_of(rule: STDP) -> Mechanism:
    """Return what a rule without objections is in PyNN."""
    timing = {
        "tau_plus": rule.tau_plus, "tau_minus": rule.tau_minus,
        "A_plus": rule.a_plus / rule.w_max, "A_minus": rule.a_minus / rule.w_max,
    }  # fmt: skip
    return Mechanism(timing, DEPENDENCES[rule.mu_plus, rule.mu_minus], rule.w_max)


def objection(rule: Any) -> tuple[str, str] | None:
    """Return why PyNN has no synapse of a rule, and the nearest that works; None if it has one."""
    if isinstance(rule, TsodyksMarkram):
        return None
    if not isinstance(rule, STDP):
        return (
            "PyNN's standard synapses are STDP of pairs and TsodyksMarkramSynapse",
            "STDP or TsodyksMarkram, or backend='nest'",
        )
    if rule.pairing != "all":
        return "PyNN's SpikePairRule counts all pairs", "pairing='all', or backend='nest'"
    if (rule.mu_plus, rule.mu_minus) not in DEPENDENCES:
        return (
            "PyNN's weight dependences that reach NEST are additive, multiplicative, and additive "
            "with multiplicative depression; its GutigWeightDependence loses its exponents",
            "mu_plus and mu_minus of 0 and 0, 1 and 1, or 0 and 1, or backend='nest'",
        )
    return objection_of_nest(rule)
