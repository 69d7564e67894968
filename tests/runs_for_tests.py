"""Runs made of random numbers, for tests of what reads runs."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from neurosim.results import Run, SpikeRecord, Trace

STEPS, DT = 200, 0.1


def spike_record(**parts: Any) -> SpikeRecord:
    """Return a record of anything that its constructor takes, lists included."""
    return SpikeRecord(**parts)


def make_trace(**parts: Any) -> Trace:
    """Return a trace of anything that its constructor takes, lists included."""
    return Trace(**parts)


def make_run(
    seed: int = 0,
    *,
    start: int = 0,
    steps: int = STEPS,
    n_spikes: int = 40,
    initial: bool = False,
    **changes: Any,
) -> Run:
    """Return a run on the grid of dt = 0.1 ms, steps start + 1 .. start + steps."""
    rng = np.random.default_rng([seed, start])
    interval = (start * DT, (start + steps) * DT)

    def spikes(size: int, recorded: Any = None) -> SpikeRecord:
        labels = np.sort(rng.integers(start + 1, start + steps + 1, n_spikes))
        ids = rng.choice(np.arange(size) if recorded is None else recorded, n_spikes)
        return spike_record(
            times=labels * DT, ids=ids, size=size, interval=interval, recorded=recorded
        )

    def trace(ids: Any, unit: str, every: int, dtype: Any = np.float64, **more: Any) -> Trace:
        labels = np.arange(start + (0 if initial else every), start + steps + 1, every)
        columns = 1 if more else len(ids)
        array = rng.normal(-60, 5, (labels.size, columns)).astype(dtype)
        return make_trace(array=array, times=labels * DT, ids=ids, unit=unit, **more)

    parts: dict[str, Any] = {
        "name": "test",
        "interval": interval,
        "populations": {"input": 3, "exc": 7, "inh/1 é": 4},
        "spikes": {"exc": spikes(7), "inh/1 é": spikes(4, np.array([0, 2, 3]))},
        "states": {
            "exc": {
                "V_m": trace([0, 2, 5], "mV", 10),
                "I_exc": trace([1], "pA", 25, np.float32),
                "w": trace(np.arange(7), "pA", 50, reduce="mean"),
            },
            "inh/1 é": {"V_m": trace([3], "mV", 10)},
        },
        "weights": {"exc->exc": trace(np.arange(12), "pA", 100)},
        "provenance": {
            "seed": 3,
            "dt": DT,
            "backend": "cpu",
            "versions": {"numpy": "2.3"},
            "wall_time": 0.25 + start,
            "nothing": None,
        },
        "colours": {"inh/1 é": "purple"},
    }
    return Run(**(parts | changes))


@st.composite
def runs(draw: st.DrawFn) -> Run:
    """Runs of different lengths, starts and numbers of spikes."""
    return make_run(
        draw(st.integers(0, 2**32)),
        start=draw(st.sampled_from([0, 7, 1000, 12_345_678])),
        steps=draw(st.integers(1, 300)),
        n_spikes=draw(st.integers(0, 60)),
        initial=draw(st.booleans()),
    )
