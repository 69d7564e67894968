"""A trained classifier in Loihi's integers: our kernel beside Lava, and how well it tells digits.

The 3-conv CNN of the tests as sigma-delta neurons. Accuracy is that of 600 held-out images, each
shown to a network at rest. For the time, some images follow one another as a film, on both sides:
what a step of Lava costs is the difference of a long and a short run, since its processes take
seconds to begin. Messages are compared, bit by bit.
"""

from __future__ import annotations

import statistics
import time
from typing import Any

import numpy as np

import neurosim as ns
from neurosim_backends.lava.jobs import run_in_lava
from neurosim_backends.lava.workers import shared_worker
from neurosim_backends.loihi.chip import Chip, Given
from tests.conversion.digits_cnn import digits, trained

SHORT, LONG = 2, 12
"""Images of the two films; all messages of the long one are compared."""


def film(session: Any, images: Any, n_steps: int) -> Given:
    """Return images one after another, as a chip is given them; the session stays behind."""
    shown = {"image": np.repeat(images, n_steps, axis=0).astype(float)}
    session.reset()
    given: Given = session.given(len(shown["image"]), shown)
    session.reset()
    return given


def measure(repeats: int = 3, images: int = 600) -> list[dict[str, Any]]:
    """Time both sides by turns.

    Returns
    -------
    list of dict
        One row per side: ms an image, median, least and greatest over `repeats`; the ratio to our
        kernel; accuracy of the module and of the integers, of Lava over the images of the film.

    Raises
    ------
    ValueError
        If the two do not send the same messages.
    """
    seen, labels, held_out, classes = digits()
    held_out, classes = held_out[:images], classes[:images]
    converted = ns.convert(trained(), [(seen, labels)], method="sigma_delta", timesteps=1)
    told = converted.outputs(held_out, backend="loihi").argmax(1)
    sent = converted.messages(held_out[:LONG], backend="loihi").sum(1).mean()
    session: Any = ns.compile(converted.network, "loihi")
    network = session.quantised.network
    films = {n: film(session, held_out[:n], converted.n_steps) for n in (SHORT, LONG)}
    steps = {n: n * converted.n_steps for n in films}
    worker, chip = shared_worker(), Chip(network)
    chip.run(steps[SHORT], films[SHORT])
    ours, lavas = [], []
    for _ in range(repeats):
        chip.reset()
        started = time.perf_counter()
        mine = chip.run(steps[LONG], films[LONG])
        ours.append(1e3 * (time.perf_counter() - started) / LONG)
        seconds = []
        for n in films:
            started = time.perf_counter()
            other = run_in_lava(worker, network, steps[n], films[n])
            seconds.append(time.perf_counter() - started)
        lavas.append(1e3 * (seconds[1] - seconds[0]) / (LONG - SHORT))
        same = (
            np.array_equal(getattr(mine, x), getattr(other, x)) for x in ("step", "neuron", "many")
        )
        if not all(same) or not mine.step.size:
            raise ValueError("the two sides do not send the same messages")
    facts = {
        "neurons": network.size, "images": len(held_out), "messages an image": float(sent),
        "accuracy": float(np.mean(told == classes)),
        "accuracy of the module": _float(held_out, classes),
    }  # fmt: skip
    compared = {
        **facts, "images": LONG, "accuracy": float(np.mean(told[:LONG] == classes[:LONG])),
        "accuracy of the module": _float(held_out[:LONG], classes[:LONG]),
    }  # fmt: skip
    ratio = statistics.median(lavas) / statistics.median(ours)
    return [_row("loihi", facts, ours, 1.0), _row("lava", compared, lavas, ratio)]


def _float(images: Any, classes: Any) -> float:
    import torch

    with torch.no_grad():
        return float(np.mean(trained()(torch.tensor(images)).argmax(1).numpy() == classes))


def _row(name: str, facts: dict[str, Any], times: list[float], ratio: float) -> dict[str, Any]:
    return {
        "name": name, **facts, "ms an image": statistics.median(times), "least": min(times),
        "most": max(times), "ratio": ratio,
    }  # fmt: skip
