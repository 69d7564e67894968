"""``neurosim check``: whether a network fits on a chip."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neurosim.cli.app import Model, Seed, Settings, TimeStep, about, app, network_of, time_step_of

DOES_NOT_FIT = 3
"""Exit code where something does not: 1 and 2 are errors, here as elsewhere."""


@app.command()
def check(
    model: Model,
    target: Annotated[
        str, typer.Option(help="loihi1, loihi2, spinnaker1 or spinnaker2.")
    ] = "loihi2",
    dt: TimeStep = None,
    seed: Seed = None,
    settings: Settings = None,
    chips: Annotated[
        int | None, typer.Option(min=1, help="How many there are; not for boards.")
    ] = None,
    board: Annotated[
        int | None, typer.Option(help="Version of a board of SpiNNaker: 3, 5, 201 or 248.")
    ] = None,
    map_it: Annotated[
        bool, typer.Option("--map", help="Let sPyNNaker place it, too, on a virtual board.")
    ] = False,
    plot: Annotated[Path | None, typer.Option(help="Write a figure of the placement.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Tell whether a network fits on a chip, how full its cores are, and what would make it fit.

    Exit code 0 if it fits, else 3.
    """
    from rich.console import Console

    import neurosim
    from neurosim.cli import targets
    from neurosim.errors import UnknownNameError

    with about("--target"):
        if target not in neurosim.targets():
            raise UnknownNameError("--target", target, neurosim.targets())
    with about("--plot"):
        targets.check_figure(plot)
    wanted = time_step_of(dt)
    network = network_of(model, settings, seed, wanted)
    fit = neurosim.check(network, target, dt=wanted, chips=chips, board=board, map=map_it)
    if plot is not None:
        fit.plot().savefig(plot)
    if json:
        typer.echo(fit.to_json())
    elif (console := Console(highlight=False)).is_terminal:
        console.print(fit)
    else:
        typer.echo(str(fit))
    if not fit.fits:
        raise typer.Exit(DOES_NOT_FIT)
