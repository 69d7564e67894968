"""Arrays that lie where a processor reads them best."""

from __future__ import annotations

import contextlib
import mmap
from typing import Any

import numpy as np
import numpy.typing as npt

LINE = 64
"""Bytes of a cache line. A vector that straddles two costs two accesses."""

HUGE_PAGE = 1 << 21
"""Bytes of a large page of memory: one entry of the translation cache for what is hit at random."""


def zeros(n: int, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """Return n zeros that begin on a cache line."""
    size = n * np.dtype(dtype).itemsize
    room = np.zeros(size + LINE, np.uint8)
    first = -room.ctypes.data % LINE
    return room[first : first + size].view(dtype)


def scattered_zeros(n: int, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """Return n zeros for access at random: in large pages, where the system has them to give."""
    size = n * np.dtype(dtype).itemsize
    if size < HUGE_PAGE // 4 or not hasattr(mmap, "MADV_HUGEPAGE"):
        return zeros(n, dtype)
    whole = -(-size // HUGE_PAGE) * HUGE_PAGE
    room = mmap.mmap(-1, whole + HUGE_PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    first = -np.frombuffer(room, np.uint8).ctypes.data % HUGE_PAGE
    # A wish: a system without large pages refuses it, and loses nothing but speed.
    with contextlib.suppress(OSError):
        room.madvise(mmap.MADV_HUGEPAGE, first, whole)
    return np.frombuffer(room, dtype, n, first)
