"""The cortical microcircuit at a tenth of its neurons and in-degrees, beside NEST."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import neurosim as ns
from neurosim_models import microcircuit, potjans_diesmann
from neurosim_models.microcircuit import POPULATIONS, PUBLISHED_RATES
from tests.trust.references import measure, over_seeds, reference, tolerance

pytestmark = [pytest.mark.slow, pytest.mark.compiled]

Figures = dict[str, dict[str, npt.NDArray[np.float64]]]

SEEDS = (1, 2, 3, 4, 5)
SCALE = 0.1
LEAST = {"rate_hz": 0.05, "cv_isi": 0.05, "fano_3ms": 0.2}
"""Means over seeds may differ by 4 standard errors, or by this fraction if it is larger."""


def simulate(build: Callable[[int], ns.Network], seeds: tuple[int, ...]) -> Figures:
    """One value per seed of each measure of each population."""
    p = reference("microcircuit_0.1")["parameters"]
    start, stop = p["warm_up_ms"], p["warm_up_ms"] + p["duration_ms"]
    runs: list[dict[str, Any]] = []
    for seed in seeds:
        run = ns.run(build(seed), stop, threads=1, progress=False)
        runs.append({name: measure(run, (name,), start, stop) for name in POPULATIONS})
    return {
        name: {key: np.array([run[name][key] for run in runs], np.float64) for key in LEAST}
        for name in POPULATIONS
    }


@cache
def simulated() -> Figures:
    """The network as published, scaled."""
    return simulate(lambda seed: potjans_diesmann(scale=SCALE, seed=seed), SEEDS)


def seeds_of_nest(population: str) -> dict[str, Any]:
    """The summary over seeds of one population, laid out as in the other references."""
    found = reference("microcircuit_0.1")["results"]["over_seeds"][population]
    return {"over_seeds": found}


def disagreements(found: Figures, *keys: str) -> list[str]:
    """What differs from NEST, as lines to read."""
    lines = []
    for name in POPULATIONS:
        for key in keys:
            expected, values = over_seeds(seeds_of_nest(name), key), found[name][key]
            allowed = tolerance(expected, values, least=LEAST[key])
            if abs(values.mean() - expected.mean()) > allowed:
                lines.append(
                    f"{name} {key}: {values.mean():.4g}, "
                    f"NEST {expected.mean():.4g} +- {allowed:.2g}"
                )
    return lines


def test_rates_are_those_of_nest() -> None:
    """Every population's mean rate over five seeds of 2 s."""
    found = simulated()
    print("\n         here   NEST   full scale (published; down-scaling moves the rates)")
    for name in POPULATIONS:
        summary = seeds_of_nest(name)
        here, nest = found[name]["rate_hz"].mean(), over_seeds(summary, "rate_hz").mean()
        published = PUBLISHED_RATES[name]
        print(f"  {name:5} {here:6.3f} {nest:6.3f} {published:6.3f} ({here / published - 1:+.0%})")
    assert disagreements(found, "rate_hz") == []


def test_irregularity_and_synchrony_are_those_of_nest() -> None:
    """ISI CV within 5 %, population Fano factor within 20 %, or 4 standard errors."""
    assert disagreements(simulated(), "cv_isi", "fano_3ms") == []


# --- the comparison can fail ----------------------------------------------------------------------


def stronger_inhibition(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], ns.Network]:
    """Inhibitory weights 10 % larger, everything else as it was."""
    original = microcircuit.sizes

    def changed(*args: Any) -> microcircuit.Sizes:
        size = original(*args)
        weights = size.weights.copy()
        weights[:, 1::2] *= 1.1
        return dataclasses.replace(size, weights=weights)

    monkeypatch.setattr(microcircuit, "sizes", changed)
    return lambda seed: potjans_diesmann(scale=SCALE, seed=seed)


def swapped_delays(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], ns.Network]:
    """Excitation comes after 0.75 ms, inhibition after 1.5 ms."""
    exc, inh = microcircuit.DELAY_EXC, microcircuit.DELAY_INH
    monkeypatch.setattr(microcircuit, "DELAY_EXC", inh)
    monkeypatch.setattr(microcircuit, "DELAY_INH", exc)
    return lambda seed: potjans_diesmann(scale=SCALE, seed=seed)


def constant_drive(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], ns.Network]:
    """The mean of the external input instead of its spikes."""
    return lambda seed: potjans_diesmann(scale=SCALE, drive="dc", seed=seed)


@pytest.mark.parametrize("fault", [stronger_inhibition, swapped_delays, constant_drive])
def test_a_planted_fault_is_seen(fault: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same comparison refuses a network that is wrong in one place."""
    found = simulate(fault(monkeypatch), SEEDS[:3])
    seen = disagreements(found, *LEAST)
    print(f"\n{fault.__name__}: " + "; ".join(seen))
    assert len(seen) >= 2
