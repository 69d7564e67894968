"""A model's program -> two compiled kernels: all its steps at once, and their adjoint.

Where the input of a population is known for all steps, a step by itself costs PyTorch a dozen
calls. The first kernel does all steps of it, neuron by neuron, in the order of
`neurosim_backends._torch.expressions`; the second goes back through them and is what autograd
would do: each line of the program, differentiated by sympy, in reverse.

Both have the signature of `neurosim.kernels.jit.entry`: (address of the words, first and last copy
of the batch, number of steps).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import sympy
from sympy.core.function import AppliedUndef

from neurosim.engine.expressions import Emitter, Precision, symbols_of
from neurosim.engine.generate import GeneratedKernel
from neurosim.equations.spec import ModelSpec
from neurosim.equations.symbolic import symbol
from neurosim_backends._torch.expressions import margin_of

FIXED = frozenset({"active", "fired", "dt"})
"""What no gradient passes."""


@dataclass(frozen=True)
class Words:
    """What the words of a kernel's context are: name -> place."""

    places: dict[str, int] = field(default_factory=dict)

    def place(self, name: str) -> int:
        """Return the place of a word, which is new if it was not asked for before."""
        return self.places.setdefault(name, len(self.places))


@dataclass(frozen=True)
class ScanKernel:
    """A kernel and what it is to be handed."""

    kernel: GeneratedKernel
    words: Mapping[str, int]


@dataclass(frozen=True)
class Straight:
    """One step as lines that assign each name once.

    Attributes
    ----------
    inputs : tuple of str
        What is read from tables: symbols ``w_receptor``, pulse targets, `I_injected`.
    constants : tuple of str
        Parameters, constants and perhaps dt.
    lines : tuple of (name, expression)
        Up to the states at t + dt with what arrived, which stand under `before`.
    threshold, margin : sympy expressions
        On the names in `before`.
    resets : tuple of (name, expression)
        After the lines; `fired` is 1 or 0.
    before, after : dict
        State -> name.
    """

    inputs: tuple[str, ...]
    constants: tuple[str, ...]
    lines: tuple[tuple[str, Any], ...]
    threshold: Any
    margin: Any
    resets: tuple[tuple[str, Any], ...]
    before: Mapping[str, str]
    after: Mapping[str, str]


def straight(spec: ModelSpec, given: Collection[str]) -> Straight | None:
    """Return a step of a model as straight lines; None if it has more than these can say.

    That is noise, escape noise, continuous coupling, several spikes at once, a threshold of
    several comparisons, and other orders of a step.
    """
    if spec.n_normals or spec.hazard is not None or spec.multiplicity is not None:
        return None
    if not spec.states or spec.couplings or spec.arrivals != "before_threshold":
        return None
    margin = None if spec.threshold is None else margin_of(spec.threshold)
    if spec.threshold is not None and margin is None:
        return None
    inputs = [name for name in ("I_injected",) if name in given]
    for r in spec.receptors:
        if f"w:{r.name}" in given:
            inputs.append(r.target if r.kind == "pulse" else f"w_{r.name}")
    missing = {symbol(r.target) for r in spec.receptors if r.kind == "pulse"}
    missing.add(symbol("I_injected"))
    zeros = {s: sympy.Integer(0) for s in missing if s.name not in inputs}
    if spec.refractory is None:
        zeros[symbol("active")] = sympy.Integer(1)
    lines = [(line.name, line.expression.xreplace(zeros)) for line in spec.program]
    before = {}
    for state in spec.states:
        arrived: Any = symbol(spec.next_names[state])
        for r in spec.receptors:
            if r.kind != "jump" or r.target != state or f"w_{r.name}" not in inputs:
                continue
            jump: Any = symbol(f"w_{r.name}")
            held = state in spec.clamped and spec.refractory is not None
            if held and spec.refractory_arrivals == "lost":
                jump = sympy.Piecewise((jump, symbol("active") > 0), (0, True))
            arrived = arrived + jump
        before[state] = f"before_{state}"
        lines.append((before[state], arrived))
    renamed = {symbol(state): symbol(name) for state, name in before.items()}
    after, resets = dict(before), []
    for number, line in enumerate(spec.reset):
        now = symbol(after[line.name])
        to = line.expression.xreplace({symbol(s): symbol(n) for s, n in after.items()})
        name = f"reset_{number}_{line.name}"
        resets.append((name, sympy.Piecewise((to, symbol("fired") > 0), (now, True))))
        after[line.name] = name
    used = set[str]().union(*(symbols_of(e) for _, e in (*lines, *resets)), symbols_of(margin))
    names = (*spec.parameters, *spec.constant_names, "dt")
    return Straight(
        tuple(inputs), tuple(name for name in names if name in used), tuple(lines),
        None if margin is None else spec.threshold.xreplace(renamed),
        None if margin is None else margin.xreplace(renamed), tuple(resets), before, after,
    )  # fmt: skip


