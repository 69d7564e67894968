"""What the backends on PyTorch do alike: they check, and hand over to a session."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from neurosim.backend import Options
from neurosim.capabilities import Capabilities, check
from neurosim.describe.network import Network
from neurosim.errors import UnknownNameError

if TYPE_CHECKING:
    from neurosim_backends._torch.module import MakeCell
    from neurosim_backends._torch.session import TorchSession


class TorchBackend(ABC):
    """Makes modules with the neurons of a library.

    Attributes
    ----------
    surrogate : str
        Which of `surrogates` gives spikes their gradient.
    slope : float or None
        Its steepness.
    device : str
        As in ``torch.device``.
    """

    name: str
    capabilities: Capabilities
    surrogates: tuple[str, ...]

    def __init__(self, surrogate: str, slope: float | None, device: str) -> None:
        if surrogate not in self.surrogates:
            raise UnknownNameError(f"{type(self).__name__}.surrogate", surrogate, self.surrogates)
        self.surrogate, self.slope, self.device = surrogate, slope, device

    def compile(self, network: Network, options: Options) -> TorchSession:
        """Make the module.

        Raises
        ------
        UnavailableError
            If torch or the library is missing or of another version.
        UnsupportedError
            Naming the part of the network that has no form.
        """
        self.capabilities.require_available()
        made = check(network, self.capabilities, options.approximate, options)
        from neurosim_backends._torch.session import TorchSession

        return TorchSession(
            network, options, made, self._maker(options.dt), self.device, self.name,
            (self.name, "torch"),
        )  # fmt: skip

    @abstractmethod
    def _maker(self, dt: float) -> MakeCell:
        """Return what makes the module of a population; the library is there."""
