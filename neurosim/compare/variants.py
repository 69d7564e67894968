"""Variants of a network: hypotheses about the other side, as changes of the Plan.

Every function returns a new Plan that our own core runs, with one thing different: a number, a
synapse, or a piece of the semantics. Populations and projections are given by their index in
``plan.populations`` and their place in ``plan.projections``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import sympy

from neurosim.describe.currents import ConstantCurrent, StepCurrent
from neurosim.engine.wiring import enumerate_connections
from neurosim.equations.constants import Constants
from neurosim.equations.methods import METHODS, discretise, refusal
from neurosim.equations.programs import Names, ProgramBuilder
from neurosim.equations.spec import Assignment, ModelSpec, Value
from neurosim.equations.symbolic import select, substitute, symbol
from neurosim.equations.systems import DT, Step, System
from neurosim.lower.plan import Floats, Ints, Plan, PlanPopulation, PlanProjection

SEPARATE = "exponential_euler, each equation alone"
"""Exponential Euler that holds all other variables, of closed linear subsystems, too."""


def with_population(plan: Plan, index: int, population: PlanPopulation) -> Plan:
    """Return the plan with one population replaced."""
    changed = list(plan.populations)
    changed[index] = population
    return replace(plan, populations=tuple(changed))


def with_projection(plan: Plan, place: int, projection: PlanProjection) -> Plan:
    """Return the plan with one projection replaced."""
    changed = list(plan.projections)
    changed[place] = projection
    return replace(plan, projections=tuple(changed))


def with_spec(plan: Plan, index: int, **changes: Any) -> Plan:
    """Return the plan with fields of one population's model replaced."""
    population = plan.populations[index]
    assert population.spec is not None
    return with_population(
        plan, index, replace(population, spec=replace(population.spec, **changes))
    )


# --- numbers ------------------------------------------------------------------------------------


def with_parameter(plan: Plan, index: int, name: str, value: Value) -> Plan:
    """Return the plan with another value of a parameter."""
    population = plan.populations[index]
    parameters = {**population.parameters, name: value}
    changed = replace(population, parameters=parameters)
    if population.spec is not None and name == population.spec.refractory:
        steps = np.rint(np.asarray(value) / plan.dt).astype(np.int64)
        changed = replace(changed, refractory_steps=int(steps) if steps.ndim == 0 else steps)
    return with_population(plan, index, changed)


def with_longer_hold(plan: Plan, index: int, n_steps: int) -> Plan:
    """Return the plan with clamped states held for `n_steps` more."""
    population = plan.populations[index]
    assert population.spec is not None
    assert population.spec.refractory is not None
    held = np.maximum(np.asarray(population.refractory_steps) + n_steps, 0) * plan.dt
    return with_parameter(
        plan, index, population.spec.refractory, float(held) if held.ndim == 0 else held
    )


def with_initial(plan: Plan, index: int, states: Mapping[str, Value]) -> Plan:
    """Return the plan with other initial values of some states."""
    population = plan.populations[index]
    return with_population(
        plan, index, replace(population, initial={**population.initial, **states})
    )


# --- semantics ----------------------------------------------------------------------------------

_OTHER_COMPARISON: dict[Any, Any] = {
    sympy.GreaterThan: sympy.StrictGreaterThan,
    sympy.StrictGreaterThan: sympy.GreaterThan,
    sympy.LessThan: sympy.StrictLessThan,
    sympy.StrictLessThan: sympy.LessThan,
}

SIGNS: dict[Any, str] = {
    sympy.GreaterThan: ">=",
    sympy.StrictGreaterThan: ">",
    sympy.LessThan: "<=",
    sympy.StrictLessThan: "<",
}


def other_comparison(spec: ModelSpec) -> Any | None:
    """Return the threshold with > for >= (or the reverse); None where it is no comparison."""
    other = _OTHER_COMPARISON.get(type(spec.threshold))
    return None if other is None else other(*spec.threshold.args, evaluate=False)


