"""What the float core does over a calibration input: how far potentials, currents and sums go.

Registers hold so many bits; a scale that is chosen from the network alone has to guess how far
states go beyond the threshold. Here they are looked at: the very plan runs in floating point, with
the random numbers of trial 0, and the largest values of each population are kept. The same input
gives the same values, for every number of threads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from neurosim.describe.sources import Input
from neurosim.engine.clock import Engine
from neurosim.engine.replay import Replay
from neurosim.errors import DescriptionError, UnknownNameError
from neurosim.lower.plan import Floats, Ints, Plan, PlanRecorder
from neurosim.sessions import input_train
from neurosim.units import to_scalar

CHUNK_STEPS = 500
CHUNK_NUMBERS = 1 << 22
"""Of one state, looked at at once."""

MEMBRANE = "V_m"

Inputs = Mapping[int, npt.NDArray[Any]]


@dataclass(frozen=True, kw_only=True)
class Activity:
    """How far the states of a population went.

    Attributes
    ----------
    lowest : float
        V_m [mV].
    current : float
        Largest size of the sum of its currents [pA].
    jump : float
        Largest size of what arrived in one step at the membrane itself [mV].
    """

    lowest: float
    current: float = 0.0
    jump: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """What was seen, and how much room is left beyond it.

    Attributes
    ----------
    n_steps : int
    margin : float
        How many times as far states may go as was seen.
    activity : mapping of int to Activity
        Population of neurons -> what it did.
    """

    n_steps: int
    margin: float
    activity: Mapping[int, Activity]


@dataclass(frozen=True, kw_only=True)
class Jumping:
    """Synapses of one group that move membranes, by presynaptic neuron.

    Attributes
    ----------
    pre : int
        Population that sends, or drive.
    is_drive : bool
    starts : (n_pre + 1,) int64
        Where the synapses of each neuron begin.
    post, delay : (n,) int64
    weight : (n,) float64
        [mV].
    """

    pre: int
    is_drive: bool
    starts: Ints
    post: Ints
    delay: Ints
    weight: Floats

    @staticmethod
    def of(
        pre: int, pre_id: Ints, post_id: Ints, delay: Ints, weight: Floats, *, is_drive: bool
    ) -> Jumping:
        """Sort synapses by presynaptic neuron."""
        order = np.argsort(pre_id, kind="stable")
        starts = np.searchsorted(pre_id[order], np.arange(int(pre_id.max(initial=-1)) + 2))
        return Jumping(
            pre=pre, is_drive=is_drive, starts=starts, post=post_id[order], delay=delay[order],
            weight=weight[order],
        )  # fmt: skip

    def add(self, arriving: Floats, step: Ints, neuron: Ints) -> None:
        """Add what spikes bring, `arriving` being (n_steps, n_post)."""
        known = neuron < self.starts.size - 1
        step, neuron = step[known], neuron[known]
        many = self.starts[neuron + 1] - self.starts[neuron]
        before = self.starts[neuron] - np.cumsum(many) + many
        place = np.repeat(before, many) + np.arange(many.sum())
        np.add.at(
            arriving, (np.repeat(step, many) + self.delay[place], self.post[place]),
            self.weight[place],
        )  # fmt: skip


class Wish:
    r"""What networks are calibrated with.

    Parameters
    ----------
    calibrate : number, quantity or mapping of str to array
        How long the network runs by itself [ms]; or what its `Input` populations are handed:
        (n_steps, \\*shape), all for equally many steps.
    margin : float
        How many times as far states may go as was seen, 1 or more.
    place : str
        What errors call the backend.

    Raises
    ------
    DescriptionError
        For anything else.
    """

    def __init__(self, calibrate: Any, margin: Any, place: str) -> None:
        self.place = f"{place}.calibrate"
        self.margin = to_scalar(margin, "1", f"{place}.margin", at_least=1)
        self.inputs: dict[str, npt.NDArray[Any]] = {}
        self.duration = 0.0
        if not isinstance(calibrate, Mapping):
            self.duration = to_scalar(calibrate, "ms", self.place, above=0)
            return
        for name, value in calibrate.items():
            where = f"{self.place}[{name!r}]"
            try:
                array = np.asarray(value)
            except ValueError:
                expected = "numbers of shape (n_steps, *shape)"
                raise DescriptionError(where, value, expected, "Its rows differ.") from None
            if array.dtype.kind not in "biuf" or array.ndim < 2 or not len(array):
                raise DescriptionError(where, value, "numbers of shape (n_steps, *shape)")
            if not np.all(np.isfinite(array)):
                raise DescriptionError(where, value, "finite numbers")
            self.inputs[name] = array.reshape(len(array), -1)
        lengths = sorted({len(a) for a in self.inputs.values()})
        if len(lengths) != 1:
            raise DescriptionError(
                self.place, lengths, "a duration in ms, or inputs for equally many steps"
            )

    def measured(self, plan: Plan, jumping: Mapping[int, Sequence[Jumping]]) -> Calibration:
        """Run a plan, see `measure`.

        Raises
        ------
        DescriptionError
            If inputs are missing, or do not fit.
        """
        names = {p.name: p for p in plan.populations if p.spec is None}
        inputs: dict[int, npt.NDArray[Any]] = {}
        for name, array in self.inputs.items():
            if name not in names:
                raise UnknownNameError(self.place, name, names)
            p = names[name]
            if array.shape[1] != p.size:
                expected = f"{p.size} numbers for each step"
                raise DescriptionError(f"{self.place}[{name!r}]", array.shape, expected)
            # Of a source that has spikes of its own by now, as in a certificate, nothing is taken.
            if isinstance(p.source, Input):
                inputs[p.index] = array
        for name, p in names.items():
            if isinstance(p.source, Input) and p.index not in inputs:
                raise DescriptionError(
                    f"{self.place}[{name!r}]", None, "an array (n_steps, *shape)",
                    f"Population {name!r} waits for input: calibrate={{{name!r}: array}}.",
                )  # fmt: skip
        n_steps = max((len(a) for a in self.inputs.values()), default=0)
        n_steps = n_steps or max(1, round(self.duration / plan.dt))
        return measure(plan, n_steps, inputs, jumping, self.margin)


def measure(
    plan: Plan, n_steps: int, inputs: Inputs, jumping: Mapping[int, Sequence[Jumping]],
    margin: float,
) -> Calibration:  # fmt: skip
    """Run a plan in floating point, and look how far its states go.

    Parameters
    ----------
    plan : Plan
    n_steps : int
    inputs : mapping of int to (n_steps, n) array
        Spikes that `Input` populations are handed.
    jumping : mapping of int to sequence of Jumping
        Population -> the synapses that move its membranes.
    margin : float
        Kept in what is returned.
    """
    engine = Engine(replace(plan, recorders=_recorders(plan)), threads=None, trial=0)
    replay = Replay(plan, 0)
    neurons = [p for p in plan.populations if p.spec is not None and MEMBRANE in p.spec.states]
    lowest = {p.index: float(np.min(p.initial[MEMBRANE])) for p in neurons}
    current, jump = dict.fromkeys(lowest, 0.0), dict.fromkeys(lowest, 0.0)
    longest = max((int(j.delay.max(initial=0)) for js in jumping.values() for j in js), default=0)
    sizes = {p.index: p.size for p in plan.populations}
    late = {index: np.zeros((longest, sizes[index])) for index in jumping}
    chunk = max(1, min(CHUNK_STEPS, CHUNK_NUMBERS // max(1, max(sizes.values(), default=1))))
    for first in range(0, n_steps, chunk):
        n = min(chunk, n_steps - first)
        for index, given in inputs.items():
            part = given[first : first + n]
            if plan.populations[index].source.kind == "current":  # type: ignore[union-attr]
                engine.feed_current(index, part)
                continue
            labels, ids = input_train(part, engine.step)
            engine.schedule_input(index, labels, ids.astype(np.int32))
        counts = replay.next(n).counts
        seen = engine.run(n)
        if engine.interrupted:
            raise KeyboardInterrupt
        samples = {
            (r.population, r.variable): seen.samples[r.index]
            for r in _recorders(plan) if r.variable != "spikes"
        }  # fmt: skip
        for p in neurons:
            assert p.spec is not None
            potentials = samples[p.index, MEMBRANE]
            lowest[p.index] = min(lowest[p.index], float(potentials.min(initial=np.inf)))
            sums = np.zeros(potentials.shape)
            for state in p.spec.states:
                if state != MEMBRANE:
                    sums += samples[p.index, state]
            current[p.index] = max(current[p.index], float(np.abs(sums).max(initial=0.0)))
        spikes = _by_population(plan, seen.labels - 1 - first, seen.ids.astype(np.int64))
        for index, groups in jumping.items():
            arriving = np.zeros((n + longest, sizes[index]))
            arriving[:longest] += late[index]
            for group in groups:
                if group.is_drive:
                    step, neuron = np.nonzero(counts[group.pre])
                    many = counts[group.pre][step, neuron]
                    group.add(arriving, np.repeat(step, many), np.repeat(neuron, many))
                else:
                    group.add(arriving, *spikes[group.pre])
            jump[index] = max(jump[index], float(np.abs(arriving[:n]).max(initial=0.0)))
            late[index] = arriving[n:]
    activity = {
        p.index: Activity(
            lowest=lowest[p.index], current=current[p.index], jump=jump[p.index]
        )
        for p in neurons
    }  # fmt: skip
    return Calibration(n_steps=n_steps, margin=margin, activity=activity)


def _recorders(plan: Plan) -> tuple[PlanRecorder, ...]:
    """Return recorders of everything."""
    wanted = [
        (p, variable)
        for p in plan.populations
        for variable in ("spikes", *(() if p.spec is None else p.spec.states))
    ]
    return tuple(
        PlanRecorder(k, p.index, np.arange(p.offset, p.offset + p.size), variable, 1)
        for k, (p, variable) in enumerate(wanted)
    )


def _by_population(plan: Plan, step: Ints, ids: Ints) -> dict[int, tuple[Ints, Ints]]:
    """Return steps and local ids of the spikes of each population."""
    found = {}
    for p in plan.populations:
        mine = (ids >= p.offset) & (ids < p.offset + p.size)
        found[p.index] = step[mine], ids[mine] - p.offset
    return found
