"""What Loihi's integers can do, as data; the same for our own core of them and for Lava."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from neurosim.capabilities import (
    PASSES,
    Capabilities,
    Case,
    Support,
    approximated,
    learns_at_spikes_only,
    refused,
)
from neurosim.describe.distributions import Distribution, FunctionOfDistance
from neurosim.describe.rules import OneToOne
from neurosim.features import Use
from neurosim_backends.loihi.chip import MOST_SLOTS
from neurosim_backends.loihi.learning import ONE_SIGN, stdp_of

INTEGERS = approximated(
    "computed in Loihi's integers: decays in parts of 4096, weights of 8 bits with an exponent, "
    "states of 24 bits",
    "what is told of each number below",
)
NO_SUCH_NEURON = refused(
    "compartments of Loihi are integrate-and-fire neurons with one exponential current, or none",
    "LIF or PerfectIntegrator with ExpCurrent, Delta or Pulse",
)
NOT_HELD = refused(
    "Lava's fixed-point neurons are not held after a spike",
    "t_ref=0",
    if_asked="neurons are not held: t_ref counts as 0",
)
PER_NEURON = ("I_e", "t_ref", "bias")
"""Parameters that are in no register that a core shares: the bias, and what nothing is made of."""

SUPPORTS: Mapping[str, Support] = {
    **{
        f"neuron:{neuron}/{kind}": INTEGERS
        for neuron in ("LIF", "PerfectIntegrator")
        for kind in ("ExpCurrent", "Delta", "Pulse", "none")
    },
    "neuron:SigmaDelta/none": approximated(
        "Lava's SigmaDelta, or Delta where numbers are handed over: messages and sums are whole "
        "numbers",
        "what is told of each number below",
    ),
    "neuron:*": NO_SUCH_NEURON,
    "receptor:*": PASSES,
    "mechanism:refractoriness*": NOT_HELD,
    "mechanism:*": refused("compartments draw no random numbers here", "a Poisson source"),
    "method:*": PASSES,
    "parameter:*": PASSES,
    "initial:history": refused("the chip has no continuous coupling", "a number, or backend='cpu'"),
    "initial:*": PASSES,
    "source:*": PASSES,
    "drive:Poisson": PASSES,
    "drive:*": refused(
        "only Poisson drive comes without synapses",
        "a population with this source and a projection",
    ),
    "current:ConstantCurrent": PASSES,
    "current:*": refused(
        "a compartment has one constant bias, and takes spikes", "a ConstantCurrent, or spikes"
    ),
    "rule:PatternCoupling": refused(
        "a chip has weights, not patterns", "FromMatrix with the weights"
    ),
    "rule:*": PASSES,
    "view:*": PASSES,
    "weight:*": PASSES,
    "delay:*": PASSES,
    "synapse:release": refused(
        "synapses of Loihi are reliable",
        "release=1 with weights scaled by the probability, which keeps the mean",
    ),
    **learns_at_spikes_only(),
    "synapse:sign": refused(
        "no rule here keeps weights from crossing 0", "bounds on one side of 0, or backend='cpu'"
    ),
    "synapse:plastic": approximated(
        "pair STDP as Lava's STDPLoihi: traces of 7 bits, which four to eight spikes fill; "
        "weights of 8 bits; random rounding; spikes are compared as they are emitted, and arrive "
        "without a delay beyond the first step",
        "what is told of each number; pairs within one step count otherwise; currents begin one "
        "dt early",
    ),
    "synapse:*": PASSES,
    "coupling:additive": PASSES,
    "coupling:given": PASSES,
    "coupling:injected": refused(
        "a compartment has one constant bias, and takes spikes", "Input('spikes'), or I_e"
    ),
    "coupling:*": refused("neurons of a chip exchange spikes and messages only", "synapses"),
    "record:*": PASSES,
    "option:single": refused("states are integers of 24 bits", "precision='double'"),
    "option:fixed16": refused("weights are integers of 8 bits", "synapse_format='auto'"),
    "option:integrator": refused(
        "the chip has no equations to integrate",
        "integrator=None, or backend='cpu'",
    ),
    "option:*": PASSES,
    "session:set*": refused(
        "registers are written when a chip is loaded", "a new session of a changed network"
    ),
    "session:learning": refused(
        "registers are written when a chip is loaded", "a new session of a changed network"
    ),
    "session:*": PASSES,
}


def taus(model: Any) -> dict[str, Any]:
    """Return the time constants of a neuron's exponential currents, by parameter."""
    synapses = getattr(model, "synapses", None)
    if synapses is None:
        return {}
    parameters = model.neuron_model().parameters
    names = (f"tau_{name}" for name, _ in synapses.named)
    return {name: parameters[name] for name in names if name in parameters}


