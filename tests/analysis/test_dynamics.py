"""Phase planes and cycles against closed forms, published numbers and slow answers."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from neurosim.analysis.dynamics import (
    VectorField,
    arrows,
    classify,
    fixed_point,
    fixed_points,
    limit_cycle,
    manifolds,
    nullclines,
    trajectory,
)
from neurosim.analysis.dynamics.gauss import gauss_steps
from neurosim.errors import (
    ConvergenceError,
    DescriptionError,
    SimulationError,
    UnknownNameError,
)
from tests.fields_for_tests import wilson_cowan_1972

UNIT_BOX = [(0.0, 0.5), (0.0, 0.5)]


def van_der_pol(x: Any, mu: float = 1.0) -> Any:
    return x[1], mu * (1 - x[0] ** 2) * x[1] - x[0]


def metapopulation_node(x: Any) -> Any:
    """One uncoupled node of Marino et al. (2025), Neural Computation 37:701-741."""
    E, I = x
    rate_E = 0.25 * np.tanh(3.7 * (7.2 * E - 2 * I - 1.2)) + 0.65
    rate_I = 0.5 * np.tanh(-I + 0.1) + 0.5
    return -1.5 * E + (1 - E) * rate_E, (-0.4 * I + (1 - I) * rate_I) / 0.25


def ring(x: Any, mu: float = -0.2) -> Any:
    """Cycles of radius r with mu + r^2 - r^4 = 0: the inner one unstable, the outer one stable."""
    r2 = x[0] ** 2 + x[1] ** 2
    growth = mu + r2 - r2**2
    return growth * x[0] - x[1], growth * x[1] + x[0]


# --- fields


def test_a_function_tells_its_parameters() -> None:
    field = VectorField(van_der_pol, names=("x", "v"))
    assert dict(field.parameters) == {"mu": 1.0}
    assert field.at(mu=3.0)([2.0, 1.0]).tolist() == [1.0, -11.0]
    assert field([2.0, 1.0], mu=3.0).tolist() == [1.0, -11.0]
    with pytest.raises(UnknownNameError, match="'mu'"):
        field.at(nu=3.0)
    needy = VectorField(lambda x, p: (p * x[0],), names=("x",))
    with pytest.raises(DescriptionError, match=r"field\.at\(p=1\.0\)"):
        needy([1.0])


def test_functions_that_take_one_state_only_are_called_one_by_one() -> None:
    """A sum over what is meant to be one state would mix the states of a grid."""
    mixing = VectorField(lambda x: -x * x.sum(), names=("x", "y"))
    many = np.arange(8.0).reshape(2, 4)
    expected = np.stack([mixing(column) for column in many.T], axis=1)
    assert np.array_equal(mixing(many), expected)
    branching = VectorField(lambda x: (1.0 if x[0] > 0 else -1.0,), names=("x",))
    assert branching(np.array([[-2.0, 3.0]])).tolist() == [[-1.0, 1.0]]


@given(st.lists(st.floats(-2, 2), min_size=3, max_size=3), st.floats(0.1, 3))
def test_jacobians_by_differences_are_exact_to_ten_digits(x: list[float], rate: float) -> None:
    def f(x: Any, rate: float) -> Any:
        return np.tanh(rate * x[0]) * x[1], np.exp(-x[2]) - x[0] ** 3, x[0] * x[1] * x[2]

    found = VectorField(f, names=("x", "y", "z"), parameters={"rate": rate}).jacobian(x)
    a, b, c = x
    bent = rate / np.cosh(rate * a) ** 2
    expected = [
        [bent * b, np.tanh(rate * a), 0],
        [-3 * a**2, 0, -np.exp(-c)],
        [b * c, a * c, a * b],
    ]
    assert np.allclose(found, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: VectorField(lambda x: x, names=("a", "a")), "different names"),
        (lambda: VectorField(lambda x: (1.0,), names=("a", "b"))([1, 2]), "one number per state"),
        (lambda: fixed_points(van_der_pol, [(0, 1), (1, 0)]), "low < high"),
        (
            lambda: fixed_points(VectorField(van_der_pol, names=("x", "y")), {"x": (0, 1)}),
            "bounds for 'y', too",
        ),
        (lambda: fixed_points(3, [(0, 1)]), "a VectorField, or a function"),  # type: ignore[arg-type]
        (lambda: trajectory(van_der_pol, [0, np.nan], 1), "finite numbers"),
        (lambda: trajectory(van_der_pol, [0, 1], 0), "other than 0"),
        (lambda: nullclines(lambda x: x, [(0, 1)] * 3), "axes="),
        (lambda: limit_cycle(van_der_pol, [0, 1], duration=-1), "above 0"),
        (lambda: VectorField(lambda: 1, names=("x",)), "first argument"),
    ],
)
def test_arguments_that_cannot_be_meant(wrong: Any, message: str) -> None:
    with pytest.raises(DescriptionError, match=message):
        wrong()


def test_a_field_that_is_not_finite_says_where() -> None:
    with pytest.raises(SimulationError, match=r"not finite at x = 0\.5"):
        VectorField(lambda x: (1 / (x[0] - 0.5),), names=("x",))([0.5])


# --- fixed points


def test_the_uncoupled_node_of_the_metapopulation_model() -> None:
    found = fixed_points(metapopulation_node, [(0, 1), (0, 1)])
    expected = [0.21359034124199827, 0.2839601531881968, 0.37326898463326624]
    assert [p.x[0] for p in found] == pytest.approx(expected, rel=1e-9)
    assert [p.x[1] for p in found] == pytest.approx([0.4525624507704619] * 3, rel=1e-9)
    assert [p.kind for p in found] == ["stable node", "saddle", "stable node"]
    assert found.turns == 1
    assert max(p.residual for p in found) < 1e-14


matrices = st.lists(st.floats(-3, 3), min_size=4, max_size=4).map(
    lambda v: np.array(v).reshape(2, 2)
)


@settings(max_examples=40)
@given(matrices)
def test_linear_systems_are_what_trace_and_determinant_say(matrix: np.ndarray) -> None:
    trace, determinant = np.trace(matrix), np.linalg.det(matrix)
    discriminant = trace**2 - 4 * determinant
    assume(abs(determinant) > 1e-3)
    assume(abs(trace) > 1e-3)
    assume(abs(discriminant) > 1e-3)
    found = fixed_points(lambda x: matrix @ x, [(-1, 1), (-1, 1)], starts=4)
    assert len(found) == 1
    assert np.abs(found[0].x).max() < 1e-9
    if determinant < 0:
        expected = "saddle"
    else:
        stability = "stable" if trace < 0 else "unstable"
        expected = f"{stability} {'node' if discriminant > 0 else 'focus'}"
    assert found[0].kind == expected
    assert found[0].stable == (trace < 0 < determinant)
    assert found[0].trace == pytest.approx(trace, abs=1e-8)
    assert found[0].determinant == pytest.approx(determinant, abs=1e-8)


@pytest.mark.parametrize(
    ("eigenvalues", "kind"),
    [
        ([1j, -1j], "centre"),
        ([0, -1], "non-hyperbolic"),
        ([1j, -1j, -1], "non-hyperbolic"),
        ([-1, -1], "stable node"),
        ([-1 + 1j, -1 - 1j, -5], "stable focus"),
        ([-1, -5 + 1j, -5 - 1j], "stable node"),
        ([2], "unstable node"),
        ([1 + 1j, 1 - 1j, -3], "saddle"),
    ],
)
def test_kinds_of_fixed_points(eigenvalues: list[complex], kind: str) -> None:
    assert classify(eigenvalues) == kind


@settings(max_examples=10)
@given(st.lists(st.floats(-0.95, 0.95), min_size=1, max_size=7))
def test_all_roots_of_a_polynomial_are_found(roots: list[float]) -> None:
    roots = sorted(roots)
    assume(all(b - a > 0.01 for a, b in pairwise(roots)))

    def f(x: Any) -> Any:
        return np.prod([x[0] - r for r in roots], axis=0)

    found = fixed_points(lambda x: (f(x),), [(-1, 1)])
    assert [p.x[0] for p in found] == pytest.approx(roots, abs=1e-7)


def test_none_is_an_answer_that_tells_of_the_search() -> None:
    found = fixed_points(lambda x: (x[0] ** 2 + 1, -x[1]), [(-1, 1), (-1, 1)])
    assert len(found) == 0
    assert found.turns == 0
    with pytest.raises(IndexError, match=r"starts in the box found 0; the smallest \|f\|"):
        found[0]


def test_a_fixed_point_that_is_missing_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Starts that find nothing: the turning of the field along the border tells."""
    from neurosim.analysis.dynamics.fixed_points import _Search

    monkeypatch.setattr(_Search, "solve", lambda self, x: False)
    with pytest.raises(ConvergenceError, match=r"add up to 0: none\. At least one is missing"):
        fixed_points(metapopulation_node, [(0, 1), (0, 1)], starts=1)


