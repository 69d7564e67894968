"""The parser: what it reads, and where it points when it cannot."""

from __future__ import annotations

import contextlib
import dataclasses
import math
from typing import Any

import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st

from neurosim.equations.statements import parse_equations, parse_reset
from neurosim.equations.symbolic import Translator, finish, symbol
from neurosim.equations.syntax import Node, children, parse_expression, render
from neurosim.errors import EquationError
from tests.oracles import value_of

NAMES = {"a": 0.75, "b": -1.5, "c": 2.25}

numbers = st.one_of(
    st.integers(0, 99).map(str),
    st.floats(0.001, 1000, allow_nan=False).map(lambda x: f"{x:.4g}"),
    st.sampled_from(["1e-3", "2.5E2", ".5", "3."]),
)


def _joined(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    blank = st.sampled_from(["", " "])
    binary = st.tuples(parts, blank, st.sampled_from("+-*/"), blank, parts).map("".join)
    condition = st.tuples(parts, st.sampled_from(["<", "<=", ">", ">="]), parts).map("".join)
    both = st.tuples(condition, st.sampled_from([" and ", " or "]), condition).map("".join)
    return st.one_of(
        binary,
        parts.map(lambda x: f"({x})"),
        parts.map(lambda x: f"-{x}" if not x.startswith(("-", "+")) else f"-({x})"),
        st.tuples(parts, st.sampled_from(["2", "3", "-1"])).map(lambda p: f"({p[0]})**{p[1]}"),
        st.tuples(st.sampled_from(["abs", "tanh", "cos"]), parts).map(lambda p: f"{p[0]}({p[1]})"),
        st.tuples(both, parts, parts).map(lambda p: f"where({p[0]}, {p[1]}, {p[2]})"),
        st.tuples(parts, parts).map(lambda p: f"max({p[0]}, {p[1]})"),
        st.tuples(parts, parts, parts).map(lambda p: f"clip({p[0]}, {p[1]}, {p[2]})"),
    )


expressions = st.recursive(numbers | st.sampled_from(sorted(NAMES)), _joined, max_leaves=12)


def _clip(x: float, low: float, high: float) -> float:
    return min(max(x, low), high)


PYTHON: dict[str, Any] = {
    "abs": abs,
    "max": lambda a, b: b if a < b else a,
    "tanh": math.tanh,
    "cos": math.cos,
    "where": lambda c, a, b: a if c else b,
    "clip": _clip,
    **NAMES,
}


@given(expressions)
def test_an_expression_means_what_python_says(text: str) -> None:
    """Any expression has the value that Python gives it, up to rounding."""
    try:
        # The text is made above, of arithmetic alone.
        expected = eval(text, {"__builtins__": {}}, PYTHON)
    except (ZeroDivisionError, OverflowError):
        return
    values = {name: symbol(name) for name in NAMES}
    try:
        found = value_of(finish(Translator(text, values, "test")(parse_expression(text))), NAMES)
    except (ZeroDivisionError, OverflowError):
        return  # 1/(a - 0.75): rewritten to another form of the same pole
    except EquationError as error:
        if not any(word in str(error) for word in ("finite", "zero", "large")):
            raise
        return
    if abs(expected) < 1e12:
        # Rewriting may cancel differently; the conditions jump where it does.
        assert found == pytest.approx(expected, rel=1e-6, abs=1e-6) or "<" in text or ">" in text


@given(expressions)
def test_rendering_and_reading_are_inverse(text: str) -> None:
    """The normal form reads back as the same tree, and is its own normal form."""
    tree = parse_expression(text)
    normal = render(tree)
    assert _bare(parse_expression(normal)) == _bare(tree)
    assert render(parse_expression(normal)) == normal


def _bare(node: Node) -> Any:
    """A tree without positions."""
    facts = [
        getattr(node, f.name)
        for f in dataclasses.fields(node)
        if f.name in ("value", "name", "operator", "operators", "function")
    ]
    return type(node).__name__, facts, [_bare(child) for child in children(node)]


@given(st.text(max_size=40))
def test_no_text_does_anything_but_parse_or_complain(text: str) -> None:
    """Whatever is typed, the answer is lines or an EquationError."""
    for read in (parse_equations, parse_reset, parse_expression):
        with contextlib.suppress(EquationError):
            read(text)


@given(st.text(alphabet="ab1.+-*/()<>=:,;\n dt", max_size=40))
def test_near_misses_are_refused_with_a_place(text: str) -> None:
    """The same for texts that nearly mean something; the place lies within the text."""
    with contextlib.suppress(EquationError):
        parse_equations(text)
        return
    with pytest.raises(EquationError) as caught:
        parse_equations(text)
    assert caught.value.position is not None
    assert 0 <= caught.value.position <= len(text)


@pytest.mark.parametrize(
    ("text", "message", "at"),
    [
        ("dV/dt = -V/tau", "':'", None),
        ("dV/dt = -V/(tau : mV", "')'", ": mV"),
        ("dV/dt = 2 V : mV", "operator is missing", "V : mV"),
        ("dV/dt = V^2 : mV", "'**'", "^2"),
        ("dV/dt = V // 2 : mV", "floor", "/ 2"),
        ("dV/dt = V % 2 : mV", "'%'", "% 2"),
        ("dV/dt = : mV", "expected a number", ": mV"),
        ("dV/dt : mV", "'='", ": mV"),
        ("V = 1 : mVolt", "unknown unit 'mVolt'", "mVolt"),
        ("V = 1 : 2*mV", "only number", "2*mV"),
        ("dV/dt = -V/ms : 1 (held)", "unknown flag 'held'", "held"),
        ("p : mV (clamped)", "only a differential equation", "p : mV"),
        ("dV/dt = -V/ms : 1\nV : mV", "defined twice", "V : mV"),
        ("exp : mV", "is a function", "exp"),
        ("mV : mV", "is a unit", "mV : mV"),
        ("dt : ms", "is reserved", "dt"),
        ("xi_a : 1", "is white noise", "xi_a"),
        ("lambda : 1", "word of the language", "lambda"),
        ("_x : 1", "kept for names", "_x"),
        ("dV/dt = $ : 1", "no meaning", "$"),
        ("3 : mV", "expected 'dX/dt", "3 : mV"),
        ("x = 1e999 : 1", "range of doubles", "1e999"),
        ("x = " + "(" * 100 + "1" + ")" * 100 + " : 1", "nested more than", None),
        ("x = " + "-" * 5000 + "1 : 1", "nested more than", None),
        ("x = not " * 1 + "not " * 5000 + "1 : 1", "nested more than", None),
    ],
)
def test_errors_point_at_the_place(text: str, message: str, at: str | None) -> None:
    """Messages say what is wrong; the caret stands below it."""
    with pytest.raises(EquationError) as caught:
        parse_equations(text)
    error = caught.value
    assert message in str(error)
    assert error.position is not None
    if at is not None:
        assert text[error.position :].startswith(at)
        line = text[text.rfind("\n", 0, error.position) + 1 :].split("\n")[0]
        shown, caret = str(error).splitlines()[-2:]
        assert shown.strip() == line.strip()
        assert shown[caret.index("^") :].startswith(at.split("\n")[0])


def test_comments_blank_lines_and_continuation() -> None:
    """Layout means nothing: comments, indentation, lines broken inside parentheses."""
    laid_out = """
        # a leaky neuron
        dV/dt = (E - V   # leak
                 + R*I)/tau : mV (unless refractory)

        E : mV;  R : GOhm
    """
    compact = "dV/dt=(E-V+R*I)/tau:mV(clamped)\nE:mV\nR:GOhm"
    assert [
        (line.kind, line.name, line.expression and render(line.expression), line.unit, line.clamped)
        for line in parse_equations(laid_out)
    ] == [
        (line.kind, line.name, line.expression and render(line.expression), line.unit, line.clamped)
        for line in parse_equations(compact)
    ]


def test_a_long_sum_does_not_exhaust_the_stack() -> None:
    """Ten thousand terms are one flat sum."""
    tree = parse_expression("+".join(["a"] * 10_000))
    assert len(children(tree)) == 10_000
    assert render(tree).count("+") == 9_999


@pytest.mark.parametrize(
    "text",
    [
        "where(where(a < b, b, c) > 1, a, where(a > b, 2, 1))",
        "where(int(a > b) + 1 > max(a, int(b < c)), 1, 2)",
        "where(not (a < b or where(c > 1, a, b) < 0), clip(a, 0, 1), 3)",
    ],
)
def test_selections_inside_conditions(text: str) -> None:
    """They become plain logic, which compiled programs know."""
    expression = finish(Translator(text, {}, "test")(parse_expression(text)))
    assert not expression.has(sympy.ITE)
    assert value_of(expression, NAMES) == eval(text, {"__builtins__": {}}, {**PYTHON, "int": int})
