"""Patterns that are learned at one sight: what fires, and what does not without each part."""

from __future__ import annotations

import numpy as np
import pytest

import neurosim as ns
from neurosim_models import OneShotPatterns, one_shot_patterns

N, ACTIVE = 300, 50


def patterns(k: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    made = np.zeros((k, N))
    for row in made:
        row[rng.choice(N, ACTIVE, replace=False)] = 1
    return made


def without(pattern: np.ndarray, missing: int) -> np.ndarray:
    """Take away the first so many spikes."""
    less = pattern.copy()
    less[np.flatnonzero(less)[:missing]] = 0
    return less


@pytest.mark.compiled
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_pattern_is_known_with_as_many_missing_as_homeostasis_allows(seed: int) -> None:
    """With rho = 0.9, 5 of 50 spikes may be missing; chance patterns are never taken for one."""
    learned = patterns(3, seed)
    model = OneShotPatterns(one_shot_patterns(inputs=N, seed=seed), rho=0.9)
    model.learn(learned)
    assert np.array_equal(model.respond(learned), np.eye(3, dtype=bool))
    for missing, known in ((1, True), (5, True), (6, False), (10, False)):
        answers = model.respond([without(p, missing) for p in learned])
        assert np.array_equal(answers, known * np.eye(3, dtype=bool))
    assert not model.respond(patterns(40, seed + 100)).any()
    assert model.weights.sum(axis=0) == pytest.approx(15 / 0.9, rel=1e-5)
    assert ((model.weights > 0) == learned.T.astype(bool)).all()


@pytest.mark.compiled
def test_without_learning_or_homeostasis_nothing_is_known() -> None:
    learned = patterns(1, 1)
    still = OneShotPatterns(one_shot_patterns(inputs=N, learning=0))
    still.learn(learned)
    assert not still.respond(learned).any()
    # Weights of 1 mV add up to 50 mV: half of a pattern is taken for all of it.
    unscaled = OneShotPatterns(one_shot_patterns(inputs=N), homeostasis=False)
    unscaled.learn(learned)
    assert unscaled.respond([without(learned[0], 30)])[0, 0]
    # The strictest factor wants all of it.
    strict = OneShotPatterns(one_shot_patterns(inputs=N), rho=1)
    strict.learn(learned)
    assert strict.respond(learned)[0, 0]
    assert not strict.respond([without(learned[0], 1)]).any()


def test_patterns_that_do_not_fit_are_refused() -> None:
    model = OneShotPatterns(one_shot_patterns(inputs=4, outputs=1))
    for wrong in (np.zeros((1, 5)), np.full((1, 4), 2.0), np.zeros(4)):
        with pytest.raises(ns.DescriptionError, match="rows of 4 zeros and ones"):
            model.respond(wrong)
    with pytest.raises(ns.DescriptionError, match="at most 1, one for each output"):
        model.learn(np.ones((2, 4)))
    with pytest.raises(ns.DescriptionError, match="rho"):
        OneShotPatterns(one_shot_patterns(inputs=4), rho=0)
    with pytest.raises(ns.DescriptionError, match="one_shot_patterns: inputs"):
        one_shot_patterns(inputs=0)
