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

import math
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from neurosim.backend import Backend, Options
from neurosim.compare import solvers, variants
from neurosim.compare import synapse_hypotheses as synapses
from neurosim.compare.diagnosis import Cause, Diagnosis
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
from neurosim.compare.lockstep import DIAGNOSIS, Lockstep
from neurosim.compare.retracing import alone, retraceable
from neurosim.compare.rounding import Rounding
from neurosim.compare.solvers import BETTER, Solver, Steps
from neurosim.describe.network import Network
from neurosim.equations.symbolic import symbol
from neurosim.lower.plan import Plan

RUNGS = (1e-10, 1e-8, 1e-6, 1e-4)
"""With finer steps other causes are looked for beyond these parts of the largest values, one after
another: a solver has an error of its own, of which nothing is known."""

ABOUT_SYNAPSES = ("delay", "receptor", "weight", "missing synapse", "extra synapse")
"""Classes of hypotheses about what arrives."""

MOST_RERUNS = 6
"""Equally good hypotheses are re-run up to this number."""


def diagnose(
    network: Network,
    theirs: str | Backend,
    duration: float,
    options: Options,
    lockstep: Lockstep,
    patience: float = math.inf,
) -> Diagnosis:
    """Search for why the other side differs from our own core, and tell what was tried.

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
    patience : float
        How long hypotheses are tried [s of processor time]; what was not tried by then is told.
    """
    diagnosis = Diagnosis(patience=patience)
    if lockstep.same_spikes and lockstep.within_rounding:
        diagnosis.tried.append("Nothing: all spikes are the same, and all states to rounding.")
        return diagnosis
    inquiry = _watched(network, theirs, duration, options, lockstep)
    search = _Search(inquiry, lockstep, diagnosis)
    search.run()
    if diagnosis.cause is None and diagnosis.late:
        diagnosis.leave("integrator")
    elif diagnosis.cause is None and (solver := search.steps.solver()) is not None:
        _on_top(solver, search, lockstep, diagnosis, network, theirs, duration, options)
    if diagnosis.cause is None and not diagnosis.late:
        search.integrators()
    return diagnosis


def _watched(
    network: Network, theirs: str | Backend, duration: float, options: Options, lockstep: Lockstep
) -> Inquiry:
    """Watch the other side until it does something that is not ours, or till the sides part.

    All neurons as long as the lockstep watched all of them, and if nothing was found in that time
    the one that differs first. If a step of it is not ours, all neurons have to be watched so long.
    """
    until = min(duration, _until(lockstep))
    inquiry = Inquiry(network, theirs, duration, options)
    if lockstep.watched_until is None or until <= lockstep.watched_until + DIAGNOSIS:
        inquiry.watch(until)
        return inquiry
    inquiry.watch(lockstep.watched_until)
    if inquiry.suspects or inquiry.initial_differs:
        return inquiry
    population, neuron = _first_other(lockstep)
    index = network.populations[population].index
    if retraceable(inquiry.plan, index) and alone(inquiry.plan, index):
        if inquiry.follow(population, neuron, until):
            return inquiry
        inquiry = Inquiry(network, theirs, duration, options)
    inquiry.watch(until)
    return inquiry


def _first_other(lockstep: Lockstep) -> tuple[str, int]:
    """Return the neuron that differs first: its population, and its number within."""
    first, state = lockstep.first_spike, lockstep.first_state
    if first is not None:
        return first.population, first.neuron
    assert state is not None
    assert state.neuron is not None
    return state.population, state.neuron


def _on_top(
    solver: Solver, search: _Search, lockstep: Lockstep, diagnosis: Diagnosis, network: Network,
    theirs: str | Backend, duration: float, options: Options,
) -> None:  # fmt: skip
    """Look for causes besides the integrator: finer steps are put into our core before."""
    # In finer parts differ upstrokes alone, which are left out, and every trial takes longer.
    solver = replace(solver, parts=solvers.FINE, reset_within=False)
    inquiry = Inquiry(network, theirs, duration, options, base=solver.applied, tolerance=RUNGS[0])
    inquiry.watch(min(duration, _until(lockstep)))
    original = inquiry.rerun(inquiry.plan)
    for rung in RUNGS:
        if diagnosis.late:
            diagnosis.leave("any besides an integrator")
            return
        inquiry.relax(rung)
        if not inquiry.suspects:
            return
        diagnosis.note(f"With {solver}, beyond {rung:g} of the largest values:")
        second = _Search(inquiry, lockstep, diagnosis, "Our core with finer steps", original)
        second.run()
        if diagnosis.cause is not None and second.confirmed is not None:
            words = search.steps.on_top_of(solver, second.confirmed)
            evidence = (*diagnosis.cause.evidence, words)
            diagnosis.cause = replace(diagnosis.cause, evidence=evidence)
            diagnosis.change = _after(solver.applied, diagnosis.change)
            return


