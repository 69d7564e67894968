"""Reading a network back from a file."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from neurosim.describe.files import FORMAT, SCHEMA, decode, indices_of, open_h5py
from neurosim.describe.network import Network
from neurosim.describe.population import View
from neurosim.errors import DescriptionError, NeurosimError


def load_network(path: str | os.PathLike[str]) -> Network:
    """Read a network that `Network.save` wrote.

    Raises
    ------
    DescriptionError
        If the file is something else, is damaged, or is of a later version.
    FileNotFoundError
        If there is no such file.
    """
    h5py = open_h5py()
    if not Path(path).is_file():
        raise FileNotFoundError(f"There is no file {os.fspath(path)!r}.")
    place = f"File {os.fspath(path)!r}"
    try:
        with h5py.File(path, "r") as file:
            _check_header(dict(file.attrs), place)
            expected = str(file.attrs["content_hash"])
            content = json.loads(file["content"][()])
            stored = file.get("arrays", {})
            arrays = [stored[str(i)][()] for i in range(len(stored))]
        network = network_from(content, arrays)
    except DescriptionError as error:
        if error.place == place:
            raise
        raise _damaged(place, error) from error
    except (
        NeurosimError,
        OSError,
        KeyError,
        IndexError,
        RuntimeError,
        TypeError,
        ValueError,
    ) as error:
        raise _damaged(place, error) from error
    if network.content_hash() != expected:
        raise _damaged(place, "its contents do not agree with the hash it was written with")
    return network


def _check_header(attributes: dict[str, Any], place: str) -> None:
    if attributes.get("format") != FORMAT:
        raise DescriptionError(
            place, attributes.get("format"), f"a file of the format {FORMAT!r}",
            "Results of a run are read with neurosim.Run.load.",
        )  # fmt: skip
    if int(attributes["schema"]) > SCHEMA:
        raise DescriptionError(
            place, f"of schema {attributes['schema']}", f"schema {SCHEMA} or lower",
            "It was written by a later version of neurosim: update to read it.",
        )  # fmt: skip


def _damaged(place: str, reason: object) -> DescriptionError:
    return DescriptionError(place, "unreadable", "a file written by Network.save", f"{reason}")


def network_from(content: dict[str, Any], arrays: list[np.ndarray[Any, Any]]) -> Network:
    """Write the network again, as a script would."""
    network = Network(content["name"], seed=content["seed"], dt=content["dt"])

    def decoded(value: Any) -> Any:
        return decode(value, arrays)

    def part(name: str, indices: Any) -> Any:
        return network.populations[name].flat()[indices_of(decoded(indices))]

    def view(target: Any) -> View:
        segments = [s for name, indices in target["segments"] for s in part(name, indices).segments]
        return View(tuple(segments), tuple(target["shape"]))

    for p in content["populations"]:
        network.population(
            p["name"], tuple(p["shape"]), decoded(p["model"]), positions=decoded(p["positions"])
        )
    for p in content["projections"]:
        weight = decoded(p["weight"])
        network.project(
            view(p["pre"]),
            view(p["post"]),
            decoded(p["rule"]),
            weight=1.0 if weight is None else weight,
            delay=decoded(p["delay"]),
            receptor=p["receptor"],
            source=decoded(p["source"]),
            release=p["release"],
            plasticity=decoded(p["plasticity"]),
            modulator=view(p["modulator"]) if p.get("modulator") else None,
            name=p["name"],
        )
    for i in content["initial_values"]:
        target = part(i["population"], i["indices"])
        network.initialise(target, **{i["state"]: decoded(i["value"])})
    for d in content["drives"]:
        network.drive(
            view(d["target"]), decoded(d["source"]), weight=decoded(d["weight"]),
            receptor=d["receptor"],
        )  # fmt: skip
    for j in content["injections"]:
        network.inject(view(j["target"]), decoded(j["current"]))
    for r in content["recorders"]:
        subject: Any
        if r["projection"] is not None:
            subject = network.projections[r["projection"]]
        else:
            subject = part(r["population"], r["indices"])
        network.record(
            subject, r["variable"], every=r["every"], reduce=r["reduce"], initial=r["initial"]
        )
    return network
