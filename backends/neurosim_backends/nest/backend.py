"""The backend: checks, and hands over to a session."""

from __future__ import annotations

from neurosim.backend import Options, Script, Session
from neurosim.capabilities import check
from neurosim.describe.network import Network
from neurosim_backends.nest.declared import CAPABILITIES


class Nest:
    """Runs networks in NEST, with the standard models that are the same as ours."""

    name = "nest"
    capabilities = CAPABILITIES

    def compile(self, network: Network, options: Options) -> Session:
        """Build the network in NEST's kernel.

        Raises
        ------
        UnavailableError
            If NEST is missing or of another version.
        UnsupportedError
            Naming the part of the network that NEST has no form of.
        """
        self.capabilities.require_available()
        made = check(network, self.capabilities, options.approximate, options)
        from neurosim_backends.nest.session import NestSession

        return NestSession(network, options, made)

    def export(self, network: Network, duration: float, options: Options) -> Script:
        """Return a PyNEST script; NEST need not be there.

        Raises
        ------
        UnsupportedError
            Naming the part of the network that NEST, or a script, has no form of.
        """
        from neurosim_backends.nest.script import write_script

        return write_script(network, duration, options)
