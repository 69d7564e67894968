"""Rate and mean-field models against published figures, closed forms and loops written by hand."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import neurosim as ns
from benchmarks.references import neurolib_reference
from neurosim.errors import DescriptionError, EquationError, UnknownNameError

pytestmark = pytest.mark.compiled


def traces(model: Any, duration: float, dt: float = 0.1, **initial: float) -> dict[str, Any]:
    """Return the states of one unit by itself: (n_steps + 1,) each."""
    net = ns.Network("alone")
    unit = net.population("unit", 1, model)
    if initial:
        net.initialise(unit, **initial)
    names = list(unit.interface.state_units)
    net.record(unit, names, initial=True)
    found = ns.run(net, duration, dt=dt).states["unit"]
    return {name: found[name].array[:, 0] for name in names}


def untyped(value: Any) -> Any:
    """Return a value as something that a type checker knows nothing of."""
    return value


def upward(x: Any, level: float, dt: float) -> Any:
    """Return the times at which a trace crosses a level upwards, on straight lines."""
    k = np.flatnonzero((x[:-1] < level) & (x[1:] >= level))
    return (k + (level - x[k]) / (x[k + 1] - x[k])) * dt


# --- Wilson-Cowan -------------------------------------------------------------------------------


def test_the_limit_cycle_of_1972() -> None:
    """Period 5.003 tau, E between .1015 and .2715, I between .0214 and .1974.

    The set of figure 11 of Wilson & Cowan (1972), P = 1.25, with 1 - E in the place of k - E.
    """
    found = traces(ns.WilsonCowan(), 500.0, dt=0.05)
    E, I = (found[s][6000:] for s in "EI")
    period = np.diff(upward(E, 0.2, 0.05)).mean() / 10.0
    assert abs(period - 5.003) < 0.002
    for x, low, high in ((E, 0.1015, 0.2715), (I, 0.0214, 0.1974)):
        assert abs(x.min() - low) < 1e-4
        assert abs(x.max() - high) < 1e-4


def test_without_refractoriness_and_shift_the_rest_is_that_of_the_equation() -> None:
    """At a fixed point E = S_E and I = S_I; the plain response is not 0 without input."""
    model = ns.WilsonCowan(r_E=0, r_I=0, P=0, response="logistic")
    found = traces(model, 500.0)
    E, I = found["E"][-1], found["I"][-1]
    assert abs(E - 1 / (1 + math.exp(-1.3 * (16 * E - 12 * I - 4)))) < 1e-9
    assert abs(I - 1 / (1 + math.exp(-2 * (15 * E - 3 * I - 3.7)))) < 1e-9
    silent = traces(ns.WilsonCowan(P=0), 500.0, E=0.0, I=0.0)
    assert np.all(np.abs(silent["E"]) < 1e-15)


def whole_brain_loop(
    C: Any, delay_steps: Any, K: float, n_steps: int, dt: float, E: Any, I: Any
) -> Any:
    """Integrate the equations of neurolib's "wc" as its documentation has them, by Euler."""

    def response(x: Any) -> Any:
        return 1 / (1 + np.exp(-1.5 * (x - 3.0)))

    past = [np.array(E)]
    I = np.array(I)
    for k in range(n_steps):
        E = past[-1]
        received = np.zeros(E.size)
        for i in range(E.size):
            for j in range(E.size):
                received[i] += K * C[i, j] * past[max(0, k - delay_steps[i, j])][j]
        dE = (-E + (1 - E) * response(16 * E - 12 * I + received + 1.0)) / 2.5
        dI = (-I + (1 - I) * response(15 * E - 3 * I + 0.1)) / 3.75
        past.append(E + dt * dE)
        I = I + dt * dI
    return np.array(past)


