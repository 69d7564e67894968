"""Units and names in model texts: what agrees, what is refused, and where."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from neurosim.equations import NeuronModel
from neurosim.equations.dimensions import UNITS
from neurosim.errors import DescriptionError, EquationError, UnknownNameError
from neurosim.units import to_float
from tests.equations.models import lif_exp
from tests.oracles import after_reset, right_hand_side

TAU = {"tau": "10 ms"}


@pytest.mark.parametrize("name", sorted(UNITS))
def test_unit_words_agree_with_the_boundary(name: str) -> None:
    """A unit means the same in a text and in a quantity like '20 ms'."""
    unit = UNITS[name]
    expected = Fraction(to_float(f"1 {name}", str(unit.dimension), "test"))  # type: ignore[arg-type]
    assert float(unit.scale) == pytest.approx(float(expected), rel=1e-15)


def place_of(error: EquationError) -> str:
    """The text from the caret to the end of its line."""
    assert error.position is not None
    return error.text[error.position :].split("\n")[0]


@pytest.mark.parametrize(
    ("equations", "message", "at"),
    [
        ("dV/dt = -V/tau + 3*pA : mV", "-V/tau' is in mV/ms and '3*pA' is in pA", "*pA : mV"),
        ("dV/dt = -V : mV", "dV/dt is in mV/ms, but the expression '-V' is in mV", "-V : mV"),
        ("dV/dt = -V/tau : mV\nx = V : pA", "x is in pA", "V : pA"),
        ("dV/dt = exp(V)*mV/tau : mV", "exp takes a plain number, but 'V' is in mV", "V)"),
        ("dV/dt = -V**tau/tau : mV", "an exponent must be a plain number", "tau/tau"),
        ("dV/dt = where(V > 3*ms, 1, 2)*mV/tau : mV", "comparison must have the same unit", "*ms"),
        ("dV/dt = max(V, tau)/tau : mV", "the arguments of max", "tau)"),
        ("dV/dt = (V > 1*mV)/tau : mV", "a condition stands where a number", "> 1*mV"),
        ("dV/dt = where(V, 1, 2)*mV/tau : mV", "expected a condition", "V, 1"),
        ("dV/dt = int(V)*mV/tau : mV", "expected a condition", "V)"),
        ("dV/dt = foo(V)/tau : mV", "unknown function 'foo'", "foo(V)"),
        ("dV/dt = clip(V, 1*mV)/tau : mV", "clip takes 3 arguments, not 2", "clip"),
        ("dV/dt = -V/tua : mV", "Did you mean 'tau'?", "tua"),
        ("dV/dt = -V/tau*t : mV", "cannot depend on time itself", "t : mV"),
        ("dV/dt = -V/tau*dt : mV", "time step", "dt : mV"),
        ("dV/dt = exp/tau : mV", "needs arguments", "exp/tau"),
        ("dV/dt = V/0/tau : mV", "division by zero", "0/tau"),
        ("dV/dt = V/(1 - 1)/tau : mV", "division by zero", "- 1"),
        ("dV/dt = V*log(0)/tau : mV", "no finite real value", "log(0)"),
        ("dV/dt = V*sqrt(-1)/tau : mV", "no finite real value", "sqrt(-1)"),
        ("dV/dt = V*10**1000000/tau : mV", "too large", "**1000000"),
        ("dV/dt = V*xi/tau : mV", "dV/dt is in mV/ms", "*xi"),
        ("dV/dt = -x : mV\nx = y : mV/ms\ny = x : mV/ms", "in a circle: x -> y -> x", "x = y"),
    ],
)
def test_unit_errors_point_at_the_place(equations: str, message: str, at: str) -> None:
    """Each disagreement is said in units, with the caret below it."""
    with pytest.raises(EquationError) as caught:
        NeuronModel("m", equations=equations, parameters=TAU)
    assert message in str(caught.value)
    assert place_of(caught.value).startswith(at)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"threshold": "V_m >= 3"}, EquationError, "'V_m' is in mV and '3' is in 1"),
        ({"threshold": "V_m"}, EquationError, "expected a condition"),
        ({"threshold": "V_m >= V_th*xi"}, EquationError, "only in differential equations"),
        ({"threshold": "I_injected > 0*pA"}, EquationError, "start of a step"),
        ({"reset": "V_m = 1"}, EquationError, "V_m is in mV"),
        ({"reset": "V_m = V_reset;; w += 1"}, EquationError, "no state 'w'"),
        (
            {"reset": "V_m += V_reset", "threshold": None, "refractory": None},
            EquationError,
            "clamped",
        ),
        ({"reset": "V_x = 3*mV"}, EquationError, "Did you mean 'V_m'?"),
        ({"reset": "V_m == 1"}, EquationError, "expected '='"),
        ({"refractory": "t_reff"}, UnknownNameError, "Did you mean 't_ref'?"),
        ({"refractory": "C_m"}, EquationError, "a refractory time is in ms"),
        ({"refractory": None}, EquationError, "never refractory"),
        ({"refractory": "5 ms"}, DescriptionError, "the name of a parameter"),
        ({"refractory": "5 ms"}, DescriptionError, "parameters={'t_ref': '5 ms'}"),
        ({"inputs": {"exc": "jump I_ex"}}, UnknownNameError, "Did you mean 'I_exc'?"),
        ({"inputs": {"exc": "leap I_exc"}}, EquationError, "it can be 'jump STATE'"),
        ({"inputs": {"exc": "pulse"}}, EquationError, "read nowhere"),
        ({"hazard": "1/ms"}, EquationError, "not both"),
        ({"threshold": None, "hazard": "V_m/mV"}, EquationError, "the firing intensity is in 1/ms"),
        ({"multiplicity": "V_m"}, EquationError, "the number of spikes is in 1"),
        ({"method": "runge"}, UnknownNameError, "'rk4'"),
        ({"method": "heun"}, EquationError, "there is none"),
    ],
)
def test_other_texts_are_checked_too(
    changes: dict[str, Any], error: type[Exception], message: str
) -> None:
    """Threshold, reset, hazard, inputs and names are held to the same standard."""
    with pytest.raises(error) as caught:
        lif_exp(**changes)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("given", "changes", "advice"),
    [
        (("E_L",), {}, "add a line 'E_L : mV'."),
        (("E_L", "tau"), {}, "add the lines 'E_L : mV' and 'tau : ms'."),
        (("E_L", "C"), {}, "add the lines 'E_L : mV' and 'C : pF'."),
        (("V_r",), {}, "add a line 'V_r : mV'."),
        (("E_L",), {"inputs": {"in": "pulse I"}}, "add a line 'E_L : mV'."),
    ],
)
def test_undeclared_numbers_that_should_have_a_unit(
    given: tuple[str, ...], changes: dict[str, Any], advice: str
) -> None:
    """A number without a line is a plain number; where that does not fit, the line is said."""
    units = {"E_L": "mV", "tau": "ms", "C": "pF", "V_r": "mV"}
    lines = [f"{name} : {unit}" for name, unit in units.items() if name not in given]
    current = "I" if "inputs" in changes else "I_injected"
    equations = "\n".join([f"dV/dt = (E_L - V)/tau + {current}/C : mV", *lines])
    with pytest.raises(EquationError) as caught:
        NeuronModel(
            "m",
            equations=equations,
            threshold="V > 0*mV",
            reset="V = V_r",
            parameters=dict.fromkeys(units, 1.0),
            **changes,
        )
    assert advice in str(caught.value)
    assert caught.value.position is not None


def test_errors_that_no_line_would_mend_have_no_such_advice() -> None:
    """A plain number that is one, beside a mistake elsewhere."""
    with pytest.raises(EquationError) as caught:
        NeuronModel("m", equations="dV/dt = a*V/ms + 3*pA : mV", parameters={"a": 1.0})
    assert "No line declares" not in str(caught.value)


def test_other_units_are_converted() -> None:
    """Volts, nanosiemens, hertz: the arithmetic is done in one coherent set."""
    model = NeuronModel(
        "m",
        equations="""
            dV/dt = (g*(E - V) + 1*nA + 500*pA)/(0.2*nF) + 10*Hz*mV : mV
            g : uS
            E : volt
        """,
        parameters={"g": 0.01, "E": -0.065},
    )
    found = right_hand_side(model.spec(), {"V": -60.0}, {"g": 0.01, "E": -0.065})
    assert found["V"] == pytest.approx((10 * -5 + 1500) / 200 + 0.01)
    assert model.spec().units == {"V": "mV", "g": "uS", "E": "volt"}


def test_a_state_may_be_in_another_unit() -> None:
    """A state declared in hertz or volts is held, initialised and recorded in them."""
    model = NeuronModel(
        "m",
        equations="""
            dr/dt = (r_0 - r)/tau : Hz
            dV/dt = -V/tau : volt
            r_0 : Hz
            tau : s
        """,
        threshold="V > 20*mV",
        reset="r += 5*Hz; V -= 1*mV; V *= 2",
        parameters={"r_0": "0.02 kHz", "tau": "10 ms"},
        initial={"V": "-65 mV", "r": "r_0"},
    )
    spec = model.spec()
    assert spec.defaults == {"r_0": 20.0, "tau": 0.01}
    assert spec.initial == {"V": -0.065, "r": "r_0"}
    found = right_hand_side(spec, {"r": 10.0, "V": 0.02}, spec.defaults)
    assert found == pytest.approx({"r": 1.0, "V": -0.002})
    assert [str(line.expression) for line in spec.reset] == ["r + 5", "V - 0.001", "2*V"]


@pytest.mark.parametrize(
    ("equation", "unit"),
    [
        ("dV/dt = -V/tau + I/(200*pF) : mV", "pA"),
        ("dV/dt = (-V + I)/tau : mV", "mV"),
        ("dV/dt = -V/tau + I : mV", "mV/ms"),
        ("dV/dt = (I*V - 3*pA)/(200*pF) : mV", "nS"),
        ("dV/dt = (-V + I)/tau : 1", "1"),
    ],
)
def test_the_unit_of_an_input_follows(equation: str, unit: str) -> None:
    """An input that is not declared has the only unit that fits."""
    model = NeuronModel("m", equations=equation, inputs={"in": "pulse I"}, parameters=TAU)
    (receptor,) = model.spec().receptors
    assert (receptor.name, receptor.target, receptor.unit) == ("in", "I", unit)
    assert receptor.nonnegative == (unit == "nS")


def test_an_input_without_a_unit_must_be_declared() -> None:
    """Where several units fit, a line in the text decides."""
    equations = "dV/dt = -V/tau*tanh(I/I) : 1"
    with pytest.raises(EquationError, match="declare it in them with a line 'I : unit'"):
        NeuronModel("m", equations=equations, inputs={"I": "additive"}, parameters=TAU)
    model = NeuronModel(
        "m", equations=f"{equations}\nI : Hz", inputs={"I": "additive"}, parameters=TAU
    )
    assert model.spec().couplings[0].unit == "Hz"


def test_a_parameter_that_the_reset_writes_is_a_state() -> None:
    """An adaptive threshold: constant between spikes, moved by each."""
    spec = NeuronModel(
        "m",
        equations="dV/dt = -V/tau : mV",
        threshold="V > theta",
        reset="V = 0*mV; theta += d; n += 1",
        parameters={"tau": "10 ms", "theta": "15 mV", "d": "1 mV", "n": 0},
    ).spec()
    assert spec.states == ("V", "theta", "n")
    assert spec.parameters == ("d", "tau")
    assert spec.initial == {"V": 0.0, "theta": 15.0, "n": 0.0}
    assert spec.next_names["theta"] == "theta"
    states = after_reset(spec, {"V": 16.0, "theta": 15.0, "n": 2.0}, spec.defaults)
    assert states == {"V": 0.0, "theta": 16.0, "n": 3.0}


def test_names_of_the_model_go_before_short_units() -> None:
    """A state may be called V or s, though both are units."""
    model = NeuronModel("m", equations="dV/dt = -V/tau : mV\nds/dt = -s/tau : 1", parameters=TAU)
    assert right_hand_side(model.spec(), {"V": 2.0, "s": 3.0}, {"tau": 10.0}) == {
        "V": -0.2,
        "s": pytest.approx(-0.3),
    }
