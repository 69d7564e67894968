"""Brian2 in this process: what one neuron does, and what is left of the user's own Brian2."""

from __future__ import annotations

import warnings
from typing import Any

import brian2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import neurosim as ns
from neurosim import capabilities
from neurosim.capabilities import UnavailableError
from neurosim.errors import ApproximationWarning, UnsupportedError
from neurosim.lower.lowering import lower
from neurosim_backends.brian2.expressions import Names, Printer
from neurosim_backends.brian2.network import layered

pytestmark = [pytest.mark.compiled, pytest.mark.usefixtures("brian2_in_numpy")]


def run(net: ns.Network, duration: float, *pieces: float, **options: Any) -> ns.Run:
    session = ns.compile(net, "brian2", **options)
    found = session.run(duration)
    for piece in pieces:
        found = found + session.run(piece)
    return found


def steps(record: Any, dt: float = 0.1) -> list[int]:
    return [round(float(t) / dt) for t in record.times]


def jumper(**parameters: Any) -> ns.LIF:
    """Return a neuron at 0 mV whose threshold is 20 mV, and whose potential spikes move."""
    return ns.LIF(synapses=ns.Delta(), E_L=0, V_th=20, V_reset=0, **parameters)


def sent(times: list[float], model: Any, weight: float, delay: float = 0.1) -> ns.Network:
    """Return a network in which given spikes reach one neuron."""
    net = ns.Network("sent")
    source = net.population("source", 1, ns.SpikeTimes([times]))
    cell = net.population("cell", 1, model)
    net.project(source, cell, ns.OneToOne(), weight=weight, delay=delay)
    net.record(cell, ["spikes", "V_m"])
    return net


# --- laws of one neuron, told without the core ----------------------------------------------------
def test_a_spike_arrives_one_delay_later_and_fires_in_that_step() -> None:
    for delay in (0.1, 0.2, 1.5):
        found = run(sent([2.0], jumper(t_ref=1.0), 25.0, delay), 5)
        assert steps(found.spikes["cell"]) == [round(10 * (2.0 + delay))]


def test_a_spike_arrives_at_the_end_of_the_second_step_at_the_earliest() -> None:
    found = run(sent([0.1], jumper(), 25.0), 1)
    assert steps(found.spikes["cell"]) == [2]


def test_reaching_the_threshold_is_firing_and_below_it_is_not() -> None:
    # 20.05 mV onto a threshold of 20: Brian2's own order of a step would let it decay first.
    assert steps(run(sent([1.0], jumper(), 20.05), 3).spikes["cell"]) == [11]
    assert steps(run(sent([1.0], jumper(), 20.0), 3).spikes["cell"]) == [11]
    assert steps(run(sent([1.0], jumper(), 19.95), 3).spikes["cell"]) == []


def test_intervals_are_the_refractory_time_and_a_step_more() -> None:
    """A neuron that starts above threshold after every reset fires every t_ref + dt."""
    net = ns.Network("bursting")
    cell = net.population("cell", 3, jumper(t_ref=[0.0, 0.1, 5.0], I_e=1e5))
    net.record(cell, "spikes")
    found = run(net, 20).spikes["cell"]
    for neuron, interval in enumerate((1, 2, 51)):
        mine = np.array(steps(found))[found.ids == neuron]
        assert np.all(np.diff(mine) == interval)
        assert mine[0] == 1


def test_arrivals_while_refractory_are_lost_and_those_after_are_not() -> None:
    """Reset at 1.1 ms and held for 1 ms: what arrives up to 2.1 ms is lost."""
    for time, kept in ((1.5, False), (2.0, False), (2.1, True)):
        found = run(sent([1.0, time], jumper(t_ref=1.0), 25.0), 4)
        assert steps(found.spikes["cell"]) == ([11, round(10 * time) + 1] if kept else [11])


