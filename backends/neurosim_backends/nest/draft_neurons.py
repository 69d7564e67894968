"""The neurons of a PyNEST script, and how they start."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from neurosim.describe.distributions import Distribution
from neurosim.describe.history import History
from neurosim.describe.inputs import InitialValue
from neurosim.describe.population import Population
from neurosim.errors import UnsupportedError
from neurosim_backends.nest.binding import Binding
from neurosim_backends.nest.draft import RUN_IT, WHERE, Draft
from neurosim_backends.nest.table import KINDS
from neurosim_backends.nest.words import array, call, dictionary, distribution, number

UNITS = {
    "C_m": "pF", "tau_m": "ms", "t_ref": "ms", "tau_w": "ms", "E_L": "mV", "V_th": "mV",
    "V_reset": "mV", "V_peak": "mV", "V_T": "mV", "V_m": "mV", "Delta_T": "mV", "I_e": "pA",
    "g_L": "nS", "a": "nS", "b": "pA", "g_Na": "nS", "g_K": "nS", "E_Na": "mV", "E_K": "mV",
    "E_ex": "mV", "E_in": "mV", "E_rev": "mV", "tau_syn": "ms", "tau_syn_ex": "ms",
    "tau_syn_in": "ms", "tau_rise": "ms", "tau_decay": "ms", "tau_rise_ex": "ms",
    "tau_rise_in": "ms", "tau_decay_ex": "ms", "tau_decay_in": "ms", "V_T_star": "mV",
    "Delta_V": "mV", "lambda_0": "Hz", "q_stc": "pA", "tau_stc": "ms", "q_sfa": "mV",
    "tau_sfa": "ms", "w": "pA", "g_ex": "nS", "g_in": "nS",
}  # fmt: skip
"""Units of NEST's parameters, for comments."""

IZHIKEVICH_UNITS = {"V_m": "mV", "U_m": "mV", "V_th": "mV", "c": "mV", "d": "mV", "a": "1/ms"}


class Neurons:
    """Writes populations of neurons; those with equal parameters share them by name."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._known: dict[str, str] = {}
        texts = [self._parameters(p)[0] for p in draft.network.populations.values()
                 if p.name in draft.bindings]  # fmt: skip
        self._shared = {text for text in texts if text and texts.count(text) > 1}

    def lines(self, population: Population, name: str) -> list[str]:
        """Return the lines that make a population."""
        binding = self._draft.bindings[population.name]
        part = f"Population {population.name!r}"
        text, each = self._parameters(population)
        lines = []
        note = [f"# {binding.row.note}"] if binding.row.note else []
        if text in self._shared:
            if text not in self._known:
                self._known[text] = self._draft.names.make(f"{binding.row.model}_params")
                lines += [*note, f"{self._known[text]} = {text}", ""]
            text = self._known[text]
        else:
            lines += note
        arguments = [f'"{binding.row.model}"', str(population.size)]
        if text:
            arguments.append(f"params={text}")
        lines.append(f"{name} = {call('nest.Create', arguments)}")
        for key, value in each.items():
            with self._draft.refusals:
                if isinstance(value, list):
                    raise UnsupportedError(
                        f"{part}: {key} {WHERE}", "receptors have one value for all neurons", RUN_IT
                    )
                lines.append(f"{name}.{key} = {array(value, f'{part}: {key}')}")
        for parameter, drawn in _drawn(population).items():
            with self._draft.refusals:
                other = self._alone(population, binding, parameter)
                lines.append(f"{name}.{other} = {distribution(drawn)}")
        return lines

    def _parameters(self, population: Population) -> tuple[str, dict[str, Any]]:
        """Return what all neurons share as a dictionary's text, and what they do not."""
        binding = self._draft.bindings[population.name]
        p = self._draft.plan.populations[population.index]
        assert p.spec is not None
        drawn = _drawn(population)
        given = {k: float(np.mean(v)) if k in drawn else v for k, v in p.parameters.items()}
        found = binding.parameters(given)
        given_whole = {
            g.state for g in self._draft.network.initial_values
            if g.population.name == population.name and len(g.indices) == population.size
        }  # fmt: skip
        for state, other in binding.row.states.items():
            if state in given_whole:
                continue  # it is set below
            default = p.spec.initial.get(state, 0.0)
            found[other] = given[default] if isinstance(default, str) else default
        each = {k: v for k, v in found.items() if _differs(v)}
        fixed = {k: str(v) for k, v in binding.row.fixed.items()}
        entries = {k: _shown(v) for k, v in found.items() if k not in each} | fixed
        units = IZHIKEVICH_UNITS if binding.row.model == "izhikevich" else UNITS
        text = dictionary(entries, {k: units.get(k, "") for k in entries}) if entries else ""
        return text, each

    def _alone(self, population: Population, binding: Binding, parameter: str) -> str:
        """Return the one parameter of NEST that is a drawn one of ours."""
        word = re.compile(rf"\b{parameter}\b")
        texts = binding.row.parameters
        uses = [other for other, text in texts.items() if word.search(text)]
        uses += [f"{other}_{side}" for receptor, kind in binding.kinds.items() if kind in KINDS
                 for stem, other in KINDS[kind].parameters.items()
                 if f"{stem}_{receptor}" == parameter
                 for side in binding.ports[receptor].sides or ("",)]  # fmt: skip
        if len(uses) != 1 or uses[0].endswith("_") or texts.get(uses[0], parameter) != parameter:
            raise UnsupportedError(
                f"Population {population.name!r}: {parameter} drawn from a distribution, {WHERE}",
                f"{binding.row.model} has no single parameter that it is", RUN_IT,
            )  # fmt: skip
        return uses[0]


