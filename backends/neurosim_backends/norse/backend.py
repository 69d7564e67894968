"""The backend on Norse: its surrogates, and its cells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from neurosim.capabilities import Requirement
from neurosim_backends._torch.backend import Learn, TorchBackend
from neurosim_backends._torch.declared import declaration

if TYPE_CHECKING:
    from neurosim_backends._torch.module import MakeCell

SURROGATES = ("super", "triangle", "tanh", "circ", "heavi_erfc")
"""Methods of ``norse.torch.functional.threshold.threshold`` that have a gradient."""


class Norse(TorchBackend):
    """Makes modules with Norse's cells.

    Attributes
    ----------
    surrogate : str
        Which method of ``norse.torch.functional.threshold`` gives spikes their gradient.
    slope : float
        Its `alpha`; Norse 1.1 does not read it with "super".
    device : str
        As in ``torch.device``.
    learn : sequence of str, or mapping of population to such
        Parameters of neurons that are trained with the weights, such as ``("tau_m", "V_th")``: of
        all populations that have them, or by population.
    """

    name = "norse"
    surrogates = SURROGATES
    capabilities = declaration(
        "norse",
        "a module of PyTorch with Norse's cells, to be trained",
        Requirement(distribution="norse", versions=">=1.1", extra="torch", module="norse"),
    )
    slope: float

    def __init__(
        self,
        *,
        surrogate: str = "super",
        slope: float = 100.0,
        device: str = "cpu",
        learn: Learn = (),
    ) -> None:
        super().__init__(surrogate, slope, device, learn)

    def _maker(self, dt: float, learned: Mapping[str, tuple[str, ...]]) -> MakeCell:
        from neurosim_backends.norse.layers import layer_maker

        return layer_maker(self.surrogate, self.slope, dt, learned)
