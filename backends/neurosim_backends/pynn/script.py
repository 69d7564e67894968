"""A network as a PyNN script, for the simulator that its command line names."""

from __future__ import annotations

from typing import Any

import numpy as np

from neurosim.backend import Options, Script
from neurosim.capabilities import require
from neurosim.describe.distributions import Distribution
from neurosim.describe.inputs import InitialValue
from neurosim.describe.network import Network
from neurosim.describe.population import Population
from neurosim.engine.layout import expected_connections
from neurosim.errors import UnsupportedError
from neurosim.exporting import differences, quoted, within_comment, within_docstring
from neurosim.lower.lowering import lower
from neurosim_backends.nest.words import number
from neurosim_backends.pynn import draft_devices as devices
from neurosim_backends.pynn import draft_wiring as wiring
from neurosim_backends.pynn.cells import Cell, cell_parameters
from neurosim_backends.pynn.declared import CAPABILITIES, VERSIONS
from neurosim_backends.pynn.draft import Draft, block
from neurosim_backends.pynn.words import RUN_IT, WHERE, distribution, folded, spelt
from neurosim_backends.spinnaker.target import roundings

MOST_LISTED = 1_000_000
"""Connections that are drawn to tell how SpiNNaker rounds their weights."""

RULER = 97
"""Length of the lines that part the sections."""

UNITS = {
    "cm": "nF", "tau_m": "ms", "tau_refrac": "ms", "tau_w": "ms", "v_rest": "mV",
    "v_thresh": "mV", "v_reset": "mV", "v_spike": "mV", "delta_T": "mV", "i_offset": "nA",
    "a": "nS", "b": "nA", "tau_syn_E": "ms", "tau_syn_I": "ms", "e_rev_E": "mV", "e_rev_I": "mV",
}  # fmt: skip
"""Units of PyNN's parameters, for comments."""


def write_script(network: Network, duration: float, options: Options) -> Script:
    """Return a script that simulates a network of the same kind for `duration` [ms].

    Raises
    ------
    UnsupportedError
        Naming a part that PyNN, or a script, has no form of.
    """
    made = require(network, CAPABILITIES.of_scripts, options.approximate, options)
    draft = Draft(network, lower(network, options.dt), options)
    draft.bind()
    draft.refusals.raise_all()
    sections = {
        "cells and sources": _populations(draft),
        "initial values": _initial_values(draft),
        "connections": draft.refusals.of_each(
            network.projections.values(), lambda p: wiring.projection(draft, p)
        ),
        "external drive": draft.refusals.of_each(network.drives, lambda d: devices.drive(draft, d)),
        "injected currents": draft.refusals.of_each(
            network.injections, lambda i: devices.injection(draft, i)
        ),
    }
    counted: list[tuple[str, str]] = []
    traces: list[tuple[str, str, str]] = []
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
    on_spinnaker = _on_spinnaker(draft)
    made += [*(a.told for a in draft.plan.approximations), *draft.approximations]
    told = [*map(within_docstring, on_spinnaker), *differences(made)]
    text = "\n".join([*_head(draft, duration, told, body), *body]).rstrip() + "\n"
    return Script(text=text, approximations=tuple(made))


