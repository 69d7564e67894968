"""NEST as referee: the same spikes on the grid where it is exact, the same equations elsewhere.

Wiring, drive and currents are those of our core, handed to NEST; what NEST does with them is its
own. Measured with NEST 3.10, each to the end of the run: CUBA with 4,000 neurons has the same
spikes for 4 s, Brunel's networks with 4,000 neurons in all four regimes for 300 ms, the
microcircuit at 5 % for 1 s.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import neurosim as ns
from neurosim.analysis import isi_cv
from neurosim.errors import ApproximationWarning
from neurosim_models import brunel, potjans_diesmann, vogels_abbott_coba, vogels_abbott_cuba

pytestmark = pytest.mark.compiled


def both(net: ns.Network, duration: float, **options: Any) -> tuple[ns.Run, ns.Run]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ApproximationWarning)
        theirs = ns.run(net, duration, backend="nest", **options)
    return ns.run(net, duration, **options), theirs


def assert_same_spikes(ours: ns.Run, theirs: ns.Run, dt: float, *, at_least: int) -> None:
    total = 0
    for name, record in ours.spikes.items():
        other = theirs.spikes[name]
        np.testing.assert_array_equal(
            np.rint(record.times / dt), np.rint(other.times / dt), err_msg=name
        )
        np.testing.assert_array_equal(record.ids, other.ids, err_msg=name)
        total += len(record)
    assert total >= at_least


def assert_close_states(ours: ns.Run, theirs: ns.Run, bound: float) -> None:
    """Check that traces differ by at most `bound` of the largest value."""
    for name, traces in ours.states.items():
        for variable, trace in traces.items():
            off = np.abs(trace.array - theirs.states[name][variable].array).max()
            assert off <= bound * max(1.0, np.abs(trace.array).max()), f"{variable} of {name}"


# --- the same spikes ------------------------------------------------------------------------------


def test_cuba_of_4000_neurons_for_200_ms() -> None:
    net = vogels_abbott_cuba()
    net.record(net["exc"][:50], ["V_m", "I_exc", "I_inh"])
    ours, theirs = both(net, 200)
    assert theirs.provenance["models"] == {"exc": "iaf_psc_exp", "inh": "iaf_psc_exp"}
    assert_same_spikes(ours, theirs, 0.1, at_least=3000)
    assert_close_states(ours, theirs, 1e-11)


@pytest.mark.slow
def test_brunel_of_4000_neurons_for_200_ms() -> None:
    """5 million delta synapses and 16 million spikes of the external drive."""
    net = brunel("C", scale=0.32)
    net.record(net["inh"][:50], "V_m")
    ours, theirs = both(net, 200)
    assert_same_spikes(ours, theirs, 0.1, at_least=20_000)
    assert_close_states(ours, theirs, 1e-11)


def test_microcircuit_for_200_ms() -> None:
    """One receptor with weights of both signs, drawn weights and delays, Poisson drive."""
    net = potjans_diesmann(scale=0.02)
    net.record(net["L4E"][:50], ["V_m", "I_syn"])
    ours, theirs = both(net, 200)
    assert_same_spikes(ours, theirs, 0.1, at_least=400)
    assert_close_states(ours, theirs, 1e-10)


@pytest.mark.parametrize("synapses", [ns.Pulse(), ns.Delta()], ids=lambda s: type(s).__name__)
def test_izhikevich_network_for_200_ms(synapses: Any) -> None:
    """Forward Euler on both sides; a pulse there is a jump here, with R dt for its weight."""
    generator = np.random.default_rng(3)
    r = generator.random(200)
    net = ns.Network("izhikevich", seed=2, dt=1.0)
    cells = net.population(
        "cells", 200, ns.Izhikevich(c=-65 + 15 * r**2, d=8 - 6 * r**2, R=0.7, synapses=synapses)
    )
    net.project(cells, cells, ns.AllToAll(), weight=ns.Uniform(-0.1, 0.2), delay=ns.Uniform(1, 9))
    net.inject(cells, ns.NoiseCurrent(sd=7.0, mean=3.0, dt=1.0))
    net.record(cells, ["spikes", "u"])
    ours, theirs = both(net, 200)
    assert_same_spikes(ours, theirs, 1.0, at_least=200)
    assert_close_states(ours, theirs, 1e-9)


def test_alpha_currents_for_200_ms() -> None:
    net = ns.Network("alpha", seed=7)
    exc = net.population("exc", 160, ns.LIF(synapses=ns.AlphaCurrent(exc=1.5, inh=6), I_e=380.0))
    inh = net.population("inh", 40, exc.model)
    net.initialise(exc + inh, V_m=ns.Uniform(-70, -55))
    net.project(exc, exc + inh, ns.FixedProbability(0.1), weight=25.0, delay=ns.Uniform(0.1, 4),
                receptor="exc")  # fmt: skip
    net.project(inh, exc + inh, ns.FixedProbability(0.1), weight=-60.0, receptor="inh")
    net.drive(exc, ns.Poisson(rate=800), weight=20.0, receptor="exc")
    net.record(exc, "spikes")
    net.record(inh, ["spikes", "V_m", "I_exc", "x_exc", "I_inh", "x_inh"])
    ours, theirs = both(net, 200)
    assert_same_spikes(ours, theirs, 0.1, at_least=500)
    assert_close_states(ours, theirs, 1e-10)


# --- the same equations, integrated otherwise -----------------------------------------------------

MODELS = {
    "iaf_cond_exp": (ns.LIF(synapses=ns.ExpConductance(), I_e=200.0), 1.0),
    "iaf_cond_alpha": (ns.LIF(synapses=ns.AlphaConductance(exc=1), I_e=200.0), 1.0),
    "iaf_cond_beta": (ns.LIF(synapses=ns.BetaConductance(), I_e=200.0), 1.0),
    "aeif_cond_alpha_multisynapse": (
        ns.LIF(
            synapses=ns.Receptors(
                ns.AlphaConductance(exc=1), slow=ns.AlphaConductance.receptor(tau=8.0, E=-70.0)
            ),
            I_e=200.0,
        ),
        1.0,
    ),
    "aeif_psc_exp": (ns.AdEx(I_e=300.0), 40.0),
    "aeif_cond_exp": (ns.AdEx(synapses=ns.ExpConductance(), I_e=300.0), 1.0),
    "aeif_cond_beta_multisynapse": (ns.AdEx(synapses=ns.BetaConductance(), I_e=300.0), 1.0),
    "hh_psc_alpha": (ns.HodgkinHuxley(synapses=ns.AlphaCurrent(), method="rk4"), 30.0),
    "hh_cond_exp_traub": (ns.TraubMiles(method="rk4"), 0.1),
}


@pytest.mark.parametrize("name", MODELS)
def test_traces_meet_as_the_step_shrinks(name: str) -> None:
    """Below threshold all states differ by no more than our error of first order, 0.05 mV at 0.01.

    Membranes, gates, adaptation, conductances and currents, under random input at each receptor.
    """
    model, strength = MODELS[name]
    net = ns.Network(name, seed=3)
    cells = net.population("cells", 4, model)
    for receptor in cells.interface.receptors:
        sign = -1 if "inh" in receptor.name and not receptor.nonnegative else 1
        net.drive(cells, ns.Poisson(rate=400), weight=sign * strength, receptor=receptor.name)
    net.record(cells, [*model.state_units])
    ours, theirs = both(net, 40, dt=0.01)
    assert theirs.provenance["models"] == {"cells": name}
    for variable, trace in ours.states["cells"].items():
        off = np.abs(trace.array - theirs.states["cells"][variable].array).max()
        span = np.ptp(trace.array)
        assert span > 0, variable
        assert off <= (0.05 if variable == "V_m" else 1e-3 * span), f"{variable}: {off:g}"


LATE = {
    "AdEx": (ns.AdEx(I_e=1200.0, t_ref=2.0), (-0.1, 0.1)),
    "ExponentialIF": (ns.ExponentialIF(I_e=400.0), (-0.1, 0.1)),
    "LIF": (ns.LIF(synapses=ns.ExpConductance(), I_e=600.0), (-0.1, 0.1)),
    "HodgkinHuxley": (
        ns.HodgkinHuxley(synapses=ns.AlphaCurrent(), I_e=800.0, method="rk4"),
        (0.0, 0.6),
    ),
    "TraubMiles": (ns.TraubMiles(I_e=400.0, method="rk4"), (0.0, 0.6)),
}


@pytest.mark.parametrize("name", LATE)
def test_constant_current_makes_the_same_spikes(name: str) -> None:
    """As many spikes, and as late as is told: Hodgkin-Huxley neurons spike at their maximum."""
    model, (least, most) = LATE[name]
    net = ns.Network(name)
    cells = net.population("cells", 2, model)
    net.record(cells, "spikes")
    ours, theirs = both(net, 100, dt=0.02)
    assert len(ours.spikes["cells"]) > 8
    np.testing.assert_array_equal(ours.spikes["cells"].ids, theirs.spikes["cells"].ids)
    late = theirs.spikes["cells"].times - ours.spikes["cells"].times
    assert least <= late.min() <= late.max() <= most


def test_coba_is_as_active() -> None:
    """The self-sustained network over 400 ms, whose rate varies by a tenth from seed to seed.

    For one seed, measured with four, our rate at dt = 0.1 ms, ours at 0.02 ms and NEST's differ by
    up to 8 %, with no sign in common.
    """
    ours, theirs = both(vogels_abbott_coba(), 400)
    for name, record in ours.spikes.items():
        other = theirs.spikes[name]
        assert len(record) > 1000
        assert len(other) == pytest.approx(len(record), rel=0.2)
        cv = [isi_cv(r.trains()).mean() for r in (record, other)]
        assert cv[0] == pytest.approx(cv[1], abs=0.15)
