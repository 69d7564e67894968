"""Reading a module of PyTorch: its graph by `torch.fx`, its layers as numbers.

What is understood is listed in `_MODULES`, `_FUNCTIONS` and `_METHODS`; anything else is refused by
its name and the line that calls it. Afterwards the layers must give what the module gives.
"""

from __future__ import annotations

import copy
import operator
import re
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import fx, nn

from neurosim.conversion.layers import Affine, Branch, Layer, LayeredNetwork, Taps, unquantised
from neurosim.conversion.operators import (
    ChannelScale,
    Convolution,
    Dense,
    Floats,
    Operator,
    Reshape,
    Shape,
    average,
)
from neurosim.conversion.qcfs import QCFS
from neurosim.errors import DescriptionError, UnsupportedError

LAYERS = (
    "Linear, Conv1d, Conv2d, BatchNorm, ReLU, QCFS, AvgPool, MaxPool, Flatten, Dropout and sums"
)
"""What is converted, as messages tell it."""

FAITHFUL = 1e-6
"""Largest difference between the layers and the module in double precision, of the largest output:
rounding stays far below, a layer that was misread far above."""

_OWN_PATHS = (str(Path(torch.__file__).parent), str(Path(__file__).parent))
_AT = re.compile(r'File "(?P<file>[^"]+)", line (?P<line>\d+)')


@dataclass(frozen=True, eq=False)
class Pending:
    """Largest values of an affine function: of neurons only once they are rectified."""

    of: Affine
    node: str
    shape: Shape
    matrices: tuple[Any, ...]
    where: str
    origin: str = ""


@dataclass
class Traced:
    """A module, read.

    Attributes
    ----------
    network : LayeredNetwork
    graph_module : torch.fx.GraphModule
        A copy of the module in evaluation mode, whose nodes the layers name.
    averaged : tuple of str
        Poolings of largest values that were replaced by means.
    """

    network: LayeredNetwork
    graph_module: Any
    averaged: tuple[str, ...]


def trace(model: Any, image: Any, *, max_pool: str = "spiking") -> Traced:
    """Read a module.

    Parameters
    ----------
    model : torch.nn.Module
    image : torch.Tensor
        (n, *shape): images of the shape that it takes, on its device.
    max_pool : {"spiking", "average"}

    Raises
    ------
    UnsupportedError
        For what has no form in spikes, by name and line.
    DescriptionError
        For weights that are no numbers and statistics of batches that were never taken.
    """
    module = copy.deepcopy(model).eval()
    _check_numbers(module)
    tracer = _Tracer()
    try:
        graph = tracer.trace(module)
    except Exception as error:
        raise UnsupportedError(
            f"convert: {_name(model)}.forward{_line_of(error)}",
            f"its course depends on values, so that it cannot be traced ({error})",
            "a forward without if, for and while on tensors",
        ) from error
    reading = _Reading(fx.GraphModule(module, graph, _name(model)), max_pool)
    network = reading.read(image)
    traced = Traced(network, reading.graph_module, tuple(reading.averaged))
    if not traced.averaged:
        _check_faithful(traced, image)
    return traced


class _Tracer(fx.Tracer):  # type: ignore[misc]
    record_stack_traces = True

    def is_leaf_module(self, m: Any, module_qualified_name: str) -> bool:
        return isinstance(m, QCFS) or bool(super().is_leaf_module(m, module_qualified_name))


class Observer(fx.Interpreter):  # type: ignore[misc]
    """Runs a graph and keeps the values of some nodes (all of them if `wanted` is None)."""

    def __init__(self, graph_module: Any, wanted: frozenset[str] | None = None) -> None:
        super().__init__(graph_module)
        self.wanted = wanted
        self.values: dict[str, Any] = {}

    def run_node(self, n: Any) -> Any:
        """Run a node; what is kept is a copy, which later operations in place leave alone."""
        value = super().run_node(n)
        if isinstance(value, torch.Tensor) and (self.wanted is None or n.name in self.wanted):
            self.values[n.name] = value.detach().clone()
        return value


