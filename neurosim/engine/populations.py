"""Populations at run time: state arrays and the entries that advance them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from neurosim.engine.arrays import zeros
from neurosim.engine.context import Context
from neurosim.engine.generate import Field, GeneratedKernel, generate
from neurosim.engine.layout import SlotMap
from neurosim.engine.module_cache import load
from neurosim.equations.spec import ModelSpec
from neurosim.errors import DescriptionError, UnknownNameError
from neurosim.kernels.random import NOISE, make_key
from neurosim.lower.plan import PlanPopulation
from neurosim.lower.values import LONGEST_HOLD, nearest_steps

RELAY_LIMIT = 256
"""Most spikes that one neuron of a relaying model may emit in one step."""


@dataclass
class Machine:
    """What all populations share."""

    dt: float
    real: type[np.floating[Any]]
    accumulator: np.ndarray
    n_slots: int
    depth: int
    scale: np.ndarray
    slot_map: SlotMap
    seed: int
    trial: int

    @property
    def precision(self) -> Any:
        """Either "double" or "single"."""
        return "double" if self.real is np.float64 else "single"


@dataclass
class Stage:
    """The call that takes a population to a stage within the step."""

    address: int
    context: Context


@dataclass
class PopulationState:
    """State, parameters and kernel of one population of neurons.

    Attributes
    ----------
    states : dict
        State -> (n,) real.
    parameters : dict
        Parameter -> float or (n,) float64.
    refractory : (n,) real
        Steps for which clamped states are still held.
    drives : dict
        Receptor -> (n,) real, what drives add in a step.
    injected : (n,) real or None
        Injected current in a step [pA].
    couplings : dict
        Coupling -> (n,) real.
    normals : list of (n,) real
        Random numbers of a step, where they are handed over.
    spikes : int32
        Region for the global ids of a step.
    stages : list of Stage
        The calls of the stages before the last, where a step has several.
    """

    plan: PlanPopulation
    machine: Machine
    driven: frozenset[str]
    is_injected: bool
    states: dict[str, np.ndarray] = field(default_factory=dict)
    parameters: dict[str, Any] = field(default_factory=dict)
    drives: dict[str, np.ndarray] = field(default_factory=dict)
    couplings: dict[str, np.ndarray] = field(default_factory=dict)
    normals: list[np.ndarray] = field(default_factory=list)
    address: int = 0
    context: Context = field(default_factory=lambda: Context([]))
    stages: list[Stage] = field(default_factory=list)
    _kernels: dict[tuple[int, frozenset[str]], tuple[GeneratedKernel, int]] = field(
        default_factory=dict
    )
    """Kernels by program, and by which parameters differ between neurons."""
    whole: ClassVar[bool] = False
    """Whether the population must stay in one block."""

    def __post_init__(self) -> None:
        spec = self.plan.spec
        assert spec is not None
        n, real = self.plan.size, self.machine.real
        self.spec = spec
        self.largest = RELAY_LIMIT if spec.multiplicity is not None else 1
        self.states = {s: zeros(n, real) for s in spec.states}
        self.refractory = zeros(n, real)
        self.drives = {r: zeros(n, real) for r in self.driven}
        self.injected = zeros(n, real) if self.is_injected else None
        self.couplings = {c.name: zeros(n, real) for c in spec.couplings}
        if self.plan.lanes is not None:
            self.normals = [zeros(n, real) for _ in range(spec.n_normals)]
        # A relay rarely emits what it could: its region covers that many spikes for one neuron
        # and the kernel says so when it does not suffice.
        self.spikes = np.zeros(n * self.largest, np.int32)
        self.flags = zeros(n, np.int16)
        self.parameters = dict(self.plan.parameters)
        self.initialise()
        self.prepare()

    def initialise(self) -> None:
        """Put every state to its initial value."""
        for name, values in self.states.items():
            place = f"Population {self.plan.name!r}: initial value of {name}"
            values[:] = fitting(self.plan.initial[name], self.machine.real, place)
        self.refractory[:] = 0
        for row in (*self.drives.values(), *self.couplings.values()):
            row[:] = 0

    def prepare(self) -> None:
        """Compute constants from the parameters, choose the kernel, fill its context."""
        spec, machine = self.spec, self.machine
        constants = self.plan.constants
        if constants is None:
            constants = spec.constants(self.parameters, machine.dt)
        values: dict[str, Any] = {**self.parameters, **constants}
        held = self._refractory_steps()
        values["refractory_steps"] = held
        arrays = frozenset(name for name, value in values.items() if np.ndim(value) > 0)
        self.address = self._fill(spec, self.context, values, arrays, self.driven)
        if not self.stages:
            self.stages = [Stage(0, Context([])) for _ in self.plan.stages]
        for stage, before in zip(self.stages, self.plan.stages, strict=True):
            stage.address = self._fill(before, stage.context, values, arrays, frozenset())

    def _fill(
        self, spec: ModelSpec, context: Context, values: dict[str, Any], arrays: frozenset[str],
        driven: frozenset[str],
    ) -> int:  # fmt: skip
        """Fill the context of a program; returns the address of its kernel."""
        machine = self.machine
        found = self._kernels.get((id(spec), arrays))
        if found is None:  # a parameter may be set before every short run
            kernel = generate(
                spec, precision=machine.precision, arrays=arrays, driven=driven,
                injected=self.is_injected, normals_given=self.plan.lanes is not None,
            )  # fmt: skip
            found = self._kernels[id(spec), arrays] = kernel, load(kernel).address
        kernel, address = found
        key = make_key(machine.seed, NOISE, self.plan.index, machine.trial)
        context.refill([self._word(f, values, key) for f in kernel.layout])
        return address

    def _refractory_steps(self) -> Any:
        spec = self.spec
        if spec.refractory is None:
            return 0.0
        place = f"Population {self.plan.name!r}: {spec.refractory}"
        held = self.parameters[spec.refractory]
        steps = nearest_steps(held, self.machine.dt, place, LONGEST_HOLD).astype(np.float64)
        return float(steps) if steps.ndim == 0 else steps

    def _word(self, f: Field, values: dict[str, Any], key: Any) -> Any:
        machine = self.machine
        match f.kind:
            case "acc":
                return machine.accumulator
            case "acc_stride":
                return machine.n_slots
            case "acc_rows":
                return machine.depth
            case "dt":
                return machine.dt
            case "first_id":
                return self.plan.offset
            case "flags":
                return self.flags
            case "spikes":
                return self.spikes
            case "max_multiplicity":
                return self.largest
            case "key0":
                return int(key[0])
            case "key1":
                return int(key[1])
            case "state":
                return self.states[f.name]
            case "parameter" | "constant":
                return self._value(values[f.name])
            case "refractory_steps":
                return self._value(values["refractory_steps"])
            case "arrivals":
                return machine.slot_map.first[self.plan.index, self._receptor_index(f.name)]
            case "scale":
                first = machine.slot_map.first[self.plan.index, self._receptor_index(f.name)]
                return float(machine.scale[first[0]])
            case "drive":
                return self.drives[f.name]
            case "injected":
                return self.injected
            case "coupling":
                return self.couplings[f.name]
            case "normal":
                return self.normals[int(f.name)]
            case "refractory":
                return self.refractory

    def _value(self, value: Any) -> Any:
        if np.ndim(value) > 0:
            place = f"Population {self.plan.name!r}: a parameter"
            return np.ascontiguousarray(fitting(value, self.machine.real, place))
        return float(value)

    def _receptor_index(self, name: str) -> int:
        return [r.name for r in self.spec.receptors].index(name)

    def read(self, name: str) -> np.ndarray:
        """Return a copy of a state or parameter, one value per neuron: (n,) float64."""
        if name in self.states:
            return self.states[name].astype(np.float64)
        if name in self.parameters:
            return np.broadcast_to(
                np.asarray(self.parameters[name], np.float64), self.plan.size
            ).copy()
        raise UnknownNameError(
            f"Population {self.plan.name!r}: variable", name, [*self.states, *self.parameters]
        )

    def write(self, name: str, value: Any, where: np.ndarray) -> None:
        """Set a state or parameter of the neurons `where` (local ids)."""
        place = f"Population {self.plan.name!r}: {name}"
        array = np.asarray(value, np.float64)
        if array.ndim > 0 and array.shape != where.shape:
            raise DescriptionError(
                place, array, f"one number, or one for each of the {where.size} neurons"
            )
        if not np.all(np.isfinite(array)):
            raise DescriptionError(place, value, "finite numbers")
        if name in self.states:
            self.states[name][where] = fitting(array, self.machine.real, place)
            return
        current = self.read(name)
        current[where] = array
        same = np.all(current == current[0])
        old = self.parameters[name]
        self.parameters[name] = float(current[0]) if same else current
        try:
            self.prepare()
        except Exception:
            self.parameters[name] = old
            self.prepare()
            raise


def fitting(value: Any, real: type[np.floating[Any]], place: str) -> np.ndarray:
    """Return finite values as an array of `real`; refuse those too large for it."""
    with np.errstate(over="ignore"):
        array = np.asarray(value, np.float64).astype(real)
    if not np.all(np.isfinite(array)):
        largest = float(np.finfo(real).max)
        raise DescriptionError(
            place, np.asarray(value), f"values within +-{largest:.2g}", "Use precision='double'."
        )
    return array
