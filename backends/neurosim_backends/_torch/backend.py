"""What the backends on PyTorch do alike: they check, and hand over to a session."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from neurosim.backend import Options
from neurosim.capabilities import Capabilities, check
from neurosim.describe.network import Network
from neurosim.errors import DescriptionError, UnknownNameError, UnsupportedError

if TYPE_CHECKING:
    from neurosim_backends._torch.module import MakeCell
    from neurosim_backends._torch.session import TorchSession

Learn = Sequence[str] | Mapping[str, Sequence[str]]
"""Parameters of neurons that are trained: of all populations that have them, or by population."""


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
    learn : sequence of str, or mapping of population to such
        Parameters of neurons that are trained with the weights, such as ``("tau_m", "V_th")``.
    """

    name: str
    capabilities: Capabilities
    surrogates: tuple[str, ...]

    def __init__(
        self, surrogate: str, slope: float | None, device: str, learn: Learn
    ) -> None:  # fmt: skip
        if surrogate not in self.surrogates:
            raise UnknownNameError(f"{type(self).__name__}.surrogate", surrogate, self.surrogates)
        self.surrogate, self.slope, self.device = surrogate, slope, device
        self.learn = learn

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
            network, options, made, self._maker(options.dt, self._learned(network)), self.device,
            self.name, (self.name, "torch"),
        )  # fmt: skip

    def _learned(self, network: Network) -> dict[str, tuple[str, ...]]:
        """Return population -> parameters that are trained."""
        place = f"{type(self).__name__}.learn"
        cells = {
            name: p for name, p in network.populations.items() if not p.interface.is_source
        }  # fmt: skip
        by_name: dict[str, tuple[str, ...]] = {}
        if isinstance(self.learn, Mapping):
            for name, names in self.learn.items():
                if isinstance(names, str):  # or it would be taken for the names of its letters
                    raise DescriptionError(
                        f"{place} of {name!r}", names, "names of parameters", f"({names!r},)"
                    )
            by_name = {name: tuple(names) for name, names in self.learn.items()}
        elif isinstance(self.learn, str):
            raise DescriptionError(place, self.learn, "names of parameters", f"({self.learn!r},)")
        else:
            known = dict.fromkeys(n for p in cells.values() for n in p.parameters)
            for name in self.learn:
                if name not in known:
                    raise UnknownNameError(place, name, known)
            by_name = {
                name: tuple(n for n in self.learn if n in p.parameters) for name, p in cells.items()
            }
        for name, names in by_name.items():
            if name not in cells:
                raise UnknownNameError(place, name, cells)
            for n in names:
                if n not in cells[name].parameters:
                    raise UnknownNameError(f"{place} of {name!r}", n, cells[name].parameters)
                if n == cells[name].model.neuron_model().refractory:
                    raise UnsupportedError(
                        f"{place} of {name!r}: {n}", "it is rounded to whole steps, and a spike "
                        "does not come a little later", "a parameter of the equations",
                    )  # fmt: skip
        return by_name

    @abstractmethod
    def _maker(self, dt: float, learned: Mapping[str, tuple[str, ...]]) -> MakeCell:
        """Return what makes the module of a population; the library is there."""
