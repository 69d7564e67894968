"""``neurosim nir``: networks as files of NIR, and the proof that others read them as we do."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from neurosim.cli.app import Model, Seed, Settings, TimeStep, app, network_of, time_step_of

commands = typer.Typer(
    help="Write networks as NIR, and compare simulators that read it.", no_args_is_help=True
)
app.add_typer(commands, name="nir")

DIFFERS = 3
"""Exit code of `verify` where spikes differ: 1 and 2 are errors, here as elsewhere."""


class Profile(StrEnum):
    """For whom a file is written."""

    generic = "generic"
    snntorch = "snntorch"
    norse = "norse"
    spikingjelly = "spikingjelly"


class OnLoss(StrEnum):
    """What to do where NIR has no word for something."""

    error = "error"
    warn = "warn"


@commands.command()
def export(
    model: Model,
    path: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write it, as HDF5.")],
    profile: Annotated[Profile, typer.Option(help="For whom.")] = Profile.generic,
    on_loss: Annotated[
        OnLoss, typer.Option("--on-loss", help="Refuse what NIR cannot say, or list it.")
    ] = OnLoss.error,
    output: Annotated[
        list[str] | None,
        typer.Option(
            "--output",
            metavar="POPULATION",
            help="Whose spikes leave the graph; by default those that are recorded. May be given "
            "repeatedly.",
        ),
    ] = None,
    dt: TimeStep = None,
    seed: Seed = None,
    settings: Settings = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file.")] = False,
) -> None:
    """Write a network as a graph of NIR, for simulators and chips that read it."""
    import neurosim

    wanted = time_step_of(dt)
    network = network_of(model, settings, seed, wanted)
    graph = neurosim.to_nir(
        network, path, profile=profile.value, on_loss=on_loss.value, dt=wanted,
        outputs=output or None, overwrite=overwrite,
    )  # fmt: skip
    typer.echo(f"NIR in {path}: {len(graph.nodes)} nodes, {len(graph.edges)} edges")


@commands.command()
def verify(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="A file of NIR.")],
    steps: Annotated[int, typer.Option(min=1, help="Calls of the graph.")] = 200,
    seed: Annotated[int, typer.Option(min=0, help="Of the random input.")] = 0,
    simulator: Annotated[
        list[str] | None,
        typer.Option(
            "--simulator",
            metavar="NAME",
            help="snntorch, norse or spikingjelly; all by default. May be given repeatedly.",
        ),
    ] = None,
) -> None:
    """Run a file of NIR in snnTorch, Norse and SpikingJelly, and compare their spikes with ours.

    Exit code 3 if any of them differs, else 0.
    """
    from rich.console import Console

    import neurosim

    report = neurosim.verify_nir(path, steps=steps, seed=seed, simulators=simulator or None)
    if (console := Console(highlight=False)).is_terminal:
        console.print(report)
    else:
        typer.echo(str(report))
    if any(v.tier == "different" for v in report.verdicts):
        raise typer.Exit(DIFFERS)
