"""Elementary functions: against 60 digits, at the edges, and without a branch or a call."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mpmath
import numba
import numpy as np
import pytest

from neurosim.kernels import functions
from neurosim.kernels.jit import JIT

REALS: dict[str, Any] = {"double": np.float64, "single": np.float32}

TRUTH: dict[str, Callable[[Any], Any]] = {
    "exp": mpmath.exp,
    "expm1": mpmath.expm1,
    "exprel": lambda x: mpmath.expm1(x) / x if x else mpmath.mpf(1),
    "log": mpmath.log,
    "log1p": mpmath.log1p,
    "tanh": mpmath.tanh,
    "sinh": mpmath.sinh,
    "cosh": mpmath.cosh,
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
}

# Units in the last place; what the module promises.
BOUND = {
    "exp": 1.0,
    "expm1": 1.75,
    "exprel": 2.25,
    "log": 1.25,
    "log1p": 1.5,
    "tanh": 3.0,
    "sinh": 2.5,
    "cosh": 1.5,
    "sigmoid": 2.5,
}

CASES = [(name, precision) for name in TRUTH for precision in REALS]


def apply(name: str, precision: str, x: Any) -> Any:
    """Return a function's values at an array, as a compiled loop gives them."""
    function = getattr(functions, f"{name}_{precision}")

    def loop(x: Any, y: Any) -> None:
        for k in range(x.size):
            y[k] = function(x[k])

    y = np.empty_like(x)
    with np.errstate(all="ignore"):
        (numba.njit(loop) if JIT else loop)(x, y)
    return y


def arguments(name: str, precision: str, n: int) -> Any:
    """Return arguments over the whole range, dense near 0, at 1 and in the subnormals."""
    real = REALS[precision]
    random = np.random.default_rng(3)
    top, depth = (745.0, 700.0) if precision == "double" else (103.0, 86.0)
    x = np.concatenate(
        [
            random.uniform(-top, top, n),
            random.uniform(-2.0, 2.0, n),
            np.exp(random.uniform(-depth, 0.0, n)) * random.choice([-1.0, 1.0], n),
            np.linspace(-top, top, n),
        ]
    )
    if name == "log":
        near_one = 1.0 + random.uniform(-1.0, 1.0, n) * 10.0 ** random.uniform(-6.0, -0.5, n)
        large = np.exp(random.uniform(0.0, depth, n))
        subnormal = float(np.finfo(real).smallest_subnormal) * random.integers(1, 10**6, n)
        x = np.concatenate([np.abs(x), near_one, large, subnormal])
    if name == "log1p":
        x = x[x > -0.999]
    if name in ("sinh", "cosh"):
        x = x[np.abs(x) < (709.0 if precision == "double" else 88.0)]
    return x.astype(real)


def largest_error(name: str, precision: str, n: int) -> float:
    """Return the largest error in units in the last place."""
    x = arguments(name, precision, n)
    real = REALS[precision]
    limit = mpmath.mpf(float(np.finfo(real).max))
    worst = 0.0
    with mpmath.workprec(200):
        for argument, value in zip(x, apply(name, precision, x), strict=True):
            truth = TRUTH[name](mpmath.mpf(float(argument)))
            if abs(truth) > limit:
                assert np.isinf(value), (argument, value)
                continue
            unit = float(np.spacing(real(abs(float(truth)))))
            worst = max(worst, float(abs(mpmath.mpf(float(value)) - truth) / unit))
    return worst


@pytest.mark.parametrize(("name", "precision"), CASES)
def test_error_is_a_few_units_in_the_last_place(name: str, precision: str) -> None:
    """Over the whole range, subnormal results included."""
    assert largest_error(name, precision, 400) <= BOUND[name]