def test_a_start_without_a_fixed_point_nearby_says_so() -> None:
    with pytest.raises(ConvergenceError, match=r"fixed_point did not converge at x = 0\.3"):
        fixed_point(lambda x: (x[0] ** 2 + 1,), [0.3])


def test_lorenz_has_three_fixed_points() -> None:
    def lorenz(x: Any) -> Any:
        return 10 * (x[1] - x[0]), x[0] * (28 - x[2]) - x[1], x[0] * x[1] - 8 / 3 * x[2]

    found = fixed_points(lorenz, [(-20, 20), (-30, 30), (0, 50)])
    s = np.sqrt(72.0)
    assert np.allclose([p.x for p in found], [[-s, -s, 27], [0, 0, 0], [s, s, 27]], atol=1e-9)
    assert {p.kind for p in found} == {"saddle"}


# --- planes


def test_nullclines_are_exact_and_cross_at_the_fixed_points() -> None:
    ours = nullclines(wilson_cowan_1972, UNIT_BOX, P=1.25)
    for k, curve in enumerate(ours):
        for line in curve.lines:
            assert np.abs(np.array(wilson_cowan_1972(line, P=1.25))[k]).max() < 1e-14
    point = fixed_points(wilson_cowan_1972, UNIT_BOX, P=1.25)[0]
    for curve in ours:
        points = np.concatenate(curve.lines, axis=1)
        assert np.hypot(*(points - point.x[:, None])).min() < 0.005


