"""The client: a worker in another interpreter, and jobs for it."""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from neurosim.capabilities import UnavailableError
from neurosim.errors import NeurosimError

WORKER = Path(__file__).with_name("main.py")

START_SECONDS = 120.0
"""For the first import of a simulator on a machine."""

BACKSTOP = 15.0
"""Seconds beyond the worker's own time limit after which it is ended from here."""

GRACE = 1.5
"""Seconds between a polite and an impolite end; see the worker."""

Arrays = Mapping[str, npt.NDArray[Any]]


class WorkerError(NeurosimError, RuntimeError):
    """A job that was not finished: refused, crashed, or out of time."""


class Worker:
    """A process in another interpreter that runs jobs in a simulator.

    Parameters
    ----------
    interpreter : str
    simulator : str
        As messages name it.
    jobs : Path
        Folder with the module `jobs` that the worker loads, see ``main.py``.
    distributions : sequence of str
        Packages whose versions it tells, beside that of Python.
    own_home : bool
        Whether the home directory is a folder that is there as long as the worker: for simulators
        that read and write files there.

    Attributes
    ----------
    hello : dict
        What it said of itself: pid, executable, versions.
    """

    def __init__(
        self, interpreter: str, simulator: str, jobs: Path, distributions: Sequence[str],
        *, own_home: bool = False,
    ) -> None:  # fmt: skip
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
        command = [interpreter, "-I", "-u", str(WORKER), str(jobs), *distributions]
        self.simulator = simulator
        self._folder = Path(tempfile.mkdtemp(prefix="neurosim-worker-"))
        if own_home:
            environment["HOME"] = str(self._folder)
        self._log = (self._folder / "worker.log").open("wb")
        self._jobs = 0
        try:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log,
                env=environment, start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            self._clear()
            raise UnavailableError(f"{interpreter} does not start: {error}") from None
        self._unread = b""
        try:
            self.hello: dict[str, Any] = self._line(START_SECONDS)
        except WorkerError as error:
            raise UnavailableError(
                f"{simulator} does not start in {interpreter}: {error} {self._said()}"
            ) from None

    @property
    def alive(self) -> bool:
        """Whether it takes jobs."""
        return self._process.poll() is None

    def run(
        self, job: Mapping[str, Any], arrays: Arrays, timeout: float
    ) -> dict[str, npt.NDArray[Any]]:
        """Run a job.

        Parameters
        ----------
        job : mapping
            What JSON can say.
        arrays : mapping of str to array
        timeout : float
            Seconds of wall time.

        Raises
        ------
        WorkerError
            With what the simulator printed. The worker lives on unless it had to be ended.
        """
        if not self.alive:
            raise WorkerError(f"{self.simulator}'s worker has ended. {self._said()}")
        with self._job_folder() as folder:
            np.savez(folder / "in.npz", **arrays)  # type: ignore[arg-type]
            request = {"folder": str(folder), "timeout": timeout, "job": job}
            told = self._ask(json.dumps(request), timeout + BACKSTOP)
            if not told.get("ok"):
                hint = (
                    " Run for a shorter time, or with fewer neurons." if "timeout" in told else ""
                )
                said = f"\n{self.simulator} printed:\n{told['log']}" if told.get("log") else ""
                raise WorkerError(
                    f"{self.simulator} did not finish: {told.get('error')}.{hint}{said}"
                )
            with np.load(folder / "out.npz", allow_pickle=False) as found:
                return {name: found[name] for name in found.files}

    def close(self) -> None:
        """End the worker and all that it started."""
        if self._process.poll() is None:
            with contextlib.suppress(OSError):
                assert self._process.stdin is not None
                self._process.stdin.close()  # it ends its group itself
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(0.1)
        for sent, patience in ((signal.SIGTERM, GRACE), (signal.SIGKILL, 5.0)):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, sent)
            limit = time.monotonic() + patience
            while self._group_lives() and time.monotonic() < limit:
                self._process.poll()
                time.sleep(0.02)
        self._process.poll()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        self._clear()

    def _group_lives(self) -> bool:
        try:
            os.killpg(self._process.pid, 0)
        except (ProcessLookupError, PermissionError):
            return False
        return True

    def _clear(self) -> None:
        self._log.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    @contextlib.contextmanager
    def _job_folder(self) -> Iterator[Path]:
        self._jobs += 1
        folder = self._folder / f"job{self._jobs}"
        folder.mkdir(mode=0o700)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _ask(self, line: str, seconds: float) -> dict[str, Any]:
        """Send a line and return the answer; whatever goes wrong meanwhile ends the worker."""
        try:
            assert self._process.stdin is not None
            self._process.stdin.write(line.encode() + b"\n")
            self._process.stdin.flush()
            return self._line(seconds)
        except BrokenPipeError:
            self.close()
            raise WorkerError(f"{self.simulator}'s worker has ended.") from None
        except BaseException:  # Ctrl-C, too: what comes later would answer another question
            self.close()
            raise

    def _line(self, seconds: float) -> dict[str, Any]:
        assert self._process.stdout is not None
        stream = self._process.stdout.fileno()
        limit = time.monotonic() + seconds
        while b"\n" not in self._unread:
            left = limit - time.monotonic()
            ready, _, _ = select.select([stream], [], [], max(0.0, left))
            if not ready:
                self.close()
                raise WorkerError(f"{self.simulator}'s worker gave no answer within {seconds:g} s.")
            read = os.read(stream, 1 << 16)
            if not read:
                said = self._said()
                self.close()
                raise WorkerError(f"{self.simulator}'s worker ended without an answer. {said}")
            self._unread += read
        line, _, self._unread = self._unread.partition(b"\n")
        told: dict[str, Any] = json.loads(line)
        return told

    def _said(self) -> str:
        """Return the end of what it printed."""
        try:
            self._log.flush()
            lines = (self._folder / "worker.log").read_text(errors="replace").splitlines()
        except (OSError, ValueError):
            return ""
        return "It printed: " + " | ".join(lines[-5:]) if lines else ""
