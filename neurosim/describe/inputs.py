"""What reaches neurons apart from projections: drive, injected current, initial values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from neurosim.describe.checks import Ints
from neurosim.describe.currents import Current
from neurosim.describe.distributions import Distribution
from neurosim.describe.history import History
from neurosim.describe.model_protocol import is_source
from neurosim.describe.population import Population, Selectable, View, common_input, kind
from neurosim.describe.projection import refuse_negative
from neurosim.errors import DescriptionError, UnknownNameError
from neurosim.explained import explained
from neurosim.units import to_float

Floats: TypeAlias = npt.NDArray[np.float64]


@explained
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Drive:
    """An independent source per neuron, without synapses. Made by ``net.drive``.

    Attributes
    ----------
    target : View
    source : Source
    weight : float or (n,) array
        In `unit`.
    receptor : str
    unit : str
        Unit of the weight.
    where : str
        "file:line" of the call.
    """

    target: View
    source: Any
    weight: float | Floats
    receptor: str
    unit: str
    where: str = field(default="", compare=False)


@explained
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Injection:
    """A current added to neurons. Made by ``net.inject``."""

    target: View
    current: Current
    where: str = field(default="", compare=False)


@explained
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class InitialValue:
    """Values of one state of some neurons at the start. Made by ``net.initialise``.

    Attributes
    ----------
    population : Population
    indices : (n,) int64
        Neurons within it. Later initial values replace earlier ones.
    state : str
    value : float, (n,) array, Distribution or History
        In the unit of the state.
    """

    population: Population
    indices: Ints
    state: str
    value: float | Floats | Distribution | History


def make_drive(target: View, source: Any, weight: Any, receptor: str | None, where: str) -> Drive:
    """Check and make a drive."""
    place = f"Drive of {target.label!r}"
    if isinstance(source, type) or not is_source(source):
        raise DescriptionError(f"{place}: source", source, "a source such as Poisson(rate=...)")
    if not source.emits_spikes or not getattr(source, "drivable", True):
        raise DescriptionError(
            f"{place}: source", source, "a source of independent spike trains",
            f"Make it a population and project it: net.population(name, n, {kind(source)}(...)).",
        )  # fmt: skip
    if source.size not in (None, len(target)):
        raise DescriptionError(
            f"{place}: target", f"{len(target)} neurons", f"{source.size}, as {kind(source)} is for"
        )
    found = common_input(target, receptor, place, continuous=False)
    if isinstance(weight, Distribution):
        raise DescriptionError(
            f"{place}: weight", weight, "one weight, or one per neuron",
            "There are no synapses whose weights could be drawn.",
        )  # fmt: skip
    number = _per_neuron(to_float(weight, found.unit, f"{place}: weight"), target, place)
    if getattr(found, "nonnegative", False):
        refuse_negative(number, f"{place}: weight")
    return Drive(
        target=target,
        source=source,
        weight=number,
        receptor=found.name,
        unit=found.unit,
        where=where,
    )


def make_injection(target: View, current: Any, where: str) -> Injection:
    """Check and make an injection."""
    place = f"Injection into {target.label!r}"
    if not isinstance(current, Current):
        raise DescriptionError(f"{place}: current", current, "a current such as StepCurrent(...)")
    if current.size not in (None, len(target)):
        raise DescriptionError(
            f"{place}: target", f"{len(target)} neurons", f"{current.size}, as the current is for"
        )
    for population, _ in target.segments:
        if not population.interface.injectable:
            raise DescriptionError(
                f"{place}: target", population, "neurons with a place for injected current"
            )
    return Injection(target=target, current=current, where=where)


def make_initial_values(target: View, states: dict[str, Any]) -> list[InitialValue]:
    """Check values of states and split them by population."""
    made = []
    for state, value in states.items():
        start = 0
        for population, indices in target.segments:
            stop = start + len(indices)
            place = f"Population {population.name!r}: initial value"
            if population.interface.is_source:
                raise DescriptionError(place, population, "neurons; sources have no states")
            units = population.interface.state_units
            if state not in units:
                raise UnknownNameError(f"{place} (of {kind(population.model)})", state, units)
            place = f"{place} of {state}"
            number: float | Floats | Distribution | History
            if isinstance(value, Distribution):
                number = value.in_unit(units[state], place)
            elif isinstance(value, type):
                raise DescriptionError(place, value, f"an instance: {value.__name__}(...)")
            elif isinstance(value, History):
                whole = value.in_unit(units[state], place, len(target))
                number = History(whole.times, whole.values[:, start:stop])
            else:
                number = _per_neuron(to_float(value, units[state], place), target, place)
                if isinstance(number, np.ndarray):
                    number = number[start:stop]
            told = number.values if isinstance(number, History) else number
            check_state(population.model, state, told, place)
            made.append(
                InitialValue(population=population, indices=indices, state=state, value=number)
            )
            start = stop
    return made


def check_state(model: Any, state: str, value: Any, place: str) -> None:
    """Refuse values that the model knows a state cannot have."""
    check = getattr(model, "check_state", None)
    if check is not None:
        check(state, value, place)


def _per_neuron(number: float | Floats, target: Selectable, place: str) -> float | Floats:
    """Return one value, or one per neuron as (n,)."""
    if isinstance(number, float):
        return number
    if number.shape not in ((len(target),), target.shape):
        raise DescriptionError(place, number, f"one value, or {len(target)}, one per neuron")
    return number.reshape(len(target))
