"""The manifest of a folder: which files there are, what they mean, and how to know them again."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from neurosim.errors import DescriptionError

SCHEMA = "neurosim folder 1"

MANIFEST = "manifest.json"

MOST_TEXT = 64 << 20
"""Bytes of a manifest."""

MOST_FILE = 4 << 30
"""Bytes of any other file."""

MOST_AXES = 32
"""Of an array: what every numpy has."""

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
"""Of files: none of these leads out of a folder."""


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What a manifest says, checked for what can be said at all.

    Attributes
    ----------
    folder : Path
    backend : str
    digest : str
        sha256 of the manifest itself.
    files : dict
        Name -> (bytes, sha256).
    shapes : dict
        File -> array -> shape.
    digests, about : dict
        File -> array -> sha256 of its numbers; what it is.
    nir : str or None
        The file.
    content : dict
        Everything.
    """

    folder: Path
    backend: str
    digest: str
    files: Mapping[str, tuple[int, str]]
    shapes: Mapping[str, Mapping[str, tuple[int, ...]]]
    digests: Mapping[str, Mapping[str, str]]
    about: Mapping[str, Mapping[str, str]]
    nir: str | None
    content: Mapping[str, Any]


def take(data: Any, key: str, kind: type | tuple[type, ...], place: str) -> Any:
    """Return an entry of what JSON said.

    Raises
    ------
    DescriptionError
        If there is none, or it is of another kind; True is no number.
    """
    where = f"{place}: {key}"
    if not isinstance(data, dict) or key not in data:
        raise DescriptionError(where, None, "an entry of the manifest")
    value = data[key]
    kinds = kind if isinstance(kind, tuple) else (kind,)
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        words = " or ".join("null" if k is type(None) else k.__name__ for k in kinds)
        raise DescriptionError(where, value, words)
    return value


def whole(data: Any, key: str, low: int, high: int, place: str) -> int:
    """Return a whole number from `low` to `high` of what JSON said."""
    value: int = take(data, key, int, place)
    if not low <= value <= high:
        raise DescriptionError(f"{place}: {key}", value, f"a whole number from {low} to {high}")
    return value


def number(data: Any, key: str, place: str, *, null: bool = False) -> float | None:
    """Return a finite number of what JSON said; or None, where that may stand."""
    value = take(data, key, (int, float, type(None)) if null else (int, float), place)
    if value is None:
        return None
    try:
        if math.isfinite(found := float(value)):
            return found
    except OverflowError:
        pass
    raise DescriptionError(f"{place}: {key}", value, "a number that double precision can hold")


def as_path(path: Any, place: str, expected: str) -> Path:
    """Return a path that the file system can have a name for.

    Raises
    ------
    DescriptionError
        If it is no path, too long, or holds characters that names cannot.
    """
    try:
        found = Path(path)
        os.lstat(found)
    except (FileNotFoundError, NotADirectoryError):
        return found
    except (TypeError, ValueError, OSError) as error:
        raise DescriptionError(place, path, expected, f"It says: {error}.") from None
    return found


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a folder.

    Raises
    ------
    DescriptionError
        If there is none, it is damaged, or names what is not in the folder.
    """
    path = folder / MANIFEST
    if not folder.is_dir():
        raise DescriptionError("verify: folder", str(folder), "a folder that ns.export wrote")
    if not path.is_file() or path.is_symlink():
        raise DescriptionError(f"{folder}: {MANIFEST}", None, "a file that ns.export wrote")
    if (size := path.stat().st_size) > MOST_TEXT:
        raise DescriptionError(f"{MANIFEST}", f"{size:,} bytes", f"at most {MOST_TEXT:,} bytes")
    raw = path.read_bytes()
    try:
        content = json.loads(raw.decode())
    except (ValueError, RecursionError) as error:
        raise DescriptionError(MANIFEST, "damaged", "JSON", f"{error}") from None
    if b"\\ud" in raw.lower():
        _check_texts(content)
    if (schema := take(content, "schema", str, MANIFEST)) != SCHEMA:
        raise DescriptionError(
            f"{MANIFEST}: schema", schema, repr(SCHEMA), "Another version of neurosim wrote it."
        )
    files = take(content, "files", dict, MANIFEST)
    known = {}
    for name in files:
        place = f"{MANIFEST}: files"
        confined(name, place)
        said = take(files, name, dict, place)
        size = whole(said, "bytes", 0, MOST_FILE, f"{place}: {name}")
        known[name] = (size, str(take(said, "sha256", str, f"{place}: {name}")))
    shapes: dict[str, dict[str, tuple[int, ...]]] = {}
    digests: dict[str, dict[str, str]] = {}
    about: dict[str, dict[str, str]] = {}
    for file, listed in take(content, "arrays", dict, MANIFEST).items():
        place = f"{MANIFEST}: arrays"
        if file not in known:
            raise DescriptionError(place, file, "one of the files that are listed")
        for name in take(content["arrays"], file, dict, place):
            where = f"{place}: {file}: {name}"
            said = take(listed, name, dict, place)
            shape = take(said, "shape", list, where)
            if not all(isinstance(n, int) and 0 <= n < 2**31 for n in shape):
                raise DescriptionError(f"{where}: shape", shape, "whole numbers")
            if len(shape) > MOST_AXES:
                expected = f"at most {MOST_AXES} axes"
                raise DescriptionError(f"{where}: shape", f"of {len(shape)} axes", expected)
            shapes.setdefault(file, {})[name] = tuple(shape)
            digests.setdefault(file, {})[name] = str(take(said, "sha256", str, where))
            about.setdefault(file, {})[name] = str(take(said, "about", str, where))
    nir = take(take(content, "nir", dict, MANIFEST), "file", (str, type(None)), f"{MANIFEST}: nir")
    if nir is not None and nir not in known:
        raise DescriptionError(f"{MANIFEST}: nir", nir, "one of the files that are listed")
    return Manifest(
        folder=folder, backend=take(content, "backend", str, MANIFEST),
        digest=sha256(raw).hexdigest(), files=known, shapes=shapes, digests=digests, about=about,
        nir=nir, content=content,
    )  # fmt: skip


def _check_texts(content: Any) -> None:
    """Refuse halves of characters, which JSON can hold and nothing can write or print."""
    rest = [(MANIFEST, content)]
    while rest:
        place, value = rest.pop()
        if isinstance(value, dict):
            for key in value:
                _check_text(key, f"{place}: name of an entry")
            rest += [(f"{place}: {key}", kept) for key, kept in value.items()]
        elif isinstance(value, list):
            rest += [(f"{place}[{k}]", kept) for k, kept in enumerate(value)]
        elif isinstance(value, str):
            _check_text(value, place)


def _check_text(text: str, place: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise DescriptionError(place, text, "a text that UTF-8 can write", f"{error}.") from None


def confined(name: str, place: str) -> str:
    """Return the name of a file in the folder itself.

    Raises
    ------
    DescriptionError
        If it leads elsewhere.
    """
    if not NAME.fullmatch(name) or name == MANIFEST:
        raise DescriptionError(
            place, name, "the name of a file in the folder itself: letters, digits, _ . and -",
            "Nothing outside of the folder is read.",
        )  # fmt: skip
    return name