def test_the_nullcline_of_a_circle_is_a_circle() -> None:
    def f(x: Any) -> Any:
        return x[0] ** 2 + x[1] ** 2 - 1, x[0] - 0.3

    circle, line = nullclines(f, [(-2, 2), (-2, 2)], grid=40)
    assert len(circle.lines) == 1
    assert np.abs(np.hypot(*circle.lines[0]) - 1).max() < 1e-14
    assert np.ptp(np.arctan2(*circle.lines[0])) > 6
    assert np.abs(line.lines[0][0] - 0.3).max() < 1e-15


def test_there_is_no_nullcline_where_the_field_jumps_over_zero() -> None:
    def f(x: Any) -> Any:
        return 1 / (x[0] - 0.3001) + 0 * x[1], np.sign(x[1] - 0.2013)

    pole, jump = nullclines(f, UNIT_BOX)
    assert pole.lines == ()
    assert jump.lines == ()


def test_planes_through_more_states() -> None:
    def f(x: Any) -> Any:
        return x[0] - x[2], x[1] + x[2], -x[2]

    field = VectorField(f, names=("a", "b", "c"))
    first, second = nullclines(
        field, [(-1, 1)] * 3, axes=("a", "b"), hold={"a": 0, "b": 0, "c": 0.4}
    )
    assert first.state == "a"
    assert np.allclose(first.lines[0][0], 0.4)
    assert np.allclose(second.lines[0][1], -0.4)
    grid = arrows(field, [(-1, 1)] * 3, axes=("b", "a"), hold=[0, 0, 0.4], grid=3)
    assert grid.dx[0].tolist() == [-0.6, 0.4, 1.4]
    assert grid.dy[:, 0].tolist() == [-1.4, -0.4, 0.6]


# --- trajectories


@settings(max_examples=20)
@given(matrices, st.floats(0.1, 3), st.booleans())
def test_trajectories_of_linear_systems_are_exponentials(
    matrix: np.ndarray, duration: float, backwards: bool
) -> None:
    from scipy.linalg import expm

    time = -duration if backwards else duration
    path = trajectory(lambda x: matrix @ x, [1.0, -0.5], time, samples=5)
    for t, x in zip(path.times, path.states, strict=True):
        expected = expm(matrix * t) @ [1.0, -0.5]
        assert np.allclose(x, expected, rtol=1e-6, atol=1e-6)
    assert path.times[-1] == time


def test_a_state_that_escapes_in_finite_time_says_when() -> None:
    with pytest.raises(SimulationError, match=r"cannot be followed past t = 0\.9"):
        trajectory(lambda x: x[0] ** 2, [1.0], 5)
    path = trajectory(lambda x: x[0] ** 2, [1.0], 5, box=[(0, 10)])
    assert path.left
    assert path.times[-1] == pytest.approx(0.9)
    assert path.end == pytest.approx([10.0])


def test_manifolds_of_a_saddle() -> None:
    """dx/dt = x, dy/dt = -y + x^2: the unstable manifold is y = x^2 / 3, the stable one x = 0."""
    saddle = fixed_points(lambda x: (x[0], -x[1] + x[0] ** 2), [(-1, 1), (-1, 1)])[0]
    found = manifolds(saddle, [(-1, 1), (-1, 1)])
    assert len(found.unstable) == len(found.stable) == 2
    for path in found.unstable:
        assert path.left
        assert np.allclose(path["y"], path["x"] ** 2 / 3, atol=1e-9)
    for path in found.stable:
        assert np.abs(path["x"]).max() < 1e-12
        assert abs(path["y"][-1]) == pytest.approx(1)
    with pytest.raises(DescriptionError, match="a saddle"):
        manifolds(fixed_points(ring, [(-1, 1), (-1, 1)])[0], [(-1, 1), (-1, 1)])


