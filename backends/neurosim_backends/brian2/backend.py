"""The brian2 backend."""

from __future__ import annotations

from neurosim.backend import Options, Session
from neurosim.capabilities import Capabilities, Requirement
from neurosim.describe.network import Network
from neurosim.errors import UnsupportedError


class Brian2:
    """In the making."""

    name = "brian2"
    capabilities = Capabilities(
        backend="brian2",
        title="in the making",
        supports={},
        requires=(Requirement(distribution="brian2", versions=">=2.9", extra="brian2"),),
    )

    def compile(self, network: Network, options: Options) -> Session:
        """Not yet."""
        raise UnsupportedError("Backend 'brian2'", "in the making")
