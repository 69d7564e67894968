"""Sounds as spikes of an inner ear, in the steps by which the Heidelberg data sets were made."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from neurosim.describe.checks import to_int
from neurosim.errors import DescriptionError
from neurosim.units import to_scalar
from neurosim_datasets.events import ChannelSpikes, Floats, Ints, own_seed
from neurosim_datasets.shd import CHANNELS, SpokenWords

RATE = 20_000.0
"""Samples per second [Hz] at which the ear works; sounds of other rates are resampled."""

LONGEST_RESPONSE = 0.08
"""Length of the impulse responses [s]: at 50 Hz they have fallen to 1e-4 of their peak."""

REFERENCE_DB = 30.0
"""Level of a sound whose root mean square is 1, in the units of the hair cell [dB]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HairCell:
    """Inner hair cell: transmitter between a pool, the cleft and a store.

        dq/dt = y (M - q) + x w - k q         q: free transmitter
        dc/dt = k q - (l + r) c               c: transmitter in the cleft
        dw/dt = r c - x w                     w: transmitter taken up
        k = g (s + A) / (s + A + B) if s + A > 0, else 0

    s is the movement of the membrane; an auditory nerve fibre fires at the rate h c.

    Attributes
    ----------
    M, A, B : float
        Transmitter; constants of the permeability, in the units of s.
    g, y, l, r, x, h : float
        Rates [1/s].

    Raises
    ------
    DescriptionError
        If a number is not above 0.

    Source: Meddis (1986), J. Acoust. Soc. Am. 79:702-711, with the numbers of Meddis (1988), J.
    Acoust. Soc. Am. 83:1056-1063, as Cramer et al. (2022) use them.
    """

    M: float = 1.0
    A: float = 5.0
    B: float = 300.0
    g: float = 2000.0
    y: float = 5.05
    l: float = 2500.0
    r: float = 6580.0
    x: float = 66.31
    h: float = 50_000.0

    def __post_init__(self) -> None:
        for field in fields(self):
            place = f"HairCell.{field.name}"
            object.__setattr__(
                self, field.name, to_scalar(getattr(self, field.name), "1", place, above=0)
            )

    def at_rest(self) -> tuple[float, float, float]:
        """Return q, c and w in silence: where nothing changes."""
        k = self.g * self.A / (self.A + self.B)
        # x w = r c, so y (M - q) = l c; and k q = (l + r) c.
        c = self.M * self.y * k / (self.l * k + self.y * (self.l + self.r))
        return c * (self.l + self.r) / k, c, c * self.r / self.x

    def rates(self, movement: Floats, dt: float) -> Floats:
        """Return the rates of firing of nerve fibres [Hz], (n_steps, n_channels).

        Parameters
        ----------
        movement : (n_steps, n_channels) array
        dt : float
            Step [s]. c decays within 0.1 ms: it is advanced exactly for a permeability that is
            constant over the step; q and w, which take milliseconds, by Euler steps.
        """
        rest = self.at_rest()
        q, c, w = (np.full(movement.shape[1], value) for value in rest)
        driven = np.maximum(movement + self.A, 0.0)
        k = self.g * driven / (driven + self.B)
        loss = self.l + self.r
        decay = np.exp(-loss * dt)
        rates = np.empty_like(movement)
        for step, permeability in enumerate(k):
            ejected = permeability * q
            stationary = ejected / loss
            q_new = q + dt * (self.y * (self.M - q) + self.x * w - ejected)
            w += dt * (self.r * c - self.x * w)
            c = stationary + (c - stationary) * decay
            q = np.maximum(q_new, 0.0)
            rates[step] = c
        rates *= self.h
        return rates


