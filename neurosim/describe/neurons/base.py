"""What all built-in neurons share: checked parameters, and one way to their model text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from neurosim.describe.model_protocol import Port
from neurosim.describe.parts import ModelText, Part, total_current
from neurosim.describe.synapses import SpikeFilter, Synapses, check_synapses
from neurosim.describe.values import Value, described, require_choice, require_same_size
from neurosim.errors import DescriptionError

if TYPE_CHECKING:
    from neurosim.equations import NeuronModel


METHODS = (
    "exact", "exponential_euler", "semi_implicit", "rk4", "rk2", "euler", "heun", "milstein",
)  # fmt: skip


@described
class Neuron(Value):
    """A built-in neuron model: parameters with units, and the text they are put into.

    All models have besides their own parameters

    synapses : ReceptorKind, SynapsePair, Receptors or None
        Where spikes arrive.
    method : str or None
        How the equations are advanced: one of `METHODS`, or None for the best that fits (see
        `neurosim.NeuronModel`).

    Every parameter may be a float, an array (one value per neuron) or a Distribution. Nothing is
    known about a built-in but its text: `neuron_model` returns what a user would get by typing it.
    """

    synapses: Synapses | None = None
    method: str | None = None

    takes_numbers: ClassVar[bool] = False
    """Whether the input is a plain number, not a current."""

    def _check(self) -> None:
        place = f"{type(self).__name__}.synapses"
        check_synapses(self.synapses, place)
        for name, kind in self.synapses.named if self.synapses is not None else ():
            if isinstance(kind, SpikeFilter) and not self.takes_numbers:
                raise DescriptionError(
                    place, kind, f"synapses of a membrane, for {name!r}",
                    "A SpikeFilter makes a plain number: it is for rate units.",
                )  # fmt: skip
        if self.method is not None:
            require_choice(self, "method", METHODS)
        require_same_size(self)
        self._check_parameters()

    def _check_parameters(self) -> None:
        """Refuse parameters that do not fit together; each model adds its own."""

    def text(self) -> ModelText:
        """Return the model as text: equations, threshold, reset, inputs."""
        raise NotImplementedError

    @property
    def state_units(self) -> Mapping[str, str]:
        """State variable -> unit, in the order of the text."""
        return self.text().states

    @property
    def parameter_units(self) -> Mapping[str, str]:
        """Parameter of the equations -> unit."""
        return {name: unit for name, (unit, _) in self.text().parameters.items()}

    @property
    def parameter_values(self) -> Mapping[str, Any]:
        """Parameter of the equations -> float, array (n,) or Distribution."""
        return {name: value for name, (_, value) in self.text().parameters.items()}

    @property
    def receptors(self) -> tuple[Port, ...]:
        """Where spikes may arrive, in the order of the text."""
        return self.text().receptors

    @property
    def couplings(self) -> tuple[Port, ...]:
        """Continuous inputs, in the order of the text."""
        return self.text().couplings

    @property
    def emits_spikes(self) -> bool:
        """Whether the model has a threshold or a hazard."""
        text = self.text()
        return text.threshold is not None or text.hazard is not None

    @property
    def injectable(self) -> bool:
        """Whether injected current has a place in the equations."""
        return self.text().injectable

    def neuron_model(self) -> NeuronModel:
        """Return the model with its equations parsed (imports sympy; one text is parsed once)."""
        from neurosim.equations import NeuronModel

        text = self.text()
        return NeuronModel(
            text.name,
            equations=text.equations,
            threshold=text.threshold,
            reset=text.reset,
            refractory=text.refractory,
            inputs={inlet.name: inlet.action for inlet in text.inlets},
            parameters={name: value for name, (_, value) in text.parameters.items()},
            initial=text.initial,
            hazard=text.hazard,
            multiplicity=text.multiplicity,
            method=text.method,
        )


@dataclass(frozen=True, slots=True)
class InputCurrent:
    """The current that enters a membrane: all synapses, `I_e`, and what ``net.inject`` brings.

    Attributes
    ----------
    current : str
        A sum [pA], as a term.
    as_factor : str
        The same, in parentheses where it has several terms.
    equations : tuple of str
        The line it refers to, if any.
    """

    current: str
    as_factor: str
    equations: tuple[str, ...]


def input_current(synapses: Iterable[Part]) -> InputCurrent:
    """Return the current of `synapses` plus `I_e` and the injected current."""
    total = total_current(synapses)
    if not total.current:
        return InputCurrent("I_e + I_injected", "(I_e + I_injected)", ())
    return InputCurrent(
        f"{total.current} + I_e + I_injected",
        f"({total.current} + I_e + I_injected)",
        total.equations,
    )
