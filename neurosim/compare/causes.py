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
from neurosim.compare.horizon import (
    HORIZON_SIZE,
    advance,
    make_engine,
    perturbed,
    signs,
    spikes_only,
)
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
from neurosim.compare.lockstep import DIAGNOSIS, FirstSpike, Lockstep, StateDifference
from neurosim.compare.observing import Observer, piece_steps
from neurosim.compare.retracing import Evidence, Redone, hidden_at_start, redo, retraceable
from neurosim.describe.network import Network
from neurosim.engine.replay import Replay
from neurosim.equations.symbolic import symbol
from neurosim.lower.plan import Floats, Plan

BETTER = 5.0
"""An integrator is the cause where it brings our steps this many times nearer to theirs."""

TYPICAL = 0.99
"""Steps by two integrators are told apart by this quantile of what is left, which the few upstrokes
of spikes do not touch."""

FINE, FINER = 4, 16
"""Into how many parts a step is cut to stand for a solver with an adaptive step; into more where
spikes still fall into other steps."""

RUNGS = (1e-10, 1e-8, 1e-6, 1e-4)
"""With finer steps other causes are looked for beyond these parts of the largest values, one after
another: a solver has an error of its own, of which nothing is known."""

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
        (the first difference, in ulps).
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
    kinds : dict
        Class of hypothesis -> how many of it were tried, and not confirmed.
    """

    cause: Cause | None = None
    tried: list[str] = field(default_factory=list)
    kinds: dict[str, int] = field(default_factory=dict)

    def note(self, text: str, kind: str = "") -> None:
        """Keep that something was tried, once."""
        if text in self.tried:
            return
        self.tried.append(text)
        if kind:
            self.kinds[kind] = self.kinds.get(kind, 0) + 1


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
    if diagnosis.cause is None and (solver := search.solver()) is not None:
        _on_top(solver, search, lockstep, diagnosis, network, theirs, duration, options)
    if diagnosis.cause is None:
        search.integrators()
    return diagnosis


def _on_top(
    solver: Solver, search: _Search, lockstep: Lockstep, diagnosis: Diagnosis, network: Network,
    theirs: str | Backend, duration: float, options: Options,
) -> None:  # fmt: skip
    """Look for causes besides the integrator: finer steps are put into our core before."""
    # In finer parts differ upstrokes alone, which are left out, and every trial takes longer.
    solver = replace(solver, parts=FINE, reset_within=False)
    inquiry = Inquiry(network, theirs, duration, options, base=solver.applied, tolerance=RUNGS[0])
    inquiry.watch(min(duration, _until(lockstep)))
    original = inquiry.rerun(inquiry.plan)
    for rung in RUNGS:
        inquiry.relax(rung)
        if not inquiry.suspects:
            return
        diagnosis.note(f"With {solver}, beyond {rung:g} of the largest values:")
        second = _Search(inquiry, lockstep, diagnosis, "Our core with finer steps", original)
        second.run()
        if diagnosis.cause is not None and second.confirmed is not None:
            words = search.on_top_of(solver, second.confirmed)
            evidence = (*diagnosis.cause.evidence, words)
            diagnosis.cause = replace(diagnosis.cause, evidence=evidence)
            return


def _until(lockstep: Lockstep) -> float:
    """How long to look for a step that is not ours [ms]."""
    if lockstep.same_spikes:
        return lockstep.duration
    return lockstep.same_until + DIAGNOSIS + lockstep.dt


@dataclass(frozen=True, kw_only=True)
class Solver:
    """Finer steps of ours that stand for a solver with steps of its own.

    Attributes
    ----------
    populations : tuple of int
        That are integrated so.
    parts : int
        Into which each step is cut, for Runge-Kutta of order 4.
    reset_within : bool
        Whether threshold and reset are looked at after each part.
    maximum : str
        The state whose maximum tells a spike; "" where the threshold does.
    """

    populations: tuple[int, ...]
    parts: int
    reset_within: bool = False
    maximum: str = ""

    def applied(self, plan: Plan) -> Plan:
        """Return the plan with these steps."""
        for k in self.populations:
            plan = variants.with_method(plan, k, "rk4", self.parts, reset_within=self.reset_within)
            if self.maximum:
                plan = variants.with_spike_at_maximum(plan, k)
        return plan

    def __str__(self) -> str:
        text = _by("rk4", self.parts)
        text += ", threshold and reset after each part" if self.reset_within else ""
        return text + (f", spikes at the maximum of {self.maximum}" if self.maximum else "")


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
        self._families: dict[str, Family] = {}
        self._solver: tuple[Solver | None] | None = None

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
        if self._settle(fitting) or not self.first:
            return
        if not self._settle(list(self._currents())):
            self._ties()

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
                self.note(f"No value of it explains all steps: {family.name}.", "weight")
            else:
                found.append(hypothesis)
        each: list[dict[str, Hypothesis]] = []
        for index in suspects:
            mine: dict[str, Hypothesis] = {}
            for family in parameters(plan, index):
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
        for hypothesis in fitting:
            if len(confirmed) >= MOST_RERUNS:
                break
            if confirmed and hypothesis.kind == "integrator":
                continue
            trial = self.inquiry.rerun(
                hypothesis.change(self.inquiry.their_initial()), self._before_parting()
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
        causes = [self._cause(h, trial) for h, trial in confirmed]
        self.diagnosis.cause = replace(causes[0], alternatives=tuple(causes[1:]))
        return True

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
                f"{self.core} as it is: {self._outcome(self.original)}",
                f"{self.core} with this change: {told}",
            ),
        )  # fmt: skip

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
            self._rounding()

    # --- integrators ----------------------------------------------------------------------

    def integrators(self) -> None:
        """See whether another integrator comes nearer to the other side, if not to rounding."""
        inquiry, plan = self.inquiry, self.inquiry.plan
        suspects = self._integrated()
        if not suspects or any(not inquiry.anomalies[k].states for k in inquiry.suspects):
            return
        specs = [s for k in suspects if (s := plan.populations[k].spec) is not None]
        first = specs[0]
        now = self._off(plan, suspects)
        possible = set.intersection(*(set(variants.methods_for(s)) for s in specs))
        changes: dict[str, Callable[[Plan], Plan]] = {
            method: lambda p, m=method: self._with_method(p, suspects, m, 1)  # type: ignore[misc]
            for method in variants.methods_for(first)
            if method in possible
        }
        solver = self.solver()
        if solver is not None:
            changes[str(solver)] = replace(solver, populations=suspects).applied
        tried: list[tuple[float, str]] = []
        for name, change in changes.items():
            off = self._off(change(plan), suspects)
            tried.append((off, name))
            self.note(
                f"Steps by {name}: off by {off:.2g} of the largest values, {now:.2g} by "
                f"{first.method}.", "integrator",
            )  # fmt: skip
        for off, name in sorted(tried)[:2]:
            if not now > BETTER * off:
                return
            change = changes[name]
            trial = inquiry.rerun(change(inquiry.their_initial()), self._before_parting())
            nearer = self.original.worst / max([*trial.early.values(), 1e-300])
            # One coarse step of the other side may be off by more than all of ours together.
            cured = trial.label is None and self.original.label is not None
            if trial.failure or not self._longer(trial) or not (cured or nearer > 2.0):
                self.note(
                    f"Steps by {name} do not bring a whole run nearer: {self._outcome(trial)}",
                    "integrator",
                )
                continue
            part = title(plan, suspects)
            factor = now / max(off, 1e-300)
            self.diagnosis.cause = Cause(
                kind="integrator", part=part, what=name, size=factor, unit="factor",
                text=f"{part} {'is' if len(suspects) == 1 else 'are'} integrated otherwise: with "
                f"{name} instead of {first.method} single steps of our core come {factor:.3g} "
                f"times nearer. {self._left(change(plan), suspects)}",
                evidence=(
                    f"{self.core} as it is: {self._outcome(self.original)}",
                    f"Our core with {name}: {self._outcome(trial)}",
                    *(self._cuts(solver) if solver is not None and name == str(solver) else ()),
                ),
            )  # fmt: skip
            return

    def _integrated(self) -> tuple[int, ...]:
        plan = self.inquiry.plan
        return tuple(k for k in self.inquiry.suspects if plan.populations[k].spec is not None)

    def _left(self, plan: Plan, indices: tuple[int, ...]) -> str:
        """Tell by how much single steps still differ."""
        rest = self._remainders(plan, indices, firing=True)
        unlike, of = self._unlike(plan, indices)
        spikes = f"{unlike} of {of}" if unlike else f"none of {of}"
        return (
            f"What is left: 99.9 % of all values are off by at most "
            f"{np.quantile(rest, 0.999):.1g} of their largest, all by at most {rest.max():.1g}; "
            f"{spikes} spikes fall into another step."
        )

    def _cuts(self, solver: Solver) -> Iterator[str]:
        """Tell how single steps come nearer the finer they are cut."""
        plan, indices = self.inquiry.plan, solver.populations
        cuts = [n for n in (1, FINE, FINER) if n <= solver.parts]
        cut = [replace(solver, parts=n, reset_within=False).applied(plan) for n in cuts]
        offs = ", ".join(f"{self._off(p, indices):.1g}" for p in cut)
        unlike = ", ".join(str(self._unlike(p, indices)[0]) for p in cut)
        parts = ", ".join(map(str, cuts))
        yield (
            f"Single steps of rk4 cut into {parts} parts are off by {offs} of the largest values "
            f"(99 % of all values), and {unlike} spikes fall into another step: the finer ours, "
            "the nearer to theirs, as where steps are adaptive."
        )
        if solver.reset_within:
            told = [
                self._at_spikes(replace(solver, reset_within=within).applied(plan), indices)
                for within in (False, True)
            ]
            yield (
                f"In steps with a spike, states are off by {told[0]:.1g} with the reset at the end "
                f"of the step, and by {told[1]:.1g} with it after the part that crosses the "
                "threshold."
            )

    def _longer(self, trial: Trial) -> bool:
        """Whether a re-run has the other side's spikes for longer than our core as it is."""
        original = self.original.label
        if trial.label is None:
            return True
        return original is not None and trial.label > original

    def solver(self) -> Solver | None:
        """Return the finer steps that come nearest to what the other side does.

        None where there are none: no suspects, or equations that Runge-Kutta cannot take.
        """
        if self._solver is None:
            self._solver = (self._find_solver(),)
        return self._solver[0]

    def _find_solver(self) -> Solver | None:
        inquiry, plan = self.inquiry, self.inquiry.plan
        mine = [
            k
            for k in inquiry.suspects
            if (spec := plan.populations[k].spec) is not None
            and spec.n_normals == 0
            and "rk4" in (*variants.methods_for(spec), spec.method)
        ]
        if not any(inquiry.anomalies[k].states for k in mine):
            return None
        texts = {plan.populations[k].spec.source_text for k in mine}  # type: ignore[union-attr]
        alike = [p for p in plan.populations if p.spec is not None and p.spec.source_text in texts]
        specs = [p.spec for p in alike if p.spec is not None]
        found = Solver(populations=tuple(p.index for p in alike), parts=FINE)
        unlike, _ = self._unlike(found.applied(plan), found.populations)
        states = {variants.rising_state(spec) for spec in specs}
        if unlike and len(states) == 1 and (state := states.pop()) is not None:
            other = replace(found, maximum=state)
            count, _ = self._unlike(other.applied(plan), found.populations)
            if BETTER * count < unlike:
                found, unlike = other, count
        if unlike:
            other = replace(found, parts=FINER)
            if self._unlike(other.applied(plan), found.populations)[0] < unlike:
                found = other
        if not found.maximum and all(variants.can_reset_within(spec) for spec in specs):
            other = replace(found, reset_within=True)
            late = self._at_spikes(found.applied(plan), found.populations)
            if late > 2 * self._at_spikes(other.applied(plan), found.populations):
                found = other
        return found

    def on_top_of(self, solver: Solver, hypothesis: Hypothesis) -> str:
        """Tell what finer steps do beside another cause."""
        plan, wiring = hypothesis.change(self.inquiry.plan), hypothesis.wiring
        now = self._off(plan, solver.populations, wiring)
        then = self._off(solver.applied(plan), solver.populations, wiring)
        return (
            f"The two sides differ by their integrator as well: with {solver} single steps of our "
            f"core come {now / max(then, 1e-300):.3g} times nearer, this change made. It was "
            "looked for on top of that."
        )

    def _with_method(self, plan: Plan, indices: tuple[int, ...], method: str, parts: int) -> Plan:
        for k in indices:
            plan = variants.with_method(plan, k, method, parts)
        return plan

    def _off(self, plan: Plan, indices: tuple[int, ...], wiring: bool = False) -> float:
        """What is left of most steps in which no neuron fires, as parts of the largest values."""
        rest = self._remainders(plan, indices, wiring=wiring)
        return float(np.quantile(rest, TYPICAL)) if rest.size else 0.0

    def _at_spikes(self, plan: Plan, indices: tuple[int, ...]) -> float:
        """What is left, at most, of the steps in which a neuron fires on both sides."""
        found = [0.0]
        for k, redone, _ in self._redone(plan, indices):
            both = redone.fired & redone.fires
            found += [float(np.abs(r[both]).max(initial=0)) for r in self._scaled(k, redone)]
        return max(found)

    def _unlike(self, plan: Plan, indices: tuple[int, ...]) -> tuple[int, int]:
        """How many spikes fall into another step, and how many there are."""
        unlike = total = 0
        for _, redone, _ in self._redone(plan, indices):
            unlike += int((redone.fires != redone.fired).sum())
            total += int(redone.fired.sum())
        return unlike, total

    def _remainders(
        self, plan: Plan, indices: tuple[int, ...], wiring: bool = False, firing: bool = False
    ) -> Floats:
        """What is left of steps, as parts of the largest values, all in one vector."""
        rows = [np.empty(0)]
        for k, redone, base in self._redone(plan, indices, wiring):
            calm = base.active & ~base.fired & ~base.fires
            if firing:
                calm = redone.fires == redone.fired
            rows += [np.abs(rest[calm]) for rest in self._scaled(k, redone)]
        return np.concatenate(rows)

    def _scaled(self, index: int, redone: Redone) -> Iterator[Floats]:
        name = self.inquiry.plan.populations[index].name
        for state, rest in redone.remainder.items():
            yield rest / (self.inquiry.scale[name, state] or 1.0)

    def _redone(
        self, plan: Plan, indices: tuple[int, ...], wiring: bool = False
    ) -> Iterator[tuple[int, Redone, Redone]]:
        """Do steps again by a plan: population, these, and those by our own plan."""
        inquiry = self.inquiry
        for number in inquiry.screened(indices)[:2]:
            for k in indices:
                if not retraceable(plan, k):
                    continue
                arrivals, base = inquiry.base(number, k)
                given = None if wiring else arrivals
                yield k, inquiry.redone(plan, k, inquiry.kept[number], arrivals=given), base

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
        unit = "" if began.unit in ("", "1") else f" {began.unit}"
        ulps = f"{began.began_ulps:.3g} ulp{'s' * (began.began_ulps != 1)}"
        self.diagnosis.cause = Cause(
            kind="rounding", part=f"Population '{began.population}'", what=began.variable,
            size=began.began_ulps, unit="ulps",
            text=f"Every single step of the other side is ours to rounding. {began.variable} of "
            f"'{began.population}' is the first state to differ, at {began.began:g} ms by "
            f"{began.began_by:.1g}{unit} ({ulps}), and the network lets that grow to another "
            f"spike at {first.before + self.lockstep.dt:g} ms.",
            evidence=(
                f"All steps of the other side done again from its own states: off by at most "
                f"{size:.1g} of the largest values.",
                told,
                *self._growth(began),
            ),
        )  # fmt: skip

    def _growth(self, began: StateDifference) -> Iterator[str]:
        """Tell how fast the difference grew, beside that of a copy of our core."""
        inquiry = self.inquiry
        label = round(self.lockstep.same_until / inquiry.dt)
        start = round((began.began or 0.0) / inquiry.dt)
        size = began.began_by / (inquiry.scale.get((began.population, began.variable)) or 1.0)
        grown = max(s.largest_relative for s in self.lockstep.states)
        theirs = _time_to_grow(size, grown, (label - start) * inquiry.dt)
        plan = inquiry.plan
        ours, copy = (
            make_engine(plan, inquiry.options),
            make_engine(perturbed(plan, HORIZON_SIZE, 0), inquiry.options),
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
        own = _time_to_grow(HORIZON_SIZE, grown, ours.step * inquiry.dt)
        if theirs is not None and own is not None:
            yield (
                f"Between the two sides the difference grew tenfold every {theirs:.3g} ms; between "
                f"our core and a copy of it that differs by {HORIZON_SIZE:g} at the start, every "
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


def _time_to_grow(size: float, grown: float, duration: float) -> float | None:
    """In what time a difference grew tenfold [ms]; None where it did not."""
    if not (size > 0 and grown > size and duration > 0):
        return None
    return float(duration / np.log10(grown / size))


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