def input_names(spec: ModelSpec) -> dict[str, str]:
    """Return by which symbol a step reads what its cell is handed: ``"w:exc"`` -> `w_exc`."""
    found = {"I_injected": "I_injected"}
    for r in spec.receptors:
        found[f"w:{r.name}"] = r.target if r.kind == "pulse" else f"w_{r.name}"
    return found


class _Source:
    """Collects the text of a kernel."""

    def __init__(self, step: Straight, precision: Precision) -> None:
        self.step = step
        self.real = "float64" if precision == "double" else "float32"
        self.size = 8 if precision == "double" else 4
        self.words = Words()
        for name in ("n", "batch"):
            self.words.place(name)
        self.names: dict[str, str] = {}
        self.emitter = Emitter(precision, self.names)
        self.zero, self.one = self.emitter.literal(0.0), self.emitter.literal(1.0)
        self.copy: list[str] = []  # what is unpacked for each copy of the batch
        self.now: list[str] = []  # and for each of its steps

    def row(self, name: str, place: str, kind: str = "") -> str:
        """Return the text of a view of n values, `place` values from the address in a word."""
        word = f"words[{self.words.place(name)}]"
        size, kind = (2, kind) if kind else (self.size, self.real)
        return f"{kind}_at({word} + ({place}) * {size}, n)"

    def tables(self) -> None:
        """Unpack constants and inputs."""
        for name in self.step.constants:
            self.copy.append(f"c_{name} = {self.row(f'constant {name}', '0')}")
            self.names[name] = f"c_{name}[i]"
        for name in self.step.inputs:
            strides = [self.words.place(f"{kind} {name}") for kind in ("steps", "copies")]
            place = f"t * words[{strides[0]}] + b * words[{strides[1]}]"
            self.now.append(f"i_{name} = {self.row(f'input {name}', place)}")
            self.names[name] = f"i_{name}[i]"

    def write_step(self) -> None:
        """Write a step up to the test of the threshold."""
        for name, expression in self.step.lines:
            self.emitter.assign(f"x_{name}", self.emitter.number(expression))
            self.names[name] = f"x_{name}"

    def module(self, loop: list[str], steps: str) -> ScanKernel:
        """Return the kernel."""
        literals = [f"{name} = np.float32({value!r})" for value, name in
                    self.emitter.literals.items()]  # fmt: skip
        self.emitter.functions.add("select")
        text = [
            '"""Advances a population by many steps. Written by neurosim; do not edit."""', "",
            "import math", "", "import numpy as np", "", *self.emitter.imports,
            f"from neurosim.kernels.jit import entry, int16_at, int64_at, {self.real}_at", "",
            *literals, "", "", "@entry", "def update(ctx, lo, hi, step):",
            f"    words = int64_at(ctx, np.int64({len(self.words.places)}))",
            "    n = words[0]", "    batch = words[1]", "    for b in range(lo, hi):",
            *(f"        {line}" for line in self.copy),
            f"        for t in {steps}:",
            "            row = (t * batch + b) * n",
            *(f"            {line}" for line in self.now),
            "            for i in range(n):",
            *(f"                {line}" for line in loop),
            "    return 0", "",
        ]  # fmt: skip
        return ScanKernel(GeneratedKernel.of("\n".join(text)), dict(self.words.places))


