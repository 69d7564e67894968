"""Two sides in lockstep: what is the same is called so, and where they first differ is told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import neurosim as ns
from neurosim.backend import Options, find_backend
from neurosim.capabilities import Case, refused
from neurosim.compare import lockstep as module
from neurosim.compare import observing
from neurosim.compare.lockstep import Lockstep, compare_in_lockstep
from neurosim.errors import SimulationError, UnknownNameError
from neurosim.lower.plan import Plan
from neurosim_backends.cpu import CPU
from tests.compare.hidden_faults import Opaque, two_populations


def changed(plan: Plan, **parameters: float) -> Plan:
    populations = list(plan.populations)
    first = populations[0]
    populations[0] = replace(first, parameters={**first.parameters, **parameters})
    return replace(plan, populations=tuple(populations))


def compared(net: ns.Network, duration: float = 60.0, **parameters: float) -> Lockstep:
    theirs = Opaque(lambda plan: changed(plan, **parameters))
    return compare_in_lockstep(net, "cpu", theirs, duration, Options())


def test_the_same_core_is_bit_exact() -> None:
    net = two_populations("current", 1)
    found = compared(net)
    assert found.bit_exact
    assert found.same_spikes
    assert found.within_rounding
    assert found.first_spike is None
    assert found.first_state is None
    assert (found.same_until, found.duration) == (60.0, 60.0)
    assert {(s.population, s.variable) for s in found.states} == {
        (p, v) for p in ("exc", "inh") for v in ("V_m", "I_exc", "I_inh")
    }
    assert all(s.largest_absolute == 0.0 for s in found.states)
    net.record(net["exc"] + net["inh"], "spikes")
    run = ns.run(net, 60)
    assert found.n_spikes == sum(len(s) for s in run.spikes.values())


def test_the_first_other_spike_is_the_one_that_two_whole_runs_show(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever the length of pieces; with both sides' states of the neuron one step before."""
    net = two_populations("current", 2)
    recording = net.copy()
    recording.record(net["exc"] + net["inh"], "spikes")
    recording.record(net["exc"], "V_m", initial=True)
    theirs = Opaque(lambda plan: changed(plan, tau_m=20.4))
    runs = [ns.run(recording, 60, b) for b in ("cpu", theirs)]
    events = [
        {
            (round(t * 10), name, int(k))
            for name, s in run.spikes.items()
            for t, k in zip(s.times, s.ids, strict=True)
        }
        for run in runs
    ]
    label, name, neuron = min(events[0] ^ events[1])
    for piece in (20.0, 0.7):
        monkeypatch.setattr(observing, "PIECE", piece)
        found = compared(net, tau_m=20.4)
        first = found.first_spike
        assert first is not None
        assert not found.same_spikes
        assert not found.bit_exact
        assert round(found.same_until * 10) == label - 1
        assert (first.population, first.neuron) == (name, neuron)
        for time, spikes in ((first.ours, events[0]), (first.theirs, events[1])):
            fires = time is not None and round(time * 10) == label
            assert fires == ((label, name, neuron) in spikes)
        assert found.n_spikes == sum(event[0] < label for event in events[0])
        for k, run in enumerate(runs):
            if name == "exc":
                expected = run.states["exc"]["V_m"].array[label - 1, neuron]
                assert first.states["V_m"][k] == expected


def test_the_first_state_that_differs_is_told() -> None:
    """tau_m acts from the first step on, on V_m alone until a spike differs."""
    net = two_populations("current", 3)
    found = compared(net, tau_m=20.4)
    first = found.first_state
    assert first is not None
    assert (first.population, first.variable, first.unit, first.time) == ("exc", "V_m", "mV", 0.1)
    v = np.broadcast_to(np.asarray(first.ours), 1)
    assert first.theirs is not None
    assert first.largest_absolute >= abs(first.theirs - v[0]) > 0
    assert not found.within_rounding
    clean = [s for s in found.states if s.population == "inh"]
    assert clean
    assert all(s.bit_exact for s in clean)


def test_what_the_other_side_cannot_record_is_left_out_and_told() -> None:
    net = two_populations("current", 1)
    case = Case(
        "record:state", "of I_inh", refused("no"), lambda use: use.subject.variable == "I_inh"
    )
    theirs = Opaque(lambda plan: plan, replace(CPU.capabilities, cases=(case,)))
    found = compare_in_lockstep(net, "cpu", theirs, 10.0, Options())
    assert found.not_recorded == (("exc", "I_inh"), ("inh", "I_inh"))
    assert {s.variable for s in found.states} == {"V_m", "I_exc"}
    assert found.same_spikes
    assert not found.bit_exact  # not known


def test_rounding_is_no_difference_and_not_bit_exact() -> None:
    net = two_populations("current", 1)
    found = compared(net, E_L=-60.0 * (1 + 1e-15))
    assert found.same_spikes
    assert found.within_rounding
    assert not found.bit_exact
    assert 0 < max(s.largest_relative for s in found.states) < module.ROUNDING["double"]
    first = found.first_bits
    assert first is not None
    assert first.began is not None
    assert (first.variable, first.unit) == ("V_m", "mV")
    # One step: a sum of a few terms is off by a few units in the last place, not by what follows.
    assert first.began == min(s.began for s in found.states if s.began is not None)
    assert 0 < first.began_by <= first.largest_absolute
    assert 1 <= first.began_ulps <= 4
    same = compared(net)
    assert same.first_bits is None


