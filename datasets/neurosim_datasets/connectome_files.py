"""Connectomes from files: .mat, .npz, .csv and text, archives of The Virtual Brain, HDF5 of MATLAB.

Files do not say whether a row is a source or a target. Where the matrix is not symmetric, `rows`
must; only archives of The Virtual Brain have a convention, target by source.
"""

from __future__ import annotations

import bz2
import csv
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from neurosim.errors import DescriptionError
from neurosim_datasets.connectome import Connectome, Floats, Rows

WEIGHTS = ("weights", "sc", "cmat", "connectivity", "structural_connectivity", "c", "w")
LENGTHS = ("tract_lengths", "lengths", "len", "dmat", "lengthmat", "distances", "l", "d")
LABELS = ("labels", "region_labels", "regions", "names")
CENTRES = ("centres", "centers", "positions", "coordinates")
"""Names under which the field keeps these in .mat and .npz files; case does not matter."""

SUFFIXES = (".mat", ".npz", ".csv", ".tsv", ".txt", ".zip")


def read_connectome(
    path: str | Path,
    lengths: str | Path | None = None,
    *,
    rows: Rows | None = None,
    weights_name: str | None = None,
    lengths_name: str | None = None,
    labels: Sequence[str] | None = None,
    centres: Any = None,
    diagonal: Literal["refuse", "zero"] = "refuse",
) -> Connectome:
    """Read a connectome.

    Parameters
    ----------
    path : path
        - ``.npz``, ``.mat`` (all versions of MATLAB): weights, and perhaps lengths, labels
          and centres, under their usual names or the names given below;
        - ``.csv``, ``.tsv``, ``.txt``: a matrix of weights, perhaps with a row or a column of
          labels;
        - ``.zip``, or a folder: ``weights.txt``, ``tract_lengths.txt``, ``centres.txt`` as The
          Virtual Brain keeps them (perhaps packed, ``.txt.bz2``). They are target by source.
    lengths : path, optional
        File of the tract lengths [mm], where they stand apart.
    rows : {"sources", "targets"}, optional
        What the rows of the matrices in the file are. May be left out if they are symmetric, and
        for archives of The Virtual Brain.
    weights_name, lengths_name : str, optional
        Names within a .mat or .npz file.
    labels : sequence of str, optional
        Names of the regions, instead of those in the file.
    centres : (n, 3) array, optional
        Places of the regions [mm], instead of those in the file.
    diagonal : {"refuse", "zero"}
        What to do with numbers on the diagonal of the weights.

    Raises
    ------
    DescriptionError
        If the file has no such matrix, more than one that might be meant, something that is no
        number, or weights that no `Connectome` has; if `rows` is missing.
    FileNotFoundError
        If there is no such file.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"There is no connectome {str(path)!r}.")
    if path.is_dir() or path.suffix.lower() == ".zip":
        content = _folder(path) if path.is_dir() else _archive(path)
        found = _virtual_brain(content, str(path))
        convention: Rows | None = "targets"
    else:
        found = _tables(path, weights_name, lengths_name if lengths is None else None)
        convention = None
    if lengths is not None:
        apart = Path(lengths)
        if not apart.exists():
            raise FileNotFoundError(f"There are no tract lengths {str(apart)!r}.")
        found["lengths"] = _lengths_apart(apart, lengths_name)
    if rows is not None and convention is not None and rows != convention:
        raise DescriptionError(
            f"{path.name}: rows", rows, "'targets', as The Virtual Brain writes its matrices"
        )
    rows = rows or convention
    matrices = [found["weights"], found.get("lengths")]
    if rows is None and not all(m is None or _symmetric(m) for m in matrices):
        raise DescriptionError(
            f"{path.name}: rows",
            None,
            "'sources' or 'targets', since the matrix is not symmetric",
            "The file does not say which its rows are.",
        )
    return Connectome(
        weights=found["weights"],
        lengths=found.get("lengths"),
        labels=tuple(labels) if labels is not None else found.get("labels", ()),
        centres=centres if centres is not None else found.get("centres"),
        source=path.name,
        rows=rows or "sources",
        diagonal=diagonal,
    )


def _symmetric(matrix: Any) -> bool:
    array = np.asarray(matrix)
    return array.ndim == 2 and np.array_equal(array, array.T, equal_nan=array.dtype.kind == "f")


# --- .npz and .mat: arrays with names


def _tables(path: Path, weights_name: str | None, lengths_name: str | None) -> dict[str, Any]:
    """Return weights, and what else there is, of a file that is no archive."""
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise DescriptionError(
            "read_connectome: path",
            str(path),
            f"a folder or a file ending in {', '.join(SUFFIXES)}",
        )
    if suffix not in (".npz", ".mat"):
        weights, labels = _text_matrix(path.read_text(encoding="utf-8-sig"), path.name)
        return {"weights": weights} | ({"labels": labels} if labels else {})
    arrays = _named_arrays(path)
    found: dict[str, Any] = {}
    found["weights"] = _pick(arrays, weights_name, WEIGHTS, path.name, "weights")
    for key, name, usual in (("lengths", lengths_name, LENGTHS), ("centres", None, CENTRES)):
        array = _pick(arrays, name, usual, path.name, key, needed=name is not None)
        if array is not None:
            found[key] = array
    names = _pick(arrays, None, LABELS, path.name, "labels", needed=False)
    if names is not None:
        found["labels"] = _texts(names, path.name)
    return found


def _lengths_apart(path: Path, name: str | None) -> Any:
    """Return the matrix of a file that holds lengths only."""
    if path.suffix.lower() in (".npz", ".mat"):
        return _pick(_named_arrays(path), name, LENGTHS, path.name, "lengths")
    return _text_matrix(path.read_text(encoding="utf-8-sig"), path.name)[0]


def _named_arrays(path: Path) -> dict[str, Any]:
    if path.suffix.lower() == ".npz":
        with np.load(path, allow_pickle=False) as arrays:
            return dict(arrays)
    import h5py

    if h5py.is_hdf5(path):  # MATLAB 7.3; its columns are the rows of HDF5
        with h5py.File(path) as file:
            return {
                name: np.asarray(item).T
                for name, item in file.items()
                if isinstance(item, h5py.Dataset) and item.dtype.kind in "iuf"
            }
    from scipy.io import loadmat

    return {k: v for k, v in loadmat(path).items() if not k.startswith("__")}


def _pick(
    arrays: Mapping[str, Any],
    name: str | None,
    usual: Iterable[str],
    file: str,
    what: str,
    *,
    needed: bool = True,
) -> Any:
    """Return the array of this name, or of the one usual name that the file has."""
    if name is not None:
        if name not in arrays:
            raise DescriptionError(
                f"{file}: {what}_name", name, f"one of {', '.join(map(repr, arrays))}"
            )
        return arrays[name]
    by_lower: dict[str, list[str]] = {}
    for key in arrays:
        by_lower.setdefault(key.lower(), []).append(key)
    fitting = [key for known in usual for key in by_lower.get(known, ())]
    if len(fitting) == 1:
        return arrays[fitting[0]]
    if not fitting and not needed:
        return None
    if not fitting and len(arrays) == 1 and what != "labels":
        return next(iter(arrays.values()))
    listed = ", ".join(map(repr, fitting or arrays)) or "(the file is empty)"
    raise DescriptionError(
        f"{file}: {what}",
        listed,
        f"exactly one array that holds the {what}",
        f"Say which with {what}_name=." if what in ("weights", "lengths") else None,
    )


def _texts(names: Any, file: str) -> tuple[str, ...]:
    """Return labels, of an array of texts or of a cell array of MATLAB."""
    flat = [entry.item() if isinstance(entry, np.ndarray) and entry.size == 1 else entry
            for entry in np.asarray(names).ravel()]  # fmt: skip
    if not all(isinstance(entry, str) for entry in flat):
        raise DescriptionError(f"{file}: labels", names, "texts", "Give them with labels=.")
    return tuple(str(entry).strip() for entry in flat)


# --- text


def _text_matrix(text: str, file: str) -> tuple[Floats, tuple[str, ...]]:
    """Return the matrix of a text, and the labels of its first row or column, if it has any."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if not lines:
        raise DescriptionError(file, text, "a matrix, one row per line")
    mark = next((m for m in (",", ";", "\t") if m in lines[0]), None)
    if mark is None:
        cells = [line.split() for line in lines]
    else:
        cells = [[c.strip() for c in row] for row in csv.reader(lines, delimiter=mark)]
    labels: tuple[str, ...] = ()
    if not any(_is_number(cell) for cell in cells[0]):
        header = cells.pop(0)
        labels = tuple(header[1:] if cells and len(header) == len(cells) + 1 else header)
    if cells and len(cells[0]) == len(cells) + 1 and not all(_is_number(r[0]) for r in cells):
        column = tuple(row[0] for row in cells)
        if labels and labels != column:
            raise DescriptionError(f"{file}: labels", column, f"those of the first row, {labels}")
        labels, cells = column, [row[1:] for row in cells]
    widths = {len(row) for row in cells}
    if len(widths) != 1:
        expected = "rows of the same length"
        raise DescriptionError(f"{file}: numbers per row", sorted(widths), expected)
    for k, row in enumerate(cells):
        for j, cell in enumerate(row):
            if not _is_number(cell):
                raise DescriptionError(f"{file}: row {k}, column {j}", cell, "a number")
    return np.array(cells, dtype=np.float64), labels


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


