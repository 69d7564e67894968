"""The activation with which networks are trained that will be converted: QCFS."""

from __future__ import annotations

from typing import Any

from neurosim.describe.checks import to_int
from neurosim.errors import DescriptionError, MissingPackageError

try:
    import torch
except ImportError:
    raise MissingPackageError("torch", "The activation QCFS", "torch") from None


class _Floor(torch.autograd.Function):  # type: ignore[misc]
    """Rounding down with the gradient of the identity."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        return torch.floor(x)

    @staticmethod
    def backward(ctx: Any, gradient: Any) -> Any:
        return gradient


class QCFS(torch.nn.Module):  # type: ignore[misc]
    """Quantised, clipped rectification with a shift of half a step, to train with.

        y = threshold * clip(floor(x levels / threshold + 1/2) / levels, 0, 1)

    That is what an integrate-and-fire neuron with reset by subtraction and half its threshold as
    initial charge fires in `levels` steps, so that `neurosim.convert` takes the trained threshold
    as it is. Rounding passes gradients as if it were not there.

    Parameters
    ----------
    levels : int
        Steps of the activation above 0.
    threshold : float
        Where it saturates; trained with the weights.

    Source: Bu, Fang, Ding, Dai, Yu & Huang (2022), Optimal ANN-SNN conversion for high-accuracy and
    ultra-low-latency spiking neural networks, ICLR.
    """

    def __init__(self, levels: int = 4, threshold: float = 4.0) -> None:
        super().__init__()
        levels = to_int(levels, "QCFS.levels", at_least=1)
        if not 0 < threshold < float("inf"):
            raise DescriptionError("QCFS.threshold", threshold, "a number above 0")
        self.levels = levels
        self.threshold = torch.nn.Parameter(torch.tensor(float(threshold)))

    def forward(self, x: Any) -> Any:
        """Return the quantised activation, of the shape of `x`."""
        shifted = _Floor.apply(x / self.threshold * self.levels + 0.5) / self.levels
        return self.threshold * torch.clamp(shifted, 0, 1)

    def extra_repr(self) -> str:
        """Return what `print` tells."""
        return f"levels={self.levels}, threshold={self.threshold.item():.4g}"
