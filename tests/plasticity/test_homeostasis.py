"""Thresholds that follow spikes, weights that keep their sign, rules with the other sign."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import neurosim as ns
from neurosim.backend import find_backend

# --- thresholds -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def controlled() -> tuple[ns.Session, ns.Run]:
    """Neurons with inputs from far below to far above their threshold."""
    net = ns.Network("target", seed=1)
    model = ns.homeostatic(ns.LIF(), rate=8.0, step=0.2)
    cells = net.population("cells", 5, model)
    net.initialise(cells, theta=[0.0, 1, 2, -3, 0])
    net.inject(cells, ns.ConstantCurrent(amplitude=np.array([0.0, 100, 300, 600, 1000])))
    net.record(cells, "spikes")
    session = ns.compile(net, dt=0.1, threads=1)
    return session, session.run(40_000)


def test_the_target_rate_is_kept_whatever_the_input(
    controlled: tuple[ns.Session, ns.Run],
) -> None:
    """N = rate T + (theta(T) - theta(0)) / step, to rounding; later, the rate is the target."""
    session, run = controlled
    counts = run.spikes["cells"].counts()
    rise = session.get("cells", "theta") - [0.0, 1, 2, -3, 0]
    np.testing.assert_allclose(counts, 8.0 * 40 + rise / 0.2, atol=1e-6)
    assert np.ptp(counts) > 100  # before thresholds have moved, inputs differ
    rates = session.run(40_000).spikes["cells"].rates()
    np.testing.assert_allclose(rates, 8, atol=0.1)


def test_without_homeostasis_rates_follow_inputs(controlled: tuple[ns.Session, ns.Run]) -> None:
    session, _ = controlled
    session.set("cells", theta_step=1e-12)
    session.set("cells", theta=0.0)
    assert np.ptp(session.run(1000).spikes["cells"].rates()) > 20


def test_an_adaptive_threshold_rises_and_decays() -> None:
    net = ns.Network("adaptive", seed=1)
    cell = net.population("cell", 1, ns.homeostatic(ns.LIF(I_e=600), kind="adaptive", tau=50))
    net.record(cell, ["spikes", "theta"])
    run = ns.run(net, 300)
    times = run.spikes["cell"].times
    at = run.states["cell"]["theta"].times
    expected = [np.exp(-(t - times[times <= t + 1e-9]) / 50).sum() for t in at]
    np.testing.assert_allclose(run.states["cell"]["theta"].array[:, 0], expected, atol=1e-9)
    gaps = np.diff(times)
    assert gaps[-1] > 1.2 * gaps[0]


def test_models_that_cannot_be_held_are_refused() -> None:
    for wrong, told in (
        (dict(rate=None), "homeostatic: rate"),
        (dict(tau=5.0), "homeostatic: tau"),
        (dict(kind="adaptive"), "homeostatic: tau"),
        (dict(kind="both"), "homeostatic: kind"),
        (dict(step=0.0), "homeostatic: step"),
        (dict(model=ns.LinearRate()), "with threshold and reset"),
        (dict(model=ns.Poisson(rate=5)), "not a source"),
        (dict(model=ns.homeostatic(ns.LIF(), rate=1.0)), "without theta"),
    ):
        with pytest.raises(ns.NeurosimError, match=told):
            ns.homeostatic(**{"model": ns.LIF(), "rate": 5.0, **wrong})  # type: ignore[arg-type]


# --- signs ----------------------------------------------------------------------------------------


def pushed(sign: Any) -> ns.Network:
    """Four synapses, of which signals take and give."""
    net = ns.Network("signs", seed=2)
    source = net.population("source", 4, ns.Poisson(rate=50))
    cell = net.population("cell", 1, ns.LIF(synapses=ns.ExpCurrent(exc=5)))
    rule = ns.PlasticityRule(
        "pushed", on_pre="w += 0.01", on_signal="w += push", signals=("push",), w_min=-9, w_max=9,
        sign=sign,
    )  # fmt: skip
    weight = np.array([[3.0], [-2.0], [0.5], [-1.0]])
    net.project(
        source, cell, ns.AllToAll(), weight=weight, receptor="exc", plasticity=rule, name="p"
    )
    return net


@pytest.mark.parametrize("precision", ["double", "single"])
def test_weights_that_keep_their_sign_never_cross_zero(precision: str) -> None:
    fixed, free = (
        ns.compile(pushed(sign), dt=0.1, threads=1, precision=precision)
        for sign in ("fixed", "free")
    )
    for session in (fixed, free):
        session.signal("p", push=-1.0)
    assert fixed.get("p", "w") == pytest.approx([2, -3, 0, -2])
    assert free.get("p", "w") == pytest.approx([2, -3, -0.5, -2])
    fixed.signal("p", push=2.5)  # two of them are at 0 now, from either side
    assert fixed.get("p", "w") == pytest.approx([4.5, -0.5, 2.5, 0])
    fixed.signal("p", push=50.0)
    fixed.signal("p", push=-4.0)
    assert fixed.get("p", "w") == pytest.approx([5, -4, 5, -4])
    fixed.signal("p", push=50.0)
    fixed.run(2000)  # spikes push upwards, too
    assert (fixed.get("p", "w")[[1, 3]] == 0).all()


def test_rates_keep_signs_and_anti_hebbian_units_their_correlation() -> None:
    """At the fixed point of Foldiak's rule the product of both rates is what was told."""

    def products(**options: Any) -> tuple[float, np.ndarray]:
        net = ns.Network("lateral", seed=1)
        y = net.population("y", 2, ns.LinearRate(I=[0.9, 0.7], tau=5))
        off = ns.FromMatrix(np.array([[0, -0.1], [-0.1, 0]]))
        net.project(
            y, y, off, source="r", receptor="r", name="w", plasticity=ns.AntiHebb(**options)
        )
        session = ns.compile(net, dt=0.5)
        session.run(20_000)
        r = session.get("y", "r")
        return float(r[0] * r[1]), session.get("w", "w")

    product, weights = products(eta=0.01, correlation=0.2)
    assert product == pytest.approx(0.2, abs=1e-6)
    assert (weights < -0.1).all()
    unlearned, _ = products(eta=0.0, correlation=0.2)
    assert unlearned > 0.4
    # More correlation than there is without weights: these would have to excite.
    product, weights = products(eta=0.01, correlation=0.8)
    assert product == pytest.approx(0.8, abs=1e-6)
    assert (weights > 0).all()
    product, weights = products(eta=0.01, correlation=0.8, sign="fixed")
    assert (weights == 0).all()
    assert product == pytest.approx(0.63, abs=1e-6)


