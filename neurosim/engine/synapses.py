"""From projections to rows of synapses: bundles, accumulator scales, formats, memory.

A bundle is a set of projections from the same neurons that share rows, so that a spike finds all
its synapses of a tile in one place.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from neurosim.describe.projection import outside_bounds
from neurosim.engine.layout import SlotMap, rows_by_id, slots_of
from neurosim.engine.plastic import PlasticProjection
from neurosim.engine.rows import DEEPEST
from neurosim.engine.wiring import Measure, Rows, fill, measure
from neurosim.errors import CapacityError, DescriptionError
from neurosim.kernels import delivery as d
from neurosim.kernels.random import RELEASE, make_key
from neurosim.lower.plan import Draw, Floats, Ints, Plan, PlanProjection

FORMATS = ("auto", "full", "fixed16")
"""What ``synapse_format=`` may be; projections with one weight store none in every format."""

WORST_RELATIVE_ERROR = {"double": 1e-9, "single": 1e-3}
"""Largest relative error that the smallest non-zero weight may carry."""

LARGEST_SINGLE = 1e37
"""Largest sum of weights in single precision: a tenth of the largest number there is."""

ACCUMULATOR_BITS = {"double": 62, "single": 30}

MOST_TOGETHER = 16
"""Most steps between two exchanges of spikes; with more there is next to nothing left to gain."""


@dataclass
class Bundle:
    """Projections with the same presynaptic neurons, in one format.

    `largest` is the most that a plastic synapse may carry, where static ones carry their weight.
    """

    projections: list[PlanProjection]
    slots: list[Ints]
    constant: bool
    release: float
    largest: float | None = None
    measured: Measure | None = None
    rows: Rows | None = None
    format: str = ""
    shift: int = 0
    constant_weight: int = 0

    @property
    def name(self) -> str:
        """For messages."""
        return ", ".join(f"'{p.name}'" for p in self.projections)


@dataclass
class Synapses:
    """All synapses of a network, ready for delivery.

    Attributes
    ----------
    delivery : Delivery
        What the delivery kernel reads.
    scale : (n_slots,) float64
        Weight units per accumulator unit, by slot.
    max_delay : int
        In steps; 1 where there are no synapses.
    window : int
        Steps that neurons may advance between two exchanges of spikes.
    n_synapses, n_bytes : int
        Number of synapses and bytes held for them.
    bounds, formats, connections : dict
        Projection name -> bound of the relative error of its weights; format; number of synapses.
    """

    delivery: d.Delivery
    bundles: list[Bundle]
    plastic: list[PlasticProjection]
    scale: Floats
    max_delay: int
    window: int
    n_synapses: int
    n_bytes: int
    bounds: dict[str, float]
    formats: dict[str, str]
    connections: dict[str, int]
    keep: list[Any] = field(default_factory=list)


def group(plan: Plan, slot_map: SlotMap) -> list[Bundle]:
    """Put projections that can share rows into bundles."""
    bundles: dict[tuple[Any, ...], Bundle] = {}
    for projection in plan.projections:
        if projection.plasticity is not None:
            continue
        slots = slots_of(projection, plan, slot_map)
        constant = isinstance(projection.weight, Draw) and projection.weight.kind == 0
        pre = (projection.pre.size, int(projection.pre[0]), projection.pre.tobytes())
        value = projection.weight.a if constant else None  # type: ignore[union-attr]
        by_target = projection.rule == "fixed_indegree"
        # Rules drawn per target and those drawn per source are built in different ways.
        key = (pre, value, projection.release, projection.index if by_target else None)
        bundle = bundles.setdefault(key, Bundle([], [], constant, projection.release))
        bundle.projections.append(projection)
        bundle.slots.append(slots)
    return list(bundles.values())


def common_scales(
    plan: Plan, slot_map: SlotMap, bundles: Sequence[Bundle], precision: str,
    multiplicity: dict[int, int],
) -> Floats:  # fmt: skip
    """Choose the accumulator scale of every slot: the finest power of two that cannot overflow.

    The bound for a slot is the sum over projections of (synapses on it) * (largest |weight|) *
    (spikes that a source may emit at once). Slots that one projection reaches share a scale, so
    that one weight is one integer.

    Returns
    -------
    (n_slots,) float64
    """
    bound = np.zeros(slot_map.n_slots)
    n_units = len(slot_map.first)
    parent = list(range(n_units))

    def root(k: int) -> int:
        while parent[k] != k:
            k = parent[k]
        return k

    for bundle in bundles:
        assert bundle.measured is not None
        emitted = max(
            multiplicity.get(p, 1) for p in populations_of(plan, bundle.projections[0].pre)
        )
        for j, slots in enumerate(bundle.slots):
            counts = bundle.measured.slot_counts(j)
            heaviest = float(bundle.measured.max_abs_weight[j])
            if bundle.largest is not None:
                heaviest = bundle.largest
            # So that neither sums of it nor the accumulator's unit leave the floats.
            most = max(1, int(counts.max(initial=0)) * emitted)
            if heaviest > 1e300 / most or 0 < heaviest < 1e-280:
                raise CapacityError(
                    f"Projection '{bundle.projections[j].name}': weight is {heaviest:g}, too "
                    f"{'large' if heaviest > 1 else 'small'} for sums of it to be held. Weights "
                    f"are in the unit of the receptor."
                )
            np.add.at(bound, slots, counts * heaviest * emitted)
            units = np.unique(slot_map.unit[slots])
            for other in units[1:]:
                parent[root(int(other))] = root(int(units[0]))
    bits = ACCUMULATOR_BITS[precision]
    largest = np.zeros(n_units)
    roots = np.array([root(k) for k in range(n_units)], np.int64)
    used = slot_map.unit >= 0
    unit_roots = roots[slot_map.unit[used]]
    np.maximum.at(largest, unit_roots, bound[used])
    of_unit = np.ones(n_units)
    for k, top in enumerate(largest):
        if precision == "single" and top > LARGEST_SINGLE:
            raise CapacityError(
                f"Weights that add up to {top:.3g} onto one neuron are beyond single precision "
                f"({LARGEST_SINGLE:.0e}). Use precision='double', or smaller weights."
            )
        if top > 0:
            of_unit[k] = 2.0 ** (math.frexp(top)[1] - bits)
    scale = np.ones(slot_map.n_slots)
    scale[used] = of_unit[unit_roots]
    return scale


def populations_of(plan: Plan, ids: Ints) -> list[int]:
    """Return the indices of the populations that `ids` lie in."""
    offsets = np.array([p.offset for p in plan.populations], np.int64)
    return [int(p) for p in np.unique(np.searchsorted(offsets, ids, side="right") - 1)]


def choose_format(bundle: Bundle, wanted: str, precision: str, scale: Floats) -> None:
    """Set the bundle's format, and refuse weights that it could not hold well enough."""
    assert bundle.measured is not None
    scales = np.unique(np.concatenate([scale[slots] for slots in bundle.slots]))
    worst = WORST_RELATIVE_ERROR[precision]
    if bundle.constant and scales.size <= 1:
        bundle.format = "constant"
        unit = float(scales[0]) if scales.size else 1.0
        weight = bundle.projections[0].weight
        assert isinstance(weight, Draw)
        bundle.constant_weight = round(weight.a / unit)
        if bundle.constant_weight * unit == weight.a:
            return
    else:
        bundle.format = "full"
        if wanted == "fixed16" or (wanted == "auto" and precision == "single"):
            bundle.shift = shift_of_16_bits(bundle, scale)
            bundle.format = "fixed16"
            if wanted == "auto" and error_bound(bundle, scale) > worst:
                bundle.format, bundle.shift = "full", 0
    if bundle.format == "fixed16" and wanted == "fixed16":
        return
    for j, error in errors_of(bundle, scale).items():
        if error > worst:
            sums = float(scale[bundle.slots[j]].max()) * 2.0 ** ACCUMULATOR_BITS[precision]
            raise CapacityError(
                f"Projection '{bundle.projections[j].name}': the smallest weight "
                f"({bundle.measured.min_abs_weight[j]:.6g}) would carry a relative error of "
                f"{error:.1e} beside sums as large as {sums:.3g}; at most {worst:g} is allowed "
                f"with precision='{precision}'. Use precision='double', or weights of a smaller "
                f"range."
            )


