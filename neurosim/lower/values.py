"""Drawing what a description leaves to chance, apart from wiring: parameters and initial values.

The value of neuron k is a function of (seed, population, name, k) alone, so it does not change
when other neurons, populations or recorders come or go.
"""

from __future__ import annotations

import dataclasses
import hashlib
from typing import Any

import numpy as np

from neurosim.describe.distributions import (
    Distribution,
    Exponential,
    LogNormal,
    Normal,
    Uniform,
)
from neurosim.describe.history import History
from neurosim.describe.inputs import check_state
from neurosim.describe.population import Population
from neurosim.errors import DescriptionError, UnknownNameError, brief
from neurosim.lower.plan import Draw, Floats, Ints, Past
from neurosim.units import to_float

ATTEMPTS = 10_000
"""Redraws before a distribution is given up: it accepts one draw in 10^4 at least."""

BOUNDS = {"none": 0, "clip": 1, "redraw": 2}

LONGEST = 2**53
"""Steps up to here are told apart by a float64."""

LONGEST_HOLD = 2**24
"""Steps up to here are counted down by a float32."""


def nearest_steps(times: Any, dt: float, place: str, longest: int = LONGEST) -> Ints:
    """Return times [ms] as whole steps, rounded to the nearest: int64 of the same shape.

    Raises
    ------
    DescriptionError
        If one is longer than `longest` steps.
    """
    # A quotient beyond the floats is infinite, and refused like any that is too large.
    with np.errstate(over="ignore"):
        steps = np.rint(np.asarray(times, np.float64) / dt)
    if steps.size and not np.all(np.abs(steps) <= longest):
        furthest = np.ravel(times)[np.argmax(np.abs(np.ravel(steps)))]
        raise DescriptionError(
            place, float(furthest), f"at most {longest * dt:g} ms, {longest} steps of {dt:g} ms"
        )
    return np.asarray(steps.astype(np.int64))


def lower_distribution(distribution: Distribution) -> Draw:
    """Return the numbers of a distribution, as kernels read them."""
    match distribution:
        case Uniform(low=a, high=b):
            kind = 1
        case Normal(mean=a, sd=b):
            kind = 2
        case LogNormal(mu=a, sigma=b):
            kind = 3
        case Exponential(scale=b, offset=a):
            kind = 4
        case _:
            raise DescriptionError("A distribution", distribution, "a known distribution")
    low, high = distribution.bounds
    return Draw(kind, float(a), float(b), float(low), float(high), BOUNDS[distribution.bound])


def generator(*what: object) -> np.random.Generator:
    """Return a generator that belongs to `what` and to nothing else."""
    digest = hashlib.sha256(repr(what).encode()).digest()
    return np.random.Generator(np.random.Philox(key=int.from_bytes(digest[:16], "little")))


def sample(distribution: Distribution, n: int, place: str, *what: object) -> Floats:
    """Draw one value for each of n neurons: (n,) float64.

    Parameters
    ----------
    what : objects
        Seed, population and name: what the values are for.
    """
    draw = lower_distribution(distribution)
    random = generator(*what)

    def fresh() -> Floats:
        match draw.kind:
            case 1:
                return draw.a + (draw.b - draw.a) * random.random(n)
            case 2:
                return draw.a + draw.b * random.standard_normal(n)
            case 3:
                return np.exp(draw.a + draw.b * random.standard_normal(n))
            case _:
                return draw.a + draw.b * random.standard_exponential(n)

    values = fresh()
    if draw.bound == 1:
        return np.clip(values, draw.low, draw.high)
    if draw.bound == 2:
        for _ in range(ATTEMPTS):
            beyond = (values < draw.low) | (values > draw.high)
            if not beyond.any():
                return values
            # Every neuron redraws, so that its value does not depend on the others'.
            values = np.where(beyond, fresh(), values)
        raise DescriptionError(
            place, distribution, "bounds that draws reach", f"None did in {ATTEMPTS} attempts."
        )
    return values


def realise_parameters(population: Population, seed: int) -> dict[str, float | Floats]:
    """Return every parameter as a float, or one value per neuron; refuse values out of range."""
    values: dict[str, float | Floats] = {}
    for name, value in population.parameters.items():
        place = f"Population {population.name!r}: {name}"
        if isinstance(value, Distribution):
            drawn = sample(value, population.size, place, seed, "parameter", population.index, name)
            check_parameter(population, name, drawn, place)
            values[name] = drawn
        elif np.ndim(value) == 0:
            values[name] = float(value)
        else:
            values[name] = np.ascontiguousarray(value, np.float64)
    return values


