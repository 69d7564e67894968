"""The clock engine: against a loop by hand, and against itself cut and shared in other ways."""

from __future__ import annotations

import signal
import threading
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import neurosim as ns
from neurosim.engine.clock import Engine
from neurosim.engine.pace import Pace
from neurosim.engine.synapses import WORST_RELATIVE_ERROR
from neurosim.lower.lowering import lower
from tests.engine.networks_by_hand import run_by_hand, same_bits, spikes_of


def small_network(random: np.random.Generator) -> ns.Network:
    """Populations, rules, delays, receptors and signs at random; enough input to fire."""
    net = ns.Network("random", seed=int(random.integers(1 << 31)))
    n_exp, n_delta, n_in = (int(n) for n in random.integers(1, 12, 3))
    exp = net.population(
        "exp",
        n_exp,
        ns.LIF(
            tau_m=10, C_m=100, E_L=-65, V_th=-55, V_reset=-68,
            t_ref=float(random.choice([0, 0.3, 2])), I_e=ns.Uniform(0, 120),
            synapses=ns.ExpCurrent(exc=3, inh=7),
        ),
    )  # fmt: skip
    delta = net.population(
        "delta",
        n_delta,
        ns.LIF(
            tau_m=20, C_m=200, E_L=-65, V_th=-55, V_reset=-65, t_ref=1.0, I_e=ns.Uniform(0, 130),
            synapses=ns.Delta(),
        ),
    )  # fmt: skip
    trains = [np.sort(random.uniform(0.1, 30, random.integers(0, 9))) for _ in range(n_in)]
    source = net.population("in", n_in, ns.SpikeTimes(trains))
    net.initialise(exp + delta, V_m=ns.Uniform(-65, -55))
    pres = [exp, delta, source, exp + delta]
    for _ in range(int(random.integers(1, 6))):
        pre = pres[random.integers(4)]
        post, receptors = ((exp, ("exc", "inh")), (delta, ("delta",)))[random.integers(2)]
        receptor = str(random.choice(receptors))
        rule = (
            ns.AllToAll(autapses=bool(random.integers(2))),
            ns.FixedProbability(float(random.uniform(0, 1))),
            ns.FixedIndegree(int(random.integers(0, 6))),
            ns.FixedOutdegree(int(random.integers(0, 6))),
            ns.FixedTotalNumber(int(random.integers(0, 60))),
        )[random.integers(5)]
        scale = 4.0 if receptor == "delta" else 60.0
        weight = (
            float(random.uniform(-scale, scale)),
            ns.Normal(0.3 * scale, scale),
            ns.Uniform(-scale, scale),
        )[random.integers(3)]
        delay = (None, 0.1, 1.7, ns.Uniform(0.1, 6), ns.Normal(1.5, 1.0, clip=(0.1, 40)))[
            random.integers(5)
        ]
        net.project(pre, post, rule, weight=weight, delay=delay, receptor=receptor)
    net.record(exp + delta + source, "spikes")
    net.record(exp + delta, "V_m")
    return net


@settings(max_examples=40)
@given(seed=st.integers(0, 1 << 31))
def test_every_spike_is_where_a_loop_by_hand_has_it(seed: int) -> None:
    """Random networks: spikes agree one by one, membrane potentials to rounding."""
    net = small_network(np.random.default_rng(seed))
    session = ns.compile(net, threads=1)
    expected = run_by_hand(net, session, 400)
    run = session.run(40)
    assert spikes_of(net, run) == expected.spikes
    v = np.concatenate([run.states["exp"]["V_m"].array, run.states["delta"]["V_m"].array], axis=1)
    np.testing.assert_allclose(v, expected.v, rtol=1e-10, atol=1e-9)


@settings(max_examples=12)
@given(seed=st.integers(0, 1 << 31), cut=st.integers(1, 399), threads=st.integers(2, 4))
def test_threads_pieces_and_waves_change_no_bit(seed: int, cut: int, threads: int) -> None:
    """Spikes and states are the same for any threads, pieces of the run and waves of delivery."""
    net = small_network(np.random.default_rng(seed))
    reference = ns.run(net, 40, threads=1)
    session = ns.compile(net, threads=threads)
    pieces = session.run(cut * 0.1) + session.run((400 - cut) * 0.1)
    assert same_bits(reference, pieces)
    plan = lower(net, 0.1)
    waves = [Engine(plan, threads=2, target_bytes=size).run(400) for size in (1, 200, 1 << 30)]
    for other in waves[1:]:
        assert np.array_equal(waves[0].ids, other.ids)
        assert np.array_equal(waves[0].labels, other.labels)


