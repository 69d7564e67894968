"""Networks in files: one self-contained HDF5 file, JSON for structure, datasets for arrays.

Nothing is pickled: reading a file runs none of its contents. Every value is made again by its
class, so a file holds nothing that could not have been written in a script.
"""

from __future__ import annotations

import importlib
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from neurosim.describe.contents import Contents
from neurosim.describe.hashing import network_hash
from neurosim.describe.population import View
from neurosim.errors import DescriptionError, MissingPackageError
from neurosim.units import Quantity, Unit

FORMAT = "neurosim network"
SCHEMA = 1
"""Raised whenever older versions could misread a file."""

MODULES = (
    "neurosim.describe.binary",
    "neurosim.describe.coupling",
    "neurosim.describe.currents",
    "neurosim.describe.distributions",
    "neurosim.describe.explicit",
    "neurosim.describe.formulas",
    "neurosim.describe.history",
    "neurosim.describe.interactions",
    "neurosim.describe.learning",
    "neurosim.describe.neurons",
    "neurosim.describe.pattern_coupling",
    "neurosim.describe.patterns",
    "neurosim.describe.plasticity",
    "neurosim.describe.positions",
    "neurosim.describe.rules",
    "neurosim.describe.sources",
    "neurosim.describe.synapses",
)
"""Where the classes stand that a network is made of; `NeuronModel` is added to them."""


def save_network(network: Contents, path: str | os.PathLike[str]) -> None:
    """Write `network` to `path`; an existing file is replaced at once or not at all.

    Raises
    ------
    DescriptionError
        If a part of the network is no value of a class that can be read back, the folder does not
        exist, or the path is a folder.
    OSError
        If the file cannot be written.
    """
    h5py = open_h5py()
    arrays: list[np.ndarray[Any, Any]] = []
    content = network_content(network, arrays)
    target = Path(path)
    if not target.parent.is_dir():
        raise DescriptionError("save: path", str(path), "a file in a folder that exists")
    if target.is_dir():
        raise DescriptionError("save: path", str(path), "the name of a file, not of a folder")
    # In the same folder: replacing is atomic within one file system only.
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    os.close(handle)
    try:
        with h5py.File(temporary, "w") as file:
            file.attrs["format"] = FORMAT
            file.attrs["schema"] = SCHEMA
            file.attrs["content_hash"] = network_hash(network)
            file.create_dataset("content", data=json.dumps(content, allow_nan=False))
            for i, array in enumerate(arrays):
                # Compression costs more than it saves in small arrays.
                options = {"compression": "gzip", "shuffle": True} if array.nbytes > 4096 else {}
                file.create_dataset(f"arrays/{i}", data=array, **options)
        os.replace(temporary, target)
    except BaseException:
        os.unlink(temporary)
        raise


def network_content(network: Contents, arrays: list[np.ndarray[Any, Any]]) -> dict[str, Any]:
    """Return the network as JSON values; arrays are put aside and referred to by number."""

    def encoded(value: Any) -> Any:
        return _encode(value, arrays)

    def view(target: View) -> Any:
        segments = [[p.name, encoded(_compact(indices))] for p, indices in target.segments]
        return {"segments": segments, "shape": list(target.shape)}

    return {
        "name": network.name,
        "seed": network.seed,
        "dt": network.dt,
        "populations": [
            {"name": p.name, "shape": list(p.shape), "model": encoded(p.model),
             "positions": encoded(p.positions)}
            for p in network.populations.values()
        ],
        "projections": [
            {"name": p.name, "pre": view(p.pre), "post": view(p.post), "rule": encoded(p.rule),
             "weight": encoded(p.weight), "delay": encoded(p.delay), "receptor": p.receptor,
             "source": encoded(p.source), "release": p.release,
             "plasticity": encoded(p.plasticity),
             "modulator": None if p.modulator is None else view(p.modulator)}
            for p in network.projections.values()
        ],
        "initial_values": [
            {"population": i.population.name, "indices": encoded(_compact(i.indices)),
             "state": i.state, "value": encoded(i.value)}
            for i in network.initial_values
        ],
        "drives": [
            {"target": view(d.target), "source": encoded(d.source), "weight": encoded(d.weight),
             "receptor": d.receptor}
            for d in network.drives
        ],
        "injections": [
            {"target": view(i.target), "current": encoded(i.current)} for i in network.injections
        ],
        "recorders": [
            {"population": r.population.name if r.population is not None else None,
             "projection": r.projection.name if r.projection is not None else None,
             "indices": encoded(_compact(r.indices)), "variable": r.variable, "every": r.every,
             "reduce": r.reduce, "initial": r.initial}
            for r in network.recorders
        ],
    }  # fmt: skip


