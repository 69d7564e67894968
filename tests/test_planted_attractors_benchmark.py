"""The benchmark of planted attractors, on few small pictures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import benchmarks.__main__ as command_line
from benchmarks import planted_attractors
from benchmarks.keeping import RESULTS
from benchmarks.planted_attractors import PUBLISHED, Split, load, measure
from neurosim_datasets import digits

pytestmark = pytest.mark.compiled
ROOT = Path(__file__).parents[1]


def few(data: str, folder: Path | None = None) -> tuple[Split, Split]:
    images, labels = digits().images.reshape(-1, 64), digits().labels
    return Split(images[:300], labels[:300]), Split(images[300:350], labels[300:350])


@pytest.fixture(autouse=True)
def small_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planted_attractors, "load", few)
    monkeypatch.setitem(planted_attractors.VALIDATION, "fashion-mnist", 50)


def test_what_is_published_is_never_told_as_ours(tmp_path: Path) -> None:
    file = tmp_path / "model.npz"
    row = measure(
        "fashion-mnist", epochs=2, batch=50, rate=0.5, steps=10, model_file=file, say=lambda _: None
    )
    assert row["published"] == PUBLISHED["fashion-mnist"] == 0.8839
    assert 0 <= row["accuracy"] < 0.8
    assert row["accuracy"] * 50 == pytest.approx(round(row["accuracy"] * 50))
    assert row["pictures_learned"] == 250
    assert row["optimiser_steps"] == 10
    assert len(row["validation"]) == 2
    assert row["largest_radius"] < 1
    with np.load(file) as kept:
        assert kept["weights"].shape == (64, 64)
        assert kept["gamma"] == row["gamma"]


def test_the_page_tells_what_was_measured() -> None:
    """Every figure of docs/metapopulation.md that comes from the kept file."""
    text = " ".join((ROOT / "docs" / "metapopulation.md").read_text().split())
    content = json.loads((RESULTS / "planted-attractors" / "fashion-mnist.json").read_text())
    (row,) = content["rows"]
    cells = (
        "Fashion-MNIST, 784 nodes", row["parametrization"], f"{row['optimiser_steps']} (one epoch)",
        f"{row['batch']}", f"{row['cpu_seconds']:.0f} s",
        f"{100 * row['accuracy_at_training_steps']:.1f} %", f"{100 * row['accuracy']:.1f} %",
        f"{100 * row['published']:.2f} %, after 105,000 steps",
    )  # fmt: skip
    assert row["epochs"] == 1
    assert row["euler_steps"] == 25
    assert f"| {' | '.join(cells)} |" in text
    assert f"`{content['command']}`" in text
    assert f"{100 * row['settled']:.0f} % of the" in text
    assert f"(largest spectral abscissa {row['largest_abscissa']:.2f})" in text


def test_the_command_keeps_what_it_measured(tmp_path: Path) -> None:
    given = ["planted-attractors", "--epochs", "1", "--batch", "50", "--steps", "5"]
    done = CliRunner().invoke(command_line.app, [*given, "--into", str(tmp_path)])
    assert done.exit_code == 0, done.output
    assert "published: 88.39%" in done.output
    content: dict[str, Any] = json.loads(
        (tmp_path / "planted-attractors" / "fashion-mnist.json").read_text()
    )
    assert "--epochs 1" in content["command"]
    assert content["rows"][0]["euler_steps"] == 5
    wrong = CliRunner().invoke(command_line.app, ["planted-attractors", "--data", "cifar"])
    assert wrong.exit_code == 2


def test_the_sample_of_mnist_is_split_without_overlap() -> None:
    whole, test = load("mnist-5000")
    assert whole.images.shape == (4000, 784)
    assert test.images.shape == (1000, 784)
    assert np.bincount(test.labels).min() > 70
    assert not {i.tobytes() for i in whole.images} & {i.tobytes() for i in test.images}
    with pytest.raises(ValueError, match="--folder"):
        load("mnist")
