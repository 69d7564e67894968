"""What a network will need, before it is built: the CPU core's layout in expectation."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from neurosim.describe.coupling import CouplingFunction
from neurosim.describe.distributions import Distribution, FunctionOfDistance
from neurosim.describe.explicit import ExplicitRule, located
from neurosim.describe.pattern_coupling import PatternCoupling
from neurosim.describe.positions import distances
from neurosim.describe.projection import Projection
from neurosim.describe.recorders import Recorder
from neurosim.describe.rules import FixedIndegree

if TYPE_CHECKING:
    from neurosim.describe.contents import Contents

BYTES_PER_SYNAPSE = {
    "constant": 2, "fixed16": 4, "full64": 10, "full32": 6, "plastic64": 10, "plastic32": 6,
}  # fmt: skip
"""Memory of a stored synapse: its target is 2 bytes, the rest its weight, unless all are equal."""

HEADER_BYTES = {
    "constant": 6, "fixed16": 8, "full64": 30, "full32": 18, "plastic64": 30, "plastic32": 18,
}  # fmt: skip
"""Before every run of synapses of one source, tile and delay: the delay and their number."""

TILE_SLOTS = 65_536
"""Most arrival slots (one per neuron and receptor) of a tile: a target within it is 16 bits."""

CACHE_BYTES = 1 << 19
"""How much of a tile's accumulator is kept in use at once, a quarter of an L2 cache of today, which
states and rows share: decides how many delay steps are delivered per visit."""

WAVE_BYTES = 4
"""Where one wave of one source and tile begins."""

LARGEST_DELAY = 4096
"""Delays beyond so many steps are taken for all different."""

PROCESS_BYTES = 220e6
"""A process that has imported the core, its machine code and a log for spikes (measured, Linux)."""

BUILD_BYTES = 40e6
"""Scratch of the threads that build, where there is anything to build."""

INDEGREE_BLOCK = 1 << 24
"""Synapses of a fixed in-degree that are turned from columns to rows at once, 8 bytes each; a
quarter of them where that is more."""

ARCHIVE_ENTRIES = 32
"""Spikes of a neuron that plastic synapses onto it can look back to, at least."""

SAMPLE_BYTES = 8
"""Per recorded value of a state or weight."""

DEFAULT_DT = 0.1
"""Time step [ms] if the network does not name its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """Expected size of a network on the CPU core.

    Attributes
    ----------
    neurons : int
        Sources included.
    synapses : float
        Expected number.
    bytes : float
        Expected memory of synapses and state.
    peak_bytes : float
        Expected peak of the process that builds and runs it, recordings apart: with Python, the
        libraries and the scratch of building.
    recording_bytes_per_ms : float
        Memory that recorded states and weights take for each ms of a run, at the time step of the
        network (0.1 ms unless it names another). Spikes are not in it.
    """

    neurons: int
    synapses: float
    bytes: float
    peak_bytes: float
    recording_bytes_per_ms: float = 0.0


def estimate(
    network: Contents,
    precision: str = "double",
    synapse_format: str = "auto",
    dt: float | None = None,
) -> Estimate:
    """Estimate a network; see ``Network.estimate``."""
    step = dt or network.dt or DEFAULT_DT
    spikes = [p for p in network.projections.values() if not p.continuous]
    slots = sum(len(p.interface.receptors) * p.size for p in network.populations.values())
    tiles = max(1 if slots < 2000 else 2, math.ceil(slots / TILE_SLOTS))
    laws = {p.name: delay_law(p, step) for p in spikes}
    longest = max((law.longest for law in laws.values()), default=1)
    accumulator = 4 if precision == "single" else 8
    depth = max(1, int(CACHE_BYTES / (math.ceil(slots / tiles) * accumulator or 1)))
    depth = min(longest, max(depth, math.ceil(longest / 64)))
    memory = neuron_bytes(network, accumulator) + accumulator * depth * slots
    for group in by_sources(spikes):
        law = DelayLaw.mixed([(laws[p.name], p.expected_connections()) for p in group])
        synapses = sum(p.expected_connections() for p in group)
        stored = stored_as(group[0], precision, synapse_format)
        rows = tiles * len(group[0].pre)
        runs = rows * law.distinct(synapses / rows) if rows else 0.0
        memory += synapses * BYTES_PER_SYNAPSE[stored] + runs * HEADER_BYTES[stored]
        if group[0].plasticity is not None:
            memory += plastic_bytes(group[0], synapses, rows, accumulator, law.longest)
        memory += rows * math.ceil(law.longest / depth) * WAVE_BYTES
    for p in network.projections.values():
        # Explicit weights and delays stay with the description, and couplings with their lists.
        memory += 8.0 * sum(np.size(x) for x in (p.weight, p.delay) if isinstance(x, np.ndarray))
        if isinstance(p.rule, PatternCoupling):
            memory += p.rule.stored_bytes
        elif p.continuous:
            memory += 40.0 * p.expected_connections()
    memory += history_bytes(network, accumulator, step)
    total = sum(p.expected_connections() for p in network.projections.values())
    turned = max(
        (p.expected_connections() for p in spikes if isinstance(p.rule, FixedIndegree)), default=0.0
    )
    scratch = min(BUILD_BYTES, 40.0 * total) + 8.0 * min(turned, max(INDEGREE_BLOCK, turned / 4))
    return Estimate(
        neurons=network.size,
        synapses=total,
        bytes=memory,
        peak_bytes=PROCESS_BYTES + memory + scratch,
        recording_bytes_per_ms=sum(
            recording_bytes_per_ms(network, r, step) for r in network.recorders
        ),
    )


