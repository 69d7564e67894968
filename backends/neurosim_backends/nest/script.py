"""A network as a PyNEST script of its own, with NEST's rules, generators and random numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from neurosim.backend import Options, Script
from neurosim.capabilities import require
from neurosim.describe.distributions import Distribution, FunctionOfDistance
from neurosim.describe.network import Network
from neurosim.describe.population import Selectable
from neurosim.exporting import (
    Refusals,
    differences,
    quoted,
    within_comment,
    within_docstring,
)
from neurosim.lower.lowering import lower
from neurosim.lower.plan import Plan
from neurosim_backends.nest import draft_devices as devices
from neurosim_backends.nest import draft_wiring as wiring
from neurosim_backends.nest.binding import Binding, Signs, bind
from neurosim_backends.nest.declared import CAPABILITIES, VERSIONS
from neurosim_backends.nest.draft import Draft
from neurosim_backends.nest.draft_neurons import Neurons, Starts
from neurosim_backends.nest.words import folded, number

RULER = 97
"""Length of the lines that part the sections."""


def write_script(network: Network, duration: float, options: Options) -> Script:
    """Return a script that simulates a network of the same kind for `duration` [ms].

    Raises
    ------
    UnsupportedError
        Naming a part that NEST, or a script, has no form of.
    """
    made = require(network, CAPABILITIES.of_scripts, options.approximate, options)
    plan = lower(network, options.dt)
    draft = Draft(network, plan, options, _bindings(network, plan))
    sections = {
        "neurons and sources": _populations(draft),
        "initial values": _initial_values(draft),
        "connections": draft.refusals.of_each(
            network.projections.values(), lambda p: wiring.projection(draft, p)
        ),
        "external drive": draft.refusals.of_each(
            network.drives, lambda d: devices.drive(draft, d), gap=True
        ),
        "injected currents": draft.refusals.of_each(
            network.injections, lambda i: devices.injection(draft, i), gap=True
        ),
    }
    counted: list[tuple[str, str, str]] = []
    traces: list[tuple[str, ...]] = []
    sections["recorders"] = draft.refusals.of_each(
        network.recorders, lambda r: devices.recorder(draft, r, counted, traces)
    )
    draft.refusals.raise_all()
    sections["simulation and results"] = _results(counted, traces)
    body: list[str] = []
    for title, lines in sections.items():
        if lines:
            # A comment is a text of its own, and may hold any name.
            whole = [within_comment(t) if t.startswith("#") else t for t in lines]
            folds = [folded(line) for text in whole for line in text.split("\n")]
            body += [f"# --- {title} ".ljust(RULER, "-"), "", *folds, ""]
    modules = {}
    if any("np." in line for line in body):
        modules["numpy"] = "import numpy as np"
    if counted:
        modules["matplotlib"] = "import matplotlib.pyplot as plt"
    made += [*(a.told for a in plan.approximations), *draft.approximations]
    imports = [modules[name] for name in sorted(modules)]
    head = _head(network, duration, options, differences(made), imports)
    text = "\n".join([*head, *body]).rstrip() + "\n"
    return Script(text=text, approximations=tuple(made))


def _head(
    network: Network, duration: float, options: Options, told: list[str], imports: list[str]
) -> list[str]:
    least = VERSIONS.removeprefix(">=")
    wanted = tuple(int(part) for part in least.split("."))
    plots = " matplotlib" if any("matplotlib" in line for line in imports) else ""
    install = f"pip install 'nest-simulator{VERSIONS}'{plots}"
    threads = f", local_num_threads={options.threads}" if options.threads else ""
    return [
        f'"""Network {within_docstring(repr(network.name))} for NEST {least} or later, '
        "written by neurosim.",
        f"To have it: {install}",
        "",
        "NEST draws wiring and all random numbers anew: it is the same network in distribution,",
        "not neuron by neuron. Another SEED below is another network of the same kind, with other",
        "rates, too: compare over several.",
        *told,
        '"""',
        "",
        "try:",
        *(f"    {line}" for line in [*imports, "import nest"]),
        "except ModuleNotFoundError as missing:",
        "    raise SystemExit(",
        f'        f"This script needs NEST {least} or later; {{missing.name}} is not installed: "',
        f'        "{install}"',
        "    ) from None",
        f'if tuple(int(n) for n in nest.__version__.split(".")[:2]) < {wanted}:',
        "    raise SystemExit(",
        f'        f"This script needs NEST {least} or later, not {{nest.__version__}}: "',
        f"        \"pip install 'nest-simulator{VERSIONS}'\"",
        "    )",
        "",
        f"DT = {number(options.dt)}  # ms, resolution",
        f"DURATION = {number(duration)}  # ms",
        f"SEED = {network.seed % (2**31 - 1) + 1}  # from the network's {network.seed}; NEST takes "
        "none below 1",
        "",
        "nest.ResetKernel()",
        "nest.verbosity = nest.VerbosityLevel.ERROR",
        f"nest.set(resolution=DT, rng_seed=SEED{threads})",
        "",
    ]


