"""`NeuronModel`: values, what is refused, and that the same text is the same model."""

from __future__ import annotations

import copy
import dataclasses
import os
import pickle
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import sympy

from neurosim.equations import NeuronModel
from neurosim.equations.spec import Coupling, Receptor
from neurosim.errors import DescriptionError, EquationError, UnitError, UnknownNameError
from tests.equations.models import adex, izhikevich, lif_alpha, lif_cond, lif_exp, qif, squid

LEAK = "dV/dt = (E - V)/tau : mV\ntau : ms\nE : mV"


def leak(**parameters: Any) -> NeuronModel:
    """The smallest model with parameters."""
    return NeuronModel("leak", equations=LEAK, parameters={"tau": 10, "E": -65, **parameters})


def test_values_in_any_form() -> None:
    """Numbers are in the declared unit; texts and quantities are converted."""
    for value in (10, 10.0, np.float64(10), "10 ms", "0.01 s", "10000 us"):
        assert leak(tau=value).spec().defaults == {"tau": 10.0, "E": -65.0}
        assert type(leak(tau=value).parameters["tau"]) is float


def test_arrays_and_other_objects_pass_through() -> None:
    """One value per neuron becomes a read-only array; distributions are left to higher rooms."""

    class Distribution:
        pass

    drawn = Distribution()
    model = leak(tau=[10.0, 20.0], E=drawn)
    assert model.parameters["E"] is drawn
    assert model.parameters["tau"].tolist() == [10.0, 20.0]
    assert not model.parameters["tau"].flags.writeable
    assert model.spec().defaults == {}
    assert model.spec().parameters == ("tau", "E")


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"tau": float("nan")}, DescriptionError, "parameters['tau'] is nan"),
        ({"tau": [1.0, float("inf")]}, DescriptionError, "parameters['tau'][1] is inf"),
        ({"tau": True}, DescriptionError, "parameters['tau'] is True"),
        ({"tau": None}, DescriptionError, "parameters['tau'] is None"),
        ({"tau": 1j}, DescriptionError, "parameters['tau']"),
        ({"tau": [[1.0]]}, DescriptionError, "parameters['tau']"),
        ({"tau": "10 mV"}, UnitError, "parameters['tau'] is '10 mV'"),
        ({"tau": "ten ms"}, UnitError, "parameters['tau'] is 'ten ms'"),
        ({"taux": 3.0}, UnknownNameError, "Did you mean 'tau'?"),
        ({"V": 3.0}, EquationError, "is a state"),
        ({"mV": 3.0}, EquationError, "is a unit"),
        ({"a b": 3.0}, EquationError, "is not a name"),
        ({3: 3.0}, DescriptionError, "names as keys"),
    ],
)
def test_wrong_values_are_named(
    parameters: dict[Any, Any], error: type[Exception], message: str
) -> None:
    """The message has the model, the parameter and the value."""
    with pytest.raises(error) as caught:
        leak(**{}) if not parameters else NeuronModel(
            "leak", equations=LEAK, parameters={"tau": 10, "E": -65, **parameters}
        )
    assert message in str(caught.value)


def test_a_declared_parameter_needs_a_value() -> None:
    """It is not zero by default."""
    with pytest.raises(EquationError, match="'E' has no value") as caught:
        NeuronModel("leak", equations=LEAK, parameters={"tau": 10})
    assert caught.value.position == LEAK.index("E : mV")


@pytest.mark.parametrize(
    ("initial", "error", "message"),
    [
        ({"v": 1.0}, UnknownNameError, "expected one of 'V'"),
        ({"V": "E_L"}, UnknownNameError, "one of"),
        ({"V": "tau"}, UnitError, "'tau' is in ms"),
        ({"V": "3 ms"}, UnitError, "'3 ms'"),
        ({"V": [1.0, 2.0]}, DescriptionError, "net.initialise"),
        ({"V": float("inf")}, DescriptionError, "inf"),
    ],
)
def test_wrong_initial_values(initial: Any, error: type[Exception], message: str) -> None:
    """First values are numbers, quantities or parameters of the same unit."""
    with pytest.raises(error) as caught:
        NeuronModel("m", equations=LEAK, parameters={"tau": 10, "E": -65}, initial=initial)
    assert message in str(caught.value)


@pytest.mark.parametrize("field", ["equations", "threshold", "reset", "method", "name"])
def test_texts_are_texts(field: str) -> None:
    """Anything else is refused by name."""
    arguments: dict[str, Any] = {"name": "m", "equations": LEAK, field: 3}
    with pytest.raises(DescriptionError, match=field):
        NeuronModel(**arguments, parameters={"tau": 10, "E": -65})


