"""Patterns of -1 and +1 (and 0), one bit or two each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from neurosim.describe.checks import Ints, to_int
from neurosim.errors import DescriptionError
from neurosim.explained import explained

Bits: TypeAlias = npt.NDArray[np.int64]
Signs: TypeAlias = npt.NDArray[np.int8]

CHUNK = 1 << 24
"""Entries of patterns that are unpacked at once."""


@explained
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Patterns:
    """Patterns in bits: unit i of pattern k is bit i % 64 of word i // 64 of row k.

    An (n_patterns, size) array of -1, 0 and 1 is packed by ``Patterns.of``; this is for those that
    are packed already.

    Attributes
    ----------
    size : int
        Units of a pattern.
    positive : (n_patterns, ceil(size / 64)) int64
        Where a pattern is +1. Bits beyond `size` are 0.
    negative : the same, or None
        Where it is -1; None: wherever it is not +1.
    """

    size: int
    positive: Bits
    negative: Bits | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", to_int(self.size, "Patterns.size", at_least=1))
        for name in ("positive", "negative"):
            bits = getattr(self, name)
            if bits is not None:
                object.__setattr__(self, name, self._words(bits, f"Patterns.{name}"))
        if self.negative is None:
            return
        if self.negative.shape != self.positive.shape:
            raise DescriptionError(
                "Patterns.negative", self.negative.shape, f"the shape {self.positive.shape}"
            )
        if (self.negative & self.positive).any():
            raise DescriptionError(
                "Patterns.negative", "a bit", "bits that are not set in positive, too"
            )

    def _words(self, bits: Any, place: str) -> Bits:
        given = np.asarray(bits)
        width = -(-self.size // 64)
        if given.dtype.kind not in "iu" or given.dtype.itemsize != 8:
            raise DescriptionError(place, given.dtype, "words of 64 bits (int64 or uint64)")
        if given.ndim != 2 or given.shape[1] != width or not given.shape[0]:
            raise DescriptionError(place, given.shape, f"(n_patterns, {width})")
        words: Bits = np.array(given, order="C", copy=given.flags.writeable or None).view(np.int64)
        if self.size % 64 and (words[:, -1].view(np.uint64) >> np.uint64(self.size % 64)).any():
            raise DescriptionError(place, "a bit", f"zeros beyond the {self.size} units")
        words.setflags(write=False)
        return words

    @classmethod
    def of(cls, array: Any, place: str = "Patterns.of: array") -> Patterns:
        """Pack an (n_patterns, size) array of -1 and 1, or of -1, 0 and 1.

        Raises
        ------
        DescriptionError
            If the array has another shape or other entries.
        """
        if isinstance(array, Patterns):
            return array
        try:
            given = np.asarray(array)
        except ValueError:
            raise DescriptionError(place, array, "an array", "Rows differ in length.") from None
        if given.ndim != 2 or 0 in given.shape or given.dtype.kind not in "iuf":
            raise DescriptionError(place, given, "an array (n_patterns, size) of -1 and 1 (and 0)")
        n, size = given.shape
        positive = np.zeros((n, -(-size // 64)), np.int64)
        negative = np.zeros_like(positive)
        diluted = False
        step = max(1, CHUNK // size)
        for k in range(0, n, step):
            rows = given[k : k + step]
            up, down = rows == 1, rows == -1
            strange = ~(up | down | (rows == 0))
            if strange.any():
                at = np.argwhere(strange)[0]
                raise DescriptionError(
                    f"{place}, pattern {k + at[0]}, unit {at[1]}", rows[tuple(at)], "-1 or 1 (or 0)"
                )
            positive[k : k + step] = _packed(up)
            negative[k : k + step] = _packed(down)
            diluted |= not (up | down).all()
        if diluted and not negative.any():
            raise DescriptionError(
                place, given, "patterns of -1 and 1",
                "These hold 0 and 1 only: 2 * patterns - 1 are the same in -1 and 1.",
            )  # fmt: skip
        for own in (positive, negative):
            own.setflags(write=False)
        return cls(size, positive, negative if diluted else None)

    @property
    def number(self) -> int:
        """How many patterns there are."""
        return len(self.positive)

    @property
    def nbytes(self) -> int:
        """Bytes of the bits."""
        return self.positive.nbytes + (0 if self.negative is None else self.negative.nbytes)

    def dense(self, first: int = 0, last: int | None = None) -> Signs:
        """Return patterns first .. last - 1 as an (n, size) array of -1, 0 and 1."""
        rows = slice(first, last)
        up = _unpacked(self.positive[rows], self.size)
        if self.negative is None:
            return np.int8(2) * up - np.int8(1)
        return up - _unpacked(self.negative[rows], self.size)

    def chunks(self) -> Any:
        """Yield (first, (n, size) int8) of all patterns, some at a time."""
        step = max(1, CHUNK // self.size)
        for first in range(0, self.number, step):
            yield first, self.dense(first, first + step)

    def overlaps(self, s: Any) -> npt.NDArray[Any]:
        """Return sum_i xi_i s_i of every pattern: (n_patterns,), int64 where `s` is whole."""
        state = np.asarray(s)
        whole = state.dtype.kind in "iu"
        # Sums of whole numbers below 2^53 are exact in float64, which has a fast product.
        found = [rows.astype(np.float64) @ state.astype(np.float64) for _, rows in self.chunks()]
        sums: npt.NDArray[Any] = np.concatenate(found)
        return sums.astype(np.int64) if whole else sums

    def actives(self) -> Ints:
        """Return how many entries of every pattern are not 0: (n_patterns,)."""
        if self.negative is None:
            return np.full(self.number, self.size, np.int64)
        # Of signed numbers numpy counts the bits of the absolute value.
        active = np.bitwise_count((self.positive | self.negative).view(np.uint64))
        return np.asarray(active.sum(axis=1, dtype=np.int64))

    def __repr__(self) -> str:
        diluted = ", diluted" if self.negative is not None else ""
        return f"{self.number:,} patterns of {self.size:,} units{diluted}"


def _packed(flags: npt.NDArray[np.bool_]) -> Bits:
    n, size = flags.shape
    room = np.zeros((n, 8 * -(-size // 64)), np.uint8)
    packed = np.packbits(flags, axis=1, bitorder="little")
    room[:, : packed.shape[1]] = packed
    return room.view("<i8").astype(np.int64, copy=False)


def _unpacked(words: Bits, size: int) -> Signs:
    octets = np.ascontiguousarray(words).astype("<i8", copy=False).view(np.uint8)
    return np.unpackbits(octets, axis=1, count=size, bitorder="little").view(np.int8)
