"""Which equations are linear, and what follows for the method."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from neurosim.equations import NeuronModel
from neurosim.errors import EquationError
from tests.equations.models import adex, izhikevich, lif_alpha, lif_cond, lif_exp, qif, squid


@pytest.mark.parametrize(
    ("model", "linearity", "method"),
    [
        (lif_exp, "linear", "exact"),
        (lif_alpha, "linear", "exact"),
        (lif_cond, "conditionally linear", "exponential_euler"),
        (squid, "conditionally linear", "exponential_euler"),
        (adex, "nonlinear", "rk4"),
        (izhikevich, "nonlinear", "rk4"),
        (qif, "nonlinear", "rk4"),
    ],
)
def test_well_known_neurons(model: Callable[..., NeuronModel], linearity: str, method: str) -> None:
    """The published models fall where everyone puts them."""
    assert model().linearity == linearity
    assert model().spec().method == method


@pytest.mark.parametrize(
    ("right", "linearity"),
    [
        ("-x/tau", "linear"),
        ("(y - x)**1/tau", "linear"),
        ("((x + 1)**2 - x**2)/tau", "linear"),
        ("(x*(y + 2) - x*y)/tau", "linear"),
        ("where(p > 0, x, -2*x)/tau", "linear"),
        ("(x + exp(p))/tau", "linear"),
        ("I*y/tau", "conditionally linear"),
        ("x*y/tau", "conditionally linear"),
        ("exp(y)*x/tau", "conditionally linear"),
        ("where(y > 0, x, -2*x)/tau", "conditionally linear"),
        ("x**2/tau", "nonlinear"),
        ("where(x > 0, 1, 2)/tau", "nonlinear"),
        ("floor(x)/tau", "nonlinear"),
        ("abs(x)/tau", "nonlinear"),
        ("max(x, 0)/tau", "nonlinear"),
        ("1/(1 + x)/tau", "nonlinear"),
        ("x/(x + 1)/tau", "nonlinear"),
    ],
)
def test_forms(right: str, linearity: str) -> None:
    """Terms that cancel do not count; selections count by their conditions."""
    model = NeuronModel(
        "m",
        equations=f"dx/dt = {right} : 1\ndy/dt = -y/tau + I/tau : 1\np : 1",
        inputs={"I": "pulse"},
        parameters={"tau": "5 ms", "p": 1.0},
    )
    assert model.linearity == linearity


@pytest.mark.parametrize(
    ("term", "noise", "method"),
    [
        ("sigma*xi", "additive", "exact"),
        ("sigma*xi + sigma*xi_2", "additive", "exact"),
        ("sigma*x*xi", "multiplicative", "heun"),
        ("where(sigma > 0, xi, 2*xi)", "additive", "exact"),
        ("-x**3*sqrt(1/tau) + sigma*xi", "additive", "euler"),
        ("-x**3*sqrt(1/tau) + sigma*x*xi", "multiplicative", "heun"),
    ],
)
def test_noise(term: str, noise: str, method: str) -> None:
    """Additive noise on linear equations is exact; multiplicative noise is Stratonovich."""
    model = NeuronModel(
        "m",
        equations=f"dx/dt = -x/tau + ({term})/sqrt(tau) : 1",
        parameters={"tau": "5 ms", "sigma": 0.5},
    )
    assert model.noise == noise
    assert model.spec().method == method


@pytest.mark.parametrize(
    ("equations", "method", "message"),
    [
        (
            "dx/dt = -x**2/tau : 1",
            "exact",
            "dx/dt has the term -x**2/tau, which is not linear in x",
        ),
        ("dx/dt = -x*I/tau : 1", "exact", "the coefficient of x, -I/tau, depends on an input"),
        ("dx/dt = -x/tau + x*xi/sqrt(tau) : 1", "exact", "the noise xi is multiplied by x/sqrt"),
        ("dx/dt = x**2/tau : 1", "exponential_euler", "term x**2/tau, which is not linear in x"),
        ("dx/dt = -x/tau + xi/sqrt(tau) : 1", "exponential_euler", "it knows no noise"),
        ("dx/dt = -x/tau + xi/sqrt(tau) : 1", "rk4", "it knows no noise"),
        ("dx/dt = -x/tau : 1", "milstein", "there is none"),
        ("dx/dt = (xi + xi_b)/sqrt(tau) : 1", "milstein", "several noise terms, xi, xi_b"),
        (
            "dx/dt = xi_a/sqrt(tau) : 1\ndy/dt = xi_a/sqrt(tau) : 1",
            "milstein",
            "xi_a acts on both x and y",
        ),
        (
            "dx/dt = y*xi/sqrt(tau) : 1\ndy/dt = -y/tau : 1",
            "milstein",
            "the noise of x has the factor y/sqrt(tau), with other variables",
        ),
    ],
)
def test_an_impossible_method_says_why(equations: str, method: str, message: str) -> None:
    """The error names the variable and the term."""
    inputs = {"I": "pulse"} if "I" in equations else {}
    with pytest.raises(EquationError) as caught:
        NeuronModel(
            "m", equations=equations, method=method, inputs=inputs, parameters={"tau": "5 ms"}
        )
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "right", ["xi**2", "exp(xi*sqrt(ms))/ms", "abs(xi)/sqrt(ms)", "xi*xi_2", "int(xi > 0)/ms"]
)
def test_noise_must_be_a_factor(right: str) -> None:
    """White noise has no square, and no value to compare."""
    with pytest.raises(EquationError, match="must stand as a factor"):
        NeuronModel("m", equations=f"dx/dt = {right} : 1")


def test_the_bare_xi_stands_in_one_equation() -> None:
    """In two it could mean one noise or two."""
    with pytest.raises(EquationError, match="different names for independent ones"):
        NeuronModel("m", equations="dx/dt = xi/sqrt(ms) : 1\ndy/dt = xi/sqrt(ms) : 1")
