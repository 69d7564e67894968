"""Statistics once more, with the cause of a difference put into our core.

A cause is confirmed on single spikes. Whether it is what makes rates, CVs and correlations differ
is another question: a simulator may do two things otherwise, and the second be seen in the long run
only. So trials of our core that does what the cause says are compared with the other side's.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from neurosim.compare.statistics import Sample, Statistics, compare_trials, sample
from neurosim.compare.trials import Ensemble
from neurosim.errors import NeurosimError
from neurosim.lower.plan import Plan

PATIENCE = 120.0
"""These trials may take so many seconds; or as long as the certificate took before them."""

NO_CHANGE = "{} is no change of the network that our core could run with"
"""Why a cause is not put into our core."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Adoption:
    """What the statistics say where our core does what the cause says.

    Attributes
    ----------
    statistics : mapping of str to Statistics
        By population: the other side beside our core with the cause.
    vanished : tuple of str
        Populations that differ without the cause, and are not told apart with it.
    remaining : tuple of str
        Populations that differ all the same.
    arising : tuple of str
        Populations that differ with the cause only.
    problem : str
        Why this was not done; "" where it was.
    """

    statistics: Mapping[str, Statistics] = field(default_factory=dict)
    vanished: tuple[str, ...] = ()
    remaining: tuple[str, ...] = ()
    arising: tuple[str, ...] = ()
    problem: str = ""

    @property
    def explains_all(self) -> bool:
        """Whether no population is told apart any more."""
        return bool(self.vanished) and not self.remaining and not self.arising


def adopt(
    change: Callable[[Plan], Plan],
    ensemble: Ensemble,
    n_trials: int,
    theirs: Mapping[str, Sequence[Sample]],
    different: Sequence[str],
    *,
    level: float,
    resolution: float,
    seconds: float,
    say: Callable[[str], None],
) -> Adoption:
    """Compare trials of our core, changed, with trials of the other side that were run before.

    Parameters
    ----------
    change : callable
        Plan -> Plan: what the cause says.
    ensemble : Ensemble
        The trials.
    n_trials : int
        As many as the reference had: trials 0, 1, ...
    theirs : mapping of str to sequence of Sample
        Of all populations that were compared.
    different : sequence of str
        Populations that were told apart.
    level, resolution : float
        As in `compare_trials`.
    seconds : float
        How long all took that was done before; what takes longer is left.
    say : callable
        Shows what is being done.
    """
    samples: dict[str, list[Sample]] = {name: [] for name in theirs}
    limit = max(PATIENCE, seconds)
    began = time.perf_counter()
    for k in range(n_trials):
        say(f"cpu with the cause: trial {k + 1} of {n_trials}")
        started = time.perf_counter()
        try:
            run = ensemble.run_changed(change, k)
        except NeurosimError as error:
            return Adoption(problem=f"our core does not run with it: {error}")
        for name, found in samples.items():
            found.append(sample(run.spikes[name]))
        now = time.perf_counter()
        left = (now - started) * (n_trials - k - 1)
        # The first trial compiles.
        if now - began + (left if k else 0.0) > limit:
            minutes = (now - began + left) / 60
            return Adoption(
                problem=f"{n_trials} trials with it would take about {minutes:.2g} min, more than "
                "all that was done before"
            )
    made = compare_trials(samples, theirs, level=level, resolution=resolution)
    now_different = [name for name, s in made.items() if s.verdict == "different"]
    return Adoption(
        statistics=made,
        vanished=tuple(name for name in different if name not in now_different),
        remaining=tuple(name for name in different if name in now_different),
        arising=tuple(name for name in now_different if name not in different),
    )
