"""Populations advanced by many steps at once, on CPUs, with the gradients of single steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch

from neurosim.engine.module_cache import load
from neurosim.errors import EquationError
from neurosim_backends._torch.cells import Cell, CellState
from neurosim_backends._torch.scan_source import (
    ScanKernel,
    Straight,
    backward_source,
    differentiable,
    forward_source,
    input_names,
    straight,
)
from neurosim_backends._torch.sharing import empty, in_shares

PIECE = 1 << 16
"""Margins whose slopes are computed at once: they stay in the cache."""


class _Loaded:
    """A compiled kernel and the order of its words."""

    def __init__(self, made: ScanKernel) -> None:
        self.call = load(made.kernel).function
        self.words = made.words

    def __call__(self, steps: int, batch: int, size: int, values: Mapping[str, int]) -> None:
        """Run it; `values` are addresses and strides by the names of the words."""
        given = {"n": size, "batch": batch, **values}
        words = np.array([given[name] for name in self.words], np.int64)
        address = words.ctypes.data
        in_shares(lambda lo, hi: self.call(address, lo, hi, steps), batch, steps * batch * size)


class Scan:
    """What advances the neurons of a cell by many steps at once.

    Attributes
    ----------
    cell : Cell
    step : Straight
    """

    def __init__(self, cell: Cell, step: Straight, single: bool) -> None:
        self.cell, self.step = cell, step
        self.precision: Any = "single" if single else "double"
        known = input_names(cell.spec)
        self.inputs = {known[name]: name for name in cell.given if known.get(name) in step.inputs}
        self._backward: dict[tuple[str, ...], _Loaded] = {}

    @cached_property
    def last(self) -> _Loaded:
        """The kernel that keeps the last states only."""
        return _Loaded(forward_source(self.cell.spec, self.step, self.precision, False))

    @cached_property
    def kept(self) -> _Loaded:
        """The kernel that keeps all states."""
        return _Loaded(forward_source(self.cell.spec, self.step, self.precision, True))

    def backward(self, trained: tuple[str, ...]) -> _Loaded:
        """Return the kernel of the way back."""
        if trained not in self._backward:
            made = backward_source(
                self.cell.spec, self.step, self.precision, self.cell.through_reset, trained
            )
            self._backward[trained] = _Loaded(made)
        return self._backward[trained]

    def run(
        self, n_steps: int, constants: Mapping[str, Any], tables: Mapping[str, torch.Tensor],
        state: CellState, *, traced: bool,
    ) -> tuple[torch.Tensor | None, torch.Tensor | None, CellState]:  # fmt: skip
        """Do n_steps.

        Parameters
        ----------
        n_steps : int
        constants : mapping
            As of ``cell.constants()``.
        tables : mapping
            ``"w:exc"``, `I_injected` -> (time, batch or 1, size).
        state : CellState
        traced : bool
            Whether states at the ends of all steps are wanted.

        Returns
        -------
        spikes : (time, batch, size) tensor or None
        states : (n_states, time, batch, size) tensor or None
        state : CellState
            Afterwards.
        """
        like = self.cell._like
        rows = [
            torch.as_tensor(constants[name], dtype=torch.float64)
            .to(like)
            .expand(self.cell.size)
            .contiguous()
            for name in self.step.constants
        ]
        inputs = [tables[self.inputs[name]] for name in self.step.inputs]
        held = None if state.held is None else state.held.detach().clone()
        arguments = (*rows, *inputs, *state.values)
        wanted = torch.is_grad_enabled() and any(a.requires_grad for a in arguments)
        if wanted:
            found = _Scanned.apply(self, n_steps, held, *arguments)
            spikes, states, *after = found
        else:
            plain = [a.detach() for a in arguments]
            spikes, states, after, _ = self.forward(n_steps, held, plain, traced)
        fires = self.step.margin is not None
        return spikes if fires else None, states, CellState(tuple(after), held)

    def forward(
        self, n_steps: int, held: torch.Tensor | None, arguments: Sequence[torch.Tensor],
        traced: bool, marked: bool = False,
    ) -> tuple[Any, Any, list[torch.Tensor], dict[str, torch.Tensor]]:  # fmt: skip
        """Run the kernel; return spikes, states, last states and what the way back needs."""
        spec, like = self.cell.spec, self.cell._like
        rows, inputs, start = self.split(arguments)
        batch, size = start[0].shape if start else (inputs[0].shape[1], self.cell.size)
        shape = (n_steps, batch, size)
        keep: list[Any] = [rows]
        values, tables = self._given(rows, inputs)
        keep.append(tables)
        saved: dict[str, torch.Tensor] = {}
        full = traced or marked
        states = None
        if full:
            states = like.new_empty((len(spec.states), n_steps + 1, batch, size))
            for k, first in enumerate(start):
                states[k, 0] = first
                values[f"state {spec.states[k]}"] = states[k].data_ptr()
            saved["margin"] = like.new_empty(shape if self.step.margin is not None else 0)
            saved["awake"] = like.new_empty(shape if held is not None else 0, dtype=torch.int16)
            values |= {name: tensor.data_ptr() for name, tensor in saved.items()}
        now = [s.clone(memory_format=torch.contiguous_format) for s in start] if not full else []
        for name, tensor in zip(spec.states, now, strict=False):
            values[f"state {name}"] = tensor.data_ptr()
        if held is not None:
            hold = self._hold(size)
            values |= {"held": held.data_ptr(), "hold": hold.data_ptr()}
            keep.append(hold)
        spikes = empty(like, shape if self.step.margin is not None else (0,))
        values["spikes"] = spikes.data_ptr()
        (self.kept if full else self.last)(n_steps, batch, size, values)
        if states is not None:
            saved["states"] = states
            now = [states[k, -1].clone() for k in range(len(spec.states))]
        return spikes, None if states is None else states[:, 1:], now, saved

    def split(
        self, arguments: Sequence[torch.Tensor]
    ) -> tuple[Sequence[torch.Tensor], Sequence[torch.Tensor], Sequence[torch.Tensor]]:
        """Return rows of constants, tables of inputs, states at the start."""
        a = len(self.step.constants)
        b = a + len(self.step.inputs)
        return arguments[:a], arguments[a:b], arguments[b:]

    def _hold(self, size: int) -> torch.Tensor:
        hold = self.cell._module._buffers["hold"]
        assert hold is not None
        return hold.expand(size).contiguous()

    def _given(
        self, rows: Sequence[torch.Tensor], inputs: Sequence[torch.Tensor]
    ) -> tuple[dict[str, int], list[torch.Tensor]]:
        """Return the words of what is read, and the tables they point to."""
        values = {
            f"constant {name}": row.data_ptr()
            for name, row in zip(self.step.constants, rows, strict=True)
        }
        tables = []
        for name, table in zip(self.step.inputs, inputs, strict=True):
            if table.stride(-1) != 1:
                table = table.contiguous()
            tables.append(table)
            values[f"input {name}"] = table.data_ptr()
            values[f"steps {name}"] = table.stride(0) if table.shape[0] > 1 else 0
            values[f"copies {name}"] = table.stride(1) if table.shape[1] > 1 else 0
        return values, tables


class _Scanned(torch.autograd.Function):  # type: ignore[misc]
    """All steps as one function of constants, inputs and states at the start."""

    @staticmethod
    def forward(ctx: Any, scan: Scan, n_steps: int, held: Any, *arguments: torch.Tensor) -> Any:
        spikes, states, now, saved = scan.forward(n_steps, held, arguments, True, True)
        rows, inputs, _ = scan.split(arguments)
        ctx.scan, ctx.n_steps, ctx.names = scan, n_steps, tuple(saved)
        ctx.counts = len(rows), len(inputs)
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*rows, *inputs, *saved.values())
        return (spikes, states, *now)

    @staticmethod
    @torch.autograd.function.once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, of_spikes: Any, of_states: Any, *of_last: Any) -> Any:
        scan: Scan = ctx.scan
        spec, step, like = scan.cell.spec, scan.step, scan.cell._like
        a, b = ctx.counts
        tensors = ctx.saved_tensors
        rows, inputs = tensors[:a], tensors[a : a + b]
        saved = dict(zip(ctx.names, tensors[a + b :], strict=True))
        states = saved["states"]
        n_steps: int = ctx.n_steps
        batch, size = states.shape[2:]
        needed = ctx.needs_input_grad[3:]
        trained = tuple(n for n, need in zip(step.constants, needed[:a], strict=True) if need)
        values, tables = scan._given(rows, inputs)
        nothing = like.new_zeros(size)
        adjoint = like.new_zeros((len(spec.states), batch, size))
        for k, name in enumerate(spec.states):
            if of_last[k] is not None:
                adjoint[k] = of_last[k]
            values[f"state {name}"] = states[k].data_ptr()
            values[f"adjoint {name}"] = adjoint[k].data_ptr()
            values[f"gradients {name}"] = values[f"copies of {name}"] = 0
            values[f"gradient {name}"] = nothing.data_ptr()
        if of_states is not None:
            of_states = of_states.contiguous()
            for k, name in enumerate(spec.states):
                values[f"gradient {name}"] = of_states[k].data_ptr()
                values[f"gradients {name}"] = batch * size
                values[f"copies of {name}"] = size
        into = [like.new_empty((n_steps, batch, size)) for _ in inputs]
        values |= {f"into {n}": t.data_ptr() for n, t in zip(step.inputs, into, strict=True)}
        of_rows = like.new_zeros((len(trained), batch, size))
        values |= {f"of {n}": of_rows[k].data_ptr() for k, n in enumerate(trained)}
        slope = of = None
        if step.margin is not None:
            of = of_spikes
            of = states.new_zeros((n_steps, batch, size)) if of is None else of.contiguous()
            slope = slopes(scan.cell.surrogate, saved["margin"])
            values |= {"of spikes": of.data_ptr(), "slope": slope.data_ptr()}
        values["awake"] = saved["awake"].data_ptr()
        scan.backward(trained)(n_steps, batch, size, values)
        del tables
        found: list[Any] = []
        for name, need in zip(step.constants, needed[:a], strict=True):
            found.append(of_rows[trained.index(name)].sum(0) if need else None)
        for table, gradient in zip(inputs, into, strict=True):
            found.append(gradient if table.shape[1] == batch else gradient.sum(1, keepdim=True))
        return (None, None, None, *found, *adjoint)


def slopes(surrogate: Callable[[torch.Tensor], torch.Tensor], margin: torch.Tensor) -> Any:
    """Return the derivative that a surrogate gives spikes, number by number."""
    found = torch.empty_like(margin)
    flat, into = margin.detach().view(-1), found.view(-1)
    for first in range(0, flat.numel(), PIECE):
        with torch.enable_grad():
            x = flat[first : first + PIECE].clone().requires_grad_()
            (into[first : first + PIECE],) = torch.autograd.grad(surrogate(x).sum(), x)
    return found


def scan_of(cell: Cell, single: bool, *, gradients: bool) -> Scan | None:
    """Return what advances a cell by many steps; None if its model has no such form."""
    step = straight(cell.spec, cell.given)
    if step is None or (gradients and not differentiable(step)):
        return None
    try:
        made = Scan(cell, step, single)
        forward_source(cell.spec, step, made.precision, gradients)
        if gradients:
            backward_source(cell.spec, step, made.precision, cell.through_reset, ())
    except EquationError:
        return None
    return made
