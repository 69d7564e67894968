"""Replayed drive and noise are, number for number, what the core draws while running."""

from __future__ import annotations

import numpy as np
import pytest

import neurosim as ns
from neurosim.engine.replay import Replay
from neurosim.lower.lowering import lower

DT = 0.1

RATES = ns.RateSteps(times=[0.0, 3.0], rates=[8000.0, 20000.0])


def network() -> ns.Network:
    """Drives, currents, noise, escape noise and every kind of source."""
    net = ns.Network("replayed", seed=5)
    a = net.population("a", 7, ns.LIF(V_th=1e6, synapses=ns.ExpCurrent()))
    b = net.population("b", 5, ns.LIF(V_th=1e6, synapses=ns.ExpCurrent()))
    net.drive(a + b, ns.Poisson(rate=9000.0), weight=2.0, receptor="exc")
    net.drive(a[2:5], ns.Poisson(rate=RATES), weight=-1.5, receptor="inh")
    net.drive(b, ns.Poisson(rate=np.linspace(0, 5000, 5)), weight=0.5, receptor="exc")
    net.inject(a, ns.NoiseCurrent(mean=1.0, sd=3.0, dt=0.3))
    net.inject(a[:3], ns.NoiseCurrent(mean=0.0, sd=3.0, tau=2.0))
    net.inject(b, ns.StepCurrent(times=[1.0, 2.0], amplitudes=[5.0, -2.0]))
    net.population("p", 4, ns.Poisson(rate=900.0))
    net.population("g", 4, ns.GammaProcess(rate=500.0, shape=3.0))
    net.population("c", 4, ns.CorrelatedPoisson(rate=500.0, correlation=0.3))
    net.population("s", 2, ns.SpikeTimes([[0.3, 1.0, 1.0], [2.0]]))
    for source in ("p", "g", "c", "s"):
        net.record(net[source], "spikes")
    return net


@pytest.mark.parametrize("pieces", [(60,), (7, 53)])
def test_sources_drives_and_currents(pieces: tuple[int, ...]) -> None:
    """Integrating the replayed arrays with the model's own propagators gives the core's states."""
    net = network()
    for name in ("a", "b"):
        for variable in ("I_exc", "I_inh"):
            net.record(net[name], variable)
    run = ns.run(net, 60 * DT, dt=DT, trial=3)
    plan = lower(net, DT)
    replay = Replay(plan, trial=3)
    chunks = [replay.next(n) for n in pieces]
    for p in plan.populations:
        if p.source is not None:
            labels = np.concatenate([c.trains[p.index][0] for c in chunks])
            ids = np.concatenate([c.trains[p.index][1] for c in chunks])
            assert labels.size > 3
            np.testing.assert_array_equal(labels * DT, run.spikes[p.name].times)
            np.testing.assert_array_equal(ids, run.spikes[p.name].ids)
            continue
        for receptor in ("exc", "inh"):
            if (p.index, receptor) not in chunks[0].arrivals:
                continue
            arrived = np.concatenate([c.arrivals[p.index, receptor] for c in chunks])
            decay = np.exp(-DT / p.parameters[f"tau_{receptor}"])
            state = np.zeros(p.size)
            for k, row in enumerate(arrived):
                state = decay * state + row
                np.testing.assert_allclose(
                    run.states[p.name][f"I_{receptor}"].array[k], state, rtol=1e-12
                )
    counts = np.concatenate([c.counts[1] for c in chunks])
    assert counts.shape == (60, 3)
    assert np.all(counts >= 0)
    assert counts[30:].mean() > 1.5 * counts[:30].mean()


def test_currents_are_those_of_the_core() -> None:
    """A perfect integrator adds up its injected current."""
    net = ns.Network("currents", seed=1)
    a = net.population("a", 6, ns.PerfectIntegrator(C_m=1.0, V_th=1e9))
    net.inject(a, ns.NoiseCurrent(mean=1.0, sd=3.0, dt=0.3))
    net.inject(a[:3], ns.NoiseCurrent(mean=0.0, sd=3.0, tau=2.0))
    net.inject(a[4:], ns.StepCurrent(times=[1.0, 2.0], amplitudes=[5.0, -2.0]))
    net.record(a, "V_m")
    run = ns.run(net, 4.0, dt=DT, trial=2)
    chunk = Replay(lower(net, DT), trial=2).next(40)
    trace = run.states["a"]["V_m"].array
    np.testing.assert_allclose(
        np.diff(trace, axis=0), chunk.injected[0][1:] * DT, rtol=1e-9, atol=1e-9
    )


def test_noise_and_hazard_are_those_of_the_core() -> None:
    """A random walk is the sum of its normals; a constant hazard fires where the uniform is low."""
    walk = ns.NeuronModel("walk", equations="dx/dt = s*xi : 1", parameters={"s": "1 ms**-0.5"})
    net = ns.Network("noise", seed=9)
    net.population("w", 5, walk)
    net.record(net["w"], "x")
    escape = ns.NeuronModel(
        "escape",
        equations="dx/dt = -x/tau : 1",
        hazard="h",
        parameters={"tau": "10 ms", "h": "0.5 kHz"},
    )
    net.population("e", 8, escape)
    net.record(net["e"], "spikes")
    run = ns.run(net, 5.0, dt=DT, trial=1)
    plan = lower(net, DT)
    chunk = Replay(plan, trial=1).next(50)
    walked = np.cumsum(chunk.normals[0][:, 0, :], axis=0) * np.sqrt(DT)
    np.testing.assert_allclose(run.states["w"]["x"].array, walked, rtol=1e-12, atol=1e-13)
    step, neuron = np.nonzero(chunk.uniforms[1] < -np.expm1(-0.5 * DT))
    assert step.size > 5
    np.testing.assert_array_equal(run.spikes["e"].times, (step + 1) * DT)
    np.testing.assert_array_equal(run.spikes["e"].ids, neuron)


def test_reset_replays() -> None:
    """After a reset the same numbers come again; another trial has others."""
    plan = lower(network(), DT)
    replay = Replay(plan)
    assert not replay.is_empty
    assert replay.bytes_per_step == 8 * (7 * 3 + 5 * 2 + 12 + 3 + 5)
    first = replay.next(20)
    replay.reset()
    again = replay.next(20)
    other = Replay(plan, trial=1).next(20)
    for index, array in first.injected.items():
        np.testing.assert_array_equal(array, again.injected[index])
    for drive, counts in first.counts.items():
        np.testing.assert_array_equal(counts, again.counts[drive])
        assert np.any(counts != other.counts[drive])
    for index, (labels, ids) in first.trains.items():
        np.testing.assert_array_equal(labels, again.trains[index][0])
        np.testing.assert_array_equal(ids, again.trains[index][1])
