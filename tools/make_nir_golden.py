"""Write tests/backends/nir_golden/: graphs of NIR, and what snnTorch, Norse and SpikingJelly do.

``python tools/make_nir_golden.py`` from the repository, with the extra `nir-readers`. Machines
without these simulators compare the core with what is written here.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

import neurosim as ns
from neurosim_backends.nir.hdf5 import read_graph
from neurosim_backends.nir.profiles import READERS_STEP
from neurosim_backends.nir.readers import run_reader, version_of
from tests.backends.nir_networks import trains
from tests.backends.test_nir import EXPORTABLE
from tests.backends.test_nir_golden import FOLDER, KINDS, SPIKES

N_CALLS = 120


def main() -> None:
    """Write everything."""
    FOLDER.mkdir(exist_ok=True)
    arrays: dict[str, Any] = {}
    for kind in KINDS:
        net, profile, expected = EXPORTABLE[kind]
        path = FOLDER / f"{kind}.nir"
        ns.to_nir(net, path, profile=profile, overwrite=True)  # type: ignore[arg-type]
        source = next(iter(net.populations.values()))
        given = trains(11, source.shape, N_CALLS)
        arrays[f"{kind} given"] = given.astype(np.int8)
        for name in (n for n, tier in expected.items() if tier == "same spikes"):
            if version_of(name) is None:
                continue
            spikes = run_reader(name, read_graph(path), READERS_STEP, given)
            arrays[f"{kind} in {name} {version_of(name)}"] = spikes.astype(np.int8)
            print(f"{kind} in {name}: {int(spikes.sum())} spikes; {path.stat().st_size} bytes")
    np.savez_compressed(SPIKES, **arrays)
    print(f"{SPIKES}: {SPIKES.stat().st_size} bytes")


if __name__ == "__main__":
    main()
