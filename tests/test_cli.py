"""The command line: what it finds, refuses, prints and leaves behind."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import neurosim as ns
from neurosim import capabilities, installed
from neurosim.backend import find_backend
from neurosim.cli import app, doctor, targets

SCRIPT = '''
from __future__ import annotations

import neurosim as ns
from helper_beside import SIZE


def small(n: int = SIZE, current: float = 500.0, *, seed: int = 1) -> ns.Network:
    """A few neurons that fire by themselves."""
    net = ns.Network("small", seed=seed)
    net.record(net.population("cells", n, ns.LIF(I_e=current)), "spikes")
    return net


ready = small(2)


def stepwise(dt: float = 0.1) -> ns.Network:
    net = small(int(round(1 / dt)))
    return net


def silent() -> ns.Network:
    net = ns.Network("silent")
    net.population("cells", 2, ns.LIF())
    return net


def needy(n: int) -> ns.Network:
    return small(n)


def refused() -> ns.Network:
    net = ns.Network("refused")
    net.population("cells", 2, ns.LIF(tau_m=-1))
    return net


def broken() -> ns.Network:
    return 1 / 0


def number() -> float:
    return 3.0


def _hidden() -> ns.Network:
    return small()


constant = 3
'''


class Outcome:
    """Exit code and output of one command line, folded lines made whole."""

    def __init__(self, code: int, output: str) -> None:
        self.code = code
        self.raw = output
        self.text = re.sub(r"\s+", " ", re.sub("[│╭╮╰╯─]", " ", output))


def neurosim(*words: object) -> Outcome:
    """Run a command line in this process."""
    result = CliRunner().invoke(app, [str(word) for word in words], env={"COLUMNS": "300"})
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Outcome(result.exit_code, result.output)


@pytest.fixture
def script(tmp_path: Path) -> Iterator[Path]:
    """A user's script and a module beside it."""
    (tmp_path / "helper_beside.py").write_text("SIZE = 3\n")
    path = tmp_path / "nets.py"
    path.write_text(SCRIPT)
    before = list(sys.path)
    yield path
    sys.path[:] = before
    for name in ("neurosim_script_nets", "helper_beside"):
        sys.modules.pop(name, None)


# --- run ------------------------------------------------------------------------------------


def test_a_published_network_runs_and_leaves_its_files(tmp_path: Path) -> None:
    saved, figure = tmp_path / "run.h5", tmp_path / "run.png"
    done = neurosim(
        "run", "vogels_abbott_cuba", "--duration", "0.02 s", "--set", "scale=0.05", "--seed", 7,
        "--threads", 1, "--save", saved, "--plot", figure,
    )  # fmt: skip
    assert done.code == 0
    assert "Network 'vogels_abbott_cuba' (seed 7): 200 neurons" in done.text
    assert f"Results in {saved}" in done.text
    assert "Wall time: built in" in done.text
    assert figure.read_bytes().startswith(b"\x89PNG")
    run = ns.load(saved)
    assert isinstance(run, ns.Run)
    assert run.duration == pytest.approx(20.0)
    assert run.provenance["seed"] == 7
    assert run.provenance["threads"] == 1
    for name, rate in run.rates().items():
        assert re.search(rf"{name} [│┃ ]*\d+ .*{rate:.2f}", done.text)


def test_options_reach_the_run(script: Path, tmp_path: Path) -> None:
    saved = tmp_path / "run.h5"
    done = neurosim(
        "run", f"{script}:small", "--set", "n=4", "--set", "current=600", "--dt", 0.5,
        "--precision", "single", "--duration", 20, "--seed", 5, "--backend", "cpu", "--save", saved,
    )  # fmt: skip
    assert done.code == 0
    run = ns.load(saved)
    assert isinstance(run, ns.Run)
    assert dict(run.populations) == {"cells": 4}
    assert [run.provenance[k] for k in ("dt", "precision", "seed")] == [0.5, "single", 5]


def test_a_network_by_name_runs(script: Path) -> None:
    done = neurosim("run", f"{script}:ready", "--duration", 20)
    assert done.code == 0
    assert "2 neurons" in done.text


def test_the_time_step_reaches_a_function_that_asks_for_it(script: Path) -> None:
    assert "2 neurons" in neurosim("run", f"{script}:stepwise", "--dt", 0.5, "--duration", 5).text
    done = neurosim("run", f"{script}:stepwise", "--dt", 0.5, "--set", "dt=0.25", "--duration", 5)
    assert "4 neurons" in done.text


