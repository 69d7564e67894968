"""The text of generated kernels: what it depends on, what is refused, what the compiler makes."""

from __future__ import annotations

import ast
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st

from neurosim.describe import neurons
from neurosim.engine.expressions import Emitter
from neurosim.engine.generate import Field, generate
from neurosim.engine.module_cache import load
from neurosim.equations.model import NeuronModel
from neurosim.equations.spec import Assignment, ModelSpec
from neurosim.equations.symbolic import exprel, symbol
from neurosim.errors import EquationError, UnknownNameError
from neurosim.kernels import functions
from tests.engine.kernel_harness import Bench, values_of

TEXT = """
    dV/dt = (E - V)/tau + I : mV (clamped)
    dI/dt = -I/tau_s : mV/ms
    tau : ms
    tau_s : ms
    E : mV
    V_th : mV
    t_ref : ms
"""


def model(name: str, text: str = TEXT) -> ModelSpec:
    """Return a leaky neuron of that name."""
    return NeuronModel(
        name,
        equations=text,
        threshold="V >= V_th",
        reset="V = E",
        refractory="t_ref",
        inputs={"syn": "jump I"},
        parameters={"tau": 20, "tau_s": 5, "E": -60, "V_th": -50, "t_ref": 2},
    ).spec()


def test_the_name_of_a_model_is_not_in_its_source() -> None:
    """The same text is the same kernel, whatever it is called."""
    first, second = generate(model("first")), generate(model("second"))
    assert first == second
    assert "first\n" not in first.source


def test_the_source_follows_from_what_is_asked() -> None:
    """Precision, arrays, driven receptors and the program: each changes it."""
    spec = model("m")
    base = generate(spec)
    others = [
        generate(spec, precision="single"),
        generate(spec, arrays={"V_th"}),
        generate(spec, arrays={"refractory_steps"}),
        generate(spec, driven={"syn"}),
        generate(replace(spec, threshold=symbol("V") > symbol("V_th"))),
    ]
    assert len({k.source for k in (base, *others)}) == 6
    assert len({k.digest for k in (base, *others)}) == 6
    assert generate(spec, arrays={"something else"}) == base
    # What only changes the value of a constant needs no other kernel.
    assert generate(model("m", TEXT.replace("+ I", "+ 2*I"))) == base
    assert generate(spec) == base


def test_layout_names_what_the_model_needs_and_nothing_else() -> None:
    """One word per field; parameters that only constants read are not among them."""
    spec = model("m")
    kernel = generate(spec, arrays={"V_th"}, driven={"syn"})
    fields = set(kernel.layout)
    assert len(kernel.layout) == len(fields)
    assert {f.kind for f in fields} >= {"acc", "acc_stride", "acc_rows", "dt", "first_id"}
    assert {
        Field("state", "V", True),
        Field("state", "I", True),
        Field("parameter", "V_th", True),
        Field("parameter", "E"),
        Field("arrivals", "syn"),
        Field("scale", "syn"),
        Field("drive", "syn", True),
        Field("refractory", "", True),
        Field("refractory_steps"),
        Field("flags"),
        Field("spikes"),
        Field("max_multiplicity"),
    } <= fields
    assert Field("parameter", "tau") not in fields
    assert not {f.kind for f in fields} & {"key0", "key1", "injected", "coupling"}
    quiet = generate(replace(spec, threshold=None, reset=()))
    assert not {f.kind for f in quiet.layout} & {"flags", "spikes", "max_multiplicity"}


def test_what_cannot_be_generated_is_refused() -> None:
    """Receptors that are not there, currents without a place, functions without a form."""
    spec = model("m")
    with pytest.raises(UnknownNameError, match="syn"):
        generate(spec, driven={"sin"})
    with pytest.raises(EquationError, match="injected"):
        generate(spec, injected=True)
    unknown = sympy.Function("wiggle")(symbol("V"))
    with pytest.raises(EquationError, match="wiggle"):
        generate(replace(spec, reset=(Assignment("V", unknown),)))
    with pytest.raises(EquationError, match="'q'"):
        generate(replace(spec, reset=(Assignment("V", symbol("q")),)))
    open_ended = sympy.Piecewise((1, symbol("V") > 0), evaluate=False)
    with pytest.raises(EquationError, match="else"):
        generate(replace(spec, reset=(Assignment("V", open_ended),)))
    with pytest.raises(UnknownNameError):
        generate(replace(spec, reset=(Assignment("W", symbol("V")),)))


