"""Traces of neurolib's "wc" model on a small connectome with delays, kept for the tests.

    python -m benchmarks.references.neurolib_reference [--python PATH]

writes `neurolib_wc.json`. neurolib runs in an environment of its own (PATH, or one that is made).
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

FILE = Path(__file__).parent / "neurolib_wc.json"
NODES, DURATION, DT, SPEED = 6, 200.0, 0.1, 10.0


def matrices() -> dict[str, Any]:
    """Return what both programs are handed; rows are sources, delays whole steps."""
    random = np.random.default_rng(20)
    weights = random.uniform(0.0, 1.0, (NODES, NODES)) * (1 - np.eye(NODES))
    # neurolib cuts delays off to whole steps: a little more than one is that one.
    steps = random.integers(1, 150, (NODES, NODES)) * (1 - np.eye(NODES, dtype=int))
    return {
        "weights": weights,
        "lengths": (steps + 1e-6) * DT * SPEED * (steps > 0),
        "delays": steps * DT,
        "E": random.uniform(0.0, 0.2, NODES),
        "I": random.uniform(0.0, 0.2, NODES),
        "signalV": SPEED,
        "K_gl": 0.6,
        "exc_ext": 0.7,
        "sigma_ou": 0.0,
        "tau_ou": 5.0,
        "dt": DT,
    }


def main() -> None:
    """Run neurolib and keep E of every ms."""
    from benchmarks.environments import python_for
    from benchmarks.whole_brain import NEUROLIB, theirs

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", type=Path, help="an interpreter that has neurolib")
    chosen = parser.parse_args().python or python_for(NEUROLIB)
    given = matrices()
    with tempfile.TemporaryDirectory() as folder:
        traces = Path(folder) / "traces.npy"
        plain = {k: v for k, v in given.items() if k != "sigma_ou"}
        report = theirs(chosen, plain, given["sigma_ou"], DURATION, 1, traces)
        found = np.load(traces)
    document = {"versions": report["versions"], "E": found.tolist()}
    FILE.write_text(json.dumps(document) + "\n")


if __name__ == "__main__":
    main()
