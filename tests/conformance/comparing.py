"""When two runs are the same, and when they are alike."""

from __future__ import annotations

from typing import Any

import numpy as np

import neurosim as ns
from tests.conformance.oracle import Outcome

STATES = 1e-9
"""Largest relative difference of states that are the same: of the largest value of the trace."""


def steps_of(times: Any, dt: float) -> Any:
    """Return times on the grid as steps; refuse those that are not on it."""
    steps = np.rint(np.asarray(times) / dt).astype(np.int64)
    np.testing.assert_allclose(steps * dt, times, rtol=0, atol=1e-6 * dt)
    return steps


def spikes_of(record: Any, dt: float) -> list[tuple[int, int]]:
    """Return (step, id) of all spikes, in this order."""
    steps = steps_of(record.times, dt)
    return sorted(zip(steps.tolist(), record.ids.tolist(), strict=True))


def assert_same_shape(run: ns.Run, other: ns.Run, dt: float) -> None:
    """Check names, sizes, units, times and neurons of what was recorded."""
    assert run.name == other.name
    assert dict(run.populations) == dict(other.populations)
    np.testing.assert_allclose(run.interval, other.interval, rtol=0, atol=1e-6 * dt)
    assert list(run.spikes) == list(other.spikes)
    for name, record in other.spikes.items():
        mine = run.spikes[name]
        assert mine.size == record.size
        assert (mine.recorded is None) == (record.recorded is None)
        if record.recorded is not None:
            np.testing.assert_array_equal(mine.recorded, record.recorded)
    pairs = [*traces(run, other)]
    assert {name: set(v) for name, v in run.states.items()} == {
        name: set(v) for name, v in other.states.items()
    }
    assert set(run.weights) == set(other.weights)
    for where, mine, theirs in pairs:
        assert mine.unit == theirs.unit, where
        assert mine.reduce == theirs.reduce, where
        np.testing.assert_array_equal(mine.ids, theirs.ids, err_msg=where)
        np.testing.assert_array_equal(
            steps_of(mine.times, dt), steps_of(theirs.times, dt), err_msg=where
        )
        assert np.shape(mine.array) == np.shape(theirs.array), where


def traces(run: ns.Run, other: ns.Run) -> Any:
    """Yield (name, trace of one, trace of the other)."""
    for name, variables in other.states.items():
        for variable, trace in variables.items():
            yield f"{variable} of {name}", run.states[name][variable], trace
    for name, trace in other.weights.items():
        yield f"weights of {name}", run.weights[name], trace


def assert_same(run: ns.Run, other: ns.Run, dt: float) -> None:
    """Check that two runs have the same spikes on the grid and the same states."""
    assert_same_shape(run, other, dt)
    for name, record in other.spikes.items():
        assert spikes_of(run.spikes[name], dt) == spikes_of(record, dt), name
    for where, mine, theirs in traces(run, other):
        assert_close(mine.array, theirs.array, where)


def assert_close(mine: Any, theirs: Any, where: str) -> None:
    """Check that states agree but for rounding."""
    scale = float(np.max(np.abs(theirs), initial=0.0)) or 1.0
    np.testing.assert_allclose(mine, theirs, rtol=0, atol=STATES * scale, err_msg=where)


def assert_alike(run: ns.Run, other: ns.Run, dt: float) -> None:
    """Check that two runs agree as far as an approximation may be asked to.

    Populations fire equally often up to a fifth (and three spikes, in small networks), and means of
    states over time and neurons differ by at most a tenth of what they span.
    """
    assert_same_shape(run, other, dt)
    for name, record in other.spikes.items():
        n, m = len(run.spikes[name]), len(record)
        assert abs(n - m) <= max(3, 0.2 * m), f"{name}: {n} spikes for {m}"
    for where, mine, theirs in traces(run, other):
        if theirs.array.size:
            span = float(np.ptp(theirs.array)) or 1e-9 + abs(float(theirs.array.flat[0]))
            off = abs(float(np.mean(mine.array)) - float(np.mean(theirs.array)))
            assert off <= 0.1 * span, f"{where}: means differ by {off:g}, of {span:g}"


def assert_as_told(run: ns.Run, outcome: Outcome, dt: float) -> None:
    """Check a run from the start against the slow answer, recorder by recorder."""
    for name, record in run.spikes.items():
        kept = set(range(record.size) if record.recorded is None else record.recorded.tolist())
        expected = [(label, k) for label, k in outcome.spikes[name] if k in kept]
        assert spikes_of(record, dt) == expected, name
    for name, variables in run.states.items():
        for key, trace in variables.items():
            variable = key.removesuffix(" (mean)")
            expected = outcome.states[name, variable][steps_of(trace.times, dt)][:, trace.ids]
            if trace.reduce == "mean":
                expected = expected.mean(axis=1, keepdims=True)
            assert_close(trace.array.reshape(expected.shape), expected, f"{key} of {name}")
