"""The worker that the sessions of this process share."""

from __future__ import annotations

import atexit
import os
import threading

from neurosim.capabilities import UnavailableError
from neurosim_backends.lava.client import Worker
from neurosim_backends.lava.environment import ENVIRONMENT

_lock = threading.Lock()
_workers: dict[int, Worker] = {}
"""By process: a fork does not use the worker of its parent."""


def shared_worker() -> Worker:
    """Return a worker that takes jobs, started where there is none.

    Raises
    ------
    UnavailableError
        If Lava's environment is missing or of another version.
    """
    with _lock:
        worker = _workers.get(os.getpid())
        if worker is not None and worker.alive:
            return worker
        interpreter = ENVIRONMENT.interpreter
        if interpreter is None:
            raise UnavailableError(
                f"Backend 'lava' needs {ENVIRONMENT.problem}. Install it with: "
                f"{ENVIRONMENT.install_line}"
            )
        worker = Worker(interpreter)
        found = worker.hello["versions"]["lava-nc"]
        wanted = ENVIRONMENT.packages[0].partition("==")[2]
        if found != wanted:
            worker.close()
            raise UnavailableError(
                f"Backend 'lava' needs lava-nc {wanted}; {interpreter} has {found}. Install it "
                f"with: {ENVIRONMENT.install_line}"
            )
        _workers[os.getpid()] = worker
        atexit.register(worker.close)
        return worker
