"""From the texts of a model to its ModelSpec: classification, method, program."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from neurosim.equations.affine import NotAffine, affine
from neurosim.equations.agreement import CheckedContents
from neurosim.equations.constants import Constants
from neurosim.equations.contents import ModelText
from neurosim.equations.dimensions import CONDUCTANCE, TIME, Unit
from neurosim.equations.methods import METHODS, default_method, discretise, refusal
from neurosim.equations.programs import Names, ProgramBuilder
from neurosim.equations.spec import Assignment, Coupling, ModelSpec, Receptor
from neurosim.equations.symbolic import Translator, finish, rational, symbol
from neurosim.equations.syntax import Node, names, render
from neurosim.equations.systems import Step, System
from neurosim.errors import EquationError, UnknownNameError


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


class _Analyser(CheckedContents):
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
        inputs = [n for n in ("I_injected", *self.input_symbols()) if symbol(n) in read]
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
        self.check()
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
                target = self.targets[name]
                found.append(
                    Coupling(
                        name,
                        self.kinds[name],  # type: ignore[arg-type]
                        self.units[target].text,
                        target if target != name else "",
                    )
                )
        return tuple(found)

    def _source_text(self, method: str) -> str:
        """One normal form: the same model gives the same text, however it was laid out."""
        out = []
        for line in self.lines:
            left = f"d{line.name}/dt" if line.kind == "equation" else line.name
            right = f" = {render(line.expression)}" if line.expression is not None else ""
            out.append(f"{left}{right} : {line.unit.text}{' (clamped)' if line.clamped else ''}")
        for name in (*self.parameters, *self.input_symbols()):
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
            target = f" {coupling.target}" if coupling.target else ""
            out.append(f"input {coupling.name}: {coupling.kind}{target} {coupling.unit}")
        out.append(f"method: {method}")
        return "\n".join(out) + "\n"


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
