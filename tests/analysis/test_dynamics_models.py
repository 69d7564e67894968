"""Vector fields of models: the equations of the text, exact Jacobians, and what is left out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import neurosim as ns
from neurosim.analysis import dynamics
from neurosim.errors import DescriptionError, UnitError, UnknownNameError

NEURONS = (
    ns.AdEx(synapses=None),
    ns.ExponentialIF(),
    ns.FitzHughNagumo(),
    ns.GIF(),
    ns.HodgkinHuxley(synapses=ns.AlphaConductance()),
    ns.Izhikevich(synapses=None),
    ns.LIF(synapses=ns.Receptors(ns.NMDA(), gap=ns.GapJunction())),
    ns.MorrisLecar(),
    ns.QuadraticIF(synapses=None),
    ns.TraubMiles(synapses=None),
)


@pytest.mark.parametrize("model", NEURONS, ids=lambda m: type(m).__name__)
def test_jacobians_from_the_text_are_those_of_the_field(model: Any) -> None:
    field = ns.vector_field(model)
    rng = np.random.default_rng(3)
    low, high = np.array([(-80, 0) if field.unit(n) == "mV" else (0, 1) for n in field.names]).T
    x = rng.uniform(low, high, (4, field.n_states)).T
    exact = field.jacobian(x)
    numeric = replace(field, derivative=None).jacobian(x)
    assert np.abs(exact - numeric).max() < 1e-8 * np.abs(exact).max()
    singly = np.stack([field(column) for column in x.T], axis=1)
    assert np.allclose(field(x), singly, rtol=1e-13)


def test_a_field_is_what_a_run_follows() -> None:
    """A run of the model and the trajectory of its field end in the same state."""
    model = ns.MorrisLecar(synapses=None, I_e=120.0)
    net = ns.Network("one")
    cell = net.population("cell", 1, model)
    net.initialise(cell, V_m=-20.0, n=0.1)
    net.record(cell, ["V_m", "n"], every=1.0)
    run = ns.run(net, 50, dt=0.01)
    field = ns.vector_field(model)
    path = dynamics.trajectory(field, {"V_m": -20.0, "n": 0.1}, 50.0, samples=51)
    for name, tolerance in (("V_m", 1e-3), ("n", 1e-5)):
        trace = run.states["cell"][name].array[:, 0]
        assert np.abs(trace - path[name][1:]).max() < tolerance


def test_cases_absolute_values_and_extremes_have_derivatives() -> None:
    model = ns.NeuronModel(
        "kinks",
        equations="""
            dx/dt = (abs(x) + max(x, y) - min(x, 0.5) + exprel(y) + clip(x, -1, 1))/ms : 1
            dy/dt = (where(x > y, x*y, y**2) + sign(x) + floor(y))/ms : 1
        """,
    )
    field = ns.vector_field(model)

    def slope(y: float) -> float:
        return float((np.exp(y) * (y - 1) + 1) / y**2)

    assert np.allclose(field.jacobian([0.25, -0.7]), [[1 + 1 - 1 + 1, slope(-0.7)], [-0.7, 0.25]])
    assert np.allclose(field.jacobian([-2.0, 0.4]), [[-1 - 1 + 0, 1 + slope(0.4)], [0, 0.8]])
    assert field.jacobian([-2.0, 0.0])[0, 1] == pytest.approx(1.5)


def test_inputs_and_held_states_are_parameters() -> None:
    model = ns.NeuronModel(
        "driven",
        equations="dv/dt = (-v + I - u)/tau : 1\ndu/dt = -u/ms : 1\ntau : ms",
        inputs={"I": "additive"},
        parameters={"tau": 10.0},
    )
    field = ns.vector_field(model, inputs={"I": 2.0}, hold={"u": 0.5})
    assert field.names == ("v",)
    assert dict(field.parameters) == {"tau": 10.0, "I": 2.0, "u": 0.5}
    assert field([0.0]).tolist() == [pytest.approx(0.15)]
    assert [p.x[0] for p in dynamics.fixed_points(field, [(-5, 5)], u=1.0)] == pytest.approx([1.0])


def test_parameters_take_units_and_must_be_single() -> None:
    field = ns.vector_field(ns.LIF(synapses=None), C_m="0.4 nF")
    assert field.parameters["C_m"] == 400.0
    assert field.unit("C_m") == "pF"
    several = ns.LIF(synapses=None, tau_m=[10.0, 20.0])
    with pytest.raises(DescriptionError, match=r"tau_m=1\.0"):
        ns.vector_field(several)
    assert ns.vector_field(several, tau_m=15).parameters["tau_m"] == 15.0
    with pytest.raises(UnitError):
        ns.vector_field(ns.LIF(synapses=None), C_m="4 mV")


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (lambda: ns.vector_field(ns.LIF), DescriptionError, r"Call it to make one: LIF\(\.\.\.\)"),
        (lambda: ns.vector_field(ns.Poisson(rate=5)), DescriptionError, "a NeuronModel or"),
        (lambda: ns.vector_field(ns.LIF(), tau=3), UnknownNameError, "'tau_m'"),
        (lambda: ns.vector_field(ns.LIF(), inputs={"x": 3}), UnknownNameError, "I_injected"),
        (lambda: ns.vector_field(ns.LIF(), hold={"V": 3}), UnknownNameError, "'V_m'"),
        (
            lambda: ns.vector_field(ns.QuadraticIF(synapses=None), hold={"V_m": 3}),
            DescriptionError,
            "not held",
        ),
    ],
)
def test_what_has_no_field_is_refused(wrong: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        wrong()


def test_what_is_left_out_is_said() -> None:
    assert "threshold and reset" in ns.vector_field(ns.Izhikevich()).note
    noisy = ns.NeuronModel("ou", equations="dx/dt = -x/ms + xi/ms**0.5 : 1")
    assert ns.vector_field(noisy).note == "Leaves out the noise of x: this is the drift."
    assert ns.vector_field(ns.NeuronModel("plain", equations="dx/dt = -x/ms : 1")).note == ""