def test_a_current_goes_on_while_the_neuron_is_refractory() -> None:
    net = sent([1.0, 1.5], ns.LIF(synapses=ns.ExpCurrent.receptor(tau=2.0), t_ref=3.0), 1e5)
    net.record(net["cell"], "I_syn")
    trace = run(net, 2.5).states["cell"]
    expected = 1e5 * (np.exp(-1.4 / 2.0) + np.exp(-0.9 / 2.0))
    assert trace["I_syn"].array[-1, 0] == pytest.approx(expected, rel=1e-12)
    assert trace["V_m"].array[-1, 0] == -70.0


@pytest.mark.parametrize("many", [1, 2, 3, 7])
def test_several_spikes_at_once_and_several_synapses_add_up(many: int) -> None:
    once = run(sent([1.0] * many, jumper(), 1.0), 2)
    net = ns.Network("pairs")
    source = net.population("source", 1, ns.SpikeTimes([[1.0]]))
    cell = net.population("cell", 1, jumper())
    net.project(source, cell, ns.FromList([(0, 0)] * many), weight=1.0, delay=0.1)
    net.record(cell, "V_m")
    for found in (once, run(net, 2)):
        assert found.states["cell"]["V_m"].array[10, 0] == pytest.approx(many, rel=1e-14)


@given(st.lists(st.tuples(st.integers(1, 6), st.integers(0, 3)), max_size=40))
def test_layers_count_in_twos(spikes: list[tuple[int, int]]) -> None:
    """Layer b stands for 2**b spikes; together they are as many as there were."""
    labels = np.array([s for s, _ in spikes], np.int64)
    ids = np.array([n for _, n in spikes], np.int64)
    total: dict[tuple[int, int], int] = {}
    for bit, (step, neuron) in enumerate(layered(labels, ids, 4)):
        pairs = list(zip(step.tolist(), neuron.tolist(), strict=True))
        assert pairs == sorted(set(pairs))
        for pair in pairs:
            total[pair] = total.get(pair, 0) + 2**bit
    assert total == {pair: spikes.count(pair) for pair in spikes}


# --- beside the core ------------------------------------------------------------------------------
def assert_same(net: ns.Network, duration: float, rtol: float = 1e-12) -> tuple[ns.Run, ns.Run]:
    """Run on both and compare spikes on the grid, and states."""
    ours, theirs = ns.run(net, duration), run(net, duration)
    for name, record in ours.spikes.items():
        assert steps(theirs.spikes[name]) == steps(record)
        np.testing.assert_array_equal(theirs.spikes[name].ids, record.ids)
    for name, traces in ours.states.items():
        for variable, trace in traces.items():
            scale = np.abs(trace.array).max() or 1.0
            found = theirs.states[name][variable].array
            np.testing.assert_allclose(found, trace.array, rtol=0, atol=rtol * scale)
    return ours, theirs


def noisy(method: str | None, noise: str, n: int = 3) -> ns.Network:
    model = ns.NeuronModel(
        "noisy",
        equations=f"dx/dt = (1 - x)/tau + {noise} : 1\ndy/dt = (x - y)/tau : 1\ntau : ms\ns : 1",
        parameters={"tau": 10.0, "s": 0.3}, method=method, initial={"x": 1.0},
    )  # fmt: skip
    net = ns.Network("noisy")
    net.record(net.population("cells", n, model), ["x", "y"])
    return net


@pytest.mark.parametrize(
    ("method", "noise"),
    [
        ("euler", "s*xi/sqrt(tau)"),
        ("euler", "s*x*xi/sqrt(tau)"),
        ("heun", "s*x*xi/sqrt(tau)"),
        ("heun", "s*xi_a/sqrt(tau) + s*x*xi_b/sqrt(tau)"),
    ],
)
def test_the_same_noise_arrives(method: str, noise: str) -> None:
    ours, _ = assert_same(noisy(method, noise), 20)
    assert np.ptp(ours.states["cells"]["x"].array) > 0.1


