"""`convert`: a trained module of PyTorch as a network of spiking neurons, in one call."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, overload

import numpy as np

from neurosim.backend import Session, compile
from neurosim.conversion.arrays import checked_images, checked_labels, plain
from neurosim.conversion.building import build, shown
from neurosim.conversion.calibration import LEVELS, calibrate
from neurosim.conversion.layers import IMAGE, Affine, Layer, LayeredNetwork, quantised
from neurosim.conversion.operators import Floats
from neurosim.conversion.report import ConversionReport, LayerReport
from neurosim.conversion.running import respond
from neurosim.conversion.sigma_delta import SigmaDeltaConversion, sigma_delta
from neurosim.conversion.thresholds import METHODS, thresholds_of
from neurosim.describe.checks import to_int
from neurosim.describe.network import Network
from neurosim.errors import DescriptionError, MissingPackageError, UnknownNameError, warn
from neurosim.units import to_scalar

REPORTED = 100
"""Most calibration images that ``Conversion.report`` shows to the network."""

SIGMA_DELTA = "sigma_delta"

CALIBRATED = {"light": "Biases", "advanced": "Weights, biases and initial potentials"}


@dataclass(eq=False)
class Conversion:
    """A converted network.

    Attributes
    ----------
    network : Network
        Runs on any backend that has its neurons. Show it an image with ``inputs``.
    timesteps : int
        Length of every layer's window, for which thresholds were chosen. A network may run for
        longer or shorter.
    thresholds : dict
        Layer -> the activation for which a spike in every step stands.
    windows : dict
        Layer, and "output" -> the step of its first possible spike (or sample), from 1 on: layers
        work one step after another, as a pipeline.
    charges : dict
        Layer -> its membranes at the start, in thresholds: a number, or one per neuron.
    """

    network: Network
    timesteps: int
    thresholds: Mapping[str, float]
    windows: Mapping[str, int]
    charges: Mapping[str, Any] = field(repr=False)
    _layered: LayeredNetwork = field(repr=False)
    _graph_module: Any = field(repr=False)
    _calibration: tuple[Any, Any] = field(repr=False)
    _declared: tuple[str, ...] = field(default=(), repr=False)
    _report: ConversionReport | None = field(default=None, init=False, repr=False)
    _sessions: list[tuple[Any, Session]] = field(default_factory=list, init=False, repr=False)

    @property
    def report(self) -> ConversionReport:
        """What the network does for the first calibration images, run by the CPU core."""
        if self._report is None:
            images, labels = self._calibration
            few = None if labels is None else labels[:REPORTED]
            self._report = self.evaluate(images[:REPORTED], few)
        return self._report

    @property
    def signed(self) -> bool:
        """Whether neurons take spikes back.

        The spikes of a layer are then those of the population of its name, less those of the
        population called "... taken back".
        """
        return self._layered.signed

    @property
    def n_steps(self) -> int:
        """Steps of a run in which every window is complete."""
        return self._layered.n_steps(self.timesteps)

    def inputs(self, image: Any, timesteps: int | None = None) -> dict[str, Floats]:
        """Return what ``session.run(conversion.n_steps, inputs=...)`` takes for one image."""
        image = self._images(np.asarray(plain(image))[np.newaxis], "inputs: image")[0]
        steps = self._steps(timesteps, "inputs")
        return shown(self._layered, image, self._layered.n_steps(steps))

    def outputs(self, images: Any, *, timesteps: int | None = None, backend: Any = "cpu") -> Floats:
        """Return what stands for the module's outputs.

        Parameters
        ----------
        images : (n, *shape) array or tensor
        timesteps : int, optional
            Length of the windows; that of the conversion if left out.
        backend : str or Backend
            PyTorch's take images in batches, all others one after another.

        Returns
        -------
        (n, timesteps, n_classes) float64
            After 1, 2, ... steps.
        """
        steps = self._steps(timesteps, "outputs")
        checked = self._images(images, "outputs: images")
        found = [r.output for r in self._respond(checked, steps, backend, False)]
        return np.concatenate(found)

    def accuracy(
        self, images: Any, labels: Any, *, timesteps: int | None = None, backend: Any = "cpu"
    ) -> float:
        """Return the share of images that are classified as labelled.

        Parameters
        ----------
        images : (n, *shape) array or tensor
        labels : (n,) int array or tensor
            Classes from 0 on.
        timesteps, backend
            As in `outputs`.
        """
        checked = self._images(images, "accuracy: images")
        known = self._labels(labels, len(checked), "accuracy: labels")
        told = self.outputs(checked, timesteps=timesteps, backend=backend)[:, -1].argmax(1)
        return float(np.mean(told == known))

    def evaluate(
        self, images: Any, labels: Any = None, *, timesteps: int | None = None, backend: Any = "cpu"
    ) -> ConversionReport:
        """Return what the network does for some images, beside the module.

        Parameters
        ----------
        images : (n, *shape) array or tensor
        labels : (n,) int array or tensor, optional
        timesteps, backend
            As in `outputs`.
        """
        from neurosim.conversion.tracing import observe

        steps = self._steps(timesteps, "evaluate")
        checked = self._images(images, "evaluate: images")
        known = None if labels is None else self._labels(labels, len(checked), "evaluate: labels")
        nodes = [layer.node for layer in self._layered.layers]
        shown_images = _as_input(self._graph_module, checked)
        values, expected = observe(self._graph_module, shown_images, nodes)
        tally = _Tally(self._layered, len(checked), steps)
        outputs = []
        for response in self._respond(checked, steps, backend, True):
            tally.add(response.spikes)
            outputs.append(response.output)
        output = np.concatenate(outputs)
        told = output.argmax(2)
        right = expected.argmax(1)
        name = backend if isinstance(backend, str) else backend.name
        return ConversionReport(
            title=self.network.name, backend=name, images=len(checked), timesteps=steps,
            depth=self._layered.depth,
            layers=tuple(
                self._layer_reports(checked, values, tally, expected, output[:, -1], steps)
            ),
            agreement=np.mean(told == right[:, np.newaxis], axis=0),
            accuracy=None if known is None else np.mean(told == known[:, np.newaxis], axis=0),
            module_accuracy=None if known is None else float(np.mean(right == known)),
            declared=self._declared,
        )  # fmt: skip

    # ------------------------------------------------------------------ within

    def _respond(self, images: Floats, steps: int, backend: Any, spikes: bool) -> Any:
        session = next((s for known, s in self._sessions if known == backend), None)
        if session is None:
            session = compile(self.network, backend)
            self._sessions.append((backend, session))
        return respond(session, self._layered, images, steps, spikes)

    def _layer_reports(
        self, images: Floats, values: Mapping[str, Floats], tally: _Tally, expected: Floats,
        output: Floats, steps: int,
    ) -> Iterable[LayerReport]:  # fmt: skip
        layered = self._layered
        activations = [images.reshape(len(images), -1)]
        for k, layer in enumerate(layered.layers):
            rectified = np.maximum(values[layer.node], 0.0)
            activations.append(rectified)
            theta = self.thresholds[layer.name]
            told = tally.counts[k] * (theta / steps)
            own = quantised(rectified, theta, steps)
            products, nonzero = _products(layered, layer, activations)
            yield LayerReport(
                name=layer.name, neurons=layer.size, depth=layer.depth, threshold=theta,
                error=_relative(told, rectified), own_error=_relative(own, rectified),
                spikes=tally.spikes[k], synaptic_operations=tally.arrivals[k],
                multiplications=_analog(layered, layer), products=products, nonzero=nonzero,
                maxima=layer.taps is not None, paired=layered.signed,
            )  # fmt: skip
        products, nonzero = _products(layered, layered.output, activations)
        yield LayerReport(
            name="output", neurons=layered.output.bias.size, depth=layered.depth, threshold=0.0,
            error=_relative(output, expected), own_error=0.0, spikes=np.zeros(steps),
            synaptic_operations=tally.arrivals[-1],
            multiplications=_analog(layered, layered.output), products=products, nonzero=nonzero,
        )  # fmt: skip

    def _steps(self, timesteps: Any, where: str) -> int:
        if timesteps is None:
            return self.timesteps
        return to_int(timesteps, f"{where}: timesteps", at_least=1)

    def _images(self, images: Any, place: str) -> Floats:
        return checked_images(images, self._layered.image_shape, place)

    def _labels(self, labels: Any, n: int, place: str) -> Any:
        return checked_labels(labels, n, self._layered.output.bias.size, place)


class _Tally:
    """What the spikes of all images add up to."""

    def __init__(self, layered: LayeredNetwork, n_images: int, steps: int) -> None:
        self.layered = layered
        self.n_images = n_images
        self.counts: list[Any] = [np.zeros((0, layer.size)) for layer in layered.layers]
        self.spikes = [np.zeros(steps) for _ in layered.layers]
        self.arrivals = [np.zeros(steps) for _ in range(len(layered.layers) + 1)]
        targets: list[Layer | Affine] = [*layered.layers, layered.output]
        # Of a pair of populations both hear every spike, and each hears the other.
        self._heard_by = [2 if layered.signed and isinstance(of, Layer) else 1 for of in targets]
        self._fans = [
            [(b.source, _fan(layered, of, b)) for b in of.branches if b.source != IMAGE]
            for of in targets
        ]

    def add(self, spikes: tuple[Any, ...]) -> None:
        """Take in the spikes of some images: per layer (n, steps, size) of -1, 0 and 1."""
        happened = []
        for k, fired in enumerate(spikes):
            self.counts[k] = np.concatenate([self.counts[k], fired.sum(1)])
            happened.append(np.abs(fired).sum(0))
            self.spikes[k] += happened[k].sum(1) / self.n_images
            if self._heard_by[k] == 2:
                self.arrivals[k] += happened[k].sum(1) / self.n_images
        for k, fans in enumerate(self._fans):
            for source, fan in fans:
                heard = happened[source - 1] @ fan * self._heard_by[k]
                self.arrivals[k] += heard / self.n_images


def _fan(layered: LayeredNetwork, of: Any, branch: Any) -> Any:
    if isinstance(of, Layer) and of.taps is not None:
        return sum(np.diff(m.indptr) for m in of.taps.matrices)
    return layered.synapses(branch)


def _analog(layered: LayeredNetwork, of: Any) -> int:
    return sum(int(layered.synapses(b).sum()) for b in of.branches if b.source == IMAGE)


def _products(layered: LayeredNetwork, of: Any, activations: list[Floats]) -> tuple[int, float]:
    """Return the products of one image, and how many of them are not with 0."""
    if isinstance(of, Layer) and of.taps is not None:
        return 0, 0.0
    total, nonzero = 0, 0.0
    for branch in of.branches:
        fan = layered.synapses(branch)
        total += int(fan.sum())
        nonzero += float(((activations[branch.source] != 0) @ fan).mean())
    return total, nonzero


def _relative(found: Floats, expected: Floats) -> float:
    scale = float(np.sqrt(np.mean(expected**2)))
    return float(np.sqrt(np.mean((found - expected) ** 2))) / scale if scale else 0.0


@overload
def convert(
    model: Any, calibration_loader: Any, *, method: Literal["sigma_delta"], timesteps: int = ...,
    percentile: float = ..., precision: float = ..., max_pool: str = ..., device: Any = ...,
    limit: int = ..., name: str = ...,
) -> SigmaDeltaConversion: ...  # fmt: skip


@overload
def convert(
    model: Any, calibration_loader: Any, *, method: str = ..., timesteps: int = ...,
    reset: str = ..., initial_charge: float = ..., calibration: str = ..., signed: bool = ...,
    percentile: float = ..., max_pool: str = ..., device: Any = ..., limit: int = ...,
    name: str = ...,
) -> Conversion: ...  # fmt: skip


def convert(
    model: Any,
    calibration_loader: Any,
    *,
    method: str = "mse",
    timesteps: int = 8,
    reset: str = "soft",
    initial_charge: float = 0.5,
    signed: bool = False,
    calibration: str = "none",
    percentile: float = 99.9,
    precision: float = 0.05,
    max_pool: str = "spiking",
    device: Any = None,
    limit: int = 1024,
    name: str = "converted",
) -> Conversion | SigmaDeltaConversion:
    """Turn a trained module of PyTorch into a network of integrate-and-fire neurons.

    Rectified units become neurons that tell their activation by a number of spikes in `timesteps`
    steps. The image is a constant current; the class is what has charged the output most.

    Parameters
    ----------
    model : torch.nn.Module
        Feed-forward, traceable by `torch.fx`: Linear, Conv1d, Conv2d, BatchNorm (folded), ReLU,
        `QCFS`, AvgPool, MaxPool, Flatten, sums; Dropout is left out. It is not changed.
    calibration_loader : iterable
        Batches of images (n, *shape), or pairs of images and labels: a DataLoader, or a list.
    method : {"mse", "max", "percentile", "sigma_delta"}
        How thresholds are chosen: nearest to the activations in the mean square, the largest
        activation, or a percentile of them. A QCFS has its threshold already. "sigma_delta" makes
        neurons that send changes of their activations (`SigmaDelta`), not spikes.
    timesteps : int
        In which a layer tells its activations.
    reset : {"soft", "hard"}
        By subtraction of the threshold, or to 0 (loses what was above the threshold).
    initial_charge : float
        Of the membranes, in thresholds. With a half, the count is the activation rounded, without
        it is rounded down.
    signed : bool
        Neurons take a spike back when they have fired too often for what has arrived since, as
        inhibition may come late. Spikes in a network have no sign, so each such layer is a pair of
        populations. With soft reset only.
    calibration : {"none", "light", "advanced"}
        What is done about what the spikes tell wrongly of calibration images, layer by layer:
        nothing; their mean error goes into biases; before that weights are fitted, and after it
        membranes start with the error that is left (Li et al. 2021).
    percentile : float
        For method="percentile" and "sigma_delta" [%].
    precision : float
        For method="sigma_delta": the least change that is sent, as a part of that percentile.
    max_pool : {"spiking", "average"}
        Exactly, by neurons that fire when the largest count of their inputs grows; or replaced by
        means, which changes the network and is warned of.
    device : str or torch.device, optional
        Where calibration runs; where the module is, if left out.
    limit : int
        Most calibration images that are taken.
    name : str
        Of the network.

    Returns
    -------
    Conversion or SigmaDeltaConversion

    Raises
    ------
    UnsupportedError
        For a part of the module that has no form in spikes, by name and line.
    DescriptionError
        For weights that are no numbers, a batch-norm without statistics, a loader without images,
        labels out of range, a device that does not exist.

    Notes
    -----
    Under constant input, an integrate-and-fire neuron with soft reset and half its threshold as
    charge fires clip(floor(T x / threshold + 1/2), 0, T) times in T steps: a quantised ReLU. In
    deeper layers input comes unevenly, and a neuron may have fired before inhibition arrives. One
    that takes spikes back has sent clip(floor(S/threshold), 0, T) of them, where S is its charge
    and all that arrived, as long as no more than a threshold arrives per step.

    References
    ----------
    Rueckauer et al. (2017), Front. Neurosci. 11:682; Li et al. (2021), ICML; Bu et al. (2022),
    ICLR; Diehl et al. (2015), IJCNN; signed spikes that remember what was sent: Wang, Zhang, Chen &
    Qu (2022), IJCAI, doi 10.24963/ijcai.2022/347 (their membrane is one threshold below 0 before a
    spike is taken back, which rounds towards 0; at 0, with half a charge, it rounds to the nearest,
    as the thresholds of -1/2 and 1/2 in Gu et al. 2024, arXiv:2408.17245).
    """
    try:
        import torch
    except ImportError:
        raise MissingPackageError("torch", "Converting a module", "torch") from None
    from neurosim.conversion.tracing import observe, trace

    for place, value, known in (
        ("method", method, (*METHODS, SIGMA_DELTA)),
        ("reset", reset, ("soft", "hard")),
        ("max_pool", max_pool, ("spiking", "average")),
        ("calibration", calibration, LEVELS),
    ):
        if value not in known:
            raise UnknownNameError(f"convert: {place}", value, known)
    timesteps = to_int(timesteps, "convert: timesteps", at_least=1)
    limit = to_int(limit, "convert: limit", at_least=1)
    percentile = to_scalar(percentile, "1", "convert: percentile", above=0, at_most=100)
    charge = to_scalar(initial_charge, "1", "convert: initial_charge", at_least=0, below=1)
    precision = to_scalar(precision, "1", "convert: precision", above=0, below=1)
    if not isinstance(signed, bool):
        raise DescriptionError("convert: signed", signed, "True or False")
    if signed and reset != "soft":
        raise DescriptionError(
            "convert: reset", reset, "'soft' with signed=True",
            "What a reset to 0 has lost cannot be taken back.",
        )  # fmt: skip
    if method == SIGMA_DELTA:
        for place, given, left_out in (
            ("reset", reset, "soft"), ("signed", signed, False),
            ("calibration", calibration, "none"),
        ):  # fmt: skip
            if given != left_out:
                raise DescriptionError(
                    f"convert: {place}", given, f"{left_out!r} with method='sigma_delta'",
                    "What is not sent yet is kept, of either sign: there is nothing to put right.",
                )  # fmt: skip
    if not isinstance(model, torch.nn.Module):
        raise DescriptionError("convert: model", model, "a torch.nn.Module")
    where = _device(device)
    images, labels = _calibration(calibration_loader, limit)
    if where is not None:
        model = copy.deepcopy(model).to(where)
    shown_images = _as_input(model, images)
    traced = trace(model, shown_images[:8], max_pool=max_pool)
    layered = replace(traced.network, signed=signed)
    n_classes = layered.output.bias.size
    if labels is not None:
        labels = checked_labels(labels, len(images), n_classes, "convert: labels of the loader")
    nodes = [layer.node for layer in layered.layers]
    values, expected = observe(traced.graph_module, shown_images, nodes)
    declared = tuple(
        f"MaxPool {pool!r} was replaced by a mean over its window: another function"
        for pool in traced.averaged
    )
    for sentence in declared:
        warn(f"convert: {sentence}.")
    if method == SIGMA_DELTA:
        return sigma_delta(
            layered, images, values, expected, timesteps=timesteps, precision=precision,
            percentile=percentile, name=name,
        )  # fmt: skip
    thresholds = thresholds_of(
        layered.layers, values, method=method, timesteps=timesteps, percentile=percentile
    )
    charges: tuple[Any, ...] = (charge,) * len(thresholds)
    if calibration != "none":
        found = calibrate(
            layered, thresholds, images, values, expected, timesteps=timesteps, charge=charge,
            soft=reset == "soft", advanced=calibration == "advanced",
        )  # fmt: skip
        layered, charges = found.network, found.charges
    if calibration != "none":
        declared += (f"{CALIBRATED[calibration]} were calibrated",)
    return Conversion(
        network=build(layered, thresholds, name=name, reset=reset, charges=charges),
        timesteps=timesteps,
        thresholds={layer.name: t for layer, t in zip(layered.layers, thresholds, strict=True)},
        windows={layer.name: layer.depth for layer in layered.layers} | {"output": layered.depth},
        charges={layer.name: c for layer, c in zip(layered.layers, charges, strict=True)},
        _layered=layered,
        _graph_module=traced.graph_module,
        _calibration=(images, labels),
        _declared=declared,
    )


def _as_input(module: Any, images: Any) -> Any:
    """Return images as a tensor of the module's precision, on its device."""
    import torch

    like = next(iter(module.parameters()), torch.zeros(()))
    return torch.as_tensor(images).to(like)


