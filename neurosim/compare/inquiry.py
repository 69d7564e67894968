"""The material of a search for a cause: what the other side did, and trials of hypotheses on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from neurosim.backend import Backend, Options, find_backend, whole_steps
from neurosim.compare import variants
from neurosim.compare.horizon import advance, make_engine
from neurosim.compare.hypotheses import Family, Hypothesis, snapped
from neurosim.compare.observing import (
    Key,
    Observer,
    Piece,
    first_difference,
    piece_steps,
    with_everything_recorded,
)
from neurosim.compare.retracing import (
    Bools,
    Evidence,
    Redone,
    Wiring,
    hidden_at_start,
    receptor_arrivals,
    redo,
    retraceable,
)
from neurosim.describe.network import Network
from neurosim.engine.replay import Replay
from neurosim.equations.evaluate import evaluate
from neurosim.errors import NeurosimError
from neurosim.lower.lowering import lower
from neurosim.lower.plan import Floats, Ints, Plan

REMAINDER = {"double": 1e-11, "single": 1e-5}
"""A step of the other side that differs from ours by more than this part of the variable's largest
value is not a matter of rounding."""

AGREEMENT = {"double": 1e-7, "single": 1e-3}
"""How near a re-run must stay to the other side's states to agree with it."""

KEPT_BYTES = 256 << 20
"""Memory for recorded states of the other side."""

AFTER = 30.0
"""How long the other side is watched after the first step that is not ours [ms], at least."""

NEURONS = 64
"""Numbers are fitted, and hypotheses tried first, on so many neurons, and checked on all."""

UNSURE = 1e-3
"""Where our integrator and a finer one differ by more than this part of a variable's largest value
within a step, as in the upstroke of a spike, that step of that neuron says nothing."""

ALONG = 0.2
"""A number is fitted only if the remainder lies along its effect by this much (cosine squared)."""

FIRES = " fires"
"""Stands for who fires, among the names of states."""

SCREENED = 4
"""Hypotheses are tried on so many pieces before a re-run."""


@dataclass
class Anomalies:
    """Where steps of the other side are not ours, for one population.

    Attributes
    ----------
    states : dict
        Variable -> number of values beyond rounding.
    largest : float
        By how much a value is off at most, as a part of the variable's largest.
    spikes : int
        Neurons that fired and should not have, or the reverse.
    close : int
        Of those, where the threshold was met to rounding.
    low, high : float
        The threshold passed is above `low` and at most `high`, in the unit of its two sides,
        relative to what it should be: 0 lies between where all is well.
    """

    states: dict[str, int] = field(default_factory=dict)
    largest: float = 0.0
    spikes: int = 0
    close: int = 0
    low: float = -np.inf
    high: float = np.inf

    def __bool__(self) -> bool:
        return bool(self.states or self.spikes)


@dataclass(frozen=True, kw_only=True)
class Trial:
    """How far a re-run of our core agrees with the other side.

    Attributes
    ----------
    label : int or None
        Of the first spike that differs.
    worst : float
        Largest difference of a state up to there, as a part of the variable's largest value.
    n_spikes : int
        Spikes that are the same.
    end : int
        Last step compared.
    failure : str
        Why there was no run, or "".
    early : mapping of (population, variable) to float
        The largest difference of each state up to a step that was given, as `worst`.
    """

    label: int | None
    worst: float
    n_spikes: int
    end: int
    failure: str = ""
    early: Mapping[Key, float] = field(default_factory=dict)


