"""Sources, drives, currents and recorders of a PyNEST script."""

from __future__ import annotations

from typing import Any

import numpy as np

from neurosim.describe.currents import ConstantCurrent, NoiseCurrent, StepCurrent
from neurosim.describe.distributions import Distribution
from neurosim.describe.inputs import Drive, Injection
from neurosim.describe.population import Population, Segment
from neurosim.describe.recorders import Recorder
from neurosim.describe.sources import (
    CorrelatedPoisson,
    GammaProcess,
    Poisson,
    RateSteps,
    SpikeTimes,
)
from neurosim.errors import UnsupportedError
from neurosim_backends._drafting import LONGEST
from neurosim_backends.nest.binding import Port
from neurosim_backends.nest.draft import RUN_IT, WHERE, Draft
from neurosim_backends.nest.words import array, call, dictionary, distribution, number


def source(draft: Draft, population: Population, name: str) -> list[str]:
    """Return a population of sources.

    A random generator of NEST sends each of its targets a train of its own; trains that targets
    share come from parrots, which pass on what they receive.
    """
    model, n = population.model, population.size
    part = f"Population {population.name!r}"
    if isinstance(model, SpikeTimes):
        if sum(train.size for train in model.trains) > LONGEST:
            raise UnsupportedError(
                f"{part}: spike times {WHERE}", f"it does not spell out more than {LONGEST}", RUN_IT
            )
        if draft.teaches(population):
            generator = draft.names.make(f"{name}_generator")
            early = [draft.on_grid(np.asarray(train) - draft.dt) for train in model.trains]
            rows = [f'{{"spike_times": {times}}}' for times in early]
            return [
                "# Synapses of generators do not learn: parrots pass spikes on, a step later.",
                f'{generator} = nest.Create("spike_generator", {n})',
                f"{generator}.set([{rows[0]}])"
                if n == 1
                else call(f"{generator}.set", [_list(rows)]),
                f'{name} = nest.Create("parrot_neuron", {n})',
                f'nest.Connect({generator}, {name}, "one_to_one", {{"delay": DT}})',
            ]
        rows = [f'{{"spike_times": {draft.on_grid(train)}}}' for train in model.trains]
        return [
            f'{name} = nest.Create("spike_generator", {n})',
            f"{name}.set([{rows[0]}])" if n == 1 else call(f"{name}.set", [_list(rows)]),
        ]
    generator = draft.names.make(f"{name}_generator")
    rule = '"all_to_all"' if is_single(model) else '"one_to_one"'
    return [
        f"# Parrots pass on what they receive, so that all targets share the trains of {name}.",
        *generators(draft, generator, model, n, part),
        f'{name} = nest.Create("parrot_neuron", {n})',
        f'nest.Connect({generator}, {name}, {rule}, {{"delay": DT}})',
    ]


def is_single(model: Any) -> bool:
    """Whether one generator serves all targets, each with a train of its own."""
    rate = getattr(model, "rate", None)
    each = rate.size is not None if isinstance(rate, RateSteps) else isinstance(rate, np.ndarray)
    return not each and np.ndim(getattr(model, "shape", 0.0)) == 0


