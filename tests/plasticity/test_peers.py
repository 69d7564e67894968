"""The named rules against NEST and Brian2 on the same spikes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import neurosim as ns
from tests.plasticity.test_rules import DT, network

pytestmark = pytest.mark.compiled


@pytest.fixture(autouse=True)
def empty_kernel() -> Iterator[None]:
    """Leave NEST's kernel, which a process has one of, as it was."""
    yield
    if "nest" in sys.modules:
        sys.modules["nest"].ResetKernel()


def spikes(seed: int, n: int = 60, end: float = 800.0) -> tuple[list[float], list[float]]:
    """Random trains of both sides; the first spike is presynaptic, and so is the last.

    NEST applies postsynaptic spikes at the next presynaptic one only, and takes it that there was
    one at t = 0. Many spikes coincide at the synapse.
    """
    random = np.random.default_rng(seed)
    pre = np.sort(random.choice(np.arange(20, int(end / DT), 10), n, replace=False)) * DT
    post = np.sort(random.choice(np.arange(25, int(end / DT), 10), n, replace=False)) * DT
    return [round(t, 1) for t in [1.0, *pre, end + 50]], [round(t, 1) for t in post]


def ours(rule: Any, pre: list[float], post: list[float], delay: float, weight: float) -> float:
    # Kicks take a step to make a spike.
    kicks = [round(t - DT, 1) for t in post]
    net = network(rule, [pre], [kicks], np.full((1, 1), delay), np.full((1, 1), weight))
    session = ns.compile(net, dt=DT, threads=1)
    run = session.run(round(pre[-1] + delay + 1, 1))
    np.testing.assert_allclose(run.spikes["post"].times, post)
    return float(session.connections("p").weight[0])


def nests(
    model: str, parameters: dict[str, float], pre: list[float], post: list[float], delay: float,
    weight: float, tau_minus: float,
) -> float:  # fmt: skip
    import nest

    nest.ResetKernel()
    nest.verbosity = nest.VerbosityLevel.ERROR
    nest.resolution = DT
    cells = nest.Create("parrot_neuron", 2, params={"tau_minus": tau_minus})
    for cell, times in zip(cells, (pre, post), strict=True):
        generator = nest.Create("spike_generator", params={"spike_times": [t - DT for t in times]})
        nest.Connect(generator, cell, syn_spec={"delay": DT})
    # Port 1: spikes arrive there, and are not repeated.
    facts = {
        "synapse_model": model, "delay": delay, "weight": weight, "receptor_type": 1, **parameters,
    }  # fmt: skip
    nest.Connect(cells[0], cells[1], syn_spec=facts)
    nest.Simulate(pre[-1] + 5)
    return float(nest.GetConnections(cells[0], cells[1]).weight)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("delay", [0.1, 1.0, 7.5])
