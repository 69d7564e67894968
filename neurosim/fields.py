"""`vector_field`: the equations of a model as dx/dt = f(x), with an exact Jacobian.

The bridge between models, whose equations are sympy expressions, and `neurosim.analysis`, which
sees functions on arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from neurosim.analysis.dynamics import VectorField
from neurosim.errors import DescriptionError, UnknownNameError
from neurosim.units import to_float

if TYPE_CHECKING:
    from neurosim.equations.spec import ModelSpec


def vector_field(
    model: Any,
    *,
    inputs: Mapping[str, float] | None = None,
    hold: Mapping[str, float] | None = None,
    **parameters: Any,
) -> VectorField:
    """Return the right-hand side of the equations of a model.

    A `VectorField` has the names and units of the states, all parameters as numbers, and the exact
    Jacobian, derived from the equations; functions of `neurosim.analysis` such as `fixed_points`,
    `nullclines`, `limit_cycle` and `bifurcation_diagram` take it.

    What a single neuron does between events is in it, and nothing else: of a model that spikes it
    is the field below threshold, without threshold, reset and refractoriness; noise is left
    out (the drift remains); arriving spikes are not there. `VectorField.note` says which of
    these the model has.

    Parameters
    ----------
    model : NeuronModel or built-in neuron
        E.g. ``ns.MorrisLecar(synapses=None)``. Synapses add their states, which rest at 0;
        without them a plane remains a plane.
    inputs : mapping, optional
        Value of continuous inputs, of the sum of weights arriving at a "pulse", or of
        ``I_injected`` [pA]; 0 unless given. They are parameters of the field.
    hold : mapping, optional
        States that are held, and their values: they become parameters of the field, so that a
        fast part can be studied by itself, the slow state being what is varied.
    **parameters : float or str
        In place of the values of the model; where it has arrays or distributions, a number is
        needed. A text may have a unit: ``C_m="0.2 nF"``.

    Raises
    ------
    DescriptionError
        If the model has no differential equations, all its states are held, or a parameter is
        not one number.
    UnknownNameError
        For names that the model does not have.

    Examples
    --------
    >>> import neurosim as ns
    >>> field = ns.vector_field(ns.FitzHughNagumo(synapses=None), I_e=0.5)
    >>> field.names, field.unit("I_e"), field.unit("t")
    (('v', 'w'), 'pA', 'ms')
    >>> field([0.0, 0.0]).round(3).tolist()
    [0.5, 0.056]
    """
    place = "vector_field"
    if isinstance(model, type) or not hasattr(model, "neuron_model"):
        hint = f"Call it to make one: {model.__name__}(...)." if isinstance(model, type) else None
        raise DescriptionError(f"{place}: model", model, "a NeuronModel or a neuron", hint)
    spec: ModelSpec = model.neuron_model().spec()
    held = dict(hold or {})
    moving = tuple(line.name for line in spec.derivatives)
    for name in held:
        if name not in moving:
            raise UnknownNameError(f"{place}.hold", name, moving)
    names = tuple(name for name in moving if name not in held)
    if not names:
        expected = "a model with a differential equation" + (
            " whose state is not held" if held else ""
        )
        raise DescriptionError(f"{place}: model", spec.name, expected)
    used = {
        s.name
        for line in spec.derivatives
        if line.name in names
        for s in line.expression.free_symbols
    }
    units: dict[str, str] = {name: spec.units[name] for name in (*spec.states, *spec.parameters)}
    known_inputs = _inputs(spec)
    units |= known_inputs
    given = dict(model.neuron_model().parameter_values)
    for name in parameters:
        if name not in given:
            raise UnknownNameError(f"{place}: parameter", name, given)
    values: dict[str, float] = {}
    for name, value in {**given, **parameters}.items():
        if name in used:
            values[name] = _number(f"{place}: {name}", value, units[name])
    for name in inputs or {}:
        if name not in known_inputs:
            raise UnknownNameError(f"{place}.inputs", name, tuple(known_inputs))
    for name, unit in known_inputs.items():
        if name in used:
            values[name] = _number(f"{place}.inputs[{name!r}]", (inputs or {}).get(name, 0.0), unit)
    for name in spec.states:
        if name in used and name not in names:
            first = spec.initial[name]
            value = held.get(name, given.get(first) if isinstance(first, str) else first)
            values[name] = _number(f"{place}.hold[{name!r}]", value, units[name])
    function, derivative = _compiled(
        names,
        tuple(values),
        tuple(line.expression for line in spec.derivatives if line.name in names),
    )
    return VectorField(
        function=function,
        names=names,
        parameters=values,
        units={n: units[n] for n in (*names, *values)} | {"t": "ms"},
        derivative=derivative,
        note=_note(spec),
    )


def _inputs(spec: ModelSpec) -> dict[str, str]:
    """Continuous inputs, pulses and injected current, with their units."""
    found = {coupling.symbol: coupling.unit for coupling in spec.couplings}
    found |= {r.target: r.unit for r in spec.receptors if r.kind == "pulse"}
    if spec.injectable:
        found["I_injected"] = "pA"
    return found


def _number(place: str, value: Any, unit: str) -> float:
    """Return one number in `unit`."""
    if isinstance(value, (str, int, float, np.generic)) or hasattr(value, "units"):
        number = to_float(value, unit, place)
        if isinstance(number, float):
            return number
    name = place.rpartition(" ")[2]
    hint = f"Say which, as in vector_field(model, {name}=1.0)." if name.isidentifier() else None
    raise DescriptionError(place, value, f"one number in {unit}", hint)


def _note(spec: ModelSpec) -> str:
    """What the field leaves out."""
    left = []
    if spec.threshold is not None or spec.hazard is not None:
        after = " and reset" if spec.reset else ""
        left.append(f"spikes: this is the field below threshold, without threshold{after}")
    if spec.noise:
        left.append(f"the noise of {', '.join(spec.noise)}: this is the drift")
    if any(r.kind == "jump" for r in spec.receptors):
        left.append("arriving spikes")
    return "Leaves out " + "; ".join(left) + "." if left else ""


@lru_cache(maxsize=128)
def _compiled(
    names: tuple[str, ...], parameters: tuple[str, ...], expressions: tuple[Any, ...]
) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Turn expressions into functions of arrays: dx/dt and its Jacobian."""
    import sympy

    from neurosim.equations.symbolic import symbol

    smooth = [_differentiable(e) for e in expressions]
    symbols = [symbol(n) for n in names]
    arguments = [*symbols, *(symbol(n) for n in parameters)]
    modules = [{"exprel": _exprel, "exprel_slope": _exprel_slope}, "numpy"]
    plain = sympy.lambdify(arguments, list(expressions), modules=modules, cse=True)
    entries = [sympy.diff(e, s) for e in smooth for s in symbols]
    slopes = sympy.lambdify(arguments, entries, modules=modules, cse=True)
    n = len(names)

    def function(x: Any, **values: float) -> Any:
        return plain(*x, *[values[p] for p in parameters])

    def derivative(x: Any, **values: float) -> Any:
        made = np.empty((n * n, *np.shape(x)[1:]))
        for k, entry in enumerate(slopes(*x, *[values[p] for p in parameters])):
            made[k] = entry
        return made.reshape(n, n, *np.shape(x)[1:])

    return function, derivative


