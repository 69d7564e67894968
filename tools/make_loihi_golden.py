"""Write tests/backends/loihi_golden.npz: networks of integers, and what Lava does with them.

``python tools/make_loihi_golden.py`` from the repository, where `neurosim backend install lava`
was done. Machines without Lava compare the kernel with this file.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from neurosim_backends.lava.jobs import job_of, run_in_lava
from neurosim_backends.lava.workers import shared_worker
from tests.backends.loihi_networks import (
    GOLDEN,
    SEEN,
    corner_trial,
    learning_trial,
    message_trial,
    random_trial,
)

SEEDS = range(1000, 1015)
LEARNING_SEEDS = range(1000, 1009)
MESSAGE_SEEDS = range(1000, 1008)


def main() -> None:
    """Run everything in Lava and write the file."""
    jobs: list[Any] = []
    arrays: dict[str, Any] = {}
    trials = [
        corner_trial(), *map(random_trial, SEEDS), *map(learning_trial, LEARNING_SEEDS),
        *map(message_trial, MESSAGE_SEEDS),
    ]  # fmt: skip
    for k, trial in enumerate(trials):
        made = (trial.network, trial.n_steps, trial.given, trial.watched)
        seen = run_in_lava(shared_worker(), *made, weights_after=trial.weights_after)
        job, values, _ = job_of(*made, trial.weights_after)
        jobs.append({**job, "weights_after": trial.weights_after})
        for n, (x, y) in seen.traces.items():
            arrays[f"t{k}_{n}_w"] = seen.weights[n].astype(np.int16)
            arrays |= {f"t{k}_{n}_x": x.astype(np.int8), f"t{k}_{n}_y": y.astype(np.int8)}
        arrays |= {
            f"t{k}_{name}": a
            for name, a in values.items()
            if not name.endswith(("watched", "wanted"))
        }
        arrays |= {f"t{k}_{x}": getattr(seen, x).astype(np.int32) for x in SEEN}
        print(f"network {k}: {seen.step.size} spikes")
    np.savez_compressed(GOLDEN, jobs=json.dumps(jobs), **arrays)
    print(f"{GOLDEN}: {GOLDEN.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
