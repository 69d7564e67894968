"""Plastic projections in memory: rows with weights of their own, archives, contexts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from neurosim.describe.estimate import ARCHIVE_ENTRIES
from neurosim.engine.arrays import zeros
from neurosim.engine.context import Context
from neurosim.engine.layout import rows_by_id
from neurosim.engine.module_cache import load
from neurosim.engine.plastic_kernels import (
    LABELS,
    LISTED,
    STRETCH,
    TABLE,
    RuleKernel,
    entry_width,
    generate_rule,
    record_bytes,
)
from neurosim.engine.populations import PopulationState
from neurosim.engine.rows import Rows
from neurosim.equations.evaluate import evaluate
from neurosim.errors import SimulationError
from neurosim.kernels import plastic as k
from neurosim.lower.plan import Floats, Ints, Plan, PlanProjection

ARRAYS_OF_PARTS = (
    "weight", "status", "pre_time", "done", "pre_after", "pre_before", "recent", "latest",
    "follow", "mods", "raised", "fired", "arrived",
)  # fmt: skip
"""Words of a rule's context that are arrays of a `Part`, under the same name."""

NOTHING = np.zeros(1)
"""What is read for slots between those of a projection, which are of others."""


@dataclass
class Part:
    """What lies in one tile.

    Attributes
    ----------
    row : (P_WIDTH,) int64
        What kernels read: a row of `Plastic.part`.
    weight : (n,) float64 or float32
        Beside the stream of the tile; what stands beside headers means nothing.
    variables : dict of arrays as `weight`
        Variables of synapses.
    status : (S_SIZE,) int64
    follow : (2, n_post, n_followed) float64
        What follows the postsynaptic neurons, of two steps in turn.
    mods : (2, n_modulators) float64
        What follows the modulators.
    raised : (n_post, n) float64
        Followed variables that spikes raise, as the last spike found them.
    fired : (n_post,) int32
        Label of the last spike, of rules that follow.
    arrived : (1,) int64
        Spikes of the modulators in the present step.
    states : dict
        Name of a state that is followed -> addresses of its values, one for each neuron.
    """

    row: Ints
    context: Context
    weight: npt.NDArray[Any]
    variables: dict[str, npt.NDArray[Any]]
    stamps: npt.NDArray[np.int32]
    pre_time: Ints
    done: Ints
    empty: npt.NDArray[np.bool_]
    pre_after: Floats
    pre_before: Floats
    recent: npt.NDArray[np.int32]
    latest: npt.NDArray[np.int32]
    entries: Floats
    status: Ints
    follow: Floats
    mods: Floats
    raised: Floats
    fired: npt.NDArray[np.int32]
    arrived: Ints
    states: dict[str, Ints]
    post: Ints
    keep: list[Any] = field(default_factory=list)


