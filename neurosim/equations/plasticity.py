"""Plasticity rules: text -> what spikes do to a synapse, and how its variables pass the time.

Every variable belongs to one place: to the presynaptic neuron, to the postsynaptic one, or to the
synapse. Between spikes each goes its own way in closed form, x(t + s) = level + (x(t) - level)
exp(rate s), so that it need not be touched before somebody reads it.

What follows the membrane, or a population of modulators, has no such form: it is advanced step by
step, once for a neuron (or a projection). So are synapses whose text says what every step does to
them (`on_step`), or whose variables have no closed form.

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
TEXTS: tuple[Place | Literal["modulator"], ...] = (*PLACES, "modulator")
OCCASIONS = ("on_pre", "on_post", "on_signal", "on_step", "on_modulator")

WEIGHT = "w"
EFFECT = "effect"
BOUNDS = ("w_min", "w_max")
FIRED = "spiked_post"
"""1 in a step in which the postsynaptic neuron fired, else 0."""
STEP = "dt"
"""The time step [ms], in `on_step`."""


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
class Followed:
    """What is one for all synapses of a neuron (or a projection), and new after every step.

    Attributes
    ----------
    name : str
    kind : {"state", "fired", "variable", "expression"}
        A state of the postsynaptic neuron, or the mean of it over the modulating population;
        whether it fired; a variable with an equation; a named expression of these.
    expression : sympy expression or None
        Of a variable: its value one step later, from all values one step earlier. Of an
        expression: its value, from those of the same moment.
    """

    name: str
    kind: Literal["state", "fired", "variable", "expression"]
    expression: Any = None

    @property
    def reads(self) -> frozenset[str]:
        """Names that the value depends on."""
        return frozenset(s.name for s in getattr(self.expression, "free_symbols", ()))


@dataclass(frozen=True)
class RuleProgram:
    """A plasticity rule, ready to be compiled.

    Attributes
    ----------
    variables : mapping
        Place -> names of its variables in the order of the text; the weight is not among them.
    flows : mapping
        Variable -> Flow, for those that change between spikes.
    on_pre, on_post, on_signal, on_step, on_modulator : tuple of Change
        In order. The effect of a presynaptic spike, if the text gives it, is a Change of `EFFECT`.
    euler : tuple of Change
        Of variables of synapses without a closed form: all at once, before `on_step`.
    parameters, signals : tuple of str
        What else the expressions read.
    units : mapping
        Variable, parameter or signal -> unit.
    rates : mapping
        Of a rule for continuous coupling: variable (the weight among them) -> its derivative
        [1/ms]. It reads states as ``r_pre`` and ``r_post``.
    states : mapping
        "pre", "post" or "mod" (the modulating population) -> states that it reads.
    keeps_sign : bool
        Whether no weight crosses 0.
    follows, modulators : tuple of Followed
        What is advanced in every step for the postsynaptic neurons, and for all synapses at once,
        in an order in which expressions come after what they read.
    why_stepwise : str
        What needs all synapses in every step; "" where a synapse can wait for its next
        presynaptic spike.
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
    euler: tuple[Change, ...] = ()
    on_step: tuple[Change, ...] = ()
    on_modulator: tuple[Change, ...] = ()
    follows: tuple[Followed, ...] = ()
    modulators: tuple[Followed, ...] = ()
    why_stepwise: str = ""

    @property
    def followed(self) -> tuple[Followed, ...]:
        """All that is advanced in every step."""
        return (*self.modulators, *self.follows)

    @property
    def watches(self) -> bool:
        """Whether there is something to do in every step that no synapse is touched for."""
        return bool(self.followed or self.on_modulator)

    @property
    def needs_modulator(self) -> bool:
        """Whether a population has to be named that modulates."""
        return bool(self.modulators or self.on_modulator)

    @property
    def modulates(self) -> bool:
        """Whether spikes of the modulators change synapses at once."""
        return any(c.name == WEIGHT or c.name in self.variables["synapse"]
                   for c in self.on_modulator)  # fmt: skip

    @property
    def waits_for_post(self) -> bool:
        """Whether the postsynaptic neurons have to be such that spike."""
        fires = any(f.kind == "fired" for f in self.follows)
        return not self.continuous and bool(self.on_post or self.variables["post"] or fires)

    @property
    def continuous(self) -> bool:
        """Whether the rule is for continuous coupling, rather than spikes."""
        return bool(self.rates)

    @property
    def changes_weight(self) -> bool:
        """Whether anything assigns the weight."""
        changes = (
            *self.on_pre, *self.on_post, *self.on_signal, *self.on_step, *self.on_modulator,
        )  # fmt: skip
        return self.continuous or any(c.name == WEIGHT for c in changes)

    @property
    def reads_post(self) -> bool:
        """Whether postsynaptic spikes matter."""
        return not self.continuous and bool(self.on_post or self.variables["post"] or self.follows)


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
    on_step: str = ""
    modulator: str = ""
    on_modulator: str = ""


