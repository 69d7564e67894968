"""Measure neurosim and a peer on the same network, by turns, each run in a process of its own."""

from __future__ import annotations

import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.environments import python_for
from benchmarks.workloads import PEERS, Peer, Workload

ROOT = Path(__file__).parents[1]

SEEDS = 8
"""At least so many runs of neurosim tell how rates spread over seeds."""

DEVIATIONS = 3.0
"""Rates of two sides agree within so many standard deviations over seeds,"""

LEAST_TOLERANCE = 0.01
"""or within this fraction of themselves: costs are proportional to rates."""

MOST_TOLERANCE = 0.25
"""Where the rate of all neurons spreads by more than this fraction, nothing can be told."""

Json = dict[str, Any]


class RunError(Exception):
    """A run of one side that gave no figures."""


def parsed(output: str, place: str) -> Json:
    """Return what a script reported: its last line.

    Raises
    ------
    RunError
        If the line is no report, or its times are no positive numbers.
    """
    lines = output.strip().splitlines()
    try:
        found = json.loads(lines[-1])
    except (IndexError, json.JSONDecodeError):
        told = lines[-1][:200] if lines else "nothing"
        raise RunError(f"{place} reported no figures; its last line: {told}") from None
    needed = (
        "simulator",
        "arguments",
        "peak_bytes",
        "compile_seconds",
        "precision",
        "threads",
        "neurons",
        "rates",
        "spikes",
        "versions",
        "synapses",
    )
    missing = [key for key in needed if key not in found] if isinstance(found, dict) else ["all"]
    if missing:
        raise RunError(f"{place} did not report {', '.join(missing)}")
    for key in ("simulate_seconds", "build_seconds"):
        value = found.get(key)
        if not isinstance(value, (int, float)) or not (math.isfinite(value) and value > 0):
            raise RunError(f"{place} reported {key} = {value}, not a time above 0")
    report: Json = found
    return report


