"""Couplings that are stored as patterns and never as weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from neurosim.describe.interactions import Interaction, Linear
from neurosim.describe.patterns import Patterns
from neurosim.describe.population import Selectable, kind
from neurosim.describe.rules import Rule
from neurosim.errors import DescriptionError, brief
from neurosim.explained import explained
from neurosim.units import to_float

Floats: TypeAlias = npt.NDArray[np.float64]

MOST = 1 << 36
"""Largest number of patterns times units: sums of overlaps are kept in 32 lanes of 32 bits."""


PAIRS = Linear()
"""What couples if nothing else is said."""


@explained
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class PatternCoupling(Rule):
    """Couples all units of a population through patterns; no weight is ever stored.

    A field costs one pass over the patterns' overlaps with the present state, which follow every
    flip: O(K N) for a sweep of N units and K patterns, whatever the interaction. Memory is a bit
    per entry of a pattern, twice.

    Attributes
    ----------
    patterns : (K, N) array of -1 and 1 (and 0), or Patterns
    interaction : Linear, Polynomial or ExponentialInteraction
        How overlaps make an energy. No unit is coupled to itself.
    weights : (K,) array, optional
        Factor of each pattern's part of the energy; 1 where left out.

    Unsupervised learning from examples stores all of them as patterns.
    """

    patterns: Any
    interaction: Interaction = PAIRS
    weights: Any = None

    def __post_init__(self) -> None:
        name = "PatternCoupling"
        object.__setattr__(self, "patterns", Patterns.of(self.patterns, f"{name}.patterns"))
        if isinstance(self.interaction, type) or not isinstance(self.interaction, Interaction):
            raise DescriptionError(
                f"{name}.interaction", self.interaction,
                "Linear(), Polynomial(n) or ExponentialInteraction()",
            )  # fmt: skip
        number, size = self.patterns.number, self.patterns.size
        if number * size >= MOST:
            raise DescriptionError(
                f"{name}.patterns", self.patterns, f"fewer than {MOST:,} entries in all"
            )
        if self.weights is not None:
            weights = np.atleast_1d(to_float(self.weights, "1", f"{name}.weights"))
            if weights.shape != (number,):
                raise DescriptionError(
                    f"{name}.weights", self.weights, f"{number} numbers, one per pattern"
                )
            weights = np.array(weights, np.float64)
            weights.setflags(write=False)
            object.__setattr__(self, "weights", weights)

    def check(self, pre: Selectable, post: Selectable, place: str) -> None:
        """Refuse anything but one whole population of as many units, with itself."""
        whole = "the same whole population for pre and post"
        for word, view in (("pre", pre), ("post", post)):
            if len(view.segments) != 1:
                raise DescriptionError(f"{place}: {word}", view, whole)
        population, indices = pre.segments[0]
        other, others = post.segments[0]
        every = np.arange(population.size)
        if other is not population:
            raise DescriptionError(f"{place}: post", post, whole)
        for word, view, chosen in (("pre", pre, indices), ("post", post, others)):
            if not np.array_equal(chosen, every):
                raise DescriptionError(
                    f"{place}: {word}", view, whole, "Patterns for some units hold 0 elsewhere."
                )
        if getattr(population.model, "values", None) != (-1, 1):
            raise DescriptionError(
                f"{place}: pre", f"{kind(population.model)} units {population!r}",
                "binary units with the values (-1, 1)",
            )  # fmt: skip
        if self.patterns.size != population.size:
            transposed = self.patterns.number == population.size
            raise DescriptionError(
                f"{place}: PatternCoupling.patterns",
                f"patterns of {self.patterns.size} units", f"{population.size} units",
                "They have this size if transposed: one pattern per row." if transposed else None,
            )  # fmt: skip

    def check_strength(self, weight: Any, delay: Any, place: str) -> None:
        """Refuse weights of single connections and delays: there are no connections."""
        if not isinstance(weight, float):
            raise DescriptionError(
                f"{place}: weight", brief(weight), "one number, a factor of the field",
                "Patterns have factors of their own: PatternCoupling(patterns, weights=...).",
            )  # fmt: skip
        if delay is not None:
            raise DescriptionError(f"{place}: delay", brief(delay), "None: states are read live")

    def source_of(self, pre: Selectable, source: str | None) -> str | None:
        """Return the state that is read: `s` unless another is named."""
        return "s" if source is None else source

    def expected_connections(self, pre: Selectable, post: Selectable) -> float:
        """Return the number of pairs it stands for."""
        return float(len(pre)) * (len(pre) - 1)

    @property
    def stored_bytes(self) -> float:
        """Memory of the core: the bits of patterns, and of units, and what is kept of overlaps."""
        patterns: Patterns = self.patterns
        bits = 2.0 if patterns.negative is not None else 1.0
        rows = 8.0 * -(-patterns.number // 64) * patterns.size * bits
        return patterns.nbytes + rows + 16.0 * patterns.number

    def overlaps(self, s: Any) -> npt.NDArray[Any]:
        """Return sum_i xi_i s_i of every pattern, for a state of -1 and 1: (K,) int64."""
        patterns: Patterns = self.patterns
        return patterns.overlaps(self._state(s, "overlaps"))

    def energy(self, s: Any) -> float:
        """Return the energy of a state of -1 and 1.

        Exact but for one rounding at the end where there are no `weights` and the interaction is no
        exponential: of two states the one with the lower energy never seems to have the higher.
        """
        patterns: Patterns = self.patterns
        overlaps = patterns.overlaps(self._state(s, "energy"))
        return self.interaction.energy(overlaps, patterns.actives(), patterns.size, self.weights)

    def fields(self, s: Any) -> Floats:
        """Return the field of every unit in a state of -1 and 1, that of itself left out: (N,)."""
        state = self._state(s, "fields").astype(np.float64)
        actives = self.patterns.actives()
        total = np.zeros(self.patterns.size)
        for first, rows in self.patterns.chunks():
            entries = rows.astype(np.float64)
            part = slice(first, first + len(rows))
            others = (entries @ state)[:, np.newaxis] - entries * state
            pull = self.interaction.pull(others, actives[part, np.newaxis], self.patterns.size)
            if self.weights is not None:
                pull = pull * self.weights[part, np.newaxis]
            total += (entries * pull).sum(axis=0)
        return total * self.interaction.field_scale(self.patterns.size)

    def _state(self, s: Any, method: str) -> npt.NDArray[np.int64]:
        place = f"PatternCoupling.{method}: s"
        state = np.asarray(s)
        if state.shape != (self.patterns.size,):
            raise DescriptionError(place, brief(s), f"({self.patterns.size},) values of -1 and 1")
        wrong = ~((state == 1) | (state == -1))
        if wrong.any():
            raise DescriptionError(place, state[wrong][0], "-1 or 1")
        return state.astype(np.int64)

    def __repr__(self) -> str:
        how = "" if isinstance(self.interaction, Linear) else f", {self.interaction!r}"
        weights = "" if self.weights is None else f", {len(self.weights)} weights"
        return f"PatternCoupling({self.patterns!r}{how}{weights})"
