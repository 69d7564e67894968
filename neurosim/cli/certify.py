"""``neurosim certify``: how far backends agree on a network."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from neurosim.cli.app import (
    INTERRUPTED,
    Duration,
    Model,
    Permissions,
    Seed,
    Settings,
    TimeStep,
    about,
    app,
    complain,
    network_of,
    time_step_of,
)

DIFFERENT = 1
"""Exit code where a population is different."""

MISTAKE = 2
"""Exit code where nothing could be compared: of the command, the script or the network."""

OPEN = 3
"""Exit code where none is different, but one is undecided or refused."""


@app.command()
def certify(
    model: Model,
    backends: Annotated[
        str, typer.Option(help="What to compare with the CPU core, separated by commas.")
    ],
    duration: Duration = "1000",
    dt: TimeStep = None,
    seed: Seed = None,
    settings: Settings = None,
    approximate: Permissions = None,
    trials: Annotated[
        int, typer.Option(min=2, help="Trials of each backend; four times as many of ours.")
    ] = 4,
    level: Annotated[
        float, typer.Option(help="Probability of calling a backend different that is not.")
    ] = 0.01,
    resolution: Annotated[
        float, typer.Option(help="Relative shift of a rate that must be detectable.")
    ] = 0.05,
    patience: Annotated[
        float, typer.Option(min=0, help="Seconds to look for a cause, or as long as all before it.")
    ] = 120.0,
    keep: Annotated[
        Path | None,
        typer.Option(help="Folder in which runs are kept, to go on after a Ctrl-C."),
    ] = None,
    html: Annotated[Path | None, typer.Option(help="Write the report as a page.")] = None,
    json: Annotated[Path | None, typer.Option(help="Write the report as JSON.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")] = False,
) -> None:
    """Compare backends on one network: spike by spike, then by statistics, with the cause.

    Exit code 0: every population is statistically equivalent or better on every backend; 1: one
    is different; 2: a mistake in the command, in the script or in the network; 3: none is
    different, but one is undecided or refused; 130: interrupted, with what was found until then.
    """
    from neurosim.installed import check_backend

    names = [name.strip() for name in backends.split(",") if name.strip()]
    with _mistakes(), about("--backends"):
        for name in names:  # before anything else: a mistake is told at once
            check_backend(name)

    from rich.console import Console

    import neurosim
    from neurosim.backend import time_step, whole_steps
    from neurosim.cli import targets
    from neurosim.compare.verdicts import Tier
    from neurosim.errors import DescriptionError

    with _mistakes():
        step = time_step_of(dt)
        for option, path, ending in (("--html", html, ".html"), ("--json", json, ".json")):
            with about(option):
                targets.check_output(path, option)
                if path is not None and path.suffix.lower() != ending:
                    raise DescriptionError(option, str(path), f"a name that ends with {ending}")
        network = network_of(model, settings, seed, step)
        with about("--duration"):
            length = targets.number_or_text(duration)
            whole_steps(length, time_step(network, step), "--duration")
        with warnings.catch_warnings():
            # Sessions warn of a Ctrl-C; here the certificate and the exit code say it.
            warnings.filterwarnings("ignore", message="Interrupted at")
            certificate = neurosim.certify(
                network,
                names,
                length,
                dt=step,
                trials=trials,
                approximate=approximate or (),
                level=level,
                resolution=resolution,
                patience=patience,
                keep=keep,
                progress=False if quiet else None,
            )
    console = Console(quiet=quiet, highlight=False)
    console.print(certificate)
    for path in (html, json):
        if path is not None:
            console.print(f"Report in {certificate.save(path)}", soft_wrap=True)
    if certificate.interrupted:
        raise typer.Exit(INTERRUPTED)
    if certificate.agrees:
        return
    different = any(row.tier == Tier.DIFFERENT for row in certificate.rows)
    raise typer.Exit(DIFFERENT if different else OPEN)


@contextmanager
def _mistakes() -> Iterator[None]:
    """Give everything that keeps a comparison from being made an exit code of its own.

    Elsewhere a refused description ends with 1, which here says that simulators differ.
    """
    from neurosim.errors import NeurosimError

    try:
        yield
    except NeurosimError as error:
        complain(error)
        raise typer.Exit(MISTAKE) from None
