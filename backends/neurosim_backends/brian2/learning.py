"""A plasticity rule as synapses of Brian2: equations, and code for the spikes of both sides.

Variables of neurons are kept by every synapse: they change at the same moments, so that all copies
are equal. Between spikes Brian2 advances them by its event-driven solution of their equations.

A step is labelled by its end; spikes of a label act on synapses at the end of that step, where the
rule's reading of delays says, one after the other in an order that Brian2 is told:

    axonal       on_pre, on_post         presynaptic spikes come by the delay later
    dendritic    on_post, on_pre         postsynaptic ones do (on_pre first where both sides see
                                         each other)

What a spike carries along a dendritic delay is fixed when it is emitted. Brian2 has no place for
that but variables of the synapse: one for each spike that can be on its way at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from neurosim.describe.plasticity import PlasticityRule
from neurosim.engine.plastic_kernels import needed
from neurosim.equations.evaluate import evaluate
from neurosim.equations.plasticity import BOUNDS, EFFECT, WEIGHT, Change
from neurosim.lower.plan import Floats, Ints
from neurosim_backends.brian2.expressions import Names, Printer

Side = Literal["pre", "post"]

LATE = "end"
"""When synapses learn: after the thresholds of the step, before anybody looks at weights."""

AT_ONCE, NEXT_STEP = 0, -1
"""Steps beside the delay: spikes are seen in the step in which they occur, or in the next."""


@dataclass(frozen=True)
class Pathway:
    """What spikes of one side do to synapses, at one place of a step.

    Attributes
    ----------
    name : str
    side : {"pre", "post"}
    code : str
        Of Brian2.
    spike : int
        Of several that a neuron emits in a step: the first is 1.
    when : str
        Slot of the schedule; "" for that of arrivals.
    order : int
        Within the slot.
    delayed : bool
        Whether it comes by the delay of the synapse later.
    lag : int
        Steps that are added to the delay.
    """

    name: str
    side: Side
    code: str
    spike: int = 1
    when: str = LATE
    order: int = 0
    delayed: bool = False
    lag: int = AT_ONCE


@dataclass
class Learner:
    """A rule in Brian2's language.

    Attributes
    ----------
    equations : list of str
    pathways : list of Pathway
    initial : dict
        Name of a variable -> its first value; not of the weight.
    constants : dict
        Numbers of the namespace.
    names : dict
        Variable of the rule -> Brian2's.
    beyond : str
        Name of the variable that notes in which step a synapse carried too much.
    """

    rule: PlasticityRule
    equations: list[str] = field(default_factory=list)
    pathways: list[Pathway] = field(default_factory=list)
    initial: dict[str, float] = field(default_factory=dict)
    constants: dict[str, float] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    beyond: str = ""

    @property
    def weight(self) -> str:
        """Name of the weight."""
        return self.names[WEIGHT]

    @property
    def decays(self) -> bool:
        """Whether anything changes between spikes."""
        return bool(self.rule.program.flows)

    def present(self, name: str, values: Floats, seconds: Floats) -> Floats:
        """Return a variable some time after it was last brought up to date.

        Parameters
        ----------
        name : str
            Of the rule.
        values, seconds : (n,) float64
            What it was, and the time since then [s].
        """
        flow = self.rule.program.flows.get(name)
        if flow is None:
            return values
        level = float(evaluate(flow.level, self.rule.parameters))
        rate = float(evaluate(flow.rate, self.rule.parameters))
        now: Floats = level + (values - level) * np.exp(rate * 1e3 * seconds)
        return now


def carries_along(rule: PlasticityRule) -> bool:
    """Whether what a spike carries is fixed when it is emitted, and might change on the way."""
    program = rule.program
    changing = program.changes_weight or program.reads_post or program.variables["synapse"]
    return rule.delay == "dendritic" and bool(changing)


def most_on_the_way(labels: Ints, ids: Ints, steps: int) -> int:
    """Return how many spikes of one neuron fall into `steps` steps that follow each other."""
    if not labels.size:
        return 1
    span = int(labels.max()) + steps + 1
    keys = np.sort(ids.astype(np.int64) * span + labels)
    first = np.arange(keys.size)
    return max(1, int(np.max(np.searchsorted(keys, keys + steps) - first)))


def most_at_once(labels: Ints, ids: Ints) -> int:
    """Return how many spikes one neuron emits in one step."""
    return most_on_the_way(labels, ids, 1)


def translate(
    rule: PlasticityRule, target: str, largest: float, *, copies: int, on_the_way: int,
    taken: frozenset[str], functions: Mapping[str, str],
) -> Learner:  # fmt: skip
    """Write a rule.

    Parameters
    ----------
    target : str
        Variable of the postsynaptic neuron that spikes add to.
    largest : float
        Most that a synapse may carry, whatever the sign.
    copies : int
        Most spikes that a presynaptic neuron emits in one step.
    on_the_way : int
        Most spikes of one presynaptic neuron that are on their way to a synapse at once.
    taken : frozenset of str
        Names that mean something else.
    functions : mapping
        Function of sympy -> its name, where that differs.
    """
    return _Writer(rule, target, largest, copies, on_the_way, taken, functions).written()


class _Writer:
    def __init__(
        self, rule: PlasticityRule, target: str, largest: float, copies: int, on_the_way: int,
        taken: frozenset[str], functions: Mapping[str, str],
    ) -> None:  # fmt: skip
        program = rule.program
        self.rule, self.program, self.target = rule, program, target
        self.copies = copies
        self.fresh: Callable[[str], str] = Names(taken | {"lastupdate"}).fresh
        self.made = Learner(rule)
        self.variables = [n for several in program.variables.values() for n in several]
        for name in (WEIGHT, *self.variables):
            self.made.names[name] = self.fresh(name)
        words = dict(self.made.names)
        for name in program.parameters:
            words[name] = self.fresh(name)
            self.made.constants[words[name]] = float(rule.parameters[name])
        for name in BOUNDS:
            value = getattr(rule, name)
            if value is not None:
                words[name] = self.fresh(name)
                self.made.constants[words[name]] = float(value)
        self.words = words
        self.printer = Printer(words, self.fresh, dict(functions))
        self.slots = [self.fresh(f"carried_{k}") for k in range(1, on_the_way + 1)]
        self.counter = self.fresh("on_the_way")
        self.effect = self.fresh(EFFECT)
        self.made.beyond = self.fresh("beyond")
        self.most = self.fresh("most")
        self.made.constants[self.most] = float(largest)

    def written(self) -> Learner:
        """Return all."""
        made = self.made
        made.equations.append(f"{made.weight} : 1")
        for name in self.variables:
            here = made.names[name]
            made.initial[here] = self.rule.initial[name]
            made.equations.append(self._equation(name, here))
        made.equations.append(f"{made.beyond} : integer")
        if self.rule.delay == "axonal":
            self._axonal()
        elif carries_along(self.rule):
            self._dendritic()
        else:
            self._unchanging()
        made.constants |= self.printer.constants
        return made

    def _equation(self, name: str, here: str) -> str:
        flow = self.program.flows.get(name)
        if flow is None:
            return f"{here} : 1"
        rate, level = self.printer(flow.rate), self.printer(flow.level)
        pull = here if flow.level == 0 else f"({here} - {level})"
        return f"d{here}/dt = {rate}*{pull}/ms : 1 (event-driven)"

    # --- which spikes act when

    def _axonal(self) -> None:
        blind = self.rule.coincidence == "none" and self._post_reads_pre()
        for spike in range(1, self.copies + 1):
            code = self._synaptic("pre", earlier=spike - 1 if blind else 0)
            if not blind:
                code += self._own("pre")
            code += self._arrival(self.effect)
            self._add(f"pre_{spike}", "pre", code, spike, when="", order=spike, delayed=True,
                      lag=NEXT_STEP)  # fmt: skip
        self._add("post", "post", self._synaptic("post") + self._own("post"), order=-50)
        if blind:
            for spike in range(1, self.copies + 1):
                self._add(f"pre_{spike}_traces", "pre", self._own("pre"), spike,
                          order=-50 + spike, delayed=True)  # fmt: skip

    def _dendritic(self) -> None:
        sees = self.rule.coincidence == "both"
        for name in (*self.slots, *([self.counter] if len(self.slots) > 1 else [])):
            self.made.equations.append(f"{name} : 1")
            self.made.initial[name] = 0.0
        if not sees:
            self._add("post", "post", self._synaptic("post"), order=-60, delayed=True)
        for spike in range(1, self.copies + 1):
            code = self._synaptic("pre") + self._own("pre") + self._send()
            self._add(f"pre_{spike}", "pre", code, spike, order=-60 + spike)
            self._add(f"arrival_{spike}", "pre", self._receive(), spike, when="", order=spike,
                      delayed=True, lag=NEXT_STEP)  # fmt: skip
        if sees:
            both = self._synaptic("post") + self._own("post")
            self._add("post", "post", both, order=0, delayed=True)
        else:
            self._add("post_traces", "post", self._own("post"), order=0, delayed=True)

    def _unchanging(self) -> None:
        """Write a rule that looks at presynaptic spikes only: at their arrival they do as well."""
        for spike in range(1, self.copies + 1):
            code = self._synaptic("pre") + self._own("pre") + self._arrival(self.effect)
            self._add(f"pre_{spike}", "pre", code, spike, when="", order=spike, delayed=True,
                      lag=NEXT_STEP)  # fmt: skip

    def _post_reads_pre(self) -> bool:
        changes = needed(self.program.on_post, (*self.program.variables["synapse"], WEIGHT))
        return any(c.reads & set(self.program.variables["pre"]) for c in changes)

    def _add(self, name: str, side: Side, code: list[str], spike: int = 1, **more: Any) -> None:
        if code:
            self.made.pathways.append(
                Pathway(self.fresh(name), side, "\n".join(code), spike, **more)
            )

    # --- code

    def _changes(self, side: Side) -> Sequence[Change]:
        return self.program.on_pre if side == "pre" else self.program.on_post

    def _synaptic(self, side: Side, earlier: int = 0) -> list[str]:
        """Return what spikes do to the synapse, and what they carry.

        Variables of the neuron are taken along under other names, since other synapses still need
        them as they were.

        Parameters
        ----------
        earlier : int
            Spikes of the same step before this one, which have left their traces.
        """
        wanted = (*self.program.variables["synapse"], WEIGHT, EFFECT)
        own = self.program.variables[side]
        changes = needed(self._changes(side), wanted)
        before = needed(self._changes(side), own)
        lines: list[str] = []
        now = dict(self.words)
        for change in (*list(before) * earlier, *changes):
            value = self._text(change, now)
            if change.name in own:
                now[change.name] = self.fresh(f"{change.name}_now")
                lines.append(f"{now[change.name]} = {value}")
            elif change.name == EFFECT:
                now[EFFECT] = self.effect
                lines.append(f"{self.effect} = {value}")
            else:
                lines.append(f"{self.words[change.name]} = {value}")
        if any(c.name == WEIGHT for c in changes):
            w = self.made.weight
            lines.append(f"{w} = clip({w}, {self.words['w_min']}, {self.words['w_max']})")
        if side == "pre" and EFFECT not in now:
            lines.append(f"{self.effect} = {self.made.weight}")
        return lines

    def _own(self, side: Side) -> list[str]:
        """Return what spikes do to the variables of their neuron."""
        changes = needed(self._changes(side), self.program.variables[side])
        return [f"{self.words[c.name]} = {self._text(c, self.words)}" for c in changes]

    def _text(self, change: Change, words: Mapping[str, str]) -> str:
        self.printer.names = dict(words)
        return self.printer(change.expression)

    def _arrival(self, carried: str) -> list[str]:
        bad = f"int(not (abs({carried}) <= {self.most}))"
        noted = f"int({self.made.beyond} == 0)*{bad}*(t_in_timesteps + 1)"
        beyond = self.made.beyond
        return [f"{self.target}_post += {carried}", f"{beyond} = {beyond} + {noted}"]

    def _send(self) -> list[str]:
        """Return the code that puts a spike on its way: the last one is first in the row."""
        slots = self.slots
        lines = [f"{old} = {new}" for new, old in zip(slots[-2::-1], slots[:0:-1], strict=True)]
        lines.append(f"{slots[0]} = {self.effect}")
        if len(slots) > 1:
            lines.append(f"{self.counter} = {self.counter} + 1")
        return lines

    def _receive(self) -> list[str]:
        """Return the code that lets the spike arrive that has been on its way for longest."""
        if len(self.slots) == 1:
            return self._arrival(self.slots[0])
        told = " + ".join(f"int({self.counter} == {k})*{s}" for k, s in enumerate(self.slots, 1))
        return [
            f"{self.effect} = {told}", *self._arrival(self.effect),
            f"{self.counter} = {self.counter} - 1",
        ]  # fmt: skip
