"""Recorders: what a run keeps."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from neurosim.describe.checks import Ints, check_bool
from neurosim.describe.population import Population, View
from neurosim.describe.projection import Projection
from neurosim.errors import DescriptionError, UnknownNameError
from neurosim.explained import explained
from neurosim.units import to_scalar


@explained
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Recorder:
    """One variable of one population, or the weights of one projection. Made by ``net.record``.

    Attributes
    ----------
    population : Population or None
    indices : (n,) int64
        Neurons within it, ascending; empty for a projection.
    projection : Projection or None
    variable : str
        "spikes", a state, or "weight".
    every : float or None
        Interval of samples [ms]; None: every step. Always None for spikes.
    reduce : {"none", "mean"}
        "mean": the average over the neurons only.
    initial : bool
        Whether the state at the start of a run is sampled, too.
    where : str
        "file:line" of the call.
    """

    population: Population | None
    indices: Ints
    projection: Projection | None
    variable: str
    every: float | None
    reduce: Literal["none", "mean"]
    initial: bool
    where: str = field(default="", compare=False)

    @property
    def label(self) -> str:
        """Name of the population (with "[...]" for a part of it) or projection."""
        if self.population is None:
            assert self.projection is not None
            return self.projection.name
        return self.population.name + ("" if len(self.indices) == self.population.size else "[...]")

    @property
    def subject(self) -> tuple[str, str, str]:
        """What can be recorded once only: name, variable and reduction."""
        name = self.population.name if self.population is not None else self.label
        return name, self.variable, self.reduce

    def same_as(self, other: Recorder) -> bool:
        """Whether both keep the same."""
        return (
            self.subject == other.subject
            and (self.every, self.initial) == (other.every, other.initial)
            and np.array_equal(self.indices, other.indices)
        )

    def __repr__(self) -> str:
        return f"<Recorder of {self.variable!r} of {self.label!r}>"


def make_recorders(
    target: View | Projection,
    variable: Any,
    *,
    every: Any,
    reduce: Any,
    initial: Any,
    where: str,
) -> list[Recorder]:
    """Check and make one recorder per variable and population."""
    label = target.name if isinstance(target, Projection) else target.label
    place = f"Recorder of {label!r}"
    if reduce is None:
        reduce = "none"
    if not isinstance(reduce, str) or reduce not in ("none", "mean"):
        raise UnknownNameError(f"{place}: reduce", reduce, ["none", "mean"])
    check_bool(initial, f"{place}: initial")
    interval = None if every is None else to_scalar(every, "ms", f"{place}: every", above=0)
    variables = list(variable) if isinstance(variable, (list, tuple)) else [variable]
    if not variables:
        raise DescriptionError(f"{place}: variable", variable, "at least one variable")
    made = []
    # Beside states, spikes are recorded as they always are; alone, they refuse what is for states.
    plain: dict[str, Any] = {"every": None, "reduce": "none", "initial": False}
    sampling: dict[str, Any] = {"every": interval, "reduce": reduce, "initial": initial}
    for name in variables:
        for population, indices in _subjects(target, name, place):
            if name == "spikes" and len(variables) == 1:
                for option, given, default in (
                    ("every", every, None), ("reduce", reduce, "none"), ("initial", initial, False)
                ):  # fmt: skip
                    if given != default:
                        raise DescriptionError(
                            f"{place}: {option}", given, f"{default!r} for spikes",
                            "Every spike is kept, with its time.",
                        )  # fmt: skip
            made.append(
                Recorder(
                    population=population,
                    indices=indices,
                    projection=target if isinstance(target, Projection) else None,
                    variable=name,
                    where=where,
                    **(plain if name == "spikes" else sampling),
                )
            )
    return made


def _subjects(
    target: View | Projection, variable: object, place: str
) -> list[tuple[Population | None, Ints]]:
    """Return populations and ascending indices that have `variable`; refuse unknown variables."""
    if isinstance(target, Projection):
        if not isinstance(variable, str) or variable != "weight":
            raise UnknownNameError(f"{place}: variable", variable, ["weight"])
        return [(None, np.zeros(0, np.int64))]
    chosen: dict[str, tuple[Population, list[Ints]]] = {}
    for population, indices in target.segments:
        known = list(population.interface.state_units)
        if population.interface.emits_spikes:
            known.insert(0, "spikes")
        if not isinstance(variable, str) or variable not in known:
            where = f"{place}: variable (of {population.name!r})"
            raise UnknownNameError(where, variable, known)
        chosen.setdefault(population.name, (population, []))[1].append(indices)
    return [(population, np.sort(np.concatenate(parts))) for population, parts in chosen.values()]
