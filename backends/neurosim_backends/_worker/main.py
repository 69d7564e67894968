"""The worker: runs jobs in a simulator for a client in another interpreter, one JSON line each way.

    python main.py FOLDER DISTRIBUTION ...

FOLDER has a module `jobs`, which loads the simulator and has ``run(job, arrays, folder, running)``;
the versions of the distributions are told. The worker first says who it is: pid, interpreter,
versions. Then each line it reads is a job: arrays lie in ``in.npz`` of the job's folder, those of
the answer in ``out.npz``; nothing is ever unpickled.

- Simulators print, so the stream of answers is moved away from where prints go.
- Each job is a fork of its own: one that fails, hangs or breaks the simulator leaves the worker as
  it was. Lava waits for ever for a process of its own that has died; a thread looks for those.
- When the client is gone, which closes the stream of jobs, the whole process group ends.

Runs in the simulator's interpreter, which may be a Python 3.10, without neurosim.
"""

import json
import multiprocessing
import os
import platform
import queue
import signal
import sys
import threading
import time
import traceback
from importlib import metadata
from typing import Any

sys.path.insert(0, sys.argv[1])

GRACE = 1.0
"""Seconds between a polite and an impolite end: shared memory is released in between."""

LOOK = 0.1
"""Seconds between two looks at the processes of a job."""

LOG_LINES = 25
"""Of what was printed, told where a job fails."""


def main() -> None:
    """Serve until the client is gone."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    jobs: Any = queue.Queue()
    threading.Thread(target=_read, args=(jobs,), daemon=True).start()
    import jobs as loaded  # noqa: F401  (loads the simulator, once for all jobs)

    versions = {name: metadata.version(name) for name in sys.argv[2:]}
    versions["python"] = platform.python_version()
    hello = {"pid": os.getpid(), "executable": sys.executable, "versions": versions}
    answers.write(json.dumps(hello) + "\n")
    while True:
        line = jobs.get()
        answers.write(json.dumps(_answer(line, answers)) + "\n")


def _read(jobs: Any) -> Any:
    """Hand jobs over as they come; the end of the stream is the end of the client.

    The descriptor is read, not `sys.stdin`: its lock, held here, would be held for ever in a fork.
    """
    unread = b""
    while True:
        read = os.read(0, 1 << 16)
        if not read:
            _end_group()
        *lines, unread = (unread + read).split(b"\n")
        for line in lines:
            jobs.put(line)


def _end_group() -> Any:
    """End this process and all that it started.

    A fork outlives the polite signal, which ends this process, and sends the impolite one.
    """
    if os.fork() == 0:
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
        os.killpg(0, signal.SIGTERM)
        time.sleep(GRACE)
        os.killpg(0, signal.SIGKILL)
    while True:
        time.sleep(GRACE)


def _answer(line: Any, answers: Any) -> Any:
    """Return what came of a job."""
    try:
        request = json.loads(line)
        folder = request["folder"]
        seconds = float(request["timeout"])
        job = request["job"]
    except (ValueError, KeyError, TypeError) as error:
        return {"ok": False, "error": f"no job: {type(error).__name__}: {error}", "log": ""}
    started = time.perf_counter()
    child = os.fork()
    if child == 0:
        answers.close()
        _run_and_exit(job, folder, seconds)
    _, status = os.waitpid(child, 0)
    verdict = os.path.join(folder, "verdict.json")
    if os.path.exists(verdict):
        with open(verdict) as file:
            told = json.load(file)
    else:
        told = {"ok": False, "error": f"the job ended by itself (status {status})"}
    told["seconds"] = time.perf_counter() - started
    told["log"] = "" if told["ok"] else _tail(os.path.join(folder, "log.txt"))
    return told


def _run_and_exit(job: Any, folder: Any, seconds: Any) -> Any:
    """Run a job in this process, write its verdict, and end."""
    log = os.open(os.path.join(folder, "log.txt"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    said = threading.Lock()
    running = threading.Event()

    def end(**verdict: Any) -> Any:
        with said:
            for process in multiprocessing.active_children():
                process.kill()
            part = os.path.join(folder, "verdict.part")
            with open(part, "w") as file:
                json.dump(verdict, file)
            os.replace(part, os.path.join(folder, "verdict.json"))
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(0 if verdict["ok"] else 1)

    def watch() -> Any:
        limit = time.monotonic() + seconds
        while True:
            time.sleep(LOOK)
            failure = _failure() if running.is_set() else ""
            if failure and running.is_set():
                end(ok=False, error=failure)
            if time.monotonic() > limit:
                end(ok=False, timeout=True, error=f"not done after {seconds:g} s")

    threading.Thread(target=watch, daemon=True).start()
    try:
        import jobs
        import numpy as np

        with np.load(os.path.join(folder, "in.npz"), allow_pickle=False) as arrays:
            found = jobs.run(job, {name: arrays[name] for name in arrays.files}, folder, running)
        np.savez(os.path.join(folder, "out.npz"), **found)
    except BaseException as error:
        traceback.print_exc()
        end(ok=False, error=f"{type(error).__name__}: {error}")
    end(ok=True)


def _failure() -> Any:
    """Return what ended a process of the simulator early; "" where none did.

    It waits for its processes itself, later: what is looked at here is left for it.
    """
    known: Any = multiprocessing.process
    for process in list(known._children):
        try:
            seen = os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except (ChildProcessError, ValueError):
            continue
        if seen is None:
            continue
        found = getattr(process, "exception", None)
        if found:
            error, told = found
            print(told, file=sys.stderr)
            return f"{type(error).__name__}: {error}"
        return f"a process of its own ended early ({seen.si_status})"
    return ""


def _tail(path: Any) -> Any:
    try:
        with open(path, errors="replace") as file:
            return "".join(file.readlines()[-LOG_LINES:])
    except OSError:
        return ""


if __name__ == "__main__":
    main()
