"""Power spectra of continuous signals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from neurosim.analysis.signals import checked_interval, checked_signals
from neurosim.analysis.trains import Floats
from neurosim.errors import DescriptionError


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Spectra:
    """Power spectral density of several nodes.

    Attributes
    ----------
    frequencies : (n_frequencies,) float64
        [Hz], ascending from 0.
    power : (n_frequencies, n_nodes) float64
        One-sided density, in the square of the signal's unit per Hz; its integral is the variance.
    n_segments : int
        Segments averaged.
    """

    frequencies: Floats
    power: Floats
    n_segments: int

    def peaks(self, low: float = 0.0, high: float = np.inf) -> Floats:
        """Return for each node the frequency [Hz] above `low` and up to `high` of most power.

        Raises
        ------
        DescriptionError
            If no frequency lies there, or a node has no power there.
        """
        inside = (self.frequencies > low) & (self.frequencies <= high)
        if not inside.any() or not self.power[inside].any(axis=0).all():
            raise DescriptionError("Spectra.peaks", (low, high), "a band in Hz with power in it")
        highest: Floats = self.frequencies[inside][np.argmax(self.power[inside], axis=0)]
        return highest

    def band_power(self, low: float, high: float) -> Floats:
        """Return the power of each node from `low` to `high` [Hz]: its share of the variance.

        Raises
        ------
        DescriptionError
            If the band is empty.
        """
        inside = (self.frequencies >= low) & (self.frequencies <= high)
        if not inside.any():
            raise DescriptionError("Spectra.band_power", (low, high), "a band in Hz that holds one")
        sums: Floats = self.power[inside].sum(axis=0) * self.frequencies[1]
        return sums


def power_spectra(traces: npt.ArrayLike, *, dt: float, segment: float | None = None) -> Spectra:
    """Return the power spectrum of each node by Welch's method.

    Mean removed, Hann windows overlapping by half. For white noise of variance s^2 it is flat at
    2 s^2 dt.

    Parameters
    ----------
    traces : (n_times, n_nodes) float
        E.g. ``run.states["cortex"]["E"].array``.
    dt : float
        Interval between samples [ms]; frequencies reach 500 / dt Hz.
    segment : float, optional
        Length of a segment [ms], which sets the resolution, 1000 / segment Hz; None is 1000 ms or
        the whole recording, if that is shorter.

    Raises
    ------
    DescriptionError
        If a segment is longer than the recording or shorter than 8 samples.

    `scipy.signal.welch`. Source: Welch (1967), IEEE Trans. Audio Electroacoust. 15:70-73.
    """
    from scipy.signal import welch

    place = "power_spectra"
    array = checked_signals(place, traces, samples=8)
    interval = checked_interval(place, dt)
    duration = len(array) * interval
    length = min(1000.0, duration) if segment is None else segment
    if not (8 * interval * (1 - 1e-9) <= length <= duration * (1 + 1e-9)):
        expected = f"a length from 8 samples ({8 * interval:g} ms) to the {duration:g} ms recorded"
        raise DescriptionError(f"{place}.segment", length, expected)
    n = max(8, min(len(array), round(length / interval)))
    frequencies, power = welch(array, fs=1000.0 / interval, nperseg=n, noverlap=n // 2, axis=0)
    return Spectra(
        frequencies=np.asarray(frequencies, dtype=np.float64),
        power=np.asarray(power, dtype=np.float64),
        n_segments=(len(array) - n // 2) // (n - n // 2),
    )
