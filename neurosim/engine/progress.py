"""Progress of a run: a bar in terminals and notebooks, only if it takes long enough to want one."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import contextmanager
from typing import Any

PATIENCE = 1.0
"""Seconds before a bar appears by itself."""


def in_notebook() -> bool:
    """Return whether the code runs in a Jupyter kernel."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and type(shell).__name__ == "ZMQInteractiveShell"


@contextmanager
def reporter(duration: float, dt: float, wanted: bool | None) -> Any:
    """Yield a function of (steps done, steps in all) that shows progress, or None.

    Parameters
    ----------
    duration : float
        Of the run [ms], for the label.
    wanted : bool or None
        None: in notebooks and where stderr is a terminal, after `PATIENCE` seconds.
    """
    if wanted is None:
        wanted = in_notebook() or sys.stderr.isatty()
        patience = PATIENCE
    else:
        patience = 0.0
    if not wanted:
        yield None
        return
    started = time.perf_counter()
    bar: list[Callable[[int, int], None]] = []
    close: list[Callable[[], None]] = []

    def report(done: int, total: int) -> None:
        if not bar:
            if time.perf_counter() - started < patience:
                return
            update, finish = _notebook_bar(total, dt) if in_notebook() else _terminal_bar(total, dt)
            bar.append(update)
            close.append(finish)
        bar[0](done, total)

    try:
        yield report
    finally:
        for finish in close:
            finish()


def _notebook_bar(total: int, dt: float) -> tuple[Callable[[int, int], None], Callable[[], None]]:
    from tqdm.auto import tqdm

    bar = tqdm(total=round(total * dt, 6), unit="ms", desc="simulating")

    def update(done: int, total: int) -> None:
        bar.update(done * dt - bar.n)

    return update, bar.close


def _terminal_bar(total: int, dt: float) -> tuple[Callable[[int, int], None], Callable[[], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    progress = Progress(
        TextColumn("simulating"),
        BarColumn(),
        TextColumn("{task.completed:,.0f} of {task.total:,.0f} ms"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    progress.start()
    task = progress.add_task("simulating", total=total * dt)

    def update(done: int, total: int) -> None:
        progress.update(task, completed=done * dt)

    return update, progress.stop