def test_a_whole_brain_model_trace_by_trace() -> None:
    """neurolib's "wc": its defaults, delays of whole steps, its Euler step."""
    rng = np.random.default_rng(3)
    n, dt, steps = 8, 0.1, 2000
    C = rng.uniform(0, 1, (n, n)) * (1 - np.eye(n))  # target by source, as there
    delay_steps = rng.integers(0, 120, (n, n))
    E, I = rng.uniform(0, 0.2, (2, n))
    net = ns.Network("brain")
    model = ns.WilsonCowan(
        a_E=1.5, a_I=1.5, theta_E=3, theta_I=3, tau_E=2.5, tau_I=3.75, P=1.0, Q=0.1,
        response="logistic", method="euler",
    )  # fmt: skip
    nodes = net.population("nodes", n, model)
    net.initialise(nodes, E=E, I=I)
    net.project(
        nodes, nodes, ns.FromMatrix(0.6 * C.T), delay=delay_steps.T * dt, source="E", receptor="E"
    )
    net.record(nodes, "E", initial=True)
    found = ns.run(net, steps * dt, dt=dt).states["nodes"]["E"].array
    expected = whole_brain_loop(C, delay_steps, 0.6, steps, dt, E, I)
    assert expected[-500:].std(axis=0).min() > 0.1, "nothing would be compared at rest"
    np.testing.assert_allclose(found, expected, atol=1e-8)


def test_neurolib_trace_by_trace() -> None:
    """Traces that neurolib 0.6 itself made, by benchmarks/references/neurolib_reference.py."""
    given = neurolib_reference.matrices()
    expected = np.array(json.loads(neurolib_reference.FILE.read_text())["E"])
    model = ns.WilsonCowan(
        a_E=1.5, a_I=1.5, theta_E=3, theta_I=3, tau_E=2.5, tau_I=3.75, P=given["exc_ext"], Q=0,
        response="logistic", method="euler",
    )  # fmt: skip
    net = ns.Network("brain")
    nodes = net.population("nodes", neurolib_reference.NODES, model)
    net.initialise(nodes, E=given["E"], I=given["I"])
    net.project(
        nodes, nodes, ns.FromMatrix(given["K_gl"] * given["weights"]), delay=given["delays"],
        source="E", receptor="E",
    )  # fmt: skip
    net.record(nodes, "E", every=1)
    run = ns.run(net, neurolib_reference.DURATION, dt=neurolib_reference.DT)
    assert expected[-100:].std(axis=0).min() > 0.004, "nothing would be compared at rest"
    np.testing.assert_allclose(run.states["nodes"]["E"].array, expected, atol=1e-12)


# --- the others ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("ratio", "order"), [(0.5, 0.0), (2.0, math.sqrt(0.5)), (4.0, 0.75**0.5)])
def test_kuramoto_s_critical_coupling(ratio: float, order: float) -> None:
    """Frequencies of a Lorentzian of width g: K_c = 2 g, and r = sqrt(1 - K_c / K) above it."""
    n, width = 200, 0.05  # rad/ms
    spread = width * np.tan(np.pi * ((np.arange(n) + 0.5) / n - 0.5))
    net = ns.Network("phases", seed=1)
    phases = net.population("phases", n, ns.Kuramoto(f=1e3 * spread / (2 * math.pi)))
    net.initialise(phases, theta=ns.Uniform(0, 2 * math.pi))
    K = ratio * 2 * width
    sine = ns.CouplingFunction.sine()
    net.project(phases, phases, ns.AllToAll(), weight=K / n, source=sine, receptor="theta")
    net.record(phases, "theta", every=5)
    theta = ns.run(net, 400, dt=0.5).states["phases"]["theta"].array[-40:]
    found = float(np.abs(np.exp(1j * theta).mean(axis=1)).mean())
    assert abs(found - order) < (0.15 if order == 0 else 0.03)