def shift_of_16_bits(bundle: Bundle, scale: Floats) -> int:
    """Return the least number of bits by which weights of 16 bits are coarser than accumulators."""
    assert bundle.measured is not None
    shift = 0
    for j, slots in enumerate(bundle.slots):
        if slots.size:
            largest = bundle.measured.max_abs_weight[j] / float(scale[slots].min())
            while round(largest / 2**shift) > 2**15 - 1:
                shift += 1
    return shift


def error_bound(bundle: Bundle, scale: Floats) -> float:
    """Return the bound of the relative error that rounding to `bundle.shift` gives any weight."""
    return max(errors_of(bundle, scale).values(), default=0.0)


def errors_of(bundle: Bundle, scale: Floats) -> dict[int, float]:
    """Return that bound for each projection of a bundle that has weights other than 0.

    Each by its own slots: those of others, which may hold much larger sums or nothing at all, do
    not round its weights.
    """
    assert bundle.measured is not None
    smallest = bundle.measured.min_abs_weight
    return {
        j: 0.5 * float(scale[slots].max()) * 2.0**bundle.shift / float(smallest[j])
        for j, slots in enumerate(bundle.slots)
        if slots.size and np.isfinite(smallest[j]) and smallest[j] > 0
    }


def check_measured(bundle: Bundle, plan: Plan) -> None:
    """Refuse what only shows once weights are drawn: negative conductances."""
    assert bundle.measured is not None
    for j, projection in enumerate(bundle.projections):
        lowest = float(bundle.measured.min_weight[j])
        if not lowest < 0:
            continue
        for p in populations_of(plan, projection.post):
            spec = plan.populations[p].spec
            if spec is None:
                continue
            receptor = next(r for r in spec.receptors if r.name == projection.receptor)
            if receptor.nonnegative:
                raise DescriptionError(
                    f"Projection '{projection.name}': weight",
                    lowest,
                    f"no negative values, since receptor '{receptor.name}' is a conductance",
                    "Draw with clip=(0, inf) or redraw=(0, inf); inhibition is set by its "
                    "reversal potential.",
                )


