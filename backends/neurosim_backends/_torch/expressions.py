"""A model's program -> one function on tensors, which does one step of any batch of its neurons.

The text is that of the CPU core (`neurosim.engine.expressions`), in the same order of operations;
the names in it mean torch's functions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import sympy
import torch
from sympy.core.relational import Relational

from neurosim.engine.expressions import LIBRARY, OWN, Emitter, bare, symbols_of
from neurosim.equations.pairs import Pair, post_symbol, pre_symbol
from neurosim.equations.spec import ModelSpec


class TorchEmitter(Emitter):
    """Writes expressions for tensors: numbers stay Python floats, which take on any precision."""

    def __init__(self, names: Mapping[str, str]) -> None:
        super().__init__("double", names)

    def call(self, function: str, *arguments: str) -> str:
        """Return the text of a call."""
        return f"{function}({', '.join(bare(a) for a in arguments)})"

    def condition(self, expression: Any) -> str:
        """Return a bracketed text that holds the truth of a sympy boolean."""
        if isinstance(expression, sympy.Not):
            return f"invert({bare(self.condition(expression.args[0]))})"
        return super().condition(expression)


def _on_tensors(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a function of torch that takes a plain number, too, as in exp(2)."""

    def call(x: Any) -> Any:
        return function(x if isinstance(x, torch.Tensor) else torch.tensor(x, dtype=torch.float64))

    return call


def _select(condition: Any, yes: Any, no: Any) -> Any:
    if isinstance(condition, bool):
        return yes if condition else no
    if not (isinstance(yes, torch.Tensor) or isinstance(no, torch.Tensor)):
        # Of two plain numbers torch would make float32; a double of no dimension takes on the
        # precision of what it meets.
        yes = torch.tensor(yes, dtype=torch.float64, device=condition.device)
    return torch.where(condition, yes, no)


def _invert(condition: Any) -> Any:
    return not condition if isinstance(condition, bool) else ~condition


def _exprel(x: Any) -> Any:
    zero = x == 0
    return torch.where(zero, 1.0, torch.expm1(x) / torch.where(zero, 1.0, x))


_FUNCTIONS: dict[str, Any] = {
    **{name: _on_tensors(getattr(torch, name, _exprel)) for name in OWN},
    "select": _select,
    "invert": _invert,
    "abs": abs,
    "math": SimpleNamespace(
        inf=math.inf, erf=_on_tensors(torch.erf), erfc=_on_tensors(torch.erfc)
    ),
    "np": SimpleNamespace(
        sqrt=_on_tensors(torch.sqrt), floor=_on_tensors(torch.floor),
        ceil=_on_tensors(torch.ceil), arctan2=torch.arctan2,
        **{
            text.removeprefix("np."): _on_tensors(getattr(torch, text.removeprefix("np.")))
            for text in LIBRARY.values()
            if text.startswith("np.") and text != "np.arctan2"
        },
    ),
}  # fmt: skip
"""What the names in the text of the core mean here."""


def _function(name: str, lines: list[str]) -> Callable[..., Any]:
    source = "\n".join(lines) + "\n"
    space = dict(_FUNCTIONS)
    exec(compile(source, f"<neurosim {name}>", "exec"), space)
    made: Callable[..., Any] = space[name]
    return made


@dataclass(frozen=True)
class Step:
    """One step of a model.

    Attributes
    ----------
    advance : callable
        Mapping of names to tensors -> (states before the threshold is tested, fired, margin,
        number of spikes, states after the reset). `fired` is a tensor of bools or None; `margin`
        is positive where a neuron is above its threshold, None where the threshold is no single
        comparison; the number is None where it is one. Names are those of states, parameters and
        constants; ``"w:" + receptor`` for what arrives; `I_injected`; couplings; normals;
        `uniform`; `is_active` and `active` where the model has a refractory time.
    reads : frozenset of str
        Parameters and constants that it reads.
    """

    advance: Callable[[Mapping[str, Any]], tuple[Any, ...]]
    reads: frozenset[str]


