"""What NEST's recorders saw, in our names, units and order.

A multimeter hands over the sample of a step when the next one begins, so that of the last step of
a run is not there yet. Most states are then read from the neurons themselves. Synaptic currents of
some models are shown to recorders only: their last sample is computed from the ones before and from
the spikes that arrive, which is what the neuron does.

No model records the second state of alpha and beta synapses, our x, but it alone makes the first
one rise: with g becoming A g + B x in a step, two samples of g tell x at the first of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from neurosim.engine.taps import n_samples
from neurosim.engine.wiring import Connections
from neurosim.lower.plan import Floats, Ints, Plan, PlanPopulation, PlanRecorder
from neurosim_backends.nest.binding import Binding, peak_factor
from neurosim_backends.nest.devices import WARM_UP
from neurosim_backends.nest.table import KINDS

Driven = Callable[[int, str, int], Floats]
"""(population, receptor, label) -> what drives add then: (size,)."""


@dataclass
class Spikes:
    """Spikes of a run, in the order of time and neuron.

    Attributes
    ----------
    labels, ids : (n,) int64
        Step at whose end, and global id.
    """

    labels: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    ids: Ints = field(default_factory=lambda: np.empty(0, np.int64))

    @classmethod
    def sorted(cls, labels: Ints, ids: Ints) -> Spikes:
        """Return spikes in order."""
        order = np.lexsort((ids, labels))
        return cls(labels[order].astype(np.int64), ids[order].astype(np.int64))

    def joined(self, later: Spikes) -> Spikes:
        """Return these and later ones."""
        return Spikes(
            np.concatenate([self.labels, later.labels]), np.concatenate([self.ids, later.ids])
        )

    def since(self, label: int) -> Spikes:
        """Return those with a label of at least `label`."""
        start = int(np.searchsorted(self.labels, label))
        return Spikes(self.labels[start:], self.ids[start:])

    def chosen(self, wanted: npt_bool) -> Spikes:
        """Return those of the neurons for which `wanted`, (n_neurons,) bool, is true."""
        keep = wanted[self.ids]
        return Spikes(self.labels[keep], self.ids[keep])


npt_bool = np.ndarray[Any, np.dtype[np.bool_]]


class SpikeTap:
    """A spike recorder of all neurons.

    Parameters
    ----------
    nest : module
    nodes : sequence of NodeCollection
        Populations of neurons.
    our_id : (n_nodes + 1,) int64
        Our global id of a node.
    dt : float
    """

    def __init__(self, nest: Any, nodes: list[Any], our_id: Ints, dt: float) -> None:
        self._recorder = nest.Create("spike_recorder", params={"time_in_steps": True})
        self._our_id = our_id
        for population in nodes:
            nest.Connect(population, self._recorder, syn_spec={"delay": dt})

    def collect(self) -> Spikes:
        """Return the spikes since the last call."""
        events = self._recorder.events
        labels = np.asarray(events["times"], np.int64) - WARM_UP
        ids = self._our_id[np.asarray(events["senders"], np.int64)]
        forget(self._recorder)
        return Spikes.sorted(labels, ids)


def forget(device: Any) -> None:
    """Drop what a recording device holds.

    Told in a list: before it takes a plain dictionary, NEST reads all that the device holds.
    """
    device.set([{"n_events": 0}])


class StateTap:
    """A multimeter on the recorded neurons of one population.

    Parameters
    ----------
    nest : module
    binding : Binding
    nodes : NodeCollection
        The population.
    recorders : sequence of PlanRecorder
        Of its states.
    dt : float
    """

    def __init__(
        self, nest: Any, binding: Binding, nodes: Any, recorders: list[PlanRecorder], dt: float
    ) -> None:
        self.binding = binding
        offset = binding.population.offset
        self.recorders = recorders
        self.local: Ints = np.unique(np.concatenate([r.ids for r in recorders])) - offset
        self.columns = {r.index: np.searchsorted(self.local, r.ids - offset) for r in recorders}
        self.variables = sorted({r.variable for r in recorders})
        self.seconds = {v: binding.driven_by(v) for v in self.variables if binding.driven_by(v)}
        """Second states, with the first states that tell them."""
        measured = {v for v in self.variables if binding.recordable(v)} | {*self.seconds.values()}
        self.measured = sorted(measured)
        self.history: dict[str, dict[int, Floats]] = {
            v: {} for v in (*self.measured, *self.seconds)
        }
        self._first_node = int(nodes[0].global_id)
        self._multimeter = None
        wanted = sorted({n for v in self.measured for n, _ in binding.recordable(v)})
        if wanted:
            self._multimeter = nest.Create(
                "multimeter",
                params={"record_from": wanted, "interval": dt, "time_in_steps": True},
            )
            chosen = nodes if self.local.size == len(nodes) else nodes[self.local.tolist()]
            nest.Connect(self._multimeter, chosen, syn_spec={"delay": dt})

    def collect(self, ours: Mapping[str, Any]) -> list[tuple[int, dict[str, Floats]]]:
        """Return the samples that have come since the last call.

        Parameters
        ----------
        ours : mapping
            Our parameters of the population.

        Returns
        -------
        list of (first, samples)
            Label of the first sample; variable -> (n_labels, n_neurons).
        """
        if self._multimeter is None:
            return []
        events = self._multimeter.events
        labels = np.asarray(events["times"], np.int64) - WARM_UP
        nodes = np.asarray(events["senders"], np.int64) - self._first_node
        later = labels > 0
        if not np.any(later):
            forget(self._multimeter)
            return []
        first, last = int(labels[later].min()), int(labels[later].max())
        row, column = labels[later] - first, np.searchsorted(self.local, nodes[later])
        found: dict[str, Floats] = {}
        for variable in self.measured:
            array = np.zeros((last - first + 1, self.local.size))
            for name, sign in self.binding.recordable(variable):
                array[row, column] += sign * np.asarray(events[name], np.float64)[later]
            found[variable] = array
        forget(self._multimeter)
        seconds: dict[str, Floats] = {}
        for variable, driven in self.seconds.items():
            decay, pull, _ = propagators(self, variable[2:], ours)
            g = np.concatenate([[self.history[driven][first - 1]], found[driven]])
            seconds[variable] = (g[1:] - decay * g[:-1]) / pull
        for variable, array in found.items():
            for label in range(max(first, last - 1), last + 1):
                self.keep(label, variable, array[label - first])
        return [(first, found), (first - 1, seconds)]

    def keep(self, label: int, variable: str, values: Floats) -> None:
        """Keep the values of a step, from which those of the next can be computed."""
        kept = self.history[variable]
        kept[label] = values
        for old in [k for k in kept if k < label - 2]:
            del kept[old]


class CarriedTap:
    """What spikes carry through synapses that learn, in NEST's unit.

    Parameters
    ----------
    nest : module
    """

    def __init__(self, nest: Any) -> None:
        self.recorder = nest.Create("weight_recorder", params={"time_in_steps": True})
        self._key: Ints = np.empty(0, np.int64)
        self._delay: Ints = np.empty(0, np.int64)
        self._labels: Ints = np.empty(0, np.int64)
        self._targets: Ints = np.empty(0, np.int64)
        self._carried: Floats = np.empty(0)

    def know(self, connections: Any, dt: float) -> None:
        """Take note of delays; a connection is known by its target and its number there."""
        names = ("target", "port", "delay")
        told = connections.get(list(names))
        target, port, delay = (np.atleast_1d(np.asarray(told[n])) for n in names)
        self._span = int(port.max(initial=0)) + 1
        key = target.astype(np.int64) * self._span + port
        order = np.argsort(key)
        self._key = key[order]
        self._delay = np.rint(delay[order] / dt).astype(np.int64)

    def collect(self, now: int) -> None:
        """Take what was sent since the last call; forget what arrived before the last steps."""
        events = self.recorder.events
        target = np.asarray(events["targets"], np.int64)
        key = target * self._span + np.asarray(events["ports"], np.int64)
        delay = self._delay[np.searchsorted(self._key, key)]
        sent = np.asarray(events["times"], np.int64) - WARM_UP
        self._labels = np.concatenate([self._labels, sent + delay])
        self._targets = np.concatenate([self._targets, target])
        self._carried = np.concatenate([self._carried, np.asarray(events["weights"], np.float64)])
        forget(self.recorder)
        kept = self._labels > now - 3
        self._labels, self._targets = self._labels[kept], self._targets[kept]
        self._carried = self._carried[kept]

    def arrived(self, label: int) -> tuple[Ints, Floats]:
        """Return the targets [NEST's ids] of what arrives at a label, and what it carries."""
        here = self._labels == label
        return self._targets[here], self._carried[here]


class Samples:
    """The traces of one run: an array for each recorder of states.

    Parameters
    ----------
    plan : Plan
    recorders : sequence of PlanRecorder
    first, n_steps : int
        The run takes the network from step `first` on.
    """

    def __init__(self, plan: Plan, recorders: list[PlanRecorder], first: int, n_steps: int) -> None:
        self._first = first
        self.arrays: dict[int, Floats] = {}
        for r in recorders:
            width = 1 if r.reduce == "mean" else r.ids.size
            self.arrays[r.index] = np.full((n_samples(r, n_steps), width), np.nan)

    def put(self, tap: StateTap, first: int, samples: Mapping[str, Floats]) -> None:
        """Write samples that belong to labels first, first + 1, ..."""
        for r in tap.recorders:
            if r.variable not in samples:
                continue
            rows = samples[r.variable]
            labels = np.arange(first, first + len(rows))
            since = labels - self._first
            mine = (since > 0) & (since % r.every_steps == 0)
            place = since[mine] // r.every_steps - 1 + r.initial
            fits = place < len(self.arrays[r.index])
            self._write(tap, r, place[fits], rows[mine][fits])

    def put_initial(self, tap: StateTap, r: PlanRecorder, values: Floats) -> None:
        """Write the sample at the start of the run."""
        self._write(tap, r, np.zeros(1, np.int64), values[None, :])

    def _write(self, tap: StateTap, r: PlanRecorder, place: Ints, rows: Floats) -> None:
        chosen = rows[:, tap.columns[r.index]]
        array = self.arrays[r.index]
        array[place] = chosen.mean(axis=1, keepdims=True) if r.reduce == "mean" else chosen


class Tail:
    """Computes synaptic states that NEST shows to recorders only, for the last step of a run.

    Parameters
    ----------
    plan : Plan
    wiring : mapping of int to Connections
        Projection -> its connections, of those that reach populations with such states.
    learning : mapping of int to CarriedTap
        Projection -> what its spikes carry, of those that learn.
    first_nodes : mapping of int to int
        Population -> NEST's id of its first neuron.
    """

    def __init__(
        self, plan: Plan, wiring: Mapping[int, Connections], learning: Mapping[int, CarriedTap],
        first_nodes: Mapping[int, int],
    ) -> None:  # fmt: skip
        self._plan = plan
        self._learning = learning
        self._first_nodes = first_nodes
        self._wiring = wiring
        self.longest = max((int(c.delay_steps.max(initial=1)) for c in wiring.values()), default=1)

    def before_start(
        self, tap: StateTap, variable: str, ours: Mapping[str, Any], p: PlanPopulation
    ) -> None:
        """Write down the sample of one step before the start that would have led to it."""
        receptor = variable[2:]
        if not KINDS[tap.binding.kinds[receptor]].peak:
            return
        x = np.broadcast_to(np.asarray(p.initial[f"x_{receptor}"], np.float64), p.size)
        decay, pull, rise = propagators(tap, receptor, ours)
        start = tap.history[variable][0]
        tap.history[variable][-1] = np.asarray((start - pull * x[tap.local] / rise) / decay)

    def first(
        self, tap: StateTap, variable: str, ours: Mapping[str, Any], label: int, spikes: Spikes,
        driven: Driven,
    ) -> Floats:  # fmt: skip
        """Return a current or conductance at a label from the samples before: (n_neurons,).

        Parameters
        ----------
        ours : mapping
            Our parameters of the population.
        spikes : Spikes
            All that may arrive.
        driven : callable
            (population, receptor, label) -> what drives add, (size,).
        """
        receptor = variable[2:]
        decay, pull, rise = propagators(tap, receptor, ours)
        history = tap.history[variable]
        if not KINDS[tap.binding.kinds[receptor]].peak:
            arrived = self._arrived(tap, receptor, label, spikes, driven)
            return np.asarray(decay * history[label - 1] + arrived)
        x = (history[label - 1] - decay * history[label - 2]) / pull
        x = rise * x + self._arrived(tap, receptor, label - 1, spikes, driven)
        return np.asarray(decay * history[label - 1] + pull * x)

    def second(
        self, tap: StateTap, variable: str, ours: Mapping[str, Any], label: int, spikes: Spikes,
        driven: Driven,
    ) -> tuple[Floats, Floats]:  # fmt: skip
        """Return a second state one step before a label and at it, as `first` does."""
        receptor = variable[2:]
        decay, pull, rise = propagators(tap, receptor, ours)
        g = tap.history[tap.seconds[variable]]
        before = (g[label] - decay * g[label - 1]) / pull
        arrived = self._arrived(tap, receptor, label, spikes, driven)
        return np.asarray(before), np.asarray(rise * before + arrived)

    def _arrived(
        self, tap: StateTap, receptor: str, label: int, spikes: Spikes, driven: Driven
    ) -> Floats:
        """Return the summed weights of what arrives at a label: (n_neurons,)."""
        population = tap.binding.population
        total = driven(population.index, receptor, label)
        ages = label - spikes.labels
        recent = (ages > 0) & (ages <= self.longest)
        span = self.longest + 1
        keys, times = np.unique(spikes.ids[recent] * span + ages[recent], return_counts=True)
        for index, carried in self._learning.items():
            if self._plan.projections[index].receptor == receptor:
                target, weight = carried.arrived(label)
                local = target - self._first_nodes[population.index]
                here = (local >= 0) & (local < population.size)
                factor = tap.binding.ports[receptor].weights(np.ones(here.sum()), local[here])
                np.add.at(total, local[here], weight[here] / factor)
        for index, c in self._wiring.items():
            projection = self._plan.projections[index]
            if index in self._learning:
                continue
            if projection.receptor != receptor or not keys.size:
                continue
            post = projection.post[c.post_position]
            here = (post >= population.offset) & (post < population.offset + population.size)
            sought = projection.pre[c.pre_position[here]] * span + c.delay_steps[here]
            found = np.minimum(np.searchsorted(keys, sought), keys.size - 1)
            hit = keys[found] == sought
            target = post[here][hit] - population.offset
            np.add.at(total, target, c.weight[here][hit] * times[found[hit]])
        return total[tap.local]


def propagators(tap: StateTap, receptor: str, ours: Mapping[str, Any]) -> tuple[Any, Any, Any]:
    """Return (A, B, P) of one step of a receptor: g becomes A g + B x, and x becomes P x."""
    kind, dt = KINDS[tap.binding.kinds[receptor]], tap.binding.dt

    def times(stem: str) -> Any:
        value = ours[f"{stem}_{receptor}"]
        return value[tap.local] if np.ndim(value) else value

    decay = np.exp(-dt / times(kind.decay))
    if not kind.peak:
        return decay, 0.0, 0.0
    rise = np.exp(-dt / times(kind.rise))
    rate = 1 / np.asarray(times(kind.rise)) - 1 / np.asarray(times(kind.decay))
    # The integral of exp(-(dt - s) / decay) exp(-s / rise) over s from 0 to dt.
    with np.errstate(invalid="ignore", divide="ignore"):
        overlap = np.where(rate == 0, dt * decay, decay * -np.expm1(-dt * rate) / rate)
    k = peak_factor(kind, times(kind.rise), times(kind.decay))
    return decay, k / times(kind.decay) * overlap, rise
