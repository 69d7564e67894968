"""A network of integers as a job for Lava's worker, and what came of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from neurosim.folders.package import Package, Repeated
from neurosim_backends.lava.client import Worker
from neurosim_backends.loihi.chip import (
    NOTHING,
    Compartments,
    Generators,
    Given,
    IntegerNetwork,
    Ints,
    Seen,
)
from neurosim_backends.loihi.messages import Encoders
from neurosim_backends.loihi.packing import Golden, compared, of_what, opened


def run_in_lava(
    worker: Worker, network: IntegerNetwork, n_steps: int, given: Given = NOTHING,
    watched: Sequence[int] | Ints = (), *, weights_after: Sequence[int] | Ints = (),
    timeout: float = 600.0,
) -> Seen:  # fmt: skip
    """Run a network in Lava from its start, with its bit-accurate models.

    Parameters and result are those of `Chip.run`; `timeout` is in seconds.

    Raises
    ------
    WorkerError
        If Lava does not finish, with what it printed.
    """
    ids = np.asarray(watched, np.int64)
    job, arrays, places = job_of(network, n_steps, given, ids, weights_after)
    found = worker.run(job, arrays, timeout)
    u, v, residue = (np.zeros((n_steps, ids.size), np.int64) for _ in range(3))
    for k, place in places.items():
        u[:, place], v[:, place] = found[f"p{k}_u"], found[f"p{k}_v"]
        if f"p{k}_residue" in found:
            residue[:, place] = found[f"p{k}_residue"]
    step, neuron, many = spikes_of(found, places, network.offsets)
    numbers = [k for k, g in enumerate(network.groups) if g.weight.size]
    learning = {numbers[k]: f"g{k}" for k, g in enumerate(job["groups"]) if g["learning"]}
    weights, x, y = (
        {k: found[f"{key}_{of}"].astype(np.int64) for k, key in learning.items()} for of in "wxy"
    )
    return Seen(
        step=step, neuron=neuron, many=many, u=u, v=v, residue=residue, weights=weights,
        traces={k: (x[k], y[k]) for k in learning},
    )  # fmt: skip


def repeat_in_lava(worker: Worker, package: Package, timeout: float) -> Repeated:
    """Run the package of a folder in Lava, and compare.

    Raises
    ------
    WorkerError
        If Lava does not finish, with what it printed.
    """
    network, golden = opened(package)
    seen = run_in_lava(
        worker, network, golden.n_steps, golden.given, np.arange(network.size),
        weights_after=[golden.n_steps], timeout=timeout,
    )  # fmt: skip
    again = Golden(
        n_steps=golden.n_steps, given=golden.given, step=seen.step, neuron=seen.neuron,
        u=seen.u[-1], v=seen.v[-1], weights={k: rows[-1] for k, rows in seen.weights.items()},
    )  # fmt: skip
    versions = ", ".join(f"{name} {v}" for name, v in worker.hello["versions"].items())
    return Repeated(
        differences=tuple(compared(network, golden, again)), told=f"{versions}; {of_what(golden)}"
    )


def given_arrays(
    k: int, offsets: Ints, given: Given, n_steps: int
) -> dict[str, npt.NDArray[Any]]:  # fmt: skip
    """Return the spikes of a population of generators, as the worker takes them."""
    first, end = offsets[k], offsets[k + 1]
    mine = (given.neuron >= first) & (given.neuron < end) & (given.step < n_steps)
    return {
        f"p{k}_neuron": given.neuron[mine] - first,
        f"p{k}_step": given.step[mine],
        f"p{k}_many": given.many[mine],
    }


def spikes_of(
    found: Mapping[str, npt.NDArray[Any]], indices: Iterable[int], offsets: Ints
) -> tuple[Ints, Ints, Ints]:
    """Return steps, ids and payloads of the spikes of some populations, in order."""
    parts: list[Ints] = []
    for k in indices:
        sent = np.asarray(found[f"p{k}_spikes"])
        step, neuron = np.nonzero(sent)
        parts.append(np.stack([step, neuron + offsets[k], sent[step, neuron].astype(np.int64)]))
    all_of = np.concatenate([np.empty((3, 0), np.int64), *parts], axis=1)
    step, neuron, many = all_of[:, np.lexsort((all_of[1], all_of[0]))]
    return step, neuron, many


def job_of(
    network: IntegerNetwork, n_steps: int, given: Given, watched: Ints,
    weights_after: Sequence[int] | Ints = (),
) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]], dict[int, Ints]]:  # fmt: skip
    """Return a job, its arrays, and population -> places of its neurons among those watched."""
    populations: list[dict[str, Any]] = []
    arrays: dict[str, npt.NDArray[Any]] = {}
    places: dict[int, Ints] = {}
    for k, p in enumerate(network.populations):
        first, end = network.offsets[k], network.offsets[k + 1]
        if isinstance(p, Compartments):
            registers = {"name": p.name, "size": p.size, "du": p.du, "dv": p.dv, "vth": p.vth}
            populations.append({"kind": "compartments", **registers})
            for name in ("bias_mant", "bias_exp", "u", "v"):
                arrays[f"p{k}_{name}"] = getattr(p, name).astype(np.int32)
            places[k] = np.flatnonzero((watched >= first) & (watched < end))
            arrays[f"p{k}_watched"] = watched[places[k]] - first
            continue
        if isinstance(p, Generators):
            populations.append({"kind": "generators", "size": p.size})
            arrays |= given_arrays(k, network.offsets, given, n_steps)
            continue
        exponents = {"spike_exp": p.spike_exp, "state_exp": p.state_exp}
        facts = {"name": p.name, "size": p.size, "vth": p.vth, **exponents}
        if isinstance(p, Encoders):
            populations.append({"kind": "encoders", **facts})
            arrays |= given_arrays(k, network.offsets, given, n_steps)
        else:
            populations.append({"kind": "sigma_deltas", "rectifies": p.rectifies, **facts})
            arrays[f"p{k}_bias"] = p.bias.astype(np.int32)
        places[k] = np.flatnonzero((watched >= first) & (watched < end))
        arrays[f"p{k}_watched"] = watched[places[k]] - first
    groups: list[dict[str, Any]] = []
    for g in network.groups:
        if not g.weight.size:
            continue
        k = len(groups)
        of_groups = ("name", "pre", "post", "exponent", "bits", "sign", "graded")
        groups.append({name: getattr(g, name) for name in of_groups})
        groups[-1]["learning"] = None if g.learning is None else asdict(g.learning)
        if g.learning is not None:
            arrays[f"g{k}_wanted"] = np.asarray(weights_after, np.int64)
        for name, values in (
            ("pre", g.pre_id), ("post", g.post_id), ("slot", g.slot),
            # Lava clips weights that learn when they have learned, not before.
            ("weight", g.weight if g.learning is None else g.stored),
        ):  # fmt: skip
            arrays[f"g{k}_{name}"] = values
    convolutions = []
    for k, c in enumerate(network.convolutions):
        convolutions.append({x.name: getattr(c, x.name) for x in fields(c) if x.name != "kernel"})
        arrays[f"c{k}_kernel"] = c.kernel.astype(np.int32)
    job = {
        "populations": populations, "groups": groups, "convolutions": convolutions,
        "n_steps": n_steps, "tag": "fixed_pt",
    }  # fmt: skip
    return job, arrays, places
