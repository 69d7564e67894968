"""Functional connectivity of continuous signals: correlations, their dynamics, and structure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from neurosim.analysis.signals import (
    checked_interval,
    checked_signals,
    checked_square,
    checked_varying,
)
from neurosim.analysis.trains import Floats, checked_number
from neurosim.errors import DescriptionError


def functional_connectivity(traces: npt.ArrayLike) -> Floats:
    """Return Pearson's correlation of every pair, (n_nodes, n_nodes), ones on the diagonal.

    Parameters
    ----------
    traces : (n_times, n_nodes) float
        One column per node, e.g. ``run.states["cortex"]["E"].array``.

    Raises
    ------
    DescriptionError
        With fewer than 2 times or nodes, NaN, or a node that never changes: it correlates with
        nothing.
    """
    array = checked_signals("functional_connectivity", traces, nodes=2)
    checked_varying("functional_connectivity", array)
    return _correlations(array)


def _correlations(traces: Floats) -> Floats:
    """Return the matrix of correlations, exactly symmetric, within [-1, 1]."""
    centred = traces - traces.mean(axis=0)
    # Scaled before multiplying: signals of 1e-200 would vanish in their squares.
    centred /= np.abs(centred).max(axis=0)
    units = centred / np.sqrt((centred**2).sum(axis=0))
    matrix: Floats = np.clip(units.T @ units, -1.0, 1.0)
    matrix = (matrix + matrix.T) / 2
    np.fill_diagonal(matrix, 1.0)
    return matrix


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LaggedConnectivity:
    """Strongest correlation of every pair over lags, and where it lies.

    Attributes
    ----------
    correlation : (n, n) float64
        At [i, j]: Pearson's coefficient of largest absolute value between node i and node j
        read `lag[i, j]` later. Its transpose holds the same pair seen from j.
    lag : (n, n) float64
        [ms]; positive where j follows i.
    """

    correlation: Floats
    lag: Floats


def lagged_connectivity(traces: npt.ArrayLike, *, dt: float, max_lag: float) -> LaggedConnectivity:
    """Return the strongest correlation of every pair over lags of up to `max_lag`.

    At lag s the samples x_i(t) and x_j(t + s) that both exist are correlated, with their own
    means and variances: T - |s| / dt of T samples. Of equal correlations the shortest lag counts.

    Parameters
    ----------
    traces : (n_times, n_nodes) float
    dt : float
        Interval between samples [ms].
    max_lag : float
        Longest lag [ms], at most half of the recording.

    Raises
    ------
    DescriptionError
        For lags that are too long, NaN, or where a node does not vary within the samples left.
    """
    place = "lagged_connectivity"
    array = checked_signals(place, traces, nodes=2, samples=4)
    checked_varying(place, array)
    step = checked_interval(place, dt)
    n_times, n = array.shape
    if not (np.isfinite(max_lag) and 0 <= max_lag <= step * n_times / 2):
        expected = f"a lag from 0 to half of the recording, {step * n_times / 2:g} ms"
        raise DescriptionError(f"{place}.max_lag", max_lag, expected)
    best = _correlations(array)
    lag = np.zeros((n, n))
    for k in range(1, int(max_lag / step + 1e-9) + 1):
        early, late = array[:-k], array[k:]
        checked_varying(place, early)
        checked_varying(place, late)
        forward = _cross_correlations(early, late)
        # [i, j] of the transpose: j leads i, so j is read earlier.
        for value, sign in ((forward, 1.0), (forward.T, -1.0)):
            stronger = np.abs(value) > np.abs(best)
            best = np.where(stronger, value, best)
            lag = np.where(stronger, sign * k * step, lag)
    return LaggedConnectivity(correlation=best, lag=lag)


def _cross_correlations(first: Floats, second: Floats) -> Floats:
    """Return the correlation of every column of `first` with every column of `second`."""
    units = []
    for array in (first, second):
        centred = array - array.mean(axis=0)
        centred /= np.abs(centred).max(axis=0)
        units.append(centred / np.sqrt((centred**2).sum(axis=0)))
    matrix: Floats = np.clip(units[0].T @ units[1], -1.0, 1.0)
    return matrix


def fc_sc_correlation(
    functional: npt.ArrayLike, structural: npt.ArrayLike, *, connected_only: bool = False
) -> float:
    """Return Pearson's correlation of functional and structural connectivity over pairs of nodes.

    Functional connectivity has no direction; of a directed structure the mean of both directions
    is taken. Each pair counts once, the diagonal never.

    Parameters
    ----------
    functional, structural : (n, n) float
        E.g. from `functional_connectivity`, and the weights of a connectome (often their
        logarithm) or another functional connectivity.
    connected_only : bool
        Leave out pairs whose structural weight is 0.

    Raises
    ------
    DescriptionError
        If shapes differ, fewer than 2 pairs are left, or one of the two does not vary.

    Source: Honey et al. (2009), PNAS 106:2035-2040.
    """
    first = checked_square("fc_sc_correlation.functional", functional)
    second = checked_square("fc_sc_correlation.structural", structural)
    if first.shape != second.shape:
        raise DescriptionError(
            "fc_sc_correlation.structural", second, f"the shape of the functional, {first.shape}"
        )
    upper = np.triu_indices(len(first), 1)
    x = (first + first.T)[upper] / 2
    y = (second + second.T)[upper] / 2
    if connected_only:
        x, y = x[y != 0], y[y != 0]
    for name, values in (("functional", x), ("structural", y)):
        if values.size < 2 or np.ptp(values) == 0:
            raise DescriptionError(
                f"fc_sc_correlation.{name}",
                f"{values.size} pairs, all alike" if values.size else "no pairs",
                "at least 2 pairs of nodes that differ",
            )
    return float(_correlations(np.stack([x, y], axis=1))[0, 1])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ConnectivityDynamics:
    """How functional connectivity in one window resembles that in another.

    Attributes
    ----------
    matrix : (n_windows, n_windows) float64
        Pearson's correlation, over pairs of nodes, of the functional connectivities of two windows.
    starts : (n_windows,) float64
        Start of each window [ms].
    window : float
        Length of a window [ms].
    """

    matrix: Floats
    starts: Floats
    window: float

    def values(self) -> Floats:
        """Return the entries above the diagonal whose windows do not overlap.

        Windows that share samples resemble each other for that reason alone.
        """
        first, second = np.triu_indices(len(self.matrix), 1)
        apart = self.starts[second] - self.starts[first] >= self.window * (1 - 1e-9)
        values: Floats = self.matrix[first[apart], second[apart]]
        return values

    def distance(self, other: ConnectivityDynamics) -> float:
        """Return the Kolmogorov-Smirnov distance between the distributions of `values`, in [0, 1].

        Raises
        ------
        DescriptionError
            If one has no two windows without overlap.
        """
        from scipy.stats import ks_2samp

        samples = [self.values(), other.values()]
        if not all(s.size for s in samples):
            raise DescriptionError(
                "ConnectivityDynamics.distance",
                f"{len(self.matrix)} and {len(other.matrix)} windows",
                "at least 2 windows without overlap in each",
                "Record longer, or take a shorter window.",
            )
        return float(ks_2samp(*samples).statistic)


def connectivity_dynamics(
    traces: npt.ArrayLike, *, dt: float, window: float, step: float
) -> ConnectivityDynamics:
    """Return functional connectivity dynamics (FCD): correlations of sliding windows' connectivity.

    Parameters
    ----------
    traces : (n_times, n_nodes) float
        Usually BOLD (`balloon_windkessel`) or a slow signal.
    dt : float
        Interval between samples [ms].
    window, step : float
        Length of the windows and the time from one to the next [ms], whole numbers of `dt`; in
        BOLD about 60,000 and 2,000 to 20,000 ms.

    Raises
    ------
    DescriptionError
        With fewer than 3 nodes or 2 windows, or a node that does not vary within a window.

    Source: Hansen, Battaglia, Spiegler, Deco & Jirsa (2015), NeuroImage 105:525-535.
    """
    place = "connectivity_dynamics"
    array = checked_signals(place, traces, nodes=3, samples=4)
    interval = checked_interval(place, dt)
    width = _samples(f"{place}.window", window, interval, least=3)
    shift = _samples(f"{place}.step", step, interval, least=1)
    starts = np.arange(0, len(array) - width + 1, shift)
    if starts.size < 2:
        raise DescriptionError(
            f"{place}.window",
            window,
            f"windows of which 2 fit into {len(array) * interval:g} ms",
        )
    upper = np.triu_indices(array.shape[1], 1)
    edges = np.empty((upper[0].size, starts.size))
    for k, start in enumerate(starts):
        part = array[start : start + width]
        checked_varying(f"{place}: window from {start * interval:g} ms", part)
        edges[:, k] = _correlations(part)[upper]
    return ConnectivityDynamics(
        matrix=_correlations(edges),
        starts=(starts * interval).astype(np.float64),
        window=width * interval,
    )


def _samples(place: str, length: float, dt: float, least: int) -> int:
    """Return a length [ms] in samples, refusing what is not a whole number of them."""
    count = length / dt if np.isfinite(length) else 0.0
    if abs(count - round(count)) > 1e-6 or round(count) < least:
        raise DescriptionError(
            place, length, f"a whole number of samples of {dt:g} ms, at least {least}"
        )
    return checked_number(place, round(count))
