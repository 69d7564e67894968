"""What a run would cost on a chip: operations that were counted, times constants from papers.

An estimate, never a measurement: leakage, clocks, control and communication between chips are left
out, and constants of one process and one design are taken for all there is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from neurosim.describe.network import Network
from neurosim.describe.sources import Poisson
from neurosim.errors import DescriptionError, UnknownNameError, UnsupportedError
from neurosim.lower.lowering import lower
from neurosim.lower.plan import Plan
from neurosim.results import Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Operations:
    """What was done: in a run, or in the mean for one image.

    Attributes
    ----------
    spikes : float
        Spikes that were emitted.
    synaptic_operations : float
        Arrivals of spikes: a weight is read and added to a neuron.
    multiplications : float
        Products of a weight and a number that is no spike: currents of an analog input, states
        read by continuous coupling; in every step.
    updates : float
        Neurons times steps.
    """

    spikes: float = 0.0
    synaptic_operations: float = 0.0
    multiplications: float = 0.0
    updates: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyProfile:
    """What one operation costs.

    Attributes
    ----------
    name : str
    synaptic_operation, multiplication, update, spike : float
        Energy of each [pJ], without what `memory` counts.
    memory : float
        Energy to read or write a byte [pJ]; 0 where the other figures include it.
    weight_bytes, state_bytes, activation_bytes : float
        Size of a weight, of a neuron's state and of an input that is no spike.
    source : str
        Where the figures come from, and what is to be known about them.
    """

    name: str
    synaptic_operation: float
    multiplication: float
    update: float
    spike: float = 0.0
    memory: float = 0.0
    weight_bytes: float = 0.0
    state_bytes: float = 0.0
    activation_bytes: float = 0.0
    source: str = ""


_HOROWITZ = (
    "Horowitz (2014), ISSCC, doi 10.1109/ISSCC.2014.6757323, fig. 1.1.9: arithmetic in 45 nm at "
    "0.9 V; a cache of 32 KB takes 20 pJ for 64 bits, 2.5 pJ per byte. Every operand is fetched "
    "anew: a synaptic operation reads a weight, reads and writes a membrane"
)

_NO_ANALOG_INPUT = "no analog input: each of its products is taken for a synaptic operation"


def _in_45nm(
    name: str, told: str, *, addition: float, product: float, weight_bytes: float,
    state_bytes: float,
) -> EnergyProfile:  # fmt: skip
    """Return a profile of Horowitz's figures: a product is added, an update adds twice."""
    return EnergyProfile(
        name=name, source=f"{_HOROWITZ} ({told})", memory=2.5,
        synaptic_operation=addition, multiplication=round(addition + product, 9),
        update=2 * addition,
        weight_bytes=weight_bytes, activation_bytes=weight_bytes, state_bytes=state_bytes,
    )  # fmt: skip


_PROFILES = (
    _in_45nm(
        "45nm", "weights of 8 bits, membranes of 16",
        addition=0.03, product=0.2, weight_bytes=1, state_bytes=2,
    ),
    _in_45nm(
        "45nm-fp16", "floats of 16 bits",
        addition=0.4, product=1.1, weight_bytes=2, state_bytes=2,
    ),
    _in_45nm(
        "45nm-fp32", "floats of 32 bits",
        addition=0.9, product=3.7, weight_bytes=4, state_bytes=4,
    ),
    EnergyProfile(
        name="loihi",
        synaptic_operation=23.6, multiplication=23.6, update=81.0, spike=3.5,
        source="Davies et al. (2018), IEEE Micro 38(1):82-99, doi 10.1109/MM.2018.112130359, "
        "table 2: figures from before silicon, memory included; a spike makes one hop. The chip "
        f"has {_NO_ANALOG_INPUT}",
    ),
    EnergyProfile(
        name="spinnaker",
        synaptic_operation=13_300.0, multiplication=13_300.0, update=26_000.0,
        source="as given by Hoeppner et al. (2019), arXiv:1903.08941, memory included; "
        f"{_NO_ANALOG_INPUT}",
    ),
    EnergyProfile(
        name="spinnaker2",
        synaptic_operation=450.0, multiplication=450.0, update=2_190.0,
        source="Hoeppner et al. (2019), arXiv:1903.08941: a prototype of SpiNNaker 2, memory "
        f"included; {_NO_ANALOG_INPUT}",
    ),
)  # fmt: skip