@pytest.mark.parametrize(("mu_plus", "mu_minus"), [(0.0, 0.0), (0.4, 0.4), (1.0, 1.0)])
def test_stdp_is_that_of_nest(seed: int, delay: float, mu_plus: float, mu_minus: float) -> None:
    pre, post = spikes(seed)
    largest, rate, alpha = 8.0, 0.02, 1.1
    rule = ns.STDP(
        w_max=largest, a_plus=rate * largest, a_minus=alpha * rate * largest, tau_plus=17,
        tau_minus=31, mu_plus=mu_plus, mu_minus=mu_minus,
    )  # fmt: skip
    given = {
        "Wmax": largest, "lambda": rate, "alpha": alpha, "tau_plus": 17.0, "mu_plus": mu_plus,
        "mu_minus": mu_minus,
    }  # fmt: skip
    found = ours(rule, pre, post, delay, 3.0)
    assert found != 3.0
    theirs = nests("stdp_synapse", given, pre, post, delay, 3.0, 31.0)
    assert found == pytest.approx(theirs, rel=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_nearest_pairs_are_those_of_nest(seed: int) -> None:
    pre, post = spikes(seed)
    rule = ns.STDP(w_max=8.0, a_plus=0.16, a_minus=0.176, tau_minus=31, pairing="nearest")
    given = {
        "Wmax": 8.0, "lambda": 0.02, "alpha": 1.1, "tau_plus": 20.0, "mu_plus": 0.0,
        "mu_minus": 0.0,
    }  # fmt: skip
    found = ours(rule, pre, post, 1.5, 3.0)
    theirs = nests("stdp_nn_symm_synapse", given, pre, post, 1.5, 3.0, 31.0)
    assert found == pytest.approx(theirs, rel=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_inhibitory_plasticity_is_that_of_nest(seed: int) -> None:
    pre, post = spikes(seed, n=40)
    rule = ns.InhibitorySTDP(w_max=100.0, eta=0.3, tau=20, rate=5)
    given = {"eta": 0.3, "tau": 20.0, "alpha": 2 * 5e-3 * 20, "Wmax": 100.0}
    found = ours(rule, pre, post, 1.0, 30.0)
    assert abs(found - 30.0) > 1
    theirs = nests("vogels_sprekeler_synapse", given, pre, post, 1.0, 30.0, 20.0)
    assert found == pytest.approx(theirs, rel=1e-9)


@pytest.mark.parametrize("tau_facil", [0.0, 530.0])
def test_short_term_plasticity_is_that_of_nest(tau_facil: float) -> None:
    import nest

    times = [round(t, 1) for t in np.cumsum([5.0, *[8.0, 20.0, 3.3] * 8, 300.0, 12.0])]
    net = ns.Network("stp")
    source = net.population("pre", 1, ns.SpikeTimes([times]))
    cell = ns.LIF(tau_m=10, C_m=250, E_L=0, V_th=1e9, synapses=ns.ExpCurrent(exc=2))
    target = net.population("post", 1, cell)
    rule = ns.TsodyksMarkram(U=0.3, tau_rec=130, tau_facil=tau_facil)
    net.project(
        source, target, ns.AllToAll(), weight=40, delay=1.0, receptor="exc", plasticity=rule
    )
    net.record(target, "I_exc")
    current = ns.run(net, 700, dt=DT).states["post"]["I_exc"].array[:, 0]

    nest.ResetKernel()
    nest.verbosity = nest.VerbosityLevel.ERROR
    nest.resolution = DT
    cell = nest.Create(
        "iaf_psc_exp",
        params={"tau_m": 10.0, "E_L": 0.0, "V_m": 0.0, "V_th": 1e9, "tau_syn_ex": 2.0},
    )
    meter = nest.Create("multimeter", params={"record_from": ["I_syn_ex"], "interval": DT})
    parrot = nest.Create("parrot_neuron")
    given = [t - DT for t in times]
    generator = nest.Create("spike_generator", params={"spike_times": given})
    nest.Connect(generator, parrot, syn_spec={"delay": DT})
    facts = {
        "synapse_model": "tsodyks2_synapse", "weight": 40.0, "delay": 1.0, "U": 0.3, "u": 0.3,
        "x": 1.0, "tau_rec": 130.0, "tau_fac": tau_facil,
    }  # fmt: skip
    nest.Connect(parrot, cell, syn_spec=facts)
    nest.Connect(meter, cell)
    nest.Simulate(701)
    theirs = np.asarray(meter.get("events")["I_syn_ex"])[: current.size]
    assert theirs.max() > 10
    np.testing.assert_allclose(current[: theirs.size], theirs, rtol=1e-9, atol=1e-12)


def brians(
    model: str, on_pre: str, on_post: str, pre: list[float], post: list[float], delay: float,
    weight: float,
) -> float:  # fmt: skip
    import brian2 as b

    b.prefs.codegen.target = "numpy"
    clock = b.defaultclock
    clock.dt = DT * b.ms
    groups = [b.SpikeGeneratorGroup(1, [0] * len(times), times * b.ms) for times in (pre, post)]
    synapses = b.Synapses(*groups, model, on_pre=on_pre, on_post=on_post, delay=delay * b.ms)
    synapses.connect(i=[0], j=[0])
    synapses.w = weight
    # The delay is that of on_pre; on_post comes at once.
    b.Network(*groups, synapses).run((pre[-1] + delay + 2) * b.ms)
    return float(synapses.w[0])


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("delay", [0.5, 2.5])
def test_axonal_stdp_with_coincidences_is_that_of_brian2(seed: int, delay: float) -> None:
    pre, post = spikes(seed)
    rule = ns.STDP(
        w_max=8.0, a_plus=0.02, a_minus=0.015, tau_plus=17, tau_minus=31, delay="axonal",
        coincidence="both",
    )  # fmt: skip
    found = ours(rule, pre, post, delay, 3.0)
    assert found != ours(dataclass_with(rule, coincidence="none"), pre, post, delay, 3.0)
    theirs = brians(
        """w : 1
        dx/dt = -x/(17*ms) : 1 (event-driven)
        dy/dt = -y/(31*ms) : 1 (event-driven)""",
        "x += 1; w = clip(w - 0.015*y, 0, 8)".replace(";", "\n"),
        "y += 1; w = clip(w + 0.02*x, 0, 8)".replace(";", "\n"),
        pre, post, delay, 3.0,
    )  # fmt: skip
    assert found == pytest.approx(theirs, rel=1e-9)


def test_inhibitory_plasticity_is_that_of_brian2() -> None:
    pre, post = spikes(0, n=40)
    rule = ns.InhibitorySTDP(w_max=100.0, eta=0.3, delay="axonal", coincidence="both")
    found = ours(rule, pre, post, 1.5, 30.0)
    theirs = brians(
        """w : 1
        dx/dt = -x/(20*ms) : 1 (event-driven)
        dy/dt = -y/(20*ms) : 1 (event-driven)""",
        "x += 1\nw = clip(w + 0.3*(y - 0.2), 0, 100)", "y += 1\nw = clip(w + 0.3*x, 0, 100)",
        pre, post, 1.5, 30.0,
    )  # fmt: skip
    assert found == pytest.approx(theirs, rel=1e-9)


def dataclass_with(rule: Any, **changed: Any) -> Any:
    from dataclasses import replace

    return replace(rule, **changed)
