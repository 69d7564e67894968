"""Whether the texts of a model agree: names exist, units fit, flags have a meaning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from fractions import Fraction
from itertools import product

from neurosim.equations.checking import UnitChecker
from neurosim.equations.contents import Contents
from neurosim.equations.dimensions import (
    CONDUCTANCE,
    CURRENT,
    NONE,
    RATE,
    TIME,
    UNITS,
    VOLTAGE,
    Dimension,
)
from neurosim.equations.statements import ResetLine, parse_unit, unit_of
from neurosim.equations.syntax import Node, names
from neurosim.errors import DescriptionError, EquationError, UnitError, UnknownNameError


@dataclass
class _Clause:
    """One expression with what is required of it."""

    where: str
    text: str
    node: Node
    expected: Dimension | None = None
    """None: a condition."""
    what: str = ""
    noise: bool = False
    late: bool = False
    """Whether it is read at t + dt, when inputs are no longer there."""
    names: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        self.names = frozenset(name.name for name in names(self.node))


_CANDIDATES: tuple[Dimension, ...] = tuple(
    dimension / TIME**power
    for power in (Fraction(0), Fraction(1))
    for dimension in (NONE, CURRENT, CONDUCTANCE, VOLTAGE)
)
"""Units that an undeclared input may turn out to have."""

_LIKELY = tuple(dict.fromkeys([NONE, *(unit.dimension for unit in UNITS.values())]))
"""Units that an undeclared parameter was probably meant in."""


def _advised(error: EquationError, advice: str) -> EquationError:
    """`error` at its place, with advice below."""
    longer = EquationError(f"{error}\n{advice}", error.text)
    longer.position = error.position
    return longer


class CheckedContents(Contents):
    """Contents that agree; `check` raises where they do not."""

    def check(self) -> None:
        """Check everything, and find the units of inputs that are not declared."""
        self._check_conventions()
        self._check_units(self._clauses())

    def _clauses(self) -> list[_Clause]:
        text = self.model.equations
        clauses = []
        for line in self.lines:
            if line.expression is None:
                continue
            equation = line.kind == "equation"
            expected = line.unit.dimension / TIME if equation else line.unit.dimension
            what = f"d{line.name}/dt" if equation else line.name
            clauses.append(_Clause(what, text, line.expression, expected, what, noise=True))
        model = self.model
        if self.threshold is not None:
            clauses.append(_Clause("threshold", model.threshold or "", self.threshold, late=True))
        for written in self.resets:
            if written.name not in self.states:
                raise self._reset_refusal(written)
            expected = (
                NONE if written.operator in ("*=", "/=") else self.units[written.name].dimension
            )
            clauses.append(
                _Clause(
                    "reset",
                    model.reset or "",
                    written.expression,
                    expected,
                    written.name,
                    late=True,
                )
            )
        for node, where, what, expected in (
            (self.hazard, "hazard", "the firing intensity", RATE),
            (self.multiplicity, "multiplicity", "the number of spikes", NONE),
        ):
            if node is not None:
                source = (model.hazard if where == "hazard" else model.multiplicity) or ""
                clauses.append(_Clause(where, source, node, expected, what, late=True))
        return clauses

    def _reset_refusal(self, line: ResetLine) -> EquationError:
        near = get_close_matches(line.name, self.states, n=1)
        message = f"there is no state {line.name!r}; the states are {', '.join(self.states)}."
        message += f" Did you mean {near[0]!r}?" if near else ""
        return EquationError(f"reset: {message}", self.model.reset or "", line.position)

    def _check(self, clause: _Clause, dimensions: Mapping[str, Dimension]) -> None:
        forbidden = {}
        if clause.late:
            # Chance acts over the whole step, so that what holds for the step has a place in it.
            early = [
                self.targets[n]
                for n, kind in self.kinds.items()
                if kind in ("additive", "diffusive") and clause.where != "hazard"
            ]
            gone = dict.fromkeys(
                [*early, "I_injected"], "is read at the start of a step; it cannot stand here"
            )
            forbidden = dict(gone)
            for name in self.expressions:
                hit = sorted(self._behind(name) & set(gone))
                noisy = any(n == "xi" or n.startswith("xi_") for n in self._behind(name))
                if hit or noisy:
                    forbidden[name] = f"contains {hit[0] if hit else 'noise'}; it cannot stand here"
        checker = UnitChecker(
            clause.text, dimensions, clause.where, noise=clause.noise, forbidden=forbidden
        )
        if clause.expected is None:
            checker.condition(clause.node)
        else:
            checker.assigned(clause.node, clause.expected, clause.what)

    def _behind(self, name: str) -> set[str]:
        """All names a sub-expression reads, through others too; refuses circles."""
        found: set[str] = set()

        def walk(current: str, path: tuple[str, ...]) -> None:
            line = self.expressions[current]
            if current in path:
                raise self._error(
                    f"sub-expressions in a circle: {' -> '.join((*path, current))}", line.position
                )
            assert line.expression is not None
            for read in {n.name for n in names(line.expression)}:
                found.add(read)
                if read in self.expressions:
                    walk(read, (*path, current))

        walk(name, ())
        return found

    def _check_units(self, clauses: list[_Clause]) -> None:
        for name in self.expressions:
            self._behind(name)
        dimensions = {name: unit.dimension for name, unit in self.units.items()}
        dimensions["I_injected"] = CURRENT
        self._infer(clauses, dimensions)
        for clause in clauses:
            self._check_and_advise(clause, dimensions)

    def _check_and_advise(self, clause: _Clause, dimensions: Mapping[str, Dimension]) -> None:
        try:
            self._check(clause, dimensions)
        except EquationError as error:
            advice = self._undeclared(clause, dimensions)
            if not advice:
                raise
            raise _advised(error, advice) from None

    def _undeclared(self, clause: _Clause, dimensions: Mapping[str, Dimension]) -> str:
        """Which parameters of `clause` lack a line, if lines for them make its units agree."""
        bare = [n for n in self.model.parameters if n in clause.names and n not in self.by_name]
        unknown = [n for n in self.input_symbols() if n in clause.names and n not in dimensions]
        asked = [*bare, *unknown]
        # Each name multiplies the combinations to try by eight.
        if not bare or len(asked) > 4:
            return ""
        likely = [*[_LIKELY] * len(bare), *[_CANDIDATES] * len(unknown)]
        fitting = [
            units
            for units in product(*likely)
            if self._fits([clause], {**dimensions, **dict(zip(asked, units, strict=True))})
        ]
        lines = {}
        for k, name in enumerate(bare):
            found = {units[k] for units in fitting}
            if found and found != {NONE}:
                lines[name] = f"'{name} : {found.pop() if len(found) == 1 else 'unit'}'"
        if not lines:
            return ""
        which = " and ".join(map(repr, lines))
        if len(lines) == 1:
            means, add = "so its value in parameters= is a plain number", "a line"
        else:
            means, add = "so their values in parameters= are plain numbers", "the lines"
        return f"No line declares {which}, {means}: add {add} {' and '.join(lines.values())}."

    def _infer(self, clauses: list[_Clause], dimensions: dict[str, Dimension]) -> None:
        """Find the unit of inputs that are not declared: the only one that fits."""
        unknown = [n for n in self.input_symbols() if n not in dimensions]
        for name in unknown:
            if not any(name in clause.names for clause in clauses):
                raise EquationError(f"the input {name!r} is read nowhere in the equations")
        while unknown:
            resolved = None
            for name in unknown:
                others = set(unknown) - {name}
                read = [c for c in clauses if name in c.names and not c.names & others]
                fitting = [
                    d for d in _CANDIDATES if read and self._fits(read, {**dimensions, name: d})
                ]
                if len(fitting) == 1:
                    resolved = name
                    dimensions[name] = fitting[0]
                    self.units[name] = unit_of(fitting[0])
                    break
            if resolved is None:
                self._report_unfit(unknown[0], clauses, dimensions)
            unknown = [n for n in unknown if n != resolved]

    def _fits(self, clauses: list[_Clause], dimensions: Mapping[str, Dimension]) -> bool:
        try:
            for clause in clauses:
                self._check(clause, dimensions)
        except EquationError:
            return False
        return True

    def _report_unfit(
        self, name: str, clauses: list[_Clause], dimensions: dict[str, Dimension]
    ) -> None:
        trial = {
            **dimensions,
            **{n: NONE for n in self.input_symbols() if n not in dimensions},
        }
        for clause in clauses:
            if name not in clause.names:
                self._check_and_advise(clause, trial)
        clause = next(c for c in clauses if name in c.names)
        place = next(n for n in names(clause.node) if n.name == name)
        error = EquationError(
            f"{clause.where}: the unit of the input {name!r} does not follow from the equations; "
            f"declare it in them with a line '{name} : unit'",
            clause.text,
            place.position,
        )
        advice = self._undeclared(clause, dimensions)
        raise _advised(error, advice) if advice else error

    def _check_conventions(self) -> None:
        model = self.model
        if model.refractory is not None:
            if not model.refractory.isidentifier():
                raise DescriptionError(
                    "refractory",
                    model.refractory,
                    "the name of a parameter that holds the refractory time",
                    f"Write refractory='t_ref' and parameters={{'t_ref': {model.refractory!r}}}.",
                )
            if model.refractory not in self.parameters:
                raise UnknownNameError("refractory", model.refractory, self.parameters)
            unit = self.units[model.refractory]
            if unit.dimension != TIME or unit.scale != 1:
                raise EquationError(
                    f"refractory: the parameter {model.refractory!r} is in {unit.text}; a "
                    "refractory time is in ms"
                )
        for line in self.lines:
            if line.clamped and model.refractory is None:
                raise self._error(
                    f"{line.name!r} is clamped, but the model is never refractory; "
                    "give refractory=",
                    line.position,
                )
        if self.threshold is not None and self.hazard is not None:
            raise EquationError("a model has a threshold or a hazard, not both")
        fires = self.threshold is not None or self.hazard is not None
        for given, what in (
            (self.resets, "reset"),
            (model.refractory, "refractory"),
            (self.multiplicity, "multiplicity"),
        ):
            if given and not fires:
                raise EquationError(f"{what} is given, but neither threshold nor hazard")
        for name, kind in self.kinds.items():
            target = self.targets[name]
            if kind == "jump" and target not in self.states:
                raise UnknownNameError(f"inputs[{name!r}]: the state to jump", target, self.states)
        for name, declared in model.inputs:
            if isinstance(declared, str):
                continue
            unit, expected = parse_unit(declared.unit), self.units[self.targets[name]]
            if (unit.dimension, unit.scale) != (expected.dimension, expected.scale):
                raise UnitError(f"inputs[{name!r}].unit", declared.unit, f"{expected.text!r}")
        read = {n for clause in self._clauses() for n in clause.names}
        read |= {n for n in [model.refractory] if n} | {line.name for line in self.resets}
        inputs = self.input_symbols()
        for name in model.parameters:
            if name not in self.by_name and name not in read:
                known = read - {*self.states, *self.expressions, *inputs, *UNITS}
                raise UnknownNameError("parameters", name, sorted(known))
        for name in inputs:
            if name not in read:
                raise EquationError(f"the input {name!r} is read nowhere in the equations")
