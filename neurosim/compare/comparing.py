"""The steps of a certificate: spike by spike, statistics, horizon, cause."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from neurosim.backend import Backend, find_backend
from neurosim.capabilities import UnavailableError
from neurosim.compare.adoption import NO_CHANGE, Adoption, adopt
from neurosim.compare.causes import diagnose
from neurosim.compare.certificate import Certificate
from neurosim.compare.diagnosis import Diagnosis
from neurosim.compare.explain import Explanation, explain, further
from neurosim.compare.horizon import Horizon, horizon
from neurosim.compare.lockstep import Lockstep, compare_in_lockstep
from neurosim.compare.observing import whole
from neurosim.compare.request import REFERENCE, Request
from neurosim.compare.sentences import compared_told
from neurosim.compare.statistics import (
    MEASURES,
    Sample,
    Statistics,
    compare_trials,
    sample,
)
from neurosim.compare.trials import Ensemble, find_ensemble, grid_spikes, spikes_of, spiking
from neurosim.compare.verdicts import Curve, Excerpt, Report, Row, Tier
from neurosim.describe.network import Network
from neurosim.errors import (
    ApproximationWarning,
    CapacityError,
    DescriptionError,
    MissingPackageError,
    NeurosimError,
    SimulationError,
    UnsupportedError,
)

AROUND = 10.0
"""How long before and after the first different spike states are shown [ms]."""

FIRST_PIECE = 100.0
"""Length of the first piece [ms] in which populations are looked for that never differ."""

QUANTILES = np.linspace(0, 1, 41)
"""Of the distributions that figures show."""

UNREACHED = "interrupted before that was compared"
"""Of what a Ctrl-C left out."""

REFUSALS = (UnsupportedError, UnavailableError, MissingPackageError, CapacityError)
"""What keeps a backend from running a network at all."""


class Comparison:
    """The steps of one certificate; what several backends need is made once."""

    def __init__(self, request: Request, others: Sequence[Backend], say: Any) -> None:
        self.request = request
        self.others = others
        self.say = say
        self.populations = compared_populations(request.network)
        self._horizon: Horizon | None = None
        self._ensemble: Ensemble | None = None
        self._reference: dict[str, list[Sample]] | None = None
        self._theirs: dict[str, list[Sample]] = {}
        self._diagnosis = Diagnosis()
        self._began = time.perf_counter()
        self._curves: list[Curve] = []
        self._provenances: dict[str, Mapping[str, Any]] = {}
        self._rows_so_far: list[Row] = []
        self._report_so_far: Report | None = None

    def certificate(self) -> Certificate:
        """Compare all backends, one after another; a Ctrl-C ends that, and what was found stays."""
        request = self.request
        rows: list[Row] = []
        reports: list[Report] = []
        interrupted = False
        for other in self.others:
            self._rows_so_far, self._report_so_far = [], None
            self._theirs, self._diagnosis = {}, Diagnosis()
            try:
                if not interrupted:
                    self._rows_so_far, self._report_so_far = self._compare(other)
            except KeyboardInterrupt:
                interrupted = True
            rows += self._rows_so_far or self._none(other, Tier.UNDECIDED, UNREACHED)
            reports.append(self._report_so_far or self._unreached(other))
        tried = any(row.statistics is not None for row in rows)
        return Certificate(
            network=request.network.name,
            duration=request.duration,
            dt=request.options.dt,
            reference=REFERENCE,
            rows=tuple(rows),
            reports=tuple(reports),
            horizon=self._horizon,
            level=request.level,
            resolution=request.resolution,
            trials=request.trials if tried else (0, 0),
            varied=self._ensemble.varied if tried and self._ensemble is not None else "",
            curves=tuple(self._curves),
            provenance=self._provenance(),
            interrupted=interrupted,
        )

    def _unreached(self, other: Backend) -> Report:
        return Report(backend=other.name, title=other.capabilities.title, problem=UNREACHED)

    # --- one backend ------------------------------------------------------------------------

    def _compare(self, other: Backend) -> tuple[list[Row], Report]:
        started = time.perf_counter()
        request = self.request
        explanation = _explained(request, other)
        report = Report(
            backend=other.name,
            title=other.capabilities.title,
            findings=tuple(f for f in explanation.findings if f.level != "passes"),
        )
        problem = explanation.problem or _refusal(explanation)
        if problem:
            return self._none(other, Tier.REFUSED, problem), replace(report, problem=problem)
        self.say(f"{other.name}: spike by spike")
        try:
            with _quiet():
                lockstep = compare_in_lockstep(
                    request.network, REFERENCE, other, request.duration, request.options,
                    approximate=request.options.approximate,
                )  # fmt: skip
        except REFUSALS as error:
            return self._none(other, Tier.REFUSED, str(error)), replace(report, problem=str(error))
        except SimulationError as error:
            self._check_reference()
            return self._none(other, Tier.DIFFERENT, str(error)), replace(
                report, problem=str(error)
            )
        report = self._report_so_far = replace(report, lockstep=lockstep)
        try:
            rows = self._rows(other, lockstep)
        except SimulationError as error:
            self._check_reference()
            return self._none(other, Tier.DIFFERENT, str(error)), replace(
                report, problem=str(error)
            )
        self._rows_so_far = rows
        provenance = self._run_provenance(other)
        # What shows only when numbers are put into the simulator, as values that it does not take.
        more = further(provenance.get("approximations", ()), explanation.findings, "in a run")
        report = replace(report, provenance=provenance, findings=(*report.findings, *more))
        self._report_so_far = report
        self.say("horizon of the network")
        self._need_horizon()
        if not lockstep.bit_exact:
            report = self._report_so_far = self._with_cause(report, other, lockstep)
        if not lockstep.same_spikes:
            self.say(f"{other.name}: states around the first different spike")
            report = replace(report, excerpt=self._excerpt(other, lockstep))
            self._report_so_far = report
            report = replace(report, adoption=self._adoption(rows))
        return rows, replace(report, seconds=time.perf_counter() - started)

    def _none(self, other: Backend, tier: Tier, why: str) -> list[Row]:
        """Return rows that all say the same."""
        return [
            Row(backend=other.name, population=name, size=size, tier=tier, why=why)
            for name, size in self.populations.items()
        ]

    def _rows(self, other: Backend, lockstep: Lockstep) -> list[Row]:
        """Return the rows of a backend that ran."""
        same = self._same_populations(other, lockstep)
        asked = self.request.statistics
        wanted = [name for name in self.populations if asked or name not in same]
        self._rows_so_far = [
            Row(
                backend=other.name, population=name, size=size,
                tier=same[name][0] if name in same else Tier.UNDECIDED,
                why=same[name][1] if name in same else f"spikes differ; {UNREACHED}",
            )
            for name, size in self.populations.items()
        ]  # fmt: skip
        statistics: Mapping[str, Statistics] = {}
        problem = ""
        if wanted and asked is not False:
            try:
                statistics = self._statistics(other, wanted)
            except NeurosimError as error:
                problem = f"trials could not be run: {error}"
        rows = []
        for name, size in self.populations.items():
            found = statistics.get(name)
            if name in same:
                tier, why = same[name]
            elif found is None:
                tier, why = (
                    Tier.UNDECIDED,
                    problem or "spikes differ; statistics were not asked for",
                )
            else:
                tier, why = Tier(_TIERS[found.verdict]), found.reason
            rows.append(
                Row(
                    backend=other.name, population=name, size=size, tier=tier, why=why,
                    statistics=found,
                )
            )  # fmt: skip
        return rows

    def _same_populations(self, other: Backend, lockstep: Lockstep) -> dict[str, tuple[Tier, str]]:
        """Return tier and reason of every population whose spikes are all the same."""
        if not lockstep.same_spikes and len(self.populations) == 1:
            return {}
        self.say(f"{other.name}: the whole run")
        if lockstep.same_spikes:
            same = list(self.populations)
        else:
            same = self._never_differing(other)
        first = lockstep.first_spike
        if first is not None and first.population in same:
            # With everything recorded and in pieces it is another spike than in one run.
            raise SimulationError(
                f"Backend {other.name!r} does not repeat itself: compared step by step, neuron "
                f"{first.neuron} of {first.population!r} differs after {first.before:g} ms, and "
                "in one run it does not"
            )
        if not same:
            return {}
        counts = self._counts()
        found = {}
        for name in same:
            exact = lockstep.same_spikes and _same_bits(lockstep, name)
            tier = Tier.BIT_EXACT if exact else Tier.SAME_SPIKES
            n = counts[name]
            spikes = f"all {n:,} spikes" if n > 1 else "its spike" if n else "no spikes"
            found[name] = (tier, f"{spikes} the same" if n else "no spikes on either side")
            if exact:
                found[name] = (tier, f"{found[name][1]}; all states {_where_compared(lockstep)}"
                               "the same bits")  # fmt: skip
        return found

    def _never_differing(self, other: Backend) -> list[str]:
        """Return the populations whose spikes are the same in the whole run, on both sides.

        Both run in longer and longer pieces, and no further than there are such populations.
        """
        request = self.request
        dt = request.options.dt
        with _quiet():
            sessions = [
                backend.compile(spiking(request.network), request.options)
                for backend in (find_backend(REFERENCE), other)
            ]
        left = list(self.populations)
        n_steps, done, length = round(request.duration / dt), 0, max(1, round(FIRST_PIECE / dt))
        while left and done < n_steps:
            n = min(length, n_steps - done)
            with _quiet():
                ours, theirs = (whole(s.run(n * dt, progress=False)) for s in sessions)
            left = [
                name
                for name in left
                if all(
                    np.array_equal(a, b)
                    for a, b in zip(
                        grid_spikes(ours.spikes[name], dt), grid_spikes(theirs.spikes[name], dt),
                        strict=True,
                    )
                )
            ]  # fmt: skip
            self._provenances[other.name] = theirs.provenance
            done, length = done + n, 2 * length
        return left

    def _counts(self) -> dict[str, int]:
        """Return the number of spikes of every population on the reference."""
        with _quiet():
            run = spikes_of(
                self.request.network, find_backend(REFERENCE), self.request.duration,
                self.request.options, self.request.keep,
            )  # fmt: skip
        return {name: len(run.spikes[name]) for name in self.populations}

    # --- trials -----------------------------------------------------------------------------

    def _statistics(self, other: Backend, names: Sequence[str]) -> dict[str, Statistics]:
        """Run trials of a backend, and of the reference where that was not done yet."""
        request = self.request
        n, m = request.trials
        ensemble = self._need_ensemble()
        if self._reference is None:
            self._reference = self._samples(ensemble, find_backend(REFERENCE), range(n))
            self._keep_curves(REFERENCE, self._reference)
        # No realisation twice: pairs of trials with the same drive would not be exchangeable.
        theirs = self._samples(ensemble, other, range(n, n + m))
        self._theirs = {name: theirs[name] for name in names}
        self._keep_curves(other.name, self._theirs)
        return compare_trials(
            {name: self._reference[name] for name in names},
            self._theirs,
            level=request.level,
            resolution=request.resolution,
        )

    def _need_ensemble(self) -> Ensemble:
        if self._ensemble is None:
            self.say(f"{REFERENCE}: what makes trials differ")
            with _quiet():
                self._ensemble = find_ensemble(
                    self.request.network, find_backend(REFERENCE), self.request.duration,
                    self.request.options, self.request.keep,
                )  # fmt: skip
        return self._ensemble

    def _samples(
        self, ensemble: Ensemble, backend: Backend, numbers: range
    ) -> dict[str, list[Sample]]:
        found: dict[str, list[Sample]] = {name: [] for name in self.populations}
        for k in numbers:
            self.say(f"{backend.name}: trial {k - numbers.start + 1} of {len(numbers)}")
            with _quiet():
                run = ensemble.run(backend, k)
            self._provenances.setdefault(backend.name, run.provenance)
            for name, samples in found.items():
                samples.append(sample(run.spikes[name]))
        return found

    def _keep_curves(self, backend: str, samples: Mapping[str, Sequence[Sample]]) -> None:
        for name, trials in samples.items():
            for measure in MEASURES[1:]:
                values = [s.of(measure) for s in trials]
                if min(v.size for v in values) < 2:
                    continue
                rows = np.array([np.quantile(v, QUANTILES) for v in values])
                self._curves.append(
                    Curve(
                        backend=backend, population=name, measure=measure,
                        lowest=_plain(rows.min(axis=0)), middle=_plain(np.median(rows, axis=0)),
                        highest=_plain(rows.max(axis=0)),
                    )
                )  # fmt: skip

    # --- horizon, cause, excerpt ------------------------------------------------------------

    def _need_horizon(self) -> None:
        if self._horizon is None:
            request = self.request
            self._horizon = horizon(request.network, request.duration, request.options)

    def _with_cause(self, report: Report, other: Backend, lockstep: Lockstep) -> Report:
        if lockstep.same_spikes and lockstep.within_rounding:
            return report
        self.say(f"{other.name}: looking for the cause")
        request = self.request
        with _quiet():
            patience = max(request.patience, time.perf_counter() - self._began)
            found = diagnose(
                request.network, other, request.duration, request.options, lockstep, patience
            )
        self._diagnosis = found
        report = replace(
            report, cause=found.cause, looked_for_cause=True, untried=dict(found.untried)
        )
        if found.cause is not None:
            return report
        return replace(report, tried=tuple(found.tried), tried_kinds=found.kinds)

    def _adoption(self, rows: Sequence[Row]) -> Adoption | None:
        """Repeat the statistics with the cause in our core, where they tell populations apart."""
        different = [
            row.population
            for row in rows
            if row.tier == Tier.DIFFERENT and row.statistics is not None
        ]
        found, request = self._diagnosis, self.request
        if not different or found.cause is None:
            return None
        if found.change is None:
            return Adoption(problem=NO_CHANGE.format(found.cause.kind))
        with _quiet():
            return adopt(
                found.change, self._need_ensemble(), request.trials[0], self._theirs, different,
                level=request.level, resolution=request.resolution,
                seconds=time.perf_counter() - self._began, say=self.say,
            )  # fmt: skip

    def _excerpt(self, other: Backend, lockstep: Lockstep) -> Excerpt | None:
        """Return the first state of the neuron whose spike differs first, around that spike."""
        first = lockstep.first_spike
        if first is None or not first.states:
            return None
        network = self.request.network.copy()
        network._recorders = []
        population = network.populations[first.population]
        variable = next(iter(first.states))
        network.record(population.flat()[first.neuron : first.neuron + 1], variable)
        dt = self.request.options.dt
        steps = round(min(first.before + AROUND, self.request.duration) / dt)
        begin = max(0, round((first.before - AROUND) / dt))
        traces = []
        try:
            for backend in (find_backend(REFERENCE), other):
                with _quiet():
                    session = backend.compile(network, self.request.options)
                    run = whole(session.run(steps * dt, progress=False))
                traces.append(run.states[first.population][variable])
        except NeurosimError:
            return None  # the rows tell what does not run
        ours, theirs = traces
        return Excerpt(
            population=first.population,
            neuron=first.neuron,
            variable=variable,
            unit=ours.unit,
            times=_plain(ours.times[begin:]),
            ours=_plain(ours.array[begin:, 0]),
            theirs=_plain(theirs.array[begin:, 0]),
        )

    # --- provenance -------------------------------------------------------------------------

    def _check_reference(self) -> None:
        """Let what is wrong with the network itself be raised by the reference."""
        with _quiet():
            spikes_of(
                self.request.network, find_backend(REFERENCE), self.request.duration,
                self.request.options, self.request.keep,
            )  # fmt: skip

    def _run_provenance(self, backend: Backend) -> dict[str, Any]:
        """Return how a backend's results come about, from a run that was made, or of one step."""
        if backend.name not in self._provenances:
            with _quiet():
                session = backend.compile(self.request.network, self.request.options)
                run = session.run(self.request.options.dt, progress=False)
            self._provenances[backend.name] = run.provenance
        found = self._provenances[backend.name]
        return {k: v for k, v in found.items() if k not in ("wall_seconds", "interrupted", "trial")}

    def _provenance(self) -> dict[str, Any]:
        request = self.request
        return {
            "network_hash": request.described.content_hash(),
            "seed": request.described.seed,
            "trial": request.options.trial,
            "precision": request.options.precision,
            "approximate": list(request.options.approximate),
            "made": time.strftime("%Y-%m-%d %H:%M:%S %z"),
            "reference": self._run_provenance(find_backend(REFERENCE)),
        }


