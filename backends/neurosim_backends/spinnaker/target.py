"""How a network fits on SpiNNaker: as sPyNNaker would place it, and as it does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from neurosim.backend import Options
from neurosim.capabilities import judge, nearest_of
from neurosim.describe.network import Network
from neurosim.environments import Environment
from neurosim.errors import DescriptionError
from neurosim.fit.check import Terms
from neurosim.fit.limits import Chip
from neurosim.fit.report import Core, Fit, Misfit, Part
from neurosim.lower.lowering import lower
from neurosim.lower.plan import Plan
from neurosim_backends.spinnaker.declared import CAPABILITIES
from neurosim_backends.spinnaker.environment import ENVIRONMENT
from neurosim_backends.spinnaker.graph import Edge, Vertex, edges_of, vertices_of
from neurosim_backends.spinnaker.limits import (
    MACHINE_1,
    MACHINE_2,
    SPINNAKER1,
    SPINNAKER2,
    Board,
    Machine,
)
from neurosim_backends.spinnaker.predict import (
    Facts,
    Group,
    delay_slots,
    facts_of,
    finest,
    groups_of,
    longest_delay,
    ring_buffer_bytes,
    synapse_bytes,
)


class _Spinnaker:
    """A generation of SpiNNaker as a target."""

    chip: Chip
    machine: Machine
    environment: Environment | None = ENVIRONMENT

    def place(self, network: Network, terms: Terms) -> Fit:
        """Tell how a network fits."""
        if terms.chips is not None:
            raise DescriptionError(
                "check: chips",
                terms.chips,
                "nothing, on SpiNNaker: `board` says how many there are",
            )
        version = self.machine.board if terms.board is None else terms.board
        if version not in self.machine.boards:
            known = " or ".join(map(str, self.machine.boards))
            raise DescriptionError("check: board", version, f"{known}, for {self.chip.name}")
        board = self.machine.boards[version]
        misfits = list(_refused(network, Options(dt=terms.dt)))
        fit = Fit(
            network=network.name, chip=self.chip, dt=terms.dt, neurons=network.size, synapses=0,
            cores=(), most_chips=board.chips, misfits=tuple(misfits),
        )  # fmt: skip
        if misfits:
            return fit
        plan = lower(network, terms.dt)
        vertices = vertices_of(network, plan)
        facts: list[Facts] = []
        for edge in edges_of(plan, vertices):
            if isinstance(edge, Misfit):
                misfits.append(edge)
            else:
                facts.append(facts_of(edge, vertices))
        if misfits:
            return replace(fit, misfits=tuple(misfits))
        misfits += _delays(vertices, facts, terms.dt)
        misfits += _weights(vertices, facts, terms.dt)
        free = self.chip.most("cores") - self.machine.system_cores
        groups = groups_of(vertices, facts, terms.dt, free)
        cores = self._cores(vertices, facts, groups)
        misfits += self._beyond(board, cores, terms.dt)
        fit = replace(
            fit, cores=tuple(cores), synapses=sum(f.synapses for f in facts),
            misfits=tuple(misfits), notes=tuple(_notes(vertices, facts, terms.dt)),
        )  # fmt: skip
        if terms.map and fit.fits:
            from neurosim_backends.spinnaker.mapping import map_by_spynnaker

            edges = (e for e in edges_of(plan, vertices) if isinstance(e, Edge))
            return replace(fit, mapped=map_by_spynnaker(vertices, edges, terms.dt, version))
        return fit

    def _cores(
        self, vertices: Sequence[Vertex], facts: Sequence[Facts], groups: Sequence[Group]
    ) -> list[Core]:
        incoming: list[list[Facts]] = [[] for _ in vertices]
        for fact in facts:
            incoming[fact.edge.post].append(fact)
        found = []
        chip, free = 0, self._free(0)
        for group in groups:
            if free < len(group.kinds):
                chip, free = chip + 1, self._free(chip + 1)
            free -= len(group.kinds)
            mine = incoming[group.vertex]
            vertex = vertices[group.vertex]
            beside = iter(group.beside)
            for k, kind in enumerate(group.kinds):
                of = vertices[next(beside)] if k and kind == "source" else vertex
                n = group.end - group.first
                part = Part(population=of.name, first=group.first, end=group.end, kind=kind)
                use = {}
                if kind == "neurons":
                    use["neurons"] = n
                if of.model == "SpikeSourcePoisson" and kind == "source":
                    use["poisson_sources"] = n
                alone = "synapses" not in group.kinds
                if mine and (kind == "synapses" or (kind == "neurons" and alone)):
                    use["ring_buffer_bytes"] = ring_buffer_bytes(vertex, mine)
                    if kind == "neurons" or k == 1:
                        use["synapse_bytes"] = synapse_bytes(vertices, mine)
                found.append(Core(chip=chip, parts=(part,), use=use))
        return found

    def _free(self, chip: int) -> int:
        taken = self.machine.system_cores + (self.machine.ethernet_cores if chip == 0 else 0)
        return self.chip.most("cores") - taken

    def _beyond(self, board: Board, cores: Sequence[Core], dt: float) -> Iterator[Misfit]:
        """Yield that a board is too small, or the memory of a chip."""
        taken = self.machine.system_cores * board.chips + self.machine.ethernet_cores
        most = board.cores - taken
        if len(cores) > most:
            larger = [
                b.version
                for b in self.machine.boards.values()
                if b.cores - self.machine.system_cores * b.chips - 1 >= len(cores)
            ]
            ways = [f"Use board {version}" for version in larger[:1]]
            if not larger:
                ways.append(f"Use {-(-len(cores) // most)} boards")
            if dt < 1.0 and any(part.kind == "synapses" for c in cores for part in c.parts):
                ways.append("dt=1, from which on synapses need no cores of their own")
            yield Misfit(
                part="Network", field="cores", value=f"{len(cores):,}",
                limit=f"board {board.version} has {most:,} besides those of the system",
                remedy=", or ".join(ways),
            )  # fmt: skip
        sdram = self.chip.most("synapse_bytes")
        told = set()
        for core in cores:
            used, name = core.use.get("synapse_bytes", 0), core.parts[0].population
            if used > sdram and name not in told:
                told.add(name)
                yield Misfit(
                    part=f"Population {name!r}",
                    field="rows of synapses",
                    value=f"{used:,} bytes",
                    limit=f"a chip has {sdram:,}",
                    remedy="Use fewer presynaptic neurons, or shorter rows onto each core",
                )


class Spinnaker1(_Spinnaker):
    """The first generation."""

    chip = SPINNAKER1
    machine = MACHINE_1


class Spinnaker2(_Spinnaker):
    """The second generation."""

    chip = SPINNAKER2
    machine = MACHINE_2


def roundings(network: Network, plan: Plan) -> tuple[list[Misfit], list[str]]:
    """Return whose weights SpiNNaker would round to 0, and the grids of all, in a sentence each."""
    vertices = vertices_of(network, plan)
    edges = (e for e in edges_of(plan, vertices) if isinstance(e, Edge))
    facts = [facts_of(edge, vertices) for edge in edges]
    grids = list(_grids(vertices, facts, plan.dt))
    return list(_weights(vertices, facts, plan.dt)), grids


def _refused(network: Network, options: Options) -> Iterator[Misfit]:
    for judged in judge(network, CAPABILITIES, (), options):
        if judged.level == "refused":
            nearest = nearest_of(judged.use, judged.support)
            yield Misfit(
                part=judged.use.part, field=judged.use.title, value="", limit=judged.how,
                remedy=f"Nearest that works: {nearest or 'leave it out'}",
            )  # fmt: skip


def _delays(vertices: Sequence[Vertex], facts: Sequence[Facts], dt: float) -> Iterator[Misfit]:
    for f in facts:
        most = longest_delay(vertices[f.edge.post])
        if f.delay > most:
            yield Misfit(
                part=f.edge.part, field="delay", value=f"{f.delay} steps",
                limit=f"onto a core of {min(256, vertices[f.edge.post].size)} neurons there are "
                f"at most {most} steps, with extensions",
                remedy=f"Use delays up to {most * dt:g} ms, or dt of at least "
                f"{f.delay * dt / most:.3g} ms",
            )  # fmt: skip


def _weights(vertices: Sequence[Vertex], facts: Sequence[Facts], dt: float) -> Iterator[Misfit]:
    """Yield projections of which hardly a weight is left beside others of the same receptor."""
    for f in facts:
        mine = [g for g in facts if g.edge.post == f.edge.post]
        unit = finest(vertices[f.edge.post], mine, f.edge.receptor, dt)
        if 0 < f.most < unit / 2:
            yield Misfit(
                part=f.edge.part, field="weight", value=f"at most {f.most / f.edge.per_weight:.3g}",
                limit=f"weights onto this receptor are multiples of "
                f"{unit / f.edge.per_weight:.3g}, and these are rounded to 0",
                remedy="Use larger weights, or smaller ones and fewer of them beside these",
            )  # fmt: skip


def _grids(vertices: Sequence[Vertex], facts: Sequence[Facts], dt: float) -> Iterator[str]:
    """Yield the grid of weights of each receptor."""
    for k, vertex in enumerate(vertices):
        mine = [f for f in facts if f.edge.post == k]
        for side in ("excitatory", "inhibitory"):
            of_side = [f for f in mine if f.edge.receptor == side]
            if of_side:
                unit = finest(vertex, mine, side, dt) / abs(of_side[0].edge.per_weight)
                yield f"Weights onto {vertex.name!r}, {side}: multiples of {unit:.3g}."


def _notes(vertices: Sequence[Vertex], facts: Sequence[Facts], dt: float) -> Iterator[str]:
    """Yield the grid of weights of each receptor, and who needs delay extensions."""
    yield from _grids(vertices, facts, dt)
    for k, vertex in enumerate(vertices):
        sent = [f for f in facts if f.edge.pre == k]
        late = [f for f in sent if f.delay > delay_slots(vertices[f.edge.post])]
        if late:
            slots = min(delay_slots(vertices[f.edge.post]) for f in late)
            yield (
                f"Population {vertex.name!r} gets cores that hold its spikes back: delays of "
                f"{max(f.delay for f in late)} steps, where a core has {slots}."
            )
