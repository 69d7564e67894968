"""Does the microcircuit do the same in NEST? ``python -m benchmarks.distributions --scale 0.1``.

Both simulators draw their own wiring and input, so that spikes cannot be compared one by one.
Compared are, as by van Albada et al. (2018), the distributions over neurons of rates, of CVs of
inter-spike intervals and of correlation coefficients, population by population, and weights; the
Kolmogorov-Smirnov distance of two simulators is to be read beside that of two seeds of one.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from itertools import combinations, product
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import typer
from scipy import stats

import neurosim as ns
from benchmarks.keeping import RESULTS, context, write
from neurosim.analysis import count_correlations, isi_cv
from neurosim_models import microcircuit, potjans_diesmann

Floats = npt.NDArray[np.float64]

KEPT = RESULTS / "distributions"
WARM_UP = 500.0
"""Left out at the beginning [ms]."""

WEIGHED = "L5I->L5I"
"""The projection whose weights are looked at."""

BIN = 2.0
"""In which spikes are counted for correlations [ms]."""

CORRELATED = 200
"""Neurons of each population whose pairs are correlated."""

EDGES = {
    "rate": np.arange(0.0, 60.5, 0.5),
    "cv": np.arange(0.0, 2.02, 0.02),
    "correlation": np.arange(-0.2, 0.405, 0.005),
}
"""Of the histograms that are kept: Hz, 1, 1."""

Measured = Mapping[str, Mapping[str, Floats]]
"""Measure -> population (or projection) -> values."""


def measures(
    spikes: Mapping[str, tuple[Any, Any]], sizes: Mapping[str, int], weights: Any, duration: float
) -> Measured:
    """Return the distributions of one run.

    Parameters
    ----------
    spikes : population -> (times [ms], neurons from 0 on)
        From `WARM_UP` on.
    duration : float
        After `WARM_UP` [ms]; a multiple of `BIN`.
    """
    found: dict[str, dict[str, Floats]] = {"rate": {}, "cv": {}, "correlation": {}}
    for name, (times, ids) in spikes.items():
        order = np.lexsort((times, ids))
        counts = np.bincount(ids, minlength=sizes[name])
        trains = np.split(np.asarray(times, np.float64)[order], np.cumsum(counts)[:-1])
        found["rate"][name] = counts / duration * 1e3
        found["cv"][name] = isi_cv(trains).values
        found["correlation"][name] = count_correlations(
            trains, WARM_UP, WARM_UP + duration, bin=BIN, n_neurons=min(CORRELATED, sizes[name])
        ).values
    return {**found, "weight": {WEIGHED: np.asarray(weights, np.float64)}}


def of_ours(network: ns.Network, duration: float, threads: int | None = None) -> Measured:
    """Run a microcircuit here."""
    session = ns.compile(network, precision="single", threads=threads)
    session.run(WARM_UP, progress=False)
    run = session.run(duration, progress=False)
    sizes = {p.name: p.size for p in network.populations.values()}
    spikes = {name: (record.times, record.ids) for name, record in run.spikes.items()}
    return measures(spikes, sizes, session.connections(WEIGHED).weight, duration)


def of_nest(scale: float, seed: int, duration: float, threads: int) -> Measured:
    """Run the microcircuit in NEST, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        kept = Path(folder) / "spikes.npz"
        subprocess.run(
            [sys.executable, "-m", "benchmarks.peers.nest_microcircuit", "--scale", str(scale),
             "--seed", str(seed), "--duration", str(duration), "--warm-up", str(WARM_UP),
             "--threads", str(threads), "--keep", str(kept)],
            cwd=Path(__file__).parents[1], check=True, capture_output=True, text=True,
        )  # fmt: skip
        with np.load(kept) as file:
            names = microcircuit.POPULATIONS
            spikes = {name: (file[f"times of {name}"], file[f"ids of {name}"]) for name in names}
            sizes = {name: int(file[f"size of {name}"]) for name in names}
            return measures(spikes, sizes, file["weights"], duration)


def distances(one: Measured, other: Measured) -> dict[str, float]:
    """Return the Kolmogorov-Smirnov distance by each measure, the mean over populations."""
    return {
        measure: float(
            np.mean([stats.ks_2samp(one[measure][p], other[measure][p]).statistic for p in there])
        )
        for measure, there in one.items()
    }


def of_pairs(pairs: Any) -> dict[str, list[float]]:
    """Return measure -> least, mean and greatest distance of pairs of runs."""
    found = [distances(a, b) for a, b in pairs]
    return {
        measure: [float(f([d[measure] for d in found])) for f in (min, np.mean, max)]
        for measure in found[0]
    }


def means(runs: list[Measured], measure: str) -> dict[str, list[float]]:
    """Return population -> mean of each run."""
    return {p: [float(np.mean(run[measure][p])) for run in runs] for p in runs[0][measure]}


def main(
    scale: Annotated[float, typer.Option(help="of neurons and in-degrees")] = 0.1,
    duration: Annotated[float, typer.Option(help="after 0.5 s [ms]")] = 10_000.0,
    seeds: Annotated[int, typer.Option(min=2, help="runs of ours")] = 3,
    peer_seeds: Annotated[int, typer.Option(min=0, help="runs of NEST; 0 or at least 2")] = 2,
    threads: Annotated[int, typer.Option(min=1)] = 2,
    into: Annotated[Path, typer.Option(help="folder of the results")] = KEPT,
) -> None:
    """Run both, compare, keep histograms and distances."""
    if peer_seeds == 1:
        raise typer.BadParameter("one seed has no distance to another: 0, 2 or more")
    ours = []
    for seed in range(1, seeds + 1):
        ours.append(of_ours(potjans_diesmann(scale=scale, seed=seed), duration, threads))
        print(f"neurosim, seed {seed}", flush=True)
    theirs = []
    for seed in range(1, peer_seeds + 1):
        theirs.append(of_nest(scale, seed, duration, threads))
        print(f"NEST, seed {seed}", flush=True)
    sides = {"neurosim": ours} | ({"nest": theirs} if theirs else {})
    row = {
        "scale": scale,
        "duration": duration,
        "warm_up": WARM_UP,
        "seeds": {side: list(range(1, len(runs) + 1)) for side, runs in sides.items()},
        "means": {
            side: {measure: means(runs, measure) for measure in ("rate", "cv", "correlation")}
            for side, runs in sides.items()
        },
        "distances": {
            "two seeds of neurosim": of_pairs(combinations(ours, 2)),
            **(
                {
                    "two seeds of NEST": of_pairs(combinations(theirs, 2)),
                    "neurosim and NEST": of_pairs(product(ours, theirs)),
                }
                if theirs
                else {}
            ),
        },
        "edges": {name: [float(e[0]), float(e[-1]), len(e) - 1] for name, e in EDGES.items()},
        "histograms": {
            side: {
                measure: {
                    p: np.sum(
                        [np.histogram(run[measure][p], edges)[0] for run in runs], axis=0
                    ).tolist()
                    for p in microcircuit.POPULATIONS
                }
                for measure, edges in EDGES.items()
            }
            for side, runs in sides.items()
        },
    }
    command = (
        f"python -m benchmarks.distributions --scale {scale:g} --duration {duration:g} "
        f"--seeds {seeds} --peer-seeds {peer_seeds} --threads {threads}"
    )
    print(json.dumps(row["distances"], indent=1))
    write(into / f"microcircuit-{scale:g}.json", {**row, **context(command)})


if __name__ == "__main__":
    typer.run(main)
