"""Events: what an event camera sends, and spikes in channels; both as input of a network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from neurosim.describe.checks import to_int, to_ints
from neurosim.errors import DescriptionError, UnknownNameError
from neurosim.units import to_float, to_scalar

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]
Polarity: TypeAlias = Literal["both", "split", "on", "off"]

POLARITIES = ("both", "split", "on", "off")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Events:
    """Events of an event camera, in the order of their file. The arrays are read-only.

    Attributes
    ----------
    x, y : (n,) int64
        Column and row of the pixel, from 0; (0, 0) is the upper left corner.
    on : (n,) bool
        Whether the pixel became brighter (ON) or darker (OFF).
    t : (n,) int64
        Times [us], at least 0.
    width, height : int
        Size of the sensor [pixels].

    Raises
    ------
    DescriptionError
        If the arrays differ in length, hold what is no whole number, or name pixels that the
        sensor does not have.

    Examples
    --------
    >>> Events(x=[3, 0], y=[1, 0], on=[True, False], t=[250, 900], width=4, height=2)
    Events(2 in 4 x 2 pixels, 1 ON, from 0.25 to 0.9 ms)
    """

    x: Ints
    y: Ints
    on: npt.NDArray[np.bool_]
    t: Ints
    width: int
    height: int

    def __post_init__(self) -> None:
        keep: dict[str, Any] = {
            side: to_int(getattr(self, side), f"Events.{side}", at_least=1)
            for side in ("width", "height")
        }
        for name in ("x", "y", "t"):
            keep[name] = to_ints(getattr(self, name), f"Events.{name}")
        on = np.asarray(self.on)
        if on.dtype.kind != "b" and not (on.dtype.kind in "iuf" and np.isin(on, (0, 1)).all()):
            raise DescriptionError("Events.on", on, "True (ON) or False (OFF), one per event")
        # A copy: what the caller does to the array later is none of our business.
        keep["on"] = np.array(on, dtype=np.bool_)
        keep["on"].flags.writeable = False
        for name in ("x", "y", "on", "t"):
            if keep[name].ndim != 1 or keep[name].size != keep["t"].size:
                raise DescriptionError(
                    f"Events.{name}", keep[name], f"{keep['t'].size} numbers, one per event"
                )
        for name, side in (("x", "width"), ("y", "height")):
            beyond = np.flatnonzero(keep[name] >= keep[side])
            if beyond.size:
                k = int(beyond[0])
                raise DescriptionError(
                    f"Events.{name}[{k}]", int(keep[name][k]),
                    f"a pixel from 0 to {keep[side] - 1}, since {side} is {keep[side]}",
                )  # fmt: skip
        for name, value in keep.items():
            object.__setattr__(self, name, value)

    @property
    def times(self) -> Floats:
        """Times [ms], (n,)."""
        return self.t / 1000.0

    @property
    def pixels(self) -> Ints:
        """Number of the pixel of each event, row by row: ``y * width + x``, (n,)."""
        return self.y * self.width + self.x

    def chosen(self, events: Any) -> Events:
        """Return some of the events: an index array, a mask or a slice picks them."""
        return Events(
            x=self.x[events], y=self.y[events], on=self.on[events], t=self.t[events],
            width=self.width, height=self.height,
        )  # fmt: skip

    def __len__(self) -> int:
        """Return the number of events."""
        return int(self.t.size)

    def __repr__(self) -> str:
        told = f"{len(self)} in {self.width} x {self.height} pixels"
        if len(self):
            told += f", {int(self.on.sum())} ON"
            told += f", from {self.t.min() / 1000:g} to {self.t.max() / 1000:g} ms"
        return f"Events({told})"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class ChannelSpikes:
    """Spikes of numbered channels, such as those of a cochlea. The arrays are read-only.

    Attributes
    ----------
    times : (n,) float64
        Times [ms], at least 0, in any order.
    units : (n,) int64
        Channel of each spike, from 0.
    channels : int
        Number of channels.

    Raises
    ------
    DescriptionError
        If the arrays differ in length, a time is negative or none, or a channel does not exist.
    """

    times: Floats
    units: Ints
    channels: int

    def __post_init__(self) -> None:
        channels = to_int(self.channels, "ChannelSpikes.channels", at_least=1)
        given: Any = self.times
        if np.size(given):
            given = to_float(given, "ms", "ChannelSpikes.times", at_least=0)
        times = np.array(given, dtype=np.float64, ndmin=1)
        units = to_ints(self.units, "ChannelSpikes.units")
        if times.ndim != 1 or units.shape != times.shape:
            raise DescriptionError("ChannelSpikes.units", units, f"{times.size} channels")
        beyond = np.flatnonzero(units >= channels)
        if beyond.size:
            k = int(beyond[0])
            raise DescriptionError(
                f"ChannelSpikes.units[{k}]", int(units[k]), f"a channel from 0 to {channels - 1}"
            )
        times.flags.writeable = False
        for name, value in (("times", times), ("units", units), ("channels", channels)):
            object.__setattr__(self, name, value)

    def __len__(self) -> int:
        """Return the number of spikes."""
        return int(self.times.size)

    def __repr__(self) -> str:
        told = f"{len(self)} in {self.channels} channels"
        if len(self):
            told += f", from {self.times.min():g} to {self.times.max():g} ms"
        return f"ChannelSpikes({told})"


def to_spike_times(
    events: Events | ChannelSpikes, *, polarity: Polarity = "both", start: object = 1.0
) -> tuple[Floats, ...]:
    """Return spike trains, one per neuron, as `neurosim.SpikeTimes` takes them.

    Parameters
    ----------
    events : Events or ChannelSpikes
        Pixels become neurons row by row, ``y * width + x``: those of a population of the shape
        (height, width). Channels become neurons as they are numbered.
    polarity : {"both", "split", "on", "off"}
        Of events: one neuron per pixel for both polarities; two, all pixels' OFF neurons before
        the ON neurons (a population of shape (2, height, width)); or events of one polarity only.
    start : float or text
        When the recording begins in the simulation [ms], above 0. The default of 1 ms is there
        because recordings have events at time 0, and simulations no spikes.

    Returns
    -------
    tuple of (n_k,) float64 arrays
        Ascending times [ms].

    Raises
    ------
    DescriptionError
        If `polarity` is unknown, or is asked of channels; if `start` is no time above 0.

    Examples
    --------
    >>> seen = Events(x=[1, 0], y=[0, 0], on=[True, True], t=[500, 900], width=2, height=1)
    >>> [train.tolist() for train in to_spike_times(seen, start=10)]
    [[10.9], [10.5]]
    """
    shift = to_scalar(start, "ms", "to_spike_times: start", above=0)
    times, neurons, shape = _placed(events, polarity, "to_spike_times")
    return tuple(trains_of(times + shift, neurons, int(np.prod(shape))))


def trains_of(times: Floats, neurons: Ints, count: int) -> list[Floats]:
    """Return the times of each of `count` neurons, ascending."""
    order = np.lexsort((times, neurons))
    ends = np.cumsum(np.bincount(neurons, minlength=count))[:-1]
    return np.split(times[order], ends)


def own_seed(seed: int, number: int) -> int:
    """Return the seed of one recording of several that have draws of their own."""
    return int(np.random.SeedSequence((seed, number)).generate_state(1, np.uint64)[0]) >> 1


def to_frames(
    events: Events | ChannelSpikes,
    dt: object,
    *,
    duration: object = None,
    polarity: Polarity = "both",
) -> npt.NDArray[np.int32]:
    """Return how many events each pixel or channel has in each step.

    With dt as the time step of the simulation they are what a population of `neurosim.Input`
    takes while running; with longer ones, the frames of a video.

    Parameters
    ----------
    events : Events or ChannelSpikes
    dt : float or text
        Length of a step [ms]. An event at t is counted in step floor(t / dt).
    duration : float or text, optional
        Time that is counted [ms]; later events are left out. Left out: until the last event.
    polarity : {"both", "split", "on", "off"}
        As for `to_spike_times`.

    Returns
    -------
    int32 array
        (n_steps, height, width); (n_steps, 2, height, width) for "split", OFF before ON;
        (n_steps, channels) of channels.

    Raises
    ------
    DescriptionError
        If `polarity` is unknown or a time is none; if there are no events and no duration is given.
    """
    width = to_scalar(dt, "ms", "to_frames: dt", above=0)
    times, neurons, shape = _placed(events, polarity, "to_frames")
    steps = _steps(times, width)
    if duration is not None:
        length = to_scalar(duration, "ms", "to_frames: duration", above=0)
        # Lengths are whole numbers of steps up to rounding; what is more is a step of its own.
        n_steps = int(np.ceil(length / width - 1e-9))
        kept = steps < n_steps
        steps, neurons = steps[kept], neurons[kept]
    elif times.size == 0:
        raise DescriptionError("to_frames: duration", None, "a time, since there are no events")
    else:
        n_steps = int(steps.max()) + 1
    count = int(np.prod(shape))
    counted = np.bincount(steps * count + neurons, minlength=n_steps * count)
    return counted.astype(np.int32).reshape(n_steps, *shape)


def _steps(times: Floats, dt: float) -> Ints:
    """Return floor(t / dt), where quotients that are whole up to rounding are whole."""
    quotients = times / dt
    whole = np.rint(quotients)
    near = np.abs(quotients - whole) <= 1e-9 * np.maximum(whole, 1)
    return np.where(near, whole, np.floor(quotients)).astype(np.int64)


def _placed(
    events: Events | ChannelSpikes, polarity: str, place: str
) -> tuple[Floats, Ints, tuple[int, ...]]:
    """Return times [ms] and neurons of all spikes, and the shape of the population."""
    if polarity not in POLARITIES:
        raise UnknownNameError(f"{place}: polarity", polarity, POLARITIES)
    if isinstance(events, ChannelSpikes):
        if polarity != "both":
            raise DescriptionError(f"{place}: polarity", polarity, "'both': channels have no other")
        return events.times, events.units, (events.channels,)
    if not isinstance(events, Events):
        raise DescriptionError(f"{place}: events", events, "Events or ChannelSpikes")
    shape = (events.height, events.width)
    if polarity == "split":
        return events.times, events.pixels + events.on * (shape[0] * shape[1]), (2, *shape)
    kept = slice(None) if polarity == "both" else events.on == (polarity == "on")
    return events.times[kept], events.pixels[kept], shape
