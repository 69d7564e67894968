"""Still images seen by a moving event camera, as N-MNIST was made: three saccades per image."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from neurosim.describe.checks import to_int
from neurosim.errors import DescriptionError, UnknownNameError
from neurosim.units import to_scalar
from neurosim_datasets.event_files import write_nmnist
from neurosim_datasets.events import Events, Floats, own_seed
from neurosim_datasets.images import LabelledImages

CORNERS = ((-1.0, -1.0), (0.0, 1.0), (1.0, -1.0), (-1.0, -1.0))
"""Places (x, y) of the camera before, between and after the saccades, in amplitudes; y is down."""

STEP_US = 1000
"""Between two pictures [us]; in between, logarithms of intensities go on straight."""

PARTS = ("Train", "Test")

TIE = 1e-9
"""Fraction of a threshold by which a change must exceed it."""


def saccades(
    image: npt.ArrayLike,
    *,
    amplitude: float = 3.0,
    duration: object = 100.0,
    threshold: float = 0.35,
    mismatch: float = 0.03,
    background: float = 0.2,
    noise: object = 0.5,
    seed: int = 0,
) -> Events:
    """Return what an event camera sends that looks at an image with three small saccades.

    The camera goes round a triangle: from the upper left down to the middle of the base, up to the
    right, and straight back. Each saccade takes 100 ms and has the smooth course of a movement of
    least jerk. A pixel remembers the logarithm of the intensity at its last event, and sends
    another, ON or OFF, whenever the present one is more than a threshold above or below.

    Parameters
    ----------
    image : (height, width) array
        Intensities in [0, 1]; 1 is bright.
    amplitude : float
        Half the width and height of the triangle [pixels]. The sensor sees as many pixels more on
        each side (rounded up): 28 x 28 become 34 x 34, as in N-MNIST.
    duration : float or text
        Of one saccade [ms].
    threshold : float
        Change of the logarithm of intensity that makes an event.
    mismatch : float
        Standard deviation of the thresholds of pixels, as a fraction of their mean.
    background : float
        Intensity of black on the screen, where white is 1: pixels see ``background +
        (1 - background) * image``.
    noise : float or text
        Rate of events that have no cause, per pixel [Hz]; half of them are ON.
    seed : int
        Of mismatch and noise. The same seed gives the same events.

    Returns
    -------
    Events
        In the order of their times.

    Raises
    ------
    DescriptionError
        If the image is none, or a number is no such number.

    Source: Orchard, Jayawant, Cohen & Thakor (2015), Converting static image datasets to spiking
    neuromorphic datasets using saccades, Front. Neurosci. 9:437, doi 10.3389/fnins.2015.00437, for
    the procedure; Lichtsteiner, Posch & Delbruck (2008), IEEE J. Solid-State Circuits 43:566-576,
    for the pixel. *Reconstructed*: the course of the motors, the optics and the sensor's biases are
    not published as numbers; the defaults give some 4,000 events per digit of MNIST, about as many
    as N-MNIST has.

    Examples
    --------
    >>> import numpy as np
    >>> square = np.zeros((28, 28))
    >>> square[10:18, 10:18] = 1
    >>> seen = saccades(square, noise=0)
    >>> seen.width, seen.height, bool(seen.times.max() < 300)
    (34, 34, True)
    """
    picture = np.asarray(image, dtype=np.float64)
    if picture.ndim != 2 or picture.size == 0 or not np.all((picture >= 0) & (picture <= 1)):
        raise DescriptionError("saccades: image", picture, "a (height, width) array from 0 to 1")
    reach = to_scalar(amplitude, "1", "saccades: amplitude", at_least=0)
    time = to_scalar(duration, "ms", "saccades: duration", above=0)
    mean = to_scalar(threshold, "1", "saccades: threshold", above=0)
    spread = to_scalar(mismatch, "1", "saccades: mismatch", at_least=0, below=0.3)
    black = to_scalar(background, "1", "saccades: background", above=0, below=1)
    rate = to_scalar(noise, "Hz", "saccades: noise", at_least=0)
    generator = np.random.Generator(np.random.Philox(to_int(seed, "saccades: seed")))

    margin = int(np.ceil(reach))
    padded = np.pad(black + (1 - black) * picture, margin, constant_values=black)
    height, width = padded.shape
    # Deviations end at 3.3, so that a mismatch below 0.3 keeps all thresholds above 0.
    normal = np.clip(generator.standard_normal(padded.size), -3.3, 3.3)
    thresholds = mean * (1 + spread * normal)
    t, camera = _course(reach, time)
    pixel, on, when = _crossings(_seen(padded, camera), t, thresholds)

    count = generator.poisson(rate / 1000 * t[-1] / 1000 * padded.size)
    pixel = np.concatenate([pixel, generator.integers(0, padded.size, count)])
    on = np.concatenate([on, generator.random(count) < 0.5])
    when = np.concatenate([when, generator.random(count) * t[-1]])
    order = np.argsort(when, kind="stable")
    pixel, on, when = pixel[order], on[order], when[order]
    return Events(
        x=pixel % width, y=pixel // width, on=on, t=when.astype(np.int64),
        width=width, height=height,
    )  # fmt: skip


def _course(reach: float, duration: float) -> tuple[Floats, Floats]:
    """Return times (n,) [us] and places (n, 2) of the camera [pixels], x and y."""
    steps = max(int(np.ceil(duration * 1000 / STEP_US)), 1)
    s = np.arange(1, steps + 1) / steps
    least_jerk = s**3 * (10 - 15 * s + 6 * s**2)  # Flash & Hogan (1985), J. Neurosci. 5:1688-1703
    corners = reach * np.array(CORNERS)
    places: list[Floats] = [corners[:1]]
    for start, end in pairwise(corners):
        places.append(start + least_jerk[:, np.newaxis] * (end - start))
    camera = np.concatenate(places)
    times = np.asarray(np.arange(len(camera)) * (duration * 1000 / steps), np.float64)
    return times, camera


def _seen(padded: Floats, camera: Floats) -> Floats:
    """Return the logarithm of what each pixel sees at each time, (n_times, n_pixels)."""
    height, width = padded.shape
    # The camera moves as a whole: a picture is the weighted mean of four shifted ones, with the
    # dark screen beyond the border.
    beyond = int(np.ceil(np.abs(camera).max())) + 1
    wide = np.pad(padded, beyond, mode="edge")
    whole = np.floor(camera).astype(np.int64)
    seen = np.empty((len(camera), height, width))
    for picture, (left, up), (fx, fy) in zip(seen, whole + beyond, camera - whole, strict=True):
        part = wide[up : up + height + 1, left : left + width + 1]
        rows = (1 - fy) * part[:-1] + fy * part[1:]
        picture[:] = (1 - fx) * rows[:, :-1] + fx * rows[:, 1:]
    return np.log(seen).reshape(len(camera), -1)


def _crossings(
    levels: Floats, t: Floats, thresholds: Floats
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_], Floats]:
    """Return pixels, polarities and times [us] of all events.

    levels : (n_times, n_pixels)    t : (n_times,)    thresholds : (n_pixels,)
    """
    reference = levels[0].copy()
    found: list[tuple[Any, Any, Any]] = [(np.empty(0, np.int64), np.empty(0, bool), np.empty(0))]
    for before, after, t0, t1 in zip(levels[:-1], levels[1:], t[:-1], t[1:], strict=True):
        # More than a threshold, not just one: a camera back in its place sees what it saw, and a
        # rounding error must not decide.
        above = np.abs(after - reference) / thresholds - TIE
        number = np.maximum(np.floor(above), 0).astype(np.int64)
        (active,) = np.nonzero(number)
        if not active.size:
            continue
        sign = np.sign(after - reference)[active]
        pixel = np.repeat(active, number[active])
        up = np.repeat(sign, number[active])
        # The k-th event of a pixel in this step, counted from 1.
        first = np.repeat(np.cumsum(number[active]) - number[active], number[active])
        k = np.arange(pixel.size) - first + 1
        level = reference[pixel] + up * k * thresholds[pixel]
        share = (level - before[pixel]) / (after[pixel] - before[pixel])
        found.append((pixel, up > 0, t0 + np.clip(share, 0, 1) * (t1 - t0)))
        reference[active] += sign * number[active] * thresholds[active]
    pixels, on, times = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return pixels, on, times


def write_saccades(
    folder: str | Path,
    images: LabelledImages,
    part: str = "Train",
    *,
    seed: int = 0,
    **settings: Any,
) -> list[Path]:
    """Turn labelled images into files as N-MNIST has them: ``Train/7/00001.bin``.

    Parameters
    ----------
    folder : path
        Is made if it does not exist.
    images : LabelledImages
        Are numbered from 1.
    part : {"Train", "Test"}
    seed : int
        Each image has its own mismatch and noise, drawn from this seed and its number.
    **settings
        Of `saccades`.

    Returns
    -------
    list of Path
        In the order of the images.

    Raises
    ------
    DescriptionError
        As `saccades`; if `part` is unknown.
    """
    if part not in PARTS:
        raise UnknownNameError("write_saccades: part", part, PARTS)
    root = to_int(seed, "write_saccades: seed")
    paths = []
    for k, (image, label) in enumerate(zip(images.images, images.labels, strict=True), start=1):
        path = Path(folder) / part / str(label) / f"{k:05d}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_nmnist(path, saccades(image, seed=own_seed(root, k), **settings))
        paths.append(path)
    return paths
