"""Wilson-Cowan nodes: a step by hand, and the adjoint as the transpose of its derivative."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurosim.kernels import wilson_cowan as kernels

REALS = {"double": np.float64, "single": np.float32}
RESPOND: dict[str, Any] = {"double": kernels.respond_double, "single": kernels.respond_single}
VALUES = {
    "w_EE": 7.2, "w_EI": 2.0, "w_IE": 1.5, "w_II": 1.0, "a_E": 1.5, "a_I": 0.4, "h_E": -1.2,
    "h_I": 0.1, "fe1": 0.25, "fe2": 0.65, "fi1": 0.5, "fi2": 0.5, "b_E": 3.7, "b_I": 1.0,
    "dt": 0.1, "dt_y": 0.4, "one": 1.0,
}  # fmt: skip


def step(
    precision: str, x: np.ndarray, y: np.ndarray, coupled: np.ndarray, **changed: float
) -> Any:
    """Return the next x and y, and the responses."""
    real = REALS[precision]
    numbers = kernels.Numbers(**{n: real(v) for n, v in {**VALUES, **changed}.items()})
    x, y, coupled = (np.asarray(a, real) for a in (x, y, coupled))
    f, g, x_next, y_next = (np.empty_like(x) for _ in range(4))
    RESPOND[precision](x, y, coupled, numbers, f, g)
    kernels.advance(x, y, f, g, numbers, x_next, y_next)
    assert {a.dtype for a in (f, g, x_next, y_next)} == {np.dtype(real)}
    return x_next, y_next, f, g, numbers


@pytest.mark.parametrize("precision", REALS)
def test_a_step_is_the_formula(precision: str) -> None:
    generator = np.random.default_rng(1)
    x, y, coupled = generator.random((3, 50))
    found = step(precision, x, y, coupled)
    v = VALUES
    f = v["fe1"] * np.tanh(v["b_E"] * (v["w_EE"] * x - v["w_EI"] * y + v["h_E"] + coupled)) + 0.65
    g = v["fi1"] * np.tanh(v["b_I"] * (v["w_IE"] * x - v["w_II"] * y + v["h_I"])) + 0.5
    expected = x + 0.1 * (-1.5 * x + (1 - x) * f), y + 0.4 * (-0.4 * y + (1 - y) * g), f, g
    for one, other in zip(found, expected, strict=False):
        np.testing.assert_allclose(one, other, rtol=1e-13 if precision == "double" else 1e-5)


def test_old_and_new_states_may_be_the_same_arrays() -> None:
    generator = np.random.default_rng(2)
    x, y, coupled = generator.random((3, 20))
    x_next, y_next, f, g, numbers = step("double", x, y, coupled)
    kernels.advance(x, y, f, g, numbers, x, y)
    assert np.array_equal(x, x_next)
    assert np.array_equal(y, y_next)


@given(seed=st.integers(0, 10**6))
@settings(max_examples=20)
def test_the_adjoint_is_the_transpose_of_the_derivative(seed: int) -> None:
    """Weights p, q of the new states against a small change of the old ones, of gamma too."""
    generator = np.random.default_rng(seed)
    x, y, coupled, p, q, back, dx, dy, dc = generator.random((9, 7))
    _, _, f, g, numbers = step("double", x, y, coupled)
    from_x, from_y = p.copy(), q.copy()
    by_log_gamma = kernels.step_back(x, y, f, g, numbers, back, from_x, from_y)

    def weighed(sign: float) -> float:
        e = sign * 1e-6
        changed = {"dt_y": VALUES["dt_y"] * np.exp(-e)}
        one, other, *_ = step("double", x + e * dx, y + e * dy, coupled + e * dc, **changed)
        return float((p + back) @ one + q @ other)

    expected = (weighed(1) - weighed(-1)) / 2e-6
    assert from_x @ dx + from_y @ dy + f @ dc + by_log_gamma == pytest.approx(expected, rel=1e-6)
