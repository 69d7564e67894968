"""Events and spikes as hypothesis draws them."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from neurosim_datasets import ChannelSpikes, Events


@st.composite
def events(
    draw: Any,
    width: int | None = None,
    height: int | None = None,
    latest: int = 40_000,
    at_least: int = 0,
    ascending: bool = False,
) -> Events:
    """Draw events of a small sensor, or of one of the size given."""
    width = width or draw(st.integers(1, 5))
    height = height or draw(st.integers(1, 5))
    n = draw(st.integers(at_least, 12))

    def column(most: int) -> Any:
        return draw(hnp.arrays(np.int64, n, elements=st.integers(0, most)))

    t = column(latest)
    return Events(
        x=column(width - 1), y=column(height - 1), on=column(1) == 1,
        t=np.sort(t) if ascending else t, width=width, height=height,
    )  # fmt: skip


@st.composite
def channel_spikes(draw: Any, channels: int | None = None) -> ChannelSpikes:
    """Draw spikes of a few channels."""
    channels = channels or draw(st.integers(1, 6))
    n = draw(st.integers(0, 12))
    return ChannelSpikes(
        times=draw(hnp.arrays(np.float64, n, elements=st.floats(0, 2000))),
        units=draw(hnp.arrays(np.int64, n, elements=st.integers(0, channels - 1))),
        channels=channels,
    )
