"""Integration methods: order of convergence, exactness where promised, agreement with others."""

from __future__ import annotations

import importlib
import math
from typing import Any

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from neurosim.equations import NeuronModel
from neurosim.equations.spec import ModelSpec
from tests.equations.models import adex, izhikevich, lif_cond, lif_exp, qif, squid
from tests.oracles import advance, right_hand_side


def run(
    spec: ModelSpec,
    states: dict[str, float],
    dt: float,
    steps: int,
    parameters: dict[str, float] | None = None,
    inputs: dict[str, float] | None = None,
) -> dict[str, float]:
    """Advance without spikes."""
    parameters = dict(spec.defaults) if parameters is None else parameters
    constants = spec.constants(parameters, dt)
    for _ in range(steps):
        states = advance(spec, states, parameters, dt, inputs=inputs, constants=constants)
    return states


def reference(spec: ModelSpec, states: dict[str, float], duration: float) -> dict[str, float]:
    """scipy's solution of the same right-hand sides."""
    names = list(spec.states)

    def slope(_: float, x: Any) -> list[float]:
        found = right_hand_side(spec, dict(zip(names, x, strict=True)), spec.defaults)
        return [found[name] for name in names]

    solved = solve_ivp(
        slope, (0, duration), [states[n] for n in names], method="DOP853", rtol=1e-12, atol=1e-12
    )
    return dict(zip(names, solved.y[:, -1], strict=True))


FITZHUGH = "dv/dt = (v - v**3/3 - w + 0.5)/ms : 1\ndw/dt = 0.08*(v + 0.7 - 0.8*w)/ms : 1"


@pytest.mark.parametrize(("method", "order"), [("euler", 1), ("rk2", 2), ("rk4", 4)])
def test_order_of_explicit_methods(method: str, order: int) -> None:
    """Halving the step divides the error by 2**order."""
    spec = NeuronModel("fitzhugh", equations=FITZHUGH, method=method).spec()
    start = {"v": -1.0, "w": 0.3}
    exact = reference(spec, start, 4.0)
    errors = [abs(run(spec, start, 4.0 / n, n)["v"] - exact["v"]) for n in (40, 80, 160)]
    measured = [math.log2(errors[k] / errors[k + 1]) for k in range(2)]
    assert measured == pytest.approx([order, order], abs=0.15)


def test_order_of_exponential_euler() -> None:
    """First order in what is held at t ..."""
    spec = lif_cond().spec()
    assert spec.method == "exponential_euler"
    start = {"V_m": -65.0, "g": 20.0}
    exact = reference(spec, start, 4.0)["V_m"]
    errors = [abs(run(spec, start, 4.0 / n, n)["V_m"] - exact) for n in (40, 80, 160)]
    assert [math.log2(errors[k] / errors[k + 1]) for k in range(2)] == pytest.approx(
        [1, 1], abs=0.05
    )


def test_exponential_euler_is_exact_in_the_variable_itself() -> None:
    """... but with the others constant, a step of any length is right."""
    spec = lif_cond(method="exponential_euler").spec()
    start, dt = {"V_m": -65.0, "g": 0.0}, 35.0
    found = advance(spec, start, spec.defaults, dt, inputs={"I_injected": 100.0})
    tau, rest = 20.0, -65.0 + 10.0
    assert found["V_m"] == pytest.approx(rest + (-65.0 - rest) * math.exp(-dt / tau), rel=1e-14)


@pytest.mark.parametrize("rate", [0.0, 1e-300, -1e-12, 1e-9, 1e-3])
def test_exponential_euler_where_the_rate_vanishes(rate: float) -> None:
    """A rate of zero leaves plain integration, without a division by zero."""
    equations = "dx/dt = y*x/ms + 2/ms : 1\ndy/dt = 0/ms : 1\ndz/dt = r*z/ms + 2/ms : 1\nr : 1"
    spec = NeuronModel(
        "m", equations=equations, parameters={"r": 0.0}, method="exponential_euler"
    ).spec()
    found = advance(spec, {"x": 3.0, "y": rate, "z": 3.0}, {"r": rate}, 0.5)
    series = 0.5 + rate * 0.5**2 / 2 + rate**2 * 0.5**3 / 6 + rate**3 * 0.5**4 / 24
    expected = 3.0 + (3.0 * rate + 2.0) * series
    assert found["x"] == pytest.approx(expected, rel=1e-14)
    assert found["z"] == pytest.approx(found["x"], rel=1e-15)


def test_squid_axon_against_scipy() -> None:
    """Hodgkin & Huxley (1952): 20 ms with spikes, every variable."""
    spec = squid(method="rk4").spec()
    start = {n: float(spec.initial[n]) for n in spec.states}
    exact = reference(spec, start, 20.0)
    found = run(spec, start, 0.02, 1000)
    for name in spec.states:
        assert found[name] == pytest.approx(exact[name], rel=2e-5, abs=1e-5), name


def test_squid_axon_by_exponential_euler_converges() -> None:
    """The default method for it is first order, and close at 0.01 ms."""
    spec = squid().spec()
    start = {n: float(spec.initial[n]) for n in spec.states}
    exact = reference(spec, start, 8.0)["V_m"]
    errors = [abs(run(spec, start, 8.0 / n, n)["V_m"] - exact) for n in (400, 800)]
    assert math.log2(errors[0] / errors[1]) == pytest.approx(1, abs=0.2)
    assert errors[1] < 0.2


