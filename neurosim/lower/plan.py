"""The Plan: a network in the typed, pinned form that every backend reads.

Neurons carry global ids 0 .. n-1, population by population in the order of definition. Times are
whole steps wherever a grid exists. A step takes the state from t = k dt to (k+1) dt in this order:

1. injected currents and continuous coupling are read at t;
2. all state variables advance together;
3. arrivals due at t + dt are added (discarded for clamped targets of refractory neurons);
4. threshold at t + dt, for neurons not refractory;
5. reset; the spike carries the label k + 1; clamped states are held for the next
   round(t_ref / dt) steps;
6. recorders sample at t + dt.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from neurosim.describe.binary import Binary
from neurosim.describe.explicit import Conv2D
from neurosim.describe.interactions import Interaction
from neurosim.describe.patterns import Patterns
from neurosim.describe.plasticity import PlasticityRule
from neurosim.equations.pairs import Pair
from neurosim.equations.spec import ModelSpec, Value

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Lanes:
    """Several simulations of one network side by side, the lane fastest.

    Element k * count + b of a population of n * count is node k of lane b.

    Attributes
    ----------
    count : int
        How many.
    trial : tuple of int
        Realisation of the noise in each lane.
    """

    count: int
    trial: tuple[int, ...]


@dataclass(frozen=True)
class Past:
    """What a state was before the start.

    Attributes
    ----------
    times : (n_times,) float64
        [ms], ascending, the last 0; between two of them it is on the straight line.
    values : (n_times, n) float64
    """

    times: Floats
    values: Floats


@dataclass(frozen=True)
class PlanPopulation:
    """One population.

    Exactly one of `spec` (neurons with equations) and `source` (spike sources, see
    `neurosim.describe.sources`) is given. Where `binary` is given, too, `spec` tells names and
    units only: the program is the sweep of `neurosim.describe.binary`.
    """

    index: int
    name: str
    size: int
    shape: tuple[int, ...]
    offset: int
    """Global id of the first neuron."""
    spec: ModelSpec | None
    source: Any | None
    parameters: Mapping[str, Value]
    initial: Mapping[str, Value]
    refractory_steps: int | Ints
    lanes: Lanes | None = None
    """How nodes of several simulations stand side by side; None for one simulation."""
    constants: Mapping[str, Value] | None = None
    """What the program reads besides parameters, where that is known already."""
    binary: Binary | None = None
    stages: tuple[ModelSpec, ...] = ()
    """Programs of the stages before the last, which is that of `spec`; see `equations.stages`."""
    past: Mapping[str, Past] = field(default_factory=dict)
    """State -> what it was before the start; any other had its initial value."""

    @property
    def ids(self) -> range:
        """Global ids of the population."""
        return range(self.offset, self.offset + self.size)


@dataclass(frozen=True)
class Draw:
    """A random variable, lowered to numbers a kernel reads.

    kind 0: constant `a`; 1: uniform on [a, b); 2: normal, mean a, s.d. b; 3: log-normal,
    exp(N(a, b)); 4: exponential with mean b shifted by a. `low`, `high` bound the value,
    `bound` 0: unbounded, 1: clipped to them, 2: redrawn until within them.
    """

    kind: int
    a: float
    b: float = 0.0
    low: float = -np.inf
    high: float = np.inf
    bound: int = 0


@dataclass(frozen=True)
class PlanProjection:
    """One projection of spikes, wired by `rule` between two ordered sets of neurons.

    Attributes
    ----------
    pre, post : (n_pre,), (n_post,) int64
        Global ids in the order of the views. Rules count positions within these.
    receptor : str
        Receptor name; each post population has it.
    post_receptor : (n_post,) int64
        Index of that receptor among the receptors of the neuron's own population.
    rule : str
        "all_to_all", "one_to_one", "fixed_probability", "fixed_indegree", "fixed_outdegree",
        "fixed_total_number" or "explicit".
    probability : float
        Of fixed_probability.
    number : int or (n,) int64
        Of fixed_indegree (per post), fixed_outdegree (per pre), fixed_total_number (one).
    autapses, multapses : bool
        Whether a neuron may connect to itself, a pair be connected more than once.
    explicit_pre, explicit_post : (n_connections,) int64 or None
        Positions within `pre` and `post`, for "explicit" only, in the order given.
    weight : Draw or (n_pre, n_post) float64 or (n_connections,) float64
        (n_connections,) only with "explicit". Unit of the receptor.
    delay_steps : Draw or int array of the same shapes
        A Draw is in ms and is rounded to the nearest step after drawing; arrays are in steps.
    release : float
        Probability that a spike passes a synapse; 1.0 where synapses are reliable.
    plasticity : PlasticityRule or None
        What spikes do to the synapses; None where these are static.
    modulators : (n,) int64 or None
        Global ids of the population that the rule follows as its modulators.
    convolution : Conv2D or None
        The rule that the connections are of, where it is a convolution; they are listed all the
        same.
    """

    index: int
    name: str
    pre: Ints
    post: Ints
    receptor: str
    post_receptor: Ints
    rule: str
    weight: Draw | Floats
    delay_steps: Draw | Ints
    probability: float = 1.0
    number: int | Ints = 0
    autapses: bool = True
    multapses: bool = True
    explicit_pre: Ints | None = None
    explicit_post: Ints | None = None
    release: float = 1.0
    plasticity: PlasticityRule | None = None
    modulators: Ints | None = None
    convolution: Conv2D | None = None


@dataclass(frozen=True)
class PlanCoupling:
    """One projection of a continuous quantity (gap junctions, rate coupling).

    Connections are explicit, sorted by (post, pre, order of drawing), and summed in an order that
    this one fixes. `pre`, `post` are global ids, `pre_position`, `post_position` places within the
    views; all of shape (n_connections,).

    Attributes
    ----------
    weight : (n_connections,) float64
    source : str
        State of the pre populations that is read; "current" of a source of currents. Where `pair`
        is given, its text.
    coupling : str
        The inlet of the post populations, or "I_e".
    delay : (n_connections,) float64 or None
        [ms], at least 0, not rounded: between two steps states are those on the straight line.
        None where none has any.
    pair : Pair or None
        What a connection computes; None for what the inlet says, x_j or x_j - x_i.
    parameters : mapping
        Parameter of `pair` -> float, or (n_connections,) float64.
    lanes : int
        Above 1, each connection stands for as many: from lane 0 of its source (the id given), lane
        1 and so on to those of its target.
    factor : (lanes,) float64 or None
        What weights are multiplied by in each lane.
    plasticity : PlasticityRule or None
        How weights change with the states of both sides; None where they do not.
    convolution : Conv2D or None
        As of `PlanProjection`.
    targets : (n_post,) int64
        Global ids of all neurons of the post view: those without a connection have a sum of 0, of
        which `pair.total` may make something.
    """

    index: int
    name: str
    pre: Ints
    post: Ints
    weight: Floats
    source: str
    coupling: str
    pre_position: Ints
    post_position: Ints
    delay: Floats | None = None
    pair: Pair | None = None
    parameters: Mapping[str, Value] = field(default_factory=dict)
    lanes: int = 1
    factor: Floats | None = None
    plasticity: PlasticityRule | None = None
    convolution: Conv2D | None = None
    targets: Ints = field(default_factory=lambda: np.empty(0, np.int64))


@dataclass(frozen=True)
class PlanMemory:
    """A coupling of all units of a population through patterns, read live within a sweep.

    Attributes
    ----------
    population : int
        Index of the population.
    patterns : Patterns
    interaction : Interaction
    weights : (n_patterns,) float64 or None
    weight : float
        Factor of the field.
    """

    index: int
    name: str
    population: int
    patterns: Patterns
    interaction: Interaction
    weights: Floats | None
    weight: float


@dataclass(frozen=True)
class PlanDrive:
    """An independent source per target neuron, without synapses. `ids` are global."""

    index: int
    ids: Ints
    receptor: str
    source: Any
    weight: float | Floats


@dataclass(frozen=True)
class PlanInjection:
    """A current added to the neurons `ids` (global). `source` is a current description."""

    index: int
    ids: Ints
    source: Any


@dataclass(frozen=True)
class PlanRecorder:
    """What to record. `ids` global, ascending within a population; one population each.

    `variable` is "spikes", a state variable, or "weight" (then `projection` is its index).
    """

    index: int
    population: int
    ids: Ints
    variable: str
    every_steps: int
    reduce: Literal["none", "mean"] = "none"
    projection: int | None = None
    initial: bool = False


@dataclass(frozen=True)
class Approximation:
    """A number that was changed, with the bound of the change.

    `written` tells values that somebody wrote down from those that were drawn.
    """

    part: str
    how: str
    bound: float
    unit: str
    written: bool = True

    @property
    def told(self) -> dict[str, Any]:
        """The entry of a provenance."""
        return {"part": self.part, "how": self.how, "bound": self.bound, "unit": self.unit}


@dataclass(frozen=True)
class Plan:
    """A whole network, ready for a backend.

    `recurrences` are those parts of continuous couplings that lie within one binary population and
    have no delay: a sweep reads them live. `couplings` are all others. With an `integrator` the
    populations that have `stages` are advanced together: before each stage coupling is read anew.
    """

    name: str
    seed: int
    dt: float
    network_hash: str
    populations: tuple[PlanPopulation, ...]
    projections: tuple[PlanProjection, ...] = ()
    couplings: tuple[PlanCoupling, ...] = ()
    recurrences: tuple[PlanCoupling, ...] = ()
    memories: tuple[PlanMemory, ...] = ()
    drives: tuple[PlanDrive, ...] = ()
    injections: tuple[PlanInjection, ...] = ()
    recorders: tuple[PlanRecorder, ...] = ()
    approximations: tuple[Approximation, ...] = field(default=())
    integrator: str | None = None

    @property
    def size(self) -> int:
        """Number of neurons, sources included."""
        return sum(p.size for p in self.populations)
