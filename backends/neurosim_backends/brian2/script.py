"""A network as a script of Brian2, with Brian2's rules, generators and random numbers."""

from __future__ import annotations

from textwrap import fill
from typing import Any

import numpy as np

from neurosim.backend import Options, Script
from neurosim.capabilities import require
from neurosim.describe.network import Network
from neurosim.exporting import WIDTH, differences, quoted, within_comment, within_docstring
from neurosim.lower.lowering import lower
from neurosim_backends.brian2.capabilities import RUNTIME
from neurosim_backends.brian2.draft import Draft
from neurosim_backends.brian2.draft_inputs import drive, injection
from neurosim_backends.brian2.draft_neurons import Models, is_source
from neurosim_backends.brian2.draft_wiring import coupling, projection
from neurosim_backends.brian2.words import quantity

RULER = 97
"""Length of the lines that part the sections."""

HEAD = """\
# Needs Brian2 2.9 or newer: pip install 'brian2>=2.9' 'numpy<2.4'
from importlib.metadata import PackageNotFoundError, version

needed = ("brian2", "numpy")
try:
    found = {name: tuple(int(n) for n in version(name).split(".")[:2]) for name in needed}
except PackageNotFoundError as missing:
    raise SystemExit(
        f"This script needs {missing.name}, which is not installed. "
        "Install it with: pip install 'brian2>=2.9' 'numpy<2.4'"
    ) from None
if found["brian2"] < (2, 9) or (found["brian2"] < (2, 10) and found["numpy"] >= (2, 4)):
    raise SystemExit(
        "This script needs Brian2 2.9 or newer, and numpy below 2.4 beside Brian2 2.9; found are "
        f"brian2 {version('brian2')} and numpy {version('numpy')}. "
        "Install them with: pip install 'brian2>=2.9' 'numpy<2.4'"
    )

import brian2
from brian2 import *
"""

HEAD_WITH_PLOTS = HEAD.replace('"numpy")', '"numpy", "matplotlib")').replace(
    "'numpy<2.4'", "'numpy<2.4' matplotlib"
)
"""The same for a script that draws what it recorded: Brian2 does without matplotlib."""

ANEW = (
    "Brian2 draws wiring and all random numbers anew: it is the same network in distribution,",
    "not neuron by neuron. Another number in seed() below is another network of the same kind,",
    "with other rates, too: compare over several.",
)

STEP = """\
Brian2 names the start of the step of a spike, neurosim its end: times below are dt earlier.
"""

FIRST = """\
The schedule is neurosim's, which delivers spikes before it tests thresholds. Synapses then see a
spike in the next step: delays are written dt shorter.
"""

HELD = """\
Refractory times are written dt longer, since Brian2 holds a neuron one step less.
"""

CUT = """\
Where they are rounded it is half a step more, since Brian2 cuts off parts of a step.
"""

SCHEDULE = "magic_network.schedule = ['start', 'groups', 'synapses', 'thresholds', 'resets', 'end']"
"""neurosim's order of a step."""


def write_script(network: Network, duration: float, options: Options) -> Script:
    """Return a script that simulates a network of the same kind for `duration` [ms].

    Raises
    ------
    UnsupportedError
        Naming a part that Brian2, or a script, has no form of.
    """
    made = require(network, RUNTIME.of_scripts, options.approximate, options)
    plan = lower(network, options.dt)
    draft = Draft(network, plan, options, duration)
    models = Models(draft)
    for number in range(len(network.injections)):
        with draft.refusals:
            injection(draft, models, number)
    inputs = draft.refusals.of_each(range(len(network.drives)), lambda k: drive(draft, models, k))
    _pulses(draft, models)
    for p in network.projections.values():
        if p.continuous:
            for a in draft.parts(p.pre):
                for b in draft.parts(p.post):
                    names = b.group.couplings.setdefault(p.receptor, [])
                    names.append(f"{p.receptor}_{len(names) + 1}")
                    assert a.size
    sections: dict[str, list[str]] = {
        "parameters": [f"{name} = {text}" for name, text in models.constants.items()],
        "neurons and sources": draft.refusals.of_each(draft.groups, models.define),
        "synapses": draft.refusals.of_each(
            network.projections.values(),
            lambda p: (coupling if p.continuous else projection)(draft, models, p),
        ),
        "input": inputs,
        "recorders": _recorders(draft, models),
    }
    draft.refusals.raise_all()
    made += [*(a.told for a in plan.approximations), *draft.approximations]
    lines = [
        f'"""{_title(network)}', "", *ANEW, "", *_conventions(draft, sections), *differences(made),
        '"""', "",
    ]  # fmt: skip
    results = _results(draft)
    head = HEAD_WITH_PLOTS if any(line.startswith("plot(") for line in results) else HEAD
    single = options.precision == "single"
    lines += [
        *head.splitlines(),
        "",
        *(["prefs.core.default_float_dtype = float32"] if single else []),
        f"seed({network.seed % 2**32})  # the network's: for wiring, initial values and input",
        f"defaultclock.dt = {quantity(options.dt, 'ms')}",
        f"duration = {quantity(duration, 'ms')}",
        *([SCHEDULE] if draft.delivers_first else []),
        "",
    ]
    for title, body in sections.items():
        if body:
            while body and not body[-1]:
                body.pop()
            lines += [f"# --- {title} ".ljust(RULER, "-"), "", *body, ""]
    lines += [f"# --- {'simulation and results'} ".ljust(RULER, "-"), "", *results]
    return Script(text="\n".join(lines) + "\n", approximations=tuple(made))


