"""Continuation and bifurcations against normal forms, closed forms and published diagrams."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import neurosim as ns
from neurosim.analysis.dynamics import (
    Bifurcation,
    VectorField,
    bifurcation_diagram,
    continue_fixed_points,
    continue_limit_cycles,
    first_lyapunov,
    fixed_point,
    limit_cycle,
)
from neurosim.errors import ConvergenceError, DescriptionError, UnknownNameError
from tests.fields_for_tests import wilson_cowan_1972

LINE = [(-3.0, 3.0)]
SQUARE = [(-3.0, 3.0), (-3.0, 3.0)]


def kinds(found: Any) -> list[str]:
    return [b.kind for b in found.bifurcations]


def hopf(x: Any, mu: float, s: float = -1.0, turn: float = 1.0, bend: float = 0.0) -> Any:
    """Normal form: dz/dt = (mu + i turn) z + (s + i bend) z |z|^2."""
    r2 = x[0] ** 2 + x[1] ** 2
    return (
        (mu + s * r2) * x[0] - (turn + bend * r2) * x[1],
        (turn + bend * r2) * x[0] + (mu + s * r2) * x[1],
    )


def fitzhugh_nagumo(x: Any, I: float, a: float = 0.7, b: float = 0.8, eps: float = 0.08) -> Any:
    return x[0] - x[0] ** 3 / 3 - x[1] + I, eps * (x[0] + a - b * x[1])


# --- branches of fixed points


def test_a_saddle_node_is_passed_and_found() -> None:
    branch = continue_fixed_points(lambda x, mu: mu - x[0] ** 2, "mu", (-1, 2), [1.4], LINE, mu=2)
    assert np.abs(branch.values - branch.states[:, 0] ** 2).max() < 1e-12
    assert kinds(branch) == ["saddle-node"]
    assert branch.bifurcations[0].value == pytest.approx(0, abs=1e-13)
    assert branch.bifurcations[0].x == pytest.approx([0], abs=1e-7)
    away = np.abs(branch["x"]) > 1e-3
    assert np.array_equal(branch.stable[away], branch["x"][away] > 0)
    assert branch.values[0] == branch.values[-1] == 2
    assert sorted(p.x[0] for p in branch.at(1.0)) == pytest.approx([-1, 1])


@pytest.mark.parametrize("power", [2, 3])
def test_branch_points_transcritical_and_pitchfork(power: int) -> None:
    branch = continue_fixed_points(
        lambda x, mu: mu * x[0] - x[0] ** power, "mu", (-1, 2), [0.0], LINE, mu=-1
    )
    assert kinds(branch) == ["branch point"]
    assert branch.bifurcations[0].value == pytest.approx(0, abs=1e-10)
    away = np.abs(branch.values) > 1e-9
    assert np.array_equal(branch.stable[away], branch.values[away] < 0)


@pytest.mark.parametrize("low", [-1.0, -0.5, -0.125, -0.01])
def test_a_branch_point_on_which_a_step_ends_is_found(low: float) -> None:
    """Steps are 0.01 of the interval at first, so that some end exactly at 0."""
    branch = continue_fixed_points(
        lambda x, mu: mu * x[0] - x[0] ** 3, "mu", (low, low + 1), [0.0], LINE, mu=low
    )
    assert kinds(branch) == ["branch point"]


def test_all_branches_of_a_pitchfork() -> None:
    diagram = bifurcation_diagram(lambda x, mu: mu * x[0] - x[0] ** 3, "mu", (-1, 2), LINE)
    assert len(diagram.branches) == 2
    assert {b.kind for b in diagram.bifurcations} == {"branch point"}
    assert np.abs([b.value for b in diagram.bifurcations]).max() < 1e-7
    fork = diagram.branches[1]
    assert np.abs(fork["x"] ** 2 - fork.values).max() < 1e-7


@settings(max_examples=10)
@given(
    s=st.floats(-2, 2).filter(lambda s: abs(s) > 0.05),
    turn=st.floats(0.5, 3),
    bend=st.floats(-1, 1),
    shear=st.floats(-0.8, 0.8),
)
def test_the_lyapunov_coefficient_of_the_normal_form(
    s: float, turn: float, bend: float, shear: float
) -> None:
    """2 s / turn with <q, q> = 1; a shear of the axes keeps the sign."""

    def sheared(x: Any, mu: float) -> Any:
        a, b = hopf([x[0] + shear * x[1], x[1]], mu, s, turn, bend)
        return a - shear * b, b

    plain = fixed_point(lambda x: hopf(x, 0.0, s, turn, bend), [0.0, 0.0])
    assert first_lyapunov(plain).value == pytest.approx(2 * s / turn, rel=1e-6)
    bent = first_lyapunov(fixed_point(lambda x: sheared(x, 0.0), [0.0, 0.0]))
    expected = "supercritical" if s < 0 else "subcritical"
    assert bent.criticality == expected


def test_quadratic_terms_count_in_the_lyapunov_coefficient() -> None:
    """Guckenheimer & Holmes (1983), eq. 3.4.11, for dx/dt = -y + f, dy/dt = x + g.

    16 a = f_xxx + f_xyy + g_xxy + g_yyy + f_xy (f_xx + f_yy) - g_xy (g_xx + g_yy)
           - f_xx g_xx + f_yy g_yy, at omega = 1; l_1 = 2 a with <q, q> = 1.
    """

    def f(x: Any) -> Any:
        a, b = x
        return (
            -b + 0.7 * a**2 + 0.5 * a * b - 0.3 * b**2 + 0.2 * a**3,
            a - 0.4 * a**2 + 0.9 * a * b + 0.6 * b**2 - 0.1 * b**3,
        )

    fxx, fxy, fyy, gxx, gxy, gyy = 1.4, 0.5, -0.6, -0.8, 0.9, 1.2
    cubic = 1.2 - 0.6
    a16 = cubic + fxy * (fxx + fyy) - gxy * (gxx + gyy) - fxx * gxx + fyy * gyy
    found = first_lyapunov(fixed_point(f, [0.0, 0.0]))
    assert found.value == pytest.approx(2 * a16 / 16, rel=1e-7)


def test_a_degenerate_hopf_point_is_called_so() -> None:
    branch = continue_fixed_points(
        lambda x, mu: (mu * x[0] - x[1], x[0] + mu * x[1]), "mu", (-1, 1), [0.0, 0.0], SQUARE, mu=-1
    )
    assert branch.bifurcations[0].criticality == "degenerate"
    with pytest.raises(DescriptionError, match="imaginary axis"):
        first_lyapunov(fixed_point(lambda x: -x, [0.0, 0.0]))


def test_a_neutral_saddle_is_no_hopf_point() -> None:
    """Eigenvalues 1 + mu and -1 + mu add up to 0 at mu = 0, and are real."""
    branch = continue_fixed_points(
        lambda x, mu: ((mu + 1) * x[0], (mu - 1) * x[1]), "mu", (-0.5, 0.5), [0.0, 0.0], SQUARE
    )
    assert branch.bifurcations == ()


@settings(max_examples=5)
@given(b=st.floats(0.3, 0.9), eps=st.floats(0.02, 0.5))
def test_hopf_points_of_fitzhugh_nagumo(b: float, eps: float) -> None:
    """Trace 0: 1 - v^2 = eps b; then w = (v + a) / b, I = w - v + v^3 / 3."""
    v = np.array([-1, 1]) * np.sqrt(1 - eps * b)
    w = (v + 0.7) / b
    expected = w - v + v**3 / 3
    box = [(-4.0, 4.0), (-8.0, 12.0)]
    branch = continue_fixed_points(
        fitzhugh_nagumo, "I", (-1, 6), [-1.5, -1.0], box, I=-1, b=b, eps=eps
    )
    points = [f for f in branch.bifurcations if f.kind == "Hopf"]
    assert [p.value for p in points] == pytest.approx(expected, abs=1e-9)
    assert [p.x[0] for p in points] == pytest.approx(v, abs=1e-8)
    omega = np.sqrt(eps * (1 - eps * b**2))
    assert [p.frequency for p in points] == pytest.approx([omega] * 2, rel=1e-7)


def test_wilson_cowan_1972_over_its_input() -> None:
    """Every fixed point has P in closed form: invert the sigmoids of E and I."""
    branch = continue_fixed_points(wilson_cowan_1972, "P", (0, 4), [0, 0], [(-0.1, 1)] * 2, P=0)

    def inverse(y: np.ndarray, a: float, theta: float) -> np.ndarray:
        y = y + 1 / (1 + np.exp(a * theta))
        return np.asarray(theta - np.log(1 / y - 1) / a)

    E, I = branch.states.T
    expected = inverse(E / (1 - E), 1.3, 4.0) - 16 * E + 12 * I
    assert np.abs(branch.values - expected).max() < 1e-9
    assert kinds(branch) == ["saddle-node", "saddle-node", "Hopf"]
    turns = [b.value for b in branch.bifurcations[:2]]
    assert turns[0] == pytest.approx(branch.values[: np.argmin(branch.values[10:])].max(), abs=1e-3)
    assert branch.bifurcations[2].criticality == "supercritical"


def test_a_branch_ends_where_it_says() -> None:
    branch = continue_fixed_points(lambda x, p: p - x[0], "p", (0, 5), [1.0], [(0.5, 2)], p=1)
    assert "leaves the box at p = 0.5" in branch.ends[0]
    assert "leaves the box at p = 2" in branch.ends[1]
    closed = continue_fixed_points(
        lambda x, p: 1 - x[0] ** 2 - p**2, "p", (-2, 2), [1.0], LINE, p=0
    )
    assert closed.ends[0] == "it closes in itself"
    assert kinds(closed) == ["saddle-node", "saddle-node"]


def test_searches_that_fail_say_what_and_where() -> None:
    with pytest.raises(ConvergenceError, match="x = 0"):
        continue_fixed_points(lambda x, p: x[0] ** 2 + 1 + p, "p", (0, 1), [0.0], LINE)
    with pytest.raises(ConvergenceError, match="no fixed point was found in the box at 5 values"):
        bifurcation_diagram(lambda x, p: x[0] ** 2 + 1 + p, "p", (0, 1), LINE)
    with pytest.raises(UnknownNameError, match="'mu'"):
        continue_fixed_points(hopf, "nu", (0, 1), [0.0, 0.0], SQUARE)
    with pytest.raises(DescriptionError, match="low < high"):
        continue_fixed_points(hopf, "mu", (1, 0), [0.0, 0.0], SQUARE)
    turning = continue_fixed_points(lambda x, mu: mu - x[0] ** 2, "mu", (-1, 2), [1.4], LINE, mu=2)
    with pytest.raises(DescriptionError, match="a Hopf point"):
        continue_limit_cycles(turning.bifurcations[0], (-1, 2), LINE)


# --- branches of cycles


def test_cycles_of_the_normal_form_are_circles() -> None:
    branch = continue_fixed_points(hopf, "mu", (-1, 1), [0.0, 0.0], SQUARE, mu=-1)
    cycles = continue_limit_cycles(branch.bifurcations[0], (-1, 1), SQUARE)
    assert cycles.values[-1] == pytest.approx(1)
    late = cycles.values > 1e-3
    radius = np.sqrt(cycles.values[late])
    assert np.allclose(cycles.maximum[late], radius[:, None], rtol=1e-5)
    assert np.allclose(cycles.periods[late], 2 * np.pi, rtol=1e-8)
    assert cycles.stable[late].all()
    multipliers = np.exp(-4 * np.pi * cycles.values[late])
    assert np.allclose(cycles.multipliers[late, 1].real, multipliers, rtol=1e-5)
    exact = cycles.at(0.5)[0]
    assert exact.maximum == pytest.approx([np.sqrt(0.5)] * 2, rel=1e-8)


def test_a_fold_of_cycles_and_the_unstable_branch_before_it() -> None:
    """mu + r^2 - r^4 = 0: cycles are born unstable at mu = 0 and turn at mu = -1/4, r^2 = 1/2."""

    def f(x: Any, mu: float) -> Any:
        r2 = x[0] ** 2 + x[1] ** 2
        growth = mu + r2 - r2**2
        return growth * x[0] - x[1], growth * x[1] + x[0]

    branch = continue_fixed_points(f, "mu", (-1, 1), [0.0, 0.0], SQUARE, mu=-1)
    assert branch.bifurcations[0].criticality == "subcritical"
    cycles = continue_limit_cycles(branch.bifurcations[0], (-1, 1), SQUARE)
    assert kinds(cycles) == ["fold of cycles"]
    assert cycles.bifurcations[0].value == pytest.approx(-0.25, abs=1e-7)
    r2 = cycles.maximum[:, 0] ** 2
    assert np.abs(cycles.values + r2 - r2**2).max() < 1e-5
    assert not cycles.stable[(r2 > 0.01) & (r2 < 0.49)].any()
    assert cycles.stable[r2 > 0.51].all()
    start = limit_cycle(f, [1.2, 0.0], mu=-0.1)
    again = continue_limit_cycles(start, (-0.3, 0.2), SQUARE, parameter="mu", segments=20)
    assert kinds(again) == ["fold of cycles"]
    assert {end[:8] for end in again.ends} == {"it shrin", "the inte"}


def test_period_doubling_of_roessler() -> None:
    """Between c = 2.8 and 3, where the multiplier passes -1; a = b = 0.2."""

    def roessler(x: Any, c: float) -> Any:
        return -x[1] - x[2], x[0] + 0.2 * x[1], 0.2 + x[2] * (x[0] - c)

    start = limit_cycle(roessler, [1.0, 1.0, 1.0], c=2.5)
    branch = continue_limit_cycles(
        start, (2.4, 3.2), [(-10, 10), (-10, 10), (-1, 20)], parameter="c"
    )
    doubling = [b for b in branch.bifurcations if b.kind == "period doubling"]
    assert len(doubling) == 1
    at = limit_cycle(roessler, doubling[0].x, c=doubling[0].value, period=doubling[0].period)
    assert at.multipliers[1].real == pytest.approx(-1, abs=1e-4)
    assert 2.8 < doubling[0].value < 3.0


# --- models


def morris_lecar(**parameters: Any) -> VectorField:
    return ns.vector_field(ns.MorrisLecar(synapses=None, **parameters))


PLANE = {"V_m": (-80.0, 60.0), "n": (0.0, 1.0)}


def test_morris_lecar_fires_through_a_saddle_node_on_a_circle() -> None:
    """Class I of Rinzel & Ermentrout (1998), table 7.1: it begins at I = 39.96.

    Beside the saddle-node the period grows as 1 / sqrt(I - I_0).
    """
    field = morris_lecar(g_Ca=4.0, phi=0.067, V_3=12.0, V_4=17.4)
    branch = continue_fixed_points(field, "I_e", (0, 60), {"V_m": -60, "n": 0}, PLANE)
    first = branch.bifurcations[0]
    assert first.kind == "saddle-node"
    assert first.value == pytest.approx(39.96, abs=0.005)
    near, nearer = (
        limit_cycle(field, {"V_m": 0.0, "n": 0.0}, I_e=first.value + d, duration=d**-0.5 * 600)
        for d in (0.16, 0.04)
    )
    assert near.stable
    assert nearer.period / near.period == pytest.approx(2, rel=0.15)


def test_morris_lecar_with_hopf_points() -> None:
    """Class II of Rinzel & Ermentrout (1998): subcritical Hopf points at 93.86 and 212.02.

    Stable cycles begin at 88.29, in a fold.
    """
    diagram = bifurcation_diagram(morris_lecar(), "I_e", (60, 110), PLANE, searches=2)
    hopf_point = next(b for b in diagram.bifurcations if b.kind == "Hopf")
    assert hopf_point.value == pytest.approx(93.86, abs=0.005)
    assert hopf_point.criticality == "subcritical"
    fold = next(b for b in diagram.bifurcations if b.kind == "fold of cycles")
    assert fold.value == pytest.approx(88.29, abs=0.005)
    assert isinstance(fold, Bifurcation)
    assert diagram.failures == ()
