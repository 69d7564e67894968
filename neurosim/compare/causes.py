"""Why two sides differ: hypotheses, and the controlled re-runs that confirm one of them.

1. The other side is watched, and every one of its steps is done again by our equations from its
   own state (`neurosim.compare.retracing`): this tells when and where it does something else.
2. Hypotheses about these populations and what reaches them are tried on those steps; numbers are
   fitted (`neurosim.compare.inquiry`).
3. What leaves nothing unexplained is put into our core, which runs again from the start. It is the
   cause only if that run does what the other side did, where ours did not.

Where every step is ours and the sides still part, rounding is left; that is put to the test, too.
Nothing is looked up by the name of a backend.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from neurosim.backend import Backend, Options
from neurosim.compare import synapse_hypotheses as synapses
from neurosim.compare import variants
from neurosim.compare.horizon import make_engine, signs, spikes_only
from neurosim.compare.hypotheses import (
    Family,
    Hypothesis,
    discrete,
    parameter_family,
    parameters,
    shortest_between,
    title,
)
from neurosim.compare.inquiry import Inquiry, Trial
from neurosim.compare.lockstep import DIAGNOSIS, FirstSpike, Lockstep
from neurosim.compare.observing import Observer, piece_steps
from neurosim.compare.retracing import Evidence, hidden_at_start, redo
from neurosim.describe.network import Network
from neurosim.engine.replay import Replay
from neurosim.equations.symbolic import symbol
from neurosim.lower.plan import Plan

BETTER = 5.0
"""An integrator is the cause where it brings our steps this many times nearer to theirs."""

MUCH_BETTER = 1000.0
"""Where finer steps are this many times nearer in one population, other causes are looked for on
top of them."""

FINE = 4
"""Into how many parts a step is cut to stand for a solver with an adaptive step."""

FLOOR = 100.0
"""Largest remainder of an adaptive solver, in root mean squares."""

COPIES = 5
"""Copies of our core that are perturbed to see what rounding does."""

SPACING = 10.0
"""How often they are perturbed [ms]."""

MOST_RERUNS = 6
"""Equally good hypotheses are re-run up to this number."""


@dataclass(frozen=True, kw_only=True)
class Cause:
    """A difference that was confirmed by experiment.

    Attributes
    ----------
    kind : str
        Its class. With the meaning of `size`: "parameter" (theirs less ours), "weight" (theirs
        less ours for one synapse, a factor for a projection or drive), "missing synapse" and
        "extra synapse" (the change of weight), "receptor", "delay" [ms], "threshold comparison",
        "reset order", "arrivals while refractory", "refractory time" [ms], "integrator" (how many
        times nearer, if not to rounding), "quantisation" [bits], "injected current" [ms], "initial
        value" (the largest difference), "threshold tie" (distance from the threshold), "rounding"
        (relative).
    part : str
        The part of the network, as messages name it: ``"Population 'exc'"``.
    what : str
        What of it: a parameter's name, a synapse, ...; "all" for a whole projection.
    size : float or None
        How much it is off, in `unit`; None where it has no size.
    unit : str
    text : str
        A sentence for people.
    evidence : tuple of str
        What was done and what came out.
    alternatives : tuple of Cause
        Others that no experiment on this network told apart from it.
    """

    kind: str
    part: str
    what: str
    size: float | None
    unit: str
    text: str
    evidence: tuple[str, ...] = ()
    alternatives: tuple[Cause, ...] = ()

    def __str__(self) -> str:
        if not self.alternatives:
            return self.text
        others = " / ".join(a.text for a in self.alternatives)
        return f"{self.text} Not to be told apart from: {others}"


@dataclass
class Diagnosis:
    """What a search for a cause came to.

    Attributes
    ----------
    cause : Cause or None
        The simplest one that was confirmed; None where none was.
    tried : list of str
        Everything that was tried, and why it was not it.
    """

    cause: Cause | None = None
    tried: list[str] = field(default_factory=list)


def find_cause(
    network: Network,
    theirs: str | Backend,
    duration: float,
    options: Options,
    lockstep: Lockstep,
) -> Cause | None:
    """Return why the other side differs from our own core; None where nothing is confirmed.

    Parameters
    ----------
    network : Network
    theirs : str or Backend
        The other side; it is run again.
    duration : float
        How long at most [ms].
    options : Options
    lockstep : Lockstep
        What comparing the two sides in lockstep found.
    """
    return diagnose(network, theirs, duration, options, lockstep).cause


def diagnose(
    network: Network,
    theirs: str | Backend,
    duration: float,
    options: Options,
    lockstep: Lockstep,
) -> Diagnosis:
    """Search for the cause of a difference, and tell what was tried; see `find_cause`."""
    diagnosis = Diagnosis()
    if lockstep.same_spikes and lockstep.within_rounding:
        diagnosis.tried.append("Nothing: all spikes are the same, and all states to rounding.")
        return diagnosis
    inquiry = Inquiry(network, theirs, duration, options)
    inquiry.watch(min(duration, _until(lockstep)))
    search = _Search(inquiry, lockstep, diagnosis)
    search.run()
    if diagnosis.cause is None and (finer := search.finer()) is not None:
        change, tolerance, words = finer
        inquiry = Inquiry(network, theirs, duration, options, base=change, tolerance=tolerance)
        inquiry.watch(min(duration, _until(lockstep)))
        if inquiry.suspects:
            second = _Search(inquiry, lockstep, diagnosis, "Our core with finer steps")
            second.run()
        if diagnosis.cause is not None:
            evidence = (*diagnosis.cause.evidence, words)
            diagnosis.cause = replace(diagnosis.cause, evidence=evidence)
    if diagnosis.cause is None:
        search.integrators()
    return diagnosis


def _until(lockstep: Lockstep) -> float:
    """How long to look for a step that is not ours [ms]."""
    if lockstep.same_spikes:
        return lockstep.duration
    return lockstep.same_until + DIAGNOSIS + lockstep.dt


class _Search:
    def __init__(
        self, inquiry: Inquiry, lockstep: Lockstep, diagnosis: Diagnosis, core: str = "Our core"
    ) -> None:
        self.core = core
        self.inquiry = inquiry
        self.lockstep = lockstep
        self.diagnosis = diagnosis
        self.original = inquiry.rerun(inquiry.plan)
        self._families: dict[str, Family] = {}

    def note(self, text: str) -> None:
        self.diagnosis.tried.append(text)

    def run(self) -> None:
        """Search, from what is simple to what is not."""
        inquiry = self.inquiry
        for name in inquiry.sources_differ:
            self.note(f"The spikes of source '{name}' are not those that were replayed.")
        if not inquiry.suspects:
            if inquiry.initial_differs:
                self._initial_values()
            else:
                self._rounding()
            return
        fitting = [h for h in self._hypotheses() if self._tell(h, inquiry.explains(h))]
        fitting += self._fitted()
        fitting += self._thresholds()
        # A projection onto two populations is suspected for both.
        fitting = list({(h.kind, h.part, h.what, h.text): h for h in fitting}.values())
        fitting.sort(key=lambda h: (h.rank, _roundness(h)))
        if not self._settle(fitting) and not self._settle(list(self._currents())):
            self._ties()

    def _tell(self, hypothesis: Hypothesis, fits: bool) -> bool:
        if not fits:
            self.note(f"Leaves steps unexplained: {hypothesis.text}")
        return fits

    # --- hypotheses -----------------------------------------------------------------------

    def _hypotheses(self) -> Iterator[Hypothesis]:
        inquiry, plan = self.inquiry, self.inquiry.plan
        suspects = tuple(k for k in inquiry.suspects if plan.populations[k].spec is not None)
        if not suspects:
            return
        yield from discrete(plan, suspects)
        for index in suspects:
            excess = self._excess(index)
            for found in synapses.whole_projections(plan, inquiry.wiring, index, excess):
                if isinstance(found, Hypothesis):
                    yield found
                else:
                    self._families[found.name] = found
            for family in synapses.coupling_families(plan, index):
                self._families[family.name] = family
            yield from synapses.single_synapses(plan, inquiry.wiring, index, excess)

    def _excess(self, index: int) -> list[dict[str, synapses.Excess]]:
        inquiry = self.inquiry
        return [
            synapses.excess_of(
                inquiry.plan, inquiry.wiring, index, inquiry.kept[k],
                inquiry.base(k, index)[1], inquiry.tolerance,
            )
            for k in inquiry.screened((index,))
        ]  # fmt: skip

    def _currents(self) -> Iterator[Hypothesis]:
        """List shifted currents; what is injected is replayed, so that only a re-run tells."""
        plan, suspects = self.inquiry.plan, self.inquiry.suspects
        for number, injection in enumerate(plan.injections):
            touched = tuple(
                p.index
                for p in plan.populations
                if np.any((injection.ids >= p.offset) & (injection.ids < p.offset + p.size))
            )
            if not set(touched) & set(suspects):
                continue
            for n in (1, -1, 2, -2):
                if variants.with_current_shifted(plan, number, n) is None:
                    continue
                part = title(plan, touched)
                words = "late" if n > 0 else "early"
                yield Hypothesis(
                    kind="injected current", part=part, what="time", size=n * plan.dt, unit="ms",
                    text=f"The current injected into {part[0].lower()}{part[1:]} comes "
                    f"{abs(n)} step{'s' if abs(n) > 1 else ''} {words}.",
                    change=lambda p, number=number, n=n: (  # type: ignore[misc]
                        variants.with_current_shifted(p, number, n) or p
                    ),
                    populations=touched, rank=1,
                )  # fmt: skip

    def _fitted(self) -> list[Hypothesis]:
        inquiry, plan = self.inquiry, self.inquiry.plan
        suspects = tuple(k for k in inquiry.suspects if plan.populations[k].spec is not None)
        found: list[Hypothesis] = []
        for family in self._families.values():
            hypothesis = inquiry.fit(family)
            if hypothesis is None:
                self.note(f"No value of it explains all steps: {family.name}.")
            else:
                found.append(hypothesis)
        each: list[dict[str, Hypothesis]] = []
        for index in suspects:
            mine: dict[str, Hypothesis] = {}
            for family in parameters(plan, index):
                hypothesis = inquiry.fit(family, alone=True)
                if hypothesis is None:
                    self.note(f"No value of it explains all steps: {family.name}.")
                else:
                    mine[hypothesis.what] = hypothesis
            each.append(mine)
        for name in each[0] if each else ():
            if all(name in mine for mine in each):
                found.append(_together([mine[name] for mine in each]))
        return found

    def _thresholds(self) -> list[Hypothesis]:
        """Find parameters of the threshold from who fired and who did not."""
        inquiry, plan = self.inquiry, self.inquiry.plan
        each: list[dict[str, Hypothesis]] = []
        for index in inquiry.suspects:
            noted, spec = inquiry.anomalies[index], plan.populations[index].spec
            mine: dict[str, Hypothesis] = {}
            if spec is not None and hasattr(spec.threshold, "gts") and noted.low < noted.high:
                for name in spec.parameters:
                    slope = (spec.threshold.gts - spec.threshold.lts).diff(symbol(name))
                    if not slope.is_number or slope == 0 or not np.isfinite(noted.low):
                        continue
                    if not np.isfinite(noted.high) or noted.low < 0 <= noted.high:
                        continue
                    family = parameter_family(plan, index, name)
                    ends = sorted(family.start - g / float(slope) for g in (noted.low, noted.high))
                    if not ends[0] < ends[1]:
                        continue
                    made = family.make(shortest_between(ends[0], ends[1]))
                    fits = f"; the spikes fit values from {ends[0]:.8g} to {ends[1]:.8g}."
                    made = replace(made, text=made.text[:-1] + fits)
                    if self._tell(made, inquiry.explains(made, alone=True)):
                        mine[name] = made
            each.append(mine)
        names = each[0] if each else {}
        return [
            _together([mine[name] for mine in each])
            for name in names
            if all(name in mine for mine in each)
        ]

    # --- experiments ----------------------------------------------------------------------

    def _settle(self, fitting: list[Hypothesis]) -> bool:
        """Re-run our core with each; keep the first that is confirmed, and its equals."""
        confirmed: list[tuple[Hypothesis, Trial]] = []
        for hypothesis in fitting:
            if len(confirmed) >= MOST_RERUNS:
                break
            if confirmed and hypothesis.kind == "integrator":
                continue
            trial = self.inquiry.rerun(hypothesis.change(self.inquiry.their_initial()))
            if self.inquiry.agrees(trial) and self._differed(trial):
                confirmed.append((hypothesis, trial))
            else:
                self.note(f"Explains single steps, but not a whole run: {hypothesis.text}")
        if not confirmed:
            return False
        causes = [self._cause(h, trial) for h, trial in confirmed]
        self.diagnosis.cause = replace(causes[0], alternatives=tuple(causes[1:]))
        return True

    def _differed(self, trial: Trial) -> bool:
        """Whether our core as it is does not agree as well."""
        original = self.original
        return original.label is not None or original.worst > 100 * trial.worst

    def _cause(self, hypothesis: Hypothesis, trial: Trial) -> Cause:
        dt = self.inquiry.dt
        return Cause(
            kind=hypothesis.kind, part=hypothesis.part, what=hypothesis.what, size=hypothesis.size,
            unit=hypothesis.unit, text=hypothesis.text,
            evidence=(
                f"{self.core} as it is: {self._outcome(self.original)}",
                f"{self.core} with this change: all {trial.n_spikes} spikes the same up to "
                f"{trial.end * dt:g} ms, states to {trial.worst:.1g} of their largest values.",
            ),
        )  # fmt: skip

    def _outcome(self, trial: Trial) -> str:
        if trial.failure:
            return trial.failure
        states = f"states differ by up to {trial.worst:.1g} of their largest values"
        if trial.label is None:
            return f"the same spikes up to {trial.end * self.inquiry.dt:g} ms, but {states}."
        return f"a spike differs at {trial.label * self.inquiry.dt:g} ms; until then {states}."

    # --- initial values -------------------------------------------------------------------

    def _initial_values(self) -> None:
        inquiry = self.inquiry
        found = dict(inquiry.initial_differs)
        (name, state), size = max(found.items(), key=lambda item: item[1])
        spec = inquiry.plan.populations[inquiry.network.populations[name].index].spec
        assert spec is not None
        unit = spec.units[state]
        where = ", ".join(f"{s} of '{p}'" for p, s in found)
        hypothesis = Hypothesis(
            kind="initial value", part=f"Population '{name}'", what=state, size=size, unit=unit,
            text=f"Initial values differ: {where}, by up to {size:.6g} {unit}.",
            change=lambda p: p, populations=(inquiry.network.populations[name].index,), rank=6,
        )  # fmt: skip
        if not self._settle([hypothesis]):
            self._rounding()

    # --- integrators ----------------------------------------------------------------------

    def integrators(self) -> None:
        """See whether another integrator comes nearer to the other side, if not to rounding."""
        inquiry, plan = self.inquiry, self.inquiry.plan
        suspects = tuple(k for k in inquiry.suspects if plan.populations[k].spec is not None)
        if not suspects or any(not inquiry.anomalies[k].states for k in suspects):
            return
        tried: list[tuple[float, str, int]] = []
        specs = [s for k in suspects if (s := plan.populations[k].spec) is not None]
        first = specs[0]
        now = self._off(plan, suspects)
        possible = set.intersection(*(set(variants.methods_for(s)) for s in specs))
        methods = [(m, 1) for m in variants.methods_for(first) if m in possible]
        if not any(s.n_normals for s in specs) and "rk4" in {*possible, first.method}:
            methods += [("rk4", FINE)]
        for method, parts in methods:
            off = self._off(self._with_method(plan, suspects, method, parts), suspects)
            tried.append((off, method, parts))
            self.note(
                f"Steps by {_by(method, parts)}: off by {off:.2g} of the largest values, "
                f"{now:.2g} by {first.method}."
            )
        tried.sort(key=lambda t: t[0])
        for off, method, parts in tried[:2]:
            if not now > BETTER * off:
                return
            trial = inquiry.rerun(
                self._with_method(inquiry.their_initial(), suspects, method, parts)
            )
            nearer = self.original.worst / max(trial.worst, 1e-300)
            if trial.failure or not self._longer(trial) or not nearer > 2.0:
                self.note(f"Steps by {_by(method, parts)} do not bring a whole run nearer.")
                continue
            part = title(plan, suspects)
            factor = now / max(off, 1e-300)
            self.diagnosis.cause = Cause(
                kind="integrator", part=part, what=_by(method, parts), size=factor, unit="factor",
                text=f"{part} {'is' if len(suspects) == 1 else 'are'} integrated otherwise: with "
                f"{_by(method, parts)} instead of {first.method} single steps of our core come "
                f"{factor:.3g} times nearer.",
                evidence=(
                    f"{self.core} as it is: {self._outcome(self.original)}",
                    f"Our core with {_by(method, parts)}: {self._outcome(trial)}",
                ),
            )  # fmt: skip
            return

    def _longer(self, trial: Trial) -> bool:
        """Whether a re-run has the other side's spikes for longer than our core as it is."""
        original = self.original.label
        if trial.label is None:
            return True
        return original is not None and trial.label > original

    def finer(self) -> tuple[Callable[[Plan], Plan], float, str] | None:
        """Return finer steps for all, if some population is integrated more finely by theirs.

        With the part of the largest values to which such steps agree, and what they are; None
        where no population is told to be integrated otherwise.
        """
        inquiry, plan = self.inquiry, self.inquiry.plan
        for k in inquiry.suspects:
            spec = plan.populations[k].spec
            if spec is None or spec.n_normals or not inquiry.anomalies[k].states:
                continue
            if "rk4" not in (*variants.methods_for(spec), spec.method):
                continue
            same = [
                p.index
                for p in plan.populations
                if p.spec is not None and p.spec.source_text == spec.source_text
            ]
            changed = self._with_method(plan, (k,), "rk4", FINE)
            # One by one: what is wrong with synapses does not show in the membrane at once.
            for state in inquiry.anomalies[k].states:
                now, off = self._off(plan, (k,), state), self._off(changed, (k,), state)
                if not now > MUCH_BETTER * off:
                    continue
                times = now / max(off, 1e-300)
                words = (
                    f"The two sides differ by their integrator as well: with {_by('rk4', FINE)} "
                    f"single steps of our core come {times:.3g} times nearer in population "
                    f"'{plan.populations[k].name}'. This was looked for on top of that."
                )
                tolerance = max(inquiry.tolerance, FLOOR * off)
                return lambda p: self._with_method(p, tuple(same), "rk4", FINE), tolerance, words  # noqa: B023
        return None

    def _with_method(self, plan: Plan, indices: tuple[int, ...], method: str, parts: int) -> Plan:
        for k in indices:
            plan = variants.with_method(plan, k, method, parts)
        return plan

    def _off(self, plan: Plan, indices: tuple[int, ...], only: str | None = None) -> float:
        """Root mean square of remainders where no neuron fires, as parts of the largest values."""
        inquiry = self.inquiry
        total, count = 0.0, 0
        for number in inquiry.screened(indices)[:2]:
            for k in indices:
                arrivals, base = inquiry.base(number, k)
                redone = redo(plan, inquiry.wiring, k, inquiry.kept[number], arrivals=arrivals)
                calm = base.active & ~base.fired & ~base.fires
                for state, rest in redone.remainder.items():
                    if only not in (None, state):
                        continue
                    scale = inquiry.scale[plan.populations[k].name, state] or 1.0
                    part = rest[calm] / scale
                    total += float(part @ part)
                    count += part.size
        return float(np.sqrt(total / max(count, 1)))

    # --- rounding -------------------------------------------------------------------------

    def _ties(self) -> None:
        """Put thresholds that were met to rounding to the test."""
        noted = self.inquiry.anomalies
        clean = all(not noted[k].states for k in self.inquiry.suspects)
        if clean and all(noted[k].spikes == noted[k].close for k in self.inquiry.suspects):
            self._rounding()

    def _rounding(self) -> None:
        first = self.lockstep.first_spike
        if first is None:
            self.note("All spikes are the same; what the states differ by is not explained.")
            return
        gap = self._gap(first)
        if gap is not None and self._tie(first, *gap):
            return
        size = max([1e-15, *(s.largest_relative for s in self.lockstep.states)])
        times = self._perturbed(size)
        reached = [t for t in times if t is not None]
        shown = ", ".join("later" if t is None else f"{t:g}" for t in times)
        told = (
            f"Copies of our core whose states are changed by {size:.1g} every {SPACING:g} ms fire "
            f"another spike at {shown} ms; the two sides part at "
            f"{first.before + self.lockstep.dt:g} ms."
        )
        if not reached:
            self.note(f"Rounding does not explain it. {told}")
            return
        self.diagnosis.cause = Cause(
            kind="rounding", part=f"Population '{first.population}'", what="all states", size=size,
            unit="relative",
            text=f"Every single step of the other side is ours to rounding; rounding, of "
            f"{size:.1g}, has grown to another spike at {first.before + self.lockstep.dt:g} ms.",
            evidence=(f"All steps of the other side done again from its own states: no remainder "
                      f"beyond {self.inquiry.tolerance:g}.", told),
        )  # fmt: skip

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
            expected = reference.run(steps)
            for k, engine in list(copies.items()):
                for index, state in engine.neurons.items():
                    everyone = np.arange(state.plan.size)
                    for name in state.states:
                        value = state.read(name)
                        sign = signs(k, f"{state.plan.name} {turn}", name, value.size)
                        engine.write(index, name, value * (1.0 + size * sign), everyone)
                got = engine.run(steps)
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
        own = Observer(inquiry.network, "cpu", inquiry.options)
        replay = Replay(inquiry.plan, inquiry.options.trial)
        length = piece_steps(own.bytes_per_step, inquiry.dt)
        hidden = hidden_at_start(inquiry.plan, own.variables)
        labels = ids = np.empty(0, np.int64)
        row = round(first.before / inquiry.dt)
        index = inquiry.network.populations[first.population].index
        if inquiry.plan.populations[index].spec is None:
            return None
        while True:
            evidence = Evidence(
                piece=own.next(length), chunk=replay.next(length), earlier_labels=labels,
                earlier_ids=ids, hidden=hidden,
            )  # fmt: skip
            if row < evidence.piece.last_step:
                break
            labels, ids = evidence.labels, evidence.ids
        redone = redo(inquiry.plan, inquiry.wiring, index, evidence)
        gap = inquiry.gap(index, redone)
        if gap is None:
            return None
        return float(gap[0][row - evidence.piece.first_step, first.neuron]), gap[1]

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
                    f"{self.core} as it is: {self._outcome(self.original)}",
                    f"Our core with {name} moved by {abs(shift):.1g}: {self._outcome(trial)}",
                ),
            )  # fmt: skip
            return True
        return False


def _by(method: str, parts: int) -> str:
    return method if parts == 1 else f"{method} in {parts} parts of a step"


def _together(found: list[Hypothesis]) -> Hypothesis:
    """Return hypotheses about several populations as one."""
    if len(found) == 1:
        return found[0]

    def change(plan: Plan) -> Plan:
        for hypothesis in found:
            plan = hypothesis.change(plan)
        return plan

    return replace(
        found[0],
        part=", ".join(h.part for h in found),
        text=" ".join(h.text for h in found),
        populations=tuple(k for h in found for k in h.populations),
        change=change,
    )


def _roundness(hypothesis: Hypothesis) -> int:
    """Fewer digits of a size come first: numbers that people write are short."""
    if hypothesis.size is None:
        return 0
    return len(f"{abs(hypothesis.size):.9g}".rstrip("0").replace(".", "").lstrip("0"))
