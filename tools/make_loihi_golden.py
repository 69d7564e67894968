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
from tests.backends.loihi_networks import GOLDEN, corner_trial, random_trial

SEEDS = range(1000, 1015)


def main() -> None:
    """Run everything in Lava and write the file."""
    jobs: list[Any] = []
    arrays: dict[str, Any] = {}
    for k, trial in enumerate([corner_trial(), *map(random_trial, SEEDS)]):
        made = (trial.network, trial.n_steps, trial.given)
        seen = run_in_lava(shared_worker(), *made, trial.watched)
        job, values, _ = job_of(*made, trial.watched)
        jobs.append(job)
        arrays |= {f"t{k}_{name}": a for name, a in values.items() if "watched" not in name}
        arrays |= {f"t{k}_{x}": getattr(seen, x).astype(np.int32) for x in ("step", "neuron")}
        arrays |= {f"t{k}_{x}": getattr(seen, x).astype(np.int32) for x in ("u", "v")}
        print(f"network {k}: {seen.step.size} spikes")
    np.savez_compressed(GOLDEN, jobs=json.dumps(jobs), **arrays)
    print(f"{GOLDEN}: {GOLDEN.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
