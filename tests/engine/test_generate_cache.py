"""Generated modules on disk: found again, whole, private, and out of date when they should be."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from neurosim.describe import neurons
from neurosim.engine import generate as generate_module
from neurosim.engine.generate import GeneratedKernel, generate
from neurosim.engine.module_cache import load, store

ROOT = Path(__file__).parents[2]

SCRIPT = """
import numpy as np
from neurosim.describe import neurons
from tests.engine.kernel_harness import Bench, values_of
spec = neurons.Izhikevich().neuron_model().spec()
bench = Bench(spec, 9, values_of(spec))
ids = [bench.step(step).tolist() for step in range(3)]
print(bench.loaded.entry.from_cache, bench.snapshot().hex())
"""


def start(cache: Path, **extra: str) -> subprocess.Popen[str]:
    """Start a process that runs a generated kernel with this cache directory."""
    environment = {
        **os.environ,
        "NEUROSIM_CACHE_DIR": str(cache),
        "PYTHONDONTWRITEBYTECODE": "1",
        **extra,
    }
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT],
        env=environment,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> tuple[bool, str]:
    """Return whether the machine code came from the cache, and the state reached."""
    out, err = process.communicate()
    assert process.returncode == 0, err
    cached, state = out.split()
    return cached == "True", state


def files(cache: Path) -> dict[str, int]:
    """Return every file with the time it was written."""
    return {str(p): p.stat().st_mtime_ns for p in cache.rglob("*") if p.is_file()}


def kernel() -> GeneratedKernel:
    """Return a small kernel."""
    return generate(neurons.Izhikevich().neuron_model().spec())


@pytest.mark.compiled
def test_a_second_process_compiles_nothing(tmp_path: Path) -> None:
    """It takes the machine code, and writes no file."""
    first_cached, first = finish(start(tmp_path))
    written = files(tmp_path)
    second_cached, second = finish(start(tmp_path))
    assert (first_cached, second_cached) == (False, True)
    assert first == second
    assert files(tmp_path) == written
    assert any(name.endswith(".nbc") for name in written)


@pytest.mark.compiled
def test_processes_that_start_at_once_do_not_disturb_each_other(tmp_path: Path) -> None:
    """Both run, agree, and leave nothing unfinished behind."""
    processes = [start(tmp_path) for _ in range(2)]
    states = {finish(process)[1] for process in processes}
    assert len(states) == 1
    assert not [name for name in files(tmp_path) if name.endswith(".tmp")]
    assert finish(start(tmp_path))[0]


def test_only_the_user_may_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The code in the directory is going to be executed."""
    monkeypatch.setenv("NEUROSIM_CACHE_DIR", str(tmp_path / "deep" / "down"))
    path = store(kernel())
    assert path.is_relative_to(tmp_path / "deep" / "down")
    if os.name == "posix":
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_damaged_file_is_written_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And a good one is left as it is."""
    monkeypatch.setenv("NEUROSIM_CACHE_DIR", str(tmp_path))
    generated = kernel()
    path = store(generated)
    before = path.stat().st_mtime_ns
    assert store(generated).stat().st_mtime_ns == before
    path.write_text(generated.source[:100])
    assert store(generated).read_text() == generated.source


def test_without_a_place_to_write_a_temporary_directory_serves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A path below a file can be no directory, not even for root."""
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("NEUROSIM_CACHE_DIR", str(blocked / "below"))
    with pytest.warns(RuntimeWarning, match="kept for this process only"):
        path = store(kernel())
    assert path.exists()
    assert not path.is_relative_to(tmp_path)


def test_the_digest_covers_what_a_kernel_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another source of any kernel, or another numba, is another module."""
    before = kernel()
    monkeypatch.setattr(generate_module, "kernels_digest", lambda: "another")
    after = kernel()
    assert before.source == after.source
    assert before.digest != after.digest


def test_loading_twice_gives_the_same_code() -> None:
    """Within a process nothing is imported or compiled again."""
    first, second = load(kernel()), load(kernel())
    assert first.entry is second.entry
    assert first.address == second.address
