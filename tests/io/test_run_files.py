"""Run files: what is written is read, and nothing else is."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings

from neurosim.errors import DescriptionError, MissingPackageError
from neurosim.io.runs import FORMAT, file_kind
from neurosim.results import Run
from tests.runs_for_tests import make_run, runs


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    return make_run().save(tmp_path / "run.h5")


@settings(max_examples=25)
@given(run=runs())
def test_a_saved_run_comes_back_bit_for_bit(run: Run) -> None:
    with tempfile.TemporaryDirectory() as folder:
        again = Run.load(run.save(Path(folder) / "run.h5"))
    assert again.same_as(run)
    assert again.provenance == run.provenance
    assert dict(again.colours) == dict(run.colours)
    assert again.states["exc"]["I_exc"].array.dtype == np.float32


def test_a_new_file_replaces_the_old_one(saved: Path) -> None:
    other = make_run(5)
    other.save(str(saved))
    assert Run.load(saved).same_as(other)
    assert os.listdir(saved.parent) == ["run.h5"]


def test_a_write_that_fails_leaves_the_old_file_and_no_rest(
    saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space"):
        make_run(5).save(saved)
    assert os.listdir(saved.parent) == ["run.h5"]
    assert Run.load(saved).same_as(make_run())


@pytest.mark.parametrize("place", ["missing/run.h5", "."])
def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path, place: str) -> None:
    with pytest.raises(DescriptionError, match="save: path"):
        make_run().save(tmp_path / place)


@pytest.mark.parametrize(
    "content", [None, b"", b"not HDF5 at all", b"\x89HDF\r\n\x1a\n and no more"]
)
def test_what_is_no_hdf5_file_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "run.h5"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DescriptionError, match="load: path"):
        Run.load(path)


def test_foreign_and_newer_files_are_refused(saved: Path, tmp_path: Path) -> None:
    foreign = tmp_path / "foreign.h5"
    with h5py.File(foreign, "w") as file:
        file["data"] = [1, 2, 3]
    with pytest.raises(DescriptionError, match=r"written by run\.save"):
        Run.load(foreign)
    with h5py.File(saved, "a") as file:
        file.attrs["schema"] = 2
    with pytest.raises(DescriptionError, match=r"schema is .*2.*newer neurosim"):
        Run.load(saved)


@pytest.mark.parametrize("part", [0.3, 0.6, 0.95])
def test_a_truncated_file_is_refused(saved: Path, part: float) -> None:
    whole = saved.read_bytes()
    saved.write_bytes(whole[: int(part * len(whole))])
    with pytest.raises(DescriptionError, match="load: path"):
        Run.load(saved)


def test_no_flipped_byte_passes_unseen(saved: Path) -> None:
    """Either the file is refused or the run is the same (the byte was in unused space)."""
    whole = saved.read_bytes()
    original, refused = make_run(), 0
    for k in np.random.default_rng(1).integers(0, len(whole), 80).tolist():
        saved.write_bytes(whole[:k] + bytes([whole[k] ^ 0xFF]) + whole[k + 1 :])
        try:
            read = Run.load(saved)
        except DescriptionError:
            refused += 1
        else:
            assert read.same_as(original)
            assert read.provenance == original.provenance
    assert refused > 8


def test_a_changed_array_and_a_changed_header_are_named(saved: Path) -> None:
    with h5py.File(saved, "a") as file:
        file["arrays/0"][3] = 7.0
    with pytest.raises(DescriptionError, match="arrays/0 is not what was written"):
        Run.load(saved)
    with h5py.File(saved, "a") as file:
        file["header"][5] = 65
    with pytest.raises(DescriptionError, match="the header is not what was written"):
        Run.load(saved)


def test_links_to_other_files_are_not_followed(saved: Path, tmp_path: Path) -> None:
    other = make_run().save(tmp_path / "other.h5")
    with h5py.File(saved, "a") as file:
        del file["arrays/0"]
        file["arrays/0"] = h5py.ExternalLink(str(other), "arrays/0")
    with pytest.raises(DescriptionError, match="arrays/0 is not in the file"):
        Run.load(saved)


def test_the_kind_of_a_file(saved: Path, tmp_path: Path) -> None:
    assert file_kind(saved) == FORMAT == "neurosim run"
    text = tmp_path / "text"
    text.write_text("hello")
    assert file_kind(text) is None
    with pytest.raises(DescriptionError, match="existing file"):
        file_kind(tmp_path / "nothing")


def test_without_h5py_the_error_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(MissingPackageError, match="h5py"):
        make_run().save(tmp_path / "run.h5")
