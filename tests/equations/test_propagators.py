"""The exact step of linear equations, against arithmetic with fifty digits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurosim.equations import NeuronModel
from neurosim.equations.constants import Constants
from neurosim.equations.spec import ModelSpec
from neurosim.errors import DescriptionError
from tests.equations.models import lif_alpha, lif_exp
from tests.oracles import advance

DIGITS = 50


def exact_outputs(spec: ModelSpec, parameters: Mapping[str, float], dt: float) -> dict[str, float]:
    """Every constant of an exact step, from mpmath's matrix exponential."""
    constants = spec.constants_function
    assert isinstance(constants, Constants)
    system = constants.system
    assert system is not None
    count = len(system.states)
    found = {}
    with mpmath.workdps(DIGITS):
        values = {name: mpmath.mpf(value) for name, value in parameters.items()}
        for held in (False, True):
            still = system.clamped if held else ()
            whole = mpmath.zeros(2 * count)
            for entry in system.drift:
                if entry.row not in still:
                    whole[entry.row, entry.column] += precise(entry.expression, values)
            for row in range(count):
                if row not in still:
                    whole[row, count + row] = 1
            propagated = mpmath.expm(whole * mpmath.mpf(dt), method="taylor")
            for output in system.outputs:
                if output.held != held or output.kind == "noise":
                    continue
                value = propagated[output.row, output.column]
                if output.kind == "response":
                    value = propagated[output.row, count + output.column]
                if output.kind == "input":
                    value = sum(
                        propagated[output.row, count + e.row] * precise(e.expression, values)
                        for e in system.offsets
                        if e.column == output.column and e.row not in still
                    )
                found[output.name] = float(value)
    return found


def precise(expression: Any, values: Mapping[str, Any]) -> Any:
    """Value of a coefficient with all digits; sums, products and powers suffice here."""
    if expression.is_Symbol:
        return values[expression.name]
    if expression.is_Number:
        return mpmath.mpf(float(expression))
    arguments = [precise(argument, values) for argument in expression.args]
    if expression.is_Add:
        return mpmath.fsum(arguments)
    if expression.is_Mul:
        return mpmath.fprod(arguments)
    assert expression.is_Pow
    return arguments[0] ** arguments[1]


def agree(spec: ModelSpec, parameters: Mapping[str, float], dt: float, rel: float = 1e-10) -> None:
    """Compare all constants."""
    expected = exact_outputs(spec, parameters, dt)
    found = spec.constants(parameters, dt)
    assert set(expected) == set(found) == set(spec.constant_names)
    for name, value in expected.items():
        # Below 1e-290 doubles run out of digits.
        assert found[name] == pytest.approx(value, rel=rel, abs=1e-290), name


GAPS = [0.0, *(sign * 10.0**k for k in range(-12, -2) for sign in (1, -1)), 0.1, 1.0, 1e3]


@pytest.mark.parametrize("gap", GAPS)
def test_coinciding_time_constants(gap: float) -> None:
    """Membrane and synapses with equal or nearly equal time constants."""
    dt = 0.1
    parameters = dict(
        tau_m=10.0,
        C_m=250.0,
        E_L=-65.0,
        V_th=-50.0,
        V_reset=-60.0,
        t_ref=2.0,
        tau_exc=10.0 * (1 + gap),
        tau_inh=10.0 * (1 + gap) * (1 + gap),
    )
    agree(lif_exp().spec(), parameters, dt)
    agree(
        lif_alpha().spec(),
        {n: v for n, v in parameters.items() if n in MEMBRANE} | {"tau_s": 10.0 * (1 + gap)},
        dt,
    )


MEMBRANE = ("tau_m", "C_m", "E_L", "V_th", "V_reset")

CHAIN = NeuronModel(
    "chain",
    equations="""
        dV/dt = (E - V)/tau_1 + a/C : mV (clamped)
        da/dt = (b - a)/tau_2 : pA
        db/dt = (c - b)/tau_3 + k*V : pA
        dc/dt = -c/tau_4 + I_injected/ms : pA
        k : nS/ms
    """,
    threshold="V > 0*mV",
    refractory="t_ref",
    parameters={
        "tau_1": "1 ms", "tau_2": "1 ms", "tau_3": "1 ms", "tau_4": "1 ms", "C": "1 pF",
        "k": 0.0, "t_ref": 1.0, "E": "0 mV",
    },
).spec()  # fmt: skip

times = st.floats(0.02, 500.0)


@settings(max_examples=20)
@given(times, times, times, times, st.floats(0.001, 5.0), st.floats(0.0, 0.1))
def test_any_time_constants(
    tau_1: float, tau_2: float, tau_3: float, tau_4: float, dt: float, k: float
) -> None:
    """Stiff and slow together, with a feedback loop, free and while refractory."""
    parameters = dict(
        tau_1=tau_1, tau_2=tau_2, tau_3=tau_3, tau_4=tau_4, C=200.0, k=k, t_ref=1.0, E=-65.0
    )
    agree(CHAIN, parameters, dt)


@settings(max_examples=30)
@given(st.floats(1.0, 50.0), st.floats(0.1, 200.0), st.floats(0.5, 20.0), st.floats(0.01, 0.5))
def test_resonators(tau: float, tau_w: float, a: float, dt: float) -> None:
    """Negative feedback makes the exponential oscillate; entries may then cross zero."""
    spec = NeuronModel(
        "resonator",
        equations="dV/dt = -V/tau - w/C : mV\ndw/dt = (a*V - w)/tau_w : pA",
        parameters={"tau": "10 ms", "C": "200 pF", "a": "1 nS", "tau_w": "50 ms"},
    ).spec()
    agree(spec, dict(tau=tau, C=200.0, a=a, tau_w=tau_w), dt)