class Inquiry:
    """Watches the other side, and tries hypotheses on what it did.

    Parameters
    ----------
    network : Network
    theirs : str or Backend
    duration : float
        How long at most [ms].
    options : Options
    base : callable, optional
        A change of the plan that is taken for granted: another integrator. Steps in which it
        matters by more than `UNSURE` say nothing then.
    tolerance : float, optional
        To what part of a variable's largest value single steps agree where both mean the same.
    """

    def __init__(
        self, network: Network, theirs: str | Backend, duration: float, options: Options, *,
        base: Callable[[Plan], Plan] | None = None, tolerance: float | None = None,
    ) -> None:  # fmt: skip
        self.network = network
        self.options = options
        self.dt = options.dt
        self.n_steps = whole_steps(duration, self.dt, "diagnose: duration")
        self.plan = lower(with_everything_recorded(network, find_backend("cpu")), self.dt)
        self._ours = self.plan if base is not None else None
        if base is not None:
            self.plan = base(self.plan)
        self.tolerance = tolerance or REMAINDER[options.precision]
        self.wiring = Wiring(self.plan.seed, self.dt)
        self.scale: dict[Key, float] = {}
        self.anomalies = {p.index: Anomalies() for p in self.plan.populations}
        self.kept: list[Evidence] = []
        self.partition: list[int] = []
        self.labels: Ints = np.empty(0, np.int64)
        self.ids: Ints = np.empty(0, np.int64)
        self.first_anomaly: int | None = None
        self.initial_differs: dict[Key, float] = {}
        self.sources_differ: list[str] = []
        self.watched_told = ""
        self._theirs = theirs
        self._base: dict[tuple[int, int], tuple[dict[str, Floats], Redone]] = {}
        self._unsure: dict[tuple[int, int], dict[str, Bools]] = {}

    @property
    def agreement(self) -> float:
        """To what part of their largest values states of a re-run agree with the other side's."""
        # Remainders add up over the memory of a membrane, some hundred steps.
        least = REMAINDER[self.options.precision]
        return max(
            AGREEMENT[self.options.precision], 300 * self.tolerance if self.tolerance > least else 0
        )

    # --- watching -------------------------------------------------------------------------

    def watch(self, until: float) -> None:
        """Run the other side until something is found, and on; until `until` [ms] if nothing is."""
        observer = Observer(self.network, self._theirs, self.options)
        self.variables = observer.variables
        replay = Replay(self.plan, self.options.trial)
        hidden = hidden_at_start(self.plan, observer.variables)
        length = piece_steps(observer.bytes_per_step + replay.bytes_per_step, self.dt)
        end = min(self.n_steps, round(until / self.dt))
        held = 0
        while observer.step < end:
            n = min(length, end - observer.step)
            piece, chunk = observer.next(n), replay.next(n)
            evidence = Evidence(
                piece=piece, chunk=chunk, earlier_labels=self.labels, earlier_ids=self.ids,
                hidden=hidden,
            )  # fmt: skip
            self._measure(piece)
            if piece.first_step == 0:
                self._compare_initial(piece)
            self._compare_sources(evidence)
            found, hidden = self._retrace(evidence)
            self.labels, self.ids = evidence.labels, evidence.ids
            self.partition.append(n)
            if (found or piece.first_step == 0) and held < KEPT_BYTES:
                self.kept.append(evidence)
                held += observer.bytes_per_step * n
            if found and self.first_anomaly is None:
                self.first_anomaly = piece.first_step
                after = max(round(AFTER / self.dt), self.first_anomaly)
                end = min(self.n_steps, piece.last_step + after)

    def follow(self, population: str, neuron: int, until: float) -> bool:
        """Watch the steps of one neuron on, beyond what was watched of all of them.

        Up to `until` [ms], or to the end of the first piece in which one is not ours. Where all
        spikes are the same so far, a neuron that reads spikes and inputs only can come to another
        spike in no way but by steps of its own. Other sides are run from the start for this.

        Returns
        -------
        bool
            Whether all of them are ours.
        """
        index = self.network.populations[population].index
        single = np.array([neuron], np.int64)
        observer = Observer(self.network, self._theirs, self.options, {population: single})
        replay = Replay(self.plan, self.options.trial)
        hidden = hidden_at_start(self.plan, observer.variables)
        most = piece_steps(observer.bytes_per_step + replay.bytes_per_step, self.dt)
        watched, end = sum(self.partition), min(self.n_steps, round(until / self.dt))
        self.watched_told = (
            f" (those of all neurons up to {watched * self.dt:g} ms, then those of neuron "
            f"{neuron} of '{population}')"
        )
        labels = ids = np.empty(0, np.int64)
        while observer.step < end:
            # The first pieces end where those end that were watched.
            turn = watched if observer.step < watched else end
            n = min(most, turn - observer.step)
            piece = observer.next(n)
            evidence = Evidence(
                piece=piece, chunk=replay.next(n), earlier_labels=labels, earlier_ids=ids,
                hidden=hidden,
            )  # fmt: skip
            self._measure(piece)
            labels, ids = evidence.labels, evidence.ids
            redone = self.redone(self.plan, index, evidence, neurons=single)
            for state, values in redone.hidden.items():
                hidden[population, state][single] = values
            if piece.last_step > watched:
                self.partition.append(n)
                self.labels, self.ids = labels, ids
            if self._note(index, redone, single):
                return False
        return True

    def _compare_initial(self, piece: Piece) -> None:
        for p in self.plan.populations:
            for state, value in p.initial.items():
                rows = piece.states.get((p.name, state))
                if rows is None:
                    continue
                off = np.abs(rows[0] - value)
                scale = max(self.scale[p.name, state], float(np.abs(value).max()))
                if off.max() > self.tolerance * scale:
                    self.initial_differs[p.name, state] = float(off.max())

    def _measure(self, piece: Piece) -> None:
        for key, rows in piece.states.items():
            largest = float(np.abs(rows).max(initial=0.0))
            self.scale[key] = max(self.scale.get(key, 0.0), largest)

    def _compare_sources(self, evidence: Evidence) -> None:
        piece = evidence.piece
        for index, (labels, ids) in evidence.chunk.trains.items():
            p = self.plan.populations[index]
            mine = (piece.ids >= p.offset) & (piece.ids < p.offset + p.size)
            order = np.lexsort((ids, labels))
            same = np.array_equal(piece.labels[mine], labels[order]) and np.array_equal(
                piece.ids[mine] - p.offset, ids[order]
            )
            if not same and p.name not in self.sources_differ:
                self.sources_differ.append(p.name)

    def _retrace(self, evidence: Evidence) -> tuple[bool, dict[Key, Floats]]:
        hidden: dict[Key, Floats] = {}
        any_found = False
        for p in self.plan.populations:
            if not retraceable(self.plan, p.index):
                hidden |= {k: v for k, v in evidence.hidden.items() if k[0] == p.name}
                continue
            self._doubt(p.index, evidence)
            redone = self.redone(self.plan, p.index, evidence)
            hidden |= {(p.name, s): row for s, row in redone.hidden.items()}
            any_found |= self._note(p.index, redone)
        return any_found, hidden

    def _doubt(self, index: int, evidence: Evidence) -> None:
        """Find the steps that say nothing, since our integrators disagree about them."""
        if self._ours is None:
            return
        name = self.plan.populations[index].name
        arrivals = receptor_arrivals(self.plan, self.wiring, self.plan.populations[index], evidence)
        one, two = (
            redo(plan, self.wiring, index, evidence, arrivals=arrivals)
            for plan in (self._ours, self.plan)
        )
        off = {
            s: np.abs(one.before[s] - two.before[s]) / (self.scale.get((name, s)) or 1.0)
            for s in one.before
        }
        none = np.zeros(one.fired.shape, bool)
        doubtful = none | (one.fires != two.fires)
        for rows in off.values():
            doubtful |= ~(rows <= UNSURE)
        unsure = {s: doubtful & ~(rows <= REMAINDER["double"]) for s, rows in off.items()}
        unsure[FIRES] = doubtful
        self._unsure[evidence.piece.first_step, index] = unsure

    def redone(
        self, plan: Plan, index: int, evidence: Evidence, *, neurons: Ints | None = None,
        arrivals: Mapping[str, Floats] | None = None,
    ) -> Redone:  # fmt: skip
        """Do steps again, see `redo`; those that say nothing have no remainder."""
        made = redo(plan, self.wiring, index, evidence, neurons=neurons, arrivals=arrivals)
        unsure = self._unsure.get((evidence.piece.first_step, index))
        if unsure is None:
            return made
        chosen: Any = slice(None) if neurons is None else neurons
        return replace(
            made,
            remainder={
                s: np.where(unsure[s][:, chosen], 0.0, rest) for s, rest in made.remainder.items()
            },
            fires=np.where(unsure[FIRES][:, chosen], made.fired, made.fires),
        )

    def relax(self, tolerance: float) -> None:
        """Look again at all that was kept, with another tolerance."""
        self.tolerance = tolerance
        self.anomalies = {p.index: Anomalies() for p in self.plan.populations}
        for number in range(len(self.kept)):
            for p in self.plan.populations:
                if retraceable(self.plan, p.index):
                    self._note(p.index, self.base(number, p.index)[1])

    def _note(self, index: int, redone: Redone, neurons: Ints | None = None) -> bool:
        p = self.plan.populations[index]
        noted = self.anomalies[index]
        fresh = False
        for state, rest in redone.remainder.items():
            off, scale = np.abs(rest), self.scale[p.name, state]
            count = int((off > self.tolerance * scale).sum())
            noted.largest = max(noted.largest, float(off.max(initial=0.0)) / (scale or 1.0))
            if count:
                noted.states[state] = noted.states.get(state, 0) + count
                fresh = True
        other = redone.fires != redone.fired
        fresh |= bool(other.any())
        noted.spikes += int(other.sum())
        gap = self.gap(index, redone, neurons)
        if gap is not None:
            distance, size = gap
            noted.close += int((other & (np.abs(distance) <= self.tolerance * size)).sum())
            can = redone.active
            with np.errstate(all="ignore"):
                noted.low = max(noted.low, _extreme(distance[can & ~redone.fired], np.max, -np.inf))
                noted.high = min(noted.high, _extreme(distance[can & redone.fired], np.min, np.inf))
        return fresh

    def gap(
        self, index: int, redone: Redone, neurons: Ints | None = None
    ) -> tuple[Floats, float] | None:
        """Return by how much each neuron is beyond its threshold, and the size of its two sides.

        With `neurons` (local ids) where only these were done again.
        """
        p = self.plan.populations[index]
        spec = p.spec
        if spec is None or spec.threshold is None or not hasattr(spec.threshold, "gts"):
            return None
        chosen: Any = slice(None) if neurons is None else neurons
        parameters = {
            n: np.asarray(v)[chosen] if np.ndim(v) else v for n, v in p.parameters.items()
        }
        values = {**parameters, **redone.before, "dt": self.dt}
        try:
            high = np.asarray(evaluate(spec.threshold.gts, values))
            low = np.asarray(evaluate(spec.threshold.lts, values))
        except KeyError:
            return None
        distance = np.broadcast_to(high - low, redone.fired.shape)
        size = max(float(np.abs(high).max(initial=0.0)), float(np.abs(low).max(initial=0.0)))
        return distance, size

    @property
    def suspects(self) -> tuple[int, ...]:
        """Populations in which some step is not ours."""
        return tuple(k for k, noted in self.anomalies.items() if noted)

    # --- trying ---------------------------------------------------------------------------

    def base(self, number: int, index: int) -> tuple[dict[str, Floats], Redone]:
        """Return arrivals and the steps done again of a population in a kept piece, as we mean."""
        if (number, index) not in self._base:
            evidence = self.kept[number]
            p = self.plan.populations[index]
            arrivals = receptor_arrivals(self.plan, self.wiring, p, evidence)
            redone = self.redone(self.plan, index, evidence, arrivals=arrivals)
            self._base[number, index] = arrivals, redone
        return self._base[number, index]

    def screened(self, indices: tuple[int, ...]) -> list[int]:
        """Return the kept pieces on which hypotheses about some populations are tried."""
        telling = [k for k in range(len(self.kept)) if any(self._tells(k, i) for i in indices)]
        # Later, variables that are not recorded are what the hypothesis would have made of them.
        return telling[: 1 if any(self.hides(i) for i in indices) else SCREENED]

    def hides(self, index: int) -> bool:
        """Whether a population has states that the other side cannot record."""
        p = self.plan.populations[index]
        return p.spec is not None and any((p.name, s) not in self.variables for s in p.spec.states)

    def _tells(self, number: int, index: int) -> bool:
        if not retraceable(self.plan, index):
            return False
        return self._mismatches(index, self.base(number, index)[1], 1.0) > 0

    def _mismatches(self, index: int, redone: Redone, slack: float) -> int:
        p = self.plan.populations[index]
        return int((redone.fires != redone.fired).sum()) + sum(
            int((np.abs(rest) > slack * self.tolerance * self.scale[p.name, state]).sum())
            for state, rest in redone.remainder.items()
        )

    def explains(self, hypothesis: Hypothesis, *, slack: float = 10.0, alone: bool = False) -> bool:
        """Whether every step of the screened pieces is as the hypothesis says.

        With `alone`, steps of the populations that it is about.
        """
        suspects = hypothesis.populations if alone else self.suspects
        numbers = self.screened(suspects)
        if not numbers:
            return False
        plan = hypothesis.change(self.plan)
        indices = sorted({*suspects, *hypothesis.populations})
        if not all(retraceable(plan, k) for k in indices):
            return False
        if self._ours is not None and not any(
            self._mismatches(k, self.base(number, k)[1], slack)
            for number in numbers
            for k in hypothesis.populations
        ):
            return False  # with finer steps, less is left there than it may leave
        # Most are wrong on the neurons that tell most; the others are tried on all.
        return all(
            not self._unexplained(plan, hypothesis, number, index, slack, few=few)
            for few in (True, False)
            for number in numbers
            for index in indices
        )

    def _unexplained(
        self, plan: Plan, hypothesis: Hypothesis, number: int, index: int, slack: float, *,
        few: bool,
    ) -> int:  # fmt: skip
        if index not in hypothesis.populations:
            return 0 if few else self._mismatches(index, self.base(number, index)[1], slack)
        neurons = self._telling_neurons(number, index) if few else None
        arrivals = None if hypothesis.wiring else self.base(number, index)[0]
        redone = self.redone(plan, index, self.kept[number], arrivals=arrivals, neurons=neurons)
        return self._mismatches(index, redone, slack)

    def remainders(
        self, plan: Plan, index: int, number: int, neurons: Ints, wiring: bool
    ) -> Floats:
        """Return the remainders of some neurons as one vector, each scaled by its variable."""
        arrivals = None if wiring else self.base(number, index)[0]
        redone = self.redone(plan, index, self.kept[number], neurons=neurons, arrivals=arrivals)
        name = self.plan.populations[index].name
        parts = [
            (rest / (self.scale[name, state] or 1.0)).ravel()
            for state, rest in redone.remainder.items()
        ]
        return np.concatenate([*parts, np.empty(0)])

    def fit(self, family: Family, *, alone: bool = False) -> Hypothesis | None:
        """Return the member of a family that leaves no remainder, or None.

        With `alone`, none in the populations that it is about.
        """
        pieces = [
            (number, index, self._telling_neurons(number, index))
            for number in self.screened(family.populations)[:2]
            for index in family.populations
        ]
        pieces = [p for p in pieces if p[2].size]
        if not pieces:
            return None

        def rest(x: float) -> Floats:
            plan = family.make(x).change(self.plan)
            return np.concatenate(
                [self.remainders(plan, i, k, chosen, family.wiring) for k, i, chosen in pieces]
            )

        try:
            x = _root(rest, family, self.tolerance)
        except NeurosimError:
            return None
        if x is None:
            return None
        for near in (1e-6, 1e-9):
            short = snapped(x, family.start, near * abs(x - family.start))
            made = family.make(short)
            if short != family.start and self.explains(made, slack=100.0, alone=alone):
                return made
        made = family.make(x)
        return made if self.explains(made, slack=100.0, alone=alone) else None

    def _telling_neurons(self, number: int, index: int) -> Ints:
        redone = self.base(number, index)[1]
        p = self.plan.populations[index]
        total = np.zeros(p.size)
        for state, rest in redone.remainder.items():
            scale = self.scale[p.name, state]
            off = np.abs(rest) / (scale or 1.0)
            total += np.where(off > self.tolerance, off, 0.0).sum(axis=0)
        order = np.argsort(-total, kind="stable")[:NEURONS]
        return np.sort(order[total[order] > 0])

    # --- re-running -----------------------------------------------------------------------

    def with_their_initial(self, plan: Plan) -> Plan:
        """Return a plan with the initial states of the other side, where these differ from ours.

        Where the plan's are others than ours, as in trials, they are changed by the difference.
        """
        rows = self.kept[0].piece.states
        for name, state in self.initial_differs:
            index = self.network.populations[name].index
            ours = self.plan.populations[index].initial[state]
            theirs, given = rows[name, state][0], plan.populations[index].initial[state]
            moved = np.where(given == ours, theirs, given + (theirs - ours))
            plan = variants.with_initial(plan, index, {state: moved})
        return plan

    def rerun(self, plan: Plan, early: int | None = None) -> Trial:
        """Run our core with a plan, and compare it with all that was seen of the other side.

        Parameters
        ----------
        plan : Plan
        early : int, optional
            Up to this step `Trial.early` is measured; left out, as far as all spikes are the same.
        """
        try:
            engine = make_engine(plan, self.options)
        except NeurosimError as error:
            return Trial(label=None, worst=np.inf, n_spikes=0, end=0, failure=str(error))
        states = {e.piece.first_step: e.piece.states for e in self.kept}
        worst: dict[Key, float] = {}
        first_ones: dict[Key, float] = {}
        n_spikes = 0

        def trial(label: int | None, end: int, failure: str = "") -> Trial:
            return Trial(
                label=label, worst=max(worst.values(), default=0.0), n_spikes=n_spikes, end=end,
                failure=failure, early=first_ones,
            )  # fmt: skip

        for n in self.partition:
            first = engine.step
            try:
                recorded = advance(engine, n)
            except NeurosimError as error:
                return trial(first + 1, first, str(error))
            order = np.lexsort((recorded.ids, recorded.labels))
            ours = Piece(
                first_step=first, n_steps=n, labels=recorded.labels[order],
                ids=recorded.ids[order].astype(np.int64), states={},
            )  # fmt: skip
            inside = (self.labels > first) & (self.labels <= first + n)
            theirs = Piece(
                first_step=first, n_steps=n, labels=self.labels[inside], ids=self.ids[inside],
                states={},
            )  # fmt: skip
            event = first_difference(ours, theirs)
            rows = n if event is None else event[0] - 1 - first
            few = rows if early is None else min(rows, early - first)
            for r in plan.recorders:
                if r.variable == "spikes" or first not in states:
                    continue
                key = (plan.populations[r.population].name, r.variable)
                if key in states[first] and self.scale[key] > 0:
                    off = np.abs(recorded.samples[r.index] - states[first][key]) / self.scale[key]
                    worst[key] = max(worst.get(key, 0.0), float(off[: rows + 1].max(initial=0.0)))
                    if few >= 0:
                        largest = float(off[: few + 1].max(initial=0.0))
                        first_ones[key] = max(first_ones.get(key, 0.0), largest)
            if event is not None:
                n_spikes += int(np.searchsorted(ours.labels, event[0]))
                return trial(event[0], first + n)
            n_spikes += ours.labels.size
        return trial(None, engine.step)

    def agrees(self, trial: Trial) -> bool:
        """Whether a re-run did what the other side did, spike by spike and state by state."""
        return not trial.failure and trial.label is None and trial.worst <= self.agreement


