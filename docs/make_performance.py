"""Write docs/performance.md from benchmarks/results: ``python docs/make_performance.py``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
TARGET = Path(__file__).with_name("performance.md")

sys.path.insert(0, str(ROOT))  # benchmarks is not part of the distribution

from benchmarks.keeping import COMPARED, RESULTS, comparisons  # noqa: E402
from benchmarks.tables import (  # noqa: E402
    comparison_table,
    limits_table,
    number,
    scaling_table,
)
from neurosim_models.microcircuit import (  # noqa: E402
    POPULATIONS,
    PUBLISHED_CV,
    PUBLISHED_RATES,
)

HEAD = """\
# Performance

This page is written by `python docs/make_performance.py` from `benchmarks/results/`, where least
and greatest values stand beside the medians. Anyone can repeat the commands; `make bench` runs a
set that takes about half an hour, `python -m benchmarks list` names all comparisons.
"""

BESIDE = """\
## Beside other simulators

`python -m benchmarks --workload microcircuit-0.3 --peer nest --threads 2` runs neurosim and the
peer by turns on the same network, each run in a process of its own, every round with another
seed. Seconds are wall seconds per biological second, medians over the rounds after a warm-up; the
ratio is that of the medians, in brackets the least and the greatest of a single round. Memory is
the peak of the process (of Brian2's C++ standalone: of the simulation alone, without the
compiler), and building goes from the description to the first step, without compilation.

The scripts in `benchmarks/peers/` are written by hand as each simulator's documentation advises
for speed: NEST with its own rules and its smallest synapses (`_hpc`, one weight for all where
that is so), spikes in memory and pinned threads; Brian2 with `-O3 -march=native -ffast-math`,
OpenMP where there is more than one thread, and single precision where neurosim has it.

A row is void, and says why, where the two sides are not the same: rates of a population that
differ by more than three standard deviations over seeds and by more than 1 %, numbers of neurons or
synapses, another precision than asked, unless the peer has no other, which the row then says.
"""

NONE_YET = """\
No comparison is kept yet; the command above writes one to `benchmarks/results/`.
"""

START_UP = """\
## From process start to a result

The balanced network (CUBA: 4,000 neurons, 320,000 synapses) for one second, from the start of the
process to printed rates. The first run compiles the engine for the machine's processor and keeps
it in the user's cache directory. `import neurosim` alone loads next to nothing: names, and what
they need, come when they are used.
"""

DELIVERY = """\
## A synaptic event

Poisson sources at 10 Hz whose spikes only arrive, delays of 1 to 30 steps; the difference of a
run with synapses and the same without, in nanoseconds per event. "constant" is one weight for
all, "full" 64-bit integers, "fixed16" 16-bit ones. Where a run is dominated by other work (the
smallest network) the difference is uncertain by about half of itself.
"""

DETERMINISM = """\
## What it costs that results do not depend on threads

Arrivals are added as integers, whose sums do not depend on their order. Here the spikes of the
microcircuit at scale 0.3 are delivered once more, on one thread, by one loop compiled for an
accumulator of int32 and for one of float32; nanoseconds per event, reading what is due included.
"""

MEMORIES = """\
## A sweep of an associative memory

Hopfield networks on their way from a noisy pattern to rest, one thread; seconds of a sweep, in
which every unit is asked once. neurosim keeps patterns in bits (`PatternCoupling`); beside it the
dense matrix of Hebb's weights, a row times the state for every unit, as one writes it in numpy.
Bytes are those of `net.estimate()` and of the matrix. Of a million units it would have 4 TB.
"""

SCALING = """\
## Over the size of the network

Poisson sources at 10 Hz whose spikes only arrive: the difference of a run with synapses and the
same without, in nanoseconds per synaptic event, with drawn weights in 16 bits. Up to 10^6 synapses
a neuron has 100 of them, above 1,000: what a row costs by itself is then shared by more. Beside it
stands what this machine can do at most: additions of a float32 at scattered places with streamed
indices.
"""


MODULES = """\
## Modules of PyTorch

One pass through 100 steps, in single precision, beside loops over snnTorch's and Norse's own
neurons with the same weights and inputs. It is a condition that their spikes agree: told is the
part of spikes that are the same.
"""

CONVERTED = """\
## An image on a converted network