class PlasticProjection:
    """One plastic projection.

    Parameters
    ----------
    projection : PlanProjection
        With its rule.
    rows : Rows
        In the format "real".
    slots : (n_post,) int64
        Arrival slot of every post position.
    tile_first : (n_tiles + 1,) int64
    scale : float
        Weight units per accumulator unit.
    largest : float
        Most that a synapse may carry, in the unit of the weight.
    """

    def __init__(
        self, plan: Plan, projection: PlanProjection, rows: Rows, slots: Ints, tile_first: Ints,
        scale: float, largest: float, n_connections: int, real: type[np.floating[Any]],
    ) -> None:  # fmt: skip
        rule = projection.plasticity
        assert rule is not None
        self.plan, self.projection, self.rule, self.rows = plan, projection, rule, rows
        self.axonal = rule.delay == "axonal"
        self.inclusive = not self.axonal and rule.coincidence == "none"
        self.scale, self.largest, self.n_connections = scale, largest, n_connections
        self._tile_first = tile_first
        self._slots = slots
        self._real = real
        self._order: tuple[Ints, Ints, Ints, Ints] | None = None
        self._order_of_tiles: list[Ints] = []
        precision: Any = "double" if real is np.float64 else "single"
        self._kernel: RuleKernel = generate_rule(rule.program, precision)
        self.address = load(self._kernel.kernel).address
        self._places = {word: at for at, word in enumerate(self._kernel.words)}
        self._row_of = rows_by_id(projection.pre)
        self._n_mod = 0 if projection.modulators is None else projection.modulators.size
        self._stamped = [v for v in rule.program.variables["synapse"] if v in rule.program.flows]
        self.parts = [self._part(t) for t in range(len(rows.stream))]
        self.restart()

    # --- building

    def _part(self, tile: int) -> Part:
        rows, program = self.rows, self.rule.program
        n_rows, real = self.projection.pre.size, self._real
        visited = n_rows * rows.n_waves
        weight = rows.weight[tile].view(real)
        mine = (self._slots >= self._tile_first[tile]) & (self._slots < self._tile_first[tile + 1])
        within = self._slots[mine] - self._tile_first[tile]
        low = int(within.min(initial=0)) if within.size else 0
        n_post = int(within.max()) - low + 1 if within.size else 0
        post = self.projection.post[mine]
        first, last = (int(post.min()), int(post.max())) if post.size else (0, -1)
        known = np.full(last - first + 1, -1, np.int32)
        known[post - first] = within - low
        width, n_variables = entry_width(program), len(program.variables["post"])
        raised = {c.name for c in program.on_post} & {f.name for f in program.follows}
        longest = 0 if self.axonal else rows.depth
        room = 1 << max(ARCHIVE_ENTRIES - 1, longest + 3).bit_length()
        remembers = program.reads_post and n_post > 0
        start = rows.wave_start[tile]
        part = Part(
            row=np.zeros(k.P_WIDTH, np.int64),
            context=Context([0] * len(self._kernel.words)),
            weight=weight,
            variables={n: zeros(weight.size, real) for n in program.variables["synapse"]},
            stamps=np.zeros(weight.size if self._stamped else 0, np.int32),
            pre_time=np.zeros(visited, np.int64),
            done=np.zeros(visited, np.int64),
            empty=np.diff(start) == 0,
            pre_after=np.zeros(visited * len(program.variables["pre"])),
            pre_before=np.zeros(visited * len(program.variables["pre"])),
            recent=zeros(n_post * record_bytes(n_variables) // 4, np.int32),
            latest=zeros(n_post, np.int32),
            entries=zeros(n_post * room * width if remembers else 0, np.float64),
            status=np.zeros(k.S_SIZE, np.int64),
            follow=np.zeros(2 * n_post * max(1, len(program.follows))),
            mods=np.zeros(2 * max(1, len(program.modulators))),
            raised=np.zeros(n_post * len(raised)),
            fired=np.zeros(n_post if program.watches else 0, np.int32),
            arrived=np.zeros(1, np.int64),
            states={
                f.name: np.full(n, NOTHING.ctypes.data, np.int64)
                for n, several in ((n_post, program.follows), (self._n_mod, program.modulators))
                for f in several if f.kind == "state"
            },
            post=np.full(n_post, -1),
        )  # fmt: skip
        part.post[within - low] = post
        part.status[k.S_LEARNING] = 1
        visits = np.zeros(k.VISITS * k.VISIT_WIDTH, np.int64)
        row_of = self._row_of
        part.keep = [visits, known, row_of, start, rows.stream[tile]]
        row = part.row
        row[k.P_ADDRESS], row[k.P_CONTEXT] = self.address, part.context.address
        row[k.P_FIRST_ID] = self.projection.pre.min()
        row[k.P_LAST_ID] = self.projection.pre.max()
        row[k.P_MAP] = row_of.ctypes.data if row_of.size else 0
        row[k.P_ROWS], row[k.P_WAVES] = n_rows, rows.n_waves
        row[k.P_WAVE_START], row[k.P_DONE] = start.ctypes.data, part.done.ctypes.data
        row[k.P_VISITS], row[k.P_STATUS] = visits.ctypes.data, part.status.ctypes.data
        row[k.P_AXONAL], row[k.P_INCLUSIVE] = self.axonal, self.inclusive
        row[k.P_POST_FIRST], row[k.P_POST_LAST] = first, last
        row[k.P_POST_MAP] = known.ctypes.data if remembers else 0
        row[k.P_RECENT], row[k.P_ARCHIVE] = part.recent.ctypes.data, part.entries.ctypes.data
        row[k.P_ROOM], row[k.P_ENTRY], row[k.P_LONGEST] = room, width, longest
        row[k.P_RECORD] = record_bytes(n_variables)
        self._let_watch(part, remembers)
        for (kind, name), at in self._places.items():
            part.context.put(at, self._word(kind, name, part, tile, low, room, visits))
        return part

    def _let_watch(self, part: Part, remembers: bool) -> None:
        """Tell the kernels what is to be done in every step."""
        row, program = part.row, self.rule.program
        row[k.P_FOLLOWS] = program.watches and part.weight.size > 0
        row[k.P_MODULATES] = program.modulates
        if program.on_step or program.euler:
            row[k.P_EVERY] = 1 + k.STEP
        elif self.rule.stepwise:
            row[k.P_EVERY] = 1 + k.CATCH_UP
        row[k.P_ARRIVED] = part.arrived.ctypes.data
        fires = any(f.kind == "fired" for f in program.follows) or part.raised.size
        row[k.P_FIRED] = part.fired.ctypes.data if fires and remembers else 0
        ids = self.projection.modulators
        if program.on_modulator and ids is not None:
            mine = np.zeros(int(ids.max() - ids.min()) + 1, np.int32)
            np.add.at(mine, ids - ids.min(), 1)
            part.keep.append(mine)
            row[k.P_MOD_FIRST], row[k.P_MOD_LAST] = ids.min(), ids.max()
            row[k.P_MOD_MAP] = mine.ctypes.data

    def watch(self, neurons: Mapping[int, PopulationState], step: int) -> None:
        """Find the states that are followed, and read them as they are after a step."""
        if not self.rule.program.watches:
            return
        for part in self.parts:
            for name, addresses in part.states.items():
                state, _, side = name.rpartition("_")
                ids = part.post if side == "post" else self.projection.modulators
                assert ids is not None
                for p in self.plan.populations:
                    here = (ids >= p.ids.start) & (ids < p.ids.stop)
                    if here.any():
                        values = neurons[p.index].states[state]
                        local = ids[here] - p.ids.start
                        addresses[here] = values.ctypes.data + values.strides[0] * local
            if part.row[k.P_FOLLOWS]:
                k.look(part.row, step)

    def _word(
        self, kind: str, name: str, part: Part, tile: int, low: int, room: int, visits: Ints
    ) -> Any:
        """Return a word of the context; those of the accumulator come later."""
        rule = self.rule
        match kind:
            case "stream":
                return self.rows.stream[tile]
            case _ if kind in ARRAYS_OF_PARTS:
                return getattr(part, kind)
            case "archive":
                return part.entries
            case "visits":
                return visits
            case "some":
                part.keep.append(np.zeros(STRETCH, np.int32))
                return part.keep[-1]
            case "buffer":
                least, most = rule.bounds
                stale = min(max(0.0, least), most) if name == "of_w" else 0.0
                part.keep.append(np.full(STRETCH, stale))
                return part.keep[-1]
            case "n_post":
                return part.latest.size
            case "n_mod":
                return self._n_mod
            case "dt":
                return float(self.plan.dt)
            case "state":
                return part.states[name]
            case "who" | "label_of" | "entry_of":
                scratch = np.zeros(room + LISTED + LABELS, np.int32)
                part.keep.append(scratch)
                return scratch
            case "stamp":
                return part.stamps
            case "synapse":
                return part.variables[name]
            case "low":
                return low
            case "tile_first":
                return int(self._tile_first[tile])
            case "axonal":
                return int(self.axonal)
            case "sees":
                return int(rule.coincidence == "both")
            case "n_rows":
                return part.done.size
            case "room":
                return room
            case "per_unit":
                return 1.0 / self.scale
            case "largest":
                return float(self.largest)
            case "w_min" | "w_max":
                bound = getattr(rule, kind)
                return float("nan") if bound is None else float(bound)
            case "rate":
                return self._rate(name)
            case "table":
                return k.factors(self._rate(name), TABLE)
            case "level":
                return self._level(name)
            case "parameter":
                return float(rule.parameters[name])
            case _:
                return 0  # of the accumulator, or a signal that has not come yet

    def _rate(self, name: str) -> float:
        """Return the rate of a variable per step."""
        return float(evaluate(self.rule.program.flows[name].rate, self.rule.parameters)) * (
            self.plan.dt
        )

    def _level(self, name: str) -> float:
        """Return the level that a variable goes to."""
        return float(evaluate(self.rule.program.flows[name].level, self.rule.parameters))

    def connect(self, accumulator: np.ndarray, n_slots: int, rows_due: int) -> None:
        """Tell the code where arrivals are added."""
        for part in self.parts:
            part.context.put(self._places["acc", ""], accumulator)
            part.context.put(self._places["n_slots", ""], n_slots)
            part.context.put(self._places["rows_due", ""], rows_due)

    @property
    def n_bytes(self) -> int:
        """Memory held."""
        arrays = [a for p in self.parts for a in (
            p.weight, *p.variables.values(), p.stamps, p.pre_time, p.done, p.pre_after,
            p.pre_before, p.recent, p.latest, p.entries, p.follow, p.raised, p.fired,
            *p.states.values(),
        )]  # fmt: skip
        arrays += [*self.rows.stream, *self.rows.wave_start]
        return sum(int(a.nbytes) for a in arrays)

    # --- between runs

    def restart(self) -> None:
        """Put all variables but weights to their first values, and the time to 0."""
        initial, variables = self.rule.initial, self.rule.program.variables
        for part in self.parts:
            part.pre_time[:] = 0
            part.done[:] = np.where(part.empty, k.NEVER, 0)
            part.stamps[:] = 0
            for name, array in part.variables.items():
                array[:] = initial[name]
            first = np.array([initial[name] for name in variables["pre"]])
            for array in (part.pre_after, part.pre_before):
                array.reshape(-1, first.size or 1)[:] = first if first.size else 0.0
            first_entry = [0.0, *(initial[name] for name in variables["post"])]
            self._restart_followed(part)
            if part.entries.size:
                room = int(part.row[k.P_ROOM])
                entries = part.entries.reshape(-1, room, int(part.row[k.P_ENTRY]))
                entries[:, 0, : len(first_entry)] = first_entry
            # How many entries there are, the latest labels, variables after the last.
            counted = np.array([1, 0, *[np.iinfo(np.int32).min] * (LABELS - 1)], np.int32)
            part.latest[:] = 0
            record = np.concatenate([counted, np.array(first_entry[1:]).view(np.int32)])
            part.recent.reshape(-1, record.size)[:] = record
            learning = part.status[k.S_LEARNING]
            part.status[:] = 0
            part.status[k.S_LEARNING] = learning

    def _restart_followed(self, part: Part) -> None:
        """Put what is followed to its first values, in both layers."""
        program = self.rule.program
        for array, several in ((part.follow, program.follows), (part.mods, program.modulators)):
            layers = array.reshape(-1, max(1, len(several)))
            for at, f in enumerate(several):
                layers[:, at] = self.rule.initial.get(f.name, 0.0)
        part.fired[:] = -1
        part.arrived[:] = 0

    def catch_up(self, step: int) -> None:
        """Bring all synapses up to date after a step."""
        self._whole(k.catch_up, step)

    def signal(self, values: Mapping[str, float], step: int) -> None:
        """Do what the rule says on a signal to all synapses."""
        for part in self.parts:
            for name in self.rule.program.signals:
                part.context.put(self._places["signal", name], float(values[name]))
        self._whole(k.signal, step)

    def _whole(self, kernel: Any, step: int) -> None:
        for part in self.parts:
            kernel(part.row, step)
        failure = self.failure()
        if failure is not None:
            raise failure

    @property
    def is_learning(self) -> bool:
        """Whether synapses may change."""
        return all(part.status[k.S_LEARNING] for part in self.parts)

    def learn(self, learning: bool, step: int) -> None:
        """Let synapses change from now on, or hold them."""
        try:
            self.catch_up(step)
        finally:  # a session that has failed can be reset, and is then as it was told to be
            for part in self.parts:
                part.status[k.S_LEARNING] = learning

    def failure(self) -> SimulationError | None:
        """Return what went wrong, if anything did."""
        for part in self.parts:
            code, t = int(part.status[k.S_FAILURE]), part.status[k.S_LABEL] * self.plan.dt
            place = f"Projection {self.projection.name!r} at t = {t:g} ms"
            if code == k.TOO_LARGE:
                return SimulationError(
                    f"{place}: a synapse would carry more than {self.largest:g}, or no number at "
                    f"all. The rule bounds it: w_min, w_max, max_effect."
                )
            if code == k.NO_ROOM:
                return SimulationError(
                    f"{place}: a postsynaptic neuron fires more often within the longest delay "
                    f"than its archive holds."
                )
        return None

    # --- looking

    def connections(self) -> tuple[Ints, Ints, Floats]:
        """Return pre position, post position and delay [ms], sorted as everywhere."""
        if self._order is None:
            found = [self._list(t) for t in range(len(self.parts))]
            pre, post, delay = (np.concatenate([f[c] for f in found]) for c in range(3))
            order = np.lexsort((delay, post, pre))
            self._order = pre[order], post[order], delay[order], order
            self._order_of_tiles = [f[3] for f in found]
        pre, post, steps, _ = self._order
        return pre, post, steps.astype(np.float64) * self.plan.dt

    def _list(self, tile: int) -> tuple[Ints, Ints, Ints, Ints]:
        rows = self.rows
        n = int(self.parts[tile].weight.size)  # and headers
        row, slot, delay, place = (np.empty(n, np.int64) for _ in range(4))
        found = k.list_synapses(
            rows.wave_start[tile], rows.stream[tile], self.projection.pre.size, rows.n_waves,
            row, slot, delay, place,
        )  # fmt: skip
        position = np.full(int(self._tile_first[tile + 1] - self._tile_first[tile]), -1, np.int64)
        mine = (self._slots >= self._tile_first[tile]) & (self._slots < self._tile_first[tile + 1])
        position[self._slots[mine] - self._tile_first[tile]] = np.flatnonzero(mine)
        return row[:found], position[slot[:found]], delay[:found], place[:found]

    def values(self, name: str, step: int) -> Floats:
        """Return the weight "w" or another variable of every synapse, as it is after a step."""
        self.connections()
        self.catch_up(step)
        assert self._order is not None
        found = [
            self._present(part, name, step)[place]
            for part, place in zip(self.parts, self._order_of_tiles, strict=True)
        ]
        values: Floats = np.concatenate(found)[self._order[3]].astype(np.float64)
        return values

    def write(self, name: str, values: npt.NDArray[Any], step: int) -> None:
        """Set the weights or another variable, in the order of `connections`."""
        self.connections()
        self.catch_up(step)
        assert self._order is not None
        unordered = np.empty(self._order[3].size, self._real)
        unordered[self._order[3]] = values
        at = 0
        for part, place in zip(self.parts, self._order_of_tiles, strict=True):
            if name in self._stamped:
                for other in self._stamped:
                    part.variables[other][:] = self._present(part, other, step)
                part.stamps[:] = step
            self._array(part, name)[place] = unordered[at : at + place.size]
            at += place.size

    def normalise(self, totals: Floats, axis: str, step: int) -> None:
        """Scale weights so that those of each neuron add up to its total; bounds hold.

        totals : (n_post,) or (n_pre,) float64, by `axis`
        """
        if axis == "pre":
            normalise_listed(self, totals, axis, step)
            return
        self.catch_up(step)
        low, high = self.rule.bounds
        n_slots = np.diff(self._tile_first)
        sums = [np.zeros((2, n)) for n in n_slots]
        rows = self.rows
        for t, part in enumerate(self.parts):
            k.sum_weights(rows.wave_start[t], rows.stream[t], part.weight, part.done.size, sums[t])
        tile = np.searchsorted(self._tile_first, self._slots, side="right") - 1
        at = self._slots - self._tile_first[tile]
        of_post = np.array([sums[t][:, s] for t, s in zip(tile, at, strict=True)]).reshape(-1, 2)
        factor = scaling(self.projection.name, axis, of_post[:, 0], of_post[:, 1], totals)
        for t, part in enumerate(self.parts):
            mine = tile == t
            factors = np.ones(n_slots[t])
            factors[at[mine]] = factor[mine]
            k.scale_weights(
                rows.wave_start[t], rows.stream[t], part.weight, part.done.size, factors, low, high
            )

    def _present(self, part: Part, name: str, step: int) -> npt.NDArray[Any]:
        """Return a variable after a step; kept is what it was at the last spike of the synapse."""
        array: npt.NDArray[Any] = self._array(part, name)
        if name not in self._stamped:
            return array
        gap = np.maximum(step - part.stamps.astype(np.int64), 0)
        level = self._level(name)
        now: npt.NDArray[Any] = level + (array.astype(np.float64) - level) * np.exp(
            self._rate(name) * gap
        )
        return now

    def _array(self, part: Part, name: str) -> npt.NDArray[Any]:
        return part.weight if name == "w" else part.variables[name]


def scaling(name: str, axis: str, sums: Floats, counts: Floats, totals: Floats) -> Floats:
    """Return by what the weights of each neuron are multiplied: (n,); 1 where there are none.

    Raises
    ------
    SimulationError
        If the weights of a neuron cannot be scaled to their total.
    """
    wrong = np.flatnonzero((counts > 0) & ~(sums * totals > 0) & (totals != 0))
    if wrong.size:
        raise SimulationError(
            f"Projection {name!r}: the weights of {axis}synaptic neuron {wrong[0]} add up to "
            f"{sums[wrong[0]]:g}; no factor makes that {totals[wrong[0]]:g}."
        )
    return np.where(counts > 0, totals / np.where(sums == 0, 1.0, sums), 1.0)


def normalise_listed(projection: Any, totals: Floats, axis: str, step: int) -> None:
    """Scale the weights of a plastic projection or coupling, in the order of its connections."""
    pre, post, _ = projection.connections()
    of = pre if axis == "pre" else post
    weight = projection.values("w", step)
    sums = np.bincount(of, weight, totals.size).astype(np.float64)
    counts = np.bincount(of, minlength=totals.size).astype(np.float64)
    factor = scaling(projection.projection.name, axis, sums, counts, totals)
    low, high = projection.rule.bounds
    projection.write("w", np.clip(weight * factor[of], low, high), step)


def table(projections: Sequence[PlasticProjection], n_tiles: int) -> Ints:
    """Return what the loop reads of all plastic projections: (n_projections, n_tiles, P_WIDTH)."""
    part: Ints = np.zeros((len(projections), n_tiles, k.P_WIDTH), np.int64)
    for p, projection in enumerate(projections):
        for t, of_tile in enumerate(projection.parts):
            part[p, t] = of_tile.row
    return part
