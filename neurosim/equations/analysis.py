"""From the texts of a model to its ModelSpec: names, unit check, classification, program."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from fractions import Fraction
from functools import lru_cache
from typing import Any

from neurosim.equations.affine import NotAffine, affine
from neurosim.equations.checking import UnitChecker
from neurosim.equations.constants import Constants
from neurosim.equations.dimensions import (
    CONDUCTANCE,
    CURRENT,
    NONE,
    RATE,
    TIME,
    UNITS,
    VOLTAGE,
    Dimension,
    Unit,
)
from neurosim.equations.methods import (
    METHODS,
    Step,
    System,
    default_method,
    discretise,
    refusal,
)
from neurosim.equations.programs import Names, ProgramBuilder
from neurosim.equations.spec import Assignment, Coupling, ModelSpec, Receptor
from neurosim.equations.statements import (
    Line,
    ResetLine,
    check_name,
    parse_equations,
    parse_reset,
    unit_of,
)
from neurosim.equations.symbolic import Translator, finish, rational, symbol
from neurosim.equations.syntax import Node, names, parse_expression, render
from neurosim.errors import EquationError, UnknownNameError


@dataclass(frozen=True)
class ModelText:
    """Everything of a model that is text; hashable, values of parameters left out.

    Attributes
    ----------
    equations, threshold, reset, hazard, multiplicity, method, refractory
        As in `NeuronModel`.
    inputs : tuple of (name, declaration)
        Declaration is a str, a Receptor or a Coupling.
    parameters : tuple of str
        Names of the values given.
    """

    equations: str
    threshold: str | None = None
    reset: str | None = None
    refractory: str | None = None
    inputs: tuple[tuple[str, str | Receptor | Coupling], ...] = ()
    parameters: tuple[str, ...] = ()
    hazard: str | None = None
    multiplicity: str | None = None
    method: str | None = None


@dataclass(frozen=True)
class Analysis:
    """A checked model.

    Attributes
    ----------
    spec : ModelSpec
        With empty `defaults` and `initial`, which depend on values.
    units : mapping
        Unit of every state, parameter and input.
    linearity : {"none", "linear", "conditionally linear", "nonlinear"}
        Of the differential equations ("none" where there are none).
    noise : {"none", "additive", "multiplicative"}
        Kind of noise.
    """

    spec: ModelSpec
    units: Mapping[str, Unit]
    linearity: str
    noise: str


@lru_cache(maxsize=512)
def analyse(model: ModelText) -> Analysis:
    """Read, check and discretise a model.

    Raises
    ------
    EquationError
        With the place, for anything that cannot be read, does not agree in units or cannot be
        integrated by the method asked for.
    UnknownNameError
        For parameters that occur nowhere.
    """
    return _Analyser(model).run()


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


class _Analyser:
    def __init__(self, model: ModelText) -> None:
        self.model = model
        self.lines = parse_equations(model.equations)
        self.by_name: dict[str, Line] = {line.name: line for line in self.lines}
        self.resets = parse_reset(model.reset) if model.reset else ()
        self.threshold = _parsed(model.threshold, "the threshold")
        self.hazard = _parsed(model.hazard, "the hazard")
        self.multiplicity = _parsed(model.multiplicity, "the multiplicity")
        self.targets, self.kinds = self._read_inputs()
        self.states = self._states()
        self.expressions = {n.name: n for n in self.lines if n.kind == "expression"}
        self.units: dict[str, Unit] = {}
        self.parameters = self._parameters()

    # Names ---------------------------------------------------------------------------------------

    def _read_inputs(self) -> tuple[dict[str, str], dict[str, str]]:
        """Input name -> its target, and -> its kind."""
        targets: dict[str, str] = {}
        kinds: dict[str, str] = {}
        for name, declared in self.model.inputs:
            if isinstance(declared, (Receptor, Coupling)):
                kinds[name] = declared.kind
                targets[name] = declared.target if isinstance(declared, Receptor) else name
                continue
            words = declared.replace(":", " ").split()
            if (
                not words
                or len(words) > 2
                or words[0] not in ("jump", "pulse", "additive", "diffusive")
                or (len(words) == 2 and words[0] in ("additive", "diffusive"))
            ):
                raise EquationError(
                    f"input {name!r} is declared as {declared!r}; it can be 'jump STATE' (arriving "
                    "weights are added to the state), 'pulse' or 'pulse SYMBOL' (the symbol is the "
                    "sum of the weights arriving in this step), 'additive' or 'diffusive' "
                    "(continuous coupling)"
                )
            kinds[name] = str(words[0])
            targets[name] = words[-1] if len(words) == 2 else name
        return targets, kinds

    def _jumped(self) -> list[str]:
        return [self.targets[n] for n, kind in self.kinds.items() if kind == "jump"]

    def _read_inputs_names(self) -> tuple[str, ...]:
        """Symbols that inputs bring."""
        return tuple(dict.fromkeys(t for n, t in self.targets.items() if self.kinds[n] != "jump"))

    def _states(self) -> tuple[str, ...]:
        """States: with an equation, or declared and changed by a reset or a jump."""
        written = {line.name for line in self.resets} | set(self._jumped())
        lines = [
            line.name
            for line in self.lines
            if line.kind == "equation" or (line.kind == "parameter" and line.name in written)
        ]
        given = sorted(set(self.model.parameters) & written - set(self.by_name))
        return (*lines, *given)

    def _parameters(self) -> tuple[str, ...]:
        given = self.model.parameters
        inputs = self._read_inputs_names()
        for name in (*given, *inputs, *dict(self.model.inputs)):
            if not name.isidentifier() or not name.isascii():
                raise EquationError(f"{name!r} is not a name")
        for name in (*given, *inputs):
            check_name("", name, None)
        for name in inputs:
            line = self.by_name.get(name)
            if line is not None and line.kind != "parameter":
                raise self._error(
                    f"{name!r} is an input and cannot be given an equation", line.position
                )
        for line in self.lines:
            if line.name not in inputs or line.kind == "parameter":
                self.units[line.name] = line.unit
        declared = [
            line.name
            for line in self.lines
            if line.kind == "parameter" and line.name not in self.states and line.name not in inputs
        ]
        rest = []
        for name in sorted(given):
            if name in inputs:
                raise EquationError(f"{name!r} is an input and a parameter")
            if name in self.expressions:
                raise self._error(
                    f"{name!r} is a parameter and a sub-expression", self.by_name[name].position
                )
            if name in self.by_name and self.by_name[name].kind == "equation":
                raise self._error(
                    f"{name!r} is a state; its first value is given in initial=, not parameters=",
                    self.by_name[name].position,
                )
            if name in self.by_name:
                continue
            self.units[name] = unit_of(NONE)
            if name not in self.states:
                rest.append(name)
        for name in declared:
            if name not in given:
                raise self._error(
                    f"the parameter {name!r} has no value; give it in parameters=",
                    self.by_name[name].position,
                )
        return (*declared, *rest)

    def _error(self, message: str, position: int) -> EquationError:
        return EquationError(message, self.model.equations, position)

    # Checks --------------------------------------------------------------------------------------

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
            early = [n for n, kind in self.kinds.items() if kind in ("additive", "diffusive")]
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
            self._check(clause, dimensions)

    def _infer(self, clauses: list[_Clause], dimensions: dict[str, Dimension]) -> None:
        """Find the unit of inputs that are not declared: the only one that fits."""
        unknown = [n for n in self._read_inputs_names() if n not in dimensions]
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
            **{n: NONE for n in self._read_inputs_names() if n not in dimensions},
        }
        for clause in clauses:
            if name not in clause.names:
                self._check(clause, trial)
        clause = next(c for c in clauses if name in c.names)
        place = next(n for n in names(clause.node) if n.name == name)
        raise EquationError(
            f"{clause.where}: the unit of the input {name!r} does not follow from the equations; "
            f"declare it in them with a line '{name} : unit'",
            clause.text,
            place.position,
        )

    def _check_conventions(self) -> None:
        model = self.model
        if model.refractory is not None:
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
        read = {n for clause in self._clauses() for n in clause.names}
        read |= {n for n in [model.refractory] if n} | {line.name for line in self.resets}
        inputs = self._read_inputs_names()
        for name in model.parameters:
            if name not in self.by_name and name not in read:
                known = read - {*self.states, *self.expressions, *inputs, *UNITS}
                raise UnknownNameError("parameters", name, sorted(known))
        for name in inputs:
            if name not in read:
                raise EquationError(f"the input {name!r} is read nowhere in the equations")

    # Translation ---------------------------------------------------------------------------------

    def _values(self) -> dict[str, Any]:
        """What every name stands for in coherent units; sub-expressions put in."""
        values: dict[str, Any] = {"I_injected": symbol("I_injected")}
        for name, unit in self.units.items():
            if name not in self.expressions:
                values[name] = symbol(name) * rational(unit.scale)

        def resolve(name: str) -> None:
            node = self.expressions[name].expression
            assert node is not None
            for read in names(node):
                if read.name in self.expressions and read.name not in values:
                    resolve(read.name)
            values[name] = Translator(self.model.equations, values, name)(node)

        for name in self.expressions:
            if name not in values:
                resolve(name)
        return values

    def _system(self, values: Mapping[str, Any]) -> System:
        drift: dict[str, Any] = {}
        noise: dict[str, dict[str, Any]] = {}
        equations = [line for line in self.lines if line.kind == "equation"]
        for line in equations:
            assert line.expression is not None
            where = f"d{line.name}/dt"
            whole = Translator(self.model.equations, values, where)(line.expression)
            whole = whole / rational(line.unit.scale)
            symbols = sorted(
                (s for s in whole.free_symbols if s.name == "xi" or s.name.startswith("xi_")),
                key=str,
            )
            try:
                factors, drift[line.name] = affine(whole, frozenset(symbols))
            except NotAffine as error:
                raise self._error(
                    f"{where}: noise must stand as a factor of a term, but there is {error.term}",
                    line.start,
                ) from None
            noise[line.name] = {s.name: factors[s] for s in symbols if s in factors}
        static = frozenset(symbol(name) for name in self.parameters) | {symbol("dt")}
        read: set[Any] = set()
        self._refuse_shared_xi(noise)
        for state in drift:
            read |= drift[state].free_symbols
            read |= {s for factor in noise[state].values() for s in factor.free_symbols}
        inputs = [n for n in ("I_injected", *self._read_inputs_names()) if symbol(n) in read]
        # States without an equation stand still during a step: inputs to the others.
        inputs += [s for s in self.states if s not in drift and symbol(s) in read]
        return System(
            tuple(drift),
            drift,
            noise,
            frozenset(line.name for line in equations if line.clamped),
            tuple(inputs),
            static,
        )

    def _refuse_shared_xi(self, noise: Mapping[str, Mapping[str, Any]]) -> None:
        """The bare `xi` in two equations: the same noise or two? The author has to say."""
        users = [state for state, factors in noise.items() if "xi" in factors]
        if len(users) > 1:
            raise self._error(
                f"'xi' stands in d{users[0]}/dt and d{users[1]}/dt; name it 'xi_...', the same "
                "name for the same noise, different names for independent ones",
                self.by_name[users[1]].start,
            )

    def run(self) -> Analysis:
        """Do it all."""
        self._check_conventions()
        self._check_units(self._clauses())
        values = self._values()
        system = self._system(values)
        method = self._method(system)
        taken = {*self.units, *(line.name for line in self.lines), "I_injected", "dt", "active"}
        builder = ProgramBuilder(Names(taken), system.static)
        step = Step((), {}) if method == "none" else discretise(system, method, builder)
        program = builder.build(step.assignments)
        direct = tuple((name, expression) for expression, name in builder.constants.items())
        constants = Constants(direct, step.linear)
        constant_names = [name for name, _ in direct]
        if step.linear is not None:
            constant_names += [output.name for output in step.linear.outputs]
        model = self.model
        late = self._late(values)
        spec = ModelSpec(
            name="",
            states=self.states,
            parameters=self.parameters,
            units={name: self.units[name].text for name in (*self.states, *self.parameters)},
            defaults={},
            initial={},
            clamped=tuple(s for s in self.states if s in system.clamped),
            refractory=model.refractory,
            receptors=self._receptors(),
            couplings=self._couplings(),
            program=program,
            next_names={state: step.next_names.get(state, state) for state in self.states},
            threshold=late(self.threshold, "threshold", model.threshold),
            hazard=late(self.hazard, "hazard", model.hazard),
            reset=self._reset(values),
            multiplicity=late(self.multiplicity, "multiplicity", model.multiplicity),
            n_normals=step.n_normals,
            injectable="I_injected" in system.inputs,
            method=method,
            derivatives=tuple(Assignment(s, finish(e)) for s, e in system.drift.items()),
            noise={
                state: {xi: finish(factor) for xi, factor in factors.items()}
                for state, factors in system.noise.items()
                if factors
            },
            source_text=self._source_text(method),
            constant_names=tuple(constant_names),
            constants_function=constants,
        )
        return Analysis(spec, dict(self.units), _linearity(system), _noise(system))

    def _method(self, system: System) -> str:
        asked = self.model.method
        if asked is not None and asked not in METHODS:
            raise UnknownNameError("method", asked, METHODS)
        if not system.states:
            return "none"
        if asked is None:
            return default_method(system)
        reason = refusal(system, asked)
        if reason is not None:
            raise EquationError(f"the method {asked!r} cannot be used: {reason}")
        return asked

    def _late(self, values: Mapping[str, Any]) -> Callable[[Node | None, str, str | None], Any]:
        def translate(node: Node | None, where: str, text: str | None) -> Any:
            return None if node is None else finish(Translator(text or "", values, where)(node))

        return translate

    def _reset(self, values: Mapping[str, Any]) -> tuple[Assignment, ...]:
        lines = []
        for line in self.resets:
            value = Translator(self.model.reset or "", values, "reset")(line.expression)
            state, scale = symbol(line.name), rational(self.units[line.name].scale)
            match line.operator:
                case "=":
                    value = value / scale
                case "+=":
                    value = state + value / scale
                case "-=":
                    value = state - value / scale
                case "*=":
                    value = state * value
                case _:
                    value = state / value
            lines.append(Assignment(line.name, finish(value)))
        return tuple(lines)

    def _receptors(self) -> tuple[Receptor, ...]:
        found: list[Receptor] = []
        for name, declared in self.model.inputs:
            if isinstance(declared, Receptor):
                found.append(declared)
            elif self.kinds[name] in ("jump", "pulse"):
                target = self.targets[name]
                unit = self.units[target]
                conductance = unit.dimension in (CONDUCTANCE, CONDUCTANCE / TIME)
                kind = "jump" if self.kinds[name] == "jump" else "pulse"
                found.append(Receptor(name, kind, target, unit.text, conductance))  # type: ignore[arg-type]
        return tuple(found)

    def _couplings(self) -> tuple[Coupling, ...]:
        found: list[Coupling] = []
        for name, declared in self.model.inputs:
            if isinstance(declared, Coupling):
                found.append(declared)
            elif self.kinds[name] in ("additive", "diffusive"):
                found.append(Coupling(name, self.kinds[name], self.units[name].text))  # type: ignore[arg-type]
        return tuple(found)

    def _source_text(self, method: str) -> str:
        """One normal form: the same model gives the same text, however it was laid out."""
        out = []
        for line in self.lines:
            left = f"d{line.name}/dt" if line.kind == "equation" else line.name
            right = f" = {render(line.expression)}" if line.expression is not None else ""
            out.append(f"{left}{right} : {line.unit.text}{' (clamped)' if line.clamped else ''}")
        for name in (*self.parameters, *self._read_inputs_names()):
            if name not in self.by_name:
                out.append(f"{name} : {self.units[name].text}")
        for where, node in (("threshold", self.threshold), ("hazard", self.hazard)):
            if node is not None:
                out.append(f"{where}: {render(node)}")
        if self.resets:
            lines = (f"{r.name} {r.operator} {render(r.expression)}" for r in self.resets)
            out.append(f"reset: {'; '.join(lines)}")
        if self.model.refractory:
            out.append(f"refractory: {self.model.refractory}")
        if self.multiplicity is not None:
            out.append(f"multiplicity: {render(self.multiplicity)}")
        for receptor in self._receptors():
            sign = " >= 0" if receptor.nonnegative else ""
            out.append(
                f"input {receptor.name}: {receptor.kind} {receptor.target} {receptor.unit}{sign}"
            )
        for coupling in self._couplings():
            out.append(f"input {coupling.name}: {coupling.kind} {coupling.unit}")
        out.append(f"method: {method}")
        return "\n".join(out) + "\n"


def _parsed(text: str | None, what: str) -> Node | None:
    return None if text is None else parse_expression(text, what)


def _linearity(system: System) -> str:
    if not system.states:
        return "none"
    if system.nonlinearity() is None:
        return "linear"
    return "conditionally linear" if system.conditional_nonlinearity() is None else "nonlinear"


def _noise(system: System) -> str:
    if not system.sources:
        return "none"
    return "additive" if system.multiplicative() is None else "multiplicative"


__all__ = ["Analysis", "ModelText", "analyse"]