def test_stuart_landau_runs_round_a_circle() -> None:
    """Radius sqrt(a) and frequency f above the bifurcation, rest below it."""
    found = traces(ns.StuartLandau(a=0.49, f=20.0, tau=5.0), 400.0, x=0.1)
    radius = np.hypot(found["x"], found["y"])[2000:]
    np.testing.assert_allclose(radius, 0.7, atol=1e-6)
    periods = np.diff(upward(found["x"][2000:], 0.0, 0.1))
    np.testing.assert_allclose(periods, 50.0, rtol=1e-6)
    below = traces(ns.StuartLandau(a=-0.2), 800.0, x=0.5)
    assert np.hypot(below["x"][-1], below["y"][-1]) < 1e-6


def test_jansen_rit_makes_alpha_waves() -> None:
    """About 10 Hz at p = 220 Hz and C = 135; without input it rests."""
    found = traces(ns.JansenRit(), 4000.0, dt=0.5)
    eeg = (found["y1"] - found["y2"])[2000:]
    power = np.abs(np.fft.rfft(eeg - eeg.mean())) ** 2
    peak = np.fft.rfftfreq(eeg.size, 0.5e-3)[power.argmax()]
    assert 9.5 < peak < 11.5
    assert 2.0 < np.ptp(eeg) < 20.0  # mV
    quiet = traces(ns.JansenRit(p=0), 2000.0, dt=0.5)
    assert np.ptp((quiet["y1"] - quiet["y2"])[3000:]) < 1e-3


def test_jansen_rit_columns_excite_each_other_by_their_rates() -> None:
    net = ns.Network("columns")
    columns = net.population("columns", 2, ns.JansenRit(p=[220.0, 0.0]))
    net.project(
        columns[0],
        columns[1],
        ns.OneToOne(),
        weight=40,
        source=ns.JansenRit().output(),
        delay=10,
        name="columns->columns",
    )
    net.record(columns, ["y1", "y2"])
    found = ns.run(net, 2000, dt=0.5).states["columns"]
    eeg = (found["y1"].array - found["y2"].array)[2000:]
    assert np.ptp(eeg[:, 1]) > 0.2
    assert net["columns->columns"].unit == "1", "rates [Hz] into an inlet of rates"
    with pytest.raises(DescriptionError, match="output"):
        ns.JansenRit(r=[0.5, 0.6]).output()


def test_an_isolated_wong_wang_node_rests_at_3_hz() -> None:
    """Deco et al. (2014): about 3 Hz, where the input is 26 pA below b/a."""
    found = traces(ns.WongWangEI(), 3000.0, dt=0.5)
    S_E, S_I = found["S_E"][-1], found["S_I"][-1]
    rate = S_E / 100.0 / ((1 - S_E) * 0.641) * 1e3
    assert abs(rate - 3.06) < 0.02
    current = 382.0 + 1.4 * 150.0 * S_E - 1000.0 * S_I
    assert abs(current - 125 / 0.31 + 26.0) < 1.0


def test_the_reduced_wong_wang_node_rests_where_its_equation_does() -> None:
    from scipy.optimize import brentq

    def slope(S: float) -> float:
        y = 0.27 * (0.9 * 260.9 * S + 300.0) - 108.0  # Hz
        return -S / 100.0 + (1 - S) * 0.641e-3 * y / (1 - math.exp(-0.154 * y))

    low = brentq(slope, 0, 0.2)
    assert abs(traces(ns.WongWang(), 5000.0, dt=1.0, S=0.0)["S"][-1] - low) < 1e-6


def test_linear_and_threshold_linear_units_settle_at_their_gain() -> None:
    assert abs(traces(ns.LinearRate(gain=2, I=-0.7), 300)["r"][-1] + 1.4) < 1e-9
    assert abs(traces(ns.ThresholdLinearRate(gain=2, I=0.7, theta=0.3), 300)["r"][-1] - 0.8) < 1e-9
    assert traces(ns.ThresholdLinearRate(gain=2, I=-0.7), 300)["r"][-1] == 0


