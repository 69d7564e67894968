"""The same network with other parameters of neurons: what is learned goes back in here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from neurosim.describe.distributions import Distribution
from neurosim.describe.population import Population, View
from neurosim.describe.projection import Projection
from neurosim.describe.synapses import Receptors
from neurosim.errors import DescriptionError, UnknownNameError
from neurosim.units import to_float


def with_values(population: Population, values: Mapping[str, Any]) -> Population:
    """Return a population whose model has other values of some parameters of its equations.

    Raises
    ------
    UnknownNameError
        For parameters that the model does not have.
    DescriptionError
        For values that it refuses, and for models that are not made of such parameters.
    """
    model, place = population.model, f"net.with_parameters: {population.name!r}"
    known, units = population.parameters, population.interface.parameter_units
    rest = dict(values)
    for name, value in values.items():
        if name not in known:
            raise UnknownNameError(f"{place}: parameter", name, known)
        if not isinstance(value, Distribution):
            rest[name] = to_float(value, units.get(name, "1"), f"{place}: {name}")
    if isinstance(getattr(model, "parameters", None), Mapping):  # a NeuronModel
        made = replace(model, parameters={**model.parameters, **rest})
    else:
        own = {f.name for f in fields(model)}
        changes = {name: rest.pop(name) for name in values if name in own}
        synapses = getattr(model, "synapses", None)
        if rest and synapses is not None:
            named = []
            for receptor, kind in synapses.named:
                of_kind = {
                    f.name: rest.pop(f"{f.name}_{receptor}")
                    for f in fields(kind)
                    if f"{f.name}_{receptor}" in rest
                }
                named.append((receptor, replace(kind, **of_kind) if of_kind else kind))
            changes["synapses"] = Receptors(named=named)
        if rest:
            raise DescriptionError(
                f"{place}: parameter", next(iter(rest)), "one of the fields of its model",
                f"{type(model).__name__} computes it from others.",
            )  # fmt: skip
        made = replace(model, **changes)
    return replace(population, model=made)


class Replaced:
    """Puts new populations in the place of old ones, wherever a part of a network names them.

    Parameters
    ----------
    populations : mapping
        Name -> new population.
    """

    def __init__(self, populations: Mapping[str, Population]) -> None:
        self._populations = populations
        self._projections: dict[str, Projection] = {}

    def of(self, part: Any) -> Any:
        """Return a part of a network (projection, drive, recorder, ...) that names the new ones."""
        changes = {f.name: self._value(getattr(part, f.name)) for f in fields(part) if f.init}
        made = replace(part, **changes)
        if isinstance(made, Projection):
            self._projections[made.name] = made
        return made

    def _value(self, value: Any) -> Any:
        if isinstance(value, Population):
            return self._populations.get(value.name, value)
        if isinstance(value, View):
            segments = tuple((self._value(p), indices) for p, indices in value.segments)
            return View(segments, value.shape)
        if isinstance(value, Projection):
            return self._projections[value.name]
        return value