def step_of(spec: ModelSpec, given: Collection[str]) -> Step:
    """Translate a model.

    Parameters
    ----------
    spec : ModelSpec
    given : collection of str
        Which of the inputs there are: ``"w:" + receptor``, `I_injected`, couplings. Others are
        zero.
    """
    fires = spec.threshold is not None or spec.hazard is not None
    used = set[str]().union(
        *(symbols_of(line.expression) for line in (*spec.program, *spec.reset)),
        *(symbols_of(e) for e in (spec.threshold, spec.hazard, spec.multiplicity)),
    )
    reads = frozenset(used & {*spec.parameters, *spec.constant_names})
    names: dict[str, str] = {"dt": "dt"}
    lines = ["def advance(v):", "    dt = v['dt']"]
    wanted = [*spec.states, *sorted(reads)]
    wanted += [f"normal_{k}" for k in range(spec.n_normals)]
    for name in wanted:
        names[name] = f"n_{name}"
    for name in ("I_injected", *(c.symbol for c in spec.couplings)):
        names[name] = f"n_{name}" if name in given else "0.0"
        if name in given:
            wanted.append(name)
    lines += [f"    n_{name} = v[{name!r}]" for name in wanted]
    for r in spec.receptors:
        there = f"w:{r.name}" in given
        if there:
            lines.append(f"    w_{r.name} = v[{'w:' + r.name!r}]")
        if r.kind == "pulse":
            names[r.target] = f"w_{r.name}" if there else "0.0"
    if spec.refractory is not None:
        lines += ["    active = v['active']", "    is_active = v['is_active']"]
        names["active"] = "active"
    else:
        names["active"] = "1.0"
    emitter = TorchEmitter(names)
    for line in spec.program:
        emitter.assign(f"x_{line.name}", emitter.number(line.expression))
        names[line.name] = f"x_{line.name}"
    for state in spec.states:
        emitter.assign(f"z_{state}", names[spec.next_names[state]])
    names.update({state: f"z_{state}" for state in spec.states})
    emitter.forget()

    def add_arrivals() -> None:
        for r in spec.receptors:
            if r.kind != "jump" or f"w:{r.name}" not in given:
                continue
            held = r.target in spec.clamped and spec.refractory is not None
            weight = f"w_{r.name}"
            if held and spec.refractory_arrivals == "lost":
                weight = f"select(is_active, {weight}, 0.0)"
            emitter.assign(f"z_{r.target}", f"z_{r.target} + {weight}")
        emitter.forget()

    order = spec.arrivals if fires else "before_threshold"
    if order == "before_threshold":
        add_arrivals()
    states = "(" + "".join(f"z_{state}, " for state in spec.states) + ")"
    emitter.lines.append(f"before = {states}")
    emitter.lines.append("fired = margin = number = None")
    if fires:
        _write_threshold(spec, emitter)
        if order == "before_reset":
            add_arrivals()
        for line in spec.reset:
            emitter.forget()
            value = emitter.number(line.expression)
            emitter.assign(f"z_{line.name}", f"select(fired, {bare(value)}, z_{line.name})")
        if order == "after_reset":
            add_arrivals()
    emitter.lines.append(f"return before, fired, margin, number, {states}")
    lines += [f"    {line}" for line in emitter.lines]
    return Step(_function("advance", lines), reads)


def _write_threshold(spec: ModelSpec, emitter: TorchEmitter) -> None:
    conditions = []
    if spec.threshold is not None:
        conditions.append(emitter.condition(spec.threshold))
        margin = margin_of(spec.threshold)
        if margin is not None and spec.hazard is None:
            emitter.assign("margin", emitter.number(margin))
    if spec.hazard is not None:
        rate = emitter.number(spec.hazard)
        emitter.assign("chance", f"-expm1(-({rate})*dt)")
        conditions.append("(v['uniform'] < chance)")
        if spec.threshold is None:
            emitter.assign("margin", "chance - v['uniform']")
    if spec.refractory is not None:
        conditions.insert(0, "is_active")
    emitter.assign("fired", " & ".join(conditions))
    if spec.multiplicity is not None:
        emitter.assign("number", emitter.number(spec.multiplicity))


def margin_of(threshold: Any) -> Any:
    """Return what is positive above a threshold that is one comparison; else None."""
    if not isinstance(threshold, Relational):
        return None
    if threshold.rel_op in (">", ">="):
        return threshold.lhs - threshold.rhs
    if threshold.rel_op in ("<", "<="):
        return threshold.rhs - threshold.lhs
    return None