def _head(draft: Draft, duration: float, told: list[str], body: list[str]) -> list[str]:
    least = VERSIONS.removeprefix(">=")
    wanted = tuple(int(part) for part in least.split("."))
    modules = []
    if any("plt." in line for line in body):
        modules.append("import matplotlib.pyplot as plt")
    if any("np." in line for line in body):
        modules.append("import numpy as np")
    plots = " matplotlib" if any("matplotlib" in line for line in modules) else ""
    install = f"pip install 'PyNN{VERSIONS}'{plots}"
    drawn = [name for name in ("NumpyRNG", "RandomDistribution") if _uses(name, body)]
    if _uses("rng=rng", body):
        drawn = sorted({*drawn, "NumpyRNG"})
    return [
        f'"""Network {within_docstring(repr(draft.network.name))} for PyNN {least} or later, '
        "written by neurosim.",
        f"To have it: {install}",
        "",
        "    python script.py nest         needs: pip install 'nest-simulator>=3.10'",
        "    python script.py brian2       needs: pip install 'brian2>=2.9' 'numpy<2.4'",
        "    python script.py spiNNaker    needs: sPyNNaker and a machine, in an environment of "
        "its own",
        "",
        "PyNN draws wiring and all random numbers anew: it is the same network in distribution,",
        "not neuron by neuron. Another SEED below is another network of the same kind.",
        *told,
        '"""',
        "",
        "import importlib",
        "import sys",
        "",
        "try:",
        *(f"    {line}" for line in [*modules, "import pyNN"]),
        "except ModuleNotFoundError as missing:",
        "    raise SystemExit(",
        f'        f"This script needs PyNN {least} or later; {{missing.name}} is not installed: "',
        f'        "{install}"',
        "    ) from None",
        f'if tuple(int(n) for n in pyNN.__version__.split(".")[:2]) < {wanted}:',
        "    raise SystemExit(",
        f'        f"This script needs PyNN {least} or later, not {{pyNN.__version__}}: "',
        f"        \"pip install 'PyNN{VERSIONS}'\"",
        "    )",
        *([f"from pyNN.random import {', '.join(drawn)}"] if drawn else []),
        "",
        'SIMULATORS = ("nest", "brian2", "spiNNaker")',
        'SIMULATOR = sys.argv[1] if len(sys.argv) > 1 else "nest"',
        "if SIMULATOR not in SIMULATORS:",
        "    raise SystemExit(f\"{SIMULATOR!r} is none of {', '.join(SIMULATORS)}\")",
        'sim = importlib.import_module(f"pyNN.{SIMULATOR}")',
        "",
        f"DT = {number(draft.dt)}  # ms",
        f"DURATION = {number(duration)}  # ms",
        f"SEED = {draft.network.seed % (2**31 - 1) + 1}  # from the network's "
        f"{draft.network.seed}; NEST takes none below 1",
        "",
        "# PyNN's NEST would send spikes between steps, which sPyNNaker and Brian2 do not.",
        'SETTINGS = {"nest": {"spike_precision": "on_grid", "rng_seed": SEED}}.get(SIMULATOR, {})',
        f"sim.setup(timestep=DT, min_delay=DT, max_delay={_longest(draft)}, **SETTINGS)",
        *(["rng = NumpyRNG(seed=SEED)"] if "NumpyRNG" in drawn else []),
        *(_NAMELESS if _uses("sim.IF_curr_delta", body) else []),
        *(_DENDRITIC if _uses("=DENDRITIC", body) else []),
        "",
    ]


_NAMELESS = (
    'if SIMULATOR == "nest":  # PyNN 0.13 has no name for the potential of this cell in NEST',
    '    sim.IF_curr_delta.variable_map = {"v": "V_m"}',
    '    sim.IF_curr_delta.scale_factors = {"v": 1}',
)


_DENDRITIC = (
    'DENDRITIC = 0.0 if SIMULATOR == "brian2" else 1.0  # PyNN\'s Brian2 has axonal delays',
)


def _uses(name: str, body: list[str]) -> bool:
    return any(name in line for line in body)


def _on_spinnaker(draft: Draft) -> list[str]:
    """Return what the head says of sPyNNaker: cells it lacks, or how it rounds the weights."""
    cells = [draft.cell(p) for p in draft.network.populations.values() if p.name in draft.bindings]
    lacking = sorted({cell.name for cell in cells if not cell.on_spinnaker})
    if lacking:
        return [f"sPyNNaker has no {name}: this one runs on nest and brian2." for name in lacking]
    projections = draft.network.projections.values()
    if any(p.plasticity is not None for p in projections):
        return []
    if sum(expected_connections(p) for p in draft.plan.projections) > MOST_LISTED:
        return ["How SpiNNaker would round these weights: ns.check(network, 'spinnaker1')."]
    lost, grids = roundings(draft.network, draft.plan)
    for misfit in lost:
        draft.tell(f"{misfit.part}: weight", f"{misfit.limit}, on SpiNNaker", "all of it there")
    return [f"SpiNNaker rounds. {grid}" for grid in grids]