def _conventions(draft: Draft, sections: dict[str, list[str]]) -> list[str]:
    """Return what is to be known of times in the script, as far as it occurs there."""
    text = "\n".join(sections["neurons and sources"])
    told = STEP + (FIRST if draft.delivers_first else "")
    if "refractory='" in text:
        told += HELD + (CUT if " + 1.5*dt'" in text else "")
    return fill(told, WIDTH, break_on_hyphens=False).splitlines()


def _title(network: Network) -> str:
    from importlib.metadata import version

    name = within_docstring(repr(network.name))
    return f"Network {name} for Brian2, written by neurosim {version('neurosim-snn')}."


def _pulses(draft: Draft, models: Models) -> None:
    """Let what arrived as a pulse last for one step."""
    for group in draft.groups:
        if is_source(group.populations[0]):
            continue
        spec = group.populations[0].model.neuron_model().spec()
        for receptor in spec.receptors:
            if receptor.kind == "pulse":
                name = models.renamed(group).get(receptor.target, receptor.target)
                zero = quantity(0.0, receptor.unit)
                group.after.append(
                    f"{group.name}.run_regularly('{name} = {zero}', when='after_groups')"
                )


def _recorders(draft: Draft, models: Models) -> list[str]:
    """Return monitors of spikes and states."""
    lines: list[str] = []
    for recorder in draft.network.recorders:
        learning = draft.learning.get(recorder.projection.name, []) if recorder.projection else []
        if learning:
            every = f", dt={quantity(recorder.every, 'ms')}" if recorder.every is not None else ""
            for name, weight in learning:
                lines.append(
                    f"{name}_{weight} = StateMonitor({name}, '{weight}', record=True{every})"
                )
            continue
        if recorder.population is None:
            label = within_comment(recorder.label)
            lines.append(f"# Weights of '{label}' are static: they stand in its w.")
            continue
        p = recorder.population
        word = draft.words[p.name]
        whole = len(recorder.indices) == p.size
        if recorder.variable == "spikes":
            monitored, n = _monitored(recorder, word)
            note = "" if n == len(recorder.indices) else "  # more than was asked for"
            lines.append(f"{word}_spikes = SpikeMonitor({monitored}){note}")
            continue
        state = models.renamed(draft.group_of(p)).get(recorder.variable, recorder.variable)
        every = f", dt={quantity(recorder.every, 'ms')}" if recorder.every is not None else ""
        which = "True" if whole else str([int(i) for i in recorder.indices])
        mean = "_mean" if recorder.reduce == "mean" else ""
        note = "  # average over its rows" if mean else ""
        lines.append(
            f"{word}_{state}{mean} = StateMonitor({word}, '{state}', record={which}{every}){note}"
        )
    return lines


def _monitored(recorder: Any, word: str) -> tuple[str, int]:
    """Return the neurons whose spikes are monitored, and how many: a subgroup is contiguous."""
    ids, size = recorder.indices, recorder.population.size
    if len(ids) == size or np.any(np.diff(ids) != 1):
        return word, size
    return f"{word}[{ids[0]}:{ids[-1] + 1}]", len(ids)


def _within_format(name: str) -> str:
    """Return a name as it may stand in an f-string in double quotes."""
    return quoted(name)[1:-1].replace("{", "{{").replace("}", "}}")


def _results(draft: Draft) -> list[str]:
    lines = ["run(duration)", "", 'print(f"Brian2 {brian2.__version__}, {duration/ms:g} ms")']
    plotted: list[tuple[str, int]] = []
    first = 0
    for recorder in draft.network.recorders:
        if recorder.variable == "spikes" and recorder.population is not None:
            word = draft.words[recorder.population.name]
            _, n = _monitored(recorder, word)
            lines.append(
                f'print(f"{_within_format(recorder.population.name)}: '
                f'{{{word}_spikes.num_spikes/{n}/(duration/second):.4g}} Hz")'
            )
            plotted.append((word, first))
            first += recorder.population.size
    for label, several in draft.learning.items():
        unit = draft.network.projections[label].unit
        for name, weight in several:
            called = _within_format(label)
            lines.append(f'print(f"{called}: mean weight {{mean({name}.{weight}):.6g}} {unit}")')
    if plotted:
        lines.append("")
        for word, offset in plotted:
            above = f" + {offset}" if offset else ""
            lines.append(f"plot({word}_spikes.t/ms, {word}_spikes.i{above}, ',', label='{word}')")
        lines += ["xlabel('time (ms)')", "ylabel('neuron')", "legend()", "show()"]
    return lines