def differs(value: Any) -> bool:
    """Whether neurons of one population have different values."""
    if isinstance(value, Distribution):
        return True
    return bool(np.ndim(value)) and bool(np.any(np.asarray(value) != np.asarray(value).flat[0]))


def _sums_over_time(use: Use) -> bool:
    return not np.all(np.asarray(use.subject.parameters["tau"]) == use.dt)


def _is_sigma_delta(use: Use) -> bool:
    return type(getattr(use.subject, "model", None)).__name__ == "SigmaDelta"


def _reads_another_state(use: Use) -> bool:
    return bool(use.subject.source != "sent")


def _mixes_numbers(use: Use) -> bool:
    """Whether encoders would get more than one number each, or what they get is not theirs."""
    projection = use.subject
    post = projection.post.segments
    model = post[0][0].model
    return not (
        isinstance(projection.rule, OneToOne)
        and getattr(model, "activation", None) == "none"
        and not np.any(model.bias)
    )


def _is_not_held(use: Use) -> bool:
    t_ref = use.subject.parameters.get("t_ref", 0.0)
    if isinstance(t_ref, Distribution):
        return False
    return bool(np.all(np.rint(np.asarray(t_ref) / use.dt) == 0))


def _subtracts(use: Use) -> bool:
    return getattr(use.subject.model, "reset", "to") == "subtract"


def _has_several_taus(use: Use) -> bool:
    found = [np.asarray(v).flat[0] for v in taus(use.subject.model).values() if not differs(v)]
    return len(set(found)) > 1


def _hardly_leaks(use: Use) -> bool:
    tau = use.subject.parameters.get("tau_m")
    if tau is None or isinstance(tau, Distribution):
        return False
    return bool(np.any(use.dt / np.asarray(tau) < 1 / 8192))


def _starts_above(use: Use) -> bool:
    """Whether a neuron that is reset to 0 mV is beyond its threshold there."""
    model, threshold = use.subject.model, use.subject.parameters.get("V_th")
    if getattr(model, "reset", "to") != "zero" or isinstance(threshold, Distribution):
        return False
    return bool(np.any(np.asarray(threshold) <= 0))


def _has_registers_per_neuron(use: Use) -> bool:
    if getattr(use.subject.model, "is_source", False):
        return False
    return bool(shared_registers(use.subject.parameters))