def generators(draft: Draft, name: str, model: Any, n: int, part: str) -> list[str]:
    """Return one generator, or n with values of their own."""
    size = "" if is_single(model) else f", {n}"
    match model:
        case Poisson(rate=RateSteps() as steps):
            times = draft.on_grid(steps.times)
            lines = [f'{name} = nest.Create("inhomogeneous_poisson_generator"{size})']
            if times[0] == 0:
                times[0] = draft.dt
                draft.tell(part, "NEST's first rate begins at the end of the first step", draft.dt,
                           "ms")  # fmt: skip
                lines.append("# NEST's first rate begins at the end of the first step.")
            columns = steps.rates.T if steps.rates.ndim == 2 else [steps.rates]
            rows = [f'{{"rate_times": {times}, "rate_values": {c.tolist()}}}' for c in columns]
            return [*lines, call(f"{name}.set", [_list(rows)])]
        case Poisson(rate=rate):
            return [
                f'{name} = nest.Create("poisson_generator"{size})',
                f"{name}.rate = {array(rate, part)}  # Hz",
            ]
        case GammaProcess(rate=rate, shape=shape):
            whole = np.asarray(shape).astype(int).tolist()
            return [
                f'{name} = nest.Create("gamma_sup_generator"{size})',
                f"{name}.gamma_shape = {whole}",
                f"{name}.rate = {array(rate, part)}  # Hz",
            ]
        case CorrelatedPoisson(rate=rate, correlation=c):
            parameters = dictionary({"rate": number(rate / c), "p_copy": number(c)})
            return [
                "# The rate is that of the mother process.",
                f'{name} = nest.Create("mip_generator", params={parameters})',
            ]
    raise AssertionError(f"{part}: refused by declaration")


def drive(draft: Draft, given: Drive) -> list[str]:
    """Return a drive: every target has a train of its own."""
    part = f"Drive of {given.target.label!r}"
    name = draft.names.make(f"drive_{given.target.label}")
    lines = generators(draft, name, given.source, len(given.target), part)
    single = is_single(given.source)
    if single:
        lines.append("# Each target receives a train of its own.")
    if single and np.ndim(given.weight) == 0:
        groups: dict[tuple[int, float, bool], list[Segment]] = {}
        ports = {}
        for population, indices in given.target.segments:
            port = draft.port(population, given.receptor, part)
            key = (port.number, float(port.factor), draft.relays(population))
            groups.setdefault(key, []).append((population, indices))
            ports[key] = port
        for key, segments in groups.items():
            weight = None if key[2] else draft.weight(given.weight, ports[key], part)
            post = draft.view(segments)
            lines.append(draft.connect(name, post, '"all_to_all"', "DT", ports[key], weight=weight))
        return lines
    start = 0
    for population, indices in given.target.segments:
        stop = start + indices.size
        port = draft.port(population, given.receptor, part)
        weight = None
        if not draft.relays(population):
            values: Any = given.weight
            if np.ndim(values):
                order = np.argsort(indices) if single else _order(indices, part)
                values = np.asarray(values)[start:stop][order]
            weight = draft.weight(values, port, part)
            if not single and np.ndim(values):
                weight = array(np.asarray(values) * port.factor, part)
        if not single:
            _order(indices, part)
        rule = '"all_to_all"' if single else '"one_to_one"'
        sender = name if single else _sliced(name, start, stop, len(given.target))
        post = draft.some(population, indices)
        lines.append(draft.connect(sender, post, rule, "DT", port, weight=weight))
        start = stop
    return lines


def injection(draft: Draft, given: Injection) -> list[str]:
    """Return an injected current."""
    part = f"Injection into {given.target.label!r}"
    name = draft.names.make(f"current_{given.target.label}")
    n = len(given.target)
    draft.tell(
        part, "NEST's currents act a step later than they are sent, in the second step at the "
        "earliest", draft.dt, "ms",
    )  # fmt: skip
    lines, each = _current(draft, name, given.current, part, n)
    start = 0
    for population, indices in given.target.segments:
        stop = start + indices.size
        ours = draft.plan.populations[population.index].parameters
        factor = draft.bindings[population.name].current_factor(ours)
        if np.ndim(factor):
            raise UnsupportedError(f"{part} {WHERE}", "its factor differs by neuron", RUN_IT)
        if each:
            _order(indices, part)
        weight = number(factor) if factor != 1.0 else None
        sender = _sliced(name, start, stop, n) if each else name
        rule = '"one_to_one"' if each else '"all_to_all"'
        post = draft.some(population, indices)
        lines.append(draft.connect(sender, post, rule, "DT", Port(), weight=weight))
        start = stop
    return lines


