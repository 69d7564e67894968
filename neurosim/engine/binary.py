"""Populations of binary units at run time, and what their memories keep."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from neurosim.describe.binary import FIELD, SPIKES
from neurosim.describe.interactions import (
    ExponentialInteraction,
    Interaction,
    Linear,
    Polynomial,
)
from neurosim.engine.arrays import zeros
from neurosim.engine.context import Context
from neurosim.engine.populations import Machine, PopulationState
from neurosim.errors import DescriptionError
from neurosim.kernels import binary
from neurosim.kernels.bit_rows import LANES, transpose_bits
from neurosim.kernels.random import UPDATE, make_key
from neurosim.lower.plan import Floats, Plan, PlanCoupling, PlanMemory, PlanPopulation

ORDERS = {
    "asynchronous": binary.ASYNCHRONOUS,
    "sequential": binary.SEQUENTIAL,
    "synchronous": binary.SYNCHRONOUS,
}

SMALLEST_POWER = 746
"""exp(-k) is 0 in float64 from here on."""


@dataclass
class BinaryState(PopulationState):
    """State, fields and memories of one population of binary units.

    Attributes
    ----------
    recurrences : sequence of PlanCoupling
        Pairwise weights within the population.
    memories : sequence of PlanMemory
    coupled : bool
        Whether other populations reach its field.
    """

    recurrences: Sequence[PlanCoupling] = ()
    memories: Sequence[PlanMemory] = ()
    coupled: bool = False
    whole = True

    def __post_init__(self) -> None:
        plan, machine = self.plan, self.machine
        assert plan.spec is not None
        assert plan.binary is not None
        n, real = plan.size, machine.real
        self.spec = plan.spec
        self.largest = 0
        self.states = {name: zeros(n, real) for name in self.spec.states}
        self.drives = {r: zeros(n, real) for r in self.driven}
        self.injected = None
        self.couplings = {FIELD: zeros(n, real)} if self.coupled else {}
        self.spikes = np.zeros(1, np.int32)[:0]
        self.parameters = dict(plan.parameters)
        self._order = np.zeros(n, np.int32)
        self._sweep = np.full(1, -1, np.int64)
        single = plan.binary.update != "synchronous"
        self._fields = np.zeros(0 if single else n)
        self._pairs = pairwise(self.recurrences, plan)
        self._table = np.zeros((len(self.memories), binary.M_WIDTH), np.int64)
        self._stores = [Memory(m, row) for m, row in zip(self.memories, self._table, strict=True)]
        self.initialise()
        self.prepare()

    def initialise(self) -> None:
        """Put every state to its initial value."""
        for name, values in self.states.items():
            values[:] = self.plan.initial[name]
        for row in (*self.drives.values(), *self.couplings.values()):
            row[:] = 0
        self._sweep[0] = -1
        self._find_overlaps()

    def _find_overlaps(self) -> None:
        for store in self._stores:
            store.find_overlaps(self.states["s"])

    def prepare(self) -> None:
        """Choose the kernel and fill its context."""
        machine, model = self.machine, self.plan.binary
        assert model is not None
        key = make_key(machine.seed, UPDATE, self.plan.index, machine.trial)
        words: dict[int, Any] = dict.fromkeys(range(binary.W_WIDTH), 0)
        words[binary.W_SIZE] = self.plan.size
        words[binary.W_UPDATE] = ORDERS[model.update]
        words[binary.W_STATE] = self.states["s"]
        words[binary.W_LOW], words[binary.W_HIGH] = (float(v) for v in model.values)
        for name, one, each in (
            ("temperature", binary.W_TEMPERATURE, binary.W_TEMPERATURES),
            ("bias", binary.W_BIAS, binary.W_BIASES),
        ):
            value = self.parameters[name]
            if np.ndim(value):
                words[each] = np.ascontiguousarray(value, np.float64)
            else:
                words[one] = float(value)
        if self.couplings:
            words[binary.W_COUPLED] = self.couplings[FIELD]
        if self._pairs is not None:
            words[binary.W_START], words[binary.W_PRE], words[binary.W_WEIGHT] = self._pairs
        words[binary.W_MEMORIES] = self._table
        words[binary.W_N_MEMORIES] = len(self._table)
        words[binary.W_ORDER], words[binary.W_SWEEP] = self._order, self._sweep
        words[binary.W_FIELDS] = self._fields
        words[binary.W_DT] = float(machine.dt)
        words[binary.W_KEY0], words[binary.W_KEY1] = int(key[0]), int(key[1])
        if model.tau_spikes is not None:
            words |= self._spiked()
        self.address = binary.advance_binary[machine.real].address
        self.context = Context([words[k] for k in range(binary.W_WIDTH)])

    def _spiked(self) -> dict[int, Any]:
        machine, tau = self.machine, self.parameters["tau_spikes"]
        if np.ndim(tau):
            place = f"Population {self.plan.name!r}: tau_spikes"
            raise DescriptionError(place, tau, "one value for all units")
        first = machine.slot_map.first[self.plan.index, 0]
        words: dict[int, Any] = {
            binary.W_SPIKED: self.states["h_spikes"],
            binary.W_DECAY: math.exp(-machine.dt / float(tau)),
            binary.W_ACC: machine.accumulator,
            binary.W_ACC_STRIDE: machine.n_slots,
            binary.W_ACC_ROWS: machine.depth,
            binary.W_ACC_FIRST: first,
            binary.W_ACC_SCALE: float(machine.scale[first[0]]),
        }
        if SPIKES in self.drives:
            words[binary.W_DRIVE] = self.drives[SPIKES]
        return words

    def write(self, name: str, value: Any, where: np.ndarray) -> None:
        """Set a state or parameter of the units `where` (local ids)."""
        super().write(name, value, where)
        if name == "s":
            self._find_overlaps()


def pairwise(
    recurrences: Sequence[PlanCoupling], plan: PlanPopulation
) -> tuple[np.ndarray, np.ndarray, Floats] | None:
    """Return connections by target: (n + 1,) starts, int32 sources, weights; None without any."""
    if not recurrences:
        return None
    pre = np.concatenate([c.pre for c in recurrences]) - plan.offset
    post = np.concatenate([c.post for c in recurrences]) - plan.offset
    weight = np.concatenate([c.weight for c in recurrences])
    order = np.argsort(post, kind="stable")
    start = np.searchsorted(post[order], np.arange(plan.size + 1)).astype(np.int64)
    return start, pre[order].astype(np.int32), np.ascontiguousarray(weight[order])


class Memory:
    """A coupling through patterns in memory: bits by unit, and the overlaps with the state.

    Parameters
    ----------
    plan : PlanMemory
    row : (M_WIDTH,) int64, written
        What kernels read.
    """

    def __init__(self, plan: PlanMemory, row: np.ndarray) -> None:
        self._plan, self._row = plan, row
        patterns = plan.patterns
        n_words = 2 * -(-patterns.number // (2 * LANES))
        self._positive = rows_by_unit(patterns.positive, patterns.size, n_words)
        self._negative = (
            None
            if patterns.negative is None
            else rows_by_unit(patterns.negative, patterns.size, n_words)
        )
        lanes = LANES * n_words
        self.overlaps = zeros(lanes, np.int32)
        self._actives = zeros(lanes, np.int32)
        self._actives[: patterns.number] = patterns.actives()
        self._weights = zeros(lanes, np.float64)
        self._weights[: patterns.number] = 1.0 if plan.weights is None else plan.weights
        kind, factor, table = law_of(plan.interaction, patterns.size, plan.weights is not None)
        self._law = np.ascontiguousarray(table)
        self._own: np.ndarray | None = None
        row[binary.M_KIND] = kind
        row[binary.M_POSITIVE] = self._positive.ctypes.data
        row[binary.M_STRIDE], row[binary.M_WORDS] = 4 * n_words, n_words
        row[binary.M_OVERLAPS] = self.overlaps.ctypes.data
        row[binary.M_ACTIVES] = self._actives.ctypes.data
        row[binary.M_WEIGHTS] = self._weights.ctypes.data
        row.view(np.float64)[binary.M_SCALE] = plan.weight * factor
        row[binary.M_TABLE], row[binary.M_ROWS] = self._law.ctypes.data, len(table)
        row[binary.M_NUMBER], row[binary.M_SIZE] = patterns.number, patterns.size
        if self._negative is not None:
            row[binary.M_NEGATIVE] = self._negative.ctypes.data
            active = self._positive | self._negative
            self._own = np.bitwise_count(active).sum(axis=1, dtype=np.int32)
            row[binary.M_OWN] = self._own.ctypes.data

    def find_overlaps(self, s: np.ndarray) -> None:
        """Compute overlaps with a state of -1 and 1 anew."""
        patterns = self._plan.patterns
        octets = np.zeros(8 * patterns.positive.shape[1], np.uint8)
        packed = np.packbits(s > 0, bitorder="little")
        octets[: packed.size] = packed
        diluted = patterns.negative is not None
        self.overlaps[patterns.number :] = 0
        total = self._row[binary.M_TOTAL : binary.M_TOTAL + 1]
        binary.find_overlaps(
            patterns.number, patterns.size, patterns.positive,
            patterns.negative if diluted else patterns.positive, diluted, octets.view(np.int64),
            total, self.overlaps,
        )  # fmt: skip


def rows_by_unit(bits: np.ndarray, size: int, n_words: int) -> np.ndarray:
    """Turn rows of bits by pattern into rows by unit: (size, 4 * n_words) uint8."""
    columns = zeros(size * 4 * n_words, np.uint8).reshape(size, 4 * n_words)
    transpose_bits(len(bits), size, bits, columns)
    return columns


def law_of(interaction: Interaction, size: int, weighted: bool) -> tuple[int, float, Floats]:
    """Return how kernels read an interaction: kind, factor of the field, table."""
    factor = interaction.field_scale(size)
    if isinstance(interaction, ExponentialInteraction):
        return binary.EXPONENTIAL, factor, np.exp(-np.arange(float(SMALLEST_POWER)))
    polynomial = Polynomial(2) if isinstance(interaction, Linear) else interaction
    assert isinstance(polynomial, Polynomial)
    of_pairs = polynomial.n == 2 and polynomial.distinct and not weighted
    kind = binary.LINEAR if of_pairs else binary.RECURRENCE
    return kind, factor, np.array(polynomial.recurrence())


def make_neurons(
    plan: PlanPopulation, machine: Machine, driven: frozenset[str], injected: bool, network: Plan
) -> PopulationState:
    """Return a population of neurons or of binary units, ready to run."""
    if plan.binary is None:
        return PopulationState(plan, machine, driven, injected)
    ids = plan.ids

    def inside(coupling: PlanCoupling) -> bool:
        return bool(np.any((coupling.post >= ids.start) & (coupling.post < ids.stop)))

    return BinaryState(
        plan, machine, driven, False,
        recurrences=[c for c in network.recurrences if inside(c)],
        memories=[m for m in network.memories if m.population == plan.index],
        coupled=any(inside(c) for c in network.couplings),
    )  # fmt: skip
