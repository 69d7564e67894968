"""Exchange formats: networks as graphs of others. `to_nir`, `from_nir`, `verify_nir`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cache
from importlib import metadata
from typing import TYPE_CHECKING, Any, Literal

from neurosim.errors import UnknownNameError

if TYPE_CHECKING:
    from neurosim.describe.network import Network

GROUP = "neurosim.formats"
"""Entry points of exchange formats."""


def to_nir(
    network: Network,
    path: str | os.PathLike[str] | None = None,
    *,
    profile: Literal["snntorch", "norse", "spikingjelly", "generic"] = "generic",
    on_loss: Literal["error", "warn"] = "error",
    dt: Any = None,
    outputs: Sequence[str] | None = None,
    overwrite: bool = False,
) -> Any:
    """Return a network as a graph of NIR, and write it to a file.

    Readers of NIR advance neurons by forward Euler. The constants of the graph are those with which
    a step of forward Euler is the step of the network: for a membrane that decays by exp(-dt/tau_m)
    tau is dt / (1 - exp(-dt/tau_m)), with ``method="euler"`` it is tau_m. So spikes are equal on
    the grid, up to the lag of each population, which the metadata tell (NIR has no delay of one
    step from neurons to neurons).

    Parameters
    ----------
    network : Network
        Neurons `LIF` or `PerfectIntegrator` (or a `NeuronModel` with such a step), whose synapses
        are `Delta`, `Pulse` or `ExpCurrent`; populations of `Input`.
    path : path, optional
        Where to write it, as HDF5.
    profile : {"generic", "snntorch", "norse", "spikingjelly"}
        For whom: what that reader would take for something else is refused. "generic" has all of
        NIR that is needed, with Delay nodes, filters and leak potentials, at the step of the
        network; the others are written for steps of 0.1 ms, whatever that of the network.
    on_loss : {"error", "warn"}
        What to do where NIR has no word for something, such as refractoriness: refuse, or leave it
        out of the nodes and list it. The description is in the metadata either way.
    dt : float or quantity, optional
        Time step [ms]; by default that of the network, or 0.1.
    outputs : sequence of str, optional
        Populations whose spikes leave the graph; by default those whose spikes are recorded, or
        those that send to no others.
    overwrite : bool
        Whether a file that exists may be replaced.

    Returns
    -------
    nir.NIRGraph

    Raises
    ------
    UnsupportedError
        If the graph would not be the network; tells the part, the reason and what works.
    DescriptionError
        If the file exists, or cannot be written.
    MissingPackageError
        Without the package nir.

    Source: Pedersen et al. (2024), Nat. Commun. 15:8122, doi 10.1038/s41467-024-52259-9.
    """
    return _format("nir").write(network, path, profile, on_loss, dt, outputs, overwrite)


def from_nir(
    source: Any,
    *,
    on_loss: Literal["error", "warn"] = "error",
    dt: Any = None,
    inputs: Literal["spikes", "current"] = "spikes",
    description: bool = True,
    name: str | None = None,
    most_bytes: int | None = None,
) -> Network:
    """Return the network of a graph of NIR.

    A graph that `to_nir` wrote, and nobody changed, gives back the very network. Of any other the
    nodes are read, as a simulator with forward Euler would: the spikes are the same.

    Parameters
    ----------
    source : path or nir.NIRGraph
        Files are checked before they are read; nothing in them is run.
    on_loss : {"error", "warn"}
        What to do where a graph was changed since `to_nir` wrote it, so that its description no
        longer holds.
    dt : float or quantity, optional
        Time step [ms], which NIR does not tell; by default what `to_nir` noted, or 0.1, for which
        readers of NIR take it.
    inputs : {"spikes", "current"}
        What enters the graph, where nodes are read.
    description : bool
        Whether what `to_nir` wrote beside the nodes is used.
    name : str, optional
        Of the network; by default that of the file.
    most_bytes : int, optional
        How large the arrays of a file may be, together; 4 GiB by default.

    Returns
    -------
    Network

    Raises
    ------
    DescriptionError
        If the file is damaged, too large or not what it should be; if nodes, shapes and edges do
        not fit.
    UnsupportedError
        For nodes that there is no form of.
    MissingPackageError
        Without the package nir.
    """
    found: Network = _format("nir").read(source, on_loss, dt, inputs, description, name, most_bytes)
    return found


def verify_nir(
    source: Any,
    *,
    simulators: Sequence[str] | None = None,
    steps: int = 200,
    seed: int = 0,
    rate: float = 0.2,
    most_bytes: int | None = None,
) -> Any:
    """Run a graph of NIR in snnTorch, Norse and SpikingJelly, and compare their spikes with ours.

    Parameters
    ----------
    source : path or nir.NIRGraph
    simulators : sequence of {"snntorch", "norse", "spikingjelly"}, optional
        All three by default; one that is not installed is told as that.
    steps : int
        Calls of the graph.
    seed : int
        Of the random input.
    rate : float
        Probability of a spike for each input in each step.
    most_bytes : int, optional
        As in `from_nir`.

    Returns
    -------
    NirReport
        A row for each simulator: same spikes, different from where on, refused and why.
        ``print(report)`` is a table; ``report.agrees`` is True if all that ran agree with ours.

    Raises
    ------
    DescriptionError
        If the file is damaged.
    """
    return _format("nir").verify(source, simulators, steps, seed, rate, most_bytes)


@cache
def _format(name: str) -> Any:
    found = {e.name: e for e in metadata.entry_points(group=GROUP)}
    if name not in found:
        raise UnknownNameError("format", name, found)
    return found[name].load()()
