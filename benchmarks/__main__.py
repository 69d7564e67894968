"""Measure neurosim on this machine, alone and beside other simulators.

``python -m benchmarks --workload brunel --peer nest --threads 2`` compares; ``start-up``,
``delivery`` and ``scaling`` measure neurosim itself; ``list`` names the workloads.
"""

from __future__ import annotations

import dataclasses
import json
import shlex
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from benchmarks.keeping import RESULTS, comparisons, context, keep, keep_comparison, write
from benchmarks.workloads import PEERS, WORKLOADS

app = typer.Typer(help="Measure neurosim on this machine.", add_completion=False)


def say(text: str) -> None:
    """Print a line at once, unwrapped and without markup."""
    Console().print(text, markup=False, highlight=False, soft_wrap=True)


def known(given: list[str], names: Any, what: str) -> list[str]:
    """Return the names that were given; "all" is all of them."""
    if given == ["all"]:
        return list(names)
    for name in given:
        if name not in names:
            raise typer.BadParameter(f"{name!r} is no {what}; there are: {', '.join(names)}")
    return given


@app.callback(invoke_without_command=True)
def compare(
    context_: typer.Context,
    workload: Annotated[list[str], typer.Option(help="a name, or 'all'; may be repeated")] = [],  # noqa: B006
    peer: Annotated[list[str], typer.Option(help="left out: those of the workload")] = [],  # noqa: B006
    threads: Annotated[list[int], typer.Option(help="left out: 1 and 2")] = [1, 2],  # noqa: B006
    repeats: Annotated[int | None, typer.Option(min=1, help="rounds; left out: its own")] = None,
    scale: Annotated[float | None, typer.Option(help="another size; needs --into")] = None,
    duration: Annotated[float | None, typer.Option(help="another one [ms]; needs --into")] = None,
    limit: Annotated[float, typer.Option(help="longest single run [s]")] = 3600.0,
    into: Annotated[Path, typer.Option(help="folder of the results")] = RESULTS,
) -> None:
    """Compare neurosim with peers on the same networks, by turns."""
    if context_.invoked_subcommand is not None:
        return
    if not workload:
        typer.echo(context_.get_help())
        raise typer.Exit(2)
    if (scale is not None or duration is not None) and into.resolve() == RESULTS.resolve():
        raise typer.BadParameter("another size or duration is another benchmark; name --into")
    from benchmarks.compare import compare as run
    from benchmarks.tables import comparison_figure, comparison_page

    peers = known(peer, PEERS, "peer")
    words = [*(f"--workload {w}" for w in workload), *(f"--peer {p}" for p in peer)]
    words += [f"--threads {t}" for t in threads]
    for name, value in (("repeats", repeats), ("scale", scale), ("duration", duration)):
        words += [] if value is None else [f"--{name} {shlex.quote(f'{value:g}')}"]
    command = " ".join(["python -m benchmarks", *words])
    for name in known(workload, WORKLOADS, "workload"):
        chosen = WORKLOADS[name]
        chosen = dataclasses.replace(
            chosen,
            scale=chosen.scale if scale is None else scale,
            duration=chosen.duration if duration is None else duration,
        )
        for count in threads:
            rows = run(
                chosen, peers or chosen.peers, count, repeats or chosen.repeats,
                limit=limit, say=say,
            )  # fmt: skip
            if rows:
                keep_comparison(name, chosen.title, rows, command, into)
            # After every workload: an interrupted run leaves pages that fit the files.
            kept = comparisons(into)
            if kept:
                (into / "comparison.md").write_text(comparison_page(kept))
                comparison_figure(kept, into / "comparison.png")
            for row in rows:
                shown = f"{row['ratio']['of_medians']:.2f}" if "ratio" in row else "-"
                faults = "; ".join([*row["faults"], *row["notes"]])
                say(f"{name} against {row['peer']}, {count} threads: {shown} ({row['status']}) "
                    f"{faults}")  # fmt: skip


@app.command("list")
def listed() -> None:
    """Name the workloads and their peers."""
    for w in WORKLOADS.values():
        say(f"{w.name:20} {w.title}; {w.precision}, {w.duration:g} ms, {w.repeats} rounds against "
            f"{', '.join(w.peers)}")  # fmt: skip


