"""Numbers into spikes: rate, latency and change, for images and time series.

`encode_rate` and `encode_latency` return sources for ``net.population("in", shape, source)``;
`spike_counts` turns these into an array for ``ns.Input("spikes")``, where many stimuli follow each
other in one session. `encode_delta` returns such arrays directly. Nothing here depends on anything
but its arguments: the same seed gives the same spikes.

The three codes carry the names they have in snntorch.spikegen.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from neurosim.describe.checks import to_int
from neurosim.describe.sources import Poisson, SpikeTimes
from neurosim.describe.values import check_range, scalar
from neurosim.errors import DescriptionError, UnknownNameError

Floats = npt.NDArray[np.float64]


def encode_rate(values: Any, *, max_rate: float = 100.0) -> Poisson:
    """Encode values as the rates of independent Poisson processes.

    Parameters
    ----------
    values : array
        Intensities in [0, 1], one per neuron, of any shape (taken in C order).
    max_rate : float
        Rate that stands for 1 [Hz].

    Returns
    -------
    Poisson
        With ``rate = max_rate * values``.

    Raises
    ------
    DescriptionError
        If a value lies outside [0, 1] or is not finite.
    """
    highest = scalar(max_rate, "Hz", "nonnegative", "encode_rate: max_rate")
    return Poisson(rate=highest * _intensities(values, "encode_rate").ravel())


def encode_latency(
    values: Any,
    *,
    t_min: float = 1.0,
    t_max: float = 100.0,
    threshold: float = 0.01,
    tau: float = 20.0,
    shape: Literal["logarithmic", "linear"] = "logarithmic",
) -> SpikeTimes:
    """Encode values as the time of a single spike: the larger, the sooner.

    "logarithmic" is when a leaky integrator that is driven with the value reaches the threshold,

        t = t_min + tau log(x / (x - threshold)),

    "linear" goes from t_min for x = 1 to t_max for x = threshold. Values up to the threshold, and
    spikes later than t_max, give no spike.

    Parameters
    ----------
    values : array
        Intensities in [0, 1], one per neuron, of any shape (taken in C order).
    t_min, t_max : float
        First and last time of a spike [ms]; t_min at least one step of the simulation.
    threshold : float
        In (0, 1).
    tau : float
        Time constant of "logarithmic" [ms].
    shape : {"logarithmic", "linear"}

    Returns
    -------
    SpikeTimes
        One train per value, with one spike or none.

    Raises
    ------
    DescriptionError
        If a value lies outside [0, 1] or is not finite, or the threshold outside (0, 1).
    """
    x = _intensities(values, "encode_latency").ravel()
    first = scalar(t_min, "ms", "positive", "encode_latency: t_min")
    last = scalar(t_max, "ms", "positive", "encode_latency: t_max")
    if last <= first:
        raise DescriptionError("encode_latency: t_max", t_max, f"a time after t_min ({t_min} ms)")
    level = scalar(threshold, "1", "positive", "encode_latency: threshold")
    if level >= 1:
        raise DescriptionError("encode_latency: threshold", threshold, "a number in (0, 1)")
    if shape not in ("logarithmic", "linear"):
        raise UnknownNameError("encode_latency: shape", shape, ("logarithmic", "linear"))
    fires = x > level
    times = np.full(x.size, np.inf)
    if shape == "logarithmic":
        constant = scalar(tau, "ms", "positive", "encode_latency: tau")
        times[fires] = first - constant * np.log1p(-level / x[fires])
    else:
        times[fires] = first + (last - first) * (1 - x[fires]) / (1 - level)
    return SpikeTimes([[t] if t <= last else [] for t in times])


def encode_delta(
    series: Any,
    *,
    threshold: float,
    reference: Literal["previous", "last_event"] = "previous",
) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint32]]:
    """Encode a time series as events where it rises (on) or falls (off).

    Parameters
    ----------
    series : (n_steps, ...) array
        One row per step of the simulation; the first has nothing to be compared with.
    threshold : float
        Change that makes an event, above 0.
    reference : {"previous", "last_event"}
        "previous": one event where a value differs by at least the threshold from the step before
        (slow drifts are never seen). "last_event": the reference follows in steps of the
        threshold, one event for each, so that the sum of events times the threshold stays within
        one threshold of the series (level crossings, as in event cameras).

    Returns
    -------
    on, off : arrays of the shape of `series`, uint32
        Events in each step.

    Raises
    ------
    DescriptionError
        If the series is not finite or empty, or the threshold not above 0.
    """
    x = np.asarray(series, dtype=np.float64)
    if x.ndim == 0 or x.size == 0:
        raise DescriptionError("encode_delta: series", series, "an array (n_steps, ...)")
    check_range(x, "any", "encode_delta: series", "1")
    step = scalar(threshold, "1", "positive", "encode_delta: threshold")
    on = np.zeros(x.shape, np.uint32)
    off = np.zeros(x.shape, np.uint32)
    if reference == "previous":
        change = np.diff(x, axis=0)
        on[1:] = change >= step
        off[1:] = change <= -step
    elif reference == "last_event":
        # Whole levels from the first value, so that no rounding error adds up.
        level = np.zeros(x.shape[1:])
        for k in range(1, x.shape[0]):
            moved = np.trunc((x[k] - x[0]) / step - level)
            on[k] = np.maximum(moved, 0)
            off[k] = np.maximum(-moved, 0)
            level = level + moved
    else:
        raise UnknownNameError("encode_delta: reference", reference, ("previous", "last_event"))
    return on, off


def spike_counts(
    source: Poisson | SpikeTimes,
    n_steps: int,
    *,
    dt: float = 0.1,
    shape: tuple[int, ...] | None = None,
    seed: int = 0,
) -> npt.NDArray[np.uint32]:
    """Turn a source into counts per step, for ``session.run(T, inputs={"in": counts})``.

    Parameters
    ----------
    source : Poisson or SpikeTimes
        With one rate or train per neuron (rates that are constant in time).
    n_steps : int
        Number of steps.
    dt : float
        Length of a step [ms]. A spike at t falls into the step that ends at the nearest multiple
        of dt.
    shape : tuple of int, optional
        Shape of the population; the number of neurons, if left out.
    seed : int
        Of the Poisson counts.

    Returns
    -------
    (n_steps, *shape) array, uint32

    Raises
    ------
    DescriptionError
        If the source is of another kind or for another number of neurons, or a spike rounds to
        time 0.
    """
    steps = to_int(n_steps, "spike_counts: n_steps", at_least=1)
    length = scalar(dt, "ms", "positive", "spike_counts: dt")
    if source.size is None:
        raise DescriptionError(
            "spike_counts: source", source, "a source with one rate or train per neuron"
        )
    whole = (source.size,) if shape is None else tuple(shape)
    if int(np.prod(whole)) != source.size:
        raise DescriptionError("spike_counts: shape", shape, f"a shape of {source.size} neurons")
    if isinstance(source, SpikeTimes):
        times, ids = source.flat
        index = np.rint(times / length).astype(np.int64) - 1
        if index.size and index.min() < 0:
            raise DescriptionError(
                "spike_counts: source",
                float(times.min()),
                f"spike times of at least {length / 2:g} ms",
            )
        counts = np.zeros((steps, source.size), np.uint32)
        inside = index < steps
        np.add.at(counts, (index[inside], ids[inside]), 1)
    else:
        if not isinstance(source.rate, np.ndarray):
            raise DescriptionError(
                "spike_counts: source", source, "rates that do not change in time"
            )
        generator = np.random.Generator(np.random.Philox(to_int(seed, "spike_counts: seed")))
        mean = source.rate * length * 1e-3
        counts = generator.poisson(mean, (steps, source.size)).astype(np.uint32)
    return counts.reshape(steps, *whole)


def _intensities(values: Any, function: str) -> Floats:
    x = np.asarray(values, dtype=np.float64)
    if x.size == 0:
        raise DescriptionError(f"{function}: values", values, "at least one value")
    if not np.all((x >= 0) & (x <= 1)):
        raise DescriptionError(
            f"{function}: values", x, "numbers in [0, 1]", "Divide by the largest one first."
        )
    return x