def _populations(draft: Draft) -> list[str]:
    neurons = Neurons(draft)
    lines: list[str] = []
    for population in draft.network.populations.values():
        name = draft.nodes[population.name] = draft.names.make(population.name)
        with draft.refusals:
            if population.name in draft.bindings:
                lines += neurons.lines(population, name)
            else:
                lines += devices.source(draft, population, name)
        lines.append("")
    return lines[:-1]


def _initial_values(draft: Draft) -> list[str]:
    starts = Starts(draft)
    return draft.refusals.of_each(draft.network.initial_values, starts.lines)


def _results(counted: list[tuple[str, str, str]], traces: list[tuple[str, ...]]) -> list[str]:
    lines = ["nest.Simulate(DURATION)"]
    if counted:
        rows = [f"    ({quoted(label)}, {view}, {node})," for label, view, node in counted]
        lines += [
            "",
            "for name, population, recorder in (",
            *rows,
            "):",
            "    rate = recorder.n_events / len(population) / DURATION * 1000.0",
            '    print(f"{name}: {rate:.2f} Hz")',
            "    spikes = recorder.events",
            '    plt.plot(spikes["times"], spikes["senders"], ".", markersize=2, label=name)',
        ]
    if traces:
        lines.append("")
    for label, node, variable in traces:
        told = quoted(f"mean {variable} of {label}:")
        lines.append(f'print({told}, np.mean({node}.events["{variable}"]).round(6))')
    if counted:
        lines += [
            "",
            'plt.xlabel("time (ms)")',
            'plt.ylabel("neuron (node ID)")',
            "plt.legend()",
            "plt.show()",
        ]
    return lines


def _bindings(network: Network, plan: Plan) -> dict[str, Binding]:
    """Choose NEST's models by the signs of what may arrive."""
    signs: dict[tuple[int, str], Signs] = {}

    def note(target: Selectable, receptor: str, found: Signs) -> None:
        for population, _ in target.segments:
            key = (population.index, receptor)
            signs[key] = signs.get(key, Signs()) | found

    for p in network.projections.values():
        if not p.continuous:
            weight = p.weight if p.weight is not None else getattr(p.rule, "weight", 1.0)
            note(p.post, p.receptor, _signs(weight))
    for d in network.drives:
        note(d.target, d.receptor, _signs(d.weight))
    for population in plan.populations:
        for state, value in population.initial.items():
            if state[:2] in ("I_", "x_"):
                key = (population.index, state[2:])
                signs[key] = signs.get(key, Signs()) | Signs.of(value)
    refusals = Refusals()
    found: dict[str, Binding] = {}
    for q in plan.populations:
        if q.spec is not None:
            with refusals:
                found[q.name] = bind(
                    network.populations[q.name], q,
                    {r.name: signs.get((q.index, r.name), Signs()) for r in q.spec.receptors},
                    q.parameters, plan.dt,
                )  # fmt: skip
    refusals.raise_all()
    return found


def _signs(weight: Any) -> Signs:
    """Return the signs that weights may have."""
    if isinstance(weight, FunctionOfDistance):
        return Signs(True, True)
    if isinstance(weight, Distribution):
        low, high = weight.support
        return Signs(high > 0, low < 0)
    return Signs.of(np.asarray(weight, np.float64))
