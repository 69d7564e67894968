"""The content hash of a network: sha256 over a canonical form of its meaning."""

from __future__ import annotations

import hashlib
import numbers
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from neurosim.describe.plasticity import Plasticity, PlasticityRule
from neurosim.describe.population import Population, View
from neurosim.errors import DescriptionError
from neurosim.units import Quantity, Unit

if TYPE_CHECKING:
    from neurosim.describe.contents import Contents

VERSION = "2"
"""Changed whenever the same network would get another hash."""


def network_hash(network: Contents) -> str:
    """Return the hash of everything that a run of `network` depends on.

    The order of populations, projections, drives and injections has a meaning (it numbers
    neurons and random streams), and so has the order of initial values of one state. That of
    recorders has none.
    """
    initial: dict[str, list[Any]] = {}
    for item in network.initial_values:
        history = initial.setdefault(f"{item.population.index:09d} {item.state}", [])
        if len(item.indices) == item.population.size:
            history.clear()  # everything said before is replaced
        history.append([item.indices, item.value])
    content = {
        "version": VERSION,
        "seed": network.seed,
        "populations": [
            [p.name, p.shape, _model(p), p.positions] for p in network.populations.values()
        ],
        "projections": list(network.projections.values()),
        "initial": initial,
        "drives": list(network.drives),
        "injections": list(network.injections),
        "recorders": sorted(digest(recorder) for recorder in network.recorders),
    }
    return digest(content)


def digest(value: Any) -> str:
    """Return the sha256 of a value in canonical form, as hexadecimal digits."""
    state = hashlib.sha256()
    _feed(value, state)
    return state.hexdigest()


def _model(population: Population) -> Any:
    """Return what a model says: its normalised text, where it starts, and its parameters.

    So neither the spelling of values counts nor whether a model is built in or typed out.
    """
    if population.interface.is_source:
        return population.model
    spec = population.model.neuron_model().spec()
    values = {name: population.parameters[name] for name in spec.parameters}
    return [spec.source_text, dict(spec.initial), values]


def _feed(value: Any, state: hashlib._Hash) -> None:
    """Add a value: a tag for its kind, its length where it has one, its parts in order."""
    if value is None:
        state.update(b"none;")
    elif isinstance(value, (bool, np.bool_)):
        state.update(b"true;" if value else b"false;")
    elif isinstance(value, numbers.Integral) and abs(int(value)) > 2**53:
        state.update(b"integer %d;" % int(value))
    elif isinstance(value, numbers.Real):
        state.update(f"number {(float(value) + 0.0).hex()};".encode())  # + 0.0: -0.0 is 0.0
    elif isinstance(value, str):
        text = value.encode()
        state.update(b"text %d " % len(text) + text)
    elif isinstance(value, np.ndarray):
        _feed_array(value, state)
    elif isinstance(value, Mapping):
        state.update(b"mapping %d;" % len(value))
        for key in sorted(value):
            _feed(key, state)
            _feed(value[key], state)
    elif isinstance(value, (list, tuple)):
        _feed_sequence(value, state)
    elif isinstance(value, Population):
        state.update(b"population %d;" % value.index)
    elif isinstance(value, View):
        _feed(value.ids, state)
        _feed(value.shape, state)
    elif isinstance(value, Quantity):
        _feed_quantity(value, state)
    elif isinstance(value, Plasticity) and not isinstance(value, PlasticityRule):
        _feed(value.plasticity_rule(), state)  # a rule by its name is what it says
    elif is_dataclass(value) and not isinstance(value, type):
        state.update(f"{type(value).__name__} ".encode())
        _feed({f.name: getattr(value, f.name) for f in fields(value) if _counts(f, value)}, state)
    else:
        raise DescriptionError(
            "Content hash", value, "numbers, texts, arrays and dataclasses of these"
        )


def _counts(field: Any, value: Any) -> bool:
    """Whether a field is part of the meaning: what is derived, or has `compare=False`, is not.

    Nor is one whose value says that there is nothing ("absent" in its metadata): fields that came
    later than the hash.
    """
    if not (field.compare and field.init and hasattr(value, field.name)):
        return False
    return "absent" not in field.metadata or getattr(value, field.name) != field.metadata["absent"]


def _feed_array(value: np.ndarray[Any, Any], state: hashlib._Hash) -> None:
    if value.dtype.kind not in "biuf":
        _feed_sequence(value.tolist(), state)
        return
    if value.dtype.kind in "iu" and value.size and max(int(value.max()), -int(value.min())) > 2**53:
        state.update(b"integers ")
        numbers_ = value.astype("<i8")
    else:
        state.update(b"numbers ")
        numbers_ = value.astype("<f8") + 0.0
    state.update(repr(value.shape).encode())
    state.update(np.ascontiguousarray(numbers_).tobytes())


def _feed_sequence(value: list[Any] | tuple[Any, ...], state: hashlib._Hash) -> None:
    """A sequence of numbers is an array; any other is its parts."""
    if value and all(type(part) in (int, float) for part in value):
        _feed_array(np.array(value), state)
        return
    state.update(b"sequence %d;" % len(value))
    for part in value:
        _feed(part, state)


def _feed_quantity(value: Quantity, state: hashlib._Hash) -> None:
    si = Unit(value.unit.dimension)
    scale = value.unit.ratio(si)
    state.update(b"quantity ")
    _feed([str(exponent) for exponent in si.dimension], state)
    magnitude = value.magnitude
    if isinstance(magnitude, np.ndarray):
        _feed(magnitude * float(scale), state)
    else:
        _feed(str(magnitude * scale), state)
