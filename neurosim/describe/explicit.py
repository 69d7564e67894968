"""Connection rules that list their connections: lists, matrices, distances, convolutions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from neurosim.describe.checks import Ints, check_bool, to_int, to_ints
from neurosim.describe.formulas import Formula
from neurosim.describe.population import Selectable
from neurosim.describe.positions import distances
from neurosim.describe.rules import Rule
from neurosim.errors import DescriptionError
from neurosim.explained import explained
from neurosim.units import Quantity, defer, magnitudes, to_float, to_scalar

Floats: TypeAlias = npt.NDArray[np.float64]


class Explicit(NamedTuple):
    """Listed connections, in the order of drawing.

    Attributes
    ----------
    pre, post : (n,) int64
        Positions within the views.
    weight, delay : (n,) float64 or None
        None where the rule says nothing of them.
    """

    pre: Ints
    post: Ints
    weight: Floats | None = None
    delay: Floats | None = None


@explained
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ExplicitRule(Rule):
    """Base of the rules that can list their connections."""

    @property
    def has_weights(self) -> bool:
        """Whether the rule itself brings the weights."""
        return False

    @property
    def has_delays(self) -> bool:
        """Whether the rule itself brings the delays."""
        return False

    def in_unit(self, weight_unit: str, place: str) -> ExplicitRule:
        """Return the same rule with weights as floats in `weight_unit`."""
        return self

    def explicit(
        self, pre: Selectable, post: Selectable, generator: np.random.Generator | None = None
    ) -> Explicit:
        """List the connections. Only random rules use the generator, and need it."""
        raise NotImplementedError


@explained
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class FromList(ExplicitRule):
    """The listed connections.

    Attributes
    ----------
    pairs : (n, 2) int array, or list of (i, j)
        Positions within `pre` and `post`. The same pair may occur several times. Rows may go on
        with weight and delay: (i, j, weight) or (i, j, weight, delay).
    weight : (n,) array, optional
        In the unit of the receptor, or a quantity.
    delay : (n,) array, optional
        [ms].
    """

    pairs: Any
    weight: Any = None
    delay: Any = None

    def __post_init__(self) -> None:
        place = "FromList.pairs"
        expected = "an (n, 2) array of positions (i in pre, j in post)"
        try:
            given = np.asarray(self.pairs)
        except ValueError:
            raise DescriptionError(place, self.pairs, expected) from None
        if given.size == 0:
            given = np.zeros((0, 2), np.int64)
        if given.ndim != 2 or given.shape[1] not in (2, 3, 4):
            raise DescriptionError(place, self.pairs, expected)
        for column, name in zip(range(2, given.shape[1]), ("weight", "delay"), strict=False):
            if getattr(self, name) is not None:
                raise DescriptionError(f"FromList.{name}", getattr(self, name), "given once")
            object.__setattr__(self, name, given[:, column])
        given = given[:, :2]
        object.__setattr__(self, "pairs", to_ints(given, place, what=expected))
        shape = (len(given),)
        for name in ("weight", "delay"):
            value = getattr(self, name)
            if value is None:
                continue
            number = (
                defer(value, "FromList.weight")
                if name == "weight"
                else to_float(value, "ms", "FromList.delay", at_least=0)
            )
            if magnitudes(number).shape != shape:
                raise DescriptionError(
                    f"FromList.{name}", value, f"{shape[0]} values, one per connection"
                )
            object.__setattr__(self, name, number)

    @property
    def has_weights(self) -> bool:
        """Whether weights are listed."""
        return self.weight is not None

    @property
    def has_delays(self) -> bool:
        """Whether delays are listed."""
        return self.delay is not None

    def in_unit(self, weight_unit: str, place: str) -> FromList:
        """Return the same rule with weights as floats in `weight_unit`."""
        if self.weight is None:
            return self
        return FromList(
            self.pairs, to_float(self.weight, weight_unit, f"{place}: FromList.weight"), self.delay
        )

    def check(self, pre: Selectable, post: Selectable, place: str) -> None:
        """Refuse positions beyond the views."""
        for column, view, word in ((0, pre, "pre"), (1, post, "post")):
            beyond = self.pairs[:, column] >= len(view)
            if beyond.any():
                raise DescriptionError(
                    f"{place}: FromList.pairs",
                    self.pairs[beyond][0].tolist(),
                    f"positions in {word} from 0 to {len(view) - 1}",
                )

    def expected_connections(self, pre: Selectable, post: Selectable) -> float:
        """Return the number of connections."""
        return len(self.pairs)

    def explicit(
        self, pre: Selectable, post: Selectable, generator: np.random.Generator | None = None
    ) -> Explicit:
        """List the connections in the order given."""
        weight = None if self.weight is None else np.asarray(self.weight)
        return Explicit(self.pairs[:, 0], self.pairs[:, 1], weight, self.delay)

    def __repr__(self) -> str:
        return f"FromList({len(self.pairs)} pairs)"


@explained
@dataclass(frozen=True, slots=True, eq=False)
class Sparse:
    """A matrix as its entries, sorted by row and then column, each pair once.

    Attributes
    ----------
    shape : (n_pre, n_post)
    pre, post : (n,) int64
    weight : (n,) float64, or a Quantity of these
    """

    shape: tuple[int, int]
    pre: Ints
    post: Ints
    weight: Floats | Quantity

    def __post_init__(self) -> None:
        shape = to_ints(self.shape, "Sparse.shape")
        if shape.shape != (2,):
            raise DescriptionError("Sparse.shape", self.shape, "two numbers (n_pre, n_post)")
        object.__setattr__(self, "shape", tuple(shape.tolist()))
        object.__setattr__(self, "pre", to_ints(self.pre, "Sparse.pre"))
        object.__setattr__(self, "post", to_ints(self.post, "Sparse.post"))
        if not isinstance(self.weight, Quantity):
            object.__setattr__(self, "weight", to_float(self.weight, "1", "Sparse.weight"))
        weight = magnitudes(self.weight)
        if self.pre.ndim != 1 or not self.pre.shape == self.post.shape == weight.shape:
            raise DescriptionError("Sparse.weight", weight, "as many as pre and post")
        if np.any(self.pre >= shape[0]) or np.any(self.post >= shape[1]):
            raise DescriptionError("Sparse.pre, .post", max(self.pre), f"within {self.shape}")
        place = self.pre * self.shape[1] + self.post
        if np.any(np.diff(place) <= 0):
            raise DescriptionError("Sparse.pre, .post", place, "sorted, each pair once")


@explained
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class FromMatrix(ExplicitRule):
    """The connections and weights of a matrix.

    Attributes
    ----------
    matrix : (n_pre, n_post) array, scipy.sparse matrix or array
        Weights, rows are sources: a connectome stored target by source has to be transposed.
        Of a dense matrix the entries other than 0 are connections; of a sparse one the stored
        entries, also stored zeros (entries that are stored twice are added up). In the unit of
        the receptor, or a quantity.
    """

    matrix: Any

    def __post_init__(self) -> None:
        if isinstance(self.matrix, Sparse):
            return
        if hasattr(self.matrix, "tocsr") and hasattr(self.matrix, "nnz"):
            entries = _from_scipy(self.matrix)
        else:
            entries = _from_dense(self.matrix)
        object.__setattr__(self, "matrix", entries)

    @property
    def has_weights(self) -> bool:
        """True."""
        return True

    def in_unit(self, weight_unit: str, place: str) -> FromMatrix:
        """Return the same rule with weights as floats in `weight_unit`."""
        m = self.matrix
        weight = to_float(m.weight, weight_unit, f"{place}: FromMatrix.matrix")
        return FromMatrix(Sparse(m.shape, m.pre, m.post, np.atleast_1d(weight)))

    def check(self, pre: Selectable, post: Selectable, place: str) -> None:
        """Refuse a matrix of another shape."""
        expected = (len(pre), len(post))
        if self.matrix.shape != expected:
            transposed = self.matrix.shape == expected[::-1]
            raise DescriptionError(
                f"{place}: shape of FromMatrix.matrix",
                self.matrix.shape,
                f"(n_pre, n_post) = {expected}",
                "It has this shape if transposed: matrix.T." if transposed else None,
            )

    def expected_connections(self, pre: Selectable, post: Selectable) -> float:
        """Return the number of connections."""
        return len(self.matrix.pre)

    def explicit(
        self, pre: Selectable, post: Selectable, generator: np.random.Generator | None = None
    ) -> Explicit:
        """List the connections by source, then target."""
        return Explicit(self.matrix.pre, self.matrix.post, np.asarray(self.matrix.weight))

    def __repr__(self) -> str:
        n, m = self.matrix.shape
        return f"FromMatrix({n} x {m}, {len(self.matrix.pre)} entries)"


@explained
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class DistanceDependent(ExplicitRule):
    """Every pair is connected independently, with a probability that depends on its distance.

    Both populations need positions.

    Attributes
    ----------
    probability : str
        Formula in the distance d (in the unit of the positions), for example
        ``"0.8*exp(-d/0.3)"``; see `neurosim.describe.formulas.Formula`. Must lie within 0 and 1
        at every distance that occurs.
    max_distance : float, optional
        Pairs further apart than this are not connected.
    autapses : bool
        Whether a neuron may connect to itself.
    """

    probability: Formula | str
    max_distance: float | None = None
    autapses: bool = True

    def __post_init__(self) -> None:
        place = "DistanceDependent.probability"
        if not isinstance(self.probability, Formula):
            object.__setattr__(self, "probability", Formula(self.probability, place))
        if self.max_distance is not None:
            far = to_scalar(self.max_distance, "1", "DistanceDependent.max_distance", at_least=0)
            object.__setattr__(self, "max_distance", far)
        check_bool(self.autapses, "DistanceDependent.autapses")

    def check(self, pre: Selectable, post: Selectable, place: str) -> None:
        """Refuse neurons without positions, or whose distances are undefined."""
        located(pre, post, f"{place}: DistanceDependent")

    def expected_connections(self, pre: Selectable, post: Selectable) -> float:
        """Return the sum of the probabilities: over all pairs, or a regular sample of sources.

        The sample (where there are more than four million pairs) makes this an estimate.
        """
        sample = np.arange(0, len(pre), max(1, len(pre) * len(post) // 4_000_000))
        total = sum(float(p.sum()) for _, p in self._rows(pre, post, sample))
        return total * len(pre) / len(sample)

    def explicit(
        self, pre: Selectable, post: Selectable, generator: np.random.Generator | None = None
    ) -> Explicit:
        """Draw the connections, by source and then target.

        Raises
        ------
        DescriptionError
            If a probability lies outside 0 and 1.
        """
        assert generator is not None, "a random rule needs a generator"
        parts = [
            (rows[i], j)
            for rows, p in self._rows(pre, post, np.arange(len(pre)))
            for i, j in [np.nonzero(generator.random(p.shape) < p)]
        ]
        return Explicit(
            np.concatenate([i for i, _ in parts]), np.concatenate([j for _, j in parts])
        )

    def _rows(self, pre: Selectable, post: Selectable, sources: Ints) -> Any:
        """Yield blocks of sources with their probabilities, (n_block, n_post)."""
        assert isinstance(self.probability, Formula)
        from_, to, period = located(pre, post, "DistanceDependent")
        pre_ids, post_ids = pre.ids, post.ids
        block = max(1, 1_000_000 // len(post))  # a few tens of MB at a time
        for start in range(0, len(sources), block):
            rows = sources[start : start + block]
            d = distances(from_[rows], to, period)
            near = np.full(d.shape, True) if self.max_distance is None else d <= self.max_distance
            if not self.autapses:
                near &= pre_ids[rows, np.newaxis] != post_ids
            p = np.zeros(d.shape)
            p[near] = self.probability(d[near])
            wrong = (p < 0) | (p > 1)
            if wrong.any():
                raise DescriptionError(
                    f"DistanceDependent.probability at d = {d[wrong][0]:.6g}",
                    float(p[wrong][0]),
                    "a probability from 0 to 1",
                    "minimum(..., 1) and maximum(..., 0) bound a formula.",
                )
            yield rows, p

    def __repr__(self) -> str:
        assert isinstance(self.probability, Formula)
        far = f", max_distance={self.max_distance:g}" if self.max_distance is not None else ""
        return f"DistanceDependent({self.probability.text!r}{far})"


@explained
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Conv2D(ExplicitRule):
    """A two-dimensional convolution (as in torch: cross-correlation).

    Attributes
    ----------
    kernel : (out_channels, in_channels / groups, height, width) array
        Weights, in the unit of the receptor, or a quantity.
    stride, padding, dilation : int or (int, int)
        Per axis (vertical, horizontal).
    groups : int
        Blocks of channels that are convolved separately.

    `pre` has the shape (in_channels, H, W), or (H, W) for one channel; `post` has
    (out_channels, H', W'), or (H', W') for one, where
    H' = floor((H + 2*padding - dilation*(height - 1) - 1)/stride + 1).
    """

    kernel: Any
    stride: int | tuple[int, int] = 1
    padding: int | tuple[int, int] = 0
    dilation: int | tuple[int, int] = 1
    groups: int = 1

    def __post_init__(self) -> None:
        place = "Conv2D.kernel"
        kernel = defer(self.kernel, place)
        shape = magnitudes(kernel).shape
        if len(shape) != 4 or 0 in shape:
            raise DescriptionError(
                place, self.kernel, "(out_channels, in_channels/groups, height, width) weights"
            )
        object.__setattr__(self, "kernel", kernel)
        for name, least in (("stride", 1), ("padding", 0), ("dilation", 1)):
            given = getattr(self, name)
            pair = given if isinstance(given, (tuple, list)) else (given, given)
            if len(pair) != 2:
                raise DescriptionError(f"Conv2D.{name}", given, "one whole number, or two")
            checked = tuple(to_int(n, f"Conv2D.{name}", at_least=least) for n in pair)
            object.__setattr__(self, name, checked)
        object.__setattr__(self, "groups", to_int(self.groups, "Conv2D.groups", at_least=1))
        if shape[0] % self.groups:
            raise DescriptionError(
                "Conv2D.groups", self.groups, f"a divisor of the {shape[0]} out_channels"
            )

    @property
    def has_weights(self) -> bool:
        """True."""
        return True

    def in_unit(self, weight_unit: str, place: str) -> Conv2D:
        """Return the same rule with weights as floats in `weight_unit`."""
        kernel = to_float(self.kernel, weight_unit, f"{place}: Conv2D.kernel")
        return Conv2D(kernel, self.stride, self.padding, self.dilation, self.groups)

    def check(self, pre: Selectable, post: Selectable, place: str) -> None:
        """Refuse shapes that do not fit the kernel."""
        shape = self._kernel().shape
        channels = shape[1] * self.groups
        source = (1, *pre.shape) if len(pre.shape) == 2 else pre.shape
        if len(source) != 3 or source[0] != channels:
            raise DescriptionError(
                f"{place}: shape of pre",
                pre.shape,
                f"({channels}, H, W), as the kernel {shape} needs",
            )
        out = tuple(self._extent(axis, source[axis + 1]) for axis in (0, 1))
        if min(out) < 1:
            raise DescriptionError(
                f"{place}: shape of pre", pre.shape, f"at least as large as the kernel {shape}"
            )
        target = (1, *post.shape) if len(post.shape) == 2 else post.shape
        if target != (shape[0], *out):
            raise DescriptionError(
                f"{place}: shape of post",
                post.shape,
                f"{(shape[0], *out)}",
                "Per axis floor((n + 2*padding - dilation*(kernel - 1) - 1)/stride + 1), "
                f"with n = {source[1:]}, padding = {self.padding}, dilation = {self.dilation}, "
                f"kernel = {shape[2:]}, stride = {self.stride}.",
            )

    def expected_connections(self, pre: Selectable, post: Selectable) -> float:
        """Return the number of connections; those into the padding do not exist."""
        height, width = pre.shape[-2:]
        out, inner = (int(n) for n in self._kernel().shape[:2])
        return out * inner * len(self._taps(0, height)[0]) * len(self._taps(1, width)[0])

    def explicit(
        self, pre: Selectable, post: Selectable, generator: np.random.Generator | None = None
    ) -> Explicit:
        """List the connections by output channel, input channel, row and column."""
        kernel = self._kernel()
        height, width = pre.shape[-2:]
        out_height, out_width = self._extent(0, height), self._extent(1, width)
        out_y, tap_y, in_y = self._taps(0, height)
        out_x, tap_x, in_x = self._taps(1, width)
        out, inner = np.indices(kernel.shape[:2]).reshape(2, -1, 1, 1)
        channel = inner + out // (kernel.shape[0] // self.groups) * kernel.shape[1]
        pre_index = (channel * height + in_y[:, np.newaxis]) * width + in_x
        post_index = (out * out_height + out_y[:, np.newaxis]) * out_width + out_x
        weight = kernel[out, inner, tap_y[:, np.newaxis], tap_x]
        return Explicit(pre_index.ravel(), post_index.ravel(), weight.ravel())

    def _kernel(self) -> Floats:
        return magnitudes(self.kernel)

    def _per_axis(self, name: str, axis: int) -> int:
        return int(getattr(self, name)[axis])

    def _extent(self, axis: int, n: int) -> int:
        """Length of the output along an axis (0 vertical, 1 horizontal); torch's formula."""
        reach = self._per_axis("dilation", axis) * (int(self._kernel().shape[2 + axis]) - 1) + 1
        padded = n + 2 * self._per_axis("padding", axis)
        return (padded - reach) // self._per_axis("stride", axis) + 1

    def _taps(self, axis: int, n: int) -> tuple[Ints, Ints, Ints]:
        """Return output, tap and input index of every tap that falls onto a neuron."""
        out, tap = np.indices((self._extent(axis, n), self._kernel().shape[2 + axis]))
        at = (
            out * self._per_axis("stride", axis)
            - self._per_axis("padding", axis)
            + tap * self._per_axis("dilation", axis)
        )
        inside = (at >= 0) & (at < n)
        return out[inside], tap[inside], at[inside]

    def __repr__(self) -> str:
        return f"Conv2D(kernel {' x '.join(map(str, self._kernel().shape))})"


