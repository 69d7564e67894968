"""Linear maps between layers, as numbers: what stands between two rectifications of a network.

Neurons are counted as arrays lie in memory (the last axis fastest), so that flattening and other
changes of shape are no maps at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import sparse

from neurosim.describe.explicit import Conv2D, FromMatrix
from neurosim.describe.network import Network
from neurosim.describe.rules import AllToAll, OneToOne, Rule
from neurosim.describe.sources import Input

Floats: TypeAlias = npt.NDArray[np.float64]
Shape: TypeAlias = tuple[int, ...]


class Operator(Protocol):
    """A linear map of arrays of one shape to arrays of another."""

    def shape_after(self, shape: Shape) -> Shape:
        """Return the shape of what comes out."""

    def matrix(self, shape: Shape) -> Any:
        """Return the map as a sparse matrix (n_in, n_out)."""

    def scaled(self, factor: Floats) -> Operator | None:
        """Return the map followed by one factor per channel or feature; None if that is another."""

    def rule(self, shape: Shape, factor: float) -> tuple[Rule, Any] | None:
        """Return a connection rule for the map times `factor`, and its weights (None if within)."""


@dataclass(frozen=True, eq=False)
class Dense:
    """A matrix on the last axis.

    Attributes
    ----------
    weight : (n_out, n_in) float64
    """

    weight: Floats

    def shape_after(self, shape: Shape) -> Shape:
        """Return the shape of what comes out."""
        return (*shape[:-1], self.weight.shape[0])

    def matrix(self, shape: Shape) -> Any:
        """Return the map as a sparse matrix."""
        rows = int(np.prod(shape[:-1]))
        return sparse.kron(sparse.eye_array(rows), sparse.csr_array(self.weight.T), "csr")

    def scaled(self, factor: Floats) -> Dense | None:
        """Return the same with factors for its outputs."""
        return Dense(self.weight * factor[:, None])

    def rule(self, shape: Shape, factor: float) -> tuple[Rule, Any] | None:
        """Return "all to all", where there is one row only."""
        if len(shape) > 1 and np.prod(shape[:-1]) != 1:
            return None
        return AllToAll(), factor * self.weight.T


@dataclass(frozen=True, eq=False)
class Convolution:
    """A convolution in two dimensions, of arrays (channels, height, width).

    Attributes
    ----------
    kernel : (out_channels, in_channels / groups, height, width) float64
    stride, padding, dilation : (int, int)
    groups : int
    """

    kernel: Floats
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1

    def shape_after(self, shape: Shape) -> Shape:
        """Return the shape of what comes out; torch's formula."""
        extents = (
            (n + 2 * p - d * (k - 1) - 1) // s + 1
            for n, p, d, k, s in zip(
                shape[1:], self.padding, self.dilation, self.kernel.shape[2:], self.stride,
                strict=True,
            )
        )  # fmt: skip
        return (self.kernel.shape[0], *extents)

    def matrix(self, shape: Shape) -> Any:
        """Return the map as a sparse matrix."""
        scratch = Network("shapes")
        after = self.shape_after(shape)
        before = scratch.population("before", shape, Input("current"))
        listed = self._conv2d(1.0).explicit(before, scratch.population("after", after, Input()))
        size = (int(np.prod(shape)), int(np.prod(after)))
        return sparse.coo_array((listed.weight, (listed.pre, listed.post)), shape=size).tocsr()

    def scaled(self, factor: Floats) -> Convolution | None:
        """Return the same with factors for its channels."""
        return replace(self, kernel=self.kernel * factor[:, None, None, None])

    def rule(self, shape: Shape, factor: float) -> tuple[Rule, Any] | None:
        """Return the convolution as a rule."""
        return self._conv2d(factor), None

    def _conv2d(self, factor: float) -> Conv2D:
        return Conv2D(
            factor * self.kernel, stride=self.stride, padding=self.padding,
            dilation=self.dilation, groups=self.groups,
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class ChannelScale:
    """A factor for each channel (the first axis).

    Attributes
    ----------
    factor : (channels,) float64
    """

    factor: Floats

    def shape_after(self, shape: Shape) -> Shape:
        """Return the same shape."""
        return shape

    def matrix(self, shape: Shape) -> Any:
        """Return the map as a sparse matrix."""
        each = int(np.prod(shape[1:]))
        return sparse.diags_array(np.repeat(self.factor, each)).tocsr()

    def scaled(self, factor: Floats) -> ChannelScale | None:
        """Return the product of both."""
        return ChannelScale(self.factor * factor)

    def rule(self, shape: Shape, factor: float) -> tuple[Rule, Any] | None:
        """Return "one to one" with weights of their own."""
        return None


@dataclass(frozen=True, eq=False)
class Reshape:
    """The same numbers in another shape."""

    shape: Shape

    def shape_after(self, shape: Shape) -> Shape:
        """Return the new shape."""
        return self.shape

    def matrix(self, shape: Shape) -> Any:
        """Return the identity."""
        return sparse.eye_array(int(np.prod(shape))).tocsr()

    def scaled(self, factor: Floats) -> None:
        """None: channels before and after differ."""
        return None

    def rule(self, shape: Shape, factor: float) -> tuple[Rule, Any] | None:
        """Return "one to one"."""
        return OneToOne(), factor


def average(
    channels: int, kernel: tuple[int, int], stride: tuple[int, int], padding: tuple[int, int]
) -> Convolution:
    """Return the mean over windows, zeros of the padding counted, as a convolution by channel."""
    return Convolution(
        np.full((channels, 1, *kernel), 1.0 / np.prod(kernel)), stride, padding, groups=channels
    )


def product(operators: Sequence[Operator], shape: Shape) -> Any:
    """Return several maps in a row as one sparse matrix (n_in, n_out)."""
    total = sparse.eye_array(int(np.prod(shape))).tocsr()
    for operator in operators:
        total = (total @ operator.matrix(shape)).tocsr()
        shape = operator.shape_after(shape)
    return total


def rule_of(operators: Sequence[Operator], shape: Shape, factor: float) -> tuple[Rule, Any]:
    """Return how maps in a row connect neurons: a rule, and weights where they stand beside it.

    One map keeps its form, a convolution as `Conv2D`; several become one sparse matrix. Changes of
    shape do not matter to a matrix of all to all, but to a convolution.
    """
    moving = [o for o in operators if not isinstance(o, Reshape)]
    if not moving:
        return OneToOne(), factor
    if len(operators) == 1:
        found = moving[0].rule(shape, factor)
        if found is not None:
            return found
    if len(moving) == 1 and isinstance(moving[0], Dense):
        found = moving[0].rule((moving[0].weight.shape[1],), factor)
        if found is not None and moving[0].weight.shape[1] == np.prod(shape):
            return found
    return FromMatrix(factor * product(operators, shape)), None
