"""What spikes of many steps bring through a matrix of weights: one product, or a sparse one."""

from __future__ import annotations

from typing import Any

import torch

from neurosim.kernels.row_products import multiply_rows, outer_rows
from neurosim_backends._torch.sharing import empty, in_shares

SPARSE = 0.16
"""Where fewer of the entries than this are not 0, rows are added up. Measured for 6,400 rows and
1024 x 1024 weights on one core of an Intel Xeon: in single precision 0.14 of the time of the dense
product at 0.01, 0.36 at 0.05, 0.86 at 0.16 and 1.1 at 0.2; in double 0.12, 0.22, 0.50 and 0.59."""

WORTH_LOOKING = 1 << 22
"""Products from which on it is worth counting entries."""

LOOKED_AT = 16
"""One in so many rows is looked at to tell how full they are."""


class Delivered(torch.autograd.Function):  # type: ignore[misc]
    """(spikes, what is under way, weights) -> what arrives: of all steps in one product.

    spikes : (time, batch, n_pre); under way : (delay, batch, n_pre); weights : (n_pre, n_post)
    """

    @staticmethod
    def forward(
        ctx: Any, spikes: torch.Tensor, under_way: torch.Tensor, weights: torch.Tensor
    ) -> torch.Tensor:
        n_steps, batch, _ = spikes.shape
        delay = min(len(under_way), n_steps)
        ctx.delay = delay
        ctx.save_for_backward(spikes, under_way, weights)
        out = empty(spikes, (n_steps, batch, weights.shape[1]))
        _product(under_way[:delay], weights, out[:delay])
        _product(spikes[: n_steps - delay], weights, out[delay:])
        return out

    @staticmethod
    @torch.autograd.function.once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, of_out: torch.Tensor) -> Any:
        spikes, under_way, weights = ctx.saved_tensors
        delay, n_sent = ctx.delay, len(spikes) - ctx.delay
        of_out = of_out.contiguous()
        of_spikes = of_under_way = of_weights = None
        if ctx.needs_input_grad[0]:
            of_spikes = torch.empty_like(spikes)
            of_spikes[n_sent:] = 0
            torch.mm(of_out[delay:].flatten(0, 1), weights.T, out=of_spikes[:n_sent].flatten(0, 1))
        if ctx.needs_input_grad[1]:
            of_under_way = torch.zeros_like(under_way)
            of_under_way[:delay] = of_out[:delay] @ weights.T
        if ctx.needs_input_grad[2]:
            of_weights = _outer(spikes[:n_sent], of_out[delay:])
            if delay:
                rows = under_way[:delay].flatten(0, 1)
                of_weights.addmm_(rows.T, of_out[:delay].flatten(0, 1))
        return of_spikes, of_under_way, of_weights


def _product(x: torch.Tensor, weights: torch.Tensor, out: torch.Tensor) -> None:
    rows, into = x.flatten(0, 1), out.flatten(0, 1)
    if into.data_ptr() != out.data_ptr() or not _is_sparse(rows, weights.shape[1]):
        torch.mm(rows, weights, out=into)
        return
    a, w, o = rows.contiguous().numpy(), weights.detach().contiguous().numpy(), into.numpy()
    in_shares(lambda lo, hi: multiply_rows(a, w, lo, hi, o), len(a), a.size)


def _outer(x: torch.Tensor, g: torch.Tensor) -> torch.Tensor:
    rows, of = x.flatten(0, 1), g.flatten(0, 1)
    if not _is_sparse(rows, of.shape[1]):
        return rows.T @ of
    found = g.new_empty((rows.shape[1], of.shape[1]))
    a, b, o = rows.contiguous().numpy(), of.detach().contiguous().numpy(), found.numpy()
    in_shares(lambda lo, hi: outer_rows(a, b, lo, hi, o), b.shape[1], a.size)
    return found


def _is_sparse(rows: torch.Tensor, n_post: int) -> bool:
    if rows.device.type != "cpu" or rows.numel() * n_post < WORTH_LOOKING:
        return False
    some = rows[::LOOKED_AT]
    return bool(int(torch.count_nonzero(some)) < SPARSE * some.numel())
