"""Exponential Euler of models with a linear part: that part is exact, the others held at t."""

from __future__ import annotations

import importlib
import math
from typing import Any

import numpy as np
import pytest

import neurosim as ns
from neurosim.engine.generate import generate
from neurosim.equations import NeuronModel
from tests.equations.models import lif_alpha, lif_cond, lif_exp, squid
from tests.oracles import advance

E = math.e


def alpha(tau: Any, t: Any) -> Any:
    """Alpha function with peak 1."""
    return E * t / tau * np.exp(-t / tau)


def beta(rise: float, decay: float, t: Any) -> Any:
    """Difference of exponentials with peak 1, at log(decay / rise) / (1/rise - 1/decay)."""
    peak = math.log(decay / rise) / (1 / rise - 1 / decay)
    height = math.exp(-peak / decay) - math.exp(-peak / rise)
    return (np.exp(-t / decay) - np.exp(-t / rise)) / height


SHAPES: dict[str, tuple[Any, Any, float]] = {
    # name: (synapses, its course, its charge per unit weight)
    "alpha": (ns.AlphaConductance(exc=0.2), lambda t: alpha(0.2, t), E * 0.2),
    "beta": (
        ns.BetaConductance(rise_exc=0.2, decay_exc=1.0),
        lambda t: beta(0.2, 1.0, t),
        0.8 / (5**-0.25 - 5**-1.25),
    ),
}
"""Fast ones, where holding the rise over a step of 0.1 ms made the peak 1.3 times the weight."""


def with_charge(model: NeuronModel) -> NeuronModel:
    """The model, with a state that gathers the conductance."""
    return NeuronModel(
        "charge",
        equations=f"{model.equations}\ndQ/dt = g_exc : nS*ms",
        threshold=model.threshold,
        reset=model.reset,
        refractory=model.refractory,
        inputs=model.inputs,
        parameters=model.parameters,
        initial=model.initial,
    )


@pytest.mark.parametrize("dt", [0.1, 0.01])
@pytest.mark.parametrize("shape", SHAPES)
def test_conductances_in_their_programs(shape: str, dt: float) -> None:
    """Course, peak and charge of one spike are those of the closed form at every grid point."""
    synapses, course, charge = SHAPES[shape]
    spec = with_charge(ns.LIF(synapses=synapses).neuron_model()).spec()
    assert spec.method == "exponential_euler"
    parameters = dict(spec.defaults)
    constants = spec.constants(parameters, dt)
    states = {**dict.fromkeys(spec.states, 0.0), "V_m": -70.0, "x_exc": 1.0}
    found = []
    for _ in range(round(30 / dt)):
        states = advance(spec, states, parameters, dt, constants=constants)
        found.append(states["g_exc"])
    expected = course(dt * np.arange(1, len(found) + 1))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)
    assert max(found) == pytest.approx(expected.max(), rel=1e-12)
    assert max(found) <= 1 + 1e-12
    assert states["Q"] == pytest.approx(charge, rel=1e-10)


@pytest.mark.parametrize("dt", [0.1, 0.01])
@pytest.mark.parametrize("shape", SHAPES)
def test_conductances_in_runs(shape: str, dt: float) -> None:
    """The same through the whole engine, for a spike of weight 2.5 that arrives at 2 ms."""
    synapses, course, charge = SHAPES[shape]
    net = ns.Network("one spike")
    cell = net.population("cell", 1, with_charge(ns.LIF(synapses=synapses).neuron_model()))
    source = net.population("in", 1, ns.SpikeTimes([[1.0]]))
    net.project(source, cell, ns.AllToAll(), weight=2.5, delay=1.0, receptor="exc")
    net.record(cell, "g_exc")
    net.record(cell, "Q")
    states = ns.run(net, 32, dt=dt, threads=1).states["cell"]
    times, g = states["g_exc"].times, states["g_exc"].array[:, 0]
    # Whole steps since the arrival: the label of its own step is 2.0 exactly.
    since = dt * np.maximum(np.rint(times / dt) - round(2 / dt), 0)
    np.testing.assert_allclose(g, 2.5 * course(since), rtol=0, atol=1e-10)
    assert g.max() == pytest.approx(2.5 * course(since).max(), rel=1e-10)
    assert states["Q"].array[-1, 0] == pytest.approx(2.5 * charge, rel=1e-10)


