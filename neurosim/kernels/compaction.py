"""From a mark per neuron to a list of those that fired."""

from __future__ import annotations

from typing import Any

from neurosim.kernels.jit import kernel

STRIDE = 64


@kernel
def compact(n: Any, flags: Any, first_id: Any, spikes: Any) -> Any:
    """Write the global id of every neuron that fired, as often as it fired; return how many.

    n        : int64
    flags    : (>= n,) int32             spikes emitted by each neuron in this step, >= 0
    first_id : int64                     global id of the neuron at index 0
    spikes   : (>= flags.sum(),) int32, written    ids ascending, repeats adjacent
    """
    count = 0
    start = 0
    # Most stretches hold no spike: one vectorised look at 64 flags at a time costs an eighth of
    # testing each.
    while start + STRIDE <= n:
        any_fired = 0
        for k in range(STRIDE):
            any_fired |= flags[start + k]
        if any_fired != 0:
            for k in range(start, start + STRIDE):
                for _ in range(flags[k]):
                    spikes[count] = first_id + k
                    count += 1
        start += STRIDE
    for k in range(start, n):
        for _ in range(flags[k]):
            spikes[count] = first_id + k
            count += 1
    return count
