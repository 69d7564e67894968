"""The hierarchical Gaussian filter: against the equations, and what the learning rate does."""

from __future__ import annotations

import math

import numpy as np
import pytest

import neurosim as ns
from neurosim.errors import SimulationError
from neurosim_models import GaussianFilter, gaussian_filter

pytestmark = pytest.mark.compiled


def updates(
    values: np.ndarray, pi_u: float, kappa: float, omega: float, omega_2: float
) -> np.ndarray:
    """The updates of Mathys et al. (2014) one after the other: mu_1, pi_1, rate, mu_2, pi_2."""
    mu_1, pi_1, mu_2, pi_2 = 0.0, 1.0, 0.0, 1.0
    rows = []
    for u in values:
        variance = math.exp(kappa * mu_2 + omega)
        expected_1, expected_2 = 1 / (1 / pi_1 + variance), 1 / (1 / pi_2 + math.exp(omega_2))
        pi_1 = expected_1 + pi_u
        step = pi_u / pi_1 * (u - mu_1)
        mu_1 += step
        gamma = variance * expected_1
        delta = (1 / pi_1 + step**2) * expected_1 - 1
        pi_2 = expected_2 + kappa**2 * (gamma**2 / 2 + gamma**2 * delta - gamma * delta / 2)
        mu_2 += kappa * gamma / (2 * pi_2) * delta
        rows.append((mu_1, pi_1, pi_u / pi_1, mu_2, pi_2))
    return np.array(rows)


def walk(seed: int, steps: tuple[float, float] = (0.05, 1.5), each: int = 150) -> np.ndarray:
    """Noisy observations of a quantity whose steps become larger half way."""
    rng = np.random.default_rng(seed)
    quantity = np.cumsum(rng.normal(size=2 * each) * np.repeat(steps, each))
    return quantity + rng.normal(size=2 * each) * 0.5


@pytest.mark.parametrize("kappa", [0.0, 0.8])
def test_beliefs_are_those_of_the_equations(kappa: float) -> None:
    """Two filters beside each other, in two pieces."""
    options = {"precision": 4.0, "kappa": kappa, "omega": -2.0}
    values = np.stack([walk(1, each=30), walk(2, each=30)], axis=1)
    model = GaussianFilter(gaussian_filter(2, omega_volatility=-3.0, **options))
    found = [np.concatenate(pieces) for pieces in zip(*(model.observe(v) for v in
             (values[:25], values[25:])), strict=True)]  # fmt: skip
    for k in range(2):
        expected = updates(values[:, k], 4.0, kappa, -2.0, -3.0)
        np.testing.assert_allclose(np.stack([f[:, k] for f in found], axis=1), expected, rtol=1e-9)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_learning_rate_rises_when_the_world_becomes_volatile(seed: int) -> None:
    """From about .26 to .90; without coupling it stays what it has come to."""
    rates = {}
    for kappa in (1.0, 0.0):
        model = GaussianFilter(gaussian_filter(precision=4.0, kappa=kappa))
        rates[kappa] = model.observe(walk(seed)).learning_rate[:, 0]
    before, after = rates[1.0][100:150].mean(), rates[1.0][200:].mean()
    assert after > 2 * before
    assert rates[0.0][200:].mean() == pytest.approx(rates[0.0][100:150].mean(), rel=1e-3)


def test_belief_comes_to_what_is_constant() -> None:
    model = GaussianFilter()
    beliefs = model.observe(np.full(200, 3.0))
    assert np.all(np.diff(beliefs.mean[:, 0]) >= 0)
    assert beliefs.mean[-1] == pytest.approx(3.0, abs=1e-3)
    assert beliefs.learning_rate[-1] < beliefs.learning_rate[0]


def test_what_cannot_be_meant_is_refused() -> None:
    with pytest.raises(ns.DescriptionError, match="precision"):
        gaussian_filter(precision=0)
    model = GaussianFilter()
    for values in (np.array([1.0, np.nan]), np.zeros((3, 2)), np.zeros(0), ["a"], [[1], [2, 3]]):
        with pytest.raises(ns.DescriptionError, match="values"):
            model.observe(values)
    daring = GaussianFilter(gaussian_filter(kappa=3, omega=0, omega_volatility=0))
    with pytest.raises(SimulationError, match="omega_volatility"):
        daring.observe([0.0, 0.0, 30.0, 0.0])