def test_values_of_each_neuron() -> None:
    """Time constants as arrays: each neuron has the constants of its own, equal ones too."""
    spec = ns.LIF(synapses=ns.AlphaConductance()).neuron_model().spec()
    taus = np.array([0.2, 0.2, 3.0])
    found = spec.constants({**spec.defaults, "tau_exc": taus}, 0.1)
    np.testing.assert_allclose(found["P_g_exc_x_exc"], alpha(taus, 0.1), rtol=1e-13)
    # What does not depend on them stays one number.
    assert isinstance(found["P_g_inh_x_inh"], float)


def test_single_decays_are_as_they_were() -> None:
    """Where no state reads another one of the part there is nothing to propagate together."""
    for model in (lif_cond(), squid(), lif_exp(method="exponential_euler")):
        spec = model.spec()
        assert spec.method == "exponential_euler"
        assert not any(name.startswith("P_") for name in spec.constant_names)
    spec = lif_cond().spec()
    assert spec.constants(dict(spec.defaults), 0.1)["decay_g"] == math.exp(-0.1 / 5)


PART = """
    dV/dt = (-V - g*V + z*mV)/tau : mV (clamped)
    dg/dt = (x - g)/tau + I_injected/pA/ms : 1
    dx/dt = (y - x)/tau + u**2/tau : 1
    dy/dt = (c*x - y)/tau : 1
    dz/dt = (x - z)/(tau*(1 + V**2/mV**2)) : 1
    dw/dt = (z - w)/tau : 1
    dp/dt = (x + z - p)/tau : 1
    dq/dt = -q*r/tau : 1
    dr/dt = -r/tau : 1
    u : 1
    tau : ms
    c : 1
"""


def part() -> NeuronModel:
    """g, x, y and r are the linear part (x and y in a loop); the others read what is not in it."""
    return NeuronModel(
        "part",
        equations=PART,
        threshold="V > 1*mV",
        reset="u = 0.5",
        refractory="t_ref",
        parameters={"tau": 2.0, "c": 0.6, "t_ref": 1.0, "u": 0.0},
    )


@pytest.mark.parametrize("active", [True, False])
def test_the_largest_closed_part_is_exact_and_the_others_are_held(active: bool) -> None:
    """Against scipy's matrix exponential, with injected current and a state without equation."""
    from scipy.linalg import expm

    spec = part().spec()
    assert spec.method == "exponential_euler"
    start = dict(V=1.5, g=0.3, x=-0.7, y=1.1, z=0.4, w=-0.2, p=0.6, q=0.9, r=0.8, u=1.3)
    dt, tau, c = 0.7, 2.0, 0.6
    found = advance(spec, start, spec.defaults, dt, inputs={"I_injected": 0.25}, active=active)
    # g, x, y and a state that stays at 1, for what is held.
    matrix = np.zeros((4, 4))
    matrix[0, :] = -1 / tau, 1 / tau, 0, 0.25
    matrix[1, :] = 0, -1 / tau, 1 / tau, 1.3**2 / tau
    matrix[2, :] = 0, c / tau, -1 / tau, 0
    expected = expm(matrix * dt) @ [start["g"], start["x"], start["y"], 1.0]
    assert [found[s] for s in "gxy"] == pytest.approx(expected[:3].tolist(), rel=1e-13)
    assert found["r"] == pytest.approx(start["r"] * math.exp(-dt / tau), rel=1e-15)

    def held(value: float, goal: float, rate: float) -> float:
        return goal + (value - goal) * math.exp(-rate * dt)

    rate = 1 / (tau * (1 + start["V"] ** 2))
    assert found["z"] == pytest.approx(held(start["z"], start["x"], rate), rel=1e-13)
    assert found["w"] == pytest.approx(held(start["w"], start["z"], 1 / tau), rel=1e-13)
    assert found["p"] == pytest.approx(
        held(start["p"], start["x"] + start["z"], 1 / tau), rel=1e-13
    )
    assert found["q"] == pytest.approx(start["q"] * math.exp(-start["r"] / tau * dt), rel=1e-13)
    rate = (1 + start["g"]) / tau
    moved = held(start["V"], start["z"] / (1 + start["g"]), rate)
    assert found["V"] == pytest.approx(moved if active else start["V"], rel=1e-13)


