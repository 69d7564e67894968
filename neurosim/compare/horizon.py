"""For how long single spikes of a network can be told at all: its own horizon."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

import numpy as np

from neurosim.backend import Options, whole_steps
from neurosim.describe.network import Network
from neurosim.engine.clock import Engine, Recorded
from neurosim.lower.lowering import lower
from neurosim.lower.plan import Floats, Plan, PlanPopulation, PlanRecorder

HORIZON_SIZE = {"double": 1e-15, "single": 5e-7}
"""Relative perturbation of the initial states of the copies that tell the horizon, by precision:
a few roundings."""

PIECE = 50.0
"""Length of the pieces [ms] between which copies are compared."""


@dataclass(frozen=True, kw_only=True)
class Horizon:
    """When copies of a network that differ by rounding at t = 0 fire their first other spike.

    Attributes
    ----------
    size : float
        Relative perturbation of every initial state.
    duration : float
        How long the copies ran [ms].
    times : tuple of float or None
        First spike of each copy that differs from the unperturbed network [ms]; None where none
        does.
    """

    size: float
    duration: float
    times: tuple[float | None, ...]

    @property
    def first(self) -> float | None:
        """The earliest of `times`; None where no copy ever differed."""
        return min((t for t in self.times if t is not None), default=None)

    @property
    def median(self) -> float | None:
        """The median, copies that never differed counted as later than all; None if it is such."""
        ordered = sorted(np.inf if t is None else t for t in self.times)
        middle = ordered[len(ordered) // 2]
        return None if np.isinf(middle) else float(middle)

    def __str__(self) -> str:
        if self.first is None:
            return f"no spike differs within {self.duration:g} ms"
        median = "beyond" if self.median is None else f"{self.median:g} ms"
        return f"first at {self.first:g} ms, median {median} ({len(self.times)} copies)"


def horizon(
    network: Network,
    duration: float,
    options: Options,
    *,
    size: float | None = None,
    copies: int = 3,
) -> Horizon:
    """Run perturbed copies of a network on our own core until each fires another spike.

    Every initial state x of every neuron becomes x + s size |x|, with a sign s drawn for the copy,
    population, state and neuron; where x is 0, |x| is the largest of the state's values in the
    population, or 1 in its unit where all are 0.

    Parameters
    ----------
    network : Network
    duration : float
        At most this long [ms].
    options : Options
        Step, precision and trial.
    size : float, optional
        Relative size of the perturbation; left out, a few roundings, `HORIZON_SIZE`.
    copies : int
        Number of copies.
    """
    n_steps = whole_steps(duration, options.dt, "horizon: duration")
    size = HORIZON_SIZE[options.precision] if size is None else size
    plan = spikes_only(lower(network, options.dt))
    found = first_deviations(plan, [perturbed(plan, size, k) for k in range(copies)],
                             n_steps, options)  # fmt: skip
    times = tuple(None if label is None else label * options.dt for label in found)
    return Horizon(size=size, duration=n_steps * options.dt, times=times)


def first_deviations(
    plan: Plan, others: list[Plan], n_steps: int, options: Options
) -> list[int | None]:
    """Return for each of `others` the label of its first spike that differs from `plan`'s."""
    reference = make_engine(plan, options)
    engines: dict[int, Engine] = {k: make_engine(p, options) for k, p in enumerate(others)}
    found: list[int | None] = [None] * len(others)
    piece = max(1, round(PIECE / plan.dt))
    while engines and reference.step < n_steps:
        length = min(piece, n_steps - reference.step)
        expected = advance(reference, length)
        for k in list(engines):
            got = advance(engines[k], length)
            n = min(expected.ids.size, got.ids.size)
            same = (expected.ids[:n] == got.ids[:n]) & (expected.labels[:n] == got.labels[:n])
            if same.all() and expected.ids.size == got.ids.size:
                continue
            at = n if same.all() else int(np.argmin(same))
            found[k] = min(int(r.labels[at]) for r in (expected, got) if at < r.labels.size)
            del engines[k]
    return found


def spikes_only(plan: Plan) -> Plan:
    """Return the plan with all spikes recorded, and nothing else."""
    firing = [
        p
        for p in plan.populations
        if p.source is not None
        or (p.spec is not None and (p.spec.threshold is not None or p.spec.hazard is not None))
    ]
    recorders = tuple(
        PlanRecorder(k, p.index, np.arange(p.offset, p.offset + p.size), "spikes", 1)
        for k, p in enumerate(firing)
    )
    return replace(plan, recorders=recorders)


def perturbed(plan: Plan, size: float, copy: int) -> Plan:
    """Return the plan with every initial state changed by a part `size`, up or down.

    Relays are left as they are: what they hold are numbers of spikes, which no simulator rounds.
    """
    populations = []
    for p in plan.populations:
        if relays(p):
            populations.append(p)
            continue
        initial = {}
        for state, value in p.initial.items():
            row: Floats = np.broadcast_to(np.asarray(value, np.float64), p.size).copy()
            scale = np.abs(row)
            scale[scale == 0] = scale.max(initial=0.0) or 1.0
            initial[state] = row + size * signs(copy, p.name, state, p.size) * scale
        populations.append(replace(p, initial=initial))
    return replace(plan, populations=tuple(populations))


def relays(population: PlanPopulation) -> bool:
    """Whether neurons count what arrives and pass it on, and have no state that can be rounded."""
    return population.spec is not None and population.spec.multiplicity is not None


def signs(copy: int, population: str, state: str, n: int) -> Floats:
    """Return n signs that belong to these words: (n,) of -1.0 and 1.0."""
    digest = hashlib.sha256(repr((copy, population, state)).encode()).digest()
    random = np.random.Generator(np.random.Philox(key=int.from_bytes(digest[:16], "little")))
    return np.asarray(random.integers(0, 2, n) * 2.0 - 1.0, np.float64)


def advance(engine: Engine, n_steps: int) -> Recorded:
    """Run an engine on; a Ctrl-C, which it takes for the end of a run, goes on from here."""
    recorded = engine.run(n_steps)
    if engine.interrupted:
        raise KeyboardInterrupt
    return recorded


def make_engine(plan: Plan, options: Options) -> Engine:
    """Return our core with a plan, as options say."""
    return Engine(
        plan, threads=options.threads, precision=options.precision,
        synapse_format=options.synapse_format, trial=options.trial,
    )  # fmt: skip
