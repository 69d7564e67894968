"""The backend: checks, and hands over to a session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from neurosim.backend import Options
from neurosim.capabilities import Requirement, check
from neurosim.describe.network import Network
from neurosim.errors import UnknownNameError
from neurosim_backends._torch.declared import declaration

if TYPE_CHECKING:
    from neurosim_backends._torch.session import TorchSession

SURROGATES = ("fast_sigmoid", "atan", "sigmoid", "triangular", "straight_through_estimator")
"""Functions of ``snntorch.surrogate`` that need nothing but a margin."""


class SnnTorch:
    """Makes modules with snnTorch's neurons.

    Attributes
    ----------
    surrogate : str
        Which function of ``snntorch.surrogate`` gives spikes their gradient.
    slope : float or None
        Its steepness, in 1/unit of the threshold; None for snnTorch's own.
    device : str
        As in ``torch.device``.
    """

    name = "snntorch"
    capabilities = declaration(
        "snntorch",
        "a module of PyTorch with snnTorch's neurons, to be trained",
        Requirement(distribution="snntorch", versions=">=1.0", extra="torch", module="snntorch"),
    )

    def __init__(
        self, *, surrogate: str = "fast_sigmoid", slope: float | None = None, device: str = "cpu"
    ) -> None:
        if surrogate not in SURROGATES:
            raise UnknownNameError("SnnTorch.surrogate", surrogate, SURROGATES)
        self.surrogate, self.slope, self.device = surrogate, slope, device

    def compile(self, network: Network, options: Options) -> TorchSession:
        """Make the module.

        Raises
        ------
        UnavailableError
            If torch or snnTorch is missing or of another version.
        UnsupportedError
            Naming the part of the network that has no form.
        """
        self.capabilities.require_available()
        made = check(network, self.capabilities, options.approximate, options)
        from neurosim_backends._torch.session import TorchSession
        from neurosim_backends.snntorch.layers import layer_maker

        return TorchSession(
            network, options, made, layer_maker(self.surrogate, self.slope, options.dt),
            self.device, self.name, ("snntorch", "torch"),
        )  # fmt: skip
