"""Published networks on Brian2: the same spikes on the grid, of the same neurons.

Wiring, initial values and everything random are the same numbers on both sides; equations are
advanced by Brian2's own state updaters. Spikes fall into steps, and between spikes these neurons
forget, so that differences of rounding do not grow: they show only where one of them moves a spike
across the border of a step.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import neurosim as ns
from benchmarks.certificates import adex
from neurosim_models import (
    brunel,
    cobahh,
    izhikevich_2003,
    vogels_abbott_coba,
    vogels_abbott_cuba,
)

pytestmark = [
    pytest.mark.compiled, pytest.mark.slow, pytest.mark.usefixtures("brian2_in_numpy"),
]  # fmt: skip


NETWORKS: dict[str, tuple[Callable[[], ns.Network], float, float]] = {
    "cuba": (vogels_abbott_cuba, 250, 4.0),
    "coba": (vogels_abbott_coba, 250, 10.0),
    "cobahh": (lambda: cobahh(scale=0.25), 200, 20.0),
    "adex": (adex, 200, 10.0),
    "brunel": (lambda: brunel(scale=0.32), 200, 25.0),
    "izhikevich": (izhikevich_2003, 100, 4.0),
}
"""Name -> network, duration [ms], and the rate [Hz] above which it is the network that is meant.
COBAHH has 1,000 neurons here, Izhikevich's network 1,000, the others 4,000."""


def spikes_of(run: ns.Run, dt: float) -> list[tuple[str, int, int]]:
    """Return (population, step, neuron) of all spikes, in order of time."""
    found = []
    for name, record in run.spikes.items():
        steps = np.rint(record.times / dt).astype(int)
        np.testing.assert_allclose(steps * dt, record.times, rtol=0, atol=1e-6 * dt)
        found += [(name, *pair) for pair in zip(steps.tolist(), record.ids.tolist(), strict=True)]
    return sorted(found, key=lambda spike: (spike[1], spike[0], spike[2]))


@pytest.mark.parametrize("name", NETWORKS)
def test_same_spikes_on_the_grid(name: str) -> None:
    build, duration, rate = NETWORKS[name]
    net = build()
    ours = ns.run(net, duration)
    session = ns.compile(net, "brian2")
    theirs = session.run(duration)
    a, b = spikes_of(ours, session.dt), spikes_of(theirs, session.dt)
    first = next((pair for pair in zip(a, b, strict=False) if pair[0] != pair[1]), None)
    assert first is None, f"first difference (ours, theirs): {first}"
    assert len(a) == len(b)
    neurons = sum(p.size for p in net.populations.values())
    assert 1e3 * len(a) / neurons / duration > rate


def test_states_of_a_network_agree_to_rounding() -> None:
    """What stands behind equal spikes: states that differ by little more than rounding."""
    net = vogels_abbott_cuba(scale=0.25)
    net.record(net["exc"], ["V_m", "I_exc", "I_inh"], every=5.0)
    ours, theirs = ns.run(net, 100), ns.run(net, 100, "brian2")
    for name, trace in ours.states["exc"].items():
        other = theirs.states["exc"][name].array
        scale = np.abs(trace.array).max()
        np.testing.assert_allclose(other, trace.array, rtol=0, atol=1e-12 * scale)


@pytest.mark.parametrize("part", ["weight", "delay", "t_ref"])
def test_a_small_difference_is_seen(part: str) -> None:
    """The comparison can fail: one thing changed by little, and the spikes are others."""
    net, other = vogels_abbott_cuba(scale=0.25), ns.Network("other", seed=1)
    ref = 5.1 if part == "t_ref" else 5.0
    model = ns.LIF(
        tau_m=20, C_m=200, E_L=-49, V_th=-50, V_reset=-60, t_ref=ref,
        synapses=ns.ExpCurrent(exc=5, inh=10),
    )  # fmt: skip
    exc = other.population("exc", 800, model)
    inh = other.population("inh", 200, model)
    every = exc + inh
    rule = ns.FixedProbability(0.08)
    delay = 0.2 if part == "delay" else None
    weight = 16.3 if part == "weight" else 16.2
    other.project(exc, every, rule, weight=weight, receptor="exc", delay=delay)
    other.project(inh, every, rule, weight=-90.0, receptor="inh")
    other.initialise(every, V_m=ns.Uniform(-60, -50))
    other.record(every, "spikes")
    theirs = spikes_of(ns.run(other, 60, "brian2"), 0.1)
    assert spikes_of(ns.run(other, 60), 0.1) == theirs
    assert spikes_of(ns.run(net, 60), 0.1) != theirs
