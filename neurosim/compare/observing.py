"""A network with everything recorded, run piece by piece, as arrays on the grid of steps."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from neurosim.backend import Backend, Options, Session, find_backend
from neurosim.capabilities import uses
from neurosim.describe.network import Network
from neurosim.errors import ApproximationWarning, NeurosimError
from neurosim.lower.plan import Floats, Ints
from neurosim.results import Run

PIECE = 20.0
"""Longest piece [ms] that is held at once."""

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
    states : mapping of (population, variable) to (n_steps + 1, size) float64
        Row j is the state at (first_step + j) dt.
    """

    first_step: int
    n_steps: int
    labels: Ints
    ids: Ints
    states: Mapping[Key, Floats]

    @property
    def last_step(self) -> int:
        """The step that the piece leads to."""
        return self.first_step + self.n_steps


def with_everything_recorded(network: Network, backend: Backend) -> Network:
    """Return a copy that records all spikes, and all states that the backend can record."""
    copy = network.copy()
    copy._recorders = []
    for population in copy.populations.values():
        if population.interface.emits_spikes:
            copy.record(population, "spikes")
        for variable in population.interface.state_units:
            copy.record(population, variable, initial=True)
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
    """

    def __init__(self, network: Network, backend: str | Backend, options: Options) -> None:
        found = find_backend(backend)
        self.name = found.name
        self.network = with_everything_recorded(network, found)
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
        return 8 * sum(self.network.populations[name].size for name, _ in self.variables)

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
                "capabilities do not refuse that."
            )
        all_labels = np.concatenate([*labels, np.empty(0, np.int64)])
        all_ids = np.concatenate([*ids, np.empty(0, np.int64)])
        order = np.lexsort((all_ids, all_labels))
        first = self.step
        self.step += n_steps
        return Piece(
            first_step=first, n_steps=n_steps, labels=all_labels[order], ids=all_ids[order],
            states=states,
        )  # fmt: skip


def whole(run: Run) -> Run:
    """Return a run; a Ctrl-C, after which sessions return what they have, goes on from here."""
    if run.provenance.get("interrupted"):
        raise KeyboardInterrupt
    return run


def piece_steps(bytes_per_step: int, dt: float) -> int:
    """Return how many steps a piece may have."""
    fitting = PIECE_BYTES // max(1, bytes_per_step)
    return int(max(1, min(round(PIECE / dt), fitting)))


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
    "first_difference",
    "joined",
    "piece_steps",
    "population_of",
    "whole",
    "with_approximate",
    "with_everything_recorded",
]
