"""Lava, alive: the same bits as our integers, and a worker that survives what is done to it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

import neurosim as ns
from neurosim.backend import find_backend
from neurosim.capabilities import UnavailableError
from neurosim.cli import app, doctor
from neurosim.environments import Environment, InstallError
from neurosim_backends.lava import Lava
from neurosim_backends.lava.client import Worker, WorkerError
from neurosim_backends.lava.environment import ENVIRONMENT
from neurosim_backends.lava.jobs import job_of, run_in_lava
from neurosim_backends.lava.workers import shared_worker
from tests.backends.loihi_networks import (
    Trial,
    corner_trial,
    differences,
    digits_in_changes,
    learning_trial,
    message_trial,
    random_trial,
    run_ours,
    together,
)

NETWORKS = 40
LEARNING_NETWORKS = 12
MESSAGE_NETWORKS = 6
BATCHES = 4
"""Random networks, and into how many jobs they are gathered."""


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    """Return a worker that tests may harm: the next test gets a living one."""
    need_lava()
    made = shared_worker()
    yield made
    made.close()


def need_lava() -> None:
    """Leave a test out on a desk without Lava; in CI there is one."""
    if ENVIRONMENT.interpreter is None:
        message = f"{ENVIRONMENT.problem}: {ENVIRONMENT.install_line}"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)


def of_own() -> Worker:
    need_lava()
    assert ENVIRONMENT.interpreter is not None
    return Worker(ENVIRONMENT.interpreter)


# --- bits -----------------------------------------------------------------------------------------


def trials() -> list[Trial]:
    found = [random_trial(seed) for seed in range(NETWORKS)]
    found += [learning_trial(seed) for seed in range(LEARNING_NETWORKS)]
    found += [message_trial(seed) for seed in range(MESSAGE_NETWORKS)]
    return [*found, corner_trial()]


@pytest.mark.compiled
@pytest.mark.parametrize("batch", range(BATCHES))
def test_random_networks_have_the_bits_of_lava(batch: int, worker: Worker) -> None:
    trial = together(trials()[batch::BATCHES])
    live = run_in_lava(
        worker, trial.network, trial.n_steps, trial.given, trial.watched,
        weights_after=trial.weights_after, timeout=120,
    )  # fmt: skip
    assert differences(run_ours(trial), live) == [], worker.hello
    os.kill(worker.hello["pid"], 0)  # it was a process, and it lives
    assert worker.hello["pid"] != os.getpid()
    assert worker.hello["executable"] != sys.executable
    assert worker.hello["versions"]["lava-nc"] == "0.10.0"
    assert worker.hello["versions"]["python"].startswith("3.10.")


def described() -> ns.Network:
    net = ns.Network("described", seed=8, dt=1.0)
    source = net.population("source", 8, ns.Poisson(rate=60))
    synapses = ns.Receptors(syn=ns.ExpCurrent.receptor(tau=5.0))
    model = ns.LIF(tau_m=20.0, t_ref=0.0, V_reset=-66.0, I_e=ns.Uniform(0, 90), synapses=synapses)
    cells = net.population("cells", 9, model)
    jumps = net.population("jumps", 4, ns.LIF(t_ref=0.0, synapses=ns.Delta()))
    net.initialise(cells, V_m=ns.Uniform(-66, -58), I_syn=10.0)
    some = ns.FixedIndegree(5)
    net.project(source, cells, some, weight=ns.Normal(150, 30), delay=ns.Uniform(1, 9))
    net.project(cells, cells, some, weight=-40.0, delay=2.0)
    net.project(cells, jumps, ns.AllToAll(), weight=3.0, delay=4.0)
    net.drive(cells, ns.Poisson(rate=80), weight=60.0)
    rule = ns.STDP(a_plus=8.0, a_minus=9.0, w_max=150.0)
    learns: dict[str, Any] = {"weight": ns.Uniform(20, 120), "delay": 1.0, "plasticity": rule}
    net.project(source, cells, ns.AllToAll(), name="taught", **learns)
    net.project(cells, cells, some, name="loop", **learns)
    for name in ("taught", "loop"):
        net.record(net[name], "weight", every=10.0, initial=True)
    net.record(cells, ["spikes", "V_m", "I_syn"], initial=True)
    net.record(jumps, ["spikes", "V_m"])
    return net


@pytest.mark.compiled
@pytest.mark.filterwarnings("ignore::neurosim.errors.ApproximationWarning")
def test_a_described_network_is_the_same_run_in_lava(worker: Worker) -> None:
    ours = ns.run(described(), 50, "loihi")
    session = ns.compile(described(), "lava")
    assert session.get(session.network["cells"], "I_syn").min() > 0
    first = session.run(20)
    pieces = first + session.run(30)
    assert len(ours.spikes["cells"]) > 10
    for name in ("cells", "jumps"):
        assert ours.spikes[name].times.tolist() == pieces.spikes[name].times.tolist()
        assert ours.spikes[name].ids.tolist() == pieces.spikes[name].ids.tolist()
    for name in ("V_m", "I_syn"):
        mine, theirs = (r.states["cells"][name].array for r in (ours, first))
        np.testing.assert_array_equal(mine[: len(theirs)], theirs)
        np.testing.assert_array_equal(
            session.get(session.network["cells"], name), ours.states["cells"][name].array[-1]
        )
    for name in ("taught", "loop"):
        mine, theirs = (r.weights[name].array for r in (ours, first))
        assert (np.diff(mine, axis=0) != 0).any()
        np.testing.assert_array_equal(mine[: len(theirs)], theirs)
        np.testing.assert_array_equal(session.get(name, "w"), mine[-1])
    told = first.provenance
    assert told["worker"]["pid"] == worker.hello["pid"]
    assert told["worker"]["executable"] == ENVIRONMENT.interpreter
    assert told["versions"]["lava-nc"] == "0.10.0"
    assert told["versions"]["python of the worker"].startswith("3.10.")
    session.reset()
    assert session.run(20).same_as(first)


@pytest.mark.compiled
@pytest.mark.filterwarnings("ignore::neurosim.errors.ApproximationWarning")
def test_a_converted_classifier_sends_the_same_messages_in_lava(worker: Worker) -> None:
    """The digits CNN in sigma-delta neurons: two images, one after the other, bit by bit."""
    converted, images, labels = digits_in_changes()
    film = {"image": images[:2].astype(float).repeat(converted.n_steps, axis=0)}
    n_steps = 2 * converted.n_steps
    ours = ns.run(converted.network, n_steps, "loihi", inputs=film)
    session = ns.compile(converted.network, "lava")
    live = session.run(n_steps, inputs=film)
    assert live.provenance["worker"]["pid"] == worker.hello["pid"]
    assert live.same_as(ours)
    assert min(len(ours.spikes[name]) for name in converted.thetas) > 20
    told = live.states["output"]["a"].array[converted.n_steps - 1 :: converted.n_steps]
    assert told.argmax(1).tolist() == labels[:2].tolist()
    np.testing.assert_array_equal(session.get(session.network["output"], "a"), told[-1])


def in_floats() -> ns.Network:
    """Return neurons with every kind of step: currents and jumps, leaks and none, a start."""
    net = ns.Network("floats", seed=5, dt=0.5)
    source = net.population("source", 8, ns.Poisson(rate=60))
    model = ns.LIF(
        tau_m=20.0, t_ref=0.0, V_reset=-66.0, I_e=ns.Uniform(100, 300),
        synapses=ns.Receptors(syn=ns.ExpCurrent.receptor(tau=5.0)),
    )  # fmt: skip
    cells = net.population("cells", 6, model)
    jumps = net.population(
        "jumps", 4, ns.PerfectIntegrator(synapses=ns.Delta(), V_th=5.0, reset="to")
    )
    net.initialise(cells, V_m=ns.Uniform(-66, -58), I_syn=10.0)
    net.project(source, cells, ns.FixedIndegree(5), weight=ns.Normal(150, 30), delay=1.5)
    net.project(cells, cells, ns.FixedIndegree(3), weight=-40.0, delay=ns.Uniform(0.5, 4.0))
    net.project(cells, jumps, ns.AllToAll(), weight=ns.Uniform(1, 2), delay=1.0)
    net.record(cells, ["spikes", "V_m", "I_syn"], initial=True)
    net.record(jumps, ["spikes", "V_m"])
    return net


@pytest.mark.compiled
def test_lava_in_floating_point_is_the_float_core(worker: Worker) -> None:
    """Spike by spike, with no rounding but that of single operations; the certificate says so."""
    lava = Lava(precision="floating_pt", timeout=60)
    certificate = ns.certify(in_floats(), lava, 40, progress=False)
    assert {row.tier.value for row in certificate.rows} == {"same spikes on the grid", "bit-exact"}
    core, run = ns.run(in_floats(), 40), ns.run(in_floats(), 40, lava)
    assert len(core.spikes["cells"]) > 3
    for name in ("cells", "jumps"):
        assert run.spikes[name].times.tolist() == core.spikes[name].times.tolist()
        np.testing.assert_allclose(
            run.states[name]["V_m"].array, core.states[name]["V_m"].array, rtol=1e-12, atol=1e-12
        )
    np.testing.assert_allclose(
        run.states["cells"]["I_syn"].array, core.states["cells"]["I_syn"].array, atol=1e-10
    )
    assert run.provenance["approximations"] == core.provenance["approximations"]


def test_what_floating_point_has_no_form_of_is_refused() -> None:
    shown = ns.explain(described(), Lava(precision="floating_pt"))
    assert any("only integers learn" in f.how for f in shown.refused)
    with pytest.raises(ns.UnknownNameError, match=r"Lava\.precision"):
        Lava(precision="float")  # type: ignore[arg-type]


# --- the worker -----------------------------------------------------------------------------------


def small_job() -> tuple[dict[str, Any], dict[str, Any]]:
    trial = random_trial(1)
    job, arrays, _ = job_of(trial.network, 5, trial.given, trial.watched)
    return job, arrays


def spoiled(change: Callable[[dict[str, Any], dict[str, Any]], object]) -> Any:
    job, arrays = small_job()
    change(job, arrays)
    return job, arrays


BAD = {
    "an array is missing": lambda job, a: a.pop("p1_v"),
    "no such population": lambda job, a: job["groups"][0].update(post=99),
    "no such sign": lambda job, a: job["groups"][0].update(sign="maybe"),
    "a delay that Lava refuses while running": lambda job, a: a.update(
        g0_slot=np.full_like(a["g0_slot"], 64)
    ),
    "no numbers": lambda job, a: a.update(p1_v=np.array(["x"] * len(a["p1_v"]))),
    "no job": lambda job, a: job.clear(),
}


def test_bad_jobs_are_told_and_survived() -> None:
    worker = of_own()
    try:
        for change in BAD.values():
            job, arrays = spoiled(change)
            with pytest.raises(WorkerError, match="Lava did not finish"):
                worker.run(job, arrays, timeout=30)
        job, arrays = small_job()
        with pytest.raises(WorkerError, match=r"not done after 0\.5 s"):
            worker.run({**job, "n_steps": 1_000_000}, arrays, timeout=0.5)
        assert worker.alive
        assert worker.run(*small_job(), timeout=30)
    finally:
        worker.close()
    assert_gone(worker.hello["pid"])


def test_pickles_are_not_opened(tmp_path: Path) -> None:
    """A file with an object in it, which would run code if it were loaded, is refused."""
    mark = tmp_path / "opened"

    class Bomb:
        def __reduce__(self) -> Any:
            return (Path.touch, (mark,))

    np.savez(tmp_path / "in.npz", p0_step=np.array([Bomb()], dtype=object))
    worker = of_own()
    try:
        job, _ = small_job()
        request = {"folder": str(tmp_path), "timeout": 20, "job": job}
        told = worker._ask(json.dumps(request), 40)
        assert not told["ok"]
        assert "allow_pickle=False" in told["error"]
        assert not mark.exists()
    finally:
        worker.close()


def group_lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def assert_gone(group: int) -> None:
    """Check that a process group has no process left, within some seconds."""
    limit = time.monotonic() + 15
    while group_lives(group):
        assert time.monotonic() < limit, f"processes of group {group} are still there"
        time.sleep(0.05)


CLIENT = """
import sys
from neurosim_backends.lava import Lava
from neurosim_backends.lava.client import Worker
from tests.backends.test_lava import small_job
worker = Worker(sys.argv[1])
print(worker.hello["pid"], flush=True)
job, arrays = small_job()
worker.run({**job, "n_steps": 1_000_000}, arrays, timeout=300)
"""


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGINT], ids=["killed", "Ctrl-C"])
def test_nothing_is_left_when_the_client_goes(sent: signal.Signals) -> None:
    """Neither after it was killed, when it can do nothing any more, nor after a Ctrl-C."""
    need_lava()
    root = Path(__file__).parents[2]
    client = subprocess.Popen(
        [sys.executable, "-c", CLIENT, str(ENVIRONMENT.interpreter)], cwd=root,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert client.stdout is not None
    group = int(client.stdout.readline())
    time.sleep(1.0)  # into the job, whose processes are Lava's
    assert group_lives(group)
    client.send_signal(sent)
    client.wait(20)
    client.stdout.close()
    assert_gone(group)


def test_a_worker_that_was_killed_is_replaced() -> None:
    need_lava()
    worker = shared_worker()
    os.killpg(worker.hello["pid"], signal.SIGKILL)
    with pytest.raises(WorkerError, match="ended"):
        worker.run(*small_job(), timeout=20)
    again = shared_worker()
    assert again.hello["pid"] != worker.hello["pid"]
    assert again.run(*small_job(), timeout=30)


def test_an_interpreter_without_lava_is_told() -> None:
    with pytest.raises(UnavailableError, match=r"does not start.*lava"):
        Worker(sys.executable)
    with pytest.raises(UnavailableError, match="does not start"):
        Worker("/nowhere/python3.10")


# --- its environment ------------------------------------------------------------------------------


@pytest.fixture
def nothing_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the data directory of a user who has installed nothing."""
    monkeypatch.setenv("NEUROSIM_DATA_DIR", str(tmp_path))
    monkeypatch.delenv(ENVIRONMENT.variable, raising=False)
    return tmp_path


