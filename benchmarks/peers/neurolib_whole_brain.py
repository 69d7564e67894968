"""neurolib's Wilson-Cowan network, with matrices and parameters that it is handed.

Runs in an environment of its own, without neurosim: reads a .npz, prints JSON as its last line.
"""

from __future__ import annotations

import argparse
import json
import time
from importlib import metadata

import numpy as np
from neurolib.models.wc import WCModel


def main() -> None:
    """Run once for a moment, to compile, and once for the duration."""
    parser = argparse.ArgumentParser()
    parser.add_argument("matrices")
    parser.add_argument("--duration", type=float, required=True)
    parser.add_argument("--warm-up", type=float, default=100.0)
    parser.add_argument("--traces", help="where to keep E, (n_times, n) every ms")
    arguments = parser.parse_args()
    given = np.load(arguments.matrices)
    # neurolib is target by source.
    model = WCModel(Cmat=given["weights"].T, Dmat=given["lengths"].T, seed=1)
    for name in ("signalV", "K_gl", "exc_ext", "sigma_ou", "tau_ou", "dt"):
        model.params[name] = float(given[name])
    model.params["exc_init"] = given["E"][:, None]
    model.params["inh_init"] = given["I"][:, None]
    model.params["duration"] = arguments.warm_up
    model.run()
    model.params["exc_ou"] = np.zeros(len(given["E"]))
    model.params["inh_ou"] = np.zeros(len(given["E"]))
    model.params["duration"] = arguments.duration
    started = time.perf_counter()
    model.run()
    seconds = time.perf_counter() - started
    every = round(1.0 / float(given["dt"]))
    trace = model.exc[:, every - 1 :: every].T
    if arguments.traces:
        np.save(arguments.traces, trace)
    versions = {name: metadata.version(name) for name in ("neurolib", "numba", "numpy")}
    print(json.dumps({"seconds": seconds, "mean": float(trace.mean()), "versions": versions}))


if __name__ == "__main__":
    main()
