"""Sources, drives, currents and recorders of a PyNN script."""

from __future__ import annotations

from typing import Any

import numpy as np

from neurosim.describe.currents import ConstantCurrent, NoiseCurrent, StepCurrent
from neurosim.describe.inputs import Drive, Injection
from neurosim.describe.population import Population
from neurosim.describe.recorders import Recorder
from neurosim.describe.sources import Poisson, SpikeTimes
from neurosim.errors import UnsupportedError
from neurosim_backends._drafting import LONGEST
from neurosim_backends.nest.words import number
from neurosim_backends.pynn.draft import Draft, block, numbers, side_of
from neurosim_backends.pynn.draft_wiring import listing, weights
from neurosim_backends.pynn.words import RUN_IT, WHERE, spelt

TO_NANO = 1e-3
"""PyNN has currents in nA."""


def source(draft: Draft, population: Population, name: str) -> list[str]:
    """Return a population of sources."""
    model, n = population.model, population.size
    part = f"Population {population.name!r}"
    if isinstance(model, Poisson):
        return poisson(name, n, model.rate, part)
    assert isinstance(model, SpikeTimes), "refused by declaration"
    if sum(train.size for train in model.trains) > LONGEST:
        raise UnsupportedError(
            f"{part}: spike times {WHERE}", f"it does not spell out more than {LONGEST}", RUN_IT
        )
    trains = []
    second = round(2 * draft.dt, 10)
    for train in model.trains:
        given = draft.on_grid(train)
        times = [max(t, second) for t in given]
        if len(set(times)) < len(set(given)):
            raise UnsupportedError(
                f"{part}: a spike in the first step and one in the second {WHERE}",
                f"PyNN's NEST sends nothing before the second step ({second:g} ms), where the two "
                "would meet",
                f"trains with one spike of a cell up to {second:g} ms, or {RUN_IT}",
            )
        if len(set(times)) < len(times):
            draft.tell(f"{part}: spike times", "PyNN's Brian2 takes one spike of a cell in a step: "
                       "this runs on nest", "all of it there")  # fmt: skip
        trains.append(f"[{numbers(times)}]")
    rows = f"[{', '.join(trains)}]"
    if n == 1:
        # PyNN's Brian2 takes a list of one train for a train, and stops.
        rows = trains[0]
    elif len(rows) > 40:
        rows = "[\n" + "".join(f"    {train},\n" for train in trains) + "]"
    label = f'label="{name}"'
    return block(
        f"{name} = sim.Population", [str(n), f"sim.SpikeSourceArray(spike_times={rows})", label]
    )


def poisson(name: str, n: int, rate: Any, part: str) -> list[str]:
    """Return a population of Poisson sources."""
    words = f"sim.SpikeSourcePoisson(rate={spelt(rate, part)})"
    return block(f"{name} = sim.Population", [str(n), words, f'label="{name}"'])


def drive(draft: Draft, given: Drive) -> list[str]:
    """Return a drive: a source for every target."""
    part = f"Drive of {given.target.label!r}"
    model = given.source
    assert isinstance(model, Poisson), "refused by declaration"
    lines: list[str] = []
    start = 0
    for population, indices in given.target.segments:
        stop = start + indices.size
        order = np.argsort(indices)
        rate: Any = model.rate
        rate = rate[start:stop][order] if np.ndim(rate) else rate
        name = draft.names.make(f"drive_{draft.nodes[population.name]}")
        lines += [
            f"# Every cell of {given.target.label} has a source of its own.",
            *poisson(name, indices.size, rate, part),
        ]
        port = draft.port(population, given.receptor)
        if np.ndim(given.weight):
            weight = np.asarray(given.weight)[start:stop][order]
            for negative in (False, True):
                chosen = np.flatnonzero((weight < 0) == negative)
                if chosen.size:
                    lines += listing(
                        draft, None, name, population.name, chosen, np.sort(indices)[chosen],
                        weight[chosen], np.ones(chosen.size), side_of(port, negative), sender=name,
                    )  # fmt: skip
        else:
            made = weights(draft, given.weight, port, population.name, part)
            assert made is not None, "a number"
            text, negative = made
            arguments = [
                name, draft.some(population, indices), "sim.OneToOneConnector()",
                f"sim.StaticSynapse(weight={text}, delay=DT)",
                f'receptor_type="{side_of(port, negative)}"',
            ]  # fmt: skip
            lines += block("sim.Projection", arguments)
        start = stop
    return lines


