"""Associative memories against published and derived figures, through runs."""

from __future__ import annotations

from math import comb, erf, sqrt
from typing import Any

import numpy as np
import pytest

import neurosim as ns
from neurosim_datasets import random_patterns

pytestmark = pytest.mark.compiled


def session_of(patterns: Any, interaction: Any, **facts: Any) -> tuple[Any, Any]:
    net = ns.Network("memory", seed=1)
    units = net.population("units", patterns.shape[1], ns.Binary(**facts))
    net.project(units, units, ns.PatternCoupling(patterns, interaction))
    return ns.compile(net, dt=1.0, threads=1), units


@pytest.mark.parametrize(
    ("order", "n", "k", "tried"), [(2, 400, 40, 40), (3, 80, 1600, 60), (4, 40, 8000, 60)]
)
def test_fraction_of_stable_units(order: int, n: int, k: int, tried: int) -> None:
    """Stored exactly, a unit is stable with probability (1 + erf sqrt(C(N-1,P-1)/(2(K-1))))/2.

    Signal against the Gaussian noise of the other patterns, of which every choice of P - 1 units
    adds one (Agliari et al., 2023, Physica A 626:129076, at one step from a stored pattern). The
    sums are no Gaussians for so few units: within 0.03.
    """
    patterns = random_patterns(k, n, seed=5)
    session, units = session_of(patterns, ns.Polynomial(order), update="synchronous")
    kept = []
    for pattern in patterns[:tried]:
        session.set(units, s=pattern)
        session.run(1)
        kept.append((session.get(units, "s") == pattern).mean())
    expected = 0.5 * (1 + erf(sqrt(comb(n - 1, order - 1) / (2 * (k - 1)))))
    assert np.mean(kept) == pytest.approx(expected, abs=0.03 if order > 2 else 0.002)


def test_capacity_of_hopfield() -> None:
    """Retrieval breaks down near K = 0.138 N (Amit, Gutfreund & Sompolinsky, 1985, PRL 55:1530).

    At N = 1000 the transition is rounded: far below it patterns stay, far above they are lost.
    """
    found = {}
    for load in (0.10, 0.18):
        patterns = random_patterns(round(load * 1000), 1000, seed=2)
        session, units = session_of(patterns, ns.Linear())
        overlaps = []
        for pattern in patterns[:8]:
            session.set(units, s=pattern)
            session.run(40)
            overlaps.append(session.get(units, "s") @ pattern / 1000)
        found[load] = float(np.mean(overlaps))
    assert found[0.10] > 0.97
    assert found[0.18] < 0.75


@pytest.mark.parametrize(("order", "spinodal"), [(3, 1.7477), (4, 1.983)])
def test_temperature_at_which_one_pattern_is_lost(order: int, spinodal: float) -> None:
    """m = tanh(P m^(P-1) / T) has a solution other than 0 up to a temperature, the spinodal.

    With the energy -(P!/N^(P-1)) sum over different units and a single pattern.
    """
    pattern = random_patterns(1, 4000, seed=4)
    session, units = session_of(pattern, ns.Polynomial(order))
    overlaps = {}
    for factor in (0.94, 1.06):
        session.set(units, s=pattern[0], temperature=factor * spinodal)
        session.run(150)
        overlaps[factor] = session.get(units, "s") @ pattern[0] / 4000
        m = 1.0
        for _ in range(2000):
            m = np.tanh(order * m ** (order - 1) / (factor * spinodal))
        assert overlaps[factor] == pytest.approx(m, abs=0.08)
    assert overlaps[0.94] > 0.3
    assert abs(overlaps[1.06]) < 0.1
