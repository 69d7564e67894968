"""docs/conversion.md says what was measured and what the profiles hold."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from benchmarks.conversion import DEFAULT, KEPT, SIGNED
from neurosim.conversion.thresholds import CANDIDATES
from neurosim.energy_estimates import PROFILES

PAGE = (Path(__file__).parents[2] / "docs" / "conversion.md").read_text()


def cells(line_start: str) -> list[str]:
    """Return the cells of the one row of a table that begins so, without the first."""
    (line,) = [line for line in PAGE.splitlines() if line.startswith(f"| {line_start}")]
    return [cell.strip() for cell in line.strip("|").split("|")[1:]]


def picojoules(text: str) -> float:
    number, unit = re.findall(r"([\d.]+) ([pn])J", text)[0]
    return float(number) * {"p": 1, "n": 1000}[unit]


def test_accuracies_of_mnist_are_those_that_are_kept() -> None:
    """And the module is not more than half a point ahead at T = 8."""
    kept = json.loads(KEPT.read_text())["mnist"]
    modes = kept["spikingjelly"]["modes"]
    assert cells("MNIST [%]") == [f"T = {steps}" for steps in kept["steps"]]
    for row, values in (
        ('neurosim, `"mse"`', kept["methods"][DEFAULT]),
        ('SpikingJelly 2.0.0, "max"', modes["max"]),
        ('SpikingJelly 2.0.0, "99.9%" |', modes["99.9%"]),
        ('SpikingJelly 2.0.0, "99.9%" by', modes["99.9%, by channels, half threshold"]),
    ):
        assert cells(row) == [f"{100 * value:.2f}" for value in values], row
    said = " ".join(PAGE.split())
    assert f"held-out digits of MNIST (itself {100 * kept['module']:.2f} %)" in said
    assert f"`{kept['command']}`" in said
    assert kept["module"] - kept["methods"][DEFAULT][-1] <= 0.005


def test_accuracies_of_fashion_mnist_are_those_that_are_kept() -> None:
    """With spikes that are taken back the module is not more than half a point ahead."""
    kept = json.loads(KEPT.read_text())["fashion"]
    assert cells("Fashion-MNIST [%]") == [f"T = {steps}" for steps in kept["steps"]]
    for row, name in (
        ('`"mse"`, on the CPU core', DEFAULT),
        ('`"mse"` and `signed=True`', SIGNED),
    ):
        assert cells(row) == [f"{100 * value:.2f}" for value in kept["methods"][name]], row
    said = " ".join(PAGE.split())
    assert f"first {kept['images']} pictures held out (itself {100 * kept['module']:.2f} %)" in said
    assert f"`{kept['command']}`" in said
    assert kept["module"] - max(kept["methods"][SIGNED]) <= 0.005


def test_accuracies_are_those_that_are_kept() -> None:
    kept = json.loads(KEPT.read_text())["digits"]
    modes = kept["spikingjelly"]["modes"]
    assert cells("accuracy [%]") == [f"T = {steps}" for steps in kept["steps"]]
    for row, values in (
        ('ours, `"mse"`, on the CPU core', kept["methods"][DEFAULT]),
        ('SpikingJelly, "max"', modes["max"]),
        ('SpikingJelly, "99.9%" |', modes["99.9%"]),
        ('SpikingJelly, "99.9%" by', modes["99.9%, by channels, half threshold"]),
    ):
        assert cells(row) == [f"{100 * value:.2f}" for value in values], row
    said = " ".join(PAGE.split())
    assert f"On the {kept['images']} held-out 8x8 digits" in said
    assert f"(itself {100 * kept['module']:.2f} %)" in said
    assert f"`{kept['command']}`" in said
    assert f"SpikingJelly {kept['spikingjelly']['version']} " in said
    assert f"One image is {100 / kept['images']:.2f} %" in said
    seconds = kept["seconds_per_image"].values()
    told = f"takes {1000 * min(seconds):.0f} to {1000 * max(seconds):.0f} ms on the core"
    assert told in said


@pytest.mark.parametrize("name", PROFILES)
def test_constants_are_those_of_the_profiles(name: str) -> None:
    operation, product, update, memory, _ = cells(f'`"{name}"`')
    profile = PROFILES[name]
    assert picojoules(operation) == profile.synaptic_operation
    if product == "as a synaptic operation":
        assert profile.multiplication == profile.synaptic_operation
    else:
        assert picojoules(product) == profile.multiplication
    assert picojoules(update) == profile.update
    assert ("spike" in update) == bool(profile.spike)
    if profile.spike:
        assert picojoules(update.partition("and ")[2]) == profile.spike
    assert (0.0 if memory == "included" else picojoules(memory)) == profile.memory


def test_the_search_has_as_many_candidates() -> None:
    assert f"for this T; {len(CANDIDATES)} candidates" in PAGE
