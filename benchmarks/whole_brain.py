"""A Wilson-Cowan network with delays, one run and a sweep, beside neurolib on the same network.

94 nodes, all connected (neurolib takes every pair, whether connected or not), delays of 10 m/s
rounded to the step of 0.1 ms (as neurolib does), Euler steps, Ornstein-Uhlenbeck noise on both
variables of every node. Without noise the traces of the two programs are compared.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import neurosim as ns
from benchmarks.environments import python_for
from benchmarks.workloads import Peer
from neurosim_datasets import synthetic_connectome

NODES = 94
DT = 0.1
SPEED = 10.0
COUPLING = 0.6
DRIVE = 0.6
NOISE = 0.02
SWEPT = 16
"""Values of each of two parameters: 256 sets."""

AGREEMENT = 1e-9
"""Largest difference of traces without noise."""

NEUROLIB = Peer(
    name="neurolib", title="neurolib", extra="connectomes", distribution="neurolib",
    script="neurolib",
)  # fmt: skip

SCRIPT = Path(__file__).parent / "peers" / "neurolib_whole_brain.py"

# The equations of neurolib's "wc", term by term.
EQUATIONS = """
dE/dt = (-E + (1 - E)*sigmoid(1.5*(16*E - 12*I + K + P - 3)) + x)/tau_E : 1
dI/dt = (-I + (1 - I)*sigmoid(1.5*(15*E - 3*I - 3)) + y)/tau_I : 1
dx/dt = -x/tau_ou + sigma*xi_E : 1
dy/dt = -y/tau_ou + sigma*xi_I : 1
tau_E : ms
tau_I : ms
tau_ou : ms
sigma : ms**-0.5
"""


def matrices() -> dict[str, Any]:
    """Return what both programs are handed."""
    connectome = synthetic_connectome(NODES, seed=1, density=1.0)
    assert connectome.lengths is not None
    steps = np.rint(connectome.delays(SPEED) / DT)
    random = np.random.default_rng(1)
    return {
        "weights": connectome.weights,
        # Whole steps, so that neither program rounds or interpolates.
        "lengths": steps * DT * SPEED,
        "delays": steps * DT,
        "E": 0.05 * random.uniform(size=NODES),
        "I": 0.05 * random.uniform(size=NODES),
        "signalV": SPEED,
        "K_gl": COUPLING,
        "exc_ext": DRIVE,
        "tau_ou": 5.0,
        "dt": DT,
    }


def network(given: dict[str, Any], sigma: float) -> ns.Network:
    """Return the network; E is recorded every ms."""
    model = ns.NeuronModel(
        "wilson_cowan", equations=EQUATIONS, inputs={"K": "additive"}, method="euler",
        parameters={
            "P": DRIVE, "tau_E": 2.5, "tau_I": 3.75, "tau_ou": given["tau_ou"], "sigma": sigma,
        },
    )  # fmt: skip
    net = ns.Network("whole brain", seed=1, dt=DT)
    nodes = net.population("nodes", NODES, model)
    net.initialise(nodes, E=given["E"], I=given["I"])
    net.project(
        nodes, nodes, ns.FromMatrix(COUPLING * given["weights"]), delay=given["delays"],
        source="E", receptor="K", name="tracts",
    )  # fmt: skip
    net.record(nodes, "E", every=1.0)
    return net


def ours_once(given: dict[str, Any], duration: float) -> float:
    """Return the seconds of one run, compiled before."""
    session = ns.compile(network(given, NOISE))
    session.run(20.0, progress=False)
    session.reset()
    started = time.perf_counter()
    session.run(duration, progress=False)
    return time.perf_counter() - started


def ours_swept(given: dict[str, Any], duration: float, threads: int, sets: int) -> float:
    """Return the seconds of a sweep over P and the coupling, compiled before."""
    side = max(1, round(sets**0.5))
    values = {"P": np.linspace(0.3, 0.9, side), "K_gl": np.linspace(0.0, 2.0, side)}
    net = network(given, NOISE)

    def measure(run: ns.Run) -> float:
        return float(run.states["nodes"]["E"].array.mean())

    names = {"K_gl": "tracts.weight"}
    ns.sweep(net, values, 5.0, names=names, measure=measure, threads=threads)
    started = time.perf_counter()
    ns.sweep(net, values, duration, names=names, measure=measure, threads=threads)
    return time.perf_counter() - started


def theirs(
    python: Path, given: dict[str, Any], sigma: float, duration: float, processes: int,
    traces: Path | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Run neurolib in as many processes at once; the report of the slowest."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "matrices.npz"
        np.savez(file, **given, sigma_ou=sigma)
        command = [str(python), str(SCRIPT), str(file), "--duration", str(duration)]
        if traces is not None:
            command += ["--traces", str(traces)]
        running = [
            subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(processes)
        ]
        reports = []
        for process in running:
            output, _ = process.communicate()
            if process.returncode:
                raise RuntimeError(f"neurolib ended with {process.returncode}")
            reports.append(json.loads(output.strip().splitlines()[-1]))
    slowest: dict[str, Any] = max(reports, key=lambda report: report["seconds"])
    return slowest


def agreement(python: Path, given: dict[str, Any], duration: float = 1000.0) -> float:
    """Return the largest difference of E without noise, every ms.

    Raises
    ------
    RuntimeError
        If it is larger than rounding makes it: then the programs do not run the same network.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "traces.npy"
        theirs(python, given, 0.0, duration, 1, file)
        peer = np.load(file)
    own = ns.run(network(given, 0.0), duration).states["nodes"]["E"].array
    difference = float(np.abs(own - peer).max())
    if not difference < AGREEMENT:
        raise RuntimeError(f"traces without noise differ by up to {difference:.3g}")
    return difference


