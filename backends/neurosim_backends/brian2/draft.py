"""What the parts of a script share: names, groups of neurons, and where a view lies in them."""

from __future__ import annotations

import builtins
import re
from dataclasses import dataclass, field
from keyword import iskeyword
from typing import Any

import numpy as np

from neurosim.backend import Options
from neurosim.describe.network import Network
from neurosim.describe.population import Population
from neurosim.equations.dimensions import UNITS
from neurosim.equations.functions import FUNCTIONS
from neurosim.errors import UnsupportedError
from neurosim.exporting import Refusals
from neurosim.lower.plan import Ints, Plan
from neurosim.lower.values import realise_parameters
from neurosim_backends.brian2.equations import brian2_method
from neurosim_backends.brian2.words import MOST_LISTED, listed, quantity, times_unit, unit_word

TAKEN = frozenset(
    ("e", "pi", "inf", "i", "j", "t", "dt", "N", "xi", "lastspike", "not_refractory", "seed",
     "duration", "run", "second", "volt", "amp", "farad", "siemens", "ohm", "Hz", "array", "arange",
     "choice", "rand", "randn", "randint", "plot", "show", "defaultclock", "brian2", "found",
     "sources", "targets", "pre", "post", "allowed", "magic_network", "prefs", "NeuronGroup",
     "PoissonGroup", "PoissonInput", "SpikeGeneratorGroup", "SpikeMonitor", "StateMonitor",
     "Synapses", "TimedArray", "around", "float32", "legend", "mean", "poisson", "repeat",
     "sample", "searchsorted", "xlabel", "ylabel", *map(unit_word, UNITS), *FUNCTIONS,
     *dir(builtins))
)  # fmt: skip
"""Names that mean something in a script of Brian2."""


@dataclass
class Part:
    """A view, or what of it lies in one group.

    Attributes
    ----------
    group : Group
    positions : (n,) int64
        Within the group.
    text : str or None
        The group or a slice of it, as Brian2 knows subgroups; None where the neurons are not
        contiguous.
    within : (n,) int64
        Positions within the view.
    """

    group: Group
    positions: Ints
    text: str | None
    within: Ints

    @property
    def size(self) -> int:
        """Number of neurons."""
        return int(self.positions.size)

    def ids(self) -> str:
        """Return the text of an array of the neurons' numbers within their group."""
        p = self.positions
        steps = np.unique(np.diff(p))
        if p.size > 1 and steps.size == 1 and steps[0] > 0:
            step = f", {steps[0]}" if steps[0] > 1 else ""
            start = str(p[0]) if p[0] or step else ""
            stop = p[-1] + 1
            return f"arange({f'{start}, ' if start else ''}{stop}{step})"
        return listed(p)


