"""The dual form of a trained linear layer: its weights are a memory of its training."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from neurosim.analysis.memory import checks
from neurosim.analysis.memory.checks import Floats
from neurosim.errors import DescriptionError


@dataclass(frozen=True, slots=True, eq=False)
class DualForm:
    """A linear layer y = x W as what it started with and the pairs that training stored.

        W = W_0 + sum_n x_n^T e_n        y = x W_0 + sum_n (x . x_n) e_n

    Every step of gradient descent adds the outer product of an input x_n and an error signal
    e_n = -eta dL/dy. So reading the layer is attending, unnormalised, to all inputs of training,
    and memories can be looked at, strengthened or taken out one by one.

    Attributes
    ----------
    initial : (n_in, n_out)
        W_0.
    inputs : (n_pairs, n_in)
        The keys x_n, one row per example and step.
    errors : (n_pairs, n_out)
        The values e_n, learning rate included.

    Source: Irie, Csordas & Schmidhuber (2022), ICML (arXiv:2202.05798); Gershman, Fiete & Irie
    (2025), Key-value memory in the brain, Neuron (arXiv:2501.02950).
    """

    initial: Floats
    inputs: Floats
    errors: Floats

    def __post_init__(self) -> None:
        w = checks.array(self.initial, "DualForm.initial", 2, "weights (n_in, n_out)")
        x = checks.array(self.inputs, "DualForm.inputs", 2, "inputs (n_pairs, n_in)")
        e = checks.array(self.errors, "DualForm.errors", 2, "error signals (n_pairs, n_out)")
        if x.shape[1] != w.shape[0]:
            raise DescriptionError("DualForm.inputs", x, f"rows of {w.shape[0]}, as the weights")
        if e.shape != (len(x), w.shape[1]):
            expected = f"shape {(len(x), w.shape[1])}: one row per input"
            raise DescriptionError("DualForm.errors", e, expected)
        for name, value in (("initial", w), ("inputs", x), ("errors", e)):
            value.setflags(write=False)
            object.__setattr__(self, name, value)

    def weights(self, strength: npt.ArrayLike = 1.0) -> Floats:
        """Return W, (n_in, n_out), each pair multiplied by its `strength`, () or (n_pairs,)."""
        return self.initial + self.inputs.T @ (self._strength(strength)[:, None] * self.errors)

    def attention(self, queries: npt.ArrayLike) -> Floats:
        """Return how much each query attends to each stored input, (n_queries, n_pairs)."""
        place = "DualForm.attention queries"
        expected = f"queries (n_queries, {self.initial.shape[0]})"
        q = checks.array(queries, place, 2, expected)
        if q.shape[1] != self.initial.shape[0]:
            raise DescriptionError(place, q, expected)
        result: Floats = q @ self.inputs.T
        return result

    def read(self, queries: npt.ArrayLike, strength: npt.ArrayLike = 1.0) -> Floats:
        """Return the output by attention, (n_queries, n_out), without ever building W."""
        attention = self.attention(queries) * self._strength(strength)
        result: Floats = np.asarray(queries) @ self.initial + attention @ self.errors
        return result

    def _strength(self, value: npt.ArrayLike) -> Floats:
        place, n = "DualForm: strength", len(self.inputs)
        ndim = np.ndim(value)
        given = checks.array(np.atleast_1d(np.asarray(value)), place, 1, f"1 or {n} numbers")
        if ndim and given.size != n:
            raise DescriptionError(place, given, f"one number, or {n}: one per pair")
        return np.broadcast_to(given, (n,))
