"""What a description asks of a model: facts that are cheap to tell, without sympy.

Every built-in model and every spike source has these members; those of a `NeuronModel` follow
from its equations. They are enough to refuse a wrong receptor, state, unit or size in the line
that wrote it, long before the equations are turned into a program.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

from neurosim.errors import DescriptionError


class ReceptorLike(Protocol):
    """Where spikes arrive; `neurosim.equations.spec.Receptor` is one."""

    @property
    def name(self) -> str:
        """The word used in ``net.project(..., receptor=name)``."""

    @property
    def unit(self) -> str:
        """Unit of the weight: "pA", "nS", "mV" or "1"."""

    @property
    def nonnegative(self) -> bool:
        """Whether negative weights are refused (conductances)."""


class CouplingLike(Protocol):
    """A continuous input; `neurosim.equations.spec.Coupling` is one."""

    @property
    def name(self) -> str:
        """The word used in ``net.project(..., receptor=name)``."""

    @property
    def unit(self) -> str:
        """Unit of the weight."""

    @property
    def kind(self) -> str:
        """Either "additive" or "diffusive"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """A receptor told without equations, for models that know theirs beforehand."""

    name: str
    unit: str
    nonnegative: bool = False
    kind: str = "jump"


@runtime_checkable
class Model(Protocol):
    """A built-in neuron model.

    A frozen value. All members but `neuron_model` must be cheap (no sympy).
    """

    @property
    def state_units(self) -> Mapping[str, str]:
        """State variable -> unit, in the order of the text; "1" where dimensionless."""

    @property
    def parameter_units(self) -> Mapping[str, str]:
        """Parameter of the equations -> unit, `t_ref` included where there is one."""

    @property
    def parameter_values(self) -> Mapping[str, Any]:
        """Parameter of the equations -> float, array (one value per neuron) or Distribution."""

    @property
    def receptors(self) -> tuple[ReceptorLike, ...]:
        """Where spikes may arrive, in the order of the text."""

    @property
    def couplings(self) -> tuple[CouplingLike, ...]:
        """Continuous inputs, in the order of the text; () where there are none."""

    @property
    def emits_spikes(self) -> bool:
        """Whether the model has a threshold or a hazard."""

    @property
    def injectable(self) -> bool:
        """Whether injected current has a place in the equations."""

    def neuron_model(self) -> Any:
        """Return the `NeuronModel` with the equations; a `NeuronModel` returns itself."""


@runtime_checkable
class Source(Protocol):
    """A source of spikes or current without equations (Poisson, SpikeTimes, Input, ...).

    One that cannot be told per neuron in ``net.drive`` (it is common to all its neurons, or has
    to be addressed by name) says so with an attribute ``drivable = False``.
    """

    @property
    def is_source(self) -> Literal[True]:
        """Tells sources from neuron models."""

    @property
    def emits_spikes(self) -> bool:
        """False for ``Input("current")``."""

    @property
    def size(self) -> int | None:
        """The number of neurons its arrays are for; None where any number will do."""


def is_source(model: object) -> bool:
    """Return whether `model` is a source rather than a neuron model."""
    return getattr(model, "is_source", False) is True


@dataclass(frozen=True, slots=True, kw_only=True)
class Interface:
    """The facts about one model that its population is asked for, read once.

    The members are those of `Model`; a source has no states, parameters or inputs.
    """

    state_units: Mapping[str, str]
    parameter_units: Mapping[str, str]
    parameter_values: Mapping[str, Any]
    receptors: tuple[ReceptorLike, ...]
    couplings: tuple[CouplingLike, ...]
    emits_spikes: bool
    injectable: bool
    is_source: bool


def interface(model: Any, place: str) -> Interface:
    """Return the facts about a neuron model, a `NeuronModel` or a source.

    Raises
    ------
    DescriptionError
        If `model` is none of these; a class given in place of an instance is told apart.
    """
    if isinstance(model, type):
        remedy = f"Call it to make one: {model.__name__}(...)."
        raise DescriptionError(place, model, "a model", remedy)
    if is_source(model):
        return _of_source(model)
    if isinstance(model, Model):
        return _of_model(model)
    if hasattr(model, "spec") and hasattr(model, "parameters"):
        return _of_equations(model)
    expected = "a model such as neurosim.LIF(...), a NeuronModel or a spike source"
    raise DescriptionError(place, model, expected)


def _of_source(source: Source) -> Interface:
    return Interface(
        state_units={},
        parameter_units={},
        parameter_values={},
        receptors=(),
        couplings=(),
        emits_spikes=source.emits_spikes,
        injectable=False,
        is_source=True,
    )


def _of_model(model: Model) -> Interface:
    return Interface(
        state_units=model.state_units,
        parameter_units=model.parameter_units,
        parameter_values=model.parameter_values,
        receptors=model.receptors,
        couplings=model.couplings,
        emits_spikes=model.emits_spikes,
        injectable=model.injectable,
        is_source=False,
    )


def _of_equations(model: Any) -> Interface:
    """Read a `NeuronModel`, whose equations are classified already."""
    spec = model.spec()
    return Interface(
        state_units={name: spec.units[name] for name in spec.states},
        parameter_units={name: spec.units[name] for name in spec.parameters},
        parameter_values={**spec.defaults, **model.parameters},
        receptors=spec.receptors,
        couplings=spec.couplings,
        emits_spikes=spec.threshold is not None or spec.hazard is not None,
        injectable=spec.injectable,
        is_source=False,
    )