def run_once(
    python: Path, arguments: Sequence[str], environment: Mapping[str, str], limit: float
) -> Json:
    """Run one side once.

    Parameters
    ----------
    limit : float
        Longest time [s].

    Raises
    ------
    RunError
        If it fails, reports nothing or takes too long.
    """
    place = " ".join(["python", *arguments])
    # A number of threads asked of the whole shell is not that of this run.
    kept = {k: v for k, v in os.environ.items() if not k.startswith("OMP_")}
    try:
        done = subprocess.run(
            [str(python), *arguments],
            cwd=ROOT, capture_output=True, text=True, timeout=limit, env={**kept, **environment},
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise RunError(f"{place} took more than {limit:g} s") from None
    if done.returncode != 0:
        told = done.stderr.strip().splitlines() or ["no message"]
        raise RunError(f"{place} ended with {done.returncode}: {told[-1][:300]}")
    return parsed(done.stdout, place)


# --- what makes a row void ------------------------------------------------------------------------


def mean_rates(runs: Sequence[Json]) -> dict[str, list[float]]:
    """Return the rates of each population, and of all neurons, over runs [Hz]."""
    rates = {name: [run["rates"][name] for run in runs] for name in runs[0]["rates"]}
    whole = []
    for run in runs:
        total = sum(run["neurons"].values())
        whole.append(sum(run["rates"][k] * n for k, n in run["neurons"].items()) / total)
    return {"all": whole, **rates}


def tolerance(ours: Sequence[float], theirs: Sequence[float], neurons: int, ms: float) -> float:
    """Return by how much mean rates may differ [Hz].

    The standard deviation over seeds, pooled over both sides and at least that of independent
    Poisson neurons, times `DEVIATIONS`; at least `LEAST_TOLERANCE` of the rate.
    """
    squares = sum((r - statistics.fmean(side)) ** 2 for side in (ours, theirs) for r in side)
    freedom = len(ours) + len(theirs) - 2
    seeds = math.sqrt(squares / freedom) if freedom > 0 else 0.0
    rate = (statistics.fmean(ours) + statistics.fmean(theirs)) / 2
    counting = math.sqrt(rate / (neurons * ms * 1e-3))
    return max(DEVIATIONS * max(seeds, counting), LEAST_TOLERANCE * rate)


def rate_faults(ours: Sequence[Json], theirs: Sequence[Json], ms: float) -> list[str]:
    """Return why the activity of two sides is not the same; nothing if it is."""
    if len(ours) + len(theirs) < 4:
        return ["too few seeds to tell how rates spread"]
    sizes = ours[0]["neurons"]
    if sizes != theirs[0]["neurons"]:
        return [f"different sizes: {sizes} and {theirs[0]['neurons']}"]
    faults = []
    rates, others = mean_rates(ours), mean_rates(theirs)
    for name, values in rates.items():
        mine, other = statistics.fmean(values), statistics.fmean(others[name])
        neurons = sum(sizes.values()) if name == "all" else sizes[name]
        allowed = tolerance(values, others[name], neurons, ms)
        if name == "all" and mine == other == 0:
            return ["no spikes"]
        if name == "all" and allowed > MOST_TOLERANCE * (mine + other) / 2:
            faults.append(
                f"rates spread so widely over seeds ({allowed:.3g} Hz about {mine:.3g} Hz) that "
                "nothing can be told"
            )
        if not abs(mine - other) <= allowed:
            faults.append(
                f"rates differ in {name}: {mine:.4g} and {other:.4g} Hz, more than {allowed:.2g} Hz"
            )
    return faults


def faults_and_notes(
    workload: Workload, peer: Peer, threads: int, ours: Sequence[Json], theirs: Sequence[Json]
) -> tuple[list[str], list[str]]:
    """Return what makes a row void, and what must be said beside it.

    Parameters
    ----------
    ours, theirs : sequence of dict
        Reports of all runs; of ours also those made for the spread of rates.
    """
    faults = rate_faults(ours, theirs, workload.duration)
    notes = []
    for run in (*ours, *theirs):
        asked = {"duration": workload.duration, "warm_up": workload.warm_up}
        if any(run["arguments"].get(key) != value for key, value in asked.items()):
            faults.append(f"a run of {run['simulator']} took another duration")
    here = {run["precision"] for run in ours}
    there = {run["precision"] for run in theirs}
    if here != {workload.precision}:
        faults.append(f"neurosim ran in {'/'.join(sorted(here))}, not {workload.precision}")
    if there != {workload.precision}:
        if workload.precision not in peer.precisions and there <= set(peer.precisions):
            notes.append(
                f"neurosim in {workload.precision} precision, {peer.title} in "
                f"{'/'.join(sorted(there))}: it has no other"
            )
        else:
            faults.append(f"{peer.title} ran in {'/'.join(sorted(there))}")
    synapses = statistics.fmean(r["synapses"] for r in ours)
    others = statistics.fmean(r["synapses"] for r in theirs)
    if abs(synapses - others) > 0.01 * synapses:
        faults.append(f"different numbers of synapses: {synapses:,.0f} and {others:,.0f}")
    used = sorted({run["threads"] for run in ours})
    if used != [threads]:
        notes.append(f"neurosim used {'/'.join(map(str, used))} of {threads} threads")
    if {run["threads"] for run in theirs} != {threads}:
        faults.append(f"{peer.title} did not use {threads} threads")
    return faults, notes


# --- rows -----------------------------------------------------------------------------------------


def spread(values: Sequence[float]) -> Json:
    """Return median, least and greatest."""
    return {"median": statistics.median(values), "least": min(values), "greatest": max(values)}


def side(runs: Sequence[Json], command: str, duration: float) -> Json:
    """Return what is kept of the timed runs of one side."""
    peaks = [run["peak_bytes"] for run in runs if run["peak_bytes"] is not None]
    kept = ("versions", "precision", "threads", "synapses", "flags", "formats", "synapse_model")
    return {
        "seconds_per_second": spread([r["simulate_seconds"] / duration * 1e3 for r in runs]),
        "build_seconds": spread([run["build_seconds"] for run in runs]),
        # Later runs find what the first has compiled.
        "compile_seconds": max(run["compile_seconds"] for run in runs),
        "peak_bytes": max(peaks) if peaks else None,
        "rates": {name: statistics.fmean(values) for name, values in mean_rates(runs).items()},
        "repeats": len(runs),
        "command": command,
        **{key: runs[-1][key] for key in kept if key in runs[-1]},
    }


def row(
    workload: Workload,
    peer: Peer,
    threads: int,
    ours: Sequence[Json],
    theirs: Sequence[Json],
    more_seeds: Sequence[Json] = (),
) -> Json:
    """Return the row of a comparison from the reports of its runs.

    Parameters
    ----------
    ours, theirs : sequence of dict
        Timed by turns: the k-th of both belong together.
    more_seeds : sequence of dict
        Runs of neurosim that were made for the spread of rates.
    """
    faults, notes = faults_and_notes(workload, peer, threads, [*ours, *more_seeds], theirs)
    pairs = [
        b["simulate_seconds"] / a["simulate_seconds"] for a, b in zip(ours, theirs, strict=True)
    ]
    shown = [" ".join(["python", *workload.arguments(which, threads, 1)]) for which in (None, peer)]
    mine = side(ours, shown[0], workload.duration)
    other = side(theirs, shown[1], workload.duration)
    ratio = other["seconds_per_second"]["median"] / mine["seconds_per_second"]["median"]
    return {
        "peer": peer.name,
        "threads": threads,
        "status": "void" if faults else "ok",
        "faults": list(dict.fromkeys(faults)),
        "notes": notes,
        "ratio": {"of_medians": ratio, "least": min(pairs), "greatest": max(pairs)},
        "ours": mine,
        "theirs": other,
    }


def failed(workload: Workload, peer: Peer, threads: int, reason: str) -> Json:
    """Return the row of a comparison that could not be made."""
    return {
        "peer": peer.name, "threads": threads, "status": "failed", "faults": [reason], "notes": [],
        "theirs": {"command": " ".join(["python", *workload.arguments(peer, threads, 1)])},
    }  # fmt: skip


# --- the run --------------------------------------------------------------------------------------


def compare(
    workload: Workload,
    peers: Sequence[str],
    threads: int,
    repeats: int,
    *,
    limit: float = 3600.0,
    say: Any = lambda text: None,
) -> list[Json]:
    """Measure neurosim and peers by turns.

    Each round has its own seed, the same for all, and its own order of the sides. A small run of
    neurosim goes before: it fills the cache of compiled code. What Brian2 compiles is kept for the
    rounds that follow its first.

    Returns
    -------
    list of dict
        One row per peer.

    Raises
    ------
    RunError
        If neurosim itself fails.
    """
    chosen = [PEERS[name] for name in peers]
    chosen = [peer for peer in chosen if threads == 1 or not peer.single_thread]
    if not chosen:
        return []
    here = Path(sys.executable)
    ours: list[Json] = []
    theirs: dict[str, list[Json]] = {peer.name: [] for peer in chosen}
    broken: dict[str, str] = {}
    pythons = {}
    for peer in chosen:
        try:
            pythons[peer.name] = python_for(peer)
        except RuntimeError as error:
            broken[peer.name] = str(error)

    def run_ours(seed: int) -> Json:
        return run_once(here, workload.arguments(None, threads, seed), {}, limit)

    def run_peer(peer: Peer, seed: int, scratch: str) -> Json:
        arguments = workload.arguments(peer, threads, seed)
        if "cpp" in peer.arguments:  # cython keeps what it compiles by itself
            arguments += ["--cache", str(Path(scratch) / peer.name)]
        environment = {k: v.format(threads=threads) for k, v in peer.environment}
        return run_once(pythons[peer.name], arguments, environment, limit)

    with tempfile.TemporaryDirectory() as scratch:
        run_ours(0)
        for repeat in range(repeats):
            sides: list[Peer | None] = [None, *chosen]
            turn = repeat % len(sides)
            for which in sides[turn:] + sides[:turn]:
                if which is None:
                    ours.append(run_ours(repeat + 1))
                    say(f"{workload.name}, {threads} threads, seed {repeat + 1}: neurosim "
                        f"{ours[-1]['simulate_seconds']:.3f} s")  # fmt: skip
                elif which.name not in broken:
                    try:
                        found = run_peer(which, repeat + 1, scratch)
                    except RunError as error:
                        broken[which.name] = str(error)
                        say(str(error))
                        continue
                    theirs[which.name].append(found)
                    say(f"{workload.name}, {threads} threads, seed {repeat + 1}: {which.title} "
                        f"{found['simulate_seconds']:.3f} s")  # fmt: skip
        more = [run_ours(seed + 1) for seed in range(repeats, max(SEEDS, repeats))]
    return [
        failed(workload, peer, threads, broken[peer.name])
        if peer.name in broken
        else row(workload, peer, threads, ours, theirs[peer.name], more)
        for peer in chosen
    ]
