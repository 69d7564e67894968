"""Continuous networks solved to a tolerance, all populations and their coupling together.

The fixed step of a run reads coupling at its start, which is of first order in dt. Here coupling is
part of the equations, and `scipy.integrate.solve_ivp` chooses its steps by itself: slower per step,
right to a tolerance, and the answer that a run with a small dt comes to.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.describe.network import Network
from neurosim.engine.clock import Recorded
from neurosim.engine.couplings import pair_of
from neurosim.engine.taps import check_recording
from neurosim.equations.evaluate import evaluate
from neurosim.equations.pairs import Pair
from neurosim.errors import DescriptionError, SimulationError, UnknownNameError, UnsupportedError
from neurosim.lower.lowering import lower
from neurosim.lower.plan import Floats, Ints, Plan, PlanCoupling
from neurosim.results import Run
from neurosim.sessions import run_of
from neurosim.units import to_scalar

METHODS = ("RK45", "DOP853", "RK23", "Radau", "BDF", "LSODA")

DEFAULT_DT = 0.1


def solve(
    network: Network, duration: Any, *, method: str = "RK45", rtol: float = 1e-6,
    atol: float = 1e-9, dt: Any = None,
) -> Run:  # fmt: skip
    """Solve a network of continuous units to a tolerance, from its start.

    Parameters
    ----------
    network : Network
        Without spikes, noise, delays and time-dependent input.
    duration : number
        [ms].
    method : {"RK45", "DOP853", "RK23", "Radau", "BDF", "LSODA"}
        Of `scipy.integrate.solve_ivp`; the last three are for stiff equations.
    rtol, atol : float
        Relative and absolute tolerance of the local error.
    dt : number, optional
        Distance of the times at which states are recorded [ms]; by default the step of the network,
        or 0.1. It has no influence on the steps of the solver.

    Returns
    -------
    Run
        As of `neurosim.run`, with the backend "scipy".

    Raises
    ------
    UnsupportedError
        For what only a run with fixed steps can do; names the part.
    SimulationError
        If the solver gives up, or a state leaves the finite numbers.
    """
    if not isinstance(network, Network):
        raise DescriptionError("solve: network", network, "a Network")
    if method not in METHODS:
        raise UnknownNameError("solve: method", method, METHODS)
    for name, value in (("rtol", rtol), ("atol", atol)):
        to_scalar(value, "1", f"solve: {name}", above=0)
    step = DEFAULT_DT if network.dt is None else network.dt
    if dt is not None:
        step = to_scalar(dt, "ms", "solve: dt", above=0)
    total = to_scalar(duration, "ms", "solve: duration", above=0)
    n_steps = round(total / step)
    if n_steps < 1 or abs(n_steps * step - total) > 1e-9 * total:
        raise DescriptionError("solve: duration", duration, f"a multiple of dt, {step:g} ms")
    plan = lower(network, step)
    for part, feature, remedy in unsolvable(plan):
        raise UnsupportedError(
            f"{part}: {feature}", "solve knows continuous equations only", remedy
        )
    check_recording(plan, n_steps, {})
    return _solved(plan, n_steps, method, rtol, atol)


def unsolvable(plan: Plan) -> Iterator[tuple[str, str, str]]:
    """List what is no differential equation without a past: part, feature, remedy."""
    fixed = "ns.run, with its fixed step"
    for p in plan.populations:
        part = f"Population {p.name!r}"
        if p.spec is None:
            yield part, "a source", fixed
        elif p.spec.threshold is not None or p.spec.hazard is not None:
            yield part, "neurons that fire", fixed
        elif p.spec.noise:
            yield part, "noise", fixed
    for projection in plan.projections:
        yield f"Projection {projection.name!r}", "spikes", fixed
    for coupling in plan.couplings:
        if coupling.plasticity is not None:
            yield f"Projection {coupling.name!r}", "plasticity", fixed
        if coupling.delay is not None:
            yield f"Projection {coupling.name!r}", "delays", fixed
    for _ in plan.drives:
        yield "A drive", "spikes", fixed
    for _ in plan.injections:
        yield "An injection", "currents that may change", "the parameter I_e"


class _Slope:
    """The right-hand side of a whole network, on one vector of all states."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.places: dict[tuple[int, str], slice] = {}
        at = 0
        for p in plan.populations:
            assert p.spec is not None
            for state in p.spec.states:
                self.places[p.index, state] = slice(at, at + p.size)
                at += p.size
        self.size = at
        self.sums = [made for c in plan.couplings for made in _sums(plan, c)]

    def start(self) -> Floats:
        """Return the initial states: (size,)."""
        x = np.zeros(self.size)
        for p in self.plan.populations:
            for state, value in p.initial.items():
                x[self.places[p.index, state]] = value
        return x

    def __call__(self, t: float, x: Floats) -> Floats:
        """Return dx/dt [1/ms]."""
        inputs: dict[tuple[int, str], Floats] = {}
        for one in self.sums:
            key = one.target, one.inlet
            inputs[key] = inputs.get(key, 0.0) + self._summed(one, x)
        slope = np.zeros(self.size)
        for p in self.plan.populations:
            assert p.spec is not None
            values: dict[str, Any] = {"I_injected": 0.0, "active": 1.0, **p.parameters}
            values |= {r.target: 0.0 for r in p.spec.receptors if r.kind == "pulse"}
            values |= {s: x[self.places[p.index, s]] for s in p.spec.states}
            for inlet in p.spec.couplings:
                values[inlet.symbol] = inputs.get((p.index, inlet.name), 0.0)
            for line in p.spec.derivatives:
                slope[self.places[p.index, line.name]] = evaluate(line.expression, values)
        return slope

    def _summed(self, one: _Sum, x: Floats) -> Floats:
        """Return what a coupling brings to every neuron of a population: (size,)."""
        size = self.plan.populations[one.target].size
        sums = np.zeros(size)
        for part in one.parts:
            values: dict[str, Any] = dict(part.parameters)
            for state in one.pair.pre:
                values[f"{state}_pre"] = x[self.places[part.source, state]][part.pre]
            for state in one.pair.post:
                values[f"{state}_post"] = x[self.places[one.target, state]][part.post]
            terms = part.weight * evaluate(one.pair.expression, values)
            sums += np.bincount(part.post, terms, size)
        if one.pair.total is not None:
            made = evaluate(one.pair.total, {**one.parameters, "total": sums})
            sums = np.where(one.reached, made, 0.0)
        return sums