# --- The Virtual Brain


def _archive(path: Path) -> dict[str, str]:
    """Return the texts of an archive by their names, folders left out."""
    with zipfile.ZipFile(path) as archive:
        return dict(
            _unpacked(name, archive.read(name))
            for name in archive.namelist()
            if name.endswith((".txt", ".txt.bz2")) and not name.startswith("__MACOSX")
        )


def _folder(path: Path) -> dict[str, str]:
    files = [*path.glob("*.txt"), *path.glob("*.txt.bz2")]
    return dict(_unpacked(file.name, file.read_bytes()) for file in files)


def _unpacked(name: str, content: bytes) -> tuple[str, str]:
    """Return the name without folders and packing, and the text."""
    if name.endswith(".bz2"):
        content = bz2.decompress(content)
    return Path(name).name.removesuffix(".bz2"), content.decode("utf-8-sig")


def _virtual_brain(texts: Mapping[str, str], place: str) -> dict[str, Any]:
    """Return weights and, where they exist, lengths, labels and centres of a connectivity."""

    def one(*words: str) -> str | None:
        fitting = sorted(name for name in texts if name.startswith(words))
        if len(fitting) > 1:
            expected = f"one file whose name begins with {words[0]!r}"
            raise DescriptionError(place, fitting, expected)
        return fitting[0] if fitting else None

    file = one("weights")
    if file is None:
        raise DescriptionError(place, sorted(texts), "a file weights.txt among them")
    found: dict[str, Any] = {"weights": _text_matrix(texts[file], file)[0]}
    if tracts := one("tract_lengths"):
        found["lengths"] = _text_matrix(texts[tracts], tracts)[0]
    if places := one("centres", "centers"):
        lines = [line.split() for line in texts[places].splitlines() if line.strip()]
        for line in lines:  # in some archives more words follow
            if len(line) < 4 or not all(map(_is_number, line[1:4])):
                told = " ".join(line)
                raise DescriptionError(f"{place}: {places}", told, "a label and three numbers")
        found["labels"] = tuple(line[0] for line in lines)
        found["centres"] = np.array([line[1:4] for line in lines], dtype=np.float64)
    return found
