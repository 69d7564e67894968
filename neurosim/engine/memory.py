"""How much memory a plan needs, and whether the machine has it."""

from __future__ import annotations

from neurosim.describe.estimate import BYTES_PER_SYNAPSE, NEURON_BYTES, projection_bytes
from neurosim.engine.layout import expected_connections
from neurosim.errors import CapacityError
from neurosim.lower.plan import Draw, Plan, PlanProjection


def synapse_bytes(projection: PlanProjection, precision: str, synapse_format: str) -> int:
    """Return the bytes that one synapse of a projection will take."""
    if isinstance(projection.weight, Draw) and projection.weight.kind == 0:
        return BYTES_PER_SYNAPSE["constant"]
    if synapse_format == "fixed16" or (synapse_format == "auto" and precision == "single"):
        return BYTES_PER_SYNAPSE["fixed16"]
    return BYTES_PER_SYNAPSE["full64" if precision == "double" else "full32"]


def needed_bytes(plan: Plan, precision: str, synapse_format: str) -> int:
    """Estimate the memory of the built network, before anything is drawn."""
    total = plan.size * NEURON_BYTES
    for p in plan.projections:
        synapses = expected_connections(p)
        delays = p.delay_steps
        differ = not (isinstance(delays, Draw) and delays.kind == 0)
        per_synapse = synapse_bytes(p, precision, synapse_format)
        total += int(projection_bytes(synapses, p.pre.size, per_synapse, differ))
    return total


def check_memory(plan: Plan, precision: str, synapse_format: str) -> int:
    """Refuse a plan that cannot fit; returns its estimate in bytes.

    Raises
    ------
    CapacityError
        With what is needed, what there is, and a format that would fit.
    """
    import psutil

    needed = needed_bytes(plan, precision, synapse_format)
    available = int(psutil.virtual_memory().available)
    if needed > available:
        synapses = sum(expected_connections(p) for p in plan.projections)
        smaller = needed_bytes(plan, "single", "fixed16")
        remedy = (
            f"precision='single', synapse_format='fixed16' needs about {gigabytes(smaller)}."
            if smaller <= available
            else "No format makes it fit; the network has to be smaller."
        )
        raise CapacityError(
            f"Network {plan.name!r}: {plan.size:,} neurons and about {synapses:,.0f} synapses need "
            f"about {gigabytes(needed)}; {gigabytes(available)} are available. {remedy}"
        )
    return needed


def gigabytes(n: int) -> str:
    """Return a number of bytes for people."""
    return f"{n / 1e9:.3g} GB" if n >= 1e8 else f"{n / 1e6:.3g} MB"