@dataclass(frozen=True, slots=True)
class DelayLaw:
    """Probabilities of the delays of a synapse, in steps: (n,) for 1 .. n, or None: all differ."""

    probabilities: np.ndarray[Any, Any] | None
    longest: int

    def distinct(self, synapses: float) -> float:
        """Return the expected number of different delays among some synapses."""
        if self.probabilities is None:
            return synapses
        p = np.clip(self.probabilities, 0.0, 1.0 - 1e-12)
        return float(-np.expm1(synapses * np.log1p(-p)).sum())

    @classmethod
    def mixed(cls, laws: list[tuple[DelayLaw, float]]) -> DelayLaw:
        """Return the law of a synapse that is of each kind as often as there are such synapses."""
        longest = max(law.longest for law, _ in laws)
        total = sum(n for _, n in laws)
        if total == 0 or any(law.probabilities is None for law, _ in laws):
            return cls(None, longest)
        mixture = np.zeros(longest)
        for law, n in laws:
            assert law.probabilities is not None
            mixture[: law.longest] += law.probabilities * (n / total)
        return cls(mixture, longest)


def delay_law(projection: Projection, dt: float) -> DelayLaw:
    """Return the law of the delays of a projection, at a time step [ms]."""
    delay: Any = projection.delay
    if isinstance(projection.rule, ExplicitRule) and projection.rule.has_delays:
        return DelayLaw(None, LARGEST_DELAY)
    if isinstance(delay, np.ndarray):
        steps = np.rint(delay / dt).astype(np.int64).ravel()
        longest = int(steps.max(initial=1))
        if longest > LARGEST_DELAY:
            return DelayLaw(None, longest)
        counts = np.bincount(np.maximum(steps, 1), minlength=longest + 1)[1:]
        return DelayLaw(counts / max(1, counts.sum()), longest)
    if isinstance(delay, Distribution):
        return _law_of(delay, projection.expected_connections(), dt)
    longest = max(1, round(delay / dt)) if isinstance(delay, float) else 1
    if longest > LARGEST_DELAY:
        return DelayLaw(None, longest)
    single = np.zeros(longest)
    single[-1] = 1.0
    return DelayLaw(single, longest)


def _law_of(delay: Distribution, synapses: float, dt: float) -> DelayLaw:
    """Tabulate a distribution, as far as one of so many synapses is likely to lie."""
    low, high = delay.bounds if delay.bound == "redraw" else (-math.inf, math.inf)
    below_low = delay._below(low) if math.isfinite(low) else 0.0
    below_high = delay._below(high) if math.isfinite(high) else 1.0
    inside = max(below_high - below_low, 1e-300)
    top = delay.support[1]

    def below(t: float) -> float:
        if t >= top:
            return 1.0
        return min(1.0, max(0.0, (delay._below(min(t, high)) - below_low) / inside))

    probabilities: list[float] = []
    before = 0.0
    while (1.0 - before) * max(synapses, 1.0) > 0.5:
        if len(probabilities) >= LARGEST_DELAY:
            return DelayLaw(None, LARGEST_DELAY)
        now = below((len(probabilities) + 1.5) * dt)
        probabilities.append(now - before)
        before = now
    return DelayLaw(np.array(probabilities or [1.0]), max(1, len(probabilities)))


