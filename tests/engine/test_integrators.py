"""Networks advanced by one Runge-Kutta method: orders, dense oracles, the past before the start."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import neurosim as ns
from neurosim.errors import DescriptionError, NeurosimError, UnknownNameError, UnsupportedError

pytestmark = pytest.mark.compiled

ORDERS = {None: 1, "heun": 2, "rk4": 4}

UNIT = ns.NeuronModel(
    "unit",
    equations="dx/dt = (-x + tanh(c) + d + a*sin(x))/tau : 1\ntau : ms\nc : 1\nd : 1\na : 1",
    inputs={"c": "additive", "d": "diffusive"}, parameters={"tau": 3.0, "a": 0.3}, method="euler",
)  # fmt: skip


def observed(errors: list[float]) -> Any:
    return np.log2(np.divide(errors[:-1], errors[1:]))


# --- orders of convergence ------------------------------------------------------------------------


@pytest.mark.parametrize("integrator", ORDERS)
def test_coupled_nodes_converge_with_the_order_of_the_method(integrator: str | None) -> None:
    """Against DOP853 at 1e-12; held over the step, coupling would be of order 1 for all."""
    net = ns.Network("pair")
    pair = net.population("pair", 2, ns.WilsonCowan(P=[1.25, 1.0], method="rk4"))
    squash = ns.CouplingFunction.sigmoid_of_sum("I", slope=2.0, midpoint=0.2)
    net.project(pair, pair, ns.AllToAll(autapses=False), weight=0.5, source="E", receptor="E")
    net.project(pair, pair, ns.AllToAll(), weight=0.4, source=squash, receptor="I")
    net.record(pair, "E", every=1.0)
    exact = ns.solve(net, 30, rtol=1e-12, atol=1e-13, method="DOP853").states["pair"]["E"].array
    errors = [
        np.abs(ns.run(net, 30, dt=dt, integrator=integrator).states["pair"]["E"].array - exact)
        .max()
        for dt in (0.5, 0.25, 0.125)
    ]  # fmt: skip
    assert np.all(np.abs(observed(errors) - ORDERS[integrator]) < 0.15)


@pytest.mark.parametrize("integrator", ORDERS)
@pytest.mark.parametrize("delay", [1.0, 1.03])
def test_delays_keep_the_order_on_the_grid_and_between(
    integrator: str | None, delay: float
) -> None:
    """dx/dt = -(pi/2d) x(t - d) has the solution cos(pi t/2d), if that was its past."""
    rate = np.pi / (2 * delay)
    model = ns.NeuronModel(
        "feedback", equations="dx/dt = c/ms : 1\nc : 1", inputs={"c": "additive"}
    )
    errors = []
    for dt in (0.1, 0.05, 0.025):
        net = ns.Network("feedback")
        unit = net.population("unit", 1, model)
        past = ns.History.of(lambda t: np.cos(rate * t), duration=delay, every=dt)
        net.initialise(unit, x=past)
        net.project(unit, unit, ns.OneToOne(), weight=-rate, delay=delay, source="x", receptor="c")
        net.record(unit, "x", initial=True)
        x = ns.run(net, 5, dt=dt, integrator=integrator).states["unit"]["x"].array[:, 0]
        errors.append(float(np.abs(x - np.cos(rate * dt * np.arange(x.size))).max()))
    # Where delays fall between two steps changes with dt: the order over both halvings.
    assert abs(np.mean(observed(errors)) - ORDERS[integrator]) < 0.25


def test_heun_solves_the_stratonovich_equation() -> None:
    """dx = s x o dW has the mean exp(s^2 t / 2); the Ito equation keeps its mean."""
    text = "dx/dt = s*x*xi : 1\ns : ms**-0.5"
    net = ns.Network("noise", seed=2)
    units = net.population(
        "units", 20_000, ns.NeuronModel("geometric", equations=text, parameters={"s": 0.5})
    )
    net.initialise(units, x=1.0)
    net.record(units, "x", every=2.0, reduce="mean")
    mean = ns.run(net, 2, dt=0.05, integrator="heun").states["units"]["x"].array[0, 0]
    # The relative standard deviation of the mean is sqrt((exp(s^2 t) - 1)/n), half a percent.
    assert abs(mean - np.exp(0.25)) < 4 * np.exp(0.25) * np.sqrt((np.exp(0.5) - 1) / 20_000)


# --- a dense oracle -------------------------------------------------------------------------------


def cubic(at: float, grid: Any, x: Any) -> Any:
    """The cubic through four times of the past, those around a time where both sides are there."""
    newest = min(grid.size - 1, int(np.floor((at - grid[0]) / (grid[1] - grid[0]) + 1e-9)) + 2)
    newest = max(newest, 3)
    chosen = slice(newest - 3, newest + 1)
    return np.polyval(np.polyfit(grid[chosen] - at, x[chosen], 3), 0.0)


def oracle(
    past: Callable[[float], Any], links: list[tuple[int, int, float, float, str]], n_steps: int,
    dt: float, integrator: str,
) -> Any:  # fmt: skip
    """Integrate units with the whole past at hand: (n_steps + 1, n).

    links : (source, target, weight, delay, "c" or "d")
    """
    before = 80
    grid = np.arange(-before, n_steps + 1) * dt
    x = np.zeros((grid.size, past(0.0).size))
    x[: before + 1] = [past(t) for t in grid[: before + 1]]
    read = cubic if integrator == "rk4" else lambda at, g, v: float(np.interp(at, g, v))
    for k in range(before, before + n_steps):
        known = slice(0, k + 1)

        def slope(part: float, now: Any, k: int = k, known: slice = known) -> Any:
            sums = {"c": np.zeros(now.size), "d": np.zeros(now.size)}
            for source, target, weight, delay, inlet in links:
                value = now[source]
                if delay > 0:
                    value = read(grid[k] + part * dt - delay, grid[known], x[known, source])
                sums[inlet][target] += weight * (value - now[target] * (inlet == "d"))
            return (-now + np.tanh(sums["c"]) + sums["d"] + 0.3 * np.sin(now)) / 3.0

        k1 = slope(0.0, x[k])
        if integrator == "heun":
            x[k + 1] = x[k] + dt / 2 * (k1 + slope(1.0, x[k] + dt * k1))
            continue
        k2 = slope(0.5, x[k] + dt / 2 * k1)
        k3 = slope(0.5, x[k] + dt / 2 * k2)
        x[k + 1] = x[k] + dt / 6 * (k1 + 2 * k2 + 2 * k3 + slope(1.0, x[k] + dt * k3))
    return x[before:]


def mixed(seed: int, dt: float) -> tuple[ns.Network, Callable[[float], Any], list[Any]]:
    """Return units with links of every kind, what they were before the start, and the links."""
    rng = np.random.default_rng(seed)
    n = 5
    weight = rng.normal(0, 0.8, (n, n))
    gaps = np.abs(rng.normal(0, 0.4, (n, n)))
    delay = rng.uniform(dt, 6, (n, n))
    delay = np.where(rng.random((n, n)) < 0.4, np.rint(delay / dt) * dt, delay)
    delay[rng.random((n, n)) < 0.3] = 0
    phase = rng.uniform(0, 6, n)
    net = ns.Network("mixed", seed=1)
    units = net.population("units", n, UNIT)
    net.initialise(units, x=ns.History.of(lambda t: np.sin(phase + t / 4), 8, dt))
    every = ns.AllToAll()
    net.project(units, units, every, weight=weight, delay=delay, source="x", receptor="c")
    net.project(units, units, every, weight=gaps, source="x", receptor="d")
    net.project(
        units, units, every, weight=0.1, delay=2 * dt, source="x", receptor="d", name="late"
    )
    net.record(units, "x", initial=True)
    links = []
    for i in range(n):
        for j in range(n):
            links.append((i, j, weight[i, j], delay[i, j], "c"))
            links.append((i, j, gaps[i, j], 0.0, "d"))
            links.append((i, j, 0.1, 2 * dt, "d"))
    return net, lambda t: np.sin(phase + t / 4), links


@pytest.mark.parametrize("integrator", ["heun", "rk4"])
def test_every_delay_against_the_whole_past(integrator: str) -> None:
    for seed, dt in ((1, 0.1), (2, 0.25)):
        net, past, links = mixed(seed, dt)
        found = ns.run(net, 40 * dt, dt=dt, integrator=integrator).states["units"]["x"].array
        expected = oracle(past, links, 40, dt, integrator)
        np.testing.assert_allclose(found, expected, atol=1e-9)
        assert np.abs(found - ns.run(net, 40 * dt, dt=dt).states["units"]["x"].array).max() > 1e-3


# --- the same bits --------------------------------------------------------------------------------


@pytest.mark.parametrize("integrator", ["heun", "rk4"])
def test_threads_pieces_and_sweeps_change_no_bit(integrator: str) -> None:
    """Two blocks on two threads; a run in pieces; and simulations side by side."""
    n = 1500
    net = ns.Network("ring", seed=5, dt=0.1)
    units = net.population("units", n, UNIT)
    net.initialise(units, x=ns.Normal(0, 1))
    rng = np.random.default_rng(1)
    net.initialise(units[:20], x=ns.History([-5.0, 0.0], rng.normal(size=(2, 20))))
    pairs = [(k, (k + shift) % n) for k in range(n) for shift in (1, 5)]
    net.project(units, units, ns.FromList(pairs), weight=0.4, delay=ns.Uniform(0.2, 4.0),
                source="x", receptor="c", name="late")  # fmt: skip
    net.project(units, units, ns.FromList(pairs), weight=0.2, source="x", receptor="d")
    net.record(units, "x", every=0.5)
    whole = ns.run(net, 4, threads=1, integrator=integrator)
    session = ns.compile(net, threads=2, integrator=integrator)
    assert (session.run(1.5) + session.run(2.5)).same_as(whole)
    session.reset()
    assert session.run(4).same_as(whole)
    assert whole.provenance["integrator"] == integrator
    swept = ns.sweep(net, {"a": [0.1, 0.3], "late": [1.0, 0.5]}, 4, integrator=integrator)
    assert "side by side" in swept.attrs["provenance"]
    same = swept["units.x"].sel(a=0.3, late=1.0).values
    assert np.array_equal(same, whole.states["units"]["x"].array)
    assert not np.array_equal(same, swept["units.x"].sel(a=0.3, late=0.5).values)


def test_spiking_neurons_beside_are_advanced_by_their_own_method() -> None:
    """They read the start of the step; spikes arrive in rates at its end, as without."""

    def network(coupled: float) -> ns.Network:
        net = ns.Network("border", seed=1)
        rate = net.population(
            "rate", 2, ns.LinearRate(tau=20, I=0.8, synapses=ns.SpikeFilter(tau=10))
        )
        net.initialise(rate, r=0.5)
        spikes = net.population("spikes", 50, ns.PoissonFromRate())
        net.project(rate, spikes, ns.AllToAll(), weight=100, source="r", receptor="rate")
        net.project(spikes, rate, ns.AllToAll(), weight=coupled, receptor="spikes")
        net.record(spikes, "spikes")
        net.record(rate, "r")
        return net

    plain, staged = (ns.run(network(0.0), 200, integrator=i) for i in (None, "rk4"))
    rates = [run.states["rate"]["r"].array for run in (plain, staged)]
    np.testing.assert_allclose(rates[1], rates[0], atol=1e-9)  # the exact solution, and order 4
    plain, staged = (ns.run(network(0.02), 200, integrator=i) for i in (None, "rk4"))
    assert len(staged.spikes["spikes"]) == pytest.approx(len(plain.spikes["spikes"]), rel=0.05)
    assert staged.states["rate"]["r"].array[-1].min() > rates[0][-1].max() + 0.1


# --- the past before the start --------------------------------------------------------------------


def late(history: Any, delay: float = 2.0) -> ns.Network:
    """Return two units that are read by a third a delay later."""
    net = ns.Network("late", dt=0.5)
    told = net.population("told", 2, UNIT)
    reader = net.population(
        "reader", 2,
        ns.NeuronModel("reader", equations="dy/dt = (c - y)/(0.5*ms) : 1\nc : 1",
                       inputs={"c": "additive"}, method="euler"),
    )  # fmt: skip
    net.initialise(told, x=history)
    net.project(told, reader, ns.OneToOne(), delay=delay, source="x", receptor="c", name="tract")
    net.record(reader, "y")
    return net


def test_a_past_is_read_until_the_delay_is_over() -> None:
    """An Euler step of 0.5 ms with that time constant shows what is read."""
    past = ns.History(["-2 ms", "-1 ms", "0 ms"], [[4.0, 8.0], [6.0, 8.0], [3.0, 8.0]])
    y = ns.run(late(past), 2.5).states["reader"]["y"].array
    np.testing.assert_allclose(y[:, 0], [4, 5, 6, 4.5, 3])
    np.testing.assert_allclose(y[:, 1], 8)
    np.testing.assert_allclose(
        ns.run(late(past, 1.8), 1.0).states["reader"]["y"].array[:, 0], [4.4, 5.4]
    )
    constant = ns.run(late(3.0), 2.5).states["reader"]["y"].array
    np.testing.assert_allclose(constant, 3.0)


def test_a_past_is_part_of_the_network(tmp_path: Any) -> None:
    net = late(ns.History([-2, 0], [1.0, 2.0]))
    net.save(tmp_path / "net.h5")
    again = ns.load(tmp_path / "net.h5")
    assert isinstance(again, ns.Network)
    assert again.content_hash() == net.content_hash()
    assert net.content_hash() != late(ns.History([-2, 0], [1.5, 2.0])).content_hash()
    assert ns.run(again, 2).same_as(ns.run(net, 2))


def test_what_is_said_last_counts() -> None:
    net = late(ns.History([-2, 0], [1.0, 2.0]))
    net.initialise(net["told"][:1], x=7.0)
    y = ns.run(net, 1).states["reader"]["y"].array
    np.testing.assert_allclose(y, np.array([[7, 1], [7, 1.25]]))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ns.History([-1, -2, 0], [1, 2, 3]), "ascend"),
        (lambda: ns.History([-2, -1], [1, 2]), "the last of them 0"),
        (lambda: ns.History([0.0], [1.0]), "two times"),
        (lambda: ns.History([-1, 0], [1, 2, 3]), "a row for each of the 2 times"),
        (lambda: ns.History.of(3.0, 2), "a function"),  # type: ignore[arg-type]
        (lambda: late(ns.History([-2, 0], np.ones((2, 3)))), "each of the 2 neurons"),
        (lambda: late(ns.History([-2, 0], [1.0, np.nan])), "is nan"),
        (lambda: ns.run(late(ns.History([-1, 0], [1.0, 2.0])), 1), "at least 2 ms.*'tract'"),
        (lambda: ns.run(late(ns.History([-2, 0], [1, 2]), 0), 1), "coupling with delays reads"),
    ],
)
def test_pasts_that_cannot_be_are_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(NeurosimError, match=message):
        make()


# --- refusals -------------------------------------------------------------------------------------


def test_what_no_stage_can_do_is_refused_by_name() -> None:
    net, _, _ = mixed(1, 0.1)
    with pytest.raises(UnknownNameError, match="integrator"):
        ns.run(net, 1, integrator="rk5")
    with pytest.raises(UnsupportedError, match=r"integrator.*backend='cpu'"):
        ns.compile(net, "brian2", integrator="rk4")
    short = ns.Network("short")
    units = short.population("units", 2, UNIT)
    short.project(units, units, ns.AllToAll(), delay=0.05, source="x", receptor="c", name="near")
    with pytest.raises(DescriptionError, match=r"'near': delay.*0, or at least one step"):
        ns.run(short, 1, dt=0.1, integrator="heun")
    ns.run(short, 1, dt=0.05, integrator="heun")
    noisy = ns.Network("noisy")
    noisy.population("noise", 2, ns.OrnsteinUhlenbeck())
    with pytest.raises(UnsupportedError, match=r"'noise': noise.*integrator='heun'"):
        ns.run(noisy, 1, integrator="rk4")
    spiking = ns.Network("spiking")
    spiking.population("cells", 2, ns.LIF())
    with pytest.raises(UnsupportedError, match="no population of the network is continuous"):
        ns.run(spiking, 1, integrator="heun")
    learning = ns.Network("learning")
    units = learning.population("units", 2, UNIT)
    learning.project(
        units, units, ns.AllToAll(), source="x", receptor="c", plasticity=ns.Hebb(state="x")
    )
    with pytest.raises(UnsupportedError, match="plasticity"):
        ns.run(learning, 1, integrator="heun")


def test_a_state_that_leaves_the_numbers_is_told() -> None:
    net = ns.Network("bad")
    units = net.population(
        "units", 1, ns.NeuronModel("bad", equations="dx/dt = x**3/ms : 1", initial={"x": 5.0})
    )
    net.record(units, "x")
    with pytest.raises(ns.SimulationError, match="'units', variable x, neuron 0"):
        ns.run(net, 5, integrator="rk4")
