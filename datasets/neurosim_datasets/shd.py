"""Spoken words as spikes: the HDF5 files of the Heidelberg data sets, SHD and SSC."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from neurosim.describe.checks import to_int, to_ints
from neurosim.errors import DescriptionError, UnknownNameError
from neurosim_datasets.events import ChannelSpikes, Ints

CHANNELS = 700
"""Channels of the published files."""

PRECISIONS: dict[str, np.dtype[Any]] = {
    "half": np.dtype("<f2"),
    "single": np.dtype("<f4"),
    "double": np.dtype("<f8"),
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class SpokenWords:
    """Labelled recordings as spikes of channels.

    Attributes
    ----------
    samples : tuple of n ChannelSpikes
    labels : (n,) int64
        Class of each; SHD: 0 to 9 English, 10 to 19 German digits.
    keys : tuple of str
        Names of the classes; may be empty.
    speakers : (n,) int64 or None
        Who speaks, where that is known.

    Raises
    ------
    DescriptionError
        If numbers do not fit each other, or samples differ in their channels.
    """

    samples: tuple[ChannelSpikes, ...]
    labels: Ints
    keys: tuple[str, ...] = ()
    speakers: Ints | None = None

    def __post_init__(self) -> None:
        samples = tuple(self.samples)
        if not all(isinstance(sample, ChannelSpikes) for sample in samples):
            raise DescriptionError("SpokenWords.samples", self.samples, "a list of ChannelSpikes")
        if len({sample.channels for sample in samples}) > 1:
            raise DescriptionError(
                "SpokenWords.samples: channels", sorted({s.channels for s in samples}), "one number"
            )
        labels = to_ints(self.labels, "SpokenWords.labels")
        speakers = self.speakers
        if speakers is not None:
            speakers = to_ints(speakers, "SpokenWords.speakers")
        for name, array in (("labels", labels), ("speakers", speakers)):
            if array is not None and array.shape != (len(samples),):
                raise DescriptionError(
                    f"SpokenWords.{name}", array, f"{len(samples)} numbers, one per sample"
                )
        keys = tuple(map(str, self.keys))
        if keys and labels.size and labels.max() >= len(keys):
            raise DescriptionError("SpokenWords.keys", keys, f"{labels.max() + 1} names or more")
        for name, value in (
            ("samples", samples), ("labels", labels), ("keys", keys), ("speakers", speakers),
        ):  # fmt: skip
            object.__setattr__(self, name, value)

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.samples)

    def __getitem__(self, k: int) -> ChannelSpikes:
        """Return one sample."""
        return self.samples[k]

    def __iter__(self) -> Iterator[ChannelSpikes]:
        return iter(self.samples)

    def __repr__(self) -> str:
        spikes = sum(len(sample) for sample in self.samples)
        channels = self.samples[0].channels if self.samples else 0
        classes = np.unique(self.labels).size
        return (
            f"SpokenWords({len(self)} samples of {classes} classes, {spikes} spikes in "
            f"{channels} channels)"
        )


def read_shd(
    path: str | Path, *, samples: Sequence[int] | slice | None = None, channels: int = CHANNELS
) -> SpokenWords:
    """Read a file of SHD or SSC: ``shd_train.h5``, ``shd_test.h5``, ``ssc_train.h5`` and so on.

    Times stand in the files in seconds, as numbers of 16 bits: they are made numbers of 64 bits
    before they become milliseconds, which 16 bits would round once more. What they were rounded to
    stays: 0.5 ms between 0.5 and 1 s, 1 ms between 1 and 2 s.

    Parameters
    ----------
    path : path
    samples : sequence of int or slice, optional
        Which samples. All of SHD are some gigabytes in memory.
    channels : int
        Number of channels; files do not say it.

    Raises
    ------
    DescriptionError
        If it is no such file, or a sample is malformed (it is named): times and units that differ
        in number, a time that is negative or none, a unit that is no channel.

    Source: Cramer, Stradmann, Schemmel & Zenke (2022), The Heidelberg spiking data sets for the
    systematic evaluation of spiking neural networks, IEEE Trans. Neural Netw. Learn. Syst.
    33:2744-2757, doi 10.1109/TNNLS.2020.3044364. Data: compneuro.net, CC BY 4.0.
    """
    import h5py

    place = f"read_shd: {str(path)!r}"
    most = to_int(channels, "read_shd: channels", at_least=1)
    if not Path(path).is_file():
        raise DescriptionError("read_shd: path", str(path), "a file")
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise DescriptionError(place, str(error), "an HDF5 file that is whole") from None
    with file:
        for name in ("spikes/times", "spikes/units", "labels"):
            if not isinstance(file.get(name), h5py.Dataset):
                raise DescriptionError(f"{place}: {name}", None, "a data set of this name")
        times, units, labels = file["spikes/times"], file["spikes/units"], file["labels"]
        lengths = [len(each) for each in (times, units, labels)]
        if len(set(lengths)) > 1:
            raise DescriptionError(
                f"{place}: numbers of times, units and labels", lengths, "the same numbers"
            )
        chosen = _chosen(samples, lengths[0])
        found = []
        for k in chosen:
            try:
                found.append(
                    ChannelSpikes(
                        times=np.asarray(times[k]).astype(np.float64) * 1000.0,
                        units=np.asarray(units[k]),
                        channels=most,
                    )
                )
            except DescriptionError as error:
                raise DescriptionError(
                    f"{place}: sample {k}: {error.place.removeprefix('ChannelSpikes.')}",
                    error.value, error.expected, error.hint,
                ) from None  # fmt: skip
            except OSError as error:
                raise DescriptionError(
                    f"{place}: sample {k}", str(error), "a sample that can be read"
                ) from None
        speakers = file.get("extra/speaker")
        if isinstance(speakers, h5py.Dataset) and len(speakers) != lengths[0]:
            raise DescriptionError(
                f"{place}: extra/speaker", len(speakers), f"{lengths[0]} numbers, one per sample"
            )
        keys = file.get("extra/keys")
        return SpokenWords(
            samples=tuple(found),
            labels=np.asarray(labels)[chosen],
            keys=() if keys is None else tuple(_text(key) for key in np.asarray(keys).ravel()),
            speakers=None if speakers is None else np.asarray(speakers)[chosen],
        )


def write_shd(
    path: str | Path,
    words: SpokenWords,
    *,
    precision: Literal["half", "single", "double"] = "half",
) -> None:
    """Write a file as SHD has them; `read_shd` says what is in it.

    Parameters
    ----------
    path : path
        Is replaced if it exists.
    words : SpokenWords
    precision : {"half", "single", "double"}
        Bits of a time [s]: 16, as the published files have them, which rounds times to 0.5 ms
        between 0.5 and 1 s; 32; or 64.

    Raises
    ------
    DescriptionError
        If `precision` is unknown, there are more than 2^16 channels, or a time is beyond the
        precision.
    """
    import h5py

    if precision not in PRECISIONS:
        raise UnknownNameError("write_shd: precision", precision, PRECISIONS)
    number = PRECISIONS[precision]
    latest = float(np.finfo(number).max)
    for k, sample in enumerate(words):
        if sample.channels > 2**16:
            raise DescriptionError(
                f"write_shd: words[{k}].channels", sample.channels, "at most 65536"
            )
        if len(sample) and sample.times.max() / 1000.0 >= latest:
            raise DescriptionError(
                f"write_shd: words[{k}].times", sample.times, f"times below {latest:g} s"
            )
    n = len(words)
    with h5py.File(path, "w") as file:
        times = file.create_dataset("spikes/times", (n,), dtype=h5py.vlen_dtype(number))
        units = file.create_dataset("spikes/units", (n,), dtype=h5py.vlen_dtype(np.dtype("<u2")))
        for k, sample in enumerate(words):
            times[k] = (sample.times / 1000.0).astype(number)
            units[k] = sample.units.astype("<u2")
        file["labels"] = words.labels.astype(_smallest(words.labels))
        if words.keys:
            file["extra/keys"] = np.array([key.encode() for key in words.keys])
        if words.speakers is not None:
            file["extra/speaker"] = words.speakers.astype(_smallest(words.speakers))


def _chosen(samples: Sequence[int] | slice | None, n: int) -> list[int]:
    if samples is None:
        samples = slice(None)
    if isinstance(samples, slice):
        return list(range(n))[samples]
    wanted: list[int] = to_ints(list(samples), "read_shd: samples").tolist()
    for k in wanted:
        if k >= n:
            raise DescriptionError("read_shd: samples", k, f"samples from 0 to {n - 1}")
    return wanted


def _text(key: Any) -> str:
    return key.decode() if isinstance(key, bytes) else str(key)


def _smallest(numbers: Ints) -> np.dtype[Any]:
    """Return the shortest unsigned type that holds the numbers; SHD has bytes."""
    return np.min_scalar_type(int(numbers.max(initial=0)))
