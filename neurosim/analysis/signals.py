"""What measures of continuous signals share: checked samples of several nodes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from neurosim.analysis.trains import Floats
from neurosim.errors import DescriptionError


def checked_signals(
    place: str, traces: npt.ArrayLike, *, nodes: int = 1, samples: int = 2
) -> Floats:
    """Return samples of several nodes as float64, (n_times, n_nodes).

    Raises
    ------
    DescriptionError
        If it is no such array, holds NaN or infinity, or has too few nodes or samples.
    """
    try:
        array = np.asarray(traces, dtype=np.float64)
    except (TypeError, ValueError):
        array = np.empty(0)
    if array.ndim != 2 or array.shape[0] < samples or array.shape[1] < nodes:
        raise DescriptionError(
            f"{place}.traces",
            traces,
            f"an array (n_times, n_nodes) of at least {samples} times and {nodes} nodes",
            f"Its shape is {np.shape(traces)}." if array.ndim else None,
        )
    if not np.isfinite(array).all():
        raise DescriptionError(f"{place}.traces", array, "finite values")
    return array


def checked_varying(place: str, traces: Floats) -> None:
    """Refuse nodes that never change: they have no correlation and no phase."""
    constant = np.flatnonzero(np.ptp(traces, axis=0) == 0)
    if constant.size:
        raise DescriptionError(
            f"{place}.traces",
            f"constant for {constant.size} of {traces.shape[1]} nodes, first {int(constant[0])}",
            "traces that vary in time",
            "Leave these nodes out.",
        )


def checked_interval(place: str, dt: float) -> float:
    """Return the interval between samples [ms]."""
    if isinstance(dt, bool) or not (np.isfinite(dt) and dt > 0):
        raise DescriptionError(f"{place}.dt", dt, "an interval between samples in ms above 0")
    return float(dt)


def checked_square(place: str, matrix: npt.ArrayLike) -> Floats:
    """Return a finite square matrix of at least 2 nodes as float64."""
    array = np.asarray(matrix, dtype=np.float64)
    if array.ndim != 2 or array.shape[0] != array.shape[1] or len(array) < 2:
        raise DescriptionError(place, array, "a square matrix of at least 2 nodes")
    if not np.isfinite(array).all():
        raise DescriptionError(place, array, "finite values")
    return array
