"""The inner ear: places, hair cells against their equations, bushy cells against a loop."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import neurosim as ns
from neurosim_datasets import (
    BushyCell,
    ChannelSpikes,
    HairCell,
    cochleagram,
    read_shd,
    spoken_words,
    write_shd,
)
from neurosim_datasets.cochlea import RATE, erb_space


def tone(frequency: float, duration: float = 0.2, rate: float = RATE) -> np.ndarray:
    return np.asarray(np.sin(2 * np.pi * frequency * np.arange(int(duration * rate)) / rate))


def columns(heard: ChannelSpikes) -> list[list[float]]:
    return [heard.times.tolist(), heard.units.tolist()]


@pytest.mark.parametrize(
    ("frequency", "rate"), [(150.0, RATE), (500.0, 48_000.0), (1500.0, RATE), (5000.0, 16_000.0)]
)
def test_a_tone_is_heard_at_its_place(frequency: float, rate: float) -> None:
    heard = cochleagram(tone(frequency, rate=rate), rate, channels=60, level=65)
    places = erb_space(50, 8000, 60)
    counts = np.bincount(heard.units, minlength=60)
    centre = np.average(np.arange(60), weights=counts.astype(float) ** 3)
    assert abs(centre - np.abs(places - frequency).argmin()) < 2.5


def test_places_are_equally_far_apart_for_the_ear() -> None:
    """Glasberg & Moore (1990): 100 Hz is 3.36 on their scale, 1 kHz 15.6, 4 kHz 27.0."""
    places = erb_space(50, 8000, 5)
    assert (places[0], places[-1]) == (pytest.approx(8000), pytest.approx(50))
    scale = 21.4 * np.log10(1 + 0.00437 * places)
    assert np.diff(scale) == pytest.approx(np.full(4, np.diff(scale)[0]))
    known = 21.4 * np.log10(1 + 0.00437 * np.array([100, 1000, 4000]))
    assert known == pytest.approx([3.36, 15.6, 27.0], rel=0.01)


def test_a_hair_cell_in_silence_stays_at_rest() -> None:
    """Meddis (1986): the three equations are 0 at rest; its rate of firing is h c."""
    cell = HairCell()
    q, c, w = cell.at_rest()
    k = cell.g * cell.A / (cell.A + cell.B)
    assert cell.y * (cell.M - q) + cell.x * w - k * q == pytest.approx(0, abs=1e-9)
    assert k * q - (cell.l + cell.r) * c == pytest.approx(0, abs=1e-9)
    assert cell.r * c - cell.x * w == pytest.approx(0, abs=1e-9)
    rates = cell.rates(np.zeros((2000, 3)), 1 / RATE)
    assert rates == pytest.approx(np.full((2000, 3), cell.h * c), rel=1e-9)
    assert 50 < cell.h * c < 80


@pytest.mark.parametrize("frequency", [0.0, 200.0])
def test_hair_cells_follow_their_equations(frequency: float) -> None:
    """Oracle: scipy's adaptive solver on the equations as they are written in the docstring."""
    cell = HairCell()

    def movement(t: Any) -> Any:
        return 300.0 * np.cos(2 * np.pi * frequency * np.asarray(t))

    def derivative(t: float, state: np.ndarray) -> list[float]:
        q, c, w = state
        driven = movement(t) + cell.A
        k = cell.g * driven / (driven + cell.B) if driven > 0 else 0.0
        return [
            cell.y * (cell.M - q) + cell.x * w - k * q,
            k * q - (cell.l + cell.r) * c,
            cell.r * c - cell.x * w,
        ]

    fine = 1e-6
    n = 20_000
    at = np.arange(1, n + 1) * fine
    exact = solve_ivp(
        derivative, (0, at[-1]), cell.at_rest(), t_eval=at[99::100], rtol=1e-8, atol=1e-10,
        max_step=2e-5,
    )  # fmt: skip
    # Held over a step of 1 us, in whose middle it is taken.
    ours = cell.rates(movement(at - fine / 2)[:, np.newaxis], fine)[99::100, 0]
    assert ours == pytest.approx(cell.h * exact.y[1], rel=2e-3, abs=0.05)
    # At the rate at which sounds are heard, 50 times as coarse.
    steps = np.arange(1, 401) / RATE
    coarse = cell.rates(movement(steps - 0.5 / RATE)[:, np.newaxis], 1 / RATE)[:, 0]
    assert coarse.mean() == pytest.approx(ours.mean(), rel=0.02)


def test_hair_cells_adapt() -> None:
    """Meddis (1986): the onset of a tone is far above what follows, and that above silence."""
    rates = HairCell().rates(500 * tone(2000, 0.3)[:, np.newaxis], 1 / RATE)[:, 0]
    onset, later = rates[:100].mean(), rates[4000:].mean()
    assert onset > 3 * later
    assert later > HairCell().h * HairCell().at_rest()[1]


