"""What the texts of a model contain: lines, inputs, states, parameters, units."""

from __future__ import annotations

from dataclasses import dataclass

from neurosim.equations.dimensions import NONE, Unit
from neurosim.equations.spec import Coupling, Receptor
from neurosim.equations.statements import (
    Line,
    check_name,
    parse_equations,
    parse_reset,
    parse_unit,
    unit_of,
)
from neurosim.equations.syntax import Node, parse_expression
from neurosim.errors import EquationError


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


class Contents:
    """The texts of a model, read: lines, inputs, states, parameters and their units.

    Parameters
    ----------
    model : ModelText
    """

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

    def _read_inputs(self) -> tuple[dict[str, str], dict[str, str]]:
        """Input name -> its target, and -> its kind."""
        targets: dict[str, str] = {}
        kinds: dict[str, str] = {}
        for name, declared in self.model.inputs:
            if isinstance(declared, (Receptor, Coupling)):
                kinds[name] = declared.kind
                targets[name] = (
                    declared.target if isinstance(declared, Receptor) else declared.symbol
                )
                continue
            words = declared.replace(":", " ").split()
            if (
                not words
                or len(words) > 2
                or words[0] not in ("jump", "pulse", "additive", "diffusive")
            ):
                raise EquationError(
                    f"input {name!r} is declared as {declared!r}; it can be 'jump STATE' (arriving "
                    "weights are added to the state), 'pulse' or 'pulse SYMBOL' (the symbol is the "
                    "sum of the weights arriving in this step), 'additive', 'diffusive' or "
                    "'additive SYMBOL', 'diffusive SYMBOL' (continuous coupling)"
                )
            kinds[name] = str(words[0])
            targets[name] = words[-1] if len(words) == 2 else name
        return targets, kinds

    def _jumped(self) -> list[str]:
        return [self.targets[n] for n, kind in self.kinds.items() if kind == "jump"]

    def input_symbols(self) -> tuple[str, ...]:
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
        inputs = self.input_symbols()
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
            self.units[line.name] = line.unit
        for name, declared_input in self.model.inputs:
            if isinstance(declared_input, str):
                continue
            if declared_input.name != name:
                raise EquationError(
                    f"inputs[{name!r}] is called {declared_input.name!r}; give it one name"
                )
            if self.kinds[name] != "jump":
                self.units.setdefault(self.targets[name], parse_unit(declared_input.unit))
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


def _parsed(text: str | None, what: str) -> Node | None:
    return None if text is None else parse_expression(text, what)
