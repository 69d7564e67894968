"""What a program reads besides its parameters: values fixed once dt and the parameters are known.

`Constants` is a plain value (so that a ModelSpec can be pickled) that can be called.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from neurosim.equations.evaluate import evaluate
from neurosim.equations.propagators import Extended, covariance, lower_root, propagators
from neurosim.equations.spec import Value
from neurosim.errors import DescriptionError


@dataclass(frozen=True)
class Entry:
    """One number of a linear system: its place and its expression in the parameters.

    In the drift matrix `row`, `column` are states; among offsets `column` counts the inputs, 0
    being the constant one; among noise factors it counts the noise symbols.
    """

    row: int
    column: int
    expression: Any


@dataclass(frozen=True)
class Output:
    """One constant taken from a propagated system.

    Attributes
    ----------
    name : str
        Of the constant.
    kind : {"propagator", "input", "response", "noise"}
        "propagator": entry (row, column) of exp(A dt). "input": what input `column` adds to state
        `row` in a step. "response": what a unit offset in equation `column` adds to state `row`.
        "noise": entry (row, column) of the Cholesky factor of the covariance, both counted among
        the noisy states.
    held : bool
        Whether of the system in which clamped states stand still.
    reads : tuple of str
        Parameters that it depends on.
    """

    name: str
    kind: Literal["propagator", "input", "response", "noise"]
    row: int
    column: int
    held: bool
    reads: tuple[str, ...]


@dataclass(frozen=True)
class LinearSystem:
    """dx = (A x + sum of offsets) dt + B dW, propagated over one step.

    Attributes
    ----------
    states : tuple of str
        Names in order.
    drift, offsets, noise : tuple of Entry
        Non-zero entries.
    noisy : tuple of int
        States that noise reaches, in order.
    clamped : tuple of int
        States that stand still in the held system.
    alone : tuple of int
        States that do not act on themselves through others: their own propagator is a plain
        exponential.
    outputs : tuple of Output
        What the program reads.
    """

    states: tuple[str, ...]
    drift: tuple[Entry, ...]
    offsets: tuple[Entry, ...]
    noise: tuple[Entry, ...]
    noisy: tuple[int, ...]
    clamped: tuple[int, ...]
    alone: tuple[int, ...]
    outputs: tuple[Output, ...]

    def __call__(self, values: Mapping[str, Any], dt: float) -> dict[str, Any]:
        """Compute every output; arrays (n,) where any parameter read is an array."""
        read = {
            str(s)
            for e in (*self.drift, *self.offsets, *self.noise)
            for s in e.expression.free_symbols
        }
        size = max([np.size(values[name]) for name in sorted(read)], default=1)
        found: dict[str, Any] = {}
        for held in (False, True):
            wanted = [output for output in self.outputs if output.held == held]
            if wanted:
                found |= self._propagate(wanted, values, dt, size, held)
        return found

    def _propagate(
        self, wanted: list[Output], values: Mapping[str, Any], dt: float, size: int, held: bool
    ) -> dict[str, Any]:
        count = len(self.states)
        still = self.clamped if held else ()
        drift = self._filled(self.drift, count, values, size, still)
        passage, response = propagators(drift * dt)
        response = response * dt
        for state in self.alone:
            passage[:, state, state] = np.exp(drift[:, state, state].astype(np.float64) * dt)
        offsets: dict[int, Extended] = {}
        roots: Extended | None = None
        found: dict[str, Any] = {}
        for output in wanted:
            if output.kind == "propagator":
                value = passage[:, output.row, output.column]
            elif output.kind == "response":
                value = response[:, output.row, output.column]
            elif output.kind == "input":
                if output.column not in offsets:
                    offsets[output.column] = self._offset(output.column, values, size, still)
                value = (response[:, output.row, :] * offsets[output.column]).sum(axis=1)
            else:
                if roots is None:
                    roots = self._roots(drift, values, dt, size, still)
                value = roots[:, output.row, output.column]
            found[output.name] = np.asarray(value, dtype=np.float64)
        return found

    def _filled(
        self,
        entries: tuple[Entry, ...],
        columns: int,
        values: Mapping[str, Any],
        size: int,
        still: tuple[int, ...],
    ) -> Extended:
        matrix = np.zeros((size, len(self.states), columns), dtype=np.longdouble)
        for entry in entries:
            if entry.row not in still:
                matrix[:, entry.row, entry.column] = evaluate(entry.expression, values)
        return matrix

    def _offset(
        self, column: int, values: Mapping[str, Any], size: int, still: tuple[int, ...]
    ) -> Extended:
        entries = tuple(Entry(e.row, 0, e.expression) for e in self.offsets if e.column == column)
        return self._filled(entries, 1, values, size, still)[:, :, 0]

    def _roots(
        self,
        drift: Extended,
        values: Mapping[str, Any],
        dt: float,
        size: int,
        still: tuple[int, ...],
    ) -> Extended:
        sources = 1 + max(entry.column for entry in self.noise)
        factors = self._filled(self.noise, sources, values, size, still)
        intensity = factors @ factors.swapaxes(1, 2)
        gathered = covariance(drift * dt, intensity * dt)
        chosen = list(self.noisy)
        return lower_root(gathered[:, chosen][:, :, chosen])


@dataclass(frozen=True)
class Constants:
    """Computes the constants of a model: `spec.constants_function`.

    Attributes
    ----------
    direct : tuple of (name, expression)
        Plain expressions of the parameters and dt.
    system : LinearSystem or None
        The linear part, of the exact method.
    """

    direct: tuple[tuple[str, Any], ...] = ()
    system: LinearSystem | None = None

    def __call__(self, parameters: Mapping[str, Value], dt: float) -> dict[str, Value]:
        """Values by name; refuses any that is not finite."""
        values: dict[str, Any] = {**parameters, "dt": np.float64(dt)}
        found: dict[str, Any] = {}
        with np.errstate(all="ignore"):
            for name, expression in self.direct:
                found[name] = evaluate(expression, values)
                _check(name, found[name], expression, values)
            if self.system is not None:
                for entry in (*self.system.drift, *self.system.offsets, *self.system.noise):
                    _check(
                        "a coefficient",
                        evaluate(entry.expression, values),
                        entry.expression,
                        values,
                    )
                found |= self._system(values, dt)
        return {name: _plain(value) for name, value in found.items()}

    def _system(self, values: Mapping[str, Any], dt: float) -> dict[str, Any]:
        assert self.system is not None
        found = self.system(values, dt)
        for output in self.system.outputs:
            value = found[output.name]
            if not np.isfinite(value).all():
                raise DescriptionError(
                    f"the step of {self.system.states[output.row]!r}",
                    value,
                    "a finite propagator",
                    f"It depends on {', '.join(output.reads)} and dt = {dt}.",
                )
            if not any(np.ndim(values[name]) for name in output.reads):
                found[output.name] = value[0]
        return found


def _check(name: str, value: Any, expression: Any, values: Mapping[str, Any]) -> None:
    if np.isfinite(value).all():
        return
    read = sorted(str(s) for s in expression.free_symbols)
    given = ", ".join(f"{n} = {np.asarray(values[n]).ravel()[:3].tolist()}" for n in read)
    raise DescriptionError(f"{name} = {expression}", value, "a finite number", f"With {given}.")


def _plain(value: Any) -> Value:
    if np.ndim(value) == 0:
        return float(value)
    return np.ascontiguousarray(value, dtype=np.float64)