def test_quiet_prints_nothing(script: Path) -> None:
    done = neurosim("run", f"{script}:ready", "--duration", 5, "--quiet")
    assert (done.code, done.raw) == (0, "")


def test_a_run_without_recorders_says_how_to_record(script: Path) -> None:
    done = neurosim("run", f"{script}:silent", "--duration", 5)
    assert done.code == 0
    assert 'net.record(population, "spikes")' in done.text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["brunell"], "there is no model 'brunell'. Did you mean 'brunel'?"),
        (["cubaa"], "Did you mean 'vogels_abbott_cuba'?"),
        (["nothing"], "a part of a name that no other has is enough, such as 'sprekeler'"),
        (["brunel", "--set", "regme=A"], "no argument 'regme'. Did you mean 'regime'?"),
        (["brunel", "--set", "regime"], "expected NAME=VALUE"),
        (["brunel", "--set", "scale=1", "--set", "scale=2"], "expected one value of 'scale'"),
        (["brunel", "--set", "seed=1", "--seed", "2"], "the seed is given twice"),
        (["brunel", "--backend", "cpuu"], "Did you mean 'cpu'?"),
        (["brunel", "--duration", "-3"], "expected a time in ms above 0"),
        (["brunel", "--duration", "0.05"], "a multiple of the time step, 0.1 ms"),
        (["brunel", "--duration", "5 mV"], "expected a time in ms"),
        (["brunel", "--dt", "nan"], "--dt"),
        (["brunel", "--threads", "0"], "--threads"),
        (["brunel", "--precision", "half"], "--precision"),
        (["brunel", "--save", "/nowhere/at/all.h5"], "a folder that exists"),
        (["brunel", "--save", "."], "the name of a file, not of a folder"),
        (["brunel", "--plot", "figure.xyz"], "a name that ends with one of"),
        (["nowhere.py:net"], "there is no script nowhere.py"),
        ([], "MODEL"),
    ],
)
def test_usage_errors(words: list[str], message: str) -> None:
    done = neurosim("run", *words)
    assert done.code == 2
    assert message in done.text


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("smal", "Did you mean 'small'?"),
        ("numbre", "Did you mean 'number'?"),
        ("", "which network"),
        ("constant", "expected a Network or a function"),
        ("number", "returned float; expected a neurosim.Network"),
        ("needy", "needs the argument 'n': write --set n=VALUE"),
    ],
)
def test_names_in_a_script_that_cannot_be_meant(script: Path, name: str, message: str) -> None:
    done = neurosim("run", f"{script}:{name}")
    assert done.code == 2
    assert message in done.text


def test_only_networks_of_a_script_are_listed(script: Path) -> None:
    done = neurosim("run", script)
    assert done.code == 2
    listed = "small, ready, stepwise, silent, needy, refused, broken; run"
    assert f"Networks in it: {listed}" in done.text


def test_functions_that_do_not_say_what_they_return_are_listed(tmp_path: Path) -> None:
    path = tmp_path / "nets.py"
    path.write_text("from math import sin\nclass A: pass\ndef far(): pass\ndef rel(): pass\n")
    done = neurosim("run", f"{path}:relly")
    assert done.code == 2
    assert (
        "Did you mean 'rel'? Functions that do not say what they return: rel, far; run" in done.text
    )
    assert "There is no network" not in done.text
    path.write_text("from math import sin\nclass A: pass\ndef number() -> float: ...\n")
    assert "There is no network" in neurosim("run", f"{path}:relly").text


def test_a_network_takes_no_arguments(script: Path) -> None:
    for option, value in (("--set", "n=3"), ("--seed", 3)):
        done = neurosim("run", f"{script}:ready", option, value)
        assert done.code == 2
        assert "is a network, not a function" in done.text


def test_what_is_raised_on_purpose_is_one_message(script: Path) -> None:
    done = neurosim("run", f"{script}:refused")
    assert done.code == 1
    line = 1 + SCRIPT.splitlines().index('    net.population("cells", 2, ns.LIF(tau_m=-1))')
    assert done.text.startswith("Error: LIF.tau_m is -1.0; expected")
    assert f"nets.py, line {line}" in done.text
    assert "Traceback" not in done.raw
    done = neurosim("run", "brunel", "--set", "regime=E")
    assert done.code == 1
    assert done.text.startswith("Error: brunel: regime is 'E'; expected one of 'A', 'B', 'C', 'D'.")