A CNN of Fashion-MNIST with 9,408 neurons, converted with T = 8 ([conversion](conversion.md)), one
thread: time of the processor for an image. Thresholds are raised so that neurons fire less often;
what is left at no activity is the first layer, which multiplies pixels in every step, and the
updates of neurons. "Even" is the activity at which the core takes as long; none is told where it
always takes longer.
"""

INTEGERS = """\
## Loihi's integers

The kernel of the backend `loihi` beside Lava, which takes the same integers and fires the same
spikes; and 100,000 neurons of the kernel alone. Where a projection has several delays, Lava makes
its matrices anew in every step.
"""

DIGITS = """\
The 3-conv CNN of the 8x8 digits as sigma-delta neurons: accuracy over held-out images, and the time
of an image in a film of 12, whose messages are the same on both sides, bit by bit. In Lava only
those of the film are shown.
"""

SAME = """\
## Does it do the same?

Speed is of no use if the network is another one. Where both sides draw their own wiring and
input, `python -m benchmarks.distributions` compares distributions over neurons: of rates, of CVs
of inter-spike intervals, of correlation coefficients of spike counts (200 neurons of a
population, bins of 2 ms), and of the weights of a projection. The Kolmogorov-Smirnov distance
(mean over populations) between neurosim and NEST is to be read beside that between two seeds of
one simulator. Histograms are kept in `benchmarks/results/distributions`. The tests make the same
comparison, and see a constant current in place of random input, and weights without spread.

