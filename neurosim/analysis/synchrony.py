"""Phases of oscillating signals, how far they agree, and how much that changes in time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from neurosim.analysis.signals import checked_interval, checked_signals, checked_varying
from neurosim.analysis.trains import Floats, checked_number
from neurosim.errors import DescriptionError


def band_pass(
    traces: npt.ArrayLike, low: float, high: float, *, dt: float, order: int = 3
) -> Floats:
    """Return the part of signals between two frequencies, (n_times, n_nodes), not shifted in time.

    A Butterworth filter, forwards and then backwards (the fall-off is twice that of `order`).

    Parameters
    ----------
    traces : (n_times, n_nodes) float
    low, high : float
        Bounds of the band [Hz], 0 < low < high < 500 / dt.
    dt : float
        Interval between samples [ms].
    order : int
        Order of the filter.

    Raises
    ------
    DescriptionError
        If the band does not lie below the Nyquist frequency, or the recording is shorter than one
        period of `low`: nothing can be said of slower waves than it holds.
    """
    place = "band_pass"
    array = checked_signals(place, traces)
    interval = checked_interval(place, dt)
    nyquist = 500.0 / interval
    if not (np.isfinite(low) and np.isfinite(high) and 0 < low < high < nyquist):
        expected = (
            f"two frequencies in Hz with 0 < low < high < {nyquist:g}, half the sampling rate"
        )
        raise DescriptionError(f"{place}: (low, high)", (low, high), expected)
    if len(array) * interval < 1000.0 / low:
        expected = f"at least one period of {low:g} Hz, {1000.0 / low:g} ms"
        raise DescriptionError(f"{place}: duration", len(array) * interval, expected)
    from scipy.signal import butter, sosfiltfilt

    sections = butter(
        checked_number(f"{place}.order", order),
        (low / nyquist, high / nyquist),
        "band",
        output="sos",
    )
    shortest = 3 * (2 * len(sections) + 1)
    if len(array) <= shortest:
        expected = f"more than {shortest} samples for this filter"
        raise DescriptionError(f"{place}: samples", len(array), expected)
    filtered: Floats = sosfiltfilt(sections, array, axis=0)
    return filtered


def phases(traces: npt.ArrayLike) -> Floats:
    """Return the instantaneous phase of each signal, (n_times, n_nodes) [rad], in (-pi, pi].

    The angle of the analytic signal (Hilbert transform) of the signal less its mean; it is 0 at
    the crests. Meaningful for narrow bands only (`band_pass`), and bent within about a period of
    either end.

    Raises
    ------
    DescriptionError
        With fewer than 2 times, NaN, or a node that never changes: it has no phase.
    """
    array = checked_signals("phases", traces)
    checked_varying("phases", array)
    from scipy.signal import hilbert

    angles: Floats = np.angle(hilbert(array - array.mean(axis=0), axis=0))
    return angles


def order_parameter(angles: npt.ArrayLike) -> Floats:
    """Return Kuramoto's order parameter R(t) = |mean_k exp(i phase_k)|, (n_times,), in [0, 1].

    1 if all phases agree, of the order of 1 / sqrt(n_nodes) if they are independent.

    Parameters
    ----------
    angles : (n_times, n_nodes) float
        Phases [rad].

    Raises
    ------
    DescriptionError
        If it is no such array of finite numbers.

    Source: Kuramoto (1984), Chemical Oscillations, Waves, and Turbulence, Springer.
    """
    array = checked_signals("order_parameter", angles, samples=1)
    # Rounding can leave the mean of equal unit vectors above 1.
    values: Floats = np.minimum(np.abs(np.exp(1j * array).mean(axis=1)), 1.0)
    return values


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Synchrony:
    """Agreement of phases in time.

    Attributes
    ----------
    order : (n_times,) float64
        Kuramoto's order parameter R(t).
    times : (n_times,) float64
        Times of the samples [ms], the first sample of the recording at `dt`.
    """

    order: Floats
    times: Floats

    @property
    def synchrony(self) -> float:
        """Mean of R over time."""
        return float(self.order.mean())

    @property
    def metastability(self) -> float:
        """Standard deviation of R over time: 0 where nodes stay locked, or stay independent."""
        return float(self.order.std())


def phase_synchrony(
    traces: npt.ArrayLike,
    *,
    dt: float,
    band: tuple[float, float] | None = None,
    margin: float | None = None,
) -> Synchrony:
    """Return how far the phases of nodes agree in time, with synchrony and metastability.

    Parameters
    ----------
    traces : (n_times, n_nodes) float
    dt : float
        Interval between samples [ms].
    band : (float, float), optional
        Band-pass the signals between these frequencies [Hz] before taking phases; None takes them
        as they are.
    margin : float, optional
        Stretch at both ends [ms] that is left out, where filter and Hilbert transform know one
        side only. None is one period of the lower bound of the band, or 0 without a band.

    Raises
    ------
    DescriptionError
        If nothing is left between the margins, or for signals without phases.

    Source: Shanahan (2010), Chaos 20:013108; Cabral et al. (2014), NeuroImage 90:423-435.
    """
    place = "phase_synchrony"
    interval = checked_interval(place, dt)
    array = checked_signals(place, traces, nodes=2)
    if band is not None:
        array = band_pass(array, *band, dt=interval)
    if margin is None:
        margin = 1000.0 / band[0] if band is not None else 0.0
    if not (np.isfinite(margin) and margin >= 0):
        raise DescriptionError(f"{place}.margin", margin, "a time in ms, at least 0")
    cut = round(margin / interval)
    if len(array) - 2 * cut < 2:
        expected = f"less than half of the {len(array) * interval:g} ms recorded"
        raise DescriptionError(f"{place}.margin", margin, expected)
    kept = slice(cut, len(array) - cut)
    times: Floats = (np.arange(1.0, len(array) + 1.0) * interval)[kept].astype(np.float64)
    return Synchrony(order=order_parameter(phases(array)[kept]), times=times)
