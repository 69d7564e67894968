"""A run as text for the terminal and as a table for notebooks."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from neurosim.records import RunLike, Trace

Irregularity = Mapping[str, tuple[float | None, int]]
"""By population: mean CV of inter-spike intervals (None if no neuron has one), neurons used."""

SHOWN = ("backend", "dt", "seed", "trial", "threads", "precision")
"""Provenance in the first lines; the rest stays in ``run.provenance``."""


def run_text(run: RunLike, irregularity: Irregularity | None = None) -> str:
    """Return the run as aligned lines: what it was, populations, traces, weights."""
    lines = [_title(run), *(f"  {line}" for line in _notes(run))]
    header, rows = _table(run, irregularity)
    if rows:
        cells = [header, *rows]
        widths = [max(len(row[k]) for row in cells) for k in range(len(header))]
        for row in cells:
            first = row[0].ljust(widths[0])
            rest = [c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True)]
            lines.append("  " + "  ".join([first, *rest]))
    else:
        lines.append("  no spikes recorded")
    lines += [f"  {line}" for line in _traces(run)]
    return "\n".join(lines)


def run_html(run: RunLike) -> str:
    """Return the run as HTML; names are escaped."""
    header, rows = _table(run, None)
    parts = [f"<b>{escape(_title(run))}</b>"]
    parts += [f"<div>{escape(line)}</div>" for line in _notes(run)]
    if rows:
        left, right = 'style="text-align:left"', 'style="text-align:right"'
        head = "".join(f"<th {right if k else left}>{escape(c)}</th>" for k, c in enumerate(header))
        body = "".join(
            "<tr>"
            + "".join(f"<td {right if k else left}>{escape(c)}</td>" for k, c in enumerate(row))
            + "</tr>"
            for row in rows
        )
        parts.append(f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>")
    else:
        parts.append("<div>no spikes recorded</div>")
    parts += [f"<div>{escape(line)}</div>" for line in _traces(run)]
    return "<div>" + "".join(parts) + "</div>"


def _title(run: RunLike) -> str:
    start, stop = run.interval
    span = f"{stop - start:.10g} ms" + (f" ({start:.10g} to {stop:.10g} ms)" if start else "")
    return f"Run of {run.name!r}: {span}"


def _notes(run: RunLike) -> list[str]:
    facts = [
        f"{key} {run.provenance[key]}{' ms' if key == 'dt' else ''}"
        for key in SHOWN
        if run.provenance.get(key) is not None
    ]
    notes = [", ".join(facts)] if facts else []
    approximations = run.provenance.get("approximations")
    if approximations:
        plural = "s" if len(approximations) > 1 else ""
        notes.append(
            f"{len(approximations)} approximation{plural}: run.provenance['approximations']"
        )
    if run.provenance.get("interrupted"):
        notes.append("interrupted: holds what was simulated until then")
    return notes


def _table(run: RunLike, irregularity: Irregularity | None) -> tuple[list[str], list[list[str]]]:
    header = ["population", "neurons", "spikes", "rate [Hz]", "silent"]
    if irregularity is not None:
        header += ["CV of ISIs", "neurons in CV"]
    rows = []
    for name, record in run.spikes.items():
        neurons = f"{record.size:,}"
        if record.recorded is not None:
            neurons = f"{record.n_recorded:,} of {neurons}"
        rate = f"{record.mean_rate():.2f}" if record.duration > 0 else "-"
        silent = f"{int((record.counts() == 0).sum()):,}"
        row = [name, neurons, f"{len(record):,}", rate, silent]
        if irregularity is not None:
            value, used = irregularity[name]
            row += ["-" if value is None else f"{value:.2f}", f"{used:,}"]
        rows.append(row)
    return header, rows


def _traces(run: RunLike) -> list[str]:
    lines = []
    for name, traces in run.states.items():
        lines += [f"{name}.{variable}: {_samples(t, 'neuron')}" for variable, t in traces.items()]
    lines += [f"weights of {name}: {_samples(t, 'connection')}" for name, t in run.weights.items()]
    return lines


def _samples(trace: Trace, what: str) -> str:
    many = f"{trace.ids.size:,} {what}{'s' if trace.ids.size != 1 else ''}"
    who = f"mean of {many}" if trace.reduce == "mean" else many
    every = f" every {trace.every:g} ms" if trace.every else ""
    unit = "" if trace.unit == "1" else f" in {trace.unit}"
    return f"{who}, {len(trace):,} samples{every}{unit}"
