"""Sections of a script: models, groups, their parameters and initial values."""

from __future__ import annotations

import re
from textwrap import wrap
from typing import Any

import numpy as np

from neurosim.describe.distributions import Distribution
from neurosim.describe.inputs import InitialValue
from neurosim.describe.population import Population
from neurosim.describe.sources import Poisson, RateSteps, SpikeTimes
from neurosim.engine.trains import schedule
from neurosim.equations.dimensions import UNITS, Unit
from neurosim.equations.statements import parse_equations, parse_reset
from neurosim.equations.syntax import parse_expression
from neurosim.errors import UnsupportedError
from neurosim_backends.brian2.draft import Draft, Group
from neurosim_backends.brian2.equations import rising
from neurosim_backends.brian2.words import (
    Vocabulary,
    digits,
    dimension_of,
    drawings,
    quantity,
    spoken,
    times_unit,
)

NAMES_OF_BRIAN2 = frozenset(("e", "pi", "inf", "i", "j", "N", "lastspike", "not_refractory"))
"""Names that equations of Brian2 may not define."""

NO_BREAK = "\N{NO-BREAK SPACE}"


class Models:
    """Names and units of what is in the equations of the groups."""

    def __init__(self, draft: Draft) -> None:
        self.draft = draft
        self.constants: dict[str, str] = {}
        self._units: dict[str, str] = {}
        self.varied: dict[int, set[str]] = {id(g): set() for g in draft.groups}
        self._choose_constants()

    def weight_name(self, pre: Group, post: Group) -> str:
        """Return a name for the weights of synapses: one that neither side has for something else.

        Brian2 refuses a synaptic variable that a group has, too, as AdEx its adaptation w.
        """
        taken = self.variables(pre) | self.variables(post)
        return next(name for name in ("w", "weight", "synaptic_weight") if name not in taken)

    def variables(self, group: Group) -> set[str]:
        """Return what variables of neurons are called in Brian2."""
        if is_source(group.populations[0]):
            return set()
        names = self.renamed(group)
        return {names.get(n, n) for n in self._names(group)}

    def _names(self, group: Group) -> set[str]:
        """Return the names of the variables of neurons, in our words."""
        spec = group.populations[0].model.neuron_model().spec()
        lines = parse_equations(group.populations[0].model.neuron_model().equations)
        return {line.name for line in lines} | set(spec.states) | set(spec.parameters)

    def renamed(self, group: Group) -> dict[str, str]:
        """Return what the names of the equations are called in Brian2."""
        model = group.populations[0].model.neuron_model()
        names = [line.name for line in parse_equations(model.equations)]
        return {
            n: f"{n}_var" if n in NAMES_OF_BRIAN2 or n.endswith(("_pre", "_post")) else n
            for n in names
        }

    def _choose_constants(self) -> None:
        """Decide which parameters are constants of the script: those with one value everywhere."""
        values: dict[str, set[Any]] = {}
        for group in self.draft.groups:
            for p in group.populations:
                for name, value in self._parameters(p).items():
                    known = values.setdefault(name, set())
                    single = isinstance(value, (int, float)) or np.ndim(value) == 0
                    unit = p.model.parameter_units[name]
                    known.add(
                        (float(value), unit)
                        if single and not isinstance(value, Distribution)
                        else id(value)
                    )
        states = {
            s for g in self.draft.groups for p in g.populations
            if not is_source(p) for s in p.model.state_units
        }  # fmt: skip
        for name, known in values.items():
            only = next(iter(known))
            if len(known) == 1 and isinstance(only, tuple) and name not in states:
                self.constants[name] = quantity(*only)
        taken = set(self.draft.words.values())
        for name in [n for n in self.constants if n in taken]:
            del self.constants[name]
        for group in self.draft.groups:
            for p in group.populations:
                self.varied[id(group)] |= set(self._parameters(p)) - set(self.constants)

    def _parameters(self, p: Population) -> dict[str, Any]:
        if is_source(p):
            return {}
        spec = p.model.neuron_model().spec()
        used = set(spec.parameters)
        if spec.refractory is not None and self.is_never_held(self.draft.group_of(p)):
            used -= {spec.refractory} - _read(p.model.neuron_model())
        return {name: value for name, value in p.parameters.items() if name in used}

    # --- text -----------------------------------------------------------------------------------

    def define(self, group: Group) -> list[str]:
        """Return the lines that define a group, its subgroups, parameters and initial values."""
        first = group.populations[0]
        if is_source(first):
            return self._source(group)
        lines = self._neurons(group)
        if len(group.populations) > 1:
            lines += [
                f"{self.draft.words[p.name]} = {group.name}"
                f"[{group.start(p)}:{group.start(p) + p.size}]"
                for p in group.populations
            ]
        return [*lines, *self._values(group), *group.after, ""]

    def _neurons(self, group: Group) -> list[str]:
        model = group.populations[0].model.neuron_model()
        spec = model.spec()
        renamed = self.renamed(group)
        word = f"{group.name}_equations"
        words = self._vocabulary(group)
        is_held = spec.refractory is not None and not self.is_never_held(group)
        states = {*spec.states}
        pulses = {r.target for r in spec.receptors if r.kind == "pulse"}
        lines = []
        for line in parse_equations(model.equations):
            name = renamed.get(line.name, line.name)
            unit = dimension_of(line.unit)
            if line.kind == "equation":
                assert line.expression is not None
                flag = " (unless refractory)" if is_held and line.clamped else ""
                text = spoken(line.expression, words)
                lines += folded(f"d{name}/dt = {text} : {unit}{flag}")
            elif line.kind == "expression":
                assert line.expression is not None
                text = spoken(line.expression, words)
                if text == "0" and unit != "1":
                    text = times_unit("0", line.unit.text)
                lines += folded(f"{name} = {text} : {unit}")
            elif line.name in states or line.name in pulses:
                lines.append(f"{name} : {unit}")
            elif line.name in self.varied[id(group)]:
                lines.append(f"{name} : {unit} (constant)")
        if group.currents:
            lines.append(f"I_injected = {' + '.join(group.currents)} : amp")
        for coupling, variables in group.couplings.items():
            if variables:
                inlet = next(c for c in spec.couplings if c.name == coupling)
                unit = dimension_of(_unit(inlet.unit))
                if inlet.symbol not in variables:
                    lines.append(f"{inlet.symbol} = {' + '.join(variables)} : {unit}")
                lines += [f"{v} : {unit}" for v in variables]
        lines += group.extra
        method = self.draft.method(group.populations[0])
        arguments = [str(group.size), word]
        threshold = self._threshold(model, words)
        if threshold:
            arguments.append(f"threshold={threshold!r}")
            arguments.append(f"reset={self._reset(model, words)!r}")
        if is_held and threshold:
            name = renamed.get(spec.refractory, spec.refractory)
            arguments.append(f"refractory='{name} + {self._one_step_more(group)}'")
        if method:
            arguments.append(f"method={method!r}")
        note = _method_note(spec, method)
        return [
            f"{word} = '''", *lines, "'''", *note,
            *wrapped(f"{group.name} = NeuronGroup(", arguments),
        ]  # fmt: skip

    def _vocabulary(self, group: Group) -> Vocabulary:
        model = group.populations[0].model.neuron_model()
        absent = frozenset([] if group.currents else ["I_injected"]) | {
            c.symbol for c in model.spec().couplings if not group.couplings.get(c.name)
        }
        units = {line.name: line.unit.text for line in parse_equations(model.equations)}
        return Vocabulary(self.renamed(group), absent, units)

    def is_never_held(self, group: Group) -> bool:
        """Whether the refractory time of all neurons is 0, of which nothing need be written."""
        name = group.populations[0].model.neuron_model().spec().refractory
        times = [p.parameters[name] for p in group.populations if name in p.parameters]
        known = [t for t in times if not isinstance(t, Distribution)]
        return bool(times) and len(known) == len(times) and not np.any(np.concatenate(
            [np.ravel(t) for t in known]
        ))  # fmt: skip

    def _one_step_more(self, group: Group) -> str:
        """Return what is added to a refractory time: half a step more where that is rounded."""
        name = group.populations[0].model.neuron_model().spec().refractory
        rounded = {a.part for a in self.draft.plan.approximations}
        parts = {f"Population {p.name!r}: {name}" for p in group.populations}
        return "1.5*dt" if parts & rounded else "dt"

    def _threshold(self, model: Any, words: Vocabulary) -> str:
        found = []
        if model.threshold:
            found.append(spoken(parse_expression(model.threshold), words))
        if model.hazard:
            hazard = spoken(parse_expression(model.hazard), words)
            found.append(f"rand() < 1 - exp(-({hazard})*dt)")
        return " or ".join(found)

    def _reset(self, model: Any, words: Vocabulary) -> str:
        return "; ".join(
            f"{words.renamed.get(r.name, r.name)} {r.operator} {spoken(r.expression, words)}"
            for r in parse_reset(model.reset or "")
        )

    def _values(self, group: Group) -> list[str]:
        """Return statements for parameters that vary, and for initial values."""
        lines: list[str] = []
        renamed = self.renamed(group)
        for p in group.populations:
            place = f"Population {p.name!r}"
            word = self.draft.words[p.name]
            units = p.model.parameter_units
            for name in sorted(self.varied[id(group)] & set(self._parameters(p))):
                target = f"{word}.{renamed.get(name, name)}"
                given_here = p.parameters[name]
                with self.draft.refusals:
                    lines += self._given(target, given_here, units[name], f"{place}: {name}")
        spec = group.populations[0].model.neuron_model().spec()
        given = [g for g in self.draft.network.initial_values
                 if any(q.name == g.population.name for q in group.populations)]  # fmt: skip
        whole = {(g.population.name, g.state) for g in given if len(g.indices) == g.population.size}
        for state, value in spec.initial.items():
            if all((q.name, state) in whole for q in group.populations):
                continue  # it is set below
            if isinstance(value, str):
                lines.append(
                    f"{group.name}.{renamed.get(state, state)} = '{renamed.get(value, value)}'"
                )
            elif value != 0:
                unit = group.populations[0].model.state_units[state]
                lines.append(f"{group.name}.{renamed.get(state, state)} = {quantity(value, unit)}")
        for g in given:
            word = self.draft.words[g.population.name]
            alike = [h for h in given if _is_alike(g, h)]
            if len(alike) == len(group.populations) > 1:
                if g is not alike[0]:
                    continue
                word = group.name
            place = f"Population {g.population.name!r}: initial value of {g.state}"
            target = f"{word}.{renamed.get(g.state, g.state)}"
            if len(g.indices) < g.population.size:
                target += f"[{self._where(g.indices)}]"
            unit = g.population.model.state_units[g.state]
            with self.draft.refusals:
                lines += self._given(target, g.value, unit, place)
        return lines

    def _where(self, indices: Any) -> str:
        steps = np.unique(np.diff(indices))
        if len(indices) > 1 and steps.size == 1 and steps[0] > 0:
            step = f":{steps[0]}" if steps[0] > 1 else ""
            return f"{indices[0]}:{indices[-1] + 1}{step}"
        return str([int(i) for i in indices])

    def _given(self, target: str, value: Any, unit: str, part: str) -> list[str]:
        """Return the lines that give neurons a value."""
        if isinstance(value, Distribution):
            if value.bound == "redraw" and target.endswith("]"):
                raise UnsupportedError(
                    part, f"a script draws {value!r} for whole populations only", "clip="
                )
            return drawings(target, value, unit, part)
        return [f"{target} = {self.draft.value(value, unit, part)}"]

    # --- sources --------------------------------------------------------------------------------

    def _source(self, group: Group) -> list[str]:
        p = group.populations[0]
        part = f"Population {p.name!r}"
        source = p.model
        dt = self.draft.plan.dt
        if isinstance(source, Poisson):
            highest = np.max(
                source.rate.rates if isinstance(source.rate, RateSteps) else source.rate
            )
            self.draft.tell(
                part, "a neuron of Brian2's PoissonGroup fires once in a step at most, with "
                "probability rate dt: the variance of counts is less by the factor 1 - rate dt",
                float(highest * 1e-3 * dt), "of the variance",
            )  # fmt: skip
            return [*self.rate_lines(source.rate, group.name, part), ""]
        assert isinstance(source, SpikeTimes), "others are refused by declaration"
        return self._spike_times(group, source)

    def rate_lines(self, rate: Any, word: str, part: str) -> list[str]:
        """Return the definition of a PoissonGroup."""
        size = self.draft.network.populations[part.split("'")[1]].size
        if isinstance(rate, RateSteps):
            table = f"{word}_rates"
            index = "(t, i)" if rate.rates.ndim == 2 else "(t)"
            return [
                *self.steps(table, rate.times, rate.rates, "Hz", part),
                f"{word} = PoissonGroup({size}, rates='{table}{index}')",
            ]
        text = (
            quantity(float(rate), "Hz") if np.ndim(rate) == 0
            else times_unit(self.draft.array(rate, part), "Hz")
        )  # fmt: skip
        return [f"{word} = PoissonGroup({size}, rates={text})"]

    def steps(self, name: str, times: Any, values: Any, unit: str, part: str) -> list[str]:
        """Return the definition of a TimedArray that changes at given times."""
        rows = np.asarray(values)
        shape = f".reshape({rows.shape})" if rows.ndim == 2 else ""
        step = digits(self.draft.plan.dt)
        grid = f"arange(0, duration/ms, {step}) + {step}/2"
        since = f"searchsorted({self.draft.array(times, part)}, {grid})"
        before = np.concatenate([np.zeros_like(rows[:1]), rows])
        if rows.ndim == 2:
            shape = f".reshape({before.shape})"
        return [
            f"{name}_values = {self.draft.array(before, part)}{shape}",
            f"{name} = TimedArray({name}_values[{since}]*{unit}, dt=defaultclock.dt)",
        ]

    def _spike_times(self, group: Group, source: SpikeTimes) -> list[str]:
        labels, ids = schedule(list(source.trains), self.draft.plan.dt)
        part = f"Population {group.name!r}"
        taken: set[tuple[int, int]] = set()
        moved = 0
        found = []
        for due, neuron in sorted(zip(labels.tolist(), ids.tolist(), strict=True)):
            label = due
            while (label, neuron) in taken:
                label += 1
            moved = max(moved, label - due)
            taken.add((label, neuron))
            found.append((label * self.draft.plan.dt, neuron))
        note = ["# A neuron fires once in a step at most: what comes at once comes one step later."]
        if moved:
            self.draft.tell(
                part, "spikes of a neuron that come at once come one step after the other",
                moved * self.draft.plan.dt, "ms",
            )  # fmt: skip
        times = self.draft.array(np.round([t for t, _ in found], 9), part)
        neurons = self.draft.array(np.array([n for _, n in found], np.int64), part)
        return [
            *(note if moved else []),
            "# Brian2 names the start of the step in which a spike happens: dt earlier.",
            f"{group.name}_times = {times}*ms",
            f"{group.name}_neurons = {neurons}",
            f"{group.name} = SpikeGeneratorGroup({group.size}, {group.name}_neurons,"
            f" {group.name}_times - defaultclock.dt)",
            "",
        ]