def with_other_comparison(plan: Plan, index: int) -> Plan:
    """Return the plan with > for >= in a threshold, or the reverse."""
    spec = plan.populations[index].spec
    assert spec is not None
    return with_spec(plan, index, threshold=other_comparison(spec))


Order = Literal["before_threshold", "before_reset", "after_reset"]


def with_order(plan: Plan, index: int, order: Order) -> Plan:
    """Return the plan with arrivals at another place of the step."""
    return with_spec(plan, index, arrivals=order)


def with_arrivals_while_refractory(plan: Plan, index: int) -> Plan:
    """Return the plan with jumps of clamped states that act on refractory neurons, too."""
    return with_spec(plan, index, refractory_arrivals="added")


# --- integrators --------------------------------------------------------------------------------


def system_of(spec: ModelSpec) -> System:
    """Return a model's differential equations."""
    drift = {line.name: line.expression for line in spec.derivatives}
    noise = {state: dict(spec.noise.get(state, {})) for state in drift}
    static = frozenset(symbol(name) for name in spec.parameters) | {DT}
    read = {
        str(s)
        for expression in (*drift.values(), *(f for n in noise.values() for f in n.values()))
        for s in expression.free_symbols
    }
    inputs = sorted(read - set(drift) - {str(s) for s in static})
    clamped = frozenset(s for s in spec.clamped if s in drift)
    return System(tuple(drift), drift, noise, clamped, tuple(inputs), static)


def methods_for(spec: ModelSpec) -> tuple[str, ...]:
    """Return the methods that could integrate a model, its own left out."""
    system = system_of(spec)
    if not system.states:
        return ()
    # No other simulator advances by semi_implicit.
    others = [m for m in METHODS if m not in (spec.method, "semi_implicit")]
    found = [m for m in others if refusal(system, m) is None]
    if spec.method == "exponential_euler" and any(
        read - {state} for state, read in system.closed_linear().items()
    ):
        found.append(SEPARATE)
    return tuple(found)


def with_method(
    plan: Plan, index: int, method: str, substeps: int = 1, *, reset_within: bool = False
) -> Plan:
    """Return the plan with the equations of a population integrated by another method.

    Parameters
    ----------
    method : str
        One of `METHODS`, or `SEPARATE`.
    substeps : int
        Into how many parts each step is cut. Without noise only.
    reset_within : bool
        Whether threshold and reset are looked at after every part; otherwise they, and arrivals
        always, stay at the end of the step.
    """
    spec = plan.populations[index].spec
    assert spec is not None
    made = integrated(spec, method, substeps, reset_within=reset_within)
    return with_population(plan, index, replace(plan.populations[index], spec=made))


def integrated(
    spec: ModelSpec, method: str, substeps: int = 1, *, reset_within: bool = False
) -> ModelSpec:
    """Return a model with its equations integrated by another method; see `with_method`."""
    key = (id(spec), method, substeps, reset_within)
    if key not in _INTEGRATED:
        if len(_INTEGRATED) >= 64:
            _INTEGRATED.clear()
        made = _integrated(spec, method)
        _INTEGRATED[key] = (
            spec,
            made if substeps == 1 else _refined(made, substeps, reset_within),
        )
    return _INTEGRATED[key][1]


_INTEGRATED: dict[tuple[int, str, int, bool], tuple[ModelSpec, ModelSpec]] = {}
"""What was made of a model, which is kept beside it so that its id stays its own: a search tries
the same steps many times, and cut into 16 parts they take seconds to write."""