def test_a_backend_may_be_given_itself() -> None:
    backend = Opaque(lambda plan: plan)
    assert find_backend(backend) is backend
    net = two_populations("delta", 1)
    net.record(net["exc"], "spikes")
    assert ns.run(net, 20, backend).same_as(ns.run(net, 20))
    for wrong in (Opaque, None, 3, "opaque"):
        with pytest.raises(UnknownNameError, match="backend"):
            find_backend(wrong)


# --- more states than are compared of all neurons -----------------------------------------------


def few_values(monkeypatch: pytest.MonkeyPatch, steps: int) -> None:
    """Let the states of the 50 neurons with 3 variables be compared for so many steps."""
    monkeypatch.setattr(module, "WATCHED", steps * 150)
    monkeypatch.setattr(module, "FOLLOWED", 600 * 15)


def test_a_late_difference_is_found_with_the_states_of_few_neurons(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Spikes, times and the states just before are those of a comparison of everything."""
    net = two_populations("current", 2)
    off = {"tau_m": 20.002}
    everything = compared(net, 200.0, **off)
    assert everything.watched_until is None
    assert everything.followed == {}
    assert everything.same_until == 11.0
    few_values(monkeypatch, 50)
    found = compared(net, 200.0, **off)
    assert found.first_spike == everything.first_spike
    assert found.same_until == everything.same_until
    assert found.n_spikes == everything.n_spikes
    assert found.watched_until == found.states_of_all_until == 5.0
    assert found.followed == {"exc": 1, "inh": 1}
    for one, two in (
        (found.first_state, everything.first_state),
        (found.first_bits, everything.first_bits),
    ):
        assert one is not None
        assert two is not None
        assert (
            replace(
                one, largest_absolute=two.largest_absolute, largest_relative=two.largest_relative
            )
            == two
        )
    bounds = {(s.population, s.variable): s.largest_absolute for s in everything.states}
    for s in found.states:
        assert s.largest_absolute <= bounds[s.population, s.variable]
        assert (s.largest_absolute > 0) == (s.population == "exc" and s.variable == "V_m")


def test_a_state_that_differs_late_is_found_on_a_neuron_that_is_followed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    few_values(monkeypatch, 200)
    monkeypatch.setattr(module, "FOLLOWED", 600 * 60)
    net = two_populations("current", 1)
    net.inject(net["exc"], ns.StepCurrent(times=[40.0], amplitudes=[1e-6]))
    theirs = Opaque(lambda plan: replace(plan, injections=()))
    found = compare_in_lockstep(net, "cpu", theirs, 60.0, Options())
    assert found.followed == {"exc": 16, "inh": 4}
    assert found.same_spikes
    assert not found.bit_exact
    first = found.first_bits
    assert first is not None
    assert (first.population, first.variable, first.began) == ("exc", "V_m", 40.1)
    assert first.neuron is None or first.neuron in np.arange(16) * 40 // 16
    assert (found.states_of_all_until, found.same_until) == (20.0, 60.0)


def test_neurons_that_are_followed_lie_evenly_over_populations() -> None:
    net = ns.Network("n")
    net.population("sources", 5, ns.Poisson(rate=10))
    net.population("sheet", (4, 5), ns.LIF())
    net.population("one", 1, ns.LIF())
    chosen = observing.evenly(net, 0.25)
    assert {name: ids.tolist() for name, ids in chosen.items()} == {
        "sheet": [0, 4, 8, 12, 16], "one": [0],
    }  # fmt: skip
    everyone = observing.evenly(net, 7.0)
    assert everyone["sheet"].tolist() == list(range(20))
    observer = observing.Observer(net, "cpu", Options(), chosen)
    piece = observer.next(3)
    assert piece.states["sheet", "V_m"].shape == (4, 5)
    assert [piece.neuron("sheet", k) for k in range(5)] == [0, 4, 8, 12, 16]
    whole = observing.Observer(net, "cpu", Options()).next(3)
    ids = np.array([4, 16])
    for key in piece.states:
        if key[0] == "sheet":
            assert np.array_equal(piece.states_of(key, ids), whole.states_of(key, ids))


def test_a_side_whose_spikes_depend_on_what_is_recorded_does_not_repeat_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Shy(Opaque):
        """Fires elsewhere while few are looked at."""

        least = 10

        def compile(self, network: ns.Network, options: Options) -> Any:
            watched = sum(len(r.indices) for r in network.recorders if r.variable == "V_m")
            self._change = lambda plan: changed(
                plan, tau_m=20.002 if watched > self.least else 25.0
            )
            return super().compile(network, options)

    net = two_populations("current", 2)
    few_values(monkeypatch, 50)
    for Shy.least in (10, 1):
        with pytest.raises(SimulationError, match="'opaque' does not repeat itself"):
            compare_in_lockstep(net, "cpu", Shy(lambda plan: plan), 200.0, Options())
