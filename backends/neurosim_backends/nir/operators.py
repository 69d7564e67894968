"""Linear nodes of NIR as sparse matrices."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from neurosim.describe.explicit import Conv2D
from neurosim.errors import DescriptionError, UnsupportedError
from neurosim.lower.plan import Floats, Ints

MOST_NONZEROS = 1 << 27
"""Of one matrix."""


@dataclass(frozen=True, kw_only=True)
class Operator:
    """y = matrix x + bias, later.

    Attributes
    ----------
    matrix : (n_out, n_in) sparse array, or None for the identity
    bias : (n_out,) array or None
    shape : tuple of int
        Of y.
    kernel : Conv2D or None
        The convolution it is.
    delay : (n,) int64 or None
        Steps by which each number comes later.
    """

    shape: tuple[int, ...]
    matrix: Any = None
    bias: Floats | None = None
    kernel: Conv2D | None = None
    delay: Ints | None = None


def operator_of(node: Any, name: str, shape: tuple[int, ...], step: float) -> Operator:
    """Return a linear node as an operator.

    Parameters
    ----------
    node : nir.NIRNode
    name : str
        Of the node, for messages.
    shape : tuple of int
        Of what it is given.
    step : float
        Time step [s].

    Raises
    ------
    DescriptionError
        If shapes do not fit.
    UnsupportedError
        If it is not linear, or a delay is no multiple of the step.
    """
    place = f"Node {name!r}"
    kind = type(node).__name__
    n = math.prod(shape)

    def expect(right: bool, what: str) -> None:
        if not right:
            raise DescriptionError(f"{place}: input", shape, f"a shape of {what} ({kind})")

    if kind in ("Affine", "Linear"):
        weight = _finite(node.weight, f"{place}: weight")
        if weight.ndim != 2:
            raise UnsupportedError(f"{place}: weight", "matrices of more than two axes", "a matrix")
        expect(shape == (weight.shape[1],), str((weight.shape[1],)))
        bias = _finite(node.bias, f"{place}: bias") if kind == "Affine" else None
        if bias is not None and bias.shape != (weight.shape[0],):
            raise DescriptionError(f"{place}: bias", bias, f"{weight.shape[0]} values")
        return Operator(matrix=sparse.csr_array(weight), bias=bias, shape=(weight.shape[0],))
    if kind == "Scale":
        scale = _finite(node.scale, f"{place}: scale")
        expect(scale.shape == shape, str(scale.shape))
        return Operator(matrix=sparse.diags_array(scale.ravel()).tocsr(), shape=shape)
    if kind == "Flatten":
        start, end = (int(d) % len(shape) for d in (node.start_dim, node.end_dim))
        joined = math.prod(shape[start : end + 1])
        return Operator(shape=(*shape[:start], joined, *shape[end + 1 :]))
    if kind == "Delay":
        delay = np.broadcast_to(_finite(node.delay, f"{place}: delay"), shape).ravel() / step
        steps = np.rint(delay)
        if np.any(np.abs(delay - steps) > 1e-6) or np.any(steps < 0):
            raise UnsupportedError(
                f"{place}: delay", f"it is no multiple of the step of {step:g} s", "another dt"
            )
        return Operator(shape=shape, delay=steps.astype(np.int64))
    if kind in ("Conv1d", "Conv2d", "AvgPool2d", "SumPool2d"):
        return _convolution(node, kind, place, shape, n)
    raise UnsupportedError(
        place, f"{kind} is neither a neuron that spikes nor linear",
        "LIF, CubaLIF, IF between linear nodes",
    )  # fmt: skip


def _convolution(node: Any, kind: str, place: str, shape: tuple[int, ...], n: int) -> Operator:
    flat = kind == "Conv1d"
    wanted = 2 if flat else 3
    if len(shape) != wanted:
        axes = "(channels, length)" if flat else "(channels, height, width)"
        raise DescriptionError(f"{place}: input", shape, f"a shape of {axes} ({kind})")
    image = (shape[0], 1, shape[1]) if flat else shape
    if kind.endswith("Pool2d"):
        height, width = _pair(node.kernel_size, place)
        value = 1.0 if kind == "SumPool2d" else 1.0 / (height * width)
        kernel = np.full((shape[0], 1, height, width), value)
        stride, padding = _pair(node.stride, place), _pair(node.padding, place)
        dilation, groups, bias = (1, 1), shape[0], np.zeros(shape[0])
    else:
        kernel = _finite(node.weight, f"{place}: weight")
        kernel = kernel[:, :, None, :] if flat else kernel
        if kernel.ndim != 4:
            raise DescriptionError(
                f"{place}: weight", node.weight, f"an array of {wanted + 1} axes"
            )
        groups = int(np.asarray(node.groups))
        stride, dilation = (_axes(v, flat, place) for v in (node.stride, node.dilation))
        padding = _padding(node.padding, kernel.shape[2:], stride, dilation, flat, place)
        bias = _finite(node.bias, f"{place}: bias")
    try:
        rule = Conv2D(kernel, stride, padding, dilation, groups)
        channels = kernel.shape[1] * groups
        if channels != image[0]:
            raise DescriptionError(f"{place}: input", shape, f"{channels} channels")
        out = tuple(rule._extent(axis, image[axis + 1]) for axis in (0, 1))
        if min(out) < 1 or bias.shape != (kernel.shape[0],):
            raise DescriptionError(f"{place}: input", shape, "a shape and bias that fit the kernel")
    except DescriptionError as error:
        raise DescriptionError(
            place, f"{kind} of {shape}", "a convolution that fits what it is given", f"{error}"
        ) from None
    taps = kernel.size * out[0] * out[1]
    if taps > MOST_NONZEROS:  # a small file may ask for a large image
        reason = f"a convolution of {taps:,} connections; {MOST_NONZEROS:,} are the most"
        raise UnsupportedError(place, reason)
    listed = rule.explicit(_Shaped(image), _Shaped((kernel.shape[0], *out)))  # type: ignore[arg-type]
    size = kernel.shape[0] * out[0] * out[1]
    matrix = sparse.coo_array((listed.weight, (listed.post, listed.pre)), shape=(size, n)).tocsr()
    target = (kernel.shape[0], *out)
    return Operator(
        matrix=matrix, bias=np.repeat(bias, out[0] * out[1]),
        shape=(target[0], target[2]) if flat else target, kernel=None if flat else rule,
    )  # fmt: skip


class _Shaped:
    """What a convolution asks of a population."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape


