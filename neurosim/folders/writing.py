"""Writing a folder: all of it, or nothing."""

from __future__ import annotations

import json
import os
import platform
import shutil
import tempfile
import warnings
from collections.abc import Iterable, Mapping
from hashlib import sha256
from importlib import metadata
from pathlib import Path
from typing import Any

from neurosim.backend import Options, find_backend
from neurosim.describe.network import Network
from neurosim.errors import ApproximationWarning, DescriptionError, NeurosimError, warn
from neurosim.folders.arrays import digest, packed
from neurosim.folders.manifest import MANIFEST, SCHEMA, as_path, read_manifest
from neurosim.folders.package import Package, Packer, Repeater
from neurosim.formats import to_nir

NIR = "network.nir"


def write_folder(
    network: Network, packer: Packer, path: str | os.PathLike[str] | None, n_steps: int,
    options: Options, inputs: Mapping[str, Any], certificate: bool, overwrite: bool,
) -> Package:  # fmt: skip
    """Write a network and a run of it as a folder; see `neurosim.export`.

    Raises
    ------
    DescriptionError
        If there is something already, or it cannot be written.
    UnsupportedError, CapacityError
        Naming the part of the network that has no form there.
    """
    target = _free(path, overwrite)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ApproximationWarning)  # told by the caller
        package = packer.pack(network, n_steps, options, inputs, certificate)
    contents: dict[str, bytes] = {
        **{name: text.encode() for name, text in {**package.texts, **package.reports}.items()},
        **{name: packed(arrays) for name, arrays in package.arrays.items()},
    }
    try:
        partial = Path(tempfile.mkdtemp(dir=target.parent, prefix=".neurosim."))
    except OSError as error:
        raise _unwritable(target, error) from None
    try:
        for name, content in contents.items():
            (partial / name).write_bytes(content)
        nir = _write_nir(network, partial / NIR, options)
        if nir["file"] is not None:
            contents[NIR] = (partial / NIR).read_bytes()
            (partial / NIR).unlink()  # for its owner alone
            (partial / NIR).write_bytes(contents[NIR])
        manifest = {
            "schema": SCHEMA,
            "backend": packer.name,
            "network": {
                "name": network.name, "content_hash": network.content_hash(),
                "seed": network.seed, "trial": options.trial, "dt_ms": options.dt,
                "duration_ms": n_steps * options.dt,
            },
            "versions": {
                "python": platform.python_version(),
                **{name: metadata.version(name) for name in ("neurosim-snn", "numpy", "numba")},
            },
            "files": {
                name: {"bytes": len(content), "sha256": sha256(content).hexdigest()}
                for name, content in sorted(contents.items())
            },
            "nir": nir,
            **package.remarks,
            "repeated": [_repeated(name, package) for name in packer.repeated_on],
            "approximations": package.approximations,
            "arrays": {
                file: {
                    name: {
                        "shape": list(array.shape), "sha256": digest(array),
                        "about": package.about[name],
                    }
                    for name, array in arrays.items()
                }
                for file, arrays in package.arrays.items()
            },
            "facts": package.facts,
        }  # fmt: skip
        text = json.dumps(manifest, indent=1, allow_nan=False) + "\n"
        (partial / MANIFEST).write_text(text, encoding="utf-8")
        _replace(partial, target, (*contents, MANIFEST))
    except OSError as error:
        raise _unwritable(target, error) from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return package


def _free(path: str | os.PathLike[str] | None, overwrite: bool) -> Path:
    """Return where the folder goes: nothing is there, or a folder of ours that may be replaced."""
    place = "export: path"
    if path is None:
        raise DescriptionError(place, None, "the name of a folder", "Several files belong to it.")
    target = as_path(path, place, "the name of a folder")
    if not target.parent.is_dir():
        raise DescriptionError(place, str(target), "a folder within one that exists")
    if target.exists() and not target.is_dir():
        raise DescriptionError(place, str(target), "the name of a folder, not of a file")
    if target.is_dir() and any(target.iterdir()):
        if not overwrite:
            raise DescriptionError(
                place, str(target), "a folder that does not exist yet, or is empty",
                "To replace it: overwrite=True, or --overwrite on the command line.",
            )  # fmt: skip
        read_manifest(target)  # of a folder with other things nothing is replaced
    return target


def _unwritable(target: Path, error: OSError) -> DescriptionError:
    expected = f"a folder that can be written ({error.strerror or error})"
    return DescriptionError("export: path", str(target), expected)


def _replace(partial: Path, target: Path, names: Iterable[str]) -> None:
    """Put files in their place; those that an older manifest lists, and this does not, go."""
    old = set(read_manifest(target).files) if (target / MANIFEST).exists() else set()
    target.mkdir(exist_ok=True)
    for name in names:
        os.replace(partial / name, target / name)
    for name in old - set(names):
        (target / name).unlink(missing_ok=True)


def _write_nir(network: Network, path: Path, options: Options) -> dict[str, Any]:
    """Write the network as NIR, or say why there is no such file."""
    try:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always", ApproximationWarning)
            to_nir(network, path, profile="generic", dt=options.dt)
    except (NeurosimError, ImportError) as error:
        path.unlink(missing_ok=True)
        return {"file": None, "why": str(error)}
    return {"file": path.name, "profile": "generic", "rounded": [str(w.message) for w in said]}


def _repeated(name: str, package: Package) -> dict[str, Any]:
    """Return what came of running the package again on a backend."""
    backend = find_backend(name)
    assert isinstance(backend, Repeater)
    if problem := backend.capabilities.problem():
        return {"backend": name, "verdict": "not run", "told": problem}
    found = backend.repeat(package)
    for difference in found.differences:
        warn(f"Backend {name!r} does otherwise: {difference}.")
    verdict = "different" if found.differences else "same"
    return {"backend": name, "verdict": verdict, "told": found.told}