def test_fitzhugh_nagumo_neurons_drive_each_other() -> None:
    """The diffusive coupling of two of them makes the resting one fire."""
    model = ns.FitzHughNagumo(synapses=ns.ContinuousInput(), I_e=[0.5, 0.0])
    for weight, fires in ((0.0, False), (0.5, True)):
        net = ns.Network("pair")
        pair = net.population("pair", 2, model)
        difference = ns.CouplingFunction.difference("v")
        net.project(
            pair, pair, ns.AllToAll(autapses=False), weight=weight, source=difference,
            receptor="continuous",
        )  # fmt: skip
        net.record(pair, "spikes")
        assert bool(ns.run(net, 200).spikes["pair"].counts()[1] > 0) == fires


# --- graded conductances and the semi-implicit step -----------------------------------------------


@given(data=st.data(), dt=st.sampled_from([0.1, 1.0, 30.0, 1000.0]))
@settings(max_examples=20)
def test_a_potential_stays_between_its_reversal_potentials_for_any_step(
    data: Any, dt: float
) -> None:
    seed = data.draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    E_L = rng.uniform(-90, -50, 4)
    reversal = rng.uniform(-100, 40, (4, 4))
    net = ns.Network("graded")
    units = net.population("units", 4, ns.LTC(E_L=E_L, C_m=rng.uniform(1, 200, 4)))
    net.initialise(units, V_m=E_L)
    synapse = ns.CouplingFunction.conductance(
        slope=rng.uniform(0.01, 3, (4, 4)), midpoint=rng.uniform(-80, 0, (4, 4)), reversal=reversal
    )
    weight = rng.uniform(0, 10.0 ** data.draw(st.integers(0, 6)), (4, 4))
    net.project(units, units, ns.AllToAll(), weight=weight, source=synapse)
    net.record(units, "V_m")
    V = ns.run(net, 40 * dt, dt=dt).states["units"]["V_m"].array
    low = np.minimum(E_L, reversal.min(axis=0))
    high = np.maximum(E_L, reversal.max(axis=0))
    assert np.all((low - 1e-9 <= V) & (high + 1e-9 >= V))


def test_the_semi_implicit_step_is_the_one_of_the_paper_and_of_first_order() -> None:
    def graded(dt: float) -> Any:
        net = ns.Network("graded")
        units = net.population("units", 2, ns.LTC(I_e=[400.0, 0.0]))
        synapse = ns.CouplingFunction.conductance(slope=0.2, midpoint=-50.0, reversal=10.0)
        net.project(units[0], units[1], ns.OneToOne(), weight=20, source=synapse)
        net.record(units, "V_m", every=1.0)
        return ns.run(net, 20, dt=dt).states["units"]["V_m"].array

    V = [-70.0, -70.0]
    for _ in range(10):
        s = 20.0 / (1 + math.exp(-0.2 * (V[0] + 50)))
        V = [
            (100 * V[0] + 10 * -70 + 400) / (100 + 10),
            (100 * V[1] + 10 * -70 + s * 10) / (100 + 10 + s),
        ]
    np.testing.assert_allclose(graded(1.0)[9], V, rtol=1e-12)
    errors = [np.abs(graded(dt) - graded(0.01)).max() for dt in (1.0, 0.5, 0.25)]
    assert np.all(np.abs(np.log2(np.divide(errors[:-1], errors[1:])) - 1) < 0.15)


# --- noise --------------------------------------------------------------------------------------


def test_ornstein_uhlenbeck_processes_have_their_mean_spread_and_memory() -> None:
    net = ns.Network("noise", seed=4)
    noise = net.population("noise", 200, ns.OrnsteinUhlenbeck(mean=2.0, sd=0.5, tau=4.0))
    net.record(noise, "x", every=1.0)
    x = ns.run(net, 1000, dt=0.5).states["noise"]["x"].array[40:]
    assert abs(x.mean() - 2) < 0.01
    assert abs(x.std() - 0.5) < 0.01
    y = x - 2
    assert abs((y[4:] * y[:-4]).mean() / y.var() - math.exp(-1)) < 0.02


