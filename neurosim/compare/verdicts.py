"""What a certificate holds: tiers by backend and population, and what was found on each backend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from neurosim.compare.adoption import Adoption
from neurosim.compare.diagnosis import Cause
from neurosim.compare.explain import Finding
from neurosim.compare.horizon import Horizon
from neurosim.compare.lockstep import Lockstep
from neurosim.compare.statistics import Statistics
from neurosim.errors import UnknownNameError


class Tier(StrEnum):
    """How far two backends agree; `Certificate.tier` of several is the worst of theirs."""

    BIT_EXACT = "bit-exact"
    SAME_SPIKES = "same spikes on the grid"
    EQUIVALENT = "statistically equivalent"
    UNDECIDED = "undecided"
    DIFFERENT = "different"
    REFUSED = "refused"

    @property
    def agrees(self) -> bool:
        """Whether it is statistically equivalent or better."""
        return self in (Tier.BIT_EXACT, Tier.SAME_SPIKES, Tier.EQUIVALENT)


def worst(tiers: Sequence[Tier]) -> Tier:
    """Return the worst of some tiers."""
    order = list(Tier)
    return max(tiers, key=order.index)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What one backend reaches on one population.

    Attributes
    ----------
    backend, population : str
    size : int
        Number of neurons.
    tier : Tier
    why : str
        What decided it.
    statistics : Statistics or None
        Where the tier was decided by statistics, or these were asked for.
    """

    backend: str
    population: str
    size: int
    tier: Tier
    why: str
    statistics: Statistics | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Excerpt:
    """A state of the neuron whose spike differs first, on both sides around that spike.

    Attributes
    ----------
    population : str
    neuron : int
    variable, unit : str
    times : tuple of float
        [ms].
    ours, theirs : tuple of float
        In `unit`.
    """

    population: str
    neuron: int
    variable: str
    unit: str
    times: tuple[float, ...]
    ours: tuple[float, ...]
    theirs: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """The distribution of a measure over neurons (or pairs), as quantiles at equal steps.

    Attributes
    ----------
    backend, population, measure : str
    lowest, middle, highest : tuple of float
        Quantiles: the smallest, the median and the largest over the trials.
    """

    backend: str
    population: str
    measure: str
    lowest: tuple[float, ...]
    middle: tuple[float, ...]
    highest: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was found on one backend.

    Attributes
    ----------
    backend, title : str
        Name, and what it is.
    problem : str
        Why it did not run; "" where it did.
    findings : tuple of Finding
        What it approximates or refuses.
    lockstep : Lockstep or None
        The comparison spike by spike and state by state; None where it did not run.
    cause : Cause or None
        Why it differs, confirmed by experiment; None where nothing differs or nothing was found.
    looked_for_cause : bool
    tried : tuple of str
        What was tried where no cause was confirmed, and why it was not it.
    tried_kinds : mapping of str to int
        Class of hypothesis -> how many of it were tried then.
    untried : mapping of str to int
        Class of hypothesis -> how many of it were not, as the search had taken as long as it may;
        0 where they were not even listed.
    adoption : Adoption or None
        The statistics with the cause put into our core; None where no population is different, or
        no cause is known.
    excerpt : Excerpt or None
    provenance : mapping
        Of its run: versions, options, approximations.
    seconds : float
        Time it took.
    """

    backend: str
    title: str
    problem: str = ""
    findings: tuple[Finding, ...] = ()
    lockstep: Lockstep | None = None
    cause: Cause | None = None
    looked_for_cause: bool = False
    tried: tuple[str, ...] = ()
    tried_kinds: Mapping[str, int] = field(default_factory=dict)
    untried: Mapping[str, int] = field(default_factory=dict)
    adoption: Adoption | None = None
    excerpt: Excerpt | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdicts:
    """How far backends agree on one network: what `Certificate` prints and files.

    Attributes
    ----------
    network : str
        Its name.
    duration, dt : float
        [ms].
    reference : str
        The backend that the others are compared with.
    rows : tuple of Row
        One per backend and population of neurons.
    reports : tuple of Report
        One per backend, the reference left out.
    horizon : Horizon or None
        For how long single spikes of this network can be told at all; None where no backend ran.
    level : float
        Probability that a backend is called different on any population although it is not.
    resolution : float
        Relative shift of a population's rate that must be detectable to call it equivalent.
    trials : (int, int)
        Trials of the reference and of each other backend for statistics; (0, 0) without.
    varied : str
        In what the trials differ.
    curves : tuple of Curve
        Distributions, for figures.
    provenance : mapping
        Network hash, seed, options, versions of the reference, date.
    interrupted : bool
        Whether it was broken off (Ctrl-C): what was not reached is undecided.
    """

    network: str
    duration: float
    dt: float
    reference: str
    rows: tuple[Row, ...]
    reports: tuple[Report, ...]
    horizon: Horizon | None
    level: float
    resolution: float
    trials: tuple[int, int]
    varied: str
    curves: tuple[Curve, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)
    interrupted: bool = False

    @property
    def backends(self) -> tuple[str, ...]:
        """Names of the backends that were compared with the reference."""
        return tuple(report.backend for report in self.reports)

    def tier(self, backend: str | None = None, population: str | None = None) -> Tier:
        """Return the tier of a backend on a population: the worst of all where one is left out."""
        if backend is not None:
            self.report(backend)
        found = [
            row
            for row in self.rows
            if backend in (None, row.backend) and population in (None, row.population)
        ]
        if not found:
            known = dict.fromkeys(row.population for row in self.rows)
            raise UnknownNameError("Certificate.tier: population", population, known)
        return worst([row.tier for row in found])

    def report(self, backend: str) -> Report:
        """Return what was found on one backend."""
        for report in self.reports:
            if report.backend == backend:
                return report
        raise UnknownNameError("Certificate: backend", backend, self.backends)

    @property
    def same_until(self) -> dict[str, float | None]:
        """Backend -> time until which all spikes are the same [ms]; None where it did not run."""
        return {
            r.backend: None if r.lockstep is None else r.lockstep.same_until for r in self.reports
        }

    @property
    def cause(self) -> dict[str, Cause | None]:
        """Backend -> why it differs, confirmed by experiment; None where there is nothing."""
        return {report.backend: report.cause for report in self.reports}

    @property
    def agrees(self) -> bool:
        """Whether all rows are statistically equivalent or better."""
        return all(row.tier.agrees for row in self.rows)

    @property
    def headline(self) -> str:
        """Network, duration and reference in a line."""
        return (
            f"Network {self.network!r}, {self.duration:g} ms at dt = {self.dt:g} ms, "
            f"compared with '{self.reference}'" + (", interrupted" if self.interrupted else "")
        )