@dataclass
class Group:
    """Populations that become one group of Brian2, since they have the same model.

    Attributes
    ----------
    name : str
        Of the variable.
    populations : list of Population
    extra : list of str
        Lines of equations that inputs add.
    after : list of str
        Statements that follow the definition of the group.
    currents : list of str
        Injected currents, which add up to `I_injected`.
    couplings : dict
        Coupling -> a variable for each projection.
    """

    name: str
    populations: list[Population]
    extra: list[str] = field(default_factory=list)
    after: list[str] = field(default_factory=list)
    currents: list[str] = field(default_factory=list)
    couplings: dict[str, list[str]] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Number of neurons."""
        return sum(p.size for p in self.populations)

    def start(self, population: Population) -> int:
        """Position of the first neuron of a population."""
        first = 0
        for p in self.populations:
            if p.name == population.name:
                return first
            first += p.size
        raise KeyError(population.name)


class Draft:
    """A script in the making.

    Attributes
    ----------
    groups : list of Group
    words : dict
        Population -> name of its variable.
    delivers_first : bool
        Whether the script's schedule delivers spikes before it tests thresholds.
    approximations : list of dict
        What turns out, while it is written, not to be as described.
    refusals : Refusals
        What turns out to have no form.
    learning : dict
        Plastic projection -> its synapses: (variable, name of the weight).
    """

    def __init__(self, network: Network, plan: Plan, options: Options, duration: float) -> None:
        self.network = network
        self.plan = plan
        self.options = options
        self.duration = duration
        self.approximations: list[dict[str, Any]] = []
        self.refusals = Refusals()
        self.learning: dict[str, list[tuple[str, str]]] = {}
        self._taken: set[str] = set(TAKEN)
        self.words: dict[str, str] = {}
        self.groups: list[Group] = []
        for population in network.populations.values():
            self.words[population.name] = self.fresh(population.name)
        for population in network.populations.values():
            self._place(population)
        for group in self.groups:
            if len(group.populations) > 1:
                alone = len([g for g in self.groups if len(g.populations) > 1]) == 1
                joined = "_and_".join(self.words[p.name] for p in group.populations)
                group.name = self.fresh("neurons" if alone else f"neurons_{joined}")
            else:
                group.name = self.words[group.populations[0].name]
        self.delivers_first = self._delivers_first()

    def _place(self, population: Population) -> None:
        last = self.groups[-1] if self.groups else None
        if (
            last is not None and same_model(last.populations[0], population)
            and self.method(last.populations[0]) == self.method(population)
        ):  # fmt: skip
            last.populations.append(population)
        else:
            self.groups.append(Group("", [population]))

    def _delivers_first(self) -> bool:
        """Tell whether the schedule is to deliver spikes before it tests thresholds, as ours does.

        Brian2's own tests first, so that what an arrival takes to the threshold is seen a step
        later, when part of it has decayed: Brunel's network A fires at 293 in place of 313 Hz. It
        is left as it is where no threshold reads what arrivals add to; and where arrivals are
        pulses, which would come too late.
        """
        neurons = [p for p in self.network.populations.values() if not _is_source(p)]
        late = [p for p in neurons if _is_thresholded(p)]
        if any(r.kind == "pulse" for p in neurons for r in p.model.neuron_model().spec().receptors):
            for p in late:
                self.tell(
                    f"Population {p.name!r}",
                    "Brian2 tests thresholds before it delivers spikes: a neuron that an arrival "
                    "takes to its threshold fires a step later, if it is still there",
                    self.plan.dt, "ms",
                )  # fmt: skip
            return False
        return bool(late)

    def method(self, population: Population) -> str:
        """Return Brian2's name of the state updater of a population; "" where there is none."""
        return brian2_method(
            population.model.neuron_model().spec(),
            realise_parameters(population, self.network.seed),
        )

    def tell(self, part: str, how: str, bound: str | float, unit: str = "") -> None:
        """Note what is not as described, as in a provenance."""
        self.approximations.append({"part": part, "how": how, "bound": bound, "unit": unit})

    def fresh(self, wanted: str) -> str:
        """Return a name for a variable of the script that is not taken yet."""
        word = "".join(c if c.isascii() and (c.isalnum() or c == "_") else "_" for c in wanted)
        word = re.sub("_+", "_", word).strip("_") or "x"
        if word[0].isdigit() or iskeyword(word):
            word = f"x_{word}"
        name, k = word, 2
        while name in self._taken:
            name, k = f"{word}_{k}", k + 1
        self._taken.add(name)
        return name

    def group_of(self, population: Population) -> Group:
        """Return the group that holds a population."""
        names = (g for g in self.groups if any(p.name == population.name for p in g.populations))
        return next(names)

    def parts(self, view: Any) -> list[Part]:
        """Return where the neurons of a view lie, group by group, in the order of the view."""
        found: dict[int, tuple[Group, list[Ints], list[Ints]]] = {}
        at = 0
        for population, indices in view.segments:
            group = self.group_of(population)
            ids = np.asarray(indices, np.int64) + group.start(population)
            entry = found.setdefault(id(group), (group, [], []))
            entry[1].append(ids)
            entry[2].append(np.arange(at, at + ids.size))
            at += ids.size
        parts = []
        for group, positions, within in found.values():
            where = np.concatenate(positions)
            parts.append(Part(group, where, self._slice(group, where), np.concatenate(within)))
        return parts

    def _slice(self, group: Group, positions: Ints) -> str | None:
        first, n = int(positions[0]), positions.size
        if np.any(np.diff(positions) != 1):
            return None
        if n == group.size:
            return group.name
        for p in group.populations:
            start = group.start(p)
            if start <= first and first + n <= start + p.size:
                if n == p.size:
                    return self.words[p.name]
                return f"{self.words[p.name]}[{first - start}:{first - start + n}]"
        return f"{group.name}[{first}:{first + n}]"

    def value(self, value: Any, unit: str, part: str) -> str:
        """Return the text of a number, or of an array, in its unit."""
        if np.ndim(value) == 0:
            return quantity(float(value), unit)
        return times_unit(self.array(np.asarray(value), part), unit)

    def array(self, values: Any, part: str) -> str:
        """Return the text of an array.

        Raises
        ------
        UnsupportedError
            If it is too long to be read.
        """
        if np.size(values) > MOST_LISTED:
            raise UnsupportedError(
                f"{part}: {np.size(values)} values",
                f"a script that lists more than {MOST_LISTED} values is not one to be read",
                "a distribution, or a rule",
            )
        return listed(values)


def _is_source(population: Population) -> bool:
    return bool(getattr(population.model, "is_source", False))


def _is_thresholded(population: Population) -> bool:
    """Whether what arrives adds to a state that the threshold or the hazard reads."""
    spec = population.model.neuron_model().spec()
    read = [x for x in (spec.threshold, spec.hazard) if x is not None]
    names = {symbol.name for x in read for symbol in x.free_symbols}
    return any(r.kind == "jump" and r.target in names for r in spec.receptors)


def same_model(a: Population, b: Population) -> bool:
    """Whether two populations are neurons with the same equations."""
    if _is_source(a) or _is_source(b):
        return False
    x, y = a.model.neuron_model(), b.model.neuron_model()
    return bool(
        x.spec().source_text == y.spec().source_text and x.spec().initial == y.spec().initial
    )
