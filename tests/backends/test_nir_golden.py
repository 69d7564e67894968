"""Graphs of NIR in files, and what three simulators did with them: the same spikes here.

``python tools/make_nir_golden.py`` wrote them; this needs none of the three.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import neurosim as ns
from neurosim_backends.nir.hdf5 import read_graph
from neurosim_backends.nir.metadata import kept_in
from neurosim_backends.nir.verifying import run_core

FOLDER = Path(__file__).with_name("nir_golden")
SPIKES = FOLDER / "spikes.npz"
KINDS = ("LIF", "CubaLIF", "IF", "Conv2d", "recurrent")


@pytest.mark.compiled
@pytest.mark.parametrize("kind", KINDS)
def test_files_have_the_spikes_of_the_simulators_that_read_them(kind: str) -> None:
    """By their nodes alone, and as the network they were written from."""
    path = FOLDER / f"{kind}.nir"
    graph = read_graph(path)
    kept = kept_in(graph)
    assert kept is not None
    assert kept.untouched
    with np.load(SPIKES) as found:
        given = found[f"{kind} given"].astype(float)
        theirs = {n: found[n] for n in found.files if n.startswith(f"{kind} in ")}
    assert len(theirs) >= 2
    entry = next(n for n, node in graph.nodes.items() if type(node).__name__ == "Input")
    nodes = run_core(graph, kept, {entry: given})
    net = ns.from_nir(path)
    lag = kept.lags["out"]
    source = next(iter(net.populations))
    padded = np.concatenate([given, np.zeros((lag, *given.shape[1:]))])
    assert net.dt is not None
    run = ns.run(net, len(padded) * net.dt, inputs={source: padded})
    described = np.zeros(nodes.shape)
    step = np.rint(run.spikes["out"].times / net.dt).astype(int) - 1 - lag
    described[step[step >= 0], run.spikes["out"].ids[step >= 0]] = 1
    for name, spikes in theirs.items():
        assert spikes.sum() > 20, name
        np.testing.assert_array_equal(nodes, spikes, err_msg=name)
        np.testing.assert_array_equal(described, spikes, err_msg=name)
