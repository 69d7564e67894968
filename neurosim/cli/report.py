"""What the commands print: networks, runs, and lists of what there is."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

from neurosim.capabilities import told

if TYPE_CHECKING:
    from rich.console import Console

    from neurosim.describe.network import Network
    from neurosim.results import Run

LONG = 40
"""Lines above which a network is shown by its headline and populations only."""


def show_network(console: Console, network: Network) -> None:
    """Print a network as it prints itself; of a long one, what it is made of."""
    parts = repr(network).split("\n\n")
    if sum(part.count("\n") + 1 for part in parts) <= LONG:
        shown = "\n\n".join(parts)
    else:
        shown = "\n\n".join([*parts[:2], f"{len(network.projections)} projections"])
    headline, _, tables = shown.partition("\n")
    console.print(headline, markup=False, soft_wrap=True)
    for line in tables.splitlines():
        # In a terminal lines are cut at its edge rather than folded; in a file they are whole.
        cut = console.is_terminal
        console.print(
            line, markup=False, soft_wrap=not cut, no_wrap=cut, overflow="ellipsis" if cut else None
        )
    console.print()


def show_run(console: Console, run: Run) -> None:
    """Print rates, or states where there are none, wall times and what was approximated."""
    from neurosim.analysis import isi_cv

    if run.spikes:
        table = Table(title=f"{run.name}, {run.duration:g} ms", title_justify="left")
        table.add_column("population")
        for heading in ("neurons", "spikes", "rate [Hz]", "silent", "CV of ISIs"):
            table.add_column(heading, justify="right")
        for name, record in run.spikes.items():
            cv = isi_cv(record.trains()) if len(record) else None
            neurons = f"{record.n_recorded:,}"
            table.add_row(
                name,
                neurons if record.recorded is None else f"{neurons} of {record.size:,}",
                f"{len(record):,}",
                f"{record.mean_rate():.2f}" if record.duration > 0 else "-",
                f"{int((record.counts() == 0).sum()):,}",
                f"{cv.mean():.2f}" if cv is not None and cv.n_used else "-",
            )
        console.print(table)
    elif any(run.states.values()):
        console.print(_states(run))
    else:
        console.print('No spikes were recorded: add net.record(population, "spikes").')
    wall = run.provenance.get("wall_seconds", {})
    if wall:
        ratio = wall["run"] / (run.duration / 1000) if run.duration else float("nan")
        console.print(
            f"Wall time: built in {wall['build']:.2f} s, run in {wall['run']:.2f} s "
            f"({ratio:.2f} s per biological second)"
        )
    for line in told(run.provenance.get("approximations", [])):
        console.print(f"Approximated: {line}", markup=False, soft_wrap=True)


def _states(run: Run) -> Table:
    """Return what became of recorded states, for networks that do without spikes."""
    table = Table(title=f"{run.name}, {run.duration:g} ms", title_justify="left")
    table.add_column("state")
    for heading in ("neurons", "samples", "first mean", "last mean", "differ in the last two"):
        table.add_column(heading, justify="right")
    for name, traces in run.states.items():
        for variable, trace in traces.items():
            ends = [f"{trace.array[k].mean():.4g}" for k in (0, -1)] if len(trace) else ["-", "-"]
            moved = int((trace.array[-2] != trace.array[-1]).sum()) if len(trace) > 1 else None
            table.add_row(
                f"{name}.{variable}" + ("" if trace.unit == "1" else f" in {trace.unit}"),
                f"{trace.ids.size:,}",
                f"{len(trace):,}",
                *ends,
                "-" if moved is None else f"{moved:,}",
            )
    return table


def save_figure(run: Run, path: Path) -> None:
    """Draw a run into a file, without a screen."""
    import matplotlib

    matplotlib.use("Agg")
    run.plot().savefig(path, dpi=150)


def show_list(console: Console) -> None:
    """Print the published networks with their arguments, and the backends."""
    from neurosim.backend import backends
    from neurosim.cli.targets import entry_points, short_name

    console.print("[bold]Published networks[/bold] (neurosim run NAME --set ARGUMENT=VALUE)\n")
    for name, entry in entry_points().items():
        try:
            function = entry.load()
        except Exception as error:  # one broken package must not hide the others
            console.print(f"{name}: cannot be imported: {error}\n", markup=False)
            continue
        console.print(f"[bold]{name}[/bold]({signature(function)})", soft_wrap=True)
        summary = (inspect.getdoc(function) or "").split("\n", 1)[0]
        console.print(f"    {summary}\n", markup=False, soft_wrap=True)
    example = short_name(entry_points())
    if example:
        told = f"A part of a name that no other has is enough, such as {example}."
        console.print(f"{told}\n", markup=False, soft_wrap=True)
    console.print(f"[bold]Backends[/bold] (--backend NAME): {', '.join(backends())}")
    console.print("What each one needs: neurosim doctor")


def signature(function: Any) -> str:
    """Return the arguments of a function with their defaults, without types.

    >>> def make(scale: float = 1.0, drive: str = "poisson") -> None: ...
    >>> signature(make)
    "scale=1.0, drive='poisson'"
    """
    shown = []
    for name, p in inspect.signature(function).parameters.items():
        shown.append(name if p.default is p.empty else f"{name}={p.default!r}")
    return ", ".join(shown)
