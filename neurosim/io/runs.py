"""Runs in HDF5 files: written whole or not at all, checked when read, nothing ever executed.

    header            JSON as bytes: everything but the arrays, and for each array its dtype,
                      shape and SHA-256
    arrays/0, 1, ...  the arrays, compressed without loss
    attributes        format = "neurosim run", schema = 1, sha256 of the header

Names of populations stand in the header only, so that they may hold any character.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from neurosim.errors import DescriptionError, MissingPackageError
from neurosim.records import RunLike, SpikeRecord, Trace

FORMAT = "neurosim run"
SCHEMA = 1


def save_run(path: str | Path, run: RunLike) -> Path:
    """Write a run and return its path; an existing file is replaced once the new one is complete.

    Raises
    ------
    DescriptionError
        If the folder does not exist or the path is a folder.
    MissingPackageError
        Without h5py.
    """
    h5py = _h5py()
    target = Path(path)
    if not target.parent.is_dir():
        raise DescriptionError("save: path", str(path), "a file in a folder that exists")
    if target.is_dir():
        raise DescriptionError("save: path", str(path), "the name of a file, not of a folder")
    arrays: list[npt.NDArray[Any]] = []

    def put(array: npt.NDArray[Any]) -> dict[str, Any]:
        arrays.append(np.ascontiguousarray(array))
        shape, digest = list(array.shape), _digest(arrays[-1])
        return {
            "array": len(arrays) - 1,
            "dtype": array.dtype.str,
            "shape": shape,
            "sha256": digest,
        }

    def spikes(record: SpikeRecord) -> dict[str, Any]:
        recorded = None if record.recorded is None else put(record.recorded)
        parts = {"times": put(record.times), "ids": put(record.ids), "recorded": recorded}
        return parts | {"size": record.size, "interval": list(record.interval)}

    def samples(trace: Trace) -> dict[str, Any]:
        parts = {"array": put(trace.array), "times": put(trace.times), "ids": put(trace.ids)}
        return parts | {"unit": trace.unit, "reduce": trace.reduce}

    # Pairs instead of objects keep the order of names whatever reads the file.
    header = {
        "name": run.name,
        "interval": list(run.interval),
        "populations": [[k, n] for k, n in run.populations.items()],
        "colours": [[k, c] for k, c in run.colours.items()],
        "provenance": dict(run.provenance),
        "spikes": [[k, spikes(s)] for k, s in run.spikes.items()],
        "states": [
            [k, [[v, samples(t)] for v, t in traces.items()]] for k, traces in run.states.items()
        ],
        "weights": [[k, samples(t)] for k, t in run.weights.items()],
    }
    text = np.frombuffer(json.dumps(header, allow_nan=False).encode(), dtype=np.uint8)
    part = target.with_name(f".{target.name}.{secrets.token_hex(6)}.part")
    try:
        with h5py.File(part, "x") as file:
            file.attrs["format"] = FORMAT
            file.attrs["schema"] = SCHEMA
            file.attrs["sha256"] = _digest(text)
            file.create_dataset("header", data=text)
            group = file.create_group("arrays")
            for k, array in enumerate(arrays):
                # Level 1: spike trains shrink to a third; higher levels gain little and cost much.
                pack = {"compression": "gzip", "compression_opts": 1, "shuffle": True}
                group.create_dataset(str(k), data=array, **(pack if array.size else {}))
        with open(part, "rb") as done:
            os.fsync(done.fileno())
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)
    return target


def load_run(path: str | Path) -> dict[str, Any]:
    """Return the parts of a run: the keyword arguments of `Run`, records and traces as mappings.

    Raises
    ------
    DescriptionError
        If there is no such file, it is no run of neurosim, it has a newer schema, or any part of
        it is not what was written.
    MissingPackageError
        Without h5py.
    """
    h5py = _h5py()
    if not Path(path).is_file():
        raise DescriptionError("load: path", str(path), "an existing file")
    try:
        file = h5py.File(path, "r")
    except OSError as reason:
        raise DescriptionError(
            "load: path", str(path), "a complete HDF5 file written by run.save", f"HDF5: {reason}"
        ) from None
    with file:
        try:
            return _checked_parts(h5py, file, str(path))
        except DescriptionError:
            raise
        except (KeyError, ValueError, TypeError, IndexError, OSError, RuntimeError) as reason:
            expected = "an undamaged file written by run.save"
            raise DescriptionError("load: path", str(path), expected, f"Damage: {reason}") from None


def file_kind(path: str | Path) -> str | None:
    """Return the ``format`` attribute of an HDF5 file ("neurosim run" for runs), None if none.

    Raises
    ------
    DescriptionError
        If there is no such file.
    """
    if not Path(path).is_file():
        raise DescriptionError("load: path", str(path), "an existing file")
    with open(path, "rb") as start:
        if start.read(8) != b"\x89HDF\r\n\x1a\n":
            return None
    h5py = _h5py()
    try:
        with h5py.File(path, "r") as file:
            kind = file.attrs.get("format")
    except OSError:
        return None
    return kind if isinstance(kind, str) else None


def _checked_parts(h5py: Any, file: Any, path: str) -> dict[str, Any]:
    if file.attrs.get("format") != FORMAT:
        raise DescriptionError("load: path", path, "a file written by run.save")
    schema = file.attrs.get("schema")
    if schema != SCHEMA:
        hint = f"The file is {path}; a newer neurosim may read it."
        raise DescriptionError("load: schema", schema, f"{SCHEMA}", hint)
    text = _dataset(h5py, file, "header", np.dtype(np.uint8), None)
    if _digest(text) != file.attrs["sha256"]:
        raise ValueError("the header is not what was written")
    return _parts(h5py, file, json.loads(text.tobytes()))


def _parts(h5py: Any, file: Any, header: Mapping[str, Any]) -> dict[str, Any]:
    def get(entry: Mapping[str, Any]) -> npt.NDArray[Any]:
        name = f"arrays/{int(entry['array'])}"
        shape = tuple(int(n) for n in entry["shape"])
        array = _dataset(h5py, file, name, np.dtype(entry["dtype"]), shape)
        if _digest(array) != entry["sha256"]:
            raise ValueError(f"{name} is not what was written")
        return array

    def spikes(entry: Mapping[str, Any]) -> dict[str, Any]:
        recorded = None if entry["recorded"] is None else get(entry["recorded"])
        arrays = {"times": get(entry["times"]), "ids": get(entry["ids"]), "recorded": recorded}
        return arrays | {"size": entry["size"], "interval": tuple(entry["interval"])}

    def samples(entry: Mapping[str, Any]) -> dict[str, Any]:
        arrays = {name: get(entry[name]) for name in ("array", "times", "ids")}
        return arrays | {"unit": entry["unit"], "reduce": entry["reduce"]}

    return {
        "name": header["name"],
        "interval": tuple(header["interval"]),
        "populations": dict(header["populations"]),
        "colours": dict(header["colours"]),
        "provenance": header["provenance"],
        "spikes": {k: spikes(s) for k, s in header["spikes"]},
        "states": {k: {v: samples(t) for v, t in traces} for k, traces in header["states"]},
        "weights": {k: samples(t) for k, t in header["weights"]},
    }


def _dataset(
    h5py: Any, file: Any, name: str, dtype: np.dtype[Any], shape: tuple[int, ...] | None
) -> npt.NDArray[Any]:
    """Read a dataset that lies in this very file: links could lead to others on the machine."""
    if not isinstance(file.get(name, getlink=True), h5py.HardLink):
        raise ValueError(f"{name} is not in the file")
    data = file[name]
    if not isinstance(data, h5py.Dataset) or data.external or data.is_virtual:
        raise ValueError(f"{name} is not in the file")
    if data.dtype != dtype or (shape is not None and data.shape != shape):
        raise ValueError(f"{name} is {data.dtype} {data.shape}, not {dtype} {shape}")
    array: npt.NDArray[Any] = np.asarray(data[...])
    return array


def _digest(array: npt.NDArray[Any]) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).data).hexdigest()


def _h5py() -> Any:
    try:
        import h5py
    except ImportError:
        raise MissingPackageError("h5py", "Saving and loading runs", "all") from None
    return h5py