def plastic_bundles(plan: Plan, slot_map: SlotMap, threads: int) -> list[Bundle]:
    """Generate all plastic projections once, each in a bundle of its own.

    Raises
    ------
    DescriptionError
        Also if weights are drawn beyond the bounds of the rule.
    """
    bundles = []
    for projection in plan.projections:
        rule = projection.plasticity
        if rule is None:
            continue
        slots = slots_of(projection, plan, slot_map)
        bundle = Bundle([projection], [slots], False, 1.0)
        bundle.measured = measure(
            [projection], plan.seed, plan.dt, [slots], slot_map.n_slots, slot_map.tile_first,
            threads,
        )  # fmt: skip
        check_measured(bundle, plan)
        found = bundle.measured
        largest = float(found.max_abs_weight[0])
        if rule.program.changes_weight:
            assert rule.w_min is not None
            assert rule.w_max is not None
            low, high = float(found.min_weight[0]), float(found.max_weight[0])
            if found.n_connections[0] and not (rule.w_min <= low and high <= rule.w_max):
                wrong = low if low < rule.w_min else high
                place = f"Projection {projection.name!r}"
                raise outside_bounds(place, wrong, rule.w_min, rule.w_max)
            largest = max(abs(rule.w_min), abs(rule.w_max))
        bundle.largest = largest * rule.max_effect
        bundles.append(bundle)
    return bundles


def measured_bundles(plan: Plan, slot_map: SlotMap, threads: int) -> list[Bundle]:
    """Generate all projections once, and look at what came out.

    Raises
    ------
    DescriptionError
        For what only shows once weights and delays are drawn.
    """
    bundles = group(plan, slot_map)
    for bundle in bundles:
        bundle.measured = measure(
            bundle.projections,
            plan.seed,
            plan.dt,
            bundle.slots,
            slot_map.n_slots,
            slot_map.tile_first,
            threads,
        )
        check_measured(bundle, plan)
    return bundles


