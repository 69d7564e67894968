"""Two sides run the same network side by side, until their first spike differs.

Spikes are compared in every step. States are, too: those of all neurons as far as `WATCHED` values
reach, which is the whole run of a small network and some 400 ms of 4,000 neurons, and from there on
those of as many neurons as `FOLLOWED` values allow. Recording is what takes long in other
simulators: ten times as long as running, for all states of all neurons in every step.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from neurosim.backend import Backend, Options, whole_steps
from neurosim.compare.observing import (
    LONG_PIECE,
    Key,
    Observer,
    Piece,
    evenly,
    first_difference,
    joined,
    piece_steps,
    population_of,
    with_approximate,
)
from neurosim.describe.network import Network
from neurosim.errors import SimulationError
from neurosim.lower.plan import Floats, Ints

ROUNDING = {"double": 1e-9, "single": 1e-4}
"""States that agree to this part of the variable's largest value differ by rounding at most."""

WATCHED = 50_000_000
"""So many values of states are compared of all neurons together, from the start on."""

FOLLOWED = 20_000_000
"""So many more are compared of some neurons in the whole of a run that is longer."""

DIAGNOSIS = 10.0
"""How long both sides run on after the first spike that differs [ms]."""


@dataclass(frozen=True, kw_only=True)
class StateDifference:
    """How far one variable of one population differed, up to the first spike that does.

    Attributes
    ----------
    population, variable, unit : str
    largest_absolute : float
        Largest |theirs - ours|, in `unit`.
    largest_relative : float
        The same as a part of the variable's largest magnitude on either side.
    time : float or None
        First time [ms] at which it is beyond `ROUNDING`; None where it never is.
    neuron : int or None
        Of those that differ first, the one that differs most.
    ours, theirs : float or None
        Both values then.
    bit_exact : bool
        Whether all values were the same bits.
    began : float or None
        First time [ms] at which any bit differs; None where none does.
    began_by, began_ulps : float
        The largest difference then: in `unit`, and in steps between neighbouring floating-point
        numbers.
    """

    population: str
    variable: str
    unit: str
    largest_absolute: float
    largest_relative: float
    time: float | None = None
    neuron: int | None = None
    ours: float | None = None
    theirs: float | None = None
    bit_exact: bool = False
    began: float | None = None
    began_by: float = 0.0
    began_ulps: float = 0.0


@dataclass(frozen=True, kw_only=True)
class FirstSpike:
    """The first spike that one side has and the other has not.

    Attributes
    ----------
    population : str
    neuron : int
        Within the population.
    ours, theirs : float or None
        When that spike of the neuron comes on each side [ms]; None if it does not come within
        `DIAGNOSIS`.
    before : float
        The time just before [ms].
    states : mapping of str to (float, float)
        Variable -> value on our side and on theirs, just before.
    """

    population: str
    neuron: int
    ours: float | None
    theirs: float | None
    before: float
    states: Mapping[str, tuple[float, float]]


@dataclass(frozen=True, kw_only=True)
class Lockstep:
    """What a comparison in lockstep found.

    Attributes
    ----------
    ours, theirs : str
        Names of the backends.
    dt, duration : float
        Step, and what was to be compared [ms].
    same_until : float
        All spikes up to here are the same [ms]; `duration` where none differs.
    first_spike : FirstSpike or None
        None where no spike differs.
    states : tuple of StateDifference
        One for each variable that both sides can record, over the time before the first spike
        that differs.
    n_spikes : int
        Spikes that were the same.
    not_recorded : tuple of (population, variable)
        What the other side cannot record.
    watched_until : float or None
        States of all neurons were compared up to here [ms], or up to `same_until` if that is
        earlier; None where up to the end.
    followed : mapping of str to int
        Population -> how many of its neurons were compared state by state after `watched_until`.
    """

    ours: str
    theirs: str
    dt: float
    duration: float
    same_until: float
    first_spike: FirstSpike | None
    states: tuple[StateDifference, ...]
    n_spikes: int
    not_recorded: tuple[Key, ...] = ()
    watched_until: float | None = None
    followed: Mapping[str, int] = field(default_factory=dict)

    @property
    def states_of_all_until(self) -> float:
        """States of all neurons were compared in every step up to here [ms]."""
        if self.watched_until is None:
            return self.same_until
        return min(self.watched_until, self.same_until)

    @property
    def same_spikes(self) -> bool:
        """Whether all spikes are the same on the grid."""
        return self.first_spike is None

    @property
    def bit_exact(self) -> bool:
        """Whether all spikes and all bits of all states that were compared are the same."""
        return self.same_spikes and not self.not_recorded and all(s.bit_exact for s in self.states)

    @property
    def within_rounding(self) -> bool:
        """Whether no state differed by more than rounding before the first spike that does."""
        return all(s.time is None for s in self.states)

    @property
    def first_bits(self) -> StateDifference | None:
        """The variable whose bits are the first to differ, by most of its largest value."""
        found = [s for s in self.states if s.began is not None]
        return min(found, key=lambda s: (s.began or 0.0, -s.began_ulps), default=None)

    @property
    def first_state(self) -> StateDifference | None:
        """The variable that is the first to differ by more than rounding."""
        found = [s for s in self.states if s.time is not None]
        return min(found, key=lambda s: (s.time or 0.0, -s.largest_relative), default=None)