_TIERS = {
    "equivalent": Tier.EQUIVALENT,
    "different": Tier.DIFFERENT,
    "undecided": Tier.UNDECIDED,
}


def _explained(request: Request, other: Backend) -> Explanation:
    o = request.options
    with _quiet():
        return explain(
            request.network, other, dt=o.dt, approximate=o.approximate, threads=o.threads,
            precision=o.precision, trial=o.trial, synapse_format=o.synapse_format,
        )  # fmt: skip


def _refusal(explanation: Explanation) -> str:
    """Return why a backend refuses a network, or ""."""
    refused = explanation.refused
    if not refused:
        return ""
    first = refused[0]
    more = len({f.part for f in refused}) - 1
    return f"{first.part}, {first.title}: {first.how}" + (f" (and {more} more)" if more else "")


def _same_bits(lockstep: Lockstep, name: str) -> bool:
    states = [s for s in lockstep.states if s.population == name]
    missing = any(population == name for population, _ in lockstep.not_recorded)
    return not missing and all(s.bit_exact for s in states)


def _where_compared(lockstep: Lockstep) -> str:
    """Return of which neurons states were compared, where not of all to the end."""
    if not lockstep.followed:
        return ""
    return f"that were compared ({compared_told(lockstep)}) "


def compared_populations(network: Network) -> dict[str, int]:
    """Return name and size of every population that is compared: neurons that fire.

    Sources are not: what they emit is replayed on all sides.
    """
    found = {
        p.name: p.size
        for p in network.populations.values()
        if p.interface.emits_spikes and not p.interface.is_source
    }
    if not found:
        raise DescriptionError(
            "certify: network",
            network.name,
            "one with neurons that fire: spikes are compared, and those of sources are replayed",
        )
    return found


def _plain(values: Any) -> tuple[float, ...]:
    return tuple(float(v) for v in values)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep approximations from warning run by run: the certificate lists them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ApproximationWarning)
        yield