@dataclass(frozen=True, slots=True, kw_only=True)
class BushyCell:
    """Bushy cell of the cochlear nucleus: a leaky integrator of many nerve fibres of one place.

        dv/dt = -v / tau_m + weight / n_fibres * I,    dI/dt = -I / tau_s,    I += 1 per spike

    It fires at v = 1, and rests at v = 0 for t_ref. Fibres cannot fire again for t_ref either.

    Attributes
    ----------
    n_fibres : int
    tau_m, tau_s, t_ref : float
        [s]
    weight : float
        [1/s]

    Raises
    ------
    DescriptionError
        If a number is not above 0.

    Source: Rothman, Young & Manis (1993), J. Neurophysiol. 70:2562-2583, for convergence;
    Cramer et al. (2022) for the numbers, from their program lauscher.
    """

    n_fibres: int = 40
    tau_m: float = 1e-3
    tau_s: float = 5e-4
    t_ref: float = 1e-3
    weight: float = 13e3

    def __post_init__(self) -> None:
        object.__setattr__(
            self, "n_fibres", to_int(self.n_fibres, "BushyCell.n_fibres", at_least=1)
        )
        for name in ("tau_m", "tau_s", "t_ref", "weight"):
            value = to_scalar(getattr(self, name), "1", f"BushyCell.{name}", above=0)
            object.__setattr__(self, name, value)

    def spikes(self, rates: Floats, dt: float, generator: np.random.Generator) -> tuple[Ints, Ints]:
        """Return steps and channels of all spikes, in the order of steps.

        Parameters
        ----------
        rates : (n_steps, n_channels) array
            Of each fibre [Hz].
        dt : float
            Step [s].
        generator : numpy.random.Generator
        """
        n_steps, n_channels = rates.shape
        refractory = max(round(self.t_ref / dt), 1)
        chance = -np.expm1(-rates * dt)
        # Fibres of one place are alike: only how many may fire matters, and those that fired less
        # than t_ref ago, summed over a ring of steps, may not.
        fired = np.zeros((refractory, n_channels), dtype=np.int64)
        resting = np.zeros(n_channels, dtype=np.int64)
        v, current = np.zeros(n_channels), np.zeros(n_channels)
        asleep = np.zeros(n_channels, dtype=np.int64)
        keep_m, keep_s = np.exp(-dt / self.tau_m), np.exp(-dt / self.tau_s)
        gain = self.weight / self.n_fibres * dt
        steps, channels = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
        for step in range(n_steps):
            slot = fired[step % refractory]
            resting -= slot
            slot[:] = generator.binomial(self.n_fibres - resting, chance[step])
            resting += slot
            current = keep_s * current + slot
            v = np.where(asleep > 0, 0.0, keep_m * v + gain * current)
            asleep -= asleep > 0
            (firing,) = np.nonzero(v >= 1.0)
            if firing.size:
                v[firing] = 0.0
                asleep[firing] = refractory
                steps.append(np.full(firing.size, step))
                channels.append(firing)
        return np.concatenate(steps), np.concatenate(channels)


def erb_space(lowest: float, highest: float, n: int) -> Floats:
    """Return n frequencies [Hz], equally far apart on the scale of the ear, highest first.

    Source: Glasberg & Moore (1990), Hear. Res. 47:103-138: 21.4 log10(1 + 0.00437 f).
    """
    ends = np.log10(1 + 0.00437 * np.array([highest, lowest]))
    return (10.0 ** np.linspace(ends[0], ends[1], n) - 1) / 0.00437


