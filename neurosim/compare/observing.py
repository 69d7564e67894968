"""A network with everything recorded, run piece by piece, as arrays on the grid of steps."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from neurosim.backend import Backend, Options, Session, find_backend
from neurosim.capabilities import uses
from neurosim.describe.network import Network
from neurosim.errors import ApproximationWarning, NeurosimError
from neurosim.lower.plan import Floats, Ints
from neurosim.results import Run

PIECE = 20.0
"""Longest piece [ms] that is held at once."""

LONG_PIECE = 200.0
"""The same [ms] where the states of few neurons are recorded."""

PIECE_BYTES = 48 << 20
"""Most memory for the recorded states of one piece."""

Key = tuple[str, str]
"""Population and state variable."""


@dataclass(frozen=True, kw_only=True)
class Piece:
    """What one side did in the steps first_step .. first_step + n_steps - 1.

    Attributes
    ----------
    labels, ids : (n_spikes,) int64
        Step labels (a spike of step k carries k + 1) and global ids, sorted by both.
    states : mapping of (population, variable) to (n_steps + 1, n_recorded) float64
        Row j is the state at (first_step + j) dt.
    neurons : mapping of str to (n_recorded,) int64
        Local ids of the neurons whose states are recorded, ascending; of populations that are not
        in it, all are.
    """

    first_step: int
    n_steps: int
    labels: Ints
    ids: Ints
    states: Mapping[Key, Floats]
    neurons: Mapping[str, Ints] = field(default_factory=dict)

    @property
    def last_step(self) -> int:
        """The step that the piece leads to."""
        return self.first_step + self.n_steps

    def states_of(self, key: Key, neurons: Ints) -> Floats:
        """Return a state of some of the recorded neurons, by local ids: (n_steps + 1, n)."""
        recorded = self.neurons.get(key[0])
        columns = neurons if recorded is None else np.searchsorted(recorded, neurons)
        return self.states[key][:, columns]

    def neuron(self, population: str, column: int) -> int:
        """Return the local id of a column of states."""
        recorded = self.neurons.get(population)
        return column if recorded is None else int(recorded[column])


def with_everything_recorded(
    network: Network, backend: Backend, neurons: Mapping[str, Ints] | None = None
) -> Network:
    """Return a copy that records all spikes, and all states that the backend can record.

    With `neurons` (population -> local ids), states of these only.
    """
    copy = network.copy()
    copy._recorders = []
    for population in copy.populations.values():
        if population.interface.emits_spikes:
            copy.record(population, "spikes")
        chosen = None if neurons is None else neurons.get(population.name, ())
        if chosen is not None and len(chosen) == 0:
            continue
        for variable in population.interface.state_units:
            view = population if chosen is None else population.flat()[chosen]
            copy.record(view, variable, initial=True)
    refused = {
        id(use.subject)
        for use in uses(copy)
        if use.feature.startswith("record:") and backend.capabilities.of(use).level == "refused"
    }
    copy._recorders = [r for r in copy.recorders if id(r) not in refused]
    return copy


class Observer:
    """Runs a network on a backend and hands over everything, piece by piece.

    Parameters
    ----------
    network : Network
    backend : str or Backend
    options : Options
    neurons : mapping of str to (n,) int64, optional
        Population -> local ids, ascending, of the neurons whose states are recorded; left out, all.
    """

    def __init__(
        self, network: Network, backend: str | Backend, options: Options,
        neurons: Mapping[str, Ints] | None = None,
    ) -> None:  # fmt: skip
        found = find_backend(backend)
        self.name = found.name
        self.network = with_everything_recorded(network, found, neurons)
        self.neurons = dict(neurons or {})
        self.dt = options.dt
        self.step = 0
        with warnings.catch_warnings():
            # What the backend approximates is in its declaration and in every provenance.
            warnings.simplefilter("ignore", ApproximationWarning)
            self.session: Session = found.compile(self.network, options)

    @property
    def variables(self) -> frozenset[Key]:
        """What is recorded besides spikes."""
        return frozenset(
            (r.population.name, r.variable)
            for r in self.network.recorders
            if r.population is not None and r.variable != "spikes"
        )

    @property
    def bytes_per_step(self) -> int:
        """Memory that one step of recorded states takes."""
        return 8 * sum(
            len(self.neurons.get(name, range(self.network.populations[name].size)))
            for name, _ in self.variables
        )

    def next(self, n_steps: int) -> Piece:
        """Run on for `n_steps`."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ApproximationWarning)
            run = whole(self.session.run(n_steps * self.dt, progress=False))
        labels: list[Ints] = []
        ids: list[Ints] = []
        for name, record in run.spikes.items():
            labels.append(np.rint(record.times / self.dt).astype(np.int64))
            ids.append(record.ids + self.network.populations[name].offset)
        states: dict[Key, Floats] = {}
        asked = self.variables
        for name, traces in run.states.items():
            for variable, trace in traces.items():
                array = np.asarray(trace.array, np.float64)
                if array.shape[0] != n_steps + 1:
                    raise NeurosimError(
                        f"Backend '{self.name}' gave {array.shape[0]} samples of {variable} of "
                        f"population {name!r} for {n_steps} steps; one per step and the initial "
                        f"one are {n_steps + 1}."
                    )
                if (name, variable) in asked:
                    states[name, variable] = array
        missing = sorted(f"{variable} of {name!r}" for name, variable in asked - states.keys())
        missing += [
            f"the spikes of {r.population.name!r}"
            for r in self.network.recorders
            if r.population is not None
            and r.variable == "spikes"
            and r.population.name not in run.spikes
        ]
        if missing:
            raise NeurosimError(
                f"Backend '{self.name}' did not record {', '.join(missing)}, although its "
                "capabilities do not refuse that. It has to run the network that `compile` is "
                "handed, whose recorders are those of the comparison."
            )
        all_labels = np.concatenate([*labels, np.empty(0, np.int64)])
        all_ids = np.concatenate([*ids, np.empty(0, np.int64)])
        order = np.lexsort((all_ids, all_labels))
        first = self.step
        self.step += n_steps
        return Piece(
            first_step=first, n_steps=n_steps, labels=all_labels[order], ids=all_ids[order],
            states=states, neurons=self.neurons,
        )  # fmt: skip


