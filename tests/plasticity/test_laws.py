"""What holds of plastic synapses whatever the rule: same bits, nothing lost, no surprise."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import neurosim as ns
from neurosim.engine.clock import LAST_LABEL
from neurosim.engine.plastic import PlasticProjection
from neurosim.kernels import plastic as kernels
from neurosim_backends.cpu import CPUSession
from tests.plasticity.oracle import Synapse, exponential

pytestmark = pytest.mark.compiled

LEARNING = ns.STDP(w_max=2.0, a_plus=0.05, a_minus=0.04, tau_plus=15)
TRACED = ns.RewardModulatedSTDP(w_max=2.0)


def recurrent(rule: Any, size: int = 2500, record: bool = False) -> ns.Network:
    """Neurons in three blocks, so that there are tiles to share, each onto each by chance."""
    net = ns.Network("recurrent", seed=5)
    model = ns.LIF(tau_m=20, E_L=0, V_th=20, V_reset=10, t_ref=1, synapses=ns.Delta())
    cells = net.population("cells", size, model)
    net.initialise(cells, V_m=ns.Uniform(0, 20))
    net.drive(cells, ns.Poisson(rate=9000), weight=0.12)
    net.project(
        cells, cells, ns.FixedIndegree(40), weight=ns.Uniform(0, 1), delay=ns.Uniform(0.2, 3),
        plasticity=rule, name="p",
    )  # fmt: skip
    net.project(cells, cells[:500], ns.FixedIndegree(10), weight=-0.4, delay=1.5)
    net.record(cells, "spikes")
    if record:
        net.record(net["p"], "weight", every=20.0, initial=True)
    return net


@pytest.mark.parametrize("rule", [LEARNING, TRACED], ids=["weights", "eligibility"])
@pytest.mark.parametrize("precision", ["double", "single"])
def test_bits_do_not_depend_on_threads_pieces_or_being_looked_at(rule: Any, precision: str) -> None:
    found = []
    for threads, pieces, looks in ((1, [60.0], 0), (2, [60.0], 0), (4, [20.0, 0.7, 39.3], 1)):
        session = ns.compile(recurrent(rule), threads=threads, precision=precision)
        spikes = []
        for duration in pieces:
            run = session.run(duration)
            spikes.append(np.stack([run.spikes["cells"].times, run.spikes["cells"].ids]))
            if looks:
                session.connections("p")
                session.get("p", "w")
        extra = [session.get("p", "c")] if rule is TRACED else []
        assert isinstance(session, CPUSession)
        assert len(session.engine.plastic["p"].parts) >= min(threads, 2)
        found.append([np.concatenate(spikes, axis=1), session.connections("p").weight, *extra])
    assert found[0][0].shape[1] > 2000
    for other in found[1:]:
        for ours, theirs in zip(found[0], other, strict=True):
            assert ours.tobytes() == theirs.tobytes()


def test_recorded_weights_are_those_one_reads() -> None:
    session = ns.compile(recurrent(LEARNING, record=True), threads=2)
    start = session.connections("p").weight
    first = session.run(40.0)
    second = session.run(20.0)
    trace = first.weights["p"]
    np.testing.assert_allclose(trace.times, [0.0, 20.0, 40.0])
    assert trace.array.shape == (3, len(session.connections("p")))
    assert np.array_equal(trace.array[0], start)
    assert not np.array_equal(trace.array[1], start)
    assert np.array_equal(second.weights["p"].array[0], trace.array[2])
    assert np.array_equal(second.weights["p"].array[1], session.connections("p").weight)
    alone = ns.compile(recurrent(LEARNING), threads=1)
    alone.run(20.0)
    assert np.array_equal(alone.connections("p").weight, trace.array[1])


def test_connections_are_those_of_the_static_network() -> None:
    plastic = ns.compile(recurrent(LEARNING), threads=2).connections("p")
    static = ns.compile(recurrent(None), threads=1).connections("p")
    for name in ("pre", "post", "weight", "delay"):
        assert np.array_equal(getattr(plastic, name), getattr(static, name))


def test_a_rule_that_changes_nothing_is_a_static_synapse() -> None:
    still = ns.STDP(w_max=2.0, a_plus=0, a_minus=0)
    plastic = ns.run(recurrent(still), 50)
    static = ns.run(recurrent(None), 50)
    assert len(static.spikes["cells"].times) > 1000
    assert np.array_equal(plastic.spikes["cells"].times, static.spikes["cells"].times)
    assert np.array_equal(plastic.spikes["cells"].ids, static.spikes["cells"].ids)


def silent(n_spikes: int, late: list[float]) -> ns.Network:
    """One neuron spikes every step, kicked from outside; its source is silent for long."""
    net = ns.Network("silent", seed=1)
    source = net.population("pre", 1, ns.SpikeTimes([late]))
    active = net.population("active", 1, ns.SpikeTimes([[0.1 * k for k in range(5, 900, 40)]]))
    model = ns.LIF(E_L=0, V_th=1, V_reset=0, t_ref=0, I_e=1e6, synapses=ns.Delta())
    target = net.population("post", 1, model)
    for name, population in (("p", source), ("q", active)):
        net.project(
            population, target, ns.AllToAll(), weight=0.5, delay=0.3, name=name,
            plasticity=ns.STDP(w_max=1e9, a_plus=1e-3, a_minus=1e-6, w_min=-1e9),
        )  # fmt: skip
    net.record(target, "spikes")
    return net


def test_a_million_spikes_against_a_silent_source() -> None:
    """Early, the source spikes once, then not while its target spikes a million times."""
    late = [1.0, 100_000.2]
    session = ns.compile(silent(10**6, late), threads=1)
    run = session.run(100_001)
    assert len(run.spikes["post"].times) == 1_000_010
    assert isinstance(session, CPUSession)
    projection = session.engine.plastic["p"]
    assert isinstance(projection, PlasticProjection)
    (part,) = projection.parts
    assert part.status[kernels.S_CAUGHT_UP] > 1000
    assert part.entries.nbytes < 2000  # so much of the past is kept
    x, w = 0.0, 0.5
    decay = np.exp(-0.1 / 20)
    # A spike of the target at label k reaches the synapse at k + 3, before the source's own.
    for label in range(4, 1_000_011):
        x *= decay
        w += 1e-3 * x
        if label in (10, 1_000_002):
            y = (1 - decay ** (label - 4)) / (1 - decay) * decay
            w -= 1e-6 * y
            x += 1
    assert session.connections("p").weight[0] == pytest.approx(w, rel=1e-9)


def test_frozen_synapses_stay_while_traces_go_on() -> None:
    session = ns.compile(recurrent(LEARNING), threads=2)
    session.run(20.0)
    session.freeze("p")
    before = session.connections("p").weight
    session.run(30.0)
    assert np.array_equal(session.connections("p").weight, before)
    session.unfreeze("p")
    assert np.array_equal(session.connections("p").weight, before)
    session.run(20.0)
    assert not np.array_equal(session.connections("p").weight, before)


def test_frozen_short_term_plasticity_goes_on() -> None:
    """Release is nothing that is learned."""

    def carried(frozen: bool) -> Any:
        net = ns.Network("stp")
        source = net.population("pre", 1, ns.SpikeTimes([[1.0, 11.0, 21.0]]))
        target = net.population("post", 1, ns.LIF(synapses=ns.ExpCurrent(exc=1)))
        net.project(
            source, target, ns.AllToAll(), weight=10, receptor="exc",
            plasticity=ns.TsodyksMarkram(U=0.5, tau_rec=100), name="p",
        )  # fmt: skip
        net.record(target, "I_exc")
        session = ns.compile(net)
        if frozen:
            session.freeze()
        return session.run(30).states["post"]["I_exc"].array

    assert np.array_equal(carried(True), carried(False))


def test_what_spikes_carry_is_the_text() -> None:
    """Facilitation and depression, spike by spike, against plain arithmetic."""
    times = [[2.0, 7.0, 9.0, 30.0, 90.0]]
    rule = ns.TsodyksMarkram(U=0.2, tau_rec=60, tau_facil=200)
    net = ns.Network("stp")
    source = net.population("pre", 1, ns.SpikeTimes(times))
    target = net.population("post", 1, ns.LIF(V_th=1e9, synapses=ns.ExpCurrent(exc=1)))
    net.project(
        source, target, ns.AllToAll(), weight=10, delay=0.1, receptor="exc", plasticity=rule
    )
    net.record(target, "I_exc")
    current = ns.run(net, 100).states["post"]["I_exc"]
    synapse = Synapse(
        rule.plasticity_rule(), 10.0, {"u": exponential(200), "R": exponential(60, 1.0)}
    )
    synapse.follow(times[0], [], 100.0)
    jumps = current.array[:, 0].copy()
    jumps[1:] -= current.array[:-1, 0] * np.exp(-0.1)
    arrived = jumps[np.rint(np.array(times[0]) / 0.1).astype(int)]
    np.testing.assert_allclose(arrived, synapse.carried, rtol=1e-12)


def test_a_reward_turns_eligibility_into_weights() -> None:
    session = ns.compile(recurrent(TRACED), threads=2)
    session.run(50.0)
    before, trace = session.connections("p").weight, session.get("p", "c")
    assert np.abs(trace).max() > 0.01
    session.signal("p", reward=0.5)
    after = session.connections("p").weight
    # c stands at the last spike of each synapse until the signal brings it to the present.
    now = session.get("p", "c")
    np.testing.assert_allclose(after, np.clip(before + 0.5 * now, 0, 2), rtol=1e-12, atol=1e-15)
    assert not np.array_equal(before, after)
    session.run(10.0)
    assert np.array_equal(session.connections("p").weight, after)


def test_going_back_to_the_start_keeps_weights_and_forgets_traces() -> None:
    session = ns.compile(recurrent(TRACED), threads=2)
    first = session.run(40.0)
    session.signal("p", reward=0.2)
    learned = session.connections("p").weight
    session.reset()
    assert np.array_equal(session.connections("p").weight, learned)
    assert not session.get("p", "c").any()
    session.set("p", w=recurrent_weights())
    again = session.run(40.0)
    assert np.array_equal(first.spikes["cells"].times, again.spikes["cells"].times)


def recurrent_weights() -> Any:
    return ns.compile(recurrent(None)).connections("p").weight


def test_weights_are_set_one_by_one_or_all_alike() -> None:
    session = ns.compile(recurrent(LEARNING), threads=2)
    n = len(session.connections("p"))
    wanted = np.linspace(0, 2, n)
    session.set("p", w=wanted)
    assert np.array_equal(session.get("p", "w"), wanted)
    session.set(session.network["p"], w=0.25)
    assert np.array_equal(session.connections("p").weight, np.full(n, 0.25))
    with pytest.raises(ns.DescriptionError, match="from w_min to w_max, 0 to 2"):
        session.set("p", w=2.5)
    with pytest.raises(ns.DescriptionError, match="one for each of"):
        session.set("p", w=[1.0, 2.0])
    with pytest.raises(ns.UnknownNameError, match="variable of synapses"):
        session.set("p", c=1.0)
    with pytest.raises(ns.DescriptionError, match="finite"):
        session.set("p", w=np.nan)


def test_an_effect_beyond_its_bound_stops_the_run() -> None:
    rule = ns.PlasticityRule("amplifier", pre="n : 1", on_pre="n += 1; effect = w*n", max_effect=3)
    net = ns.Network("bound")
    source = net.population("pre", 1, ns.SpikeTimes([[1.0, 2.0, 3.0, 4.0, 5.0]]))
    target = net.population("post", 1, ns.LIF(synapses=ns.ExpCurrent()))
    net.project(source, target, ns.AllToAll(), weight=2, receptor="exc", plasticity=rule, name="p")
    session = ns.compile(net)
    session.run(3.5)
    with pytest.raises(ns.SimulationError, match=r"'p' at t = 4 ms.*carry more than 6"):
        session.run(10)
    with pytest.raises(ns.SimulationError, match="reset"):
        session.run(1)
    session.reset()
    session.run(3.5)


def test_more_steps_than_labels_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Labels of postsynaptic spikes have 32 bits."""
    assert np.iinfo(np.int32).max - 1 == LAST_LABEL
    monkeypatch.setattr("neurosim.engine.clock.LAST_LABEL", 20)
    session = ns.compile(recurrent(LEARNING, size=50))
    session.run(1.5)
    with pytest.raises(
        ns.SimulationError, match=r"count 20 steps at most; this run would end at 25"
    ):
        session.run(1)
    session.reset()
    session.run(2)


