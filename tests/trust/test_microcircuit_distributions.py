"""The microcircuit at a tenth of its size beside NEST, which draws its own wiring and input."""

from __future__ import annotations

from itertools import product

import pytest

from benchmarks.distributions import Measured, distances, of_nest, of_ours
from neurosim_models import microcircuit, potjans_diesmann

SCALE, DURATION = 0.1, 1000.0
AS_SEEDS = 1.5
"""Distances of two seeds of one simulator scatter by less than this factor."""


@pytest.fixture(scope="module")
def ours() -> list[Measured]:
    return [of_ours(potjans_diesmann(scale=SCALE, seed=k), DURATION, 1) for k in (1, 2)]


@pytest.fixture(scope="module")
def theirs() -> list[Measured]:
    return [of_nest(SCALE, k, DURATION, 1) for k in (1, 2)]


def farthest(pairs: object) -> dict[str, float]:
    """Return the greatest distance by each measure."""
    found = [distances(a, b) for a, b in pairs]  # type: ignore[attr-defined]
    return {measure: max(d[measure] for d in found) for measure in found[0]}


@pytest.mark.slow
def test_ours_and_nests_differ_as_two_seeds_do(
    ours: list[Measured], theirs: list[Measured]
) -> None:
    """Rates, CVs, correlations and weights, by the Kolmogorov-Smirnov distance."""
    between = farthest(product(ours, theirs))
    seeds = {m: max(farthest([ours])[m], farthest([theirs])[m]) for m in between}
    for measure, distance in between.items():
        assert distance < AS_SEEDS * seeds[measure], (measure, between, seeds)


@pytest.mark.slow
def test_a_constant_current_for_the_random_input_is_seen(theirs: list[Measured]) -> None:
    planted = of_ours(potjans_diesmann(scale=SCALE, seed=3, drive="dc"), DURATION, 1)
    seeds = farthest([theirs])
    seen = [m for m, d in farthest([(planted, theirs[0])]).items() if d > 2 * AS_SEEDS * seeds[m]]
    assert "rate" in seen
    assert "weight" not in seen


@pytest.mark.slow
def test_weights_without_their_spread_are_seen(
    theirs: list[Measured], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(microcircuit, "WEIGHT_SPREAD", 1e-9)
    planted = of_ours(potjans_diesmann(scale=SCALE, seed=3), DURATION, 1)
    seeds = farthest([theirs])
    seen = [m for m, d in farthest([(planted, theirs[0])]).items() if d > 2 * AS_SEEDS * seeds[m]]
    assert seen == ["weight"]
