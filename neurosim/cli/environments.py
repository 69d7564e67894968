"""``neurosim backend install``: environments of simulators and tools that cannot use this one."""

from __future__ import annotations

from typing import Annotated

import typer

from neurosim.cli.app import app, check_backend
from neurosim.environments import Environment

commands = typer.Typer(help="Install what a backend needs.", no_args_is_help=True)
app.add_typer(commands, name="backend")


@commands.command()
def install(
    name: Annotated[
        str,
        typer.Argument(metavar="BACKEND", help="As `neurosim list` has it, or a tool: spinnaker."),
    ],
    python: Annotated[
        str | None,
        typer.Option(
            "--python", help="The interpreter to make it from; left out, one is looked for."
        ),
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Make it anew.")] = False,
) -> None:
    """Make the environment of a backend whose simulator needs another Python than this one.

    Backends that run in this environment are installed with pip: the line to type is shown.
    """
    from neurosim.backend import find_backend
    from neurosim.fit.check import tools

    environment: Environment | None = tools().get(name)
    what = "Tool" if environment is not None else "Backend"
    if environment is None:
        check_backend(name)
        capabilities = find_backend(name).capabilities
        environment = capabilities.environment
        if environment is None:
            problem = capabilities.problem()
            typer.echo(problem or f"Backend '{name}' runs in this environment; nothing is missing.")
            return
    if environment.interpreter is not None and not again:
        typer.echo(f"{what} '{name}' has its environment: {environment.interpreter}")
        return
    made = environment.install(python, typer.echo)
    typer.echo(f"{what} '{name}' has its environment: {made}")


@commands.callback()
def _group() -> None:
    """Keep `install` a word of its own, although it is the only command so far."""
