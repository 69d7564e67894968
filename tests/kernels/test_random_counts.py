"""Splitting of totals: probabilities, laws by inversion, trees."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from neurosim.kernels.counts import binomial, binomial_probability, hypergeometric, split_total
from neurosim.kernels.random import COUNT, make_key


@given(st.integers(1, 10**6), st.floats(1e-6, 1 - 1e-6), st.floats(0, 1))
def test_binomial_probability_against_scipy(n: int, p: float, place: float) -> None:
    """Relative error below 1e-10 (that of the reference) wherever it is not negligible."""
    x = round(place * n)
    expected = stats.binom.pmf(x, n, p)
    if expected > 1e-200:
        assert binomial_probability(float(x), float(n), p, 1 - p) == pytest.approx(
            expected, rel=1e-9
        )


def law_by_quadrature(function: Callable[[float], int], size: int, n: int = 20_000) -> Any:
    """Share of the uniforms that give each value."""
    values = [function(u) for u in (np.arange(n) + 0.5) / n]
    return np.bincount(values, minlength=size) / n


@pytest.mark.parametrize(("n", "left", "right"), [(10, 3, 7), (1, 1, 1), (200, 1, 99), (50, 9, 1)])
def test_binomial_inverts_its_law(n: int, left: int, right: int) -> None:
    """Uniforms spread evenly give each value exactly its share."""
    share = law_by_quadrature(lambda u: binomial(n, float(left), float(right), u), n + 1)
    expected = stats.binom.pmf(np.arange(n + 1), n, left / (left + right))
    np.testing.assert_allclose(share, expected, atol=1.1e-4)


@pytest.mark.parametrize(("n", "left", "right"), [(10, 8, 7), (15, 8, 7), (100, 50, 70), (3, 1, 9)])
def test_hypergeometric_inverts_its_law(n: int, left: int, right: int) -> None:
    """Uniforms spread evenly give each value exactly its share."""
    share = law_by_quadrature(lambda u: hypergeometric(n, float(left), float(right), u), n + 1)
    expected = stats.hypergeom.pmf(np.arange(n + 1), left + right, left, n)
    np.testing.assert_allclose(share, expected, atol=1.1e-4)


@given(
    st.lists(st.integers(0, 20), min_size=1, max_size=40), st.floats(0, 1), st.integers(0, 2**63)
)
def test_split_keeps_the_total_and_the_limits(partners: list[int], share: float, seed: int) -> None:
    """Rows add up to the total; a row without partners gets none; distinct ones fit."""
    below = np.concatenate([[0], np.cumsum(partners)]).astype(np.int64)
    total = int(share * below[-1])
    key = make_key(seed, COUNT)
    counts = np.empty(len(partners), np.int64)
    for distinct in (False, True):
        split_total(total, below, distinct, *key, counts)
        assert counts.sum() == total
        assert np.all(counts[np.array(partners) == 0] == 0)
        assert np.all(counts >= 0)
    assert np.all(counts <= partners)


@pytest.mark.parametrize("distinct", [False, True])
def test_split_follows_the_multivariate_law(distinct: bool) -> None:
    """Means, variances and covariances of rows, against the formulas."""
    partners = np.array([5, 10, 20, 5])
    below = np.concatenate([[0], np.cumsum(partners)]).astype(np.int64)
    total, n = 20, 8000
    counts = np.empty((n, 4), np.int64)
    for seed in range(n):
        split_total(total, below, distinct, *make_key(seed, COUNT), counts[seed])
    if distinct:
        reference = stats.multivariate_hypergeom(partners, total)
    else:
        reference = stats.multinomial(total, partners / 40)
    cov = reference.cov()
    mean = total * partners / 40
    np.testing.assert_allclose(counts.mean(0), mean, atol=4 * np.sqrt(cov.max() / n))
    np.testing.assert_allclose(np.cov(counts.T), cov, atol=4 * 1.5 * cov.max() / np.sqrt(n))


def test_rows_of_a_large_total_are_poisson_like() -> None:
    """A hundred million synapses over 2000 rows: chi-square over rows."""
    counts = np.empty(2000, np.int64)
    split_total(10**8, np.arange(2001) * 10**5, False, *make_key(1, COUNT), counts)
    assert counts.sum() == 10**8
    assert 1e-4 < stats.chisquare(counts).pvalue < 1 - 1e-4
