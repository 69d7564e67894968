"""``neurosim verify``: a folder that `neurosim export` wrote, run again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neurosim.cli.app import app

DIFFERS = 3
"""Exit code where something is not as it should be: 1 and 2 are errors, here as elsewhere."""


@app.command()
def verify(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="As `export` wrote it.")],
) -> None:
    """Check a folder for hardware, run its golden input again, and compare.

    On our own integers, in Lava where it is installed, and its NIR file in other simulators. Exit
    code 0 if all is the same, 3 if anything differs; 1 if the manifest is no such thing.
    """
    from rich.console import Console

    import neurosim

    report = neurosim.verify(folder)
    if (console := Console(highlight=False)).is_terminal:
        console.print(report)
    else:
        typer.echo(str(report))
    if not report.agrees:
        raise typer.Exit(DIFFERS)
