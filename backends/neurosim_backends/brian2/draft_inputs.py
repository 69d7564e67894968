"""Sections of a script: Poisson drive and injected currents."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from neurosim.describe.currents import ConstantCurrent, NoiseCurrent, StepCurrent
from neurosim.describe.distributions import Distribution
from neurosim.describe.sources import Poisson, RateSteps
from neurosim.errors import UnsupportedError
from neurosim_backends.brian2.draft import Draft, Part
from neurosim_backends.brian2.draft_neurons import Models
from neurosim_backends.brian2.words import digits, drawn, quantity


def drive(draft: Draft, models: Models, number: int) -> list[str]:
    """Return independent Poisson input of each neuron; what needs variables is put into groups."""
    d = draft.network.drives[number]
    part = f"Drive of {d.target.label!r}"
    if not isinstance(d.source, Poisson):
        raise UnsupportedError(part, "only Poisson drive comes without synapses")
    lines: list[str] = []
    for p in draft.parts(d.target):
        spec = p.group.populations[0].model.neuron_model().spec()
        receptor = next(r for r in spec.receptors if r.name == d.receptor)
        target = models.renamed(p.group).get(receptor.target, receptor.target)
        rate = d.source.rate
        plain = not isinstance(rate, RateSteps) and np.ndim(rate) == 0 and np.ndim(d.weight) == 0
        if plain and p.text is not None and receptor.kind == "jump":
            lines += _poisson_input(draft, p, target, float(rate), float(d.weight), d.unit, part)
        else:
            _poisson_terms(draft, models, p, d, target, number, part)
    return lines


def _poisson_input(
    draft: Draft, p: Part, target: str, rate: float, weight: float, unit: str, part: str
) -> list[str]:
    # Trials must be rare for their number to be near a Poisson one.
    sources = 10 ** max(0, math.ceil(math.log10(max(rate * 1e-3 * draft.plan.dt, 1e-9) / 0.005)))
    name = draft.fresh(f"{p.text}_input".replace("[", "_").replace(":", "_").replace("]", ""))
    less = rate / sources * 1e-3 * draft.plan.dt
    draft.tell(
        part, "Brian2's PoissonInput draws the number of arrivals in a step from a binomial "
        "distribution of N trials, whose variance is less by the factor 1 - rate dt",
        less, "of the variance",
    )  # fmt: skip
    return [
        f"# {digits(rate)} Hz for each neuron. Numbers of arrivals are binomial: their variance is "
        f"{1 - less:.6g} of Poisson's.",
        f"{name} = PoissonInput({p.text}, '{target}', N={sources}, "
        f"rate={quantity(rate / sources, 'Hz')}, weight={quantity(weight, unit)})",
    ]


def _poisson_terms(
    draft: Draft, models: Models, p: Part, d: Any, target: str, number: int, part: str
) -> None:
    """Let each neuron draw its own number of arrivals in every step."""
    weight, rate = f"drive_weight_{number}", f"drive_rate_{number}"
    group = p.group
    from neurosim_backends.brian2.draft_wiring import _dimension

    where = f"[{p.ids()}]" if p.size < group.size else ""
    group.extra.append(f"{weight} : {_dimension(d.unit)} (constant)")
    values = np.asarray(d.weight)
    own = values[p.within] if values.ndim else values
    group.after.append(f"{group.name}.{weight}{where} = {_number(draft, own, d.unit, part)}")
    if isinstance(d.source.rate, RateSteps):
        rates = np.asarray(d.source.rate.rates)
        word = "drive_rates_" + str(number)
        index = "(t)"
        if rates.ndim == 2:
            wide = np.zeros((rates.shape[0], group.size))
            wide[:, p.positions] = rates[:, p.within]
            rates, index = wide, "(t, i)"
        group.after = [*models.steps(word, d.source.rate.times, rates, "Hz", part), *group.after]
        read = f"{word}{index}"
    else:
        group.extra.append(f"{rate} : Hz (constant)")
        each = np.asarray(d.source.rate)
        own = each[p.within] if each.ndim else each
        group.after.append(f"{group.name}.{rate}{where} = {_number(draft, own, 'Hz', part)}")
        read = rate
    spec = group.populations[0].model.neuron_model().spec()
    kind = next(r.kind for r in spec.receptors if r.name == d.receptor)
    when = "synapses" if kind == "jump" else "before_groups"
    group.after.append(
        f"{group.name}.run_regularly('{target} += {weight}*poisson({read}*dt)', when='{when}')"
    )


def injection(draft: Draft, models: Models, number: int) -> None:
    """Put an injected current into the equations of its groups."""
    injected = draft.network.injections[number]
    current = injected.current
    part = f"Injection into {injected.target.label!r}"
    for p in draft.parts(injected.target):
        group, name = p.group, f"I_{number + 1}"
        group.currents.append(name)
        where = f"[{p.ids()}]" if p.size < group.size else ""
        match current:
            case ConstantCurrent(amplitude=amplitude):
                group.extra.append(f"{name} : amp (constant)")
                own = _mine(amplitude, p)
                group.after.append(
                    f"{group.name}.{name}{where} = {_number(draft, own, 'pA', part)}"
                )
            case StepCurrent(times=times, amplitudes=amplitudes):
                table = f"steps_{number + 1}"
                rows = np.asarray(amplitudes)
                if rows.ndim == 2 or where:
                    wide = np.zeros((rows.shape[0], group.size))
                    wide[:, p.positions] = rows[:, p.within] if rows.ndim == 2 else rows[:, None]
                    rows = wide
                index = "(t, i)" if rows.ndim == 2 else "(t)"
                group.extra.append(f"{name} = {table}{index} : amp")
                group.after += models.steps(table, times, rows, "pA", part)
            case NoiseCurrent():
                _noise(draft, p, current, name, where, part)
            case _:
                raise UnsupportedError(part, f"a script has no form of {type(current).__name__}")


def _noise(draft: Draft, p: Part, current: NoiseCurrent, name: str, where: str, part: str) -> None:
    group = p.group
    group.extra += [f"{name} : amp", f"{name}_mean : amp (constant)", f"{name}_sd : amp (constant)"]
    for word, value in (("mean", current.mean), ("sd", current.sd)):
        own = _mine(value, p)
        group.after.append(f"{group.name}.{name}_{word}{where} = {_number(draft, own, 'pA', part)}")
    if current.tau is not None:
        group.after += [
            f"{group.name}.{name} = '{name}_mean + {name}_sd*randn()'",
            f"{group.name}.run_regularly('''",
            f"kept = exp(-dt/({quantity(current.tau, 'ms')}))",
            f"{name} = {name}_mean + ({name} - {name}_mean)*kept + "
            f"{name}_sd*sqrt(1 - kept**2)*randn()",
            "''')",
        ]
        return
    every = f", dt={quantity(current.dt, 'ms')}" if current.dt is not None else ""
    group.after.append(
        f"{group.name}.run_regularly('{name} = {name}_mean + {name}_sd*randn()'{every})"
    )


def _mine(value: Any, p: Part) -> Any:
    if isinstance(value, Distribution) or np.ndim(value) == 0:
        return value
    return np.asarray(value)[p.within]


def _number(draft: Draft, value: Any, unit: str, part: str) -> str:
    if isinstance(value, Distribution):
        if value.bound == "redraw":
            raise UnsupportedError(part, f"Brian2 has no expression for {value!r}", "clip=")
        return repr(drawn(value, unit, part))
    return draft.value(value, unit, part)
