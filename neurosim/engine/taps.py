"""Recorded states of one call of a run: one array each, written by the loop."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from neurosim.engine.populations import PopulationState
from neurosim.errors import CapacityError
from neurosim.kernels import loop
from neurosim.lower.plan import Plan, PlanRecorder


def n_samples(recorder: PlanRecorder, n_steps: int) -> int:
    """Return how many samples a recorder takes in a run."""
    return n_steps // recorder.every_steps + recorder.initial


def check_recording(plan: Plan, n_steps: int, n_connections: Mapping[int, int]) -> None:
    """Refuse a run whose recorded states cannot fit into memory.

    Parameters
    ----------
    n_connections : mapping
        Index of a projection -> its connections, for recorded weights.

    Raises
    ------
    CapacityError
        With what each recorder needs, what there is, and the remedy.
    """
    needed: dict[str, int] = {}
    for recorder in plan.recorders:
        if recorder.variable == "spikes":
            continue
        if recorder.projection is not None:
            name = f"weights of '{plan.projections[recorder.projection].name}'"
            width = n_connections[recorder.projection]
        else:
            name = f"{recorder.variable} of '{plan.populations[recorder.population].name}'"
            width = 1 if recorder.reduce == "mean" else recorder.ids.size
        # Every sample is held twice for a moment: by the loop and by the result.
        needed[name] = 16 * width * n_samples(recorder, n_steps)
    total = sum(needed.values())
    if total < 1 << 28:
        return
    import psutil

    available = int(psutil.virtual_memory().available)
    if total > available:
        most = max(needed, key=needed.__getitem__)
        raise CapacityError(
            f"Recording for {n_steps * plan.dt:g} ms needs {total / 1e9:.3g} GB, "
            f"{needed[most] / 1e9:.3g} GB of them for the {most}; {available / 1e9:.3g} GB are "
            f"available. Record fewer neurons, less often (every=), the average only "
            f"(reduce='mean'), or run in pieces and save each."
        )


class Taps:
    """Arrays for the recorded states of one call of `Engine.run`.

    Attributes
    ----------
    table : (n, loop.V_WIDTH) int64
        What the loop reads, and counts samples in.
    """

    def __init__(self, plan: Plan, neurons: Mapping[int, PopulationState], n_steps: int) -> None:
        self._recorders = [
            r
            for r in plan.recorders
            if r.variable not in ("spikes", "weight") and r.population in neurons
        ]
        self.table = np.zeros((len(self._recorders), loop.V_WIDTH), np.int64)
        self._kept: list[np.ndarray] = []
        self._samples: list[np.ndarray] = []
        for k, recorder in enumerate(self._recorders):
            rows = neurons[recorder.population].states[recorder.variable]
            local = (recorder.ids - plan.populations[recorder.population].offset).astype(np.int32)
            mean = recorder.reduce == "mean"
            array = np.empty((n_samples(recorder, n_steps), 1 if mean else local.size))
            if recorder.initial:
                now = rows[local].astype(np.float64)
                array[0] = now.mean() if mean else now
            self._kept.append(local)
            self._samples.append(array)
            self.table[k, loop.V_ADDRESS] = rows.ctypes.data
            self.table[k, loop.V_SINGLE] = rows.dtype == np.float32
            self.table[k, loop.V_IDS] = local.ctypes.data
            self.table[k, loop.V_COUNT] = local.size
            self.table[k, loop.V_EVERY] = recorder.every_steps
            self.table[k, loop.V_BUFFER] = array.ctypes.data
            self.table[k, loop.V_SAMPLES] = recorder.initial
            self.table[k, loop.V_MEAN] = mean

    def samples(self) -> dict[int, np.ndarray]:
        """Return what was sampled so far, by recorder index: (n_samples, n) float64."""
        return {
            r.index: self._samples[k][: self.table[k, loop.V_SAMPLES]]
            for k, r in enumerate(self._recorders)
        }
