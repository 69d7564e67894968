"""Rounding as the cause of a difference: ties at a threshold, and last digits that grow."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from neurosim.compare import variants
from neurosim.compare.diagnosis import Cause, Diagnosis
from neurosim.compare.horizon import (
    HORIZON_SIZE,
    advance,
    make_engine,
    perturbed,
    relays,
    signs,
    spikes_only,
)
from neurosim.compare.inquiry import Inquiry, Trial
from neurosim.compare.lockstep import FirstSpike, Lockstep, StateDifference
from neurosim.compare.observing import Observer, piece_steps
from neurosim.compare.retracing import Evidence, alone, hidden_at_start, redo, retraceable
from neurosim.engine.replay import Replay
from neurosim.equations.symbolic import symbol

COPIES = 5
"""Copies of our core that are perturbed to see what rounding does."""

SPACING = 10.0
"""How often they are perturbed [ms]."""


class Rounding:
    """Puts rounding to the test.

    Parameters
    ----------
    inquiry : Inquiry
        What was seen of the other side.
    lockstep : Lockstep
    diagnosis : Diagnosis
        Where the cause goes, or what was tried.
    as_it_is : str
        What came out of our core as it is, for the evidence.
    outcome : callable
        Trial -> what came out of it, in words.
    """

    def __init__(
        self, inquiry: Inquiry, lockstep: Lockstep, diagnosis: Diagnosis, as_it_is: str,
        outcome: Callable[[Trial], str],
    ) -> None:  # fmt: skip
        self.inquiry = inquiry
        self.lockstep = lockstep
        self.diagnosis = diagnosis
        self.note = diagnosis.note
        self.as_it_is = as_it_is
        self.outcome = outcome

    def ties(self) -> None:
        """Put thresholds that were met to rounding to the test."""
        noted = self.inquiry.anomalies
        clean = all(not noted[k].states for k in self.inquiry.suspects)
        if clean and all(noted[k].spikes == noted[k].close for k in self.inquiry.suspects):
            self.explain()

    def explain(self) -> None:
        """Name rounding, or a threshold that it decides about, where every step is ours."""
        first = self.lockstep.first_spike
        plan = self.inquiry.plan
        needed = [p.index for p in plan.populations if p.spec]
        if first is not None:
            index = self.inquiry.network.populations[first.population].index
            # Of a neuron that reads no states of others, its own steps tell all.
            needed = [index] if alone(plan, index) else needed
        unknown = [plan.populations[k].name for k in needed if not retraceable(plan, k)]
        if unknown:
            self.note(
                f"What enters population {unknown[0]!r} is not known step by step: whether its "
                "steps are ours cannot be told.", "rounding",
            )  # fmt: skip
            return
        if first is None:
            self._states_alone()
            return
        gap = self._gap(first)
        if gap is not None and self._tie(first, *gap):
            return
        # What single steps differ by, not what that has grown to.
        size = max([1e-15, *(noted.largest for noted in self.inquiry.anomalies.values())])
        times = self._perturbed(size)
        reached = [t for t in times if t is not None]
        shown = ", ".join("later" if t is None else f"{t:g}" for t in times)
        told = (
            f"Copies of our core whose states are changed by {size:.1g} every {SPACING:g} ms fire "
            f"another spike at {shown} ms; the two sides part at "
            f"{first.before + self.lockstep.dt:g} ms."
        )
        began = self.lockstep.first_bits
        if not reached or began is None or began.began is None:
            self.note(f"Rounding does not explain it. {told}", "rounding")
            return
        self._settle(
            began, size,
            f"and the network lets that grow to another spike at "
            f"{first.before + self.lockstep.dt:g} ms",
            (told, *self._growth(began)),
        )  # fmt: skip

    def _states_alone(self) -> None:
        """Name rounding where all spikes are the same, and states differ by what it has grown to.

        As every step is ours to rounding, and all that enters it is the same, nothing else can
        make them differ.
        """
        began, states = self.lockstep.first_bits, self.lockstep.states
        if began is None or self.inquiry.initial_differs:
            self.note("All spikes are the same; what the states differ by is not explained.")
            return
        worst = max(states, key=lambda s: s.largest_relative)
        size = max(noted.largest for noted in self.inquiry.anomalies.values())
        self._settle(
            began, size,
            f"and that grows to {worst.largest_relative:.1g} of the largest value of "
            f"{worst.variable} of '{worst.population}', and to no other spike",
            (),
        )  # fmt: skip

    def _settle(
        self, began: StateDifference, size: float, ending: str, more: tuple[str, ...]
    ) -> None:
        """Take rounding for the cause: where it began, what it came to, and other evidence."""
        assert began.began is not None
        unit = "" if began.unit in ("", "1") else f" {began.unit}"
        early = began.began <= self.lockstep.states_of_all_until
        seen = "" if early else " of those that were compared"
        ulps = f"{began.began_ulps:.3g} ulp{'s' * (began.began_ulps != 1)}"
        self.diagnosis.cause = Cause(
            kind="rounding", part=f"Population '{began.population}'", what=began.variable,
            size=began.began_ulps, unit="ulps",
            text=f"Every single step of the other side is ours to rounding. {began.variable} of "
            f"'{began.population}' is the first state to differ{seen}, at {began.began:g} ms by "
            f"{began.began_by:.1g}{unit} ({ulps}), {ending}.",
            evidence=(
                f"All steps of the other side done again from its own states"
                f"{self.inquiry.watched_told}: off by at most {size:.1g} of the largest values.",
                *more,
            ),
        )  # fmt: skip

    def _growth(self, began: StateDifference) -> Iterator[str]:
        """Tell how fast the difference grew, beside that of a copy of our core."""
        inquiry = self.inquiry
        smallest = HORIZON_SIZE[inquiry.options.precision]
        label = round(self.lockstep.same_until / inquiry.dt)
        start = round((began.began or 0.0) / inquiry.dt)
        size = began.began_by / (inquiry.scale.get((began.population, began.variable)) or 1.0)
        grown = max(s.largest_relative for s in self.lockstep.states)
        theirs = _time_to_grow(size, grown, (label - start) * inquiry.dt)
        plan = inquiry.plan
        ours, copy = (
            make_engine(plan, inquiry.options),
            make_engine(perturbed(plan, smallest, 0), inquiry.options),
        )
        places = {
            r.index: (plan.populations[r.population].name, r.variable)
            for r in plan.recorders
            if r.variable != "spikes"
        }
        length = piece_steps(8 * sum(p.size for p in plan.populations) * len(places), inquiry.dt)
        grown = 0.0
        while ours.step < label:
            n = min(length, label - ours.step)
            one, two = advance(ours, n), advance(copy, n)
            if not np.array_equal(one.ids, two.ids) or not np.array_equal(one.labels, two.labels):
                break
            for index, key in places.items():
                off = np.abs(one.samples[index] - two.samples[index]).max(initial=0.0)
                grown = max(grown, float(off) / (inquiry.scale.get(key) or 1.0))
        own = _time_to_grow(smallest, grown, ours.step * inquiry.dt)
        if theirs is not None and own is not None:
            yield (
                f"Between the two sides the difference grew tenfold every {theirs:.3g} ms; between "
                f"our core and a copy of it that differs by {smallest:g} at the start, every "
                f"{own:.3g} ms."
            )

    def _perturbed(self, size: float) -> list[float | None]:
        """Run copies of our core that are perturbed again and again.

        They run twice as long as the sides agreed; returned is when each fires another spike [ms].
        """
        inquiry = self.inquiry
        plan = spikes_only(inquiry.plan)
        n_steps = 2 * round(self.lockstep.same_until / inquiry.dt) + round(SPACING / inquiry.dt)
        reference = make_engine(plan, inquiry.options)
        copies = {k: make_engine(plan, inquiry.options) for k in range(COPIES)}
        found: list[float | None] = [None] * COPIES
        while copies and reference.step < n_steps:
            steps = max(1, round(SPACING / inquiry.dt))
            turn = reference.step
            expected = advance(reference, steps)
            for k, engine in list(copies.items()):
                for index, state in engine.neurons.items():
                    if relays(state.plan):
                        continue
                    everyone = np.arange(state.plan.size)
                    for name in state.states:
                        value = state.read(name)
                        sign = signs(k, f"{state.plan.name} {turn}", name, value.size)
                        engine.write(index, name, value * (1.0 + size * sign), everyone)
                got = advance(engine, steps)
                n = min(expected.ids.size, got.ids.size)
                same = (expected.ids[:n] == got.ids[:n]) & (expected.labels[:n] == got.labels[:n])
                if same.all() and expected.ids.size == got.ids.size:
                    continue
                at = n if same.all() else int(np.argmin(same))
                label = min(int(r.labels[at]) for r in (expected, got) if at < r.labels.size)
                found[k] = label * inquiry.dt
                del copies[k]
        return found

    def _gap(self, first: FirstSpike) -> tuple[float, float] | None:
        """Return how far beyond its threshold the neuron of the first other spike is in our run.

        And the size of the two sides of the comparison.
        """
        inquiry = self.inquiry
        index = inquiry.network.populations[first.population].index
        if not retraceable(inquiry.plan, index):
            return None
        single = np.array([first.neuron], np.int64)
        neurons = {first.population: single} if alone(inquiry.plan, index) else None
        own = Observer(inquiry.network, "cpu", inquiry.options, neurons)
        replay = Replay(inquiry.plan, inquiry.options.trial)
        length = piece_steps(own.bytes_per_step + replay.bytes_per_step, inquiry.dt)
        hidden = hidden_at_start(inquiry.plan, own.variables)
        labels = ids = np.empty(0, np.int64)
        row = round(first.before / inquiry.dt)
        while True:
            evidence = Evidence(
                piece=own.next(length), chunk=replay.next(length), earlier_labels=labels,
                earlier_ids=ids, hidden=hidden,
            )  # fmt: skip
            if row < evidence.piece.last_step:
                break
            labels, ids = evidence.labels, evidence.ids
        redone = redo(inquiry.plan, inquiry.wiring, index, evidence, neurons=single)
        gap = inquiry.gap(index, redone, single)
        if gap is None:
            return None
        return float(gap[0][row - evidence.piece.first_step, 0]), gap[1]

    def _tie(self, first: FirstSpike, gap: float, size: float) -> bool:
        """See whether the first other spike is one of a threshold met exactly."""
        inquiry = self.inquiry
        if abs(gap) > 16 * np.finfo(float).eps * size:
            return False
        index = inquiry.network.populations[first.population].index
        spec = inquiry.plan.populations[index].spec
        assert spec is not None
        label = round(first.before / inquiry.dt) + 1
        for name in spec.parameters:
            slope = (spec.threshold.gts - spec.threshold.lts).diff(symbol(name))
            if not slope.is_number or slope == 0:
                continue
            value = inquiry.plan.populations[index].parameters[name]
            # So that what fired does not, or the reverse.
            shift = (1 if gap >= 0 else -1) * (2 * abs(gap) + 32 * np.finfo(float).eps * size)
            moved = np.asarray(value) - shift / float(slope)
            changed = variants.with_parameter(
                inquiry.plan, index, name, float(moved) if moved.ndim == 0 else moved
            )
            trial = inquiry.rerun(changed)
            reached = trial.end if trial.label is None else trial.label
            if trial.failure or reached <= label + 10:
                self.note(f"A threshold met to {gap:.1g} does not explain it alone.")
                continue
            unit = spec.units.get(name, "")
            neuron = f"neuron {first.neuron} of population '{first.population}'"
            self.diagnosis.cause = Cause(
                kind="threshold tie", part=f"Population '{first.population}'", what=name,
                size=abs(gap), unit=unit,
                text=f"A threshold tie: {neuron} meets its threshold "
                f"{f'to {abs(gap):.1g} {unit}' if gap else 'exactly'} at "
                f"{label * inquiry.dt:g} ms, where rounding decides.",
                evidence=(
                    self.as_it_is,
                    f"Our core with {name} moved by {abs(shift):.1g}: {self.outcome(trial)}",
                ),
                accounts="" if trial.label is None else
                f"It accounts for the spike at {label * inquiry.dt:g} ms; with it decided as on "
                f"the other side our core parts again at {trial.label * inquiry.dt:g} ms.",
            )  # fmt: skip
            return True
        return False


def _time_to_grow(size: float, grown: float, duration: float) -> float | None:
    """In what time a difference grew tenfold [ms]; None where it did not."""
    if not (size > 0 and grown > size and duration > 0):
        return None
    return float(duration / np.log10(grown / size))