def _extreme(values: Floats, of: Callable[[Floats], Any], otherwise: float) -> float:
    return float(of(values)) if values.size else otherwise


def _root(rest: Callable[[float], Floats], family: Family, tolerance: float) -> float | None:
    """Find the number at which all remainders vanish, by Gauss-Newton; None if there is none."""
    x = family.start
    r = rest(x)
    start = _square(r)
    if not start > 0:
        return None
    for turn in range(30):
        h = 1e-6 * max(abs(x), 1e-3 * family.scale)
        slope = (rest(x + h) - r) / h
        power = _square(slope)
        if not np.isfinite(power) or power == 0:
            return None
        along = float((slope * r).sum())
        if turn == 0 and along * along < ALONG * power * start:
            return None
        step = -along / power
        # A number as far from its start as this is another model, not another number.
        limit = 10.0 * max(abs(x), family.scale)
        following = x + float(np.clip(step, -limit, limit))
        if family.positive and following <= 0:
            following = 0.5 * x
        r = rest(following)
        size = _square(r)
        if not np.isfinite(size):
            return None
        largest = float(np.abs(r).max(initial=0.0))
        stands = abs(following - x) <= 1e-13 * max(abs(following), family.scale)
        x = following
        if largest <= tolerance or stands:
            return x if largest <= 100 * tolerance else None
        if (turn >= 4 and size > 0.25 * start) or (turn >= 10 and size > 1e-6 * start):
            return None
    return None


def _square(values: Floats) -> float:
    # Not a dot product, which would wake the threads of a BLAS for a few thousand numbers.
    return float((values * values).sum())
