r"""Pair STDP in the integers of Lava's `STDPLoihi`.

Ours adds ``a_plus x`` to a weight when the postsynaptic neuron fires and takes ``a_minus y`` when
the presynaptic one does, x and y traces that a spike raises by 1. There, a spike raises a trace of
7 bits by an impulse, and a product ``m 2^e`` of the trace is added to a weight of 8 bits: with a
weight of w_max held as 255,

    m 2^e impulse = 255 a / w_max

of which mantissa, exponent and impulse are the three with the least error.

*The delay.* Ours lies on one side of a synapse, Loihi compares spikes as they are emitted. All
intervals between the two differ by the delay d, one step. So amplitudes are multiplied by what
traces lose or gain in a step, exp(-+ d / tau), and every pair counts as described but those that
the shift takes across 0: an interval of less than a step.

Sources: Davies et al. (2018), IEEE Micro 38(1):82-99; `STDPLoihi` of Lava 0.10.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from neurosim.describe.learning import STDP
from neurosim.describe.plasticity import PlasticityRule
from neurosim.errors import CapacityError
from neurosim_backends.loihi.chip import (
    LARGEST,
    RULE_EXPONENT,
    RULE_MANTISSA,
    TRACE_TAU,
    Learning,
)

IMPULSES = (16, 32)
"""Of a spike: between four and eight of them fill a trace, which is rounded in every step."""

ONE_SIGN = "w_min=0 or w_max=0"


@dataclass(frozen=True, kw_only=True)
class Taught:
    """A rule in integers, and how far off it is.

    Attributes
    ----------
    learning : Learning
    off : mapping of str to (float, str)
        Parameter -> the largest deviation, and its unit.
    """

    learning: Learning
    off: Mapping[str, tuple[float, str]]


def stdp_of(rule: Any) -> STDP | None:
    """Return a rule as additive pair STDP of all pairs; None where it is none.

    Parameters
    ----------
    rule : Learning or PlasticityRule
        As written, or as lowered.
    """
    if isinstance(rule, STDP):
        return rule if rule.pairing == "all" and rule.mu_plus == 0 == rule.mu_minus else None
    if not isinstance(rule, PlasticityRule) or rule.w_min is None or rule.w_max is None:
        return None
    names = {"tau_plus", "tau_minus", "a_plus", "a_minus"}
    if rule.name != "STDP" or set(rule.parameters) != names:
        return None
    said = STDP(
        **rule.parameters, w_min=rule.w_min, w_max=rule.w_max, delay=rule.delay,
        coincidence=rule.coincidence,
    )  # fmt: skip
    return said if said.plasticity_rule() == rule else None


def bound_of(rule: STDP) -> float:
    """Return the bound of the weight that is not 0."""
    return rule.w_max if rule.w_min == 0 else rule.w_min


def taught(rule: STDP, dt: float, epoch: int, seed: int, place: str, unit: str) -> Taught:
    """Turn a rule into integers.

    Parameters
    ----------
    dt : float
        [ms]; also the delay of the synapses.
    epoch : int
        Steps between two changes of weights.
    seed : int
    place, unit : str
        For messages; unit of the weight.

    Raises
    ------
    CapacityError
        If it changes weights by less than can be said, or not at all.
    """
    scale = LARGEST / abs(bound_of(rule))
    shift = 1.0 if rule.delay == "dendritic" else -1.0
    x_tau, y_tau = (_steps(tau, dt) for tau in (rule.tau_plus, rule.tau_minus))
    gains = np.exp(-shift * dt / rule.tau_plus), np.exp(shift * dt / rule.tau_minus)
    plus, x_impulse = _product(rule.a_plus * gains[0] * scale, f"{place}: a_plus", scale, unit)
    minus, y_impulse = _product(-rule.a_minus * gains[1] * scale, f"{place}: a_minus", scale, unit)
    if plus[0] == 0 == minus[0]:
        raise CapacityError(f"{place}: a_plus and a_minus are 0. Use plasticity=None.")

    def amplitude(product: tuple[int, int], impulse: int, gain: float) -> float:
        return float(product[0] * 2.0 ** product[1] * impulse / gain / scale)

    off = {
        "tau_plus": (abs(x_tau * dt - rule.tau_plus), "ms"),
        "tau_minus": (abs(y_tau * dt - rule.tau_minus), "ms"),
        "a_plus": (abs(amplitude(plus, x_impulse, gains[0]) - rule.a_plus), unit),
        "a_minus": (abs(amplitude(minus, y_impulse, gains[1]) + rule.a_minus), unit),
    }
    learning = Learning(
        epoch=epoch, x_impulse=x_impulse, y_impulse=y_impulse, x_tau=x_tau, y_tau=y_tau,
        minus=minus, plus=plus, seed=seed,
    )  # fmt: skip
    return Taught(learning=learning, off=off)


def _steps(tau: float, dt: float) -> int:
    return int(np.clip(round(tau / dt), *TRACE_TAU))


def _product(
    wanted: float, part: str, scale: float, unit: str
) -> tuple[tuple[int, int], int]:  # fmt: skip
    """Return mantissa and exponent, and impulse, whose product is nearest to a number."""
    if wanted == 0:
        return (0, 0), IMPULSES[0]
    least = 2.0 ** RULE_EXPONENT[0]
    if abs(wanted) < least / 2:
        raise CapacityError(
            f"{part} is {abs(wanted) / scale:.3g} {unit}, less than half of {least / scale:.3g} "
            f"{unit}, the least change that a product of Loihi's has beside this bound of the "
            f"weight. Use a larger one."
        )
    low = IMPULSES[0] if abs(wanted) >= least * IMPULSES[0] else 1
    impulse, mantissa, exponent = np.meshgrid(
        np.arange(low, IMPULSES[1] + 1), np.arange(1, RULE_MANTISSA[1] + 1),
        np.arange(RULE_EXPONENT[0], RULE_EXPONENT[1] + 1), indexing="ij",
    )  # fmt: skip
    off = np.abs(impulse * mantissa * 2.0**exponent - abs(wanted))
    best = int(np.argmin(off))
    sign = 1 if wanted > 0 else -1
    return (sign * int(mantissa.flat[best]), int(exponent.flat[best])), int(impulse.flat[best])
