"""Every backend, every network: as described, approximated as declared, or refused as declared."""

from __future__ import annotations

import warnings
from functools import cache
from typing import Any

import numpy as np
import pytest

import neurosim as ns
from neurosim.backend import find_backend
from neurosim.capabilities import UnavailableError
from neurosim.errors import ApproximationWarning, UnsupportedError
from tests.conformance.comparing import assert_alike, assert_as_told, assert_same
from tests.conformance.networks import CASES, Case
from tests.conformance.oracle import simulate

pytestmark = pytest.mark.compiled

CORE = "cpu"
"""The backend that is held against the slow answer; the others are held against it."""

PAIRS = [
    pytest.param(name, case, id=f"{name}-{case.name}")
    for name in ns.backends()
    for case in CASES.values()
    if not find_backend(name).capabilities.costly
]
"""Costly backends face one network and the contract of sessions at once: see test_sessions.py."""


def options_of(case: Case) -> dict[str, Any]:
    """Return how a case is run."""
    return {"dt": case.dt, "trial": case.trial}


def run_case(case: Case, backend: str) -> ns.Run:
    """Run a case from its start."""
    session = ns.compile(case.build(), backend, **options_of(case))
    return session.run(case.duration, inputs=case.inputs or None)


@cache
def core_run(name: str) -> ns.Run | None:
    """Return what the core does; None where it refuses."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ApproximationWarning)
        try:
            return run_case(CASES[name], CORE)
        except UnsupportedError:
            return None


@pytest.mark.parametrize(("backend", "case"), PAIRS)
def test_as_declared(backend: str, case: Case) -> None:
    """The declaration says which of three things happens; that one happens."""
    network = case.build()
    told = ns.explain(network, backend, **options_of(case))
    if told.problem:
        with pytest.raises(UnavailableError, match="Install it with"):
            ns.compile(network, backend, **options_of(case))
        return
    if told.refused:
        with pytest.raises(UnsupportedError) as caught:
            ns.compile(network, backend, **options_of(case))
        first = told.refused[0]
        assert first.part in str(caught.value)
        assert first.title in str(caught.value)
        assert first.how in str(caught.value)
        return
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("always", ApproximationWarning)
        run = run_case(case, backend)
    assert not [w for w in shown if not issubclass(w.category, ApproximationWarning)]
    declared = [f for f in told.approximated if f.feature]
    entries = run.provenance["approximations"]
    for finding in declared:
        assert any(e["part"] == finding.part and e["how"] == finding.how for e in entries)
        assert any(finding.how in str(w.message) for w in shown)
    check(backend, case, run, loose=bool(declared))


def check(backend: str, case: Case, run: ns.Run, *, loose: bool) -> None:
    """Compare a run with the slow answer (of the core) or with the core."""
    reference = core_run(case.name)
    assert reference is not None, "the core refuses what this backend runs: nothing to compare with"
    if backend == CORE and not case.chance:
        inputs = {name: np.asarray(array) for name, array in case.inputs.items()}
        expected = simulate(case.build(), case.steps, case.dt, inputs, case.trial)
        assert_as_told(run, expected, case.dt)
    elif loose or case.chance:
        assert_alike(run, reference, case.dt)
    else:
        assert_same(run, reference, case.dt)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_there_is_something_to_compare(case: Case) -> None:
    """A case that is meant to spike does, in more than its sources; and states change."""
    run = core_run(case.name)
    if run is None:
        return
    network = case.build()
    neurons = [n for n, p in network.populations.items() if not p.interface.is_source]
    if case.spikes:
        assert sum(len(run.spikes[n]) for n in neurons if n in run.spikes) > 0
    else:
        traces = [t for n in neurons if n in run.states for t in run.states[n].values()]
        assert any(np.ptp(t.array) > 0 for t in traces) or case.name == "silence"


def test_the_core_knows_when_synapses_fail() -> None:
    """Of a case left to chance the core's own answer is known on average: half the spikes pass."""
    case = CASES["release"]
    run = core_run(case.name)
    assert run is not None
    sent = len(run.spikes["source"]) * 20 * 5 / 50  # synapses of each source, on average
    assert len(run.spikes["cells"]) == pytest.approx(0.5 * sent, rel=0.15)
