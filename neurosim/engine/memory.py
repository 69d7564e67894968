"""How much memory a plan needs, and whether the machine has it."""

from __future__ import annotations

from neurosim.engine.layout import expected_connections
from neurosim.errors import CapacityError
from neurosim.lower.plan import Draw, Plan, PlanProjection

BYTES = {"constant": 2, "fixed16": 4, "full64": 10, "full32": 6}
"""Per synapse, by format: a target within its tile is 2 bytes."""

RUN_BYTES = 8
"""Per delay that occurs in a row: the delay and where its run ends."""

TABLE_BYTES = 32
"""Per source of a projection: where its row, runs and waves begin."""

NEURON_BYTES = 400
"""Per neuron: states, parameters, accumulator, spikes. Generous."""


def synapse_bytes(projection: PlanProjection, precision: str, synapse_format: str) -> int:
    """Return the bytes that one synapse of a projection will take."""
    if isinstance(projection.weight, Draw) and projection.weight.kind == 0:
        return BYTES["constant"]
    if synapse_format == "fixed16" or (synapse_format == "auto" and precision == "single"):
        return BYTES["fixed16"]
    return BYTES["full64" if precision == "double" else "full32"]


def needed_bytes(plan: Plan, precision: str, synapse_format: str) -> int:
    """Estimate the memory of the built network, before anything is drawn."""
    total = plan.size * NEURON_BYTES
    for p in plan.projections:
        synapses = expected_connections(p)
        delays = p.delay_steps
        spread = 64 if not (isinstance(delays, Draw) and delays.kind == 0) else 1
        runs = min(synapses, p.pre.size * spread)
        total += int(synapses * synapse_bytes(p, precision, synapse_format))
        total += int(runs * RUN_BYTES + p.pre.size * TABLE_BYTES)
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
