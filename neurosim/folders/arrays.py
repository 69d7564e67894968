"""Arrays in files that may come from anywhere: whole numbers of 32 bits in an npz, nothing else.

An npz is a zip of arrays, which may hold pickled objects, be a terabyte of zeros in a kilobyte, or
name files elsewhere. What is in it is declared beforehand (names and shapes); names, types and
sizes are looked at in the file before anything is unpacked. Nothing is ever unpickled.
"""

from __future__ import annotations

import io
import math
import zipfile
import zlib
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from neurosim.errors import DescriptionError
from neurosim.folders.package import Arrays

DTYPE = np.dtype("<i4")

MOST_BYTES = 1 << 30
"""Of all arrays of a file together, once they are unpacked."""

MOST_RATIO = 2000
"""Bytes an array may have for each byte that is stored: deflate reaches about 1000."""

LONGEST_HEADER = 1024
"""Bytes of the header of an array."""

Shapes = Mapping[str, tuple[int, ...]]


def packed(arrays: Arrays) -> bytes:
    """Return arrays as a file: the same bytes for the same numbers."""
    file = io.BytesIO()
    np.savez_compressed(file, **{name: as_stored(a) for name, a in arrays.items()})  # type: ignore[arg-type]
    return file.getvalue()


def as_stored(array: npt.NDArray[np.generic]) -> npt.NDArray[np.int32]:
    """Return whole numbers in 32 bits."""
    stored: npt.NDArray[np.int32] = np.ascontiguousarray(array, DTYPE)
    if not np.array_equal(stored, array):
        raise DescriptionError("Numbers of a folder", array, "whole numbers of 32 bits")
    return stored


def digest(array: npt.NDArray[np.generic]) -> str:
    """Return the sha256 of an array's numbers."""
    return sha256(as_stored(array).tobytes()).hexdigest()


def read_arrays(
    path: Path, shapes: Shapes, most_bytes: int = MOST_BYTES
) -> dict[str, npt.NDArray[np.int32]]:
    """Read arrays that were declared.

    Parameters
    ----------
    path : Path
        An npz.
    shapes : mapping of str to tuple of int
        Names and shapes of all arrays that are in it.
    most_bytes : int
        How large they may be together.

    Raises
    ------
    DescriptionError
        If the file is damaged, holds something else, or more.
    """
    place = path.name
    try:
        with zipfile.ZipFile(path) as file:
            entries = file.infolist()
            _check_entries(entries, shapes, place, most_bytes)
            return {
                entry.filename.removesuffix(".npy"): _read(
                    file, entry, shapes[entry.filename.removesuffix(".npy")], place
                )
                for entry in entries
            }
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, NotImplementedError) as error:
        raise DescriptionError(
            place, "damaged", "an npz as numpy.savez writes it", f"{error}. Get it again."
        ) from None


def _check_entries(
    entries: list[zipfile.ZipInfo], shapes: Shapes, place: str, most_bytes: int
) -> None:
    names = [entry.filename for entry in entries]
    wanted = [f"{name}.npy" for name in shapes]
    if sorted(names) != sorted(wanted):
        odd = sorted({*names} ^ {*wanted}) or sorted({n for n in names if names.count(n) > 1})
        raise DescriptionError(
            place, odd[0], "the arrays that the manifest lists, each once", "Nothing was read."
        )
    for entry in entries:
        where = f"{place}: {entry.filename}"
        expected = _bytes_of(shapes[entry.filename.removesuffix(".npy")])
        if entry.flag_bits & 1 or entry.compress_type not in (0, zipfile.ZIP_DEFLATED):
            raise DescriptionError(where, "packed otherwise", "stored, or deflated by numpy")
        if not expected <= entry.file_size <= expected + LONGEST_HEADER:
            raise DescriptionError(
                where, f"of {entry.file_size:,} bytes",
                f"{expected:,} bytes of numbers and a header, as the manifest says",
                "It was not unpacked.",
            )  # fmt: skip
        if entry.file_size > (1 << 20) and entry.file_size > MOST_RATIO * entry.compress_size:
            raise DescriptionError(
                where, f"{entry.file_size:,} bytes out of {entry.compress_size:,}",
                f"at most {MOST_RATIO} out of one", "It was not unpacked.",
            )  # fmt: skip
    total = sum(entry.file_size for entry in entries)
    if total > most_bytes:
        raise DescriptionError(
            place, f"{total:,} bytes of arrays", f"at most {most_bytes:,} bytes",
            "It was not unpacked. If you trust the file: verify(..., most_bytes=...).",
        )  # fmt: skip


def _bytes_of(shape: tuple[int, ...]) -> int:
    return math.prod(shape) * DTYPE.itemsize


def _read(
    file: zipfile.ZipFile, entry: zipfile.ZipInfo, shape: tuple[int, ...], place: str
) -> npt.NDArray[np.int32]:
    where = f"{place}: {entry.filename}"
    with file.open(entry) as stream:
        content = io.BytesIO(stream.read(_bytes_of(shape) + LONGEST_HEADER + 1))
    headers: Any = np.lib.format  # its types are not told
    try:
        if (version := headers.read_magic(content)) != (1, 0):
            raise ValueError(f"format {version} in place of (1, 0)")
        found, fortran, dtype = headers.read_array_header_1_0(
            content, max_header_size=LONGEST_HEADER
        )
    except Exception as error:  # a header made up to confuse its parser: of any kind
        raise DescriptionError(where, "damaged", "an array as numpy saves it", f"{error}") from None
    if dtype.hasobject:
        raise DescriptionError(
            where, "pickled objects", "whole numbers", "Nothing in a folder is ever unpickled."
        )
    if dtype != DTYPE or found != shape or (fortran and len(shape) > 1):
        raise DescriptionError(
            where, f"{dtype} of shape {found}", f"{DTYPE} of shape {shape}, as the manifest says"
        )
    numbers = content.read()
    if len(numbers) != _bytes_of(shape):
        raise DescriptionError(where, f"{len(numbers)} bytes", f"{_bytes_of(shape)} bytes")
    try:
        return np.frombuffer(numbers, DTYPE).reshape(shape)
    except ValueError as error:  # too many axes, or too long ones beside one of none
        raise DescriptionError(where, shape, "a shape that arrays can have", f"{error}.") from None