@pytest.mark.compiled
def test_every_worker_takes_part() -> None:
    """Four threads enter the loop when four are asked for, whatever the number of cores."""
    net = ns.Network("four")
    exc = net.population("exc", 9000, ns.LIF(I_e=400.0))
    net.project(exc, exc, ns.FixedIndegree(2), weight=1.0, receptor="exc")
    net.record(exc, "spikes")
    engine = Engine(lower(net, 0.1), threads=4)
    four = engine.run(100)
    assert engine.most_workers == 4
    one = Engine(lower(net, 0.1), threads=1).run(100)
    assert np.array_equal(one.ids, four.ids)


def test_long_delays_and_many_of_them() -> None:
    """A thousand delay steps: each of 1000 synapses delivers once, in its own step."""
    n = 1000
    net = ns.Network("delays")
    source = net.population("in", 1, ns.SpikeTimes([[0.1]]))
    target = net.population("out", n, ns.Parrot())
    delays = 0.1 * np.arange(1, n + 1)[np.newaxis]
    net.project(source, target, ns.AllToAll(), weight=1.0, delay=delays)
    net.record(target, "spikes")
    run = ns.run(net, 110, threads=1)
    assert np.array_equal(run.spikes["out"].ids, np.arange(n))
    np.testing.assert_allclose(run.spikes["out"].times, 0.1 + delays[0])


def test_more_targets_than_a_tile_holds() -> None:
    """70,000 targets: every one is reached, whichever tile it lies in."""
    n = 70_000
    net = ns.Network("tiles")
    source = net.population("in", 1, ns.SpikeTimes([[0.1]]))
    target = net.population("out", n, ns.Parrot())
    net.project(source, target, ns.AllToAll(), weight=1.0)
    net.record(target, "spikes")
    run = ns.run(net, 1)
    assert np.array_equal(run.spikes["out"].ids, np.arange(n))


def test_populations_of_one_and_projections_of_none() -> None:
    """The smallest networks run."""
    net = ns.Network("small")
    one = net.population("one", 1, ns.LIF(I_e=500.0))
    net.project(one, one, ns.FixedTotalNumber(0), receptor="exc")
    net.project(one, one, ns.FromList([]), receptor="inh")
    net.record(one, "spikes")
    assert len(ns.run(net, 100).spikes["one"]) > 0


def test_what_is_not_finite_stops_the_run_with_its_place() -> None:
    """An exploding variable is reported with population, variable, neuron and time."""
    net = ns.Network("bad")
    model = ns.NeuronModel(
        "runaway",
        equations="dx/dt = a*x**3/ms : 1\na : 1",
        parameters={"a": 0.0},
        initial={"x": 1.0},
    )
    cells = net.population("cells", 5, model)
    session = ns.compile(net)
    session.set(cells[3], a=1.0)
    with pytest.raises(
        ns.SimulationError, match=r"'cells', variable x, neuron 3.* at t = 0\.\d+ ms"
    ):
        session.run(50)
    with pytest.raises(ns.SimulationError, match=r"session\.reset"):
        session.run(50)
    session.set(cells, a=0.0)
    session.reset()
    assert session.run(50).interval == (0.0, 50.0)


def test_set_and_get_act_on_the_neurons_meant() -> None:
    """Parameters and states change for a view only; a bad value changes nothing."""
    net = ns.Network("set")
    cells = net.population("cells", 4, ns.LIF())
    net.record(cells, "spikes")
    session = ns.compile(net)
    assert len(session.run(50).spikes["cells"]) == 0
    session.set(cells[1:3], I_e=1000.0)
    assert session.get(cells, "I_e").tolist() == [0.0, 1000.0, 1000.0, 0.0]
    assert set(session.run(50).spikes["cells"].ids.tolist()) == {1, 2}
    session.set(cells, I_e=0.0, V_m=[-60.0, -61.0, -62.0, -63.0])
    assert session.get(cells[::2], "V_m").tolist() == [-60.0, -62.0]
    for bad in ({"tau_m": -1.0}, {"V_m": np.nan}, {"tau": 5.0}, {"V_m": [1.0]}):
        with pytest.raises(ns.NeurosimError):
            session.set(cells, **bad)
    assert session.get(cells, "tau_m").tolist() == [10.0] * 4


