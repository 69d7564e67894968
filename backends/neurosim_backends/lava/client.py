"""The worker in Lava's interpreter."""

from __future__ import annotations

from pathlib import Path

from neurosim_backends._worker.client import Worker as _Worker
from neurosim_backends._worker.client import WorkerError as WorkerError

JOBS = Path(__file__).with_name("worker")


class Worker(_Worker):
    """A process in another interpreter that runs jobs in Lava."""

    def __init__(self, interpreter: str) -> None:
        super().__init__(interpreter, "Lava", JOBS, ("lava-nc", "numpy", "scipy"))
