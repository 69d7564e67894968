"""Make the reference figures of standard networks with a live NEST simulator.

    python benchmarks/references/nest_reference.py brunel        # nest_brunel.json
    python benchmarks/references/nest_reference.py microcircuit  # nest_microcircuit_0.1.json
    python benchmarks/references/nest_reference.py cuba          # nest_vogels_abbott.json

Each run writes one JSON file, by default beside this script, with the figures, everything that is
needed to make them again, and the definitions of the measures. The tests compare against these
files and never need NEST themselves.

Networks
--------
brunel
    Sparse network of excitatory and inhibitory neurons, model A, four regimes.
    Brunel (2000), J. Comput. Neurosci. 8:183-208, doi 10.1023/A:1008925309027.
microcircuit
    Cortical microcircuit under 1 mm^2, scaled down. Potjans & Diesmann (2014),
    Cereb. Cortex 24:785-806, doi 10.1093/cercor/bhs358; scaling after van Albada, Helias &
    Diesmann (2015), doi 10.1371/journal.pcbi.1004490.
cuba
    The Vogels-Abbott networks with current-based (CUBA) and conductance-based (COBA) synapses,
    benchmarks 2 and 1 of Brette et al. (2007), J. Comput. Neurosci. 23:349-398,
    doi 10.1007/s10827-007-0038-6.

NEST always runs on one thread here: its random streams depend on the number of threads, so a file
can only be remade bit by bit on the same number (and the same NEST version).

Units are NEST's unless a name says otherwise: ms, mV, pF, pA, nS; rates in Hz.
"""

from __future__ import annotations

import argparse
import datetime
import importlib
import json
import math
import platform
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Json = dict[str, Any]

HERE = Path(__file__).resolve().parent
SCRIPT = "benchmarks/references/nest_reference.py"

DT = 0.1  # ms, NEST's resolution in every network here

# A neuron needs this many spikes (one fewer intervals) to count in the mean ISI CV.
MIN_SPIKES_FOR_CV = 3

DEFINITIONS: Json = {
    "rate_hz": "spikes / (neurons * seconds) after the warm-up, silent neurons included",
    "cv_isi": (
        "mean over neurons of (population standard deviation / mean) of the inter-spike intervals; "
        f"only neurons with at least {MIN_SPIKES_FOR_CV} spikes in the window; "
        "cv_neurons says how many. Few intervals per neuron bias it downwards, so compare only "
        "windows of equal length"
    ),
    "fano_Xms": (
        "population Fano factor: variance / mean over time of the number of spikes of all neurons "
        "of the population per X ms bin. Independent Poisson neurons give 1, more means synchrony, "
        "so it is already a ratio to the Poisson expectation"
    ),
    "mean, sd": "over seeds; sd is the sample standard deviation (ddof 1)",
}


# --- measures -------------------------------------------------------------------------------------


def cv_isi(senders: Ints, times: Floats) -> tuple[float | None, int]:
    """Mean coefficient of variation of the inter-spike intervals.

    Args:
        senders: neuron of each spike, shape (spikes,), in any order.
        times: time of each spike in ms, shape (spikes,).

    Returns:
        The mean over the neurons with at least `MIN_SPIKES_FOR_CV` spikes (None without any), and
        the number of these neurons.
    """
    if senders.size == 0:
        return None, 0
    order = np.lexsort((times, senders))
    ids, ts = senders[order], times[order]
    same_neuron = ids[1:] == ids[:-1]
    intervals = np.diff(ts)[same_neuron]
    owner = ids[1:][same_neuron]
    if owner.size == 0:
        return None, 0
    count = np.bincount(owner)
    has_any = count > 0
    mean = np.zeros(count.size)
    mean[has_any] = np.bincount(owner, intervals)[has_any] / count[has_any]
    # Deviations are squared, not values: regular neurons would lose all digits otherwise.
    variance = np.bincount(owner, (intervals - mean[owner]) ** 2)
    kept = count >= MIN_SPIKES_FOR_CV - 1
    if not kept.any():
        return None, 0
    cv = np.sqrt(variance[kept] / count[kept]) / mean[kept]
    return float(cv.mean()), int(kept.sum())


