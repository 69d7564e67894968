"""The backend: checks, and hands over to a session, or to the writer of scripts."""

from __future__ import annotations

from neurosim.backend import Options, Script, Session
from neurosim.capabilities import check
from neurosim.describe.network import Network
from neurosim_backends.pynn.declared import CAPABILITIES


class Pynn:
    """Runs networks of PyNN's standard models on PyNN's NEST."""

    name = "pynn"
    capabilities = CAPABILITIES

    def compile(self, network: Network, options: Options) -> Session:
        """Have PyNN build the network in NEST's kernel.

        Raises
        ------
        UnavailableError
            If PyNN or NEST is missing or of another version.
        UnsupportedError
            Naming the part of the network that PyNN has no form of.
        """
        self.capabilities.require_available()
        made = check(network, self.capabilities, options.approximate, options)
        from neurosim_backends.pynn.session import PynnSession

        return PynnSession(network, options, made)

    def export(self, network: Network, duration: float, options: Options) -> Script:
        """Return a script that runs on the simulator its command line names; none need be there.

        Raises
        ------
        UnsupportedError
            Naming the part of the network that PyNN, or a script, has no form of.
        """
        from neurosim_backends.pynn.script import write_script

        return write_script(network, duration, options)