def observe(
    graph_module: Any, images: Any, wanted: Sequence[str]
) -> tuple[dict[str, Floats], Floats]:
    """Return the values of some nodes, and the output, as (n, size) float64."""
    observer = Observer(graph_module, frozenset(wanted))
    with torch.no_grad():
        output = observer.run(images)
    return {name: numbers(value) for name, value in observer.values.items()}, numbers(output)


def numbers(value: Any) -> Floats:
    """Return a tensor as (n, size) float64."""
    return np.asarray(value.detach().cpu().double().numpy()).reshape(len(value), -1)


@dataclass
class _Reading:
    graph_module: Any
    max_pool: str
    layers: list[Layer] = field(default_factory=list)
    averaged: list[str] = field(default_factory=list)
    shapes: dict[str, Shape] = field(default_factory=dict)
    batch: int = 0
    network: LayeredNetwork = field(init=False)

    def read(self, image: Any) -> LayeredNetwork:
        """Follow the graph from the image to the output."""
        observer = Observer(self.graph_module)
        self.batch = len(image)
        try:
            with torch.no_grad():
                observer.run(image)
        except Exception as error:
            raise DescriptionError(
                "convert: calibration_loader", f"images of shape {tuple(image.shape[1:])}",
                f"images that {_name(self.graph_module)} takes",
                f"It says: {str(error).strip().splitlines()[0]}",
            ) from error  # fmt: skip
        self.shapes = {name: tuple(v.shape) for name, v in observer.values.items()}
        values: dict[str, Any] = {}
        shape = tuple(int(n) for n in image.shape[1:])
        self.network = LayeredNetwork(shape, self.layers, Affine((), np.zeros(0), ()))
        for node in self.graph_module.graph.nodes:
            values[node.name] = self._value(node, values, shape)
        *_, self.network.output = values.values()
        return self.network

    def _value(self, node: Any, values: dict[str, Any], image_shape: Shape) -> Any:
        if node.op == "placeholder":
            if any(isinstance(v, Affine) for v in values.values()):
                if node.args:  # it has a default, which is what everybody passes
                    return node.args[0]
                raise self._refusal(node, "a second input", "a module of one input")
            size = int(np.prod(image_shape))
            return Affine((Branch(0),), np.zeros(size), image_shape)
        arguments = fx.node.map_arg(node.args, lambda n: values[n.name])
        named = fx.node.map_arg(node.kwargs, lambda n: values[n.name])
        if node.op == "output":
            return self._output(node, arguments[0])
        if node.op == "get_attr":
            return operator.attrgetter(node.target)(self.graph_module)
        if node.op == "call_module":
            module = self.graph_module.get_submodule(node.target)
            rule = next((r for kinds, r in _MODULES if type(module) in kinds), None)
            if rule is None:
                raise self._refusal(node, f"{type(module).__name__} {node.target!r}")
            return rule(self, node, module, *arguments)
        table, kind = (_FUNCTIONS, "function") if node.op == "call_function" else (_METHODS, "")
        found = table.get(node.target)
        if found is None:
            if not any(isinstance(v, (Affine, Pending)) for v in (*arguments, *named.values())):
                return None  # something about shapes; whoever needs more of it is refused
            called = getattr(node.target, "__name__", str(node.target))
            raise self._refusal(node, f"{kind} {called}" if kind else f"method .{called}")
        return found(self, node, *arguments, **named)

    def _refusal(self, node: Any, what: str, nearest: str | None = None) -> UnsupportedError:
        return UnsupportedError(
            f"convert: {what}{_line_of(node)}",
            "it has no form in spiking neurons", nearest or f"modules made of {LAYERS}",
        )  # fmt: skip

    def _affine(self, node: Any, value: Any) -> Affine:
        if isinstance(value, Pending):
            raise self._refusal(
                node, f"MaxPool of values that may be negative{value.where}, used",
                "ReLU directly before or after MaxPool",
            )  # fmt: skip
        if not isinstance(value, Affine):
            raise self._refusal(node, f"{node.name}, which does not take what the image became")
        return value

    # ------------------------------------------------------------------ linear maps

    def apply(
        self, node: Any, value: Any, made: Operator, bias: Floats | None, origin: str
    ) -> Affine:
        """Apply a linear map, then add a constant per channel or feature."""
        value = self._affine(node, value)
        after = made.shape_after(value.shape)
        carried = np.zeros(int(np.prod(after)))
        if value.bias.any():  # never right after a rectification: spares the matrix
            carried = np.asarray(made.matrix(value.shape).T @ value.bias)
        if bias is not None:
            carried = carried + _per_channel(bias, after, isinstance(made, Dense))
        branches = tuple(replace(b, operators=(*b.operators, made)) for b in value.branches)
        return Affine(branches, carried, after, origin or value.origin)

    def linear(self, node: Any, module: Any, value: Any) -> Affine:
        bias = None if module.bias is None else _array(module.bias)
        return self.apply(node, value, Dense(_array(module.weight)), bias, node.target)

    def convolution(self, node: Any, module: Any, value: Any) -> Affine:
        value = self._affine(node, value)
        if module.padding_mode != "zeros":
            raise self._refusal(
                node, f"{type(module).__name__} {node.target!r} with "
                f"padding_mode={module.padding_mode!r}", "padding_mode='zeros'",
            )  # fmt: skip
        kernel = _array(module.weight)
        flat = kernel.ndim == 3
        padding = module.padding
        if isinstance(padding, str):
            sides = [d * (k - 1) for d, k in zip(module.dilation, kernel.shape[2:], strict=True)]
            if padding == "same" and any(s % 2 for s in sides):
                raise self._refusal(
                    node, f"{type(module).__name__} {node.target!r} with uneven padding 'same'",
                    "kernels of odd size, or padding by numbers",
                )  # fmt: skip
            padding = tuple(s // 2 for s in sides) if padding == "same" else (0,) * len(sides)
        made = Convolution(
            kernel[:, :, np.newaxis] if flat else kernel,
            _two(module.stride, 1), _two(padding, 0), _two(module.dilation, 1), module.groups,
        )  # fmt: skip
        bias = None if module.bias is None else _array(module.bias)
        return self._in_two_dimensions(node, value, made, bias, node.target)

    def _in_two_dimensions(
        self, node: Any, value: Affine, made: Convolution, bias: Floats | None, origin: str
    ) -> Affine:
        """Apply a convolution to (channels, height, width), or to (channels, length) as one row."""
        if len(value.shape) == 3:
            return self.apply(node, value, made, bias, origin)
        row = self.reshaped(node, value, (value.shape[0], 1, value.shape[1]))
        out = self.apply(node, row, made, bias, origin)
        return self.reshaped(node, out, (out.shape[0], out.shape[2]))

    def batch_norm(self, node: Any, module: Any, value: Any) -> Affine:
        value = self._affine(node, value)
        _check_calibrated(module, node.target)
        scale = 1.0 / np.sqrt(_array(module.running_var) + module.eps)
        shift = np.zeros(scale.size)
        if module.affine:
            scale = scale * _array(module.weight)
            shift = _array(module.bias)
        shift = shift - _array(module.running_mean) * scale
        branches = []
        for branch in value.branches:
            last = branch.operators[-1] if branch.operators else None
            scaled = None
            if isinstance(last, Convolution | ChannelScale) or len(value.shape) == 1:
                scaled = None if last is None else last.scaled(scale)
            kept = branch.operators if scaled is None else branch.operators[:-1]
            branches.append(replace(branch, operators=(*kept, scaled or ChannelScale(scale))))
        bias = value.bias * _per_channel(scale, value.shape) + _per_channel(shift, value.shape)
        return Affine(tuple(branches), bias, value.shape, value.origin)

    def average_pool(self, node: Any, module: Any, value: Any) -> Affine:
        return self.averages(
            node, value, module.kernel_size, module.stride, module.padding,
            module.ceil_mode, module.count_include_pad, getattr(module, "divisor_override", None),
        )  # fmt: skip

    def averages(
        self, node: Any, value: Any, kernel_size: Any, stride: Any = None, padding: Any = 0,
        ceil_mode: bool = False, count_include_pad: bool = True, divisor_override: Any = None,
    ) -> Affine:  # fmt: skip
        value = self._affine(node, value)
        kernel, stride, padding = self._window(node, value, kernel_size, stride, padding, ceil_mode)
        if (any(padding) and not count_include_pad) or divisor_override is not None:
            raise self._refusal(
                node, "AvgPool that divides by another number than its window has",
                "count_include_pad=True without divisor_override",
            )  # fmt: skip
        made = average(value.shape[0], kernel, stride, padding)
        return self._in_two_dimensions(node, value, made, None, "")

    def _window(
        self, node: Any, value: Affine, kernel: Any, stride: Any, padding: Any, ceil_mode: bool
    ) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int]]:
        if ceil_mode:
            raise self._refusal(node, "pooling with ceil_mode=True", "ceil_mode=False")
        flat = len(value.shape) == 2
        stride = kernel if stride is None or stride == [] else stride
        return (
            _two(kernel, 1, flat), _two(stride, 1, flat), _two(padding, 0, flat),
        )  # fmt: skip

    def adaptive_pool(self, node: Any, module: Any, value: Any) -> Affine:
        return self.adaptive(node, value, module.output_size)

    def adaptive(self, node: Any, value: Any, output_size: Any) -> Affine:
        value = self._affine(node, value)
        extents = value.shape[1:]
        wanted = output_size if isinstance(output_size, (tuple, list)) else [output_size] * 2
        wanted = [n if w is None else w for n, w in zip(extents, wanted, strict=False)]
        if any(n % w for n, w in zip(extents, wanted, strict=True)):
            raise self._refusal(
                node, f"AdaptiveAvgPool of {tuple(extents)} to {tuple(wanted)}",
                "an output size that divides the input's",
            )  # fmt: skip
        kernel = tuple(n // w for n, w in zip(extents, wanted, strict=True))
        return self.averages(node, value, kernel)

    def reshaped(self, node: Any, value: Any, shape: Shape) -> Affine:
        old: Affine = self._affine(node, value)
        if shape == old.shape:
            return old
        branches = tuple(replace(b, operators=(*b.operators, Reshape(shape))) for b in old.branches)
        return Affine(branches, old.bias, shape, old.origin)

    def reshape(self, node: Any, value: Any, *_: Any, **__: Any) -> Affine:
        """Take any change of shape that leaves images apart: numbers stay in their order."""
        shape = self.shapes[node.name]
        if not shape or shape[0] != self.batch:
            raise self._refusal(
                node, f"{node.name}, which joins images", "a reshape that keeps the first axis"
            )
        return self.reshaped(node, value, shape[1:])

    def flatten(self, node: Any, module: Any, value: Any) -> Affine:
        return self.reshape(node, value)

    def same(self, node: Any, value: Any, *_: Any, **__: Any) -> Any:
        return value

    def same_module(self, node: Any, module: Any, value: Any) -> Any:
        return value

    def attribute(self, node: Any, value: Any, name: str) -> None:
        if name not in ("shape", "ndim", "dtype", "device"):
            raise self._refusal(node, f"attribute .{name}")

    def item(self, node: Any, value: Any, index: Any) -> Any:
        if isinstance(value, Affine | Pending):
            raise self._refusal(node, "a part x[...] of the values")
        return None if value is None else value[index]

    def add(self, node: Any, one: Any, two: Any, alpha: float = 1) -> Affine:
        if not isinstance(one, Affine | Pending):
            one, two = two, one
        first: Affine = self._affine(node, one)
        if alpha != 1:
            raise self._refusal(node, "add with alpha", "a sum without a factor")
        if isinstance(two, int | float):
            return replace(first, bias=first.bias + two)
        second: Affine = self._affine(node, two)
        if first.shape != second.shape:
            raise self._refusal(
                node, f"a sum of shapes {first.shape} and {second.shape}", "terms of the same shape"
            )
        return Affine(
            (*first.branches, *second.branches), first.bias + second.bias, first.shape,
            first.origin or second.origin,
        )  # fmt: skip

    # ------------------------------------------------------------------ layers

    def rectify(self, node: Any, value: Any, *_: Any, **__: Any) -> Affine:
        return self._rectified(node, value, None)

    def rectify_module(self, node: Any, module: Any, value: Any) -> Affine:
        return self._rectified(node, value, None)

    def quantise(self, node: Any, module: Any, value: Any) -> Affine:
        clip = float(module.threshold.detach())
        if not clip > 0:
            raise DescriptionError(f"convert: QCFS {node.target!r}: threshold", clip, "above 0")
        if isinstance(value, Pending):
            raise self._refusal(node, f"QCFS {node.target!r} after MaxPool", "QCFS before MaxPool")
        return self._rectified(node, value, clip)

    def _rectified(self, node: Any, value: Any, clip: float | None) -> Affine:
        if isinstance(value, Pending):
            inner = self._layer(value.of, value.node)
            return self._maxima(value, inner, node.name)
        affine: Affine = self._affine(node, value)
        plain = affine.plain_source
        if plain is not None and plain > 0 and clip is None:
            return affine  # already rectified
        name = str(node.target) if node.op == "call_module" else node.name
        return self._layer(affine, node.name, clip, name)

    def _layer(self, value: Affine, node: str, clip: float | None = None, name: str = "") -> Affine:
        depth = 1 + max((self.network.depth_of(b.source) for b in value.branches), default=0)
        self.layers.append(
            Layer(
                self._name(value.origin or name or node), value.shape, depth, value.branches,
                value.bias, node, clip=clip,
            )
        )  # fmt: skip
        return self._alone(value.shape, value.origin)

    def _alone(self, shape: Shape, origin: str) -> Affine:
        return Affine((Branch(len(self.layers)),), np.zeros(int(np.prod(shape))), shape, origin)

    def _name(self, wished: str) -> str:
        taken = {layer.name for layer in self.layers} | {"image", "output"}
        name, k = wished, 1
        while name in taken:
            k += 1
            name = f"{wished} ({k})"
        return name

    def max_pool_module(self, node: Any, module: Any, value: Any) -> Any:
        return self.maxima(
            node, value, module.kernel_size, module.stride, module.padding, module.dilation,
            module.ceil_mode, module.return_indices,
        )  # fmt: skip

    def maxima(
        self, node: Any, value: Any, kernel_size: Any, stride: Any = None, padding: Any = 0,
        dilation: Any = 1, ceil_mode: bool = False, return_indices: bool = False,
    ) -> Any:  # fmt: skip
        value = self._affine(node, value)
        if return_indices:
            raise self._refusal(node, "MaxPool with return_indices=True", "return_indices=False")
        if self.max_pool == "average":
            self.averaged.append(str(node.target) if node.op == "call_module" else node.name)
            return self.averages(node, value, kernel_size, stride, padding, ceil_mode)
        kernel, stride, padding = self._window(node, value, kernel_size, stride, padding, ceil_mode)
        if value.plain_source == 0:
            raise self._refusal(
                node, "MaxPool of the image, which is no spikes", "ReLU before it, or AvgPool"
            )
        flat = len(value.shape) == 2
        shape = (value.shape[0], 1, value.shape[1]) if flat else value.shape
        matrices, after = _taps(shape, kernel, stride, padding, _two(dilation, 1, flat))
        out = (after[0], after[2]) if flat else after
        before = node.args[0].name
        where = _line_of(node)
        pending = Pending(
            value, before, out, matrices, where,
            str(node.target) if node.op == "call_module" else node.name,
        )  # fmt: skip
        plain = value.plain_source
        if plain is None:
            return pending
        return self._maxima(pending, value, node.name)

    def _maxima(self, pending: Pending, of: Affine, node: str) -> Affine:
        source = of.branches[0].source
        size = int(np.prod(pending.shape))
        self.layers.append(
            Layer(
                self._name(pending.origin), pending.shape, 1 + self.network.depth_of(source),
                (Branch(source),), np.zeros(size), node, Taps(pending.matrices),
            )
        )  # fmt: skip
        return self._alone(pending.shape, pending.origin)

    def _output(self, node: Any, value: Any) -> Affine:
        if isinstance(value, (tuple, list, dict)):
            raise self._refusal(node, "an output of several tensors", "a module of one output")
        affine: Affine = self._affine(node, value)
        if len(affine.shape) != 1:
            raise self._refusal(
                node, f"an output of shape {affine.shape} per image", "one number per class"
            )
        return affine


def _taps(
    shape: Shape, kernel: Shape, stride: tuple[int, int], padding: tuple[int, int],
    dilation: tuple[int, int],
) -> tuple[tuple[Any, ...], Shape]:  # fmt: skip
    """Return for every position in the window which neuron stands there, and the output's shape."""
    matrices = []
    after: Shape = ()
    for position in np.ndindex(*kernel):
        one = np.zeros((shape[0], 1, *kernel))
        one[:, 0, *position] = 1.0
        tap = Convolution(one, stride, padding, dilation, groups=shape[0])
        after = tap.shape_after(shape)
        matrix = tap.matrix(shape)
        matrix.eliminate_zeros()
        matrices.append(matrix)
    return tuple(matrices), after


def _per_channel(values: Floats, shape: Shape, last: bool = False) -> Floats:
    """Spread values over an array, by its first axis or its last: (size,)."""
    axes = values if last else values.reshape(-1, *(1,) * (len(shape) - 1))
    return np.broadcast_to(axes, shape).ravel()


def _two(value: Any, missing: int, flat: bool = False) -> tuple[int, int]:
    """Return a parameter per axis (vertical, horizontal); in one dimension there is one row."""
    if isinstance(value, (tuple, list)):
        return (missing, int(value[0])) if len(value) == 1 else (int(value[0]), int(value[1]))
    return (missing, int(value)) if flat else (int(value), int(value))


def _array(tensor: Any) -> Floats:
    return np.asarray(tensor.detach().cpu().double().numpy())


def _name(model: Any) -> str:
    return type(model).__name__


def _line_of(subject: Any) -> str:
    """Return " (file:line)" of the user's code that a node or an error comes from."""
    if isinstance(subject, BaseException):
        frames = [(f.filename, f.lineno) for f in traceback.extract_tb(subject.__traceback__)]
    else:
        found = _AT.finditer(subject.stack_trace or "")
        frames = [(m["file"], int(m["line"])) for m in found]
    own = [f for f in frames if not f[0].startswith(_OWN_PATHS)]
    return f" ({Path(own[-1][0]).name}:{own[-1][1]})" if own else ""


def _check_numbers(module: Any) -> None:
    for name, tensor in (*module.named_parameters(), *module.named_buffers()):
        wrong = int((~torch.isfinite(tensor)).sum()) if tensor.is_floating_point() else 0
        if wrong:
            owner, _, parameter = name.rpartition(".")
            kind = _name(module.get_submodule(owner))
            raise DescriptionError(
                f"convert: {kind} {owner!r}: {parameter}",
                f"{wrong} of {tensor.numel()} values NaN or infinite", "finite numbers",
            )  # fmt: skip


def _check_calibrated(module: Any, name: str) -> None:
    """Refuse a batch-norm whose statistics were never taken."""
    seen = module.num_batches_tracked
    if module.running_mean is None or seen is None:
        raise DescriptionError(
            f"convert: {_name(module)} {name!r}: running statistics", None, "a mean and a variance",
            "Without them it depends on the batch: track_running_stats=True, and train again.",
        )  # fmt: skip
    if int(seen) == 0:
        raise DescriptionError(
            f"convert: {_name(module)} {name!r}: num_batches_tracked", 0, "1 or more",
            "Its mean and variance are those it was made with: run some batches in train() first.",
        )  # fmt: skip


def _check_faithful(traced: Traced, images: Any) -> None:
    """Refuse layers that give something else than the module: then something was misread.

    Levels of quantised activations are made fine, as rounding could decide between two of them.
    """
    few = images[:4].detach().cpu().double()
    module = copy.deepcopy(traced.graph_module).cpu().double()
    for part in module.modules():
        if isinstance(part, QCFS):
            part.levels = 1 << 40
    with torch.no_grad():
        expected = numbers(module(few))
    found = traced.network.evaluate(numbers(few), unquantised)[-1]
    scale = max(float(np.abs(expected).max()), np.finfo(float).tiny)
    error = float(np.abs(found - expected).max()) / scale
    if not error <= FAITHFUL:
        raise UnsupportedError(
            f"convert: {_name(traced.graph_module)}",
            f"read as layers it gives outputs that differ by {error:.2g} of the largest",
            "operations that are not in place: relu(x) for relu_(x), x + y for x += y",
        )


Handler = Callable[..., Any]

_IGNORED = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.AlphaDropout, nn.Identity)

