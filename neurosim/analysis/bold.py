"""The BOLD signal that neural activity would leave in functional MRI."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from neurosim.analysis.signals import checked_interval, checked_signals
from neurosim.analysis.trains import Floats
from neurosim.errors import DescriptionError


def balloon_windkessel(
    activity: npt.ArrayLike,
    *,
    dt: float,
    every: float = 1000.0,
    step: float = 10.0,
    decay: float = 0.65,
    feedback: float = 0.41,
    transit: float = 0.98,
    stiffness: float = 0.32,
    extraction: float = 0.34,
    volume: float = 0.02,
) -> tuple[Floats, Floats]:
    r"""Return the BOLD signal of neural activity by the balloon-Windkessel model.

    ::

        dx/dt = z - decay x - feedback (f - 1)                     vasodilatory signal
        df/dt = x                                                   blood flow
        transit dv/dt = f - v^(1 / stiffness)                       blood volume
        transit dq/dt = f E(f) / extraction - v^(1 / stiffness) q / v     deoxyhaemoglobin
        E(f) = 1 - (1 - extraction)^(1 / f)
        BOLD = volume (7 extraction (1 - q) + 2 (1 - q / v) + (2 extraction - 0.2) (1 - v))

    from rest (x = 0, f = v = q = 1), with z the activity. Flow, volume and deoxyhaemoglobin are
    integrated as logarithms, so that they stay positive. Nothing of the model is faster than about
    a second: activity is averaged over steps of 10 ms, and each of them is one step of a
    Runge-Kutta method of order 4.

    Parameters
    ----------
    activity : (n_times, n_nodes) float
        Neural activity z, e.g. ``run.states["cortex"]["E"].array``; its unit sets the size of the
        signal, and activity above some 1 leaves the range that the model was made for.
    dt : float
        Interval between samples [ms].
    every : float
        Interval between samples of the signal, the repetition time of the scanner [ms]; a whole
        number of steps.
    step : float
        Step of the integration [ms], at most 50; a whole number of `dt`, or `dt` a whole number
        of steps.
    decay, feedback : float
        Rate constants of the vasodilatory signal [1/s].
    transit : float
        Mean transit time of blood [s].
    stiffness : float
        Grubb's exponent.
    extraction : float
        Fraction of oxygen extracted at rest, in (0, 1).
    volume : float
        Fraction of blood volume at rest.

    Returns
    -------
    times : (n_samples,) float64
        [ms] from the start of the recording, the first at `every`.
    signal : (n_samples, n_nodes) float64
        Fractional change of the signal.

    Raises
    ------
    DescriptionError
        If a constant is not above 0, the intervals do not fit each other, or not one sample does.

    Source: Friston, Mechelli, Turner & Price (2000), NeuroImage 12:466-477; Friston, Harrison &
    Penny (2003), NeuroImage 19:1273-1302, eq. 3 and table 1 (the default constants).
    """
    place = "balloon_windkessel"
    array = checked_signals(place, activity, samples=1)
    interval = checked_interval(place, dt)
    constants = {
        "decay": decay,
        "feedback": feedback,
        "transit": transit,
        "stiffness": stiffness,
        "extraction": extraction,
        "volume": volume,
    }
    for name, value in constants.items():
        if not (np.isfinite(value) and value > 0):
            raise DescriptionError(f"{place}.{name}", value, "a number above 0")
    if extraction >= 1:
        raise DescriptionError(f"{place}.extraction", extraction, "a fraction below 1")
    if not (np.isfinite(step) and 0 < step <= 50):
        raise DescriptionError(f"{place}.step", step, "a step in ms above 0 and at most 50")
    drive = _per_step(array, interval, step)
    skip = every / step if np.isfinite(every) else 0.0
    if round(skip) < 1 or abs(skip - round(skip)) > 1e-6:
        raise DescriptionError(f"{place}.every", every, f"a whole number of steps of {step:g} ms")
    stride = round(skip)
    n_samples = len(drive) // stride
    if n_samples == 0:
        expected = f"at most the {len(array) * interval:g} ms recorded"
        raise DescriptionError(f"{place}.every", every, expected)

    h = step / 1000.0
    n = array.shape[1]
    state = np.zeros((4, n))  # x, and the logarithms of f, v and q

    def slope(state: Floats, z: Floats) -> Floats:
        x, log_f, log_v, log_q = state
        flow = np.exp(log_f)
        outflow = np.exp(log_v / stiffness)
        volume_now = np.exp(log_v)
        oxygen = -np.expm1(np.log1p(-extraction) / flow) / extraction
        return np.stack(
            [
                z - decay * x - feedback * (flow - 1),
                x / flow,
                (flow - outflow) / (transit * volume_now),
                (flow * oxygen * np.exp(-log_q) - outflow / volume_now) / transit,
            ]
        )

    signal = np.empty((n_samples, n))
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        for k in range(n_samples * stride):
            z = drive[k]
            k1 = slope(state, z)
            k2 = slope(state + 0.5 * h * k1, z)
            k3 = slope(state + 0.5 * h * k2, z)
            k4 = slope(state + h * k3, z)
            state = state + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
            if (k + 1) % stride == 0:
                v, q = np.exp(state[2]), np.exp(state[3])
                signal[(k + 1) // stride - 1] = volume * (
                    7 * extraction * (1 - q) + 2 * (1 - q / v) + (2 * extraction - 0.2) * (1 - v)
                )
    beyond = ~np.isfinite(signal)
    if beyond.any():
        when, node = (int(i) for i in np.argwhere(beyond)[0])
        raise DescriptionError(
            f"{place}: signal of node {node}",
            f"not finite at {(when + 1) * every:g} ms",
            "activity for which flow stays positive",
            f"The activity reaches {np.abs(array[:, node]).max():.3g}; scale it to at most 1.",
        )
    times: Floats = np.arange(1, n_samples + 1).astype(np.float64) * every
    return times, signal


def _per_step(array: Floats, dt: float, step: float) -> Floats:
    """Return the activity of each step: the mean of its samples, or the sample that covers it.

    A last step without all of its samples is left out.
    """
    ratio = step / dt
    if ratio >= 1:
        width = round(ratio)
        if abs(ratio - width) > 1e-6:
            raise DescriptionError(
                "balloon_windkessel.step", step, f"a whole number of samples of {dt:g} ms"
            )
        n = len(array) // width
        means: Floats = array[: n * width].reshape(n, width, -1).mean(axis=1)
        return means
    repeats = round(dt / step)
    if abs(dt / step - repeats) > 1e-6:
        raise DescriptionError(
            "balloon_windkessel.step", step, f"a length that divides dt = {dt:g} ms"
        )
    return np.repeat(array, repeats, axis=0)