def _finite(values: Any, place: str) -> Floats:
    array = np.asarray(values, np.float64)
    if not np.all(np.isfinite(array)):
        raise DescriptionError(place, array, "finite numbers")
    return array


def _pair(value: Any, place: str) -> tuple[int, int]:
    array = np.asarray(value)
    if array.dtype.kind not in "iuf" or array.size not in (1, 2) or np.any(array != np.rint(array)):
        raise DescriptionError(place, value, "one whole number, or two")
    pair = np.broadcast_to(array.ravel(), 2)
    return int(pair[0]), int(pair[1])


def _axes(value: Any, flat: bool, place: str) -> tuple[int, int]:
    pair = _pair(value, place)
    return (1, pair[1]) if flat else pair


def _padding(
    value: Any, kernel: tuple[int, ...], stride: tuple[int, int], dilation: tuple[int, int],
    flat: bool, place: str,
) -> tuple[int, int]:  # fmt: skip
    if isinstance(value, str) and value == "valid":
        return (0, 0)
    if isinstance(value, str) and value == "same":
        reach = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
        if stride != (1, 1) or any(r % 2 for r in reach):
            raise UnsupportedError(
                f"{place}: padding", "'same' is not the same on both sides here", "a number"
            )
        return reach[0] // 2, reach[1] // 2
    pair = _pair(value, place)
    return (0, pair[1]) if flat else pair
