"""The cortical microcircuit of Potjans & Diesmann (2014).

Sources: Potjans & Diesmann (2014), The cell-type specific cortical microcircuit: relating structure
and activity in a full-scale spiking network model, Cereb. Cortex 24:785-806,
doi 10.1093/cercor/bhs358; parameters as in the authors' current reference implementation in NEST.
Down-scaling: van Albada, Helias & Diesmann (2015), Scalability of asynchronous networks is limited
by one-to-one mapping between effective connectivity and correlations, PLoS Comput. Biol.
11:e1004490, doi 10.1371/journal.pcbi.1004490.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

import neurosim as ns
from neurosim.errors import UnknownNameError
from neurosim_models._scaling import checked_scale, scaled

Floats = npt.NDArray[np.float64]

POPULATIONS = ("L23E", "L23I", "L4E", "L4I", "L5E", "L5I", "L6E", "L6I")
NEURONS = (20683, 5834, 21915, 5479, 4850, 1065, 14395, 2948)

PROBABILITIES = (
    (0.1009, 0.1689, 0.0437, 0.0818, 0.0323, 0.0000, 0.0076, 0.0000),
    (0.1346, 0.1371, 0.0316, 0.0515, 0.0755, 0.0000, 0.0042, 0.0000),
    (0.0077, 0.0059, 0.0497, 0.1350, 0.0067, 0.0003, 0.0453, 0.0000),
    (0.0691, 0.0029, 0.0794, 0.1597, 0.0033, 0.0000, 0.1057, 0.0000),
    (0.1004, 0.0622, 0.0505, 0.0057, 0.0831, 0.3726, 0.0204, 0.0000),
    (0.0548, 0.0269, 0.0257, 0.0022, 0.0600, 0.3158, 0.0086, 0.0000),
    (0.0156, 0.0066, 0.0211, 0.0166, 0.0572, 0.0197, 0.0396, 0.2252),
    (0.0364, 0.0010, 0.0034, 0.0005, 0.0277, 0.0080, 0.0658, 0.1443),
)
"""Probability that a pair is connected at least once; rows are targets, columns sources."""

EXTERNAL_INDEGREES = (1600, 1500, 2100, 1900, 2000, 1900, 2900, 2100)
EXTERNAL_RATE = 8.0
"""Of each external source [Hz]."""

TAU_M, C_M, E_L, V_TH, V_RESET, T_REF, TAU_SYN = 10.0, 250.0, -65.0, -50.0, -65.0, 2.0, 0.5
EPSP = 0.15
"""Peak of an excitatory postsynaptic potential [mV]."""
INHIBITION = -4.0
"""Inhibitory weights relative to excitatory ones."""
WEIGHT_SPREAD, DELAY_SPREAD = 0.1, 0.5
"""Standard deviations relative to the means."""
DELAY_EXC, DELAY_INH = 1.5, 0.75

V_M_MEAN = (-68.28, -63.16, -63.33, -63.45, -63.11, -61.66, -66.72, -61.43)
V_M_SD = (5.36, 4.57, 4.74, 4.94, 4.94, 4.55, 5.46, 4.48)
"""Initial membrane potentials [mV], close to those of the running network."""

RATES_FOR_SCALING = (0.971, 2.868, 4.746, 5.396, 8.142, 9.078, 0.991, 7.523)
"""Rates at full scale [Hz] from which the input lost by down-scaling is reckoned."""

PUBLISHED_RATES = dict(
    zip(POPULATIONS, (0.903, 2.965, 4.414, 5.876, 7.569, 8.633, 1.105, 7.829), strict=True)
)
"""Mean rates at full scale [Hz], one run of the reference implementation."""

PUBLISHED_CV = dict(
    zip(POPULATIONS, (0.938, 0.916, 0.891, 0.873, 0.847, 0.809, 0.924, 0.819), strict=True)
)
"""Mean coefficients of variation of the inter-spike intervals at full scale."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """Numbers of a scaled microcircuit. Arrays (8, 8) are target x source.

    Attributes
    ----------
    neurons : (8,) int
    synapses : (8, 8) int
        Total number of each projection.
    weights : (8, 8) float
        Mean weights [pA].
    external_weight : float
        [pA].
    external_indegrees : (8,) int
    current : (8,) float
        Constant input [pA] that makes up for lost input.
    """

    neurons: npt.NDArray[np.int64]
    synapses: npt.NDArray[np.int64]
    weights: Floats
    external_weight: float
    external_indegrees: npt.NDArray[np.int64]
    current: Floats


def sizes(N_scaling: float, K_scaling: float, drive: str) -> Sizes:
    """Return the numbers of the circuit with neurons and in-degrees scaled.

    With K synapses drawn at random between two populations (pairs may be drawn twice), a pair is
    left out with probability (1 - 1 / (N_pre N_post))^K = 1 - p, which gives K at full scale.
    Weights grow as 1 / sqrt(K_scaling), which keeps the variance of the input; of its mean a
    fraction sqrt(K_scaling) is left, and `current` makes up for the rest.

    Parameters
    ----------
    N_scaling, K_scaling : float
        Factors of neuron numbers and of in-degrees.
    drive : {"poisson", "dc"}
        With "dc", `current` also replaces the mean of the external input.
    """
    neurons = np.array(NEURONS, dtype=np.float64)
    pairs = np.outer(neurons, neurons)
    synapses = np.log1p(-np.array(PROBABILITIES)) / np.log1p(-1 / pairs)
    psc = postsynaptic_current(EPSP)
    weights = np.full((8, 8), psc)
    weights[:, 1::2] *= INHIBITION
    weights[POPULATIONS.index("L23E"), POPULATIONS.index("L4E")] *= 2
    external = np.array(EXTERNAL_INDEGREES, dtype=np.float64)

    lost = 1 - np.sqrt(K_scaling)
    recurrent_mean = (weights * synapses / neurons[:, None]) @ np.array(RATES_FOR_SCALING)
    external_mean = psc * external * EXTERNAL_RATE
    missing = lost * recurrent_mean + (1.0 if drive == "dc" else lost) * external_mean
    return Sizes(
        neurons=np.array([scaled(n, N_scaling, "potjans_diesmann: N_scaling") for n in NEURONS]),
        synapses=np.rint(synapses * N_scaling * K_scaling).astype(np.int64),
        weights=weights / np.sqrt(K_scaling),
        external_weight=float(psc / np.sqrt(K_scaling)),
        external_indegrees=np.rint(external * K_scaling).astype(np.int64),
        current=1e-3 * TAU_SYN * missing,  # 1e-3: ms * Hz
    )


def postsynaptic_current(psp: float) -> float:
    """Return the weight [pA] whose postsynaptic potential peaks at `psp` [mV].

    A current that jumps by w and decays with tau_s moves the potential by

        V(t) = w / C_m tau_m tau_s / (tau_m - tau_s) (exp(-t / tau_m) - exp(-t / tau_s)),

    which peaks at t = log(tau_m / tau_s) tau_m tau_s / (tau_m - tau_s).
    """
    difference = TAU_M - TAU_SYN
    ratio = TAU_M / TAU_SYN
    shape = ratio ** (-TAU_SYN / difference) - ratio ** (-TAU_M / difference)
    return float(psp * C_M * difference / (TAU_M * TAU_SYN * shape))


def potjans_diesmann(
    scale: float = 1.0,
    N_scaling: float | None = None,
    K_scaling: float | None = None,
    drive: Literal["poisson", "dc"] = "poisson",
    seed: int = 55,
    dt: float = 0.1,
) -> ns.Network:
    """Cortical microcircuit under 1 mm^2: four layers of excitatory and inhibitory neurons.

    77,169 integrate-and-fire neurons (tau_m = 10 ms, C_m = 250 pF, E_L = V_reset = -65 mV,
    V_th = -50 mV, t_ref = 2 ms, exponential currents of 0.5 ms) and 298.9 million synapses, drawn
    with multapses to a fixed total number for each pair of populations. Weights: 87.8 pA (an EPSP
    of 0.15 mV), doubled from L4E to L23E, times -4 for inhibition, normal with 10 % s.d., redrawn
    if the sign changes. Delays: 1.5 ms (excitatory) and 0.75 ms, normal with 50 % s.d., redrawn
    below one step. Each neuron receives 1,500 to 2,900 external Poisson inputs of 8 Hz, or their
    mean as a constant current.

    All synapses have one time constant, so excitation and inhibition share one receptor with signed
    weights.

    Parameters
    ----------
    scale : float
        Factor of neuron numbers and of in-degrees, unless told apart by the next two.
    N_scaling, K_scaling : float, optional
        Factors of neuron numbers, and of in-degrees.
    drive : {"poisson", "dc"}
        External input.
    seed : int
        Of the network.
    dt : float
        Least delay [ms]: the step with which the network will be run.

    Returns
    -------
    Network
        Populations L23E, L23I, L4E, L4I, L5E, L5I, L6E, L6I. Published rates and irregularity at
        full scale: `PUBLISHED_RATES`, `PUBLISHED_CV`. Down-scaling keeps mean and variance of the
        input, so the rates nearly; correlations grow (van Albada et al. 2015).
    """
    scale = checked_scale(scale, "potjans_diesmann: scale")
    by_n = scale if N_scaling is None else checked_scale(N_scaling, "potjans_diesmann: N_scaling")
    by_k = scale if K_scaling is None else checked_scale(K_scaling, "potjans_diesmann: K_scaling")
    if drive not in ("poisson", "dc"):
        raise UnknownNameError("potjans_diesmann: drive", drive, ("poisson", "dc"))
    size = sizes(by_n, by_k, drive)

    net = ns.Network("potjans_diesmann", seed=seed, dt=dt)
    synapses = ns.ExpCurrent.receptor(tau=TAU_SYN)
    for i, name in enumerate(POPULATIONS):
        model = ns.LIF(
            tau_m=TAU_M, C_m=C_M, E_L=E_L, V_th=V_TH, V_reset=V_RESET, t_ref=T_REF,
            I_e=float(size.current[i]), synapses=synapses,
        )  # fmt: skip
        population = net.population(name, int(size.neurons[i]), model)
        net.initialise(population, V_m=ns.Normal(V_M_MEAN[i], V_M_SD[i]))
        net.record(population, "spikes")
        if drive == "poisson":
            rate = EXTERNAL_RATE * float(size.external_indegrees[i])
            net.drive(population, ns.Poisson(rate=rate), weight=size.external_weight)

    for i, target in enumerate(POPULATIONS):
        for j, source in enumerate(POPULATIONS):
            number = int(size.synapses[i, j])
            if number == 0:
                continue
            excitatory = j % 2 == 0
            weight = float(size.weights[i, j])
            delay = DELAY_EXC if excitatory else DELAY_INH
            net.project(
                net.populations[source],
                net.populations[target],
                ns.FixedTotalNumber(number),
                weight=ns.Normal(
                    weight,
                    WEIGHT_SPREAD * abs(weight),
                    redraw=(0, None) if excitatory else (None, 0),
                ),
                delay=ns.Normal(delay, DELAY_SPREAD * delay, redraw=(dt, None)),
            )
    return net