def _after(
    first: Callable[[Plan], Plan], second: Callable[[Plan], Plan] | None
) -> Callable[[Plan], Plan] | None:
    return None if second is None else lambda plan: second(first(plan))


def _until(lockstep: Lockstep) -> float:
    """How long to look for a step that is not ours [ms]."""
    if lockstep.same_spikes:
        return lockstep.duration
    return lockstep.same_until + DIAGNOSIS + lockstep.dt


class _Search:
    def __init__(
        self, inquiry: Inquiry, lockstep: Lockstep, diagnosis: Diagnosis, core: str = "Our core",
        original: Trial | None = None,
    ) -> None:  # fmt: skip
        self.core = core
        self.first = original is None
        self.inquiry = inquiry
        self.lockstep = lockstep
        self.diagnosis = diagnosis
        self.note = diagnosis.note
        self.original = inquiry.rerun(inquiry.plan) if original is None else original
        self.confirmed: Hypothesis | None = None
        self.steps = Steps(inquiry)
        self._families: dict[str, Family] = {}

    def run(self) -> None:
        """Search, from what is simple to what is not."""
        inquiry = self.inquiry
        for name in inquiry.sources_differ:
            self.note(f"The spikes of source '{name}' are not those that were replayed.")
        if not inquiry.suspects:
            if inquiry.initial_differs:
                self._initial_values()
            else:
                self._by_rounding().explain()
            return
        fitting = [
            h for h in self._timely(self._hypotheses()) if self._tell(h, inquiry.explains(h))
        ]
        fitting += self._fitted()
        if not self.diagnosis.late:  # of parameters, which are counted already
            fitting += self._thresholds()
        # A projection onto two populations is suspected for both.
        fitting = list({(h.kind, h.part, h.what, h.text): h for h in fitting}.values())
        fitting.sort(key=lambda h: (h.rank, _roundness(h)))
        if self._settle(fitting) or not self.first:
            return
        if not self._settle(list(self._currents())):
            self._by_rounding().ties()

    def _timely(self, hypotheses: Iterator[Hypothesis]) -> Iterator[Hypothesis]:
        """Yield hypotheses while there is time, and keep count of the others."""
        for hypothesis in hypotheses:
            if self.diagnosis.late:
                self.diagnosis.leave(counted=[hypothesis.kind])
            else:
                yield hypothesis

    def _tell(self, hypothesis: Hypothesis, fits: bool) -> bool:
        if not fits:
            self.note(f"Leaves steps unexplained: {hypothesis.text}", hypothesis.kind)
        return fits

    # --- hypotheses -----------------------------------------------------------------------

    def _hypotheses(self) -> Iterator[Hypothesis]:
        inquiry, plan = self.inquiry, self.inquiry.plan
        suspects = tuple(k for k in inquiry.suspects if plan.populations[k].spec is not None)
        if not suspects:
            return
        # On top of finer steps every other method is a step back.
        yield from (h for h in discrete(plan, suspects) if self.first or h.kind != "integrator")
        for index in suspects:
            if self.diagnosis.late:  # to list them, steps have to be done again
                self.diagnosis.leave(*ABOUT_SYNAPSES)
                return
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
            if self.diagnosis.late:
                self.diagnosis.leave(counted=["weight"])
                continue
            hypothesis = inquiry.fit(family)
            if hypothesis is None:
                self.note(f"No value of it explains all steps: {family.name}.", "weight")
            else:
                found.append(hypothesis)
        each: list[dict[str, Hypothesis]] = []
        for index in suspects:
            mine: dict[str, Hypothesis] = {}
            for family in parameters(plan, index):
                if self.diagnosis.late:
                    self.diagnosis.leave(counted=["parameter"])
                    continue
                hypothesis = inquiry.fit(family, alone=True)
                if hypothesis is None:
                    self.note(f"No value of it explains all steps: {family.name}.", "parameter")
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
        rerun = False  # what explains all steps is worth one run, late or not
        for hypothesis in fitting:
            if len(confirmed) >= MOST_RERUNS:
                break
            if self.diagnosis.late and rerun:
                self.diagnosis.leave(counted=[hypothesis.kind])
                continue
            rerun = True
            if confirmed and hypothesis.kind == "integrator":
                continue
            trial = self.inquiry.rerun(
                self._changed(hypothesis.change)(self.inquiry.plan), self._before_parting()
            )
            if self._agrees(trial):
                confirmed.append((hypothesis, trial))
            else:
                self.note(
                    f"Explains single steps, but not a whole run: {hypothesis.text}",
                    hypothesis.kind,
                )
        if not confirmed:
            return False
        self.confirmed = confirmed[0][0]
        self.diagnosis.change = self._changed(self.confirmed.change)
        causes = [self._cause(h, trial) for h, trial in confirmed]
        self.diagnosis.cause = replace(causes[0], alternatives=tuple(causes[1:]))
        return True

    def _changed(self, change: Callable[[Plan], Plan]) -> Callable[[Plan], Plan]:
        """Return a change that is made beside that of initial values which differ."""
        return lambda plan: change(self.inquiry.with_their_initial(plan))

    def _before_parting(self) -> int | None:
        """The last step in which our core as it is has the other side's spikes."""
        return None if self.original.label is None else self.original.label - 1

    def _agrees(self, trial: Trial) -> bool:
        """Whether a re-run does what the other side did, where our core as it is does not."""
        if self.inquiry.agrees(trial):
            return self._differed(trial)
        # A solver's own error is another spike sooner or later: until then, some states must be
        # nearer, and none farther.
        if self.first or trial.failure or not self._longer(trial):
            return False
        early, least = self.original.early, self.inquiry.agreement
        nearer = any(early[k] > BETTER * max(off, least) for k, off in trial.early.items())
        return nearer and all(off <= 2 * early[k] + least for k, off in trial.early.items())

    def _differed(self, trial: Trial) -> bool:
        """Whether our core as it is does not agree as well."""
        original = self.original
        return original.label is not None or original.worst > 100 * trial.worst

    def _cause(self, hypothesis: Hypothesis, trial: Trial) -> Cause:
        dt = self.inquiry.dt
        told = self._outcome(trial)
        if trial.label is None:
            told = (
                f"all {trial.n_spikes} spikes the same up to {trial.end * dt:g} ms, states to "
                f"{trial.worst:.1g} of their largest values."
            )
        return Cause(
            kind=hypothesis.kind, part=hypothesis.part, what=hypothesis.what, size=hypothesis.size,
            unit=hypothesis.unit, text=hypothesis.text,
            evidence=(
                self._as_it_is(),
                f"{self.core} with this change: {told}",
            ),
            accounts="" if trial.label is None else
            f"It does not account for all: {self._parts_later(trial)}.",
        )  # fmt: skip

    def _parts_later(self, trial: Trial) -> str:
        """Tell that a re-run has the other side's spikes for longer, and then parts, too."""
        was = self.original.label
        instead = "" if was is None else f" instead of {was * self.inquiry.dt:g} ms"
        assert trial.label is not None
        return (
            f"with it a whole run of our core still parts from the other side, at "
            f"{trial.label * self.inquiry.dt:g} ms{instead}"
        )

    def _as_it_is(self) -> str:
        return f"{self.core} as it is: {self._outcome(self.original)}"

    def _by_rounding(self) -> Rounding:
        return Rounding(
            self.inquiry, self.lockstep, self.diagnosis, self._as_it_is(), self._outcome
        )

    def _outcome(self, trial: Trial) -> str:
        if trial.failure:
            return trial.failure
        dt, before = self.inquiry.dt, self._before_parting()
        states = f"states differ by up to {trial.worst:.1g} of their largest values"
        until, but = "; until then ", ", but "
        if before is not None and trial.early and self._longer(trial):
            # Both runs are told over the same stretch: the longer one has more spikes in it, each
            # a fraction of a step sooner or later, and is off by more for that alone.
            until = but = f"; up to {before * dt:g} ms, as far as without the change, "
            states = (
                f"states differ by up to {max(trial.early.values()):.1g} of their largest values, "
                f"over the longer stretch by up to {trial.worst:.1g}"
            )
        if trial.label is None:
            return f"the same spikes up to {trial.end * dt:g} ms{but}{states}."
        return f"a spike differs at {trial.label * dt:g} ms{until}{states}."

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
            self._by_rounding().explain()

    # --- integrators ----------------------------------------------------------------------

    def integrators(self) -> None:
        """See whether another integrator comes nearer to the other side, if not to rounding."""
        inquiry, plan = self.inquiry, self.inquiry.plan
        suspects = self._integrated()
        if not suspects or any(not inquiry.anomalies[k].states for k in inquiry.suspects):
            return
        specs = [s for k in suspects if (s := plan.populations[k].spec) is not None]
        first = specs[0]
        now = self.steps.off(plan, suspects)
        possible = set.intersection(*(set(variants.methods_for(s)) for s in specs))
        changes: dict[str, Callable[[Plan], Plan]] = {
            method: lambda p, m=method: self._with_method(p, suspects, m, 1)  # type: ignore[misc]
            for method in variants.methods_for(first)
            if method in possible
        }
        solver = self.steps.solver()
        if solver is not None:
            changes[str(solver)] = replace(solver, populations=suspects).applied
        tried: list[tuple[float, str]] = []
        for name, change in changes.items():
            if self.diagnosis.late:
                self.diagnosis.leave(counted=["integrator"])
                continue
            off = self.steps.off(change(plan), suspects)
            tried.append((off, name))
            self.note(
                f"Steps by {name}: off by {off:.2g} of the largest values, {now:.2g} by "
                f"{first.method}.", "integrator",
            )  # fmt: skip
        for off, name in sorted(tried)[:2]:
            more = self.steps.cuts(solver) if solver is not None and name == str(solver) else ()
            if not now > BETTER * off:
                return
            change = changes[name]
            trial = inquiry.rerun(self._changed(change)(inquiry.plan), self._before_parting())
            nearer = self.original.worst / max([*trial.early.values(), 1e-300])
            # One coarse step of the other side may be off by more than all of ours together.
            cured = trial.label is None and self.original.label is not None
            if trial.failure or not self._longer(trial) or not (cured or nearer > 2.0):
                self.note(
                    f"Steps by {name} do not bring a whole run nearer: {self._outcome(trial)}",
                    "integrator",
                )
                continue
            self.diagnosis.change = self._changed(change)
            part = title(plan, suspects)
            factor = now / max(off, 1e-300)
            left = self.steps.unlike(change(plan), suspects)[0]
            self.diagnosis.cause = Cause(
                kind="integrator", part=part, what=name, size=factor, unit="factor",
                text=f"{part} {'is' if len(suspects) == 1 else 'are'} integrated otherwise: with "
                f"{name} instead of {first.method} single steps of our core come {factor:.3g} "
                f"times nearer. {self.steps.left(change(plan), suspects)}",
                evidence=(
                    self._as_it_is(),
                    f"Our core with {name}: {self._outcome(trial)}",
                    *more,
                ),
                accounts="" if not left and trial.label is None else
                f"It accounts for {self._explained_spikes(change(plan), suspects)}"
                f"{'' if trial.label is None else f'; {self._parts_later(trial)}'}.",
            )  # fmt: skip
            return

    def _explained_spikes(self, plan: Plan, suspects: tuple[int, ...]) -> str:
        """Tell how many spikes of the steps that were done again a plan has where they are."""
        left, of = self.steps.unlike(plan, suspects)
        without, _ = self.steps.unlike(self.inquiry.plan, suspects)
        return (
            f"{of - left} of {of} spikes ({of - without} are ours without it), each step done "
            "again from the other side's own state"
        )

    def _integrated(self) -> tuple[int, ...]:
        plan = self.inquiry.plan
        return tuple(k for k in self.inquiry.suspects if plan.populations[k].spec is not None)

    def _longer(self, trial: Trial) -> bool:
        """Whether a re-run has the other side's spikes for longer than our core as it is."""
        original = self.original.label
        if trial.label is None:
            return True
        return original is not None and trial.label > original

    def _with_method(self, plan: Plan, indices: tuple[int, ...], method: str, parts: int) -> Plan:
        for k in indices:
            plan = variants.with_method(plan, k, method, parts)
        return plan


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
