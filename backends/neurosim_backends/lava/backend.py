"""The backend: checks, and hands over to a session."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from neurosim.backend import Options
from neurosim.capabilities import check, refused
from neurosim.describe.network import Network
from neurosim.errors import DescriptionError
from neurosim.lower.plan import Plan
from neurosim_backends.lava.environment import ENVIRONMENT
from neurosim_backends.loihi.backend import checked_epoch
from neurosim_backends.loihi.declared import CAPABILITIES, SUPPORTS

if TYPE_CHECKING:
    from neurosim_backends.lava.session import LavaSession


class Lava:
    """Runs networks in Lava, quantised as for `loihi`, with its bit-accurate models of the chip.

    Attributes
    ----------
    timeout : float
        Seconds of wall time that one call of ``session.run`` may take.
    epoch : int
        As of `neurosim_backends.loihi.Loihi`.
    """

    name = "lava"
    capabilities = replace(
        CAPABILITIES,
        backend="lava",
        title="Lava's bit-accurate models of Loihi, in a process with a Python 3.10 of its own",
        environment=ENVIRONMENT,
        supports={
            "option:threads": refused(
                "Lava runs each of its processes as one of the system", "threads left out"
            ),
            **SUPPORTS,
        },
    )

    def __init__(self, timeout: float = 3600.0, epoch: int = 1) -> None:
        if not timeout > 0:
            raise DescriptionError("Lava.timeout", timeout, "seconds, above 0")
        self.timeout = timeout
        self.epoch = checked_epoch(epoch, "Lava.epoch")

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
        from neurosim_backends.lava.session import LavaSession

        return LavaSession(network, options, made, self.epoch, self.timeout)

    def foretell(self, plan: Plan, options: Options) -> list[dict[str, Any]]:
        """Return every rounding, with its bound."""
        from neurosim_backends.loihi.quantise import quantise

        return quantise(plan, self.epoch).approximations
