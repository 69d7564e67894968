"""Files of SHD: their layout, the precision of their times, and files that are none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import neurosim as ns
from neurosim_datasets import ChannelSpikes, SpokenWords, read_shd, write_shd
from tests.datasets.event_strategies import channel_spikes


def words(*samples: ChannelSpikes, **changes: Any) -> SpokenWords:
    given: dict[str, Any] = {"samples": samples, "labels": np.arange(len(samples))}
    return SpokenWords(**(given | changes))


def published(path: Path, break_it: Callable[[h5py.File], None] | None = None) -> Path:
    """Write a file as those of SHD are laid out, without our writer."""
    with h5py.File(path, "w") as made:
        times = made.create_dataset("spikes/times", (2,), dtype=h5py.vlen_dtype(np.float16))
        units = made.create_dataset("spikes/units", (2,), dtype=h5py.vlen_dtype(np.uint16))
        times[0], times[1] = np.array([0.1, 1.3], np.float16), np.array([], np.float16)
        units[0], units[1] = np.array([699, 0], np.uint16), np.array([], np.uint16)
        made["labels"] = np.array([11, 3], np.uint8)
        made["extra/speaker"] = np.array([4, 0], np.uint16)
        made["extra/keys"] = np.array([f"word {k}".encode() for k in range(20)])
        made["extra/meta_info/gender"] = np.array([b"female", b"male"])
        if break_it:
            break_it(made)
    return path


def test_the_published_layout(tmp_path: Path) -> None:
    found = read_shd(published(tmp_path / "a.h5"))
    assert found.labels.tolist() == [11, 3]
    assert found.speakers is not None
    assert found.speakers.tolist() == [4, 0]
    assert found.keys[11] == "word 11"
    assert found[0].units.tolist() == [699, 0]
    assert (found[0].channels, len(found[1])) == (700, 0)
    assert repr(found) == "SpokenWords(2 samples of 2 classes, 2 spikes in 700 channels)"


def test_times_are_widened_before_they_are_scaled(tmp_path: Path) -> None:
    """1.3 s in 16 bits is 1.2998046875 s; multiplied by 1000 there it would be 1300 ms."""
    found = read_shd(published(tmp_path / "a.h5"))
    assert found[0].times.tolist() == [float(np.float16(0.1)) * 1000, 1299.8046875]
    assert found[0].times.dtype == np.float64


def test_some_samples_only(tmp_path: Path) -> None:
    path = published(tmp_path / "a.h5")
    assert read_shd(path, samples=[1]).labels.tolist() == [3]
    assert read_shd(path, samples=slice(1)).labels.tolist() == [11]
    with pytest.raises(ns.DescriptionError, match=r"read_shd: samples is 2; .* 0 to 1"):
        read_shd(path, samples=[2])


@settings(max_examples=15)
@given(samples=st.lists(channel_spikes(channels=5), max_size=3), speakers=st.booleans())
def test_what_is_written_is_read(
    samples: list[ChannelSpikes], speakers: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("shd") / "a.h5"
    n = len(samples)
    given = words(*samples, keys=("a", "b", "c"), speakers=np.arange(n) if speakers else None)
    for precision, resolution in (("half", 2**-11), ("single", 2**-24), ("double", 2**-53)):
        write_shd(path, given, precision=precision)  # type: ignore[arg-type]
        found = read_shd(path, channels=5)
        assert found.labels.tolist() == list(range(n))
        assert found.keys == given.keys
        assert (found.speakers is None) == (not speakers)
        for mine, theirs in zip(given, found, strict=True):
            assert np.array_equal(mine.units, theirs.units)
            # Half the distance of two numbers, and of the smallest ones of 16 bits: 2^-25 s.
            allowed = resolution * mine.times * (1 + 1e-9) + (2**-25 * 1000 + 1e-12)
            assert np.all(np.abs(mine.times - theirs.times) <= allowed)
        write_shd(path, found, precision=precision)  # type: ignore[arg-type]
        for once, twice in zip(found, read_shd(path, channels=5), strict=True):
            assert np.array_equal(once.times, twice.times)


def with_other(name: str, values: Any) -> Callable[[h5py.File], None]:
    def change(made: h5py.File) -> None:
        del made[name]
        if values is not None:
            made[name] = values

    return change


def with_sample(name: str, k: int, values: Any) -> Callable[[h5py.File], None]:
    def change(made: h5py.File) -> None:
        made[name][k] = np.array(values, made[name][0].dtype)

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (with_other("labels", None), "labels is None; expected a data set"),
        (with_other("spikes/units", None), "spikes/units is None"),
        (with_other("labels", [1, 2, 3]), r"numbers of times, units and labels is \[2, 2, 3\]"),
        (with_other("extra/speaker", [1]), "extra/speaker is 1; expected 2 numbers"),
        (with_sample("spikes/units", 1, [3]), "sample 1: units .*expected 0 channels"),
        (with_sample("spikes/units", 0, [3, 700]), r"sample 0: units\[1\] is 700"),
        (with_sample("spikes/times", 0, [-0.1, 1]), "sample 0: times"),
        (with_sample("spikes/times", 0, [np.nan, 1]), "sample 0: times"),
    ],
)
def test_malformed_files_are_refused_by_the_sample(
    change: Callable[[h5py.File], None], message: str, tmp_path: Path
) -> None:
    with pytest.raises(ns.DescriptionError, match=message):
        read_shd(published(tmp_path / "a.h5", change))


def test_truncated_files_and_files_of_another_kind(tmp_path: Path) -> None:
    path = published(tmp_path / "a.h5")
    content = path.read_bytes()
    for broken in (content[: len(content) // 2], b"no HDF5", b""):
        path.write_bytes(broken)
        with pytest.raises(ns.DescriptionError, match="an HDF5 file that is whole"):
            read_shd(path)
    with pytest.raises(ns.DescriptionError, match="expected a file"):
        read_shd(tmp_path / "none")


def test_words_that_cannot_be_are_refused(tmp_path: Path) -> None:
    sample = ChannelSpikes(times=np.array([1.0]), units=np.array([0]), channels=5)
    other = ChannelSpikes(times=np.array([1.0]), units=np.array([0]), channels=6)
    for wrong, message in (
        ({"samples": (sample, other)}, r"channels is \[5, 6\]"),
        ({"labels": [1, 2]}, "labels .* 1 numbers"),
        ({"speakers": [1, 2]}, "speakers .* 1 numbers"),
        ({"labels": [2], "keys": ("a", "b")}, "keys .* 3 names"),
        ({"samples": (1,)}, "a list of ChannelSpikes"),
    ):
        with pytest.raises(ns.DescriptionError, match=f"SpokenWords.*{message}"):
            words(sample, **{"labels": [0], **wrong})
    late = ChannelSpikes(times=np.array([1e8]), units=np.array([0]), channels=5)
    with pytest.raises(ns.DescriptionError, match="times below 65504 s"):
        write_shd(tmp_path / "a.h5", words(late))
    with pytest.raises(ns.UnknownNameError, match="precision"):
        write_shd(tmp_path / "a.h5", words(sample), precision="byte")  # type: ignore[arg-type]
    wide = ChannelSpikes(times=np.array([1.0]), units=np.array([0]), channels=70_000)
    with pytest.raises(ns.DescriptionError, match="at most 65536"):
        write_shd(tmp_path / "a.h5", words(wide))
    assert not (tmp_path / "a.h5").exists()