def _integrated(spec: ModelSpec, method: str) -> ModelSpec:
    system = system_of(spec)
    reserved = {*spec.states, *spec.parameters, *system.inputs, "I_injected", "dt", "active"}
    builder = ProgramBuilder(Names(reserved), system.static)
    if method == SEPARATE:
        steps = [
            discretise(_alone(system, state), "exponential_euler", builder)
            for state in system.states
        ]
        step = Step(
            tuple(line for s in steps for line in s.assignments),
            {state: name for s in steps for state, name in s.next_names.items()},
        )
    else:
        step = discretise(system, method, builder)
    program = builder.build(step.assignments)
    direct = tuple((name, expression) for expression, name in builder.constants.items())
    names = [name for name, _ in direct]
    if step.linear is not None:
        names += [output.name for output in step.linear.outputs]
    return replace(
        spec,
        program=program,
        next_names={state: step.next_names.get(state, state) for state in spec.states},
        n_normals=step.n_normals,
        method=method,
        constant_names=tuple(names),
        constants_function=Constants(direct, step.linear),
    )


def can_reset_within(spec: ModelSpec) -> bool:
    """Whether `with_method` can look at threshold and reset within the step."""
    return (
        spec.threshold is not None
        and spec.hazard is None
        and spec.multiplicity is None
        and bool(spec.reset)
        and all(line.name in spec.states for line in spec.reset)
    )


BEFORE = "before_the_step"
"""What is put behind the name of a state for its value at the start of the step."""


def rising_state(spec: ModelSpec) -> str | None:
    """Return the state that a threshold bounds below, alone; None where it does something else."""
    if not isinstance(spec.threshold, (sympy.GreaterThan, sympy.StrictGreaterThan)):
        return None
    name = str(spec.threshold.lhs)
    written = {line.name for line in spec.reset}
    return name if name in spec.states and name not in written else None


def with_spike_at_maximum(plan: Plan, index: int) -> Plan:
    """Return the plan with spikes where the state of the threshold falls again, above it."""
    spec = plan.populations[index].spec
    assert spec is not None
    state = rising_state(spec)
    assert state is not None
    earlier = symbol(f"{state}_{BEFORE}")
    falling = sympy.And(spec.threshold, earlier > symbol(state), evaluate=False)
    program = (Assignment(earlier.name, symbol(state)), *spec.program)
    return with_spec(plan, index, threshold=falling, program=program)


def _alone(system: System, state: str) -> System:
    others = tuple(s for s in system.states if s != state)
    return System(
        (state,), {state: system.drift[state]}, {state: {}}, system.clamped & {state},
        (*system.inputs, *others), system.static,
    )  # fmt: skip


@dataclass(frozen=True)
class _OfPart:
    """Constants for a part of the step."""

    whole: Any
    parts: int

    def __call__(self, parameters: Mapping[str, Value], dt: float) -> dict[str, Value]:
        found: dict[str, Value] = self.whole(parameters, dt / self.parts)
        return found


def _refined(spec: ModelSpec, parts: int, reset_within: bool) -> ModelSpec:
    """Return a model whose program is carried out `parts` times on a part of the step each."""
    lines: list[Assignment] = []
    at: dict[Any, Any] = {}
    watch = _Watch(spec) if reset_within else None
    for part in range(parts):
        renamed: dict[Any, Any] = {**at, DT: DT / parts}
        if watch is not None:
            renamed[symbol("active")] = watch.active
        for line in spec.program:
            name = f"{line.name}_part{part}"
            lines.append(Assignment(name, substitute(line.expression, renamed)))
            renamed[symbol(line.name)] = symbol(name)
        at = {
            symbol(state): renamed.get(symbol(local), symbol(local))
            for state, local in spec.next_names.items()
        }
        if watch is not None:
            lines += watch.lines(at, part)
    made = replace(
        spec,
        program=tuple(lines),
        next_names={str(state): str(name) for state, name in at.items()},
        method=f"{spec.method}, {parts} parts of a step",
        constants_function=_OfPart(spec.constants_function, parts),
    )
    if watch is None:
        return made
    return replace(made, threshold=watch.fires > HALF, reset=())


HALF = sympy.Rational(1, 2)