@dataclass(frozen=True, slots=True, kw_only=True)
class _Connections:
    """Connections from one population; `pre` and `post` count within theirs."""

    source: int
    pre: Ints
    post: Ints
    weight: Floats
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sum:
    """What one coupling brings to an inlet of one population.

    `reached` marks the neurons of the post view, with connections or without: (size,) bool.
    """

    target: int
    inlet: str
    pair: Pair
    parts: Sequence[_Connections]
    parameters: Mapping[str, Any]
    reached: NDArray[np.bool_]


def _sums(plan: Plan, c: PlanCoupling) -> Iterator[_Sum]:
    offsets = np.array([p.offset for p in plan.populations], np.int64)
    sources = np.searchsorted(offsets, c.pre, side="right") - 1
    targets = np.searchsorted(offsets, c.post, side="right") - 1
    for j in np.unique(targets).tolist():
        target = plan.populations[j]
        assert target.spec is not None
        kind = next(inlet.kind for inlet in target.spec.couplings if inlet.name == c.coupling)
        parts = []
        for i in np.unique(sources[targets == j]).tolist():
            chosen = np.flatnonzero((targets == j) & (sources == i))
            parts.append(
                _Connections(
                    source=i,
                    pre=c.pre[chosen] - offsets[i],
                    post=c.post[chosen] - target.offset,
                    weight=c.weight[chosen],
                    parameters={
                        name: np.asarray(value)[chosen] if np.ndim(value) else value
                        for name, value in c.parameters.items()
                    },
                )
            )
        yield _Sum(
            target=j,
            inlet=c.coupling,
            pair=pair_of(c, kind),
            parts=parts,
            parameters=c.parameters,
            reached=np.isin(np.arange(target.offset, target.offset + target.size), c.targets),
        )


def _solved(plan: Plan, n_steps: int, method: str, rtol: float, atol: float) -> Run:
    from scipy.integrate import solve_ivp

    started = time.perf_counter()
    slope = _Slope(plan)
    times = np.arange(n_steps + 1) * plan.dt
    with np.errstate(all="ignore"):
        found = solve_ivp(
            slope, (0.0, times[-1]), slope.start(), method=method, t_eval=times, rtol=rtol,
            atol=atol,
        )  # fmt: skip
    if not found.success or not np.all(np.isfinite(found.y)):
        reached = found.t[-1] if found.t.size else 0.0
        raise SimulationError(
            f"solve: {method} gave up after t = {reached:g} ms: "
            f"{found.message if not found.success else 'a state is not finite.'}"
        )
    samples = {}
    for r in plan.recorders:
        population = plan.populations[r.population]
        rows = found.y[slope.places[population.index, r.variable]][r.ids - population.offset]
        chosen = rows[:, (0 if r.initial else r.every_steps) :: r.every_steps].T
        samples[r.index] = np.ascontiguousarray(
            chosen.mean(axis=1, keepdims=True) if r.reduce == "mean" else chosen
        )
    provenance = {
        "backend": "scipy",
        "seed": plan.seed,
        "trial": 0,
        "network_hash": plan.network_hash,
        "dt": plan.dt,
        "precision": "double",
        "method": method,
        "rtol": rtol,
        "atol": atol,
        "evaluations": int(found.nfev),
        "approximations": [a.told for a in plan.approximations],
        "wall_seconds": {"build": 0.0, "run": time.perf_counter() - started},
        "versions": {
            "python": platform.python_version(),
            **{name: metadata.version(name) for name in ("neurosim-snn", "numpy", "scipy")},
        },
    }
    empty = np.empty(0, np.int64)
    return run_of(plan, Recorded(0, n_steps, empty, empty.astype(np.int32), samples), provenance)
