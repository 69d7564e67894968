"""The nest backend."""

from __future__ import annotations

from neurosim.backend import Options, Session
from neurosim.capabilities import Capabilities, Requirement
from neurosim.describe.network import Network
from neurosim.errors import UnsupportedError


class Nest:
    """In the making."""

    name = "nest"
    capabilities = Capabilities(
        backend="nest",
        title="in the making",
        supports={},
        requires=(Requirement(distribution="nest-simulator", versions=">=2.9", extra="nest"),),
    )

    def compile(self, network: Network, options: Options) -> Session:
        """Not yet."""
        raise UnsupportedError("Backend 'nest'", "in the making")
