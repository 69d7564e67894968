"""The suite itself: what it compares notices faults that are small, one at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import neurosim as ns
from tests.conformance.comparing import assert_alike, assert_as_told, assert_same
from tests.conformance.networks import CASES
from tests.conformance.oracle import simulate

pytestmark = pytest.mark.compiled

DT = 0.1


def network(**change: Any) -> ns.Network:
    """Return a network with one thing changed."""
    p = {"weight": 120.0, "delay": 0.5, "t_ref": 2.0, "I_e": 700.0, "V_th": -50.0} | change
    net = ns.Network("net", seed=p.get("seed", 1))
    source = net.population("source", 2, ns.SpikeTimes([[0.1, 4.0], [6.0, 6.1]]))
    cells = net.population("cells", 3, ns.LIF(t_ref=p["t_ref"], I_e=p["I_e"], V_th=p["V_th"]))
    rule = ns.FixedIndegree(2)
    net.project(source, cells, rule, weight=p["weight"], delay=p["delay"], receptor="exc")
    net.record(cells, ["spikes", "V_m", "I_exc"])
    return net


def run(net: ns.Network) -> ns.Run:
    return ns.run(net, 30.0)


FAULTS: dict[str, dict[str, Any]] = {
    "weight": {"weight": 120.0 * (1 + 1e-6)},
    "delay": {"delay": 0.6},
    "refractory time": {"t_ref": 2.1},
    "current": {"I_e": 700.0001},
    "threshold": {"V_th": -49.9},
    "wiring": {"seed": 2},
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_different_network_is_not_the_same(fault: dict[str, Any]) -> None:
    """Also against the slow answer, which knows nothing of the core's way to compute."""
    reference = run(network())
    assert_same(run(network()), reference, DT)
    assert_as_told(reference, simulate(network(), 300, DT), DT)
    with pytest.raises(AssertionError):
        assert_same(run(network(**fault)), reference, DT)
    with pytest.raises(AssertionError):
        assert_as_told(run(network(**fault)), simulate(network(), 300, DT), DT)


def changed_spikes(run: ns.Run, change: Callable[[ns.SpikeRecord], ns.SpikeRecord]) -> ns.Run:
    return replace(run, spikes={name: change(record) for name, record in run.spikes.items()})


RESULTS: dict[str, Callable[[ns.Run], ns.Run]] = {
    "a spike one step late": lambda r: changed_spikes(
        r, lambda s: replace(s, times=np.append(s.times[:-1], s.times[-1] + DT))
    ),
    "a spike missing": lambda r: changed_spikes(
        r, lambda s: replace(s, times=s.times[1:], ids=s.ids[1:])
    ),
    "spikes of another neuron": lambda r: changed_spikes(
        r, lambda s: replace(s, ids=(s.ids + 1) % s.size)
    ),
    "samples of the step before": lambda r: replace(
        r,
        states={
            "cells": {
                name: replace(t, array=np.vstack([t.array[:1], t.array[:-1]]))
                for name, t in r.states["cells"].items()
            }
        },
    ),
    "another unit": lambda r: replace(
        r,
        states={
            "cells": {
                name: replace(t, array=1e-3 * t.array) for name, t in r.states["cells"].items()
            }
        },
    ),
}


@pytest.mark.parametrize("fault", RESULTS.values(), ids=RESULTS)
def test_wrong_results_are_not_the_same(fault: Callable[[ns.Run], ns.Run]) -> None:
    reference = run(network())
    assert len(reference.spikes["cells"]) > 2
    with pytest.raises(AssertionError):
        assert_same(fault(reference), reference, DT)
    with pytest.raises(AssertionError):
        assert_as_told(fault(reference), simulate(network(), 300, DT), DT)


def test_alike_is_not_anything() -> None:
    reference = run(network(I_e=700.0))
    assert_alike(run(network(I_e=701.0)), reference, DT)
    for other in (network(I_e=1400.0), network(I_e=200.0)):
        with pytest.raises(AssertionError):
            assert_alike(run(other), reference, DT)


def test_cases_use_every_group_of_features() -> None:
    """What the catalogue has, some case asks for, but for pairs of neurons and synapses."""
    from neurosim.features import feature_of, features, uses

    used = {feature_of(u.feature).key for case in CASES.values() for u in uses(case.build())}
    shown = {k for k in used if not k.startswith("neuron:")}
    elsewhere = ("neuron:", "option:", "session:")  # pairs: tests/test_capabilities.py
    rest = {k for k in features() if not k.startswith(elsewhere)} - shown
    assert rest == set()
