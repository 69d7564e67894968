"""Write docs/models.md from the models themselves: ``python docs/make_tables.py``.

Nothing in that page is typed by hand, so it cannot say other than what is simulated.
"""

from __future__ import annotations

import inspect
import re
import textwrap
from dataclasses import fields
from pathlib import Path
from typing import Any

import neurosim as ns

TARGET = Path(__file__).with_name("models.md")

NEURONS = ns._HOMES["neurosim.describe.neurons"]
SYNAPSES = tuple(n for n in ns._HOMES["neurosim.describe.synapses"] if n != "Receptors")

HEAD = """\
# Neurons and synapses

This page is written by `python docs/make_tables.py` from the models themselves. The equations are
the very text that is compiled; typing it into a `NeuronModel` gives the same machine code and the
same bits. Every parameter may be a number, an array with one value per neuron or a distribution.

In the texts, `I_e` is the constant current, `I_injected` what `net.inject` brings, and states that
are held during refractoriness are marked `(unless refractory)`. The method is the default one of
[the classification](semantics.md#methods).
"""


def page() -> str:
    """Return the whole page."""
    parts = [HEAD, "## Neurons\n", *neuron_table(), ""]
    for name in sorted(NEURONS, key=str.lower):
        parts += neuron_section(name)
    parts += ["## Synapses\n", *synapse_table(), ""]
    for name in SYNAPSES:
        parts += synapse_section(name)
    return "\n".join(parts).rstrip() + "\n"


def neuron_table() -> list[str]:
    """Return one row per neuron model."""
    rows = ["| model | what it is | default synapses | method |", "|---|---|---|---|"]
    for name in sorted(NEURONS, key=str.lower):
        model = getattr(ns, name)()
        method = model.neuron_model().spec().method
        synapses = type(model.synapses).__name__ if model.synapses is not None else "none"
        what = summary(type(model))
        rows.append(f"| [`{name}`](#{name.lower()}) | {what} | {synapses} | {method} |")
    return rows


def neuron_section(name: str) -> list[str]:
    """Return the text of a model, its parameters with their defaults, and its source."""
    model = getattr(ns, name)()
    text = model.text()
    declared = {f"{parameter} : {unit}" for parameter, (unit, _) in text.parameters.items()}
    lines = [line for line in text.equations.splitlines() if line not in declared]
    notes = [
        f"{word}: {value}"
        for word, value in (
            ("threshold", text.threshold),
            ("hazard", text.hazard and f"{text.hazard}  (firing intensity, 1/ms)"),
            ("multiplicity", text.multiplicity),
            ("reset", text.reset),
            ("refractory", text.refractory),
        )
        if value
    ]
    notes += [f"receptor {i.name}: {i.action} [{i.unit}]" for i in text.inlets]
    start = ", ".join(
        f"{s} = {v if isinstance(v, str) else f'{v:g}'}" for s, v in text.initial.items()
    )
    if start:
        notes.append(f"at first: {start}")
    parameters = ", ".join(
        f"`{parameter}` = {value:g}{'' if unit == '1' else ' ' + unit}"
        for parameter, (unit, value) in text.parameters.items()
    )
    section = [f"### {name}\n", summary(type(model)) + "\n", "```text", *lines, *notes, "```\n"]
    if parameters:
        section.append(f"Parameters: {parameters}.\n")
    return [*section, *source(type(model))]


def synapse_table() -> list[str]:
    """Return one row per kind of synapse."""
    rows = ["| synapse | what it is | receptors | weight |", "|---|---|---|---|"]
    for name in SYNAPSES:
        synapse = getattr(ns, name)()
        inlets = [i for r, s in synapse.named for i in s.part(r).inlets]
        receptors = ", ".join(i.name for i in inlets)
        sign = ", not negative" if inlets[0].nonnegative else ""
        what = summary(type(synapse))
        rows.append(
            f"| [`{name}`](#{name.lower()}) | {what} | {receptors} | {inlets[0].unit}{sign} |"
        )
    return rows


def synapse_section(name: str) -> list[str]:
    """Return what one receptor adds to the text of a neuron."""
    synapse = getattr(ns, name)()
    receptor, kind = synapse.named[0]
    part = kind.part(receptor)
    lines = list(part.equations)
    if part.current:
        lines.append(f"adds to the synaptic current: {part.current}")
    lines += [f"receptor {i.name}: {i.action} [{i.unit}]" for i in part.inlets]
    arguments = ", ".join(
        f"`{f.name}` = {getattr(synapse, f.name):g} {f.metadata['unit']}".removesuffix(" 1")
        for f in fields(synapse)
        if "unit" in f.metadata
    )
    section = [f"### {name}\n", summary(type(synapse)) + "\n", "```text", *lines, "```\n"]
    if arguments:
        section.append(f"Arguments: {arguments}.\n")
    return [*section, *source(type(synapse))]


def summary(kind: type) -> str:
    """Return the first line of a docstring."""
    return documentation(kind).split("\n", 1)[0]


def source(kind: type) -> list[str]:
    """Return the paragraph that names the source, if there is one."""
    found = re.search(r"^Source: (.*?)(\n\n|\Z)", documentation(kind), re.MULTILINE | re.DOTALL)
    if found is None:
        return []
    return [textwrap.fill(f"Source: {' '.join(found.group(1).split())}", 100) + "\n"]


def documentation(kind: Any) -> str:
    """Return a docstring without its indentation."""
    return inspect.cleandoc(kind.__doc__)


if __name__ == "__main__":
    TARGET.write_text(page())
    print(f"{TARGET.name}: {len(NEURONS)} neurons, {len(SYNAPSES)} synapses")