def located(
    pre: Selectable, post: Selectable, place: str
) -> tuple[Floats, Floats, tuple[float, ...] | None]:
    """Return the points of both and the period of their space.

    Raises
    ------
    DescriptionError
        If a population has no positions, or the spaces differ.
    """
    points: list[list[Floats]] = [[], []]
    period: tuple[float, ...] | None = None
    axes: int | None = None
    for side, view in enumerate((pre, post)):
        for population, indices in view.segments:
            positions = population.positions
            if positions is None:
                raise DescriptionError(
                    f"{place}: positions of {population.name!r}",
                    None,
                    "positions",
                    "Give them: net.population(..., positions=neurosim.Grid()).",
                )
            if axes is None:
                axes, period = positions.values.shape[1], positions.period
            if positions.values.shape[1] != axes or positions.period != period:
                raise DescriptionError(
                    f"{place}: positions of {population.name!r}",
                    positions,
                    f"{axes} axes with the period {period}, as the others have",
                )
            points[side].append(positions.values[indices])
    return np.concatenate(points[0]), np.concatenate(points[1]), period


def _from_dense(matrix: Any) -> Sparse:
    """Take the entries other than 0."""
    given = defer(matrix, "FromMatrix.matrix")
    values = magnitudes(given)
    if values.ndim != 2:
        raise DescriptionError("FromMatrix.matrix", matrix, "a matrix (n_pre, n_post)")
    pre, post = np.nonzero(values)
    weight: Any = values[pre, post]
    if isinstance(given, Quantity):
        weight = Quantity(weight, given.unit)
    return Sparse((values.shape[0], values.shape[1]), pre, post, weight)


def _from_scipy(matrix: Any) -> Sparse:
    """Take the stored entries of a scipy sparse matrix."""
    rows = matrix.tocsr(copy=True)
    rows.sum_duplicates()
    weight = np.atleast_1d(to_float(rows.data, "1", "FromMatrix.matrix"))
    pre = np.repeat(np.arange(rows.shape[0]), np.diff(rows.indptr))
    return Sparse(tuple(int(n) for n in rows.shape), pre, rows.indices, weight)  # type: ignore[arg-type]
