"""What the parts of a PyNEST script share while it is written: names, models, ways to connect."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from neurosim.backend import Options
from neurosim.describe.distributions import Distribution
from neurosim.describe.network import Network
from neurosim.describe.population import Population, Segment
from neurosim.errors import UnsupportedError
from neurosim.exporting import Refusals
from neurosim.lower.plan import Ints, Plan
from neurosim_backends._drafting import SharedDraft
from neurosim_backends.nest.binding import Binding, Port
from neurosim_backends.nest.words import Names, array, call, dictionary, distribution

WHERE = "in a script for NEST"
RUN_IT = "a run on the backend 'nest'"


@dataclass
class Draft(SharedDraft):
    """A script that is being written.

    Attributes
    ----------
    network : Network
    plan : Plan
    options : Options
    bindings : dict
        Population of neurons -> its model in NEST.
    names : Names
        Of variables.
    nodes : dict
        Population -> its variable.
    approximations : list of dict
        What turns out, while it is written, not to be as described.
    refusals : Refusals
        What turns out to have no form.
    traces : dict
        (population, parameter) -> time constant of a postsynaptic trace.
    """

    network: Network
    plan: Plan
    options: Options
    bindings: dict[str, Binding]
    names: Names = field(default_factory=Names)
    nodes: dict[str, str] = field(default_factory=dict)
    approximations: list[dict[str, Any]] = field(default_factory=list)
    refusals: Refusals = field(default_factory=Refusals)
    traces: dict[tuple[str, str], float] = field(default_factory=dict)

    def teaches(self, population: Population) -> bool:
        """Whether a population has synapses that learn, which only neurons of NEST have."""
        return any(
            p.plasticity is not None and any(q.name == population.name for q, _ in p.pre.segments)
            for p in self.network.projections.values()
        )

    def view(self, segments: Sequence[Segment]) -> str:
        """Return a sum of nodes, which NEST keeps in the order of their making."""
        joined: dict[str, tuple[Population, Ints]] = {}
        for population, indices in sorted(segments, key=lambda s: s[0].offset):
            before = joined.get(population.name)
            parts = indices if before is None else np.concatenate([before[1], indices])
            joined[population.name] = (population, parts)
        parts = [self.some(p, indices) for p, indices in joined.values()]
        if len(parts) > 1 and any("[" in part for part in parts):
            ids = " + ".join(f"{part}.tolist()" for part in parts)
            return f"nest.NodeCollection({ids})"
        return " + ".join(parts)

    def port(self, population: Population, receptor: str, part: str) -> Port:
        """Return where a receptor is in NEST; refuse weights whose factor differs by neuron."""
        port = self.bindings[population.name].ports[receptor]
        if np.ndim(port.factor):
            raise UnsupportedError(
                f"{part}: weight {WHERE}", "its factor differs from neuron to neuron", RUN_IT
            )
        return port

    def relays(self, population: Population) -> bool:
        """Whether a population passes on spikes whatever the weight."""
        return self.bindings[population.name].row.style == "relay"

    def weight(self, value: Any, port: Port, part: str, *, unsigned: bool = False) -> str:
        """Return a weight in NEST: a number, a random parameter, or an array (targets, sources).

        Parameters
        ----------
        value : float, Distribution, (n_targets,) or (n_pre, n_post) array
        unsigned : bool
            Whether values below 0 count as 0.
        """
        factor = float(port.factor)
        if isinstance(value, Distribution):
            text = distribution(value, factor)
            if unsigned and value.support[0] < 0:
                return f"nest.math.{'max' if factor > 0 else 'min'}({text}, 0.0)"
            return text
        numbers = np.asarray(value, np.float64) * factor
        if numbers.ndim == 1 and not np.all(numbers == numbers[0]):
            numbers = numbers[:, None]
        elif numbers.ndim == 2:
            numbers = numbers.T
        return array(numbers, part)

    def connect(
        self, pre: str, post: str, rule: str, delay: str, port: Port, *,
        weight: str | None = None, release: float = 1.0, learning: Mapping[str, str] | None = None,
    ) -> str:  # fmt: skip
        """Return a call of nest.Connect; `learning` tells of a plastic synapse."""
        synapse = dict(learning or {})
        if release < 1:
            synapse = {"synapse_model": '"bernoulli_synapse"', "p_transmit": repr(release)}
        if weight is not None:
            synapse["weight"] = weight
        synapse["delay"] = delay
        if port.number:
            synapse["receptor_type"] = str(port.number)
        return call("nest.Connect", [pre, post, rule, dictionary(synapse)])