def test_noisy_is_the_text_that_one_could_have_typed() -> None:
    typed = ns.NeuronModel(
        "typed",
        equations="dr/dt = (-r + gain*(I + r_in))/tau + sigma_r*xi_r : 1\nr_in : 1\ntau : ms\n"
        "gain : 1\nI : 1\nsigma_r : 1/sqrt(ms)",
        inputs={"r": "additive r_in"},
        parameters={"tau": 10.0, "gain": 1.0, "I": 0, "sigma_r": 0.1},
    )  # fmt: skip
    made = ns.noisy(ns.LinearRate(), "r", 0.1)
    assert made.spec().program == typed.spec().program
    assert made.noise == "additive"
    assert ns.noisy(ns.LinearRate(), "r", 0.1, kind="multiplicative").noise == "multiplicative"
    coloured = ns.noisy(ns.LinearRate(tau=2), "r", 0.3, kind="ornstein_uhlenbeck", tau=5.0)
    found = traces(coloured, 20_000, dt=0.5)
    assert abs(found["noise_r"][100:].std() - 0.3) < 0.02
    # Linear filtering: variance tau_1 tau_2 / (tau_1 + tau_2) tau_2 ... of r' = -r/2 + z.
    assert abs(found["r"][100:].std() - math.sqrt(0.09 * 4 * 5 / 7)) < 0.03


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: ns.noisy(ns.LinearRate(), "x", 1), UnknownNameError, "state"),
        (lambda: ns.noisy(ns.LinearRate(), "r", 1, kind="pink"), UnknownNameError, "kind"),
        (lambda: ns.noisy(ns.LinearRate(), "r", 1, tau=3), DescriptionError, "tau"),
        (
            lambda: ns.noisy(ns.LinearRate(), "r", 1, kind="ornstein_uhlenbeck"),
            DescriptionError, "tau",
        ),
        (lambda: ns.noisy(ns.LinearRate, "r", 1), DescriptionError, "model"),
        (lambda: ns.noisy(ns.Poisson(rate=1), "r", 1), DescriptionError, "model"),
        (lambda: ns.noisy(ns.LinearRate(), "r", float("nan")), DescriptionError, "sigma_r"),
        (lambda: ns.noisy(ns.noisy(ns.LinearRate(), "r", 1), "r", 1), DescriptionError, "there"),
        (lambda: ns.noisy(ns.WilsonCowan(), "E", 1, method="rk4").spec(), EquationError, "noise"),
    ],
)  # fmt: skip
def test_noise_that_cannot_be_is_refused(call: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        call()


# --- the border between rates and spikes ----------------------------------------------------------


def test_rates_make_spikes_at_their_rate() -> None:
    net = ns.Network("border", seed=2)
    rate = net.population("rate", 1, ns.LinearRate(I=0.5))
    net.initialise(rate, r=0.5)
    spikes = net.population("spikes", 400, ns.PoissonFromRate(offset=[10.0] * 200 + [-80.0] * 200))
    net.project(rate, spikes, ns.AllToAll(), weight=100, source="r", receptor="rate")
    net.record(spikes, "spikes")
    counts = ns.run(net, 1000).spikes["spikes"].counts()
    lively = counts[:200]
    expected = 1000 * -math.expm1(-0.06 * 0.1) / 0.1
    assert abs(lively.mean() - expected) < 4 * math.sqrt(expected / 200)
    assert abs(lively.var() / expected - 1) < 0.4
    assert counts[200:].sum() == 0, "a rate below 0 is none"


def test_spikes_make_rates() -> None:
    """The mean of a filtered train is w f tau; a rate unit adds it to its input."""
    net = ns.Network("border", seed=2)
    trains = net.population("trains", 100, ns.Poisson(rate=50.0))
    unit = net.population("unit", 1, ns.LinearRate(synapses=ns.SpikeFilter(tau=20), gain=3, I=0.1))
    net.project(trains, unit, ns.AllToAll(), weight=0.002, receptor="spikes")
    net.record(unit, ["s_spikes", "r"])
    found = ns.run(net, 4000).states["unit"]
    assert abs(found["s_spikes"].array[2000:].mean() - 100 * 0.002 * 0.05 * 20) < 0.01
    assert abs(found["r"].array[2000:].mean() - 3 * (0.1 + 0.2)) < 0.03


# --- coupling functions ---------------------------------------------------------------------------


def network_of_functions(n: int = 2500) -> ns.Network:
    """Return units enough for several threads."""
    net = ns.Network("functions", seed=9)
    units = net.population("units", n, ns.LinearRate(tau=5))
    net.initialise(units, r=ns.Normal(0, 1))
    pairs = [(k, (k * 7 + shift) % n) for k in range(n) for shift in range(5)]
    function = ns.CouplingFunction(
        "tanh(gain*(r_pre - r_post))", total="height*tanh(total)",
        parameters={"gain": ns.Uniform(0.5, 2), "height": 1.3},
    )  # fmt: skip
    net.project(
        units, units, ns.FromList(pairs), weight=0.3, delay=ns.Uniform(0, 2), source=function
    )
    net.record(units, "r", every=1.0)
    return net


def test_functions_give_the_same_bits_on_any_threads_and_in_pieces() -> None:
    whole = ns.run(network_of_functions(), 10, threads=1)
    session = ns.compile(network_of_functions(), threads=2)
    assert (session.run(4) + session.run(6)).same_as(whole)


def test_a_network_with_functions_is_kept_in_a_file(tmp_path: Any) -> None:
    net = network_of_functions(20)
    net.save(tmp_path / "net.h5")
    again = ns.load(tmp_path / "net.h5")
    assert isinstance(again, ns.Network)
    assert again.content_hash() == net.content_hash()
    assert ns.run(again, 5).same_as(ns.run(net, 5))


def test_the_named_functions_are_what_they_say() -> None:
    """Each against its formula, between two units that stand still."""
    r = np.array([0.3, 0.8])
    cases = {
        "difference": (ns.CouplingFunction.difference("r"), r[0] - r[1]),
        "sine": (ns.CouplingFunction.sine("r", lag=0.2), math.sin(r[0] - r[1] - 0.2)),
        "tanh": (ns.CouplingFunction.tanh("r", 2, 0.1), math.tanh(2 * (r[0] - 0.1))),
        "each": (
            ns.CouplingFunction.sum_of_sigmoids("r", slope=3, midpoint=0.5, height=2),
            2 / (1 + math.exp(-3 * (r[0] - 0.5))),
        ),
        "sum": (
            ns.CouplingFunction.sigmoid_of_sum("r", slope=3, midpoint=0.5, height=2, low=1),
            (1 + 1 / (1 + math.exp(-3 * (4 * r[0] - 0.5)))) / 4,
        ),
    }
    for function, expected in cases.values():
        net = ns.Network("pair")
        units = net.population("units", 2, ns.LinearRate(tau=10))
        net.initialise(units, r=r)
        net.project(units[0], units[1], ns.OneToOne(), weight=4, source=function)
        net.record(units, "r")
        found = ns.run(net, 0.1).states["units"]["r"].array[0, 1]
        decay = math.exp(-0.01)
        assert abs(found - (r[1] * decay + 4 * expected * (1 - decay))) < 1e-12


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ns.CouplingFunction("sin(rr_pre)"), r"unknown name 'rr_pre'.*'r_pre'"),
        (lambda: ns.CouplingFunction("sin(r_post)"), "reads nothing of the presynaptic side"),
        (lambda: ns.CouplingFunction("sin(r_pre"), r"expected '\)'"),
        (lambda: ns.CouplingFunction("sin(r_pre*ms)"), "plain number"),
        (lambda: ns.CouplingFunction("r_pre + k*mV", parameters={"k": 1}), "same unit"),
        (lambda: ns.CouplingFunction("k*r_pre"), "unknown name 'k'"),
        (
            lambda: ns.CouplingFunction("r_pre", parameters={"k": 1}),
            "parameter that the texts read",
        ),
        (lambda: ns.CouplingFunction("k*r_pre", parameters={"k": np.nan}), "finite"),
        (
            lambda: ns.CouplingFunction("k*r_pre", parameters={"k": np.ones((3, 2))}),
            "n_pre, n_post",
        ),
        (lambda: ns.CouplingFunction("k*r_pre", parameters={"k": "3 mV"}), "without unit"),
        (lambda: ns.CouplingFunction("r_pre", total="3"), "does not read 'total'"),
        (
            lambda: ns.CouplingFunction(
                "r_pre", total="k*total", parameters={"k": np.ones((2, 3))}
            ),
            "a number",
        ),
        (lambda: ns.CouplingFunction(""), "a text"),
        (lambda: ns.CouplingFunction({}), "a text"),
        (lambda: ns.CouplingFunction("r_pre", total=""), "a text, or None"),
        (lambda: ns.CouplingFunction("r_pre", parameters=untyped([1])), "a mapping"),
        (lambda: ns.CouplingFunction("r_pre", units={"k": "mV"}), "units"),
        (lambda: ns.CouplingFunction({"q": "r_pre"}), "'q'"),
    ],
)
def test_functions_that_cannot_be_are_refused_where_they_are_written(
    make: Any, message: str
) -> None:
    net = ns.Network("bad")
    a = net.population("a", 2, ns.LinearRate())
    b = net.population("b", 3, ns.LinearRate())
    with pytest.raises((DescriptionError, EquationError, ns.UnitError), match=message):
        net.project(a, b, ns.AllToAll(), source=make())