def forward_source(spec: ModelSpec, step: Straight, precision: Precision, kept: bool) -> ScanKernel:
    """Return the kernel that does all steps.

    Parameters
    ----------
    spec, step
        Of `straight`.
    precision : {"double", "single"}
    kept : bool
        Whether states at the ends of all steps are kept, and what the way back needs: the margin,
        and who was not refractory.
    """
    source = _Source(step, precision)
    source.tables()
    emitter, names, lines = source.emitter, source.names, source.emitter.lines
    for state in spec.states:
        word = f"state {state}"
        if kept:
            source.now.append(f"s_{state} = {source.row(word, 'row')}")
            source.now.append(f"n_{state} = {source.row(word, 'row + batch * n')}")
        else:
            source.copy.append(f"s_{state} = {source.row(word, 'b * n')}")
        lines.append(f"v_{state} = s_{state}[i]")
        names[state] = f"v_{state}"
    if spec.refractory is not None:
        source.copy.append(f"held = {source.row('held', 'b * n')}")
        source.copy.append(f"hold = {source.row('hold', '0')}")
        lines.append("wait = held[i]")
        lines.append(f"is_active = wait <= {source.zero}")
        emitter.assign("active", emitter.select("is_active", source.one, source.zero))
        names["active"] = "active"
        if kept:
            source.now.append(f"awake = {source.row('awake', 'row', 'int16')}")
            lines.append("awake[i] = is_active")
    source.write_step()
    if step.margin is not None:
        condition = emitter.condition(step.threshold)
        if kept:
            source.now.append(f"margin = {source.row('margin', 'row')}")
            lines.append(f"margin[i] = {emitter.number(step.margin)}")
        if spec.refractory is not None:
            condition = f"is_active & {condition}"
        emitter.assign("is_fired", condition)
        emitter.assign("fired", emitter.select("is_fired", source.one, source.zero))
        names["fired"] = "fired"
        source.now.append(f"spikes = {source.row('spikes', 'row')}")
        lines.append("spikes[i] = fired")
        for name, expression in step.resets:
            emitter.assign(f"x_{name}", emitter.number(expression))
            names[name] = f"x_{name}"
        if spec.refractory is not None:
            less = emitter.select(f"wait > {source.one}", f"wait - {source.one}", source.zero)
            lines.append(f"held[i] = {emitter.select('is_fired', 'hold[i]', less)}")
    for state in spec.states:
        lines.append(f"{'n' if kept else 's'}_{state}[i] = {names[step.after[state]]}")
    return source.module(lines, "range(step)")


def differentiable(step: Straight) -> bool:
    """Whether sympy knows the derivative of every line."""
    expressions = [e for _, e in (*step.lines, *step.resets)]
    if step.margin is not None:
        expressions.append(step.margin)
    for e in expressions:
        for s in e.free_symbols:
            slope = sympy.diff(e, s)
            unknown = slope.has(sympy.Derivative, sympy.Subs, sympy.DiracDelta, AppliedUndef)
            if unknown or e.has(sympy.Mod, sympy.Max, sympy.Min):
                return False
    return True


