"""Solvers with steps of their own: the finer steps of ours that stand for them, and how near."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from neurosim.compare import variants
from neurosim.compare.hypotheses import Hypothesis
from neurosim.compare.inquiry import Inquiry
from neurosim.compare.retracing import Redone, retraceable
from neurosim.lower.plan import Floats, Plan

TYPICAL = 0.99
"""Steps by two integrators are told apart by this quantile of what is left, which the few upstrokes
of spikes do not touch."""

BETTER = 5.0
"""An integrator is the cause where it brings our steps this many times nearer to theirs."""

FINE, FINER = 4, 16
"""Into how many parts a step is cut to stand for a solver with an adaptive step; into more where
spikes still fall into other steps."""


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
        text = by_method("rk4", self.parts)
        text += ", threshold and reset after each part" if self.reset_within else ""
        return text + (f", spikes at the maximum of {self.maximum}" if self.maximum else "")


def by_method(method: str, parts: int) -> str:
    """Return the name of a method whose steps are cut into parts."""
    return method if parts == 1 else f"{method} in {parts} parts of a step"


class Steps:
    """Single steps of the other side, done again by plans of ours, and what they leave.

    Parameters
    ----------
    inquiry : Inquiry
        What was seen of the other side.
    """

    def __init__(self, inquiry: Inquiry) -> None:
        self.inquiry = inquiry
        self._solver: tuple[Solver | None] | None = None

    # --- which finer steps ----------------------------------------------------------------

    def solver(self) -> Solver | None:
        """Return the finer steps that come nearest to what the other side does.

        None where there are none: no suspects, or equations that Runge-Kutta cannot take.
        """
        if self._solver is None:
            self._solver = (self._found(),)
        return self._solver[0]

    def _found(self) -> Solver | None:
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
        unlike, _ = self.unlike(found.applied(plan), found.populations)
        states = {variants.rising_state(spec) for spec in specs}
        if unlike and len(states) == 1 and (state := states.pop()) is not None:
            other = replace(found, maximum=state)
            count, _ = self.unlike(other.applied(plan), found.populations)
            if BETTER * count < unlike:
                found, unlike = other, count
        if unlike:
            other = replace(found, parts=FINER)
            if self.unlike(other.applied(plan), found.populations)[0] < unlike:
                found = other
        if not found.maximum and all(variants.can_reset_within(spec) for spec in specs):
            other = replace(found, reset_within=True)
            late = self.at_spikes(found.applied(plan), found.populations)
            if late > 2 * self.at_spikes(other.applied(plan), found.populations):
                found = other
        return found

    # --- in words -------------------------------------------------------------------------

    def left(self, plan: Plan, indices: tuple[int, ...]) -> str:
        """Tell by how much single steps still differ."""
        rest = self.remainders(plan, indices, firing=True)
        unlike, of = self.unlike(plan, indices)
        spikes = f"{unlike} of {of}" if unlike else f"none of {of}"
        return (
            f"What is left: 99.9 % of all values are off by at most "
            f"{np.quantile(rest, 0.999):.1g} of their largest, all by at most {rest.max():.1g}; "
            f"{spikes} spikes fall into another step."
        )

    def cuts(self, solver: Solver) -> Iterator[str]:
        """Tell how single steps come nearer the finer they are cut."""
        plan, indices = self.inquiry.plan, solver.populations
        cuts = [n for n in (1, FINE, FINER) if n <= solver.parts]
        cut = [replace(solver, parts=n, reset_within=False).applied(plan) for n in cuts]
        offs = ", ".join(f"{self.off(p, indices):.1g}" for p in cut)
        unlike = ", ".join(str(self.unlike(p, indices)[0]) for p in cut)
        parts = ", ".join(map(str, cuts))
        yield (
            f"Single steps of rk4 cut into {parts} parts are off by {offs} of the largest values "
            f"(99 % of all values), and {unlike} spikes fall into another step: the finer ours, "
            "the nearer to theirs, as where steps are adaptive."
        )
        if solver.reset_within:
            told = [
                self.at_spikes(replace(solver, reset_within=within).applied(plan), indices)
                for within in (False, True)
            ]
            yield (
                f"In steps with a spike, states are off by {told[0]:.1g} with the reset at the end "
                f"of the step, and by {told[1]:.1g} with it after the part that crosses the "
                "threshold."
            )

    def on_top_of(self, solver: Solver, hypothesis: Hypothesis) -> str:
        """Tell what finer steps do beside another cause."""
        plan, wiring = hypothesis.change(self.inquiry.plan), hypothesis.wiring
        now = self.off(plan, solver.populations, wiring)
        then = self.off(solver.applied(plan), solver.populations, wiring)
        return (
            f"The two sides differ by their integrator as well: with {solver} single steps of our "
            f"core come {now / max(then, 1e-300):.3g} times nearer, this change made. It was "
            "looked for on top of that."
        )

    # --- what is left ---------------------------------------------------------------------

    def off(self, plan: Plan, indices: tuple[int, ...], wiring: bool = False) -> float:
        """What is left of most steps in which no neuron fires, as parts of the largest values."""
        rest = self.remainders(plan, indices, wiring=wiring)
        return float(np.quantile(rest, TYPICAL)) if rest.size else 0.0

    def at_spikes(self, plan: Plan, indices: tuple[int, ...]) -> float:
        """What is left, at most, of the steps in which a neuron fires on both sides."""
        found = [0.0]
        for k, redone, _ in self._redone(plan, indices):
            both = redone.fired & redone.fires
            found += [float(np.abs(r[both]).max(initial=0)) for r in self._scaled(k, redone)]
        return max(found)

    def unlike(self, plan: Plan, indices: tuple[int, ...]) -> tuple[int, int]:
        """How many spikes fall into another step, and how many there are."""
        unlike = total = 0
        for _, redone, _ in self._redone(plan, indices):
            unlike += int((redone.fires != redone.fired).sum())
            total += int(redone.fired.sum())
        return unlike, total

    def remainders(
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
