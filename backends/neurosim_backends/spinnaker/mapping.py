"""What sPyNNaker itself makes of a network, on a virtual board, in a process of its own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from neurosim.fit.report import Mapped
from neurosim_backends._worker.client import Worker
from neurosim_backends._worker.shared import shared
from neurosim_backends.spinnaker.environment import ENVIRONMENT
from neurosim_backends.spinnaker.graph import Edge, Vertex

JOBS = Path(__file__).with_name("worker")

SECONDS = 3600.0
"""For sPyNNaker to place a network: of 5,000 neurons and 2.5 million synapses, three minutes."""


class SpynnakerWorker(Worker):
    """A process in sPyNNaker's interpreter, with a home directory of its own."""

    def __init__(self, interpreter: str) -> None:
        super().__init__(
            interpreter, "sPyNNaker", JOBS, ("sPyNNaker", "PyNN", "numpy"), own_home=True
        )


def shared_worker() -> SpynnakerWorker:
    """Return a worker that takes jobs, started where there is none.

    Raises
    ------
    UnavailableError
        If sPyNNaker's environment is missing or of another version.
    """
    return shared(ENVIRONMENT, SpynnakerWorker, "check(..., map=True)")


def map_by_spynnaker(
    vertices: Sequence[Vertex], edges: Iterable[Edge], dt: float, board: int,
    *, timeout: float = SECONDS,
) -> Mapped:  # fmt: skip
    """Let sPyNNaker place a network.

    Parameters
    ----------
    vertices, edges
        See `graph`.
    dt : float
        Time step [ms].
    board : int
        Version of the virtual board.
    timeout : float
        Seconds of wall time.

    Raises
    ------
    UnavailableError
        If sPyNNaker is not there.
    WorkerError
        With what sPyNNaker printed, where it does not place the network.
    """
    worker = shared_worker()
    job, arrays, kept = job_of(vertices, edges, dt, board)
    found = worker.run(job, arrays, timeout)
    weights: dict[str, float] = {}
    lost: dict[str, int] = {}
    unread: dict[str, None] = {}
    for (part, per_weight), off, n in zip(kept, found["rounding"], found["lost"], strict=True):
        if np.isnan(off):
            unread[part] = None
            continue
        weights[part] = max(weights.get(part, 0.0), float(off) / abs(per_weight))
        lost[part] = lost.get(part, 0) + int(n)
    return Mapped(
        by=f"sPyNNaker {worker.hello['versions']['sPyNNaker'].partition('!')[2]}",
        cores=int(found["all_cores"][0]), chips=int(found["chips"][0]),
        routes=int(found["routes"][0]), sdram=int(found["sdram"][0]),
        cores_of={v.name: int(n) for v, n in zip(vertices, found["cores"], strict=True)},
        weights=weights, lost=lost, unread=tuple(unread), worker=dict(worker.hello),
    )  # fmt: skip


def job_of(
    vertices: Sequence[Vertex], edges: Iterable[Edge], dt: float, board: int
) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]], list[tuple[str, float]]]:
    """Return a job, its arrays, and part and factor of each edge."""
    arrays: dict[str, npt.NDArray[Any]] = {}
    told = []
    for k, v in enumerate(vertices):
        each = [name for name, value in v.parameters.items() if np.ndim(value)]
        for name in each:
            arrays[f"v{k}_{name}"] = np.asarray(v.parameters[name])
        if v.model == "SpikeSourceArray":
            arrays[f"v{k}_times"] = np.concatenate([np.empty(0), *v.times])
            arrays[f"v{k}_ends"] = np.cumsum([t.size for t in v.times])[:-1]
        plain = {name: value for name, value in v.parameters.items() if name not in each}
        told.append({"size": v.size, "model": v.model, "parameters": plain, "arrays": each})
    edges_told = []
    kept = []
    for k, e in enumerate(edges):
        facts = ("pre", "post", "receptor", "one_to_one")
        edges_told.append({name: getattr(e, name) for name in facts})
        kept.append((e.part, e.per_weight))
        for name, values in (
            ("pre", e.pre_id), ("post", e.post_id), ("weight", e.weight), ("delay", e.delay),
        ):  # fmt: skip
            arrays[f"e{k}_{name}"] = values
    job = {"vertices": told, "edges": edges_told, "dt": dt, "board": board}
    return job, arrays, kept
