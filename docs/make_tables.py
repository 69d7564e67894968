"""Write docs/models.md, docs/backends.md and the limits in docs/check.md: make_tables.py.

The first comes from the models themselves, the second from what the backends declare, the limits
from the data of the targets, so they cannot say other than what is done.
"""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterable
from dataclasses import fields
from importlib import metadata
from pathlib import Path
from typing import Any

import neurosim as ns
from neurosim.backend import find_backend
from neurosim.capabilities import Capabilities, Support, install_line
from neurosim.features import GROUPS, SEVERAL, features, title_of
from neurosim.features import NEURONS as WITH_MEMBRANE
from neurosim.fit.check import find_target
from neurosim.installed import GROUP

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


# --- backends -----------------------------------------------------------------------------------

BACKENDS_TARGET = Path(__file__).with_name("backends.md")

MARKS = {"passes": "✓", "approximated": "≈", "refused": "–"}

BACKENDS_HEAD = """\
# Backends

This page is written by `python docs/make_tables.py` from what the backends declare. The same
declarations decide what is refused, what `ns.explain` tells, and what the conformance suite in
`tests/conformance` expects.

A backend runs a network as described, says what it approximates, or refuses:

```python
import neurosim as ns

net = ns.Network("pair")
cells = net.population("cells", 2, ns.LIF(synapses=ns.ExpConductance(), t_ref=2.04))
net.project(cells, cells, ns.AllToAll(), weight=2, delay=1, receptor="exc", release=0.8)
print(ns.explain(net, "nest"))
```

```text
"""

BACKENDS_MORE = """\
```

The same in a terminal is `neurosim explain cuba --backend nest`. A refusal is an
`UnsupportedError` that names the part, the reason and the nearest thing that works; where something
else can be done, `approximate=["..."]` allows it. What was approximated in a run stands in
`run.provenance["approximations"]`. Times that are no multiples of the time step are *rounded*,
to the same steps on every backend: that is no difference of theirs. `neurosim explain` ends with
exit code 3 where something is refused, with 0 where nothing is; 1 and 2 are errors.

`ns.export(net, "brian2", "script.py")`, or `neurosim export cuba script.py --backend brian2`,
writes a script that runs without neurosim, in the words of that simulator: it uses its own rules
and generators, so it is the same network in distribution, not neuron by neuron. So it may be
refused what a run is handed step by step, and has what cannot be replayed, such as synapses that
fail. `ns.explain(net, "brian2", script=True)` tells what becomes of a network in a script, as does
`neurosim explain cuba --backend brian2 --script`; what is approximated stands in the script's head.

`neurosim doctor` tells which backends can run here.
"""


NESTML = """\
## Equations of your own on NEST

NEST's neurons are compiled. Equations would become a neuron of NEST through
[NESTML](https://nestml.readthedocs.io), which writes C++ and compiles it against NEST; the `nest`
backend does not do that, with NESTML installed or not, and refuses a `NeuronModel`. Brian2 takes
it. Tried by hand with the wheel of nest-simulator 3.10.0 for Linux, NESTML 9.0.0, g++ 12.2 and
CMake 3.25:

- As installed NESTML stops at once: *NEST path (/tmp/...) is not a directory*. The wheel's
  `nest-config` tells folders and the compiler of the machine on which it was built.
- With a `nest-config` of one's own that tells where the wheel's headers are:
  *boost/type_index.hpp: No such file*, then *ltdl.h: No such file*. NEST's headers include both,
  and the wheel has neither (`libboost-dev` and `libltdl-dev` in Debian).
- With these it compiles, and `nest.Install` says *file not found*: what the module needs has
  another name in the wheel, which was built with the C++ ABI of before GCC 5.
- With `-D_GLIBCXX_USE_CXX11_ABI=0` among the flags, and the module's folder in `LD_LIBRARY_PATH`,
  an integrate-and-fire neuron with an exponential current is installed and fires. It takes 25 s to
  compile. Equations that are not linear need the headers of GSL as well.

So it can be done on a machine that is set up for it. What it takes beside that, a writer of NESTML
whose steps have our order of arrivals, threshold and reset, is not there.
"""