_MODULES: tuple[tuple[tuple[Any, ...], Handler], ...] = (
    ((nn.Linear,), _Reading.linear),
    ((nn.Conv1d, nn.Conv2d), _Reading.convolution),
    ((nn.BatchNorm1d, nn.BatchNorm2d), _Reading.batch_norm),
    ((nn.ReLU,), _Reading.rectify_module),
    ((QCFS,), _Reading.quantise),
    ((nn.AvgPool1d, nn.AvgPool2d), _Reading.average_pool),
    ((nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d), _Reading.adaptive_pool),
    ((nn.MaxPool1d, nn.MaxPool2d), _Reading.max_pool_module),
    ((nn.Flatten,), _Reading.flatten),
    (_IGNORED, _Reading.same_module),
)

_FUNCTIONS: dict[Any, Handler] = {
    torch.relu: _Reading.rectify,
    torch.relu_: _Reading.rectify,
    F.relu: _Reading.rectify,
    F.relu_: _Reading.rectify,
    F.dropout: _Reading.same,
    F.dropout2d: _Reading.same,
    F.avg_pool1d: _Reading.averages,
    F.avg_pool2d: _Reading.averages,
    F.adaptive_avg_pool1d: _Reading.adaptive,
    F.adaptive_avg_pool2d: _Reading.adaptive,
    F.max_pool1d: _Reading.maxima,
    F.max_pool2d: _Reading.maxima,
    torch.max_pool1d: _Reading.maxima,
    torch.max_pool2d: _Reading.maxima,
    torch.flatten: _Reading.reshape,
    torch.reshape: _Reading.reshape,
    torch.squeeze: _Reading.reshape,
    torch.unsqueeze: _Reading.reshape,
    torch.add: _Reading.add,
    operator.add: _Reading.add,
    operator.iadd: _Reading.add,
    getattr: _Reading.attribute,
    operator.getitem: _Reading.item,
}

_METHODS: dict[Any, Handler] = {
    "relu": _Reading.rectify,
    "relu_": _Reading.rectify,
    "flatten": _Reading.reshape,
    "reshape": _Reading.reshape,
    "view": _Reading.reshape,
    "squeeze": _Reading.reshape,
    "unsqueeze": _Reading.reshape,
    "add": _Reading.add,
    "add_": _Reading.add,
    "contiguous": _Reading.same,
    "size": lambda *_: None,
    "dim": lambda *_: None,
}
