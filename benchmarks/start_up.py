"""What a user waits for before the first result: imports, and a whole script."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.environments import python_for
from benchmarks.workloads import PEERS

ROOT = Path(__file__).parents[1]

BALANCED = """
import neurosim as ns

net = ns.Network("balanced", seed=42)
exc = net.population("exc", 3200, ns.LIF(tau_m=20, C_m=200, E_L=-49, V_th=-50, V_reset=-60, t_ref=5,
                                         synapses=ns.ExpCurrent(exc=5, inh=10)))
inh = net.population("inh", 800, exc.model)
net.initialise(exc + inh, V_m=ns.Uniform(-60, -50))
net.project(exc, exc + inh, ns.FixedProbability(0.02), weight=16.2, delay=0.1, receptor="exc")
net.project(inh, exc + inh, ns.FixedProbability(0.02), weight=-90, delay=0.1, receptor="inh")
net.record(exc + inh, "spikes")
print(ns.run(net, 1000).rates())
"""


def seconds(
    arguments: list[str],
    environment: dict[str, str] | None = None,
    python: Path = Path(sys.executable),
) -> float:
    """Run Python in a new process; return how long it took [s]."""
    started = time.perf_counter()
    subprocess.run(
        [str(python), *arguments],
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment, cwd=ROOT,
    )  # fmt: skip
    return time.perf_counter() - started


def described(name: str, times: list[float]) -> dict[str, Any]:
    """Return the row of a measurement."""
    return {
        "name": name,
        "median_s": statistics.median(times),
        "least_s": min(times),
        "greatest_s": max(times),
        "repeats": len(times),
    }


def measure(repeats: int = 5) -> list[dict[str, Any]]:
    """Time imports and the balanced-network script, cold (empty cache) and warm.

    Returns
    -------
    list of dict
        One row per measurement: name, median, least and greatest seconds.
    """
    import os

    rows = []

    def row(name: str, times: list[float]) -> None:
        rows.append(described(name, times))

    row("python alone", [seconds(["-c", "pass"]) for _ in range(repeats)])
    row("import numpy", [seconds(["-c", "import numpy"]) for _ in range(repeats)])
    row("import neurosim", [seconds(["-c", "import neurosim"]) for _ in range(repeats)])
    with tempfile.TemporaryDirectory() as directory:
        script = Path(directory) / "balanced.py"
        script.write_text(BALANCED)
        environment = {**os.environ, "NEUROSIM_CACHE_DIR": str(Path(directory) / "cache")}
        row("balanced script, first run ever", [seconds([str(script)], environment)])
        times = [seconds([str(script)], environment) for _ in range(repeats)]
        row("balanced script, later runs", times)
    return rows


def measure_peers(peers: Sequence[str], repeats: int = 5) -> list[dict[str, Any]]:
    """Time the peers' scripts of the same network (CUBA) for the same second, cold and warm.

    What Brian2 compiles goes to a folder that is empty before the first run.
    """
    rows = []
    for name in peers:
        peer = PEERS[name]
        python = python_for(peer)
        script = [
            "-m", "benchmarks.peers." + peer.script + "_vogels_abbott", "--synapses", "cuba",
            *peer.arguments, "--duration", "900", "--warm-up", "100",
        ]  # fmt: skip
        with tempfile.TemporaryDirectory() as cache:
            arguments = [*script, "--cache", cache] if peer.script == "brian2" else script
            first = seconds(arguments, None, python)
            later = [seconds(arguments, None, python) for _ in range(repeats)]
        rows.append(described(f"{peer.title}: balanced script, first run ever", [first]))
        rows.append(described(f"{peer.title}: balanced script, later runs", later))
    return rows
