"""One of our populations as a model of NEST: parameters, receptors and states, both ways.

Nothing here calls NEST: numbers in, numbers out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from neurosim.describe.population import Population
from neurosim.errors import UnsupportedError
from neurosim.features import synapse_kinds
from neurosim.lower.plan import Floats, PlanPopulation
from neurosim.lower.values import LONGEST_HOLD, nearest_steps
from neurosim_backends.nest.published import name_of, receptors_of
from neurosim_backends.nest.table import JUMPS, KINDS, ROWS, Kind, Row, evaluate, rows_of

SIGNS = ("ex", "in")


@dataclass(frozen=True, slots=True)
class Signs:
    """Signs of what arrives at one receptor: weights, and initial currents."""

    positive: bool = False
    negative: bool = False

    def __or__(self, other: Signs) -> Signs:
        return Signs(self.positive or other.positive, self.negative or other.negative)

    @classmethod
    def of(cls, values: Any) -> Signs:
        """Return the signs that occur; 0 has none."""
        array = np.asarray(values)
        return cls(bool(np.any(array > 0)), bool(np.any(array < 0)))


@dataclass(frozen=True, slots=True)
class Port:
    """Where the arrivals of one receptor go.

    Attributes
    ----------
    number : int
        NEST's receptor_type.
    factor : float or (n,) float64
        What weights are multiplied with; one per neuron where parameters differ.
    sides : tuple of str
        "ex" and "in" where receptors are told apart by sign: both, if one receptor takes weights
        of either sign.
    """

    number: int = 0
    factor: float | Floats = 1.0
    sides: tuple[str, ...] = ()

    def weights(self, weight: Floats, target: Any) -> Floats:
        """Return the weights of connections to the neurons `target` (local ids) in NEST."""
        factor = self.factor[target] if np.ndim(self.factor) else self.factor  # type: ignore[index]
        return np.asarray(weight * factor, np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Synaptic:
    """A state of a receptor: what it is in NEST, and how it moves by itself.

    Attributes
    ----------
    state : str
        Ours.
    recordable : tuple of (str, float)
        What a multimeter records, and its sign; ours is the sum.
    status : tuple of (str, float)
        Where the neuron's status shows it (summed, too); () where it does not.
    index : int or None
        Place in the status' list, where it is a list.
    settable : bool
        Whether it can be set in the status.
    unsigned : bool
        Whether NEST refuses values below 0.
    partner : str
        For `x`, our state that it drives; for that, "" .
    """

    state: str
    recordable: tuple[tuple[str, float], ...] = ()
    status: tuple[tuple[str, float], ...] = ()
    index: int | None = None
    settable: bool = False
    unsigned: bool = False
    partner: str = ""


@dataclass
class Binding:
    """A population and its model in NEST.

    Attributes
    ----------
    population : PlanPopulation
    row : Row
    ports : dict
        Receptor -> Port.
    kinds : dict
        Receptor -> its kind.
    synaptic : dict
        Our synaptic state -> Synaptic.
    dt : float
    """

    population: PlanPopulation
    row: Row
    dt: float
    kinds: dict[str, str]
    ports: dict[str, Port] = field(default_factory=dict)
    synaptic: dict[str, Synaptic] = field(default_factory=dict)

    # --- parameters -------------------------------------------------------------------------

    def parameters(self, ours: Mapping[str, Any]) -> dict[str, Any]:
        """Return NEST's parameters: floats, (n,) arrays, or lists of these for lists of NEST.

        Parameters
        ----------
        ours : mapping
            Our parameters: floats or (n,) arrays.
        """
        values = {"V_reset": 0.0, **ours, "dt": self.dt}  # LIF(reset="zero") has no V_reset
        found = {name: evaluate(text, values) for name, text in self.row.parameters.items()}
        if "t_ref" in found:
            place = f"Population {self.population.name!r}: t_ref"
            # Whole steps: NEST's own rounding of other times is not ours.
            steps = nearest_steps(ours["t_ref"], self.dt, place, LONGEST_HOLD)
            held = steps * self.dt
            found["t_ref"] = float(held) if np.ndim(held) == 0 else held
        if self.row.model == "parrot_neuron":
            return found
        for name, (stem, factor) in self.row.vectors.items():
            parts: list[Any] = []
            while f"{stem}_{len(parts) + 1}" in ours:
                parts.append(ours[f"{stem}_{len(parts) + 1}"] * factor)
            found[name] = parts
        return {**found, **self.synaptic_parameters(ours)}

    def synaptic_parameters(self, ours: Mapping[str, Any]) -> dict[str, Any]:
        """Return NEST's parameters of the receptors, which also say how many there are."""
        found: dict[str, Any] = {}
        for receptor, kind in self.kinds.items():
            if kind not in KINDS:
                continue
            for stem, name in KINDS[kind].parameters.items():
                value = ours[f"{stem}_{receptor}"]
                if self.row.style == "ports":
                    found.setdefault("E_rev" if name == "E" else name, []).append(value)
                else:
                    found |= {f"{name}_{side}": value for side in self.ports[receptor].sides}
        return found

    def current_factor(self, ours: Mapping[str, Any]) -> Any:
        """Return what our currents [pA] are multiplied with: a float or (n,)."""
        return evaluate(self.row.current, {**ours, "dt": self.dt})

    # --- states -----------------------------------------------------------------------------

    def recordable(self, state: str) -> tuple[tuple[str, float], ...]:
        """Return what a multimeter records for a state of ours, with signs; the sum is ours."""
        if state in self.row.states:
            return ((self.row.states[state], 1.0),)
        return self.synaptic[state].recordable if state in self.synaptic else ()

    def driven_by(self, state: str) -> str:
        """Return the recorded state that a second state drives, and can be told from; or ""."""
        synaptic = self.synaptic.get(state)
        if synaptic is None or synaptic.recordable or not synaptic.partner:
            return ""
        return synaptic.partner if self.recordable(synaptic.partner) else ""

    def is_shown(self, state: str) -> bool:
        """Whether the status of a neuron has a state of ours."""
        if state in self.row.states:
            return True
        return state in self.synaptic and bool(self.synaptic[state].status)

    def from_status(
        self, state: str, status: Mapping[str, Any], ours: Mapping[str, Any], where: Any
    ) -> Floats:
        """Return a state of ours from NEST's status.

        Parameters
        ----------
        status : mapping
            Name -> (n,) values, or n lists.
        ours : mapping
            Our parameters.
        where : (n,) int
            The neurons that the status is of.
        """
        if state in self.row.states:
            return np.asarray(status[self.row.states[state]], np.float64)
        s = self.synaptic[state]
        total = np.zeros(len(where))
        for name, sign in s.status:
            values = status[name]
            if s.index is not None:
                values = [one[s.index] for one in values]
            total += sign * np.asarray(values, np.float64)
        if not s.partner:
            return total
        driven = self.from_status(s.partner, status, ours, where)
        gain, mixed = self._second_state(state, ours, where)
        return np.asarray((total - mixed * driven) / gain)

    def status_names(self, state: str) -> tuple[str, ...]:
        """Return the entries of the status that `from_status` reads for a state."""
        if state in self.row.states:
            return (self.row.states[state],)
        s = self.synaptic[state]
        own = tuple(name for name, _ in s.status)
        return own + (self.status_names(s.partner) if s.partner else ())

    def to_status(
        self, values: Mapping[str, Any], ours: Mapping[str, Any], where: Any
    ) -> dict[str, Any]:
        """Return entries of NEST's status for states of ours that can be set there.

        `values` has with every second state also the first, which it is expressed with.
        """
        found: dict[str, Any] = {}
        for state, value in values.items():
            if state in self.row.states:
                found[self.row.states[state]] = value
                continue
            s = self.synaptic[state]
            if s.partner:
                gain, mixed = self._second_state(state, ours, where)
                value = gain * np.asarray(value) + mixed * np.asarray(values[s.partner])
            value = np.asarray(value, np.float64)
            for name, sign in s.status:
                # Of two that are summed, the one that carries this sign without a minus.
                part = value if len(s.status) == 1 else np.where(value * sign > 0, value, 0.0)
                found[name] = sign * part
        return found

    def _second_state(self, state: str, ours: Mapping[str, Any], where: Any) -> tuple[Any, Any]:
        """Return (a, b) of NEST's second state a x + b g.

        Ours: dg/dt = (k x - g) / decay, dx/dt = -x / rise, so y = k x / decay. Where the two times
        are the other way round, dg/dt = y - g / rise and dy/dt = -y / decay, so
        y = k x / decay + g (1 / rise - 1 / decay).
        """
        receptor = state.removeprefix("x_")
        kind = KINDS[self.kinds[receptor]]
        rise, decay = (self._times(name, receptor, ours, where) for name in (kind.rise, kind.decay))
        mixed = 1 / rise - 1 / decay if self.row.crossed else 0.0
        return peak_factor(kind, rise, decay) / decay, mixed

    def _times(self, stem: str, receptor: str, ours: Mapping[str, Any], where: Any) -> Any:
        value = ours[f"{stem}_{receptor}"]
        return value[where] if np.ndim(value) else value


