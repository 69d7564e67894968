"""Showing images to a converted network: one after another on a core, in batches in PyTorch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from neurosim.backend import Session
from neurosim.conversion.building import DT, OUTPUT, shown, taken_back
from neurosim.conversion.layers import Layer, LayeredNetwork
from neurosim.conversion.operators import Floats

BATCH = 64
"""Images at once where a backend takes batches."""


@dataclass(frozen=True, eq=False)
class Response:
    """What a network did for some images.

    Attributes
    ----------
    output : (n_images, timesteps, n_classes) float64
        The output after 1, 2, ... steps of its window, divided by their number.
    spikes : tuple of (n_images, timesteps, size) int8
        Per layer, in its window, -1 where a spike is taken back; empty if not asked for.
    """

    output: Floats
    spikes: tuple[Any, ...] = ()


def respond(
    session: Session, layered: LayeredNetwork, images: Floats, timesteps: int, spikes: bool
) -> Iterator[Response]:
    """Show images to a session and yield what came, batch by batch.

    Parameters
    ----------
    images : (n, *shape) float64
    timesteps : int
        Length of every layer's window.
    spikes : bool
        Whether to keep those of all layers.
    """
    if hasattr(session, "module"):
        for first in range(0, len(images), BATCH):
            yield _batch(session, layered, images[first : first + BATCH], timesteps, spikes)
        return
    for image in images:
        yield _single(session, layered, image, timesteps, spikes)


def _single(
    session: Session, layered: LayeredNetwork, image: Floats, timesteps: int, spikes: bool
) -> Response:
    n_steps = layered.n_steps(timesteps)
    session.reset()
    run = session.run(n_steps * DT, inputs=shown(layered, image, n_steps), progress=False)
    trace = np.asarray(run.states[OUTPUT]["V_m"].array, np.float64)
    kept = []
    for layer in layered.layers if spikes else ():
        fired = np.zeros((n_steps, layer.size), np.int8)
        for name, sign in _populations(layered, layer):
            record = run.spikes[name]
            fired[np.rint(record.times / DT).astype(np.int64) - 1, record.ids] = sign
        kept.append(fired[np.newaxis, layer.depth - 1 : layer.depth - 1 + timesteps])
    return Response(_mean(trace[np.newaxis, layered.depth - 1 :]), tuple(kept))


def _batch(
    session: Any, layered: LayeredNetwork, images: Floats, timesteps: int, spikes: bool
) -> Response:
    import torch

    n_steps = layered.n_steps(timesteps)
    module = session.module
    given = {
        name: torch.tensor(array).to(module.like)
        for name, array in shown(layered, images, n_steps).items()
    }
    with torch.no_grad():
        out = module(given, record=[(OUTPUT, "V_m")])
    trace = out.states[OUTPUT, "V_m"].cpu().double().numpy().swapaxes(0, 1)
    kept = []
    for layer in layered.layers if spikes else ():
        fired = np.zeros((n_steps, len(images), layer.size), np.int8)
        for name, sign in _populations(layered, layer):
            fired[out.spikes[name].cpu().numpy().reshape(fired.shape) > 0] = sign
        window = slice(layer.depth - 1, layer.depth - 1 + timesteps)
        kept.append(fired[window].swapaxes(0, 1))
    return Response(_mean(trace[:, layered.depth - 1 :]), tuple(kept))


def _populations(layered: LayeredNetwork, layer: Layer) -> tuple[tuple[str, int], ...]:
    """Return the populations of a layer, with the sign of their spikes."""
    sent = ((layer.name, 1),)
    return (*sent, (taken_back(layer.name), -1)) if layered.signed else sent


def _mean(charge: Floats) -> Floats:
    """Return the charge divided by the steps in which it came: (n_images, timesteps, n)."""
    flat = charge.reshape(*charge.shape[:2], -1)
    return flat / np.arange(1, flat.shape[1] + 1)[:, np.newaxis]