def test_reset_starts_the_same_run_again() -> None:
    """After reset a session repeats itself, random drive, noise and renewal trains included."""
    net = ns.Network("again", seed=3)
    cells = net.population("cells", 30, ns.LIF(synapses=ns.ExpCurrent()))
    net.drive(cells, ns.Poisson(rate=8000), weight=60.0, receptor="exc")
    net.inject(cells, ns.NoiseCurrent(mean=50, sd=100, tau=3))
    gamma = net.population("gamma", 20, ns.GammaProcess(rate=50, shape=2.0))
    net.project(gamma, cells, ns.FixedIndegree(3), weight=100.0, receptor="exc")
    net.record(cells + gamma, "spikes")
    session = ns.compile(net)
    first = session.run(100)
    assert len(first.spikes["cells"]) > 20
    session.reset()
    again = session.run(100)
    assert same_bits(first, again)
    assert not same_bits(first, ns.run(net, 100, trial=1))


def test_chunks_end_early_when_the_log_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    """A log with room for few steps gives the same spikes as a large one."""
    from neurosim.engine import clock

    net = ns.Network("busy", seed=5)
    cells = net.population("cells", 50, ns.LIF(I_e=3000.0, t_ref=0.1))
    net.project(
        cells, cells, ns.FixedIndegree(5), weight=5.0, delay=ns.Uniform(0.1, 9), receptor="exc"
    )
    net.record(cells, "spikes")
    large = ns.run(net, 200, threads=1)
    monkeypatch.setattr(clock, "LOG_SPIKES", 1)
    small = ns.run(net, 200, threads=1)
    assert len(large.spikes["cells"]) > 1000
    assert same_bits(large, small)


