"""The metapopulation: nodes, planted attractors, and the coupling that is learned."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

import neurosim as ns
from neurosim.describe.checks import to_int
from neurosim.errors import DescriptionError, UnknownNameError
from neurosim.explained import explained
from neurosim.units import to_float, to_scalar
from neurosim_models.metapopulation.couplings import PARAMETRIZATIONS, Parametrization
from neurosim_models.metapopulation.dynamics import relax, unroll
from neurosim_models.metapopulation.nodes import FixedPoint, WilsonCowanNode

Floats = npt.NDArray[np.float64]
PRECISIONS: dict[str, Any] = {"double": np.float64, "single": np.float32}


@explained
@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class WilsonCowanMetapopulation:
    """Coupled Wilson-Cowan nodes with attractors planted in the kernel of their coupling.

        dx_i/dt = -a_E x_i + (1 - x_i) f_E(w_EE x_i - w_EI y_i + h_E + D sum_j A_ij x_j)
        gamma dy_i/dt = -a_I y_i + (1 - y_i) f_I(w_IE x_i - w_II y_i + h_I)

    with D = 1/sqrt(size). Every node has two wells of its own. A pattern says which nodes are in
    the low one; as A v = 0 for the planted states v, each of them is a fixed point whatever the
    rest of A has learned. A picture is the initial state, x = y = its pixels; its class is the
    attractor that the network settles in.

    A value: `neurosim_models.metapopulation.train` returns another one with learned numbers.

    Attributes
    ----------
    size : int
        Number of nodes: one per pixel.
    n_attractors : int
        Number of planted attractors: one per class.
    parametrization : {"spectral", "projected"}
        "spectral" is that of the paper, A = Phi Lambda Phi^-1 with some eigenvectors and
        eigenvalues fixed. "projected" is A = B (I - Q Q^T), Q an orthonormal basis of the planted
        states: the same constraint without an inverse, which learns in fewer steps.
    node : WilsonCowanNode
    gamma : float
        Time constant of the inhibitory populations; learned with the coupling.
    dt : float
        Step of the explicit Euler method, which belongs to the model.
    patterns : (n_attractors, size) bool array, optional
        Which nodes of each attractor are in their low well. Left out, those of the paper:
        disjoint blocks of size // (n_attractors + 2) nodes.
    weights : mapping of str to array, optional
        The numbers that A is made of: "basis" (size, size - n_attractors) and "eigenvalues" of the
        spectral one, "weights" (size, size) of the projected one. Left out, they are drawn.
    seed : int
        Of drawn weights.

    Raises
    ------
    DescriptionError
        If the node has no two stable fixed points, patterns are dependent, or shapes do not fit.

    Source: Marino, Buffoni, Chicchi, Di Patti, Febbe, Giambagli & Fanelli (2025), Learning in
    Wilson-Cowan model for metapopulation, Neural Comput. 37:701-741, arXiv:2406.16453.

    Examples
    --------
    >>> model = WilsonCowanMetapopulation(size=64, n_attractors=10, parametrization="projected")
    >>> bool(abs(model.coupling @ model.attractors.T).max() < 1e-13)
    True
    """

    size: int
    n_attractors: int
    parametrization: str = "spectral"
    node: WilsonCowanNode = field(default_factory=WilsonCowanNode)
    gamma: float = 0.25
    dt: float = 0.1
    patterns: Any = None
    weights: Any = None
    seed: int = 0
    _wells: tuple[FixedPoint, FixedPoint] = field(init=False)
    _fixed: Floats = field(init=False)

    def __post_init__(self) -> None:
        put = object.__setattr__
        name = type(self).__name__
        for key, least in (("size", 2), ("n_attractors", 1), ("seed", 0)):
            put(self, key, to_int(getattr(self, key), f"{name}.{key}", at_least=least))
        for key in ("gamma", "dt"):
            put(self, key, to_scalar(getattr(self, key), "1", f"{name}.{key}", above=0))
        if not isinstance(self.node, WilsonCowanNode):
            raise DescriptionError(f"{name}.node", self.node, "a WilsonCowanNode")
        if self.parametrization not in PARAMETRIZATIONS:
            raise UnknownNameError(
                f"{name}.parametrization", self.parametrization, PARAMETRIZATIONS
            )
        put(self, "patterns", self._patterns())
        wells = [point for point in self.node.fixed_points(self.gamma) if point.stable]
        if len(wells) < 2:
            raise DescriptionError(
                f"{name}.node", self.node, "a node with two stable fixed points",
                f"It has {len(wells)} at gamma = {self.gamma:g}: see node.fixed_points().",
            )  # fmt: skip
        put(self, "_wells", (wells[0], wells[-1]))
        planted = self.attractors.T
        if np.linalg.matrix_rank(planted) < self.n_attractors:
            raise DescriptionError(
                f"{name}.patterns", self.patterns, "linearly independent attractors",
                "One of them is a combination of others, or equal to another one.",
            )  # fmt: skip
        put(self, "_fixed", np.linalg.qr(planted)[0])
        put(self, "weights", MappingProxyType(self._weights()))

    def _patterns(self) -> npt.NDArray[np.bool_]:
        place = f"{type(self).__name__}.patterns"
        n, k = self.size, self.n_attractors
        if self.patterns is None:
            block = n // (k + 2)
            if block == 0:
                raise DescriptionError(
                    f"{type(self).__name__}.n_attractors", k, f"at most {n - 2} for {n} nodes"
                )
            patterns: npt.NDArray[np.bool_] = np.arange(n) // block == np.arange(k)[:, None]
        else:
            given = np.asarray(self.patterns)
            if given.dtype != np.bool_ or given.shape != (k, n):
                raise DescriptionError(place, given, f"a bool array of shape {(k, n)}")
            patterns = given.copy()
        patterns.flags.writeable = False
        return patterns

    def _weights(self) -> dict[str, npt.NDArray[Any]]:
        place = f"{type(self).__name__}.weights"
        if self.weights is None:
            generator = np.random.Generator(np.random.Philox(self.seed))
            numbers = self._parametrization.draw(self._fixed, generator)
        else:
            shapes = self._parametrization.shapes(self.size, self.n_attractors)
            if not isinstance(self.weights, Mapping) or set(self.weights) != set(shapes):
                given = list(self.weights) if isinstance(self.weights, Mapping) else self.weights
                raise DescriptionError(
                    place, given, f"a mapping with {' and '.join(map(repr, shapes))}"
                )
            numbers = {}
            for key, shape in shapes.items():
                array = np.array(to_float(self.weights[key], "1", f"{place}[{key!r}]"))
                if array.shape != shape:
                    raise DescriptionError(f"{place}[{key!r}]", array, f"an array of shape {shape}")
                numbers[key] = array
        for array in numbers.values():
            array.flags.writeable = False
        return numbers

    @property
    def _parametrization(self) -> Parametrization:
        return PARAMETRIZATIONS[self.parametrization]

    # --- what is planted ----------------------------------------------------------------------

    @property
    def wells(self) -> tuple[FixedPoint, FixedPoint]:
        """The stable fixed points of an uncoupled node with the lowest and the highest x."""
        return self._wells

    @property
    def fixed(self) -> Floats:
        """Q: orthonormal basis of the planted states, (size, n_attractors)."""
        return self._fixed

    @cached_property
    def attractors(self) -> Floats:
        """The planted x, (n_attractors, size)."""
        low, high = self.wells
        return np.where(self.patterns, low.x, high.x)

    @cached_property
    def attractors_y(self) -> Floats:
        """The planted y, (n_attractors, size)."""
        low, high = self.wells
        return np.where(self.patterns, low.y, high.y)

    @cached_property
    def coupling(self) -> Floats:
        """A, (size, size): rows are targets, columns are sources."""
        found: Floats = self._parametrization.matrix(dict(self.weights), self.fixed)
        found.flags.writeable = False
        return found

    @property
    def strength(self) -> float:
        """D: what A is multiplied by."""
        return 1 / math.sqrt(self.size)

    # --- as a network -------------------------------------------------------------------------

    def network(self, image: Any = None, *, record: Any = ()) -> ns.Network:
        """Return the metapopulation as a network; one unit of time is 1 ms, dt that of the model.

        Population "nodes", with the states x and y, is coupled with itself by the continuous
        projection "coupling" of weights D A.

        Parameters
        ----------
        image : (size,) array, optional
            Where x and y begin; shapes such as (8, 8) are flattened. Left out, both are 0:
            ``session.set("nodes", x=pixels, y=pixels)`` says it later.
        record : str or sequence of str
            States to record at every step, with the initial one.

        Returns
        -------
        Network
        """
        net = ns.Network("wilson_cowan_metapopulation", seed=self.seed, dt=self.dt)
        nodes = net.population("nodes", self.size, self.node.model(self.gamma))
        net.project(
            nodes, nodes, ns.FromMatrix(self.strength * self.coupling.T),
            source="x", receptor="coupled", name="coupling",
        )  # fmt: skip
        if image is not None:
            pixels = self.states(image, "network: image")[0]
            net.initialise(nodes, x=pixels, y=pixels)
        for name in (record,) if isinstance(record, str) else tuple(record):
            net.record(nodes, name, initial=True)
        return net

    def run_network(self, images: Any, steps: int = 400, **options: Any) -> Floats:
        """Relax each image in a session of the network, one after the other.

        `relax` is much faster for many images, and gives the same to rounding.

        Parameters
        ----------
        images : (n, size) array
            Initial x and y; (n, height, width) is flattened.
        steps : int
        **options
            As for `neurosim.compile`, such as ``threads=1`` or ``precision="single"``.

        Returns
        -------
        (n, size) array
            The last x.
        """
        starts = self.states(images, "run_network: images")
        count = to_int(steps, "run_network: steps", at_least=1)
        net = self.network()
        session, nodes = ns.compile(net, **options), net.populations["nodes"]
        found = np.empty_like(starts)
        for k, pixels in enumerate(starts):
            session.reset()
            session.set(nodes, x=pixels, y=pixels)
            session.run(count * self.dt, progress=False)
            found[k] = session.get(nodes, "x")
        return found

    # --- many states at once ------------------------------------------------------------------

    def relax(self, images: Any, steps: int = 400, *, precision: str = "double") -> Floats:
        """Return x after `steps` Euler steps from x = y = each image, (n, size).

        Raises
        ------
        SimulationError
            If a state leaves the finite numbers.
        """
        starts = self.states(images, "relax: images")
        count = to_int(steps, "relax: steps")
        matrix = (self.strength * self.coupling).astype(real_of(precision, "relax: precision"))
        with np.errstate(over="ignore", invalid="ignore"):
            x, _ = relax(self.node, self.gamma, self.dt, matrix, starts, starts, count)
        return _finite(x, count).astype(np.float64)

    def trajectory(self, images: Any, steps: int = 400) -> tuple[Floats, Floats]:
        """Return x and y at every Euler step from x = y = each image, (steps + 1, n, size)."""
        starts = self.states(images, "trajectory: images")
        count = to_int(steps, "trajectory: steps")
        matrix = self.strength * self.coupling
        with np.errstate(over="ignore", invalid="ignore"):
            run = unroll(self.node, self.gamma, self.dt, matrix, starts, starts, count)
        return _finite(run.x, count), _finite(run.y, count)

    # --- classification -----------------------------------------------------------------------

    def distances(self, x: Any) -> Floats:
        """Return |v - x|^2 / (|v| |x|) of each state and planted attractor, (n, n_attractors)."""
        states = self.states(x, "distances: x")
        planted = self.attractors
        lengths = np.sqrt((planted**2).sum(axis=1) * (states**2).sum(axis=1)[:, None])
        if not lengths.all():
            raise DescriptionError("distances: x", states, "states other than 0")
        found: Floats = _squares(states, planted) / lengths
        return found

    def classify(
        self, images: Any, steps: int = 400, *, precision: str = "double"
    ) -> npt.NDArray[np.int64]:
        """Return the number of the attractor nearest to each image after `steps`, (n,) int64."""
        last = self.relax(images, steps, precision=precision)
        nearest: npt.NDArray[np.int64] = self.distances(last).argmin(axis=1)
        return nearest

    def confusion(
        self, images: Any, labels: Any, steps: int = 400, **options: Any
    ) -> npt.NDArray[np.int64]:
        """Return how often images of a class (row) are taken for which class (column)."""
        starts = self.states(images, "confusion: images")
        truth = self.labels(labels, len(starts), "confusion")
        table = np.zeros((self.n_attractors, self.n_attractors), np.int64)
        np.add.at(table, (truth, self.classify(starts, steps, **options)), 1)
        return table

    def accuracy(self, images: Any, labels: Any, steps: int = 400, **options: Any) -> float:
        """Return the share of images that end nearest to the attractor of their class."""
        table = self.confusion(images, labels, steps, **options)
        return float(np.trace(table) / table.sum())

    def settled(self, x: Any, within: float = 1e-4) -> float:
        """Return the share of states within a squared distance of some planted attractor."""
        squares = _squares(self.states(x, "settled: x"), self.attractors)
        return float((squares.min(axis=1) <= within).mean())

    def basin(self, spread: float, trials: int = 100, steps: int = 400, seed: int = 0) -> Floats:
        """Return how often each attractor takes back states around it, (n_attractors,).

        Parameters
        ----------
        spread : float
            Standard deviation of the normal numbers added to every x and y.
        trials, steps, seed : int
            Starts per attractor, Euler steps, and what the starts are drawn with.
        """
        sd = to_scalar(spread, "1", "basin: spread", at_least=0)
        n = to_int(trials, "basin: trials", at_least=1)
        count = to_int(steps, "basin: steps")
        generator = np.random.Generator(np.random.Philox(to_int(seed, "basin: seed")))
        shape = (self.n_attractors * n, self.size)
        x = np.repeat(self.attractors, n, axis=0) + sd * generator.standard_normal(shape)
        y = np.repeat(self.attractors_y, n, axis=0) + sd * generator.standard_normal(shape)
        with np.errstate(over="ignore", invalid="ignore"):
            matrix = self.strength * self.coupling
            x, _ = relax(self.node, self.gamma, self.dt, matrix, x, y, count)
        nearest = self.distances(_finite(x, count)).argmin(axis=1).reshape(-1, n)
        shares: Floats = (nearest == np.arange(self.n_attractors)[:, None]).mean(axis=1)
        return shares

    # --- stability ----------------------------------------------------------------------------

    def jacobian(self, k: int) -> Floats:
        """Return the derivatives of (dx/dt, dy/dt) at attractor k, (2 size, 2 size)."""
        x, y = self._attractor(k, "jacobian: k")
        (xx, xy, yx, yy), gain = self.node.slopes(x, y)
        e_block = np.diag(xx) + self.strength * gain[:, None] * self.coupling
        jacobian: Floats = np.block(
            [[e_block, np.diag(xy)], [np.diag(yx / self.gamma), np.diag(yy / self.gamma)]]
        )
        return jacobian

    def eigenvalues(self, k: int) -> npt.NDArray[np.complex128]:
        """Return the eigenvalues of the Jacobian at attractor k, (2 size,).

        With w_IE = 0 the inhibitory populations see nothing of the excitatory ones: the
        eigenvalues are those of the two blocks.
        """
        jacobian = self.jacobian(k)
        n = self.size
        if self.node.w_IE != 0:
            return np.asarray(np.linalg.eigvals(jacobian), np.complex128)
        own = np.linalg.eigvals(jacobian[:n, :n])
        return np.asarray(np.concatenate([own, np.diag(jacobian)[n:]]), np.complex128)

    def spectral_abscissa(self, k: int) -> float:
        """Return the largest real part of the eigenvalues at attractor k: negative is stable."""
        return float(self.eigenvalues(k).real.max())

    def spectral_radius(self, k: int) -> float:
        """Return the largest size of 1 + dt times an eigenvalue: below 1 Euler steps settle."""
        return float(np.abs(1 + self.dt * self.eigenvalues(k)).max())

    # --- for the others -----------------------------------------------------------------------

    def with_weights(
        self, weights: Mapping[str, Any], gamma: float | None = None
    ) -> WilsonCowanMetapopulation:
        """Return the same metapopulation with other numbers."""
        return replace(self, weights=weights, gamma=self.gamma if gamma is None else gamma)

    def _attractor(self, k: int, place: str) -> tuple[Floats, Floats]:
        number = to_int(k, place)
        if number >= self.n_attractors:
            raise DescriptionError(place, k, f"an attractor from 0 to {self.n_attractors - 1}")
        return self.attractors[number], self.attractors_y[number]

    def states(self, images: Any, place: str = "states") -> Floats:
        """Return what a user gave as states: (n, size) float64.

        A single state of any shape is one row; (n, height, width) is flattened.
        """
        array = np.asarray(to_float(images, "1", place))
        if array.size == self.size and array.shape[0] != 1:
            array = array[None]
        if array.ndim < 2 or len(array) == 0 or array[0].size != self.size:
            raise DescriptionError(place, array, f"states of {self.size} nodes each, (n, size)")
        return np.ascontiguousarray(array.reshape(len(array), self.size), np.float64)

    def labels(self, labels: Any, count: int, place: str = "labels") -> npt.NDArray[np.int64]:
        """Return what a user gave as classes of `count` images: (count,) int64."""
        given = np.asarray(labels)
        fits = given.shape == (count,) and given.dtype.kind in "iu"
        if not fits or given.min() < 0 or given.max() >= self.n_attractors:
            raise DescriptionError(
                f"{place}: labels", given,
                f"{count} whole numbers from 0 to {self.n_attractors - 1}, one per image",
            )  # fmt: skip
        return given.astype(np.int64)

    def __repr__(self) -> str:
        return (
            f"WilsonCowanMetapopulation({self.size} nodes, {self.n_attractors} attractors, "
            f"{self.parametrization}, gamma {self.gamma:.3g})"
        )


def real_of(precision: Any, place: str) -> Any:
    """Return the type of numbers that a precision means."""
    if not isinstance(precision, str) or precision not in PRECISIONS:
        raise UnknownNameError(place, precision, PRECISIONS)
    return PRECISIONS[precision]


def _finite(x: npt.NDArray[Any], steps: int) -> npt.NDArray[Any]:
    if not np.isfinite(x).all():
        raise ns.SimulationError(
            f"WilsonCowanMetapopulation: a state leaves the finite numbers within {steps} steps. "
            f"Smaller initial states, a smaller dt or a weaker coupling keep it."
        )
    return x


def _squares(states: Floats, planted: Floats) -> Floats:
    """Return squared distances, (n, n_attractors)."""
    return np.stack([((states - v) ** 2).sum(axis=1) for v in planted], axis=1)
