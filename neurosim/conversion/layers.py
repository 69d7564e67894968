"""A feed-forward network of rectified units as layers and linear maps: what tracing yields.

Layer k takes an affine function of the image and of layers before it, and rectifies it, or takes
the largest of several neurons of one layer. Everything between is linear and kept as operators.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from neurosim.conversion.operators import Floats, Operator, Shape, product

Ints: TypeAlias = npt.NDArray[np.int64]
Nonlinearity: TypeAlias = Callable[["Layer", Floats], Floats]

IMAGE = 0
"""The source that stands for the image; source k > 0 is layer k."""


@dataclass(frozen=True, eq=False)
class Branch:
    """A linear function of one source.

    Attributes
    ----------
    source : int
        `IMAGE`, or the number of a layer, from 1 on.
    operators : tuple of Operator
        In the order in which they are applied; none is the identity.
    """

    source: int
    operators: tuple[Operator, ...] = ()


@dataclass(frozen=True, eq=False)
class Affine:
    """A sum of branches and a constant: the value of a node between two rectifications.

    Attributes
    ----------
    branches : tuple of Branch
    bias : (size,) float64
    shape : tuple of int
    origin : str
        The module that computed it last.
    """

    branches: tuple[Branch, ...]
    bias: Floats
    shape: Shape
    origin: str = ""

    @property
    def plain_source(self) -> int | None:
        """The layer that this is, where it is nothing else."""
        if len(self.branches) == 1 and not self.branches[0].operators and not self.bias.any():
            return self.branches[0].source
        return None


@dataclass(frozen=True, eq=False)
class Taps:
    """Which neurons a layer of maxima looks at.

    Attributes
    ----------
    matrices : tuple of sparse (n_in, n_out)
        One per position in the window, with ones; positions in the padding are empty.
    """

    matrices: tuple[Any, ...]


@dataclass(frozen=True, eq=False)
class Layer:
    """Neurons that become one population.

    Attributes
    ----------
    name : str
    shape : tuple of int
    depth : int
        Steps from the image to its first possible spike.
    branches, bias
        Its input, as in `Affine`; a layer of maxima has one branch without operators.
    node : str
        Node of the traced graph whose value, rectified, is its activation.
    taps : Taps or None
        Given for a layer of maxima.
    clip : float or None
        Largest value of an activation that is quantised in training (`QCFS`).
    """

    name: str
    shape: Shape
    depth: int
    branches: tuple[Branch, ...]
    bias: Floats
    node: str
    taps: Taps | None = None
    clip: float | None = None

    @property
    def size(self) -> int:
        """Number of neurons."""
        return int(np.prod(self.shape))


@dataclass
class LayeredNetwork:
    """All layers and the output.

    Attributes
    ----------
    image_shape : tuple of int
    layers : list of Layer
        Each after those it reads; layer k of the text is ``layers[k - 1]``.
    output : Affine
    signed : bool
        Whether layers can take spikes back.
    """

    image_shape: Shape
    layers: list[Layer]
    output: Affine
    signed: bool = False
    _matrices: dict[tuple[int, ...], Any] = field(default_factory=dict, repr=False)

    def shape_of(self, source: int) -> Shape:
        """Return the shape of the image or a layer."""
        return self.image_shape if source == IMAGE else self.layers[source - 1].shape

    def depth_of(self, source: int) -> int:
        """Return the depth of the image, which is 0, or of a layer."""
        return 0 if source == IMAGE else self.layers[source - 1].depth

    @property
    def depth(self) -> int:
        """Steps from the image to the first input of the output."""
        return 1 + max((self.depth_of(b.source) for b in self.output.branches), default=0)

    @property
    def image_depths(self) -> list[int]:
        """Depths at which the image itself enters."""
        targets = [(layer.depth, layer.branches) for layer in self.layers]
        targets.append((self.depth, self.output.branches))
        return sorted(
            {depth for depth, branches in targets if any(b.source == IMAGE for b in branches)}
        )

    def n_steps(self, timesteps: int) -> int:
        """Return the steps of a run in which every window has `timesteps`."""
        return timesteps + self.depth - 1

    def matrix(self, branch: Branch) -> Any:
        """Return the map of a branch as a sparse matrix (n_in, n_out), made once."""
        key = (branch.source, *map(id, branch.operators))
        if key not in self._matrices:
            self._matrices[key] = product(branch.operators, self.shape_of(branch.source))
        return self._matrices[key]

    def synapses(self, branch: Branch) -> Ints:
        """Return how many connections each neuron of the source has by a branch: (n_in,)."""
        return np.diff(self.matrix(branch).indptr).astype(np.int64)

    def affine(self, values: Sequence[Floats], of: Layer | Affine) -> Floats:
        """Return the input of a layer: (n_images, size); `values` as of `evaluate`."""
        total = np.broadcast_to(of.bias, (len(values[IMAGE]), of.bias.size)).copy()
        for branch in of.branches:
            total += np.asarray((self.matrix(branch).T @ values[branch.source].T).T)
        return total

    def evaluate(self, images: Floats, rectify: Nonlinearity | None = None) -> list[Floats]:
        """Return the images, the values of all layers and the output, each (n_images, size).

        Parameters
        ----------
        images : (n_images, *image_shape) float64
        rectify : callable, optional
            (layer, input) -> value of a layer that rectifies; the rectified input if left out.
        """
        values = [np.asarray(images, np.float64).reshape(len(images), -1)]
        for layer in self.layers:
            if layer.taps is None:
                total = self.affine(values, layer)
                values.append(np.maximum(total, 0.0) if rectify is None else rectify(layer, total))
            else:
                values.append(largest(layer.taps, values[layer.branches[0].source]))
        return [*values, self.affine(values, self.output)]


def quantised(total: Floats, threshold: float, levels: int) -> Floats:
    """Return threshold * clip(floor(x levels / threshold + 1/2), 0, levels) / levels.

    That is the count of an integrate-and-fire neuron with reset by subtraction and half its
    threshold as initial charge under the constant input x for `levels` steps, times
    threshold / levels: Bu et al. (2022), ICLR.
    """
    counts = np.clip(np.floor(total * levels / threshold + 0.5), 0, levels)
    return np.asarray(counts * (threshold / levels))


def unquantised(layer: Layer, total: Floats) -> Floats:
    """Return the activation with which a layer was trained, with levels of any height."""
    return np.clip(total, 0.0, layer.clip)


def largest(taps: Taps, values: Floats) -> Floats:
    """Return the largest value of every window: (n_images, n_out); padding counts as 0."""
    found = np.zeros((len(values), taps.matrices[0].shape[1]))
    for matrix in taps.matrices:
        np.maximum(found, np.asarray((matrix.T @ values.T).T), out=found)
    return found
