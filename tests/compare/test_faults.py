"""A fault drawn at random is put into an opaque copy of our core: it must be named, with its size.

The networks, the faults and the check know nothing of how causes are found.
"""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

import neurosim as ns
from neurosim.backend import Options
from neurosim.compare.causes import diagnose
from neurosim.compare.diagnosis import Cause
from neurosim.compare.lockstep import compare_in_lockstep
from neurosim.compare.verdicts import Tier
from tests.compare import hidden_faults as faults
from tests.compare.hidden_faults import Fault, Opaque, network_of_ties, two_populations

T = 200.0

FAULTS = {
    faults.changed_parameter: ("current", "conductance", "delta"),
    faults.longer_refractory: ("current", "conductance", "delta"),
    faults.scaled_projection: ("current", "conductance", "delta"),
    faults.one_weight: ("current", "conductance", "delta"),
    faults.missing_synapse: ("current", "conductance", "delta"),
    faults.extra_synapse: ("current", "conductance", "delta"),
    faults.other_receptor: ("current", "conductance"),
    faults.shifted_delays: ("current", "conductance", "delta"),
    faults.one_delay: ("current", "conductance", "delta"),
    faults.reset_first: ("delta",),
    faults.strict_threshold: ("ties",),
}

CASES = [(make, kind) for make, kinds in FAULTS.items() for kind in kinds]


def names(cause: Cause, fault: Fault) -> bool:
    """Whether a cause names class, part, and size of a fault."""
    if (cause.kind, cause.part) != (fault.kind, fault.part) or fault.what not in cause.what:
        return False
    if fault.size is None:
        return cause.size is None
    return cause.size is not None and cause.size == pytest.approx(fault.size, rel=fault.precision)


@pytest.mark.parametrize(
    ("make", "kind"), CASES, ids=[f"{make.__name__}-{kind}" for make, kind in CASES]
)
def test_a_hidden_fault_is_named_with_its_place_and_size(make: Any, kind: str) -> None:
    seed = CASES.index((make, kind))
    net = network_of_ties(seed) if kind == "ties" else two_populations(kind, seed)
    fault = make(Random(seed), kind)
    theirs = Opaque(fault.change)
    lockstep = compare_in_lockstep(net, "cpu", theirs, T, Options())
    assert not (lockstep.same_spikes and lockstep.within_rounding), "a fault that changes nothing"
    found = diagnose(net, theirs, T, Options(), lockstep)
    assert found.cause is not None, found.tried
    # Two faults may do the same (E_L and I_e): then one is named, and the other with it.
    said = [found.cause, *found.cause.alternatives]
    assert any(names(cause, fault) for cause in said), (fault, said)
    assert len(said) <= 3, said
    assert len(found.cause.evidence) == 2


@pytest.mark.parametrize("kind", ["current", "conductance", "delta", "ties"])
def test_without_a_fault_none_is_named(kind: str) -> None:
    net = network_of_ties(1) if kind == "ties" else two_populations(kind, 1)
    theirs = Opaque(lambda plan: plan)
    lockstep = compare_in_lockstep(net, "cpu", theirs, T, Options())
    assert lockstep.bit_exact
    assert lockstep.same_until == T
    assert lockstep.n_spikes > 100
    assert diagnose(net, theirs, T, Options(), lockstep).cause is None


@pytest.mark.parametrize(
    "make", [faults.shifted_delays, faults.longer_refractory, faults.reset_first, None]
)
def test_a_certificate_names_what_is_a_step_off_and_nothing_where_nothing_is(make: Any) -> None:
    """Delays, refractory times and the order of reset; told in the table's text and in JSON."""
    random = Random(2026)
    net = two_populations("delta", random.randrange(1000))
    fault = None if make is None else make(random, "delta")
    theirs = Opaque((lambda plan: plan) if fault is None else fault.change)
    c = ns.certify(net, ["cpu", theirs], T, statistics=False)
    cause = c.cause["opaque"]
    if fault is None:
        assert c.tier("opaque") == Tier.BIT_EXACT
        assert cause is None
        assert "Cause" not in str(c)
        return
    assert c.tier("opaque") == Tier.UNDECIDED  # spikes differ, and statistics were not asked for
    assert cause is not None
    assert names(cause, fault), (fault, cause)
    assert f"Cause ({fault.kind}): {cause.text}" in " ".join(str(c).split())
    assert fault.part.split()[-1].strip("'") in cause.text
    assert ns.Certificate.from_json(c.to_json()).cause["opaque"] == cause


def test_two_faults_at_once_are_not_called_one() -> None:
    """What no single change explains is left open, with what was tried."""
    net = two_populations("current", 3)
    # Whether its time is off only a whole run could tell; it must not be taken for the cause.
    net.inject(net["exc"], ns.StepCurrent(times=[10.0], amplitudes=[5.0]))
    one = faults.scaled_projection(Random(1), "current")
    two = faults.changed_parameter(Random(5), "current")
    three = faults.longer_refractory(Random(2), "current")
    theirs = Opaque(lambda plan: three.change(two.change(one.change(plan))))
    lockstep = compare_in_lockstep(net, "cpu", theirs, T, Options())
    found = diagnose(net, theirs, T, Options(), lockstep)
    assert found.cause is None
    assert any("from exc" in text for text in found.tried)
    assert any("not a whole run: The current injected" in text for text in found.tried)
