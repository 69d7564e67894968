"""A whole network as a `torch.nn.Module`: (time, batch, ...) in, (time, batch, ...) out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from typing import Any

import numpy as np
import torch
from scipy.sparse.csgraph import connected_components

from neurosim.describe.projection import INJECTED
from neurosim.engine.couplings import pair_of
from neurosim.engine.replay import Chunk, Replay
from neurosim.engine.wiring import enumerate_connections
from neurosim.equations.pairs import Pair
from neurosim.errors import DescriptionError, UnknownNameError
from neurosim.lower.plan import Plan, PlanCoupling, PlanPopulation
from neurosim_backends._torch.cells import Cell, CellState
from neurosim_backends._torch.expressions import pair_function, total_function
from neurosim_backends._torch.links import Part, Projection, Wiring
from neurosim_backends._torch.scans import Scan, scan_of

MakeCell = Callable[[PlanPopulation, Mapping[str, Any], Mapping[str, Any], frozenset[str]], Cell]
"""(population, parameters, states, what reaches it) -> its module."""


@dataclass
class NetworkState:
    """Where a network stands.

    Attributes
    ----------
    step : int
    cells : dict
        Population -> `CellState`.
    under_way : dict
        Key of a part of a projection -> what has not arrived yet.
    """

    step: int
    cells: dict[int, CellState]
    under_way: dict[str, torch.Tensor]

    def detach(self) -> NetworkState:
        """Return the same without its past: for truncated backpropagation through time."""
        cells = {
            k: CellState(
                tuple(value.detach() for value in c.values),
                None if c.held is None else c.held.detach(),
            )
            for k, c in self.cells.items()
        }
        return NetworkState(
            self.step, cells, {k: tensor.detach() for k, tensor in self.under_way.items()}
        )


@dataclass
class Output:
    """What a network did.

    Attributes
    ----------
    spikes : dict
        Population -> (time, batch, *shape): how many spikes in the step that ends then.
    states : dict
        (population, state) -> (time, batch, *shape), at the ends of the steps; those that were
        asked for.
    state : NetworkState
        Where the network stands afterwards; goes into the next call to run on.
    """

    spikes: dict[str, torch.Tensor]
    states: dict[tuple[str, str], torch.Tensor]
    state: NetworkState


@dataclass
class Course:
    """What one call needs at hand in every step; tables are (time, batch or 1, size).

    Attributes
    ----------
    weights : dict
        Key of a part -> its weights as they are used.
    constants : dict
        Population -> what does not change.
    arrived : dict
        (population, receptor) -> what is known to arrive.
    injected, uniforms : dict
        Population -> table.
    normals : dict
        Population -> (time, n_normals, size).
    outside : dict
        Source -> what it emits: spikes or currents.
    """

    weights: dict[str, torch.Tensor]
    constants: dict[int, dict[str, Any]]
    arrived: dict[tuple[int, str], torch.Tensor] = field(default_factory=dict)
    injected: dict[int, torch.Tensor] = field(default_factory=dict)
    normals: dict[int, torch.Tensor] = field(default_factory=dict)
    uniforms: dict[int, torch.Tensor] = field(default_factory=dict)
    outside: dict[int, torch.Tensor] = field(default_factory=dict)


@dataclass(frozen=True)
class Inlet:
    """A continuous coupling, or the part of it between two populations."""

    coupling: PlanCoupling
    keys: tuple[str, ...]
    post: int
    pair: Pair
    value: Callable[[Mapping[str, Any]], Any] | None
    """None where a connection brings nothing but the state that it reads."""
    total: Callable[[Mapping[str, Any]], Any] | None
    parameters: Mapping[str, Any]


class PlanModule(torch.nn.Module):  # type: ignore[misc]
    """A network.

    Attributes
    ----------
    cells : ModuleDict
        Population -> what advances it.
    projections : ModuleDict
        Projection -> its weights, the parameters of the module.
    receptors : dict
        Key of a part of a projection of spikes -> receptor of its targets.
    fused : bool
        Whether populations that do not depend on what they cause are run through all steps one
        after another: what they receive in one product, their steps in one compiled scan. Set it
        to False, and every step of all is done before the next, by the cells alone.
    """

    fused = True

    def __init__(self, plan: Plan, make_cell: MakeCell, trial: int, single: bool) -> None:
        super().__init__()
        self.plan = plan
        self._make_cell = make_cell
        self._trial = trial
        self._replay: Replay | None = None
        self._chunk: Chunk | None = None
        self._ordered: tuple[tuple[int, ...], ...] | None = None
        self._scans: dict[tuple[int, bool], tuple[Cell, bool, Scan | None]] = {}
        self.register_buffer(
            "like", torch.zeros((), dtype=torch.float32 if single else torch.float64),
            persistent=False,
        )  # fmt: skip
        self._names = _usable_names(
            [p.name for p in plan.populations]
            + [p.name for p in plan.projections]
            + [c.name for c in plan.couplings]
        )
        self.projections = torch.nn.ModuleDict()
        self.parts = torch.nn.ModuleDict()
        self.receptors: dict[str, str] = {}
        self._inlets: list[Inlet] = []
        self._wire()
        self.cells = torch.nn.ModuleDict()
        for p in plan.populations:
            if p.spec is not None:
                self._put_cell(p.index, p.parameters, p.initial)
        self._sources = {p.index: p for p in plan.populations if p.source is not None}
        self.to(self.like)

    # --- building -----------------------------------------------------------------------------

    def _wire(self) -> None:
        plan = self.plan
        offsets = np.array([p.offset for p in plan.populations])
        for p in plan.projections:
            found = enumerate_connections(p, plan.seed, plan.dt)
            wiring = Wiring(
                p.name, p.pre.size, p.post.size, found.pre_position, found.post_position,
                p.pre[found.pre_position], p.post[found.post_position], found.weight,
                found.delay_steps,
            )  # fmt: skip
            for key in self._add_projection(wiring, offsets):
                self.receptors[key] = p.receptor
        for c in plan.couplings:
            order = np.lexsort((c.post_position, c.pre_position))
            wiring = Wiring(
                c.name, int(c.pre_position.max(initial=-1)) + 1,
                int(c.post_position.max(initial=-1)) + 1, c.pre_position[order],
                c.post_position[order], c.pre[order], c.post[order], c.weight[order],
                np.ones(order.size, np.int64),
            )  # fmt: skip
            listed = not _is_plain(plan, c)
            keys = self._add_projection(wiring, offsets, listed=listed)
            for post in sorted({self.part(key).post for key in keys}):
                mine = tuple(key for key in keys if self.part(key).post == post)
                self._inlets.append(self._inlet(c, mine, post, order))

    def _inlet(self, c: PlanCoupling, keys: tuple[str, ...], post: int, order: Any) -> Inlet:
        spec = self.plan.populations[post].spec
        assert spec is not None
        kinds = {inlet.name: inlet.kind for inlet in spec.couplings}
        pair = pair_of(c, kinds.get(c.coupling, "additive"))
        plain = _is_plain(self.plan, c)
        # In the order of the weights, like all that belongs to connections.
        parameters = {
            name: torch.tensor(np.asarray(value)[order]) if np.ndim(value) else float(value)
            for name, value in c.parameters.items()
        }
        return Inlet(
            c, keys, post, pair, None if plain else pair_function(pair), total_function(pair),
            parameters,
        )  # fmt: skip

    def _symbol(self, population: int, c: PlanCoupling) -> str:
        """Return the symbol that the program reads an inlet by."""
        spec = self.plan.populations[population].spec
        assert spec is not None
        return next(inlet.symbol for inlet in spec.couplings if inlet.name == c.coupling)

    def part(self, key: str) -> Part:
        """Return the part of a projection between two populations."""
        found = self.parts[key]
        assert isinstance(found, Part)
        return found

    def _add_projection(self, wiring: Wiring, offsets: Any, *, listed: bool = False) -> list[str]:
        """Add the weights of a projection, and its parts; return the keys of these."""
        made = Projection(wiring)
        name = self._names[wiring.name]
        self.projections[name] = made
        pre = np.searchsorted(offsets, wiring.pre, side="right") - 1
        post = np.searchsorted(offsets, wiring.post, side="right") - 1
        keys = []
        for i in np.unique(pre):
            for j in np.unique(post[pre == i]):
                chosen = np.flatnonzero((pre == i) & (post == j))
                ends = [
                    (k, self.plan.populations[k].offset, self.plan.populations[k].size)
                    for k in (int(i), int(j))
                ]
                keys.append(f"{name}:{i}:{j}")
                self.parts[keys[-1]] = Part(made, chosen, ends[0], ends[1], listed=listed)
        return keys

    def _given(self, population: int) -> frozenset[str]:
        """Tell what reaches a population, as a step names it."""
        plan = self.plan
        ids = plan.populations[population].ids

        def here(targets: Any) -> bool:
            return bool(np.any((targets >= ids.start) & (targets < ids.stop)))

        given = {
            f"w:{self.receptors[key]}"
            for key, part in self.parts.items()
            if part.post == population and key in self.receptors
        }
        given |= {f"w:{d.receptor}" for d in plan.drives if here(d.ids)}
        if any(here(i.ids) for i in plan.injections):
            given.add("I_injected")
        for c in plan.couplings:
            if here(c.post):
                given.add("I_injected" if c.coupling == INJECTED else self._symbol(population, c))
        return frozenset(given)

    def _put_cell(
        self, population: int, parameters: Mapping[str, Any], states: Mapping[str, Any]
    ) -> None:
        p = self.plan.populations[population]
        cell = self._make_cell(p, parameters, states, self._given(population))
        assert isinstance(cell, torch.nn.Module)
        self.cells[self._names[p.name]] = cell
        cell.to(self.like)

    def cell(self, population: int) -> Cell:
        """Return what advances a population."""
        found = self.cells[self._names[self.plan.populations[population].name]]
        assert isinstance(found, Cell)
        return found

    def renew(
        self, population: int, parameters: Mapping[str, Any], states: Mapping[str, Any]
    ) -> None:
        """Make a population's cell anew, with other parameters or states."""
        self._put_cell(population, parameters, states)

    def weights_of(self, name: str) -> Projection:
        """Return the weights of a projection."""
        found = self.projections[self._names[name]]
        assert isinstance(found, Projection)
        return found

    # --- state --------------------------------------------------------------------------------

    def start(self, batch: int = 1) -> NetworkState:
        """Return the initial state of so many copies of the network."""
        cells = {}
        for p in self.plan.populations:
            if p.spec is None:
                continue
            values = tuple(self._initial(p, s, batch) for s in p.spec.states)
            held = None
            if p.spec.refractory is not None:
                held = self.like.new_zeros((batch, p.size))
            cells[p.index] = CellState(values, held)
        under_way = {
            key: part.start(batch) for key, part in self.parts.items() if key in self.receptors
        }
        return NetworkState(0, cells, under_way)

    def _initial(self, p: PlanPopulation, state: str, batch: int) -> torch.Tensor:
        """Return a state at the start; one that begins at a trained parameter moves with it."""
        assert p.spec is not None
        first: Any = p.initial[state]
        of = p.spec.initial.get(state)
        learned = self.cell(p.index).learned
        if of in learned and np.array_equal(first, p.parameters[str(of)]):
            return learned[str(of)].value().to(self.like).expand(batch, p.size)
        return torch.tensor(np.broadcast_to(first, (batch, p.size)).copy()).to(self.like)

    # --- running ------------------------------------------------------------------------------

    def forward(
        self,
        inputs: torch.Tensor | Mapping[str, torch.Tensor],
        state: NetworkState | None = None,
        record: Iterable[tuple[str, str]] = (),
    ) -> Output:
        """Run the network.

        Parameters
        ----------
        inputs : (time, batch, *shape) tensor, or mapping of such
            Spikes or currents of its ``Input`` population; by name where there are several.
        state : NetworkState, optional
            Where to begin: ``output.state`` of an earlier call; left out, at the start.
        record : iterable of (population, state)
            States to keep.

        Returns
        -------
        Output
            What is random besides is that of the CPU core, the same for all of a batch.
        """
        given = self._checked(inputs)
        n_steps, batch = next(iter(given.values())).shape[:2]
        state = self.start(batch) if state is None else state
        course, state = self.open(state, self.replayed(state.step, n_steps), given, batch)
        wanted = self._wanted(record)
        traced = {k for k, _ in wanted.values()}
        spikes: dict[int, torch.Tensor] = {}
        states: dict[tuple[int, int], torch.Tensor] = {}
        for group in self.groups():
            self._deliver(group, spikes, course, state)
            scan = self._scan(group)
            if scan is None:
                fired, rows = self._in_steps(group, n_steps, course, state, traced)
            else:
                (k,) = group
                now, rows_of, state.cells[k] = scan.run(
                    n_steps, course.constants[k], _tables(k, course), state.cells[k],
                    traced=k in traced,
                )  # fmt: skip
                fired = {} if now is None else {k: now}
                rows = {} if rows_of is None else {(k, i): r for i, r in enumerate(rows_of)}
            spikes |= fired
            states |= rows
        state.step += n_steps
        return Output(
            {self.plan.populations[k].name: self._shaped(v, self.plan.populations[k].name)
             for k, v in sorted(spikes.items())},
            {key: self._shaped(states[place], key[0]) for key, place in wanted.items()},
            state,
        )  # fmt: skip

    def groups(self) -> tuple[tuple[int, ...], ...]:
        """Return populations that must be advanced together, each group after what it hears."""
        if not self.fused:
            return (tuple(p.index for p in self.plan.populations if p.spec is not None),)
        return self.loops()

    def loops(self) -> tuple[tuple[int, ...], ...]:
        """Return populations that hear each other, each group after those that it hears."""
        if self._ordered is None:
            cells = [p.index for p in self.plan.populations if p.spec is not None]
            ends = [(self.part(key).pre, self.part(key).post) for key in self.receptors]
            for inlet in self._inlets:
                for key in inlet.keys:
                    part = self.part(key)
                    ends += [(part.pre, part.post), (part.post, part.pre)]
            self._ordered = _in_order(cells, ends)
        return self._ordered

    def _scan(self, group: tuple[int, ...]) -> Scan | None:
        """Return the scan of a group; None if its steps depend on each other, or have no scan."""
        if not self.fused or len(group) > 1 or self.like.device.type != "cpu":
            return None
        (k,) = group
        if any(part.pre == part.post == k for part in map(self.part, self.parts)):
            return None
        gradients = torch.is_grad_enabled()
        known = self._scans.get((k, gradients))
        cell, single = self.cell(k), self.like.dtype == torch.float32
        if known is None or known[0] is not cell or known[1] != single:
            known = cell, single, scan_of(cell, single, gradients=gradients)
            self._scans[k, gradients] = known
        return known[2]

    def _deliver(
        self, group: tuple[int, ...], spikes: Mapping[int, torch.Tensor], course: Course,
        state: NetworkState,
    ) -> None:  # fmt: skip
        """Add up what reaches a group from groups before it."""
        for key, receptor in self.receptors.items():
            part = self.part(key)
            if part.post in group and part.pre in spikes:
                rows, state.under_way[key] = part.arrive_all(
                    state.under_way[key], spikes[part.pre], course.weights[key]
                )
                _add(course.arrived, (part.post, receptor), rows)

    def _in_steps(
        self, group: tuple[int, ...], n_steps: int, course: Course, state: NetworkState,
        traced: Collection[int],
    ) -> tuple[dict[int, torch.Tensor], dict[tuple[int, int], torch.Tensor]]:  # fmt: skip
        """Advance a group step by step; return spikes, and states where they are traced."""
        fired: dict[int, list[torch.Tensor]] = {k: [] for k in group}
        kept: dict[tuple[int, int], list[torch.Tensor]] = {
            (k, i): []
            for k in traced if k in group
            for i in range(len(state.cells[k].values))
        }  # fmt: skip
        for j in range(n_steps):
            for k, now in self._advance(j, group, course, state)[0].items():
                fired[k].append(now)
            for (k, i), rows in kept.items():
                rows.append(state.cells[k].values[i])
        return (
            {k: torch.stack(v) for k, v in fired.items() if v},
            {place: torch.stack(v) for place, v in kept.items()},
        )

    def _checked(self, inputs: Any) -> dict[int, torch.Tensor]:
        fed = {p.name: p for p in self._sources.values() if hasattr(p.source, "kind")}
        if isinstance(inputs, torch.Tensor):
            if len(fed) != 1:
                raise DescriptionError(
                    "module: inputs", tuple(inputs.shape),
                    f"a mapping of the Input populations {', '.join(fed) or '(there are none)'}",
                )  # fmt: skip
            inputs = {next(iter(fed)): inputs}
        require_mapping(inputs, "module: inputs")
        made = {}
        for name in inputs:
            if name not in fed:
                raise UnknownNameError("module: inputs", name, fed)
        for name, p in fed.items():
            if name not in inputs:
                raise DescriptionError(f"module: inputs[{name!r}]", None, "a tensor")
            x = inputs[name]
            require_tensor(x, f"module: inputs[{name!r}]")
            if tuple(x.shape[2:]) not in (p.shape, (p.size,)):
                told = ", ".join(("time", "batch", *map(str, p.shape)))
                raise DescriptionError(
                    f"module: inputs[{name!r}]", tuple(x.shape), f"the shape ({told})"
                )
            made[p.index] = x.reshape(*x.shape[:2], p.size).to(self.like)
        lengths = {tuple(x.shape[:2]) for x in made.values()}
        if len(lengths) != 1:
            raise DescriptionError(
                "module: inputs", sorted(lengths), "tensors of one time and one batch"
            )
        return made

    def _shaped(self, rows: torch.Tensor, name: str) -> torch.Tensor:
        shape = next(p.shape for p in self.plan.populations if p.name == name)
        return rows.reshape(*rows.shape[:2], *shape)

    def _wanted(self, record: Iterable[tuple[str, str]]) -> dict[tuple[str, str], tuple[int, int]]:
        by_name = {p.name: p for p in self.plan.populations if p.spec is not None}
        found = {}
        for name, state in record:
            if name not in by_name:
                raise UnknownNameError("module: record", name, by_name)
            p = by_name[name]
            assert p.spec is not None
            if state not in p.spec.states:
                raise UnknownNameError(f"module: record of {name!r}", state, p.spec.states)
            found[name, state] = p.index, p.spec.states.index(state)
        return found

    def replayed(self, first: int, n_steps: int) -> Chunk:
        """Return what is random, or was given, in these steps."""
        if self._is_closed:
            return Chunk(first_step=first, n_steps=n_steps)
        known = self._chunk
        if known is not None and (known.first_step, known.n_steps) == (first, n_steps):
            return known
        if self._replay is None:
            self._replay = Replay(self.plan, self._trial)
        if self._replay.step > first:
            self._replay.reset()
        if self._replay.step < first:
            self._replay.next(first - self._replay.step)
        self._chunk = self._replay.next(n_steps)
        return self._chunk

    @property
    def bytes_per_step(self) -> int:
        """Memory that one step of what `open` brings together takes."""
        replayed = self._replay.bytes_per_step if self._replay is not None else 0
        return replayed + sum(16 * p.size for p in self.plan.populations)

    @property
    def _is_closed(self) -> bool:
        """Whether nothing enters but what is handed over."""
        if self.plan.drives or self.plan.injections:
            return False
        return not any(
            p.spec.n_normals or p.spec.hazard is not None
            if p.spec is not None
            else not hasattr(p.source, "kind")
            for p in self.plan.populations
        )

    def open(
        self, state: NetworkState, chunk: Chunk, given: Mapping[int, torch.Tensor], batch: int
    ) -> tuple[Course, NetworkState]:
        """Bring together what is known of a run beforehand; what sources send is added up here.

        Parameters
        ----------
        state : NetworkState
        chunk : Chunk
            What enters from outside.
        given : mapping
            ``Input`` population -> (time, batch, size).
        batch : int

        Returns
        -------
        course : Course
        state : NetworkState
            A copy, which `advance` changes.
        """
        n_steps = chunk.n_steps
        course = Course(
            {key: self.part(key).weights() for key in self.parts},
            {k: self.cell(k).constants() for k in state.cells},
            injected={k: self._table(t) for k, t in chunk.injected.items()},
            normals={k: torch.tensor(t).to(self.like) for k, t in chunk.normals.items()},
            uniforms={k: self._table(t) for k, t in chunk.uniforms.items()},
        )
        for place, table in chunk.arrivals.items():
            course.arrived[place] = self._table(table)
        for index, p in self._sources.items():
            if index in given:
                course.outside[index] = given[index]
            elif getattr(p.source, "kind", "spikes") == "spikes":
                course.outside[index] = self._emitted(chunk, index).expand(n_steps, batch, p.size)
        under_way = dict(state.under_way)
        for key, receptor in self.receptors.items():
            part = self.part(key)
            if part.pre in course.outside:
                rows, under_way[key] = part.arrive_all(
                    under_way[key], course.outside[part.pre], course.weights[key]
                )
                _add(course.arrived, (part.post, receptor), rows)
        for inlet in self._inlets:
            if inlet.coupling.coupling == INJECTED:
                for key in inlet.keys:
                    part = self.part(key)
                    x = course.outside[part.pre]
                    _add(course.injected, inlet.post, part.spread(x, course.weights[key]))
        self._sent = [
            (key, self.part(key), receptor)
            for key, receptor in self.receptors.items()
            if self.part(key).pre not in course.outside
        ]
        return course, NetworkState(state.step, dict(state.cells), under_way)

    def _table(self, table: Any) -> torch.Tensor:
        return torch.tensor(table).to(self.like)[:, None]

    def _emitted(self, chunk: Chunk, population: int) -> torch.Tensor:
        """Return the spikes of a source in a chunk: (n_steps, 1, size)."""
        rows = np.zeros((chunk.n_steps, self.plan.populations[population].size))
        if population in chunk.trains:
            labels, ids = chunk.trains[population]
            np.add.at(rows, (labels - 1 - chunk.first_step, ids), 1.0)
        return self._table(rows)

    def advance(
        self, j: int, course: Course, state: NetworkState
    ) -> tuple[dict[int, torch.Tensor], dict[int, tuple[torch.Tensor, ...]]]:
        """Do step j of a course, and change `state`.

        Returns
        -------
        spikes : dict
            Population -> (batch, size).
        before : dict
            Population -> its states before the reset.
        """
        group = tuple(course.constants)
        found = self._advance(j, group, course, state)
        state.step += 1
        return found

    def _advance(
        self, j: int, group: tuple[int, ...], course: Course, state: NetworkState
    ) -> tuple[dict[int, torch.Tensor], dict[int, tuple[torch.Tensor, ...]]]:
        """Do step j of some populations, which hear what others send from the course."""
        coupled = self._coupled(j, group, course, state.cells)
        sent = [e for e in self._sent if e[1].pre in group and e[1].post in group]
        inputs: dict[int, dict[str, Any]] = {k: dict(course.constants[k]) for k in group}
        for (k, receptor), rows in course.arrived.items():
            if k in inputs:
                inputs[k][f"w:{receptor}"] = rows[j]
        for key, part, receptor in sent:
            brought = part.arrive(state.under_way[key], course.weights[key])
            _add(inputs[part.post], f"w:{receptor}", brought)
        spikes: dict[int, torch.Tensor] = {}
        before: dict[int, tuple[torch.Tensor, ...]] = {}
        for (k, name), value in coupled.items():
            inputs[k][name] = value
        for k, v in inputs.items():
            if k in course.injected:
                v["I_injected"] = course.injected[k][j]
            if k in course.normals:
                for n, row in enumerate(course.normals[k][j]):
                    v[f"normal_{n}"] = row
            if k in course.uniforms:
                v["uniform"] = course.uniforms[k][j]
            fired, state.cells[k], before[k] = self.cell(k).advance(v, state.cells[k])
            if fired is not None:
                spikes[k] = fired
        for key, part, _ in sent:
            state.under_way[key] = part.send(
                state.under_way[key], spikes[part.pre], course.weights[key]
            )
        return spikes, before

    def _coupled(
        self, j: int, group: tuple[int, ...], course: Course, cells: Mapping[int, CellState]
    ) -> dict[tuple[int, str], torch.Tensor]:
        """Return what continuous couplings bring at t: (population, inlet) -> (batch, size)."""
        found: dict[tuple[int, str], torch.Tensor] = {}
        for inlet in self._inlets:
            if inlet.coupling.coupling == INJECTED or inlet.post not in group:
                continue
            sums: dict[int, torch.Tensor] = {}
            for key in inlet.keys:
                part = self.part(key)
                if inlet.value is None:
                    x = self._read(part.pre, inlet.pair.pre[0], j, course, cells)
                    _add(sums, 0, part.spread(x, course.weights[key]))
                    continue
                v: dict[str, Any] = {
                    name: value.to(self.like)[part.index] if torch.is_tensor(value) else value
                    for name, value in inlet.parameters.items()
                }
                for name in inlet.pair.pre:
                    x = self._read(part.pre, name, j, course, cells)
                    v[f"pre:{name}"] = x[:, part.source]
                for name in inlet.pair.post:
                    x = self._read(part.post, name, j, course, cells)
                    v[f"post:{name}"] = x[:, part.target]
                brought = inlet.value(v) * course.weights[key]
                into = brought.new_zeros((brought.shape[0], part.n_post))
                _add(sums, 0, into.index_add(1, part.target, brought))
            total = sums[0]
            if inlet.total is not None:
                p = self.plan.populations[inlet.post]
                targets = inlet.coupling.targets - p.offset
                reached = total.new_zeros(p.size)
                reached[targets[(targets >= 0) & (targets < p.size)]] = 1
                total = reached * inlet.total({"total": total, **inlet.parameters})
            _add(found, (inlet.post, self._symbol(inlet.post, inlet.coupling)), total)
        return found

    def _read(
        self, population: int, name: str, j: int, course: Course, cells: Mapping[int, CellState]
    ) -> torch.Tensor:
        if population in course.outside:
            return course.outside[population][j]
        spec = self.plan.populations[population].spec
        assert spec is not None
        return cells[population].values[spec.states.index(name)]