@pytest.mark.parametrize("name", ["V; import os", "a b", "V\n", "naïve"])
def test_no_name_can_become_code(name: str) -> None:
    """What stands in the source is an identifier of plain letters."""
    spec = model("m")
    with pytest.raises(EquationError, match="name of a variable"):
        generate(replace(spec, program=(Assignment(name, symbol("V")),)))


def test_names_of_a_model_meet_no_names_of_ours() -> None:
    """A state or a parameter may be called what we call our own variables."""
    names = ("n", "k", "lo", "hi", "step", "ctx", "words", "bad", "fired", "np", "p_x", "t0", "F0")
    lines = [f"d{name}/dt = (x - {name})**2/tau : 1" for name in names]
    text = "\n".join([*lines, "x : 1", "tau : ms", "held : 1"])
    spec = NeuronModel(
        "m",
        equations=text,
        threshold="n > 100 + held",
        parameters={"x": 3, "tau": 7, "held": 1},
        method="euler",
    ).spec()
    for precision in ("double", "single"):
        bench = Bench(spec, 3, values_of(spec), precision=precision)
        for step in range(5):
            bench.step(step)
        (value,) = {float(v) for row in bench.state.values() for v in row}
        assert 0.5 < value < 3.0


X, Y = symbol("x"), symbol("y")
leaves = (
    st.sampled_from([X, Y])
    | st.integers(-4, 4).map(sympy.Integer)
    | st.sampled_from([sympy.Rational(1, 3), sympy.Rational(-5, 2), sympy.Float(0.3), sympy.pi])
)


def grow(inner: Any) -> Any:
    """Return expressions one level deeper."""
    one = [sympy.exp, sympy.tanh, exprel, sympy.Abs, sympy.floor, sympy.sign, sympy.sin]
    return st.one_of(
        st.tuples(inner, inner).map(lambda p: p[0] + p[1]),
        st.tuples(inner, inner).map(lambda p: p[0] - p[1]),
        st.tuples(inner, inner).map(lambda p: p[0] * p[1]),
        st.tuples(inner, inner).map(lambda p: p[0] / (2 + p[1] ** 2)),
        st.tuples(inner, st.integers(2, 7)).map(lambda p: p[0] ** p[1]),
        inner.map(lambda e: sympy.sqrt(1 + e**2)),
        inner.map(lambda e: (1 + e**2) ** sympy.Rational(-3, 2)),
        inner.map(lambda e: sympy.log(1 + e**2)),
        st.tuples(st.sampled_from(one), inner).map(lambda p: p[0](p[1])),
        st.tuples(inner, inner).map(lambda p: sympy.Max(*p)),
        st.tuples(inner, inner).map(lambda p: sympy.Min(*p)),
        st.tuples(inner, inner, inner, inner).map(
            lambda p: sympy.Piecewise((p[2], p[0] < p[1]), (p[3], True))
        ),
    )


def value_by_text(expression: Any, x: float, y: float) -> float:
    """Return what the emitted lines compute, as plain Python in double precision."""
    emitter = Emitter("double", {"x": "x", "y": "y"})
    emitter.assign("result", emitter.number(expression))
    names: dict[str, Any] = {"np": np, "x": np.float64(x), "y": np.float64(y)}
    names["select"] = lambda condition, yes, no: yes if condition else no
    for name in emitter.functions - {"select"}:
        names[name] = getattr(functions, name)
    with np.errstate(all="ignore"):
        exec("\n".join(emitter.lines), names)
    return float(names["result"])


def value_by_interval(expression: Any, x: float, y: float) -> tuple[float, float]:
    """Return the value with 40 digits, and how far it moves if the arguments move by 1e-13."""
    evaluate = sympy.lambdify([X, Y], expression, ["mpmath", {"exprel": _exprel}])
    with mpmath.workdps(40):
        near = [
            mpmath.mpf(evaluate(mpmath.mpf(x) * (1 + a), mpmath.mpf(y) * (1 + b)))
            for a in (0, 1e-13, -1e-13)
            for b in (0, 1e-13, -1e-13)
        ]
        return float(near[0]), float(max(near) - min(near))


def _exprel(x: Any) -> Any:
    return mpmath.expm1(x) / x if x else mpmath.mpf(1)


