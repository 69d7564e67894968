"""A short evolution strategy: for networks whose parameters have no gradient."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from neurosim.describe.checks import to_int
from neurosim.errors import DescriptionError
from neurosim.units import to_scalar

Floats = npt.NDArray[np.float64]


class EvolutionStrategy:
    """An evolution strategy with recombination and cumulative adaptation of its step.

    Candidates are drawn around a mean, in pairs that mirror each other. The better half moves the
    mean, the best most; the step grows while moves agree with each other, and shrinks while they
    do not: the strategy that CMA-ES becomes without its matrix.

    Parameters
    ----------
    start : (n,) array
        First mean.
    step : float
        First standard deviation.
    candidates : int
        In each generation; even, 4 or more.
    seed : int

    Attributes
    ----------
    mean : (n,) float64
    step : float

    Examples
    --------
    >>> strategy = EvolutionStrategy([1.0, 1.0], step=0.3, candidates=8, seed=1)
    >>> for _ in range(100):
    ...     strategy.tell((strategy.ask() ** 2).sum(axis=1))
    >>> bool((abs(strategy.mean) < 1e-6).all())
    True

    Source: Hansen, Arnold & Auger (2015), Evolution strategies, Springer Handbook of Computational
    Intelligence, section 4: (mu/mu, lambda)-ES with cumulative step-size adaptation; mirrored
    samples: Brockhoff et al. (2010), PPSN XI.
    """

    def __init__(self, start: Any, *, step: float, candidates: int, seed: int) -> None:
        self.mean = np.array(start, np.float64)
        if self.mean.ndim != 1 or not self.mean.size or not np.isfinite(self.mean).all():
            raise DescriptionError("EvolutionStrategy: start", start, "a list of finite numbers")
        self.step = to_scalar(step, "1", "EvolutionStrategy: step", above=0)
        self.candidates = to_int(candidates, "EvolutionStrategy: candidates", at_least=4)
        if self.candidates % 2:
            raise DescriptionError("EvolutionStrategy: candidates", candidates, "an even number")
        self._rng = np.random.default_rng(seed)
        kept = self.candidates // 2
        weights = np.log(kept + 0.5) - np.log(np.arange(1, kept + 1))
        self._weights = weights / weights.sum()
        self._effective = 1 / (self._weights**2).sum()
        n = self.mean.size
        self._memory = (self._effective + 2) / (n + self._effective + 5)
        self._damping = 1 + self._memory
        self._usual = np.sqrt(n) * (1 - 1 / (4 * n) + 1 / (21 * n**2))  # length of a normal vector
        self._path = np.zeros(n)
        self._drawn: Floats | None = None

    def ask(self) -> Floats:
        """Return the candidates of a generation, (candidates, n)."""
        half = self._rng.standard_normal((self.candidates // 2, self.mean.size))
        self._drawn = np.concatenate([half, -half])
        return self.mean + self.step * self._drawn

    def tell(self, costs: Any) -> None:
        """Take in what each candidate costs, (candidates,), and move."""
        told = np.asarray(costs, np.float64)
        if told.shape != (self.candidates,) or np.isnan(told).any():
            raise DescriptionError(
                "EvolutionStrategy: costs", costs, f"{self.candidates} numbers, none of them NaN"
            )
        if self._drawn is None:
            raise DescriptionError("EvolutionStrategy: costs", costs, "ask() before tell()")
        best = np.argsort(told, kind="stable")[: self._weights.size]
        move = self._weights @ self._drawn[best]
        self.mean = self.mean + self.step * move
        # Of mirrored pairs mostly one is kept: moves are as long as of as many independent draws.
        c = self._memory
        self._path = (1 - c) * self._path + np.sqrt(c * (2 - c) * self._effective) * move
        length = float(np.linalg.norm(self._path))
        self.step *= float(np.exp(c / self._damping * (length / self._usual - 1)))
        self._drawn = None
