"""The numbers of the networks, apart from neurosim: a peer's environment need not have it.

Units are ms, mV, pF, pA, nS and Hz.
"""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

from benchmarks.references.nest_reference import MICROCIRCUIT, microcircuit_sizes

BRUNEL = SimpleNamespace(
    n_exc=10_000, n_inh=2_500, c_exc=1_000, c_inh=250,
    tau_m=20.0, v_th=20.0, v_reset=10.0, t_ref=2.0, delay=1.5,
    j=0.1, g=5.0, eta=2.0,
)  # fmt: skip
"""Brunel (2000), model A, regime C: asynchronous and irregular."""

VOGELS_ABBOTT = SimpleNamespace(
    n_exc=3_200, n_inh=800, p=0.02, tau_exc=5.0, tau_inh=10.0,
    v_th=-50.0, v_reset=-60.0, t_ref=5.0, c_m=200.0, g_leak=10.0,
    e_leak_cuba=-49.0, w_exc_cuba=16.2, w_inh_cuba=-90.0,
    e_leak=-60.0, e_exc=0.0, e_inh=-80.0, w_exc=6.0, w_inh=67.0,
    v_start=(-65.0, 5.0), g_exc_start=(40.0, 15.0), g_inh_start=(200.0, 120.0),
    g_na=20_000.0, g_k=6_000.0, e_na=50.0, e_k=-90.0, v_t=-63.0, v_spike=-20.0, t_ref_hh=3.0,
)  # fmt: skip
"""Benchmarks 1 to 3 of Brette et al. (2007)."""

STDP = SimpleNamespace(
    n_exc=9_000, n_inh=2_250, c_exc=900, c_inh=225,
    tau_m=20.0, v_th=20.0, v_reset=10.0, t_ref=2.0, delay=1.5, j=0.1, g=5.0,
    tau_plus=20.0, tau_minus=20.0, rate=1e-5, alpha=1.05, w_max=0.2,
)  # fmt: skip
"""Brunel's network, smaller, with pair STDP from excitatory to excitatory neurons.

Additive, as NEST's ``stdp_synapse`` with lambda = `rate`, alpha and Wmax = `w_max`: slow enough
that rates stay what they are while it is measured, and every update is made.
"""

SPARSE = SimpleNamespace(
    n_exc=80_000, n_inh=20_000, c_exc=800, c_inh=200,
    tau_m=10.0, c_m=250.0, e_leak=-65.0, v_th=-50.0, v_reset=-65.0, t_ref=2.0, tau_syn=0.5,
    w=87.8, g=8.0, delay=1.5, rate=6_900.0, v_start=(-55.0, 2.0),
)  # fmt: skip
"""A balanced network of many quiet neurons: 1,000 synapses each, about 1 Hz.

Neurons as in the microcircuit; `rate` is the external input of a neuron, with weight `w`.
"""


def size(number: int, scale: float) -> int:
    """Return a scaled number of neurons."""
    return round(number * scale)


def microcircuit(scale: float, drive: str) -> Any:
    """Return the microcircuit's numbers with neurons and in-degrees scaled.

    With drive "dc", a constant current replaces the mean of the external input: a fraction
    sqrt(scale) of it, for the scaled circuit makes up for the rest anyway.
    """
    p = MICROCIRCUIT
    found = microcircuit_sizes(scale)
    if drive == "dc":
        at_full_scale = found["weight_external_pa"] * math.sqrt(scale)
        found["dc_pa"] = [
            current
            + 1e-3 * p["tau_syn_ms"] * math.sqrt(scale) * at_full_scale * k * p["external_rate_hz"]
            for current, k in zip(found["dc_pa"], p["external_in_degree"], strict=True)
        ]
    return SimpleNamespace(**{**p, **found})  # of the two external rates, the neuron's
