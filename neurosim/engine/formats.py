"""How the core will store weights, told before anything is built."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neurosim.engine.layout import expected_connections, map_slots
from neurosim.engine.populations import Machine
from neurosim.engine.sources import emitted_at_once, make_source
from neurosim.engine.synapses import (
    WORST_RELATIVE_ERROR,
    choose_format,
    common_scales,
    error_bound,
    measured_bundles,
    plastic_bundles,
)
from neurosim.lower.plan import Plan


@dataclass(frozen=True, slots=True)
class WeightFormat:
    """How the weights of one projection are stored.

    Attributes
    ----------
    format : str
        "constant", "full", "fixed16"; "" where the network was too large to look.
    bound : float
        Of the relative error of any weight.
    """

    format: str
    bound: float


def weight_formats(
    plan: Plan, *, precision: str, synapse_format: str, most: float
) -> dict[str, WeightFormat]:
    """Return how each projection's weights will be stored.

    Parameters
    ----------
    plan : Plan
    precision, synapse_format
        As of `neurosim.engine.clock.Engine`.
    most : float
        Synapses up to which all weights are drawn and looked at. Of larger networks the bound is
        the one beyond which building refuses them.
    """
    if sum(expected_connections(p) for p in plan.projections) > most:
        return {p.name: WeightFormat("", WORST_RELATIVE_ERROR[precision]) for p in plan.projections}
    slot_map = map_slots(plan, 1)
    real = np.float64 if precision == "double" else np.float32
    machine = Machine(
        plan.dt, real, np.zeros(0), slot_map.n_slots, 1, np.ones(slot_map.n_slots), slot_map,
        plan.seed, 0,
    )  # fmt: skip
    sources = {p.index: make_source(p, machine) for p in plan.populations if p.source is not None}
    multiplicity = emitted_at_once(plan, sources)
    bundles = measured_bundles(plan, slot_map, 1)
    learning = plastic_bundles(plan, slot_map, 1)
    scale = common_scales(plan, slot_map, [*bundles, *learning], precision, multiplicity)
    found: dict[str, WeightFormat] = {}
    for bundle in learning:
        (slots,) = bundle.slots
        unit = float(scale[slots].max(initial=0.0))
        bound = 0.5 * unit / bundle.largest if bundle.largest else 0.0
        found[bundle.projections[0].name] = WeightFormat("plastic", bound)
    for bundle in bundles:
        choose_format(bundle, synapse_format, precision, scale)
        for projection in bundle.projections:
            found[projection.name] = WeightFormat(bundle.format, error_bound(bundle, scale))
    return found
