"""Files of NIR: HDF5 that is looked at before anything of it is read.

A file may come from anywhere. HDF5 can point out of a file (external links, external and virtual
datasets), go round in circles, name filters that are loaded from disk, and hold a terabyte of zeros
in a kilobyte. None of that has a place in a graph: structure, types and sizes are checked first,
and only numbers and texts are read. Nothing is ever unpickled.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from neurosim.describe.files import open_h5py
from neurosim.errors import DescriptionError
from neurosim_backends.nir.binding import nir

MOST_BYTES = 4 << 30
"""Of all arrays of a file together, unless the caller allows more."""

MOST_OBJECTS = 100_000
"""Groups and datasets of a file."""

DEEPEST = 24
"""Groups within groups: nodes of subgraphs of subgraphs."""

LONGEST_TEXT = 1 << 28
"""Bytes of one text."""

SAFE_FILTERS = frozenset({1, 2, 3, 4, 5, 6, 32000})
"""Deflate, shuffle, checksum, szip, n-bit, scale-offset and lzf; all others are plugins."""

MOST_RATIO = 2000
"""Bytes an array may have for each byte that is stored: deflate reaches about 1000."""


def write_graph(graph: Any, target: Path, place: str) -> None:
    """Write a graph as nir does; an existing file is replaced at once or not at all.

    Raises
    ------
    DescriptionError
        If the file cannot be written.
    """
    try:
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        os.close(handle)
        try:
            nir.write(temporary, graph)
            os.replace(temporary, target)
        except BaseException:
            os.unlink(temporary)
            raise
    except OSError as error:
        expected = f"a file that can be written ({error.strerror or error})"
        raise DescriptionError(place, str(target), expected) from None


def read_graph(path: str | os.PathLike[str], most_bytes: int = MOST_BYTES) -> Any:
    """Read a graph.

    Parameters
    ----------
    path : path
    most_bytes : int
        How large its arrays may be, together, once they are unpacked.

    Returns
    -------
    nir.NIRGraph
        Not yet checked for what its nodes mean.

    Raises
    ------
    DescriptionError
        If there is no such file, it is no HDF5, damaged, holds what a graph has no use for, or is
        too large.
    """
    h5py = open_h5py()
    where = os.fspath(path)
    place = f"NIR file {where!r}"
    if not Path(where).is_file():
        raise DescriptionError(place, "not there", "an HDF5 file that nir.write wrote")
    if not h5py.is_hdf5(where):
        raise DescriptionError(
            place, "something else", "an HDF5 file that nir.write wrote",
            "It may be cut off, or of another kind: get it again.",
        )  # fmt: skip
    try:
        with h5py.File(where, "r") as file:
            content = _Reader(h5py, place, most_bytes).read(file)
    except DescriptionError:
        raise
    except (OSError, KeyError, RuntimeError, TypeError, ValueError, UnicodeError) as error:
        raise damaged(place, error) from error
    if not isinstance(content, dict):
        raise damaged(place, "'node' is no group")
    return graph_from(content, place)


def damaged(place: str, reason: object) -> DescriptionError:
    """Return the error for a file whose contents make no sense."""
    return DescriptionError(
        place, "damaged", "an HDF5 file that nir.write wrote", f"{reason}. Get or write it again."
    )


def graph_from(content: dict[str, Any], place: str) -> Any:
    """Return a graph from what a file says of it.

    Raises
    ------
    DescriptionError
        Naming the node that nir itself refuses.
    """
    known = {c.__name__ for c in nir.NIRNode.__subclasses__()}

    def make(said: Any, name: str) -> Any:
        if not isinstance(said, dict) or not isinstance(said.get("type"), str):
            raise damaged(place, f"node {name!r} does not say what it is")
        said = dict(said)
        kind = said["type"]
        if kind not in known:
            raise DescriptionError(
                f"{place}: node {name!r}", kind, f"one of {', '.join(sorted(known))}",
                f"These are the primitives of nir {nir.version}.",
            )  # fmt: skip
        try:
            if kind == "NIRGraph":
                nodes, edges = said.get("nodes"), said.get("edges")
                if not isinstance(nodes, dict) or edges is None:
                    raise damaged(place, f"graph {name!r} has no nodes or no edges")
                metadata = said.get("metadata", {})
                return nir.NIRGraph(
                    nodes={k: make(v, k) for k, v in nodes.items()}, edges=_edges(edges, place),
                    metadata=metadata if isinstance(metadata, dict) else {}, type_check=False,
                )  # fmt: skip
            shape = said.pop("shape", None)
            if kind in ("Input", "Output"):
                word = "input" if kind == "Input" else "output"
                said[f"{word}_type"] = {word: _shape(shape, place, name)}
                metadata = said.get("metadata", {})
                return getattr(nir, kind)(said[f"{word}_type"], metadata=metadata)
            if kind in ("Conv1d", "Conv2d"):
                said.setdefault("input_shape", None)  # nir writes none where it knows none
            return nir.dict2NIRNode(said)
        except DescriptionError:
            raise
        except (
            AssertionError,
            AttributeError,
            IndexError,
            KeyError,
            TypeError,
            ValueError,
        ) as error:
            reason = f"node {name!r} ({kind}): {type(error).__name__}: {error}"
            raise damaged(place, reason) from error

    graph = make(content, "")
    if not isinstance(graph, nir.NIRGraph):
        graph = make(
            {"type": "NIRGraph", "nodes": {"node": content}, "edges": np.empty((0, 2), object)}, ""
        )
    return graph


def _shape(shape: Any, place: str, name: str) -> Any:
    array = np.asarray(shape)
    if array.ndim != 1 or array.dtype.kind not in "iu" or np.any(array < 1):
        raise damaged(place, f"the shape of node {name!r} is {shape!r}")
    return array


def _edges(edges: Any, place: str) -> list[tuple[str, str]]:
    array = np.asarray(edges)
    if array.size == 0:
        return []
    if array.ndim != 2 or array.shape[1] != 2:
        raise damaged(place, f"edges of shape {array.shape}")
    rows = [[e.decode() if isinstance(e, bytes) else e for e in row] for row in array.tolist()]
    if not all(isinstance(e, str) for row in rows for e in row):
        raise damaged(place, "edges that are no pairs of names")
    return [(row[0], row[1]) for row in rows]


class _Reader:
    """Walks through a file twice: to look, and to read."""

    def __init__(self, h5py: Any, place: str, most_bytes: int) -> None:
        self.h5py, self.place, self.most_bytes = h5py, place, most_bytes
        self.objects = 0
        self.bytes = 0
        self.stored = 0
        self.seen: set[Any] = set()

    def read(self, file: Any) -> Any:
        if file.get("node", getlink=True) is None:
            raise DescriptionError(
                self.place, "without a group 'node'", "an HDF5 file that nir.write wrote",
                "Networks of neurosim's own are read with ns.load.",
            )  # fmt: skip
        self._look(file, "node", "/node", 0)
        return self._take(file["node"])

    def _refuse(self, path: str, what: str) -> DescriptionError:
        return DescriptionError(
            f"{self.place}: {path}", what, "numbers and texts in groups, as nir.write writes them",
            "It was not read.",
        )  # fmt: skip

    def _look(self, group: Any, name: str, path: str, depth: int) -> None:
        link = group.get(name, getlink=True)
        if not isinstance(link, self.h5py.HardLink):
            raise self._refuse(path, "a link to elsewhere")
        if depth > DEEPEST:
            raise self._refuse(path, f"nested more than {DEEPEST} deep")
        self.objects += 1
        if self.objects > MOST_OBJECTS:
            raise self._refuse(path, f"one of more than {MOST_OBJECTS:,} parts")
        found = group[name]
        key = self.h5py.h5o.get_info(found.id).addr
        if key in self.seen:
            raise self._refuse(path, "a link to what stands elsewhere in the file")
        self.seen.add(key)
        if isinstance(found, self.h5py.Group):
            for inner in found:
                self._look(found, inner, f"{path}/{inner}", depth + 1)
        elif isinstance(found, self.h5py.Dataset):
            self._look_at_array(found, path)
        else:
            raise self._refuse(path, "a named type")

    def _look_at_array(self, found: Any, path: str) -> None:
        made = found.id.get_create_plist()
        if found.is_virtual or made.get_external_count():
            raise self._refuse(path, "an array that lies in another file")
        for k in range(made.get_nfilters()):
            if made.get_filter(k)[0] not in SAFE_FILTERS:
                raise self._refuse(path, f"packed by the plugin {made.get_filter(k)[0]}")
        text = self.h5py.check_string_dtype(found.dtype) is not None
        if not text and found.dtype.kind not in "biuf":
            raise self._refuse(path, f"of type {found.dtype}")
        if found.shape is None:
            raise self._refuse(path, "without a value")
        size = int(np.prod(found.shape, dtype=object)) * found.dtype.itemsize
        self.bytes += size
        if self.bytes > self.most_bytes:
            raise DescriptionError(
                f"{self.place}: {path}", f"of shape {found.shape}",
                f"arrays of at most {self.most_bytes:,} bytes together",
                "If you trust the file: from_nir(..., most_bytes=...).",
            )  # fmt: skip
        stored = found.id.get_storage_size()
        if size > (1 << 20) and size > MOST_RATIO * max(stored, 1):
            raise self._refuse(path, f"{size:,} bytes out of {stored:,}")

    def _take(self, found: Any) -> Any:
        if isinstance(found, self.h5py.Group):
            return {str(name): self._take(found[name]) for name in found}
        value = found[()]
        if isinstance(value, bytes):
            if len(value) > LONGEST_TEXT:
                raise self._refuse(found.name, f"a text of {len(value):,} bytes")
            return value.decode()
        if isinstance(value, (np.bool_, np.integer, np.floating)):
            return value.item() if found.name.endswith(("_dim", "groups")) else value
        return value
