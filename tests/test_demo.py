"""What `make demo` prints and leaves behind; its suggestions are tried."""

import io
import json
import shlex
import subprocess
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

import neurosim as ns
from neurosim_models.microcircuit import PUBLISHED_RATES
from tools import demo


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, ns.Run]:
    """Run the demo, at a size that takes a moment."""
    folder = tmp_path_factory.mktemp("demo") / "results"
    text = io.StringIO()
    run = demo.main(0.02, 100.0, folder, Console(file=text, width=120))
    return folder, text.getvalue(), run


def test_leaves_a_figure_and_the_results(small: tuple[Path, str, ns.Run]) -> None:
    folder, text, run = small
    assert (folder / "microcircuit.png").read_bytes().startswith(b"\x89PNG")
    saved = ns.load(folder / "microcircuit.h5")
    assert isinstance(saved, ns.Run)
    assert saved.same_as(run)
    assert saved.interval == (500.0, 600.0)
    assert str(folder / "microcircuit.png") in text
    assert "Wall time" in text


def test_table_stands_beside_nest_and_the_published_rates() -> None:
    rates = {name: 1.0 + k for k, name in enumerate(PUBLISHED_RATES)}
    run = ns.Run(
        name="a", interval=(0.0, 1000.0), populations=dict.fromkeys(rates, 1),
        spikes={
            name: ns.SpikeRecord(
                times=np.linspace(10.0, 500.0, int(rate)), ids=np.zeros(int(rate), np.int64),
                size=1, interval=(0.0, 1000.0),
            )
            for name, rate in rates.items()
        },
    )  # fmt: skip
    text = io.StringIO()
    Console(file=text, width=120).print(demo.rates_table(run, 0.1))
    rows = [line.split() for line in text.getvalue().splitlines() if "│" in line]
    nest = json.loads(demo.REFERENCE.read_text())["results"]["over_seeds"]
    for row, (name, rate) in zip(rows, rates.items(), strict=True):
        mean, sd = nest[name]["rate_hz"]["mean"], nest[name]["rate_hz"]["sd"]
        published = PUBLISHED_RATES[name]
        assert [word for word in row if word != "│"] == [
            name, "1", f"{rate:.2f}", f"{mean:.2f}", "±", f"{sd:.2f}", f"{published:.2f}",
        ]  # fmt: skip


def test_at_another_scale_nothing_is_compared_with_nest(small: tuple[Path, str, ns.Run]) -> None:
    _, _, run = small
    text = io.StringIO()
    Console(file=text, width=120).print(demo.rates_table(run, 0.02))
    assert "±" not in text.getvalue()


@pytest.mark.slow
def test_every_suggestion_works(small: tuple[Path, str, ns.Run], tmp_path: Path) -> None:
    folder, _, _ = small
    for command in demo.next_commands(folder):
        words = shlex.split(command)
        if "marimo" in words[0]:
            continue  # opens a browser
        words[0] = str((Path.cwd() / words[0]).absolute())
        done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, (command, done.stderr)
