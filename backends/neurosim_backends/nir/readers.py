"""Simulators that read NIR: each takes a graph and runs it, one call after the other.

What they print and log meanwhile is kept from the terminal; what they raise is what they refuse.
"""

from __future__ import annotations

import contextlib
import copy
import io
import logging
import warnings
from collections.abc import Callable, Iterator
from importlib import metadata
from typing import Any

import numpy as np
import numpy.typing as npt

from neurosim.errors import UnsupportedError
from neurosim_backends.nir.profiles import READERS_STEP

Spikes = npt.NDArray[np.float64]
Load = Callable[[Any, float], Callable[[Spikes], Spikes]]


def run_reader(name: str, graph: Any, step: float, given: Spikes) -> Spikes:
    """Run a graph in a simulator.

    Parameters
    ----------
    name : str
        One of `READERS`.
    graph : nir.NIRGraph
        Not changed.
    step : float
        Time step its constants are for [s].
    given : (n_steps, *shape) array
        What its input is given.

    Returns
    -------
    (n_steps, n) array
        What its output gives.

    Raises
    ------
    UnsupportedError
        If the simulator refuses the graph, in its own words.
    """
    import torch

    inputs = [n for n in graph.nodes.values() if type(n).__name__ == "Input"]
    outputs = [n for n in graph.nodes.values() if type(n).__name__ == "Output"]
    if len(inputs) != 1 or len(outputs) != 1:
        raise UnsupportedError(
            name, f"it reads one input and one output, not {len(inputs)} and {len(outputs)}"
        )
    rows = []
    with _quiet(), torch.no_grad():
        try:
            advance = READERS[name](copy.deepcopy(graph), step)
            for x in given:
                rows.append(np.asarray(advance(x), np.float64).ravel())
        except UnsupportedError:
            raise
        except Exception as error:  # whatever a foreign program raises is its answer
            words = " ".join(str(error).split()) or "it says no more"
            raise UnsupportedError(name, f"{type(error).__name__}: {words[:200]}") from error
    return np.stack(rows)


def _stepper(network: Any) -> Callable[[Spikes], Spikes]:
    """Return what advances a module (spikes, state) -> (output, state) by a step."""
    import torch

    state: Any = None

    def advance(x: Spikes) -> Spikes:
        nonlocal state
        out, state = network(torch.as_tensor(x, dtype=torch.float32), state)
        return _numbers(out)

    return advance


def _snntorch(graph: Any, step: float) -> Callable[[Spikes], Spikes]:
    if abs(step - READERS_STEP) > 1e-12:
        raise UnsupportedError(
            "snntorch", f"it takes steps of {READERS_STEP:g} s, the graph is for {step:g} s"
        )
    from snntorch.import_nir import import_from_nir

    network = import_from_nir(graph)
    return _stepper(network)


def _norse(graph: Any, step: float) -> Callable[[Spikes], Spikes]:
    from norse.torch.utils.import_nir import from_nir

    network = from_nir(graph, dt=step)
    return _stepper(network)


def _spikingjelly(graph: Any, step: float) -> Callable[[Spikes], Spikes]:
    from spikingjelly.activation_based.nir_exchange.from_nir import import_from_nir

    network = import_from_nir(graph, dt=step)
    advance = _stepper(network)
    return lambda x: advance(x[None])  # it counts axes behind one for the batch


READERS: dict[str, Load] = {
    "snntorch": _snntorch, "norse": _norse, "spikingjelly": _spikingjelly,
}  # fmt: skip


def version_of(name: str) -> str | None:
    """Return the version of a simulator that is installed, or None."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _numbers(out: Any) -> Spikes:
    while isinstance(out, (tuple, list)):
        out = out[0]
    found: Spikes = out.detach().cpu().numpy().astype(np.float64)
    return found


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep prints, logs and warnings of other people's programs to themselves."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        from loguru import logger
    except ImportError:
        logger = None  # type: ignore[assignment]
    if logger is not None:
        logger.disable("spikingjelly")
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
        if logger is not None:
            logger.enable("spikingjelly")