def require_mapping(inputs: Any, place: str) -> None:
    """Refuse what is neither a tensor, which is looked at before, nor tensors by name."""
    if not isinstance(inputs, Mapping):
        raise DescriptionError(
            place, inputs, "a tensor, or a mapping of Input populations to tensors",
            f"It is of type {type(inputs).__name__}; torch.as_tensor makes a tensor of an array.",
        )  # fmt: skip


def require_tensor(x: Any, place: str) -> None:
    """Refuse what torch has no gradient of."""
    if not isinstance(x, torch.Tensor):
        raise DescriptionError(
            place, x, "a tensor",
            f"It is of type {type(x).__name__}; torch.as_tensor makes a tensor of an array.",
        )  # fmt: skip


def _add(rows: dict[Any, torch.Tensor], place: Any, more: torch.Tensor) -> None:
    rows[place] = rows[place] + more if place in rows else more


def _tables(population: int, course: Course) -> dict[str, torch.Tensor]:
    """Return what is known to enter a population, by the names of its step."""
    found = {f"w:{r}": rows for (k, r), rows in course.arrived.items() if k == population}
    if population in course.injected:
        found["I_injected"] = course.injected[population]
    return found


def _in_order(cells: list[int], ends: list[tuple[int, int]]) -> tuple[tuple[int, ...], ...]:
    """Return groups of populations on common loops, each after those it hears."""
    place = {k: i for i, k in enumerate(cells)}
    pairs = [(place[a], place[b]) for a, b in ends if a in place and b in place]
    heard = np.zeros((len(cells), len(cells)), np.bool_)
    for a, b in pairs:
        heard[a, b] = True
    _, label = connected_components(heard, directed=True, connection="strong")
    groups = {int(n): tuple(cells[i] for i in np.flatnonzero(label == n)) for n in label}
    before = {n: {int(label[a]) for a, b in pairs if label[b] == n} - {n} for n in groups}
    return tuple(groups[n] for n in TopologicalSorter(before).static_order())


def _is_plain(plan: Plan, c: PlanCoupling) -> bool:
    """Whether a coupling sums weighted states, as a matrix does."""
    if c.pair is not None or not c.post.size:
        return c.pair is None
    for p in plan.populations:
        if p.spec is not None and p.offset <= c.post[0] < p.offset + p.size:
            kinds = {inlet.name: inlet.kind for inlet in p.spec.couplings}
            return kinds.get(c.coupling, "additive") == "additive"
    return True


def _usable_names(names: Iterable[str]) -> dict[str, str]:
    """Return names that a module may have: torch reads a dot as a path."""
    found: dict[str, str] = {}
    for name in names:
        wanted = name.replace(".", "_")
        while wanted in found.values():
            wanted += "_"
        found[name] = wanted
    return found