def test_inlets_that_do_not_fit_a_function_are_refused() -> None:
    net = ns.Network("bad")
    graded = net.population("graded", 2, ns.LTC())
    synapse = ns.CouplingFunction.conductance(slope=1, midpoint=-50, reversal=0)
    with pytest.raises(DescriptionError, match="names its inlets"):
        net.project(graded, graded, ns.AllToAll(), source=synapse, receptor="g")
    with pytest.raises(DescriptionError, match="conductance"):
        net.project(graded, graded, ns.AllToAll(), source=synapse, weight=-1)
    with pytest.raises(DescriptionError, match="has several"):
        net.project(graded, graded, ns.AllToAll(), source=ns.CouplingFunction("V_m_pre"))
    gap = net.population("gap", 2, ns.LIF(synapses=ns.GapJunction()))
    with pytest.raises(DescriptionError, match="additive inlet"):
        net.project(gap, gap, ns.AllToAll(), source=ns.CouplingFunction("V_m_pre"), receptor="gap")
    spikes = net.population("spikes", 2, ns.Poisson(rate=1))
    with pytest.raises(DescriptionError, match="no states"):
        net.project(
            spikes, graded, ns.AllToAll(), source=ns.CouplingFunction("V_m_pre"), receptor="g"
        )


@pytest.mark.parametrize(
    "make",
    [
        lambda: ns.WilsonCowan(synapses=ns.ExpCurrent()),
        lambda: ns.WilsonCowan(synapses=ns.Delta()),
        lambda: ns.WongWang(synapses=ns.SpikeFilter()),
        lambda: ns.Kuramoto(synapses=ns.SpikeFilter()),
        lambda: ns.LIF(synapses=ns.SpikeFilter()),
        lambda: ns.WilsonCowan(tau_E=0),
        lambda: ns.WilsonCowan(P=float("nan")),
        lambda: ns.WilsonCowan(response=untyped("linear")),
        lambda: ns.LTC(g_L=-1),
    ],
)
def test_models_refuse_what_does_not_fit(make: Any) -> None:
    with pytest.raises(DescriptionError):
        make()


