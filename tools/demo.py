"""The cortical microcircuit at a tenth of its size, for one biological second, beside NEST.

Run by ``make demo``. Everything here is what a script of yours would write.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path

import matplotlib
from rich.console import Console
from rich.table import Table

import neurosim as ns
from neurosim_models import potjans_diesmann
from neurosim_models.microcircuit import PUBLISHED_RATES

ROOT = Path(__file__).resolve().parents[1]
REFERENCE = ROOT / "benchmarks" / "references" / "nest_microcircuit_0.1.json"
REFERENCE_SCALE = 0.1
WARM_UP = 500.0
"""Until the circuit has forgotten how it began [ms]; the reference leaves out as much."""


def main(scale: float, duration: float, folder: Path, console: Console) -> ns.Run:
    """Simulate, compare, and leave a figure and a file in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    console.print(
        f"\n[bold]The cortical microcircuit at scale {scale:g}[/bold] of neurons and in-degrees, "
        "with Poisson drive.\nPopulations, connection probabilities, weights and delays: Potjans & "
        "Diesmann\n(2014), Cereb. Cortex 24:785-806, doi 10.1093/cercor/bhs358\n",
        soft_wrap=True,
    )
    net = potjans_diesmann(scale)
    size = net.estimate()
    console.print(f"{size.neurons:,} neurons, {size.synapses:,.0f} synapses, seed {net.seed}")

    started = time.perf_counter()
    with console.status("building; the very first run also compiles, for about a minute"):
        session = ns.compile(net)
        session.run(WARM_UP, progress=False)
    ready = time.perf_counter() - started
    run = session.run(duration)

    console.print(rates_table(run, scale))
    seconds = run.provenance["wall_seconds"]["run"]
    console.print(
        f"Wall time: {ready:.1f} s to compile (once), build and warm up ({WARM_UP:g} ms); then "
        f"[bold]{seconds:.2f} s for {duration / 1000:g} s of biology[/bold] on "
        f"{run.provenance['threads']} thread(s).",
        soft_wrap=True,
    )

    figure, results = folder / "microcircuit.png", folder / "microcircuit.h5"
    run.plot().savefig(figure, dpi=150)
    run.save(results)
    console.print(f"\nRaster and rates: [bold]{shown(figure)}[/bold]", soft_wrap=True)
    console.print(f"Spikes and provenance: [bold]{shown(results)}[/bold]", soft_wrap=True)
    console.print("\nWhat to try next:")
    for command in next_commands(folder):
        console.print(f"  {command}", markup=False, soft_wrap=True)
    return run


def rates_table(run: ns.Run, scale: float) -> Table:
    """Return the rates of all populations beside those of NEST and the published ones."""
    reference = json.loads(REFERENCE.read_text())
    nest = reference["results"]["over_seeds"] if scale == REFERENCE_SCALE else {}
    table = Table(
        title="Mean rates [Hz]",
        caption=f"NEST {reference['nest_version']}: mean and s.d. over {len(reference['seeds'])} "
        f"seeds at scale {REFERENCE_SCALE:g}, 2 s each.\n"
        "Down-scaling keeps mean and variance of the input, not its correlations:\n"
        "a scaled circuit meets the full one nearly, not exactly.",
        caption_justify="left",
    )
    table.add_column("population")
    for heading in ("neurons", "here", "NEST, same scale", "published, full scale"):
        table.add_column(heading, justify="right")
    for name, rate in run.rates().items():
        beside = "-"
        if name in nest:
            beside = f"{nest[name]['rate_hz']['mean']:.2f} ± {nest[name]['rate_hz']['sd']:.2f}"
        table.add_row(
            name,
            f"{run.populations[name]:,}",
            f"{rate:.2f}",
            beside,
            f"{PUBLISHED_RATES[name]:.2f}",
        )
    return table


def next_commands(folder: Path) -> list[str]:
    """Return command lines that work from where the demo was started."""
    here = shown(Path(sys.executable).parent)
    commands = [
        f"{here}/neurosim list",
        f"{here}/neurosim run vogels_abbott_cuba --plot {shown(folder / 'balanced.png')}",
        f"{here}/neurosim run brunel --set regime=D --set scale=0.2 --duration 500",
        f"{here}/python -c \"import neurosim as ns; print(ns.load('"
        f"{shown(folder / 'microcircuit.h5')}').summary())\"",
    ]
    for tutorial in sorted((ROOT / "tutorials").glob("01_*.py")):
        commands.append(f"{here}/marimo edit {shown(tutorial)}")
    return commands


def shown(path: Path) -> str:
    """Return a path as it is typed from here: relative where it lies below."""
    absolute = Path(os.path.abspath(path))  # without following .venv/bin/python to its home
    try:
        return str(absolute.relative_to(Path.cwd()))
    except ValueError:
        return str(absolute)


if __name__ == "__main__":
    matplotlib.use("Agg")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=REFERENCE_SCALE)
    parser.add_argument("--duration", type=float, default=1000.0, help="measured time [ms]")
    parser.add_argument("--folder", type=Path, default=Path("results"))
    given = parser.parse_args()
    try:
        main(given.scale, given.duration, given.folder, Console(highlight=False))
    except ns.NeurosimError as error:
        sys.exit(f"Error: {error}")
