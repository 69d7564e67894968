"""How the scripts of Brian2 compile, run and measure; what its documentation advises for speed.

C++ standalone without OpenMP on one thread, with it on more; the compiler flags `-O3 -march=native
-ffast-math`; single precision where asked; scalars instead of arrays where all synapses agree.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import brian2 as b
import numpy as np

from benchmarks.peers.common import DT, parser, peak_memory, report

FLAGS = ["-w", "-O3", "-ffast-math", "-fno-finite-math-only", "-march=native", "-std=c++17"]
"""Brian2's own defaults, written out: -fno-finite-math-only keeps its test for NaN."""

MEASURED = "measured.txt"

REPORT_FROM_CPP = f"""
{{
    std::ifstream status("/proc/self/status");
    std::ofstream measured(brian::results_dir + "{MEASURED}");
    std::string word;
    long kilobytes = 0;
    while (status >> word) if (word == "VmHWM:") status >> kilobytes;
    measured << std::chrono::duration<double>(_built - _began).count() << " " << kilobytes;
}}
"""


def delta_neurons(n: int, p: Any) -> Any:
    """Return the neurons of Brunel's network, whose synapses move the potential.

    Parameters
    ----------
    p : namespace
        With tau_m, v_th, v_reset and t_ref, as in `benchmarks.peers.parameters`.
    """
    return b.NeuronGroup(
        n,
        "dv/dt = -v/tau_m : volt (unless refractory)",
        threshold="v >= V_th",
        reset="v = V_reset",
        # Brian2 holds the potential one step less than this time.
        refractory=(p.t_ref + DT) * b.ms,
        method="exact",
        namespace={
            "tau_m": p.tau_m * b.ms, "V_th": p.v_th * b.mV, "V_reset": p.v_reset * b.mV,
        },
    )  # fmt: skip


def fixed_jumps(source: Any, target: Any, indegree: int, weight: float, delay: float) -> Any:
    """Return synapses of a fixed in-degree that move the potential by `weight` [mV].

    What arrives during refractoriness is lost. `delay` is in ms.
    """
    made = b.Synapses(
        source, target, on_pre=f"v_post += {weight}*mV*int(not_refractory_post)",
        delay=delay * b.ms,
    )  # fmt: skip
    made.connect(i=f"int(rand()*N_pre) for _ in range({indegree})")
    return made


def external_jumps(neurons: Any, p: Any, eta: float) -> Any:
    """Return Brunel's drive: as many sources as excitatory synapses, at `eta` times threshold."""
    rate = 1e3 * p.v_th / (p.j * p.c_exc * p.tau_m) * eta
    return b.PoissonInput(
        neurons, "v", N=p.c_exc, rate=rate * b.Hz, weight=f"{p.j}*mV*int(not_refractory)"
    )


def arguments(description: str | None) -> argparse.ArgumentParser:
    """Return the arguments of every script of Brian2."""
    found = parser(description)
    found.add_argument("--target", choices=("cpp", "cython"), default="cpp")
    found.add_argument("--cache", help="where compiled code is kept")
    return found


def prepare(a: argparse.Namespace) -> float:
    """Choose device, precision and flags; return when the building began."""
    began = time.perf_counter()
    b.prefs.core.default_float_dtype = np.float32 if a.precision == "single" else np.float64
    b.prefs.codegen.cpp.extra_compile_args_gcc = FLAGS
    if a.target == "cpp":
        b.prefs.codegen.cpp.headers = ["<chrono>"]
        b.prefs.devices.cpp_standalone.openmp_threads = a.threads if a.threads > 1 else 0
        b.prefs.devices.cpp_standalone.extra_make_args_unix = ["-j2"]
        b.set_device("cpp_standalone", build_on_run=False)
    else:
        if a.threads != 1:
            raise SystemExit("Brian2's cython runtime has one thread")
        b.prefs.codegen.target = "cython"
        if a.cache is not None:
            b.prefs.codegen.runtime.cython.cache_dir = str(a.cache)
    b.defaultclock.dt = DT * b.ms
    b.seed(a.seed)
    return began


def measure(
    a: argparse.Namespace,
    began: float,
    *,
    synapses: list[Any],
    others: list[Any],
    monitor: Any,
    sizes: Mapping[str, int],
) -> None:
    """Run the warm-up and the measured part; print the line of JSON.

    Parameters
    ----------
    synapses, others : list
        What the network is made of, with `monitor`.
    monitor : SpikeMonitor
        Of one group, which holds the populations one after the other.
    sizes : mapping
        Neurons of each population, in their order.
    """
    net = b.Network([*synapses, *others, monitor])
    if a.target == "cpp":
        now = "std::chrono::steady_clock::now()"
        b.device.insert_code("before_start", f"auto _began = {now}; auto _built = _began;")
        b.device.insert_code("before_network_run", f"if (_built == _began) _built = {now};")
        b.device.insert_code("after_end", REPORT_FROM_CPP)
        net.run(a.warm_up * b.ms)
        net.run(a.duration * b.ms)
        with tempfile.TemporaryDirectory() as scratch:
            folder = str(a.cache or scratch)
            b.device.build(directory=folder, compile=True, run=False)
            compiled = time.perf_counter() - began
            b.device.run(folder, with_output=False, run_args=[])
            told = (Path(b.device.results_dir) / MEASURED).read_text().split()
            built, peak = float(told[0]), 1024 * int(told[1])
            seconds = b.device._last_run_time
            times, ids = np.asarray(monitor.t / b.ms), np.asarray(monitor.i)
            n_synapses = sum(len(made) for made in synapses)
    else:
        net.run(a.warm_up * b.ms)
        built = time.perf_counter() - began - b.device._last_run_time
        net.run(a.duration * b.ms)
        seconds = b.device._last_run_time
        compiled = 0.0
        measured_peak = peak_memory()
        assert measured_peak is not None
        peak = measured_peak
        times, ids = np.asarray(monitor.t / b.ms), np.asarray(monitor.i)
        n_synapses = sum(len(made) for made in synapses)
    # Brian2 labels a spike with the beginning of its step.
    ids = ids[times > a.warm_up - DT / 2]
    edges = np.cumsum([0, *sizes.values()])
    spikes = dict(zip(sizes, np.histogram(ids, edges)[0].tolist(), strict=True))
    report(
        f"brian2-{a.target}", a, precision=a.precision, threads=a.threads,
        compile_seconds=compiled, build_seconds=built, simulate_seconds=seconds,
        sizes=sizes, spikes=spikes, peak_bytes=peak,
        packages=("brian2", "numpy", "Cython", "sympy"), synapses=n_synapses, flags=FLAGS,
    )  # fmt: skip
