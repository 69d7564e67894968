"""What the parts of a PyNN script share while it is written: names, cells, receptors, views."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from neurosim.backend import Options
from neurosim.describe.distributions import Distribution, FunctionOfDistance
from neurosim.describe.network import Network
from neurosim.describe.population import Population
from neurosim.exporting import Refusals
from neurosim.lower.plan import Plan
from neurosim_backends._drafting import SharedDraft
from neurosim_backends.nest.binding import Binding, Port, Signs, bind
from neurosim_backends.nest.words import Names, number
from neurosim_backends.pynn.cells import CELL_ROWS, Cell, cell_of

TAKEN = (
    "pyNN", "sim", "sys", "importlib", "SIMULATOR", "SIMULATORS", "SETTINGS", "NumpyRNG",
    "RandomDistribution", "rng", "trains", "train", "k", "view", "source", "amplitude", "trace",
    "DENDRITIC",
)  # fmt: skip


def _names() -> Names:
    names = Names()
    for name in TAKEN:
        names.make(name)
    return names


@dataclass
class Draft(SharedDraft):
    """A script that is being written.

    Attributes
    ----------
    network : Network
    plan : Plan
    options : Options
    bindings : dict
        Population of neurons -> its model.
    names : Names
        Of variables.
    nodes : dict
        Population -> its variable.
    scales : dict
        Population -> variable that weights onto it are multiplied with, where simulators differ.
    approximations : list of dict
        What turns out, while it is written, not to be as described.
    refusals : Refusals
        What turns out to have no form.
    """

    network: Network
    plan: Plan
    options: Options
    bindings: dict[str, Binding] = field(default_factory=dict)
    names: Names = field(default_factory=_names)
    nodes: dict[str, str] = field(default_factory=dict)
    scales: dict[str, str] = field(default_factory=dict)
    approximations: list[dict[str, Any]] = field(default_factory=list)
    refusals: Refusals = field(default_factory=Refusals)

    def one(self, name: str, index: int) -> str:
        """Return a view of one cell: an index alone is a cell, which cannot be connected."""
        return f"{name}[{index}:{index + 1}]"

    def cell(self, population: Population) -> Cell:
        """Return the standard cell of a population."""
        return cell_of(self.bindings[population.name])

    def port(self, population: Population, receptor: str) -> Port:
        """Return where a receptor is: its sides tell PyNN's receptors."""
        return self.bindings[population.name].ports[receptor]

    def bind(self) -> None:
        """Choose cells by the signs of what may arrive."""
        signs: dict[tuple[int, str], Signs] = {}

        def note(target: Any, receptor: str, found: Signs) -> None:
            for population, _ in target.segments:
                key = (population.index, receptor)
                signs[key] = signs.get(key, Signs()) | found

        for p in self.network.projections.values():
            if not p.continuous:
                weight = p.weight if p.weight is not None else getattr(p.rule, "weight", 1.0)
                note(p.post, p.receptor, signs_of(weight))
        for d in self.network.drives:
            note(d.target, d.receptor, signs_of(d.weight))
        for q in self.plan.populations:
            if q.spec is not None:
                mine = {r.name: signs.get((q.index, r.name), Signs()) for r in q.spec.receptors}
                with self.refusals:
                    self.bindings[q.name] = bind(
                        self.network.populations[q.name], q, mine, q.parameters, self.dt,
                        known=CELL_ROWS,
                    )  # fmt: skip


def signs_of(weight: Any) -> Signs:
    """Return the signs that weights have; of a normal distribution that of its mean."""
    if isinstance(weight, FunctionOfDistance):
        return Signs(True, False)
    if isinstance(weight, Distribution):
        mean = getattr(weight, "mean", None)
        if isinstance(mean, (int, float)):
            return Signs.of(np.asarray(float(mean)))
        low, high = weight.support
        return Signs(high > 0, low < 0)
    return Signs.of(np.asarray(weight, np.float64))


def side_of(port: Port, negative: bool) -> str:
    """Return PyNN's receptor for weights of a sign: our receptors are one of its sides, or both."""
    inhibitory = negative if len(port.sides) != 1 else port.sides == ("in",)
    return "inhibitory" if inhibitory else "excitatory"


def block(call: str, arguments: Iterable[str], width: int = 96) -> list[str]:
    """Return a call with an argument on each line, if one line of that width does not hold it."""
    given = list(arguments)
    line = f"{call}({', '.join(given)})"
    if len(line) <= width and "\n" not in line:
        return [line]
    lines = [f"{call}("]
    for argument in given:
        inside = argument.split("\n")
        inside[-1] += ","
        lines += [f"    {part}" for part in inside]
    return [*lines, ")"]


def numbers(values: Iterable[float]) -> str:
    """Return numbers, parted by commas."""
    return ", ".join(number(float(v)) for v in values)