@app.command("start-up")
def start_up(
    repeats: int = 5,
    peer: Annotated[list[str], typer.Option(help="also from its process start")] = [],  # noqa: B006
    into: Path = RESULTS,
) -> None:
    """Imports and the balanced-network script, from process start to printed rates."""
    from benchmarks.start_up import measure, measure_peers

    chosen = known(peer, PEERS, "peer")
    rows = measure(repeats) + measure_peers(chosen, repeats)
    command = " ".join([f"python -m benchmarks start-up --repeats {repeats}",
                        *(f"--peer {name}" for name in peer)])  # fmt: skip
    keep("start-up", rows, command, into)


@app.command()
def delivery(repeats: int = 3, into: Path = RESULTS) -> None:
    """Nanoseconds per synaptic event, by size, synapse format and threads."""
    from benchmarks.delivery import measure

    keep("delivery", measure(repeats), f"python -m benchmarks delivery --repeats {repeats}", into)


@app.command()
def determinism(repeats: int = 9, scale: float = 0.3, into: Path = RESULTS) -> None:
    """Integer accumulators, which make results independent of threads, beside float32 ones."""
    from benchmarks.determinism import measure

    rows = measure(scale, repeats)
    for row in rows:
        say(f"{row['name']}: {row['ns_per_event']:.2f} ns per event")
    say(f"integers cost {100 * rows[0]['price']:+.1f} %")
    words = f"--repeats {repeats}" + ("" if scale == 0.3 else f" --scale {scale:g}")
    keep("determinism", rows, f"python -m benchmarks determinism {words}", into)


@app.command()
def loihi(repeats: int = 5, into: Path = RESULTS) -> None:
    """Loihi's integers on our kernel, beside Lava; and 100,000 neurons of them."""
    from benchmarks.loihi import measure

    keep("loihi", measure(repeats), f"python -m benchmarks loihi --repeats {repeats}", into)


@app.command("loihi-digits")
def loihi_digits(repeats: int = 3, images: int = 600, into: Path = RESULTS) -> None:
    """A digits CNN as sigma-delta neurons in Loihi's integers, beside Lava."""
    from benchmarks.loihi_digits import measure

    command = f"python -m benchmarks loihi-digits --repeats {repeats} --images {images}"
    keep("loihi-digits", measure(repeats, images), command, into)


@app.command("torch-modules")
def torch_modules(repeats: int = 5, threads: int = 2, into: Path = RESULTS) -> None:
    """Modules of PyTorch beside snnTorch's and Norse's own loops, forward and with gradients."""
    from benchmarks.torch_modules import measure

    command = f"python -m benchmarks torch-modules --repeats {repeats} --threads {threads}"
    keep("torch-modules", measure(repeats, threads), command, into)


@app.command()
def memories(repeats: int = 5, into: Path = RESULTS) -> None:
    """Sweeps of Hopfield networks from patterns in bits, beside a dense matrix in numpy."""
    from benchmarks.memories import measure

    keep("memories", measure(repeats), f"python -m benchmarks memories --repeats {repeats}", into)


@app.command()
def scaling(
    repeats: int = 3,
    synapses: Annotated[list[int], typer.Option(help="left out: 10^5 to 3*10^8")] = [],  # noqa: B006
    into: Path = RESULTS,
) -> None:
    """Cost of an event and bytes of a synapse over size, beside the limits of the machine."""
    if synapses and into.resolve() == RESULTS.resolve():
        raise typer.BadParameter("other sizes are another benchmark; name --into")
    from benchmarks import limits
    from benchmarks.scaling import SIZES, measure
    from benchmarks.tables import scaling_figure

    found = limits.measure()
    for row in found:
        say(f"{row['name']}, {row['threads']} threads: {row['value']:.2f} {row['unit']}")
    rows = measure(tuple(synapses) or SIZES, repeats, say=say)
    content = {
        "benchmark": "scaling", **context(f"python -m benchmarks scaling --repeats {repeats}"),
        "limits": found, "rows": rows,
    }  # fmt: skip
    write(into / "scaling.json", content)
    scaling_figure(json.loads(json.dumps(content)), into / "scaling.png")