def whole(run: Run) -> Run:
    """Return a run; a Ctrl-C, after which sessions return what they have, goes on from here."""
    if run.provenance.get("interrupted"):
        raise KeyboardInterrupt
    return run


def piece_steps(bytes_per_step: int, dt: float, longest: float | None = None) -> int:
    """Return how many steps a piece may have; `longest` [ms] is `PIECE` where it is left out."""
    fitting = PIECE_BYTES // max(1, bytes_per_step)
    return int(max(1, min(round((PIECE if longest is None else longest) / dt), fitting)))


def evenly(network: Network, share: float) -> dict[str, Ints]:
    """Return a share of the neurons of each population, at least one, evenly over it: local ids."""
    found = {}
    for p in network.populations.values():
        if p.interface.state_units:
            n = min(p.size, max(1, int(share * p.size)))
            found[p.name] = np.arange(n, dtype=np.int64) * p.size // n
    return found


def joined(pieces: list[Piece]) -> Piece:
    """Return consecutive pieces as one."""
    first = pieces[0]
    states = {
        key: np.concatenate([first.states[key][:1], *(p.states[key][1:] for p in pieces)])
        for key in first.states
    }
    return Piece(
        first_step=first.first_step,
        n_steps=sum(p.n_steps for p in pieces),
        labels=np.concatenate([p.labels for p in pieces]),
        ids=np.concatenate([p.ids for p in pieces]),
        states=states,
        neurons=first.neurons,
    )


def first_difference(one: Piece, two: Piece) -> tuple[int, int] | None:
    """Return label and global id of the first spike that one side has oftener, or None."""
    if np.array_equal(one.labels, two.labels) and np.array_equal(one.ids, two.ids):
        return None
    n = min(one.labels.size, two.labels.size)
    differs = (one.labels[:n] != two.labels[:n]) | (one.ids[:n] != two.ids[:n])
    at = int(np.argmax(differs)) if differs.any() else n
    events = [(int(p.labels[at]), int(p.ids[at])) for p in (one, two) if at < p.labels.size]
    return min(events)


def with_approximate(options: Options, approximate: tuple[str, ...]) -> Options:
    """Return options that also allow `approximate`."""
    return replace(options, approximate=(*options.approximate, *approximate))


def population_of(network: Network, neuron: int) -> tuple[str, int]:
    """Return population and local id of a global id."""
    for p in network.populations.values():
        if p.offset <= neuron < p.offset + p.size:
            return p.name, neuron - p.offset
    raise NeurosimError(f"Network {network.name!r} has no neuron {neuron}.")


__all__ = [
    "Key",
    "Observer",
    "Piece",
    "evenly",
    "first_difference",
    "joined",
    "piece_steps",
    "population_of",
    "whole",
    "with_approximate",
    "with_everything_recorded",
]
