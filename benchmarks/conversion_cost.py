"""What an image costs a converted CNN on the CPU core, over its activity, beside PyTorch.

    python -m benchmarks.conversion_cost --images 10 --repeats 5

The CNN of Fashion-MNIST (`references/fashion_cnn.npz`), one thread everywhere, T = 8. Thresholds
are multiplied by a factor, so that a spike stands for so much more and neurons fire so much less
often, with membranes that start anywhere below the threshold. Told are the seconds of the processor
for one image: of the core; of PyTorch for the artificial network; and of PyTorch for the spiking
network, layer by layer and step by step, which takes the same time however little it fires. A
straight line through what the core takes tells at which activity it would take as long as they.
Results go to `results/conversion-cost.json` and `.png`.
"""

from __future__ import annotations

import argparse
import copy
import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import neurosim as ns
from benchmarks.conversion import fashion_task
from benchmarks.keeping import RESULTS, context, write

STEPS = 8
FACTORS = (1, 2, 4, 8, 16, 32, 64, 128)
BATCHES = (1, 64)
KEPT = RESULTS / "conversion-cost.json"


def on_core(conversion: Any, factor: float, images: Any, repeats: int) -> dict[str, Any]:
    """Return activity, synaptic operations and the time of an image, thresholds times `factor`."""
    from neurosim.conversion.building import build

    layered = conversion._layered
    drawn = np.random.default_rng(0)
    thresholds = [factor * theta for theta in conversion.thresholds.values()]
    network = build(
        layered, thresholds, name="fewer spikes", reset="soft",
        charges=[drawn.random(layer.size) for layer in layered.layers],
    )  # fmt: skip
    session = ns.compile(network, threads=1)
    given = [conversion.inputs(image) for image in images]

    def show(inputs: Any) -> Any:
        session.reset()
        return session.run(conversion.n_steps, inputs=inputs, progress=False)

    runs = [show(inputs) for inputs in given]  # compiled outside of what is timed
    counts = [sum(len(run.spikes[layer.name]) for layer in layered.layers) for run in runs]
    told = [ns.energy(run, profile="45nm", network=network).operations for run in runs]
    seconds = shortest(lambda: [show(inputs) for inputs in given], repeats) / len(given)
    neurons = sum(layer.size for layer in layered.layers)
    return {
        "name": f"core, thresholds x {factor}",
        "percent": 100 * float(np.mean(counts)) / neurons / STEPS,
        "synaptic_operations": round(float(np.mean([t.synaptic_operations for t in told]))),
        "ms": 1e3 * seconds,
    }  # fmt: skip


def stepwise(model: Any, thresholds: list[float]) -> Any:
    """Return the module with integrate-and-fire neurons for its activations, to call per step."""
    import torch
    from torch import nn

    class Neurons(nn.Module):  # type: ignore[misc]
        """Soft reset, half a threshold at the start."""

        def __init__(self, threshold: float) -> None:
            super().__init__()
            self.threshold, self.v = threshold, torch.tensor(0.5 * threshold)

        def forward(self, x: Any) -> Any:
            self.v = self.v + x
            fired = torch.ge(self.v, self.threshold).to(x)
            self.v = self.v - fired * self.threshold
            return fired * self.threshold

    spiking = copy.deepcopy(model)
    wanted = iter(thresholds)
    for name, part in list(spiking.named_children()):
        if isinstance(part, nn.ReLU):
            setattr(spiking, name, Neurons(next(wanted)))

    def run(x: Any) -> Any:
        for part in spiking.children():
            if isinstance(part, Neurons):
                part.v = torch.tensor(0.5 * part.threshold)
        with torch.no_grad():
            return sum(spiking(x) for _ in range(STEPS)) / STEPS

    return run


def shortest(work: Callable[[], Any], repeats: int) -> float:
    """Return the shortest of several times of the processor [s]; the first call is not counted."""
    work()
    found = []
    for _ in range(repeats):
        began = time.process_time()
        work()
        found.append(time.process_time() - began)
    return min(found)


def in_torch(
    model: Any, thresholds: list[float], images: Any, repeats: int
) -> list[dict[str, Any]]:
    """Return what PyTorch takes for an image: of the module, and of its neurons step by step."""
    import torch

    def once(x: Any) -> Any:
        with torch.no_grad():
            return model(x)

    rows = []
    for name, work in (
        ("PyTorch, the artificial network", once),
        (f"PyTorch, {STEPS} steps", stepwise(model, thresholds)),
    ):
        for batch in BATCHES:
            x = torch.tensor(images[:batch])
            seconds = shortest(partial(work, x), 10 * repeats) / batch
            rows.append({"name": f"{name}, batch {batch}", "percent": None,
                         "synaptic_operations": None, "ms": 1e3 * seconds})  # fmt: skip
    return rows


def crossovers(rows: list[dict[str, Any]]) -> None:
    """Put into rows of PyTorch the activity at which the core takes as long, if there is one."""
    core = [row for row in rows if row["percent"] is not None]
    slope, least = np.polyfit([row["percent"] for row in core], [row["ms"] for row in core], 1)
    for row in rows:
        even = (row["ms"] - least) / slope
        row["even_percent"] = float(even) if row["percent"] is None and even > 0 else None


def measure(n_images: int, repeats: int) -> list[dict[str, Any]]:
    """Measure all rows."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        model, calibration, (images, _) = fashion_task()
        conversion = ns.convert(model, [calibration], timesteps=STEPS)
        rows = []
        for factor in FACTORS:
            rows.append(on_core(conversion, factor, images[:n_images], repeats))
            print(f"{rows[-1]['name']}: {rows[-1]['percent']:.2f} %, {rows[-1]['ms']:.2f} ms",
                  flush=True)  # fmt: skip
        rows += in_torch(model, list(conversion.thresholds.values()), images, repeats)
    finally:
        torch.set_num_threads(before)
    crossovers(rows)
    for row in rows[len(FACTORS) :]:
        even = (
            "never even" if row["even_percent"] is None else f"even at {row['even_percent']:.2f} %"
        )
        print(f"{row['name']}: {row['ms']:.3f} ms, {even}", flush=True)
    return rows


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    """Draw the time of an image over activity, and the times of PyTorch as lines across."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.0, 3.6), layout="constrained")
    ax = figure.subplots()
    core = [row for row in rows if row["percent"] is not None]
    ax.plot([r["percent"] for r in core], [r["ms"] for r in core], "o-", label="CPU core")
    for row, style in zip(rows[len(core) :], ("-", "--", "-.", ":"), strict=True):
        ax.axhline(row["ms"], color="0.35", linestyle=style, linewidth=1, label=row["name"])
    ax.set(xscale="log", yscale="log", xlabel="neurons that fire in a step [%]",
           ylabel="time of an image [ms]", title=f"T = {STEPS}, one thread")  # fmt: skip
    ax.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    ax.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    ax.xaxis.set_minor_formatter(lambda value, _: "")
    ax.set_xticks([0.3, 1, 3, 10])
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
    figure.savefig(path, dpi=130)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=5)
    chosen = parser.parse_args()
    rows = measure(chosen.images, chosen.repeats)
    command = f"python -m benchmarks.conversion_cost --images {chosen.images} "
    told = context(command + f"--repeats {chosen.repeats}")
    write(KEPT, {"benchmark": "conversion-cost", **told, "rows": rows})
    draw(json.loads(KEPT.read_text())["rows"], KEPT.with_suffix(".png"))


if __name__ == "__main__":
    main()