def _longest(draft: Draft) -> str:
    """Return the longest delay as a text: DT, if there are no longer ones."""
    given = [wiring.longest(p.delay) for p in draft.network.projections.values()]
    listed = [getattr(p.rule, "delay", None) for p in draft.network.projections.values()]
    given += [float(np.max(d)) for d in listed if d is not None and not callable(d)]
    for plan in draft.plan.projections:
        steps = plan.delay_steps
        if isinstance(steps, np.ndarray):
            given.append(float(steps.max(initial=1)) * draft.dt)
    steps_of_all = max(1, round(max([*given, draft.dt]) / draft.dt) + 1)
    return number(round(steps_of_all * draft.dt, 10))


# --- populations ----------------------------------------------------------------------------------


def _populations(draft: Draft) -> list[str]:
    cells = {p.name: _cell(draft, p) for p in draft.network.populations.values()
             if p.name in draft.bindings}  # fmt: skip
    shared: dict[str, str] = {}
    lines: list[str] = []
    for population in draft.network.populations.values():
        name = draft.nodes[population.name] = draft.names.make(population.name)
        label = quoted(population.name)
        with draft.refusals:
            if population.name not in cells:
                lines += devices.source(draft, population, name)
                continue
            text = cells[population.name]
            if list(cells.values()).count(text) > 1:
                if text not in shared:
                    shared[text] = draft.names.make(f"{name}_cell")
                    lines.append(f"{shared[text]} = {text}")
                text = shared[text]
            words = [str(population.size), text, f"label={label}"]
            lines += block(f"{name} = sim.Population", words)
            lines += _scale(draft, population, name)
    return lines


def _scale(draft: Draft, population: Population, name: str) -> list[str]:
    """Return what a jump of 1 mV is: on SpiNNaker the charge that makes it."""
    cell = draft.cell(population)
    arrives: list[Any] = [p for p in draft.network.projections.values()
               if any(q.name == population.name for q, _ in p.post.segments)]  # fmt: skip
    arrives += [
        d
        for d in draft.network.drives
        if any(q.name == population.name for q, _ in d.target.segments)
    ]
    if cell.name != "IF_curr_delta" or not arrives:
        return []
    ours = draft.plan.populations[population.index].parameters
    decay = draft.dt / np.asarray(ours["tau_m"], np.float64)
    charge = np.asarray(ours["C_m"], np.float64) * 1e-3 * decay / -np.expm1(-decay)
    if np.ptp(charge) > 0:
        spread = float(np.ptp(charge) / charge.mean())
        draft.tell(f"Population {population.name!r}", "on SpiNNaker a jump is made by a charge, of "
                   "which a script has the mean over neurons", spread, "of a jump")  # fmt: skip
    scale = draft.scales[population.name] = draft.names.make(f"{name}_mV")
    return [
        "# Weights are mV, but on SpiNNaker the charge [nA ms] that makes a jump of 1 mV.",
        f'{scale} = {number(float(charge.mean()))} if SIMULATOR == "spiNNaker" else 1.0',
    ]


def _cell(draft: Draft, population: Population) -> str:
    """Return the standard cell of a population with its parameters."""
    binding, cell = draft.bindings[population.name], draft.cell(population)
    p = draft.plan.populations[population.index]
    entries = {}
    part = f"Population {population.name!r}"
    for name, value in cell_parameters(binding, p.parameters).items():
        text = _drawn(population, cell, name)
        with draft.refusals:
            entries[name] = text or spelt(value, f"{part}: {name}")
            if name == "tau_refrac" and not _is_number(entries[name]):
                draft.tell(part, "PyNN's Brian2 has one refractory time for all cells: this runs "
                           "on nest and spiNNaker", "all of it there")  # fmt: skip
    width = max(len(f"    {k}={v},") for k, v in entries.items())
    lines = [f"sim.{cell.name}("]
    for name, text in entries.items():
        line = f"    {name}={text},"
        unit = UNITS.get(name)
        lines.append(f"{line:{min(width, 30)}}  # {unit}" if unit else line)
    return "\n".join([*lines, ")"])


def _is_number(text: str) -> bool:
    return text[0] not in "[R"


