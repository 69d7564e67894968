"""A network in Loihi's integers, and the arrays in which the kernel runs it.

Everything here is whole numbers as the chip holds them: registers, mantissas, exponents, delay
slots. What they mean in millivolts is known to `quantise`; `neurosim_backends.lava` hands the same
values to Lava.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from neurosim.errors import DescriptionError
from neurosim.kernels import loihi as kernels
from neurosim.kernels import loihi_learning as learning_kernels
from neurosim.kernels.loihi_messages import C_WIDTH
from neurosim_backends.loihi.messages import (
    Convolution,
    Encoders,
    SigmaDeltas,
    require_within,
)
from neurosim_backends.loihi.messages import Ints as Ints

SignMode = Literal["mixed", "excitatory", "inhibitory"]

DECAY = (0, 4095)
THRESHOLD = (0, 131071)
MANTISSA = (-4096, 4095)
BIAS_EXPONENT = (0, 7)
WEIGHT_EXPONENT = (-8, 7)
WEIGHT_BITS = (1, 8)
LARGEST = 255
"""Magnitude of a weight: 8 bits besides the sign."""

MOST_SLOTS = 63
"""Longest delay of a synapse beyond one step: 6 bits."""

PAYLOAD = (1, (1 << 16) - 1)
"""Of a graded spike."""

ARRIVING = (1 << 24) - 1
"""Most that may arrive at a compartment in one step: Lava shifts it by 6 bits within 32."""

EPOCH = (1, 63)
IMPULSE = (1, learning_kernels.HIGHEST_TRACE)
TRACE_TAU = (1, 255)
RULE_MANTISSA = (-7, 7)
RULE_EXPONENT = (-7, 8)

SEED_OF_WEIGHTS = 2
"""Lava rounds all weights with the same random numbers, whatever the seed of a rule."""

CHUNK = 1 << 21
"""Neurons times steps that are run between two looks at the outside."""


@dataclass(frozen=True, kw_only=True)
class Compartments:
    """Neurons of one population: registers that they share, and values that each has.

    Attributes
    ----------
    name : str
    du, dv : int
        Decays of current and potential in parts of 4096; that of the current is du + 1.
    vth : int
        Fires above ``vth << 6``.
    bias_mant, bias_exp : (n,) int64
    u, v : (n,) int64
        At the start.
    """

    name: str
    du: int
    dv: int
    vth: int
    bias_mant: Ints
    bias_exp: Ints
    u: Ints
    v: Ints

    def __post_init__(self) -> None:
        limit = kernels.STATE_LIMIT
        states = (-(limit - 1), limit - 1)
        for name, values, (low, high) in (
            ("du", self.du, DECAY),
            ("dv", self.dv, DECAY),
            ("vth", self.vth, THRESHOLD),
            ("bias_mant", self.bias_mant, MANTISSA),
            ("bias_exp", self.bias_exp, BIAS_EXPONENT),
            ("u", self.u, states),
            ("v", self.v, states),
        ):
            require_within(f"Compartments {self.name!r}: {name}", values, low, high)

    @property
    def size(self) -> int:
        """Number of compartments."""
        return self.v.size

    @property
    def bias(self) -> Ints:
        """What is added to v in each step."""
        return np.left_shift(self.bias_mant, self.bias_exp)


@dataclass(frozen=True, kw_only=True)
class Generators:
    """Neurons that send spikes they are given."""

    name: str
    size: int


@dataclass(frozen=True, kw_only=True)
class Learning:
    """What spikes do to the weights of a group: Lava's `STDPLoihi`.

    Attributes
    ----------
    epoch : int
        Steps between two changes.
    x_impulse, y_impulse : int
        What a spike adds to the trace of its neuron.
    x_tau, y_tau : int
        Steps in which traces fall to 1/e.
    minus, plus : (int, int)
        Mantissa m and exponent e: ``m 2^e y`` is added where the presynaptic neuron spikes,
        ``m 2^e x`` where the postsynaptic one does.
    seed : int
        Of the random numbers that traces are rounded with.
    """

    epoch: int = 1
    x_impulse: int = 16
    y_impulse: int = 16
    x_tau: int = 20
    y_tau: int = 20
    minus: tuple[int, int]
    plus: tuple[int, int]
    seed: int = 0

    def __post_init__(self) -> None:
        for name, values, (low, high) in (
            ("epoch", self.epoch, EPOCH),
            ("x_impulse", self.x_impulse, IMPULSE),
            ("y_impulse", self.y_impulse, IMPULSE),
            ("x_tau", self.x_tau, TRACE_TAU),
            ("y_tau", self.y_tau, TRACE_TAU),
            ("mantissas", (self.minus[0], self.plus[0]), RULE_MANTISSA),
            ("exponents", (self.minus[1], self.plus[1]), RULE_EXPONENT),
            ("seed", self.seed, (0, (1 << 31) - 1)),
        ):
            require_within(f"Learning: {name}", values, low, high)


@dataclass(frozen=True, kw_only=True)
class Group:
    """Synapses between two populations that share exponent, bits and sign mode.

    Attributes
    ----------
    name : str
    pre, post : int
        Indices of the populations.
    pre_id, post_id : (n,) int64
        Within them; no pair occurs twice.
    weight : (n,) int64
        As written; the chip clips it to the sign mode and drops what goes beyond the bits.
    slot : (n,) int64
        Steps of delay beyond the first.
    exponent, bits : int
    sign : SignMode
    graded : bool
        Whether the numbers count that spikes come with; else every spike is one.
    learning : Learning or None
        Of weights that change; all of them have slot 0 then.
    """

    name: str
    pre: int
    post: int
    pre_id: Ints
    post_id: Ints
    weight: Ints
    slot: Ints
    exponent: int = 0
    bits: int = 8
    sign: SignMode = "mixed"
    graded: bool = False
    learning: Learning | None = None

    def __post_init__(self) -> None:
        place = f"Synapses {self.name!r}"
        require_within(f"{place}: exponent", self.exponent, *WEIGHT_EXPONENT)
        require_within(f"{place}: bits", self.bits, *WEIGHT_BITS)
        require_within(f"{place}: slot", self.slot, 0, MOST_SLOTS)
        pairs = self.pre_id * (int(self.post_id.max(initial=0)) + 1) + self.post_id
        if np.unique(pairs).size != pairs.size:
            raise DescriptionError(place, "two synapses of one pair", "one for each pair")
        if self.learning is not None:
            require_within(f"{place}: slot of weights that learn", self.slot, 0, 0)

    @property
    def stored(self) -> Ints:
        """The weights as the chip keeps them, see `stored_weights`."""
        return stored_weights(self.weight, self.sign, self.bits)

    @property
    def bounds(self) -> tuple[int, int]:
        """Least and largest weight that learning leads to."""
        return (
            0 if self.sign == "excitatory" else -LARGEST - (self.sign == "mixed"),
            0 if self.sign == "inhibitory" else LARGEST,
        )

    @property
    def n_slots(self) -> int:
        """How many delays there may be."""
        return int(self.slot.max(initial=0)) + 1


def stored_weights(weight: Ints, sign: SignMode, bits: int) -> Ints:
    """Return weights as a chip keeps them.

    Excitatory ones are clipped to 0 .. 255, inhibitory ones to -255 .. 0, mixed ones to -256 ..
    255; then the lowest ``8 - bits`` bits are dropped, of mixed ones one bit more: of the magnitude
    where the sign is shared, toward minus infinity where it is not.

    >>> stored_weights(np.array([255, 3, -4, -300]), "mixed", 8).tolist()
    [254, 2, -4, -256]
    >>> stored_weights(np.array([-300, -7, 2]), "inhibitory", 6).tolist()
    [-252, -4, 0]
    """
    dropped = 8 - bits + (sign == "mixed")
    least = -LARGEST - 1 if sign == "mixed" else 0
    turned = -1 if sign == "inhibitory" else 1
    kept = np.clip(turned * np.asarray(weight, np.int64), least, LARGEST)
    return turned * ((kept >> dropped) << dropped)


Cells = Compartments | Encoders | SigmaDeltas
"""What has states."""


@dataclass(frozen=True, kw_only=True)
class IntegerNetwork:
    """Populations, groups of synapses, convolutions; the index of a population is its place."""

    populations: tuple[Cells | Generators, ...]
    groups: tuple[Group, ...] = ()
    convolutions: tuple[Convolution, ...] = ()
    offsets: Ints = field(init=False, repr=False)

    def __post_init__(self) -> None:
        sizes = [p.size for p in self.populations]
        object.__setattr__(self, "offsets", np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)]))
        for c in self.convolutions:
            shapes = {c.pre: c.before, c.post: c.after}
            if any(sizes[k] != np.prod(shape) for k, shape in shapes.items()):
                raise DescriptionError(f"Convolution {c.name!r}: shapes", shapes, "of these sizes")
        connecting: tuple[Group | Convolution, ...] = (*self.groups, *self.convolutions)
        for g in connecting:
            if not isinstance(self.populations[g.post], Compartments | SigmaDeltas):
                raise DescriptionError(f"Synapses {g.name!r}: post", g.post, "compartments")
        self._check_groups(sizes)

    def _check_groups(self, sizes: list[int]) -> None:
        for g in self.groups:
            require_within(f"Synapses {g.name!r}: pre_id", g.pre_id, 0, sizes[g.pre] - 1)
            require_within(f"Synapses {g.name!r}: post_id", g.post_id, 0, sizes[g.post] - 1)
            if (
                g.learning is not None
                and g.weight.size < sizes[g.pre] * sizes[g.post]
                and not np.all(g.stored)
            ):
                raise DescriptionError(
                    f"Synapses {g.name!r}: weight", 0, "at least 1 in size",
                    "Lava drops synapses of weight 0 from a group that learns, unless every pair "
                    "has one.",
                )  # fmt: skip

    @property
    def size(self) -> int:
        """Number of neurons, generators included."""
        return int(self.offsets[-1])

    @property
    def listed(self) -> IntegerNetwork:
        """The same with synapses in place of convolutions, to count them."""
        made = []
        for c in self.convolutions:
            pre, post, weight = c.connections
            made.append(
                Group(
                    name=c.name, pre=c.pre, post=c.post, pre_id=pre, post_id=post, weight=weight,
                    slot=np.zeros_like(weight), graded=c.graded,
                )
            )  # fmt: skip
        return replace(self, groups=(*self.groups, *made), convolutions=())


@dataclass(frozen=True, kw_only=True)
class Given:
    """Spikes of generators in the steps of a run.

    Attributes
    ----------
    step : (n,) int64
        From the start of the run, ascending.
    neuron : (n,) int64
        Ids over the whole network, ascending within a step, each once.
    many : (n,) int64
        Payloads; of encoders what they are given, which is 0 where nothing stands here.
    """

    step: Ints
    neuron: Ints
    many: Ints

    @staticmethod
    def gathered(parts: Sequence[Given]) -> Given:
        """Return several as one."""
        step, neuron, many = (
            np.concatenate([np.empty(0, np.int64), *(getattr(p, x) for p in parts)])
            for x in ("step", "neuron", "many")
        )
        order = np.lexsort((neuron, step))
        return Given(step=step[order], neuron=neuron[order], many=many[order])

    @staticmethod
    def of(step: Ints, neuron: Ints) -> Given:
        """Gather spikes in any order; those of one neuron in one step become its payload."""
        pairs, many = np.unique(np.stack([step, neuron]), axis=1, return_counts=True)
        given = Given(step=pairs[0], neuron=pairs[1], many=many.astype(np.int64))
        require_within("Spikes of a generator in one step", given.many, *PAYLOAD)
        return given

    def between(self, first: int, end: int) -> Given:
        """Return the spikes of the steps first .. end - 1, counted from `first`."""
        mine = slice(*np.searchsorted(self.step, [first, end]))
        return Given(step=self.step[mine] - first, neuron=self.neuron[mine], many=self.many[mine])


NOTHING = Given(
    step=np.empty(0, np.int64), neuron=np.empty(0, np.int64), many=np.empty(0, np.int64)
)


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What a run showed.

    Attributes
    ----------
    step, neuron : (n_spikes,) int64
        Spikes of compartments and messages in order; steps count from the start of the simulation.
    many : (n_spikes,) int64
        What was sent: 1, or the message.
    u, v, residue : (n_steps, n_watched) int64
        After each step; of neurons that send numbers, u is the sum and v the activation.
    weights : mapping of int to (n_samples, n_synapses) int64
        Group that learns -> its weights after the steps that were asked for.
    traces : mapping of int to a pair of (n_samples, n) int64
        The same -> the traces x and y.
    """

    step: Ints
    neuron: Ints
    u: Ints
    v: Ints
    many: Ints
    residue: Ints
    weights: Mapping[int, Ints] = field(default_factory=dict)
    traces: Mapping[int, tuple[Ints, Ints]] = field(default_factory=dict)


