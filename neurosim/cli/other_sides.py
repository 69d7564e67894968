"""``neurosim explain`` and ``neurosim export``: a network seen from other simulators."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neurosim.cli.app import (
    BackendName,
    Duration,
    Model,
    Permissions,
    Precision,
    Seed,
    Settings,
    TimeStep,
    app,
    check_backend,
    network_of,
    time_step_of,
)

REFUSED = 3
"""Exit code of `explain` where anything is refused: 1 and 2 are errors, here as elsewhere."""


@app.command()
def explain(
    model: Model,
    backend: BackendName = "cpu",
    dt: TimeStep = None,
    seed: Seed = None,
    precision: Annotated[Precision, typer.Option(help="Of the state.")] = Precision.double,
    settings: Settings = None,
    approximate: Permissions = None,
    script: Annotated[
        bool, typer.Option("--script", help="Of the script that `neurosim export` would write.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Tell what a backend makes of a network: what passes, is approximated, is refused.

    Exit code 3 if anything is refused, else 0.
    """
    from rich.console import Console

    import neurosim

    check_backend(backend)
    wanted = time_step_of(dt)
    network = network_of(model, settings, seed, wanted)
    told = neurosim.explain(
        network, backend, dt=wanted, approximate=approximate or (), precision=precision.value,
        script=script,
    )  # fmt: skip
    if json:
        from json import dumps

        typer.echo(dumps(told.to_dict(), indent=2))
    elif (console := Console(highlight=False)).is_terminal:
        console.print(told)
    else:
        typer.echo(str(told))
    if told.refused:
        raise typer.Exit(REFUSED)


@app.command()
def export(
    model: Model,
    path: Annotated[
        Path | None,
        typer.Argument(
            metavar="[PATH]",
            help="Of the script; left out, it is printed. Of the folder, for loihi.",
        ),
    ] = None,
    backend: Annotated[
        str, typer.Option(help="Whose script; or loihi: a folder for hardware.")
    ] = "brian2",
    duration: Duration = "1000",
    dt: TimeStep = None,
    seed: Seed = None,
    settings: Settings = None,
    approximate: Permissions = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what is there.")] = False,
    certificate: Annotated[
        bool, typer.Option(help="Of a folder: compare the integers with floating point.")
    ] = True,
) -> None:
    """Write a network as a script of another simulator, or as a folder for hardware (loihi).

    The script runs without neurosim. The folder has every integer, a script for Lava, NIR, a golden
    run and a certificate; `neurosim verify` runs it again.
    """
    import neurosim
    from neurosim.cli import targets

    check_backend(backend)
    wanted = time_step_of(dt)
    network = network_of(model, settings, seed, wanted)
    text = neurosim.export(
        network, backend, path, duration=targets.number_or_text(duration), overwrite=overwrite,
        dt=wanted, approximate=approximate or (), certificate=certificate,
    )  # fmt: skip
    if path is None:
        typer.echo(text, nl=False)
    elif path.is_dir():
        typer.echo(f"Folder {path}: {len([*path.iterdir()])} files; neurosim verify runs it again")
    else:
        typer.echo(f"Script in {path}")
