"""The report of `certify`: which tier each backend reaches on each population, and why."""

from __future__ import annotations

import json
import types
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from enum import StrEnum
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, Union, get_args, get_origin, get_type_hints

from neurosim.compare.causes import Cause
from neurosim.compare.explain import Finding
from neurosim.compare.horizon import Horizon
from neurosim.compare.lockstep import FirstSpike, Lockstep, StateDifference
from neurosim.compare.statistics import POWER, Statistics
from neurosim.errors import DescriptionError, UnknownNameError

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult
    from rich.table import Table

SCHEMA = "neurosim certificate 1"
"""First entry of the JSON."""


class Tier(StrEnum):
    """How far two backends agree; `Certificate.tier` of several is the worst of theirs."""

    BIT_EXACT = "bit-exact"
    SAME_SPIKES = "same spikes on the grid"
    EQUIVALENT = "statistically equivalent"
    UNDECIDED = "undecided"
    DIFFERENT = "different"
    REFUSED = "refused"

    @property
    def agrees(self) -> bool:
        """Whether it is statistically equivalent or better."""
        return self in (Tier.BIT_EXACT, Tier.SAME_SPIKES, Tier.EQUIVALENT)


def worst(tiers: Sequence[Tier]) -> Tier:
    """Return the worst of some tiers."""
    order = list(Tier)
    return max(tiers, key=order.index)