def shared_registers(parameters: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the parameters that differ between neurons although a core has one for all."""
    return tuple(n for n, v in parameters.items() if n not in PER_NEURON and differs(v))


def _has_values_per_neuron(use: Use) -> bool:
    return not hasattr(use.subject, "model")  # a drive: rates of generators


def _takes_too_long(use: Use) -> bool:
    projection = use.subject
    longest = _longest(projection.delay)
    if longest is None:
        return False
    jumps = all(_jumps(p.model) for p, _ in projection.post.segments)
    return bool(round(longest / use.dt) > MOST_SLOTS + jumps)


def _longest(delay: Any) -> float | None:
    """Return the longest delay [ms], where it is known before it is drawn."""
    if delay is None or isinstance(delay, FunctionOfDistance):
        return None
    if isinstance(delay, Distribution):
        bounds = [getattr(delay, "high", None)]
        for limits in (getattr(delay, "clip", None), getattr(delay, "redraw", None)):
            bounds.append(limits[1] if limits else None)
        known = [float(b) for b in bounds if b is not None]
        return min(known, default=None)
    return float(np.max(delay))


def _jumps(model: Any) -> bool:
    """Whether arrivals move the membrane in the step they arrive."""
    return not taus(model)


def _is_other_rule(use: Use) -> bool:
    return stdp_of(use.subject.plasticity) is None


def _has_two_signs(use: Use) -> bool:
    rule = stdp_of(use.subject.plasticity)
    return rule is not None and rule.w_min != 0 != rule.w_max


def _learns_with_delay(use: Use) -> bool:
    longest = _longest(use.subject.delay)
    return longest is not None and bool(round(longest / use.dt) > 1)


def _is_one_of_several(use: Use) -> bool:
    recorder = use.subject
    if recorder.population is None or not recorder.variable.startswith("I_"):
        return False
    return len(recorder.population.interface.receptors) > 1


def _moves_the_membrane(use: Use) -> bool:
    return any(_jumps(p.model) for p, _ in use.subject.target.segments)


BEYOND_DECAYS = "tau_m beyond 8192 steps"
ONLY_IN_INTEGERS = (BEYOND_DECAYS,)
"""Cases that do not hold of Lava's floating-point models."""

CASES = (
    Case(
        "neuron:*", 'reset="subtract"',
        refused(
            "a spike sets v to 0, whatever went beyond the threshold",
            'reset="to"; for a converted network sigma-delta neurons: convert(..., '
            'method="sigma_delta")',
        ),
        _subtracts,
    ),
    Case(
        "neuron:SigmaDelta/none", "tau other than the time step",
        refused("sums have no leak", "tau=dt"), _sums_over_time,
    ),
    Case(
        "initial:*", "of SigmaDelta",
        refused("Lava's neurons begin at 0", "the values that they reach within some steps"),
        _is_sigma_delta,
    ),
    Case(
        "coupling:additive", 'of another state than "sent"',
        refused("neurons are told what was sent", 'source="sent" of SigmaDelta'),
        _reads_another_state,
    ),
    Case(
        "coupling:given", "other than one to one onto an encoder",
        refused(
            "numbers enter through encoders",
            'OneToOne onto SigmaDelta(activation="none") without bias, and what was meant from '
            "there",
        ),
        _mixes_numbers,
    ),
    Case(
        "neuron:*/ExpCurrent", "with several time constants",
        refused(
            "a compartment has one current, which all its synapses add to",
            "one time constant for all receptors",
        ),
        _has_several_taus,
    ),
    Case(
        "neuron:*", BEYOND_DECAYS,
        refused(
            "decays are parts of 4096 a step, and this one is rounded to none",
            "a longer dt, or PerfectIntegrator",
        ),
        _hardly_leaks,
    ),
    Case(
        "neuron:*", 'reset="zero" with a threshold of 0 mV or less',
        refused("the reset is below the threshold", 'V_th above 0 mV, or reset="to"'),
        _starts_above,
    ),
    Case("mechanism:refractoriness*", "t_ref below half a step", PASSES, _is_not_held),
    Case(
        "parameter:*", "other than I_e",
        refused(
            "compartments of a core share time constants, threshold, reset and capacitance",
            "one value, or a population for each",
        ),
        lambda use: not _has_values_per_neuron(use) and _has_registers_per_neuron(use),
    ),
    Case(
        "delay:*", f"beyond {MOST_SLOTS} steps",
        refused(
            f"a synapse delays by at most {MOST_SLOTS} steps beyond the first",
            "shorter delays, or a longer dt",
        ),
        _takes_too_long,
    ),
    Case(
        "synapse:plastic", "other than additive STDP of all pairs",
        refused(
            "synapses learn by Lava's STDPLoihi, the additive rule for all pairs of spikes",
            "STDP with mu_plus=0, mu_minus=0, pairing='all'; plasticity=None",
        ),
        _is_other_rule,
    ),
    Case(
        "synapse:plastic", "with bounds on both sides of 0, or beyond it",
        refused("weights that learn are held from 0 to 255, or from -255 to 0", ONE_SIGN),
        _has_two_signs,
    ),
    Case(
        "synapse:plastic", "with delays beyond one step",
        refused("synapses that learn have no delays in Lava", "delay=dt"),
        _learns_with_delay,
    ),
    Case(
        "record:*", "one of several currents",
        refused("a compartment has one current for all its receptors", "V_m"),
        _is_one_of_several,
    ),
    Case(
        "drive:Poisson", "onto Delta or Pulse",
        approximated(
            "spikes need a step from a generator to a compartment", "one dt, in times of arrivals"
        ),
        _moves_the_membrane,
    ),
)  # fmt: skip

CAPABILITIES = Capabilities(
    backend="loihi",
    title="Loihi's integers on this machine, bit by bit those of Lava's fixed-point models",
    supports=SUPPORTS,
    cases=CASES,
)