def test_receptors_given_as_objects() -> None:
    """A Receptor or Coupling says everything itself."""
    receptor = Receptor("exc", "jump", "I_exc", "pA", nonnegative=True)
    spec = lif_exp(inputs={"exc": receptor, "inh": "jump I_inh"}).spec()
    assert spec.receptors[0] == receptor
    gap = Coupling("gap", "diffusive", "pA")
    spec = NeuronModel(
        "m",
        equations="dV/dt = -V/tau + gap/C : mV\ngap : pA",
        inputs={"gap": gap},
        parameters={"tau": "10 ms", "C": "1 pF"},
    ).spec()
    assert spec.couplings == (gap,)


def test_a_receptor_must_agree_with_the_equations() -> None:
    """Its unit is that of what it acts on, and its name the one it goes by."""
    for receptor in (
        Receptor("exc", "jump", "I_exc", "nS"),
        Receptor("other", "jump", "I_exc", "pA"),
    ):
        with pytest.raises((EquationError, UnitError)):
            lif_exp(inputs={"exc": receptor, "inh": "jump I_inh"})


def test_the_same_text_is_the_same_model() -> None:
    """Layout, comments and the order of given parameters make no difference."""
    equations = "dV/dt = (E - V)/tau + p*q*mV/ms : mV"
    first = NeuronModel(
        "m", equations=equations, parameters={"tau": "9 ms", "E": "-65 mV", "p": 1, "q": 2}
    )
    second = NeuronModel(
        "m",
        equations="\n dV/dt=(E-V) / tau+p*q*mV/ms:mV # leak\n\n",
        parameters={"q": 2, "p": 1, "E": "-65 mV", "tau": "9 ms"},
    )
    assert first.spec().source_text == second.spec().source_text
    assert first == second
    assert hash(first) == hash(second)
    assert first.spec().program == second.spec().program
    assert first != NeuronModel(
        "m",
        equations=equations,
        parameters={**second.parameters, "p": 3, "tau": "9 ms", "E": "-65 mV"},
    )
    assert first != lif_exp()


def test_models_survive_copying_and_pickling() -> None:
    """Parameters that brought their unit along keep it."""
    for model in (lif_exp(), squid(), izhikevich()):
        for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
            assert twin == model
            assert twin.spec() == model.spec()
        assert dataclasses.replace(model, name="other").spec().program == model.spec().program
        spec = pickle.loads(pickle.dumps(model.spec()))
        assert spec == model.spec()
        assert spec.constants(spec.defaults, 0.1) == model.spec().constants(spec.defaults, 0.1)


def describe(model: NeuronModel) -> str:
    """Everything that generated code depends on, in order."""
    spec = model.spec()
    lines = [spec.source_text, *(f"{a.name} = {sympy.srepr(a.expression)}" for a in spec.program)]
    lines += [str(spec.constant_names), str(spec.next_names), sympy.srepr(spec.threshold)]
    lines += [f"{a.name} = {sympy.srepr(a.expression)}" for a in (*spec.reset, *spec.derivatives)]
    return "\n".join(lines)


def everything() -> str:
    """All test models by all methods they allow."""
    found = []
    for make in (lif_exp, lif_alpha, lif_cond, adex, izhikevich, squid, qif):
        for method in (None, "rk4"):
            found.append(describe(make(method=method)))
    noisy = "dx/dt = -min(max(x, a), max(b, x))**3/tau + a*xi_b/sqrt(tau) + b*x*xi_a/sqrt(tau) : 1"
    found.append(
        describe(
            NeuronModel(
                "m",
                equations=noisy,
                threshold="x > 1 and x < 3 or x > 7",
                parameters={"tau": "5 ms", "a": 1, "b": 2},
            )
        )
    )
    return "\n\n".join(found)


def test_programs_do_not_depend_on_the_process() -> None:
    """Hashes of text differ between processes; programs must not, since caches go by them."""
    code = "from tests.equations.test_neuron_model import everything; print(everything())"
    found = [
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert found[0] == found[1] == everything() + "\n"


def test_importing_loads_no_sympy() -> None:
    """The first model does, not the import."""
    code = "import neurosim.equations, sys; sys.exit('sympy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_misspelt_arguments_and_assignments_explain_themselves() -> None:
    """Neither ends in a TypeError of Python."""
    wrong: dict[str, Any] = {"equation": "dv/dt = -v/ms : 1"}
    with pytest.raises(UnknownNameError, match="Did you mean 'equations'"):
        NeuronModel("m", **wrong)
    model = NeuronModel("m", equations="dv/dt = -v/ms : 1")
    with pytest.raises(DescriptionError, match="values that do not change"):
        model.name = "other"  # type: ignore[misc]