def build(
    plan: Plan, slot_map: SlotMap, *, precision: str, synapse_format: str,
    multiplicity: dict[int, int], trial: int, threads: int, target_bytes: int,
) -> Synapses:  # fmt: skip
    """Build the rows of all projections.

    Parameters
    ----------
    target_bytes : int
        How much of the arrival accumulator of one tile may be in use at once (cache size); decides
        how many delay steps are delivered per visit, and nothing else.
    """
    bundles = measured_bundles(plan, slot_map, threads)
    learning = plastic_bundles(plan, slot_map, threads)
    everything = [*bundles, *learning]
    scale = common_scales(plan, slot_map, everything, precision, multiplicity)
    accumulator = np.dtype(np.int64 if precision == "double" else np.int32)
    delays = [(b.measured.min_delay, b.measured.max_delay) for b in everything if b.measured]
    max_delay = max((longest for _, longest in delays), default=1)
    min_delay = min((shortest for shortest, _ in delays), default=1)
    if any(p.plasticity is not None and p.plasticity.delay == "axonal" for p in plan.projections):
        # A presynaptic spike then meets what the step before its arrival has brought.
        min_delay = 1
    longest_static = max((b.measured.max_delay for b in bundles if b.measured), default=1)
    depth = wave_depth(slot_map.tile_first, longest_static, accumulator.itemsize, target_bytes)
    depth, window = window_within(depth, min_delay, longest_static)
    for bundle in bundles:
        assert bundle.measured is not None
        choose_format(bundle, synapse_format, precision, scale)
        units = [scale[slots] * 2.0**bundle.shift for slots in bundle.slots]
        bundle.rows = fill(bundle.measured, units, bundle.format, accumulator, depth)
    plastic = [plastic_projection(plan, b, scale, slot_map, accumulator) for b in learning]
    return assemble(
        plan, bundles, plastic, scale, slot_map, depth, window, longest_static, max_delay, trial
    )


def plastic_projection(
    plan: Plan, bundle: Bundle, scale: Floats, slot_map: SlotMap, accumulator: np.dtype[Any]
) -> PlasticProjection:
    """Write the rows of a plastic projection.

    With dendritic delays a spike visits its whole row at once: one wave. With axonal ones it visits
    the synapses of each delay when it arrives there: as many waves as delays.
    """
    assert bundle.measured is not None
    assert bundle.largest is not None
    (projection,), (slots,) = bundle.projections, bundle.slots
    assert projection.plasticity is not None
    axonal = projection.plasticity.delay == "axonal"
    depth = 1 if axonal else bundle.measured.max_delay
    bundle.rows = fill(bundle.measured, [np.ones(slots.size)], "real", accumulator, depth)
    return PlasticProjection(
        plan, projection, bundle.rows, slots, slot_map.tile_first,
        float(scale[slots[0]]) if slots.size else 1.0, bundle.largest,
        bundle.measured.n_connections[0], np.float64 if accumulator.itemsize == 8 else np.float32,
    )  # fmt: skip