@pytest.mark.parametrize("method", ["exact", "exponential_euler", "rk4", "rk2", "euler"])
def test_clamped_states_are_held(method: str) -> None:
    """While refractory the membrane stands still and the synapses go on as ever."""
    spec = lif_exp(method=method).spec()
    assert spec.clamped == ("V_m",)
    start = {"V_m": -60.0, "I_exc": 100.0, "I_inh": -40.0}
    inputs = {"I_injected": 300.0}
    held = advance(spec, start, spec.defaults, 0.1, inputs=inputs, active=False)
    free = advance(spec, start, spec.defaults, 0.1, inputs=inputs)
    assert held["V_m"] == start["V_m"] != free["V_m"]
    assert (held["I_exc"], held["I_inh"]) == (free["I_exc"], free["I_inh"])


def test_a_parabola_has_no_pole_below_threshold() -> None:
    """Quadratic integrate-and-fire: V = sqrt(eta) tan(sqrt(eta) t / tau)."""
    spec = qif().spec()
    found = run(spec, {"V": 0.0}, 0.01, 1000, {"eta": 1.0, "tau": 10.0})
    assert found["V"] == pytest.approx(math.tan(1.0), rel=1e-9)


def test_izhikevich_by_euler_is_the_published_recipe() -> None:
    """One step is the difference equation, up to rounding."""
    spec = izhikevich(method="euler").spec()
    v, u = -65.0, -13.0
    found = advance(spec, {"v": v, "u": u}, spec.defaults, 1.0, inputs={"I": 10.0})
    assert found["v"] == pytest.approx(v + (0.04 * v**2 + 5 * v + 140 - u + 10), rel=1e-15)
    assert found["u"] == pytest.approx(u + 0.02 * (0.2 * v - u), rel=1e-15)


BRIAN = [
    ("rk4", adex),
    ("rk2", adex),
    ("euler", adex),
    ("exponential_euler", lif_cond),
    ("exponential_euler", squid),
    ("rk4", squid),
]


@pytest.mark.parametrize(("method", "model"), BRIAN)
def test_brian_takes_the_same_step(method: str, model: Any) -> None:
    """Brian's own update rule of the same name gives the same numbers, up to rounding."""
    explicit = importlib.import_module("brian2.stateupdaters.explicit")
    other = importlib.import_module("brian2.stateupdaters.exponential_euler")
    equations_of = importlib.import_module("brian2.equations.equations").Equations
    updater = (
        other.exponential_euler if method == "exponential_euler" else getattr(explicit, method)
    )
    spec = model(method=method).spec()
    # Our derivatives, already in coherent numbers, as text without units for Brian.
    text = "\n".join(f"d{d.name}/dt = ({d.expression})/second : 1" for d in spec.derivatives)
    code = updater(equations_of(text))
    states = {n: 0.3 for n in spec.states}
    states["V_m"] = -52.0
    dt = 0.05
    expected = _execute(code, {**states, **spec.defaults, "I_injected": 10.0}, dt)
    found = advance(spec, states, spec.defaults, dt, inputs={"I_injected": 10.0})
    for name in spec.states:
        assert found[name] == pytest.approx(expected[name], rel=1e-12), name


def _execute(code: str, names: dict[str, float], dt: float, **extra: Any) -> dict[str, Any]:
    """Run Brian's abstract code on Python floats."""

    def exprel(x: float) -> float:
        return math.expm1(x) / x if x else 1.0

    namespace: dict[str, Any] = {
        **names, "dt": dt, "second": 1.0, "exp": math.exp, "exprel": exprel, "sqrt": math.sqrt,
        **extra,
    }  # fmt: skip
    exec(code, {"__builtins__": {}}, namespace)
    return namespace


NOISY = """
    dx/dt = (1 - x**3)/tau + s*sqrt(1 + x**2)*xi_a/sqrt(tau) + s*xi_b/sqrt(tau) : 1
    dy/dt = (x - y)/tau + y*xi_a/sqrt(tau) : 1
"""


def test_brian_takes_the_same_noisy_step() -> None:
    """The same with noise: Heun's rule, several noises, one of them shared."""
    explicit = importlib.import_module("brian2.stateupdaters.explicit")
    equations_of = importlib.import_module("brian2.equations.equations").Equations
    spec = NeuronModel("m", equations=NOISY, parameters={"tau": "10 ms", "s": 0.4}, method="heun")
    code = explicit.heun(equations_of(NOISY))
    drawn: list[float] = []

    def randn() -> float:
        drawn.append([0.7, -1.3][len(drawn)])
        return drawn[-1]

    expected = _execute(code, {"x": 0.5, "y": -0.2, "tau": 10.0, "s": 0.4}, 0.1, randn=randn)
    order = [line.split("=")[0].strip() for line in code.splitlines() if "randn" in line]
    by_name = dict(zip(order, drawn, strict=True))
    found = advance(
        spec.spec(),
        {"x": 0.5, "y": -0.2},
        spec.spec().defaults,
        0.1,
        normals=[by_name["xi_a"], by_name["xi_b"]],
    )
    assert (found["x"], found["y"]) == pytest.approx((expected["x"], expected["y"]), rel=1e-13)


def test_models_without_equations() -> None:
    """A relay has no state to advance; it answers to what arrives."""
    spec = NeuronModel(
        "relay",
        equations="",
        threshold="n > 0",
        multiplicity="n",
        inputs={"in": "pulse n"},
    ).spec()
    assert (spec.method, spec.states, spec.program) == ("none", (), ())
    assert spec.receptors[0].unit == "1"
    assert str(spec.multiplicity) == "n"


def test_values_of_numpy_constants_are_plain() -> None:
    """Constants are Python floats or contiguous arrays of doubles."""
    spec = lif_exp().spec()
    found = spec.constants({**spec.defaults, "tau_m": np.array([10.0, 20.0])}, 0.1)
    for value in found.values():
        if isinstance(value, np.ndarray):
            assert value.dtype.name == "float64"
            assert value.flags.c_contiguous
        else:
            assert type(value) is float
