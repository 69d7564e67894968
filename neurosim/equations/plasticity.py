"""Plasticity rules: text -> what spikes do to a synapse, and how its variables pass the time.

Every variable belongs to one place: to the presynaptic neuron, to the postsynaptic one, or to the
synapse. Between spikes each goes its own way in closed form, x(t + s) = level + (x(t) - level)
exp(rate s), so that it need not be touched before somebody reads it.

A rule for continuous coupling says instead how the weight, and variables beside it, change with the
states of both sides: dw/dt and so on, advanced by Euler's method with the step of the run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import sympy

from neurosim.equations.affine import NotAffine, affine
from neurosim.equations.checking import UnitChecker
from neurosim.equations.dimensions import NONE, TIME, Unit
from neurosim.equations.statements import check_name, parse_equations, parse_reset
from neurosim.equations.symbolic import Translator, finish, rational, symbol
from neurosim.equations.syntax import Node, names
from neurosim.errors import EquationError

Place = Literal["pre", "post", "synapse"]
PLACES: tuple[Place, ...] = ("pre", "post", "synapse")
OCCASIONS = ("on_pre", "on_post", "on_signal")

WEIGHT = "w"
EFFECT = "effect"
BOUNDS = ("w_min", "w_max")


@dataclass(frozen=True)
class Flow:
    """How a variable passes the time: x(t + s) = level + (x(t) - level) exp(rate s).

    Attributes
    ----------
    rate : sympy expression
        [1/ms], of parameters; below 0.
    level : sympy expression
        Of parameters.
    """

    rate: Any
    level: Any


@dataclass(frozen=True)
class Change:
    """One statement: what a variable is after it, in terms of all names as they are before it."""

    name: str
    expression: Any

    @property
    def reads(self) -> frozenset[str]:
        """Names that the new value depends on."""
        return frozenset(s.name for s in self.expression.free_symbols)


@dataclass(frozen=True)
class RuleProgram:
    """A plasticity rule, ready to be compiled.

    Attributes
    ----------
    variables : mapping
        Place -> names of its variables in the order of the text; the weight is not among them.
    flows : mapping
        Variable -> Flow, for those that change between spikes.
    on_pre, on_post, on_signal : tuple of Change
        In order. The effect of a presynaptic spike, if the text gives it, is a Change of `EFFECT`.
    parameters, signals : tuple of str
        What else the expressions read.
    units : mapping
        Variable, parameter or signal -> unit.
    rates : mapping
        Of a rule for continuous coupling: variable (the weight among them) -> its derivative
        [1/ms]. It reads states as ``r_pre`` and ``r_post``.
    states : mapping
        "pre" or "post" -> states that it reads.
    keeps_sign : bool
        Whether no weight crosses 0.
    """

    variables: Mapping[Place, tuple[str, ...]]
    flows: Mapping[str, Flow]
    on_pre: tuple[Change, ...]
    on_post: tuple[Change, ...]
    on_signal: tuple[Change, ...]
    parameters: tuple[str, ...]
    signals: tuple[str, ...]
    units: Mapping[str, Unit]
    rates: Mapping[str, Any]
    states: Mapping[str, tuple[str, ...]]
    keeps_sign: bool = False

    @property
    def continuous(self) -> bool:
        """Whether the rule is for continuous coupling, rather than spikes."""
        return bool(self.rates)

    @property
    def changes_weight(self) -> bool:
        """Whether anything assigns the weight."""
        changes = (*self.on_pre, *self.on_post, *self.on_signal)
        return self.continuous or any(c.name == WEIGHT for c in changes)

    @property
    def reads_post(self) -> bool:
        """Whether postsynaptic spikes matter."""
        return not self.continuous and bool(self.on_post or self.variables["post"])


@dataclass(frozen=True)
class RuleText:
    """What a rule is read from; see `neurosim.describe.plasticity.PlasticityRule`."""

    pre: str
    post: str
    synapse: str
    on_pre: str
    on_post: str
    on_signal: str
    parameters: tuple[str, ...]
    signals: tuple[str, ...]


def read_rule(text: RuleText, place: str) -> RuleProgram:
    """Read a rule.

    Parameters
    ----------
    place : str
        Head of messages.

    Raises
    ------
    EquationError
        With the place in the text: for what cannot be read, units that do not agree, variables
        without a closed form, and statements that would need a variable of another place.
    """
    return _Reader(text, place).program()


class _Reader:
    def __init__(self, text: RuleText, place: str) -> None:
        self.text = text
        self.place = place
        self.owner: dict[str, Place] = {}
        self.units: dict[str, Unit] = {
            WEIGHT: Unit("1", NONE), **dict.fromkeys(BOUNDS, Unit("1", NONE)),
            **dict.fromkeys(text.signals, Unit("1", NONE)),
        }  # fmt: skip
        self.lines = {where: parse_equations(getattr(text, where)) for where in PLACES}
        self.statements = {name: parse_reset(getattr(text, name)) for name in OCCASIONS}
        self.assigned = {s.name for several in self.statements.values() for s in several}
        synapse = self.lines["synapse"]
        self.continuous = any(x.name == WEIGHT and x.kind == "equation" for x in synapse)
        self.states: dict[str, list[str]] = {"pre": [], "post": []}
        self.parameters: list[str] = []
        for where in PLACES:
            self._declare(where)
        for name in text.parameters:
            check_name("", name, None)
            if name in self.owner or name in (WEIGHT, EFFECT, *BOUNDS, *text.signals):
                raise EquationError(f"{place}: parameters: {name!r} is the name of something else")
            self.units.setdefault(name, Unit("1", NONE))
            if name not in self.parameters:
                self.parameters.append(name)

    def _declare(self, where: Place) -> None:
        source = getattr(self.text, where)
        for line in self.lines[where]:
            of_weight = self.continuous and (where, line.name) == ("synapse", WEIGHT)
            taken = (line.name in self.units and not of_weight) or line.name == EFFECT
            if taken:
                raise EquationError(
                    f"{self.place}: {where}: {line.name!r} means something else already",
                    source, line.position,
                )  # fmt: skip
            if line.kind == "expression" or line.clamped:
                raise EquationError(
                    f"{self.place}: {where}: only lines 'dx/dt = ... : unit' and 'x : unit' may "
                    f"stand here", source, line.position,
                )  # fmt: skip
            if of_weight:
                continue
            self.units[line.name] = line.unit
            if line.kind == "equation" or line.name in self.assigned:
                self.owner[line.name] = where
            else:
                self.parameters.append(line.name)

    def program(self) -> RuleProgram:
        """Read everything."""
        if self.continuous:
            return self._continuous_program()
        flows = {}
        for where in PLACES:
            for line in self.lines[where]:
                if line.kind == "equation":
                    assert line.expression is not None
                    flows[line.name] = self._flow(where, line.name, line.expression, line.unit)
        changes = {name: self._changes(name) for name in OCCASIONS}
        found = RuleProgram(
            variables={
                where: tuple(n for n, owner in self.owner.items() if owner == where)
                for where in PLACES
            },
            flows=flows,
            on_pre=changes["on_pre"],
            on_post=changes["on_post"],
            on_signal=changes["on_signal"],
            parameters=tuple(self.parameters),
            signals=self.text.signals,
            units=self.units,
            rates={},
            states={},
        )
        if not any(changes.values()):
            raise EquationError(f"{self.place}: no spike changes anything: on_pre, on_post")
        return found

    def _continuous_program(self) -> RuleProgram:
        """Read a rule for continuous coupling."""
        for occasion, statements in self.statements.items():
            if statements:
                raise EquationError(
                    f"{self.place}: {occasion}: a rule with dw/dt is for continuous coupling, "
                    f"where no spikes are", getattr(self.text, occasion), statements[0].position,
                )  # fmt: skip
        if self.lines["pre"]:
            raise EquationError(
                f"{self.place}: pre: a rule with dw/dt has no variables of the presynaptic side; "
                f"it reads its states, as r_pre", self.text.pre, self.lines["pre"][0].position,
            )  # fmt: skip
        rates = {}
        for where in ("post", "synapse"):
            source = getattr(self.text, where)
            for line in self.lines[where]:
                if line.kind != "equation":
                    continue
                assert line.expression is not None
                self._note_states(line.expression, where, source)
                unit = self.units[line.name]
                per_time = unit.dimension / TIME
                checker = self._checker(source, where)
                checker.assigned(line.expression, per_time, f"d{line.name}/dt")
                made = self._translated(line.expression, source, where) / rational(unit.scale)
                rates[line.name] = finish(made)
        return RuleProgram(
            variables={
                place: tuple(n for n, owner in self.owner.items() if owner == place)
                for place in PLACES
            },
            flows={}, on_pre=(), on_post=(), on_signal=(), parameters=tuple(self.parameters),
            signals=self.text.signals, units=self.units, rates=rates,
            states={side: tuple(found) for side, found in self.states.items()},
        )  # fmt: skip

    def _note_states(self, node: Node, where: str, source: str) -> None:
        """Take note of states of neurons that an expression reads; numbers in their own units."""
        for found in names(node):
            if where == "post" and (
                found.name == WEIGHT or self.owner.get(found.name) == "synapse"
            ):
                raise EquationError(
                    f"{self.place}: post: what is one for all synapses of a neuron cannot read "
                    f"{found.name!r}, which is of a synapse", source, found.position,
                )  # fmt: skip
            if found.name in self.units:
                continue
            state, _, side = found.name.rpartition("_")
            if not state or side not in self.states:
                continue
            if where == "post" and side == "pre":
                raise EquationError(
                    f"{self.place}: post: {found.name!r} is another one for every synapse; a "
                    f"variable of the postsynaptic side reads states of that side", source,
                    found.position,
                )  # fmt: skip
            self.states[side].append(state)
            self.units[found.name] = Unit("1", NONE)

    def _translated(self, node: Node, source: str, where: str) -> Any:
        values = {n: symbol(n) * rational(u.scale) for n, u in self.units.items()}
        return Translator(source, values, f"{self.place}: {where}")(node)

    def _checker(self, source: str, where: str) -> UnitChecker:
        known = {name: unit.dimension for name, unit in self.units.items()}
        return UnitChecker(source, known, f"{self.place}: {where}")

    def _flow(self, where: Place, name: str, node: Node, unit: Unit) -> Flow:
        source = getattr(self.text, where)
        per_time = unit.dimension / TIME
        self._checker(source, where).assigned(node, per_time, f"d{name}/dt")
        expression = self._translated(node, source, where) / rational(unit.scale)
        variables = frozenset(symbol(n) for n in (*self.owner, WEIGHT))
        try:
            coefficients, rest = affine(expression, variables)
        except NotAffine as error:
            raise self._without_form(source, node, name, str(error.term)) from None
        rate = coefficients.pop(symbol(name), sympy.S.Zero)
        if coefficients:
            raise self._without_form(source, node, name, str(next(iter(coefficients))))
        if rate == 0:
            raise EquationError(
                f"{self.place}: {where}: {name} has to decay: d{name}/dt = -{name}/tau, or "
                f"(level - {name})/tau. What is constant between spikes is declared: "
                f"'{name} : {unit.text}'", source, node.position,
            )  # fmt: skip
        return Flow(finish(rate), finish(-rest / rate))

    def _without_form(self, source: str, node: Node, name: str, term: str) -> EquationError:
        return EquationError(
            f"{self.place}: {name} has no closed form between spikes, since its equation reads "
            f"{term}. A variable of a plasticity rule decays by itself: d{name}/dt = (level - "
            f"{name})/tau", source, node.position,
        )  # fmt: skip

    def _changes(self, occasion: str) -> tuple[Change, ...]:
        source = getattr(self.text, occasion)
        checker = self._checker(source, occasion)
        allowed: dict[str, tuple[Place, ...]] = {
            "on_pre": ("pre", "synapse"), "on_post": ("post", "synapse"), "on_signal": ("synapse",),
        }  # fmt: skip
        found = []
        for line in self.statements[occasion]:
            if line.name == EFFECT and occasion == "on_pre" and line.operator == "=":
                unit = Unit("1", NONE)
            elif line.name == WEIGHT:
                unit = self.units[WEIGHT]
            else:
                self._check_owner(line.name, occasion, allowed[occasion], source, line.position)
                unit = self.units[line.name]
            what = f"{line.name} {line.operator}"
            dimension = unit.dimension if line.operator in ("=", "+=", "-=") else NONE
            checker.assigned(line.expression, dimension, what)
            value = self._translated(line.expression, source, occasion)
            before = symbol(line.name)
            match line.operator:
                case "=":
                    after = value / rational(unit.scale)
                case "+=":
                    after = before + value / rational(unit.scale)
                case "-=":
                    after = before - value / rational(unit.scale)
                case "*=":
                    after = before * value
                case _:
                    after = before / value
            owner = self.owner.get(line.name, "synapse")
            self._check_reading(line.expression, owner, occasion, source, line.name)
            found.append(Change(line.name, finish(after)))
        return tuple(found)

    def _check_owner(
        self, name: str, occasion: str, allowed: tuple[Place, ...], source: str, position: int
    ) -> None:
        owner = self.owner.get(name)
        if owner in allowed:
            return
        if owner is None:
            known = [n for n, o in self.owner.items() if o in allowed]
            told = f"{name!r} is no variable; here may change {', '.join([WEIGHT, *known])}"
        else:
            told = f"{name!r} belongs to the {owner} side, which is not what spikes here"
            if occasion == "on_signal":
                told = f"a signal reaches synapses only, and {name!r} belongs to the {owner} side"
        raise EquationError(f"{self.place}: {occasion}: {told}", source, position)

    def _check_reading(
        self, node: Node, owner: Place, occasion: str, source: str, target: str
    ) -> None:
        """What belongs to a neuron is one for all its synapses: it can read nothing of theirs."""
        for found in names(node):
            if found.name in self.text.signals and occasion != "on_signal":
                raise EquationError(
                    f"{self.place}: {occasion}: the signal {found.name!r} is there in on_signal "
                    f"only", source, found.position,
                )  # fmt: skip
            if owner == "synapse":
                continue
            other = "synapse" if found.name == WEIGHT else self.owner.get(found.name, owner)
            if other != owner:
                raise EquationError(
                    f"{self.place}: {occasion}: {target!r} is one for all synapses of a neuron "
                    f"and cannot read {found.name!r}, which is of the {other}; declare {target!r} "
                    f"in synapse=", source, found.position,
                )  # fmt: skip