def wave_depth(tile_first: Ints, max_delay: int, itemsize: int, target_bytes: int) -> int:
    """Return G, the number of delay steps delivered per visit.

    All of them while the accumulator fits into the cache; never so few that the table of waves
    (4 bytes per source, tile and wave) outgrows 64 entries a row.
    """
    widest = int(np.diff(tile_first).max(initial=1)) or 1
    fitting = max(1, target_bytes // (widest * itemsize))
    return int(min(max_delay, max(fitting, -(-max_delay // 64)), DEEPEST))


def window_within(depth: int, min_delay: int, max_delay: int) -> tuple[int, int]:
    """Return (G, steps between two exchanges of spikes) that need `depth` rows together.

    Spikes may be exchanged once per shortest delay. Later waves then have to be delivered earlier
    (`kernels.delivery`), for which the ring of rows is longer than a wave.
    """
    window = min(min_delay, depth, MOST_TOGETHER)
    if max_delay <= depth:
        return depth, window
    window = min(window, (depth + 1) // 2)
    shorter = depth - window + 1
    return (shorter, window) if shorter * 64 >= max_delay else (depth, 1)


def assemble(
    plan: Plan, bundles: list[Bundle], plastic: list[PlasticProjection], scale: Floats,
    slot_map: SlotMap, depth: int, window: int, longest_static: int, max_delay: int, trial: int,
) -> Synapses:  # fmt: skip
    """Collect the addresses of all rows into the tables that delivery reads."""
    tile_first = slot_map.tile_first
    n_tiles = tile_first.size - 1
    info = np.zeros((len(bundles), d.B_WIDTH), np.int64)
    table = np.zeros((len(bundles), n_tiles, d.R_WIDTH), np.int64)
    keep: list[Any] = [info, table, tile_first]
    n_bytes = 0
    full = d.FULL_64 if scale_is_wide(bundles) else d.FULL_32
    codes = {"constant": d.CONSTANT, "full": full, "fixed16": d.FIXED16}
    for b, bundle in enumerate(bundles):
        rows = bundle.rows
        assert rows is not None
        assert bundle.measured is not None
        pre = bundle.projections[0].pre
        info[b, d.B_FIRST_ID], info[b, d.B_LAST_ID] = pre.min(), pre.max()
        row_of = rows_by_id(pre)
        if row_of.size:
            keep.append(row_of)
            info[b, d.B_MAP] = row_of.ctypes.data
        info[b, d.B_FORMAT] = codes[bundle.format]
        info[b, d.B_CONSTANT] = bundle.constant_weight
        info[b, d.B_WAVES] = rows.n_waves
        info[b, d.B_RELEASE] = -1 if bundle.release >= 1.0 else round(bundle.release * 2**32)
        info[b, d.B_SHIFT] = bundle.shift
        for t in range(n_tiles):
            arrays: list[np.ndarray[Any, Any]] = [rows.wave_start[t], rows.stream[t]]
            if bundle.format == "full":
                arrays.append(rows.weight[t])
            keep.extend(arrays)
            n_bytes += sum(int(a.nbytes) for a in arrays)
            for column, array in enumerate(arrays):
                table[b, t, column] = array.ctypes.data
    key = np.array(make_key(plan.seed, RELEASE, trial), np.uint64)
    unreliable = any(bundle.release < 1.0 for bundle in bundles)
    names = slot_map.name if unreliable else np.zeros(0, np.int32)
    lead = window - 1 if longest_static > depth else 0
    # Plastic rows are delivered whole, into a ring that holds their longest delay.
    rows_due = max(depth + lead, *(p.rows.depth for p in plastic), 1)
    delivery = d.Delivery(tile_first, info, table, depth, lead, rows_due, key, names)
    connections = {
        projection.name: int(bundle.measured.n_connections[j])
        for bundle in bundles
        if bundle.measured is not None
        for j, projection in enumerate(bundle.projections)
    }
    of_all = [(p.name, bundle) for bundle in bundles for p in bundle.projections]
    bounds = {name: error_bound(bundle, scale) for name, bundle in of_all}
    formats = {name: bundle.format for name, bundle in of_all}
    for p in plastic:
        name = p.projection.name
        connections[name] = p.n_connections
        formats[name] = "plastic"
        bounds[name] = 0.5 * p.scale / p.largest if p.largest else 0.0
        n_bytes += p.n_bytes
    return Synapses(
        delivery=delivery,
        bundles=bundles,
        plastic=plastic,
        scale=scale,
        max_delay=max_delay,
        window=window,
        n_synapses=sum(connections.values()),
        n_bytes=n_bytes,
        bounds=bounds,
        formats=formats,
        connections=connections,
        keep=keep,
    )


def scale_is_wide(bundles: list[Bundle]) -> bool:
    """Return whether full weights are int64 (they are as wide as the accumulator)."""
    for bundle in bundles:
        if bundle.format == "full" and bundle.rows is not None:
            for weight in bundle.rows.weight:
                return weight.dtype == np.int64
    return True
