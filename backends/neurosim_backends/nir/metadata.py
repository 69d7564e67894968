"""What a file says beside its nodes, so that nothing is lost on the way back.

The metadata of a graph have a group "neurosim": version, profile, time steps, lags, losses, and the
whole description (as ``net.save`` writes it: JSON, and arrays in numpy's own format). A digest of
nodes and edges tells whether somebody changed the graph since: the description is then out of date,
and the nodes are what counts.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from importlib.metadata import version
from typing import Any

import numpy as np

from neurosim.describe.files import network_content
from neurosim.describe.network import Network
from neurosim.describe.reading import network_from
from neurosim.errors import DescriptionError, NeurosimError
from neurosim_backends.nir.binding import nir

GROUP = "neurosim"

SCHEMA = 1
"""Raised whenever older versions could misread what is kept."""


@dataclass(frozen=True, kw_only=True)
class Kept:
    """What a graph that we wrote says of itself.

    Attributes
    ----------
    profile : str
    dt : float
        Time step of the network [ms].
    step : float
        Time step that the constants of the nodes are for [s].
    lags : mapping of str to int
        Population -> steps it runs behind what its node does.
    losses : tuple of str
        What the nodes leave out.
    untouched : bool
        Whether nodes and edges are as they were written.
    description : mapping
        Of the network; see `network`.
    """

    profile: str
    dt: float
    step: float
    lags: Mapping[str, int]
    losses: tuple[str, ...]
    untouched: bool
    description: Mapping[str, Any]

    def network(self) -> Network:
        """Return the network that was written.

        Raises
        ------
        DescriptionError
            If the description is damaged.
        """
        try:
            content = json.loads(self.description["content"])
            stored = self.description.get("arrays", {})
            arrays = [_unpacked(stored[str(i)]) for i in range(len(stored))]
            network = network_from(content, arrays)
            wanted = str(self.description["hash"])
        except (
            NeurosimError, OSError, KeyError, IndexError, RuntimeError, TypeError, ValueError,
            AttributeError, MemoryError,
        ) as error:  # fmt: skip
            raise _damaged(error) from error
        if network.content_hash() != wanted:
            raise _damaged("it does not agree with the hash it was written with")
        return network


def _damaged(reason: object) -> DescriptionError:
    return DescriptionError(
        "NIR metadata: description", "unreadable", "one that to_nir wrote",
        f"{reason}. To read the nodes alone: from_nir(..., description=False).",
    )  # fmt: skip


def described(
    network: Network, profile: str, dt: float, step: float, lags: Mapping[str, int],
    losses: tuple[str, ...],
) -> dict[str, Any]:  # fmt: skip
    """Return the metadata of a graph, but for the digest of its nodes."""
    arrays: list[np.ndarray[Any, Any]] = []
    content = network_content(network, arrays)
    return {
        "schema": SCHEMA,
        "version": version("neurosim-snn"),
        "profile": profile,
        "dt_ms": dt,
        "step_s": step,
        "units": "potentials in mV above V_reset, times in s; weights as the nodes read them",
        "lags": json.dumps(dict(lags)),
        "losses": json.dumps(losses),
        "hash": network.content_hash(),
        "content": json.dumps(content, allow_nan=False),
        "arrays": {str(i): _packed(a) for i, a in enumerate(arrays)},
    }


def kept_in(graph: Any) -> Kept | None:
    """Return what a graph says of itself; None if we did not write it.

    Raises
    ------
    DescriptionError
        If it says so, and is damaged or of a later version.
    """
    found = graph.metadata.get(GROUP) if isinstance(graph.metadata, dict) else None
    if not isinstance(found, dict):
        return None
    try:
        if int(found["schema"]) > SCHEMA:
            raise DescriptionError(
                "NIR metadata: schema", int(found["schema"]), f"{SCHEMA} or lower",
                "It was written by a later version of neurosim: update to read it.",
            )  # fmt: skip
        lags = {str(k): int(v) for k, v in json.loads(found["lags"]).items()}
        dt, step = float(found["dt_ms"]), float(found["step_s"])
        if not (0 < dt < np.inf and 0 < step < np.inf):
            raise ValueError(f"time steps of {dt:g} ms and {step:g} s")
        return Kept(
            profile=str(found["profile"]), dt=dt, step=step, lags=lags,
            losses=tuple(map(str, json.loads(found["losses"]))),
            untouched=str(found["digest"]) == digest(graph), description=found,
        )  # fmt: skip
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        if isinstance(error, DescriptionError):
            raise
        raise _damaged(error) from error


def digest(graph: Any) -> str:
    """Return the sha256 of nodes and edges, metadata apart; the same before and after a file."""
    state = hashlib.sha256()

    def feed(value: Any) -> None:
        state.update(str(value).encode() + b"\0")

    for name in sorted(graph.nodes):
        node = graph.nodes[name]
        feed(name)
        feed(type(node).__name__)
        if isinstance(node, nir.NIRGraph):
            feed(digest(node))
            continue
        own = [f.name for f in fields(node) if f.name not in ("metadata", "output_type")]
        for key in sorted(own):
            value = getattr(node, key)
            if isinstance(value, dict):
                value = value.get("input")
            if value is None or isinstance(value, str):
                feed((key, value))
                continue
            array = np.asarray(value, np.float64)
            feed((key, array.shape))
            state.update(array.tobytes())
    for pre, post in graph.edges:
        feed((pre, post))
    return state.hexdigest()


def _packed(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return an array as the bytes of a .npy file: HDF5 cannot compress every shape."""
    file = io.BytesIO()
    np.save(file, np.asarray(array), allow_pickle=False)
    return np.frombuffer(file.getvalue(), np.uint8)


def _unpacked(stored: Any) -> np.ndarray[Any, Any]:
    data = np.asarray(stored)
    if data.dtype != np.uint8 or data.ndim != 1:
        raise ValueError("an array of bytes was expected")
    array: np.ndarray[Any, Any] = np.load(io.BytesIO(data.tobytes()), allow_pickle=False)
    return array
