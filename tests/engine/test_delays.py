"""Continuous coupling with delays, against an array that holds the whole past."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import neurosim as ns
from neurosim.errors import CapacityError, DescriptionError

pytestmark = pytest.mark.compiled


def leaky(coupling: str = "additive", method: str = "euler") -> ns.NeuronModel:
    """Return a unit that decays and reads one coupling."""
    return ns.NeuronModel(
        "leaky", equations="dx/dt = (-x + c)/tau : 1\ntau : ms\nc : 1", inputs={"c": coupling},
        parameters={"tau": 3.0}, method=method,
    )  # fmt: skip


def dense_history(
    x0: Any, weight: Any, delay: Any, n_steps: int, dt: float, *, diffusive: bool
) -> Any:
    """Integrate dx/dt = (-x + c)/3 ms with the whole past at hand: (n_steps + 1, n)."""
    n = x0.size
    times = np.arange(n_steps + 1) * dt
    x = np.zeros((n_steps + 1, n))
    x[0] = x0
    for k in range(n_steps):
        c = np.zeros(n)
        for i in range(n):
            for j in range(n):
                past = np.interp(times[k] - delay[j, i], times[: k + 1], x[: k + 1, j])
                c[i] += weight[j, i] * (past - x[k, i] * diffusive)
        x[k + 1] = x[k] + dt / 3.0 * (-x[k] + c)
    return x


@given(data=st.data(), n=st.integers(1, 5), diffusive=st.booleans())
@settings(max_examples=25)
def test_any_delays_and_weights_are_those_of_the_whole_past(
    data: Any, n: int, diffusive: bool
) -> None:
    """Delays of 0, below a step, on the grid and between; the initial value before the start."""
    seed = data.draw(st.integers(0, 2**32 - 1))
    dt = data.draw(st.sampled_from([0.1, 0.25, 1.0]))
    rng = np.random.default_rng(seed)
    weight = rng.normal(0, 0.8, (n, n))
    delay = rng.uniform(0, 8, (n, n))
    on_grid = rng.random((n, n)) < 0.4
    delay = np.where(on_grid, np.rint(delay / dt) * dt, delay)
    delay[rng.random((n, n)) < 0.2] = 0
    x0 = rng.normal(size=n)
    net = ns.Network("any", seed=1)
    units = net.population("units", n, leaky("diffusive" if diffusive else "additive"))
    net.initialise(units, x=x0)
    net.project(units, units, ns.AllToAll(), weight=weight, delay=delay, source="x", receptor="c")
    net.record(units, "x", initial=True)
    run = ns.run(net, 60 * dt, dt=dt)
    expected = dense_history(x0, weight, delay, 60, dt, diffusive=diffusive)
    np.testing.assert_allclose(run.states["units"]["x"].array, expected, rtol=1e-9, atol=1e-9)


def delayed_feedback(dt: float, duration: float = 3.0) -> Any:
    """Integrate dx/dt = -x(t - 1), x = 1 until 0."""
    model = ns.NeuronModel(
        "feedback", equations="dx/dt = c/ms : 1\nc : 1", inputs={"c": "additive"},
        initial={"x": 1.0},
    )  # fmt: skip
    net = ns.Network("feedback")
    unit = net.population("unit", 1, model)
    net.project(unit, unit, ns.OneToOne(), weight=-1, delay=1.0, source="x", receptor="c")
    net.record(unit, "x", initial=True)
    return ns.run(net, duration, dt=dt).states["unit"]["x"].array[:, 0]


def by_steps(t: Any) -> Any:
    """Solve dx/dt = -x(t - 1), x = 1 until 0: the sum of (-1)^k (t - k + 1)^k / k!."""
    x = np.zeros_like(t)
    for k in range(8):
        x += np.where(
            t >= k - 1, (-1.0) ** k * np.maximum(t - k + 1, 0) ** k / math.factorial(k), 0
        )
    return x


def test_a_delay_equation_with_a_known_solution() -> None:
    """The method of steps gives polynomials; the error is of first order in dt."""
    errors = []
    for dt in (0.1, 0.05, 0.025):
        x = delayed_feedback(dt)
        errors.append(np.abs(x - by_steps(np.arange(x.size) * dt)).max())
    assert errors[0] < 0.07
    orders = np.log2(np.divide(errors[:-1], errors[1:]))
    assert np.all((orders > 0.9) & (orders < 1.15))


def ring(n: int = 3000) -> ns.Network:
    """Return units enough for several threads, whose delays are drawn."""
    net = ns.Network("ring", seed=5)
    units = net.population("units", n, leaky())
    others = net.population("others", n, leaky("diffusive"))
    net.initialise(units, x=ns.Normal(0, 1))
    net.initialise(others, x=ns.Uniform(-1, 1))
    pairs = [(k, (k + shift) % n) for k in range(n) for shift in (1, 5, 7)]
    delays = ns.Uniform(0.05, 4.0)
    net.project(
        units, units, ns.FromList(pairs), weight=0.4, delay=delays, source="x", receptor="c"
    )
    net.project(units + others, others, ns.FromList(pairs), weight=0.2, delay=delays, source="x",
                receptor="c")  # fmt: skip
    net.record(units, "x")
    net.record(others, "x", every=0.5, reduce="mean")
    return net


def test_threads_and_pieces_change_no_bit() -> None:
    whole = ns.run(ring(), 12, threads=1)
    session = ns.compile(ring(), threads=2)
    pieces = session.run(3.5) + session.run(0.5) + session.run(8)
    assert pieces.same_as(whole)
    session.reset()
    assert session.run(12).same_as(whole)


def test_single_precision_keeps_its_past_in_single_precision() -> None:
    double, single = (ns.run(ring(50), 12, precision=p) for p in ("double", "single"))
    for name in ("units", "others"):
        a, b = (r.states[name]["x"].array for r in (double, single))
        np.testing.assert_allclose(a, b, atol=1e-5)
        assert not np.array_equal(a, b)


def test_a_state_that_is_set_is_read_when_its_delay_is_over() -> None:
    net = ns.Network("set")
    a, b = (net.population(name, 1, leaky()) for name in "ab")
    net.project(a, b, ns.OneToOne(), delay=0.3, source="x", receptor="c")
    net.record(b, "x")
    session = ns.compile(net, dt=0.1)
    assert np.all(session.run(1).states["b"]["x"].array == 0)
    session.set(a, x=30.0)
    # Read at t + 0.3, it shows a step later; until the next step the line to it is not used.
    np.testing.assert_allclose(session.run(0.5).states["b"]["x"].array[:4, 0], [0, 0, 0, 1.0])


def test_delays_are_those_of_the_connections() -> None:
    net = ring(10)
    connections = ns.compile(net).connections("units->units")
    assert np.all((connections.delay >= 0.05) & (connections.delay < 4.0))
    assert np.unique(connections.delay).size == connections.delay.size
    assert not ns.run(net, 1).provenance["approximations"]


def test_the_past_is_counted_in_the_estimate() -> None:
    def size(delay: Any) -> float:
        net = ns.Network("size")
        units = net.population("units", 100, leaky())
        net.project(units, units, ns.OneToOne(), delay=delay, source="x", receptor="c")
        return net.estimate(dt=0.1).bytes

    assert size(50.0) - size(None) == 2 * 8 * 100 * 502
    each = np.full((100, 100), 20.0)
    assert size(each) - size(None) == 2 * 8 * 100 * 202 + each.nbytes
    net = ns.Network("size")
    units = net.population("units", 10_000, leaky())
    net.project(units, units, ns.OneToOne(), delay=1e9, source="x", receptor="c")
    with pytest.raises(CapacityError, match="need about"):
        ns.run(net, 1)


@pytest.mark.parametrize(
    ("delay", "message"),
    [
        (-1.0, "delay"),
        (float("nan"), "delay"),
        (float("inf"), "delay"),
        ("3 mV", "delay"),
        (np.ones((3, 2)), r"\(n_pre, n_post\) = \(2, 3\).*shape if transposed"),
        (np.full((2, 3), np.nan), "delay"),
        (-np.ones((2, 3)), "delay"),
        (ns.Uniform(-2, -1), "above 0"),
        (ns.Uniform(-1, 3), "above 0"),
        ([1.0, 2.0], "delay"),
    ],
)
def test_what_is_no_delay_is_refused_where_it_is_written(delay: Any, message: str) -> None:
    net = ns.Network("bad")
    units = net.population("units", 4, leaky())
    with pytest.raises((DescriptionError, ns.UnitError), match=message):
        net.project(
            units[:2], units[1:], ns.AllToAll(), delay=delay, source="x", receptor="c", name="p"
        )


def test_drawn_delays_below_0_and_delayed_currents_are_refused() -> None:
    net = ns.Network("bad")
    units = net.population("units", 50, leaky())
    net.project(
        units, units, ns.AllToAll(), delay=ns.Normal(1, 1), source="x", receptor="c", name="p"
    )
    with pytest.raises(DescriptionError, match=r"'p': delay.*at least 0.*redraw"):
        ns.run(net, 1)
    image = net.population("image", 2, ns.Input("current"))
    cells = net.population("cells", 2, ns.LIF())
    with pytest.raises(DescriptionError, match="'late': delay"):
        net.project(image, cells, ns.OneToOne(), delay=1.0, name="late")
    pairs = ns.FromList([(0, 0)], delay=[1.0])
    with pytest.raises(DescriptionError, match="'listed': delay"):
        net.project(image, cells, pairs, name="listed")


def test_gap_junctions_refuse_negative_conductances() -> None:
    net = ns.Network("gap")
    synapses = ns.Receptors(ns.ExpCurrent(), gap=ns.GapJunction())
    cells = net.population("cells", 30, ns.LIF(synapses=synapses))
    with pytest.raises(DescriptionError, match="conductance"):
        net.project(cells, cells, ns.AllToAll(), weight=-1, source="V_m", receptor="gap")
    net.project(cells, cells, ns.AllToAll(), weight=ns.Normal(1, 1), source="V_m", receptor="gap")
    with pytest.raises(DescriptionError, match="conductance"):
        ns.run(net, 1)
