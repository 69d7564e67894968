"""Brian2 as backends: in this process, and as a C++ program."""

from __future__ import annotations

from neurosim.backend import Options, Script, Session
from neurosim.describe.network import Network
from neurosim_backends.brian2.capabilities import RUNTIME, STANDALONE


class Brian2:
    """Runs networks with Brian2, in this process."""

    name = "brian2"
    capabilities = RUNTIME

    def compile(self, network: Network, options: Options) -> Session:
        """Build the network in memory."""
        self.capabilities.require_available()
        from neurosim_backends.brian2.runtime import Brian2Session

        return Brian2Session(network, options, self.capabilities)

    def export(self, network: Network, duration: float, options: Options) -> Script:
        """Return a script of Brian2."""
        from neurosim_backends.brian2.script import write_script

        return write_script(network, duration, options)


class Brian2Cpp:
    """Runs networks as C++ programs that Brian2 writes."""

    name = "brian2_cpp"
    capabilities = STANDALONE

    def compile(self, network: Network, options: Options) -> Session:
        """Check the network; the program is written when it runs."""
        self.capabilities.require_available()
        from neurosim_backends.brian2.standalone import Brian2CppSession

        return Brian2CppSession(network, options, self.capabilities)
