"""From flags to ids."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from neurosim.kernels.compaction import compact


@given(
    n=st.integers(0, 200),
    seed=st.integers(0, 2**32 - 1),
    share=st.sampled_from([0.0, 0.01, 0.3, 1.0]),
    first_id=st.integers(0, 2**31 - 300),
)
def test_is_repeat(n: int, seed: int, share: float, first_id: int) -> None:
    """Every id as often as its flag says; nothing beyond n is read, nothing beyond is written."""
    random = np.random.default_rng(seed)
    flags = random.integers(1, 4, n + 5).astype(np.int16)
    flags[random.random(n + 5) >= share] = 0
    flags[n:] = 9
    expected = np.repeat(first_id + np.arange(n), flags[:n])
    spikes = np.full(expected.size + 3, -1, np.int32)
    assert compact(n, flags, first_id, spikes) == expected.size
    assert spikes[: expected.size].tolist() == expected.tolist()
    assert (spikes[expected.size :] == -1).all()