@given(
    expression=st.recursive(leaves, grow, max_leaves=6),
    x=st.floats(-3.0, 3.0).map(lambda v: round(v, 3)),
    y=st.floats(-3.0, 3.0).map(lambda v: round(v, 3)),
)
def test_emitted_text_has_the_value_of_the_expression(expression: Any, x: float, y: float) -> None:
    """Against 40 digits, as far as the expression is not about to jump there."""
    if expression.has(sympy.zoo, sympy.nan, sympy.oo):
        return
    expected, spread = value_by_interval(expression, x, y)
    if not abs(expected) < 1e12 or spread > 1e-6 * max(1.0, abs(expected)):
        return
    # Sums cancel: what is bounded is the error beside the largest term, not beside the result.
    terms = sympy.Add.make_args(expression)
    largest = max(abs(value_by_interval(t, x, y)[0]) for t in terms)
    tolerance = 1e-9 * max(1.0, largest) + 100 * spread
    assert value_by_text(expression, x, y) == pytest.approx(expected, rel=1e-9, abs=tolerance)


@pytest.mark.parametrize("exponent", [2, 3, 4, 5, 8, 15, 64])
def test_integer_powers_are_products(exponent: int) -> None:
    """By repeated squaring, without a call."""
    emitter = Emitter("double", {"x": "x"})
    emitter.assign("result", emitter.number(X**exponent))
    text = "\n".join(emitter.lines)
    assert "**" not in text
    assert text.count("*") <= 2 * np.log2(exponent)
    assert value_by_text(X**exponent, 1.25, 0.0) == pytest.approx(1.25**exponent, rel=1e-14)
    assert value_by_text(X**-exponent, 1.25, 0.0) == pytest.approx(1.25**-exponent, rel=1e-14)


def test_nan_comes_through_minimum_and_maximum() -> None:
    """On either side; a comparison alone would drop it."""
    for kind in (sympy.Max, sympy.Min):
        assert np.isnan(value_by_text(kind(X, Y), np.nan, 1.0))
        assert np.isnan(value_by_text(kind(X, Y), 1.0, np.nan))


def test_literals_are_exact() -> None:
    """Every double comes back from its text."""
    for value in (0.1, 1 / 3, 1e-300, 5e-324, 1.7976931348623157e308, -2.5, 123456789.125):
        assert value_by_text(sympy.Float(value, 17) + 0 * X, 0.0, 0.0) == value


def test_single_precision_has_no_plain_literal() -> None:
    """In numba float32 with a float literal is float64."""
    for build in (neurons.TraubMiles, neurons.AdEx, neurons.GIF, neurons.Izhikevich):
        source = generate(build().neuron_model().spec(), precision="single").source
        (update,) = (n for n in ast.parse(source).body if isinstance(n, ast.FunctionDef))
        floats = [n.value for n in ast.walk(update) if isinstance(n, ast.Constant)]
        assert not [value for value in floats if isinstance(value, float)]


BUILT_IN = [
    neurons.LIF,
    neurons.AdEx,
    neurons.ExponentialIF,
    neurons.Izhikevich,
    neurons.TraubMiles,
    neurons.HodgkinHuxley,
    neurons.GIF,
]


@pytest.mark.compiled
@pytest.mark.parametrize("precision", ["double", "single"])
@pytest.mark.parametrize("build", BUILT_IN, ids=lambda build: build.__name__)
def test_the_loop_becomes_vectors(
    build: Any, precision: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of it: for every scalar operation (of the remainder) there is a vector one.

    Any x86-64 or aarch64 has vectors of two doubles and four floats.
    """
    # Machine code from the cache has no LLVM code to look at.
    monkeypatch.setenv("NEUROSIM_CACHE_DIR", str(tmp_path))
    spec = build().neuron_model().spec()
    kernel = generate(spec, precision=precision)
    code = load(kernel).entry.llvm()
    word = "double" if precision == "double" else "float"
    operation = r"= f(?:add|sub|mul|div)(?: nsz| contract)* "
    scalar = len(re.findall(operation + word, code))
    vector = len(re.findall(operation + rf"<\d+ x {word}>", code))
    assert vector >= 0.9 * scalar > 0, (vector, scalar)
    if precision == "single":
        assert "fpext" not in code
        if not spec.hazard:  # a uniform number is drawn in double and rounded
            assert not re.search(operation + "(?:double|<[0-9]+ x double)", code)