def _current(draft: Draft, name: str, current: Any, part: str, n: int) -> tuple[list[str], bool]:
    """Return the lines that make a device, and whether there is one for each neuron."""
    match current:
        case ConstantCurrent(amplitude=Distribution() as drawn):
            return [
                f'{name} = nest.Create("dc_generator", {n})',
                f"{name}.amplitude = {distribution(drawn)}  # pA",
            ], True
        case ConstantCurrent(amplitude=amplitude):
            each = np.ndim(amplitude) > 0
            size = f", {n}" if each else ""
            return [
                f'{name} = nest.Create("dc_generator"{size})',
                f"{name}.amplitude = {array(amplitude, part)}  # pA",
            ], each
        case StepCurrent(times=times, amplitudes=amplitudes):
            grid = draft.on_grid(times)
            grid[0] = max(grid[0], draft.dt)
            each = amplitudes.ndim == 2
            columns = amplitudes.T if each else [amplitudes]
            rows = [f'{{"amplitude_times": {grid}, "amplitude_values": {column.tolist()}}}'
                    for column in columns]  # fmt: skip
            size = f", {n}" if each else ""
            return [
                "# Currents begin at the end of the first step and act a step later.",
                f'{name} = nest.Create("step_current_generator"{size})',
                call(f"{name}.set", [_list(rows)]),
            ], each
        case NoiseCurrent(tau=None, mean=mean, sd=sd, dt=held):
            each = np.ndim(mean) > 0 or np.ndim(sd) > 0
            size = f", {n}" if each else ""
            interval = "DT" if held is None else number(held)
            return [
                "# Each target receives noise of its own.",
                f'{name} = nest.Create("noise_generator"{size}, params={{"dt": {interval}}})',
                f"{name}.mean = {array(mean, part)}  # pA",
                f"{name}.std = {array(sd, part)}  # pA",
            ], each
    raise AssertionError(f"{part}: refused by declaration")


def recorder(
    draft: Draft, given: Recorder, found: list[tuple[str, str, str]], traces: list[tuple[str, ...]]
) -> list[str]:
    """Return a recorder; note what it counts in `found`, or what it traces in `traces`."""
    if given.population is None:
        return [f"# The weights of {given.label} do not change; nest.GetConnections has them."]
    view = draft.some(given.population, given.indices)
    label = given.population.name
    node_of = draft.nodes[label]
    if given.variable == "spikes":
        node = draft.names.make(f"spikes_{node_of}")
        found.append((label, view, node))
        return [f'{node} = nest.Create("spike_recorder")', f"nest.Connect({view}, {node})"]
    binding = draft.bindings[label]
    wanted = [name for name, _ in binding.recordable(given.variable)]
    if not wanted:
        raise UnsupportedError(
            f"Recorder of {label!r}: {given.variable}",
            f"no multimeter records it from {binding.row.model}", "V_m",
        )  # fmt: skip
    node = draft.names.make(f"{given.variable}_{node_of}")
    interval = "DT" if given.every is None else number(given.every)
    names = "[" + ", ".join(f'"{name}"' for name in wanted) + "]"
    parameters = dictionary({"record_from": names, "interval": interval})
    traces += [(label, node, name) for name in wanted]
    return [
        call(f"{node} = nest.Create", ['"multimeter"', f"params={parameters}"]),
        f"nest.Connect({node}, {view})",
    ]


def _sliced(name: str, start: int, stop: int, n: int) -> str:
    return name if (start, stop) == (0, n) else f"{name}[{start}:{stop}]"


def _order(indices: Any, part: str) -> Any:
    """Return the identity; refuse neurons out of order, as NEST has nodes in order only."""
    if np.any(np.diff(indices) < 0):
        raise UnsupportedError(
            f"{part} {WHERE}", "values of neurons out of order", "a view in ascending order"
        )
    return np.arange(len(indices))


def _list(rows: list[str]) -> str:
    if sum(map(len, rows)) < 80:
        return f"[{', '.join(rows)}]"
    return "[\n" + "".join(f"    {row},\n" for row in rows) + "]"
