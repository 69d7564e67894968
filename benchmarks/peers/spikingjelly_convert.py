"""The other side of `benchmarks.conversion`: SpikingJelly's converter. Prints JSON, last line."""

from __future__ import annotations

import json
import sys
from importlib import metadata
from pathlib import Path

import numpy as np
import torch
from spikingjelly.activation_based import ann2snn, functional


def main() -> None:
    folder, listed = sys.argv[1:]
    steps = [int(s) for s in listed.split(",")]
    data = np.load(Path(folder) / "data.npz")
    images, labels = torch.tensor(data["images"]), torch.tensor(data["labels"])
    seen = torch.tensor(data["seen"])
    loader = [(batch, torch.zeros(len(batch))) for batch in seen.split(64)]
    found: dict[str, list[float]] = {}
    for mode, half in (("max", False), ("99.9%", False), ("99.9%", True)):
        model = torch.load(Path(folder) / "model.pt", weights_only=False)
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
