"""Brian2 as backends: in this process, and as a C++ program."""

from __future__ import annotations

from neurosim.backend import Options, Session
from neurosim.describe.network import Network
from neurosim_backends.brian2.capabilities import RUNTIME


class Brian2:
    """Runs networks with Brian2, in this process."""

    name = "brian2"
    capabilities = RUNTIME

    def compile(self, network: Network, options: Options) -> Session:
        """Build the network in memory."""
        self.capabilities.require_available()
        from neurosim_backends.brian2.runtime import Brian2Session

        return Brian2Session(network, options, self.capabilities)