def test_a_fault_of_a_script_shows_the_lines_of_the_script(script: Path) -> None:
    done = neurosim("run", f"{script}:broken")
    assert done.code == 1
    assert "ZeroDivisionError" in done.text
    assert "in broken return 1 / 0" in done.text
    assert "targets.py" not in done.text


def test_a_script_called_neurosim_is_refused(script: Path) -> None:
    wrong = script.with_name("neurosim.py")
    wrong.write_text(SCRIPT)
    done = neurosim("run", f"{wrong}:small")
    assert done.code == 2
    assert "must not be called neurosim.py" in done.text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3), ("-3", -3), ("0.1", 0.1), ("1e3", 1000.0), ("true", True), ("False", False),
        ("none", None), ("A", "A"), ("20 ms", "20 ms"), ("", ""), ("0x10", "0x10"),
    ],
)  # fmt: skip
def test_values(text: str, value: object) -> None:
    parsed = targets.parse_value(text)
    assert parsed == value
    assert type(parsed) is type(value)


@pytest.mark.compiled
def test_a_network_without_spikes_tells_its_states() -> None:
    """A memory that has come to rest: 51 samples, of which the last two are alike."""
    done = neurosim("run", "hopfield", "--set", "size=100", "--duration", 50)
    assert done.code == 0
    assert re.search(r"units\.s +100 +51 +\S+ +\S+ +0 ", done.text)
    assert "No spikes" not in done.text
    hot = neurosim(
        "run", "hopfield", "--set", "size=100", "--set", "temperature=5", "--duration", 5
    )
    last = re.search(r"units\.s +100 +6 +\S+ +\S+ +(\d+)", hot.text)
    assert last is not None
    assert int(last[1]) > 10


# --- list, doctor, --version ----------------------------------------------------------------


def test_list_shows_every_model_with_its_arguments() -> None:
    done = neurosim("list")
    assert done.code == 0
    for name, entry in targets.entry_points().items():
        assert f"{name}(" in done.text
        assert entry.load().__doc__.split("\n", 1)[0] in done.text
    assert "brunel(regime='C', scale=1.0, seed=1)" in done.text
    assert "A part of a name that no other has is enough, such as sprekeler." in done.text
    assert f"Backends (--backend NAME): {', '.join(ns.backends())}" in done.text


def test_doctor_gives_lines_that_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = doctor.version_of
    monkeypatch.setattr(doctor, "version_of", lambda name: None if name == "neo" else real(name))
    done = neurosim("doctor")
    assert done.code == 0
    assert "pip install 'neurosim-snn[analysis]'" in done.raw
    assert not re.search(r"pip install ['\"]?neurosim(?!-snn)", done.raw)
    assert "(writable)" in done.text
    assert "usable of" in done.text
    assert re.search(r"cpu +works", done.raw)
    assert re.search(r"brian2_cpp .*takes long: .*about a minute", done.raw)


def test_doctor_names_only_extras_that_exist_and_packages_they_bring() -> None:
    """What doctor tells to install exists in pyproject.toml, and brings what it names."""
    import tomllib

    def names(requirements: list[str]) -> set[str]:
        return {re.split(r"[<>=;\[]", requirement)[0] for requirement in requirements}

    root = Path(__file__).parents[1]
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    named = {extra: set(distributions) for extra, distributions in doctor.EXTRAS.items()}
    for name in ns.backends():
        for requirement in find_backend(name).capabilities.requires:
            named.setdefault(requirement.extra, set()).add(requirement.distribution)
    for extra, distributions in named.items():
        assert distributions <= names(extras[extra])
    needed = names(project["dependencies"])
    assert needed | {"neurosim-snn", "llvmlite"} == set(doctor.PACKAGES)


