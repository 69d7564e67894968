"""The format: writing, reading and verifying, strict both ways."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from neurosim.backend import time_step
from neurosim.capabilities import refuse
from neurosim.describe.network import Network
from neurosim.errors import DescriptionError, UnknownNameError, UnsupportedError, warn
from neurosim.files import writable
from neurosim_backends.nir import hdf5, metadata
from neurosim_backends.nir.binding import nir
from neurosim_backends.nir.profiles import PROFILES

OnLoss = Literal["error", "warn"]


class Nir:
    """Networks as graphs of NIR; see `neurosim.to_nir`, `from_nir` and `verify_nir`."""

    def write(
        self, network: Network, path: str | os.PathLike[str] | None, profile: str, on_loss: str,
        dt: Any, outputs: Sequence[str] | None, overwrite: bool,
    ) -> Any:  # fmt: skip
        """Return a network as a graph; write it to a file where a path is given."""
        from neurosim_backends.nir.writing import draw

        if not isinstance(network, Network):
            raise DescriptionError("to_nir: network", network, "a neurosim.Network")
        if profile not in PROFILES:
            raise UnknownNameError("to_nir: profile", profile, PROFILES)
        _check_choice(on_loss, "to_nir")
        target = None if path is None else writable(path, "to_nir: path")
        if target is not None and target.exists() and not overwrite:
            raise DescriptionError(
                "to_nir: path", str(target), "a file that does not exist yet",
                "To replace it: overwrite=True, or --overwrite on the command line.",
            )  # fmt: skip
        step = time_step(network, dt)
        drawn = draw(network, PROFILES[profile], step, outputs)
        _settle(drawn.losses, on_loss, "Left out of the NIR graph")
        for a in drawn.plan.approximations:
            if a.written:
                warn(f"{a.part} is {a.how}: off by up to {a.bound:.3g} {a.unit}.")
        said = metadata.described(
            network, profile, step, drawn.step, drawn.lags, tuple(map(str, drawn.losses))
        )
        graph = nir.NIRGraph(drawn.nodes, drawn.edges, metadata={}, type_check=False)
        graph.infer_types()
        graph.check_types()
        graph.metadata = {metadata.GROUP: {**said, "digest": metadata.digest(graph)}}
        if target is not None:
            hdf5.write_graph(graph, target, "to_nir: path")
        return graph

    def read(
        self, source: Any, on_loss: str, dt: Any, inputs: str, description: bool, name: str | None,
        most_bytes: int | None,
    ) -> Network:  # fmt: skip
        """Return the network of a graph or file."""
        _check_choice(on_loss, "from_nir")
        if inputs not in ("spikes", "current"):
            raise UnknownNameError("from_nir: inputs", inputs, ("spikes", "current"))
        graph, place = opened(source, "from_nir", most_bytes)
        kept = metadata.kept_in(graph)
        if kept is not None and description and kept.untouched:
            return kept.network()
        losses = []
        if kept is not None and description:
            losses.append(
                UnsupportedError(
                    f"{place}: description",
                    "nodes or edges were changed since it was written, so what only the "
                    "description says no longer holds: the nodes are what is read",
                    "on_loss='warn', or description=False",
                )
            )
            losses += [
                UnsupportedError(place, f"left out when it was written: {told}")
                for told in kept.losses
            ]
        _settle(losses, on_loss, "Not read")
        from neurosim_backends.nir.reading import network_of

        return network_of(graph, kept, dt, inputs, name or _stem(source)).network

    def verify(
        self, source: Any, simulators: Sequence[str] | None, steps: int, seed: int, rate: float,
        most_bytes: int | None,
    ) -> Any:  # fmt: skip
        """Run a graph in several simulators, and compare."""
        from neurosim_backends.nir.verifying import verify

        graph, place = opened(source, "verify_nir", most_bytes)
        return verify(graph, place, simulators, steps, seed, rate)


def opened(source: Any, caller: str, most_bytes: int | None) -> tuple[Any, str]:
    """Return a graph from a file, or the one that was given; and what errors call it."""
    if isinstance(source, (str, os.PathLike)):
        limit = hdf5.MOST_BYTES if most_bytes is None else most_bytes
        return hdf5.read_graph(source, limit), f"NIR file {os.fspath(source)!r}"
    if not isinstance(source, nir.NIRGraph):
        raise DescriptionError(f"{caller}: source", source, "a nir.NIRGraph, or a path to a file")
    return source, "The NIR graph"


def _stem(source: Any) -> str:
    return Path(source).stem or "nir" if isinstance(source, (str, os.PathLike)) else "nir"


def _check_choice(on_loss: str, caller: str) -> None:
    if on_loss not in ("error", "warn"):
        raise UnknownNameError(f"{caller}: on_loss", on_loss, ("error", "warn"))


def _settle(losses: Sequence[UnsupportedError], on_loss: str, what: str) -> None:
    """Refuse what would be lost, or tell it."""
    if on_loss == "error":
        refuse(losses)
    for loss in losses:
        warn(f"{what}: {loss.part}: {loss.reason}.")