# --- solved to a tolerance, and the order of a step -----------------------------------------------


def coupled_nodes() -> ns.Network:
    net = ns.Network("pair")
    pair = net.population("pair", 3, ns.WilsonCowan(P=[1.25, 1.0, 0.5]))
    graded = net.population("graded", 2, ns.Kuramoto(f=[10.0, 15.0]))
    net.project(pair, pair, ns.AllToAll(autapses=False), weight=0.5, source="E", receptor="E")
    squashed = ns.CouplingFunction.sigmoid_of_sum("E", slope=3.0, midpoint=0.2, height=0.3)
    net.project(pair, pair[:2], ns.FromList([(0, 1)]), weight=1.0, source=squashed, receptor="I")
    sine = ns.CouplingFunction.sine(lag=np.array([[0, 0.2], [0.1, 0]]))
    net.project(graded, graded, ns.AllToAll(), weight=0.1, source=sine)
    net.record(pair, ["E", "I"], every=1.0, initial=True)
    net.record(graded, "theta", every=1.0, reduce="mean")
    return net


def test_a_run_comes_to_the_solution_at_first_order() -> None:
    """The coupling is held over a step: halving dt halves the error."""
    exact = ns.solve(coupled_nodes(), 50, rtol=1e-10, atol=1e-12)
    for method in ("DOP853", "LSODA"):
        other = ns.solve(coupled_nodes(), 50, method=method, rtol=1e-10, atol=1e-12)
        for name in "EI":
            np.testing.assert_allclose(
                other.states["pair"][name].array, exact.states["pair"][name].array, atol=1e-7
            )
    errors = []
    for dt in (0.2, 0.1, 0.05):
        run = ns.run(coupled_nodes(), 50, dt=dt)
        assert np.array_equal(run.states["pair"]["E"].times, exact.states["pair"]["E"].times)
        errors.append(
            [
                np.abs(run.states[p][s].array - exact.states[p][s].array).max()
                for p, s in (("pair", "E"), ("pair", "I"), ("graded", "theta"))
            ]
        )
    orders = np.log2(np.divide(errors[:-1], errors[1:]))
    assert np.all(np.abs(orders - 1) < 0.15)


