"""Converted networks beside what they stand for: an artificial network with few bits.

T steps of one bit tell T + 1 levels, which an activation of log2(T + 1) bits tells as well. So the
honest baseline of a conversion is the same network with activations of that many bits: Shen, Zhao,
Li, Li & Zeng (2024), Are conventional SNNs really efficient? A perspective from network
quantization, CVPR (arXiv:2311.10802); Yan, Bai & Wong (2024), Reconsidering the energy efficiency
of spiking neural networks (arXiv:2409.08290).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from neurosim.energy_estimates import (
    EnergyEstimate,
    EnergyProfile,
    Operations,
    energy_text,
    estimate,
)

WEIGHT_BITS = 8
"""Bits of a weight in the accounts."""

PUBLISHED_RATE = 0.057
"""Spikes per neuron and step below which Yan et al. (2024, version 4) find spikes to win at T = 5,
with the movement of data on a typical neuromorphic chip."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BitBudget:
    """The effort of a spiking network and of the quantised one it equals (Shen et al. 2024).

    Attributes
    ----------
    timesteps, spike_bits, weight_bits : int
    multiplications : float
        Products of weights and activations of one image in the artificial network. Those with the
        image itself are left out: it is analog in both.
    rate : float
        Mean number of spikes that a synapse brings in a step: the share of the possible
        synaptic operations that happens.
    """

    timesteps: int
    multiplications: float
    rate: float
    spike_bits: int = 1
    weight_bits: int = WEIGHT_BITS

    @property
    def budget(self) -> int:
        """Bits per product: steps x bits of a spike x bits of a weight."""
        return self.timesteps * self.spike_bits * self.weight_bits

    @property
    def activation_bits(self) -> int:
        """Bits of an activation that tells as many levels."""
        return math.ceil(math.log2(self.timesteps * (2**self.spike_bits - 1) + 1))

    @property
    def s_ace(self) -> float:
        """Arithmetic effort of all possible spikes: products x budget."""
        return self.multiplications * self.budget

    @property
    def ns_ace(self) -> float:
        """The same of the spikes that there were: what an event-driven chip does."""
        return self.s_ace * self.rate

    @property
    def ace(self) -> float:
        """Arithmetic effort of the quantised network: products x bits of both factors."""
        return self.multiplications * self.activation_bits * self.weight_bits


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A converted network beside the quantised one: energy of one image by one count.

    Attributes
    ----------
    spiking, quantised : EnergyEstimate
    skipping : EnergyEstimate
        The quantised network, where products with an activation of 0 are left out.
    budget : BitBudget
    break_even : float
        Rate at which both would need the same; 0 or less where silence would not be enough.
    """

    spiking: EnergyEstimate
    quantised: EnergyEstimate
    skipping: EnergyEstimate
    budget: BitBudget
    break_even: float

    @property
    def worthwhile(self) -> bool:
        """Whether the spiking network is estimated to need less."""
        return self.spiking.total < self.quantised.total

    def __str__(self) -> str:
        b = self.budget
        word = "less" if self.worthwhile else "more"
        even = (
            f"both would need the same at {100 * self.break_even:.2g} %"
            if self.break_even > 0
            else "it would need more even without a spike"
        )
        return (
            f"At T = {b.timesteps} the spiking network is estimated (not measured, profile "
            f"{self.spiking.profile.name!r}) to need {energy_text(self.spiking.total)} per image, "
            f"{word} than the same network with activations of {b.activation_bits} bits: "
            f"{energy_text(self.quantised.total)}, or {energy_text(self.skipping.total)} if it "
            f"skips zeros. A synapse brings a spike in {100 * b.rate:.2g} % of the steps; {even} "
            f"({100 * PUBLISHED_RATE:.1f} % at T = 5 in Yan et al. 2024). Bit budget {b.budget} "
            f"(S-ACE {b.s_ace:.3g}, NS-ACE {b.ns_ace:.3g}, quantised {b.ace:.3g})."
        )


def judge(
    spiking: Operations, budget: BitBudget, *, products: float, nonzero: float, activations: float,
    profile: EnergyProfile,
) -> Verdict:  # fmt: skip
    """Return both energies of one image.

    Parameters
    ----------
    spiking : Operations
        Of one image.
    budget : BitBudget
    products : float
        Products of weights and activations in the artificial network, those with the image too.
    nonzero : float
        How many of them have an activation that is not 0.
    activations : float
        Numbers that the artificial network stores.
    profile : EnergyProfile
        One with a memory term of its own: chips made for spikes have no such baseline.
    """
    p = profile
    bytes_of_activation = budget.activation_bits / 8
    ours = estimate(spiking, p)

    def quantised(count: float) -> EnergyEstimate:
        moved = count * (p.weight_bytes + bytes_of_activation) + activations * bytes_of_activation
        return EnergyEstimate(
            profile=p, operations=Operations(multiplications=count),
            arithmetic=count * p.multiplication, memory=moved * p.memory, routing=0.0,
        )  # fmt: skip

    dense = quantised(products)
    per_operation = estimate(Operations(synaptic_operations=1.0), p).total
    possible = budget.multiplications * budget.timesteps * per_operation
    return Verdict(
        spiking=ours, quantised=dense, skipping=quantised(nonzero), budget=budget,
        break_even=budget.rate + (dense.total - ours.total) / possible if possible else 0.0,
    )  # fmt: skip
