"""Whether the machine has the memory that a network needs."""

from __future__ import annotations

from neurosim.describe.estimate import PROCESS_BYTES
from neurosim.describe.network import Network
from neurosim.errors import CapacityError


def check_memory(network: Network, precision: str, synapse_format: str, dt: float) -> float:
    """Refuse a network that cannot fit; returns what building it will take [bytes].

    Raises
    ------
    CapacityError
        With what is needed, what there is, and a format that would fit.
    """
    import psutil

    size = network.estimate(precision=precision, synapse_format=synapse_format, dt=dt)
    needed = size.peak_bytes - PROCESS_BYTES
    available = int(psutil.virtual_memory().available)
    if needed > available:
        least = network.estimate(precision="single", synapse_format="fixed16", dt=dt)
        smaller = least.peak_bytes - PROCESS_BYTES
        remedy = (
            f"precision='single', synapse_format='fixed16' needs about {gigabytes(smaller)}."
            if smaller <= available
            else "No format makes it fit; the network has to be smaller."
        )
        raise CapacityError(
            f"Network {network.name!r}: {size.neurons:,} neurons and about {size.synapses:,.0f} "
            f"synapses need about {gigabytes(needed)}; {gigabytes(available)} are available. "
            f"{remedy}"
        )
    return needed


def gigabytes(n: float) -> str:
    """Return a number of bytes for people."""
    return f"{n / 1e9:.3g} GB" if n >= 1e8 else f"{n / 1e6:.3g} MB"
