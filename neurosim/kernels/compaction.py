"""From a mark per neuron to a list of those that fired."""

from __future__ import annotations

from typing import Any

import numpy as np

from neurosim.kernels.jit import kernel

STRIDE = 128


@kernel
def compact(n: Any, flags: Any, first_id: Any, spikes: Any) -> Any:
    """Write the global id of every neuron that fired, as often as it fired; return how many.

    n        : int64
    flags    : (>= n,) int16             spikes emitted by each neuron in this step, >= 0
    first_id : int64                     global id of the neuron at index 0
    spikes   : (>= flags.sum(),) int32, written    ids ascending, repeats adjacent
    """
    count = 0
    start = 0
    # Most stretches hold no spike: a vectorised look at all flags of one costs an eighth of testing
    # each. A length that the compiler knew would be unrolled, and indices that might be negative
    # for all it knows would be gathered one by one (both seen in the machine code).
    while start < n:
        stretch = flags[start : min(start + STRIDE, n)]
        any_fired = np.int16(0)
        for k in range(stretch.size):
            any_fired = np.int16(any_fired | stretch[k])
        if any_fired != 0:
            for k in range(stretch.size):
                for _ in range(stretch[k]):
                    spikes[count] = first_id + start + k
                    count += 1
        start += STRIDE
    return count