PROFILES: Mapping[str, EnergyProfile] = MappingProxyType({p.name: p for p in _PROFILES})
"""Profiles by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyEstimate:
    """An estimate of energy, by its parts [pJ].

    Attributes
    ----------
    profile : EnergyProfile
    operations : Operations
    arithmetic, memory, routing : float
        What is computed, what is fetched and stored (0 where the profile has it in the rest),
        and what brings spikes on their way.
    """

    profile: EnergyProfile
    operations: Operations
    arithmetic: float
    memory: float
    routing: float

    @property
    def total(self) -> float:
        """All parts together [pJ]."""
        return self.arithmetic + self.memory + self.routing

    def __repr__(self) -> str:
        o = self.operations
        within = "" if self.profile.memory else ", memory within the arithmetic"
        return (
            f"estimated {energy_text(self.total)} on {self.profile.name!r}, not measured: "
            f"arithmetic {energy_text(self.arithmetic)}, memory {energy_text(self.memory)}, "
            f"routing {energy_text(self.routing)}{within}; of {o.synaptic_operations:,.0f} "
            f"synaptic operations, {o.multiplications:,.0f} multiplications, {o.updates:,.0f} "
            f"updates, {o.spikes:,.0f} spikes.\nSource of the constants: {self.profile.source}."
        )


def energy_text(picojoules: float) -> str:
    """Return an energy with a unit that suits it."""
    for unit, size in (("J", 1e12), ("mJ", 1e9), ("µJ", 1e6), ("nJ", 1e3)):
        if picojoules >= size:
            return f"{picojoules / size:.3g} {unit}"
    return f"{picojoules:.3g} pJ"


def find_profile(profile: Any) -> EnergyProfile:
    """Return a profile by name; a profile is returned as it is."""
    if isinstance(profile, EnergyProfile):
        return profile
    if not isinstance(profile, str) or profile not in PROFILES:
        raise UnknownNameError("energy: profile", profile, PROFILES)
    return PROFILES[profile]


def estimate(operations: Operations, profile: Any) -> EnergyEstimate:
    """Return operations times the constants of a profile."""
    p, o = find_profile(profile), operations
    arithmetic = (
        o.synaptic_operations * p.synaptic_operation
        + o.multiplications * p.multiplication
        + o.updates * p.update
    )
    moved = (
        o.synaptic_operations * (p.weight_bytes + 2 * p.state_bytes)
        + o.multiplications * (p.weight_bytes + p.activation_bytes + 2 * p.state_bytes)
        + o.updates * 2 * p.state_bytes
    )
    return EnergyEstimate(
        profile=p, operations=o, arithmetic=arithmetic, memory=moved * p.memory,
        routing=o.spikes * p.spike,
    )  # fmt: skip


def operations_of(run: Run, network: Any) -> Operations:
    """Count what a run did: its spikes times the connections of those that fired.

    Spikes of drives are not recorded, so their mean number is taken.

    Parameters
    ----------
    run : Run
        With the spikes of all populations that project.
    network : Network
        The network that was run.

    Raises
    ------
    DescriptionError
        If it is another network, or the spikes of a population that projects were not recorded.
    UnsupportedError
        For drives whose mean number is not known beforehand.
    """
    if not isinstance(network, Network):
        raise DescriptionError(
            "energy: network", network, "the neurosim.Network that was run",
            "A run knows who fired, the network knows with whom they are connected.",
        )  # fmt: skip
    dt = float(run.provenance["dt"])
    plan = lower(network, dt)
    if run.provenance.get("network_hash") != plan.network_hash:
        raise DescriptionError(
            "energy: network", network.name, "the network that was run",
            "Its content differs from that of the run.",
        )  # fmt: skip
    steps = round(run.duration / dt)
    # neuron -> its spikes, -1 where nobody looked
    spikes = np.full(plan.size, -1, np.int64)
    for name, record in run.spikes.items():
        spikes[network.populations[name].offset + record.neurons] = record.counts()
    arrivals = 0.0
    for name, pre in _connections(network, plan):
        unknown = spikes[pre] < 0
        if unknown.any():
            first = int(pre[unknown][0])
            who = next(p.name for p in plan.populations if p.offset <= first < p.offset + p.size)
            raise DescriptionError(
                f"energy: spikes of {who!r}, which projects by {name!r}", None, "a record",
                f'Record them: net.record(net["{who}"], "spikes").',
            )  # fmt: skip
        arrivals += float(spikes[pre].sum())
    arrivals += sum(_driven(drive, run.duration) for drive in plan.drives)
    products = sum(c.pre.size for c in (*plan.couplings, *plan.recurrences)) * steps
    neurons = sum(p.size for p in plan.populations if p.spec is not None)
    return Operations(
        spikes=float(spikes[spikes > 0].sum()),
        synaptic_operations=arrivals,
        multiplications=float(products),
        updates=float(neurons * steps),
    )


def _connections(network: Network, plan: Plan) -> list[tuple[str, Any]]:
    """Return the sources of all connections by which spikes go: (name, global ids)."""
    from neurosim.engine.wiring import enumerate_connections

    found = []
    for projection in plan.projections:
        listed = enumerate_connections(projection, plan.seed, plan.dt)
        found.append((projection.name, np.asarray(projection.pre)[listed.pre_position]))
    return found


def _driven(drive: Any, duration: float) -> float:
    rate = drive.source.rate if isinstance(drive.source, Poisson) else None
    if rate is None or not isinstance(rate, float | np.ndarray):
        raise UnsupportedError(
            "energy: a drive whose rate changes", "its spikes are not recorded",
            "a population with this source, recorded, and a projection",
        )  # fmt: skip
    return float(np.broadcast_to(rate, len(drive.ids)).sum() * duration * 1e-3)