def _differentiable(expression: Any) -> Any:
    """Write an expression in functions whose derivatives are known, almost everywhere.

    abs, min and max become cases; sign, floor and ceil stand still between their jumps.
    """
    import sympy

    from neurosim.equations.symbolic import exprel

    class exprel_slope(sympy.Function):  # type: ignore[misc]
        """Derivative of exprel."""

        nargs = 1

    class smooth_exprel(sympy.Function):  # type: ignore[misc]
        """Like exprel, with a derivative."""

        nargs = 1

        def fdiff(self, argindex: int = 1) -> Any:
            return exprel_slope(self.args[0])

    smooth_exprel.__name__ = "exprel"

    class step_like(sympy.Function):  # type: ignore[misc]
        """A function of derivative 0."""

        nargs = 1

        def fdiff(self, argindex: int = 1) -> Any:
            return sympy.S.Zero

    def walk(part: Any) -> Any:
        if not part.args:
            return part
        arguments = [walk(argument) for argument in part.args]
        if isinstance(part, exprel):
            return smooth_exprel(arguments[0])
        if isinstance(part, sympy.Abs):
            x = arguments[0]
            return sympy.Piecewise((x, x >= 0), (-x, True))
        if isinstance(part, (sympy.Max, sympy.Min)):
            result = arguments[0]
            for other in arguments[1:]:
                first = result >= other if isinstance(part, sympy.Max) else result <= other
                result = sympy.Piecewise((result, first), (other, True))
            return result
        for kind, name in ((sympy.sign, "sign"), (sympy.floor, "floor"), (sympy.ceiling, "ceil")):
            if isinstance(part, kind):
                flat = type(name, (step_like,), {})
                return flat(arguments[0])
        if isinstance(part, sympy.Piecewise):
            return sympy.Piecewise(*[tuple(pair.args) for pair in arguments])
        return part.func(*arguments)

    return walk(expression)


def _exprel(x: Any) -> Any:
    from neurosim.equations.evaluate import relative_exponential

    return relative_exponential(x)


def _exprel_slope(x: Any) -> Any:
    """Derivative of (exp(x) - 1)/x: a series near 0, where the closed form cancels."""
    x = np.asarray(x, dtype=np.float64)
    near = np.abs(x) < 0.3
    small = np.where(near, x, 0.0)
    series, factorial = np.zeros_like(small), 1.0
    for k in range(1, 14):
        factorial *= k + 1
        series = series + k * small ** (k - 1) / factorial
    large = np.where(near, 1.0, x)
    return np.where(near, series, (large * np.exp(large) - np.expm1(large)) / large**2)