@app.command("planted-attractors")
def planted_attractors(
    data: Annotated[str, typer.Option(help="fashion-mnist, mnist or mnist-5000")] = "fashion-mnist",
    folder: Annotated[Path | None, typer.Option(help="of the IDX files; mnist needs it")] = None,
    parametrization: Annotated[str, typer.Option(help="projected or spectral")] = "projected",
    epochs: int = 20,
    limit: Annotated[float | None, typer.Option(help="wall time for learning [s]")] = None,
    rate: Annotated[float, typer.Option(help="highest learning rate of the cycle")] = 0.1,
    batch: int = 200,
    steps: Annotated[int, typer.Option(help="Euler steps while learning")] = 25,
    seed: int = 0,
    model: Annotated[
        Path | None, typer.Option(help="where to keep what was learned (.npz)")
    ] = None,
    into: Path = RESULTS,
) -> None:
    """Learning in the Wilson-Cowan metapopulation, beside the published accuracy."""
    from benchmarks.planted_attractors import PUBLISHED, measure

    known([data], PUBLISHED, "data set")
    known([parametrization], ["projected", "spectral"], "parametrization")
    settings = {
        "data": data, "parametrization": parametrization, "epochs": epochs, "limit": limit,
        "rate": rate, "batch": batch, "steps": steps, "seed": seed,
    }  # fmt: skip
    row = measure(**settings, folder=folder, model_file=model, say=say)  # type: ignore[arg-type]
    say(f"{data}: {row['accuracy']:.2%} of the test pictures after {row['optimiser_steps']} steps "
        f"in {row['seconds']:.0f} s ({row['cpu_seconds']:.0f} s of processor time); "
        f"published: {row['published']:.2%}")  # fmt: skip
    words = [f"--{key} {value}" for key, value in settings.items() if value is not None]
    command = " ".join(["python -m benchmarks planted-attractors", *words])
    content = {"benchmark": "planted-attractors", **context(command), "rows": [row]}
    write(into / "planted-attractors" / f"{data}.json", content)


@app.command("diehl-cook")
def diehl_cook(
    learn: Annotated[int, typer.Option(help="digits to learn")] = 3000,
    assign: Annotated[int, typer.Option(help="of these, to assign classes with")] = 1000,
    judge: Annotated[int, typer.Option(help="digits held out")] = 1000,
    seed: Annotated[list[int], typer.Option(help="may be repeated")] = [1, 2, 3],  # noqa: B006
    threads: int | None = None,
    into: Path = RESULTS,
) -> None:
    """Digits learned without labels (Diehl & Cook, 2015): presented per second, and accuracy."""
    from benchmarks.diehl_cook import measure

    if (learn, assign, judge) != (3000, 1000, 1000) and into.resolve() == RESULTS.resolve():
        raise typer.BadParameter("other numbers are another benchmark; name --into")
    rows = []
    for one in seed:
        row = measure(learn=learn, assign=assign, judge=judge, seed=one, threads=threads, say=say)
        say(f"{row['name']}: {row['accuracy']:.1%} of {judge} digits; learning "
            f"{row['learning_digits_per_second']:.0f}, judging "
            f"{row['judging_digits_per_second']:.0f} digits per second")  # fmt: skip
        rows.append(row)
    seeds = " ".join(f"--seed {one}" for one in seed)
    numbers = f"--learn {learn} --assign {assign} --judge {judge}"
    command = f"python -m benchmarks diehl-cook {numbers} {seeds}"
    if threads is not None:
        command += f" --threads {threads}"
    write(into / "diehl-cook.json", {"benchmark": "diehl-cook", **context(command), "rows": rows})


@app.command("whole-brain")
def whole_brain(
    duration: Annotated[float, typer.Option(help="of each simulation [ms]")] = 60_000.0,
    sets: Annotated[int, typer.Option(help="parameter sets of the sweep, a square")] = 256,
    repeats: int = 3,
    threads: Annotated[int, typer.Option(help="of the sweep, and processes of neurolib")] = 2,
    python: Annotated[Path | None, typer.Option(help="an interpreter that has neurolib")] = None,
    into: Path = RESULTS,
) -> None:
    """A Wilson-Cowan network of 94 nodes with delays, one run and a sweep, beside neurolib."""
    from benchmarks.whole_brain import measure

    if (duration, sets) != (60_000.0, 256) and into.resolve() == RESULTS.resolve():
        raise typer.BadParameter("another duration or sweep is another benchmark; name --into")
    rows = measure(duration, sets, repeats, threads, say, python)
    for row in rows:
        say(f"{row['name']}: {row['ratio']:.1f} times neurolib")
    command = f"python -m benchmarks whole-brain --repeats {repeats} --threads {threads}"
    content = {"benchmark": "whole-brain", **context(command), "rows": rows}
    write(into / "whole-brain.json", content)


if __name__ == "__main__":
    app()
