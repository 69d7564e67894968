"""The worker that the sessions of this process share."""

from __future__ import annotations

from neurosim_backends._worker.shared import shared
from neurosim_backends.lava.client import Worker
from neurosim_backends.lava.environment import ENVIRONMENT


def shared_worker() -> Worker:
    """Return a worker that takes jobs, started where there is none.

    Raises
    ------
    UnavailableError
        If Lava's environment is missing or of another version.
    """
    return shared(ENVIRONMENT, Worker, "Backend 'lava'")
