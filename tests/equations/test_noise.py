"""Noise: the exact Ornstein-Uhlenbeck step, the two calculi, orders of convergence."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from neurosim.equations import NeuronModel
from neurosim.equations.spec import ModelSpec
from tests.oracles import advance, value_of

Floats = npt.NDArray[np.float64]


def linear_step(
    spec: ModelSpec, parameters: dict[str, float], dt: float, active: bool = True
) -> Any:
    """Matrix, offset and noise factor of a linear step, read off the program."""
    zero = dict.fromkeys(spec.states, 0.0)
    count, draws = len(spec.states), [0.0] * spec.n_normals

    def step(states: dict[str, float], normals: list[float]) -> Floats:
        found = advance(spec, states, parameters, dt, normals=normals, active=active)
        return np.array([found[s] for s in spec.states])

    offset = step(zero, draws)
    matrix = np.array([step({**zero, s: 1.0}, draws) - offset for s in spec.states]).T
    noise = np.zeros((count, spec.n_normals))
    for k in range(spec.n_normals):
        noise[:, k] = step(zero, [float(k == m) for m in range(spec.n_normals)]) - offset
    return matrix, offset, noise


def gathered(drift: Floats, factors: Floats, dt: float, pieces: int = 1000) -> Floats:
    """Covariance after dt by the midpoint rule: sum of exp(A s) B B^T exp(A s)^T ds."""
    from scipy.linalg import expm

    h = dt / pieces
    forward, state = expm(drift * h), expm(drift * h / 2)
    total = np.zeros((len(drift), len(drift)))
    for _ in range(pieces):
        total += state @ factors @ factors.T @ state.T * h
        state = forward @ state
    return total


OU = NeuronModel(
    "ou",
    equations="dV/dt = (mu - V)/tau + sigma*sqrt(2/tau)*xi : mV",
    parameters={"tau": "10 ms", "mu": "-60 mV", "sigma": "3 mV"},
).spec()


@pytest.mark.parametrize("dt", [0.001, 0.1, 10.0, 1000.0])
def test_one_variable_in_closed_form(dt: float) -> None:
    """Mean and variance of a step of any length are those of the process."""
    matrix, offset, noise = linear_step(OU, dict(OU.defaults), dt)
    decay = math.exp(-dt / 10)
    assert matrix[0, 0] == pytest.approx(decay, rel=1e-14, abs=1e-12)
    assert offset[0] == pytest.approx(60 * math.expm1(-dt / 10), rel=1e-14)
    assert noise[0, 0] == pytest.approx(3 * math.sqrt(-math.expm1(-2 * dt / 10)), rel=1e-14)
    assert OU.n_normals == 1


def test_mean_and_variance_of_a_run() -> None:
    """Sampled with a coarse step, the stationary process has mean mu and s.d. sigma."""
    rng = np.random.default_rng(7)
    value, trace = -60.0, []
    constants = OU.constants(OU.defaults, 5.0)
    for z in rng.standard_normal(10_000):
        names = {"V": value, "normal_0": z, **OU.defaults, **constants}
        (line,) = OU.program
        value = value_of(line.expression, names)
        trace.append(value)
    # The correlation time is two samples: about 2,500 independent ones.
    assert np.mean(trace) == pytest.approx(-60, abs=4 * 3 / math.sqrt(2500))
    assert np.std(trace) == pytest.approx(3, rel=4 / math.sqrt(2 * 2500))


def test_chain_covariance() -> None:
    """The covariance that one step builds up agrees with the integral that defines it."""
    spec = NeuronModel(
        "chain",
        equations="""
            dV/dt = -V/tau + x/C : mV (clamped)
            dx/dt = -x/tau_x + s*sqrt(2/tau_x)*xi : pA
            dy/dt = -y/tau_y + b*xi_2 : 1
            b : 1/sqrt(ms)
        """,
        threshold="V > 0*mV",
        refractory="t_ref",
        parameters={
            "tau": "10 ms", "C": "200 pF", "tau_x": "3 ms", "s": "50 pA", "t_ref": "2 ms",
            "tau_y": "4 ms", "b": 0.3,
        },
    ).spec()  # fmt: skip
    parameters, dt = dict(spec.defaults), 0.5
    drift = np.array([[-0.1, 1 / 200, 0], [0, -1 / 3, 0], [0, 0, -0.25]])
    factors = np.array([[0, 0], [50 * math.sqrt(2 / 3), 0], [0, 0.3]])
    _, _, noise = linear_step(spec, parameters, dt)
    expected = gathered(drift, factors, dt)
    assert noise @ noise.T == pytest.approx(expected, rel=1e-6, abs=1e-12)
    # Independent noises stay apart: no constant couples y to the others.
    assert spec.n_normals == 3
    assert noise[2, 0] == noise[2, 1] == noise[0, 2] == 0
    # While V is held only the others gather noise, and just as much.
    _, _, held = linear_step(spec, parameters, dt, active=False)
    expected[0, :] = expected[:, 0] = 0
    assert held @ held.T == pytest.approx(expected, rel=1e-6, abs=1e-12)


def test_one_noise_on_two_equal_states() -> None:
    """Perfectly correlated states: the covariance has rank one."""
    spec = NeuronModel(
        "twins",
        equations="dx/dt = -x/tau + xi_a/sqrt(tau) : 1\ndy/dt = -y/tau + 2*xi_a/sqrt(tau) : 1",
        parameters={"tau": "10 ms"},
    ).spec()
    _, _, noise = linear_step(spec, dict(spec.defaults), 0.3)
    assert noise[1] == pytest.approx(2 * noise[0], rel=1e-10)
    assert noise[1, 1] == 0


def test_no_noise_where_its_strength_is_zero() -> None:
    """sigma = 0 is a deterministic neuron, not a division by zero."""
    _, _, noise = linear_step(OU, {**OU.defaults, "sigma": 0.0}, 0.1)
    assert noise == pytest.approx(0)


# Geometric Brownian motion dx = mu x dt + s x dW has closed forms in both calculi.
GBM = "dx/dt = mu*x/tau + s*x*xi/sqrt(tau) : 1"
MU, SIGMA = 0.4, 0.8


def path_errors(method: str, ito: bool, steps: int, paths: int = 400) -> float:
    """Mean error at t = 1 against the exact solution along the same Wiener path."""
    model = NeuronModel(
        "gbm", equations=GBM, parameters={"mu": MU, "s": SIGMA, "tau": "1 ms"}, method=method
    )
    spec = model.spec()
    rng = np.random.default_rng(5)
    fine = rng.standard_normal((256, paths)) / 16
    increments = fine.reshape(steps, 256 // steps, paths).sum(axis=1)
    dt = 1 / steps
    constants = spec.constants(spec.defaults, dt)
    total = 0.0
    for path in range(paths):
        x = 1.0
        for k in range(steps):
            z = float(increments[k, path]) / math.sqrt(dt)
            x = advance(spec, {"x": x}, spec.defaults, dt, normals=[z], constants=constants)["x"]
        end = float(fine[:, path].sum())
        exact = math.exp((MU - (SIGMA**2 / 2 if ito else 0)) + SIGMA * end)
        total += abs(x - exact)
    return total / paths


@pytest.mark.parametrize(
    ("method", "ito", "order"),
    [("euler", True, 0.5), ("milstein", True, 1.0), ("heun", False, 1.0)],
)
def test_strong_order_and_calculus(method: str, ito: bool, order: float) -> None:
    """Each method converges to the solution of its own calculus, at its own pace."""
    errors = [path_errors(method, ito, steps, 100) for steps in (4, 16, 64)]
    measured = math.log(errors[0] / errors[2]) / math.log(16)
    assert measured == pytest.approx(order, abs=0.2)
    # ... and not to that of the other.
    assert path_errors(method, not ito, 64, 100) > 5 * errors[2] or order == 0.5


@pytest.mark.parametrize("method", ["euler", "heun", "milstein"])
def test_clamped_states_gather_no_noise(method: str) -> None:
    """A refractory membrane stands still under noise too."""
    spec = NeuronModel(
        "m",
        equations="dV/dt = -V/tau + V*xi/sqrt(tau) : 1 (clamped)",
        threshold="V > 1",
        refractory="t_ref",
        parameters={"tau": "10 ms", "t_ref": "2 ms"},
        method=method,
    ).spec()
    held = advance(spec, {"V": 0.5}, spec.defaults, 0.1, normals=[2.0], active=False)
    assert held == {"V": 0.5}


def test_methods_agree_where_noise_is_additive() -> None:
    """With additive noise Euler, Heun and Milstein take one and the same step."""
    found = []
    for method in ("euler", "heun", "milstein"):
        spec = NeuronModel(
            "m",
            equations="dx/dt = -x**3/tau + s*xi/sqrt(tau) : 1",
            parameters={"tau": "10 ms", "s": 0.3},
            method=method,
        ).spec()
        found.append(advance(spec, {"x": 0.7}, spec.defaults, 0.1, normals=[1.3])["x"])
    assert found[0] == found[1] == found[2]
