"""Figures of standard networks from NEST, and the same measures of a run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import neurosim as ns
from benchmarks.references import nest_reference

FOLDER = Path(__file__).parents[2] / "benchmarks" / "references"


@cache
def reference(name: str) -> dict[str, Any]:
    """The document of that name, e.g. ``"brunel"``."""
    document: dict[str, Any] = json.loads((FOLDER / f"nest_{name}.json").read_text())
    return document


def over_seeds(summary: dict[str, Any], key: str) -> npt.NDArray[np.float64]:
    """The values of one measure, one per seed of NEST."""
    return np.array(summary["over_seeds"][key]["values"], np.float64)


def measure(
    run: ns.Run,
    populations: Sequence[str],
    start: float,
    stop: float,
    widths: Sequence[float] = (3.0,),
) -> dict[str, Any]:
    """Rate, ISI CV and Fano factors of some populations together, as they are defined for NEST.

    The very functions that made the references are used, so that windows, neurons that count and
    estimators agree; they need no NEST.
    """
    senders, times, size = [], [], 0
    for name in populations:
        spikes = run.spikes[name]
        senders.append(spikes.ids + size)
        times.append(spikes.times)
        size += spikes.size
    found: dict[str, Any] = nest_reference.measures(
        np.concatenate(senders), np.concatenate(times), size, start, stop, widths
    )
    return found


def tolerance(one: npt.NDArray[np.float64], two: npt.NDArray[np.float64], *, least: float) -> float:
    """How far the means over seeds may lie apart: 4 standard errors, at least `least` of `one`."""
    error = np.hypot(one.std(ddof=1) / one.size**0.5, two.std(ddof=1) / two.size**0.5)
    return max(4.0 * float(error), least * abs(float(one.mean())))