def test_an_interrupt_keeps_what_was_simulated() -> None:
    """Ctrl-C ends the run after the present chunk; the session goes on from there."""
    net = ns.Network("stop")
    cells = net.population("cells", 10, ns.LIF(I_e=500.0))
    net.record(cells, "spikes")
    engine = Engine(lower(net, 0.1), threads=1)
    calls: list[int] = []

    def interrupt(done: int, total: int) -> None:
        calls.append(done)
        if len(calls) == 2:
            signal.raise_signal(signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    part = engine.run(100_000, progress=interrupt)
    assert signal.getsignal(signal.SIGINT) is before
    assert engine.interrupted
    assert 0 < part.last_step == engine.step < 100_000
    rest = engine.run(1000)
    whole = Engine(lower(net, 0.1), threads=1).run(engine.step)
    assert np.array_equal(np.concatenate([part.labels, rest.labels]), whole.labels)


def test_two_threads_of_a_script_may_share_a_session() -> None:
    """Calls from several Python threads take turns."""
    net = ns.Network("turns")
    cells = net.population("cells", 10, ns.LIF(I_e=500.0))
    net.record(cells, "spikes")
    session = ns.compile(net)
    runs: list[Any] = []
    threads = [threading.Thread(target=lambda: runs.append(session.run(10))) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    starts = sorted(r.interval[0] for r in runs)
    np.testing.assert_allclose(starts, [0, 10, 20, 30])


@pytest.mark.parametrize("precision", ["double", "single"])
def test_unreliable_release_passes_the_stated_fraction(precision: str) -> None:
    """Of n spikes over reliable and unreliable synapses, about p n pass, each pair on its own."""
    n, p = 200, 0.3
    net = ns.Network("release", seed=8)
    source = net.population("in", n, ns.SpikeTimes([np.arange(1, 21) * 1.0] * n))
    target = net.population("out", n, ns.Parrot())
    net.project(source, target, ns.OneToOne(), weight=1.0, release=p)
    net.record(target, "spikes")
    run = ns.run(net, 25, precision=precision)
    trials = 20 * n
    sd = np.sqrt(trials * p * (1 - p))
    assert abs(len(run.spikes["out"]) - p * trials) < 4 * sd
    counts = np.bincount(run.spikes["out"].ids, minlength=n)
    assert abs(counts.var() - 20 * p * (1 - p)) < 4 * 20 * p * (1 - p) * np.sqrt(2 / n)
    assert same_bits(run, ns.run(net, 25, precision=precision, threads=3))


def test_a_network_that_cannot_fit_is_refused_before_it_is_built() -> None:
    """10^13 synapses: the message has the numbers, and nothing is allocated."""
    net = ns.Network("huge")
    cells = net.population("cells", 1_000_000, ns.LIF())
    net.project(cells, cells, ns.FixedTotalNumber(10**13), weight=ns.Normal(1, 0.1), receptor="exc")
    with pytest.raises(ns.CapacityError, match=r"10,000,000,000,000 synapses need .* available"):
        ns.compile(net)


def test_threads_that_do_not_pay_off_are_left_idle() -> None:
    """The pace settles on whichever is faster, and goes on trying the other."""
    pace = Pace(2)
    cost = {1: 1e-5, 2: 3e-5}
    chosen = []
    for _ in range(100):
        workers, steps = pace.next_chunk()
        pace.learn(workers, steps, cost[workers] * steps)
        chosen.append(workers)
    assert pace.workers == 1
    assert 3 <= chosen.count(2) <= 20
    cost[2] = 5e-6
    for _ in range(101):
        workers, steps = pace.next_chunk()
        pace.learn(workers, steps, cost[workers] * steps)
    assert pace.workers == 2
    assert steps == pytest.approx(0.08 / 5e-6, rel=0.1)


def test_recordings_that_cannot_fit_are_refused_before_the_run() -> None:
    """States of 10^5 neurons in 10^7 steps: the message says what takes most, and what to do."""
    net = ns.Network("films")
    cells = net.population("cells", 100_000, ns.LIF())
    net.record(cells, "V_m")
    session = ns.compile(net, threads=1)
    with pytest.raises(ns.CapacityError, match=r"for the V_m of 'cells'.*every="):
        session.run(1e6)
    assert session.time == 0
    assert session.run(0.3).states["cells"]["V_m"].array.shape == (3, 100_000)


def test_weights_beyond_single_precision_are_refused() -> None:
    """A weight that float32 cannot hold is refused while building, and is fine in double."""
    net = ns.Network("heavy")
    cells = net.population("cells", 2, ns.LIF())
    net.project(cells, cells, ns.AllToAll(), weight=1e39, receptor="exc")
    with pytest.raises(ns.CapacityError, match="single precision"):
        ns.compile(net, precision="single")
    ns.compile(net)


@pytest.mark.parametrize("precision", ["double", "single"])
@pytest.mark.parametrize("other", [0.0, 1e-12, 1e12])
def test_weights_of_one_target_do_not_round_those_of_another(other: float, precision: str) -> None:
    """One neuron sends to two: what it brings to one is held whatever goes to the other."""
    net = ns.Network("apart")
    source = net.population("in", 1, ns.SpikeTimes([[1.0]]))
    perfect = ns.PerfectIntegrator(synapses=ns.Delta(), V_th=1e15)
    weights = {"a": other, "b": 0.25}
    for name, weight in weights.items():
        target = net.population(name, 1, perfect)
        net.project(source, target, ns.FromMatrix(np.full((1, 1), weight)), receptor="delta")
        net.record(target, "V_m")
    run = ns.run(net, 5, precision=precision)
    for name, weight in weights.items():
        rel = WORST_RELATIVE_ERROR[precision]
        assert run.states[name]["V_m"].array[-1, 0] == pytest.approx(weight, rel=rel)


def test_the_projection_whose_weights_would_be_rounded_is_named() -> None:
    """Of two that share their sources, the one with weights of too wide a range."""
    net = ns.Network("wide")
    cells = net.population("cells", 2, ns.LIF(synapses=ns.ExpCurrent()))
    others = net.population("others", 2, ns.LIF(synapses=ns.ExpCurrent()))
    net.project(cells, cells, ns.FromMatrix(np.ones((2, 2))), receptor="exc", name="even")
    wide = ns.FromMatrix(np.diag([1e-15, 1e10]))
    net.project(cells, others, wide, receptor="exc", name="wide")
    with pytest.raises(ns.CapacityError, match=r"^Projection 'wide': the smallest .*\(1e-15\)"):
        ns.compile(net)


def test_rounded_times_are_told() -> None:
    """A written delay off the grid warns; a drawn one is in the provenance only."""
    net = ns.Network("off", seed=1)
    cells = net.population("cells", 2, ns.LIF())
    net.project(cells, cells, ns.AllToAll(), delay=0.14, receptor="exc")
    net.project(cells, cells, ns.AllToAll(), delay=ns.Uniform(1, 2), receptor="inh")
    with pytest.warns(ns.ApproximationWarning, match=r"'cells->cells': delay is rounded.*0\.04 ms"):
        run = ns.run(net, 1)
    source = net.population("in", 1, ns.SpikeTimes([[0.33]]))
    net.project(source, cells, ns.FromList([(0, 1)], delay=[0.27]), receptor="exc", name="listed")
    with pytest.warns(ns.ApproximationWarning) as warned:
        run = ns.run(net, 1)
    assert len(warned) == 1
    told = {a["part"]: a["bound"] for a in run.provenance["approximations"]}
    assert told["Population 'in': spike times"] == pytest.approx(0.03)
    assert told["Projection 'listed': delay"] == pytest.approx(0.03)
    assert told["Projection 'cells->cells': delay"] == pytest.approx(0.04)
    assert told["Projection 'cells->cells#2': delay"] == pytest.approx(0.05)
