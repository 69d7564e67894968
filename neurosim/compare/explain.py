"""`explain`: what one backend makes of a network, part by part, before anything runs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from neurosim.backend import Backend, Exporter, Foreteller, Options, find_backend, make_options
from neurosim.capabilities import judge, listed, nearest_of, told_of
from neurosim.describe.network import Network
from neurosim.errors import CapacityError, DescriptionError, UnsupportedError
from neurosim.exporting import find_exporter

if TYPE_CHECKING:
    from rich.table import Table

DRAFTED = 1000
"""Steps of a script that is written to see whether it can be: any number will do."""

EXACT = 2.0**-53
"""What rounds less than a float64 does is no approximation."""

COLOURS = {"refused": "red", "approximated": "yellow", "rounded": "cyan", "passes": "green"}
"""Of the levels, the worst first."""


Outcome = Literal["passes", "rounded", "approximated", "refused"]
"""A level of support; or "rounded", which is done before any backend sees the network."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What becomes of one thing that a part of the network asks for.

    Attributes
    ----------
    part : str
        As ``"Population 'exc'"``.
    feature : str
        Its key in the catalogue; "" for numbers that are rounded.
    title : str
        What it is.
    level : {"passes", "rounded", "approximated", "refused"}
        "rounded" is a time that is no multiple of the time step, on every backend alike.
    how : str
        What is done instead, or why there is no form of it.
    bound : str
        How far off an approximation is.
    nearest : str
        The nearest thing that works, where it is refused.
    """

    part: str
    feature: str
    title: str
    level: Outcome
    how: str = ""
    bound: str = ""
    nearest: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What a backend makes of a network. Print it: as text, or with rich as a table.

    Attributes
    ----------
    network : str
        Its name.
    backend, title : str
        Name of the backend, and what it is.
    options : Options
        How it would run.
    findings : tuple of Finding
        Part by part, in the order of definition.
    problem : str
        What keeps the backend from running on this machine, and what to install; else "".
    script : bool
        Whether all this is of a script, as ``ns.export`` writes it, instead of a run.
    costly : str
        What takes long in every session of the backend; else "".
    """

    network: str
    backend: str
    title: str
    options: Options
    findings: tuple[Finding, ...]
    problem: str = ""
    script: bool = False
    costly: str = ""

    @property
    def passes(self) -> tuple[Finding, ...]:
        """What is simulated as described."""
        return self._at("passes")

    @property
    def rounded(self) -> tuple[Finding, ...]:
        """Times that are no multiples of the time step: the same ones on every backend."""
        return self._at("rounded")

    @property
    def approximated(self) -> tuple[Finding, ...]:
        """What is replaced by something near it."""
        return self._at("approximated")

    @property
    def refused(self) -> tuple[Finding, ...]:
        """What the backend has no form of."""
        return self._at("refused")

    @property
    def runs(self) -> bool:
        """Whether the backend takes the network (where it is installed)."""
        return not self.refused

    @property
    def headline(self) -> str:
        """Network, backend, and whether they go together, in one line."""
        form = "as a script of" if self.script else "on"
        where = f"Network {self.network!r} {form} '{self.backend}', dt = {self.options.dt:g} ms"
        if self.refused:
            return f"{where}: refused, for {self._count('refused')}."
        done = "can be written" if self.script else "runs"
        told = [f"{self._count('approximated')} approximated"] if self.approximated else []
        told += [f"{self._count('rounded')} rounded to time steps"] if self.rounded else []
        if told:
            return f"{where}: {done}, with {' and '.join(told)}."
        return f"{where}: {done} as described."

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values, ready for JSON."""
        return {
            "network": self.network,
            "backend": self.backend,
            "title": self.title,
            "options": {**asdict(self.options), "approximate": list(self.options.approximate)},
            "script": self.script,
            "runs": self.runs,
            "problem": self.problem,
            "costly": self.costly,
            "findings": [asdict(finding) for finding in self.findings],
        }

    def __str__(self) -> str:
        lines = [self.headline]
        lines += self._remarks
        for part, rows in self._blocks():
            lines += ["", part]
            lines += [f"    {level:<14}{text}" for level, text in rows]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return str(self)

    def __rich__(self) -> Table:
        from rich.table import Table
        from rich.text import Text

        table = Table(
            title=self.headline, caption="\n".join(self._remarks) or None, title_justify="left",
            caption_justify="left", title_style="bold", caption_style="red",
        )  # fmt: skip
        for heading in ("part", "", "what"):
            table.add_column(heading, overflow="fold")
        for part, rows in self._blocks():
            for k, (level, text) in enumerate(rows):
                told = Text(level, style=COLOURS.get(level, ""))
                table.add_row(
                    Text("" if k else part), told, Text(text), end_section=k == len(rows) - 1
                )
        return table

    @property
    def _remarks(self) -> list[str]:
        slow = f"It takes long: {self.costly}." if self.costly else ""
        return [line for line in (self.problem, slow) if line]

    def _at(self, level: Outcome) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.level == level)

    def _count(self, level: Outcome) -> str:
        """Return how many things of a level are listed below."""
        n = sum(level == listed_level for _, rows in self._blocks() for listed_level, _ in rows)
        return f"{n} thing{'s' * (n != 1)}"

    def _blocks(self) -> Iterator[tuple[str, list[tuple[str, str]]]]:
        """Yield parts, those together of which the same is true, with rows of level and text."""
        of_part: dict[str, list[Finding]] = {}
        for finding in self.findings:
            of_part.setdefault(finding.part, []).append(finding)
        alike: dict[Any, list[str]] = {}
        for part, findings in of_part.items():
            facts = tuple((f.title, f.level, f.how, f.bound, f.nearest) for f in findings)
            alike.setdefault((part.partition(" '")[0], facts), []).append(part)
        for parts in alike.values():
            yield listed(parts), _rows(of_part[parts[0]])


def explain(
    network: Network,
    backend: str | Backend = "cpu",
    *,
    dt: Any = None,
    approximate: Sequence[str] = (),
    script: bool = False,
    **options: Any,
) -> Explanation:
    """Tell what a backend makes of a network, part by part, without running it.

    Parameters
    ----------
    network : Network
    backend : str
        Its simulator need not be installed.
    dt : number or quantity, optional
        Time step [ms]; left out, the one the network was made for, else 0.1.
    approximate : sequence of str
        Parts that may be left out or replaced although the backend has no form of them: by the
        names that refusals give, such as "release".
    script : bool
        Whether to tell it of the script that ``ns.export`` would write, which has the simulator's
        own rules and random numbers: it may be refused what a run is handed step by step, and has
        what cannot be replayed. A script is drafted for this.
    **options
        See `neurosim.Options`.

    Returns
    -------
    Explanation
        What passes; what is rounded to time steps, as on every backend; what is approximated, how
        and with which bound (weights in their format included); what is refused, why, and the
        nearest thing that works.

    Raises
    ------
    UnsupportedError
        If `script` is asked of a backend that writes none.

    Examples
    --------
    >>> import neurosim as ns
    >>> net = ns.Network("one")
    >>> cell = net.population("cell", 1, ns.LIF(t_ref=2.04))
    >>> print(ns.explain(net, "cpu"))
    Network 'one' on 'cpu', dt = 0.1 ms: runs, with 1 thing rounded to time steps.
    <BLANKLINE>
    Population 'cell'
        rounded       t_ref: to the nearest step of 0.1 ms, on every backend; off by up to 0.04 ms
        passes        LIF with ExpCurrent; arrivals add to a state; refractory time; method: exact
    """
    if not isinstance(network, Network):
        raise DescriptionError("explain: network", network, "a neurosim.Network")
    given = {"dt": dt, "approximate": approximate, **options}
    chosen = make_options(network, given, "explain: option", ("dt", "approximate", "script"))
    if not isinstance(script, bool):
        raise DescriptionError("explain: script", script, "True or False")
    found = find_backend(backend)
    exporter = find_exporter(found) if script else None
    capabilities = found.capabilities.of_scripts if script else found.capabilities
    findings = []
    for judged in told_of(judge(network, capabilities, chosen.approximate, chosen)):
        use, support = judged.use, judged.support
        refused = judged.level == "refused"
        findings.append(
            Finding(
                part=use.part, feature=use.feature, title=use.title, level=judged.level,
                how=judged.how, bound=support.bound,
                nearest=nearest_of(use, support) if refused else "",
            )
        )  # fmt: skip
    runs = not any(finding.level == "refused" for finding in findings)
    findings += _rounded(network, found, chosen, runs)
    if exporter is not None and not any(finding.level == "refused" for finding in findings):
        findings += _drafted(network, exporter, chosen, findings)
    return Explanation(
        network=network.name,
        backend=found.name,
        title=capabilities.title,
        options=chosen,
        findings=tuple(findings),
        problem=capabilities.problem(),
        script=script,
        costly="" if script else capabilities.costly,
    )


def _rounded(network: Network, backend: Backend, options: Options, runs: bool) -> Iterator[Finding]:
    """Yield what becomes of numbers: times on the grid of steps; where it runs, formats."""
    from neurosim.lower.lowering import lower

    try:
        plan = lower(network, options.dt)
        told: list[tuple[Outcome, dict[str, Any]]]
        told = [("rounded", a.told) for a in plan.approximations]
        if runs and isinstance(backend, Foreteller):
            told += [("approximated", entry) for entry in backend.foretell(plan, options)]
    except (DescriptionError, CapacityError) as error:
        # What only shows at a time step, or once numbers are drawn: no backend can be told more.
        place = getattr(error, "place", "Network")
        part, _, title = place.partition(": ")
        yield Finding(
            part=part, feature="", title=title or "size", level="refused", how=str(error),
        )  # fmt: skip
        return
    for level, entry in told:
        part, _, title = entry["part"].partition(": ")
        bound = float(entry["bound"])
        exact = bound <= EXACT
        yield Finding(
            part=part, feature="", title=title or "numbers",
            level="passes" if exact else level, how=entry["how"],
            bound="" if exact else f"up to {_shown(bound, entry['unit'])}",
        )  # fmt: skip


def _drafted(
    network: Network, exporter: Exporter, options: Options, known: Sequence[Finding]
) -> Iterator[Finding]:
    """Yield what shows only while a script is written: refusals, and what it does in its way."""
    try:
        draft = exporter.export(network, DRAFTED * options.dt, options)
    except UnsupportedError as error:
        for refusal in (error, *error.others):
            part, _, title = refusal.part.partition(": ")
            yield Finding(
                part=part, feature="", title=title or "in a script", level="refused",
                how=refusal.reason, nearest=refusal.nearest or "",
            )  # fmt: skip
        return
    yield from further(draft.approximations, known, "in a script")


def further(
    entries: Iterable[Mapping[str, Any]], known: Sequence[Finding], where: str
) -> Iterator[Finding]:
    """Yield what is approximated by the entries of a provenance, and not known yet."""
    told = {(finding.part, finding.how) for finding in known}
    for entry in entries:
        part, _, title = entry["part"].partition(": ")
        bound = entry["bound"]
        if (part, entry["how"]) not in told:
            yield Finding(
                part=part, feature="", title=title or where, level="approximated",
                how=entry["how"],
                bound=bound if isinstance(bound, str) else f"up to {_shown(bound, entry['unit'])}",
            )  # fmt: skip


def _shown(bound: float, unit: str) -> str:
    """Return a bound; relative ones to one digit, rounded up: only their size is of interest."""
    if unit != "relative":
        return f"{bound:.3g} {unit}"
    digit = 10.0 ** math.floor(math.log10(bound))
    return f"{math.ceil(bound / digit) * digit:.0e} relative"


def _rows(findings: Sequence[Finding]) -> list[tuple[str, str]]:
    """Return pairs of level and text, the worst first; what passes is one row."""
    rows: list[tuple[str, str]] = []
    for level in COLOURS:
        here = dict.fromkeys(f for f in findings if f.level == level)
        if level == "passes":
            told = dict.fromkeys(f.title + (f" ({f.how})" if f.how else "") for f in here)
            rows += [(level, "; ".join(told))] if told else []
            continue
        for finding in here:
            how = finding.how
            if level == "rounded":
                how = f"{how.removeprefix('rounded ')}, on every backend"
            text = f"{finding.title}: {how}"
            text += f"; off by {finding.bound}" if finding.bound else ""
            text += f". Nearest that works: {finding.nearest}" if finding.nearest else ""
            rows.append((level, text))
    return rows
