"""A spiking network trained with surrogate gradients on Fashion-MNIST, then run on the CPU core.

    python -m benchmarks.fashion_training --epochs 10
    python -m benchmarks.fashion_training --epochs 3 --minutes 10 --images 2000

784 pixels as currents that are held, 256 and 10 leaky neurons; the class is the output neuron that
fires most. It is trained as a module of snnTorch in single precision. Its weights are then written
back into the description, and the core runs that in double precision, picture by picture. Told are
both accuracies for the same held-out pictures, and how many of them get the same class from both.
Results go to `results/fashion-training.json`.
"""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from typing import Any

import numpy as np

import neurosim as ns
from benchmarks.keeping import RESULTS, context, write

STEPS = 20
BATCH = 128
SIZES = (784, 256, 10)


def network() -> ns.Network:
    """Return the network before training."""
    leaky = ns.LIF(
        synapses=ns.Delta(), tau_m=10, C_m=1, E_L=0, V_reset=0, V_th=1, t_ref=0
    )  # fmt: skip
    n_pixels, n_hidden, n_classes = SIZES
    net = ns.Network("clothes", seed=1, dt=1.0)
    pixels = net.population("pixels", n_pixels, ns.Input("current"))
    hidden = net.population("hidden", n_hidden, leaky)
    classes = net.population("classes", n_classes, leaky)
    net.project(pixels, hidden, ns.AllToAll(), weight=ns.Normal(0.0, 0.015))
    net.project(hidden, classes, ns.AllToAll(), weight=ns.Normal(0.02, 0.1))
    net.record(classes, "spikes")
    return net


def held(images: Any) -> Any:
    """Return pictures as currents: (time, n, pixels)."""
    import torch

    return torch.as_tensor(images, dtype=torch.float32).expand(STEPS, *images.shape)


def train(module: Any, images: Any, labels: Any, epochs: int, minutes: float) -> float:
    """Train a module, no longer than so many minutes; return the epochs that were done."""
    import torch

    torch.manual_seed(0)
    x, y = torch.tensor(images, dtype=torch.float32), torch.tensor(np.asarray(labels, np.int64))
    total = epochs * (-(-len(x) // BATCH))
    optimiser = torch.optim.Adam(module.parameters(), lr=2e-3)
    began, done = time.perf_counter(), 0
    while done < total:
        for chosen in torch.randperm(len(x)).split(BATCH):
            used = max(done / total, (time.perf_counter() - began) / (60 * minutes))
            if used >= 1:
                return done * epochs / total
            for group in optimiser.param_groups:  # from 2e-3 to 0 along half a cosine
                group["lr"] = 1e-3 * (1 + np.cos(np.pi * used))
            counts = module(held(x[chosen])).spikes["classes"].sum(0)
            loss = torch.nn.functional.cross_entropy(0.5 * counts, y[chosen])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            done += 1
            if done % 100 == 0:
                print(f"batch {done}: loss {float(loss.detach()):.3f}", flush=True)
    return float(epochs)


def told_by_module(module: Any, images: Any) -> Any:
    """Return the classes that a module gives."""
    import torch

    with torch.no_grad():
        parts = [
            module(held(images[k : k + 500])).spikes["classes"].sum(0).argmax(1).numpy()
            for k in range(0, len(images), 500)
        ]
    return np.concatenate(parts)


def told_by_core(net: ns.Network, images: Any) -> Any:
    """Return the classes that the CPU core gives."""
    session = ns.compile(net)
    found = np.zeros(len(images), np.int64)
    for k, image in enumerate(images):
        session.reset()
        given = np.broadcast_to(np.float64(image), (STEPS, image.size))
        run = session.run(STEPS, inputs={"pixels": given}, progress=False)
        found[k] = run.spikes["classes"].counts().argmax()
    return found


def measure(epochs: int, minutes: float, images: int | None, seen: int | None) -> dict[str, Any]:
    """Train, write back, compare."""
    from neurosim_backends.snntorch import SnnTorch
    from neurosim_datasets import fashion_mnist

    parts = [fashion_mnist(part) for part in ("train", "test")]
    (x, y), (shown, labels) = ((p.images.reshape(len(p.images), -1), p.labels) for p in parts)
    shown, labels = shown[:images], labels[:images]
    net = network()
    backend: Any = SnnTorch(surrogate="fast_sigmoid")
    session: Any = ns.compile(net, backend, precision="single")
    began = time.perf_counter()
    done = train(session.module, x[:seen], y[:seen], epochs, minutes)
    trained = time.perf_counter() - began
    of_module = told_by_module(session.module, shown.astype(np.float32))
    print(f"module: {100 * np.mean(of_module == labels):.2f} %", flush=True)
    began = time.perf_counter()
    of_core = told_by_core(net.with_weights(session.weights()), shown.astype(np.float32))
    ran = time.perf_counter() - began
    print(f"core: {100 * np.mean(of_core == labels):.2f} %", flush=True)
    return {
        "epochs": round(done, 2), "trained_with": len(x[:seen]), "images": len(shown),
        "module": float(np.mean(of_module == labels)), "core": float(np.mean(of_core == labels)),
        "same_class": float(np.mean(of_module == of_core)), "training_s": round(trained, 1),
        "core_s_per_image": round(ran / len(shown), 5),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--minutes", type=float, default=60.0, help="longest time for training")
    parser.add_argument("--images", type=int, help="held-out ones to tell; all if left out")
    parser.add_argument("--seen", type=int, help="pictures to train with; all if left out")
    chosen = parser.parse_args()
    found = measure(chosen.epochs, chosen.minutes, chosen.images, chosen.seen)
    told = shlex.join(["python", "-m", "benchmarks.fashion_training", *sys.argv[1:]])
    write(RESULTS / "fashion-training.json", context(told) | found)


if __name__ == "__main__":
    main()