def _drawn(population: Population, cell: Cell, name: str) -> str | None:
    """Return the distribution that a parameter is drawn from, where PyNN has words for it."""
    ours = cell.parameters.get(name, "")
    stem, _, divided = ours.partition("/")
    value = population.parameters.get(stem)
    if not isinstance(value, Distribution) or divided not in ("", "1000"):
        return None
    return distribution(value, 1e-3 if divided else 1.0)


# --- initial values -------------------------------------------------------------------------------


def _initial_values(draft: Draft) -> list[str]:
    """Return the lines that set states: of all cells, for PyNN begins at -65 mV."""
    lines: list[str] = []
    for population in draft.network.populations.values():
        if population.name not in draft.bindings:
            continue
        whole = {
            g.state for g in draft.network.initial_values
            if g.population.name == population.name and len(g.indices) == population.size
            and (isinstance(g.value, (Distribution, float)))
        }  # fmt: skip
        p = draft.plan.populations[population.index]
        assert p.spec is not None
        for state, (theirs, factor) in draft.cell(population).states.items():
            if state in whole:
                continue
            default = p.spec.initial.get(state, 0.0)
            start = p.parameters[default] if isinstance(default, str) else default
            with draft.refusals:
                part = f"Population {population.name!r}: initial value of {state}"
                text = spelt(np.asarray(start, np.float64) * factor, part)
                lines.append(f"{draft.nodes[population.name]}.initialize({theirs}={text})")
    return lines + draft.refusals.of_each(draft.network.initial_values, lambda g: _start(draft, g))


def _start(draft: Draft, given: InitialValue) -> list[str]:
    """Return the line that sets the initial values of a state of some cells."""
    part = f"Population {given.population.name!r}: initial value of {given.state}"
    view = draft.some(given.population, given.indices)
    value: Any = given.value  # a past is refused by declaration
    states = dict(draft.cell(given.population).states)
    binding = draft.bindings[given.population.name]
    letter, _, receptor = given.state.partition("_")
    if letter == "g" and receptor in binding.ports:
        side = binding.ports[receptor].sides[0]
        states[given.state] = ({"ex": "gsyn_exc", "in": "gsyn_inh"}[side], 1e-3)
    if given.state not in states:
        if not isinstance(value, Distribution) and not np.any(np.asarray(value)):
            return []
        raise UnsupportedError(f"{part} {WHERE}", "PyNN's simulators begin with 0", "0")
    theirs, factor = states[given.state]
    if isinstance(value, Distribution):
        text = distribution(value, factor)
        if text is not None:
            return [f"{view}.initialize({theirs}={text})"]
        p = draft.plan.populations[given.population.index]
        value = np.broadcast_to(p.initial[given.state], p.size)[given.indices]
    if np.ndim(value):
        value = np.asarray(value)[np.argsort(given.indices)]
    with draft.refusals:
        if np.size(value) > 1 and np.size(value) != len(given.indices):
            raise UnsupportedError(part, "another number of values than of cells", RUN_IT)
    return [f"{view}.initialize({theirs}={spelt(np.asarray(value) * factor, part)})"]


# --- results --------------------------------------------------------------------------------------


def _results(counted: list[tuple[str, str]], traces: list[tuple[str, str, str]]) -> list[str]:
    lines = ["sim.run(DURATION)"]
    if counted:
        rows = [f"    ({quoted(label)}, {view})," for label, view in counted]
        lines += [
            "",
            "for name, population in (",
            *rows,
            "):",
            '    trains = population.get_data("spikes").segments[0].spiketrains',
            "    rate = sum(len(train) for train in trains) / len(trains) / DURATION * 1000.0",
            '    print(f"{name}: {rate:.2f} Hz")',
            "    for k, train in enumerate(trains):",
            '        plt.plot(train, [k] * len(train), ".", markersize=2)',
        ]
    if traces:
        lines.append("")
    for label, view, variable in traces:
        told = quoted(f"mean {variable} of {label}:")
        lines += [
            f'trace = {view}.get_data("{variable}").segments[0].filter(name="{variable}")[0]',
            f"print({told}, trace.magnitude.mean().round(6))",
        ]
    lines += ["", "sim.end()"]
    if counted:
        lines += ['plt.xlabel("time (ms)")', 'plt.ylabel("cell")', "plt.show()"]
    return lines
