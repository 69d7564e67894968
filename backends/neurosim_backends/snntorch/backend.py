"""The backend on snnTorch: its surrogates, and its neurons."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from neurosim.capabilities import Requirement
from neurosim_backends._torch.backend import Learn, TorchBackend
from neurosim_backends._torch.declared import declaration

if TYPE_CHECKING:
    from neurosim_backends._torch.module import MakeCell

SURROGATES = ("fast_sigmoid", "atan", "sigmoid", "triangular", "straight_through_estimator")
"""Functions of ``snntorch.surrogate`` that need nothing but a margin."""


class SnnTorch(TorchBackend):
    """Makes modules with snnTorch's neurons.

    Attributes
    ----------
    surrogate : str
        Which function of ``snntorch.surrogate`` gives spikes their gradient.
    slope : float or None
        Its steepness, in 1/unit of the threshold; None for snnTorch's own.
    device : str
        As in ``torch.device``.
    learn : sequence of str, or mapping of population to such
        Parameters of neurons that are trained with the weights, such as ``("tau_m", "V_th")``: of
        all populations that have them, or by population.
    """

    name = "snntorch"
    surrogates = SURROGATES
    capabilities = declaration(
        "snntorch",
        "a module of PyTorch with snnTorch's neurons, to be trained",
        Requirement(distribution="snntorch", versions=">=1.0", extra="torch", module="snntorch"),
    )

    def __init__(
        self,
        *,
        surrogate: str = "fast_sigmoid",
        slope: float | None = None,
        device: str = "cpu",
        learn: Learn = (),
    ) -> None:
        super().__init__(surrogate, slope, device, learn)

    def _maker(self, dt: float, learned: Mapping[str, tuple[str, ...]]) -> MakeCell:
        from neurosim_backends.snntorch.layers import layer_maker

        return layer_maker(self.surrogate, self.slope, dt, learned)
