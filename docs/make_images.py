"""Draw the pictures of the documentation: ``python docs/make_images.py``.

The picture of README.md is made by running its first Python block, so that it shows what the block
does.
"""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path
from typing import Any

import matplotlib

ROOT = Path(__file__).resolve().parents[1]


def first_block(path: Path) -> str:
    """Return the first Python block of a page."""
    found = re.search(r"^```python\n(.*?)^```", path.read_text(), re.MULTILINE | re.DOTALL)
    assert found is not None, f"no Python block in {path}"
    return found.group(1)


def balanced() -> None:
    """Run the example of README.md, and keep the figure."""
    names: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        before = Path.cwd()
        os.chdir(folder)
        try:
            exec(first_block(ROOT / "README.md"), names)
        finally:
            os.chdir(before)
    figure = names["run"].plot()
    figure.set_size_inches(8, 7)
    _save(figure, "balanced")
    print(names["run"].rates())


def memories() -> None:
    """Draw the figures of docs/memory_theory.md, with more points than the page computes."""
    import numpy as np

    import neurosim as ns

    memory = ns.analysis.memory

    def settle(weights: Any, states: Any) -> Any:
        for _ in range(15):
            for unit in range(states.shape[1]):
                field = states @ weights[:, unit]
                states[:, unit] = np.where(field == 0, states[:, unit], np.sign(field))
        return states

    def recall(n_patterns: int, seed: int) -> float:
        stored = np.random.default_rng(seed).choice([-1, 1], (n_patterns, 400))
        start = memory.corrupted(stored[0], 0.05, 1, seed=seed).astype(float)
        return float(memory.overlap(stored, settle(ns.store(stored), start))[0, 0])

    curve = memory.capacity_curve(recall, np.arange(16, 104, 8), n_units=400, trials=12, seed=2)
    figures = {
        "capacity": ns.plot.memory_curve(
            curve, theory=lambda x: [memory.hopfield_state(a, 0.0).m for a in x], label="N = 400"
        ),
        "hopfield": ns.plot.phase_diagram(memory.hopfield_diagram(30)),
        "dense": ns.plot.phase_diagram(memory.dense_diagram(3, points=24)),
    }
    for name, ax in figures.items():
        _save(ax.figure, f"memory_{name}")


def spiking_memory() -> None:
    """Draw what spiking and binary units recall of the same patterns: three seeds, 400 units."""
    import matplotlib.pyplot as plt
    import numpy as np

    import neurosim as ns
    from neurosim_datasets import random_patterns
    from neurosim_models import spike_overlaps
    from neurosim_models import spiking_memory as network

    n, loads = 400, np.array([0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2])
    found = np.zeros((2, 3, loads.size))
    for k, load in enumerate(loads):
        for seed in range(3):
            xi = random_patterns(round(load * n), n, seed=seed + 1)
            wrong = np.random.default_rng(seed + 1).random(n) < 0.1
            cue = np.where(wrong, -xi[0], xi[0])
            run = ns.run(network(xi, cue, seed=seed + 1), 300, dt=0.2)
            found[0, seed, k] = spike_overlaps(run, xi, start=150, stop=300)[0]
            net = ns.Network("binary", seed=seed + 1)
            units = net.population("units", n, ns.Binary())
            net.project(units, units, ns.PatternCoupling(xi))
            net.initialise(units, s=cue)
            session = ns.compile(net, dt=1)
            session.run(15)
            found[1, seed, k] = session.get(units, "s") @ xi[0] / n
    figure, ax = plt.subplots(figsize=(6, 3.6), layout="constrained")
    for values, label, marker in zip(found, ("LIF neurons", "binary units"), "os", strict=True):
        line = ax.plot(loads, values.mean(axis=0), marker=marker, label=label)[0]
        ax.plot(loads, values.T, ".", color=line.get_color(), alpha=0.4)
    ax.axvline(0.138, color="0.6", lw=1, ls="--", label="0.138, binary units")
    ax.set(xlabel="patterns per unit", ylabel="overlap with the pattern shown", ylim=(-0.05, 1.05))
    ax.legend()
    _save(figure, "spiking_memory")


