"""Populations, and views of them: which neurons are meant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np

from neurosim.describe.checks import Ints
from neurosim.describe.distributions import Distribution
from neurosim.describe.model_protocol import CouplingLike, Interface, ReceptorLike, interface
from neurosim.describe.positions import Coordinates
from neurosim.errors import DescriptionError, UnknownNameError, brief
from neurosim.explained import explained

Segment: TypeAlias = "tuple[Population, Ints]"


class Selectable:
    """What can be written for `pre` and `post`: a population, or a view of some neurons.

    ``exc[:10]``, ``exc[3]``, ``exc[[1, 5, 7]]``, ``exc[mask]`` and, for populations of several
    axes, ``exc[2:4, :]`` select neurons as numpy selects elements; ``exc + inh`` joins. The order
    is kept; no neuron may occur twice. A view may select nothing, but nothing can be done to it.
    """

    __slots__ = ()
    __iter__ = None  # a sequence of single neurons is never what is wanted

    @property
    def segments(self) -> list[Segment]:
        """Pairs of a population and the indices (int64, read-only) within it, in order."""
        raise NotImplementedError

    @property
    def shape(self) -> tuple[int, ...]:
        """Axes of the selection."""
        raise NotImplementedError

    @property
    def ids(self) -> Ints:
        """Global ids of the neurons: populations are numbered through in order of definition."""
        parts = [population.offset + indices for population, indices in self.segments]
        return np.concatenate(parts) if parts else np.zeros(0, np.int64)

    @property
    def label(self) -> str:
        """Names of the populations, joined by "+"; "[...]" follows where not all is selected."""
        names: dict[str, str] = {}
        for population, indices in self.segments:
            part = "" if len(indices) == population.size else "[...]"
            names[population.name] = population.name + part
        return "+".join(names.values())

    @property
    def shown(self) -> str:
        """The selection as it could be written: "exc[0:3]", "exc[::-1]+inh", "exc[7 of 100]"."""
        return "+".join(_written(population, indices) for population, indices in self.segments)

    def flat(self) -> View:
        """Return the same neurons as a view of one axis."""
        return View(tuple(self.segments), (len(self),))

    def __len__(self) -> int:
        return sum(len(indices) for _, indices in self.segments)

    def __getitem__(self, key: Any) -> View:
        chosen = _choose(key, self.shape, self.label)
        flat = chosen.ravel()
        segments: list[Segment] = []
        start = 0
        if len(self.segments) == 1:
            population, indices = self.segments[0]
            segments = [(population, indices[flat])]
        else:
            bounds = np.cumsum([0] + [len(indices) for _, indices in self.segments])
            owner = np.searchsorted(bounds, flat, side="right") - 1
            for stop in [*(np.flatnonzero(np.diff(owner)) + 1).tolist(), len(flat)]:
                if stop > start:
                    population, indices = self.segments[owner[start]]
                    segments.append((population, indices[flat[start:stop] - bounds[owner[start]]]))
                start = stop
        return View(tuple(segments), chosen.shape or (1,))

    def _hint_of(self, name: str, value: object) -> str | None:
        """Tell how states and parameters are read and set; see `explained`."""
        target = self.shown
        if any(name in p.interface.state_units for p, _ in self.segments):
            if value is None:
                return f"It is a state: session.get({target}, {name!r}), or net.record it."
            told = "..." if isinstance(value, np.ndarray) else brief(value)
            return f"For a state at the start: net.initialise({target}, {name}={told})."
        if any(name in p.interface.parameter_units for p, _ in self.segments):
            if value is None:
                return f"It is a parameter of the model: {target}.parameters[{name!r}]."
            return "It is a parameter of the model: give it there, or set it in a session."
        return None

    def __add__(self, other: object) -> View:
        if not isinstance(other, Selectable):
            return NotImplemented
        return View((*self.segments, *other.segments), (len(self) + len(other),))


@explained
@dataclass(frozen=True, slots=True, eq=False)
class View(Selectable):
    """Some neurons, of one or several populations, in order. Made by indexing and by ``+``."""

    _segments: tuple[Segment, ...]
    _shape: tuple[int, ...]

    def __post_init__(self) -> None:
        for _, indices in self._segments:
            indices.setflags(write=False)
        kept = tuple(segment for segment in self._segments if len(segment[1]))
        object.__setattr__(self, "_segments", kept)
        self._require_one_network()
        values, counts = np.unique(self.ids, return_counts=True)
        if (counts > 1).any():
            twice = int(values[counts > 1][0])
            for population, _ in kept:
                if population.offset <= twice < population.offset + population.size:
                    place = f"View of {self.label!r}: index"
                    twice -= population.offset
                    raise DescriptionError(place, twice, "every neuron once", "It occurs twice.")

    def _require_one_network(self) -> None:
        """Refuse populations that cannot be of one network: they would share global ids."""
        ordered = sorted({id(p): p for p, _ in self._segments}.values(), key=lambda p: p.offset)
        for first, second in pairwise(ordered):
            clash = second.offset < first.offset + first.size
            if clash or first.name == second.name or first.index == second.index:
                raise DescriptionError(
                    f"View of {self.label!r}",
                    second,
                    "populations of one network",
                    f"It belongs to another network than {first!r}.",
                )

    @property
    def segments(self) -> list[Segment]:
        """Pairs of a population and the indices (int64, read-only) within it, in order."""
        return list(self._segments)

    @property
    def shape(self) -> tuple[int, ...]:
        """Axes of the selection."""
        return self._shape

    def __repr__(self) -> str:
        return f"<View of {self.shown or 'nothing'}: {len(self)} neuron{'s' * (len(self) != 1)}>"


@explained
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Population(Selectable):
    """Neurons (or sources) of one model. Made by ``net.population``.

    Attributes
    ----------
    name : str
    shape : tuple of int
        Its axes; `size` is their product. Neurons are numbered with the last axis fastest.
    model : Model or Source
    positions : Coordinates or None
        One point per neuron.
    index : int
        Place among the populations of its network.
    offset : int
        Global id of its first neuron.
    """

    name: str
    shape: tuple[int, ...] = ()
    model: Any
    positions: Coordinates | None = None
    index: int = 0
    offset: int = 0
    interface: Interface = field(init=False, repr=False)
    """States, receptors and other facts about the model."""
    parameters: Mapping[str, Any] = field(init=False, repr=False)
    """Parameter of the equations -> float, array (size,) or Distribution in the unit of the
    parameter; empty for sources."""

    def __post_init__(self) -> None:
        place = f"Population {self.name!r}"
        object.__setattr__(self, "interface", interface(self.model, f"{place}: model"))
        object.__setattr__(self, "parameters", self._parameters(place))
        if self.interface.is_source and self.model.size not in (None, self.size):
            raise DescriptionError(
                f"{place}: size", self.size, f"{self.model.size}, as {kind(self.model)} is for"
            )

    @property
    def size(self) -> int:
        """Number of neurons."""
        return int(np.prod(self.shape))

    @property
    def segments(self) -> list[Segment]:
        """The population itself and all its indices."""
        return [(self, np.arange(self.size))]

    def __repr__(self) -> str:
        shape = f"{self.size}" if len(self.shape) == 1 else " x ".join(map(str, self.shape))
        return f"<Population {self.name!r}: {shape} {kind(self.model)}>"

    def _parameters(self, place: str) -> dict[str, Any]:
        units = self.interface.parameter_units
        parameters: dict[str, Any] = {}
        for name, value in self.interface.parameter_values.items():
            where = f"{place}: {name}"
            if isinstance(value, Distribution):
                parameters[name] = value.in_unit(units.get(name, "1"), where)
                continue
            if isinstance(value, np.ndarray) and value.ndim:
                if value.size != self.size:
                    raise DescriptionError(where, value, f"{self.size} values, one per neuron")
                value = value.reshape(self.size)
            parameters[name] = value
        return parameters


def _written(population: Population, indices: Ints) -> str:
    """Return how a selection of one population could be written, or how many it selects."""
    name, size, n = population.name, population.size, len(indices)
    if n == size and np.array_equal(indices, np.arange(size)):
        return name
    if n == 0 or len(population.shape) > 1:
        return f"{name}[{n:,} of {size:,}]"
    first, last = int(indices[0]), int(indices[-1])
    if n == 1:
        return f"{name}[{first}]"
    step = int(indices[1]) - first
    if not (np.diff(indices) == step).all():
        return f"{name}[{n:,} of {size:,}]"
    if step == 1:
        return f"{name}[{first}:{last + 1}]"
    # An end that the slice runs into is left out, as people do.
    start = "" if first == (0 if step > 0 else size - 1) else str(first)
    stop = "" if not 0 <= last + step < size else str(last + (1 if step > 0 else -1))
    return f"{name}[{start}:{stop}:{step}]"


def kind(model: object) -> str:
    """Return what to call a model: its own name if it has one, else its class."""
    name = getattr(model, "name", None)
    return name if isinstance(name, str) and name else type(model).__name__


def require_view(view: object, place: str) -> Selectable:
    """Return `view` if it is a population or view that selects something; refuse it otherwise."""
    if not isinstance(view, Selectable):
        raise DescriptionError(place, view, "a population or a view such as exc[:10] or exc + inh")
    if not len(view):
        raise DescriptionError(place, view, "a view that selects at least one neuron")
    return view


def common_input(
    view: Selectable, name: str | None, place: str, *, continuous: bool
) -> ReceptorLike | CouplingLike:
    """Find the receptor (or, if `continuous`, the coupling) that a projection or drive means.

    Parameters
    ----------
    view : Selectable
        The neurons that receive.
    name : str or None
        As the user wrote it; None is possible where the models have exactly one.
    place : str
        For messages.

    Raises
    ------
    UnknownNameError, DescriptionError
        If a population has none, not this one, or (for None) several; or if the units differ.
    """
    word = "coupling" if continuous else "receptor"
    found: ReceptorLike | CouplingLike | None = None
    for population, _ in view.segments:
        target = f"{place}: receptor (of {population.name!r})"
        if population.interface.is_source:
            raise DescriptionError(
                f"{place}: target", population, "neurons", "Sources receive nothing."
            )
        inputs: dict[str, Any] = {r.name: r for r in population.interface.receptors}
        couplings: dict[str, Any] = {c.name: c for c in population.interface.couplings}
        if continuous:
            inputs, couplings = couplings, inputs
        if isinstance(name, str) and name in couplings and name not in inputs:
            states = list(population.interface.state_units)
            source = "V_m" if "V_m" in states else states[0] if states else "..."
            remedy = f"{name!r} is a coupling, which reads a state: say source={source!r}."
            if continuous:
                remedy = f"{name!r} is a receptor of spikes: leave out source=."
            raise DescriptionError(target, name, f"a {word}", remedy)
        if not inputs:
            raise DescriptionError(
                target, name, f"a model with a {word}", f"{kind(population.model)} has none."
            )
        if name is None and len(inputs) > 1:
            listed = ", ".join(repr(n) for n in inputs)
            raise DescriptionError(
                target, name, f"one of {listed}", f"{kind(population.model)} has several."
            )
        if name is None:
            name = str(next(iter(inputs)))
        if not isinstance(name, str):
            raise DescriptionError(target, name, f"the name of a {word}")
        if name not in inputs:
            raise UnknownNameError(target, name, inputs)
        if found is not None and inputs[name].unit != found.unit:
            raise DescriptionError(
                target, f"{name} in {inputs[name].unit}", f"a weight in {found.unit}, as elsewhere"
            )
        # One population that refuses negative weights refuses them for the whole view.
        if found is None or getattr(inputs[name], "nonnegative", False):
            found = inputs[name]
    assert found is not None
    return found


def _choose(key: Any, shape: tuple[int, ...], label: str) -> Ints:
    """Return the flat indices that `key` selects from an array of this shape."""
    place = f"{label}[...]"
    expected = f"indices, slices or a mask for the shape {shape}"
    for part in key if isinstance(key, tuple) else (key,):
        if part is None or isinstance(part, (bool, np.bool_, float, str)):
            raise DescriptionError(place, part, expected)
    if isinstance(key, list) and not key:
        key = slice(0, 0)  # numpy would take an empty list for floats
    numbers = np.arange(int(np.prod(shape)), dtype=np.int64).reshape(shape)
    try:
        return np.array(numbers[key], dtype=np.int64)
    except (IndexError, TypeError, ValueError) as error:
        raise DescriptionError(place, key, expected, f"{error}.") from None
