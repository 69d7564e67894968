"""Every way to cut and share a run, at once: one hash. And the bound that compact weights keep."""

from __future__ import annotations

import hashlib
import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import neurosim as ns
from neurosim.engine import synapses
from neurosim.engine.clock import Engine
from neurosim.engine.pace import Pace
from neurosim.lower.lowering import lower

STEPS = 50
THREADS = (1, 2, 4)
CHUNKS = (1, 7, 10_000)


def several_blocks(shortest: float = 0.1) -> ns.Network:
    """More neurons than a block has, everything random, delays of up to 30 steps."""
    net = ns.Network("blocks", seed=3)
    synapse = ns.ExpCurrent(exc=2.0, inh=4.0)
    exc = net.population("exc", 2500, ns.LIF(synapses=synapse, V_th=-55.0, t_ref=1.0))
    inh = net.population("inh", 700, ns.LIF(synapses=synapse, V_th=-55.0))
    source = net.population("in", 90, ns.Poisson(rate=40.0))
    net.initialise(exc + inh, V_m=ns.Uniform(-70, -55))
    net.drive(exc + inh, ns.Poisson(rate=9000.0), weight=30.0, receptor="exc")
    net.inject(exc, ns.NoiseCurrent(mean=50.0, sd=80.0))
    delay = ns.Normal(1.0, 0.7, clip=(shortest, 3.0))
    net.project(
        exc, exc + inh, ns.FixedProbability(0.02), weight=ns.Normal(20, 5), delay=delay,
        receptor="exc", release=0.5,
    )  # fmt: skip
    net.project(
        inh, exc + inh, ns.FixedIndegree(20), weight=ns.Normal(-60, 5), delay=delay, receptor="inh"
    )
    net.project(source, exc, ns.FixedOutdegree(30), weight=45.0, delay=0.8, receptor="exc")
    net.record(exc + inh, "spikes")
    net.record(exc, "V_m", every=0.7)
    return net


@pytest.mark.compiled
@pytest.mark.parametrize("precision", ["double", "single"])
def test_all_combinations_have_one_hash(monkeypatch: pytest.MonkeyPatch, precision: str) -> None:
    """Threads 1, 2 and 4, delay steps per visit, steps per chunk: spikes, samples and end states.

    As many workers as were asked for took part, and the waves were as deep as was asked for.
    """
    plan = lower(several_blocks(), 0.1)
    hashes = {}
    spikes = 0
    for threads, depth in itertools.product(THREADS, (1, 4, 30)):
        monkeypatch.setattr(synapses, "wave_depth", lambda *_, depth=depth: depth)
        for chunk in CHUNKS:
            engine = Engine(plan, threads=threads, precision=precision)
            assert engine.synapses.delivery.wave_steps == depth
            monkeypatch.setattr(Pace, "next_chunk", lambda _, t=threads, c=chunk: (t, c))
            told = hashlib.sha256()
            recorded = engine.run(STEPS)
            spikes = recorded.ids.size
            for array in (recorded.labels, recorded.ids):
                told.update(array.tobytes())
            for sampled in recorded.samples.values():
                told.update(sampled.tobytes())
            for state in engine.neurons.values():
                for name in state.states:
                    told.update(state.read(name).tobytes())
            assert engine.most_workers == threads
            hashes[threads, depth, chunk] = told.hexdigest()
    assert spikes > 100
    assert len(set(hashes.values())) == 1, hashes


@pytest.mark.compiled
def test_exchanging_spikes_once_per_shortest_delay_changes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """1 to 8 steps between two exchanges, several waves and one, chunks that cut them: one hash.

    States are recorded at the end of such stretches, within them, and not at all.
    """
    hashes: dict[int, set[str]] = {}
    lengths = set()
    for every in (0, 1, 3):
        net = several_blocks(shortest=0.8)
        net._recorders = [r for r in net.recorders if r.variable == "spikes"]
        if every:
            net.record(net["exc"], "V_m", every=every * 0.1)
        plan = lower(net, 0.1)
        for threads, bytes_, most in itertools.product((1, 2), (1 << 19, 150_000), (1, 3, 8)):
            monkeypatch.setattr(synapses, "MOST_TOGETHER", most)
            engine = Engine(plan, threads=threads, target_bytes=bytes_)
            lengths.add((engine.synapses.window, engine.synapses.delivery.lead))
            told = hashlib.sha256()
            for piece in (1, 13, 36):
                recorded = engine.run(piece)
                told.update(recorded.labels.tobytes() + recorded.ids.tobytes())
                for sampled in recorded.samples.values():
                    told.update(sampled.tobytes())
            hashes.setdefault(every, set()).add(told.hexdigest())
    assert {window for window, _ in lengths} >= {1, 2, 3, 8}, lengths
    assert {lead > 0 for _, lead in lengths} == {True, False}, lengths
    assert [len(found) for found in hashes.values()] == [1, 1, 1], hashes