class Chip:
    """A network in memory, run by the kernel.

    Attributes
    ----------
    step : int
        How many were made.
    u, v, residue, bias : (n,) int32
        Of all neurons; generators have zeros. Of neurons that send numbers, u is the sum and v the
        activation.
    wraps, clips, beyond : int
        How often a current wrapped around, a potential was clipped from below, a sum of a
        convolution wrapped or a state of a neuron that sends numbers was beyond 24 bits.
    """

    def __init__(self, network: IntegerNetwork) -> None:
        self.network = network
        self._groups = [g for g in network.groups if g.weight.size]
        places = np.cumsum([g.weight.size > 0 for g in network.groups]) - 1
        self._kept = {k: int(place) for k, place in enumerate(places)}
        self._check_arrivals()
        offsets = network.offsets
        self._table = np.zeros((len(network.populations), kernels.P_WIDTH), np.int64)
        for k, p in enumerate(network.populations):
            self._table[k, : kernels.KIND] = offsets[k], offsets[k + 1]
            if isinstance(p, Compartments):
                registers = kernels.COMPARTMENTS, p.du, p.dv, p.vth, 0, 0, 0
            elif isinstance(p, Encoders):
                registers = kernels.ENCODERS, 0, 0, p.vth, p.spike_exp, p.state_exp, 0
            elif isinstance(p, SigmaDeltas):
                exponents = p.spike_exp, p.state_exp
                registers = kernels.SIGMA_DELTAS, 0, 0, p.vth, *exponents, int(p.rectifies)
            else:
                continue
            self._table[k, kernels.KIND :] = registers
        kernel = [c.laid_out for c in network.convolutions]
        starts = np.cumsum([0, *(k.size for k in kernel)])
        rows = [c.row(int(at)) for c, at in zip(network.convolutions, starts, strict=False)]
        self._convolutions = (
            np.array(rows, np.int64).reshape(len(rows), C_WIDTH), _joined(kernel, np.int32)
        )  # fmt: skip
        self._lay_out_synapses()
        self._lay_out_learning()
        self.reset()

    def _check_arrivals(self) -> None:
        """Refuse networks in which Lava's 32 bits could overflow unseen."""
        most = np.zeros(self.network.size)
        for g in self._groups:
            # Weights that learn may become as large as any.
            heaviest = np.abs(g.stored) if g.learning is None else LARGEST + 1
            brought = heaviest * 2.0**g.exponent
            base = self.network.offsets[g.post]
            np.add.at(most, base + g.post_id, brought)
        for c in self.network.convolutions:
            most[self.network.offsets[c.post] : self.network.offsets[c.post + 1]] += c.heaviest
        if most.max(initial=0.0) > ARRIVING:
            k = int(np.argmax(most))
            index = int(np.searchsorted(self.network.offsets, k, side="right")) - 1
            raise DescriptionError(
                f"Compartments {self.network.populations[index].name!r}: weights << exponent of "
                f"all synapses of neuron {k - self.network.offsets[index]}",
                float(most[k]), f"a sum of at most {ARRIVING}: more does not fit into 32 bits",
            )  # fmt: skip

    def _lay_out_synapses(self) -> None:
        groups, starts, targets, slots, weights = [], [], [], [], []
        self._order: list[Ints] = []
        self._begins: list[int] = []
        n_synapses = n_rows = 0
        for g in self._groups:
            n_pre = self.network.populations[g.pre].size
            order = np.lexsort((g.post_id, g.pre_id))
            self._order.append(order)
            self._begins.append(n_synapses)
            row = np.searchsorted(g.pre_id[order], np.arange(n_pre + 1))
            groups.append([g.pre, g.post, g.exponent, n_rows, g.n_slots, g.graded])
            starts.append(row + n_synapses)
            targets.append(g.post_id[order])
            slots.append(g.slot[order])
            weights.append(g.stored[order])
            n_rows += n_pre + 1
            n_synapses += g.weight.size
        self._synapses = (
            np.array(groups, np.int64).reshape(len(groups), kernels.G_WIDTH),
            _joined(starts, np.int64),
            _joined(targets, np.int32),
            _joined(slots, np.int16),
            _joined(weights, np.int16),
        )
        slots_needed = max((g.n_slots for g in self._groups), default=1)
        widest = max((p.size for p in self.network.populations), default=0)
        self._depth = slots_needed + 1
        self._sums = np.zeros((slots_needed, widest), np.int64)

    def _lay_out_learning(self) -> None:
        """Tables of the groups that learn, and their synapses by target."""
        self._learning = [k for k, g in enumerate(self._groups) if g.learning is not None]
        table = np.zeros((len(self._learning), learning_kernels.L_WIDTH), np.int64)
        keeps = np.zeros((len(self._learning), 2))
        starts, pres, synapses = [], [], []
        n_x = n_y = n_columns = n_synapses = 0
        for row, k in enumerate(self._learning):
            g = self._groups[k]
            rule = g.learning
            assert rule is not None
            n_pre, n_post = (self.network.populations[p].size for p in (g.pre, g.post))
            table[row] = (
                k, rule.epoch, rule.x_impulse, rule.y_impulse,
                rule.minus[0], rule.minus[1] + learning_kernels.FRACTION_BITS,
                rule.plus[0], rule.plus[1] + learning_kernels.FRACTION_BITS,
                *g.bounds, n_x, n_y, n_columns,
            )  # fmt: skip
            keeps[row] = np.exp(-1.0 / np.array([rule.x_tau, rule.y_tau]))
            sorted_pre, sorted_post = g.pre_id[self._order[k]], g.post_id[self._order[k]]
            order = np.lexsort((sorted_pre, sorted_post))
            starts.append(np.searchsorted(sorted_post[order], np.arange(n_post + 1)) + n_synapses)
            pres.append(sorted_pre[order])
            synapses.append(order + self._begins[k])
            n_x, n_y, n_columns = n_x + n_pre, n_y + n_post, n_columns + n_post + 1
            n_synapses += g.weight.size
        epochs = int(table[:, learning_kernels.EPOCH].max(initial=0))
        widest = max((p.size for p in self.network.populations), default=0)
        shape = (epochs + 1, widest) if self._learning else (0, 0)
        self._rules = (table, keeps)
        self._columns = tuple(_joined(a, np.int64) for a in (starts, pres, synapses))
        self._trace_sizes = (n_x, n_x, n_y, n_y)
        self._histories = tuple(np.zeros(shape, np.int32) for _ in range(2))

    def reset(self) -> None:
        """Go back to the start."""
        n = self.network.size
        self.step = 0
        self.u, self.v, self.residue, self.bias = (np.zeros(n, np.int32) for _ in range(4))
        for p, lo in zip(self.network.populations, self.network.offsets, strict=False):
            if isinstance(p, Compartments):
                self.u[lo : lo + p.size] = p.u
                self.v[lo : lo + p.size] = p.v
                self.bias[lo : lo + p.size] = p.bias
            elif isinstance(p, SigmaDeltas):
                self.bias[lo : lo + p.size] = p.bias << p.spike_exp + p.state_exp
        self._arrived = np.zeros((self._depth, n), np.int32)
        self._counts = np.zeros(3, np.int64)
        self._traces = tuple(np.zeros(size, np.int32) for size in self._trace_sizes)
        self._random = []
        for k in self._learning:
            g, rule = self._groups[k], self._groups[k].learning
            assert rule is not None
            begin = self._begins[k]
            self._synapses[-1][begin : begin + g.weight.size] = g.stored[self._order[k]]
            # The streams of Lava's generators; their first number is drawn when they are made.
            streams = [
                np.random.default_rng(s) for s in (rule.seed, rule.seed + 2, SEED_OF_WEIGHTS)
            ]
            for stream in streams:
                stream.random()
            self._random.append(streams)

    def _draw(self, n_steps: int) -> npt.NDArray[np.float64]:
        """Return the random numbers of the next steps: (n_learning, n_steps, 3).

        Lava draws twice a step for traces, and once an epoch for weights.
        """
        drawn = np.zeros((len(self._learning), n_steps, 3))
        for row, (of_x, of_y, of_weights) in enumerate(self._random):
            epoch = int(self._rules[0][row, learning_kernels.EPOCH])
            ends = np.flatnonzero((self.step + 1 + np.arange(n_steps)) % epoch == 0)
            drawn[row, :, learning_kernels.OF_X] = of_x.random(2 * n_steps)[1::2]
            drawn[row, :, learning_kernels.OF_Y] = of_y.random(2 * n_steps)[1::2]
            drawn[row, ends, learning_kernels.OF_WEIGHTS] = of_weights.random(ends.size)
        return drawn

    def weights(self, group: int) -> Ints:
        """Return the present weights of a group, in the order of its synapses."""
        k = self._kept[group]
        found = np.zeros(self._groups[k].weight.size, np.int64)
        begin = self._begins[k]
        found[self._order[k]] = self._synapses[-1][begin : begin + found.size]
        return found

    def traces(self, group: int) -> tuple[Ints, Ints]:
        """Return the present traces x and y of a group that learns."""
        k = self._kept[group]
        row = self._rules[0][self._learning.index(k)]
        g = self._groups[k]
        at_x, at_y = row[learning_kernels.PRE_AT], row[learning_kernels.POST_AT]
        n_pre, n_post = (self.network.populations[p].size for p in (g.pre, g.post))
        x, y = self._traces[0][at_x : at_x + n_pre], self._traces[2][at_y : at_y + n_post]
        return x.astype(np.int64), y.astype(np.int64)

    @property
    def wraps(self) -> int:
        """How often a current wrapped around."""
        return int(self._counts[kernels.WRAPS])

    @property
    def clips(self) -> int:
        """How often a potential was clipped from below."""
        return int(self._counts[kernels.CLIPS])

    @property
    def beyond(self) -> int:
        """How often sums of convolutions and states of neurons with messages left 24 bits."""
        return int(self._counts[kernels.BEYOND])

    @property
    def most_steps(self) -> int:
        """How many steps `run` should be asked for at once."""
        return max(1, CHUNK // max(1, self.network.size))

    def run(
        self, n_steps: int, given: Given = NOTHING, watched: Sequence[int] | Ints = (), *,
        weights_after: Sequence[int] | Ints = (),
    ) -> Seen:  # fmt: skip
        """Make steps.

        Parameters
        ----------
        n_steps : int
        given : Given
            Spikes of generators, their steps counted from now.
        watched : sequence of int
            Ids of neurons whose states are told.
        weights_after : sequence of int
            Ascending numbers of steps after which weights and traces of groups that learn are told.
        """
        ids = np.asarray(watched, np.int32)
        stops = sorted({0, *(int(s) for s in weights_after if s <= n_steps), n_steps})
        learning = [k for k, g in enumerate(self.network.groups) if g.weight.size and g.learning]
        weights: dict[int, list[Ints]] = {k: [] for k in learning}
        traces: dict[int, list[tuple[Ints, Ints]]] = {k: [] for k in learning}
        parts = []
        for first, end in pairwise(stops):
            parts.append(self._run(end - first, given.between(first, end), ids))
            if end in weights_after:
                for k in learning:
                    weights[k].append(self.weights(k))
                    traces[k].append(self.traces(k))
        found = [
            np.concatenate([p[k] for p in parts]) if parts else np.empty((0,) * (1 + (k > 2)), int)
            for k in range(6)
        ]
        step, neuron, many, u, v, residue = (a.astype(np.int64) for a in found)
        return Seen(
            step=step, neuron=neuron, many=many, u=u, v=v, residue=residue,
            weights={k: np.array(rows) for k, rows in weights.items()},
            traces={
                k: (np.array([x for x, _ in rows]), np.array([y for _, y in rows]))
                for k, rows in traces.items()
            },
        )  # fmt: skip

    def _run(self, n_steps: int, given: Given, ids: npt.NDArray[np.int32]) -> tuple[Any, ...]:
        """Make steps; return steps, ids and payloads of spikes, u, v and residue."""
        n = self.network.size
        seen_u, seen_v, seen_residue = (np.zeros((n_steps, ids.size), np.int32) for _ in range(3))
        room = n_steps * n
        log_step = np.empty(room, np.int64)
        log_id, log_many = (np.empty(room, np.int32) for _ in range(2))
        logged = kernels.advance(
            self.step, n_steps, self._table, self.u, self.v, self.residue, self.bias,
            self._arrived, *self._synapses, *self._rules, self._draw(n_steps), self._columns,
            self._traces, self._histories, *self._convolutions,
            np.searchsorted(given.step, np.arange(n_steps + 1)),
            given.neuron.astype(np.int32), given.many.astype(np.int32), ids,
            seen_u, seen_v, seen_residue, log_step, log_id, log_many,
            np.zeros(n, np.int32), np.zeros(n, np.int32),
            np.zeros(len(self.network.populations) + 1, np.int64), self._sums, self._counts,
        )  # fmt: skip
        self.step += n_steps
        logs = (log[:logged].copy() for log in (log_step, log_id, log_many))
        return *logs, seen_u, seen_v, seen_residue

    def next_current(self, ids: Ints) -> Ints:
        """Return u of some neurons as it will be after the next step.

        Of compartments whose synapses have slots above 0: what arrives next is known already.
        """
        places = np.searchsorted(self.network.offsets, ids, side="right") - 1
        found = np.zeros(len(ids), np.int64)
        kernels.next_currents(
            self.u, self._arrived[self.step % self._depth], self._table[places, kernels.DU],
            np.asarray(ids, np.int64), found,
        )  # fmt: skip
        return found


def _joined(parts: Sequence[Ints], dtype: Any) -> npt.NDArray[Any]:
    joined: npt.NDArray[Any] = np.concatenate([np.empty(0, np.int64), *parts]).astype(dtype)
    return joined
