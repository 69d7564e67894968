"""Neurons that send numbers, and convolutions, in Loihi's integers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from neurosim.describe.explicit import Conv2D
from neurosim.errors import DescriptionError
from neurosim.kernels.loihi_messages import C_WIDTH, MESSAGE_LIMIT

Ints = npt.NDArray[np.int64]

EXPONENT = (0, 7)
"""Of states and messages: 3 bits."""

KERNEL = (-256, 255)
"""Weights of a convolution, which Lava keeps as they are."""

INPUT = (-MESSAGE_LIMIT + 1, MESSAGE_LIMIT - 1)
"""Numbers that an encoder is given."""


def require_within(place: str, values: Any, low: int, high: int) -> None:
    """Refuse numbers that a register does not hold.

    Raises
    ------
    DescriptionError
        Naming the register and its range.
    """
    found = np.asarray(values)
    if found.size and (found.min() < low or found.max() > high):
        raise DescriptionError(place, values, f"whole numbers from {low} to {high}")


@dataclass(frozen=True, kw_only=True)
class Encoders:
    """Neurons that send the changes of numbers they are given: Lava's `Delta`.

    Attributes
    ----------
    name : str
    size : int
    vth : int
        Least change that is sent, in units of messages.
    spike_exp, state_exp : int
        States are what is given, times 2^(spike_exp + state_exp); messages are states >> state_exp.
    """

    name: str
    size: int
    vth: int
    spike_exp: int = 0
    state_exp: int = 0

    def __post_init__(self) -> None:
        _check_exponents(self)


@dataclass(frozen=True, kw_only=True)
class SigmaDeltas:
    """Neurons that sum messages and send the changes of their activation: Lava's `SigmaDelta`.

    Attributes
    ----------
    name : str
    vth : int
        Least change that is sent, in units of messages.
    bias : (n,) int64
        In units of messages.
    spike_exp, state_exp : int
        As of `Encoders`; what arrives is in units of states.
    rectifies : bool
        Whether the activation is the sum where it is above 0, and else 0.
    """

    name: str
    vth: int
    bias: Ints
    spike_exp: int = 0
    state_exp: int = 0
    rectifies: bool = True

    def __post_init__(self) -> None:
        _check_exponents(self)
        limit = INPUT[1] >> self.spike_exp + self.state_exp
        require_within(f"SigmaDeltas {self.name!r}: bias", self.bias, -limit, limit)

    @property
    def size(self) -> int:
        """Number of neurons."""
        return self.bias.size


def _check_exponents(of: Encoders | SigmaDeltas) -> None:
    place = f"{type(of).__name__} {of.name!r}"
    require_within(f"{place}: spike_exp", of.spike_exp, *EXPONENT)
    require_within(f"{place}: state_exp", of.state_exp, *EXPONENT)
    limit = INPUT[1] >> of.spike_exp + of.state_exp
    require_within(f"{place}: vth", of.vth, 0, limit)


Shape = tuple[int, int, int]
Pair = tuple[int, int]


@dataclass(frozen=True)
class _Shaped:
    """All that a convolution asks of a population."""

    shape: Shape


@dataclass(frozen=True, kw_only=True)
class Convolution:
    """Synapses that share the weights of a kernel: Lava's `Conv`.

    Attributes
    ----------
    name : str
    pre, post : int
        Indices of the populations.
    kernel : (out_channels, in_channels / blocks, height, width) int64
        As in torch: a cross-correlation. There is no exponent: Lava ignores it.
    before, after : (channels, height, width)
        Shapes of the populations.
    stride, padding, dilation : (vertical, horizontal)
    blocks : int
        Of channels that are convolved separately.
    graded : bool
        Whether the numbers count that spikes come with.
    """

    name: str
    pre: int
    post: int
    kernel: Ints
    before: Shape
    after: Shape
    stride: Pair = (1, 1)
    padding: Pair = (0, 0)
    dilation: Pair = (1, 1)
    blocks: int = 1
    graded: bool = False

    def __post_init__(self) -> None:
        require_within(f"Convolution {self.name!r}: kernel", self.kernel, *KERNEL)
        out, inner, *taps = self.kernel.shape
        extents = (
            (n + 2 * p - d * (k - 1) - 1) // s + 1
            for n, k, s, p, d in zip(
                self.before[1:], taps, self.stride, self.padding, self.dilation, strict=True
            )
        )
        if self.before[0] != inner * self.blocks or self.after != (out, *extents):
            raise DescriptionError(
                f"Convolution {self.name!r}: shapes", (self.before, self.after),
                f"those that a kernel {self.kernel.shape} leads to",
            )  # fmt: skip

    @property
    def heaviest(self) -> float:
        """Most that can arrive at a neuron, if all sources send 1."""
        return float(np.abs(self.kernel).sum(axis=(1, 2, 3)).max(initial=0))

    def row(self, at: int) -> list[int]:
        """Return the row of the kernel's table; weights begin at `at`."""
        row = [
            self.pre, self.post, int(self.graded), *self.before, *self.after,
            *self.kernel.shape[2:], *self.stride, *self.padding, *self.dilation, self.blocks, at,
        ]  # fmt: skip
        assert len(row) == C_WIDTH
        return row

    @property
    def connections(self) -> tuple[Ints, Ints, Ints]:
        """Sources, targets and weights, in the order of `neurosim.Conv2D`."""
        rule = Conv2D(
            self.kernel.astype(float), self.stride, self.padding, self.dilation, self.blocks
        )
        listed = rule.explicit(_Shaped(self.before), _Shaped(self.after))  # type: ignore[arg-type]
        return listed.pre, listed.post, np.asarray(listed.weight).astype(np.int64)

    @property
    def laid_out(self) -> Ints:
        """The weights as the kernel reads them: outputs of a block next to one another."""
        out, inner, height, width = self.kernel.shape
        blocks = self.kernel.reshape(self.blocks, out // self.blocks, inner, height, width)
        return blocks.transpose(3, 4, 0, 2, 1).ravel()
