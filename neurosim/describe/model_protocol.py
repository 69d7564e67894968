"""What a description asks of a model: facts that are cheap to tell, without sympy.

Every built-in model, `NeuronModel` and every spike source has these members. They are enough to
refuse a wrong receptor, state, unit or size in the line that wrote it, long before the equations
are turned into a program.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """A receptor told without equations, for models that know theirs beforehand."""

    name: str
    unit: str
    nonnegative: bool = False


@runtime_checkable
class Model(Protocol):
    """A neuron model: built in, or a `NeuronModel` from text.

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


def check_model(model: object, place: str) -> None:
    """Refuse what is neither a neuron model nor a source.

    Raises
    ------
    DescriptionError
        Naming `place`; a class given in place of an instance is told apart.
    """
    if isinstance(model, type):
        raise DescriptionError(
            place, model, "a model", f"Call it to make one: {model.__name__}(...)."
        )
    if not (is_source(model) or isinstance(model, Model)):
        raise DescriptionError(
            place, model, "a model such as neurosim.LIF(...), a NeuronModel or a spike source"
        )
