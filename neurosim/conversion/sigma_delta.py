"""A layered network of rectified units as sigma-delta neurons, which send changes, not spikes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from neurosim.backend import Session, compile
from neurosim.conversion.arrays import checked_images, checked_labels, plain
from neurosim.conversion.building import DT, OUTPUT
from neurosim.conversion.layers import IMAGE, Affine, Layer, LayeredNetwork
from neurosim.conversion.operators import Floats, rule_of
from neurosim.describe.checks import to_int
from neurosim.describe.network import Network
from neurosim.describe.neurons import SigmaDelta
from neurosim.describe.population import Population
from neurosim.describe.rules import OneToOne
from neurosim.describe.sources import Input
from neurosim.errors import DescriptionError, UnsupportedError

IMAGE_NAME, ENCODER = "image", "encoder"


@dataclass(eq=False)
class SigmaDeltaConversion:
    """A converted network whose neurons send the changes of their activations.

    Attributes
    ----------
    network : Network
        Runs on the CPU core, and in the integers of `loihi` and `lava`.
    timesteps : int
        For how many steps an image is shown beyond those in which it passes the layers.
    thetas : dict
        Layer, "encoder" and "output" -> the least change that is sent.
    """

    network: Network
    timesteps: int
    thetas: Mapping[str, float]
    _layered: LayeredNetwork = field(repr=False)
    _sessions: list[tuple[Any, Session]] = field(default_factory=list, init=False, repr=False)

    @property
    def n_steps(self) -> int:
        """Steps of a run in which an image reaches the output and is shown for `timesteps`."""
        return self.timesteps + self._layered.depth

    def inputs(self, image: Any, timesteps: int | None = None) -> dict[str, Floats]:
        """Return what ``session.run(conversion.n_steps, inputs=...)`` takes for one image."""
        shown = self._images(np.asarray(plain(image))[np.newaxis], "inputs: image")
        n_steps = self.n_steps
        if timesteps is not None:
            n_steps += to_int(timesteps, "inputs: timesteps", at_least=1) - self.timesteps
        return {IMAGE_NAME: np.repeat(shown, n_steps, axis=0)}

    def outputs(self, images: Any, *, backend: Any = "cpu", fresh: bool = True) -> Floats:
        """Return what stands for the module's outputs after an image was shown.

        Parameters
        ----------
        images : (n, *shape) array or tensor
        backend : str or Backend
        fresh : bool
            Whether neurons forget each image before the next. Without, they send how the next one
            differs, as from picture to picture of a film.

        Returns
        -------
        (n, n_classes) float64
        """
        return self._shown(images, backend, fresh, "outputs: images")[0]

    def messages(self, images: Any, *, backend: Any = "cpu", fresh: bool = True) -> Floats:
        """Return how many messages each layer sent for each image: (n, n_layers) float64.

        Layers are those of `thetas`, in its order. Parameters are those of `outputs`.
        """
        return self._shown(images, backend, fresh, "messages: images")[1]

    def accuracy(
        self, images: Any, labels: Any, *, backend: Any = "cpu", fresh: bool = True
    ) -> float:
        """Return the share of images that are classified as labelled.

        Parameters
        ----------
        images, backend, fresh
            As of `outputs`.
        labels : (n,) int array or tensor
            Classes from 0 on.
        """
        n_classes = self._layered.output.bias.size
        checked = self._images(images, "accuracy: images")
        known = checked_labels(labels, len(checked), n_classes, "accuracy: labels")
        told = self.outputs(images, backend=backend, fresh=fresh).argmax(1)
        return float(np.mean(told == known))

    def _shown(
        self, images: Any, backend: Any, fresh: bool, place: str
    ) -> tuple[Floats, Floats]:  # fmt: skip
        checked = self._images(images, place)
        session = next((s for known, s in self._sessions if known == backend), None)
        if session is None:
            session = compile(self.network, backend)
            self._sessions.append((backend, session))
        session.reset()
        told, sent = [], []
        for image in checked:
            if fresh:
                session.reset()
            shown = {IMAGE_NAME: np.repeat(image[np.newaxis], self.n_steps, axis=0)}
            run = session.run(self.n_steps * DT, inputs=shown, progress=False)
            told.append(np.asarray(run.states[OUTPUT]["a"].array)[-1].ravel())
            sent.append([len(run.spikes[name]) for name in self.thetas])
        return np.array(told), np.array(sent, np.float64)

    def _images(self, images: Any, place: str) -> Floats:
        return checked_images(images, self._layered.image_shape, place)


def sigma_delta(
    layered: LayeredNetwork, images: Floats, values: Mapping[str, Floats], expected: Floats,
    *, timesteps: int, precision: float, percentile: float, name: str,
) -> SigmaDeltaConversion:  # fmt: skip
    """Return a layered network as sigma-delta neurons.

    Parameters
    ----------
    images, expected : (n, *shape), (n, n_classes) float64
        Of the calibration, and what the module says to them.
    values : mapping
        Node of a layer -> its activations.
    timesteps : int
    precision : float
        theta as a part of the activations.
    percentile : float
        Which of the activations is meant [%].
    name : str
        Of the network.

    Raises
    ------
    UnsupportedError
        For a layer of maxima.
    """
    activations = {ENCODER: np.abs(images), OUTPUT: np.abs(expected)}
    names = _names(layered)
    for layer, key in zip(layered.layers, names, strict=True):
        if layer.taps is not None:
            raise UnsupportedError(
                f"Layer {layer.name!r}: MaxPool", "sigma-delta neurons sum what arrives",
                'max_pool="average", or another method',
            )  # fmt: skip
        activations[key] = np.maximum(values[layer.node], 0.0)
    thetas = {key: _theta(a, precision, percentile, key) for key, a in activations.items()}
    net = Network(name, dt=DT)
    image = net.population(IMAGE_NAME, layered.image_shape, Input("current"))
    encoder = net.population(
        ENCODER, layered.image_shape, SigmaDelta(theta=thetas[ENCODER], activation="none")
    )
    net.project(image, encoder, OneToOne(), receptor="a")
    sources: dict[int, Population] = {IMAGE: encoder}
    parts: list[tuple[str, Any, Any]] = [
        (key, layer, "relu") for key, layer in zip(names, layered.layers, strict=True)
    ]
    for k, (key, of, activation) in enumerate([*parts, (OUTPUT, layered.output, "none")]):
        model = SigmaDelta(
            theta=thetas[key], bias=_one_or_each(of.bias), activation=activation, tau=DT
        )
        sources[k + 1] = net.population(key, of.shape, model)
        _connect(net, layered, of, sources[k + 1], sources)
    for population in list(sources.values()):
        net.record(population, "spikes")
    net.record(sources[len(layered.layers) + 1], "a", every=DT)
    order = {p.name: thetas[p.name] for p in sources.values()}
    return SigmaDeltaConversion(network=net, timesteps=timesteps, thetas=order, _layered=layered)


def _names(layered: LayeredNetwork) -> list[str]:
    """Return the names of layers; one called "encoder" makes way for what sends the image."""
    taken = {layer.name for layer in layered.layers} | {ENCODER}
    names = []
    for layer in layered.layers:
        name, k = layer.name, 1
        while name == ENCODER or (k > 1 and name in taken):
            k += 1
            name = f"{layer.name} ({k})"
        names.append(name)
    return names


def _theta(activations: Floats, precision: float, percentile: float, key: str) -> float:
    found = float(np.percentile(activations, percentile))
    largest = found if found > 0 else float(activations.max(initial=0.0))
    if not largest > 0:
        raise DescriptionError(
            f"convert: {key!r}: largest activation", largest,
            "activations above 0 for some calibration image",
            "No image makes this layer say anything: train the module, or calibrate with others.",
        )  # fmt: skip
    return precision * largest


def _one_or_each(bias: Floats) -> Any:
    return float(bias.flat[0]) if not np.ptp(bias) else bias.ravel()


def _connect(
    net: Network, layered: LayeredNetwork, of: Layer | Affine, post: Population,
    sources: Mapping[int, Population],
) -> None:  # fmt: skip
    used: dict[str, int] = {}
    for branch in of.branches:
        pre = sources[branch.source]
        rule, weight = rule_of(branch.operators, layered.shape_of(branch.source), 1.0)
        number = used[pre.name] = used.get(pre.name, 0) + 1
        more: dict[str, Any] = {} if weight is None else {"weight": weight}
        if number > 1:
            more["name"] = f"{pre.name}->{post.name} ({number})"
        net.project(pre, post, rule, source="sent", receptor="a", **more)
