"""Small networks and backends that differ from our core in a known way, for certificates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import neurosim as ns
from neurosim.backend import Options
from neurosim.capabilities import PASSES, Capabilities
from neurosim_backends.cpu import CPU


class Copy(CPU):
    """Our core under another name, with the network or the options changed before it runs."""

    def __init__(
        self,
        name: str = "copy",
        network: Callable[[ns.Network], ns.Network] = lambda net: net,
        options: Callable[[Options], Options] = lambda options: options,
        **declared: Any,
    ) -> None:
        self.name = name
        self._network = network
        self._options = options
        supports = {"*": PASSES}
        self.capabilities = Capabilities(
            **{"backend": name, "title": "a copy of our core", "supports": supports, **declared}
        )

    def compile(self, network: ns.Network, options: Options) -> Any:
        """Run something slightly else."""
        self.capabilities.require_available()
        return super().compile(self._network(network), self._options(options))


def with_model(population: str, **changes: Any) -> Callable[[ns.Network], ns.Network]:
    """Return a function that changes parameters of one population."""

    def changed(network: ns.Network) -> ns.Network:
        copy = network.copy()
        p = copy.populations[population]
        copy._populations[population] = replace(p, model=replace(p.model, **changes))
        return copy

    return changed


def driven(n: int = 60, seed: int = 1, rate: float = 9000.0) -> ns.Network:
    """Excitatory and inhibitory neurons, driven at random."""
    net = ns.Network("driven", seed=seed)
    exc = net.population("exc", 4 * n // 5, ns.LIF())
    inh = net.population("inh", n // 5, ns.LIF())
    net.project(exc, exc + inh, ns.FixedProbability(0.1), weight=20, delay=1.5, receptor="exc")
    net.project(inh, exc + inh, ns.FixedProbability(0.1), weight=-100, delay=0.8, receptor="inh")
    net.drive(exc + inh, ns.Poisson(rate=rate), weight=45, receptor="exc")
    net.initialise(exc + inh, V_m=ns.Uniform(-70, -55))
    return net


def chain(n: int = 20) -> ns.Network:
    """A driven population that drives another, which does not project back."""
    net = ns.Network("chain", seed=3)
    first = net.population("first", n, ns.LIF())
    second = net.population("second", n, ns.LIF())
    net.drive(first, ns.Poisson(rate=9000), weight=60, receptor="exc")
    net.project(first, second, ns.FixedIndegree(10), weight=150, delay=1.0, receptor="exc")
    return net


def relay() -> ns.Network:
    """Neurons that fire whenever a given spike arrives: neither drive at random nor chaos."""
    net = ns.Network("relay", seed=3)
    source = net.population("source", 1, ns.SpikeTimes([list(range(5, 100, 10))]))
    cells = net.population("cells", 20, ns.LIF())
    net.project(source, cells, ns.AllToAll(), weight=30_000, receptor="exc", delay=1.0)
    return net


class Stumbling(Copy):
    """A copy that breaks after some sessions."""

    def __init__(self, error: Exception, sessions: int = 0) -> None:
        super().__init__("stumbling")
        self.error = error
        self.left = sessions

    def compile(self, network: ns.Network, options: Options) -> Any:
        """Run, as often as was said."""
        if self.left == 0:
            raise self.error
        self.left -= 1
        return super().compile(network, options)