def peak_factor(kind: Kind, rise: Any, decay: Any) -> Any:
    """Return k of dg/dt = (k x - g) / decay, with which a unit of x makes a peak of 1."""
    if kind.peak == "alpha":
        return np.e
    ratio = np.asarray(decay / rise, np.float64)
    z = np.log(ratio)
    with np.errstate(invalid="ignore", divide="ignore"):
        slope = np.where(z == 0, 1.0, z / np.expm1(z))
    return np.exp(ratio * slope)


def bind(
    population: Population,
    plan: PlanPopulation,
    signs: Mapping[str, Signs],
    ours: Mapping[str, Any],
    dt: float,
    *,
    known: Sequence[Row] = ROWS,
) -> Binding:
    """Choose the model of NEST for a population.

    Parameters
    ----------
    signs : mapping
        Receptor -> signs of everything that arrives there.
    ours : mapping
        Our parameters.
    known : sequence of Row
        The models to choose from.

    Raises
    ------
    UnsupportedError
        Naming the population and what NEST has no form of.
    """
    model: Any = population.model
    kinds, neuron = receptors_of(model), name_of(model)
    rows = [row for row in rows_of(neuron, frozenset(kinds.values())) if row in known]
    part = f"Population {population.name!r}"
    if not rows:
        raise UnsupportedError(
            f"{part}: {neuron} with {synapse_kinds(model)}", "NEST has no model that is the same"
        )
    problem = ""
    for row in rows:
        found = Binding(plan, row, dt, kinds)
        problem = problem or _misfit(row, len(kinds))
        if _misfit(row, len(kinds)):
            continue
        ports = _ports(found, signs, ours)
        if isinstance(ports, str):
            problem = ports
            continue
        found.ports = ports
        found.synaptic = _synaptic(found)
        return found
    raise UnsupportedError(
        f"{part}: receptors {', '.join(repr(k) for k in kinds)}",
        problem,
        "two receptors, one with weights of 0 and above, one of 0 and below",
    )