def stimuli() -> None:
    """Draw the figures of docs/datasets.md: a digit seen by saccades, and sounds heard."""
    import matplotlib.pyplot as plt
    import numpy as np

    from neurosim_datasets import cochleagram, mnist_sample, saccades, to_frames

    image = mnist_sample().images[3600]
    seen = saccades(image, seed=1)
    off, on = np.moveaxis(to_frames(seen, "10 ms", duration="300 ms", polarity="split"), 1, 0)
    figure, axes = plt.subplots(2, 4, figsize=(10, 5), layout="constrained")
    axes[0, 0].imshow(image, cmap="gray")
    axes[0, 0].set_title("image")
    counts = np.bincount(seen.t // 5000, minlength=60)
    axes[1, 0].bar(np.arange(60) * 5 + 2.5, counts, width=5, color="0.4")
    axes[1, 0].set(xlabel="time [ms]", ylabel="events in 5 ms")
    limit = 4
    for k in range(3):
        for ax, first, last in ((axes[0, k + 1], 0, 10), (axes[1, k + 1], 4, 6)):
            steps = slice(10 * k + first, 10 * k + last)
            shown = on[steps].sum(axis=0) - off[steps].sum(axis=0)
            picture = ax.imshow(shown, cmap="coolwarm", vmin=-limit, vmax=limit)
            ax.set_title(f"{10 * steps.start} to {10 * steps.stop} ms")
    figure.colorbar(picture, ax=axes[:, 3], label="ON less OFF events", extend="both")
    for ax in axes.ravel()[[0, 1, 2, 3, 5, 6, 7]]:
        ax.set(xticks=[], yticks=[])
    _save(figure, "datasets_saccades")

    rate = 20_000
    t = np.arange(int(0.6 * rate)) / rate
    sounds = {
        "a tone that rises": np.sin(2 * np.pi * (100 * t + 2500 * t**2)),
        "a vowel, then a hiss": _syllable(t, rate),
    }
    figure, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained", sharey=True)
    for ax, (name, sound) in zip(axes, sounds.items(), strict=True):
        heard = cochleagram(sound, rate, seed=1)
        ax.plot(heard.times, heard.units, "k.", markersize=1)
        ax.set(title=f"{name}: {len(heard):,} spikes", xlabel="time [ms]", xlim=(0, 600))
    axes[0].set(ylabel="channel (0: 8 kHz, 699: 50 Hz)", ylim=(699, 0))
    _save(figure, "datasets_cochlea")


def _syllable(t: Any, rate: float) -> Any:
    """Return pulses of 120 Hz through three resonances for 0.4 s, then noise of high pitch."""
    import numpy as np
    from scipy.signal import lfilter

    sound = np.diff(np.floor(120 * t), prepend=-1.0)
    for frequency, width in ((700, 90), (1200, 110), (2600, 150)):
        radius = np.exp(-np.pi * width / rate)
        angle = 2 * np.pi * frequency / rate
        sound = lfilter([1 - radius], [1, -2 * radius * np.cos(angle), radius**2], sound)
    voiced = t < 0.4
    hiss = np.diff(np.random.default_rng(0).normal(size=t.size), n=2, prepend=[0, 0])
    return np.where(voiced, sound / sound[voiced].std(), 0.5 * hiss / hiss.std())


def conversion() -> None:
    """Draw the report of the 3-conv CNN that tells digits, as docs/conversion.md shows it."""
    import sys

    import neurosim as ns

    sys.path.insert(0, str(ROOT))
    from tests.conversion.digits_cnn import digits, trained

    images, labels, held_out, held_out_labels = digits()
    made = ns.convert(trained(), [(images, labels)], timesteps=8)
    _save(made.evaluate(held_out[:100], held_out_labels[:100]).plot(), "conversion")


def placement() -> None:
    """Run the example of docs/check.md, and keep the figure."""
    names: dict[str, Any] = {}
    exec(first_block(ROOT / "docs" / "check.md"), names)
    _save(names["figure"], "check")


def _save(figure: Any, name: str) -> None:
    target = ROOT / "docs" / "images" / f"{name}.png"
    # No date or version in the file: the same figure is the same bytes.
    figure.savefig(target, dpi=110, metadata={"Software": None})
    print(target.relative_to(ROOT))


if __name__ == "__main__":
    matplotlib.use("Agg")
    balanced()
    memories()
    spiking_memory()
    stimuli()
    conversion()
    placement()
