"""How NEST's scripts start, connect, run and measure; what its documentation advises for speed.

Native rules, one generator for all that share a rate, spikes kept in memory, and the smallest
synapses that hold what is needed: models of the `_hpc` kind address at most 65,535 neurons per
thread.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from typing import Any

import nest
import numpy as np

from benchmarks.peers import common
from benchmarks.peers.common import DT, peak_memory, report

MOST_HPC = 65_535


def parser(description: str | None) -> argparse.ArgumentParser:
    """Return the arguments that every script of NEST takes."""
    found = common.parser(description)
    found.add_argument("--keep", help="write the measured spikes to an .npz file")
    return found


def keep_spikes(
    path: str, spikes: Mapping[str, tuple[Any, Any]], sizes: Mapping[str, int], weights: Any
) -> None:
    """Write spikes to a file that `benchmarks.distributions` reads.

    Parameters
    ----------
    spikes : population -> (times since the beginning [ms], neurons from 0 on)
    weights : (n,) float
        Of the synapses of one projection, in any order.
    """
    found = {f"times of {name}": np.asarray(times) for name, (times, _) in spikes.items()}
    found |= {f"ids of {name}": np.asarray(ids, np.int32) for name, (_, ids) in spikes.items()}
    found |= {f"size of {name}": np.array(size) for name, size in sizes.items()}
    np.savez(path, weights=np.asarray(weights), **found)


def prepare(a: argparse.Namespace) -> float:
    """Empty NEST's kernel and set it up; return when the building began."""
    began = time.perf_counter()
    nest.verbosity = nest.VerbosityLevel.ERROR
    nest.ResetKernel()
    nest.set(
        resolution=DT, rng_seed=a.seed, local_num_threads=a.threads, print_time=False,
        keep_source_table=a.keep is not None,  # of use for reading synapses only, and large
    )  # fmt: skip
    return began


def smallest(model: str, neurons: int, threads: int) -> str:
    """Return the smallest form of a synapse model that addresses so many neurons."""
    return f"{model}_hpc" if neurons / threads <= MOST_HPC else model


def connect_by_indegree(
    sources: Mapping[str, Any], targets: Any, indegrees: Mapping[str, int]
) -> None:
    """Draw an in-degree from each source, with the synapse model of the source's name."""
    for name, source in sources.items():
        rule = {"rule": "fixed_indegree", "indegree": indegrees[name]}
        nest.Connect(source, targets, rule, {"synapse_model": name})


def measure(
    a: argparse.Namespace, began: float, populations: Mapping[str, Any], synapses: int, model: str,
    weighed: tuple[Any, Any] | None = None,
) -> None:  # fmt: skip
    """Record all spikes, warm up, run, and print the report.

    Parameters
    ----------
    began : float
        As `prepare` returned it.
    populations : mapping of str to NodeCollection
    synapses : int
        Those of the network, without those of devices.
    model : str
        What kind they are.
    weighed : (NodeCollection, NodeCollection), optional
        Sources and targets whose weights are kept with the spikes.
    """
    recorders = {}
    for name, population in populations.items():
        recorders[name] = nest.Create("spike_recorder", params={"start": a.warm_up})
        nest.Connect(population, recorders[name])
    nest.Prepare()
    built = time.perf_counter()
    nest.Run(a.warm_up)
    started = time.perf_counter()
    nest.Run(a.duration)
    seconds = time.perf_counter() - started
    nest.Cleanup()
    if a.keep is not None:
        keep_spikes(
            a.keep,
            {
                name: (
                    recorder.events["times"],
                    recorder.events["senders"] - population[0].global_id,
                )
                for (name, population), recorder in zip(
                    populations.items(), recorders.values(), strict=True
                )
            },
            {name: len(population) for name, population in populations.items()},
            [] if weighed is None else nest.GetConnections(*weighed).weight,
        )
    report(
        "nest", a, precision="double", threads=nest.local_num_threads,
        build_seconds=built - began, simulate_seconds=seconds,
        sizes={name: len(population) for name, population in populations.items()},
        spikes={name: recorder.n_events for name, recorder in recorders.items()},
        peak_bytes=peak_memory(), packages=("nest-simulator", "numpy"), synapses=synapses,
        synapse_model=model,
    )  # fmt: skip
