"""`VectorField`: dx/dt = f(x) with names, units, parameters and a Jacobian, on plain arrays."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from neurosim.errors import DescriptionError, SimulationError, UnknownNameError

Floats: TypeAlias = npt.NDArray[np.float64]
Complexes: TypeAlias = npt.NDArray[np.complex128]
Box: TypeAlias = Mapping[str, tuple[float, float]] | Sequence[tuple[float, float]]
"""Lowest and highest value of every state: by name, or in the order of the states."""


class Point(Protocol):
    """What knows a state, as a `FixedPoint` does."""

    @property
    def x(self) -> Floats:
        """The state, (n,)."""


State: TypeAlias = Mapping[str, float] | npt.ArrayLike | Point
"""A value for every state: by name, an array (n,) in the order of the states, or a fixed point."""

STEP = 1e-4
"""Step of numeric derivatives, in scales of a state. At order 4 its truncation, 1e-16 of the fifth
derivative, and the rounding of doubles, 2e-12, leave some ten digits to right-hand sides that vary
over a tenth of the scale."""


@dataclass(frozen=True, slots=True, eq=False)
class VectorField:
    """The right-hand side of dx/dt = f(x; parameters).

    Made by `neurosim.vector_field` from a model, or from a function of your own. All functions of
    this room take a plain function, too, and make one of these of it: its first argument is the
    state, the names of the others are those of the parameters, their defaults the values.

    Parameters
    ----------
    function : callable
        ``function(x, **parameters)`` returns dx/dt for a state x of shape (n,): a sequence of n
        numbers (with one state a number will do). If it also takes x of shape (n, m), m states at
        once, as numpy expressions in ``x[0]``, ``x[1]`` do, it is called that way, after a check of
        its answer.
    names : sequence of str
        Names of the n states.
    parameters : mapping, optional
        Name -> value. Parameters that `function` has and that are not named here keep its defaults.
    units : mapping, optional
        State, parameter or "t" -> unit, for figures; "1" where nothing is said.
    derivative : callable, optional
        ``derivative(x, **parameters)`` returns the Jacobian [i, j] = d f_i / d x_j, (n, n) for x of
        shape (n,) and (n, n, m) for (n, m). Without it differences of order 4 are taken.
    scales : (n,) float, optional
        By how much each state typically varies: the unit of steps and tolerances. By default the
        widths of the box where a function is given one, else 1.
    note : str
        What the field leaves out of the model it was made from.

    Raises
    ------
    DescriptionError
        For names that repeat, or values that are not finite numbers.

    Examples
    --------
    >>> def van_der_pol(x, mu=1.0):
    ...     return x[1], mu * (1 - x[0] ** 2) * x[1] - x[0]
    >>> field = VectorField(van_der_pol, names=("x", "v"))
    >>> field([2.0, 0.0]).tolist()
    [0.0, -2.0]
    >>> field.at(mu=5.0).parameters["mu"]
    5.0
    """

    function: Callable[..., Any]
    names: tuple[str, ...]
    parameters: Mapping[str, float] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    derivative: Callable[..., Any] | None = None
    scales: tuple[float, ...] | None = None
    note: str = ""
    missing: tuple[str, ...] = field(init=False, default=())
    _settable: tuple[str, ...] | None = field(init=False, repr=False, default=None)
    _takes_many: bool | None = field(init=False, repr=False, default=None)

    def __post_init__(self) -> None:
        if not callable(self.function):
            expected = "a function of the state and of parameters"
            raise DescriptionError("VectorField.function", self.function, expected)
        given: Any = self.names
        names = (given,) if isinstance(given, str) else tuple(given)
        if not names or len(set(names)) != len(names) or not all(isinstance(n, str) for n in names):
            raise DescriptionError(
                "VectorField.names", self.names, "different names, one per state"
            )
        required, optional, free = _arguments(self.function)
        parameters = {**optional, **self.parameters}
        settable = None if free else tuple(dict.fromkeys((*required, *optional)))
        for name, value in parameters.items():
            if settable is not None and name not in settable:
                raise UnknownNameError("VectorField.parameters", name, settable)
            parameters[name] = _number(f"VectorField.parameters[{name!r}]", value)
        scales = self.scales
        if scales is not None:
            scales = tuple(float(s) for s in scales)
            if len(scales) != len(names) or not all(np.isfinite(s) and s > 0 for s in scales):
                expected = f"{len(names)} numbers above 0, one per state"
                raise DescriptionError("VectorField.scales", self.scales, expected)
        kept: tuple[tuple[str, Any], ...] = (
            ("names", names),
            ("parameters", MappingProxyType(parameters)),
            ("units", MappingProxyType(dict(self.units))),
            ("scales", scales),
            ("missing", tuple(n for n in required if n not in parameters)),
            ("_settable", settable),
        )
        for name, made in kept:
            object.__setattr__(self, name, made)

    @property
    def n_states(self) -> int:
        """Number of states."""
        return len(self.names)

    @property
    def scale(self) -> Floats:
        """By how much each state typically varies, (n,)."""
        return np.ones(self.n_states) if self.scales is None else np.array(self.scales)

    def unit(self, name: str) -> str:
        """Return the unit of a state, a parameter or "t"; "1" where there is none."""
        return self.units.get(name, "1")

    def at(self, **parameters: float) -> VectorField:
        """Return the same field with other values of some parameters.

        Raises
        ------
        UnknownNameError
            For a parameter that the field does not have.
        """
        known = self._known()
        for name in parameters:
            if name not in known:
                raise UnknownNameError("VectorField.at: parameter", name, known)
        return replace(self, parameters={**self.parameters, **parameters})

    def scaled(self, scales: Floats) -> VectorField:
        """Return the same field with `scales`, unless it has some already."""
        return self if self.scales is not None else replace(self, scales=tuple(scales.tolist()))

    def state(self, x: State, place: str) -> Floats:
        """Return a state, given by name or in order, as an array (n,).

        Raises
        ------
        DescriptionError
            If it is not one finite number per state.
        """
        x = getattr(x, "x", x)
        if isinstance(x, Mapping):
            for name in x:
                if name not in self.names:
                    raise UnknownNameError(place, name, self.names)
            absent = [name for name in self.names if name not in x]
            if absent:
                raise DescriptionError(place, dict(x), f"a value for {absent[0]!r}, too")
            x = [x[name] for name in self.names]
        array = _array(x, place)
        if array.shape != (self.n_states,) or not np.isfinite(array).all():
            expected = f"{self.n_states} finite numbers ({', '.join(self.names)})"
            raise DescriptionError(place, x, expected)
        return array

    def text(self, x: Floats) -> str:
        """Return ``x = 1.5, y = 2 mV``: a state as messages write it."""
        return ", ".join(
            f"{name} = {value:.6g}" + ("" if self.unit(name) == "1" else f" {self.unit(name)}")
            for name, value in zip(self.names, x, strict=True)
        )

    def __call__(self, x: npt.ArrayLike, **parameters: float) -> Floats:
        """Return dx/dt, of the shape of `x`.

        Parameters
        ----------
        x : (n, ...) float
            States along the first axis.
        **parameters : float
            In place of those of the field.

        Raises
        ------
        DescriptionError
            If `x` does not fit, the function returns something else, or a parameter has no value.
        SimulationError
            Where the right-hand side is not finite; names the place.
        """
        x = self._states(x)
        values = self.values(**parameters)
        if x.ndim == 1:
            result = self.raw(x, values)
        else:
            result = self.raw_many(x.reshape(self.n_states, -1), values).reshape(x.shape)
        self._require_finite(result, x, "dx/dt")
        return result

    def jacobian(self, x: npt.ArrayLike, **parameters: float) -> Floats:
        """Return the Jacobian [i, j] = d f_i / d x_j: (n, n) for x of shape (n,), else (n, n, ...).

        Exact where the field has a `derivative`, else by central differences of order 4.

        Raises
        ------
        DescriptionError, SimulationError
            As calling the field does.
        """
        x = self._states(x)
        values = self.values(**parameters)
        flat = x.reshape(self.n_states, -1)
        result = self.raw_jacobian(flat, values)
        self._require_finite(result, flat, "the Jacobian")
        return result.reshape(self.n_states, self.n_states, *x.shape[1:])

    def values(self, **parameters: float) -> dict[str, float]:
        """Return the value of every parameter, with some replaced.

        Raises
        ------
        UnknownNameError
            For a parameter that the field does not have.
        DescriptionError
            For one that has no value.
        """
        known = self._known()
        for name in parameters:
            if name not in known:
                raise UnknownNameError("VectorField: parameter", name, known)
        for name in self.missing:
            if name not in parameters:
                expected = f"a value, as in field.at({name}=1.0)"
                raise DescriptionError(f"VectorField: parameter {name!r}", None, expected)
        return {**self.parameters, **parameters}

    def raw(self, x: Floats, values: Mapping[str, float]) -> Floats:
        """Return dx/dt at one state (n,), without a check of what is finite."""
        with np.errstate(all="ignore"):
            answer = self.function(x, **values)
        result = _array(answer, "VectorField: what the function returns")
        if x.shape == (1,) and result.ndim == 0:
            result = result.reshape(1)
        if result.shape != x.shape:
            expected = f"one number per state ({', '.join(self.names)})"
            raise DescriptionError("VectorField: what the function returns", answer, expected)
        return result

    def raw_many(self, x: Floats, values: Mapping[str, float]) -> Floats:
        """Return dx/dt at m states (n, m), without a check of what is finite."""
        if self._takes_many is False:
            return self._one_by_one(x, values)
        try:
            with np.errstate(all="ignore"):
                answer = self.function(x, **values)
            rows = [answer] if np.shape(answer) == x.shape[1:] else list(answer)
            result: Floats = np.empty(x.shape)
            if len(rows) != x.shape[0]:
                raise ValueError("one row per state is meant")
            for k, row in enumerate(rows):
                result[k] = row
        except Exception:  # whatever a function for single states raises when given many
            if self._takes_many:
                raise
            result = np.empty((0, 0))
        if self._takes_many is None and x.shape[1]:
            agrees = result.shape == x.shape and self._agrees(x, result, values)
            object.__setattr__(self, "_takes_many", agrees)
        return result if self._takes_many else self._one_by_one(x, values)

    def _one_by_one(self, x: Floats, values: Mapping[str, float]) -> Floats:
        return np.array([self.raw(column, values) for column in x.T]).T.reshape(x.shape)

    def _agrees(self, x: Floats, result: Floats, values: Mapping[str, float]) -> bool:
        """Whether many states at once gave what single ones give: at the first, middle and last."""
        some = sorted({0, x.shape[1] // 2, x.shape[1] - 1}) if x.shape[1] else []
        return all(
            np.allclose(result[:, k], self.raw(x[:, k], values), 1e-9, 1e-300, equal_nan=True)
            for k in some
        )

    def raw_jacobian(self, x: Floats, values: Mapping[str, float]) -> Floats:
        """Return the Jacobians (n, n, m) at m states (n, m), without a check of what is finite."""
        n, m = x.shape
        if self.derivative is not None:
            with np.errstate(all="ignore"):
                answer = np.asarray(self.derivative(x, **values), dtype=np.float64)
            if answer.shape != (n, n, m):
                expected = f"shape {(n, n, m)} for states of shape {(n, m)}"
                raise DescriptionError("VectorField.derivative", answer, expected)
            return answer
        steps = STEP * np.maximum(self.scale, np.finfo(float).eps * np.abs(x).max(initial=0.0))
        offsets = np.array([-2.0, -1.0, 1.0, 2.0])
        weights = np.array([1.0, -8.0, 8.0, -1.0]) / 12
        # (n, of which state, which offset, m): all points in one call.
        moved = np.repeat(x[:, None, None, :], n, axis=1).repeat(4, axis=2)
        for j in range(n):
            moved[j, j] += steps[j] * offsets[:, None]
        found = self.raw_many(moved.reshape(n, -1), values).reshape(n, n, 4, m)
        return np.asarray(np.einsum("ijkm,k,j->ijm", found, weights, 1 / steps))

    def _states(self, x: npt.ArrayLike) -> Floats:
        array = _array(x, "VectorField: x")
        if array.ndim < 1 or array.shape[0] != self.n_states:
            expected = f"states along the first axis: shape ({self.n_states}, ...)"
            raise DescriptionError("VectorField: x", array, expected)
        return array

    def _known(self) -> tuple[str, ...]:
        return tuple(self.parameters) if self._settable is None else self._settable

    def _require_finite(self, result: Floats, x: Floats, what: str) -> None:
        good = np.isfinite(result)
        if good.all():
            return
        if x.ndim > 1:
            wrong = ~good.reshape(-1, int(np.prod(x.shape[1:]))).all(axis=0)
            x = x.reshape(self.n_states, -1)[:, np.argmax(wrong)]
        raise SimulationError(f"VectorField: {what} is not finite at {self.text(x)}.")


def as_field(f: VectorField | Callable[..., Any], n_states: int | None, place: str) -> VectorField:
    """Return a field as it is, or make one of a plain function of `n_states` states.

    Raises
    ------
    DescriptionError
        If it is neither.
    """
    if isinstance(f, VectorField):
        return f
    if not callable(f):
        hint = "A model becomes one by neurosim.vector_field(model)."
        raise DescriptionError(place, f, "a VectorField, or a function f(x, p) of a state", hint)
    if n_states is None:
        raise DescriptionError(place, f, "a VectorField, which knows the names of its states")
    names = ("x", "y", "z")[:n_states] if n_states <= 3 else tuple(f"x{k}" for k in range(n_states))
    return VectorField(f, names=names)


def read_box(box: Box, field: VectorField, place: str) -> tuple[Floats, Floats]:
    """Return the lowest and highest values (n,) of the states in a box.

    Raises
    ------
    DescriptionError
        If a state is missing, or its bounds are not finite and ascending.
    """
    if isinstance(box, Mapping):
        for name in box:
            if name not in field.names:
                raise UnknownNameError(place, name, field.names)
        absent = [name for name in field.names if name not in box]
        if absent:
            raise DescriptionError(place, dict(box), f"bounds for {absent[0]!r}, too")
        pairs: Any = [box[name] for name in field.names]
    else:
        pairs = box
    array = _array(pairs, place)
    expected = f"(low, high) for each of {', '.join(field.names)}, finite, low < high"
    if array.shape != (field.n_states, 2) or not np.isfinite(array).all():
        raise DescriptionError(place, box, expected)
    low, high = array.T
    if not (low < high).all():
        raise DescriptionError(place, box, expected)
    return low.copy(), high.copy()


def box_text(field: VectorField, low: Floats, high: Floats) -> str:
    """Return ``x from 0 to 1, y from ...`` for messages."""
    return ", ".join(
        f"{name} from {a:.6g} to {b:.6g}" for name, a, b in zip(field.names, low, high, strict=True)
    )


def parameters_text(field: VectorField) -> str:
    """Return `` (P = 1, ...)`` for messages: as many parameters as fit."""
    told = [f"{name} = {value:.6g}" for name, value in field.parameters.items()]
    if not told:
        return ""
    return f" ({', '.join(told[:6])}{', ...' if len(told) > 6 else ''})"


def size_of(x: Any) -> int | None:
    """Return how many states a box, a state or a point tells of; None if it tells nothing."""
    try:
        return len(x)
    except TypeError:
        return None


def _arguments(function: Callable[..., Any]) -> tuple[list[str], dict[str, float], bool]:
    """Return parameters without and with a default after the first argument; whether any goes."""
    try:
        found = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # functions of C tell nothing
        return [], {}, True
    if any(p.kind is p.VAR_POSITIONAL for p in found) and len(found) == 1:
        return [], {}, False
    if not found or found[0].kind in (found[0].KEYWORD_ONLY, found[0].VAR_KEYWORD):
        raise DescriptionError("VectorField.function", function, "a state as first argument")
    named = [p for p in found[1:] if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    required = [p.name for p in named if p.default is p.empty]
    # Settings that are no numbers (a function, None) are the function's own affair.
    optional = {
        p.name: float(p.default)
        for p in named
        if isinstance(p.default, (int, float, np.number)) and not isinstance(p.default, bool)
    }
    return required, optional, any(p.kind is p.VAR_KEYWORD for p in found)


def _number(place: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise DescriptionError(place, value, "a finite number") from None
    if not np.isfinite(number):
        raise DescriptionError(place, value, "a finite number")
    return number


def _array(value: Any, place: str) -> Floats:
    try:
        return np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise DescriptionError(place, value, "an array of numbers") from None