def test_milstein_solves_the_ito_equation_with_the_drift_that_makes_it_so() -> None:
    """The two differ by terms that vanish with the step; without the drift they would not."""
    off = []
    for dt in (0.8, 0.05):
        net = noisy("milstein", "s*x*xi/sqrt(tau)", 100)
        with pytest.warns(ApproximationWarning, match="Stratonovich"):
            theirs = run(net, 20, dt=dt)
        ours = ns.run(net, 20, dt=dt)
        gap = theirs.states["cells"]["x"].array[-1] - ours.states["cells"]["x"].array[-1]
        off.append(float(np.sqrt(np.mean(gap**2))))
    assert off[1] < 0.5 * off[0]
    drift = 0.5 * 0.3**2 * 20 / 10  # what the wrong calculus adds in 20 ms, to first order
    assert off[1] < 0.03 * drift


def test_noise_under_the_exact_method_is_taken_by_euler_and_told() -> None:
    net = noisy(None, "s*xi/sqrt(tau)")
    with pytest.warns(ApproximationWarning, match="Euler-Maruyama"):
        theirs = run(net, 20)
    ours = ns.run(net, 20)
    gap = theirs.states["cells"]["x"].array - ours.states["cells"]["x"].array
    assert 0 < np.abs(gap).max() < 0.02
    assert theirs.provenance["methods"] == {"cells": "euler"}
    assert any("Euler-Maruyama" in a["how"] for a in theirs.provenance["approximations"])


def swinging(decay: float, turn: float, noise: float) -> ns.Network:
    """Return a damped rotation, with noise too small to be seen beside it if any."""
    term = f" + {noise}*xi/sqrt(1*ms)" if noise else ""
    model = ns.NeuronModel(
        "swinging",
        equations=f"dx/dt = -a*x - w*y{term} : 1\ndy/dt = w*x - a*y : 1\na : 1/ms\nw : 1/ms",
        parameters={"a": decay, "w": turn},
    )  # fmt: skip
    net = ns.Network("swinging")
    cells = net.population("cells", 1, model)
    net.initialise(cells, x=1.0)
    net.record(cells, ["x", "y"], initial=True)
    return net


@pytest.mark.parametrize("noise", [0.0, 1e-9], ids=["rk4", "euler"])
@pytest.mark.parametrize(("decay", "turn"), [(1.0, 0.0), (0.4, 1.3), (0.3, 0.2)])
def test_the_error_told_of_a_step_is_the_one_it_makes(
    decay: float, turn: float, noise: float
) -> None:
    """Also of oscillations, whose decay says little of how fast they turn."""
    net = swinging(decay, turn, noise)
    (told,) = ns.explain(net, "brian2").approximated
    with pytest.warns(ApproximationWarning):
        theirs = run(net, 0.1)
    ours = ns.run(net, 0.1)
    a, b = (
        np.array([r.states["cells"][name].array[:, 0] for name in ("x", "y")])
        for r in (theirs, ours)
    )
    off = np.linalg.norm(a[:, 1] - b[:, 1]) / np.linalg.norm(b[:, 1] - b[:, 0])
    said = float(told.bound.partition("modulus: ")[2].split()[0])
    assert off == pytest.approx(said, rel=0.15)


@pytest.mark.parametrize("noise", [0.0, 1e-9], ids=["rk4", "euler"])
@pytest.mark.parametrize("dt", [0.025, 0.1, 0.2])
@pytest.mark.parametrize(
    ("decay", "turn"), [(0.1, 0.6), (0.01, 0.6), (0.0, 0.6), (12.0, 0.1), (0.1, 30.0), (-0.1, 0.6)]
)
def test_what_would_grow_although_it_should_not_is_refused(
    decay: float, turn: float, dt: float, noise: float
) -> None:
    """Against powers of the matrix of a step; what is meant to grow may."""
    net = swinging(decay, turn, noise)
    matrix = np.array([[-decay, -turn], [turn, -decay]]) * dt
    terms = (1, 1) if noise else (1, 1, 2, 6, 24)
    step = sum((np.linalg.matrix_power(matrix, k) / f for k, f in enumerate(terms)), np.zeros(2))
    with np.errstate(all="ignore"):
        grows = not np.linalg.norm(np.linalg.matrix_power(step, 200_000)) < 10
    told = ns.explain(net, "brian2", dt=dt)
    assert bool(told.refused) == (grows and decay >= 0)
    for finding in told.refused:
        nearest = [float(x.split()[2]) for x in finding.nearest.split(" or ") if "dt" in x]
        for shorter in nearest:
            assert not ns.explain(net, "brian2", dt=shorter).refused
        assert nearest or decay == 0
        assert ("heun" in finding.nearest) == bool(noise)