def test_bushy_cells_are_those_of_a_loop_over_fibres() -> None:
    """The same cell written fibre by fibre: the same mean rate, and the same regularity."""
    cell, dt, n = BushyCell(), 1 / RATE, 12_000
    rate = 130.0
    generator = np.random.Generator(np.random.Philox(1))
    steps, channels = cell.spikes(np.full((n, 20), rate), dt, generator)
    random = np.random.default_rng(2)
    counts, gaps = [], []
    for _ in range(6):
        last = np.full(cell.n_fibres, -(10**9))
        v = current = 0.0
        slept, fired = -(10**9), []
        for step in range(n):
            ready = step - last >= 20
            now = ready & (random.random(cell.n_fibres) < 1 - np.exp(-rate * dt))
            last[now] = step
            current = current * np.exp(-dt / cell.tau_s) + now.sum()
            if step - slept <= 20:
                v = 0.0
                continue
            v = v * np.exp(-dt / cell.tau_m) + cell.weight / cell.n_fibres * dt * current
            if v >= 1:
                v, slept = 0.0, step
                fired.append(step)
        counts.append(len(fired))
        gaps.append(np.diff(fired))
    ours = np.bincount(channels, minlength=20)
    error = np.hypot(np.std(counts) / np.sqrt(6), ours.std() / np.sqrt(20))
    assert abs(ours.mean() - np.mean(counts)) < 4 * error
    ours_gaps = np.concatenate([np.diff(steps[channels == k]) for k in range(20)])
    theirs = np.concatenate(gaps)
    assert ours_gaps.min() > 20
    assert ours_gaps.std() / ours_gaps.mean() == pytest.approx(
        theirs.std() / theirs.mean(), rel=0.1
    )


def test_low_tones_are_followed_and_high_ones_are_not() -> None:
    """Phase locking: vector strength near 1 below 300 Hz, lost at 5 kHz (Johnson 1980)."""
    strength = {}
    for frequency in (250.0, 5000.0):
        heard = cochleagram(tone(frequency, 0.4), RATE, channels=60, level=70)
        best = np.bincount(heard.units, minlength=60).argmax()
        phases = 2 * np.pi * frequency * heard.times[heard.units == best] / 1000
        strength[frequency] = np.abs(np.exp(1j * phases).mean())
    assert strength[250.0] > 0.8
    assert strength[5000.0] < 0.5


def test_louder_sounds_make_more_spikes_and_silence_few() -> None:
    sound = tone(800)
    counts = [len(cochleagram(sound, RATE, channels=60, level=level)) for level in (40, 60, 80)]
    assert counts[0] < counts[1] < counts[2]
    silence = cochleagram(np.zeros(4000), RATE, channels=60)
    assert len(silence) < 60 * 0.2 * 5  # a few per second and channel
    # The unit of the samples does not matter, the level does.
    assert columns(cochleagram(1e-3 * sound, RATE, channels=9)) == columns(
        cochleagram(sound, RATE, channels=9)
    )


def test_a_seed_gives_the_same_spikes_and_another_gives_others() -> None:
    sound = tone(800)
    first, same, other = (cochleagram(sound, RATE, channels=9, seed=k) for k in (1, 1, 2))
    assert columns(first) == columns(same)
    assert columns(first) != columns(other)


def test_words_become_a_file_of_shd(tmp_path: Path) -> None:
    words = spoken_words(
        [tone(300), tone(3000)], RATE, [1, 0], keys=("high", "low"), channels=30, seed=3
    )
    write_shd(tmp_path / "words.h5", words)
    read = read_shd(tmp_path / "words.h5", channels=30)
    assert read.labels.tolist() == [1, 0]
    assert [len(sample) for sample in read] == [len(sample) for sample in words]
    assert np.median(read[0].units) > np.median(read[1].units)  # low tones lie at the far end
    alike = spoken_words([tone(300), tone(300)], RATE, [0, 0], channels=9)
    assert columns(alike[0]) != columns(alike[1])
    with pytest.raises(ns.DescriptionError, match="spoken_words: labels"):
        spoken_words([tone(300)], RATE, [1, 0])


@pytest.mark.parametrize("cell", [HairCell, BushyCell])
def test_numbers_of_cells_are_above_0(cell: Any) -> None:
    for field in fields(cell):
        for wrong in (0, -1, float("nan"), "much"):
            with pytest.raises(ns.DescriptionError, match=f"{cell.__name__}.{field.name}"):
                cell(**{field.name: wrong})
    with pytest.raises(ns.DescriptionError, match=r"BushyCell\.n_fibres"):
        BushyCell(n_fibres=2.5)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"sound": np.zeros((2, 5))}, "sound"),
        ({"sound": np.zeros(0)}, "sound"),
        ({"sound": np.array([0, np.nan])}, "sound"),
        ({"rate": 0}, "rate"),
        ({"channels": 0}, "channels"),
        ({"highest": 10_000}, "highest"),
        ({"lowest": 9000}, "lowest"),
        ({"level": float("inf")}, "level"),
        ({"seed": -1}, "seed"),
    ],
)
def test_nonsense_is_refused_by_name(wrong: dict[str, Any], field: str) -> None:
    given: dict[str, Any] = {"sound": np.zeros(10), "rate": RATE} | wrong
    with pytest.raises(ns.DescriptionError, match=f"cochleagram: {field}"):
        cochleagram(**given)
