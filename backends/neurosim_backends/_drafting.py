"""What drafts of scripts share that are written for simulators with a grid, as NEST and PyNN."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from neurosim.backend import Options
from neurosim.describe.network import Network
from neurosim.describe.population import Population
from neurosim.describe.projection import Projection
from neurosim.engine.wiring import Connections, enumerate_connections
from neurosim.errors import UnsupportedError
from neurosim.lower.plan import Ints, Plan, PlanPopulation

LONGEST = 5000
"""Most numbers of one array, or connections, that a script spells out."""


class SharedDraft:
    """A script that is being written; dataclasses give it its fields.

    Attributes
    ----------
    network : Network
    plan : Plan
    options : Options
    nodes : dict
        Population -> its variable.
    approximations : list of dict
        What turns out, while it is written, not to be as described.
    """

    network: Network
    plan: Plan
    options: Options
    nodes: dict[str, str]
    approximations: list[dict[str, Any]]

    @property
    def dt(self) -> float:
        """Time step [ms]."""
        return self.options.dt

    def tell(self, part: str, how: str, bound: str | float, unit: str = "") -> None:
        """Note what is not as described, as in a provenance; once."""
        entry = {"part": part, "how": how, "bound": bound, "unit": unit}
        if entry not in self.approximations:
            self.approximations.append(entry)

    def on_grid(self, times: Any) -> list[float]:
        """Return times rounded to steps, without the traces of binary fractions."""
        steps = np.rint(np.asarray(times, np.float64) / self.dt)
        return [float(t) for t in np.round(steps * self.dt, 10)]

    def one(self, name: str, index: int) -> str:
        """Return a view of one neuron."""
        return f"{name}[{index}]"

    def some(self, population: Population, indices: Ints) -> str:
        """Return some neurons of a population in ascending order, as a slice where they are one."""
        name = self.nodes[population.name]
        indices = np.sort(indices)
        if indices.size == population.size:
            return name
        if indices.size == 1:
            return self.one(name, int(indices[0]))
        step = np.unique(np.diff(indices))
        if step.size == 1:
            stride = f":{int(step[0])}" if step[0] > 1 else ""
            return f"{name}[{int(indices[0])}:{int(indices[-1]) + 1}{stride}]"
        return f"{name}[{indices.tolist()}]"

    def listed(
        self, given: Projection, where: str, instead: str
    ) -> Iterator[tuple[PlanPopulation, PlanPopulation, Connections, Ints, Ints, Any]]:
        """Yield the connections of a projection as our core draws them, by pair of populations.

        Parameters
        ----------
        given : Projection
        where, instead : str
            "in a script for ...", and what has no limit, for the refusal.

        Yields
        ------
        source, target : PlanPopulation
        found : Connections
            All of the projection.
        pre, post : (n,) int64
            Their neurons, over all populations.
        here : (n,) bool
            Those from `source` to `target`; some are.

        Raises
        ------
        UnsupportedError
            If there are more than `LONGEST`.
        """
        expected = given.expected_connections()
        if expected > LONGEST:
            raise UnsupportedError(
                f"Projection {given.name!r}: about {expected:,.0f} listed connections {where}",
                f"it does not spell out more than {LONGEST}",
                f"a rule with a probability or a number, or {instead}",
            )
        plan = next(p for p in self.plan.projections if p.name == given.name)
        found = enumerate_connections(plan, self.plan.seed, self.plan.dt)
        pre, post = plan.pre[found.pre_position], plan.post[found.post_position]
        for source in self.plan.populations:
            for target in self.plan.populations:
                here = (pre >= source.offset) & (pre < source.offset + source.size)
                here &= (post >= target.offset) & (post < target.offset + target.size)
                if np.any(here):
                    yield source, target, found, pre, post, here