def test_values_that_are_drawn_are_judged_as_they_are_drawn() -> None:
    """One neuron of many whose oscillation Euler's step would blow up is enough."""
    many = swinging(0.0, 0.6, 0.1).populations["cells"].model
    for seed in range(1, 5):
        net = ns.Network("drawn", seed=seed)
        model = ns.NeuronModel(
            "swinging", equations=many.equations,
            parameters={"a": ns.Uniform(0.01, 0.2), "w": 1.0},
        )  # fmt: skip
        net.population("cells", 6, model)
        drawn = lower(net, 0.1).populations[0].parameters["a"]
        assert bool(ns.explain(net, "brian2").refused) == bool(np.min(drawn) < 0.0512)


@pytest.mark.parametrize("backend", ["brian2", "brian2_cpp"])
def test_a_value_that_is_set_later_is_judged_as_well(backend: str) -> None:
    """A network may begin with a step that decays, and be given one that grows."""
    net = noisy(None, "s*xi/sqrt(tau)")
    (cells,) = net.populations.values()
    with pytest.warns(ApproximationWarning):
        session = ns.compile(net, backend)
    before = session.get(cells, "tau")
    for where in (cells, cells[:1]):
        with pytest.raises(UnsupportedError, match=r"session\.set: tau of 'cells'.*would grow"):
            session.set(where, tau=0.04)
        np.testing.assert_array_equal(session.get(cells, "tau"), before)
    session.set(cells, tau=0.06)
    assert np.all(session.get(cells, "tau") == 0.06)


def test_two_noises_in_one_variable_have_no_exact_step() -> None:
    net = noisy(None, "s*xi_a/sqrt(tau) + s*xi_b/sqrt(tau)")
    with pytest.raises(UnsupportedError, match=r"(?s)exact.*method='euler'"):
        ns.compile(net, "brian2")
    assert_same(noisy("euler", "s*xi_a/sqrt(tau) + s*xi_b/sqrt(tau)"), 5)


@pytest.mark.parametrize(("tau", "told"), [(10.0, True), (10.0 * (1 + 1e-6), True), (9.0, False)])
def test_equal_time_constants_have_no_closed_form_of_brian2(tau: float, told: bool) -> None:
    """Its formula divides by their difference: rk4 takes over, and nothing is NaN."""
    net = sent([1.0], ns.LIF(tau_m=10, synapses=ns.ExpCurrent.receptor(tau=tau)), 300.0)
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("always")
        theirs = run(net, 20)
    assert any("rk4" in str(w.message) for w in shown) == told
    ours = ns.run(net, 20)
    np.testing.assert_allclose(
        theirs.states["cell"]["V_m"].array, ours.states["cell"]["V_m"].array,
        rtol=0, atol=1e-7 if told else 1e-11,
    )  # fmt: skip


def test_time_constants_made_equal_later_take_the_other_method() -> None:
    net = sent([1.0], ns.LIF(tau_m=10, synapses=ns.ExpCurrent.receptor(tau=5)), 300.0)
    ours, theirs = ns.compile(net), ns.compile(net, "brian2")
    for session in (ours, theirs):
        session.run(1.5)
    ours.set(net["cell"], tau_syn=10.0)
    with pytest.warns(ApproximationWarning, match="rk4"):
        theirs.set(net["cell"], tau_syn=10.0)
    after = theirs.run(10)
    assert any("rk4" in a["how"] for a in after.provenance["approximations"])
    a, b = ours.run(10).states["cell"]["V_m"], after.states["cell"]["V_m"]
    np.testing.assert_allclose(b.array, a.array, rtol=0, atol=1e-6)


