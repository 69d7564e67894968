"""Trials: runs of one network that differ as little as makes their spikes differ."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from neurosim.backend import Backend, Options, whole_steps
from neurosim.compare.horizon import advance, make_engine, perturbed
from neurosim.compare.kept import kept_or_made
from neurosim.compare.observing import whole
from neurosim.describe.network import Network
from neurosim.lower.lowering import lower
from neurosim.lower.plan import Ints, Plan
from neurosim.results import Run, SpikeRecord
from neurosim.sessions import run_of

SIZES = (0.0, 1e-9, 1e-6, 1e-3)
"""Relative perturbations of the initial states that are tried, the smallest first."""

LOOKED_AT = 5
"""Trials that must all be different from one another. Where one neuron is all that a perturbation
can move, it moves to one side or the other, and many trials are two."""

SOON = 0.1
"""They should part within this part of a run: what is the same before is counted in all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ensemble:
    """Trials of one network, the same ones on every backend.

    Trial k has realisation k of drive and noise, and initial states perturbed with signs of its
    own; wiring, weights and delays are those of the network.

    Attributes
    ----------
    network : Network
        With spikes recorded, and nothing else.
    duration : float
        [ms].
    options : Options
    size : float
        Relative perturbation; 0 where drive or noise make trials differ.
    driven : bool
        Whether realisations of drive and noise make a difference.
    constant : tuple of str
        Populations that fire and whose spikes are the same in the trials that were looked at.
    keep : Path or None
        Folder of runs that are not made twice.
    """

    network: Network
    duration: float
    options: Options
    size: float
    driven: bool
    constant: tuple[str, ...] = ()
    keep: Path | None = None

    @property
    def varied(self) -> str:
        """In what the trials differ, in words."""
        ways = ["other realisations of drive and noise"] if self.driven else []
        if self.size:
            ways.append(f"initial states changed by {self.size:g} of their value")
        text = " and ".join(ways) or "differing in nothing"
        if self.constant:
            named = ", ".join(map(repr, self.constant))
            text += f"; the spikes of {named} are the same in all, without drive or chaos"
        return text

    def run(self, backend: Backend, k: int) -> Run:
        """Run trial `k`."""
        options = replace(self.options, trial=self.options.trial + k)
        return spikes_of(self.trial_network(k), backend, self.duration, options, self.keep)

    def run_changed(self, change: Callable[[Plan], Plan], k: int) -> Run:
        """Run trial `k` on our core, with its plan changed."""
        options = replace(self.options, trial=self.options.trial + k)
        plan = change(lower(spiking(self.trial_network(k)), options.dt))
        n_steps = whole_steps(self.duration, options.dt, "certify: duration")
        return run_of(plan, advance(make_engine(plan, options), n_steps), {})

    def trial_network(self, k: int) -> Network:
        """Return the network of trial `k`: with its initial states. Trial 0 is as described."""
        if not (self.size and k):
            return self.network
        network = self.network.copy()
        plan = perturbed(lower(network, self.options.dt), self.size, k)
        for population in plan.populations:
            if population.initial:
                values = dict(population.initial)
                network.initialise(network.populations[population.name], **values)
        return network


def find_ensemble(
    network: Network, backend: Backend, duration: float, options: Options, keep: Path | None = None
) -> Ensemble:
    """Return trials that differ soon in every population that fires, and all from one another.

    With the smallest perturbation that does it.

    Parameters
    ----------
    network : Network
    backend : Backend
        The reference, on which this is tried.
    duration : float
        [ms].
    options : Options
    keep : Path, optional
        Folder of runs that are not made twice.
    """
    made = Ensemble(
        network=network, duration=duration, options=options, size=0.0, driven=True, keep=keep
    )
    first = _all_spikes(made.run(backend, 0), options.dt)
    driven = False
    best: tuple[int, int] | None = None
    chosen = made
    for size in SIZES:
        made = replace(made, size=size, driven=driven)
        others = [_all_spikes(made.run(backend, k), options.dt) for k in range(1, LOOKED_AT)]
        if size == 0.0:
            driven = any(
                not np.array_equal(one, two)
                for name in first
                for one, two in zip(first[name], others[0][name], strict=True)
            )
        parting = {
            name: _parting([first[name], *(other[name] for other in others)])
            for name, (labels, _) in first.items()
            if labels.size
        }
        same = tuple(name for name, step in parting.items() if step is None)
        soon = SOON * duration / options.dt
        # Other drive is other from the start, and its trials are independent.
        late = 0 if driven else sum(t is not None and t > soon for t in parting.values())
        made = replace(made, driven=driven, constant=same)
        if best is None or (len(same), late) < best:
            best, chosen = (len(same), late), made
        if not same and not late:
            break
    return chosen


def _parting(trials: list[tuple[Ints, Ints]]) -> int | None:
    """Return the step by which every two trials have parted; None where two are the same."""
    latest = 0
    for k, (labels, ids) in enumerate(trials):
        for others, other_ids in trials[:k]:
            n = min(labels.size, others.size)
            differs = (labels[:n] != others[:n]) | (ids[:n] != other_ids[:n])
            if differs.any():
                at = int(np.argmax(differs))
                latest = max(latest, min(int(labels[at]), int(others[at])))
            elif labels.size == others.size:
                return None
            else:
                latest = max(latest, int((labels if labels.size > n else others)[n]))
    return latest


def spikes_of(
    network: Network, backend: Backend, duration: float, options: Options, keep: Path | None = None
) -> Run:
    """Run a network with the spikes of all its neurons recorded, and nothing else."""
    recording = spiking(network)

    def make() -> Run:
        return whole(backend.compile(recording, options).run(duration, progress=False))

    return kept_or_made(keep, recording, backend, duration, options, make)


def spiking(network: Network) -> Network:
    """Return a copy that records the spikes of all its neurons, and nothing else."""
    copy = network.copy()
    copy._recorders = []
    for population in copy.populations.values():
        if population.interface.emits_spikes and not population.interface.is_source:
            copy.record(population, "spikes")
    return copy


def grid_spikes(record: SpikeRecord, dt: float) -> tuple[Ints, Ints]:
    """Return steps and neurons of all spikes, sorted by both: two arrays (n_spikes,)."""
    labels = np.rint(record.times / dt).astype(np.int64)
    order = np.lexsort((record.ids, labels))
    return labels[order], record.ids[order]


def _all_spikes(run: Run, dt: float) -> dict[str, tuple[Any, Any]]:
    return {name: grid_spikes(record, dt) for name, record in run.spikes.items()}
