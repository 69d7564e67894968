"""Binary units: two values, and an order in which units are asked for theirs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from neurosim.describe.distributions import Distribution
from neurosim.describe.model_protocol import Port
from neurosim.describe.values import Value, described, quantity, require_choice, require_same_size
from neurosim.errors import DescriptionError

if TYPE_CHECKING:
    from neurosim.equations.spec import ModelSpec

UPDATES = ("asynchronous", "sequential", "synchronous")

FIELD = "field"
"""The coupling of binary units: what is summed before a unit decides."""

SPIKES = "spikes"
"""Their receptor of spikes."""


@described
class Binary(Value):
    """A unit with two values, as of Hopfield (1982) and of Ising models.

        h_i = sum_j w_ij s_j + bias_i + what comes from elsewhere
        T = 0:  s_i <- high if h_i > 0, low if h_i < 0, as it is if h_i = 0
        T > 0:  s_i <- high with probability (1 + tanh((high - low) h_i / (2 T))) / 2, else low

    For the values (-1, 1) the probability is (1 + tanh(h/T)) / 2, that of Glauber (1963). One unit
    at a time, and with symmetric weights, states then occur as often as exp(-E/T) says; at T = 0
    no update raises the energy E (`neurosim.energy`).

    One millisecond is one sweep, whatever the time step: n single updates, or one of all at once.

    Attributes
    ----------
    temperature : float, (n,) array or Distribution
        T, in the unit of the field; 0 or above.
    update : {"asynchronous", "sequential", "synchronous"}
        "asynchronous": one at a time, each once in a sweep, in an order that is drawn for every
        sweep. "sequential": one at a time, in the order of the units. "synchronous": all together,
        at the end of each millisecond, from the values before (Little, 1974).
    values : (low, high)
        (-1, 1) or (0, 1).
    bias : float, (n,) array or Distribution
        Added to the field.
    tau_spikes : float or None
        Time constant [ms] with which the field of an arriving spike decays. None: the unit has no
        receptor of spikes.

    States: `s`, at first `low`; with `tau_spikes` also `h_spikes`, the field of the spikes.
    Coupling: `field`. A projection within one population (``source="s"``) is read live, within the
    sweep, if it has no delay; all others as they are at the start of the step.

    Source: Hopfield (1982), PNAS 79:2554-2558; Glauber (1963), J. Math. Phys. 4:294-307; Little
    (1974), Math. Biosci. 19:101-120.
    """

    temperature: Any = quantity("1", default=0.0, range="nonnegative")
    update: Literal["asynchronous", "sequential", "synchronous"] = "asynchronous"
    values: tuple[float, float] = (-1, 1)
    bias: Any = quantity("1", default=0.0)
    tau_spikes: Any = None

    def _check(self) -> None:
        require_choice(self, "update", UPDATES)
        try:
            pair = tuple(float(v) for v in self.values)
        except (TypeError, ValueError):
            pair = ()
        if pair not in ((-1.0, 1.0), (0.0, 1.0)):
            raise DescriptionError("Binary.values", self.values, "(-1, 1) or (0, 1)")
        object.__setattr__(self, "values", (int(pair[0]), int(pair[1])))
        if self.tau_spikes is not None:
            object.__setattr__(self, "tau_spikes", _Decay(tau_spikes=self.tau_spikes).tau_spikes)
        require_same_size(self)

    @property
    def state_units(self) -> Mapping[str, str]:
        """State variable -> unit."""
        return {"s": "1"} if self.tau_spikes is None else {"s": "1", "h_spikes": "1"}

    @property
    def parameter_units(self) -> Mapping[str, str]:
        """Parameter -> unit."""
        units = {"temperature": "1", "bias": "1"}
        return units if self.tau_spikes is None else {**units, "tau_spikes": "ms"}

    @property
    def parameter_values(self) -> Mapping[str, Any]:
        """Parameter -> float, array (n,) or Distribution."""
        return {name: getattr(self, name) for name in self.parameter_units}

    @property
    def receptors(self) -> tuple[Port, ...]:
        """Where spikes may arrive."""
        return () if self.tau_spikes is None else (Port(name=SPIKES, unit="1"),)

    @property
    def couplings(self) -> tuple[Port, ...]:
        """Continuous inputs."""
        return (Port(name=FIELD, unit="1"),)

    @property
    def emits_spikes(self) -> bool:
        """False: others read the state `s`."""
        return False

    @property
    def injectable(self) -> bool:
        """False: a field that is the same for ever is the `bias`."""
        return False

    def check_state(self, name: str, value: Any, place: str) -> None:
        """Refuse values of `s` that a unit cannot have."""
        if name != "s":
            return
        low, high = self.values
        if isinstance(value, Distribution):
            raise DescriptionError(
                place, value, f"{low} or {high}",
                "Draw states yourself, e.g. with neurosim_datasets.random_patterns.",
            )  # fmt: skip
        array = np.asarray(value)
        wrong = (array != low) & (array != high)
        if wrong.any():
            raise DescriptionError(place, float(array[wrong].flat[0]), f"{low} or {high}")

    def neuron_model(self) -> Binary:
        """Return itself: it has a specification, but no equations."""
        return self

    def spec(self) -> ModelSpec:
        """Return what backends read: states, parameters and inputs, without a program."""
        from neurosim.equations.spec import Coupling, ModelSpec, Receptor

        receptors = tuple(Receptor(SPIKES, "jump", "h_spikes", "1") for _ in self.receptors)
        low, high = self.values
        return ModelSpec(
            name="Binary",
            states=tuple(self.state_units),
            parameters=tuple(self.parameter_units),
            units={**self.state_units, **self.parameter_units},
            defaults={},
            initial={name: float(low) if name == "s" else 0.0 for name in self.state_units},
            clamped=(),
            refractory=None,
            receptors=receptors,
            couplings=(Coupling(FIELD, "additive", "1"),),
            program=(),
            next_names={},
            threshold=None,
            hazard=None,
            reset=(),
            multiplicity=None,
            n_normals=0,
            injectable=False,
            method="none",
            derivatives=(),
            noise={},
            source_text=f"binary units, {low} or {high}, {self.update} updates",
            constant_names=(),
            constants_function=lambda parameters, dt: {},
        )


@described
class _Decay(Value):
    """Checks `Binary.tau_spikes`, which may be left out."""

    tau_spikes: Any = quantity("ms", default=1.0, range="positive", per_neuron=False)
