"""What was found, in sentences, for terminals and pages alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from neurosim.compare.adoption import Adoption
from neurosim.compare.horizon import Horizon
from neurosim.compare.lockstep import Lockstep, StateDifference
from neurosim.compare.statistics import POWER, Statistics
from neurosim.compare.verdicts import Report, Row, Verdicts

MOST_TOLD = 8
"""Where more was tried than this, single hypotheses are told by their number only."""


LEVELS = {
    "approximated": "Approximated",
    "refused": "Refused",
    "rounded": "Rounded on both sides alike",
}
"""What a backend does otherwise than described, and what is no difference of the two sides."""


def method_told(certificate: Verdicts) -> Iterator[str]:
    """Yield the horizon of the network and how the statistics were made, in sentences."""
    c = certificate
    if c.horizon is not None:
        h = c.horizon
        text = (
            f"Horizon of the network: {_horizon_text(h)}. It is the time of the first other spike "
            f"of copies on {c.reference} whose initial states were changed by {h.size:g} of their "
            "value"
        )
        later = "; after it, single spikes of two simulators say nothing about either"
        yield text + ("." if h.first is None else f"{later}.")
    if c.interrupted:
        yield "This comparison was interrupted: what was not reached by then is undecided."
    if c.trials == (0, 0):
        return
    yield (
        f"Statistics: {c.trials[0]} trials of {c.reference} and {c.trials[1]} of the other "
        f"({c.varied}). Permutation tests of the Kolmogorov-Smirnov distances of trials; "
        f"probability {c.level:g} that a backend is called different although it is not, over "
        f"all its tests together (Holm: {_tests_told(c)}). The smallest shift is the shift of a "
        f"population's rate that is seen with a power of {100 * POWER:g} % at the strictest of "
        "these levels."
    )
    for row in c.rows:
        if row.statistics is not None and row.statistics.left_out:
            reasons = "; ".join(f"{m} ({why})" for m, why in row.statistics.left_out.items())
            yield f"Not compared on {row.backend}, population {row.population!r}: {reasons}."


def _tests_told(c: Verdicts) -> str:
    numbers = {
        backend: sum(
            len(r.statistics.comparisons)
            for r in c.rows
            if r.backend == backend and r.statistics is not None
        )
        for backend in c.backends
    }
    return ", ".join(
        f"{n} test{'s' * (n != 1)} on {b}, the strictest at {c.level / n:.2g}"
        for b, n in numbers.items()
        if n
    )


def told(report: Report, horizon: Horizon | None, *, states: bool = True) -> Iterator[str]:
    """Yield what was found on one backend, in sentences; with or without the states."""
    if report.problem and not refusal_told(report):
        yield report.problem
    if report.lockstep is not None:
        yield from _spikes_told(report.lockstep, horizon, states)
        yield from _states_told(report.lockstep, states)
    if report.cause is not None:
        yield f"{report.cause.heading}: {report.cause.text}"
        if report.cause.accounts:
            yield f"    {report.cause.accounts}"
        yield from (
            f"    Not to be told apart from it on this network: {other.text}"
            for other in report.cause.alternatives
        )
        yield from (f"    {line}" for line in report.cause.evidence)
        if report.adoption is not None:
            yield adoption_told(report.adoption)
    elif report.looked_for_cause:
        so_far = ", before the time for it was over" if report.untried else ""
        yield f"Cause: none of the hypotheses was confirmed by a controlled re-run{so_far}."
        yield from (f"    {line}" for line in _tried_told(report))
        if any(f.level == "approximated" for f in report.findings):
            yield "    It may be what is approximated, see below: our core cannot do all of that."
    if report.untried:
        kinds = ", ".join(f"{kind} ({n})" if n else kind for kind, n in report.untried.items())
        yield f"    Not tried, as the search had taken as long as it may (patience=): {kinds}."
    for level, words in LEVELS.items():
        parts: dict[tuple[str, str, str, str], list[str]] = {}
        for f in report.findings:
            if f.level == level:
                parts.setdefault((f.title, f.how, f.bound, f.nearest), []).append(f.part)
        for (title, how, bound, nearest), where in parts.items():
            how = how.removeprefix("rounded ") if level == "rounded" else how
            text = f"{words}: {parts_told(where)}, {title}: {how}"
            text += f"; off by {bound}" if bound else ""
            text += f". Nearest that works: {nearest}" if nearest else ""
            yield text.rstrip(".") + "."


def adoption_told(adoption: Adoption) -> str:
    """Return what the statistics say with the cause in our core."""
    if adoption.problem:
        return f"Statistics were not repeated with this cause in our core: {adoption.problem}."

    def named(populations: Sequence[str]) -> str:
        return parts_told([f"Population {name!r}" for name in populations])

    def why(populations: Sequence[str]) -> str:
        return "; ".join(f"{name!r}: {adoption.statistics[name].reason}" for name in populations)

    told = []
    if adoption.vanished:
        rates = ", ".join(
            f"{name!r}: {s.other_rate:.4g} against {s.rate:.4g} Hz{_seen(s)}"
            for name, s in adoption.statistics.items()
            if name in adoption.vanished
        )
        told.append(f"{named(adoption.vanished)} can no longer be told apart ({rates})")
    if adoption.remaining:
        told.append(
            f"{named(adoption.remaining)} still differ{'s' * (len(adoption.remaining) == 1)} "
            f"({why(adoption.remaining)})"
        )
    if adoption.arising:
        told.append(
            f"{named(adoption.arising)} differ{'s' * (len(adoption.arising) == 1)} with it only "
            f"({why(adoption.arising)})"
        )
    end = (
        "it is confirmed for the statistics, too"
        if adoption.explains_all
        else "it is not all that the two sides do otherwise"
    )
    return f"Statistics repeated with this cause in our core: {'; '.join(told)}. So {end}."


def _seen(s: Statistics) -> str:
    if s.detectable is None or not s.rate > 0:
        return ""
    return f", and a shift of {100 * s.detectable / s.rate:.2g} % would have been seen"


def refusal_told(report: Report) -> bool:
    """Whether what keeps a backend from running is among its findings, which are told in full."""
    return any(
        f.level == "refused" and report.problem.startswith(f"{f.part}, {f.title}: {f.how}")
        for f in report.findings
    )


def why_told(row: Row, reports: Sequence[Report]) -> str:
    """Return the last column of a row: of a refusal that is told in full below only what it is."""
    for report in reports:
        if report.backend == row.backend and row.why == report.problem and refusal_told(report):
            titles = dict.fromkeys(f.title for f in report.findings if f.level == "refused")
            return f"no form of {'; '.join(titles)}: see below"
    return row.why


def parts_told(parts: Sequence[str]) -> str:
    """Return parts of a network with the word before their names once.

    >>> parts_told(["Population 'exc'", "Population 'inh'", "Projection 'p'"])
    "Populations 'exc', 'inh', Projection 'p'"
    """
    names: dict[str, list[str]] = {}
    for part in dict.fromkeys(parts):
        word, _, name = part.partition(" ")
        names.setdefault(word, []).append(name)
    return ", ".join(
        f"{word}{'s' * (len(found) > 1)} {', '.join(found)}".rstrip()
        for word, found in names.items()
    )


def _tried_told(report: Report) -> Iterator[str]:
    """Yield what was tried where no cause was confirmed: how many of each class, and integrators.

    The whole list is in the page and in the JSON.
    """
    if report.tried_kinds:
        kinds = ", ".join(f"{kind} ({n})" for kind, n in report.tried_kinds.items())
        yield f"Tried, and not confirmed: {kinds}."
    few = len(report.tried) <= MOST_TOLD
    yield from (
        line
        for line in report.tried
        if few or not line.startswith(("Leaves steps", "No value of it", "With rk4"))
    )


def _spikes_told(lockstep: Lockstep, horizon: Horizon | None, states: bool) -> Iterator[str]:
    spikes = f"{lockstep.n_spikes:,} spike{'s' * (lockstep.n_spikes != 1)}"
    first = lockstep.first_spike
    if first is None:
        yield f"Same spikes on the grid for all of the {lockstep.duration:g} ms ({spikes})."
        return
    text = f"Same spikes on the grid until {lockstep.same_until:.10g} ms ({spikes})"
    if horizon is not None:
        text += f"; horizon {_horizon_text(horizon)}"
    yield f"{text}."

    yield (
        f"First different spike: neuron {first.neuron} of {first.population!r} "
        f"{_fires(first.ours)} on {lockstep.ours}, {_fires(first.theirs)} on {lockstep.theirs}."
    )
    if states and first.states:
        values = "; ".join(
            f"{name} {ours:.17g} on {lockstep.ours}, {theirs:.17g} on {lockstep.theirs} "
            f"({theirs - ours:+.2g})"
            for name, (ours, theirs) in first.states.items()
        )
        yield f"Just before, at {first.before:.10g} ms: {values}."


def _fires(time: float | None) -> str:
    return "is silent" if time is None else f"fires at {time:.10g} ms"


def _states_told(lockstep: Lockstep, states: bool) -> Iterator[str]:
    if states and lockstep.states:
        bounds = "; ".join(state_text(s) for s in lockstep.states)
        yield f"States {compared_told(lockstep)} differ by at most: {bounds}."
    if lockstep.not_recorded:
        names = ", ".join(f"{v} of {p!r}" for p, v in lockstep.not_recorded)
        yield f"Not recorded by {lockstep.theirs}, so not compared: {names}."


def compared_told(lockstep: Lockstep) -> str:
    """Tell of which neurons states were compared, and up to when."""
    until, of_all = lockstep.same_until, lockstep.states_of_all_until
    if of_all >= until:
        return f"up to {until:.10g} ms"
    n = sum(lockstep.followed.values())
    return f"of all neurons up to {of_all:.10g} ms and of {n:,} of them up to {until:.10g} ms"


def state_text(state: StateDifference) -> str:
    """Return the bound on one state."""
    name = f"{state.variable} of {state.population!r}"
    if state.bit_exact:
        return f"{name} 0 (same bits)"
    unit = "" if state.unit in ("", "1") else f" {state.unit}"
    return f"{name} {state.largest_absolute:.2g}{unit} ({state.largest_relative:.1g} relative)"


def _horizon_text(horizon: Horizon) -> str:
    n = len(horizon.times)
    if horizon.first is None:
        return f"beyond {horizon.duration:g} ms: none of {n} copies fired another spike by then"
    parted = sum(t is not None for t in horizon.times)
    return f"{horizon.first:.10g} ms ({parted} of {n} copies parted within {horizon.duration:g} ms)"


def rates_of(row: Row) -> tuple[str, str]:
    """Return the columns of rates and of the smallest detectable shift."""
    s = row.statistics
    if s is None:
        return "", ""
    if s.detectable is None:
        shift = "none"
    elif s.rate > 0:
        shift = f"{100 * s.detectable / s.rate:.2g} %"
    else:
        shift = f"{s.detectable:.2g} Hz"
    return f"{s.rate:.4g} / {s.other_rate:.4g}", shift