def _device(device: Any) -> Any:
    if device is None:
        return None
    import torch

    try:
        found = torch.device(device)
        torch.zeros(1, device=found)
    except (RuntimeError, AssertionError, TypeError) as error:
        first = str(error).strip().splitlines()[0]
        raise DescriptionError(
            "convert: device", device, "a device that this PyTorch has, such as 'cpu'",
            f"It says: {first}",
        ) from None  # fmt: skip
    return found


def _calibration(loader: Any, limit: int) -> tuple[Any, Any]:
    """Return the images of a loader as one array, and the labels if it has some."""
    place = "convert: calibration_loader"
    if not isinstance(loader, Iterable) or isinstance(loader, str | bytes | Mapping):
        raise DescriptionError(place, loader, "batches of images, as a DataLoader yields them")
    parts: list[Any] = []
    labels: list[Any] = []
    taken = 0
    for batch in loader:
        pair = isinstance(batch, tuple | list)
        if pair and len(batch) != 2:
            raise DescriptionError(place, batch, "images, or pairs of images and labels")
        array = np.asarray(plain(batch[0] if pair else batch))
        if array.dtype.kind not in "biuf" or array.ndim < 2:
            raise DescriptionError(f"{place}: images", array, "an array (n, *shape) of numbers")
        if parts and array.shape[1:] != parts[0].shape[1:]:
            raise DescriptionError(
                f"{place}: images", array, f"the shape (n, *{parts[0].shape[1:]}) of the first"
            )
        if not np.isfinite(array).all():
            raise DescriptionError(f"{place}: images", array, "finite numbers")
        parts.append(array)
        if pair:
            labels.append(np.asarray(plain(batch[1])))
        taken += len(array)
        if taken >= limit:
            break
    if not taken:
        raise DescriptionError(place, loader, "at least one batch of images", "It yielded nothing.")
    images = np.concatenate(parts).astype(np.float64)[:limit]
    if not labels:
        return images, None
    return images, np.concatenate(labels)[: len(images)]