@pytest.mark.parametrize("precision", REALS)
def test_edges(precision: str) -> None:
    """Zeros, infinities, NaN and arguments beyond the range give what IEEE 754 would."""
    inf, nan = np.inf, np.nan
    x = np.array([0.0, -0.0, inf, -inf, nan, 1e4, -1e4], REALS[precision])
    expected: dict[str, list[Any]] = {
        "exp": [1, 1, inf, 0, nan, inf, 0],
        "expm1": [0, 0, inf, -1, nan, inf, -1],
        "exprel": [1, 1, inf, 0, nan, inf, np.float32(1e-4)],
        "log": [-inf, -inf, inf, nan, nan, np.log(1e4), nan],
        "log1p": [0, 0, inf, nan, nan, np.log1p(1e4), nan],
        "tanh": [0, 0, 1, -1, nan, 1, -1],
        "sinh": [0, 0, inf, -inf, nan, inf, -inf],
        "cosh": [1, 1, inf, inf, nan, inf, inf],
        "sigmoid": [0.5, 0.5, 1, 0, nan, 1, 0],
    }
    for name, values in expected.items():
        np.testing.assert_allclose(apply(name, precision, x), values, rtol=2e-7, err_msg=name)
    assert apply("log1p", precision, np.array([-1.0], x.dtype))[0] == -inf


def test_exp_overflows_and_underflows_where_numpy_does() -> None:
    """Around the last finite result and the last subnormal one."""
    x = np.concatenate([np.linspace(709.7, 709.9, 401), np.linspace(-745.3, -744.9, 401)])
    with np.errstate(all="ignore"):
        expected = np.exp(x)
    got = apply("exp", "double", x)
    assert np.array_equal(np.isinf(got), np.isinf(expected))
    assert np.array_equal(got[401:], expected[401:])
    # In single precision numpy rounds the last subnormals differently: half a unit is allowed.
    x32 = np.concatenate([np.linspace(88.6, 88.8, 401), np.linspace(-105, -103, 401)])
    x32 = x32.astype(np.float32)
    with np.errstate(all="ignore"):
        expected = np.exp(x32.astype(np.float64)).astype(np.float32)
    got = apply("exp", "single", x32)
    assert np.array_equal(np.isinf(got), np.isinf(expected))
    assert np.all(np.abs(got[401:] - expected[401:]) <= 2.0**-149)


@pytest.mark.parametrize("precision", REALS)
def test_exprel_does_not_cancel(precision: str) -> None:
    """Near 0 it is 1 + x/2 + ..., where (exp(x) - 1)/x loses everything."""
    x = np.array([1e-30, -1e-12, 3e-8, -1e-5, 1e-3], REALS[precision])
    wide = x.astype(np.float64)
    series = 1 + wide / 2 + wide**2 / 6 + wide**3 / 24 + wide**4 / 120
    np.testing.assert_allclose(
        apply("exprel", precision, x), series, rtol=2 * float(np.finfo(x.dtype).eps)
    )


@pytest.mark.compiled
@pytest.mark.parametrize(("name", "precision"), CASES)
def test_vectorises_without_promotion(name: str, precision: str) -> None:
    """A loop over it is vectors all through: no call is left, no float32 becomes float64."""
    function = getattr(functions, f"{name}_{precision}")

    @numba.njit(error_model="numpy")
    def loop(x: Any, y: Any) -> None:
        for k in range(x.size):
            y[k] = function(x[k])

    kind = numba.float64 if precision == "double" else numba.float32
    loop.compile((kind[::1], kind[::1]))
    (code,) = loop.inspect_llvm().values()
    word = "double" if precision == "double" else "float"
    assert f"x {word}>" in code
    if precision == "single":
        assert "fpext" not in code
        assert "double" not in code


def test_same_bounds_without_the_jit() -> None:
    """The plain Python form, which never fuses a product into a sum, keeps the bounds too."""
    script = (
        "import json; from tests.kernels.test_functions import *\n"
        "print(json.dumps([largest_error(n, p, 40) for n, p in CASES]))"
    )
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    result = subprocess.run(
        [sys.executable, "-c", script],
        env=environment,
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    for (name, _), error in zip(CASES, json.loads(result.stdout), strict=True):
        assert error <= BOUND[name]
