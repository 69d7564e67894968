"""Continuous coupling at run time: histories of states, and kernels that sum over connections.

A step starts by reading: every neuron sums what its connections bring, connection by connection in
an order that no thread changes. Where connections have delays, states are kept for as long as the
longest of them, one row per neuron with its times side by side, so that the two values between
which a delay falls lie in one cache line. A row is twice as long as it need be and written in two
places: what lies d steps back is then found without a remainder.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from neurosim.describe.plasticity import PlasticityRule
from neurosim.describe.projection import INJECTED
from neurosim.engine.arrays import zeros
from neurosim.engine.context import Context
from neurosim.engine.coupling_kernels import (
    CouplingKernel,
    generate_finish,
    generate_sum,
    generate_windows,
)
from neurosim.engine.layout import BLOCK_NEURONS
from neurosim.engine.module_cache import load
from neurosim.engine.plastic import normalise_listed
from neurosim.engine.populations import Machine, PopulationState
from neurosim.engine.sources import Feeder, SourceState
from neurosim.equations.pairs import Pair, additive, diffusive, is_plain_sum
from neurosim.errors import CapacityError
from neurosim.kernels import feeders
from neurosim.kernels.windows import VECTOR, WIDEST
from neurosim.lower.plan import Ints, Plan, PlanCoupling
from neurosim.lower.stages import parts_of_step

ON_GRID = 1e-9
"""Delays that lie closer to a step than this part of it are on it."""

CUBIC = 4
"""Times that a cubic is laid through."""

SHARED = 3.0
"""Targets of a block that read one source, on average, from which sums go source by source."""

FURTHEST = 2**32
"""Places in a history that an index can tell apart."""


@dataclass(frozen=True)
class Reach:
    """Delays in steps: `whole` steps back, and `fraction` of another one; (n_connections,) each."""

    whole: Ints
    fraction: np.ndarray

    @classmethod
    def of(cls, delay: np.ndarray, dt: float) -> Reach:
        """Return delays [ms] in steps; those that are as good as on the grid, on it."""
        steps = delay / dt
        nearest = np.rint(steps)
        steps = np.where(
            np.abs(steps - nearest) <= ON_GRID * np.maximum(1.0, steps), nearest, steps
        )
        whole = np.floor(steps).astype(np.int64)
        return cls(whole, steps - whole)

    @property
    def is_between(self) -> bool:
        """Whether any delay lies between two steps."""
        return bool(np.any(self.fraction > 0))

    @property
    def length(self) -> int:
        """How many times a history must hold, the present one included."""
        return int(self.whole.max(initial=0)) + 2

    def cubic(self) -> tuple[Ints, np.ndarray]:
        """Return the cubics through four times around each delay.

        Returns
        -------
        newest : (n_connections,) int64
            How many steps back the newest of the four lies: one after the delay where that is past.
        weights : (4, n_connections) float64
            Of the four values, newest first (Lagrange).
        """
        newest = np.maximum(self.whole - 1, 0)
        at = self.whole - newest + self.fraction
        weights = np.ones((CUBIC, at.size))
        for k in range(CUBIC):
            for other in range(CUBIC):
                if other != k:
                    weights[k] *= (at - other) / (k - other)
        return newest, weights


@dataclass
class History:
    """The past of one state of one population.

    Attributes
    ----------
    length : int
        How many times are held.
    values : (n, 2 * length, lanes) real
        The state at step s stands at s % length, and again `length` further on. Simulations side by
        side are together at each time.
    """

    state: PopulationState
    variable: str
    length: int
    values: np.ndarray

    @classmethod
    def of(cls, state: PopulationState, variable: str, length: int, lanes: int) -> History:
        """Return a history that is yet to be filled.

        Windows may reach beyond the end: what they find there is not used, but must be there.
        """
        n = state.plan.size // lanes
        size = 2 * length * n * lanes
        row = zeros(size + WIDEST, state.machine.real)
        return cls(state, variable, length, row[:size].reshape(n, 2 * length, lanes))

    @property
    def lanes(self) -> int:
        """Simulations side by side."""
        return int(self.values.shape[2])

    def _now(self) -> np.ndarray:
        return self.state.states[self.variable].reshape(-1, self.lanes)

    def fill(self, dt: float, points: int) -> None:
        """Begin at step 0: with the past that was told, or with the present state at all times.

        points : from how many steps values are read; the oldest may lie before the first time told
        """
        self.values[:] = self._now()[:, None]
        past = self.state.plan.past.get(self.variable)
        if past is None:
            return
        times = -dt * np.arange(self.length)
        first, second = past.times[:2]
        known = int(np.count_nonzero(times >= first - ON_GRID * dt))
        values = past.values.T
        slope = (values[:, 1] - values[:, 0]) / (second - first)
        told = np.array([np.interp(times, past.times, row) for row in values])
        told[:, known:] = values[:, :1] + slope[:, None] * (times[known:] - first)
        if points == CUBIC and known >= CUBIC:
            # On the cubic, too: so the oldest of four adds no error of a lower order.
            for k in range(known, self.length):
                told[:, k] = 4 * (told[:, k - 1] + told[:, k - 3]) - 6 * told[:, k - 2]
                told[:, k] -= told[:, k - 4]
        backwards = told[:, :0:-1].reshape(-1, self.lanes, self.length - 1).swapaxes(1, 2)
        self.values[:, 1 : self.length] = backwards
        self.values[:, self.length + 1 :] = backwards

    def note(self, step: int) -> None:
        """Take the present state as that of `step`."""
        place = step % self.length
        self.values[:, place] = self._now()
        self.values[:, place + self.length] = self._now()


@dataclass
class LearningPart:
    """Connections of a learning coupling between two populations.

    Attributes
    ----------
    chosen : (n,) int64
        Which of the coupling's connections.
    weight : (n,) float64
    variables : dict of arrays
        Variable of the rule -> one value per connection, or per postsynaptic neuron.
    """

    chosen: Ints
    weight: np.ndarray
    variables: dict[str, np.ndarray]
    context: Context
    places: dict[tuple[str, str], int]

    def words(self, rule: PlasticityRule, dt: float) -> dict[tuple[str, str], Any]:
        """Return what the kernel reads of the rule."""
        low, high = rule.bounds
        found: dict[tuple[str, str], Any] = {
            ("learning", ""): 1, ("dt", ""): float(dt), ("w_min", ""): low, ("w_max", ""): high,
        }  # fmt: skip
        found |= {("rule", name): float(value) for name, value in rule.parameters.items()}
        found |= {("rule", name): 0.0 for name in rule.program.signals}
        found |= {("variable", name): array for name, array in self.variables.items()}
        return found

    def put(self, kind: str, name: str, value: Any) -> None:
        """Set a word, where the kernel reads it."""
        if (kind, name) in self.places:
            self.context.put(self.places[kind, name], value)


class LearningCoupling:
    """A continuous coupling whose weights change: what a session sees of it.

    It has the methods of `neurosim.engine.plastic.PlasticProjection`.
    """

    def __init__(self, coupling: PlanCoupling, dt: float) -> None:
        assert coupling.plasticity is not None
        self.projection = coupling
        self.rule = coupling.plasticity
        self.largest = math.inf
        self.n_connections = coupling.pre.size
        self.is_learning = True
        self.parts: list[LearningPart] = []
        self._order = np.lexsort((coupling.post_position, coupling.pre_position))

    def part(self, chosen: Ints, weight: np.ndarray, n_post: int) -> LearningPart:
        """Take on some connections."""
        variables = self.rule.program.variables
        sizes = {"post": n_post, "synapse": chosen.size}
        arrays = {name: zeros(n, np.float64) for p, n in sizes.items() for name in variables[p]}  # type: ignore[index]
        made = LearningPart(chosen, weight, arrays, Context([]), {})
        self.parts.append(made)
        self.restart()
        return made

    def restart(self) -> None:
        """Put all variables but weights to their first values."""
        for part in self.parts:
            for name, array in part.variables.items():
                array[:] = self.rule.initial[name]

    def catch_up(self, step: int) -> None:
        """Weights are always up to date."""

    def failure(self) -> None:
        """Return nothing: what is not finite shows in the states of the neurons."""

    def learn(self, learning: bool, step: int) -> None:
        """Let weights change from now on, or hold them."""
        self.is_learning = learning
        for part in self.parts:
            part.put("learning", "", int(learning))

    def signal(self, values: Mapping[str, float], step: int) -> None:
        """Set signals; they stay."""
        for part in self.parts:
            for name, value in values.items():
                part.put("rule", name, float(value))

    def connections(self) -> tuple[Ints, Ints, np.ndarray]:
        """Return pre position, post position and delay [ms], sorted as everywhere."""
        c = self.projection
        delay = np.zeros(c.pre.size) if c.delay is None else c.delay
        order = self._order
        return c.pre_position[order], c.post_position[order], delay[order]

    def values(self, name: str, step: int) -> np.ndarray:
        """Return the weight "w" or another variable of every connection."""
        values = np.empty(self.n_connections)
        for part in self.parts:
            values[part.chosen] = part.weight if name == "w" else part.variables[name]
        ordered: np.ndarray = values[self._order]
        return ordered

    def write(self, name: str, values: Any, step: int) -> None:
        """Set the weights or a variable, in the order of `connections`."""
        unordered = np.empty(self.n_connections)
        unordered[self._order] = values
        for part in self.parts:
            array = part.weight if name == "w" else part.variables[name]
            array[:] = unordered[part.chosen]

    def normalise(self, totals: np.ndarray, axis: str, step: int) -> None:
        """Scale weights so that those of each neuron add up to its total; bounds hold."""
        normalise_listed(self, totals, axis, step)


class Couplings:
    """All continuous coupling of a network.

    Attributes
    ----------
    gathers : dict
        Population -> the calls that read at the start of a step, in their order.
    later : dict
        Population -> for every further stage of a step, the calls that read there.
    """

    def __init__(
        self, plan: Plan, machine: Machine, neurons: Mapping[int, PopulationState],
        sources: Mapping[int, SourceState],
    ) -> None:  # fmt: skip
        self._plan = plan
        self._machine = machine
        self._neurons = neurons
        self._sources = sources
        self._offsets = np.array([p.offset for p in plan.populations], np.int64)
        self._histories = self._make_histories()
        self.learning: dict[str, LearningCoupling] = {
            c.name: LearningCoupling(c, plan.dt) for c in plan.couplings if c.plasticity is not None
        }
        self._parts = parts_of_step(plan)
        self.gathers: dict[int, list[Feeder]] = {
            index: self._gathers_of(state, 0.0) for index, state in neurons.items()
        }
        self.later: dict[int, list[list[Feeder]]] = {
            index: [self._gathers_of(state, part) for part in self._parts[1:]]
            for index, state in neurons.items()
            if state.plan.stages
        }

    # --- histories

    def _make_histories(self) -> dict[tuple[int, str, int], History]:
        longest: dict[tuple[int, str, int], int] = {}
        for coupling in self._plan.couplings:
            if coupling.delay is None:
                continue
            source = self._population_of(coupling.pre)
            for index in np.unique(source):
                reach = Reach.of(coupling.delay[source == index], self._plan.dt)
                read = set(pair_of(coupling, "additive").pre)
                if coupling.plasticity is not None:
                    read |= set(coupling.plasticity.program.states["pre"])
                for variable in sorted(read):
                    key = int(index), variable, coupling.lanes
                    length = reach.length + (CUBIC if self._is_cubic else 0)
                    longest[key] = max(longest.get(key, 0), length)
        made = {}
        for (index, variable, lanes), length in longest.items():
            state = self._neurons[index]
            n = state.plan.size
            if 2 * length * n >= FURTHEST:
                raise CapacityError(
                    f"Population {state.plan.name!r}: the past of {variable} over {length} steps "
                    f"of {self._plan.dt:g} ms has {n * length:,} values, more than can be kept. "
                    f"Use shorter delays, a larger dt or fewer neurons."
                )
            made[index, variable, lanes] = History.of(state, variable, length, lanes)
            made[index, variable, lanes].fill(self._plan.dt, CUBIC if self._is_cubic else 2)
        return made

    def restart(self) -> None:
        """Start from the present states, and the past before the start."""
        for history in self._histories.values():
            history.fill(self._plan.dt, CUBIC if self._is_cubic else 2)
        for coupling in self.learning.values():
            coupling.restart()

    def note(self, population: int, variable: str, step: int) -> None:
        """Take note of a state that was set between two runs."""
        for (index, name, _), history in self._histories.items():
            if (index, name) == (population, variable):
                history.note(step)

    def last_call(self, state: PopulationState) -> tuple[int, Context]:
        """Return the call that advances a population and keeps what others read of it later."""
        mine = [h for (index, *_), h in self._histories.items() if index == state.plan.index]
        if not mine:
            return state.address, state.context
        rows = [h.state.states[h.variable] for h in mine]
        columns = [
            np.array([row.ctypes.data for row in rows], np.int64),
            np.array([h.values.ctypes.data for h in mine], np.int64),
            np.array([h.length for h in mine], np.int64),
            np.array([h.lanes for h in mine], np.int64),
        ]
        entry = feeders.remember[self._machine.real]
        return entry.address, Context([state.address, state.context.address, len(mine), *columns])

    # --- sums

    def _population_of(self, ids: Ints) -> Ints:
        return np.searchsorted(self._offsets, ids, side="right") - 1

    @property
    def _is_cubic(self) -> bool:
        """Whether the past is read on cubics: a method of order 4 would lose it on lines."""
        return self._plan.integrator == "rk4"

    def _gathers_of(self, state: PopulationState, part: float) -> list[Feeder]:
        """Return the calls for one population: its rows are zeroed, then each coupling added.

        part : at which part of the step they read; currents are held from its start
        """
        clear = feeders.clear_row[self._machine.real]
        rows = [row for name, row in state.couplings.items() if not part or name != INJECTED]
        made = [Feeder(clear.address, Context([row])) for row in rows]
        ids = state.plan.ids
        for coupling in self._plan.couplings:
            here = (coupling.post >= ids.start) & (coupling.post < ids.stop)
            targets = coupling.targets[
                (coupling.targets >= ids.start) & (coupling.targets < ids.stop)
            ]
            if not (np.any(here) or targets.size) or (part and coupling.coupling == INJECTED):
                continue
            kinds = {c.name: c.kind for c in state.spec.couplings}
            pair = pair_of(coupling, kinds.get(coupling.coupling, "additive"))
            row = state.couplings[coupling.coupling]
            into = row
            if pair.total is not None:
                into = zeros(state.plan.size, self._machine.real)
            source = self._population_of(coupling.pre)
            for index in np.unique(source[here]):
                chosen = np.flatnonzero(here & (source == index))
                for several, reach in self._reaches(coupling, chosen, part):
                    windowed = reach is not None and self._is_windowed(coupling, pair)
                    add = self._windows if windowed else self._sum
                    made.append(add(coupling, pair, state, int(index), several, reach, into))
            if pair.total is not None:
                reached = zeros(state.plan.size, np.float64)
                reached[targets - ids.start] = 1.0
                made.append(self._finish(coupling, pair, into, row, reached))
        return made

    def _reaches(
        self, coupling: PlanCoupling, chosen: Ints, part: float
    ) -> Iterator[tuple[Ints, Reach | None]]:
        """Yield connections and how far back they read, seen from a part of the step.

        None: the present. Within a step those without a delay read what the stage has come to,
        which is no part of a history.
        """
        if coupling.delay is None:
            yield chosen, None
            return
        delay = coupling.delay[chosen]
        present = delay == 0 if part else np.zeros(chosen.size, np.bool_)
        if present.any():
            yield chosen[present], None
        if not present.all() or not chosen.size:
            # A delay that is a step but for rounding would lie in the future by as little.
            steps = np.maximum(delay[~present] / self._plan.dt - part, 0.0)
            yield chosen[~present], Reach.of(steps, 1.0)

    def _sum(
        self, coupling: PlanCoupling, pair: Pair, state: PopulationState, index: int,
        chosen: Ints, reach: Reach | None, row: np.ndarray,
    ) -> Feeder:  # fmt: skip
        """Return the call that adds the connections `chosen`, all from population `index`."""
        n = state.plan.size
        local = coupling.post[chosen] - state.plan.offset
        start = np.searchsorted(local, np.arange(n + 1)).astype(np.int64)
        pre = coupling.pre[chosen] - self._offsets[index]
        points = 1
        if reach is not None and reach.is_between:
            points = CUBIC if self._is_cubic else 2
        values: dict[str, Any] = {
            name: np.asarray(value)[chosen] if np.ndim(value) else value
            for name, value in coupling.parameters.items()
            if name in pair.parameters
        }
        arrays = frozenset(name for name, value in values.items() if np.ndim(value))
        kernel = generate_sum(
            pair,
            precision=self._machine.precision,
            delayed=reach is not None,
            points=points,
            arrays=arrays,
            learning=None if coupling.plasticity is None else coupling.plasticity.program,
        )
        widest = int(np.diff(start).max(initial=0))
        given: dict[tuple[str, str], Any] = {
            ("n", ""): n,
            ("m", ""): chosen.size,
            ("row", ""): row,
            ("start", ""): start,
            ("weight", ""): np.ascontiguousarray(coupling.weight[chosen]),
            ("widest", ""): widest,
            ("block", ""): BLOCK_NEURONS,
            ("scratch", ""): zeros(widest * -(-n // BLOCK_NEURONS) * kernel.buffers, np.float64),
        }
        reads_pre, reads_post = set(pair.pre), set(pair.post)
        if coupling.plasticity is not None:
            reads_pre |= set(coupling.plasticity.program.states["pre"])
            reads_post |= set(coupling.plasticity.program.states["post"])
        newest = None if reach is None else reach.whole
        if reach is not None and points == CUBIC:
            newest, weights = reach.cubic()
            given |= {("cubic", str(k)): weights[k] for k in range(CUBIC)}
        for variable in sorted(reads_pre):
            if newest is None:
                read = self._readable(index, variable)
                given["place", variable] = pre.astype(np.uint32)
            else:
                history = self._histories[index, variable, 1]
                read, length = history.values, history.length
                places = pre * 2 * length + length - newest
                given["place", variable] = places.astype(np.uint32)
                given["length", variable] = length
            given["pre", variable] = read
            given["size", variable] = read.size
        if reach is not None:
            given["fraction", ""] = np.ascontiguousarray(reach.fraction)
        for variable in sorted(reads_post):
            given["post", variable] = state.states[variable]
        for name, value in values.items():
            given["parameter", name] = (
                np.ascontiguousarray(value, np.float64) if name in arrays else float(value)
            )
        if coupling.plasticity is None:
            return made_of(kernel, given)
        learning = self.learning[coupling.name]
        part = learning.part(chosen, given["weight", ""], n)
        made = made_of(kernel, given | part.words(coupling.plasticity, self._plan.dt))
        part.context, part.places = made.context, {w: k for k, w in enumerate(kernel.words)}
        return made

    def _is_windowed(self, coupling: PlanCoupling, pair: Pair) -> bool:
        """Whether the past alone decides what a delayed coupling brings in the next steps."""
        return is_plain_sum(pair) and coupling.plasticity is None and not self._is_cubic

    def _windows(
        self, coupling: PlanCoupling, pair: Pair, state: PopulationState, index: int,
        chosen: Ints, reach: Reach | None, row: np.ndarray,
    ) -> Feeder:  # fmt: skip
        """As `_sum`, for delayed sums of states: several steps, and all lanes, at once."""
        assert reach is not None
        lanes = coupling.lanes
        n = state.plan.size // lanes
        local = (coupling.post[chosen] - state.plan.offset) // lanes
        start = np.searchsorted(local, np.arange(n + 1)).astype(np.int64)
        pre = (coupling.pre[chosen] - self._offsets[index]) // lanes
        history = self._histories[index, pair.pre[0], lanes]
        steps = int(min(reach.whole.min() + 1, max(1, WIDEST // lanes)))
        width = min(WIDEST, -(-steps * lanes // VECTOR) * VECTOR)
        tiles = -(-steps * lanes // width)
        block = local * lanes // BLOCK_NEURONS
        pairs = np.unique(block * (self._plan.size + 1) + pre).size
        by_source = chosen.size >= SHARED * pairs
        kernel = generate_windows(
            precision=self._machine.precision, lanes=lanes, steps=steps, width=width, tiles=tiles,
            between=reach.is_between, scaled=coupling.factor is not None, by_source=by_source,
        )  # fmt: skip
        order = np.arange(chosen.size)
        if by_source:
            # The sources of a target, which are in ascending order, stay in it.
            order = np.lexsort((local, pre, block))
            n_blocks = -(-n * lanes // BLOCK_NEURONS)
            start = np.searchsorted(block[order], np.arange(n_blocks + 1)).astype(np.int64)
        factor = np.ones(0) if coupling.factor is None else coupling.factor
        places = pre * 2 * history.length + history.length - reach.whole
        given: dict[tuple[str, str], Any] = {
            ("n", ""): n,
            ("row", ""): row,
            ("start", ""): start,
            ("scratch", ""): zeros(n * width * tiles, np.float64),
            ("length", ""): history.length,
            ("place", ""): places[order].astype(np.uint32),
            ("target", ""): local[order].astype(np.uint32),
            ("weight", ""): np.ascontiguousarray(coupling.weight[chosen][order]),
            ("fraction", ""): np.ascontiguousarray(reach.fraction[order]),
            ("factor", ""): np.ascontiguousarray(np.resize(factor, width * tiles)),
            ("past", ""): history.values,
        }
        return made_of(kernel, given)

    def _finish(
        self, coupling: PlanCoupling, pair: Pair, total: np.ndarray, row: np.ndarray,
        reached: np.ndarray,
    ) -> Feeder:  # fmt: skip
        """Return the call that adds a function of the sums, and zeroes them.

        reached : (n,) float64   1 for neurons that the projection is for, else 0
        """
        kernel = generate_finish(pair, precision=self._machine.precision)
        given: dict[tuple[str, str], Any] = {
            ("sum", ""): total,
            ("row", ""): row,
            ("reached", ""): reached,
        }
        for name in pair.of_total:
            given["parameter", name] = float(coupling.parameters[name])
        return made_of(kernel, given)

    def _readable(self, population: int, name: str) -> np.ndarray:
        """Return the row that coupling without delays reads."""
        if population in self._neurons:
            return self._neurons[population].states[name]
        row = self._sources[population].row
        assert row is not None, "the description allows no other source here"
        return row


def pair_of(coupling: PlanCoupling, kind: str) -> Pair:
    """Return what a connection computes; `kind` is that of the inlet, "additive" or "diffusive"."""
    if coupling.pair is not None:
        return coupling.pair
    return diffusive(coupling.source) if kind == "diffusive" else additive(coupling.source)


def made_of(kernel: CouplingKernel, given: Mapping[tuple[str, str], Any]) -> Feeder:
    """Return a call with the words that a kernel reads."""
    return Feeder(load(kernel.kernel).address, Context([given[w] for w in kernel.words]))