# --- cycles


def test_wilson_cowan_1972_oscillates_as_published() -> None:
    """Wilson & Cowan (1972), Biophys. J. 12:1-24, fig. 11: c = 16, 12, 15, 3, P = 1.25."""
    cycle = limit_cycle(wilson_cowan_1972, [0.1, 0.1], P=1.25)
    assert cycle.period == pytest.approx(5.003, abs=5e-4)
    assert cycle.minimum == pytest.approx([0.1015, 0.0214], abs=5e-5)
    assert cycle.maximum == pytest.approx([0.2715, 0.1974], abs=5e-5)
    assert cycle.stable
    assert cycle.multipliers[0] == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(
    ("mu", "period"),
    # Perturbation series of Andersen & Geer (1982), SIAM J. Appl. Math. 42:678-693, for mu < 1.
    [(0.1, 2 * np.pi * (1 + 0.1**2 / 16 - 5 * 0.1**4 / 3072)), (1.0, 6.66328686)],
)
def test_van_der_pol(mu: float, period: float) -> None:
    cycle = limit_cycle(van_der_pol, [2.0, 0.0], mu=mu)
    assert cycle.period == pytest.approx(period, abs=2e-8)
    assert cycle.multipliers[0] == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(("start", "backwards", "sign"), [(0.6, True, -1), (1.2, False, 1)])
def test_cycles_of_known_radius(start: float, backwards: bool, sign: int) -> None:
    """Multiplier exp(2 pi (2 r^2 - 4 r^4)): the derivative of the growth rate, over a period."""
    cycle = limit_cycle(ring, [start, 0.0], backwards=backwards)
    r2 = (1 + sign * np.sqrt(1 - 0.8)) / 2
    assert cycle.period == pytest.approx(2 * np.pi, rel=1e-9)
    assert cycle.maximum == pytest.approx([np.sqrt(r2)] * 2, rel=1e-7)
    assert cycle.stable == (sign == 1)
    multiplier = np.exp(2 * np.pi * (2 * r2 - 4 * r2**2))
    assert cycle.multipliers[1].real == pytest.approx(multiplier, rel=1e-6)


def test_a_cycle_of_two_rounds_has_twice_the_period() -> None:
    """Roessler (1976), Phys. Lett. 57A:397: the first period doubling lies between 2.8 and 3."""

    def roessler(x: Any, c: float) -> Any:
        return -x[1] - x[2], x[0] + 0.2 * x[1], 0.2 + x[2] * (x[0] - c)

    one = limit_cycle(roessler, [1.0, 1.0, 1.0], c=2.5)
    assert one.stable
    two = limit_cycle(roessler, [1.0, 1.0, 1.0], c=3.5, duration=300)
    assert two.stable
    assert two.period == pytest.approx(2 * one.period, rel=0.05)


@pytest.mark.parametrize(
    ("f", "start", "message"),
    [
        (ring, [0.3, 0.0], "settles on the fixed point"),
        (lambda x: (np.ones_like(x[0]), -x[1]), [0.0, 1.0], "does not come back"),
    ],
)
def test_where_there_is_no_cycle(f: Any, start: list[float], message: str) -> None:
    with pytest.raises(ConvergenceError, match=message):
        limit_cycle(f, start, duration=200)


def test_steps_of_gauss_have_order_eight() -> None:
    """One step of the linear oscillator against its exponential, with derivatives."""
    field = VectorField(lambda x, w: (w * x[1], -w * x[0]), names=("x", "y"), parameters={"w": 1.0})
    start = np.array([[1.0, 0.2], [0.0, 0.7]])
    errors = []
    for h in (0.5, 0.25):
        made = gauss_steps(field, start, np.full(2, h), {"w": 1.0}, "w", 1e-5)
        turn = np.array([[np.cos(h), np.sin(h)], [-np.sin(h), np.cos(h)]])
        errors.append(np.abs(made.ends - turn @ start).max())
        for k in range(2):
            assert np.allclose(made.transitions[:, :, k], turn, atol=1e-8)
        speed = np.stack([made.ends[1], -made.ends[0]])
        assert np.allclose(made.by_duration, speed, atol=1e-6)
        assert np.allclose(made.by_parameter, h * speed, atol=1e-6)
    assert np.log2(errors[0] / errors[1]) == pytest.approx(9, abs=0.3)