CVs of neurons with few spikes come out too small, by about one over their number: those of 10 s
are below the published ones for that reason, in NEST as here, most where rates are lowest.
"""


def read(name: str) -> dict[str, Any] | None:
    """Return what is kept of a benchmark, if it was made."""
    path = RESULTS / f"{name}.json"
    found: dict[str, Any] | None = json.loads(path.read_text()) if path.exists() else None
    return found


def plain(processor: str) -> str:
    """Return the name of a processor without its marks."""
    return processor.replace("(R)", "").replace("(TM)", "")


def measured(kept: dict[str, Any]) -> str:
    """Return the sentence on how and where."""
    machine = kept["machine"]
    return (
        f"`{kept['command']}`, {kept['date']}: {machine['cores']} cores of an "
        f"{plain(machine['processor'])}, Python {machine['python']}.\n"
    )


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return number(value) if isinstance(value, float) else f"{value:,}"


def plain_table(kept: dict[str, Any], columns: dict[str, str]) -> list[str]:
    """Return a Markdown table of some columns."""
    lines = [f"| | {' | '.join(columns.values())} |", "|---" * (len(columns) + 1) + "|"]
    for row in kept["rows"]:
        cells = [_cell(row[key]) for key in columns]
        lines.append(f"| {row['name']} | {' | '.join(cells)} |")
    return [*lines, ""]


def same(kept: dict[str, Any]) -> list[str]:
    """Return what is said of the distributions of the microcircuit at one scale."""
    seconds = kept["duration"] / 1e3
    lines = [
        f"Microcircuit, scale {kept['scale']:g}, {seconds:g} s after {kept['warm_up'] / 1e3:g} s.",
        measured(kept),
        "| distance (least to greatest) | rates | CVs | correlations | weights |",
        "|---|---|---|---|---|",
    ]
    for pair, found in kept["distances"].items():
        cells = [
            f"{mean:.3f} ({least:.3f} to {greatest:.3f})" if least < greatest else f"{mean:.3f}"
            for least, mean, greatest in found.values()
        ]
        lines.append(f"| {pair} | {' | '.join(cells)} |")
    lines += ["", f"| | {' | '.join(POPULATIONS)} |", "|---" * (len(POPULATIONS) + 1) + "|"]
    for measure, unit, published in (
        ("rate", "mean rate [Hz]", PUBLISHED_RATES), ("cv", "mean CV", PUBLISHED_CV),
    ):  # fmt: skip
        for side, name in (("neurosim", "neurosim"), ("nest", "NEST")):
            if side in kept["means"]:
                runs = kept["means"][side][measure]
                cells = [f"{sum(runs[p]) / len(runs[p]):.2f}" for p in POPULATIONS]
                lines.append(f"| {unit}, {name}, {len(runs['L4E'])} runs | {' | '.join(cells)} |")
        if kept["scale"] == 1:
            cells = [f"{published[p]:.2f}" for p in POPULATIONS]
            lines.append(f"| {unit}, published | {' | '.join(cells)} |")
    return [*lines, ""]


def page() -> str:
    """Return the whole page."""
    parts = [HEAD, BESIDE]
    kept = comparisons()
    if kept:
        parts += [*comparison_table(kept), ""]
        machines = [row["measured"]["machine"] for workload in kept for row in workload["rows"]]
        where = {f"{m['cores']} cores of an {plain(m['processor'])}" for m in machines}
        parts.append(
            f"Measured on {'; '.join(sorted(where))}. Commands, versions and flags of every row "
            "are in [comparison.md](../benchmarks/results/comparison.md).\n"
        )
        if (RESULTS / "comparison.png").exists():
            parts.append(
                "![times of peers relative to neurosim](../benchmarks/results/comparison.png)\n"
            )
    else:
        parts.append(NONE_YET)
    distributions = sorted((RESULTS / "distributions").glob("*.json"))
    if distributions:
        parts.append(SAME)
    for path in distributions:
        parts += same(json.loads(path.read_text()))
    if (scaling := read("scaling")) is not None:
        parts += [
            SCALING,
            measured(scaling),
            *scaling_table(scaling),
            "",
            *limits_table(scaling),
            "",
        ]
        parts.append("![cost and memory over size](../benchmarks/results/scaling.png)\n")
    if (start := read("start-up")) is not None:
        columns = {"median_s": "median s", "least_s": "least", "greatest_s": "greatest"}
        parts += [START_UP, measured(start), *plain_table(start, columns)]
    if (delivery := read("delivery")) is not None:
        columns = {"ns_per_event": "median ns", "least": "least", "greatest": "greatest"}
        parts += [DELIVERY, measured(delivery), *plain_table(delivery, columns)]
    if (determinism := read("determinism")) is not None:
        columns = {"ns_per_event": "median ns", "least": "least", "greatest": "greatest"}
        parts += [DETERMINISM, measured(determinism), *plain_table(determinism, columns)]
        price = determinism["rows"][0]["price"]
        parts.append(f"Medians differ by {100 * price:+.1f} %.\n")
    if (memories := read("memories")) is not None:
        columns = {
            "units": "units", "patterns": "patterns", "median_s": "median s", "least_s": "least",
            "bytes": "bytes",
        }  # fmt: skip
        parts += [MEMORIES, measured(memories), *plain_table(memories, columns)]
        for row in memories["rows"]:
            if "faster_than_dense" in row:
                parts.append(
                    f"Of {row['units']:,} units the dense matrix takes "
                    f"{number(row['faster_than_dense'])} times as long and "
                    f"{number(row['less_memory_than_dense'])} times the memory.\n"
                )
    if (modules := read("torch-modules")) is not None:
        columns = {
            "neurosim_s": "neurosim, s", "snntorch_s": "snnTorch, s", "norse_s": "Norse, s",
            "times_snntorch": "snnTorch / neurosim", "times_norse": "Norse / neurosim",
            "agrees_with_snntorch": "as snnTorch", "agrees_with_norse": "as Norse",
        }  # fmt: skip
        parts += [MODULES, measured(modules), *plain_table(modules, columns)]
    if (converted := read("conversion-cost")) is not None:
        columns = {
            "percent": "neurons that fire in a step, %", "synaptic_operations": "events",
            "ms": "ms", "even_percent": "even at, %",
        }  # fmt: skip
        parts += [CONVERTED, measured(converted), *plain_table(converted, columns)]
        parts.append("![time over activity](../benchmarks/results/conversion-cost.png)\n")
    if (integers := read("loihi")) is not None:
        columns = {
            "neurons": "neurons", "synapses": "synapses", "delay slots": "delays",
            "ms a step": "median ms a step", "least": "least", "most": "most", "ratio": "ratio",
        }  # fmt: skip
        parts += [INTEGERS, measured(integers), *plain_table(integers, columns)]
    if (classified := read("loihi-digits")) is not None:
        columns = {
            "neurons": "neurons", "images": "images", "accuracy": "accuracy",
            "accuracy of the module": "of the module", "ms an image": "median ms an image",
            "least": "least", "most": "most", "ratio": "ratio",
        }  # fmt: skip
        parts += [DIGITS, measured(classified), *plain_table(classified, columns)]
    return "\n".join(parts).rstrip() + "\n"


if __name__ == "__main__":
    TARGET.write_text(page())
    print(f"{TARGET.name}: {len(comparisons())} workloads of {RESULTS.name}/{COMPARED}")
