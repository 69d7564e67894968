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
    target = ROOT / "docs" / "images" / "balanced.png"
    target.parent.mkdir(exist_ok=True)
    # No date or version in the file: the same figure is the same bytes.
    figure.savefig(target, dpi=110, metadata={"Software": None})
    print(f"{target.relative_to(ROOT)}: {names['run'].rates()}")


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
        target = ROOT / "docs" / "images" / f"memory_{name}.png"
        ax.figure.savefig(target, dpi=110, metadata={"Software": None})
        print(target.relative_to(ROOT))


if __name__ == "__main__":
    matplotlib.use("Agg")
    balanced()
    memories()
