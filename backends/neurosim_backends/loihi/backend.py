"""The backend: checks, and hands over to a session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from neurosim.backend import Options
from neurosim.capabilities import check
from neurosim.describe.network import Network
from neurosim.lower.plan import Plan
from neurosim_backends.loihi.declared import CAPABILITIES

if TYPE_CHECKING:
    from neurosim_backends.loihi.session import LoihiSession


class Loihi:
    """Runs networks in the integers of Intel's Loihi, without a chip."""

    name = "loihi"
    capabilities = CAPABILITIES

    def compile(self, network: Network, options: Options) -> LoihiSession:
        """Turn the network into integers.

        Raises
        ------
        UnsupportedError
            Naming the part of the network that the chip has no form of.
        CapacityError
            Naming the number that it cannot hold.
        """
        made = check(network, self.capabilities, options.approximate, options)
        from neurosim_backends.loihi.session import LoihiSession

        return LoihiSession(network, options, made)

    def foretell(self, plan: Plan, options: Options) -> list[dict[str, Any]]:
        """Return every rounding, with its bound; of networks that are refused, none."""
        from neurosim_backends.loihi.quantise import quantise

        return quantise(plan).approximations