def _misfit(row: Row, n_receptors: int) -> str:
    if row.at_most is not None and n_receptors > row.at_most:
        return f"{row.model} has two receptors only"
    return ""


def _ports(
    binding: Binding, signs: Mapping[str, Signs], ours: Mapping[str, Any]
) -> dict[str, Port] | str:
    """Return where the receptors are found in NEST, or why they are not."""
    row = binding.row
    names = list(binding.kinds)
    match row.style:
        case "relay":
            return {"spikes": Port()}
        case "ports":
            return {name: Port(number=k + 1) for k, name in enumerate(names)}
        case "jump":
            values = {**ours, "dt": binding.dt}
            factors = {k: evaluate(JUMPS[k] or row.pulse, values) for k in binding.kinds.values()}
            return {name: Port(factor=factors[kind]) for name, kind in binding.kinds.items()}
        case "sign":
            return _by_sign(row, binding.kinds, signs)


def _by_sign(
    row: Row, kinds: Mapping[str, str], signs: Mapping[str, Signs]
) -> dict[str, Port] | str:
    names = list(kinds)
    conductance = KINDS[kinds[names[0]]].conductance
    if conductance:
        # Weights are not negative; a minus sign in NEST names the receptor, and is taken off there.
        return {
            name: Port(factor=1.0 if side == "ex" else -1.0, sides=(side,))
            for name, side in zip(names, SIGNS, strict=False)
        }
    if len(names) == 1:
        return {names[0]: Port(sides=SIGNS)}
    first, second = (signs.get(name, Signs()) for name in names)
    if not first.negative and not second.positive:
        order = names
    elif not first.positive and not second.negative:
        order = names[::-1]
    else:
        return (
            f"{row.model} tells its two receptors apart by the sign of the weight; here both signs "
            "arrive at one of them"
        )
    return {name: Port(sides=(side,)) for name, side in zip(order, SIGNS, strict=True)}


def _synaptic(binding: Binding) -> dict[str, Synaptic]:
    """Return the synaptic states and what NEST makes of them."""
    row = binding.row
    found: dict[str, Synaptic] = {}
    for receptor, kind_name in binding.kinds.items():
        if kind_name not in KINDS:
            continue
        kind = KINDS[kind_name]
        port = binding.ports[receptor]
        letter = "g" if kind.conductance else "I"
        first = f"{letter}_{receptor}"

        def named(
            stem: str, there: frozenset[str], whole: str, port: Port = port
        ) -> tuple[tuple[str, float], ...]:
            if stem not in there:
                return ()
            if row.style == "ports":
                return ((whole, 1.0),)
            signs = {"ex": 1.0, "in": row.inhibition}
            return tuple((f"{stem}_{side}", signs[side]) for side in port.sides)

        index = port.number - 1 if row.style == "ports" else None
        found[first] = Synaptic(
            state=first, recordable=named(kind.state, row.recorded, f"{kind.state}_{port.number}"),
            status=named(kind.state, row.shown, kind.state), index=index,
            settable=kind.state in row.taken, unsigned=kind.state in row.unsigned,
        )  # fmt: skip
        if kind.peak:
            found[f"x_{receptor}"] = Synaptic(
                state=f"x_{receptor}", status=named(kind.rate, row.shown, kind.rate), index=index,
                settable=kind.rate in row.taken, unsigned=kind.rate in row.unsigned, partner=first,
            )  # fmt: skip
    return found