def backward_source(
    spec: ModelSpec, step: Straight, precision: Precision, through_reset: bool,
    trained: tuple[str, ...],
) -> ScanKernel:  # fmt: skip
    """Return the kernel that goes back through all steps.

    Parameters
    ----------
    spec, step, precision
        As in `forward_source`.
    through_reset : bool
        Whether a reset passes the surrogate's gradient, as those of snnTorch and Norse do:
        V <- V - S (V - V_reset).
    trained : tuple of str
        Constants whose gradients are wanted.
    """
    source = _Source(step, precision)
    source.tables()
    emitter, names, lines = source.emitter, source.names, source.emitter.lines
    for state in spec.states:
        source.now.append(f"s_{state} = {source.row(f'state {state}', 'row')}")
        names[state] = f"s_{state}[i]"
        source.copy.append(f"a_{state} = {source.row(f'adjoint {state}', 'b * n')}")
        places = [source.words.place(f"{kind} {state}") for kind in ("gradients", "copies of")]
        place = f"t * words[{places[0]}] + b * words[{places[1]}]"
        source.now.append(f"g_{state} = {source.row(f'gradient {state}', place)}")
    for name in step.inputs:
        source.now.append(f"o_{name} = {source.row(f'into {name}', 'row')}")
    for name in trained:
        source.copy.append(f"p_{name} = {source.row(f'of {name}', 'b * n')}")
    if spec.refractory is not None:
        source.now.append(f"awake = {source.row('awake', 'row', 'int16')}")
        emitter.assign("is_active", "awake[i] != 0")
        emitter.assign("active", emitter.select("is_active", source.one, source.zero))
        names["active"] = "active"
    source.write_step()
    if step.margin is not None:
        condition = emitter.condition(step.threshold)
        if spec.refractory is not None:
            condition = f"is_active & {condition}"
        emitter.assign("fired", emitter.select(condition, source.one, source.zero))
        names["fired"] = "fired"
        for name, expression in step.resets:
            emitter.assign(f"x_{name}", emitter.number(expression))
            names[name] = f"x_{name}"
    back = _Back(emitter, names, {*spec.states, *step.inputs, *trained,
                                  *(name for name, _ in (*step.lines, *step.resets))})  # fmt: skip
    for state in spec.states:
        back.add(step.after[state], f"a_{state}[i] + g_{state}[i]")
    if step.margin is not None:
        source.now.append(f"slope = {source.row('slope', 'row')}")
        source.now.append(f"of_spikes = {source.row('of spikes', 'row')}")
        emitter.assign("of_spike", "of_spikes[i]")
        for name, expression in reversed(step.resets):
            if through_reset:
                value, now = expression.args[0][0], expression.args[-1][0]
                moved = emitter.number(value - now)
                emitter.assign("of_spike", f"of_spike + {back.of(name)}*{moved}")
            back.pass_on(name, expression)
        emitter.assign("of_margin", "of_spike*slope[i]")
        if spec.refractory is not None:
            emitter.assign("of_margin", emitter.select("is_active", "of_margin", source.zero))
        back.spread("of_margin", step.margin)
    for name, expression in reversed(step.lines):
        back.pass_on(name, expression)
    for state in spec.states:
        lines.append(f"a_{state}[i] = {back.of(state)}")
    for name in step.inputs:
        lines.append(f"o_{name}[i] = {back.of(name)}")
    for name in trained:
        lines.append(f"p_{name}[i] = p_{name}[i] + {back.of(name)}")
    return source.module(lines, "range(step - 1, -1, -1)")


class _Back:
    """Writes the adjoint of lines, last line first."""

    def __init__(self, emitter: Emitter, names: Mapping[str, str], wanted: set[str]) -> None:
        self.emitter, self.names, self.wanted = emitter, names, wanted - FIXED
        self.known: dict[str, str] = {}
        self.count = 0

    def of(self, name: str) -> str:
        """Return the text of the adjoint of a name as it is so far."""
        return self.known.get(name, self.emitter.literal(0.0))

    def add(self, name: str, text: str) -> None:
        """Add to the adjoint of a name."""
        if name in self.known:
            text = f"{self.known[name]} + {text}"
        local = f"adjoint_{self.count}"
        self.count += 1
        self.emitter.assign(local, text)
        self.known[name] = local

    def spread(self, adjoint: str, expression: Any) -> None:
        """Hand an adjoint on to what an expression reads."""
        for s in sorted(expression.free_symbols, key=str):
            if s.name in self.wanted:
                slope = sympy.diff(expression, s)
                if slope != 0:
                    self.add(s.name, f"{adjoint}*{self.emitter.number(slope)}")

    def pass_on(self, name: str, expression: Any) -> None:
        """Hand on the adjoint of a line."""
        if name in self.known:
            self.spread(self.known.pop(name), expression)