class _Watch:
    """Writes threshold and reset after every part of a step."""

    def __init__(self, spec: ModelSpec) -> None:
        self.spec = spec
        self.active = symbol("active")
        self.fires: Any = sympy.Integer(0)

    def lines(self, at: dict[Any, Any], part: int) -> list[Assignment]:
        """Return the lines after a part; `at`, where states are, learns of what they change."""
        spec = self.spec
        condition = substitute(spec.threshold, at)
        if spec.refractory is not None:
            condition = sympy.And(condition, self.active > HALF)
        crossed = symbol(f"crossed_part{part}")
        made = [Assignment(crossed.name, select(condition, 1, 0))]
        for number, line in enumerate(spec.reset):
            name = f"{line.name}_reset{number}_part{part}"
            value = substitute(line.expression, at)
            made.append(Assignment(name, select(crossed > HALF, value, at[symbol(line.name)])))
            at[symbol(line.name)] = symbol(name)
        if spec.refractory is not None:
            # The part of a step in which a neuron is held is not counted in its time.
            held = sympy.And(crossed > HALF, symbol(spec.refractory) > DT / 2)
            active = symbol(f"active_part{part}")
            made.append(Assignment(active.name, select(held, 0, self.active)))
            self.active = active
        fires = symbol(f"fires_part{part}")
        made.append(Assignment(fires.name, sympy.Max(self.fires, crossed)))
        self.fires = fires
        return made


# --- synapses -----------------------------------------------------------------------------------


def listed(plan: Plan, place: int) -> PlanProjection:
    """Return a projection with every connection written out, sorted as sessions list them."""
    projection = plan.projections[place]
    found = enumerate_connections(projection, plan.seed, plan.dt)
    return replace(
        projection,
        rule="explicit",
        explicit_pre=found.pre_position,
        explicit_post=found.post_position,
        weight=found.weight,
        delay_steps=found.delay_steps,
    )


def with_connections(
    plan: Plan, place: int, *, weight: Floats | None = None, delay_steps: Ints | None = None,
) -> Plan:  # fmt: skip
    """Return the plan with other weights or delays of a listed projection."""
    projection = listed(plan, place)
    if weight is not None:
        projection = replace(projection, weight=weight)
    if delay_steps is not None:
        projection = replace(projection, delay_steps=delay_steps)
    return with_projection(plan, place, projection)


def with_weights_scaled(plan: Plan, place: int, factor: float) -> Plan:
    """Return the plan with all weights of a projection multiplied."""
    return with_connections(plan, place, weight=weights_of(listed(plan, place)) * factor)


def with_weight(plan: Plan, place: int, connection: int, weight: float) -> Plan:
    """Return the plan with another weight of one connection."""
    weights = weights_of(listed(plan, place)).copy()
    weights[connection] = weight
    return with_connections(plan, place, weight=weights)


def with_rounded_weights(plan: Plan, place: int, bits: int) -> Plan:
    """Return the plan with weights rounded to `bits` bits, sign included."""
    weights = weights_of(listed(plan, place))
    unit = float(np.abs(weights).max(initial=0.0)) / (2 ** (bits - 1) - 1) or 1.0
    return with_connections(plan, place, weight=np.rint(weights / unit) * unit)


def with_delays_shifted(plan: Plan, place: int, n_steps: int) -> Plan:
    """Return the plan with all delays of a projection longer by `n_steps`, at least one step."""
    delays = delays_of(listed(plan, place))
    return with_connections(plan, place, delay_steps=np.maximum(delays + n_steps, 1))


def with_delay(plan: Plan, place: int, connection: int, steps: int) -> Plan:
    """Return the plan with another delay of one connection."""
    delays = delays_of(listed(plan, place)).copy()
    delays[connection] = steps
    return with_connections(plan, place, delay_steps=delays)


def without_connection(plan: Plan, place: int, connection: int) -> Plan:
    """Return the plan without one connection."""
    p = listed(plan, place)
    assert p.explicit_pre is not None
    assert p.explicit_post is not None
    changed = replace(
        p,
        explicit_pre=np.delete(p.explicit_pre, connection),
        explicit_post=np.delete(p.explicit_post, connection),
        weight=np.delete(weights_of(p), connection),
        delay_steps=np.delete(delays_of(p), connection),
    )
    return with_projection(plan, place, changed)


