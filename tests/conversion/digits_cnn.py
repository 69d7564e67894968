"""The 3-conv CNN for the 8x8 digits of scikit-learn: its making, its weights, its images.

`python -m tests.conversion.digits_cnn` trains it anew, in about a minute, and writes the weights
beside this file. Held out: 600 of the 1797 images, drawn by `train_test_split(random_state=0)`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

WEIGHTS = Path(__file__).with_name("digits_cnn.npz")
EPOCHS = 60
DROPOUT = 0.2


def digits() -> tuple[Any, Any, Any, Any]:
    """Images (n, 1, 8, 8) from 0 to 1 and labels: to train with, and 600 held out."""
    images, labels = load_digits(return_X_y=True)
    images = (images / 16).reshape(-1, 1, 8, 8).astype(np.float32)
    split = train_test_split(images, labels, test_size=600, random_state=0, stratify=labels)
    seen, held_out, seen_labels, held_out_labels = split
    return seen, seen_labels, held_out, held_out_labels


def untrained() -> Any:
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.Dropout(DROPOUT / 2),
        nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.AvgPool2d(2),
        nn.Dropout(DROPOUT),
        nn.Conv2d(32, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.AvgPool2d(2),
        nn.Flatten(), nn.Dropout(DROPOUT), nn.Linear(128, 10),
    )  # fmt: skip


def trained() -> Any:
    """The network with the weights that are kept."""
    model = untrained()
    with np.load(WEIGHTS) as kept:
        model.load_state_dict({name: torch.from_numpy(kept[name]) for name in kept.files})
    return model.eval()


def distorted(images: Any) -> Any:
    """Images turned by up to 10 degrees, scaled by 10 % and shifted by half a pixel or so."""
    n = len(images)
    angle, size = (torch.rand(n) - 0.5) * 0.35, 1 + (torch.rand(n) - 0.5) * 0.2
    maps = torch.zeros(n, 2, 3)
    maps[:, 0, 0], maps[:, 0, 1] = size * torch.cos(angle), -torch.sin(angle)
    maps[:, 1, 0], maps[:, 1, 1] = torch.sin(angle), size * torch.cos(angle)
    maps[:, :, 2] = (torch.rand(n, 2) - 0.5) * 0.3
    grid = nn.functional.affine_grid(maps, images.shape, align_corners=False)
    return nn.functional.grid_sample(images, grid, align_corners=False)


def train() -> Any:
    torch.manual_seed(0)
    model = untrained().train()
    seen, labels, _, _ = digits()
    images, classes = torch.tensor(seen), torch.tensor(labels)
    optimiser = torch.optim.AdamW(model.parameters(), lr=5e-3, weight_decay=1e-2)
    batches = -(-len(images) // 64)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 5e-3, total_steps=EPOCHS * batches)
    for _ in range(EPOCHS):
        for chosen in torch.randperm(len(images)).split(64):
            shown = distorted(images[chosen])
            shown = shown + 0.1 * torch.randn_like(shown)
            loss = nn.functional.cross_entropy(model(shown), classes[chosen], label_smoothing=0.05)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    return model.eval()


if __name__ == "__main__":
    torch.set_num_threads(1)
    model = train()
    np.savez_compressed(WEIGHTS, **{k: v.numpy() for k, v in model.state_dict().items()})
    _, _, held_out, labels = digits()
    with torch.no_grad():
        told = model(torch.tensor(held_out)).argmax(1).numpy()
    print(f"{WEIGHTS.name}: {100 * np.mean(told == labels):.2f} % of the 600 held out")
