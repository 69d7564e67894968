"""`import neurosim`: light, complete, and not to be mistaken for something else."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import neurosim as ns
import neurosim_backends
import neurosim_datasets
import neurosim_models
from neurosim.errors import DescriptionError

HEAVY = (
    "brian2", "h5py", "matplotlib", "networkx", "numba", "pint", "rich", "scipy", "sympy", "torch",
    "tqdm", "typer",
)  # fmt: skip
ROOMS = (neurosim_backends, neurosim_datasets, neurosim_models)


def python(code: str, *, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run code in a fresh interpreter, the present directory on its path as in a user's shell."""
    environment = {**os.environ, "PYTHONPATH": ""}
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=cwd, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


def loaded_by(code: str) -> set[str]:
    """Return which heavy packages the code loads."""
    done = python(f"{code}\nimport sys\nprint(*sys.modules)")
    assert done.returncode == 0, done.stderr
    return set(HEAVY) & set(done.stdout.split())


def test_import_loads_nothing_heavy() -> None:
    assert loaded_by("import neurosim") == set()


def test_describing_loads_no_compiler() -> None:
    code = (
        "import neurosim as ns; net = ns.Network('a'); p = net.population('p', 3, ns.LIF());"
        "net.project(p, p, ns.FixedProbability(0.5), weight=ns.Normal(1, 0.1), receptor='exc');"
        "repr(net)"
    )
    assert loaded_by(code) & {"numba", "matplotlib", "torch", "scipy", "pint", "h5py"} == set()


def test_the_guard_above_sees_a_heavy_import() -> None:
    assert loaded_by("import h5py") == {"h5py"}


@pytest.mark.parametrize("name", ns.__all__)
def test_every_name_resolves_and_is_explained(name: str) -> None:
    value = getattr(ns, name)
    assert value.__doc__
    assert value.__doc__.strip()


def test_dir_shows_the_names() -> None:
    assert set(ns.__all__) <= set(dir(ns))
    assert {"Network", "LIF", "run", "load", "plot", "__version__"} <= set(dir(ns))
    assert all(hasattr(ns, name) for name in dir(ns))


def test_type_checkers_are_told_the_same() -> None:
    """The block for type checkers and the table of homes agree, name for name."""
    tree = ast.parse(Path(ns.__file__).read_text())
    block = next(
        node
        for node in tree.body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    )
    told = {
        (str(node.module), name.name, str(name.asname))
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for name in node.names
    }
    homes = {(home, name, name) for home, names in ns._HOMES.items() for name in names}
    assert told == homes | {("neurosim", part, part) for part in ns._PARTS}


def test_unknown_names_bring_the_nearest() -> None:
    with pytest.raises(AttributeError, match=r"no attribute 'Netwrok'\. Did you mean 'Network'\?"):
        getattr(ns, "Netwrok")  # noqa: B009
    with pytest.raises(AttributeError, match="Did you mean 'LIF'"):
        getattr(ns, "lif")  # noqa: B009
    with pytest.raises(AttributeError, match=r"no attribute 'zzzzzz'$"):
        getattr(ns, "zzzzzz")  # noqa: B009


def test_version_is_that_of_the_distribution() -> None:
    from importlib.metadata import version

    assert ns.__version__ == version("neurosim-snn")


# --- a script called neurosim.py ------------------------------------------------------------


@pytest.mark.parametrize("room", [room.__name__ for room in ROOMS])
def test_rooms_explain_a_script_that_hides_the_package(room: str, tmp_path: Path) -> None:
    (tmp_path / "neurosim.py").write_text("import neurosim as ns\n")
    done = python(f"import {room}", cwd=tmp_path)
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith(f"ImportError: {room} needs the neurosim of the distribution")
    assert str(tmp_path / "neurosim.py") in last
    assert "rename it" in last


def test_a_script_called_neurosim_that_uses_a_model(tmp_path: Path) -> None:
    """The way it happens: the script finds itself before it reaches the model."""
    script = tmp_path / "neurosim.py"
    script.write_text("import neurosim as ns\nfrom neurosim_models import brunel\n")
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "rename it" in done.stderr.strip().splitlines()[-1]


def test_an_empty_folder_called_neurosim_does_no_harm(tmp_path: Path) -> None:
    """A folder without `__init__.py`, such as a clone seen from above, hides nothing."""
    (tmp_path / "neurosim").mkdir()
    done = python("import neurosim_models, neurosim; neurosim.Network('a')", cwd=tmp_path)
    assert done.returncode == 0, done.stderr


# --- load -----------------------------------------------------------------------------------


def small_network() -> ns.Network:
    net = ns.Network("small", seed=3)
    p = net.population("p", 4, ns.LIF(I_e=500.0))
    net.record(p, "spikes")
    return net


def test_load_reads_networks(tmp_path: Path) -> None:
    net = small_network()
    net.save(tmp_path / "net.h5")
    back = ns.load(tmp_path / "net.h5")
    assert isinstance(back, ns.Network)
    assert back.content_hash() == net.content_hash()


def test_load_reads_runs(tmp_path: Path) -> None:
    run = ns.Run(name="a", interval=(0.0, 10.0), populations={"p": 3})
    run.save(tmp_path / "run.h5")
    back = ns.load(str(tmp_path / "run.h5"))
    assert isinstance(back, ns.Run)
    assert back.same_as(run)


def test_load_refuses_what_it_did_not_write(tmp_path: Path) -> None:
    import h5py

    with pytest.raises(DescriptionError, match="expected an existing file"):
        ns.load(tmp_path / "nothing.h5")
    (tmp_path / "text.h5").write_text("no HDF5")
    with pytest.raises(DescriptionError, match=r"written by network\.save or run\.save"):
        ns.load(tmp_path / "text.h5")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file.attrs["format"] = "somebody else's"
    with pytest.raises(DescriptionError, match="somebody else's"):
        ns.load(tmp_path / "other.h5")
