"""One step in several stages: what lets a whole network be advanced by one Runge-Kutta method.

The programs of `methods` take a step at once, with what others send held over it. Here it is cut at
the stages of the method: each leaves in the states the point at which the next slopes are taken,
and what is coupled is read again there. Beside the states stand sums of what is known already.

==========  =====================================================================================
heun        explicit trapezoidal rule, order 2; with noise stochastic Heun (Stratonovich): the same
            rule for the increment f dt + b dW (Kloeden & Platen 1992, section 15.1)
rk4         the classical Runge-Kutta method, order 4, without noise
==========  =====================================================================================
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import sympy

from neurosim.equations.constants import Constants
from neurosim.equations.programs import Names, ProgramBuilder
from neurosim.equations.spec import Assignment, ModelSpec
from neurosim.equations.symbolic import symbol
from neurosim.equations.systems import DT

STAGES: Mapping[str, tuple[float, ...]] = MappingProxyType(
    {"heun": (0.0, 1.0), "rk4": (0.0, 0.5, 0.5, 1.0)}
)
"""Integrator -> at which parts of the step its slopes are taken."""

ORDER: Mapping[str, int] = MappingProxyType({"heun": 2, "rk4": 4})


@dataclass(frozen=True)
class _Key:
    """What the programs of a model depend on; the rest of a spec is its name and values."""

    text: str
    integrator: str
    spec: ModelSpec = field(compare=False)


@dataclass(frozen=True)
class _Programs:
    sums: tuple[str, ...]
    lines: tuple[tuple[Assignment, ...], ...]
    next_names: tuple[Mapping[str, str], ...]
    n_normals: int
    constants: Constants
    constant_names: tuple[str, ...]


def staged(spec: ModelSpec, integrator: str) -> tuple[ModelSpec, ...]:
    """Return a model as one spec for each stage.

    Parameters
    ----------
    spec : ModelSpec
        Of a model that does not fire and has no refractory time and no pulses; with noise for
        "heun" only.
    integrator : {"heun", "rk4"}

    Returns
    -------
    tuple of ModelSpec
        They share states, further states for sums among them, and constants. Arrivals are added in
        the last.
    """
    made = _programs(_Key(spec.source_text, integrator, spec))
    states = (*spec.states, *made.sums)
    last = len(made.lines) - 1
    return tuple(
        replace(
            spec,
            states=states,
            units={**spec.units, **dict.fromkeys(made.sums, "1")},
            initial={**spec.initial, **dict.fromkeys(made.sums, 0.0)},
            receptors=spec.receptors if stage == last else (),
            program=lines,
            next_names={**{state: state for state in states}, **made.next_names[stage]},
            n_normals=made.n_normals,
            method=integrator,
            constant_names=made.constant_names,
            constants_function=made.constants,
        )
        for stage, lines in enumerate(made.lines)
    )


@lru_cache(maxsize=256)
def _programs(key: _Key) -> _Programs:
    spec, heun = key.spec, key.integrator == "heun"
    moving = [line.name for line in spec.derivatives]
    slope = {line.name: line.expression for line in spec.derivatives}
    sources = list(dict.fromkeys(xi for state in moving for xi in spec.noise.get(state, {})))
    names = Names(
        {"I_injected", "dt", "active", *spec.states, *spec.parameters}
        | {c.symbol for c in spec.couplings}
        | {r.target for r in spec.receptors}
        | {f"normal_{k}" for k in range(len(sources))}
    )
    static = frozenset(symbol(name) for name in spec.parameters) | {DT}
    builder = ProgramBuilder(names, static)
    start = {} if heun else {s: names.fresh(f"{s}_start") for s in moving}
    total = {s: names.fresh(f"{s}_sum") for s in moving}

    def increment(state: str) -> Any:
        kicks = [
            factor * sympy.sqrt(DT) * symbol(f"normal_{sources.index(xi)}")
            for xi, factor in spec.noise.get(state, {}).items()
        ]
        return sympy.Add(DT * slope[state], *kicks)

    def written(values: Mapping[str, Any]) -> tuple[tuple[Assignment, ...], dict[str, str]]:
        """Return a program that gives states these values, and what it calls them."""
        called = {state: names.fresh(f"{state}_next") for state in values}
        lines = [(called[state], value) for state, value in values.items()]
        return builder.build(lines), called

    programs = []
    if heun:
        first: dict[str, Any] = {}
        second: dict[str, Any] = {}
        for s in moving:
            x, step = symbol(s), increment(s)
            first |= {s: x + step, total[s]: x + step / 2}
            second[s] = symbol(total[s]) + step / 2
        programs = [written(first), written(second)]
    else:
        sixth, third, half = (sympy.Rational(1, k) for k in (6, 3, 2))
        for stage, (weight, reach) in enumerate(
            [(sixth, half), (third, half), (third, sympy.S.One), (sixth, None)]
        ):
            values: dict[str, Any] = {}
            for s in moving:
                k = DT * slope[s]
                origin = symbol(s) if stage == 0 else symbol(start[s])
                so_far = symbol(s) if stage == 0 else symbol(total[s])
                if reach is None:
                    values[s] = so_far + weight * k
                    continue
                values |= {s: origin + reach * k, total[s]: so_far + weight * k}
                if stage == 0:
                    values[start[s]] = symbol(s)
            programs.append(written(values))
    direct = tuple((name, expression) for expression, name in builder.constants.items())
    return _Programs(
        sums=(*start.values(), *total.values()),
        lines=tuple(lines for lines, _ in programs),
        next_names=tuple(called for _, called in programs),
        n_normals=len(sources),
        constants=Constants(direct),
        constant_names=tuple(name for name, _ in direct),
    )
