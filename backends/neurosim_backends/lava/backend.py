"""The backend: checks, and hands over to a session."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from neurosim.backend import Options
from neurosim.capabilities import PASSES, check, refused
from neurosim.describe.network import Network
from neurosim.errors import DescriptionError, UnknownNameError
from neurosim.lower.plan import Plan
from neurosim_backends.lava.environment import ENVIRONMENT
from neurosim_backends.loihi.backend import MARGIN, checked_epoch, checked_wish
from neurosim_backends.loihi.declared import (
    CAPABILITIES,
    CASES,
    INTEGERS,
    ONLY_IN_INTEGERS,
    SUPPORTS,
)

Precision = Literal["fixed_pt", "floating_pt"]

_AS_LAVA = {
    "option:threads": refused(
        "Lava runs each of its processes as one of the system", "threads left out"
    ),
}
FIXED = replace(
    CAPABILITIES,
    backend="lava",
    title="Lava's bit-accurate models of Loihi, in a process with a Python 3.10 of its own",
    environment=ENVIRONMENT,
    supports={**_AS_LAVA, **SUPPORTS},
)
FLOATING = replace(
    FIXED,
    title="Lava's floating-point models, in a process with a Python 3.10 of its own",
    supports={
        **_AS_LAVA,
        **{key: PASSES if support is INTEGERS else support for key, support in SUPPORTS.items()},
        "neuron:SigmaDelta/none": refused(
            "it is handed over in integers only", 'precision="fixed_pt", or backend="cpu"'
        ),
        "synapse:plastic": refused("only integers learn here", 'precision="fixed_pt"'),
    },
    cases=tuple(
        case
        for case in CASES
        if case.feature != "synapse:plastic" and case.when not in ONLY_IN_INTEGERS
    ),
)

if TYPE_CHECKING:
    from neurosim.folders.package import Package, Repeated
    from neurosim_backends.lava.session import LavaSession


class Lava:
    """Runs networks in Lava, quantised as for `loihi`, with its bit-accurate models of the chip.

    Attributes
    ----------
    timeout : float
        Seconds of wall time that one call of ``session.run`` may take.
    epoch, calibrate, margin
        As of `neurosim_backends.loihi.Loihi`; of integers only.
    precision : {"fixed_pt", "floating_pt"}
        Which of Lava's models: of the chip's integers, or of what was described.
    """

    name = "lava"
    capabilities = FIXED

    def __init__(
        self, timeout: float = 3600.0, epoch: int = 1, precision: Precision = "fixed_pt",
        calibrate: Any = None, margin: Any = MARGIN,
    ) -> None:  # fmt: skip
        if not timeout > 0:
            raise DescriptionError("Lava.timeout", timeout, "seconds, above 0")
        self.timeout = timeout
        self.epoch = checked_epoch(epoch, "Lava.epoch")
        self.wish = checked_wish(calibrate, margin, "Lava")
        if precision not in ("fixed_pt", "floating_pt"):
            raise UnknownNameError("Lava.precision", precision, ("fixed_pt", "floating_pt"))
        self.precision = precision
        if precision == "floating_pt":
            self.capabilities = FLOATING

    def compile(self, network: Network, options: Options) -> LavaSession:
        """Turn the network into integers.

        Raises
        ------
        UnavailableError
            If Lava's environment is missing, or holds another version.
        UnsupportedError
            Naming the part of the network that the chip has no form of.
        CapacityError
            Naming the number that it cannot hold.
        """
        self.capabilities.require_available()
        made = check(network, self.capabilities, options.approximate, options)
        from neurosim_backends.lava.session import LavaFloatSession, LavaSession

        kind = LavaFloatSession if self.precision == "floating_pt" else LavaSession
        return kind(network, options, made, self.epoch, self.timeout, self.wish)

    def foretell(self, plan: Plan, options: Options) -> list[dict[str, Any]]:
        """Return every rounding, with its bound."""
        if self.precision == "floating_pt":
            return []
        from neurosim_backends.loihi.quantise import quantise

        return quantise(plan, self.epoch, self.wish).approximations

    def repeat(self, package: Package) -> Repeated:
        """Run the package of a folder in Lava, and compare."""
        from neurosim_backends.lava.jobs import repeat_in_lava
        from neurosim_backends.lava.workers import shared_worker

        return repeat_in_lava(shared_worker(), package, self.timeout)