def with_extra_connection(
    plan: Plan, place: int, pre: int, post: int, weight: float, steps: int
) -> Plan:
    """Return the plan with one more connection, between positions of a projection."""
    p = listed(plan, place)
    assert p.explicit_pre is not None
    assert p.explicit_post is not None
    changed = replace(
        p,
        explicit_pre=np.append(p.explicit_pre, pre),
        explicit_post=np.append(p.explicit_post, post),
        weight=np.append(weights_of(p), weight),
        delay_steps=np.append(delays_of(p), steps),
    )
    return with_projection(plan, place, changed)


def with_receptor(plan: Plan, place: int, receptor: str) -> Plan:
    """Return the plan with a projection that ends on another receptor, which all targets have."""
    p = plan.projections[place]
    offsets = np.array([q.offset for q in plan.populations], np.int64)
    population = np.searchsorted(offsets, p.post, side="right") - 1
    index = np.empty(p.post.size, np.int64)
    for q in np.unique(population):
        index[population == q] = receptors_of(plan, int(q)).index(receptor)
    return with_projection(plan, place, replace(p, receptor=receptor, post_receptor=index))


def receptors_of(plan: Plan, index: int) -> list[str]:
    """Return the names of a population's receptors."""
    spec = plan.populations[index].spec
    return [] if spec is None else [r.name for r in spec.receptors]


def weights_of(projection: PlanProjection) -> Floats:
    """Return the weights of a listed projection: (n_connections,)."""
    assert isinstance(projection.weight, np.ndarray)
    return projection.weight


def delays_of(projection: PlanProjection) -> Ints:
    """Return the delays of a listed projection [steps]: (n_connections,)."""
    assert isinstance(projection.delay_steps, np.ndarray)
    return projection.delay_steps


def with_coupling_scaled(plan: Plan, place: int, factor: float) -> Plan:
    """Return the plan with all weights of a continuous coupling multiplied."""
    couplings = list(plan.couplings)
    couplings[place] = replace(couplings[place], weight=couplings[place].weight * factor)
    return replace(plan, couplings=tuple(couplings))


# --- what comes from outside ----------------------------------------------------------------------


def with_drive_scaled(plan: Plan, drive: int, factor: float) -> Plan:
    """Return the plan with the weights of a drive multiplied."""
    drives = list(plan.drives)
    drives[drive] = replace(drives[drive], weight=np.asarray(drives[drive].weight) * factor)
    if np.ndim(drives[drive].weight) == 0:
        drives[drive] = replace(drives[drive], weight=float(drives[drive].weight))
    return replace(plan, drives=tuple(drives))


def with_drive_receptor(plan: Plan, drive: int, receptor: str) -> Plan:
    """Return the plan with a drive that ends on another receptor."""
    drives = list(plan.drives)
    drives[drive] = replace(drives[drive], receptor=receptor)
    return replace(plan, drives=tuple(drives))


def with_current_shifted(plan: Plan, injection: int, n_steps: int) -> Plan | None:
    """Return the plan with an injected current later by `n_steps`; None where it has no times."""
    given = plan.injections[injection]
    shift = n_steps * plan.dt
    source = given.source
    made: Any
    if isinstance(source, ConstantCurrent):
        if n_steps < 0:
            return None
        amplitude = np.asarray(source.amplitude, np.float64)
        made = StepCurrent(times=np.array([shift]), amplitudes=amplitude[None])
    elif isinstance(source, StepCurrent):
        times = np.asarray(source.times) + shift
        first = int(np.searchsorted(times, 0.0, side="right")) - 1 if times[0] < 0 else 0
        made = StepCurrent(
            times=np.maximum(times[first:], 0.0), amplitudes=source.amplitudes[first:]
        )
    else:
        return None
    changed = list(plan.injections)
    changed[injection] = replace(given, source=made)
    return replace(plan, injections=tuple(changed))
