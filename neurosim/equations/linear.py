"""The exact step of linear equations, with the exact Ornstein-Uhlenbeck step for their noise.

    x(t + dt) = exp(A dt) x(t) + (integral of exp(A s) ds) b + L n

b gathers constants and inputs (held over the step), L is the Cholesky factor of the covariance
that the noise builds up in a step, n are standard normals, one per state that noise reaches. What
is zero by structure is left out, whatever the values of the parameters.

Source: Rotter & Diesmann (1999), "Exact digital simulation of time-invariant linear systems with
applications to neuronal modeling", Biol. Cybern. 81:381-402.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import sympy

from neurosim.equations.affine import NotAffine, affine
from neurosim.equations.constants import Entry, LinearSystem, Output
from neurosim.equations.programs import ProgramBuilder
from neurosim.equations.symbolic import finish, select, symbol
from neurosim.equations.systems import Step, System, named_step, while_active


class _Structure:
    """Which entry can be non-zero, and on which parameters it depends.

    With `still`, the states in it do not move (their rows of A, b and B are empty).
    """

    def __init__(
        self,
        count: int,
        drift: tuple[Entry, ...],
        offsets: tuple[Entry, ...],
        noise: tuple[Entry, ...],
        still: frozenset[int],
    ) -> None:
        self.drift = tuple(e for e in drift if e.row not in still)
        self.offsets = tuple(e for e in offsets if e.row not in still)
        self.noise = tuple(e for e in noise if e.row not in still)
        # reach[j][k]: state k acts on state j, directly, through others, or being j itself.
        self.reach = [[j == k for k in range(count)] for j in range(count)]
        for entry in self.drift:
            self.reach[entry.row][entry.column] = True
        for middle in range(count):
            for j in range(count):
                if self.reach[j][middle]:
                    for k in range(count):
                        self.reach[j][k] |= self.reach[middle][k]

    def reads(self, j: int, k: int) -> set[str]:
        """Parameters on the paths from state k to state j."""
        found: set[str] = set()
        for entry in self.drift:
            if self.reach[j][entry.row] and self.reach[entry.column][k]:
                found |= _names(entry.expression)
        return found

    def reads_input(self, j: int, column: int) -> set[str] | None:
        """Parameters between input `column` and state j; None where it does not act on j."""
        entries = [e for e in self.offsets if e.column == column and self.reach[j][e.row]]
        if not entries:
            return None
        found: set[str] = set()
        for entry in entries:
            found |= self.reads(j, entry.row) | _names(entry.expression)
        return found

    def sources(self, j: int) -> frozenset[int]:
        """Noise symbols that reach state j."""
        return frozenset(e.column for e in self.noise if self.reach[j][e.row])


def _names(expression: Any) -> set[str]:
    return {str(s) for s in expression.free_symbols if str(s) != "dt"}


def exact(system: System, builder: ProgramBuilder) -> Step:
    """The exact step; `system` is linear, its noise additive."""
    solver = _Exact(system, builder)
    named = named_step(list(solver.values(system.states).items()), builder.names)
    return replace(named, n_normals=len(solver.noisy), linear=solver.linear())


def exact_values(
    system: System, states: tuple[str, ...], builder: ProgramBuilder
) -> tuple[dict[str, Any], LinearSystem]:
    """What `states`, some of those of a linear `system`, are after a step, and its constants."""
    solver = _Exact(system, builder)
    return solver.values(states), solver.linear()


class _Exact:
    def __init__(self, system: System, builder: ProgramBuilder) -> None:
        self.system = system
        self.builder = builder
        self.outputs: list[Output] = []
        index = {symbol(state): k for k, state in enumerate(system.states)}
        inputs = frozenset(symbol(name) for name in system.inputs)
        drift, offsets, noise = [], [], []
        self.other_offsets: list[tuple[int, Any]] = []
        for row, state in enumerate(system.states):
            coefficients, rest = affine(system.drift[state], system.symbols)
            drift += [Entry(row, index[v], finish(c)) for v, c in coefficients.items()]
            try:
                factors, constant = affine(rest, inputs)
                if any(not f.free_symbols <= system.static for f in factors.values()):
                    raise NotAffine(rest, inputs)
            except NotAffine:
                self.other_offsets.append((row, rest))
                continue
            if constant != 0:
                offsets.append(Entry(row, 0, finish(constant)))
            for variable, factor in factors.items():
                column = 1 + system.inputs.index(str(variable))
                offsets.append(Entry(row, column, finish(factor)))
            for xi, factor in system.noise.get(state, {}).items():
                noise.append(Entry(row, system.sources.index(xi), finish(factor)))
        self._noise_of_others(noise)
        self.drift = tuple(sorted(drift, key=lambda e: (e.row, e.column)))
        self.offsets = tuple(sorted(offsets, key=lambda e: (e.row, e.column)))
        self.noise = tuple(sorted(noise, key=lambda e: (e.row, e.column)))
        self.clamped = tuple(k for k, s in enumerate(system.states) if s in system.clamped)
        count = len(system.states)
        parts = (self.drift, self.offsets, self.noise)
        self.active = _Structure(count, *parts, frozenset())
        self.held = _Structure(count, *parts, frozenset(self.clamped))
        self.noisy = tuple(j for j in range(count) if self.active.sources(j))
        self.component = self._components()
        self.affected = self._affected()

    def _noise_of_others(self, noise: list[Entry]) -> None:
        for row, _ in self.other_offsets:
            state = self.system.states[row]
            for xi, factor in self.system.noise.get(state, {}).items():
                noise.append(Entry(row, self.system.sources.index(xi), finish(factor)))

    def _components(self) -> dict[int, int]:
        """Noisy states whose noise can be correlated, by the first of them."""
        component = {j: j for j in self.noisy}
        for j in self.noisy:
            for k in self.noisy:
                if self.active.sources(j) & self.active.sources(k):
                    low, high = sorted((component[j], component[k]))
                    component = {m: low if c == high else c for m, c in component.items()}
        return component

    def _affected(self) -> frozenset[int]:
        """States whose step differs while the clamped ones are held (the clamped ones apart)."""
        clamped = set(self.clamped)
        affected = {
            j
            for j in range(len(self.system.states))
            if any(self.active.reach[j][c] for c in clamped)
        }
        # Correlated noise is drawn for a whole component at once.
        hit = {self.component[j] for j in affected if j in self.component}
        affected |= {j for j in self.noisy if self.component[j] in hit}
        return frozenset(affected - clamped)

    def values(self, states: tuple[str, ...]) -> dict[str, Any]:
        """What each of `states` is after the step."""
        found = {}
        for state in states:
            j = self.system.states.index(state)
            value = self._sum(j, held=False)
            if j in self.affected:
                active = sympy.StrictGreaterThan(symbol("active"), 0, evaluate=False)
                value = select(active, value, self._sum(j, held=True))
            found[state] = while_active(self.system, state, value, symbol(state))
        return found

    def linear(self) -> LinearSystem:
        """The system as a computer of what the values asked for so far read."""
        return LinearSystem(
            self.system.states,
            self.drift,
            self.offsets,
            self.noise,
            self.noisy,
            self.clamped,
            tuple(j for j in range(len(self.system.states)) if self._is_alone(j)),
            tuple(self.outputs),
        )

    def _is_alone(self, j: int) -> bool:
        reach = self.active.reach
        return not any(k != j and reach[j][k] and reach[k][j] for k in range(len(reach)))

    def _output(
        self,
        base: str,
        kind: Literal["propagator", "input", "response", "noise"],
        row: int,
        column: int,
        held: bool,
        reads: set[str],
    ) -> Any:
        name = self.builder.names.fresh(f"held_{base}" if held else base)
        self.outputs.append(Output(name, kind, row, column, held, tuple(sorted(reads))))
        return symbol(name)

    def _sum(self, j: int, *, held: bool) -> Any:
        """Value of state j after the step."""
        structure = self.held if held else self.active
        states, inputs = self.system.states, self.system.inputs
        state = states[j]
        terms = []
        for k, other in enumerate(states):
            if not structure.reach[j][k]:
                continue
            if k == j and self._is_alone(j) and not any(e.row == e.column == j for e in self.drift):
                # Nothing of its own acts on it: the factor is 1.
                terms.append(symbol(state))
                continue
            base = f"P_{state}_{other}"
            reads = structure.reads(j, k)
            terms.append(self._output(base, "propagator", j, k, held, reads) * symbol(other))
        for column in range(1 + len(inputs)):
            reads_input = structure.reads_input(j, column)
            if reads_input is not None:
                base = f"P_{state}_by_{inputs[column - 1]}" if column else f"P_{state}"
                output = self._output(base, "input", j, column, held, reads_input)
                terms.append(output * symbol(inputs[column - 1]) if column else output)
        still = self.clamped if held else ()
        for row, offset in self.other_offsets:
            if row not in still and structure.reach[j][row]:
                base = f"R_{state}_{states[row]}"
                reads = structure.reads(j, row)
                terms.append(self._output(base, "response", j, row, held, reads) * offset)
        if j in self.noisy:
            terms += self._noise_terms(j, held)
        return sympy.Add(*terms)

    def _noise_terms(self, j: int, held: bool) -> list[Any]:
        structure = self.held if held else self.active
        members = [k for k in self.noisy if self.component[k] == self.component[j]]
        reads: set[str] = set()
        for entry in structure.drift:
            if any(structure.reach[m][entry.row] for m in members):
                reads |= _names(entry.expression)
        for entry in structure.noise:
            if any(structure.reach[m][entry.row] for m in members):
                reads |= _names(entry.expression)
        terms = []
        row = self.noisy.index(j)
        for k in members:
            column = self.noisy.index(k)
            # A member that no noise reaches in the held system has an empty row and column.
            if k > j or not (structure.sources(j) and structure.sources(k)):
                continue
            base = f"noise_{self.system.states[j]}_{column}"
            output = self._output(base, "noise", row, column, held, reads)
            terms.append(output * symbol(f"normal_{column}"))
        return terms