def test_names_and_numbers_that_brian2_uses_otherwise() -> None:
    """Its constants, C++'s words, endings that mean a side of a synapse, 17 digits."""
    model = ns.NeuronModel(
        "names",
        equations="""
            de/dt = (pi*0.12345678901234567 - e + inf)/double : 1
            dinf/dt = -inf/rate_pre : 1
            dj/dt = where(e > 0.2, min(e, inf), clip(j, -1, 1))/double : 1
            pi : 1
            double : ms
            rate_pre : ms
        """,
        inputs={"short": "jump inf"},
        parameters={"pi": 2.0, "double": 10.0, "rate_pre": 3.0},
    )
    net = ns.Network("names")
    source = net.population("w", 1, ns.SpikeTimes([[1.0]]))
    cell = net.population("for", 1, model)
    net.project(source, cell, ns.OneToOne(), weight=0.5)
    net.record(cell, ["e", "inf", "j"])
    assert_same(net, 10)


def test_printed_numbers_are_the_numbers() -> None:
    import sympy

    printer = Printer({}, Names(()).fresh, {})
    for value in (0.1, 1 / 3, 2.718281828459045, -20.0, 1e-300):
        text = printer(sympy.Float(value))
        assert eval(text, dict(printer.constants)) == value
    assert len(printer.constants) == 2  # those that 15 digits do not hold


def test_values_set_per_neuron_while_spikes_are_on_their_way() -> None:
    """A parameter that was one number becomes one per neuron: nothing else changes."""
    net = ns.Network("set", seed=8)
    noise = net.population("noise", 5, ns.Poisson(rate=300))
    cells = net.population("cells", 6, ns.LIF(I_e=400.0, t_ref=1.0))
    net.project(noise, cells, ns.FixedProbability(0.6), weight=90, delay=2.5, receptor="exc")
    net.project(cells, cells, ns.AllToAll(), weight=-20, delay=1.7, receptor="inh")
    net.record(cells, ["spikes", "V_m", "I_exc"])
    ours, theirs = ns.compile(net), ns.compile(net, "brian2")
    for session in (ours, theirs):
        session.run(20.3)
        session.set(cells[1:4], I_e=[500.0, 550.0, 600.0], V_m=-58.0)
        session.set(cells, t_ref=np.linspace(0.5, 3, 6))
    assert_equal_runs(ours.run(30), theirs.run(30))
    for session in (ours, theirs):
        session.reset()
    assert_equal_runs(ours.run(25), theirs.run(25))


@pytest.mark.parametrize("pieces", [(6.0,), (3.0, 3.0), (2.0, 1.0, 3.0)])
def test_a_spike_in_the_last_step_of_a_piece_is_delivered_in_the_next(
    pieces: tuple[float, ...],
) -> None:
    """The source fires at 2 ms, the cell at 3 ms, and what it sends arrives at 4.5 ms."""
    net = sent([2.0], jumper(t_ref=1.0), 25.0, delay=1.0)
    after = net.population("after", 1, jumper())
    net.project(net["cell"], after, ns.OneToOne(), weight=1.0, delay=1.5)
    net.record(after, "V_m")
    found = run(net, *pieces)
    assert steps(found.spikes["cell"]) == [30]
    trace = found.states["after"]["V_m"].array[:, 0]
    assert trace[43] == 0
    assert trace[44] == 1


def test_a_refractory_time_set_while_it_runs_holds_from_the_next_spike() -> None:
    net = sent([1.0, 1.8, 3.0, 5.0], jumper(t_ref=1.0), 25.0)
    session = ns.compile(net, "brian2")
    found = session.run(1.5)
    session.set(net["cell"], t_ref=3.0)
    assert steps((found + session.run(5)).spikes["cell"]) == [11, 31]
    # The spike of 1.1 ms held for 1 ms as it was; that of 3.1 ms holds for 3 ms.


def assert_equal_runs(ours: ns.Run, theirs: ns.Run) -> None:
    assert len(ours.spikes["cells"]) > 0
    assert steps(ours.spikes["cells"]) == steps(theirs.spikes["cells"])
    np.testing.assert_array_equal(ours.spikes["cells"].ids, theirs.spikes["cells"].ids)
    for name, trace in ours.states["cells"].items():
        np.testing.assert_allclose(
            theirs.states["cells"][name].array, trace.array, rtol=0, atol=1e-9
        )