class Starts:
    """Writes initial values."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._start = ""

    def lines(self, given: InitialValue) -> list[str]:
        """Return the lines that set the initial values of a state of some neurons."""
        binding = self._draft.bindings[given.population.name]
        part = f"Population {given.population.name!r}: initial value of {given.state}"
        view = self._draft.some(given.population, given.indices)
        value = given.value
        assert not isinstance(value, History), "refused by declaration"
        if not isinstance(value, Distribution) and np.ndim(value):
            value = np.asarray(value)[np.argsort(given.indices)]
        if given.state in binding.row.states:
            return [f"{view}.{binding.row.states[given.state]} = {_start(value, part)}"]
        synaptic = binding.synaptic.get(given.state)
        direct = synaptic is not None and synaptic.settable and not synaptic.partner
        if synaptic is not None and direct and len(synaptic.status) == 1:
            name, sign = synaptic.status[0]
            return [f"{view}.{name} = {_start(value, part, sign, synaptic.unsigned)}"]
        return self._kick(binding, given.state, value, view, part)

    def _kick(self, binding: Binding, state: str, value: Any, view: str, part: str) -> list[str]:
        """Return a spike that brings a state to its value."""
        receptor = state[2:]
        kind = KINDS.get(binding.kinds.get(receptor, ""))
        if kind is None or state.startswith("x_") != bool(kind.peak):
            if not isinstance(value, Distribution) and not np.any(value):
                return []
            raise UnsupportedError(f"{part} {WHERE}", f"NEST begins with 0 in {binding.row.model}")
        self._draft.tell(
            part, "NEST begins with 0, and a spike brings the value in the first steps",
            2 * self._draft.dt, "ms",
        )  # fmt: skip
        lines = []
        if not self._start:
            self._start = self._draft.names.make("start")
            lines = [
                "# NEST does not let these be set: a spike brings them in the first steps.",
                f'{self._start} = nest.Create("spike_generator", params={{"spike_times": [DT]}})',
            ]
        port = binding.ports[receptor]
        weight = self._draft.weight(value, port, part, unsigned=kind.conductance)
        lines.append(self._draft.connect(self._start, view, '"all_to_all"', "DT", port,
                                         weight=weight))  # fmt: skip
        return lines


def _drawn(population: Population) -> dict[str, Distribution]:
    return {k: v for k, v in population.parameters.items() if isinstance(v, Distribution)}


def _start(value: Any, part: str, factor: float = 1.0, unsigned: bool = False) -> str:
    if isinstance(value, Distribution):
        text = distribution(value, factor)
        return f"nest.math.max({text}, 0.0)" if unsigned and value.support[0] < 0 else text
    numbers = np.asarray(value) * factor
    return array(np.maximum(numbers, 0.0) if unsigned else numbers, part)


def _differs(value: Any) -> bool:
    """Whether neurons have different values."""
    if isinstance(value, list):
        return any(_differs(v) for v in value)
    flat = np.asarray(value)
    return bool(flat.ndim and flat.size and np.any(flat != flat.flat[0]))


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(_shown(v) for v in value) + "]"
    return number(float(np.asarray(value, np.float64).flat[0]))