def test_signs_that_mean_nothing_are_refused() -> None:
    with pytest.raises(ns.DescriptionError, match=r"bounds on one side of 0 \(1 to 2\)"):
        ns.PlasticityRule("r", on_pre="w += 1", w_min=1, w_max=2, sign="fixed")
    with pytest.raises(ns.DescriptionError, match="leaves weights as they are"):
        ns.PlasticityRule("r", pre="n : 1", on_pre="n += 1; effect = w*n", sign="fixed")
    with pytest.raises(ns.UnknownNameError, match="sign"):
        ns.STDP(sign="both")  # type: ignore[arg-type]
    for name in set(ns.backends()) - {"cpu"}:
        assert find_backend(name).capabilities.declared("synapse:sign").level == "refused"


# --- the other sign -------------------------------------------------------------------------------


@pytest.mark.parametrize("lag", [-25.0, -4.0, 3.0, 20.0])
def test_the_anti_hebbian_window(lag: float) -> None:
    """Bell et al. (1997): an input before the neuron's spike loses, one after it gains."""
    net = ns.Network("pair", seed=1)
    pre = net.population("pre", 1, ns.SpikeTimes([[100.0, 400.0]]))
    kick = net.population("kick", 1, ns.SpikeTimes([[100.0 + lag]]))
    cell = net.population("cell", 1, ns.LIF(synapses=ns.Receptors(
        kick=ns.Delta(), taught=ns.ExpCurrent.receptor(tau=2))))  # fmt: skip
    net.project(kick, cell, ns.OneToOne(), weight=1e6, receptor="kick", delay=0.1)
    net.project(
        pre, cell, ns.AllToAll(), weight=0.5, receptor="taught", delay=0.1, name="p",
        plasticity=ns.AntiHebbianSTDP(
            tau_plus=18, tau_minus=30, a_plus=0.02, a_minus=0.03, delay="axonal"
        ),
    )  # fmt: skip
    session = ns.compile(net, dt=0.1, threads=1)
    session.run(200)
    after = session.get("p", "w")[0] - 0.5
    # Both delays are a step, so that spikes are as far apart at the synapse as they were sent.
    expected = -0.03 * np.exp(-lag / 18) if lag > 0 else 0.02 * np.exp(lag / 30)
    assert after == pytest.approx(expected, rel=1e-9)