def test_single_precision_is_single() -> None:
    net = sent([1.0, 2.0], ns.LIF(synapses=ns.ExpCurrent.receptor(tau=3.0), I_e=350.0), 100.0)
    single, double = run(net, 20, precision="single"), run(net, 20)
    a, b = (r.states["cell"]["V_m"].array for r in (single, double))
    assert 0 < np.abs(a - b).max() < 1e-3
    assert np.array_equal(a, a.astype(np.float32))
    assert single.provenance["precision"] == "single"


def test_a_neuron_that_fires_and_goes_on_is_nothing_to_be_warned_of() -> None:
    """Without a reset, meant so: every step above the threshold is a spike."""
    rising = ns.NeuronModel(
        "rising", equations="dv/dt = (2 - v)/tau : 1\ntau : ms", threshold="v >= 1",
        parameters={"tau": 1.0},
    )  # fmt: skip
    net = ns.Network("net")
    net.record(net.population("cells", 1, rising), "spikes")
    with brian2.utils.logger.catch_logs() as told:
        run = ns.run(net, 2, "brian2")
    assert told == []
    assert run.same_as(ns.run(net, 2))
    assert len(run.spikes["cells"]) > 5


# --- the user's own Brian2 ------------------------------------------------------------------------


def test_the_users_brian2_stays_as_it_was() -> None:
    """Device, preferences, clock and a magic network of the user's know nothing of ours."""
    group = brian2.NeuronGroup(1, "dx/dt = 1/second : 1", method="euler", name="mine")
    dt = brian2.defaultclock.dt
    brian2.prefs.core.default_float_dtype = np.float32
    device = brian2.get_device()
    try:
        session = ns.compile(sent([1.0], jumper(), 25.0), "brian2")
        session.run(3)
        assert brian2.prefs.core.default_float_dtype == np.float32
        assert brian2.prefs.codegen.target == "numpy"
    finally:
        brian2.prefs.core.default_float_dtype = np.float64
    assert brian2.get_device() is device
    assert brian2.defaultclock.dt == dt
    brian2.run(1 * brian2.ms)  # the magic network: the user's group alone
    assert float(group.x[0]) == pytest.approx(0.001)
    assert brian2.defaultclock.t == 1 * brian2.ms
    assert session.time == pytest.approx(3.0)
    assert steps(session.run(1).spikes["cell"]) == []


def test_a_variable_of_the_script_has_no_part_in_it() -> None:
    tau_m = V_th = 1e9  # noqa: F841, names that Brian2 would find in the frame of the caller
    assert steps(run(sent([1.0], jumper(), 25.0), 3).spikes["cell"]) == [11]


# --- versions -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("versions", "message"),
    [
        ({"brian2": None}, r"brian2>=2\.9, which is not installed"),
        ({"brian2": "2.8.0"}, r"brian2>=2\.9; installed is brian2 2\.8\.0"),
        ({"brian2": "2.9.0", "numpy": "2.4.1"}, r"numpy<2\.4 beside brian2<2\.10; installed is"),
        ({"brian2": "2.10.0", "numpy": "2.4.1"}, None),
    ],
)
@pytest.mark.parametrize("backend", ["brian2", "brian2_cpp"])
def test_what_to_install_is_told(
    backend: str, versions: dict[str, Any], message: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = capabilities._installed
    monkeypatch.setattr(
        capabilities, "_installed", lambda name: versions[name] if name in versions else real(name)
    )
    monkeypatch.setattr(capabilities, "_has_module", lambda name: False)
    if message is None:
        ns.compile(sent([1.0], jumper(), 25.0), backend)
        return
    with pytest.raises(UnavailableError, match=message) as caught:
        ns.compile(sent([1.0], jumper(), 25.0), backend)
    assert "pip install 'neurosim-snn[brian2]'" in str(caught.value)