def cochleagram(
    sound: npt.ArrayLike,
    rate: object,
    *,
    channels: int = CHANNELS,
    lowest: object = 50.0,
    highest: object = 8000.0,
    level: float = 75.0,
    hair_cell: HairCell | None = None,
    bushy_cell: BushyCell | None = None,
    seed: int = 0,
) -> ChannelSpikes:
    """Return the spikes by which an inner ear and its first nucleus answer a sound.

    A bank of gammatone filters stands for the places of the basilar membrane; each moves a hair
    cell, which makes 40 nerve fibres fire; on these a bushy cell listens, whose spikes are
    returned.

    Parameters
    ----------
    sound : (n,) array
        Samples of one ear, in any unit; it is scaled to `level`.
    rate : float or text
        Samples per second [Hz].
    channels : int
        Places along the membrane; 700 as in SHD. Channel 0 is the highest frequency, at the base
        of the cochlea.
    lowest, highest : float or text
        Their frequencies [Hz]: 0 < lowest < highest < 10 kHz.
    level : float
        Of the whole sound [dB], on the scale on which Meddis (1986) calls a root mean square of 1
        30 dB. A sound that is 0 throughout is silence.
    hair_cell : HairCell, optional
    bushy_cell : BushyCell, optional
    seed : int
        Of the nerve fibres. The same seed gives the same spikes.

    Returns
    -------
    ChannelSpikes
        In the order of their times.

    Raises
    ------
    DescriptionError
        If the sound is none, or a number is no such number.

    Source: Cramer, Stradmann, Schemmel & Zenke (2022), IEEE Trans. Neural Netw. Learn. Syst.
    33:2744-2757, doi 10.1109/TNNLS.2020.3044364, for the steps, hair and bushy cells. Their
    membrane is a hydrodynamic model (Sieroka, Dosch & Rupp 2006); here gammatone filters (Slaney
    1993, Apple Computer Technical Report 35) take its place, so that single spikes differ from
    theirs.

    Examples
    --------
    >>> import numpy as np
    >>> tone = np.sin(2 * np.pi * 440 * np.arange(4000) / 20_000)
    >>> heard = cochleagram(tone, "20 kHz", channels=20)
    >>> int(np.bincount(heard.units, minlength=20).argmax())  # its place on the membrane
    14
    """
    samples = np.asarray(sound, dtype=np.float64)
    if samples.ndim != 1 or samples.size == 0 or not np.isfinite(samples).all():
        raise DescriptionError(
            "cochleagram: sound", samples, "an array (n,) of finite numbers, one ear only"
        )
    given = to_scalar(rate, "Hz", "cochleagram: rate", above=0)
    places = to_int(channels, "cochleagram: channels", at_least=1)
    top = to_scalar(highest, "Hz", "cochleagram: highest", above=0, below=RATE / 2)
    bottom = to_scalar(lowest, "Hz", "cochleagram: lowest", above=0, below=top)
    loud = to_scalar(level, "1", "cochleagram: level")
    generator = np.random.Generator(np.random.Philox(to_int(seed, "cochleagram: seed")))

    moved = _movement(_resampled(samples, given), erb_space(bottom, top, places), loud)
    rates = (hair_cell or HairCell()).rates(moved, 1 / RATE)
    steps, units = (bushy_cell or BushyCell()).spikes(rates, 1 / RATE, generator)
    times = np.asarray(steps * (1000 / RATE), np.float64)
    return ChannelSpikes(times=times, units=units, channels=places)


def _resampled(samples: Floats, rate: float) -> Floats:
    from fractions import Fraction

    from scipy.signal import resample_poly

    ratio = Fraction(RATE / rate).limit_denominator(1000)
    if ratio == 1:
        return samples
    return np.asarray(resample_poly(samples, ratio.numerator, ratio.denominator))


def _movement(samples: Floats, frequencies: Floats, level: float) -> Floats:
    """Return the movement of the membrane at each place, (n_steps, n_channels)."""
    from scipy.signal import gammatone, oaconvolve

    loudness = np.sqrt(np.mean(samples**2))
    if loudness > 0:
        samples = samples * (10 ** ((level - REFERENCE_DB) / 20) / loudness)
    taps = int(LONGEST_RESPONSE * RATE)
    # The recursive form of the filter loses its digits at low frequencies; this one does not.
    responses = np.stack([gammatone(f, "fir", numtaps=taps, fs=RATE)[0] for f in frequencies])
    moved = oaconvolve(samples[np.newaxis, :], responses, axes=1)[:, : samples.size]
    return np.ascontiguousarray(moved.T)


def spoken_words(
    sounds: Iterable[npt.ArrayLike],
    rate: object,
    labels: Sequence[int],
    *,
    keys: Sequence[str] = (),
    seed: int = 0,
    **settings: Any,
) -> SpokenWords:
    """Turn labelled sounds into spikes, as `write_shd` writes them.

    Parameters
    ----------
    sounds : iterable of (n,) arrays
    rate : float or text
        Of all of them [Hz].
    labels : sequence of int
        Class of each.
    keys : sequence of str
        Names of the classes.
    seed : int
        Each sound has its own draws, from this seed and its number.
    **settings
        Of `cochleagram`.

    Raises
    ------
    DescriptionError
        As `cochleagram`; if labels do not fit.
    """
    root = to_int(seed, "spoken_words: seed")
    listed = list(sounds)
    if len(listed) != len(labels):
        raise DescriptionError("spoken_words: labels", labels, f"{len(listed)} numbers")
    heard = (
        cochleagram(sound, rate, seed=own_seed(root, k), **settings)
        for k, sound in enumerate(listed)
    )
    return SpokenWords(samples=tuple(heard), labels=np.asarray(labels), keys=tuple(keys))
