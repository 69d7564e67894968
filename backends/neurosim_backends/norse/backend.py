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

SURROGATES = ("super", "triangle", "tanh", "circ", "heavi_erfc")
"""Methods of ``norse.torch.functional.threshold.threshold`` that have a gradient."""


class Norse:
    """Makes modules with Norse's cells.

    Attributes
    ----------
    surrogate : str
        Which method of ``norse.torch.functional.threshold`` gives spikes their gradient.
    slope : float
        Its `alpha`; Norse 1.1 does not read it with "super".
    device : str
        As in ``torch.device``.
    """

    name = "norse"
    capabilities = declaration(
        "norse",
        "a module of PyTorch with Norse's cells, to be trained",
        Requirement(distribution="norse", versions=">=1.1", extra="torch", module="norse"),
    )

    def __init__(
        self, *, surrogate: str = "super", slope: float = 100.0, device: str = "cpu"
    ) -> None:
        if surrogate not in SURROGATES:
            raise UnknownNameError("Norse.surrogate", surrogate, SURROGATES)
        self.surrogate, self.slope, self.device = surrogate, slope, device

    def compile(self, network: Network, options: Options) -> TorchSession:
        """Make the module.

        Raises
        ------
        UnavailableError
            If torch or Norse is missing or of another version.
        UnsupportedError
            Naming the part of the network that has no form.
        """
        self.capabilities.require_available()
        made = check(network, self.capabilities, options.approximate, options)
        from neurosim_backends._torch.session import TorchSession
        from neurosim_backends.norse.layers import layer_maker

        return TorchSession(
            network, options, made, layer_maker(self.surrogate, self.slope, options.dt),
            self.device, self.name, ("norse", "torch"),
        )  # fmt: skip
