"""The horizon of a network: when a copy that differs by rounding fires another spike."""

from __future__ import annotations

import numpy as np
import pytest

import neurosim as ns
from neurosim.backend import Options
from neurosim.compare.horizon import Horizon, horizon, perturbed, signs
from neurosim.lower.lowering import lower

RATE = 0.2


def unstable(x: float = 1e-3) -> ns.Network:
    """Each state grows e-fold every 1/`RATE` ms, and so does its perturbation."""
    net = ns.Network("unstable")
    model = ns.NeuronModel(
        "growing", equations="dx/dt = rate*(x - centre) : 1\nrate : 1/ms\ncentre : 1",
        threshold="x >= 2", reset="x = 1", parameters={"rate": RATE, "centre": 1.0},
        initial={"x": 1.0 + x},
    )  # fmt: skip
    net.population("cells", 20, model)
    return net


@pytest.mark.parametrize("size", [1e-3, 1e-7])
def test_the_horizon_is_where_a_growing_perturbation_reaches_one_step(size: float) -> None:
    """x(t) = 1 + d exp(RATE t) meets 2 at ln(1/d)/RATE, and (size/d)/RATE earlier or later."""
    d = 0.1
    found = horizon(unstable(d), 100.0, Options(), size=size, copies=3)
    if size / d / RATE > 0.04:  # about half a step
        expected = np.log(1 / d) / RATE
        assert found.first == pytest.approx(expected, abs=0.2)
        assert found.median == pytest.approx(expected, abs=0.2)
    else:
        # After the reset to 1 exactly nothing grows any more.
        assert found.first is None
        assert found.median is None
        assert "no spike differs" in str(found)


def test_a_smaller_perturbation_takes_longer_by_its_logarithm() -> None:
    """Chaos: the Lorenz system loses a decimal every 2.5 of its time units, so does the horizon."""
    net = ns.Network("chaos")
    model = ns.NeuronModel(
        "lorenz",
        equations="""dx/dt = 10*(y - x)/tau : 1
                     dy/dt = (x*(28 - z) - y)/tau : 1
                     dz/dt = (x*y - 8*z/3)/tau : 1
                     tau : ms""",
        threshold="x >= 14", parameters={"tau": 10.0}, initial={"x": 1.0, "y": 1.0, "z": 20.0},
    )  # fmt: skip
    net.population("cells", 1, model)
    options = Options()
    found = {s: horizon(net, 600.0, options, size=s, copies=5) for s in (1e-15, 1e-11, 1e-7)}
    medians = [h.median for h in found.values()]
    assert all(m is not None for m in medians)
    long, middle, short = (float(m) for m in medians if m is not None)
    assert long > middle > short
    # 8 decimals at ln(10)/0.906 = 2.54 units of 10 ms.
    assert long - short == pytest.approx(8 * 25.4, rel=0.4)
    assert found[1e-15].first <= long  # type: ignore[operator]


def test_perturbations_are_relative_signed_and_keyed() -> None:
    plan = lower(unstable(), 0.1)
    one, two = (perturbed(plan, 1e-6, k).populations[0].initial["x"] for k in (0, 1))
    for row in (one, two):
        assert np.abs(np.asarray(row) / 1.001 - 1) == pytest.approx(1e-6, rel=1e-6)
    assert not np.array_equal(one, two)
    assert np.array_equal(one, perturbed(plan, 1e-6, 0).populations[0].initial["x"])
    assert set(signs(0, "a", "x", 100).tolist()) == {-1.0, 1.0}


def test_states_at_zero_are_perturbed_too() -> None:
    net = ns.Network("zero")
    net.population("a", 4, ns.LIF())
    rows = perturbed(lower(net, 0.1), 1e-3, 0).populations[0].initial
    assert np.abs(np.asarray(rows["I_exc"])).tolist() == [1e-3] * 4


def test_the_median_counts_copies_that_never_differ_as_latest() -> None:
    def made(*times: float | None) -> Horizon:
        return Horizon(size=1e-15, duration=100.0, times=times)

    assert made(3.0, None, 5.0).median == 5.0
    assert made(3.0, None, None).median is None
    assert made(3.0, None, None).first == 3.0
    assert made(None, None, None).first is None


def test_relays_are_left_as_they_are() -> None:
    """A count of spikes that is a little less than 1 would be none."""
    net = ns.Network("relay", seed=1)
    source = net.population("source", 3, ns.Poisson(rate=300))
    relay = net.population("relay", 3, ns.Parrot())
    net.project(source, relay, ns.OneToOne(), delay=1.0)
    assert horizon(net, 50.0, Options()).first is None


def test_in_single_precision_a_perturbation_is_one_that_single_precision_has() -> None:
    """A part of 10^-15 would be rounded away, and no copy would ever differ."""
    size = horizon(unstable(), 1.0, Options(precision="single")).size
    plan = lower(unstable(), 0.1)
    for copy in range(3):
        own, other = (p.populations[0].initial["x"] for p in (plan, perturbed(plan, size, copy)))
        assert np.all(np.float32(own) != np.float32(other))
    assert horizon(unstable(), 1.0, Options()).size == 1e-15
