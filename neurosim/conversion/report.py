"""What a conversion does for some images, against the number of steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from neurosim.conversion.budget import BitBudget, Verdict, judge
from neurosim.energy_estimates import PROFILES, EnergyEstimate, Operations, estimate, find_profile
from neurosim.errors import DescriptionError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Floats: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LayerReport:
    """One layer, in the mean over the images.

    Attributes
    ----------
    name : str
    neurons, depth : int
        Steps from the image to its first possible spike are its depth.
    threshold : float
        The activation for which a spike in every step stands.
    error : float
        Of the activations that its spikes tell after all steps, relative to those of the module:
        root of the mean square over that of the activations.
    own_error : float
        The same, if its input were that of the module: what the threshold and the number of
        steps cost by themselves. The rest came from layers before it, or from spikes that came
        unevenly.
    spikes : (timesteps,) float64
        Per image, in each step of its window; those that take others back count, too.
    synaptic_operations : (timesteps,) float64
        Arrivals of spikes at this layer, per image.
    multiplications : int
        Products of weights and the image, in every step.
    products : int
        Products of weights and activations in the artificial network.
    nonzero : float
        How many of them have an activation that is not 0.
    maxima : bool
        Whether it tells the largest of several inputs.
    paired : bool
        Whether each unit is two neurons with the same input, one of which takes spikes back. Their
        synaptic operations are counted, `neurons` and `multiplications` are those of one.
    """

    name: str
    neurons: int
    depth: int
    threshold: float
    error: float
    own_error: float
    spikes: Floats
    synaptic_operations: Floats
    multiplications: int
    products: int
    nonzero: float
    maxima: bool = False
    paired: bool = False

    @property
    def rate(self) -> float:
        """Spikes per neuron and step."""
        return float(self.spikes.mean() / self.neurons) if self.neurons else 0.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ConversionReport:
    """What a converted network does for some images.

    Attributes
    ----------
    title, backend : str
    images : int
        How many.
    timesteps : int
        Length of every layer's window.
    depth : int
        Steps that the output starts later than the image.
    layers : tuple of LayerReport
        In the order of their making; the output comes last and has no spikes.
    agreement : (timesteps,) float64
        Share of the images to which network and module give the same class, after 1, 2, ... steps.
    accuracy : (timesteps,) float64 or None
        Share of the images that are classified as labelled.
    module_accuracy : float or None
        The same of the module.
    declared : tuple of str
        What was replaced.
    """

    title: str
    backend: str
    images: int
    timesteps: int
    depth: int
    layers: tuple[LayerReport, ...]
    agreement: Floats
    accuracy: Floats | None
    module_accuracy: float | None
    declared: tuple[str, ...] = ()

    @property
    def spiking(self) -> tuple[LayerReport, ...]:
        """The layers that fire."""
        return self.layers[:-1]

    @property
    def worst_layer(self) -> str:
        """The layer whose spikes tell its activations worst."""
        return max(self.layers, key=lambda layer: layer.error).name

    @property
    def latency(self) -> int:
        """Steps from the image to the last one that counts."""
        return self.depth - 1 + self.timesteps

    @property
    def operations(self) -> Operations:
        """What is done for one image, in the mean; windows of different images may overlap."""
        return self.operations_until(self.timesteps)

    def operations_until(self, timesteps: int) -> Operations:
        """Return what is done for one image if all windows end after so many steps."""
        if not 0 < timesteps <= self.timesteps:
            raise DescriptionError(
                "ConversionReport.operations_until: timesteps", timesteps,
                f"a whole number from 1 to {self.timesteps}",
            )  # fmt: skip
        twice = [2 if x.paired else 1 for x in self.layers]
        return Operations(
            spikes=sum(float(x.spikes[:timesteps].sum()) for x in self.layers),
            synaptic_operations=sum(
                float(x.synaptic_operations[:timesteps].sum()) for x in self.layers
            ),
            multiplications=float(
                timesteps
                * sum(n * x.multiplications for n, x in zip(twice, self.layers, strict=True))
            ),
            updates=float(
                timesteps * sum(n * x.neurons for n, x in zip(twice, self.layers, strict=True))
            ),
        )

    def energy(self, profile: Any = "45nm") -> EnergyEstimate:
        """Return an estimate of the energy of one image; see `neurosim.energy`."""
        return estimate(self.operations, profile)

    def budget(self, timesteps: int | None = None) -> BitBudget:
        """Return the arithmetic effort of one image, after all steps or some of them."""
        steps = self.timesteps if timesteps is None else timesteps
        by_spikes = [x for x in self.layers if not x.maxima]
        products = sum(x.products - x.multiplications for x in by_spikes)
        arrivals = sum(float(x.synaptic_operations[:steps].sum()) for x in by_spikes)
        return BitBudget(
            timesteps=steps, multiplications=float(products),
            rate=arrivals / (products * steps) if products else 0.0,
        )  # fmt: skip

    def verdict(self, profile: Any = "45nm", timesteps: int | None = None) -> Verdict:
        """Return the energy of one image beside that of the quantised artificial network.

        Raises
        ------
        DescriptionError
            For a profile without a memory term of its own.
        """
        found = find_profile(profile)
        if not found.memory:
            raise DescriptionError(
                "verdict: profile", found.name,
                "one of " + ", ".join(repr(p.name) for p in PROFILES.values() if p.memory),
                "A chip made for spikes has no figures for an artificial network.",
            )  # fmt: skip
        steps = self.timesteps if timesteps is None else timesteps
        return judge(
            self.operations_until(steps), self.budget(steps),
            products=float(sum(x.products for x in self.layers)),
            nonzero=float(sum(x.nonzero for x in self.layers)),
            activations=float(sum(x.neurons for x in self.layers)), profile=found,
        )  # fmt: skip

    def __repr__(self) -> str:
        steps = self.timesteps
        told = [
            f"{self.title}: {self.images} images, T = {steps}, output after {self.latency} steps, "
            f"run by {self.backend!r}"
        ]
        if self.accuracy is not None:
            told.append(
                f"accuracy {100 * self.accuracy[-1]:.2f} %, the module "
                f"{100 * (self.module_accuracy or 0.0):.2f} %"
            )
        told.append(f"the same class as the module: {100 * self.agreement[-1]:.2f} %")
        told += self.declared
        width = max(len("layer"), *(len(x.name) for x in self.layers))
        told.append(
            f"{'layer':{width}}  neurons  threshold  error  by itself  spikes/image  rate  "
            "synaptic operations/image"
        )
        for x in self.layers:
            spikes, operations = x.spikes.sum(), x.synaptic_operations.sum()
            threshold = f"{x.threshold:9.4g}" if x.threshold else f"{'-':>9}"
            told.append(
                f"{x.name:{width}}  {x.neurons:7d}  {threshold}  {x.error:5.3f}  "
                f"{x.own_error:9.3f}  {spikes:12.1f}  {x.rate:4.2f}  {operations:12.1f}"
            )
        told.append(f"worst layer: {self.worst_layer}")
        told.append(str(self.verdict()))
        return "\n".join(told)

    def plot(self) -> Figure:
        """Draw accuracy against steps, the error of every layer, and energy against steps.

        Returns
        -------
        matplotlib.figure.Figure
        """
        from neurosim.conversion.figure import draw

        return draw(self)
