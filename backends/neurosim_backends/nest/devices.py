"""What enters the network from outside, replayed through devices of NEST.

Spike generators stand for sources, which pass delays like neurons, and for drives, which do not:
there a generator of each neuron fires one step early and its synapse has the delay of one step.
Currents come from step-current generators. A device is told what to do piece by piece.

NEST's time is ours plus `WARM_UP` steps. What is to arrive at the end of our first step has to be
sent before it begins, and NEST sends nothing at time 0; synaptic currents that NEST does not let
one set are started by a spike that arrives when our time begins.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from neurosim.engine.replay import Chunk, Replay
from neurosim.lower.plan import Floats, Ints

WARM_UP = 2
"""Steps that NEST takes before our time begins."""

CURRENT_LAG = 2
"""Steps that NEST needs from a device's decision on a current to the neuron that feels it."""


class Ahead:
    """Replays a network's outside one step ahead, since drives have to be sent a step early."""

    def __init__(self, replay: Replay) -> None:
        self._replay = replay
        self._held = replay.next(1)

    @property
    def first(self) -> Chunk:
        """The chunk of the present step, which was drawn already."""
        return self._held

    def next(self, n_steps: int) -> tuple[Chunk, Chunk]:
        """Return the chunk of the next steps, and that of one step later.

        Returns
        -------
        chunk : Chunk
            Of the steps now .. now + n_steps - 1; its `counts` are empty.
        ahead : Chunk
            Of the steps now + 1 .. now + n_steps.
        """
        held, new = self._held, self._replay.next(n_steps)
        end = new.first_step + n_steps  # the last label of the new chunk
        trains, kept_trains = {}, {}
        for k, (labels, ids) in new.trains.items():
            old_labels, old_ids = held.trains[k]
            is_now = labels < end
            trains[k] = (
                np.concatenate([old_labels, labels[is_now]]),
                np.concatenate([old_ids, ids[is_now]]),
            )
            kept_trains[k] = (labels[~is_now], ids[~is_now])
        injected = {
            k: np.concatenate([held.injected[k], rows[:-1]]) for k, rows in new.injected.items()
        }
        self._held = replace(
            new,
            first_step=end - 1,
            n_steps=1,
            trains=kept_trains,
            counts={k: rows[-1:] for k, rows in new.counts.items()},
            injected={k: rows[-1:].copy() for k, rows in new.injected.items()},
            arrivals={},
        )
        chunk = Chunk(first_step=held.first_step, n_steps=n_steps, trains=trains, injected=injected)
        return chunk, new


class SpikeSenders:
    """A spike generator for each neuron of a population or drive.

    Parameters
    ----------
    nest : module
    size : int
        Number of generators.
    dt : float
        Time step [ms].
    nodes : NodeCollection, optional
        The generators, where they are there already.
    """

    def __init__(self, nest: Any, size: int, dt: float, nodes: Any = None) -> None:
        self.nodes = nest.Create("spike_generator", size) if nodes is None else nodes
        self.ids = np.arange(self.nodes[0].global_id, self.nodes[0].global_id + size)
        self._dt = dt

    def send(self, labels: Ints, ids: Ints, multiplicity: Ints | None = None) -> None:
        """Have spikes sent.

        Parameters
        ----------
        labels : (n,) int64
            Our steps at whose end they are sent.
        ids : (n,) int64
            Which generator; in any order.
        multiplicity : (n,) int64, optional
            Spikes sent at once; without it, equal entries count as such.
        """
        if multiplicity is None:
            keys, multiplicity = np.unique(np.stack([ids, labels]), axis=1, return_counts=True)
            ids, labels = keys
        else:
            order = np.lexsort((labels, ids))
            ids, labels, multiplicity = ids[order], labels[order], multiplicity[order]
        times = (labels + WARM_UP) * self._dt
        bounds = np.searchsorted(ids, np.arange(self.ids.size + 1))
        self.nodes.set(
            [
                {"spike_times": times[a:b], "spike_multiplicities": multiplicity[a:b]}
                for a, b in pairwise(bounds)
            ]
        )


class Relays:
    """Neurons that stand for a population of sources where synapses learn, which devices' do not.

    They pass on what generators send them, one step later.

    Parameters
    ----------
    nest, size, dt
        See `SpikeSenders`.
    """

    def __init__(self, nest: Any, size: int, dt: float) -> None:
        self._senders = SpikeSenders(nest, size, dt)
        self.nodes = nest.Create("parrot_neuron", size)
        self.ids = np.arange(self.nodes[0].global_id, self.nodes[0].global_id + size)
        nest.Connect(self._senders.nodes, self.nodes, "one_to_one", {"delay": dt})

    def send(self, labels: Ints, ids: Ints) -> None:
        """Have spikes sent; the first label is two steps ahead, but before our time begins."""
        self._senders.send(labels - 1, ids)


class CurrentSenders:
    """A step-current generator for each neuron of a population.

    A current that a device is told of acts `CURRENT_LAG` steps later, so in the first steps of a
    piece, and where a current is constant throughout, it is added to the neurons' `I_e` instead.

    Parameters
    ----------
    nest : module
    targets : NodeCollection
        The neurons.
    dt : float
        Time step [ms], the devices' delay.
    """

    def __init__(self, nest: Any, targets: Any, dt: float) -> None:
        self.targets = targets
        self._dt = dt
        self.nodes = nest.Create("step_current_generator", len(targets))
        nest.Connect(self.nodes, targets, "one_to_one", {"delay": dt})
        self._is_idle = True

    def send(self, current: npt.NDArray[np.float64], first_step: int) -> None:
        """Have currents sent from the third step of a piece on, and none after it.

        Parameters
        ----------
        current : (n_steps, n) float64
            In NEST's unit, for the steps first_step, first_step + 1, ...
        """
        n_steps = len(current)
        later = np.concatenate([current[CURRENT_LAG:], np.zeros((1, current.shape[1]))])
        steps = np.arange(first_step + CURRENT_LAG, first_step + n_steps + 1)
        # A value given for a time acts one step later.
        times = (steps - 1 + WARM_UP) * self._dt
        changes = np.ones(later.shape, bool)
        changes[1:] = later[1:] != later[:-1]
        self.nodes.set(
            [
                {"amplitude_times": times[c], "amplitude_values": values[c]}
                for c, values in zip(changes.T, later.T, strict=True)
            ]
        )


def is_constant(current: Floats) -> bool:
    """Whether currents (n_steps, n) do not change from step to step."""
    return bool(np.all(current == current[0]))