SCRIPTS_HEAD = """\
## Scripts

What `ns.explain(net, backend, script=True)` tells beyond the tables above. A script draws wiring,
weights, drive and noise by itself; what shows only while it is written, such as a list of more
values than one reads, `explain` finds by writing it.
"""


def own_backends() -> list[Capabilities]:
    """Return the declarations of the backends of this distribution, the core's first."""
    points = metadata.distribution("neurosim-snn").entry_points.select(group=GROUP)
    names = sorted((point.name for point in points), key=lambda name: (name != "cpu", name))
    return [find_backend(name).capabilities for name in names]


class Notes:
    """Numbered remarks on what is not simply passed, one list per backend."""

    def __init__(self) -> None:
        self.told: dict[str, list[str]] = {}

    def mark(self, capabilities: Capabilities, key: str) -> str:
        """Return the mark of a feature with the numbers of its remarks."""
        support = capabilities.declared(key)
        cases = [c for c in capabilities.cases if c.concerns(key)]
        remarks = [self.remark(support)] if support.level != "passes" else []
        remarks += [
            f"{case.when}: {MARKS[case.support.level]} {self.remark(case.support)}".strip()
            for case in cases
        ]
        kept = self.told.setdefault(capabilities.backend, [])
        numbers = []
        for remark in filter(None, remarks):
            if remark not in kept:
                kept.append(remark)
            numbers.append(str(kept.index(remark) + 1))
        return MARKS[support.level] + (f" {','.join(numbers)}" if numbers else "")

    def remark(self, support: Support) -> str:
        """Return what is to be said of a support."""
        text = support.how
        if support.bound:
            text += f"; off by {support.bound}"
        if support.nearest:
            text += f". Nearest that works: {support.nearest}"
        if support.if_asked:
            text += f". If asked (`approximate=`): {support.if_asked}"
        return text

    def lists(self) -> list[str]:
        """Return the remarks, backend by backend."""
        lines = []
        for backend, remarks in self.told.items():
            if remarks:
                lines += [f"### {backend}\n"]
                lines += [f"{k}. {remark}" for k, remark in enumerate(remarks, 1)] + [""]
        return lines


def backends_page() -> str:
    """Return the whole page."""
    declared = own_backends()
    notes = Notes()
    names = " | ".join(c.backend for c in declared)
    parts = [BACKENDS_HEAD + example() + "\n" + BACKENDS_MORE]
    parts += ["| backend | what it is | needs | install | scripts |", "|---|---|---|---|---|"]
    parts += [overview(c) for c in declared]
    parts += ["", "## What each one does\n"]
    parts += [
        f"{MARKS['passes']} as described, {MARKS['approximated']} approximated, "
        f"{MARKS['refused']} refused; numbers point to [remarks](#remarks).\n"
    ]
    for group, heading in GROUPS.items():
        keys = [k for k, feature in features().items() if feature.group == group]
        parts += [f"### {heading}\n", f"| | {names} |", "|---" * (len(declared) + 1) + "|"]
        if group == "neuron":
            parts += neuron_rows(declared, notes)
            keys = [k for k in keys if k.partition(":")[2].partition("/")[0] not in WITH_MEMBRANE]
        for key in keys:
            marks = " | ".join(notes.mark(c, key) for c in declared)
            parts.append(f"| {features()[key].title} | {marks} |")
        parts.append("")
    parts += ["## Remarks\n", *notes.lists(), NESTML, *script_lists(declared)]
    return "\n".join(parts).rstrip() + "\n"