def test_a_missing_environment_is_told_with_what_to_type(nothing_installed: Path) -> None:
    net = ns.Network("net", dt=1.0)
    net.population("cells", 2, ns.LIF(t_ref=0.0))
    line = "neurosim backend install lava"
    with pytest.raises(UnavailableError, match=line):
        ns.run(net, 1, "lava")
    told = ns.explain(net, "lava")
    assert line in told.problem
    assert told.runs
    console = Console(width=300, record=True, file=open(os.devnull, "w"))  # noqa: SIM115
    with console.file:
        doctor.show(console)
    (shown,) = [row for row in console.export_text().splitlines() if row.startswith("  lava")]
    assert line in shown
    done = CliRunner().invoke(app, ["run", "brunel", "--backend", "lava"], env={"COLUMNS": "300"})
    assert done.exit_code == 1
    assert line in done.output
    assert "Traceback" not in done.output


def test_an_unfinished_environment_is_none(nothing_installed: Path) -> None:
    python = ENVIRONMENT.folder / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    assert ENVIRONMENT.interpreter is None


def script(path: Path, *lines: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["#!/bin/sh", *lines]) + "\n")
    path.chmod(0o755)
    return path


def test_interpreters_are_tried_until_one_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A shim on the path that leads nowhere comes first, as pyenv leaves it."""
    script(tmp_path / "shims" / "python3.10", "echo not found >&2", "exit 127")
    script(tmp_path / "other" / "python3.10", "echo 3.11")
    good = script(tmp_path / "pyenv" / "versions" / "3.10.9" / "bin" / "python3.10", "echo 3.10")
    monkeypatch.setenv("PATH", f"{tmp_path / 'shims'}:{tmp_path / 'other'}")
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    monkeypatch.delenv(ENVIRONMENT.variable, raising=False)
    assert ENVIRONMENT._base(None) == str(good)
    named = script(tmp_path / "named", "echo 3.10")
    monkeypatch.setenv(ENVIRONMENT.variable, str(named))
    assert ENVIRONMENT._base(None) == str(named)
    with pytest.raises(InstallError, match=r"other/python3\.10: is Python 3\.11"):
        ENVIRONMENT._base(str(tmp_path / "other" / "python3.10"))


def test_what_was_tried_is_told_where_none_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shim = script(tmp_path / "python3.10", "exit 127")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv(ENVIRONMENT.variable, raising=False)
    with pytest.raises(InstallError) as caught:
        ENVIRONMENT._base(None)
    for words in (f"{shim}: does not run", "--python", ENVIRONMENT.variable, "uv python install"):
        assert words in str(caught.value)


def test_a_failed_installation_leaves_no_environment(
    nothing_installed: Path, tmp_path: Path
) -> None:
    """An interpreter that makes folders but has no pip: the folder is there, and does not count."""
    fake = script(
        tmp_path / "fake",
        'if [ "$2" = "-c" ]; then echo 3.10; exit 0; fi',
        'mkdir -p "$4/bin"; printf "#!/bin/sh\\necho no network; exit 1\\n" > "$4/bin/python"',
        'chmod +x "$4/bin/python"',
    )
    with pytest.raises(InstallError, match="no network"):
        ENVIRONMENT.install(str(fake), say=lambda line: None)
    assert ENVIRONMENT.folder.exists()
    assert ENVIRONMENT.interpreter is None


def test_other_packages_are_another_environment() -> None:
    other = Environment(
        name="lava", python=(3, 10), packages=("lava-nc==0.9",), variable=ENVIRONMENT.variable
    )
    assert other.folder != ENVIRONMENT.folder


def test_installing_twice_does_nothing_and_others_need_pip() -> None:
    need_lava()
    runner = CliRunner()
    done = runner.invoke(app, ["backend", "install", "lava"])
    assert done.exit_code == 0
    assert str(ENVIRONMENT.interpreter) in done.output.replace("\n", "")
    done = runner.invoke(app, ["backend", "install", "cpu"])
    assert "nothing is missing" in done.output
    assert runner.invoke(app, ["backend", "install", "laav"]).exit_code == 2
    assert find_backend("lava").capabilities.environment is ENVIRONMENT