def test_a_linear_model_is_exact_by_either_name() -> None:
    """Nothing clamped and all of it linear: the part is the whole."""
    start = {"V_m": -60.0, "I": 30.0, "x": 100.0}
    found = []
    for method in ("exact", "exponential_euler"):
        spec = lif_alpha(method=method).spec()
        found.append(advance(spec, start, spec.defaults, 0.3))
    assert found[0] == pytest.approx(found[1], rel=1e-13)


def test_clamped_states_are_no_part_of_it() -> None:
    """What reads a clamped state reads it as it was at t, refractory or not."""
    equations = "dV/dt = -V/tau : 1 (clamped)\ndw/dt = (V - w)/tau : 1\ntau : ms"
    spec = NeuronModel(
        "m", equations=equations, threshold="V > 1", refractory="t_ref",
        parameters={"tau": 2.0, "t_ref": 1.0}, method="exponential_euler",
    ).spec()  # fmt: skip
    for active in (True, False):
        found = advance(spec, {"V": 0.8, "w": 0.1}, spec.defaults, 0.5, active=active)
        assert found["w"] == pytest.approx(0.8 - 0.7 * math.exp(-0.25), rel=1e-14)


def test_programs_depend_on_the_text_alone() -> None:
    """Retyped, and under another name: the same program and generated source."""
    m = ns.LIF(synapses=ns.BetaConductance()).neuron_model()
    again = NeuronModel(
        "my own",
        equations="# mine\n" + m.equations.replace(" = ", "  =  "),
        threshold=m.threshold,
        reset=m.reset,
        refractory=m.refractory,
        inputs=dict(m.inputs),
        parameters=dict(m.parameters),
        initial=dict(m.initial),
    )
    assert again.spec().program == m.spec().program
    assert again.spec().constant_names == m.spec().constant_names
    assert generate(again.spec()).source == generate(m.spec()).source


def test_brian_holds_what_the_part_propagates() -> None:
    """On purpose not Brian's step: equal where nothing in the part is read, not where it is."""
    exponential_euler = importlib.import_module("brian2.stateupdaters.exponential_euler")
    equations_of = importlib.import_module("brian2.equations.equations").Equations
    spec = ns.LIF(synapses=ns.AlphaConductance(exc=0.2, inh=2.0)).neuron_model().spec()
    text = "\n".join(f"d{d.name}/dt = ({d.expression})/second : 1" for d in spec.derivatives)
    code = exponential_euler.exponential_euler(equations_of(text))
    start = dict(V_m=-62.0, g_exc=0.0, x_exc=1.0, g_inh=0.7, x_inh=0.0)
    names: dict[str, Any] = {
        **start, **spec.defaults, "I_injected": 10.0, "dt": 0.1, "second": 1.0, "exp": math.exp,
    }  # fmt: skip
    exec(code, {"__builtins__": {}}, names)
    found = advance(spec, start, spec.defaults, 0.1, inputs={"I_injected": 10.0})
    # x_inh is 0: whether it is held makes no difference.
    for state in ("V_m", "x_exc", "g_inh", "x_inh"):
        assert found[state] == pytest.approx(names[state], rel=1e-12), state
    assert found["g_exc"] == pytest.approx(alpha(0.2, 0.1), rel=1e-14)
    assert names["g_exc"] == pytest.approx(E * (1 - math.exp(-0.5)), rel=1e-14)
    assert names["g_exc"] / found["g_exc"] == pytest.approx(1.297, abs=5e-4)