class Differences:
    """Gathers the differences of states over pieces."""

    def __init__(self, dt: float, tolerance: float) -> None:
        self.dt = dt
        self.tolerance = tolerance
        self._found: dict[Key, StateDifference] = {}
        self._largest: dict[Key, float] = {}

    def add(self, ours: Piece, theirs: Piece, n_steps: int) -> None:
        """Compare the first `n_steps` of two pieces."""
        for key, b in theirs.states.items():
            a = ours.states[key]
            one, two = a[: n_steps + 1], b[: n_steps + 1]
            found = self._found.get(key) or StateDifference(
                population=key[0], variable=key[1], unit="", largest_absolute=0.0,
                largest_relative=0.0, bit_exact=True,
            )  # fmt: skip
            largest = max(self._largest.get(key, 0.0), _most(one), _most(two))
            self._largest[key] = largest
            off = np.abs(two - one)
            worst = max(found.largest_absolute, float(off.max(initial=0.0)))
            found = replace(
                found,
                largest_absolute=worst,
                largest_relative=worst / largest if largest > 0 else 0.0,
                bit_exact=found.bit_exact and bool(np.array_equal(one, two)),
            )
            if found.began is None and not found.bit_exact:
                row = int(np.argmax((one != two).any(axis=1)))
                column = int(np.argmax(off[row]))
                larger = max(abs(float(one[row, column])), abs(float(two[row, column])))
                found = replace(
                    found,
                    began=(ours.first_step + row) * self.dt,
                    began_by=float(off[row, column]),
                    began_ulps=float(off[row, column] / np.spacing(larger)),
                )
            if found.time is None and worst > self.tolerance * largest:
                row = int(np.argmax((off > self.tolerance * largest).any(axis=1)))
                column = int(np.argmax(off[row]))
                found = replace(
                    found,
                    time=(ours.first_step + row) * self.dt,
                    neuron=ours.neuron(key[0], column),
                    ours=float(one[row, column]),
                    theirs=float(two[row, column]),
                )
            self._found[key] = found

    def found(self, network: Network) -> tuple[StateDifference, ...]:
        """Return them, in the order of the network."""
        return tuple(
            replace(self._found[p.name, v], unit=unit)
            for p in network.populations.values()
            for v, unit in p.interface.state_units.items()
            if (p.name, v) in self._found
        )