@pytest.mark.parametrize(
    ("there", "said"),
    [
        ({"brian2": "2.9.0", "numpy": "2.4.1"}, "numpy"),
        ({"brian2": None}, "brian2"),
        ({"brian2": "2.8.0.4"}, "brian2"),
    ],
)
def test_doctor_tells_of_backends_that_cannot_run(
    there: dict[str, str | None], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A simulator that is missing, too old, or beside a numpy it does not know."""
    real = capabilities._installed
    monkeypatch.setattr(capabilities, "_installed", lambda n: there[n] if n in there else real(n))
    monkeypatch.setattr(capabilities, "_has_module", lambda name: False)
    line = next(x for x in neurosim("doctor").raw.splitlines() if re.match(r" +brian2 ", x))
    assert re.match(rf" +brian2 +needs (the package )?{said}[<>=]", line)
    assert line.endswith(": pip install 'neurosim-snn[brian2]'")


def test_doctor_goes_on_beside_a_broken_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        def load(self) -> object:
            raise ImportError("no module 'elsewhere'")

    points = {**installed.entry_points(), "broken": Broken()}
    monkeypatch.setattr(installed, "entry_points", lambda: points)
    done = neurosim("doctor")
    assert re.search(r"broken +CANNOT BE IMPORTED: no module 'elsewhere'", done.raw)
    assert re.search(r"cpu +works", done.raw)
    assert re.search(r"brian2_cpp .*takes long: .*about a minute", done.raw)


def test_doctor_sees_a_cache_that_is_of_no_use(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NEUROSIM_CACHE_DIR", str(tmp_path / "file" / "below"))
    assert "NOT USABLE" in neurosim("doctor").text
    monkeypatch.setenv("NEUROSIM_CACHE_DIR", str(tmp_path / "fine"))
    assert f"{tmp_path / 'fine'} (writable)" in neurosim("doctor").text


# --- explain, export ------------------------------------------------------------------------


def test_explain_prints_text_into_files_and_json() -> None:
    done = neurosim("explain", "cuba", "--dt", "0.15")
    assert done.code == 0
    assert done.raw.startswith("Network 'vogels_abbott_cuba' on 'cpu', dt = 0.15 ms: runs, with")
    assert "rounded       t_ref: to the nearest step of 0.15 ms, on every backend" in done.raw
    data = json.loads(neurosim("explain", "cuba", "--json").raw)
    assert data["runs"] is True
    assert {f["level"] for f in data["findings"]} == {"passes"}


REFUSED = """
import neurosim as ns

def net():
    net = ns.Network("net")
    a = net.population("a", 2, ns.LIF())
    net.project(a, a, ns.AllToAll(), receptor="exc", weight=1, release=0.5)
    return net

def fed():
    net = ns.Network("fed")
    net.population("in", 2, ns.Input("spikes"))
    return net
"""


def test_explain_says_by_its_exit_code_whether_anything_is_refused(tmp_path: Path) -> None:
    """Of a run and of a script; permission turns a refusal into an approximation."""
    (tmp_path / "mine.py").write_text(REFUSED)
    path = str(tmp_path / "mine.py")
    of_a_run = ("explain", f"{path}:net", "--backend", "nest")
    assert neurosim(*of_a_run).code == 3
    assert "approximate=['release']" in neurosim(*of_a_run).text
    assert neurosim(*of_a_run, "--json").code == 3
    assert neurosim(*of_a_run, "--approximate", "release").code == 0
    done = neurosim(*of_a_run, "--approximate", "relase")
    assert done.code == 1
    assert "one of 'release'" in done.text
    assert neurosim(*of_a_run, "--script").code == 0
    fed = ("explain", f"{path}:fed", "--backend", "brian2")
    assert neurosim(*fed).code == 0
    assert neurosim(*fed, "--script").code == 3
    assert json.loads(neurosim(*fed, "--script", "--json").raw)["script"] is True
    assert neurosim("explain", "cuba", "--script").code == 1  # the core writes none


def test_a_piece_of_one_name_is_enough() -> None:
    assert neurosim("explain", "potjans", "--set", "scale=0.01").code == 0
    done = neurosim("explain", "vogels")
    assert done.code == 2
    names = ("vogels_abbott_coba", "vogels_abbott_cuba", "vogels_sprekeler")
    assert f"Did you mean {' or '.join(map(repr, names))}?" in done.text


@pytest.mark.filterwarnings("always::neurosim.errors.ApproximationWarning")
def test_export_warns_in_lines_that_name_no_file_of_ours(tmp_path: Path) -> None:
    done = neurosim("export", "brunel", tmp_path / "b.py", "--set", "scale=0.01")
    assert done.code == 0
    assert re.search(r"^Warning: Script for 'brian2', Drive of .*PoissonInput", done.raw, re.M)
    assert "ApproximationWarning" not in done.raw
    assert ".py:" not in done.raw


def test_export_of_a_backend_that_writes_no_scripts() -> None:
    done = neurosim("export", "cuba", "--backend", "cpu")
    assert done.code == 1
    assert "Backend 'cpu': export: it writes no scripts" in done.text


def test_version() -> None:
    assert neurosim("--version").raw == f"neurosim-snn {ns.__version__}\n"


# --- processes ------------------------------------------------------------------------------


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys\nfrom neurosim.cli import app\n"
        "try: app(['--help'])\nexcept SystemExit as e: assert not e.code\n"
        "heavy = {'numba', 'sympy', 'scipy', 'matplotlib', 'h5py', 'pint', 'torch'}\n"
        "print('LOADED', sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "Usage" in done.stdout
    assert done.stdout.strip().endswith("LOADED []")


def test_an_unknown_backend_is_refused_before_anything_heavy_is_loaded() -> None:
    """On the command line and in a call, with the nearest name; a good one first loads nothing."""
    code = (
        "import sys\nfrom neurosim.cli import app\n"
        "try: app(['certify', 'cuba', '--backends', 'cpu,brian2,brian3'])\n"
        "except SystemExit as e: assert e.code == 2, e.code\n"
        "heavy = {'numba', 'sympy', 'scipy.stats', 'brian2', 'nest', 'matplotlib'}\n"
        "print('LOADED', sorted(heavy & set(sys.modules)))\n"
        "import neurosim as ns\n"
        "net = ns.Network('small'); net.population('cells', 3, ns.LIF())\n"
        "try: ns.certify(net, ['nest', 'brian3'], 1e6)\n"
        "except ns.NeurosimError as error: print(error)\n"
        "print('LOADED', sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    first, second = re.findall(r"LOADED (.*)", done.stdout)
    assert first == "[]"
    assert second == "['sympy']"  # by the equations of LIF
    assert "Did you mean 'brian2'?" in " ".join(done.stderr.replace("\u2502", " ").split())
    assert "backend is 'brian3'; expected one of 'brian2'" in done.stdout
    assert "Did you mean 'brian2'?" in done.stdout


def test_module_and_script_are_the_same() -> None:
    for command in (
        [sys.executable, "-m", "neurosim"],
        [str(Path(sys.executable).parent / "neurosim")],
    ):
        done = subprocess.run([*command, "--version"], capture_output=True, text=True, check=True)
        assert done.stdout == f"neurosim-snn {ns.__version__}\n"


@pytest.mark.skipif(os.name != "posix", reason="sends a signal")
def test_ctrl_c_ends_without_a_traceback(script: Path) -> None:
    """Wherever it comes: while building, compiling or running."""
    command = [sys.executable, "-m", "neurosim", "run", f"{script}:small", "--duration", "1e9"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    assert process.stdout is not None
    assert "Network 'small'" in process.stdout.readline()  # the description stands
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    try:
        _, complaint = process.communicate(timeout=120)
    finally:
        process.kill()
    # A shell reports 130 for both: where the signal interrupts an exec() of a text, as dataclasses
    # and numba do, Python itself ends by the signal although the exception was caught.
    assert process.returncode in {130, -signal.SIGINT}
    assert complaint.startswith("Error: Interrupted")
    assert "Traceback" not in complaint


@pytest.mark.skipif(os.name != "posix", reason="sends a signal")
def test_ctrl_c_keeps_what_was_simulated(
    script: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from neurosim.backend import Session

    plain_run = Session.run

    def interrupted_run(self: Session, *args: Any, **kwargs: Any) -> ns.Run:
        threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
        return plain_run(self, *args, **kwargs)

    monkeypatch.setattr(Session, "run", interrupted_run)
    saved = tmp_path / "run.h5"
    done = neurosim("run", f"{script}:small", "--duration", "1e8", "--save", saved)
    assert done.code == 130
    run = ns.load(saved)
    assert isinstance(run, ns.Run)
    assert 0 < run.duration < 1e8
    assert run.provenance["interrupted"]
    assert f"Interrupted at {run.t_stop:g} ms. What came before is saved." in done.text
    assert f"Results in {saved}" in done.text
