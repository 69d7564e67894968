"""What a network will need, before it is built."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from neurosim.describe.explicit import ExplicitRule
from neurosim.describe.projection import Projection
from neurosim.describe.recorders import Recorder

if TYPE_CHECKING:
    from neurosim.describe.contents import Contents

BYTES_PER_SYNAPSE = {"constant": 2, "fixed16": 4, "full64": 10, "full32": 6}
"""Memory of a stored synapse: its target is 2 bytes, the rest its weight, unless all are equal."""

RUN_BYTES = 8
"""Per delay that occurs among the synapses of a source: the delay and where its run ends."""

RUNS = 64
"""Delays that occur among the synapses of a source, at most, where delays differ."""

TABLE_BYTES = 32
"""Per source of a projection: where its row, runs and waves begin."""

NEURON_BYTES = 400
"""Per neuron: states, parameters, accumulator, spikes. Generous."""

SAMPLE_BYTES = 8
"""Per recorded value of a state or weight."""

DEFAULT_DT = 0.1
"""Time step [ms] for which recordings are estimated if the network does not name its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """Expected size of a network.

    Attributes
    ----------
    neurons : int
        Sources included.
    synapses : float
        Expected number.
    bytes : float
        Expected memory of synapses and state when built in double precision; single precision
        takes 16-bit weights and about half of it.
    recording_bytes_per_ms : float
        Memory that recorded states and weights take for each ms of a run, at the time step of the
        network (0.1 ms unless it names another). Spikes are not in it.
    """

    neurons: int
    synapses: float
    bytes: float
    recording_bytes_per_ms: float = 0.0


def estimate(network: Contents) -> Estimate:
    """Estimate a network."""
    synapses = 0.0
    memory = float(network.size * NEURON_BYTES)
    for projection in network.projections.values():
        n = projection.expected_connections()
        synapses += n
        per_synapse = BYTES_PER_SYNAPSE[synapse_format(projection)]
        memory += projection_bytes(n, len(projection.pre), per_synapse, delays_differ(projection))
    return Estimate(
        neurons=network.size,
        synapses=synapses,
        bytes=memory,
        recording_bytes_per_ms=sum(recording_bytes_per_ms(network, r) for r in network.recorders),
    )


def projection_bytes(synapses: float, sources: int, per_synapse: int, delays_differ: bool) -> float:
    """Return the memory of the built connections of a projection."""
    runs = min(synapses, sources * (RUNS if delays_differ else 1))
    return synapses * per_synapse + runs * RUN_BYTES + sources * TABLE_BYTES


def synapse_format(projection: Projection) -> str:
    """Return how a run in double precision stores the weights."""
    return "constant" if isinstance(projection.weight, float) else "full64"


def delays_differ(projection: Projection) -> bool:
    """Whether the synapses of a source may have several delays."""
    if isinstance(projection.rule, ExplicitRule) and projection.rule.has_delays:
        return True
    return not (projection.delay is None or isinstance(projection.delay, float))


def recording_bytes_per_ms(network: Contents, recorder: Recorder) -> float:
    """Return what the samples of a recorder take for each ms of a run; 0 for spikes."""
    if recorder.variable == "spikes":
        return 0.0
    if recorder.reduce == "mean":
        width = 1.0
    elif recorder.projection is not None:
        width = recorder.projection.expected_connections()
    else:
        width = float(len(recorder.indices))
    return SAMPLE_BYTES * width / (recorder.every or network.dt or DEFAULT_DT)