def test_rules_are_values(tmp_path: Path) -> None:
    """Saved, pickled, hashed: the same rule, whether named or typed out."""
    net = recurrent(LEARNING)
    net.save(tmp_path / "net.h5")
    again = ns.load(tmp_path / "net.h5")
    assert isinstance(again, ns.Network)
    assert again.content_hash() == net.content_hash()
    assert recurrent(LEARNING.plasticity_rule()).content_hash() == net.content_hash()
    assert recurrent(TRACED).content_hash() != net.content_hash()
    assert recurrent(None).content_hash() != net.content_hash()
    rule = ns.PlasticityRule(
        "r", pre="dx/dt = -x/tau : 1", on_pre="x += 1; effect = w/x", parameters={"tau": "2 s"}
    )
    assert rule.parameters["tau"] == 2000.0
    assert pickle.loads(pickle.dumps(rule)) == rule
    assert hash(pickle.loads(pickle.dumps(rule))) == hash(rule)


def test_weights_learned_are_written_back() -> None:
    session = ns.compile(recurrent(LEARNING), threads=1)
    session.run(30.0)
    learned = session.connections("p")
    other = session.network.with_weights({"p": learned})
    assert np.array_equal(ns.compile(other).connections("p").weight, learned.weight)


@pytest.mark.parametrize("backend", ["snntorch", "norse"])
def test_modules_refuse_plastic_synapses(backend: str) -> None:
    with pytest.raises(ns.UnsupportedError, match="plastic"):
        ns.run(recurrent(LEARNING, size=50), 1, backend=backend)
