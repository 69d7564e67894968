"""What a network will need, before it is built."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from neurosim.describe.projection import Projection

if TYPE_CHECKING:
    from neurosim.describe.contents import Contents

BYTES_PER_SYNAPSE = {"constant": 2, "full": 10}
"""Memory of a stored synapse in double precision: weights all equal, or one of 64 bits each."""

BYTES_PER_VARIABLE = 8


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
    """

    neurons: int
    synapses: float
    bytes: float


def estimate(network: Contents) -> Estimate:
    """Estimate a network."""
    synapses = memory = 0.0
    for projection in network.projections.values():
        n = projection.expected_connections()
        synapses += n
        memory += n * BYTES_PER_SYNAPSE[synapse_format(projection)]
    for population in network.populations.values():
        facts = population.interface
        variables = len(facts.state_units) + len(facts.receptors) + 2
        memory += population.size * variables * BYTES_PER_VARIABLE
    return Estimate(neurons=network.size, synapses=synapses, bytes=memory)


def synapse_format(projection: Projection) -> str:
    """Return how a run in double precision stores the weights."""
    return "constant" if isinstance(projection.weight, float) else "full"
