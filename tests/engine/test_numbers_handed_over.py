"""Numbers handed over to rate models: added by an inlet, and held for the length of a step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import neurosim as ns

pytestmark = pytest.mark.compiled

RNG = np.random.default_rng(3)
GIVEN = RNG.normal(size=(40, 3))
WEIGHT = np.array([[0.5, -1.0], [0.0, 2.0], [1.5, 0.25]])


def fed(model: Any) -> ns.Network:
    net = ns.Network("fed", dt=0.5)
    source = net.population("given", 3, ns.Input("current"))
    units = net.population("units", 2, model)
    net.project(source, units, ns.FromMatrix(WEIGHT))
    net.record(units, "r", initial=True)
    return net


def test_a_linear_unit_follows_the_numbers_exactly() -> None:
    """tau dr/dt = -r + gain (I + r_in) with r_in held over every step."""
    net = fed(ns.LinearRate(tau=4.0, gain=2.0, I=0.3))
    found = ns.run(net, 20, inputs={"given": GIVEN}).states["units"]["r"].array
    decay = np.exp(-0.5 / 4.0)
    expected = np.zeros((41, 2))
    for k, row in enumerate(GIVEN):
        expected[k + 1] = expected[k] * decay + (1 - decay) * 2.0 * (0.3 + row @ WEIGHT)
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_the_stages_of_an_integrator_see_the_same_numbers() -> None:
    net = fed(ns.ThresholdLinearRate(tau=4.0, theta=0.1))
    found = ns.run(net, 20, integrator="heun", inputs={"given": GIVEN}).states["units"]["r"].array
    r = np.zeros(2)
    for k, row in enumerate(GIVEN):

        def slope(r: Any, given: Any = row @ WEIGHT) -> Any:
            return (-r + np.maximum(given - 0.1, 0)) / 4.0

        first = slope(r)
        r = r + 0.25 * (first + slope(r + 0.5 * first))
        np.testing.assert_allclose(found[k + 1], r, atol=1e-12)


def test_in_pieces_and_held() -> None:
    net = fed(ns.LinearRate())
    whole = ns.run(net, 20, inputs={"given": GIVEN}).states["units"]["r"].array
    session = ns.compile(net)
    first = session.run(5, inputs={"given": GIVEN[:10]}).states["units"]["r"].array
    second = session.run(15, inputs={"given": GIVEN[10:]}).states["units"]["r"].array
    np.testing.assert_array_equal(np.concatenate([first, second[1:]]), whole)
    held = ns.run(net, 20, inputs={"given": GIVEN[0]}).states["units"]["r"].array
    rows = np.broadcast_to(GIVEN[0], (40, 3))
    same = ns.run(net, 20, inputs={"given": rows}).states["units"]["r"].array
    np.testing.assert_array_equal(held, same)


def test_what_no_inlet_adds_is_refused() -> None:
    net = ns.Network("refused")
    given = net.population("given", 2, ns.Input("current"))
    rates = net.population("rates", 2, ns.LinearRate())
    with pytest.raises(ns.UnknownNameError, match=r"receptor.*'q'.*r"):
        net.project(given, rates, ns.OneToOne(), receptor="q")
    with pytest.raises(ns.DescriptionError, match="delay is 2"):
        net.project(given, rates, ns.OneToOne(), delay=2)
    areas = net.population("areas", 2, ns.WilsonCowan())
    with pytest.raises(ns.DescriptionError, match="one of 'E', 'I'"):
        net.project(given, areas, ns.OneToOne())
    joined = net.population("joined", 2, ns.LIF(synapses=ns.GapJunction()))
    name = next(c.name for c in joined.interface.couplings)
    with pytest.raises(ns.DescriptionError, match="an inlet that adds"):
        net.project(given, joined, ns.OneToOne(), receptor=name)
    net.project(given, joined, ns.OneToOne(), weight=10.0)  # a current into I_e, as ever
    parrots = net.population("parrots", 2, ns.Parrot())
    with pytest.raises(ns.DescriptionError, match="or rate models with an inlet"):
        net.project(given, parrots, ns.OneToOne())


def test_runs_that_hand_nothing_over_refuse_such_a_network() -> None:
    net = fed(ns.LinearRate())
    with pytest.raises(ns.DescriptionError, match=r"inputs\['given'\]"):
        ns.run(net, 20)
    with pytest.raises(ns.NeurosimError):
        ns.solve(net, 20)
    with pytest.raises(ns.NeurosimError):
        ns.sweep(net, {"units.tau": [1.0, 2.0]}, 20)