def test_integrators_without_a_leak() -> None:
    """Rates of zero: plain sums and their integrals."""
    spec = NeuronModel(
        "integrator",
        equations="dV/dt = I/C : mV\ndI/dt = -r*I + I_injected/ms : pA\nr : 1/ms",
        parameters={"C": "200 pF", "r": 0.0},
    ).spec()
    agree(spec, dict(C=200.0, r=0.0), 0.1)
    # V itself is neither multiplied nor even looked up.
    assert "P_V_V" not in spec.constant_names


def test_structural_zeros_are_absent() -> None:
    """The program has the terms that can be non-zero, and no others."""
    constants = lif_alpha().spec().constant_names
    assert set(constants) == {
        "P_V_m_V_m", "P_V_m_I", "P_V_m_x", "P_V_m", "P_I_I", "P_I_x", "P_x_x",
    }  # fmt: skip


def test_arrays_give_the_bits_of_scalars() -> None:
    """One value per neuron: each neuron has exactly what it would have alone."""
    spec = lif_exp().spec()
    rng = np.random.default_rng(1)
    tau = rng.uniform(0.05, 100.0, 5000)
    plain = dict(
        tau_m=20.0, C_m=200.0, E_L=-65.0, V_th=-50.0, V_reset=-60.0, t_ref=2.0, tau_inh=5.0
    )
    found = spec.constants({**plain, "tau_exc": tau}, 0.1)
    for k in (0, 17, 4999):
        alone = spec.constants({**plain, "tau_exc": float(tau[k])}, 0.1)
        for name, value in alone.items():
            here = found[name]
            assert (here[k] if isinstance(here, np.ndarray) else here) == value, name
    # Only what depends on the array is one.
    arrays = {name for name, value in found.items() if isinstance(value, np.ndarray)}
    assert arrays == {"P_I_exc_I_exc", "P_V_m_I_exc"}
    assert all(found[name].shape == (5000,) for name in arrays)  # type: ignore[union-attr]


def test_states_behind_a_clamped_one() -> None:
    """While V is held, what depends on it sees the held value; what does not goes on as ever."""
    parameters = dict(tau_1=5.0, tau_2=3.0, tau_3=7.0, tau_4=2.0, C=10.0, k=0.3, t_ref=1.0, E=-9.0)
    held = advance(CHAIN, dict(V=4.0, a=1.0, b=2.0, c=3.0), parameters, 0.5, active=False)
    assert held["V"] == 4.0
    # The same system with V no state but a number.
    rest = NeuronModel(
        "rest",
        equations="""
            da/dt = (b - a)/tau_2 : pA
            db/dt = (c - b)/tau_3 + k*V : pA
            dc/dt = -c/tau_4 : pA
            k : nS/ms
            V : mV
        """,
        parameters={"tau_2": "3 ms", "tau_3": "7 ms", "tau_4": "2 ms", "k": 0.3, "V": 4.0},
    ).spec()
    expected = advance(rest, dict(a=1.0, b=2.0, c=3.0), rest.defaults, 0.5)
    assert {n: held[n] for n in "abc"} == pytest.approx(expected, rel=1e-14)
    # A second set of propagators only where V acts.
    assert not any(name.startswith("held_P_c") for name in CHAIN.constant_names)
    assert any(name.startswith("held_P_b") for name in CHAIN.constant_names)


@given(st.floats(0.01, 3.0), st.floats(0.01, 3.0))
def test_two_steps_are_one(first: float, second: float) -> None:
    """Advancing by a and then by b is advancing by a + b."""
    parameters = dict(tau_1=5.0, tau_2=3.0, tau_3=7.0, tau_4=2.0, C=10.0, k=0.1, t_ref=1.0, E=-9.0)
    states = dict(V=4.0, a=1.0, b=2.0, c=3.0)
    inputs = {"I_injected": 20.0}
    middle = advance(CHAIN, states, parameters, first, inputs=inputs)
    split = advance(CHAIN, middle, parameters, second, inputs=inputs)
    whole = advance(CHAIN, states, parameters, first + second, inputs=inputs)
    assert split == pytest.approx(whole, rel=1e-11)


@pytest.mark.parametrize(("name", "value"), [("tau_m", 0.0), ("C_m", 0.0), ("tau_exc", -1e-5)])
def test_no_propagator_that_is_not_finite(name: str, value: float) -> None:
    """Time constants of zero (or growth beyond the doubles) are refused by name."""
    spec = lif_exp().spec()
    with pytest.raises(DescriptionError, match=name):
        spec.constants({**spec.defaults, name: value}, 0.1)


def test_inputs_that_enter_nonlinearly() -> None:
    """A linear system may read any function of its inputs."""
    spec = NeuronModel(
        "m",
        equations="dx/dt = (y - x)/tau : 1\ndy/dt = (I**2 - y)/tau : 1",
        inputs={"I": "additive"},
        parameters={"tau": "10 ms"},
    ).spec()
    assert spec.method == "exact"
    found = advance(spec, dict(x=0.0, y=0.0), {"tau": 10.0}, 1.0, inputs={"I": 3.0})
    z = 0.1
    assert found["y"] == pytest.approx(9 * -np.expm1(-z), rel=1e-14)
    assert found["x"] == pytest.approx(9 * (1 - np.exp(-z) * (1 + z)), rel=1e-12)
