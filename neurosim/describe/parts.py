"""Model text from parts: the one path by which every built-in model gets its equations.

A neuron contributes its membrane, each receptor its own lines and the current it drives through
the membrane. `compose` joins them to the text that a user could have typed; nothing else about a
built-in model is ever handed on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from neurosim.describe.model_protocol import Port
from neurosim.errors import DescriptionError


@dataclass(frozen=True, slots=True, kw_only=True)
class Inlet:
    """Where spikes or a continuous quantity enter a model.

    Attributes
    ----------
    name : str
        The receptor's word.
    action : str
        "jump <state>", "pulse", "additive", "additive <symbol>", "diffusive", as in
        ``NeuronModel(inputs=...)``.
    unit : str
        Unit of the weight.
    nonnegative : bool
        Whether negative weights are refused.
    """

    name: str
    action: str
    unit: str
    nonnegative: bool = False

    @property
    def continuous(self) -> bool:
        """Whether it is a coupling rather than a receptor of spikes."""
        return self.action.split()[0] in ("additive", "diffusive")


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A piece of model text and what is known about it without reading it.

    Attributes
    ----------
    equations : tuple of str
        Differential equations and sub-expressions, one per line.
    states : mapping
        State variable -> unit, as the equations declare them.
    parameters : mapping
        Parameter -> (unit, value).
    inlets : tuple of Inlet
    current : str
        Expression for the current into the membrane [pA]; "" where there is none.
    initial : mapping
        State -> float or name of a parameter; 0 where left out.
    """

    equations: tuple[str, ...] = ()
    states: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, tuple[str, Any]] = field(default_factory=dict)
    inlets: tuple[Inlet, ...] = ()
    current: str = ""
    initial: Mapping[str, float | str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelText:
    """A whole model as text; the arguments of a `NeuronModel` and nothing more."""

    name: str
    equations: str
    states: Mapping[str, str]
    parameters: Mapping[str, tuple[str, Any]]
    inlets: tuple[Inlet, ...]
    initial: Mapping[str, float | str]
    threshold: str | None = None
    reset: str | None = None
    refractory: str | None = None
    hazard: str | None = None
    multiplicity: str | None = None
    method: str | None = None

    @property
    def receptors(self) -> tuple[Port, ...]:
        """Where spikes may arrive."""
        return tuple(
            Port(name=i.name, unit=i.unit, nonnegative=i.nonnegative)
            for i in self.inlets
            if not i.continuous
        )

    @property
    def couplings(self) -> tuple[Port, ...]:
        """Continuous inputs."""
        return tuple(
            Port(name=i.name, unit=i.unit, nonnegative=i.nonnegative, kind=i.action.split()[0])
            for i in self.inlets
            if i.continuous
        )

    @property
    def injectable(self) -> bool:
        """Whether injected current has a place: `I_injected`, which stands beside `I_e`."""
        return "I_e" in self.parameters


def total_current(parts: Iterable[Part], name: str = "I_synaptic") -> Part:
    """Return the line that adds up the currents of `parts` under `name` [pA].

    An empty part where no part drives a current; `current` is the name, or "".
    """
    currents = [p.current for p in parts if p.current]
    if not currents:
        return Part()
    return Part(equations=(f"{name} = {' + '.join(currents)} : pA",), current=name)


def compose(place: str, parts: Iterable[Part], **behaviour: Any) -> ModelText:
    """Join parts to one text.

    Parameters
    ----------
    place : str
        The model's name, used in messages only.
    parts : iterable of Part
        In the order of the text.
    **behaviour
        threshold, reset, refractory, hazard, multiplicity, method of `ModelText`.

    Raises
    ------
    DescriptionError
        If two parts use one name, as a receptor called "m" would with `tau_m`.
    """
    lines: list[str] = []
    states: dict[str, str] = {}
    parameters: dict[str, tuple[str, Any]] = {}
    initial: dict[str, float | str] = {}
    inlets: list[Inlet] = []
    for part in parts:
        for name in (*part.states, *part.parameters):
            if name in states or name in parameters:
                raise DescriptionError(
                    f"{place}.synapses",
                    name,
                    "names that occur once in the model",
                    "Give the receptor another name.",
                )
            if name in part.states:
                states[name] = part.states[name]
            else:
                parameters[name] = part.parameters[name]
        lines += part.equations
        initial.update(part.initial)
        inlets += part.inlets
    lines += [f"{name} : {unit}" for name, (unit, _) in parameters.items()]
    return ModelText(
        name=place,
        equations="\n".join(lines),
        states=states,
        parameters=parameters,
        inlets=tuple(inlets),
        initial=initial,
        **behaviour,
    )
