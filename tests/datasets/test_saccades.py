"""Events by saccades: what every pixel must have sent, by a loop; and files as N-MNIST has them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import neurosim as ns
from neurosim_datasets import (
    Events,
    LabelledImages,
    mnist_sample,
    read_nmnist,
    saccades,
    write_saccades,
)
from neurosim_datasets.image_events import _crossings

images = hnp.arrays(np.float64, st.tuples(st.integers(1, 6), st.integers(1, 6)),
                    elements=st.floats(0, 1))  # fmt: skip


def columns(seen: Events) -> list[list[int]]:
    return [column.tolist() for column in (seen.x, seen.y, seen.on, seen.t)]


def by_a_loop(levels: np.ndarray, t: np.ndarray, thresholds: np.ndarray) -> list[Any]:
    """Follow every pixel in many small steps: (pixel, ON, time of the event) as they come."""
    found = []
    for pixel in range(levels.shape[1]):
        reference = levels[0, pixel]
        fine = np.linspace(t[0], t[-1], 20_001)
        for time, level in zip(fine, np.interp(fine, t, levels[:, pixel]), strict=True):
            while abs(level - reference) > thresholds[pixel] * (1 + 1e-6):
                up = bool(level > reference)
                reference += thresholds[pixel] if up else -thresholds[pixel]
                found.append((pixel, up, time))
    return found


def test_events_are_those_of_a_loop_over_small_steps() -> None:
    random = np.random.default_rng(4)
    t = np.linspace(0, 5000, 6)
    levels = random.normal(size=(6, 5))
    thresholds = random.uniform(0.1, 0.5, 5)
    pixel, on, when = _crossings(levels, t, thresholds)
    order = np.lexsort((when, pixel))
    expected = by_a_loop(levels, t, thresholds)
    assert len(expected) > 50
    assert pixel[order].tolist() == [p for p, _, _ in expected]
    assert on[order].tolist() == [up for _, up, _ in expected]
    # The loop notices an event in its next step, of 0.25 us.
    late = np.array([time for _, _, time in expected]) - when[order]
    assert late.min() > -1e-9
    assert late.max() < 0.26


@settings(max_examples=30)
@given(image=images, threshold=st.floats(0.1, 1.0), seed=st.integers(0, 2**32))
def test_what_was_sent_adds_up_to_what_was_seen(
    image: np.ndarray, threshold: float, seed: int
) -> None:
    """Back in its place, the camera has sent as many ON as OFF events from every pixel, but one."""
    seen = saccades(image, threshold=threshold, noise=0, seed=seed)
    sums = np.zeros((seen.height, seen.width))
    np.add.at(sums, (seen.y, seen.x), np.where(seen.on, 1, -1))
    assert np.abs(sums).max() <= 1
    assert np.all(np.diff(seen.t) >= 0)
    assert (seen.height, seen.width) == (image.shape[0] + 6, image.shape[1] + 6)


def test_a_camera_that_rests_or_sees_nothing_sends_nothing() -> None:
    image = np.random.default_rng(1).random((5, 5))
    assert len(saccades(image, amplitude=0, noise=0)) == 0
    assert len(saccades(np.zeros((5, 5)), noise=0)) == 0


def test_edges_that_come_are_on_and_edges_that_go_are_off() -> None:
    """In the third saccade the camera goes left, so a bar goes right: ON before it, OFF behind."""
    bar = np.zeros((20, 28))
    bar[:, 12:16] = 1
    seen = saccades(bar, noise=0, mismatch=0)
    third = seen.chosen((seen.times > 200) & (seen.y == 12))
    # Columns 12 to 15 before and 18 to 21 after; those between see it come and go.
    assert np.unique(third.x[third.on]).tolist() == [16, 17, 18, 19, 20, 21]
    assert np.unique(third.x[~third.on]).tolist() == [12, 13, 14, 15, 16, 17]
    for column in (16, 17):
        here = third.chosen(third.x == column)
        assert here.t[here.on].max() < here.t[~here.on].min()
    # Up and down its length nothing changes.
    assert np.ptp(np.bincount(seen.y, minlength=26)[8:18]) == 0


def test_a_finer_threshold_sends_more_and_mismatch_makes_pixels_differ() -> None:
    image = mnist_sample().images[0]
    coarse, fine = (len(saccades(image, threshold=t, noise=0)) for t in (0.4, 0.1))
    assert 3 * coarse < fine < 5.5 * coarse
    alike, other = (saccades(image, mismatch=m, noise=0) for m in (0, 0.1))
    assert columns(alike) != columns(other)
    assert len(other) == pytest.approx(len(alike), rel=0.05)


def test_noise_has_the_rate_asked_for() -> None:
    """Poisson: within four standard deviations of rate times time times pixels."""
    seen = saccades(np.zeros((28, 28)), noise="10 Hz", seed=3)
    expected = 10 * 0.3 * 34 * 34
    assert abs(len(seen) - expected) < 4 * np.sqrt(expected)
    assert abs(seen.on.sum() - len(seen) / 2) < 2 * np.sqrt(len(seen))


def test_a_seed_gives_the_same_events_and_another_gives_others() -> None:
    image = mnist_sample().images[0]
    assert columns(saccades(image, seed=1)) == columns(saccades(image, seed=1))
    assert columns(saccades(image, seed=1)) != columns(saccades(image, seed=2))


def test_digits_send_about_as_many_events_as_in_nmnist() -> None:
    """Orchard et al. (2015), figures of the data set: about 4,200 per digit, as many ON as OFF."""
    sample = mnist_sample().images[::500]
    seen = [saccades(image, seed=k) for k, image in enumerate(sample)]
    assert 3000 < np.mean([len(s) for s in seen]) < 5000
    assert np.mean([s.on.mean() for s in seen]) == pytest.approx(0.5, abs=0.05)


def test_files_are_those_of_nmnist(tmp_path: Path) -> None:
    chosen = mnist_sample()
    three = LabelledImages(
        name="three", images=chosen.images[[0, 501, 1]], labels=chosen.labels[[0, 501, 1]],
        source="", licence="",
    )  # fmt: skip
    paths = write_saccades(tmp_path, three, seed=5)
    assert [str(path.relative_to(tmp_path)) for path in paths] == [
        "Train/0/00001.bin", "Train/1/00002.bin", "Train/0/00003.bin"
    ]  # fmt: skip
    assert len(read_nmnist(paths[0])) * 5 == paths[0].stat().st_size
    first = paths[0].read_bytes()
    again = write_saccades(tmp_path / "again", three, seed=5)
    assert [p.read_bytes() for p in again] == [p.read_bytes() for p in paths]
    assert write_saccades(tmp_path / "other", three, seed=6)[0].read_bytes() != first
    with pytest.raises(ns.UnknownNameError, match="part"):
        write_saccades(tmp_path, three, "train")


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"image": np.zeros(3)}, "image"),
        ({"image": np.full((3, 3), 255.0)}, "image"),
        ({"image": np.full((3, 3), np.nan)}, "image"),
        ({"amplitude": -1}, "amplitude"),
        ({"duration": 0}, "duration"),
        ({"threshold": 0}, "threshold"),
        ({"mismatch": 0.3}, "mismatch"),
        ({"background": 0}, "background"),
        ({"noise": -1}, "noise"),
        ({"seed": -1}, "seed"),
    ],
)
def test_nonsense_is_refused_by_name(wrong: dict[str, Any], field: str) -> None:
    given: dict[str, Any] = {"image": np.zeros((3, 3))} | wrong
    with pytest.raises(ns.DescriptionError, match=f"saccades: {field}"):
        saccades(**given)
