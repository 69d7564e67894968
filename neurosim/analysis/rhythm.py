"""Whether a population moves together: power spectrum and synchrony of voltages."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from neurosim.analysis.rates import population_rate
from neurosim.analysis.trains import Floats, bin_edges
from neurosim.errors import DescriptionError


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Spectrum:
    """Power spectral density of a population's mean rate.

    Attributes
    ----------
    frequencies : (n,) float64
        [Hz], ascending from 0.
    power : (n,) float64
        One-sided density [Hz^2 / Hz]; its integral is the variance of the rate.
    n_segments : int
        Segments averaged.
    """

    frequencies: Floats
    power: Floats
    n_segments: int

    def peak(self, low: float = 0.0, high: float = np.inf) -> float:
        """Return the frequency [Hz] above `low` and up to `high` with the largest power.

        Raises
        ------
        DescriptionError
            If no frequency lies there, or there is no power.
        """
        inside = (self.frequencies > low) & (self.frequencies <= high)
        if not inside.any() or not self.power[inside].any():
            raise DescriptionError("Spectrum.peak", (low, high), "a band in Hz with power in it")
        return float(self.frequencies[inside][np.argmax(self.power[inside])])


def rate_spectrum(
    times: npt.ArrayLike,
    n_neurons: int,
    t_start: float,
    t_stop: float,
    *,
    bin: float = 1.0,
    segment: float | None = None,
) -> Spectrum:
    """Return the power spectrum of the population rate by Welch's method.

    The rate of the mean neuron in bins, mean removed, Hann windows overlapping by half. For n
    independent Poisson neurons of rate r it is flat at 2 r / n; a silent population has none (0).

    Parameters
    ----------
    times : (n_spikes,) float
        Spike times of all neurons [ms].
    n_neurons : int
        Number of neurons, the silent ones included.
    t_start, t_stop : float
        Stretch of time [ms].
    bin : float
        Width of the bins [ms]; frequencies reach 500 / bin Hz.
    segment : float, optional
        Length of a segment [ms], which sets the resolution, 1000 / segment Hz; None is 1000 ms or
        the whole stretch, if that is shorter.

    Raises
    ------
    DescriptionError
        If the bins do not fill the stretch or a segment is shorter than 8 bins.

    `scipy.signal.welch`; elephant's `welch_psd` wraps the same.

    Source: Welch (1967), IEEE Trans. Audio Electroacoust. 15.
    """
    from scipy.signal import welch

    rate = population_rate(times, n_neurons, t_start, t_stop, bin=bin).rates
    duration = t_stop - t_start
    length = min(1000.0, duration) if segment is None else segment
    if not (length <= duration * (1 + 1e-9) and length >= 8 * bin * (1 - 1e-9)):
        expected = f"a length from 8 bins ({8 * bin:g} ms) to the stretch of {duration:g} ms"
        raise DescriptionError("rate_spectrum.segment", length, expected)
    n = bin_edges(0.0, length, bin).size - 1 if segment is not None else int(length / bin + 1e-9)
    frequencies, power = welch(rate, fs=1000.0 / bin, nperseg=n, noverlap=n // 2)
    return Spectrum(
        frequencies=np.asarray(frequencies, dtype=np.float64),
        power=np.asarray(power, dtype=np.float64),
        n_segments=(rate.size - n // 2) // (n - n // 2),
    )


def voltage_synchrony(traces: npt.ArrayLike) -> float:
    """Return Golomb's chi: how much the membrane potentials of a population move together.

        chi^2 = var_t(mean_i V_i) / mean_i(var_t V_i)

    1 if all are equal, of the order of 1 / sqrt(n) if they are independent.

    Parameters
    ----------
    traces : (n_times, n_neurons) float
        One column per neuron, e.g. ``run.states["exc"]["V_m"].array``.

    Raises
    ------
    DescriptionError
        With fewer than 2 times or 2 neurons, NaN, or where nothing varies.

    Source: Golomb & Rinzel (1993), Phys. Rev. E 48; Golomb (2007), Scholarpedia 2(1):1347.
    """
    array = np.asarray(traces, dtype=np.float64)
    if array.ndim != 2 or min(array.shape) < 2:
        expected = "an array (n_times, n_neurons) of at least 2 times and 2 neurons"
        raise DescriptionError("voltage_synchrony.traces", array, expected)
    if not np.isfinite(array).all():
        raise DescriptionError("voltage_synchrony.traces", array, "finite values")
    single = array.var(axis=0).mean()
    if single == 0:
        raise DescriptionError("voltage_synchrony.traces", array, "traces that vary in time")
    return float(np.sqrt(array.mean(axis=1).var() / single))
