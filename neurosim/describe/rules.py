"""Connection rules: who is connected to whom.

`pre` and `post` are populations or views. Counts are over the whole view, also where it spans
several populations; an autapse is a connection of a neuron to itself; a multapse is more than one
connection between the same pair.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from neurosim.describe.checks import check_bool, to_int, to_ints
from neurosim.describe.population import Selectable
from neurosim.errors import DescriptionError
from neurosim.explained import explained
from neurosim.units import to_scalar

Floats: TypeAlias = npt.NDArray[np.float64]


@explained
@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """Base of all rules."""

    def check(self, pre: Selectable, post: Selectable, place: str) -> None:
        """Refuse two sets of neurons between which the rule cannot be carried out.

        Raises
        ------
        DescriptionError
            Naming `place`, the projection.
        """

    def check_strength(self, weight: Any, delay: Any, place: str) -> None:
        """Refuse checked weights and delays that the rule has no place for."""

    def source_of(self, pre: Selectable, source: str | None) -> str | None:
        """Return the state that is read, as the user wrote it or as the rule implies."""
        return source

    def expected_connections(self, pre: Selectable, post: Selectable) -> float:
        """Return the expected number of connections."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


@explained
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class AllToAll(Rule):
    """Every neuron of `pre` to every neuron of `post`, once.

    Attributes
    ----------
    autapses : bool
        Whether neurons connect to themselves.
    """

    autapses: bool = True

    def __post_init__(self) -> None:
        check_bool(self.autapses, "AllToAll.autapses")

    def expected_connections(self, pre: Selectable, post: Selectable) -> float:
        """Return the number of connections."""
        return len(pre) * len(post) - (0 if self.autapses else n_shared(pre, post))


@explained
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class OneToOne(Rule):
    """The k-th neuron of `pre` to the k-th of `post`; both have the same size."""

    def check(self, pre: Selectable, post: Selectable, place: str) -> None:
        """Refuse sets of different sizes."""
        if len(pre) != len(post):
            raise DescriptionError(
                f"{place}: sizes for OneToOne", (len(pre), len(post)), "equally many neurons"
            )

    def expected_connections(self, pre: Selectable, post: Selectable) -> float:
        """Return the number of connections."""
        return len(pre)


@explained
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class FixedProbability(Rule):
    """Every pair is connected independently with the same probability, never more than once.

    Attributes
    ----------
    probability : float
        From 0 to 1.
    autapses : bool
        Whether a neuron may connect to itself.
    """

    probability: float
    autapses: bool = True

    def __post_init__(self) -> None:
        place = "FixedProbability.probability"
        probability = to_scalar(self.probability, "1", place, at_least=0, at_most=1)
        object.__setattr__(self, "probability", probability)
        check_bool(self.autapses, "FixedProbability.autapses")

    def expected_connections(self, pre: Selectable, post: Selectable) -> float:
        """Return probability times pairs."""
        return self.probability * AllToAll(self.autapses).expected_connections(pre, post)

    def __repr__(self) -> str:
        return f"FixedProbability({self.probability:g})"


@explained
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class _FixedNumber(Rule):
    """What the three rules with fixed numbers share.

    Attributes
    ----------
    number : int, or array of int
    autapses : bool
        Whether a neuron may connect to itself.
    multapses : bool
        Whether a pair may be connected more than once.
    """

    number: Any
    autapses: bool = True
    multapses: bool = True

    def __post_init__(self) -> None:
        name = type(self).__name__
        if isinstance(self.number, (list, tuple)) or getattr(self.number, "ndim", None):
            object.__setattr__(self, "number", to_ints(self.number, f"{name}.number"))
        else:
            object.__setattr__(self, "number", to_int(self.number, f"{name}.number"))
        check_bool(self.autapses, f"{name}.autapses")
        check_bool(self.multapses, f"{name}.multapses")

    def __repr__(self) -> str:
        shown = self.number if isinstance(self.number, int) else f"{self.number.size} numbers"
        return f"{type(self).__name__}({shown})"

    def _check_per_neuron(
        self, own: Selectable, partners: Selectable, place: str, word: str
    ) -> None:
        """Refuse numbers of the wrong shape, or of partners that do not exist."""
        where = f"{place}: {type(self).__name__}.number"
        if not isinstance(self.number, int) and self.number.shape != (len(own),):
            raise DescriptionError(where, self.number, f"one number, or {len(own)}, one per neuron")
        available = np.full(len(own), len(partners))
        if not self.autapses:
            available -= np.isin(own.ids, partners.ids)
        wanted = np.broadcast_to(self.number, len(own))
        impossible = (wanted > available) if not self.multapses else (wanted > 0) & (available == 0)
        if impossible.any():
            k = int(np.flatnonzero(impossible)[0])
            raise DescriptionError(
                where,
                int(wanted[k]),
                f"at most {int(available[k])}, the number of possible {word}",
                None if self.multapses else "Or allow several per pair: multapses=True.",
            )

    def _per_neuron_total(self, own: Selectable) -> float:
        return float(np.broadcast_to(self.number, len(own)).sum())


@explained
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class FixedIndegree(_FixedNumber):
    """Every neuron of `post` receives the same number of connections, from sources at random.

    Attributes
    ----------
    number : int, or (n_post,) int array
        Connections per target.
    autapses : bool
        Whether a neuron may connect to itself.
    multapses : bool
        Whether a pair may be connected more than once (sources drawn with replacement).
    """

    def check(self, pre: Selectable, post: Selectable, place: str) -> None:
        """Refuse more sources than there are."""
        self._check_per_neuron(post, pre, place, "sources")

    def expected_connections(self, pre: Selectable, post: Selectable) -> float:
        """Return the number of connections."""
        return self._per_neuron_total(post)


@explained
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class FixedOutdegree(_FixedNumber):
    """Every neuron of `pre` makes the same number of connections, to targets at random.

    Attributes
    ----------
    number : int, or (n_pre,) int array
        Connections per source.
    autapses : bool
        Whether a neuron may connect to itself.
    multapses : bool
        Whether a pair may be connected more than once (targets drawn with replacement).
    """

    def check(self, pre: Selectable, post: Selectable, place: str) -> None:
        """Refuse more targets than there are."""
        self._check_per_neuron(pre, post, place, "targets")

    def expected_connections(self, pre: Selectable, post: Selectable) -> float:
        """Return the number of connections."""
        return self._per_neuron_total(pre)


@explained
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class FixedTotalNumber(_FixedNumber):
    """A fixed number of connections, each between a pair at random.

    Attributes
    ----------
    number : int
        Connections in all.
    autapses : bool
        Whether a neuron may connect to itself.
    multapses : bool
        Whether a pair may be connected more than once (pairs drawn with replacement).
    """

    def check(self, pre: Selectable, post: Selectable, place: str) -> None:
        """Refuse more connections than pairs, where each can have one only."""
        if not isinstance(self.number, int):
            raise DescriptionError(f"{place}: FixedTotalNumber.number", self.number, "one number")
        pairs = int(AllToAll(self.autapses).expected_connections(pre, post))
        if self.number > pairs and (not self.multapses or pairs == 0):
            raise DescriptionError(
                f"{place}: FixedTotalNumber.number",
                self.number,
                f"at most {pairs}, the number of pairs",
                None if self.multapses else "Or allow several per pair: multapses=True.",
            )

    def expected_connections(self, pre: Selectable, post: Selectable) -> float:
        """Return the number of connections."""
        return float(self.number)


def n_shared(pre: Selectable, post: Selectable) -> int:
    """Return how many neurons are in both."""
    return len(np.intersect1d(pre.ids, post.ids, assume_unique=True))
