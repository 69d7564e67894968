"""How a network shows itself: aligned text in a terminal, tables in a notebook."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from neurosim.describe.distributions import Distribution, FunctionOfDistance
from neurosim.describe.estimate import DEFAULT_DT, estimate, recording_bytes_per_ms
from neurosim.describe.explicit import ExplicitRule
from neurosim.describe.population import Population
from neurosim.describe.projection import Projection
from neurosim.describe.rules import n_shared

if TYPE_CHECKING:
    from neurosim.describe.contents import Contents


Rows: TypeAlias = list[tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Table:
    """A titled table; columns named in `right` are flush right."""

    title: str
    header: tuple[str, ...]
    rows: Rows
    right: frozenset[str] = frozenset()


def network_text(network: Contents) -> str:
    """Return the network as aligned plain text."""
    parts = [_headline(network)]
    parts += [_as_text(table) for table in _tables(network) if table.rows]
    return "\n\n".join(parts)


def network_html(network: Contents) -> str:
    """Return the network as HTML tables."""
    parts = [f"<p><b>{escape(_headline(network))}</b></p>"]
    parts += [_as_html(table) for table in _tables(network) if table.rows]
    return "\n".join(parts)


def _headline(network: Contents) -> str:
    size = estimate(network)
    return (
        f"Network {network.name!r} (seed {network.seed}): {counted(size.neurons, 'neuron')}, "
        f"{counted(size.synapses, 'synapse')}, about {memory(size.bytes)}"
    )


def _tables(network: Contents) -> list[Table]:
    return [_populations(network), _projections(network), _inputs(network), _recorders(network)]


def _populations(network: Contents) -> Table:
    rows: Rows = []
    for population in network.populations.values():
        shape = " x ".join(str(n) for n in population.shape) if len(population.shape) > 1 else ""
        rows.append((population.name, number(population.size), shape, _model(population)))
    return _without_empty(
        Table("Populations", ("name", "size", "shape", "model"), rows, frozenset({"size"}))
    )


def _projections(network: Contents) -> Table:
    header = (
        "name", "rule", "synapses", "weight", "delay", "receptor", "autapses", "multapses",
        "release",
    )  # fmt: skip
    rows: Rows = [
        (
            p.name,
            _shown(p.rule),
            number(p.expected_connections()),
            _strength(p.weight, p.unit) if p.weight is not None else "of the rule",
            _delay(p),
            f"{p.receptor} (reads {p.source})" if p.continuous else p.receptor,
            _autapses(p),
            _multapses(p),
            "" if p.release == 1 else f"{p.release:g}",
        )
        for p in network.projections.values()
    ]
    return _without_empty(Table("Projections", header, rows, frozenset({"synapses"})))


def _inputs(network: Contents) -> Table:
    rows: Rows = [
        (d.target.shown, _shown(d.source), _strength(d.weight, d.unit), d.receptor)
        for d in network.drives
    ]
    rows += [(i.target.shown, _shown(i.current), "", "I_e") for i in network.injections]
    return Table("Drive and injected current", ("target", "source", "weight", "receptor"), rows)


def _recorders(network: Contents) -> Table:
    rows: Rows = []
    for r in network.recorders:
        per_ms = recording_bytes_per_ms(network, r, network.dt or DEFAULT_DT)
        how = "every spike" if r.variable == "spikes" else "every step"
        if r.every is not None:
            how = f"every {r.every:g} ms"
        extra = (", mean" if r.reduce == "mean" else "") + (
            ", and at the start" if r.initial else ""
        )
        count = number(len(r.indices)) if r.population is not None else ""
        of = r.label if r.population is None else r.population.flat()[r.indices].shown
        taken = f"{memory(per_ms)} per ms" if per_ms else ""
        rows.append((of, r.variable, count, how + extra, taken))
    header = ("of", "variable", "neurons", "when", "memory")
    return _without_empty(Table("Recorders", header, rows, frozenset({"neurons", "memory"})))


def _delay(projection: Projection) -> str:
    if projection.delay is not None:
        return _strength(projection.delay, "ms")
    if isinstance(projection.rule, ExplicitRule) and projection.rule.has_delays:
        return "of the rule"
    return "none" if projection.continuous else "one step"


def _strength(value: Any, unit: str) -> str:
    suffix = "" if unit == "1" else f" {unit}"
    if isinstance(value, np.ndarray):
        axes = " x ".join(str(n) for n in value.shape)
        return f"{axes} values, {value.min():.4g} to {value.max():.4g}{suffix}"
    if isinstance(value, (Distribution, FunctionOfDistance)):
        return f"{_shown(value)}{suffix}"
    return f"{value:.6g}{suffix}"


def _autapses(projection: Projection) -> str:
    """Whether a neuron may connect to itself; "-" where no neuron is on both sides."""
    if not n_shared(projection.pre, projection.post):
        return "-"
    allowed = getattr(projection.rule, "autapses", None)
    return "as listed" if allowed is None else "yes" if allowed else "no"


def _multapses(projection: Projection) -> str:
    """Whether a pair may be connected more than once."""
    allowed = getattr(projection.rule, "multapses", None)
    if allowed is None:
        return "as listed" if type(projection.rule).__name__ == "FromList" else "no"
    return "yes" if allowed else "no"


def number(value: float) -> str:
    """Return a count with thousands separated; estimates are rounded to whole numbers.

    >>> number(298880968.3)
    '298,880,968'
    """
    return f"{round(value):,}"


def counted(value: float, noun: str) -> str:
    """Return a count with its noun.

    >>> counted(1, "neuron"), counted(1200, "synapse")
    ('1 neuron', '1,200 synapses')
    """
    return f"{number(value)} {noun}{'' if round(value) == 1 else 's'}"


def memory(value: float) -> str:
    """Return a number of bytes in a readable unit.

    >>> memory(1.494e9)
    '1.5 GB'
    """
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.3g} {unit}" if value < 10 else f"{value:.0f} {unit}"
        value /= 1000
    return f"{value:.3g} TB"


def _model(population: Population) -> str:
    """Return a built-in model with what was given to it, a model of equations with its states."""
    model = population.model
    if population.interface.is_source or not hasattr(model, "equations"):
        return _shown(model)
    states = ", ".join(population.interface.state_units)
    return _cut(f"{type(model).__name__} {model.name!r} (states {states})")


def _shown(value: object) -> str:
    """Return the `repr` of a value with numbers of six significant digits at most."""
    return _cut(_LONG_NUMBER.sub(lambda found: f"{float(found.group()):.6g}", repr(value)))


_LONG_NUMBER = re.compile(r"(?<![\w.])\d+\.\d{4,}(?:e[+-]?\d+)?(?![\w.])")


def _cut(text: str, limit: int = 72) -> str:
    return text if len(text) <= limit else text[: limit - 3] + "..."


def _without_empty(table: Table) -> Table:
    """Drop columns in which nothing stands."""
    kept = [i for i in range(len(table.header)) if any(row[i] for row in table.rows)]
    header = tuple(table.header[i] for i in kept)
    return Table(table.title, header, [tuple(r[i] for i in kept) for r in table.rows], table.right)


def _as_text(table: Table) -> str:
    columns = list(zip(table.header, *table.rows, strict=True))
    widths = [max(len(cell) for cell in column) for column in columns]

    def line(cells: Sequence[str]) -> str:
        padded = (
            cell.rjust(width) if name in table.right else cell.ljust(width)
            for cell, width, name in zip(cells, widths, table.header, strict=True)
        )
        return ("  " + "  ".join(padded)).rstrip()

    return "\n".join([table.title, line(table.header), *(line(row) for row in table.rows)])


def _as_html(table: Table) -> str:
    def cells(row: Sequence[str], tag: str) -> str:
        marked = (
            f"<{tag} style='text-align:{'right' if name in table.right else 'left'}'>"
            f"{escape(cell)}</{tag}>"
            for cell, name in zip(row, table.header, strict=True)
        )
        return f"<tr>{''.join(marked)}</tr>"

    body = "".join(cells(row, "td") for row in table.rows)
    return (
        f"<table><caption>{escape(table.title)}</caption>"
        f"<thead>{cells(table.header, 'th')}</thead><tbody>{body}</tbody></table>"
    )
