"""Workers that the calls of one process share."""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from neurosim.capabilities import UnavailableError
from neurosim.environments import Environment
from neurosim_backends._worker.client import Worker

W = TypeVar("W", bound=Worker)

_lock = threading.Lock()
_workers: dict[tuple[int, str], Any] = {}
"""By process and environment: a fork does not use the worker of its parent."""


def shared(environment: Environment, start: Callable[[str], W], asked_by: str) -> W:
    """Return a worker that takes jobs, started where there is none.

    Parameters
    ----------
    environment : Environment
        Where it runs; the worker tells the version of its first package.
    start : callable
        Interpreter -> worker.
    asked_by : str
        Who needs it, as messages begin: "Backend 'lava'".

    Raises
    ------
    UnavailableError
        If the environment is missing or of another version.
    """
    key = os.getpid(), environment.name
    with _lock:
        worker: W | None = _workers.get(key)
        if worker is not None and worker.alive:
            return worker
        interpreter = environment.interpreter
        if interpreter is None:
            raise UnavailableError(
                f"{asked_by} needs {environment.problem}. Install it with: "
                f"{environment.install_line}"
            )
        worker = start(interpreter)
        package, _, wanted = environment.packages[0].partition("==")
        found = worker.hello["versions"][package]
        if found != wanted:
            worker.close()
            raise UnavailableError(
                f"{asked_by} needs {package} {wanted}; {interpreter} has {found}. Install it "
                f"with: {environment.install_line}"
            )
        _workers[key] = worker
        atexit.register(worker.close)
        return worker
