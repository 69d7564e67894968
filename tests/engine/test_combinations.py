"""Every way to cut and share a run, at once: one hash. And the bound that compact weights keep."""

from __future__ import annotations

import hashlib
import itertools

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


def several_blocks() -> ns.Network:
    """More neurons than a block has, everything random, delays of 1 to 30 steps."""
    net = ns.Network("blocks", seed=3)
    synapse = ns.ExpCurrent(exc=2.0, inh=4.0)
    exc = net.population("exc", 2500, ns.LIF(synapses=synapse, V_th=-55.0, t_ref=1.0))
    inh = net.population("inh", 700, ns.LIF(synapses=synapse, V_th=-55.0))
    source = net.population("in", 90, ns.Poisson(rate=40.0))
    net.initialise(exc + inh, V_m=ns.Uniform(-70, -55))
    net.drive(exc + inh, ns.Poisson(rate=9000.0), weight=30.0, receptor="exc")
    net.inject(exc, ns.NoiseCurrent(mean=50.0, sd=80.0))
    delay = ns.Normal(1.0, 0.7, clip=(0.1, 3.0))
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