class _Sides:
    """Both sides beside each other, from the start on.

    Attributes
    ----------
    event : (int, int) or None
        Label and global id of the first spike that differs, once it was met.
    n_spikes : int
        Spikes before it, or so far.
    """

    def __init__(
        self, network: Network, ours: str | Backend, theirs: str | Backend, options: Options,
        approximate: tuple[str, ...], neurons: Mapping[str, Ints] | None = None,
    ) -> None:  # fmt: skip
        self.dt = options.dt
        self.other = Observer(network, theirs, with_approximate(options, approximate), neurons)
        self.own = Observer(network, ours, options, neurons)
        longest = None if neurons is None else LONG_PIECE
        both = self.own.bytes_per_step + self.other.bytes_per_step
        self.most = piece_steps(both, self.dt, longest)
        self.event: tuple[int, int] | None = None
        self.n_spikes = 0
        self._last: tuple[Piece, Piece] | None = None

    @property
    def values_per_step(self) -> int:
        """Numbers that each side records in a step."""
        return max(1, self.own.bytes_per_step // 8)

    def pieces(self, n_steps: int) -> Iterator[tuple[Piece, Piece]]:
        """Run on to a step; yield what both sides did, piece by piece."""
        while self.own.step < n_steps:
            length = min(self.most, n_steps - self.own.step)
            self._last = self.own.next(length), self.other.next(length)
            yield self._last

    def run(self, n_steps: int, differences: Differences) -> None:
        """Run on to a step, or to the end of the first piece in which a spike differs."""
        for one, two in self.pieces(n_steps):
            self.event = first_difference(one, two)
            if self.event is None:
                differences.add(one, two, one.n_steps)
                self.n_spikes += one.labels.size
                continue
            label = self.event[0]
            differences.add(one, two, label - 1 - one.first_step)
            self.n_spikes += int(np.searchsorted(one.labels, label))
            return

    def around(self) -> tuple[Piece, Piece]:
        """Return the piece of the first spike that differs, joined with what follows it."""
        assert self._last is not None
        after = min(round(DIAGNOSIS / self.dt), self.most)
        one, two = self._last
        return joined([one, self.own.next(after)]), joined([two, self.other.next(after)])


def compare_in_lockstep(
    network: Network,
    ours: str | Backend,
    theirs: str | Backend,
    duration: float,
    options: Options,
    *,
    approximate: tuple[str, ...] = (),
) -> Lockstep:
    """Run a network on two backends and compare all spikes, and states of every step.

    Recorders of the network are replaced by one of everything, as far as `WATCHED` values reach.
    Where no spike differs by then, both sides start again with some neurons recorded, and a third
    time with the neuron whose spike differs first. They run in pieces of bounded memory, and stop
    after the first piece in which a spike differs.

    Parameters
    ----------
    network : Network
    ours, theirs : str or Backend
    duration : float
        At most this long [ms], a multiple of the step.
    options : Options
    approximate : tuple of str
        Parts that `theirs` may leave out or replace.

    Raises
    ------
    SimulationError
        If a side does not repeat itself.
    """
    dt = options.dt
    n_steps = whole_steps(duration, dt, "compare_in_lockstep: duration")
    differences = Differences(dt, ROUNDING[options.precision])

    def sides_with(neurons: Mapping[str, Ints] | None) -> _Sides:
        return _Sides(network, ours, theirs, options, approximate, neurons)

    sides = sides_with(None)
    not_recorded = tuple(sorted(sides.own.variables - sides.other.variables))
    watched = min(n_steps, max(1, WATCHED // sides.values_per_step))
    sides.run(watched, differences)
    followed: dict[str, Ints] = {}
    first: FirstSpike | None = None
    if sides.event is None and watched < n_steps:
        followed = evenly(network, FOLLOWED / (n_steps * sides.values_per_step))
        sides = sides_with(followed)
        sides.run(n_steps, differences)
        if sides.event is not None and sides.event[0] <= watched:
            raise _unsteady(sides.other.name, sides.event[0] * dt)
    if sides.event is not None:
        label, neuron = sides.event
        around = sides.around()
        if followed:
            name, local = population_of(network, neuron)
            alone = {name: np.array([local], np.int64)}
            around = _alone(sides_with(alone), label, around)
        first = _first_spike(network, *around, label, neuron, dt)
    same = n_steps if sides.event is None else sides.event[0] - 1
    return Lockstep(
        ours=sides.own.name,
        theirs=sides.other.name,
        dt=dt,
        duration=n_steps * dt,
        same_until=round(same * dt, 9),
        first_spike=first,
        states=differences.found(network),
        n_spikes=sides.n_spikes,
        not_recorded=not_recorded,
        watched_until=round(watched * dt, 9) if followed else None,
        followed={name: ids.size for name, ids in followed.items()},
    )


def _alone(sides: _Sides, label: int, around: tuple[Piece, Piece]) -> tuple[Piece, Piece]:
    """Return what `around` returned, from sides that record other states."""
    for one, two in sides.pieces(around[0].last_step):
        if one.last_step < label:
            continue
        both = [one, two]
        for later in sides.pieces(around[0].last_step):
            both = [joined([a, b]) for a, b in zip(both, later, strict=True)]
        for piece, before in zip(both, around, strict=True):
            if not np.array_equal(_since(piece, label), _since(before, label)):
                raise _unsteady(sides.other.name, label * sides.dt)
        return both[0], both[1]
    raise AssertionError("the pieces of `around` reach beyond the label")


def _since(piece: Piece, label: int) -> Ints:
    later = piece.labels >= label
    return np.stack([piece.labels[later], piece.ids[later]])


def _unsteady(name: str, time: float) -> SimulationError:
    return SimulationError(
        f"Backend {name!r} does not repeat itself: with other states recorded, its spikes are "
        f"others at {time:g} ms"
    )


def _first_spike(
    network: Network, ours: Piece, theirs: Piece, label: int, neuron: int, dt: float
) -> FirstSpike:
    name, local = population_of(network, neuron)
    alone = np.array([local], np.int64)

    def when(piece: Piece) -> float | None:
        later = piece.labels[(piece.ids == neuron) & (piece.labels >= label)]
        return float(later[0]) * dt if later.size else None

    row = label - 1 - ours.first_step
    return FirstSpike(
        population=name,
        neuron=local,
        ours=when(ours),
        theirs=when(theirs),
        before=(label - 1) * dt,
        states={
            key[1]: (float(ours.states_of(key, alone)[row, 0]),
                     float(theirs.states_of(key, alone)[row, 0]))
            for key in theirs.states
            if key[0] == name
        },
    )  # fmt: skip


def _most(values: Floats) -> float:
    return float(np.abs(values).max(initial=0.0))