def injection(draft: Draft, given: Injection) -> list[str]:
    """Return an injected current."""
    part = f"Injection into {given.target.label!r}"
    draft.tell(part, "PyNN's currents begin in the first steps, not with the first", 2 * draft.dt,
               "ms")  # fmt: skip
    lines = []
    start = 0
    for population, indices in given.target.segments:
        stop = start + indices.size
        view, order = draft.some(population, indices), np.argsort(indices)
        lines += _current(draft, given.current, view, slice(start, stop), order, part)
        start = stop
    return lines


def _current(
    draft: Draft, current: Any, view: str, where: slice, order: Any, part: str
) -> list[str]:
    """Return the lines that inject a current into a view, in the order of its cells."""
    match current:
        case ConstantCurrent(amplitude=amplitude):
            if not np.ndim(amplitude):
                given = number(float(amplitude) * TO_NANO)
                return [f"sim.DCSource(amplitude={given}).inject_into({view})"]
            each = spelt(np.asarray(amplitude)[where][order] * TO_NANO, part)
            if not each.startswith("["):
                return [f"sim.DCSource(amplitude={each}).inject_into({view})"]
            return [
                f"for k, amplitude in enumerate({each}):",
                f"    sim.DCSource(amplitude=amplitude).inject_into({view}[k:k + 1])",
            ]
        case StepCurrent(times=times, amplitudes=amplitudes):
            grid = f"[{numbers(draft.on_grid(times))}]"
            if amplitudes.ndim == 1:
                steps = f"[{numbers(amplitudes * TO_NANO)}]"
                words = [f"times={grid}", f"amplitudes={steps}"]
                made = block("source = sim.StepCurrentSource", words)
                return [*made, f"source.inject_into({view})"]
            columns = amplitudes.T[where][order]
            rows = ", ".join(f"[{numbers(column * TO_NANO)}]" for column in columns)
            return [
                f"for k, amplitude in enumerate([{rows}]):",
                f"    source = sim.StepCurrentSource(times={grid}, amplitudes=amplitude)",
                f"    source.inject_into({view}[k:k + 1])",
            ]
        case NoiseCurrent(mean=mean, sd=sd, dt=held):
            if np.ndim(mean) or np.ndim(sd):
                raise UnsupportedError(f"{part} {WHERE}", "its numbers differ by neuron", RUN_IT)
            interval = "DT" if held is None else number(held)
            words = [
                f"mean={number(float(mean) * TO_NANO)}", f"stdev={number(float(sd) * TO_NANO)}",
                f"dt={interval}", "stop=DURATION",
            ]  # fmt: skip
            made = block("source = sim.NoisyCurrentSource", words)
            return [
                f"for k in range(len({view})):  # noise of its own for each",
                *(f"    {line}" for line in made),
                f"    source.inject_into({view}[k:k + 1])",
            ]
    raise AssertionError(f"{part}: refused by declaration")


def recorder(
    draft: Draft, given: Recorder, counted: list[tuple[str, str]],
    traces: list[tuple[str, str, str]],
) -> list[str]:  # fmt: skip
    """Return a recorder; note what it counts, or what it traces."""
    if given.population is None:
        return [f"# The weights of {given.label} do not change."]
    view = draft.some(given.population, given.indices)
    label = given.population.name
    if given.variable == "spikes":
        counted.append((label, view))
        return [f'{view}.record("spikes")']
    theirs = _variable(draft, given)
    if not theirs:
        draft.tell(f"Recorder of {label!r}: {given.variable}",
                   "left out: no standard cell of PyNN records it", "all of it")  # fmt: skip
        return []
    traces.append((label, view, theirs))
    words = [f'"{theirs}"']
    if given.every is not None:
        words.append(f"sampling_interval={number(given.every)}")
    return [f"{view}.record({', '.join(words)})"]


def _variable(draft: Draft, given: Recorder) -> str:
    """Return PyNN's name of a recorded state, or ""."""
    assert given.population is not None
    binding, cell = draft.bindings[given.population.name], draft.cell(given.population)
    if given.variable in cell.states:
        return cell.states[given.variable][0]
    letter, _, receptor = given.variable.partition("_")
    if letter != "g" or receptor not in binding.ports:
        return ""
    return {"ex": "gsyn_exc", "in": "gsyn_inh"}[binding.ports[receptor].sides[0]]