@given(st.integers(1, 70_000), st.data())
def test_stretches_and_waves_fit_the_rows_there_are(longest: int, data: st.DataObject) -> None:
    """The ring that `wave_depth` chose suffices, and no wave is due before its spikes are known."""
    shortest = data.draw(st.integers(1, longest))
    depth = min(longest, max(data.draw(st.integers(1, 200)), -(-longest // 64)))
    steps, window = synapses.window_within(depth, shortest, longest)
    assert 1 <= window <= min(shortest, steps, synapses.MOST_TOGETHER)
    several_waves = longest > steps
    assert steps + (window - 1 if several_waves else 0) <= depth
    assert -(-longest // steps) <= 64


@pytest.mark.compiled
def test_a_failure_within_a_stretch_names_its_step() -> None:
    """A state that leaves the finite numbers at a known step, five steps into a stretch."""
    model = ns.NeuronModel(
        "bomb", equations="dx/dt = 1/ms : 1\nv = exp(x*1000) : 1\ndy/dt = v/ms : 1",
        threshold="y >= 1e300", reset="y = 0", method="euler", inputs={},
    )  # fmt: skip
    net = ns.Network("bombs", seed=1)
    bombs = net.population("bombs", 1500, model)
    relays = net.population("relays", 10, ns.LIF(synapses=ns.Delta()))
    net.project(bombs, relays, ns.AllToAll(), weight=0.0, delay=1.6)
    net.initialise(bombs, x=ns.Uniform(0.0, 0.05))
    session: Any = ns.compile(net, threads=1)
    assert session.engine.synapses.window == 16
    with pytest.raises(ns.SimulationError) as several:
        session.run(5.0)
    net.project(bombs[:10], relays, ns.OneToOne(), weight=0.0, delay=0.1, name="short")
    session = ns.compile(net, threads=1)
    assert session.engine.synapses.window == 1
    with pytest.raises(ns.SimulationError) as one:
        session.run(5.0)
    assert str(several.value) == str(one.value)


WEIGHTS = st.one_of(
    st.builds(ns.Normal, st.floats(-100, 100), st.floats(0.01, 50)),
    st.builds(ns.Uniform, st.floats(-50, -1), st.floats(1, 500)),
    st.builds(ns.LogNormal, st.floats(-2, 2), st.floats(0.1, 2)),
)


@settings(max_examples=15)
@given(weight=WEIGHTS, precision=st.sampled_from(["double", "single"]), seed=st.integers(0, 99))
def test_compact_weights_keep_to_their_bound(
    weight: ns.Distribution, precision: str, seed: int
) -> None:
    """One spike through each of 500 synapses: no jump is off by more than was declared."""
    net = ns.Network("jumps", seed=seed)
    source = net.population("in", 1, ns.SpikeTimes([[0.1]]))
    model = ns.LIF(E_L=0.0, V_reset=0.0, V_th=1e9, tau_m=1e9, synapses=ns.Delta())
    cells = net.population("cells", 500, model)
    net.initialise(cells, V_m=0.0)
    net.project(source, cells, ns.AllToAll(), weight=weight, delay=0.1, receptor="delta")
    net.record(cells, "V_m")
    exact = ns.run(net, 0.3, synapse_format="full").states["cells"]["V_m"].array[-1]
    run = ns.run(net, 0.3, synapse_format="fixed16", precision=precision)
    (told,) = [a for a in run.provenance["approximations"] if a["part"].endswith("weights")]
    assert told["unit"] == "relative"
    off = np.abs(run.states["cells"]["V_m"].array[-1] - exact)
    of_states = 2.0**-23 if precision == "single" else 1e-12
    assert np.all(off <= (told["bound"] + of_states) * np.abs(exact))
    assert np.any(off > 0)