COLOURS = {
    Tier.BIT_EXACT: "green",
    Tier.SAME_SPIKES: "green",
    Tier.EQUIVALENT: "cyan",
    Tier.UNDECIDED: "yellow",
    Tier.DIFFERENT: "red",
    Tier.REFUSED: "magenta",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What one backend reaches on one population.

    Attributes
    ----------
    backend, population : str
    size : int
        Number of neurons.
    tier : Tier
    why : str
        What decided it.
    statistics : Statistics or None
        Where the tier was decided by statistics, or these were asked for.
    """

    backend: str
    population: str
    size: int
    tier: Tier
    why: str
    statistics: Statistics | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Excerpt:
    """A state of the neuron whose spike differs first, on both sides around that spike.

    Attributes
    ----------
    population : str
    neuron : int
    variable, unit : str
    times : tuple of float
        [ms].
    ours, theirs : tuple of float
        In `unit`.
    """

    population: str
    neuron: int
    variable: str
    unit: str
    times: tuple[float, ...]
    ours: tuple[float, ...]
    theirs: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """The distribution of a measure over neurons (or pairs), as quantiles at equal steps.

    Attributes
    ----------
    backend, population, measure : str
    lowest, middle, highest : tuple of float
        Quantiles: the smallest, the median and the largest over the trials.
    """

    backend: str
    population: str
    measure: str
    lowest: tuple[float, ...]
    middle: tuple[float, ...]
    highest: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was found on one backend.

    Attributes
    ----------
    backend, title : str
        Name, and what it is.
    problem : str
        Why it did not run; "" where it did.
    findings : tuple of Finding
        What it approximates or refuses.
    lockstep : Lockstep or None
        The comparison spike by spike and state by state; None where it did not run.
    cause : Cause or None
        Why it differs, confirmed by experiment; None where nothing differs or nothing was found.
    looked_for_cause : bool
    excerpt : Excerpt or None
    provenance : mapping
        Of its run: versions, options, approximations.
    seconds : float
        Time it took.
    """

    backend: str
    title: str
    problem: str = ""
    findings: tuple[Finding, ...] = ()
    lockstep: Lockstep | None = None
    cause: Cause | None = None
    looked_for_cause: bool = False
    excerpt: Excerpt | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """How far backends agree on one network. Print it, save it as HTML, keep it as JSON.

    Attributes
    ----------
    network : str
        Its name.
    duration, dt : float
        [ms].
    reference : str
        The backend that the others are compared with.
    rows : tuple of Row
        One per backend and population of neurons.
    reports : tuple of Report
        One per backend, the reference left out.
    horizon : Horizon or None
        For how long single spikes of this network can be told at all; None where no spike
        differed and nobody asked.
    level : float
        Probability that a backend is called different on any population although it is not.
    resolution : float
        Relative shift of a population's rate that must be detectable to call it equivalent.
    trials : (int, int)
        Trials of the reference and of each other backend for statistics; (0, 0) without.
    varied : str
        In what the trials differ.
    curves : tuple of Curve
        Distributions, for figures.
    provenance : mapping
        Network hash, seed, options, versions of the reference, date.
    """

    network: str
    duration: float
    dt: float
    reference: str
    rows: tuple[Row, ...]
    reports: tuple[Report, ...]
    horizon: Horizon | None
    level: float
    resolution: float
    trials: tuple[int, int]
    varied: str
    curves: tuple[Curve, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)

    @property
    def backends(self) -> tuple[str, ...]:
        """Names of the backends that were compared with the reference."""
        return tuple(report.backend for report in self.reports)

    def tier(self, backend: str | None = None, population: str | None = None) -> Tier:
        """Return the tier of a backend on a population: the worst of all where one is left out."""
        if backend is not None:
            self.report(backend)
        found = [
            row
            for row in self.rows
            if backend in (None, row.backend) and population in (None, row.population)
        ]
        if not found:
            known = dict.fromkeys(row.population for row in self.rows)
            raise UnknownNameError("Certificate.tier: population", population, known)
        return worst([row.tier for row in found])

    def report(self, backend: str) -> Report:
        """Return what was found on one backend."""
        for report in self.reports:
            if report.backend == backend:
                return report
        raise UnknownNameError("Certificate: backend", backend, self.backends)

    @property
    def same_until(self) -> dict[str, float | None]:
        """Backend -> time until which all spikes are the same [ms]; None where it did not run."""
        return {
            r.backend: None if r.lockstep is None else r.lockstep.same_until for r in self.reports
        }

    @property
    def cause(self) -> dict[str, Cause | None]:
        """Backend -> why it differs, confirmed by experiment; None where there is nothing."""
        return {report.backend: report.cause for report in self.reports}

    @property
    def agrees(self) -> bool:
        """Whether all rows are statistically equivalent or better."""
        return all(row.tier.agrees for row in self.rows)

    # --- text -------------------------------------------------------------------------------

    @property
    def headline(self) -> str:
        """Network, duration and reference in a line."""
        return (
            f"Network {self.network!r}, {self.duration:g} ms at dt = {self.dt:g} ms, "
            f"compared with '{self.reference}'"
        )

    def sentences(self) -> Iterator[tuple[str, str]]:
        """Yield (backend, sentence) of what was found; ("", sentence) of the comparison itself."""
        for report in self.reports:
            for sentence in told(report, self.horizon):
                yield report.backend, sentence
        yield from (("", sentence) for sentence in self._method())

    def _method(self) -> Iterator[str]:
        if self.horizon is not None:
            yield (
                f"Horizon of the network: a copy whose initial states differ by "
                f"{self.horizon.size:g} of their value fires another spike "
                f"{_horizon_text(self.horizon)}. No comparison of single spikes means anything "
                "beyond."
            )
        if self.trials != (0, 0):
            tests = {
                backend: sum(
                    len(r.statistics.comparisons)
                    for r in self.rows
                    if r.backend == backend and r.statistics is not None
                )
                for backend in self.backends
            }
            numbers = ", ".join(f"{n} on {b}" for b, n in tests.items() if n)
            yield (
                f"Statistics: {self.trials[0]} trials of '{self.reference}' and "
                f"{self.trials[1]} of the other ({self.varied}), permutation tests of "
                f"Kolmogorov-Smirnov distances, level {self.level:g} for all tests of a backend "
                f"together (Holm; tests: {numbers}). The smallest shift is what is seen with "
                f"{100 * POWER:g} % power at the strictest of these levels."
            )

    def __str__(self) -> str:
        from rich.console import Console

        text = StringIO()
        console = Console(file=text, width=150, color_system=None, force_terminal=False)
        console.print(self)
        return "\n".join(line.rstrip() for line in text.getvalue().splitlines())

    def __repr__(self) -> str:
        return str(self)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        from rich.text import Text

        yield self.table()
        before = None
        for backend, sentence in self.sentences():
            if backend != before:
                yield Text(f"\n{backend}" if backend else "", style="bold")
                before = backend
            yield Text(f"{sentence}")

    def table(self) -> Table:
        """Return the table, one row per backend and population, for `rich`."""
        from rich.table import Table
        from rich.text import Text

        table = Table(title=self.headline, title_justify="left", title_style="bold")
        for heading in ("backend", "population", "tier"):
            table.add_column(heading, overflow="fold")
        for heading in ("rate [Hz]", "smallest shift seen"):
            table.add_column(heading, justify="right")
        table.add_column("why", overflow="fold", ratio=1)
        before = None
        for row in self.rows:
            if before not in (None, row.backend):
                table.add_section()
            rate, shift = rates_of(row)
            table.add_row(
                Text("" if row.backend == before else row.backend),
                Text(row.population),
                Text(row.tier.value, style=COLOURS[row.tier]),
                rate,
                shift,
                Text(row.why),
            )
            before = row.backend
        return table

    def _repr_html_(self) -> str:
        from neurosim.compare.html import body

        return body(self)

    # --- files ------------------------------------------------------------------------------

    def to_html(self) -> str:
        """Return a self-contained page: tables, figures, provenance."""
        from neurosim.compare.html import page

        return page(self)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return {"schema": SCHEMA, **asdict(self)}

    def to_json(self) -> str:
        """Return everything as JSON; `from_json` reads it."""
        return json.dumps(self.to_dict(), indent=1, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Certificate:
        """Return the certificate that `to_json` wrote.

        Raises
        ------
        DescriptionError
            If it is none, or of another schema.
        """
        try:
            data = json.loads(text)
            schema = data.pop("schema")
        except (AttributeError, KeyError, TypeError, ValueError):
            raise DescriptionError("Certificate.from_json", text, "a certificate") from None
        if schema != SCHEMA:
            raise DescriptionError("Certificate.from_json: schema", schema, repr(SCHEMA))
        try:
            return rebuilt(cls, data)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise DescriptionError(
                "Certificate.from_json", text, "a whole certificate", f"Damaged: {error}."
            ) from None

    def save(self, path: str | Path) -> Path:
        """Write the certificate to a file, by its ending: .html, .json or .txt."""
        target = Path(path)
        writers = {".html": self.to_html, ".json": self.to_json, ".txt": self.__str__}
        writer = writers.get(target.suffix.lower())
        if writer is None:
            raise DescriptionError(
                "Certificate.save: path", str(path), f"a name that ends with one of {list(writers)}"
            )
        target.write_text(writer(), encoding="utf-8")
        return target

    @classmethod
    def load(cls, path: str | Path) -> Certificate:
        """Read a certificate from a .json file."""
        return cls.from_json(Path(path).read_text(encoding="utf-8"))


# --- sentences ----------------------------------------------------------------------------------


def told(report: Report, horizon: Horizon | None) -> Iterator[str]:
    """Yield what was found on one backend, in sentences."""
    if report.problem:
        yield report.problem
    if report.lockstep is not None:
        yield from _spikes_told(report.lockstep, horizon)
        yield from _states_told(report.lockstep)
    if report.cause is not None:
        yield f"Cause ({report.cause.kind}): {report.cause.text}"
        yield from (f"    {line}" for line in report.cause.evidence)
    elif report.looked_for_cause:
        yield "Cause: none of the hypotheses was confirmed by a controlled re-run."
    for level in ("approximated", "refused"):
        here = [f for f in report.findings if f.level == level]
        for finding in dict.fromkeys(here):
            text = f"{level.capitalize()}: {finding.part}, {finding.title}: {finding.how}"
            text += f"; off by {finding.bound}" if finding.bound else ""
            text += f". Nearest that works: {finding.nearest}" if finding.nearest else ""
            yield text.rstrip(".") + "."


def _spikes_told(lockstep: Lockstep, horizon: Horizon | None) -> Iterator[str]:
    spikes = f"{lockstep.n_spikes:,} spike{'s' * (lockstep.n_spikes != 1)}"
    first = lockstep.first_spike
    if first is None:
        yield f"Same spikes on the grid for all of the {lockstep.duration:g} ms ({spikes})."
        return
    text = f"Same spikes on the grid until {lockstep.same_until:.10g} ms ({spikes})"
    if horizon is not None:
        text += f"; horizon {_horizon_text(horizon)}"
    yield f"{text}."
    yield _first_told(first, lockstep)


def _first_told(first: FirstSpike, lockstep: Lockstep) -> str:
    def when(time: float | None) -> str:
        return "does not fire" if time is None else f"fires at {time:.10g} ms"

    states = "; ".join(
        f"{name} {ours:.17g} here, {theirs:.17g} there ({theirs - ours:+.2g})"
        for name, (ours, theirs) in first.states.items()
    )
    return (
        f"First different spike: neuron {first.neuron} of {first.population!r} "
        f"{when(first.ours)} on {lockstep.ours}, {when(first.theirs)} on {lockstep.theirs}. "
        f"Just before, at {first.before:.10g} ms: {states or 'no states recorded'}."
    )


def _states_told(lockstep: Lockstep) -> Iterator[str]:
    if lockstep.states:
        until = f"{lockstep.same_until:.10g} ms"
        bounds = "; ".join(state_text(s) for s in lockstep.states)
        yield f"States up to {until} differ by at most: {bounds}."
    if lockstep.not_recorded:
        names = ", ".join(f"{v} of {p!r}" for p, v in lockstep.not_recorded)
        yield f"Not recorded by {lockstep.theirs}, so not compared: {names}."


def state_text(state: StateDifference) -> str:
    """Return the bound on one state."""
    name = f"{state.variable} of {state.population!r}"
    if state.bit_exact:
        return f"{name} 0 (same bits)"
    unit = "" if state.unit in ("", "1") else f" {state.unit}"
    return f"{name} {state.largest_absolute:.2g}{unit} ({state.largest_relative:.1g} relative)"


def _horizon_text(horizon: Horizon) -> str:
    if horizon.first is None:
        return f"beyond {horizon.duration:g} ms (no copy ever does)"
    return f"at {horizon.first:.10g} ms"


def rates_of(row: Row) -> tuple[str, str]:
    """Return the columns of rates and of the smallest detectable shift."""
    s = row.statistics
    if s is None:
        return "", ""
    if s.detectable is None:
        shift = "none"
    elif s.rate > 0:
        shift = f"{100 * s.detectable / s.rate:.2g} %"
    else:
        shift = f"{s.detectable:.2g} Hz"
    return f"{s.rate:.4g} / {s.other_rate:.4g}", shift


# --- plain values back to what they were --------------------------------------------------------

T = TypeVar("T")


def rebuilt(kind: type[T], data: Any) -> T:
    """Return the value that `dataclasses.asdict` and JSON made plain, by its annotated type."""
    return _rebuilt(kind, data)  # type: ignore[no-any-return]


def _rebuilt(kind: Any, data: Any) -> Any:
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        if data is None:
            return None
        return _rebuilt(next(k for k in inner if k is not type(None)), data)
    if origin is tuple:
        kinds = [inner[0]] * len(data) if inner[-1] is Ellipsis else list(inner)
        return tuple(_rebuilt(k, d) for k, d in zip(kinds, data, strict=True))
    if origin is not None and issubclass(origin, Mapping):
        return {k: _rebuilt(inner[1], v) for k, v in data.items()}
    if is_dataclass(kind):
        assert isinstance(kind, type)
        hints = get_type_hints(kind)
        known = {f.name for f in fields(kind)}
        unknown = set(data) - known
        if unknown:
            raise ValueError(f"{kind.__name__} has no {sorted(unknown)[0]!r}")
        return kind(**{k: _rebuilt(hints[k], v) for k, v in data.items()})
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return kind(data)
    if kind is float and data is not None:
        return float(data)
    return data
