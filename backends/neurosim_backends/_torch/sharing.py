"""Work of compiled kernels, divided among as many threads as PyTorch may use; its memory."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import torch

KNOWN = {torch.float32: np.float32, torch.float64: np.float64}

WORTH_THREADS = 1 << 17
"""Numbers from which on work is divided: handing over takes 50 us."""


@cache
def _threads(process: int, number: int) -> ThreadPoolExecutor:
    # Of this process: a fork has none of its parent's threads.
    return ThreadPoolExecutor(number, "neurosim-torch")


def empty(like: torch.Tensor, shape: tuple[int, ...]) -> torch.Tensor:
    """Return a tensor that is not filled yet, as ``like.new_empty(shape)``.

    On a CPU from numpy, which asks for large pages: first touching 26 MB in small ones costs as
    much as filling them twice.
    """
    if like.device.type != "cpu" or like.dtype not in KNOWN:
        return like.new_empty(shape)
    return torch.from_numpy(np.empty(shape, KNOWN[like.dtype]))


def in_shares(work: Callable[[int, int], Any], size: int, numbers: int) -> None:
    """Call work(first, last) for shares of range(size), at once where it is worth it.

    Parameters
    ----------
    work : callable
        Of compiled code that lets go of Python's lock.
    size : int
    numbers : int
        How many numbers are worked on in all.
    """
    threads = min(torch.get_num_threads(), size)
    if threads < 2 or numbers < WORTH_THREADS:
        work(0, size)
        return
    bounds = [size * k // threads for k in range(threads + 1)]
    pool = _threads(os.getpid(), threads - 1)
    others = [pool.submit(work, a, b) for a, b in pairwise(bounds[1:])]
    work(bounds[0], bounds[1])
    for other in others:
        other.result()
