"""The commands and their options."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from neurosim.errors import ApproximationWarning, NeurosimError

if TYPE_CHECKING:
    from rich.console import Console

    from neurosim.backend import Session
    from neurosim.describe.network import Network

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it: 128 + SIGINT."""


class Precision(StrEnum):
    """Of the state."""

    double = "double"
    single = "single"


class Commands(typer.core.TyperGroup):
    """Turns what is raised on purpose into one message and an exit code, without a traceback."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command."""
        try:
            with warnings.catch_warnings():
                # The line that a warning names is one of ours: nobody's script called.
                warnings.showwarning = _caution(warnings.showwarning)
                return super().invoke(ctx)
        except NeurosimError as error:
            complain(error)
            raise typer.Exit(1) from None
        except KeyboardInterrupt:
            complain("Interrupted; nothing was kept.")
            raise typer.Exit(INTERRUPTED) from None


app = typer.Typer(
    cls=Commands,
    help="Simulate spiking networks that are described once and run anywhere.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def complain(problem: object) -> None:
    """Print a message about what went wrong."""
    typer.secho("Error: ", fg="red", bold=True, err=True, nl=False)
    typer.echo(problem, err=True)


def _caution(otherwise: Any) -> Any:
    def show(message: Any, category: Any, *place: Any, **more: Any) -> None:
        if not issubclass(category, ApproximationWarning):
            otherwise(message, category, *place, **more)
            return
        typer.secho("Warning: ", fg="yellow", bold=True, err=True, nl=False)
        typer.echo(message, err=True)

    return show


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"neurosim-snn {version('neurosim-snn')}")
        raise typer.Exit


# Arguments and options that several commands have.
Model = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="A published network (see `neurosim list`), or path/script.py:name, where name "
        "is a Network or a function that returns one.",
    ),
]
BackendName = Annotated[str, typer.Option("--backend", help="Where to run it.")]
Duration = Annotated[str, typer.Option("--duration", help="How long, in ms or with a unit: '2 s'.")]
TimeStep = Annotated[
    str | None,
    typer.Option(
        "--dt", help="Time step in ms; by default the one the network was made for, or 0.1."
    ),
]
Seed = Annotated[int | None, typer.Option("--seed", help="Seed of the network.")]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="NAME=VALUE", help="Argument of the model; may be given repeatedly."
    ),
]
Permissions = Annotated[
    list[str] | None,
    typer.Option(
        "--approximate",
        metavar="PART",
        help="What may be left out or replaced where the backend has no form of it, by the name "
        "that `neurosim explain` gives where it refuses, such as 'release'; may be given "
        "repeatedly.",
    ),
]


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


@app.command()
def run(
    model: Model,
    backend: BackendName = "cpu",
    duration: Duration = "1000",
    dt: TimeStep = None,
    seed: Seed = None,
    threads: Annotated[int | None, typer.Option(min=1, help="At most so many threads.")] = None,
    precision: Annotated[Precision, typer.Option(help="Of the state.")] = Precision.double,
    settings: Settings = None,
    plot: Annotated[Path | None, typer.Option(help="Write a figure: raster and rates.")] = None,
    save: Annotated[Path | None, typer.Option(help="Write the results to an HDF5 file.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")] = False,
) -> None:
    """Run a network, and print its rates."""
    from rich.console import Console

    from neurosim.backend import time_step, whole_steps
    from neurosim.cli import report, targets
    from neurosim.units import to_scalar

    check_backend(backend)
    wanted = time_step_of(dt)
    with about("--duration"):
        to_scalar(targets.number_or_text(duration), "ms", "--duration", above=0)
    with about("--plot"):
        targets.check_figure(plot)
    with about("--save"):
        targets.check_output(save, "--save")
    network = network_of(model, settings, seed, wanted)
    with about("--duration"):
        step = time_step(network, wanted)
        length = whole_steps(targets.number_or_text(duration), step, "--duration") * step
    console = Console(quiet=quiet, highlight=False)
    report.show_network(console, network)
    session = _compile(network, backend, quiet, dt=step, threads=threads, precision=precision.value)
    with warnings.catch_warnings():
        # Told below, with the rest of what happened.
        warnings.filterwarnings("ignore", message="Interrupted at")
        result = session.run(length, progress=False if quiet else None)
    interrupted = bool(result.provenance.get("interrupted"))
    report.show_run(console, result)
    if interrupted:
        kept = " What came before is saved." if save is not None else ""
        complain(f"Interrupted at {result.t_stop:g} ms.{kept}")
    if save is not None:
        console.print(f"Results in {result.save(save)}", soft_wrap=True)
    if plot is not None:
        report.save_figure(result, plot)
        console.print(f"Figure in {plot}", soft_wrap=True)
    if interrupted:
        raise typer.Exit(INTERRUPTED)


@app.command("list")
def list_() -> None:
    """List the published networks with their arguments, and the backends."""
    from rich.console import Console

    from neurosim.cli import report

    report.show_list(Console(highlight=False))


@app.command()
def doctor() -> None:
    """Tell what is installed, what the machine has, and what each backend needs."""
    from rich.console import Console

    from neurosim.cli import doctor as diagnosis

    diagnosis.show(Console(highlight=False))


def check_backend(name: str) -> None:
    """Refuse a backend that is not there as an error of usage."""
    from neurosim import installed

    with about("--backend"):
        installed.check_backend(name, "--backend")


def time_step_of(dt: str | None) -> float | None:
    """Return what ``--dt`` says [ms]."""
    from neurosim.cli import targets
    from neurosim.units import to_scalar

    with about("--dt"):
        return None if dt is None else to_scalar(targets.number_or_text(dt), "ms", "--dt", above=0)


def network_of(
    model: str, settings: list[str] | None, seed: int | None, dt: float | None
) -> Network:
    """Return the network that MODEL names, with the arguments of ``--set``."""
    from neurosim.cli import targets

    with about("--set"):
        arguments = targets.parse_settings(settings or [])
    try:
        return targets.find_network(model, arguments, seed=seed, dt=dt)
    except targets.UsageError as error:
        raise typer.BadParameter(str(error), param_hint=error.option) from None


@contextmanager
def about(option: str) -> Iterator[None]:
    """Turn what is wrong with an option into an error of usage."""
    try:
        yield
    except NeurosimError as error:
        raise typer.BadParameter(str(error), param_hint=option) from None


def _compile(network: Network, backend: str, quiet: bool, **options: Any) -> Session:
    """Build the network, with a sign of life where somebody watches."""
    import neurosim

    if quiet or not sys.stderr.isatty():
        return neurosim.compile(network, backend, **options)
    from rich.console import Console

    watched: Console = Console(stderr=True)
    with watched.status("building (the first run of a model compiles it, which takes longer)"):
        return neurosim.compile(network, backend, **options)
