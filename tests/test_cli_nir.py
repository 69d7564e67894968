"""``neurosim nir``: files from the command line, and what is told of them."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from neurosim.cli import app

SCRIPT = """
import numpy as np
import neurosim as ns

weights = np.random.default_rng(0)


def layers(t_ref: float = 0.0) -> ns.Network:
    net = ns.Network("layers", dt=0.1)
    model = ns.LIF(t_ref=t_ref, synapses=ns.Delta())
    source = net.population("in", 4, ns.Input("spikes"))
    cells = net.population("cells", 10, model)
    net.project(source, cells, ns.AllToAll(), weight=weights.normal(5, 5, (4, 10)))
    net.record(cells, "spikes")
    return net
"""


def _run(*words: str) -> tuple[int, str]:
    found = CliRunner().invoke(app, ["nir", *words], env={"COLUMNS": "200"})
    assert found.exception is None or isinstance(found.exception, SystemExit)
    return found.exit_code, found.output


@pytest.fixture
def script(tmp_path: Path) -> str:
    path = tmp_path / "layered.py"
    path.write_text(SCRIPT)
    return f"{path}:layers"


@pytest.mark.compiled
def test_a_network_is_exported_and_verified(script: str, tmp_path: Path) -> None:
    file = str(tmp_path / "layers.nir")
    code, said = _run("export", script, file, "--profile", "snntorch")
    assert (code, said) == (0, f"NIR in {file}: 4 nodes, 3 edges\n")
    code, said = _run("export", script, file)
    assert code == 1
    assert "--overwrite" in said
    code, said = _run("verify", file, "--steps", "50", "--simulator", "spikingjelly")
    assert code == 0
    assert said.count("same spikes") == 2


@pytest.mark.filterwarnings("always::neurosim.errors.ApproximationWarning")
def test_losses_are_refused_or_told(script: str, tmp_path: Path) -> None:
    file = tmp_path / "layers.nir"
    words = ("export", script, str(file), "--set", "t_ref=2.0")
    code, said = _run(*words)
    assert code == 1
    assert "NIR has no refractory time. Nearest that works: t_ref=0." in said
    assert not file.exists()
    code, said = _run(*words, "--on-loss", "warn")
    assert code == 0
    assert "Left out of the NIR graph: Population 'cells': t_ref" in said


def test_a_bad_file_is_an_error_without_a_traceback(tmp_path: Path) -> None:
    path = tmp_path / "bad.nir"
    path.write_text("no HDF5")
    code, said = _run("verify", str(path))
    assert code == 1
    assert "is 'something else'; expected an HDF5 file" in said