def _is_alike(a: InitialValue, b: InitialValue) -> bool:
    """Whether two whole populations begin with the same number or distribution."""
    if any(len(g.indices) < g.population.size or isinstance(g.value, np.ndarray) for g in (a, b)):
        return False
    return bool(a.state == b.state and a.value == b.value)


def _read(model: Any) -> set[str]:
    """Return the names that the texts of a model read, declarations apart."""
    lines = [line for line in model.equations.splitlines() if "=" in line]
    texts = [*lines, model.threshold, model.hazard, model.reset]
    return set(re.findall(r"[A-Za-z_]\w*", "\n".join(text for text in texts if text)))


def is_source(population: Population) -> bool:
    """Whether a population fires by itself."""
    return bool(getattr(population.model, "is_source", False))


def _unit(text: str) -> Unit:
    if text in UNITS:
        return UNITS[text]
    from neurosim.equations.dimensions import NONE

    return Unit(text, NONE)


def _method_note(spec: Any, method: str) -> list[str]:
    if not method or (spec.method == method and not rising(spec)):
        return []
    if spec.method == method:
        return ["# neurosim solves synapses that rise exactly: see the differences above."]
    return [f"# neurosim takes its method {spec.method!r}: see the differences above."]


def folded(line: str) -> list[str]:
    """Return an equation in several lines where it is long, as Brian2 reads them, too.

    Its unit and flags stay together: Brian2 reads no flag that goes on in another line.
    """
    equation, colon, unit = line.rpartition(" : ")
    kept = f"{equation}{colon.rstrip()}{NO_BREAK}{unit.replace(' ', NO_BREAK)}" if colon else line
    lines = wrap(kept, 97, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False)
    return [text.replace(NO_BREAK, " ") for text in lines]


def wrapped(head: str, arguments: list[str]) -> list[str]:
    """Return a call on one line, or with its arguments below each other in rows."""
    line = f"{head}{', '.join(arguments)})"
    if len(line) <= 98:
        return [line]
    rows = [""]
    for argument in arguments:
        if len(rows[-1]) + len(argument) > 90:
            rows.append("")
        rows[-1] += f"{argument}, "
    return [head, *(f"    {row.rstrip()}" for row in rows), ")"]
