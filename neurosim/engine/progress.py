"""What a long run owes its user: a bar where there is someone to see it, and a clean Ctrl-C."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from neurosim.kernels.cache import compiled_directory

PATIENCE = 1.0
"""Seconds before a bar appears by itself."""


def announce_compilation() -> None:
    """Say, where there is someone to read it, that the first run on a machine compiles."""
    if not (in_notebook() or sys.stderr.isatty()):
        return
    if not any(compiled_directory().glob("loop.advance*")):
        message = (
            "neurosim: compiling for this machine, about half a minute; later runs start at once."
        )
        print(message, file=sys.stderr, flush=True)


@contextmanager
def interruptible(*, at_once: bool = False) -> Iterator[threading.Event]:
    """Turn Ctrl-C into an event for as long as the block lasts.

    Python would raise KeyboardInterrupt at whatever line comes next, and with it would go what
    the present chunk of a run has recorded. Outside the main thread signals do not arrive anyway.

    Parameters
    ----------
    at_once : bool
        Raise KeyboardInterrupt as well. The compiler calls back from C, where an exception is
        printed and lost: the event is what remains of it.
    """
    pressed = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield pressed
        return
    before = signal.getsignal(signal.SIGINT)

    def note(number: int, frame: object) -> None:
        pressed.set()
        if at_once:
            raise KeyboardInterrupt

    signal.signal(signal.SIGINT, note)
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, before if before is not None else signal.SIG_DFL)


def in_notebook() -> bool:
    """Return whether the code runs in a Jupyter kernel."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and type(shell).__name__ == "ZMQInteractiveShell"


@contextmanager
def reporter(
    dt: float, wanted: bool | None, what: tuple[str, str] = ("simulating", "ms")
) -> Iterator[Callable[[int, int], None] | None]:
    """Yield a function of (steps done, steps in all) that shows progress, or None.

    Parameters
    ----------
    dt : float
        Time step [ms], for the label.
    wanted : bool or None
        None: in notebooks and where stderr is a terminal, after `PATIENCE` seconds.
    what : (str, str)
        What is done, and the unit that is counted, `dt` of it a step.
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
            make = _notebook_bar if in_notebook() else _terminal_bar
            update, finish = make(total, dt, *what)
            bar.append(update)
            close.append(finish)
        bar[0](done, total)

    try:
        yield report
    finally:
        for finish in close:
            finish()


def _notebook_bar(
    total: int, dt: float, doing: str, unit: str
) -> tuple[Callable[[int, int], None], Callable[[], None]]:
    from tqdm.auto import tqdm

    bar = tqdm(total=round(total * dt, 6), unit=unit, desc=doing)

    def update(done: int, total: int) -> None:
        bar.update(done * dt - bar.n)

    return update, bar.close


def _terminal_bar(
    total: int, dt: float, doing: str, unit: str
) -> tuple[Callable[[int, int], None], Callable[[], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    progress = Progress(
        TextColumn(doing),
        BarColumn(),
        TextColumn("{task.completed:,.0f} of {task.total:,.0f} " + unit),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    progress.start()
    task = progress.add_task(doing, total=total * dt)

    def update(done: int, total: int) -> None:
        progress.update(task, completed=done * dt)

    return update, progress.stop