def fano(times: Floats, start: float, stop: float, width: float) -> float | None:
    """Population Fano factor, variance / mean of the spike counts in bins.

    Args:
        times: spike times of the whole population, ms, on the grid of `DT`, shape (spikes,).
        start: begin of the window, ms; a spike at `start` itself is outside.
        stop: end of the window, ms; a spike at `stop` is inside.
        width: bin width, ms, a multiple of `DT`. A last incomplete bin is dropped.

    Returns:
        The Fano factor, or None if no spike falls in the window.
    """
    # Bins are counted in whole steps, since 0.1 ms has no exact binary value and a spike must
    # not slip into the next bin by a rounding error.
    steps = np.rint((times - start) / DT).astype(np.int64)
    per_bin = round(width / DT)
    bins = round((stop - start) / DT) // per_bin
    inside = (steps >= 1) & (steps <= bins * per_bin)
    counts = np.bincount((steps[inside] - 1) // per_bin, minlength=bins)
    return float(counts.var() / counts.mean()) if counts.any() else None


def measures(
    senders: Ints, times: Floats, neurons: int, start: float, stop: float, widths: Sequence[float]
) -> Json:
    """Rate, ISI CV and Fano factors of one population in the window (start, stop].

    Args:
        senders: neuron of each spike, shape (spikes,).
        times: time of each spike, ms, shape (spikes,).
        neurons: size of the population, silent neurons included.
        start: begin of the window, ms.
        stop: end of the window, ms.
        widths: bin widths of the Fano factors, ms.
    """
    # Half a step of slack: the window's ends are on the grid, where equality is not to be trusted.
    inside = (times > start + DT / 2) & (times < stop + DT / 2)
    senders, times = senders[inside], times[inside]
    cv, cv_neurons = cv_isi(senders, times)
    out: Json = {
        "neurons": neurons,
        "spikes": int(times.size),
        "rate_hz": times.size / neurons / (stop - start) * 1e3,
        "cv_isi": cv,
        "cv_neurons": cv_neurons,
    }
    for width in widths:
        out[f"fano_{width:g}ms"] = fano(times, start, stop, width)
    return out


def over_seeds(runs: Sequence[Json], keys: Sequence[str]) -> Json:
    """Mean and sample standard deviation of some keys over the runs that have a value for them."""
    summary: Json = {}
    for key in keys:
        values = [run[key] for run in runs if run[key] is not None]
        summary[key] = {
            "mean": float(np.mean(values)) if values else None,
            "sd": float(np.std(values, ddof=1)) if len(values) > 1 else None,
            "values": [run[key] for run in runs],
        }
    return summary


# --- NEST -----------------------------------------------------------------------------------------


def load_nest() -> Any:
    """The NEST module; imported late, so that the measures above work without NEST."""
    nest: Any = importlib.import_module("nest")
    nest.verbosity = nest.VerbosityLevel.ERROR
    return nest


def reset(nest: Any, seed: int) -> None:
    """Empty the kernel and seed it; one thread, see the module's docstring."""
    nest.ResetKernel()
    nest.set(resolution=DT, rng_seed=seed, local_num_threads=1, print_time=False)


def record(nest: Any, population: Any) -> Any:
    """Connect a spike recorder to all neurons of a population and return it."""
    recorder = nest.Create("spike_recorder")
    nest.Connect(population, recorder)
    return recorder


def spikes(recorder: Any) -> tuple[Ints, Floats]:
    """Neuron and time (ms) of each recorded spike, both of shape (spikes,)."""
    events = recorder.get("events")
    return np.asarray(events["senders"], dtype=np.int64), np.asarray(
        events["times"], dtype=np.float64
    )


# --- Brunel (2000) --------------------------------------------------------------------------------

BRUNEL: Json = {
    "neuron_model": "iaf_psc_delta",
    "n_e": 10000,
    "n_i": 2500,
    "c_e": 1000,
    "c_i": 250,
    "tau_m_ms": 20.0,
    "v_th_mv": 20.0,
    "v_reset_mv": 10.0,
    "e_l_mv": 0.0,
    # Has no effect: iaf_psc_delta adds the weight to V_m in mV, and no currents are injected.
    "c_m_pf": 1.0,
    "t_ref_ms": 2.0,
    "j_mv": 0.1,
    "delay_ms": 1.5,
    "v_m_initial_mv": 0.0,
    # Autapses matter: their spikes arrive within t_ref and are lost, which takes relatively more
    # input from inhibitory neurons, so these fire faster (by 0.6 Hz in regime B).
    "connectivity": "fixed in-degree, with multapses and autapses",
    "external": "Poisson, independent for each neuron, eta * nu_thr * c_e, weight j",
    "nu_thr": "v_th / (j * c_e * tau_m)",
    "refractory_input": "spikes arriving during t_ref are lost (NEST's default)",
    "dt_ms": DT,
    "regimes": {
        # Regime A runs shorter: at about 333 Hz its spikes are by far the most expensive.
        "A": {"name": "SR", "g": 3.0, "eta": 2.0, "warm_up_ms": 200.0, "duration_ms": 500.0},
        "B": {"name": "SI fast", "g": 6.0, "eta": 4.0, "warm_up_ms": 200.0, "duration_ms": 1000.0},
        "C": {"name": "AI", "g": 5.0, "eta": 2.0, "warm_up_ms": 200.0, "duration_ms": 1000.0},
        "D": {"name": "SI slow", "g": 4.5, "eta": 0.9, "warm_up_ms": 200.0, "duration_ms": 1000.0},
    },
}

# 3 ms is the usual width, but regime A fires one volley every 3.0 ms, so each such bin holds just
# one volley and the Fano factor misses the synchrony altogether. The narrower bins show it.
BRUNEL_FANO_MS = (0.1, 1.0, 3.0)


def run_brunel(nest: Any, regime: Json, seed: int) -> Json:
    """Simulate one regime of the Brunel network with one seed.

    Args:
        nest: the NEST module.
        regime: one entry of BRUNEL["regimes"].
        seed: NEST's rng_seed.
    """
    p = BRUNEL
    began = time.perf_counter()
    reset(nest, seed)
    nest.SetDefaults(
        p["neuron_model"],
        {
            "tau_m": p["tau_m_ms"],
            "V_th": p["v_th_mv"],
            "V_reset": p["v_reset_mv"],
            "E_L": p["e_l_mv"],
            "C_m": p["c_m_pf"],
            "t_ref": p["t_ref_ms"],
            "V_m": p["v_m_initial_mv"],
        },
    )
    neurons = nest.Create(p["neuron_model"], p["n_e"] + p["n_i"])
    exc, inh = neurons[: p["n_e"]], neurons[p["n_e"] :]

    nu_thr_hz = p["v_th_mv"] / (p["j_mv"] * p["c_e"] * p["tau_m_ms"]) * 1e3
    noise = nest.Create("poisson_generator", params={"rate": regime["eta"] * nu_thr_hz * p["c_e"]})

    # One shared weight per synapse model instead of one per synapse: 15.6 million of them.
    for model, weight in (("exc", p["j_mv"]), ("inh", -regime["g"] * p["j_mv"])):
        nest.CopyModel("static_synapse_hom_w", model, {"weight": weight, "delay": p["delay_ms"]})
    for source, in_degree, model in ((exc, p["c_e"], "exc"), (inh, p["c_i"], "inh")):
        rule = {"rule": "fixed_indegree", "indegree": in_degree}
        nest.Connect(source, neurons, rule, {"synapse_model": model})
    # NEST's poisson_generator draws an own train for every target.
    nest.Connect(noise, neurons, "all_to_all", {"synapse_model": "exc"})

    recorder = record(nest, neurons)
    start = regime["warm_up_ms"]
    stop = start + regime["duration_ms"]
    recorder.start = start
    nest.Simulate(stop)

    senders, times = spikes(recorder)
    n = len(neurons)
    out: Json = {"seed": seed, **measures(senders, times, n, start, stop, BRUNEL_FANO_MS)}
    is_exc = senders <= p["n_e"]  # NEST counts nodes from 1
    seconds = regime["duration_ms"] * 1e-3
    out["rate_e_hz"] = int(is_exc.sum()) / p["n_e"] / seconds
    out["rate_i_hz"] = int((~is_exc).sum()) / p["n_i"] / seconds
    out["wall_time_s"] = time.perf_counter() - began
    return out


def brunel(nest: Any, seeds: Sequence[int]) -> tuple[Json, Json]:
    """All regimes and seeds; returns (parameters, results)."""
    keys = [
        "rate_hz",
        "rate_e_hz",
        "rate_i_hz",
        "cv_isi",
        *(f"fano_{w:g}ms" for w in BRUNEL_FANO_MS),
    ]
    results: Json = {}
    for label, regime in BRUNEL["regimes"].items():
        runs = [progress(f"brunel {label}", run_brunel(nest, regime, seed)) for seed in seeds]
        results[label] = {"over_seeds": over_seeds(runs, keys), "runs": runs}
    return BRUNEL, results


# --- Potjans & Diesmann (2014) --------------------------------------------------------------------

POPULATIONS = ("L23E", "L23I", "L4E", "L4I", "L5E", "L5I", "L6E", "L6I")

MICROCIRCUIT: Json = {
    "neuron_model": "iaf_psc_exp",
    "populations": list(POPULATIONS),
    "neurons_full_scale": [20683, 5834, 21915, 5479, 4850, 1065, 14395, 2948],
    "external_in_degree": [1600, 1500, 2100, 1900, 2000, 1900, 2900, 2100],
    "external_rate_hz": 8.0,  # of each external input
    "external_delay_ms": 1.5,
    "connection_probability": [  # rows: target, columns: source
        [0.1009, 0.1689, 0.0437, 0.0818, 0.0323, 0.0, 0.0076, 0.0],
        [0.1346, 0.1371, 0.0316, 0.0515, 0.0755, 0.0, 0.0042, 0.0],
        [0.0077, 0.0059, 0.0497, 0.1350, 0.0067, 0.0003, 0.0453, 0.0],
        [0.0691, 0.0029, 0.0794, 0.1597, 0.0033, 0.0, 0.1057, 0.0],
        [0.1004, 0.0622, 0.0505, 0.0057, 0.0831, 0.3726, 0.0204, 0.0],
        [0.0548, 0.0269, 0.0257, 0.0022, 0.0600, 0.3158, 0.0086, 0.0],
        [0.0156, 0.0066, 0.0211, 0.0166, 0.0572, 0.0197, 0.0396, 0.2252],
        [0.0364, 0.0010, 0.0034, 0.0005, 0.0277, 0.0080, 0.0658, 0.1443],
    ],
    "c_m_pf": 250.0,
    "tau_m_ms": 10.0,
    "tau_syn_ms": 0.5,
    "e_l_mv": -65.0,
    "v_reset_mv": -65.0,
    "v_th_mv": -50.0,
    "t_ref_ms": 2.0,
    "epsp_peak_mv": 0.15,  # 87.8 pA, see psc_of_psp
    "inhibitory_factor": -4.0,
    "L4E_to_L23E_factor": 2.0,
    "weight_relative_sd": 0.1,
    "delay_exc_ms": 1.5,
    "delay_inh_ms": 0.75,
    "delay_relative_sd": 0.5,
    "v_m_initial_mean_mv": [-68.28, -63.16, -63.33, -63.45, -63.11, -61.66, -66.72, -61.43],
    "v_m_initial_sd_mv": [5.36, 4.57, 4.74, 4.94, 4.94, 4.55, 5.46, 4.48],
    # Rates that the compensating DC assumes for the inputs lost in down-scaling.
    "full_scale_rates_hz": [0.971, 2.868, 4.746, 5.396, 8.142, 9.078, 0.991, 7.523],
    "weights": "normal, redrawn on a change of sign",
    "delays": "normal, redrawn below dt, then rounded to the grid by NEST",
    "connectivity": "fixed total number, with multapses and autapses",
    "external": (
        "one Poisson train per neuron, external_in_degree * k_scaling * external_rate, fixed weight"
    ),
    "dt_ms": DT,
    "warm_up_ms": 500.0,
    "duration_ms": 2000.0,
}

MICROCIRCUIT_FANO_MS = (3.0,)  # the bin width of the published synchrony


def psc_of_psp(psp: float, c_m: float, tau_m: float, tau_syn: float) -> float:
    """Amplitude of the exponential current (pA) whose potential peaks at `psp` (mV).

    The potential after a jump of the current by I is
    I tau_m tau_syn / (C_m (tau_m - tau_syn)) (exp(-t/tau_m) - exp(-t/tau_syn)), with its peak at
    t = log(tau_m/tau_syn) tau_m tau_syn / (tau_m - tau_syn).
    """
    peak_at = math.log(tau_m / tau_syn) * tau_m * tau_syn / (tau_m - tau_syn)
    shape = math.exp(-peak_at / tau_m) - math.exp(-peak_at / tau_syn)
    return psp * c_m * (tau_m - tau_syn) / (tau_m * tau_syn * shape)


def microcircuit_sizes(scale: float) -> Json:
    """Sizes, synapse totals, weights and currents at a scale of neurons and of in-degrees.

    Args:
        scale: factor of the neuron numbers and also of the in-degrees.

    Returns:
        neurons (8,), synapses (8, 8) target x source, weights_pa (8, 8) after the division by
        sqrt(scale), weight_external_pa, external_rate_hz (8,) per neuron, dc_pa (8,).
    """
    p = MICROCIRCUIT
    n_full = np.array(p["neurons_full_scale"], dtype=np.float64)
    probability = np.array(p["connection_probability"])
    pairs = np.outer(n_full, n_full)
    # With multapses, K draws leave a pair unconnected with (1 - 1/pairs)^K = 1 - p.
    k_full = np.log1p(-probability) / np.log1p(-1.0 / pairs)

    psc = psc_of_psp(p["epsp_peak_mv"], p["c_m_pf"], p["tau_m_ms"], p["tau_syn_ms"])
    weights = np.full((8, 8), psc)
    weights[:, 1::2] *= p["inhibitory_factor"]
    weights[0, 2] *= p["L4E_to_L23E_factor"]

    # Smaller in-degrees K with weights ~ 1/sqrt(K) keep the variance of the input; the mean
    # shrinks by sqrt(scale), and a constant current makes up for the rest.
    in_degree_full = k_full / n_full[:, None]
    k_external = np.array(p["external_in_degree"], dtype=np.float64)
    rates = np.array(p["full_scale_rates_hz"])
    lost = (weights * in_degree_full) @ rates + psc * k_external * p["external_rate_hz"]
    dc = 1e-3 * p["tau_syn_ms"] * (1.0 - math.sqrt(scale)) * lost  # 1e-3: ms * Hz

    return {
        "neurons": np.rint(n_full * scale).astype(int).tolist(),
        "synapses": np.rint(k_full * scale * scale).astype(int).tolist(),
        "weights_pa": (weights / math.sqrt(scale)).tolist(),
        "weight_external_pa": psc / math.sqrt(scale),
        "external_rate_hz": (np.rint(k_external * scale) * p["external_rate_hz"]).tolist(),
        "dc_pa": dc.tolist(),
    }


def run_microcircuit(nest: Any, sizes: Json, seed: int) -> Json:
    """Simulate the microcircuit with one seed.

    Args:
        nest: the NEST module.
        sizes: as from `microcircuit_sizes`.
        seed: NEST's rng_seed.
    """
    p = MICROCIRCUIT
    began = time.perf_counter()
    reset(nest, seed)
    neuron = {
        "C_m": p["c_m_pf"],
        "tau_m": p["tau_m_ms"],
        "E_L": p["e_l_mv"],
        "V_reset": p["v_reset_mv"],
        "V_th": p["v_th_mv"],
        "t_ref": p["t_ref_ms"],
        "tau_syn_ex": p["tau_syn_ms"],
        "tau_syn_in": p["tau_syn_ms"],
    }
    populations = []
    for i, size in enumerate(sizes["neurons"]):
        population = nest.Create(p["neuron_model"], size, {**neuron, "I_e": sizes["dc_pa"][i]})
        population.V_m = nest.random.normal(p["v_m_initial_mean_mv"][i], p["v_m_initial_sd_mv"][i])
        populations.append(population)

    for i, target in enumerate(populations):
        for j, source in enumerate(populations):
            total = sizes["synapses"][i][j]
            if total == 0:
                continue
            weight = sizes["weights_pa"][i][j]
            delay = p["delay_exc_ms"] if j % 2 == 0 else p["delay_inh_ms"]
            low, high = (0.0, math.inf) if weight > 0 else (-math.inf, 0.0)
            spread = abs(weight) * p["weight_relative_sd"]
            synapse = {
                "weight": nest.math.redraw(nest.random.normal(weight, spread), min=low, max=high),
                "delay": nest.math.redraw(
                    nest.random.normal(delay, delay * p["delay_relative_sd"]), min=DT, max=math.inf
                ),
            }
            nest.Connect(source, target, {"rule": "fixed_total_number", "N": total}, synapse)

    for population, rate in zip(populations, sizes["external_rate_hz"], strict=True):
        noise = nest.Create("poisson_generator", params={"rate": rate})
        synapse = {"weight": sizes["weight_external_pa"], "delay": p["external_delay_ms"]}
        nest.Connect(noise, population, "all_to_all", synapse)

    recorders = [record(nest, population) for population in populations]
    start = p["warm_up_ms"]
    stop = start + p["duration_ms"]
    for recorder in recorders:
        recorder.start = start
    nest.Simulate(stop)

    out: Json = {"seed": seed, "populations": {}}
    for name, recorder, size in zip(POPULATIONS, recorders, sizes["neurons"], strict=True):
        found = measures(*spikes(recorder), size, start, stop, MICROCIRCUIT_FANO_MS)
        out["populations"][name] = found
    total_spikes = sum(found["spikes"] for found in out["populations"].values())
    out["rate_hz"] = total_spikes / sum(sizes["neurons"]) / (stop - start) * 1e3
    out["wall_time_s"] = time.perf_counter() - began
    return out


def microcircuit(nest: Any, seeds: Sequence[int], scale: float) -> tuple[Json, Json]:
    """All seeds; returns (parameters, results)."""
    sizes = microcircuit_sizes(scale)
    runs = [progress("microcircuit", run_microcircuit(nest, sizes, seed)) for seed in seeds]
    keys = ["rate_hz", "cv_isi", *(f"fano_{w:g}ms" for w in MICROCIRCUIT_FANO_MS)]
    summary = {
        name: over_seeds([run["populations"][name] for run in runs], keys) for name in POPULATIONS
    }
    summary["all"] = over_seeds(runs, ["rate_hz"])
    scaled = {"n_scaling": scale, "k_scaling": scale, "scaled": sizes}
    return {**MICROCIRCUIT, **scaled}, {"over_seeds": summary, "runs": runs}


# --- Vogels & Abbott (2005), Brette et al. (2007) -------------------------------------------------

VOGELS_ABBOTT: Json = {
    "n_e": 3200,
    "n_i": 800,
    "probability": 0.02,
    "connectivity": "every pair with this probability, no multapses, autapses possible",
    "delay_ms": 0.1,
    "dt_ms": DT,
    "warm_up_ms": 0.0,
    "duration_ms": 2000.0,
    "shared": {
        "C_m": 200.0,
        "V_th": -50.0,
        "V_reset": -60.0,
        "t_ref": 5.0,
        "tau_syn_ex": 5.0,
        "tau_syn_in": 10.0,
    },
    "CUBA": {
        "neuron_model": "iaf_psc_exp",
        "neuron": {"tau_m": 20.0, "E_L": -49.0},
        # Brian writes currents as voltages, dv/dt = (ge + gi - (v - El)) / taum with
        # we = 1.62 mV, wi = -9 mV; times C_m / tau_m = 10 nS these are pA.
        "weight_e": 16.2,
        "weight_i": -90.0,
        "weight_unit": "pA",
        "initial": "V_m uniform in [-60, -50) mV, no synaptic current (as Brian2's CUBA example)",
    },
    "COBA": {
        "neuron_model": "iaf_cond_exp",
        "neuron": {"g_L": 10.0, "E_L": -60.0, "E_ex": 0.0, "E_in": -80.0},
        "weight_e": 6.0,
        # The sign only tells NEST which conductance to raise, by 67 nS.
        "weight_i": -67.0,
        "weight_unit": "nS",
        "initial": (
            "normal, mean (sd): V_m -65 (5) mV, g_ex 40 (15) nS, g_in 200 (120) nS, not clipped at "
            "0 (as Brian's COBA example of benchmark 1); nothing drives the network later"
        ),
    },
}

VOGELS_ABBOTT_FANO_MS = (3.0,)


def run_vogels_abbott(nest: Any, variant: str, seed: int) -> Json:
    """Simulate the CUBA or the COBA network with one seed.

    Args:
        nest: the NEST module.
        variant: "CUBA" or "COBA".
        seed: NEST's rng_seed.
    """
    p = VOGELS_ABBOTT
    own = p[variant]
    began = time.perf_counter()
    reset(nest, seed)
    params = {**p["shared"], **own["neuron"]}
    neurons = nest.Create(own["neuron_model"], p["n_e"] + p["n_i"], params)
    exc, inh = neurons[: p["n_e"]], neurons[p["n_e"] :]

    normal, uniform = nest.random.normal, nest.random.uniform
    if variant == "CUBA":
        neurons.V_m = uniform(-60.0, -50.0)
    else:
        neurons.V_m = normal(-65.0, 5.0)
        neurons.g_ex = normal(40.0, 15.0)
        neurons.g_in = normal(200.0, 120.0)

    rule = {"rule": "pairwise_bernoulli", "p": p["probability"]}
    for source, weight in ((exc, own["weight_e"]), (inh, own["weight_i"])):
        nest.Connect(source, neurons, rule, {"weight": weight, "delay": p["delay_ms"]})

    recorder = record(nest, neurons)
    stop = p["duration_ms"]
    nest.Simulate(stop)

    senders, times = spikes(recorder)
    n = len(neurons)
    out: Json = {"seed": seed, **measures(senders, times, n, 0.0, stop, VOGELS_ABBOTT_FANO_MS)}
    is_exc = senders <= p["n_e"]  # NEST counts nodes from 1
    out["rate_e_hz"] = int(is_exc.sum()) / p["n_e"] / stop * 1e3
    out["rate_i_hz"] = int((~is_exc).sum()) / p["n_i"] / stop * 1e3
    # The two halves tell the initial transient from the lasting activity.
    halves = (("first_half", 0.0, stop / 2), ("second_half", stop / 2, stop))
    for name, begin, end in halves:
        half = measures(senders, times, n, begin, end, VOGELS_ABBOTT_FANO_MS)
        out[name] = {key: half[key] for key in ("rate_hz", "cv_isi", "cv_neurons", "fano_3ms")}
        out[f"rate_{name}_hz"] = half["rate_hz"]
    # Activity may die out by chance; the last spike says if and when.
    out["last_spike_ms"] = float(times.max()) if times.size else None
    out["wall_time_s"] = time.perf_counter() - began
    return out


def vogels_abbott(nest: Any, seeds: Sequence[int]) -> tuple[Json, Json]:
    """CUBA and COBA with all seeds; returns (parameters, results)."""
    keys = ["rate_hz", "rate_e_hz", "rate_i_hz", "rate_first_half_hz", "rate_second_half_hz"]
    keys += ["cv_isi", "fano_3ms", "last_spike_ms"]
    results: Json = {}
    for variant in ("CUBA", "COBA"):
        runs = [progress(variant, run_vogels_abbott(nest, variant, seed)) for seed in seeds]
        results[variant] = {"over_seeds": over_seeds(runs, keys), "runs": runs}
    return VOGELS_ABBOTT, results


# --- command line ---------------------------------------------------------------------------------


def progress(label: str, run: Json) -> Json:
    """Print one line about a finished run and pass it on."""
    print(
        f"{label} seed {run['seed']}: {run['rate_hz']:.3f} Hz, {run['wall_time_s']:.0f} s",
        flush=True,
    )
    return run


def rounded(value: Any, digits: int = 6) -> Any:
    """Round all floats in nested lists and dicts to significant digits, to keep files readable."""
    if isinstance(value, float):
        return float(f"{value:.{digits}g}")
    if isinstance(value, dict):
        return {key: rounded(item, digits) for key, item in value.items()}
    if isinstance(value, list):
        return [rounded(item, digits) for item in value]
    return value


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line, run one network and write its file."""
    parser = argparse.ArgumentParser(description="Make reference figures with NEST.")
    parser.add_argument("network", choices=["brunel", "microcircuit", "cuba"])
    parser.add_argument(
        "--seeds", type=int, nargs="+", help="NEST seeds (default 1 to 5; brunel 1 2 3)"
    )
    parser.add_argument("--scale", type=float, default=0.1, help="microcircuit only (default 0.1)")
    parser.add_argument("--out", type=Path, help="file to write (default: beside this script)")
    args = parser.parse_args(arguments)

    seeds: list[int] = args.seeds or ([1, 2, 3] if args.network == "brunel" else [1, 2, 3, 4, 5])
    scale: float = args.scale
    command = f"python {SCRIPT} {args.network} --seeds {' '.join(map(str, seeds))}"
    run: Callable[[Any], tuple[Json, Json]]
    if args.network == "brunel":
        default_name, sources = "nest_brunel.json", ["doi 10.1023/A:1008925309027"]
        run = partial(brunel, seeds=seeds)
    elif args.network == "microcircuit":
        default_name = f"nest_microcircuit_{scale:g}.json"
        sources = [
            "Cereb. Cortex 24:785-806, doi 10.1093/cercor/bhs358",
            "doi 10.1371/journal.pcbi.1004490",
        ]
        command += f" --scale {scale:g}"
        run = partial(microcircuit, seeds=seeds, scale=scale)
    else:
        default_name, sources = "nest_vogels_abbott.json", ["doi 10.1007/s10827-007-0038-6"]
        run = partial(vogels_abbott, seeds=seeds)

    nest = load_nest()
    began = time.perf_counter()
    parameters, results = run(nest)
    document: Json = {
        "network": args.network,
        "sources": sources,
        "nest_version": str(nest.__version__),
        "numpy_version": np.__version__,
        "python_version": platform.python_version(),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "command": command,
        "how_to_remake": f"with NEST installed, from the root of the repository: {command}",
        "threads": 1,
        "wall_time_s": time.perf_counter() - began,
        "seeds": seeds,
        "definitions": DEFINITIONS,
        "parameters": parameters,
        "results": results,
    }
    out: Path = args.out or HERE / default_name
    out.write_text(json.dumps(rounded(document), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