def pair_function(pair: Pair) -> Callable[[Mapping[str, Any]], Any]:
    """Return the function of one connection of a continuous coupling."""
    names = {str(pre_symbol(state)): f"v[{'pre:' + state!r}]" for state in pair.pre}
    names |= {str(post_symbol(state)): f"v[{'post:' + state!r}]" for state in pair.post}
    names |= {name: f"v[{name!r}]" for name in pair.parameters}
    return _expression(pair.expression, names)


def total_function(pair: Pair) -> Callable[[Mapping[str, Any]], Any] | None:
    """Return what becomes of the weighted sum; None where it stays as it is."""
    if pair.total is None:
        return None
    names = {"total": "v['total']"} | {name: f"v[{name!r}]" for name in pair.of_total}
    return _expression(pair.total, names)


def _expression(expression: Any, names: Mapping[str, str]) -> Callable[[Mapping[str, Any]], Any]:
    emitter = TorchEmitter(names)
    text = emitter.number(expression)
    lines = ["def value(v):", *(f"    {line}" for line in emitter.lines), f"    return {text}"]
    return _function("value", lines)


def differentiable_constants(
    spec: ModelSpec, values: Mapping[str, Any], dt: float
) -> dict[str, torch.Tensor]:
    """Return the constants of a step (`spec.constants`) as functions of trained parameters.

    Parameters
    ----------
    spec : ModelSpec
    values : mapping
        Parameter -> float, array, or tensor through which gradients are to pass.
    dt : float
        [ms].

    Returns
    -------
    dict
        Constant -> tensor () or (n,); equal to those of the core up to rounding. Factors of noise
        are left out: no gradient passes them.
    """
    v: dict[str, Any] = {
        name: value if isinstance(value, torch.Tensor) else torch.tensor(value, dtype=torch.float64)
        for name, value in values.items()
    }
    v = {name: value.double() for name, value in v.items()}
    v["dt"] = dt
    made: Any = spec.constants_function
    names = {name: f"v[{name!r}]" for name in v}
    found = {name: _expression(e, names)(v) for name, e in getattr(made, "direct", ())}
    system = getattr(made, "system", None)
    if system is not None:
        found |= _propagated(system, v, names, dt)
    return {name: torch.as_tensor(value, dtype=torch.float64) for name, value in found.items()}


def _propagated(system: Any, v: Mapping[str, Any], names: Mapping[str, str], dt: float) -> Any:
    """Return what a step reads of a linear system: of exp(A dt) and its integral."""
    count, found = len(system.states), {}

    def filled(entries: Any, columns: int) -> torch.Tensor:
        parts = []
        for e in entries:
            value = _expression(e.expression, names)(v)
            parts.append((e.row, e.column, torch.as_tensor(value, dtype=torch.float64)))
        size = max((p.numel() for _, _, p in parts if p.ndim), default=1)
        zero = torch.zeros(size, dtype=torch.float64)
        table = [[zero] * columns for _ in range(count)]
        for row, column, part in parts:
            table[row][column] = part.expand(size)
        return torch.stack([torch.stack(row, 1) for row in table], 1)

    for held in (False, True):
        wanted = [o for o in system.outputs if o.held == held and o.kind != "noise"]
        if not wanted:
            continue
        still = system.clamped if held else ()
        drift = filled([e for e in system.drift if e.row not in still], count)
        # exp of ((A, 1), (0, 0)) dt has exp(A dt), and beside it the integral of exp(A s) ds.
        one = torch.eye(count, dtype=torch.float64).expand_as(drift)
        upper = torch.cat([drift, one], 2)
        both = torch.matrix_exp(torch.cat([upper, torch.zeros_like(upper)], 1) * dt)
        passage, response = both[:, :count, :count], both[:, :count, count:]
        for o in wanted:
            if o.kind == "propagator":
                value = passage[:, o.row, o.column]
            elif o.kind == "response":
                value = response[:, o.row, o.column]
            else:
                entries = [e for e in system.offsets if e.column == o.column and e.row not in still]
                offset = filled([type(e)(e.row, 0, e.expression) for e in entries], 1)[:, :, 0]
                value = (response[:, o.row, :] * offset).sum(1)
            found[o.name] = value[0] if value.numel() == 1 else value
    return found
