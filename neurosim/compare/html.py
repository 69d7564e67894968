"""A certificate as one self-contained page: tables, figures as SVG within, provenance."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from io import StringIO
from typing import Any

import numpy as np

from neurosim.compare.sentences import compared_told, method_told, rates_of, told, why_told
from neurosim.compare.statistics import UNITS, Statistics
from neurosim.compare.verdicts import Curve, Excerpt, Report, Tier, Verdicts
from neurosim.plot.style import INK, UNMARKED, legend, tidy, with_unit

TINTS = {
    Tier.BIT_EXACT: "#d4ecd9",
    Tier.SAME_SPIKES: "#d4ecd9",
    Tier.EQUIVALENT: "#d5e8f4",
    Tier.UNDECIDED: "#fbefc9",
    Tier.DIFFERENT: "#f6d0c4",
    Tier.REFUSED: "#e6e0ea",
}
"""Behind the tiers; the words are there as well, so that nothing rests on colour alone."""

STYLE = """\
.certificate { font: 15px/1.5 system-ui, sans-serif; color: #222; max-width: 66em; }
.certificate h1 { font-size: 1.5em; margin-bottom: 0.2em; }
.certificate h2 { font-size: 1.2em; margin: 1.6em 0 0.4em; }
.certificate h3 { font-size: 1em; margin: 1.2em 0 0.2em; }
.certificate table { border-collapse: collapse; font-size: 0.92em; margin: 0.6em 0; }
.certificate th, .certificate td { border: 1px solid #ccc; padding: 0.25em 0.6em;
  text-align: left; vertical-align: top; }
.certificate th { background: #f2f2f2; font-weight: 600; }
.certificate td.number { text-align: right; white-space: nowrap; }
.certificate td.tier { white-space: nowrap; font-weight: 600; }
.certificate .wide { overflow-x: auto; }
.certificate svg { max-width: 100%; height: auto; }
.certificate pre { background: #f6f6f6; padding: 0.8em; overflow-x: auto; font-size: 0.85em; }
.certificate p { margin: 0.4em 0; max-width: 52em; }
.certificate p.quiet { color: #555; }
.certificate p.evidence { color: #555; margin: 0 0 0 2em; }
"""

MEASURE_LABELS = {
    "rates": "rate of a neuron [Hz]",
    "CVs": "CV of inter-spike intervals",
    "correlations": "correlation of two neurons",
}


def page(certificate: Verdicts) -> str:
    """Return the whole page."""
    title = escape(f"Certificate: {certificate.network}")
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n</head>\n<body>\n{body(certificate)}</body>\n</html>\n"
    )


def body(certificate: Verdicts) -> str:
    """Return what stands between the body tags, its style included: notebooks show it."""
    parts = [
        f"<style>\n{STYLE}</style>",
        '<div class="certificate">',
        f"<h1>Network {escape(repr(certificate.network))}</h1>",
        f"<p>{certificate.duration:g} ms at dt = {certificate.dt:g} ms, compared with "
        f"<b>{escape(certificate.reference)}</b>.</p>",
        _tiers(certificate),
    ]
    for sentence in method_told(certificate):
        parts.append(f'<p class="quiet">{escape(sentence)}</p>')
    for report in certificate.reports:
        parts += _report(certificate, report)
    parts += _distributions(certificate)
    parts += _provenance(certificate)
    return "\n".join([*parts, "</div>", ""])


# --- tables -------------------------------------------------------------------------------------


def _tiers(certificate: Verdicts) -> str:
    rows = []
    for row in certificate.rows:
        rates, shift = rates_of(row)
        why = why_told(row, certificate.reports)
        rows.append([row.backend, row.population, f"{row.size:,}", row.tier, rates, shift, why])
    headings = (
        "backend", "population", "neurons", "tier", f"rate [Hz], {certificate.reference} / other",
        "smallest shift seen", "why",
    )  # fmt: skip
    return _table(headings, rows, numbers=(2, 4, 5))


def _table(
    headings: Sequence[str], rows: Iterable[Sequence[object]], *, numbers: Sequence[int] = ()
) -> str:
    lines = ['<div class="wide"><table>', "<tr>"]
    lines += [f"<th>{escape(heading)}</th>" for heading in headings]
    lines.append("</tr>")
    for row in rows:
        cells = []
        for k, value in enumerate(row):
            if isinstance(value, Tier):
                cells.append(
                    f'<td class="tier" style="background:{TINTS[value]}">{escape(value.value)}</td>'
                )
            else:
                kind = ' class="number"' if k in numbers else ""
                cells.append(f"<td{kind}>{escape(str(value))}</td>")
        lines.append(f"<tr>{''.join(cells)}</tr>")
    return "\n".join([*lines, "</table></div>"])


def _report(certificate: Verdicts, report: Report) -> Iterator[str]:
    yield f"<h2>{escape(report.backend)}</h2>"
    yield f'<p class="quiet">{escape(report.title)}</p>'
    for sentence in told(report, certificate.horizon, states=False):
        kind = ' class="evidence"' if sentence.startswith(" ") else ""
        yield f"<p{kind}>{escape(sentence)}</p>"
    if report.tried:
        items = "".join(f"<li>{escape(line)}</li>" for line in report.tried)
        yield f"<details><summary>All that was tried ({len(report.tried)})</summary>"
        yield f"<ul>{items}</ul></details>"
    lockstep = report.lockstep
    if lockstep is not None and lockstep.first_spike is not None:
        first = lockstep.first_spike
        yield f"<h3>States at {first.before:.10g} ms, just before</h3>"
        rows = [
            [name, f"{ours:.17g}", f"{theirs:.17g}", f"{theirs - ours:+.3g}"]
            for name, (ours, theirs) in first.states.items()
        ]
        headings = ("state", lockstep.ours, lockstep.theirs, "difference")
        yield _table(headings, rows, numbers=(1, 2, 3))
    if report.excerpt is not None:
        yield excerpt_figure(report.excerpt, certificate.reference, report.backend)
    if lockstep is not None and lockstep.states:
        yield f"<h3>Largest differences of states {compared_told(lockstep)}</h3>"
        bounds = [
            [
                s.population,
                with_unit(s.variable, s.unit or "1"),
                "0 (same bits)" if s.bit_exact else f"{s.largest_absolute:.3g}",
                "" if s.bit_exact else f"{s.largest_relative:.1g}",
            ]
            for s in lockstep.states
        ]
        yield _table(("population", "state", "absolute", "relative"), bounds, numbers=(2, 3))
    found = {
        row.population: row.statistics
        for row in certificate.rows
        if row.backend == report.backend and row.statistics is not None
    }
    yield from _tests("Statistics", found)
    if report.adoption is not None:
        yield from _tests(
            "Statistics with the cause in our core as the reference", report.adoption.statistics
        )


def _tests(heading: str, found: Mapping[str, Statistics]) -> Iterator[str]:
    """Yield a table of statistics by population, if there are any."""
    if not found:
        return
    yield f"<h3>{escape(heading)}</h3>"
    lines: list[list[str]] = []
    for population, s in found.items():
        for c in s.comparisons:
            unit = UNITS[c.measure]
            lines.append(
                [
                    population,
                    c.measure,
                    f"{c.distance:.3g}" + ("" if unit == "1" else f" {unit}"),
                    f"{c.spread:.3g}" + ("" if unit == "1" else f" {unit}"),
                    f"{c.p:.2g}",
                    f"{c.adjusted:.2g}",
                ]
            )
        lines += [[population, measure, f"not compared: {why}", "", "", ""]
                  for measure, why in s.left_out.items()]  # fmt: skip
    headings = (
        "population", "measure", "mean distance from the reference", "between reference trials",
        "p", "p after Holm",
    )  # fmt: skip
    yield _table(headings, lines, numbers=(2, 3, 4, 5))
    for population, s in found.items():
        yield f'<p class="quiet">{escape(population)}: {escape(_shift(s))}</p>'


def _shift(s: Statistics) -> str:
    text = f"mean rate {s.other_rate:.4g} Hz against {s.rate:.4g} Hz"
    if s.interval is not None:
        low, high = s.interval
        text += f"; confidence interval of the difference {low:+.3g} to {high:+.3g} Hz"
    if s.detectable is not None:
        text += f"; a shift of {s.detectable:.3g} Hz would have been seen"
    return f"{text}."


def _provenance(certificate: Verdicts) -> Iterator[str]:
    yield "<h2>Provenance</h2>"
    everything = {
        **certificate.provenance,
        "backends": {r.backend: r.provenance for r in certificate.reports if r.provenance},
    }
    yield f"<pre>{escape(json.dumps(everything, indent=1, default=str))}</pre>"


# --- figures ------------------------------------------------------------------------------------


def excerpt_figure(excerpt: Excerpt, ours: str, theirs: str) -> str:
    """Return the traces of the neuron whose spike differs first, and their difference."""
    figure = _figure((8.0, 3.6))
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
    times = np.array(excerpt.times)
    one, two = np.array(excerpt.ours), np.array(excerpt.theirs)
    above.plot(times, one, color=INK, lw=2.4, alpha=0.6, label=ours)
    above.plot(times, two, color=UNMARKED[0], lw=1.2, label=theirs)
    off = np.abs(two - one)
    if off.any():  # on a logarithmic scale, which has no place for zeros
        below.plot(times, np.where(off > 0, off, np.nan), color=INK, lw=1.0)
        below.set_yscale("log")
    above.set_ylabel(with_unit(excerpt.variable, excerpt.unit))
    above.set_title(f"neuron {excerpt.neuron} of {excerpt.population}", loc="left", fontsize=10)
    below.set_ylabel("|difference|")
    below.set_xlabel("time [ms]")
    for ax in (above, below):
        tidy(ax)
    legend(above, above=True)
    figure.align_ylabels()
    return svg(figure)


def _distributions(certificate: Verdicts) -> Iterator[str]:
    curves = certificate.curves
    if not curves:
        return
    yield "<h2>Distributions</h2>"
    yield (
        '<p class="quiet">Cumulative distributions over neurons (pairs of neurons for '
        "correlations). Lines: median over trials; bands: smallest to largest.</p>"
    )
    for population in dict.fromkeys(c.population for c in curves):
        here = [c for c in curves if c.population == population]
        yield f"<h3>{escape(population)}</h3>"
        yield distribution_figure(here, certificate.reference)


def distribution_figure(curves: Sequence[Curve], reference: str) -> str:
    """Return the distributions of one population on all backends, one panel per measure."""
    measures = [m for m in MEASURE_LABELS if any(c.measure == m for c in curves)]
    others = [b for b in dict.fromkeys(c.backend for c in curves) if b != reference]
    colours = {reference: INK, **dict(zip(others, UNMARKED * len(others), strict=False))}
    figure = _figure((3.1 * len(measures) + 0.4, 2.7))
    panels = figure.subplots(1, len(measures), squeeze=False, sharey=True)[0]
    for ax, measure in zip(panels, measures, strict=True):
        for curve in curves:
            if curve.measure != measure:
                continue
            colour = colours[curve.backend]
            heights = np.linspace(0, 1, len(curve.middle))
            ax.fill_betweenx(heights, curve.lowest, curve.highest, color=colour, alpha=0.2, lw=0)
            ax.plot(curve.middle, heights, color=colour, lw=1.3, label=curve.backend)
        ax.set_xlabel(MEASURE_LABELS[measure])
        if measure == "correlations":  # a few pairs reach far out
            ax.set_xlim(*_middle([c for c in curves if c.measure == measure]))
        tidy(ax)
    panels[0].set_ylabel("cumulative part")
    panels[0].legend(frameon=False, fontsize=9, loc="lower right")
    return svg(figure)


def _middle(curves: Sequence[Curve]) -> tuple[float, float]:
    """Return the range of the distributions without their outermost 5 %."""
    far = max(1, len(curves[0].middle) // 20)
    lowest = min(c.lowest[far] for c in curves)
    highest = max(c.highest[-1 - far] for c in curves)
    margin = 0.05 * (highest - lowest) or 0.1
    return lowest - margin, highest + margin


def _figure(size: tuple[float, float]) -> Any:
    from matplotlib.figure import Figure

    return Figure(figsize=size, layout="constrained")


def svg(figure: Any) -> str:
    """Return a figure as an SVG element, with text as text."""
    from matplotlib import rc_context

    text = StringIO()
    # Ids within the page must not repeat, nor change from run to run.
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "neurosim"}):
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    whole = text.getvalue()
    return re.sub(r"<metadata>.*?</metadata>", "", whole[whole.index("<svg") :], flags=re.DOTALL)
