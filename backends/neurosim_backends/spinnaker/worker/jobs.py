"""What the worker does: one network placed by sPyNNaker on a virtual board, from arrays to arrays.

Runs in sPyNNaker's interpreter, without neurosim.
"""

import logging
import os
from typing import Any

import numpy as np
import pyNN.spiNNaker as sim
from spynnaker.pyNN.data import SpynnakerDataView as View

SETTINGS = """\
[Machine]
virtual_board = True
version = {board}
[Mode]
mode = Production
[Reports]
write_network_graph = False
[Java]
use_java = False
"""

SYSTEM = "SYSTEM"
"""What labels of cores begin with that are not of the network."""


def run(job: Any, arrays: Any, folder: Any, running: Any) -> Any:
    """Place a network.

    job : dict
        "vertices", "edges", "dt", "board": as `neurosim_backends.spinnaker.mapping` writes them.
    arrays : mapping of str to array
        Values of single neurons and synapses, under "v0_rate", "e3_weight", ...
    folder : str
        Where settings and reports go.
    running : threading.Event
        Not used: sPyNNaker starts no processes.

    Returns a dict of arrays: "cores" (n_vertices,), "chips", "routes", "sdram", "all_cores" (1,),
    "rounding", "lost" (n_edges,).
    """
    # Home and settings are read when sPyNNaker is set up, in this fork of the worker.
    os.environ["HOME"] = folder
    os.chdir(folder)
    with open(os.path.join(folder, ".spynnaker.cfg"), "w") as file:
        file.write(SETTINGS.format(board=int(job["board"])))
    logging.disable(logging.INFO)
    dt = float(job["dt"])
    sim.setup(timestep=dt)
    populations = [_population(k, v, arrays) for k, v in enumerate(job["vertices"])]
    projections = [_projection(k, e, arrays, populations, dt) for k, e in enumerate(job["edges"])]
    sim.run(dt)
    found = _placed(job["vertices"])
    pairs = [
        _rounding(projection, arrays[f"e{k}_pre"], arrays[f"e{k}_post"], arrays[f"e{k}_weight"])
        for k, projection in enumerate(projections)
    ]
    found["rounding"] = np.array([off for off, _ in pairs], float)
    found["lost"] = np.array([lost for _, lost in pairs], int)
    sim.end()
    return found


def _population(k: Any, vertex: Any, arrays: Any) -> Any:
    values = dict(vertex["parameters"])
    for name in vertex["arrays"]:
        values[name] = arrays[f"v{k}_{name}"].tolist()
    if vertex["model"] == "SpikeSourceArray":
        ends = arrays[f"v{k}_ends"]
        values["spike_times"] = [part.tolist() for part in np.split(arrays[f"v{k}_times"], ends)]
    model = getattr(sim, vertex["model"])
    return sim.Population(vertex["size"], model(**values), label=str(k))


def _projection(k: Any, edge: Any, arrays: Any, populations: Any, dt: Any) -> Any:
    weight, delay = arrays[f"e{k}_weight"], arrays[f"e{k}_delay"] * dt
    if edge["one_to_one"]:
        connector: Any = sim.OneToOneConnector()
        synapse = sim.StaticSynapse(weight=float(weight[0]), delay=float(delay[0]))
    else:
        listed = np.column_stack([arrays[f"e{k}_pre"], arrays[f"e{k}_post"], weight, delay])
        connector = sim.FromListConnector(listed, column_names=["weight", "delay"])
        synapse = sim.StaticSynapse()
    return sim.Projection(
        populations[edge["pre"]], populations[edge["post"]], connector, synapse_type=synapse,
        receptor_type=edge["receptor"],
    )  # fmt: skip


def _placed(vertices: Any) -> Any:
    """Count what placements, their memory and routing tables have of the network."""
    cores = np.zeros(len(vertices), int)
    chips = set()
    sdram = 0
    steps = View.get_plan_n_timestep()
    for placement in View.iterate_placemements():
        vertex = placement.vertex
        if vertex.app_vertex is None or str(vertex.label).startswith(SYSTEM):
            continue
        of = getattr(vertex.app_vertex, "source_vertex", vertex.app_vertex)
        cores[int(of.label)] += 1
        chips.add((placement.x, placement.y))
        sdram += vertex.sdram_required.get_total_sdram(steps)
    routes = sum(t.number_of_entries for t in View.get_uncompressed())
    return {
        "cores": cores,
        "all_cores": np.array([cores.sum()]),
        "chips": np.array([len(chips)]),
        "routes": np.array([routes]),
        "sdram": np.array([sdram]),
    }


def _rounding(projection: Any, pre: Any, post: Any, weight: Any) -> Any:
    """Return by how much weights are rounded at most, and how many are rounded to 0.

    Rounding keeps the order of weights, so that those of one pair are compared in their order.
    Where delays are held back by other cores, sPyNNaker may read back other pairs than it was
    given, and of sources that lie beside their targets nothing: then no number is returned (NaN).
    """
    try:
        got = np.array(projection.get("weight", "list"), float).reshape(-1, 3)
    except NotImplementedError:  # these are made on the chip, which is not there
        return np.nan, 0
    theirs = np.abs(got[:, 2])
    there = np.lexsort((theirs, got[:, 1], got[:, 0]))
    here = np.lexsort((weight, post, pre))
    if len(there) != len(here) or not (
        np.array_equal(got[there, 0], pre[here]) and np.array_equal(got[there, 1], post[here])
    ):
        return np.nan, 0
    off = np.abs(theirs[there] - weight[here])
    lost = (theirs[there] == 0) & (weight[here] != 0)
    return off.max(initial=0.0), lost.sum()
