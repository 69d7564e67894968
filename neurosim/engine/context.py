"""The context of an entry: one 64-bit word per field, floats as their bits."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np


class Context:
    """Words that a compiled entry reads through a pointer, and the arrays they point to.

    Parameters
    ----------
    words : iterable
        Each an int (stored as it is), a float (stored as the bits of a float64) or an array
        (stored as its address, and kept alive).
    """

    def __init__(self, words: Iterable[Any]) -> None:
        self._words = np.zeros(0, np.int64)
        self.refill(words)

    def refill(self, words: Iterable[Any]) -> None:
        """Set all words; the address stays where there are as many as before."""
        values = list(words)
        if self._words.size != max(1, len(values)):
            self._words = np.zeros(max(1, len(values)), np.int64)
        self._floats = self._words.view(np.float64)
        self._kept: dict[int, Any] = {}
        for place, value in enumerate(values):
            self.put(place, value)

    def put(self, place: int, value: Any) -> None:
        """Set one word."""
        if isinstance(value, np.ndarray):
            assert value.flags.c_contiguous
            self._words[place] = value.ctypes.data
            self._kept[place] = value
        elif isinstance(value, float):
            self._floats[place] = value
        else:
            self._words[place] = int(value)

    @property
    def size(self) -> int:
        """Number of words; an empty context has one that nobody reads."""
        return self._words.size

    @property
    def address(self) -> int:
        """What the entry is called with."""
        return int(self._words.ctypes.data)
