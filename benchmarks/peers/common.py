"""What every script has in common: its arguments, its peak memory, and the line it prints."""

from __future__ import annotations

import argparse
import json
import platform
import sys
from collections.abc import Mapping, Sequence
from importlib import metadata
from typing import Any

DT = 0.1
"""Time step of every network here [ms]."""

DISTRIBUTIONS = ("neurosim-snn", "numba", "nest-simulator", "brian2", "Cython", "numpy")


def parser(description: str | None) -> argparse.ArgumentParser:
    """Return the arguments that every script takes."""
    found = argparse.ArgumentParser(description=description)
    found.add_argument("--scale", type=float, default=1.0, help="of the number of neurons")
    found.add_argument("--duration", type=float, default=1000.0, help="measured [ms]")
    found.add_argument("--warm-up", type=float, default=200.0, help="before it [ms]")
    found.add_argument("--threads", type=int, default=1)
    found.add_argument("--seed", type=int, default=1)
    found.add_argument("--precision", choices=("single", "double"), default="double")
    return found


def peak_memory() -> int | None:
    """Return the greatest resident memory of this process so far [bytes]; None where untold."""
    try:
        with open("/proc/self/status") as status:
            line = next(line for line in status if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        return None
    return 1024 * int(line.split()[1])


def counted(sizes: Mapping[str, int], spikes: Mapping[str, int], duration: float) -> dict[str, Any]:
    """Return neurons, spikes and rates [Hz] per population, of `duration` [ms]."""
    return {
        "neurons": dict(sizes),
        "spikes": dict(spikes),
        "rates": {name: spikes[name] / sizes[name] / duration * 1e3 for name in sizes},
    }


def report(
    simulator: str,
    arguments: argparse.Namespace,
    *,
    precision: str,
    threads: int,
    build_seconds: float,
    simulate_seconds: float,
    sizes: Mapping[str, int],
    spikes: Mapping[str, int],
    peak_bytes: int | None,
    packages: Sequence[str],
    compile_seconds: float = 0.0,
    **more: Any,
) -> None:
    """Print what was measured as the last line of the output.

    Parameters
    ----------
    precision, threads
        As used, which may differ from what was asked.
    build_seconds, simulate_seconds, compile_seconds : float
        From description to readiness, without compilation; of the measured part; of compilation.
    sizes, spikes : mapping
        Neurons and measured spikes of each population.
    packages : sequence of str
        Distributions whose versions matter.
    """
    found = {
        "simulator": simulator,
        "versions": {
            "python": platform.python_version(),
            **{name: metadata.version(name) for name in packages},
        },
        "arguments": vars(arguments),
        "precision": precision,
        "threads": threads,
        "compile_seconds": compile_seconds,
        "build_seconds": build_seconds,
        "simulate_seconds": simulate_seconds,
        **counted(sizes, spikes, arguments.duration),
        "peak_bytes": peak_bytes,
        **more,
    }
    sys.stdout.flush()
    print("\n" + json.dumps(found, allow_nan=False), flush=True)