def _compact(indices: np.ndarray[Any, Any]) -> Any:
    """Return a range as ``[start, stop]``, other indices as they are."""
    if len(indices) and np.array_equal(indices, np.arange(indices[0], indices[0] + len(indices))):
        return [int(indices[0]), int(indices[0]) + len(indices)]
    return indices


def indices_of(stored: Any) -> Any:
    """Return what `_compact` was given, as an index: an array or a slice."""
    return stored if isinstance(stored, np.ndarray) else slice(*stored)


def _encode(value: Any, arrays: list[np.ndarray[Any, Any]]) -> Any:
    """Return a value as JSON; objects are ``{"class": ..., fields}``, arrays ``{"array": n}``."""
    if value is None or isinstance(value, (bool, str, int)):
        return value
    if isinstance(value, float):
        return float(value)  # JSON writes the shortest text that reads back as the same float
    if isinstance(value, (np.integer, np.floating, np.bool_)):
        return value.item()
    if isinstance(value, np.ndarray):
        arrays.append(value)
        return {"array": len(arrays) - 1}
    if isinstance(value, list):
        return [_encode(part, arrays) for part in value]
    if isinstance(value, tuple):
        return {"tuple": [_encode(part, arrays) for part in value]}
    if isinstance(value, Mapping):
        return {"mapping": [[_encode(k, arrays), _encode(v, arrays)] for k, v in value.items()]}
    if isinstance(value, Fraction):
        return {"class": "Fraction", "fields": {"numerator": str(value)}}
    if is_dataclass(value) and classes().get(type(value).__name__) is type(value):
        own = {f.name: getattr(value, f.name) for f in fields(value) if f.init}
        return {
            "class": type(value).__name__,
            "fields": {name: _encode(part, arrays) for name, part in own.items()},
        }
    raise DescriptionError(
        "Network.save", value, "values of neurosim's own classes, numbers, texts and arrays"
    )


def decode(value: Any, arrays: list[np.ndarray[Any, Any]]) -> Any:
    """Return what `_encode` was given."""
    if isinstance(value, list):
        return [decode(part, arrays) for part in value]
    if not isinstance(value, dict):
        return value
    if "array" in value:
        return arrays[value["array"]]
    if "tuple" in value:
        return tuple(decode(part, arrays) for part in value["tuple"])
    if "mapping" in value:
        return {decode(k, arrays): decode(v, arrays) for k, v in value["mapping"]}
    given = {name: decode(part, arrays) for name, part in value["fields"].items()}
    made = classes()[value["class"]]
    return made(**given)


@lru_cache(maxsize=1)
def classes() -> Mapping[str, type]:
    """Return the classes a file may name: those of `MODULES`, and `NeuronModel`."""
    from neurosim.equations.model import NeuronModel
    from neurosim.equations.spec import Coupling, Receptor

    found: dict[str, type] = {"NeuronModel": NeuronModel}
    found.update(Coupling=Coupling, Receptor=Receptor)
    found.update(Fraction=Fraction, Quantity=Quantity, Unit=Unit)
    for name in MODULES:
        module = importlib.import_module(name)
        for attribute in filter(is_dataclass, vars(module).values()):
            if isinstance(attribute, type) and attribute.__module__.startswith("neurosim."):
                found[attribute.__name__] = attribute
    return MappingProxyType(found)


def open_h5py() -> Any:
    """Import h5py, or say how to get it."""
    try:
        import h5py
    except ImportError:
        raise MissingPackageError("h5py", "Reading and writing networks", "all") from None
    return h5py