def measure(
    duration: float, sets: int, repeats: int, threads: int, say: Callable[[str], None],
    python: Path | None = None,
) -> list[dict[str, Any]]:  # fmt: skip
    """Measure by turns; one row for single runs and one for the sweep, with ratios of medians.

    Parameters
    ----------
    duration : float
        Of each simulation [ms].
    sets : int
        Parameter sets of the sweep: a square number.
    threads : int
        Of the sweep; neurolib runs in as many processes.
    python : Path, optional
        An interpreter that has neurolib; left out, one is made.
    """
    python = python or python_for(NEUROLIB)
    given = matrices()
    difference = agreement(python, given)
    say(f"without noise, traces of 1 s differ by at most {difference:.1e}")
    single: list[tuple[float, float]] = []
    swept: list[tuple[float, float]] = []
    versions: dict[str, str] = {}
    for turn in range(repeats):
        own = ours_once(given, duration)
        peer = theirs(python, given, NOISE, duration, 1)
        versions = peer["versions"]
        single.append((own, peer["seconds"]))
        say(f"round {turn + 1}, one run: {own:.2f} s; neurolib {peer['seconds']:.2f} s")
        own = ours_swept(given, duration, threads, sets) / sets
        several = theirs(python, given, NOISE, duration, threads)["seconds"] / threads
        swept.append((own, several))
        say(f"round {turn + 1}, per set: {own:.3f} s; neurolib {several:.2f} s")
    rows = []
    for name, found, count in (("one run", single, 1), (f"sweep of {sets}", swept, threads)):
        own, peer_seconds = (statistics.median(column) for column in zip(*found, strict=True))
        rows.append(
            {
                "name": name,
                "threads": count,
                "seconds": own,
                "neurolib_seconds": peer_seconds,
                "ratio": peer_seconds / own,
                "all_seconds": [list(pair) for pair in found],
                "largest_difference_without_noise": difference,
                "versions": versions,
                "python": sys.version.split()[0],
            }
        )
    return rows