def test_what_has_no_right_hand_side_is_not_solved() -> None:
    def of(*build: Any) -> ns.Network:
        net = ns.Network("refused")
        units = net.population("units", 2, ns.LinearRate())
        for step in build:
            step(net, units)
        return net

    cases = [
        of(lambda net, units: net.population("spikes", 1, ns.Poisson(rate=1))),
        of(lambda net, units: net.population("cells", 1, ns.LIF())),
        of(lambda net, units: net.population("noise", 1, ns.OrnsteinUhlenbeck())),
        of(lambda net, units: net.project(units, units, ns.AllToAll(), source="r", delay=1.0)),
    ]
    for net in cases:
        with pytest.raises(ns.UnsupportedError, match=r"solve knows.*ns.run"):
            ns.solve(net, 1)
    good = of()
    for arguments, error in (
        ({"duration": -1}, "duration"), ({"duration": 0.15}, "multiple of dt"),
        ({"duration": 1, "method": "Euler"}, "method"), ({"duration": 1, "rtol": 0}, "rtol"),
        ({"duration": 1, "dt": float("nan")}, "dt"),
    ):  # fmt: skip
        with pytest.raises(DescriptionError, match=error):
            ns.solve(good, **untyped(arguments))
    with pytest.raises(DescriptionError, match="a Network"):
        ns.solve(untyped("net"), 1)
    growing = ns.NeuronModel("growing", equations="dx/dt = x**2/ms : 1", initial={"x": 1.0})
    net = ns.Network("growing")
    net.population("unit", 1, growing)
    with pytest.raises(ns.SimulationError, match="gave up"):
        ns.solve(net, 3)