def by_sources(projections: Iterable[Projection]) -> list[list[Projection]]:
    """Group projections that share rows: the same sources, weights stored in the same way."""
    groups: dict[tuple[Any, ...], list[Projection]] = {}
    for p in projections:
        sources = tuple((population.name, len(ids)) for population, ids in p.pre.segments)
        alone = p.name if isinstance(p.rule, FixedIndegree) or p.plasticity is not None else None
        value = p.weight if isinstance(p.weight, float) else None
        groups.setdefault((sources, value, p.release, alone), []).append(p)
    return list(groups.values())


def stored_as(projection: Projection, precision: str, synapse_format: str) -> str:
    """Return how a run stores the weights: a key of `BYTES_PER_SYNAPSE`."""
    if projection.plasticity is not None:
        return "plastic64" if precision == "double" else "plastic32"
    if isinstance(projection.weight, float):
        return "constant"
    if synapse_format == "fixed16" or (synapse_format == "auto" and precision == "single"):
        return "fixed16"
    return "full64" if precision == "double" else "full32"


def plastic_bytes(
    projection: Projection, synapses: float, rows: float, real: int, longest: int
) -> float:
    """Return the memory of what plastic synapses have beside targets and weights.

    Parameters
    ----------
    rows : float
        One for each source and tile.
    real : int
        Bytes of a number.
    longest : int
        Delay [steps].
    """
    assert projection.plasticity is not None
    rule = projection.plasticity.plasticity_rule()
    variables = rule.program.variables
    stamp = 4 if any(v in rule.program.flows for v in variables["synapse"]) else 0
    visits = rows * (longest if rule.delay == "axonal" else 1)
    entries = 0.0
    if rule.program.reads_post:
        room = max(ARCHIVE_ENTRIES, 0 if rule.delay == "axonal" else longest + 4)
        entries = len(projection.post) * 2.0 ** math.ceil(math.log2(room))
    return (
        synapses * (real * len(variables["synapse"]) + stamp)
        + visits * 16.0 * (1 + len(variables["pre"]))
        + entries * 8.0 * (1 + len(variables["post"]))
    )


def neuron_bytes(network: Contents, real: int) -> float:
    """Return the memory of states, parameters, drive and spikes."""
    total = 0.0
    for p in network.populations.values():
        if getattr(p.model, "is_source", False):
            total += 40.0 * p.size
            continue
        arrays = sum(np.ndim(v) > 0 or isinstance(v, Distribution) for v in p.parameters.values())
        # Two integers mark who fired, one list of ids is copied for each worker's blocks.
        total += p.size * (real * (len(p.model.state_units) + arrays + 1) + 12)
    for drive in network.drives:
        # A row of weights and one of sums; random bits for eight steps and a count.
        total += len(drive.target) * (2 * real + 28)
    return total + 8.0 * network.size


def history_bytes(network: Contents, real: int, dt: float) -> float:
    """Return the memory of past states, which continuous coupling with delays reads."""
    longest: dict[tuple[str, str], float] = {}
    for projection in network.projections.values():
        if projection.source is None:
            continue
        delay: Any = projection.delay
        if isinstance(projection.rule, ExplicitRule) and projection.rule.has_delays:
            delay = projection.rule.explicit(projection.pre, projection.post).delay
        if isinstance(delay, FunctionOfDistance):
            from_, to, period = located(projection.pre, projection.post, "")
            delay = delay(distances(from_, to, period))
        if delay is None:
            continue
        if isinstance(delay, Distribution):
            law = _law_of(delay, projection.expected_connections(), dt)
            most = law.longest * dt
        else:
            most = float(np.max(delay, initial=0.0))
        states: Iterable[str] = [str(projection.source)]
        if isinstance(projection.source, CouplingFunction):
            found = projection.source.pairs(
                projection.pre, projection.post, projection.receptor, ""
            )
            states = {state for pair in found.values() for state in pair.pre}
        for population, _ in projection.pre.segments:
            for state in states:
                key = population.name, state
                longest[key] = max(longest.get(key, 0.0), most)
    # Every value stands in its history twice.
    return sum(
        2.0 * real * network.populations[name].size * (math.floor(most / dt) + 2)
        for (name, _), most in longest.items()
    )


def recording_bytes_per_ms(network: Contents, recorder: Recorder, dt: float) -> float:
    """Return what the samples of a recorder take for each ms of a run; 0 for spikes."""
    if recorder.variable == "spikes":
        return 0.0
    if recorder.reduce == "mean":
        width = 1.0
    elif recorder.projection is not None:
        width = recorder.projection.expected_connections()
    else:
        width = float(len(recorder.indices))
    return SAMPLE_BYTES * width / (recorder.every or dt)