def read_rule(text: RuleText, place: str) -> RuleProgram:
    """Read a rule.

    Parameters
    ----------
    place : str
        Head of messages.

    Raises
    ------
    EquationError
        With the place in the text: for what cannot be read, units that do not agree, presynaptic
        variables without a closed form, and statements that would need a variable of another place.
    """
    return _Reader(text, place).program()


class _Reader:
    def __init__(self, text: RuleText, place: str) -> None:
        self.text = text
        self.place = place
        self.owner: dict[str, Place | Literal["modulator"]] = {}
        self.units: dict[str, Unit] = {
            WEIGHT: Unit("1", NONE), **dict.fromkeys(BOUNDS, Unit("1", NONE)),
            **dict.fromkeys(text.signals, Unit("1", NONE)),
        }  # fmt: skip
        self.lines = {where: parse_equations(getattr(text, where)) for where in TEXTS}
        self.statements = {name: parse_reset(getattr(text, name)) for name in OCCASIONS}
        self.assigned = {s.name for several in self.statements.values() for s in several}
        synapse = self.lines["synapse"]
        self.continuous = any(x.name == WEIGHT and x.kind == "equation" for x in synapse)
        self.states: dict[str, list[str]] = {"pre": [], "post": [], "mod": []}
        self.parameters: list[str] = []
        for where in TEXTS:
            self._declare(where)
        for name in text.parameters:
            check_name("", name, None)
            if name in self.owner or name in (WEIGHT, EFFECT, FIRED, *BOUNDS, *text.signals):
                raise EquationError(f"{place}: parameters: {name!r} is the name of something else")
            self.units.setdefault(name, Unit("1", NONE))
            if name not in self.parameters:
                self.parameters.append(name)

    def _declare(self, where: Place | Literal["modulator"]) -> None:
        source = getattr(self.text, where)
        for line in self.lines[where]:
            of_weight = self.continuous and (where, line.name) == ("synapse", WEIGHT)
            taken = line.name in self.units and not of_weight
            taken = taken or line.name in (EFFECT, FIRED)
            if taken:
                raise EquationError(
                    f"{self.place}: {where}: {line.name!r} means something else already",
                    source, line.position,
                )  # fmt: skip
            named = where in ("post", "modulator") and not self.continuous
            if (line.kind == "expression" and not named) or line.clamped:
                raise EquationError(
                    f"{self.place}: {where}: only lines 'dx/dt = ... : unit' and 'x : unit' may "
                    f"stand here", source, line.position,
                )  # fmt: skip
            if of_weight:
                continue
            self.units[line.name] = line.unit
            if line.kind != "parameter" or line.name in self.assigned:
                self.owner[line.name] = where
            else:
                self.parameters.append(line.name)

    def program(self) -> RuleProgram:
        """Read everything."""
        if self.continuous:
            return self._continuous_program()
        stepped = _Stepwise(self)
        flows, euler = {}, []
        for where in PLACES:
            for line in self.lines[where]:
                if line.kind != "equation" or line.name in stepped.names:
                    continue
                assert line.expression is not None
                try:
                    flows[line.name] = self._flow(where, line.name, line.expression, line.unit)
                except _NoClosedForm as error:
                    if where != "synapse":
                        raise
                    derivative = self._translated(line.expression, self.text.synapse, where)
                    step = symbol(STEP) / rational(line.unit.scale)
                    euler.append((line.name, finish(symbol(line.name) + step * derivative), error))
        changes = {name: self._changes(name) for name in OCCASIONS}
        why = ""
        if euler:
            why = f"{euler[0][0]} has no closed form: it reads {euler[0][2].term}"
        if changes["on_step"]:
            why = "on_step says what every step does to a synapse"
        found = RuleProgram(
            variables={
                where: tuple(
                    n for n, owner in self.owner.items()
                    if owner == where and n not in stepped.names
                )
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
            states={side: tuple(dict.fromkeys(found)) for side, found in self.states.items()},
            euler=tuple(Change(name, after) for name, after, _ in euler),
            on_step=changes["on_step"],
            on_modulator=changes["on_modulator"],
            follows=stepped.of("post"),
            modulators=stepped.of("modulator"),
            why_stepwise=why,
        )  # fmt: skip
        if not any(changes.values()) and not euler:
            raise EquationError(f"{self.place}: no spike changes anything: on_pre, on_post")
        if self.lines["modulator"] and not found.needs_modulator:
            raise EquationError(
                f"{self.place}: modulator: nothing here changes: give an equation, or on_modulator",
                self.text.modulator, self.lines["modulator"][0].position,
            )  # fmt: skip
        return found

    def note_followed(self, node: Node, where: str, source: str) -> None:
        """Take note of states that are read; numbers in their own units.

        A name is the state of a neuron if it is nothing else and ends in _post, or in _mod.
        """
        for found in names(node):
            if found.name in self.units:
                continue
            state, _, side = found.name.rpartition("_")
            if found.name == FIRED:
                self.units[FIRED] = Unit("1", NONE)
            elif state and side == "pre":
                raise EquationError(
                    f"{self.place}: {where}: {found.name!r} would be a state of the presynaptic "
                    f"neuron, of which a rule of spikes knows its spikes only", source,
                    found.position,
                )  # fmt: skip
            elif state and side in self.states:
                self.states[side].append(state)
                self.units[found.name] = Unit("1", NONE)

    def _continuous_program(self) -> RuleProgram:
        """Read a rule for continuous coupling."""
        for occasion, statements in self.statements.items():
            if statements:
                raise EquationError(
                    f"{self.place}: {occasion}: a rule with dw/dt is for continuous coupling, "
                    f"where no spikes are; for spikes say on_step='w += dt*...'",
                    getattr(self.text, occasion), statements[0].position,
                )  # fmt: skip
        if self.lines["modulator"]:
            raise EquationError(
                f"{self.place}: modulator: a rule with dw/dt has signals, and states of both sides",
                self.text.modulator, self.lines["modulator"][0].position,
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
            states={side: tuple(self.states[side]) for side in ("pre", "post")},
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
            if not state or side not in ("pre", "post"):
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
        if where == "on_step":
            known[STEP] = TIME
        return UnitChecker(source, known, f"{self.place}: {where}")

    def _flow(self, where: Place, name: str, node: Node, unit: Unit) -> Flow:
        source = getattr(self.text, where)
        self.note_followed(node, where, source)
        if where == "pre":
            self._check_reading(node, "pre", where, source, name)
        per_time = unit.dimension / TIME
        self._checker(source, where).assigned(node, per_time, f"d{name}/dt")
        expression = self._translated(node, source, where) / rational(unit.scale)
        given = (*self.owner, WEIGHT, *self.text.signals, FIRED)
        states = (f"{s}_{side}" for side, several in self.states.items() for s in several)
        variables = frozenset(symbol(n) for n in (*given, *states))
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
        return _NoClosedForm(
            term,
            f"{self.place}: {name} has no closed form between spikes, since its equation reads "
            f"{term}. A variable of a plasticity rule decays by itself: d{name}/dt = (level - "
            f"{name})/tau", source, node.position,
        )  # fmt: skip

    def _changes(self, occasion: str) -> tuple[Change, ...]:
        source = getattr(self.text, occasion)
        allowed: dict[str, tuple[str, ...]] = {
            "on_pre": ("pre", "synapse"), "on_post": ("post", "synapse"), "on_signal": ("synapse",),
            "on_step": ("synapse",), "on_modulator": ("modulator", "synapse"),
        }  # fmt: skip
        found = []
        for line in self.statements[occasion]:
            self.note_followed(line.expression, occasion, source)
            if line.name == EFFECT and occasion == "on_pre" and line.operator == "=":
                unit = Unit("1", NONE)
            elif line.name == WEIGHT:
                unit = self.units[WEIGHT]
            else:
                self._check_owner(line.name, occasion, allowed[occasion], source, line.position)
                unit = self.units[line.name]
            what = f"{line.name} {line.operator}"
            checker = self._checker(source, occasion)
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
        self, name: str, occasion: str, allowed: tuple[str, ...], source: str, position: int
    ) -> None:
        owner = self.owner.get(name)
        where = self.lines[owner] if owner is not None else ()
        if any(line.name == name and line.kind == "expression" for line in where):
            raise EquationError(
                f"{self.place}: {occasion}: {name!r} is an expression, which nothing assigns",
                source, position,
            )  # fmt: skip
        if owner in allowed:
            return
        if owner is None:
            known = [n for n, o in self.owner.items() if o in allowed]
            told = f"{name!r} is no variable; here may change {', '.join([WEIGHT, *known])}"
        else:
            told = f"{name!r} belongs to the {owner} side, which is not what spikes here"
            if occasion == "on_step":
                told = f"every step is for synapses, and {name!r} belongs to the {owner} side"
            elif occasion == "on_modulator":
                told = f"{name!r} belongs to the {owner} side, not to synapses or modulators"
            elif occasion == "on_signal":
                told = f"a signal reaches synapses only, and {name!r} belongs to the {owner} side"
        raise EquationError(f"{self.place}: {occasion}: {told}", source, position)

    def _check_reading(
        self, node: Node, owner: str, occasion: str, source: str, target: str
    ) -> None:
        """What belongs to a neuron is one for all its synapses: it can read nothing of theirs."""
        for found in names(node):
            if found.name in self.text.signals and occasion not in ("on_signal", "on_step"):
                raise EquationError(
                    f"{self.place}: {occasion}: the signal {found.name!r} is there in on_signal "
                    f"and on_step only", source, found.position,
                )  # fmt: skip
            if owner == "synapse":
                continue
            other = "synapse" if found.name == WEIGHT else self.owner.get(found.name, owner)
            side = found.name.rpartition("_")[2] if self._is_state(found.name) else ""
            other = {"post": "post", "mod": "modulator"}.get(side, other)
            if other != owner and (owner, other) != ("post", "modulator"):
                raise EquationError(
                    f"{self.place}: {occasion}: {target!r} is one for all synapses of a neuron "
                    f"and cannot read {found.name!r}, which is of the {other}; declare {target!r} "
                    f"in synapse=", source, found.position,
                )  # fmt: skip

    def _is_state(self, name: str) -> bool:
        """Whether a name is a state, or whether the neuron fired."""
        state, _, side = name.rpartition("_")
        return name == FIRED or (name in self.units and state in self.states.get(side, ()))


class _NoClosedForm(EquationError):
    """A variable reads what it cannot know in advance: `term`."""

    def __init__(self, term: str, *told: Any) -> None:
        super().__init__(*told)
        self.term = term


class _Stepwise:
    """What has to be advanced in every step for neurons, and for the modulators.

    A postsynaptic variable is if it reads states, the modulators, or other variables; and if one
    that is reads it.

    Attributes
    ----------
    names : set of str
        Variables and expressions.
    """

    def __init__(self, reader: _Reader) -> None:
        self.reader = reader
        lines = {where: reader.lines[where] for where in ("modulator", "post")}
        for where, several in lines.items():
            for line in several:
                if line.expression is not None:
                    reader.note_followed(line.expression, where, getattr(reader.text, where))
        own = {x.name: x for several in lines.values() for x in several if x.name in reader.owner}
        self.reads = {
            name: {n.name for n in names(x.expression)} if x.expression is not None else set()
            for name, x in own.items()
        }
        self.names = {n for n, x in own.items() if x in lines["modulator"]}
        for name, x in own.items():
            moved = x.kind == "expression" or any(self._moves(n, name) for n in self.reads[name])
            if moved or (x.kind == "equation" and not self._decays(x)):
                self.names.add(name)
        for statement in reader.statements["on_post"]:
            if statement.name in own:
                read = {n.name for n in names(statement.expression)}
                self.reads[statement.name] = self.reads[statement.name] | read
        grown = True
        while grown:
            more = {n for name in self.names for n in self.reads[name] if n in own} - self.names
            self.names |= more
            grown = bool(more)

    def _moves(self, name: str, owner: str) -> bool:
        """Whether a name that an equation reads has a course of its own."""
        reader = self.reader
        return reader._is_state(name) or (name in reader.owner and name != owner)

    def _decays(self, line: Any) -> bool:
        """Whether an equation that reads itself alone has a closed form."""
        try:
            self.reader._flow("post", line.name, line.expression, line.unit)
        except _NoClosedForm:
            return False
        return True

    def of(self, where: Literal["post", "modulator"]) -> tuple[Followed, ...]:
        """Return what is followed, expressions last."""
        reader = self.reader
        side = "post" if where == "post" else "mod"
        found = [Followed(f"{s}_{side}", "state") for s in dict.fromkeys(reader.states[side])]
        if where == "post" and FIRED in reader.units:
            found.append(Followed(FIRED, "fired"))
        mine = [x for x in reader.lines[where] if x.name in self.names]
        found += [
            Followed(x.name, "variable", self._later(where, x)) for x in mine
            if x.kind != "expression"
        ]  # fmt: skip
        waiting = [x for x in mine if x.kind == "expression"]
        while waiting:
            unknown = {x.name for x in waiting}
            ready = [x for x in waiting if not self.reads[x.name] & unknown]
            if not ready:
                raise EquationError(
                    f"{reader.place}: {where}: {waiting[0].name!r} reads itself",
                    getattr(reader.text, where), waiting[0].position,
                )  # fmt: skip
            for x in ready:
                assert x.expression is not None
                source = getattr(reader.text, where)
                self._check(where, x)
                reader._checker(source, where).assigned(x.expression, x.unit.dimension, x.name)
                value = reader._translated(x.expression, source, where) / rational(x.unit.scale)
                found.append(Followed(x.name, "expression", finish(value)))
            waiting = [x for x in waiting if x not in ready]
        return tuple(found)

    def _check(self, where: str, line: Any) -> None:
        """Refuse what reads more than there is: one for all synapses of a neuron."""
        reader, source = self.reader, getattr(self.reader.text, where)
        reader._check_reading(line.expression, where, where, source, line.name)

    def _later(self, where: str, line: Any) -> Any:
        """Return a variable one step later: exactly, what it reads held; else by Euler's method."""
        reader, source = self.reader, getattr(self.reader.text, where)
        now = symbol(line.name)
        if line.expression is None:
            return now
        self._check(where, line)
        per_time = line.unit.dimension / TIME
        reader._checker(source, where).assigned(line.expression, per_time, f"d{line.name}/dt")
        made = reader._translated(line.expression, source, where) / rational(line.unit.scale)
        try:
            coefficients, rest = affine(made, frozenset({now}))
            rate = coefficients.get(now, sympy.S.Zero)
        except NotAffine:
            rate = sympy.S.Zero
        constant = {s.name for s in rate.free_symbols} <= set(reader.parameters)
        if rate == 0 or not constant:
            return finish(now + symbol(STEP) * made)
        level = -rest / rate
        return finish(level + (now - level) * sympy.exp(rate * symbol(STEP)))
