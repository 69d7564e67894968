"""Two sides run the same network side by side, until their first spike differs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from neurosim.backend import Backend, Options, whole_steps
from neurosim.compare.observing import (
    Key,
    Observer,
    Piece,
    first_difference,
    joined,
    piece_steps,
    population_of,
    with_approximate,
)
from neurosim.describe.network import Network
from neurosim.lower.plan import Floats

ROUNDING = {"double": 1e-9, "single": 1e-4}
"""States that agree to this part of the variable's largest value differ by rounding at most."""

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

    @property
    def same_spikes(self) -> bool:
        """Whether all spikes are the same on the grid."""
        return self.first_spike is None

    @property
    def bit_exact(self) -> bool:
        """Whether all spikes and all bits of all states are the same."""
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
                neuron = int(np.argmax(off[row]))
                larger = max(abs(float(one[row, neuron])), abs(float(two[row, neuron])))
                found = replace(
                    found,
                    began=(ours.first_step + row) * self.dt,
                    began_by=float(off[row, neuron]),
                    began_ulps=float(off[row, neuron] / np.spacing(larger)),
                )
            if found.time is None and worst > self.tolerance * largest:
                row = int(np.argmax((off > self.tolerance * largest).any(axis=1)))
                neuron = int(np.argmax(off[row]))
                found = replace(
                    found,
                    time=(ours.first_step + row) * self.dt,
                    neuron=neuron,
                    ours=float(one[row, neuron]),
                    theirs=float(two[row, neuron]),
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


def compare_in_lockstep(
    network: Network,
    ours: str | Backend,
    theirs: str | Backend,
    duration: float,
    options: Options,
    *,
    approximate: tuple[str, ...] = (),
) -> Lockstep:
    """Run a network on two backends and compare all spikes and all states of every step.

    Recorders of the network are replaced by one of everything. Both sides run in pieces of
    bounded memory, and stop after the first piece in which a spike differs.

    Parameters
    ----------
    network : Network
    ours, theirs : str or Backend
    duration : float
        At most this long [ms], a multiple of the step.
    options : Options
    approximate : tuple of str
        Parts that `theirs` may leave out or replace.
    """
    dt = options.dt
    n_steps = whole_steps(duration, dt, "compare_in_lockstep: duration")
    other = Observer(network, theirs, with_approximate(options, approximate))
    own = Observer(network, ours, options)
    most = piece_steps(own.bytes_per_step + other.bytes_per_step, dt)
    differences = Differences(dt, ROUNDING[options.precision])
    n_spikes = 0
    first: FirstSpike | None = None
    same = n_steps
    while own.step < n_steps and first is None:
        length = min(most, n_steps - own.step)
        one, two = own.next(length), other.next(length)
        event = first_difference(one, two)
        if event is None:
            differences.add(one, two, length)
            n_spikes += one.labels.size
            continue
        label, neuron = event
        same = label - 1
        differences.add(one, two, same - one.first_step)
        n_spikes += int(np.searchsorted(one.labels, label))
        after = min(round(DIAGNOSIS / dt), most)
        longer = joined([one, own.next(after)]), joined([two, other.next(after)])
        first = _first_spike(network, *longer, label, neuron, dt)
    return Lockstep(
        ours=own.name,
        theirs=other.name,
        dt=dt,
        duration=n_steps * dt,
        same_until=round(same * dt, 9),
        first_spike=first,
        states=differences.found(network),
        n_spikes=n_spikes,
        not_recorded=tuple(sorted(own.variables - other.variables)),
    )


def _first_spike(
    network: Network, ours: Piece, theirs: Piece, label: int, neuron: int, dt: float
) -> FirstSpike:
    name, local = population_of(network, neuron)

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
            variable: (
                float(ours.states[population, variable][row, local]),
                float(values[row, local]),
            )
            for (population, variable), values in theirs.states.items()
            if population == name
        },
    )


def _most(values: Floats) -> float:
    return float(np.abs(values).max(initial=0.0))
