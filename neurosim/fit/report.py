"""The answer of `check`: cores, what they hold, what does not fit, what would help."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from neurosim.fit.limits import Chip

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from rich.console import Group

LISTED = 12
"""Cores that a printout lists; `Fit.cores` has all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Neurons of one population on a core: ids `first` to `end` - 1 of it, and what they are there.

    `kind` is "neurons", or what a core does for them: "synapses", "delays", "source".
    """

    population: str
    first: int
    end: int
    kind: str = "neurons"

    def __str__(self) -> str:
        what = "" if self.kind == "neurons" else f" ({self.kind})"
        return f"{self.population}[{self.first}:{self.end}]{what}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """What is on a core.

    Attributes
    ----------
    chip : int
    parts : tuple of Part
    use : mapping of str to int
        Name of a limit -> how much of it is used.
    bound_by : str
        The limit that kept the next neuron from this core; "" where none did.
    """

    chip: int
    parts: tuple[Part, ...]
    use: Mapping[str, int]
    bound_by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Misfit:
    """Something that the chip does not hold.

    Attributes
    ----------
    part : str
        The object, as "Projection 'exc->inh'".
    field : str
    value : str
        What it has.
    limit : str
        What the chip has, or why it has no form of it.
    remedy : str
        What would make it fit.
    """

    part: str
    field: str
    value: str
    limit: str
    remedy: str

    def __str__(self) -> str:
        value = f" is {self.value}" if self.value else ""
        return f"{self.part}: {self.field}{value}; {self.limit}. {self.remedy}."


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapped:
    """What the chip's own tool chain said of the same network.

    Attributes
    ----------
    by : str
        Name and version.
    cores, chips, routes : int
        Cores with a part of the network, chips that these are on, and entries of routing tables.
    sdram : int
        Bytes that the cores ask for.
    cores_of : mapping of str to int
        Population -> cores, those of its delays and sources of its own included.
    weights : mapping of str to float
        Projection -> largest rounding of a weight, in the unit of the description.
    lost : mapping of str to int
        Projection -> weights other than 0 that are rounded to 0.
    unread : tuple of str
        Projections whose weights it does not read back as they were given.
    worker : mapping
        Process, interpreter and versions.
    """

    by: str
    cores: int
    chips: int
    routes: int
    sdram: int
    cores_of: Mapping[str, int]
    weights: Mapping[str, float]
    lost: Mapping[str, int]
    unread: tuple[str, ...]
    worker: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """Whether and how a network fits. Print it: as text, or with rich as tables.

    Attributes
    ----------
    network : str
    chip : Chip
    dt : float
        Time step [ms].
    neurons, synapses : int
        Sources are among the neurons; `synapses` is 0 where nothing was placed.
    cores : tuple of Core
        Empty where parts of the network have no form on the chip.
    most_chips : int or None
        How many there are; None for as many as it takes.
    misfits : tuple of Misfit
    notes : tuple of str
        What is to be known besides.
    mapped : Mapped or None
        What the chip's own tools said, where they were asked.
    """

    network: str
    chip: Chip
    dt: float
    neurons: int
    synapses: int
    cores: tuple[Core, ...]
    most_chips: int | None = None
    misfits: tuple[Misfit, ...] = ()
    notes: tuple[str, ...] = ()
    mapped: Mapped | None = None

    @property
    def fits(self) -> bool:
        """Whether everything does."""
        return not self.misfits

    @property
    def target(self) -> str:
        """Name of the chip."""
        return self.chip.name

    @property
    def chips(self) -> int:
        """How many chips the cores are on."""
        return len({core.chip for core in self.cores})

    @property
    def cores_of(self) -> dict[str, int]:
        """Population -> how many cores have a part of it."""
        found: dict[str, int] = {}
        for core in self.cores:
            for name in {part.population for part in core.parts}:
                found[name] = found.get(name, 0) + 1
        return found

    def fullest(self, name: str) -> int:
        """Return the largest use of a limit by a core."""
        return max((core.use.get(name, 0) for core in self.cores), default=0)

    @property
    def headline(self) -> str:
        """Network, chip, and the verdict, in one line."""
        what = f"Network {self.network!r} on {self.target}, dt = {self.dt:g} ms"
        placed = f"{_many(len(self.cores), 'core')} on {_many(self.chips, 'chip')}"
        if self.misfits:
            placed = f", placed on {placed}" if self.cores else ""
            things = _many(len(self.misfits), "thing")
            return f"{what}: does not fit, for {things}{placed}."
        return f"{what}: fits, on {placed}."

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values, ready for JSON."""
        return {
            "network": self.network,
            "target": self.target,
            "dt": self.dt,
            "fits": self.fits,
            "neurons": self.neurons,
            "synapses": self.synapses,
            "chips": self.chips,
            "most_chips": self.most_chips,
            "limits": [asdict(limit) for limit in self.chip.limits],
            "cores": [
                {
                    "chip": core.chip,
                    "parts": [asdict(part) for part in core.parts],
                    "use": dict(core.use),
                    "bound_by": core.bound_by,
                }
                for core in self.cores
            ],
            "misfits": [asdict(misfit) for misfit in self.misfits],
            "notes": [*self.chip.remarks, *self.notes],
            "mapped": None if self.mapped is None else _plain(self.mapped),
        }

    def to_json(self, *, indent: int | None = 2) -> str:
        """Return `to_dict` as JSON."""
        return json.dumps(self.to_dict(), indent=indent)

    def plot(self) -> Figure:
        """Draw what is on each core, and how full it is."""
        from neurosim.fit.figure import draw

        return draw(self)

    def __str__(self) -> str:
        blocks = [[self.headline]]
        if self.misfits:
            blocks.append(["Does not fit", *(f"    {misfit}" for misfit in self.misfits)])
        for title, rows in self._tables:
            widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
            lines = [
                "    " + "  ".join(
                    text.ljust(w) if k == 0 else text.rjust(w)
                    for k, (text, w) in enumerate(zip(row, widths, strict=True))
                ).rstrip()
                for row in rows
            ]  # fmt: skip
            blocks.append([title, *lines])
        if self._told:
            blocks.append(["Notes", *(f"    {note}" for note in self._told)])
        return "\n\n".join("\n".join(lines) for lines in blocks)

    def __repr__(self) -> str:
        return str(self)

    def __rich__(self) -> Group:
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        parts: list[Any] = [Text(self.headline, style="bold green" if self.fits else "bold red")]
        if self.misfits:
            table = Table(title="Does not fit", title_justify="left", title_style="bold")
            for heading in ("part", "what", "value", "the chip", "what would help"):
                table.add_column(heading, overflow="fold")
            for m in self.misfits:
                table.add_row(*map(Text, (m.part, m.field, m.value, m.limit, m.remedy)))
            parts.append(table)
        for title, rows in self._tables:
            table = Table(title=title, title_justify="left", title_style="bold")
            for k, heading in enumerate(rows[0]):
                table.add_column(heading, justify="left" if k == 0 else "right", overflow="fold")
            for row in rows[1:]:
                table.add_row(*map(Text, row))
            parts.append(table)
        parts += [Text(note, style="dim") for note in self._told]
        return Group(*parts)

    @property
    def _told(self) -> tuple[str, ...]:
        return (*self.notes, *self.chip.remarks)

    @property
    def _tables(self) -> list[tuple[str, list[tuple[str, ...]]]]:
        """Title and rows, the first of headings, of all tables."""
        if not self.cores:
            return []
        use: list[tuple[str, ...]] = [("per core", "fullest", "mean", "limit", "of the limit")]
        shown = []
        for name, title, most in self.chip.of_cores:
            values = [core.use[name] for core in self.cores if name in core.use]
            if not values:
                continue
            shown.append((name, title))
            mean = sum(values) / len(values)
            limit = (f"{most:,}", f"{max(values) / most:.1%}") if most else ("not known", "")
            use.append((title, f"{max(values):,}", f"{mean:,.1f}", *limit))
        of = [("population", "cores"), *((name, str(n)) for name, n in self.cores_of.items())]
        cores: list[tuple[str, ...]] = [("core", "chip", "holds", *(title for _, title in shown))]
        for k, core in enumerate(self.cores[:LISTED]):
            numbers = (f"{core.use[name]:,}" if name in core.use else "" for name, _ in shown)
            cores.append((str(k), str(core.chip), ", ".join(map(str, core.parts)), *numbers))
        left = len(self.cores) - LISTED
        title = f"Cores (the first {LISTED} of {len(self.cores):,})" if left > 0 else "Cores"
        tables: list[tuple[str, list[tuple[str, ...]]]]
        tables = [("Use", use), ("Populations", [*of]), (title, cores)]
        if self.mapped is not None:
            tables.append((f"What {self.mapped.by} says", self._beside(self.mapped)))
        return tables

    def _beside(self, mapped: Mapped) -> list[tuple[str, ...]]:
        rows: list[tuple[str, ...]] = [("", "predicted here", "its own")]
        rows.append(("cores", f"{len(self.cores):,}", f"{mapped.cores:,}"))
        rows += [
            (f"cores of {name}", f"{n:,}", f"{mapped.cores_of.get(name, 0):,}")
            for name, n in self.cores_of.items()
        ]
        rows.append(("chips", f"{self.chips:,}", f"{mapped.chips:,}"))
        rows.append(("entries of routing tables", "", f"{mapped.routes:,}"))
        rows.append(("SDRAM [bytes]", "", f"{mapped.sdram:,}"))
        rows += [
            (f"largest rounding of weights of {name}", "", f"{off:.3g}")
            for name, off in mapped.weights.items()
        ]
        rows += [
            (f"weights of {name} rounded to 0", "", f"{n:,}")
            for name, n in mapped.lost.items()
            if n
        ]
        rows += [(f"weights of {name}", "", "not read back as given") for name in mapped.unread]
        return rows


def _many(n: int, what: str) -> str:
    return f"{n:,} {what}{'s' * (n != 1)}"


def _plain(mapped: Mapped) -> dict[str, Any]:
    return {
        name: dict(value) if isinstance(value, Mapping) else value
        for name, value in ((f, getattr(mapped, f)) for f in Mapped.__dataclass_fields__)
    }