def check_parameter(population: Population, name: str, values: Any, place: str) -> None:
    """Refuse parameter values that the model itself would refuse.

    A built-in model is made again with the least and the greatest value, so that there is one
    place only which knows what is right.
    """
    model = population.model
    extremes = {float(np.min(values)), float(np.max(values))}
    if dataclasses.is_dataclass(model) and name in {f.name for f in dataclasses.fields(model)}:
        for value in sorted(extremes):
            try:
                dataclasses.replace(model, **{name: value})  # type: ignore[type-var]
            except DescriptionError as error:
                raise DescriptionError(place, value, error.expected, error.hint) from None
    elif population.model.parameter_units.get(name) in ("ms", "pF") and min(extremes) <= 0:
        unit = population.model.parameter_units[name]
        raise DescriptionError(place, min(extremes), f"a value in {unit} above 0")


def settable_value(population: Population, name: str, value: Any, size: int, place: str) -> Any:
    """Return what ``session.set`` was given, in the unit of the state or parameter.

    Parameters
    ----------
    size : int
        Number of neurons meant; an array holds one value for each.
    """
    model = population.model
    units = {**model.state_units, **model.parameter_units}
    if name not in units:
        raise UnknownNameError(place, name, units)
    if isinstance(value, Distribution):
        raise DescriptionError(
            place, value, "numbers", "Draw them yourself, e.g. with numpy, or use initialise."
        )
    number = to_float(value, units[name], place)
    if np.ndim(number) > 0 and np.shape(number) != (size,):
        raise DescriptionError(
            place, brief(number), f"one number, or one for each of the {size} neurons"
        )
    if name in model.parameter_units:
        check_parameter(population, name, number, place)
    else:
        check_state(model, name, number, place)
    return number


def realise_initial(population: Population, seed: int, network: Any) -> dict[str, float | Floats]:
    """Return the initial value of every state: a float, or one value per neuron."""
    spec = population.model.neuron_model().spec()
    values: dict[str, float | Floats] = {}
    parameters = realise_parameters(population, seed)
    for state in spec.states:
        default = spec.initial.get(state, 0.0)
        values[state] = parameters[default] if isinstance(default, str) else float(default)
    for given in network.initial_values:
        if given.population.name != population.name:
            continue
        place = f"Population {population.name!r}: initial value of {given.state}"
        row = np.array(np.broadcast_to(values[given.state], population.size), np.float64)
        if isinstance(given.value, Distribution):
            what = (seed, "initial", population.index, given.state)
            row[given.indices] = sample(given.value, population.size, place, *what)[given.indices]
        elif isinstance(given.value, History):
            row[given.indices] = given.value.values[-1]
        else:
            row[given.indices] = given.value
        values[given.state] = row
    return values


def realise_past(
    population: Population, initial: dict[str, float | Floats], network: Any
) -> dict[str, Past]:
    """Return what states were before the start, for those of which any neuron has a history.

    Raises
    ------
    DescriptionError
        If two histories of one state begin at different times.
    """
    given = [i for i in network.initial_values if i.population.name == population.name]
    found: dict[str, Past] = {}
    for state in dict.fromkeys(i.state for i in given if isinstance(i.value, History)):
        mine = [i for i in given if i.state == state]
        told = [i.value for i in mine if isinstance(i.value, History)]
        starts = {float(h.times[0]) for h in told}
        if len(starts) > 1:
            raise DescriptionError(
                f"Population {population.name!r}: histories of {state}", sorted(starts),
                "one time at which all begin",
            )  # fmt: skip
        times = np.unique(np.concatenate([h.times for h in told]))
        values = np.array(np.broadcast_to(initial[state], (times.size, population.size)))
        for one in mine:
            if not isinstance(one.value, History):
                # What is said last counts, and is what the initial value is by now.
                values[:, one.indices] = np.broadcast_to(initial[state], population.size)[
                    one.indices
                ]
                continue
            for column, neuron in enumerate(one.indices):
                values[:, neuron] = np.interp(times, one.value.times, one.value.values[:, column])
        values[-1] = initial[state]
        found[state] = Past(times, values)
    return found
