"""Runs that certificates keep: taken when the same is asked again, and only then."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import neurosim as ns
from neurosim.backend import Options, find_backend
from neurosim.compare import comparing
from neurosim.compare.certify import certify
from neurosim.compare.diagnosis import Diagnosis
from neurosim.compare.statistics import sample
from neurosim.compare.trials import spikes_of
from neurosim.errors import DescriptionError
from tests.compare.small_networks import Copy, driven

pytestmark = pytest.mark.compiled


def other_drive(options: Options) -> Options:
    return replace(options, trial=options.trial + 100)


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Collect the trials that our core compiles."""
    trials: list[int] = []
    cpu = type(find_backend("cpu"))
    plain = cpu.compile

    def counted(self: Any, network: ns.Network, options: Options) -> ns.Session:
        trials.append(options.trial)
        return plain(self, network, options)

    monkeypatch.setattr(cpu, "compile", counted)
    return trials


def test_a_run_is_taken_again_where_all_that_makes_it_is_the_same(
    compiled: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cpu, options = find_backend("cpu"), Options(dt=0.1)

    def times_made(
        network: ns.Network, duration: float = 20.0, options: Options = options,
        backend: Any = cpu,
    ) -> int:  # fmt: skip
        before = len(compiled)
        run = spikes_of(network, backend, duration, options, tmp_path)
        fresh = spikes_of(network, backend, duration, options)
        assert {k: s.times.tobytes() for k, s in run.spikes.items()} == {
            k: s.times.tobytes() for k, s in fresh.spikes.items()
        }
        return len(compiled) - before - 1

    network = driven()
    assert [times_made(network) for _ in range(2)] == [1, 0]
    assert times_made(driven()) == 0
    for other in (driven(seed=2), driven(rate=9001.0)):
        assert times_made(other) == 1
    assert times_made(network, duration=20.1) == 1
    assert times_made(network, options=replace(options, trial=1)) == 1
    assert times_made(network, options=replace(options, precision="single")) == 1
    # Of an object nobody knows what it does next time.
    assert [times_made(network, backend=Copy()) for _ in range(2)] == [1, 1]
    monkeypatch.setattr("importlib.metadata.version", lambda name: "0.0")
    assert times_made(network) == 1


def test_a_certificate_goes_on_where_it_was_left(
    compiled: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a Ctrl-C in the trials; and more trials make those only that are new."""
    monkeypatch.setattr(comparing, "diagnose", lambda *args: Diagnosis())

    def certificate(**more: Any) -> ns.Certificate:
        del compiled[:]
        return certify(driven(), [Copy(options=other_drive)], 60, keep=tmp_path / "runs", **more)

    left = [9]

    def interrupted(record: Any) -> Any:
        left[0] -= 1
        if not left[0]:
            raise KeyboardInterrupt
        return sample(record)

    monkeypatch.setattr("neurosim.compare.comparing.sample", interrupted)
    assert certificate(trials=(8, 2)).interrupted
    monkeypatch.setattr("neurosim.compare.comparing.sample", sample)
    whole = certificate(trials=(8, 2))
    gone_on = sorted(set(compiled))
    again = certificate(trials=(8, 2))
    # The five trials of before are there; the Copy's are those from 100 on.
    assert [k for k in gone_on if 0 < k < 8] == [5, 6, 7]
    assert not [k for k in compiled if 0 < k < 8]
    del compiled[:]
    more = certificate(trials=(9, 2))
    assert [k for k in sorted(set(compiled)) if 0 < k < 9] == [8]
    assert more.trials == (9, 2)
    for row, same in zip(whole.rows, again.rows, strict=True):
        assert row.statistics == same.statistics


def test_what_is_no_folder_and_what_is_damaged_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for wrong in (3, "", tmp_path / "file"):
        with pytest.raises(DescriptionError, match="certify: keep"):
            certify(driven(), "nest", 10, keep=wrong)  # type: ignore[arg-type]
    cpu, options = find_backend("cpu"), Options(dt=0.1)
    spikes_of(driven(), cpu, 10.0, options, tmp_path)
    (file,) = tmp_path.glob("cpu-*.h5")
    file.write_bytes(file.read_bytes()[:-40])
    with pytest.raises(DescriptionError, match=file.name):
        spikes_of(driven(), cpu, 10.0, options, tmp_path)