def script_lists(declared: Iterable[Capabilities]) -> list[str]:
    """Return what is otherwise in scripts, backend by backend."""
    lines = [SCRIPTS_HEAD]
    for capabilities in declared:
        if not capabilities.exports:
            continue
        lines.append(f"### {capabilities.backend}\n")
        for case in capabilities.script_cases:
            titles = [title_of(key) for key in features() if case.concerns(key)]
            when = f" {case.when}" if case.when else ""
            told = Notes().remark(case.support)
            mark = MARKS[case.support.level]
            lines.append(f"- {', '.join(titles)}{when}: {mark} {told}".rstrip())
        lines.append("")
    return lines


def example() -> str:
    """Return what the example at the top of the page prints."""
    block = re.search(r"```python\n(.*?)```", BACKENDS_HEAD, re.DOTALL)
    assert block is not None
    lines = block.group(1).replace('print(ns.explain(net, "nest"))', "")
    names: dict[str, Any] = {}
    exec(lines, names)
    return str(ns.explain(names["net"], "nest")).partition("\nBackend ")[0]


def overview(capabilities: Capabilities) -> str:
    """Return the row of a backend: what it is and what it needs."""
    needs = ", ".join(
        f"{r.distribution} {r.versions}".strip() + (f" (beside {r.beside})" if r.beside else "")
        for r in capabilities.requires
    )
    lines = dict.fromkeys(f"`{install_line(r)}`" for r in capabilities.requires)
    environment = capabilities.environment
    if environment is not None:
        needs = f"{environment.packages[0].replace('==', ' ')} with Python {environment.version}"
        lines[f"`{environment.install_line}`"] = None
    scripts = "yes" if capabilities.exports else "no"
    told = " or ".join(lines) or "nothing more"
    title = capabilities.title + (f"; {capabilities.costly}" if capabilities.costly else "")
    return f"| `{capabilities.backend}` | {title} | {needs} | {told} | {scripts} |"


def neuron_rows(declared: Iterable[Capabilities], notes: Notes) -> list[str]:
    """Return one row per neuron: of its kinds of synapses, those of each mark."""
    rows = []
    for name in WITH_MEMBRANE:
        keys = [k for k in features() if k.startswith(f"neuron:{name}/")]
        cells = []
        for capabilities in declared:
            kinds: dict[str, list[str]] = {}
            for key in keys:
                kind = key.partition("/")[2]
                told = {"none": "no synapses", SEVERAL: "several kinds"}.get(kind, kind)
                kinds.setdefault(notes.mark(capabilities, key), []).append(told)
            order = sorted(kinds, key=lambda mark: "✓≈–".index(mark[0]))
            if len(order) == 1:
                cells.append(order[0])
            else:
                cells.append("<br>".join(f"{mark}: {', '.join(kinds[mark])}" for mark in order))
        rows.append(f"| {name} | {' | '.join(cells)} |")
    return rows


# --- limits of chips ------------------------------------------------------------------------------

CHECK_TARGET = Path(__file__).with_name("check.md")

LIMITS = re.compile("(?<=<!-- limits -->\n).*?(?=<!-- end of limits -->)", re.DOTALL)


def check_page() -> str:
    """Return docs/check.md with the tables of limits as the targets have them."""
    return LIMITS.sub(lambda found: limits_section(), CHECK_TARGET.read_text())


def limits_section() -> str:
    """Return a table for each chip."""
    parts = []
    for name in ns.targets():
        chip = find_target(name).chip
        parts += [f"### {name}\n", f"{chip.title}.\n", "| what | limit | source |", "|---|---|---|"]
        parts += [f"| {limit.title} | {limit} | {limit.source} |" for limit in chip.limits]
        parts += [f"| {title} | not known | counted only |" for _, title in chip.counted]
        parts += [""]
    return "\n" + "\n".join(parts)


if __name__ == "__main__":
    TARGET.write_text(page())
    print(f"{TARGET.name}: {len(NEURONS)} neurons, {len(SYNAPSES)} synapses")
    BACKENDS_TARGET.write_text(backends_page())
    print(f"{BACKENDS_TARGET.name}: {len(own_backends())} backends, {len(features())} features")
    CHECK_TARGET.write_text(check_page())
    print(f"{CHECK_TARGET.name}: limits of {len(ns.targets())} chips")
