"""`NeuronModel`: a neuron (or any other dynamical unit) written as text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from neurosim.equations.dimensions import Unit
from neurosim.equations.statements import parse_equations
from neurosim.errors import DescriptionError, UnitError, UnknownNameError
from neurosim.explained import explained
from neurosim.units import Quantity, coherent_unit, defer, to_float

if TYPE_CHECKING:
    from neurosim.equations.analysis import Analysis
    from neurosim.equations.spec import Coupling, ModelSpec, Receptor


_TEXTS = ("threshold", "reset", "refractory", "hazard", "multiplicity", "method")
"""Texts that a model may do without."""


@explained
@dataclass(frozen=True, slots=True, eq=False)
class NeuronModel:
    """A model neuron from equations.

        dV_m/dt = (E_L - V_m)/tau_m + I/C_m : mV (clamped)     differential equation
        I = I_exc + I_inh + I_injected : pA                    sub-expression
        tau_m : ms                                             parameter

    One line per statement, ``#`` starts a comment, the part after the colon is the unit, ``1``
    for plain numbers. Units: us ms s, uV mV V, fA pA nA, pF nF uF, nS uS mS, GOhm MOhm kOhm, Hz
    kHz and their products and powers, also inside expressions (``10*mV``). Every line is checked.
    ``(clamped)`` states are held while the neuron is refractory; ``(unless refractory)`` is the
    same. ``I_injected`` is the current brought in by ``net.inject`` [pA]. A declared name that the
    reset writes or an input jumps is a state that is otherwise constant.

    Functions: exp log sqrt sin cos tan sinh cosh tanh abs sign floor ceil min max clip, exprel(x)
    = (exp(x) - 1)/x, sigmoid (expit), int(condition), where(condition, a, b); conditions with
    < <= > >= == != and or not.

    Noise: ``xi``, ``xi_name`` are independent white noises (unit 1/sqrt(ms)), one of each per
    neuron: ``dV/dt = -V/tau + sigma*sqrt(2/tau)*xi : mV``. The bare ``xi`` may stand in one
    equation only; a named one may act on several. What a term with ``xi`` means depends
    on the method: *exact*, *euler* and *milstein* solve the Ito equation, *heun* the Stratonovich
    equation. Where the noise is additive (its factor is made of parameters alone) the two agree.

    Method: "exact" (linear equations; with additive noise the exact Ornstein-Uhlenbeck step),
    "exponential_euler" and "semi_implicit" (each variable linear in itself; see below), "rk4",
    "rk2", "euler"; with noise "euler", "milstein" (each variable with noise of its own), "heun". By
    default: exact where linear (and noise additive), else exponential_euler where conditionally
    linear, else rk4; with noise that is not exact: euler if additive, heun (Stratonovich) if
    multiplicative.

    "exponential_euler" advances the states that are linear among themselves, with coefficients of
    parameters alone, and that read no other state (synaptic conductances, say; no clamped states)
    as "exact" does: inputs held over the step, the rest without error. Every other state is
    advanced with all others as they were at t, which is of first order.

    "semi_implicit" takes each variable at t + dt where its own rate multiplies it, all others at t:
    dx/dt = b - a x becomes (x + b dt)/(1 + a dt), of first order. With a >= 0 a variable then stays
    between x and b/a for any dt, so that conductances never drive it beyond their reversal
    potentials (biophysical synapses, LTC).

    Parameters
    ----------
    name : str
        For messages and printing.
    equations : str
        The text.
    threshold : str, optional
        Condition on the states under which the neuron fires, e.g. ``"V_m >= V_th"``.
    reset : str, optional
        What a spike changes, in order: ``"V_m = V_reset; w += b"``.
    refractory : str, optional
        Name of the parameter that holds the refractory time [ms].
    inputs : mapping, optional
        Receptor name -> ``"jump STATE"`` (arriving weights are added to the state; on a clamped
        state of a refractory neuron they are lost), ``"pulse"`` or ``"pulse SYMBOL"`` (the symbol
        is the sum of the weights arriving in this step), ``"additive"`` or ``"diffusive"``
        (continuous coupling; the symbol is the receptor name, or that of ``"additive SYMBOL"``),
        or a Receptor or Coupling. The unit of a symbol follows from the equations, or is declared
        in them (``I : pA``). Weights of conductances (nS) must not be negative.
    parameters : mapping
        Name -> number in the declared unit, a text such as ``"20 ms"``, an array with one value
        per neuron, or a distribution. Names not declared in the equations are plain numbers, or
        have the unit that their text brings.
    initial : mapping, optional
        State -> first value: a number, a text with unit or the name of a parameter. Default 0.
    hazard : str, optional
        Escape noise in place of a threshold: firing intensity [1/ms or Hz]. It reads the states at
        t + dt, and continuous couplings as they are held over the step.
    multiplicity : str, optional
        Number of spikes emitted at once (relays).
    method : str, optional
        See above.

    Raises
    ------
    EquationError
        For texts that cannot be read, disagree in units or cannot be integrated as asked.
    DescriptionError
        For values that cannot be meant.
    """

    name: str
    equations: str = field(kw_only=True)
    threshold: str | None = field(default=None, kw_only=True)
    reset: str | None = field(default=None, kw_only=True)
    refractory: str | None = field(default=None, kw_only=True)
    inputs: Mapping[str, str | Receptor | Coupling] = field(default_factory=dict, kw_only=True)
    parameters: Mapping[str, Any] = field(default_factory=dict, kw_only=True)
    initial: Mapping[str, float | str] = field(default_factory=dict, kw_only=True)
    hazard: str | None = field(default=None, kw_only=True)
    multiplicity: str | None = field(default=None, kw_only=True)
    method: str | None = field(default=None, kw_only=True)
    _analysis: Analysis = field(init=False, repr=False)
    _spec: ModelSpec = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._check_texts()
        for name in ("inputs", "parameters", "initial"):
            value = getattr(self, name)
            if not isinstance(value, Mapping):
                raise DescriptionError(f"{self._place}: {name}", value, "a mapping by name")
        from neurosim.equations.analysis import ModelText, analyse

        object.__setattr__(self, "equations", self._declared())
        analysis = analyse(
            ModelText(
                equations=self.equations,
                threshold=self.threshold,
                reset=self.reset,
                refractory=self.refractory,
                inputs=tuple(self.inputs.items()),
                parameters=tuple(self.parameters),
                hazard=self.hazard,
                multiplicity=self.multiplicity,
                method=self.method,
            )
        )
        object.__setattr__(self, "_analysis", analysis)
        values = {name: self._value(name, value) for name, value in self.parameters.items()}
        spec = analysis.spec
        initial = self._initial(values)
        parameters = {name: values[name] for name in spec.parameters}
        object.__setattr__(self, "parameters", MappingProxyType(parameters))
        object.__setattr__(self, "initial", MappingProxyType(initial))
        object.__setattr__(self, "inputs", MappingProxyType(dict(self.inputs)))
        defaults = {n: v for n, v in parameters.items() if isinstance(v, float)}
        object.__setattr__(
            self, "_spec", replace(spec, name=self.name, defaults=defaults, initial=initial)
        )

    @property
    def _place(self) -> str:
        return f"NeuronModel {self.name!r}"

    def _check_texts(self) -> None:
        name: object = self.name
        if not isinstance(name, str) or not name:
            raise DescriptionError("NeuronModel.name", name, "a text that is not empty")
        equations: object = self.equations
        if not isinstance(equations, str):
            raise DescriptionError(f"{self._place}: equations", self.equations, "a text")
        for text in _TEXTS:
            value = getattr(self, text)
            if value is not None and (not isinstance(value, str) or not value.strip()):
                raise DescriptionError(f"{self._place}: {text}", value, "a text, or None")

    def _declared(self) -> str:
        """The equations, with a line for every parameter whose value brought its unit along."""
        declared = {line.name for line in parse_equations(self.equations)}
        lines = []
        for name, value in self.parameters.items():
            if not isinstance(name, str):
                raise DescriptionError(f"{self._place}: parameters", name, "names as keys")
            if name in declared:
                continue
            deferred = defer(value, self._parameter(name)) if _has_unit(value) else None
            if isinstance(deferred, Quantity):
                lines.append(f"{name} : {coherent_unit(deferred.unit.dimension)}")
            elif name == self.refractory:
                lines.append(f"{name} : ms")
        return "\n".join([self.equations.rstrip(), *sorted(lines)]) if lines else self.equations

    def _parameter(self, name: str) -> str:
        return f"{self._place}: parameters[{name!r}]"

    def _value(self, name: str, value: Any) -> Any:
        """Check a number (or array of numbers); pass anything else through."""
        return _number(self._parameter(name), value, self._analysis.units[name])

    def _initial(self, values: Mapping[str, Any]) -> dict[str, float | str]:
        spec, units = self._analysis.spec, self._analysis.units
        initial: dict[str, float | str] = dict.fromkeys(spec.states, 0.0)
        for name in spec.states:
            if name in values:
                # A declared name that a reset writes: its value is where it starts.
                initial[name] = _plain_number(self._parameter(name), values[name])
        for name, value in self.initial.items():
            place = f"{self._place}: initial[{name!r}]"
            if name not in spec.states:
                raise UnknownNameError(f"{self._place}: initial", name, spec.states)
            if isinstance(value, str) and value.isidentifier():
                if value not in spec.parameters:
                    raise UnknownNameError(place, value, spec.parameters)
                if (units[value].dimension, units[value].scale) != (
                    units[name].dimension,
                    units[name].scale,
                ):
                    raise UnitError(
                        place,
                        value,
                        f"a parameter in {units[name].text}",
                        f"{value!r} is in {units[value].text}.",
                    )
                initial[name] = value
            else:
                initial[name] = _plain_number(place, _number(place, value, units[name]))
        return initial

    def neuron_model(self) -> NeuronModel:
        """The model itself: what every neuron description can give."""
        return self

    def spec(self) -> ModelSpec:
        """The classified, discretised model that backends read."""
        return self._spec

    @property
    def state_units(self) -> Mapping[str, str]:
        """State variable -> unit, in the order of the text; "1" where dimensionless."""
        return {name: self._spec.units[name] for name in self._spec.states}

    @property
    def parameter_units(self) -> Mapping[str, str]:
        """Parameter -> unit, the refractory time included."""
        return {name: self._spec.units[name] for name in self._spec.parameters}

    @property
    def parameter_values(self) -> Mapping[str, Any]:
        """Parameter -> float, array (one value per neuron) or distribution."""
        return self.parameters

    @property
    def receptors(self) -> tuple[Receptor, ...]:
        """Where spikes may arrive, in the order of the text."""
        return self._spec.receptors

    @property
    def couplings(self) -> tuple[Coupling, ...]:
        """Continuous inputs, in the order of the text."""
        return self._spec.couplings

    @property
    def emits_spikes(self) -> bool:
        """Whether the model has a threshold or a hazard."""
        return self._spec.threshold is not None or self._spec.hazard is not None

    @property
    def injectable(self) -> bool:
        """Whether injected current has a place in the equations."""
        return self._spec.injectable

    @property
    def linearity(self) -> str:
        """One of "linear", "conditionally linear", "nonlinear"; "none" without equations."""
        return self._analysis.linearity

    @property
    def noise(self) -> str:
        """One of "none", "additive", "multiplicative"."""
        return self._analysis.noise

    def __reduce__(self) -> tuple[Any, ...]:
        arguments = {n: getattr(self, n) for n in ("equations", *_TEXTS)}
        mappings = {n: dict(getattr(self, n)) for n in ("inputs", "parameters", "initial")}
        return _restore, (self.name, {**arguments, **mappings})

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, NeuronModel):
            return NotImplemented
        return (
            self.name == other.name
            and self._spec.source_text == other._spec.source_text
            and dict(self.initial) == dict(other.initial)
            and self.parameters.keys() == other.parameters.keys()
            and all(_same(v, other.parameters[n]) for n, v in self.parameters.items())
        )

    def __hash__(self) -> int:
        return hash((self.name, self._spec.source_text))


def _restore(name: str, arguments: dict[str, Any]) -> NeuronModel:
    return NeuronModel(name, **arguments)


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return bool(np.array_equal(a, b))
    return bool(a == b)


def _has_unit(value: Any) -> bool:
    """Whether a value brings its unit: a text, or a quantity of one of the known packages."""
    package = type(value).__module__.partition(".")[0]
    return isinstance(value, str) or package in ("pint", "brian2", "quantities")


def _number(place: str, value: Any, unit: Unit) -> Any:
    """A value in `unit`; numbers and arrays checked, texts converted, the rest passed through."""
    opaque = not isinstance(value, _CHECKED) and not _has_unit(value) and value is not None
    if opaque:
        return value
    number = to_float(value, unit.text, place)
    if isinstance(number, np.ndarray) and number.ndim != 1:
        raise DescriptionError(place, value, f"one number in {unit.text}, or one per neuron")
    return number


_CHECKED = (bool, int, float, complex, bytes, np.generic, np.ndarray, list, tuple, dict, set)
"""What is meant as a number, rightly or wrongly; other objects are distributions of a kind."""


def _plain_number(place: str, value: Any) -> float:
    if not isinstance(value, float):
        raise DescriptionError(
            place,
            value,
            "one number or the name of a parameter",
            "Values that differ between neurons are set with net.initialise.",
        )
    return value
