"""The other side of `benchmarks.conversion`: SpikingJelly's converter. Prints JSON, last line."""

from __future__ import annotations

import json
import sys
from importlib import metadata
from pathlib import Path

import numpy as np
import torch
from spikingjelly.activation_based import ann2snn, functional
from torch import nn


def model_of(task: str) -> nn.Module:
    if task == "digits":
        return nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.Dropout(0.1),
            nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.AvgPool2d(2),
            nn.Dropout(0.2),
            nn.Conv2d(32, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.AvgPool2d(2),
            nn.Flatten(), nn.Dropout(0.2), nn.Linear(128, 10),
        )  # fmt: skip
    return nn.Sequential(
        nn.Conv2d(1, 8, 5, padding=2), nn.BatchNorm2d(8), nn.ReLU(), nn.AvgPool2d(2),
        nn.Conv2d(8, 16, 5, padding=2), nn.BatchNorm2d(16), nn.ReLU(), nn.AvgPool2d(2),
        nn.Flatten(), nn.Dropout(0.3), nn.Linear(784, 10),
    )  # fmt: skip


def main() -> None:
    task, folder, listed = sys.argv[1:]
    steps = [int(s) for s in listed.split(",")]
    data = np.load(Path(folder) / "data.npz")
    weights = np.load(Path(folder) / "weights.npz")
    images, labels = torch.tensor(data["images"]), torch.tensor(data["labels"])
    seen = torch.tensor(data["seen"])
    loader = [(batch, torch.zeros(len(batch))) for batch in seen.split(64)]
    found: dict[str, list[float]] = {}
    for mode, half in (("max", False), ("99.9%", False), ("99.9%", True)):
        model = model_of(task)
        model.load_state_dict({k: torch.from_numpy(weights[k]) for k in weights.files})
        model.eval()
        recipe = ann2snn.RateCodingRecipe(
            dataloader=loader, mode=mode, channel_wise=half, half_threshold=half
        )
        spiking = ann2snn.Converter(recipe).convert(model)
        accuracies = {}
        with torch.no_grad():
            functional.reset_net(spiking)
            total = 0.0
            for step in range(1, max(steps) + 1):
                total = total + spiking(images)
                if step in steps:
                    accuracies[step] = float((total.argmax(1) == labels).double().mean())
        found[mode + (", by channels, half threshold" if half else "")] = [
            accuracies[s] for s in steps
        ]
    print(json.dumps({"version": metadata.version("spikingjelly"), "modes": found}))


if __name__ == "__main__":
    main()
